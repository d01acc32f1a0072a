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
// The attestation's words stay out: they may name the patient. So does a reason
// that is not a code, because it came from outside.
func (g *Grant) AuditLine() (who, what, detail string) {
	if g == nil {
		return "", "emergency access", ""
	}
	reason := g.Reason
	if len(reason) > 16 || strings.Trim(reason, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_") != "" {
		reason = "in words"
	}
	return string(g.Clinician), "emergency access", "for " + string(g.Participant) + ", reason " + reason
}

func blank(s string) bool { return strings.TrimSpace(s) == "" }
