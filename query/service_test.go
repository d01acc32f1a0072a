package query

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
	"github.com/lockport-hie/lockport/clinical"
	"github.com/lockport-hie/lockport/consent"
	"github.com/lockport-hie/lockport/directory"
	"github.com/lockport-hie/lockport/hl7"
	"github.com/lockport-hie/lockport/patient"
)

// world is a query service over one known patient, P1 of NORTH, whose
// directives a test sets. It plays the store, the journal and the directory.
type world struct {
	t         *testing.T
	mu        sync.Mutex
	now       time.Time
	directory *directory.Directory
	entries   []lockport.Entry
	on        []consent.Directive
	grants    []consent.Grant
	failing   error
	appending func(lockport.Entry) // runs before an entry is appended
	reports   []clinical.Report
	documents []clinical.DocumentReport
	service   *Service
}

func token(id lockport.Identifier) lockport.Token {
	sum := sha256.Sum256([]byte(string(id.Authority) + "\x00" + id.Value))
	return lockport.Token(sum[:16])
}

func (w *world) SubjectOf(_ context.Context, id lockport.Identifier) (consent.Subject, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failing != nil {
		return consent.Subject{}, w.failing
	}
	s := consent.Subject{AsOf: lockport.Seq(len(w.entries) + 100), Tokens: []lockport.Token{token(id)}, Grants: w.grants}
	if id.Value == "P1" && id.Authority == "NORTH" {
		s.Known, s.Person, s.Registrations, s.Asked = true, 1, []lockport.RegistrationID{1, 2}, 1
		s.Directives, s.BirthDate = w.on, "19700412"
	}
	return s, nil
}

func (w *world) SubjectOfRegistration(context.Context, lockport.RegistrationID) (consent.Subject, error) {
	return consent.Subject{}, errors.New("a query names an identifier")
}

func (w *world) Party(_ context.Context, p lockport.ParticipantID, npi lockport.NPI) (consent.Party, error) {
	if npi != "" && npi != "1234567893" {
		return consent.Party{}, lockport.Errorf(lockport.Unauthorized, "", "no such provider")
	}
	return consent.Party{Participant: p, Joined: "2020-01-01", EmergencyCapable: true, Clinician: npi, Practitioner: npi != ""}, nil
}

