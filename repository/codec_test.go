package repository

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"testing"
)

// What was compressed with a dictionary opens with that dictionary only.
func TestDictionaryNeverChanges(t *testing.T) {
	if sum := fmt.Sprintf("%x", sha256.Sum256(dictionary)); sum != "74395d008e6e3cd3844050ea6df6195b48f53a7f13d12d28120972623c08f782" {
		t.Error("dictionary 1 has changed: give the new one another number and keep the old one:", sum)
	}
}

// One message alone must shrink: that is what the dictionary is for.
func TestPacking(t *testing.T) {
	c, err := newCodec()
	if err != nil {
		t.Fatal(err)
	}
	e := oru(3)
	plain, err := c.encodeEntry(&e)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"message": plain, "empty": {}, "short": plain[:packFrom-1], "noise": noise(1, 5000), "large noise": noise(2, quickUpTo+1), "largest of its kind": bytes.Repeat(plain, quickUpTo)[:quickUpTo], "large": bytes.Repeat(plain, quickUpTo)[:quickUpTo+1]} {
		packed := c.pack([]byte("before"), data)
		if string(packed[:6]) != "before" || len(packed) > 6+len(data)+1 {
			t.Errorf("%s: %d bytes became %d", name, len(data), len(packed)-6)
		}
		if got, err := c.unpack(packed[6:]); err != nil || string(got) != string(data) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if packed := c.pack(nil, plain); len(packed)*2 > len(plain) {
		t.Errorf("a message of %d bytes became %d", len(plain), len(packed))
	}
	for _, bad := range [][]byte{nil, {3, 1}, {packedZstd, 1, 2, 3}, {packedS2}, {packedS2, 200, 1, 2, 3}, {packedS2, 0xff, 0xff, 0xff, 0x7f, 1}} {
		if _, err := c.unpack(bad); err == nil {
			t.Errorf("% x unpacked", bad)
		}
	}
}
