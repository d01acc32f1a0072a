package clinical

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"github.com/lockport-hie/lockport"
)

// The values of TXA-19 (HL7 v2.5.1 ch. 9, table 0273).
const (
	Available   = "AV"
	Unavailable = "UN"
	Obsolete    = "OB"
	Deleted     = "CA"
)

// Document is one document (TXA-12) over everything that was said about it (HL7
// v2.5.1 ch. 9.5). One that others name as their parent before it was sent is a
// shell without events, which nobody is shown.
type Document struct {
	Token           lockport.Token          `cbor:"1,keyasint"`
	Registration    lockport.RegistrationID `cbor:"2,keyasint,omitempty"` // 0 in a shell
	Kind            Coded                   `cbor:"3,keyasint"`           // TXA-2, table 0270
	Completion      string                  `cbor:"4,keyasint,omitempty"` // TXA-17, table 0271
	Availability    string                  `cbor:"5,keyasint,omitempty"` // TXA-19, table 0273; OB once it was replaced
	Confidentiality string                  `cbor:"6,keyasint,omitempty"` // TXA-18, table 0272
	Activity        time.Time               `cbor:"7,keyasint,omitempty"` // TXA-4, else TXA-6, else the time of the first event; the time under which it is listed
	Source          Source                  `cbor:"8,keyasint"`
	Parent          lockport.Token          `cbor:"9,keyasint,omitempty"`  // TXA-13, of an addendum or a replacement
	Events          []DocumentEvent         `cbor:"10,keyasint,omitempty"` // by their own time, then journal order
	Header          lockport.Seq            `cbor:"11,keyasint,omitempty"` // the event whose TXA counts
	Content         lockport.Seq            `cbor:"12,keyasint,omitempty"` // the event whose text counts; 0 when none had any
	Addenda         []lockport.Token        `cbor:"13,keyasint,omitempty"` // ascending
	Replacements    []lockport.Token        `cbor:"14,keyasint,omitempty"` // those in force, ascending
}

// DocumentEvent is one MDM message about a document.
type DocumentEvent struct {
	Seq             lockport.Seq   `cbor:"1,keyasint"`
	Trigger         string         `cbor:"2,keyasint"`           // T01 to T11
	At              Stamp          `cbor:"3,keyasint,omitempty"` // EVN-2 or MSH-7
	Kind            Coded          `cbor:"4,keyasint"`
	Completion      string         `cbor:"5,keyasint,omitempty"`
	Availability    string         `cbor:"6,keyasint,omitempty"`
	Confidentiality string         `cbor:"7,keyasint,omitempty"`
	Activity        time.Time      `cbor:"8,keyasint,omitempty"`
	Source          Source         `cbor:"9,keyasint"`
	Parent          lockport.Token `cbor:"10,keyasint,omitempty"`
	Sum             []byte         `cbor:"11,keyasint,omitempty"` // SHA-256 of the content; none without content
	SetAside        string         `cbor:"12,keyasint,omitempty"` // why it does not count: an earlier event that came later forbids it
}

// DocumentVersion is what one message said, as received.
type DocumentVersion struct {
	Seq      lockport.Seq `cbor:"1,keyasint"`
	Trigger  string       `cbor:"2,keyasint"`
	Source   Source       `cbor:"3,keyasint"`
	Encoding Encoding     `cbor:"4,keyasint"`
	Head     []byte       `cbor:"5,keyasint"`           // ORC, OBR, TXA and what stands before the first OBX, each ended by CR
	Content  []byte       `cbor:"6,keyasint,omitempty"` // the OBX and their notes

	// ContentEncoding says how Content is written where the text of a current
	// version is of an earlier one; zero in a stored version.
	ContentEncoding Encoding `cbor:"-"`
}

