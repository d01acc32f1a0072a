package repositorytest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/clinical"
	"github.com/lockport-hie/lockport/consent"
	"github.com/lockport-hie/lockport/patient"
)

// identifier makes the identifier of the small region below: value@N.
func identifier(value string) lockport.Identifier {
	return lockport.Identifier{Value: value, Authority: "N", Type: "MR"}
}

// region is a record of a few patients:
//
//	person 1: registrations 1 (a), 2 (b, merged into 1), 3 (c, linked)
//	person 4: registration 4 (d)
//	person 5: registration 5 (e), closed by a merge that failed
//	person 6: registration 6 (f), deleted
//	identifier "both" is held by registrations 1 and 4
func region(tx lockport.Tx, e *lockport.Entry) error {
	switch body := e.Body.(type) {
	case *consent.Directive:
		return recordDirective(tx, e, body)
	case *consent.Grant:
		own := *body
		own.Seq = e.Seq
		return tx.Put(lockport.TableGrants, consent.GrantKey(own.Registration, e.Seq), &own)
	}
	var errs []error
	put := func(t lockport.Table, key []byte, row any) { errs = append(errs, tx.Put(t, key, row)) }
	holds := func(value string, ids ...lockport.RegistrationID) {
		token := lockport.IdentifierToken(tx, identifier(value))
		put(lockport.TableIdentifiers, token[:], &patient.Holders{Registrations: ids})
	}
	for _, r := range []patient.Registration{
		{ID: 1, Person: 1, Details: patient.Demographics{BirthDate: "1970"}, Updated: 1},
		{ID: 2, Person: 1, Into: 1, Details: patient.Demographics{BirthDate: "1990"}, Updated: 9},
		{ID: 3, Person: 1, Details: patient.Demographics{Sex: "F"}, Updated: 20},
		{ID: 4, Person: 4}, {ID: 5, Person: 5}, {ID: 6, Person: 6, Deleted: true},
	} {
		value := string(rune('a' + r.ID - 1))
		r.Identifiers = []lockport.Identifier{identifier(value)}
		put(lockport.TableRegistrations, r.ID.Key(), &r)
		holds(value, r.ID)
		errs = append(errs, results(tx, e, r.ID)...)
	}
	holds("both", 1, 4)
	for _, p := range []patient.Person{
		{ID: 1, Registrations: []lockport.RegistrationID{1, 2, 3}}, {ID: 4, Registrations: []lockport.RegistrationID{4}},
		{ID: 5, Registrations: []lockport.RegistrationID{5}, Closed: 7}, {ID: 6, Registrations: []lockport.RegistrationID{6}},
	} {
		put(lockport.TablePersons, p.ID.Key(), &p)
	}
	return errors.Join(errs...)
}

// results gives a registration two results with two versions each, one visit
// and one outbox row.
func results(tx lockport.Tx, e *lockport.Entry, reg lockport.RegistrationID) (errs []error) {
	put := func(t lockport.Table, key []byte, row any) { errs = append(errs, tx.Put(t, key, row)) }
	for n := range 2 {
		token := tx.Token("order", string(reg.Key()), string(rune('0'+n)))
		collected := at.Add(time.Duration(10*n+int(reg)) * time.Hour)
		r := clinical.Result{Token: token, Registration: reg, Service: clinical.Coded{Code: "S"}, Collected: collected}
		for order := 1; order <= 2; order++ {
			v := clinical.Version{Seq: e.Seq, Order: 100*int(reg) + 10*n + order, Status: "F", Units: []clinical.Unit{{Code: clinical.Coded{Code: "O"}, Status: "F", Segments: []byte{'v', byte('0' + order)}}, {Code: clinical.Coded{Code: string(rune('0' + n))}, Status: "F"}}}
			if order == 1 {
				r.Hold(v)
			} else {
				put(lockport.TableResultVersions, clinical.VersionKey(v.Seq, v.Order), &v)
			}
			r.Versions = append(r.Versions, v.Ref())
		}
		r.Current = 1
		place := clinical.VersionKey(r.Versions[0].Seq, r.Versions[0].Order)
		put(lockport.TableOrders, token[:], &place)
		put(lockport.TablePatientResults, clinical.ResultIndexKey(reg, collected, token), &place)
		put(lockport.TableResults, place, &r)
	}
	token := tx.Token("visit", string(reg.Key()))
	put(lockport.TableVisits, token[:], &clinical.Visit{Token: token, Registration: reg, Admitted: at})
	put(lockport.TablePatientVisits, clinical.VisitIndexKey(reg, at, token), &clinical.VisitSummary{Admitted: at})
	row := lockport.OutboxRow{Feed: "f", Seq: e.Seq, Group: int(reg), Registration: reg}
	put(lockport.TableOutbox, lockport.OutboxKey("f", e.Seq, int(reg)), &row)
	return errs
}

