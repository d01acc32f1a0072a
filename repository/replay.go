package repository

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"

	bolt "go.etcd.io/bbolt"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
)

// The bounds of one transaction of a replay: large ones write less, and all
// their rows are in memory.
const (
	replayEntries = 5_000
	replayBytes   = 32 << 20 // of stored entries
)

// opened is an entry that was read ahead.
type opened struct {
	e   *lockport.Entry
	h   audit.Header
	c   stored
	err error // of kind Corrupt: it does not open
}

// batch is a piece of the journal. Its content may be read once ready is closed.
type batch struct {
	ready   chan struct{}
	entries []opened
	err     error // the piece could not be read
}

// openAhead opens pieces of the journal, on all processors, so that whoever
// takes them finds them ready. They come in order, and few are open at a time.
// It ends when the context does; the channel is closed once nothing reads any more.
func (s *Store) openAhead(ctx context.Context, chunks iter.Seq2[[]stored, error]) <-chan *batch {
	workers := runtime.GOMAXPROCS(0)
	type job struct {
		b     *batch
		chunk []stored
	}
	out, jobs := make(chan *batch, 2*workers), make(chan job)
	for range workers {
		go func() {
			for j := range jobs {
				j.b.entries = s.openChunk(j.chunk)
				close(j.b.ready)
			}
		}()
	}
	go func() {
		defer close(out)
		defer close(jobs)
		for chunk, err := range chunks {
			b := &batch{ready: make(chan struct{}), err: err}
			select {
			case out <- b:
			case <-ctx.Done():
				return
			}
			jobs <- job{b, chunk}
		}
	}()
	return out
}

func (s *Store) openChunk(chunk []stored) []opened {
	out := make([]opened, 0, len(chunk))
	for _, c := range chunk {
		e, h, err := s.openEntry(c.value, c.file)
		if err == nil && h.Seq != c.seq {
			err = errMisplaced
		}
		out = append(out, opened{e, h, c, entryDamaged(c.seq, err)})
	}
	return out
}

// chunks yields the whole journal, piece by piece.
func (s *Store) chunks() iter.Seq2[[]stored, error] {
	return func(yield func([]stored, error) bool) {
		for seq := lockport.Seq(1); seq <= s.End(); {
			chunk, err := s.readJournal(seq, false, readEntries)
			if err == nil && (len(chunk) == 0 || chunk[0].seq != seq) {
				err = entryDamaged(seq, errMissing)
			}
			if !yield(chunk, err) || err != nil {
				return
			}
			seq = chunk[len(chunk)-1].seq + 1
		}
	}
}

// next returns the next entry of the journal.
func (x *reindexing) next(ctx context.Context) (opened, error) {
	for len(x.rest) == 0 {
		b, ok := <-x.source
		if !ok {
			if err := context.Cause(ctx); err != nil {
				return opened{}, err
			}
			return opened{}, entryDamaged(x.progress.applied.Seq+1, errMissing)
		}
		<-b.ready
		if b.err != nil {
			return opened{}, b.err
		}
		x.rest = b.entries
	}
	o := x.rest[0]
	x.rest = x.rest[1:]
	next := x.chain.Head().Seq + 1
	switch {
	case o.c.seq != next:
		return opened{}, entryDamaged(next, errMissing)
	case o.err != nil:
		return opened{}, o.err
	}
	return o, entryDamaged(next, x.chain.Add(o.h))
}

// pass goes by the entries that a snapshot of the record has applied.
func (x *reindexing) pass(ctx context.Context, upTo lockport.Seq) error {
	if x.old != nil && x.oldAt.applied.Seq < upTo {
		x.report.NotCompared, x.report.ComparedAt = "a snapshot is where the new one begins, and it had not got that far", 0
		if err := x.closeOld(); err != nil {
			return err
		}
	}
	for x.chain.Head().Seq < upTo {
		o, err := x.next(ctx)
		if err != nil {
			return err
		}
		if x.windows == nil {
			continue
		}
		if o.e.Dedupe != nil {
			x.windows.add(x.s.dedupeToken(o.e.Dedupe), o.h.Seq, o.h.Time)
		}
		if x.windows.waiting() >= windowFlush {
			if err := x.windows.flush(o.h.Seq); err != nil {
				return err
			}
		}
	}
	if x.chain.Head() != x.progress.applied {
		return entryDamaged(upTo, errors.New("it is not the entry that the snapshot of the record has applied"))
	}
	return nil
}

