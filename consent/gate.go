package consent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/lockport-hie/lockport"
)

// Config is what a Gate needs.
type Config struct {
	Subjects Subjects
	Parties  Parties
	Journal  lockport.Journal
	Now      func() time.Time     // wall clock with its monotonic reading, as time.Now gives it
	Elapsed  func() time.Duration // monotonic time since any fixed point; nil takes the monotonic reading of Now
	Mark     time.Time            // the highest time that was seen before a restart; zero when none is known
	Zone     *time.Location       // in which days begin and end; nil is UTC
	Drain    time.Duration        // how long a directive waits for readers before they are cut; 0 is 4 s, 5 s is the most
}

// Request is one question to the gate.
type Request struct {
	Patient      lockport.Identifier
	Registration lockport.RegistrationID // instead of Patient, for feeds
	Participant  lockport.ParticipantID
	Clinician    lockport.NPI // "" when none is named
	Purpose      lockport.Purpose
	What         What
	Attestation  *Attestation
}

// Gate is the one door through which a record leaves. It is safe for concurrent
// use.
type Gate struct {
	config Config
	clock  *clock
	locks  locks
	newest atomic.Uint64 // the newest entry that the gate appended itself
}

// attempts is how often a question starts again, because a link changed the
// patient's identifiers or a directive cut it while it was being decided.
const attempts = 16

// NewGate returns a gate.
func NewGate(c Config) *Gate {
	if c.Zone == nil {
		c.Zone = time.UTC
	}
	if c.Drain <= 0 {
		c.Drain = 4 * time.Second
	}
	c.Drain = min(c.Drain, cutLimit)
	return &Gate{config: c, clock: newClock(c)}
}

// Open decides a request and returns the ticket that carries the decision,
// permit or deny; the caller closes it. An error means that no decision could be
// reached, and then nothing may leave: kind Unauthorized for an unknown
// participant or clinician, Invalid for a request that asks for nobody,
// Unavailable where the same again may pass.
//
// While the ticket is open no directive about the patient is acknowledged, so a
// caller does not hold one longer than the answer takes, and records no directive
// about the patient in the meantime: it would wait for itself until it is cut.
func (g *Gate) Open(ctx context.Context, r Request) (*Ticket, error) {
	var ticket *Ticket
	err := guard(func() error {
		party, err := g.party(ctx, r)
		if err != nil {
			return err
		}
		s, err := g.subject(ctx, r)
		if err != nil {
			return err
		}
		for range attempts {
			t, fresh, err := g.try(ctx, r, party, s)
			if err != nil || t != nil {
				ticket = t
				return err
			}
			s = fresh
		}
		return errors.New("the patient's identifiers or directives keep changing")
	})
	if err != nil {
		return nil, gateError(err, lockport.Unavailable)
	}
	return ticket, nil
}

// try takes the read side of s and decides on the subject as it is then. It
// returns no ticket and no error where it has to start again from fresh.
func (g *Gate) try(ctx context.Context, r Request, p Party, s Subject) (t *Ticket, fresh Subject, err error) {
	h := newHold(ctx, &g.locks)
	defer func() {
		if t == nil {
			h.release()
		}
	}()
	again := func(err error) (*Ticket, Subject, error) {
		if h.isCut() && ctx.Err() == nil {
			return nil, s, nil
		}
		return nil, s, err
	}
	if err := h.read(stripesOf(s.Tokens)); err != nil {
		return again(err)
	}
	fresh, err = g.subject(h.ctx, r)
	if err != nil {
		return again(err)
	}
	if !slices.Equal(fresh.Tokens, s.Tokens) {
		return nil, fresh, nil
	}
	at, err := g.at()
	if err != nil {
		return nil, s, err
	}
	d := decide(fresh, r, g.question(r, p, at))
	if d.Effect == PermitEmergency && d.Grant == 0 {
		if d.Grant, err = g.grant(h.ctx, r, fresh, at); err != nil {
			return again(err)
		}
	}
	return &Ticket{decision: d, subject: fresh, what: r.What, hold: h}, fresh, nil
}

