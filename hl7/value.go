package hl7

import (
	"bytes"
	"iter"
)

// Presence tells what a message says about a value (HL7 v2.5.1 ch. 2.5.3).
type Presence uint8

// The four answers. Absent and Empty make no statement, Null asks to delete, Valued states a value.
const (
	Absent Presence = iota // behind the end of its segment, field or component
	Empty                  // there, with nothing but separators in it
	Null                   // "" : the delete indicator
	Valued
)

// String returns the name of the presence.
func (p Presence) String() string {
	return [...]string{"absent", "empty", "null", "valued"}[p&3]
}

// level is the place of a value in the tree of a segment.
type level uint8

const (
	levelSegment level = iota
	levelField
	levelRepetition
	levelComponent
	levelSubcomponent
	levelLiteral // MSH-1 and MSH-2: delimiters that delimit nothing
)

// Value is a piece of a segment: a field, repetition, component or subcomponent, or the whole segment. The zero Value
// is absent; all methods work on it.
type Value struct {
	m        *Message
	from, to uint32
	level    level
}

// Raw returns the bytes as received; nil when absent.
func (v Value) Raw() []byte {
	if v.m == nil {
		return nil
	}
	return v.m.raw[v.from:v.to:v.to]
}

// Offsets returns the byte range of the value within [Message.Raw].
func (v Value) Offsets() (from, to int) { return int(v.from), int(v.to) }

