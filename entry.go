package lockport

import (
	"context"
	"time"
)

// EntryKind says what one journal entry records and which type its body has.
// The numbers are part of the journal's format and never change.
type EntryKind uint8

// The kinds of entries. The body's type stands behind each.
const (
	EntryMessage    EntryKind = 1 // *Message: accepted, answered AA or CA
	EntryRefusal    EntryKind = 2 // *Message: refused, answered AE, AR, CE or CR
	EntryDirective  EntryKind = 3 // *consent.Directive
	EntryDirectory  EntryKind = 4 // *directory.Change
	EntryAction     EntryKind = 5 // *audit.Action: an operator did something
	EntryDisclosure EntryKind = 6 // *audit.Disclosure: a question about a patient and what was released
	EntryDelivery   EntryKind = 7 // *Delivery: what became of a feed's row
	EntryGrant      EntryKind = 8 // *consent.Grant: emergency access was opened
)

// String returns the kind's stable name.
func (k EntryKind) String() string {
	switch k {
	case EntryMessage:
		return "message"
	case EntryRefusal:
		return "refusal"
	case EntryDirective:
		return "directive"
	case EntryDirectory:
		return "directory"
	case EntryAction:
		return "action"
	case EntryDisclosure:
		return "disclosure"
	case EntryDelivery:
		return "delivery"
	case EntryGrant:
		return "grant"
	}
	return "unknown"
}

// Entry is one thing that happened. Body is a pointer to the type that Kind
// names, or to a Dropped. Seq is given by the journal when the entry is appended.
type Entry struct {
	Seq    Seq
	Kind   EntryKind
	Time   time.Time // when it happened, by the wiring's clock; UTC, microseconds
	Dedupe *Dedupe   // set on accepted messages only
	Body   any
}

// Dedupe makes an append idempotent (DESIGN: the duplicate window). Two entries
// with the same Key and the same Digest are one entry; the same Key with another
// Digest is a new entry, because control ids are reused in real life.
type Dedupe struct {
	Key    string   // application, MSH-3, MSH-4, MSH-10 and, on an insecure listener, the peer's address without its port
	Digest [32]byte // SHA-256 of all bytes between VT and FS
}

// Receipt says that an entry is on disk.
type Receipt struct {
	Seq       Seq
	Duplicate bool   // nothing was appended: Seq and Prior are the entry stored before
	Prior     *Entry // set when Duplicate
}

// Journal is the one way to make something have happened. Append returns when
// all entries are on disk, atomically and in their order. It fails with kind
// Full (nothing was stored, the same again may pass), Unavailable (the journal
// no longer accepts anything) or with the context's error, after which the
// entries may or may not have been stored.
type Journal interface {
	Append(ctx context.Context, entries []Entry) ([]Receipt, error)
}

// Message is the body of EntryMessage and EntryRefusal: the bytes as received
// and everything that was known when they were answered.
type Message struct {
	Raw         []byte        `cbor:"1,keyasint"` // all bytes between VT and FS
	Application ApplicationID `cbor:"2,keyasint,omitempty"`
	Participant ParticipantID `cbor:"3,keyasint,omitempty"`
	Location    LocationID    `cbor:"4,keyasint,omitempty"`
	Peer        Peer          `cbor:"5,keyasint"`
	ControlID   string        `cbor:"6,keyasint,omitempty"`  // MSH-10
	Type        string        `cbor:"7,keyasint,omitempty"`  // MSH-9 as code^trigger, for example ORU^R01
	Version     string        `cbor:"8,keyasint,omitempty"`  // MSH-12
	Charset     string        `cbor:"9,keyasint,omitempty"`  // the sender's default at that time
	Zone        string        `cbor:"10,keyasint,omitempty"` // the sender's time zone at that time (IANA name)
	Ack         []byte        `cbor:"11,keyasint,omitempty"` // the answer that was given
	AckCode     string        `cbor:"12,keyasint,omitempty"` // its MSA-1
	Reason      string        `cbor:"13,keyasint,omitempty"` // why it was refused, without content
	Code        int           `cbor:"14,keyasint,omitempty"` // table 0357 of the refusal
	Trial       bool          `cbor:"15,keyasint,omitempty"` // the sender was adopted by --unknown-sources
	Replay      Seq           `cbor:"16,keyasint,omitempty"` // an operator sent the message of that entry through the projector again
}

// DeliveryOutcome is what became of one row of a feed.
type DeliveryOutcome string

// The outcomes of a delivery.
const (
	Delivered DeliveryOutcome = "delivered" // the provider answered AA or CA
	Withheld  DeliveryOutcome = "withheld"  // consent said no at the moment of delivery
)

// Delivery is the body of EntryDelivery.
type Delivery struct {
	Feed       FeedID          `cbor:"1,keyasint"`
	Row        []byte          `cbor:"2,keyasint"` // OutboxKey of the row
	Outcome    DeliveryOutcome `cbor:"3,keyasint"`
	Disclosure Seq             `cbor:"4,keyasint,omitempty"` // the audit entry written before the bytes left
	ControlID  string          `cbor:"5,keyasint,omitempty"` // MSH-10 under which it was sent
	AckCode    string          `cbor:"6,keyasint,omitempty"` // MSA-1 of the provider
	Attempts   int             `cbor:"7,keyasint,omitempty"`
	Reason     string          `cbor:"8,keyasint,omitempty"` // without content
}

// Dropped is the body of an entry whose content retention has dropped: its kind,
// its time and its place in the chain are all that is left of it.
type Dropped struct{}

// AuditLine says so in the audit.
func (*Dropped) AuditLine() (who, what, detail string) {
	return "", "", "content dropped by retention"
}
