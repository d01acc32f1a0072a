package repository

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
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

// metaProgress is the key of what the record says about itself: progress,
// sealed like a row, with the key as associated data.
var metaProgress = []byte("progress")

// record is the view that the projector makes of the journal.
type record struct {
	vault  *vault
	path   string
	db     *boltFile
	epochs epochs
}

// progress is what the record says about itself, written with every transaction.
type progress struct {
	applied audit.Head    // the last entry applied
	counts  [32]uint64    // entries applied, by kind
	seals   uint64        // how many values were ever sealed: decides the epoch
	poison  uint64        // how many entries failed to apply
	rows    uint64        // how many rows there are
	tags    [tagSize]byte // exclusive or of their tags
}

// tagSize is the length of the authentication tag at the end of each stored row.
// Tags depend on table, key and content, so their sum shows a row that has
// vanished or come back, which a seal by itself cannot.
const tagSize = 16

func (p *progress) count(value []byte, n int) error {
	if len(value) < tagSize {
		return errors.New("a row is too short for a seal")
	}
	p.rows += uint64(n)
	for i, b := range value[len(value)-tagSize:] {
		p.tags[i] ^= b
	}
	return nil
}

// openRecord opens the record, or makes an empty one.
func openRecord(v *vault, dir string, store [16]byte) (*record, error) {
	return openRecordAt(v, filepath.Join(dir, recordName), store)
}

// metaRules is the key of lockport.RecordRules as of when the record was made;
// the first rules did not write it.
var metaRules = []byte("rules")

// rules returns by which rules the record was made.
func (r *record) rules() (made uint32, err error) {
	err = r.db.View(func(tx *bolt.Tx) error {
		if rules := tx.Bucket(metaBucket).Get(metaRules); len(rules) == 4 {
			made = binary.BigEndian.Uint32(rules)
		}
		return nil
	})
	return made, err
}

