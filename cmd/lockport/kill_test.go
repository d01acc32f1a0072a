package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/hl7"
	"github.com/lockport-hie/lockport/mllp"
	"github.com/lockport-hie/lockport/projection"
	"github.com/lockport-hie/lockport/repository"
)

// senders is how many connections send while the server is killed.
const senders = 16

// TestTortureKill kills the server at random points under load, again and again,
// with every sender repeating what was not acknowledged, as interface engines do.
// In the end everything that was acknowledged is stored, once, and the chain
// verifies. kill -9 leaves the page cache alone, so this says nothing about a
// power cut.
func TestTortureKill(t *testing.T) {
	kills := 50
	if testing.Short() {
		kills = 5
	}
	if os.Getenv("LOCKPORT_TORTURE") != "" {
		kills = 1000
	}
	v, load := newVictim(t, "lockport")
	seed := uint64(time.Now().UnixNano())
	points := rand.New(rand.NewPCG(seed, 1))
	t.Logf("seed %d", seed)
	for range kills {
		v.round(load, uint64(points.IntN(600)))
	}
	acked := 0
	for i := range load {
		acked += len(load[i].acked)
	}
	t.Logf("%d kills, %d messages acknowledged", kills, acked)
	if lost, twice := v.check(load); lost != 0 || twice != 0 {
		t.Errorf("%d acknowledged messages are lost, %d are stored twice", lost, twice)
	}
}

// TestTortureKillControl does the same to a server that acknowledges first and
// stores afterwards. If nothing of that is missed, the test above shows nothing.
func TestTortureKillControl(t *testing.T) {
	v, load := newVictim(t, ackFirst)
	lost := 0
	for range 20 {
		v.round(load, 200)
		if lost, _ = v.check(load); lost > 0 {
			break
		}
	}
	if lost == 0 {
		t.Error("a server that acknowledges before it stores lost nothing: the harness does not see losses")
	}
}

// ackFirst is the name of the control's program, which TestMain knows.
const ackFirst = "acknowledge-first"

// serveAckFirst is a server that answers AA before the message is on disk.
func serveAckFirst() {
	dir := os.Args[len(os.Args)-1] // serve --dir DIR
	env := &environment{Dir: dir, Now: time.Now, Getenv: os.Getenv}
	c, err := env.loadConfiguration()
	if err != nil {
		panic(err)
	}
	store, err := env.openStore()
	if err != nil {
		panic(err)
	}
	l, err := net.Listen("tcp", c.Listen[0].Address)
	if err != nil {
		panic(err)
	}
	server := &mllp.Server{Handler: mllp.HandlerFunc(func(_ context.Context, _ *mllp.Peer, frame []byte) mllp.Reply {
		m, err := hl7.Parse(frame)
		if err != nil {
			return mllp.Reply{Close: true}
		}
		body := &lockport.Message{Raw: frame, ControlID: m.Header().Text(10), Type: "ORU^R01"}
		go store.Append(context.Background(), []lockport.Entry{{Kind: lockport.EntryMessage, Time: time.Now(), Body: body}})
		return mllp.Reply{Frame: m.Acknowledge(hl7.Ack{Code: hl7.AA, ControlID: "C", Time: time.Now()})}
	})}
	server.Serve(l)
}

