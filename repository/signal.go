package repository

import (
	"slices"
	"sync"
	"time"
)

// signal wakes everyone who waits. wait first, look at the state, then receive:
// so no change between looking and waiting is missed.
type signal struct {
	mu sync.Mutex
	ch chan struct{}
}

func (s *signal) wait() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ch == nil {
		s.ch = make(chan struct{})
	}
	return s.ch
}

func (s *signal) broadcast() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ch != nil {
		close(s.ch)
		s.ch = nil
	}
}

// latencies keeps how long the last commits took.
type latencies struct {
	mu   sync.Mutex
	ring [1024]time.Duration
	n    uint64
}

func (l *latencies) add(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ring[l.n%uint64(len(l.ring))] = d
	l.n++
}

// percentiles returns the last, the median and the 99th percentile of the last
// 1,024 commits, and how many there were ever.
func (l *latencies) percentiles() (last, p50, p99 time.Duration, n uint64) {
	l.mu.Lock()
	seen := slices.Clone(l.ring[:min(l.n, uint64(len(l.ring)))])
	n = l.n
	if n > 0 {
		last = l.ring[(n-1)%uint64(len(l.ring))]
	}
	l.mu.Unlock()
	if len(seen) == 0 {
		return 0, 0, 0, 0
	}
	slices.Sort(seen)
	return last, seen[len(seen)/2], seen[len(seen)*99/100], n
}
