package repository

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/consent"
)

// TestFullDisk fills a journal file that may not grow. What was acknowledged
// stays readable, nothing else was stored, and when there is room it goes on.
func TestFullDisk(t *testing.T) {
	o := testOptions(t, ignoring{})
	if err := Create(o); err != nil {
		t.Fatal(err)
	}
	room := bounded(&o)
	room.Store(48 << 20)
	s := openAgain(t, o)
	stored := lockport.Seq(0)
	big := func() []lockport.Entry {
		e := oru(int(stored))
		e.Body.(*lockport.Message).Raw = noise(int(stored), 4<<20)
		return []lockport.Entry{e}
	}
	var err error
	for range 20 {
		if _, err = s.Append(t.Context(), big()); err != nil {
			break
		}
		stored++
	}
	if lockport.KindOf(err) != lockport.Full || stored == 0 {
		t.Fatalf("after %d entries: %v", stored, err)
	}
	if s.End() != stored || s.Err() != nil || !s.Stats().Full {
		t.Errorf("the journal ends at %d of %d, %v", s.End(), stored, s.Err())
	}
	// The same again fails the same way, and does not end the store.
	if _, err := s.Append(t.Context(), big()); lockport.KindOf(err) != lockport.Full {
		t.Error(err)
	}
	if report, err := s.Verify(t.Context(), nil); err != nil || report.Bad != nil || report.Entries != stored {
		t.Error(report, err)
	}
	// Room comes back without a restart.
	room.Store(0)
	r, err := s.Append(t.Context(), big())
	if err != nil || r[0].Duplicate || r[0].Seq != stored+1 || s.Stats().Full {
		t.Errorf("with room again: %+v, %v", r, err)
	}
}

// bounded lets journal files grow to the size that it returns, 0 for any.
func bounded(o *Options) *atomic.Int64 {
	var room atomic.Int64
	o.seam.grow = func(size int64) error {
		if limit := room.Load(); limit > 0 && size > limit {
			return syscall.ENOSPC
		}
		return nil
	}
	return &room
}

// noise makes bytes that do not compress.
func noise(seed, size int) []byte {
	data := make([]byte, size)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	_, _ = r.Read(data)
	return data
}

// makeRoom changes the size that a file may have, 0 for any, between two
// transactions.
func makeRoom(t *testing.T, db *bolt.DB, size int) {
	t.Helper()
	undone := errors.New("nothing to write")
	if err := db.Update(func(*bolt.Tx) error { db.MaxSize = size; return undone }); !errors.Is(err, undone) {
		t.Fatal(err)
	}
}

// hoarding stores each message in the record and counts how often it was asked.
type hoarding struct{ applied *atomic.Int64 }

func (hoarding) Begin(lockport.Tx) error { return nil }
func (hoarding) End(lockport.Tx) error   { return nil }
func (h hoarding) Apply(tx lockport.Tx, e *lockport.Entry) error {
	h.applied.Add(1)
	var raw []byte
	if m, ok := e.Body.(*lockport.Message); ok {
		raw = m.Raw
	}
	return tx.Put(lockport.TableCounters, e.Seq.Key(), &raw)
}

// When the record finds no room, the journal goes on; the same rows are written
// when there is room again, and no entry is applied twice.
func TestFullRecord(t *testing.T) {
	rules := hoarding{new(atomic.Int64)}
	s := openNew(t, rules)
	makeRoom(t, s.record.db.DB, 20<<20)
	message := func(i int) []lockport.Entry {
		return []lockport.Entry{{Kind: lockport.EntryMessage, Body: &lockport.Message{Raw: noise(i, 4<<20)}}}
	}
	for i := range 8 {
		if _, err := s.Append(t.Context(), message(i)); err != nil {
			wantKind(t, err, lockport.Full)
			break
		}
	}
	for !s.recordFull.Load() {
		<-s.moved.wait()
	}
	stored := s.End()
	if s.Err() != nil || s.Applied() == stored {
		t.Fatal(s.Err(), s.Applied())
	}
	if _, err := s.Append(t.Context(), message(9)); lockport.KindOf(err) != lockport.Full {
		t.Error("a message while the record is full:", err)
	}
	// What protects patients is written all the same.
	denial := lockport.Entry{Kind: lockport.EntryDirective, Body: &consent.Directive{}}
	if _, err := s.Append(t.Context(), []lockport.Entry{denial}); err != nil || s.End() != stored+1 {
		t.Error("a directive while the record is full:", err)
	}
	makeRoom(t, s.record.db.DB, 0)
	for s.Applied() <= stored || s.recordFull.Load() {
		moved := s.moved.wait()
		if s.Applied() <= stored || s.recordFull.Load() {
			<-moved
		}
	}
	if n := int64(stored) + 1; s.Stats().Full || rules.applied.Load() != n || len(dump(t, s)) != int(n) {
		t.Errorf("applied %d times, %d rows", rules.applied.Load(), len(dump(t, s)))
	}
}

