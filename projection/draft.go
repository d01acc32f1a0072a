package projection

import (
	"reflect"

	"github.com/lockport-hie/lockport"
)

// draft is a transaction within one. What a message, or one patient group of
// it, writes stays here until it is kept; when the message is held the draft is
// forgotten, so that nothing of it reaches a patient.
type draft struct {
	lockport.Tx
	rows    map[draftKey]any // a pointer to the row, nil for a deleted one
	written []draftKey       // in the order of the first write
}

type draftKey struct {
	table lockport.Table
	key   string
}

func newDraft(tx lockport.Tx) *draft { return &draft{Tx: tx, rows: map[draftKey]any{}} }

// Get implements lockport.Snapshot. The rules of the domains never write to
// what they were given, so a row may share its slices with the draft.
func (d *draft) Get(t lockport.Table, key []byte, into any) (bool, error) {
	row, ok := d.rows[draftKey{t, string(key)}]
	if !ok {
		return d.Tx.Get(t, key, into)
	}
	if row == nil {
		return false, nil
	}
	reflect.ValueOf(into).Elem().Set(reflect.ValueOf(row).Elem())
	return true, nil
}

// Scan implements lockport.Snapshot. A table that the draft has written cannot
// be scanned: no rule needs it, and merging two orders of keys is not simple.
func (d *draft) Scan(t lockport.Table, prefix, from []byte, fn func([]byte, func(any) error) (bool, error)) error {
	for _, w := range d.written {
		if w.table == t {
			return lockport.Errorf(lockport.Internal, "projection", "table %d is scanned after it was written", t)
		}
	}
	return d.Tx.Scan(t, prefix, from, fn)
}

// Put implements lockport.Tx.
func (d *draft) Put(t lockport.Table, key []byte, row any) error {
	kept := reflect.New(reflect.TypeOf(row).Elem())
	kept.Elem().Set(reflect.ValueOf(row).Elem())
	d.write(draftKey{t, string(key)}, kept.Interface())
	return nil
}

// Delete implements lockport.Tx.
func (d *draft) Delete(t lockport.Table, key []byte) error {
	d.write(draftKey{t, string(key)}, nil)
	return nil
}

func (d *draft) write(k draftKey, row any) {
	if _, again := d.rows[k]; !again {
		d.written = append(d.written, k)
	}
	d.rows[k] = row
}

// keep writes everything to the transaction outside.
func (d *draft) keep() error {
	for _, k := range d.written {
		var err error
		if row := d.rows[k]; row == nil {
			err = d.Tx.Delete(k.table, []byte(k.key))
		} else {
			err = d.Tx.Put(k.table, []byte(k.key), row)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
