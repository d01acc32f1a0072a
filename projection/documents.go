package projection

import (
	"slices"
	"strings"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/clinical"
	"github.com/lockport-hie/lockport/directory"
	"github.com/lockport-hie/lockport/hl7"
	"github.com/lockport-hie/lockport/patient"
)

// documentTriggers are the events of HL7 v2.5.1 ch. 9.6.
var documentTriggers = [...]string{"T01", "T02", "T03", "T04", "T05", "T06", "T07", "T08", "T09", "T10", "T11"}

// applyDocument applies an MDM: whose document it is, what the event does to it,
// and what that means for the document it amends or replaces.
func (a *arrival) applyDocument(trigger string) error {
	if !slices.Contains(documentTriggers[:], trigger) {
		return nil
	}
	segment := a.message.First("TXA")
	if !segment.Exists() {
		return held("the message has no TXA")
	}
	txa := hl7.TXA{Segment: segment}
	token, ok := a.documentToken(txa.Document())
	if !ok {
		return held("TXA-12 has no document number")
	}
	r, err := a.attribute(a.message.First("PID"), false)
	if err != nil {
		return err
	}
	before, found, err := a.document(token)
	if err != nil {
		return err
	}
	if err := a.ownDocument(before, r); err != nil {
		return err
	}
	version := a.documentVersion(trigger)
	registration := r.ID
	var existing *clinical.Document
	if found {
		existing = &before
		if before.Registration != 0 {
			registration = before.Registration
		}
	}
	now, err := clinical.FileDocument(existing, token, registration, a.documentEvent(trigger, txa, version.Content))
	if err != nil {
		return err
	}
	if err := a.tx.Put(lockport.TableDocumentVersions, a.entry.Seq.Key(), &version); err != nil {
		return err
	}
	if err := a.relate(before, now, r); err != nil {
		return err
	}
	if err := a.fileDocument(before, now); err != nil {
		return err
	}
	if now.Restricted() || now.Availability == clinical.Unavailable {
		return nil // it is not for care, or not yet
	}
	corrected, err := a.corrected(trigger, now)
	if err != nil {
		return err
	}
	return a.queue(directory.DocumentsFeed, 1, r, corrected)
}

// corrected lists the messages about what an event replaces or cancels.
func (a *arrival) corrected(trigger string, now clinical.Document) (seqs []lockport.Seq, err error) {
	wrong := now
	if clinical.Replaces(trigger) {
		wrong, _, err = a.document(now.Parent)
	} else if trigger != "T11" {
		return nil, nil
	}
	for _, e := range wrong.Events {
		seqs = append(seqs, e.Seq)
	}
	return seqs, err
}

// ownDocument holds a message whose document number stands for somebody else's,
// or that fills a shell which somebody else's document named as its parent.
func (a *arrival) ownDocument(d clinical.Document, r patient.Registration) error {
	const foreign = held("TXA-12 is the number of another patient's document")
	if d.Registration != 0 {
		return a.samePatient(d.Registration, r, foreign)
	}
	for _, child := range slices.Concat(d.Addenda, d.Replacements) {
		other, found, err := a.document(child)
		if err != nil || !found {
			return err
		}
		if err := a.samePatient(other.Registration, r, foreign); err != nil {
			return err
		}
	}
	return nil
}

// relate tells the documents that an event names as parent, and the one it named
// before, what this one is to them now.
func (a *arrival) relate(before, now clinical.Document, r patient.Registration) error {
	var parents []lockport.Token
	for _, t := range []lockport.Token{before.Parent, now.Parent} {
		if t != (lockport.Token{}) && !slices.Contains(parents, t) {
			parents = append(parents, t)
		}
	}
	for _, token := range parents {
		if token == now.Token {
			return held("TXA-13 names the document itself as its parent")
		}
		parent, _, err := a.document(token)
		if err != nil {
			return err
		}
		if parent.Registration != 0 {
			if err := a.samePatient(parent.Registration, r, "TXA-13 is the number of another patient's document"); err != nil {
				return err
			}
		}
		parent.Token = token
		if err := a.fileDocument(parent, parent.Relate(now)); err != nil {
			return err
		}
	}
	return nil
}

func (a *arrival) document(token lockport.Token) (d clinical.Document, found bool, err error) {
	found, err = a.tx.Get(lockport.TableDocuments, token[:], &d)
	return d, found, err
}

// fileDocument writes a document and keeps its patient's list in step. A shell is
// in no list.
func (a *arrival) fileDocument(before, now clinical.Document) error {
	if before.Registration != 0 && !before.Activity.Equal(now.Activity) {
		if err := a.tx.Delete(lockport.TablePatientDocuments, documentIndex(before)); err != nil {
			return err
		}
	}
	if now.Registration != 0 {
		summary := clinical.SummariseDocument(now)
		if err := a.tx.Put(lockport.TablePatientDocuments, documentIndex(now), &summary); err != nil {
			return err
		}
	}
	return a.tx.Put(lockport.TableDocuments, now.Token[:], &now)
}

func documentIndex(d clinical.Document) []byte {
	return clinical.DocumentIndexKey(d.Registration, d.Activity, d.Token)
}

// documentToken is the identity of a document: its number within the sending
// participant and the application that gave it (HL7 v2.5.1 ch. 9.8.1.12).
func (a *arrival) documentToken(number hl7.EI) (lockport.Token, bool) {
	id := strings.TrimSpace(number.ID)
	if id == "" || id == `""` {
		return lockport.Token{}, false
	}
	return a.tx.Token("document", string(a.received.Participant), lockport.HD(number.HD).String(), id), true
}

// documentEvent reads TXA.
func (a *arrival) documentEvent(trigger string, txa hl7.TXA, content []byte) clinical.DocumentEvent {
	e := clinical.DocumentEvent{
		Seq: a.entry.Seq, Trigger: trigger, At: clinical.Stamp{Micro: a.happened.UnixMicro(), Seq: a.entry.Seq},
		Kind: coded(txa.Kind()), Completion: txa.Text(17), Availability: txa.Text(19), Confidentiality: txa.Text(18),
		Activity: a.when(txa.Field(4)), Source: a.source(), Sum: clinical.Sum(content),
	}
	if e.Activity.IsZero() {
		e.Activity = a.when(txa.Field(6))
	}
	e.Parent, _ = a.documentToken(txa.Parent())
	return e
}

// documentVersion keeps the segments behind PID as received: the head up to the
// first OBX, and the text.
func (a *arrival) documentVersion(trigger string) clinical.DocumentVersion {
	v := clinical.DocumentVersion{Seq: a.entry.Seq, Trigger: trigger, Source: a.source(), Encoding: a.encoding}
	for _, s := range a.message.Segments() {
		switch s.ID() {
		case "OBX":
			v.Content = line(v.Content, s)
		case "NTE", "PRT":
			if v.Content != nil {
				v.Content = line(v.Content, s)
				continue
			}
			v.Head = line(v.Head, s)
		case "ORC", "TQ1", "TQ2", "OBR", "TXA", "CON":
			v.Head = line(v.Head, s)
		}
	}
	return v
}