func subjects(t *testing.T, open Open) {
	s := start(t, open, region)
	must(t, s, message("region"),
		directive(identifier("a"), consent.Give, "p"),
		directive(identifier("b"), consent.DenyAll, "p"), // of a subsumed registration
		directive(identifier("nobody"), consent.Give, "p"),
		directive(identifier("f"), consent.Give, "p"),
		lockport.Entry{Kind: lockport.EntryGrant, Body: &consent.Grant{Registration: 3, Participant: "p", From: at, Until: at}})
	person := []lockport.RegistrationID{1, 2, 3}
	for _, c := range []struct {
		name   string
		want   consent.Subject // of what is compared below
		tokens int
		seqs   []lockport.Seq // of directives
		grants int
	}{
		{"a", consent.Subject{Known: true, Person: 1, Asked: 1, Registrations: person, BirthDate: "1990"}, 3, []lockport.Seq{2, 3}, 1},
		{"b", consent.Subject{Known: true, Person: 1, Asked: 1, Registrations: person, BirthDate: "1990"}, 3, []lockport.Seq{2, 3}, 1},
		{"c", consent.Subject{Known: true, Person: 1, Asked: 3, Registrations: person, BirthDate: "1990"}, 3, []lockport.Seq{2, 3}, 1},
		{"d", consent.Subject{Known: true, Person: 4, Asked: 4, Registrations: []lockport.RegistrationID{4}}, 1, nil, 0},
		{"e", consent.Subject{Known: true, Closed: true, Person: 5, Asked: 5, Registrations: []lockport.RegistrationID{5}}, 1, nil, 0},
		{"f", consent.Subject{Person: 6}, 1, []lockport.Seq{5}, 0},
		{"nobody", consent.Subject{}, 1, []lockport.Seq{4}, 0},
		{"both", consent.Subject{Known: true, Closed: true, Person: 1, Registrations: []lockport.RegistrationID{1, 2, 3, 4}, BirthDate: "1990"}, 5, []lockport.Seq{2, 3}, 1},
	} {
		got, err := s.SubjectOf(t.Context(), identifier(c.name))
		if err != nil {
			t.Fatal(c.name, err)
		}
		checkSubject(t, c.name, got, c.want, c.tokens, c.seqs, c.grants)
		if id := lockport.RegistrationID(c.name[0]-'a') + 1; len(c.name) == 1 {
			again, err := s.SubjectOfRegistration(t.Context(), id)
			if diff := cmp.Diff(got, again); err != nil || diff != "" {
				t.Errorf("%s by its registration: %v %v", c.name, diff, err)
			}
		}
	}
	got, err := s.SubjectOfRegistration(t.Context(), 99)
	if err != nil || got.Known || len(got.Tokens) > 0 {
		t.Errorf("a registration that is not there: %+v, %v", got, err)
	}
	other := identifier("a")
	other.Authority = "S"
	if got, err := s.SubjectOf(t.Context(), other); err != nil || got.Known {
		t.Errorf("the same value of another authority: %+v, %v", got, err)
	}
}

func checkSubject(t *testing.T, name string, got, want consent.Subject, tokens int, seqs []lockport.Seq, grants int) {
	t.Helper()
	if got.AsOf == 0 || len(got.Tokens) != tokens || len(got.Grants) != grants || !slices.IsSortedFunc(got.Tokens, func(a, b lockport.Token) int { return slices.Compare(a[:], b[:]) }) {
		t.Errorf("%s: as of %d, %d tokens, %d grants", name, got.AsOf, len(got.Tokens), len(got.Grants))
	}
	var of []lockport.Seq
	for _, d := range got.Directives {
		of = append(of, d.Seq)
	}
	if slices.Sort(of); !slices.Equal(of, seqs) {
		t.Errorf("%s: directives %v, want %v", name, of, seqs)
	}
	got.AsOf, got.Tokens, got.Directives, got.Grants = 0, nil, nil, nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: %s", name, diff)
	}
}

func endlessMerge(t *testing.T, open Open) {
	s := start(t, open, func(tx lockport.Tx, _ *lockport.Entry) error {
		one, two := patient.Registration{ID: 1, Into: 2}, patient.Registration{ID: 2, Into: 1}
		return errors.Join(tx.Put(lockport.TableRegistrations, one.ID.Key(), &one), tx.Put(lockport.TableRegistrations, two.ID.Key(), &two))
	})
	must(t, s, message("m"))
	got, err := s.SubjectOfRegistration(t.Context(), 1)
	if err == nil || got.Known {
		t.Error("a merge that goes in a circle gave a subject")
	}
}

