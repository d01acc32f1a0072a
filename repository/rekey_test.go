package repository

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
)

// rekeyed makes a store of some journal files, the last one not closed, with its
// keys in a folder beside it.
func rekeyed(t *testing.T, entries int) (o Options, r RekeyOptions) {
	t.Helper()
	r = RekeyOptions{KeysDir: filepath.Join(t.TempDir(), "keys"), Operator: "op"}
	if err := GenerateKeys(r.KeysDir); err != nil {
		t.Fatal(err)
	}
	k, err := LoadKeys(r.KeysDir)
	if err != nil {
		t.Fatal(err)
	}
	o = filled(t, entries, func(o *Options) { o.Keys, o.JournalBytes = k, 25<<10 })
	// What a kill leaves: no footer.
	paths, err := journalPaths(o.Dir)
	if err != nil || len(paths) < 2 {
		t.Fatal(paths, err)
	}
	edge := paths[len(paths)-1]
	if err := os.Truncate(edge, sizeOf(edge)-8); err != nil {
		t.Fatal(err)
	}
	return o, r
}

// state is what a store holds, seen from outside.
type state struct {
	head audit.Head
	last lockport.EntryKind
	rows int
}

// look opens a store with the keys of a folder, reads everything, and checks that
// all messages are known in the duplicate window.
func look(o Options, keysDir string, messages int) (st state, err error) {
	if o.Keys, err = LoadKeys(keysDir); err != nil {
		return st, err
	}
	s, err := Open(o)
	if err != nil {
		return st, err
	}
	defer func() { err = errors.Join(err, s.Close(context.Background())) }()
	report, err := s.Verify(context.Background(), nil)
	if err != nil || report.Bad != nil {
		return st, fmt.Errorf("it does not verify: %v %w", report.Bad, err)
	}
	st.head = report.Head
	rows, err := s.VerifyRecord(context.Background())
	if err != nil {
		return st, err
	}
	st.rows = int(rows)
	for i := range messages {
		receipts, err := s.Append(context.Background(), []lockport.Entry{oru(i)})
		if err != nil || !receipts[0].Duplicate {
			return st, fmt.Errorf("message %d is not known: %w", i, err)
		}
	}
	e, err := s.Entry(context.Background(), st.head.Seq)
	if err == nil {
		st.last = e.Kind
	}
	return st, err
}

func TestRekey(t *testing.T) {
	o, r := rekeyed(t, 150)
	before, err := look(o, r.KeysDir, 150)
	if err != nil {
		t.Fatal(err)
	}
	old, err := LoadKeys(r.KeysDir)
	if err != nil {
		t.Fatal(err)
	}
	ciphertext := tail(t, o.Dir)
	steps := map[string]bool{}
	r.Progress = func(what string, done, total uint64) {
		if steps[what] = true; done > total {
			t.Error(what, done, total)
		}
	}
	report, err := Rekey(t.Context(), o, r)
	if err != nil {
		t.Fatal(err)
	}
	if report.Resumed || report.Files < 3 || len(report.Dropped) != 1 || report.Dropped[0] != old.current().id || report.Key == old.current().id ||
		report.Entries != before.head.Seq+1 || report.Rows == 0 || !steps["bytes"] || !steps["entries applied"] {
		t.Errorf("%+v %v", report, steps)
	}
	after, err := look(o, r.KeysDir, 150)
	if err != nil {
		t.Fatal(err)
	}
	if after.head.Seq != before.head.Seq+1 || after.last != lockport.EntryAction || after.rows != before.rows {
		t.Errorf("%+v, before %+v", after, before)
	}
	keys, err := LoadKeys(r.KeysDir)
	if err != nil || len(keys.IDs()) != 1 || keys.IDs()[0] != report.Key || keys.current().mac == old.current().mac {
		t.Error(keys.IDs(), err)
	}
	// The chain is the one of before: its head stands where the note begins.
	o.Keys = keys
	s := openAgain(t, o)
	if hash, err := s.journal.hashOf(before.head.Seq); err != nil || hash != before.head.Hash {
		t.Error("the head is another:", err)
	}
	e, err := s.Entry(t.Context(), after.head.Seq)
	if a, ok := e.Body.(*audit.Action); err != nil || !ok || a.Operator != "op" || a.Object != report.Key.String() || !strings.Contains(a.Reason, old.current().id.String()) {
		t.Errorf("%v %v", e.Body, err)
	}
	closeNow(t, s)
	o.Keys = old
	if _, err := Open(o); lockport.KindOf(err) != lockport.Refused || !strings.Contains(err.Error(), "it needs key "+report.Key.String()) {
		t.Error("with the old keys:", err)
	}
	uses, err := KeysInUse(o.Dir)
	if err != nil || len(uses) < 5 {
		t.Error(uses, err)
	}
	for _, u := range uses {
		if u.Key != report.Key.String() {
			t.Errorf("%+v", u)
		}
	}
	secrets := [][]byte{ciphertext}
	for _, p := range []*pair{old.current(), keys.current()} {
		secrets = append(secrets, p.master[:], p.mac[:], []byte(fmt.Sprintf("%x", p.master)), []byte(fmt.Sprintf("%x", p.mac)))
	}
	searchFor(t, o.Dir, secrets)
	if files, err := os.ReadDir(r.KeysDir); err != nil || len(files) != 1 {
		t.Error(files, err)
	}
	again, err := Rekey(t.Context(), o, r)
	if err != nil || again.Resumed || again.Key == report.Key || again.Dropped[0] != report.Key || again.Entries != report.Entries+1 {
		t.Errorf("a second time: %+v %v", again, err)
	}
}

