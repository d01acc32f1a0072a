package repository

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
)

// journal is the row of files. Only the last one is written to.
type journal struct {
	dir   string
	vault *vault
	limit int64 // size at which the next file begins

	mu    sync.RWMutex // guards files
	files []*journalFile
}

// journalPaths lists the journal's files in their order.
func journalPaths(dir string) ([]string, error) {
	names, err := filepath.Glob(filepath.Join(dir, "journal-????*.log"))
	slices.SortFunc(names, func(a, b string) int { return fileNumber(a) - fileNumber(b) })
	return names, err
}

// openJournal opens all files, the last one for writing, and returns the head.
func openJournal(v *vault, dir string, limit int64) (*journal, audit.Head, error) {
	j := &journal{dir: dir, vault: v, limit: limit}
	head, err := j.openAll()
	if err == nil {
		err = j.settle()
	}
	if err != nil {
		return nil, head, errors.Join(err, j.close())
	}
	return j, head, nil
}

func (j *journal) openAll() (audit.Head, error) {
	var head audit.Head
	paths, err := journalPaths(j.dir)
	if err != nil {
		return head, err
	}
	for i, path := range paths {
		if fileNumber(path) != i+1 {
			return head, damaged(filepath.Join(j.dir, journalName(i+1)), errors.New("it is missing"))
		}
		f, end, err := j.vault.openJournalFile(path, i+1)
		if err != nil {
			return head, err
		}
		j.files = append(j.files, f)
		if f.id.store != j.files[0].id.store {
			return head, damaged(path, errors.New("it belongs to another store"))
		}
		if i > 0 && f.first != head.Seq+1 {
			return head, journalEnds(path, f.first, head.Seq)
		}
		if i > 0 && f.prev != head.Hash {
			return head, damaged(path, fmt.Errorf("it does not follow entry %d", head.Seq))
		}
		head = end
	}
	return head, nil
}

// settle makes the last file ready for writing and flushes its name, which may
// be as new as a crash a moment ago. Files before it that a crash kept from
// being closed get their footer.
func (j *journal) settle() error {
	last := len(j.files) - 1
	for i, f := range j.files {
		var err error
		switch {
		case i == last:
			err = errors.Join(j.vault.reach(beforeReopen), f.reopen(), j.vault.reach(afterReopen))
		case f.foot == 0:
			err = f.finish(audit.Head{Seq: j.files[i+1].first - 1, Hash: j.files[i+1].prev})
		}
		if err != nil {
			return err
		}
	}
	if last < 0 || j.vault.seam.noSync {
		return nil
	}
	if err := syncDir(j.dir); err != nil {
		return err
	}
	if told := j.vault.seam.synced; told != nil {
		told(j.files[last].path)
		told(j.dir)
	}
	return nil
}

func fileNumber(path string) int {
	var n int
	if _, err := fmt.Sscanf(filepath.Base(path), "journal-%d.", &n); err != nil {
		return 0
	}
	return n
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

// rotate begins the next file after head and closes the one before, which stays
// open for reading. Only the committer calls it.
func (j *journal) rotate(head audit.Head) error {
	old := j.last()
	if err := j.vault.createJournalFile(j.dir, old.number+1, old.id.store, head); err != nil {
		return err
	}
	f, _, err := j.vault.openJournalFile(filepath.Join(j.dir, journalName(old.number+1)), old.number+1)
	if err != nil {
		return err
	}
	f.allocated, f.zeroed = blockSize+reserveBytes, blockSize
	j.mu.Lock()
	j.files = append(j.files, f)
	j.mu.Unlock()
	if err := j.vault.reach(beforeFinish); err != nil {
		return err
	}
	return old.finish(head)
}

// stored is one value of the journal, copied out of the file.
type stored struct {
	seq   lockport.Seq
	value []byte
	file  *journalFile
}

// How much one read returns at most.
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

// hashOf returns the chain's hash of an entry, zero for entry 0.
func (j *journal) hashOf(seq lockport.Seq) ([32]byte, error) {
	if seq == 0 {
		return [32]byte{}, nil
	}
	chunk, err := j.read(seq, false, 1)
	if err != nil {
		return [32]byte{}, err
	}
	if len(chunk) == 0 || chunk[0].seq != seq {
		return [32]byte{}, entryDamaged(seq, errMissing)
	}
	h, _, err := parseHeader(chunk[0].value)
	return audit.Hash(h), entryDamaged(seq, err)
}

// finish writes the footer of the last file, so that the next open need not
// read it through.
func (j *journal) finish(head audit.Head) error { return j.last().finish(head) }

func (j *journal) close() error {
	var err error
	for _, f := range j.all() {
		err = errors.Join(err, f.f.Close())
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
