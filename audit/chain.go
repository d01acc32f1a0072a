package audit

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/lockport-hie/lockport"
)

// Header is the clear part of one journal entry. It is all that the chain
// needs: the payload stands in it as a commitment, so that the chain still
// verifies when retention has dropped payloads.
type Header struct {
	Seq        lockport.Seq
	ID         [16]byte // random, chosen when the payload is sealed
	Kind       uint8    // lockport.EntryKind
	Time       int64    // unix microseconds
	Commitment [32]byte // Commit of the payload
	Prev       [32]byte // Hash of the entry before; zero for entry 1
}

// hashDomain keeps the hash of a header apart from every other hash in the
// system, and names the layout. It is exactly 24 bytes.
const hashDomain = "lockport journal entry 1"

// headerSize is the length of what Hash covers.
const headerSize = len(hashDomain) + 8 + 16 + 1 + 8 + 32 + 32

// Hash returns the SHA-256 of a header. It covers 121 bytes, integers big-endian:
//
//	offset  0  24 bytes  "lockport journal entry 1"
//	offset 24   8 bytes  Seq
//	offset 32  16 bytes  ID
//	offset 48   1 byte   Kind
//	offset 49   8 bytes  Time, two's complement
//	offset 57  32 bytes  Commitment
//	offset 89  32 bytes  Prev
//
// Every field has a fixed place and length, so no two headers share an encoding.
func Hash(h Header) [32]byte {
	b := make([]byte, 0, headerSize)
	b = append(b, hashDomain...)
	b = binary.BigEndian.AppendUint64(b, uint64(h.Seq))
	b = append(b, h.ID[:]...)
	b = append(b, h.Kind)
	b = binary.BigEndian.AppendUint64(b, uint64(h.Time))
	b = append(b, h.Commitment[:]...)
	b = append(b, h.Prev[:]...)
	return sha256.Sum256(b)
}

// Commit returns SHA-256(salt ‖ plaintext). The salt is random and is sealed
// with the payload: when both are gone, nobody can test a guess about what the
// payload was.
func Commit(salt [32]byte, plaintext []byte) [32]byte {
	d := sha256.New()
	d.Write(salt[:])
	d.Write(plaintext)
	return [32]byte(d.Sum(nil))
}

// Head is a point of the chain that is known from elsewhere: a checkpoint, a
// printed head, the header before the oldest one that is kept.
type Head struct {
	Seq  lockport.Seq
	Hash [32]byte
}

// What can be wrong with a chain. Verifier wraps each in a *lockport.Error of
// kind Corrupt that names the entry.
var (
	ErrSequence  = errors.New("the sequence is broken: an entry is missing, repeated or out of order")
	ErrPrevious  = errors.New("does not follow the entry before: one of the two was changed, inserted or removed")
	ErrHead      = errors.New("is not the entry that is known from elsewhere")
	ErrTruncated = errors.New("the chain ends before an entry that is known from elsewhere")
)

// Verifier takes headers in order and finds the first break. The last entry of
// a chain has no successor that would betray a change, and a missing tail leaves
// no gap: both are found only against a known head.
type Verifier struct {
	last  Head
	known []Head
	err   error
}

// NewVerifier starts after a head that is trusted; the zero Head is before
// entry 1. Each known head, in ascending order, must be met on the way. A known
// head at or before the start is ignored unless it is the start itself.
func NewVerifier(after Head, known ...Head) *Verifier {
	v := &Verifier{last: after}
	for _, k := range known {
		if k.Seq == after.Seq && k.Hash != after.Hash {
			v.err = broken(k.Seq, ErrHead)
		}
		if k.Seq > after.Seq {
			v.known = append(v.known, k)
		}
	}
	return v
}

// Add takes the next header. It returns the first break, of kind Corrupt, and
// the same again for everything after it.
func (v *Verifier) Add(h Header) error {
	if v.err != nil {
		return v.err
	}
	switch {
	case h.Seq != v.last.Seq+1:
		v.err = broken(v.last.Seq+1, ErrSequence)
	case h.Prev != v.last.Hash:
		v.err = broken(h.Seq, ErrPrevious)
	default:
		v.last = Head{h.Seq, Hash(h)}
		v.err = v.meet()
	}
	return v.err
}

// meet compares the entry just taken with the known heads of its sequence.
func (v *Verifier) meet() error {
	for len(v.known) > 0 && v.known[0].Seq <= v.last.Seq {
		k := v.known[0]
		v.known = v.known[1:]
		if k != v.last {
			return broken(k.Seq, ErrHead)
		}
	}
	return nil
}

// Head returns the last entry that verified. It is what a checkpoint signs.
func (v *Verifier) Head() Head { return v.last }

// Close ends the verification: it returns the first break, or ErrTruncated when
// a known head was not reached.
func (v *Verifier) Close() error {
	if v.err == nil && len(v.known) > 0 {
		v.err = broken(v.known[0].Seq, ErrTruncated)
	}
	return v.err
}

func broken(seq lockport.Seq, cause error) error {
	return &lockport.Error{Op: "audit chain", Kind: lockport.Corrupt, Where: fmt.Sprintf("entry %d", seq), Err: cause}
}
