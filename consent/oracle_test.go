package consent

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/lockport-hie/lockport"
	"pgregory.net/rapid"
)

// The oracle decides slowly and in another way than Decide: it works on a patient
// described in words (what the form of each scope comes to, who asks and why)
// and looks the answer up in the table of docs/CONSENT.md.

// state is what one scope comes to, and a way to get there.
type state struct {
	name  string
	value Value  // "" nothing on file
	why   Reason // why not
	make  func(scope lockport.ParticipantID, seq lockport.Seq) []Directive
}

var states = []state{
	{"none", "", "", func(lockport.ParticipantID, lockport.Seq) []Directive { return nil }},
	{"give", Give, "", one(Give, "2026-01-01")},
	{"emergency-only", EmergencyOnly, "", one(EmergencyOnly, "2026-01-01")},
	{"deny", DenyAll, "", one(DenyAll, "2026-01-01")},
	{"withdrawn", "", Withdrawn, one(Withdraw, "2026-01-01")},
	{"deny before joining", DenyAll, "", one(DenyAll, "2010-01-01")},
	{"give before joining", "", NotJoinedAtSignature, one(Give, "2019-12-31")},
	{"give naming later ones", Give, "", one(Give, "2019-12-31", namesLater)},
	{"expired give", "", Expired, one(Give, "2026-01-01", until("2026-06-14"))},
	{"expired deny", "", Expired, one(DenyAll, "2026-01-01", until("2026-06-14"))},
	{"future give", "", NotYetEffective, one(Give, "2026-01-01", effective("2026-07-01"))},
	{"future deny", "", NotYetEffective, one(DenyAll, "2026-01-01", effective("2026-07-01"))},
	{"voided deny", "", "", one(DenyAll, "2026-01-01", voided)},
	{"deny after give", DenyAll, "", two(form(0, "x", Give, "2025-01-01"), form(0, "x", DenyAll, "2026-01-01"))},
	{"give after deny", Give, "", two(form(0, "x", DenyAll, "2025-01-01"), form(0, "x", Give, "2026-01-01"))},
	{"give and deny of one day", DenyAll, "", two(form(0, "x", DenyAll, "2026-01-01"), form(0, "x", Give, "2026-01-01"))},
	{"give here, emergency-only on a linked identifier", EmergencyOnly, "", two(form(0, "x", EmergencyOnly, "2025-01-01", onB), form(0, "x", Give, "2026-01-01"))},
}

// own is what the state comes to on the participant's own forms: one that gives
// names the participant, whenever it joined.
func (s state) own() state {
	if s.why == NotJoinedAtSignature {
		s.value, s.why = Give, ""
	}
	return s
}

func one(v Value, signed string, change ...func(*Directive)) func(lockport.ParticipantID, lockport.Seq) []Directive {
	return two(form(0, "x", v, signed, change...))
}

func two(ds ...Directive) func(lockport.ParticipantID, lockport.Seq) []Directive {
	return func(scope lockport.ParticipantID, seq lockport.Seq) []Directive {
		ds := slices.Clone(ds)
		for i := range ds {
			ds[i].Seq = seq + lockport.Seq(i)
			ds[i].Participant, ds[i].Community = scope, false
			if scope == "*" {
				ds[i].Participant, ds[i].Community = "", true
			}
		}
		return ds
	}
}

type cell struct {
	community, own  state
	purpose         lockport.Purpose
	what            What
	department      bool
	capable         bool
	practitioner    bool
	attestation     bool
	access          string // none, open, over
	deniedAfterward bool   // a denial was recorded after the access was opened
}

