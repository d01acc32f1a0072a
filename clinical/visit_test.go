package clinical

import (
	"reflect"
	"testing"
	"time"

	"github.com/lockport-hie/lockport"
	"pgregory.net/rapid"
)

// event is an event n hours into the visit; seq is set by apply.
func event(trigger string, n int) VisitEvent {
	return VisitEvent{Trigger: trigger, Time: at(n), Token: lockport.Token{3}, Registration: 7}
}

func place(e VisitEvent, p string) VisitEvent { e.Place = Field[string]{true, p}; return e }

func times(e VisitEvent, admitted, ended int) VisitEvent {
	if admitted > 0 {
		e.Admitted = Field[time.Time]{true, at(admitted)}
	}
	if ended > 0 {
		e.Ended = Field[time.Time]{true, at(ended)}
	}
	return e
}

// happened states EVN-6, which may be long before the event was said.
func happened(e VisitEvent, n int) VisitEvent { e.Occurred = at(n); return e }

func apply(t interface{ Fatal(...any) }, events ...VisitEvent) Visit {
	var v *Visit
	for i, e := range events {
		e.Seq = lockport.Seq(i + 1)
		next, _, err := ApplyVisit(v, e)
		if err != nil {
			t.Fatal(err)
		}
		v = &next
	}
	return *v
}

