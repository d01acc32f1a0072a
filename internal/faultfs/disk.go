package faultfs

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
)

// sector is the unit in which a disk writes or does not write.
const sector = 512

// Disk holds the files. Its methods are safe for concurrent use.
type Disk struct {
	mu    sync.Mutex
	root  *node
	calls int // writes, allocations and syncs since Fail
	fails int // of them failed
	fault Fault
	lies  bool
}

// Fault is one call that fails.
type Fault struct {
	Call  int           // which one, counted from 1 since Fail; 0 is none
	Errno syscall.Errno // what it fails with
	Keep  bool          // calls after it fail, too, but for reads
	Room  bool          // only calls that take room on the disk are counted and fail
}

// node is a file or a directory.
type node struct {
	// Of a directory: what there is, what was there at its last sync, and what
	// has changed since.
	children, synced map[string]*node
	names            []naming

	// Of a file: what reads give, what was flushed, and what was done since.
	data, flushed content
	pending       []change
	room          int64 // bytes from the beginning that have their place on the disk
}

// content is what a file holds: bytes, and zeros behind them up to its size, so
// that room that was only taken in advance costs nothing.
type content struct {
	bytes []byte
	size  int64
}

// naming is one change to a directory: all of it is on the disk or none.
type naming map[string]*node

// change is a write, or a change of size when data is nil.
type change struct {
	at   int64
	data []byte
}

func newDir() *node {
	return &node{children: map[string]*node{}, synced: map[string]*node{}}
}

// New returns an empty disk.
func New() *Disk { return &Disk{root: newDir()} }

// Load puts the files and directories below a directory of another file system
// on the disk, flushed, as they would be after a restart.
func (d *Disk) Load(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.root.load(dir)
}

func (n *node) load(dir string) error {
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		path := filepath.Join(dir, f.Name())
		child := newDir()
		if f.IsDir() {
			err = child.load(path)
		} else {
			child, err = loadFile(path)
		}
		if err != nil {
			return err
		}
		n.children[f.Name()], n.synced[f.Name()] = child, child
	}
	return nil
}

func loadFile(path string) (*node, error) {
	b, err := os.ReadFile(path)
	size := int64(len(b))
	b = bytes.TrimRight(b, "\x00")
	return &node{data: content{b, size}, flushed: content{slices.Clone(b), size}, room: size}, err
}

// Lie makes syncs do nothing from now on and say that they did.
func (d *Disk) Lie() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lies = true
}

// Fail sets which call is going to fail. Calls are counted from now on.
func (d *Disk) Fail(f Fault) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls, d.fails, d.fault = 0, 0, f
}

// Failed returns how many calls have failed since Fail.
func (d *Disk) Failed() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.fails
}

// Calls returns how many writes, allocations and syncs there were since Fail.
func (d *Disk) Calls() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.calls
}

// called counts a call, which takes room or does not, and returns what it fails
// with. d.mu is held.
func (d *Disk) called(takesRoom bool) syscall.Errno {
	if d.fault.Room && !takesRoom {
		return 0
	}
	d.calls++
	if d.fault.Call > 0 && (d.calls == d.fault.Call || d.fault.Keep && d.calls > d.fault.Call) {
		d.fails++
		return d.fault.Errno
	}
	return 0
}

// Cut copies what a disk might hold, if the power went now, into a directory of
// another file system. at is called at that moment, while nothing is written.
func (d *Disk) Cut(dir string, r *rand.Rand, at func()) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	at()
	// Whole groups of writes survive or vanish more often than chance would have
	// it, so now and then all of them do.
	keep := []float64{0, 1, 0.5, r.Float64(), r.Float64()}[r.IntN(5)]
	return d.root.cut(dir, r, keep)
}

func (n *node) cut(dir string, r *rand.Rand, keep float64) error {
	names := maps.Clone(n.synced)
	for _, c := range n.names[:r.IntN(len(n.names)+1)] {
		apply(names, c)
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		child, path := names[name], filepath.Join(dir, name)
		if child.children == nil {
			if err := writeFile(path, child.remains(r, keep)); err != nil {
				return err
			}
			continue
		}
		if err := os.Mkdir(path, 0o700); err != nil {
			return err
		}
		if err := child.cut(path, r, keep); err != nil {
			return err
		}
	}
	return nil
}

