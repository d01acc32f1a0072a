package repository

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
)

var (
	entriesBucket = []byte("entries")
	metaFirst     = []byte("first") // the sequence of the file's first entry
	metaPrev      = []byte("prev")  // the hash of the entry before it
)

// journalFile is one file of the journal.
type journalFile struct {
	number int
	path   string
	db     *bolt.DB
	first  lockport.Seq
	prev   [32]byte // head of the chain before first
	sealer sealer
	id     identity
}

// journal is the row of files. Only the last one is written to.
type journal struct {
	dir   string
	vault *vault
	limit int64 // size at which the next file begins

	mu    sync.RWMutex // guards files
	files []*journalFile
}

func journalName(number int) string { return fmt.Sprintf("journal-%04d.bolt", number) }

// createJournalFile makes the file that follows head.
func (v *vault) createJournalFile(dir string, number int, store [16]byte, head audit.Head) error {
	n, err := newIdentity(kindJournal, store)
	if err != nil {
		return err
	}
	return v.createFile(filepath.Join(dir, journalName(number)), n, func(tx *bolt.Tx) error {
		meta := tx.Bucket(metaBucket)
		_, err := tx.CreateBucket(entriesBucket)
		return errors.Join(err,
			meta.Put(metaFirst, (head.Seq+1).Key()),
			meta.Put(metaPrev, head.Hash[:]))
	})
}

// openJournal opens all files, the last one for writing, and returns the head.
func openJournal(v *vault, dir string, limit int64) (*journal, audit.Head, error) {
	j := &journal{dir: dir, vault: v, limit: limit}
	names, err := filepath.Glob(filepath.Join(dir, "journal-????*.bolt"))
	if err != nil {
		return nil, audit.Head{}, err
	}
	slices.SortFunc(names, func(a, b string) int { return fileNumber(a) - fileNumber(b) })
	var head audit.Head
	for i, path := range names {
		if fileNumber(path) != i+1 {
			return nil, head, errors.Join(damaged(filepath.Join(dir, journalName(i+1)), errors.New("it is missing")), j.close())
		}
		f, err := j.openFile(path, i+1, i == len(names)-1)
		if err == nil && f.first != head.Seq+1 && i > 0 {
			err = damaged(path, fmt.Errorf("it begins at entry %d and the file before ends at %d", f.first, head.Seq))
		}
		if f != nil {
			j.files = append(j.files, f)
		}
		if err == nil {
			head, err = f.tail()
		}
		if err != nil {
			return nil, head, errors.Join(err, j.close())
		}
	}
	if err := j.settle(); err != nil {
		return nil, head, errors.Join(err, j.close())
	}
	return j, head, nil
}

// settle flushes what a process that was killed may have written and not
// flushed. Such entries read well, and the duplicate window is about to vouch
// for them: without the flush, a message sent again would be acknowledged for an
// entry that the next power cut takes away. The same holds for the name of a file
// that was begun just before. Closed files were flushed before the next began.
func (j *journal) settle() error {
	if j.vault.seam.noSync || len(j.files) == 0 {
		return nil
	}
	last := j.files[len(j.files)-1]
	if err := errors.Join(last.db.Sync(), syncDir(j.dir)); err != nil {
		return err
	}
	if told := j.vault.seam.synced; told != nil {
		told(last.path)
		told(j.dir)
	}
	return nil
}

func fileNumber(path string) int {
	var n int
	if _, err := fmt.Sscanf(filepath.Base(path), "journal-%d.bolt", &n); err != nil {
		return 0
	}
	return n
}

func (j *journal) openFile(path string, number int, last bool) (*journalFile, error) {
	n, err := j.vault.inspect(path, kindJournal)
	if err != nil {
		return nil, err
	}
	f := &journalFile{number: number, path: path, id: n}
	if len(j.files) > 0 && j.files[0].id.store != n.store {
		return nil, damaged(path, errors.New("it belongs to another store"))
	}
	if f.sealer, err = newSealer(j.vault.keys, n.id, n.salt, 0); err != nil {
		return nil, err
	}
	if last {
		// The list of free pages of an append-only file is short. Writing it with
		// each commit costs a page, and saves looking for it after a crash and
		// after each commit that found the disk full.
		f.db, err = j.vault.openFile(path, int(j.limit+j.limit/4)+(256<<20), true)
	} else {
		f.db, err = bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true, Timeout: time.Second})
	}
	if err != nil {
		return nil, err
	}
	return f, guard(path, func() error {
		return f.db.View(func(tx *bolt.Tx) error {
			meta := tx.Bucket(metaBucket)
			first, prev := meta.Get(metaFirst), meta.Get(metaPrev)
			if len(first) != 8 || len(prev) != 32 || tx.Bucket(entriesBucket) == nil {
				return damaged(path, errors.New("it does not say where it begins"))
			}
			f.first, f.prev = lockport.Seq(binary.BigEndian.Uint64(first)), [32]byte(prev)
			return nil
		})
	})
}

