package patient

import (
	"time"

	"github.com/lockport-hie/lockport"
)

// MergeClaim is one pair of a merge (HL7 v2.5.1 ch. 3.3.40, A40, and A34).
type MergeClaim struct {
	Seq     lockport.Seq
	Time    time.Time // EVN-2 or MSH-7; zero is older than any
	Old     Claimed   // MRG-1: never valid again, leads to Into from now on
	Into    Claimed   // PID-3: the survivor
	Details *Update   // what PID says of the survivor; nil: nothing

	// New gives out the next registration. It is called at most twice.
	New func() lockport.RegistrationID
}

// Merge subsumes the registration of the old identifier in that of the survivor
// and makes them one person. Nothing is copied or moved: what stands on the old
// registration stays there and is found through the person, so that the step can
// be undone. The same merge again changes nothing.
//
// Identifiers that are not known yet are made. IHE ITI-8 calls an unknown old
// identifier an error; here it is kept as a retired one, because messages that
// carry it may be on their way and would otherwise bring the patient back.
//
// The wrong states of IHE ITI-8 fail with kind Conflict and change nothing: an
// authority the sender does not own, a shared one, two different ones, the same
// identifier twice, an old identifier merged into somebody else before, a
// survivor that was merged away before, and the inverse of an earlier merge. The
// message belongs in quarantine.
func Merge(r Reader, m MergeClaim) (Changes, error) {
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
	done := false
	if old != nil && into != nil {
		if done, err = w.compare(old, into); err != nil {
			return Changes{}, err
		}
	}
	switch {
	case done:
		return Changes{}, nil
	case into != nil && into.Into != 0:
		return Changes{}, wrongState("PID-3: the survivor was merged into another identifier before")
	case old != nil && old.Into != 0:
		return Changes{}, wrongState("MRG-1: the identifier was merged into another one before")
	}
	if into == nil {
		into = w.create(m.Into.Identifier, m.New(), false)
	}
	if old == nil {
		old = w.create(m.Old.Identifier, m.New(), false)
	}
	old.Into, old.Merged = into.ID, m.Seq
	if err := w.link(into, old); err != nil {
		return Changes{}, err
	}
	if m.Details != nil {
		into.ownerSays(*m.Details, m.Time, m.Seq)
	}
	return w.changes(), nil
}

func wrongState(reason string) error {
	return lockport.Errorf(lockport.Conflict, "merge", "%s", reason)
}

// check refuses what is wrong whatever the record says.
func (m MergeClaim) check() error {
	old, into := m.Old.Identifier, m.Into.Identifier
	switch {
	case old.Value == "":
		return wrongState("MRG-1 has no identifier")
	case into.Value == "":
		return wrongState("PID-3 has no identifier to merge into")
	case m.Old.Shared || m.Into.Shared:
		return wrongState("MRG-1.4: identifiers of a shared authority are never merged")
	case !m.Old.Owned:
		return wrongState("MRG-1.4: the authority is not one the sender may change")
	case !m.Into.Owned:
		return wrongState("PID-3.4: the authority is not one the sender may change")
	case old.Authority != into.Authority:
		return wrongState("MRG-1.4 and PID-3.4 name different authorities")
	case old.Value == into.Value:
		return wrongState("MRG-1 and PID-3 are the same identifier")
	}
	return nil
}

// named returns the registration that an identifier belongs to itself, merged
// away or not; nil when the identifier is unknown.
func (w *work) named(id lockport.Identifier) (*Registration, error) {
	holders, err := w.holders(id)
	if err != nil || len(holders) == 0 {
		return nil, err
	}
	return w.registration(holders[0])
}

// compare reports whether two registrations already are one, old under into or
// both under the same survivor. It fails where into was merged into old: the
// opposite was said before, and nothing tells which is right.
func (w *work) compare(old, into *Registration) (done bool, err error) {
	oldEnd, err := w.survivor(old.ID)
	if err != nil {
		return false, err
	}
	intoEnd, err := w.survivor(into.ID)
	if err != nil || oldEnd.ID != intoEnd.ID {
		return false, err
	}
	for at := into; at.Into != 0; {
		if at.Into == old.ID {
			return false, wrongState("contradictory merge: the survivor was merged into MRG-1 before")
		}
		if at, err = w.registration(at.Into); err != nil {
			return false, err
		}
	}
	return true, nil
}

// Survivor follows merges from a registration to their end; a registration that
// was not merged is its own survivor. It fails with kind Corrupt when a row is
// missing or the merges run in a circle, and never loops.
func Survivor(r Reader, id lockport.RegistrationID) (Registration, error) {
	reg, err := newWork(r).survivor(id)
	if err != nil {
		return Registration{}, err
	}
	return *reg, nil
}
