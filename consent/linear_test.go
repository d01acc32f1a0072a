package consent

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lockport-hie/lockport"
)

// history is what happened to one patient: directives with the ticks before they
// were sent and after they were acknowledged, and the ticks at which bytes left.
type history struct {
	mu         sync.Mutex
	directives []operation
	bytes      []int64
}

type operation struct {
	rank       int64 // orders the forms by their signature
	give       bool
	sent, done int64
}

// violations counts the bytes that left although a denial had been acknowledged
// before and no form signed later had even been sent.
func (h *history) violations() int {
	n := 0
	for _, tick := range h.bytes {
		var denied, given int64
		for _, o := range h.directives {
			switch {
			case !o.give && o.done < tick:
				denied = max(denied, o.rank)
			case o.give && o.sent < tick:
				given = max(given, o.rank)
			}
		}
		if denied > given {
			n++
		}
	}
	return n
}

// region runs writers and readers against one gate. release is how a reader
// decides and lets its bytes go; it calls out once for each byte.
func region(t *testing.T, writers, readers, rounds int, release func(g *Gate, r Request, out func())) []*history {
	const patients = 4
	w := newWorld()
	w.persons = map[string]int{}
	for p := range patients { // each patient has two identifiers
		w.persons[fmt.Sprint("A", p)], w.persons[fmt.Sprint("B", p)] = p+1, p+1
	}
	g := w.gate()
	var ticks, ranks atomic.Int64
	histories := make([]*history, patients)
	for p := range histories {
		histories[p] = &history{}
	}
	var group sync.WaitGroup
	stop := make(chan struct{})
	for i := range writers {
		group.Go(func() {
			random := rand.New(rand.NewPCG(uint64(i), 10))
			for range rounds {
				p := random.IntN(patients)
				rank := ranks.Add(1)
				// All forms of a patient stand on one identifier: across two the
				// stricter one would hold whatever its date.
				d := says(fmt.Sprint("A", p), []Value{Give, DenyAll}[random.IntN(2)])
				d.Signed = noon.AddDate(0, 0, -1).Add(time.Duration(rank)).Format(time.RFC3339Nano)
				o := operation{rank: rank, give: d.Value == Give, sent: ticks.Add(1)}
				if _, err := g.Record(t.Context(), d); err != nil {
					t.Error(err)
				}
				o.done = ticks.Add(1)
				h := histories[p]
				h.mu.Lock()
				h.directives = append(h.directives, o)
				h.mu.Unlock()
			}
		})
	}
	var reading sync.WaitGroup
	for i := range readers {
		reading.Go(func() {
			random := rand.New(rand.NewPCG(uint64(i), 11))
			for {
				select {
				case <-stop:
					return
				default:
				}
				p := random.IntN(patients)
				r := request(func(r *Request) { r.Patient.Value = fmt.Sprint([]string{"A", "B"}[random.IntN(2)], p) })
				release(g, r, func() {
					runtime.Gosched()
					tick := ticks.Add(1)
					h := histories[p]
					h.mu.Lock()
					h.bytes = append(h.bytes, tick)
					h.mu.Unlock()
				})
			}
		})
	}
	group.Wait()
	close(stop)
	reading.Wait()
	return histories
}

// TestRevocationIsLinearisable: 8 writers and 32 readers on 4 patients; after the
// acknowledgement of a denial no byte that it forbids leaves.
func TestRevocationIsLinearisable(t *testing.T) {
	bytes, bad := 0, 0
	for _, h := range region(t, 8, 32, 40, func(g *Gate, r Request, out func()) {
		ticket, err := g.Open(t.Context(), r)
		if err != nil {
			t.Error(err)
			return
		}
		defer ticket.Close()
		ticket.Disclosed(1)
		for range 5 {
			if ticket.Released() {
				out()
			}
		}
	}) {
		bytes += len(h.bytes)
		bad += h.violations()
	}
	t.Logf("%d bytes left", bytes)
	if bytes == 0 || bad > 0 {
		t.Errorf("%d of %d bytes left after a denial was acknowledged", bad, bytes)
	}
}

// TestWithoutTheGateRevocationFails is the control: to decide, and then to write
// without the gate, is found by the same check.
func TestWithoutTheGateRevocationFails(t *testing.T) {
	for range 100 {
		bad := 0
		for _, h := range region(t, 8, 32, 10, func(g *Gate, r Request, out func()) {
			d, _, err := g.Explain(t.Context(), r, time.Time{})
			if err != nil {
				t.Error(err)
			}
			for range 5 {
				if d.Permits() {
					out()
				}
			}
		}) {
			bad += h.violations()
		}
		if bad > 0 {
			return
		}
	}
	t.Error("the check finds nothing even without the gate")
}

// TestStripesAscendAndAreTakenOnce: otherwise two patients who share stripes
// could wait for each other.
func TestStripesAscendAndAreTakenOnce(t *testing.T) {
	var tokens []lockport.Token
	for i := range 5000 {
		tokens = append(tokens, tokenOf(fmt.Sprint(i)))
	}
	got := stripesOf(tokens)
	if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) || len(got) < stripes*9/10 {
		t.Errorf("%d stripes, sorted %t", len(got), slices.IsSorted(got))
	}
}

// BenchmarkOpen is the whole cost of a ticket but for the store's.
func BenchmarkOpen(b *testing.B) {
	w := newWorld()
	s := w.subject(mrnA)
	s.AsOf, s.Directives = 100, []Directive{form(1, "upstate", Give, "2026-01-01"), form(2, "crouse", DenyAll, "2026-01-01"), form(3, "*", Give, "2026-01-01")}
	g := w.gate(func(c *Config) { c.Subjects = fixed(s) })
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			ticket, err := g.Open(b.Context(), request())
			if err != nil || !ticket.Permits() {
				b.Fatal(err)
			}
			ticket.Close()
		}
	})
}

// BenchmarkDecide is the decision alone.
func BenchmarkDecide(b *testing.B) {
	ds := []Directive{form(1, "upstate", Give, "2026-01-01"), form(2, "crouse", DenyAll, "2026-01-01"), form(3, "*", Give, "2026-01-01")}
	q := asks()
	b.ReportAllocs()
	for b.Loop() {
		if !Decide(ds, nil, q).Permits() {
			b.Fatal("denied")
		}
	}
}
