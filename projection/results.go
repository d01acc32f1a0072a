package projection

import (
	"fmt"
	"slices"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/clinical"
	"github.com/lockport-hie/lockport/hl7"
	"github.com/lockport-hie/lockport/patient"
)

// applyResults applies an ORU, patient by patient. A group that cannot be
// attributed is held; the others of the same message are not made to wait.
func (a *arrival) applyResults() ([]int, error) {
	var (
		heldGroups []int
		reason     error
		number     int
		order      int
	)
	for group := range a.message.PatientGroups() {
		number++
		first := order + 1
		order += len(group.Orders)
		if a.groups != nil && !a.groups[number] {
			continue
		}
		err := a.applyGroup(number, first, group)
		if err == nil {
			continue
		}
		if !isHeld(err) {
			return nil, err
		}
		heldGroups = append(heldGroups, number)
		if reason == nil {
			reason = held(fmt.Sprintf("patient group %d: %v", number, err))
		}
	}
	if number == 0 {
		return nil, held("the message has neither PID nor OBR")
	}
	return heldGroups, reason
}

// applyGroup files the orders of one patient and queues the group for feeds.
func (a *arrival) applyGroup(number, firstOrder int, g hl7.PatientGroup) error {
	if !g.Patient.Exists() {
		return held("there is no PID")
	}
	r, err := a.attribute(g.Patient, false)
	if err != nil {
		return err
	}
	// All orders are checked before one is filed, so that a held group has
	// left nothing behind.
	var orders []filing
	for i, order := range g.Orders {
		f, err := a.prepare(r, firstOrder+i, order)
		if err != nil {
			return err
		}
		orders = append(orders, f)
	}
	for _, f := range orders {
		if err := a.file(f); err != nil {
			return err
		}
	}
	return a.queue(number, r)
}

// filing is one order on its way into the record.
type filing struct {
	head     clinical.ResultHead
	version  clinical.Version
	existing *clinical.Result
}

// prepare reads one order and finds the result that it reports on.
func (a *arrival) prepare(r patient.Registration, number int, g hl7.OrderGroup) (filing, error) {
	obr := g.OBR
	service := hl7.ReadCWE(obr.Rep(4, 1))
	f := filing{
		head: clinical.ResultHead{
			Registration: r.ID, Collected: a.when(obr.Field(7)), Source: a.source(),
			Service: clinical.Coded{Code: service.Code, Text: service.Text, System: service.System},
		},
		version: clinical.Version{
			Seq: a.entry.Seq, Order: number, Status: obr.Text(25),
			Reported: a.when(obr.Field(22)), Sent: a.when(a.message.Header().Field(7)),
			Source: a.source(), Encoding: a.encoding(),
		},
	}
	a.segments(&f.version, g)
	token, ok := a.resultToken(r, g, service.Code)
	if !ok {
		token = a.tx.Token("result of entry", fmt.Sprint(a.entry.Seq), fmt.Sprint(number))
	}
	f.head.Token = token
	var existing clinical.Result
	found, err := a.tx.Get(lockport.TableResults, token[:], &existing)
	if err != nil || !found {
		return f, err
	}
	// The result stays with the registration it was first reported for; what
	// that registration is merged into or linked with finds it there.
	f.existing, f.head.Registration = &existing, existing.Registration
	return f, a.samePatient(existing.Registration, r, "OBR-3 is the order number of another patient's result")
}

// samePatient holds a message whose order or visit number stands for somebody
// else's: shown under either patient it would be wrong.
func (a *arrival) samePatient(id lockport.RegistrationID, r patient.Registration, reason held) error {
	if id == r.ID {
		return nil
	}
	before, found, err := index{a.tx}.Registration(id)
	if err != nil {
		return err
	}
	if !found || before.Person != r.Person {
		return reason
	}
	return nil
}

// resultToken is the identity of an order: the filler order number within the
// sending participant and filler application, else the placer's number with the
// service and the time (domain rules of HL7 v2.5.1 ch. 7.4.1.3). False means
// that the order has no identity that a later report could name.
func (a *arrival) resultToken(r patient.Registration, g hl7.OrderGroup, service string) (lockport.Token, bool) {
	participant := string(a.received.Participant)
	if filler := either(g.OBR.Rep(3, 1), g.ORC.Rep(3, 1)); filler.ID != "" {
		return a.tx.Token("filler order", participant, filler.HD.String(), filler.ID), true
	}
	placer := either(g.OBR.Rep(2, 1), g.ORC.Rep(2, 1))
	collected := g.OBR.Text(7)
	if placer.ID == "" || service == "" {
		return lockport.Token{}, false
	}
	return a.tx.Token("placer order", participant, placer.HD.String(), placer.ID, service, collected), true
}

