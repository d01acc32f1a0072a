package repository

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
)

// headerSize is the length of the clear header in front of each sealed payload:
//
//	offset  0   1 byte   format of the value, 1
//	offset  1   8 bytes  sequence, big-endian
//	offset  9  16 bytes  entry id
//	offset 25   1 byte   kind
//	offset 26   8 bytes  time, unix microseconds, two's complement, big-endian
//	offset 34  32 bytes  payload commitment
//	offset 66  32 bytes  hash of the entry before
const headerSize = 98

const (
	valueFormat = 1
	// droppedFormat is the format of a value whose payload retention has dropped:
	// the same header, and behind it a seal of nothing that is bound to the header,
	// so that only whoever has the keys can drop a payload.
	droppedFormat = 2
)

// droppedSpace stands before the header in what that seal is bound to.
const droppedSpace = "dropped"

// dropValue returns what is left of a value without its payload.
func (s sealer) dropValue(value []byte) []byte {
	left := append([]byte{droppedFormat}, value[1:headerSize]...)
	return s.seal(left, nil, append([]byte(droppedSpace), left...))
}

// mayDrop reports whether retention drops the content of a kind. What was decided,
// disclosed and done is kept for ever.
func mayDrop(kind uint8) bool {
	return kind == uint8(lockport.EntryMessage) || kind == uint8(lockport.EntryRefusal)
}

// isDropped reports whether a value's payload was dropped.
func isDropped(value []byte) bool { return value[0] == droppedFormat }

func (s sealer) checkDropped(h audit.Header, value []byte) error {
	if !mayDrop(h.Kind) {
		return fmt.Errorf("the content of a %s is never dropped", lockport.EntryKind(h.Kind))
	}
	_, err := s.open(value[headerSize:], append([]byte(droppedSpace), value[:headerSize]...))
	if err != nil {
		err = errors.New("nobody who has the keys dropped its payload")
	}
	return err
}

func appendHeader(dst []byte, h audit.Header) []byte {
	dst = append(dst, valueFormat)
	dst = binary.BigEndian.AppendUint64(dst, uint64(h.Seq))
	dst = append(dst, h.ID[:]...)
	dst = append(dst, h.Kind)
	dst = binary.BigEndian.AppendUint64(dst, uint64(h.Time))
	dst = append(dst, h.Commitment[:]...)
	return append(dst, h.Prev[:]...)
}

// parseHeader splits a stored value into its header and its sealed payload.
func parseHeader(value []byte) (audit.Header, []byte, error) {
	var h audit.Header
	if len(value) < headerSize {
		return h, nil, errors.New("too short for a header")
	}
	if value[0] != valueFormat && value[0] != droppedFormat {
		return h, nil, fmt.Errorf("value format %d, which this version does not know", value[0])
	}
	h.Seq = lockport.Seq(binary.BigEndian.Uint64(value[1:]))
	copy(h.ID[:], value[9:])
	h.Kind = value[25]
	h.Time = int64(binary.BigEndian.Uint64(value[26:]))
	copy(h.Commitment[:], value[34:])
	copy(h.Prev[:], value[66:])
	return h, value[headerSize:], nil
}

// associated is what a payload's seal is bound to. The sequence is not in it,
// because it is given out after sealing; the chain binds it.
func associated(kind uint8, id [16]byte) []byte {
	a := append(make([]byte, 0, 18), valueFormat, kind)
	return append(a, id[:]...)
}

// prepared is an entry that is ready to be written: everything that needs no
// sequence was done in the goroutine of whoever appends it.
type prepared struct {
	id         [16]byte
	kind       lockport.EntryKind
	time       int64 // unix microseconds
	salt       [32]byte
	commitment [32]byte
	plain      []byte // CBOR sequence of dedupe and body
	sealed     []byte
	file       *journalFile // whose key sealed it
	dedupe     bool
	token      lockport.Token // of the dedupe
}

