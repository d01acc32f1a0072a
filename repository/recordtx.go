package repository

import (
	"maps"
	"runtime"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/lockport-hie/lockport"
)

// overlay holds rows that are written and not yet flushed; nil is a row that is
// deleted.
type overlay map[lockport.Table]map[string][]byte

func (o overlay) get(t lockport.Table, key []byte) ([]byte, bool) {
	row, ok := o[t][string(key)]
	return row, ok
}

func (o overlay) put(t lockport.Table, key string, row []byte) {
	if o[t] == nil {
		o[t] = make(map[string][]byte)
	}
	o[t][key] = row
}

// recordTx is the projector's transaction. Writes gather in memory and go to the
// file once, sorted, so that a row that many entries touch is sealed once. The
// rows of the entry being applied lie in a layer of their own, which is dropped
// when the entry fails.
type recordTx struct {
	view
	under  overlay // of the transaction before, where it is on its way to the file; nil when it is there
	rows   overlay // of the transaction
	layer  overlay // of the entry, nil outside of one
	spare  overlay // an empty layer, for the next entry
	broken error   // the record itself could not be read
}

var _ lockport.Tx = (*recordTx)(nil)

func newRecordTx(r *record, tx *bolt.Tx) *recordTx {
	return &recordTx{view: view{r: r, tx: tx}, rows: make(overlay)}
}

func (t *recordTx) begin() {
	if t.layer = t.spare; t.layer == nil {
		t.layer = make(overlay)
	}
}

func (t *recordTx) drop() {
	for _, rows := range t.layer {
		clear(rows)
	}
	t.layer, t.spare = nil, t.layer
}

func (t *recordTx) keep() {
	for table, rows := range t.layer {
		if t.rows[table] == nil {
			t.rows[table] = make(map[string][]byte)
		}
		maps.Copy(t.rows[table], rows)
	}
	t.drop()
}

// pending returns a row that is not in the file yet, nil for one that is deleted.
func (t *recordTx) pending(table lockport.Table, key []byte) ([]byte, bool) {
	for _, o := range [...]overlay{t.layer, t.rows, t.under} {
		if row, ok := o.get(table, key); ok {
			return row, true
		}
	}
	return nil, false
}

// Get fills into with the row as this transaction has left it.
func (t *recordTx) Get(table lockport.Table, key []byte, into any) (bool, error) {
	row, ok := t.pending(table, key)
	if !ok {
		found, err := t.view.Get(table, key, into)
		return found, t.note(err)
	}
	if row == nil {
		return false, nil
	}
	return true, t.r.decodeRow(table, row, into)
}

// note remembers that the record could not be read: that is no fault of the
// entry being applied, and going on would make a record that replay does not.
func (t *recordTx) note(err error) error {
	if err != nil && t.broken == nil && lockport.KindOf(err) == lockport.Corrupt {
		t.broken = err
	}
	return err
}

// Scan walks the rows as this transaction has left them. What fn writes is not
// seen by the same scan.
func (t *recordTx) Scan(table lockport.Table, prefix, from []byte, fn rowFunc) error {
	written := t.written(table, prefix, from)
	overlaid := func(key string) rowFunc { // calls fn with an overlaid row, unless it is deleted
		return func([]byte, func(any) error) (bool, error) {
			row, _ := t.pending(table, []byte(key))
			if row == nil {
				return true, nil
			}
			return fn([]byte(key), func(into any) error { return t.r.decodeRow(table, row, into) })
		}
	}
	stopped := false
	var inside error // of fn, which may be the rules' own
	err := t.view.Scan(table, prefix, from, func(key []byte, decode func(any) error) (bool, error) {
		for len(written) > 0 && written[0] <= string(key) {
			next := written[0]
			written = written[1:]
			more, err := overlaid(next)(nil, nil)
			if err != nil || !more {
				stopped, inside = true, err
				return false, err
			}
			if next == string(key) {
				return true, nil
			}
		}
		more, err := fn(key, func(into any) error { return t.note(decode(into)) })
		stopped, inside = !more, err
		return more, err
	})
	if inside == nil {
		err = t.note(err) // a page of the walk itself did not read
	}
	if err != nil || stopped {
		return err
	}
	for _, key := range written {
		if more, err := overlaid(key)(nil, nil); err != nil || !more {
			return err
		}
	}
	return nil
}

