package simulate

import (
	"fmt"
	"strconv"
	"time"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/directory"
)

// visit is one episode of care in progress.
type visit struct {
	p               *patient
	m               *membership
	site            *site
	second          bool // the number the visit was opened under
	number          string
	class           string // table 0004
	ward, room, bed string
	service         string
	doctor          int
	reason          reason
	admitted, ended time.Time
	disposition     string
	cancelled       bool
}

func (v *visit) org() *organisation { return v.m.org }

// reason is why somebody comes.
type reason struct{ code, text, complaint string }

var emergencies = []reason{
	{"R07.9", "Chest pain, unspecified", "CHEST PAIN & PRESSURE"}, {"J11.1", "Influenza with respiratory manifestations", "FEVER, COUGH"},
	{"R10.9", "Unspecified abdominal pain", "ABD PAIN X 2 DAYS"}, {"S93.401A", "Sprain of unspecified ligament of right ankle", "ANKLE INJURY"},
	{"J06.9", "Acute upper respiratory infection", "COUGH, SORE THROAT"}, {"R55", "Syncope and collapse", "PASSED OUT"},
	{"S01.81XA", "Laceration of head", "FALL, HEAD LAC"}, {"N39.0", "Urinary tract infection", "DYSURIA"}, {"U07.1", "COVID-19", "FEVER ~ 101, SOB"},
}

var admissions = []reason{
	{"I50.9", "Heart failure, unspecified", ""}, {"J18.9", "Pneumonia, unspecified organism", ""}, {"K35.80", "Acute appendicitis", ""},
	{"S72.001A", "Fracture of neck of right femur", ""}, {"J44.1", "COPD with acute exacerbation", ""}, {"A41.9", "Sepsis, unspecified organism", ""},
	{"M17.11", "Unilateral primary osteoarthritis, right knee", ""}, {"K80.20", "Calculus of gallbladder", ""},
}

var officeReasons = []reason{
	{"Z00.00", "General adult medical examination", ""}, {"M54.50", "Low back pain", ""}, {"J06.9", "Acute upper respiratory infection", ""},
	{"R53.83", "Other fatigue", ""}, {"L30.9", "Dermatitis, unspecified", ""}, {"Z23", "Encounter for immunization", ""}, {"R05.9", "Cough", ""},
}

var counselReasons = []reason{{"F41.1", "Generalized anxiety disorder", ""}, {"F10.20", "Alcohol dependence", ""}, {"F43.20", "Adjustment disorder", ""}}

// knownConditions are the codes of conditions that somebody has written down.
var knownConditions = []struct {
	condition  condition
	code, text string
}{
	{diabetes, "E11.9", "Type 2 diabetes mellitus"}, {hypertension, "I10", "Essential (primary) hypertension"},
	{kidneyDisease, "N18.30", "Chronic kidney disease, stage 3"}, {hypothyroid, "E03.9", "Hypothyroidism"},
}

// episode lets a patient turn up at an organisation.
func (s *run) episode(p *patient, m *membership) {
	if m.org.authority == nil {
		s.signUp(p, m)
		return
	}
	s.lifeChange(p, m)
	at := pick(s.rng, m.org.sites)
	if !m.known {
		m.known, m.revision = true, p.revision
		s.after(s.between(10*time.Minute, 3*time.Hour), func() { s.signUp(p, m) })
		if m.org.registers {
			s.person(at.adt, p, m, "A28")
			s.after(s.between(5*time.Minute, time.Hour), func() { s.care(p, m, at) })
			return
		}
	} else if m.numbers == oneNumber && chance(s.rng, 0.02) {
		m.numbers = duplicated
		s.after(s.between(8*time.Hour, 96*time.Hour), func() { s.merge(at.adt, p, m) })
	} else if m.consent != "" && chance(s.rng, 0.04) {
		s.after(time.Hour, func() { s.changeMind(p, m) })
	}
	s.care(p, m, at)
}

// lifeChange moves, marries or renumbers somebody now and then. The
// organisation that hears of it first sends A31; the others learn at the next
// visit and send A08.
func (s *run) lifeChange(p *patient, m *membership) {
	switch x := s.rng.Float64(); {
	case x < 0.03:
		p.street = strconv.Itoa(1+s.rng.IntN(980)) + " " + pick(s.rng, streets)
		p.place = int16(s.rng.IntN(len(s.r.counties[p.county].places)))
	case x < 0.05:
		p.phone = p.phone[:6] + fmt.Sprintf("01%02d", s.rng.IntN(100))
	case x < 0.08 && p.partner >= 0:
		q := s.patient(int(p.partner))
		if p.family = q.family; chance(s.rng, 0.15) {
			p.family = s.r.people[p.index].family + "-" + q.family
		}
		p.partner, q.partner = -1, -1
	case x < 0.12 && m.known: // nothing changed, but the desk asked
		s.person(m.org.sites[0].adt, p, m, "A31")
		return
	default:
		return
	}
	p.revision++
	if m.known && chance(s.rng, 0.6) {
		m.revision = p.revision
		s.person(m.org.sites[0].adt, p, m, "A31")
	}
}

