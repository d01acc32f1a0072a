package broker

import (
	"bytes"
	"strings"
	"testing"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/directory"
	"github.com/lockport-hie/lockport/hl7"
)

// header makes a message from MSH-3, MSH-4, MSH-9, MSH-10, MSH-11 and MSH-12.
func header(app, facility, kind, id, processing, version string) string {
	return strings.Join([]string{"MSH", `^~\&`, app, facility, "LOCKPORT", "HIE", "20250301100000-0500", "", kind, id, processing, version}, "|") + "\r"
}

const patientSegment = "PID|1||N1^^^NORTH^MR||DOE^ADA\r"

func good(id string) string {
	return header("ADT", "NORTH", "ADT^A28^ADT_A05", id, "P", "2.5.1") + "EVN||20250301100000\r" + patientSegment
}

func TestAnswers(t *testing.T) {
	cases := []struct {
		name, frame string
		peer        lockport.Peer
		code, err   string // MSA-1 and ERR-3.1
		at          string // ERR-2 as a whole
		kept        lockport.EntryKind
	}{
		{"accepted", good("1"), plain, "AA", "", "", lockport.EntryMessage},
		{"enhanced mode", strings.Replace(good("1"), "|2.5.1", "|2.5.1|||AL|NE", 1), plain, "CA", "", "", lockport.EntryMessage},
		{"MSH-15 alone is original mode", strings.Replace(good("1"), "|2.5.1", "|2.5.1|||AL", 1), plain, "AA", "", "", lockport.EntryMessage},
		{"not HL7", "GET / HTTP/1.1\r\n", plain, "AR", "100", "MSH^1", lockport.EntryRefusal},
		{"empty frame", "", plain, "AR", "100", "MSH^1", lockport.EntryRefusal},
		{"no message type", header("ADT", "NORTH", "", "1", "P", "2.5.1"), plain, "AR", "101", "MSH^1^9", lockport.EntryRefusal},
		{"no control id", header("ADT", "NORTH", "ADT^A28", "", "P", "2.5.1"), plain, "AE", "101", "MSH^1^10", lockport.EntryRefusal},
		{"no control id, enhanced", header("ADT", "NORTH", "ADT^A28", "", "P", "2.5.1|||AL|NE"), plain, "CE", "101", "MSH^1^10", lockport.EntryRefusal},
		{"unknown version", header("ADT", "NORTH", "ADT^A28", "1", "P", "4.0"), plain, "AR", "203", "MSH^1^12", lockport.EntryRefusal},
		{"no version", header("ADT", "NORTH", "ADT^A28", "1", "P", ""), plain, "AR", "203", "MSH^1^12", lockport.EntryRefusal},
		{"test message on a productive link", header("ADT", "NORTH", "ADT^A28", "1", "T", "2.5.1"), plain, "AR", "202", "MSH^1^11", lockport.EntryRefusal},
		{"unknown event", header("ADT", "NORTH", "ADT^A99", "1", "P", "2.5.1"), plain, "AR", "201", "MSH^1^9^1^2", lockport.EntryRefusal},
		{"unknown event, enhanced", header("ADT", "NORTH", "ADT^A99", "1", "P", "2.5.1|||AL|NE"), plain, "CR", "201", "MSH^1^9^1^2", lockport.EntryRefusal},
		{"unknown type", header("ADT", "NORTH", "XYZ^Z01", "1", "P", "2.5.1"), plain, "AR", "200", "MSH^1^9^1^1", lockport.EntryRefusal},
		{"unasked reply", header("ADT", "NORTH", "RSP^K22", "1", "P", "2.5.1"), plain, "AR", "200", "MSH^1^9", lockport.EntryRefusal},
		{"unknown sender", header("NEW", "NOWHERE", "ADT^A28", "1", "P", "2.5.1"), plain, "AR", "207", "MSH^1^3", lockport.EntryRefusal},
		{"certificate's application without it", header("LAB", "NORTH", "ORU^R01", "1", "P", "2.5.1"), plain, "AR", "207", "MSH^1^3", lockport.EntryRefusal},
		{"certificate of another", good("1"), lockport.Peer{Address: "10.0.0.1:1", Fingerprint: fingerprint}, "AR", "207", "MSH^1^3", lockport.EntryRefusal},
		{"certificate of nobody", good("1"), lockport.Peer{Address: "10.0.0.1:1", Fingerprint: "bb"}, "AR", "207", "MSH^1^3", lockport.EntryRefusal},
		{"certificate agrees", header("LAB", "NORTH", "ORU^R01", "1", "P", "2.5.1") + patientSegment, lockport.Peer{Address: "10.0.0.1:1", Fingerprint: fingerprint}, "AA", "", "", lockport.EntryMessage},
		{"certificate agrees but for spaces", header(" LAB ", "NORTH ", "ORU^R01", "1", "P", "2.5.1") + patientSegment, lockport.Peer{Address: "10.0.0.1:1", Fingerprint: fingerprint}, "AA", "", "", lockport.EntryMessage},
		{"spaces around the header's codes", header("ADT", "NORTH", " ADT^A28 ^ADT_A05", "1", " P", "2.5.1 ") + patientSegment, plain, "AA", "", "", lockport.EntryMessage},
		{"version with its country", header("ADT", "NORTH", "ADT^A28", "1", "P^A", "2.5.1^USA^1") + patientSegment, plain, "AA", "", "", lockport.EntryMessage},
		{"no event", header("ADT", "NORTH", "ADT", "1", "P", "2.5.1"), plain, "AR", "201", "MSH^1^9^1^2", lockport.EntryRefusal},
		{"type in lower case", header("ADT", "NORTH", "adt^a28", "1", "P", "2.5.1"), plain, "AR", "200", "MSH^1^9^1^1", lockport.EntryRefusal},
		{"consent that would not count", good("1") + "CON|1|001||||||||||R\r", plain, "AE", "207", "CON^1", lockport.EntryRefusal},
		{"event of a provider only", header("EHR", "FAMILY", "ADT^A28", "1", "P", "2.5.1"), plain, "AR", "200", "MSH^1^9", lockport.EntryRefusal},
		{"query of a source", header("ADT", "NORTH", "QRY^R02", "1", "P", "2.4"), plain, "AR", "", "", lockport.EntryRefusal},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, RejectUnknown)
			_, answer := w.send(c.peer, c.frame)
			if answer == nil {
				t.Fatal("silence")
			}
			if got := answer.First("MSA").Text(1); got != c.code {
				t.Errorf("MSA-1 %s, want %s", got, c.code)
			}
			if got := answer.First("ERR").Component(3, 1).Text(); got != c.err {
				t.Errorf("ERR-3 %s, want %s", got, c.err)
			}
			if got := answer.First("ERR").Text(2); got != c.at {
				t.Errorf("ERR-2 %s, want %s", got, c.at)
			}
			entries := w.journal.all()
			if len(entries) != 1 || entries[0].Kind != c.kept {
				t.Fatalf("%d entries kept, want one %s", len(entries), c.kept)
			}
			body := entries[0].Body.(*lockport.Message)
			if string(body.Raw) != c.frame || body.AckCode != c.code {
				t.Error("the entry does not hold the bytes and the answer")
			}
		})
	}
}

