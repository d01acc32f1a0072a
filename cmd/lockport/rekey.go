package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lockport-hie/lockport/projection"
	"github.com/lockport-hie/lockport/repository"
)

const rekeyHelp = `Give the repository new keys. Every file of the journal is sealed again under a new key, beside the old one
and one after the other; entries, times and the chain of hashes stay as they are, and so does the head
that was noted elsewhere. Record and duplicate window are made again, the journal notes that it
happened, and the old keys leave keys/master.key.

The server must not run, and there must be room for one more file of the journal (256 MiB). A run that is cut
short, or that finds no more room, leaves a store that opens; the next "lockport rekey" goes on
where it was.

Backups that were made before can be read with the old keys only: keep a sealed copy of those
("lockport keys export", before the rekey) for as long as the backups, and make one of the new keys
afterwards.`

// newRekey makes "lockport rekey".
func newRekey(env *environment) *cobra.Command {
	return &cobra.Command{
		Use:     "rekey",
		Short:   "Give the repository new keys and seal everything again",
		Long:    rekeyHelp,
		Example: "  lockport rekey\n  lockport rekey --output json",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return env.rekey(cmd.Context()) },
	}
}

func (env *environment) rekey(ctx context.Context) error {
	operator, err := currentUser()
	if err != nil {
		return err
	}
	p := env.newProgress("")
	report, err := repository.Rekey(ctx,
		repository.Options{Dir: env.path(dataDir), Now: env.Now, Projector: projection.New()},
		repository.RekeyOptions{KeysDir: env.path(keysDir), Operator: operator, Progress: func(what string, done, total uint64) {
			if p.what != what {
				p.what, p.began = what, env.Now()
			}
			p.of(done, total)
		}})
	p.clear()
	if err != nil {
		return err
	}
	return env.show(report, func(t *table) {
		t.add("key", report.Key.String())
		var dropped []string
		for _, id := range report.Dropped {
			dropped = append(dropped, id.String())
		}
		t.add("in place of", strings.Join(dropped, ", "))
		if report.Resumed {
			t.add("resumed", "an earlier run was cut short; this one has ended it")
		}
		t.add("sealed again", plural(report.Files, "journal file")+", "+bytesText(report.Bytes))
		t.add("entries", report.Entries)
		t.add("next", env.paint(yellow, "lockport keys export: copies of the keys made before do not open this store any more"))
	})
}
