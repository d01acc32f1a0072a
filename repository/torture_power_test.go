package repository

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/internal/faultfs"
)

// victim is a server on a disk that can lose power, and what it acknowledged.
type victim struct {
	cmd    *exec.Cmd
	ended  chan struct{}
	stderr bytes.Buffer

	mu    sync.Mutex
	acked []int
	more  chan struct{} // one may be in it when acked has grown
}

// startVictim starts the server of crash_test.go on a directory.
func startVictim(t *testing.T, dir string, first int, env ...string) *victim {
	t.Helper()
	v := &victim{cmd: exec.Command(os.Args[0]), ended: make(chan struct{}), more: make(chan struct{}, 1)}
	v.cmd.Env = append(append(os.Environ(), crashDir+"="+dir, fmt.Sprintf("%s=%d", crashFrom, first)), env...)
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
			var i int
			if _, err := fmt.Sscan(lines.Text(), &i); err != nil {
				return
			}
			v.mu.Lock()
			v.acked = append(v.acked, i)
			v.mu.Unlock()
			select {
			case v.more <- struct{}{}:
			default:
			}
		}
	}()
	return v
}

// await waits until the server has acknowledged n messages, or has ended.
func (v *victim) await(n int) bool {
	for {
		v.mu.Lock()
		have := len(v.acked)
		v.mu.Unlock()
		if have >= n {
			return true
		}
		select {
		case <-v.more:
		case <-v.ended:
			v.mu.Lock()
			defer v.mu.Unlock()
			return len(v.acked) >= n
		}
	}
}

func (v *victim) taken() []int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return append([]int(nil), v.acked...)
}

func (v *victim) signal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := v.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// kill ends the server and returns what it said when it ended by itself.
func (v *victim) kill() string {
	_ = v.cmd.Process.Kill()
	<-v.ended
	_ = v.cmd.Wait()
	return v.stderr.String()
}

