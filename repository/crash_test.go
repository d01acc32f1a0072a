package repository

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/internal/torture"
)

// The crash tests run this test binary again as a process that is hurt. What it
// has to do stands in this variable.
const childOrder = "LOCKPORT_TEST_CHILD"

// order is what a child process does: it opens a store, has senders fill it, and
// notes each acknowledgement before the next message is sent.
type order struct {
	Keys, Data string // directories
	Make       bool   // make the store when there is none
	Notes      string // the file for acknowledgements; "" is the standard output
	From       string // the tally where the senders go on
	Senders    int    // 0 is 16
	Limit      int    // batches of each sender before the store is closed; 0 goes on for ever
	Journal    int64  // bytes of a journal file; 0 is 1 MiB
	Point      point  // where something happens
	Hit        int    // at the how many-th time
	Action     action // what
	Patient    bool   // send again what is refused because the disk is full
	Look       bool   // only open the store and look into it

	// The controls. Each breaks a promise.
	Early     bool // acknowledge before the message is stored
	Nameless  bool // messages cannot be recognised when they come again
	Deaf      bool // take an error for an acknowledgement
	NoSync    bool // the disk is not told to keep what was written
	Unchecked bool // bbolt files are opened without a look at their pages
}

// The exits of a child.
const (
	exitDone      = 0 // it has closed the store
	exitBroken    = 3 // what must not happen, with a line on the standard error
	exitStopped   = 4 // the store has stopped, and said so
	exitAtPoint   = 5 // it ended at the point, as it was told
	exitUnreached = 6 // it has closed the store and not come to the point
)

