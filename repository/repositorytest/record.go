package repositorytest

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/consent"
)

// counting counts entries in the counter "n".
func counting(tx lockport.Tx, _ *lockport.Entry) error {
	var n uint64
	if _, err := tx.Get(lockport.TableCounters, []byte("n"), &n); err != nil {
		return err
	}
	n++
	return tx.Put(lockport.TableCounters, []byte("n"), &n)
}

func readYourWrites(t *testing.T, open Open) {
	s := start(t, open, counting)
	for i := range uint64(50) {
		must(t, s, message("m"))
		n, err := s.Counter(t.Context(), "n")
		if err != nil || n != i+1 {
			t.Fatalf("after %d acknowledged entries a reader sees %d (%v)", i+1, n, err)
		}
	}
	n, err := s.Counter(t.Context(), "never")
	if n != 0 || err != nil {
		t.Errorf("a counter that never counted is %d, %v", n, err)
	}
}

// ownWrites does inside one entry, and again over two, what the projection
// relies on.
func ownWrites(t *testing.T, open Open) {
	key := func(n byte) []byte { return []byte{'k', n} }
	var problems []string
	s := start(t, open, func(tx lockport.Tx, e *lockport.Entry) error {
		problems = append(problems, checkOwnWrites(tx, e.Seq, key)...)
		return nil
	})
	for range 2 {
		must(t, s, message("m"))
		if _, err := s.Counter(t.Context(), "n"); err != nil { // waits for the commit
			t.Fatal(err)
		}
	}
	must(t, s, message("m"), message("m"), message("m"))
	if _, err := s.Counter(t.Context(), "n"); err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Error(p)
	}
}

func checkOwnWrites(tx lockport.Tx, seq lockport.Seq, key func(byte) []byte) (problems []string) {
	const table = lockport.TableCounters
	expect := func(what string, want ...byte) {
		var got []byte
		err := tx.Scan(table, []byte("k"), nil, func(k []byte, decode func(any) error) (bool, error) {
			var n uint64
			if err := decode(&n); err != nil || byte(n) != k[1] {
				problems = append(problems, fmt.Sprintf("entry %d, %s: row %d holds %d, %v", seq, what, k[1], n, err))
			}
			got = append(got, k[1])
			return true, nil
		})
		if err != nil || !slices.Equal(got, want) {
			problems = append(problems, fmt.Sprintf("entry %d, %s: scanned %v, want %v (%v)", seq, what, got, want, err))
		}
	}
	put := func(n byte) {
		value := uint64(n)
		if err := tx.Put(table, key(n), &value); err != nil {
			problems = append(problems, err.Error())
		}
	}
	if seq > 1 {
		expect("what the entry before left", 1, 5)
	}
	for _, n := range []byte{3, 1, 5, 4} {
		put(n)
	}
	expect("after puts", 1, 3, 4, 5)
	_ = tx.Delete(table, key(3))
	_ = tx.Delete(table, key(4))
	_ = tx.Delete(table, key(9)) // was never there
	expect("after deletes", 1, 5)
	if found, err := tx.Get(table, key(3), new(uint64)); found || err != nil {
		problems = append(problems, "a deleted row was found")
	}
	put(4)
	expect("after putting again", 1, 4, 5)
	var first []byte
	_ = tx.Scan(table, []byte("k"), key(2), func(k []byte, _ func(any) error) (bool, error) {
		first = append(first, k[1])
		return false, nil
	})
	if !slices.Equal(first, []byte{4}) {
		problems = append(problems, fmt.Sprintf("a scan from 2 that stops at once gave %v", first))
	}
	_ = tx.Delete(table, key(4))
	return problems
}

