package repository

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
)

// backedUp makes a backup in a new directory.
func backedUp(t *testing.T, s *Store, since string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "backup")
	if _, err := s.Backup(t.Context(), BackupOptions{To: to, Since: since, Rate: -1}); err != nil {
		t.Fatal("backup:", err)
	}
	return to
}

// restored restores backups beside the store of o and opens what comes of it.
func restored(t *testing.T, o Options, from ...string) *Store {
	t.Helper()
	o.Dir = filepath.Join(t.TempDir(), "restored")
	if _, err := Restore(t.Context(), o, from, nil); err != nil {
		t.Fatal("restore:", err)
	}
	return openAgain(t, o)
}

func appended(t *testing.T, s *Store, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if _, err := s.Append(t.Context(), []lockport.Entry{oru(i)}); err != nil {
			t.Fatal(err)
		}
	}
}

// smallFiles are options under which a few hundred messages fill several files.
func smallFiles(t *testing.T) Options {
	o := testOptions(t, busyRules{})
	o.JournalBytes = 64 << 10
	if err := Create(o); err != nil {
		t.Fatal(err)
	}
	return o
}

// senders append until they are stopped, and remember what was acknowledged.
type senders struct {
	mu    sync.Mutex
	acked map[lockport.Seq]string
	stop  atomic.Bool
	wg    sync.WaitGroup
}

func send(t *testing.T, s *Store, from int) *senders {
	a := &senders{acked: map[lockport.Seq]string{}}
	for n := range 4 {
		a.wg.Go(func() {
			for i := from + n; !a.stop.Load(); i += 4 {
				e := oru(i)
				r, err := s.Append(context.Background(), []lockport.Entry{e})
				if err != nil {
					t.Error(err)
					return
				}
				a.mu.Lock()
				a.acked[r[0].Seq] = e.Dedupe.Key
				a.mu.Unlock()
			}
		})
	}
	return a
}

