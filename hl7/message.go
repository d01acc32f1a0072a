package hl7

import (
	"bytes"
	"encoding/binary"
	"iter"
	"math"
	"math/bits"
	"time"
)

// Options are what a receiver knows about a sender beside the message itself. The zero value is useful.
type Options struct {
	// Charset is the sender's character set by its name in table 0211; used when MSH-18 is empty or names none that
	// is known.
	Charset string
	// Zone is the sender's time zone; used when MSH-7 has no offset.
	Zone *time.Location
}

// Message is a parsed message: a view over the received bytes, which must not change while it is in use. Make one
// with [Parse] or [ParseWith]. Messages are for concurrent readers and must not be copied.
type Message struct {
	raw      []byte
	delims   Delimiters
	ends     lineEnds
	charset  codec
	shifts   bool // ISO 2022 code switching is declared in MSH-18
	wide     bool // a byte that looks like a delimiter may be part of a character
	start    uint32
	end      uint32 // behind the last byte of the last segment, without framing
	segments int
	stride   int  // marks are set for every stride-th segment: 1, 2, 4 or 8
	blanks   bool // a line of blanks stands between or behind segments
	options  Options
	header   [headerFields]uint32 // behind which byte MSH-2, MSH-3 ... end; 0 from the last one on
	marks    [inlineMarks]uint32  // where segments 0, stride, 2*stride ... begin
	more     []uint32             // the marks that do not fit
}

const (
	headerFields = 20 // MSH is read more than anything else: its fields up to MSH-21 are found once
	inlineMarks  = 48 // 384 segments without an allocation
	maxStride    = 8  // random access scans seven line ends at most
)

// Parse reads the header and finds the segments of the message in b without copying it. The message must start with
// MSH; a byte order mark, blank lines and a VT before it are tolerated. Errors are of type [*SyntaxError].
func Parse(b []byte) (*Message, error) {
	// This function is small enough to be inlined, so that a message that does not outlive its caller needs no heap.
	m := new(Message)
	if err := m.parse(b, Options{}); err != nil {
		return nil, err
	}
	return m, nil
}

// ParseWith is [Parse] with what is known about the sender.
func ParseWith(b []byte, o Options) (*Message, error) {
	m := new(Message)
	if err := m.parse(b, o); err != nil {
		return nil, err
	}
	return m, nil
}

// Reset makes m the message in b, as [ParseWith] does, and reuses its memory. Segments and values of the message that m
// was before must no longer be used. After an error m is empty.
func (m *Message) Reset(b []byte, o Options) error {
	more := m.more[:0]
	*m = Message{more: more}
	if err := m.parse(b, o); err != nil {
		*m = Message{more: more}
		return err
	}
	return nil
}

func (m *Message) parse(b []byte, o Options) error {
	if len(b) > math.MaxInt32 {
		return &SyntaxError{Reason: "message longer than 2 GiB"}
	}
	start := skipLeading(b)
	if start == len(b) {
		return &SyntaxError{Reason: "no message: nothing but blanks"}
	}
	if !bytes.HasPrefix(b[start:], []byte("MSH")) {
		return &SyntaxError{Reason: notMSH(b[start:])}
	}
	m.raw, m.options = b, o
	m.start, m.end = uint32(start), uint32(start+trimTrailing(b[start:]))
	m.ends = findLineEnds(b[m.start:m.end])
	if m.ends == endCR {
		// An LF right before the CR that ends the last segment is content, as before any other CR.
		tail := b[m.end:]
		if i := bytes.IndexByte(tail, '\r'); i > 0 && bytes.Count(tail[:i], []byte{'\n'}) == i {
			m.end += uint32(i)
		}
	}
	header := b[m.start:m.lineEnd(m.start)]
	d, field, reason := parseDelimiters(header)
	if reason != "" {
		return &SyntaxError{Segment: "MSH", Sequence: 1, Field: field, Reason: reason}
	}
	m.delims = d
	m.findHeaderFields(header)
	m.chooseCharset()
	m.index()
	return nil
}

