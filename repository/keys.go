package repository

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/lockport-hie/lockport"
)

const (
	keysName    = "master.key"
	keysVersion = "lockport-keys 1"
)

// Keys are the two secrets of a store: the master key, from which each file's
// data key is derived, and the key under which identifiers are hashed. The zero
// Keys opens nothing.
type Keys struct {
	// A pointer, because fmt cannot call Format on an unexported field that
	// holds Keys, and prints a nested pointer as an address only.
	secret *secret
}

type secret struct {
	master [32]byte
	mac    [32]byte
}

// Format keeps the keys out of everything that prints.
func (Keys) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "repository keys") }

// GenerateKeys makes new keys and writes them to dir/master.key, readable by
// the owner only. It never replaces keys: that is an error of kind Conflict.
// When it returns, the file and its name are on disk.
func GenerateKeys(dir string) error {
	const op = "generate keys"
	if err := makeDir(dir); err != nil {
		return lockport.Errorf(lockport.Internal, op, "%w", err)
	}
	var s secret
	if _, err := rand.Read(s.master[:]); err != nil {
		return lockport.Errorf(lockport.Internal, op, "%w", err)
	}
	if _, err := rand.Read(s.mac[:]); err != nil {
		return lockport.Errorf(lockport.Internal, op, "%w", err)
	}
	path := filepath.Join(dir, keysName)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return lockport.Errorf(lockport.Conflict, op, "%s exists already and is not replaced", path)
	}
	if err != nil {
		return lockport.Errorf(lockport.Internal, op, "%w", err)
	}
	_, err = fmt.Fprintf(f, "%s\nmaster %x\nhmac %x\n", keysVersion, s.master, s.mac)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = syncDir(dir)
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
		return Keys{}, lockport.Errorf(lockport.NotFound, op, "there is no key file %s: without it the store cannot be opened; copy it back from where it was saved", path)
	}
	if err != nil {
		return Keys{}, lockport.Errorf(lockport.Internal, op, "%w", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return Keys{}, lockport.Errorf(lockport.Invalid, op, "%s can be read by others (mode %04o): take their rights away with chmod 600", path, mode)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return Keys{}, lockport.Errorf(lockport.Internal, op, "%w", err)
	}
	s, err := parseKeys(data)
	if err != nil {
		return Keys{}, &lockport.Error{Op: op, Kind: lockport.Invalid, Where: path, Err: err}
	}
	return Keys{secret: s}, nil
}

func parseKeys(data []byte) (*secret, error) {
	lines := bufio.NewScanner(bytes.NewReader(data))
	if !lines.Scan() || lines.Text() != keysVersion {
		return nil, fmt.Errorf("line 1: not a key file of the form %q", keysVersion)
	}
	s := new(secret)
	for i, want := range []struct {
		name string
		into []byte
	}{{"master", s.master[:]}, {"hmac", s.mac[:]}} {
		line := i + 2
		if !lines.Scan() {
			return nil, fmt.Errorf("line %d: the %s key is missing", line, want.name)
		}
		name, value, _ := strings.Cut(lines.Text(), " ")
		if name != want.name || hex.DecodedLen(len(value)) != len(want.into) {
			return nil, fmt.Errorf("line %d: not a %s key of %d bytes in hexadecimal", line, want.name, len(want.into))
		}
		// The decoder's own error quotes what it met, and that is the key.
		if _, err := hex.Decode(want.into, []byte(value)); err != nil {
			return nil, fmt.Errorf("line %d: the %s key is not hexadecimal", line, want.name)
		}
	}
	if lines.Scan() {
		return nil, errors.New("line 4: nothing may follow the keys")
	}
	return s, nil
}
