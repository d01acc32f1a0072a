package main

import (
	"context"
	"fmt"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
	"github.com/lockport-hie/lockport/patient"
)

// The paths of the verbs of patients.
const (
	pathPatientShow    = "/v1/patient/show"
	pathPatientLink    = "/v1/patient/link"
	pathPatientUnlink  = "/v1/patient/unlink"
	pathPatientUnmerge = "/v1/patient/unmerge"
)

// The actions on which the projector acts. Their object is two registrations.
const (
	actLink    = "patient link"
	actUnlink  = "patient unlink"
	actUnmerge = "patient unmerge"
)

// patientVerbs are the verbs of patients.
func (s *system) patientVerbs() []verb {
	return []verb{
		verbOf(pathPatientShow, roleOperator, s.showPatient),
		verbOf(pathPatientLink, roleOperator, s.linkPatients),
		verbOf(pathPatientUnlink, roleOperator, s.unlinkPatients),
		verbOf(pathPatientUnmerge, roleOperator, s.unmergePatient),
	}
}

// patientQuestion names one patient, or two, and why something is done.
type patientQuestion struct {
	Patient string `json:"patient"` // CX
	With    string `json:"with"`    // CX
	Reason  string `json:"reason"`
}

// shownRegistration is what an operator sees of a registration: nothing of the patient.
type shownRegistration struct {
	Registration lockport.RegistrationID `json:"registration"`
	Person       lockport.PersonID       `json:"person"`
	Asked        bool                    `json:"asked"` // it bears the identifier asked for
	Authorities  []lockport.AuthorityID  `json:"authorities"`
	Into         lockport.RegistrationID `json:"merged_into,omitempty"`
	Merged       lockport.Seq            `json:"merged_by,omitempty"`
	Links        []shownLink             `json:"links"`
	Provisional  bool                    `json:"provisional,omitempty"`
	Deleted      bool                    `json:"deleted,omitempty"`
}

// shownLink is one reason why two registrations are one person, or are not.
type shownLink struct {
	To    lockport.RegistrationID `json:"to"`
	Basis patient.LinkBasis       `json:"basis"`
	Seq   lockport.Seq            `json:"sequence"` // the entry that said so last
	Off   bool                    `json:"taken_back,omitempty"`
}

// structure reads what is known of how a patient's registrations hang together.
func (s *system) structure(ctx context.Context, cx string) (bearer lockport.RegistrationID, all []patient.Registration, err error) {
	d, err := s.directory(ctx)
	if err != nil {
		return 0, nil, err
	}
	id, err := d.ParseIdentifier(cx)
	if err != nil {
		return 0, nil, err
	}
	bearer, all, err = s.store.Structure(ctx, id)
	if err == nil && len(all) == 0 {
		err = lockport.Errorf(lockport.NotFound, "", "nothing is known under this identifier")
	}
	return bearer, all, err
}

// showPatient shows the registrations of a person.
func (s *system) showPatient(ctx context.Context, who caller, q patientQuestion) ([]shownRegistration, error) {
	bearer, all, err := s.structure(ctx, q.Patient)
	if err != nil {
		return nil, err
	}
	list := []shownRegistration{}
	for _, r := range all {
		shown := shownRegistration{
			Registration: r.ID, Person: r.Person, Asked: r.ID == bearer, Into: r.Into, Merged: r.Merged,
			Links: []shownLink{}, Provisional: r.Provisional, Deleted: r.Deleted,
		}
		for _, id := range r.Identifiers {
			shown.Authorities = append(shown.Authorities, id.Authority)
		}
		for _, l := range r.Links {
			shown.Links = append(shown.Links, shownLink{To: l.To, Basis: l.Basis, Seq: max(l.Seq, l.At.Seq), Off: l.Off})
		}
		list = append(list, shown)
	}
	return list, s.act(ctx, audit.Action{Operator: who.User, Verb: "patient show", Object: fmt.Sprint(all[0].Person)})
}

// linkPatients makes two registrations one person.
func (s *system) linkPatients(ctx context.Context, who caller, q patientQuestion) ([]shownRegistration, error) {
	return s.relate(ctx, who, q, actLink)
}

// unlinkPatients takes a link back.
func (s *system) unlinkPatients(ctx context.Context, who caller, q patientQuestion) ([]shownRegistration, error) {
	return s.relate(ctx, who, q, actUnlink)
}

// relate says of two registrations that they are one person, or are not.
func (s *system) relate(ctx context.Context, who caller, q patientQuestion, verb string) ([]shownRegistration, error) {
	a, _, err := s.structure(ctx, q.Patient)
	if err != nil {
		return nil, err
	}
	b, _, err := s.structure(ctx, q.With)
	if err != nil {
		return nil, err
	}
	if a == 0 || b == 0 {
		return nil, lockport.Errorf(lockport.Conflict, "", "several registrations bear the identifier: name one of a single patient")
	}
	if a == b {
		return nil, lockport.Errorf(lockport.Conflict, "", "both identifiers are of one registration")
	}
	return s.actOnPersons(ctx, who, q, verb, a, b)
}

// unmergePatient takes back the merge of the registration that bears the identifier.
func (s *system) unmergePatient(ctx context.Context, who caller, q patientQuestion) ([]shownRegistration, error) {
	bearer, all, err := s.structure(ctx, q.Patient)
	if err != nil {
		return nil, err
	}
	for _, r := range all {
		if r.ID == bearer && r.Into != 0 {
			return s.actOnPersons(ctx, who, q, actUnmerge, r.ID, r.Into)
		}
	}
	return nil, lockport.Errorf(lockport.Conflict, "", "the identifier was not merged into another one")
}

// actOnPersons writes an action down, waits until it counts, and says whether it did what
// was asked.
func (s *system) actOnPersons(ctx context.Context, who caller, q patientQuestion, verb string, a, b lockport.RegistrationID) ([]shownRegistration, error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	action := audit.Action{Operator: who.User, Verb: verb, Object: fmt.Sprintf("%d %d", a, b), Reason: q.Reason}
	if err := s.act(ctx, action); err != nil {
		return nil, err
	}
	first, err := s.store.SubjectOfRegistration(ctx, a)
	if err != nil {
		return nil, err
	}
	second, err := s.store.SubjectOfRegistration(ctx, b)
	if err != nil {
		return nil, err
	}
	if one := first.Person == second.Person; one != (verb == actLink) {
		return nil, lockport.Errorf(lockport.Conflict, "", "nothing has changed: a merge, or a link through another registration, stands against it (see `lockport patient show`)")
	}
	return s.showPatient(ctx, who, q)
}
