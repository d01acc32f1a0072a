package repository

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
)

// A snapshot is a copy of the record, kept because retention has dropped what the
// record was made from: where the record is lost, it is made again from the
// newest snapshot on instead of from the first entry on.

// snapshotsKept is how many snapshots stay.
const snapshotsKept = 2

// snapshotName names a snapshot by the last entry that it has applied.
func snapshotName(seq lockport.Seq) string { return fmt.Sprintf("record-%020d.snapshot", seq) }

// snapshotPaths lists the snapshots, the newest first.
func snapshotPaths(dir string) ([]string, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "record-*.snapshot"))
	slices.Sort(paths)
	slices.Reverse(paths)
	return paths, err
}

// droppedThrough returns the last entry of the last file from which payloads were
// dropped, 0 when there is none.
func (j *journal) droppedThrough() lockport.Seq {
	files := j.all()
	for i, f := range slices.Backward(files) {
		if f.gone > 0 && i+1 < len(files) {
			return files[i+1].first - 1
		}
	}
	return 0
}

// makeSnapshot copies the record of a store that is not open, and reads every row
// of the copy before it gets its name.
func (s *Store) makeSnapshot(ctx context.Context) (audit.Head, error) {
	fresh := filepath.Join(s.dir, recordName+".snapshot.new")
	if err := s.vault.copyFlushed(filepath.Join(s.dir, recordName), fresh); err != nil {
		return audit.Head{}, err
	}
	at, err := s.verifySnapshot(ctx, fresh)
	if err != nil {
		return at, errors.Join(err, os.Remove(fresh))
	}
	return at, s.vault.rename(fresh, filepath.Join(s.dir, snapshotName(at.Seq)))
}

// verifySnapshot reads a whole record and returns how far it goes.
func (s *Store) verifySnapshot(ctx context.Context, path string) (audit.Head, error) {
	if _, err := checkPages(path, true); err != nil {
		return audit.Head{}, err
	}
	n, err := s.vault.inspect(path, kindRecord)
	if err == nil && n.store != s.journal.last().id.store {
		err = damaged(path, errors.New("it belongs to another store"))
	}
	if err == nil && s.vault.stale(n) {
		err = madeUnder(path, n)
	}
	if err != nil {
		return audit.Head{}, err
	}
	r := &record{vault: s.vault, path: path, epochs: epochs{keys: s.vault.keys, file: n}}
	if r.db, err = openToRead(path, recordMapped); err != nil {
		return audit.Head{}, err
	}
	var at progress
	err = r.db.View(func(tx *bolt.Tx) error {
		if at, err = r.progress(tx); err != nil {
			return err
		}
		_, err = r.verify(ctx, tx, nil)
		return err
	})
	if err == nil {
		err = s.follows(at.applied)
	}
	return at.applied, errors.Join(err, r.db.abandon())
}

// copySnapshot copies the newest sound snapshot that covers what was dropped.
func (s *Store) copySnapshot(to string) error {
	paths, err := snapshotPaths(s.dir)
	if err != nil {
		return err
	}
	var why error
	for _, path := range paths {
		at, err := s.verifySnapshot(context.Background(), path)
		if err == nil && at.Seq >= s.journal.droppedThrough() {
			return s.vault.copyFlushed(path, to)
		}
		why = errors.Join(why, err)
	}
	err = lockport.Errorf(lockport.Corrupt, "read store", "retention has dropped content up to entry %d, and no snapshot of the record reaches as far: restore a backup", s.journal.droppedThrough())
	return errors.Join(err, why)
}

// recoverRecord puts a snapshot in the place of a record that is gone and can no
// longer be made from the first entry on.
func (s *Store) recoverRecord() error {
	path := filepath.Join(s.dir, recordName)
	if s.journal.droppedThrough() == 0 || sizeOf(path) > 0 {
		return nil
	}
	if err := s.copySnapshot(path + ".new"); err != nil {
		return err
	}
	return s.vault.rename(path+".new", path)
}

// pruneSnapshots removes all but the newest snapshots.
func pruneSnapshots(dir string) error {
	paths, err := snapshotPaths(dir)
	for i, path := range paths {
		if i >= snapshotsKept {
			err = errors.Join(err, os.Remove(path))
		}
	}
	return err
}

// copyFlushed copies a file that nobody writes to, and flushes the copy.
func (v *vault) copyFlushed(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = out.ReadFrom(in)
	if err == nil {
		err = v.flush(out)
	}
	if err = errors.Join(err, out.Close()); err != nil {
		err = errors.Join(err, os.Remove(to))
	}
	return err
}
