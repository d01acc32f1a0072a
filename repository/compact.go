package repository

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/lockport-hie/lockport"
)

// CompactReport says what Compact has done.
type CompactReport struct {
	Rows   uint64 `json:"rows"`
	Before int64  `json:"bytes_before"` // on the disk
	After  int64  `json:"bytes_after"`
}

// How full pages are made. Rows of most tables come in between others, and a page
// without room would be split by the first of them.
const (
	compactFill  = 0.9
	compactBytes = 16 << 20 // of rows in one transaction
)

// Compact rewrites the record in the order of its keys, without the free pages
// that updates leave, and puts it in the place of the old one once every row of
// it has been read back. Seals and identity stay as they are. The store must
// not be open. When it fails, which it does with kind Full where there is no
// room for a second record, the old file is as it was. A journal has nothing to
// gain, and is not touched. progress, when not nil, is called now and then.
func Compact(ctx context.Context, o Options, progress func(done, total uint64)) (report CompactReport, err error) {
	const op = "compact"
	s, err := openOffline(o)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, s.closeOffline()) }()
	if err := removeUnfinished(s.dir); err != nil {
		return report, classify(op, err)
	}
	c := &compacting{s: s, report: &report, step: progress}
	if err := c.run(ctx); err != nil {
		return report, errors.Join(classify(op, err), removeUnfinished(s.dir))
	}
	return report, nil
}

// compacting is one run of Compact.
type compacting struct {
	s      *Store
	report *CompactReport
	step   func(done, total uint64)

	db   *boltFile // the new file
	tx   *bolt.Tx
	size int // of the rows in tx
}

func (c *compacting) run(ctx context.Context) error {
	r, at, err := c.s.openOldRecord()
	if err != nil {
		return err
	}
	fresh := r.path + ".new"
	err = c.copyFile(ctx, r, fresh, at.rows)
	if err := errors.Join(err, r.db.abandon()); err != nil {
		return err
	}
	if err := c.s.vault.syncFile(fresh); err != nil {
		return err
	}
	if err := c.readBack(ctx, r, fresh); err != nil {
		return err
	}
	c.report.Before, c.report.After = diskUsage(r.path), diskUsage(fresh)
	if err := os.Rename(fresh, r.path); err != nil {
		return err
	}
	return syncDir(c.s.dir)
}

// copyFile writes the rows of a record into a new file.
func (c *compacting) copyFile(ctx context.Context, r *record, fresh string, rows uint64) error {
	c.db = &boltFile{path: fresh}
	err := c.db.guard(func() (err error) {
		// Until it is complete nobody misses the file.
		c.db.DB, err = bolt.Open(fresh, 0o600, &bolt.Options{Timeout: time.Second, NoSync: true, NoGrowSync: true,
			NoFreelistSync: true, FreelistType: bolt.FreelistMapType, MaxSize: c.s.vault.seam.maxSize, OpenFile: c.db.keepHandle})
		return err
	})
	if err != nil {
		return err
	}
	err = r.db.View(func(from *bolt.Tx) error {
		if c.tx, err = c.db.Begin(true); err != nil {
			return err
		}
		if err := c.copyBucket(ctx, from, metaBucket, rows); err != nil {
			return err
		}
		for t := lockport.TableCounters; t <= lockport.LastTable; t++ {
			if err := c.copyBucket(ctx, from, tableBucket(t), rows); err != nil {
				return err
			}
		}
		err := c.tx.Commit()
		c.tx = nil
		return err
	})
	if err != nil {
		if c.tx != nil {
			err = errors.Join(err, c.tx.Rollback())
		}
		return errors.Join(err, c.db.abandon())
	}
	return c.db.close()
}

func (c *compacting) copyBucket(ctx context.Context, from *bolt.Tx, name []byte, total uint64) error {
	rows := from.Bucket(name)
	if rows == nil {
		return damaged(filepath.Join(c.s.dir, recordName), fmt.Errorf("bucket %q is missing", name))
	}
	to, err := c.tx.CreateBucketIfNotExists(name)
	if err != nil {
		return err
	}
	return rows.ForEach(func(k, v []byte) error {
		if c.size > compactBytes {
			if to, err = c.next(name); err != nil {
				return err
			}
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if c.step != nil {
				c.step(c.report.Rows, total)
			}
		}
		if to.FillPercent = compactFill; string(name) == string(tableBucket(lockport.TableResultVersions)) {
			to.FillPercent = 1 // only ever appended
		}
		c.size += len(k) + len(v)
		if string(name) != string(metaBucket) {
			c.report.Rows++
		}
		return to.Put(k, v)
	})
}

// next ends a transaction and begins another.
func (c *compacting) next(name []byte) (*bolt.Bucket, error) {
	err := c.tx.Commit()
	if c.tx = nil; err != nil {
		return nil, err
	}
	if c.tx, err = c.db.Begin(true); err != nil {
		return nil, err
	}
	c.size = 0
	return c.tx.Bucket(name), nil
}

// readBack reads every row of the new file and holds it against the sum of what
// was ever written.
func (c *compacting) readBack(ctx context.Context, old *record, fresh string) error {
	if _, err := checkPages(fresh, true); err != nil {
		return err
	}
	if _, err := c.s.vault.inspect(fresh, kindRecord); err != nil {
		return err
	}
	db, err := openToRead(fresh, recordMapped)
	if err != nil {
		return err
	}
	r := &record{vault: old.vault, path: old.path, db: db, epochs: epochs{keys: old.epochs.keys, file: old.epochs.file}}
	err = db.View(func(tx *bolt.Tx) error {
		rows, err := r.verify(ctx, tx, nil)
		if err == nil && rows != c.report.Rows {
			err = fmt.Errorf("%d rows were copied and %d can be read", c.report.Rows, rows)
		}
		return err
	})
	return errors.Join(err, db.abandon())
}
