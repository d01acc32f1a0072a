package hl7

import (
	"bytes"
	"unicode/utf8"
)

// Copy appends a segment of another message: the same bytes when delimiters and character set agree, else re-encoded
// part by part. Escapes that stand for formatting or are local keep their meaning; the delimiters of a header are the
// builder's. Junk is copied as it is, a zero Segment not at all.
func (b *Builder) Copy(s Segment) {
	if !s.Exists() {
		return
	}
	out := &SegmentBuilder{b: b}
	b.segments = append(b.segments, out)
	if !s.named() || b.sameCode(s.m, s.Raw()) {
		out.raw = bytes.Clone(s.Raw())
		return
	}
	out.id = s.ID()
	first := 1
	if s.isHeader() {
		first = 3
	}
	for n, v := range s.Fields() {
		if n >= first {
			out.SetValue(n, v)
		}
	}
	if out.id == "MSH" && b.declared != "" {
		out.Set(18, b.declared)
	}
	out.raw = out.appendTo(nil)
}

// sameCode tells whether bytes of a message mean the same in the builder's delimiters and character set.
func (b *Builder) sameCode(m *Message, raw []byte) bool {
	if b.delims != m.delims {
		return false
	}
	if b.charset == m.charset && b.shifts == m.shifts {
		return true
	}
	return isASCII(raw) && !m.shifts && !b.shifts
}

// recode appends a value of another message in the builder's code.
func (b *Builder) recode(dst []byte, v Value) []byte {
	if v.m == nil {
		return dst
	}
	if b.sameCode(v.m, v.Raw()) {
		return append(dst, v.Raw()...)
	}
	to := b.delims
	switch v.level {
	case levelRepetition:
		for c, component := range v.Components() {
			if c > 1 {
				dst = append(dst, to.Component)
			}
			dst = b.recode(dst, component)
		}
		return dst
	case levelComponent:
		for s, part := range v.Subcomponents() {
			if s > 1 && to.Subcomponent != 0 {
				dst = append(dst, to.Subcomponent)
			} else if s > 1 {
				dst = append(dst, to.Escape, 'T', to.Escape)
			}
			dst = b.recodeText(dst, part)
		}
		return dst
	}
	return b.recodeText(dst, v)
}

// recodeText appends a value without parts. Runs of characters are decoded and written anew, other escapes keep their
// bodies.
func (b *Builder) recodeText(dst []byte, v Value) []byte {
	m := v.m
	charset := m.charset
	if charset == codecUndeclared || charset == codecASCII {
		// What an undeclared value is written in shows in the whole of it, not in a run between two commands.
		if charset = codecUTF8; !utf8.Valid(m.format(v.Raw())) {
			charset = codec1252
		}
	}
	e := escapes{m: m, rest: v.Raw()}
	var run []byte // characters in the message's character set
	flush := func() {
		dst = b.appendText(dst, string(charset.appendDecoded(nil, run, m.shifts)))
		run = run[:0]
	}
	for {
		text, sequence, kind, body, ok := e.next()
		run = append(run, text...)
		if !ok {
			flush()
			return dst
		}
		if kind == escapeFormat || kind == escapeLocal {
			flush()
			dst = append(append(append(dst, b.delims.Escape), body...), b.delims.Escape)
			continue
		}
		run = m.appendSequence(run, sequence, kind, body)
	}
}
