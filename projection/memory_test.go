package projection

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/directory"
)

// memory is a record in memory: a lockport.Tx over sorted keys, its rows encoded
// so that nothing is shared with what was put.
type memory struct {
	tables map[lockport.Table]map[string][]byte
}

func newMemory() *memory { return &memory{tables: map[lockport.Table]map[string][]byte{}} }

func (m *memory) Get(t lockport.Table, key []byte, into any) (bool, error) {
	raw, ok := m.tables[t][string(key)]
	if !ok {
		return false, nil
	}
	return true, decoder.Unmarshal(raw, into)
}

func (m *memory) Scan(t lockport.Table, prefix, from []byte, fn func([]byte, func(any) error) (bool, error)) error {
	for _, key := range m.keys(t) {
		if !bytes.HasPrefix([]byte(key), prefix) || (from != nil && key < string(from)) {
			continue
		}
		raw := m.tables[t][key]
		more, err := fn([]byte(key), func(into any) error { return decoder.Unmarshal(raw, into) })
		if err != nil || !more {
			return err
		}
	}
	return nil
}

func (m *memory) keys(t lockport.Table) []string {
	var keys []string
	for k := range m.tables[t] {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func (m *memory) Token(space string, parts ...string) lockport.Token {
	h := sha256.New()
	for _, p := range append([]string{space}, parts...) {
		h.Write([]byte{byte(len(p))})
		h.Write([]byte(p))
	}
	return lockport.Token(h.Sum(nil)[:16])
}

func (m *memory) Put(t lockport.Table, key []byte, row any) error {
	raw, err := encoder.Marshal(row)
	if err != nil {
		return err
	}
	if m.tables[t] == nil {
		m.tables[t] = map[string][]byte{}
	}
	m.tables[t][string(key)] = raw
	return nil
}

func (m *memory) Delete(t lockport.Table, key []byte) error {
	delete(m.tables[t], string(key))
	return nil
}

var (
	encoder = must(cbor.EncOptions{Time: cbor.TimeRFC3339NanoUTC}.EncMode())
	decoder = must(cbor.DecOptions{}.DecMode())
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// house is a projector on a record in memory, fed entry by entry.
type house struct {
	t         *testing.T
	record    *memory
	projector lockport.Projector
	seq       lockport.Seq
	clock     time.Time
}

// newHouse has two hospitals and a practice with a feed; each hospital has its
// own authority, and there is one shared one.
func newHouse(t *testing.T) *house {
	h := &house{t: t, record: newMemory(), projector: New(), clock: time.Date(2025, 3, 1, 15, 0, 0, 0, time.UTC)}
	for _, p := range []directory.Participant{
		{ID: "north", Name: "North Hospital", Type: directory.Hospital, County: "36067", Joined: "2020-01-01", EmergencyCapable: true},
		{ID: "south", Name: "South Hospital", Type: directory.Hospital, County: "36007", Joined: "2020-01-01", EmergencyCapable: true},
		{ID: "family", Name: "Family Practice", Type: directory.Practice, County: "36067", Joined: "2020-01-01"},
	} {
		h.change(directory.Change{Participant: &p})
	}
	for _, a := range []directory.Authority{
		{ID: "NORTH", Namespace: "NORTH", OID: "2.999.1", Owner: "north"},
		{ID: "SOUTH", Namespace: "SOUTH", OID: "2.999.2", Owner: "south"},
		{ID: "STATE", Namespace: "STATE", OID: "2.999.9", Shared: true},
	} {
		h.change(directory.Change{Authority: &a})
	}
	for _, a := range []directory.Application{
		{ID: "north-adt", Participant: "north", Name: "ADT", Facility: "NORTH", Roles: []directory.Role{directory.Source}, Authorities: []lockport.AuthorityID{"NORTH"}},
		{ID: "south-adt", Participant: "south", Name: "ADT", Facility: "SOUTH", Roles: []directory.Role{directory.Source}, Authorities: []lockport.AuthorityID{"SOUTH"}},
		{ID: "family-ehr", Participant: "family", Name: "EHR", Facility: "FAMILY", Roles: []directory.Role{directory.Provider}},
	} {
		h.change(directory.Change{Application: &a})
	}
	h.change(directory.Change{Feed: &directory.Feed{ID: "family-results", Application: "family-ehr", Kind: directory.ResultsFeed, To: "127.0.0.1:1", Insecure: true}})
	return h
}

func (h *house) change(c directory.Change) {
	c.Op = directory.Put
	h.apply(lockport.EntryDirectory, &c)
}

func (h *house) apply(kind lockport.EntryKind, body any) lockport.Seq {
	h.t.Helper()
	h.seq++
	h.clock = h.clock.Add(time.Second)
	e := &lockport.Entry{Seq: h.seq, Kind: kind, Time: h.clock, Body: body}
	for _, err := range []error{h.projector.Begin(h.record), h.projector.Apply(h.record, e), h.projector.End(h.record)} {
		if err != nil {
			h.t.Fatalf("entry %d: %v", h.seq, err)
		}
	}
	return h.seq
}

// receive applies a message of one of the two hospitals.
func (h *house) receive(app, messageType, raw string) lockport.Seq {
	h.t.Helper()
	participant := map[string]lockport.ParticipantID{"north-adt": "north", "south-adt": "south"}[app]
	return h.apply(lockport.EntryMessage, &lockport.Message{
		Raw: []byte(raw), Application: lockport.ApplicationID(app), Participant: participant,
		Type: messageType, Zone: "America/New_York",
	})
}

func (h *house) quarantined(seq lockport.Seq) lockport.Quarantined {
	var q lockport.Quarantined
	if _, err := h.record.Get(lockport.TableQuarantine, seq.Key(), &q); err != nil {
		h.t.Fatal(err)
	}
	return q
}

func authorityChange(namespace string, owner lockport.ParticipantID) directory.Change {
	return directory.Change{Authority: &directory.Authority{ID: lockport.AuthorityID(namespace), Namespace: namespace, Owner: owner}}
}