// mountDisk mounts a disk, or skips the test where that is not possible.
func mountDisk(t *testing.T) (*faultfs.Disk, string) {
	t.Helper()
	d, dir := faultfs.New(), t.TempDir()
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

// storeOn makes a store for a victim below a directory.
func storeOn(t *testing.T, dir string) {
	t.Helper()
	if err := GenerateKeys(filepath.Join(dir, "keys")); err != nil {
		t.Fatal(err)
	}
	o, err := crashOptions(dir)
	if err == nil {
		err = Create(o)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// powerCuts runs a server and cuts the power again and again: of each cut the
// disk that is left is opened, and returned is how many of them lost messages
// that had been acknowledged, or did not open.
func powerCuts(t *testing.T, cuts int, seed uint64, lie bool, env ...string) (bad, acked int) {
	t.Helper()
	const perServer = 25
	r := rand.New(rand.NewPCG(seed, 2))
	for done := 0; done < cuts; {
		disk, dir := mountDisk(t)
		storeOn(t, dir)
		if lie {
			disk.Lie()
		}
		v := startVictim(t, dir, 1_000_000, env...)
		want := 0
		for range min(perServer, cuts-done) {
			done++
			want += 1 + r.IntN(300)
			if !v.await(want) {
				t.Fatal("the server ended by itself: " + v.kill())
			}
			// A moment between two groups is as good as one within a flush.
			pause(time.Duration(r.IntN(2000)) * time.Microsecond)
			image := t.TempDir()
			var taken []int
			if err := disk.Cut(image, r, func() { taken = v.taken() }); err != nil {
				t.Fatal(err)
			}
			// It stands still while the image is looked at.
			v.signal(t, syscall.SIGSTOP)
			acked += len(taken)
			if lost, err := lostAfterCut(image, taken); err != nil || lost > 0 {
				bad++
				if !lie && len(env) == 0 {
					t.Errorf("cut %d of seed %d: %d of %d acknowledged messages are lost (%v)", done, seed, lost, len(taken), err)
				}
			}
			if err := os.RemoveAll(image); err != nil {
				t.Fatal(err)
			}
			v.signal(t, syscall.SIGCONT)
			want = len(v.taken())
		}
		v.kill()
	}
	return bad, acked
}

// pause waits without a promise: it only moves the moment of a cut.
func pause(d time.Duration) {
	timer := time.NewTimer(d)
	<-timer.C
}

// lostAfterCut opens what a cut left and counts what is missing.
func lostAfterCut(dir string, acked []int) (lost int, err error) {
	o, err := crashOptions(dir)
	if err != nil {
		return 0, err
	}
	s, err := Open(o)
	if err != nil {
		return 0, err
	}
	lost, err = lostOf(s, acked)
	return lost, errors.Join(err, s.Close(context.Background()))
}

// lostOf reads a store through and counts what is missing. Whatever is stored
// twice, out of its chain or not recognised when it is sent again is an error.
func lostOf(s *Store, acked []int) (lost int, err error) {
	have := make(map[string]lockport.Seq)
	for e, err := range s.Entries(context.Background(), 0, false) {
		if err != nil {
			return 0, err
		}
		m, ok := e.Body.(*lockport.Message)
		if !ok {
			continue
		}
		id := m.ControlID
		if have[id] != 0 {
			return 0, fmt.Errorf("entries %d and %d are the same message", have[id], e.Seq)
		}
		have[id] = e.Seq
	}
	report, err := s.Verify(context.Background(), nil)
	if err != nil || report.Bad != nil || report.Entries != s.End() {
		return 0, fmt.Errorf("%d of %d entries verify: %v, %w", report.Entries, s.End(), report.Bad, err)
	}
	if _, err := s.VerifyRecord(context.Background()); err != nil {
		return 0, err
	}
	for n, i := range acked {
		e := oru(i)
		seq := have[e.Body.(*lockport.Message).ControlID]
		if seq == 0 {
			lost++
			continue
		}
		if n%50 > 0 {
			continue // a sample is sent again
		}
		r, err := s.Append(context.Background(), []lockport.Entry{e})
		if err != nil || !r[0].Duplicate || r[0].Seq != seq {
			return lost, fmt.Errorf("entry %d sent again: %v, %w", seq, r, err)
		}
	}
	return lost, nil
}

// TestTorturePower: whatever part of the writes that were not flushed a power cut
// leaves, in whatever mixture of sectors, everything acknowledged is there, once.
func TestTorturePower(t *testing.T) {
	cuts := 100
	switch {
	case testing.Short():
		cuts = 10
	case os.Getenv("LOCKPORT_TORTURE") != "":
		cuts = 5000
	}
	seed := uint64(time.Now().UnixNano())
	bad, acked := powerCuts(t, cuts, seed, false)
	t.Logf("seed %d: %d cuts, %d acknowledged in all, %d cuts lost something", seed, cuts, acked, bad)
}

// The controls: a store that does not flush, and a disk that does not.
func TestTorturePowerControl(t *testing.T) {
	for name, c := range map[string]struct {
		lie bool
		env []string
	}{
		"a store without sync": {false, []string{crashNoSync + "=1"}},
		"a disk that lies":     {true, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if bad, _ := powerCuts(t, 10, 7, c.lie, c.env...); bad < 5 {
				t.Errorf("%d of 10 cuts lost something: the harness does not see losses", bad)
			}
		})
	}
}

// faulty runs a server whose n-th call to the disk fails, counted from its start
// or from its first acknowledgement, and returns what it acknowledged before it
// ended, or was ended after enough.
func faulty(t *testing.T, disk *faultfs.Disk, dir string, f faultfs.Fault, serving bool) (acked []int, said string) {
	t.Helper()
	if !serving {
		disk.Fail(f)
	}
	v := startVictim(t, dir, 1_000_000)
	if v.await(1); serving {
		disk.Fail(f)
	}
	v.await(2000)
	said = v.kill()
	disk.Fail(faultfs.Fault{})
	return v.taken(), said
}

// TestTortureFailedCalls: whichever write or sync fails, the server stops
// acknowledging, and what it had acknowledged is there.
func TestTortureFailedCalls(t *testing.T) {
	step := 1
	if testing.Short() {
		step = 10
	}
	disk, root := mountDisk(t)
	calls, ended, acknowledged := 0, 0, 0
	for n := step; n <= 400; n += step {
		if n%2 == 1 && n%19 != 0 {
			continue // a start makes many calls of few kinds
		}
		calls++
		dir := filepath.Join(root, fmt.Sprint(n))
		if err := errors.Join(os.Mkdir(dir, 0o700), syncDir(root)); err != nil {
			t.Fatal(err)
		}
		storeOn(t, dir)
		acked, said := faulty(t, disk, dir, faultfs.Fault{Call: (n + 1) / 2, Errno: syscall.EIO}, n%2 == 0)
		if said != "" {
			ended++
		}
		acknowledged += len(acked)
		image := t.TempDir()
		if err := disk.Cut(image, rand.New(rand.NewPCG(uint64(n), 3)), func() {}); err != nil {
			t.Fatal(err)
		}
		if lost, err := lostAfterCut(filepath.Join(image, fmt.Sprint(n)), acked); err != nil || lost > 0 {
			t.Errorf("call %d failed: %d of %d acknowledged messages are lost (%v)", n, lost, len(acked), err)
		}
		if err := errors.Join(os.RemoveAll(image), os.RemoveAll(dir)); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d calls failed, %d times the server ended by itself, %d acknowledged", calls, ended, acknowledged)
	if ended < calls*3/4 {
		t.Errorf("only %d of %d failed calls ended the server", ended, calls)
	}
}
