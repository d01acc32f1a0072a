package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/hl7"
	"github.com/lockport-hie/lockport/mllp"
)

const receiveHelp = `Listen for MLLP, print every message that arrives and acknowledge it with AA. This is a
provider's receiving end for trials: it keeps nothing. With --output json each message is
one object on a line of its own. Messages are printed as they are, with all that is in them.

It ends on Ctrl-C, or after --count messages.`

// receiveOptions are the flags of receive.
type receiveOptions struct {
	listen string
	answer string
	count  int
	tls    tlsFlags
}

// newReceive makes "lockport receive".
func newReceive(env *environment) *cobra.Command {
	var o receiveOptions
	cmd := &cobra.Command{
		Use:   "receive --listen ADDR",
		Short: "Print and acknowledge the messages that arrive at an address",
		Long:  receiveHelp,
		Example: `  lockport receive --listen 127.0.0.1:2600
  lockport receive --listen 127.0.0.1:2600 --output json --count 1`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return env.receive(cmd.Context(), o) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.listen, "listen", "", "address to listen at, host:port")
	flags.Var(newChoice(&o.answer, "AA", "AA", "AE", "AR"), "answer", "the acknowledgement to give")
	flags.IntVar(&o.count, "count", 0, "end after this many messages (0: never)")
	o.tls.add(flags)
	require(cmd, "listen")
	return cmd
}

// receiver prints messages.
type receiver struct {
	env    *environment
	answer hl7.AckCode
	left   int // messages until it ends; negative: it never does
	enough context.CancelFunc

	mu sync.Mutex
	n  int
}

// receive runs until ctx ends.
func (env *environment) receive(ctx context.Context, o receiveOptions) error {
	config, err := o.tls.server()
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", o.listen)
	if err != nil {
		return lockport.Errorf(lockport.Invalid, "", "cannot listen: %w", err)
	}
	ctx, enough := context.WithCancel(ctx)
	defer enough()
	r := &receiver{env: env, answer: hl7.AckCode(o.answer), left: o.count, enough: enough}
	server := &mllp.Server{Handler: mllp.HandlerFunc(r.serve), TLS: config}
	env.notef("listening on %s", l.Addr())
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		stopped <- server.Shutdown(patience)
	}()
	if err := server.Serve(l); !errors.Is(err, mllp.ErrServerClosed) {
		return lockport.Errorf(lockport.Internal, "receive", "%w", err)
	}
	if err := <-stopped; err != nil {
		return lockport.Errorf(lockport.Internal, "receive", "%w", err)
	}
	return nil
}

// received is one message as --output json prints it.
type received struct {
	Received  time.Time `json:"received"`
	Peer      string    `json:"peer"`
	Type      string    `json:"type"`
	ControlID string    `json:"control_id"`
	Answer    string    `json:"answer"`
	Message   string    `json:"message"`
	Bytes     []byte    `json:"message_base64,omitempty"` // as received, where that is no UTF-8
}

// serve prints one frame and answers it.
func (r *receiver) serve(_ context.Context, p *mllp.Peer, frame []byte) mllp.Reply {
	now := r.env.Now()
	ack := hl7.Ack{Code: r.answer, ControlID: fmt.Sprintf("RCV%d", now.UnixNano()), Time: now, Application: "LOCKPORT", Facility: "RECEIVE"}
	got := received{Received: now, Peer: p.Address, Answer: string(r.answer), Message: string(frame)}
	if !utf8.Valid(frame) {
		got.Bytes = frame
	}
	m, err := hl7.Parse(frame)
	var reply []byte
	if err != nil {
		ack.Code, got.Answer = hl7.AR, string(hl7.AR)
		reply = hl7.RejectUnparsable(frame, ack)
	} else {
		header := m.Header()
		got.Type, got.ControlID = messageType(header), header.Text(10)
		reply = m.Acknowledge(ack)
	}
	last, err := r.print(got, m)
	if err != nil {
		return mllp.Reply{Close: true} // not printed is not received: without an answer it is sent again
	}
	return mllp.Reply{Frame: reply, Sent: func(error) {
		if last {
			r.enough()
		}
	}}
}

// print writes one message and reports whether it is the last one that is wanted.
func (r *receiver) print(got received, m *hl7.Message) (last bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.n++
	last = r.left > 0 && r.n == r.left
	if r.env.json() {
		return last, writeJSON(r.env.Out, got, "")
	}
	w := bufio.NewWriter(r.env.Out)
	if !r.env.Quiet {
		fmt.Fprintf(w, "# %s  %s  %s  from %s  answered %s\n", cell(got.Received), cell(got.Type), cell(got.ControlID), got.Peer, got.Answer)
	}
	if m == nil {
		fmt.Fprintln(w, printable(got.Message))
	} else {
		for _, s := range m.Segments() {
			fmt.Fprintln(w, printable(string(s.Raw())))
		}
	}
	return last, w.Flush()
}

// messageType returns MSH-9 as code^trigger.
func messageType(header hl7.Segment) string {
	code, trigger := header.Component(9, 1).Text(), header.Component(9, 2).Text()
	if trigger == "" {
		return code
	}
	return code + "^" + trigger
}