// expect is the table of docs/CONSENT.md, row by row.
func expect(c cell) (Effect, Reason) {
	usual := c.purpose == "TREAT" || c.purpose == "ETREAT" || c.purpose == "HOPERAT"
	value, why := c.own.value, c.own.why
	permit := ParticipantGive
	if value == "" {
		value, permit = c.community.value, CommunityGive
		if why == "" {
			why = c.community.why
		}
		if why == "" {
			why = NothingOnFile
		}
	}
	if value == EmergencyOnly {
		why = EmergencyOnlyOnFile
	}
	switch {
	case c.community.value == DenyAll:
		return Deny, CommunityDeny
	case c.purpose == "PATRQT":
		return Deny, PrivacyOfficerOnly
	case c.purpose == "PUBHLTH" && !c.department:
		return Deny, NotAHealthDepartment
	case c.purpose == "PUBHLTH" && c.what == Reportable:
		return Permit, PublicHealthUse
	case !usual || c.what > Alert:
		return Deny, PurposeNotPermitted
	case c.what == OneToOne:
		return Permit, OneToOneDelivery
	case value == DenyAll:
		return Deny, ParticipantDeny
	case value == Give:
		return Permit, permit
	case c.what == Alert && value == "" && c.purpose != "ETREAT":
		return Permit, AlertLimited
	case c.what == Alert || c.purpose != "ETREAT":
		return Deny, why
	case !c.capable:
		return Deny, NotEmergencyCapable
	case !c.practitioner:
		return Deny, NotAPractitioner
	case c.access == "open" && !c.deniedAfterward:
		return PermitEmergency, EmergencyGrant
	case c.attestation:
		return PermitEmergency, EmergencyAttested
	}
	return Deny, AttestationMissing
}

// TestDecideWholeTable asks every cell of the product.
func TestDecideWholeTable(t *testing.T) {
	cells, seen := 0, map[string]int{}
	for c := range product() {
		ds := append(c.community.make("*", 10), c.own.make("upstate", 20)...)
		if c.deniedAfterward { // recorded after the access was opened, and over by now
			ds = append(ds, form(40, "upstate", DenyAll, "2001-01-01", until("2002-01-01")))
		}
		var grants []Grant
		switch c.access {
		case "open":
			grants = []Grant{access(30)}
		case "over":
			grants = []Grant{access(30, func(g *Grant) { g.Until = noon })}
		}
		q := asks(purpose(c.purpose), what(c.what))
		q.Party.HealthDepartment, q.Party.EmergencyCapable, q.Party.Practitioner = c.department, c.capable, c.practitioner
		if c.attestation {
			attested(&q)
		}
		effect, reason := expect(c)
		got := Decide(ds, grants, q)
		if got.Effect != effect || got.Reason != reason {
			t.Fatalf("community %s, own %s, %+v:\ngot %s %s, want %s %s", c.community.name, c.own.name, q, got.Effect, got.Reason, effect, reason)
		}
		cells++
		seen[string(got.Reason)]++
	}
	t.Logf("%d cells, %d reasons", cells, len(seen))
	if len(seen) != 21 {
		t.Errorf("%d reasons were seen: %v", len(seen), seen)
	}
}

func product() func(yield func(cell) bool) {
	bools := []bool{false, true}
	return func(yield func(cell) bool) {
		for i := range len(states) * len(states) * 6 * 4 * 64 {
			var c cell
			pick := func(n int) int { k := i % n; i /= n; return k }
			c.community, c.own = states[pick(len(states))], states[pick(len(states))].own()
			c.purpose = []lockport.Purpose{"TREAT", "ETREAT", "HOPERAT", "PUBHLTH", "PATRQT", "HRESCH"}[pick(6)]
			c.what = []What{Record, OneToOne, Alert, Reportable}[pick(4)]
			c.department, c.capable, c.practitioner, c.attestation = bools[pick(2)], bools[pick(2)], bools[pick(2)], bools[pick(2)]
			c.access = []string{"none", "open", "over", "denied"}[pick(4)]
			if c.access == "denied" {
				c.access, c.deniedAfterward = "open", true
				if c.own.value == "" && c.own.why != Withdrawn {
					c.own.why = Expired // the denial is over, and the newest that was on file
				}
			}
			if !yield(c) {
				return
			}
		}
	}
}

