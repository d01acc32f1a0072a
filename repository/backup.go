package repository

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
)

// BackupOptions say what a backup holds and where it goes.
type BackupOptions struct {
	To    string // an absolute path; made, or an empty directory
	Since string // the backup that this one goes on from; "" makes a full one
	Rate  int64  // bytes a second; 0 is DefaultBackupRate, less than 0 as fast as it goes

	// Configuration is kept with the journal, so that a restore needs nothing but
	// the keys. It must hold no secret.
	Configuration []byte

	Progress func(done, total int64) // told bytes, when not nil
}

// DefaultBackupRate leaves most of a disk to those who wait for an acknowledgement.
const DefaultBackupRate = 50 << 20

// Backup copies the journal as it is when it begins into a directory, while the
// store goes on: everything that was acknowledged before is in it. Every entry
// is checked on its way, so a damaged journal is found and not copied. The error
// is of kind Conflict where the target is not empty or another backup runs,
// Refused for a base of another store or one that is ahead of this one, Full
// when the target's disk is, and Corrupt for a damaged journal. Whatever fails
// leaves no manifest behind, and the store as it was.
func (s *Store) Backup(ctx context.Context, o BackupOptions) (*Manifest, error) {
	if !s.caring.TryLock() {
		return nil, lockport.Errorf(lockport.Conflict, "backup", "a backup or another rewriting of the journal is running: wait for it")
	}
	defer s.caring.Unlock()
	return s.journal.backup(ctx, o, s.End(), s.now)
}

// BackupClosed makes a backup of a store that no server has open.
func BackupClosed(ctx context.Context, store Options, o BackupOptions) (_ *Manifest, err error) {
	s, err := openOffline(store)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.closeOffline()) }()
	return s.journal.backup(ctx, o, s.head.Seq, store.Now)
}

// backing is a backup that is being made.
type backing struct {
	BackupOptions
	journal *journal
	base    *Manifest // nil in a full one
	from    audit.Head
	end     lockport.Seq // an entry that the journal has
	made    []string     // files in the target
	now     func() time.Time
	copied  copying
}

func (j *journal) backup(ctx context.Context, o BackupOptions, end lockport.Seq, now func() time.Time) (*Manifest, error) {
	if !filepath.IsAbs(o.To) {
		return nil, lockport.Errorf(lockport.Invalid, "backup", "the target must be an absolute path")
	}
	b := &backing{BackupOptions: o, journal: j, end: end, now: now}
	if err := b.begin(); err != nil {
		return nil, classify("backup", err)
	}
	m, err := b.run(ctx)
	if err == nil {
		return m, nil
	}
	for _, path := range b.made {
		err = errors.Join(err, os.Remove(path))
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return nil, lockport.Errorf(lockport.Full, "backup", "there is no room for it in %s, which was left empty", o.To)
	}
	return nil, classify("backup", err)
}

// begin checks the base and takes the target.
func (b *backing) begin() error {
	if b.Since != "" {
		var err error
		if b.base, err = readManifest(b.Since); err != nil {
			return err
		}
		if err := b.checkBase(); err != nil {
			return err
		}
	}
	if err := makeDir(b.To); err != nil {
		return err
	}
	found, err := os.ReadDir(b.To)
	if err == nil && len(found) > 0 {
		return lockport.Errorf(lockport.Conflict, "backup", "%s is not empty: a backup goes into a directory of its own", b.To)
	}
	return errors.Join(err, os.Chmod(b.To, 0o700))
}

// checkBase makes sure that the journal is the one of the base, and goes on from
// where the base ends.
func (b *backing) checkBase() error {
	if store := b.journal.last().id.store; b.base.Store != hex.EncodeToString(store[:]) {
		return lockport.Errorf(lockport.Refused, "backup", "%s is a backup of another store", b.Since)
	}
	b.from, _ = b.base.Through.head()
	hash, err := b.journal.hashOf(b.from.Seq)
	if b.from.Seq <= b.end && err != nil {
		return err
	}
	if b.from.Seq > b.end || hash != b.from.Hash {
		return lockport.Errorf(lockport.Refused, "backup", "%s goes up to entry %d, which this store does not have: the store was restored from an older backup since, make a full one", b.Since, b.from.Seq)
	}
	return nil
}

// part is what a backup takes of one file.
type part struct {
	file   *journalFile
	closed bool
	from   int64
	end    int64
}

