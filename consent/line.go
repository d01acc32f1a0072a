package consent

import (
	"fmt"
	"strings"
)

// AuditLine says in one line who recorded what, without the patient.
func (d *Directive) AuditLine() (who, what, detail string) {
	if d == nil {
		return "", "directive", ""
	}
	who = d.Operator
	if who == "" {
		who = string(d.Application)
	}
	if d.Voids != 0 {
		return who, "directive void", fmt.Sprintf("voids %d", d.Voids)
	}
	scope := string(d.Participant)
	if d.Community {
		scope = "the community"
	}
	return who, "directive", string(d.Value) + " for " + scope
}

// AuditLine says in one line who opened an emergency access, without the patient.
// The reason and the attestation's words stay out: they came from outside and may
// name the patient.
func (g *Grant) AuditLine() (who, what, detail string) {
	if g == nil {
		return "", "emergency access", ""
	}
	return string(g.Clinician), "emergency access", "for " + string(g.Participant) + ", attested"
}

func blank(s string) bool { return strings.TrimSpace(s) == "" }
