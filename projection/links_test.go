package projection

import (
	"strings"
	"testing"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
	"github.com/lockport-hie/lockport/consent"
)

// persons returns the persons of identifiers of the north hospital.
func (h *house) persons(values ...string) (all []lockport.PersonID) {
	for _, v := range values {
		r, _ := h.registration("NORTH", v)
		all = append(all, r.Person)
	}
	return all
}

func TestA24LinksAndA37Unlinks(t *testing.T) {
	h := newHouse(t)
	both := pid("N1^^^NORTH") + strings.Replace(pid("N2^^^NORTH"), "PID|1|", "PID|2|", 1)
	h.receive("north-adt", "ADT^A24", adt("A24", both))
	if p := h.persons("N1", "N2"); p[0] != p[1] || p[0] == 0 {
		t.Fatalf("persons %v, want one", p)
	}
	later := strings.Replace(adt("A37", both), "20250301100000", "20250301110000", 2)
	h.receive("north-adt", "ADT^A37", later)
	if p := h.persons("N1", "N2"); p[0] == p[1] {
		t.Fatal("they are still one person")
	}
	h.receive("north-adt", "ADT^A24", adt("A24", both)) // said before the A37
	if p := h.persons("N1", "N2"); p[0] == p[1] {
		t.Fatal("an earlier word undid the later one")
	}
}

func TestALinkNeedsAnOwnersWordOnEitherSide(t *testing.T) {
	h := newHouse(t)
	h.receive("north-adt", "ADT^A28", adt("A28", pid("N1^^^NORTH")))
	h.receive("south-adt", "ADT^A28", adt("A28", pid("X1^^^SOUTH")))
	for name, body := range map[string]string{"another's patient": pid("N1^^^NORTH") + pid("X1^^^SOUTH"), "one PID": pid("N1^^^NORTH")} {
		seq := h.receive("north-adt", "ADT^A24", adt("A24", body))
		if q := h.quarantined(seq); q.State != lockport.StateQuarantined {
			t.Errorf("%s: state %q, want quarantined", name, q.State)
		}
	}
	north, _ := h.registration("NORTH", "N1")
	south, _ := h.registration("SOUTH", "X1")
	if north.Person == south.Person {
		t.Error("a sender linked another's patient")
	}
}

func TestA47RenamesWithWhatStandsOnThePatient(t *testing.T) {
	h := newHouse(t)
	h.receive("north-adt", "ORU^R01", oru(pid("N1^^^NORTH")+report))
	h.apply(lockport.EntryDirective, &consent.Directive{Patient: lockport.Identifier{Authority: "NORTH", Value: "N1"}, Participant: "family", Value: consent.Give, Signed: "2025-02-01", Signer: "self", Recorded: h.clock})
	h.receive("north-adt", "ADT^A47", adt("A47", pid("N9^^^NORTH")+"MRG|N1^^^NORTH\r"))
	if n := len(h.results("NORTH", "N9")); n != 1 {
		t.Errorf("%d results under the new identifier, want 1", n)
	}
	seq := h.receive("north-adt", "ORU^R01", oru(pid("N9^^^NORTH")+strings.Replace(report, "F1^LAB", "F2^LAB", 1)))
	if rows := h.record.keys(lockport.TableOutbox); len(rows) != 1 || rows[0] != string(lockport.OutboxKey("family-results", seq, 1)) {
		t.Errorf("%d rows queued: the consent on the old identifier does not count", len(rows))
	}
	seq = h.receive("north-adt", "ADT^A47", adt("A47", pid("N9^^^NORTH")+"MRG|N5^^^NORTH\r"))
	h.receive("north-adt", "ADT^A28", adt("A28", pid("N7^^^NORTH")))
	held := h.receive("north-adt", "ADT^A47", adt("A47", pid("N7^^^NORTH")+"MRG|N9^^^NORTH\r"))
	if h.quarantined(seq).State != "" || !strings.Contains(h.quarantined(held).Reason, "another patient") {
		t.Error("a change to the identifier of another patient is not held")
	}
}

func TestAnOperatorLinksAndUnlinks(t *testing.T) {
	h := newHouse(t)
	h.receive("north-adt", "ADT^A28", adt("A28", pid("N1^^^NORTH")))
	h.receive("north-adt", "ADT^A28", adt("A28", pid("N2^^^NORTH")))
	h.apply(lockport.EntryAction, &audit.Action{Operator: "op", Verb: verbLink, Object: "1 2", Reason: "the same person"})
	if p := h.persons("N1", "N2"); p[0] != p[1] {
		t.Fatal("they are not linked")
	}
	h.apply(lockport.EntryAction, &audit.Action{Operator: "op", Verb: verbUnlink, Object: "2 1", Reason: "twins"})
	if p := h.persons("N1", "N2"); p[0] == p[1] {
		t.Fatal("they are still linked")
	}
	h.receive("north-adt", "ADT^A40", adt("A40", pid("N2^^^NORTH")+"MRG|N1^^^NORTH\r"))
	h.apply(lockport.EntryAction, &audit.Action{Operator: "op", Verb: verbUnlink, Object: "1 2"})
	if p := h.persons("N1", "N2"); p[0] != p[1] {
		t.Error("an unlink undid a merge")
	}
	h.apply(lockport.EntryAction, &audit.Action{Operator: "op", Verb: verbUnmerge, Object: "1 2"})
	if p := h.persons("N1", "N2"); p[0] == p[1] {
		t.Error("the merge stands")
	}
	h.apply(lockport.EntryAction, &audit.Action{Operator: "op", Verb: verbUnmerge, Object: "1 2"})
}
