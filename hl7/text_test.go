package hl7

import (
	"fmt"
	"strings"
	"testing"
)

func TestPlain(t *testing.T) {
	tests := []struct{ raw, want string }{
		{`one\.br\two`, "one\ntwo"},
		{`\H\high\N\ low`, "high low"},
		{`a\.sp\b\.sp2\c`, "a\nb\n\nc"},
		{`\.in4\a\.br\b\.in0\\.br\c`, "    a\n    b\nc"},
		{`\.ti+2\a\.br\b`, "  a\nb"},
		{`\.in4\\.ti-2\a\.br\b`, "  a\n    b"},
		{`a\.sk3\b`, "a   b"},
		{`a\.ce\b`, "a\nb"},
		{`\.fi\a\.nf\b`, "ab"},
		{`\.br\\.br\a`, "\n\na"},
		{`a\.xx\b`, `a\.xx\b`},
		{`a\.br`, `a\.br`},
		{`\Zab\c`, `\Zab\c`},
		{`a\F\b\X41\`, "a|bA"},
		{`one~two`, "one\ntwo"},
		{`a\.sp99999\b`, "a" + strings.Repeat("\n", maxColumns) + "b"},
		{`""`, ""},
		{`plain`, "plain"},
	}
	for _, test := range tests {
		if got := mustParse(t, head+"OBX|1|FT|||"+test.raw+"\r").First("OBX").Field(5).Plain(); got != test.want {
			t.Errorf("%s: got %q, want %q", test.raw, got, test.want)
		}
	}
}

// withCharset returns a message in a character set with one value in PID-5 and one behind it.
func withCharset(charset, value string) string {
	return strings.Replace(head, "2.5.1\r", "2.5.1||||||"+charset+"\r", 1) + "PID|||||" + value + "^next|after\r"
}

func TestCharsets(t *testing.T) {
	tests := []struct{ charset, bytes, text string }{
		{"ASCII", "abc", "abc"},
		{"ASCII", "\xE9", "é"},
		{"8859/1", "\xE9", "é"},
		{"8859/2", "\xB1", "ą"},
		{"8859/3", "\xA1\xA5", "Ħ\xA5"}, // A5 means nothing there and stays
		{"8859/4", "\xA2", "ĸ"},
		{"8859/5", "\xD0", "а"},
		{"8859/6", "\xC7", "ا"},
		{"8859/7", "\xE1", "α"},
		{"8859/8", "\xE0", "א"},
		{"8859/9", "\xFD", "ı"},
		{"8859/15", "\xA4", "€"},
		{"UNICODE UTF-8", "日本", "日本"},
		{"UNICODE", "é", "é"},
		{"UNICODE UTF-16", "é", "é"},
		{"UNICODE UTF-32", "\xE9", "é"},
		{"GB 18030-2000", "\xD6\xD0\xCE\xC4", "中文"},
		{"GB 18030-2000", "\x81\x30\x81\x30", "\u0080"},
		{"GB 18030-2000", "\x81\x5C\x81\x7C\x81\x5E", gbk("\x81\x5C\x81\x7C\x81\x5E")},
		{"BIG-5", "\xA4\xA4\xA4\xE5", "中文"},
		{"BIG-5", "\xB3\x5C\xA5\x5C", "許功"}, // second bytes are the usual escape character
		{"BIG-5", "\xA4\x7C\xFF", big5("\xA4\x7C") + "\xFF"},
		{"KS X 1001", "\xC7\xD1\xB1\xDB", "한글"},
		{"ISO IR6", "abc", "abc"},
		{"ISO IR14", "\xD4\xCF\xC0\xDE", "ﾔﾏﾀﾞ"},
		{"ISO IR87", "\x1B$B;3ED\x1B(B", "山田"},
		{"~ISO IR87", "\x1B$B;3ED\x1B(B", "山田"},
		{"~ISO IR87", `\M2442\;3ED\C2842\`, "山田"},
		{"~ISO IR87", "\x1B$B4|5^\x1B(B", eucjp("4|5^")}, // characters made of separators
		{"~ISO IR87", `\M2442\` + "4|5^4~4\\" + `\C2842\`, eucjp("4|5^4~4\\")},
		{"~ISO IR159", "\x1B$(D0!\x1B(B", "丂"},
		{"ISO IR6~ISO IR14", "\x1B(I@%\x1B(B", "ﾀ･"},
		{"8859/1~8859/7", "\xE9\\C2D46\\\xE1\\C2D41\\\xE9", "éαé"},
		{"ASCII~KS X 1001", `\M242943\` + "\xC7\xD1", "한"},
		{"UNICODE UTF-8", `\C2842\x`, `\C2842\x`}, // no switching declared: an unknown escape
		{"8859/99", "\xE9", "\xE9"},
	}
	for _, test := range tests {
		t.Run(fmt.Sprintf("%s %q", test.charset, test.bytes), func(t *testing.T) {
			m := mustParse(t, withCharset(test.charset, test.bytes))
			if got := m.First("PID").Component(5, 1).Text(); got != test.text {
				t.Errorf("got %q, want %q", got, test.text)
			}
			if m.First("PID").Component(5, 2).Text() != "next" || m.First("PID").Text(6) != "after" {
				t.Error("a byte of a character was taken for a separator")
			}
			checkRoundTrip(t, test.charset, m)
		})
	}
}

func gbk(s string) string   { return string(codecGB18030.appendMultibyte(nil, []byte(s))) }
func big5(s string) string  { return string(codecBig5.appendMultibyte(nil, []byte(s))) }
func eucjp(s string) string { return string(appendRun(nil, []byte(s), shiftJIS0208, codecASCII)) }

func TestCharsetName(t *testing.T) {
	tests := []struct{ declared, value, sender, want string }{
		{"", "a", "", "ASCII"},
		{"", "é", "", "UNICODE UTF-8"},
		{"", "\xE9", "", "windows-1252"},
		{"", "\xE9", "8859/2", "8859/2"},
		{`""`, "\xE9", "8859/2", "8859/2"},
		{"8859/1", "\xE9", "8859/2", "8859/1"},
		{"8859/1~UNICODE UTF-8", "a", "", "8859/1"},
		{"KLINGON", "a", "", "KLINGON"},
		{"KLINGON", "a", "8859/5", "8859/5"},
		{"iso_8859-15", "a", "", "8859/15"},
	}
	for _, test := range tests {
		m, err := ParseWith([]byte(withCharset(test.declared, test.value)), Options{Charset: test.sender})
		if err != nil || m.Charset() != test.want {
			t.Errorf("%q with default %q: got %q, want %q", test.declared, test.sender, m.Charset(), test.want)
		}
	}
}

func TestTypes(t *testing.T) {
	m := mustParse(t, head+`PID|||4711^7^M11^NORTH&1.2.3&ISO^MR^WARD&1.2&ISO~""^""||VAN TEST&VAN&TEST^TERRY^T^JR^DR^MD^L|||||`+
		`|1 ROAD&ROAD&1^FLAT 2^TOWN^NY^13202^USA^H^^36067||^PRN^PH^t@example.org^1^315^5550100^^^^^+13155550100`+"\r"+
		`PV1|1|I|3W^310^A^UP&1.9&ISO||||123^WELBY&X^MARCUS^^^^MD^^NPI&1.2.3.6&ISO^L^^^NPI`+"\r"+
		`ORC|RE|PL1^EHR|FL1^LAB^1.7^ISO`+"\r"+`OBX|1|CWE|1^Sodium^LN^2^Na^L||`+"\r")
	pid := m.First("PID")
	north := HD{"NORTH", "1.2.3", "ISO"}
	if got, want := ReadCX(pid.Rep(3, 1)), (CX{"4711", "7", north, "MR", HD{"WARD", "1.2", "ISO"}}); got != want {
		t.Errorf("CX: %#v", got.ID)
	}
	if got := ReadCX(pid.Rep(3, 2)); got != (CX{}) {
		t.Error("the delete indicator was read as an identifier")
	}
	if got, want := ReadXPN(pid.Field(5)), (XPN{"VAN TEST", "TERRY", "T", "JR", "DR", "MD", "L"}); got != want {
		t.Error("XPN")
	}
	if got, want := ReadXAD(pid.Field(11)), (XAD{"1 ROAD", "FLAT 2", "TOWN", "NY", "13202", "USA", "H", "36067"}); got != want {
		t.Error("XAD")
	}
	if got, want := ReadXTN(pid.Field(13)), (XTN{"+13155550100", "PRN", "PH", "t@example.org", "1", "315", "5550100"}); got != want {
		t.Error("XTN")
	}
	pv1 := m.First("PV1")
	if got, want := ReadPL(pv1.Field(3)), (PL{"3W", "310", "A", HD{"UP", "1.9", "ISO"}}); got != want {
		t.Error("PL")
	}
	want := XCN{ID: "123", Family: "WELBY", Given: "MARCUS", Degree: "MD", Authority: HD{"NPI", "1.2.3.6", "ISO"}, Type: "NPI"}
	if got := ReadXCN(pv1.Field(7)); got != want {
		t.Error("XCN")
	}
	if got, want := ReadEI(m.First("ORC").Field(3)), (EI{"FL1", HD{"LAB", "1.7", "ISO"}}); got != want {
		t.Error("EI")
	}
	if got, want := ReadCWE(m.First("OBX").Field(3)), (CWE{"1", "Sodium", "LN", "2", "Na", "L"}); got != want {
		t.Error("CWE")
	}
	if got := ReadHD(pid.Component(3, 4)); got != north {
		t.Error("HD inside a component")
	}
}

// TestPrivacy prints everything that carries patient data with every verb.
func TestPrivacy(t *testing.T) {
	const secret = "SECRET"
	m := mustParse(t, head+"PID|||SECRET^^^SECRET||SECRET^SECRET||19700412\r")
	pid := m.First("PID")
	birth, err := ReadTime(pid.Field(7))
	if err != nil {
		t.Fatal(err)
	}
	all := []any{m, *m, pid, pid.Field(3), ReadCX(pid.Field(3)), ReadXPN(pid.Field(5)), ReadEI(pid.Field(3)), ReadCWE(pid.Field(3)),
		ReadXAD(pid.Field(3)), ReadXTN(pid.Field(3)), ReadXCN(pid.Field(3)), ReadPL(pid.Field(3)), birth}
	for _, v := range all[1:] {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
			for _, holder := range []any{v, &v, []any{v}, struct{ X any }{v}} {
				if s := fmt.Sprintf(verb, holder); strings.Contains(s, secret) || strings.Contains(s, "1970") || strings.Contains(s, "534543524554") {
					t.Errorf("%s of %T shows content", verb, v)
				}
			}
		}
	}
	_, err = ParseTime("SECRET")
	_, err2 := ParsePath("SECRET!!")
	_, err3 := Parse([]byte("MSH|SECRET|"))
	for _, err := range []error{err, err2, err3} {
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("error %T is missing or shows content", err)
		}
	}
}
