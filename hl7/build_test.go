package hl7

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func lines(b []byte) string { return strings.ReplaceAll(string(b), "\r", "\n") }

func TestBuilder(t *testing.T) {
	b := NewBuilder(DefaultDelimiters(), "UNICODE UTF-8")
	b.Segment("MSH").Set(3, "A", "1.2", "ISO").Set(9, "ADT", "A01", "ADT_A01").Set(1, "ignored").Set(2, "ignored")
	pid := b.Segment("PID").Set(1, "1").Repeat(3, "4711", "", "", "", "MR").Repeat(3, "815").Set(5, "a|b^c&d~e\\f\r\n\v\x1c", "", "")
	pid.SetSub(3, 1, 4, "NORTH", "1.2.3", "ISO").SetSub(3, 2, 6, "x&y").Set(6, `""`).Set(30, "")
	b.Segment("NTE").SetRaw(3, []byte(`a~b\.br\c`)).Set(0, "ignored")
	want := `MSH|^~\&|A^1.2^ISO||||||ADT^A01^ADT_A01|||||||||UNICODE UTF-8` + "\n" +
		`PID|1||4711^^^NORTH&1.2.3&ISO^MR~815^^^^^x\T\y||a\F\b\S\c\T\d\R\e\E\f\X0D\\X0A\\X0B\\X1C\|""` + "\n" +
		`NTE|||a~b\.br\c` + "\n"
	if got := lines(b.Bytes()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	m := mustParse(t, string(b.Bytes()))
	if got := m.First("PID").Component(5, 1).Text(); got != "a|b^c&d~e\\f\r\n\v\x1c" {
		t.Errorf("read back %q", got)
	}
}

func TestBuilderCharsets(t *testing.T) {
	tests := []struct {
		charset, text string
		lost          int
	}{
		{"", "Müller 日本", 0}, {"ASCII", "Müller", 0}, {"UNICODE UTF-8", "日本 é", 0}, {"8859/1", "Müller", 0},
		{"8859/1", "日本", 2}, {"8859/5", "Иван", 0}, {"GB 18030-2000", "乗亅中文|", 0}, {"BIG-5", "許功|", 0},
		{"KS X 1001", "한글", 0}, {"ISO IR14", "ﾔﾏﾀﾞ", 0}, {"ISO IR87", "山田 期急棄|~", 0}, {"windows-1252", "€", 0},
	}
	for _, test := range tests {
		b := NewBuilder(DefaultDelimiters(), test.charset)
		b.Segment("MSH").Set(10, "1")
		b.Segment("PID").Set(5, test.text, "x")
		if b.Unencodable() != test.lost {
			t.Errorf("%s: %d characters lost, want %d", test.charset, b.Unencodable(), test.lost)
		}
		m := mustParse(t, string(b.Bytes()))
		got := m.First("PID").Component(5, 1).Text()
		if test.lost == 0 && got != test.text || m.First("PID").Component(5, 2).Text() != "x" {
			t.Errorf("%s: read back %q, want %q", test.charset, got, test.text)
		}
	}
}

func TestCopy(t *testing.T) {
	source := mustParse(t, "MSH|^~\\&|A|||||||7|P|2.5||||||8859/1\rOBX|1|FT|||M\xFCller\\.br\\a\\F\\b#c~d^e&f\\X0D\\\\Zx\\||\rjunk line\r")
	same := NewBuilder(source.Delimiters(), "8859/1")
	for _, s := range source.Segments() {
		same.Copy(s)
	}
	if string(same.Bytes()) != string(source.Raw()) {
		t.Errorf("a verbatim copy differs:\n%q\n%q", same.Bytes(), source.Raw())
	}
	other := NewBuilder(Delimiters{'#', '*', '!', '?', '%', 0}, "UNICODE UTF-8")
	other.Segment("MSH").SetValue(3, source.Header().Field(3))
	other.Copy(source.First("OBX"))
	other.Copy(Segment{})
	want := "MSH#*!?%#A###############UNICODE UTF-8\nOBX#1#FT###Müller?.br?a|b?F?c!d*e%f?X0D??Zx?\n"
	if got := lines(other.Bytes()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	m := mustParse(t, string(other.Bytes()))
	if got, want := m.First("OBX").Field(5).Plain(), "Müller\na|b#c\nd*e%f\r\\Zx\\"; got != strings.ReplaceAll(want, "\\", "?") {
		t.Errorf("the copy reads as %q", got)
	}
	header := NewBuilder(Delimiters{'#', '*', '!', '?', '%', 0}, "")
	header.Copy(source.Header())
	if got, want := lines(header.Bytes()), "MSH#*!?%#A#######7#P#2.5######8859/1\n"; got != want {
		t.Errorf("copied header %q, want %q", got, want)
	}
}

func TestAcknowledge(t *testing.T) {
	at := time.Date(2025, 3, 1, 12, 0, 0, 0, time.FixedZone("", -5*3600))
	problem := Problem{Location: Location{Segment: "PID", Sequence: 1, Field: 3, Repetition: 1, Component: 4}, Code: 204, Severity: 'E', Text: "unknown authority|"}
	tests := []struct {
		name, message string
		ack           Ack
		want          string
	}{
		{"accepted", "MSH|^~\\&|A^1^ISO|B|C|D^2^ISO|20250301||ADT^A01^ADT_A01|X\\F\\1|P^T|2.5.1||||||UNICODE UTF-8",
			Ack{Code: AA}, "MSH|^~\\&|C|D^2^ISO|A^1^ISO|B|20250301120000-0500||ACK^A01^ACK|9|P^T|2.5.1||||||UNICODE UTF-8\nMSA|AA|X\\F\\1\n"},
		{"character set echoed", "MSH|^~\\&|A|B|C|D|||ADT^A01|1|P|2.5.1||||||8859/1",
			Ack{Code: AE, Problems: []Problem{{Code: 207, Text: "é"}}},
			"MSH|^~\\&|C|D|A|B|20250301120000-0500||ACK^A01^ACK|9|P|2.5.1||||||8859/1\nMSA|AE|1\nERR|||207^Application internal error^HL70357|E||||\xE9\n"},
		{"error from 2.5", "MSH|^~\\&|A|B|C|D|||ADT^A01|1|P|2.5.1", Ack{Code: AE, Text: "text", Problems: []Problem{problem}},
			"MSH|^~\\&|C|D|A|B|20250301120000-0500||ACK^A01^ACK|9|P|2.5.1\nMSA|AE|1\nERR||PID^1^3^1^4|204^Unknown key identifier^HL70357|E||||unknown authority\\F\\\n"},
		{"error up to 2.4", "MSH|^~\\&|A|B|C|D|||ADT^A01|1|P|2.4", Ack{Code: AE, Text: "text", Problems: []Problem{problem, {Code: 101}}},
			"MSH|^~\\&|C|D|A|B|20250301120000-0500||ACK^A01^ACK|9|P|2.4\nMSA|AE|1|text|||204^Unknown key identifier^HL70357\n" +
				"ERR|PID^1^3^204&Unknown key identifier&HL70357~^^^101&Required field missing&HL70357\n"},
		{"negative without a reason", "MSH|^~\\&|A|B|C|D|||ADT^A01|1|P|2.6", Ack{Code: CR},
			"MSH|^~\\&|C|D|A|B|20250301120000-0500||ACK^A01^ACK|9|P|2.6\nMSA|CR|1\nERR|||207^Application internal error^HL70357|E\n"},
		{"own delimiters", "MSH#*!?%#A*1#B#C#D###ORU*R01#1#P#2.5", Ack{Code: AA},
			"MSH#*!?%#C#D#A*1#B#20250301120000-0500##ACK*R01*ACK#9#P#2.5\nMSA#AA#1\n"},
		{"three encoding characters", "MSH|^~\\|A|B|C|D|||ADT^A01|1|P|2.3", Ack{Code: AE, Problems: []Problem{problem}},
			"MSH|^~\\|C|D|A|B|20250301120000-0500||ACK^A01^ACK|9|P|2.3\nMSA|AE|1||||204^Unknown key identifier^HL70357\nERR|PID^1^3^204\n"},
		{"five encoding characters", "MSH|^~\\&#|A|B|C|D|||ADT^A01|1|P|2.7", Ack{Code: CA},
			"MSH|^~\\&#|C|D|A|B|20250301120000-0500||ACK^A01^ACK|9|P|2.7\nMSA|CA|1\n"},
		{"no receiver", "MSH|^~\\&|A|B|||||ADT^A01|1|P|2.5", Ack{Code: AA, Application: "US", Facility: "HERE"},
			"MSH|^~\\&|US|HERE|A|B|20250301120000-0500||ACK^A01^ACK|9|P|2.5\nMSA|AA|1\n"},
		{"no control id, no trigger, no version", "MSH|^~\\&|A|B", Ack{Code: AA},
			"MSH|^~\\&|||A|B|20250301120000-0500||ACK|9|P|2.5.1\nMSA|AA\n"},
		{"sequence number", "MSH|^~\\&|A|B|C|D|||ADT^A01|1|P|2.5|101", Ack{Code: AA},
			"MSH|^~\\&|C|D|A|B|20250301120000-0500||ACK^A01^ACK|9|P|2.5\nMSA|AA|1||101\n"},
		{"expected sequence number", "MSH|^~\\&|A|B|C|D|||ADT^A01|1|P|2.5|0", Ack{Code: AA, Expected: "-1"},
			"MSH|^~\\&|C|D|A|B|20250301120000-0500||ACK^A01^ACK|9|P|2.5\nMSA|AA|1||-1\n"},
	}
	for _, test := range tests {
		test.ack.ControlID, test.ack.Time = "9", at
		got := mustParse(t, test.message+"\rPID|1\r").Acknowledge(test.ack)
		if lines(got) != test.want {
			t.Errorf("%s: got\n%s\nwant\n%s", test.name, lines(got), test.want)
		}
		if _, err := Parse(got); err != nil {
			t.Errorf("%s: the answer does not parse: %v", test.name, err)
		}
	}
}

func TestRejectUnparsable(t *testing.T) {
	tests := []struct{ name, input, want string }{
		{"nothing", "", "MSH|^~\\&|||||||ACK|9|P|2.5.1\nMSA|AR\nERR||MSH^1|100^Segment sequence error^HL70357|E||||no message: nothing but blanks\n"},
		{"not HL7", "GET / HTTP/1.1", "MSH|^~\\&|||||||ACK|9|P|2.5.1\nMSA|AR\nERR||MSH^1|100^Segment sequence error^HL70357|E||||message does not start with MSH\n"},
		{"MSH alone", "MSH", "MSH|^~\\&|||||||ACK|9|P|2.5.1\nMSA|AR\nERR||MSH^1^1|102^Data type error^HL70357|E||||field separator missing\n"},
		{"bad MSH-2", "MSH|^~|A|B|C|D|||ADT^A01|77|T|2.3\rPID|1\r", "MSH|^~\\&|C|D|A|B|||ACK^A01^ACK|9|T|2.3\nMSA|AR|77||||102^Data type error^HL70357\nERR|MSH^1^2^102&Data type error&HL70357\n"},
		{"other separator", "MSH^~|^A^B^C^D^^^ADT^77^P^2.5", "MSH^~\\&|^C^D^A^B^^^ACK^9^P^2.5\nMSA^AR^77\nERR^^MSH~1~2^102~Data type error~HL70357^E^^^^fewer than three encoding characters\n"},
	}
	for _, test := range tests {
		got := RejectUnparsable([]byte(test.input), Ack{ControlID: "9"})
		if lines(got) != test.want {
			t.Errorf("%s: got\n%s\nwant\n%s", test.name, lines(got), test.want)
		}
	}
	if s := string(RejectUnparsable([]byte("x"), Ack{Code: CR, Problems: []Problem{{Code: 203, Text: "why"}}})); !strings.Contains(s, "MSA|CR") || !strings.Contains(s, "|why") {
		t.Error("the caller's code and problems are not used")
	}
}

func TestMode(t *testing.T) {
	for fields, want := range map[string]Mode{"|||AL|NE": Enhanced, "|||AL|": Original, "||||NE": Original, "": Original, `|||""|NE`: Original} {
		if got := mustParse(t, "MSH|^~\\&|A|B|C|D|||ADT^A01|1|P|2.5"+fields+"\r").Mode(); got != want {
			t.Errorf("%q: %v, want %v", fields, got, want)
		}
	}
	wanted := map[string][2]bool{"AL": {true, true}, "NE": {false, false}, "ER": {true, false}, "SU": {false, true}, "": {true, true}}
	for condition, want := range wanted {
		if Wanted(condition, false) != want[0] || Wanted(condition, true) != want[1] {
			t.Errorf("condition %q", condition)
		}
	}
}

func TestStructureID(t *testing.T) {
	tests := []struct{ code, trigger, version, want string }{
		{"ADT", "A01", "2.5.1", "ADT_A01"}, {"ADT", "A08", "2.5.1", "ADT_A01"}, {"ADT", "A31", "2.5.1", "ADT_A05"},
		{"ADT", "A05", "2.3.1", "ADT_A01"}, {"ADT", "A12", "2.4", "ADT_A09"}, {"ADT", "A12", "2.5", "ADT_A12"},
		{"ADT", "A34", "2.6", "ADT_A30"}, {"ADT", "A34", "2.7", ""}, {"ADT", "A40", "2.3.1", "ADT_A39"},
		{"ADT", "A44", "2.6", "ADT_A43"}, {"ADT", "A44", "2.7", "ADT_A44"}, {"ADT", "A47", "2.5.1", "ADT_A30"},
		{"ADT", "A47", "2.8", "ADT_A44"}, {"ADT", "A37", "2.5", "ADT_A37"}, {"ORU", "R01", "2.3", "ORU_R01"},
		{"ORU", "R31", "2.5", "ORU_R30"}, {"MDM", "T10", "2.7.1", "MDM_T02"}, {"MDM", "T11", "2.5", "MDM_T01"},
		{"QBP", "Q22", "2.5", "QBP_Q21"}, {"RSP", "K22", "2.5", "RSP_K21"}, {"RSP", "K22", "2.8", "RSP_K22"},
		{"QSX", "J02", "2.8", "QCN_J01"}, {"QSX", "J02", "2.9", "QSX_J02"}, {"QRY", "A19", "2.4", "QRY_A19"},
		{"ACK", "A01", "2.5", "ACK"}, {"ADT", "A08", "", "ADT_A01"}, {"ADT", "A99", "2.5", ""}, {"QQQ", "A01", "2.5", ""},
		{"ADT", "A01 A04", "2.5", ""}, {"ADT", "", "2.5", ""},
	}
	for _, test := range tests {
		if got := StructureID(test.code, test.trigger, test.version); got != test.want {
			t.Errorf("%s^%s %s: got %q, want %q", test.code, test.trigger, test.version, got, test.want)
		}
	}
}

func TestSet(t *testing.T) {
	const message = "\v" + head + "PID|1||4711^^^N&1&ISO~815||TEST\r\x1c\r"
	tests := []struct {
		path  string
		texts []string
		want  string // PID; empty: an error
	}{
		{"PID-5", []string{"A|B", "C"}, "PID|1||4711^^^N&1&ISO~815||A\\F\\B^C"},
		{"PID-5.2", []string{"C"}, "PID|1||4711^^^N&1&ISO~815||TEST^C"},
		{"PID-3", []string{"1"}, "PID|1||1||TEST"},
		{"PID-3(1)", []string{"1"}, "PID|1||1~815||TEST"},
		{"PID-3(3).2", []string{"1"}, "PID|1||4711^^^N&1&ISO~815~^1||TEST"},
		{"PID-3.4", []string{"S", "2"}, "PID|1||4711^^^S&2~815||TEST"},
		{"PID-3.4.2", []string{"2"}, "PID|1||4711^^^N&2&ISO~815||TEST"},
		{"PID-3(2).4.3", []string{"ISO"}, "PID|1||4711^^^N&1&ISO~815^^^&&ISO||TEST"},
		{"PID-8", []string{"F"}, "PID|1||4711^^^N&1&ISO~815||TEST|||F"},
		{"PID-2", []string{""}, "PID|1||4711^^^N&1&ISO~815||TEST"},
		{"PID-1", nil, "PID|||4711^^^N&1&ISO~815||TEST"},
		{"PID", []string{"x"}, ""}, {"PV1-1", []string{"x"}, ""}, {"MSH-2", []string{"x"}, ""},
		{"PID-3(*)", []string{"x"}, ""}, {"PID-3.1.1", []string{"x", "y"}, ""}, {"PID-3(70000)", []string{"x"}, ""},
	}
	m := mustParse(t, message)
	for _, test := range tests {
		p, err := ParsePath(test.path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := m.Set(p, test.texts...)
		if test.want == "" {
			if !errors.Is(err, ErrEdit) {
				t.Errorf("%s: error %v, want ErrEdit", test.path, err)
			}
			continue
		}
		if want := "\v" + head + test.want + "\r\x1c\r"; err != nil || string(got) != want {
			t.Errorf("%s: got %q and error %v, want %q", test.path, got, err, want)
		}
	}
}

// TestCopyUndeclared: what a value without a declared character set is written in is decided once for the whole value,
// not anew behind every formatting command.
func TestCopyUndeclared(t *testing.T) {
	m := mustParse(t, head+"NTE|\xF7\\H\\日\r")
	b := NewBuilder(Delimiters{'#', '*', '!', '?', '%', 0}, "UNICODE UTF-8")
	b.Segment("MSH")
	b.Copy(m.First("NTE"))
	n := mustParse(t, string(b.Bytes()))
	if got, want := n.First("NTE").Field(1).Plain(), m.First("NTE").Field(1).Plain(); got != want {
		t.Errorf("copied as %q, was %q", got, want)
	}
}

// TestAcknowledgeDisproved: a header that cannot be in the character set it declares, and one whose control id does not
// end in ASCII, is answered without declaring it, so that MSA-2 reads as MSH-10 was read.
func TestAcknowledgeDisproved(t *testing.T) {
	for _, id := range []string{"\x1B$BD", "\\M2442\\"} {
		m := mustParse(t, "MSH|^~\\&|A|B|C|D|2025||ADT^A01|"+id+"|\x1F|2.5.1|7|||||~ISO IR87\r")
		n := mustParse(t, string(m.Acknowledge(Ack{Code: AA})))
		if got, want := n.First("MSA").Field(2).Raw(), m.Header().Field(10).Raw(); string(got) != string(want) {
			t.Errorf("MSA-2 reads %q, MSH-10 %q", got, want)
		}
	}
}
