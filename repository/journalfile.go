package repository

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
)

const (
	journalMagic = "lockport journal"
	blockSize    = 4096 // the header block; entries begin behind it
	headerUsed   = 176  // bytes of it that the checksum covers

	// reserveBytes is kept allocated ahead of what messages may use, so that
	// directives and disclosures are still written when the disk is full.
	reserveBytes = 16 << 20
	// allocateBytes is how much more is allocated at a time.
	allocateBytes = 8 << 20
	// zeroBytes is how far ahead zeros are written. Overwriting bytes that were
	// written before changes nothing that the file system has to log, so one
	// flush of the disk is all that a group costs.
	zeroBytes = 1 << 20
)

// journalFile is one file of the journal. Readers may read up to end at any
// time; only the committer writes, behind end.
type journalFile struct {
	number int
	path   string
	f      *os.File
	first  lockport.Seq
	prev   [32]byte // head of the chain before first
	sealer sealer
	id     identity
	vault  *vault
	gone   lockport.Seq // the entry that says that payloads were dropped from it, or 0

	end atomic.Int64 // where the last flushed entry ends

	mu    sync.RWMutex
	marks []mark // nil in a closed file until it is read
	foot  int64  // where the footer of a closed file stands

	allocated, zeroed int64 // the committer's
}

func journalName(number int) string { return fmt.Sprintf("journal-%04d.log", number) }

// encodeBlock returns the header block of a file that follows head.
func (v *vault) encodeBlock(n identity, head audit.Head) ([]byte, error) {
	check, _, err := v.check(kindJournal, &n)
	if err != nil {
		return nil, err
	}
	b := append(make([]byte, 0, blockSize), journalMagic...)
	b = binary.BigEndian.AppendUint32(b, format)
	b = append(append(append(b, n.store[:]...), n.id[:]...), n.salt[:]...)
	b = append(b, n.key[:]...)
	b = append(append(b, (head.Seq+1).Key()...), head.Hash[:]...)
	b = append(b, check...)
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b[:headerUsed], castagnoli))
	return b[:blockSize], nil
}

// readBlock reads the header block of a file and checks that this version and
// these keys can read it.
func (v *vault) readBlock(path string, r io.ReaderAt) (*journalFile, error) {
	b := make([]byte, blockSize)
	if _, err := r.ReadAt(b, 0); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, damaged(path, errors.New("it is shorter than its header"))
		}
		return nil, err
	}
	n, err := parseBlock(path, b)
	if err != nil {
		return nil, err
	}
	f := &journalFile{path: path, vault: v, id: n.identity, first: n.follows.Seq + 1, prev: n.follows.Hash, gone: n.dropped}
	if f.sealer, err = v.unlock(path, &f.id, b[132:headerUsed]); err != nil {
		return nil, err
	}
	return f, nil
}

// createJournalFile makes the file that follows head, with its reserve, under a
// name that counts only when the file is complete and flushed.
func (v *vault) createJournalFile(dir string, number int, store [16]byte, head audit.Head) (err error) {
	n, err := v.newIdentity(kindJournal, store)
	if err != nil {
		return err
	}
	block, err := v.encodeBlock(n, head)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, journalName(number))
	f, err := os.OpenFile(path+".new", os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(block, 0)
	if err == nil {
		err = v.allocate(f, path, blockSize, reserveBytes)
	}
	if err == nil {
		err = v.flush(f)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(path+".new"))
	}
	if err := v.reach(beforeRename); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	if err := v.reach(afterRename); err != nil {
		return err
	}
	return syncDir(dir)
}

// inspectJournalFile checks a file without writing to it.
func (v *vault) inspectJournalFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	_, err = v.readBlock(path, f)
	return err
}

