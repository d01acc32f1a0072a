package query

import (
	"strconv"
	"strings"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/clinical"
	"github.com/lockport-hie/lockport/directory"
	"github.com/lockport-hie/lockport/hl7"
	"github.com/lockport-hie/lockport/patient"
)

// replyCharset is what every reply is written in: it carries any name.
const replyCharset = "UNICODE UTF-8"

// reply builds the answer with its records, or with none.
func (s *Service) reply(m *hl7.Message, q *question, found disclosed, state string) ([]byte, error) {
	b, _ := s.begin(m, q, "AA")
	counts := []int{found.count() + found.left, found.count(), found.left}
	if q.Dialect == profile {
		s.acknowledge(b, m, q, state, counts)
	} else {
		echo(b, m, "QRD", "QRF")
	}
	if err := writeRecords(b, found); err != nil {
		return nil, err
	}
	if q.Dialect == original {
		s.acknowledge(b, m, q, state, counts)
	}
	return b.Bytes(), nil
}

// plain is an answer without data: MSA AE or AR, ERR, and the query echoed.
func (s *Service) plain(m *hl7.Message, q *question, p *problem) lockport.Reply {
	if p.reject && !q.answered() {
		return lockport.Reply{Frame: m.Acknowledge(s.rejection(p))}
	}
	b, msa := s.begin(m, q, p.ack())
	if q.Dialect == original { // ORF has ERR behind the query's own segments
		echo(b, m, "QRD", "QRF")
	}
	version := versionOf(m)
	if version < "2.5" {
		msa.Set(3, p.text)
	}
	b.Problems(msa, version, hl7.Problem{Location: p.at, Code: p.code, Severity: 'E', Text: p.text})
	s.acknowledge(b, m, q, p.ack(), nil)
	return lockport.Reply{Frame: b.Bytes()}
}

func (s *Service) rejection(p *problem) hl7.Ack {
	return hl7.Ack{
		Code: hl7.AR, ControlID: s.config.ControlID(), Time: s.config.Now(), Text: p.text,
		Problems: []hl7.Problem{{Location: p.at, Code: p.code, Severity: 'E', Text: p.text}},
	}
}

// begin writes MSH and MSA.
func (s *Service) begin(m *hl7.Message, q *question, code string) (*hl7.Builder, *hl7.SegmentBuilder) {
	header := m.Header()
	version := versionOf(m)
	b := hl7.NewBuilder(m.Delimiters(), replyCharset)
	msh := b.Segment("MSH")
	msh.SetValue(3, header.Field(5)).SetValue(4, header.Field(6))
	msh.SetValue(5, header.Field(3)).SetValue(6, header.Field(4))
	// Without an offset, because the offset of MSH-7 would count for every time of
	// the reply that has none (HL7 v2.5.1 ch. 2.15.9.7), and those are local.
	msh.Set(7, s.config.Now().In(s.region).Format("20060102150405"))
	kind := []string{"ORF", "R04", "ORF_R04"}
	if q.Dialect == profile {
		kind = []string{"RSP", "ZR2", "RSP_ZR2"}
	}
	if q.wantsDocuments() {
		kind = []string{"RSP", "ZD2", "RSP_ZD2"}
	}
	if version < "2.3.1" { // MSH-9.3 exists from 2.3.1 on
		kind = kind[:2]
	}
	msh.Set(9, kind...).Set(10, s.config.ControlID())
	msh.SetValue(11, header.Field(11)).SetValue(12, header.Field(12)).Set(18, replyCharset)
	return b, b.Segment("MSA").Set(1, code).SetValue(2, header.Field(10))
}

// versionOf returns MSH-12.1.
func versionOf(m *hl7.Message) string { return strings.TrimSpace(m.Header().Component(12, 1).Text()) }

