package patient

import (
	"time"

	"github.com/lockport-hie/lockport"
)

// Reader is what the index needs to know of the record. The bool reports
// whether there is such a row. Values may be changed by the caller.
type Reader interface {
	Registration(lockport.RegistrationID) (Registration, bool, error)
	Person(lockport.PersonID) (Person, bool, error)
	Holders(lockport.Identifier) (Holders, bool, error)
}

// Changes is what is to be written, each list in ascending order and without
// rows that stay as they are.
type Changes struct {
	Registrations  []Registration
	Persons        []Person
	RemovedPersons []lockport.PersonID
	Holders        []IdentifierHolders // by authority, then value
}

// IdentifierHolders is one row of the identifier table with what it is keyed by.
type IdentifierHolders struct {
	Identifier lockport.Identifier
	Holders    Holders
}

// Claimed is one repetition of PID-3 (or MRG-1) with what the sender may do with its authority.
type Claimed struct {
	Identifier lockport.Identifier
	Owned      bool // directory.MayChange: the sender speaks for this authority
	Shared     bool // the authority links persons and never merges
}

// Claim is what a message says about whom it is about.
type Claim struct {
	Seq         lockport.Seq
	Time        time.Time // EVN-2 or MSH-7; zero is older than any
	Identifiers []Claimed // PID-3 in the order sent
	Details     *Update   // nil: only attribute, change no demographics
	MayCreate   bool      // an unknown patient may be made
	New         func() lockport.RegistrationID
}

// MergeClaim is one pair of a merge (A40, A34).
type MergeClaim struct {
	Seq     lockport.Seq
	Time    time.Time
	Old     Claimed // MRG-1: never valid again, resolves to Into
	Into    Claimed // PID-3: the survivor
	Details *Update // what PID says of the survivor; nil: nothing
	New     func() lockport.RegistrationID
}

// Attribute finds or makes the registration that a message is about.
func Attribute(r Reader, c Claim) (Registration, Changes, error) {
	return Registration{}, Changes{}, nil
}

// Merge subsumes the registration of the old identifier in that of the survivor.
func Merge(r Reader, m MergeClaim) (Changes, error) { return Changes{}, nil }

// Survivor follows merges to their end.
func Survivor(r Reader, id lockport.RegistrationID) (Registration, error) {
	return Registration{}, nil
}
