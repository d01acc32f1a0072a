package broker

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
	"github.com/lockport-hie/lockport/consent"
	"github.com/lockport-hie/lockport/directory"
	"github.com/lockport-hie/lockport/hl7"
)

// exchange is a feed's surroundings: an outbox of messages of registration 1,
// directives about it, and a destination that a test scripts.
type exchange struct {
	*world
	mu      sync.Mutex
	rows    []lockport.OutboxItem
	changed chan struct{}
	allowed bool

	down     bool
	answers  []string // MSA-1 of the next answers; "" is no answer; then AA
	sent     []string // control ids that arrived
	bodies   []string
	hesitate func() // runs while the frame is being written
}

func (x *exchange) SubjectOf(context.Context, lockport.Identifier) (consent.Subject, error) {
	return x.subject(), nil
}

func (x *exchange) SubjectOfRegistration(context.Context, lockport.RegistrationID) (consent.Subject, error) {
	return x.subject(), nil
}

func (x *exchange) subject() consent.Subject {
	x.mu.Lock()
	defer x.mu.Unlock()
	s := consent.Subject{AsOf: 1 << 40, Known: true, Person: 1, Registrations: []lockport.RegistrationID{1}, Tokens: []lockport.Token{{1}}, BirthDate: "19700412"}
	if x.allowed {
		s.Directives = []consent.Directive{{Seq: 1, Patient: lockport.Identifier{Value: "N1", Authority: "NORTH"}, Participant: "family", Value: consent.Give, Signed: "1999-01-01", Signer: "self"}}
	}
	return s
}

func (x *exchange) Party(_ context.Context, p lockport.ParticipantID, npi lockport.NPI) (consent.Party, error) {
	return consent.Party{Participant: p, Joined: "1990-01-01", Clinician: npi}, nil
}

func (x *exchange) Outbox(_ context.Context, _ lockport.FeedID, after []byte, _ int) ([]lockport.OutboxItem, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	var rest []lockport.OutboxItem
	for _, r := range x.rows {
		if string(r.Key) > string(after) {
			rest = append(rest, r)
		}
	}
	return rest, nil
}

func (x *exchange) OutboxChanged() <-chan struct{} {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.changed
}

func (x *exchange) FeedMessage(_ context.Context, t *consent.Ticket, row lockport.OutboxRow) (*lockport.Message, error) {
	if !t.Permits() {
		return nil, lockport.Errorf(lockport.Refused, "", "no ticket")
	}
	raw := header("ADT", "NORTH", "ORU^R01^ORU_R01", "H1", "P", "2.5.1") +
		"PID|1||N0^^^NORTH||OTHER^PATIENT\rOBR|1||F0\r" + "PID|2||N1^^^NORTH||DOE^ADA\rOBR|1||F1\rOBX|1|TX|1||a\\T\\b\r"
	return &lockport.Message{Raw: []byte(raw)}, nil
}

func (x *exchange) Connect(context.Context) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.down {
		return errors.New("refused")
	}
	return nil
}

func (x *exchange) ExchangeHeld(_, hold context.Context, frame []byte, written func()) ([]byte, error) {
	if x.hesitate != nil {
		x.hesitate()
	}
	if hold.Err() != nil {
		return nil, hold.Err()
	}
	m, err := hl7.Parse(frame)
	if err != nil {
		return nil, err
	}
	written()
	x.mu.Lock()
	defer x.mu.Unlock()
	x.sent = append(x.sent, m.Header().Text(10))
	x.bodies = append(x.bodies, string(frame))
	code := "AA"
	if len(x.answers) > 0 {
		code, x.answers = x.answers[0], x.answers[1:]
	}
	if code == "" {
		return nil, errors.New("no reply in time")
	}
	return m.Acknowledge(hl7.Ack{Code: hl7.AckCode(code), ControlID: "R"}), nil
}

func (x *exchange) Close() error { return nil }

