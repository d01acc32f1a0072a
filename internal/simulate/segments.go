package simulate

import (
	"fmt"
	"time"

	"github.com/lockport-hie/lockport"
)

// structures is MSH-9.3 by trigger, from version 2.4 on.
var structures = map[string]string{
	"A01": "ADT_A01", "A03": "ADT_A03", "A04": "ADT_A01", "A05": "ADT_A05", "A08": "ADT_A01", "A11": "ADT_A09",
	"A13": "ADT_A01", "A28": "ADT_A05", "A31": "ADT_A05", "A40": "ADT_A39", "R01": "ORU_R01",
}

// begin starts a message of an application and writes MSH.
func (s *run) begin(a *application, kind, trigger string) (control string) {
	e := &s.enc
	e.b, e.charset, e.offset, e.zone = e.b[:0], a.charset, true, a.zone
	if a.zone != time.UTC {
		e.zone = s.winter
		if _, offset := s.now.In(a.zone).Zone(); offset == -4*3600 {
			e.zone = s.summer
		}
	}
	s.controls[a.index]++
	control = fmt.Sprintf("%s%08d", a.prefix, s.controls[a.index])
	e.segment("MSH")
	e.raw(`|^~\&|`)
	e.last = 3
	e.raw(a.sender)
	e.last = 4
	e.field(5, "LOCKPORT")
	e.field(6, "RHIO")
	e.offset = a.zone != time.UTC || a.offset
	e.when(7, s.now)
	e.offset = a.offset
	structure := structures[trigger]
	if a.version == "2.3" || a.version == "2.3.1" && structure != "ADT_A01" && structure != "ADT_A39" {
		structure = ""
	}
	e.field(9, kind, trigger, structure)
	e.field(10, control)
	e.field(11, "P")
	e.field(12, a.version)
	if a.enhanced {
		e.field(15, "AL")
		e.field(16, "NE")
	}
	e.field(17, "USA")
	e.field(18, a.msh18())
	return control
}

// finish ends the message and returns it as an event of that moment.
func (s *run) finish(a *application, p *patient, control, kind string) Event {
	s.enc.end()
	return Event{Application: a.ID, Person: p.index, ControlID: control, Type: kind, Message: append([]byte(nil), s.enc.b...)}
}

// authorityOf is CX.4 (HL7 v2.5.1 ch. 2A.14) as the application writes it.
func (a *application) authorityOf(u *authority) string {
	if a.fullAuthority {
		return u.full
	}
	return u.short
}

// cx writes one identifier into the open field.
func (s *run) cx(a *application, id, authority, kind string) {
	e := &s.enc
	e.text(id)
	e.raw("^^^")
	e.raw(authority)
	e.raw("^")
	e.raw(kind)
}

// sentIdentifiers is what PID-3 of one message carries.
type sentIdentifiers struct {
	own    lockport.Identifier
	shared string // number of the shared authority; "" where this message leaves it out
	other  *lockport.Identifier
	others *authority
}

// identify decides what PID-3 carries: the organisation's own number and mostly
// the shared one.
func (s *run) identify(p *patient, m *membership, second bool) sentIdentifiers {
	ids := sentIdentifiers{own: s.r.identifier(m.org, p.index, second)}
	if chance(s.rng, 0.93) {
		ids.shared = p.clientNumber
	}
	return ids
}

// pid writes PID (HL7 v2.5.1 ch. 3.4.2). Result messages of many senders carry
// the short form.
func (s *run) pid(a *application, p *patient, m *membership, ids sentIdentifiers, full bool, account string) {
	e := &s.enc
	e.segment("PID")
	e.field(1, "1")
	e.at(3)
	s.cx(a, ids.own.Value, a.authorityOf(m.org.authority), ids.own.Type)
	if ids.other != nil {
		e.raw("~")
		s.cx(a, ids.other.Value, a.authorityOf(ids.others), ids.other.Type)
	}
	if ids.shared != "" {
		e.raw("~")
		s.cx(a, ids.shared, a.authorityOf(s.r.shared), s.r.shared.kind)
	}
	e.field(5, p.family, p.given, p.middle, p.suffix, "", "", "L")
	e.field(7, p.birth.Format("20060102")[:p.birthDigits])
	e.field(8, p.sex)
	if full {
		s.pidDetails(a, p, m, account)
	}
}

