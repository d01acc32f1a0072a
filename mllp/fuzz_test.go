package mllp

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

// reference splits input byte by byte after the rules of the package comment, without any
// regard to speed. It is written in another way than Reader on purpose.
func reference(input []byte, limit int) (out []string) {
	const (
		outside = iota
		within
		ending // within, and the last byte was FS
		thrown
	)
	state := outside
	var content []byte
	add := func(b ...byte) {
		if content = append(content, b...); len(content) > limit {
			out = append(out, "large")
			state = thrown
		}
	}
	for _, b := range input {
		if state == ending {
			switch b {
			case CarriageReturn, '\n', StartBlock:
				out = append(out, "="+string(content))
				state, content = outside, nil
			default:
				state = within
				add(EndBlock)
			}
			if b == CarriageReturn || b == '\n' {
				if state == outside {
					continue
				}
			}
		}
		switch {
		case b == StartBlock:
			state, content = within, nil
		case state == within && b == EndBlock:
			state = ending
		case state == within:
			add(b)
		case state == thrown && b == EndBlock:
			state = outside
		}
	}
	switch state {
	case ending:
		return append(out, "="+string(content), "EOF")
	case outside:
		return append(out, "EOF")
	}
	return append(out, "cut")
}

// checkReader compares Reader with reference in several packetings.
func checkReader(t interface {
	Helper()
	Fatalf(string, ...any)
}, input []byte, limit int, seed uint64) {
	t.Helper()
	want := reference(input, limit)
	for how, source := range map[string]io.Reader{
		"whole":   bytes.NewReader(input),
		"packets": &choppy{bytes.NewReader(input), rand.New(rand.NewPCG(seed, 1)), 3000},
		"bytes":   iotest.OneByteReader(bytes.NewReader(input)),
	} {
		m := &meter{source: source}
		m.reader = NewReader(m, limit)
		if got := transcript(m.reader); !slices.Equal(got, want) {
			t.Fatalf("%s, limit %d, seed %d: got %q, want %q", how, limit, seed, got, want)
		}
		if m.largest > limit+idleBuffer {
			t.Fatalf("%s, limit %d: buffer of %d bytes", how, limit, m.largest)
		}
		if m.looked > 3*len(input)+3 {
			t.Fatalf("%s, limit %d: %d bytes looked at for %d received", how, limit, m.looked, len(input))
		}
	}
}

// FuzzReader: any cutting into packets gives the frames of the reference, within bounded
// memory and linear work.
func FuzzReader(f *testing.F) {
	for i, v := range vectors {
		if len(v.input) < 1000 {
			f.Add([]byte(v.input), uint16(v.limit), uint64(i))
		}
	}
	f.Fuzz(func(t *testing.T, input []byte, limit uint16, seed uint64) {
		checkReader(t, input, int(limit)+1, seed)
	})
}

// TestReaderProperty draws input that is dense in the bytes that matter and long
// enough for the buffer to grow and shrink.
func TestReaderProperty(t *testing.T) {
	piece := rapid.OneOf(
		rapid.SampledFrom([][]byte{{StartBlock}, {EndBlock}, {CarriageReturn}, {'\n'}, {0}, []byte(fscr), []byte(fs + vt), []byte("x")}),
		rapid.Map(rapid.IntRange(0, 9000), func(n int) []byte { return bytes.Repeat([]byte{'y'}, n) }),
		rapid.Map(rapid.IntRange(0, 5000), func(n int) []byte { return AppendFrame(nil, bytes.Repeat([]byte{'z'}, n)) }),
	)
	rapid.Check(t, func(t *rapid.T) {
		input := slices.Concat(rapid.SliceOfN(piece, 0, 30).Draw(t, "pieces")...)
		limit := rapid.OneOf(rapid.IntRange(1, 20), rapid.IntRange(500, 10_000), rapid.Just(1<<20)).Draw(t, "limit")
		checkReader(t, input, limit, rapid.Uint64().Draw(t, "seed"))
	})
}

// TestTortureReader draws short inputs of the bytes that matter: there, where every byte
// changes the state, blind search beats the coverage-guided one by far.
func TestTortureReader(t *testing.T) {
	mutations := 20_000
	if os.Getenv("LOCKPORT_TORTURE") != "" {
		mutations = 10_000_000
	}
	const alphabet = "\x0b\x0b\x1c\x1c\r\r\n\x00xy"
	random := rand.New(rand.NewPCG(2575, 1))
	input := make([]byte, 64)
	for range mutations {
		in := input[:random.IntN(len(input)+1)]
		for i := range in {
			in[i] = alphabet[random.IntN(len(alphabet))]
		}
		limit := 1 + random.IntN(12)
		want := reference(in, limit)
		packets := &choppy{bytes.NewReader(in), random, 8}
		if got := transcript(NewReader(packets, limit)); !slices.Equal(got, want) {
			t.Fatalf("limit %d, input %q: got %q, want %q", limit, in, got, want)
		}
	}
}