// drawForm draws a directive that can be read, from few values, so that they
// collide often.
func drawForm(t *rapid.T, seq lockport.Seq) Directive {
	d := form(seq, rapid.SampledFrom([]lockport.ParticipantID{"*", "upstate", "upstate", "crouse"}).Draw(t, "scope"),
		rapid.SampledFrom([]Value{Give, EmergencyOnly, DenyAll, Withdraw}).Draw(t, "value"),
		rapid.SampledFrom([]string{"2019-06-01", "2026-01-01", "2026-01-01T08:00:00-04:00", "2026-01-01T20:00:00-04:00",
			"2026-01-02T01:00:00Z", "2026-01-02", "2026-06-15", "2026-06-15T11:00:00-04:00", "2026-06-16"}).Draw(t, "signed"))
	d.Voided = rapid.IntRange(0, 9).Draw(t, "voided") == 0
	d.NamesLater = rapid.Bool().Draw(t, "later")
	d.Signer = rapid.SampledFrom([]string{"", SignerSelf, SignerParent}).Draw(t, "signer")
	d.Until = rapid.SampledFrom([]lockport.Date{"", "", "2026-06-14", "2026-06-15"}).Draw(t, "until")
	d.Effective = rapid.SampledFrom([]lockport.Date{"", "", "2026-06-15", "2026-06-16"}).Draw(t, "effective")
	d.Covers = rapid.SliceOfNDistinct(rapid.SampledFrom(categories), 0, 3, rapid.ID).Draw(t, "covers")
	if rapid.Bool().Draw(t, "B") {
		onB(&d)
	}
	if d.Value == Give && rapid.IntRange(0, 3).Draw(t, "visit") == 0 {
		d.Visit = "V"
	}
	return d
}

func drawForms(t *rapid.T) []Directive {
	var ds []Directive
	for i := range rapid.IntRange(0, 6).Draw(t, "forms") {
		ds = append(ds, drawForm(t, lockport.Seq(2*i+2)))
	}
	return ds
}

func drawQuestion(t *rapid.T) Question {
	q := asks(purpose(rapid.SampledFrom([]lockport.Purpose{"TREAT", "ETREAT", "ETREAT", "HOPERAT", "PUBHLTH", "PATRQT", ""}).Draw(t, "purpose")))
	q.What = rapid.SampledFrom([]What{Record, Record, OneToOne, Alert, Reportable}).Draw(t, "what")
	q.Party.HealthDepartment = rapid.Bool().Draw(t, "department")
	q.Party.EmergencyCapable = rapid.IntRange(0, 3).Draw(t, "capable") > 0
	q.Party.Practitioner = rapid.IntRange(0, 3).Draw(t, "practitioner") > 0
	q.BirthDate = rapid.SampledFrom([]string{"19700101", "", "2008", "20080615", "20080616", "20120101", "2007", "20020101"}).Draw(t, "birth")
	if rapid.Bool().Draw(t, "attested") {
		attested(&q)
	}
	return q
}

func drawGrants(t *rapid.T) []Grant {
	var gs []Grant
	for _, n := range rapid.SliceOfNDistinct(rapid.IntRange(0, 6), 0, 2, rapid.ID).Draw(t, "grants") {
		gs = append(gs, access(lockport.Seq(2*n+1), func(g *Grant) {
			g.From = noon.Add(time.Duration(rapid.IntRange(-26, 1).Draw(t, "from")) * time.Hour)
			g.Until = g.From.Add(24 * time.Hour)
		}))
	}
	return gs
}

// TestDenialNeverOpens: whatever is on file, one more denial, wherever and
// however dated, opens nothing and widens nothing. One label is an exception: a
// parent's denial that has become emergency-only at 18 takes the place of a give,
// and what is attested as an emergency then opens Part 2 as it does with nothing
// on file (42 CFR 2.51).
func TestDenialNeverOpens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ds, grants, q := drawForms(t), drawGrants(t), drawQuestion(t)
		deny := drawForm(t, 99)
		deny.Value, deny.Voided, deny.Visit = DenyAll, false, ""
		before, after := Decide(ds, grants, q), Decide(append(ds, deny), grants, q)
		opened := after.Permits() && !before.Permits()
		widened := slices.ContainsFunc(after.Covers, func(c Category) bool {
			attested := c == Part2 && after.Effect == PermitEmergency && deny.Signer == SignerParent
			return !slices.Contains(before.Covers, c) && !attested
		})
		if opened || widened || before.Effect == PermitEmergency && after.Effect == Permit {
			t.Fatalf("%s %s %v became %s %s %v", before.Effect, before.Reason, before.Covers, after.Effect, after.Reason, after.Covers)
		}
	})
}

// TestOrderDoesNotMatter: the same files in another order give the same answer,
// trace included.
func TestOrderDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ds, grants, q := drawForms(t), drawGrants(t), drawQuestion(t)
		a := fmt.Sprint(Decide(ds, grants, q))
		b := fmt.Sprint(Decide(rapid.Permutation(ds).Draw(t, "order"), rapid.Permutation(grants).Draw(t, "grant order"), q))
		if a != b {
			t.Fatalf("%s\n%s", a, b)
		}
	})
}

