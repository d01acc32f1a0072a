package consent

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"github.com/lockport-hie/lockport"
)

// Validate reports why a directive may not be recorded, as an error of kind
// Invalid that names the field and never its content. now is the moment of
// receipt; days are those of its location. A form cannot have been signed after
// it was received: such a date is a typing error, and would win against every
// form that is signed until then.
func (d Directive) Validate(now time.Time) error {
	if blank(d.Patient.Value) || d.Patient.Authority == "" {
		return invalid("patient", "an identifier and its assigning authority are needed")
	}
	if d.Operator == "" && d.Application == "" {
		return invalid("operator", "who records the directive is needed")
	}
	if d.Voids != 0 {
		return d.validateVoid()
	}
	for _, check := range []func() error{d.validateScope, d.validateSigner, d.validateCovers, d.validateEvidence} {
		if err := check(); err != nil {
			return err
		}
	}
	return d.validateDates(now)
}

// validateVoid checks a directive that marks another one as entered in error: it
// says nothing else.
func (d Directive) validateVoid() error {
	if d.Value != "" || d.Community || d.Participant != "" {
		return invalid("voids", "a directive that voids another one says nothing else")
	}
	if d.Operator == "" || d.Application != "" {
		return invalid("voids", "only an operator may void a directive")
	}
	return nil
}

func (d Directive) validateScope() error {
	switch {
	case rank(d.Value) == 0:
		return invalid("decision", "not one of give, emergency-only, deny, withdraw")
	case d.Community == (d.Participant != ""):
		return invalid("participant", "exactly one of a participant and the community is needed")
	case d.Community && (d.Operator == "" || d.Application != ""):
		return invalid("community", "only a privacy officer may record for the whole community")
	}
	return nil
}

func (d Directive) validateSigner() error {
	if d.Signer != "" && d.Signer != SignerSelf && !slices.Contains(others, d.Signer) {
		return invalid("signer", "not one of self, parent, guardian, health-care-agent, next-of-kin, conservator")
	}
	if d.Visit != "" && (d.Value != Give || d.Community || d.Signer != SignerSelf) {
		return invalid("visit", "a one-visit consent is a give to one participant, signed by the patient")
	}
	return nil
}

func (d Directive) validateCovers() error {
	for i, c := range d.Covers {
		if !slices.Contains(categories, c) || slices.Contains(d.Covers[:i], c) {
			return invalid("covers", "categories are general, part2, hiv, mental-health and minor-consented, each once")
		}
	}
	return nil
}

func (d Directive) validateEvidence() error {
	if len(d.Evidence) > 0 {
		sum := sha256.Sum256(d.Evidence)
		if d.EvidenceSum != hex.EncodeToString(sum[:]) {
			return invalid("evidence", "the form does not have the stated SHA-256")
		}
	}
	if b, err := hex.DecodeString(d.EvidenceSum); err != nil || len(b) != 0 && len(b) != sha256.Size {
		return invalid("evidence", "not a SHA-256 in hexadecimal")
	}
	return nil
}

func (d Directive) validateDates(now time.Time) error {
	signed, ok := parseSigned(d.Signed, now.Location())
	if !ok {
		return invalid("signed", "not a day (YYYY-MM-DD) or a time (RFC 3339)")
	}
	if signed.day.After(dayOf(now, now.Location())) || signed.instant.After(now) {
		return invalid("signed", "in the future: a form is signed before it is recorded")
	}
	first := lockport.DateOf(signed.day)
	for _, f := range []struct {
		name string
		day  lockport.Date
	}{{"effective", d.Effective}, {"until", d.Until}} {
		if _, err := time.Parse(time.DateOnly, string(f.day)); f.day != "" && err != nil {
			return invalid(f.name, "not a day (YYYY-MM-DD)")
		}
	}
	switch {
	case d.Until == "":
		return nil
	case d.Value == Withdraw:
		return invalid("until", "a withdrawal has no end")
	case d.Until < max(first, d.Effective):
		return invalid("until", "before the directive begins")
	}
	return nil
}

func invalid(where, why string) error {
	return &lockport.Error{Op: "directive", Kind: lockport.Invalid, Where: where, Err: errors.New(why)}
}
