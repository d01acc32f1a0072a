package consent

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/lockport-hie/lockport"
)

// noon is the instant of the questions: noon of 2026-06-15 in New York.
var noon = time.Date(2026, 6, 15, 12, 0, 0, 0, newYork)

// newYork has a fixed offset, so that the tests need no zone data.
var newYork = time.FixedZone("EDT", -4*3600)

const (
	mrnA = "A-1"
	mrnB = "B-2"
)

// form makes a directive on identifier A. scope is a participant, or "*" for the
// community.
func form(seq lockport.Seq, scope lockport.ParticipantID, v Value, signed string, change ...func(*Directive)) Directive {
	d := Directive{Seq: seq, Patient: lockport.Identifier{Value: mrnA, Authority: "A"}, Participant: scope, Value: v,
		Signed: signed, Signer: SignerSelf, Recorded: noon.Add(-time.Hour), Operator: "officer"}
	if scope == "*" {
		d.Participant, d.Community = "", true
	}
	for _, f := range change {
		f(&d)
	}
	return d
}

func onB(d *Directive)           { d.Patient = lockport.Identifier{Value: mrnB, Authority: "B"} }
func voided(d *Directive)        { d.Voided = true }
func namesLater(d *Directive)    { d.NamesLater = true }
func byParent(d *Directive)      { d.Signer = SignerParent }
func byNobodyKnown(d *Directive) { d.Signer = "" }
func oneVisit(d *Directive)      { d.Visit = "V1" }

func until(day lockport.Date) func(*Directive)     { return func(d *Directive) { d.Until = day } }
func effective(day lockport.Date) func(*Directive) { return func(d *Directive) { d.Effective = day } }
func covers(c ...Category) func(*Directive)        { return func(d *Directive) { d.Covers = c } }

// asks is a question by upstate for treatment, by an adult's practitioner.
func asks(change ...func(*Question)) Question {
	q := Question{At: noon, Zone: newYork, Purpose: lockport.Treatment, BirthDate: "19700101", Party: Party{
		Participant: "upstate", Joined: "2020-01-01", EmergencyCapable: true, Clinician: "1234567893", Practitioner: true}}
	for _, f := range change {
		f(&q)
	}
	return q
}

func purpose(p lockport.Purpose) func(*Question) { return func(q *Question) { q.Purpose = p } }
func what(w What) func(*Question)                { return func(q *Question) { q.What = w } }
func born(s string) func(*Question)              { return func(q *Question) { q.BirthDate = s } }
func at(t time.Time) func(*Question)             { return func(q *Question) { q.At = t } }
func attested(q *Question) {
	q.Attestation = &Attestation{Reason: "UNCONSCIOUS", Text: "found on the floor"}
}
func emergency(q *Question) { q.Purpose = lockport.EmergencyTreatment }
func department(q *Question) {
	q.Party.HealthDepartment, q.Purpose, q.What = true, lockport.PublicHealth, Reportable
}

// access makes an emergency access of the asking clinician, open for an hour.
func access(seq lockport.Seq, change ...func(*Grant)) Grant {
	g := Grant{Seq: seq, Participant: "upstate", Clinician: "1234567893", From: noon.Add(-time.Hour), Until: noon.Add(23 * time.Hour)}
	for _, f := range change {
		f(&g)
	}
	return g
}

