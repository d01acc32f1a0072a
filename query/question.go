package query

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/clinical"
	"github.com/lockport-hie/lockport/consent"
	"github.com/lockport-hie/lockport/directory"
	"github.com/lockport-hie/lockport/hl7"
)

// dialect is the form a query came in.
type dialect uint8

const (
	original dialect = iota // QRD and QRF (HL7 v2.5.1 ch. 5.10.5)
	profile                 // QPD and RCP (HL7 v2.5.1 ch. 5.5)
)

// question is one understood query.
type question struct {
	Dialect     dialect
	Type        string // MSH-9, for example QBP^ZR1
	ControlID   string // MSH-10
	Tag         string // QPD-2, or QRD-4
	Patient     lockport.Identifier
	From, Until time.Time
	Codes       []string
	Purpose     lockport.Purpose
	Clinician   lockport.NPI
	Attestation *consent.Attestation
	Limit       int // orders; 0 when the asker sets none
}

// wantsDocuments reports whether documents are asked for instead of results.
func (q *question) wantsDocuments() bool { return q.Type == documentsQuery }

// Documents returns the question as the filter of the documents asked for.
func (q *question) Documents() clinical.DocumentFilter {
	return clinical.DocumentFilter{From: q.From, Until: q.Until, Kinds: q.Codes}
}

// Filter returns the question as the filter of the results asked for.
func (q *question) Filter() clinical.ResultFilter {
	return clinical.ResultFilter{From: q.From, Until: q.Until, Codes: q.Codes}
}

// read understands a query. The question is returned even with a problem, as
// far as it was understood, so that the answer can echo it.
func read(m *hl7.Message, from directory.Application, d *directory.Directory) (*question, *problem) {
	q := begun(m)
	q.Purpose, q.Clinician = from.DefaultPurpose, from.DefaultProvider
	if q.Purpose == "" {
		q.Purpose = lockport.Treatment
	}
	switch {
	case !q.answered():
		at := hl7.Location{Segment: "MSH", Sequence: 1, Field: 9, Repetition: 1, Component: 2}
		return q, &problem{at: at, code: 201, text: "this query is not answered here", reject: true}
	case q.Dialect == profile:
		return q, q.readQPD(m, from, d)
	}
	return q, q.readQRD(m, from, d)
}

// The queries that are answered.
const (
	originalQuery  = "QRY^R02"
	resultsQuery   = "QBP^ZR1"
	documentsQuery = "QBP^ZD1"
)

// begun returns what the header says of a query.
func begun(m *hl7.Message) *question {
	header := m.Header()
	part := func(n int) string { return strings.TrimSpace(header.Component(9, n).Text()) }
	q := &question{Type: part(1) + "^" + part(2), ControlID: header.Text(10)}
	if q.Type == resultsQuery || q.Type == documentsQuery {
		q.Dialect, q.Tag = profile, m.First("QPD").Text(2)
	}
	return q
}

// answered reports whether this is a query that is answered here.
func (q *question) answered() bool { return q.Type == originalQuery || q.Dialect == profile }

// readQRD reads the original-mode results query: QRD-8 the patient, QRD-9 RES,
// QRD-7 the quantity, QRF-2 and QRF-3 the window. QRF-8 chooses among values in the
// window, never among the versions of one: whatever it says, a value that was
// corrected is not shown beside its correction.
func (q *question) readQRD(m *hl7.Message, from directory.Application, d *directory.Directory) *problem {
	qrd, qrf := m.First("QRD"), m.First("QRF")
	if !qrd.Exists() {
		return missing("QRD", 0)
	}
	q.Tag = qrd.Text(4)
	if subject := qrd.Component(9, 1).Text(); subject != "RES" {
		return &problem{at: at("QRD", 9), code: 103, text: "QRD-9 must ask for RES"}
	}
	who := hl7.ReadXCN(qrd.Rep(8, 1))
	if p := q.identify(who.ID, who.Authority, qrd, 8, from, d); p != nil {
		return p
	}
	if p := q.quantity(qrd.Field(7), at("QRD", 7)); p != nil {
		return p
	}
	if q.Purpose == lockport.EmergencyTreatment {
		q.Clinician = "" // an application's default clinician never counts for ETREAT, and QRY names none
	}
	return q.window(m, from, qrf, 2)
}

