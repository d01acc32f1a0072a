package hl7

import "testing"

func TestJoin(t *testing.T) {
	const first = "MSH|^~\\&|A||||||ORU^R01|1|P|2.5\rOBX|1|TX|1||begin\rADD| more\rADD|| x\rDSC|ptr|F\r"
	const second = "MSH|^~\\&|A||||||ORU^R01|2|P|2.5||ptr\rADD| end|y\rNTE|1\r"
	tests := []struct {
		name      string
		fragments []string
		want      string
	}{
		{"two fragments", []string{first, second}, "MSH|^~\\&|A||||||ORU^R01|1|P|2.5\rOBX|1|TX|1||begin more| x end|y\rNTE|1\r"},
		{"ADD alone", []string{head + "OBX|1|a\nADD|b|c\r"}, head + "OBX|1|ab|c\r"},
		{"nothing to join", []string{head}, head},
		{"interactive continuation stays a message of its own", []string{head + "DSC|next|I\r"}, head},
		{"a fragment is missing", []string{first}, ""},
		{"another fragment", []string{first, first}, ""},
		{"other delimiters", []string{first, "MSH#*!?%#A######ORU*R01##2#P#2.5##ptr\rNTE#1\r"}, ""},
		{"none", nil, ""},
	}
	for _, test := range tests {
		var fragments []*Message
		for _, f := range test.fragments {
			fragments = append(fragments, mustParse(t, f))
		}
		got, err := Join(fragments...)
		if string(got) != test.want || (err != nil) != (test.want == "") {
			t.Errorf("%s: got %q and error %v", test.name, got, err)
		}
	}
}

func TestDocuments(t *testing.T) {
	tests := []struct {
		value, want string
		fails       bool
	}{
		{"^AP^PDF^Base64^SGVs bG8=", "Hello", false}, {"^AP^PDF^Base64^SGVs\\.br\\bG8=", "Hello", false}, {"^AP^PDF^Base64^S*", "", true}, {"^TX^x^Hex^48656C6C6F", "Hello", false},
		{"^TX^x^A^a\\F\\b", "a|b", false}, {"^TX^x^Hex^4", "", true}, {"^TX^x^Zip^4", "", true},
	}
	for _, test := range tests {
		got, err := ReadED(mustParse(t, head+"OBX|1|ED|||"+test.value+"\r").First("OBX").Field(5)).Decode()
		if string(got) != test.want || (err != nil) != test.fails {
			t.Errorf("%s: got %q and error %v", test.value, got, err)
		}
	}
	v := mustParse(t, head+"OBX|1|SN|||>^100^-^200~http://x^PACS&1.2&ISO^IM^JPEG\r").First("OBX").Field(5)
	if ReadSN(v) != (SN{">", "100", "-", "200"}) {
		t.Error("SN")
	}
	if ReadRP(v.Repetition(2)) != (RP{"http://x", HD{"PACS", "1.2", "ISO"}, "IM", "JPEG"}) {
		t.Error("RP")
	}
}
