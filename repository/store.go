package repository

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
	"github.com/lockport-hie/lockport/consent"
)

// Options say where a store is and what works on it.
type Options struct {
	Dir          string             // the directory of the store's files
	Keys         Keys               // from LoadKeys
	Now          func() time.Time   // stamps entries that come without a time
	Projector    lockport.Projector // makes the record; not needed by Create
	JournalBytes int64              // size at which the next journal file begins; 0 is 256 MiB

	// FlushDelay is added to every flush of the disk: what a slower disk would
	// give can be measured on a fast one. It is 0 in service.
	FlushDelay time.Duration

	seam seams
}

// seams are what tests change to show that they would notice. Nothing outside
// this package's tests can reach them.
type seams struct {
	noSync    bool                    // commits do not reach the disk
	hasty     bool                    // groups do not wait for callers who come back
	maxSize   int                     // bytes that a bbolt file may have
	grow      func(size int64) error  // asked before a journal file grows to a size
	synced    func(path string)       // told what Open has flushed
	did       func(what, path string) // told what Rekey has done to the disk
	at        func(p point) error     // asked at each point of the work
	unchecked bool                    // bbolt opens files whose pages were not looked at
	target    func() error            // asked before each write of a backup
}

// A file of this size is read through in about a second after a crash.
const defaultJournalBytes = 256 << 20

// Store is an open store. All methods are safe for concurrent use.
//
// Two goroutines do the work: the committer moves end, the projector moves
// applied, and applied never passes end. gate, headMu and the locks of journal,
// window and recent are leaves but for gate, under which a request waits for a
// place in the queue; the committer takes none of gate, so it always drains.
type Store struct {
	dir     string
	now     func() time.Time
	vault   *vault
	lock    *os.File
	journal *journal
	record  *record
	window  *window
	reserve *reserve

	queue  chan *request
	gate   sync.RWMutex // held for reading while a request is put into the queue
	closed bool         // guarded by gate
	commit *committer

	caring sync.Mutex // held while the journal is copied or its files are rewritten

	headMu sync.Mutex
	head   audit.Head

	end          atomic.Uint64
	applied      atomic.Uint64
	directorySeq atomic.Uint64 // the last entry that may have changed the directory
	progress     atomic.Pointer[progress]
	directory    atomic.Pointer[loadedDirectory]
	waiters      atomic.Int64 // how many wait for the record
	full         atomic.Bool  // the journal has no room for messages
	recordFull   atomic.Bool  // the record has no room for messages
	opening      atomic.Bool
	abandoned    atomic.Bool // Close has run out of time

	scrubs   scrubs
	recent   recent
	lag      lag
	appended signal // the journal has grown
	moved    signal // the record has moved on
	waited   signal // someone waits for the record
	outbox   signal // outbox rows may have been added

	closing   chan struct{} // closed when Close begins
	committed chan struct{} // closed when the committer has ended
	projected chan struct{} // closed when the projector has ended
	filtered  chan struct{} // closed when the window's filters are built

	failOnce sync.Once
	failed   chan struct{}
	err      error // set before failed is closed
}

var (
	_ lockport.Journal = (*Store)(nil)
	_ consent.Subjects = (*Store)(nil)
)

func newVault(o Options) (*vault, error) {
	if o.Keys.ring == nil {
		return nil, lockport.Errorf(lockport.Invalid, "open store", "no keys were given")
	}
	c, err := newCodec()
	if err != nil {
		return nil, lockport.Errorf(lockport.Internal, "open store", "%w", err)
	}
	return &vault{hasher: newHasher(o.Keys.current()), codec: c, keys: o.Keys, delay: o.FlushDelay, seam: o.seam}, nil
}

// Create makes an empty store. A directory that holds one already is an error
// of kind Conflict. When Create returns, the store survives a power cut; when
// it is cut short, the directory holds no store and Create can be run again.
func Create(o Options) error {
	const op = "create store"
	v, err := newVault(o)
	if err != nil {
		return err
	}
	if err := makeDir(o.Dir); err != nil {
		return lockport.Errorf(lockport.Internal, op, "%w", err)
	}
	lock, err := lockDir(o.Dir)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }()
	names, err := filepath.Glob(filepath.Join(o.Dir, "*.bolt"))
	if err == nil && len(names) > 0 {
		return lockport.Errorf(lockport.Conflict, op, "%s holds a store already", o.Dir)
	}
	if err == nil {
		names, err = journalPaths(o.Dir)
	}
	if err == nil && len(names) > 0 {
		return lockport.Errorf(lockport.Conflict, op, "%s holds a store already", o.Dir)
	}
	n, idErr := v.newIdentity(kindJournal, [16]byte{})
	if err := errors.Join(err, idErr); err != nil {
		return lockport.Errorf(lockport.Internal, op, "%w", err)
	}
	// The store's id is random like a file's; the journal's first file exists
	// last of all that Open needs, so it alone decides whether there is a store.
	err = v.createJournalFile(o.Dir, 1, n.id, audit.Head{})
	if err != nil {
		kind := lockport.Internal
		if full(err) {
			kind = lockport.Full
		}
		return lockport.Errorf(kind, op, "%w", err)
	}
	return nil
}

