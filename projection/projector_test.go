package projection

import (
	"strings"
	"testing"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
	"github.com/lockport-hie/lockport/clinical"
	"github.com/lockport-hie/lockport/consent"
	"github.com/lockport-hie/lockport/directory"
	"github.com/lockport-hie/lockport/patient"
)

const msh = "MSH|^~\\&|ADT|NORTH|LOCKPORT|HIE|20250301100000-0500||%TYPE%|C1|P|2.5.1\r"

func adt(trigger, body string) string {
	return strings.Replace(msh, "%TYPE%", "ADT^"+trigger, 1) + "EVN||20250301100000-0500\r" + body
}

func oru(body string) string { return strings.Replace(msh, "%TYPE%", "ORU^R01", 1) + body }

func pid(ids string) string { return "PID|1||" + ids + "||DOE^ADA||19700412|F\r" }

func (h *house) registration(authority, value string) (patient.Registration, bool) {
	h.t.Helper()
	holders, found, err := index{h.record}.Holders(lockport.Identifier{Authority: lockport.AuthorityID(authority), Value: value})
	if err != nil {
		h.t.Fatal(err)
	}
	if !found || len(holders.Registrations) == 0 {
		return patient.Registration{}, false
	}
	r, _, err := index{h.record}.Registration(holders.Registrations[0])
	if err != nil {
		h.t.Fatal(err)
	}
	return r, true
}

func TestSharedIdentifierLinksRegistrationsOfTwoHospitals(t *testing.T) {
	h := newHouse(t)
	h.receive("north-adt", "ADT^A28", adt("A28", pid("N1^^^NORTH^MR~S9^^^STATE^MA")))
	h.receive("south-adt", "ADT^A28", adt("A28", pid("X7^^^SOUTH^MR~S9^^^STATE^MA")))
	h.receive("south-adt", "ADT^A28", adt("A28", pid("X8^^^SOUTH^MR")))
	north, _ := h.registration("NORTH", "N1")
	south, _ := h.registration("SOUTH", "X7")
	other, _ := h.registration("SOUTH", "X8")
	if north.Person == 0 || north.Person != south.Person {
		t.Errorf("persons %d and %d, want one", north.Person, south.Person)
	}
	if other.Person == north.Person {
		t.Error("a patient without the shared identifier was drawn in")
	}
}

func TestMergeFollowsAndKeepsTheOldIdentifier(t *testing.T) {
	h := newHouse(t)
	h.receive("north-adt", "ADT^A28", adt("A28", pid("N1^^^NORTH")))
	h.receive("north-adt", "ADT^A28", adt("A28", pid("N2^^^NORTH")))
	seq := h.receive("north-adt", "ADT^A40", adt("A40", pid("N1^^^NORTH")+"MRG|N2^^^NORTH\r"))
	if q := h.quarantined(seq); q.Reason != "" {
		t.Fatalf("merge was held: %s", q.Reason)
	}
	survivor, _ := h.registration("NORTH", "N1")
	old, found := h.registration("NORTH", "N2")
	if !found || old.Person != survivor.Person {
		t.Error("the old identifier no longer leads to the person")
	}
}

func TestForeignSendersMayNotChangeIdentifiers(t *testing.T) {
	cases := map[string]struct{ app, kind, raw string }{
		"merge of another's authority": {"south-adt", "ADT^A40", adt("A40", pid("N1^^^NORTH")+"MRG|N2^^^NORTH\r")},
		"update of another's patient":  {"south-adt", "ADT^A31", adt("A31", pid("N1^^^NORTH"))},
		"unknown authority":            {"south-adt", "ADT^A28", adt("A28", pid("1^^^NOWHERE"))},
		"no identifier":                {"south-adt", "ADT^A28", adt("A28", pid(""))},
		"merge across authorities":     {"south-adt", "ADT^A40", adt("A40", pid("N1^^^NORTH")+"MRG|X2^^^SOUTH\r")},
		"merge without MRG":            {"north-adt", "ADT^A40", adt("A40", pid("N1^^^NORTH"))},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.receive("north-adt", "ADT^A28", adt("A28", pid("N1^^^NORTH")))
			before, _ := h.registration("NORTH", "N1")
			seq := h.receive(c.app, c.kind, c.raw)
			q := h.quarantined(seq)
			if q.State != lockport.StateQuarantined || q.Reason == "" {
				t.Errorf("state %q, want quarantined with a reason", q.State)
			}
			if strings.Contains(q.Reason, "DOE") || strings.Contains(q.Reason, "N1") {
				t.Error("the reason holds content")
			}
			after, _ := h.registration("NORTH", "N1")
			if after.Updated != before.Updated || after.Into != before.Into {
				t.Error("a held message changed the registration")
			}
		})
	}
}