func poison(t *testing.T, open Open) {
	dir := t.TempDir()
	apply := func(tx lockport.Tx, e *lockport.Entry) error {
		if err := counting(tx, e); err != nil {
			return err
		}
		switch string(e.Body.(*lockport.Message).Raw) {
		case "error":
			return errors.New("rule broken")
		case "panic":
			panic("rule broken")
		}
		return nil
	}
	s := reopen(t, open, dir, apply)
	must(t, s, message("good"), message("error"), message("good"), message("panic"), message("good"))
	n, err := s.Counter(t.Context(), "n")
	if n != 3 || err != nil {
		t.Errorf("the rows of failed entries are kept: counted %d of 3, %v", n, err)
	}
	want := []lockport.Quarantined{
		{Seq: 4, Reason: "projection failed", State: lockport.StateQuarantined, Rule: 1},
		{Seq: 2, Reason: "projection failed", State: lockport.StateQuarantined, Rule: 1},
	}
	got, err := s.Quarantine(t.Context(), 0, 0)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

func outbox(t *testing.T, open Open) {
	s := start(t, open, func(tx lockport.Tx, e *lockport.Entry) error {
		if d, ok := e.Body.(*lockport.Delivery); ok {
			return tx.Delete(lockport.TableOutbox, d.Row)
		}
		for _, feed := range []lockport.FeedID{"a", "ab", "b"} {
			for n := 1; n <= 2; n++ {
				row := lockport.OutboxRow{Feed: feed, Seq: e.Seq, Group: n, Queued: e.Time}
				if err := tx.Put(lockport.TableOutbox, lockport.OutboxKey(feed, e.Seq, n), &row); err != nil {
					return err
				}
			}
		}
		return nil
	})
	changed := s.OutboxChanged()
	must(t, s, message("1"), message("2"), message("3"))
	<-changed
	for read := 0; read < 6; { // rows appear soon after the receipt
		changed := s.OutboxChanged()
		items, err := s.Outbox(t.Context(), "a", nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		if read = len(items); read < 6 {
			<-changed
		}
	}
	first, err := s.Outbox(t.Context(), "a", nil, 4)
	if err != nil || len(first) != 4 {
		t.Fatal(len(first), err)
	}
	rest, err := s.Outbox(t.Context(), "a", first[3].Key, 100)
	if err != nil {
		t.Fatal(err)
	}
	for i, item := range append(first, rest...) {
		seq, n := lockport.Seq(i/2+1), i%2+1
		if item.Row.Feed != "a" || item.Row.Seq != seq || item.Row.Group != n || string(item.Key) != string(lockport.OutboxKey("a", seq, n)) {
			t.Errorf("row %d is %+v", i, item.Row)
		}
	}
	if len(rest) != 2 {
		t.Errorf("%d rows after the fourth, want 2", len(rest))
	}
	must(t, s, lockport.Entry{Kind: lockport.EntryDelivery, Body: &lockport.Delivery{Feed: "a", Row: first[0].Key, Outcome: lockport.Delivered}})
	if _, err := s.Counter(t.Context(), "n"); err != nil { // waits until it is applied
		t.Fatal(err)
	}
	left, err := s.Outbox(t.Context(), "a", nil, 1)
	if err != nil || len(left) != 1 || string(left[0].Key) != string(first[1].Key) {
		t.Errorf("after a delivery the first row is %v, %v", left, err)
	}
}

func quarantine(t *testing.T, open Open) {
	s := start(t, open, func(tx lockport.Tx, e *lockport.Entry) error {
		return tx.Put(lockport.TableQuarantine, e.Seq.Key(), &lockport.Quarantined{Seq: e.Seq, State: lockport.StateQuarantined})
	})
	must(t, s, slices.Repeat([]lockport.Entry{message("m")}, 300)...) // keys that cross a byte
	for _, c := range []struct {
		before lockport.Seq
		limit  int
		want   []lockport.Seq
	}{
		{0, 3, []lockport.Seq{300, 299, 298}},
		{258, 4, []lockport.Seq{257, 256, 255, 254}},
		{3, 0, []lockport.Seq{2, 1}},
		{1, 5, nil},
		{999, 1, []lockport.Seq{300}},
	} {
		list, err := s.Quarantine(t.Context(), c.before, c.limit)
		var got []lockport.Seq
		for _, q := range list {
			got = append(got, q.Seq)
		}
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("before %d, limit %d: %v, want %v (%v)", c.before, c.limit, got, c.want, err)
		}
	}
	q, found, err := s.QuarantineState(t.Context(), 7)
	if !found || q.Seq != 7 || err != nil {
		t.Error(q, found, err)
	}
	if _, found, err = s.QuarantineState(t.Context(), 301); found || err != nil {
		t.Error(found, err)
	}
}

// recordDirective does what the projection does with a directive.
func recordDirective(tx lockport.Tx, e *lockport.Entry, d *consent.Directive) error {
	own := *d
	own.Seq = e.Seq
	token := lockport.IdentifierToken(tx, d.Patient)
	return errors.Join(
		tx.Put(lockport.TableDirectives, consent.DirectiveKey(token, e.Seq), &own),
		tx.Put(lockport.TableDirectiveLog, e.Seq.Key(), &token))
}

func directive(id lockport.Identifier, v consent.Value, to lockport.ParticipantID) lockport.Entry {
	return lockport.Entry{Kind: lockport.EntryDirective, Time: at, Body: &consent.Directive{
		Patient: id, Participant: to, Value: v, Signed: "2026-01-01", Recorded: at}}
}

func directives(t *testing.T, open Open) {
	s := start(t, open, func(tx lockport.Tx, e *lockport.Entry) error {
		return recordDirective(tx, e, e.Body.(*consent.Directive))
	})
	one, two := lockport.Identifier{Value: "1", Authority: "N"}, lockport.Identifier{Value: "2", Authority: "N"}
	must(t, s, directive(one, consent.Give, "p"), directive(two, consent.DenyAll, "p"), directive(one, consent.Withdraw, "p"))
	for _, c := range []struct {
		id    *lockport.Identifier
		limit int
		want  []lockport.Seq
	}{
		{nil, 0, []lockport.Seq{3, 2, 1}},
		{nil, 2, []lockport.Seq{3, 2}},
		{&one, 0, []lockport.Seq{3, 1}},
		{&one, 1, []lockport.Seq{3}},
		{&two, 9, []lockport.Seq{2}},
		{&lockport.Identifier{Value: "3", Authority: "N"}, 9, nil},
		{&lockport.Identifier{Value: "1", Authority: "S"}, 9, nil},
	} {
		list, err := s.Directives(t.Context(), c.id, c.limit)
		var got []lockport.Seq
		for _, d := range list {
			got = append(got, d.Seq)
		}
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("limit %d: %v, want %v (%v)", c.limit, got, c.want, err)
		}
	}
}