func withoutTicket(t *testing.T, open Open) {
	s := start(t, open, region)
	must(t, s, message("region"), directive(identifier("a"), consent.Give, "p"))
	closedTicket := openTicket(t, s, "a")
	closedTicket.Close()
	denied := openTicket(t, s, "d")
	for name, ticket := range map[string]*consent.Ticket{"nil": nil, "zero": {}, "closed": closedTicket, "denied": denied} {
		r, err := s.Results(t.Context(), ticket, clinical.ResultFilter{})
		v, err2 := s.Visits(t.Context(), ticket, clinical.VisitFilter{})
		p, err5 := s.Documents(t.Context(), ticket, clinical.DocumentFilter{})
		f, err6 := s.Facts(t.Context(), ticket)
		d, err3 := s.Demographics(t.Context(), ticket)
		m, err4 := s.FeedMessage(t.Context(), ticket, lockport.OutboxRow{Feed: "f", Seq: 1, Group: 1, Registration: 1})
		for _, err := range []error{err, err2, err3, err4, err5, err6} {
			wantKind(t, err, lockport.Refused)
		}
		if len(r)+len(v)+len(d)+len(p)+len(f) > 0 || m != nil {
			t.Errorf("%s ticket: something was handed out", name)
		}
	}
}

// everyone is a participant that joined long ago.
type everyone struct{}

func (everyone) Party(_ context.Context, p lockport.ParticipantID, _ lockport.NPI) (consent.Party, error) {
	return consent.Party{Participant: p, Joined: "2000-01-01"}, nil
}

// openTicket asks a real gate for participant p: only it makes tickets.
func openTicket(t *testing.T, s Store, value string) *consent.Ticket {
	t.Helper()
	now := at.AddDate(0, 1, 0)
	gate := consent.NewGate(consent.Config{Subjects: s, Parties: everyone{}, Journal: s, Now: func() time.Time { return now }, Elapsed: func() time.Duration { return 0 }})
	ticket, err := gate.Open(t.Context(), consent.Request{Patient: identifier(value), Participant: "p", Purpose: lockport.Treatment})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ticket.Close)
	return ticket
}

func withTicket(t *testing.T, open Open) {
	s := start(t, open, region)
	must(t, s, message("region"), directive(identifier("a"), consent.Give, "p"))
	ticket := openTicket(t, s, "b")
	if !ticket.Permits() {
		t.Fatal("the gate does not permit:", ticket.Decision().Reason)
	}
	for _, c := range []struct {
		name     string
		filter   clinical.ResultFilter
		want     []lockport.RegistrationID // of the results, in order
		versions int
	}{
		{"all, newest first", clinical.ResultFilter{}, []lockport.RegistrationID{3, 2, 1, 3, 2, 1}, 1},
		{"limited", clinical.ResultFilter{Limit: 4}, []lockport.RegistrationID{3, 2, 1, 3}, 1},
		{"from", clinical.ResultFilter{From: at.Add(12 * time.Hour)}, []lockport.RegistrationID{3, 2}, 1},
		{"until", clinical.ResultFilter{Until: at.Add(3 * time.Hour)}, []lockport.RegistrationID{2, 1}, 1},
		{"by code", clinical.ResultFilter{Codes: []string{"1"}}, []lockport.RegistrationID{3, 2, 1}, 1},
		{"by a code that none has", clinical.ResultFilter{Codes: []string{"2"}}, nil, 1},
		{"with all versions", clinical.ResultFilter{Limit: 1, AllVersions: true}, []lockport.RegistrationID{3}, 2},
	} {
		reports, err := s.Results(t.Context(), ticket, c.filter)
		var got []lockport.RegistrationID
		for _, r := range reports {
			got = append(got, r.Result.Registration)
			if len(r.Versions) != c.versions || string(r.Versions[len(r.Versions)-1].Units[0].Segments) != "v2" {
				t.Errorf("%s: wrong versions", c.name)
			}
		}
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: results of %v, want %v (%v)", c.name, got, c.want, err)
		}
	}
	visits, err := s.Visits(t.Context(), ticket, clinical.VisitFilter{})
	if err != nil || len(visits) != 3 {
		t.Error(len(visits), err)
	}
	regs, err := s.Demographics(t.Context(), ticket)
	if err != nil || len(regs) != 3 || regs[2].ID != 3 {
		t.Error(len(regs), err)
	}
	feedMessages(t, s, ticket)
}

func feedMessages(t *testing.T, s Store, ticket *consent.Ticket) {
	t.Helper()
	good := lockport.OutboxRow{Feed: "f", Seq: 1, Group: 2, Registration: 2}
	m, err := s.FeedMessage(t.Context(), ticket, good)
	if err != nil || string(m.Raw) != "region" {
		t.Error(m, err)
	}
	for name, row := range map[string]lockport.OutboxRow{
		"another patient's row":            {Feed: "f", Seq: 1, Group: 4, Registration: 4},
		"another patient's row made own":   {Feed: "f", Seq: 1, Group: 4, Registration: 1},
		"a row of a feed that has none":    {Feed: "g", Seq: 1, Group: 2, Registration: 2},
		"a row of an entry that has none":  {Feed: "f", Seq: 2, Group: 2, Registration: 2},
		"a row of an entry past the end":   {Feed: "f", Seq: 99, Group: 2, Registration: 2},
		"a row whose feed ends in another": {Feed: "", Seq: 1, Group: 2, Registration: 2},
	} {
		if m, err := s.FeedMessage(t.Context(), ticket, row); lockport.KindOf(err) != lockport.Refused || m != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
