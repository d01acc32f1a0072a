//go:build !linux

package repository

import "os"

// preallocate reserves blocks of the disk; ok is false where that cannot be asked.
func preallocate(*os.File, int64, int64) (ok bool, err error) { return false, nil }

// flushData makes what was written, and the size of the file, durable.
func flushData(f *os.File) error { return f.Sync() }

// willNeed asks for a part of a file to be read ahead, where that can be asked.
func willNeed(*os.File, int64, int64) {}

// dontNeed says that a part of a file will not be read again soon, where that
// can be said.
func dontNeed(*os.File, int64, int64) {}

// asAsked keeps a file from being read ahead, where that can be asked.
func asAsked(*os.File) {}

// beginFlush has a part of a file written to the disk, where that can be asked.
func beginFlush(*os.File, int64, int64) {}
