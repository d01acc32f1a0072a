package consent

import (
	"context"
	"strings"
	"time"

	"github.com/lockport-hie/lockport"
)

// Config is what a Gate needs.
type Config struct {
	Subjects Subjects
	Parties  Parties
	Journal  lockport.Journal
	Now      func() time.Time     // wall clock with its monotonic reading, as time.Now gives it; nil is time.Now
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
}

// NewGate returns a gate.
func NewGate(c Config) *Gate { return &Gate{config: c} }

// Open decides a request and returns the ticket that carries the decision,
// permit or deny. The caller closes it. An error means that no decision could be
// reached, and then nothing may leave.
func (g *Gate) Open(ctx context.Context, r Request) (*Ticket, error) {
	return nil, lockport.Errorf(lockport.Unavailable, "consent gate", "closed")
}

// Record makes a directive count: it waits until nobody reads the patient, cuts
// who does not finish in time, and appends the directive's entry. When it
// returns, no byte that the directive forbids leaves any more.
func (g *Gate) Record(ctx context.Context, d Directive) (lockport.Seq, error) {
	return 0, lockport.Errorf(lockport.Unavailable, "consent gate", "closed")
}

// Explain decides without a ticket and without waiting, as things stood at a
// time. Nothing may be released on it. The zero time is the present.
func (g *Gate) Explain(ctx context.Context, r Request, at time.Time) (Decision, Subject, error) {
	return Decision{Reason: DecisionFailed}, Subject{}, lockport.Errorf(lockport.Unavailable, "consent gate", "closed")
}

// AcceptClock takes the clock as it is after a jump had stopped decisions.
func (g *Gate) AcceptClock() {}

type hold struct {
	ctx    context.Context
	cancel context.CancelFunc
}

func (h *hold) isCut() bool { return h.ctx.Err() != nil }
func (h *hold) release()    { h.cancel() }

func blank(s string) bool { return strings.TrimSpace(s) == "" }
