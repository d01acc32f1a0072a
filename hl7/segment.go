package hl7

import (
	"bytes"
	"iter"
)

// Segment is one line of a message. The zero Segment means that there is none; all methods work on it.
type Segment struct {
	m        *Message
	from, to uint32
	index    uint32 // in the message
}

// Exists tells whether there is such a segment.
func (s Segment) Exists() bool { return s.m != nil }

// Raw returns the bytes of the segment without its terminator; nil when there is none.
func (s Segment) Raw() []byte {
	if s.m == nil {
		return nil
	}
	return s.m.raw[s.from:s.to:s.to]
}

// Offsets returns the byte range of the segment within [Message.Raw], without the terminator.
func (s Segment) Offsets() (from, to int) { return int(s.from), int(s.to) }

// ID returns the name of the segment, three letters or digits; empty when there is no segment or it is junk.
func (s Segment) ID() string {
	if !s.named() {
		return ""
	}
	name := s.m.raw[s.from : s.from+3]
	if known, ok := segmentNames[string(name)]; ok {
		return known
	}
	return string(name)
}

// Is tells whether the segment has this name, without making a string.
func (s Segment) Is(id string) bool {
	return s.m != nil && s.m.nameAt(s.from, id)
}

// Next returns the next segment with this name behind s; the zero Segment when there is none.
func (s Segment) Next(id string) Segment {
	if s.m == nil {
		return s
	}
	if s.m.stride == 1 {
		return s.m.seek(int(s.index)+1, id)
	}
	for n := s.following(); n.m != nil; n = n.following() {
		if n.m.nameAt(n.from, id) {
			return n
		}
	}
	return Segment{}
}

// following returns the next segment whatever its name.
func (s Segment) following() Segment { return s.m.next(s.to, int(s.index)+1) }

// Junk tells that a line was received which does not begin with a segment name. Junk has no fields.
func (s Segment) Junk() bool { return s.m != nil && !s.named() }

// named tells whether the line begins with three letters or digits and a field separator (or nothing behind them).
func (s Segment) named() bool {
	if s.m == nil || s.to-s.from < 3 {
		return false
	}
	b := s.m.raw[s.from:s.to]
	return isAlnum(b[0]) && isAlnum(b[1]) && isAlnum(b[2]) && (len(b) == 3 || b[3] == s.m.delims.Field)
}

// isHeader tells whether field 1 of the segment is its own separator.
func (s Segment) isHeader() bool {
	b := s.m.raw[s.from:s.to]
	if len(b) < 4 || b[2] != 'H' && b[2] != 'S' {
		return false
	}
	return string(b[:3]) == "MSH" || string(b[:3]) == "BHS" || string(b[:3]) == "FHS"
}

// Field returns field n, from 1, with all its repetitions. MSH-1 is the separator and MSH-2 the encoding characters
// (the same in BHS and FHS).
func (s Segment) Field(n int) Value {
	if n < 1 || !s.named() {
		return Value{}
	}
	m := s.m
	if s.from == m.start && n > 1 && n <= headerFields+1 && !m.wide {
		return m.headerField(n)
	}
	if s.isHeader() {
		switch n {
		case 1:
			return Value{m: m, from: s.from + 3, to: s.from + 4, level: levelLiteral}
		case 2:
			v := m.field(s.from+3, s.to, 1)
			v.level = levelLiteral
			if v.m == nil {
				v = Value{}
			}
			return v
		}
		n--
	}
	return m.field(s.from+3, s.to, n)
}

// field returns the n-th field of the bytes [pos, to), where pos is the separator before the first.
func (m *Message) field(pos, to uint32, n int) Value {
	if pos >= to {
		return Value{}
	}
	sep := m.delims.Field
	if m.wide {
		from, end, ok := m.part(pos+1, to, sep, n)
		if !ok {
			return Value{}
		}
		return Value{m: m, from: from, to: end, level: levelField}
	}
	b := m.raw[pos+1 : to]
	from := pos + 1
	for ; n > 1; n-- {
		i := bytes.IndexByte(b, sep)
		if i < 0 {
			return Value{}
		}
		b = b[i+1:]
		from += uint32(i) + 1
	}
	if i := bytes.IndexByte(b, sep); i >= 0 {
		to = from + uint32(i)
	}
	return Value{m: m, from: from, to: to, level: levelField}
}

// Fields yields all fields, counted from 1, in time linear in the bytes of the segment, where asking for many of them by
// number begins at the front each time. A header's first two are its delimiters.
func (s Segment) Fields() iter.Seq2[int, Value] {
	return func(yield func(int, Value) bool) {
		if !s.named() || s.to-s.from < 4 {
			return
		}
		m, n, pos := s.m, 1, s.from+4
		if s.isHeader() {
			second := s.Field(2)
			if !yield(1, s.Field(1)) || second.m == nil || !yield(2, second) || second.to == s.to {
				return
			}
			n, pos = 3, second.to+1
		}
		for ; ; n++ {
			end := m.find(pos, s.to, m.delims.Field)
			if !yield(n, Value{m: m, from: pos, to: end, level: levelField}) || end == s.to {
				return
			}
			pos = end + 1
		}
	}
}

// NumFields returns the number of the last field that the segment has, whether it is valued or not.
func (s Segment) NumFields() int {
	if !s.named() || s.to-s.from < 4 {
		return 0
	}
	n := s.m.count(s.from+4, s.to, s.m.delims.Field)
	if s.isHeader() {
		n++
	}
	return n
}

// Rep returns repetition r, from 1, of field n.
func (s Segment) Rep(n, r int) Value { return s.Field(n).Repetition(r) }

// Reps yields all repetitions of field n, counted from 1. An empty field has one empty repetition, an absent one none.
func (s Segment) Reps(n int) iter.Seq2[int, Value] { return s.Field(n).Repetitions() }

// NumReps returns the number of repetitions of field n: 0 when it is absent, 1 when it is empty.
func (s Segment) NumReps(n int) int { return s.Field(n).NumRepetitions() }

// Component returns component c of the first repetition of field n.
func (s Segment) Component(n, c int) Value { return s.Field(n).Component(c) }

// Text returns the first repetition of field n as [Value.Text] does.
func (s Segment) Text(n int) string { return s.Field(n).Repetition(1).Text() }
