package repositorytest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
	"github.com/lockport-hie/lockport/consent"
	"github.com/lockport-hie/lockport/directory"
)

var at = time.Date(2026, 5, 4, 3, 2, 1, 123456000, time.UTC)

// message makes an entry with a body that names it.
func message(name string) lockport.Entry {
	return lockport.Entry{Kind: lockport.EntryMessage, Time: at, Body: &lockport.Message{Raw: []byte(name), ControlID: name}}
}

// once makes an entry that the duplicate window knows.
func once(key, content string) lockport.Entry {
	e := message(content)
	e.Dedupe = &lockport.Dedupe{Key: key, Digest: sha256.Sum256([]byte(content))}
	return e
}

// everyKind has one entry of each kind, with bodies that a careless encoding
// would change: bytes that are no UTF-8, microseconds, empty and absent values.
func everyKind() []lockport.Entry {
	id := lockport.Identifier{Value: "77-31", Authority: "NORTH", Type: "MR"}
	m := &lockport.Message{Raw: []byte("MSH|^~\\&|\xe9\x00\xff"), ControlID: "caf\xe9", Peer: lockport.Peer{Address: "[::1]:9", Insecure: true}, Code: 207, Trial: true}
	kinds := []struct {
		kind lockport.EntryKind
		body any
	}{
		{lockport.EntryMessage, m},
		{lockport.EntryRefusal, &lockport.Message{Reason: "PID-3: empty", AckCode: "AE"}},
		{lockport.EntryDirective, &consent.Directive{Patient: id, Value: consent.DenyAll, Signed: "2026-01-02", Recorded: at, Covers: []consent.Category{consent.General}}},
		{lockport.EntryDirectory, &directory.Change{Op: directory.Put, Participant: &directory.Participant{ID: "north", Name: "North", Type: directory.Hospital, Joined: "2020-01-01"}}},
		{lockport.EntryAction, &audit.Action{Operator: "op", Verb: "message show", Target: 1}},
		{lockport.EntryDisclosure, &audit.Disclosure{Channel: audit.ChannelQuery, Asked: []lockport.Identifier{id}, Outcome: audit.Denied, Released: []audit.RecordRef{{Kind: "result", Seq: 3}}}},
		{lockport.EntryDelivery, &lockport.Delivery{Feed: "f", Row: []byte{0, 1}, Outcome: lockport.Withheld}},
		{lockport.EntryGrant, &consent.Grant{Registration: 4, From: at, Until: at.Add(24 * time.Hour)}},
	}
	entries := make([]lockport.Entry, len(kinds))
	for i, k := range kinds {
		entries[i] = lockport.Entry{Kind: k.kind, Time: at.Add(time.Duration(i) * time.Microsecond), Body: k.body}
	}
	entries[0].Dedupe = &lockport.Dedupe{Key: "k\xff", Digest: sha256.Sum256([]byte("x"))}
	return entries
}

func entriesComeBack(t *testing.T, open Open) {
	dir := t.TempDir()
	want := everyKind()
	s := reopen(t, open, dir, ignore)
	for i, r := range must(t, s, want...) {
		if want[i].Seq = r.Seq; r.Seq != lockport.Seq(i+1) || r.Duplicate {
			t.Errorf("receipt %d is %+v", i, r)
		}
	}
	check := func(s Store) {
		t.Helper()
		for _, w := range want {
			got, err := s.Entry(t.Context(), w.Seq)
			if err != nil {
				t.Errorf("entry %d: %v", w.Seq, err)
				continue
			}
			if diff := cmp.Diff(&w, got, cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })); diff != "" {
				t.Errorf("entry %d changed: %s", w.Seq, diff)
			}
		}
	}
	check(s)
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	check(reopen(t, open, dir, ignore))
}

func entriesBothWays(t *testing.T, open Open) {
	s := start(t, open, ignore)
	const n = 700 // more than one read
	var entries []lockport.Entry
	for i := range n {
		entries = append(entries, message(fmt.Sprint(i+1)))
	}
	must(t, s, entries...)
	for _, c := range []struct {
		name    string
		from    lockport.Seq
		reverse bool
		first   lockport.Seq
		count   int
	}{
		{"all", 0, false, 1, n},
		{"from the middle", 300, false, 300, n - 299},
		{"past the end", n + 1, false, 0, 0},
		{"all back", 0, true, n, n},
		{"back from the middle", 300, true, 300, 300},
		{"back from past the end", n + 50, true, n, n},
	} {
		next, count := c.first, 0
		for e, err := range s.Entries(t.Context(), c.from, c.reverse) {
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			if e.Seq != next || e.Body.(*lockport.Message).ControlID != fmt.Sprint(next) {
				t.Fatalf("%s: entry %d where %d was due", c.name, e.Seq, next)
			}
			count++
			if next++; c.reverse {
				next -= 2
			}
		}
		if count != c.count {
			t.Errorf("%s: %d entries, want %d", c.name, count, c.count)
		}
	}
	for range s.Entries(t.Context(), 0, false) {
		break // leaving early must not hang the close
	}
	_, err := s.Entry(t.Context(), n+1)
	wantKind(t, err, lockport.NotFound)
	_, err = s.Entry(t.Context(), 0)
	wantKind(t, err, lockport.NotFound)
}

