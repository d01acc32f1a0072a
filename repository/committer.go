package repository

import (
	"context"
	"time"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
)

// The bounds of one group: what is flushed at once.
const (
	groupEntries = 4096
	groupBytes   = 16 << 20
)

// queueLength is how many callers can stand in line before Append waits.
const queueLength = 4096

// request is one call of Append on its way through the committer.
type request struct {
	entries  []*prepared
	receipts []lockport.Receipt
	urgent   bool // may use the reserve of a full disk
	err      error
	done     chan error
}

// committer is the one writer of the journal: it alone begins transactions on
// the last file, gives out sequences and begins files, so none of that takes a
// lock. Its order is the guarantee: write and flush, then window, recent and end
// (what readers see), then the answers. A duplicate is therefore always one of an
// entry that is flushed, or of one in the same group, which shares its fate.
type committer struct {
	s        *Store
	head     audit.Head
	group    []*request
	entries  int
	bytes    int
	expected int           // how many callers the next group waits for
	took     time.Duration // how long the last commit took
	patience patience
	frames   []byte // of the group being written
	latency  latencies
}

// run commits groups until the queue is closed and empty. After a failure it
// only answers.
func (c *committer) run() {
	for first := range c.s.queue {
		c.take(first)
		c.gather()
		c.finish(c.commit())
	}
}

func (c *committer) take(r *request) {
	c.group = append(c.group, r)
	c.entries += len(r.entries)
	for _, p := range r.entries {
		c.bytes += len(p.sealed)
	}
}

// finish answers everyone in the group and makes ready for the next.
func (c *committer) finish(err error) {
	for _, r := range c.group {
		if r.err == nil {
			r.err = err
		}
		r.done <- r.err
	}
	c.expected = len(c.group) + len(c.s.queue)
	clear(c.group)
	c.group, c.entries, c.bytes = c.group[:0], 0, 0
}

// commit writes the group and flushes it. Nobody is answered before it is on
// disk.
func (c *committer) commit() error {
	s := c.s
	if err := s.Err(); err != nil {
		return lockport.Errorf(lockport.Unavailable, "append", "the store has stopped: %w", err)
	}
	if err := c.makeRoom(); err != nil {
		return err
	}
	fresh, err := c.deduplicate()
	if err != nil {
		s.fail(err)
		return lockport.Errorf(lockport.Unavailable, "append", "the store has stopped: %w", err)
	}
	if len(fresh) == 0 {
		return nil
	}
	began := time.Now()
	head, err := c.write(fresh)
	if err != nil {
		s.fail(lockport.Errorf(lockport.Internal, "commit journal", "%w", err))
		return lockport.Errorf(lockport.Unavailable, "append", "the store has stopped: %w", err)
	}
	c.took = time.Since(began)
	c.latency.add(c.took)
	c.head = head
	c.publish(fresh)
	if err := s.vault.reach(beforeAnswer); err != nil {
		s.fail(err)
		return lockport.Errorf(lockport.Unavailable, "append", "the store has stopped: %w", err)
	}
	return c.rotate()
}

// makeRoom allocates what the group needs. On a full disk messages are turned
// away, and what protects patients (directives, disclosures, outcomes) goes
// into the reserve.
func (c *committer) makeRoom() error {
	s, file := c.s, c.s.journal.last()
	fits, err := file.grow(c.need(false))
	if err == nil {
		s.full.Store(false)
		return nil
	}
	if !full(err) {
		s.fail(lockport.Errorf(lockport.Internal, "grow journal", "%w", err))
		return lockport.Errorf(lockport.Unavailable, "append", "the store has stopped: %w", err)
	}
	s.full.Store(true)
	full := lockport.Errorf(lockport.Full, "append", "the journal cannot grow: %w", err)
	for _, r := range c.group {
		if !r.urgent {
			r.err = full
		}
	}
	if !fits {
		fits, _ = file.grow(c.need(true))
	}
	if !fits {
		return full
	}
	return nil
}

// need returns how many bytes the group takes, or only what goes into the reserve.
func (c *committer) need(urgent bool) int64 {
	var n int64
	for _, r := range c.group {
		if urgent && !r.urgent {
			continue
		}
		for _, p := range r.entries {
			n += int64(frameSize + headerSize + len(p.sealed) + sealSlack)
		}
	}
	return n
}

// sealSlack is what sealing again, for another file, may add.
const sealSlack = 64

// numbered is a prepared entry with its place in the chain.
type numbered struct {
	*prepared
	header audit.Header
	more   uint32 // how many new entries of the same append follow
}

// deduplicate gives sequences to the entries that are new and receipts to all.
func (c *committer) deduplicate() ([]numbered, error) {
	fresh := make([]numbered, 0, c.entries)
	inGroup := make(map[lockport.Token]lockport.Seq)
	for _, r := range c.group {
		if r.err != nil {
			continue
		}
		r.receipts = make([]lockport.Receipt, len(r.entries))
		began := len(fresh)
		for i, p := range r.entries {
			next := c.head.Seq + lockport.Seq(len(fresh)) + 1
			if p.dedupe {
				prior, known := inGroup[p.token]
				if !known {
					var err error
					if prior, known, err = c.s.window.lookup(p.token); err != nil {
						return nil, err
					}
				}
				if known {
					r.receipts[i] = lockport.Receipt{Seq: prior, Duplicate: true}
					continue
				}
				inGroup[p.token] = next
			}
			r.receipts[i] = lockport.Receipt{Seq: next}
			fresh = append(fresh, numbered{prepared: p, header: audit.Header{Seq: next, ID: p.id, Kind: uint8(p.kind), Time: p.time, Commitment: p.commitment}})
		}
		for i := began; i < len(fresh); i++ {
			fresh[i].more = uint32(len(fresh) - 1 - i)
		}
	}
	return fresh, nil
}

