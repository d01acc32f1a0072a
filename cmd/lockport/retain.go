package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/repository"
)

const retainHelp = `Drop the content of messages that are older than retention: in lockport.yaml says, from closed journal
files whose entries are all as old. Nothing is dropped where that is not set. Sequence, kind, time and hash of each
entry stay, so that the audit chain still verifies; directives, disclosures, changes of the directory and
what operators did stay whole, for ever. The record keeps what it knows.

The record cannot be made again from its first entry afterwards: a snapshot of it is made, read back, and kept, and
backups hold it. lockport rekey is not possible any more. Make a backup first: what is dropped is gone.

The server must not run. What is about to be dropped is written into the journal before. A run that is cut
short leaves a store that works, and is ended by the next one. With --check nothing is changed.`

// newRetain makes "lockport retain".
func newRetain(env *environment) *cobra.Command {
	var check bool
	cmd := &cobra.Command{
		Use:     "retain",
		Short:   "Drop the content of messages that are old enough",
		Long:    retainHelp,
		Example: "  lockport retain --check\n  lockport retain",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return env.retain(cmd.Context(), check) },
	}
	cmd.Flags().BoolVar(&check, "check", false, "only say what would be dropped")
	return cmd
}

// retention says how long what is kept.
type retention struct {
	Messages span `yaml:"messages,omitempty" json:"messages"`
}

// span is a time in days or years: "730d" or "2y".
type span string

// days returns the length of a span; ok is false where it has none.
func (s span) days() (days int, ok bool) {
	unit := 1
	text, isDays := strings.CutSuffix(string(s), "d")
	if !isDays {
		var isYears bool
		if text, isYears = strings.CutSuffix(string(s), "y"); !isYears {
			return 0, false
		}
		unit = 366
	}
	n, err := strconv.Atoi(text)
	return n * unit, err == nil && n > 0 && n <= 100*366/unit
}

// check holds the configuration against what must be kept.
func (r retention) check() error {
	if r.Messages == "" {
		return nil
	}
	days, ok := r.Messages.days()
	least := int(repository.MinimumRetention.Hours() / 24)
	if !ok || days < least {
		return wrong("retention.messages", "want days or years, for example 730d or 2y, and %d days at least", least)
	}
	return nil
}

func (env *environment) retain(ctx context.Context, check bool) error {
	c, err := env.loadConfiguration()
	if err != nil {
		return err
	}
	days, ok := c.Retention.Messages.days()
	if !ok {
		return lockport.Errorf(lockport.Invalid, "", "nothing is dropped: retention: messages: is not set in %s", env.path(configFile))
	}
	operator, err := currentUser()
	if err != nil {
		return err
	}
	o, err := env.storeOptions()
	if err != nil {
		return err
	}
	p := env.newProgress("")
	r, err := repository.Retain(ctx, o, repository.RetainOptions{
		Keep: time.Duration(days) * 24 * time.Hour, Check: check, Operator: operator,
		Progress: func(what string, done, total uint64) { p.what = what; p.of(done, total) },
	})
	p.clear()
	if err != nil {
		return explainOpen(env, err)
	}
	return env.show(r, func(t *table) {
		t.add("older than", r.Before)
		t.add("messages", fmt.Sprintf("%d in %s", r.Messages, plural(len(r.Files), "file")))
		if check || len(r.Files) == 0 {
			return
		}
		t.add("freed", bytesText(r.Freed))
		t.add("snapshot", fmt.Sprintf("of the record, up to entry %d", r.Snapshot))
		t.add("noted", fmt.Sprintf("as entry %d", r.Entry))
	})
}
