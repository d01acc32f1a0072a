package projection

import (
	"slices"
	"strings"
	"time"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/clinical"
	"github.com/lockport-hie/lockport/hl7"
	"github.com/lockport-hie/lockport/patient"
)

// applyADT applies an ADT event: who it is about, then what it does to a visit.
// Events without an effect here are kept in the journal as received: tracking
// (A09, A10), what is only pending (A14 to A16, A25 to A27), beds (A20).
func (a *arrival) applyADT(trigger string) error {
	pid, pv1 := a.message.First("PID"), a.message.First("PV1")
	switch trigger {
	case "A40", "A34":
		return a.applyMerges(patient.Merge)
	case "A47":
		return a.applyMerges(patient.Rename)
	case "A24", "A37":
		return a.applyLink(trigger)
	case "A17":
		return a.applySwap()
	case "A29":
		_, err := a.attributeOwn(trigger, pid)
		return err
	case "A23":
		return a.deleteVisits(pid, pv1)
	}
	ofVisit, ofPerson := clinical.HasVisitEffect(trigger), trigger == "A28" || trigger == "A31" || trigger == "A60"
	if !ofVisit && !ofPerson {
		return nil
	}
	r, err := a.attributeOwn(trigger, pid)
	if err == nil && ofVisit {
		err = a.applyVisit(trigger, r, pid, pv1)
	}
	if err != nil {
		return err
	}
	return a.applyFacts(r, pv1)
}

// attributeOwn finds the registration that an ADT event is about, and lets the
// event hide it or bring it back.
func (a *arrival) attributeOwn(trigger string, pid hl7.Segment) (patient.Registration, error) {
	r, err := a.attribute(pid, true)
	if err != nil {
		return r, err
	}
	switch trigger {
	case "A28", "A01", "A04", "A05": // who is admitted is no deleted person
		return r, a.setDeleted(r, false)
	case "A29":
		claimed, err := a.claims(pid)
		if err != nil {
			return r, err
		}
		if !namesOwn(claimed, r) {
			return r, held("PID-3 is an identifier that was merged: deleting it would delete the survivor")
		}
		return r, a.setDeleted(r, true)
	}
	return r, nil
}

// namesOwn reports whether one of the identifiers stands on the registration
// itself and not on one that was merged into it.
func namesOwn(claimed []patient.Claimed, r patient.Registration) bool {
	return slices.ContainsFunc(claimed, func(c patient.Claimed) bool {
		return c.Owned && slices.ContainsFunc(r.Identifiers, func(id lockport.Identifier) bool {
			return id.Authority == c.Identifier.Authority && id.Value == c.Identifier.Value
		})
	})
}

func (a *arrival) setDeleted(r patient.Registration, deleted bool) error {
	if !r.SetDeleted(deleted, a.happened, a.entry.Seq) {
		return nil
	}
	return a.tx.Put(lockport.TableRegistrations, r.ID.Key(), &r)
}

// applySwap applies A17: two patients change beds, each with a PID and the PV1
// that follows it (HL7 v2.5.1 ch. 3.3.17).
func (a *arrival) applySwap() error {
	var pid hl7.Segment
	for i := range a.message.Len() {
		switch s := a.message.Segment(i); s.ID() {
		case "PID":
			pid = s
		case "PV1":
			if !pid.Exists() {
				return held("PV1 comes before PID")
			}
			r, err := a.attributeOwn("A17", pid)
			if err != nil {
				return err
			}
			if err := a.applyVisit("A17", r, pid, s); err != nil {
				return err
			}
		}
	}
	return nil
}

// deleteVisits applies A23: the visit of PV1-19, else the visits of the account
// in PID-18, are hidden; the person stays (HL7 v2.5.1 ch. 3.3.23). What names
// neither is held, for it could mean all that is known.
func (a *arrival) deleteVisits(pid, pv1 hl7.Segment) error {
	r, err := a.attributeOwn("A23", pid)
	if err != nil {
		return err
	}
	if _, ok := a.number("visit", pv1.Rep(19, 1)); ok {
		return a.applyVisit("A23", r, pid, pv1)
	}
	account, ok := a.number("account", pid.Field(18))
	if !ok {
		return held("PV1-19 and PID-18 name nothing to delete")
	}
	visits, err := a.visitsOf(r, account)
	if err != nil {
		return err
	}
	for _, v := range visits {
		event := clinical.VisitEvent{Trigger: "A23", Time: a.happened, Seq: a.entry.Seq, Token: v.Token, Registration: v.Registration, Number: v.Number, Source: a.source()}
		if err := a.changeVisit(&v, event, r); err != nil {
			return err
		}
	}
	return nil
}

// visitsOf returns the visits of an account, in the order of their registrations
// and admissions.
func (a *arrival) visitsOf(r patient.Registration, account lockport.Identifier) ([]clinical.Visit, error) {
	person, _, err := index{a.tx}.Person(r.Person)
	if err != nil {
		return nil, err
	}
	var visits []clinical.Visit
	for _, id := range person.Registrations {
		err := a.tx.Scan(lockport.TablePatientVisits, id.Key(), nil, func(key []byte, _ func(any) error) (bool, error) {
			var v clinical.Visit
			found, err := a.tx.Get(lockport.TableVisits, key[len(key)-len(v.Token):], &v)
			if found && v.Account.Authority == account.Authority && v.Account.Value == account.Value {
				visits = append(visits, v)
			}
			return true, err
		})
		if err != nil {
			return nil, err
		}
	}
	return visits, nil
}