// sofar returns what was acknowledged up to the moment, once it is a number at least.
func (a *senders) sofar(s *Store, atLeast lockport.Seq) map[lockport.Seq]string {
	for s.End() < atLeast {
		<-s.appended.wait()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	known := make(map[lockport.Seq]string, len(a.acked))
	for k, v := range a.acked {
		known[k] = v
	}
	return known
}

// notThere counts acknowledged entries that a store does not have, and verifies
// that it is sound.
func notThere(t *testing.T, s *Store, acked map[lockport.Seq]string) (n int) {
	t.Helper()
	for seq, key := range acked {
		e, err := s.Entry(t.Context(), seq)
		if lockport.KindOf(err) == lockport.NotFound && err != nil {
			n++
			continue
		}
		if err != nil || e.Dedupe.Key != key {
			t.Errorf("entry %d is not the one that was acknowledged: %v", seq, err)
		}
	}
	r, err := s.Verify(t.Context(), nil)
	if err != nil || r.Bad != nil {
		t.Errorf("the restored journal does not verify: %+v, %v", r, err)
	}
	return n
}

// A full backup and three increments, each made while senders go on and files
// fill up, restore to a journal that holds all that was acknowledged before the
// last one began. The control leaves that one out, and must miss something.
func TestBackupUnderLoad(t *testing.T) {
	o := smallFiles(t)
	s := openAgain(t, o)
	load := send(t, s, 0)
	var chain []string
	var acked map[lockport.Seq]string
	since := ""
	for n := range 4 {
		acked = load.sofar(s, lockport.Seq(150*(n+1)))
		since = backedUp(t, s, since)
		chain = append(chain, since)
	}
	load.stop.Store(true)
	load.wg.Wait()
	if got := notThere(t, restored(t, o, chain...), acked); got != 0 {
		t.Errorf("%d of %d acknowledged entries are not in the backup", got, len(acked))
	}
	if got := notThere(t, restored(t, o, chain[:3]...), acked); got == 0 {
		t.Error("the control without the last increment misses nothing")
	}
	if _, err := VerifyBackup(t.Context(), chain, nil); err != nil {
		t.Error(err)
	}
}

// A restored store is the store that was: the same entries, the same record, and
// it goes on taking messages.
func TestRestoredStoreGoesOn(t *testing.T) {
	o := smallFiles(t)
	s := openAgain(t, o)
	appended(t, s, 0, 200)
	back := restored(t, o, backedUp(t, s, ""))
	seq, hash := s.Head()
	if seq2, hash2 := back.Head(); seq != seq2 || hash != hash2 {
		t.Errorf("restored up to entry %d, want %d", seq2, seq)
	}
	if err := s.WaitApplied(t.Context(), seq); err != nil {
		t.Fatal(err)
	}
	rows, err := back.VerifyRecord(t.Context())
	want, err2 := s.VerifyRecord(t.Context())
	if rows != want || err != nil || err2 != nil {
		t.Errorf("%d rows, want %d: %v %v", rows, want, err, err2)
	}
	again, err := back.Append(t.Context(), []lockport.Entry{oru(3)})
	if err != nil || !again[0].Duplicate {
		t.Errorf("a message sent again is %+v, %v", again, err)
	}
	appended(t, back, 200, 210)

	// It went its own way: neither store goes on from a backup of the other.
	appended(t, s, 300, 310)
	theirs := backedUp(t, s, "")
	_, err = back.Backup(t.Context(), BackupOptions{To: filepath.Join(t.TempDir(), "b"), Since: theirs})
	wantKind(t, err, lockport.Refused)
}

// What is not a whole chain of sound backups is refused, and leaves no store.
func TestBackupsRefused(t *testing.T) {
	o := smallFiles(t)
	s := openAgain(t, o)
	appended(t, s, 0, 100)
	full := backedUp(t, s, "")
	appended(t, s, 100, 110)
	first := backedUp(t, s, full)
	appended(t, s, 110, 220)
	second := backedUp(t, s, first)
	other := openAgain(t, smallFiles(t))
	appended(t, other, 0, 20)
	alien := backedUp(t, other, "")
	appended(t, other, 20, 30)
	alienNext := backedUp(t, other, alien)

	for _, c := range []struct {
		name string
		from []string
		kind lockport.Kind
	}{
		{"an increment alone", []string{first}, lockport.Invalid},
		{"wrong order", []string{full, second, first}, lockport.Invalid},
		{"one left out", []string{full, second}, lockport.Invalid},
		{"twice the full one", []string{full, full}, lockport.Invalid},
		{"another store's increment", []string{full, alienNext}, lockport.Refused},
		{"another store's keys", []string{alien}, lockport.Refused},
		{"no backup", []string{t.TempDir()}, lockport.NotFound},
		{"nothing", nil, lockport.Invalid},
	} {
		to := o
		to.Dir = filepath.Join(t.TempDir(), "restored")
		_, err := Restore(t.Context(), to, c.from, nil)
		if err == nil {
			t.Errorf("%s was restored", c.name)
			continue
		}
		wantKind(t, err, c.kind)
		if _, err := Open(to); lockport.KindOf(err) != lockport.NotFound {
			t.Errorf("%s left something that opens: %v", c.name, err)
		}
		if _, err := Restore(t.Context(), to, []string{full, first, second}, nil); err != nil {
			t.Errorf("after %s nothing can be restored: %v", c.name, err)
		}
	}
	_, err := Restore(t.Context(), o, []string{full}, nil)
	wantKind(t, err, lockport.Conflict)
	_, err = s.Backup(t.Context(), BackupOptions{To: filepath.Join(t.TempDir(), "b"), Since: alien})
	wantKind(t, err, lockport.Refused)
	_, err = s.Backup(t.Context(), BackupOptions{To: full})
	wantKind(t, err, lockport.Conflict)
	if _, err := VerifyBackup(t.Context(), []string{first}, nil); err != nil {
		t.Error("an increment alone does not verify:", err)
	}
}

// Every byte of a backup counts: whichever is flipped, cut off or gone, nothing
// is restored. The control restores what is untouched.
func TestBackupDamage(t *testing.T) {
	o := smallFiles(t)
	s := openAgain(t, o)
	appended(t, s, 0, 60)
	full := backedUp(t, s, "")
	appended(t, s, 60, 70)
	chain := []string{full, backedUp(t, s, full)}
	try := func() error {
		to := o
		to.Dir = filepath.Join(t.TempDir(), "restored")
		_, err := Restore(t.Context(), to, chain, nil)
		_, verified := VerifyBackup(t.Context(), chain, nil)
		if (err == nil) != (verified == nil) {
			t.Errorf("restore says %v and verify says %v", err, verified)
		}
		return err
	}
	for _, dir := range chain {
		paths, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			sound, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			write := func(b []byte) {
				if err := os.WriteFile(path, b, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			for at := 0; at < len(sound); at += max(1, len(sound)/12) {
				bad := append([]byte(nil), sound...)
				bad[at] ^= 0x10
				write(bad)
				if try() == nil {
					t.Errorf("byte %d of %s was flipped and restored", at, filepath.Base(path))
				}
			}
			write(sound[:len(sound)-2]) // the last byte of a manifest is an end of line
			if try() == nil {
				t.Errorf("%s was cut and restored", filepath.Base(path))
			}
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if try() == nil {
				t.Errorf("%s was missing and something restored", filepath.Base(path))
			}
			write(sound)
		}
	}
	if err := try(); err != nil {
		t.Error("control:", err)
	}
}

// The control of the head and end that a backup takes: a copy of the live files
// as cp would make it holds what no flush has promised, and is told apart.
func TestCopyWithoutProtocol(t *testing.T) {
	o := smallFiles(t)
	s := openAgain(t, o)
	appended(t, s, 0, 30)
	full := backedUp(t, s, "")
	m, err := readManifest(full)
	if err != nil {
		t.Fatal(err)
	}
	name := m.Files[len(m.Files)-1].Name
	live, err := os.ReadFile(filepath.Join(o.Dir, name))
	if err != nil {
		t.Fatal(err)
	}
	pass := &passage{path: name, head: audit.Head{}}
	if len(m.Files) == 1 {
		if _, err := pass.Write(live); err == nil && pass.done() == nil {
			t.Error("a copy of the live file with what lies behind its end passes")
		}
	} else {
		t.Fatal("the journal has more than one file")
	}
}

// A target without room leaves no manifest and an empty directory, and the store
// goes on. The one write that fails is the last, the manifest's, too.
func TestBackupTargetFull(t *testing.T) {
	o := smallFiles(t)
	s := openAgain(t, o)
	appended(t, s, 0, 100)
	for n := range 12 {
		var count atomic.Int64
		s.journal.vault.seam.target = func() error {
			if count.Add(1) > int64(n) {
				return &os.PathError{Op: "write", Path: "target", Err: syscall.ENOSPC}
			}
			return nil
		}
		to := filepath.Join(t.TempDir(), "b")
		_, err := s.Backup(t.Context(), BackupOptions{To: to, Rate: -1})
		s.journal.vault.seam.target = nil
		if err == nil {
			if n < 3 {
				t.Errorf("write %d failed and the backup did not", n)
			}
			break
		}
		wantKind(t, err, lockport.Full)
		if left, err := os.ReadDir(to); err != nil || len(left) > 0 {
			t.Errorf("%d files are left: %v", len(left), err)
		}
	}
	appended(t, s, 100, 101)
	backedUp(t, s, "")
}

// Whoever is interrupted leaves nothing that counts.
func TestBackupInterrupted(t *testing.T) {
	o := smallFiles(t)
	s := openAgain(t, o)
	appended(t, s, 0, 100)
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("gone")
	to := filepath.Join(t.TempDir(), "b")
	_, err := s.Backup(ctx, BackupOptions{To: to, Progress: func(done, total int64) {
		if done > total/2 {
			cancel(gone)
		}
	}})
	if !errors.Is(err, gone) {
		t.Error("the backup went on:", err)
	}
	_, err = readManifest(to)
	wantKind(t, err, lockport.NotFound)

	full := backedUp(t, s, "")
	o.Dir = filepath.Join(t.TempDir(), "restored")
	_, err = Restore(ctx, o, []string{full}, nil)
	if !errors.Is(err, gone) {
		t.Error("the restore went on:", err)
	}
	_, err = Open(o)
	wantKind(t, err, lockport.NotFound)
	if _, err := Restore(t.Context(), o, []string{full}, nil); err != nil {
		t.Error("a restore that was cut short cannot be run again:", err)
	}
	openAgain(t, o)
}

// Without a server the same backup is made from the files.
func TestBackupClosed(t *testing.T) {
	o := smallFiles(t)
	s := openAgain(t, o)
	appended(t, s, 0, 100)
	full := backedUp(t, s, "")
	appended(t, s, 100, 120)
	_, err := BackupClosed(t.Context(), o, BackupOptions{To: filepath.Join(t.TempDir(), "b")})
	wantKind(t, err, lockport.Conflict)
	head, _ := s.Head()
	closeNow(t, s)
	to := filepath.Join(t.TempDir(), "b")
	m, err := BackupClosed(t.Context(), o, BackupOptions{To: to, Since: full, Rate: -1, Configuration: []byte("a: b\n")})
	if err != nil || m.Through.Sequence != head {
		t.Fatalf("%+v, %v", m, err)
	}
	r, err := VerifyBackup(t.Context(), []string{full, to}, nil)
	if err != nil || r.Entries != head || string(r.Configuration) != "a: b\n" {
		t.Errorf("%+v, %v", r, err)
	}
}
