package patient

import (
	"slices"
	"testing"
	"time"

	"github.com/lockport-hie/lockport"
)

// store is the record in memory. It writes what Changes say and nothing else.
type store struct {
	registrations map[lockport.RegistrationID]Registration
	persons       map[lockport.PersonID]Person
	holders       map[identity]Holders
	next          lockport.RegistrationID
	seq           lockport.Seq
}

func newStore() *store {
	return &store{map[lockport.RegistrationID]Registration{}, map[lockport.PersonID]Person{}, map[identity]Holders{}, 0, 0}
}

func (s *store) Registration(id lockport.RegistrationID) (Registration, bool, error) {
	r, ok := s.registrations[id]
	return r, ok, nil
}

func (s *store) Person(id lockport.PersonID) (Person, bool, error) {
	p, ok := s.persons[id]
	return p, ok, nil
}

func (s *store) Holders(id lockport.Identifier) (Holders, bool, error) {
	h, ok := s.holders[identityOf(id)]
	return h, ok, nil
}

func (s *store) new() lockport.RegistrationID { s.next++; return s.next }

func (s *store) write(c Changes) {
	for _, r := range c.Registrations {
		s.registrations[r.ID] = r
	}
	for _, p := range c.Persons {
		s.persons[p.ID] = p
	}
	for _, id := range c.RemovedPersons {
		delete(s.persons, id)
	}
	for _, h := range c.Holders {
		s.holders[identityOf(h.Identifier)] = h.Holders
	}
}

func ident(authority, value string) lockport.Identifier {
	return lockport.Identifier{Value: value, Authority: lockport.AuthorityID(authority)}
}

func own(value string) Claimed     { return Claimed{Identifier: ident("H", value), Owned: true} }
func own2(value string) Claimed    { return Claimed{Identifier: ident("H2", value), Owned: true} }
func foreign(value string) Claimed { return Claimed{Identifier: ident("F", value)} }
func shared(value string) Claimed  { return Claimed{Identifier: ident("S", value), Shared: true} }

var base = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

// at is a time n hours after an arbitrary morning.
func at(n int) time.Time { return base.Add(time.Duration(n) * time.Hour) }

// claim attributes a message at the store's next sequence and writes it.
func (s *store) claim(c Claim) (Registration, Changes, error) {
	s.seq++
	c.Seq, c.New = s.seq, s.new
	reg, changes, err := Attribute(s, c)
	s.write(changes)
	return reg, changes, err
}

func (s *store) merge(m MergeClaim) (Changes, error) {
	s.seq++
	m.Seq, m.New = s.seq, s.new
	changes, err := Merge(s, m)
	s.write(changes)
	return changes, err
}

// seen makes patients known, one per list.
func (s *store) seen(t *testing.T, lists ...[]Claimed) {
	t.Helper()
	for _, ids := range lists {
		if _, _, err := s.claim(Claim{Identifiers: ids, MayCreate: true}); err != nil {
			t.Fatal(err)
		}
	}
}

// resolve returns the survivor that an identifier leads to, 0 when unknown.
func (s *store) resolve(t testing.TB, id lockport.Identifier) Registration {
	h := s.holders[identityOf(id)]
	if len(h.Registrations) == 0 {
		return Registration{}
	}
	reg, err := Survivor(s, h.Registrations[0])
	if err != nil {
		t.Fatal(err)
	}
	return reg
}

// verify checks the invariants that hold after every step.
func (s *store) verify(t interface{ Fatalf(string, ...any) }) {
	members := 0
	for id, p := range s.persons {
		if p.ID != id || len(p.Registrations) == 0 || lockport.PersonID(p.Registrations[0]) != id || !slices.IsSorted(p.Registrations) {
			t.Fatalf("person %d is not named after the lowest of its ascending registrations", id)
		}
		members += len(p.Registrations)
		for _, r := range p.Registrations {
			if s.registrations[r].Person != id {
				t.Fatalf("registration %d does not point back to person %d", r, id)
			}
		}
	}
	if members != len(s.registrations) {
		t.Fatalf("%d registrations, %d members of persons", len(s.registrations), members)
	}
	for id, r := range s.registrations {
		if r.Into != 0 && s.registrations[r.Into].Person != r.Person {
			t.Fatalf("registration %d is of another person than its survivor", id)
		}
		for _, i := range r.Identifiers {
			if !slices.Contains(s.holders[identityOf(i)].Registrations, id) {
				t.Fatalf("registration %d bears an identifier that does not lead to it", id)
			}
		}
	}
	if err := s.components(); err != "" {
		t.Fatalf("%s", err)
	}
	for k, h := range s.holders {
		if k.authority != "S" && len(h.Registrations) != 1 {
			t.Fatalf("an identifier of %s has %d holders", k.authority, len(h.Registrations))
		}
	}
}
