package repository

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
)

// written makes a journal file of groups of appends, as the committer does, and
// returns its bytes without a footer and where each group ends.
func written(t *testing.T, groups [][]int) (o Options, data []byte, ends []int64) {
	t.Helper()
	o = testOptions(t, ignoring{})
	if err := Create(o); err != nil {
		t.Fatal(err)
	}
	s := openAgain(t, o)
	c := &committer{s: s, head: s.head} // stands in for the store's own, which is idle
	n := 0
	for _, sizes := range groups {
		var requests []*request
		for _, size := range sizes {
			r := &request{done: make(chan error, 1)}
			for range size {
				e := oru(n)
				p, err := s.prepare(&e)
				if err != nil {
					t.Fatal(err)
				}
				r.entries = append(r.entries, p)
				n++
			}
			requests = append(requests, r)
			c.take(r)
		}
		c.finish(c.commit())
		for _, r := range requests {
			if err := <-r.done; err != nil {
				t.Fatal(err)
			}
		}
		ends = append(ends, s.journal.last().end.Load())
	}
	path := filepath.Join(o.Dir, journalName(1))
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return o, data[:ends[len(ends)-1]], ends
}

// recovered opens damaged bytes as a journal file and returns where it ends.
func recovered(t *testing.T, o Options, data []byte) (*journalFile, lockport.Seq) {
	t.Helper()
	path := filepath.Join(t.TempDir(), journalName(1))
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	v, err := newVault(o)
	if err != nil {
		t.Fatal(err)
	}
	f, head, err := v.openJournalFile(path, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.f.Close() })
	return f, head.Seq
}

// Any part of the last group may be missing after a power cut. What was flushed
// before is all there, and an append is there whole or not at all.
func TestScanTornGroup(t *testing.T) {
	o, data, ends := written(t, [][]int{{1, 1}, {3}, {1, 2, 1, 3, 1}})
	flushed, whole := lockport.Seq(5), map[lockport.Seq]bool{5: true, 6: true, 8: true, 9: true, 12: true, 13: true}
	r := rand.New(rand.NewPCG(3, 4))
	seen := make(map[lockport.Seq]int)
	for range 400 {
		torn := bytes.Clone(data)
		torn = append(torn, make([]byte, r.IntN(5000))...)
		lost := 1 + r.IntN(4)
		for range lost { // sectors that did not reach the disk
			at := (ends[1] + r.Int64N(ends[2]-ends[1])) / 512 * 512
			clear(torn[max(at, ends[1]):min(at+512, int64(len(torn)))])
		}
		_, end := recovered(t, o, torn)
		if end < flushed || !whole[end] {
			t.Fatalf("the journal ends at %d", end)
		}
		seen[end]++
	}
	if len(seen) < 3 {
		t.Errorf("the tears ended the journal at %v only", seen)
	}
}

// A group that a later one follows was flushed: damage in it is rot. What
// follows still counts, and the damaged entry is missing, not forgotten.
func TestScanRotIsNoTear(t *testing.T) {
	o, data, ends := written(t, [][]int{{1, 1, 1}, {2, 1}, {1}, {4}})
	r := rand.New(rand.NewPCG(5, 6))
	for range 300 {
		bad := bytes.Clone(data)
		at := blockSize + r.Int64N(ends[2]-blockSize)
		bad[at] ^= 1 << r.IntN(8)
		f, end := recovered(t, o, bad)
		if end != 11 {
			t.Fatalf("damage at byte %d ended the journal at %d", at, end)
		}
		missing := 0
		for seq := lockport.Seq(1); seq <= end; seq++ {
			c, err := f.read(seq, false, 1)
			if err != nil {
				t.Fatal(err)
			}
			if len(c) == 0 || c[0].seq != seq {
				missing++
			}
		}
		// One entry is damaged; where the walk lost its way, the rest of its
		// group is found again by its own frames.
		if missing != 1 {
			t.Fatalf("damage at byte %d: %d entries are missing", at, missing)
		}
	}
	// The control: the same damage in the last group cannot be told from a tear.
	bad := bytes.Clone(data)
	bad[ends[2]+40] ^= 1
	if _, end := recovered(t, o, bad); end != 7 {
		t.Errorf("damage in the last group ended the journal at %d", end)
	}
}

// Files that were closed cleanly are not read through, and give the same.
func TestFooterGivesWhatAScanGives(t *testing.T) {
	o := filled(t, 300, nil)
	path := filepath.Join(o.Dir, journalName(1))
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	closed, end := recovered(t, o, data)
	foot := closed.foot
	scanned, again := recovered(t, o, data[:foot])
	if foot == 0 || scanned.foot != 0 || end != 300 || again != end || scanned.end.Load() != closed.end.Load() || len(scanned.marks) < 3 {
		t.Fatalf("footer at %d: %d and %d entries, ends %d and %d", foot, end, again, closed.end.Load(), scanned.end.Load())
	}
	for i, m := range closed.marks {
		if scanned.marks[i] != m {
			t.Errorf("mark %d: %v and %v", i, m, scanned.marks[i])
		}
	}
	for _, reverse := range []bool{false, true} {
		for seq := lockport.Seq(1); seq <= 300; seq++ {
			c, err := closed.read(seq, reverse, 5)
			want := 5
			if reverse {
				want = min(5, int(seq))
			} else {
				want = min(5, int(301-seq))
			}
			if err != nil || len(c) != want || c[0].seq != seq {
				t.Fatalf("from %d, backwards %v: %d values, %v", seq, reverse, len(c), err)
			}
		}
	}
}

// FuzzFooter reads footers that anything may have written.
func FuzzFooter(f *testing.F) {
	sound := footer{marks: []mark{{1, blockSize}, {9, blockSize + 70000}}}
	f.Add(sound.encode(200000))
	f.Add([]byte(footerMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		foot, ok := parseFooter(b, 200000)
		if ok && !bytes.Equal(foot.encode(200000)[:len(b)-16], b[:len(b)-16]) {
			t.Error("what was read is not what is written")
		}
	})
}

// FuzzFrame reads frames that anything may have written.
func FuzzFrame(f *testing.F) {
	f.Add(appendFrame(nil, 1, 2, audit.Header{Seq: 7, Kind: 1}, []byte("sealed")))
	f.Add(frameMagic[:])
	f.Fuzz(func(t *testing.T, b []byte) {
		fr, err := parseFrame(b, 0)
		if err != nil {
			return
		}
		h, sealed, err := parseHeader(fr.value)
		if err == nil && !bytes.Equal(appendFrame(nil, fr.place, fr.more, h, sealed), b[:fr.next()]) {
			t.Error("what was read is not what is written")
		}
	})
}

func TestLag(t *testing.T) {
	var l lag
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	at := func(ms int) time.Time { return now.Add(time.Duration(ms) * time.Millisecond) }
	if l.since(at(0)) != 0 {
		t.Error("nothing waits")
	}
	for i := range 100 {
		l.appended(lockport.Seq(i+1), at(i))
	}
	if got := l.since(at(100)); got != 100*time.Millisecond || len(l.steps) > 11 {
		t.Errorf("the first waits for %v, %d steps", got, len(l.steps))
	}
	l.applied(55)
	if got := l.since(at(100)); got < 45*time.Millisecond || got > 45*time.Millisecond+lagStep {
		t.Errorf("the 56th waits for %v", got)
	}
	l.applied(100)
	if l.since(at(200)) != 0 {
		t.Error("all are applied")
	}
}
