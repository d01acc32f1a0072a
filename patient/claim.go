package patient

import (
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/lockport-hie/lockport"
)

// Reader is what the index needs to know of the record. The bool reports
// whether there is such a row. The index never writes to what it was given.
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

// Empty reports whether nothing is to be written.
func (c Changes) Empty() bool {
	return len(c.Registrations)+len(c.Persons)+len(c.RemovedPersons)+len(c.Holders) == 0
}

// IdentifierHolders is one row of the identifier table with what it is keyed by.
type IdentifierHolders struct {
	Identifier lockport.Identifier
	Holders    Holders
}

// Claimed is one repetition of PID-3 (or MRG-1) with what the sender may do with
// its authority.
type Claimed struct {
	Identifier lockport.Identifier
	Owned      bool // the sender speaks for this authority (directory.MayChange)
	Shared     bool // the authority links persons and never merges
}

// Claim is what a message says about whom it is about.
type Claim struct {
	Seq         lockport.Seq
	Time        time.Time // EVN-2 or MSH-7; zero is older than any
	Identifiers []Claimed // PID-3 in the order sent
	Details     *Update   // nil: only attribute, change no demographics
	MayCreate   bool      // an unknown patient may be made

	// New gives out the next registration. It is called at most once.
	New func() lockport.RegistrationID
}

// noIdentifier and the other reasons are what an operator reads in quarantine.
// They name the place and never the content.
const (
	noIdentifier   = "PID-3 has no identifier that can be attributed"
	unknownPatient = "PID-3 has no identifier of a known patient"
	severalPersons = "PID-3 has only shared identifiers, and they lead to several persons"
)

// Attribute finds or makes the registration that a message is about, and says
// what is to be written.
//
// The registration is that of the first identifier in PID-3 the sender owns, made
// where it is new and MayCreate; else of the first one of another owner that is
// known; else, with MayCreate, a provisional one made for the first one of
// another owner; else the one behind shared identifiers, if they lead to exactly
// one person. An identifier that was merged leads to the end of its chain. Blank
// values ("000-00-0000") are passed over.
//
// What an owner says counts: its other identifiers in the same PID-3 join that
// registration where they are new, and link the persons where they are known
// (never a merge, which nothing could undo: families share policy numbers);
// shared identifiers beside them link every registration that bears them;
// Details change the registration. What anybody else says changes nothing but a
// registration that is still provisional, and links nobody: a link opens
// records, so it needs the word of an owner.
//
// It fails with kind NotFound when no identifier leads to a patient, and
// Conflict when they lead to several: the message belongs in quarantine.
func Attribute(r Reader, c Claim) (Registration, Changes, error) {
	c.Identifiers = usable(c.Identifiers)
	w := newWork(r)
	reg, owned, err := w.find(c)
	if err != nil {
		return Registration{}, Changes{}, err
	}
	if owned {
		if err := w.claimAll(reg, c); err != nil {
			return Registration{}, Changes{}, err
		}
	}
	switch {
	case c.Details == nil:
	case owned:
		reg.ownerSays(*c.Details, c.Time, c.Seq)
	case reg.Provisional:
		reg.update(*c.Details, c.Time, c.Seq)
	}
	return *reg, w.changes(), nil
}

// ownerSays applies what the owner says about its patient. Its first word
// replaces whatever somebody else said while the registration was provisional.
func (r *Registration) ownerSays(u Update, at time.Time, seq lockport.Seq) {
	if r.Provisional {
		r.Details, r.Stated, r.UpdatedTime, r.Provisional = Demographics{}, nil, time.Time{}, false
	}
	r.update(u, at, seq)
}

