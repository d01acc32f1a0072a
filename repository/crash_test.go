package repository

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/lockport-hie/lockport"
)

// The crash tests run this test binary again as a server that is killed.
const (
	crashDir    = "LOCKPORT_TEST_CRASH_DIR"
	crashFrom   = "LOCKPORT_TEST_CRASH_FROM"
	crashEarly  = "LOCKPORT_TEST_CRASH_EARLY"   // the control: acknowledge before the commit
	crashNoSync = "LOCKPORT_TEST_CRASH_NO_SYNC" // the control: commits do not reach the disk

	crashOpen      = "LOCKPORT_TEST_CRASH_OPEN"      // only open it
	crashUnchecked = "LOCKPORT_TEST_CRASH_UNCHECKED" // the control: without a look at the pages
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		if err := crashServer(dir, os.Getenv(crashFrom), os.Getenv(crashEarly) != ""); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(3)
		}
	}
	os.Exit(m.Run())
}

// crashServer stores messages from many senders and prints the number of each
// one that it acknowledges, until it is killed.
func crashServer(dir, from string, early bool) error {
	o, err := crashOptions(dir)
	if err != nil {
		return err
	}
	o.seam.noSync = os.Getenv(crashNoSync) != ""
	o.seam.unchecked = os.Getenv(crashUnchecked) != ""
	s, err := Open(o)
	if err != nil {
		return err
	}
	if os.Getenv(crashOpen) != "" {
		return lookAgain(s)
	}
	var first int
	if _, err := fmt.Sscan(from, &first); err != nil {
		return err
	}
	acknowledge := func(i int) { fmt.Printf("%d\n", i) }
	var wg sync.WaitGroup
	for sender := range 16 {
		wg.Go(func() {
			for k := 0; ; k++ {
				i := first + k*16 + sender
				if early {
					acknowledge(i)
				}
				if _, err := s.Append(context.Background(), []lockport.Entry{oru(i)}); err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(3)
				}
				if !early {
					acknowledge(i)
				}
			}
		})
	}
	wg.Wait()
	return nil
}

func crashOptions(dir string) (Options, error) {
	keys, err := LoadKeys(filepath.Join(dir, "keys"))
	return Options{Dir: filepath.Join(dir, "data"), Keys: keys, Now: time.Now, Projector: busyRules{}, JournalBytes: 1 << 20}, err
}

// killed runs the server, kills it after some acknowledgements and returns them.
func killed(t *testing.T, dir string, first, after int, early bool) []int {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashDir+"="+dir, fmt.Sprintf("%s=%d", crashFrom, first))
	if early {
		cmd.Env = append(cmd.Env, crashEarly+"=1")
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var acked []int
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var i int
		if _, err := fmt.Sscan(lines.Text(), &i); err != nil {
			t.Fatal(err)
		}
		acked = append(acked, i)
		if len(acked) == after {
			_ = cmd.Process.Kill()
		}
	}
	_ = cmd.Wait()
	if stderr.Len() > 0 || len(acked) < after {
		t.Fatalf("the server ended by itself after %d acknowledgements: %s", len(acked), stderr.String())
	}
	return acked
}

// missing opens the store after a kill and returns how many acknowledged
// messages it does not hold, and fails the test for anything stored twice.
func missing(t *testing.T, dir string, acked []int) int {
	t.Helper()
	o, err := crashOptions(dir)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(o)
	if err != nil {
		t.Fatal("open after a kill:", err)
	}
	defer closeNow(t, s)
	have := make(map[string]lockport.Seq)
	for e, err := range s.Entries(t.Context(), 0, false) {
		if err != nil {
			t.Fatal(err)
		}
		id := e.Body.(*lockport.Message).ControlID
		if have[id] != 0 {
			t.Fatalf("%s is stored twice", id)
		}
		have[id] = e.Seq
	}
	report, err := s.Verify(t.Context(), nil)
	if err != nil || report.Bad != nil || report.Entries != s.End() {
		t.Fatalf("verify after a kill: %+v, %v", report, err)
	}
	lost := 0
	for _, i := range acked {
		e := oru(i)
		id := e.Body.(*lockport.Message).ControlID
		if have[id] == 0 {
			lost++
			continue
		}
		if i%7 > 0 {
			continue // a sample is sent again
		}
		r, err := s.Append(t.Context(), []lockport.Entry{e})
		if err != nil || !r[0].Duplicate || r[0].Seq != have[id] {
			t.Fatalf("%s sent again after a kill: %+v, %v", id, r, err)
		}
	}
	return lost
}

func newCrashStore(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := GenerateKeys(filepath.Join(dir, "keys")); err != nil {
		t.Fatal(err)
	}
	o, err := crashOptions(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := Create(o); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestTortureKill(t *testing.T) {
	cycles := 12
	switch {
	case testing.Short():
		cycles = 3
	case os.Getenv("LOCKPORT_TORTURE") != "":
		cycles = 2000
	}
	dir := newCrashStore(t)
	var acked []int
	for cycle := range cycles {
		acked = append(acked, killed(t, dir, (cycle+1)*1_000_000, 1+rand.IntN(900), false)...)
		if lost := missing(t, dir, acked); lost > 0 {
			t.Fatalf("cycle %d: %d of %d acknowledged messages are lost", cycle, lost, len(acked))
		}
	}
	t.Logf("%d kills, %d acknowledged, none lost", cycles, len(acked))
}

// The control: a server that acknowledges before the commit must be caught.
func TestTortureKillControl(t *testing.T) {
	dir := newCrashStore(t)
	for cycle := range 20 {
		acked := killed(t, dir, (cycle+1)*1_000_000, 1+rand.IntN(100), true)
		if missing(t, dir, acked) > 0 {
			return
		}
	}
	t.Fatal("20 kills did not show that messages were acknowledged before they were stored")
}