func TestTheSameMessageAgainGetsTheStoredAnswer(t *testing.T) {
	w := newWorld(t, RejectUnknown)
	first, _ := w.send(plain, good("7"))
	again, _ := w.send(lockport.Peer{Address: "127.0.0.1:6000", Insecure: true}, good("7"))
	if !bytes.Equal(first.Frame, again.Frame) {
		t.Error("the second answer differs from the first")
	}
	if n := len(w.journal.all()); n != 1 {
		t.Errorf("stored %d times", n)
	}
	reused, m := w.send(plain, good("7")+"ZZZ|other\r")
	if bytes.Equal(reused.Frame, first.Frame) || m.First("MSA").Text(1) != "AA" || len(w.journal.all()) != 2 {
		t.Error("another message under the same control id was taken for a repetition")
	}
	w.send(lockport.Peer{Address: "127.0.0.9:6000", Insecure: true}, good("7"))
	if n := len(w.journal.all()); n != 3 {
		t.Error("an insecure peer at another address got the answer of the first")
	}
}

func TestRefusalsAreDecidedAnew(t *testing.T) {
	w := newWorld(t, RejectUnknown)
	frame := header("NEW", "NOWHERE", "ADT^A28", "1", "P", "2.5.1")
	w.send(plain, frame)
	d, err := w.directory.Apply(directory.Change{Op: directory.Put, Application: &directory.Application{
		ID: "new", Participant: "north", Name: "NEW", Facility: "NOWHERE", Roles: []directory.Role{directory.Source}}})
	if err != nil {
		t.Fatal(err)
	}
	w.directory = d
	if _, m := w.send(plain, frame); m.First("MSA").Text(1) != "AA" {
		t.Error("an earlier refusal was repeated to a sender that is known by now")
	}
}

