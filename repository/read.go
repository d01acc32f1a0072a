package repository

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/lockport-hie/lockport"
)

// appliedTimeout is how long a reader waits for the record.
const appliedTimeout = 2 * time.Second

var (
	errMissing   = errors.New("it is missing, or its bytes are not those that were written")
	errDropped   = errors.New("its content was dropped by retention")
	errMisplaced = errors.New("another entry stands in its place")
)

// entryDamaged names the entry that does not read; nil stays nil.
func entryDamaged(seq lockport.Seq, err error) error {
	if err == nil {
		return nil
	}
	return &lockport.Error{Op: "read journal", Kind: lockport.Corrupt, Where: fmt.Sprintf("entry %d", seq), Err: err}
}

// End returns the last entry of the journal, 0 when it is empty.
func (s *Store) End() lockport.Seq { return lockport.Seq(s.end.Load()) }

// Applied returns the last entry that the record has applied.
func (s *Store) Applied() lockport.Seq { return lockport.Seq(s.applied.Load()) }

func (s *Store) backlog() uint64 {
	// Applied first: the end only grows, so the difference is never negative.
	applied := s.applied.Load()
	return s.end.Load() - applied
}

// Head returns the last entry and its hash: the head of the audit chain.
func (s *Store) Head() (lockport.Seq, [32]byte) {
	s.headMu.Lock()
	defer s.headMu.Unlock()
	return s.head.Seq, s.head.Hash
}

// WaitApplied returns when the record has applied an entry. It fails with kind
// Unavailable after two seconds.
func (s *Store) WaitApplied(ctx context.Context, seq lockport.Seq) error {
	if s.Applied() >= seq {
		return nil
	}
	s.waiters.Add(1)
	defer s.waiters.Add(-1)
	s.waited.broadcast()
	late := time.NewTimer(appliedTimeout)
	defer late.Stop()
	for {
		moved := s.moved.wait()
		if s.Applied() >= seq {
			return nil
		}
		select {
		case <-moved:
		case <-late.C:
			return lockport.Errorf(lockport.Unavailable, "read record", "it has not applied entry %d within %v", seq, appliedTimeout)
		case <-s.failed:
			return lockport.Errorf(lockport.Unavailable, "read record", "the store has stopped: %w", s.Err())
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// view reads the record as of an entry or later. fn must not keep the view, do
// no I/O, and be done within a second.
func (s *Store) view(ctx context.Context, atLeast lockport.Seq, fn func(*view) error) error {
	if err := s.WaitApplied(ctx, atLeast); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	var inside error
	err := s.record.db.View(func(tx *bolt.Tx) error {
		inside = fn(&view{r: s.record, tx: tx, until: time.Now().Add(viewLimit)})
		return inside
	})
	if inside == nil && errors.Is(err, bolterrors.ErrDatabaseNotOpen) {
		return lockport.Errorf(lockport.Unavailable, "read record", "the store is closed")
	}
	return err
}

// Entry returns one entry; kind NotFound past either end of the journal.
func (s *Store) Entry(ctx context.Context, seq lockport.Seq) (*lockport.Entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	if seq == 0 || seq > s.End() {
		return nil, lockport.Errorf(lockport.NotFound, "read journal", "there is no entry %d", seq)
	}
	chunk, err := s.readJournal(seq, false, 1)
	if err != nil {
		return nil, err
	}
	if len(chunk) == 0 || chunk[0].seq != seq {
		return nil, entryDamaged(seq, errMissing)
	}
	return s.openStored(chunk[0])
}

func (s *Store) readJournal(seq lockport.Seq, reverse bool, limit int) ([]stored, error) {
	return s.journal.read(seq, reverse, limit)
}

func (s *Store) openStored(c stored) (*lockport.Entry, error) {
	e, h, err := s.openEntry(c.value, c.file)
	if err == nil && h.Seq != c.seq {
		err = errMisplaced
	}
	if err != nil {
		return nil, entryDamaged(c.seq, err)
	}
	return e, nil
}

// Entries yields entries in journal order from an entry on, or backwards from
// it; from 0 is the beginning, or backwards the end. It reads in short
// transactions and goes no further than the journal's end at the start. An error
// is yielded once and ends the sequence.
func (s *Store) Entries(ctx context.Context, from lockport.Seq, reverse bool) iter.Seq2[*lockport.Entry, error] {
	return func(yield func(*lockport.Entry, error) bool) {
		end := s.End()
		next := max(from, 1)
		if reverse && (from == 0 || from > end) {
			next = end
		}
		for next >= 1 && next <= end {
			if ctx.Err() != nil {
				yield(nil, context.Cause(ctx))
				return
			}
			chunk, err := s.readJournal(next, reverse, readEntries)
			if err == nil && len(chunk) == 0 {
				err = entryDamaged(next, errMissing)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			for _, c := range chunk {
				if c.seq != next {
					yield(nil, entryDamaged(next, errMissing))
					return
				}
				if c.seq > end {
					return
				}
				e, err := s.openStored(c)
				if !yield(e, err) || err != nil {
					return
				}
				if reverse {
					next--
				} else {
					next++
				}
			}
		}
	}
}

// Counter returns a counter of the record, 0 when it never counted.
func (s *Store) Counter(ctx context.Context, name string) (uint64, error) {
	var n uint64
	err := s.view(ctx, s.End(), func(v *view) error {
		_, err := v.Get(lockport.TableCounters, []byte(name), &n)
		return err
	})
	return n, err
}

// endless turns a limit of 0 or less into none.
func endless(limit int) int {
	if limit <= 0 {
		return math.MaxInt
	}
	return limit
}