// readQPD reads profiles ZR1 and ZD1: QPD-3 the patient, 4 and 5 the window, 6 the
// services (ZD1: the document types), 7 the purpose of use, 8 the clinician, 9 and 10 the attestation.
func (q *question) readQPD(m *hl7.Message, from directory.Application, d *directory.Directory) *problem {
	qpd := m.First("QPD")
	if !qpd.Exists() {
		return missing("QPD", 0)
	}
	if q.Tag == "" {
		return missing("QPD", 2)
	}
	cx := hl7.ReadCX(qpd.Rep(3, 1))
	if p := q.identify(cx.ID, cx.Authority, qpd, 3, from, d); p != nil {
		return p
	}
	if p := q.window(m, from, qpd, 4); p != nil {
		return p
	}
	for _, service := range qpd.Reps(6) {
		if code := service.Component(1).Text(); code != "" {
			q.Codes = append(q.Codes, code)
		}
	}
	if purpose := qpd.Component(7, 1).Text(); purpose != "" {
		q.Purpose = lockport.Purpose(purpose)
	}
	if who := qpd.Component(8, 1).Text(); who != "" {
		q.Clinician = lockport.NPI(who)
	} else if q.Purpose == lockport.EmergencyTreatment {
		q.Clinician = "" // an application's default clinician never counts for ETREAT
	}
	if reason, text := qpd.Component(9, 1).Text(), qpd.Text(10); reason != "" || text != "" {
		q.Attestation = &consent.Attestation{Reason: reason, Text: text}
	}
	return q.quantity(m.First("RCP").Field(2), at("RCP", 2))
}

// identify resolves the identifier asked for. The answer to an unknown
// authority depends on the directory only, never on a patient.
func (q *question) identify(id string, hd hl7.HD, s hl7.Segment, field int, from directory.Application, d *directory.Directory) *problem {
	where := at(s.ID(), field)
	if s.NumReps(field) > 1 {
		return &problem{at: where, code: 198, text: s.ID() + "-" + strconv.Itoa(field) + " must name one patient"}
	}
	if id = strings.TrimSpace(id); id == "" {
		return &problem{at: where, code: 101, text: "the patient identifier is missing"}
	}
	authority, ok := d.ResolveAuthority(from, lockport.HD(hd))
	if !ok {
		authority, ok = local(d, hd)
	}
	if !ok {
		return &problem{at: where, code: 204, text: "the assigning authority of the patient identifier is not known here"}
	}
	q.Patient = lockport.Identifier{Value: id, Authority: authority.ID}
	return nil
}

// local finds the one authority of a sender on trial that bears the name, so
// that what such a sender delivered can be asked for.
func local(d *directory.Directory, hd hl7.HD) (directory.Authority, bool) {
	var found []directory.Authority
	for _, a := range d.Authorities() {
		sameID := hd.UniversalID != "" && strings.EqualFold(a.OID, hd.UniversalID)
		sameName := hd.Namespace != "" && a.Namespace == hd.Namespace && (hd.UniversalID == "" || a.OID == "")
		if a.Application != "" && (sameID || sameName) {
			found = append(found, a)
		}
	}
	if len(found) != 1 {
		return directory.Authority{}, false
	}
	return found[0], true
}

// window reads the field with its start and the next one with its end. A time
// without an offset is local to the asker.
func (q *question) window(m *hl7.Message, from directory.Application, s hl7.Segment, field int) *problem {
	zone := m.Zone()
	if zone == nil {
		var err error
		if zone, err = time.LoadLocation(cmp.Or(from.Zone, lockport.RegionZone)); err != nil {
			return &problem{code: 207, text: "the time zone of the application cannot be read"}
		}
	}
	start, err := hl7.ReadTime(s.Field(field))
	if err != nil {
		return &problem{at: at(s.ID(), field), code: 102, text: "the start of the time window is not a time"}
	}
	end, err := hl7.ReadTime(s.Field(field + 1))
	if err != nil {
		return &problem{at: at(s.ID(), field+1), code: 102, text: "the end of the time window is not a time"}
	}
	if !start.IsZero() {
		q.From, _ = start.In(zone)
	}
	if !end.IsZero() {
		q.Until = end.Latest(zone).Add(time.Nanosecond) // the filter's end is exclusive
	}
	return nil
}

// quantity reads CQ "50^RD": records are orders here.
func (q *question) quantity(v hl7.Value, where hl7.Location) *problem {
	text := v.Component(1).Text()
	if text == "" {
		return nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return &problem{at: where, code: 102, text: "the quantity is not a number"}
	}
	q.Limit = n
	return nil
}

func at(segment string, field int) hl7.Location {
	return hl7.Location{Segment: segment, Sequence: 1, Field: field, Repetition: 1}
}

func missing(segment string, field int) *problem {
	if field == 0 {
		return &problem{at: hl7.Location{Segment: segment, Sequence: 1}, code: 100, text: "the " + segment + " segment is missing"}
	}
	return &problem{at: at(segment, field), code: 101, text: segment + "-" + strconv.Itoa(field) + " is missing"}
}
