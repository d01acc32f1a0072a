package broker

import (
	"context"
	"errors"
	"strconv"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/hl7"
)

// messagesOf finds the messages of a frame that is not simply one message: a
// batch or file, several messages without one, or one behind something else.
// Every message is sound by itself, so a wrong count in BTS-1 refuses none; the
// sender sees in the answer's BTS-1 how many came.
func messagesOf(frame []byte) [][]byte {
	var messages [][]byte
	for m, err := range hl7.Split(frame) {
		if err == nil {
			messages = append(messages, m)
		}
	}
	return messages
}

// receiveBatch takes the messages of one frame in order and answers with a batch
// of their acknowledgements. If the outcome of one is unknown nothing is answered
// and the connection ends: the sender sends the batch again, and what was stored
// meets the duplicate window.
func (b *Broker) receiveBatch(ctx context.Context, p lockport.Peer, messages [][]byte) lockport.Reply {
	builder := hl7.NewBuilder(hl7.DefaultDelimiters(), "")
	builder.Segment("BHS").Set(3, b.config.Name).Set(4, b.config.Facility).
		Set(7, hl7.FormatTime(b.config.Now(), hl7.Second)).Set(11, b.config.ControlID())
	answer, count := builder.Bytes(), 0
	for _, m := range messages {
		reply := b.receivePart(ctx, p, m, true)
		if reply.Close {
			return lockport.Reply{Close: true}
		}
		if reply.Frame != nil {
			answer = append(answer, reply.Frame...)
			count++
		}
	}
	end := hl7.NewBuilder(hl7.DefaultDelimiters(), "")
	end.Segment("BTS").Set(1, strconv.Itoa(count))
	return lockport.Reply{Frame: append(answer, end.Bytes()...)}
}

// receivePart takes one message out of a frame.
func (b *Broker) receivePart(ctx context.Context, p lockport.Peer, frame []byte, batched bool) lockport.Reply {
	in := &intake{broker: b, peer: p, frame: frame, batched: batched, now: b.config.Now().UTC()}
	m, err := hl7.Parse(frame)
	if err == nil && m.Header().Next("MSH").Exists() {
		err = errors.New("the header stands in the message twice")
	}
	if err != nil {
		return in.unreadable(ctx, err)
	}
	in.message = m
	return in.run(ctx)
}
