package repository

import (
	"bytes"
	"encoding/binary"
	"errors"
	"path/filepath"
	"slices"
	"sort"

	bolt "go.etcd.io/bbolt"

	"github.com/lockport-hie/lockport"
)

// filterOf builds the filter of a day from its file and checks its runs.
func (w *window) filterOf(d *windowDay) (*bloom, error) {
	var filter *bloom
	err := d.view(func(runs *bolt.Bucket) error {
		count := 0
		_ = runs.ForEach(func(_, run []byte) error { count += len(run) / pairSize; return nil })
		filter = newBloom(2 * count)
		return runs.ForEach(func(key, run []byte) error {
			if err := w.checkRun(d, key, run); err != nil {
				return err
			}
			for pair := range slices.Chunk(run[sumSize:], pairSize) {
				filter.add(lockport.Token(pair))
			}
			return nil
		})
	})
	return filter, err
}

// checkRun holds a run against its sum.
func (w *window) checkRun(d *windowDay, key, run []byte) error {
	if len(run) < sumSize || string(w.sum(d.day, key, run[sumSize:])) != string(run[:sumSize]) {
		return damaged(d.path, errors.New("what it holds is not what was written"))
	}
	return nil
}

func (d *windowDay) view(fn func(runs *bolt.Bucket) error) error {
	return d.db.View(func(tx *bolt.Tx) error {
		runs := tx.Bucket(runsBucket)
		if runs == nil {
			return damaged(d.path, errors.New("its runs are missing"))
		}
		return fn(runs)
	})
}

// search looks into the runs of a day, each sorted by token.
func (d *windowDay) search(t lockport.Token) (seq lockport.Seq, found bool, err error) {
	err = d.view(func(runs *bolt.Bucket) error {
		c := runs.Cursor()
		for k, run := c.Last(); k != nil && !found; k, run = c.Prev() {
			if len(run) < sumSize {
				return damaged(d.path, errors.New("a run is too short"))
			}
			pairs := run[sumSize:]
			at := sort.Search(len(pairs)/pairSize, func(i int) bool {
				return bytes.Compare(pairs[i*pairSize:][:tokenSize], t[:]) >= 0
			})
			pair := pairs[at*pairSize:]
			if len(pair) >= pairSize && string(pair[:tokenSize]) == string(t[:]) {
				seq, found = lockport.Seq(binary.BigEndian.Uint64(pair[tokenSize:])), true
			}
		}
		return nil
	})
	return seq, found, err
}

// verifyDay reads a closed file of the window through: its pages, its runs and
// how far it says that the window reaches. It returns how many tokens it holds.
func (w *window) verifyDay(path string) (tokens int, through lockport.Seq, err error) {
	day, ok := windowDayOf(path)
	if !ok {
		return 0, 0, damaged(path, errors.New("its name is no day"))
	}
	if _, err := checkPages(path, true); err != nil {
		return 0, 0, err
	}
	n, err := w.vault.inspect(path, kindWindow)
	if err == nil && n.store != w.store {
		err = damaged(path, errors.New("it belongs to another store"))
	}
	if err == nil && w.vault.stale(n) {
		err = madeUnder(path, n)
	}
	if err != nil {
		return 0, 0, err
	}
	d := &windowDay{day: day, path: path}
	if d.db, err = openToRead(path, 0); err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, d.db.abandon()) }()
	filter, err := w.filterOf(d)
	if err != nil {
		return 0, 0, err
	}
	through, err = w.reachOf(d)
	return filter.count, through, err
}

// windowsSound reports whether the files of the window are there and read well.
// A window that knows more than the journal is an error: entries are lost.
func (s *Store) windowsSound() (bool, error) {
	names, err := filepath.Glob(filepath.Join(s.dir, "window-*.bolt"))
	if err != nil || s.head.Seq == 0 && len(names) == 0 {
		return true, err
	}
	w := &window{vault: s.vault, store: s.journal.last().id.store}
	for _, path := range names {
		_, through, err := w.verifyDay(path)
		if lockport.KindOf(err) == lockport.Corrupt || lockport.KindOf(err) == lockport.Refused {
			return false, nil
		}
		if err == nil && through > s.head.Seq {
			err = entriesMissing(s.dir, s.head.Seq, "duplicate window", through)
		}
		if err != nil {
			return false, err
		}
	}
	return len(names) > 0, nil
}