func (w *world) Append(_ context.Context, entries []lockport.Entry) ([]lockport.Receipt, error) {
	if w.appending != nil {
		w.appending(entries[0])
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	var receipts []lockport.Receipt
	for _, e := range entries {
		e.Seq = lockport.Seq(len(w.entries) + 1)
		w.entries = append(w.entries, e)
		if g, ok := e.Body.(*consent.Grant); ok {
			row := *g
			row.Seq = e.Seq
			w.grants = append(w.grants, row)
		}
		receipts = append(receipts, lockport.Receipt{Seq: e.Seq})
	}
	return receipts, nil
}

func (w *world) Results(_ context.Context, t *consent.Ticket, f clinical.ResultFilter) ([]clinical.Report, error) {
	if !t.Permits() {
		return nil, lockport.Errorf(lockport.Refused, "", "no ticket")
	}
	if f.AllVersions {
		w.t.Error("a query asks for versions that were corrected")
	}
	var found []clinical.Report
	for _, r := range w.reports {
		if f.Matches(clinical.ResultSummary{Service: r.Result.Service, Collected: r.Result.Collected}) {
			found = append(found, r)
		}
	}
	return found, nil
}

func (w *world) Documents(_ context.Context, t *consent.Ticket, f clinical.DocumentFilter) ([]clinical.DocumentReport, error) {
	if !t.Permits() {
		return nil, lockport.Errorf(lockport.Refused, "", "no ticket")
	}
	if f.AllVersions {
		w.t.Error("a query asks for versions that were replaced")
	}
	var found []clinical.DocumentReport
	for _, r := range w.documents {
		if f.Matches(clinical.SummariseDocument(r.Document)) {
			found = append(found, r)
		}
	}
	return found, nil
}

func (w *world) Demographics(_ context.Context, t *consent.Ticket) ([]patient.Registration, error) {
	if !t.Permits() {
		return nil, lockport.Errorf(lockport.Refused, "", "no ticket")
	}
	return []patient.Registration{
		{ID: 1, Person: 1, Updated: 11, Identifiers: []lockport.Identifier{{Value: "P1", Authority: "NORTH", Type: "MR"}}, Details: patient.Demographics{Names: []patient.Name{{Family: "MÜLLER|DOE", Given: "ADA"}}, BirthDate: "19700412", Sex: "F"}},
		{ID: 2, Person: 1, Updated: 12, Identifiers: []lockport.Identifier{{Value: "X7", Authority: "SOUTH", Type: "MR"}}},
	}, nil
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, now: time.Date(2025, 3, 3, 13, 0, 0, 0, time.UTC)}
	var changes []directory.Change
	for _, c := range []directory.Change{
		{Participant: &directory.Participant{ID: "family", Name: "Family", Type: directory.Practice, County: "36067", Joined: "2020-01-01"}},
		{Participant: &directory.Participant{ID: "north", Name: "North", Type: directory.Hospital, County: "36067", Joined: "2020-01-01"}},
		{Authority: &directory.Authority{ID: "NORTH", Namespace: "NORTH", OID: "2.999.1", Owner: "north"}},
		{Authority: &directory.Authority{ID: "SOUTH", Namespace: "SOUTH", Owner: "north"}},
		{Application: &directory.Application{ID: "ehr", Participant: "family", Name: "EHR", Facility: "FAMCARE", Roles: []directory.Role{directory.Provider}}},
	} {
		c.Op = directory.Put
		changes = append(changes, c)
	}
	var err error
	if w.directory, err = directory.Load(changes); err != nil {
		t.Fatal(err)
	}
	day := time.Date(2025, 3, 1, 16, 0, 0, 0, time.UTC)
	w.reports = []clinical.Report{
		report(1, "2951-2", "140", day, "|^~\\&", ""),
		report(2, "4548-4", "5.4", day.AddDate(0, -1, 0), "*$%!@", "8859/1"),
	}
	w.service = New(Config{
		Directory: func(context.Context) (*directory.Directory, error) { return w.directory, nil },
		Gate:      consent.NewGate(consent.Config{Subjects: w, Parties: w, Journal: w, Now: func() time.Time { return w.now }}),
		Records:   w, Journal: w, Now: func() time.Time { return w.now },
		ControlID: func() string { return "CTRL" },
	})
	return w
}

// report is one result of a registration, written in the sender's own delimiters.
func report(reg lockport.RegistrationID, code, value string, at time.Time, delimiters, charset string) clinical.Report {
	in := strings.NewReplacer("|", delimiters[:1], "^", delimiters[1:2], "&", delimiters[4:5])
	v := clinical.Version{
		Seq: lockport.Seq(reg), Order: 1, Status: "F", Encoding: clinical.Encoding{Delimiters: delimiters, Charset: charset},
		Head:  []byte(in.Replace("OBR|1||F1^LAB|" + code + "^name^LN\r")),
		Units: []clinical.Unit{{Code: clinical.Coded{Code: code}, Status: "F", Segments: []byte(in.Replace("OBX|1|NM|" + code + "^name^LN||" + value + "|\xe9\r"))}},
	}
	if charset == "" {
		v.Units[0].Segments = bytes.ReplaceAll(v.Units[0].Segments, []byte("\xe9"), []byte("é"))
	}
	return clinical.Report{Result: clinical.Result{Registration: reg, Service: clinical.Coded{Code: code}, Collected: at}, Versions: []clinical.Version{v}}
}

func (w *world) give() {
	w.on = append(w.on, consent.Directive{Seq: 1, Patient: lockport.Identifier{Value: "P1", Authority: "NORTH"}, Participant: "family",
		Value: consent.Give, Signed: "2025-02-01", Signer: "self", Recorded: w.now})
}

