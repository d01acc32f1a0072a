package broker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
	"github.com/lockport-hie/lockport/consent"
	"github.com/lockport-hie/lockport/directory"
	"github.com/lockport-hie/lockport/hl7"
)

// pageSize is how many outbox rows are read at a time.
const pageSize = 64

// delivery works one feed's outbox off, in order: a row is tried until the
// provider took it or consent withheld it.
type delivery struct {
	config *FeedsConfig
	feed   directory.Feed
	app    directory.Application
	cancel context.CancelFunc
	done   chan struct{}
	woken  chan struct{}

	mu   sync.Mutex
	live FeedStatus
}

func start(ctx context.Context, c *FeedsConfig, feed directory.Feed, app directory.Application) *delivery {
	ctx, cancel := context.WithCancel(ctx)
	d := &delivery{
		config: c, feed: feed, app: app, cancel: cancel,
		done: make(chan struct{}), woken: make(chan struct{}, 1),
		live: FeedStatus{Feed: feed.ID, State: "idle"},
	}
	if feed.Paused {
		d.live.State = "paused"
		close(d.done)
		return d
	}
	go d.run(ctx)
	return d
}

func (d *delivery) stop() {
	d.cancel()
	<-d.done
}

func (d *delivery) wake() {
	select {
	case d.woken <- struct{}{}:
	default:
	}
}

func (d *delivery) status() FeedStatus {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.live
}

func (d *delivery) set(state string, attempts int, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.live = FeedStatus{Feed: d.feed.ID, State: state, Attempts: attempts}
	if err != nil {
		d.live.Error = err.Error()
	}
}

func (d *delivery) run(ctx context.Context) {
	defer close(d.done)
	sender, err := d.config.Dial(d.feed)
	for attempt := 1; err != nil; attempt++ {
		d.set("retrying", attempt, err)
		if !d.pause(ctx, attempt) {
			return
		}
		sender, err = d.config.Dial(d.feed)
	}
	defer sender.Close()
	var after []byte
	for failures := 0; ctx.Err() == nil; {
		changed := d.config.Outbox.OutboxChanged()
		rows, err := d.config.Outbox.Outbox(ctx, d.feed.ID, after, pageSize)
		if err != nil {
			failures++
			d.set("retrying", failures, err)
			if !d.pause(ctx, failures) {
				return
			}
			continue
		}
		failures = 0
		for _, row := range rows {
			if !d.deliver(ctx, sender, row) {
				return
			}
			after = row.Key
		}
		if len(rows) > 0 {
			continue
		}
		d.set("idle", 0, nil)
		select {
		case <-ctx.Done():
		case <-changed:
		}
	}
}

// pause waits before the next attempt. It ends early when an operator asks for
// a retry, and reports false when the feed stops.
func (d *delivery) pause(ctx context.Context, attempt int) bool {
	timer := time.NewTimer(d.config.Backoff(attempt))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-d.woken:
	case <-timer.C:
	}
	return true
}

