package consent

import (
	"context"
	"crypto/sha256"
	"slices"
	"sync"
	"time"

	"github.com/lockport-hie/lockport"
)

// world is a store, a directory and a journal in memory, for the gate's tests.
// fault is asked before each method answers, by the method's name.
type world struct {
	mu      sync.Mutex
	seq     lockport.Seq
	entries []lockport.Entry
	persons map[string]int // identifier → person, from 1
	fault   func(ctx context.Context, method string) (zero bool, err error)
	before  func(method string) // runs outside the lock, so that a test can act in between
	calls   map[string]int
	now     time.Time
}

func newWorld() *world {
	return &world{seq: 1, persons: map[string]int{mrnA: 1}, calls: map[string]int{}, now: noon}
}

func (w *world) gate(change ...func(*Config)) *Gate {
	c := Config{Subjects: w, Parties: w, Journal: w, Zone: newYork, Now: func() time.Time {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.now
	}}
	for _, f := range change {
		f(&c)
	}
	return NewGate(c)
}

func (w *world) enter(ctx context.Context, method string) (bool, error) {
	w.mu.Lock()
	w.calls[method]++
	fault, before := w.fault, w.before
	w.mu.Unlock()
	if before != nil {
		before(method)
	}
	if fault != nil {
		return fault(ctx, method)
	}
	return false, ctx.Err()
}

func tokenOf(id string) lockport.Token {
	sum := sha256.Sum256([]byte(id))
	return lockport.Token(sum[:16])
}

func (w *world) link(id string, person int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.persons[id] = person
	w.seq++
}

func (w *world) SubjectOf(ctx context.Context, id lockport.Identifier) (Subject, error) {
	if zero, err := w.enter(ctx, "SubjectOf"); zero || err != nil {
		return Subject{}, err
	}
	return w.subject(id.Value), nil
}

func (w *world) SubjectOfRegistration(ctx context.Context, id lockport.RegistrationID) (Subject, error) {
	if zero, err := w.enter(ctx, "SubjectOfRegistration"); zero || err != nil {
		return Subject{}, err
	}
	return w.subject(mrnA), nil
}

func (w *world) subject(id string) Subject {
	w.mu.Lock()
	defer w.mu.Unlock()
	person := w.persons[id]
	if person == 0 {
		return Subject{AsOf: w.seq, Tokens: []lockport.Token{tokenOf(id)}}
	}
	registration := lockport.RegistrationID(person)
	s := Subject{AsOf: w.seq, Known: true, Person: lockport.PersonID(person), Asked: registration,
		Registrations: []lockport.RegistrationID{registration}, BirthDate: "19700101"}
	for other, p := range w.persons {
		if p == person {
			s.Tokens = append(s.Tokens, tokenOf(other))
		}
	}
	slices.SortFunc(s.Tokens, func(a, b lockport.Token) int { return slices.Compare(a[:], b[:]) })
	for _, e := range w.entries {
		switch b := e.Body.(type) {
		case *Directive:
			if w.persons[b.Patient.Value] == person {
				d := *b
				d.Seq = e.Seq
				s.Directives = append(s.Directives, d)
			}
		case *Grant:
			g := *b
			g.Seq = e.Seq
			if g.Registration == registration {
				s.Grants = append(s.Grants, g)
			}
		}
	}
	return s
}

func (w *world) Party(ctx context.Context, participant lockport.ParticipantID, clinician lockport.NPI) (Party, error) {
	if zero, err := w.enter(ctx, "Party"); zero || err != nil {
		return Party{}, err
	}
	if participant != "upstate" {
		return Party{}, lockport.Errorf(lockport.Unauthorized, "directory", "unknown participant")
	}
	p := asks().Party
	p.Clinician, p.Practitioner = clinician, clinician != ""
	return p, nil
}

func (w *world) Append(ctx context.Context, entries []lockport.Entry) ([]lockport.Receipt, error) {
	if zero, err := w.enter(ctx, "Append"); zero || err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	var receipts []lockport.Receipt
	for _, e := range entries {
		w.seq++
		e.Seq = w.seq
		w.entries = append(w.entries, e)
		receipts = append(receipts, lockport.Receipt{Seq: e.Seq})
	}
	return receipts, nil
}

// says is a directive about identifier id, to be recorded.
func says(id string, v Value, change ...func(*Directive)) Directive {
	d := form(0, "upstate", v, "2026-06-01", change...)
	d.Patient.Value = id
	return d
}

func request(change ...func(*Request)) Request {
	r := Request{Patient: lockport.Identifier{Value: mrnA, Authority: "A"}, Participant: "upstate", Clinician: "1234567893", Purpose: lockport.Treatment}
	for _, f := range change {
		f(&r)
	}
	return r
}

func breakGlass(r *Request) {
	r.Purpose, r.Attestation = lockport.EmergencyTreatment, &Attestation{Reason: "UNCONSCIOUS", Text: "found on the floor"}
}
