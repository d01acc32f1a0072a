package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/hl7"
	"github.com/lockport-hie/lockport/mllp"
)

const sendHelp = `Send messages over MLLP, one after the other on one connection, and print one line for each
acknowledgement. A FILE is a message, a batch, a stream of MLLP frames, a folder of such
files, or - for standard input; .gz is undone.

The exit code is 0 when every message was accepted (AA or CA), 1 when any was not, 4 when
nobody answers at the address.`

// sendOptions are the flags of send.
type sendOptions struct {
	to   string
	asIs bool
	wait time.Duration
	tls  tlsFlags
}

// newSend makes "lockport send".
func newSend(env *environment) *cobra.Command {
	var o sendOptions
	cmd := &cobra.Command{
		Use:   "send FILE... --to ADDR",
		Short: "Send files of messages over MLLP and print the acknowledgements",
		Long:  sendHelp,
		Example: `  lockport send admit.hl7 --to 127.0.0.1:2575
  lockport send messages/ stream.mllp.gz --to hie.example:2575 --tls-cert me.pem --tls-key me.key --tls-ca ca.pem`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return env.send(cmd.Context(), o, args) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.to, "to", "", "address of the receiver, host:port")
	flags.BoolVar(&o.asIs, "as-is", false, "send each file as one message, whatever it holds")
	flags.DurationVar(&o.wait, "timeout", mllp.DefaultReplyTimeout, "how long to wait for each acknowledgement")
	o.tls.add(flags)
	require(cmd, "to")
	return cmd
}

// answered is what became of one message that was sent.
type answered struct {
	Ack       string `json:"ack"` // MSA-1; empty when there was none
	ControlID string `json:"control_id"`
	Type      string `json:"type"`
	From      string `json:"from"`            // file, and number within it
	Error     string `json:"error,omitempty"` // code and text of the refusal, or why there is no answer
}

// positive reports whether the receiver took responsibility for the message.
func (a answered) positive() bool { return hl7.AckCode(a.Ack).Positive() }

// sender sends messages and counts the answers.
type sender struct {
	env    *environment
	client *mllp.Client
	bar    *progress
	sent   int
	failed int
}

// send sends all messages of the named files.
func (env *environment) send(ctx context.Context, o sendOptions, names []string) error {
	config, err := o.tls.client()
	if err != nil {
		return err
	}
	s := &sender{env: env, bar: env.newProgress("sent")}
	s.client = &mllp.Client{Address: o.to, TLS: config, Match: matches, ReplyTimeout: o.wait}
	defer s.client.Close()
	for m, err := range env.messages(names, o.asIs) {
		if err != nil {
			return err
		}
		if err := s.one(ctx, m); err != nil {
			return err
		}
	}
	s.bar.clear()
	if s.sent == 0 {
		return lockport.Errorf(lockport.Invalid, "", "there is no message in %s", names[0])
	}
	if !env.json() {
		env.notef("%d sent, %d accepted, %d not", s.sent, s.sent-s.failed, s.failed)
	}
	if s.failed > 0 {
		return &errSilent{}
	}
	return nil
}

// one sends a message and prints what became of it. Only what makes going on
// pointless is returned as an error.
func (s *sender) one(ctx context.Context, m foundMessage) error {
	result := answered{From: m.from}
	if parsed, err := hl7.Parse(m.content); err == nil {
		result.Type, result.ControlID = messageType(parsed.Header()), parsed.Header().Text(10)
	}
	if m.problem != nil {
		result.Error = "not sent: " + m.problem.Error()
		return s.count(result)
	}
	reply, err := s.client.Exchange(ctx, m.content)
	var failed *mllp.SendError
	switch {
	case err == nil:
		result.read(reply)
	case ctx.Err() != nil:
		return lockport.Errorf(lockport.Internal, "", "interrupted after %d messages", s.sent)
	case errors.As(err, &failed) && !failed.Written && !errors.Is(err, mllp.ErrUnframeable):
		s.bar.clear()
		return lockport.Errorf(lockport.Unreachable, "", "nobody takes messages at %s after %d were sent: %w", s.client.Address, s.sent, err)
	default:
		result.Error = err.Error()
	}
	return s.count(result)
}

// count adds one message to the sums and prints its line.
func (s *sender) count(result answered) error {
	s.sent++
	if !result.positive() {
		s.failed++
	}
	if err := s.print(result); err != nil {
		return err
	}
	s.bar.set(s.sent)
	return nil
}

// print writes one line. --quiet leaves out what went well.
func (s *sender) print(a answered) error {
	if s.env.Quiet && a.positive() {
		return nil
	}
	s.bar.clear()
	if s.env.json() {
		return writeJSON(s.env.Out, a, "")
	}
	shade := green
	if !a.positive() {
		shade = red
	}
	line := fmt.Sprintf("%s  %s  %s  %s", s.env.paint(shade, cell(a.Ack)), cell(a.ControlID), cell(a.Type), a.From)
	if a.Error != "" {
		line += "  " + printable(a.Error)
	}
	_, err := fmt.Fprintln(s.env.Out, line)
	return err
}

// read takes code and reason out of an answer. A batch is answered by a batch: its first
// acknowledgement that is not positive counts, else its last.
func (a *answered) read(reply []byte) {
	a.Error = "the answer is not HL7"
	for one, err := range hl7.Split(reply) {
		if err != nil {
			a.Ack, a.Error = "", "the answer is not HL7"
			return
		}
		if a.readOne(one); !a.positive() {
			return
		}
	}
}

// readOne reads a single acknowledgement.
func (a *answered) readOne(ack []byte) {
	a.Ack, a.Error = "", ""
	m, err := hl7.Parse(ack)
	if err != nil {
		a.Error = "the answer is not HL7"
		return
	}
	msa := m.First("MSA")
	if !msa.Exists() {
		a.Error = "the answer has no MSA"
		return
	}
	a.Ack = msa.Text(1)
	if !a.positive() {
		a.Error = refusalText(m)
	}
}

// refusalText returns code, place and text of a refusal: ERR of version 2.5 on
// (ERR-2, ERR-3, ERR-8), the older ERR-1, or MSA-3.
func refusalText(m *hl7.Message) string {
	e := m.First("ERR")
	code, place, text := e.Component(3, 1).Text(), e.Field(2), e.Text(8)
	if code == "" {
		place = e.Field(1)
		code = place.Component(4).Subcomponent(1).Text()
	}
	where := place.Component(1).Text()
	if field := place.Component(3).Text(); where != "" && field != "" {
		where += "-" + field
	}
	if text == "" {
		text = m.First("MSA").Text(3)
	}
	return strings.Join(slices.DeleteFunc([]string{code, where, text}, func(s string) bool { return s == "" }), " ")
}

// matches reports whether reply acknowledges sent. Where either has no control id nothing
// else can have been meant, since there is one message under way.
func matches(sent, reply []byte) bool {
	question, err := hl7.Parse(sent)
	if err != nil {
		return true
	}
	answer, err := hl7.Parse(reply)
	if err != nil {
		return true
	}
	asked, given := question.Header().Field(10).Raw(), answer.First("MSA").Field(2).Raw()
	return len(asked) == 0 || len(given) == 0 || bytes.Equal(asked, given)
}
