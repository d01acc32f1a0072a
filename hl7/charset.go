package hl7

import (
	"bytes"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
)

// codec is a character set of HL7 table 0211 (and windows-1252, which senders use without saying so).
type codec uint8

const (
	codecUndeclared codec = iota // UTF-8 when the bytes are valid, else windows-1252
	codecASCII                   // declared, and read like undeclared: a sender that says ASCII says nothing
	codecUTF8
	codecUnknown // declared, but nobody knows it: bytes are returned unchanged
	codec1252
	codec8859_1
	codec8859_2
	codec8859_3
	codec8859_4
	codec8859_5
	codec8859_6
	codec8859_7
	codec8859_8
	codec8859_9
	codec8859_15
	codecIR14 // JIS X 0201: ASCII and half-width katakana, one byte each
	codecJIS  // JIS X 0208 and 0212, reached from ASCII by ISO 2022 escape sequences
	codecGB18030
	codecBig5
	codecKSX1001
)

// codecNames are the names of table 0211 that a message is written with.
var codecNames = [...]string{
	codecASCII: "ASCII", codecUTF8: "UNICODE UTF-8", codec1252: "windows-1252",
	codec8859_1: "8859/1", codec8859_2: "8859/2", codec8859_3: "8859/3", codec8859_4: "8859/4", codec8859_5: "8859/5",
	codec8859_6: "8859/6", codec8859_7: "8859/7", codec8859_8: "8859/8", codec8859_9: "8859/9", codec8859_15: "8859/15",
	codecIR14: "ISO IR14", codecJIS: "ISO IR87", codecGB18030: "GB 18030-2000", codecBig5: "BIG-5", codecKSX1001: "KS X 1001",
}

// codecOf maps names in capitals, letters and digits only, to character sets: table 0211 and the spellings in use.
// UTF-16 and UTF-32 cannot be what an ASCII-readable header is written in, so their declaration says nothing more
// than "Unicode".
var codecOf = map[string]codec{
	"ASCII": codecASCII, "USASCII": codecASCII, "ISOIR6": codecASCII, "ISO646": codecASCII, "7BITASCII": codecASCII,
	"UNICODEUTF8": codecUTF8, "UTF8": codecUTF8, "UNICODE": codecUTF8,
	"UNICODEUTF16": codecUndeclared, "UTF16": codecUndeclared, "UNICODEUTF32": codecUndeclared, "UTF32": codecUndeclared,
	"WINDOWS1252": codec1252, "CP1252": codec1252, "ANSI": codec1252,
	"88591": codec8859_1, "ISO88591": codec8859_1, "LATIN1": codec8859_1,
	"88592": codec8859_2, "ISO88592": codec8859_2, "LATIN2": codec8859_2,
	"88593": codec8859_3, "ISO88593": codec8859_3,
	"88594": codec8859_4, "ISO88594": codec8859_4,
	"88595": codec8859_5, "ISO88595": codec8859_5,
	"88596": codec8859_6, "ISO88596": codec8859_6,
	"88597": codec8859_7, "ISO88597": codec8859_7,
	"88598": codec8859_8, "ISO88598": codec8859_8,
	"88599": codec8859_9, "ISO88599": codec8859_9, "LATIN5": codec8859_9,
	"885915": codec8859_15, "ISO885915": codec8859_15, "LATIN9": codec8859_15,
	"ISOIR14": codecIR14, "JISX0201": codecIR14, "JISX02011976": codecIR14,
	"ISOIR87": codecJIS, "JISX0208": codecJIS, "JISX02081990": codecJIS,
	"ISOIR159": codecJIS, "JISX0212": codecJIS, "JISX02121990": codecJIS,
	"JISX0202": codecJIS, "JAS2020": codecJIS, "ISO2022JP": codecJIS,
	"GB180302000": codecGB18030, "GB18030": codecGB18030, "GBK": codecGB18030, "GB2312": codecGB18030,
	"BIG5":    codecBig5,
	"KSX1001": codecKSX1001, "EUCKR": codecKSX1001, "KSC5601": codecKSX1001,
}

// lookupCodec finds a character set by its name, whatever its capitals and punctuation.
func lookupCodec(name []byte) (codec, bool) {
	switch string(name) {
	case "UNICODE UTF-8":
		return codecUTF8, true
	case "ASCII":
		return codecASCII, true
	}
	var key [24]byte
	n := 0
	for _, c := range name {
		if !isAlnum(c) {
			continue
		}
		if n == len(key) {
			return codecUnknown, false
		}
		if c >= 'a' {
			c -= 'a' - 'A'
		}
		key[n] = c
		n++
	}
	c, ok := codecOf[string(key[:n])]
	if !ok {
		c = codecUnknown
	}
	return c, ok
}

