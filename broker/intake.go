package broker

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/directory"
	"github.com/lockport-hie/lockport/hl7"
)

// intake is one message on its way in.
type intake struct {
	broker  *Broker
	peer    lockport.Peer
	frame   []byte
	now     time.Time
	message *hl7.Message
	batched bool // it is one of several in a frame
	sender  directory.Application
	known   bool             // sender is set
	adopted []lockport.Entry // directory changes that adopt an unknown sender
}

// refusal is why a message is not taken.
type refusal struct {
	at     hl7.Location
	code   int // table 0357
	text   string
	reject bool // AR/CR instead of AE/CE: type, version or sender, or nothing to do with content
}

func msh(field int) hl7.Location { return hl7.Location{Segment: "MSH", Sequence: 1, Field: field} }

func (in *intake) run(ctx context.Context) lockport.Reply {
	d, err := in.broker.config.Directory(ctx)
	if err != nil {
		return in.fail(err)
	}
	if r := in.identify(d); r != nil {
		return in.refuse(ctx, r)
	}
	if in.sender.Charset != "" {
		// The sender's own default decides how the text of its fields is read.
		if in.message, err = hl7.ParseWith(in.frame, hl7.Options{Charset: in.sender.Charset}); err != nil {
			return in.unreadable(ctx, err)
		}
	}
	class, r := in.contract()
	switch {
	case r != nil:
		return in.refuse(ctx, r)
	case class == query && in.batched:
		return in.refuse(ctx, &refusal{at: msh(9), code: 200, reject: true, text: "queries are not taken in batches"})
	case class == query:
		return in.query(ctx)
	case in.newcomer(d):
		return in.adopt(ctx)
	}
	return in.accept(ctx)
}

// accept journals the message and returns its acknowledgement.
func (in *intake) accept(ctx context.Context) lockport.Reply {
	b := in.broker
	code := hl7.AA
	if in.message.Mode() == hl7.Enhanced {
		code = hl7.CA
	}
	answer := in.message.Acknowledge(b.ack(code, in.now, nil))
	entry := lockport.Entry{
		Kind: lockport.EntryMessage, Time: in.now,
		Dedupe: dedupe(in.sender.ID, in.peer, in.message.Header(), in.frame),
		Body:   in.body(answer, code, nil),
	}
	receipts, err := b.config.Journal.Append(ctx, append(in.adopted, entry))
	if err != nil {
		return in.fail(err)
	}
	last := receipts[len(receipts)-1]
	if last.Duplicate {
		if prior, ok := last.Prior.Body.(*lockport.Message); ok {
			answer = prior.Ack
		}
	}
	b.observe(messageType(in.message), string(code), last.Duplicate)
	if !in.wanted(true) {
		return lockport.Reply{}
	}
	return lockport.Reply{Frame: answer}
}

// refuse journals the message as refused and returns the negative answer. The
// answer goes out even when the refusal cannot be kept: it promises nothing.
func (in *intake) refuse(ctx context.Context, r *refusal) lockport.Reply {
	code := r.ackCode(in.message.Mode())
	answer := in.message.Acknowledge(in.broker.ack(code, in.now, r))
	reply := in.keepRefusal(ctx, answer, code, r)
	if !in.wanted(false) {
		reply.Frame = nil
	}
	return reply
}

func (r *refusal) ackCode(mode hl7.Mode) hl7.AckCode {
	switch {
	case mode == hl7.Enhanced && r.reject:
		return hl7.CR
	case mode == hl7.Enhanced:
		return hl7.CE
	case r.reject:
		return hl7.AR
	}
	return hl7.AE
}

// unreadable answers what is not HL7: AR with ERR, never AA and never silence.
func (in *intake) unreadable(ctx context.Context, err error) lockport.Reply {
	r := &refusal{at: hl7.Location{Segment: "MSH", Sequence: 1}, code: 100, reject: true, text: "this is not an HL7 v2 message"}
	var syntax *hl7.SyntaxError
	if errors.As(err, &syntax) {
		r.text = "not an HL7 v2 message: " + strings.TrimPrefix(syntax.Error(), "hl7: ")
	}
	answer := hl7.RejectUnparsable(in.frame, in.broker.ack(hl7.AR, in.now, r))
	return in.keepRefusal(ctx, answer, hl7.AR, r)
}

