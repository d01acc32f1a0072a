package repository

import (
	"bytes"
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

// Format 1 kept the journal in bbolt files. Its entries are the same bytes as
// today's: they are copied, under the identity of the file that they were sealed
// for, and keep their chain. Record and window are made again from them.
var (
	format1Entries = []byte("entries")
	format1First   = []byte("first") // the sequence of the file's first entry
	format1Prev    = []byte("prev")  // the hash of the entry before it
)

// format1Paths lists the journal's files of format 1 in their order.
func format1Paths(dir string) ([]string, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "journal-????*.bolt"))
	slices.SortFunc(paths, func(a, b string) int { return fileNumber(a) - fileNumber(b) })
	return paths, err
}

// migrate brings a store of format 1 to today's. No file of the old store is
// touched before the new journal is complete and flushed; a migration that was
// cut short is done again, or finished, by the next one.
func (v *vault) migrate(dir string) error {
	old, err := format1Paths(dir)
	if err != nil || len(old) == 0 {
		return err
	}
	if _, err := os.Stat(filepath.Join(dir, journalName(1))); errors.Is(err, os.ErrNotExist) {
		if err := v.migrateJournal(dir, old); err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	views, err := filepath.Glob(filepath.Join(dir, "window-*.bolt"))
	if err != nil {
		return err
	}
	for _, path := range slices.Concat(views, []string{filepath.Join(dir, recordName)}) {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	// What tells that the views are of format 1 goes after them.
	if err := syncDir(dir); err != nil {
		return err
	}
	for _, path := range old {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return syncDir(dir)
}

// migrateJournal writes all files beside the old ones and gives them their
// names, the first file's last: it decides whether there is a journal.
func (v *vault) migrateJournal(dir string, old []string) error {
	var head audit.Head
	for i, path := range old {
		if fileNumber(path) != i+1 {
			return damaged(path, errors.New("a journal file before it is missing"))
		}
		err := guard(path, func() (err error) {
			head, err = v.migrateFile(path, filepath.Join(dir, journalName(i+1)+".new"), head)
			return err
		})
		if err != nil {
			return err
		}
	}
	for i := len(old); i > 0; i-- {
		name := filepath.Join(dir, journalName(i))
		if i == 1 {
			if err := syncDir(dir); err != nil {
				return err
			}
		}
		if err := os.Rename(name+".new", name); err != nil {
			return err
		}
	}
	return syncDir(dir)
}

// migrateFile copies one file of format 1 that follows head.
func (v *vault) migrateFile(from, to string, head audit.Head) (_ audit.Head, err error) {
	n, err := v.inspect(from, kindJournal)
	if err != nil {
		return head, err
	}
	db, err := bolt.Open(from, 0o600, &bolt.Options{ReadOnly: true, Timeout: time.Second})
	if err != nil {
		return head, damaged(from, err)
	}
	defer func() { _ = db.Close() }()
	f, err := os.OpenFile(to, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return head, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	block, err := v.encodeBlock(n, head)
	if err != nil {
		return head, err
	}
	if _, err := f.WriteAt(block, 0); err != nil {
		return head, err
	}
	out := &journalFile{path: to, f: f, vault: v}
	out.end.Store(blockSize)
	err = db.View(func(tx *bolt.Tx) error {
		head, err = copyFormat1(tx, from, out, head)
		return err
	})
	if err != nil {
		return head, err
	}
	return head, out.finish(head)
}

// copyFormat1 copies the entries of a file, each as a group of its own, and
// checks that they are a chain from head on.
func copyFormat1(tx *bolt.Tx, from string, out *journalFile, head audit.Head) (audit.Head, error) {
	meta, entries := tx.Bucket(metaBucket), tx.Bucket(format1Entries)
	if meta == nil || entries == nil || !bytes.Equal(meta.Get(format1First), (head.Seq+1).Key()) || !bytes.Equal(meta.Get(format1Prev), head.Hash[:]) {
		return head, damaged(from, fmt.Errorf("it does not follow entry %d", head.Seq))
	}
	var frames []byte
	c := entries.Cursor()
	for k, value := c.First(); k != nil; k, value = c.Next() {
		h, sealed, err := parseHeader(value)
		if err != nil || !bytes.Equal(k, h.Seq.Key()) || h.Seq != head.Seq+1 || h.Prev != head.Hash {
			return head, damaged(from, fmt.Errorf("entry %d is missing, or not the one that was written", head.Seq+1))
		}
		at := out.end.Load()
		if at-out.lastMark() >= markBytes {
			out.marks = append(out.marks, mark{h.Seq, at})
		}
		frames = appendFrame(frames[:0], 0, 0, h, sealed)
		if _, err := out.f.WriteAt(frames, at); err != nil {
			return head, err
		}
		out.end.Store(at + int64(len(frames)))
		head = audit.Head{Seq: h.Seq, Hash: audit.Hash(h)}
	}
	return head, nil
}

// storeAt fails with kind NotFound where a directory holds no store of any format.
func storeAt(dir string) error {
	const op = "open store"
	for _, name := range []string{journalName(1), "journal-0001.bolt"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err == nil && info.Size() > 0 {
			return nil
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return lockport.Errorf(lockport.Internal, op, "%w", err)
		}
	}
	return lockport.Errorf(lockport.NotFound, op, "there is no store in %s", dir)
}
