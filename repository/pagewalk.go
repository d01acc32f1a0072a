package repository

import (
	"bytes"
	"encoding/binary"
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// maxDepth is more levels than a tree can have in a file that a disk can hold.
const maxDepth = 24

// page is one page of a file: its first bytes, and where the rest of it stands.
type page struct {
	c      *pageCheck
	id     uint64
	flags  uint16
	count  int64
	size   int64 // with its overflow; of a page within a value, what there is of it
	buf    []byte
	inline bool
}

// page reads the page that should have an id. depth chooses the memory for it.
func (c *pageCheck) page(id uint64, depth int) (*page, error) {
	if id < 2 || id >= c.meta.pages {
		return nil, fmt.Errorf("page %d is named and does not exist", id)
	}
	for len(c.bufs) <= depth {
		c.bufs = append(c.bufs, make([]byte, c.meta.pageSize))
	}
	p := &page{c: c, id: id, buf: c.bufs[depth][:c.meta.pageSize]}
	if _, err := c.f.ReadAt(p.buf, int64(id)*c.meta.pageSize); err != nil {
		return nil, fmt.Errorf("page %d cannot be read: %w", id, err)
	}
	overflow := uint64(binary.NativeEndian.Uint32(p.buf[12:]))
	p.flags, p.count = binary.NativeEndian.Uint16(p.buf[8:]), int64(binary.NativeEndian.Uint16(p.buf[10:]))
	if binary.NativeEndian.Uint64(p.buf) != id {
		return nil, fmt.Errorf("page %d says that it is another page", id)
	}
	if id+overflow >= c.meta.pages {
		return nil, fmt.Errorf("page %d reaches beyond the end of the file", id)
	}
	p.size = int64(overflow+1) * c.meta.pageSize
	return p, c.take(p)
}

// bytes returns n bytes of the page from an offset on, in scratch where they
// have to be read.
func (p *page) bytes(off, n int64, scratch []byte) ([]byte, error) {
	if off < 0 || n < 0 || off+n > p.size {
		return nil, p.broken("reaches beyond its end")
	}
	if off+n <= int64(len(p.buf)) {
		return p.buf[off : off+n], nil
	}
	if int64(cap(scratch)) < n {
		scratch = make([]byte, n)
	}
	if _, err := p.c.f.ReadAt(scratch[:n], int64(p.id)*p.c.meta.pageSize+off); err != nil {
		return nil, fmt.Errorf("page %d cannot be read: %w", p.id, err)
	}
	return scratch[:n], nil
}

func (p *page) broken(what string) error {
	if p.inline {
		return fmt.Errorf("page %d: a bucket within it %s", p.id, what)
	}
	return fmt.Errorf("page %d %s", p.id, what)
}

// bounds are the keys between which the keys of a page lie: from least on, and
// below most where it is not nil.
type bounds struct{ least, most []byte }

// tree walks the tree of the buckets, and that of each of them.
func (c *pageCheck) tree(root uint64) error {
	return c.walk(root, bounds{}, walkAt{root: true, top: true})
}

// walkAt says where in the tree of trees a page stands.
type walkAt struct {
	depth int  // pages above it in all
	level int  // pages above it in its own table
	root  bool // the first page of a table: the only one that may be empty
	top   bool // in the tree of the buckets
}

func (c *pageCheck) walk(id uint64, keys bounds, at walkAt) error {
	if at.depth > maxDepth {
		return fmt.Errorf("page %d lies deeper than a tree can be", id)
	}
	if !at.top && c.levels > 0 && at.level >= c.levels {
		return nil
	}
	p, err := c.page(id, at.depth)
	if err != nil {
		return err
	}
	switch p.flags {
	case flagLeaf:
		return p.leaf(keys, at)
	case flagBranch:
		return p.branch(keys, at)
	}
	return p.broken("is neither a branch nor a leaf")
}

// keysInOrder checks the keys of one page as they come.
type keysInOrder struct {
	p       *page
	keys    bounds
	last    []byte
	scratch [2][]byte // the last key and the next one, where they have to be read
	end     int64     // where the next key should begin
	n       int
}

func (p *page) ordered(keys bounds) *keysInOrder {
	return &keysInOrder{p: p, keys: keys, end: pageHeader + p.count*pageElement}
}

// next takes an element's key: where it stands, which must be where the element
// before ended, how long it is, and how long what belongs to it is.
func (o *keysInOrder) next(off, size, value int64) ([]byte, error) {
	if size == 0 || size > bolt.MaxKeySize || off != o.end || off+size+value > o.p.size {
		return nil, o.p.broken("has an element that is not where it should be")
	}
	o.end += size + value
	scratch := &o.scratch[o.n%2]
	key, err := o.p.bytes(off, size, *scratch)
	if err != nil {
		return nil, err
	}
	if off+size > int64(len(o.p.buf)) {
		*scratch = key
	}
	first := o.n == 0
	if first && bytes.Compare(key, o.keys.least) < 0 || !first && bytes.Compare(key, o.last) <= 0 ||
		o.keys.most != nil && bytes.Compare(key, o.keys.most) >= 0 {
		return nil, o.p.broken("holds keys that are out of order")
	}
	o.last, o.n = key, o.n+1
	return key, nil
}

func (p *page) leaf(keys bounds, at walkAt) error {
	if p.count == 0 && !at.root {
		return p.broken("is empty")
	}
	table, err := p.bytes(pageHeader, p.count*pageElement, nil)
	if err != nil {
		return err
	}
	order := p.ordered(keys)
	for i := int64(0); i < p.count; i++ {
		e := table[i*pageElement:]
		flags, pos := binary.NativeEndian.Uint32(e), int64(binary.NativeEndian.Uint32(e[4:]))
		size, value := int64(binary.NativeEndian.Uint32(e[8:])), int64(binary.NativeEndian.Uint32(e[12:]))
		off := pageHeader + i*pageElement + pos
		if _, err := order.next(off, size, value); err != nil {
			return err
		}
		switch flags {
		case 0:
			p.c.report.rows++
		case flagBucket:
			if err := p.bucket(off+size, value, at); err != nil {
				return err
			}
		default:
			return p.broken("has an element of no known kind")
		}
	}
	if p.inline && order.end != p.size {
		return p.broken("is longer than what it holds")
	}
	return nil
}

func (p *page) branch(keys bounds, at walkAt) error {
	if p.count == 0 {
		return p.broken("is empty")
	}
	if p.inline {
		return p.broken("is no leaf")
	}
	table, err := p.bytes(pageHeader, p.count*pageElement, nil)
	if err != nil {
		return err
	}
	if err := p.branchKeys(table, keys); err != nil {
		return err
	}
	key := func(i int64) ([]byte, error) {
		e := table[i*pageElement:]
		return p.bytes(pageHeader+i*pageElement+int64(binary.NativeEndian.Uint32(e)), int64(binary.NativeEndian.Uint32(e[4:])), nil)
	}
	p.c.ahead(table)
	below := walkAt{depth: at.depth + 1, level: at.level + 1, top: at.top}
	for i := int64(0); i < p.count; i++ {
		child := bounds{most: keys.most}
		if child.least, err = key(i); err != nil {
			return err
		}
		if i+1 < p.count {
			if child.most, err = key(i + 1); err != nil {
				return err
			}
		}
		if err := p.c.walk(binary.NativeEndian.Uint64(table[i*pageElement+8:]), child, below); err != nil {
			return err
		}
	}
	return nil
}

// branchKeys checks the keys of a branch before anything below it is read.
func (p *page) branchKeys(table []byte, keys bounds) error {
	order := p.ordered(keys)
	for i := int64(0); i < p.count; i++ {
		e := table[i*pageElement:]
		off := pageHeader + i*pageElement + int64(binary.NativeEndian.Uint32(e))
		if _, err := order.next(off, int64(binary.NativeEndian.Uint32(e[4:])), 0); err != nil {
			return err
		}
	}
	return nil
}

// ahead tells the system which pages are read next, in as few calls as their
// places allow: the pages of a tree lie anywhere in the file.
func (c *pageCheck) ahead(table []byte) {
	if c.levels > 0 {
		return
	}
	from, n := uint64(0), uint64(0)
	for ; len(table) > 0; table = table[pageElement:] {
		id := binary.NativeEndian.Uint64(table[8:])
		if n > 0 && id == from+n {
			n++
			continue
		}
		if n > 0 {
			willNeed(c.f, int64(from)*c.meta.pageSize, int64(n)*c.meta.pageSize)
		}
		from, n = id, 1
	}
	willNeed(c.f, int64(from)*c.meta.pageSize, int64(n)*c.meta.pageSize)
}

// bucket checks the value of an element that is a bucket.
func (p *page) bucket(off, size int64, at walkAt) error {
	if p.inline || !at.top {
		return p.broken("holds a bucket in a bucket, which this store never makes")
	}
	if size < bucketHeader {
		return p.broken("holds a bucket that is too short")
	}
	head, err := p.bytes(off, bucketHeader, nil)
	if err != nil {
		return err
	}
	if root := binary.NativeEndian.Uint64(head); root != 0 {
		if size != bucketHeader {
			return p.broken("holds a bucket of two kinds")
		}
		return p.c.walk(root, bounds{}, walkAt{depth: at.depth + 1, root: true})
	}
	if size < bucketHeader+pageHeader || size > p.c.meta.pageSize {
		return p.broken("holds a bucket of an impossible size")
	}
	b, err := p.bytes(off+bucketHeader, size-bucketHeader, nil)
	if err != nil {
		return err
	}
	in := &page{c: p.c, id: p.id, inline: true, buf: b, size: int64(len(b)),
		flags: binary.NativeEndian.Uint16(b[8:]), count: int64(binary.NativeEndian.Uint16(b[10:]))}
	if binary.NativeEndian.Uint64(b) != 0 || in.flags != flagLeaf || binary.NativeEndian.Uint32(b[12:]) != 0 {
		return in.broken("is no leaf")
	}
	return in.leaf(bounds{}, walkAt{depth: at.depth + 1, root: true})
}
