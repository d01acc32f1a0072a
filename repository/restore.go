package repository

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
)

// Restored is what Restore or VerifyBackup found in backups.
type Restored struct {
	Store         string       // the store's id
	Entries       lockport.Seq // the last entry
	Head          [32]byte     // its hash
	Files         int          // of the journal
	Bytes         int64        // that were read
	Configuration []byte       // the configuration that was kept with the last of them, nil for none
}

// restoringName marks a directory in which a restore has not finished.
const restoringName = "restore.new"

// Restore puts the journal of a full backup and the increments that follow it,
// in their order, into a directory that holds no store. Checksums and the chain
// of hashes are checked before the first file gets its name, and the first file
// gets its name last: a restore that is cut short leaves no store, and can be
// run again. Record and duplicate window are made again by the next Open, which
// also checks every seal.
//
// The error is of kind NotFound where there is no backup, Conflict where there
// is a store, Refused for wrong keys or backups of different stores, Invalid for
// backups in a wrong order, and Corrupt for damaged ones.
func Restore(ctx context.Context, o Options, from []string, progress func(done, total int64)) (_ Restored, err error) {
	const op = "restore"
	v, err := newVault(o)
	if err != nil {
		return Restored{}, err
	}
	plan, err := planRestore(from)
	if err != nil {
		return Restored{}, err
	}
	if err := makeDir(o.Dir); err != nil {
		return Restored{}, lockport.Errorf(lockport.Internal, op, "%w", err)
	}
	lock, err := lockDir(o.Dir)
	if err != nil {
		return Restored{}, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if err := claimRestore(o.Dir); err != nil {
		return Restored{}, classify(op, err)
	}
	plan.to, plan.vault = o.Dir, v
	found, err := plan.run(ctx, progress)
	if err == nil {
		err = plan.settle()
	}
	if err != nil {
		return Restored{}, classify(op, err)
	}
	return found, nil
}

// VerifyBackup reads backups through as Restore would and writes nothing. An
// increment without its full backup is checked as far as its checksums go.
func VerifyBackup(ctx context.Context, from []string, progress func(done, total int64)) (Restored, error) {
	if len(from) == 1 {
		if m, err := readManifest(from[0]); err == nil && !m.full() {
			plan := &restoring{last: m, alone: true}
			for _, p := range m.Pieces {
				plan.add(from[0], p)
			}
			if s := m.Snapshot; s != nil && sizeOf(filepath.Join(from[0], s.File)) > 0 {
				plan.snapshot = &placed{*s, from[0]}
			}
			return plan.run(ctx, progress)
		}
	}
	plan, err := planRestore(from)
	if err != nil {
		return Restored{}, err
	}
	return plan.run(ctx, progress)
}

// restoring is a journal that is put together, or only looked at.
type restoring struct {
	last  *Manifest
	files [][]placed // the pieces of each file, in their order
	alone bool       // an increment without its base

	to     string // "" only looks
	vault  *vault
	head   audit.Head
	copied copying

	configuration *placed // the last one, nil for none
	snapshot      *placed // the last one, nil for none
}

// placed is a piece and the backup in which it lies.
type placed struct {
	Piece
	dir string
}

// planRestore reads the manifests and finds which pieces make the journal.
func planRestore(from []string) (*restoring, error) {
	plan := new(restoring)
	for i, dir := range from {
		m, err := readManifest(dir)
		if err != nil {
			return nil, err
		}
		if i == 0 && !m.full() {
			return nil, lockport.Errorf(lockport.Invalid, "read backup", "%s goes on from entry %d: name the full backup before it", dir, m.After.Sequence)
		}
		if i > 0 {
			if err := m.follows(plan.last); err != nil {
				return nil, fmt.Errorf("%s: %w", dir, err)
			}
		}
		for _, p := range m.Pieces {
			plan.add(dir, p)
		}
		plan.addSnapshot(dir, m)
		plan.last = m
		if m.Configuration != nil {
			plan.configuration = &placed{*m.Configuration, dir}
		}
	}
	if plan.last == nil {
		return nil, lockport.Errorf(lockport.Invalid, "read backup", "name a backup")
	}
	return plan, plan.complete()
}

// add puts a piece behind those of its file. One that begins at the file's first
// byte is of a file that was rewritten, and takes the place of all before it.
func (r *restoring) add(dir string, p Piece) {
	i := fileNumber(p.File) - 1
	for len(r.files) <= i {
		r.files = append(r.files, nil)
	}
	if p.Offset == 0 {
		r.files[i] = nil
	}
	r.files[i] = append(r.files[i], placed{p, dir})
}

// addSnapshot notes where the snapshot lies that a backup names: in it, or in one
// before it.
func (r *restoring) addSnapshot(dir string, m *Manifest) {
	switch {
	case m.Snapshot == nil:
		r.snapshot = nil
	case r.snapshot == nil || r.snapshot.Piece != *m.Snapshot:
		r.snapshot = &placed{*m.Snapshot, dir}
	}
}

// complete makes sure that the pieces are the whole of every file.
func (r *restoring) complete() error {
	for i, f := range r.last.Files {
		var end int64
		if i < len(r.files) {
			for _, p := range r.files[i] {
				if p.Offset != end {
					end = -1
					break
				}
				end += p.Bytes
			}
		}
		if end != f.Bytes {
			return lockport.Errorf(lockport.Corrupt, "read backup", "the backups do not hold all of %s", f.Name)
		}
	}
	return nil
}

// claimRestore takes a directory without a store, or one that a restore left
// behind when it was cut short.
func claimRestore(dir string) error {
	mark := filepath.Join(dir, restoringName)
	_, err := os.Stat(mark)
	again := err == nil
	if _, err := os.Stat(filepath.Join(dir, journalName(1))); err == nil {
		again = false
	}
	var found []string
	for _, pattern := range []string{"journal-*", "*.bolt", "record-*.snapshot"} {
		names, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return err
		}
		found = append(found, names...)
	}
	if len(found) > 0 && !again {
		return lockport.Errorf(lockport.Conflict, "restore", "%s holds a store: a restore never touches one, name another directory or move it away", dir)
	}
	for _, path := range found {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	if again {
		return nil
	}
	if err := writeDurable(mark, nil); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return syncDir(dir)
}

// run reads every piece and writes the files under names that do not count.
func (r *restoring) run(ctx context.Context, progress func(done, total int64)) (Restored, error) {
	for _, pieces := range r.files {
		for _, p := range pieces {
			r.copied.total += p.Bytes
		}
	}
	if r.snapshot != nil {
		r.copied.total += r.snapshot.Bytes
	}
	r.copied.begin(progress)
	for i := range r.files {
		if err := r.file(ctx, i); err != nil {
			return Restored{}, classify("restore", err)
		}
	}
	if err := r.copySnapshot(ctx); err != nil {
		return Restored{}, classify("restore", err)
	}
	through, _ := r.last.Through.head()
	if !r.alone && r.head != through {
		return Restored{}, lockport.Errorf(lockport.Corrupt, "read backup", "the journal ends at entry %d, and the manifest names another end, entry %d", r.head.Seq, through.Seq)
	}
	found := Restored{Store: r.last.Store, Entries: through.Seq, Head: through.Hash, Files: len(r.last.Files), Bytes: r.copied.total}
	err := r.readConfiguration(&found)
	return found, err
}

// file puts one file together.
func (r *restoring) file(ctx context.Context, i int) (err error) {
	var to *os.File
	if r.to != "" {
		to, err = os.OpenFile(filepath.Join(r.to, journalName(i+1)+".new"), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, to.Close()) }()
	}
	var pass *passage
	if !r.alone {
		pass = &passage{path: journalName(i + 1), head: r.head}
	}
	for _, p := range r.files[i] {
		if err := r.piece(ctx, p, to, pass); err != nil {
			return err
		}
	}
	if r.alone {
		return nil
	}
	if err := pass.done(); err != nil {
		return err
	}
	if id := hex.EncodeToString(pass.id[:]); id != r.last.Files[i].ID {
		return damaged(pass.path, errors.New("it is another file than the manifest names"))
	}
	r.head = pass.head
	if r.vault == nil {
		return nil
	}
	f, err := r.vault.readBlock(journalName(i+1), to)
	if err == nil && hex.EncodeToString(f.id.store[:]) != r.last.Store {
		err = damaged(pass.path, errors.New("it belongs to another store"))
	}
	return err
}