func (w *world) ask(raw string) (lockport.Reply, *hl7.Message) {
	w.t.Helper()
	m, err := hl7.Parse([]byte(raw))
	if err != nil {
		w.t.Fatal(err)
	}
	app, _ := w.directory.Application("ehr")
	reply := w.service.Answer(context.Background(), app, lockport.Peer{Address: "127.0.0.1:1"}, m)
	answer, err := hl7.Parse(reply.Frame)
	if err != nil {
		w.t.Fatal(err)
	}
	if reply.Sent != nil {
		defer reply.Sent(nil)
	}
	return reply, answer
}

func (w *world) last() *audit.Disclosure {
	w.t.Helper()
	d, ok := w.entries[len(w.entries)-1].Body.(*audit.Disclosure)
	if !ok {
		w.t.Fatal("the last entry is no disclosure")
	}
	return d
}

const (
	head24  = "MSH|^~\\&|EHR|FAMCARE^2.999^ISO|LOCKPORT|HEC|20250303080000-0500||QRY^R02^QRY_R02|FC6|P|2.4\r"
	head251 = "MSH|^~\\&|EHR|FAMCARE^2.999^ISO|LOCKPORT|HEC|20250303080500-0500||QBP^ZR1^QBP_Q11|FC14|P|2.5.1\r"
	rcp     = "RCP|I|50^RD|R\r"
)

func qry(id string) string {
	return head24 + "QRD|20250303080000-0500|R|I|Q6|||50^RD|" + id + "^DOE^ADA^^^^^^NORTH|RES|ALL||T\rQRF|LAB|20250101|20250303|||REP|ANY|ALL\r"
}

func zr1(id, rest string) string {
	return head251 + "QPD|ZR1^Results Query^LOCKPORT|T11|" + id + "|" + rest + "\r" + rcp
}

func TestRecordsOfAllRegistrationsInBothDialects(t *testing.T) {
	w := newWorld(t)
	w.give()
	for name, raw := range map[string]string{"QRY": qry("P1"), "ZR1": zr1("P1^^^NORTH^MR", "")} {
		t.Run(name, func(t *testing.T) {
			_, m := w.ask(raw)
			var ids, values []string
			for i := range m.Len() {
				switch s := m.Segment(i); s.ID() {
				case "PID":
					ids = append(ids, s.Component(3, 1).Text())
				case "OBX":
					values = append(values, s.Text(5)+s.Text(6))
				}
			}
			if strings.Join(ids, " ") != "P1 X7" || strings.Join(values, " ") != "140é 5.4é" {
				t.Errorf("PIDs %v and values %v", ids, values)
			}
			if m.First("QAK").Text(2) != "OK" || m.First("MSA").Text(1) != "AA" || m.First("MSA").Text(2) == "" {
				t.Error("QAK or MSA is wrong")
			}
			if got := m.First("PID").Component(5, 1).Text(); got != "MÜLLER|DOE" {
				t.Error("the name did not survive the reply's escapes")
			}
			if d := w.last(); d.Outcome != audit.Permitted || released(d) != "result 1, result 2, demographics 11, demographics 12" || d.Person != 1 {
				t.Error("the disclosure does not say what was released")
			}
		})
	}
}

func TestReplyShapes(t *testing.T) {
	w := newWorld(t)
	w.give()
	_, m := w.ask(qry("P1"))
	order := segments(m)
	if order != "MSH MSA QRD QRF PID OBR OBX PID OBR OBX QAK" || m.Header().Text(9) != "ORF^R04^ORF_R04" {
		t.Errorf("ORF is %s %s", m.Header().Text(9), order)
	}
	_, m = w.ask(zr1("P1^^^NORTH^MR", "|||TREAT"))
	if got := segments(m); got != "MSH MSA QAK QPD PID OBR OBX PID OBR OBX" || m.Header().Text(9) != "RSP^ZR2^RSP_ZR2" {
		t.Errorf("RSP is %s %s", m.Header().Text(9), got)
	}
	if qak := m.First("QAK"); qak.Text(1) != "T11" || qak.Text(3) != "ZR1^Results Query^LOCKPORT" || qak.Text(4)+qak.Text(5)+qak.Text(6) != "220" {
		t.Error("QAK does not count")
	}
	if m.Header().Text(5) != "EHR" || m.Header().Text(6) != "FAMCARE^2.999^ISO" || m.Header().Text(3) != "LOCKPORT" {
		t.Error("sender and receiver are not swapped with all components")
	}
}

