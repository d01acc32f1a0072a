package audit

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/lockport-hie/lockport"
	"pgregory.net/rapid"
)

// newChain makes a sound chain of n entries.
func newChain(r *rand.Rand, n int) []Header {
	var chain []Header
	var prev [32]byte
	for i := range n {
		h := Header{Seq: lockport.Seq(i + 1), Kind: uint8(1 + r.IntN(8)), Time: int64(r.Uint64()), Prev: prev}
		for j := range h.ID {
			h.ID[j] = byte(r.Uint32())
		}
		h.Commitment = Commit(random32(r), []byte{byte(i)})
		chain = append(chain, h)
		prev = Hash(h)
	}
	return chain
}

func random32(r *rand.Rand) (b [32]byte) {
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func headOf(chain []Header) Head {
	h := chain[len(chain)-1]
	return Head{h.Seq, Hash(h)}
}

func verify(chain []Header, known ...Head) error {
	v := NewVerifier(Head{}, known...)
	for _, h := range chain {
		if v.Add(h) != nil {
			break
		}
	}
	return v.Close()
}

// mutate damages a copy of the chain in one of the ways R8 names.
func mutate(r *rand.Rand, chain []Header) (string, []Header) {
	c := slices.Clone(chain)
	i := r.IntN(len(c))
	switch r.IntN(8) {
	case 0:
		h := &c[i]
		bit := byte(1) << r.IntN(8)
		switch r.IntN(6) {
		case 0:
			h.Seq ^= 1 << r.IntN(64)
		case 1:
			h.ID[r.IntN(16)] ^= bit
		case 2:
			h.Kind ^= bit
		case 3:
			h.Time ^= 1 << r.IntN(64)
		case 4:
			h.Commitment[r.IntN(32)] ^= bit
		case 5:
			h.Prev[r.IntN(32)] ^= bit
		}
		return "change", c
	case 1:
		return "delete", slices.Delete(c, i, i+1)
	case 2: // delete, and close the gap in the sequence
		c = slices.Delete(c, i, i+1)
		for j := i; j < len(c); j++ {
			c[j].Seq--
		}
		return "delete and renumber", c
	case 3:
		return "insert", slices.Insert(c, i, c[r.IntN(len(c))])
	case 4: // insert with everything right but the entry that follows
		extra := c[i]
		extra.ID[0]++
		c = slices.Insert(c, i, extra)
		for j := i + 1; j < len(c); j++ {
			c[j].Seq++
		}
		return "insert and renumber", c
	case 5:
		j := r.IntN(len(c))
		for j == i {
			j = r.IntN(len(c))
		}
		c[i], c[j] = c[j], c[i]
		return "reorder", c
	case 6:
		return "truncate", c[:i]
	}
	// The most that someone without the checkpoint can do: change an entry and
	// compute every later hash anew.
	c[i].Commitment[0]++
	for j := i + 1; j < len(c); j++ {
		c[j].Prev = Hash(c[j-1])
	}
	return "rewrite", c
}

func TestVerifierFindsEveryMutation(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 20261123))
	found := map[string]int{}
	for range 10_000 {
		chain := newChain(r, 2+r.IntN(12))
		if err := verify(chain, headOf(chain)); err != nil {
			t.Fatalf("a sound chain of %d does not verify: %v", len(chain), err)
		}
		what, damaged := mutate(r, chain)
		err := verify(damaged, headOf(chain))
		if err == nil {
			t.Fatalf("%s of %d entries was not found", what, len(chain))
		}
		if lockport.KindOf(err) != lockport.Corrupt {
			t.Fatalf("%s has kind %s", what, lockport.KindOf(err))
		}
		found[what]++
	}
	if len(found) != 8 {
		t.Fatalf("only these mutations were tried: %v", found)
	}
}

