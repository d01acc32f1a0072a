package repository

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"github.com/lockport-hie/lockport"
)

// A sealed copy of a key file is a PEM block (RFC 7468's form, with headers): a
// passphrase becomes a key by Argon2id (RFC 9106), and under that key the text of
// the key file is sealed. What the passphrase has to withstand is a machine that
// guesses, so the copy costs memory to open; what it costs stands in the file and
// has bounds, because a file from elsewhere may ask for anything.
const (
	sealedType    = "LOCKPORT SEALED KEYS"
	sealedVersion = "1"
	sealedSumSize = 8
	// MinPassphrase is how many characters a passphrase has at least.
	MinPassphrase = 12

	maxSealedFile   = 256 << 10
	maxSealedMemory = 1 << 20 // KiB
	maxSealedPasses = 16
	maxSealedLanes  = 16
)

// stretching is what turns a passphrase into a key.
type stretching struct {
	memory uint32 // KiB
	passes uint32
	lanes  uint8
	salt   [16]byte
}

// strongStretching costs 256 MiB and about a second. RFC 9106 asks for at least
// 64 MiB with three passes.
func strongStretching() stretching { return stretching{memory: 256 << 10, passes: 3, lanes: 4} }

func (s stretching) seal(passphrase []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(argon2.IDKey(passphrase, s.salt[:], s.passes, s.memory, s.lanes, 32))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// headers are the clear part of a sealed copy.
func (s stretching) headers(ids []KeyID) map[string]string {
	var names []string
	for _, id := range ids {
		names = append(names, id.String())
	}
	return map[string]string{
		"Version": sealedVersion, "Keys": strings.Join(names, ","), "Salt": hex.EncodeToString(s.salt[:]),
		"Argon2id": fmt.Sprintf("m=%d,t=%d,p=%d", s.memory, s.passes, s.lanes),
	}
}

// sealedAssociated is what the seal is bound to: everything that stands around it.
func sealedAssociated(headers map[string]string) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: sealedType, Headers: headers})
}

// sealKeys returns a sealed copy of keys.
func sealKeys(k Keys, passphrase []byte, s stretching) ([]byte, error) {
	if _, err := rand.Read(s.salt[:]); err != nil {
		return nil, err
	}
	aead, err := s.seal(passphrase)
	if err != nil {
		return nil, err
	}
	headers := s.headers(k.IDs())
	sealed := aead.Seal(nil, nil, k.ring.encode(), sealedAssociated(headers))
	sealed = append(sealed, sealedSum(headers, sealed)...)
	return pem.EncodeToMemory(&pem.Block{Type: sealedType, Headers: headers, Bytes: sealed}), nil
}

// sealedSum tells a copy that is damaged from a passphrase that is wrong.
func sealedSum(headers map[string]string, sealed []byte) []byte {
	sum := sha256.Sum256(append(sealedAssociated(headers), sealed...))
	return sum[:sealedSumSize]
}

// sealedKeys is a sealed copy as it was read.
type sealedKeys struct {
	stretching
	headers map[string]string
	sealed  []byte
}

var errNoSealedKeys = errors.New("it is no sealed copy of keys, or it is damaged")

// parseSealed reads a sealed copy, without opening it. Exactly what sealKeys
// writes is taken, lines that end in CR LF apart.
func parseSealed(data []byte) (*sealedKeys, error) {
	data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
	block, _ := pem.Decode(data)
	if len(data) > maxSealedFile || block == nil || block.Type != sealedType {
		return nil, errNoSealedKeys
	}
	if v := block.Headers["Version"]; v != sealedVersion {
		if _, err := strconv.ParseUint(v, 10, 16); err == nil {
			return nil, fmt.Errorf("it has version %s and this program reads version %s", v, sealedVersion)
		}
		return nil, errNoSealedKeys
	}
	k := &sealedKeys{headers: block.Headers}
	n := len(block.Bytes) - sealedSumSize
	if n < 0 || !bytes.Equal(sealedSum(block.Headers, block.Bytes[:n]), block.Bytes[n:]) {
		return nil, errNoSealedKeys
	}
	k.sealed = block.Bytes[:n]
	if _, err := fmt.Sscanf(block.Headers["Argon2id"], "m=%d,t=%d,p=%d", &k.memory, &k.passes, &k.lanes); err != nil {
		return nil, errNoSealedKeys
	}
	salt, err := hex.DecodeString(block.Headers["Salt"])
	if err != nil || len(salt) != len(k.salt) {
		return nil, errNoSealedKeys
	}
	copy(k.salt[:], salt)
	if !bytes.Equal(bytes.TrimSpace(pem.EncodeToMemory(block)), bytes.TrimSpace(data)) {
		return nil, errNoSealedKeys
	}
	if k.passes < 1 || k.lanes < 1 || k.passes > maxSealedPasses || k.lanes > maxSealedLanes ||
		k.memory < 8*uint32(k.lanes) || k.memory > maxSealedMemory {
		return nil, fmt.Errorf("it asks for more work than a sealed copy may: at most %d MiB, %d passes and %d lanes", maxSealedMemory>>10, maxSealedPasses, maxSealedLanes)
	}
	return k, nil
}