// findHeaderFields notes where the fields of MSH end. They are short: separators are found in eight bytes at a time,
// where a call for each field would cost more than its bytes.
func (m *Message) findHeaderFields(line []byte) {
	const ones = 0x0101010101010101
	n, i := 0, 4
	sep := m.delims.Field
	for ; i+8 <= len(line); i += 8 {
		x := binary.LittleEndian.Uint64(line[i:]) ^ uint64(sep)*ones
		// The high bit of every byte of x that is zero, and of no other byte.
		hits := ^((x&(0x7f*ones) + 0x7f*ones) | x | 0x7f*ones)
		for ; hits != 0; hits &= hits - 1 {
			m.header[n] = m.start + uint32(i+bits.TrailingZeros64(hits)/8)
			if n++; n == headerFields {
				return
			}
		}
	}
	for ; i < len(line); i++ {
		if line[i] == sep {
			m.header[n] = m.start + uint32(i)
			if n++; n == headerFields {
				return
			}
		}
	}
	m.header[n] = m.start + uint32(len(line))
}

// headerField returns field n of MSH, from 2 to headerFields+1.
func (m *Message) headerField(n int) Value {
	to := m.header[n-2]
	if to == 0 {
		return Value{}
	}
	if n == 2 {
		return Value{m: m, from: m.start + 4, to: to, level: levelLiteral}
	}
	return Value{m: m, from: m.header[n-3] + 1, to: to, level: levelField}
}

// skipLeading returns where the first byte stands that is neither a byte order mark, nor a blank, nor a VT.
func skipLeading(b []byte) int {
	i := 0
	for i < len(b) {
		switch c := b[i]; {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == vt:
			i++
		case c == 0xEF && bytes.HasPrefix(b[i:], []byte("\xEF\xBB\xBF")):
			i += 3
		default:
			return i
		}
	}
	return i
}

// trimTrailing returns the length of b without blank lines and an MLLP end (FS) behind the last segment.
func trimTrailing(b []byte) int {
	n := len(b)
	for n > 0 && (b[n-1] == '\r' || b[n-1] == '\n' || b[n-1] == fs) {
		n--
	}
	return n
}

const (
	vt = 0x0B // starts an MLLP frame
	fs = 0x1C // ends one
)

// notMSH explains why bytes that do not start with MSH are refused.
func notMSH(b []byte) string {
	if len(b) > 1 && (b[0] == 0 || b[1] == 0 || (b[0] == 0xFE && b[1] == 0xFF) || (b[0] == 0xFF && b[1] == 0xFE)) {
		return "message does not start with MSH: encoded as UTF-16 or UTF-32?"
	}
	return "message does not start with MSH"
}

// next returns the first line at or behind pos that is not blank, as segment i.
func (m *Message) next(pos uint32, i int) Segment {
	for pos < m.end {
		c := m.raw[pos]
		if c == '\r' || c == '\n' {
			pos++
			continue
		}
		to := m.lineEnd(pos)
		if c <= ' ' && isBlank(m.raw[pos:to]) {
			pos = to
			continue
		}
		return Segment{m: m, from: pos, to: to, index: uint32(i)}
	}
	return Segment{}
}

func isLineEnds(b []byte) bool {
	for _, c := range b {
		if c != '\r' && c != '\n' {
			return false
		}
	}
	return true
}

func isBlank(b []byte) bool {
	for _, c := range b {
		if c != ' ' && c != '\t' {
			return false
		}
	}
	return true
}

// index counts the segments and marks where they begin. When the marks are full, every other one is dropped, so that
// messages of usual size have all their segments marked and large ones need no more memory.
func (m *Message) index() {
	n, k := 0, 0
	m.stride = 1
	end := m.start
	for s := m.next(m.start, 0); s.m != nil; s = m.next(s.to, n) {
		m.blanks = m.blanks || !isLineEnds(m.raw[end:s.from])
		end = s.to
		if n%m.stride == 0 {
			switch {
			case k < inlineMarks:
				m.marks[k] = s.from
				k++
			case m.stride < maxStride:
				for i := range inlineMarks / 2 {
					m.marks[i] = m.marks[2*i]
				}
				m.stride *= 2
				k = inlineMarks / 2
				if n%m.stride == 0 {
					m.marks[k] = s.from
					k++
				}
			default:
				m.more = append(m.more, s.from)
			}
		}
		n++
	}
	m.blanks = m.blanks || !isLineEnds(m.raw[end:m.end])
	m.segments = n
}