// TestVerifierNeedsAKnownHead is the control: without an outside anchor a
// shortened or wholly rewritten chain is a sound chain.
func TestVerifierNeedsAKnownHead(t *testing.T) {
	chain := newChain(rand.New(rand.NewPCG(1, 1)), 5)
	if err := verify(chain[:3]); err != nil {
		t.Errorf("a shorter chain: %v", err)
	}
	if err := verify(chain[:3], headOf(chain)); !errors.Is(err, ErrTruncated) {
		t.Errorf("a shorter chain against its head: %v", err)
	}
	chain[4].Kind++
	if err := verify(chain); err != nil {
		t.Errorf("a changed last entry: %v", err)
	}
}

func TestVerifierNamesTheFirstBreak(t *testing.T) {
	chain := newChain(rand.New(rand.NewPCG(2, 2)), 6)
	known := Head{chain[2].Seq, Hash(chain[2])}
	tests := []struct {
		name   string
		damage func(c []Header) []Header
		cause  error
		where  string
	}{
		{"gap", func(c []Header) []Header { return slices.Delete(c, 1, 2) }, ErrSequence, "entry 2"},
		{"first missing", func(c []Header) []Header { return c[1:] }, ErrSequence, "entry 1"},
		{"changed before the head", func(c []Header) []Header { c[1].Time++; return c }, ErrPrevious, "entry 3"},
		{"changed head", func(c []Header) []Header { c[2].Time++; return c }, ErrHead, "entry 3"},
		{"changed after the head", func(c []Header) []Header { c[3].Time++; return c }, ErrPrevious, "entry 5"},
		{"rolled back", func(c []Header) []Header { return c[:2] }, ErrTruncated, "entry 3"},
		{"two logs swapped", func([]Header) []Header { return newChain(rand.New(rand.NewPCG(3, 3)), 6) }, ErrHead, "entry 3"},
		{"first with a predecessor", func(c []Header) []Header { c[0].Prev[5] = 1; return c }, ErrPrevious, "entry 1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := verify(test.damage(slices.Clone(chain)), known)
			var e *lockport.Error
			if !errors.Is(err, test.cause) || !errors.As(err, &e) || e.Where != test.where {
				t.Errorf("got %v, want %s: %v", err, test.where, test.cause)
			}
		})
	}
}

func TestVerifierStartsInTheMiddle(t *testing.T) {
	chain := newChain(rand.New(rand.NewPCG(4, 4)), 6)
	start := headOf(chain[:3])
	v := NewVerifier(start, headOf(chain[:2]), start, headOf(chain))
	for _, h := range chain[3:] {
		if err := v.Add(h); err != nil {
			t.Fatal(err)
		}
	}
	if err := v.Close(); err != nil || v.Head() != headOf(chain) {
		t.Errorf("head %d, %v", v.Head().Seq, err)
	}
	wrong := start
	wrong.Hash[0]++
	if err := NewVerifier(wrong, start).Close(); !errors.Is(err, ErrHead) {
		t.Errorf("a start that is not the known head: %v", err)
	}
}

// TestHashDependsOnEveryField also pins the layout: it is part of the format.
func TestHashDependsOnEveryField(t *testing.T) {
	h := Header{Seq: 1, ID: [16]byte{1}, Kind: 2, Time: -3, Commitment: [32]byte{4}, Prev: [32]byte{5}}
	if headerSize != 121 || len(hashDomain) != 24 {
		t.Errorf("layout: %d and %d bytes", headerSize, len(hashDomain))
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := h, h
		n := rapid.Int64().Draw(t, "n")
		switch rapid.IntRange(0, 3).Draw(t, "field") {
		case 0:
			b.Seq += lockport.Seq(n)
		case 1:
			b.Time += n
		case 2:
			b.Kind += uint8(n)
		case 3:
			b.ID, b.Commitment = [16]byte{byte(n)}, [32]byte{byte(n >> 8)}
		}
		if (a == b) != (Hash(a) == Hash(b)) {
			t.Fatalf("%v and %v", a, b)
		}
	})
}

func TestCommitNeedsTheSalt(t *testing.T) {
	plain := []byte("payload")
	if Commit([32]byte{1}, plain) == Commit([32]byte{2}, plain) {
		t.Error("the salt does not count")
	}
	if Commit([32]byte{1}, plain) == Commit([32]byte{1}, plain[:6]) {
		t.Error("the payload does not count")
	}
}
