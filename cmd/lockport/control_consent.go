package main

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
	"github.com/lockport-hie/lockport/consent"
)

// The paths of the verbs of consent.
const (
	pathConsentRecord  = "/v1/consent/record"
	pathConsentList    = "/v1/consent/list"
	pathConsentShow    = "/v1/consent/show"
	pathConsentVoid    = "/v1/consent/void"
	pathConsentExplain = "/v1/consent/explain"
)

// consentVerbs are the verbs of consent.
func (s *system) consentVerbs() []verb {
	return []verb{
		verbOf(pathConsentRecord, rolePrivacyOfficer, s.recordConsent),
		verbOf(pathConsentList, rolePrivacyOfficer, s.listConsent),
		verbOf(pathConsentShow, rolePrivacyOfficer, s.showConsent),
		verbOf(pathConsentVoid, rolePrivacyOfficer, s.voidConsent),
		verbOf(pathConsentExplain, rolePrivacyOfficer, s.explainConsent),
	}
}

// recordConsentQuestion asks to record a directive.
type recordConsentQuestion struct {
	Patient     string                 `json:"patient"` // CX
	Participant lockport.ParticipantID `json:"participant"`
	Community   bool                   `json:"community"`
	Decision    consent.Value          `json:"decision"`
	Signed      string                 `json:"signed"`
	Effective   lockport.Date          `json:"effective"`
	Until       lockport.Date          `json:"until"`
	Form        string                 `json:"form"`
	Covers      []string               `json:"covers"`
	Signer      string                 `json:"signer"`
	Visit       string                 `json:"visit"`
	Evidence    []byte                 `json:"evidence"`
	EvidenceSum string                 `json:"evidence_sha256"`
}

// sequenceAnswer names the entry that was made.
type sequenceAnswer struct {
	Sequence lockport.Seq `json:"sequence"`
}

// sequenceQuestion names an entry, and why something is done to it.
type sequenceQuestion struct {
	Sequence lockport.Seq `json:"sequence"`
	Reason   string       `json:"reason"`
}

// recordConsent records a directive. The gate answers when it counts.
func (s *system) recordConsent(ctx context.Context, who caller, q recordConsentQuestion) (sequenceAnswer, error) {
	d, err := s.directory(ctx)
	if err != nil {
		return sequenceAnswer{}, err
	}
	patient, err := d.ParseIdentifier(q.Patient)
	if err != nil {
		return sequenceAnswer{}, err
	}
	if _, known := d.Participant(q.Participant); !known && !q.Community {
		return sequenceAnswer{}, lockport.Errorf(lockport.NotFound, "", "there is no participant %q: see `lockport participant list`", q.Participant)
	}
	directive := consent.Directive{
		Patient: patient, Participant: q.Participant, Community: q.Community, Value: q.Decision,
		Signed: q.Signed, Effective: q.Effective, Until: q.Until, Form: q.Form, Signer: q.Signer,
		Visit: q.Visit, Evidence: q.Evidence, EvidenceSum: q.EvidenceSum, Operator: who.User,
	}
	for _, c := range q.Covers {
		directive.Covers = append(directive.Covers, consent.Category(c))
	}
	seq, err := s.gate.Record(ctx, directive)
	return sequenceAnswer{seq}, err
}

// shownDirective is a directive as it is shown: without the patient.
type shownDirective struct {
	Sequence    lockport.Seq           `json:"sequence"`
	Recorded    time.Time              `json:"recorded"`
	Authority   lockport.AuthorityID   `json:"authority"` // of the patient's identifier
	Participant lockport.ParticipantID `json:"participant,omitempty"`
	Community   bool                   `json:"community,omitempty"`
	Decision    consent.Value          `json:"decision"`
	Signed      string                 `json:"signed"`
	Effective   lockport.Date          `json:"effective,omitempty"`
	Until       lockport.Date          `json:"until,omitempty"`
	Form        string                 `json:"form,omitempty"`
	Covers      []consent.Category     `json:"covers,omitempty"`
	Signer      string                 `json:"signer,omitempty"`
	EvidenceSum string                 `json:"evidence_sha256,omitempty"`
	Operator    string                 `json:"operator,omitempty"`
	Application lockport.ApplicationID `json:"application,omitempty"`
	Voided      bool                   `json:"voided"`
}

// scope says for whom the decision is.
func (d shownDirective) scope() string {
	if d.Community {
		return "community"
	}
	return string(d.Participant)
}

// state says whether the decision can count at all.
func (d shownDirective) state() string {
	if d.Voided {
		return "void"
	}
	return "recorded"
}

// showDirective leaves the patient out.
func showDirective(d consent.Directive) shownDirective {
	return shownDirective{
		Sequence: d.Seq, Recorded: d.Recorded, Authority: d.Patient.Authority, Participant: d.Participant,
		Community: d.Community, Decision: d.Value, Signed: d.Signed, Effective: d.Effective, Until: d.Until,
		Form: d.Form, Covers: d.Covers, Signer: d.Signer, EvidenceSum: d.EvidenceSum,
		Operator: d.Operator, Application: d.Application, Voided: d.Voided,
	}
}

// listConsentQuestion asks for directives, newest first.
type listConsentQuestion struct {
	Patient string `json:"patient"` // CX; empty: of all patients
	Limit   int    `json:"limit"`
}

