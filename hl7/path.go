package hl7

import (
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
)

// Path names one place in a message, or several, as text: SEG(n)-field(rep).component.subcomponent, all counted from
// 1. Examples: PID, PID-3, PID-3(2).4.1, OBX(3)-5, MSH-9.2. A missing (n) means the first. In place of n, * means all
// and 2..4 a range; see [Message.Values]. The zero Path names nothing.
type Path struct {
	name         [3]byte
	segment      span
	field        uint16 // 0: the whole segment
	repetition   span   // zero: not given
	component    uint16 // 0: the whole repetition
	subcomponent uint16 // 0: the whole component
}

// span is a range of ordinals; zero means that none was given, to is maxOrdinal for "all".
type span struct{ from, to int32 }

const (
	maxOrdinal = 1<<31 - 1
	maxPart    = 1<<16 - 1
)

func (s span) first() int {
	return max(1, int(s.from))
}

// single tells whether the span names one place.
func (s span) single() bool { return s.from == s.to }

func (s span) String() string {
	switch {
	case s == span{}:
		return ""
	case s == span{1, maxOrdinal}:
		return "(*)"
	case s.from == s.to:
		return "(" + strconv.Itoa(int(s.from)) + ")"
	}
	return "(" + strconv.Itoa(int(s.from)) + ".." + strconv.Itoa(int(s.to)) + ")"
}

// ErrPath is what errors for text that is not a path wrap.
var ErrPath = errors.New("hl7: not a path")

// ParsePath compiles the textual form of a path. A dot between segment and field (PID.3.1, as in the parameters of
// queries) is accepted and written as a hyphen by [Path.String].
func ParsePath(s string) (Path, error) {
	p, reason := parsePath(s)
	if reason != "" {
		return Path{}, fmt.Errorf("%w: %s", ErrPath, reason)
	}
	return p, nil
}

func parsePath(s string) (p Path, reason string) {
	if len(s) < 3 || !isAlnum(s[0]) || !isAlnum(s[1]) || !isAlnum(s[2]) {
		return p, "it does not begin with a segment name of three letters or digits"
	}
	copy(p.name[:], s)
	s = s[3:]
	var ok bool
	if p.segment, s, ok = cutSpan(s); !ok {
		return p, "bad segment number: expected (n), (n..m) or (*)"
	}
	if s == "" {
		return p, ""
	}
	if s[0] != '-' && s[0] != '.' {
		return p, "expected a hyphen and a field number behind the segment"
	}
	if p.field, s, ok = cutNumber(s[1:]); !ok {
		return p, "bad field number"
	}
	if p.repetition, s, ok = cutSpan(s); !ok {
		return p, "bad repetition: expected (n), (n..m) or (*)"
	}
	for _, part := range []*uint16{&p.component, &p.subcomponent} {
		if s == "" {
			return p, ""
		}
		if s[0] != '.' {
			return p, "expected a dot and a number"
		}
		if *part, s, ok = cutNumber(s[1:]); !ok {
			return p, "bad component or subcomponent number"
		}
	}
	if s != "" {
		return p, "text behind the subcomponent"
	}
	return p, ""
}

// cutNumber takes a number from 1 off the front of s.
func cutNumber(s string) (n uint16, rest string, ok bool) {
	v, rest, ok := cutOrdinal(s, maxPart)
	return uint16(v), rest, ok
}

func cutOrdinal(s string, limit int) (n int, rest string, ok bool) {
	i := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		n = n*10 + int(s[i]-'0')
		if n > limit {
			return 0, s, false
		}
		i++
	}
	return n, s[i:], n > 0
}

// cutSpan takes (n), (n..m) or (*) off the front of s, if there is one.
func cutSpan(s string) (sp span, rest string, ok bool) {
	if s == "" || s[0] != '(' {
		return span{}, s, true
	}
	if after, all := strings.CutPrefix(s, "(*)"); all {
		return span{1, maxOrdinal}, after, true
	}
	from, s, ok := cutOrdinal(s[1:], maxOrdinal-1)
	if !ok {
		return span{}, s, false
	}
	to := from
	if after, more := strings.CutPrefix(s, ".."); more {
		if to, s, ok = cutOrdinal(after, maxOrdinal-1); !ok || to < from {
			return span{}, s, false
		}
	}
	if s == "" || s[0] != ')' {
		return span{}, s, false
	}
	return span{int32(from), int32(to)}, s[1:], true
}

// String returns the canonical form, which [ParsePath] reads back to an equal Path.
func (p Path) String() string {
	if p == (Path{}) {
		return ""
	}
	var b strings.Builder
	b.Write(p.name[:])
	b.WriteString(p.segment.String())
	if p.field > 0 {
		b.WriteByte('-')
		b.WriteString(strconv.Itoa(int(p.field)))
		b.WriteString(p.repetition.String())
	}
	for _, part := range []uint16{p.component, p.subcomponent} {
		if part > 0 {
			b.WriteByte('.')
			b.WriteString(strconv.Itoa(int(part)))
		}
	}
	return b.String()
}

// Single tells whether the path names at most one place.
func (p Path) Single() bool { return p.segment.single() && p.repetition.single() }

// Get returns the value at a path; the error is about the path only. What the message does not have is absent. A path
// without a repetition means the first one, a path of a segment the whole segment. Of a path that names several
// places it returns the first.
func (m *Message) Get(path string) (Value, error) {
	p, err := ParsePath(path)
	if err != nil {
		return Value{}, err
	}
	return m.At(p), nil
}

// At is [Message.Get] with a compiled path.
func (m *Message) At(p Path) Value {
	if p == (Path{}) {
		return Value{}
	}
	s := m.nth(string(p.name[:]), p.segment.first())
	if p.field == 0 {
		return s.whole()
	}
	return p.within(s.Field(int(p.field)).Repetition(p.repetition.first()))
}

// within goes from a repetition to the component and subcomponent that the path names.
func (p Path) within(v Value) Value {
	if p.component > 0 {
		v = v.Component(int(p.component))
	}
	if p.subcomponent > 0 {
		v = v.Subcomponent(int(p.subcomponent))
	}
	return v
}

// whole returns the segment as a value.
func (s Segment) whole() Value {
	return Value{m: s.m, from: s.from, to: s.to, level: levelSegment}
}

// Values yields every value that a path with * or ranges names and where it stands, in message order. Absent values
// are left out.
func (m *Message) Values(p Path) iter.Seq2[Location, Value] {
	return func(yield func(Location, Value) bool) {
		name, n := string(p.name[:]), 0
		for _, s := range m.All(name) {
			n++
			if n < p.segment.first() {
				continue
			}
			if n > max(1, int(p.segment.to)) {
				return
			}
			at := Location{Segment: name, Sequence: n, Field: int(p.field), Component: int(p.component), Subcomponent: int(p.subcomponent)}
			if !p.each(s, at, yield) {
				return
			}
		}
	}
}

// each yields what the path names within one segment and tells whether to go on.
func (p Path) each(s Segment, at Location, yield func(Location, Value) bool) bool {
	if p.field == 0 {
		return yield(at, s.whole())
	}
	for r, v := range s.Reps(int(p.field)) {
		if r < p.repetition.first() {
			continue
		}
		if r > max(1, int(p.repetition.to)) {
			break
		}
		at.Repetition = r
		if v = p.within(v); v.m != nil && !yield(at, v) {
			return false
		}
	}
	return true
}
