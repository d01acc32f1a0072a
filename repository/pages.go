package repository

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
)

// bbolt reads a page of a file through pointers into mapped memory and believes
// what the page says about itself. What a damaged page says can lead such a
// pointer into the memory of the program, which no recover catches, or send the
// search for a key round in a circle. So before bbolt opens a file, the pages
// are looked at here, through plain reads.
//
// The layout is bbolt's file format 2, in the byte order of the machine:
//
//	page    8 id, 2 flags, 2 count, 4 overflow: how many pages it takes more than one
//	meta    4 magic, 4 version, 4 page size, 4 flags, 8 root, 8 sequence of the root,
//	        8 list of free pages, 8 pages in the file, 8 transaction, 8 FNV-1a of all before
//	branch  16 for each child: 4 position, 4 length of key, 8 page; then the keys
//	leaf    16 for each element: 4 flags, 4 position, 4 length of key, 4 of value; then
//	        keys and values. A value with flag 1 is a bucket: 8 root, 8 sequence, and
//	        where the root is 0, the only page of the bucket
//	free    8 for each page; where count is 65535, the first 8 hold the real count
const (
	pageHeader    = 16
	pageElement   = 16
	bucketHeader  = 16
	metaSize      = 64
	pageMagic     = 0xED0CDAED
	pageVersion   = 2
	flagBranch    = 0x01
	flagLeaf      = 0x02
	flagFree      = 0x10
	flagBucket    = 0x01
	noFreeList    = ^uint64(0)
	manyFreePages = 0xFFFF
)

// pageMeta is what one of the two descriptions at the start of a file says.
type pageMeta struct {
	pageSize int64
	root     uint64
	free     uint64 // noFreeList where the list of free pages was not written
	pages    uint64 // how many pages are in use or free; what follows them is nothing
	tx       uint64
}

// listed reports whether the list of free pages is written. Without one bbolt
// walks the whole file to find them.
func (m pageMeta) listed() bool { return m.free != noFreeList }

// pageReport is what checkPages has seen.
type pageReport struct {
	meta    pageMeta
	torn    bool // one of the two descriptions does not read: a crash leaves that, and the other counts
	pages   uint64
	rows    uint64 // elements that are no buckets
	partial bool   // pages below the upper ones were not looked at
}

// pageCheck walks the pages of one file. It holds a bit for each page and one
// page for each level of the tree.
type pageCheck struct {
	f      *os.File
	size   int64
	meta   pageMeta
	levels int // how many levels of each table are looked at, 0 for all
	seen   []uint64
	bufs   [][]byte
	report pageReport
}

// upperLevels is how many levels of a table's tree are looked at where there
// is no time for all: some thousand pages in a record of many gigabytes.
const upperLevels = 2

// smallFile is the size up to which a file is always looked at as a whole.
const smallFile = 64 << 20

// checkPages looks at the structure of a bbolt file. With all, or in a file that is
// small or that bbolt is going to walk itself, every page is looked at, else the
// upper ones.
// An error of kind Corrupt says which page does not hold together.
func checkPages(path string, all bool) (pageReport, error) {
	f, err := os.Open(path)
	if err != nil {
		return pageReport{}, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return pageReport{}, err
	}
	c := &pageCheck{f: f, size: info.Size()}
	if err := c.run(all); err != nil {
		return c.report, damaged(path, err)
	}
	return c.report, nil
}

func (c *pageCheck) run(all bool) error {
	if err := c.readMeta(); err != nil {
		return err
	}
	c.report.meta = c.meta
	if !all && c.meta.listed() && c.size > smallFile {
		c.levels, c.report.partial = upperLevels, true
	}
	c.seen = make([]uint64, c.meta.pages/64+1)
	if err := c.tree(c.meta.root); err != nil {
		return err
	}
	return c.freeList()
}