func TestVisitLifeCycle(t *testing.T) {
	gone := event("A08", 4)
	gone.Place, gone.Attending = Field[string]{Set: true}, Field[lockport.NPI]{Set: true}
	for name, tc := range map[string]struct {
		events          []VisitEvent
		status          VisitStatus
		place           string
		admitted, ended int
	}{
		"admit":                             {[]VisitEvent{place(times(event("A01", 2), 1, 0), "w1")}, Open, "w1", 1, 0},
		"admit without its time":            {[]VisitEvent{event("A01", 2)}, Open, "", 2, 0},
		"register":                          {[]VisitEvent{event("A04", 2)}, Open, "", 2, 0},
		"pre-admit starts nothing":          {[]VisitEvent{event("A05", 2)}, Planned, "", 0, 0},
		"pre-admit, then admit":             {[]VisitEvent{event("A05", 1), event("A01", 2)}, Open, "", 2, 0},
		"a pre-admit that comes late":       {[]VisitEvent{event("A01", 2), event("A05", 1)}, Open, "", 2, 0},
		"pre-admit cancelled":               {[]VisitEvent{event("A05", 1), event("A38", 2)}, Cancelled, "", 0, 0},
		"cancel of pre-admit after admit":   {[]VisitEvent{event("A05", 1), event("A01", 2), event("A38", 3)}, Open, "", 2, 0},
		"A11 does not cancel a pre-admit":   {[]VisitEvent{event("A05", 1), event("A11", 2)}, Planned, "", 0, 0},
		"A11 before its late admission":     {[]VisitEvent{event("A05", 1), event("A11", 3), event("A01", 2)}, Cancelled, "", 2, 0},
		"planned anew after a cancel":       {[]VisitEvent{event("A01", 1), event("A11", 2), event("A05", 3)}, Planned, "", 1, 0},
		"transfer":                          {[]VisitEvent{place(event("A01", 1), "w1"), place(event("A02", 2), "w2")}, Open, "w2", 1, 0},
		"transfer that comes late":          {[]VisitEvent{place(event("A02", 2), "w2"), place(event("A01", 1), "w1")}, Open, "w2", 1, 0},
		"transfer cancelled":                {[]VisitEvent{place(event("A01", 1), "w1"), place(event("A02", 2), "w2"), place(event("A12", 3), "w1")}, Open, "w1", 1, 0},
		"discharge":                         {[]VisitEvent{event("A01", 1), times(event("A03", 6), 0, 5)}, Discharged, "", 1, 5},
		"discharge without its time":        {[]VisitEvent{event("A01", 1), event("A03", 6)}, Discharged, "", 1, 6},
		"discharge without admission":       {[]VisitEvent{times(event("A03", 6), 1, 5)}, Discharged, "", 1, 5},
		"late admission opens nothing":      {[]VisitEvent{event("A03", 6), event("A01", 1)}, Discharged, "", 1, 6},
		"discharge cancelled":               {[]VisitEvent{event("A01", 1), event("A03", 6), place(event("A13", 7), "w3")}, Open, "w3", 1, 0},
		"its cancel comes first":            {[]VisitEvent{event("A01", 1), event("A13", 7), event("A03", 6)}, Open, "", 1, 0},
		"discharged again":                  {[]VisitEvent{event("A01", 1), event("A03", 6), event("A13", 7), event("A03", 9)}, Discharged, "", 1, 9},
		"admission cancelled":               {[]VisitEvent{event("A01", 1), event("A11", 2)}, Cancelled, "", 1, 0},
		"its cancel comes before it":        {[]VisitEvent{event("A11", 2), event("A01", 1)}, Cancelled, "", 1, 0},
		"admitted again after a cancel":     {[]VisitEvent{event("A01", 1), event("A11", 2), event("A01", 3)}, Open, "", 1, 0},
		"update before admission keeps":     {[]VisitEvent{place(event("A08", 3), "w2"), place(event("A01", 1), "w1")}, Open, "w2", 1, 0},
		"update only":                       {[]VisitEvent{times(event("A08", 3), 1, 0)}, Open, "", 1, 0},
		"update only, with an end":          {[]VisitEvent{times(event("A08", 3), 1, 2)}, Discharged, "", 1, 2},
		"update does not open":              {[]VisitEvent{event("A01", 1), event("A03", 6), event("A08", 7)}, Discharged, "", 1, 6},
		"update does not undo a cancel":     {[]VisitEvent{event("A01", 1), event("A11", 2), event("A08", 3)}, Cancelled, "", 1, 0},
		"update deletes what it says":       {[]VisitEvent{place(event("A01", 1), "w1"), gone}, Open, "", 1, 0},
		"an older update deletes nothing":   {[]VisitEvent{place(event("A01", 5), "w1"), gone}, Open, "w1", 5, 0},
		"class change keeps the episode":    {[]VisitEvent{event("A04", 1), event("A06", 2)}, Open, "", 1, 0},
		"a later admission opens again":     {[]VisitEvent{event("A01", 1), event("A03", 2), event("A01", 3)}, Open, "", 1, 0},
		"visit deleted":                     {[]VisitEvent{event("A01", 1), event("A23", 2)}, Removed, "", 1, 0},
		"its deletion comes first":          {[]VisitEvent{event("A23", 2), event("A01", 1)}, Removed, "", 1, 0},
		"deleted, then updated":             {[]VisitEvent{event("A01", 1), event("A23", 2), event("A08", 3)}, Removed, "", 1, 0},
		"deleted, then admitted again":      {[]VisitEvent{event("A01", 1), event("A23", 2), event("A01", 3)}, Open, "", 1, 0},
		"deleted, then planned again":       {[]VisitEvent{event("A05", 1), event("A23", 2), event("A05", 3)}, Planned, "", 0, 0},
		"swap":                              {[]VisitEvent{place(event("A01", 1), "w1"), place(event("A17", 2), "w2")}, Open, "w2", 1, 0},
		"dated by when it happened":         {[]VisitEvent{happened(event("A01", 5), 2), happened(event("A03", 9), 8)}, Discharged, "", 2, 8},
		"a cancel dates what it cancels":    {[]VisitEvent{event("A01", 2), event("A03", 4), happened(event("A13", 9), 4)}, Open, "", 2, 0},
		"events without time go by arrival": {[]VisitEvent{event("A01", 0), event("A03", 0), event("A13", 0)}, Open, "", 0, 0},
		"a time beats no time":              {[]VisitEvent{event("A03", 4), event("A01", 0)}, Discharged, "", 0, 4},
	} {
		t.Run(name, func(t *testing.T) {
			v := apply(t, tc.events...)
			if v.Status != tc.status || v.Place != tc.place || !v.Admitted.Equal(at(tc.admitted)) || !v.Ended.Equal(at(tc.ended)) {
				t.Fatalf("%s at %q, %v to %v; want %s at %q, %v to %v", v.Status, v.Place, v.Admitted, v.Ended, tc.status, tc.place, at(tc.admitted), at(tc.ended))
			}
		})
	}
}

