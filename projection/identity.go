package projection

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/hl7"
	"github.com/lockport-hie/lockport/patient"
)

// attribute finds or makes the registration that a PID is about and writes what
// that changes. With update the sender must speak for one of the identifiers.
// Which demographics count, the owner's or anybody's, is for package patient.
func (a *arrival) attribute(pid hl7.Segment, update bool) (patient.Registration, error) {
	claimed, err := a.claims(pid)
	if err != nil {
		return patient.Registration{}, err
	}
	if update && !owns(claimed) {
		return patient.Registration{}, held("PID-3 has no identifier of an assigning authority that this sender speaks for")
	}
	details := demographics(pid)
	claim := patient.Claim{Seq: a.entry.Seq, Time: a.happened, Identifiers: claimed, Details: &details, MayCreate: true}
	var failed error
	claim.New = a.newRegistration(&failed)
	r, changes, err := patient.Attribute(index{a.tx}, claim)
	if failed != nil {
		return r, failed
	}
	if err != nil {
		return r, err
	}
	return r, index{a.tx}.write(changes)
}

// newRegistration gives out registration numbers; a failing store is reported
// through failed, because the rules of the index have no errors of their own.
func (a *arrival) newRegistration(failed *error) func() lockport.RegistrationID {
	return func() lockport.RegistrationID {
		n, err := next(a.tx, "registrations")
		if err != nil {
			*failed = err
		}
		return lockport.RegistrationID(n)
	}
}

func owns(claimed []patient.Claimed) bool {
	return slices.ContainsFunc(claimed, func(c patient.Claimed) bool { return c.Owned })
}

// claims resolves the identifiers of PID-3. An identifier of an authority that
// nobody registered is left to the journal, as long as another one remains.
func (a *arrival) claims(pid hl7.Segment) ([]patient.Claimed, error) {
	var claimed []patient.Claimed
	valued := false
	for _, v := range pid.Reps(3) {
		c, known := a.claim(v)
		valued = valued || strings.TrimSpace(v.Component(1).Text()) != ""
		if known {
			claimed = append(claimed, c)
		}
	}
	switch {
	case len(claimed) > 0:
		return claimed, nil
	case valued:
		return nil, held("PID-3.4 names no registered assigning authority")
	}
	return nil, held("PID-3 has no identifier")
}

// claim resolves one CX; false when it is empty or its authority is unknown.
func (a *arrival) claim(v hl7.Value) (patient.Claimed, bool) {
	cx := hl7.ReadCX(v)
	value := strings.TrimSpace(cx.ID)
	if value == "" || value == `""` {
		return patient.Claimed{}, false
	}
	authority, ok := a.directory.ResolveAuthority(a.sender, lockport.HD(cx.Authority))
	if !ok {
		return patient.Claimed{}, false
	}
	return patient.Claimed{
		Identifier: lockport.Identifier{Value: value, Authority: authority.ID, Type: cx.Type},
		Owned:      a.directory.MayChange(a.sender, authority),
		Shared:     authority.Shared,
	}, true
}

// pairing is what a message does to an old and a new identifier.
type pairing func(patient.Reader, patient.MergeClaim) (patient.Changes, error)

// applyMerges applies A40, A34 and A47: each PID with the MRG that follows it. An old
// identifier is paired with the one of the same authority in PID-3 (HL7 v2.5.1
// ch. 3.6.2.1.3; IHE ITI-8 demands equal authorities).
func (a *arrival) applyMerges(pair pairing) error {
	pairs := 0
	var pid hl7.Segment
	for i := range a.message.Len() {
		switch s := a.message.Segment(i); s.ID() {
		case "PID":
			pid = s
		case "MRG":
			if !pid.Exists() {
				return held("MRG comes before PID")
			}
			pairs++
			if err := a.applyMerge(pid, s, pair); err != nil {
				return err
			}
		}
	}
	if pairs == 0 {
		return held("the message has no MRG")
	}
	return nil
}

