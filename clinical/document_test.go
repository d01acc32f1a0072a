package clinical

import (
	"reflect"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/lockport-hie/lockport"
)

func documentEvent(n int, trigger, completion, availability, text string) DocumentEvent {
	return DocumentEvent{
		Seq: lockport.Seq(n), Trigger: trigger, At: Stamp{Micro: int64(n) * 1_000_000, Seq: lockport.Seq(n)},
		Completion: completion, Availability: availability, Sum: Sum([]byte(text)),
	}
}

func documentToken(n byte) (t lockport.Token) { t[0] = n; return t }

// fileAll files events in the order given and returns the document with the
// reasons why events were refused, by number.
func fileAll(events []DocumentEvent) (d Document, refused map[lockport.Seq]string) {
	refused = map[lockport.Seq]string{}
	var existing *Document
	for _, e := range events {
		now, err := FileDocument(existing, documentToken(1), 7, e)
		if err != nil {
			refused[e.Seq] = err.Error()
			continue
		}
		d, existing = now, &now
	}
	return d, refused
}

func TestWhatMayBeDoneToADocument(t *testing.T) {
	type event = DocumentEvent
	draft := documentEvent(1, "T02", "IP", "UN", "draft")
	signed := documentEvent(2, "T04", "AU", "AV", "")
	for name, tc := range map[string]struct {
		events  []event
		refused lockport.Seq // 0: all are taken
		want    [3]string    // completion, availability, the entry whose text counts
	}{
		"a new document stands as it was sent":         {[]event{draft}, 0, [3]string{"IP", "UN", "1"}},
		"a status change keeps the text":               {[]event{draft, signed}, 0, [3]string{"AU", "AV", "1"}},
		"an edit before it is available replaces text": {[]event{draft, documentEvent(2, "T08", "IN", "", "better")}, 0, [3]string{"IN", "UN", "2"}},
		"an edit of an available one is refused":       {[]event{draft, signed, documentEvent(3, "T08", "", "", "other")}, 3, [3]string{"AU", "AV", "1"}},
		"new text of an available one is refused":      {[]event{draft, signed, documentEvent(3, "T04", "LA", "", "other")}, 3, [3]string{"AU", "AV", "1"}},
		"the same text again is taken":                 {[]event{draft, signed, documentEvent(3, "T02", "LA", "", "draft")}, 0, [3]string{"LA", "AV", "3"}},
		"completion never goes back":                   {[]event{draft, signed, documentEvent(3, "T03", "PA", "", "")}, 3, [3]string{"AU", "AV", "1"}},
		"availability never goes back":                 {[]event{draft, signed, documentEvent(3, "T03", "", "UN", "")}, 3, [3]string{"AU", "AV", "1"}},
		"a cancel before it is available counts":       {[]event{draft, documentEvent(2, "T11", "", "", "")}, 0, [3]string{"IP", "CA", "1"}},
		"a cancel of an available one is refused":      {[]event{draft, signed, documentEvent(3, "T11", "", "CA", "")}, 3, [3]string{"AU", "AV", "1"}},
		"what was cancelled stays so":                  {[]event{draft, documentEvent(2, "T11", "", "", ""), documentEvent(3, "T04", "AU", "AV", "")}, 3, [3]string{"IP", "CA", "1"}},
		"an addendum without a parent is refused":      {[]event{draft, documentEvent(2, "T06", "", "", "more")}, 2, [3]string{"IP", "UN", "1"}},
		"a replacement without a parent is refused":    {[]event{draft, documentEvent(2, "T10", "", "", "new")}, 2, [3]string{"IP", "UN", "1"}},
		"an older message that comes late changes nothing of what is newer": {
			[]event{signed, draft}, 0, [3]string{"AU", "AV", "1"}},
		"a late event that forbids one sets it aside": {
			[]event{draft, documentEvent(3, "T08", "", "", "other"), signed}, 0, [3]string{"AU", "AV", "1"}},
	} {
		t.Run(name, func(t *testing.T) {
			d, refused := fileAll(tc.events)
			if _, is := refused[tc.refused]; len(refused) > 1 || tc.refused != 0 && !is || tc.refused == 0 && len(refused) > 0 {
				t.Fatalf("refused %v, want entry %d", refused, tc.refused)
			}
			got := [3]string{d.Completion, d.Availability, strconv.Itoa(int(d.Content))}
			if got != tc.want {
				t.Errorf("the document is %v, want %v", got, tc.want)
			}
		})
	}
}

func TestAReplacementMakesItsParentObsolete(t *testing.T) {
	parent, _ := fileAll([]DocumentEvent{documentEvent(1, "T02", "AU", "AV", "old")})
	e := documentEvent(2, "T10", "IP", "UN", "new")
	e.Parent = parent.Token
	child, err := FileDocument(nil, documentToken(2), 7, e)
	if err != nil {
		t.Fatal(err)
	}
	replaced := parent.Relate(child)
	if replaced.Availability != Obsolete || len(replaced.Replacements) != 1 || len(replaced.Addenda) != 0 {
		t.Errorf("availability %s with %d replacements, want obsolete by one", replaced.Availability, len(replaced.Replacements))
	}
	cancelled, err := FileDocument(&child, child.Token, 7, documentEvent(3, "T11", "", "", ""))
	if err != nil {
		t.Fatal(err)
	}
	if back := replaced.Relate(cancelled); back.Availability != Available || len(back.Replacements) != 0 {
		t.Error("a cancelled replacement still replaces")
	}
	shell := Document{Token: parent.Token}.Relate(child)
	filled, err := FileDocument(&shell, parent.Token, 7, documentEvent(1, "T02", "AU", "AV", "old"))
	if err != nil || filled.Availability != Obsolete {
		t.Errorf("the parent that came after its replacement is %q (%v)", filled.Availability, err)
	}
}

// Legal histories end in the same document whatever order they come in.
func TestDocumentsDoNotDependOnArrival(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := []DocumentEvent{documentEvent(1, "T02", "DI", "UN", "draft")}
		statuses := []string{"DI", "IP", "IN", "PA", "AU", "LA"}
		for n := 2; n <= rapid.IntRange(1, 6).Draw(t, "events"); n++ {
			last := events[n-2]
			rank := slices.Index(statuses, last.Completion)
			e := documentEvent(n, "T04", rapid.SampledFrom(statuses[rank:]).Draw(t, "completion"), last.Availability, "")
			if last.Availability == "UN" {
				e.Availability = rapid.SampledFrom([]string{"UN", "AV"}).Draw(t, "availability")
				if rapid.Bool().Draw(t, "edit") {
					e.Trigger, e.Sum = "T08", Sum([]byte(rapid.SampledFrom([]string{"a", "b"}).Draw(t, "text")))
				}
			}
			events = append(events, e)
		}
		want, refused := fileAll(events)
		if len(refused) > 0 {
			t.Fatalf("a legal history is refused: %v", refused)
		}
		got, refused := fileAll(rapid.Permutation(events).Draw(t, "order"))
		if len(refused) > 0 || !reflect.DeepEqual(got, want) {
			t.Fatalf("another order ends otherwise (refused %v)", refused)
		}
	})
}
