package consent

import (
	"fmt"
	"time"

	"github.com/lockport-hie/lockport"
)

// Value is what a directive says.
type Value string

// The values a directive can have. "Nothing on file" is the absence of one.
const (
	Give          Value = "give"
	EmergencyOnly Value = "emergency-only" // deny except in a medical emergency
	DenyAll       Value = "deny"           // deny even in a medical emergency
	Withdraw      Value = "withdraw"       // takes its scope's value away
)

// Category is a kind of specially protected information that a form covers.
type Category string

// The categories (42 CFR Part 2, NY PHL 27-F, NY MHL 33.13, minor-consented services).
const (
	General        Category = "general"
	Part2          Category = "part2"
	HIV            Category = "hiv"
	MentalHealth   Category = "mental-health"
	MinorConsented Category = "minor-consented"
)

// categories lists every category, General first.
var categories = []Category{General, Part2, HIV, MentalHealth, MinorConsented}

// Who can sign a form (HL7 table 0548, as words).
const (
	SignerSelf            = "self"
	SignerParent          = "parent"
	SignerGuardian        = "guardian"
	SignerHealthCareAgent = "health-care-agent"
	SignerNextOfKin       = "next-of-kin"
	SignerConservator     = "conservator"
)

// others are the signers who are known not to be the patient.
var others = []string{SignerParent, SignerGuardian, SignerHealthCareAgent, SignerNextOfKin, SignerConservator}

// Directive is one recorded consent decision: the body of
// lockport.EntryDirective. It is keyed by the identifier on its form, not by a
// person: it counts for whatever person that identifier resolves to, now or later.
type Directive struct {
	Seq         lockport.Seq           `cbor:"1,keyasint,omitempty" json:"sequence"` // set by the projector, 0 in the journal
	Patient     lockport.Identifier    `cbor:"2,keyasint" json:"patient"`
	Community   bool                   `cbor:"3,keyasint,omitempty" json:"community,omitempty"`
	Participant lockport.ParticipantID `cbor:"4,keyasint,omitempty" json:"participant,omitempty"` // the grantee; empty with Community
	Value       Value                  `cbor:"5,keyasint" json:"decision"`
	Signed      string                 `cbor:"6,keyasint" json:"signed"`                        // YYYY-MM-DD or RFC 3339; the coarser precision of two counts when they are compared
	Effective   lockport.Date          `cbor:"7,keyasint,omitempty" json:"effective,omitempty"` // first day; empty: from the signature
	Until       lockport.Date          `cbor:"8,keyasint,omitempty" json:"until,omitempty"`     // last day; empty: no end
	Form        string                 `cbor:"9,keyasint,omitempty" json:"form,omitempty"`      // form id and version (CON-3)
	Covers      []Category             `cbor:"10,keyasint,omitempty" json:"covers,omitempty"`   // empty: general only
	Signer      string                 `cbor:"11,keyasint,omitempty" json:"signer,omitempty"`   // table 0548: self, parent, guardian, health-care-agent
	Evidence    []byte                 `cbor:"12,keyasint,omitempty" json:"-"`                  // the form itself
	EvidenceSum string                 `cbor:"13,keyasint,omitempty" json:"evidence_sha256,omitempty"`
	Visit       string                 `cbor:"14,keyasint,omitempty" json:"visit,omitempty"` // one-visit override of a minor
	Recorded    time.Time              `cbor:"15,keyasint" json:"recorded"`
	Operator    string                 `cbor:"16,keyasint,omitempty" json:"operator,omitempty"`    // who recorded it at this machine
	Application lockport.ApplicationID `cbor:"17,keyasint,omitempty" json:"application,omitempty"` // or which application sent it
	Voids       lockport.Seq           `cbor:"18,keyasint,omitempty" json:"voids,omitempty"`       // set on the directive that marks another one as entered in error
	Voided      bool                   `cbor:"19,keyasint,omitempty" json:"voided,omitempty"`      // set by the projector
	NamesLater  bool                   `cbor:"20,keyasint,omitempty" json:"names_later,omitempty"` // the form names participants who join after the signature
	Ended       time.Time              `cbor:"21,keyasint,omitempty" json:"-"`                     // set by the projector: when the visit of a one-visit override was discharged
}

// Format keeps the patient out of everything that prints.
func (d Directive) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "directive %d", d.Seq) }

// Grant is one open emergency access (break the glass).
type Grant struct {
	Seq          lockport.Seq            `cbor:"1,keyasint"`
	Registration lockport.RegistrationID `cbor:"2,keyasint"`
	Participant  lockport.ParticipantID  `cbor:"3,keyasint"`
	Clinician    lockport.NPI            `cbor:"4,keyasint"`
	Reason       string                  `cbor:"5,keyasint"` // code
	Text         string                  `cbor:"6,keyasint"` // attestation
	From         time.Time               `cbor:"7,keyasint"`
	Until        time.Time               `cbor:"8,keyasint"` // 24 h at most
}

// Format keeps the attestation out of everything that prints.
func (g Grant) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "emergency access %d", g.Seq) }
