package repository

import (
	"context"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
)

// VerifyReport is what Verify found.
type VerifyReport struct {
	Entries lockport.Seq `json:"entries"` // how many verified
	Head    audit.Head   `json:"-"`       // the last entry that verified, to compare with a head that was noted elsewhere
	Dropped uint64       `json:"dropped"` // of them, those whose content retention has dropped
	Bad     *Damage      `json:"bad,omitempty"`
}

// Damage is the first entry that does not verify.
type Damage struct {
	Seq  lockport.Seq `json:"sequence"`
	What string       `json:"what"`
}

// Verify reads the whole journal and checks the chain of hashes, every seal and
// every commitment. What it finds is in the report; the error says only that it
// could not be finished. progress, when not nil, is called now and then.
//
// A journal that was cut off at its end is noticed as far back as the record
// has applied it. Someone who can write all files can still cut both: only a
// head that was noted elsewhere shows that.
func (s *Store) Verify(ctx context.Context, progress func(done, total lockport.Seq)) (VerifyReport, error) {
	seq, hash := s.Head()
	known := []audit.Head{{Seq: seq, Hash: hash}}
	if at := s.progress.Load().applied; at.Seq > 0 && at.Seq < seq {
		known = []audit.Head{at, known[0]}
	}
	if seq == 0 {
		known = nil
	}
	check := &verification{s: s, total: seq, chain: audit.NewVerifier(audit.Head{}, known...), progress: progress}
	err := check.run(ctx)
	report := VerifyReport{Entries: check.chain.Head().Seq, Head: check.chain.Head(), Dropped: check.dropped, Bad: check.bad}
	if err == nil && report.Bad == nil {
		if end := check.chain.Close(); end != nil {
			check.found(report.Entries+1, end)
			report.Bad = check.bad
		}
	}
	return report, err
}

// VerifyRecord opens every row of the record, and checks that they are all the
// rows that were written and no others. It returns their number; the error is of
// kind Corrupt when the record has to be made again from the journal.
//
// It holds one read transaction for as long as it takes, during which the file
// of a busy store grows: it is meant for a store that is idle.
func (s *Store) VerifyRecord(ctx context.Context) (rows uint64, err error) {
	r := s.record
	err = r.db.View(func(tx *bolt.Tx) error {
		rows, err = r.verify(ctx, tx, nil)
		return err
	})
	return rows, err
}

// verify opens every row, and holds their number and the sum of their tags
// against what was written. step, when it is not nil, is called now and then.
func (r *record) verify(ctx context.Context, tx *bolt.Tx, step func(done uint64)) (rows uint64, err error) {
	var seen progress
	want, err := r.progress(tx)
	if err != nil {
		return 0, err
	}
	for t := lockport.TableCounters; t <= lockport.LastTable; t++ {
		b := tx.Bucket(tableBucket(t))
		if b == nil {
			return seen.rows, damaged(r.path, fmt.Errorf("table %d is missing", t))
		}
		err := b.ForEach(func(key, value []byte) error {
			if seen.rows%1024 == 0 {
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				if step != nil {
					step(seen.rows)
				}
			}
			if _, err := r.openRow(t, key, value); err != nil {
				return err
			}
			return seen.count(value, 1)
		})
		if err != nil {
			return seen.rows, err
		}
	}
	if seen.rows != want.rows || seen.tags != want.tags {
		return seen.rows, damaged(r.path, fmt.Errorf("it holds %d rows and %d were written, or others than those", seen.rows, want.rows))
	}
	return seen.rows, nil
}

type verification struct {
	s        *Store
	total    lockport.Seq
	chain    *audit.Verifier
	progress func(done, total lockport.Seq)
	dropped  uint64
	bad      *Damage
}

func (v *verification) found(seq lockport.Seq, err error) {
	var known *lockport.Error
	if errors.As(err, &known) && known.Err != nil && known.Kind == lockport.Corrupt {
		err = known.Err
	}
	v.bad = &Damage{Seq: seq, What: err.Error()}
}

// run stops at the first bad entry.
func (v *verification) run(ctx context.Context) error {
	for _, f := range v.s.journal.all() {
		at := v.chain.Head()
		if f.first != at.Seq+1 || f.prev != at.Hash {
			v.found(at.Seq+1, fmt.Errorf("journal file %d does not begin where the one before ends", f.number))
			return nil
		}
		if err := v.file(ctx, f); err != nil || v.bad != nil {
			return err
		}
	}
	return nil
}

func (v *verification) file(ctx context.Context, f *journalFile) error {
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		next := v.chain.Head().Seq + 1
		if next > v.total {
			return nil
		}
		chunk, err := f.read(next, false, readEntries)
		if lockport.KindOf(err) == lockport.Corrupt {
			v.found(next, err)
			return nil
		}
		if err != nil || len(chunk) == 0 {
			return err
		}
		for _, c := range chunk {
			if c.seq > v.total {
				return nil
			}
			if v.entry(c); v.bad != nil {
				return nil
			}
		}
		if v.progress != nil {
			v.progress(v.chain.Head().Seq, v.total)
		}
	}
}

func (v *verification) entry(c stored) {
	next := v.chain.Head().Seq + 1
	if c.seq != next {
		v.found(next, errMissing)
		return
	}
	e, h, err := v.s.openEntry(c.value, c.file)
	switch {
	case err != nil:
		v.found(c.seq, err)
	case h.Seq != c.seq:
		v.found(c.seq, errMisplaced)
	default:
		if err := v.chain.Add(h); err != nil {
			v.found(c.seq, err)
		}
		if _, gone := e.Body.(*lockport.Dropped); gone {
			v.dropped++
		}
	}
}