// copySnapshot copies the snapshot of the record, where there is one.
func (r *restoring) copySnapshot(ctx context.Context) (err error) {
	if r.snapshot == nil {
		return nil
	}
	var to *os.File
	if r.to != "" {
		to, err = os.OpenFile(filepath.Join(r.to, r.snapshot.File+".new"), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, to.Close()) }()
	}
	return r.piece(ctx, *r.snapshot, to, nil)
}

// piece copies one piece and holds it against its checksum. What the chain makes
// of damaged bytes is reported only where the checksum is right.
func (r *restoring) piece(ctx context.Context, p placed, to *os.File, pass *passage) error {
	path := filepath.Join(p.dir, p.stored())
	from, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return lockport.Errorf(lockport.Corrupt, "read backup", "%s is missing", path)
	}
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }()
	info, err := from.Stat()
	if err != nil {
		return err
	}
	if info.Size() != p.Bytes {
		return lockport.Errorf(lockport.Corrupt, "read backup", "%s has %d bytes and was written with %d", path, info.Size(), p.Bytes)
	}
	sum := sha256.New()
	err = r.copied.run(ctx, run{from: from, bytes: p.Bytes, to: to, sum: sum, pass: pass, spare: true})
	if lockport.KindOf(err) == lockport.Corrupt {
		return lockport.Errorf(lockport.Corrupt, "read backup", "%s: %w", path, err)
	}
	if err == nil && hex.EncodeToString(sum.Sum(nil)) != p.SHA256 {
		err = lockport.Errorf(lockport.Corrupt, "read backup", "%s is damaged: its checksum is not the one that was written down", path)
	}
	return err
}

func (r *restoring) readConfiguration(found *Restored) error {
	if r.configuration == nil {
		return nil
	}
	path := filepath.Join(r.configuration.dir, configurationName)
	b, err := os.ReadFile(path)
	if err != nil {
		return lockport.Errorf(lockport.Corrupt, "read backup", "%w", err)
	}
	if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != r.configuration.SHA256 {
		return lockport.Errorf(lockport.Corrupt, "read backup", "%s is damaged: its checksum is not the one that was written down", path)
	}
	found.Configuration = b
	return nil
}

// settle gives the files their names, the first one's last of all.
func (r *restoring) settle() error {
	if s := r.snapshot; s != nil {
		path := filepath.Join(r.to, s.File)
		if err := os.Rename(path+".new", path); err != nil {
			return err
		}
	}
	for i := len(r.files); i > 0; i-- {
		if i == 1 {
			if err := syncDir(r.to); err != nil {
				return err
			}
		}
		path := filepath.Join(r.to, journalName(i))
		if err := os.Rename(path+".new", path); err != nil {
			return err
		}
	}
	if err := syncDir(r.to); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(r.to, restoringName)); err != nil {
		return err
	}
	return syncDir(r.to)
}