// TestLatestAgainstOracle holds the choice among forms against another reading of
// "latest at the coarser precision": a form that states only a day may have been
// signed at any moment of it; a form counts where it may have been the last one.
func TestLatestAgainstOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ds := drawForms(t)
		q := asks()
		for i := range ds {
			ds[i].Signer, ds[i].Visit, ds[i].NamesLater = SignerSelf, "", true
		}
		want := map[string]Value{"*": oracleValue(ds, "", true), "upstate": oracleValue(ds, "upstate", false)}
		got := Decide(ds, nil, q)
		var effect Effect
		own := want["upstate"]
		if own == "" || own == Withdraw {
			own = want["*"]
		}
		if want["*"] != DenyAll && own == Give {
			effect = Permit
		}
		if got.Effect != effect {
			t.Fatalf("community %q, own %q, got %s %s\n%v", want["*"], want["upstate"], got.Effect, got.Reason, got.Trace)
		}
	})
}

func oracleValue(ds []Directive, scope lockport.ParticipantID, community bool) Value {
	const today = "2026-06-15"
	live := slices.DeleteFunc(slices.Clone(ds), func(d Directive) bool {
		notYet := d.Value == Give && d.Signed > "2026-06-15T12"
		ended := d.Until != "" && d.Until < today && d.Value != Withdraw
		return d.Community != community || d.Participant != scope || d.Voided || d.Effective > today || ended || notYet
	})
	span := func(d Directive) (first, last time.Time) {
		if s, err := time.ParseInLocation(time.DateOnly, d.Signed, newYork); err == nil {
			return s, s.Add(24*time.Hour - 1)
		}
		s, _ := time.Parse(time.RFC3339, d.Signed)
		return s, s
	}
	strictest := Value("")
	order := []Value{"", Give, Withdraw, EmergencyOnly, DenyAll}
	for _, d := range live {
		_, last := span(d)
		lost := slices.ContainsFunc(live, func(o Directive) bool {
			first, _ := span(o)
			return o.Patient.Value == d.Patient.Value && first.After(last)
		})
		if !lost && slices.Index(order, d.Value) > slices.Index(order, strictest) {
			strictest = d.Value
		}
	}
	return strictest
}

// TestDecideIsTotal feeds what no honest journal holds: it always answers, and a
// directive about the asker that cannot be read never leaves anything open.
func TestDecideIsTotal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ds, grants, q := drawForms(t), drawGrants(t), drawQuestion(t)
		odd := rapid.Custom(func(t *rapid.T) Directive {
			text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "2026-01-01", "give", "9999-12-31", "0000-01-01", "2026-02-30"}))
			return Directive{Seq: lockport.Seq(rapid.Uint64().Draw(t, "seq")), Community: rapid.Bool().Draw(t, "c"), Signed: text.Draw(t, "s"),
				Participant: lockport.ParticipantID(rapid.SampledFrom([]string{"upstate", "", "crouse"}).Draw(t, "p")),
				Value:       Value(text.Draw(t, "v")), Effective: lockport.Date(text.Draw(t, "e")), Until: lockport.Date(text.Draw(t, "u")),
				Visit: text.Draw(t, "visit"), Signer: text.Draw(t, "signer"), Voids: lockport.Seq(rapid.IntRange(0, 1).Draw(t, "voids"))}
		})
		q.BirthDate = rapid.OneOf(rapid.String(), rapid.StringMatching(`[0-9]{4,12}`)).Draw(t, "birth")
		q.At = time.Unix(rapid.Int64().Draw(t, "at"), 0)
		q.What, q.Party.Joined = What(rapid.Uint8().Draw(t, "what")), lockport.Date(rapid.String().Draw(t, "joined"))
		if rapid.Bool().Draw(t, "zone") {
			q.Zone = nil
		}
		Decide(append(ds, rapid.SliceOfN(odd, 0, 4).Draw(t, "odd")...), grants, q)

		bad := form(50, "upstate", Give, "2026-13-01")
		bad.Community = rapid.Bool().Draw(t, "both scopes")
		if d := Decide(append(ds, bad), grants, q); d.Permits() {
			t.Fatalf("permitted beside an unreadable directive: %s", d.Reason)
		}
	})
}