// TestDecideCells are cells written by hand, each of which a plausible mistake
// would turn over.
func TestDecideCells(t *testing.T) {
	tests := []struct {
		name   string
		ds     []Directive
		grants []Grant
		q      Question
		effect Effect
		reason Reason
		basis  lockport.Seq
	}{
		{"give", []Directive{form(1, "upstate", Give, "2026-01-01")}, nil, asks(), Permit, ParticipantGive, 1},
		{"give for care management", []Directive{form(1, "upstate", Give, "2026-01-01")}, nil, asks(purpose(lockport.Operations)), Permit, ParticipantGive, 1},
		{"give in an emergency needs no attestation", []Directive{form(1, "upstate", Give, "2026-01-01")}, nil, asks(emergency), Permit, ParticipantGive, 1},
		{"give to another participant", []Directive{form(1, "crouse", Give, "2026-01-01")}, nil, asks(), Deny, NothingOnFile, 0},
		{"give does not cover marketing", []Directive{form(1, "upstate", Give, "2026-01-01")}, nil, asks(purpose("HMARKT")), Deny, PurposeNotPermitted, 0},
		{"no purpose", []Directive{form(1, "upstate", Give, "2026-01-01")}, nil, asks(purpose("")), Deny, PurposeNotPermitted, 0},
		{"patient request", []Directive{form(1, "upstate", Give, "2026-01-01")}, nil, asks(purpose(lockport.PatientRequest)), Deny, PrivacyOfficerOnly, 0},

		{"community deny beats give", []Directive{form(1, "*", DenyAll, "2025-01-01"), form(2, "upstate", Give, "2026-01-01")}, nil, asks(), Deny, CommunityDeny, 1},
		{"community deny beats attestation", []Directive{form(1, "*", DenyAll, "2025-01-01")}, nil, asks(emergency, attested), Deny, CommunityDeny, 1},
		{"community deny beats an open access", []Directive{form(1, "*", DenyAll, "2025-01-01")}, []Grant{access(2)}, asks(emergency), Deny, CommunityDeny, 1},
		{"community deny stops one-to-one", []Directive{form(1, "*", DenyAll, "2025-01-01")}, nil, asks(what(OneToOne)), Deny, CommunityDeny, 1},
		{"community deny stops public health", []Directive{form(1, "*", DenyAll, "2025-01-01")}, nil, asks(department), Deny, CommunityDeny, 1},
		{"community deny lifted", []Directive{form(1, "*", DenyAll, "2025-01-01"), form(2, "*", Withdraw, "2026-01-01"), form(3, "upstate", Give, "2024-01-01")}, nil, asks(), Permit, ParticipantGive, 3},
		{"participant deny beats community give", []Directive{form(1, "*", Give, "2026-01-01"), form(2, "upstate", DenyAll, "2025-01-01")}, nil, asks(), Deny, ParticipantDeny, 2},
		{"participant deny beats attestation", []Directive{form(2, "upstate", DenyAll, "2025-01-01")}, nil, asks(emergency, attested), Deny, ParticipantDeny, 2},
		{"participant give beats community emergency-only", []Directive{form(1, "*", EmergencyOnly, "2026-01-01"), form(2, "upstate", Give, "2025-01-01")}, nil, asks(), Permit, ParticipantGive, 2},
		{"community give", []Directive{form(1, "*", Give, "2026-01-01")}, nil, asks(), Permit, CommunityGive, 1},
		{"withdrawn falls to community give", []Directive{form(1, "*", Give, "2024-01-01"), form(2, "upstate", Give, "2025-01-01"), form(3, "upstate", Withdraw, "2026-01-01")}, nil, asks(), Permit, CommunityGive, 1},
		{"withdrawn", []Directive{form(2, "upstate", Give, "2025-01-01"), form(3, "upstate", Withdraw, "2026-01-01")}, nil, asks(), Deny, Withdrawn, 3},
		{"withdrawn deny opens to emergencies", []Directive{form(2, "upstate", DenyAll, "2025-01-01"), form(3, "upstate", Withdraw, "2026-01-01")}, nil, asks(emergency, attested), PermitEmergency, EmergencyAttested, 3},

		{"later signature wins, not later arrival", []Directive{form(1, "upstate", DenyAll, "2026-02-01"), form(2, "upstate", Give, "2026-01-01")}, nil, asks(), Deny, ParticipantDeny, 1},
		{"same day: more restrictive", []Directive{form(1, "upstate", Give, "2026-01-01"), form(2, "upstate", EmergencyOnly, "2026-01-01"), form(3, "upstate", Withdraw, "2026-01-01")}, nil, asks(), Deny, EmergencyOnlyOnFile, 2},
		{"same day against a time: coarser precision", []Directive{form(1, "upstate", DenyAll, "2026-01-01"), form(2, "upstate", Give, "2026-01-01T23:00:00-04:00")}, nil, asks(), Deny, ParticipantDeny, 1},
		{"two times of one day", []Directive{form(1, "upstate", DenyAll, "2026-01-01T10:00:00-04:00"), form(2, "upstate", Give, "2026-01-01T10:00:01-04:00")}, nil, asks(), Permit, ParticipantGive, 2},
		{"day between two times is not replaced by either", []Directive{form(1, "upstate", Give, "2026-01-01T10:00:00-04:00"), form(2, "upstate", DenyAll, "2026-01-01"), form(3, "upstate", Give, "2026-01-01T12:00:00-04:00")}, nil, asks(), Deny, ParticipantDeny, 2},
		{"day of a time is the region's", []Directive{form(1, "upstate", DenyAll, "2026-01-01"), form(2, "upstate", Give, "2026-01-02T01:00:00Z")}, nil, asks(), Deny, ParticipantDeny, 1},

		{"last day counts", []Directive{form(1, "upstate", Give, "2026-01-01", until("2026-06-15"))}, nil, asks(at(time.Date(2026, 6, 15, 23, 59, 59, 0, newYork))), Permit, ParticipantGive, 1},
		{"expired", []Directive{form(1, "upstate", Give, "2026-01-01", until("2026-06-14"))}, nil, asks(), Deny, Expired, 0},
		{"what was before an expired one holds again", []Directive{form(1, "upstate", DenyAll, "2025-01-01"), form(2, "upstate", Give, "2026-01-01", until("2026-06-14"))}, nil, asks(emergency, attested), Deny, ParticipantDeny, 1},
		{"not yet effective", []Directive{form(1, "upstate", Give, "2026-01-01", effective("2026-06-16"))}, nil, asks(), Deny, NotYetEffective, 0},
		{"signed later today", []Directive{form(1, "upstate", Give, "2026-06-15T13:00:00-04:00")}, nil, asks(), Deny, NotYetEffective, 0},
		{"a denial counts whenever it was signed", []Directive{form(1, "upstate", DenyAll, "2027-01-01")}, nil, asks(emergency, attested), Deny, ParticipantDeny, 1},
		{"a withdrawal does not end", []Directive{form(1, "upstate", Give, "2025-01-01"), form(2, "upstate", Withdraw, "2026-01-01", until("2026-02-01"))}, nil, asks(), Deny, Withdrawn, 2},
		{"voided deny", []Directive{form(1, "upstate", DenyAll, "2026-02-01", voided), form(2, "upstate", Give, "2026-01-01")}, nil, asks(), Permit, ParticipantGive, 2},
		{"the mark that voids says nothing", []Directive{{Seq: 4, Patient: lockport.Identifier{Value: mrnA, Authority: "A"}, Voids: 1}, form(2, "upstate", Give, "2026-01-01")}, nil, asks(), Permit, ParticipantGive, 2},

		{"joined after the signature", []Directive{form(1, "*", Give, "2019-12-31")}, nil, asks(), Deny, NotJoinedAtSignature, 0},
		{"joined after the signature of a form that names it", []Directive{form(1, "upstate", Give, "2019-12-31")}, nil, asks(), Permit, ParticipantGive, 1},
		{"joined on the day of the signature", []Directive{form(1, "*", Give, "2020-01-01")}, nil, asks(), Permit, CommunityGive, 1},
		{"form names later participants", []Directive{form(1, "*", Give, "2019-12-31", namesLater)}, nil, asks(), Permit, CommunityGive, 1},
		{"a deny signed before joining covers", []Directive{form(1, "*", DenyAll, "2001-01-01")}, nil, asks(), Deny, CommunityDeny, 1},
		{"a later grant that does not cover still replaces", []Directive{form(1, "*", Give, "2018-01-01", namesLater), form(2, "*", Give, "2019-01-01")}, nil, asks(), Deny, NotJoinedAtSignature, 0},
		{"no join date", []Directive{form(1, "*", Give, "2026-01-01")}, nil, asks(func(q *Question) { q.Party.Joined = "" }), Deny, NotJoinedAtSignature, 0},

		{"linked identifiers: deny holds", []Directive{form(1, "upstate", DenyAll, "2024-01-01", onB), form(2, "upstate", Give, "2026-01-01")}, nil, asks(), Deny, ParticipantDeny, 1},
		{"linked identifiers: withdrawn holds", []Directive{form(1, "upstate", Withdraw, "2024-01-01", onB), form(2, "upstate", Give, "2026-01-01")}, nil, asks(), Deny, Withdrawn, 1},
		{"linked identifiers: nothing is no value", []Directive{form(2, "upstate", Give, "2026-01-01", onB)}, nil, asks(), Permit, ParticipantGive, 2},
		{"linked identifiers: latest of each first", []Directive{form(1, "upstate", DenyAll, "2024-01-01", onB), form(3, "upstate", Give, "2025-01-01", onB), form(2, "upstate", Give, "2026-01-01")}, nil, asks(), Permit, ParticipantGive, 3},

		{"nothing on file", nil, nil, asks(), Deny, NothingOnFile, 0},
		{"emergency without attestation", nil, nil, asks(emergency), Deny, AttestationMissing, 0},
		{"attestation with blank text", nil, nil, asks(emergency, func(q *Question) { q.Attestation = &Attestation{"X", " \t"} }), Deny, AttestationMissing, 0},
		{"attestation for treatment", nil, nil, asks(attested), Deny, NothingOnFile, 0},
		{"emergency attested", nil, nil, asks(emergency, attested), PermitEmergency, EmergencyAttested, 0},
		{"emergency at a laboratory", nil, nil, asks(emergency, attested, func(q *Question) { q.Party.EmergencyCapable = false }), Deny, NotEmergencyCapable, 0},
		{"emergency by staff", nil, nil, asks(emergency, attested, func(q *Question) { q.Party.Practitioner = false }), Deny, NotAPractitioner, 0},
		{"emergency by nobody", nil, nil, asks(emergency, attested, func(q *Question) { q.Party.Clinician = "" }), Deny, NotAPractitioner, 0},
		{"emergency never opens an alert", nil, nil, asks(emergency, attested, what(Alert)), Deny, NothingOnFile, 0},
		{"emergency-only in an emergency", []Directive{form(1, "upstate", EmergencyOnly, "2026-01-01")}, nil, asks(emergency, attested), PermitEmergency, EmergencyAttested, 1},
		{"emergency-only beats community give", []Directive{form(1, "upstate", EmergencyOnly, "2026-01-01"), form(2, "*", Give, "2026-01-01")}, nil, asks(), Deny, EmergencyOnlyOnFile, 1},
		{"inside an open access", nil, []Grant{access(3)}, asks(emergency), PermitEmergency, EmergencyGrant, 0},
		{"an open access does not open treatment", nil, []Grant{access(3)}, asks(), Deny, NothingOnFile, 0},
		{"another clinician's access", nil, []Grant{access(3, func(g *Grant) { g.Clinician = "1999999999" })}, asks(emergency), Deny, AttestationMissing, 0},
		{"another participant's access", nil, []Grant{access(3, func(g *Grant) { g.Participant = "crouse" })}, asks(emergency), Deny, AttestationMissing, 0},
		{"access ends at its instant", nil, []Grant{access(3, func(g *Grant) { g.Until = noon })}, asks(emergency), Deny, AttestationMissing, 0},
		{"access never lasts longer than 24 h", nil, []Grant{access(3, func(g *Grant) { g.From, g.Until = noon.Add(-24*time.Hour), noon.Add(time.Hour) })}, asks(emergency), Deny, AttestationMissing, 0},
		{"access is not open before its start", nil, []Grant{access(3, func(g *Grant) { g.From = noon.Add(time.Second) })}, asks(emergency), Deny, AttestationMissing, 0},
		{"a denial ends the access for good", []Directive{form(4, "upstate", DenyAll, "2026-06-14"), form(5, "upstate", Withdraw, "2026-06-15")}, []Grant{access(3)}, asks(emergency), Deny, AttestationMissing, 5},
		{"an access after the denial was lifted", []Directive{form(1, "upstate", DenyAll, "2026-06-13"), form(2, "upstate", Withdraw, "2026-06-14")}, []Grant{access(3)}, asks(emergency), PermitEmergency, EmergencyGrant, 2},
		{"a denial that has not begun ends nothing", []Directive{form(4, "upstate", DenyAll, "2026-06-14", effective("2026-06-16"))}, []Grant{access(3)}, asks(emergency), PermitEmergency, EmergencyGrant, 0},
		{"another participant's denial ends nothing", []Directive{form(4, "crouse", DenyAll, "2026-06-14")}, []Grant{access(3)}, asks(emergency), PermitEmergency, EmergencyGrant, 0},

		{"one-to-one needs nothing on file", nil, nil, asks(what(OneToOne)), Permit, OneToOneDelivery, 0},
		{"one-to-one goes on under a participant deny", []Directive{form(1, "upstate", DenyAll, "2026-01-01")}, nil, asks(what(OneToOne)), Permit, OneToOneDelivery, 0},
		{"alert with give", []Directive{form(1, "upstate", Give, "2026-01-01")}, nil, asks(what(Alert)), Permit, ParticipantGive, 1},
		{"alert with nothing on file", nil, nil, asks(what(Alert)), Permit, AlertLimited, 0},
		{"alert under emergency-only", []Directive{form(1, "upstate", EmergencyOnly, "2026-01-01")}, nil, asks(what(Alert)), Deny, EmergencyOnlyOnFile, 1},
		{"alert under deny", []Directive{form(1, "upstate", DenyAll, "2026-01-01")}, nil, asks(what(Alert)), Deny, ParticipantDeny, 1},
		{"public health", []Directive{form(1, "upstate", DenyAll, "2026-01-01")}, nil, asks(department), Permit, PublicHealthUse, 0},
		{"public health for a whole record", nil, nil, asks(department, what(Record)), Deny, PurposeNotPermitted, 0},
		{"public health by a hospital", nil, nil, asks(purpose(lockport.PublicHealth), what(Reportable)), Deny, NotAHealthDepartment, 0},
		{"a department treating", nil, nil, asks(department, purpose(lockport.Treatment)), Deny, PurposeNotPermitted, 0},

		{"unknown participant", []Directive{form(1, "*", Give, "2026-01-01")}, nil, asks(func(q *Question) { q.Party = Party{} }), Deny, UnknownParticipant, 0},
		{"no instant", []Directive{form(1, "upstate", Give, "2026-01-01")}, nil, asks(at(time.Time{})), Deny, ClockUnsafe, 0},
		{"unreadable value", []Directive{form(1, "upstate", Give, "2026-01-01"), form(2, "upstate", "maybe", "2026-01-01")}, nil, asks(), Deny, UnreadableDirective, 2},
		{"unreadable date in an emergency", []Directive{form(2, "upstate", Give, "January")}, nil, asks(emergency, attested), Deny, UnreadableDirective, 2},
		{"unreadable and without a sequence", []Directive{form(1, "upstate", Give, "2026-01-01"), form(0, "upstate", "maybe", "2026-01-01")}, nil, asks(), Deny, UnreadableDirective, 0},
		{"unreadable first day", []Directive{form(2, "upstate", Give, "2026-01-01", effective("soon"))}, nil, asks(), Deny, UnreadableDirective, 2},
		{"unreadable last day", []Directive{form(2, "*", Withdraw, "2026-01-01", until("2026-02-30")), form(3, "upstate", Give, "2026-01-01")}, nil, asks(), Deny, UnreadableDirective, 2},
		{"community deny is named before an unreadable directive", []Directive{form(1, "*", DenyAll, "2026-01-01"), form(2, "upstate", "?", "?")}, nil, asks(), Deny, CommunityDeny, 1},
		{"scope neither nor", []Directive{form(1, "upstate", Give, "2026-01-01"), form(2, "", Give, "2026-01-01")}, nil, asks(), Deny, UnreadableDirective, 2},
		{"another participant's is unreadable", []Directive{form(1, "upstate", Give, "2026-01-01"), form(2, "crouse", "?", "?")}, nil, asks(), Permit, ParticipantGive, 1},
		{"unreadable and voided", []Directive{form(1, "upstate", Give, "2026-01-01"), form(2, "upstate", "?", "?", voided)}, nil, asks(), Permit, ParticipantGive, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			check := func(ds []Directive) {
				d := Decide(ds, test.grants, test.q)
				if d.Effect != test.effect || d.Reason != test.reason || d.Basis != test.basis {
					t.Errorf("got %s %s (directive %d), want %s %s (%d)\n%v", d.Effect, d.Reason, d.Basis, test.effect, test.reason, test.basis, d.Trace)
				}
			}
			check(test.ds)
			slices.Reverse(test.ds)
			check(test.ds)
		})
	}
}

