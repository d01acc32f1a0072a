package hl7

import (
	"bytes"
	"strings"
)

// escapeKind says what an escape sequence of HL7 v2.5.1 ch. 2.7 stands for.
type escapeKind uint8

const (
	escapeNone      escapeKind = iota // a lone escape character or a sequence that nobody knows: text
	escapeCharacter                   // \F\ \S\ \T\ \R\ \E\ \P\ : one delimiter
	escapeHex                         // \Xhh..\ : bytes of the message's character set
	escapeShift                       // \Cxxyy\ \Mxxyyzz\ : another character set
	escapeFormat                      // \H\ \N\ \.br\ ... : formatting
	escapeLocal                       // \Zdd..\ : by agreement of the two sides
)

const maxEscapeBody = 64 // no sequence but \X..\ is as long as this

// escapeAt classifies the sequence that begins with the escape character b[0]. n is its length with both escape
// characters and body what is between them; for escapeNone n is 1, so that reading goes on right behind the
// character and a stray one never eats the sequence behind it.
func (m *Message) escapeAt(b []byte) (kind escapeKind, body []byte, n int) {
	limit := len(b)
	if limit > 1 && b[1] != 'X' {
		limit = min(limit, maxEscapeBody)
	}
	end := bytes.IndexByte(b[1:limit], m.delims.Escape)
	if end < 1 {
		return escapeNone, nil, 1
	}
	body = b[1 : 1+end]
	kind = m.classify(body)
	if kind == escapeNone {
		return kind, nil, 1
	}
	return kind, body, end + 2
}

func (m *Message) classify(body []byte) escapeKind {
	if len(body) == 1 {
		switch body[0] {
		case 'F', 'S', 'T', 'R', 'E':
			return escapeCharacter
		case 'P':
			if m.delims.Truncation != 0 {
				return escapeCharacter
			}
			return escapeNone
		case 'H', 'N':
			return escapeFormat
		}
	}
	switch body[0] {
	case 'X':
		if len(body) > 1 && len(body)%2 == 1 && isHex(body[1:]) {
			return escapeHex
		}
	case 'C', 'M':
		if m.shifts && isShiftEscape(body) {
			return escapeShift
		}
	case 'Z':
		for _, c := range body {
			if !isAlnum(c) {
				return escapeNone
			}
		}
		return escapeLocal
	case '.':
		if command, _, ok := formatCommand(body); ok && command != "" {
			return escapeFormat
		}
	}
	return escapeNone
}

// character returns what an escapeCharacter sequence stands for.
func (d *Delimiters) character(c byte) byte {
	switch c {
	case 'F':
		return d.Field
	case 'S':
		return d.Component
	case 'R':
		return d.Repetition
	case 'E':
		return d.Escape
	case 'P':
		return d.Truncation
	}
	if d.Subcomponent == 0 {
		return '&' // a sender that escapes what it does not declare means the usual character
	}
	return d.Subcomponent
}

// escapes takes bytes apart at their escape sequences.
type escapes struct {
	m      *Message
	rest   []byte
	double bool // a switch to two-byte characters was the last sequence
}

// next returns the text before the next sequence and the sequence with its kind and body; ok is false when only text
// was left.
func (e *escapes) next() (text, sequence []byte, kind escapeKind, body []byte, ok bool) {
	m := e.m
	var i int
	if m.wide {
		i = m.charset.indexWide(e.rest, m.delims.Escape, m.shifts, m.delims.Escape, e.double)
	} else {
		i = bytes.IndexByte(e.rest, m.delims.Escape)
	}
	if i < 0 {
		text, e.rest = e.rest, nil
		return text, nil, escapeNone, nil, false
	}
	kind, body, n := m.escapeAt(e.rest[i:])
	text, sequence = e.rest[:i], e.rest[i:i+n]
	e.rest = e.rest[i+n:]
	e.double = false
	if kind == escapeShift {
		set, _ := shiftAt(sequence, m.delims.Escape)
		e.double = set == shiftJIS0208 || set == shiftJIS0212
	}
	return text, sequence, kind, body, true
}

