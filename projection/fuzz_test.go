package projection

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/hl7"
)

// FuzzApply applies any message to a region with a patient. Applying must not
// fail for what a sender wrote, and must give the same record each time.
func FuzzApply(f *testing.F) {
	for _, raw := range []string{
		adt("A01", pid("N1^^^NORTH~S9^^^STATE")+"PV1|1|I|W^1||||||||||||||||V1^^^NORTH\r"),
		adt("A40", pid("N1^^^NORTH")+"MRG|N2^^^NORTH\r"+pid("N1^^^NORTH")+"MRG|N3^^^NORTH~X^^^SOUTH\r"),
		oru(pid("N1^^^NORTH") + report + "SPM|1\rOBX|9|ST|1||x\rNTE|1||y\r" + pid("X1^^^SOUTH") + report),
		oru("NTE|1||before\r" + report + pid("") + "ORC|RE||F1^LAB\r" + report + "DSC|1\r" + report),
		strings.Replace(oru(pid("N1^^^NORTH")+report), "\r", "\n", -1),
		"MSH*$%!@*ADT*NORTH***20250301**ORU$R01*1*P*2.3\rPID***N1$$$NORTH\rOBR*1**F1\rOBX*1*TX*1**\xff\xfe\r",
	} {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := hl7.Parse(raw)
		if err != nil {
			return
		}
		kind := m.Header().Component(9, 1).Text() + "^" + m.Header().Component(9, 2).Text()
		var first *house
		for range 2 {
			h := newHouse(t)
			h.receive("north-adt", "ADT^A28", adt("A28", pid("N1^^^NORTH~S9^^^STATE")))
			seq := h.receive("north-adt", kind, string(raw))
			h.receive("south-adt", kind, string(raw))
			h.apply(lockport.EntryMessage, &lockport.Message{Raw: raw, Application: "north-adt", Participant: "north", Type: kind, Zone: "America/New_York", Replay: seq})
			h.listedOnce()
			if first == nil {
				first = h
			} else if !cmp.Equal(first.record.tables, h.record.tables) {
				t.Error("the same entries gave two records")
			}
		}
	})
}

// listedOnce checks that the index rows of results and visits are one for each.
func (h *house) listedOnce() {
	for rows, list := range map[lockport.Table]lockport.Table{lockport.TableResults: lockport.TablePatientResults, lockport.TableVisits: lockport.TablePatientVisits} {
		if a, b := len(h.record.keys(rows)), len(h.record.keys(list)); a != b {
			h.t.Errorf("%d rows are listed %d times", a, b)
		}
	}
}
