package main

import (
	"strings"
	"unicode"
)

// mask replaces the values of a message by their shapes: letters by A, digits by 9, and
// whatever separates them as it is. MSH stays, because it names systems and no patient.
func mask(segments []shownSegment) {
	for i, s := range segments {
		if s.Segment == "MSH" {
			continue
		}
		for j := range s.Values {
			segments[i].Values[j].Value = shape(s.Values[j].Value)
		}
	}
}

// maxShape bounds a shape: the length of a long text says nothing to an operator.
const maxShape = 24

// shape keeps of a value which kinds of characters it has. The delete indicator stays.
func shape(value string) string {
	if value == `""` {
		return value
	}
	var b strings.Builder
	n := 0
	for _, r := range value {
		if n++; n > maxShape {
			b.WriteString("…")
			break
		}
		switch {
		case unicode.IsDigit(r):
			b.WriteByte('9')
		case unicode.IsLetter(r):
			b.WriteByte('A')
		case strings.ContainsRune(" .,:;-/+()", r):
			b.WriteRune(r)
		default:
			b.WriteByte('?')
		}
	}
	return b.String()
}
