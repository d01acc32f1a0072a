package consent

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lockport-hie/lockport"
)

func record(t *testing.T, g *Gate, d Directive) lockport.Seq {
	t.Helper()
	seq, err := g.Record(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	return seq
}

func open(t *testing.T, g *Gate, r Request) *Ticket {
	t.Helper()
	ticket, err := g.Open(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ticket.Close)
	return ticket
}

func TestTicketReleasesOnlyWhatIsAudited(t *testing.T) {
	w := newWorld()
	g := w.gate()
	basis := record(t, g, says(mrnA, Give))
	ticket := open(t, g, request())
	if d := ticket.Decision(); d.Effect != Permit || d.Basis != basis {
		t.Fatalf("%s %s (%d)", d.Effect, d.Reason, d.Basis)
	}
	if !ticket.Permits() || ticket.Released() {
		t.Error("before the audit entry: records may be read, bytes may not leave")
	}
	if ticket.Disclosed(0); ticket.Released() {
		t.Error("released on no audit entry")
	}
	if ticket.Disclosed(9); !ticket.Released() {
		t.Error("not released on a durable audit entry")
	}
	if ticket.Person() != 1 || len(ticket.Registrations()) != 1 || ticket.AsOf() != basis || !ticket.Known() {
		t.Error("the subject is not the patient")
	}
	ticket.Close()
	ticket.Close()
	if ticket.Released() || ticket.Permits() || ticket.Context().Err() == nil {
		t.Error("a closed ticket is worth something")
	}
	if ticket.Decision().Effect != Permit {
		t.Error("the decision is not readable after Close")
	}
}

func TestTicketOfNobodyPermitsNothing(t *testing.T) {
	for _, ticket := range []*Ticket{nil, {}, {decision: Decision{Effect: Permit}}} {
		ticket.Disclosed(1)
		if ticket.Permits() || ticket.Released() || ticket.Context().Err() == nil || ticket.Decision().Permits() {
			t.Error("a ticket that no gate made permits")
		}
		ticket.Close()
	}
}

func TestDeniedTicketNeverReleases(t *testing.T) {
	w := newWorld()
	g := w.gate()
	record(t, g, says(mrnA, DenyAll))
	for name, r := range map[string]Request{
		"denied":       request(),
		"emergency":    request(breakGlass),
		"unknown":      request(func(r *Request) { r.Patient.Value = "nobody" }),
		"no purpose":   request(func(r *Request) { r.Purpose = "" }),
		"registration": request(func(r *Request) { r.Patient, r.Registration = lockport.Identifier{}, 1 }),
	} {
		ticket := open(t, g, r)
		ticket.Disclosed(9)
		if ticket.Permits() || ticket.Released() {
			t.Errorf("%s: released", name)
		}
	}
	if len(w.entries) != 1 {
		t.Errorf("%d entries: an attestation against a denial left an emergency access", len(w.entries))
	}
}

func TestUnknownPatientIsDeniedWhateverIsOnFile(t *testing.T) {
	w := newWorld()
	g := w.gate()
	record(t, g, says("later", Give))
	if d := open(t, g, request(func(r *Request) { r.Patient.Value = "later" })).Decision(); d.Reason != UnknownPatient {
		t.Errorf("%s %s", d.Effect, d.Reason)
	}
	w.link("later", 2)
	if d := open(t, g, request(func(r *Request) { r.Patient.Value = "later" })).Decision(); d.Reason != ParticipantGive {
		t.Errorf("the directive does not count for the person that came later: %s %s", d.Effect, d.Reason)
	}
}

func TestBreakTheGlass(t *testing.T) {
	w := newWorld()
	g := w.gate()
	first := open(t, g, request(breakGlass)).Decision()
	if first.Effect != PermitEmergency || first.Reason != EmergencyAttested || first.Grant == 0 {
		t.Fatalf("%s %s, access %d", first.Effect, first.Reason, first.Grant)
	}
	grant, ok := w.entries[0].Body.(*Grant)
	if !ok || w.entries[0].Kind != lockport.EntryGrant || grant.Until.Sub(grant.From) != 24*time.Hour ||
		grant.Clinician != "1234567893" || grant.Participant != "upstate" || grant.Registration != 1 || grant.Text == "" {
		t.Fatalf("the entry is not the access: %v", grant)
	}
	again := request(func(r *Request) { r.Purpose = lockport.EmergencyTreatment })
	if d := open(t, g, again).Decision(); d.Reason != EmergencyGrant || d.Grant != first.Grant || len(w.entries) != 1 {
		t.Errorf("inside: %s, access %d, %d entries", d.Reason, d.Grant, len(w.entries))
	}
	again.Clinician = "1999999999"
	if d := open(t, g, again).Decision(); d.Effect != Deny {
		t.Errorf("another clinician: %s", d.Effect)
	}
	again.Clinician = "1234567893"
	w.mu.Lock()
	w.now = noon.Add(24 * time.Hour)
	w.mu.Unlock()
	if d := open(t, g, again).Decision(); d.Reason != AttestationMissing {
		t.Errorf("a day later: %s %s", d.Effect, d.Reason)
	}
}

// TestLinkWhileOpening: an identifier that joins the patient after the gate
// looked it up, with a denial on it, is found under the locks.
func TestLinkWhileOpening(t *testing.T) {
	w := newWorld()
	w.persons[mrnB] = 2
	g := w.gate()
	record(t, g, says(mrnA, Give))
	record(t, g, says(mrnB, DenyAll))
	w.calls["SubjectOf"] = 0
	w.before = func(method string) {
		if method == "SubjectOf" && w.calls[method] == 2 {
			w.link(mrnB, 1)
		}
	}
	ticket := open(t, g, request())
	if d := ticket.Decision(); d.Reason != ParticipantDeny {
		t.Errorf("%s %s: the linked denial does not count", d.Effect, d.Reason)
	}
	if w.calls["SubjectOf"] != 3 {
		t.Errorf("%d look-ups: the new identifier was not locked", w.calls["SubjectOf"])
	}
}

// TestLinkForEver: identifiers that never come to rest are no decision.
func TestLinkForEver(t *testing.T) {
	w := newWorld()
	g := w.gate()
	record(t, g, says(mrnA, Give))
	n := 0
	w.before = func(method string) {
		if method == "SubjectOf" {
			n++
			w.link(string(rune('a'+n)), 1)
		}
	}
	if _, err := g.Open(t.Context(), request()); lockport.KindOf(err) != lockport.Unavailable {
		t.Errorf("got %v", err)
	}
	if _, err := g.Record(t.Context(), says(mrnA, DenyAll)); lockport.KindOf(err) != lockport.Unavailable {
		t.Errorf("got %v", err)
	}
}

// TestFailClosed takes every method of every interface the gate depends on and
// lets it fail in every way. A method without a call in the matrix fails it.
func TestFailClosed(t *testing.T) {
	secret := errors.New("boom")
	faults := map[string]func(context.Context) (bool, error){
		"error":     func(context.Context) (bool, error) { return false, secret },
		"not found": func(context.Context) (bool, error) { return false, lockport.Errorf(lockport.NotFound, "", "no row") },
		"refused":   func(context.Context) (bool, error) { return false, lockport.Errorf(lockport.Refused, "", "no") },
		"panic":     func(context.Context) (bool, error) { panic("what was being read") },
		"zero":      func(context.Context) (bool, error) { return true, nil },
		"hangs": func(ctx context.Context) (bool, error) {
			<-ctx.Done()
			return false, ctx.Err()
		},
	}
	var methods []string
	for _, i := range []reflect.Type{reflect.TypeFor[Subjects](), reflect.TypeFor[Parties](), reflect.TypeFor[lockport.Journal]()} {
		for m := range i.NumMethod() {
			methods = append(methods, i.Method(m).Name)
		}
	}
	for _, method := range methods {
		for name, fault := range faults {
			for call := 1; call <= 2; call++ {
				t.Run(method+" "+name, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { failOnce(t, method, call, fault) })
				})
			}
		}
	}
}

