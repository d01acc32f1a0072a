package broker

import (
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
}

// forward makes the message of one outbox row: Lockport's own MSH, then the
// segments of that one patient's group exactly as received. Other patients of
// the same message are left out. MSH-10 follows from the row, so that a message
// sent again after a crash is recognisable.
func forward(m *lockport.Message, row lockport.OutboxRow, name, facility string, to directory.Application, now time.Time) (outgoing, error) {
	received, err := hl7.ParseWith(m.Raw, hl7.Options{Charset: m.Charset})
	if err != nil {
		return outgoing{}, err
	}
	group, ok := patientGroup(received, row.Group)
	if !ok {
		return outgoing{}, lockport.Errorf(lockport.Internal, "feed", "entry %d has no patient group %d", row.Seq, row.Group)
	}
	controlID := "LP" + strings.ToUpper(strconv.FormatUint(uint64(row.Seq), 36)) + "-" + strconv.Itoa(row.Group)
	header := received.Header()
	b := hl7.NewBuilder(received.Delimiters(), received.Charset())
	msh := b.Segment("MSH")
	msh.Set(3, name).Set(4, facility).Set(5, to.Name).Set(6, to.Facility)
	msh.Set(7, hl7.FormatTime(now, hl7.Second))
	msh.SetValue(9, header.Field(9)).Set(10, controlID)
	msh.SetValue(11, header.Field(11)).SetValue(12, header.Field(12))
	if header.Field(18).Valued() {
		msh.SetValue(18, header.Field(18))
	} else if m.Charset != "" {
		msh.Set(18, m.Charset)
	}
	for i := group.From; i < group.To; i++ {
		b.Copy(received.Segment(i))
	}
	return outgoing{frame: b.Bytes(), controlID: controlID}, nil
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
