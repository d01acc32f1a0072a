package repository

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
)

// ReindexOptions say how Reindex works.
type ReindexOptions struct {
	Check    bool                           // only compare: the new record is thrown away
	Progress func(done, total lockport.Seq) // called after each transaction, when it is not nil
}

// ReindexReport says what Reindex has made and how it differs from what was
// there. It holds no content.
type ReindexReport struct {
	Entries     lockport.Seq      `json:"entries"`                // applied
	Rows        uint64            `json:"rows"`                   // of the new record
	Poisoned    uint64            `json:"projection_failed"`      // entries whose projection failed
	ComparedAt  lockport.Seq      `json:"compared_at"`            // the entry up to which the old record had applied the journal
	NotCompared string            `json:"not_compared,omitempty"` // why the old record was not compared
	Differences []TableDifference `json:"differences,omitempty"`  // between the old record and the new one, by table
	Replaced    bool              `json:"replaced"`               // the new record is in the place of the old one
	Windows     int               `json:"windows"`                // day files of the duplicate window made again
}

// Equal reports whether the old record was compared and had the same rows.
func (r ReindexReport) Equal() bool { return r.NotCompared == "" && len(r.Differences) == 0 }

// Reindex makes the record again from the first entry of the journal on, or where
// retention has dropped content from the newest snapshot on, beside the one that
// there is, compares the two at the entry that the old one had
// reached, and puts the new one in its place. A duplicate window that is
// damaged or missing is made again as well. The store must not be open.
//
// When it fails or is cut short, the old files are as they were. It fails with
// kind Corrupt when the journal itself is damaged, or is shorter than what the
// old record knows: then only a backup helps.
func Reindex(ctx context.Context, o Options, r ReindexOptions) (report ReindexReport, err error) {
	const op = "reindex"
	if o.Projector == nil {
		return report, lockport.Errorf(lockport.Invalid, op, "a projector is needed")
	}
	s, err := openOffline(o)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, s.closeOffline()) }()
	x := &reindexing{s: s, rules: o.Projector, options: r, report: &report}
	err = x.run(ctx)
	if err != nil {
		err = errors.Join(classify(op, err), x.discard())
	}
	return report, err
}

// openOffline takes a store for this process and opens its journal to be read.
// Nothing is written; the record and the window stay closed.
func openOffline(o Options) (*Store, error) {
	if err := storeAt(o.Dir); err != nil {
		return nil, err
	}
	v, err := newVault(o)
	if err != nil {
		return nil, err
	}
	s := &Store{dir: o.Dir, now: o.Now, vault: v}
	if s.lock, err = lockDir(o.Dir); err != nil {
		return nil, err
	}
	s.journal = &journal{dir: o.Dir, vault: v}
	if old, err := format1Paths(o.Dir); err != nil || len(old) > 0 {
		err = errors.Join(err, lockport.Errorf(lockport.Conflict, "open store", "%s has format 1: start the server once, which brings it to today's", o.Dir))
		return nil, errors.Join(err, s.closeOffline())
	}
	if s.head, err = s.journal.openAll(); err == nil {
		s.end.Store(uint64(s.head.Seq))
		return s, nil
	}
	return nil, errors.Join(classify("open store", err), s.closeOffline())
}

func (s *Store) closeOffline() error {
	return errors.Join(s.journal.close(), s.lock.Close())
}

// reindexing is one run of Reindex.
type reindexing struct {
	s        *Store
	rules    lockport.Projector
	options  ReindexOptions
	report   *ReindexReport
	fresh    *record
	progress progress // of the new record
	chain    *audit.Verifier
	old      *record // nil when it cannot be compared
	oldAt    progress
	windows  *window // nil when those that there are do
	source   <-chan *batch
	rest     []opened
}

// unfinished is the name of the new record until it is complete.
func (x *reindexing) unfinished() string { return filepath.Join(x.s.dir, recordName+".new") }

func (x *reindexing) windowDir() string { return filepath.Join(x.s.dir, "window.new") }