// find returns the registration a claim is about and whether the sender owns the
// identifier that led to it.
func (w *work) find(c Claim) (reg *Registration, owned bool, err error) {
	var firstOwned, firstForeign *lockport.Identifier
	var held, foreign *Registration
	for _, id := range c.Identifiers {
		if id.Shared {
			continue
		}
		known, err := w.holder(id.Identifier)
		switch {
		case err != nil:
			return nil, false, err
		case id.Owned && firstOwned == nil && known != nil:
			return known, true, nil
		case id.Owned && firstOwned == nil:
			firstOwned = &id.Identifier
		case id.Owned && known != nil && held == nil:
			held = known
		case !id.Owned && known != nil && foreign == nil:
			foreign = known
		case !id.Owned && known == nil && firstForeign == nil:
			firstForeign = &id.Identifier
		}
	}
	switch {
	case firstOwned != nil && c.MayCreate:
		return w.create(*firstOwned, c.New(), false), true, nil
	case held != nil:
		return held, true, nil
	case foreign != nil:
		return foreign, false, nil
	case firstForeign != nil && c.MayCreate:
		return w.create(*firstForeign, c.New(), true), false, nil
	case len(c.Identifiers) == 0:
		return nil, false, lockport.Errorf(lockport.NotFound, "patient", noIdentifier)
	}
	reg, err = w.findShared(c.Identifiers)
	return reg, false, err
}

// findShared returns the registration behind shared identifiers when all of them
// lead to one person: the lowest that bears one, at the end of its chain.
func (w *work) findShared(ids []Claimed) (*Registration, error) {
	var found *Registration
	for _, id := range ids {
		if !id.Shared {
			continue
		}
		holders, err := w.holders(id.Identifier)
		if err != nil {
			return nil, err
		}
		for _, h := range holders {
			reg, err := w.survivor(h)
			switch {
			case err != nil:
				return nil, err
			case found == nil || reg.Person == found.Person && reg.ID < found.ID:
				found = reg
			case reg.Person != found.Person:
				return nil, lockport.Errorf(lockport.Conflict, "patient", severalPersons)
			}
		}
	}
	if found == nil {
		return nil, lockport.Errorf(lockport.NotFound, "patient", unknownPatient)
	}
	return found, nil
}

// claimAll gives the registration every identifier of the list that the sender
// may speak for, and links it with the other registrations they lead to.
func (w *work) claimAll(reg *Registration, c Claim) error {
	for _, id := range c.Identifiers {
		switch {
		case id.Shared:
			if err := w.share(reg, id.Identifier); err != nil {
				return err
			}
		case id.Owned:
			known, err := w.holder(id.Identifier)
			if err != nil {
				return err
			}
			if known == nil {
				w.own(reg, id.Identifier)
			} else if known.ID != reg.ID && !w.apart(reg, known) {
				reg.state(Link{To: known.ID, Seq: c.Seq, Basis: SameList})
				if err := w.link(reg, known); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// usable leaves out what would make strangers one patient: empty values, shared
// numbers that no one person has, and blanks beside a real identifier. A blank
// that is all there is stays, because a test system may number so.
func usable(ids []Claimed) []Claimed {
	real := func(id Claimed) bool { return !id.Shared && !blank(id.Identifier.Value) }
	anyReal := slices.ContainsFunc(ids, real)
	var kept []Claimed
	for _, id := range ids {
		v := id.Identifier.Value
		if id.Shared && linkable(v) || !id.Shared && v != "" && (real(id) || !anyReal) {
			kept = append(kept, id)
		}
	}
	return kept
}

// blank reports whether a value is what senders write when there is no number:
// nothing but zeros, five or more times the same character, no character at all.
func blank(value string) bool {
	said := letters(value)
	same := said == strings.Repeat(said[:min(1, len(said))], len(said))
	return same && (len(said) == 0 || len(said) >= 5 || said[0] == '0')
}

// linkable reports whether a shared number may link: one that is not blank, has
// a digit and a second character, and is not the 123456789 of so many forms.
func linkable(value string) bool {
	said := letters(value)
	return !blank(value) && len(said) > 1 && strings.ContainsAny(said, "0123456789") && said != "123456789" &&
		said != strings.Repeat(said[:1], len(said))
}

// letters leaves the letters and digits of a value, without what sets them apart.
func letters(value string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, value)
}
