package repository

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
)

// fileSums returns the hash of every file of a store but its lock.
func fileSums(t *testing.T, dir string) string {
	t.Helper()
	var sums strings.Builder
	names, _ := filepath.Glob(filepath.Join(dir, "*.bolt*"))
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&sums, "%s %x\n", filepath.Base(name), sha256.Sum256(data))
	}
	return sums.String()
}

// filled makes a closed store of n messages and returns how to open it.
func filled(t *testing.T, n int, change func(o *Options)) Options {
	t.Helper()
	o := testOptions(t, busyRules{})
	if change != nil {
		change(&o)
	}
	if err := Create(o); err != nil {
		t.Fatal(err)
	}
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if _, err := s.Append(t.Context(), []lockport.Entry{oru(i)}); err != nil {
			t.Fatal(err)
		}
	}
	closeNow(t, s)
	return o
}

func TestOpenRefusesAndChangesNothing(t *testing.T) {
	for _, c := range []struct {
		name   string
		kind   lockport.Kind
		says   string
		damage func(t *testing.T, o *Options)
	}{
		{"other keys", lockport.Refused, "these keys do not open", func(t *testing.T, o *Options) { o.Keys = testKeys(t) }},
		{"other hash key only", lockport.Refused, "these keys do not open", func(_ *testing.T, o *Options) {
			mixed := *o.Keys.current()
			mixed.mac[0] ^= 1
			o.Keys = Keys{&keyring{[]*pair{&mixed}}}
		}},
		{"no keys", lockport.Invalid, "no keys", func(_ *testing.T, o *Options) { o.Keys = Keys{} }},
		{"a newer journal", lockport.Unsupported, "format 3 and this version reads formats up to 2", func(t *testing.T, o *Options) { poke(t, filepath.Join(o.Dir, journalName(1)), 19, 3) }},
		{"a newer record", lockport.Unsupported, "record.bolt has format 9", setMeta(recordName, metaFormat, []byte{0, 0, 0, 9})},
		{"another store's record", lockport.Corrupt, "another store", setMeta(recordName, metaStore, make([]byte, 16))},
		{"a record ahead of the journal", lockport.Corrupt, "entries are missing", setProgress(audit.Head{Seq: 999})},
		{"a record of another history", lockport.Corrupt, "not the entry that the record has applied", setProgress(audit.Head{Seq: 3})},
		{"a record that does not say what it holds", lockport.Corrupt, "does not say what it has applied", setMeta(recordName, metaProgress, make([]byte, 300))},
		{"no store", lockport.NotFound, "there is no store", func(t *testing.T, o *Options) { o.Dir = t.TempDir() }},
		{"a file that is no store", lockport.Corrupt, "journal-0001.log is damaged", func(t *testing.T, o *Options) {
			if err := os.WriteFile(filepath.Join(o.Dir, journalName(1)), []byte(strings.Repeat("x", 50000)), 0o600); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := filled(t, 5, nil)
			c.damage(t, &o)
			before := fileSums(t, o.Dir)
			s, err := Open(o)
			if err == nil {
				closeNow(t, s)
				t.Fatal("it opened")
			}
			if lockport.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n") {
				t.Errorf("kind %v: %v", lockport.KindOf(err), err)
			}
			if fileSums(t, o.Dir) != before {
				t.Error("files have changed")
			}
		})
	}
}

// setMeta changes a value of a file's meta bucket.
func setMeta(name string, key, value []byte) func(t *testing.T, o *Options) {
	return func(t *testing.T, o *Options) {
		t.Helper()
		edit(t, filepath.Join(o.Dir, name), func(tx *bolt.Tx) error { return tx.Bucket(metaBucket).Put(key, value) })
	}
}

// setProgress makes a record say that it has applied an entry.
func setProgress(at audit.Head) func(t *testing.T, o *Options) {
	return func(t *testing.T, o *Options) {
		t.Helper()
		v, err := newVault(*o)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(o.Dir, recordName)
		n, err := v.inspect(path, kindRecord)
		if err != nil {
			t.Fatal(err)
		}
		r := &record{vault: v, epochs: epochs{keys: o.Keys, file: n}}
		edit(t, path, func(tx *bolt.Tx) error { return r.putProgress(tx, &progress{applied: at}) })
	}
}

func edit(t *testing.T, path string, fn func(tx *bolt.Tx) error) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Update(fn); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestSecondServerIsRefused(t *testing.T) {
	o := filled(t, 1, nil)
	first := openAgain(t, o)
	_, err := Open(o)
	if lockport.KindOf(err) != lockport.Conflict {
		t.Error("second open:", err)
	}
	if err := Create(o); lockport.KindOf(err) != lockport.Conflict {
		t.Error("create over an open store:", err)
	}
	closeNow(t, first)
	if err := Create(o); lockport.KindOf(err) != lockport.Conflict {
		t.Error("create over a store:", err)
	}
	closeNow(t, openAgain(t, o))
}