// DocumentSummary is the index row by which a patient's documents are listed.
type DocumentSummary struct {
	Kind            Coded     `cbor:"1,keyasint"`
	Availability    string    `cbor:"2,keyasint,omitempty"`
	Confidentiality string    `cbor:"3,keyasint,omitempty"`
	Activity        time.Time `cbor:"4,keyasint,omitempty"`
}

// DocumentReport is one document as it is handed out.
type DocumentReport struct {
	Document Document
	Versions []DocumentVersion // the current one with the text in force; or every one as received, oldest first
}

// Format keeps the content out of everything that prints.
func (Document) Format(f fmt.State, _ rune) { fmt.Fprint(f, "document") }

// Format keeps the content out of everything that prints.
func (DocumentVersion) Format(f fmt.State, _ rune) { fmt.Fprint(f, "document version") }

// Format keeps the content out of everything that prints.
func (DocumentReport) Format(f fmt.State, _ rune) { fmt.Fprint(f, "document report") }

// Sum is what tells two texts apart; nil for none.
func Sum(content []byte) []byte {
	if len(content) == 0 {
		return nil
	}
	sum := sha256.Sum256(content)
	return sum[:]
}

// Amends reports whether a trigger event adds to its parent (T05, T06).
func Amends(trigger string) bool { return trigger == "T05" || trigger == "T06" }

// Replaces reports whether a trigger event takes its parent's place (T09, T10).
func Replaces(trigger string) bool { return trigger == "T09" || trigger == "T10" }

// FileDocument adds an event to a document, or makes the document when existing
// is nil. The state of the document follows from the set of its events by their
// own time, whatever order they came in.
//
// It fails with kind Conflict when the state machine of TXA-17 and TXA-19 does
// not allow the event, so that nothing of it counts: completion never goes back;
// what is available (AV) or was replaced (OB) is neither edited nor cancelled, its
// text does not change; what was cancelled stays so. An event that came first and
// turns out to be forbidden by an earlier one is set aside.
func FileDocument(existing *Document, token lockport.Token, reg lockport.RegistrationID, e DocumentEvent) (Document, error) {
	d := Document{Token: token}
	if existing != nil {
		d = *existing
		d.Events = slices.Clone(existing.Events)
	}
	if d.Registration == 0 {
		d.Registration = reg
	}
	if d.Registration != reg || d.Token != token {
		return Document{}, lockport.Errorf(lockport.Conflict, "document", "TXA-12: the document number is in use for another patient")
	}
	if (Amends(e.Trigger) || Replaces(e.Trigger)) && e.Parent == (lockport.Token{}) {
		return Document{}, lockport.Errorf(lockport.Conflict, "document", "TXA-13: an addendum or a replacement names its parent")
	}
	e.SetAside = ""
	at, found := slices.BinarySearchFunc(d.Events, e, func(a, b DocumentEvent) int {
		return cmp.Or(cmp.Compare(a.At.Micro, b.At.Micro), cmp.Compare(a.Seq, b.Seq))
	})
	if found {
		return d, nil
	}
	d.Events = slices.Insert(d.Events, at, e)
	d.fold()
	if reason := d.Events[at].SetAside; reason != "" {
		return Document{}, lockport.Errorf(lockport.Conflict, "document", "%s", reason)
	}
	return d, nil
}

// fold makes the document from its events.
func (d *Document) fold() {
	d.Kind, d.Completion, d.Availability, d.Confidentiality = Coded{}, "", "", ""
	d.Activity, d.Parent, d.Header, d.Content = time.Time{}, lockport.Token{}, 0, 0
	var text []byte
	for i := range d.Events {
		e := &d.Events[i]
		if e.SetAside = d.forbids(*e, text); e.SetAside != "" {
			continue
		}
		d.apply(*e)
		if e.Sum != nil {
			text, d.Content = e.Sum, e.Seq
		}
	}
	if d.Activity.IsZero() && len(d.Events) > 0 {
		d.Activity = time.UnixMicro(d.Events[0].At.Micro).UTC()
	}
	d.obsolete()
}

