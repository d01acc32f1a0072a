package hl7

import (
	"math/rand/v2"
	"os"
	"runtime/metrics"
	"strconv"
	"strings"
	"testing"
	"time"
)

// maxMutant bounds the inputs of the mutation loop: what goes wrong goes wrong in few bytes, and small inputs are many.
const maxMutant = 192

// target is one decoder or encoder under the mutation loop, with the check of its fuzz target.
type target struct {
	name  string
	seeds []string
	check func(testing.TB, string)
	// sound tells whether the decoder takes an input. Only those become parents, so that most mutants reach behind the
	// first refusal.
	sound func(string) bool
	// perByte is how many bytes a check may allocate for a byte of input, beside a fixed sum; the checks themselves
	// copy the input several times.
	perByte float64
}

func targets(t *testing.T) []target {
	path := mustParse(t, head+"PID|||1~2\rOBX|1\rOBX|2\r")
	profile := standard(t)
	york, names := newYork(), charsetNames()
	every := func(string) bool { return true }
	isMessage := func(s string) bool { _, err := Parse([]byte(s)); return err == nil }
	isPath := func(s string) bool { _, err := ParsePath(s); return err == nil }
	isTime := func(s string) bool { _, err := ParseTime(s); return err == nil }
	return []target{
		{"parse", seeds, func(t testing.TB, s string) { checkParse(t, []byte(s)) }, isMessage, 300},
		{"path", pathSeeds, func(t testing.TB, s string) { checkPath(t, path, s) }, isPath, 60},
		{"escape", escapeSeeds, checkEscape, every, 200},
		{"charset", charsetSeeds, func(t testing.TB, s string) { checkCharset(t, names[len(s)%len(names)], s) }, every, 60},
		{"time", timeSeeds, func(t testing.TB, s string) { checkTime(t, york, s) }, isTime, 20},
		{"batch", seeds, func(t testing.TB, s string) { checkSplit(t, []byte(s)) }, every, 20},
		{"build", seeds, func(t testing.TB, s string) { checkBuild(t, []byte(s)) }, isMessage, 400},
		{"acknowledge", seeds, func(t testing.TB, s string) { checkAck(t, []byte(s)) }, isMessage, 60},
		{"validate", seeds, func(t testing.TB, s string) { checkValidate(t, profile, s) }, isMessage, 1500},
	}
}

// TestTorture runs every target on mutated inputs: 20,000 of them, or as many as LOCKPORT_TORTURE says (1 means ten
// million), from the seed in LOCKPORT_TORTURE_SEED. What is allocated must stay within a multiple of the input.
func TestTorture(t *testing.T) {
	executions, seed := 20_000, uint64(1)
	if testing.Short() {
		executions = 2_000
	}
	if n, err := strconv.Atoi(os.Getenv("LOCKPORT_TORTURE")); err == nil && n > 0 {
		if executions = n; n == 1 {
			executions = 10_000_000
		}
	}
	if n, err := strconv.ParseUint(os.Getenv("LOCKPORT_TORTURE_SEED"), 10, 64); err == nil {
		seed = n
	}
	for _, target := range targets(t) {
		t.Run(target.name, func(t *testing.T) {
			begun := time.Now()
			most, sound := torture(t, target, executions, seed)
			t.Logf("%d executions (%.0f %% taken by the decoder), seed %d, %.0f s; %.1f bytes allocated for a byte of input at most",
				executions, 100*sound, seed, time.Since(begun).Seconds(), most)
		})
	}
}

