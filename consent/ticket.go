package consent

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/lockport-hie/lockport"
)

// Ticket is the proof of a decision. Only Gate.Open makes one that is worth
// anything: nil and the zero value permit nothing. While it is open it holds the
// patient's read side, so that no directive is acknowledged in between.
//
// Whoever writes bytes under a ticket asks Released before each write, and binds
// the write itself to Context (for example by closing the connection), so that a
// write that is stuck ends when a directive cuts it. All methods are safe for
// concurrent use.
type Ticket struct {
	decision Decision
	subject  Subject
	what     What
	hold     *hold // the read side; nil in the zero value

	mu        sync.Mutex
	disclosed lockport.Seq
	closed    bool
}

// Format keeps the patient out of everything that prints.
func (t *Ticket) Format(f fmt.State, _ rune) { fmt.Fprint(f, "ticket") }

// Permits reports whether records may be read under the ticket: the decision
// permits, and the ticket is neither closed nor cut.
func (t *Ticket) Permits() bool {
	if t == nil || t.hold == nil || !t.decision.Permits() || t.hold.isCut() {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return !t.closed
}

// Decision returns the decision, a permit or a denial. It stays readable after
// Close, for the audit.
func (t *Ticket) Decision() Decision {
	if t == nil || t.hold == nil {
		return Decision{Reason: DecisionFailed}
	}
	d := t.decision
	d.Covers = slices.Clone(d.Covers)
	d.Trace = slices.Clone(d.Trace)
	return d
}

// What returns what may be read under the ticket: a decision about one report or
// an alert opens no record.
func (t *Ticket) What() What {
	if t == nil {
		return Record
	}
	return t.what
}

// Known reports whether a registration answers to the identifier.
func (t *Ticket) Known() bool { return t != nil && t.subject.Known }

// Person returns the patient the decision is about, 0 when unknown.
func (t *Ticket) Person() lockport.PersonID {
	if t == nil {
		return 0
	}
	return t.subject.Person
}

// Registrations returns the registrations the decision is about. Nothing of any
// other registration may be read under the ticket.
func (t *Ticket) Registrations() []lockport.RegistrationID {
	if t == nil {
		return nil
	}
	return slices.Clone(t.subject.Registrations)
}

// AsOf returns the entry that the decision's snapshot has applied at least.
// Records released under the ticket are read at or after it.
func (t *Ticket) AsOf() lockport.Seq {
	if t == nil {
		return 0
	}
	return t.subject.AsOf
}

// Context ends when a directive cuts the reader, when the ticket is closed or
// when the context given to Open ends. No byte may leave after it.
func (t *Ticket) Context() context.Context {
	if t == nil || t.hold == nil {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		return ctx
	}
	return t.hold.ctx
}

// Disclosed says that the audit entry of this release is durable. 0 is no entry
// and changes nothing.
func (t *Ticket) Disclosed(seq lockport.Seq) {
	if t == nil || seq == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.disclosed = seq
}

// Released reports whether bytes may leave at this moment: the decision permits,
// the audit entry is durable, and the ticket is neither closed nor cut.
func (t *Ticket) Released() bool {
	if !t.Permits() {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.disclosed != 0 && !t.closed && t.hold.ctx.Err() == nil
}

// Close gives the read side back. Closing again does nothing.
func (t *Ticket) Close() {
	if t == nil || t.hold == nil {
		return
	}
	t.mu.Lock()
	closed := t.closed
	t.closed = true
	t.mu.Unlock()
	if !closed {
		t.hold.release()
	}
}