// renewRecord takes an empty record in the place of one that other rules have
// made: the journal makes it again. Where retention has dropped content the
// journal no longer can, and the record stays: it gains what the rules of today do
// from here on.
func (s *Store) renewRecord() error {
	made, err := s.record.rules()
	if err != nil || made == lockport.RecordRules {
		return err
	}
	if s.journal.droppedThrough() > 0 {
		return s.record.db.Update(func(tx *bolt.Tx) error {
			for t := lockport.TableCounters; t <= lockport.LastTable; t++ {
				if _, err := tx.CreateBucketIfNotExists(tableBucket(t)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := errors.Join(s.record.db.Close(), os.Remove(s.record.path), syncDir(s.dir)); err != nil {
		return err
	}
	s.record, err = openRecord(s.vault, s.dir, s.journal.last().id.store)
	return err
}

func openRecordAt(v *vault, path string, store [16]byte) (*record, error) {
	r := &record{vault: v, path: path}
	if sizeOf(r.path) == 0 {
		n, err := v.newIdentity(kindRecord, store)
		if err != nil {
			return nil, err
		}
		err = v.createFile(r.path, n, func(tx *bolt.Tx) error {
			for t := lockport.TableCounters; t <= lockport.LastTable; t++ {
				if _, err := tx.CreateBucket(tableBucket(t)); err != nil {
					return err
				}
			}
			return tx.Bucket(metaBucket).Put(metaRules, binary.BigEndian.AppendUint32(nil, lockport.RecordRules))
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
	r.epochs = epochs{keys: v.keys, file: n}
	r.db, err = v.openFile(r.path, recordMapped, false)
	return r, err
}

func tableBucket(t lockport.Table) []byte { return []byte{'t', byte(t)} }

// currentProgress reads what the record has applied.
func (r *record) currentProgress() (p progress, err error) {
	err = r.db.View(func(tx *bolt.Tx) error {
		if tx.Bucket(metaBucket) == nil {
			return damaged(r.path, errors.New("it has no description of itself"))
		}
		p, err = r.progress(tx)
		return err
	})
	return p, err
}

// progress reads it; a record that nothing was applied to has none.
func (r *record) progress(tx *bolt.Tx) (progress, error) {
	var p progress
	value := tx.Bucket(metaBucket).Get(metaProgress)
	if value == nil {
		return p, nil
	}
	s, err := r.epochs.sealer(0)
	if err != nil {
		return p, err
	}
	b, err := s.open(value, metaProgress)
	if err == nil && len(b) != progressSize {
		err = errors.New("wrong length")
	}
	if err != nil {
		return p, damaged(r.path, errors.New("it does not say what it has applied"))
	}
	next := func() uint64 {
		n := binary.BigEndian.Uint64(b)
		b = b[8:]
		return n
	}
	p.applied.Seq = lockport.Seq(next())
	b = b[copy(p.applied.Hash[:], b):]
	p.seals, p.poison, p.rows = next(), next(), next()
	b = b[copy(p.tags[:], b):]
	for i := range p.counts {
		p.counts[i] = next()
	}
	return p, nil
}

// progressSize is the length of an encoded progress.
const progressSize = 8 + 32 + 3*8 + tagSize + 32*8

func (r *record) putProgress(tx *bolt.Tx, p *progress) error {
	s, err := r.epochs.sealer(0)
	if err != nil {
		return err
	}
	b := append(make([]byte, 0, progressSize), p.applied.Seq.Key()...)
	b = append(b, p.applied.Hash[:]...)
	for _, n := range []uint64{p.seals, p.poison, p.rows} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	b = append(b, p.tags[:]...)
	for _, n := range p.counts {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return tx.Bucket(metaBucket).Put(metaProgress, s.seal(nil, b, metaProgress))
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
	var value []byte
	r.vault.packed(nil, row, func(packed []byte) {
		value = binary.AppendUvarint(make([]byte, 0, len(packed)+32), epoch)
		value = s.seal(value, packed, rowAssociated(t, key))
	})
	return value, nil
}

// openRow undoes sealRow. The result is a copy.
func (r *record) openRow(t lockport.Table, key, value []byte) ([]byte, error) {
	return r.openRowInto(nil, t, key, value)
}

// openRowInto is openRow where there may be room for the result.
func (r *record) openRowInto(room []byte, t lockport.Table, key, value []byte) ([]byte, error) {
	epoch, n := binary.Uvarint(value)
	if n <= 0 || len(key) > bolt.MaxKeySize || len(value) > maxValue {
		return nil, r.rowDamaged(t) // lengths are checked before anything is copied
	}
	s, err := r.epochs.sealer(epoch)
	if err != nil {
		return nil, err
	}
	packed, err := s.open(value[n:], rowAssociated(t, key))
	if err != nil {
		return nil, r.rowDamaged(t)
	}
	row, err := r.vault.unpackInto(room, packed)
	if err != nil {
		return nil, r.rowDamaged(t)
	}
	return row, nil
}

func (r *record) rowDamaged(t lockport.Table) error {
	return damaged(r.path, fmt.Errorf("a row of table %d does not open", t))
}

// viewLimit bounds one read transaction: a long one keeps the file growing.
const viewLimit = time.Second

// view is a lockport.Snapshot on one transaction of the record.
type view struct {
	r     *record
	tx    *bolt.Tx
	until time.Time // zero: no limit
	room  []byte    // for the bundle that was read last
}

var _ lockport.Snapshot = (*view)(nil)

func (v *view) Token(space string, parts ...string) lockport.Token {
	return v.r.vault.Token(space, parts...)
}

// raw returns a row's CBOR, nil when there is none. It is good until the next
// call.
func (v *view) raw(t lockport.Table, key []byte) ([]byte, error) {
	var row []byte
	err := v.r.db.guard(func() error {
		b, err := v.table(t)
		if err != nil {
			return err
		}
		if bundled(t) {
			row, err = v.bundledRow(t, b, key)
		} else {
			row, err = v.r.rowOf(t, b, key)
		}
		return err
	})
	return row, err
}

// table returns the bucket of a table. Finding it reads pages, so it is called
// inside a guard.
func (v *view) table(t lockport.Table) (*bolt.Bucket, error) {
	if b := v.tx.Bucket(tableBucket(t)); b != nil {
		return b, nil
	}
	return nil, lockport.Errorf(lockport.Internal, "read record", "there is no table %d", t)
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
	if bundled(t) {
		return lockport.Errorf(lockport.Internal, "read record", "table %d is read by key and not scanned", t)
	}
	var c *bolt.Cursor
	var k, value []byte
	// Only the walk itself is guarded: a panic of fn is not a damaged page.
	step := func() error {
		return v.r.db.guard(func() error {
			k, value = next(c)
			return nil
		})
	}
	err := v.r.db.guard(func() error {
		b, err := v.table(t)
		if err == nil {
			c = b.Cursor()
			k, value = first(c)
		}
		return err
	})
	for ; err == nil && k != nil && bytes.HasPrefix(k, prefix); err = step() {
		if !v.until.IsZero() && time.Now().After(v.until) {
			return lockport.Errorf(lockport.Unavailable, "read record", "a view took longer than %v", viewLimit)
		}
		if len(k) > bolt.MaxKeySize {
			return v.r.rowDamaged(t)
		}
		more, err := fn(slices.Clone(k), func(into any) error {
			var row []byte
			err := v.r.db.guard(func() (err error) {
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
