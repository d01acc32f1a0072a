package consent

import (
	"sync"
	"time"

	"github.com/lockport-hie/lockport"
)

// maxDrift is how far the wall clock may run ahead of the monotonic one before
// decisions stop: a machine whose clock leaps forward would end consents and
// emergency accesses early, and begin others.
const maxDrift = 5 * time.Minute

// ClockState is what `status` and the audit show about the gate's clock.
type ClockState struct {
	Mark    time.Time     // the highest time decisions were made at
	Drift   time.Duration // wall minus monotonic time since the start or the last AcceptClock
	Stopped bool          // decisions wait for AcceptClock
}

// clock gives the instant of decisions: max(now, high-water mark). The mark
// follows the wall clock only while it agrees with monotonic time, measured
// against one base, so that many small leaps count like a large one. A backward
// step holds the time at the mark: it revives nothing and ends nothing.
type clock struct {
	now     func() time.Time
	elapsed func() time.Duration // nil: the monotonic reading of now

	mu   sync.Mutex
	base time.Time
	from time.Duration // elapsed at the base
	mark time.Time
}

func newClock(c Config) *clock {
	return &clock{now: c.Now, elapsed: c.Elapsed, mark: c.Mark}
}

// read returns the instant for a decision and whether the clock may be trusted.
// When it may not, the instant is still the best one there is.
func (c *clock) read() (time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t, state := c.look()
	if t.Unix() <= 0 || state.Stopped {
		return latest(t.Round(0), c.mark), false
	}
	c.mark = latest(t.Round(0), c.mark)
	return c.mark, true
}

// state returns what the clock shows, without moving the mark.
func (c *clock) state() ClockState {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, s := c.look()
	return s
}

// accept takes the wall clock as it is. The mark does not go back.
func (c *clock) accept() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.base = time.Time{}
	c.look()
}

func (c *clock) look() (time.Time, ClockState) {
	t := c.now()
	var since time.Duration
	if c.elapsed != nil {
		since = c.elapsed()
	}
	if c.base.IsZero() {
		c.base, c.from = t, since
	}
	passed := since - c.from
	if c.elapsed == nil {
		passed = t.Sub(c.base)
	}
	drift := t.Round(0).Sub(c.base.Round(0)) - passed
	return t, ClockState{Mark: c.mark, Drift: drift, Stopped: drift > maxDrift}
}

// Clock returns the state of the gate's clock.
func (g *Gate) Clock() ClockState { return g.clock.state() }

// AcceptClock takes the clock as it is after a leap has stopped decisions.
func (g *Gate) AcceptClock() { g.clock.accept() }

// at returns the instant of a decision, or an error of kind Unavailable.
func (g *Gate) at() (time.Time, error) {
	t, safe := g.clock.read()
	if !safe {
		return t, lockport.Errorf(lockport.Unavailable, "consent gate", "the clock has leapt; decisions stop until it is accepted")
	}
	return t, nil
}
