package clinical

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/lockport-hie/lockport"
)

// ResultKey is the row key of lockport.TableResults: the results of one
// registration stand together, those without a collection time first and the
// newest last, so that a patient's newest results lie on few pages, and those
// that arrive fill the page behind.
func ResultKey(reg lockport.RegistrationID, collected time.Time, order lockport.Token) []byte {
	return indexKey(reg, collected, order)
}

// placeSize is how much of a result's key stands before its token.
const placeSize = 16

// PlaceOf is what lockport.TableOrders holds for the token of an order: the rest
// of the key of its result.
func PlaceOf(reg lockport.RegistrationID, collected time.Time) []byte {
	return indexKey(reg, collected, lockport.Token{})[:placeSize]
}

// ResultAt is the key of the result that stands at a place.
func ResultAt(place []byte, order lockport.Token) []byte {
	return append(slices.Clone(place), order[:]...)
}

// OrderOf is the token of the order in the key of its result.
func OrderOf(key []byte) (order lockport.Token, ok bool) {
	if len(key) != placeSize+len(order) {
		return order, false
	}
	return lockport.Token(key[placeSize:]), true
}

// VisitIndexKey is the row key of lockport.TablePatientVisits, ordered like
// ResultKey by the time of admission.
func VisitIndexKey(reg lockport.RegistrationID, admitted time.Time, t lockport.Token) []byte {
	return indexKey(reg, admitted, t)
}

// IndexEnd is the key before which all rows of a registration stand that are
// older than until, in either order; nil for a zero until, which leaves out none.
func IndexEnd(reg lockport.RegistrationID, until time.Time) []byte {
	if until.IsZero() {
		return nil
	}
	return binary.BigEndian.AppendUint64(reg.Key(), ascending(until))
}

// VersionKey is the row key of lockport.TableResultVersions: the entry that
// brought the version, and the number of its order in the message.
func VersionKey(seq lockport.Seq, order int) []byte {
	return binary.BigEndian.AppendUint32(seq.Key(), uint32(order))
}

func indexKey(reg lockport.RegistrationID, at time.Time, t lockport.Token) []byte {
	return append(binary.BigEndian.AppendUint64(reg.Key(), ascending(at)), t[:]...)
}

// ascending turns a time into a number that grows with it. The sign bit is
// flipped so that times before 1970 keep their order.
func ascending(t time.Time) uint64 {
	if t.IsZero() {
		return 0
	}
	return uint64(t.UnixMicro()) ^ 1<<63
}