// chooseCharset reads MSH-18. Its first repetition is the character set of the message; further
// repetitions, or one of the Japanese sets, allow code switching (HL7 v2.5.1 ch. 2.15.9.18).
func (m *Message) chooseCharset() {
	v := m.headerField(18)
	declared := v.Repetition(1).Component(1).Raw()
	known := true
	if len(declared) > 0 && string(declared) != `""` {
		m.charset, known = lookupCodec(declared)
		m.shifts = m.charset == codecJIS
	} else {
		m.charset = codecUndeclared
	}
	if (!known || m.charset == codecUndeclared) && m.options.Charset != "" {
		if c, ok := lookupCodec([]byte(m.options.Charset)); ok {
			m.charset = c
		}
	}
	m.shifts = m.shifts || m.charset == codecJIS || len(declared) < len(v.Raw()) && v.NumRepetitions() > 1
	m.wide = m.mayBeWide()
	if m.wide {
		// Read in that set, the header must still have MSH-18 where it was; else its bytes are not in that set, and
		// taking a separator for a part of a character would shift every field.
		line := m.Header()
		again := m.field(line.from+3, line.to, 17)
		m.wide = again.from == v.from && again.to == v.to
	}
}

// mayBeWide tells whether the declared set has characters in which bytes look like delimiters. When wide is not set all
// the same, the header has disproved the declaration.
func (m *Message) mayBeWide() bool {
	return m.shifts || m.charset == codecGB18030 || m.charset == codecBig5
}

// Charset returns the name in table 0211 of the character set that the message is read with: MSH-18, else the
// sender's default, else what the bytes show: ASCII, UNICODE UTF-8 or windows-1252. For an unknown name in MSH-18 it
// is that name; such bytes are returned unchanged.
func (m *Message) Charset() string {
	switch m.charset {
	case codecUnknown:
		return m.Header().Field(18).Repetition(1).Component(1).Text()
	case codecUndeclared:
		b := m.raw[m.start:m.end]
		switch {
		case isASCII(b):
			return codecNames[codecASCII]
		case utf8.Valid(b):
			return codecNames[codecUTF8]
		}
		return codecNames[codec1252]
	}
	return codecNames[m.charset]
}

func isASCII(b []byte) bool {
	for len(b) >= 8 {
		if (b[0]|b[1]|b[2]|b[3]|b[4]|b[5]|b[6]|b[7])&0x80 != 0 {
			return false
		}
		b = b[8:]
	}
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}

// charmapOf returns the table of a single-byte set.
func (c codec) charmap() *charmap.Charmap {
	switch c {
	case codec1252:
		return charmap.Windows1252
	case codec8859_1:
		return charmap.ISO8859_1
	case codec8859_2:
		return charmap.ISO8859_2
	case codec8859_3:
		return charmap.ISO8859_3
	case codec8859_4:
		return charmap.ISO8859_4
	case codec8859_5:
		return charmap.ISO8859_5
	case codec8859_6:
		return charmap.ISO8859_6
	case codec8859_7:
		return charmap.ISO8859_7
	case codec8859_8:
		return charmap.ISO8859_8
	case codec8859_9:
		return charmap.ISO8859_9
	case codec8859_15:
		return charmap.ISO8859_15
	}
	return nil
}

// multibyte returns the encoding of a set with characters of several bytes.
func (c codec) multibyte() encoding.Encoding {
	switch c {
	case codecGB18030:
		return simplifiedchinese.GB18030
	case codecBig5:
		return traditionalchinese.Big5
	case codecKSX1001:
		return korean.EUCKR
	case codecJIS:
		return japanese.ISO2022JP
	}
	return nil
}