// marked returns segment i of a message in which all beginnings are marked. Where CR alone ends segments, the end
// follows from the next beginning and is not searched for.
func (m *Message) marked(i int) Segment {
	from, to := m.marks[i], m.end
	if m.ends != endCR || m.blanks {
		return m.next(from, i)
	}
	if i+1 < m.segments {
		next := m.marks[i+1]
		to = next
		for m.raw[to-1] == '\r' || m.raw[to-1] == '\n' {
			to--
		}
		to += uint32(bytes.IndexByte(m.raw[to:next], '\r')) // an LF before it is content
	}
	return Segment{m: m, from: from, to: to, index: uint32(i)}
}

// Raw returns exactly the received bytes, with whatever stood around the message.
func (m *Message) Raw() []byte { return m.raw }

// Delimiters returns what MSH-1 and MSH-2 declare.
func (m *Message) Delimiters() Delimiters { return m.delims }

// Len returns the number of segments, junk lines included and blank lines not.
func (m *Message) Len() int { return m.segments }

// Segment returns segment i in message order, from 0; the zero Segment when there is none.
func (m *Message) Segment(i int) Segment {
	if i < 0 || i >= m.segments {
		return Segment{}
	}
	if m.stride == 1 {
		return m.marked(i)
	}
	k := i / m.stride
	var pos uint32
	if k < inlineMarks {
		pos = m.marks[k]
	} else {
		pos = m.more[k-inlineMarks]
	}
	s := m.next(pos, k*m.stride)
	for n := k*m.stride + 1; n <= i; n++ {
		s = m.next(s.to, n)
	}
	return s
}

// First returns the first segment with this name; the zero Segment when there is none.
func (m *Message) First(id string) Segment { return m.seek(0, id) }

// nth returns the n-th segment with this name, from 1.
func (m *Message) nth(id string, n int) Segment {
	s := m.seek(0, id)
	for ; n > 1 && s.m != nil; n-- {
		s = s.Next(id)
	}
	return s
}

// seek returns the first segment with this name at or behind index i.
func (m *Message) seek(i int, id string) Segment {
	if m.stride == 1 {
		// All beginnings are known: the ends of segments with another name need not be found.
		if len(id) != 3 {
			return Segment{}
		}
		first, second, third := id[0], id[1], id[2]
		for ; i < m.segments; i++ {
			pos := m.marks[i]
			if b := m.raw[pos:m.end]; len(b) < 3 || b[2] != third || b[1] != second || b[0] != first {
				continue
			}
			if m.nameAt(pos, id) {
				return m.marked(i)
			}
		}
		return Segment{}
	}
	for s := m.Segment(i); s.m != nil; s = s.following() {
		if m.nameAt(s.from, id) {
			return s
		}
	}
	return Segment{}
}

// nameAt tells whether a segment with this name begins at pos.
func (m *Message) nameAt(pos uint32, id string) bool {
	b := m.raw[pos:m.end]
	if len(b) < 3 || string(b[:3]) != id || !isAlnum(b[0]) || !isAlnum(b[1]) || !isAlnum(b[2]) {
		return false
	}
	if len(b) == 3 || b[3] == m.delims.Field || b[3] == '\r' {
		return true
	}
	// An LF ends the segment only where it ends segments; else it makes the line junk.
	return b[3] == '\n' && (m.ends == endAny || m.ends == endCRName && nameFollows(b[4:], m.delims.Field))
}

// All yields the segments with this name and their indexes in the message (for [Message.Segment]), in message order.
// The iterator makes the message outlive its function; where not one allocation is wanted, use [Segment.Next] or
// [Message.Reset].
func (m *Message) All(id string) iter.Seq2[int, Segment] {
	return func(yield func(int, Segment) bool) {
		for s := m.seek(0, id); s.m != nil; s = s.Next(id) {
			if !yield(int(s.index), s) {
				return
			}
		}
	}
}

// Segments yields all segments with their indexes, in message order.
func (m *Message) Segments() iter.Seq2[int, Segment] {
	return func(yield func(int, Segment) bool) {
		for s := m.Segment(0); s.m != nil; s = s.following() {
			if !yield(int(s.index), s) {
				return
			}
		}
	}
}

// Header returns MSH.
func (m *Message) Header() Segment { return m.next(m.start, 0) }

// Zone returns the zone in which times of this message without an offset are meant: the offset of MSH-7 when one is
// given (HL7 v2.5.1 ch. 2.15.9.7), else [Options.Zone], else nil.
func (m *Message) Zone() *time.Location {
	if t, err := ReadTime(m.Header().Field(7)); err == nil && t.HasOffset() {
		return t.zone()
	}
	return m.options.Zone
}