// failOnce lets the call-th call of a method fail, and then asks again.
func failOnce(t *testing.T, method string, call int, fault func(context.Context) (bool, error)) {
	w := newWorld()
	g := w.gate()
	hit := false
	w.fault = func(ctx context.Context, m string) (bool, error) {
		w.mu.Lock()
		now := m == method && w.calls[m] == call
		w.mu.Unlock()
		if now {
			hit = true
			return fault(ctx)
		}
		return false, nil
	}
	try := func(what string, f func(ctx context.Context) error) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		hit = false
		err := f(ctx)
		if hit && err == nil {
			t.Errorf("%s went through", what)
		}
		if k := lockport.KindOf(err); err != nil && (k == lockport.NotFound || k == lockport.Refused) {
			t.Errorf("%s: kind %s would be read as an answer about the patient", what, k)
		}
	}
	opens := func(r Request) func(context.Context) error {
		return func(ctx context.Context) error {
			ticket, err := g.Open(ctx, r)
			if err != nil && ticket.Permits() {
				t.Error("permits beside an error")
			}
			ticket.Close()
			return err
		}
	}
	byRow := request(breakGlass, func(r *Request) { r.Patient, r.Registration = lockport.Identifier{}, 1 })
	try("open", opens(request(breakGlass)))
	try("open by registration", opens(byRow))
	try("explain", func(ctx context.Context) error {
		d, _, err := g.Explain(ctx, request(), time.Time{})
		if err != nil && d.Permits() {
			t.Error("permits beside an error")
		}
		return err
	})
	try("record", func(ctx context.Context) error {
		_, err := g.Record(ctx, says(mrnA, EmergencyOnly))
		return err
	})
	if w.calls[method] < call {
		t.Fatalf("the matrix does not call %s %d times", method, call)
	}
	// Whatever failed has given its locks back.
	w.fault = nil
	start := time.Now()
	record(t, g, says(mrnA, DenyAll, func(d *Directive) { d.Signed = "2026-06-02" }))
	if waited := time.Since(start); waited != 0 {
		t.Errorf("a lock was left behind: waited %s", waited)
	}
	if open(t, g, request(breakGlass)).Permits() {
		t.Error("permits after a denial")
	}
}

