package main

import (
	"bytes"
	"context"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/directory"
	"github.com/lockport-hie/lockport/hl7"
	"github.com/lockport-hie/lockport/mllp"
)

// buffer is a writer that several goroutines may use.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// server is a whole server in the test's own process, reached over its real
// listener and socket.
type server struct {
	*system
	t    testing.TB
	log  *buffer
	stop func()
}

// testEnvironment is a machine of the test's own.
func testEnvironment(t testing.TB) (*environment, *buffer) {
	log := &buffer{}
	return &environment{
		In: &bytes.Buffer{}, Out: &buffer{}, Err: log, Now: time.Now, Getenv: func(string) string { return "" },
		Dir: filepath.Join(t.TempDir(), "hie"), Output: outputTable, Quiet: true,
	}, log
}

// startServer makes a data directory and serves it until the test ends.
func startServer(t testing.TB, unknown string, changes ...directory.Change) *server {
	t.Helper()
	env, log := testEnvironment(t)
	if err := env.initialise(initOptions{listen: "127.0.0.1:0", web: "127.0.0.1:0", insecure: true, unknown: unknown}); err != nil {
		t.Fatal(err)
	}
	c, err := env.loadConfiguration()
	if err != nil {
		t.Fatal(err)
	}
	store, err := env.openStore()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s, err := newSystem(ctx, env, c, store)
	if err != nil {
		t.Fatal(err)
	}
	running := &server{system: s, t: t, log: log}
	running.add(changes...)
	done := make(chan error, 1)
	go func() { done <- s.run(ctx) }()
	select {
	case err := <-done:
		t.Fatalf("the server did not start: %v", err)
	case <-s.ready:
	}
	running.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the server ended with %v", err)
		}
		if err := store.Close(context.Background()); err != nil {
			t.Errorf("the store did not close: %v", err)
		}
	})
	t.Cleanup(running.stop)
	return running
}

// add journals directory changes and waits until they count.
func (s *server) add(changes ...directory.Change) {
	s.t.Helper()
	if len(changes) == 0 {
		return
	}
	entries := make([]lockport.Entry, len(changes))
	for i := range changes {
		changes[i].Op = directory.Put
		entries[i] = lockport.Entry{Kind: lockport.EntryDirectory, Time: s.now(), Body: &changes[i]}
	}
	if _, err := s.store.Append(context.Background(), entries); err != nil {
		s.t.Fatal(err)
	}
	s.settle()
}

// settle waits until everything journalled has been applied.
func (s *server) settle() {
	s.t.Helper()
	if err := s.store.WaitApplied(context.Background(), s.store.End()); err != nil {
		s.t.Fatal(err)
	}
}

// dial returns a client of the first listener.
func (s *server) dial() *mllp.Client {
	c := &mllp.Client{Address: s.listeners[0].socket.Addr().String(), MaxFrame: maxFrameSent}
	s.t.Cleanup(func() { c.Close() })
	return c
}

// exchange sends a frame and parses the answer.
func exchange(t testing.TB, c *mllp.Client, frame []byte) *hl7.Message {
	t.Helper()
	reply, err := c.Exchange(context.Background(), frame)
	if err != nil {
		t.Fatal(err)
	}
	m, err := hl7.Parse(reply)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// region is a hospital, a practice that asks and receives, and their authorities.
func region() []directory.Change {
	return []directory.Change{
		{Participant: &directory.Participant{ID: "upstate", Name: "Upstate Hospital", Type: directory.Hospital, County: "36067", Joined: "2020-01-01", EmergencyCapable: true}},
		{Participant: &directory.Participant{ID: "famcare", Name: "Family Care", Type: directory.Practice, County: "36067", Joined: "2020-01-01"}},
		{Authority: &directory.Authority{ID: "UPSTATE", Namespace: "UPSTATE", OID: "2.999.1.1", Owner: "upstate"}},
		{Provider: &directory.ProviderEntry{NPI: "1234567893", Name: "Hippocrates", Participants: []lockport.ParticipantID{"famcare"}, Role: directory.Practitioner}},
		{Application: &directory.Application{ID: "upstate-adt", Participant: "upstate", Name: "ADT1", Facility: "UPSTATE", Roles: []directory.Role{directory.Source}, Authorities: []lockport.AuthorityID{"UPSTATE"}}},
		{Application: &directory.Application{ID: "famcare-ehr", Participant: "famcare", Name: "EHR", Facility: "FAMCARE", Roles: []directory.Role{directory.Provider}}},
	}
}

// fixedTime stands in MSH-7 of what tests send.
var fixedTime = time.Date(2025, 3, 3, 13, 0, 0, 0, time.UTC)
