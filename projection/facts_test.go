package projection

import (
	"strings"
	"testing"

	"github.com/lockport-hie/lockport"
)

func TestFactsOfOneFrameAreBounded(t *testing.T) {
	h := newHouse(t)
	seq := h.receive("north-adt", "ADT^A28", adt("A28", pid("N1^^^NORTH")+strings.Repeat("NK1|1|ROE^BEA\r", maxFacts+1)))
	if q := h.quarantined(seq); q.State != lockport.StateQuarantined || strings.Contains(q.Reason, "ROE") {
		t.Error("a set of facts without bounds was filed, or the reason holds content")
	}
	if n := len(h.record.keys(lockport.TableFacts)); n != 0 {
		t.Error("a held message left facts")
	}
}

// What stands on a visit stays with it when its patient's registration is merged.
func TestFactsOfAVisitFollowItsRegistration(t *testing.T) {
	h := newHouse(t)
	const visit = "PV1|1|I|||||||||||||||||V1^^^NORTH\r"
	h.receive("north-adt", "ADT^A01", adt("A01", pid("N1^^^NORTH")+visit+"DG1|1||J18.9^Pneumonia^I10\r"))
	h.receive("north-adt", "ADT^A40", adt("A40", pid("N2^^^NORTH")+"MRG|N1^^^NORTH\r"))
	h.receive("north-adt", "ADT^A08", adt("A08", pid("N2^^^NORTH")+visit+"DG1|1||I10^Hypertension^I10\r"))
	keys := h.record.keys(lockport.TableFacts)
	r, _ := h.registration("NORTH", "N1")
	if len(keys) != 1 || !strings.HasPrefix(keys[0], string(r.ID.Key())) {
		t.Errorf("%d sets of one visit's diagnoses, want the one on its registration", len(keys))
	}
}