// newExchange starts a feed over n rows in a synctest bubble.
func newExchange(t *testing.T, n int, prepare ...func(*exchange)) (*exchange, *Feeds, func()) {
	w := newWorld(t, RejectUnknown)
	d, err := w.directory.Apply(directory.Change{Op: directory.Put, Feed: &directory.Feed{ID: "results", Application: "family-ehr", Kind: directory.ResultsFeed, To: "127.0.0.1:1", Insecure: true}})
	if err != nil {
		t.Fatal(err)
	}
	w.directory = d
	x := &exchange{world: w, changed: make(chan struct{}), allowed: true}
	for i := range n {
		seq := lockport.Seq(i + 1)
		x.rows = append(x.rows, lockport.OutboxItem{Key: lockport.OutboxKey("results", seq, 2), Row: lockport.OutboxRow{Feed: "results", Seq: seq, Group: 2, Registration: 1}})
	}
	for _, p := range prepare {
		p(x)
	}
	feeds := NewFeeds(FeedsConfig{
		Outbox: x, Journal: w.journal, Now: time.Now, Name: "LOCKPORT", Facility: "HIE",
		Directory: func(context.Context) (*directory.Directory, error) { return w.directory, nil },
		Gate:      consent.NewGate(consent.Config{Subjects: x, Parties: x, Journal: w.journal, Now: time.Now}),
		Dial:      func(directory.Feed) (Sender, error) { return x, nil },
		Backoff:   func(n int) time.Duration { return time.Duration(n) * time.Second },
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := feeds.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	return x, feeds, func() { cancel(); <-done }
}

// pass lets time go by on the bubble's clock.
func pass(d time.Duration) { <-time.After(d) }

func (x *exchange) outcomes() []lockport.DeliveryOutcome {
	var found []lockport.DeliveryOutcome
	for _, e := range x.journal.all() {
		if d, ok := e.Body.(*lockport.Delivery); ok {
			found = append(found, d.Outcome)
		}
	}
	return found
}

func TestRowsArriveInOrderEachAuditedFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x, _, stop := newExchange(t, 3)
		synctest.Wait()
		stop()
		if got := strings.Join(x.sent, " "); got != "LP1-2 LP2-2 LP3-2" {
			t.Errorf("arrived: %s", got)
		}
		disclosed := 0
		for _, e := range x.journal.all() {
			switch body := e.Body.(type) {
			case *audit.Disclosure:
				disclosed++
			case *lockport.Delivery:
				if body.Disclosure == 0 || body.Disclosure >= e.Seq {
					t.Error("a delivery without an earlier disclosure")
				}
			}
		}
		if disclosed != 3 {
			t.Errorf("%d disclosures, want 3", disclosed)
		}
	})
}

func TestOnlyThePatientsOwnSegmentsLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x, _, stop := newExchange(t, 1)
		synctest.Wait()
		stop()
		body := x.bodies[0]
		if strings.Contains(body, "OTHER") || strings.Contains(body, "F0") {
			t.Error("another patient's segments left")
		}
		if !strings.HasSuffix(body, "\rPID|2||N1^^^NORTH||DOE^ADA\rOBR|1||F1\rOBX|1|TX|1||a\\T\\b\r") {
			t.Error("the patient's segments are not as received")
		}
		if !strings.HasPrefix(body, `MSH|^~\&|LOCKPORT|HIE|EHR|FAMILY|`) {
			t.Error("MSH is not Lockport's own")
		}
	})
}

func TestARowIsTriedUntilItIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x, _, stop := newExchange(t, 2, func(x *exchange) { x.answers = []string{"", "AE", "AR", "AA"} })
		pass(time.Minute) // three pauses of the back-off
		synctest.Wait()
		stop()
		if got := strings.Join(x.sent, " "); got != "LP1-2 LP1-2 LP1-2 LP1-2 LP2-2" {
			t.Errorf("arrived: %s", got)
		}
		if got := x.outcomes(); len(got) != 2 {
			t.Errorf("%d outcomes, want 2", len(got))
		}
	})
}

func TestNothingIsAuditedWhileTheDestinationIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x, feeds, stop := newExchange(t, 1, func(x *exchange) { x.down = true })
		pass(time.Hour)
		if s, ok := feeds.Status("results"); !ok || s.State != "retrying" || s.Error == "" {
			t.Errorf("state %q", s.State)
		}
		x.mu.Lock()
		x.down = false
		x.mu.Unlock()
		pass(time.Hour)
		synctest.Wait()
		stop()
		disclosures := 0
		for _, e := range x.journal.all() {
			if e.Kind == lockport.EntryDisclosure {
				disclosures++
			}
		}
		if len(x.sent) != 1 || disclosures > 2 {
			t.Errorf("%d arrived, %d disclosures", len(x.sent), disclosures)
		}
	})
}

func TestConsentIsAskedAtTheMomentOfDelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x, _, stop := newExchange(t, 2, func(x *exchange) { x.allowed = false })
		synctest.Wait()
		stop()
		for _, outcome := range x.outcomes() {
			if outcome != lockport.Withheld {
				t.Errorf("a row ended as %s", outcome)
			}
		}
		if len(x.sent) != 0 || len(x.outcomes()) != 2 {
			t.Errorf("%d frames left, %d rows closed", len(x.sent), len(x.outcomes()))
		}
	})
}

func TestAPausedFeedStandsStillAndResumes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x, feeds, stop := newExchange(t, 0)
		synctest.Wait()
		paused, _ := x.directory.Feed("results")
		running := paused
		paused.Paused = true
		x.put(t, paused)
		feeds.Refresh()
		synctest.Wait()
		x.mu.Lock()
		x.rows = append(x.rows, lockport.OutboxItem{Key: lockport.OutboxKey("results", 9, 2), Row: lockport.OutboxRow{Feed: "results", Seq: 9, Group: 2, Registration: 1}})
		close(x.changed)
		x.changed = make(chan struct{})
		x.mu.Unlock()
		synctest.Wait()
		if len(x.sent) != 0 {
			t.Error("a paused feed sent")
		}
		x.put(t, running)
		feeds.Refresh()
		synctest.Wait()
		stop()
		if len(x.sent) != 1 {
			t.Errorf("%d frames after the feed was resumed", len(x.sent))
		}
	})
}

func (x *exchange) put(t *testing.T, f directory.Feed) {
	d, err := x.directory.Apply(directory.Change{Op: directory.Put, Feed: &f})
	if err != nil {
		t.Fatal(err)
	}
	x.directory = d
}
