package projection

import (
	"reflect"
	"slices"
	"strings"

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

// Scan implements lockport.Snapshot: the rows of the draft in their places among
// those of the transaction.
func (d *draft) Scan(t lockport.Table, prefix, from []byte, fn func([]byte, func(any) error) (bool, error)) error {
	own := d.keys(t, string(prefix), string(from))
	more := true
	visit := func(key string) (err error) { // a row of the draft, unless it is a deleted one
		if row := d.rows[draftKey{t, key}]; row != nil {
			more, err = fn([]byte(key), func(into any) error {
				reflect.ValueOf(into).Elem().Set(reflect.ValueOf(row).Elem())
				return nil
			})
		}
		return err
	}
	err := d.Tx.Scan(t, prefix, from, func(key []byte, decode func(any) error) (bool, error) {
		for ; more && len(own) > 0 && own[0] < string(key); own = own[1:] {
			if err := visit(own[0]); err != nil {
				return false, err
			}
		}
		if !more {
			return false, nil
		}
		if len(own) > 0 && own[0] == string(key) {
			err := visit(own[0])
			own = own[1:]
			return more, err
		}
		var err error
		more, err = fn(key, decode)
		return more, err
	})
	for ; err == nil && more && len(own) > 0; own = own[1:] {
		err = visit(own[0])
	}
	return err
}

// keys returns what the draft wrote of a table, in key order.
func (d *draft) keys(t lockport.Table, prefix, from string) []string {
	var own []string
	for _, w := range d.written {
		if w.table == t && strings.HasPrefix(w.key, prefix) && w.key >= from {
			own = append(own, w.key)
		}
	}
	slices.Sort(own)
	return own
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
