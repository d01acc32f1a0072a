package repository

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
)

const recordName = "record.bolt"

// recordMapped is the address space kept for the record: 64 GiB, or 1 GiB where
// addresses have 32 bits. It is no memory.
const recordMapped = 1 << (30 + 6*(^uint(0)>>63))

var (
	metaApplied = []byte("applied") // sequence and chain hash of the last entry applied
	metaCounts  = []byte("counts")  // kind → entries applied, 256 × uint64
	metaSeals   = []byte("seals")   // how many values were sealed: decides the epoch
	metaPoison  = []byte("poison")  // how many entries failed to apply
)

// record is the view that the projector makes of the journal.
type record struct {
	vault  *vault
	path   string
	db     *bolt.DB
	epochs epochs
}

// progress is what the record says about itself, written with every transaction.
type progress struct {
	applied audit.Head
	counts  [256]uint64
	seals   uint64
	poison  uint64
}

// openRecord opens the record, or makes an empty one.
func openRecord(v *vault, dir string, store [16]byte) (*record, error) {
	r := &record{vault: v, path: filepath.Join(dir, recordName)}
	if sizeOf(r.path) == 0 {
		n, err := newIdentity(kindRecord, store)
		if err != nil {
			return nil, err
		}
		err = v.createFile(r.path, n, func(tx *bolt.Tx) error {
			for t := lockport.TableCounters; t <= lockport.TablePatientNames; t++ {
				if _, err := tx.CreateBucket(tableBucket(t)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	n, err := v.inspect(r.path, kindRecord)
	if err != nil {
		return nil, err
	}
	if n.store != store {
		return nil, damaged(r.path, errors.New("it belongs to another store"))
	}
	r.epochs = epochs{keys: v.keys, id: n.id, salt: n.salt}
	r.db, err = v.openFile(r.path, recordMapped, false)
	return r, err
}

func tableBucket(t lockport.Table) []byte { return []byte{'t', byte(t)} }

func (r *record) progress(tx *bolt.Tx) (progress, error) {
	var p progress
	meta := tx.Bucket(metaBucket)
	if v := meta.Get(metaApplied); len(v) == 40 {
		p.applied = audit.Head{Seq: lockport.Seq(binary.BigEndian.Uint64(v)), Hash: [32]byte(v[8:])}
	} else if v != nil {
		return p, damaged(r.path, errors.New("it does not say what it has applied"))
	}
	if v := meta.Get(metaCounts); len(v) == 8*len(p.counts) {
		for i := range p.counts {
			p.counts[i] = binary.BigEndian.Uint64(v[8*i:])
		}
	}
	if v := meta.Get(metaSeals); len(v) == 8 {
		p.seals = binary.BigEndian.Uint64(v)
	}
	if v := meta.Get(metaPoison); len(v) == 8 {
		p.poison = binary.BigEndian.Uint64(v)
	}
	return p, nil
}

func (p *progress) put(tx *bolt.Tx) error {
	meta := tx.Bucket(metaBucket)
	counts := make([]byte, 0, 8*len(p.counts))
	for _, n := range p.counts {
		counts = binary.BigEndian.AppendUint64(counts, n)
	}
	return errors.Join(
		meta.Put(metaApplied, append(p.applied.Seq.Key(), p.applied.Hash[:]...)),
		meta.Put(metaCounts, counts),
		meta.Put(metaSeals, binary.BigEndian.AppendUint64(nil, p.seals)),
		meta.Put(metaPoison, binary.BigEndian.AppendUint64(nil, p.poison)))
}

// rowAssociated is what a row's seal is bound to: the table and the key.
func rowAssociated(t lockport.Table, key []byte) []byte {
	return append(append(make([]byte, 0, 2+len(key)), valueFormat, byte(t)), key...)
}

// sealRow turns a row's CBOR into what is stored: the number of the data key,
// then the seal around the packed row.
func (r *record) sealRow(t lockport.Table, key, row []byte, epoch uint64) ([]byte, error) {
	s, err := r.epochs.sealer(epoch)
	if err != nil {
		return nil, err
	}
	packed := r.vault.pack(make([]byte, 0, len(row)+1), row)
	value := binary.AppendUvarint(make([]byte, 0, len(packed)+32), epoch)
	return s.seal(value, packed, rowAssociated(t, key)), nil
}

// openRow undoes sealRow. The result is a copy.
func (r *record) openRow(t lockport.Table, key, value []byte) ([]byte, error) {
	epoch, n := binary.Uvarint(value)
	if n <= 0 {
		return nil, r.rowDamaged(t)
	}
	s, err := r.epochs.sealer(epoch)
	if err != nil {
		return nil, err
	}
	packed, err := s.open(value[n:], rowAssociated(t, key))
	if err != nil {
		return nil, r.rowDamaged(t)
	}
	row, err := r.vault.unpack(packed)
	if err != nil {
		return nil, r.rowDamaged(t)
	}
	return row, nil
}

func (r *record) rowDamaged(t lockport.Table) error {
	return damaged(r.path, fmt.Errorf("a row of table %d does not open; the record can be made again from the journal", t))
}

// viewLimit bounds one read transaction: a long one keeps the file growing.
const viewLimit = time.Second

// view is a lockport.Snapshot on one transaction of the record.
type view struct {
	r     *record
	tx    *bolt.Tx
	until time.Time // zero: no limit
}

var _ lockport.Snapshot = (*view)(nil)

func (v *view) Token(space string, parts ...string) lockport.Token {
	return v.r.vault.Token(space, parts...)
}

// raw returns a row's CBOR, nil when there is none.
func (v *view) raw(t lockport.Table, key []byte) ([]byte, error) {
	b := v.tx.Bucket(tableBucket(t))
	if b == nil {
		return nil, lockport.Errorf(lockport.Internal, "read record", "there is no table %d", t)
	}
	var row []byte
	err := guard(v.r.path, func() (err error) {
		if value := b.Get(key); value != nil {
			row, err = v.r.openRow(t, key, value)
		}
		return err
	})
	return row, err
}

// Get fills into with the row and reports whether there is one.
func (v *view) Get(t lockport.Table, key []byte, into any) (bool, error) {
	row, err := v.raw(t, key)
	if row == nil || err != nil {
		return false, err
	}
	return true, v.r.decodeRow(t, row, into)
}

func (r *record) decodeRow(t lockport.Table, row []byte, into any) error {
	if into == nil {
		return nil
	}
	if err := r.vault.decode(row, into); err != nil {
		return lockport.Errorf(lockport.Internal, "read record", "a row of table %d is not a %T", t, into)
	}
	return nil
}

// rowFunc is called for each row of a scan until it returns false.
type rowFunc = func(key []byte, decode func(into any) error) (bool, error)

// Scan calls fn for the rows whose key starts with prefix, from `from` on.
func (v *view) Scan(t lockport.Table, prefix, from []byte, fn rowFunc) error {
	start := prefix
	if string(from) > string(prefix) {
		start = from
	}
	return v.walk(t, prefix, func(c *bolt.Cursor) ([]byte, []byte) { return c.Seek(start) }, (*bolt.Cursor).Next, fn)
}

// scanBack calls fn for the rows whose key starts with prefix, from the last one
// before `before` backwards; nil is the end of the prefix.
func (v *view) scanBack(t lockport.Table, prefix, before []byte, fn rowFunc) error {
	if before == nil {
		before = append(slices.Clone(prefix), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
	}
	first := func(c *bolt.Cursor) ([]byte, []byte) {
		if k, _ := c.Seek(before); k == nil {
			return c.Last()
		}
		return c.Prev()
	}
	return v.walk(t, prefix, first, (*bolt.Cursor).Prev, fn)
}

func (v *view) walk(t lockport.Table, prefix []byte, first, next func(*bolt.Cursor) ([]byte, []byte), fn rowFunc) error {
	b := v.tx.Bucket(tableBucket(t))
	if b == nil {
		return lockport.Errorf(lockport.Internal, "read record", "there is no table %d", t)
	}
	c := b.Cursor()
	var k, value []byte
	// Only the walk itself is guarded: a panic of fn is not a damaged page.
	step := func(to func(*bolt.Cursor) ([]byte, []byte)) error {
		return guard(v.r.path, func() error {
			k, value = to(c)
			return nil
		})
	}
	err := step(first)
	for ; err == nil && k != nil && bytes.HasPrefix(k, prefix); err = step(next) {
		if !v.until.IsZero() && time.Now().After(v.until) {
			return lockport.Errorf(lockport.Unavailable, "read record", "a view took longer than %v", viewLimit)
		}
		more, err := fn(slices.Clone(k), func(into any) error {
			var row []byte
			err := guard(v.r.path, func() (err error) {
				row, err = v.r.openRow(t, k, value)
				return err
			})
			if err != nil {
				return err
			}
			return v.r.decodeRow(t, row, into)
		})
		if err != nil || !more {
			return err
		}
	}
	return err
}
