package patient

import (
	"slices"

	"github.com/lockport-hie/lockport"
)

// LinkClaim says that two registrations are one person, or are not.
type LinkClaim struct {
	At   Stamp // when it was said; the latest word about the two counts
	A, B lockport.RegistrationID
}

// Join makes two registrations one person (HL7 v2.5.1 ch. 3.3.24, A24). Both keep
// their records and can be parted again. It fails with kind Conflict when both
// are the same registration.
func Join(r Reader, c LinkClaim) (Changes, error) {
	w := newWork(r)
	a, b, err := w.pair(c)
	if err != nil || !w.say(a, b, c.At, false) {
		return Changes{}, err
	}
	if err := w.link(a, b); err != nil {
		return Changes{}, err
	}
	return w.changes(), nil
}

// Part takes back that two registrations are one person (HL7 v2.5.1 ch. 3.3.37,
// A37): what was stated about the two no longer links them, neither does a list
// that names both nor a shared number that both bear, until they are joined
// again. Each directive stays with the identifier it was recorded on.
//
// It fails with kind Conflict, and changes nothing, when both are the same
// registration or would stay one person through a merge or through others.
func Part(r Reader, c LinkClaim) (Changes, error) {
	w := newWork(r)
	a, b, err := w.pair(c)
	if err != nil || !w.say(a, b, c.At, true) {
		return Changes{}, err
	}
	if a.Person != b.Person {
		return w.changes(), nil
	}
	if err := w.split(a.Person); err != nil {
		return Changes{}, err
	}
	if a.Person == b.Person {
		return Changes{}, lockport.Errorf(lockport.Conflict, "unlink", "PID-3: the two patients stay linked by a merge or through other registrations")
	}
	return w.changes(), nil
}

// Unmerge takes back the merge of registration A, which an operator found wrong.
// What stood on it before stands there still; what was reported under its
// identifier while it was merged stays with the survivor. The two are parted as
// well. It fails with kind Conflict when A was not merged.
func Unmerge(r Reader, c LinkClaim) (Changes, error) {
	w := newWork(r)
	old, err := w.registration(c.A)
	if err != nil {
		return Changes{}, err
	}
	if old.Into == 0 {
		return Changes{}, lockport.Errorf(lockport.Conflict, "unmerge", "the registration was not merged")
	}
	into, err := w.registration(old.Into)
	if err != nil {
		return Changes{}, err
	}
	old.Into, old.Merged = 0, 0
	if old.ID > into.ID {
		w.say(into, old, c.At, true)
	} else {
		w.say(old, into, c.At, true)
	}
	if err := w.split(old.Person); err != nil {
		return Changes{}, err
	}
	return w.changes(), nil
}

// pair returns the two registrations at the end of their chains.
func (w *work) pair(c LinkClaim) (a, b *Registration, err error) {
	if a, err = w.survivor(c.A); err != nil {
		return nil, nil, err
	}
	if b, err = w.survivor(c.B); err != nil {
		return nil, nil, err
	}
	if a.ID == b.ID {
		return nil, nil, lockport.Errorf(lockport.Conflict, "link", "PID-3: both name the same registration")
	}
	if a.ID > b.ID {
		a, b = b, a
	}
	return a, b, nil
}

// say notes the word about two registrations, on the lower, and reports whether
// it is the latest.
func (w *work) say(a, b *Registration, at Stamp, off bool) bool {
	i := slices.IndexFunc(a.Links, func(l Link) bool { return l.To == b.ID && l.Basis == Explicit })
	if i < 0 {
		a.Links = append(a.Links, Link{To: b.ID, Seq: at.Seq, Basis: Explicit, At: at, Off: off})
		return true
	}
	if !at.after(a.Links[i].At) {
		return false
	}
	a.Links[i].At, a.Links[i].Off = at, off
	return true
}

// apart reports whether the last word about two registrations is that they are
// not one person.
func (w *work) apart(a, b *Registration) bool {
	if a.ID > b.ID {
		a, b = b, a
	}
	return slices.ContainsFunc(a.Links, func(l Link) bool { return l.To == b.ID && l.Off })
}

// split makes of one person as many as the reasons that remain tell: merges,
// links that stand, and identifiers that several of them bear. Each is named
// after its lowest registration.
func (w *work) split(id lockport.PersonID) error {
	whole, err := w.person(id)
	if err != nil {
		return err
	}
	all, closed := slices.Clone(whole.Registrations), whole.Closed
	leader := map[lockport.RegistrationID]lockport.RegistrationID{}
	for _, reg := range all {
		leader[reg] = reg
	}
	join := func(a, b lockport.RegistrationID) {
		if _, member := leader[b]; !member {
			return
		}
		from, to := max(leader[a], leader[b]), min(leader[a], leader[b])
		for _, reg := range all {
			if leader[reg] == from {
				leader[reg] = to
			}
		}
	}
	for _, reg := range all {
		reasons, err := w.reasons(reg)
		if err != nil {
			return err
		}
		for _, other := range reasons {
			join(reg, other)
		}
	}
	whole.Registrations = nil
	for _, reg := range all {
		person := lockport.PersonID(leader[reg])
		if leader[reg] == reg && person != id {
			w.persons[person] = &row[Person]{after: Person{ID: person, Closed: closed}}
		}
		part := &w.persons[person].after
		part.Registrations = append(part.Registrations, reg)
		row, err := w.registration(reg)
		if err != nil {
			return err
		}
		row.Person = person
	}
	return nil
}

// reasons lists the registrations that one is linked with directly.
func (w *work) reasons(id lockport.RegistrationID) ([]lockport.RegistrationID, error) {
	reg, err := w.registration(id)
	if err != nil {
		return nil, err
	}
	var linked []lockport.RegistrationID
	if reg.Into != 0 {
		linked = append(linked, reg.Into)
	}
	add := func(to lockport.RegistrationID) error {
		other, err := w.registration(to)
		if err == nil && to != id && !w.apart(reg, other) {
			linked = append(linked, to)
		}
		return err
	}
	for _, l := range slices.Clone(reg.Links) {
		if err := add(l.To); err != nil {
			return nil, err
		}
	}
	for _, identifier := range reg.Identifiers {
		holders, err := w.holders(identifier)
		if err != nil {
			return nil, err
		}
		for _, h := range holders {
			if err := add(h); err != nil {
				return nil, err
			}
		}
	}
	return linked, nil
}
