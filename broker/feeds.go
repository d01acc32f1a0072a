package broker

import (
	"context"
	"sync"
	"time"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/consent"
	"github.com/lockport-hie/lockport/directory"
)

// Outbox reads what feeds may want. The message behind a row is handed out for
// a ticket only.
type Outbox interface {
	// Outbox returns rows of a feed after a key, oldest first.
	Outbox(ctx context.Context, feed lockport.FeedID, after []byte, limit int) ([]lockport.OutboxItem, error)
	// OutboxChanged returns a channel that is closed when rows may have come.
	OutboxChanged() <-chan struct{}
	// FeedMessage returns the message behind a row whose patient the ticket permits.
	FeedMessage(ctx context.Context, t *consent.Ticket, row lockport.OutboxRow) (*lockport.Message, error)
}

// Sender is the connection to one destination. It serves one exchange at a time.
type Sender interface {
	// Connect makes sure that there is a connection, so that an unreachable
	// destination is noticed before anything is audited as disclosed.
	Connect(ctx context.Context) error
	// ExchangeHeld writes one frame, calls written when its last byte has been
	// handed over, and returns the answer that belongs to it. hold ends the
	// right to write; ctx bounds the whole exchange.
	ExchangeHeld(ctx, hold context.Context, frame []byte, written func()) ([]byte, error)
	// Close gives the connection up.
	Close() error
}

// FeedsConfig is what Feeds needs.
type FeedsConfig struct {
	Outbox    Outbox
	Directory func(context.Context) (*directory.Directory, error)
	Gate      *consent.Gate
	Journal   lockport.Journal
	Dial      func(directory.Feed) (Sender, error)
	Now       func() time.Time
	Backoff   func(attempt int) time.Duration // delay before attempt n, from 1
	Name      string                          // MSH-3 of what is sent
	Facility  string                          // MSH-4 of what is sent
	Observe   FeedObserver
}

// FeedObserver is told about deliveries. It must not block.
type FeedObserver interface {
	// FeedRow is called when a row is done.
	FeedRow(feed lockport.FeedID, outcome lockport.DeliveryOutcome)
}

// FeedStatus is the live state of one feed.
type FeedStatus struct {
	Feed     lockport.FeedID `json:"feed"`
	State    string          `json:"state"` // idle, sending, retrying, paused
	Attempts int             `json:"attempts,omitempty"`
	Error    string          `json:"last_error,omitempty"` // without content
}

// Feeds runs one delivery for each active feed of the directory.
type Feeds struct {
	config  FeedsConfig
	changed chan struct{}

	mu      sync.Mutex
	running map[lockport.FeedID]*delivery
}

// NewFeeds returns Feeds; Run starts them.
func NewFeeds(c FeedsConfig) *Feeds {
	return &Feeds{config: c, changed: make(chan struct{}, 1), running: map[lockport.FeedID]*delivery{}}
}

// Refresh makes Run look at the directory again: a feed was added, changed,
// paused or removed. It also wakes feeds that wait for their next attempt.
func (f *Feeds) Refresh() {
	select {
	case f.changed <- struct{}{}:
	default:
	}
}

// Run delivers until ctx ends, then waits until every exchange in hand is done
// or cut.
func (f *Feeds) Run(ctx context.Context) error {
	defer f.stop(func(*delivery) bool { return true })
	for {
		d, err := f.config.Directory(ctx)
		if err != nil {
			return err
		}
		f.align(ctx, d)
		select {
		case <-ctx.Done():
			return nil
		case <-f.changed:
		}
	}
}

// align starts, restarts and stops deliveries so that they match the directory.
func (f *Feeds) align(ctx context.Context, d *directory.Directory) {
	wanted := map[lockport.FeedID]directory.Feed{}
	for _, feed := range d.Feeds() {
		wanted[feed.ID] = feed
	}
	f.stop(func(running *delivery) bool {
		feed, ok := wanted[running.feed.ID]
		app, _ := d.Application(feed.Application)
		return !ok || !running.same(feed, app)
	})
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, feed := range wanted {
		if running, ok := f.running[id]; ok {
			running.wake()
			continue
		}
		// A feed's application cannot be removed before the feed.
		if app, ok := d.Application(feed.Application); ok {
			f.running[id] = start(ctx, &f.config, feed, app)
		}
	}
}

// stop stops the deliveries that are chosen and waits for them: all at once, and
// without keeping Status from anybody meanwhile.
func (f *Feeds) stop(chosen func(*delivery) bool) {
	f.mu.Lock()
	var stopping []*delivery
	for _, running := range f.running {
		if chosen(running) {
			running.cancel()
			stopping = append(stopping, running)
		}
	}
	f.mu.Unlock()
	for _, running := range stopping {
		<-running.done
		f.mu.Lock()
		delete(f.running, running.feed.ID)
		f.mu.Unlock()
	}
}

// Status returns the live state of a feed, and false when it is not running.
func (f *Feeds) Status(id lockport.FeedID) (FeedStatus, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	running, ok := f.running[id]
	if !ok {
		return FeedStatus{}, false
	}
	return running.status(), true
}