func TestWhatCannotBeStoredIsNotAcknowledged(t *testing.T) {
	w := newWorld(t, RejectUnknown)
	w.journal.fail = lockport.Errorf(lockport.Full, "append", "no space")
	if _, m := w.send(plain, good("1")); m.First("MSA").Text(1) != "AR" {
		t.Error("a full disk must be answered AR, so that the sender tries again")
	}
	w.journal.fail = lockport.Errorf(lockport.Unavailable, "append", "failed")
	if reply, m := w.send(plain, good("1")); m != nil || !reply.Close {
		t.Error("an unknown outcome must end the connection without an answer")
	}
}

func TestTrialAdoptsSendersWithTheirOwnAuthorities(t *testing.T) {
	w := newWorld(t, AcceptUnknown)
	frame := header("NEW", "NOWHERE", "ADT^Z77", "1", "T", "9.9") + "PID|1||1^^^MRN||DOE\r"
	if _, m := w.send(plain, frame); m.First("MSA").Text(1) != "AA" {
		t.Fatal("a trial sender's event was refused")
	}
	var adopted []directory.Change
	for _, e := range w.journal.all() {
		if c, ok := e.Body.(*directory.Change); ok {
			adopted = append(adopted, *c)
		}
	}
	d, err := w.directory.Apply(adopted...)
	if err != nil {
		t.Fatal(err)
	}
	app, ok := d.ApplicationByHeader("NEW", "NOWHERE")
	if !ok || !app.Trial {
		t.Fatal("the sender was not adopted on trial")
	}
	before := len(w.journal.all())
	w.send(plain, strings.Replace(frame, "|1|T|", "|2|T|", 1))
	if got := len(w.journal.all()) - before; got != 1 {
		t.Errorf("the second message made %d entries, want its own only", got)
	}
	if _, m := w.send(plain, header("NEW", "NOWHERE", "QRY^R02", "3", "P", "2.4")); m.First("MSA").Text(1) != "AR" || w.queries != 0 {
		t.Error("a trial sender may never query")
	}
	if _, m := w.send(plain, header("NEW", "NOWHERE", "ACK^A01", "4", "P", "2.4")); m.First("MSA").Text(1) != "AA" {
		t.Error("a stray reply of a trial sender is stored raw and answered AA")
	}
}

func TestQuarantinePolicyTakesUnknownSendersWithoutAttributingThem(t *testing.T) {
	w := newWorld(t, QuarantineUnknown)
	if _, m := w.send(plain, header("NEW", "NOWHERE", "ADT^A28", "1", "P", "2.5.1")); m.First("MSA").Text(1) != "AA" {
		t.Fatal("not taken")
	}
	entries := w.journal.all()
	if body := entries[0].Body.(*lockport.Message); len(entries) != 1 || body.Application != "" {
		t.Error("an unknown sender was given an application")
	}
}

