package projection

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/clinical"
	"github.com/lockport-hie/lockport/consent"
	"github.com/lockport-hie/lockport/directory"
	"github.com/lockport-hie/lockport/patient"
)

// dump is everything of the record but counters and quarantine.
func (h *house) dump() map[lockport.Table]map[string]string {
	all := map[lockport.Table]map[string]string{}
	for t, rows := range h.record.tables {
		if t == lockport.TableCounters || t == lockport.TableQuarantine {
			continue
		}
		all[t] = map[string]string{}
		for key, row := range rows {
			all[t][key] = string(row)
		}
	}
	return all
}

func TestAHeldMessageLeavesNothingBehind(t *testing.T) {
	const visit = "PV1|1|I|W^1||||||||||||||||V1^^^NORTH\r"
	cases := map[string]struct{ kind, raw string }{
		"visit of another patient": {"ADT^A01", adt("A01", pid("N9^^^NORTH~S9^^^STATE")+visit)},
		"second pair of a merge":   {"ADT^A40", adt("A40", pid("N1^^^NORTH")+"MRG|N2^^^NORTH\r"+pid("N1^^^NORTH")+"MRG|X1^^^SOUTH\r")},
		"second MRG-1 of a pair":   {"ADT^A40", adt("A40", pid("N1^^^NORTH")+"MRG|N2^^^NORTH~X1^^^SOUTH\r")},
		"order of another patient": {"ORU^R01", oru(pid("N9^^^NORTH~S9^^^STATE") + strings.Replace(report, "F1^", "F7^", 1) + report)},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.receive("north-adt", "ADT^A28", adt("A28", pid("N2^^^NORTH")))
			h.receive("north-adt", "ADT^A01", adt("A01", pid("N1^^^NORTH")+visit))
			h.receive("north-adt", "ORU^R01", oru(pid("N1^^^NORTH")+report))
			before := h.dump()
			seq := h.receive("north-adt", c.kind, c.raw)
			if q := h.quarantined(seq); q.State != lockport.StateQuarantined {
				t.Fatalf("state %q, want quarantined", q.State)
			}
			if diff := cmp.Diff(before, h.dump()); diff != "" {
				t.Error("the held message changed the record")
			}
		})
	}
}

func TestOneOrderNumberTwiceInAMessageKeepsBothReports(t *testing.T) {
	h := newHouse(t)
	second := strings.NewReplacer("2951-2^Sodium", "2823-3^Potassium", "20250301090000", "20250301093000").Replace(report)
	h.receive("north-adt", "ORU^R01", oru(pid("N1^^^NORTH")+report+second))
	found := h.results("NORTH", "N1")
	if len(found) != 1 {
		t.Fatalf("one order is listed %d times", len(found))
	}
	if got := strings.Join(found[0].Codes, " "); got != "2823-3 2951-2" {
		t.Errorf("the order shows %s, want both observations", got)
	}
}

func TestADeletedObservationTakesNoOtherWithIt(t *testing.T) {
	h := newHouse(t)
	h.receive("north-adt", "ORU^R01", oru(pid("N1^^^NORTH")+"OBR|1||F1^LAB|X||||||||||||||||||||F\r"+
		"OBX|1|TX|1^Text^L||right||||||F\rOBX|2|TX|1^Text^L||wrong||||||D\rOBX|3|TX|2^Other^L||||||||U\r"))
	v := h.filed("NORTH", "N1")[0].FirstVersion()
	view := clinical.CurrentView([]clinical.Version{v})
	if len(view.Units) == 0 || !strings.Contains(string(view.Units[0].Segments), "|right|") || strings.Contains(string(view.Units[0].Segments), "|wrong|") {
		t.Error("a deleted segment took another one with it, or stayed")
	}
	if last := v.Units[len(v.Units)-1]; last.Status != "U" || !last.NoValue {
		t.Error("an observation without a value is not known as such")
	}
}

func TestAMessageTypeIsNoNameOfACounter(t *testing.T) {
	h := newHouse(t)
	for _, kind := range []string{strings.Repeat("X", 1<<16) + "^A01", "ADT^DOE", "ACK^DOE"} {
		h.receive("north-adt", kind, oru(pid("N1^^^NORTH")))
	}
	for _, key := range h.record.keys(lockport.TableCounters) {
		if len(key) > 100 || strings.Contains(key, "DOE") {
			t.Error("what a sender wrote into MSH-9 became a counter's name")
		}
	}
}

