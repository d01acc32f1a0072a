package broker

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/directory"
	"github.com/lockport-hie/lockport/hl7"
)

// outgoing is one message as a feed sends it.
type outgoing struct {
	frame     []byte
	controlID string
	kind      string // MSH-9 as it was received
}

// forward makes the message of one outbox row: Lockport's own MSH, then the
// segments of that one patient's group exactly as received. Other patients of
// the same message are left out. MSH-10 follows from the row, so that a message
// sent again after a crash is recognisable.
func forward(m *lockport.Message, row lockport.OutboxRow, name, facility string, to directory.Application, now time.Time) (outgoing, error) {
	zone, err := time.LoadLocation(m.Zone)
	if err != nil {
		return outgoing{}, lockport.Errorf(lockport.Internal, "feed", "the time zone of entry %d: %w", row.Seq, err)
	}
	received, err := hl7.ParseWith(m.Raw, hl7.Options{Charset: m.Charset, Zone: zone})
	if err != nil {
		return outgoing{}, err
	}
	group, ok := patientGroup(received, row.Group)
	if !ok {
		return outgoing{}, lockport.Errorf(lockport.Internal, "feed", "entry %d has no patient group %d", row.Seq, row.Group)
	}
	controlID := "LP" + strings.ToUpper(strconv.FormatUint(uint64(row.Seq), 36)) + "-" + strconv.Itoa(row.Group)
	header := received.Header()
	b := hl7.NewBuilder(received.Delimiters(), received.Charset()) // which becomes MSH-18
	msh := b.Segment("MSH")
	msh.Set(3, name).Set(4, facility).Set(5, to.Name).Set(6, to.Facility)
	msh.Set(7, sentAt(received, now)).Set(10, controlID)
	fields := []int{9, 11, 12}
	if header.Field(18).Valued() {
		fields = append(fields, 18)
	}
	for _, n := range fields {
		msh.SetRaw(n, header.Field(n).Raw())
	}
	frame := b.Bytes()
	for i := group.From; i < group.To; i++ {
		frame = append(append(frame, received.Segment(i).Raw()...), '\r')
	}
	return outgoing{frame: frameable(frame), controlID: controlID, kind: m.Type}, nil
}

// frameable escapes the two bytes that no frame may hold (VT and FS, HL7 v2.5.1
// appendix C). A sender that puts one into a field would otherwise have written
// what can never be handed on.
func frameable(message []byte) []byte {
	if !bytes.ContainsAny(message, "\x0b\x1c") {
		return message
	}
	escape := "?"
	if m, err := hl7.Parse(message); err == nil && m.Delimiters().Escape != 0 {
		escape = string(m.Delimiters().Escape)
	}
	message = bytes.ReplaceAll(message, []byte{0x0b}, []byte(escape+"X0B"+escape))
	return bytes.ReplaceAll(message, []byte{0x1c}, []byte(escape+"X1C"+escape))
}

// sentAt is MSH-7 of what is sent. Its offset counts for every time of the
// message that has none (HL7 v2.5.1 ch. 2.15.9.7), and those stay as received: so
// the time is told in the sender's zone, with an offset only if it gave one.
func sentAt(received *hl7.Message, now time.Time) string {
	local := now.In(received.Zone())
	if t, err := hl7.ReadTime(received.Header().Field(7)); err == nil && t.HasOffset() {
		return hl7.FormatTime(local, hl7.Second)
	}
	return local.Format("20060102150405")
}

// patientGroup returns group n of a message, from 1.
func patientGroup(m *hl7.Message, n int) (hl7.PatientGroup, bool) {
	i := 0
	for g := range m.PatientGroups() {
		if i++; i == n {
			return g, true
		}
	}
	return hl7.PatientGroup{}, false
}