// readMeta reads both descriptions; the newer one that is whole counts.
func (c *pageCheck) readMeta() error {
	var found []pageMeta
	first, ok := c.metaAt(0)
	if ok {
		found = append(found, first)
	}
	// The second description stands at the second page, whose place depends on
	// the size of a page, which the first one may have lost.
	for size := int64(1024); size <= 64<<10; size *= 2 {
		if m, ok := c.metaAt(size); ok && m.pageSize == size && (len(found) == 0 || found[0].pageSize == size) {
			found = append(found, m)
			break
		}
	}
	if len(found) == 0 {
		return errors.New("neither of its two descriptions reads")
	}
	c.report.torn = len(found) == 1
	c.meta = found[0]
	if len(found) == 2 && found[1].tx > found[0].tx {
		c.meta = found[1]
	}
	m := c.meta
	switch {
	case m.pageSize < 1024 || m.pageSize > 64<<10 || m.pageSize&(m.pageSize-1) != 0:
		return errors.New("its pages have no possible size")
	case m.pages < 3 || m.pages > uint64(c.size/m.pageSize):
		return fmt.Errorf("it has %d bytes and should have %d pages of %d", c.size, m.pages, m.pageSize)
	case m.root < 2 || m.root >= m.pages, m.listed() && (m.free < 2 || m.free >= m.pages):
		return errors.New("its description names pages that it does not have")
	}
	return nil
}

// metaAt reads a description; ok is false for one that is not whole.
func (c *pageCheck) metaAt(off int64) (m pageMeta, ok bool) {
	b := make([]byte, pageHeader+metaSize)
	if _, err := c.f.ReadAt(b, off); err != nil {
		return m, false
	}
	native := binary.NativeEndian
	b = b[pageHeader:] // bbolt does not look at the head of these two pages
	sum := fnv.New64a()
	_, _ = sum.Write(b[:metaSize-8])
	if native.Uint32(b) != pageMagic || native.Uint32(b[4:]) != pageVersion || native.Uint64(b[metaSize-8:]) != sum.Sum64() {
		return m, false
	}
	return pageMeta{
		pageSize: int64(native.Uint32(b[8:])), root: native.Uint64(b[16:]), free: native.Uint64(b[32:]),
		pages: native.Uint64(b[40:]), tx: native.Uint64(b[48:]),
	}, true
}

// take notes that a page and its overflow are used, each by one only.
func (c *pageCheck) take(p *page) error {
	for id := p.id; id < p.id+uint64(p.size/c.meta.pageSize); id++ {
		if c.seen[id/64]&(1<<(id%64)) != 0 {
			return fmt.Errorf("page %d is used twice", id)
		}
		c.seen[id/64] |= 1 << (id % 64)
		c.report.pages++
	}
	return nil
}

// freeList checks that the free pages are those that nothing uses.
func (c *pageCheck) freeList() error {
	if !c.meta.listed() {
		return nil
	}
	p, err := c.page(c.meta.free, 0)
	if err != nil {
		return err
	}
	if p.flags != flagFree {
		return fmt.Errorf("page %d is no list of free pages", p.id)
	}
	at, n := int64(pageHeader), int64(p.count)
	if n == manyFreePages {
		b, err := p.bytes(at, 8, nil)
		if err != nil {
			return err
		}
		at, n = at+8, int64(binary.NativeEndian.Uint64(b)&(1<<62-1))
	}
	if n > (p.size-at)/8 {
		return fmt.Errorf("page %d lists more free pages than it has room for", p.id)
	}
	r := io.NewSectionReader(c.f, int64(p.id)*c.meta.pageSize+at, n*8)
	last := uint64(1)
	for buf := make([]byte, 64<<10); n > 0; {
		part := buf[:min(int64(len(buf)), n*8)]
		if _, err := io.ReadFull(r, part); err != nil {
			return fmt.Errorf("page %d cannot be read: %w", p.id, err)
		}
		for ; len(part) > 0; part, n = part[8:], n-1 {
			id := binary.NativeEndian.Uint64(part)
			if id <= last || id >= c.meta.pages || c.seen[id/64]&(1<<(id%64)) != 0 {
				return fmt.Errorf("page %d lists page %d as free, which cannot be", p.id, id)
			}
			last = id
			c.seen[id/64] |= 1 << (id % 64)
		}
	}
	return c.nothingLost()
}

// nothingLost looks for pages that are neither used nor free.
func (c *pageCheck) nothingLost() error {
	if c.report.partial {
		return nil
	}
	for id := uint64(2); id < c.meta.pages; id++ {
		if c.seen[id/64]&(1<<(id%64)) == 0 {
			return fmt.Errorf("page %d is neither used nor free", id)
		}
	}
	return nil
}