const report = "OBR|1||F1^LAB|2951-2^Sodium^LN|||20250301090000-0500|||||||||||||||20250301100000-0500|||F\r" +
	"OBX|1|NM|2951-2^Sodium^LN||140|mmol/L|136-145|N|||F\rNTE|1||note\r"

// filed returns the results of a patient, newest last.
func (h *house) filed(authority, value string) []clinical.Result {
	h.t.Helper()
	r, ok := h.registration(authority, value)
	if !ok {
		return nil
	}
	var found []clinical.Result
	err := h.record.Scan(lockport.TablePatientResults, r.ID.Key(), nil, func(_ []byte, decode func(any) error) (bool, error) {
		var place []byte
		if err := decode(&place); err != nil {
			return false, err
		}
		var r clinical.Result
		known, err := h.record.Get(lockport.TableResults, place, &r)
		if !known {
			h.t.Error("the list of a patient names a result that is not there")
		}
		found = append(found, r)
		return true, err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return found
}

// versions returns the versions of a result, in journal order.
func (h *house) versions(r clinical.Result) []clinical.Version {
	h.t.Helper()
	var all []clinical.Version
	for i, ref := range r.Versions {
		v := r.FirstVersion()
		if i > 0 {
			v = clinical.Version{}
			if found, err := h.record.Get(lockport.TableResultVersions, clinical.VersionKey(ref.Seq, ref.Order), &v); err != nil || !found {
				h.t.Fatal("a version is missing: ", err)
			}
		}
		all = append(all, v)
	}
	return all
}

// results says of a patient's results what filters look at.
func (h *house) results(authority, value string) []clinical.ResultSummary {
	h.t.Helper()
	var found []clinical.ResultSummary
	for _, r := range h.filed(authority, value) {
		found = append(found, clinical.Summarise(clinical.CurrentView(h.versions(r)), r))
	}
	return found
}

func TestCorrectionBecomesTheCurrentVersionAndTheOldOneStays(t *testing.T) {
	h := newHouse(t)
	h.receive("north-adt", "ORU^R01", oru(pid("N1^^^NORTH")+report))
	corrected := strings.NewReplacer("|140|", "|141|", "20250301100000-0500|||F", "20250301110000-0500|||C", "|N|||F", "|N|||C").Replace(report)
	h.receive("north-adt", "ORU^R01", oru(pid("N1^^^NORTH")+corrected))
	found := h.results("NORTH", "N1")
	if len(found) != 1 || found[0].Status != "C" {
		t.Fatalf("%d results listed, want one with status C", len(found))
	}
	r := h.filed("NORTH", "N1")[0]
	if n := len(r.Versions); n != 2 {
		t.Fatalf("%d versions kept, want 2", n)
	}
	v := h.versions(r)[r.Current]
	if got := string(v.Units[0].Segments); !strings.Contains(got, "|141|") || !strings.HasSuffix(got, "NTE|1||note\r") {
		t.Error("the current unit is not the corrected OBX with its note, as received")
	}
}

func TestOneHeldGroupDoesNotHoldTheOthersAndIsReleasedAlone(t *testing.T) {
	h := newHouse(t)
	second := strings.Replace(report, "F1^LAB", "F2^LAB", 1)
	raw := oru(pid("N1^^^NORTH") + report + pid("Z1^^^LATER") + second)
	seq := h.receive("north-adt", "ORU^R01", raw)
	q := h.quarantined(seq)
	if q.State != lockport.StateQuarantined || len(q.Groups) != 1 || q.Groups[0] != 2 {
		t.Fatalf("held groups %v in state %q, want the second", q.Groups, q.State)
	}
	if len(h.results("NORTH", "N1")) != 1 {
		t.Error("the sound group was not applied")
	}
	h.change(authorityChange("LATER", "north"))
	h.apply(lockport.EntryMessage, &lockport.Message{
		Raw: []byte(raw), Application: "north-adt", Participant: "north", Type: "ORU^R01", Zone: "America/New_York", Replay: seq,
	})
	if q := h.quarantined(seq); q.State != lockport.StateReleased {
		t.Errorf("state %q after the release", q.State)
	}
	if len(h.results("LATER", "Z1")) != 1 {
		t.Error("the released group was not applied")
	}
	if n := len(h.filed("NORTH", "N1")[0].Versions) + len(h.filed("LATER", "Z1")[0].Versions); n != 2 {
		t.Errorf("%d versions, want 2: the first group must not be applied again", n)
	}
}

func TestOrderNumberOfAnotherPatientIsHeld(t *testing.T) {
	h := newHouse(t)
	h.receive("north-adt", "ORU^R01", oru(pid("N1^^^NORTH")+report))
	seq := h.receive("north-adt", "ORU^R01", oru(pid("N2^^^NORTH")+report))
	if q := h.quarantined(seq); q.State != lockport.StateQuarantined {
		t.Error("one order was filed under two patients")
	}
	if len(h.results("NORTH", "N2")) != 0 {
		t.Error("the other patient shows the result")
	}
}

func TestOnlyConsentedPatientsAreQueuedForAFeed(t *testing.T) {
	h := newHouse(t)
	id := lockport.Identifier{Authority: "NORTH", Value: "N1"}
	h.receive("north-adt", "ORU^R01", oru(pid("N1^^^NORTH")+report))
	if n := len(h.record.keys(lockport.TableOutbox)); n != 0 {
		t.Fatalf("%d rows queued without consent", n)
	}
	h.apply(lockport.EntryDirective, &consent.Directive{
		Patient: id, Participant: "family", Value: consent.Give, Signed: "2025-02-01", Signer: "self", Recorded: h.clock,
	})
	seq := h.receive("north-adt", "ORU^R01", oru(pid("N1^^^NORTH")+report))
	rows := h.record.keys(lockport.TableOutbox)
	if len(rows) != 1 || rows[0] != string(lockport.OutboxKey("family-results", seq, 1)) {
		t.Fatalf("%d rows queued, want the one of the new message", len(rows))
	}
	h.apply(lockport.EntryDelivery, &lockport.Delivery{Feed: "family-results", Row: []byte(rows[0]), Outcome: lockport.Delivered})
	h.apply(lockport.EntryDelivery, &lockport.Delivery{Feed: "family-results", Row: []byte(rows[0]), Outcome: lockport.Delivered})
	var state lockport.FeedState
	if _, err := h.record.Get(lockport.TableFeeds, []byte("family-results"), &state); err != nil {
		t.Fatal(err)
	}
	if state.Queued != 1 || state.Delivered != 1 || state.Last != seq {
		t.Errorf("feed counts %+v, want one queued and one delivered", state)
	}
}

func TestDiscardedStaysDiscarded(t *testing.T) {
	h := newHouse(t)
	seq := h.receive("north-adt", "ADT^A28", adt("A28", pid("")))
	h.apply(lockport.EntryAction, &audit.Action{Operator: "op", Verb: verbDiscard, Target: seq})
	if q := h.quarantined(seq); q.State != lockport.StateDiscarded || q.Reason == "" {
		t.Errorf("state %q, want discarded with its reason kept", q.State)
	}
}

func TestVoidedDirectiveStaysVisible(t *testing.T) {
	h := newHouse(t)
	d := consent.Directive{Patient: lockport.Identifier{Authority: "NORTH", Value: "N1"}, Participant: "family", Value: consent.Give, Signed: "2025-02-01"}
	seq := h.apply(lockport.EntryDirective, &d)
	h.apply(lockport.EntryDirective, &consent.Directive{Patient: d.Patient, Voids: seq})
	ds, err := appendDirectives(nil, h.record, d.Patient)
	if err != nil || len(ds) != 1 || !ds[0].Voided || ds[0].Seq != seq {
		t.Errorf("%d directives, %v; want the one, voided", len(ds), err)
	}
}

func TestADirectoryChangeThatDoesNotFitIsShown(t *testing.T) {
	h := newHouse(t)
	seq := h.apply(lockport.EntryDirectory, &directory.Change{Op: directory.Put, Application: &directory.Application{
		ID: "lost", Participant: "nobody", Name: "X", Facility: "Y", Roles: []directory.Role{directory.Source}}})
	if q := h.quarantined(seq); q.State != lockport.StateQuarantined || q.Reason == "" {
		t.Error("the change vanished without a trace")
	}
}
