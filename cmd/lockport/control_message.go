package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
	"github.com/lockport-hie/lockport/hl7"
	"github.com/lockport-hie/lockport/repository"
)

// The paths of the verbs of message.
const (
	pathMessageList  = "/v1/message/list"
	pathMessageShow  = "/v1/message/show"
	pathMessageTrace = "/v1/message/trace"
)

// messageVerbs are the verbs of message.
func (s *system) messageVerbs() []verb {
	return []verb{
		verbOf(pathMessageList, "", s.listMessages),
		verbOf(pathMessageShow, "", s.showMessage),
		verbOf(pathMessageTrace, "", s.traceMessage),
	}
}

// The states of a message. A message that is held has the states of its quarantine.
const (
	stateStored  = "stored"
	stateRefused = "refused"
)

// shownMessage is one message in a list: who, what and when, without content.
type shownMessage struct {
	Sequence    lockport.Seq           `json:"sequence"`
	ControlID   string                 `json:"control_id"`
	Received    time.Time              `json:"received"`
	Application lockport.ApplicationID `json:"application"`
	Participant lockport.ParticipantID `json:"participant"`
	Type        string                 `json:"type"`
	Version     string                 `json:"version"`
	State       string                 `json:"state"` // stored, refused, quarantined, released or discarded
	Ack         string                 `json:"ack"`   // MSA-1 of the answer
	Reason      string                 `json:"reason,omitempty"`
	Bytes       int                    `json:"bytes"`
	Peer        string                 `json:"peer"`
	Replay      lockport.Seq           `json:"replay_of,omitempty"` // an operator released that message
}

// messagesQuestion asks for messages, newest first.
type messagesQuestion struct {
	Limit       int                    `json:"limit"`
	Before      lockport.Seq           `json:"before"` // only entries before this one; 0: from the newest
	Application lockport.ApplicationID `json:"application"`
	ControlID   string                 `json:"control_id"`
	State       string                 `json:"state"`
}

// wants reports whether a message is asked for.
func (q messagesQuestion) wants(m shownMessage) bool {
	return (q.Application == "" || q.Application == m.Application) &&
		(q.ControlID == "" || q.ControlID == m.ControlID) && (q.State == "" || q.State == m.State)
}

// listMessages lists messages, newest first. Replays are not messages that arrived.
func (s *system) listMessages(ctx context.Context, _ caller, q messagesQuestion) ([]shownMessage, error) {
	list := []shownMessage{}
	from := q.Before
	if from > 1 {
		from--
	} else if from == 1 {
		return list, nil
	}
	for e, err := range s.store.Entries(ctx, from, true) {
		if err != nil {
			return nil, err
		}
		m, ok := e.Body.(*lockport.Message)
		if !ok || m.Replay != 0 {
			continue
		}
		shown, err := s.lookAtMessage(ctx, e, m)
		if err != nil {
			return nil, err
		}
		if q.wants(shown) {
			list = append(list, shown)
		}
		if len(list) == limitOf(q.Limit) {
			break
		}
	}
	return list, nil
}

// lookAtMessage says what became of a message.
func (s *system) lookAtMessage(ctx context.Context, e *lockport.Entry, m *lockport.Message) (shownMessage, error) {
	shown := shownMessage{
		Sequence: e.Seq, ControlID: m.ControlID, Received: e.Time, Application: m.Application, Participant: m.Participant,
		Type: m.Type, Version: m.Version, State: stateStored, Ack: m.AckCode, Reason: m.Reason,
		Bytes: len(m.Raw), Peer: m.Peer.Address, Replay: m.Replay,
	}
	if e.Kind == lockport.EntryRefusal {
		shown.State = stateRefused
		return shown, nil
	}
	held, found, err := s.store.QuarantineState(ctx, e.Seq)
	if found {
		shown.State, shown.Reason = string(held.State), held.Reason
	}
	return shown, err
}

// showQuestion asks for one message. Unmasking needs a reason.
type showQuestion struct {
	Sequence lockport.Seq `json:"sequence"`
	Unmask   bool         `json:"unmask"`
	Reason   string       `json:"reason"`
}

// messageAnswer is one message and its segments.
type messageAnswer struct {
	shownMessage
	Masked   bool           `json:"masked"`
	Segments []shownSegment `json:"segments"`       // field shapes when masked, values when not
	Text     string         `json:"text,omitempty"` // what is no HL7, unmasked only
}

// showMessage shows one message: its shape, or with a reason what is in it. The view is
// written down before it is answered.
func (s *system) showMessage(ctx context.Context, who caller, q showQuestion) (messageAnswer, error) {
	e, err := s.store.Entry(ctx, q.Sequence)
	if err != nil {
		return messageAnswer{}, err
	}
	m, ok := e.Body.(*lockport.Message)
	if !ok {
		return messageAnswer{}, notAMessage(e)
	}
	if q.Unmask {
		switch {
		case !who.may(roleOperator) && !who.may(rolePrivacyOfficer):
			return messageAnswer{}, lockport.Errorf(lockport.Unauthorized, "", "unmasking needs the role operator or privacy-officer")
		case q.Reason == "":
			return messageAnswer{}, lockport.Errorf(lockport.Invalid, "", "unmasking needs a reason")
		}
		if err := s.act(ctx, audit.Action{Operator: who.User, Verb: "message show unmasked", Target: q.Sequence, Reason: q.Reason}); err != nil {
			return messageAnswer{}, err
		}
	}
	shown, err := s.lookAtMessage(ctx, e, m)
	if err != nil {
		return messageAnswer{}, err
	}
	answer := messageAnswer{shownMessage: shown, Masked: !q.Unmask, Segments: []shownSegment{}}
	parsed, err := hl7.ParseWith(m.Raw, hl7.Options{Charset: m.Charset})
	switch {
	case err != nil && q.Unmask:
		answer.Text = string(m.Raw)
	case err == nil:
		if answer.Segments = messageTree(parsed); !q.Unmask {
			mask(answer.Segments)
		}
	}
	return answer, nil
}