// written returns the keys of a table whose rows are pending, in order.
func (t *recordTx) written(table lockport.Table, prefix, from []byte) []string {
	var keys []string
	for _, o := range []overlay{t.under, t.rows, t.layer} {
		for key := range o[table] {
			if len(key) >= len(prefix) && key[:len(prefix)] == string(prefix) && key >= string(from) {
				keys = append(keys, key)
			}
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// Put stores a pointer's value as the row.
func (t *recordTx) Put(table lockport.Table, key []byte, row any) error {
	if len(key) == 0 || len(key) > bolt.MaxKeySize {
		return lockport.Errorf(lockport.Internal, "write record", "a key of %d bytes for table %d", len(key), table)
	}
	if table < lockport.TableCounters || table > lockport.LastTable {
		return lockport.Errorf(lockport.Internal, "write record", "there is no table %d", table)
	}
	data, err := t.r.vault.encode(row)
	if err != nil {
		return lockport.Errorf(lockport.Internal, "write record", "a %T for table %d cannot be encoded", row, table)
	}
	if len(data) > maxPlain {
		return lockport.Errorf(lockport.TooLarge, "write record", "a row of %d bytes for table %d could not be read again", len(data), table)
	}
	t.write(table, key, data)
	return nil
}

// Delete removes the row if there is one.
func (t *recordTx) Delete(table lockport.Table, key []byte) error {
	t.write(table, key, nil)
	return nil
}

func (t *recordTx) write(table lockport.Table, key, row []byte) {
	into := t.layer
	if into == nil {
		into = t.rows // Begin and End write outside of an entry
	}
	into.put(table, string(key), row)
}

// flush writes the rows into the file in the order of their keys. tx is another
// transaction than the one the rows were made on.
func (t *recordTx) flush(tx *bolt.Tx, p *progress) error {
	for _, table := range slices.Sorted(maps.Keys(t.rows)) {
		b := tx.Bucket(tableBucket(table))
		if b == nil {
			return lockport.Errorf(lockport.Internal, "write record", "there is no table %d", table)
		}
		b.FillPercent = fill(table)
		keys := slices.Sorted(maps.Keys(t.rows[table]))
		if bundled(table) {
			if err := t.flushBundles(table, b, keys, p); err != nil {
				return err
			}
			continue
		}
		for i, key := range keys {
			if i%yieldEvery == 0 {
				runtime.Gosched()
			}
			if err := t.flushRow(table, b, key, t.rows[table][key], p); err != nil {
				return err
			}
		}
	}
	return nil
}

// flushRow writes one value, or deletes it when the row is nil.
func (t *recordTx) flushRow(table lockport.Table, b *bolt.Bucket, key string, row []byte, p *progress) error {
	if old := b.Get([]byte(key)); old != nil {
		if err := p.count(old, -1); err != nil {
			return damaged(t.r.path, err)
		}
	}
	if row == nil {
		return b.Delete([]byte(key))
	}
	value, err := t.r.sealRow(table, []byte(key), row, p.seals/epochSize)
	if err != nil {
		return err
	}
	p.seals++
	if err := p.count(value, 1); err != nil {
		return err
	}
	return b.Put([]byte(key), value)
}

// fill is how full a page that splits leaves its first half. Where rows come in
// the order of their keys, nothing comes to that half any more; where a key
// begins with a hash or a patient, rows come to both.
func fill(t lockport.Table) float64 {
	switch t {
	case lockport.TableResults, lockport.TableResultVersions:
		return 1
	case lockport.TableRegistrations, lockport.TablePersons, lockport.TableQuarantine:
		return 0.9
	}
	return bolt.DefaultFillPercent
}

// touched reports whether rows of a table were put.
func (t *recordTx) touched(table lockport.Table) bool {
	for _, row := range t.rows[table] {
		if row != nil {
			return true
		}
	}
	return false
}
