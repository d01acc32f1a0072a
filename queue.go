package lockport

import (
	"encoding/binary"
	"time"
)

// OutboxRow is one thing that one feed may want. Whether it may have it is
// decided when it is delivered, never when the row is made.
type OutboxRow struct {
	Feed         FeedID         `cbor:"1,keyasint"`
	Seq          Seq            `cbor:"2,keyasint"`           // the message
	Group        int            `cbor:"3,keyasint"`           // patient group within the message, from 1
	Registration RegistrationID `cbor:"4,keyasint"`           // whose group it is
	Queued       time.Time      `cbor:"5,keyasint"`           // time of the message's entry
	Corrects     []Seq          `cbor:"6,keyasint,omitempty"` // messages that this one corrects or retracts, one of which the feed's provider took or is about to take
}

// Uncorrected says that a provider holds a version of a result or document that
// was corrected or retracted, and that consent kept the correction from it.
type Uncorrected struct {
	Feed         FeedID         `cbor:"1,keyasint"`
	Seq          Seq            `cbor:"2,keyasint"` // the message with the correction
	Registration RegistrationID `cbor:"3,keyasint"` // whose it is
	Withheld     Seq            `cbor:"4,keyasint"` // the entry that says so
	Time         time.Time      `cbor:"5,keyasint"` // of that entry
	Reason       string         `cbor:"6,keyasint,omitempty"`
}

// ReceivedKey is the row key of TableReceived: the message, and the application
// whose provider took it. A feed that is added later under the name of another
// one took nothing.
func ReceivedKey(seq Seq, taker ApplicationID) []byte { return append(seq.Key(), taker...) }

// UncorrectedKey is the row key of TableUncorrected: the correction and the feed.
func UncorrectedKey(seq Seq, feed FeedID) []byte { return append(seq.Key(), feed...) }

// FeedState counts what a feed has done.
type FeedState struct {
	Queued    uint64 `cbor:"1,keyasint"` // rows ever made
	Delivered uint64 `cbor:"2,keyasint"`
	Withheld  uint64 `cbor:"3,keyasint"`
	Last      Seq    `cbor:"4,keyasint"` // the last message delivered or withheld
}

// QuarantineState says what became of a quarantined message.
type QuarantineState string

// The states of a quarantined message.
const (
	StateQuarantined QuarantineState = "quarantined"
	StateReleased    QuarantineState = "released"
	StateDiscarded   QuarantineState = "discarded"
)

// Quarantined is a message that was accepted and could not be attributed safely.
type Quarantined struct {
	Seq    Seq             `cbor:"1,keyasint"`
	Reason string          `cbor:"2,keyasint"` // names the place, never the content
	State  QuarantineState `cbor:"3,keyasint"`
	Rule   int             `cbor:"4,keyasint,omitempty"` // rule version, when the projection itself failed
	Groups []int           `cbor:"5,keyasint,omitempty"` // the patient groups that are held, from 1; empty: the whole message
}

// OutboxItem is one outbox row with its key in the table.
type OutboxItem struct {
	Key []byte // OutboxKey of the row; what Delivery.Row carries
	Row OutboxRow
}

// OutboxPrefix returns what the keys of one feed's rows in TableOutbox begin
// with: the feed's name and a zero byte.
func OutboxPrefix(feed FeedID) []byte { return append([]byte(feed), 0) }

// OutboxKey returns the key of a row in TableOutbox: the feed's prefix, the
// message's sequence in eight bytes and n in four, so that the rows of a feed
// sort in journal order. n keeps the rows of one message apart.
func OutboxKey(feed FeedID, seq Seq, n int) []byte {
	key := binary.BigEndian.AppendUint64(OutboxPrefix(feed), uint64(seq))
	return binary.BigEndian.AppendUint32(key, uint32(n))
}