func TestMain(m *testing.M) {
	if text := os.Getenv(childOrder); text != "" {
		var o order
		code, err := exitBroken, json.Unmarshal([]byte(text), &o)
		if err == nil {
			code, err = o.run()
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(code)
	}
	os.Exit(m.Run())
}

func (o order) options() (Options, error) {
	keys, err := LoadKeys(o.Keys)
	n := Options{Dir: o.Data, Keys: keys, Now: time.Now, Projector: busyRules{}, JournalBytes: o.Journal}
	if n.JournalBytes == 0 {
		n.JournalBytes = 1 << 20
	}
	n.seam.noSync, n.seam.unchecked = o.NoSync, o.Unchecked
	return n, err
}

// run is the child's whole life.
func (o order) run() (exit int, err error) {
	n, err := o.options()
	if err != nil {
		return exitBroken, err
	}
	trap := &trap{order: o}
	n.seam.at = trap.reach
	if o.Make {
		if err := Create(n); err != nil && lockport.KindOf(err) != lockport.Conflict {
			return exitStopped, err
		}
	}
	s, err := Open(n)
	if err != nil {
		return exitStopped, err
	}
	if o.Look {
		return exitBroken, lookAgain(s)
	}
	if err := o.load(s); err != nil {
		// Whatever has stopped the store, closing it must not make it worse.
		_ = s.Close(context.Background())
		if s.Err() == nil {
			return exitBroken, err
		}
		return exitStopped, err
	}
	if err := errors.Join(s.Close(context.Background()), s.Err()); err != nil {
		return exitStopped, err
	}
	if o.Point != "" && !trap.sprung.Load() {
		return exitUnreached, nil
	}
	return exitDone, nil
}

// load has the senders fill the store until they have sent what they should, or
// the store has stopped.
func (o order) load(s *Store) error {
	from, err := torture.Parse(o.From)
	if err != nil {
		return err
	}
	notes := os.Stdout
	if o.Notes != "" {
		if notes, err = os.OpenFile(o.Notes, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600); err != nil {
			return err
		}
		defer func() { _ = notes.Close() }()
	}
	l := &torture.Load{
		Senders: o.Senders, From: from, Limit: o.Limit, Early: o.Early, Entry: o.message,
		Append: func(batch []lockport.Entry) error {
			_, err := s.Append(context.Background(), batch)
			if o.Deaf {
				return nil
			}
			return err
		},
		Note: func(sender, n int) error {
			_, err := notes.WriteString(torture.Noted(sender, n))
			return err
		},
	}
	if l.Senders == 0 {
		l.Senders = 16
	}
	l.Refused = func(_ int, err error) bool {
		pause(time.Millisecond)
		return o.Patient && lockport.KindOf(err) == lockport.Full
	}
	return l.Run(context.Background())
}

// message makes the n-th message of a sender. Some are longer than a page.
func (o order) message(sender, n int) lockport.Entry {
	e := oru(sender*100_000 + n)
	m := e.Body.(*lockport.Message)
	m.ControlID = torture.Name(sender, n)
	if n%11 == 3 {
		m.Raw = append(m.Raw, noise(n, 1000*(1+n%13))...)
	}
	e.Dedupe.Key = m.ControlID
	if o.Nameless {
		e.Dedupe = nil
	}
	return e
}

// action is what happens at a point.
type action string

const (
	meetError action = "error"
	wait      action = "wait"
	exit      action = "exit"
)

// trap makes something happen when the store comes to a point.
type trap struct {
	order
	hits   atomic.Int64
	sprung atomic.Bool
}

var errTrap = errors.New("the test asked for an error")

func (t *trap) reach(p point) error {
	if p != t.Point || t.hits.Add(1) != int64(t.Hit) {
		return nil
	}
	t.sprung.Store(true)
	switch t.Action {
	case exit:
		os.Exit(exitAtPoint)
	case wait:
		<-time.After(20 * time.Millisecond)
	case meetError:
		return errTrap
	}
	return nil
}

// target is a store that child processes work on, and what they were told.
type target struct {
	order
	told *torture.Tally
}

// scratch is a directory in memory where the machine has one: a kill takes
// nothing from the page cache, so a disk would only make the test wait.
func scratch(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "lockport-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// remove takes a store away before its test ends: a long run has thousands.
func (v *target) remove(t *testing.T) {
	t.Helper()
	if err := os.RemoveAll(v.Data); err != nil {
		t.Fatal(err)
	}
}

// newTarget makes an empty store.
func newTarget(t *testing.T) *target {
	t.Helper()
	return newTargetIn(t, scratch(t))
}

// newTargetIn makes an empty store below a directory.
func newTargetIn(t *testing.T, dir string) *target {
	t.Helper()
	v := below(dir)
	if err := GenerateKeys(v.Keys); err != nil {
		t.Fatal(err)
	}
	if err := Create(v.mustOptions(t)); err != nil {
		t.Fatal(err)
	}
	return v
}

// mustOptions are what a test opens the store with itself: nothing of the orders.
func (v *target) mustOptions(t *testing.T) Options {
	t.Helper()
	o, err := order{Keys: v.Keys, Data: v.Data, Journal: v.Journal}.options()
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// command is a child with an order.
func command(t *testing.T, o order) *exec.Cmd {
	t.Helper()
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childOrder+"="+string(text))
	return cmd
}

// run lets a child work until it ends by itself or is killed, and returns how it
// has ended: -1 when it was killed. It is killed after so many acknowledgements,
// when kill is not 0, or after a time, when that is not 0.
func (v *target) run(t *testing.T, o order, kill int, after time.Duration) (exit int, stderr string) {
	t.Helper()
	o.From = v.told.String()
	cmd := command(t, o)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if after > 0 {
		timer := time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
		defer timer.Stop()
	}
	acknowledged := 0
	err = v.told.Read(out, func() {
		if acknowledged++; acknowledged == kill {
			_ = cmd.Process.Kill()
		}
	})
	_ = cmd.Wait() // the exit code tells
	if err != nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), said.String()
}

// killed runs a child and kills it after some acknowledgements.
func (v *target) killed(t *testing.T, after int) {
	t.Helper()
	if exit, stderr := v.run(t, v.order, after, 0); exit != -1 || stderr != "" {
		t.Fatalf("the child ended by itself: %d, %s", exit, stderr)
	}
}

// examine opens the store after it was hurt, and returns which promises it has
// broken. The error is anything else that is not whole: chain, seals, rows, or
// the answer to a message that is sent again.
func (v *target) examine(ctx context.Context) (f torture.Findings, err error) {
	o, err := order{Keys: v.Keys, Data: v.Data, Journal: v.Journal}.options()
	if err != nil {
		return f, err
	}
	s, err := Open(o)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, s.Close(context.WithoutCancel(ctx))) }()
	if f, err = v.told.Judge(s.Entries(ctx, 0, false)); err != nil {
		return f, err
	}
	report, err := s.Verify(ctx, nil)
	if err != nil || report.Bad != nil || report.Entries != s.End() {
		return f, fmt.Errorf("%d of %d entries verify: %v, %w", report.Entries, s.End(), report.Bad, err)
	}
	if _, err := s.VerifyRecord(ctx); err != nil || s.Applied() != s.End() {
		return f, fmt.Errorf("%d of %d entries are applied: %w", s.Applied(), s.End(), err)
	}
	if v.Nameless || f.Lost > 0 {
		return f, nil
	}
	return f, v.repeat(ctx, s)
}

