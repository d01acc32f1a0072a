package broker

import (
	"bytes"
	"strings"
	"testing"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/hl7"
)

// FuzzReceive gives any frame to brokers of each policy. Nothing may panic; one
// message gets an answer or the end of the connection, MSA-2 is its MSH-10, and
// exactly one entry is kept of it beside what it adopts.
func FuzzReceive(f *testing.F) {
	for _, frame := range []string{
		"", "GET / HTTP/1.1\r\n", "MSH", "MSH|", "MSH|^~\\&", good("1"), good("1") + good("2"),
		header("ADT", "NORTH", "ADT^A28", "a\\T\\b^c~d", "P", "2.5.1|||AL|NE") + patientSegment,
		header("NEW", "SITE", "ORU^R01", "1", "", "") + patientSegment + "MRG|1^^^A&1.2&ISO~2^^^B\r",
		header("EHR", "FAMILY", "QRY^R02", "1", "P", "2.4"),
		"MSH*$%!@*ADT*NORTH***20250301**ADT$A28*1\xff*P*2.3\rPID***N1$$$NORTH\r",
		"MSH|^~\\&|ADT|NORTH|||||ADT^A28|\x1b$B0!\x1b(B|P|2.5.1||||||8859/1~ISO IR87\n" + patientSegment,
	} {
		f.Add([]byte(frame))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		if bytes.ContainsAny(frame, "\x0b\x1c") {
			return // no transport hands such bytes over
		}
		for _, policy := range []UnknownSources{RejectUnknown, QuarantineUnknown, AcceptUnknown} {
			w := newWorld(t, policy)
			before := bytes.Clone(frame)
			reply := w.broker.Receive(t.Context(), plain, frame)
			if !bytes.Equal(before, frame) {
				t.Fatal("the received bytes were changed")
			}
			m, err := hl7.Parse(frame)
			if err == nil && m.Header().Next("MSH").Exists() || err != nil && len(messagesOf(frame)) > 0 {
				continue // a batch, or a message behind something else
			}
			w.checkAnswer(reply, m)
		}
	})
}

// checkAnswer checks the answer to one message; m is nil when it is none.
func (w *world) checkAnswer(reply lockport.Reply, m *hl7.Message) {
	w.t.Helper()
	kept := 0
	for _, e := range w.journal.all() {
		if e.Kind == lockport.EntryMessage || e.Kind == lockport.EntryRefusal {
			kept++
		}
	}
	if kept+w.queries != 1 {
		w.t.Errorf("%d entries and %d queries of one message", kept, w.queries)
	}
	if w.queries > 0 {
		return
	}
	if reply.Frame == nil {
		if m == nil || m.Mode() != hl7.Enhanced {
			w.t.Error("silence")
		}
		return
	}
	answer, err := hl7.Parse(reply.Frame)
	if err != nil {
		w.t.Fatalf("the answer cannot be read: %v", err)
	}
	code := answer.First("MSA").Text(1)
	if m != nil && m.Header().Field(10).Valued() {
		// Byte by byte, because a control id may end within a two-byte shift.
		sep := string(m.Delimiters().Field)
		msa := "\rMSA" + sep + code + sep + string(m.Header().Field(10).Raw())
		if !bytes.Contains(reply.Frame, []byte(msa+sep)) && !bytes.Contains(reply.Frame, []byte(msa+"\r")) {
			w.t.Error("MSA-2 is not MSH-10")
		}
	}
	if m == nil && code != "AR" || !strings.Contains("AA AE AR CA CE CR", code) {
		w.t.Errorf("MSA-1 is %s", code)
	}
}
