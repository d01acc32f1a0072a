package projection

import (
	"strings"
	"time"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/clinical"
	"github.com/lockport-hie/lockport/hl7"
	"github.com/lockport-hie/lockport/patient"
)

// applyADT applies an ADT event: who it is about, then what it does to a visit.
// Events without an effect here are kept in the journal as received.
func (a *arrival) applyADT(trigger string) error {
	switch trigger {
	case "A40", "A34":
		return a.applyMerges()
	case "A28", "A31":
		_, err := a.attribute(a.message.First("PID"), true)
		return err
	case "A01", "A02", "A03", "A04", "A05", "A06", "A07", "A08", "A11", "A12", "A13", "A38":
		r, err := a.attribute(a.message.First("PID"), true)
		if err != nil {
			return err
		}
		return a.applyVisit(trigger, r)
	}
	return nil
}

// applyVisit applies the event to the visit that PV1-19 names. Without a visit
// number there is nothing that later events could find again.
func (a *arrival) applyVisit(trigger string, r patient.Registration) error {
	pv1 := a.message.First("PV1")
	number, ok := a.visitNumber(pv1)
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
		before := row
		existing, registration = &before, before.Registration
		if err := a.samePatient(registration, r, "PV1-19 is the number of another patient's visit"); err != nil {
			return err
		}
	}
	visit, changed, err := clinical.ApplyVisit(existing, clinical.VisitEvent{
		Trigger: trigger, Time: a.happened, Seq: a.entry.Seq, Token: token,
		Registration: registration, Number: number, Source: a.source(),
		Class: visitText(pv1.Component(2, 1)), Place: visitText(pv1.Field(3)),
		Admitted: a.visitTime(pv1.Field(44)), Ended: a.visitTime(pv1.Field(45)),
		Attending: attending(pv1.Rep(7, 1)),
	})
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
	if err := a.tx.Put(lockport.TableVisits, token[:], &visit); err != nil {
		return err
	}
	return a.endAccess(visit, r)
}

func visitIndex(v clinical.Visit) []byte {
	return clinical.VisitIndexKey(v.Registration, v.Admitted, v.Token)
}

// visitNumber reads PV1-19. A number of an authority that is unknown, or that
// this sender does not speak for, is one of the sending participant's own: it
// never meets another participant's visits.
func (a *arrival) visitNumber(pv1 hl7.Segment) (lockport.Identifier, bool) {
	cx := hl7.ReadCX(pv1.Rep(19, 1))
	value := strings.TrimSpace(cx.ID)
	if value == "" {
		return lockport.Identifier{}, false
	}
	id := lockport.Identifier{Value: value, Type: cx.Type, Authority: lockport.AuthorityID("visit#" + string(a.sender.Participant))}
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

func attending(v hl7.Value) clinical.Field[lockport.NPI] {
	if v.Presence() == hl7.Null {
		return clinical.Field[lockport.NPI]{Set: true}
	}
	if id := v.Component(1).Text(); id != "" {
		return clinical.Field[lockport.NPI]{Set: true, Value: lockport.NPI(id)}
	}
	return clinical.Field[lockport.NPI]{}
}
