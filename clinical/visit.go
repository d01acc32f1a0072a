package clinical

import (
	"cmp"
	"fmt"
	"reflect"
	"time"

	"github.com/lockport-hie/lockport"
)

// Field is a value that a message may or may not state. Not Set leaves what is
// stored; Set with the zero Value deletes it (HL7 v2.5.1 ch. 2.5.3: empty means
// unchanged, "" means delete).
type Field[T any] struct {
	Set   bool
	Value T
}

// Format keeps the content out of everything that prints.
func (Field[T]) Format(f fmt.State, _ rune) { fmt.Fprint(f, "field") }

// VisitEvent is what one ADT message says about one visit.
type VisitEvent struct {
	Trigger      string    // A01, A03 ...
	Time         time.Time // EVN-2 or MSH-7: when it was said; zero is older than any
	Seq          lockport.Seq
	Token        lockport.Token
	Registration lockport.RegistrationID
	Number       lockport.Identifier // PV1-19
	Source       Source
	Class        Field[string]              // PV1-2
	Place        Field[string]              // PV1-3
	Admitted     Field[time.Time]           // PV1-44
	Ended        Field[time.Time]           // PV1-45
	Attending    Field[lockport.NPI]        // PV1-7
	Occurred     time.Time                  // EVN-6: when it happened; zero when not sent. In a cancel it dates what is cancelled
	Prior        Field[string]              // PV1-6
	Referring    Field[lockport.NPI]        // PV1-8
	Consulting   Field[[]lockport.NPI]      // PV1-9, which repeats
	Service      Field[string]              // PV1-10
	Admitting    Field[lockport.NPI]        // PV1-17
	Disposition  Field[string]              // PV1-36
	Account      Field[lockport.Identifier] // PID-18
}

// effect is what a trigger does to the life cycle of a visit: for each mark, +1
// switches it on, -1 off, 0 leaves it.
type effect struct{ planned, opened, discharged, deleted int }

// effects lists the triggers that say something about a visit (HL7 v2.5.1 ch.
// 3.3). Whatever can only happen during a stay implies that it was opened, so
// that a visit whose admission is late or lost is not missing. An admission
// switches the discharge off: it replaces the visit, when it is the later one.
// For the same reason it, or a pre-admission, brings back what was deleted.
var effects = map[string]effect{
	"A01": {opened: 1, discharged: -1, deleted: -1}, // admit
	"A02": {opened: 1},                              // transfer
	"A03": {opened: 1, discharged: 1},               // discharge
	"A04": {opened: 1, discharged: -1, deleted: -1}, // register
	"A05": {planned: 1, deleted: -1},                // pre-admit
	"A06": {opened: 1},                              // outpatient becomes inpatient
	"A07": {opened: 1},                              // inpatient becomes outpatient
	"A08": {},                                       // update
	"A11": {opened: -1},                             // cancel admit or register; A05 has its own cancel since 2.3
	"A12": {opened: 1},                              // cancel transfer: PV1-3 is the place before it
	"A13": {opened: 1, discharged: -1},              // cancel discharge: PV1-3 is the place now
	"A17": {opened: 1},                              // swap: PV1-3 is the place now
	"A23": {deleted: 1},                             // delete the data of the visit
	"A38": {planned: -1},                            // cancel pre-admit
}

// HasVisitEffect reports whether ApplyVisit takes the trigger event.
func HasVisitEffect(trigger string) bool {
	_, ok := effects[trigger]
	return ok
}

// ApplyVisit applies an event to a visit, or makes the visit when existing is
// nil, and reports whether anything changed but Updated. Every field and every
// state is decided by the latest event, by its own time and then by journal
// order, that says something about it; so a late A01 does not open what was
// discharged, and a cancel counts although it came first.
//
// It fails with kind Unsupported for a trigger that says nothing about a visit,
// and Conflict when the visit number is in use for another registration. Where
// registrations were merged, the caller passes the one the visit stands on;
// visits never move. When Admitted changes, the caller moves the index row.
func ApplyVisit(existing *Visit, e VisitEvent) (v Visit, changed bool, err error) {
	effect, ok := effects[e.Trigger]
	if !ok {
		return Visit{}, false, lockport.Errorf(lockport.Unsupported, "visit", "EVN-1: the event says nothing about a visit")
	}
	if existing == nil {
		v = Visit{Token: e.Token, Registration: e.Registration, Number: e.Number}
	} else {
		v = *existing
	}
	if v.Registration != e.Registration || v.Token != e.Token {
		return Visit{}, false, lockport.Errorf(lockport.Conflict, "visit", "PV1-19: the visit number is in use for another patient")
	}
	before, at := v, Stamp{Micro: e.Time.UnixMicro(), Seq: e.Seq}
	setFields(&v, e, at)
	setTimes(&v, e, at)
	v.PlannedAt.turn(effect.planned, at)
	v.OpenedAt.turn(effect.opened, at)
	v.Entered = v.Entered || effect.opened > 0
	v.DischargedAt.turn(effect.discharged, at)
	v.DeletedAt.turn(effect.deleted, at)
	v.Status = v.status()
	if e.Time.After(v.EventTime) {
		v.EventTime = e.Time.UTC().Truncate(time.Microsecond)
	}
	if changed = !reflect.DeepEqual(v, before); changed {
		v.Updated = max(v.Updated, e.Seq)
	}
	return v, changed, nil
}

