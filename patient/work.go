package patient

import (
	"cmp"
	"maps"
	"reflect"
	"slices"

	"github.com/lockport-hie/lockport"
)

// identity is what makes two identifiers the same: the type of a number (table
// 0203) is a remark and often differs between messages.
type identity struct {
	authority lockport.AuthorityID
	value     string
}

func identityOf(id lockport.Identifier) identity { return identity{id.Authority, id.Value} }

// work collects the changes of one operation over a Reader. Rows are read once,
// copied before they are changed, and compared with what they were at the end.
type work struct {
	r             Reader
	registrations map[lockport.RegistrationID]*row[Registration]
	persons       map[lockport.PersonID]*row[Person]
	identifiers   map[identity]*row[IdentifierHolders]
}

// row is one row before and after. A row that was not there has the zero before;
// one that is to go is removed.
type row[T any] struct {
	before, after T
	removed       bool
}

func newWork(r Reader) *work {
	return &work{
		r:             r,
		registrations: map[lockport.RegistrationID]*row[Registration]{},
		persons:       map[lockport.PersonID]*row[Person]{},
		identifiers:   map[identity]*row[IdentifierHolders]{},
	}
}

// registration returns a registration that may be written to.
func (w *work) registration(id lockport.RegistrationID) (*Registration, error) {
	if known, ok := w.registrations[id]; ok {
		return &known.after, nil
	}
	reg, ok, err := w.r.Registration(id)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, lockport.Errorf(lockport.Corrupt, "patient index", "registration %d is referred to and missing", id)
	}
	known := &row[Registration]{before: reg, after: reg}
	known.after.Identifiers = slices.Clone(reg.Identifiers)
	known.after.Links = slices.Clone(reg.Links)
	w.registrations[id] = known
	return &known.after, nil
}

// survivor follows merges to their end.
func (w *work) survivor(id lockport.RegistrationID) (*Registration, error) {
	seen := map[lockport.RegistrationID]bool{}
	for {
		reg, err := w.registration(id)
		if err != nil || reg.Into == 0 {
			return reg, err
		}
		if seen[id] {
			return nil, lockport.Errorf(lockport.Corrupt, "patient index", "the merges of registration %d run in a circle", id)
		}
		seen[id] = true
		id = reg.Into
	}
}

func (w *work) person(id lockport.PersonID) (*Person, error) {
	if known, ok := w.persons[id]; ok && !known.removed {
		return &known.after, nil
	}
	p, ok, err := w.r.Person(id)
	if err != nil {
		return nil, err
	}
	if _, removed := w.persons[id]; !ok || removed {
		return nil, lockport.Errorf(lockport.Corrupt, "patient index", "person %d is referred to and missing", id)
	}
	known := &row[Person]{before: p, after: p}
	known.after.Registrations = slices.Clone(p.Registrations)
	w.persons[id] = known
	return &known.after, nil
}

// identifier returns the row of an identifier, made when it is not there.
func (w *work) identifier(id lockport.Identifier) (*row[IdentifierHolders], error) {
	key := identityOf(id)
	if known, ok := w.identifiers[key]; ok {
		return known, nil
	}
	h, _, err := w.r.Holders(id)
	if err != nil {
		return nil, err
	}
	known := &row[IdentifierHolders]{before: IdentifierHolders{id, h}, after: IdentifierHolders{id, h}}
	known.after.Holders.Registrations = slices.Clone(h.Registrations)
	w.identifiers[key] = known
	return known, nil
}

// holders returns every registration that bears the identifier.
func (w *work) holders(id lockport.Identifier) ([]lockport.RegistrationID, error) {
	known, err := w.identifier(id)
	if err != nil {
		return nil, err
	}
	return known.after.Holders.Registrations, nil
}

// holder returns the registration that an owned identifier leads to, at the end
// of its chain; nil when the identifier is unknown.
func (w *work) holder(id lockport.Identifier) (*Registration, error) {
	holders, err := w.holders(id)
	if err != nil || len(holders) == 0 {
		return nil, err
	}
	return w.survivor(holders[0])
}

