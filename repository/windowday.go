package repository

import (
	"bytes"
	"encoding/binary"
	"errors"
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
			if len(run) < sumSize || string(w.sum(d.day, key, run[sumSize:])) != string(run[:sumSize]) {
				return damaged(d.path, errors.New("what it holds is not what was written"))
			}
			for pair := range slices.Chunk(run[sumSize:], pairSize) {
				filter.add(lockport.Token(pair))
			}
			return nil
		})
	})
	return filter, err
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