func TestAReplayAppliesOnceAndNeverWhatWasDiscarded(t *testing.T) {
	h := newHouse(t)
	raw := oru(pid("N1^^^NORTH") + strings.Replace(report, "F1^LAB", "", 1) + pid("Z1^^^LATER") + strings.Replace(report, "F1^LAB", "F2", 1))
	seq := h.receive("north-adt", "ORU^R01", raw)
	h.change(authorityChange("LATER", "north"))
	for range 2 {
		h.apply(lockport.EntryMessage, &lockport.Message{Raw: []byte(raw), Application: "north-adt", Participant: "north", Type: "ORU^R01", Zone: "America/New_York", Replay: seq})
	}
	if n, m := len(h.results("NORTH", "N1")), len(h.results("LATER", "Z1")); n != 1 || m != 1 {
		t.Errorf("%d and %d results, want one each", n, m)
	}
}

func TestARemovedFeedLeavesNoRows(t *testing.T) {
	h := newHouse(t)
	h.receive("north-adt", "ORU^R01", oru(pid("N1^^^NORTH")+report))
	h.apply(lockport.EntryDirective, &consent.Directive{Patient: lockport.Identifier{Authority: "NORTH", Value: "N1"}, Participant: "family", Value: consent.Give, Signed: "2025-02-01", Signer: "self", Recorded: h.clock})
	h.receive("north-adt", "ORU^R01", oru(pid("N1^^^NORTH")+report))
	if len(h.record.keys(lockport.TableOutbox)) != 1 {
		t.Fatal("nothing is queued")
	}
	h.apply(lockport.EntryDirectory, &directory.Change{Op: directory.Remove, Feed: &directory.Feed{ID: "family-results"}})
	if n := len(h.record.keys(lockport.TableOutbox)) + len(h.record.keys(lockport.TableFeeds)); n != 0 {
		t.Errorf("%d rows are left for whoever gets the feed's name next", n)
	}
}

// The laboratory writes the hospital's number before the hospital does.
func TestAProvisionalRegistrationHasTheDetailsOfWhoReported(t *testing.T) {
	h := newHouse(t)
	h.receive("south-adt", "ORU^R01", oru(pid("N1^^^NORTH")+report))
	if r, _ := h.registration("NORTH", "N1"); !r.Provisional || r.Details.BirthDate != "19700412" {
		t.Error("a provisional registration has no birth date, and its patient would count as a minor")
	}
	h.receive("north-adt", "ADT^A28", adt("A28", strings.Replace(pid("N1^^^NORTH"), "19700412", "19710412", 1)))
	h.receive("south-adt", "ORU^R01", oru(pid("N1^^^NORTH")+report))
	if r, _ := h.registration("NORTH", "N1"); r.Provisional || r.Details.BirthDate != "19710412" {
		t.Error("another sender's word counts beside the owner's")
	}
}

// The birth date may stand on another registration of the person than the one
// that the report is about.
func TestQueueingKnowsTheBirthDateOfThePerson(t *testing.T) {
	h := newHouse(t)
	born := func(day, ids string) string { return strings.Replace(pid(ids), "19700412", day, 1) }
	h.receive("north-adt", "ADT^A28", adt("A28", born("20070101", "N1^^^NORTH~S9^^^STATE")))
	h.receive("south-adt", "ADT^A28", adt("A28", born("", "X1^^^SOUTH~S9^^^STATE")))
	h.apply(lockport.EntryDirective, &consent.Directive{Patient: lockport.Identifier{Authority: "SOUTH", Value: "X1"}, Participant: "family", Value: consent.Give, Signed: "2024-06-01", Signer: "parent", Recorded: h.clock})
	h.receive("south-adt", "ORU^R01", oru(born("", "X1^^^SOUTH")+report))
	if n := len(h.record.keys(lockport.TableOutbox)); n != 0 {
		t.Error("a parent's grant for an adult queued a row, because the reporting hospital does not know the birth date")
	}
}

