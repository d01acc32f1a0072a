package hl7

import "bytes"

// lineEnds says which bytes end a segment in a message.
type lineEnds uint8

const (
	endCR     lineEnds = iota // CR; LF is content
	endCRName                 // CR, and LF when a segment name follows
	endAny                    // CR and LF
)

// findLineEnds decides from the end of MSH what ends a segment.
func findLineEnds(b []byte) lineEnds {
	cr := bytes.IndexByte(b, '\r')
	if cr < 0 {
		return endAny
	}
	lf := bytes.IndexByte(b, '\n')
	if lf >= 0 && lf < cr {
		return endAny
	}
	sep := byte('|')
	if len(b) > 3 {
		sep = b[3]
	}
	for i := lf; i >= 0 && i < len(b); {
		if b[i-1] != '\r' && nameFollows(b[i+1:], sep) {
			return endCRName
		}
		next := bytes.IndexByte(b[i+1:], '\n')
		if next < 0 {
			break
		}
		i += 1 + next
	}
	return endCR
}

// nameFollows tells whether b begins with a known segment name and the field separator.
func nameFollows(b []byte, sep byte) bool {
	return len(b) > 3 && b[3] == sep && knownSegment(b[:3])
}

// lineEnd returns where the line that begins at pos ends.
func (m *Message) lineEnd(pos uint32) uint32 {
	b := m.raw[pos:m.end]
	switch m.ends {
	case endCR:
		if i := bytes.IndexByte(b, '\r'); i >= 0 {
			return pos + uint32(i)
		}
		return m.end
	case endAny:
		return pos + uint32(indexLineEnd(b))
	}
	for off := 0; ; {
		off += indexLineEnd(b[off:])
		if off >= len(b) || b[off] == '\r' || nameFollows(b[off+1:], m.separator()) {
			return pos + uint32(off)
		}
		off++
	}
}

// separator is MSH-1, also before the delimiters are known.
func (m *Message) separator() byte {
	if int(m.start)+3 < len(m.raw) {
		return m.raw[m.start+3]
	}
	return 0
}

// indexLineEnd returns where the first CR or LF stands, or len(b). It works in steps so that a message with only one
// of the two is not searched to its end for the other at every line.
func indexLineEnd(b []byte) int {
	const step = 256
	for off := 0; off < len(b); off += step {
		part := b[off:min(off+step, len(b))]
		lf := bytes.IndexByte(part, '\n')
		if lf >= 0 {
			part = part[:lf]
		}
		if cr := bytes.IndexByte(part, '\r'); cr >= 0 {
			return off + cr
		}
		if lf >= 0 {
			return off + lf
		}
	}
	return len(b)
}
