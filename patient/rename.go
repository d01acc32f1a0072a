package patient

// Rename gives a patient a new identifier for an old one (HL7 v2.5.1 ch. 3.3.47,
// A47): the new identifier joins the registration, and the old one goes on
// leading there, because messages that carry it may be on their way. It is no
// merge: nothing is subsumed. The same change again changes nothing.
//
// It fails with kind Conflict in the wrong states of Merge, and when the new
// identifier belongs to another registration: then the two would be a merge.
func Rename(r Reader, m MergeClaim) (Changes, error) {
	if err := m.check(); err != nil {
		return Changes{}, err
	}
	w := newWork(r)
	old, err := w.named(m.Old.Identifier)
	if err != nil {
		return Changes{}, err
	}
	into, err := w.named(m.Into.Identifier)
	if err != nil {
		return Changes{}, err
	}
	switch {
	case old != nil && old.Into != 0:
		return Changes{}, wrongState("MRG-1: the identifier was merged into another one before")
	case old != nil && into != nil && old.ID != into.ID:
		return Changes{}, wrongState("PID-3: the new identifier belongs to another patient; A40 merges two")
	case old == nil && into == nil:
		into = w.create(m.Into.Identifier, m.New(), false)
		w.own(into, m.Old.Identifier)
	case old == nil:
		w.own(into, m.Old.Identifier)
	case into == nil:
		into = old
		w.own(into, m.Into.Identifier)
	}
	if m.Details != nil {
		into.ownerSays(*m.Details, m.Time, m.Seq)
	}
	return w.changes(), nil
}