func TestVisitNumbersOfOthersStayApart(t *testing.T) {
	visit := func(number string) string { return "PV1|1|I|W^1||||||||||||||||" + number + "\r" }
	h := newHouse(t)
	h.receive("south-adt", "ADT^A01", adt("A01", pid("X1^^^SOUTH")+visit("V1^^^NORTH")))
	seq := h.receive("north-adt", "ADT^A01", adt("A01", pid("N1^^^NORTH")+visit("V1^^^NORTH")))
	if q := h.quarantined(seq); q.Reason != "" {
		t.Errorf("a hospital's visit number was taken by another one: %s", q.Reason)
	}
	h.receive("north-adt", "ADT^A01", adt("A01", pid("N1^^^NORTH")+visit("V2^^^EAST")))
	h.receive("north-adt", "ADT^A01", adt("A01", pid("N1^^^NORTH")+visit("V2^^^WEST")))
	if n := len(h.record.keys(lockport.TableVisits)); n != 4 {
		t.Errorf("%d visits, want 4: numbers of two unknown authorities are two visits", n)
	}
}

func TestTimesAreKeptAsTheyAreCompared(t *testing.T) {
	h := newHouse(t)
	h.receive("north-adt", "ORU^R01", oru(pid("N1^^^NORTH")+strings.Replace(report, "090000-0500", "090000.123456789-0500", 1)))
	if got := h.results("NORTH", "N1")[0].Collected.Nanosecond(); got != 123456000 {
		t.Errorf("%d ns, want what a row key can tell apart", got)
	}
}

func TestADraftIsReadAsWritten(t *testing.T) {
	m := newMemory()
	d := newDraft(m)
	r := patient.Registration{ID: 1, Person: 1}
	if err := d.Put(lockport.TableRegistrations, r.ID.Key(), &r); err != nil {
		t.Fatal(err)
	}
	r.Person = 9 // after Put the row is the draft's own
	var got patient.Registration
	if found, err := d.Get(lockport.TableRegistrations, r.ID.Key(), &got); err != nil || !found || got.Person != 1 {
		t.Error("a draft does not read what was put")
	}
	if len(m.keys(lockport.TableRegistrations)) != 0 {
		t.Error("a draft wrote before it was kept")
	}
	if err := d.Delete(lockport.TableRegistrations, r.ID.Key()); err != nil {
		t.Fatal(err)
	}
	if found, _ := d.Get(lockport.TableRegistrations, r.ID.Key(), &got); found {
		t.Error("a deleted row is still read")
	}
}

func TestADraftIsScannedAsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		below, want := newMemory(), newMemory()
		d := newDraft(below)
		key := rapid.StringOfN(rapid.RuneFrom([]rune("ab")), 0, 3, -1)
		for i := range rapid.IntRange(0, 12).Draw(t, "writes") {
			k, n := []byte(key.Draw(t, "key")), uint64(i)
			into := rapid.SampledFrom([]lockport.Tx{below, d}).Draw(t, "into")
			if rapid.Bool().Draw(t, "delete") && into == lockport.Tx(d) {
				_, _ = d.Delete(lockport.TableCounters, k), want.Delete(lockport.TableCounters, k)
				continue
			}
			if _, drafted := d.rows[draftKey{lockport.TableCounters, string(k)}]; drafted {
				into = d
			}
			_, _ = into.Put(lockport.TableCounters, k, &n), want.Put(lockport.TableCounters, k, &n)
		}
		prefix, from, limit := []byte(key.Draw(t, "prefix")), []byte(key.Draw(t, "from")), rapid.IntRange(1, 5).Draw(t, "limit")
		read := func(tx lockport.Tx) (rows []string) {
			err := tx.Scan(lockport.TableCounters, prefix, from, func(key []byte, decode func(any) error) (bool, error) {
				var n uint64
				err := decode(&n)
				rows = append(rows, fmt.Sprint(string(key), n))
				return len(rows) < limit, err
			})
			if err != nil {
				t.Fatal(err)
			}
			return rows
		}
		if got := read(d); !slices.Equal(got, read(want)) {
			t.Fatalf("the draft shows %v, want %v", got, read(want))
		}
	})
}

func TestOneFrameCannotHoldUpTheRecord(t *testing.T) {
	for name, body := range map[string]string{
		"in one group":   pid("N1^^^NORTH") + strings.Repeat("OBR|1||F1|X\r", 20_000),
		"in many groups": strings.Repeat(pid("N1^^^NORTH")+"OBR|1||F1|X\r", 10_000),
	} {
		h := newHouse(t)
		seq := h.receive("north-adt", "ORU^R01", oru(body))
		if q := h.quarantined(seq); q.State != lockport.StateQuarantined {
			t.Errorf("%s: thousands of reports of one order were merged", name)
		}
		if n := len(h.record.keys(lockport.TableResultVersions)) + len(h.record.keys(lockport.TableResults)); n > maxReports {
			t.Errorf("%s: %d versions", name, n)
		}
	}
}