// replay applies the whole journal. A transaction ends at the entry that the old
// record has reached, and there the two are compared.
//
// While the rows of one transaction are sealed and written, the rules of the
// next one run: they find those rows in memory.
func (x *reindexing) replay(ctx context.Context) error {
	end := x.s.End()
	writing := &flushing{done: make(chan struct{})}
	close(writing.done)
	defer func() { <-writing.done }()
	for {
		at := x.progress.applied.Seq
		if x.old != nil && at == x.oldAt.applied.Seq {
			if err := x.settled(writing); err != nil {
				return err
			}
			if err := x.compare(ctx); err != nil {
				return err
			}
		}
		if at == end {
			return x.settled(writing)
		}
		upTo := end
		if x.old != nil && at < x.oldAt.applied.Seq {
			upTo = x.oldAt.applied.Seq
		}
		rows, err := x.apply(ctx, writing.rows, upTo)
		if err == nil {
			err = x.settled(writing)
		}
		if err != nil {
			return err
		}
		writing = x.flush(rows)
		if x.options.Progress != nil {
			x.options.Progress(x.progress.applied.Seq, end)
		}
	}
}

// flushing is a transaction on its way to the file. What it holds may be read
// once done is closed, but for the rows, which nobody changes any more.
type flushing struct {
	rows  overlay
	after progress
	err   error
	done  chan struct{}
}

// flush writes the rows of a transaction behind the caller's back.
func (x *reindexing) flush(rows *recordTx) *flushing {
	f := &flushing{rows: rows.rows, after: x.progress, done: make(chan struct{})}
	r := x.fresh
	go func() {
		defer close(f.done)
		f.err = r.db.Update(func(tx *bolt.Tx) error {
			if err := rows.flush(tx, &f.after); err != nil {
				return err
			}
			return r.putProgress(tx, &f.after)
		})
	}()
	return f
}

// settled waits until a transaction is in the file, and takes over what writing
// it has counted.
func (x *reindexing) settled(f *flushing) error {
	<-f.done
	if f.err != nil || f.rows == nil {
		return f.err
	}
	x.progress.seals, x.progress.rows, x.progress.tags = f.after.seals, f.after.rows, f.after.tags
	f.rows = nil
	if w := x.windows; w != nil && w.waiting() >= windowFlush {
		return w.flush(x.progress.applied.Seq)
	}
	return nil
}

// apply runs the rules as the projector of an open store does, up to the bounds
// above. under holds the rows of the transaction before.
func (x *reindexing) apply(ctx context.Context, under overlay, upTo lockport.Seq) (*recordTx, error) {
	p, done := &projecting{s: x.s, rules: x.rules}, &x.progress
	var rows *recordTx
	err := x.fresh.db.View(func(tx *bolt.Tx) error {
		rows = newRecordTx(x.fresh, tx)
		rows.under = under
		if err := called(func() error { return x.rules.Begin(rows) }); err != nil {
			return fmt.Errorf("begin of the projector: %w", err)
		}
		for n, size := 0, 0; n < replayEntries && size < replayBytes && done.applied.Seq < upTo; n++ {
			o, err := x.next(ctx)
			if err != nil {
				return err
			}
			if err := p.apply(rows, done, o.e); err != nil {
				return err
			}
			done.applied = audit.Head{Seq: o.h.Seq, Hash: audit.Hash(o.h)}
			done.counts[int(o.h.Kind)%len(done.counts)]++
			size += len(o.c.value)
			if x.windows != nil && o.e.Dedupe != nil {
				x.windows.add(x.s.dedupeToken(o.e.Dedupe), o.h.Seq, o.h.Time)
			}
		}
		if err := called(func() error { return x.rules.End(rows) }); err != nil {
			return fmt.Errorf("end of the projector: %w", err)
		}
		return rows.broken
	})
	rows.under = nil
	return rows, err
}
