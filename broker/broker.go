package broker

import (
	"context"
	"crypto/sha256"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/directory"
	"github.com/lockport-hie/lockport/hl7"
)

// UnknownSources says what happens to senders that the directory does not know.
// It applies to insecure listeners only: with certificates there is no unknown
// sender.
type UnknownSources string

// The policies for unknown sources.
const (
	RejectUnknown     UnknownSources = "reject"
	QuarantineUnknown UnknownSources = "quarantine"
	AcceptUnknown     UnknownSources = "accept" // trial: each new sender is adopted with its own authorities
)

// Queries answers the queries of provider applications. The reply may carry a
// context that ends its right to leave.
type Queries interface {
	Answer(ctx context.Context, from directory.Application, peer lockport.Peer, query *hl7.Message) lockport.Reply
}

// Observer is told what happened to each message, for metrics and the live
// picture. It must not block.
type Observer interface {
	// Answered is called once the answer is decided: the message's type
	// (ORU^R01; "other" when it has no known structure, "" when it could not be
	// read), MSA-1 of the answer, and whether the answer is a repetition. Queries
	// that are answered are told to the query service's observer.
	Answered(messageType, code string, duplicate bool)
}

// Config is what a Broker needs.
type Config struct {
	Journal        lockport.Journal
	Directory      func(context.Context) (*directory.Directory, error)
	Queries        Queries
	Now            func() time.Time
	ControlID      func() string // a new MSH-10 for each call
	UnknownSources UnknownSources
	Name, Facility string // MSH-3 and MSH-4 of answers to messages that name no receiver
	Observe        Observer
}

// Broker takes messages in. It is safe for use by any number of connections.
type Broker struct {
	config   Config
	adopting sync.Mutex // held from reading the directory until an adoption is in the journal
}

// New returns a Broker.
func New(c Config) *Broker {
	return &Broker{config: c}
}

// Admit says whether a peer of a listener with certificates may send at all:
// its certificate must be the one of an application. No byte is read before.
func (b *Broker) Admit(ctx context.Context, p lockport.Peer) error {
	if p.Insecure {
		return nil
	}
	d, err := b.config.Directory(ctx)
	if err != nil {
		return err
	}
	if _, ok := d.ApplicationByFingerprint(p.Fingerprint); !ok {
		return lockport.Errorf(lockport.Unauthorized, "admit", "the client certificate belongs to no application")
	}
	return nil
}

// Receive takes one frame and returns the answer (HL7 v2.5.1 ch. 2.9.2). The
// frames of one connection are given to it one after another. A frame may be a
// batch, whose messages are taken one by one (ch. 2.10.3).
func (b *Broker) Receive(ctx context.Context, p lockport.Peer, frame []byte) lockport.Reply {
	reply := b.answer(ctx, p, frame)
	reply.Frame = frameable(reply.Frame)
	return reply
}

func (b *Broker) answer(ctx context.Context, p lockport.Peer, frame []byte) lockport.Reply {
	message, err := hl7.Parse(frame)
	if err == nil && !message.Header().Next("MSH").Exists() {
		return b.receive(ctx, p, frame, message)
	}
	messages := messagesOf(frame)
	switch len(messages) {
	case 0:
		in := &intake{broker: b, peer: p, frame: frame, now: b.config.Now().UTC()}
		return in.unreadable(ctx, err)
	case 1:
		return b.receivePart(ctx, p, messages[0], false)
	}
	return b.receiveBatch(ctx, p, messages)
}

func (b *Broker) receive(ctx context.Context, p lockport.Peer, frame []byte, m *hl7.Message) lockport.Reply {
	in := &intake{broker: b, peer: p, frame: frame, message: m, now: b.config.Now().UTC()}
	return in.run(ctx)
}

// TooLarge answers a message that was over the frame limit and therefore never
// read, and keeps that it came. MSA-2 is empty, because MSH-10 was not kept.
func (b *Broker) TooLarge(ctx context.Context, p lockport.Peer) lockport.Reply {
	in := &intake{broker: b, peer: p, now: b.config.Now().UTC()}
	r := &refusal{
		at: hl7.Location{Segment: "MSH", Sequence: 1}, code: 104, text: "the message is larger than this listener takes",
	}
	return in.keepRefusal(ctx, hl7.RejectUnparsable(nil, b.ack(hl7.AR, in.now, r)), hl7.AR, r)
}

func (b *Broker) observe(messageType, code string, duplicate bool) {
	if b.config.Observe == nil {
		return
	}
	// What a sender wrote into MSH-9 may be anything, and is no name of a figure.
	kind, trigger, _ := strings.Cut(messageType, "^")
	if messageType != "" && (kind == "ACK" || hl7.StructureID(kind, trigger, "") == "") {
		messageType = "other"
	}
	b.config.Observe.Answered(messageType, code, duplicate)
}

func (b *Broker) ack(code hl7.AckCode, at time.Time, r *refusal) hl7.Ack {
	a := hl7.Ack{
		Code: code, ControlID: b.config.ControlID(), Time: at,
		Application: b.config.Name, Facility: b.config.Facility,
	}
	if r != nil {
		a.Problems = []hl7.Problem{{Location: r.at, Code: r.code, Severity: 'E', Text: r.text}}
		a.Text = r.text
	}
	return a
}

// dedupe builds the duplicate window's key and digest (DESIGN §3.3). On an
// insecure listener the peer's address stands in the key, because anyone may
// claim an MSH-3 there.
func dedupe(app lockport.ApplicationID, p lockport.Peer, msh hl7.Segment, frame []byte) *lockport.Dedupe {
	parts := []string{string(app), string(msh.Field(3).Raw()), string(msh.Field(4).Raw()), string(msh.Field(10).Raw())}
	if p.Insecure {
		host := p.Address
		if ap, err := netip.ParseAddrPort(p.Address); err == nil {
			host = ap.Addr().String()
		}
		parts = append(parts, host)
	}
	return &lockport.Dedupe{Key: strings.Join(parts, "\x00"), Digest: sha256.Sum256(frame)}
}
