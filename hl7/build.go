package hl7

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// Builder makes a message segment by segment. Texts are given in UTF-8; they are escaped with the builder's delimiters
// and encoded in its character set. A Builder is for one goroutine.
type Builder struct {
	delims   Delimiters
	charset  codec
	shifts   bool   // ISO 2022 code switching is in use
	declared string // MSH-18
	segments []*SegmentBuilder
	lost     int
}

// NewBuilder returns a builder of messages with these delimiters in the character set of this name (table 0211), which
// becomes MSH-18. An empty or unknown name declares nothing and leaves texts in UTF-8.
func NewBuilder(d Delimiters, charset string) *Builder {
	b := &Builder{delims: d}
	if c, ok := lookupCodec([]byte(charset)); ok && charset != "" {
		b.charset, b.shifts, b.declared = c, c == codecJIS, charset
	}
	return b
}

// builder returns a builder in the message's own delimiters and character set.
func (m *Message) builder() *Builder {
	return &Builder{delims: m.delims, charset: m.charset, shifts: m.shifts}
}

// Unencodable returns how many characters so far did not exist in the builder's character set and were written as
// question marks.
func (b *Builder) Unencodable() int { return b.lost }

// SegmentBuilder fills one segment of a [Builder]. Its methods return it, for chains.
type SegmentBuilder struct {
	b      *Builder
	id     string
	raw    []byte     // a copied segment, complete; fields is not used then
	fields [][][]byte // field, repetition: encoded bytes
}

// Segment appends a segment. MSH, BHS and FHS get their first two fields from the delimiters and MSH its field 18 from
// the character set.
func (b *Builder) Segment(id string) *SegmentBuilder {
	s := &SegmentBuilder{b: b, id: id}
	b.segments = append(b.segments, s)
	if id == "MSH" && b.declared != "" {
		s.Set(18, b.declared)
	}
	return s
}

func isHeaderName(id string) bool { return id == "MSH" || id == "BHS" || id == "FHS" }

// at returns the place of a field, growing the segment; nil for a field that cannot be set: below 1, beyond
// maxPart, and the delimiters of a header.
func (s *SegmentBuilder) at(field int) *[][]byte {
	if field < 1 || field > maxPart || s.raw != nil || isHeaderName(s.id) && field < 3 {
		return nil
	}
	for len(s.fields) < field {
		s.fields = append(s.fields, nil)
	}
	return &s.fields[field-1]
}

// Set replaces a field by one repetition of these components. Every component is escaped; trailing empty ones are left
// out. The component `""` is the delete indicator.
func (s *SegmentBuilder) Set(field int, components ...string) *SegmentBuilder {
	if f := s.at(field); f != nil {
		*f = [][]byte{s.b.join(components, s.b.delims.Component)}
	}
	return s
}

// Repeat adds a repetition to a field.
func (s *SegmentBuilder) Repeat(field int, components ...string) *SegmentBuilder {
	if f := s.at(field); f != nil {
		*f = append(*f, s.b.join(components, s.b.delims.Component))
	}
	return s
}

// SetSub replaces one component, from 1, of a repetition, from 1, by these subcomponents, escaped; what is missing
// before it is added empty.
func (s *SegmentBuilder) SetSub(field, rep, component int, parts ...string) *SegmentBuilder {
	f := s.at(field)
	if f == nil || rep < 1 || rep > maxPart || component < 1 || component > maxPart {
		return s
	}
	for len(*f) < rep {
		*f = append(*f, nil)
	}
	d := &s.b.delims
	components := s.b.split((*f)[rep-1], d.Component)
	for len(components) < component {
		components = append(components, nil)
	}
	components[component-1] = s.b.join(parts, d.Subcomponent)
	(*f)[rep-1] = trimRight(bytes.Join(components, []byte{d.Component}), d.Component)
	return s
}

// split takes encoded bytes apart at sep.
func (b *Builder) split(raw []byte, sep byte) [][]byte {
	var parts [][]byte
	for {
		i := b.index(raw, sep)
		if i < 0 {
			return append(parts, raw)
		}
		parts, raw = append(parts, raw[:i]), raw[i+1:]
	}
}

// index finds a separator in bytes of the builder's character set.
func (b *Builder) index(raw []byte, sep byte) int {
	return b.charset.indexWide(raw, sep, b.shifts, b.delims.Escape, false)
}