// setFields applies what the event states, but for the times. An event that
// undoes another takes away what only that one could have stated, unless it
// states it anew: the place before a transfer, the disposition of a discharge.
func setFields(v *Visit, e VisitEvent, at Stamp) {
	e.Prior.Set = e.Prior.Set || e.Trigger == "A12"
	e.Disposition.Set = e.Disposition.Set || opens(e.Trigger) || e.Trigger == "A13"
	set(&v.Class, &v.ClassAt, e.Class, at)
	set(&v.Place, &v.PlaceAt, e.Place, at)
	set(&v.Prior, &v.PriorAt, e.Prior, at)
	set(&v.Attending, &v.AttendingAt, e.Attending, at)
	set(&v.Referring, &v.ReferringAt, e.Referring, at)
	set(&v.Consulting, &v.ConsultingAt, e.Consulting, at)
	set(&v.Admitting, &v.AdmittingAt, e.Admitting, at)
	set(&v.Service, &v.ServiceAt, e.Service, at)
	set(&v.Disposition, &v.DispositionAt, e.Disposition, at)
	set(&v.Account, &v.AccountAt, e.Account, at)
	set(&v.Source, &v.SourceAt, Field[Source]{true, e.Source}, at)
}

// opens reports whether the event admits or registers.
func opens(trigger string) bool { return trigger == "A01" || trigger == "A04" }

// setTimes applies PV1-44 and PV1-45. An admission or discharge without them is
// dated by when it happened (EVN-6), else by when it was said, and what opens a
// visit again takes the end away.
func setTimes(v *Visit, e VisitEvent, at Stamp) {
	admitted, ended := inUTC(e.Admitted), inUTC(e.Ended)
	happened := e.Occurred
	if happened.IsZero() {
		happened = e.Time
	}
	happened = happened.UTC().Truncate(time.Microsecond)
	if opens(e.Trigger) && !admitted.Set && !happened.IsZero() {
		guessAdmitted(v, happened)
	}
	if e.Trigger == "A03" && !ended.Set && !happened.IsZero() {
		ended = Field[time.Time]{true, happened}
	}
	if (opens(e.Trigger) || e.Trigger == "A13") && !ended.Set {
		ended.Set = true
	}
	set(&v.Admitted, &v.AdmittedAt, admitted, at)
	set(&v.Ended, &v.EndedAt, ended, at)
}

// guessAdmitted dates an admission by the earliest event that reported it, as
// long as no event has stated the time.
func guessAdmitted(v *Visit, t time.Time) {
	if v.AdmittedAt == (Stamp{}) && (v.Admitted.IsZero() || t.Before(v.Admitted)) {
		v.Admitted = t
	}
}

// inUTC makes times comparable and exact to what the record keeps.
func inUTC(f Field[time.Time]) Field[time.Time] {
	if f.Set && !f.Value.IsZero() {
		f.Value = f.Value.UTC().Truncate(time.Microsecond)
	}
	return f
}

// set lets a field be decided by the latest event that states it.
func set[T any](value *T, decided *Stamp, f Field[T], at Stamp) {
	if f.Set && at.after(*decided) {
		*value, *decided = f.Value, at
	}
}

// turn lets a mark be decided by the latest event that switches it.
func (m *Mark) turn(to int, at Stamp) {
	if to != 0 && at.after(m.At) {
		*m = Mark{At: at, On: to > 0}
	}
}

// after reports whether s decides over what t decided.
func (s Stamp) after(t Stamp) bool {
	if t == (Stamp{}) {
		return true
	}
	return cmp.Or(cmp.Compare(s.Micro, t.Micro), cmp.Compare(s.Seq, t.Seq)) > 0
}

// status derives the state of the visit from its marks. A cancelled admission
// leaves the visit planned when there was none to cancel (A11 does not cancel
// A05) or when it was planned anew. A visit known by updates only is as open as
// its times say.
func (v Visit) status() VisitStatus {
	known := func(m Mark) bool { return m.At != Stamp{} }
	switch {
	case v.DeletedAt.On:
		return Removed
	case v.OpenedAt.On && v.DischargedAt.On:
		return Discharged
	case v.OpenedAt.On:
		return Open
	case v.PlannedAt.On && (!v.Entered || v.PlannedAt.At.after(v.OpenedAt.At)):
		return Planned
	case known(v.OpenedAt) || known(v.PlannedAt):
		return Cancelled
	case !v.Ended.IsZero():
		return Discharged
	}
	return Open
}

// SummariseVisit makes the index row of a visit.
func SummariseVisit(v Visit) VisitSummary {
	return VisitSummary{Class: v.Class, Status: v.Status, Admitted: v.Admitted}
}