func TestDocumentsQuery(t *testing.T) {
	w := newWorld(t)
	own := clinical.Encoding{Delimiters: "|^~\\&"}
	w.documents = []clinical.DocumentReport{{
		Document: clinical.Document{Registration: 2, Kind: clinical.Coded{Code: "DS"}, Availability: "AV", Header: 22, Content: 21},
		Versions: []clinical.DocumentVersion{{
			Seq: 22, Encoding: own, Head: []byte("TXA|1|DS|TX|202503010900||||||||D1^LAB|||||LA||AV\r"),
			Content: []byte("OBX*1*TX*a$b**text!vert!*\r"), ContentEncoding: clinical.Encoding{Delimiters: "*$%!@"},
		}},
	}}
	raw := strings.Replace(zr1("P1^^^NORTH^MR", "||DS"), "ZR1^QBP", "ZD1^QBP", 1)
	if _, m := w.ask(raw); m.First("QAK").Text(2) != "NF" || m.First("TXA").Exists() {
		t.Fatal("a document leaves without consent")
	}
	w.give()
	_, m := w.ask(raw)
	if got := segments(m); got != "MSH MSA QAK QPD PID TXA OBX" || m.Header().Text(9) != "RSP^ZD2^RSP_ZD2" {
		t.Errorf("RSP is %s %s", m.Header().Text(9), got)
	}
	if m.First("PID").Component(3, 1).Text() != "X7" || m.First("OBX").Component(3, 2).Text() != "b" {
		t.Error("the document does not stand below its registration, in the reply's delimiters")
	}
	if d := w.last(); released(d) != "document 22, document 21, demographics 12" || d.Query != "QBP^ZD1" {
		t.Errorf("the disclosure says %s of %s", released(d), d.Query)
	}
	if _, m := w.ask(strings.Replace(raw, "||DS", "||OP", 1)); m.First("QAK").Text(2) != "NF" {
		t.Error("documents of another type are released")
	}
}

// released lists what an audit entry says was released.
func released(d *audit.Disclosure) string {
	var list []string
	for _, r := range d.Released {
		list = append(list, fmt.Sprintf("%s %d", r.Kind, r.Seq))
	}
	return strings.Join(list, ", ")
}

func segments(m *hl7.Message) string {
	var ids []string
	for i := range m.Len() {
		ids = append(ids, m.Segment(i).ID())
	}
	return strings.Join(ids, " ")
}

func TestFilters(t *testing.T) {
	w := newWorld(t)
	w.give()
	for name, c := range map[string]struct {
		rest string
		want int
	}{
		"window excludes the older": {"20250215|20250303", 1},
		"end of day is included":    {"20250301|20250301", 1},
		"by service":                {"||4548-4^^LN", 1},
		"two services":              {"||4548-4~2951-2", 2},
		"no such service":           {"||9999-9", 0},
	} {
		_, m := w.ask(zr1("P1^^^NORTH^MR", c.rest))
		n := 0
		for range m.All("OBR") {
			n++
		}
		if n != c.want {
			t.Errorf("%s: %d orders, want %d", name, n, c.want)
		}
	}
	_, m := w.ask(strings.Replace(zr1("P1^^^NORTH^MR", ""), "50^RD", "1^RD", 1))
	if q := m.First("QAK"); q.Text(4)+q.Text(5)+q.Text(6) != "211" {
		t.Error("the quantity is not counted as 2 found, 1 sent, 1 left")
	}
	if got := released(w.last()); got != "result 1, demographics 11" {
		t.Errorf("audited as released: %s", got)
	}
}

