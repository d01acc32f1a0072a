package query

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
	"github.com/lockport-hie/lockport/clinical"
	"github.com/lockport-hie/lockport/consent"
	"github.com/lockport-hie/lockport/directory"
	"github.com/lockport-hie/lockport/hl7"
	"github.com/lockport-hie/lockport/patient"
)

// Records hands out records for a permitting ticket and refuses without one.
type Records interface {
	// Results returns the patient's results over all linked registrations,
	// newest first.
	Results(ctx context.Context, t *consent.Ticket, f clinical.ResultFilter) ([]clinical.Report, error)
	// Documents returns the patient's documents over all linked registrations,
	// latest activity first.
	Documents(ctx context.Context, t *consent.Ticket, f clinical.DocumentFilter) ([]clinical.DocumentReport, error)
	// Demographics returns the patient's registrations.
	Demographics(ctx context.Context, t *consent.Ticket) ([]patient.Registration, error)
}

// Observer is told about each query for metrics and the live picture. It must
// not block.
type Observer interface {
	// Asked is called with the message type, the audited outcome and how many
	// records the reply carries.
	Asked(messageType string, outcome audit.Outcome, records int)
}

// Config is what a Service needs.
type Config struct {
	Directory func(context.Context) (*directory.Directory, error)
	Gate      *consent.Gate
	Records   Records
	Journal   lockport.Journal
	Now       func() time.Time
	ControlID func() string // a new MSH-10 for each call
	Limit     int           // most orders in one reply; 0 is 1,000
	Observe   Observer
}

// Service answers queries. It is safe for concurrent use.
type Service struct {
	config Config
	region *time.Location
}

// New returns a Service.
func New(c Config) *Service {
	if c.Limit == 0 {
		c.Limit = 1000
	}
	region, err := time.LoadLocation(lockport.RegionZone)
	if err != nil {
		region = time.UTC // the zone's rules are part of the program; see package directory
	}
	return &Service{config: c, region: region}
}

// Answer answers one query of a provider application.
func (s *Service) Answer(ctx context.Context, from directory.Application, peer lockport.Peer, m *hl7.Message) lockport.Reply {
	d, err := s.config.Directory(ctx)
	if err != nil {
		q := begun(m)
		return s.plain(m, q, failure(q, err))
	}
	q, problem := read(m, from, d)
	if problem != nil {
		return s.malformed(ctx, from, peer, m, q, problem)
	}
	if q.Limit == 0 || q.Limit > s.config.Limit {
		q.Limit = s.config.Limit
	}
	reply, err := s.answer(ctx, from, peer, m, q)
	if err != nil {
		s.observe(q, audit.Failed, 0)
		s.audit(ctx, s.disclosure(from, peer, q, audit.Failed, lockport.KindOf(err).String()))
		return s.plain(m, q, failure(q, err))
	}
	return reply
}

// answer decides and replies. The ticket is closed when the reply has left, or
// here when there is nothing of the patient in it.
func (s *Service) answer(ctx context.Context, from directory.Application, peer lockport.Peer, m *hl7.Message, q *question) (lockport.Reply, error) {
	ticket, err := s.config.Gate.Open(ctx, consent.Request{
		Patient: q.Patient, Participant: from.Participant, Clinician: q.Clinician,
		Purpose: q.Purpose, What: consent.Record, Attestation: q.Attestation,
	})
	if err != nil {
		return lockport.Reply{}, err
	}
	keep := false
	defer func() {
		if !keep {
			ticket.Close()
		}
	}()
	// The decision says what the answer is. Whether the ticket still holds is
	// asked once, at the end: a reader that a directive cut gets an error, never
	// "no data", and no data either.
	entry := s.disclosure(from, peer, q, audit.Denied, string(ticket.Decision().Reason))
	describe(entry, ticket)
	var found disclosed
	if ticket.Decision().Permits() {
		if found, err = s.records(ctx, ticket, q); err != nil {
			return lockport.Reply{}, err
		}
		entry.Released = found.released()
	}
	frame, err := s.reply(m, q, found, status(from, ticket, found))
	if err != nil {
		return lockport.Reply{}, err
	}
	receipts, err := s.config.Journal.Append(ctx, []lockport.Entry{{Kind: lockport.EntryDisclosure, Time: s.config.Now().UTC(), Body: entry}})
	if err != nil {
		return lockport.Reply{}, err
	}
	s.observe(q, entry.Outcome, found.count())
	if !ticket.Decision().Permits() {
		return lockport.Reply{Frame: frame}, nil
	}
	ticket.Disclosed(receipts[0].Seq)
	if !ticket.Released() {
		return lockport.Reply{}, lockport.Errorf(lockport.Unavailable, "query", "a directive came in between")
	}
	keep = true
	return lockport.Reply{Frame: frame, Context: ticket.Context(), Sent: func(error) { ticket.Close() }}, nil
}