// write chains and stores entries with one write and one flush, and returns the
// new head.
func (c *committer) write(fresh []numbered) (audit.Head, error) {
	head, file := c.head, c.s.journal.last()
	end, last := file.end.Load(), file.lastMark()
	c.frames = c.frames[:0]
	var marks []mark
	for i := range fresh {
		p := &fresh[i]
		if p.file != file {
			// The journal went on to the next file after this was sealed.
			c.s.sealFor(p.prepared, file)
		}
		p.header.Prev = head.Hash
		if at := end + int64(len(c.frames)); at-last >= markBytes {
			marks, last = append(marks, mark{p.header.Seq, at}), at
		}
		c.frames = appendFrame(c.frames, uint32(i), p.more, p.header, p.sealed)
		head = audit.Head{Seq: p.header.Seq, Hash: audit.Hash(p.header)}
	}
	err := file.write(c.frames, marks)
	if cap(c.frames) > 4*groupBytes {
		c.frames = nil
	}
	return head, err
}

// publish makes a committed group known to the duplicate window and the projector.
func (c *committer) publish(fresh []numbered) {
	s := c.s
	for _, p := range fresh {
		if p.dedupe {
			s.window.add(p.token, p.header.Seq, p.time)
		}
		if p.kind == lockport.EntryDirectory {
			s.directorySeq.Store(uint64(p.header.Seq))
		}
		p.sealed = nil // it is in the file; what waits for the projector is bounded by its plaintext
	}
	s.recent.put(fresh)
	s.headMu.Lock()
	s.head = c.head
	s.headMu.Unlock()
	s.lag.appended(c.head.Seq, time.Now())
	s.end.Store(uint64(c.head.Seq))
	s.appended.broadcast()
}

// rotate begins the next file when the last one is large enough. Without room
// for it the old file goes on.
func (c *committer) rotate() error {
	s := c.s
	if s.journal.last().end.Load() < s.journal.limit {
		return nil
	}
	if err := s.journal.rotate(c.head); err != nil && !full(err) {
		// The group itself is on disk: it is answered, and nothing after it.
		s.fail(lockport.Errorf(lockport.Internal, "begin the next journal file", "%w", err))
	}
	return nil
}

// Append makes entries durable, atomically and in their order, and returns when
// they are on disk. While the record is far behind the journal it waits: answers
// are delayed, never dropped. The errors are those of lockport.Journal; an entry
// that cannot be encoded is of kind Invalid.
func (s *Store) Append(ctx context.Context, entries []lockport.Entry) ([]lockport.Receipt, error) {
	if len(entries) == 0 {
		return nil, nil
	}
	// Once a request is queued it is stored whether or not its caller still waits;
	// whoever has given up before is sure that it is not.
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	r := &request{entries: make([]*prepared, len(entries)), urgent: urgent(entries), done: make(chan error, 1)}
	if err := s.waitForProjector(ctx, r.urgent); err != nil {
		return nil, err
	}
	for i := range entries {
		p, err := s.prepare(&entries[i])
		if err != nil {
			return nil, err
		}
		r.entries[i] = p
	}
	if err := s.enqueue(ctx, r); err != nil {
		return nil, err
	}
	select {
	case err := <-r.done:
		if err != nil {
			return nil, err
		}
		return r.receipts, s.addPriors(ctx, entries, r.receipts)
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// urgent reports whether entries may use what is kept in reserve for a full
// disk: everything but messages, which their senders keep and send again.
func urgent(entries []lockport.Entry) bool {
	for i := range entries {
		if k := entries[i].Kind; k == lockport.EntryMessage || k == lockport.EntryRefusal {
			return false
		}
	}
	return true
}

func (s *Store) enqueue(ctx context.Context, r *request) error {
	s.gate.RLock()
	defer s.gate.RUnlock()
	if s.closed {
		return lockport.Errorf(lockport.Unavailable, "append", "the store is closing")
	}
	select {
	case s.queue <- r:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// addPriors fetches what the duplicates are duplicates of, and checks that the
// window told the truth.
func (s *Store) addPriors(ctx context.Context, entries []lockport.Entry, receipts []lockport.Receipt) error {
	for i := range receipts {
		if !receipts[i].Duplicate {
			continue
		}
		prior, err := s.Entry(ctx, receipts[i].Seq)
		if err != nil {
			return err
		}
		if prior.Dedupe == nil || *prior.Dedupe != *entries[i].Dedupe {
			return lockport.Errorf(lockport.Corrupt, "append", "the duplicate window names entry %d, which is another message", receipts[i].Seq)
		}
		receipts[i].Prior = prior
	}
	return nil
}

// The record may be this far behind the journal before Append waits.
const (
	backlogLimit = 5000
	lagLimit     = 250 * time.Millisecond
)

// behind reports whether the record is too far behind.
func (s *Store) behind() bool {
	n := s.backlog()
	return n >= backlogLimit || n > 0 && s.lag.since(time.Now()) > lagLimit
}

// waitForProjector delays an append while the record is far behind. urgent
// entries do not wait for a record that is full: they go where it cannot follow.
func (s *Store) waitForProjector(ctx context.Context, urgent bool) error {
	for {
		moved := s.moved.wait()
		if s.recordFull.Load() {
			if urgent {
				return nil
			}
			return lockport.Errorf(lockport.Full, "append", "the record cannot grow")
		}
		if !s.behind() {
			return nil
		}
		select {
		case <-moved:
		case <-s.failed:
			return lockport.Errorf(lockport.Unavailable, "append", "the store has stopped: %w", s.Err())
		case <-s.closing:
			return lockport.Errorf(lockport.Unavailable, "append", "the store is closing")
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
