package repository

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
)

// The first lines of a key file. Version 1 held one pair without its id.
const (
	keysVersion1 = "lockport-keys 1"
	keysVersion2 = "lockport-keys 2"
)

// maxPairs bounds a ring: there is one pair, and a second one for as long as a
// rekey is under way.
const maxPairs = 16

// KeyID names a master key without telling anything about it: the first 8 bytes
// of a SHA-256. It is no secret.
type KeyID [8]byte

// String returns the id in hexadecimal.
func (k KeyID) String() string { return hex.EncodeToString(k[:]) }

// MarshalText writes the id in hexadecimal.
func (k KeyID) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// Keys are the secrets of a store: pairs of a master key, from which the data key
// of each file is derived, and a key under which identifiers are hashed. The
// first pair is the current one, under which files are made; files of the others
// can be read. The zero Keys opens nothing.
type Keys struct {
	// A pointer, because fmt cannot call Format on an unexported field that
	// holds Keys, and prints a nested pointer as an address only.
	ring *keyring
}

// Format keeps the keys out of everything that prints.
func (Keys) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "repository keys") }

// IDs returns the ids of all pairs, the current one first.
func (k Keys) IDs() []KeyID {
	if k.ring == nil {
		return nil
	}
	ids := make([]KeyID, len(k.ring.pairs))
	for i, p := range k.ring.pairs {
		ids[i] = p.id
	}
	return ids
}

// current returns the pair under which files are made.
func (k Keys) current() *pair { return k.ring.pairs[0] }

// pair returns the pair of an id, nil when it is not there.
func (k Keys) pair(id KeyID) *pair {
	for _, p := range k.ring.pairs {
		if p.id == id {
			return p
		}
	}
	return nil
}

// keyring is the content of a key file.
type keyring struct{ pairs []*pair }

// pair is a master key and the hash key that was made with it.
type pair struct {
	id     KeyID
	master [32]byte
	mac    [32]byte
}

// newPair makes a pair at random.
func newPair() (*pair, error) {
	p := new(pair)
	_, err := rand.Read(p.master[:])
	if err == nil {
		_, err = rand.Read(p.mac[:])
	}
	p.id = keyIDOf(p.master)
	return p, err
}

func keyIDOf(master [32]byte) KeyID {
	sum := sha256.Sum256(append([]byte("lockport key id"), master[:]...))
	return KeyID(sum[:8])
}

// encode returns the text of a key file of version 2.
func (r *keyring) encode() []byte {
	var b bytes.Buffer
	fmt.Fprintln(&b, keysVersion2)
	for _, p := range r.pairs {
		fmt.Fprintf(&b, "key %s\nmaster %x\nhmac %x\n", p.id, p.master, p.mac)
	}
	return b.Bytes()
}

// equal reports whether two rings hold the same pairs in the same order.
func (r *keyring) equal(other *keyring) bool { return bytes.Equal(r.encode(), other.encode()) }

// parseKeys reads a key file of either version. Its errors never quote a line:
// there may be a key on it.
func parseKeys(data []byte) (*keyring, error) {
	l := &keyLines{lines: bufio.NewScanner(bytes.NewReader(data))}
	version, _ := l.next()
	switch version {
	case keysVersion1:
		p := new(pair)
		if err := l.secrets(p); err != nil {
			return nil, err
		}
		p.id = keyIDOf(p.master)
		if _, more := l.next(); more || l.lines.Err() != nil {
			return nil, fmt.Errorf("line %d: nothing may follow the keys", l.number)
		}
		return &keyring{[]*pair{p}}, nil
	case keysVersion2:
		return l.pairs()
	}
	return nil, fmt.Errorf("line 1: not a key file of the form %q or %q", keysVersion1, keysVersion2)
}

// keyLines reads a key file line by line.
type keyLines struct {
	lines  *bufio.Scanner
	number int // of the line that was read last
}

func (l *keyLines) next() (string, bool) {
	l.number++
	ok := l.lines.Scan()
	return l.lines.Text(), ok
}

// pairs reads what follows the first line of version 2.
func (l *keyLines) pairs() (*keyring, error) {
	r := new(keyring)
	for {
		line, ok := l.next()
		if !ok && len(r.pairs) > 0 {
			return r, l.lines.Err() // which says that a line is too long, and quotes nothing
		}
		p := new(pair)
		if err := l.value(line, ok, "key", "id", p.id[:]); err != nil {
			return nil, err
		}
		at := l.number
		if err := l.secrets(p); err != nil {
			return nil, err
		}
		if p.id != keyIDOf(p.master) {
			return nil, fmt.Errorf("line %d: the master key below is not the one of this id", at)
		}
		if (Keys{r}).pair(p.id) != nil {
			return nil, fmt.Errorf("line %d: this key is there twice", at)
		}
		if r.pairs = append(r.pairs, p); len(r.pairs) > maxPairs {
			return nil, fmt.Errorf("line %d: more than %d keys", at, maxPairs)
		}
	}
}

// secrets reads the two lines of a pair.
func (l *keyLines) secrets(p *pair) error {
	line, ok := l.next()
	if err := l.value(line, ok, "master", "key", p.master[:]); err != nil {
		return err
	}
	line, ok = l.next()
	return l.value(line, ok, "hmac", "key", p.mac[:])
}

// value reads a line of a name and a value in lower-case hexadecimal.
func (l *keyLines) value(line string, ok bool, name, what string, into []byte) error {
	if !ok {
		return fmt.Errorf("line %d: the %s %s is missing", l.number, name, what)
	}
	got, value, _ := strings.Cut(line, " ")
	if got != name || len(value) != hex.EncodedLen(len(into)) {
		return fmt.Errorf("line %d: not a %s %s of %d bytes in hexadecimal", l.number, name, what, len(into))
	}
	// The decoder's own error quotes what it met, and that may be the key.
	if _, err := hex.Decode(into, []byte(value)); err != nil {
		return fmt.Errorf("line %d: the %s %s is not hexadecimal", l.number, name, what)
	}
	return nil
}

// Format keeps the keys out of everything that prints.
func (pair) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "repository keys") }