func TestAcceptAcknowledgementConditions(t *testing.T) {
	for condition, want := range map[string][2]bool{"AL": {true, true}, "NE": {false, false}, "ER": {false, true}, "SU": {true, false}} {
		w := newWorld(t, RejectUnknown)
		_, m := w.send(plain, strings.Replace(good("1"), "|2.5.1", "|2.5.1|||"+condition+"|NE", 1))
		if (m != nil) != want[0] {
			t.Errorf("%s: answered a success: %v", condition, m != nil)
		}
		_, m = w.send(plain, header("ADT", "NORTH", "ADT^A99", "1", "P", "2.5.1|||"+condition+"|NE"))
		if (m != nil) != want[1] {
			t.Errorf("%s: answered a failure: %v", condition, m != nil)
		}
	}
}

func TestProvidersQueriesReachTheQueryService(t *testing.T) {
	w := newWorld(t, RejectUnknown)
	reply := w.broker.Receive(t.Context(), plain, []byte(header("EHR", "FAMILY", "QRY^R02", "1", "P", "2.4")))
	if string(reply.Frame) != "answered" || w.queries != 1 || len(w.journal.all()) != 0 {
		t.Error("the query was not handed on")
	}
}

func TestAdmitWantsAKnownCertificate(t *testing.T) {
	w := newWorld(t, RejectUnknown)
	if err := w.broker.Admit(t.Context(), lockport.Peer{Fingerprint: "bb"}); lockport.KindOf(err) != lockport.Unauthorized {
		t.Error("an unknown certificate was admitted")
	}
	if err := w.broker.Admit(t.Context(), lockport.Peer{Fingerprint: fingerprint}); err != nil {
		t.Error("a known certificate was not admitted")
	}
}

type observed []string

func (o *observed) Answered(kind, code string, _ bool) { *o = append(*o, kind+" "+code) }

func TestFiguresBearNoNamesFromMessages(t *testing.T) {
	w := newWorld(t, AcceptUnknown)
	var seen observed
	w.broker.config.Observe = &seen
	w.send(plain, good("1"))
	w.send(plain, header("NEW", "SITE", "ADT^DOE", "1", "P", "2.5.1"))
	w.send(plain, header("NEW", "SITE", "ACK^DOE", "2", "P", "2.5.1"))
	w.send(plain, "DOE")
	if got := strings.Join(seen, ", "); got != "ADT^A28 AA, other AA, other AA,  AR" {
		t.Errorf("observed %s", got)
	}
}

func TestAFullDiskIsNotSaidToWhoTakesNoErrors(t *testing.T) {
	w := newWorld(t, RejectUnknown)
	w.journal.fail = lockport.Errorf(lockport.Full, "append", "no space")
	reply, _ := w.send(plain, strings.Replace(good("1"), "|2.5.1", "|2.5.1|||NE|NE", 1))
	if reply.Frame != nil || !reply.Close {
		t.Error("an unwanted answer, or no sign at all that the message was not taken")
	}
}

func TestATooLargeMessageIsAnsweredAndRemembered(t *testing.T) {
	w := newWorld(t, RejectUnknown)
	reply := w.broker.TooLarge(t.Context(), plain)
	m, err := hl7.Parse(reply.Frame)
	if err != nil || m.First("MSA").Text(1) != "AR" || m.First("ERR").Component(3, 1).Text() != "104" {
		t.Error("not answered AR 104")
	}
	entries := w.journal.all()
	if len(entries) != 1 || entries[0].Kind != lockport.EntryRefusal || entries[0].Body.(*lockport.Message).Code != 104 {
		t.Error("nothing says that it came")
	}
}
