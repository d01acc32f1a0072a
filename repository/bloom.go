package repository

import (
	"encoding/binary"

	"github.com/lockport-hie/lockport"
)

// bloom says of a token either "not here" for certain or "perhaps". At 16 bits a
// token and 8 probes about one answer in 1,700 is a wrong "perhaps", so that 36
// of them together send one miss in fifty to a file.
type bloom struct {
	bits  []uint64
	count int // tokens added
	room  int // tokens for which it is large enough
}

const (
	bloomBits   = 16
	bloomProbes = 8
	bloomLeast  = 4096
)

func newBloom(room int) *bloom {
	room = max(room, bloomLeast)
	return &bloom{bits: make([]uint64, room*bloomBits/64), room: room}
}

// A token is a keyed hash already: its halves serve as the two hashes from which
// all probes are made.
func (b *bloom) probes(t lockport.Token) (first, step uint64) {
	return binary.LittleEndian.Uint64(t[:8]), binary.LittleEndian.Uint64(t[8:]) | 1
}

func (b *bloom) add(t lockport.Token) {
	b.count++
	at, step := b.probes(t)
	for range bloomProbes {
		bit := at % uint64(len(b.bits)*64)
		b.bits[bit/64] |= 1 << (bit % 64)
		at += step
	}
}

func (b *bloom) has(t lockport.Token) bool {
	at, step := b.probes(t)
	for range bloomProbes {
		bit := at % uint64(len(b.bits)*64)
		if b.bits[bit/64]&(1<<(bit%64)) == 0 {
			return false
		}
		at += step
	}
	return true
}