// acknowledge writes QAK, and the QPD echo of the profile dialect. QAK exists
// from 2.4 on.
func (s *Service) acknowledge(b *hl7.Builder, m *hl7.Message, q *question, state string, counts []int) {
	if q.Dialect == original && versionOf(m) < "2.4" {
		return
	}
	qak := b.Segment("QAK").Set(1, q.Tag).Set(2, state)
	if q.Dialect == original {
		return
	}
	qpd := m.First("QPD")
	qak.SetValue(3, qpd.Field(1))
	for i, n := range counts {
		qak.Set(4+i, strconv.Itoa(n))
	}
	echo(b, m, "QPD")
}

// echo copies segments of the query.
func echo(b *hl7.Builder, m *hl7.Message, ids ...string) {
	for _, id := range ids {
		if s := m.First(id); s.Exists() {
			b.Copy(s)
		}
	}
}

// writeRecords writes one PID for each registration that has records, and below
// it the orders or documents as they were received.
func writeRecords(b *hl7.Builder, found disclosed) error {
	for i, r := range found.registrations {
		writePatient(b, found.directory, i+1, r)
		if err := writeDocuments(b, found, r.ID); err != nil {
			return err
		}
		for _, report := range found.shown {
			if report.Result.Registration != r.ID {
				continue
			}
			for _, v := range report.Versions {
				if err := writeVersion(b, v); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// writeDocuments writes the documents of one registration: TXA of the last message
// that counts, and the text in force.
func writeDocuments(b *hl7.Builder, found disclosed, id lockport.RegistrationID) error {
	for _, report := range found.documents {
		if report.Document.Registration != id {
			continue
		}
		for _, v := range report.Versions {
			text := v.Encoding
			if v.ContentEncoding != (clinical.Encoding{}) {
				text = v.ContentEncoding
			}
			for _, p := range []part{{v.Encoding, v.Head}, {text, v.Content}} {
				if err := p.copy(b); err != nil {
					return lockport.Errorf(lockport.Corrupt, "query", "the stored segments of entry %d cannot be read", v.Seq)
				}
			}
		}
	}
	return nil
}

// writeVersion copies the segments of one version from the sender's delimiters
// and character set into the reply's. A merged view may hold observations of an
// earlier report that was written differently.
func writeVersion(b *hl7.Builder, v clinical.Version) error {
	parts := []part{{v.Encoding, v.Head}}
	for _, u := range v.Units {
		encoding := u.Encoding
		if encoding == (clinical.Encoding{}) {
			encoding = v.Encoding
		}
		parts = append(parts, part{encoding, u.Segments})
	}
	for _, p := range append(parts, part{v.Encoding, v.Tail}) {
		if err := p.copy(b); err != nil {
			return lockport.Errorf(lockport.Corrupt, "query", "the stored segments of entry %d cannot be read", v.Seq)
		}
	}
	return nil
}

// part is some stored segments with how they are written.
type part struct {
	encoding clinical.Encoding
	segments []byte
}

func (p part) copy(b *hl7.Builder) error {
	raw := append([]byte("MSH"+p.encoding.Delimiters), '\r')
	m, err := hl7.ParseWith(append(raw, p.segments...), hl7.Options{Charset: p.encoding.Charset})
	if err != nil {
		return err
	}
	for i := 1; i < m.Len(); i++ {
		b.Copy(m.Segment(i))
	}
	return nil
}

// writePatient writes who the registration is, its identifiers fully qualified.
func writePatient(b *hl7.Builder, d *directory.Directory, set int, r patient.Registration) {
	pid := b.Segment("PID").Set(1, strconv.Itoa(set))
	for i, id := range r.Identifiers {
		pid.Repeat(3, id.Value, "", "", "", id.Type)
		if a, ok := d.Authority(id.Authority); ok && a.OID != "" {
			pid.SetSub(3, i+1, 4, a.Namespace, a.OID, "ISO")
		} else if ok {
			pid.SetSub(3, i+1, 4, a.Namespace)
		}
	}
	for _, n := range r.Details.Names {
		pid.Repeat(5, n.Family, n.Given, n.Middle, n.Suffix, n.Prefix, "", n.Type)
	}
	pid.Set(7, r.Details.BirthDate).Set(8, r.Details.Sex)
}