// openJournalFile opens a file and finds its end. A file that was not closed
// cleanly is read through; what it holds behind the last flushed group goes.
func (v *vault) openJournalFile(path string, number int) (*journalFile, audit.Head, error) {
	handle, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, audit.Head{}, err
	}
	f, err := v.readBlock(path, handle)
	if err != nil {
		return nil, audit.Head{}, errors.Join(err, handle.Close())
	}
	f.number, f.f = number, handle
	info, err := handle.Stat()
	if err != nil {
		return nil, audit.Head{}, errors.Join(err, handle.Close())
	}
	if foot, at, ok := f.readFooter(info.Size()); ok {
		f.foot, f.marks = at, foot.marks
		f.end.Store(at)
		return f, foot.head, nil
	}
	head, err := f.recover(info.Size())
	if err != nil {
		return nil, audit.Head{}, errors.Join(err, handle.Close())
	}
	return f, head, nil
}

// readFooter reads the footer at the end of a file that was closed cleanly.
func (f *journalFile) readFooter(size int64) (footer, int64, bool) {
	var tail [16]byte
	if _, err := f.f.ReadAt(tail[:], size-16); err != nil || string(tail[8:]) != footerEnd {
		return footer{}, 0, false
	}
	at := int64(binary.BigEndian.Uint64(tail[:]))
	if at < blockSize || at > size-footerFixed || size-at > 1<<28 {
		return footer{}, 0, false
	}
	b := make([]byte, size-at)
	if _, err := f.f.ReadAt(b, at); err != nil {
		return footer{}, 0, false
	}
	foot, ok := parseFooter(b, at)
	return foot, at, ok && foot.head.Seq+1 >= f.first
}

// reopen makes a file ready for writing behind its end.
func (f *journalFile) reopen() error {
	if err := f.f.Truncate(f.end.Load()); err != nil {
		return err
	}
	f.foot = 0
	f.allocated, f.zeroed = f.end.Load(), f.end.Load()
	// What a process that was killed had written and not flushed reads well, and
	// the duplicate window is about to vouch for it: without this flush a message
	// sent again would be acknowledged for an entry that a power cut takes away.
	return f.vault.flush(f.f)
}

// finish closes the file for good: nothing behind the entries but the footer.
func (f *journalFile) finish(head audit.Head) error {
	end := f.end.Load()
	if err := f.f.Truncate(end); err != nil {
		return err
	}
	if err := f.vault.reach(beforeFooter); err != nil {
		return err
	}
	f.mu.RLock()
	foot := footer{head: head, marks: f.marks}
	f.mu.RUnlock()
	if _, err := f.f.WriteAt(foot.encode(end), end); err != nil {
		return err
	}
	if err := f.vault.reach(footerWritten); err != nil {
		return err
	}
	f.foot = end
	return f.vault.flush(f.f)
}

// grow makes room for n bytes behind the end and for the reserve behind them.
// Where the disk gives no more it fails with an error that is full; fits says
// whether n bytes alone have room.
func (f *journalFile) grow(n int64) (fits bool, err error) {
	if err := f.vault.reach(beforeGrow); err != nil {
		return false, err
	}
	end := f.end.Load()
	if want := end + n + reserveBytes; f.allocated < want {
		to := max(want, f.allocated+allocateBytes)
		if err = f.vault.allocate(f.f, f.path, f.allocated, to-f.allocated); err == nil {
			f.allocated = to
		}
	}
	if end+n > f.allocated {
		return false, err
	}
	if f.zeroed < end+n {
		to := min(max(f.zeroed, end)+max(zeroBytes, n), f.allocated)
		if err := f.zero(max(f.zeroed, end), to); err != nil {
			return false, err
		}
		f.zeroed = to
	}
	return true, err
}

// zero writes zeros page by page: a kernel that caches a large write as one
// large folio would write the whole of it again for each group in it.
func (f *journalFile) zero(from, to int64) error {
	var page [4096]byte
	for from < to {
		n := min(to, (from/4096+1)*4096) - from
		if _, err := f.f.WriteAt(page[:n], from); err != nil {
			return err
		}
		from += n
	}
	return nil
}

// write puts frames behind the end and flushes them. marks names entries in them.
func (f *journalFile) write(frames []byte, marks []mark) error {
	end := f.end.Load()
	if err := f.vault.reach(beforeWrite); err != nil {
		return err
	}
	if _, err := f.f.WriteAt(frames, end); err != nil {
		return err
	}
	if err := f.vault.reach(beforeFlush); err != nil {
		return err
	}
	if err := f.vault.flush(f.f); err != nil {
		return err
	}
	if err := f.vault.reach(afterFlush); err != nil {
		return err
	}
	f.mu.Lock()
	f.marks = append(f.marks, marks...)
	f.mu.Unlock()
	f.end.Store(end + int64(len(frames)))
	return nil
}

