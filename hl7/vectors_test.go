package hl7

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// head is the beginning of most vectors; its line end is CR.
const head = "MSH|^~\\&|A|B|C|D|20250301||ADT^A01|1|P|2.5.1\r"

func mustParse(t testing.TB, message string) *Message {
	t.Helper()
	m, err := Parse([]byte(message))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestHardInputs is a vector for each class of input that parsers are known to get wrong: message, path, raw bytes,
// text, presence.
func TestHardInputs(t *testing.T) {
	utf8Head := strings.Replace(head, "2.5.1\r", "2.5.1||||||UNICODE UTF-8\r", 1)
	latinHead := strings.Replace(head, "2.5.1\r", "2.5.1||||||8859/1\r", 1)
	tests := []struct {
		name, message, path, raw, text string
		presence                       Presence
	}{
		{"MSH-1", head, "MSH-1", "|", "|", Valued},
		{"MSH-2", head, "MSH-2", `^~\&`, `^~\&`, Valued},
		{"MSH-3 is the first field behind MSH-2", head, "MSH-3", "A", "A", Valued},
		{"MSH-9.2", head, "MSH-9.2", "A01", "A01", Valued},
		{"BHS-1 is a separator", head + "BHS|^~\\&|X\r", "BHS-1", "|", "|", Valued},
		{"FHS-3 is the first field behind FHS-2", head + "FHS|^~\\&|X\r", "FHS-3", "X", "X", Valued},
		{"whole segment", head + "ZZZ|1|2\r", "ZZZ", "ZZZ|1|2", "ZZZ|1|2", Valued},
		{"custom delimiters", "MSH#*!?%#A\rPID###1*2!3*a%b\r", "PID-3(2).2.2", "b", "b", Valued},
		{"custom delimiters leave the usual ones as text", "MSH#*!?%#A\rPID###a|b^c&d\r", "PID-3", "a|b^c&d", "a|b^c&d", Valued},
		{"custom escape", "MSH#*!?%#A\rPID###a?F?b?S?c?E?d\r", "PID-3.1", "a?F?b?S?c?E?d", "a#b*c?d", Valued},
		{"three encoding characters", "MSH|^~\\|A\rPID|||1&2^3\r", "PID-3.1.1", "1&2", "1&2", Valued},
		{"five encoding characters", "MSH|^~\\&#|A\rPID|||1&2\\P\\3\r", "PID-3.1.2", "2\\P\\3", "2#3", Valued},
		{"no truncation character, no escape of it", head + "PID|||a\\P\\b\r", "PID-3", "a\\P\\b", "a\\P\\b", Valued},
		{"doubled back-slash in MSH-2", "MSH|^~\\\\&|A\rPID|||1&2\r", "PID-3.1.2", "2", "2", Valued},
		{"standard escapes", head + "PID|||\\F\\\\S\\\\T\\\\R\\\\E\\\r", "PID-3", "\\F\\\\S\\\\T\\\\R\\\\E\\", "|^&~\\", Valued},
		{"hex escape", head + "PID|||a\\X0D0A\\b\r", "PID-3", "a\\X0D0A\\b", "a\r\nb", Valued},
		{"hex escape in small letters", head + "PID|||\\X4a\\\r", "PID-3", "\\X4a\\", "J", Valued},
		{"odd hex escape stays", head + "PID|||\\X4\\\r", "PID-3", "\\X4\\", "\\X4\\", Valued},
		{"hex escapes are bytes of UTF-8", utf8Head + "PID|||\\XC3\\\\XBC\\\r", "PID-3", "\\XC3\\\\XBC\\", "ü", Valued},
		{"hex escapes are bytes of 8859/1", latinHead + "PID|||\\XFC\\\r", "PID-3", "\\XFC\\", "ü", Valued},
		{"highlighting stays", head + "PID|||\\H\\F\\N\\\r", "PID-3", "\\H\\F\\N\\", "\\H\\F\\N\\", Valued},
		{"formatting stays", head + "PID|||a\\.br\\b\r", "PID-3", "a\\.br\\b", "a\\.br\\b", Valued},
		{"local escape stays", head + "PID|||\\Zab\\\\F\\\r", "PID-3", "\\Zab\\\\F\\", "\\Zab\\|", Valued},
		{"unknown escape stays", head + "PID|||\\Q\\a\r", "PID-3", "\\Q\\a", "\\Q\\a", Valued},
		{"lone back-slash", head + "PID|||C:\\dir|2\r", "PID-3", "C:\\dir", "C:\\dir", Valued},
		{"back-slash at the end", head + "PID|||a\\|2\r", "PID-4", "2", "2", Valued},
		{"stray back-slash before an escape", head + "PID|||50\\ mg \\T\\ x\r", "PID-3", "50\\ mg \\T\\ x", "50\\ mg & x", Valued},
		{"an escaped separator does not separate", head + "PID|||a\\S\\b^c\r", "PID-3.1", "a\\S\\b", "a^b", Valued},
		{"repetition", head + "PID|||a~b^c~d\r", "PID-3(2).2", "c", "c", Valued},
		{"absent repetition", head + "PID|||a~b\r", "PID-3(3)", "", "", Absent},
		{"empty repetition", head + "PID|||a~~b\r", "PID-3(2)", "", "", Empty},
		{"an escaped repetition separator does not repeat", head + "PID|||a\\R\\b\r", "PID-3(2)", "", "", Absent},
		{"VT before, no FS behind", "\v" + head + "PID|||1\r", "PID-3", "1", "1", Valued},
		{"FS without CR", "\v" + head + "PID|||1\x1c", "PID-3", "1", "1", Valued},
		{"subcomponents of a repetition", head + "PID|||1^^^A&1.2&ISO~2^^^B&1.3&ISO\r", "PID-3(2).4.2", "1.3", "1.3", Valued},
		{"order of segments is kept", head + "OBX|1\rNTE|1\rOBX|2\rNTE|2\r", "NTE(2)-1", "2", "2", Valued},
		{"absent field", head + "PID|||1\r", "PID-4", "", "", Absent},
		{"empty field", head + "PID|||1|\r", "PID-4", "", "", Empty},
		{"separators alone are empty", head + "PID|||^^&~\r", "PID-3", "^^&", "^^&", Empty},
		{"delete indicator", head + "PID|||\"\"|\r", "PID-3", `""`, `""`, Null},
		{"delete indicator in a component", head + "PID|||a^\"\"\r", "PID-3.2", `""`, `""`, Null},
		{"one quote is text", head + "PID|||\"|\r", "PID-3", `"`, `"`, Valued},
		{"absent component", head + "PID|||a^b\r", "PID-3.3", "", "", Absent},
		{"empty component", head + "PID|||a^^b\r", "PID-3.2", "", "", Empty},
		{"component of an empty field", head + "PID||||\r", "PID-3.1", "", "", Empty},
		{"absent segment", head, "PV1-3", "", "", Absent},
		{"absent occurrence", head + "OBX|1\r", "OBX(2)-1", "", "", Absent},
		{"segment without fields", head + "PID\rPV1|1\r", "PID-1", "", "", Absent},
		{"second occurrence", head + "OBX|1\rOBX|2\r", "OBX(2)-1", "2", "2", Valued},
		{"a primitive is its own first component", head + "PID|||a\r", "PID-3.1.1", "a", "a", Valued},
		{"LF ends", strings.ReplaceAll(head, "\r", "\n") + "PID|||1\nPV1|2\n", "PV1-1", "2", "2", Valued},
		{"CRLF ends", strings.ReplaceAll(head, "\r", "\r\n") + "PID|||1\r\nPV1|2\r\n", "PV1-1", "2", "2", Valued},
		{"mixed ends behind LF", strings.ReplaceAll(head, "\r", "\n") + "PID|||1\rPV1|2\r\nPV2|3", "PV2-1", "3", "3", Valued},
		{"mixed ends behind CR", head + "PID|||1\nPV1|2\r", "PV1-1", "2", "2", Valued},
		{"LF inside a field", head + "NTE|1||one\ntwo\nEND of it|x\r", "NTE-3", "one\ntwo\nEND of it", "one\ntwo\nEND of it", Valued},
		{"LF inside a field before a capital word", head + "NTE|1||one\nABC|x\r", "NTE-4", "x", "x", Valued},
		{"LF inside a field of a CRLF message", "MSH|^~\\&|A\r\nNTE|1||one\ntwo|x\r\n", "NTE-3", "one\ntwo", "one\ntwo", Valued},
		{"blank lines", head + "\r\r \t\rPID|||1\r", "PID-3", "1", "1", Valued},
		{"blanks behind the last segment", head + "PID|||1\r \r\t", "PID-3", "1", "1", Valued},
		{"LF before the CR", head + "PID|||1\n\r\nPV1|1\r", "PID-3", "1\n", "1\n", Valued},
		{"LF before the last CR", head + "PID|||1\n\r", "PID-3", "1\n", "1\n", Valued},
		{"LF as the last end", head + "PID|||1\n", "PID-3", "1", "1", Valued},
		{"LF before FS", "\v" + head + "PID|||1\n\x1c\r", "PID-3", "1", "1", Valued},
		{"junk line", head + "some junk\rPID|||1\r", "PID-3", "1", "1", Valued},
		{"indented segment is junk", head + " PID|||1\r", "PID-3", "", "", Absent},
		{"no final CR", head + "PID|||1", "PID-3", "1", "1", Valued},
		{"leading byte order mark", "\xEF\xBB\xBF" + head, "MSH-10", "1", "1", Valued},
		{"leading blank lines", "\r\n\n" + head, "MSH-10", "1", "1", Valued},
		{"MLLP framing", "\v" + head + "PID|||1\r\x1c\r", "PID-3", "1", "1", Valued},
		{"NUL is content", head + "PID|||a\x00b\r", "PID-3", "a\x00b", "a\x00b", Valued},
		{"blanks are kept", head + "PID||| a \r", "PID-3", " a ", " a ", Valued},
		{"wrong data types are kept", head + "OBX|1|NM|||<0.5^4.10\r", "OBX-5.2", "4.10", "4.10", Valued},
		{"Z segment", head + "ZPI|1|x\r", "ZPI-2", "x", "x", Valued},
		{"UTF-8", utf8Head + "PID|||Müller\r", "PID-3", "Müller", "Müller", Valued},
		{"broken UTF-8 unchanged", utf8Head + "PID|||M\xFCller\r", "PID-3", "M\xFCller", "M\xFCller", Valued},
		{"8859/1", latinHead + "PID|||M\xFCller\r", "PID-3", "M\xFCller", "Müller", Valued},
		{"no MSH-18, UTF-8", head + "PID|||Müller\r", "PID-3", "Müller", "Müller", Valued},
		{"no MSH-18, windows-1252", head + "PID|||M\xFCller \x80\r", "PID-3", "M\xFCller \x80", "Müller €", Valued},
		{"unknown MSH-18", strings.Replace(latinHead, "8859/1", "KLINGON", 1) + "PID|||M\xFC\r", "PID-3", "M\xFC", "M\xFC", Valued},
		{"MSH-18 in another spelling", strings.Replace(latinHead, "8859/1", "iso-8859-1", 1) + "PID|||M\xFC\r", "PID-3", "M\xFC", "Mü", Valued},
		{"big subcomponent number", head + "PID|||1&2&3&4&5\r", "PID-3.1.5", "5", "5", Valued},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := mustParse(t, test.message)
			v, err := m.Get(test.path)
			if err != nil {
				t.Fatal(err)
			}
			if string(v.Raw()) != test.raw || v.Text() != test.text || v.Presence() != test.presence {
				t.Errorf("%s: got raw %q, text %q, %v; want raw %q, text %q, %v", test.path,
					v.Raw(), v.Text(), v.Presence(), test.raw, test.text, test.presence)
			}
			if string(m.Raw()) != test.message {
				t.Error("the received bytes changed")
			}
			checkRoundTrip(t, test.name, m)
		})
	}
}