func TestUnknownAndDeniedAreTheSame(t *testing.T) {
	w := newWorld(t)
	for _, ask := range []func(string) string{qry, func(id string) string { return zr1(id+"^^^NORTH^MR", "") }} {
		denied, _ := w.ask(ask("P1"))
		if d := w.last(); d.Outcome != audit.Denied {
			t.Error("the denial was not audited")
		}
		unknown, _ := w.ask(ask("P9"))
		if d := w.last(); d.Outcome != audit.Unknown {
			t.Error("the question about an unknown patient was not audited")
		}
		if !bytes.Equal(bytes.ReplaceAll(denied.Frame, []byte("P1"), nil), bytes.ReplaceAll(unknown.Frame, []byte("P9"), nil)) {
			t.Error("the answers differ")
		}
		if denied.Context != nil || unknown.Context != nil || denied.Sent != nil {
			t.Error("an answer without records holds a ticket")
		}
	}
}

func TestNoReplyWithoutItsAuditEntry(t *testing.T) {
	w := newWorld(t)
	w.give()
	w.failing = lockport.Errorf(lockport.Unavailable, "", "behind")
	_, m := w.ask(zr1("P1^^^NORTH^MR", ""))
	_, unknown := w.ask(zr1("P9^^^NORTH^MR", ""))
	for _, m := range []*hl7.Message{m, unknown} {
		if m.First("MSA").Text(1) != "AE" || m.First("ERR").Component(3, 1).Text() != "207" || m.First("QAK").Text(2) != "AE" || m.First("PID").Exists() {
			t.Error("a failure must be AE 207 without data, whoever the patient is")
		}
	}
}

func TestEmergencyAccessNeedsAttestationAndIsRemembered(t *testing.T) {
	w := newWorld(t)
	etreat := "|||ETREAT|1234567893^X|"
	if _, m := w.ask(zr1("P1^^^NORTH^MR", etreat)); m.First("QAK").Text(2) != "NF" {
		t.Error("no attestation, and data came")
	}
	_, m := w.ask(zr1("P1^^^NORTH^MR", etreat+"UNCONSC^Unconscious|I attest."))
	if m.First("QAK").Text(2) != "OK" {
		t.Fatal("an attested emergency got no data")
	}
	if d := w.last(); d.Outcome != audit.Emergency || d.Basis == 0 || d.Attestation == "" {
		t.Error("the emergency access was not audited with its grant and attestation")
	}
	if _, m := w.ask(zr1("P1^^^NORTH^MR", etreat)); m.First("QAK").Text(2) != "OK" {
		t.Error("inside the grant a second attestation was demanded")
	}
	w.on = append(w.on, consent.Directive{Seq: 90, Patient: lockport.Identifier{Value: "P1", Authority: "NORTH"}, Participant: "family", Value: consent.DenyAll, Signed: "2025-03-01", Signer: "self", Recorded: w.now})
	if _, m := w.ask(zr1("P1^^^NORTH^MR", etreat+"UNCONSC|I attest.")); m.First("QAK").Text(2) != "NF" {
		t.Error("an emergency overrode a denial")
	}
}

func TestProtectedIsSaidOnlyWhereAllowed(t *testing.T) {
	w := newWorld(t)
	d, err := w.directory.Apply(directory.Change{Op: directory.Put, Application: &directory.Application{
		ID: "ehr", Participant: "family", Name: "EHR", Facility: "FAMCARE", Roles: []directory.Role{directory.Provider}, RevealProtected: true}})
	if err != nil {
		t.Fatal(err)
	}
	w.directory = d
	if _, m := w.ask(zr1("P1^^^NORTH^MR", "")); m.First("QAK").Text(2) != "PD" {
		t.Error("a participant's denial is not said as PD")
	}
	w.on = []consent.Directive{{Seq: 1, Patient: lockport.Identifier{Value: "P1", Authority: "NORTH"}, Community: true, Value: consent.DenyAll, Signed: "2025-02-01", Signer: "self", Recorded: w.now}}
	if _, m := w.ask(zr1("P1^^^NORTH^MR", "")); m.First("QAK").Text(2) != "NF" {
		t.Error("a community denial was revealed")
	}
}

