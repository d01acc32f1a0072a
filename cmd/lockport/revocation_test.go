package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/consent"
	"github.com/lockport-hie/lockport/hl7"
)

// sodium is one ORU of the hospital about a patient.
func sodium(id, patient, value string) []byte {
	return []byte(strings.Join([]string{
		`MSH|^~\&|ADT1|UPSTATE|LOCKPORT|HIE|20250301121500-0500||ORU^R01^ORU_R01|` + id + `|P|2.5.1`,
		`PID|1||` + patient + `^^^UPSTATE^MR||EVERYWOMAN^EVE^L||19700412|F`,
		`OBR|1||` + id + `^LAB|2951-2^Sodium^LN|||20250301110000-0500|||||||||||||||20250301121400-0500||CH|F`,
		`OBX|1|NM|2951-2^Sodium^LN||` + value + `|mmol/L|136-145|N|||F`,
	}, "\r") + "\r")
}

// askResults asks as the practice does.
func askResults(id, patient string) []byte {
	o := queryOptions{as: "EHR|FAMCARE", receiver: "LOCKPORT|HIE", patient: patient + "^^^UPSTATE", clinician: "1234567893", limit: 50}
	frame, err := o.build(fixedTime, id)
	if err != nil {
		panic(err)
	}
	return frame
}

func observations(m *hl7.Message) int {
	n := 0
	for range m.All("OBX") {
		n++
	}
	return n
}

// TestNoRecordAfterADenial runs query loops over several connections while the
// patient gives and denies. A question asked after the denial was acknowledged
// never brings a record; one asked under a give always does.
func TestNoRecordAfterADenial(t *testing.T) {
	s := startServer(t, unknownReject, region()...)
	source := s.dial()
	for i := range 20 {
		if m := exchange(t, source, sodium(fmt.Sprintf("R%d", i), "MR1001", "140")); m.First("MSA").Text(1) != "AA" {
			t.Fatal("the report was not taken")
		}
	}
	// The low bit says whether the patient denies; a change moves the number on,
	// so that a question knows whether anything changed while it was on its way.
	var state atomic.Uint64
	state.Store(1)
	stop, asked := make(chan struct{}), [2]atomic.Uint64{}
	var askers sync.WaitGroup
	for a := range 8 {
		client := s.dial()
		askers.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				before := state.Load()
				reply, err := client.Exchange(context.Background(), askResults(fmt.Sprintf("Q%d-%d", a, n), "MR1001"))
				if err != nil {
					continue // a reply that a denial cut; the client dials again
				}
				m, err := hl7.Parse(reply)
				if err != nil {
					t.Error(err)
					return
				}
				if state.Load() != before {
					continue // the directive came in between: either answer is right
				}
				denied, n := before&1, observations(m)
				asked[denied].Add(1)
				if denied == 1 && n > 0 {
					t.Errorf("%d observations after the denial was acknowledged", n)
				}
				if denied == 0 && n != 20 {
					t.Errorf("%d of 20 observations under a consent", n)
				}
			}
		})
	}
	for round := range 30 {
		value := []consent.Value{consent.Give, consent.DenyAll}[round%2]
		state.Add(2) // from here on nothing is certain ...
		_, err := s.gate.Record(context.Background(), consent.Directive{
			Patient: lockport.Identifier{Value: "MR1001", Authority: "UPSTATE"}, Participant: "famcare",
			Value: value, Signed: fixedTime.Add(time.Duration(round) * time.Minute).Format(time.RFC3339), Signer: "self", Operator: "front desk",
		})
		if err != nil {
			t.Fatal(err)
		}
		next := state.Load() + 2
		if value == consent.DenyAll {
			next |= 1
		} else {
			next &^= 1
		}
		state.Store(next) // ... until here: acknowledged
		for from := asked[next&1].Load(); asked[next&1].Load() < from+16 && !t.Failed(); {
			exchange(t, source, sodium(fmt.Sprintf("W%d", round), "MR2", "1")) // something to wait for
		}
	}
	close(stop)
	askers.Wait()
	t.Logf("%d questions under a consent, %d under a denial", asked[0].Load(), asked[1].Load())
	if asked[0].Load() == 0 || asked[1].Load() == 0 {
		t.Error("the loop never asked on both sides, so it shows nothing")
	}
}
