package clinical

import (
	"fmt"
	"time"

	"github.com/lockport-hie/lockport"
)

// Field is a value that a message may or may not state. Not Set leaves what is
// stored; Set with the zero Value deletes it (HL7 v2.5.1 ch. 2.5.3: empty means
// unchanged, "" means delete).
type Field[T any] struct {
	Set   bool
	Value T
}

// Format keeps the content out of everything that prints.
func (Field[T]) Format(f fmt.State, _ rune) { fmt.Fprint(f, "field") }

// VisitEvent is what one ADT message says about one visit.
type VisitEvent struct {
	Trigger      string    // A01, A03 ...
	Time         time.Time // EVN-2 or MSH-7: when it was said; zero is older than any
	Seq          lockport.Seq
	Token        lockport.Token
	Registration lockport.RegistrationID
	Number       lockport.Identifier // PV1-19
	Source       Source
	Class        Field[string]       // PV1-2
	Place        Field[string]       // PV1-3
	Admitted     Field[time.Time]    // PV1-44
	Ended        Field[time.Time]    // PV1-45
	Attending    Field[lockport.NPI] // PV1-7
}

// ApplyVisit applies an event to a visit.
func ApplyVisit(existing *Visit, e VisitEvent) (v Visit, changed bool, err error) {
	return Visit{}, false, nil
}

// SummariseVisit makes the index row of a visit.
func SummariseVisit(v Visit) VisitSummary {
	return VisitSummary{Class: v.Class, Status: v.Status, Admitted: v.Admitted}
}
