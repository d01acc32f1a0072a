package clinical

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lockport-hie/lockport"
	"pgregory.net/rapid"
)

// shows is the content of a set, in its order.
func shows(s FactSet) string {
	var all []string
	for _, f := range s.Current().Facts {
		all = append(all, f.Key+"="+string(f.Value))
	}
	return strings.Join(all, " ")
}

func factOf(key, value string) Fact { return Fact{Key: key, Value: []byte(value), Gone: value == ""} }

func TestFactsBySnapshotAndActionCode(t *testing.T) {
	whole := func(n int64, facts ...Fact) FactEvent {
		return FactEvent{At: Stamp{Micro: n}, Replaces: true, Whole: facts}
	}
	change := func(n int64, facts ...Fact) FactEvent { return FactEvent{At: Stamp{Micro: n}, Changes: facts} }
	for name, c := range map[string]struct {
		events []FactEvent
		want   string
	}{
		"a set replaces a set":               {[]FactEvent{whole(1, factOf("1", "a"), factOf("2", "b")), whole(2, factOf("1", "c"))}, "1=c"},
		"an older set changes nothing":       {[]FactEvent{whole(2, factOf("1", "c")), whole(1, factOf("1", "a"), factOf("2", "b"))}, "1=c"},
		"an empty set deletes all":           {[]FactEvent{whole(1, factOf("1", "a")), whole(2)}, ""},
		"added":                              {[]FactEvent{whole(1, factOf("1", "a")), change(2, factOf("2", "b"))}, "1=a 2=b"},
		"updated":                            {[]FactEvent{whole(1, factOf("1", "a")), change(2, factOf("1", "b"))}, "1=b"},
		"deleted":                            {[]FactEvent{whole(1, factOf("1", "a"), factOf("2", "b")), change(2, factOf("1", ""))}, "2=b"},
		"deleted before it was added":        {[]FactEvent{change(2, factOf("1", "")), change(1, factOf("1", "a"))}, ""},
		"added again":                        {[]FactEvent{change(1, factOf("1", "")), change(2, factOf("1", "a"))}, "1=a"},
		"a late set leaves later changes":    {[]FactEvent{change(3, factOf("1", ""), factOf("3", "c")), whole(2, factOf("1", "a"), factOf("2", "b"))}, "2=b 3=c"},
		"a change older than the set":        {[]FactEvent{whole(2, factOf("1", "a")), change(1, factOf("2", "b"))}, "1=a"},
		"a set and a change in one message":  {[]FactEvent{{At: Stamp{Micro: 1}, Replaces: true, Whole: []Fact{factOf("1", "a")}, Changes: []Fact{factOf("2", "b")}}}, "1=a 2=b"},
		"both of one kind are kept as sent":  {[]FactEvent{whole(1, factOf("2", "b"), factOf("1", "a"))}, "2=b 1=a"},
		"a change of the set in its message": {[]FactEvent{{At: Stamp{Micro: 1}, Replaces: true, Whole: []Fact{factOf("1", "a")}, Changes: []Fact{factOf("1", "")}}}, ""},
	} {
		var s FactSet
		for i, e := range c.events {
			e.At.Seq = lockport.Seq(i + 1)
			s = s.With(e)
		}
		if got := shows(s); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestFactsDoNotDependOnArrival(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := make([]FactEvent, rapid.IntRange(2, 7).Draw(t, "events"))
		for i := range events {
			var facts []Fact
			for _, k := range rapid.SliceOfNDistinct(rapid.IntRange(1, 4), 0, 3, rapid.ID).Draw(t, "keys") {
				facts = append(facts, factOf(fmt.Sprint(k), rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "value")))
			}
			events[i] = FactEvent{At: Stamp{Micro: int64(i + 1)}, Changes: facts}
			if rapid.Bool().Draw(t, "whole") {
				events[i] = FactEvent{At: events[i].At, Replaces: true, Whole: facts}
			}
		}
		run := func(events []FactEvent) string {
			var s FactSet
			for i, e := range events {
				e.At.Seq = lockport.Seq(i + 1)
				s = s.With(e)
			}
			return shows(s)
		}
		if a, b := run(events), run(rapid.Permutation(events).Draw(t, "arrival")); a != b {
			t.Fatalf("%q, in another order %q", a, b)
		}
	})
}