// Presence tells absent, empty, "" and valued apart. Separators alone are empty; "" followed by nothing but separators
// is Null.
func (v Value) Presence() Presence {
	if v.m == nil {
		return Absent
	}
	b := v.m.raw[v.from:v.to]
	if len(b) == 0 {
		return Empty
	}
	if v.level == levelLiteral || !v.separates(b[len(b)-1]) && b[0] != '"' {
		return Valued
	}
	for len(b) > 0 && v.separates(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	switch {
	case len(b) == 0:
		return Empty
	case len(b) == 2 && b[0] == '"' && b[1] == '"':
		return Null
	}
	return Valued
}

// separates tells whether c separates parts of this value.
func (v Value) separates(c byte) bool {
	d := &v.m.delims
	switch v.level {
	case levelField:
		return c == d.Repetition || c == d.Component || c == d.Subcomponent && c != 0
	case levelRepetition:
		return c == d.Component || c == d.Subcomponent && c != 0
	case levelComponent:
		return c == d.Subcomponent && c != 0
	}
	return false
}

// Valued is short for Presence() == Valued.
func (v Value) Valued() bool { return v.Presence() == Valued }

// Message returns the message that the value belongs to; nil when absent.
func (v Value) Message() *Message { return v.m }

// Repetition returns repetition r, from 1, of a field. Anything smaller is its own first repetition.
func (v Value) Repetition(r int) Value {
	if v.level != levelField || v.m == nil {
		return v.itself(r)
	}
	return v.part(v.m.delims.Repetition, r, levelRepetition)
}

// Repetitions yields all repetitions of a field, counted from 1: none when it is absent, one when it is empty.
func (v Value) Repetitions() iter.Seq2[int, Value] {
	switch {
	case v.m == nil:
		return func(func(int, Value) bool) {}
	case v.level == levelField:
		return v.parts(v.m.delims.Repetition, levelRepetition)
	}
	return func(yield func(int, Value) bool) { yield(1, v) }
}

// parts yields what stands between separators, counted from 1.
func (v Value) parts(sep byte, l level) iter.Seq2[int, Value] {
	return func(yield func(int, Value) bool) {
		pos := v.from
		for n := 1; ; n++ {
			end := v.m.find(pos, v.to, sep)
			if !yield(n, Value{m: v.m, from: pos, to: end, level: l}) || end == v.to {
				return
			}
			pos = end + 1
		}
	}
}

// NumRepetitions returns the number of repetitions: 0 when absent, 1 when empty.
func (v Value) NumRepetitions() int {
	switch {
	case v.m == nil:
		return 0
	case v.level != levelField:
		return 1
	}
	return v.m.count(v.from, v.to, v.m.delims.Repetition)
}

// Component returns component c, from 1, of a repetition; of a field's first repetition. A component is its own first
// component.
func (v Value) Component(c int) Value {
	switch v.level {
	case levelField:
		return v.Repetition(1).Component(c)
	case levelRepetition:
		return v.part(v.m.delims.Component, c, levelComponent)
	}
	return v.itself(c)
}

// Components yields all components of a repetition or of a field's first repetition, counted from 1, in time linear in
// its bytes, where asking for them one by one by number begins at the front each time. An absent value has none.
func (v Value) Components() iter.Seq2[int, Value] {
	switch {
	case v.m == nil:
		return func(func(int, Value) bool) {}
	case v.level == levelField:
		return v.Repetition(1).Components()
	case v.level == levelRepetition:
		return v.parts(v.m.delims.Component, levelComponent)
	}
	return func(yield func(int, Value) bool) { yield(1, v) }
}

// NumComponents returns the number of components of a repetition or of a field's first repetition.
func (v Value) NumComponents() int {
	switch v.level {
	case levelField:
		return v.Repetition(1).NumComponents()
	case levelRepetition:
		return v.m.count(v.from, v.to, v.m.delims.Component)
	}
	if v.m == nil {
		return 0
	}
	return 1
}

// Subcomponent returns subcomponent s, from 1, of a component; of a field's or repetition's first component.
func (v Value) Subcomponent(s int) Value {
	switch v.level {
	case levelField, levelRepetition:
		return v.Component(1).Subcomponent(s)
	case levelComponent:
		return v.part(v.m.delims.Subcomponent, s, levelSubcomponent)
	}
	return v.itself(s)
}

// Subcomponents yields all subcomponents of a component or of a field's or repetition's first component, counted from 1,
// in time linear in its bytes. An absent value has none.
func (v Value) Subcomponents() iter.Seq2[int, Value] {
	switch {
	case v.m == nil:
		return func(func(int, Value) bool) {}
	case v.level == levelField || v.level == levelRepetition:
		return v.Component(1).Subcomponents()
	case v.level == levelComponent:
		return v.parts(v.m.delims.Subcomponent, levelSubcomponent)
	}
	return func(yield func(int, Value) bool) { yield(1, v) }
}

// NumSubcomponents returns the number of subcomponents of a component or of a field's or repetition's first component.
func (v Value) NumSubcomponents() int {
	switch v.level {
	case levelField, levelRepetition:
		return v.Component(1).NumSubcomponents()
	case levelComponent:
		return v.m.count(v.from, v.to, v.m.delims.Subcomponent)
	}
	if v.m == nil {
		return 0
	}
	return 1
}

// itself answers a question for part n of a value that has no such parts: it is its own first part.
func (v Value) itself(n int) Value {
	if n == 1 && v.level != levelSegment {
		return v
	}
	return Value{}
}

// part returns the n-th part between separators.
func (v Value) part(sep byte, n int, l level) Value {
	from, to, ok := v.m.part(v.from, v.to, sep, n)
	if !ok {
		return Value{}
	}
	return Value{m: v.m, from: from, to: to, level: l}
}

// part returns the range of the n-th part, from 1, of [from, to) between separators.
func (m *Message) part(from, to uint32, sep byte, n int) (uint32, uint32, bool) {
	if n < 1 {
		return 0, 0, false
	}
	for ; n > 1; n-- {
		end := m.find(from, to, sep)
		if end == to {
			return 0, 0, false
		}
		from = end + 1
	}
	return from, m.find(from, to, sep), true
}

// count returns the number of parts of [from, to) between separators.
func (m *Message) count(from, to uint32, sep byte) int {
	n := 1
	for pos := m.find(from, to, sep); pos < to; pos = m.find(pos+1, to, sep) {
		n++
	}
	return n
}

// find returns where sep stands first in [from, to), or to. A separator of 0 is one that the message does not have.
func (m *Message) find(from, to uint32, sep byte) uint32 {
	if sep == 0 {
		return to
	}
	b := m.raw[from:to]
	var i int
	if m.wide {
		i = m.charset.indexWide(b, sep, m.shifts, m.delims.Escape, false)
	} else {
		i = bytes.IndexByte(b, sep)
	}
	if i < 0 {
		return to
	}
	return from + uint32(i)
}
