package simulate

import (
	"fmt"
	"strings"
	"time"
)

// order is one test or study on its way, the identity of all its reports.
type order struct {
	p             *patient
	m             *membership // of the performing organisation
	second        bool        // the number in use when it was ordered
	app           *application
	visit         *visit      // of the performing organisation; nil for work sent out
	placer        *membership // the ordering organisation
	placerApp     *application
	doctor        int
	code, name    string
	section       string
	filler        string
	placerNumber  string
	collected     time.Time
	withPlacersID bool // PID-3 also carries the ordering organisation's number
}

// report is one version of an order's results.
type report struct {
	status       string // OBR-25
	observations []observation
	note         string // NTE after OBR
}

// observation is one OBX, or one unit of several OBX for text in lines.
type observation struct {
	kind, code, name, sub string
	value                 string // text; the lines of a report are separated by line ends
	number                float64
	unit, limits, flag    string
	status                string // OBX-11
	note                  string // NTE after OBX
}

var labNotes = []string{
	"Specimen slightly hemolyzed; K+ & LDH may be elevated.", "Result verified by repeat analysis | called to floor.",
	"Fasting: yes ~ 12 h", `See policy \\LAB\CHEM^7 for interpretation.`, "Reference range changed; compare with care.",
}

// newOrder gives out the numbers. The filler number is unique over time within
// the filler application (HL7 v2.5.1 ch. 7.4.1.3).
func (s *run) newOrder(p *patient, performer *membership, app *application, doctor int) *order {
	s.orders[app.index]++
	o := &order{
		p: p, m: performer, app: app, doctor: doctor, second: performer.second(performer.numbers == duplicated),
		placer: performer, placerApp: app, collected: s.second(), filler: fmt.Sprintf("%s-%07d", app.prefix, s.orders[app.index]),
	}
	return o
}

// place gives out the placer order number, unique within the placer application.
func (s *run) place(o *order) {
	s.placed[o.placerApp.index]++
	o.placerNumber = fmt.Sprintf("%sP%06d", o.placerApp.prefix, s.placed[o.placerApp.index])
}

// order plans a test at the organisation of the visit.
func (s *run) order(v *visit, pn *panel, delay time.Duration) {
	app := v.org().lab
	if app == nil || pn == nil {
		return
	}
	s.after(delay, func() {
		o := s.newOrder(v.p, v.m, app, v.doctor)
		o.visit, o.placerApp = v, v.site.adt
		s.perform(o, pn)
	})
}

// sendOut plans a practice's order at a laboratory.
func (s *run) sendOut(v *visit, lab *membership, pn *panel) {
	s.after(s.between(time.Hour, 6*time.Hour), func() {
		lab.known = true
		o := s.newOrder(v.p, lab, lab.org.lab, v.doctor)
		o.placer, o.placerApp, o.withPlacersID = v.m, v.site.adt, chance(s.rng, 0.15)
		s.perform(o, pn)
	})
}

// perform measures and plans the life cycle of the reports.
func (s *run) perform(o *order, pn *panel) {
	o.code, o.name, o.section = pn.code, pn.name, pn.section
	s.place(o)
	all := pn.measure(s.rng, o.p)
	for i := range all {
		all[i].status = "F"
	}
	bedside := o.code == vitalSigns.code
	if !bedside && chance(s.rng, 0.06) {
		all[s.rng.IntN(len(all))].note = pick(s.rng, labNotes)
	}
	if !bedside && chance(s.rng, 0.02) {
		s.publish(o, 30*time.Minute, report{status: "X", note: "Specimen clotted; please recollect & reorder."})
		return
	}
	final := report{status: "F", observations: all}
	if !bedside && chance(s.rng, 0.05) {
		final.note = pick(s.rng, labNotes)
	}
	versions := []report{final}
	if chance(s.rng, 0.08) {
		versions = s.corrected(pn, o.p, final)
	}
	if len(all) > 1 && chance(s.rng, 0.35) {
		versions = append([]report{preliminary(s, versions[0])}, versions...)
	}
	turnaround := s.between(20*time.Minute, 4*time.Hour)
	if bedside { // entered once, at the bedside
		versions, turnaround = []report{final}, s.between(time.Minute, 5*time.Minute)
	}
	s.publish(o, turnaround, versions...)
}

// preliminary is what is ready early: some of the values.
func preliminary(s *run, final report) report {
	early := make([]observation, 1+s.rng.IntN(len(final.observations)))
	copy(early, final.observations)
	for i := range early {
		early[i].status = "P"
	}
	return report{status: "P", observations: early}
}

// corrected returns a final report with one wrong value and its correction,
// which carries all values or only the right one.
func (s *run) corrected(pn *panel, p *patient, right report) []report {
	i := s.rng.IntN(len(right.observations))
	wrong := append([]observation(nil), right.observations...)
	fixed := append([]observation(nil), right.observations...)
	a := &pn.analytes[i]
	if a.words != nil {
		wrong[i].value, wrong[i].flag = a.words[len(a.words)-1], "A"
		if wrong[i].value == fixed[i].value {
			wrong[i].value, wrong[i].flag = a.words[0], "N"
		}
	} else {
		low, high, _ := a.bounds(p)
		a.set(&wrong[i], wrong[i].number*1.4+a.sd, low, high)
	}
	fixed[i].status, fixed[i].note = "C", "Corrected result; previously reported as "+wrong[i].value+" & released in error."
	if chance(s.rng, 0.4) {
		fixed = fixed[i : i+1]
	}
	return []report{{status: "F", observations: wrong}, {status: "C", observations: fixed}}
}