// prepare encodes, compresses and seals an entry for the journal's last file.
func (s *Store) prepare(e *lockport.Entry) (*prepared, error) {
	const op = "append"
	if err := checkBody(e); err != nil {
		return nil, err
	}
	plain, err := s.vault.encodeEntry(e)
	if err != nil {
		return nil, lockport.Errorf(lockport.Invalid, op, "a %s cannot be encoded", e.Kind)
	}
	if len(plain) > maxPlain/2 {
		return nil, lockport.Errorf(lockport.TooLarge, op, "a %s of %d bytes is larger than the journal takes", e.Kind, len(plain))
	}
	at := e.Time
	if at.IsZero() {
		at = s.now()
	}
	p := &prepared{kind: e.Kind, time: at.UnixMicro(), plain: plain}
	if _, err := rand.Read(p.id[:]); err != nil {
		return nil, lockport.Errorf(lockport.Internal, op, "%w", err)
	}
	if _, err := rand.Read(p.salt[:]); err != nil {
		return nil, lockport.Errorf(lockport.Internal, op, "%w", err)
	}
	p.commitment = audit.Commit(p.salt, plain)
	if e.Dedupe != nil {
		p.dedupe, p.token = true, s.dedupeToken(e.Dedupe)
	}
	s.sealFor(p, s.journal.last())
	return p, nil
}

// checkBody refuses a body that is not of the kind's type: such an entry could
// be stored and never read.
func checkBody(e *lockport.Entry) error {
	want := newBody(e.Kind)
	if want == nil || reflect.TypeOf(want) != reflect.TypeOf(e.Body) || reflect.ValueOf(e.Body).IsNil() {
		return lockport.Errorf(lockport.Invalid, "append", "entry of kind %d has a body of type %T", e.Kind, e.Body)
	}
	return nil
}

// sealFor seals an entry under the key of one journal file.
func (s *Store) sealFor(p *prepared, f *journalFile) {
	s.vault.packed(p.salt[:], p.plain, func(inner []byte) {
		p.sealed = f.sealer.seal(nil, inner, associated(uint8(p.kind), p.id))
	})
	p.file = f
}

// openEntry opens a stored value: seal, packing, commitment and body.
func (s *Store) openEntry(value []byte, f *journalFile) (*lockport.Entry, audit.Header, error) {
	h, sealed, err := parseHeader(value)
	if err != nil {
		return nil, h, err
	}
	if isDropped(value) {
		e := &lockport.Entry{Seq: h.Seq, Kind: lockport.EntryKind(h.Kind), Time: time.UnixMicro(h.Time).UTC(), Body: new(lockport.Dropped)}
		return e, h, f.sealer.checkDropped(h, value)
	}
	inner, err := f.sealer.open(sealed, associated(h.Kind, h.ID))
	if err != nil {
		return nil, h, errors.New("the seal does not open")
	}
	if len(inner) < 32 {
		return nil, h, errors.New("the payload is too short")
	}
	plain, err := s.vault.unpack(inner[32:])
	if err != nil {
		return nil, h, fmt.Errorf("the payload does not unpack: %w", err)
	}
	if audit.Commit([32]byte(inner), plain) != h.Commitment {
		return nil, h, errors.New("the payload is not the one that was committed to")
	}
	e, err := s.decodeBody(h, plain)
	return e, h, err
}

func (s *Store) decodeBody(h audit.Header, plain []byte) (*lockport.Entry, error) {
	e := &lockport.Entry{Seq: h.Seq, Kind: lockport.EntryKind(h.Kind), Time: time.UnixMicro(h.Time).UTC()}
	if err := s.vault.decodeEntry(e, plain); err != nil {
		return nil, fmt.Errorf("the payload does not decode: %w", err)
	}
	return e, nil
}

// dedupeToken stands for a dedupe in the window: key and digest together, so
// that a control id that is used again for other bytes is another token.
func (s *Store) dedupeToken(d *lockport.Dedupe) lockport.Token {
	return s.vault.Token("dedupe", d.Key, string(d.Digest[:]))
}