// Open opens a store: it takes the directory for this process, checks that this
// version and these keys can read every file before it changes any, and applies
// what the record lacks. It fails with kind NotFound where there is no store,
// Conflict where a server has it open, Refused for wrong keys, Unsupported for a
// newer format and Corrupt for files that do not fit together.
func Open(o Options) (*Store, error) {
	const op = "open store"
	if o.Projector == nil || o.Now == nil {
		return nil, lockport.Errorf(lockport.Invalid, op, "a projector and a clock are needed")
	}
	if err := storeAt(o.Dir); err != nil {
		return nil, err
	}
	v, err := newVault(o)
	if err != nil {
		return nil, err
	}
	s := &Store{
		dir: o.Dir, now: o.Now, vault: v,
		queue:   make(chan *request, queueLength),
		closing: make(chan struct{}), committed: make(chan struct{}), projected: make(chan struct{}),
		filtered: make(chan struct{}), failed: make(chan struct{}),
	}
	if s.lock, err = lockDir(o.Dir); err != nil {
		return nil, err
	}
	if err := s.openFiles(o); err != nil {
		return nil, errors.Join(classify(op, err), s.closeFiles(false))
	}
	s.loadScrub()
	if err := s.start(o.Projector); err != nil {
		return nil, err
	}
	return s, nil
}

// classify gives an error of the file system its kind.
func classify(op string, err error) error {
	var known *lockport.Error
	if errors.As(err, &known) {
		return err
	}
	if full(err) {
		return lockport.Errorf(lockport.Full, op, "%w", err)
	}
	return lockport.Errorf(lockport.Internal, op, "%w", err)
}

func (s *Store) openFiles(o Options) error {
	stale, err := s.inspectAll()
	if err != nil {
		return err
	}
	if err := errors.Join(removeUnfinished(o.Dir), s.vault.migrate(o.Dir)); err != nil {
		return err
	}
	limit := o.JournalBytes
	if limit <= 0 {
		limit = defaultJournalBytes
	}
	if s.journal, s.head, err = openJournal(s.vault, o.Dir, limit); err != nil {
		return err
	}
	s.end.Store(uint64(s.head.Seq))
	if err := s.dropStale(stale); err != nil {
		return err
	}
	store := s.journal.last().id.store
	if s.window, err = openWindow(s.vault, o.Dir, store); err != nil {
		return err
	}
	if err := s.refillWindow(); err != nil {
		return err
	}
	if err := s.recoverRecord(); err != nil {
		return err
	}
	if s.record, err = openRecord(s.vault, o.Dir, store); err != nil {
		return err
	}
	s.reserve, err = openReserve(s.vault, o.Dir)
	return err
}

// refillWindow reads what the duplicate window had in memory when the store was
// last open.
func (s *Store) refillWindow() error {
	if s.window.through > s.head.Seq {
		// Answering from such a window would acknowledge messages that are lost.
		return entriesMissing(s.dir, s.head.Seq, "duplicate window", s.window.through)
	}
	for seq := s.window.through + 1; seq <= s.head.Seq; {
		chunk, err := s.journal.read(seq, false, readEntries)
		if err != nil {
			return err
		}
		if len(chunk) == 0 {
			return entryDamaged(seq, errMissing)
		}
		for _, c := range chunk {
			e, h, err := s.openEntry(c.value, c.file)
			if err != nil {
				return entryDamaged(c.seq, err)
			}
			if e.Dedupe != nil {
				s.window.add(s.dedupeToken(e.Dedupe), h.Seq, h.Time)
			}
			seq = c.seq + 1
		}
		if s.window.waiting() >= windowFlush {
			if err := s.window.flush(seq - 1); err != nil {
				return err
			}
		}
	}
	return nil
}

// start checks that record and journal belong together, and sets the committer
// and the projector to work. It returns when the record has caught up.
func (s *Store) start(rules lockport.Projector) error {
	p := &projecting{s: s, rules: rules}
	err := s.readProgress(p)
	if err == nil {
		if err = s.renewRecord(); err == nil {
			err = s.readProgress(p)
		}
	}
	if err != nil {
		return errors.Join(classify("open store", err), s.closeFiles(false))
	}
	s.directorySeq.Store(uint64(s.head.Seq))
	s.publishProgress(p.progress)
	s.commit = &committer{s: s, head: s.head}
	s.opening.Store(true)
	go func() {
		defer close(s.committed)
		s.commit.run()
	}()
	go p.run()
	go func() {
		defer close(s.filtered)
		if err := s.window.buildFilters(); err != nil {
			s.fail(err)
		}
	}()
	err = s.catchUp()
	s.opening.Store(false)
	if err != nil {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		return errors.Join(err, s.Close(ctx))
	}
	return nil
}

// entriesMissing says that a view knows entries that the journal does not hold.
func entriesMissing(dir string, end lockport.Seq, view string, knows lockport.Seq) error {
	return damaged(filepath.Join(dir, journalName(1)), fmt.Errorf("the journal ends at entry %d and the %s has applied %d: entries are missing", end, view, knows))
}

func (s *Store) readProgress(p *projecting) error {
	tx, err := s.record.db.Begin(false)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if err := s.record.db.guard(func() (err error) { p.progress, err = s.record.progress(tx); return err }); err != nil {
		return err
	}
	return s.follows(p.progress.applied)
}

// catchUp waits until the record has applied what the journal held.
func (s *Store) catchUp() error {
	for {
		moved := s.moved.wait()
		if s.Applied() >= s.End() {
			return nil
		}
		if s.recordFull.Load() {
			return lockport.Errorf(lockport.Full, "open store", "the disk is full: the record cannot take what the journal holds")
		}
		select {
		case <-moved:
		case <-s.failed:
			return s.Err()
		}
	}
}

func (s *Store) publishProgress(p progress) {
	s.progress.Store(&p)
	s.applied.Store(uint64(p.applied.Seq))
	s.lag.applied(p.applied.Seq)
	s.moved.broadcast()
}