// care runs the visit itself.
func (s *run) care(p *patient, m *membership, at *site) {
	v := s.newVisit(p, m, at)
	if m.org.Type != directory.Hospital {
		s.office(v)
		return
	}
	switch x := s.rng.Float64(); {
	case x < 0.42:
		s.emergency(v)
	case x < 0.60:
		s.inpatient(v)
	case x < 0.95:
		v.class, v.ward, v.service = "O", "OPD", "LAB"
		v.reason = pick(s.rng, officeReasons)
		s.register(v)
		s.order(v, s.labPanel(p, outpatientPanels), s.between(5*time.Minute, 30*time.Minute))
		if chance(s.rng, 0.3) {
			s.image(v, s.between(10*time.Minute, time.Hour))
		}
		s.leave(v, 2*time.Hour)
	default: // the wrong patient was picked
		v.class, v.ward, v.reason = "O", "OPD", pick(s.rng, officeReasons)
		s.register(v)
		s.after(s.between(3*time.Minute, 20*time.Minute), func() { s.visitEvent(v, "A11", VisitCancelled) })
	}
}

func (s *run) newVisit(p *patient, m *membership, at *site) *visit {
	s.visits[m.org.index]++
	return &visit{
		p: p, m: m, site: at, second: m.second(m.numbers == duplicated), doctor: m.org.staff[s.rng.IntN(m.org.doctors)],
		number: fmt.Sprintf("V%07d", s.visits[m.org.index]), disposition: "01",
	}
}

// register opens an outpatient or emergency visit with A04.
func (s *run) register(v *visit) {
	v.admitted = s.second()
	s.visitEvent(v, "A04", VisitOpen)
	s.refresh(v)
}

// refresh sends A08 when the organisation did not know a change yet.
func (s *run) refresh(v *visit) {
	if v.m.revision == v.p.revision && !chance(s.rng, 0.12) {
		return
	}
	s.after(s.between(2*time.Minute, 20*time.Minute), func() {
		if !v.cancelled {
			v.m.revision = v.p.revision
			s.visitEvent(v, "A08", "")
		}
	})
}

// leave closes a visit with A03 after a stay.
func (s *run) leave(v *visit, stay time.Duration) {
	if v.org().Type != directory.Hospital && !v.org().releases {
		return
	}
	s.after(s.between(stay/2, 2*stay), func() { s.discharge(v) })
}

func (s *run) discharge(v *visit) {
	v.ended = s.second()
	s.visitEvent(v, "A03", VisitDischarged)
	if v.class == "I" && chance(s.rng, 0.08) { // discharged too early
		s.after(s.between(10*time.Minute, 2*time.Hour), func() {
			v.ended = time.Time{}
			s.visitEvent(v, "A13", VisitOpen)
			s.after(s.between(2*time.Hour, 20*time.Hour), func() {
				v.ended = s.second()
				s.visitEvent(v, "A03", VisitDischarged)
			})
		})
	}
}

func (s *run) emergency(v *visit) {
	v.class, v.ward, v.room, v.service = "E", "ED", "BAY"+strconv.Itoa(1+s.rng.IntN(20)), "EME"
	v.reason = pick(s.rng, emergencies)
	s.register(v)
	for _, panel := range s.emergencyPanels(v) {
		s.order(v, panel, s.between(10*time.Minute, time.Hour))
	}
	if chance(s.rng, 0.45) {
		s.image(v, s.between(20*time.Minute, 90*time.Minute))
	}
	s.leave(v, 4*time.Hour)
}

func (s *run) inpatient(v *visit) {
	v.class, v.ward, v.bed, v.service = "I", strconv.Itoa(2+s.rng.IntN(5))+"W", pick(s.rng, []string{"A", "B"}), "MED"
	v.room, v.reason = strconv.Itoa(300+s.rng.IntN(60)), pick(s.rng, admissions)
	admit := func() {
		v.admitted = s.second()
		s.visitEvent(v, "A01", VisitOpen)
		if chance(s.rng, 0.04) {
			s.after(s.between(10*time.Minute, time.Hour), func() { s.visitEvent(v, "A11", VisitCancelled) })
			return
		}
		s.refresh(v)
		days := 1 + s.rng.IntN(4)
		for d := range days {
			s.order(v, pick(s.rng, inpatientPanels), time.Duration(d)*24*time.Hour+s.between(time.Hour, 8*time.Hour))
		}
		if chance(s.rng, 0.7) {
			s.image(v, s.between(time.Hour, 12*time.Hour))
		}
		s.leave(v, time.Duration(days)*24*time.Hour)
	}
	if chance(s.rng, 0.3) {
		s.visitEvent(v, "A05", VisitPlanned)
		if chance(s.rng, 0.8) {
			s.after(s.between(12*time.Hour, 72*time.Hour), admit)
		}
		return
	}
	admit()
}

