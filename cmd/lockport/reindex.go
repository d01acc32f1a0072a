package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/projection"
	"github.com/lockport-hie/lockport/repository"
)

const reindexHelp = `Make the record again from the first entry of the journal on, beside the one that there is, and put
it in its place. The two are compared row by row at the entry that the old one had reached, and
how many rows differ is told by table, without content. A duplicate window that is damaged or
missing is made again as well. This is what helps when a record is damaged or lost; when the
journal is damaged, only a backup helps.

The server must not run. Until the new record is complete nothing of the old one is touched: a run
that is cut short can be begun again. It needs the room of a second record on the disk.

With --check the new record is only compared and thrown away; the exit code is 1 when the
old one is not equal.`

// newReindex makes "lockport reindex".
func newReindex(env *environment) *cobra.Command {
	var check bool
	cmd := &cobra.Command{
		Use:     "reindex",
		Short:   "Make the record again from the journal",
		Long:    reindexHelp,
		Example: "  lockport reindex\n  lockport reindex --check --output json",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return env.reindex(cmd.Context(), check) },
	}
	cmd.Flags().BoolVar(&check, "check", false, "only compare, and throw the new record away")
	return cmd
}

// reindexAnswer is what reindex prints.
type reindexAnswer struct {
	repository.ReindexReport
	Equal   bool    `json:"equal"`
	Seconds float64 `json:"seconds"`
}

func (env *environment) reindex(ctx context.Context, check bool) error {
	keys, err := repository.LoadKeys(env.path(keysDir))
	if err != nil {
		return err
	}
	began := env.Now()
	p := env.newProgress("entries")
	report, err := repository.Reindex(ctx,
		repository.Options{Dir: env.path(dataDir), Keys: keys, Now: env.Now, Projector: projection.New()},
		repository.ReindexOptions{Check: check, Progress: func(done, total lockport.Seq) { p.of(uint64(done), uint64(total)) }})
	p.clear()
	if err != nil {
		return err
	}
	a := reindexAnswer{report, report.Equal(), env.Now().Sub(began).Seconds()}
	if err := env.show(a, func(t *table) { env.drawReindex(t, a) }); err != nil {
		return err
	}
	if check && !a.Equal {
		return &errSilent{lockport.Corrupt}
	}
	return nil
}

func (env *environment) drawReindex(t *table, a reindexAnswer) {
	t.add("entries", a.Entries)
	t.add("rows", a.Rows)
	if a.Poisoned > 0 {
		t.add("not projected", fmt.Sprintf("%d entries failed to apply and are in quarantine", a.Poisoned))
	}
	t.add("took", fmt.Sprintf("%v, %.0f entries a second", time.Duration(a.Seconds*float64(time.Second)).Round(time.Millisecond), float64(a.Entries)/max(a.Seconds, 0.001)))
	switch {
	case a.NotCompared != "":
		t.add("old record", env.paint(red, "not compared: "+a.NotCompared))
	case a.Equal:
		t.add("old record", env.paint(green, fmt.Sprintf("equal, up to entry %d", a.ComparedAt)))
	default:
		t.add("old record", env.paint(red, fmt.Sprintf("differs, up to entry %d", a.ComparedAt)))
	}
	for _, d := range a.Differences {
		name := fmt.Sprintf("table %d", d.Table)
		if d.Table == 0 {
			name = "its counts"
		}
		t.add(name, fmt.Sprintf("%d rows missing, %d too many, %d other, %d damaged", d.Missing, d.Extra, d.Other, d.Damaged))
	}
	t.add("replaced", a.Replaced)
	if a.Windows > 0 {
		t.add("window", fmt.Sprintf("%d days made again", a.Windows))
	}
}
