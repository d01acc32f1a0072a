package projection

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/clinical"
	"github.com/lockport-hie/lockport/directory"
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
		err := a.atomically(func() error { return a.applyGroup(number, first, group) })
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
	var corrected []lockport.Seq
	for i, order := range g.Orders {
		f, err := a.prepare(r, firstOrder+i, order)
		if err == nil {
			err = a.file(f)
		}
		if err != nil {
			return err
		}
		wrong, err := a.wrong(f)
		if err != nil {
			return err
		}
		corrected = append(corrected, wrong...)
	}
	return a.queue(directory.ResultsFeed, number, r, corrected)
}

// wrong lists the messages whose word about a result a new version makes wrong:
// it is newer than what was current, and says that it corrects or retracts, or
// gives something else for what had been final.
func (a *arrival) wrong(f filing) (seqs []lockport.Seq, err error) {
	if f.existing == nil {
		return nil, nil
	}
	current := f.existing.Versions[f.existing.Current]
	if !clinical.Newer(f.version.Ref(), current) {
		return nil, nil
	}
	if !f.version.Corrects() {
		before := f.existing.FirstVersion()
		if f.existing.Current > 0 {
			before = clinical.Version{}
			if _, err := a.tx.Get(lockport.TableResultVersions, clinical.VersionKey(current.Seq, current.Order), &before); err != nil {
				return nil, err
			}
		}
		if !f.version.Contradicts(before) {
			return nil, nil
		}
	}
	for _, v := range f.existing.Versions {
		seqs = append(seqs, v.Seq)
	}
	return seqs, nil
}

// maxReports is how many reports of one order a message may hold. Each is ranked
// among all the others, so without a bound one frame could hold up the record.
const maxReports = 100

// filing is one order on its way into the record.
type filing struct {
	head     clinical.ResultHead
	version  clinical.Version
	existing *clinical.Result
	place    []byte // the key of the existing one
}