// unescape appends raw with the escapes undone that stand for characters, in the message's character set. Formatting
// commands, local and unknown sequences stay.
func (m *Message) unescape(dst, raw []byte) []byte {
	e := escapes{m: m, rest: raw}
	for {
		text, sequence, kind, body, ok := e.next()
		dst = append(dst, text...)
		if !ok {
			return dst
		}
		dst = m.appendSequence(dst, sequence, kind, body)
	}
}

// appendSequence appends what one sequence stands for, or the sequence itself when it stands for no character.
func (m *Message) appendSequence(dst, sequence []byte, kind escapeKind, body []byte) []byte {
	switch kind {
	case escapeCharacter:
		return append(dst, m.delims.character(body[0]))
	case escapeHex:
		return appendHex(dst, body[1:])
	case escapeShift:
		return appendHex(append(dst, esc), body[1:])
	}
	return append(dst, sequence...)
}

func isHex(b []byte) bool {
	for _, c := range b {
		if c-'0' > 9 && (c|0x20)-'a' > 5 {
			return false
		}
	}
	return true
}

// appendHex appends the bytes that pairs of hexadecimal digits stand for.
func appendHex(dst, digits []byte) []byte {
	for i := 0; i+1 < len(digits); i += 2 {
		dst = append(dst, nibble(digits[i])<<4|nibble(digits[i+1]))
	}
	return dst
}

func nibble(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return (c | 0x20) - 'a' + 10
}

const hexDigits = "0123456789ABCDEF"

// literal tells whether the bytes mean themselves: no escapes, and ASCII, which all character sets share.
func (m *Message) literal(raw []byte) bool {
	return bytes.IndexByte(raw, m.delims.Escape) < 0 && isASCII(raw) && (!m.shifts || bytes.IndexByte(raw, esc) < 0)
}

// Text returns the value as UTF-8 with the escapes undone that stand for characters. Separators of a value that has
// parts stay as they are. Formatting commands and unknown escapes stay. Bytes that the character set does not explain
// and control characters are returned unchanged, so that nothing is lost. "" stays "".
func (v Value) Text() string {
	if v.m == nil {
		return ""
	}
	raw := v.m.raw[v.from:v.to]
	if v.level == levelLiteral || v.m.literal(raw) {
		return string(raw)
	}
	return string(v.AppendText(nil))
}

// AppendText appends what [Value.Text] returns.
func (v Value) AppendText(dst []byte) []byte {
	if v.m == nil {
		return dst
	}
	raw := v.m.raw[v.from:v.to]
	if v.level == levelLiteral || v.m.literal(raw) {
		return append(dst, raw...)
	}
	if bytes.IndexByte(raw, v.m.delims.Escape) >= 0 {
		raw = v.m.unescape(make([]byte, 0, len(raw)+8), raw)
	}
	return v.m.charset.appendDecoded(dst, raw, v.m.shifts)
}

// Is tells whether [Value.Text] equals s, in most cases without making a string. An absent value equals "".
func (v Value) Is(s string) bool {
	if v.m == nil {
		return s == ""
	}
	raw := v.m.raw[v.from:v.to]
	if v.m.literal(raw) {
		return string(raw) == s
	}
	return v.Text() == s
}

// Plain returns formatted text (FT, TX) as plain text in UTF-8: the formatting commands of HL7 v2.5.1 ch. 2.7.6 are
// carried out as far as plain text can show them (\.br\ and \.ce\ end a line, \.sp<n>\ skips lines, \.in<n>\ and
// \.ti<n>\ indent, \.sk<n>\ skips columns), highlighting and word-wrap commands are dropped, and repetitions are
// lines. The delete indicator gives an empty text.
func (v Value) Plain() string {
	if v.m == nil || v.Presence() == Null {
		return ""
	}
	if v.level == levelField && v.NumRepetitions() > 1 {
		var lines []string
		for _, r := range v.Repetitions() {
			lines = append(lines, r.Plain())
		}
		return strings.Join(lines, "\n")
	}
	raw := v.m.raw[v.from:v.to]
	if v.level == levelLiteral || v.m.literal(raw) {
		return string(raw)
	}
	return string(v.m.charset.appendDecoded(nil, v.m.format(raw), v.m.shifts))
}