// deliver tries one row until it is done; false means that the feed stops.
func (d *delivery) deliver(ctx context.Context, sender Sender, item lockport.OutboxItem) bool {
	for attempt := 1; ; attempt++ {
		d.set("sending", attempt, nil)
		err := d.attempt(ctx, sender, item, attempt)
		if err == nil {
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		d.set("retrying", attempt, err)
		if !d.pause(ctx, attempt) {
			return false
		}
	}
}

// attempt connects, asks the gate, audits, sends, and records the outcome, in
// that order (DESIGN §3.8).
func (d *delivery) attempt(ctx context.Context, sender Sender, item lockport.OutboxItem, n int) error {
	if err := sender.Connect(ctx); err != nil {
		return err
	}
	ticket, err := d.config.Gate.Open(ctx, consent.Request{
		Registration: item.Row.Registration, Participant: d.app.Participant,
		Purpose: lockport.Treatment, What: consent.Record,
	})
	if err != nil {
		return err
	}
	defer ticket.Close()
	if !ticket.Permits() {
		return d.withhold(ctx, ticket, item, n)
	}
	message, err := d.config.Outbox.FeedMessage(ctx, ticket, item.Row)
	if err != nil {
		return err
	}
	out, err := forward(message, item.Row, d.config.Name, d.config.Facility, d.app, d.config.Now())
	if err != nil {
		return err
	}
	disclosed, err := d.disclose(ctx, ticket, item, out.controlID)
	if err != nil {
		return err
	}
	ticket.Disclosed(disclosed)
	if !ticket.Released() {
		return lockport.Errorf(lockport.Refused, "feed", "a directive came in between")
	}
	answer, err := sender.ExchangeHeld(ctx, ticket.Context(), out.frame, ticket.Close)
	if err != nil {
		return err
	}
	code, err := accepted(answer, out.controlID)
	if err != nil {
		return err
	}
	return d.finish(ctx, item, lockport.Delivery{
		Outcome: lockport.Delivered, Disclosure: disclosed, ControlID: out.controlID, AckCode: code, Attempts: n,
	})
}

// disclose writes the audit entry that stands before any byte leaves.
func (d *delivery) disclose(ctx context.Context, t *consent.Ticket, item lockport.OutboxItem, controlID string) (lockport.Seq, error) {
	decision := t.Decision()
	return d.append(ctx, lockport.EntryDisclosure, &audit.Disclosure{
		Channel: audit.ChannelFeed, Application: d.app.ID, Participant: d.app.Participant,
		Person: t.Person(), Registrations: []lockport.RegistrationID{item.Row.Registration},
		Purpose: lockport.Treatment, Outcome: audit.Permitted, Reason: string(decision.Reason), Basis: decision.Basis,
		Released: []audit.RecordRef{{Kind: "message", Seq: item.Row.Seq, Part: item.Row.Group}},
		Query:    "ORU^R01", ControlID: controlID, Feed: d.feed.ID, Peer: d.feed.To,
	})
}

// withhold closes a row that consent does not let out.
func (d *delivery) withhold(ctx context.Context, t *consent.Ticket, item lockport.OutboxItem, n int) error {
	decision := t.Decision()
	seq, err := d.append(ctx, lockport.EntryDisclosure, &audit.Disclosure{
		Channel: audit.ChannelFeed, Application: d.app.ID, Participant: d.app.Participant,
		Person: t.Person(), Registrations: []lockport.RegistrationID{item.Row.Registration},
		Purpose: lockport.Treatment, Outcome: audit.Denied, Reason: string(decision.Reason), Basis: decision.Basis,
		Feed: d.feed.ID, Peer: d.feed.To,
	})
	if err != nil {
		return err
	}
	return d.finish(ctx, item, lockport.Delivery{
		Outcome: lockport.Withheld, Disclosure: seq, Attempts: n, Reason: string(decision.Reason),
	})
}

// finish records what became of the row. Until that is on disk the row counts
// as not delivered: after a crash it is sent again under the same control id.
func (d *delivery) finish(ctx context.Context, item lockport.OutboxItem, outcome lockport.Delivery) error {
	outcome.Feed, outcome.Row = d.feed.ID, item.Key
	// The provider has the message: stopping must not lose that fact.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if _, err := d.append(ctx, lockport.EntryDelivery, &outcome); err != nil {
		return err
	}
	if d.config.Observe != nil {
		d.config.Observe.FeedRow(d.feed.ID, outcome.Outcome)
	}
	return nil
}

func (d *delivery) append(ctx context.Context, kind lockport.EntryKind, body any) (lockport.Seq, error) {
	receipts, err := d.config.Journal.Append(ctx, []lockport.Entry{{Kind: kind, Time: d.config.Now().UTC(), Body: body}})
	if err != nil {
		return 0, err
	}
	return receipts[0].Seq, nil
}

// accepted reads the provider's acknowledgement: AA or CA for this control id.
// Anything else is tried again, because skipping a message would lose the order.
func accepted(answer []byte, controlID string) (string, error) {
	m, err := hl7.Parse(answer)
	if err != nil {
		return "", fmt.Errorf("the destination's acknowledgement cannot be read: %w", err)
	}
	msa := m.First("MSA")
	if msa.Text(2) != controlID {
		return "", errors.New("the destination acknowledged another message")
	}
	code := msa.Text(1)
	if code != "AA" && code != "CA" {
		return "", lockport.Errorf(lockport.Refused, "feed", "the destination answered with a negative acknowledgement")
	}
	return code, nil
}

// IsAnswer reports whether reply acknowledges the message sent: MSA-2 equals its
// MSH-10. It serves as the match of the transport's client, so that a late
// acknowledgement is never taken for the next message's.
func IsAnswer(sent, reply []byte) bool {
	s, err := hl7.Parse(sent)
	if err != nil {
		return false
	}
	r, err := hl7.Parse(reply)
	if err != nil {
		return false
	}
	return r.First("MSA").Text(2) == s.Header().Text(10)
}
