package audit

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lockport-hie/lockport"
)

type lined struct{}

func (*lined) AuditLine() (who, what, detail string) {
	return "officer", "directive", "deny for upstate"
}

func TestDescribe(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.FixedZone("", -5*3600))
	tests := []struct {
		kind lockport.EntryKind
		body any
		want Line
	}{
		{lockport.EntryMessage, &lockport.Message{Raw: []byte("MSH|"), Application: "lab", Type: "ORU^R01", Version: "2.5.1", ControlID: "C1", AckCode: "AA"},
			Line{Kind: "message", Who: "lab", What: "ORU^R01 2.5.1", Outcome: "AA", Detail: "control id C1, 4 bytes"}},
		{lockport.EntryRefusal, &lockport.Message{Raw: []byte("x"), AckCode: "AR", Reason: "MSH-9: type not taken", Code: 200, Trial: true},
			Line{Kind: "refusal", Who: "unknown sender", Outcome: "AR", Reason: "MSH-9: type not taken", Detail: "1 byte, error 200, trial sender"}},
		{lockport.EntryDisclosure, &Disclosure{Channel: ChannelQuery, Application: "ehr", Participant: "upstate", Clinician: "1234567893", Person: 7,
			Purpose: lockport.Treatment, Outcome: Permitted, Reason: "participant-give", Basis: 12, Query: "QBP^ZR1",
			Released: []RecordRef{{Kind: "result"}, {Kind: "visit"}, {Kind: "result"}, {Kind: "demographics"}, {Kind: "demographics"}}},
			Line{Kind: "disclosure", Who: "ehr, for upstate, NPI 1234567893", What: "QBP^ZR1, purpose TREAT", Outcome: "permit", Reason: "participant-give",
				Detail: "person 7, basis 12, 1 visit, 2 demographics, 2 results"}},
		{lockport.EntryAction, &Action{Operator: "ann", Verb: "message show", Object: "12", Target: 12, Reason: "Mrs Example called"},
			Line{Kind: "action", Who: "ann", What: "message show", Reason: "in words", Detail: "12, entry 12"}},
		{lockport.EntryDelivery, &lockport.Delivery{Feed: "f1", Outcome: lockport.Withheld, Reason: "participant-deny", Attempts: 1, Disclosure: 9},
			Line{Kind: "delivery", Who: "feed f1", What: "delivery", Outcome: "withheld", Reason: "participant-deny", Detail: "audited in 9, 1 attempt"}},
		{lockport.EntryDirective, &lined{}, Line{Kind: "directive", Who: "officer", What: "directive", Detail: "deny for upstate"}},
		{lockport.EntryGrant, nil, Line{Kind: "grant"}},
		{lockport.EntryMessage, (*lockport.Message)(nil), Line{Kind: "message"}},
		{99, 5, Line{Kind: "unknown"}},
	}
	for _, test := range tests {
		test.want.Sequence, test.want.Time = 5, at.UTC()
		got := Describe(&lockport.Entry{Seq: 5, Kind: test.kind, Time: at, Body: test.body})
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.kind, diff)
		}
	}
	if Describe(nil) != (Line{}) {
		t.Error("no entry has a line")
	}
}

// TestDescribeHoldsNoContent plants a word in every field that can hold protected
// information, and an escape sequence in every one that came from outside.
func TestDescribeHoldsNoContent(t *testing.T) {
	const planted = "PLANTED NAME"
	id := lockport.Identifier{Value: planted, Authority: "A"}
	for _, body := range []any{
		&lockport.Message{Raw: []byte(planted), Ack: []byte(planted), ControlID: "\x1b[2J\u202e", Type: "\x00\n"},
		&Disclosure{Asked: []lockport.Identifier{id}, Attestation: planted, Reason: planted, ControlID: "\r\n", Query: strings.Repeat("Q", 4096)},
		&Action{Reason: planted, Object: "\x9b1m"},
		&lockport.Delivery{Row: []byte(planted), ControlID: "\x7f"},
	} {
		out, err := json.Marshal(Describe(&lockport.Entry{Body: body}))
		if err != nil || strings.Contains(string(out), planted) {
			t.Errorf("%T: content in its line (%v)", body, err)
		}
		if strings.ContainsAny(string(out), "\x1b\\\x7f\u202e\u009b") || len(out) > 5*maxField+200 {
			t.Errorf("%T: control characters or %d bytes in its line", body, len(out))
		}
	}
}