func TestCreateCutShortCanBeRunAgain(t *testing.T) {
	o := testOptions(t, busyRules{})
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	// What a power cut in the middle of Create leaves.
	if err := os.WriteFile(filepath.Join(o.Dir, journalName(1)+".new"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(o); lockport.KindOf(err) != lockport.NotFound {
		t.Error(err)
	}
	if err := Create(o); err != nil {
		t.Fatal(err)
	}
	openAgain(t, o)
}

// dump lists every row of the record, opened.
func dump(t *testing.T, s *Store) []string {
	t.Helper()
	var rows []string
	err := s.view(t.Context(), s.End(), func(v *view) error {
		for table := lockport.TableCounters; table <= lockport.LastTable; table++ {
			err := v.tx.Bucket(tableBucket(table)).ForEach(func(key, value []byte) error {
				row, err := s.record.openRow(table, key, value)
				rows = append(rows, fmt.Sprintf("%d %x %x", table, key, row))
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestReplayMakesTheSameRecord(t *testing.T) {
	o := filled(t, 400, func(o *Options) { o.JournalBytes = 100 << 10 })
	s := openAgain(t, o)
	want, counts := dump(t, s), fmt.Sprint(s.Stats().Counts)
	closeNow(t, s)
	if err := os.Remove(filepath.Join(o.Dir, recordName)); err != nil {
		t.Fatal(err)
	}
	s = openAgain(t, o)
	got := dump(t, s)
	if len(want) < 400 || strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%d rows after replay, %d before, not the same", len(got), len(want))
	}
	if fmt.Sprint(s.Stats().Counts) != counts {
		t.Error("counts differ:", s.Stats().Counts, counts)
	}
	if files := s.Stats().JournalFiles; files < 3 {
		t.Errorf("%d journal files: the journal did not go on to the next", files)
	}
}

func TestRotation(t *testing.T) {
	o := testOptions(t, busyRules{})
	o.JournalBytes = 100 << 10
	if err := Create(o); err != nil {
		t.Fatal(err)
	}
	for round := range 3 { // over several opens
		s := openAgain(t, o)
		done := make(chan error)
		for sender := range 8 { // entries are sealed for one file and stored in the next
			go func() {
				for i := range 40 {
					if _, err := s.Append(context.Background(), []lockport.Entry{oru(round*1000 + sender*40 + i)}); err != nil {
						done <- err
						return
					}
				}
				done <- nil
			}()
		}
		for range 8 {
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
		report, err := s.Verify(t.Context(), nil)
		if err != nil || report.Bad != nil || report.Entries != lockport.Seq((round+1)*320) {
			t.Fatalf("%+v %v", report, err)
		}
		seq, hash := s.Head()
		if report.Head.Seq != seq || report.Head.Hash != hash {
			t.Error("the verified head is not the head")
		}
		closeNow(t, s)
	}
	if names, _ := filepath.Glob(filepath.Join(o.Dir, "journal-*.log")); len(names) < 5 {
		t.Errorf("%d journal files", len(names))
	}
	if err := os.Remove(filepath.Join(o.Dir, journalName(2))); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(o); lockport.KindOf(err) != lockport.Corrupt || !strings.Contains(err.Error(), "journal-0002.log is damaged: it is missing") {
		t.Error("a missing file:", err)
	}
}

// Planted words must not be found in any file, in no form that a reader of the
// disk would try.
func TestNothingIsReadableOnDisk(t *testing.T) {
	o := testOptions(t, busyRules{})
	if err := Create(o); err != nil {
		t.Fatal(err)
	}
	s := openAgain(t, o)
	e := oru(1)
	m := e.Body.(*lockport.Message)
	m.Raw = []byte(strings.ReplaceAll(string(m.Raw), "PID|1||", "PID|1||PLANTED-MRN-77^^^N^MR^") + "NTE|1||PLANTED-NOTE\r")
	m.ControlID, e.Dedupe.Key = "PLANTED-CONTROL", "PLANTED-KEY"
	short := lockport.Entry{Kind: lockport.EntryMessage, Body: &lockport.Message{Raw: []byte("PID|PLANTED-SHORT|||^^^PLANTED-SHORT-FAMILY||19990101||||12345678901234567890"), ControlID: "PLANTED-SHORT"}}
	if _, err := s.Append(t.Context(), []lockport.Entry{e, short}); err != nil {
		t.Fatal(err)
	}
	digest := e.Dedupe.Digest
	closeNow(t, s)
	forbidden := []string{"PLANTED", "NORTHFIELD", "Quill", "Glucose", string(digest[:]), hex.EncodeToString(digest[:]), "corelab"}
	err := filepath.WalkDir(o.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		for _, word := range forbidden {
			if strings.Contains(string(data), word) {
				t.Errorf("%s holds %q", d.Name(), word)
			}
		}
		if info, _ := d.Info(); info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", d.Name(), info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	names, _ := filepath.Glob(filepath.Join(o.Dir, "*.[bl]o*"))
	if len(names) != 3 {
		t.Errorf("looked into %v only", names)
	}
	for _, key := range [][]byte{o.Keys.current().master[:], o.Keys.current().mac[:]} {
		for _, name := range names {
			if data, _ := os.ReadFile(name); strings.Contains(string(data), string(key)) {
				t.Error("a key lies in the store")
			}
		}
	}
	for _, printed := range []string{fmt.Sprintf("%v %+v %#v %s", o, o, o, o.Keys), fmt.Sprintf("%+v", s.vault)} {
		if strings.Contains(printed, hex.EncodeToString(o.Keys.current().master[:4])) || strings.Contains(printed, fmt.Sprint(o.Keys.current().master[:4])[1:9]) {
			t.Error("keys print")
		}
	}
}