// ignoring makes no rows.
type ignoring struct{}

func (ignoring) Begin(lockport.Tx) error                  { return nil }
func (ignoring) Apply(lockport.Tx, *lockport.Entry) error { return nil }
func (ignoring) End(lockport.Tx) error                    { return nil }

// A commit that fails for any other reason ends acknowledging for good.
func TestFailedCommitIsNotRetried(t *testing.T) {
	s := openNew(t, ignoring{})
	if _, err := s.Append(t.Context(), []lockport.Entry{oru(1)}); err != nil {
		t.Fatal(err)
	}
	file := s.journal.last()
	readOnly, err := os.Open(file.path)
	if err != nil {
		t.Fatal(err)
	}
	writable := file.f
	file.f = readOnly // the next commit fails
	t.Cleanup(func() { _ = writable.Close() })
	for range 2 {
		if r, err := s.Append(t.Context(), []lockport.Entry{oru(2)}); lockport.KindOf(err) != lockport.Unavailable || r != nil {
			t.Errorf("%v %v", r, err)
		}
	}
	<-s.Failed()
	if s.Err() == nil || s.End() != 1 || !s.Stats().Failed {
		t.Errorf("%v, end %d", s.Err(), s.End())
	}
}

// blocking holds the projector until it is released.
type blocking struct{ release chan struct{} }

func (blocking) Begin(lockport.Tx) error { return nil }
func (blocking) End(lockport.Tx) error   { return nil }
func (b blocking) Apply(lockport.Tx, *lockport.Entry) error {
	<-b.release
	return nil
}

// While the record is far behind, answers wait and are not dropped.
func TestAppendWaitsForTheProjector(t *testing.T) {
	rules := blocking{make(chan struct{})}
	s := openNew(t, rules)
	batch := make([]lockport.Entry, 500)
	for i := range batch {
		batch[i] = lockport.Entry{Kind: lockport.EntryMessage, Body: &lockport.Message{ControlID: "c"}}
	}
	for s.backlog() < backlogLimit {
		if _, err := s.Append(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	end := s.End()
	ctx, cancel := context.WithCancelCause(t.Context())
	patience := errors.New("no more patience")
	late := make(chan error, 2)
	go func() { _, err := s.Append(ctx, batch[:1]); late <- err }()
	cancel(patience)
	if err := <-late; !errors.Is(err, patience) {
		t.Error(err)
	}
	go func() { _, err := s.Append(t.Context(), batch[:1]); late <- err }()
	if s.End() != end {
		t.Error("it did not wait")
	}
	close(rules.release)
	if err := <-late; err != nil {
		t.Error(err)
	}
}

// A reader does not wait longer than two seconds.
func TestReadersGiveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Store{failed: make(chan struct{})}
		s.end.Store(1)
		began := time.Now()
		err := s.WaitApplied(t.Context(), 1)
		if lockport.KindOf(err) != lockport.Unavailable || time.Since(began) != appliedTimeout {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.WaitApplied(ctx, 1); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		go func() { s.applied.Store(1); s.moved.broadcast() }()
		if err := s.WaitApplied(t.Context(), 1); err != nil {
			t.Error(err)
		}
	})
}

// Close that runs out of time leaves the record behind; the next open catches up.
func TestCloseOutOfTime(t *testing.T) {
	o := testOptions(t, busyRules{})
	if err := Create(o); err != nil {
		t.Fatal(err)
	}
	held := o
	rules := blocking{make(chan struct{})}
	held.Projector = rules
	s, err := Open(held)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		if _, err := s.Append(t.Context(), []lockport.Entry{oru(i)}); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	closed := make(chan error)
	go func() { closed <- s.Close(ctx) }()
	for !s.abandoned.Load() {
		select {
		case rules.release <- struct{}{}: // one entry after the other
		default:
		}
	}
	close(rules.release)
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	behind := s.Applied()
	s = openAgain(t, o)
	if behind >= 20 || s.Applied() != 20 {
		t.Errorf("applied %d of 20 before and %d after", behind, s.Applied())
	}
}
