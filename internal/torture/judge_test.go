package torture

import (
	"context"
	"errors"
	"iter"
	"strings"
	"sync"
	"testing"

	"github.com/lockport-hie/lockport"
)

// holding is a store that holds messages by name.
func holding(names ...string) iter.Seq2[*lockport.Entry, error] {
	return func(yield func(*lockport.Entry, error) bool) {
		for _, name := range names {
			if !yield(&lockport.Entry{Body: &lockport.Message{ControlID: name}}, nil) {
				return
			}
		}
	}
}

// Each promise that can be broken is seen, and only that one.
func TestJudge(t *testing.T) {
	for _, c := range []struct {
		what, told, holds string
		want              Findings
	}{
		{"nothing", "", "", Findings{}},
		{"all", "0:2,1:2", "T0-0 T1-0 T1-1 T0-1", Findings{}},
		{"the batch under way", "0:1,1:2", "T0-0 T0-1 T1-0 T1-1 T1-2 T1-3", Findings{}},
		{"a sender that was told nothing", "", "T0-0 T1-0 T1-1", Findings{}},
		{"others' messages", "0:1", "C1 T0-0 Tx-1 T0", Findings{}},
		{"one lost", "0:3", "T0-0 T0-2", Findings{Lost: 1}},
		{"all lost", "1:4", "", Findings{Lost: 4}},
		{"one twice", "0:2", "T0-0 T0-1 T0-0", Findings{Twice: 1}},
		{"out of order", "0:2", "T0-1 T0-0", Findings{Disordered: 1}},
		{"half a batch", "1:2", "T1-0 T1-1 T1-2", Findings{Torn: 1}},
		{"never sent", "0:1", "T0-0 T0-1 T0-2", Findings{Unsent: 1}},
	} {
		told, err := Parse(c.told)
		if err != nil {
			t.Fatal(err)
		}
		got, err := told.Judge(holding(strings.Fields(c.holds)...))
		if err != nil || got != c.want || got.Any() != (c.want != Findings{}) {
			t.Errorf("%s: %s, %v", c.what, got, err)
		}
		told.Behind = true
		c.want.Unsent = 0
		if got, err := told.Judge(holding(strings.Fields(c.holds)...)); err != nil || got != c.want {
			t.Errorf("%s, behind: %s, %v", c.what, got, err)
		}
	}
	if f, err := (&Tally{Behind: true}).Judge(holding("T1-0", "T1-1", "T1-4", "T1-5")); err != nil || f != (Findings{Lost: 2}) {
		t.Errorf("a gap before what is there: %s, %v", f, err)
	}
}

// A load goes on where the tally ends, notes what it was told and nothing else,
// and its notes read back.
func TestLoad(t *testing.T) {
	from, err := Parse("0:5,2:3")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var notes strings.Builder
	var stored []string
	enough := errors.New("enough")
	l := &Load{
		Senders: 3, From: from, Limit: 10,
		Entry: func(sender, n int) lockport.Entry {
			return lockport.Entry{Body: &lockport.Message{ControlID: Name(sender, n)}}
		},
		Append: func(batch []lockport.Entry) error {
			mu.Lock()
			defer mu.Unlock()
			for _, e := range batch {
				stored = append(stored, e.Body.(*lockport.Message).ControlID)
			}
			if len(stored) > 45 {
				return enough
			}
			return nil
		},
		Note: func(sender, n int) error {
			mu.Lock()
			defer mu.Unlock()
			notes.WriteString(Noted(sender, n))
			return nil
		},
	}
	if err := l.Run(context.Background()); !errors.Is(err, enough) {
		t.Error(err)
	}
	told, err := Parse(from.String())
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	if err := told.Read(strings.NewReader(notes.String()+"0 9"), func() { lines++ }); err != nil || lines == 0 {
		t.Fatal(lines, err)
	}
	before := []string{"T0-0", "T0-1", "T0-2", "T0-3", "T0-4", "T2-0", "T2-1", "T2-2"}
	if f, err := told.Judge(holding(append(before, stored...)...)); err != nil || f.Any() {
		t.Error(f, err)
	}
	if f, err := from.Judge(holding(append(before, stored...)...)); err != nil || f.Unsent == 0 {
		t.Error("more than one batch under way:", f, err)
	}
	if err := told.Note("0 1\n"); err == nil {
		t.Error("a sender was told something twice")
	}
}
