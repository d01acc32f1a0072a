package repository

import (
	"sync"
	"time"

	"github.com/lockport-hie/lockport"
)

// lag knows for how long the oldest entry that the record has not applied has
// waited, to within lagStep.
type lag struct {
	mu    sync.Mutex
	steps []lagStepped
}

type lagStepped struct {
	upTo  lockport.Seq
	since time.Time
}

const lagStep = 10 * time.Millisecond

// appended notes that the journal has grown to an entry.
func (l *lag) appended(seq lockport.Seq, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.steps); n > 0 && now.Sub(l.steps[n-1].since) < lagStep {
		l.steps[n-1].upTo = seq
		return
	}
	l.steps = append(l.steps, lagStepped{seq, now})
}

// applied notes that the record has applied an entry.
func (l *lag) applied(seq lockport.Seq) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for n < len(l.steps) && l.steps[n].upTo <= seq {
		n++
	}
	l.steps = append(l.steps[:0], l.steps[n:]...)
}

// since returns how long the oldest entry has waited, 0 when none waits.
func (l *lag) since(now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.steps) == 0 {
		return 0
	}
	return now.Sub(l.steps[0].since)
}