func TestRefused(t *testing.T) {
	tests := []struct {
		name, message string
		field         int
	}{
		{"nothing", "", 0},
		{"blank lines", "\r\n \r", 0},
		{"byte order mark alone", "\xEF\xBB\xBF", 0},
		{"not HL7", "GET / HTTP/1.1\r\n\r\n", 0},
		{"another segment first", "PID|1\r", 0},
		{"XML", "<ADT_A01/>", 0},
		{"MSH alone", "MSH", 1},
		{"MSH and a separator", "MSH|", 2},
		{"a word that begins with MSH", "MSHALL we", 1},
		{"no encoding characters", "MSH||A", 2},
		{"two encoding characters", "MSH|^~|A", 2},
		{"six encoding characters", "MSH|^~\\&#!|A", 2},
		{"a character twice", "MSH|^^\\&|A", 2},
		{"the separator is a letter", "MSHx^~\\&xA", 1},
		{"a letter in MSH-2", "MSH|^~\\a|A", 2},
		{"UTF-16", "M\x00S\x00H\x00|\x00", 0},
	}
	for _, test := range tests {
		m, err := Parse([]byte(test.message))
		var syntax *SyntaxError
		if m != nil || !errors.As(err, &syntax) {
			t.Errorf("%s: got %v and error %v, want a *SyntaxError", test.name, m, err)
			continue
		}
		if syntax.Field != test.field || (test.field > 0) != (syntax.Segment == "MSH") {
			t.Errorf("%s: error at %s-%d, want field %d", test.name, syntax.Segment, syntax.Field, test.field)
		}
	}
}