// disclosed is what of the patient's record the reply carries.
type disclosed struct {
	directory     *directory.Directory
	registrations []patient.Registration // those that results of the reply stand on
	shown         []clinical.Report
	documents     []clinical.DocumentReport
	left          int // what was found beyond the quantity asked for
}

// count is how many records there are.
func (d disclosed) count() int { return len(d.shown) + len(d.documents) }

// of reports whether a record stands on the registration.
func (d disclosed) of(id lockport.RegistrationID) bool {
	return slices.ContainsFunc(d.shown, func(r clinical.Report) bool { return r.Result.Registration == id }) ||
		slices.ContainsFunc(d.documents, func(r clinical.DocumentReport) bool { return r.Document.Registration == id })
}

// read reads the results or documents asked for, up to the quantity.
func (s *Service) read(ctx context.Context, t *consent.Ticket, q *question) (d disclosed, err error) {
	if q.wantsDocuments() {
		found, err := s.config.Records.Documents(ctx, t, q.Documents())
		d.documents = found[:min(len(found), q.Limit)]
		d.left = len(found) - len(d.documents)
		return d, err
	}
	found, err := s.config.Records.Results(ctx, t, q.Filter())
	d.shown = found[:min(len(found), q.Limit)]
	d.left = len(found) - len(d.shown)
	return d, err
}

// records reads what the question asks for.
func (s *Service) records(ctx context.Context, t *consent.Ticket, q *question) (disclosed, error) {
	d, err := s.read(ctx, t, q)
	if err != nil || d.count() == 0 {
		return d, err
	}
	if d.directory, err = s.config.Directory(ctx); err != nil {
		return disclosed{}, err
	}
	registrations, err := s.config.Records.Demographics(ctx, t)
	if err != nil {
		return disclosed{}, err
	}
	for _, r := range registrations {
		if d.of(r.ID) {
			d.registrations = append(d.registrations, r)
		}
	}
	return d, nil
}

// status is QAK-2: OK with records, NF for none, unknown and denied alike, and
// PD for a participant's denial where the application may be told. Where it is
// not certain that no community denial stands behind the decision, it is NF.
func status(from directory.Application, t *consent.Ticket, found disclosed) string {
	decision := t.Decision()
	switch {
	case found.count() > 0:
		return "OK"
	case !from.RevealProtected || !t.Known() || decision.Permits():
		return "NF"
	}
	switch decision.Reason {
	case consent.CommunityDeny, consent.UnreadableDirective, consent.PatientClosed, consent.DecisionFailed:
		return "NF"
	}
	return "PD"
}

// disclosure starts the audit entry of a question.
func (s *Service) disclosure(from directory.Application, peer lockport.Peer, q *question, outcome audit.Outcome, reason string) *audit.Disclosure {
	d := &audit.Disclosure{
		Channel: audit.ChannelQuery, Application: from.ID, Participant: from.Participant,
		Clinician: q.Clinician, Asked: []lockport.Identifier{q.Patient}, Purpose: q.Purpose,
		Outcome: outcome, Reason: reason, Query: q.Type, ControlID: q.ControlID, Peer: peer.Address,
	}
	if q.Attestation != nil {
		d.Attestation = q.Attestation.Reason + ": " + q.Attestation.Text
	}
	return d
}

// describe adds what the decision says.
func describe(d *audit.Disclosure, t *consent.Ticket) {
	decision := t.Decision()
	d.Person, d.Registrations, d.Basis = t.Person(), t.Registrations(), decision.Basis
	if decision.Grant != 0 {
		d.Basis = decision.Grant
	}
	switch {
	case !t.Known():
		d.Outcome = audit.Unknown
	case decision.Effect == consent.Permit:
		d.Outcome = audit.Permitted
	case decision.Effect == consent.PermitEmergency:
		d.Outcome = audit.Emergency
	}
}

