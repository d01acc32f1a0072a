package hl7

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	iofs "io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const corpora = "../../shared/corpora"

// needCorpora skips a test where the public messages are not at hand.
func needCorpora(t testing.TB) {
	if _, err := os.Stat(corpora); err != nil {
		t.Skip("SKIPPED: the public corpora are not here: ../shared/corpora relative to the project")
	}
}

// TestCorporaRoundTrip reads every public message: nothing may panic, validation included, and segments, fields, repetitions, components
// and subcomponents joined again must be the received bytes.
func TestCorporaRoundTrip(t *testing.T) {
	needCorpora(t)
	parsed, refused, profile := 0, 0, standard(t)
	err := filepath.WalkDir(corpora+"/messages", func(path string, d iofs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for message, err := range Split(b) {
			if err != nil {
				continue
			}
			m, err := Parse(message)
			if err != nil {
				refused++
				RejectUnparsable(message, Ack{})
				continue
			}
			parsed++
			checkRoundTrip(t, filepath.Base(path), m)
			m.Validate(profile)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d messages parsed, %d refused", parsed, refused)
	if parsed < 3000 {
		t.Errorf("only %d messages parsed", parsed)
	}
}

// checkRoundTrip takes a message apart to its smallest pieces and compares what they make together.
func checkRoundTrip(t testing.TB, name string, m *Message) {
	t.Helper()
	end, n := 0, 0
	for i, s := range m.Segments() {
		if s != m.Segment(i) || int(s.index) != i {
			t.Errorf("%s: segment %d differs by index and by iteration", name, i)
		}
		from, to := s.Offsets()
		if gap := bytes.Trim(m.Raw()[end:from], "\r\n \t\v\x1c\xEF\xBB\xBF"); len(gap) > 0 {
			t.Errorf("%s: %d bytes lost before segment %d", name, len(gap), i)
		}
		if sought := m.next(s.from, i); s != sought {
			t.Errorf("%s: segment %d ends elsewhere when its end is sought", name, i)
		}
		if !s.Junk() && !bytes.Equal(rejoin(s), s.Raw()) {
			t.Errorf("%s: segment %d does not round-trip", name, i)
		}
		fields := 0
		for f, v := range s.Fields() {
			if fields++; f != fields || f <= 40 && v != s.Field(f) {
				t.Errorf("%s: field %d of segment %d differs by number and by iteration", name, f, i)
			}
		}
		if fields != s.NumFields() {
			t.Errorf("%s: segment %d has %d fields by iteration and %d by count", name, i, fields, s.NumFields())
		}
		end, n = to, n+1
	}
	if n != m.Len() {
		t.Errorf("%s: Len is %d, iteration gives %d", name, m.Len(), n)
	}
	if rest := bytes.Trim(m.Raw()[end:], "\r\n \t\x1c"); len(rest) > 0 {
		t.Errorf("%s: %d bytes lost behind the last segment", name, len(rest))
	}
}

// rejoin builds the bytes of a segment from its smallest pieces.
func rejoin(s Segment) []byte {
	d := s.m.Delimiters()
	out := []byte(s.ID())
	for n, field := range s.Fields() {
		if s.isHeader() && n == 1 {
			continue
		}
		out = append(out, d.Field)
		if s.isHeader() && n == 2 {
			out = append(out, field.Raw()...)
			continue
		}
		for r, rep := range field.Repetitions() {
			if r > 1 {
				out = append(out, d.Repetition)
			}
			for c, component := range rep.Components() {
				if c > 1 {
					out = append(out, d.Component)
				}
				for sub, v := range component.Subcomponents() {
					if sub > 1 {
						out = append(out, d.Subcomponent)
					}
					out = append(out, v.Raw()...)
				}
			}
		}
	}
	return out
}

// explained are the places where this package decides differently from the parsers that agree in EXPECT.tsv.
var explained = map[string]string{
	"hapifhir__hapi-hl7v2/130-ExtendedMinLowerLayerProtocolTest-116.hl7": "MSH-2 has a replacement character for ~: six bytes",
	"CDCgov__prime-reportstream/469-UniversalPipelineTestUtils-106.hl7":  "MSH-2 has six characters",
	"CDCgov__prime-reportstream/470-UniversalPipelineTestUtils-121.hl7":  "MSH-1 is missing: MSH^~\\&|",
	"cosyte__hl7/260-ack-property-test-36.hl7":                           "MSH-2 has one character",
	"cosyte__mllp/026-ack-mode-read-test-259.hl7":                        "MSH-2 has one character",
	"cosyte__mllp/027-ack-mode-read-test-262.hl7":                        "MSH-2 has one character",
	"cosyte__mllp/028-ack-mode-read-test-268.hl7":                        "MSH-2 is empty",
	"Bugs5382__node-hl7/036-hl7-parser-test-44.hl7 PID-5.1":              "MSH-18 says 8859/1 over UTF-8 bytes: MSH-18 is honoured",
}

// TestCorporaExpect compares values with those on which independent parsers agree.
func TestCorporaExpect(t *testing.T) {
	needCorpora(t)
	table, err := os.ReadFile(corpora + "/EXPECT.tsv")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(table), "\n"), "\n")
	columns := strings.Split(lines[0], "\t")
	rows, differences := 0, 0
	for _, line := range lines[1:] {
		cells := strings.Split(line, "\t")
		file := cells[0]
		b, err := os.ReadFile(corpora + "/messages/" + file)
		if err != nil {
			t.Fatal(err)
		}
		rows++
		m, err := firstMessage(b)
		if err != nil {
			differences++
			if explained[file] == "" {
				t.Errorf("%s: refused: %v", file, err)
			}
			continue
		}
		for i := 4; i < len(cells) && i < 13; i++ {
			got := expectValue(m, columns[i])
			if want, ok := strings.CutPrefix(cells[i], "sha256:"); ok {
				got, cells[i] = fmt.Sprintf("%x:%d", sha256.Sum256([]byte(got)), len(got)), want
			}
			if got != strings.TrimSpace(unquote(cells[i])) {
				differences++
				if explained[file] == "" && explained[file+" "+columns[i]] == "" {
					t.Errorf("%s: %s: got %q, want %q", file, columns[i], got, unquote(cells[i]))
				}
			}
		}
	}
	t.Logf("%d rows, %d explained differences", rows, differences)
}

// firstMessage parses a file, or the first message in it when it begins with something else.
func firstMessage(b []byte) (*Message, error) {
	m, err := Parse(b)
	if err == nil {
		return m, nil
	}
	for message, splitErr := range Split(b) {
		if splitErr == nil {
			return Parse(message)
		}
	}
	return nil, err
}

// expectValue returns what a column of EXPECT.tsv states. The table goes down to the first subcomponent and leaves out
// blanks around a value, where this package returns what a path names, blanks included.
func expectValue(m *Message, column string) string {
	var v Value
	switch column {
	case "OBX_count":
		n := 0
		for range m.All("OBX") {
			n++
		}
		return strconv.Itoa(n)
	case "OBX1-5_raw":
		return string(bytes.TrimSpace(m.First("OBX").Field(5).Raw()))
	case "OBX1-5.1.1_unescaped":
		v = m.First("OBX").Component(5, 1).Subcomponent(1)
	default:
		var err error
		if v, err = m.Get(strings.Replace(column, "OBX1", "OBX", 1)); err != nil {
			return err.Error()
		}
		v = v.Component(1).Subcomponent(1)
	}
	return strings.TrimSpace(v.Text())
}

// unquote undoes the quoting and escaping of the table.
func unquote(s string) string {
	if len(s) > 1 && s[0] == '"' && s[len(s)-1] == '"' {
		s = strings.ReplaceAll(s[1:len(s)-1], `""`, `"`)
	}
	return strings.NewReplacer(`\\`, `\`, `\t`, "\t", `\n`, "\n", `\r`, "\r", `\"`, `"`).Replace(s)
}
