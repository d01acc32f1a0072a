package clinical

import (
	"slices"
	"time"
)

// ResultFilter says which results of a patient are wanted.
type ResultFilter struct {
	From        time.Time // collected at or after it; zero: no lower bound
	Until       time.Time // collected before it; zero: no upper bound
	Codes       []string  // OBR-4.1 or any OBX-3.1; empty: all
	Limit       int       // at most so many, newest first; 0: all
	AllVersions bool      // every version instead of the current view
}

// Matches reports whether a result is wanted. A result
// without a collection time matches only a filter without bounds, because
// nothing is known that would put it inside them.
func (f ResultFilter) Matches(s ResultSummary) bool {
	if !within(s.Collected, f.From, f.Until) {
		return false
	}
	if len(f.Codes) == 0 || slices.Contains(f.Codes, s.Service.Code) {
		return true
	}
	return slices.ContainsFunc(s.Codes, func(c string) bool { return slices.Contains(f.Codes, c) })
}

// VisitFilter says which visits of a patient are wanted.
type VisitFilter struct {
	From  time.Time // admitted at or after it; zero: no lower bound
	Until time.Time // admitted before it; zero: no upper bound
	Limit int       // at most so many, newest first; 0: all
}

// Matches reports whether the visit behind an index row is wanted. A visit
// without an admission time matches only a filter without bounds; one that was
// deleted matches none.
func (f VisitFilter) Matches(s VisitSummary) bool {
	return s.Status != Removed && within(s.Admitted, f.From, f.Until)
}

// DocumentFilter says which documents of a patient are wanted.
type DocumentFilter struct {
	From        time.Time // with an activity at or after it; zero: no lower bound
	Until       time.Time // with an activity before it; zero: no upper bound
	Kinds       []string  // TXA-2; empty: all
	Limit       int       // at most so many, newest first; 0: all
	AllVersions bool      // obsolete and cancelled ones too, and every version instead of the current one
}

// Matches reports whether the document behind an index row is wanted. One that
// is not available for care (TXA-19 UN) never is, nor is one that its author has
// restricted (TXA-18 R or V): no consent form names a basis for it.
func (f DocumentFilter) Matches(s DocumentSummary) bool {
	switch s.Availability {
	case Unavailable:
		return false
	case Obsolete, Deleted:
		if !f.AllVersions {
			return false
		}
	}
	return !restricted(s.Confidentiality) && within(s.Activity, f.From, f.Until) && (len(f.Kinds) == 0 || slices.Contains(f.Kinds, s.Kind.Code))
}

// within reports whether t lies in the half-open window; a zero bound is open.
func within(t, from, until time.Time) bool {
	if t.IsZero() {
		return from.IsZero() && until.IsZero()
	}
	return !t.Before(from) && (until.IsZero() || t.Before(until))
}
