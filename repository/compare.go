package repository

import (
	"bytes"
	"context"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/lockport-hie/lockport"
)

// TableDifference counts how a table of one record differs from that of another.
type TableDifference struct {
	Table   lockport.Table `json:"table"`
	Missing uint64         `json:"missing"` // rows that the old record lacks
	Extra   uint64         `json:"extra"`   // rows that only the old record has
	Other   uint64         `json:"other"`   // rows with other content
	Damaged uint64         `json:"damaged"` // rows of the old record that do not open
}

func (d TableDifference) any() bool { return d.Missing+d.Extra+d.Other+d.Damaged > 0 }

// compare counts the differences between the old record and the new one, row by
// row: table, key and what is under the seal.
func (x *reindexing) compare(ctx context.Context) error {
	old := x.old
	defer func() { _ = x.closeOld() }() // it was only read
	x.compareProgress()
	for t := lockport.TableCounters; t <= lockport.LastTable; t++ {
		d, err := compareTable(ctx, old, x.fresh, t)
		if lockport.KindOf(err) == lockport.Corrupt && old.db.broken.Load() {
			x.report.NotCompared = err.Error()
			return nil
		}
		if err != nil {
			return err
		}
		if d.any() {
			x.report.Differences = append(x.report.Differences, d)
		}
	}
	return nil
}

// compareProgress compares what the two say about themselves. Differences there
// stand under table 0.
func (x *reindexing) compareProgress() {
	a, b := x.oldAt, x.progress
	a.seals, a.tags = b.seals, b.tags // how often rows were sealed is chance
	if a != b {
		x.report.Differences = append(x.report.Differences, TableDifference{Other: 1})
	}
}

func compareTable(ctx context.Context, old, fresh *record, t lockport.Table) (TableDifference, error) {
	d := TableDifference{Table: t}
	err := old.db.View(func(a *bolt.Tx) error {
		return fresh.db.View(func(b *bolt.Tx) error {
			ours, theirs := b.Bucket(tableBucket(t)), a.Bucket(tableBucket(t))
			if ours == nil {
				return damaged(fresh.path, fmt.Errorf("table %d is missing", t))
			}
			if theirs == nil {
				return ours.ForEach(func([]byte, []byte) error { d.Missing++; return nil })
			}
			return compareRows(ctx, old, fresh, theirs.Cursor(), ours.Cursor(), &d)
		})
	})
	return d, err
}

func compareRows(ctx context.Context, old, fresh *record, a, b *bolt.Cursor, d *TableDifference) error {
	ka, va := a.First()
	kb, vb := b.First()
	for n := 0; ka != nil || kb != nil; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		order := bytes.Compare(ka, kb)
		switch {
		case kb == nil || ka != nil && order < 0:
			d.Extra++
			ka, va = a.Next()
			continue
		case ka == nil || order > 0:
			d.Missing++
			kb, vb = b.Next()
			continue
		}
		mine, err := fresh.openRow(d.Table, kb, vb)
		if err != nil {
			return err
		}
		switch theirs, err := old.openRow(d.Table, ka, va); {
		case err != nil:
			d.Damaged++
		case !bytes.Equal(mine, theirs):
			d.Other++
		}
		ka, va = a.Next()
		kb, vb = b.Next()
	}
	return nil
}
