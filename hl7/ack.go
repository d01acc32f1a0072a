package hl7

import (
	"bytes"
	"strconv"
	"strings"
	"time"
)

// AckCode is an acknowledgement code of table 0008.
type AckCode string

// The codes of original mode (A) and enhanced mode (C) (HL7 v2.5.1 ch. 2.9.2 and 2.9.3).
const (
	AA AckCode = "AA" // application accept
	AE AckCode = "AE" // application error: the content
	AR AckCode = "AR" // application reject: type, version, processing id, or nothing to do with the content
	CA AckCode = "CA" // commit accept: stored safely
	CE AckCode = "CE" // commit error
	CR AckCode = "CR" // commit reject
)

// Positive tells whether the code accepts the message.
func (c AckCode) Positive() bool { return c == AA || c == CA }

// Mode is the acknowledgement mode that a message asks for.
type Mode uint8

// Original mode: one application acknowledgement on the same connection. Enhanced mode: a commit acknowledgement
// there, and the application acknowledgement as an exchange of its own.
const (
	Original Mode = iota
	Enhanced
)

// String returns the name of the mode.
func (m Mode) String() string {
	if m == Enhanced {
		return "enhanced"
	}
	return "original"
}

// Mode returns Enhanced when MSH-15 and MSH-16 are both valued, as the standard wants them, else Original.
func (m *Message) Mode() Mode {
	h := m.Header()
	if h.Field(15).Valued() && h.Field(16).Valued() {
		return Enhanced
	}
	return Original
}

// Wanted tells whether a condition of table 0155 (MSH-15 or MSH-16: AL always, NE never, ER errors, SU success) asks
// for an acknowledgement, positive or negative. An empty or unknown condition asks for both.
func Wanted(condition string, positive bool) bool {
	switch condition {
	case "NE":
		return false
	case "ER":
		return !positive
	case "SU":
		return positive
	}
	return true
}

// Location is a place in a message as ERR-2 (ERL) states it. Numbers are from 1; 0 means not stated.
type Location struct {
	Segment                                              string
	Sequence, Field, Repetition, Component, Subcomponent int
}

// String returns the place as a path: PID(2)-3(1).4.
func (l Location) String() string {
	var b strings.Builder
	b.WriteString(l.Segment)
	for _, p := range []struct {
		before string
		n      int
		after  string
	}{{"(", l.Sequence, ")"}, {"-", l.Field, ""}, {"(", l.Repetition, ")"}, {".", l.Component, ""}, {".", l.Subcomponent, ""}} {
		if p.n > 0 {
			b.WriteString(p.before + strconv.Itoa(p.n) + p.after)
		}
	}
	return b.String()
}

// parts returns the components of ERL, up to the last that is stated.
func (l Location) parts() []string {
	if l.Segment == "" {
		return nil
	}
	numbers := []int{max(l.Sequence, 1), l.Field, l.Repetition, l.Component, l.Subcomponent}
	parts := []string{l.Segment}
	for _, n := range numbers {
		if n == 0 {
			break
		}
		parts = append(parts, strconv.Itoa(n))
	}
	return parts
}

// Problem is one reason in an acknowledgement.
type Problem struct {
	Location Location
	Code     int    // table 0357, see ErrorText
	Severity byte   // table 0516: E error (also when 0), W warning, I information, F fatal
	Text     string // message for the user (ERR-8), never content of the message
}

// Ack is what a receiver answers with.
type Ack struct {
	Code      AckCode
	ControlID string    // MSH-10 of the answer
	Time      time.Time // MSH-7 of the answer
	Problems  []Problem
	Text      string // MSA-3, in versions up to 2.4
	Expected  string // MSA-4 when MSH-13 is valued; empty: MSH-13 is echoed
	// Application and Facility become MSH-3 and MSH-4 when the received message names no receiver.
	Application, Facility string
}

// ErrorText returns the text of an error condition of table 0357; "" when unknown.
func ErrorText(code int) string {
	switch code {
	case 0:
		return "Message accepted"
	case 100:
		return "Segment sequence error"
	case 101:
		return "Required field missing"
	case 102:
		return "Data type error"
	case 103:
		return "Table value not found"
	case 104:
		return "Value too long"
	case 198:
		return "Non-Conformant Cardinality"
	case 199:
		return "Other HL7 Error"
	case 200:
		return "Unsupported message type"
	case 201:
		return "Unsupported event code"
	case 202:
		return "Unsupported processing id"
	case 203:
		return "Unsupported version id"
	case 204:
		return "Unknown key identifier"
	case 205:
		return "Duplicate key identifier"
	case 206:
		return "Application record locked"
	case 207:
		return "Application internal error"
	}
	return ""
}

const (
	defaultVersion    = "2.5.1"
	defaultProcessing = "P"
	internalError     = 207
)

// Acknowledge builds the answer to a message in its own delimiters, character set and version (HL7 v2.5.1 ch. 2.9):
// MSH-3 to MSH-6 swapped with all their components, MSH-9 ACK^trigger^ACK, MSH-11 and MSH-12 echoed, MSA-2 the exact
// bytes of MSH-10, MSA-4 only when MSH-13 is valued, and ERR in the shape of the version: one segment with ERR-1 up to
// 2.4, a segment for each problem with ERR-2, 3, 4 and 8 from 2.5. A negative code without problems gets 207.
func (m *Message) Acknowledge(a Ack) []byte {
	answer := m.answer(a, m.wide == m.mayBeWide())
	if m.wide {
		// A control id that does not end in ASCII would swallow the separator behind it: such an answer declares nothing.
		n, err := Parse(answer)
		if err != nil || !bytes.Equal(n.First("MSA").Field(2).Raw(), m.Header().Field(10).Raw()) {
			answer = m.answer(a, false)
		}
	}
	return answer
}

