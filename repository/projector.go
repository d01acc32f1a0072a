package repository

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
)

// The bounds of one transaction of the record.
const (
	applyEntries = 2000
	applyTime    = 90 * time.Millisecond // each transaction rewrites the pages it touches: few large ones write less
	applyWaited  = 5 * time.Millisecond  // while someone waits for it
	bulkEntries  = 10_000                // while the store opens: nobody reads yet
	bulkTime     = time.Second
)

// yieldEvery is after how many entries, and rows, the projector lets others run:
// the scheduler would leave it on a processor for 10 ms, and whoever waits there
// for an acknowledgement behind it.
const yieldEvery = 8

// poisonRule is the version of the rule that closes an entry whose projection
// failed.
const poisonRule = 1

// recent hands committed entries to the projector without reading them back. It
// passes on the encoded form, so that live and replayed entries are decoded from
// the same bytes.
type recent struct {
	mu      sync.Mutex
	entries map[lockport.Seq]numbered
	bytes   int
}

// recentBytes bounds it. What does not fit is read from the journal.
const recentBytes = 32 << 20

func (r *recent) put(fresh []numbered) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.entries == nil {
		r.entries = make(map[lockport.Seq]numbered)
	}
	for _, p := range fresh {
		if r.bytes+len(p.plain) > recentBytes {
			return
		}
		r.bytes += len(p.plain)
		r.entries[p.header.Seq] = p
	}
}

func (r *recent) take(seq lockport.Seq) (numbered, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p, ok := r.entries[seq]
	if ok {
		delete(r.entries, seq)
		r.bytes -= len(p.plain)
	}
	return p, ok
}

// projecting applies the journal to the record. It is the record's one writer.
//
// A transaction has two halves: the rules run against a read transaction and
// write into memory, then everything goes to the file at once. So the file's
// writer is short, a poisoned entry is dropped without a trace, and a full disk
// repeats the second half only: the rules keep counters of their own and must
// see each entry once.
type projecting struct {
	s        *Store
	rules    lockport.Projector
	progress progress
	chunk    []stored // read ahead from the journal
}

// run applies entries until the store closes and everything is applied.
func (p *projecting) run() {
	defer close(p.s.projected)
	for p.await() {
		err := p.transaction()
		if errors.Is(err, errGivenUp) {
			return
		}
		if err != nil {
			p.s.fail(err)
			return
		}
	}
}

// await returns true when there is an entry to apply and false when the store
// closes.
func (p *projecting) await() bool {
	for {
		appended := p.s.appended.wait()
		if p.s.abandoned.Load() {
			return false
		}
		if p.progress.applied.Seq < p.s.End() {
			return true
		}
		retry, stop := p.retry()
		select {
		case <-retry:
			stop()
			if p.refill() != nil {
				return true // the transaction that follows meets the same failure
			}
		case <-p.s.committed:
			stop()
			// The committer has ended: what it appended last may have come after
			// the look above.
			if p.progress.applied.Seq >= p.s.End() {
				return false
			}
		case <-appended:
			stop()
		}
	}
}

// fullRetry is how often a full disk is looked at again.
const fullRetry = 250 * time.Millisecond

// retry returns a channel that speaks when the reserve should be tried again,
// and how to stop it.
func (p *projecting) retry() (<-chan time.Time, func()) {
	if p.s.reserve.held {
		return nil, func() {}
	}
	t := time.NewTimer(fullRetry)
	return t.C, func() { t.Stop() }
}

// refill takes back the reserve. Messages are taken again when it is there.
func (p *projecting) refill() error {
	if !p.s.reserve.held {
		if err := p.s.reserve.fill(); err != nil {
			return err
		}
	}
	if was := p.s.recordFull.Swap(!p.s.reserve.held); was && p.s.reserve.held {
		p.s.moved.broadcast()
	}
	return nil
}

// pause waits before a full disk is tried again.
func (p *projecting) pause() bool {
	t := time.NewTimer(fullRetry)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-p.s.closing:
		return false
	}
}

// transaction applies as many entries as there are and the bounds allow.
func (p *projecting) transaction() error {
	r := p.s.record
	var rows *recordTx
	done := p.progress
	err := p.reading(func(tx *bolt.Tx) error {
		rows = newRecordTx(r, tx)
		if err := called(func() error { return p.rules.Begin(rows) }); err != nil {
			return fmt.Errorf("begin of the projector: %w", err)
		}
		if err := p.applyAll(rows, &done); err != nil {
			return err
		}
		if err := called(func() error { return p.rules.End(rows) }); err != nil {
			return fmt.Errorf("end of the projector: %w", err)
		}
		return rows.broken
	})
	if err != nil {
		return err
	}
	return p.store(rows, done)
}

// freelistPages is up to how many free pages the record's list of them is
// written with each transaction. With the list a store that was killed opens at
// once, without it the whole file is read to find them; but a long list costs
// more than the transaction it is written with.
const freelistPages = 20_000