// tail returns 64 bytes of a sealed payload.
func tail(t *testing.T, dir string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, journalName(1)))
	if err != nil {
		t.Fatal(err)
	}
	return data[blockSize+frameSize+headerSize:][:64]
}

// searchFor looks for bytes in all files of a folder.
func searchFor(t *testing.T, dir string, forbidden [][]byte) {
	t.Helper()
	n := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		n++
		data, err := os.ReadFile(path)
		for i, secret := range forbidden {
			if bytes.Contains(data, secret) {
				t.Errorf("%s holds secret %d", d.Name(), i)
			}
		}
		return err
	})
	if err != nil || n < 5 {
		t.Error(n, "files", err)
	}
}

// cuts takes a picture of store and keys after each thing that Rekey does to the
// disk, as a power cut at this moment would leave them: what was not flushed is
// zeros.
type cuts struct {
	t        *testing.T
	o        Options
	r        RekeyOptions
	unsynced map[string]bool
	made     []cut
}

type cut struct {
	after   string
	o       Options
	keysDir string
}

func (c *cuts) did(what, path string) {
	base := filepath.Base(path)
	switch what {
	case "write":
		c.unsynced[base] = true
	case "sync":
		delete(c.unsynced, base)
	case "rename":
		c.unsynced[base] = c.unsynced[base+".new"]
		delete(c.unsynced, base+".new")
	}
	n := cut{fmt.Sprintf("%d: %s %s", len(c.made), what, base), c.o, filepath.Join(c.t.TempDir(), "keys")}
	n.o.seam = seams{}
	n.o.Dir = filepath.Join(c.t.TempDir(), "data")
	for from, to := range map[string]string{c.o.Dir: n.o.Dir, c.r.KeysDir: n.keysDir} {
		if err := os.CopyFS(to, os.DirFS(from)); err != nil {
			c.t.Fatal(err)
		}
		files, err := os.ReadDir(to)
		if err != nil {
			c.t.Fatal(err)
		}
		for _, f := range files {
			path := filepath.Join(to, f.Name())
			err := os.Chmod(path, 0o600)
			if c.unsynced[f.Name()] {
				err = errors.Join(err, os.WriteFile(path, make([]byte, sizeOf(path)), 0o600))
			}
			if err != nil {
				c.t.Fatal(err)
			}
		}
	}
	c.made = append(c.made, n)
}

// cutAll runs Rekey and returns a picture of each moment.
func cutAll(t *testing.T, o Options, r RekeyOptions, noSync bool) []cut {
	t.Helper()
	if err := os.Remove(filepath.Join(o.Dir, reserveName)); err != nil { // much to copy, and nothing in it
		t.Fatal(err)
	}
	c := &cuts{t: t, o: o, r: r, unsynced: map[string]bool{}}
	o.seam = seams{did: c.did, noSync: noSync}
	if _, err := Rekey(t.Context(), o, r); err != nil {
		t.Fatal(err)
	}
	return c.made
}