// freeAddress is an address that nobody listens at.
func freeAddress(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// newVictim makes a data directory for a program that is going to be killed.
func newVictim(t *testing.T, name string) (*victim, *[senders]tally) {
	t.Helper()
	own, err := exec.LookPath("lockport")
	if err != nil {
		t.Fatal(err)
	}
	program, err := exec.LookPath(name)
	if err != nil {
		t.Fatal(err)
	}
	v := &victim{t: t, program: program, dir: filepath.Join(t.TempDir(), "hie"), address: freeAddress(t)}
	init := exec.Command(own, "init", v.dir, "--insecure-loopback", "--unknown-sources", "accept", "--listen", v.address, "--web", "127.0.0.1:0", "--quiet")
	if out, err := init.CombinedOutput(); err != nil {
		t.Fatalf("init: %v: %s", err, out)
	}
	var load [senders]tally
	for i := range load {
		load[i] = tally{sender: i, acked: map[string]bool{}}
	}
	return v, &load
}

// victim is a server process that is killed.
type victim struct {
	t            *testing.T
	program      string
	dir, address string
	acknowledged atomic.Uint64
}

// round starts the server, loads it, and kills it after so many more
// acknowledgements.
func (v *victim) round(load *[senders]tally, after uint64) {
	v.t.Helper()
	server := exec.Command(v.program, "serve", "--dir", v.dir)
	var log bytes.Buffer
	server.Stderr = &log
	if err := server.Start(); err != nil {
		v.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(v.t.Context(), time.Minute)
	defer cancel()
	target := v.acknowledged.Load() + after
	reached := make(chan struct{})
	var once sync.Once
	var all sync.WaitGroup
	for i := range load {
		all.Go(func() {
			load[i].send(ctx, v, func() {
				if v.acknowledged.Add(1) >= target {
					once.Do(func() { close(reached) })
				}
			})
		})
	}
	select {
	case <-reached:
	case <-ctx.Done():
		v.t.Errorf("the server took too few messages: %s", log.String())
	}
	if err := server.Process.Kill(); err != nil {
		v.t.Fatal(err)
	}
	server.Wait() // it was killed, and says so
	cancel()
	all.Wait()
}

// tally is what one sender knows: what was acknowledged, and the message that it
// is to repeat because it was not.
type tally struct {
	sender int
	next   int
	acked  map[string]bool
}

// send sends until the context ends, the unacknowledged message first.
func (l *tally) send(ctx context.Context, v *victim, acknowledged func()) {
	client := &mllp.Client{Address: v.address, ReplyTimeout: 10 * time.Second}
	defer client.Close()
	for ctx.Err() == nil {
		id := fmt.Sprintf("K%d-%d", l.sender, l.next)
		reply, err := client.Exchange(ctx, sodium(id, "P"+strconv.Itoa(l.next%50)+"-"+strconv.Itoa(l.sender), "140"))
		if err != nil {
			select { // the server is starting, or was killed
			case <-ctx.Done():
			case <-time.After(5 * time.Millisecond):
			}
			continue
		}
		m, err := hl7.Parse(reply)
		if err != nil || m.First("MSA").Text(1) != "AA" || m.First("MSA").Text(2) != id {
			v.t.Errorf("sender %d got no proper acknowledgement", l.sender)
			return
		}
		l.acked[id] = true
		l.next++
		acknowledged()
	}
}

// check opens the store after the last crash and counts what is lost and what is
// stored twice.
func (v *victim) check(load *[senders]tally) (lost, twice int) {
	v.t.Helper()
	keys, err := repository.LoadKeys(filepath.Join(v.dir, keysDir))
	if err != nil {
		v.t.Fatal(err)
	}
	store, err := repository.Open(repository.Options{Dir: filepath.Join(v.dir, dataDir), Keys: keys, Now: time.Now, Projector: projection.New()})
	if err != nil {
		v.t.Fatal(err)
	}
	stored := map[string]int{}
	for e, err := range store.Entries(v.t.Context(), 1, false) {
		if err != nil {
			v.t.Fatal(err)
		}
		if m, ok := e.Body.(*lockport.Message); ok && e.Kind == lockport.EntryMessage {
			stored[m.ControlID]++
		}
	}
	for i := range load {
		for id := range load[i].acked {
			if stored[id] == 0 {
				lost++
			}
		}
	}
	for _, n := range stored {
		if n > 1 {
			twice++
		}
	}
	report, err := store.Verify(v.t.Context(), nil)
	if err != nil || report.Bad != nil {
		v.t.Errorf("the journal does not verify: %v %+v", err, report.Bad)
	}
	if err := store.WaitApplied(v.t.Context(), store.End()); err != nil {
		v.t.Error(err)
	}
	if p := store.Stats().Poisoned; p != 0 {
		v.t.Errorf("the projection of %d messages failed", p)
	}
	if err := store.Close(v.t.Context()); err != nil {
		v.t.Error(err)
	}
	return lost, twice
}

// TestListAfterAKill reads the output as an operator would: what was acknowledged
// before a kill is listed after the restart.
func TestListAfterAKill(t *testing.T) {
	v, load := newVictim(t, "lockport")
	v.round(load, 100)
	server := exec.Command(v.program, "serve", "--dir", v.dir)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer server.Wait()
	defer server.Process.Signal(os.Interrupt)
	client := &mllp.Client{Address: v.address}
	defer client.Close()
	for client.Connect(t.Context()) != nil {
		select {
		case <-t.Context().Done():
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
	var listed []struct {
		ControlID string `json:"control_id"`
		State     string `json:"state"`
	}
	for { // the socket opens after the listener
		out, err := exec.Command(v.program, "message", "list", "--dir", v.dir, "--output", "json", "--limit", "10000").Output()
		if err == nil {
			if err := json.Unmarshal(out, &listed); err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	seen := map[string]bool{}
	for _, m := range listed {
		seen[m.ControlID] = m.State == "stored"
	}
	for i := range load {
		for id := range load[i].acked {
			if !seen[id] {
				t.Errorf("an acknowledged message is not listed as stored")
			}
		}
	}
}
