package repository

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lockport-hie/lockport/internal/faultfs"
	"github.com/lockport-hie/lockport/internal/torture"
)

// victim is a child on a disk that can lose power, and what it was told.
type victim struct {
	cmd    *exec.Cmd
	ended  chan struct{}
	stderr bytes.Buffer

	mu   sync.Mutex
	told *torture.Tally
	more chan struct{} // one may be in it when told has grown
}

// startVictim starts a child.
func startVictim(t *testing.T, o order) *victim {
	t.Helper()
	told, err := torture.Parse(o.From)
	if err != nil {
		t.Fatal(err)
	}
	told.Behind = true
	v := &victim{cmd: command(t, o), ended: make(chan struct{}), more: make(chan struct{}, 1), told: told}
	v.cmd.Stderr = &v.stderr
	out, err := v.cmd.StdoutPipe()
	if err == nil {
		err = v.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(v.ended)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			v.mu.Lock()
			err := v.told.Note(lines.Text())
			v.mu.Unlock()
			if err != nil {
				return
			}
			select {
			case v.more <- struct{}{}:
			default:
			}
		}
	}()
	return v
}

// await waits until n messages are acknowledged, or the child has ended.
func (v *victim) await(n int) bool {
	for {
		if v.taken().Total() >= n {
			return true
		}
		select {
		case <-v.more:
		case <-v.ended:
			return v.taken().Total() >= n
		}
	}
}

func (v *victim) taken() *torture.Tally {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.told.Clone()
}

func (v *victim) signal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := v.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// kill ends the child and returns what it said when it ended by itself.
func (v *victim) kill() string {
	_ = v.cmd.Process.Kill()
	<-v.ended
	_ = v.cmd.Wait()
	return v.stderr.String()
}

// mountDisk mounts a disk until the test ends, or skips the test where that is
// not possible.
func mountDisk(t *testing.T) (*faultfs.Disk, string) {
	t.Helper()
	return mountImage(t, t.TempDir())
}

// mountImage is mountDisk for a disk with what is below a directory.
func mountImage(t *testing.T, image string) (*faultfs.Disk, string) {
	t.Helper()
	d, dir := faultfs.New(), t.TempDir()
	if err := d.Load(image); err != nil {
		t.Fatal(err)
	}
	unmount, err := d.Mount(dir)
	if err != nil {
		t.Skipf("SKIPPED: no file system that can lose power: it wants root and /dev/fuse (%v)", err)
	}
	t.Cleanup(func() {
		if err := unmount(); err != nil {
			t.Error(err)
		}
	})
	return d, dir
}

// below is a store below a directory, to which nothing has happened.
func below(dir string) *target {
	return &target{order: order{Keys: filepath.Join(dir, "keys"), Data: filepath.Join(dir, "data")}, told: new(torture.Tally)}
}

// powerCuts has a child store on a disk and cuts the power again and again: of
// each cut the disk that is left is opened, and returned is how many of them
// broke a promise or did not open.
func powerCuts(t *testing.T, cuts int, r *rand.Rand, lie bool, o order) (bad, acked int) {
	t.Helper()
	mountDisk(t) // or skip here, once
	const perChild = 25
	for done := 0; done < cuts; done += perChild {
		// A disk of its own for each: what is unmounted takes no memory.
		t.Run(fmt.Sprint(done), func(t *testing.T) {
			b, a := cutAndLook(t, min(perChild, cuts-done), r, lie, o)
			bad, acked = bad+b, acked+a
		})
	}
	return bad, acked
}

