package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/lockport-hie/lockport"
)

// TestTraceSaysWhatWasFiled: from a message to what the record holds of it.
func TestTraceSaysWhatWasFiled(t *testing.T) {
	s := startServer(t, unknownReject, region()...)
	say := func(kind, id, body string) lockport.Seq {
		exchange(t, s.dial(), []byte("MSH|^~\\&|ADT1|UPSTATE|LOCKPORT|HIE|20250301||"+kind+"|"+id+"|P|2.5.1\rEVN||20250301\rPID|1||5^^^UPSTATE\r"+body))
		s.settle()
		return s.store.End()
	}
	const order = "OBR|1||F1^LAB|1^a^L|||2025030109|||||||||||||||2025030110|||"
	first := say("ORU^R01", "T1", order+"F\rOBX|1|NM|1^a^L||1||||||F\rOBR|2||F2^LAB|2^b^L\rOBX|1|NM|2^b^L||1||||||F\r")
	second := say("ORU^R01", "T2", strings.Replace(order, "2025030110", "2025030111", 1)+"C\rOBX|1|NM|1^a^L||2||||||C\r")
	document := say("MDM^T02", "T3", "PV1|1|I\rTXA|1|DS|TX|||||||||D1^DOC|||||AU||AV\rOBX|1|TX|1^a^L||text\r")
	for seq, want := range map[lockport.Seq][]string{
		first:    {"result of order 1, status F, corrected since", "result of order 2, status -, in force"},
		second:   {"result of order 1, status C, a later version"},
		document: {"document, event T02"},
	} {
		steps, err := s.traceMessage(t.Context(), caller{}, sequenceQuestion{Sequence: seq})
		if err != nil {
			t.Fatal(err)
		}
		var filed []string
		for _, step := range steps {
			if step.What == "filed" {
				filed = append(filed, step.Detail)
			}
		}
		if !slices.Equal(filed, want) {
			t.Errorf("entry %d: filed %q, want %q", seq, filed, want)
		}
	}
}
