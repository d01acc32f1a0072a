package hl7

import (
	"bytes"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// seeds are messages of every shape for the fuzz targets.
var seeds = []string{
	head, head + "PID|||a~b^c&d^\"\"\rOBX|1|FT|||a\\.br\\b\\X0D\\\\F\\c\\\r",
	"MSH|^~\\&|A\nPID|||1\r\n\nPV1\n", "MSH|^~\\&|A\rNTE|1||a\nb|c\nPID|x\r", "\v" + head + "\x1c\r", "\xEF\xBB\xBF" + head,
	"MSH#*!?%@#A#B#C#D###ADT*A01#1#P#2.3\rPID###1?F?\r", "MSH|^~\\|A", "MSH", "", "junk", "MSH|^~\\&\r\rjunk\r \rPID\r",
	withCharset("~ISO IR87", "\x1B$B;3ED\x1B(B"), withCharset("~ISO IR87", `\M2442\;3ED\C2842\`), withCharset("BIG-5", "\xB3\x5C"),
	withCharset("GB 18030-2000", "\x81\x30\x81\x30\x81\x7C"), withCharset("8859/7~KS X 1001", "\\M242943\\\xC7\xD1"),
	"FHS|^~\\&\rBHS|^~\\&\r" + head + head + "BTS|2\rFTS|1\r",
	strings.Repeat("MSH|^~\\&|A\rOBX|1\rOBX|2\r", 30),
}

var pathSeeds = []string{"PID", "PID-3(2).4.1", "OBX(3)-5", "OBX(*)-5(2..4).1.1", "PID.3", "MSH-2", "X", "ZZZ(2147483646)-65535"}

var escapeSeeds = []string{"a|b^c&d~e\\f#", "\\F\\", "\\.br\\", "\\X0D\\", "\x00\r\n\v\x1c", "é日本", "\\", "\\\\", "C:\\E\\x", "\uFFFD"}

var timeSeeds = []string{"1998", "199807", "19980704", "1998070412", "19980704123045.1234+0100", "202511020130", "9999", "0001", "20250309023000"}

var charsetSeeds = []string{"abc", "\xE9\xFF\x80", "\x1B$B;3ED\x1B(B", "\x81\x30\x81\x30", "\xB3\x5C", "日本", "\x1B$(D0!", "\x1B-F\xE1"}

func addSeeds(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
}

// FuzzParse: no panic, the pieces make the received bytes, and reading allocates no more than a small multiple of them.
func FuzzParse(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, b []byte) { checkParse(t, b) })
}

func checkParse(t testing.TB, b []byte) {
	received := bytes.Clone(b)
	m, err := Parse(b)
	if err != nil {
		if m != nil {
			t.Fatal("a message and an error")
		}
		return
	}
	checkRoundTrip(t, "fuzz", m)
	for _, s := range m.Segments() {
		for n := 0; n <= min(s.NumFields()+1, 40); n++ {
			v := s.Field(n)
			if text := v.Text(); len(text) > 8*len(v.Raw())+8 {
				t.Fatalf("%d bytes of text from %d", len(text), len(v.Raw()))
			}
			v.Plain()
			ReadXCN(v)
			ReadTime(v)
			if (v.Presence() == Absent) != (v.Raw() == nil) {
				t.Fatal("presence does not tell whether there are bytes")
			}
		}
	}
	for g := range m.PatientGroups() {
		if g.From > g.To || g.To > m.Len() {
			t.Fatal("group outside of the message")
		}
	}
	m.Charset()
	m.Zone()
	if !bytes.Equal(b, received) {
		t.Fatal("the received bytes changed")
	}
}

// FuzzPath: what parses prints as text that parses to the same path, and reading at it does not panic.
func FuzzPath(f *testing.F) {
	for _, s := range pathSeeds {
		f.Add(s)
	}
	m := mustParse(f, head+"PID|||1~2\rOBX|1\rOBX|2\r")
	f.Fuzz(func(t *testing.T, s string) { checkPath(t, m, s) })
}

func checkPath(t testing.TB, m *Message, s string) {
	p, err := ParsePath(s)
	if err != nil {
		return
	}
	again, err := ParsePath(p.String())
	if err != nil || again != p {
		t.Fatalf("%q prints as %q, which is another path", s, p)
	}
	m.At(p)
	for range m.Values(p) {
	}
	if changed, err := m.Set(p, "x|y"); err == nil {
		if n := mustParse(t, string(changed)); !n.At(p).Is("x|y") && p.component == 0 == (p.repetition == span{}) {
			t.Fatalf("%s: what was set is not read back", p)
		}
	}
}

// FuzzEscape: any text written and read back is the same text; any bytes are read without panic.
func FuzzEscape(f *testing.F) {
	for _, s := range escapeSeeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { checkEscape(t, s) })
}

func checkEscape(t testing.TB, s string) {
	for _, d := range []Delimiters{DefaultDelimiters(), {'#', '*', '!', '?', '%', '@'}, {'|', '^', '~', '\\', 0, 0}} {
		b := NewBuilder(d, "UNICODE UTF-8")
		b.Segment("MSH")
		b.Segment("OBX").Set(5, s, "end")
		m := mustParse(t, string(b.Bytes()))
		if got := m.First("OBX").Component(5, 1).Text(); got != s {
			t.Fatalf("wrote %q, read %q", s, got)
		}
		if m.Len() != 2 || m.First("OBX").Component(5, 2).Text() != "end" {
			t.Fatalf("%q broke out of its component", s)
		}
	}
	m := mustParse(t, head)
	m.unescape(nil, []byte(s))
	if out := m.format([]byte(s)); len(out) > (maxColumns+1)*(len(s)+1)*2 {
		t.Fatalf("%d bytes of plain text from %d", len(out), len(s))
	}
}

// FuzzTime: what parses prints as it was, and its instants are in order.
func FuzzTime(f *testing.F) {
	for _, s := range timeSeeds {
		f.Add(s)
	}
	york := newYork()
	f.Fuzz(func(t *testing.T, s string) { checkTime(t, york, s) })
}

// newYork returns a zone whose clocks change; UTC where the machine has no zones.
func newYork() *time.Location {
	if zone, err := time.LoadLocation("America/New_York"); err == nil {
		return zone
	}
	return time.UTC
}

func checkTime(t testing.TB, york *time.Location, s string) {
	v, err := ParseTime(s)
	if err != nil {
		return
	}
	if v.HL7() != s && !strings.HasSuffix(s, "-0000") {
		t.Fatalf("%q prints as %q", s, v.HL7())
	}
	if v.IsZero() {
		return
	}
	first, r := v.In(york)
	if last := v.Latest(york); last.Before(first) || v.HasOffset() && r != Exact {
		t.Fatalf("%q: latest %v before first %v, %v", s, last, first, r)
	}
}

// FuzzCharset: in no character set do bytes get lost: ASCII stays what it is, and every byte leaves a trace.
func FuzzCharset(f *testing.F) {
	for i, s := range charsetSeeds {
		f.Add(s, i)
	}
	names := charsetNames()
	f.Fuzz(func(t *testing.T, s string, i int) { checkCharset(t, names[uint(i)%uint(len(names))], s) })
}

// charsetNames returns the names of all character sets in order.
func charsetNames() []string { return slices.Sorted(maps.Keys(codecOf)) }

func checkCharset(t testing.TB, name, s string) {
	c, _ := lookupCodec([]byte(name))
	got := c.appendDecoded(nil, []byte(s), true)
	if isASCII([]byte(s)) && !strings.Contains(s, "\x1B") && string(got) != s {
		t.Fatalf("ASCII became something else: %q", got)
	}
	if len(s) > 0 && len(got) == 0 && s[0] != esc || len(got) > 4*len(s) {
		t.Fatalf("%d bytes became %d", len(s), len(got))
	}
	for _, sep := range []byte("|^~\\&") {
		if at := c.indexWide([]byte(s), sep, true, '\\', false); at >= 0 && s[at] != sep || at < 0 && isASCII([]byte(s)) &&
			!strings.ContainsAny(s, "\x1B\\") && strings.IndexByte(s, sep) >= 0 {
			t.Fatal("a separator is found where there is none, or not where there is one")
		}
	}
}

// FuzzBuild: fields copied into other delimiters and another character set read as the same text.
func FuzzBuild(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, b []byte) { checkBuild(t, b) })
}

func checkBuild(t testing.TB, b []byte) {
	m, err := Parse(b)
	if err != nil {
		return
	}
	same := m.builder()
	other := NewBuilder(Delimiters{'#', '*', '!', '?', '%', '@'}, "UNICODE UTF-8")
	other.Segment("MSH")
	for i, s := range m.Segments() {
		same.Copy(s)
		if i > 0 && !s.Junk() {
			other.Copy(s)
		}
	}
	if again, err := Parse(same.Bytes()); err != nil || !bytes.Equal(bytes.TrimRight(again.Segment(0).Raw(), "\x1c"), bytes.TrimRight(m.Segment(0).Raw(), "\x1c")) {
		t.Fatalf("a verbatim copy does not read as before: %v", err)
	}
	n, err := Parse(other.Bytes())
	if err != nil {
		t.Fatalf("the copy does not parse: %v", err)
	}
	at := 1
	for i, s := range m.Segments() {
		if i == 0 || s.Junk() {
			continue
		}
		// An ESC that meets the rest of a switch only where formatting is taken out between them reads as a switch then.
		was := s.Component(1, 1).Subcomponent(1)
		if got := n.Segment(at).Component(1, 1).Subcomponent(1).Plain(); !s.isHeader() && bytes.IndexByte(was.Raw(), esc) < 0 &&
			comparable(got) != comparable(was.Plain()) {
			t.Fatalf("segment %d reads %q, was %q", i, got, was.Plain())
		}
		at++
	}
}

// comparable leaves out what another code cannot say the same way: formatting that is kept as text, and bytes that
// are no characters.
func comparable(s string) string {
	if strings.ContainsAny(s, "\\?\x1B#*!%@|^~&") || !utf8.ValidString(s) {
		return ""
	}
	return s
}

// FuzzSplit: messages are parts of the input, in order, without overlap, each beginning with MSH.
func FuzzSplit(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, b []byte) { checkSplit(t, b) })
}

func checkSplit(t testing.TB, b []byte) {
	pos, n := 0, 0
	for message, err := range Split(b) {
		if n++; n > len(b)+8 {
			t.Fatal("more items than bytes")
		}
		if err != nil {
			continue
		}
		at := bytes.Index(b[pos:], message)
		if at < 0 || !bytes.HasPrefix(message, []byte("MSH")) {
			t.Fatal("a message is not a part of the input behind the one before")
		}
		pos += at + len(message)
	}
	if n == 0 && len(bytes.Trim(b, "\r\n \t\v\x1c\xEF\xBB\xBF")) > 0 && len(b) > 0 && !bytes.Contains(b, []byte("HS")) && !bytes.Contains(b, []byte("TS")) {
		t.Fatal("bytes vanished without an error")
	}
}

// FuzzAck: every input gets exactly one answer that parses, with the exact MSH-10 in MSA-2 and a code.
func FuzzAck(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, b []byte) { checkAck(t, b) })
}

func checkAck(t testing.TB, b []byte) {
	a := Ack{Code: AE, ControlID: "9", Problems: []Problem{{Location: Location{Segment: "PID", Field: 3}, Code: 101, Text: "|\r"}}}
	m, err := Parse(b)
	var answer []byte
	if err != nil {
		a.Code = ""
		answer = RejectUnparsable(b, a)
	} else {
		answer = m.Acknowledge(a)
	}
	n, parseErr := Parse(answer)
	if parseErr != nil {
		t.Fatalf("the answer does not parse: %v", parseErr)
	}
	msa := n.Segment(1)
	if n.Len() != 3 || !msa.Is("MSA") || !n.First("ERR").Exists() || n.Header().Field(10).Text() != "9" {
		t.Fatalf("an answer of %d segments", n.Len())
	}
	if err != nil && msa.Text(1) != "AR" {
		t.Fatal("what is not HL7 was not rejected")
	}
	if err == nil && !bytes.Equal(msa.Field(2).Raw(), m.Header().Field(10).Raw()) && m.Header().Field(10).Presence() > Empty {
		t.Fatal("MSA-2 is not the received MSH-10")
	}
}

// TestAllocationsGrowWithInput reads and splits inputs of the worst shapes: four times the input may not need more than
// some four times the allocations.
func TestAllocationsGrowWithInput(t *testing.T) {
	shapes := []string{"\\", "\\X", "\n", "\r", "MSH|^~\\&\n", "|", "~^&", "\"\"^", "\x1c\r\v", "\nPI", "BHS|\r", "\x1B$B", "\\M2442\\"}
	for _, shape := range shapes {
		small := allocated(head + "OBX|1||" + strings.Repeat(shape, 1<<10))
		large := allocated(head + "OBX|1||" + strings.Repeat(shape, 1<<12))
		if ratio := large / math.Max(small, 16); ratio > 8 {
			t.Errorf("%q: four times the input needs %.0f times the allocations", shape, ratio)
		}
	}
}

func allocated(message string) float64 {
	b := []byte(message)
	return testing.AllocsPerRun(1, func() {
		for part := range Split(b) {
			if m, err := Parse(part); err == nil {
				for _, s := range m.Segments() {
					s.Field(3).Plain()
				}
			}
		}
	})
}
