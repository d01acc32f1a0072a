package broker

import (
	"context"
	"errors"
	"reflect"
	"slices"
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

	raw     string // the message behind every row; "" is one with two patients
	read    func() // runs after the outbox was read
	reading func() // runs before the message is handed out

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
	if x.read != nil {
		defer x.read()
	}
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
	if x.reading != nil {
		x.reading()
	}
	if !t.Permits() {
		return nil, lockport.Errorf(lockport.Refused, "", "no ticket")
	}
	if x.raw != "" {
		return &lockport.Message{Raw: []byte(x.raw), Zone: lockport.RegionZone}, nil
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if !slices.ContainsFunc(x.rows, func(r lockport.OutboxItem) bool { return reflect.DeepEqual(r.Row, row) }) {
		return nil, lockport.Errorf(lockport.Refused, "", "the row is not in the outbox")
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

// A row may be done although it was just read: after a restart, or when writing
// its outcome was reported as failed. It must not stand in the way of the next.
func TestARowThatIsDoneAlreadyBlocksNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x, feeds, stop := newExchange(t, 2)
		x.mu.Lock()
		x.read = func() { x.rows, x.read = x.rows[1:], nil }
		x.mu.Unlock()
		pass(time.Minute)
		synctest.Wait()
		s, _ := feeds.Status("results")
		stop()
		if got := strings.Join(x.sent, " "); got != "LP2-2" || s.State != "idle" {
			t.Errorf("arrived: %s; the feed is %s: %s", got, s.State, s.Error)
		}
	})
}

func TestALostTicketIsNoDenial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x, _, stop := newExchange(t, 1)
		ctx, cancel := context.WithCancel(context.Background())
		d := delivery{config: &FeedsConfig{
			Outbox: x, Journal: x.journal, Now: time.Now, Gate: consent.NewGate(consent.Config{Subjects: x, Parties: x, Journal: x.journal, Now: time.Now}),
		}, app: directory.Application{Participant: "family"}}
		synctest.Wait()
		stop()
		done := len(x.outcomes())
		// The right to send ends before the record is read; the decision permits.
		x.reading = cancel
		if err := d.attempt(ctx, x, x.rows[0], 1); err == nil {
			t.Error("a row was done under a ticket that no longer held")
		}
		if len(x.outcomes()) != done {
			t.Error("a row was closed as withheld although nothing denied it")
		}
	})
}

func TestAChangedApplicationIsSentToUnderItsNewName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x, feeds, stop := newExchange(t, 0)
		synctest.Wait()
		app, _ := x.directory.Application("family-ehr")
		app.Name = "NEWEHR"
		x.journal.changed(directory.Change{Op: directory.Put, Application: &app})
		feeds.Refresh()
		synctest.Wait()
		x.mu.Lock()
		x.rows = append(x.rows, lockport.OutboxItem{Key: lockport.OutboxKey("results", 9, 2), Row: lockport.OutboxRow{Feed: "results", Seq: 9, Group: 2, Registration: 1}})
		close(x.changed)
		x.changed = make(chan struct{})
		x.mu.Unlock()
		synctest.Wait()
		stop()
		if len(x.bodies) != 1 || !strings.Contains(x.bodies[0], "|NEWEHR|") {
			t.Error("MSH-5 is not the application's name as it is now")
		}
	})
}

// What is forwarded must read as it was received: the same bytes, the same
// character set, the same instants.
func TestWhatIsForwardedReadsAsReceived(t *testing.T) {
	body := "PID|1||N1^^^NORTH||M\xfcLLER\rOBR|1||F1|X|||20250301090000\rOBX|1|TX|1||a\\X41\\&b~\xe9|\r"
	utf := strings.NewReplacer("\xfc", "\u00fc", "\xe9", "\u00e9").Replace(body)
	message := func(at, version, charset, body string) string {
		return "MSH|^~\\&|LAB|NORTH|||" + at + "||ORU^R01|1|P|" + version + "||||||" + charset + "\r" + body
	}
	for name, c := range map[string]struct{ raw, charset, at string }{
		"windows-1252 undeclared":   {message("20250301100000-0500", "2.3", "", body), "windows-1252", "20250701080000-0500"},
		"UTF-8 undeclared":          {message("20250301100000", "2.5.1", "", utf), "UNICODE UTF-8", "20250701090000"},
		"declared":                  {message("20250301100000+0000", "2.5.1", "8859/1", body), "8859/1", "20250701130000+0000"},
		"declared, nobody knows it": {message("20250301100000", "2.5.1", "FOO", body), "FOO", "20250701090000"},
		"declared with shifts":      {message("20250301100000", "2.5.1", "8859/1~ISO IR87", body), "8859/1~ISO IR87", "20250701090000"},
	} {
		out, err := forward(&lockport.Message{Raw: []byte(c.raw), Zone: lockport.RegionZone}, lockport.OutboxRow{Seq: 1, Group: 1}, "LOCKPORT", "HIE", directory.Application{Name: "EHR"}, time.Date(2025, 7, 1, 13, 0, 0, 0, time.UTC))
		if err != nil {
			t.Fatal(err)
		}
		header, rest, _ := strings.Cut(string(out.frame), "\r")
		if _, sent, _ := strings.Cut(c.raw, "\r"); rest != sent {
			t.Errorf("%s: the patient's segments changed", name)
		}
		fields := strings.Split(header, "|")
		if fields[6] != c.at || fields[17] != c.charset {
			t.Errorf("%s: MSH-7 %s and MSH-18 %s, want %s and %s", name, fields[6], fields[17], c.at, c.charset)
		}
	}
}

func TestWhatNoFrameMayHoldIsEscaped(t *testing.T) {
	raw := header("ADT", "NORTH", "ORU^R01", "H1", "P", "2.5.1") + "PID|1||N1^^^NORTH\rOBR|1||F1\rOBX|1|TX|1||a\x1cb\x0bc\r"
	out, err := forward(&lockport.Message{Raw: []byte(raw)}, lockport.OutboxRow{Seq: 1, Group: 1}, "", "", directory.Application{}, time.Now())
	if err != nil || !strings.HasSuffix(string(out.frame), `|a\X1C\b\X0B\c`+"\r") {
		t.Error("a message that no frame can hold would block its feed for ever")
	}
}
