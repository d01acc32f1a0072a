package repository

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
)

// What stands in the keys of record and window are hashes under the hash key of
// the pair that was current when the file was made. Under another one nothing in
// them is found, so such files go, and are made again from the journal.

// stale reports whether a view was made under a pair that is not the current one.
func (v *vault) stale(n identity) bool { return n.key != v.keys.current().id }

// madeUnder says why a view is not used.
func madeUnder(path string, n identity) error {
	return lockport.Errorf(lockport.Refused, "read store", "%s was made under key %s, which is not the current one", filepath.Base(path), n.key)
}

// dropStale removes the views in stale. The record is asked first how far it
// knows the journal: a journal that has lost entries must not get a new record
// that hides it.
func (s *Store) dropStale(stale []string) error {
	if len(stale) == 0 {
		return nil
	}
	if slices.Contains(stale, filepath.Join(s.dir, recordName)) {
		r, at, err := s.openOldRecord()
		if err == nil {
			err = errors.Join(s.follows(at.applied), r.db.abandon())
		}
		// A migration to today's format has removed it already.
		if err != nil && lockport.KindOf(err) != lockport.NotFound {
			return err
		}
	}
	// The newest day goes first: it says how far the window reaches.
	slices.Sort(stale)
	for _, path := range slices.Backward(stale) {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return syncDir(s.dir)
}

// follows checks that the journal holds what a record has applied.
func (s *Store) follows(at audit.Head) error {
	if at.Seq > s.head.Seq {
		return entriesMissing(s.dir, s.head.Seq, "record", at.Seq)
	}
	hash, err := s.journal.hashOf(at.Seq)
	if err == nil && hash != at.Hash {
		err = entryDamaged(at.Seq, errors.New("it is not the entry that the record has applied"))
	}
	return err
}

// inspectAll looks at every file before any is opened for writing,
// and returns the views that were made under other keys than the current ones.
func (s *Store) inspectAll() (stale []string, err error) {
	paths, err := journalPaths(s.dir)
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		if err := s.vault.inspectJournalFile(path); err != nil {
			return nil, err
		}
	}
	return s.inspectViews()
}

// inspectViews looks at the record and the windows.
func (s *Store) inspectViews() (stale []string, err error) {
	for kind, pattern := range map[string]string{kindRecord: recordName, kindWindow: "window-*.bolt"} {
		names, err := filepath.Glob(filepath.Join(s.dir, pattern))
		if err != nil {
			return nil, err
		}
		for _, path := range names {
			// A window has few pages with anything in them but runs.
			if err := s.vault.checkPages(path, kind == kindWindow); err != nil {
				return nil, err
			}
			n, err := s.vault.inspect(path, kind)
			if err != nil {
				return nil, err
			}
			if s.vault.stale(n) {
				stale = append(stale, path)
			}
		}
	}
	return stale, nil
}