func TestMalformedQueries(t *testing.T) {
	w := newWorld(t)
	w.give()
	for name, c := range map[string]struct{ raw, msa, code, at string }{
		"no patient":             {zr1("", ""), "AE", "101", "QPD^1^3^1"},
		"no tag":                 {strings.Replace(zr1("P1^^^NORTH", ""), "|T11|", "||", 1), "AE", "101", "QPD^1^2^1"},
		"no QPD":                 {head251, "AE", "100", "QPD^1"},
		"unknown authority":      {zr1("P1^^^NOWHERE", ""), "AE", "204", "QPD^1^3^1"},
		"unreadable start":       {zr1("P1^^^NORTH", "yesterday"), "AE", "102", "QPD^1^4^1"},
		"unreadable quantity":    {strings.Replace(zr1("P1^^^NORTH", ""), "50^RD", "many", 1), "AE", "102", "RCP^1^2^1"},
		"another query":          {strings.Replace(zr1("P1^^^NORTH", ""), "QBP^ZR1", "QBP^Z99", 1), "AR", "201", "MSH^1^9^1^2"},
		"two patients":           {zr1("P1^^^NORTH~P2^^^NORTH", ""), "AE", "198", "QPD^1^3^1"},
		"clinician of elsewhere": {zr1("P1^^^NORTH", "|||TREAT|9999999999"), "AE", "204", "QPD^1^8^1"},
	} {
		t.Run(name, func(t *testing.T) {
			_, m := w.ask(c.raw)
			err := m.First("ERR")
			if m.First("MSA").Text(1) != c.msa || err.Component(3, 1).Text() != c.code || err.Text(2) != c.at {
				t.Errorf("%s %s at %s, want %s %s at %s", m.First("MSA").Text(1), err.Component(3, 1).Text(), err.Text(2), c.msa, c.code, c.at)
			}
			if m.First("PID").Exists() {
				t.Error("data came with an error")
			}
			if len(w.entries) == 0 {
				t.Error("nothing was kept of the question")
			}
		})
	}
}

func TestADirectiveCutsAReplyThatHasNotLeft(t *testing.T) {
	w := newWorld(t)
	w.give()
	m, err := hl7.Parse([]byte(zr1("P1^^^NORTH^MR", "")))
	if err != nil {
		t.Fatal(err)
	}
	app, _ := w.directory.Application("ehr")
	reply := w.service.Answer(t.Context(), app, lockport.Peer{}, m)
	if reply.Context == nil || reply.Context.Err() != nil {
		t.Fatal("a reply with records has no living right to leave")
	}
	reply.Sent(nil)
	if reply.Context.Err() == nil {
		t.Error("the right to leave outlived the reply")
	}
}

// A directive that comes while the audit entry is being written cuts the reader.
// Neither the records nor "no data" may be the answer then.
func TestADirectiveDuringTheAuditLeavesNoData(t *testing.T) {
	for name, raw := range map[string]string{"QRY": qry("P1"), "ZR1": zr1("P1^^^NORTH^MR", "")} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.give()
			recorded := make(chan struct{})
			w.appending = func(e lockport.Entry) {
				if d, ok := e.Body.(*audit.Disclosure); !ok || d.Outcome != audit.Permitted {
					return
				}
				w.appending = nil
				go func() {
					defer close(recorded)
					_, err := w.service.config.Gate.Record(context.Background(), consent.Directive{Patient: lockport.Identifier{Value: "P1", Authority: "NORTH"}, Participant: "family", Value: consent.DenyAll, Signed: "2025-03-01", Signer: "self", Operator: "op"})
					if err != nil {
						t.Error(err)
					}
				}()
				<-time.After(4500 * time.Millisecond) // on the bubble's clock: longer than a directive waits
			}
			_, m := w.ask(raw)
			<-recorded
			if m.First("PID").Exists() || m.First("OBX").Exists() {
				t.Errorf("%s: records left after the directive", name)
			}
			if m.First("MSA").Text(1) != "AE" || m.First("QAK").Text(2) != "AE" {
				t.Errorf("%s: the answer is %s %s, want AE", name, m.First("MSA").Text(1), m.First("QAK").Text(2))
			}
		})
	}
}