// open returns the keys. A wrong passphrase is an error of kind Refused.
func (k *sealedKeys) open(passphrase []byte) (Keys, error) {
	aead, err := k.seal(passphrase)
	if err != nil {
		return Keys{}, err
	}
	text, err := aead.Open(nil, nil, k.sealed, sealedAssociated(k.headers))
	if err != nil {
		return Keys{}, lockport.Errorf(lockport.Refused, "open sealed keys", "the passphrase does not open this copy of key %s", k.headers["Keys"])
	}
	r, err := parseKeys(text)
	if err != nil {
		return Keys{}, fmt.Errorf("what is sealed in it is no key file: %w", err)
	}
	return Keys{r}, nil
}

// CheckPassphrase refuses a passphrase that is too short to withstand guessing.
func CheckPassphrase(passphrase []byte) error {
	if utf8.RuneCount(passphrase) < MinPassphrase {
		return lockport.Errorf(lockport.Invalid, "seal keys", "the passphrase is too short: take at least %d characters, several words for example", MinPassphrase)
	}
	return nil
}

// ExportKeys writes a copy of dir/master.key that is sealed under a passphrase to
// a new file, and opens it again before it counts. It returns the ids of the keys
// in it. A file that is there is never replaced: that is an error of kind
// Conflict.
func ExportKeys(dir, path string, passphrase []byte) ([]KeyID, error) {
	return exportKeys(dir, path, passphrase, strongStretching())
}

func exportKeys(dir, path string, passphrase []byte, s stretching) ([]KeyID, error) {
	const op = "export keys"
	if err := CheckPassphrase(passphrase); err != nil {
		return nil, err
	}
	k, err := LoadKeys(dir)
	if err != nil {
		return nil, err
	}
	if _, err := os.Lstat(path); err == nil {
		return nil, lockport.Errorf(lockport.Conflict, op, "%s exists already and is not replaced", path)
	}
	text, err := sealKeys(k, passphrase, s)
	if err != nil {
		return nil, lockport.Errorf(lockport.Internal, op, "%w", err)
	}
	if err := writeSecret(op, path, text); err != nil {
		return nil, err
	}
	again, err := readSealed(op, path, passphrase)
	if err == nil && !again.ring.equal(k.ring) {
		err = lockport.Errorf(lockport.Corrupt, op, "%s does not read back as it was written", path)
	}
	if err != nil {
		return nil, errors.Join(err, os.Remove(path))
	}
	return k.IDs(), nil
}

// readSealed reads and opens a sealed copy.
func readSealed(op, path string, passphrase []byte) (Keys, error) {
	data, err := readBounded(path, maxSealedFile)
	if errors.Is(err, fs.ErrNotExist) {
		return Keys{}, lockport.Errorf(lockport.NotFound, op, "there is no file %s", path)
	}
	if err != nil {
		return Keys{}, lockport.Errorf(lockport.Internal, op, "%w", err)
	}
	k, err := parseSealed(data)
	if err != nil {
		return Keys{}, lockport.Errorf(lockport.Invalid, op, "%s: %w", path, err)
	}
	keys, err := k.open(passphrase)
	if err != nil && lockport.KindOf(err) != lockport.Refused {
		err = lockport.Errorf(lockport.Invalid, op, "%s: %w", path, err)
	}
	return keys, err
}

// ImportKeys puts the keys of a sealed copy back as dir/master.key. It returns
// their ids, and whether they were there already. Other keys are never replaced:
// that is an error of kind Conflict. A wrong passphrase is one of kind Refused.
func ImportKeys(dir, path string, passphrase []byte) (ids []KeyID, same bool, err error) {
	const op = "import keys"
	k, err := readSealed(op, path, passphrase)
	if err != nil {
		return nil, false, err
	}
	have, err := LoadKeys(dir)
	switch {
	case lockport.KindOf(err) == lockport.NotFound && err != nil:
		return k.IDs(), false, createKeys(op, dir, k.ring)
	case err != nil:
		return nil, false, err
	case have.ring.equal(k.ring):
		return k.IDs(), true, nil
	}
	return nil, false, lockport.Errorf(lockport.Conflict, op, "%s holds key %s, and the copy holds %s: keys are not replaced; move the file away first, if it belongs to no store",
		filepath.Join(dir, keysName), have.IDs()[0], k.IDs()[0])
}