// decide puts before Decide what belongs to the patient and not to a directive. A
// registration that the record hides (it was deleted) is not known.
func decide(s Subject, r Request, q Question) Decision {
	hidden := r.Registration != 0 && !slices.Contains(s.Registrations, r.Registration)
	switch {
	case !s.Known || hidden:
		return Decision{Reason: UnknownPatient}
	case s.Closed:
		return Decision{Reason: PatientClosed}
	}
	q.BirthDate = s.BirthDate
	return Decide(s.Directives, s.Grants, q)
}

func (g *Gate) question(r Request, p Party, at time.Time) Question {
	return Question{At: at, Zone: g.config.Zone, Party: p, Purpose: r.Purpose, What: r.What, Attestation: r.Attestation}
}

// grant appends the emergency access that an attestation opens, before anything
// is released under it.
func (g *Gate) grant(ctx context.Context, r Request, s Subject, at time.Time) (lockport.Seq, error) {
	at = at.UTC().Truncate(time.Microsecond)
	registration := s.Asked
	if registration == 0 {
		registration = slices.Min(s.Registrations)
	}
	return g.append(ctx, lockport.EntryGrant, at, &Grant{
		Registration: registration, Participant: r.Participant, Clinician: r.Clinician,
		Reason: r.Attestation.Reason, Text: r.Attestation.Text, From: at, Until: at.Add(grantTime),
	})
}

// Record makes a directive count: it waits until nobody reads the patient, cuts
// who does not finish in time, and appends the directive's entry. When it
// returns, no byte that the directive forbids leaves any more. It sets Recorded,
// and clears what only the projector sets. An error of kind Invalid names the
// field; after the context's error the directive may or may not have been
// recorded, and recording it again does no harm.
func (g *Gate) Record(ctx context.Context, d Directive) (lockport.Seq, error) {
	var seq lockport.Seq
	err := guard(func() error {
		at, _ := g.clock.read() // a denial is taken even while the clock stops decisions
		at = at.UTC().Truncate(time.Microsecond)
		d.Seq, d.Voided, d.Ended, d.Recorded = 0, false, time.Time{}, at
		if err := d.Validate(at.In(g.config.Zone)); err != nil {
			return err
		}
		p := newPatience(g.config.Drain)
		defer p.stop()
		s, err := g.subject(ctx, Request{Patient: d.Patient})
		for range attempts {
			if err != nil {
				return err
			}
			var done bool
			if seq, s, done, err = g.record(ctx, d, s, p); done {
				return err
			}
		}
		return errors.New("the patient's identifiers keep changing")
	})
	if err != nil {
		return 0, gateError(err, lockport.Unavailable)
	}
	return seq, nil
}

// record appends d under the write side of s. It is not done where the patient
// has other identifiers by then. The write side covers every identifier of the
// person: a reader that began before a link holds only some of them.
func (g *Gate) record(ctx context.Context, d Directive, s Subject, p *patience) (lockport.Seq, Subject, bool, error) {
	unlock, err := g.locks.write(ctx, stripesOf(s.Tokens), p)
	if err != nil {
		return 0, s, true, err
	}
	defer unlock()
	fresh, err := g.subject(ctx, Request{Patient: d.Patient})
	if err != nil || !slices.Equal(fresh.Tokens, s.Tokens) {
		return 0, fresh, err != nil, err
	}
	seq, err := g.append(ctx, lockport.EntryDirective, d.Recorded, &d)
	return seq, fresh, true, err
}

// append appends one entry and remembers it: no later decision rests on a
// snapshot without it.
func (g *Gate) append(ctx context.Context, kind lockport.EntryKind, at time.Time, body any) (lockport.Seq, error) {
	receipts, err := g.config.Journal.Append(ctx, []lockport.Entry{{Kind: kind, Time: at, Body: body}})
	if err != nil {
		return 0, err
	}
	if len(receipts) != 1 || receipts[0].Seq == 0 || receipts[0].Duplicate {
		return 0, lockport.Errorf(lockport.Internal, "", "the journal returned no receipt")
	}
	seq := receipts[0].Seq
	for old := g.newest.Load(); uint64(seq) > old && !g.newest.CompareAndSwap(old, uint64(seq)); old = g.newest.Load() {
	}
	return seq, nil
}

