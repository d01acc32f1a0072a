package clinical

import (
	"fmt"
	"time"

	"github.com/lockport-hie/lockport"
)

// Coded is a coded element as sent (CWE/CE).
type Coded struct {
	Code   string `cbor:"1,keyasint,omitempty" json:"code,omitempty"`
	Text   string `cbor:"2,keyasint,omitempty" json:"text,omitempty"`
	System string `cbor:"3,keyasint,omitempty" json:"system,omitempty"` // table 0396, LN for LOINC
}

// Source says where a fact came from.
type Source struct {
	Participant lockport.ParticipantID `cbor:"1,keyasint,omitempty" json:"participant,omitempty"`
	Location    lockport.LocationID    `cbor:"2,keyasint,omitempty" json:"location,omitempty"`
	Application lockport.ApplicationID `cbor:"3,keyasint,omitempty" json:"application,omitempty"`
}

// Encoding says how the segments of a version are written, so that they can be
// handed on as received.
type Encoding struct {
	Delimiters string `cbor:"1,keyasint"` // the field separator and MSH-2 as received
	Charset    string `cbor:"2,keyasint"` // table 0211, the effective one
}

// Version is one report of one order: one ORC/OBR group of one message.
type Version struct {
	Seq      lockport.Seq `cbor:"1,keyasint,omitempty"` // the journal entry of the message
	Order    int          `cbor:"2,keyasint,omitempty"` // number of the group in the message, from 1
	Status   string       `cbor:"3,keyasint,omitempty"` // OBR-25 (table 0123)
	Reported time.Time    `cbor:"4,keyasint,omitzero"`  // OBR-22; zero when not sent
	Sent     time.Time    `cbor:"5,keyasint,omitzero"`  // MSH-7; zero when not sent
	Source   Source       `cbor:"6,keyasint"`
	Encoding Encoding     `cbor:"7,keyasint"`
	Head     []byte       `cbor:"8,keyasint"`            // ORC, OBR and what stands before the first OBX, each ended by CR, as received
	Units    Units        `cbor:"9,keyasint"`            // the observations
	Tail     []byte       `cbor:"10,keyasint,omitempty"` // segments after the last OBX of the group (SPM, CTI), as received
}

// Unit is all OBX of one group with the same OBX-3 and OBX-4; they are replaced
// together (HL7 v2.5.1 ch. 7.4.2.4).
type Unit struct {
	Code     Coded  // OBX-3
	SubID    string // OBX-4
	Status   string // OBX-11 (table 0085)
	Segments []byte // the OBX and their NTE, each ended by CR, as received

	// NoValue is set by whoever reads the message when OBX-5 is empty in all
	// segments. It matters for U, which makes final what was sent before.
	NoValue bool

	// From says which version an observation of the current view was taken from,
	// and Encoding how its segments are written where that differs from the
	// view's own. Both are zero in a stored version.
	From     VersionRef
	Encoding Encoding
}

// Result is one order with its observations over all its versions, found by its
// filler order number (HL7 v2.5.1 ch. 7.4.1.3).
type Result struct {
	Token        lockport.Token          `cbor:"-"` // stands in the key of the row that lists it
	Registration lockport.RegistrationID `cbor:"2,keyasint"`
	Service      Coded                   `cbor:"3,keyasint"`           // OBR-4 of the current version
	Status       string                  `cbor:"4,keyasint,omitempty"` // OBR-25 of the current version
	Collected    time.Time               `cbor:"5,keyasint,omitempty"` // OBR-7 of the current version, or of the next below it that has one; the time under which the result is listed
	Source       Source                  `cbor:"6,keyasint"`
	Versions     []VersionRef            `cbor:"7,keyasint"` // ascending in journal order
	Current      int                     `cbor:"8,keyasint"` // index into Versions

	// First is what Versions does not say of its first: most results have no
	// other, and are one row. Later versions have rows of their own.
	First Version `cbor:"9,keyasint"`
}

// VersionRef names a version and holds what decides which one is current.
type VersionRef struct {
	Seq       lockport.Seq `cbor:"1,keyasint"`
	Order     int          `cbor:"2,keyasint"`
	Status    string       `cbor:"3,keyasint,omitempty"`
	Reported  time.Time    `cbor:"4,keyasint,omitempty"`
	Sent      time.Time    `cbor:"5,keyasint,omitempty"`
	Collected time.Time    `cbor:"6,keyasint,omitempty"` // OBR-7 as this version has it; set in a Result only
}

// ResultSummary is what results are filtered by.
type ResultSummary struct {
	Service   Coded
	Status    string
	Collected time.Time
	Codes     []string // OBX-3.1 of every unit
}

// VisitStatus says where a visit stands.
type VisitStatus string

