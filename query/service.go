package query

import (
	"context"
	"errors"
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
type Service struct{ config Config }

// New returns a Service.
func New(c Config) *Service {
	if c.Limit == 0 {
		c.Limit = 1000
	}
	return &Service{config: c}
}

// Answer answers one query of a provider application.
func (s *Service) Answer(ctx context.Context, from directory.Application, peer lockport.Peer, m *hl7.Message) lockport.Reply {
	d, err := s.config.Directory(ctx)
	if err != nil {
		return s.plain(m, nil, failure(err))
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
		return s.plain(m, q, failure(err))
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
	entry := s.disclosure(from, peer, q, audit.Denied, string(ticket.Decision().Reason))
	describe(entry, ticket)
	var found []clinical.Report
	if ticket.Permits() {
		if found, err = s.config.Records.Results(ctx, ticket, q.Filter()); err != nil {
			return lockport.Reply{}, err
		}
		entry.Released = released(found[:min(len(found), q.Limit)])
	}
	frame, err := s.reply(ctx, m, q, ticket, found, status(from, ticket, found))
	if err != nil {
		return lockport.Reply{}, err
	}
	receipts, err := s.config.Journal.Append(ctx, []lockport.Entry{{Kind: lockport.EntryDisclosure, Time: s.config.Now().UTC(), Body: entry}})
	if err != nil {
		return lockport.Reply{}, err
	}
	s.observe(q, entry.Outcome, len(entry.Released))
	if !ticket.Permits() {
		return lockport.Reply{Frame: frame}, nil
	}
	ticket.Disclosed(receipts[0].Seq)
	if !ticket.Released() {
		return lockport.Reply{}, lockport.Errorf(lockport.Unavailable, "query", "a directive came in between")
	}
	keep = true
	return lockport.Reply{Frame: frame, Context: ticket.Context(), Sent: func(error) { ticket.Close() }}, nil
}

// status is QAK-2: OK with records, NF for none, unknown and denied alike, and
// PD for a participant's denial where the application may be told.
func status(from directory.Application, t *consent.Ticket, found []clinical.Report) string {
	switch {
	case len(found) > 0:
		return "OK"
	case from.RevealProtected && t.Known() && !t.Permits() && t.Decision().Reason != consent.CommunityDeny:
		return "PD"
	}
	return "NF"
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

func released(found []clinical.Report) []audit.RecordRef {
	var refs []audit.RecordRef
	for _, r := range found {
		for _, v := range r.Versions {
			refs = append(refs, audit.RecordRef{Kind: "result", Key: r.Result.Token, Seq: v.Seq, Part: v.Order})
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
func failure(err error) *problem {
	if lockport.KindOf(err) == lockport.Unauthorized {
		return &problem{at: at("QPD", 8), code: 204, text: "the clinician is not registered as a provider of this participant"}
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
		ControlID: m.Header().Text(10), Type: q.Type, Version: m.Header().Component(12, 1).Text(),
		Ack: reply.Frame, AckCode: p.ack(), Reason: p.text, Code: p.code,
	}
	_, err := s.config.Journal.Append(ctx, []lockport.Entry{{Kind: lockport.EntryRefusal, Time: s.config.Now().UTC(), Body: body}})
	if err != nil {
		return s.plain(m, q, failure(err))
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