// notAMessage is the error for an entry of another kind.
func notAMessage(e *lockport.Entry) error {
	if _, gone := e.Body.(*lockport.Dropped); gone {
		return lockport.Errorf(lockport.NotFound, "", "entry %d is a %s whose content was dropped by retention: only the audit chain still has its place", e.Seq, e.Kind)
	}
	return lockport.Errorf(lockport.NotFound, "", "entry %d is no message: see `lockport message list`", e.Seq)
}

// tracedStep is one thing that happened to a message.
type tracedStep struct {
	Sequence lockport.Seq `json:"sequence"`
	Time     time.Time    `json:"time"`
	What     string       `json:"what"`
	Detail   string       `json:"detail"`
}

// traceMessage follows a message: its arrival, what the record holds of it, what operators
// did with it, to whom it was disclosed and delivered.
func (s *system) traceMessage(ctx context.Context, _ caller, q sequenceQuestion) ([]tracedStep, error) {
	first, err := s.store.Entry(ctx, q.Sequence)
	if err != nil {
		return nil, err
	}
	m, ok := first.Body.(*lockport.Message)
	if !ok {
		return nil, notAMessage(first)
	}
	shown, err := s.lookAtMessage(ctx, first, m)
	if err != nil {
		return nil, err
	}
	arrival := "from " + string(m.Application) + " at " + m.Peer.Address + ", answered " + m.AckCode
	steps := []tracedStep{{first.Seq, first.Time, "received", arrival}}
	if shown.State != stateStored {
		steps = append(steps, tracedStep{first.Seq, first.Time, shown.State, shown.Reason})
	}
	filed, err := s.store.Filed(ctx, q.Sequence, bytes.Count(m.Raw, []byte("OBR"))+bytes.Count(m.Raw, []byte("ORC")))
	if err != nil {
		return nil, err
	}
	for _, f := range filed {
		steps = append(steps, tracedStep{first.Seq, first.Time, "filed", filedText(f)})
	}
	for e, err := range s.store.Entries(ctx, q.Sequence+1, false) {
		if err != nil {
			return nil, err
		}
		if step, ok := traceEntry(e, q.Sequence); ok {
			steps = append(steps, step)
		}
		if len(steps) >= maxLimit {
			break
		}
	}
	return steps, nil
}

// filedText says in words what the record holds of a message.
func filedText(f repository.Filed) string {
	status := f.Status
	if f.Kind == "result" && len(status) != 1 { // whatever stands there is no code of table 0123
		status = ""
	}
	switch {
	case f.Kind == "document":
		return "document, event " + status
	case f.InForce:
		return fmt.Sprintf("result of order %d, status %s, in force", f.Order, cell(status))
	case f.First:
		return fmt.Sprintf("result of order %d, status %s, corrected since", f.Order, cell(status))
	}
	return fmt.Sprintf("result of order %d, status %s, a later version", f.Order, cell(status))
}

// traceEntry reports what an entry says about a message.
func traceEntry(e *lockport.Entry, message lockport.Seq) (tracedStep, bool) {
	step := tracedStep{Sequence: e.Seq, Time: e.Time}
	switch body := e.Body.(type) {
	case *lockport.Message:
		step.What, step.Detail = "replayed", "as entry "+cell(e.Seq)
		return step, body.Replay == message
	case *audit.Action:
		// The reason is in words of a person, which may name the patient: it stays in the journal.
		step.What, step.Detail = body.Verb, "by "+body.Operator
		return step, body.Target == message
	case *audit.Disclosure:
		for _, r := range body.Released {
			if r.Seq == message {
				step.What = "disclosed by " + string(body.Channel)
				step.Detail = "to " + string(body.Application) + " of " + string(body.Participant) + ", " + string(body.Outcome) + ": " + body.Reason
				return step, true
			}
		}
	case *lockport.Delivery:
		step.What, step.Detail = string(body.Outcome), "feed "+string(body.Feed)
		if body.AckCode != "" {
			step.Detail += ", answered " + body.AckCode
		}
		return step, rowSeq(body) == message
	}
	return step, false
}

// rowSeq returns the message of a delivery's outbox row, 0 for a row that is none.
func rowSeq(d *lockport.Delivery) lockport.Seq {
	rest, ok := bytes.CutPrefix(d.Row, lockport.OutboxPrefix(d.Feed))
	if !ok || len(rest) < 8 {
		return 0
	}
	return lockport.Seq(binary.BigEndian.Uint64(rest))
}