// create makes a registration and its person for one identifier. The caller has
// looked the identifier up and found it free.
func (w *work) create(id lockport.Identifier, reg lockport.RegistrationID, provisional bool) *Registration {
	person := lockport.PersonID(reg)
	made := &row[Registration]{after: Registration{ID: reg, Person: person, Provisional: provisional}}
	w.registrations[reg] = made
	w.persons[person] = &row[Person]{after: Person{ID: person, Registrations: []lockport.RegistrationID{reg}}}
	w.own(&made.after, id)
	return &made.after
}

// own gives a free identifier to a registration.
func (w *work) own(reg *Registration, id lockport.Identifier) {
	known := w.identifiers[identityOf(id)]
	known.after.Holders.Registrations = []lockport.RegistrationID{reg.ID}
	reg.Identifiers = append(reg.Identifiers, id)
}

// share notes that a registration bears a shared identifier and links it with
// all the others that do.
func (w *work) share(reg *Registration, id lockport.Identifier) error {
	known, err := w.identifier(id)
	if err != nil {
		return err
	}
	holders := &known.after.Holders.Registrations
	if at, found := slices.BinarySearch(*holders, reg.ID); !found {
		*holders = slices.Insert(*holders, at, reg.ID)
		reg.Identifiers = append(reg.Identifiers, id)
	}
	for _, h := range *holders {
		other, err := w.registration(h)
		if err != nil {
			return err
		}
		if w.apart(reg, other) {
			continue
		}
		if err := w.link(reg, other); err != nil {
			return err
		}
	}
	return nil
}

// state notes a link once; what was stated first stays.
func (r *Registration) state(l Link) {
	same := func(o Link) bool { return o.To == l.To && o.Basis == l.Basis }
	if !slices.ContainsFunc(r.Links, same) {
		r.Links = append(r.Links, l)
	}
}

// link makes two registrations one person: the union of both sets under the
// lowest registration. A person that is closed stays closed.
func (w *work) link(a, b *Registration) error {
	if a.Person == b.Person {
		return nil
	}
	keep, err := w.person(min(a.Person, b.Person))
	if err != nil {
		return err
	}
	gone, err := w.person(max(a.Person, b.Person))
	if err != nil {
		return err
	}
	for _, id := range gone.Registrations {
		reg, err := w.registration(id)
		if err != nil {
			return err
		}
		reg.Person = keep.ID
	}
	keep.Registrations = slices.Concat(keep.Registrations, gone.Registrations)
	slices.Sort(keep.Registrations)
	if keep.Closed == 0 {
		keep.Closed = gone.Closed
	}
	w.persons[gone.ID].removed = true
	return nil
}

// changes lists what differs from what was read, in ascending order.
func (w *work) changes() Changes {
	var c Changes
	for _, id := range slices.Sorted(maps.Keys(w.registrations)) {
		if r := w.registrations[id]; !reflect.DeepEqual(r.before, r.after) {
			c.Registrations = append(c.Registrations, r.after)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(w.persons)) {
		p := w.persons[id]
		switch {
		case p.removed && p.before.ID != 0:
			c.RemovedPersons = append(c.RemovedPersons, id)
		case !p.removed && !reflect.DeepEqual(p.before, p.after):
			c.Persons = append(c.Persons, p.after)
		}
	}
	for _, h := range w.identifiers {
		if !slices.Equal(h.before.Holders.Registrations, h.after.Holders.Registrations) {
			c.Holders = append(c.Holders, h.after)
		}
	}
	slices.SortFunc(c.Holders, func(a, b IdentifierHolders) int {
		return cmp.Or(cmp.Compare(a.Identifier.Authority, b.Identifier.Authority), cmp.Compare(a.Identifier.Value, b.Identifier.Value))
	})
	return c
}