// office is a visit to a practice or a counsellor.
func (s *run) office(v *visit) {
	v.class, v.ward, v.service = "O", "OFFICE", ""
	v.reason = pick(s.rng, officeReasons)
	if v.org().Type == directory.Counselling {
		v.reason = pick(s.rng, counselReasons)
		s.register(v)
		s.leave(v, time.Hour)
		return
	}
	s.register(v)
	s.order(v, &vitalSigns, s.between(5*time.Minute, 15*time.Minute))
	if chance(s.rng, 0.2) {
		s.order(v, &pointOfCareA1c, s.between(10*time.Minute, 20*time.Minute))
	}
	if lab := v.p.member(v.p.lab); lab != nil && chance(s.rng, 0.7) {
		s.sendOut(v, lab, s.labPanel(v.p, outpatientPanels))
	}
	if imaging := v.p.member(v.p.imaging); imaging != nil && chance(s.rng, 0.4) {
		s.sendOutImage(v, imaging)
	}
	s.leave(v, time.Hour)
}

// visitEvent sends one ADT message about a visit. An empty status leaves the
// visit's as it is.
func (s *run) visitEvent(v *visit, trigger string, status VisitStatus) {
	a := v.site.adt
	v.cancelled = status == VisitCancelled
	control := s.begin(a, "ADT", trigger)
	var occurred time.Time
	if trigger == "A11" {
		occurred = v.admitted // EVN-6 of a cancellation is the time of what it cancels
	}
	s.evn(a, trigger, occurred)
	ids := s.identify(v.p, v.m, v.m.second(v.second))
	s.pid(a, v.p, v.m, ids, true, v.number)
	s.pv1(a, v)
	s.diagnosis(a, v)
	var meaning func(*Truth)
	if s.truth != nil {
		seen := Visit{
			Person: v.p.index, Patient: ids.own, Number: lockport.Identifier{Value: v.number, Authority: v.org().authority.ID, Type: "VN"},
			Class: v.class, Status: status, Admitted: v.admitted, Ended: v.ended, Attending: s.r.clinicians[v.doctor].entry.NPI,
		}
		details := a.demographics(v.p)
		meaning = func(t *Truth) {
			t.registered(v.p.index, ids, &details)
			t.visited(seen)
		}
	}
	s.emit(s.finish(a, v.p, control, "ADT^"+trigger), meaning)
}

// person sends A28 or A31.
func (s *run) person(a *application, p *patient, m *membership, trigger string) {
	control := s.begin(a, "ADT", trigger)
	s.evn(a, trigger, time.Time{})
	ids := s.identify(p, m, m.second(m.numbers == duplicated))
	s.pid(a, p, m, ids, true, "")
	s.noVisit()
	var meaning func(*Truth)
	if s.truth != nil {
		details := a.demographics(p)
		meaning = func(t *Truth) { t.registered(p.index, ids, &details) }
	}
	s.emit(s.finish(a, p, control, "ADT^"+trigger), meaning)
}

// merge sends A40 (HL7 v2.5.1 ch. 3.3.40): the duplicate number goes, or now
// and then the older one.
func (s *run) merge(a *application, p *patient, m *membership) {
	first, last := s.r.identifier(m.org, p.index, false), s.r.identifier(m.org, p.index, true)
	into, from := first, last
	m.numbers = mergedIntoFirst
	if chance(s.rng, 0.25) {
		m.numbers, into, from = mergedIntoLast, last, first
	}
	control := s.begin(a, "ADT", "A40")
	s.evn(a, "A40", time.Time{})
	ids := sentIdentifiers{own: into} // one pair: PID-3 and MRG-1 pair by position
	s.pid(a, p, m, ids, false, "")
	e := &s.enc
	e.segment("MRG")
	e.at(1)
	s.cx(a, from.Value, a.authorityOf(m.org.authority), from.Type)
	e.field(7, p.family, p.given)
	var meaning func(*Truth)
	if s.truth != nil {
		details := a.demographics(p)
		at := s.now
		meaning = func(t *Truth) { t.merged(p.index, from, into, details, at) }
	}
	s.emit(s.finish(a, p, control, "ADT^A40"), meaning)
}
