package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
)

// newAudit makes "lockport audit".
func newAudit(env *environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "The journal of everything that happened",
		Long: `The journal is the audit: each entry carries the hash of the one before. Every disclosure is in
it before a byte leaves.`,
	}
	cmd.AddCommand(newAuditTail(env), newAuditVerify(env))
	return cmd
}

// newAuditTail makes "lockport audit tail".
func newAuditTail(env *environment) *cobra.Command {
	var q tailQuestion
	var follow bool
	cmd := &cobra.Command{
		Use:   "tail",
		Short: "Print the last entries of the journal",
		Long: `Print the last entries of the journal, in their order, without content of messages. --follow
goes on with what happens from then on; with --output json each entry is then one line.`,
		Example: `  lockport audit tail --limit 20
  lockport audit tail --kind disclosure --follow`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if follow {
				return env.followAudit(cmd.Context(), q)
			}
			a, err := call[tailAnswer](cmd.Context(), env, pathAuditTail, q)
			if err != nil {
				return err
			}
			return env.show(a.Lines, func(t *table) { drawLines(t, a.Lines) })
		},
	}
	flags := cmd.Flags()
	limitFlag(cmd, &q.Limit)
	flags.Uint64Var((*uint64)(&q.After), "after", 0, "only entries after this sequence, the oldest first")
	kinds := newChoice(&q.Kind, "", "message", "refusal", "directive", "directory", "action", "disclosure", "delivery", "grant")
	flags.Var(kinds, "kind", "only entries of this kind")
	flags.BoolVarP(&follow, "follow", "f", false, "go on with what happens from then on")
	return cmd
}

// drawLines fills the table of entries.
func drawLines(t *table, lines []audit.Line) {
	t.head = []string{"sequence", "time", "kind", "who", "what", "outcome", "reason", "detail"}
	for _, l := range lines {
		t.add(l.Sequence, l.Time, l.Kind, l.Who, l.What, l.Outcome, l.Reason, l.Detail)
	}
}

// followEvery is how often --follow asks for more.
const followEvery = 500 * time.Millisecond

// followAudit prints entries as they are made, until it is interrupted.
func (env *environment) followAudit(ctx context.Context, q tailQuestion) error {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		a, err := call[tailAnswer](ctx, env, pathAuditTail, q)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if err := env.printLines(a.Lines); err != nil {
			return err
		}
		q.After = a.Last
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// printLines prints entries of a stream: as JSON one a line.
func (env *environment) printLines(lines []audit.Line) error {
	if !env.json() {
		if len(lines) == 0 {
			return nil
		}
		var t table
		drawLines(&t, lines)
		t.head = nil
		return env.write(t)
	}
	for _, l := range lines {
		if err := writeJSON(env.Out, l, ""); err != nil {
			return err
		}
	}
	return nil
}

// newAuditVerify makes "lockport audit verify".
func newAuditVerify(env *environment) *cobra.Command {
	return &cobra.Command{
		Use:   "verify",
		Short: "Check the journal's chain of hashes from the first entry",
		Long: `Read the whole journal and check the chain of hashes, every seal and every commitment. Note
the head that it prints in another place: a journal that was cut off later no longer has it.
The exit code is 1 when an entry does not verify.`,
		Example: "  lockport audit verify --output json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := call[verifyAnswer](cmd.Context(), env, pathAuditVerify, nothing{})
			if err != nil {
				return err
			}
			err = env.show(a, func(t *table) {
				t.add("verified", a.Verified)
				t.add("entries", a.Entries)
				t.add("head", a.Head)
				if a.Dropped > 0 {
					t.add("dropped", fmt.Sprintf("the content of %d messages, by retention", a.Dropped))
				}
				if a.Bad != nil {
					t.add("damaged", env.paint(red, "entry "+cell(a.Bad.Seq)+": "+a.Bad.What))
				}
			})
			if err == nil && !a.Verified {
				err = &errSilent{lockport.Corrupt}
			}
			return err
		},
	}
}