// torture runs one target and returns the greatest allocation for a byte of input over a thousand executions, and which
// part of the inputs the decoder took, by a sample.
func torture(t *testing.T, target target, executions int, seed uint64) (most, sound float64) {
	const (
		round = 1000  // executions between two looks at the heap, whose counters are exact only over many
		fixed = 16384 // bytes that one check may allocate whatever its input
	)
	r := rand.New(rand.NewPCG(seed, uint64(len(target.name))))
	heap := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	pool := append([]string(nil), target.seeds...)
	current := ""
	defer func() {
		if p := recover(); p != nil {
			t.Fatalf("panic on %q: %v", current, p)
		}
		if t.Failed() {
			t.Logf("input %q", current)
		}
	}()
	for n := 0; n < executions; n += round {
		metrics.Read(heap)
		before, size := heap[0].Value.Uint64(), 0
		for range round {
			current = mutate(r, pool)
			size += len(current)
			target.check(t, current)
			// Mutants become parents now and then, so that changes add up.
			if r.IntN(64) > 0 || !target.sound(current) {
				continue
			}
			sound++
			if len(pool) < 1024 {
				pool = append(pool, current)
			} else {
				pool[len(target.seeds)+r.IntN(len(pool)-len(target.seeds))] = current
			}
		}
		metrics.Read(heap)
		allocated := float64(heap[0].Value.Uint64() - before)
		if allocated > target.perByte*float64(size)+fixed*round {
			t.Fatalf("%.0f bytes allocated for %d bytes of input", allocated, size)
		}
		most = max(most, allocated/float64(max(size, 1)))
	}
	return most, sound * 64 / float64(executions)
}

// tokens are what mutants are made of beside single bytes.
var tokens = strings.Split(`| ^ ~ \ & # "" \F\ \S\ \T\ \R\ \E\ \P\ \X0D\ \X \.br\ \.sp3\ \.in+5\ \H\ \N\ \Zx\ \C2842\ \M2442\ MSH PID OBX BHS| BTS| FTS| FHS| MSH|^~\&| `+
	"\r \r\n \v \x1c \x00 \xEF\xBB\xBF \x1B$B \x1B(B \x81\x30\x81\x30 \xB3\x5C \xE9 é 日 8859/1 ~ISO\u00a0IR87 BIG-5 UNICODE 2.3 2.5.1 . + - 0 9 00 (*) (2..4) +0100 20250309", " ")

// mutate makes an input of one or two from the pool: bytes changed, cut out, doubled, moved, tokens put in.
func mutate(r *rand.Rand, pool []string) string {
	b := []byte(pool[r.IntN(len(pool))])
	for range 1 + r.IntN(4) {
		at := r.IntN(len(b) + 1)
		end := min(len(b), at+1+r.IntN(16))
		switch r.IntN(7) {
		case 0:
			if at < len(b) {
				b[at] = byte(r.IntN(256))
			}
		case 1:
			b = append(b[:at], b[end:]...)
		case 2:
			b = append(b[:end:end], b[at:]...)
		case 3, 4:
			b = append(b[:at:at], tokens[r.IntN(len(tokens))]+string(b[at:])...)
		case 5:
			other := pool[r.IntN(len(pool))]
			b = append(b[:at:at], other[r.IntN(len(other)+1):]...)
		case 6:
			b = append(b[:at:at], "\r\n \t"[r.IntN(4):][:1]+string(b[at:])...)
		}
	}
	return string(b[:min(len(b), maxMutant)])
}

// checkValidate: findings are bounded, each has a code of table 0357 and a place in the message.
func checkValidate(t testing.TB, p *Profile, s string) {
	m, err := Parse([]byte(s))
	if err != nil {
		return
	}
	found := m.Validate(p)
	if len(found) > maxFindings {
		t.Fatalf("%d findings", len(found))
	}
	for _, f := range found {
		if ErrorText(f.Code) == "" || f.Text == "" || f.Severity == 0 {
			t.Fatalf("incomplete finding at %s", f.Location)
		}
		if f.Location.Field > 0 && f.Code != 101 && !m.nth(f.Location.Segment, f.Location.Sequence).Field(f.Location.Field).Valued() {
			t.Fatalf("a finding at %s, where no value is", f.Location)
		}
	}
}
