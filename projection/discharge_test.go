package projection

import (
	"strings"
	"testing"
	"time"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/consent"
)

func TestTheEndOfAVisitEndsWhatWasOpenForIt(t *testing.T) {
	h := newHouse(t)
	stay := pid("N1^^^NORTH") + "PV1|1|E|W^1||||||||||||||||V1^^^NORTH\r"
	h.receive("north-adt", "ADT^A01", adt("A01", stay))
	r, _ := h.registration("NORTH", "N1")
	opened := time.Date(2025, 3, 1, 15, 30, 0, 0, time.UTC) // half an hour after the admission
	var seqs []lockport.Seq
	for _, p := range []lockport.ParticipantID{"north", "south"} {
		seqs = append(seqs, h.apply(lockport.EntryGrant, &consent.Grant{Registration: r.ID, Participant: p, Clinician: "1234567893", From: opened, Until: opened.Add(24 * time.Hour)}))
	}
	id := lockport.Identifier{Authority: "NORTH", Value: "N1"}
	h.apply(lockport.EntryDirective, &consent.Directive{Patient: id, Participant: "north", Value: consent.Give, Signed: "2025-03-01", Signer: "self", Visit: "V1^^^NORTH"})
	h.apply(lockport.EntryDirective, &consent.Directive{Patient: id, Participant: "north", Value: consent.Give, Signed: "2025-03-01", Signer: "self", Visit: "V2^^^NORTH"})
	h.receive("north-adt", "ADT^A03", strings.ReplaceAll(adt("A03", stay), "20250301100000", "20250301110000"))
	end := time.Date(2025, 3, 1, 16, 0, 0, 0, time.UTC)
	for i, want := range []time.Time{end, opened.Add(24 * time.Hour)} {
		var g consent.Grant
		if _, err := h.record.Get(lockport.TableGrants, consent.GrantKey(r.ID, seqs[i]), &g); err != nil || !g.Until.Equal(want) {
			t.Errorf("the emergency access of %s ends at %v, want %v", g.Participant, g.Until, want)
		}
	}
	ds, err := appendDirectives(nil, h.record, id)
	if err != nil || len(ds) != 2 || !ds[0].Ended.Equal(end) || !ds[1].Ended.IsZero() {
		t.Error("the consent for this visit did not end with it, or another one did")
	}
}