func (s *run) pidDetails(a *application, p *patient, m *membership, account string) {
	e := &s.enc
	c := &s.r.counties[p.county]
	home := c.places[p.place]
	for i, race := range p.races {
		if i == 0 {
			e.field(10, race, codeNames[race], cdcrecSystem)
		} else {
			e.repeat(race, codeNames[race], cdcrecSystem)
		}
	}
	e.field(11, p.street, "", home.city, "NY", home.zip, "USA", "H", "", c.fips)
	if p.phone != "" {
		if a.version < "2.5" {
			e.field(13, "("+p.phone[:3]+")"+p.phone[3:6]+"-"+p.phone[6:])
		} else {
			e.field(13, "", "PRN", "PH", "", "1", p.phone[:3], p.phone[3:])
		}
	}
	e.field(15, origins[p.origin].language)
	if p.age(s.now) < 18 {
		e.field(16, "S")
	} else {
		e.field(16, "U")
	}
	if account != "" {
		e.at(18)
		s.cx(a, account, a.authorityOf(m.org.authority), "AN")
	}
	if p.ethnicity != "" {
		e.field(22, p.ethnicity, codeNames[p.ethnicity], cdcrecSystem)
	}
}

// xcn writes a clinician into field n (HL7 v2.5.1 ch. 2A.88).
func (s *run) xcn(a *application, n, clinician int) {
	c := &s.r.clinicians[clinician]
	e := &s.enc
	e.field(n, string(c.entry.NPI), c.family, c.given, "", "", "", c.degree)
	if a.fullAuthority {
		e.raw("^^NPI&2.16.840.1.113883.4.6&ISO^L^^^NPI")
	} else {
		e.raw("^^NPI^L^^^NPI")
	}
}

// pv1 writes the visit.
func (s *run) pv1(a *application, v *visit) {
	e := &s.enc
	e.segment("PV1")
	e.field(1, "1")
	e.field(2, v.class)
	e.field(3, v.ward, v.room, v.bed, v.org().namespace)
	if v.class == "E" {
		e.field(4, "E")
	}
	s.xcn(a, 7, v.doctor)
	e.field(10, v.service)
	e.at(19)
	s.cx(a, v.number, a.authorityOf(v.org().authority), "VN")
	if !v.ended.IsZero() {
		e.field(36, v.disposition)
	}
	e.when(44, v.admitted)
	e.when(45, v.ended)
}

// noVisit writes the PV1 of a message about the person only.
func (s *run) noVisit() {
	s.enc.segment("PV1")
	s.enc.field(1, "1")
	s.enc.field(2, "N")
}

// evn writes EVN; occurred is zero where it is the moment itself.
func (s *run) evn(a *application, trigger string, occurred time.Time) {
	e := &s.enc
	e.segment("EVN")
	if a.version < "2.5" {
		e.field(1, trigger)
	}
	e.when(2, s.now)
	e.when(6, occurred)
}

// diagnosis writes DG1 and, in emergency departments, the complaint in PV2.
func (s *run) diagnosis(a *application, v *visit) {
	e := &s.enc
	if v.class == "E" {
		e.segment("PV2")
		e.field(3, "", v.reason.complaint)
	}
	e.segment("DG1")
	e.field(1, "1")
	e.field(3, v.reason.code, v.reason.text, "I10")
	e.when(5, v.admitted)
	e.field(6, "W")
	n := 1
	for _, k := range knownConditions {
		if v.p.has&k.condition != 0 && v.p.has&undiagnosed == 0 {
			n++
			e.segment("DG1")
			e.number(1, n)
			e.field(3, k.code, k.text, "I10")
			e.field(6, "F")
		}
	}
}

// demographics is what a message says of a person, for the truth.
func (a *application) demographics(p *patient) Demographics {
	return Demographics{
		Family: a.charset.fold(p.family), Given: a.charset.fold(p.given), Middle: p.middle, Suffix: p.suffix, Sex: p.sex,
		BirthDate: p.birth.Format("20060102")[:p.birthDigits], Street: p.street,
	}
}