func TestDecideMinors(t *testing.T) {
	signed := "2020-05-01"
	tests := []struct {
		name   string
		ds     []Directive
		q      Question
		effect Effect
		reason Reason
	}{
		{"parent's grant the day before 18", []Directive{form(1, "upstate", Give, signed, byParent)}, asks(born("20080616")), Permit, ParticipantGive},
		{"parent's grant at 18", []Directive{form(1, "upstate", Give, signed, byParent)}, asks(born("20080615")), Deny, MinorNowAdult},
		{"born in the month: last day counts", []Directive{form(1, "upstate", Give, signed, byParent)}, asks(born("200806")), Permit, ParticipantGive},
		{"born in the year: last day counts", []Directive{form(1, "upstate", Give, signed, byParent)}, asks(born("2008")), Permit, ParticipantGive},
		{"born the year before", []Directive{form(1, "upstate", Give, signed, byParent)}, asks(born("2007")), Deny, MinorNowAdult},
		{"with a time of birth", []Directive{form(1, "upstate", Give, signed, byParent)}, asks(born("200806150930-0400")), Deny, MinorNowAdult},
		{"unknown birth date is a minor", []Directive{form(1, "upstate", Give, signed, byParent)}, asks(born("")), Permit, ParticipantGive},
		{"unreadable birth date is a minor", []Directive{form(1, "upstate", Give, signed, byParent)}, asks(born("20081399")), Permit, ParticipantGive},
		{"year of birth 0000 is a minor", []Directive{form(1, "upstate", Give, signed, byParent)}, asks(born("0000")), Permit, ParticipantGive},
		{"born on 29 February", []Directive{form(1, "upstate", Give, signed, byParent)}, asks(born("20080229"), at(time.Date(2026, 2, 28, 12, 0, 0, 0, newYork))), Permit, ParticipantGive},
		{"own grant stays at 18", []Directive{form(1, "upstate", Give, signed)}, asks(born("20080615")), Permit, ParticipantGive},
		{"unknown signer's grant ends at 18", []Directive{form(1, "upstate", Give, signed, byNobodyKnown)}, asks(born("20080615")), Deny, MinorNowAdult},
		{"guardian of an adult", []Directive{form(1, "upstate", Give, signed, byParent)}, asks(), Permit, ParticipantGive},
		{"parent's emergency-only ends at 18", []Directive{form(1, "upstate", EmergencyOnly, signed, byParent), form(2, "*", Give, "2026-06-15")}, asks(born("20080615")), Permit, CommunityGive},
		{"parent's deny before 18", []Directive{form(1, "upstate", DenyAll, signed, byParent)}, asks(born("20080616"), emergency, attested), Deny, ParticipantDeny},
		{"parent's deny becomes emergency-only", []Directive{form(1, "upstate", DenyAll, signed, byParent)}, asks(born("20080615")), Deny, EmergencyOnlyOnFile},
		{"parent's deny at 18 in an emergency", []Directive{form(1, "upstate", DenyAll, signed, byParent)}, asks(born("20080615"), emergency, attested), PermitEmergency, EmergencyAttested},
		{"unknown signer's deny stays", []Directive{form(1, "upstate", DenyAll, signed, byNobodyKnown)}, asks(born("20080615"), emergency, attested), Deny, ParticipantDeny},
		{"parent's later deny does not undo the patient's own", []Directive{form(1, "upstate", DenyAll, "2019-01-01"), form(2, "upstate", DenyAll, signed, byParent)}, asks(born("20080615"), emergency, attested), Deny, ParticipantDeny},
		{"parent's community deny stays", []Directive{form(1, "*", DenyAll, signed, byParent)}, asks(born("20080615")), Deny, CommunityDeny},
		{"adult lifts it", []Directive{form(1, "*", DenyAll, signed, byParent), form(2, "*", Give, "2026-06-15")}, asks(born("20080615")), Permit, CommunityGive},

		{"one visit", []Directive{form(1, "upstate", Give, "2026-06-15", oneVisit)}, asks(born("20120101")), Permit, ParticipantGive},
		{"one visit over a parent's deny", []Directive{form(1, "upstate", DenyAll, signed, byParent), form(2, "upstate", Give, "2026-06-15", oneVisit)}, asks(born("20120101")), Permit, ParticipantGive},
		{"one visit under a community deny", []Directive{form(1, "*", DenyAll, signed, byParent), form(2, "upstate", Give, "2026-06-15", oneVisit)}, asks(born("20120101")), Deny, CommunityDeny},
		{"one visit ends after 24 h", []Directive{form(1, "upstate", Give, "2026-06-14T12:00:00-04:00", oneVisit)}, asks(born("20120101")), Deny, MinorOverrideEnded},
		{"and what was before holds again", []Directive{form(1, "upstate", Give, signed, byParent), form(2, "upstate", Give, "2026-06-14T12:00:00-04:00", oneVisit)}, asks(born("20120101")), Permit, ParticipantGive},
		{"one visit within 24 h", []Directive{form(1, "upstate", Give, "2026-06-14T12:00:01-04:00", oneVisit)}, asks(born("20120101")), Permit, ParticipantGive},
		{"one visit of yesterday, day only", []Directive{form(1, "upstate", Give, "2026-06-14", oneVisit)}, asks(born("20120101")), Deny, MinorOverrideEnded},
		{"one visit ends at discharge", []Directive{form(1, "upstate", Give, "2026-06-15", oneVisit, func(d *Directive) { d.Ended = noon })}, asks(born("20120101")), Deny, MinorOverrideEnded},
		{"discharge still to come", []Directive{form(1, "upstate", Give, "2026-06-15", oneVisit, func(d *Directive) { d.Ended = noon.Add(1) })}, asks(born("20120101")), Permit, ParticipantGive},
		{"one visit at nine", []Directive{form(1, "upstate", Give, "2026-06-15", oneVisit)}, asks(born("20160616")), Deny, MinorOverrideInvalid},
		{"one visit at ten", []Directive{form(1, "upstate", Give, "2026-06-15", oneVisit)}, asks(born("20160615")), Permit, ParticipantGive},
		{"one visit at eighteen", []Directive{form(1, "upstate", Give, "2026-06-15", oneVisit)}, asks(born("20080615")), Deny, MinorOverrideInvalid},
		{"one visit, age unknown", []Directive{form(1, "upstate", Give, "2026-06-15", oneVisit)}, asks(born("")), Deny, MinorOverrideInvalid},
		{"one visit by the parent", []Directive{form(1, "upstate", Give, "2026-06-15", oneVisit, byParent)}, asks(born("20120101")), Deny, MinorOverrideInvalid},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := Decide(test.ds, nil, test.q)
			if d.Effect != test.effect || d.Reason != test.reason {
				t.Errorf("got %s %s, want %s %s\n%v", d.Effect, d.Reason, test.effect, test.reason, d.Trace)
			}
		})
	}
}