// The states of a visit.
const (
	Planned    VisitStatus = "planned"
	Open       VisitStatus = "open"
	Discharged VisitStatus = "discharged"
	Cancelled  VisitStatus = "cancelled"
	Removed    VisitStatus = "deleted" // A23: hidden and kept
)

// Visit is one episode of care (PV1-19).
type Visit struct {
	Token        lockport.Token          `cbor:"1,keyasint"`
	Registration lockport.RegistrationID `cbor:"2,keyasint"`
	Number       lockport.Identifier     `cbor:"3,keyasint"`           // PV1-19 with its authority
	Class        string                  `cbor:"4,keyasint,omitempty"` // PV1-2, table 0004
	Status       VisitStatus             `cbor:"5,keyasint"`
	Place        string                  `cbor:"6,keyasint,omitempty"` // PV1-3 as sent, plain
	Admitted     time.Time               `cbor:"7,keyasint,omitempty"` // PV1-44
	Ended        time.Time               `cbor:"8,keyasint,omitempty"` // PV1-45
	Attending    lockport.NPI            `cbor:"9,keyasint,omitempty"`
	Source       Source                  `cbor:"10,keyasint"`
	Updated      lockport.Seq            `cbor:"11,keyasint"`
	EventTime    time.Time               `cbor:"12,keyasint,omitempty"` // EVN-2 or MSH-7 of the latest event

	// What decided each part, so that events count by their own time, in
	// whatever order they come in.
	ClassAt      Stamp `cbor:"13,keyasint,omitempty"`
	PlaceAt      Stamp `cbor:"14,keyasint,omitempty"`
	AdmittedAt   Stamp `cbor:"15,keyasint,omitempty"`
	EndedAt      Stamp `cbor:"16,keyasint,omitempty"`
	AttendingAt  Stamp `cbor:"17,keyasint,omitempty"`
	SourceAt     Stamp `cbor:"18,keyasint,omitempty"`
	PlannedAt    Mark  `cbor:"19,keyasint,omitempty"` // A05, A38
	OpenedAt     Mark  `cbor:"20,keyasint,omitempty"` // A01, A04 and what implies them; A11
	DischargedAt Mark  `cbor:"21,keyasint,omitempty"` // A03; A13
	Entered      bool  `cbor:"22,keyasint,omitempty"` // some event opened it, cancelled or not

	Prior       string              `cbor:"23,keyasint,omitempty"` // PV1-6 as sent, plain
	Referring   lockport.NPI        `cbor:"24,keyasint,omitempty"` // PV1-8
	Consulting  []lockport.NPI      `cbor:"25,keyasint,omitempty"` // PV1-9
	Admitting   lockport.NPI        `cbor:"26,keyasint,omitempty"` // PV1-17
	Service     string              `cbor:"27,keyasint,omitempty"` // PV1-10, table 0069
	Disposition string              `cbor:"28,keyasint,omitempty"` // PV1-36, table 0112
	Account     lockport.Identifier `cbor:"29,keyasint,omitzero"`  // PID-18 with its authority

	PriorAt       Stamp `cbor:"30,keyasint,omitempty"`
	ReferringAt   Stamp `cbor:"31,keyasint,omitempty"`
	ConsultingAt  Stamp `cbor:"32,keyasint,omitempty"`
	AdmittingAt   Stamp `cbor:"33,keyasint,omitempty"`
	ServiceAt     Stamp `cbor:"34,keyasint,omitempty"`
	DispositionAt Stamp `cbor:"35,keyasint,omitempty"`
	AccountAt     Stamp `cbor:"36,keyasint,omitempty"`
	DeletedAt     Mark  `cbor:"37,keyasint,omitempty"` // A23; A01, A04, A05
}

// Stamp is the moment at which something was said: the event's own time, then
// journal order. The zero Stamp is before every event.
type Stamp struct {
	Micro int64        `cbor:"1,keyasint,omitempty"` // event time in microseconds since 1970
	Seq   lockport.Seq `cbor:"2,keyasint,omitempty"`
}

// Mark is a state that events switch on and off.
type Mark struct {
	At Stamp `cbor:"1,keyasint,omitempty"`
	On bool  `cbor:"2,keyasint,omitempty"`
}

// VisitSummary is the index row by which a patient's visits are listed.
type VisitSummary struct {
	Class    string      `cbor:"1,keyasint,omitempty"`
	Status   VisitStatus `cbor:"2,keyasint"`
	Admitted time.Time   `cbor:"3,keyasint,omitempty"`
}

// Format keeps the content out of everything that prints.
func (Version) Format(f fmt.State, _ rune) { fmt.Fprint(f, "result version") }

// Format keeps the content out of everything that prints.
func (Unit) Format(f fmt.State, _ rune) { fmt.Fprint(f, "observation") }

// Format keeps the visit number out of everything that prints.
func (Visit) Format(f fmt.State, _ rune) { fmt.Fprint(f, "visit") }