func (x *reindexing) run(ctx context.Context) error {
	if err := removeUnfinished(x.s.dir); err != nil {
		return err
	}
	if err := x.openOld(); err != nil {
		return err
	}
	defer func() { _ = x.closeOld() }() // it was only read
	if err := x.begin(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	x.source = x.s.openAhead(ctx, x.s.chunks())
	if err := x.pass(ctx, x.progress.applied.Seq); err != nil {
		return err
	}
	if err := x.replay(ctx); err != nil {
		return err
	}
	x.report.Entries, x.report.Rows, x.report.Poisoned = x.progress.applied.Seq, x.progress.rows, x.progress.poison
	if x.options.Check {
		return x.discard()
	}
	return x.finish()
}

// openOld opens the old record to be compared. One that is damaged is why the
// new one is wanted; one that knows more than the journal shows that entries of
// the journal are lost, which a new record would hide.
func (x *reindexing) openOld() error {
	old, at, err := x.s.openOldRecord()
	if kind := lockport.KindOf(err); err != nil && (kind == lockport.Corrupt || kind == lockport.NotFound || kind == lockport.Refused) {
		x.report.NotCompared = err.Error()
		return nil
	}
	if err != nil {
		return err
	}
	x.old, x.oldAt, x.report.ComparedAt = old, at, at.applied.Seq
	if err := x.s.follows(at.applied); err != nil {
		return errors.Join(err, x.closeOld())
	}
	if x.s.vault.stale(old.epochs.file) {
		// Its keys are hashes under another hash key: not one would be the same.
		x.report.NotCompared, x.report.ComparedAt = madeUnder(old.path, old.epochs.file).Error(), 0
		return x.closeOld()
	}
	return nil
}

// openOldRecord opens the record to be read, and reads what it has applied.
func (s *Store) openOldRecord() (*record, progress, error) {
	path := filepath.Join(s.dir, recordName)
	if sizeOf(path) == 0 {
		return nil, progress{}, lockport.Errorf(lockport.NotFound, "read record", "there is no record")
	}
	if _, err := checkPages(path, true); err != nil {
		return nil, progress{}, err
	}
	n, err := s.vault.inspect(path, kindRecord)
	if err == nil && n.store != s.journal.last().id.store {
		err = damaged(path, errors.New("it belongs to another store"))
	}
	if err != nil {
		return nil, progress{}, err
	}
	r := &record{vault: s.vault, path: path, epochs: epochs{keys: s.vault.keys, file: n}}
	if r.db, err = openToRead(path, recordMapped); err != nil {
		return nil, progress{}, err
	}
	at, err := r.currentProgress()
	if err != nil {
		return nil, at, errors.Join(err, r.db.abandon())
	}
	return r, at, nil
}

func (x *reindexing) closeOld() error {
	if x.old == nil {
		return nil
	}
	db := x.old.db
	x.old = nil
	return db.abandon()
}

// begin makes the new files.
func (x *reindexing) begin() error {
	s := x.s
	var err error
	if s.journal.droppedThrough() > 0 {
		if err := s.copySnapshot(x.unfinished()); err != nil {
			return err
		}
	}
	if x.fresh, err = openRecordAt(s.vault, x.unfinished(), s.journal.last().id.store); err != nil {
		return err
	}
	if x.progress, err = x.fresh.currentProgress(); err != nil {
		return err
	}
	// Until it is complete nobody misses the file.
	x.fresh.db.NoSync, x.fresh.db.NoGrowSync, x.fresh.db.NoFreelistSync = true, true, true
	x.chain = audit.NewVerifier(audit.Head{})
	sound, err := s.windowsSound()
	if err != nil || sound {
		return err
	}
	if err := os.Mkdir(x.windowDir(), 0o700); err != nil {
		return err
	}
	x.windows, err = openWindow(s.vault, x.windowDir(), s.journal.last().id.store)
	return err
}

// finish makes the new files durable and puts them in the place of the old ones.
func (x *reindexing) finish() error {
	s := x.s
	db := x.fresh.db
	x.fresh = nil
	if err := db.close(); err != nil {
		return err
	}
	// A process that was killed may have left entries that no flush has promised:
	// the record must not know more than a power cut leaves of the journal.
	if err := s.vault.flush(s.journal.last().f); err != nil {
		return err
	}
	if err := s.vault.syncFile(x.unfinished()); err != nil {
		return err
	}
	if _, err := checkPages(x.unfinished(), true); err != nil {
		return fmt.Errorf("the new record: %w", err)
	}
	if err := os.Rename(x.unfinished(), filepath.Join(s.dir, recordName)); err != nil {
		return err
	}
	if err := syncDir(s.dir); err != nil {
		return err
	}
	x.report.Replaced = true
	return x.finishWindows()
}

// finishWindows puts the new day files in the place of the old ones. The newest
// goes last: whatever a crash leaves of them reaches no further than its newest
// file says, and the rest is read from the journal again.
func (x *reindexing) finishWindows() error {
	if x.windows == nil {
		return nil
	}
	w := x.windows
	x.windows = nil
	err := w.flush(x.s.head.Seq)
	var days []string
	for _, d := range w.days {
		days = append(days, d.path)
	}
	if err := errors.Join(err, w.close()); err != nil {
		return err
	}
	old, err := filepath.Glob(filepath.Join(x.s.dir, "window-*.bolt"))
	if err != nil {
		return err
	}
	for _, path := range old {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	for _, path := range days {
		if err := os.Rename(path, filepath.Join(x.s.dir, filepath.Base(path))); err != nil {
			return err
		}
	}
	x.report.Windows = len(days)
	return errors.Join(os.RemoveAll(x.windowDir()), syncDir(x.s.dir))
}

// discard removes what is not finished.
func (x *reindexing) discard() error {
	var err error
	if x.fresh != nil {
		err = x.fresh.db.abandon()
	}
	if x.windows != nil {
		err = errors.Join(err, x.windows.close())
	}
	x.fresh, x.windows = nil, nil
	return errors.Join(err, removeUnfinished(x.s.dir))
}
