package clinical

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/lockport-hie/lockport"
)

// FactSegment is a segment of ADT messages that is kept as facts.
type FactSegment struct {
	ID       string
	OfVisit  bool  // of the visit that PV1-19 names, where there is one; else of the patient
	Action   int   // the field with the action code of table 0206; 0: it has none, and all of them replace all
	Identity []int // the first of these fields that is valued tells one from the others
	ByField  bool  // it does not repeat, and each field is updated by itself
}

// FactSegments lists the segments that are facts (HL7 v2.5.1 ch. 3.4 and 6.5).
// Every other one stays in the journal as received and has no effect on the
// record, GT1 and IN1 among them: who pays is no part of a record for treatment.
func FactSegments() []FactSegment {
	return []FactSegment{
		{ID: "PD1", ByField: true},
		{ID: "NK1"},
		{ID: "AL1"},
		{ID: "IAM", Action: 6, Identity: []int{7, 3}},
		{ID: "DG1", OfVisit: true, Action: 21, Identity: []int{20, 3}},
		{ID: "PR1", OfVisit: true, Action: 20, Identity: []int{19, 3}},
	}
}

// FactSet is what is known from all segments of one kind about a patient or a
// visit.
type FactSet struct {
	Registration lockport.RegistrationID `cbor:"1,keyasint"`
	Visit        lockport.Token          `cbor:"2,keyasint"` // zero: of the patient
	Segment      string                  `cbor:"3,keyasint"`
	Replaced     Stamp                   `cbor:"4,keyasint,omitempty"` // the last message that stated the whole set
	Facts        []Fact                  `cbor:"5,keyasint,omitempty"` // by when they were stated, then as sent
}

// Fact is one of the set: a segment, or for PD1 a field.
type Fact struct {
	Key      string   `cbor:"1,keyasint"`           // what tells it from the others of its set; for PD1 the field's number
	Value    []byte   `cbor:"2,keyasint,omitempty"` // as received
	At       Stamp    `cbor:"3,keyasint,omitempty"`
	Gone     bool     `cbor:"4,keyasint,omitempty"` // deleted by At; it stays so that what is older does not bring it back
	Source   Source   `cbor:"5,keyasint"`
	Encoding Encoding `cbor:"6,keyasint"`
}

// FactEvent is what one message says about a set.
type FactEvent struct {
	At       Stamp
	Replaces bool   // it states the whole set
	Whole    []Fact // the whole set, where it does
	Changes  []Fact // what it adds, updates or, where Gone, deletes beside it
}

// Format keeps the content out of everything that prints.
func (Fact) Format(f fmt.State, _ rune) { fmt.Fprint(f, "fact") }

// Format keeps the content out of everything that prints.
func (FactSet) Format(f fmt.State, _ rune) { fmt.Fprint(f, "facts") }

// With returns the set as an event leaves it, and shares nothing that is written
// to. Repeating segments without an action code replace the whole set (HL7 v2.5.1
// ch. 2.10.4, snapshot mode), one with a code changes one fact (action code
// mode). Events count by their own time and then by journal order: an older set
// that comes late changes nothing, and a newer one leaves what was stated after
// it.
func (s FactSet) With(e FactEvent) FactSet {
	facts := slices.Clone(s.Facts)
	file := func(f Fact) {
		f.At = e.At
		i := slices.IndexFunc(facts, func(o Fact) bool { return o.Key == f.Key })
		if i >= 0 && facts[i].At != e.At && facts[i].At.after(e.At) {
			return
		}
		if i >= 0 {
			facts = slices.Delete(facts, i, i+1)
		}
		facts = append(facts, f)
	}
	if e.Replaces && e.At.after(s.Replaced) {
		s.Replaced = e.At
		facts = slices.DeleteFunc(facts, func(f Fact) bool { return e.At.after(f.At) })
		for _, f := range e.Whole {
			file(f)
		}
	}
	if s.Replaced == e.At || e.At.after(s.Replaced) {
		for _, f := range e.Changes {
			file(f)
		}
	}
	slices.SortStableFunc(facts, func(a, b Fact) int {
		return cmp.Or(cmp.Compare(a.At.Micro, b.At.Micro), cmp.Compare(a.At.Seq, b.At.Seq))
	})
	s.Facts = facts
	return s
}

// Current returns the set without what was deleted.
func (s FactSet) Current() FactSet {
	s.Facts = slices.DeleteFunc(slices.Clone(s.Facts), func(f Fact) bool { return f.Gone })
	return s
}
