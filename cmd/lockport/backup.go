package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/repository"
)

const backupHelp = `Copy the journal into a directory of its own, while the server runs or without it. What was acknowledged
when the backup begins is in it. Every entry is checked on its way: a damaged journal is found, not copied.

With --since it holds only what came after another backup, which may be an increment itself. A restore needs
the full backup and every increment after it.

It holds no keys: keep a copy of them in another place (lockport keys export). It holds lockport.yaml, and
neither ca/ nor what is made again from the journal. A running server writes the files itself, so DIR is a
directory of its machine that its user can write to; they are as secret as data/ and are for their owner alone.

With --verify backups are read back and held against their checksums; nothing is written and no keys are
needed. Name a full backup and its increments in their order to check the whole chain of hashes as well.`

// newBackup makes "lockport backup".
func newBackup(env *environment) *cobra.Command {
	var q backupQuestion
	var verify bool
	cmd := &cobra.Command{
		Use:   "backup --to DIR",
		Short: "Copy the repository while it works, whole or what is new",
		Long:  backupHelp,
		Example: `  lockport backup --to /backup/sunday
  lockport backup --to /backup/monday --since /backup/sunday
  lockport backup --verify /backup/sunday /backup/monday`,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case verify && (q.To != "" || q.Since != "" || len(args) == 0):
				return usagef("--verify wants backups and nothing else: lockport backup --verify FULL [INCREMENT...]")
			case verify:
				return env.verifyBackup(cmd.Context(), args)
			case q.To == "" || len(args) > 0:
				return usagef("name the directory of the backup with --to DIR")
			case q.Rate < 0:
				return usagef("--rate wants megabytes a second, or 0 for no limit")
			}
			return env.backup(cmd.Context(), q)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&q.To, "to", "", "directory of the backup: empty, or not there yet")
	flags.StringVar(&q.Since, "since", "", "directory of the backup that this one goes on from")
	flags.IntVar(&q.Rate, "rate", repository.DefaultBackupRate>>20, "megabytes a second at most; 0 for no limit")
	flags.BoolVar(&verify, "verify", false, "read backups back instead of making one")
	return cmd
}

// backup asks the server, or does it itself where none runs.
func (env *environment) backup(ctx context.Context, q backupQuestion) error {
	for _, dir := range []*string{&q.To, &q.Since} {
		if *dir == "" {
			continue
		}
		var err error
		if *dir, err = filepath.Abs(*dir); err != nil {
			return lockport.Errorf(lockport.Invalid, "", "%w", err)
		}
	}
	a, err := call[backupAnswer](ctx, env, pathBackup, q)
	if lockport.KindOf(err) == lockport.Unreachable {
		a, err = env.backupClosed(ctx, q)
	}
	if err != nil {
		return err
	}
	return env.show(a, func(t *table) {
		t.add("backup", a.To)
		t.add("entries", fmt.Sprintf("%d to %d", a.From, a.Through))
		t.add("head", a.Head)
		t.add("size", fmt.Sprintf("%s in %s", bytesText(a.Bytes), plural(a.Pieces, "file")))
		t.add("took", time.Duration(a.Seconds*float64(time.Second)).Round(time.Millisecond))
		t.add("keys", "not in it: keep a copy of them in another place")
	})
}

// backupClosed makes the backup of a store that no server has open.
func (env *environment) backupClosed(ctx context.Context, q backupQuestion) (backupAnswer, error) {
	keys, err := repository.LoadKeys(env.path(keysDir))
	if err != nil {
		return backupAnswer{}, err
	}
	began, p := env.Now(), env.newProgress("MB")
	o, err := env.backupOptions(q)
	if err != nil {
		return backupAnswer{}, err
	}
	o.Progress = func(done, total int64) { p.of(uint64(done>>20), uint64(total>>20)) }
	m, err := repository.BackupClosed(ctx, repository.Options{Dir: env.path(dataDir), Keys: keys, Now: env.Now}, o)
	p.clear()
	if err != nil {
		return backupAnswer{}, err
	}
	return answerBackup(q, m, env.Now().Sub(began)), nil
}

// backupOptions turns a question into what the repository takes.
func (env *environment) backupOptions(q backupQuestion) (repository.BackupOptions, error) {
	o := repository.BackupOptions{To: q.To, Since: q.Since, Rate: int64(q.Rate) << 20}
	if o.Rate == 0 {
		o.Rate = -1
	}
	text, err := os.ReadFile(env.path(configFile))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return o, lockport.Errorf(lockport.Internal, "", "the configuration cannot be read: %w", err)
	}
	o.Configuration = text
	return o, nil
}

// verifiedBackup is what backup --verify and restore print.
type verifiedBackup struct {
	Verified bool         `json:"verified"`
	Store    string       `json:"store"`
	Entries  lockport.Seq `json:"entries"`
	Head     string       `json:"head"`
	Files    int          `json:"files"`
	Bytes    int64        `json:"bytes"`
	Seconds  float64      `json:"seconds"`
}

func describeRestored(r repository.Restored, took time.Duration) verifiedBackup {
	return verifiedBackup{true, r.Store, r.Entries, hex.EncodeToString(r.Head[:]), r.Files, r.Bytes, took.Seconds()}
}

func (a verifiedBackup) draw(t *table) {
	t.add("entries", a.Entries)
	t.add("head", a.Head)
	t.add("size", fmt.Sprintf("%s, %s of the journal", bytesText(a.Bytes), plural(a.Files, "file")))
	t.add("took", time.Duration(a.Seconds*float64(time.Second)).Round(time.Millisecond))
}

func (env *environment) verifyBackup(ctx context.Context, from []string) error {
	began, p := env.Now(), env.newProgress("MB")
	r, err := repository.VerifyBackup(ctx, from, func(done, total int64) { p.of(uint64(done>>20), uint64(total>>20)) })
	p.clear()
	if err != nil {
		return err
	}
	a := describeRestored(r, env.Now().Sub(began))
	return env.show(a, func(t *table) { t.add("verified", true); a.draw(t) })
}
