package audit

import (
	"fmt"

	"github.com/lockport-hie/lockport"
)

// Outcome is what a question about a patient came to.
type Outcome string

// The outcomes.
const (
	Permitted Outcome = "permit"
	Emergency Outcome = "permit-emergency"
	Denied    Outcome = "deny"
	Unknown   Outcome = "unknown-patient"
	Failed    Outcome = "error" // no decision was reached; nothing was released
)

// Channel is the way by which a record would leave.
type Channel string

// The channels.
const (
	ChannelQuery Channel = "query"
	ChannelFeed  Channel = "feed"
	ChannelCLI   Channel = "cli"
	ChannelWeb   Channel = "web"
)

// Disclosure is the body of lockport.EntryDisclosure: who asked for whose
// record, why, on what basis, and exactly what was released. It is written
// before any byte leaves (45 CFR 164.528; 42 CFR 2.51 where part2 is set).
type Disclosure struct {
	Channel       Channel                   `cbor:"1,keyasint" json:"channel"`
	Application   lockport.ApplicationID    `cbor:"2,keyasint,omitempty" json:"application,omitempty"`
	Participant   lockport.ParticipantID    `cbor:"3,keyasint,omitempty" json:"participant,omitempty"`
	Clinician     lockport.NPI              `cbor:"4,keyasint,omitempty" json:"clinician,omitempty"`
	Operator      string                    `cbor:"5,keyasint,omitempty" json:"operator,omitempty"`
	Asked         []lockport.Identifier     `cbor:"6,keyasint,omitempty" json:"-"` // the identifiers in the question
	Person        lockport.PersonID         `cbor:"7,keyasint,omitempty" json:"person,omitempty"`
	Registrations []lockport.RegistrationID `cbor:"8,keyasint,omitempty" json:"-"`
	Purpose       lockport.Purpose          `cbor:"9,keyasint,omitempty" json:"purpose,omitempty"`
	Outcome       Outcome                   `cbor:"10,keyasint" json:"outcome"`
	Reason        string                    `cbor:"11,keyasint,omitempty" json:"reason,omitempty"` // consent.Reason
	Basis         lockport.Seq              `cbor:"12,keyasint,omitempty" json:"basis,omitempty"`  // the directive or grant that decided
	Released      []RecordRef               `cbor:"13,keyasint,omitempty" json:"released,omitempty"`
	Query         string                    `cbor:"14,keyasint,omitempty" json:"query,omitempty"`      // MSH-9 of the question
	ControlID     string                    `cbor:"15,keyasint,omitempty" json:"control_id,omitempty"` // MSH-10 of the question, or of the delivery
	Feed          lockport.FeedID           `cbor:"16,keyasint,omitempty" json:"feed,omitempty"`
	Peer          string                    `cbor:"17,keyasint,omitempty" json:"peer,omitempty"` // address asked from or delivered to
	Attestation   string                    `cbor:"18,keyasint,omitempty" json:"attestation,omitempty"`
}

// RecordRef names one released record and its version.
type RecordRef struct {
	Kind string         `cbor:"1,keyasint" json:"kind"`               // result, document, visit, demographics, message
	Key  lockport.Token `cbor:"2,keyasint,omitempty" json:"-"`        // the row
	Seq  lockport.Seq   `cbor:"3,keyasint,omitempty" json:"sequence"` // the message of the version
	Part int            `cbor:"4,keyasint,omitempty" json:"part,omitempty"`
}

// Format keeps the patient out of everything that prints.
func (d Disclosure) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "disclosure by %s: %s", d.Channel, d.Outcome)
}

// Action is the body of lockport.EntryAction: an operator did something.
type Action struct {
	Operator string       `cbor:"1,keyasint" json:"operator"`                   // operating-system user
	Verb     string       `cbor:"2,keyasint" json:"verb"`                       // for example "quarantine release", "message show"
	Object   string       `cbor:"3,keyasint,omitempty" json:"object,omitempty"` // an id, never content
	Target   lockport.Seq `cbor:"4,keyasint,omitempty" json:"target,omitempty"`
	Reason   string       `cbor:"5,keyasint,omitempty" json:"reason,omitempty"`
}
