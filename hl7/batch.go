package hl7

import (
	"bytes"
	"iter"
	"strconv"
)

// Split yields every message of a file, batch or stream (HL7 v2.5.1 ch. 2.10.3): from MSH to before the next MSH, BHS,
// BTS, FHS or FTS. A single message, several without a batch around them, and MLLP frames one behind the other are
// taken alike; the yielded bytes are a part of b, without framing. What stands outside of a message is yielded as a
// *[SyntaxError] in its place, and wrong counts in BTS-1 (messages of the batch) and FTS-1 (batches of the file) as
// errors at the end.
func Split(b []byte) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		s := splitter{rest: b}
		for {
			message, err := s.next()
			if message == nil && err == nil {
				break
			}
			if !yield(message, err) {
				return
			}
		}
		for _, err := range s.counts {
			if !yield(nil, err) {
				return
			}
		}
	}
}

// splitter walks over the lines of a stream.
type splitter struct {
	rest     []byte
	messages int // since the last BHS or BTS
	batches  int // since the last FHS or FTS
	trailers int // BTS seen
	files    int // FTS seen
	counts   []error
}

// next returns the next message or error; nil and nil at the end.
func (s *splitter) next() ([]byte, error) {
	for {
		s.rest = s.rest[skipFraming(s.rest):]
		if len(s.rest) == 0 {
			return nil, nil
		}
		switch envelopeName(s.rest) {
		case "MSH":
			s.messages++
			n := messageEnd(s.rest)
			message := s.rest[:n]
			s.rest = s.rest[n:]
			return message, nil
		case "BHS":
			s.messages = 0
			s.skipLine()
		case "FHS":
			s.batches = 0
			s.skipLine()
		case "BTS":
			s.trailers++
			s.batches++
			s.check("BTS", s.trailers, s.messages)
			s.messages = 0
		case "FTS":
			s.files++
			s.check("FTS", s.files, s.batches)
			s.batches = 0
		default:
			s.skipJunk()
			return nil, &SyntaxError{Reason: "text outside of a message"}
		}
	}
}

// skipFraming returns the length of what stands between messages: blanks, byte order marks, VT and FS.
func skipFraming(b []byte) int {
	i := 0
	for i < len(b) {
		n := skipLeading(b[i:])
		if i+n < len(b) && b[i+n] == fs {
			n++
		}
		if n == 0 {
			break
		}
		i += n
	}
	return i
}

// envelopeName returns which of the segments that begin or end a message b begins with, or "".
func envelopeName(b []byte) string {
	if len(b) < 3 {
		return ""
	}
	name := ""
	switch string(b[:3]) {
	case "MSH":
		name = "MSH"
	case "BHS":
		name = "BHS"
	case "FHS":
		name = "FHS"
	case "BTS":
		name = "BTS"
	case "FTS":
		name = "FTS"
	default:
		return ""
	}
	if len(b) > 3 && isAlnum(b[3]) {
		return ""
	}
	return name
}

// messageEnd returns where the message at the beginning of b ends: before the next segment of an envelope, before a
// VT, or before an FS. As in [Parse], an LF in a message whose header is ended by CR ends a segment only when a name
// and the field separator follow.
func messageEnd(b []byte) int {
	end := indexLineEnd(b)
	onlyCR := end < len(b) && b[end] == '\r'
	for pos := 0; ; end = pos + indexLineEnd(b[pos:]) {
		if i := indexFraming(b[pos:end]); i >= 0 {
			return pos + i
		}
		sure := !onlyCR
		for end < len(b) && (b[end] == '\r' || b[end] == '\n') {
			sure = sure || b[end] == '\r'
			end++
		}
		if end == len(b) || b[end] == vt || b[end] == fs {
			return end
		}
		if envelopeName(b[end:]) != "" && (sure || nameFollows(b[end:], b[3])) {
			return end
		}
		pos = end
	}
}

// indexFraming returns where the first VT or FS stands, or -1.
func indexFraming(b []byte) int {
	i := bytes.IndexByte(b, fs)
	if i >= 0 {
		b = b[:i]
	}
	if j := bytes.IndexByte(b, vt); j >= 0 {
		return j
	}
	return i
}

func (s *splitter) skipLine() []byte {
	line := s.rest[:indexLineEnd(s.rest)]
	if i := indexFraming(line); i >= 0 {
		line = line[:i]
	}
	s.rest = s.rest[len(line):]
	return line
}

// skipJunk skips lines up to the next segment that can stand outside of a message.
func (s *splitter) skipJunk() {
	for len(s.rest) > 0 && envelopeName(s.rest) == "" {
		s.skipLine()
		s.rest = s.rest[skipFraming(s.rest):]
	}
}

// check compares the count in the first field of a trailer with what was seen; an empty count states nothing.
func (s *splitter) check(name string, sequence, seen int) {
	line := s.skipLine()
	if len(line) < 5 {
		return
	}
	first, _, _ := bytes.Cut(line[4:], line[3:4])
	first = bytes.TrimSpace(first)
	if len(first) == 0 {
		return
	}
	stated, err := strconv.Atoi(string(first))
	switch {
	case err != nil:
		s.counts = append(s.counts, &SyntaxError{Segment: name, Sequence: sequence, Field: 1, Reason: "count is not a number"})
	case stated != seen:
		reason := "count is " + strconv.Itoa(stated) + " but " + strconv.Itoa(seen) + " came"
		s.counts = append(s.counts, &SyntaxError{Segment: name, Sequence: sequence, Field: 1, Reason: reason})
	}
}
