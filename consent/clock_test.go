package consent

import (
	"testing"
	"time"

	"github.com/lockport-hie/lockport"
)

// TestClock moves the wall clock against the monotonic one (R19).
func TestClock(t *testing.T) {
	type step struct {
		wall    time.Duration // the wall clock moves by
		passed  time.Duration // while this much time passes
		mark    time.Duration // the instant of decisions, after noon
		stopped bool
	}
	for name, steps := range map[string][]step{
		"runs":                             {{time.Hour, time.Hour, time.Hour, false}, {time.Second, time.Second, time.Hour + time.Second, false}},
		"frozen":                           {{0, time.Hour, 0, false}},
		"a second ahead":                   {{2 * time.Second, time.Second, 2 * time.Second, false}},
		"five minutes ahead":               {{5 * time.Minute, 0, 5 * time.Minute, false}},
		"more ahead stops":                 {{5*time.Minute + 1, 0, 0, true}, {time.Second, time.Second, 0, true}},
		"ten years ahead stops":            {{87600 * time.Hour, 0, 0, true}},
		"and goes on when it comes back":   {{time.Hour, 0, 0, true}, {-time.Hour + time.Second, time.Second, time.Second, false}},
		"many small leaps are a large one": {{4 * time.Minute, 0, 4 * time.Minute, false}, {4 * time.Minute, 0, 4 * time.Minute, true}},
		"an hour back holds":               {{time.Hour, time.Hour, time.Hour, false}, {-time.Hour, time.Second, time.Hour, false}, {2 * time.Hour, time.Hour, 2 * time.Hour, false}},
		"back and forth is no leap":        {{-time.Hour, 0, 0, false}, {time.Hour, 0, 0, false}, {time.Second, time.Second, time.Second, false}},
		"ten years back holds":             {{-87600 * time.Hour, time.Second, 0, false}},
	} {
		wall, passed := noon, time.Duration(0)
		w := newWorld()
		g := w.gate(func(c *Config) {
			c.Now, c.Elapsed = func() time.Time { return wall }, func() time.Duration { return passed }
		})
		record(t, g, says(mrnA, Give))
		for i, s := range steps {
			wall, passed = wall.Add(s.wall), passed+s.passed
			ticket, err := g.Open(t.Context(), request())
			if stopped := lockport.KindOf(err) == lockport.Unavailable && err != nil; stopped != s.stopped || stopped == ticket.Permits() {
				t.Errorf("%s, step %d: stopped %t (%v)", name, i, stopped, err)
			}
			ticket.Close()
			state := g.Clock()
			if state.Stopped != s.stopped || !state.Mark.Equal(noon.Add(s.mark)) {
				t.Errorf("%s, step %d: mark %s, stopped %t", name, i, state.Mark.Sub(noon), state.Stopped)
			}
		}
	}
}

func TestAcceptClock(t *testing.T) {
	wall := noon
	w := newWorld()
	g := w.gate(func(c *Config) {
		c.Now, c.Elapsed = func() time.Time { return wall }, func() time.Duration { return 0 }
	})
	open(t, g, request()).Close()
	wall = noon.AddDate(10, 0, 0)
	if _, err := g.Open(t.Context(), request()); lockport.KindOf(err) != lockport.Unavailable {
		t.Fatalf("a leap of ten years: %v", err)
	}
	record(t, g, says(mrnA, DenyAll)) // a denial is taken even then
	g.AcceptClock()
	if d := open(t, g, request()).Decision(); d.Reason != ParticipantDeny {
		t.Errorf("%s %s", d.Effect, d.Reason)
	}
}

// TestBackwardStepRevivesNothing: a consent that had ended stays ended, an
// emergency access that was open stays open.
func TestBackwardStepRevivesNothing(t *testing.T) {
	w := newWorld()
	g := w.gate()
	record(t, g, says(mrnA, Give, until("2026-06-15")))
	set := func(at time.Time) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.now = at
	}
	set(noon.AddDate(0, 0, 1))
	emergency := request(breakGlass)
	for _, at := range []time.Time{noon.AddDate(0, 0, 1), noon.AddDate(0, 0, 1).Add(-48 * time.Hour)} {
		set(at)
		if d := open(t, g, request()).Decision(); d.Reason != Expired {
			t.Errorf("at %s: %s %s", at, d.Effect, d.Reason)
		}
		if d := open(t, g, emergency).Decision(); d.Effect != PermitEmergency {
			t.Errorf("at %s: %s %s", at, d.Effect, d.Reason)
		}
	}
	restarted := w.gate(func(c *Config) { c.Mark = g.Clock().Mark })
	if d := open(t, restarted, request()).Decision(); d.Reason != Expired {
		t.Errorf("after a restart with the mark: %s %s", d.Effect, d.Reason)
	}
}