// publish sends the versions one after the other. Now and then an earlier one
// is held up in an interface engine and arrives after its successor.
func (s *run) publish(o *order, first time.Duration, versions ...report) {
	s.after(first, func() {
		gap := s.between(30*time.Minute, 20*time.Hour)
		var late time.Duration
		if len(versions) > 1 && chance(s.rng, 0.08) || chance(s.rng, 0.01) {
			late = s.scale(gap) + s.scale(s.between(time.Hour, 6*time.Hour))
		}
		s.send(o, versions[0], late)
		if len(versions) > 1 {
			s.publish(o, gap, versions[1:]...)
		}
	})
}

// send writes a report at this moment and delivers it at once or late.
func (s *run) send(o *order, rep report, late time.Duration) {
	a := o.app
	control := s.begin(a, "ORU", "R01")
	ids := s.identify(o.p, o.m, o.m.second(o.second))
	if o.withPlacersID {
		other := s.r.identifier(o.placer.org, o.p.index, o.placer.second(o.placer.numbers == duplicated))
		ids.other, ids.others = &other, o.placer.org.authority
	}
	s.pid(a, o.p, o.m, ids, a.index%3 == 0, "")
	if o.visit != nil {
		s.pv1(a, o.visit)
	}
	s.orc(o)
	s.obr(o, rep)
	s.obx(o, rep)
	e := s.finish(a, o.p, control, "ORU^R01")
	var meaning func(*Truth)
	if s.truth != nil {
		version := Version{ControlID: control, Status: rep.status, Reported: s.second(), Sent: s.second(), Observations: o.truth(rep)}
		doctor := s.r.clinicians[o.doctor].entry.NPI
		meaning = func(t *Truth) {
			t.registered(o.p.index, ids, nil)
			t.reported(o, ids.own, doctor, version)
		}
	}
	if late == 0 {
		s.emit(e, meaning)
		return
	}
	s.at(s.now.Add(late), func() { s.emit(e, meaning) })
}

// fillerNumber writes an EI (HL7 v2.5.1 ch. 2A.28).
func (o *order) fillerNumber(e *encoder, field int) {
	e.field(field, o.filler, o.app.Name)
	if o.app.fullAuthority {
		e.raw("^" + o.app.org.oid + "^ISO")
	}
}

func (o *order) placerField(e *encoder) {
	if o.placerNumber != "" {
		e.field(2, o.placerNumber, o.placerApp.Name)
	}
}

func (s *run) orc(o *order) {
	if o.app.version == "2.3" {
		return // everything that matters stands in OBR as well
	}
	e := &s.enc
	e.segment("ORC")
	e.field(1, "RE")
	o.placerField(e)
	o.fillerNumber(e, 3)
	e.when(9, s.now)
	s.xcn(o.app, 12, o.doctor)
	if o.app.version >= "2.5" {
		e.field(21, o.placer.org.Name, "L", "", "", "", "", "", "", "", o.placer.org.namespace)
	}
}

func (s *run) obr(o *order, rep report) {
	e := &s.enc
	e.segment("OBR")
	e.field(1, "1")
	o.placerField(e)
	o.fillerNumber(e, 3)
	e.field(4, o.code, o.name, "LN")
	e.when(7, o.collected)
	s.xcn(o.app, 16, o.doctor)
	e.when(22, s.now)
	e.field(24, o.section)
	e.field(25, rep.status)
	s.notes(rep.note)
}

func (s *run) notes(text string) {
	if text != "" {
		s.enc.segment("NTE")
		s.enc.field(1, "1")
		s.enc.field(2, "L")
		s.enc.field(3, text)
	}
}

func (s *run) obx(o *order, rep report) {
	e := &s.enc
	n := 0
	for i := range rep.observations {
		ob := &rep.observations[i]
		lines := []string{ob.value}
		if ob.kind == "TX" {
			lines = strings.Split(ob.value, "\n")
		}
		for _, line := range lines {
			n++
			e.segment("OBX")
			e.number(1, n)
			e.field(2, ob.kind)
			e.field(3, ob.code, ob.name, "LN")
			e.field(4, ob.sub)
			e.field(5, line)
			if ob.unit != "" {
				e.field(6, ob.unit, "", "UCUM")
			}
			e.field(7, ob.limits)
			e.field(8, ob.flag)
			e.field(11, ob.status)
			e.when(14, o.collected)
		}
		s.notes(ob.note)
	}
}

// truth returns the observations as the application's character set shows them.
func (o *order) truth(rep report) []Observation {
	out := make([]Observation, len(rep.observations))
	for i, ob := range rep.observations {
		out[i] = Observation{
			Code: ob.code, SubID: ob.sub, Type: ob.kind, Value: o.app.charset.fold(ob.value), Unit: ob.unit,
			Range: ob.limits, Flag: ob.flag, Status: ob.status,
		}
	}
	return out
}

// key is the order's identity for the truth.
func (o *order) key() ResultKey { return ResultKey{Application: o.app.ID, Filler: o.filler} }