func (a *arrival) applyMerge(pid, mrg hl7.Segment, pair pairing) error {
	into, err := a.claims(pid)
	if err != nil {
		return err
	}
	merged := false
	for n, v := range mrg.Reps(1) {
		old, known := a.mergedClaim(v, into)
		if !known {
			return held(fmt.Sprintf("MRG-1(%d) has no identifier of a registered assigning authority", n))
		}
		if !old.Owned {
			return held(fmt.Sprintf("MRG-1(%d) is of an assigning authority that this sender does not speak for", n))
		}
		for _, survivor := range into {
			if survivor.Identifier.Authority != old.Identifier.Authority {
				continue
			}
			if err := a.merge(pid, old, survivor, pair); err != nil {
				return err
			}
			merged = true
			break
		}
	}
	if !merged {
		return held("MRG-1 and PID-3 have no assigning authority in common")
	}
	_, err = a.attribute(pid, true)
	return err
}

// mergedClaim resolves MRG-1. Without an authority of its own it is of the
// survivor's, because a merge stays within one (IHE ITI-8).
func (a *arrival) mergedClaim(v hl7.Value, into []patient.Claimed) (patient.Claimed, bool) {
	value := strings.TrimSpace(v.Component(1).Text())
	if v.Component(4).Valued() || value == "" {
		return a.claim(v)
	}
	c := into[0]
	c.Identifier.Value = value
	return c, true
}

func (a *arrival) merge(pid hl7.Segment, old, into patient.Claimed, pair pairing) error {
	var failed error
	details := demographics(pid)
	changes, err := pair(index{a.tx}, patient.MergeClaim{
		Seq: a.entry.Seq, Time: a.happened, Old: old, Into: into, Details: &details,
		New: a.newRegistration(&failed),
	})
	if failed != nil {
		return failed
	}
	if err != nil {
		return err
	}
	return index{a.tx}.write(changes)
}

// demographics reads PID as an update: empty means unchanged, "" means delete.
func demographics(pid hl7.Segment) patient.Update {
	return patient.Update{
		Names:     repeated(pid, 5, readName),
		BirthDate: text(pid, 7),
		Sex:       text(pid, 8),
		Races:     repeated(pid, 10, firstComponent),
		Ethnicity: repeated(pid, 22, firstComponent),
		Addresses: repeated(pid, 11, readAddress),
		Phones:    repeated(pid, 13, readPhone),
		Language:  text(pid, 15),
		Death:     text(pid, 29),
		Dead:      text(pid, 30),
	}
}

func text(s hl7.Segment, field int) patient.Field[string] {
	v := s.Component(field, 1)
	switch v.Presence() {
	case hl7.Null:
		return patient.Field[string]{Set: true}
	case hl7.Valued:
		return patient.Field[string]{Set: true, Value: v.Text()}
	}
	return patient.Field[string]{}
}

// repeated reads a repeating field, which replaces what is stored wholly.
func repeated[T any](s hl7.Segment, field int, read func(hl7.Value) T) patient.Field[[]T] {
	whole := s.Field(field)
	switch {
	case whole.Presence() == hl7.Null, s.Component(field, 1).Presence() == hl7.Null:
		return patient.Field[[]T]{Set: true}
	case !whole.Valued():
		return patient.Field[[]T]{}
	}
	var values []T
	for _, v := range s.Reps(field) {
		if v.Valued() {
			values = append(values, read(v))
		}
	}
	return patient.Field[[]T]{Set: true, Value: values}
}

func firstComponent(v hl7.Value) string { return v.Component(1).Text() }

func readName(v hl7.Value) patient.Name {
	n := hl7.ReadXPN(v)
	return patient.Name{Family: n.Family, Given: n.Given, Middle: n.Middle, Suffix: n.Suffix, Prefix: n.Prefix, Type: n.Type}
}

func readAddress(v hl7.Value) patient.Address {
	x := hl7.ReadXAD(v)
	return patient.Address{Street: x.Street, Other: x.Other, City: x.City, State: x.State, Zip: x.Zip, Country: x.Country, County: x.County, Type: x.Type}
}

// readPhone takes the number as written, or puts the parts together.
func readPhone(v hl7.Value) string {
	x := hl7.ReadXTN(v)
	if x.Number != "" {
		return x.Number
	}
	return strings.TrimSpace(strings.Join([]string{x.AreaCode, x.Local}, " "))
}