// either reads the first of two entity identifiers that has a value.
func either(obr, orc hl7.Value) entity {
	if ei := hl7.ReadEI(obr); ei.ID != "" {
		return entity{ei.ID, lockport.HD(ei.HD)}
	}
	ei := hl7.ReadEI(orc)
	return entity{ei.ID, lockport.HD(ei.HD)}
}

// entity is an entity identifier with the shared form of its designator.
type entity struct {
	ID string
	HD lockport.HD
}

// encoding remembers how the segments are written.
func (a *arrival) encoding() clinical.Encoding {
	h := a.message.Header()
	return clinical.Encoding{
		Delimiters: string(h.Field(1).Raw()) + string(h.Field(2).Raw()),
		Charset:    a.message.Charset(),
	}
}

// segments splits an order group into its head, its observations and the rest,
// as received.
func (a *arrival) segments(v *clinical.Version, g hl7.OrderGroup) {
	unit := -1 // the unit that notes belong to
	seen := false
	for i := g.From; i < g.To; i++ {
		s := a.message.Segment(i)
		switch {
		case slices.Contains(g.Observations, i):
			unit, seen = addObservation(v, s), true
		case unit >= 0 && s.ID() == "NTE":
			v.Units[unit].Segments = line(v.Units[unit].Segments, s)
		case !seen:
			v.Head = line(v.Head, s)
		default:
			unit = -1
			v.Tail = line(v.Tail, s)
		}
	}
}

func line(to []byte, s hl7.Segment) []byte { return append(append(to, s.Raw()...), '\r') }

// addObservation adds an OBX to the unit with its OBX-3 and OBX-4 and returns
// the unit's index.
func addObservation(v *clinical.Version, obx hl7.Segment) int {
	code := hl7.ReadCWE(obx.Rep(3, 1))
	sub, status := obx.Text(4), obx.Text(11)
	valued := obx.Field(5).Valued()
	for i := range v.Units {
		u := &v.Units[i]
		if u.Code.Code == code.Code && u.Code.System == code.System && u.SubID == sub {
			u.Segments, u.Status, u.NoValue = line(u.Segments, obx), status, u.NoValue && !valued
			return i
		}
	}
	v.Units = append(v.Units, clinical.Unit{
		Code:  clinical.Coded{Code: code.Code, Text: code.Text, System: code.System},
		SubID: sub, Status: status, NoValue: !valued, Segments: line(nil, obx),
	})
	return len(v.Units) - 1
}

// file adds the version to its result and keeps the patient's list in step.
func (a *arrival) file(f filing) error {
	result, _, err := clinical.AddVersion(f.existing, f.version, f.head)
	if err != nil {
		return err
	}
	key := clinical.VersionKey(f.head.Token, f.version.Seq, f.version.Order)
	if err := a.tx.Put(lockport.TableResultVersions, key, &f.version); err != nil {
		return err
	}
	view, err := a.view(result)
	if err != nil {
		return err
	}
	if f.existing != nil {
		if err := a.tx.Delete(lockport.TablePatientResults, resultIndex(*f.existing)); err != nil {
			return err
		}
	}
	summary := clinical.Summarise(view, result)
	if err := a.tx.Put(lockport.TablePatientResults, resultIndex(result), &summary); err != nil {
		return err
	}
	return a.tx.Put(lockport.TableResults, f.head.Token[:], &result)
}

func resultIndex(r clinical.Result) []byte {
	return clinical.ResultIndexKey(r.Registration, r.Collected, r.Token)
}

// view merges the versions of a result into what counts.
func (a *arrival) view(r clinical.Result) (clinical.Version, error) {
	versions := make([]clinical.Version, 0, len(r.Versions))
	for _, ref := range r.Versions {
		var v clinical.Version
		found, err := a.tx.Get(lockport.TableResultVersions, clinical.VersionKey(r.Token, ref.Seq, ref.Order), &v)
		if err != nil {
			return clinical.Version{}, err
		}
		if !found {
			return clinical.Version{}, lockport.Errorf(lockport.Internal, "projection", "a version of a result is missing")
		}
		versions = append(versions, v)
	}
	return clinical.CurrentView(versions), nil
}