// prepare reads one order and finds the result that it reports on.
func (a *arrival) prepare(r patient.Registration, number int, g hl7.OrderGroup) (filing, error) {
	obr := g.OBR
	service := coded(obr.Rep(4, 1))
	f := filing{
		head: clinical.ResultHead{
			Registration: r.ID, Collected: a.when(obr.Field(7)), Source: a.source(),
			Service: service,
		},
		version: clinical.Version{
			Seq: a.entry.Seq, Order: number, Status: obr.Text(25),
			Reported: a.when(obr.Field(22)), Sent: a.when(a.message.Header().Field(7)),
			Source: a.source(), Encoding: a.encoding,
		},
	}
	a.segments(&f.version, g)
	token, ok := a.resultToken(g, service.Code)
	if !ok {
		token = a.tx.Token("result of entry", fmt.Sprint(a.entry.Seq), fmt.Sprint(number))
	}
	if a.reports[token]++; a.reports[token] > maxReports {
		return f, held("OBR-3 is the same in too many orders of the message")
	}
	f.head.Token = token
	found, err := a.tx.Get(lockport.TableOrders, token[:], &f.place)
	if err != nil || !found {
		return f, err
	}
	existing := clinical.Result{Token: token}
	found, err = a.tx.Get(lockport.TableResults, f.place, &existing)
	if err == nil && !found {
		err = lockport.Errorf(lockport.Internal, "projection", "the result of an order is missing")
	}
	if err != nil {
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
func (a *arrival) resultToken(g hl7.OrderGroup, service string) (lockport.Token, bool) {
	participant := string(a.received.Participant)
	if filler := either(g.OBR.Rep(3, 1), g.ORC.Rep(3, 1)); filler.ID != "" {
		return a.tx.Token("filler order", participant, lockport.HD(filler.HD).String(), filler.ID), true
	}
	placer := either(g.OBR.Rep(2, 1), g.ORC.Rep(2, 1))
	if placer.ID == "" || service == "" {
		return lockport.Token{}, false
	}
	return a.tx.Token("placer order", participant, lockport.HD(placer.HD).String(), placer.ID, service, g.OBR.Text(7)), true
}

// coded reads a CWE or CE without its alternatives.
func coded(v hl7.Value) clinical.Coded {
	return clinical.Coded{Code: v.Component(1).Text(), Text: v.Component(2).Text(), System: v.Component(3).Text()}
}

// either reads the first of two entity identifiers that has a value.
func either(obr, orc hl7.Value) hl7.EI {
	ei := hl7.ReadEI(obr)
	if ei.ID = strings.TrimSpace(ei.ID); ei.ID == "" {
		ei = hl7.ReadEI(orc)
		ei.ID = strings.TrimSpace(ei.ID)
	}
	return ei
}

// segments splits an order group into its head, its observations and the rest,
// as received.
func (a *arrival) segments(v *clinical.Version, g hl7.OrderGroup) {
	size := 0
	for i := g.From; i < g.To; i++ {
		size += len(a.message.Segment(i).Raw()) + 1
	}
	v.Units = make(clinical.Units, 0, len(g.Observations))
	u := units{version: v, at: make(map[unitKey]int, len(g.Observations)), open: -1, room: make([]byte, 0, size)}
	seen := false
	for i := g.From; i < g.To; i++ {
		s := a.message.Segment(i)
		switch {
		case len(g.Observations) > 0 && g.Observations[0] == i:
			g.Observations = g.Observations[1:]
			u.add(s)
			seen = true
		case u.open >= 0 && s.ID() == "NTE":
			v.Units[u.open].Segments = line(v.Units[u.open].Segments, s)
		case !seen:
			v.Head = line(v.Head, s)
		default:
			u.open = -1
			v.Tail = line(v.Tail, s)
		}
	}
}

func line(to []byte, s hl7.Segment) []byte { return append(append(to, s.Raw()...), '\r') }

// units collects the observations of one version.
type units struct {
	version *clinical.Version
	at      map[unitKey]int
	open    int    // the unit that notes belong to, -1 for none
	room    []byte // for the segments of all, so that each unit does not ask for its own
}

// first begins the segments of a unit.
func (u *units) first(s hl7.Segment) []byte {
	from := len(u.room)
	u.room = line(u.room, s)
	return slices.Clip(u.room[from:])
}

// unitKey is what segments of one unit agree in: OBX-3, OBX-4 and the status.
type unitKey struct {
	code        clinical.Coded
	sub, status string
}

// add adds an OBX to the unit of its kind. D, X and W are about one OBX and
// stand alone (HL7 v2.5.1 ch. 7.4.2.11); what they mean for the others is for
// package clinical.
func (u *units) add(obx hl7.Segment) {
	k := unitKey{coded(obx.Rep(3, 1)), obx.Text(4), obx.Text(11)}
	v, valued := u.version, obx.Field(5).Valued()
	alone := k.status == "D" || k.status == "X" || k.status == "W"
	if i, found := u.at[k]; found && !alone {
		v.Units[i].Segments = line(v.Units[i].Segments, obx)
		v.Units[i].NoValue = v.Units[i].NoValue && !valued
		u.open = i
		return
	}
	u.open = len(v.Units)
	u.at[k] = u.open
	v.Units = append(v.Units, clinical.Unit{Code: k.code, SubID: k.sub, Status: k.status, NoValue: !valued, Segments: u.first(obx)})
}

// file adds the version to its result and keeps the patient's list in step.
func (a *arrival) file(f filing) error {
	result, _, err := clinical.AddVersion(f.existing, f.version, f.head)
	if err != nil {
		return err
	}
	key, order := clinical.VersionKey(f.version.Seq, f.version.Order), result.Token
	if f.existing == nil {
		f.place = key
		result.Hold(f.version)
		err = a.tx.Put(lockport.TableOrders, order[:], &f.place)
	} else {
		err = a.tx.Put(lockport.TableResultVersions, key, &f.version)
	}
	if err == nil {
		err = a.list(f, result)
	}
	if err != nil {
		return err
	}
	return a.tx.Put(lockport.TableResults, f.place, &result)
}

// list puts a result into its patient's list. One that is dated anew moves.
func (a *arrival) list(f filing, result clinical.Result) error {
	if f.existing != nil {
		if f.existing.Collected.Equal(result.Collected) {
			return nil
		}
		if err := a.tx.Delete(lockport.TablePatientResults, resultIndex(*f.existing)); err != nil {
			return err
		}
	}
	return a.tx.Put(lockport.TablePatientResults, resultIndex(result), &f.place)
}

func resultIndex(r clinical.Result) []byte {
	return clinical.ResultIndexKey(r.Registration, r.Collected, r.Token)
}