func TestVisitRefusals(t *testing.T) {
	v := apply(t, event("A01", 1))
	other := event("A03", 2)
	other.Registration++
	if _, _, err := ApplyVisit(&v, other); lockport.KindOf(err) != lockport.Conflict {
		t.Errorf("another patient: got %v, want a conflict", err)
	}
	other = event("A03", 2)
	other.Token[0]++
	if _, _, err := ApplyVisit(&v, other); lockport.KindOf(err) != lockport.Conflict {
		t.Errorf("another visit: got %v, want a conflict", err)
	}
	if _, _, err := ApplyVisit(&v, event("A40", 2)); lockport.KindOf(err) != lockport.Unsupported || HasVisitEffect("A40") {
		t.Errorf("a merge: got %v, want unsupported", err)
	}
}

func TestVisitSaysWhetherAnythingChanged(t *testing.T) {
	v := apply(t, place(event("A01", 5), "w1"))
	old := place(event("A08", 1), "w0")
	old.Seq = 2
	next, changed, err := ApplyVisit(&v, old)
	if err != nil || changed || !reflect.DeepEqual(next, v) {
		t.Fatal("an event older than all that is known changed something")
	}
}

func TestVisitDoesNotDependOnArrival(t *testing.T) {
	triggers := []string{"A01", "A02", "A03", "A04", "A05", "A06", "A08", "A11", "A12", "A13", "A17", "A23", "A38"}
	rapid.Check(t, func(t *rapid.T) {
		events := make([]VisitEvent, rapid.IntRange(2, 7).Draw(t, "events"))
		for i := range events {
			e := event(rapid.SampledFrom(triggers).Draw(t, "trigger"), i+1)
			if rapid.Bool().Draw(t, "placed") {
				e.Place = Field[string]{true, rapid.SampledFrom([]string{"", "w1", "w2"}).Draw(t, "place")}
			}
			if rapid.Bool().Draw(t, "more") {
				e.Prior = Field[string]{true, rapid.SampledFrom([]string{"", "w3"}).Draw(t, "prior")}
				e.Disposition = Field[string]{true, rapid.SampledFrom([]string{"", "01"}).Draw(t, "disposition")}
				e.Consulting = Field[[]lockport.NPI]{true, rapid.SampledFrom([][]lockport.NPI{nil, {"1"}, {"2", "3"}}).Draw(t, "consulting")}
			}
			e = times(e, rapid.IntRange(0, 3).Draw(t, "admitted"), rapid.IntRange(0, 3).Draw(t, "ended"))
			events[i] = e
		}
		a, b := apply(t, events...), apply(t, rapid.Permutation(events).Draw(t, "arrival")...)
		if a.Prior != b.Prior || a.Disposition != b.Disposition || !reflect.DeepEqual(a.Consulting, b.Consulting) {
			t.Fatal("another order of arrival leaves another place, disposition or consultant")
		}
		if a.Status != b.Status || a.Place != b.Place || !a.Admitted.Equal(b.Admitted) || !a.Ended.Equal(b.Ended) || !a.EventTime.Equal(b.EventTime) {
			t.Fatalf("%s at %q, %v to %v; in another order %s at %q, %v to %v", a.Status, a.Place, a.Admitted, a.Ended, b.Status, b.Place, b.Admitted, b.Ended)
		}
	})
}
