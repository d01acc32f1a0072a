package projection

import (
	"strings"
	"testing"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/consent"
)

// decide records what the patient N1 allows the practice.
func (h *house) decide(value consent.Value, signed string) {
	h.t.Helper()
	h.apply(lockport.EntryDirective, &consent.Directive{
		Patient: lockport.Identifier{Authority: "NORTH", Value: "N1"}, Participant: "family", Value: value, Signed: signed, Signer: "self", Recorded: h.clock,
	})
}

// deliver closes the only row of the outbox.
func (h *house) deliver(outcome lockport.DeliveryOutcome) {
	h.t.Helper()
	rows := h.record.keys(lockport.TableOutbox)
	if len(rows) != 1 {
		h.t.Fatalf("%d rows wait, want one", len(rows))
	}
	h.apply(lockport.EntryDelivery, &lockport.Delivery{Feed: "family-results", Row: []byte(rows[0]), Outcome: outcome, Reason: "participant-deny"})
}

func TestWhoTookAWrongVersionIsToldOrListed(t *testing.T) {
	first := oru(pid("N1^^^NORTH") + report)
	corrected := oru(pid("N1^^^NORTH") + strings.NewReplacer("|140|", "|141|", "|N|||F", "|N|||C").Replace(report))
	other := oru(pid("N1^^^NORTH") + strings.Replace(report, "F1^LAB", "F2^LAB", 1))
	h := newHouse(t)
	h.decide(consent.Give, "2025-02-01")
	h.receive("north-adt", "ORU^R01", first)
	h.deliver(lockport.Delivered)
	h.decide(consent.DenyAll, "2025-02-20")
	h.receive("north-adt", "ORU^R01", other)
	h.receive("north-adt", "ORU^R01", first)
	if n := len(h.record.keys(lockport.TableOutbox)); n != 0 {
		t.Fatalf("%d rows after the denial that correct nothing", n)
	}
	seq := h.receive("north-adt", "ORU^R01", corrected)
	h.deliver(lockport.Withheld)
	var u lockport.Uncorrected
	found, err := h.record.Get(lockport.TableUncorrected, lockport.ReceivedKey(seq, "family-results"), &u)
	if err != nil || !found || u.Feed != "family-results" || u.Seq != seq || u.Reason == "" {
		t.Error("nothing says who holds the wrong version", err)
	}
}

func TestWhoTookNothingIsNotToldOfACorrection(t *testing.T) {
	h := newHouse(t)
	h.receive("north-adt", "ORU^R01", oru(pid("N1^^^NORTH")+report))
	h.receive("north-adt", "ORU^R01", oru(pid("N1^^^NORTH")+strings.Replace(report, "|N|||F", "|N|||W", 1)))
	if n := len(h.record.keys(lockport.TableOutbox)); n != 0 {
		t.Errorf("%d rows for a practice that holds nothing", n)
	}
}
