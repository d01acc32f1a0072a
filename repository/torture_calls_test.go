package repository

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/lockport-hie/lockport/internal/faultfs"
	"github.com/lockport-hie/lockport/internal/torture"
)

// afterFault has a child store on a disk whose n-th call fails, counted from its
// start or from its first acknowledgement, and looks at what a power cut leaves
// afterwards. ended says that the child ended by itself, and before it had
// stored much.
func afterFault(t *testing.T, disk *faultfs.Disk, root string, n int, serving bool, o order) (f torture.Findings, told *torture.Tally, ended bool, err error) {
	t.Helper()
	name := fmt.Sprint(n)
	dir := filepath.Join(root, name)
	if err := errors.Join(os.Mkdir(dir, 0o700), syncDir(root)); err != nil {
		t.Fatal(err)
	}
	made := newTargetIn(t, dir)
	o.Keys, o.Data = made.Keys, made.Data
	fault := faultfs.Fault{Call: n, Errno: syscall.EIO}
	if !serving {
		disk.Fail(fault)
	}
	v := startVictim(t, o)
	if v.await(1); serving {
		disk.Fail(fault)
	}
	v.await(2000)
	ended = v.kill() != ""
	disk.Fail(faultfs.Fault{})
	image := scratch(t)
	if err := disk.Cut(image, rand.New(rand.NewPCG(uint64(n), 3)), func() {}); err != nil {
		t.Fatal(err)
	}
	left := below(filepath.Join(image, name))
	left.told = v.taken()
	f, err = left.examine(t.Context())
	if err := errors.Join(os.RemoveAll(image), os.RemoveAll(dir)); err != nil {
		t.Fatal(err)
	}
	return f, left.told, ended, err
}

// TestTortureFailedCalls: whichever write or sync fails, the store stops
// acknowledging, and what it had acknowledged is there.
func TestTortureFailedCalls(t *testing.T) {
	step := 1
	if testing.Short() {
		step = 10
	}
	disk, root := mountDisk(t)
	calls, ends, acknowledged := 0, 0, 0
	for _, serving := range []bool{false, true} {
		for n := step; n <= 200; n += step {
			if !serving && n%10 != 0 {
				continue // a start makes many calls of few kinds
			}
			calls++
			f, told, ended, err := afterFault(t, disk, root, n, serving, order{})
			if ended {
				ends++
			}
			acknowledged += told.Total()
			if err != nil || f.Any() {
				t.Errorf("call %d failed, serving %v: of %d acknowledged messages %s (%v)", n, serving, told.Total(), f, err)
			}
		}
	}
	t.Logf("%d calls failed, %d times the child ended by itself, %d acknowledged", calls, ends, acknowledged)
	if ends < calls*3/4 {
		t.Errorf("only %d of %d failed calls ended the child", ends, calls)
	}
}

// The control: senders that take an error for an acknowledgement are found to
// have lost something.
func TestTortureFailedCallsControl(t *testing.T) {
	disk, root := mountDisk(t)
	for n := 10; n <= 100; n += 10 {
		if f, _, _, err := afterFault(t, disk, root, n, true, order{Deaf: true}); err == nil && f.Lost > 0 {
			return
		}
	}
	t.Error("nothing was found lost after ten failed calls that nobody was told about")
}
