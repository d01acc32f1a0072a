package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/repository"
)

const checkHelp = `Read every file of the repository and check it: its structure, every seal and checksum, the chain of
hashes, the counts of the record against the journal, and a sample of what belongs together in the
record. Nothing is changed. Each finding names the file, what is wrong with it and what helps.
The exit code is 0 when all is sound and 1 when not.

The server must not run. A running one checks its journal with "lockport audit verify". That the record is
all that the journal makes, and nothing else, is what "lockport reindex --check" tells.`

// newCheck makes "lockport check".
func newCheck(env *environment) *cobra.Command {
	var o repository.CheckOptions
	cmd := &cobra.Command{
		Use:     "check",
		Short:   "Check every file of the repository",
		Long:    checkHelp,
		Example: "  lockport check\n  lockport check --sample 2000 --seed 7 --output json",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return env.check(cmd.Context(), o) },
	}
	flags := cmd.Flags()
	flags.IntVar(&o.Sample, "sample", 200, "how many results, visits, registrations and directives are held against each other")
	flags.Uint64Var(&o.Seed, "seed", 0, "which ones: the same number takes the same; 0 takes others each time")
	return cmd
}

// checkAnswer is what check prints.
type checkAnswer struct {
	repository.CheckReport
	Sound bool `json:"sound"`
}

func (env *environment) check(ctx context.Context, o repository.CheckOptions) error {
	keys, err := repository.LoadKeys(env.path(keysDir))
	if err != nil {
		return err
	}
	if o.Seed == 0 {
		o.Seed = uint64(env.Now().UnixNano())
	}
	counters := map[string]*progress{}
	o.Progress = func(what string, done, total uint64) {
		if counters[what] == nil {
			counters[what] = env.newProgress(what)
		}
		counters[what].of(done, total)
	}
	report, err := repository.Check(ctx, repository.Options{Dir: env.path(dataDir), Keys: keys, Now: env.Now}, o)
	for _, p := range counters {
		p.clear()
	}
	if err != nil {
		return err
	}
	if err := env.showCheck(checkAnswer{report, report.Sound()}); err != nil {
		return err
	}
	if !report.Sound() {
		return &errSilent{lockport.Corrupt}
	}
	return nil
}

func (env *environment) showCheck(a checkAnswer) error {
	if env.json() {
		return writeJSON(env.Out, a, "  ")
	}
	files := table{head: []string{"file", "kind", "format", "entries", "bytes", "state"}}
	for _, f := range a.Files {
		files.add(f.File, f.Kind, f.Format, f.Entries, f.Bytes, f.State)
	}
	if err := env.write(files); err != nil {
		return err
	}
	var t table
	if a.Sound {
		t.add("sound", env.paint(green, "yes"))
	} else {
		t.add("sound", env.paint(red, "no"))
	}
	t.add("entries", a.Entries)
	t.add("applied", a.Applied)
	t.add("sampled", a.Sampled)
	t.add("seed", a.Seed)
	for _, f := range a.Findings {
		t.add("damaged", env.paint(red, f.File+": "+f.What))
		t.add("what helps", f.Do)
	}
	return env.write(t)
}
