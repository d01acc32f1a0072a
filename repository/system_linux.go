package repository

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// preallocate reserves blocks of the disk; ok is false where the file system
// cannot.
func preallocate(f *os.File, from, n int64) (ok bool, err error) {
	err = unix.Fallocate(int(f.Fd()), 0, from, n)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		return false, nil
	}
	if err != nil {
		return true, &os.PathError{Op: "write", Path: f.Name(), Err: err}
	}
	return true, nil
}

// flushData makes what was written, and the size of the file, durable.
func flushData(f *os.File) error {
	for {
		err := unix.Fdatasync(int(f.Fd()))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return &os.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
		}
		return nil
	}
}

// willNeed asks for a part of a file to be read ahead.
func willNeed(f *os.File, off, n int64) {
	_ = unix.Fadvise(int(f.Fd()), off, n, unix.FADV_WILLNEED) // advice only
}

// dontNeed says that a part of a file will not be read again soon, so that it
// takes no memory from what will.
func dontNeed(f *os.File, off, n int64) {
	_ = unix.Fadvise(int(f.Fd()), off, n, unix.FADV_DONTNEED) // advice only
}

// asAsked keeps the kernel from reading more of a file than what is asked for.
// Behind the end of the journal's last file lie pages that were written one by
// one, and reading them ahead would join them.
func asAsked(f *os.File) {
	_ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_RANDOM) // advice only
}

// beginFlush has a part of a file written to the disk without waiting for it.
func beginFlush(f *os.File, off, n int64) {
	_ = unix.SyncFileRange(int(f.Fd()), off, n, unix.SYNC_FILE_RANGE_WRITE) // the flush that follows tells of failures
}
