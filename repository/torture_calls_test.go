package repository

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/lockport-hie/lockport/internal/faultfs"
	"github.com/lockport-hie/lockport/internal/torture"
)

// afterFault has a child store on a disk whose n-th call fails, counted from its
// start or from its first acknowledgement, and looks at what a power cut leaves
// afterwards. ended says that the child ended by itself, and before it had
// stored much.
func afterFault(t *testing.T, disk *faultfs.Disk, root string, f faultfs.Fault, serving bool, o order) (found torture.Findings, told *torture.Tally, ended bool, err error) {
	t.Helper()
	v, left := startOn(t, disk, root, f, serving, o)
	v.await(2000)
	ended = v.kill() != ""
	disk.Fail(faultfs.Fault{})
	found, err = left(v)
	return found, v.taken(), ended, err
}

// startOn starts a child on a new store on a disk that is going to fail. What it
// returns cuts the power and looks at what is left.
func startOn(t *testing.T, disk *faultfs.Disk, root string, f faultfs.Fault, serving bool, o order) (*victim, func(*victim) (torture.Findings, error)) {
	t.Helper()
	name := fmt.Sprint(f.Call)
	dir := filepath.Join(root, name)
	if err := errors.Join(os.Mkdir(dir, 0o700), syncDir(root)); err != nil {
		t.Fatal(err)
	}
	made := newTargetIn(t, dir)
	o.Keys, o.Data = made.Keys, made.Data
	if !serving {
		disk.Fail(f)
	}
	v := startVictim(t, o)
	if v.await(1); serving {
		disk.Fail(f)
	}
	return v, func(v *victim) (torture.Findings, error) {
		image := scratch(t)
		if err := disk.Cut(image, rand.New(rand.NewPCG(uint64(f.Call), 3)), func() {}); err != nil {
			t.Fatal(err)
		}
		left := below(filepath.Join(image, name))
		left.told = v.taken()
		found, err := left.examine(t.Context())
		if err := errors.Join(os.RemoveAll(image), os.RemoveAll(dir)); err != nil {
			t.Fatal(err)
		}
		return found, err
	}
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
			f, told, ended, err := afterFault(t, disk, root, faultfs.Fault{Call: n, Errno: syscall.EIO}, serving, order{})
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
		if f, _, _, err := afterFault(t, disk, root, faultfs.Fault{Call: n, Errno: syscall.EIO}, true, order{Deaf: true}); err == nil && f.Lost > 0 {
			return
		}
	}
	t.Error("nothing was found lost after ten failed calls that nobody was told about")
}

// TestTortureNoRoom: whichever call finds the disk full first, senders are
// refused and nothing ends; with room again they go on, and nothing is lost.
func TestTortureNoRoom(t *testing.T) {
	calls := 20
	switch {
	case testing.Short():
		calls = 4
	case long():
		calls = 200
	}
	disk, root := mountDisk(t)
	full, acknowledged := 0, 0
	for n := 1; n <= calls; n++ {
		v, left := startOn(t, disk, root, faultfs.Fault{Call: n, Errno: syscall.ENOSPC, Keep: true, Room: true}, true, order{Journal: 128 << 10, Patient: true})
		for disk.Failed() == 0 && v.taken().Total() < 5000 {
			pause(time.Millisecond)
		}
		pause(20 * time.Millisecond) // the disk stays full for a moment
		if disk.Failed() > 0 {
			full++
		}
		disk.Fail(faultfs.Fault{})
		went := v.await(v.taken().Total() + 100)
		if said := v.kill(); said != "" || !went {
			t.Errorf("call %d found no room: the child ended: %s", n, said)
		}
		if f, err := left(v); err != nil || f.Any() {
			t.Errorf("call %d found no room: of %d acknowledged messages %s (%v)", n, v.taken().Total(), f, err)
		}
		acknowledged += v.taken().Total()
	}
	t.Logf("%d times the disk was full, %d messages acknowledged", full, acknowledged)
	if full < calls*3/4 {
		t.Errorf("only %d of %d times the disk was full", full, calls)
	}
}
