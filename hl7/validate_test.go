package hl7

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func standard(t testing.TB) *Profile {
	t.Helper()
	p, err := NewProfile(Rules{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// told writes findings as "place code severity", without those for information.
func told(findings []Problem) string {
	var out []string
	for _, f := range findings {
		if f.Severity != 'I' {
			out = append(out, fmt.Sprintf("%s %d%c", f.Location, f.Code, f.Severity))
		}
	}
	return strings.Join(out, ", ")
}

// header is an MSH of an event in a version.
func header(event, version string) string {
	return "MSH|^~\\&|A|B|C|D|20250301||" + event + "|1|P|" + version + "\r"
}

const (
	soundPatient = "PID|1||4711^^^N^MR||TEST^ANN\r"
	soundOrder   = "OBR|1|||C^Text^LN\r"
)

func TestValidateStructure(t *testing.T) {
	admit, oru := header("ADT^A01", "2.5.1"), header("ORU^R01", "2.5.1")
	evn, pv1, obx := "EVN||20250301\r", "PV1|1|I\r", "OBX|1|ST|C^T||x||||||F\r"
	merge := header("ADT^A40", "2.3.1")
	tests := []struct{ name, message, want string }{
		{"sound ADT", admit + evn + soundPatient + pv1, ""},
		{"missing EVN", admit + soundPatient + pv1, "EVN(1) 100E"},
		{"missing PV1", admit + evn + soundPatient + "AL1|1\r", "PV1(1) 100E"},
		{"missing last", admit + evn + soundPatient, "PV1(1) 100E"},
		{"one finding for a segment in the wrong place", admit + soundPatient + evn + pv1, "EVN(1) 100E"},
		{"PID twice", admit + evn + soundPatient + soundPatient + pv1, "PID(2) 198E"},
		{"Z and foreign segments are information", admit + evn + soundPatient + "ZPI|1\r" + pv1 + "NPU|x\r", ""},
		{"sound ORU", oru + soundPatient + soundOrder + obx + "NTE|1||a\r" + obx + soundOrder + obx + soundPatient + "PV1|1|O\r" + soundOrder, ""},
		{"ORU without patient", oru + soundOrder + obx, ""},
		{"ORU without OBR", oru + soundPatient + obx, "OBR(1) 100E"},
		{"second patient without OBR", oru + soundPatient + soundOrder + soundPatient + obx, "OBR(2) 100E"},
		{"ORC without OBR", oru + soundPatient + "ORC|RE\r" + obx, "OBR(1) 100E"},
		{"PV1 behind the results", oru + soundPatient + soundOrder + obx + "PV1|1|I\r" + obx, "PV1(1) 100E"},
		{"specimens", oru + soundPatient + soundOrder + obx + "SPM|1|||B\r" + obx + soundOrder, ""},
		{"merge, repeated", merge + evn + soundPatient + "MRG|1^^^N\r" + soundPatient + "MRG|2^^^N\rPV1|1|I\r", ""},
		{"merge without MRG", merge + evn + soundPatient + soundPatient + "MRG|2^^^N\r", "MRG(1) 100E"},
		{"document", header("MDM^T02", "2.5.1") + evn + soundPatient + pv1 + "TXA|1|DS||||||||||1\rOBX|1|TX|C^T||x||||||F\r", "TXA(1)-17 101E"},
		{"document without content", header("MDM^T02", "2.5.1") + evn + soundPatient + pv1 + "TXA|1|DS||||||||||1|||||AU\r", "OBX(1) 100E"},
		{"no such event", header("ADT^A99", "2.5.1") + evn, "MSH(1)-9(1) 201W"},
		{"other structure stated", header("ADT^A01^ADT_A02", "2.5.1") + evn + soundPatient + pv1, "MSH(1)-9(1).3 103W"},
		{"junk", admit + evn + soundPatient + "some junk\r" + pv1, " 100W"},
		{"acknowledgement", header("ACK^A01", "2.3") + "MSA|AA|1\r", ""},
		{"acknowledgement without MSA", header("ACK", "2.5.1"), "MSA(1) 100E"},
		{"query", header("QBP^Q11^QBP_Q11", "2.5.1") + "QPD|Q11^x|1\rRCP|I\r", ""},
	}
	p := standard(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := told(mustParse(t, test.message).Validate(p)); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestValidateFields(t *testing.T) {
	oru := header("ORU^R01", "2.5.1") + soundPatient
	tests := []struct{ name, message, want string }{
		{"required fields", header("ORU^R01", "2.5.1") + "PID|1\r" + soundOrder, "PID(1)-3 101E, PID(1)-5 101E"},
		{"separators alone are missing", header("ORU^R01", "2.5.1") + "PID|1||^^^~||A\r" + soundOrder, "PID(1)-3 101E"},
		{"required in later versions", strings.Replace(header("ORU^R01", "2.5.1"), "20250301", "", 1) + soundOrder, "MSH(1)-7 101E"},
		{"not required in earlier ones", strings.Replace(header("ORU^R01", "2.4"), "20250301", "", 1) + soundOrder, ""},
		{"no authority", header("ORU^R01", "2.5.1") + "PID|1||1^^^A~2||A\r" + soundOrder, "PID(1)-3(2).4 101W"},
		{"time", header("ORU^R01", "2.5.1") + "PID|1||1^^^A||A||20251301\r" + soundOrder, "PID(1)-7(1) 102E"},
		{"user table", header("ORU^R01", "2.5.1") + "PID|1||1^^^A||A|||Q\r" + soundOrder, "PID(1)-8(1) 103W"},
		{"repetition of a field that has one", header("ORU^R01", "2.5.1") + "PID|1||1^^^A||A|||F~M\r" + soundOrder, "PID(1)-8(2) 198W"},
		{"processing id and version", strings.Replace(header("ORU^R01", "3.0"), "|P|", "|Q|", 1) + soundOrder, "MSH(1)-11(1) 103E, MSH(1)-12(1) 103E"},
		{"character set", header("ORU^R01", "2.5.1||||||KLINGON") + soundOrder, "MSH(1)-18(1) 103W"},
		{"result status", oru + soundOrder + "OBX|1|ST|C^T||x||||||Q\r", "OBX(1)-11(1) 103E"},
		{"order status", oru + "OBR|1|||C^T" + strings.Repeat("|", 21) + "Q\r", "OBR(1)-25(1) 103E"},
		{"code of a local system", header("ACK", "2.5.1") + "MSA|AA|1\rERR||PID^1|X^^LOCAL|E\rERR||PID^1|101^^HL70357|Q\r", "ERR(2)-4(1) 103E"},
		{"value without type", oru + soundOrder + "OBX|1||C^T||x||||||F\r", "OBX(1)-2 101E"},
		{"number", oru + soundOrder + "OBX|1|NM|C^T||4.10||||||F\rOBX|2|NM|C^T||<0.5||||||F\rOBX|3|NM|C^T||high||||||F\r", "OBX(2)-5(1) 102W, OBX(3)-5(1) 102W"},
		{"structured number", oru + soundOrder + "OBX|1|SN|C^T||>^100||||||F\rOBX|2|SN|C^T||about^1O0||||||F\r", "OBX(2)-5(1).1 102E, OBX(2)-5(1).2 102E"},
		{"document", oru + soundOrder + "OBX|1|ED|C^T||^AP^PDF^Base64^JVBE||||||F\rOBX|2|ED|C^T||^AP^PDF^Base64^J*||||||F\rOBX|3|ED|C^T||^AP^PDF^B64^JVBE||||||F\r", "OBX(2)-5(1).5 102E, OBX(3)-5(1).4 103E"},
		{"unescaped separator", oru + soundOrder + "OBX|A^B|ST|C^T||x^y||||||F\r", "OBX(1)-1(1) 102W"},
		{"neither code nor text", oru + "OBR|1|||^^LN\r", "OBR(1)-4(1) 101W"},
		{"universal id without type", strings.Replace(oru, "|A|", "|A^1.2.3|", 1) + soundOrder, "MSH(1)-3(1).3 101W"},
		{"consent", header("ADT^A08", "2.5.1") + "EVN||20250301\r" + soundPatient + "PV1|1|I\rCON|1||||||||||Q|||||||||||||A|SEL\r", "CON(1)-11(1) 103E"},
		{"access restriction", header("ADT^A08", "2.8") + "EVN||20250301\rPID|1||1^^^A||A\rARV|1|Q|R\rPV1|1|I\r", "ARV(1)-2(1) 103E"},
	}
	p := standard(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := told(mustParse(t, test.message).Validate(p)); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestValidateLocalRules(t *testing.T) {
	p, err := NewProfile(Rules{
		Events:     map[string]string{"ZAD^Z01": "ZAD_Z01"},
		Structures: map[string]string{"ZAD_Z01": "MSH PID {[ZPI [{ZPJ}]]}"},
		Segments:   map[string]string{"ZPI": "2!:CX 4:ID@9001", "PID": "8!:IS@0001"},
		Tables:     map[string]string{"9001": "X Y", "0001": "Q"},
	})
	if err != nil {
		t.Fatal(err)
	}
	m := mustParse(t, header("ZAD^Z01", "2.5.1")+"PID|1||1^^^A||A|||Q\rZPI|1|||Z\rZPJ|1\rZPI|1|2^^^A||X\r")
	if got, want := told(m.Validate(p)), "ZPI(1)-2 101E, ZPI(1)-4(1) 103E"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	bad := []Rules{
		{Structures: map[string]string{"A": "MSH [PID"}}, {Structures: map[string]string{"A": "MSH PID]"}}, {Structures: map[string]string{"A": ""}},
		{Structures: map[string]string{"A": "MSH <PID>"}}, {Segments: map[string]string{"PI": "1:SI"}}, {Segments: map[string]string{"ZPI": "0:SI"}},
		{Segments: map[string]string{"ZPI": "1:QQ"}}, {Segments: map[string]string{"ZPI": "1:ID@nowhere"}}, {Segments: map[string]string{"ZPI": "1!*SI"}},
		{Events: map[string]string{"ADT^Z99": "NOWHERE"}},
	}
	for i, rules := range bad {
		if _, err := NewProfile(rules); !errors.Is(err, ErrRules) {
			t.Errorf("rules %d: got error %v, want ErrRules", i, err)
		}
	}
}

// TestValidateTables: every structure in the tables can be met by a message of its required segments, and no table or
// data type is named that does not exist.
func TestValidateTables(t *testing.T) {
	p := standard(t)
	for id, root := range p.structures {
		names := required(&root)
		left := names
		x := matcher{seen: map[string]int{}, report: func(f Problem) { t.Errorf("%s: %v: %s", id, f.Location, f.Text) }}
		x.advance = func() (name string, at Location, ok bool) {
			if len(left) > 0 {
				name, ok = left[0], true
				left = left[1:]
			}
			return name, at, ok
		}
		x.match(&root)
		if names[0] != "MSH" || !root.names["MSH"] {
			t.Errorf("%s does not begin with MSH", id)
		}
	}
	for _, s := range structures {
		if p.structures[s.id].names == nil && (s.code == "ADT" || s.code == "ORU" || s.code == "MDM" || s.code == "ORF") {
			t.Errorf("%s has no segments", s.id)
		}
	}
}

// required lists the segments of a structure that must be there.
func required(n *node) []string {
	if n.name != "" {
		return []string{n.name}
	}
	var out []string
	for i := range n.children {
		if !n.children[i].optional {
			out = append(out, required(&n.children[i])...)
		}
	}
	return out
}

// TestValidateBounded: findings are bounded, hold no content, and a message of many mistakes takes no more than a message
// of as many segments.
func TestValidateBounded(t *testing.T) {
	p := standard(t)
	message := header("ORU^R01", "2.5.1") + strings.Repeat("PV1|SECRET\rSECRET\rOBX|SECRET|NM|||SECRET\rPID|SECRET||SECRET~"+strings.Repeat("~", 50)+"\r", 50_000)
	found := mustParse(t, message).Validate(p)
	if len(found) != maxFindings || found[maxFindings-1].Severity != 'I' {
		t.Errorf("%d findings, want %d of which the last says that there are more", len(found), maxFindings)
	}
	for _, f := range found {
		if strings.Contains(fmt.Sprint(f), "SECRET") {
			t.Fatalf("content in a finding: %v", f)
		}
	}
}

func TestReadNM(t *testing.T) {
	tests := []struct{ raw, comparator, number string }{
		{"4.10", "", "4.10"}, {"-0.5", "", "-0.5"}, {"+7", "", "+7"}, {".5", "", ".5"}, {"5.", "", "5."}, {" 12 ", "", "12"},
		{"<0.5", "<", "0.5"}, {">= 10", ">=", "10"}, {"=3", "=", "3"}, {"00012345678901234567890.10", "", "00012345678901234567890.10"},
		{"", "", ""}, {".", "", ""}, {"1e5", "", ""}, {"1,000", "", ""}, {"--1", "", ""}, {"-+1", "", ""}, {"<>1", "", ""}, {"<", "", ""}, {"high", "", ""}, {"1.2.3", "", ""},
		{`""`, "", ""},
	}
	for _, test := range tests {
		n := ReadNM(mustParse(t, head+"OBX|||||"+test.raw+"\r").First("OBX").Field(5))
		if n.Comparator != test.comparator || n.Number != test.number || n.Valid() != (test.number != "") {
			t.Errorf("%q: got %q and %q, want %q and %q", test.raw, n.Comparator, n.Number, test.comparator, test.number)
		}
		if test.raw != `""` && n.Text != test.raw {
			t.Errorf("%q: text %q", test.raw, n.Text)
		}
	}
}
