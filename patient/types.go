package patient

import (
	"fmt"
	"time"

	"github.com/lockport-hie/lockport"
)

// Registration is what one assigning authority knows about one patient.
type Registration struct {
	ID          lockport.RegistrationID `cbor:"1,keyasint"`
	Person      lockport.PersonID       `cbor:"2,keyasint"`
	Identifiers []lockport.Identifier   `cbor:"3,keyasint"`           // the first is the one the registration was made for
	Into        lockport.RegistrationID `cbor:"4,keyasint,omitempty"` // set when subsumed by a merge
	Merged      lockport.Seq            `cbor:"5,keyasint,omitempty"` // the entry that merged it
	Provisional bool                    `cbor:"6,keyasint,omitempty"` // made by a message of another participant; the owner's first message fills it
	Details     Demographics            `cbor:"7,keyasint"`
	Updated     lockport.Seq            `cbor:"8,keyasint"`            // the entry that changed Details last
	UpdatedTime time.Time               `cbor:"9,keyasint,omitempty"`  // EVN-2 or MSH-7 of that entry as UTC RFC 3339; an older message does not change Details
	Deleted     bool                    `cbor:"10,keyasint,omitempty"` // A29: hidden, kept, undoable
	Links       []Link                  `cbor:"11,keyasint,omitempty"` // links that a message or an operator stated
	Stated      []Stamp                 `cbor:"12,keyasint,omitempty"` // what decided each field of Details, in the order of its cbor numbers
	DeletedAt   Stamp                   `cbor:"13,keyasint,omitempty"` // what decided Deleted: A29, or what adds or admits the patient
}

// Link is a stated link to another registration, or the statement that the two are
// not one person. Together with Into and the
// identifiers of shared authorities, links are all the reasons why registrations
// are one person; without one of them the rest tell what remains linked.
type Link struct {
	To    lockport.RegistrationID `cbor:"1,keyasint"`
	Seq   lockport.Seq            `cbor:"2,keyasint"` // the entry that stated it first
	Basis LinkBasis               `cbor:"3,keyasint"`
	At    Stamp                   `cbor:"4,keyasint,omitempty"` // of a link that can be taken back: what decided it last
	Off   bool                    `cbor:"5,keyasint,omitempty"` // taken back: no list and no shared number links the two any more
}

// LinkBasis is why a link was stated.
type LinkBasis string

// The bases of links.
const (
	SameList LinkBasis = "same-list" // both identifiers in one PID-3 of their owner (HL7 v2.5.1 ch. 3: an implicit link)
	Explicit LinkBasis = "explicit"  // A24 or an operator said so (HL7 v2.5.1 ch. 3.3.24)
)

// Stamp is the moment at which something was said: the message's own time, then
// journal order. The zero Stamp is before every message.
type Stamp struct {
	Micro int64        `cbor:"1,keyasint,omitempty"` // EVN-2 or MSH-7 in microseconds since 1970
	Seq   lockport.Seq `cbor:"2,keyasint,omitempty"`
}

// Demographics is what PID says (HL7 v2.5.1 ch. 3.4.2). Codes are kept as sent.
// It is protected health information.
type Demographics struct {
	Names     []Name    `cbor:"1,keyasint,omitempty" json:"names,omitempty"`
	BirthDate string    `cbor:"2,keyasint,omitempty" json:"birth_date,omitempty"` // PID-7 as sent, its precision kept: YYYY[MM[DD...]]
	Sex       string    `cbor:"3,keyasint,omitempty" json:"sex,omitempty"`        // table 0001
	Races     []string  `cbor:"4,keyasint,omitempty" json:"races,omitempty"`      // PID-10.1
	Ethnicity []string  `cbor:"5,keyasint,omitempty" json:"ethnicity,omitempty"`  // PID-22.1
	Addresses []Address `cbor:"6,keyasint,omitempty" json:"addresses,omitempty"`
	Phones    []string  `cbor:"7,keyasint,omitempty" json:"phones,omitempty"`
	Language  string    `cbor:"8,keyasint,omitempty" json:"language,omitempty"`
	Death     string    `cbor:"9,keyasint,omitempty" json:"death,omitempty"` // PID-29 as sent
	Dead      string    `cbor:"10,keyasint,omitempty" json:"dead,omitempty"` // PID-30: Y, N or empty
}

// Name is one repetition of PID-5.
type Name struct {
	Family string `cbor:"1,keyasint,omitempty" json:"family,omitempty"`
	Given  string `cbor:"2,keyasint,omitempty" json:"given,omitempty"`
	Middle string `cbor:"3,keyasint,omitempty" json:"middle,omitempty"`
	Suffix string `cbor:"4,keyasint,omitempty" json:"suffix,omitempty"`
	Prefix string `cbor:"5,keyasint,omitempty" json:"prefix,omitempty"`
	Type   string `cbor:"6,keyasint,omitempty" json:"type,omitempty"` // table 0200
}

// Address is one repetition of PID-11.
type Address struct {
	Street  string `cbor:"1,keyasint,omitempty" json:"street,omitempty"`
	Other   string `cbor:"2,keyasint,omitempty" json:"other,omitempty"`
	City    string `cbor:"3,keyasint,omitempty" json:"city,omitempty"`
	State   string `cbor:"4,keyasint,omitempty" json:"state,omitempty"`
	Zip     string `cbor:"5,keyasint,omitempty" json:"zip,omitempty"`
	Country string `cbor:"6,keyasint,omitempty" json:"country,omitempty"`
	County  string `cbor:"7,keyasint,omitempty" json:"county,omitempty"`
	Type    string `cbor:"8,keyasint,omitempty" json:"type,omitempty"` // table 0190
}

// Format keeps the details out of everything that prints.
func (Name) Format(f fmt.State, _ rune) { fmt.Fprint(f, "name") }

// Format keeps the details out of everything that prints.
func (Address) Format(f fmt.State, _ rune) { fmt.Fprint(f, "address") }

// Format keeps the details out of everything that prints.
func (Registration) Format(f fmt.State, _ rune) { fmt.Fprint(f, "registration") }

// Format keeps the details out of everything that prints.
func (Demographics) Format(f fmt.State, _ rune) { fmt.Fprint(f, "demographics") }

// Person is a set of linked registrations. Its ID is the lowest of them.
type Person struct {
	ID            lockport.PersonID         `cbor:"1,keyasint"`
	Registrations []lockport.RegistrationID `cbor:"2,keyasint"`           // ascending, subsumed ones included
	Closed        lockport.Seq              `cbor:"3,keyasint,omitempty"` // set while a failed merge denies the patient until an operator released it
}

// Holders is the row behind an identifier: one registration for an owned
// authority, every registration that bears it for a shared one.
type Holders struct {
	Registrations []lockport.RegistrationID `cbor:"1,keyasint"`
}
