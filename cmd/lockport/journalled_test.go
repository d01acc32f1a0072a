package main

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
	"github.com/lockport-hie/lockport/directory"
)

// verb asks the server's own verb, as a user with all roles.
func (s *server) verb(path string, question any) error {
	s.t.Helper()
	body, err := json.Marshal(question)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, v := range s.verbs() {
		if v.path == path {
			_, err := v.serve(context.Background(), caller{User: "ann", Roles: allRoles()}, strings.NewReader(string(body)))
			return err
		}
	}
	s.t.Fatalf("there is no verb %s", path)
	return nil
}

// heldMessage sends a message of an authority that nobody registered and returns its entry.
func (s *server) heldMessage(id string) lockport.Seq {
	s.t.Helper()
	exchange(s.t, s.dial(), []byte("MSH|^~\\&|ADT1|UPSTATE|LOCKPORT|HIE|20250301||ADT^A01|"+id+"|P|2.5.1\rEVN||20250301\rPID|1||1^^^NOBODY||DOE^ANN\rPV1|1|I\r"))
	s.settle()
	return s.store.End()
}

// people makes three patients known, the third merged into the first.
func (s *server) people() {
	s.t.Helper()
	said := func(trigger, id, body string) {
		exchange(s.t, s.dial(), []byte("MSH|^~\\&|ADT1|UPSTATE|LOCKPORT|HIE|20250301||ADT^"+trigger+"|"+id+"|P|2.5.1\rEVN||20250301\r"+body))
	}
	said("A28", "P5", "PID|1||5^^^UPSTATE\r")
	said("A28", "P6", "PID|1||6^^^UPSTATE\r")
	said("A40", "P7", "PID|1||5^^^UPSTATE\rMRG|7^^^UPSTATE\r")
	s.settle()
}

// Whatever an operator changes, and every view of a message's content, is in the journal
// with the name of who did it. A new verb that is not in this list fails the test.
func TestWhatOperatorsDoIsJournalled(t *testing.T) {
	s := startServer(t, unknownReject, region()...)
	first, second := s.heldMessage("M1"), s.heldMessage("M2")
	s.people()
	both := patientQuestion{Patient: "5^^^UPSTATE", With: "6^^^UPSTATE", Reason: "the desk says so"}
	record := recordConsentQuestion{Patient: "1^^^UPSTATE", Participant: "famcare", Decision: "give", Signed: "2024-06-01"}
	feed := directory.Feed{ID: "f", Application: "famcare-ehr", Kind: directory.ResultsFeed, To: "127.0.0.1:1", Insecure: true}
	steps := []struct {
		path     string
		question any
	}{
		{pathDirectoryChange, changeQuestion{Changes: []directory.Change{{Op: directory.Put, Feed: &feed}}}},
		{pathApplicationAdd, applicationQuestion{Application: directory.Application{ID: "new", Participant: "upstate", Name: "NEW", Roles: []directory.Role{directory.Source}}}},
		{pathConsentRecord, record},
		{pathConsentVoid, sequenceQuestion{Sequence: 0, Reason: "set below"}},
		{pathMessageShow, showQuestion{Sequence: first, Unmask: true, Reason: "the sender asks"}},
		{pathQuarantineRelease, sequenceQuestion{Sequence: first}},
		{pathQuarantineDiscard, sequenceQuestion{Sequence: second}},
		{pathFeedPause, pauseQuestion{ID: "f", Paused: true}},
		{pathFeedRetry, feedQuestion{ID: "f"}},
		{pathPatientShow, both},
		{pathPatientLink, both},
		{pathPatientUnlink, both},
		{pathPatientUnmerge, patientQuestion{Patient: "7^^^UPSTATE", Reason: "merged by mistake"}},
		{pathBackup, backupQuestion{To: filepath.Join(t.TempDir(), "backup")}},
	}
	covered := map[string]bool{pathFeedUncorrected: true, pathConsentList: true, pathConsentShow: true, pathConsentExplain: true} // they change and reveal nothing
	for _, step := range steps {
		before := s.store.End()
		if step.path == pathConsentVoid {
			step.question = sequenceQuestion{Sequence: before, Reason: "entered in error"}
		}
		if err := s.verb(step.path, step.question); err != nil {
			t.Fatalf("%s: %v", step.path, err)
		}
		if !s.journalled(before, "ann") {
			t.Errorf("%s is not in the journal under its operator", step.path)
		}
		covered[step.path] = true
	}
	for path, needs := range needed {
		if needs != "" && !covered[path] {
			t.Errorf("%s changes something and is not tried here", path)
		}
	}
}

// journalled reports whether an entry after one names an operator.
func (s *server) journalled(after lockport.Seq, operator string) bool {
	s.t.Helper()
	for e, err := range s.store.Entries(context.Background(), after+1, false) {
		if err != nil {
			s.t.Fatal(err)
		}
		if audit.Describe(e).Who == operator {
			return true
		}
	}
	return false
}

// A view without a reason, or by somebody who only counts, shows nothing and writes nothing.
func TestUnmaskingIsRefused(t *testing.T) {
	s := startServer(t, unknownReject, region()...)
	seq := s.heldMessage("M1")
	before := s.store.End()
	for name, c := range map[string]struct {
		roles  []role
		reason string
		kind   lockport.Kind
	}{
		"no reason": {allRoles(), "", lockport.Invalid},
		"analyst":   {[]role{roleAnalyst}, "curious", lockport.Unauthorized},
	} {
		answer, err := s.showMessage(context.Background(), caller{User: "ann", Roles: c.roles}, showQuestion{Sequence: seq, Unmask: true, Reason: c.reason})
		if err == nil || lockport.KindOf(err) != c.kind || len(answer.Segments) != 0 {
			t.Errorf("%s: %v with %d segments", name, err, len(answer.Segments))
		}
	}
	if s.store.End() != before {
		t.Error("a refused view was written down as one that happened")
	}
}