// lastMark returns the offset of the last mark, far back when there is none.
func (f *journalFile) lastMark() int64 {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if len(f.marks) == 0 {
		return -markBytes
	}
	return f.marks[len(f.marks)-1].at
}

// section returns where the bytes stand in which seq is, and the sections after
// or before it: from the mark number i to the next.
func (f *journalFile) section(i int) (from, to int64, ok bool) {
	to = f.end.Load() // before the marks: each of them lies before an end
	f.mu.RLock()
	defer f.mu.RUnlock()
	if i < 0 || i >= len(f.marks) || f.marks[i].at >= to {
		return 0, 0, false
	}
	if i+1 < len(f.marks) {
		to = min(to, f.marks[i+1].at)
	}
	return f.marks[i].at, to, true
}

func (f *journalFile) markOf(seq lockport.Seq) int {
	f.mu.RLock()
	defer f.mu.RUnlock()
	i, found := slices.BinarySearchFunc(f.marks, seq, func(m mark, s lockport.Seq) int {
		switch {
		case m.seq < s:
			return -1
		case m.seq > s:
			return 1
		}
		return 0
	})
	if found {
		return i
	}
	return i - 1
}

// load reads one section. Entries that do not read are left out: whoever asks
// for one finds it missing.
func (f *journalFile) load(i int) ([]stored, bool, error) {
	from, to, ok := f.section(i)
	if !ok {
		return nil, false, nil
	}
	data := make([]byte, to-from)
	if _, err := f.f.ReadAt(data, from); errors.Is(err, fs.ErrClosed) {
		return nil, true, lockport.Errorf(lockport.Unavailable, "read journal", "the store is closed")
	} else if err != nil {
		return nil, true, damaged(f.path, fmt.Errorf("bytes %d to %d cannot be read: %w", from, to, err))
	}
	var out []stored
	for off := 0; off < len(data); {
		fr, err := parseFrame(data[off:], from+int64(off))
		if err != nil {
			next := bytes.Index(data[off+1:], frameMagic[:])
			if next < 0 {
				break
			}
			off += 1 + next
			continue
		}
		out = append(out, stored{sequenceOf(fr.value), fr.value, f})
		off += frameSize + len(fr.value)
	}
	return out, true, nil
}

// read copies stored values from seq on, forwards or backwards, up to a number
// and to readBytes. It returns none when there is nothing there.
func (f *journalFile) read(seq lockport.Seq, reverse bool, limit int) ([]stored, error) {
	var out []stored
	step := 1
	if reverse {
		step = -1
	}
	size := 0
	for i := f.markOf(seq); ; i += step {
		section, ok, err := f.load(i)
		if err != nil || !ok {
			return out, err
		}
		if reverse {
			slices.Reverse(section)
		}
		for _, c := range section {
			if c.seq != seq && (c.seq < seq) != reverse {
				continue
			}
			if len(out) == limit || size >= readBytes {
				return out, nil
			}
			out, size = append(out, c), size+len(c.value)
		}
	}
}

// allocate gives a file n bytes of the disk from an offset on.
func (v *vault) allocate(f *os.File, path string, from, n int64) error {
	if grow := v.seam.grow; grow != nil {
		if err := grow(from + n); err != nil {
			return &fs.PathError{Op: "write", Path: path, Err: err}
		}
	}
	if done, err := preallocate(f, from, n); done {
		return err
	}
	for n > 0 {
		size := min(n, zeroBytes)
		if _, err := f.WriteAt(make([]byte, size), from); err != nil {
			return err
		}
		from, n = from+size, n-size
	}
	return nil
}

// flush makes a journal file's data durable.
func (v *vault) flush(f *os.File) error {
	if v.seam.noSync {
		return nil
	}
	if err := flushData(f); err != nil {
		return err
	}
	if v.delay > 0 {
		time.Sleep(v.delay)
	}
	return nil
}
