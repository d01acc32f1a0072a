package hl7

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestSplit(t *testing.T) {
	const a, b = "MSH|^~\\&|A||||||ADT^A01|1\rPID|1\r", "MSH|^~\\&|B||||||ADT^A01|2\rPID|2\r"
	tests := []struct {
		name, input string
		want        []string // messages; an error is its text
	}{
		{"one", a, []string{a}},
		{"several", a + b, []string{a, b}},
		{"batch", "FHS|^~\\&|X\rBHS|^~\\&|X\r" + a + b + "BTS|2\rFTS|1\r", []string{a, b}},
		{"two batches", "FHS|^~\\&\rBHS|^~\\&\r" + a + "BTS|1\rBHS|^~\\&\r" + b + "BTS|1\rFTS|2\r", []string{a, b}},
		{"wrong counts come last", "BHS|^~\\&\r" + a + "BTS|2\r" + b + "BTS|1\rFTS|1\r",
			[]string{a, b, "hl7: BTS-1: count is 2 but 1 came", "hl7: FTS-1: count is 1 but 2 came"}},
		{"empty counts", "BHS|^~\\&\r" + a + "BTS\rFTS||\r", []string{a}},
		{"a count that is none", "BHS|^~\\&\r" + a + "BTS|many\r", []string{a, "hl7: BTS-1: count is not a number"}},
		{"batch without messages", "FHS|^~\\&\rBHS|^~\\&\rBTS|0\rFTS|1\r", nil},
		{"frames", "\v" + a + "\x1c\r\v" + b + "\x1c\r", []string{a, b}},
		{"two messages in a frame", "\v" + a + b + "\x1c\r", []string{a, b}},
		{"frame without its end", "\v" + a + "\v" + b + "\x1c\r", []string{a, b}},
		{"FS inside the last line", "\v" + strings.TrimSuffix(a, "\r") + "\x1c\r\v" + b + "\x1c\r", []string{strings.TrimSuffix(a, "\r"), b}},
		{"LF", strings.ReplaceAll(a+b, "\r", "\n"), []string{strings.ReplaceAll(a, "\r", "\n"), strings.ReplaceAll(b, "\r", "\n")}},
		{"blank lines between", a + "\r\r" + b, []string{a + "\r\r", b}},
		{"LF inside a field", strings.Replace(a, "PID|1", "NTE|1\nMSH", 1) + b, []string{strings.Replace(a, "PID|1", "NTE|1\nMSH", 1), b}},
		{"LF between messages that use CR", strings.TrimSuffix(a, "\r") + "\n" + b, []string{strings.TrimSuffix(a, "\r") + "\n", b}},
		{"other separator", strings.ReplaceAll(a, "|", "#") + b, []string{strings.ReplaceAll(a, "|", "#"), b}},
		{"byte order mark", "\xEF\xBB\xBF" + a, []string{a}},
		{"text before", "junk\rmore\r" + a, []string{"hl7: text outside of a message", a}},
		{"text alone", "junk", []string{"hl7: text outside of a message"}},
		{"nothing", "", nil},
		{"blank", "\r\n \x1c\r", nil},
	}
	for _, test := range tests {
		var got []string
		for message, err := range Split([]byte(test.input)) {
			if err != nil {
				got = append(got, err.Error())
			} else {
				got = append(got, string(message))
			}
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
	for range Split([]byte(a + b)) {
		break // an iterator that is left must not go on
	}
}

func TestPatientGroups(t *testing.T) {
	tests := []struct{ name, segments, want string }{
		{"one order", "PID PV1 ORC OBR NTE OBX NTE OBX", "1-9 PID obs[] {3-9 ORC OBR [6 8]}"},
		{"no ORC", "PID OBR OBX OBR OBX OBX", "1-7 PID obs[] {2-4 OBR [3]} {4-7 OBR [5 6]}"},
		{"ORC with two OBR", "PID ORC OBR OBX OBR OBX", "1-7 PID obs[] {2-5 ORC OBR [4]} {5-7 OBR [6]}"},
		{"two patients", "PID OBR OBX PID PV1 OBR OBX", "1-4 PID obs[] {2-4 OBR [3]};4-8 PID obs[] {6-8 OBR [7]}"},
		{"no patient", "NTE ORC OBR OBX", "2-5 none obs[] {2-5 ORC OBR [4]}"},
		{"no patient, then one", "OBR OBX PID OBR", "1-3 none obs[] {1-3 OBR [2]};3-5 PID obs[] {4-5 OBR []}"},
		{"observations of the visit", "EVN PID PV1 OBX OBX", "2-6 PID obs[4 5]"},
		{"specimen", "PID OBR OBX SPM OBX", "1-6 PID obs[] {2-6 OBR [3] specimens [4] [5]}"},
		{"specimen first", "PID OBR SPM OBX OBX", "1-6 PID obs[] {2-6 OBR [4 5] specimens [3] []}"},
		{"continuation", "PID OBR OBX DSC", "1-4 PID obs[] {2-4 OBR [3]}"},
		{"order without report", "PID ORC ORC OBR", "1-5 PID obs[] {2-3 ORC []} {3-5 ORC OBR []}"},
		{"no groups", "EVN", ""},
	}
	for _, test := range tests {
		m := mustParse(t, head+strings.ReplaceAll(test.segments, " ", "|1\r")+"|1\r")
		var groups []string
		for g := range m.PatientGroups() {
			groups = append(groups, describe(g))
		}
		if got := strings.Join(groups, ";"); got != test.want {
			t.Errorf("%s: got %s, want %s", test.name, got, test.want)
		}
	}
}

func describe(g PatientGroup) string {
	name := "none"
	if g.Patient.Exists() {
		name = g.Patient.ID()
	}
	s := fmt.Sprintf("%d-%d %s obs%v", g.From, g.To, name, g.Observations)
	for _, o := range g.Orders {
		var ids []string
		for _, segment := range []Segment{o.ORC, o.OBR} {
			if segment.Exists() {
				ids = append(ids, segment.ID())
			}
		}
		s += fmt.Sprintf(" {%d-%d %s %v", o.From, o.To, strings.Join(ids, " "), o.Observations)
		if len(o.Specimens) > 0 {
			s += fmt.Sprintf(" specimens %v %v", o.Specimens, o.OfSpecimens)
		}
		s += "}"
	}
	return s
}
