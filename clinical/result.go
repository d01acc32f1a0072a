package clinical

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/lockport-hie/lockport"
)

// Report is one result as it is handed out.
type Report struct {
	Result   Result
	Versions []Version // the current view: exactly one, merged; or every version as received, oldest first
}

// Format keeps the content out of everything that prints.
func (Report) Format(f fmt.State, _ rune) { fmt.Fprint(f, "result report") }

// ResultHead is what a message says about the order a version belongs to.
type ResultHead struct {
	Token        lockport.Token
	Registration lockport.RegistrationID
	Service      Coded     // OBR-4
	Collected    time.Time // OBR-7; zero when not sent
	Source       Source
}

// Ref returns what decides whether the version is the current one.
func (v Version) Ref() VersionRef {
	return VersionRef{Seq: v.Seq, Order: v.Order, Status: v.Status, Reported: v.Reported, Sent: v.Sent}
}

// Hold takes a version into a new result as its first.
func (r *Result) Hold(v Version) {
	v.Seq, v.Order, v.Status, v.Reported, v.Sent = 0, 0, "", time.Time{}, time.Time{}
	r.First = v
}

// FirstVersion returns the version that Hold has taken. Versions are filed in
// journal order, so it stays the first of them.
func (r Result) FirstVersion() Version {
	v := r.First
	if len(r.Versions) > 0 {
		ref := r.Versions[0]
		v.Seq, v.Order, v.Status, v.Reported, v.Sent = ref.Seq, ref.Order, ref.Status, ref.Reported, ref.Sent
	}
	return v
}

// Newer reports whether a is newer than b by (OBR-22, MSH-7, journal order,
// number in the message). A time that was not sent is older than any.
func Newer(a, b VersionRef) bool { return compareRefs(a, b) > 0 }

func compareRefs(a, b VersionRef) int {
	return cmp.Or(a.Reported.Compare(b.Reported), a.Sent.Compare(b.Sent), cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.Order, b.Order))
}

// AddVersion adds a version to a result, or makes the result when existing is
// nil, and reports whether the version became the current one. A version that
// was added before changes nothing.
//
// The current version is the newest one, but a version that is not final
// (OBR-25 P, A, M or one without results) never takes the place of one that is,
// was corrected or cancelled, or has no status. Which one is current depends
// only on the set of versions, not on the order of the calls.
//
// It fails with kind Conflict when the head names another registration than the
// result has: a filler order number that turns up for another patient must not
// join the two. Where registrations were merged, the caller passes the one the
// result stands on; results never change theirs. Collected may change whether or
// not the current version does; the caller then moves the row. The caller also
// keeps the version itself, the first one by Hold.
func AddVersion(existing *Result, v Version, head ResultHead) (r Result, changedCurrent bool, err error) {
	if existing == nil {
		r = Result{Token: head.Token, Registration: head.Registration}
	} else {
		r = *existing
		r.Versions = slices.Clone(existing.Versions)
	}
	if r.Registration != head.Registration || r.Token != head.Token {
		return Result{}, false, lockport.Errorf(lockport.Conflict, "result", "OBR-3: the filler order number is in use for another patient")
	}
	ref := v.Ref()
	ref.Collected = head.Collected
	byJournal := func(a, b VersionRef) int {
		return cmp.Or(cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.Order, b.Order))
	}
	at, found := slices.BinarySearchFunc(r.Versions, ref, byJournal)
	if found {
		return r, false, nil
	}
	r.Versions = slices.Insert(r.Versions, at, ref)
	r.Current = best(r.Versions, func(VersionRef) bool { return true })
	if dated := best(r.Versions, func(v VersionRef) bool { return !v.Collected.IsZero() }); dated >= 0 {
		r.Collected = r.Versions[dated].Collected
	}
	if r.Current != at {
		return r, false, nil
	}
	r.Service, r.Status, r.Source = head.Service, ref.Status, head.Source
	return r, true, nil
}

// best returns the index of the version that outranks all others that count; -1
// when none counts.
func best(refs []VersionRef, counts func(VersionRef) bool) int {
	found := -1
	for i, ref := range refs {
		if counts(ref) && (found < 0 || outranks(ref, refs[found])) {
			found = i
		}
	}
	return found
}

// outranks reports whether a is current before b. It is a total order, so that
// the current version is a maximum: the order of arrival cannot matter, and a
// version becomes current when it is added or never.
func outranks(a, b VersionRef) bool {
	if pa, pb := provisional(a.Status), provisional(b.Status); pa != pb {
		return pb
	}
	return Newer(a, b)
}

// Summarise says of a result and its current view what filters look at.
func Summarise(view Version, r Result) ResultSummary {
	codes := make([]string, 0, len(view.Units))
	for _, u := range view.Units {
		if u.Code.Code != "" {
			codes = append(codes, u.Code.Code)
		}
	}
	slices.Sort(codes)
	return ResultSummary{Service: r.Service, Status: r.Status, Collected: r.Collected, Codes: slices.Compact(codes)}
}