func TestBigInputs(t *testing.T) {
	const observations = 5000 // more than the inline marks and more than one stride hold
	m := mustParse(t, string(syntheticORU(observations)))
	if got := m.Len(); got != observations+4 {
		t.Fatalf("%d segments, want %d", got, observations+4)
	}
	for _, i := range []int{0, 1, 47, 48, 383, 384, 385, 1000, observations + 3} {
		s := m.Segment(i)
		n := 0
		for j, same := range m.Segments() {
			if j == i && same != s {
				t.Errorf("segment %d differs by index and by iteration", i)
			}
			n++
		}
	}
	last, _ := m.Get("OBX(5000)-1")
	if !last.Is("5000") {
		t.Error("the last OBX is not found by its number")
	}
	if m.Segment(-1).Exists() || m.Segment(m.Len()).Exists() {
		t.Error("segments outside of the message exist")
	}
	for _, megabytes := range []int{1, 16} {
		big := mustParse(t, head+"OBX|1|ED|||"+strings.Repeat("QUJD", megabytes<<18)+"|x\r")
		if v := big.First("OBX").Field(5); len(v.Raw()) != megabytes<<20 || len(v.Text()) != megabytes<<20 || !big.First("OBX").Field(6).Is("x") {
			t.Errorf("a field of %d MB is not read whole", megabytes)
		}
	}
}

