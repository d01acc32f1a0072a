package main

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/repository"
)

const keysHelp = `The keys of the repository: a key from which the data key of every file is derived, and one under which
identifiers are hashed. They stand in keys/master.key. Without them nothing under data/ can be read by
anybody, and a backup never holds them: a copy belongs in another place.

A key has an id, which is no secret: each file says under which key it was made.`

// newKeys makes "lockport keys".
func newKeys(env *environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "The secrets of the repository, and copies of them",
		Long:  keysHelp,
	}
	cmd.AddCommand(newKeysShow(env), newKeysExport(env), newKeysImport(env))
	return cmd
}

// newKeysShow makes "lockport keys show".
func newKeysShow(env *environment) *cobra.Command {
	return &cobra.Command{
		Use:   "show",
		Short: "List the ids of the keys, and which files need which",
		Long: `List the ids of all keys, the current one first, and under which key each file of the repository was made. No
key is printed. No server needs to run. The exit code is 1 when a file needs a key that is not there.`,
		Example: "  lockport keys show\n  lockport keys show --output json",
		Args:    cobra.NoArgs,
		RunE:    func(*cobra.Command, []string) error { return env.showKeys() },
	}
}

// shownKey is one key, and how many files were made under it.
type shownKey struct {
	ID      string `json:"id"`
	Current bool   `json:"current"`
	Missing bool   `json:"missing"`
	Files   int    `json:"files"`
}

// keysAnswer is what keys show prints.
type keysAnswer struct {
	Keys  []shownKey          `json:"keys"`
	Files []repository.KeyUse `json:"files"`
}

// missing returns the ids of keys that files need and that are not there.
func (a keysAnswer) missing() (ids []string) {
	for _, k := range a.Keys {
		if k.Missing {
			ids = append(ids, k.ID)
		}
	}
	return ids
}

// keysInUse holds the keys that there are against the files.
func (env *environment) keysInUse(keys repository.Keys) (keysAnswer, error) {
	a := keysAnswer{Keys: []shownKey{}}
	for i, id := range keys.IDs() {
		a.Keys = append(a.Keys, shownKey{ID: id.String(), Current: i == 0})
	}
	var err error
	if a.Files, err = repository.KeysInUse(env.path(dataDir)); err != nil {
		return a, err
	}
	for _, f := range a.Files {
		if f.Key == "" {
			continue
		}
		i := slices.IndexFunc(a.Keys, func(k shownKey) bool { return k.ID == f.Key })
		if i < 0 {
			i = len(a.Keys)
			a.Keys = append(a.Keys, shownKey{ID: f.Key, Missing: true})
		}
		a.Keys[i].Files++
	}
	return a, nil
}

func (env *environment) showKeys() error {
	keys, err := repository.LoadKeys(env.path(keysDir))
	if err != nil && lockport.KindOf(err) != lockport.NotFound {
		return err
	}
	a, useErr := env.keysInUse(keys)
	if useErr != nil {
		return useErr
	}
	if shown := env.show(a, func(t *table) { env.drawKeys(t, a) }); shown != nil {
		return shown
	}
	if err == nil && len(a.missing()) > 0 {
		return &errSilent{lockport.NotFound}
	}
	return err
}

func (env *environment) drawKeys(t *table, a keysAnswer) {
	for _, k := range a.Keys {
		state := painted("for reading")
		switch {
		case k.Missing:
			state = env.paint(red, "missing: put back the master.key that belongs to this store")
		case k.Current:
			state = env.paint(green, "current")
		}
		t.add("key "+k.ID, state+painted(", "+plural(k.Files, "file")))
	}
	for _, f := range a.Files {
		what := f.Note
		if f.Key != "" {
			what = "key " + f.Key
		}
		t.add(f.File, what)
	}
}

const keysExportHelp = `Write a copy of the keys that is sealed under a passphrase, to be kept in another place, for example on
paper or in a safe: it is text of some lines. Whoever has the copy and the passphrase can read
every file and every backup of this repository; whoever has lost the keys and the copy can read none.

The passphrase has 12 characters at least and is read from the first line of a file, from
$LOCKPORT_PASSPHRASE, or from the terminal. Opening the copy takes 256 MiB of memory and about a
second (Argon2id), so that guessing is slow. A file that is there is never replaced.`

// newKeysExport makes "lockport keys export".
func newKeysExport(env *environment) *cobra.Command {
	var out, file string
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write a copy of the keys, sealed under a passphrase",
		Long:  keysExportHelp,
		Example: `  lockport keys export --out /media/safe/lockport-keys.pem
  lockport keys export --out lockport-keys.pem --passphrase-file passphrase.txt`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return env.exportKeys(cmd.Context(), out, file)
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "file to write")
	passphraseFlag(cmd, &file)
	require(cmd, "out")
	return cmd
}

// copiedKeys is what export and import print.
type copiedKeys struct {
	File string             `json:"file"`
	Keys []repository.KeyID `json:"keys"`
	Same bool               `json:"same"` // import: they were there already
}

// ids writes key ids for people.
func (c copiedKeys) ids() string {
	var names []string
	for _, id := range c.Keys {
		names = append(names, id.String())
	}
	return strings.Join(names, ", ")
}

func (env *environment) exportKeys(ctx context.Context, out, file string) error {
	passphrase, err := env.passphrase(ctx, file, true)
	if err != nil {
		return err
	}
	c := copiedKeys{File: out}
	if c.Keys, err = repository.ExportKeys(env.path(keysDir), out, passphrase); err != nil {
		return err
	}
	return env.show(c, func(t *table) {
		t.add("written", out)
		t.add("keys", c.ids())
		t.add("next", "keep it and its passphrase in two places, neither of them this machine")
	})
}

const keysImportHelp = `Put the keys of a sealed copy back as keys/master.key. Keys that are there are never replaced; when they are
the same, nothing happens. A wrong passphrase is refused with exit code 3.`

// newKeysImport makes "lockport keys import".
func newKeysImport(env *environment) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:     "import FILE",
		Short:   "Put the keys of a sealed copy back",
		Long:    keysImportHelp,
		Example: "  lockport keys import /media/safe/lockport-keys.pem",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return env.importKeys(cmd.Context(), args[0], file)
		},
	}
	passphraseFlag(cmd, &file)
	return cmd
}

func (env *environment) importKeys(ctx context.Context, from, file string) error {
	passphrase, err := env.passphrase(ctx, file, false)
	if err != nil {
		return err
	}
	c := copiedKeys{File: env.path(keysDir, "master.key")}
	if c.Keys, c.Same, err = repository.ImportKeys(env.path(keysDir), from, passphrase); err != nil {
		return err
	}
	keys, err := repository.LoadKeys(env.path(keysDir))
	if err != nil {
		return err
	}
	a, err := env.keysInUse(keys)
	if err != nil {
		return err
	}
	return env.show(c, func(t *table) {
		if c.Same {
			t.add("unchanged", c.File+" holds the same keys already")
		} else {
			t.add("put back", c.File)
		}
		t.add("keys", c.ids())
		if missing := a.missing(); len(missing) > 0 {
			t.add("missing", env.paint(red, "files of this store need key "+strings.Join(missing, ", ")))
		}
	})
}
