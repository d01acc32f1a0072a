package clinical

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/lockport-hie/lockport"
)

// ResultIndexKey is the row key of lockport.TablePatientResults. Within one
// registration the newest collection time comes first and results without one
// come last.
func ResultIndexKey(reg lockport.RegistrationID, collected time.Time, t lockport.Token) []byte {
	return indexKey(reg, collected, t)
}

// VisitIndexKey is the row key of lockport.TablePatientVisits, ordered like
// ResultIndexKey by the time of admission.
func VisitIndexKey(reg lockport.RegistrationID, admitted time.Time, t lockport.Token) []byte {
	return indexKey(reg, admitted, t)
}

// IndexStart is the key at which a scan of either index begins so that rows at
// or after until are skipped. A zero until starts at the newest row.
func IndexStart(reg lockport.RegistrationID, until time.Time) []byte {
	if until.IsZero() {
		return reg.Key()
	}
	// Inverted, the first microsecond before until is one step further on.
	return binary.BigEndian.AppendUint64(reg.Key(), invert(until)+1)
}

// VersionKey is the row key of lockport.TableResultVersions: the entry that
// brought the version, and the number of its order in the message. Versions are
// the largest rows by far, and in journal order they are only ever appended.
func VersionKey(seq lockport.Seq, order int) []byte {
	return binary.BigEndian.AppendUint32(seq.Key(), uint32(order))
}

func indexKey(reg lockport.RegistrationID, at time.Time, t lockport.Token) []byte {
	return append(binary.BigEndian.AppendUint64(reg.Key(), invert(at)), t[:]...)
}

// invert turns a time into eight bytes' worth of number that falls as time goes
// on. The sign bit is flipped so that times before 1970 keep their order.
func invert(t time.Time) uint64 {
	if t.IsZero() {
		return math.MaxUint64
	}
	return ^(uint64(t.UnixMicro()) ^ 1<<63)
}
