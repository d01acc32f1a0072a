package projection

import (
	"strings"
	"testing"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/clinical"
	"github.com/lockport-hie/lockport/consent"
	"github.com/lockport-hie/lockport/directory"
)

// mdm is a document message of the north hospital, said at an hour of the day.
func mdm(trigger, hour, patient, txa, text string) string {
	raw := strings.Replace(msh, "%TYPE%", "MDM^"+trigger, 1) + "EVN||20250301" + hour + "0000-0500\r" + pid(patient) + "PV1|1|I\rTXA|1|DS|TX|20250301090000-0500||||||||" + txa + "\r"
	if text != "" {
		raw += "OBX|1|TX|18842-5^Discharge summary^LN||" + text + "||||||F\r"
	}
	return raw
}

func (h *house) documents(authority, value string) []clinical.Document {
	h.t.Helper()
	r, ok := h.registration(authority, value)
	if !ok {
		return nil
	}
	var found []clinical.Document
	err := h.record.Scan(lockport.TablePatientDocuments, r.ID.Key(), nil, func(key []byte, _ func(any) error) (bool, error) {
		var d clinical.Document
		ok, err := h.record.Get(lockport.TableDocuments, key[16:], &d)
		if !ok {
			h.t.Error("the list names a document that is not there")
		}
		found = append(found, d)
		return true, err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return found
}

func TestADocumentIsFiledWithItsText(t *testing.T) {
	h := newHouse(t)
	seq := h.receive("north-adt", "MDM^T02", mdm("T02", "10", "N1^^^NORTH", "D1^LAB|||||AU||AV", "all is well"))
	found := h.documents("NORTH", "N1")
	if len(found) != 1 || found[0].Completion != "AU" || found[0].Availability != "AV" || found[0].Kind.Code != "DS" {
		t.Fatalf("%d documents, want the one, authenticated and available", len(found))
	}
	var v clinical.DocumentVersion
	if ok, err := h.record.Get(lockport.TableDocumentVersions, seq.Key(), &v); err != nil || !ok {
		t.Fatal("its version is not kept", err)
	}
	if !strings.HasPrefix(string(v.Head), "TXA|") || !strings.Contains(string(v.Content), "|all is well|") {
		t.Error("TXA and OBX are not kept as received")
	}
}

func TestAReplacementBeforeItsParent(t *testing.T) {
	h := newHouse(t)
	h.receive("north-adt", "MDM^T10", mdm("T10", "12", "N1^^^NORTH", "D2^LAB|D1^LAB||||AU||AV", "the new text"))
	if n := len(h.documents("NORTH", "N1")); n != 1 {
		t.Fatalf("%d documents listed, want the replacement alone", n)
	}
	h.receive("north-adt", "MDM^T02", mdm("T02", "10", "N1^^^NORTH", "D1^LAB|||||AU||AV", "the old text"))
	states := map[string]int{}
	for _, d := range h.documents("NORTH", "N1") {
		states[d.Availability]++
	}
	if states["AV"] != 1 || states["OB"] != 1 {
		t.Errorf("availabilities %v, want one available and its obsolete parent", states)
	}
}

func TestDocumentsThatAreHeld(t *testing.T) {
	available := mdm("T02", "10", "N1^^^NORTH", "D1^LAB|||||AU||AV", "text")
	for name, tc := range map[string]struct{ before, raw, reason string }{
		"without a number":                {"", mdm("T02", "10", "N1^^^NORTH", "|||||AU||AV", "text"), "TXA-12"},
		"without TXA":                     {"", strings.Replace(available, "TXA|", "ZXA|", 1), "TXA"},
		"of nobody":                       {"", mdm("T02", "10", "", "D1^LAB|||||AU||AV", "text"), "PID-3"},
		"of another patient":              {available, mdm("T04", "11", "N2^^^NORTH", "D1^LAB|||||LA||AV", ""), "TXA-12"},
		"edited when available":           {available, mdm("T08", "11", "N1^^^NORTH", "D1^LAB|||||LA||AV", "other"), "TXA-19"},
		"an addendum to nothing":          {available, mdm("T06", "11", "N1^^^NORTH", "D2^LAB|||||AU||AV", "more"), "TXA-13"},
		"a replacement of another's":      {available, mdm("T10", "11", "N2^^^NORTH", "D2^LAB|D1^LAB||||AU||AV", "more"), "TXA-13"},
		"its own parent":                  {"", mdm("T06", "11", "N1^^^NORTH", "D1^LAB|D1^LAB||||AU||AV", "more"), "TXA-13"},
		"a parent shell of somebody else": {mdm("T10", "12", "N2^^^NORTH", "D2^LAB|D1^LAB||||AU||AV", "new"), available, "TXA-12"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			if tc.before != "" {
				h.receive("north-adt", "MDM^"+triggerOf(tc.before), tc.before)
			}
			before := len(h.record.keys(lockport.TableDocuments))
			seq := h.receive("north-adt", "MDM^"+triggerOf(tc.raw), tc.raw)
			q := h.quarantined(seq)
			if q.State != lockport.StateQuarantined || !strings.Contains(q.Reason, tc.reason) {
				t.Errorf("state %q with reason %q, want a reason that names %s", q.State, q.Reason, tc.reason)
			}
			if len(h.record.keys(lockport.TableDocuments)) != before {
				t.Error("something of it was filed")
			}
		})
	}
}

func TestDocumentsAreQueuedForTheirFeedsOnly(t *testing.T) {
	h := newHouse(t)
	h.change(directory.Change{Feed: &directory.Feed{ID: "family-documents", Application: "family-ehr", Kind: directory.DocumentsFeed, To: "127.0.0.1:1", Insecure: true}})
	h.apply(lockport.EntryDirective, &consent.Directive{
		Patient: lockport.Identifier{Authority: "NORTH", Value: "N1"}, Participant: "family", Value: consent.Give, Signed: "2025-02-01", Signer: "self", Recorded: h.clock,
	})
	seq := h.receive("north-adt", "MDM^T02", mdm("T02", "10", "N1^^^NORTH", "D1^LAB|||||AU||AV", "text"))
	h.receive("north-adt", "MDM^T02", mdm("T02", "10", "N2^^^NORTH", "D2^LAB|||||AU||AV", "text"))
	h.receive("north-adt", "MDM^T02", mdm("T02", "10", "N1^^^NORTH", "D3^LAB|||||AU|R|AV", "restricted"))
	h.receive("north-adt", "MDM^T02", mdm("T02", "10", "N1^^^NORTH", "D4^LAB|||||DI||UN", "not for care"))
	if rows := h.record.keys(lockport.TableOutbox); len(rows) != 1 || rows[0] != string(lockport.OutboxKey("family-documents", seq, 1)) {
		t.Errorf("%d rows, want the consented patient's document in the documents feed", len(rows))
	}
}

// triggerOf returns the trigger event in MSH-9.
func triggerOf(raw string) string {
	_, rest, _ := strings.Cut(raw, "MDM^")
	trigger, _, _ := strings.Cut(rest, "|")
	return trigger
}
