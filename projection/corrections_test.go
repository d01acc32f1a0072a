package projection

import (
	"strings"
	"testing"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/consent"
	"github.com/lockport-hie/lockport/directory"
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
	found, err := h.record.Get(lockport.TableUncorrected, lockport.UncorrectedKey(seq, "family-results"), &u)
	if err != nil || !found || u.Feed != "family-results" || u.Seq != seq || u.Reason == "" {
		t.Error("nothing says who holds the wrong version", err)
	}
}

// uncorrected is how many providers stand on the privacy desk's list.
func (h *house) uncorrected() int { return len(h.record.keys(lockport.TableUncorrected)) }

func TestWhatCountsAsACorrection(t *testing.T) {
	later := strings.NewReplacer("20250301100000-0500|||F", "20250301110000-0500|||F", "|140|", "|141|")
	for name, tc := range map[string]struct {
		next string
		want int
	}{
		"another value for a final one":             {later.Replace(report), 1},
		"the same again, reported later":            {strings.Replace(report, "20250301100000-0500|||F", "20250301110000-0500|||F", 1), 0},
		"a correction that is older and comes late": {strings.NewReplacer("20250301100000-0500|||F", "20250301080000-0500|||C", "|N|||F", "|N|||C").Replace(report), 0},
		"a retraction of the observation":           {strings.NewReplacer("20250301100000-0500|||F", "20250301110000-0500|||F", "|N|||F", "|N|||W").Replace(report), 1},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.decide(consent.Give, "2025-02-01")
			h.receive("north-adt", "ORU^R01", oru(pid("N1^^^NORTH")+report))
			h.deliver(lockport.Delivered)
			h.decide(consent.DenyAll, "2025-02-20")
			h.receive("north-adt", "ORU^R01", oru(pid("N1^^^NORTH")+tc.next))
			if n := len(h.record.keys(lockport.TableOutbox)); n != tc.want {
				t.Errorf("%d rows, want %d", n, tc.want)
			}
		})
	}
}

// The frame is with the provider, the outcome is not in the journal yet: the
// denial and the correction come in between.
func TestACorrectionBeforeTheOutcome(t *testing.T) {
	corrected := strings.NewReplacer("|140|", "|141|", "|N|||F", "|N|||C").Replace(report)
	for outcome, want := range map[lockport.DeliveryOutcome]int{lockport.Delivered: 1, lockport.Withheld: 0} {
		h := newHouse(t)
		h.decide(consent.Give, "2025-02-01")
		h.receive("north-adt", "ORU^R01", oru(pid("N1^^^NORTH")+report))
		h.decide(consent.DenyAll, "2025-02-20")
		h.receive("north-adt", "ORU^R01", oru(pid("N1^^^NORTH")+corrected))
		rows := h.record.keys(lockport.TableOutbox)
		if len(rows) != 2 {
			t.Fatalf("%d rows, want the first and its correction", len(rows))
		}
		for i, o := range []lockport.DeliveryOutcome{outcome, lockport.Withheld} {
			h.apply(lockport.EntryDelivery, &lockport.Delivery{Feed: "family-results", Row: []byte(rows[i]), Outcome: o})
		}
		if n := h.uncorrected(); n != want {
			t.Errorf("first %s: %d on the list, want %d", outcome, n, want)
		}
	}
}

func TestAFeedUnderAnOldNameTookNothing(t *testing.T) {
	h := newHouse(t)
	h.decide(consent.Give, "2025-02-01")
	h.receive("north-adt", "ORU^R01", oru(pid("N1^^^NORTH")+report))
	h.deliver(lockport.Delivered)
	feed := directory.Feed{ID: "family-results", Application: "family-ehr", Kind: directory.ResultsFeed, To: "127.0.0.1:1", Insecure: true}
	h.apply(lockport.EntryDirectory, &directory.Change{Op: directory.Remove, Feed: &feed})
	h.change(directory.Change{Application: &directory.Application{ID: "other-ehr", Participant: "south", Name: "EHR", Facility: "SOUTH", Roles: []directory.Role{directory.Provider}}})
	feed.Application = "other-ehr"
	h.change(directory.Change{Feed: &feed})
	h.receive("north-adt", "ORU^R01", oru(pid("N1^^^NORTH")+strings.NewReplacer("|140|", "|141|", "|N|||F", "|N|||C").Replace(report)))
	if n := len(h.record.keys(lockport.TableOutbox)); n != 0 {
		t.Errorf("%d rows for a provider that took nothing", n)
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