func badBodies(t *testing.T, open Open) {
	s := start(t, open, ignore)
	for name, e := range map[string]lockport.Entry{
		"another type": {Kind: lockport.EntryMessage, Body: &audit.Action{}},
		"a value":      {Kind: lockport.EntryMessage, Body: lockport.Message{}},
		"nil":          {Kind: lockport.EntryMessage},
		"nil pointer":  {Kind: lockport.EntryMessage, Body: (*lockport.Message)(nil)},
		"unknown kind": {Kind: 200, Body: &lockport.Message{}},
	} {
		// One bad entry spoils its own call and nothing else.
		_, err := s.Append(t.Context(), []lockport.Entry{message("good"), e})
		if lockport.KindOf(err) != lockport.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if must(t, s, message("next"))[0].Seq != 1 {
		t.Error("a refused call left entries behind")
	}
}

func callsAreUnits(t *testing.T, open Open) {
	s := start(t, open, ignore)
	const callers, calls, size = 12, 30, 3
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for k := range calls {
				batch := make([]lockport.Entry, size)
				for i := range batch {
					batch[i] = message(fmt.Sprintf("%d %d", c, k*size+i))
				}
				receipts, err := s.Append(context.Background(), batch)
				if err != nil {
					t.Error(err)
					return
				}
				if receipts[size-1].Seq != receipts[0].Seq+size-1 {
					t.Errorf("a call was torn apart: %v", receipts)
				}
			}
		})
	}
	wg.Wait()
	var next [callers]int
	for e, err := range s.Entries(t.Context(), 0, false) {
		if err != nil {
			t.Fatal(err)
		}
		var c, k int
		if _, err := fmt.Sscan(e.Body.(*lockport.Message).ControlID, &c, &k); err != nil {
			t.Fatal(err)
		}
		if k != next[c] {
			t.Fatalf("caller %d: entry %d where %d was due", c, k, next[c])
		}
		next[c]++
	}
	if s.End() != callers*calls*size {
		t.Errorf("%d entries, want %d", s.End(), callers*calls*size)
	}
}

func duplicates(t *testing.T, open Open) {
	dir := t.TempDir()
	s := reopen(t, open, dir, ignore)
	must(t, s, once("A", "first"))
	check := func(s Store, key, content string, duplicateOf lockport.Seq) {
		t.Helper()
		end := s.End()
		r := must(t, s, once(key, content))[0]
		if duplicateOf == 0 {
			if r.Duplicate || r.Seq != end+1 {
				t.Errorf("%s %s: %+v is no new entry", key, content, r)
			}
			return
		}
		if !r.Duplicate || r.Seq != duplicateOf || r.Prior == nil || r.Prior.Body.(*lockport.Message).ControlID != content || s.End() != end {
			t.Errorf("%s %s: %+v is not the duplicate of %d", key, content, r, duplicateOf)
		}
	}
	check(s, "A", "first", 1)
	check(s, "A", "second", 0) // a control id that is used again
	check(s, "A", "first", 1)
	check(s, "A", "second", 2)
	check(s, "B", "first", 0)
	r := must(t, s, once("C", "x"), message("between"), once("C", "x"), once("A", "second"))
	if r[0].Duplicate || !r[2].Duplicate || r[2].Seq != r[0].Seq || r[2].Prior == nil || r[3].Seq != 2 {
		t.Errorf("duplicates inside one call: %+v", r)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	s = reopen(t, open, dir, ignore)
	check(s, "A", "first", 1)
	check(s, "C", "x", r[0].Seq)
	check(s, "A", "third", 0)
}

func duplicatesAtOnce(t *testing.T, open Open) {
	s := start(t, open, ignore)
	for round := range 20 {
		var wg sync.WaitGroup
		var mu sync.Mutex
		seqs, fresh := map[lockport.Seq]int{}, 0
		for range 16 {
			wg.Go(func() {
				r, err := s.Append(context.Background(), []lockport.Entry{once("same", fmt.Sprint(round))})
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				seqs[r[0].Seq]++
				if !r[0].Duplicate {
					fresh++
				}
			})
		}
		wg.Wait()
		if len(seqs) != 1 || fresh != 1 || s.End() != lockport.Seq(round+1) {
			t.Fatalf("round %d: %d sequences, %d stored, %d entries", round, len(seqs), fresh, s.End())
		}
	}
}

func closed(t *testing.T, open Open) {
	s := open(t, t.TempDir(), rules(ignore))
	must(t, s, message("a"))
	for range 2 {
		if err := s.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	_, err := s.Append(t.Context(), []lockport.Entry{message("b")})
	wantKind(t, err, lockport.Unavailable)
	_, err = s.Entry(t.Context(), 1)
	wantKind(t, err, lockport.Unavailable)
	_, err = s.Counter(t.Context(), "n")
	wantKind(t, err, lockport.Unavailable)
}
