package repository

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/lockport-hie/lockport"
)

// keysName is the name of the key file in its folder.
const keysName = "master.key"

// maxKeyFile bounds what is read as a key file.
const maxKeyFile = 64 << 10

// GenerateKeys makes new keys and writes them to dir/master.key, readable by
// the owner only. It never replaces keys: that is an error of kind Conflict.
// When it returns, the file and its name are on disk.
func GenerateKeys(dir string) error {
	const op = "generate keys"
	p, err := newPair()
	if err != nil {
		return lockport.Errorf(lockport.Internal, op, "%w", err)
	}
	return createKeys(op, dir, &keyring{[]*pair{p}})
}

// createKeys writes the key file of a folder that has none.
func createKeys(op, dir string, r *keyring) error {
	if err := makeDir(dir); err != nil {
		return lockport.Errorf(lockport.Internal, op, "%w", err)
	}
	return writeSecret(op, filepath.Join(dir, keysName), r.encode())
}

// writeSecret writes a file with a secret in it, and never over another file.
// What it leaves behind is all of the file, or none.
func writeSecret(op, path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return lockport.Errorf(lockport.Conflict, op, "%s exists already and is not replaced", path)
	}
	if err != nil {
		return lockport.Errorf(lockport.Internal, op, "%w", err)
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		// Half a key file must not look like keys to the next start.
		return lockport.Errorf(lockport.Internal, op, "%w", errors.Join(err, os.Remove(path)))
	}
	return nil
}

// LoadKeys reads dir/master.key. A missing file is of kind NotFound; one that
// others can read, or that is malformed, is Invalid.
func LoadKeys(dir string) (Keys, error) {
	const op = "load keys"
	path := filepath.Join(dir, keysName)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Keys{}, lockport.Errorf(lockport.NotFound, op, "there is no key file %s: without it the store cannot be opened; copy it back from where it was saved, or put a sealed copy back with lockport keys import", path)
	}
	if err != nil {
		return Keys{}, lockport.Errorf(lockport.Internal, op, "%w", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return Keys{}, lockport.Errorf(lockport.Invalid, op, "%s can be read by others (mode %04o): take their rights away with chmod 600", path, mode)
	}
	data, err := readBounded(path, maxKeyFile)
	if err != nil {
		return Keys{}, lockport.Errorf(lockport.Internal, op, "%w", err)
	}
	r, err := parseKeys(data)
	if err != nil {
		return Keys{}, &lockport.Error{Op: op, Kind: lockport.Invalid, Where: path, Err: err}
	}
	return Keys{r}, nil
}

// readBounded reads a file, but no more than one byte above a limit.
func readBounded(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, limit+1))
}

// unlock finds the pair that a file was made under, and returns the sealer of its
// epoch 0. A file of format 1 does not say which pair it is; then its check value
// does. That value seals a token under the pair's hash key, so both keys of the
// pair are right when it opens.
func (v *vault) unlock(path string, n *identity, check []byte) (sealer, error) {
	for _, p := range v.keys.ring.pairs {
		if n.key != p.id && n.key != (KeyID{}) {
			continue
		}
		s, err := p.sealer(n, 0)
		if err != nil {
			return sealer{}, err
		}
		if token, err := s.open(check, metaCheck); err == nil && string(token) == string(p.checkToken()) {
			n.key = p.id
			return s, nil
		}
	}
	return sealer{}, v.wrongKeys(path, n.key)
}

// wrongKeys says which key a file wants and which there are.
func (v *vault) wrongKeys(path string, wanted KeyID) error {
	var have []string
	for _, id := range v.keys.IDs() {
		have = append(have, id.String())
	}
	name, held := filepath.Base(path), strings.Join(have, ", ")
	const cure = "put back the master.key that belongs to this store"
	switch {
	case wanted == (KeyID{}):
		return lockport.Errorf(lockport.Refused, "open store", "these keys do not open %s: master.key holds %s, and it was made under another; %s", name, held, cure)
	case v.keys.pair(wanted) == nil:
		return lockport.Errorf(lockport.Refused, "open store", "these keys do not open %s: it needs key %s and master.key holds %s; %s", name, wanted, held, cure)
	}
	return lockport.Errorf(lockport.Refused, "open store", "these keys do not open %s: master.key holds key %s, but not as it was when the file was made; %s", name, wanted, cure)
}
