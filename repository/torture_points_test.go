package repository

import (
	"fmt"
	"testing"
)

// everyPoint says how often a run comes to a point at least: once by closing,
// and often by the load.
func everyPoint() map[point]int {
	return map[point]int{
		beforeGrow: 15, beforeWrite: 15, beforeFlush: 15, afterFlush: 15, beforeAnswer: 15,
		beforeRename: 2, afterRename: 2, beforeFinish: 2, beforeFooter: 3, footerWritten: 3,
		beforeApply: 2, beforeCommit: 2, afterCommit: 2,
		beforeDay: 2, beforeRun: 1, afterRun: 1, beforeClose: 1, recordClosed: 1,
		beforeReopen: 1, afterReopen: 1,
	}
}

// failing is a child that fills several journal files and closes.
func failing(v *target) order {
	o := v.order
	o.Senders, o.Limit = 8, 20
	return o
}

// newFailing makes a store that several journal files are needed for.
func newFailing(t *testing.T) *target {
	v := newTarget(t)
	v.Journal = 160 << 10
	return v
}

// TestTorturePoints lets the work meet an error, wait, or end at every point, at
// several times, and goes on with what that leaves.
func TestTorturePoints(t *testing.T) {
	times := 1
	if long() {
		times = 100
	}
	r := seeded(t)
	ends := map[action]int{meetError: exitStopped, exit: exitAtPoint, wait: exitDone}
	acknowledged := 0
	for p, most := range everyPoint() {
		only := action("")
		if testing.Short() {
			only = []action{meetError, exit, wait}[r.IntN(3)]
		}
		for act, want := range ends {
			if only != "" && act != only {
				continue
			}
			t.Run(fmt.Sprintf("%s, %s", p, act), func(t *testing.T) {
				for range times {
					acknowledged += meet(t, p, act, 1+r.IntN(most), want)
				}
			})
		}
	}
	t.Logf("%d points, %d actions, %d times each: %d messages acknowledged", len(everyPoint()), len(ends), times, acknowledged)
}

// meet has something happen at a point, and the senders go on afterwards. It
// returns how many messages were acknowledged.
func meet(t *testing.T, p point, act action, hit, want int) int {
	t.Helper()
	v := newFailing(t)
	defer v.remove(t)
	o := failing(v)
	o.Point, o.Action, o.Hit = p, act, hit
	got, stderr := v.run(t, o, 0, 0)
	if got == exitUnreached && hit > 1 {
		return meet(t, p, act, 1, want) // how many transactions there are is a matter of time
	}
	if got != want {
		t.Fatalf("time %d: the child ended with %d: %s", hit, got, stderr)
	}
	if f := v.judge(t); f.Any() {
		t.Fatalf("time %d: %s", hit, f)
	}
	v.goOn(t)
	return v.told.Total()
}

// goOn has the senders go on with what was left, with nothing in their way.
func (v *target) goOn(t *testing.T) {
	t.Helper()
	o := failing(v)
	o.Limit = 3
	if got, stderr := v.run(t, o, 0, 0); got != exitDone {
		t.Fatalf("afterwards the child ended with %d: %s", got, stderr)
	}
	if f := v.judge(t); f.Any() {
		t.Fatal("afterwards:", f)
	}
	v.sameRecord(t)
}

// The controls: a sender that is told that a message is stored when it met an
// error, or before it is written, is found to have lost it.
func TestTorturePointsControl(t *testing.T) {
	for name, broken := range map[string]order{
		"an error is taken for an acknowledgement": {Deaf: true, Point: beforeWrite, Action: meetError, Hit: 8},
		"acknowledged before it is written":        {Early: true, Point: beforeWrite, Action: exit, Hit: 8},
	} {
		t.Run(name, func(t *testing.T) {
			v := newFailing(t)
			o := failing(v)
			o.Deaf, o.Early, o.Point, o.Action, o.Hit = broken.Deaf, broken.Early, broken.Point, broken.Action, broken.Hit
			v.run(t, o, 0, 0)
			if f := v.judge(t); f.Lost == 0 {
				t.Error("nothing was found:", f)
			}
		})
	}
}
