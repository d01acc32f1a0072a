package repository

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/lockport-hie/lockport"
)

// Results are most of the record, and each looks like the ones before it. The
// rows that neighbouring entries made are therefore stored as one value, a
// bundle: packed together they take a third of what each takes by itself. Which
// rows a bundle holds follows from their keys alone, so that replay gives the
// same bundles whatever a transaction held.
const (
	bundleEntries = 8        // neighbouring entries whose rows lie in one bundle
	bundleOrders  = 16       // rows of one entry with a higher number stand alone
	bundleRow     = 32 << 10 // a longer row stands alone
)

// bundled reports whether a table's rows lie in bundles. Their keys are a
// sequence and a number of 4 bytes; they are read by key and never scanned.
func bundled(t lockport.Table) bool {
	return t == lockport.TableResults || t == lockport.TableResultVersions
}

// bundleSuffix is the length of what a bundle holds of a row's key: the sequence
// within the bundle, and the number.
const bundleSuffix = 5

// bundleKey splits the key of a row into that of its bundle and its place
// therein; not ok when the row can only stand alone.
func bundleKey(key []byte) (bundle, suffix []byte, ok bool) {
	if len(key) != 12 || binary.BigEndian.Uint32(key[8:]) > bundleOrders {
		return nil, nil, false
	}
	seq := binary.BigEndian.Uint64(key)
	bundle = binary.BigEndian.AppendUint64(nil, seq/bundleEntries)
	return bundle, append([]byte{byte(seq % bundleEntries)}, key[8:]...), true
}

// bundle is the rows of one value, ascending. An empty row says that it stands
// alone, under its own key.
type bundle []bundleEntry

type bundleEntry struct{ suffix, row []byte }

var errBundle = errors.New("a bundle that does not hold together")

// openBundle reads a bundle. It shares memory with data.
func openBundle(data []byte) (bundle, error) {
	b := make(bundle, 0, bundleEntries)
	for len(data) > 0 {
		if len(data) < bundleSuffix {
			return nil, errBundle
		}
		n, size := binary.Uvarint(data[bundleSuffix:])
		rest := data[bundleSuffix+max(size, 0):]
		if size <= 0 || n > uint64(len(rest)) {
			return nil, errBundle
		}
		b = append(b, bundleEntry{data[:bundleSuffix], rest[:n:n]})
		data = rest[n:]
	}
	return b, nil
}

func (b bundle) bytes() []byte {
	size := 0
	for _, e := range b {
		size += bundleSuffix + binary.MaxVarintLen32 + len(e.row)
	}
	data := make([]byte, 0, size)
	for _, e := range b {
		data = binary.AppendUvarint(append(data, e.suffix...), uint64(len(e.row)))
		data = append(data, e.row...)
	}
	return data
}

func (b bundle) find(suffix []byte) (int, bool) {
	return slices.BinarySearchFunc(b, suffix, func(e bundleEntry, s []byte) int { return bytes.Compare(e.suffix, s) })
}

// with returns the bundle with a row put or, when it is nil, taken out.
func (b bundle) with(suffix, row []byte) bundle {
	at, found := b.find(suffix)
	switch {
	case row != nil && found:
		b[at].row = row
	case row != nil:
		b = slices.Insert(b, at, bundleEntry{suffix, row})
	case found:
		b = slices.Delete(b, at, at+1)
	}
	return b
}

// bundledRow returns a row of a table with bundles, nil when there is none. It is
// called inside a guard, and the row is good until the next call.
func (v *view) bundledRow(t lockport.Table, table *bolt.Bucket, key []byte) ([]byte, error) {
	name, suffix, ok := bundleKey(key)
	if !ok {
		return v.r.rowOf(t, table, key)
	}
	value := table.Get(name)
	if value == nil {
		return nil, nil
	}
	data, err := v.r.openRowInto(v.room, t, name, value)
	if err != nil {
		return nil, err
	}
	v.room = data
	b, err := openBundle(data)
	if err != nil {
		return nil, v.r.rowDamaged(t)
	}
	switch at, found := b.find(suffix); {
	case !found:
		return nil, nil
	case len(b[at].row) > 0:
		return b[at].row, nil
	}
	return v.r.rowOf(t, table, key)
}

// rowOf returns what stands under a key, nil when there is nothing.
func (r *record) rowOf(t lockport.Table, table *bolt.Bucket, key []byte) ([]byte, error) {
	value := table.Get(key)
	if value == nil {
		return nil, nil
	}
	return r.openRow(t, key, value)
}

func (r *record) bundleOf(t lockport.Table, table *bolt.Bucket, name []byte) (bundle, error) {
	data, err := r.rowOf(t, table, name)
	if err != nil {
		return nil, err
	}
	b, err := openBundle(data)
	if err != nil {
		return nil, r.rowDamaged(t)
	}
	return b, nil
}

// flushBundles writes the rows of a table with bundles.
func (t *recordTx) flushBundles(table lockport.Table, b *bolt.Bucket, keys []string, p *progress) error {
	for len(keys) > 0 {
		name, _, ok := bundleKey([]byte(keys[0]))
		if !ok {
			if err := t.flushRow(table, b, keys[0], t.rows[table][keys[0]], p); err != nil {
				return err
			}
			keys = keys[1:]
			continue
		}
		n := 1
		for n < len(keys) && inBundle(name, keys[n]) {
			n++
		}
		if err := t.flushBundle(table, b, name, keys[:n], p); err != nil {
			return err
		}
		keys = keys[n:]
	}
	return nil
}

func inBundle(name []byte, key string) bool {
	other, _, ok := bundleKey([]byte(key))
	return ok && bytes.Equal(name, other)
}

// flushBundle writes rows of one bundle.
func (t *recordTx) flushBundle(table lockport.Table, b *bolt.Bucket, name []byte, keys []string, p *progress) error {
	rows, err := t.r.bundleOf(table, b, name)
	if err != nil {
		return err
	}
	for _, key := range keys {
		row := t.rows[table][key]
		_, suffix, _ := bundleKey([]byte(key))
		at, found := rows.find(suffix)
		alone, stoodAlone := len(row) > bundleRow, found && len(rows[at].row) == 0
		if alone || stoodAlone {
			var own []byte
			if alone {
				own, row = row, []byte{}
			}
			if err := t.flushRow(table, b, key, own, p); err != nil {
				return err
			}
		}
		rows = rows.with(suffix, row)
	}
	var data []byte
	if len(rows) > 0 {
		data = rows.bytes()
	}
	return t.flushRow(table, b, string(name), data, p)
}
