package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/lockport-hie/lockport/repository"
)

const compactHelp = `Rewrite the record without the free pages that updates leave: "lockport status" counts them, and many make
every transaction slower. The new file is read back whole before it takes the place of the old one.

The server must not run, and there must be room for a second record on the disk; where there is
not, the old one stays as it is. The journal and the duplicate window have nothing to gain and are
not touched.`

// newCompact makes "lockport compact".
func newCompact(env *environment) *cobra.Command {
	return &cobra.Command{
		Use:     "compact",
		Short:   "Rewrite the record without its free pages",
		Long:    compactHelp,
		Example: "  lockport compact",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return env.compact(cmd.Context()) },
	}
}

func (env *environment) compact(ctx context.Context) error {
	keys, err := repository.LoadKeys(env.path(keysDir))
	if err != nil {
		return err
	}
	p := env.newProgress("rows")
	report, err := repository.Compact(ctx, repository.Options{Dir: env.path(dataDir), Keys: keys, Now: env.Now}, p.of)
	p.clear()
	if err != nil {
		return err
	}
	return env.show(report, func(t *table) {
		t.add("rows", report.Rows)
		t.add("before", cell(report.Before)+" bytes")
		t.add("after", cell(report.After)+" bytes")
		t.add("not touched", "the journal and the duplicate window: they have nothing to gain")
	})
}
