package main

import (
	"context"
	"time"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
	"github.com/lockport-hie/lockport/directory"
)

// The paths of the verbs of feed.
const (
	pathFeedList  = "/v1/feed/list"
	pathFeedPause = "/v1/feed/pause"
	pathFeedRetry = "/v1/feed/retry"

	pathFeedUncorrected = "/v1/feed/uncorrected"
)

// feedVerbs are the verbs of feed.
func (s *system) feedVerbs() []verb {
	return []verb{
		verbOf(pathFeedList, "", s.listFeeds),
		verbOf(pathFeedPause, roleOperator, s.pauseFeed),
		verbOf(pathFeedRetry, roleOperator, s.retryFeed),
		verbOf(pathFeedUncorrected, rolePrivacyOfficer, s.listUncorrected),
	}
}

// shownFeed is a feed as it is registered and how it is doing.
type shownFeed struct {
	directory.Feed
	State     string       `json:"state"` // idle, sending, retrying, paused or stopped
	Waiting   uint64       `json:"waiting"`
	Oldest    time.Time    `json:"oldest_waiting,omitzero"`
	Lag       float64      `json:"lag_seconds"` // age of the oldest row that waits
	Delivered uint64       `json:"delivered"`
	Withheld  uint64       `json:"withheld"`
	Last      lockport.Seq `json:"last_sequence"`
	Attempts  int          `json:"attempts"`
	Error     string       `json:"last_error"`
}

// trouble says why a feed does not move on; nothing when it does.
func (f shownFeed) trouble() string {
	if f.Error == "" {
		return ""
	}
	return ", " + f.Error
}

// listFeeds lists feeds with their state.
func (s *system) listFeeds(ctx context.Context, _ caller, _ nothing) ([]shownFeed, error) {
	d, err := s.directory(ctx)
	if err != nil {
		return nil, err
	}
	list := []shownFeed{}
	for _, f := range d.Feeds() {
		shown, err := s.lookAtFeed(ctx, f)
		if err != nil {
			return nil, err
		}
		list = append(list, shown)
	}
	return list, nil
}

// limitQuestion asks for so many, newest first.
type limitQuestion struct {
	Limit int `json:"limit"`
}

// shownUncorrected is a provider that holds a version which was corrected.
type shownUncorrected struct {
	Feed         lockport.FeedID         `json:"feed"`
	Participant  lockport.ParticipantID  `json:"participant"`
	Registration lockport.RegistrationID `json:"registration"`
	Correction   lockport.Seq            `json:"correction"` // the message with the correction
	Withheld     time.Time               `json:"withheld"`
	Reason       string                  `json:"reason"`
}

// listUncorrected lists who holds a version that was corrected or retracted while consent
// kept the correction from them.
func (s *system) listUncorrected(ctx context.Context, _ caller, q limitQuestion) ([]shownUncorrected, error) {
	d, err := s.directory(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := s.store.Uncorrected(ctx, limitOf(q.Limit))
	list := []shownUncorrected{}
	for _, u := range rows {
		shown := shownUncorrected{Feed: u.Feed, Registration: u.Registration, Correction: u.Seq, Withheld: u.Time, Reason: u.Reason}
		if f, ok := d.Feed(u.Feed); ok {
			app, _ := d.Application(f.Application)
			shown.Participant = app.Participant
		}
		list = append(list, shown)
	}
	return list, err
}

// lookAtFeed reads what a feed has done and what waits.
func (s *system) lookAtFeed(ctx context.Context, f directory.Feed) (shownFeed, error) {
	state, err := s.store.FeedState(ctx, f.ID)
	if err != nil {
		return shownFeed{}, err
	}
	shown := shownFeed{
		Feed: f, State: "stopped", Delivered: state.Delivered, Withheld: state.Withheld, Last: state.Last,
		Waiting: state.Queued - min(state.Queued, state.Delivered+state.Withheld),
	}
	if live, ok := s.feeds.Status(f.ID); ok {
		shown.State, shown.Attempts, shown.Error = live.State, live.Attempts, live.Error
	}
	first, err := s.store.Outbox(ctx, f.ID, nil, 1)
	if err == nil && len(first) > 0 {
		shown.Oldest = first[0].Row.Queued
		shown.Lag = s.now().Sub(shown.Oldest).Seconds()
	}
	return shown, err
}

// pauseQuestion asks to pause a feed or to let it go on.
type pauseQuestion struct {
	ID     lockport.FeedID `json:"id"`
	Paused bool            `json:"paused"`
}

// pauseFeed pauses a feed or lets it go on.
func (s *system) pauseFeed(ctx context.Context, who caller, q pauseQuestion) (changeAnswer, error) {
	return s.change(ctx, who, true, func(d *directory.Directory) ([]directory.Change, error) {
		f, err := feedOf(d, q.ID)
		f.Paused = q.Paused
		return []directory.Change{{Op: directory.Put, Feed: &f}}, err
	})
}

// feedQuestion names a feed.
type feedQuestion struct {
	ID lockport.FeedID `json:"id"`
}

// retryFeed lets a feed try again at once instead of after its pause.
func (s *system) retryFeed(ctx context.Context, who caller, q feedQuestion) (changeAnswer, error) {
	d, err := s.directory(ctx)
	if err != nil {
		return changeAnswer{}, err
	}
	if _, err := feedOf(d, q.ID); err != nil {
		return changeAnswer{}, err
	}
	if err := s.act(ctx, audit.Action{Operator: who.User, Verb: "feed retry", Object: string(q.ID)}); err != nil {
		return changeAnswer{}, err
	}
	s.feeds.Refresh()
	return changeAnswer{Done: []string{"feed retry: " + string(q.ID)}}, nil
}

// feedOf finds a feed.
func feedOf(d *directory.Directory, id lockport.FeedID) (directory.Feed, error) {
	f, ok := d.Feed(id)
	if !ok {
		return f, lockport.Errorf(lockport.NotFound, "", "there is no feed %q: see `lockport feed list`", id)
	}
	return f, nil
}