// released names every report that segments of the reply were taken from, each
// once, and the message that the demographics of each registration come from.
func (d disclosed) released() []audit.RecordRef {
	var refs []audit.RecordRef
	for _, r := range d.shown {
		refs = append(refs, resultRefs(r)...)
	}
	for _, r := range d.documents {
		refs = append(refs, audit.RecordRef{Kind: "document", Key: r.Document.Token, Seq: r.Document.Header})
		if text := r.Document.Content; text != 0 && text != r.Document.Header {
			refs = append(refs, audit.RecordRef{Kind: "document", Key: r.Document.Token, Seq: text})
		}
	}
	for _, r := range d.registrations {
		refs = append(refs, audit.RecordRef{Kind: "demographics", Seq: r.Updated})
	}
	return refs
}

// resultRefs names the versions that a report is made of: a merged view holds
// observations of earlier ones.
func resultRefs(r clinical.Report) []audit.RecordRef {
	var refs []audit.RecordRef
	add := func(seq lockport.Seq, order int) {
		ref := audit.RecordRef{Kind: "result", Key: r.Result.Token, Seq: seq, Part: order}
		if seq != 0 && !slices.Contains(refs, ref) {
			refs = append(refs, ref)
		}
	}
	for _, v := range r.Versions {
		add(v.Seq, v.Order)
		for _, u := range v.Units {
			add(u.From.Seq, u.From.Order)
		}
	}
	return refs
}

// audit writes an entry about a question that released nothing. When even that
// fails the answer is an error all the same, so nothing leaves unaudited.
func (s *Service) audit(ctx context.Context, d *audit.Disclosure) {
	_, _ = s.config.Journal.Append(ctx, []lockport.Entry{{Kind: lockport.EntryDisclosure, Time: s.config.Now().UTC(), Body: d}})
}

func (s *Service) observe(q *question, outcome audit.Outcome, records int) {
	if s.config.Observe != nil {
		s.config.Observe.Asked(q.Type, outcome, records)
	}
}

// problem is why a query is answered AE or AR instead of with data.
type problem struct {
	at     hl7.Location
	code   int // table 0357
	text   string
	reject bool
}

// failure turns an error on the way to a decision into an answer that does not
// depend on the patient: AE 207, AR when the server is overloaded, and 204 for a
// clinician whom the directory does not know at this participant.
func failure(q *question, err error) *problem {
	if lockport.KindOf(err) == lockport.Unauthorized {
		p := &problem{code: 204, text: "the clinician is not registered as a provider of this participant"}
		if q.Dialect == profile {
			p.at = at("QPD", 8)
		}
		return p
	}
	p := &problem{code: 207, text: "the query could not be answered; ask again later"}
	if errors.Is(err, context.Canceled) || lockport.KindOf(err) == lockport.Overloaded || lockport.KindOf(err) == lockport.Full {
		p.reject = true
	}
	return p
}

// malformed answers a query that cannot be understood, and keeps it as refused.
func (s *Service) malformed(ctx context.Context, from directory.Application, peer lockport.Peer, m *hl7.Message, q *question, p *problem) lockport.Reply {
	reply := s.plain(m, q, p)
	body := &lockport.Message{
		Raw: m.Raw(), Application: from.ID, Participant: from.Participant, Peer: peer,
		ControlID: m.Header().Text(10), Type: q.Type, Version: versionOf(m),
		Ack: reply.Frame, AckCode: p.ack(), Reason: p.text, Code: p.code, Location: from.Location,
		Charset: from.Charset, Zone: cmp.Or(from.Zone, lockport.RegionZone),
	}
	_, err := s.config.Journal.Append(ctx, []lockport.Entry{{Kind: lockport.EntryRefusal, Time: s.config.Now().UTC(), Body: body}})
	if err != nil {
		return s.plain(m, q, failure(q, err))
	}
	s.observe(q, audit.Failed, 0)
	return reply
}

func (p *problem) ack() string {
	if p.reject {
		return "AR"
	}
	return "AE"
}
