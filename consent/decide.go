package consent

import (
	"cmp"
	"slices"
	"time"

	"github.com/lockport-hie/lockport"
)

// grantTime is how long an emergency access lasts at most.
const grantTime = 24 * time.Hour

// Decide answers a question from all directives and emergency accesses of one
// patient, those of linked identifiers included. It is pure and total: whatever
// it is given, it returns a decision, and what it cannot read it denies. The
// order of ds and grants does not matter. docs/CONSENT.md is the whole table.
func Decide(ds []Directive, grants []Grant, q Question) Decision {
	if q.Zone == nil {
		q.Zone = time.UTC
	}
	e := &evaluation{q: q, today: dayOf(q.At, q.Zone)}
	if q.At.IsZero() {
		return e.deny(ClockUnsafe, 0)
	}
	if q.Party.Participant == "" {
		return e.deny(UnknownParticipant, 0)
	}
	community := e.scope(ds, cellCommunity)
	own := e.scope(ds, cellParticipant)
	slices.SortStableFunc(e.trace, bySeq)
	if community.value == DenyAll {
		return e.deny(CommunityDeny, community.basis)
	}
	if e.broken {
		return e.deny(UnreadableDirective, e.unreadable)
	}
	if d, done := e.purpose(); done {
		return d
	}
	return e.values(own, community, grants)
}

// purpose answers what does not depend on the participant's own directives: the
// uses that need none, and the purposes that are not permitted.
func (e *evaluation) purpose() (Decision, bool) {
	q := e.q
	switch q.Purpose {
	case lockport.Treatment, lockport.EmergencyTreatment, lockport.Operations:
		switch q.What {
		case Record, Alert:
			e.passed(cellPurpose, Passed)
			return Decision{}, false
		case OneToOne:
			return e.permit(Permit, OneToOneDelivery, 0, General), true
		}
	case lockport.PublicHealth:
		switch {
		case !q.Party.HealthDepartment:
			return e.deny(NotAHealthDepartment, 0), true
		case q.What == Reportable:
			return e.permit(Permit, PublicHealthUse, 0, General), true
		}
	case lockport.PatientRequest:
		return e.deny(PrivacyOfficerOnly, 0), true
	}
	return e.deny(PurposeNotPermitted, 0), true
}

// values answers from what is on file: the participant's own value, else the
// community's, else nothing.
func (e *evaluation) values(own, community standing, grants []Grant) Decision {
	switch own.value {
	case DenyAll:
		return e.deny(ParticipantDeny, own.basis)
	case Give:
		return e.permit(Permit, ParticipantGive, own.basis, own.covers...)
	case EmergencyOnly:
		return e.emergency(EmergencyOnlyOnFile, own.basis, grants)
	}
	switch community.value {
	case Give:
		return e.permit(Permit, CommunityGive, community.basis, community.covers...)
	case EmergencyOnly:
		return e.emergency(EmergencyOnlyOnFile, community.basis, grants)
	}
	if e.q.What == Alert && e.q.Purpose != lockport.EmergencyTreatment {
		return e.permit(Permit, AlertLimited, 0)
	}
	switch {
	case own.why != "":
		return e.emergency(own.why, own.basis, grants)
	case community.why != "":
		return e.emergency(community.why, community.basis, grants)
	}
	return e.emergency(NothingOnFile, 0, grants)
}

// emergency answers where a record opens in an emergency only. why is the answer
// when this is none.
func (e *evaluation) emergency(why Reason, basis lockport.Seq, grants []Grant) Decision {
	q := e.q
	switch {
	case q.Purpose != lockport.EmergencyTreatment || q.What != Record:
		return e.deny(why, basis)
	case !q.Party.EmergencyCapable:
		return e.deny(NotEmergencyCapable, basis)
	case q.Party.Clinician == "" || !q.Party.Practitioner:
		return e.deny(NotAPractitioner, basis)
	}
	e.passed(cellEmergency, why)
	if g := e.openGrant(grants); g != nil {
		d := e.permit(PermitEmergency, EmergencyGrant, basis, General, Part2)
		d.Grant = g.Seq
		return d
	}
	if q.Attestation.complete() {
		return e.permit(PermitEmergency, EmergencyAttested, basis, General, Part2)
	}
	return e.deny(AttestationMissing, basis)
}

// openGrant returns the newest emergency access of this clinician at this
// participant that is open, or nil.
func (e *evaluation) openGrant(grants []Grant) *Grant {
	var open *Grant
	for i := range grants {
		g := &grants[i]
		if g.Participant != e.q.Party.Participant || g.Clinician != e.q.Party.Clinician {
			continue
		}
		result := GrantEnded
		if e.open(g) {
			result = InForce
			if open == nil || g.Seq > open.Seq {
				open = g
			}
		}
		e.trace = append(e.trace, Step{Cell: cellEmergency, Grant: g.Seq, Result: result})
	}
	slices.SortStableFunc(e.trace, func(a, b Step) int { return cmp.Compare(a.Grant, b.Grant) })
	return open
}

// open reports whether an emergency access still opens anything. A denial that
// was recorded after it has ended it for good, even if that denial is superseded
// or over by now.
func (e *evaluation) open(g *Grant) bool {
	at := e.q.At
	return !at.Before(g.From) && at.Before(g.Until) && at.Before(g.From.Add(grantTime)) &&
		!slices.ContainsFunc(e.denials, func(s lockport.Seq) bool { return s > g.Seq })
}

func (e *evaluation) passed(cell string, r Reason) {
	e.trace = append(e.trace, Step{Cell: cell, Result: r})
}

func (e *evaluation) deny(r Reason, basis lockport.Seq) Decision {
	return Decision{Effect: Deny, Reason: r, Basis: basis, Trace: e.trace}
}

func (e *evaluation) permit(f Effect, r Reason, basis lockport.Seq, covers ...Category) Decision {
	return Decision{Effect: f, Reason: r, Basis: basis, Covers: covers, Trace: e.trace}
}
