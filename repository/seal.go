package repository

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash"
	"io"
	"sync"

	"github.com/lockport-hie/lockport"
)

// sealer seals and opens under one data key: AES-256-GCM with a random nonce in
// front of the ciphertext.
type sealer struct{ aead cipher.AEAD }

// sealer derives the data key of one file from the master key by HKDF-SHA-256.
// epoch counts the keys of one file: random nonces of 96 bits ask that a key
// seals no more than about 2^32 values.
func (p *pair) sealer(n *identity, epoch uint64) (sealer, error) {
	info := append([]byte("lockport data key 1"), n.id[:]...)
	info = binary.BigEndian.AppendUint64(info, epoch)
	key, err := hkdf.Key(sha256.New, p.master[:], n.salt[:], string(info), 32)
	if err != nil {
		return sealer{}, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return sealer{}, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return sealer{aead}, err
}

// checkToken is what the check value of a file seals; both keys take part in it.
func (p *pair) checkToken() []byte {
	t := newHasher(p).Token("check", "lockport")
	return t[:]
}

// check returns a file's check value and the sealer that made it.
func (v *vault) check(path string, n *identity) ([]byte, sealer, error) {
	p := v.keys.pair(n.key)
	if p == nil {
		return nil, sealer{}, v.wrongKeys(path, n.key)
	}
	s, err := p.sealer(n, 0)
	if err != nil {
		return nil, s, err
	}
	return s.seal(nil, p.checkToken(), metaCheck), s, nil
}

func (s sealer) seal(dst, plain, associated []byte) []byte {
	return s.aead.Seal(dst, nil, plain, associated)
}

func (s sealer) open(sealed, associated []byte) ([]byte, error) {
	return s.aead.Open(nil, nil, sealed, associated)
}

// epochSize is the number of values that one key of the record seals.
const epochSize = 1 << 30

// epochs holds the data keys of the record, whose rows are rewritten for as long
// as the file lives.
type epochs struct {
	keys Keys
	file identity
	mu   sync.RWMutex
	made map[uint64]sealer
}

func (e *epochs) sealer(epoch uint64) (sealer, error) {
	e.mu.RLock()
	s, ok := e.made[epoch]
	e.mu.RUnlock()
	if ok {
		return s, nil
	}
	p := e.keys.pair(e.file.key)
	if p == nil {
		return sealer{}, errors.New("its key is not there")
	}
	s, err := p.sealer(&e.file, epoch)
	if err != nil {
		return sealer{}, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	// Only an epoch that sealed something is kept, but a damaged row can name
	// any: the table of keys stays small whatever is read.
	if e.made == nil || len(e.made) > 16 {
		e.made = make(map[uint64]sealer)
	}
	e.made[epoch] = s
	return s, nil
}

// hasher computes tokens: HMAC-SHA-256 under the hash key of a pair.
type hasher struct{ pool sync.Pool }

func newHasher(p *pair) *hasher {
	mac := p.mac
	return &hasher{pool: sync.Pool{New: func() any { return hmac.New(sha256.New, mac[:]) }}}
}

// Token hashes parts. Every part stands behind its length, so that no two lists
// of parts run together into the same bytes.
func (h *hasher) Token(space string, parts ...string) lockport.Token {
	m := h.pool.Get().(hash.Hash)
	defer h.pool.Put(m)
	m.Reset()
	var length [4]byte
	write := func(s string) {
		binary.BigEndian.PutUint32(length[:], uint32(len(s)))
		_, _ = m.Write(length[:])
		_, _ = io.WriteString(m, s)
	}
	write(space)
	for _, p := range parts {
		write(p)
	}
	var sum [sha256.Size]byte
	return lockport.Token(m.Sum(sum[:0])[:16])
}