// tail returns the chain's head at the end of the file.
func (f *journalFile) tail() (audit.Head, error) {
	head := audit.Head{Seq: f.first - 1, Hash: f.prev}
	err := guard(f.path, func() error {
		return f.db.View(func(tx *bolt.Tx) error {
			k, v := tx.Bucket(entriesBucket).Cursor().Last()
			if k == nil {
				return nil
			}
			h, _, err := parseHeader(v)
			if err != nil || len(k) != 8 || uint64(h.Seq) != binary.BigEndian.Uint64(k) {
				return damaged(f.path, errors.New("its last entry does not read"))
			}
			head = audit.Head{Seq: h.Seq, Hash: audit.Hash(h)}
			return nil
		})
	})
	return head, err
}

func (j *journal) last() *journalFile {
	j.mu.RLock()
	defer j.mu.RUnlock()
	return j.files[len(j.files)-1]
}

// all returns the files as they are at the moment.
func (j *journal) all() []*journalFile {
	j.mu.RLock()
	defer j.mu.RUnlock()
	return slices.Clone(j.files)
}

// rotate begins the next file after head. The file before stays open for
// reading; only the committer calls rotate.
func (j *journal) rotate(head audit.Head) error {
	old := j.last()
	if err := j.vault.createJournalFile(j.dir, old.number+1, old.id.store, head); err != nil {
		return err
	}
	f, err := j.openFile(filepath.Join(j.dir, journalName(old.number+1)), old.number+1, true)
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.files = append(j.files, f)
	return nil
}

// stored is one value of the journal, copied out of the file.
type stored struct {
	seq   lockport.Seq
	value []byte
	file  *journalFile
}

// How much one short read transaction copies at most.
const (
	readEntries = 256
	readBytes   = 4 << 20
)

// read copies stored values from seq on, forwards or backwards, up to the limits
// above, out of one file. It returns none when there is nothing there.
func (j *journal) read(seq lockport.Seq, reverse bool, limit int) ([]stored, error) {
	f := j.holding(seq)
	if f == nil {
		return nil, nil
	}
	return f.read(seq, reverse, limit)
}

func (f *journalFile) read(seq lockport.Seq, reverse bool, limit int) ([]stored, error) {
	var out []stored
	err := guard(f.path, func() error {
		return f.db.View(func(tx *bolt.Tx) error {
			c := tx.Bucket(entriesBucket).Cursor()
			k, v := c.Seek(seq.Key())
			if reverse && k == nil {
				k, v = c.Last()
			} else if reverse && string(k) != string(seq.Key()) {
				k, v = c.Prev()
			}
			for size := 0; k != nil && len(out) < limit && size < readBytes; size += len(v) {
				if len(k) != 8 {
					return damaged(f.path, errors.New("a key is not a sequence"))
				}
				out = append(out, stored{lockport.Seq(binary.BigEndian.Uint64(k)), slices.Clone(v), f})
				if reverse {
					k, v = c.Prev()
				} else {
					k, v = c.Next()
				}
			}
			return nil
		})
	})
	return out, err
}

// holding returns the file that would hold seq.
func (j *journal) holding(seq lockport.Seq) *journalFile {
	j.mu.RLock()
	defer j.mu.RUnlock()
	for _, f := range slices.Backward(j.files) {
		if f.first <= seq {
			return f
		}
	}
	return nil
}

func (j *journal) close() error {
	var err error
	for _, f := range j.all() {
		if f.db != nil {
			err = errors.Join(err, closeFile(f.db))
		}
	}
	return err
}

func sizeOf(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}
