package lockport

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestTheOutermostKindCounts(t *testing.T) {
	inner := Errorf(NotFound, "store", "no row")
	outer := fmt.Errorf("query: %w", Errorf(Unavailable, "gate", "%w", inner))
	if got := KindOf(outer); got != Unavailable {
		t.Errorf("kind %v", got)
	}
	if !errors.Is(outer, inner) {
		t.Error("the cause is lost")
	}
	if got := KindOf(errors.New("something else")); got != Internal {
		t.Errorf("an error without a kind is %v", got)
	}
}

// TestEveryKindHasAMeaning holds the one table against its users: MSA-1, table
// 0357, HTTP and the exit codes of the command line.
func TestEveryKindHasAMeaning(t *testing.T) {
	names := map[string]bool{}
	for k := Internal; k <= Unreachable; k++ {
		m := k.Meaning()
		if m.Name == "" || names[m.Name] {
			t.Errorf("kind %d has no name of its own", k)
		}
		names[m.Name] = true
		if m.Ack != "AE" && m.Ack != "AR" {
			t.Errorf("%s: MSA-1 %q", k, m.Ack)
		}
		if m.HL7 < 100 || m.HL7 > 207 || m.HTTP < 400 || m.HTTP > 599 || m.Exit < 1 || m.Exit > 4 {
			t.Errorf("%s: %+v", k, m)
		}
	}
	if Kind(200).Meaning() != Internal.Meaning() {
		t.Error("a kind that nobody knows must count as internal")
	}
	if Refused.Meaning().Exit != 3 || Unreachable.Meaning().Exit != 4 {
		t.Error("the exit codes are a contract: 3 refused, 4 not reachable")
	}
}

func TestIdentifiersDoNotPrint(t *testing.T) {
	id := Identifier{Value: "MR1001", Authority: "UPSTATE"}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if strings.Contains(fmt.Sprintf(verb, id), "MR1001") || strings.Contains(fmt.Sprintf(verb, []Identifier{id}), "MR1001") {
			t.Errorf("%s prints the value", verb)
		}
	}
}

func TestOutboxKeysSortInJournalOrderWithinTheirFeed(t *testing.T) {
	keys := [][]byte{
		OutboxKey("a", 1, 2), OutboxKey("a", 1, 10), OutboxKey("a", 256, 1), OutboxKey("ab", 1, 1), OutboxKey("b", 0, 0),
	}
	for i := 1; i < len(keys); i++ {
		if bytes.Compare(keys[i-1], keys[i]) >= 0 {
			t.Errorf("key %d does not come before key %d", i-1, i)
		}
	}
	if bytes.HasPrefix(OutboxKey("ab", 1, 1), OutboxPrefix("a")) {
		t.Error("a feed's prefix takes in another feed's rows")
	}
}

func TestDates(t *testing.T) {
	for text, want := range map[string]Date{"2025-03-01": "2025-03-01", "20250301": "2025-03-01", "2025-02-30": "", "2025-3-1": "", "": "", "2025-03-01T10:00": ""} {
		got, err := ParseDate(text)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q is %q, %v", text, got, err)
		}
	}
}
