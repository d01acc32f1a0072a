package simulate

import (
	"time"

	"github.com/lockport-hie/lockport"
)

// The values of a consent form.
const (
	give          = "give"
	deny          = "deny"
	emergencyOnly = "emergency-only"
	withdraw      = "withdraw"
)

var consentForms = []string{"DOH-5055 2016", "DOH-5055 2021", "RHIO-1 3"}

// signUp asks for a form at the first contact. About 95 of 100 who sign say
// yes; a quarter are not asked or do not sign.
func (s *run) signUp(p *patient, m *membership) {
	if m.org.asks == nil || m.consent != "" || chance(s.rng, 0.25) {
		return
	}
	value := give
	switch x := s.rng.Float64(); {
	case x < 0.025:
		value = deny
	case x < 0.05:
		value = emergencyOnly
	}
	signed := s.now
	if chance(s.rng, 0.1) { // entered some days later
		signed = signed.AddDate(0, 0, -1-s.rng.IntN(5))
	}
	s.sign(p, m, value, signed)
	if chance(s.rng, 0.02) {
		s.after(s.between(2*time.Hour, 96*time.Hour), func() { s.community(p, m) })
	}
	if chance(s.rng, 0.03) {
		s.after(s.between(24*time.Hour, 240*time.Hour), func() { s.changeMind(p, m) })
	}
}

// changeMind enters another value, or an older form that was found in a drawer
// and must not override the newer one.
func (s *run) changeMind(p *patient, m *membership) {
	if m.consent == "" {
		return
	}
	if chance(s.rng, 0.15) {
		old := s.now.AddDate(0, 0, -30-s.rng.IntN(400))
		s.sign(p, m, pick(s.rng, []string{give, deny, emergencyOnly}), old)
		return
	}
	value := pick(s.rng, []string{withdraw, deny, emergencyOnly})
	if m.consent != give {
		value = pick(s.rng, []string{give, give, withdraw})
	}
	s.sign(p, m, value, s.now)
}

// community enters a decision for all participants; most of these are denials.
func (s *run) community(p *patient, m *membership) {
	e := s.form(p, m, deny, s.now)
	if chance(s.rng, 0.4) {
		e.Value = give
	}
	e.Community, e.Participant = true, ""
	s.signed(p, e)
}

func (s *run) sign(p *patient, m *membership, value string, signed time.Time) {
	if signed.Before(p.birth) {
		signed = s.now
	}
	e := s.form(p, m, value, signed)
	if e.Patient.Value == "" {
		return // an agency that knows nobody's number cannot file a form
	}
	if !signed.Before(m.signed) {
		m.consent, m.signed = value, signed
	}
	s.signed(p, e)
}

// form fills in a form with the number that its participant knows.
func (s *run) form(p *patient, m *membership, value string, signed time.Time) *ConsentEvent {
	e := &ConsentEvent{
		Patient:     lockport.Identifier{Value: p.clientNumber, Authority: s.r.shared.ID, Type: s.r.shared.kind},
		Participant: m.org.ID, Value: value, Signed: lockport.DateOf(signed.In(s.r.zone)), Form: pick(s.rng, consentForms), Signer: "self",
	}
	if m.org.authority != nil {
		e.Patient = s.r.identifier(m.org, p.index, m.second(m.numbers == duplicated))
	}
	if p.age(signed) < 18 {
		e.Signer = "parent"
		if chance(s.rng, 0.1) {
			e.Signer = "guardian"
		}
	}
	return e
}

func (s *run) signed(p *patient, e *ConsentEvent) {
	var meaning func(*Truth)
	if s.truth != nil {
		at := s.now
		meaning = func(t *Truth) { t.Consents = append(t.Consents, SignedConsent{p.index, at, *e}) }
	}
	s.emit(Event{Person: p.index, Consent: e}, meaning)
}