func TestSegments(t *testing.T) {
	m := mustParse(t, head+"junk\rOBX|1\rPV1\rOBX|2|a~b~c\r")
	if !m.Segment(1).Junk() || m.Segment(1).ID() != "" || string(m.Segment(1).Raw()) != "junk" {
		t.Error("a junk line is not visible as such")
	}
	if mustParse(t, head+"OBX\n2\r").First("OBX").Exists() {
		t.Error("junk is found by the name that it begins with")
	}
	if !mustParse(t, head+"OBX\nPID|2\r").First("OBX").Exists() {
		t.Error("a segment without fields before an LF that ends it is not found")
	}
	var at []int
	for i, s := range m.All("OBX") {
		if s != m.Segment(i) {
			t.Errorf("index %d of All is not that of Segment", i)
		}
		at = append(at, i)
	}
	if len(at) != 2 || at[0] != 2 || at[1] != 4 {
		t.Errorf("OBX at %v, want [2 4]", at)
	}
	s := m.Segment(4)
	if s.NumReps(2) != 3 || s.NumReps(3) != 0 || s.Rep(2, 3).Text() != "c" || s.Rep(2, 4).Presence() != Absent {
		t.Error("repetitions are miscounted")
	}
	if m.Segment(3).NumFields() != 0 || s.NumFields() != 2 || m.Header().NumFields() != 12 {
		t.Error("fields are miscounted")
	}
	if from, to := s.Offsets(); string(m.Raw()[from:to]) != "OBX|2|a~b~c" {
		t.Error("offsets do not name the segment's bytes")
	}
	var none Segment
	if none.Exists() || none.ID() != "" || none.Field(3).Component(1).Text() != "" || none.Next("OBX").Exists() {
		t.Error("the zero segment is something")
	}
}