// cutAndLook is powerCuts for one child.
func cutAndLook(t *testing.T, cuts int, r *rand.Rand, lie bool, o order) (bad, acked int) {
	t.Helper()
	disk, dir := mountDisk(t)
	mounted := newTargetIn(t, dir)
	if lie {
		disk.Lie()
	}
	o.Keys, o.Data = mounted.Keys, mounted.Data
	v := startVictim(t, o)
	defer v.kill()
	for cut := range cuts {
		if !v.await(v.taken().Total() + 1 + r.IntN(300)) {
			t.Fatal("the child ended by itself: " + v.kill())
		}
		// A moment between two groups is as good as one within a flush.
		pause(time.Duration(r.IntN(2000)) * time.Microsecond)
		image := scratch(t)
		left := below(image)
		if err := disk.Cut(image, r, func() { left.told = v.taken() }); err != nil {
			t.Fatal(err)
		}
		// It stands still while the image is looked at.
		v.signal(t, syscall.SIGSTOP)
		acked += left.told.Total()
		if f, err := left.examine(t.Context()); err != nil || f.Any() {
			bad++
			if !lie && !o.NoSync {
				t.Errorf("cut %d: of %d acknowledged messages %s (%v)", cut, left.told.Total(), f, err)
			}
		} else if cut%10 == 0 {
			left.sameRecord(t)
		}
		if err := os.RemoveAll(image); err != nil {
			t.Fatal(err)
		}
		v.signal(t, syscall.SIGCONT)
	}
	return bad, acked
}

// pause waits without a promise: it only moves the moment of a cut.
func pause(d time.Duration) {
	timer := time.NewTimer(d)
	<-timer.C
}

// TestTorturePower: whatever part of the writes that were not flushed a power cut
// leaves, in whatever mixture of sectors, everything acknowledged is there, once.
func TestTorturePower(t *testing.T) {
	cuts := 100
	switch {
	case testing.Short():
		cuts = 10
	case long():
		cuts = 5000
	}
	bad, acked := powerCuts(t, cuts, seeded(t), false, order{})
	t.Logf("%d cuts, %d acknowledged in all, %d cuts broke a promise", cuts, acked, bad)
}

// The controls: a store that does not flush, and a disk that does not.
func TestTorturePowerControl(t *testing.T) {
	for name, c := range map[string]struct {
		lie bool
		order
	}{
		"a store without sync": {false, order{NoSync: true}},
		"a disk that lies":     {true, order{}},
	} {
		t.Run(name, func(t *testing.T) {
			if bad, _ := powerCuts(t, 10, rand.New(rand.NewPCG(7, 2)), c.lie, c.order); bad < 5 {
				t.Errorf("%d of 10 cuts lost something: the harness does not see losses", bad)
			}
		})
	}
}

// TestTorturePowerAgain cuts the power again and again on what the last cut has
// left, half of the time while the store opens: what a recovery has done and not
// flushed is lost, too.
func TestTorturePowerAgain(t *testing.T) {
	cuts := 30
	switch {
	case testing.Short():
		cuts = 4
	case long():
		cuts = 2000
	}
	r := seeded(t)
	const perStore = 30
	acknowledged := 0
	for cut := 0; cut < cuts; cut += perStore {
		left := newTargetIn(t, t.TempDir())
		image := filepath.Dir(left.Data)
		for k := range min(perStore, cuts-cut) {
			next := scratch(t)
			t.Run(fmt.Sprint(cut+k), func(t *testing.T) { left = cutAgain(t, r, image, next, left.told) })
			if t.Failed() {
				return
			}
			if err := os.RemoveAll(image); err != nil {
				t.Fatal(err)
			}
			image = next
		}
		acknowledged += left.told.Total()
	}
	t.Logf("%d cuts, %d messages acknowledged", cuts, acknowledged)
}

// cutAgain has a child go on with an image and cuts the power. It leaves the next
// image as the cut has left it, looks at a copy, and returns what was told.
func cutAgain(t *testing.T, r *rand.Rand, image, next string, told *torture.Tally) *target {
	t.Helper()
	disk, dir := mountImage(t, image)
	mounted := below(dir)
	mounted.From = told.String()
	v := startVictim(t, mounted.order)
	defer v.kill()
	if r.IntN(2) == 0 {
		pause(time.Duration(r.IntN(60)) * time.Millisecond)
	} else if !v.await(told.Total() + 1 + r.IntN(300)) {
		t.Fatal("the child ended by itself: " + v.kill())
	}
	looked := scratch(t)
	left := below(looked)
	if err := disk.Cut(next, r, func() { left.told = v.taken() }); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cp", "-a", next+"/.", looked).CombinedOutput(); err != nil {
		t.Fatal(err, string(out))
	}
	if f, err := left.examine(t.Context()); err != nil || f.Any() {
		t.Errorf("of %d acknowledged messages %s (%v)", left.told.Total(), f, err)
	}
	return left
}