func (in *intake) keepRefusal(ctx context.Context, answer []byte, code hl7.AckCode, r *refusal) lockport.Reply {
	entry := lockport.Entry{Kind: lockport.EntryRefusal, Time: in.now, Body: in.body(answer, code, r)}
	_, err := in.broker.config.Journal.Append(ctx, []lockport.Entry{entry})
	in.broker.observe(messageType(in.message), string(code), false)
	// A refusal that could not be kept is still a refusal: the sender learns no
	// more by hearing nothing. When the journal takes nothing any more the
	// connection ends with it.
	return lockport.Reply{Frame: answer, Close: lockport.KindOf(err) == lockport.Unavailable}
}

// fail answers when the message could not be journalled. "Full" and
// "overloaded" are told, so that the sender tries again; after anything else it
// is not known whether the entry is on disk, so nothing is said and the
// connection ends: the sender will send again and meet the duplicate window.
func (in *intake) fail(err error) lockport.Reply {
	switch lockport.KindOf(err) {
	case lockport.Full, lockport.Overloaded:
		if !in.wanted(false) {
			break // the sender takes no negative answer; the end of the connection is one
		}
		r := &refusal{code: lockport.KindOf(err).Meaning().HL7, reject: true, text: "the message could not be stored; send it again later"}
		code := r.ackCode(in.message.Mode())
		in.broker.observe(messageType(in.message), string(code), false)
		return lockport.Reply{Frame: in.message.Acknowledge(in.broker.ack(code, in.now, r))}
	}
	return lockport.Reply{Close: true}
}

// wanted applies MSH-15 (enhanced mode) to an answer of this polarity. An
// application with "acknowledge: always" gets every answer.
func (in *intake) wanted(positive bool) bool {
	if in.message.Mode() != hl7.Enhanced || (in.known && in.sender.AcknowledgeAll) {
		return true
	}
	return hl7.Wanted(in.header(15, 1), positive)
}

// body is what the journal keeps of the message.
func (in *intake) body(answer []byte, code hl7.AckCode, r *refusal) *lockport.Message {
	m := &lockport.Message{
		Raw: in.frame, Peer: in.peer, Ack: answer, AckCode: string(code),
		Application: in.sender.ID, Participant: in.sender.Participant, Location: in.sender.Location,
		Charset: in.sender.Charset, Zone: cmp.Or(in.sender.Zone, lockport.RegionZone), Trial: in.sender.Trial,
	}
	if in.message != nil {
		m.ControlID = in.message.Header().Text(10)
		m.Type = messageType(in.message)
		m.Version = in.header(12, 1)
	}
	if r != nil {
		m.Reason, m.Code = r.text, r.code
	}
	return m
}

// messageType returns MSH-9 as code^trigger, "" for what could not be read.
func messageType(m *hl7.Message) string {
	if m == nil {
		return ""
	}
	code, trigger := headerText(m, 9, 1), headerText(m, 9, 2)
	if trigger == "" {
		return code
	}
	return code + "^" + trigger
}

// headerText returns a component of MSH. Spaces around it do not count.
func headerText(m *hl7.Message, field, component int) string {
	return strings.TrimSpace(m.Header().Component(field, component).Text())
}

func (in *intake) header(field, component int) string {
	return headerText(in.message, field, component)
}

func (in *intake) query(ctx context.Context) lockport.Reply {
	if !in.known || in.sender.Trial || !has(in.sender.Roles, directory.Provider) {
		return in.refuse(ctx, &refusal{at: msh(9), code: 200, reject: true, text: "this application may not ask for records"})
	}
	return in.broker.config.Queries.Answer(ctx, in.sender, in.peer, in.message)
}
