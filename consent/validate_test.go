package consent

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lockport-hie/lockport"
	"pgregory.net/rapid"
)

func TestValidate(t *testing.T) {
	sum := sha256.Sum256([]byte("form"))
	evidence := func(d *Directive) { d.Evidence, d.EvidenceSum = []byte("form"), hex.EncodeToString(sum[:]) }
	received := func(d *Directive) { d.Operator, d.Application = "", "ehr" }
	signed := func(s string) func(*Directive) { return func(d *Directive) { d.Signed = s } }
	tests := []struct {
		name  string
		d     Directive
		where string // "" is sound
	}{
		{"sound", says(mrnA, Give), ""},
		{"everything said", says(mrnA, Give, evidence, byParent, covers(categories...), effective("2026-07-01"), until("2026-07-01")), ""},
		{"by an application", says(mrnA, DenyAll, received), ""},
		{"community by an officer", form(0, "*", DenyAll, "2026-06-01"), ""},
		{"one visit", says(mrnA, Give, oneVisit), ""},
		{"signed today", says(mrnA, Give, signed("2026-06-15")), ""},
		{"signed this moment", says(mrnA, Give, signed("2026-06-15T12:00:00-04:00")), ""},
		{"effective before the signature", says(mrnA, Give, effective("2026-01-01")), ""},
		{"void", Directive{Patient: says(mrnA, Give).Patient, Operator: "officer", Voids: 3}, ""},

		{"signed tomorrow", says(mrnA, Give, signed("2026-06-16")), "signed"},
		{"signed a second from now", says(mrnA, Give, signed("2026-06-15T12:00:01-04:00")), "signed"},
		{"denial signed tomorrow", says(mrnA, DenyAll, signed("2026-06-16")), "signed"},
		{"not signed", says(mrnA, Give, signed("")), "signed"},
		{"signed in a month", says(mrnA, Give, signed("2026-06")), "signed"},
		{"signed on no day", says(mrnA, Give, signed("2026-02-30")), "signed"},
		{"no identifier", says(" ", Give), "patient"},
		{"no authority", says(mrnA, Give, func(d *Directive) { d.Patient.Authority = "" }), "patient"},
		{"by nobody", says(mrnA, Give, func(d *Directive) { d.Operator = "" }), "operator"},
		{"no value", says(mrnA, ""), "decision"},
		{"unknown value", says(mrnA, "opt-in"), "decision"},
		{"no scope", says(mrnA, Give, func(d *Directive) { d.Participant = "" }), "participant"},
		{"two scopes", says(mrnA, Give, func(d *Directive) { d.Community = true }), "participant"},
		{"community by an application", form(0, "*", DenyAll, "2026-06-01", received), "community"},
		{"community by an officer through an application", form(0, "*", Give, "2026-06-01", func(d *Directive) { d.Application = "ehr" }), "community"},
		{"unknown signer", says(mrnA, Give, func(d *Directive) { d.Signer = "neighbour" }), "signer"},
		{"one visit by a parent", says(mrnA, Give, oneVisit, byParent), "visit"},
		{"one visit denied", says(mrnA, DenyAll, oneVisit), "visit"},
		{"one visit for the community", form(0, "*", Give, "2026-06-01", oneVisit), "visit"},
		{"unknown category", says(mrnA, Give, covers("everything")), "covers"},
		{"category twice", says(mrnA, Give, covers(HIV, HIV)), "covers"},
		{"form without its sum", says(mrnA, Give, func(d *Directive) { d.Evidence = []byte("form") }), "evidence"},
		{"form with another sum", says(mrnA, Give, evidence, func(d *Directive) { d.Evidence = []byte("from") }), "evidence"},
		{"sum of the wrong length", says(mrnA, Give, func(d *Directive) { d.EvidenceSum = "abcd" }), "evidence"},
		{"effective on no day", says(mrnA, Give, effective("1 July")), "effective"},
		{"until on no day", says(mrnA, Give, until("20260701")), "until"},
		{"ends before it begins", says(mrnA, Give, effective("2026-07-01"), until("2026-06-30")), "until"},
		{"ends before it was signed", says(mrnA, Give, until("2026-05-31")), "until"},
		{"withdrawal with an end", says(mrnA, Withdraw, until("2026-07-01")), "until"},
		{"void that says more", says(mrnA, Give, func(d *Directive) { d.Voids = 3 }), "voids"},
		{"void by an application", Directive{Patient: says(mrnA, Give).Patient, Application: "ehr", Voids: 3}, "voids"},
	}
	for _, test := range tests {
		err := test.d.Validate(noon)
		var e *lockport.Error
		switch {
		case test.where == "" && err != nil:
			t.Errorf("%s: %v", test.name, err)
		case test.where != "" && (!errors.As(err, &e) || e.Kind != lockport.Invalid || e.Where != test.where):
			t.Errorf("%s: got %v, want an error at %s", test.name, err, test.where)
		}
	}
}

