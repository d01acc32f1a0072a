package repository

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/fxamacker/cbor/v2"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
	"github.com/lockport-hie/lockport/consent"
	"github.com/lockport-hie/lockport/directory"
)

// newBody returns a pointer to the body type of a kind of entry, nil for a kind
// that this version does not know. It is the only place that knows.
func newBody(kind lockport.EntryKind) any {
	switch kind {
	case lockport.EntryMessage, lockport.EntryRefusal:
		return new(lockport.Message)
	case lockport.EntryDirective:
		return new(consent.Directive)
	case lockport.EntryDirectory:
		return new(directory.Change)
	case lockport.EntryAction:
		return new(audit.Action)
	case lockport.EntryDisclosure:
		return new(audit.Disclosure)
	case lockport.EntryDelivery:
		return new(lockport.Delivery)
	case lockport.EntryGrant:
		return new(consent.Grant)
	}
	return nil
}

// dictionary is what HL7 messages have in common, so that a single message of a
// kilobyte compresses well. It is part of the format: its bytes never change,
// another dictionary gets another number.
//
//go:embed dictionary1.txt
var dictionary []byte

const dictionaryID = 1

// How the bytes inside a seal are packed: the first byte says.
const (
	packedPlain = 0 // as they are
	packedZstd  = 1 // zstd with dictionary 1
	packedS2    = 2 // S2 with dictionary 1
)

// Below this size compression costs more than it saves.
const packFrom = 192

// No stored value is larger once unpacked.
const maxPlain = 64 << 20

// codec turns bodies and rows into bytes: CBOR in its core deterministic
// encoding (RFC 8949 ch. 4.2.1), then zstd.
type codec struct {
	enc      cbor.UserBufferEncMode
	dec      cbor.DecMode
	quick    *s2.Dict
	packer   *zstd.Encoder
	unpacker *zstd.Decoder
	buffers  sync.Pool // of *bytes.Buffer, for encode
	rooms    sync.Pool // of *[]byte, for what is packed and then sealed
}

func newCodec() (*codec, error) {
	eo := cbor.CoreDetEncOptions()
	// Text keeps every digit of a time; CBOR's number of seconds is binary
	// floating point and does not give back the microsecond it was given.
	eo.Time = cbor.TimeRFC3339NanoUTC
	enc, err := eo.UserBufferEncMode()
	if err != nil {
		return nil, err
	}
	// Fields hold what senders sent, in whatever character set.
	dec, err := cbor.DecOptions{
		UTF8:             cbor.UTF8DecodeInvalid,
		MaxArrayElements: 1 << 24,
		MaxMapPairs:      1 << 16,
	}.DecMode()
	if err != nil {
		return nil, err
	}
	// Checksums are the seal's business.
	pack, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderCRC(false),
		zstd.WithLowerEncoderMem(true), zstd.WithEncoderDictRaw(dictionaryID, dictionary))
	if err != nil {
		return nil, err
	}
	unpack, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(maxPlain), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderConcurrency(0), zstd.WithDecoderDictRaw(dictionaryID, dictionary))
	if err != nil {
		return nil, err
	}
	quick := s2.MakeDictManual(dictionary, 0)
	if quick == nil {
		return nil, errors.New("the dictionary is none for S2")
	}
	return &codec{enc: enc, dec: dec, quick: quick, packer: pack, unpacker: unpack,
		buffers: sync.Pool{New: func() any { return new(bytes.Buffer) }},
		rooms:   sync.Pool{New: func() any { return new([]byte) }}}, nil
}

// encode returns the CBOR encodings of values, one behind the other.
func (c *codec) encode(values ...any) ([]byte, error) {
	b := c.buffers.Get().(*bytes.Buffer)
	defer c.buffers.Put(b)
	b.Reset()
	for _, v := range values {
		if err := c.enc.MarshalToBuffer(v, b); err != nil {
			return nil, err
		}
	}
	return bytes.Clone(b.Bytes()), nil
}

