package consent

import (
	"fmt"
	"time"

	"github.com/lockport-hie/lockport"
)

// Effect is what a decision allows. The zero value is Deny.
type Effect uint8

// The effects.
const (
	Deny Effect = iota
	Permit
	PermitEmergency
)

// String returns the effect's stable name: deny, permit or permit-emergency.
func (e Effect) String() string {
	switch e {
	case Permit:
		return "permit"
	case PermitEmergency:
		return "permit-emergency"
	}
	return "deny"
}

// MarshalText makes the effect a word in JSON.
func (e Effect) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// What says what is to be released.
type What uint8

// The things that can be released. A caller asks for exactly what it is able to
// restrict itself to: asking for Record never yields a decision that is only
// good for less.
const (
	Record     What = iota // anything on record
	OneToOne               // one report, to the one participant it was ordered by or copied to
	Alert                  // an event; see AlertLimited
	Reportable             // configured reportable codes only, to a health department
)

// String returns the thing's stable name.
func (w What) String() string {
	switch w {
	case Record:
		return "record"
	case OneToOne:
		return "one-to-one"
	case Alert:
		return "alert"
	case Reportable:
		return "reportable"
	}
	return "unknown"
}

// Attestation is what a clinician states before breaking the glass.
type Attestation struct {
	Reason string // code, QPD-9 of a ZR1 query
	Text   string // QPD-10; may name the patient, so it is protected
}

// Format keeps the words out of everything that prints.
func (a Attestation) Format(f fmt.State, _ rune) { fmt.Fprint(f, "attestation") }

// complete reports whether both parts say something.
func (a *Attestation) complete() bool {
	return a != nil && !blank(a.Reason) && !blank(a.Text)
}

// Question is what Decide is asked: who wants to see what, why and when.
type Question struct {
	At          time.Time      // the instant of the decision; the zero time is denied
	Zone        *time.Location // in which days begin and end; nil is UTC
	Party       Party
	Purpose     lockport.Purpose // the zero value is denied; the caller fills in the application's default
	What        What
	Attestation *Attestation // nil when none was made
	BirthDate   string       // PID-7 as sent; "" or unreadable counts as a minor
}

// Format keeps the patient out of everything that prints.
func (q Question) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "%s for %s by %s", q.Purpose, q.What, q.Party.Participant)
}

// Decision is the answer. The zero value denies.
type Decision struct {
	Effect Effect       `json:"effect"`
	Reason Reason       `json:"reason"`
	Basis  lockport.Seq `json:"basis,omitempty"`  // the directive that decided; 0 when none did
	Grant  lockport.Seq `json:"grant,omitempty"`  // the emergency access under which it is permitted
	Covers []Category   `json:"covers,omitempty"` // which labelled facts may go out; unlabelled ones are General
	Trace  []Step       `json:"trace,omitempty"`  // the cells that led to the answer, in the order they were looked at
}

// Permits reports whether something may leave.
func (d Decision) Permits() bool { return d.Effect == Permit || d.Effect == PermitEmergency }

// Step is one cell that was looked at on the way to a decision. It holds no
// protected health information.
type Step struct {
	Cell      string               `json:"cell"`                // community, participant, emergency, purpose, what
	Directive lockport.Seq         `json:"directive,omitempty"` // the directive that was looked at
	Grant     lockport.Seq         `json:"grant,omitempty"`     // the emergency access that was looked at
	Authority lockport.AuthorityID `json:"authority,omitempty"` // of the identifier the directive stands on
	Value     Value                `json:"value,omitempty"`     // what counts, which at 18 is not what was signed
	Result    Reason               `json:"result"`              // what came of it
}

// Reason is a stable code that says why. It is written to the audit and shown to
// operators; what the outside is told does not depend on it, but for
// ParticipantDeny where the asker has reveal_protected.
type Reason string

// Reasons of permits.
const (
	ParticipantGive   Reason = "participant-give"
	CommunityGive     Reason = "community-give"
	EmergencyGrant    Reason = "emergency-grant"    // under an emergency access that is open
	EmergencyAttested Reason = "emergency-attested" // under an attestation that opens one
	OneToOneDelivery  Reason = "one-to-one"         // this report, to the participant it is for
	AlertLimited      Reason = "alert-limited"      // name, event, place and time only, to a registered treating provider or roster; never from Part 2 or mental-hygiene locations
	PublicHealthUse   Reason = "public-health"      // configured reportable codes only
)

// Reasons of denials.
const (
	CommunityDeny        Reason = "community-deny"
	ParticipantDeny      Reason = "participant-deny"
	EmergencyOnlyOnFile  Reason = "emergency-only"          // and this is no emergency
	NothingOnFile        Reason = "nothing-on-file"         // and this is no emergency
	Withdrawn            Reason = "withdrawn"               // nothing on file, because it was withdrawn
	Expired              Reason = "expired"                 // nothing on file, because what was has ended
	NotYetEffective      Reason = "not-yet-effective"       // nothing on file, because what is has not begun
	NotJoinedAtSignature Reason = "not-joined-at-signature" // the participant joined after the grant was signed
	MinorNowAdult        Reason = "minor-now-adult"         // signed by another person before the patient was 18
	MinorOverrideInvalid Reason = "minor-override-invalid"  // not signed by the minor, or the minor was not known to be 10 to 17
	MinorOverrideEnded   Reason = "minor-override-ended"    // the visit ended or 24 h have passed
	NotEmergencyCapable  Reason = "not-emergency-capable"
	NotAPractitioner     Reason = "not-a-practitioner"
	AttestationMissing   Reason = "attestation-missing"
	PurposeNotPermitted  Reason = "purpose-not-permitted"
	PrivacyOfficerOnly   Reason = "privacy-officer-only"    // PATRQT
	NotAHealthDepartment Reason = "not-a-health-department" // PUBHLTH
	UnreadableDirective  Reason = "unreadable-directive"
	PatientClosed        Reason = "patient-closed" // an unresolved merge
	UnknownPatient       Reason = "unknown-patient"
	UnknownParticipant   Reason = "unknown-participant"
	ClockUnsafe          Reason = "clock-unsafe"
	DecisionFailed       Reason = "error" // no decision was reached
)

// Results that stand in a Trace only.
const (
	InForce    Reason = "in-force"
	Superseded Reason = "superseded" // a later form of the same scope and identifier
	Outweighed Reason = "outweighed" // a more restrictive one holds
	Voided     Reason = "voided"     // entered in error
	GrantEnded Reason = "grant-ended"
	Passed     Reason = "passed"
)
