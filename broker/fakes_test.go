package broker

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/directory"
	"github.com/lockport-hie/lockport/hl7"
)

// journal keeps entries in memory, with the duplicate window, and fails when told to.
type journal struct {
	mu      sync.Mutex
	entries []lockport.Entry
	window  map[string]lockport.Seq
	fail    error
	changed func(directory.Change) // told of every directory change
}

func (j *journal) Append(_ context.Context, entries []lockport.Entry) ([]lockport.Receipt, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.fail != nil {
		return nil, j.fail
	}
	if j.window == nil {
		j.window = map[string]lockport.Seq{}
	}
	var receipts []lockport.Receipt
	for _, e := range entries {
		if e.Dedupe != nil {
			key := e.Dedupe.Key + string(e.Dedupe.Digest[:])
			if seq, ok := j.window[key]; ok {
				receipts = append(receipts, lockport.Receipt{Seq: seq, Duplicate: true, Prior: &j.entries[seq-1]})
				continue
			}
			j.window[key] = lockport.Seq(len(j.entries) + 1)
		}
		e.Seq = lockport.Seq(len(j.entries) + 1)
		j.entries = append(j.entries, e)
		receipts = append(receipts, lockport.Receipt{Seq: e.Seq})
		if c, ok := e.Body.(*directory.Change); ok {
			j.changed(*c)
		}
	}
	return receipts, nil
}

func (j *journal) all() []lockport.Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]lockport.Entry(nil), j.entries...)
}

// world is a broker with one hospital (source) and one practice (provider).
type world struct {
	t         *testing.T
	journal   *journal
	directory *directory.Directory
	broker    *Broker
	queries   int
}

func (w *world) Answer(_ context.Context, _ directory.Application, _ lockport.Peer, m *hl7.Message) lockport.Reply {
	w.queries++
	return lockport.Reply{Frame: []byte("answered")}
}

var plain = lockport.Peer{Address: "127.0.0.1:5000", Insecure: true}

func newWorld(t *testing.T, unknown UnknownSources) *world {
	w := &world{t: t, journal: &journal{}}
	var changes []directory.Change
	for _, c := range []directory.Change{
		{Participant: &directory.Participant{ID: "north", Name: "North", Type: directory.Hospital, County: "36067", Joined: "2020-01-01"}},
		{Participant: &directory.Participant{ID: "family", Name: "Family", Type: directory.Practice, County: "36067", Joined: "2020-01-01"}},
		{Authority: &directory.Authority{ID: "NORTH", Namespace: "NORTH", Owner: "north"}},
		{Application: &directory.Application{ID: "north-adt", Participant: "north", Name: "ADT", Facility: "NORTH", Roles: []directory.Role{directory.Source}, Authorities: []lockport.AuthorityID{"NORTH"}}},
		{Application: &directory.Application{ID: "north-lab", Participant: "north", Name: "LAB", Facility: "NORTH", Roles: []directory.Role{directory.Source}, Fingerprint: fingerprint}},
		{Application: &directory.Application{ID: "family-ehr", Participant: "family", Name: "EHR", Facility: "FAMILY", Roles: []directory.Role{directory.Provider}}},
	} {
		c.Op = directory.Put
		changes = append(changes, c)
	}
	var err error
	if w.directory, err = directory.Load(changes); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	w.journal.changed = func(c directory.Change) {
		mu.Lock()
		defer mu.Unlock()
		d, err := w.directory.Apply(c)
		if err != nil {
			t.Error("a directory change was journalled that cannot be applied")
			return
		}
		w.directory = d
	}
	var n atomic.Int64
	w.broker = New(Config{
		Journal: w.journal, Queries: w, UnknownSources: unknown, Name: "LOCKPORT", Facility: "HIE",
		Directory: func(context.Context) (*directory.Directory, error) {
			mu.Lock()
			defer mu.Unlock()
			return w.directory, nil
		},
		Now:       func() time.Time { return time.Date(2025, 3, 1, 15, 0, 0, 0, time.UTC) },
		ControlID: func() string { return fmt.Sprintf("LP%d", n.Add(1)) },
	})
	return w
}

const fingerprint = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

func (w *world) send(p lockport.Peer, frame string) (lockport.Reply, *hl7.Message) {
	w.t.Helper()
	reply := w.broker.Receive(context.Background(), p, []byte(frame))
	if reply.Frame == nil {
		return reply, nil
	}
	m, err := hl7.Parse(reply.Frame)
	if err != nil {
		w.t.Fatalf("the answer cannot be read: %v", err)
	}
	return reply, m
}
