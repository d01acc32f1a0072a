package repository

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/lockport-hie/lockport"
)

// boltFile is an open bbolt file. When bbolt stumbles over its pages, the file
// is given up: nothing is written to it any more, not even the list of its free
// pages, because what bbolt holds of it in memory may be as wrong as the pages.
type boltFile struct {
	*bolt.DB
	path   string
	handle *os.File // bbolt's own: it gives the lock back where bbolt cannot
	broken atomic.Bool
}

// openFile opens a file for reading and writing. mapped is the address space to
// reserve, larger than the file will get: growing the mapping stops the writer
// for as long as any reader reads.
func (v *vault) openFile(path string, mapped int, syncFreelist bool) (*boltFile, error) {
	b := &boltFile{path: path}
	err := b.guard(func() (err error) {
		b.DB, err = bolt.Open(path, 0o600, &bolt.Options{
			Timeout:         time.Second,
			FreelistType:    bolt.FreelistMapType,
			NoFreelistSync:  !syncFreelist,
			InitialMmapSize: mapped,
			NoSync:          v.seam.noSync,
			MaxSize:         v.seam.maxSize,
			NoStatistics:    syncFreelist, // the record's free pages are watched
			OpenFile:        b.keepHandle,
		})
		return err
	})
	return b.opened(err)
}

// openToRead opens a file that nothing is written to. Its pages must have been
// looked at: what they say is believed.
func openToRead(path string, mapped int) (*boltFile, error) {
	b := &boltFile{path: path}
	err := b.guard(func() (err error) {
		b.DB, err = bolt.Open(path, 0o600, &bolt.Options{Timeout: time.Second, ReadOnly: true, InitialMmapSize: mapped, NoStatistics: true,
			OpenFile: b.keepHandle})
		return err
	})
	return b.opened(err)
}

// keepHandle opens a file for bbolt.
func (b *boltFile) keepHandle(name string, flag int, mode os.FileMode) (f *os.File, err error) {
	b.handle, err = os.OpenFile(name, flag, mode)
	return b.handle, err
}

// opened ends opening a file.
func (b *boltFile) opened(err error) (*boltFile, error) {
	if b.broken.Load() {
		err = errors.Join(err, giveUp(b.handle))
	}
	if err != nil {
		if lockport.KindOf(err) != lockport.Corrupt {
			err = damaged(b.path, err)
		}
		return nil, err
	}
	return b, nil
}

// guard runs fn on mapped memory, and gives the file up when its pages do not
// hold together.
func (b *boltFile) guard(fn func() error) error {
	panicked, err := guarded(b.path, fn)
	if panicked {
		b.broken.Store(true)
	}
	return err
}

// guard runs fn on mapped memory. Damaged pages make bbolt panic and a
// truncated file makes the memory fault; both become an error of kind Corrupt.
func guard(path string, fn func() error) error {
	_, err := guarded(path, fn)
	return err
}

func guarded(path string, fn func() error) (panicked bool, err error) {
	old := debug.SetPanicOnFault(true)
	defer debug.SetPanicOnFault(old)
	defer func() {
		if p := recover(); p != nil {
			panicked, err = true, damaged(path, fmt.Errorf("its pages do not hold together (%T)", p))
		}
	}()
	return false, fn()
}

// Update runs fn in a transaction that is committed when it returns nil.
//
// A transaction that panicked is left open: to roll back, bbolt would walk the
// whole file, in a goroutine whose panic ends the program.
func (b *boltFile) Update(fn func(tx *bolt.Tx) error) error {
	return b.guard(func() error {
		if b.broken.Load() {
			return damaged(b.path, errors.New("its pages do not hold together"))
		}
		tx, err := b.Begin(true)
		if err != nil {
			return err
		}
		if err := fn(tx); err != nil {
			return errors.Join(err, tx.Rollback())
		}
		return tx.Commit()
	})
}

// View runs fn in a transaction that reads.
func (b *boltFile) View(fn func(tx *bolt.Tx) error) error {
	return b.guard(func() error { return b.DB.View(fn) })
}

// close closes a file so that the next open finds its list of free pages
// instead of looking for them in the whole file.
func (b *boltFile) close() error {
	if b == nil || b.DB == nil {
		return nil
	}
	if b.broken.Load() {
		return b.abandon()
	}
	var err error
	if b.NoFreelistSync && !b.IsReadOnly() {
		b.NoFreelistSync = false
		err = b.Update(func(*bolt.Tx) error { return nil })
		if b.broken.Load() {
			return errors.Join(err, b.abandon())
		}
	}
	return errors.Join(err, b.DB.Close())
}

// abandon closes a file without writing to it.
func (b *boltFile) abandon() error {
	if b.broken.Load() {
		// bbolt may wait for a transaction that nobody ends.
		return giveUp(b.handle)
	}
	b.NoFreelistSync = true
	return b.DB.Close()
}