// SetRaw replaces a field by bytes that are already encoded in the builder's delimiters and character set.
func (s *SegmentBuilder) SetRaw(field int, raw []byte) *SegmentBuilder {
	if f := s.at(field); f != nil {
		*f = s.b.split(bytes.Clone(raw), s.b.delims.Repetition)
	}
	return s
}

// SetValue replaces a field by a value of another message with all its parts: by the same bytes when delimiters and
// character set agree, else re-encoded. A value that is smaller than a field becomes its first repetition.
func (s *SegmentBuilder) SetValue(field int, v Value) *SegmentBuilder {
	f := s.at(field)
	if f == nil {
		return s
	}
	*f = nil
	for _, r := range v.Repetitions() {
		*f = append(*f, s.b.recode(nil, r))
	}
	return s
}

// join escapes and joins parts, without trailing empty ones.
func (b *Builder) join(parts []string, sep byte) []byte {
	var out []byte
	for i, p := range parts {
		if i > 0 {
			if sep == 0 { // no subcomponents in these delimiters: the separator becomes text
				out = b.appendText(out, "&")
			} else {
				out = append(out, sep)
			}
		}
		out = b.appendText(out, p)
	}
	return trimRight(out, sep)
}

func trimRight(b []byte, sep byte) []byte {
	for len(b) > 0 && b[len(b)-1] == sep && sep != 0 {
		b = b[:len(b)-1]
	}
	return b
}

// appendText appends text with everything escaped that is not text in a message: delimiters, control characters
// (a CR would end the segment, a VT or FS the frame) and bytes that are not UTF-8.
func (b *Builder) appendText(dst []byte, s string) []byte {
	for s != "" {
		n := strings.IndexFunc(s, func(r rune) bool { return r == utf8.RuneError || r < 0x80 && b.escapeFor(byte(r)) != 0 })
		if n < 0 {
			n = len(s)
		}
		var lost int
		dst, lost = b.charset.appendEncoded(dst, s[:n])
		b.lost += lost
		if s = s[n:]; s == "" {
			break
		}
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size > 1: // the character U+FFFD itself
			dst, lost = b.charset.appendEncoded(dst, s[:size])
			b.lost += lost
		case r == utf8.RuneError:
			dst = append(dst, b.delims.Escape, 'X', hexDigits[s[0]>>4], hexDigits[s[0]&15], b.delims.Escape)
		default:
			dst = b.appendEscape(dst, s[0])
		}
		s = s[size:]
	}
	return dst
}

// appendEscape appends the escape sequence of an ASCII character.
func (b *Builder) appendEscape(dst []byte, c byte) []byte {
	e := b.delims.Escape
	if letter := b.escapeFor(c); letter != 'X' {
		return append(dst, e, letter, e)
	}
	return append(dst, e, 'X', hexDigits[c>>4], hexDigits[c&15], e)
}

// escapeFor returns the letter of the escape sequence that an ASCII character needs, 0 for none.
func (b *Builder) escapeFor(c byte) byte {
	switch d := &b.delims; c {
	case d.Field:
		return 'F'
	case d.Component:
		return 'S'
	case d.Repetition:
		return 'R'
	case d.Escape:
		return 'E'
	case d.Subcomponent:
		if c != 0 {
			return 'T'
		}
	case d.Truncation:
		if c != 0 {
			return 'P'
		}
	}
	if c < 0x20 && c != '\t' {
		return 'X'
	}
	return 0
}

// Bytes returns the message: CR behind every segment, trailing empty fields left out.
func (b *Builder) Bytes() []byte {
	var out []byte
	for _, s := range b.segments {
		out = append(s.appendTo(out), '\r')
	}
	return out
}

func (s *SegmentBuilder) appendTo(out []byte) []byte {
	if s.raw != nil {
		return append(out, s.raw...)
	}
	d := &s.b.delims
	out = append(out, s.id...)
	fields := s.fields
	if isHeaderName(s.id) {
		out = append(append(out, d.Field), d.encoding()...)
		fields = fields[min(2, len(fields)):]
	}
	last := len(fields)
	for last > 0 && isEmptyField(fields[last-1]) {
		last--
	}
	for _, f := range fields[:last] {
		out = append(out, d.Field)
		for i, r := range f {
			if i > 0 {
				out = append(out, d.Repetition)
			}
			out = append(out, r...)
		}
	}
	return out
}

func isEmptyField(f [][]byte) bool {
	return len(f) == 0 || len(f) == 1 && len(f[0]) == 0
}
