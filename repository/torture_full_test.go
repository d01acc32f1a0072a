package repository

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
	"github.com/lockport-hie/lockport/consent"
	"github.com/lockport-hie/lockport/internal/torture"
)

// mounted mounts a file system of 96 MB, or skips where that is not possible.
func mounted(t *testing.T, kind string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "disk")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	run := func(name string, args ...string) {
		if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
			t.Skipf("SKIPPED: no %s of our own: it wants root and %s (%v: %s)", kind, name, err, out)
		}
	}
	if kind == "tmpfs" {
		run("mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", dir)
	} else {
		image := dir + ".img"
		if err := errors.Join(os.WriteFile(image, nil, 0o600), os.Truncate(image, 96<<20)); err != nil {
			t.Fatal(err)
		}
		run("mkfs."+kind, "-q", "-F", image)
		run("mount", "-o", "loop", image, dir)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	return dir
}

// fillUp takes what a file system has left, but for some bytes.
func fillUp(t *testing.T, dir string, leave int) (free func()) {
	t.Helper()
	path := filepath.Join(dir, "filler")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, 1<<20)
	for err == nil {
		_, err = f.Write(block)
	}
	info, err := f.Stat()
	if err == nil {
		err = errors.Join(f.Truncate(max(0, info.Size()-int64(leave))), f.Sync())
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTortureFullDisk fills a real file system under a store: messages are
// refused as full and lose nothing, denials and audit entries go on, and with
// room again everything does, without a restart and after one.
func TestTortureFullDisk(t *testing.T) {
	for _, kind := range []string{"tmpfs", "ext4"} {
		t.Run(kind, func(t *testing.T) {
			dir := mounted(t, kind)
			v := newTargetIn(t, dir)
			s := mustOpen(t, v.mustOptions(t))
			send := func() error {
				n := v.told.Acknowledged(0)
				_, err := s.Append(t.Context(), []lockport.Entry{v.message(0, n)})
				if err == nil {
					err = v.told.Note(torture.Noted(0, n+1))
				}
				return err
			}
			var err error
			for range 200 {
				if err := send(); err != nil {
					t.Fatal(err)
				}
			}
			free := fillUp(t, dir, 4<<20)
			for err = nil; err == nil; {
				err = send()
			}
			wantKind(t, err, lockport.Full)
			protect(t, s)
			// A file system may have found some room meanwhile.
			if err := send(); err != nil {
				wantKind(t, err, lockport.Full)
			}
			free()
			for tries := 0; send() != nil; tries++ {
				if tries > 200 {
					t.Fatal("with room again messages are still refused: ", s.Err())
				}
				pause(50 * time.Millisecond)
			}
			afterFull(t, s, v)
		})
	}
}

// protect stores what a full disk must still take.
func protect(t *testing.T, s *Store) {
	t.Helper()
	for i := range 500 {
		both := []lockport.Entry{{Kind: lockport.EntryDirective, Body: &consent.Directive{}}, {Kind: lockport.EntryDisclosure, Body: &audit.Disclosure{}}}
		if _, err := s.Append(t.Context(), both); err != nil {
			t.Fatalf("the %d-th denial on a full disk: %v", i, err)
		}
	}
}

// afterFull looks whether everything is there after a restart, and once more.
func afterFull(t *testing.T, s *Store, v *target) {
	t.Helper()
	end := s.End()
	if err := s.WaitApplied(t.Context(), end); err != nil {
		t.Fatal(err)
	}
	closeNow(t, s)
	for range 2 {
		if f := v.judge(t); f.Any() {
			t.Error(f)
		}
	}
	v.sameRecord(t)
	s = mustOpen(t, v.mustOptions(t))
	if s.End() != end {
		t.Errorf("%d entries of %d", s.End(), end)
	}
	closeNow(t, s)
	t.Logf("%d messages acknowledged", v.told.Total())
}