func TestDecideCovers(t *testing.T) {
	all := covers(Part2, HIV, MentalHealth, MinorConsented)
	tests := []struct {
		name string
		ds   []Directive
		q    Question
		want []Category
	}{
		{"unnamed", []Directive{form(1, "upstate", Give, "2026-01-01")}, asks(), []Category{General}},
		{"named", []Directive{form(1, "upstate", Give, "2026-01-01", covers(HIV))}, asks(), []Category{General, HIV}},
		{"the latest form only", []Directive{form(1, "upstate", Give, "2025-01-01", covers(HIV)), form(2, "upstate", Give, "2026-01-01", covers(Part2))}, asks(), []Category{General, Part2}},
		{"linked identifiers: what both cover", []Directive{form(1, "upstate", Give, "2025-01-01", covers(HIV, Part2)), form(2, "upstate", Give, "2026-01-01", covers(Part2), onB)}, asks(), []Category{General, Part2}},
		{"a parent's form", []Directive{form(1, "upstate", Give, "2026-01-01", all, byParent)}, asks(born("20120101")), []Category{General, HIV, MentalHealth}},
		{"the minor's own form", []Directive{form(1, "upstate", Give, "2026-06-15", all, oneVisit)}, asks(born("20120101")), categories},
		{"in an emergency", []Directive{form(1, "upstate", EmergencyOnly, "2026-01-01", all)}, asks(emergency, attested), []Category{General, Part2}},
		{"one-to-one", []Directive{form(1, "upstate", Give, "2026-01-01", all)}, asks(what(OneToOne)), []Category{General}},
		{"public health", []Directive{form(1, "upstate", Give, "2026-01-01", all)}, asks(department), []Category{General}},
		{"limited alert", nil, asks(what(Alert)), nil},
		{"denied", []Directive{form(1, "upstate", DenyAll, "2026-01-01", all)}, asks(), nil},
	}
	for _, test := range tests {
		if d := Decide(test.ds, nil, test.q); !slices.Equal(d.Covers, test.want) {
			t.Errorf("%s: %v, want %v", test.name, d.Covers, test.want)
		}
	}
}