func (w *world) asker(t *testing.T, change func(*directory.Application)) {
	app, _ := w.directory.Application("ehr")
	change(&app)
	d, err := w.directory.Apply(directory.Change{Op: directory.Put, Provider: &directory.ProviderEntry{NPI: "1234567893", Name: "X", Participants: []lockport.ParticipantID{"family"}, Role: directory.Practitioner}},
		directory.Change{Op: directory.Put, Application: &app})
	if err != nil {
		t.Fatal(err)
	}
	w.directory = d
}

func TestADefaultClinicianNeverOpensAnEmergency(t *testing.T) {
	w := newWorld(t)
	w.asker(t, func(a *directory.Application) {
		a.DefaultPurpose, a.DefaultProvider = lockport.EmergencyTreatment, "1234567893"
	})
	w.grants = []consent.Grant{{Seq: 1, Registration: 1, Participant: "family", Clinician: "1234567893", Reason: "X", Text: "Y", From: w.now.Add(-time.Hour), Until: w.now.Add(time.Hour)}}
	for _, raw := range []string{qry("P1"), zr1("P1^^^NORTH^MR", "")} {
		if _, m := w.ask(raw); m.First("QAK").Text(2) != "NF" {
			t.Error("a query that names no clinician was answered inside a clinician's emergency access")
		}
	}
}

// A window without offsets is local to the asker, wherever the server runs.
func TestTheWindowIsInTheAskersZone(t *testing.T) {
	w := newWorld(t)
	w.give()
	w.reports = w.reports[:1]
	w.reports[0].Result.Collected = time.Date(2025, 3, 2, 3, 0, 0, 0, time.UTC) // 22:00 of the first in New York
	for zone, want := range map[string]string{"": "OK", "UTC": "NF"} {
		w.asker(t, func(a *directory.Application) { a.Zone = zone })
		_, m := w.ask(strings.Replace(zr1("P1^^^NORTH^MR", "20250301|20250301"), "080500-0500", "080500", 1))
		if got := m.First("QAK").Text(2); got != want {
			t.Errorf("zone %q: %s, want %s", zone, got, want)
		}
	}
	if _, m := w.ask(zr1("P1^^^NORTH^MR", "")); m.Header().Text(7) != "20250303080000" {
		t.Error("MSH-7 is not local time without an offset: it would move the times in the reply")
	}
}

func TestWhatMayHideACommunityDenialIsNotRevealed(t *testing.T) {
	w := newWorld(t)
	w.asker(t, func(a *directory.Application) { a.RevealProtected = true })
	w.on = []consent.Directive{{Seq: 1, Patient: lockport.Identifier{Value: "P1", Authority: "NORTH"}, Community: true, Value: "unreadable", Signed: "2025-02-01", Recorded: w.now}}
	if _, m := w.ask(zr1("P1^^^NORTH^MR", "")); m.First("QAK").Text(2) != "NF" {
		t.Errorf("an unreadable community directive is answered %s", m.First("QAK").Text(2))
	}
}

func TestAHeaderMayHaveSpaces(t *testing.T) {
	w := newWorld(t)
	w.give()
	raw := strings.NewReplacer("QBP^ZR1^QBP_Q11", " QBP ^ZR1 ^QBP_Q11", "|2.5.1", "| 2.5.1 ").Replace(zr1("P1^^^NORTH^MR", ""))
	if _, m := w.ask(raw); m.First("QAK").Text(2) != "OK" || m.Header().Text(9) != "RSP^ZR2^RSP_ZR2" {
		t.Error("spaces around MSH-9 or MSH-12 changed the answer")
	}
}