// judge is examine for a store that must be whole.
func (v *target) judge(t *testing.T) torture.Findings {
	t.Helper()
	f, err := v.examine(t.Context())
	if err != nil {
		t.Fatal("after it was hurt:", err)
	}
	return f
}

// repeat sends the last acknowledged message of each sender again: it gets the
// same answer, and nothing is stored.
func (v *target) repeat(ctx context.Context, s *Store) error {
	end := s.End()
	for sender := range 16 {
		n := v.told.Acknowledged(sender)
		if n == 0 {
			continue
		}
		r, err := s.Append(ctx, []lockport.Entry{v.message(sender, n-1)})
		if err != nil || !r[0].Duplicate || r[0].Prior.Body.(*lockport.Message).ControlID != torture.Name(sender, n-1) {
			return fmt.Errorf("a message sent again: %+v, %w", r, err)
		}
	}
	if s.End() != end {
		return errors.New("a message that was sent again was stored again")
	}
	return nil
}

// sameRecord compares the record with the one that the journal makes.
func (v *target) sameRecord(t *testing.T) {
	t.Helper()
	if report := reindexed(t, v.mustOptions(t), ReindexOptions{Check: true}); !report.Equal() {
		t.Fatalf("the record is not the one that the journal makes: %+v", report)
	}
}

// long reports whether the long runs are wanted.
func long() bool { return os.Getenv("LOCKPORT_TORTURE") != "" }

// seeded makes the numbers of a test from a seed that it tells.
func seeded(t *testing.T) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("LOCKPORT_SEED"); text != "" {
		if _, err := fmt.Sscan(text, &seed); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("LOCKPORT_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

// TestTortureKill kills a child at random points under load: some while it
// opens, most while it writes, some while it closes. Each store is killed often,
// so that what a kill leaves meets the next one.
func TestTortureKill(t *testing.T) {
	kills := 200
	switch {
	case testing.Short():
		kills = 20
	case long():
		kills = 2000
	}
	const perStore = 20
	r := seeded(t)
	acknowledged, stores := 0, 0
	for kill := 0; kill < kills; kill += perStore {
		v := newTarget(t)
		for range perStore {
			o := v.order
			o.Limit = 40 * (r.IntN(4)) // some come to their end
			if o.Limit == 0 || r.IntN(2) == 0 {
				o.Limit = 0
			}
			if exit, stderr := v.run(t, o, 0, time.Duration(5+r.IntN(50))*time.Millisecond); exit != -1 && exit != exitDone || stderr != "" {
				t.Fatalf("the child ended with %d: %s", exit, stderr)
			}
			// The next child finds what this one left, as it is.
			if r.IntN(4) > 0 {
				continue
			}
			if f := v.judge(t); f.Any() {
				t.Fatalf("after a kill: %s", f)
			}
		}
		if f := v.judge(t); f.Any() {
			t.Fatalf("after %d kills: %s", perStore, f)
		}
		v.sameRecord(t)
		v.remove(t)
		acknowledged += v.told.Total()
		stores++
	}
	t.Logf("%d kills of %d stores, %d messages acknowledged, none lost, none twice", kills, stores, acknowledged)
}

// The controls: each broken promise must be found by the same kills.
func TestTortureKillControl(t *testing.T) {
	for name, c := range map[string]struct {
		order order
		found func(torture.Findings) bool
	}{
		"acknowledged before it is stored": {order{Early: true}, func(f torture.Findings) bool { return f.Lost > 0 }},
		"not recognised when sent again":   {order{Nameless: true}, func(f torture.Findings) bool { return f.Twice > 0 }},
	} {
		t.Run(name, func(t *testing.T) {
			v := newTarget(t)
			v.Early, v.Nameless = c.order.Early, c.order.Nameless
			var all []string
			for kill := range 40 {
				v.killed(t, 1+kill*7%100)
				f := v.judge(t)
				if c.found(f) {
					return
				}
				all = append(all, f.String())
			}
			t.Fatal("40 kills did not show it:", slices.Compact(all))
		})
	}
}
