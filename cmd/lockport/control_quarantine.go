package main

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
	"github.com/lockport-hie/lockport/directory"
	"github.com/lockport-hie/lockport/hl7"
)

// The paths of the verbs of quarantine.
const (
	pathQuarantineList    = "/v1/quarantine/list"
	pathQuarantineRelease = "/v1/quarantine/release"
	pathQuarantineDiscard = "/v1/quarantine/discard"
)

// The verbs that the journal knows. The projector acts on the second one.
const (
	actRelease = "quarantine release"
	actDiscard = "quarantine discard"
)

// quarantineVerbs are the verbs of quarantine.
func (s *system) quarantineVerbs() []verb {
	return []verb{
		verbOf(pathQuarantineList, "", s.listQuarantine),
		verbOf(pathQuarantineRelease, roleOperator, s.releaseQuarantined),
		verbOf(pathQuarantineDiscard, roleOperator, s.discardQuarantined),
	}
}

// quarantineQuestion asks for held messages, newest first.
type quarantineQuestion struct {
	All   bool `json:"all"` // released and discarded ones too
	Limit int  `json:"limit"`
}

// shownQuarantined is one held message.
type shownQuarantined struct {
	Sequence    lockport.Seq             `json:"sequence"`
	ControlID   string                   `json:"control_id"`
	Received    time.Time                `json:"received"`
	Application lockport.ApplicationID   `json:"application"`
	Type        string                   `json:"type"`
	State       lockport.QuarantineState `json:"state"`
	Reason      string                   `json:"reason"`
}

// listQuarantine lists held messages, newest first.
func (s *system) listQuarantine(ctx context.Context, _ caller, q quarantineQuestion) ([]shownQuarantined, error) {
	list := []shownQuarantined{}
	held, err := s.store.Quarantine(ctx, 0, maxLimit)
	if err != nil {
		return nil, err
	}
	for _, h := range held {
		if h.State != lockport.StateQuarantined && !q.All {
			continue
		}
		shown, err := s.lookAtQuarantined(ctx, h)
		if err != nil {
			return nil, err
		}
		if list = append(list, shown); len(list) == limitOf(q.Limit) {
			break
		}
	}
	return list, nil
}

// lookAtQuarantined adds what the entry says. An entry that is no message is there because
// its projection failed.
func (s *system) lookAtQuarantined(ctx context.Context, h lockport.Quarantined) (shownQuarantined, error) {
	e, err := s.store.Entry(ctx, h.Seq)
	if err != nil {
		return shownQuarantined{}, err
	}
	shown := shownQuarantined{Sequence: h.Seq, Received: e.Time, State: h.State, Reason: h.Reason, Type: e.Kind.String()}
	if m, ok := e.Body.(*lockport.Message); ok {
		shown.ControlID, shown.Application, shown.Type = m.ControlID, m.Application, m.Type
	}
	return shown, nil
}

// countQuarantined counts what waits for an operator.
func (s *system) countQuarantined(ctx context.Context) (n int, err error) {
	held, err := s.store.Quarantine(ctx, 0, maxLimit)
	for _, h := range held {
		if h.State == lockport.StateQuarantined {
			n++
		}
	}
	return n, err
}

// held reads a message that waits in quarantine.
func (s *system) held(ctx context.Context, seq lockport.Seq) error {
	h, found, err := s.store.QuarantineState(ctx, seq)
	switch {
	case err != nil:
		return err
	case !found:
		return lockport.Errorf(lockport.NotFound, "", "entry %d is not in quarantine: see `lockport quarantine list`", seq)
	case h.State != lockport.StateQuarantined:
		return lockport.Errorf(lockport.Conflict, "", "entry %d is %s already", seq, h.State)
	}
	return nil
}

// releaseQuarantined sends a held message through the projector again, which says whether
// it can be attributed by now. Both entries are appended together: the replay and who asked.
func (s *system) releaseQuarantined(ctx context.Context, who caller, q sequenceQuestion) (shownQuarantined, error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	if err := s.held(ctx, q.Sequence); err != nil {
		return shownQuarantined{}, err
	}
	m, err := s.store.OperatorMessage(ctx, q.Sequence)
	if err != nil {
		return shownQuarantined{}, err
	}
	replay := *m
	replay.Replay = q.Sequence
	if err := s.attribute(ctx, &replay); err != nil {
		return shownQuarantined{}, err
	}
	_, err = s.store.Append(ctx, []lockport.Entry{
		{Kind: lockport.EntryAction, Time: s.now(), Body: &audit.Action{Operator: who.User, Verb: actRelease, Target: q.Sequence, Reason: q.Reason}},
		{Kind: lockport.EntryMessage, Time: s.now(), Body: &replay},
	})
	if err != nil {
		return shownQuarantined{}, err
	}
	return s.settled(ctx, q.Sequence)
}

// attribute gives a message that came from an unknown sender to the application that
// calls itself so by now. One that has a certificate is not meant: who sends in its name
// without it is somebody else. The operator who releases the message has looked at it,
// which takes the place of the application's contract.
func (s *system) attribute(ctx context.Context, m *lockport.Message) error {
	if m.Application != "" {
		return nil
	}
	d, err := s.directory(ctx)
	if err != nil {
		return err
	}
	parsed, err := hl7.Parse(m.Raw)
	if err != nil {
		return nil // it stays held, and the projector says why
	}
	header := parsed.Header()
	app, ok := d.ApplicationByHeader(header.Component(3, 1).Text(), header.Component(4, 1).Text())
	if ok && app.Fingerprint == "" && slices.Contains(app.Roles, directory.Source) {
		m.Application, m.Participant, m.Location = app.ID, app.Participant, app.Location
		m.Charset, m.Zone = app.Charset, cmp.Or(app.Zone, lockport.RegionZone)
	}
	return nil
}

// discardQuarantined takes a held message off for good. It stays in the journal.
func (s *system) discardQuarantined(ctx context.Context, who caller, q sequenceQuestion) (shownQuarantined, error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	if err := s.held(ctx, q.Sequence); err != nil {
		return shownQuarantined{}, err
	}
	if err := s.act(ctx, audit.Action{Operator: who.User, Verb: actDiscard, Target: q.Sequence, Reason: q.Reason}); err != nil {
		return shownQuarantined{}, err
	}
	return s.settled(ctx, q.Sequence)
}

// settled shows what became of a held message.
func (s *system) settled(ctx context.Context, seq lockport.Seq) (shownQuarantined, error) {
	h, _, err := s.store.QuarantineState(ctx, seq)
	if err != nil {
		return shownQuarantined{}, err
	}
	return s.lookAtQuarantined(ctx, h)
}