// Wherever a rekey is cut short, the store opens with all that it held, and the
// next run ends it.
func TestRekeyCutShort(t *testing.T) {
	o, r := rekeyed(t, 40)
	before, err := look(o, r.KeysDir, 40)
	if err != nil {
		t.Fatal(err)
	}
	made := cutAll(t, o, r, false)
	if len(made) < 16 {
		t.Fatal(len(made), "moments")
	}
	for i, c := range made {
		opened := c
		if i%2 == 0 { // half of them without a start in between
			opened.o.Dir, opened.keysDir = filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "keys")
			for from, to := range map[string]string{c.o.Dir: opened.o.Dir, c.keysDir: opened.keysDir} {
				if err := os.CopyFS(to, os.DirFS(from)); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Chmod(filepath.Join(opened.keysDir, keysName), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		st, err := look(opened.o, opened.keysDir, 40)
		if err != nil || st.head.Seq < before.head.Seq || st.head.Seq == before.head.Seq && st.head != before.head || st.rows != before.rows {
			t.Errorf("after %s: %+v %v", c.after, st, err)
			continue
		}
		now, err := LoadKeys(c.keysDir)
		if err != nil {
			t.Fatal(err)
		}
		report, err := Rekey(t.Context(), c.o, RekeyOptions{KeysDir: c.keysDir, Operator: "op"})
		if err != nil || report.Resumed != (len(now.IDs()) > 1) || report.Resumed && report.Key != now.IDs()[0] {
			t.Errorf("after %s: %+v %v", c.after, report, err)
			continue
		}
		end, err := look(c.o, c.keysDir, 40)
		if err != nil || end.rows != before.rows || end.last != lockport.EntryAction {
			t.Errorf("after %s, at the end: %+v %v", c.after, end, err)
		}
		if report.Resumed && end.head.Seq != before.head.Seq+1 {
			t.Errorf("after %s: noted %d times", c.after, end.head.Seq-before.head.Seq)
		}
		if left, err := LoadKeys(c.keysDir); err != nil || len(left.IDs()) != 1 {
			t.Errorf("after %s: %v %v", c.after, left.IDs(), err)
		}
	}
}

// The controls: a rekey that gives files their names before they are flushed, or
// uses a key before it is on disk, does not survive every cut.
func TestRekeyCutShortControl(t *testing.T) {
	o, r := rekeyed(t, 40)
	first, err := os.ReadFile(filepath.Join(r.KeysDir, keysName))
	if err != nil {
		t.Fatal(err)
	}
	lost, keyless := 0, 0
	for _, c := range cutAll(t, o, r, true) {
		if _, err := look(c.o, c.keysDir, 0); err != nil {
			lost++
			continue
		}
		if err := os.WriteFile(filepath.Join(c.keysDir, keysName), first, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := look(c.o, c.keysDir, 0); lockport.KindOf(err) == lockport.Refused {
			keyless++
		}
	}
	if lost == 0 {
		t.Error("without flushes every cut was survived: the pictures show nothing")
	}
	o, r = rekeyed(t, 40)
	if first, err = os.ReadFile(filepath.Join(r.KeysDir, keysName)); err != nil {
		t.Fatal(err)
	}
	for _, c := range cutAll(t, o, r, false) {
		if err := os.WriteFile(filepath.Join(c.keysDir, keysName), first, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := look(c.o, c.keysDir, 0); lockport.KindOf(err) == lockport.Refused {
			keyless++
		}
	}
	if keyless == 0 {
		t.Error("files can be read without the key that they were sealed under")
	}
}

func TestRekeyRefuses(t *testing.T) {
	o, r := rekeyed(t, 40)
	before, err := look(o, r.KeysDir, 40)
	if err != nil {
		t.Fatal(err)
	}
	if o.Keys, err = LoadKeys(r.KeysDir); err != nil {
		t.Fatal(err)
	}
	s := openAgain(t, o)
	if _, err := Rekey(t.Context(), o, r); lockport.KindOf(err) != lockport.Conflict {
		t.Error("while a server runs:", err)
	}
	closeNow(t, s)
	if ids, _ := LoadKeys(r.KeysDir); len(ids.IDs()) != 1 {
		t.Error("a refused rekey has changed the keys")
	}
	// No room for the second file: all is as it was, or under the new key.
	files := 0
	o.seam.did = func(what, path string) {
		if what == "rename" && strings.HasPrefix(filepath.Base(path), "journal-") {
			files++
		}
	}
	o.seam.grow = func(int64) error {
		if files > 0 {
			return syscall.ENOSPC
		}
		return nil
	}
	if _, err := Rekey(t.Context(), o, r); lockport.KindOf(err) != lockport.Full || files != 1 {
		t.Error("a full disk:", files, err)
	}
	o.seam = seams{}
	if left, _ := filepath.Glob(filepath.Join(o.Dir, "*.new")); len(left) > 0 {
		t.Error("left behind:", left)
	}
	if st, err := look(o, r.KeysDir, 40); err != nil || st.head != before.head || st.rows != before.rows {
		t.Error("after a full disk:", st, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _ = Rekey(ctx, o, r)
	if st, err := look(o, r.KeysDir, 40); err != nil || st.head.Seq < before.head.Seq {
		t.Error("after an interrupt:", st, err)
	}
	// An entry that has rotted is not carried over as if nothing were.
	o, r = rekeyed(t, 40)
	flip(t, filepath.Join(o.Dir, journalName(1)), blockSize+frameSize+headerSize+40)
	if _, err := Rekey(t.Context(), o, r); lockport.KindOf(err) != lockport.Corrupt || !strings.Contains(err.Error(), "entry 1") {
		t.Error("a damaged entry:", err)
	}
	if left, _ := filepath.Glob(filepath.Join(o.Dir, "*.new")); len(left) > 0 {
		t.Error("left behind:", left)
	}
}
