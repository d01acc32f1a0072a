package hl7

import (
	"bytes"
	"errors"
	"fmt"
)

// ErrEdit is what errors about places that cannot be set wrap.
var ErrEdit = errors.New("hl7: place cannot be set")

// Set returns a copy of the message with one place changed and every other byte as received. The texts are escaped in
// the message's delimiters and character set. A path to a field replaces all its repetitions by one with these
// components, a path with a repetition that one, a path to a component replaces its subcomponents, and a path to a
// subcomponent takes one text. Missing fields, repetitions, components and subcomponents before the place are added
// empty. The segment must exist; MSH-1 and MSH-2 cannot be set. Errors wrap [ErrEdit].
func (m *Message) Set(p Path, texts ...string) ([]byte, error) {
	s := m.nth(string(p.name[:]), p.segment.first())
	switch {
	case !p.Single() || p.field == 0:
		return nil, editError("the path names no single field")
	case !s.Exists():
		return nil, editError("no such segment")
	case s.isHeader() && p.field < 3:
		return nil, editError("delimiters of a header")
	case p.repetition.first() > maxPart:
		return nil, editError("repetition number too high")
	case p.subcomponent > 0 && (len(texts) > 1 || m.delims.Subcomponent == 0):
		return nil, editError("a subcomponent takes one text, and the message must have a subcomponent separator")
	}
	field, old := int(p.field), s.Field(int(p.field))
	from, to := old.from, old.to
	var out []byte
	if old.m == nil {
		from, to = s.to, s.to
		last := s.NumFields()
		if s.isHeader() && last < 2 {
			last = 2
		}
		out = append(out, m.raw[:from]...)
		out = append(out, bytes.Repeat([]byte{m.delims.Field}, field-last)...)
	} else {
		out = append(out, m.raw[:from]...)
	}
	out = append(out, m.edited(old.Raw(), p, texts)...)
	return append(out, m.raw[to:]...), nil
}

func editError(reason string) error { return fmt.Errorf("%w: %s", ErrEdit, reason) }

// edited returns the bytes of a field with the place that p names replaced.
func (m *Message) edited(raw []byte, p Path, texts []string) []byte {
	b, d := m.builder(), &m.delims
	if p.component == 0 && p.repetition == (span{}) {
		return b.join(texts, d.Component)
	}
	return b.replace(raw, d.Repetition, p.repetition.first(), func(repetition []byte) []byte {
		if p.component == 0 {
			return b.join(texts, d.Component)
		}
		return b.replace(repetition, d.Component, int(p.component), func(component []byte) []byte {
			if p.subcomponent == 0 {
				return b.join(texts, d.Subcomponent)
			}
			return b.replace(component, d.Subcomponent, int(p.subcomponent), func([]byte) []byte {
				return b.join(texts, d.Subcomponent)
			})
		})
	})
}

// replace puts what with makes of the n-th part between separators, from 1, in its place.
func (b *Builder) replace(raw []byte, sep byte, n int, with func([]byte) []byte) []byte {
	parts := b.split(raw, sep)
	for len(parts) < n {
		parts = append(parts, nil)
	}
	parts[n-1] = with(parts[n-1])
	return bytes.Join(parts, []byte{sep})
}
