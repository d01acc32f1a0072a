package query

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
	"github.com/lockport-hie/lockport/consent"
	"github.com/lockport-hie/lockport/hl7"
)

// FuzzAnswer asks with any query text for a patient who denies everyone. There
// must be an answer, no record in it, and something kept of the question.
func FuzzAnswer(f *testing.F) {
	for _, raw := range []string{
		qry("P1"), qry("P9"), zr1("P1^^^NORTH^MR", ""), zr1("P1^^^NORTH~P1", "20250101|20250303|4548-4~2951-2|ETREAT|1234567893^X|UNCONSC^U|I attest."),
		strings.Replace(zr1("P1", ""), "2.5.1", "2.3", 1), head251, head24 + "QRD\rQRF|||ALL\r",
		strings.NewReplacer("|", "*", "^", "$", "~", "%", "\\", "!", "&", "@").Replace(qry("P1")),
	} {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := hl7.Parse(raw)
		if err != nil {
			return
		}
		w := newWorld(t)
		w.on = []consent.Directive{
			{Seq: 1, Patient: lockport.Identifier{Value: "P1", Authority: "NORTH"}, Participant: "family", Value: consent.DenyAll, Signed: "2025-02-01", Signer: "self", Recorded: w.now},
		}
		app, _ := w.directory.Application("ehr")
		reply := w.service.Answer(context.Background(), app, lockport.Peer{Address: "127.0.0.1:1"}, m)
		if reply.Frame == nil || reply.Context != nil || reply.Sent != nil {
			t.Fatal("no answer, or one that holds a ticket")
		}
		answer, err := hl7.Parse(reply.Frame)
		if err != nil {
			t.Fatalf("the answer cannot be read: %v", err)
		}
		if !bytes.Equal(answer.First("MSA").Field(2).Raw(), m.Header().Field(10).Raw()) && isASCII(raw) {
			t.Error("MSA-2 is not MSH-10")
		}
		for i := range answer.Len() {
			if id := answer.Segment(i).ID(); id == "PID" || id == "OBR" || id == "OBX" {
				t.Errorf("%s in the answer about a patient who denies", id)
			}
		}
		if len(w.entries) != 1 {
			t.Errorf("%d entries kept of one question", len(w.entries))
		}
		if d, ok := w.entries[0].Body.(*audit.Disclosure); ok && len(d.Released) > 0 {
			t.Error("the audit names records as released")
		}
	})
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 || c == 0x1b {
			return false
		}
	}
	return true
}
