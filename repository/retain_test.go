package repository

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
	"github.com/lockport-hie/lockport/consent"
)

// agedStore makes a store of several files whose entries happened in March 2026,
// with an entry of each kind that is kept among them.
func agedStore(t *testing.T) Options {
	t.Helper()
	o := smallFiles(t)
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 300 {
		kept := lockport.Entry{Kind: lockport.EntryAction, Time: oru(i).Time, Body: &audit.Action{Operator: "ann", Verb: "test", Target: lockport.Seq(i)}}
		if i%2 == 1 {
			kept = lockport.Entry{Kind: lockport.EntryDisclosure, Time: oru(i).Time, Body: &audit.Disclosure{Channel: audit.ChannelQuery, Outcome: audit.Denied}}
		}
		if _, err := s.Append(t.Context(), []lockport.Entry{oru(i), kept}); err != nil {
			t.Fatal(err)
		}
	}
	closeNow(t, s)
	o.Now = func() time.Time { return time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC) }
	return o
}

func retained(t *testing.T, o Options) RetainReport {
	t.Helper()
	r, err := Retain(t.Context(), o, RetainOptions{Keep: MinimumRetention, Operator: "ann"})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// countRows reads every row of the record, once it has applied all.
func countRows(t *testing.T, s *Store) uint64 {
	t.Helper()
	if err := s.WaitApplied(t.Context(), s.End()); err != nil {
		t.Fatal(err)
	}
	n, err := s.VerifyRecord(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Retention drops the content of old messages and nothing else: the chain
// verifies with the same head, disclosures and actions read, the record stays, the
// store goes on, and what was dropped is in no file of the journal.
func TestRetain(t *testing.T) {
	o := agedStore(t)
	planned, err := Retain(t.Context(), o, RetainOptions{Keep: MinimumRetention, Check: true})
	if err != nil || planned.Messages == 0 || planned.Entry != 0 {
		t.Fatalf("%+v, %v", planned, err)
	}
	before := sizesOf(t, o.Dir)
	r := retained(t, o)
	if r.Messages != planned.Messages || r.Entry != 601 || r.Snapshot < r.Entry || len(r.Files) < 3 || r.Freed < before/2 {
		t.Errorf("%+v after %+v, of %d bytes", r, planned, before)
	}
	s := openAgain(t, o)
	v, err := s.Verify(t.Context(), nil)
	if err != nil || v.Bad != nil || v.Dropped != r.Messages || v.Entries != 601 {
		t.Errorf("verify: %+v, %v", v, err)
	}
	var messages, kept, gone uint64
	for e, err := range s.Entries(t.Context(), 1, false) {
		if err != nil {
			t.Fatal(err)
		}
		switch e.Body.(type) {
		case *lockport.Dropped:
			gone++
			_, err := s.OperatorMessage(t.Context(), e.Seq)
			wantKind(t, err, lockport.NotFound)
			if e.Kind != lockport.EntryMessage || e.Time.IsZero() {
				t.Errorf("entry %d has lost its kind or time", e.Seq)
			}
		case *lockport.Message:
			messages++
		default:
			kept++
		}
	}
	if gone != r.Messages || messages != 300-gone || kept != 301 {
		t.Errorf("%d dropped, %d messages and %d others left", gone, messages, kept)
	}
	appended(t, s, 1000, 1010)
	again, err := s.Append(t.Context(), []lockport.Entry{oru(299)})
	if err != nil || !again[0].Duplicate {
		t.Errorf("a message that is still there, sent again: %+v, %v", again, err)
	}
	closeNow(t, s)
	if again := retained(t, o); len(again.Files) > 0 {
		t.Errorf("a second run rewrites %v", again.Files)
	}
	c, err := Check(t.Context(), o, CheckOptions{})
	if err != nil || len(c.Findings) > 0 {
		t.Errorf("check: %+v, %v", c.Findings, err)
	}
}

func sizesOf(t *testing.T, dir string) (n int64) {
	t.Helper()
	paths, err := journalPaths(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		n += sizeOf(path)
	}
	return n
}

// What is too short a time, or too young, is not dropped.
func TestRetainBounds(t *testing.T) {
	o := agedStore(t)
	_, err := Retain(t.Context(), o, RetainOptions{Keep: MinimumRetention - 1})
	wantKind(t, err, lockport.Invalid)
	o.Now = func() time.Time { return oru(0).Time.Add(MinimumRetention) }
	if r := retained(t, o); len(r.Files) > 0 {
		t.Errorf("%v are not old enough", r.Files)
	}
	s := openAgain(t, o)
	_, err = Retain(t.Context(), o, RetainOptions{Keep: MinimumRetention})
	wantKind(t, err, lockport.Conflict)
	if s.End() != 600 {
		t.Error("a run that drops nothing says so in the journal")
	}
}

// A record that is lost after retention comes back from the snapshot, by opening
// and by reindex alike, with the rows it had; without the snapshot the store
// does not open, and with a damaged one it takes the one before.
func TestRetainedRecordComesBack(t *testing.T) {
	o := agedStore(t)
	retained(t, o)
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	appended(t, s, 1000, 1040)
	want := countRows(t, s)
	closeNow(t, s)
	record := filepath.Join(o.Dir, recordName)

	report, err := Reindex(t.Context(), o, ReindexOptions{})
	if err != nil || !report.Equal() || report.Rows != want {
		t.Errorf("reindex: %+v, %v", report, err)
	}
	for _, views := range []string{recordName, "*.bolt"} {
		removeAll(t, o.Dir, views)
		s, err = Open(o)
		if err != nil {
			t.Fatal(err)
		}
		if got := countRows(t, s); got != want {
			t.Errorf("%d rows came back without %s, want %d", got, views, want)
		}
		closeNow(t, s)
	}
	removeAll(t, o.Dir, "window-*.bolt")
	if report, err := Reindex(t.Context(), o, ReindexOptions{}); err != nil || report.Windows == 0 {
		t.Errorf("reindex without a window: %+v, %v", report, err)
	}
	removeAll(t, o.Dir, recordName)
	paths, err := snapshotPaths(o.Dir)
	if err != nil || len(paths) != 1 {
		t.Fatalf("%d snapshots, %v", len(paths), err)
	}
	rot(t, paths[0])
	if _, err := Open(o); lockport.KindOf(err) != lockport.Corrupt {
		t.Errorf("opened from a damaged snapshot: %v", err)
	}
	removeAll(t, o.Dir, "record-*.snapshot")
	_, err = Open(o)
	wantKind(t, err, lockport.Corrupt)
	if sizeOf(record) != 0 {
		t.Error("an empty record was made")
	}
}

func removeAll(t *testing.T, dir, pattern string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

// rot changes a byte of every page: some of them are free.
func rot(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := 3000; at < len(b); at += 4096 {
		b[at] ^= 1
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A file is not rewritten where no snapshot covers it.
func TestRetainWantsSnapshot(t *testing.T) {
	o := agedStore(t)
	x := &retaining{options: o, RetainOptions: RetainOptions{Keep: MinimumRetention}}
	x.report.Before = o.Now()
	err := x.offline(func(s *Store) error {
		if err := x.choose(t.Context())(s); err != nil {
			return err
		}
		err := x.replace(t.Context(), s, s.journal.files[0])
		wantKind(t, err, lockport.Refused)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(o.Dir, journalName(1)+".new")); err == nil {
		t.Error("a file was begun")
	}
}

// Whoever has no keys can neither change the header of an entry whose content was
// dropped, nor drop the content of another one, unnoticed: whatever the checksum
// of the frame says.
func TestRetainTamper(t *testing.T) {
	o := agedStore(t)
	retained(t, o)
	path := filepath.Join(o.Dir, journalName(1))
	sound, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	verified := func() bool {
		s := openAgain(t, o)
		v, err := s.Verify(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		closeNow(t, s)
		return v.Bad == nil
	}
	if !verified() {
		t.Fatal("control: the untouched file does not verify")
	}
	resum := func(b []byte) { binary.BigEndian.PutUint32(b[16:], frameSum(b)) }
	for name, change := range map[string]func(fr []byte){
		"time":    func(fr []byte) { fr[frameSize+30] ^= 1 },
		"kind":    func(fr []byte) { fr[frameSize+25] = uint8(lockport.EntryRefusal) },
		"content": func(fr []byte) { fr[len(fr)-1] ^= 1 },
		"undone":  func(fr []byte) { fr[frameSize] = valueFormat },
	} {
		b := bytes.Clone(sound)
		fr, err := parseFrame(b[blockSize:], blockSize)
		if err != nil || !isDropped(fr.value) {
			t.Fatalf("the first frame is none of a dropped entry: %v", err)
		}
		first := b[blockSize:fr.next()]
		change(first)
		resum(first)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if verified() {
			t.Errorf("a changed %s is not noticed", name)
		}
	}
	if err := os.WriteFile(path, sound, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A run that is cut short before any rename leaves a store that opens, and the
// next run ends it.
func TestRetainCutShort(t *testing.T) {
	o := agedStore(t)
	for n := 1; n < 200; n += 7 {
		ctx, cancel := context.WithCancel(t.Context())
		seen := 0
		_, err := Retain(ctx, o, RetainOptions{Keep: MinimumRetention, Progress: func(string, uint64, uint64) {
			if seen++; seen >= n {
				cancel()
			}
		}})
		cancel()
		s := openAgain(t, o)
		v, verr := s.Verify(t.Context(), nil)
		if verr != nil || v.Bad != nil {
			t.Fatalf("after %d steps: %+v, %v", n, v, verr)
		}
		closeNow(t, s)
		if err == nil {
			return
		}
	}
	t.Error("no run came to its end")
}

// A backup of a store with dropped content restores to the same store, from a full
// one and from one that was begun before.
func TestRetainedBackup(t *testing.T) {
	o := agedStore(t)
	before := filepath.Join(t.TempDir(), "before")
	if _, err := BackupClosed(t.Context(), o, BackupOptions{To: before, Rate: -1}); err != nil {
		t.Fatal(err)
	}
	r := retained(t, o)
	s := openAgain(t, o)
	want := countRows(t, s)
	since := backedUp(t, s, before)
	appended(t, s, 1000, 1003)
	next := backedUp(t, s, since)
	want2 := countRows(t, s)
	for _, c := range []struct {
		chain []string
		want  uint64
	}{{[]string{backedUp(t, s, "")}, want2}, {[]string{before, since}, want}, {[]string{before, since, next}, want2}} {
		if _, err := VerifyBackup(t.Context(), c.chain, nil); err != nil {
			t.Error(err)
		}
		back := restored(t, o, c.chain...)
		v, err := back.Verify(t.Context(), nil)
		if err != nil || v.Bad != nil || v.Dropped != r.Messages {
			t.Errorf("%+v, %v", v, err)
		}
		if got := countRows(t, back); got != c.want {
			t.Errorf("%d rows, want %d", got, c.want)
		}
	}
	if back := restored(t, o, before); countRows(t, back) == 0 {
		t.Error("the backup made before holds nothing")
	}
	if paths, err := filepath.Glob(filepath.Join(next, "record-*")); err != nil || len(paths) > 0 {
		t.Error("an increment holds the snapshot that its base has")
	}
}

// A dropped directive would be a denial that is gone: even with the keys it is
// not taken.
func TestDirectiveIsNeverDropped(t *testing.T) {
	o := smallFiles(t)
	s := openAgain(t, o)
	body := &consent.Directive{Patient: lockport.Identifier{Authority: "A", Value: "1"}}
	if _, err := s.Append(t.Context(), []lockport.Entry{{Kind: lockport.EntryDirective, Body: body}}); err != nil {
		t.Fatal(err)
	}
	chunk, err := s.journal.read(1, false, 1)
	if err != nil || len(chunk) != 1 {
		t.Fatal(err)
	}
	if _, _, err := s.openEntry(chunk[0].file.sealer.dropValue(chunk[0].value), chunk[0].file); err == nil {
		t.Error("the content of a directive can be dropped")
	}
}

// New keys want every entry's content again, so they are refused after retention,
// and nothing changes.
func TestRekeyAfterRetention(t *testing.T) {
	o := agedStore(t)
	retained(t, o)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, keysName), o.Keys.ring.encode(), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Rekey(t.Context(), o, RekeyOptions{KeysDir: dir})
	wantKind(t, err, lockport.Unsupported)
	openAgain(t, o)
}
