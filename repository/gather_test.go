package repository

import (
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lockport-hie/lockport"
)

// TestGatherOnASlowDisk: callers who come back within moments of their answers
// share one flush, instead of settling on two halves that take turns. The clock
// is the bubble's, so that the flush takes exactly what it is said to take.
func TestGatherOnASlowDisk(t *testing.T) {
	const callers, rounds, flush = 16, 40, 5 * time.Millisecond
	entry := oru(1) // stored again and again: it stands in no duplicate window
	entry.Dedupe = nil
	for _, c := range []struct {
		name    string
		think   time.Duration // from an answer to the caller's next entry, times its number
		least   float64       // callers in a group, on average
		most    float64
		patient bool
	}{
		{"callers who come back", 60 * time.Microsecond, 0.9 * callers, callers, true},
		{"nobody waits: the control", 60 * time.Microsecond, 1, 0.75 * callers, false},
		{"one caller who is far away", 0, 1, 1, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			keys := testKeys(t)
			synctest.Test(t, func(t *testing.T) {
				o := Options{Dir: dir, Keys: keys, Now: time.Now, Projector: idleRules{}, FlushDelay: flush}
				o.seam.hasty = !c.patient
				if err := Create(o); err != nil {
					t.Fatal(err)
				}
				s := openAgain(t, o)
				n := callers
				if c.most == 1 {
					n = 1
				}
				began := time.Now()
				var all sync.WaitGroup
				for i := range n {
					all.Go(func() {
						for range rounds {
							time.Sleep(time.Duration(1+i) * c.think)
							if _, err := s.Append(t.Context(), []lockport.Entry{entry}); err != nil {
								t.Error(err)
							}
						}
					})
				}
				all.Wait()
				took := time.Since(began)
				groups := float64(s.Stats().Commits)
				if size := float64(n*rounds) / groups; size < c.least || size > c.most {
					t.Errorf("%.1f callers in a group", size)
				}
				if n == 1 && took > rounds*(flush+flush/2) {
					t.Errorf("a lone caller waited for nobody: %v", took)
				}
			})
		})
	}
}

// idleRules writes nothing.
type idleRules struct{}

func (idleRules) Begin(lockport.Tx) error                  { return nil }
func (idleRules) End(lockport.Tx) error                    { return nil }
func (idleRules) Apply(lockport.Tx, *lockport.Entry) error { return nil }
