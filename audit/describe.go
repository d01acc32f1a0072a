package audit

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lockport-hie/lockport"
)

// Line is one entry as `audit tail` shows it. It holds no protected health
// information: no identifier, no name, no words that a person wrote.
type Line struct {
	Sequence lockport.Seq `json:"sequence"`
	Time     time.Time    `json:"time"` // UTC
	Kind     string       `json:"kind"`
	Who      string       `json:"who,omitempty"`
	What     string       `json:"what,omitempty"`
	Outcome  string       `json:"outcome,omitempty"`
	Reason   string       `json:"reason,omitempty"`
	Detail   string       `json:"detail,omitempty"` // counts and ids of the exchange's own
}

// liner is a body that other packages define and that describes itself.
type liner interface {
	AuditLine() (who, what, detail string)
}

// Describe returns an entry's line. Text that came from outside is cut to a
// length and cleaned of everything that could steer a terminal; a body that is
// not known leaves the line with its kind only.
func Describe(e *lockport.Entry) Line {
	if e == nil {
		return Line{}
	}
	l := Line{Sequence: e.Seq, Time: e.Time.UTC(), Kind: e.Kind.String()}
	switch b := e.Body.(type) {
	case *lockport.Message:
		if b != nil {
			l.message(b)
		}
	case *Disclosure:
		if b != nil {
			l.disclosure(b)
		}
	case *Action:
		if b != nil {
			l.action(b)
		}
	case *lockport.Delivery:
		if b != nil {
			l.delivery(b)
		}
	case liner:
		l.Who, l.What, l.Detail = b.AuditLine()
	}
	for _, field := range []*string{&l.Who, &l.What, &l.Outcome, &l.Reason, &l.Detail} {
		*field = clean(*field)
	}
	return l
}

func (l *Line) message(m *lockport.Message) {
	l.Who = first(string(m.Application), "unknown sender")
	l.What = strings.TrimSpace(m.Type + " " + m.Version)
	l.Outcome, l.Reason = m.AckCode, m.Reason
	l.Detail = list(pair("control id", m.ControlID), count(len(m.Raw), "byte"), pair("error", number(m.Code)))
	if m.Trial {
		l.Detail = list(l.Detail, "trial sender")
	}
}

func (l *Line) disclosure(d *Disclosure) {
	l.Who = first(d.Operator, list(string(d.Application), pair("for", string(d.Participant)), pair("NPI", npi(d.Clinician))))
	l.What = list(first(d.Query, string(d.Channel)), pair("feed", string(d.Feed)), pair("purpose", purpose(d.Purpose)))
	l.Outcome, l.Reason = string(d.Outcome), code(d.Reason)
	l.Detail = list(pair("person", number(int(d.Person))), pair("basis", number(int(d.Basis))), released(d.Released), pair("control id", d.ControlID))
}

func (l *Line) action(a *Action) {
	l.Who, l.What, l.Reason = a.Operator, a.Verb, code(a.Reason)
	l.Detail = list(a.Object, pair("entry", number(int(a.Target))))
}

func (l *Line) delivery(d *lockport.Delivery) {
	l.Who, l.What = "feed "+string(d.Feed), "delivery"
	l.Outcome, l.Reason = string(d.Outcome), d.Reason
	l.Detail = list(pair("audited in", number(int(d.Disclosure))), pair("answer", d.AckCode), count(d.Attempts, "attempt"), pair("control id", d.ControlID))
}

// released counts records by their kind.
func released(refs []RecordRef) string {
	counts := map[string]int{}
	for _, r := range refs {
		counts[r.Kind]++
	}
	var parts []string
	for kind, n := range counts {
		parts = append(parts, count(n, kind))
	}
	slices.Sort(parts)
	return list(parts...)
}

// code lets a reason through that is a code such as "community-deny". Words that
// a person wrote may name a patient and stay out.
func code(s string) string {
	if strings.Trim(s, "abcdefghijklmnopqrstuvwxyz-") != "" || len(s) > 32 {
		return "in words"
	}
	return s
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

func pair(name, value string) string {
	if value == "" {
		return ""
	}
	return name + " " + value
}

func count(n int, unit string) string {
	if n == 0 {
		return ""
	}
	if n != 1 && !strings.HasSuffix(unit, "s") {
		unit += "s"
	}
	return fmt.Sprint(n, " ", unit)
}

// list joins what is not empty.
func list(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ", ")
}

// maxField is how many bytes of one field a line shows.
const maxField = 160

// clean replaces everything but printable ASCII by a dot.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '.'
		}
		return r
	}, s)
	if len(s) > maxField {
		return s[:maxField-3] + "..."
	}
	return s
}

// npi returns a clinician as it was asked for, if it is an NPI at all: a question
// may carry anything in its place.
func npi(n lockport.NPI) string {
	if len(n) == 0 {
		return ""
	}
	if len(n) != 10 || strings.Trim(string(n), "0123456789") != "" {
		return "unreadable"
	}
	return string(n)
}

// purpose returns a purpose that is known.
func purpose(p lockport.Purpose) string {
	switch p {
	case "", lockport.Treatment, lockport.EmergencyTreatment, lockport.Operations, lockport.PublicHealth, lockport.PatientRequest:
		return string(p)
	}
	return "unknown"
}
