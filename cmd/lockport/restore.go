package main

import (
	"context"
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/projection"
	"github.com/lockport-hie/lockport/repository"
)

const restoreHelp = `Make the repository of a data directory from a full backup and the increments that were made after it, named
in their order. The directory must hold no repository; one that is there is never touched. The keys must be in
DIR/keys already: copy them there, or use lockport keys import.

Every checksum and the whole chain of hashes are checked before anything counts; then the repository is
opened once, which checks every seal and makes record and duplicate window again. lockport.yaml comes from
the last backup where DIR has none; certificates under ca/ are not in a backup. Note the head that is
printed, and compare it with one that was noted elsewhere.

A restore that is cut short leaves no repository, and can be run again.`

// newRestore makes "lockport restore".
func newRestore(env *environment) *cobra.Command {
	return &cobra.Command{
		Use:     "restore BACKUP [INCREMENT...]",
		Short:   "Make a repository from backups",
		Long:    restoreHelp,
		Example: "  lockport restore /backup/sunday /backup/monday --dir /var/lib/lockport",
		Args:    cobra.MinimumNArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return env.restore(cmd.Context(), args) },
	}
}

func (env *environment) restore(ctx context.Context, from []string) error {
	keys, err := repository.LoadKeys(env.path(keysDir))
	if lockport.KindOf(err) == lockport.NotFound {
		return lockport.Errorf(lockport.NotFound, "", "there are no keys in %s, and a backup never holds them: put back the copy that was kept elsewhere, with lockport keys import", env.path(keysDir))
	}
	if err != nil {
		return err
	}
	began, p := env.Now(), env.newProgress("MB")
	o := repository.Options{Dir: env.path(dataDir), Keys: keys, Now: env.Now, Projector: projection.New()}
	r, err := repository.Restore(ctx, o, from, func(done, total int64) { p.of(uint64(done>>20), uint64(total>>20)) })
	p.clear()
	if err != nil {
		return err
	}
	if err := env.restoreConfiguration(r.Configuration); err != nil {
		return err
	}
	store, err := repository.Open(o)
	if err != nil {
		return lockport.Errorf(lockport.KindOf(err), "", "the journal was restored and does not open: %w", err)
	}
	if err := store.Close(ctx); err != nil {
		return err
	}
	a := describeRestored(r, env.Now().Sub(began))
	return env.show(a, func(t *table) { t.add("restored", env.path(dataDir)); a.draw(t) })
}

// restoreConfiguration puts the configuration of a backup where there is none.
func (env *environment) restoreConfiguration(text []byte) error {
	if text == nil {
		return nil
	}
	f, err := os.OpenFile(env.path(configFile), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err == nil {
		_, err = f.Write(text)
		err = errors.Join(err, f.Sync(), f.Close())
	}
	if err != nil {
		return lockport.Errorf(lockport.Internal, "", "the configuration cannot be written: %w", err)
	}
	return nil
}
