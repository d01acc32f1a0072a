package repository

import (
	"bytes"
	"context"
	"slices"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/consent"
	"github.com/lockport-hie/lockport/patient"
)

// SubjectOf resolves an identifier to everything that a consent decision about
// its patient needs, as of the journal's end. An unknown identifier is no error:
// directives may be on it all the same.
func (s *Store) SubjectOf(ctx context.Context, id lockport.Identifier) (consent.Subject, error) {
	return s.subject(ctx, func(g *gathering) error {
		token := lockport.IdentifierToken(g.v, id)
		g.tokens[token] = true
		var holders patient.Holders
		if _, err := g.v.Get(lockport.TableIdentifiers, token[:], &holders); err != nil {
			return err
		}
		return g.registrations(holders.Registrations)
	})
}

// SubjectOfRegistration resolves a registration in the same way. One that does
// not exist is not known.
func (s *Store) SubjectOfRegistration(ctx context.Context, id lockport.RegistrationID) (consent.Subject, error) {
	return s.subject(ctx, func(g *gathering) error { return g.registrations([]lockport.RegistrationID{id}) })
}

// Structure returns the registrations of an identifier's person for an operator's
// view, ascending: what they are merged into and linked with. It holds nothing of
// the patient: no demographics, and of identifiers the authority only. bearer is
// the registration that bears the identifier itself, merged or not; 0 when none
// or several do.
func (s *Store) Structure(ctx context.Context, id lockport.Identifier) (bearer lockport.RegistrationID, all []patient.Registration, err error) {
	subject, err := s.SubjectOf(ctx, id)
	if err != nil {
		return 0, nil, err
	}
	err = s.view(ctx, subject.AsOf, func(v *view) error {
		var holders patient.Holders
		token := lockport.IdentifierToken(v, id)
		if _, err := v.Get(lockport.TableIdentifiers, token[:], &holders); err != nil {
			return err
		}
		if len(holders.Registrations) == 1 {
			bearer = holders.Registrations[0]
		}
		for _, id := range subject.Registrations {
			var r patient.Registration
			if _, err := v.Get(lockport.TableRegistrations, id.Key(), &r); err != nil {
				return err
			}
			r.Details, r.Stated = patient.Demographics{}, nil
			for i := range r.Identifiers {
				r.Identifiers[i].Value = ""
			}
			all = append(all, r)
		}
		return nil
	})
	return bearer, all, err
}

func (s *Store) subject(ctx context.Context, start func(*gathering) error) (consent.Subject, error) {
	var subject consent.Subject
	err := s.view(ctx, s.End(), func(v *view) error {
		g := &gathering{v: v, seen: make(map[lockport.RegistrationID]bool), tokens: make(map[lockport.Token]bool)}
		if err := start(g); err != nil {
			return err
		}
		var err error
		subject, err = g.finish()
		return err
	})
	if err != nil {
		return consent.Subject{}, err // half a subject must not reach a decision
	}
	return subject, nil
}

// gathering collects one subject from one view.
type gathering struct {
	v       *view
	subject consent.Subject
	seen    map[lockport.RegistrationID]bool
	tokens  map[lockport.Token]bool
	persons []lockport.PersonID
	updated lockport.Seq // of the registration that gave the birth date
}

// maxChain bounds the way from a subsumed registration to its survivor. Merges
// never loop, but a reader that trusted that could hang.
const maxChain = 1000

// registrations takes the persons that registrations belong to, with all they
// have. More than one person is an ambiguity, and closes the subject: of whom
// the record is cannot be said, so nothing leaves.
func (g *gathering) registrations(ids []lockport.RegistrationID) error {
	for _, id := range ids {
		r, found, err := g.survivor(id)
		if err != nil {
			return err
		}
		if !found {
			continue
		}
		if len(ids) == 1 {
			g.subject.Asked = r.ID
		}
		if slices.Contains(g.persons, r.Person) {
			continue
		}
		g.persons = append(g.persons, r.Person)
		if err := g.person(r); err != nil {
			return err
		}
	}
	return nil
}

// survivor follows merges to the registration that is left.
func (g *gathering) survivor(id lockport.RegistrationID) (patient.Registration, bool, error) {
	for range maxChain {
		var r patient.Registration
		found, err := g.v.Get(lockport.TableRegistrations, id.Key(), &r)
		if err != nil || !found || r.Into == 0 {
			return r, found, err
		}
		id = r.Into
	}
	return patient.Registration{}, false, lockport.Errorf(lockport.Corrupt, "read record", "the merges of registration %d have no end", id)
}

func (g *gathering) person(r patient.Registration) error {
	var p patient.Person
	found, err := g.v.Get(lockport.TablePersons, r.Person.Key(), &p)
	if err != nil {
		return err
	}
	if !found || !slices.Contains(p.Registrations, r.ID) {
		return lockport.Errorf(lockport.Corrupt, "read record", "registration %d and its person do not agree", r.ID)
	}
	g.subject.Closed = g.subject.Closed || p.Closed != 0
	for _, id := range p.Registrations {
		if err := g.registration(id); err != nil {
			return err
		}
	}
	return nil
}

// registration takes one registration of a person. The identifiers of a deleted
// one still carry directives; its records are hidden.
func (g *gathering) registration(id lockport.RegistrationID) error {
	if g.seen[id] {
		return nil
	}
	g.seen[id] = true
	var r patient.Registration
	found, err := g.v.Get(lockport.TableRegistrations, id.Key(), &r)
	if err != nil {
		return err
	}
	if !found {
		return lockport.Errorf(lockport.Corrupt, "read record", "registration %d of a person is missing", id)
	}
	for _, i := range r.Identifiers {
		g.tokens[lockport.IdentifierToken(g.v, i)] = true
	}
	if r.Deleted {
		return nil
	}
	g.subject.Registrations = append(g.subject.Registrations, id)
	if r.Details.BirthDate != "" && r.Updated >= g.updated {
		g.subject.BirthDate, g.updated = r.Details.BirthDate, r.Updated
	}
	return g.v.Scan(lockport.TableGrants, id.Key(), nil, func(_ []byte, decode func(any) error) (bool, error) {
		var grant consent.Grant
		err := decode(&grant)
		g.subject.Grants = append(g.subject.Grants, grant)
		return true, err
	})
}

func (g *gathering) finish() (consent.Subject, error) {
	s := &g.subject
	p, err := g.v.r.progress(g.v.tx)
	if err != nil {
		return consent.Subject{}, err
	}
	s.AsOf = p.applied.Seq
	if len(g.persons) > 0 {
		s.Person = slices.Min(g.persons)
	}
	s.Closed = s.Closed || len(g.persons) > 1
	s.Known = len(s.Registrations) > 0
	if !slices.Contains(s.Registrations, s.Asked) {
		s.Asked = 0
	}
	slices.Sort(s.Registrations)
	for token := range g.tokens {
		s.Tokens = append(s.Tokens, token)
	}
	slices.SortFunc(s.Tokens, func(a, b lockport.Token) int { return bytes.Compare(a[:], b[:]) })
	for _, token := range s.Tokens {
		err := g.v.Scan(lockport.TableDirectives, token[:], nil, func(_ []byte, decode func(any) error) (bool, error) {
			var d consent.Directive
			err := decode(&d)
			s.Directives = append(s.Directives, d)
			return true, err
		})
		if err != nil {
			return consent.Subject{}, err
		}
	}
	return *s, nil
}