func TestPathValues(t *testing.T) {
	m := mustParse(t, head+"PID|||1^^^A~2^^^B\rOBX|1||c||x~y\rOBX|2||c||z\rOBX|3\r")
	tests := []struct{ path, want string }{
		{"PID-3(*).1", "PID(1)-3(1).1=1 PID(1)-3(2).1=2"},
		{"OBX(*)-5(*)", "OBX(1)-5(1)=x OBX(1)-5(2)=y OBX(2)-5(1)=z"},
		{"OBX(2..3)-1", "OBX(2)-1(1)=2 OBX(3)-1(1)=3"},
		{"OBX(*)-5", "OBX(1)-5(1)=x OBX(2)-5(1)=z"},
		{"OBX-5(2..9)", "OBX(1)-5(2)=y"},
		{"ZZZ(*)-1", ""},
	}
	for _, test := range tests {
		p, err := ParsePath(test.path)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for at, v := range m.Values(p) {
			got = append(got, at.String()+"="+v.Text())
		}
		if s := strings.Join(got, " "); s != test.want {
			t.Errorf("%s: got %s, want %s", test.path, s, test.want)
		}
	}
}

func TestParsePath(t *testing.T) {
	for _, s := range []string{"PID", "PID-3", "PID-3(2).4.1", "OBX(3)-5", "MSH-9.2", "OBX(*)-5(*)", "OBX(2..4)-5.1", "ZZ1-65535"} {
		p, err := ParsePath(s)
		if err != nil || p.String() != s {
			t.Errorf("%s: got %s and error %v", s, p, err)
		}
	}
	if p, err := ParsePath("PID.5.1.1"); err != nil || p.String() != "PID-5.1.1" {
		t.Errorf("the form with dots: got %s and error %v", p, err)
	}
	bad := []string{"", "PI", "PID-", "PID-0", "PID-x", "PID-3.", "PID-3.0", "PID-3.1.1.1", "PID-3()", "PID-3(0)", "PID-3(1",
		"PID(3..2)-1", "PID3", "PID-3-1", "PID-70000", "P|D-3", "PID-3(99999999999)", "PID-3 "}
	for _, s := range bad {
		if p, err := ParsePath(s); !errors.Is(err, ErrPath) {
			t.Errorf("%q: got %s and error %v, want ErrPath", s, p, err)
		}
	}
}

func TestZone(t *testing.T) {
	east := time.FixedZone("", 3600)
	m, err := ParseWith([]byte(head), Options{Zone: east})
	if err != nil || m.Zone() != east {
		t.Errorf("zone %v, want that of the sender", m.Zone())
	}
	m = mustParse(t, strings.Replace(head, "20250301", "202503011200-0530", 1))
	if _, offset := time.Unix(0, 0).In(m.Zone()).Zone(); offset != -(5*3600 + 30*60) {
		t.Errorf("offset %d, want that of MSH-7", offset)
	}
	if mustParse(t, head).Zone() != nil {
		t.Error("a zone out of nothing")
	}
}
