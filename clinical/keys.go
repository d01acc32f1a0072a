package clinical

import (
	"encoding/binary"
	"time"

	"github.com/lockport-hie/lockport"
)

// ResultIndexKey is the row key of lockport.TablePatientResults: the results of
// one registration stand together, those without a collection time first and the
// newest last, where those that arrive fill the page behind.
func ResultIndexKey(reg lockport.RegistrationID, collected time.Time, order lockport.Token) []byte {
	return indexKey(reg, collected, order)
}

// VisitIndexKey is the row key of lockport.TablePatientVisits, ordered like
// ResultIndexKey by the time of admission.
func VisitIndexKey(reg lockport.RegistrationID, admitted time.Time, t lockport.Token) []byte {
	return indexKey(reg, admitted, t)
}

// DocumentIndexKey is the row key of lockport.TablePatientDocuments, ordered like
// ResultIndexKey by the time of the activity.
func DocumentIndexKey(reg lockport.RegistrationID, activity time.Time, t lockport.Token) []byte {
	return indexKey(reg, activity, t)
}

// IndexEnd is the key before which all rows of a registration stand that are
// older than until, in either order; nil for a zero until, which leaves out none.
func IndexEnd(reg lockport.RegistrationID, until time.Time) []byte {
	if until.IsZero() {
		return nil
	}
	return binary.BigEndian.AppendUint64(reg.Key(), ascending(until))
}

// FactKey is the row key of lockport.TableFacts: a registration's facts stand
// together, those of the patient before those of a visit.
func FactKey(reg lockport.RegistrationID, visit lockport.Token, segment string) []byte {
	return append(append(reg.Key(), visit[:]...), segment...)
}

// VersionKey is the row key of lockport.TableResultVersions: the entry that
// brought the version, and the number of its order in the message. The key of a
// result in lockport.TableResults is that of its first version: results, the
// largest rows by far, are only ever appended.
func VersionKey(seq lockport.Seq, order int) []byte {
	return binary.BigEndian.AppendUint32(seq.Key(), uint32(order))
}

func indexKey(reg lockport.RegistrationID, at time.Time, t lockport.Token) []byte {
	return append(binary.BigEndian.AppendUint64(reg.Key(), ascending(at)), t[:]...)
}

// IndexTime is the time in the key of either index, exact to what a record
// keeps; zero where there is none.
func IndexTime(key []byte) time.Time {
	if len(key) < 16 {
		return time.Time{}
	}
	n := binary.BigEndian.Uint64(key[8:])
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(int64(n ^ 1<<63)).UTC()
}

// ascending turns a time into a number that grows with it. The sign bit is
// flipped so that times before 1970 keep their order.
func ascending(t time.Time) uint64 {
	if t.IsZero() {
		return 0
	}
	return uint64(t.UnixMicro()) ^ 1<<63
}
