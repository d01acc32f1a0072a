package repository

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
)

// RekeyOptions say how Rekey works.
type RekeyOptions struct {
	KeysDir  string                                // where master.key lies
	Operator string                                // who asked, for the journal
	Progress func(what string, done, total uint64) // called now and then, when it is not nil
}

// RekeyReport says what Rekey has done.
type RekeyReport struct {
	Key     KeyID        `json:"key"`     // the current one
	Dropped []KeyID      `json:"dropped"` // those that were current before
	Resumed bool         `json:"resumed"` // an earlier run was cut short, and this one has ended it
	Files   int          `json:"files"`   // journal files sealed again
	Bytes   int64        `json:"bytes"`   // of them
	Entries lockport.Seq `json:"entries"` // of the journal
	Rows    uint64       `json:"rows"`    // of the record that was made again; 0 where that was done before
}

// The verb under which the journal notes a rekey.
const actRekey = "rekey"

// Rekey gives a store new keys: a new pair becomes the current one, every journal
// file is sealed again under it, entry by entry and with the same headers, so
// that the chain of hashes stays; record and window are made again under the new
// hash key; and the old keys leave master.key. The store must not be open.
//
// The new key is on disk before anything is sealed with it, and the old keys go
// when no file needs them any more: whatever point a run is cut short at, the
// store opens, and the next run goes on from there. Without room for a copy of
// one journal file it fails with kind Full.
func Rekey(ctx context.Context, o Options, r RekeyOptions) (report RekeyReport, err error) {
	const op = "rekey"
	if o.Projector == nil || o.Now == nil {
		return report, lockport.Errorf(lockport.Invalid, op, "a projector and a clock are needed")
	}
	x := &rekeying{options: r, report: &report}
	if o, err = x.reseal(ctx, o); err == nil {
		if err = x.remake(ctx, o); err == nil {
			err = x.finish(ctx, o)
		}
	}
	if err != nil {
		err = classify(op, err)
	}
	return report, err
}

// rekeying is one run of Rekey.
type rekeying struct {
	options RekeyOptions
	report  *RekeyReport
	vault   *vault // with the new keys
	done    int64  // bytes read and read back
	total   int64
}

func (x *rekeying) step(what string, done, total uint64) {
	if x.options.Progress != nil {
		x.options.Progress(what, done, total)
	}
}

// reseal brings all journal files under the current key, and returns the options
// with the keys that are in force from then on.
func (x *rekeying) reseal(ctx context.Context, o Options) (_ Options, err error) {
	if o.Keys, err = LoadKeys(x.options.KeysDir); err != nil {
		return o, err
	}
	s, err := openOffline(o)
	if err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, s.closeOffline()) }()
	if gone := s.journal.droppedThrough(); gone > 0 {
		return o, lockport.Errorf(lockport.Unsupported, "rekey", "retention has dropped content up to entry %d: the record cannot be made again under another hash key", gone)
	}
	if err := removeUnfinished(o.Dir); err != nil {
		return o, err
	}
	if o.Keys, err = x.begin(s, o.Keys); err != nil {
		return o, err
	}
	if s.vault, err = newVault(o); err != nil {
		return o, err
	}
	x.vault = s.vault
	var old []*journalFile
	for _, f := range s.journal.all() {
		if f.id.key != o.Keys.current().id {
			old = append(old, f)
			x.total += 2 * (f.end.Load() - blockSize)
		}
	}
	for _, f := range old {
		if err := x.replace(ctx, f); err != nil {
			return o, err
		}
		x.report.Files++
		x.report.Bytes += f.end.Load()
	}
	return o, x.dropViews(s)
}

