package repository

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
	"github.com/lockport-hie/lockport/consent"
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
			storeOn(t, dir)
			o, err := crashOptions(dir)
			if err != nil {
				t.Fatal(err)
			}
			s, err := Open(o)
			if err != nil {
				t.Fatal(err)
			}
			var acked []int
			number := 1_000_000
			send := func() error {
				_, err := s.Append(t.Context(), []lockport.Entry{oru(number)})
				if err == nil {
					acked = append(acked, number)
				}
				number++
				return err
			}
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
			afterFull(t, s, o, acked)
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

// afterFull looks whether everything is there, now and after a restart.
func afterFull(t *testing.T, s *Store, o Options, acked []int) {
	t.Helper()
	end := s.End()
	if err := s.WaitApplied(t.Context(), end); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		lost, err := lostOf(s, acked)
		if lost > 0 || err != nil || s.End() != end {
			t.Errorf("%d of %d acknowledged messages are lost, %d entries of %d (%v)", lost, len(acked), s.End(), end, err)
		}
		closeNow(t, s)
		if s, err = Open(o); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d acknowledged, none lost", len(acked))
}
