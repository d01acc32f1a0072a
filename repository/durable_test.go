package repository

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/lockport-hie/lockport"
)

// A process that is killed between writing a group and flushing it leaves
// entries that read well and are not on disk. They become duplicates, and so
// positive answers, of the next process: it must flush them before.
func TestOpenFlushesWhatAKilledProcessLeft(t *testing.T) {
	o := filled(t, 3, nil)
	var flushed []string
	o.seam.synced = func(path string) { flushed = append(flushed, path) }
	openAgain(t, o)
	for _, path := range []string{filepath.Join(o.Dir, journalName(1)), o.Dir} {
		if !slices.Contains(flushed, path) {
			t.Errorf("%s was not flushed", filepath.Base(path))
		}
	}
}

// A window that knows more than the journal would answer a new message as the
// duplicate of one that is lost.
func TestWindowAheadOfTheJournalIsRefused(t *testing.T) {
	o := filled(t, 10, nil)
	cutJournal(t, filepath.Join(o.Dir, journalName(1)), 9)
	if err := os.Remove(filepath.Join(o.Dir, recordName)); err != nil {
		t.Fatal(err)
	}
	s, err := Open(o)
	if err == nil {
		closeNow(t, s)
	}
	wantKind(t, err, lockport.Corrupt)
}

func wantKind(t *testing.T, err error, want lockport.Kind) {
	t.Helper()
	if err == nil || lockport.KindOf(err) != want {
		t.Errorf("error %v is of kind %v, want %v", err, lockport.KindOf(err), want)
	}
}

// No room for the duplicate window is a full disk like any other: it passes.
func TestFullDiskUnderTheWindow(t *testing.T) {
	s := openNew(t, ignoring{})
	first := oru(0)
	day := dayOf(first.Time.UnixMicro())
	d, err := s.window.dayFile(day)
	if err != nil {
		t.Fatal(err)
	}
	makeRoom(t, d.db.DB, 64<<10)
	for i := range windowFlush {
		token := s.vault.Token("filler", string(lockport.Seq(i).Key()))
		s.window.add(token, 1, first.Time.UnixMicro())
	}
	append1 := func(i int) lockport.Receipt {
		r, err := s.Append(t.Context(), []lockport.Entry{oru(i)})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.catchUp(); err != nil {
			t.Fatal(err)
		}
		return r[0]
	}
	for i := range 3 {
		append1(i)
	}
	makeRoom(t, d.db.DB, 0)
	for i := range 3 {
		if !append1(i).Duplicate {
			t.Errorf("message %d was stored twice", i)
		}
	}
	if s.Err() != nil {
		t.Error(s.Err())
	}
}

// stalled keeps the committer waiting until the returned function is called.
func stalled(t *testing.T, s *Store) (release func()) {
	t.Helper()
	f := s.journal.last()
	f.mu.RLock() // what is written cannot be made known
	return f.mu.RUnlock
}

// The second of two equal messages in one group is answered with the first one's
// fate: when that is not stored, neither is acknowledged.
func TestDuplicateInAGroupThatFails(t *testing.T) {
	o := testOptions(t, ignoring{})
	if err := Create(o); err != nil {
		t.Fatal(err)
	}
	room := bounded(&o)
	s := openAgain(t, o)
	c := &committer{s: s, head: s.head} // stands in for the store's own, which is idle
	message := oru(2)
	message.Body.(*lockport.Message).Raw = noise(2, 20<<20)
	together := func() (requests [2]*request, errs [2]error) {
		for i := range requests {
			p, err := s.prepare(&message)
			if err != nil {
				t.Fatal(err)
			}
			requests[i] = &request{entries: []*prepared{p}, done: make(chan error, 1)}
			c.take(requests[i])
		}
		c.finish(c.commit())
		for i := range requests {
			errs[i] = <-requests[i].done
		}
		return requests, errs
	}
	room.Store(1 << 20)
	if _, errs := together(); lockport.KindOf(errs[0]) != lockport.Full || lockport.KindOf(errs[1]) != lockport.Full || s.End() != 0 {
		t.Errorf("without room: %v, the journal ends at %d", errs, s.End())
	}
	room.Store(0)
	requests, errs := together()
	first, second := requests[0].receipts[0], requests[1].receipts[0]
	if errs != [2]error{} || first.Duplicate || first.Seq != 1 || !second.Duplicate || second.Seq != 1 || s.End() != 1 {
		t.Errorf("with room: %v, %+v, %+v, the journal ends at %d", errs, first, second, s.End())
	}
}

