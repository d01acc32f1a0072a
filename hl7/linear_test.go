package hl7

import (
	"strings"
	"testing"
)

// many is how many parts the values below have: so many that a reader which begins at the front for each of them would
// not end within the time limit of the tests, and one that goes on from where it is ends at once.
const many = 1 << 20

// TestIterationIsLinear goes through a million parts of every kind by the documented forms of iteration.
func TestIterationIsLinear(t *testing.T) {
	count := func(name string, n, want int) {
		t.Helper()
		if n != want {
			t.Errorf("%s: %d parts, want %d", name, n, want)
		}
	}
	parts := func(sep string) *Message { return mustParse(t, head+"OBX|||||"+strings.Repeat("1"+sep, many-1)+"1\r") }
	n := 0
	for range parts("|").First("OBX").Fields() {
		n++
	}
	count("fields", n, many+4)
	m, all := parts("~"), Path{}
	n = 0
	for range m.First("OBX").Reps(5) {
		n++
	}
	count("repetitions", n, many)
	all, _ = ParsePath("OBX-5(*)")
	n = 0
	for range m.Values(all) {
		n++
	}
	count("values of a path", n, many)
	if got := len(m.First("OBX").Field(5).Plain()); got != 2*many-1 {
		t.Errorf("%d bytes of plain text", got)
	}
	m, n = parts("^"), 0
	for range m.First("OBX").Field(5).Components() {
		n++
	}
	count("components", n, many)
	m, n = parts("&"), 0
	for range m.First("OBX").Field(5).Subcomponents() {
		n++
	}
	count("subcomponents", n, many)
}

// TestSegmentsAreLinear goes through a million segments by name, by iteration, as batches and as groups.
func TestSegmentsAreLinear(t *testing.T) {
	message := head + strings.Repeat("OBX|1\r", many)
	m, n := mustParse(t, message), 0
	for range m.All("OBX") {
		n++
	}
	for s := m.First("OBX"); s.Exists(); s = s.Next("OBX") {
		n++
	}
	for range m.PatientGroups() {
		n++ // none: there is neither patient nor order
	}
	if n != 2*many || m.Len() != many+1 {
		t.Errorf("%d segments by name, %d in all", n, m.Len())
	}
	orders := mustParse(t, head+"PID|1\r"+strings.Repeat("OBR|1\rOBX|1\r", many/2))
	for g := range orders.PatientGroups() {
		if len(g.Orders) != many/2 {
			t.Errorf("%d orders, want %d", len(g.Orders), many/2)
		}
	}
	if found := orders.Validate(standard(t)); len(found) != maxFindings {
		t.Errorf("%d findings", len(found))
	}
	for _, shape := range []string{"ORC|RE\r;PV1|1|I\r", "PV1|1|I\r;ORC|RE\r", "OBX|1\rPID|1\r;PV1\rEVN\r", "junk\r;ZZZ|1\r"} {
		one, other, _ := strings.Cut(shape, ";")
		message := header("ORU^R01", "2.5.1") + strings.Repeat(one, many/2) + strings.Repeat(other, many/2)
		if found := mustParse(t, message).Validate(standard(t)); len(found) != maxFindings {
			t.Errorf("%q: %d findings", shape, len(found))
		}
	}
	n = 0
	for range Split([]byte(strings.Repeat("MSH|^~\\&|A\r", many/4))) {
		n++
	}
	if n != many/4 {
		t.Errorf("%d messages, want %d", n, many/4)
	}
}

// TestCopyIsLinear re-encodes values of very many parts, which takes them apart and escapes them anew.
func TestCopyIsLinear(t *testing.T) {
	for _, sep := range []string{"~", "^", "&", "\\T\\", "\\.br\\"} {
		m := mustParse(t, head+"NTE|1||"+strings.Repeat("é"+sep, many/4)+"\r")
		b := NewBuilder(Delimiters{'#', '*', '!', '?', '%', 0}, "8859/1")
		b.Segment("MSH")
		b.Copy(m.First("NTE"))
		if got := len(b.Bytes()); got < many/2 {
			t.Errorf("%s: copied as %d bytes", sep, got)
		}
	}
	// In characters of two bytes the separators are looked for character by character.
	m, n := mustParse(t, withCharset("BIG-5", strings.Repeat("\xB3\x5C^", many))), 0
	for range m.First("PID").Field(5).Components() {
		n++
	}
	if n < many {
		t.Errorf("%d components", n)
	}
}