// apply lets an event that is allowed act.
func (d *Document) apply(e DocumentEvent) {
	d.Header, d.Source = e.Seq, e.Source
	stated(&d.Completion, e.Completion)
	stated(&d.Availability, e.Availability)
	stated(&d.Confidentiality, e.Confidentiality)
	stated(&d.Kind, e.Kind)
	stated(&d.Parent, e.Parent)
	if !e.Activity.IsZero() {
		d.Activity = e.Activity
	}
	if e.Trigger == "T11" {
		d.Availability = Deleted
	}
}

// Restricted reports whether the author has restricted the document: TXA-18 is
// restricted (R) or very restricted (V), table 0272.
func (d Document) Restricted() bool { return restricted(d.Confidentiality) }

func restricted(confidentiality string) bool {
	return confidentiality == "R" || confidentiality == "V"
}

// stated takes over what an event says; nothing said changes nothing.
func stated[T comparable](value *T, said T) {
	var none T
	if said != none {
		*value = said
	}
}

// forbids says why an event is not allowed in the present state, "" when it is.
func (d *Document) forbids(e DocumentEvent, text []byte) string {
	fixed := d.Availability == Available || d.Availability == Obsolete
	switch {
	case d.Availability == Deleted && e.Trigger != "T11":
		return "TXA-19: the document was cancelled"
	case completionRank(e.Completion) < completionRank(d.Completion) && e.Completion != "":
		return "TXA-17: the completion status goes back"
	case fixed && e.Trigger == "T11":
		return "TXA-19: a document that is available cannot be cancelled"
	case fixed && (e.Trigger == "T07" || e.Trigger == "T08"):
		return "TXA-19: a document that is available cannot be edited"
	case fixed && e.Sum != nil && text != nil && !bytes.Equal(e.Sum, text):
		return "OBX-5: the text of a document that is available does not change"
	case fixed && (e.Availability == Unavailable || e.Availability == Deleted), d.Availability == Obsolete && e.Availability == Available:
		return "TXA-19: the availability goes back"
	}
	return ""
}

// completionRank orders TXA-17: dictated or documented, in progress, incomplete,
// pre-authenticated, authenticated, legally authenticated. 0 is not stated.
func completionRank(status string) int {
	return map[string]int{"DI": 1, "DO": 1, "IP": 2, "IN": 3, "PA": 4, "AU": 5, "LA": 6}[status]
}

// obsolete marks a document that another one has replaced.
func (d *Document) obsolete() {
	if len(d.Replacements) > 0 && d.Availability != Deleted {
		d.Availability = Obsolete
	}
}

// Relate tells a parent of a child that amends or replaces it: a replacement that
// was cancelled replaces nothing. The parent may be a shell.
func (d Document) Relate(child Document) Document {
	amends, replaces := false, false
	for _, e := range child.Events {
		counts := e.SetAside == "" && e.Parent == d.Token
		amends = amends || counts && Amends(e.Trigger)
		replaces = replaces || counts && Replaces(e.Trigger)
	}
	d.Addenda = member(d.Addenda, child.Token, amends)
	d.Replacements = member(d.Replacements, child.Token, replaces && child.Availability != Deleted)
	d.Events = slices.Clone(d.Events)
	d.fold()
	return d
}

// member returns an ascending list with a token in it, or without it.
func member(list []lockport.Token, t lockport.Token, in bool) []lockport.Token {
	at, found := slices.BinarySearchFunc(list, t, func(a, b lockport.Token) int { return bytes.Compare(a[:], b[:]) })
	switch {
	case in && !found:
		return slices.Insert(slices.Clone(list), at, t)
	case !in && found:
		return slices.Delete(slices.Clone(list), at, at+1)
	}
	return list
}

// SummariseDocument makes the index row of a document.
func SummariseDocument(d Document) DocumentSummary {
	return DocumentSummary{Kind: d.Kind, Availability: d.Availability, Confidentiality: d.Confidentiality, Activity: d.Activity}
}
