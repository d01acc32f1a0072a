package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/lockport-hie/lockport"
)

// newMessage makes "lockport message".
func newMessage(env *environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "message",
		Short: "Look at the messages that came in",
		Long: `Every message that came in is kept as it was received, refused ones too. Lists and traces show
no content; what is in a message is masked unless --unmask is said with a reason, which is
written down.`,
	}
	cmd.AddCommand(newMessageList(env), newMessageShow(env), newMessageTrace(env))
	return cmd
}

// newMessageList makes "lockport message list".
func newMessageList(env *environment) *cobra.Command {
	var q messagesQuestion
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List messages, newest first",
		Long:  "List the messages that came in, newest first, with what became of each.",
		Example: `  lockport message list --limit 20
  lockport message list --state refused --output json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := env.listedMessages(cmd.Context(), q)
			if err != nil {
				return err
			}
			return env.show(list, func(t *table) {
				t.head = []string{"sequence", "received", "application", "type", "control id", "state", "ack", "reason"}
				for _, m := range list {
					t.add(m.Sequence, m.Received, m.Application, m.Type, m.ControlID, m.State, m.Ack, m.Reason)
				}
			})
		},
	}
	flags := cmd.Flags()
	limitFlag(cmd, &q.Limit)
	flags.Uint64Var((*uint64)(&q.Before), "before", 0, "only those before this sequence")
	flags.StringVar((*string)(&q.Application), "application", "", "only those of an application")
	flags.StringVar(&q.ControlID, "control-id", "", "only those with this MSH-10")
	flags.Var(newChoice(&q.State, "", "stored", "refused", "quarantined", "released", "discarded"), "state", "only those in this state")
	return cmd
}

// listedMessages asks for a list page by page, so that neither a question nor its answer
// outgrows memory at the server.
func (env *environment) listedMessages(ctx context.Context, q messagesQuestion) ([]shownMessage, error) {
	list := []shownMessage{}
	for wanted := q.Limit; wanted > 0; wanted = q.Limit - len(list) {
		page := q
		page.Limit = min(wanted, maxLimit)
		if len(list) > 0 {
			page.Before = list[len(list)-1].Sequence
		}
		more, err := call[[]shownMessage](ctx, env, pathMessageList, page)
		if err != nil {
			return nil, err
		}
		list = append(list, more...)
		if len(more) < page.Limit {
			break
		}
	}
	return list, nil
}

// newMessageShow makes "lockport message show".
func newMessageShow(env *environment) *cobra.Command {
	var q showQuestion
	cmd := &cobra.Command{
		Use:   "show SEQUENCE",
		Short: "Show one message, masked",
		Long: `Show one message with the shapes of its values: letters as A, digits as 9. --unmask shows
the values themselves; it needs --reason and is written down.`,
		Example: `  lockport message show 4711
  lockport message show 4711 --unmask --reason 'sender asks why the visit is missing'`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if q.Sequence, err = parseSeq(args[0]); err != nil {
				return err
			}
			if q.Unmask && q.Reason == "" {
				return usagef("--unmask needs --reason")
			}
			m, err := call[messageAnswer](cmd.Context(), env, pathMessageShow, q)
			if err != nil {
				return err
			}
			return env.show(m, m.draw)
		},
	}
	cmd.Flags().BoolVar(&q.Unmask, "unmask", false, "show the values themselves")
	cmd.Flags().StringVar(&q.Reason, "reason", "", "why they must be seen")
	return cmd
}

// draw fills the table.
func (m messageAnswer) draw(t *table) {
	t.add("sequence", m.Sequence)
	t.add("received", m.Received)
	t.add("application", m.Application)
	t.add("participant", m.Participant)
	t.add("peer", m.Peer)
	t.add("control id", m.ControlID)
	t.add("type", m.Type)
	t.add("state", m.State)
	t.add("answer", m.Ack)
	if m.Reason != "" {
		t.add("reason", m.Reason)
	}
	t.add("size", fmt.Sprintf("%d bytes", m.Bytes))
	for _, s := range m.Segments {
		t.add(s.Segment, " ")
		for _, v := range s.Values {
			t.add("  "+v.Path, v.Value)
		}
	}
	if m.Text != "" {
		t.add("not HL7", m.Text)
	}
}

// newMessageTrace makes "lockport message trace".
func newMessageTrace(env *environment) *cobra.Command {
	return &cobra.Command{
		Use:   "trace SEQUENCE",
		Short: "Follow one message through the exchange",
		Long: `Print what happened to a message: when it came, which results and documents the record holds
of it, what operators did with it, to whom it was disclosed and delivered.`,
		Example: "  lockport message trace 4711",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			seq, err := parseSeq(args[0])
			if err != nil {
				return err
			}
			steps, err := call[[]tracedStep](cmd.Context(), env, pathMessageTrace, sequenceQuestion{Sequence: seq})
			if err != nil {
				return err
			}
			return env.show(steps, func(t *table) {
				t.head = []string{"sequence", "time", "what", "detail"}
				for _, s := range steps {
					t.add(s.Sequence, s.Time, s.What, s.Detail)
				}
			})
		},
	}
}

// parseSeq reads the number of an entry.
func parseSeq(text string) (lockport.Seq, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n == 0 {
		return 0, usagef("%q is no sequence: the lists show them", text)
	}
	return lockport.Seq(n), nil
}