// Explain decides without a ticket and without waiting, as things stood at a
// time: a directive counts from its recording, and a voided one not at all.
// Nothing may be released on it. The zero time is the present.
func (g *Gate) Explain(ctx context.Context, r Request, at time.Time) (Decision, Subject, error) {
	d, s := Decision{Reason: DecisionFailed}, Subject{}
	err := guard(func() error {
		present, err := g.at()
		if err != nil {
			return err
		}
		p, err := g.party(ctx, r)
		if err != nil {
			return err
		}
		subject, err := g.subject(ctx, r)
		if err != nil {
			return err
		}
		if !at.IsZero() && at.Before(present) {
			later := func(d Directive) bool { return d.Recorded.After(at) }
			subject.Directives = slices.DeleteFunc(slices.Clone(subject.Directives), later)
		}
		if at.IsZero() {
			at = present
		}
		d, s = decide(subject, r, g.question(r, p, at)), subject
		return nil
	})
	if err != nil {
		return d, Subject{}, gateError(err, lockport.Unavailable)
	}
	return d, s, nil
}

// party asks the directory and checks that the answer is about who was asked for.
func (g *Gate) party(ctx context.Context, r Request) (Party, error) {
	if r.Participant == "" {
		return Party{}, lockport.Errorf(lockport.Invalid, "", "no participant")
	}
	p, err := g.config.Parties.Party(ctx, r.Participant, r.Clinician)
	if err != nil {
		return Party{}, fmt.Errorf("parties: %w", err)
	}
	if p.Participant != r.Participant || p.Clinician != r.Clinician {
		return Party{}, lockport.Errorf(lockport.Internal, "parties", "the answer is about someone else")
	}
	return p, nil
}

// subject reads the patient at the journal's end and checks what a wrong or empty
// answer would show.
func (g *Gate) subject(ctx context.Context, r Request) (Subject, error) {
	var s Subject
	var err error
	need := lockport.Seq(g.newest.Load())
	switch {
	case (r.Registration == 0) == (r.Patient.Value == ""):
		return s, lockport.Errorf(lockport.Invalid, "", "exactly one of an identifier and a registration is needed")
	case r.Registration != 0:
		s, err = g.config.Subjects.SubjectOfRegistration(ctx, r.Registration)
	default:
		s, err = g.config.Subjects.SubjectOf(ctx, r.Patient)
	}
	if err != nil {
		return Subject{}, fmt.Errorf("subjects: %w", err)
	}
	s.Tokens = slices.Clone(s.Tokens)
	slices.SortFunc(s.Tokens, func(a, b lockport.Token) int { return slices.Compare(a[:], b[:]) })
	s.Tokens = slices.Compact(s.Tokens)
	var why string
	switch {
	case s.AsOf < need:
		return Subject{}, lockport.Errorf(lockport.Unavailable, "subjects", "the snapshot is older than the last directive")
	case len(s.Tokens) == 0:
		why = "no identifier"
	case s.Known && (s.AsOf == 0 || s.Person == 0 || len(s.Registrations) == 0):
		why = "a known patient without a registration"
	case !s.Known && len(s.Registrations) > 0:
		why = "an unknown patient with registrations"
	case s.Asked != 0 && !slices.Contains(s.Registrations, s.Asked):
		why = "not a registration of the patient"
	}
	if why != "" {
		return Subject{}, lockport.Errorf(lockport.Internal, "subjects", "%s", why)
	}
	return s, nil
}

// guard turns a panic into an error. What panicked is not said: it may hold what
// was being read.
func guard(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = lockport.Errorf(lockport.Internal, "", "a panic of type %T", p)
		}
	}()
	return f()
}

// gateError gives every failure a kind. NotFound is no answer of a gate: the
// outside would read it as one about the patient. The end of a context and what
// has no kind of its own become plain.
func gateError(err error, plain lockport.Kind) error {
	var known *lockport.Error
	kind := plain
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
	case errors.As(err, &known):
		kind = known.Kind
	}
	if kind == lockport.NotFound || kind == lockport.Refused {
		kind = lockport.Internal
	}
	return &lockport.Error{Op: "consent gate", Kind: kind, Err: err}
}