// answer builds an acknowledgement, with MSH-18 when declared says so.
func (m *Message) answer(a Ack, declared bool) []byte {
	b := m.builder()
	h := m.Header()
	msh := b.Segment("MSH")
	msh.copyOr(3, h.Field(5), a.Application).copyOr(4, h.Field(6), a.Facility)
	msh.SetRaw(5, h.Field(3).Raw()).SetRaw(6, h.Field(4).Raw())
	msh.Set(7, FormatTime(a.Time, Second))
	msh.Set(9, "ACK")
	if trigger := h.Component(9, 2); trigger.Valued() {
		c := string(m.delims.Component)
		msh.SetRaw(9, []byte("ACK"+c+string(trigger.Raw())+c+"ACK"))
	}
	msh.Set(10, a.ControlID)
	msh.copyOr(11, h.Field(11), defaultProcessing).copyOr(12, h.Field(12), defaultVersion)
	if declared && h.Field(18).Valued() {
		msh.SetRaw(18, h.Field(18).Raw())
	}
	problems := a.Problems
	if len(problems) == 0 && !a.Code.Positive() {
		problems = []Problem{{Code: internalError, Severity: 'E'}}
	}
	version := h.Component(12, 1).Text()
	msa := b.Segment("MSA").Set(1, string(a.Code)).SetRaw(2, h.Field(10).Raw())
	if !isModern(version) {
		msa.Set(3, a.Text)
	}
	if h.Field(13).Valued() {
		msa.SetRaw(4, h.Field(13).Raw())
		if a.Expected != "" {
			msa.Set(4, a.Expected)
		}
	}
	b.Problems(msa, version, problems...)
	return b.Bytes()
}

// copyOr copies a field of the answered message, or sets a text when it is not valued.
func (s *SegmentBuilder) copyOr(field int, v Value, text string) *SegmentBuilder {
	if v.Valued() {
		return s.SetRaw(field, v.Raw())
	}
	return s.Set(field, text)
}

// oldErrors adds what versions up to 2.4 say about problems: MSA-6 with the first and ERR-1 with all of them.
func (b *Builder) oldErrors(msa *SegmentBuilder, problems []Problem) {
	if len(problems) == 0 {
		return
	}
	msa.Set(6, problems[0].code()...)
	err := b.Segment("ERR")
	for i, p := range problems {
		where := append(p.Location.parts(), "", "", "")[:3]
		err.Repeat(1, where...)
		if b.delims.Subcomponent == 0 {
			err.SetSub(1, i+1, 4, strconv.Itoa(p.Code))
			continue
		}
		err.SetSub(1, i+1, 4, p.code()...)
	}
}

// code returns the components of ERR-3.
func (p Problem) code() []string {
	text := ErrorText(p.Code)
	if text == "" {
		text = p.Text
	}
	return []string{strconv.Itoa(p.Code), text, "HL70357"}
}

func (p Problem) severity() string {
	if p.Severity == 0 {
		return "E"
	}
	return string(rune(p.Severity))
}

// isModern tells whether a version has the ERR segment of 2.5. An unknown version is taken as modern.
func isModern(version string) bool { return versionNumber(version) >= v25 }

// RejectUnparsable answers bytes that [Parse] refuses: AR (unless a.Code says otherwise) with ERR, in the delimiters,
// version and with the control id that can be salvaged from a damaged MSH, else in the recommended delimiters and
// version 2.5.1. Without problems in a, the reason of the refusal is stated.
func RejectUnparsable(b []byte, a Ack) []byte {
	if a.Code == "" {
		a.Code = AR
	}
	m := new(Message)
	if err := m.parse(b, Options{}); err != nil {
		if len(a.Problems) == 0 {
			a.Problems = []Problem{refusal(err)}
		}
		m.salvage(b)
	}
	return m.Acknowledge(a)
}

// refusal turns a syntax error into a problem.
func refusal(err error) Problem {
	p := Problem{Code: 100, Severity: 'E', Location: Location{Segment: "MSH", Sequence: 1}}
	if e, ok := err.(*SyntaxError); ok {
		p.Text = e.Reason
		if e.Field > 0 {
			p.Code, p.Location.Field = 102, e.Field
		}
	}
	return p
}

// salvage makes a message of what can be read of a header line that Parse refused; with nothing to read, an empty one.
func (m *Message) salvage(b []byte) {
	*m = Message{delims: DefaultDelimiters()}
	start := skipLeading(b)
	if !bytes.HasPrefix(b[start:], []byte("MSH")) || len(b)-start < 4 || !canDelimit(b[start+3]) {
		m.adopt([]byte("MSH|^~\\&"))
		return
	}
	line := b[start : start+indexLineEnd(b[start:])]
	const longest = 4096 // a header beyond this is not one
	line = line[:min(len(line), longest)]
	m.delims.Field = line[3]
	// Delimiters that clash with the salvaged field separator are replaced by characters that do not.
	spare := []byte{'^', '~', '\\', '&', '|', '$', '%', '@'}
	for _, d := range []*byte{&m.delims.Component, &m.delims.Repetition, &m.delims.Escape, &m.delims.Subcomponent} {
		if *d = spare[0]; *d == m.delims.Field {
			spare = spare[1:]
			*d = spare[0]
		}
		spare = spare[1:]
	}
	m.adopt(line)
}

// adopt makes a header line with known delimiters the message.
func (m *Message) adopt(line []byte) {
	m.raw, m.end, m.ends = line, uint32(len(line)), endAny
	m.findHeaderFields(line)
	m.index()
}