// listConsent lists directives, newest first.
func (s *system) listConsent(ctx context.Context, _ caller, q listConsentQuestion) ([]shownDirective, error) {
	list, err := s.directivesOf(ctx, q)
	found := []shownDirective{}
	for _, d := range list[:min(len(list), limitOf(q.Limit))] {
		found = append(found, showDirective(d))
	}
	return found, err
}

// directivesOf reads the directives of one patient, on whatever identifier they stand, or
// of all patients.
func (s *system) directivesOf(ctx context.Context, q listConsentQuestion) ([]consent.Directive, error) {
	if q.Patient == "" {
		return s.store.Directives(ctx, nil, limitOf(q.Limit))
	}
	d, err := s.directory(ctx)
	if err != nil {
		return nil, err
	}
	patient, err := d.ParseIdentifier(q.Patient)
	if err != nil {
		return nil, err
	}
	subject, err := s.store.SubjectOf(ctx, patient)
	slices.SortFunc(subject.Directives, func(a, b consent.Directive) int { return cmp.Compare(b.Seq, a.Seq) })
	return subject.Directives, err
}

// maxLimit bounds a list, so that no answer outgrows memory.
const maxLimit = 10_000

// limitOf returns how many lines are wanted and may be had.
func limitOf(n int) int {
	if n <= 0 {
		return defaultLimit
	}
	return min(n, maxLimit)
}

// directiveAt reads one directive as it stands, that is, with its mark when it is void.
func (s *system) directiveAt(ctx context.Context, seq lockport.Seq) (consent.Directive, error) {
	none := lockport.Errorf(lockport.NotFound, "", "entry %d is no directive: see `lockport consent list`", seq)
	e, err := s.store.Entry(ctx, seq)
	if err != nil {
		return consent.Directive{}, err
	}
	body, ok := e.Body.(*consent.Directive)
	if !ok {
		return consent.Directive{}, none
	}
	list, err := s.store.Directives(ctx, &body.Patient, 0)
	if err != nil {
		return consent.Directive{}, err
	}
	for _, d := range list {
		if d.Seq == seq {
			return d, nil
		}
	}
	return consent.Directive{}, none
}

// showConsent shows one directive.
func (s *system) showConsent(ctx context.Context, _ caller, q sequenceQuestion) (shownDirective, error) {
	d, err := s.directiveAt(ctx, q.Sequence)
	return showDirective(d), err
}

// voidConsent marks a directive as entered in error. Why is written down as an action,
// because a directive has no place for it.
func (s *system) voidConsent(ctx context.Context, who caller, q sequenceQuestion) (sequenceAnswer, error) {
	d, err := s.directiveAt(ctx, q.Sequence)
	if err != nil {
		return sequenceAnswer{}, err
	}
	if d.Voided {
		return sequenceAnswer{}, lockport.Errorf(lockport.Conflict, "", "directive %d is void already", q.Sequence)
	}
	if err := s.act(ctx, audit.Action{Operator: who.User, Verb: "consent void", Target: q.Sequence, Reason: q.Reason}); err != nil {
		return sequenceAnswer{}, err
	}
	seq, err := s.gate.Record(ctx, consent.Directive{Patient: d.Patient, Voids: q.Sequence, Operator: who.User})
	return sequenceAnswer{seq}, err
}

// explainQuestion asks what would be decided.
type explainQuestion struct {
	Patient     string                 `json:"patient"` // CX
	Participant lockport.ParticipantID `json:"participant"`
	Clinician   lockport.NPI           `json:"clinician"`
	Purpose     lockport.Purpose       `json:"purpose"`
	At          time.Time              `json:"at"`
}

// explainAnswer is a decision and what led to it.
type explainAnswer struct {
	Decision string             `json:"decision"` // permit, permit-emergency or deny
	Reason   consent.Reason     `json:"reason"`
	Known    bool               `json:"patient_known"`
	Basis    lockport.Seq       `json:"basis,omitempty"`
	Grant    lockport.Seq       `json:"grant,omitempty"`
	Covers   []consent.Category `json:"covers,omitempty"`
	Trace    []consent.Step     `json:"trace"`
}

// explainConsent decides without releasing anything.
func (s *system) explainConsent(ctx context.Context, _ caller, q explainQuestion) (explainAnswer, error) {
	d, err := s.directory(ctx)
	if err != nil {
		return explainAnswer{}, err
	}
	patient, err := d.ParseIdentifier(q.Patient)
	if err != nil {
		return explainAnswer{}, err
	}
	if _, known := d.Participant(q.Participant); !known {
		return explainAnswer{}, lockport.Errorf(lockport.NotFound, "", "there is no participant %q: see `lockport participant list`", q.Participant)
	}
	decision, subject, err := s.gate.Explain(ctx, consent.Request{
		Patient: patient, Participant: q.Participant, Clinician: q.Clinician, Purpose: q.Purpose, What: consent.Record,
	}, q.At)
	if err != nil {
		return explainAnswer{}, err
	}
	return explainAnswer{
		Decision: decision.Effect.String(), Reason: decision.Reason, Known: subject.Known,
		Basis: decision.Basis, Grant: decision.Grant, Covers: decision.Covers, Trace: append([]consent.Step{}, decision.Trace...),
	}, nil
}
