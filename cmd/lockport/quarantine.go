package main

import (
	"github.com/spf13/cobra"

	"github.com/lockport-hie/lockport"
)

// newQuarantine makes "lockport quarantine".
func newQuarantine(env *environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "quarantine",
		Short: "Messages that were accepted and could not be attributed safely",
		Long: `A message that is sound but cannot be attributed safely (an unknown assigning authority, a
contradictory merge) is accepted and held. Nothing of it reaches a patient until an operator
has put the cause right and released it.`,
	}
	cmd.AddCommand(newQuarantineList(env), newQuarantineShow(env),
		newQuarantineEnd(env, "release", pathQuarantineRelease, "Apply a held message again",
			"Apply a held message again, after its cause was put right. It is held again, with exit code 1, when\nit still cannot be attributed."),
		newQuarantineEnd(env, "discard", pathQuarantineDiscard, "Take a held message off for good",
			"Take a held message off for good. It stays in the journal and is never applied."))
	return cmd
}

// newQuarantineList makes "lockport quarantine list".
func newQuarantineList(env *environment) *cobra.Command {
	var q quarantineQuestion
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List held messages, newest first",
		Long:  "List the messages that wait for an operator, newest first, with the reason why each is held.",
		Example: `  lockport quarantine list
  lockport quarantine list --all --output json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := call[[]shownQuarantined](cmd.Context(), env, pathQuarantineList, q)
			if err != nil {
				return err
			}
			return env.show(list, func(t *table) {
				t.head = []string{"sequence", "received", "application", "type", "control id", "state", "reason"}
				for _, h := range list {
					t.add(h.Sequence, h.Received, h.Application, h.Type, h.ControlID, h.State, h.Reason)
				}
			})
		},
	}
	cmd.Flags().BoolVar(&q.All, "all", false, "released and discarded ones too")
	limitFlag(cmd, &q.Limit)
	return cmd
}

// newQuarantineShow makes "lockport quarantine show", which is "message show" for a held one.
func newQuarantineShow(env *environment) *cobra.Command {
	cmd := newMessageShow(env)
	cmd.Short = "Show one held message, masked"
	cmd.Example = "  lockport quarantine show 4711"
	return cmd
}

// newQuarantineEnd makes "lockport quarantine release" and "lockport quarantine discard".
func newQuarantineEnd(env *environment, name, path, short, long string) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:     name + " SEQUENCE",
		Short:   short,
		Long:    long,
		Example: "  lockport quarantine " + name + " 4711 --reason 'authority registered'",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			seq, err := parseSeq(args[0])
			if err != nil {
				return err
			}
			h, err := call[shownQuarantined](cmd.Context(), env, path, sequenceQuestion{Sequence: seq, Reason: reason})
			if err != nil {
				return err
			}
			if err := env.show(h, func(t *table) {
				t.add("sequence", h.Sequence)
				t.add("state", h.State)
				t.add("reason", h.Reason)
			}); err != nil {
				return err
			}
			if h.State == lockport.StateQuarantined {
				return &errSilent{}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why")
	return cmd
}