func TestWrongAnswersAreNoDecision(t *testing.T) {
	w := newWorld()
	sound := w.subject(mrnA)
	for name, change := range map[string]func(*Subject){
		"no tokens":               func(s *Subject) { s.Tokens = nil },
		"known without person":    func(s *Subject) { s.Person = 0 },
		"known in an empty store": func(s *Subject) { s.AsOf = 0 },
		"unknown with records":    func(s *Subject) { s.Known = false },
		"asked is not its own":    func(s *Subject) { s.Asked = 9; s.Registrations = []lockport.RegistrationID{1, 7} },
	} {
		s := sound
		change(&s)
		g := w.gate(func(c *Config) { c.Subjects = fixed(s) })
		if ticket, err := g.Open(t.Context(), request(func(r *Request) { r.Patient, r.Registration = lockport.Identifier{}, 1 })); err == nil {
			ticket.Close()
			t.Errorf("%s: %s", name, ticket.Decision().Reason)
		}
	}
	g := w.gate(func(c *Config) { c.Subjects = fixed(sound) })
	record(t, g, says(mrnA, DenyAll)) // its entry is newer than what fixed goes on to answer
	if _, err := g.Open(t.Context(), request()); lockport.KindOf(err) != lockport.Unavailable {
		t.Errorf("a snapshot from before the denial: %v", err)
	}
}

// fixed answers every question with the same subject.
type fixed Subject

func (f fixed) SubjectOf(context.Context, lockport.Identifier) (Subject, error) {
	return Subject(f), nil
}
func (f fixed) SubjectOfRegistration(context.Context, lockport.RegistrationID) (Subject, error) {
	return Subject(f), nil
}