// applyVisit applies the event to the visit that PV1-19 names. Without a visit
// number there is nothing that later events could find again.
func (a *arrival) applyVisit(trigger string, r patient.Registration, pid, pv1 hl7.Segment) error {
	number, ok := a.number("visit", pv1.Rep(19, 1))
	if !ok {
		return nil
	}
	token := a.tx.Token("visit", string(number.Authority), number.Value)
	var existing *clinical.Visit
	var row clinical.Visit
	found, err := a.tx.Get(lockport.TableVisits, token[:], &row)
	if err != nil {
		return err
	}
	registration := r.ID
	if found {
		existing, registration = &row, row.Registration
		if err := a.samePatient(registration, r, "PV1-19 is the number of another patient's visit"); err != nil {
			return err
		}
	}
	return a.changeVisit(existing, clinical.VisitEvent{
		Trigger: trigger, Time: a.happened, Seq: a.entry.Seq, Token: token,
		Registration: registration, Number: number, Source: a.source(),
		Occurred: a.when(a.message.First("EVN").Field(6)),
		Class:    visitText(pv1.Component(2, 1)), Place: visitText(pv1.Field(3)), Prior: visitText(pv1.Field(6)),
		Admitted: a.visitTime(pv1.Field(44)), Ended: a.visitTime(pv1.Field(45)),
		Attending: doctor(pv1.Rep(7, 1)), Referring: doctor(pv1.Rep(8, 1)), Consulting: doctors(pv1, 9), Admitting: doctor(pv1.Rep(17, 1)),
		Service: visitText(pv1.Component(10, 1)), Disposition: visitText(pv1.Component(36, 1)), Account: a.account(pid),
	}, r)
}

// changeVisit applies an event to a visit, nil for a new one, and moves its row
// in the patient's list.
func (a *arrival) changeVisit(existing *clinical.Visit, e clinical.VisitEvent, r patient.Registration) error {
	visit, changed, err := clinical.ApplyVisit(existing, e)
	if err != nil || !changed {
		return err
	}
	if existing != nil {
		if err := a.tx.Delete(lockport.TablePatientVisits, visitIndex(*existing)); err != nil {
			return err
		}
	}
	summary := clinical.SummariseVisit(visit)
	if err := a.tx.Put(lockport.TablePatientVisits, visitIndex(visit), &summary); err != nil {
		return err
	}
	if err := a.tx.Put(lockport.TableVisits, e.Token[:], &visit); err != nil {
		return err
	}
	return a.endAccess(visit, r)
}

func visitIndex(v clinical.Visit) []byte {
	return clinical.VisitIndexKey(v.Registration, v.Admitted, v.Token)
}

// number reads a CX that numbers a visit (PV1-19) or an account (PID-18). One of
// an authority that is unknown, or that this sender does not speak for, is one of
// the sending participant's own: it never meets another participant's.
func (a *arrival) number(kind string, v hl7.Value) (lockport.Identifier, bool) {
	cx := hl7.ReadCX(v)
	value := strings.TrimSpace(cx.ID)
	if value == "" || v.Presence() == hl7.Null {
		return lockport.Identifier{}, false
	}
	id := lockport.Identifier{Value: value, Type: cx.Type, Authority: lockport.AuthorityID(kind + "#" + string(a.sender.Participant))}
	if hd := lockport.HD(cx.Authority); !hd.IsZero() {
		authority, ok := a.directory.ResolveAuthority(a.sender, hd)
		if ok && a.directory.MayChange(a.sender, authority) {
			id.Authority = authority.ID
		} else {
			id.Authority += lockport.AuthorityID("#" + hd.String())
		}
	}
	return id, true
}

// account reads PID-18.
func (a *arrival) account(pid hl7.Segment) clinical.Field[lockport.Identifier] {
	id, ok := a.number("account", pid.Field(18))
	return clinical.Field[lockport.Identifier]{Set: ok || pid.Field(18).Presence() == hl7.Null, Value: id}
}

func (a *arrival) source() clinical.Source {
	return clinical.Source{Participant: a.received.Participant, Location: a.received.Location, Application: a.received.Application}
}

func visitText(v hl7.Value) clinical.Field[string] {
	switch v.Presence() {
	case hl7.Null:
		return clinical.Field[string]{Set: true}
	case hl7.Valued:
		return clinical.Field[string]{Set: true, Value: v.Text()}
	}
	return clinical.Field[string]{}
}

func (a *arrival) visitTime(v hl7.Value) clinical.Field[time.Time] {
	if v.Presence() == hl7.Null {
		return clinical.Field[time.Time]{Set: true}
	}
	if t := a.when(v); !t.IsZero() {
		return clinical.Field[time.Time]{Set: true, Value: t}
	}
	return clinical.Field[time.Time]{}
}

// doctor reads the number of an XCN.
func doctor(v hl7.Value) clinical.Field[lockport.NPI] {
	if v.Presence() == hl7.Null || v.Component(1).Presence() == hl7.Null {
		return clinical.Field[lockport.NPI]{Set: true}
	}
	if id := v.Component(1).Text(); id != "" {
		return clinical.Field[lockport.NPI]{Set: true, Value: lockport.NPI(id)}
	}
	return clinical.Field[lockport.NPI]{}
}

// doctors reads a repeating XCN, which replaces what is stored wholly.
func doctors(s hl7.Segment, field int) clinical.Field[[]lockport.NPI] {
	ids := repeated(s, field, firstComponent)
	f := clinical.Field[[]lockport.NPI]{Set: ids.Set}
	for _, id := range ids.Value {
		if id != "" {
			f.Value = append(f.Value, lockport.NPI(id))
		}
	}
	return f
}
