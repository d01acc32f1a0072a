package projection

import (
	"fmt"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
	"github.com/lockport-hie/lockport/hl7"
	"github.com/lockport-hie/lockport/patient"
)

// applyLink applies A24 and A37: two PID, for both of whom the sender speaks,
// are one person or are not. A link opens records, so it needs the word of an
// owner on either side.
func (a *arrival) applyLink(trigger string) error {
	var pids []hl7.Segment
	for _, s := range a.message.Segments() {
		if s.Is("PID") {
			pids = append(pids, s)
		}
	}
	if len(pids) != 2 {
		return held("a link is between two PID")
	}
	var ids [2]lockport.RegistrationID
	for i, pid := range pids {
		r, err := a.attribute(pid, true)
		if err != nil {
			return err
		}
		ids[i] = r.ID
	}
	claim := patient.LinkClaim{At: patient.Stamp{Micro: a.happened.UnixMicro(), Seq: a.entry.Seq}, A: ids[0], B: ids[1]}
	say := patient.Join
	if trigger == "A37" {
		say = patient.Part
	}
	return write(a.tx, claim, say)
}

// write says of two registrations what a message or an operator says.
func write(tx lockport.Tx, claim patient.LinkClaim, say func(patient.Reader, patient.LinkClaim) (patient.Changes, error)) error {
	changes, err := say(index{tx}, claim)
	if err != nil {
		return err
	}
	return index{tx}.write(changes)
}

// The operator actions about persons. Their object is two registrations.
const (
	verbLink    = "patient link"
	verbUnlink  = "patient unlink"
	verbUnmerge = "patient unmerge" // of the first from the second
)

// operatorSays is what each of these actions does.
func operatorSays(verb string) (func(patient.Reader, patient.LinkClaim) (patient.Changes, error), bool) {
	switch verb {
	case verbLink:
		return patient.Join, true
	case verbUnlink:
		return patient.Part, true
	case verbUnmerge:
		return patient.Unmerge, true
	}
	return nil, false
}

// applyOperatorLink applies what an operator said of two registrations. Where it
// does not fit it changes nothing, on every replay alike; the operator sees that
// the two are linked, or are not, as before.
func applyOperatorLink(tx lockport.Tx, e *lockport.Entry, a *audit.Action, say func(patient.Reader, patient.LinkClaim) (patient.Changes, error)) error {
	claim := patient.LinkClaim{At: patient.Stamp{Micro: e.Time.UnixMicro(), Seq: e.Seq}}
	if _, err := fmt.Sscanf(a.Object, "%d %d", &claim.A, &claim.B); err != nil {
		return lockport.Errorf(lockport.Internal, "projection", "an action on two registrations names others")
	}
	if err := write(tx, claim, say); err != nil && !isHeld(err) {
		return err
	}
	return nil
}