// begin adds a new current pair to the ring, unless there are several: then an
// earlier run was cut short and this one ends it. The keys are read again
// because another run may have changed them before this one had the store.
func (x *rekeying) begin(s *Store, seen Keys) (Keys, error) {
	k, err := LoadKeys(x.options.KeysDir)
	if err != nil {
		return k, err
	}
	if !k.ring.equal(seen.ring) {
		return k, lockport.Errorf(lockport.Conflict, "rekey", "the keys have changed meanwhile: run it again")
	}
	x.report.Resumed = len(k.ring.pairs) > 1
	if !x.report.Resumed {
		p, err := newPair()
		if err != nil {
			return k, err
		}
		k = Keys{&keyring{append([]*pair{p}, k.ring.pairs...)}}
		if err := s.vault.replaceKeys(x.options.KeysDir, k); err != nil {
			return k, err
		}
	}
	ids := k.IDs()
	x.report.Key, x.report.Dropped, x.report.Entries = ids[0], ids[1:], s.head.Seq
	return k, nil
}

// dropViews removes what was hashed under another hash key.
func (x *rekeying) dropViews(s *Store) error {
	stale, err := s.inspectViews()
	if err != nil {
		return err
	}
	if err := s.dropStale(stale); err != nil {
		return err
	}
	s.vault.did("remove", s.dir)
	return nil
}

// remake makes the record and the window again where they are missing. The next
// Open would do the same, one small transaction after the other.
func (x *rekeying) remake(ctx context.Context, o Options) error {
	if sizeOf(filepath.Join(o.Dir, recordName)) > 0 {
		return nil
	}
	report, err := Reindex(ctx, o, ReindexOptions{Progress: func(done, total lockport.Seq) {
		x.step("entries applied", uint64(done), uint64(total))
	}})
	x.report.Rows = report.Rows
	return err
}

// finish notes what was done in the journal and drops the old keys, all while
// the store is open to this process alone.
func (x *rekeying) finish(ctx context.Context, o Options) (err error) {
	s, err := Open(o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close(ctx)) }()
	if err := x.note(ctx, s); err != nil {
		return err
	}
	s.vault.did("append", s.dir)
	for _, f := range s.journal.all() {
		if f.id.key != x.report.Key {
			return lockport.Errorf(lockport.Conflict, "rekey", "%s is still under key %s: run it again", filepath.Base(f.path), f.id.key)
		}
	}
	return s.vault.replaceKeys(x.options.KeysDir, Keys{&keyring{[]*pair{o.Keys.current()}}})
}

// note appends that the keys are others, unless that is the last that happened: a
// run that was cut short behind it has said so.
func (x *rekeying) note(ctx context.Context, s *Store) error {
	var dropped []string
	for _, id := range x.report.Dropped {
		dropped = append(dropped, id.String())
	}
	a := audit.Action{Operator: x.options.Operator, Verb: actRekey, Object: x.report.Key.String(), Reason: "in the place of " + strings.Join(dropped, ", ")}
	if end := s.End(); end > 0 {
		e, err := s.Entry(ctx, end)
		if err != nil {
			return err
		}
		if last, ok := e.Body.(*audit.Action); ok && last.Verb == a.Verb && last.Object == a.Object {
			return nil
		}
	}
	_, err := s.Append(ctx, []lockport.Entry{{Kind: lockport.EntryAction, Time: s.now(), Body: &a}})
	if err == nil {
		x.report.Entries = s.End()
	}
	return err
}

// replaceKeys puts other keys in the place of dir/master.key.
func (v *vault) replaceKeys(dir string, k Keys) error {
	path := filepath.Join(dir, keysName)
	fresh := path + ".new"
	f, err := os.OpenFile(fresh, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(k.ring.encode())
	if err == nil {
		v.did("write", fresh)
		if !v.seam.noSync {
			err = f.Sync()
		}
		v.didSync(fresh)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(fresh))
	}
	return v.rename(fresh, path)
}

// rename gives a finished file its name, and makes the name durable.
func (v *vault) rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return errors.Join(err, os.Remove(from))
	}
	v.did("rename", to)
	if err := syncDir(filepath.Dir(to)); err != nil {
		return err
	}
	v.did("sync", filepath.Dir(to))
	return nil
}

// did tells a test that something has happened to the disk.
func (v *vault) did(what, path string) {
	if v.seam.did != nil {
		v.seam.did(what, path)
	}
}

// didSync tells it of a flush, where flushes are made.
func (v *vault) didSync(path string) {
	if !v.seam.noSync {
		v.did("sync", path)
	}
}