func TestTraceShowsEveryCell(t *testing.T) {
	d := Decide([]Directive{
		form(9, "upstate", EmergencyOnly, "2026-03-01"), form(2, "upstate", Give, "2026-01-01"), form(3, "upstate", Give, "2026-01-01", voided),
		form(4, "*", Give, "2019-01-01"), form(5, "crouse", DenyAll, "2026-01-01"), form(6, "upstate", Give, "2026-02-01", onB),
	}, []Grant{access(8), access(1, func(g *Grant) { g.Until = noon })}, asks(emergency))
	want := []Step{
		{Cell: "community", Directive: 4, Authority: "A", Value: Give, Result: NotJoinedAtSignature},
		{Cell: "participant", Directive: 2, Authority: "A", Value: Give, Result: Superseded},
		{Cell: "participant", Directive: 3, Authority: "A", Value: Give, Result: Voided},
		{Cell: "participant", Directive: 6, Authority: "B", Value: Give, Result: Outweighed},
		{Cell: "participant", Directive: 9, Authority: "A", Value: EmergencyOnly, Result: InForce},
		{Cell: "purpose", Result: Passed},
		{Cell: "emergency", Result: EmergencyOnlyOnFile},
		{Cell: "emergency", Grant: 1, Result: GrantEnded},
		{Cell: "emergency", Grant: 8, Result: InForce},
	}
	if !slices.Equal(d.Trace, want) {
		t.Errorf("got  %v\nwant %v", d.Trace, want)
	}
}

func TestDecisionInJSON(t *testing.T) {
	out, err := json.Marshal(Decide([]Directive{form(1, "upstate", Give, "2026-01-01", covers(HIV))}, nil, asks(what(Alert))))
	const want = `{"effect":"permit","reason":"participant-give","basis":1,"covers":["general","hiv"],"trace":[` +
		`{"cell":"participant","directive":1,"authority":"A","value":"give","result":"in-force"},{"cell":"purpose","result":"passed"}]}`
	if err != nil || string(out) != want {
		t.Errorf("%v\n%s\n%s", err, out, want)
	}
	for w, name := range []string{"record", "one-to-one", "alert", "reportable", "unknown"} {
		if What(w).String() != name {
			t.Errorf("%d is called %s", w, What(w))
		}
	}
}