// run copies the pieces and writes the manifest.
func (b *backing) run(ctx context.Context) (*Manifest, error) {
	files := b.journal.all()
	store := files[0].id.store
	m := &Manifest{
		Format: manifestFormat, Store: hex.EncodeToString(store[:]), Made: b.now().UTC().Truncate(time.Second),
		Keys: manifestKeys, After: pointOf(b.from), Through: pointOf(b.from), Pieces: []Piece{},
	}
	parts := make([]part, len(files))
	for i, f := range files {
		// The end is moved after the flush and before the answers, so whatever was
		// acknowledged lies before it. It always lies between two groups.
		parts[i] = part{file: f, closed: i < len(files)-1, end: f.end.Load()}
		parts[i].from = b.has(f, parts[i].end)
		m.Files = append(m.Files, FileState{journalName(f.number), hex.EncodeToString(f.id.id[:]), parts[i].end})
		if key := hex.EncodeToString(f.id.key[:]); !slices.Contains(m.KeyIDs, key) {
			m.KeyIDs = append(m.KeyIDs, key)
		}
		b.copied.total += parts[i].end - parts[i].from
	}
	b.copied.begin(b.Progress)
	b.copied.limit(b.Rate, b.now)
	b.copied.target = b.journal.vault.seam.target
	for _, p := range parts {
		if p.from == p.end {
			continue
		}
		piece, head, err := b.piece(ctx, p)
		if err != nil {
			return nil, err
		}
		m.Pieces = append(m.Pieces, piece)
		if head.Seq > m.Through.Sequence {
			m.Through = pointOf(head)
		}
	}
	if err := b.snapshot(ctx, m); err != nil {
		return nil, err
	}
	return m, b.finish(m)
}

// snapshot adds the newest snapshot of the record where the journal alone does not
// make one any more, unless the base names the same.
func (b *backing) snapshot(ctx context.Context, m *Manifest) error {
	if b.journal.droppedThrough() == 0 {
		return nil
	}
	paths, err := snapshotPaths(b.journal.dir)
	if err == nil && len(paths) == 0 {
		err = lockport.Errorf(lockport.Corrupt, "backup", "retention has dropped content, and there is no snapshot of the record")
	}
	if err != nil {
		return err
	}
	name := filepath.Base(paths[0])
	if b.base != nil && b.base.Snapshot != nil && b.base.Snapshot.File == name {
		m.Snapshot = b.base.Snapshot
		return nil
	}
	from, err := os.Open(paths[0])
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }()
	info, err := from.Stat()
	if err != nil {
		return err
	}
	b.copied.total += info.Size()
	m.Snapshot = &Piece{File: name, Bytes: info.Size()}
	m.Snapshot.SHA256, err = b.copy(ctx, name, run{from: from, bytes: info.Size(), spare: true})
	return err
}

// copy copies a run of bytes into a new file of the target and returns their sum.
func (b *backing) copy(ctx context.Context, name string, r run) (string, error) {
	path := filepath.Join(b.To, name)
	to, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	b.made = append(b.made, path)
	sum := sha256.New()
	r.to, r.sum = to, sum
	err = b.copied.run(ctx, r)
	return hex.EncodeToString(sum.Sum(nil)), errors.Join(err, to.Close())
}

// has returns up to where the base, or a base of it, holds a file. A file that
// was rewritten since has another id and is copied whole.
func (b *backing) has(f *journalFile, end int64) int64 {
	if b.base == nil || f.number > len(b.base.Files) {
		return 0
	}
	known := b.base.Files[f.number-1]
	if known.ID != hex.EncodeToString(f.id.id[:]) || known.Bytes > end {
		return 0
	}
	return known.Bytes
}

// piece copies a part and returns the last entry in it.
func (b *backing) piece(ctx context.Context, p part) (Piece, audit.Head, error) {
	piece := Piece{File: journalName(p.file.number), Offset: p.from, Bytes: p.end - p.from}
	pass := &passage{path: p.file.path, at: p.from, head: b.from}
	if p.from == 0 {
		pass.head = audit.Head{Seq: p.file.first - 1, Hash: p.file.prev}
	}
	// A handle of its own: what is asked for it must not change how the store reads.
	from, err := os.Open(p.file.path)
	if err != nil {
		return piece, pass.head, err
	}
	defer func() { _ = from.Close() }()
	if !p.closed {
		asAsked(from)
	}
	piece.SHA256, err = b.copy(ctx, piece.stored(), run{from: from, at: p.from, bytes: piece.Bytes, pass: pass, spare: p.closed})
	if err != nil {
		return piece, pass.head, err
	}
	if err = pass.done(); err == nil && p.from == 0 && pass.id != p.file.id.id {
		err = lockport.Errorf(lockport.Conflict, "backup", "%s was rewritten meanwhile: make the backup again", piece.File)
	}
	return piece, pass.head, err
}

// finish adds the configuration and the manifest.
func (b *backing) finish(m *Manifest) error {
	if b.Configuration != nil {
		path, sum := filepath.Join(b.To, configurationName), sha256.Sum256(b.Configuration)
		b.made = append(b.made, path)
		if err := writeDurable(path, b.Configuration); err != nil {
			return err
		}
		m.Configuration = &Piece{File: configurationName, Bytes: int64(len(b.Configuration)), SHA256: hex.EncodeToString(sum[:])}
	}
	if b.copied.target != nil {
		if err := b.copied.target(); err != nil {
			return err
		}
	}
	if err := m.write(b.To); err != nil {
		return fmt.Errorf("%s: %w", manifestName, err)
	}
	return nil
}
