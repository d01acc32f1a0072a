package repository

import (
	"bytes"
	"testing"

	"github.com/lockport-hie/lockport"
)

// FuzzDecodeEntry: whatever lies inside a seal, decoding ends in an error or in
// an entry that encodes to something that decodes to the same.
func FuzzDecodeEntry(f *testing.F) {
	c, err := newCodec()
	if err != nil {
		f.Fatal(err)
	}
	e := oru(1)
	plain, err := c.encodeEntry(&e)
	if err != nil {
		f.Fatal(err)
	}
	for kind := range uint8(10) {
		f.Add(kind, c.pack(nil, plain))
		f.Add(kind, c.pack(nil, []byte{0xf6, 0xa0}))
	}
	f.Fuzz(func(t *testing.T, kind uint8, packed []byte) {
		plain, err := c.unpack(packed)
		if err != nil {
			return
		}
		e := lockport.Entry{Kind: lockport.EntryKind(kind)}
		if c.decodeEntry(&e, plain) != nil {
			return
		}
		one, err := c.encodeEntry(&e)
		if err != nil {
			return // a time that has no form in text
		}
		again := lockport.Entry{Kind: e.Kind}
		if err := c.decodeEntry(&again, one); err != nil {
			t.Fatal(err)
		}
		if two, err := c.encodeEntry(&again); err != nil || !bytes.Equal(one, two) {
			t.Fatal("encoding is not stable")
		}
	})
}

// FuzzParse: headers and key files of any content give an error or a value that
// is written back as the same bytes.
func FuzzParse(f *testing.F) {
	f.Add(bytes.Repeat([]byte{1}, headerSize+10))
	f.Add([]byte("lockport-keys 1\nmaster 00\n"))
	f.Add([]byte(keyText(1, 2)))
	f.Fuzz(func(t *testing.T, data []byte) {
		if r, err := parseKeys(data); err == nil {
			if again, err := parseKeys(r.encode()); err != nil || !again.equal(r) || len(r.pairs) == 0 {
				t.Fatal("keys changed on their way")
			}
		}
		h, rest, err := parseHeader(data)
		if err == nil && !bytes.Equal(append(appendHeader(nil, h), rest...), data) {
			t.Fatal("a header changed on its way")
		}
	})
}