// A caller that gives up hears of it at once, and its entries stay together.
func TestCancelledWhileQueued(t *testing.T) {
	s := openNew(t, ignoring{})
	release := stalled(t, s)
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("gone")
	result := make(chan error, 1)
	go func() { _, err := s.Append(ctx, []lockport.Entry{oru(1), oru(2), oru(3)}); result <- err }()
	cancel(gone)
	if err := <-result; !errors.Is(err, gone) {
		t.Error(err)
	}
	release()
	if _, err := s.Append(t.Context(), []lockport.Entry{oru(4)}); err != nil {
		t.Fatal(err)
	}
	if end := s.End(); end != 1 && end != 4 {
		t.Errorf("the journal ends at %d: a call was torn apart", end)
	}
	// Whoever comes with a dead context is sure that nothing was stored.
	end := s.End()
	for i := range 20 {
		if r, err := s.Append(ctx, []lockport.Entry{oru(10 + i)}); !errors.Is(err, gone) || r != nil {
			t.Errorf("%v %v", r, err)
		}
	}
	if _, err := s.Append(t.Context(), []lockport.Entry{oru(5)}); err != nil || s.End() != end+1 {
		t.Errorf("the journal ends at %d, want %d", s.End(), end+1)
	}
}

// What lies behind the last group is of no account, whatever a crash left there.
func TestTailBehindTheLastCommit(t *testing.T) {
	for name, spoil := range map[string]func(f *os.File, end int64) error{
		"cut off":       func(f *os.File, end int64) error { return f.Truncate(end) },
		"half a footer": func(f *os.File, end int64) error { return f.Truncate(end + 30) },
		"zeros":         func(f *os.File, end int64) error { return errors.Join(f.Truncate(end), f.Truncate(end+3<<20)) },
		"torn": func(f *os.File, end int64) error {
			_, err := f.WriteAt(noise(1, 3*4096+512), end+100)
			return errors.Join(f.Truncate(end), f.Truncate(end+100), err)
		},
	} {
		o := filled(t, 50, nil)
		path := filepath.Join(o.Dir, journalName(1))
		end, _ := journalValues(t, path)
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(spoil(f, end), f.Close()); err != nil {
			t.Fatal(name, err)
		}
		s := openAgain(t, o)
		for i := range 60 {
			if r, err := s.Append(t.Context(), []lockport.Entry{oru(i)}); err != nil || r[0].Duplicate != (i < 50) {
				t.Fatalf("%s: %+v, %v", name, r, err)
			}
		}
		if report, err := s.Verify(t.Context(), nil); err != nil || report.Bad != nil || report.Entries != 60 {
			t.Errorf("%s: %+v, %v", name, report, err)
		}
	}
}

// A crash between the next file and its first entry, and one before the next
// file got its name.
func TestCrashAroundRotation(t *testing.T) {
	o := filled(t, 20, nil)
	s := openAgain(t, o)
	if err := s.journal.rotate(s.head); err != nil {
		t.Fatal(err)
	}
	closeNow(t, s)
	leftovers := []string{journalName(3) + ".new", recordName + ".new", windowName(1) + ".new"}
	for _, name := range leftovers {
		if err := os.WriteFile(filepath.Join(o.Dir, name), noise(1, 5000), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s = openAgain(t, o)
	if r, err := s.Append(t.Context(), []lockport.Entry{oru(5), oru(20)}); err != nil || !r[0].Duplicate || r[1].Seq != 21 {
		t.Errorf("%+v %v", r, err)
	}
	if err := s.journal.rotate(s.head); err != nil {
		t.Fatal(err)
	}
	if report, err := s.Verify(t.Context(), nil); err != nil || report.Bad != nil || report.Entries != 21 {
		t.Errorf("%+v %v", report, err)
	}
	for _, name := range leftovers {
		if _, err := os.Stat(filepath.Join(o.Dir, name)); err == nil {
			t.Errorf("%s still lies there", name)
		}
	}
}
