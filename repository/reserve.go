package repository

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

const reserveName = "reserve"

// reserve is a file that holds disk space and nothing else. When the record
// finds no room, the file goes, so that a denial that the journal's own reserve
// has taken also comes into force; when there is room again, it comes back.
// Only the projector touches it once the store is open.
type reserve struct {
	vault *vault
	path  string
	held  bool
}

func openReserve(v *vault, dir string) (*reserve, error) {
	r := &reserve{vault: v, path: filepath.Join(dir, reserveName)}
	return r, r.fill()
}

// fill takes the space if there is enough. A disk without room is no error:
// held says whether the space is there.
func (r *reserve) fill() error {
	f, err := os.OpenFile(r.path, os.O_WRONLY|os.O_CREATE, 0o600)
	if full(err) {
		return nil
	}
	if err != nil {
		return err
	}
	err = r.vault.allocate(f, r.path, 0, reserveBytes)
	err = errors.Join(err, f.Close())
	if full(err) {
		return os.Remove(r.path)
	}
	r.held = err == nil
	return err
}

// spend gives the space back to the file system and reports whether there was any.
func (r *reserve) spend() (bool, error) {
	if !r.held {
		return false, nil
	}
	r.held = false
	err := os.Remove(r.path)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return err == nil, err
}