// appendDecoded appends src, whose escapes are undone, as UTF-8. Bytes without a meaning in the set are appended
// unchanged, so that nothing is lost.
func (c codec) appendDecoded(dst, src []byte, shifts bool) []byte {
	if shifts && bytes.IndexByte(src, esc) >= 0 {
		return c.appendShifted(dst, src)
	}
	switch c {
	case codecUndeclared, codecASCII:
		if utf8.Valid(src) {
			return append(dst, src...)
		}
		return codec1252.appendDecoded(dst, src, false)
	case codecUTF8, codecUnknown, codecJIS:
		return append(dst, src...)
	case codecIR14:
		return appendKatakana(dst, src)
	case codecGB18030, codecBig5, codecKSX1001:
		return c.appendMultibyte(dst, src)
	}
	table := c.charmap()
	for _, b := range src {
		if b < utf8.RuneSelf {
			dst = append(dst, b)
		} else if r := table.DecodeByte(b); r != utf8.RuneError {
			dst = utf8.AppendRune(dst, r)
		} else {
			dst = append(dst, b)
		}
	}
	return dst
}

func appendKatakana(dst, src []byte) []byte {
	for _, b := range src {
		if b >= 0xA1 && b <= 0xDF {
			dst = utf8.AppendRune(dst, halfKatakana+rune(b-0xA1))
		} else {
			dst = append(dst, b)
		}
	}
	return dst
}

const halfKatakana = 0xFF61 // the character of byte 0xA1 in JIS X 0201

func (c codec) appendMultibyte(dst, src []byte) []byte {
	decoder := c.multibyte().NewDecoder()
	if all, err := decoder.Bytes(src); err == nil && !bytes.ContainsRune(all, utf8.RuneError) {
		return append(dst, all...)
	}
	for len(src) > 0 {
		n := c.charLen(src)
		one, err := decoder.Bytes(src[:n])
		if err != nil || bytes.ContainsRune(one, utf8.RuneError) {
			one = src[:n]
		}
		dst = append(dst, one...)
		src = src[n:]
	}
	return dst
}

// charLen returns how many bytes the first character of b takes; 1 for ASCII and for a byte that begins none.
func (c codec) charLen(b []byte) int {
	if b[0] < 0x81 || b[0] == 0xFF || len(b) < 2 {
		return 1
	}
	switch t := b[1]; {
	case c == codecKSX1001:
		if t >= 0x41 && t != 0xFF {
			return 2
		}
	case t >= 0x40 && t != 0x7F && t != 0xFF && (c == codecGB18030 || c == codecBig5):
		return 2
	case c == codecGB18030 && t-'0' <= 9 && len(b) >= 4 && b[2] >= 0x81 && b[2] != 0xFF && b[3]-'0' <= 9:
		return 4
	}
	return 1
}

// indexWide returns where sep stands first in b as a character of its own, or -1. In Big5, GB 18030 and the shifted
// Japanese sets the bytes of separators also occur inside characters. escape is the message's escape character, which
// introduces \C..\ and \M..\ switches; double says that b begins inside a run of two-byte
// characters of seven bits.
func (c codec) indexWide(b []byte, sep byte, shifts bool, escape byte, double bool) int {
	for i := 0; i < len(b); {
		if shifts {
			if set, n := shiftAt(b[i:], escape); n > 0 {
				if b[i] == sep {
					return i
				}
				double = set == shiftJIS0208 || set == shiftJIS0212
				// A switch written as an escape ends with the escape character: it may not be taken for a separator.
				i += n
				continue
			}
			if double && b[i] > 0x20 && b[i] < 0x7F && i+1 < len(b) && b[i+1] > 0x20 && b[i+1] < 0x7F {
				i += 2
				continue
			}
		}
		if b[i] == sep {
			return i
		}
		i += c.charLen(b[i:])
	}
	return -1
}

// appendEncoded appends the UTF-8 text s in this set and returns how many characters it cannot express; they are
// written as question marks. Text for a message without a declared set stays UTF-8.
func (c codec) appendEncoded(dst []byte, s string) ([]byte, int) {
	if isASCII([]byte(s)) || c <= codecUnknown {
		return append(dst, s...), 0
	}
	lost := 0
	table, multi := c.charmap(), c.multibyte()
	for _, r := range s {
		if r < utf8.RuneSelf {
			dst = append(dst, byte(r))
			continue
		}
		switch {
		case table != nil:
			if b, ok := table.EncodeRune(r); ok {
				dst = append(dst, b)
				continue
			}
		case multi != nil:
			if b, err := multi.NewEncoder().Bytes([]byte(string(r))); err == nil {
				dst = append(dst, b...)
				continue
			}
		case c == codecIR14 && r >= halfKatakana && r <= halfKatakana+0xDF-0xA1:
			dst = append(dst, byte(r-halfKatakana)+0xA1)
			continue
		}
		dst = append(dst, '?')
		lost++
	}
	return dst, lost
}
