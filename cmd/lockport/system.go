package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
	"github.com/lockport-hie/lockport/broker"
	"github.com/lockport-hie/lockport/consent"
	"github.com/lockport-hie/lockport/directory"
	"github.com/lockport-hie/lockport/query"
	"github.com/lockport-hie/lockport/repository"
)

// What Lockport calls itself in MSH-3 and MSH-4.
const (
	ownApplication = "LOCKPORT"
	ownFacility    = "HIE"
)

// system is the running server: every part, wired once.
type system struct {
	env     *environment
	config  configuration
	log     zerolog.Logger
	started time.Time
	region  *time.Location

	store  *repository.Store
	gate   *consent.Gate
	broker *broker.Broker
	feeds  *broker.Feeds
	meter  *meter

	listeners []openListener
	ready     chan struct{} // closed when everything can be reached
	changing  sync.Mutex    // held while a change of the directory is checked and appended
}

// newSystem wires the parts around an open store.
func newSystem(ctx context.Context, env *environment, c configuration, store *repository.Store) (*system, error) {
	region, err := time.LoadLocation(lockport.RegionZone)
	if err != nil {
		return nil, lockport.Errorf(lockport.Internal, "time zone", "%w", err)
	}
	level, err := zerolog.ParseLevel(c.LogLevel)
	if err != nil {
		return nil, lockport.Errorf(lockport.Invalid, "log_level", "%w", err)
	}
	mark, err := lastEntryTime(ctx, store)
	if err != nil {
		return nil, err
	}
	s := &system{
		env: env, config: c, started: env.Now(), region: region, store: store, meter: newMeter(env.Now),
		ready: make(chan struct{}),
		log:   zerolog.New(env.Err).Level(level).With().Timestamp().Logger(),
	}
	s.gate = consent.NewGate(consent.Config{
		Subjects: store, Parties: parties{store.Directory}, Journal: store, Now: env.Now, Mark: mark, Zone: region,
	})
	answers := query.New(query.Config{
		Directory: store.Directory, Gate: s.gate, Records: store, Journal: store,
		Now: env.Now, ControlID: newControlID, Observe: s.meter,
	})
	s.broker = broker.New(broker.Config{
		Journal: store, Directory: store.Directory, Queries: answers, Now: env.Now, ControlID: newControlID,
		UnknownSources: broker.UnknownSources(c.UnknownSources), Name: ownApplication, Facility: ownFacility, Observe: s.meter,
	})
	s.feeds = broker.NewFeeds(broker.FeedsConfig{
		Outbox: store, Directory: store.Directory, Gate: s.gate, Journal: store, Dial: s.dialFeed,
		Now: env.Now, Backoff: feedBackoff, Name: ownApplication, Facility: ownFacility, Observe: s.meter,
	})
	return s, nil
}

// lastEntryTime returns when the journal's last entry happened: decisions are never taken
// at an earlier time.
func lastEntryTime(ctx context.Context, store *repository.Store) (time.Time, error) {
	e, err := store.Entry(ctx, store.End())
	if lockport.KindOf(err) == lockport.NotFound {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, err
	}
	return e.Time, nil
}

// now returns the present as entries carry it.
func (s *system) now() time.Time { return s.env.Now().UTC().Truncate(time.Microsecond) }

// today returns the day it is in the region.
func (s *system) today() lockport.Date { return lockport.DateOf(s.env.Now().In(s.region)) }

// directory returns the directory as of the journal's end.
func (s *system) directory(ctx context.Context) (*directory.Directory, error) {
	return s.store.Directory(ctx)
}

// act writes down what an operator does, before it has an effect or anything is shown.
func (s *system) act(ctx context.Context, a audit.Action) error {
	_, err := s.store.Append(ctx, []lockport.Entry{{Kind: lockport.EntryAction, Time: s.now(), Body: &a}})
	return err
}

// verbs returns everything that can be asked at the socket.
func (s *system) verbs() []verb {
	var all []verb
	for _, some := range [][]verb{
		s.statusVerbs(), s.directoryVerbs(), s.consentVerbs(), s.patientVerbs(), s.messageVerbs(), s.quarantineVerbs(), s.feedVerbs(), s.auditVerbs(), s.backupVerbs(),
	} {
		all = append(all, some...)
	}
	return all
}

// runFeeds delivers until ctx ends. A directory that cannot be read for the moment is no
// reason to give deliveries up.
func (s *system) runFeeds(ctx context.Context) {
	for attempt := 1; ; attempt++ {
		err := s.feeds.Run(ctx)
		if err == nil || ctx.Err() != nil || errors.Is(err, context.Canceled) {
			return
		}
		s.log.Warn().Str("kind", lockport.KindOf(err).String()).Err(err).Msg("feeds stopped, starting them again")
		timer := time.NewTimer(feedBackoff(attempt))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}
