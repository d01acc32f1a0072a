package repository

import (
	"context"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lockport-hie/lockport"
)

// BenchmarkBackupBeside measures how long messages at 1,000 a second wait for the
// disk while nothing else happens, and then while a backup of 300 MB is made at
// the usual rate: the second p99 may be twice the first.
func BenchmarkBackupBeside(b *testing.B) {
	s := openNew(b, besideRules{})
	for i := range 300 {
		e := lockport.Entry{Kind: lockport.EntryRefusal, Body: &lockport.Message{Raw: noise(i, 1<<20)}}
		if _, err := s.Append(b.Context(), []lockport.Entry{e}); err != nil {
			b.Fatal(err)
		}
	}
	var next atomic.Int64
	for range b.N {
		quiet := paced(b, s, &next, func() { <-time.After(6 * time.Second) })
		beside := paced(b, s, &next, func() {
			began := time.Now()
			m, err := s.Backup(b.Context(), BackupOptions{To: filepath.Join(b.TempDir(), "backup")})
			if err != nil {
				b.Error(err)
				return
			}
			b.ReportMetric(float64(m.Bytes())/time.Since(began).Seconds()/(1<<20), "MiB/s")
		})
		for name, took := range map[string][]time.Duration{"quiet": quiet, "beside": beside} {
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), name+"-p50-µs")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), name+"-p99-µs")
		}
	}
}

// paced appends 1,000 messages a second from 16 senders while something is done,
// and returns how long each took, ascending.
func paced(b *testing.B, s *Store, next *atomic.Int64, do func()) []time.Duration {
	ctx, cancel := context.WithCancel(b.Context())
	var mu sync.Mutex
	var all []time.Duration
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			tick := time.NewTicker(16 * time.Millisecond)
			defer tick.Stop()
			for ctx.Err() == nil {
				began := time.Now()
				if _, err := s.Append(context.Background(), []lockport.Entry{oru(int(next.Add(1)))}); err != nil {
					b.Error(err)
					return
				}
				took := time.Since(began)
				mu.Lock()
				all = append(all, took)
				mu.Unlock()
				select {
				case <-tick.C:
				case <-ctx.Done():
				}
			}
		})
	}
	do()
	cancel()
	wg.Wait()
	slices.Sort(all)
	return all
}

// besideRules are busyRules that leave the large refusals alone.
type besideRules struct{ busyRules }

func (r besideRules) Apply(tx lockport.Tx, e *lockport.Entry) error {
	if e.Kind == lockport.EntryRefusal {
		return nil
	}
	return r.busyRules.Apply(tx, e)
}