func apply(names map[string]*node, c naming) {
	for name, n := range c {
		if n == nil {
			delete(names, name)
		} else {
			names[name] = n
		}
	}
}

// remains returns what of a file is left: all that was flushed, and of each
// write since, in its order, the sectors that happened to reach the disk.
func (n *node) remains(r *rand.Rand, keep float64) content {
	out := content{slices.Clone(n.flushed.bytes), n.flushed.size}
	for _, c := range n.pending {
		if c.data == nil {
			if r.Float64() < keep {
				out.resize(c.at)
			}
			continue
		}
		for off := int64(0); off < int64(len(c.data)); {
			next := min((c.at+off)/sector*sector+sector-c.at, int64(len(c.data)))
			if r.Float64() < keep {
				out.put(c.at+off, c.data[off:next])
			}
			off = next
		}
	}
	return out
}

// resize cuts a file or lets it grow by zeros. What lies behind the end does not
// come back when the file grows again.
func (c *content) resize(size int64) {
	c.size = size
	if size < int64(len(c.bytes)) {
		clear(c.bytes[size:])
		c.bytes = c.bytes[:size]
	}
}

func (c *content) put(at int64, data []byte) {
	end := at + int64(len(data))
	if more := end - int64(len(c.bytes)); more > 0 {
		c.bytes = append(c.bytes, make([]byte, more)...)
	}
	copy(c.bytes[at:], data)
	c.size = max(c.size, end)
}

// writeFile writes a file with holes where it is zero.
func writeFile(path string, c content) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if err := f.Truncate(c.size); err != nil {
		return err
	}
	var zeros [4096]byte
	for at := 0; at < len(c.bytes); at += len(zeros) {
		block := c.bytes[at:min(at+len(zeros), len(c.bytes))]
		if string(block) == string(zeros[:len(block)]) {
			continue
		}
		if _, err := f.WriteAt(block, int64(at)); err != nil {
			return err
		}
	}
	return nil
}

// write writes to a file.
func (d *Disk) write(n *node, data []byte, at int64) syscall.Errno {
	d.mu.Lock()
	defer d.mu.Unlock()
	end := at + int64(len(data))
	if errno := d.called(end > n.room); errno != 0 {
		return errno
	}
	n.room = max(n.room, end)
	data = slices.Clone(data)
	n.data.put(at, data)
	n.pending = append(n.pending, change{at, data})
	return 0
}

// size changes the size of a file. Growing can fail.
func (d *Disk) size(n *node, size int64) syscall.Errno {
	d.mu.Lock()
	defer d.mu.Unlock()
	if size > n.data.size {
		if errno := d.called(false); errno != 0 {
			return errno
		}
	}
	n.resize(size)
	n.room = min(n.room, size)
	return 0
}

// allocate takes room for the first bytes of a file.
func (d *Disk) allocate(n *node, size int64) syscall.Errno {
	d.mu.Lock()
	defer d.mu.Unlock()
	if errno := d.called(size > n.room); errno != 0 {
		return errno
	}
	n.room = max(n.room, size)
	if size > n.data.size {
		n.resize(size)
	}
	return 0
}

func (n *node) resize(size int64) {
	n.data.resize(size)
	n.pending = append(n.pending, change{size, nil})
}

// sync flushes a file or a directory.
func (d *Disk) sync(n *node) syscall.Errno {
	d.mu.Lock()
	defer d.mu.Unlock()
	if errno := d.called(false); errno != 0 {
		n.pending = nil
		return errno
	}
	if d.lies {
		return 0
	}
	for _, c := range n.pending {
		if c.data == nil {
			n.flushed.resize(c.at)
		} else {
			n.flushed.put(c.at, c.data)
		}
	}
	n.pending = nil
	n.synced, n.names = maps.Clone(n.children), nil
	return 0
}

// name changes names of a directory.
func (d *Disk) name(n *node, c naming) {
	d.mu.Lock()
	defer d.mu.Unlock()
	apply(n.children, c)
	n.names = append(n.names, c)
}

// read returns bytes of a file and its size.
func (d *Disk) read(n *node, dest []byte, at int64) (got int, size int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if at < n.data.size {
		got = int(min(int64(len(dest)), n.data.size-at))
		clear(dest[:got])
		copy(dest[:got], n.data.bytes[min(at, int64(len(n.data.bytes))):])
	}
	return got, n.data.size
}
