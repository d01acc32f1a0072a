//go:build unix

package repository

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"

	"github.com/lockport-hie/lockport"
)

const lockName = "lock"

// lockDir takes the directory for this process until the file is closed or the
// process ends, however it ends.
func lockDir(dir string) (*os.File, error) {
	const op = "lock store"
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, lockport.Errorf(lockport.Internal, op, "%w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return f, nil
	}
	_ = f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, lockport.Errorf(lockport.Conflict, op, "%s is in use by a running server: stop it first, or talk to it through its socket", dir)
	}
	return nil, lockport.Errorf(lockport.Internal, op, "%w", err)
}

// giveUp closes a file that may still be mapped, which by itself would keep its
// lock.
func giveUp(f *os.File) error {
	return errors.Join(syscall.Flock(int(f.Fd()), syscall.LOCK_UN), f.Close())
}

// diskUsage returns the bytes that a file takes on disk, holes left out.
func diskUsage(path string) int64 {
	var st syscall.Stat_t
	if syscall.Stat(path, &st) != nil {
		return 0
	}
	return int64(st.Blocks) * 512
}