func (c *codec) decode(data []byte, into any) error { return c.dec.Unmarshal(data, into) }

// quickUpTo is the size up to which S2 packs: with the dictionary it takes a
// fifth of the time that zstd takes for a message, and leaves a fifth more. What
// is larger is rare, and mostly a document that zstd makes much smaller.
const quickUpTo = 64 << 10

// pack appends plain to dst, compressed where that saves something.
func (c *codec) pack(dst, plain []byte) []byte {
	start := len(dst)
	switch {
	case len(plain) < packFrom:
	case len(plain) <= quickUpTo:
		dst = append(slices.Grow(dst, 1+s2.MaxEncodedLen(len(plain))), packedS2)
		packed := c.quick.Encode(dst[start+1:cap(dst)], plain)
		if len(packed) < len(plain) {
			return dst[:start+1+len(packed)]
		}
	default:
		dst = c.packer.EncodeAll(plain, append(dst, packedZstd))
		if len(dst)-start <= len(plain) {
			return dst
		}
	}
	return append(append(dst[:start], packedPlain), plain...)
}

// packed calls use with head and the packed plain, in room that is used again
// after use has returned.
func (c *codec) packed(head, plain []byte, use func(packed []byte)) {
	room := c.rooms.Get().(*[]byte)
	*room = c.pack(append((*room)[:0], head...), plain)
	use(*room)
	if cap(*room) <= 1<<20 {
		c.rooms.Put(room)
	}
}

// unpack undoes pack. The result may share memory with packed.
func (c *codec) unpack(packed []byte) ([]byte, error) { return c.unpackInto(nil, packed) }

// unpackInto is unpack where there may be room for the result.
func (c *codec) unpackInto(room, packed []byte) ([]byte, error) {
	if len(packed) == 0 {
		return nil, errors.New("empty value")
	}
	switch packed[0] {
	case packedPlain:
		return packed[1:], nil
	case packedZstd:
		return c.unpacker.DecodeAll(packed[1:], room[:0])
	case packedS2:
		// What follows may be anybody's: its length is looked at before its memory is taken.
		if n, err := s2.DecodedLen(packed[1:]); err != nil || n > quickUpTo {
			return nil, errors.New("a length that was never packed")
		}
		return c.quick.Decode(room[:cap(room)], packed[1:])
	}
	return nil, fmt.Errorf("packed in way %d, which this version does not know", packed[0])
}

// dedupeItem is how an entry's dedupe stands in its plaintext: an array of two,
// or null.
type dedupeItem struct {
	_      struct{} `cbor:",toarray"`
	Key    string
	Digest []byte
}

// encodeEntry returns the plaintext of an entry: a CBOR sequence of its dedupe
// and its body.
func (c *codec) encodeEntry(e *lockport.Entry) ([]byte, error) {
	var d *dedupeItem
	if e.Dedupe != nil {
		d = &dedupeItem{Key: e.Dedupe.Key, Digest: e.Dedupe.Digest[:]}
	}
	return c.encode(d, e.Body)
}

// decodeEntry fills an entry's dedupe and body from its plaintext.
func (c *codec) decodeEntry(e *lockport.Entry, plain []byte) error {
	var d *dedupeItem
	rest, err := c.dec.UnmarshalFirst(plain, &d)
	if err != nil {
		return err
	}
	if d != nil {
		if len(d.Digest) != 32 {
			return errors.New("digest of a wrong size")
		}
		e.Dedupe = &lockport.Dedupe{Key: d.Key, Digest: [32]byte(d.Digest)}
	}
	body := newBody(e.Kind)
	if body == nil {
		return fmt.Errorf("entry kind %d, which this version does not know", e.Kind)
	}
	if err := c.dec.Unmarshal(rest, body); err != nil {
		return err
	}
	e.Body = body
	return nil
}