// TestValidDirectivesCanBeRead: what Validate takes, Decide can read.
func TestValidDirectivesCanBeRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawForm(t, 1)
		d.Signed = rapid.OneOf(rapid.Just(d.Signed), rapid.StringMatching(`20[0-9]{2}-[01][0-9]-[0-3][0-9](T[0-9:]{8}(Z|[+-][0-9]{2}:[0-9]{2}))?`)).Draw(t, "signed as")
		d.Until = rapid.OneOf(rapid.Just(d.Until), rapid.Map(rapid.StringMatching(`[0-9-]{8,10}`), func(s string) lockport.Date { return lockport.Date(s) })).Draw(t, "until as")
		d.Voided = false
		if d.Validate(noon) == nil {
			if got := Decide([]Directive{d}, nil, asks()); got.Reason == UnreadableDirective {
				t.Fatalf("signed %q until %q was taken and cannot be read", d.Signed, d.Until)
			}
		}
	})
}

// TestRecordTakesOnlyWhatIsSound: nothing unsound reaches the journal, and what
// the projector sets is not taken from outside.
func TestRecordTakesOnlyWhatIsSound(t *testing.T) {
	w := newWorld()
	g := w.gate()
	if _, err := g.Record(t.Context(), says(mrnA, Give, func(d *Directive) { d.Signed = "2026-06-16" })); lockport.KindOf(err) != lockport.Invalid || len(w.entries) != 0 {
		t.Fatalf("%v, %d entries", err, len(w.entries))
	}
	seq := record(t, g, says(mrnA, DenyAll, voided, func(d *Directive) { d.Seq, d.Ended, d.Recorded = 7, noon, noon.AddDate(-1, 0, 0) }))
	d := w.entries[0].Body.(*Directive)
	if w.entries[0].Seq != seq || w.entries[0].Kind != lockport.EntryDirective || d.Voided || d.Seq != 0 || !d.Ended.IsZero() || !d.Recorded.Equal(noon) || !w.entries[0].Time.Equal(noon) {
		t.Errorf("entry %d: voided %t, recorded %s", seq, d.Voided, d.Recorded)
	}
}

func TestAuditLines(t *testing.T) {
	type liner interface {
		AuditLine() (string, string, string)
	}
	planted := "PLANTED NAME"
	for _, test := range []struct {
		body liner
		want [3]string
	}{
		{&Directive{Operator: "officer", Participant: "upstate", Value: DenyAll, Patient: lockport.Identifier{Value: planted}, Visit: planted, Form: planted}, [3]string{"officer", "directive", "deny for upstate"}},
		{&Directive{Application: "ehr", Community: true, Value: Give}, [3]string{"ehr", "directive", "give for the community"}},
		{&Directive{Operator: "officer", Voids: 12}, [3]string{"officer", "directive void", "voids 12"}},
		{&Grant{Clinician: "1234567893", Participant: "upstate", Reason: "UNCONSCIOUS", Text: planted}, [3]string{"1234567893", "emergency access", "for upstate, attested"}},
		{&Grant{Clinician: "1234567893", Participant: "upstate", Reason: planted}, [3]string{"1234567893", "emergency access", "for upstate, attested"}},
		{(*Directive)(nil), [3]string{"", "directive", ""}},
		{(*Grant)(nil), [3]string{"", "emergency access", ""}},
	} {
		who, what, detail := test.body.AuditLine()
		if got := [3]string{who, what, detail}; got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

// TestNothingPrintsAPatient plants a word in every type that can carry protected
// information and prints it in every way.
func TestNothingPrintsAPatient(t *testing.T) {
	const planted = "PLANTED"
	id := lockport.Identifier{Value: planted, Authority: "A"}
	d := Directive{Patient: id, Visit: planted, Evidence: []byte(planted)}
	s := Subject{BirthDate: planted, Directives: []Directive{d}, Grants: []Grant{{Text: planted}}}
	a := &Attestation{Reason: planted, Text: planted}
	for _, v := range []any{d, &d, s, &s, Grant{Text: planted}, *a, a, Question{BirthDate: planted, Attestation: a}, Request{Patient: id, Attestation: a},
		&Ticket{subject: s}, []any{s, &d}, d.Validate(time.Time{}), gateError(d.Validate(noon), lockport.Internal)} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			out := fmt.Sprintf(verb, v)
			if strings.Contains(out, planted) || strings.Contains(out, hex.EncodeToString([]byte(planted))) {
				t.Errorf("%T prints its content with %s", v, verb)
			}
		}
	}
}