func TestRequestsThatNameNobody(t *testing.T) {
	g := newWorld().gate()
	for name, test := range map[string]struct {
		r    Request
		kind lockport.Kind
	}{
		"no patient":          {request(func(r *Request) { r.Patient.Value = "" }), lockport.Invalid},
		"two patients":        {request(func(r *Request) { r.Registration = 1 }), lockport.Invalid},
		"no participant":      {request(func(r *Request) { r.Participant = "" }), lockport.Invalid},
		"unknown participant": {request(func(r *Request) { r.Participant = "elsewhere" }), lockport.Unauthorized},
	} {
		if _, err := g.Open(t.Context(), test.r); lockport.KindOf(err) != test.kind || err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestClosedPatientIsDenied(t *testing.T) {
	s := newWorld().subject(mrnA)
	s.Closed = true
	d := decide(s, request(), asks(what(OneToOne)))
	if d.Permits() || d.Reason != PatientClosed {
		t.Errorf("%s %s", d.Effect, d.Reason)
	}
}

// TestHiddenRegistrationIsDenied: a feed's row may name a registration that was
// deleted meanwhile. That is an answer and not a failure, or the feed would stop.
func TestHiddenRegistrationIsDenied(t *testing.T) {
	w := newWorld()
	g := w.gate()
	record(t, g, says(mrnA, Give))
	d := open(t, g, request(func(r *Request) { r.Patient, r.Registration = lockport.Identifier{}, 7 })).Decision()
	if d.Effect != Deny || d.Reason != UnknownPatient {
		t.Errorf("%s %s", d.Effect, d.Reason)
	}
}

// TestGateWithoutAClock: a gate that was wired wrongly decides nothing.
func TestGateWithoutAClock(t *testing.T) {
	w := newWorld()
	g := NewGate(Config{Subjects: w, Parties: w, Journal: w})
	ticket, err := g.Open(t.Context(), request())
	if lockport.KindOf(err) != lockport.Internal || ticket.Permits() {
		t.Errorf("got %v", err)
	}
	if _, err := (NewGate(Config{})).Record(t.Context(), says(mrnA, DenyAll)); lockport.KindOf(err) != lockport.Internal {
		t.Errorf("got %v", err)
	}
}

// TestGrantStandsOnTheLowestRegistration where the store does not say which one
// was asked for.
func TestGrantStandsOnTheLowestRegistration(t *testing.T) {
	w := newWorld()
	s := w.subject(mrnA)
	s.Asked, s.Registrations = 0, []lockport.RegistrationID{5, 2, 9}
	g := w.gate(func(c *Config) { c.Subjects = fixed(s) })
	open(t, g, request(breakGlass))
	if grant := w.entries[0].Body.(*Grant); grant.Registration != 2 {
		t.Errorf("registration %d", grant.Registration)
	}
}

// TestExplainLooksBack: what would have been decided then, with what was on file
// then.
func TestExplainLooksBack(t *testing.T) {
	w := newWorld()
	g := w.gate()
	step := func(d Directive) lockport.Seq {
		w.mu.Lock()
		w.now = w.now.Add(time.Hour)
		w.mu.Unlock()
		return record(t, g, d)
	}
	first := noon.Add(time.Hour)
	step(says(mrnA, Give))
	step(says(mrnA, DenyAll, func(d *Directive) { d.Signed = "2026-06-02" }))
	step(says(mrnA, Give, func(d *Directive) { d.Signed = "2026-06-03" }))
	for _, test := range []struct {
		at     time.Time
		reason Reason
	}{
		{first.Add(-time.Second), NothingOnFile}, {first, ParticipantGive}, {first.Add(time.Hour), ParticipantDeny},
		{first.Add(2 * time.Hour), ParticipantGive}, {time.Time{}, ParticipantGive}, {noon.AddDate(1, 0, 0), ParticipantGive},
	} {
		d, s, err := g.Explain(t.Context(), request(), test.at)
		if err != nil || d.Reason != test.reason || s.Person != 1 {
			t.Errorf("at %s: %s %s, want %s (%v)", test.at, d.Effect, d.Reason, test.reason, err)
		}
	}
}