// store commits what a transaction has made, as soon as there is room for it.
func (p *projecting) store(rows *recordTx, done progress) error {
	r := p.s.record
	r.db.NoFreelistSync = r.db.Stats().FreePageN > freelistPages
	if err := r.vault.reach(beforeApply); err != nil {
		return err
	}
	for {
		after := done
		err := r.db.Update(func(tx *bolt.Tx) error {
			if err := rows.flush(tx, &after); err != nil {
				return err
			}
			if err := r.putProgress(tx, &after); err != nil {
				return err
			}
			return r.vault.reach(beforeCommit)
		})
		if err == nil {
			err = r.vault.reach(afterCommit)
		}
		if err == nil {
			time.Sleep(2 * r.vault.delay) // bbolt flushes twice
			p.progress = after
			return errors.Join(p.refill(), p.publish(rows))
		}
		// The rows stay as they are and are written again when there is room:
		// the projector must not see the same entry twice.
		if !full(err) {
			return err
		}
		p.s.recordFull.Store(true)
		p.s.moved.broadcast()
		if spent, err := p.s.reserve.spend(); spent || err != nil {
			if err != nil {
				return err
			}
			continue
		}
		if !p.pause() {
			return errGivenUp
		}
	}
}

// errGivenUp ends the projector when the store closes while the disk is full.
var errGivenUp = errors.New("closed while the disk was full")

// reading runs fn on a read transaction: only the projector writes, so nothing
// changes underneath it.
func (p *projecting) reading(fn func(tx *bolt.Tx) error) error {
	tx, err := p.s.record.db.Begin(false)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	return p.s.record.db.guard(func() error { return fn(tx) })
}

// publish makes a committed transaction known.
func (p *projecting) publish(rows *recordTx) error {
	s := p.s
	s.publishProgress(p.progress)
	if rows.touched(lockport.TableOutbox) {
		s.outbox.broadcast()
	}
	if s.window.waiting() < windowFlush {
		return nil
	}
	// A disk without room is no reason to stop: the tokens stay in memory and in
	// the journal, and are written after a later transaction.
	if err := s.window.flush(s.End()); err != nil && !full(err) {
		return err
	}
	return nil
}

func (p *projecting) applyAll(rows *recordTx, done *progress) error {
	began := time.Now()
	entries, limit := applyEntries, applyTime
	if p.s.opening.Load() {
		entries, limit = bulkEntries, bulkTime
	}
	for n := 0; n < entries; {
		left := limit - time.Since(began)
		if p.s.waiters.Load() > 0 {
			left = min(left, applyWaited-time.Since(began))
		}
		if left <= 0 && n > 0 || p.s.abandoned.Load() {
			return nil
		}
		seq := done.applied.Seq + 1
		if seq > p.s.End() {
			if !p.linger(left) {
				return nil
			}
			continue
		}
		e, h, err := p.fetch(seq)
		if err != nil {
			return err
		}
		if err := p.apply(rows, done, e); err != nil {
			return err
		}
		done.applied = audit.Head{Seq: seq, Hash: audit.Hash(h)}
		done.counts[int(h.Kind)%len(done.counts)]++
		if n++; n%yieldEvery == 0 {
			runtime.Gosched()
		}
	}
	return nil
}

// linger waits for a further entry and reports whether one may have come. The
// commit of each transaction costs two flushes, so while nobody waits for it the
// transaction stays open for a while.
func (p *projecting) linger(left time.Duration) bool {
	appended, waited := p.s.appended.wait(), p.s.waited.wait()
	if p.s.waiters.Load() > 0 || p.s.opening.Load() {
		return false
	}
	t := time.NewTimer(left)
	defer t.Stop()
	select {
	case <-appended:
		return true
	case <-waited:
		return false
	case <-p.s.closing:
		return false
	case <-t.C:
		return false
	}
}

// apply applies one entry. One that fails leaves no row but its quarantine.
func (p *projecting) apply(rows *recordTx, done *progress, e *lockport.Entry) error {
	if _, gone := e.Body.(*lockport.Dropped); gone {
		// Only a snapshot of the record knows what it said.
		return entryDamaged(e.Seq, errDropped)
	}
	rows.begin()
	err := called(func() error { return p.rules.Apply(rows, e) })
	if rows.broken != nil {
		return rows.broken
	}
	if err == nil {
		rows.keep()
		return nil
	}
	rows.drop()
	done.poison++
	return rows.Put(lockport.TableQuarantine, e.Seq.Key(), &lockport.Quarantined{
		Seq: e.Seq, Reason: "projection failed", State: lockport.StateQuarantined, Rule: poisonRule})
}

// called runs a piece of the projector's rules. What a panic says is not kept:
// it may hold content.
func called(fn func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic in the projection (%T)", r)
		}
	}()
	return fn()
}

// fetch returns the entry to apply next.
func (p *projecting) fetch(seq lockport.Seq) (*lockport.Entry, audit.Header, error) {
	if n, ok := p.s.recent.take(seq); ok {
		e, err := p.s.decodeBody(n.header, n.plain)
		return e, n.header, entryDamaged(seq, err)
	}
	// Entries that were read ahead may have been taken from recent meanwhile.
	for len(p.chunk) > 0 && p.chunk[0].seq < seq {
		p.chunk = p.chunk[1:]
	}
	if len(p.chunk) == 0 {
		var err error
		if p.chunk, err = p.s.journal.read(seq, false, readEntries); err != nil {
			return nil, audit.Header{}, err
		}
	}
	if len(p.chunk) == 0 || p.chunk[0].seq != seq {
		return nil, audit.Header{}, entryDamaged(seq, errMissing)
	}
	next := p.chunk[0]
	p.chunk = p.chunk[1:]
	e, h, err := p.s.openEntry(next.value, next.file)
	if err == nil && h.Seq != seq {
		err = errMisplaced
	}
	return e, h, entryDamaged(seq, err)
}
