package broker

import (
	"context"
	"errors"
	"fmt"
	"slices"
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

// same reports whether the delivery is for this feed and application. Whatever
// else of an application changes is nothing to a feed.
func (d *delivery) same(feed directory.Feed, app directory.Application) bool {
	return d.feed == feed && d.app.Name == app.Name && d.app.Facility == app.Facility
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
	w := work{delivery: d}
	defer w.close()
	for ctx.Err() == nil {
		w.attempts++
		err := w.step(ctx)
		switch {
		case err == nil:
			w.attempts = 0
		case ctx.Err() == nil:
			d.set("retrying", w.attempts, err)
			d.pause(ctx, w.attempts)
		}
	}
}

// work is how far a running delivery has come.
type work struct {
	*delivery
	sender   Sender
	after    []byte // key of the row that was done last
	attempts int    // at what is done next, this one included
}

func (w *work) close() {
	if w.sender != nil {
		_ = w.sender.Close() // nothing is under way any more
	}
}

// step does the next row, or waits for one. A row that failed is read again
// before the next attempt: it may be done although its outcome was reported as
// an error, and then there is nothing to wait for.
func (w *work) step(ctx context.Context) (err error) {
	if w.sender == nil {
		if w.sender, err = w.config.Dial(w.feed); err != nil {
			return err
		}
	}
	changed := w.config.Outbox.OutboxChanged()
	rows, err := w.config.Outbox.Outbox(ctx, w.feed.ID, w.after, pageSize)
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		w.set("idle", 0, nil)
		select {
		case <-ctx.Done():
		case <-changed:
		}
		return nil
	}
	for _, row := range rows {
		w.set("sending", w.attempts, nil)
		if err := w.attempt(ctx, w.sender, row, w.attempts); err != nil {
			return err
		}
		w.after, w.attempts = row.Key, 1
	}
	return nil
}

// pause waits before the next attempt. It ends early when an operator asks for
// a retry, and when the feed stops.
func (d *delivery) pause(ctx context.Context, attempt int) {
	timer := time.NewTimer(d.config.Backoff(attempt))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-d.woken:
	case <-timer.C:
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
	if !ticket.Decision().Permits() { // a cut ticket is no denial; it fails below
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
	disclosed, err := d.disclose(ctx, ticket, item, out)
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
func (d *delivery) disclose(ctx context.Context, t *consent.Ticket, item lockport.OutboxItem, out outgoing) (lockport.Seq, error) {
	decision := t.Decision()
	return d.append(ctx, lockport.EntryDisclosure, &audit.Disclosure{
		Channel: audit.ChannelFeed, Application: d.app.ID, Participant: d.app.Participant,
		Person: t.Person(), Registrations: []lockport.RegistrationID{item.Row.Registration},
		Purpose: lockport.Treatment, Outcome: audit.Permitted, Reason: string(decision.Reason), Basis: decision.Basis,
		Released: []audit.RecordRef{{Kind: "message", Seq: item.Row.Seq, Part: item.Row.Group}},
		Query:    out.kind, ControlID: out.controlID, Feed: d.feed.ID, Peer: d.feed.To,
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
		if !slices.Contains([]string{"AE", "AR", "CE", "CR"}, code) {
			code = "no code of table 0008"
		}
		return "", lockport.Errorf(lockport.Refused, "feed", "the destination answered %s", code)
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
