package consent

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lockport-hie/lockport"
)

// denyNow records a denial and returns how long that took.
func denyNow(t *testing.T, g *Gate, id string) time.Duration {
	t.Helper()
	start := time.Now()
	record(t, g, says(id, DenyAll, func(d *Directive) { d.Signed = "2026-06-02" }))
	return time.Since(start)
}

func released(t *testing.T, g *Gate) *Ticket {
	t.Helper()
	ticket := open(t, g, request())
	if ticket.Disclosed(9); !ticket.Released() {
		t.Fatal("not released")
	}
	return ticket
}

func TestDirectiveWaitsForReaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newWorld().gate()
		record(t, g, says(mrnA, Give))
		ticket := released(t, g)
		time.AfterFunc(3*time.Second, func() {
			if !ticket.Released() {
				t.Error("cut before its time")
			}
			ticket.Close()
		})
		if d := denyNow(t, g, mrnA); d != 3*time.Second {
			t.Errorf("took %s, the reader needed 3s", d)
		}
	})
}

func TestDirectiveCutsSlowReaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newWorld().gate()
		record(t, g, says(mrnA, Give))
		ticket := released(t, g)
		context.AfterFunc(ticket.Context(), ticket.Close) // a write that ends with its context
		if d := denyNow(t, g, mrnA); d != 4*time.Second {
			t.Errorf("took %s, want 4s", d)
		}
	})
}

// TestDirectiveLeavesStuckReadersBehind: a reader that never closes holds up a
// directive for five seconds, and can release nothing afterwards.
func TestDirectiveLeavesStuckReadersBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newWorld().gate()
		record(t, g, says(mrnA, Give))
		stuck, other := released(t, g), released(t, g)
		time.AfterFunc(4*time.Second+1, func() {
			if stuck.Released() || other.Released() || stuck.Permits() || stuck.Context().Err() == nil {
				t.Error("not cut after 4s")
			}
			other.Close()
		})
		if d := denyNow(t, g, mrnA); d != 5*time.Second {
			t.Errorf("took %s, want 5s", d)
		}
		if stuck.Released() {
			t.Error("releases after the denial")
		}
		stuck.Close()
		if d := denyNow(t, g, mrnA); d != 0 {
			t.Errorf("the late Close did harm: the next one took %s", d)
		}
	})
}

// TestReadersBehindADirectiveSeeIt: who comes while a directive waits does not
// overtake it, is not starved by it, and is decided with it.
func TestReadersBehindADirectiveSeeIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newWorld().gate()
		record(t, g, says(mrnA, Give))
		first := released(t, g)
		go denyNow(t, g, mrnA)
		synctest.Wait()
		answers := make(chan Reason, 3)
		for range 3 {
			go func() {
				ticket, err := g.Open(t.Context(), request())
				if err != nil {
					t.Error(err)
				}
				answers <- ticket.Decision().Reason
				ticket.Close()
			}()
		}
		synctest.Wait()
		if len(answers) != 0 {
			t.Error("a reader overtook the directive")
		}
		first.Close()
		for range 3 {
			if r := <-answers; r != ParticipantDeny {
				t.Errorf("decided %s", r)
			}
		}
	})
}

// TestReaderGivesUpWaiting: a reader whose caller leaves is out of the line, and
// the next one is not held up by it.
func TestReaderGivesUpWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newWorld().gate()
		record(t, g, says(mrnA, Give))
		first := released(t, g)
		go denyNow(t, g, mrnA)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := g.Open(ctx, request()); !errors.Is(err, context.DeadlineExceeded) || lockport.KindOf(err) != lockport.Unavailable {
			t.Errorf("got %v", err)
		}
		first.Close()
		if open(t, g, request()).Permits() {
			t.Error("permits after the denial")
		}
	})
}

// TestDirectiveGivesUpWaiting: a directive whose sender leaves was not recorded,
// and readers go on.
func TestDirectiveGivesUpWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		g := w.gate()
		record(t, g, says(mrnA, Give))
		first := released(t, g)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := g.Record(ctx, says(mrnA, DenyAll)); lockport.KindOf(err) != lockport.Unavailable {
			t.Errorf("got %v", err)
		}
		if len(w.entries) != 1 || !first.Released() || !open(t, g, request()).Permits() {
			t.Error("a directive that was given up had an effect")
		}
	})
}

// TestDirectiveOnAnIdentifierLinkedLater: a reader that began before the link
// holds only the first identifier; a denial on the second waits for it all the same.
func TestDirectiveOnAnIdentifierLinkedLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.persons[mrnB] = 2
		g := w.gate()
		record(t, g, says(mrnA, Give))
		ticket := released(t, g)
		w.link(mrnB, 1)
		time.AfterFunc(time.Second, ticket.Close)
		if d := denyNow(t, g, mrnB); d != time.Second {
			t.Errorf("took %s: did not wait for the reader", d)
		}
	})
}

// TestPatienceIsForAllStripes: stuck readers on two identifiers that were linked
// meanwhile hold a directive up once, not one after the other.
func TestPatienceIsForAllStripes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.persons[mrnB] = 2
		g := w.gate()
		record(t, g, says(mrnA, Give))
		open(t, g, request())
		open(t, g, request(func(r *Request) { r.Patient.Value = mrnB }))
		w.link(mrnB, 1)
		if d := denyNow(t, g, mrnA); d != 5*time.Second {
			t.Errorf("took %s, want 5s", d)
		}
	})
}

// TestOtherPatientsDoNotWait: a stuck reader of one patient holds up nobody else.
func TestOtherPatientsDoNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.persons[mrnB] = 2
		g := w.gate()
		record(t, g, says(mrnA, Give))
		released(t, g)
		held := make(chan time.Duration)
		go func() { held <- denyNow(t, g, mrnA) }()
		synctest.Wait()
		if d := denyNow(t, g, mrnB); d != 0 {
			t.Errorf("took %s", d)
		}
		if d := <-held; d != 5*time.Second {
			t.Errorf("the patient's own took %s", d)
		}
	})
}

// TestWritersInLine: two directives behind one stuck reader both return in time.
func TestWritersInLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newWorld().gate()
		record(t, g, says(mrnA, Give))
		released(t, g)
		took := make(chan time.Duration, 2)
		for range 2 {
			go func() { took <- denyNow(t, g, mrnA) }()
		}
		for range 2 {
			if d := <-took; d != 5*time.Second {
				t.Errorf("took %s, want 5s", d)
			}
		}
	})
}

// TestReaderInLineIsCutAndTriesAgain: a reader that waits between two directives,
// the first of which takes long to write, makes way for the second and is decided
// with both.
func TestReaderInLineIsCutAndTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		g := w.gate()
		record(t, g, says(mrnA, Give))
		slow := true
		w.before = func(method string) {
			if method == "Append" && slow {
				slow = false
				<-time.After(10 * time.Second)
			}
		}
		took := make(chan time.Duration, 2)
		behind := func(f func()) {
			go f()
			synctest.Wait()
		}
		behind(func() { took <- denyNow(t, g, mrnA) })
		reason := make(chan Reason, 1)
		behind(func() {
			ticket, err := g.Open(t.Context(), request())
			if err != nil {
				t.Error(err)
			}
			reason <- ticket.Decision().Reason
			ticket.Close()
		})
		behind(func() { took <- denyNow(t, g, mrnA) })
		if a, b, r := <-took, <-took, <-reason; a != 10*time.Second || b != 10*time.Second || r != ParticipantDeny {
			t.Errorf("took %s and %s, decided %s", a, b, r)
		}
	})
}
