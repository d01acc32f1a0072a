package broker

import (
	"strings"
	"testing"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/hl7"
)

func TestABatchIsTakenMessageByMessage(t *testing.T) {
	w := newWorld(t, RejectUnknown)
	bad := header("ADT", "NORTH", "ADT^A99", "2", "P", "2.5.1")
	frame := "FHS|^~\\&|A\rBHS|^~\\&|A\r" + good("1") + bad + good("3") + "BTS|3\rFTS|1\r"
	reply := w.broker.Receive(t.Context(), plain, []byte(frame))
	var answers []string
	for m, err := range hl7.Split(reply.Frame) {
		if err != nil {
			t.Fatalf("the answer is no sound batch: %v", err)
		}
		ack, err := hl7.Parse(m)
		if err != nil {
			t.Fatal(err)
		}
		answers = append(answers, ack.First("MSA").Text(1)+ack.First("MSA").Text(2))
	}
	if got := strings.Join(answers, " "); got != "AA1 AR2 AA3" {
		t.Errorf("answers %s", got)
	}
	entries := w.journal.all()
	if len(entries) != 3 || string(entries[0].Body.(*lockport.Message).Raw) != good("1") {
		t.Errorf("%d entries, want one a message with its own bytes", len(entries))
	}
}

func TestOneMessageAmongOtherThingsIsAnsweredPlainly(t *testing.T) {
	for name, frame := range map[string]string{
		"batch of one":     "BHS|^~\\&|A\r" + good("1") + "BTS|1\r",
		"batch, cut short": "BHS|^~\\&|A\r" + good("1") + "BTS|25\r",
		"behind junk":      "junk\rjunk\r" + good("1"),
	} {
		w := newWorld(t, RejectUnknown)
		if _, m := w.send(plain, frame); m.First("MSA").Text(1) != "AA" || m.First("MSA").Text(2) != "1" {
			t.Errorf("%s: not taken", name)
		}
	}
}

func TestABatchWithAnUnknownOutcomeIsNotAnswered(t *testing.T) {
	w := newWorld(t, RejectUnknown)
	w.journal.fail = lockport.Errorf(lockport.Unavailable, "append", "failed")
	reply := w.broker.Receive(t.Context(), plain, []byte(good("1")+good("2")))
	if reply.Frame != nil || !reply.Close {
		t.Error("a batch was answered although it is not known whether it is on disk")
	}
}

func TestQueriesAreNotTakenInBatches(t *testing.T) {
	w := newWorld(t, RejectUnknown)
	w.broker.Receive(t.Context(), plain, []byte(good("1")+header("EHR", "FAMILY", "QRY^R02", "2", "P", "2.4")))
	if w.queries != 0 {
		t.Error("a query in a batch was answered")
	}
}
