package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/hl7"
	"github.com/lockport-hie/lockport/mllp"
)

// corpora is where public messages lie beside the project.
const corpora = "../../../shared/corpora"

// table reads one of the corpora's tab-separated lists as maps by column name.
func corporaTable(t *testing.T, name string) []map[string]string {
	raw, err := os.ReadFile(filepath.Join(corpora, name))
	if err != nil {
		t.Skipf("SKIPPED: the public messages are not beside this checkout: %v", err)
	}
	lines := strings.Split(strings.TrimRight(string(raw), "\n"), "\n")
	head := strings.Split(lines[0], "\t")
	var rows []map[string]string
	for _, line := range lines[1:] {
		row := map[string]string{}
		for i, v := range strings.Split(line, "\t") {
			row[head[i]] = v
		}
		rows = append(rows, row)
	}
	return rows
}

// sentControlID finds MSH-10 without the project's own parser: the tenth field
// of the first line that begins with MSH.
func sentControlID(raw []byte) string {
	i := bytes.Index(raw, []byte("MSH"))
	if i < 0 || len(raw) < i+4 {
		return ""
	}
	header := raw[i:]
	if end := bytes.IndexAny(header, "\r\n"); end >= 0 {
		header = header[:end]
	}
	fields := strings.Split(string(header), string(header[3]))
	if len(fields) < 10 {
		return ""
	}
	return fields[9]
}

// notTaken are the event messages of tier A that are refused although they are
// not marked invalid, each with its reason (docs/PROTOCOL.md lists them).
var notTaken = map[string]string{
	"hapifhir__hapi-hl7v2/130-ExtendedMinLowerLayerProtocolTest-116.hl7": "the repetition separator in MSH-2 is a replacement character of three bytes",
	"CDCgov__data-exchange-hl7/174-Lyme-WithBadDelimiters.hl7":           "MSH-2 uses one character for everything",
	"CDCgov__prime-reportstream/469-UniversalPipelineTestUtils-106.hl7":  "MSH-2 has six characters",
}

// TestPublicMessagesAreAnswered sends every complete public message to a server
// that adopts unknown senders.
func TestPublicMessagesAreAnswered(t *testing.T) {
	rows := corporaTable(t, "INDEX.tsv")
	s := startServer(t, unknownAccept)
	client := s.dial()
	events, accepted, sent := 0, 0, 0
	for _, row := range rows {
		if row["tier"] != "A" {
			continue
		}
		raw, err := os.ReadFile(filepath.Join(corpora, "messages", row["file"]))
		if err != nil {
			t.Fatal(err)
		}
		raw = bytes.Trim(raw, "\x0b\x1c\r\n") // some were found with their frame, or a part of it
		sent++
		reply, err := client.Exchange(context.Background(), raw)
		if err != nil {
			t.Fatalf("%s: no answer: %v", row["file"], err)
		}
		answer, err := hl7.Parse(reply)
		if err != nil {
			t.Fatalf("%s: the answer cannot be read: %v", row["file"], err)
		}
		msa := answer.First("MSA")
		if got, want := string(msa.Field(2).Raw()), sentControlID(raw); got != want {
			t.Errorf("%s: MSA-2 is not MSH-10", row["file"])
		}
		if isQuery(row["msh9_1"]) {
			if code := msa.Text(1); code != "AR" && code != "CR" {
				t.Errorf("%s: a query of an unknown sender was answered %s", row["file"], code)
			}
			continue
		}
		if strings.Contains(row["oddities"], "invalid-by-name") {
			continue
		}
		events++
		if hl7.AckCode(msa.Text(1)).Positive() {
			accepted++
		} else if notTaken[row["file"]] == "" {
			t.Errorf("%s: answered %s, and no reason is written down", row["file"], msa.Text(1))
		}
	}
	t.Logf("%d sent, %d of %d events accepted", sent, accepted, events)
	if sent != 2111 || accepted*100 < events*99 {
		t.Errorf("%d sent, %d of %d events accepted: want 2111 and 99 of 100", sent, accepted, events)
	}
	s.settle()
	if p := s.store.Stats().Poisoned; p != 0 {
		t.Errorf("the projection of %d messages failed", p)
	}
}

func isQuery(code string) bool {
	return slices.Contains([]string{"QRY", "QBP", "QSB", "QSX", "QCN", "QVR", "SPQ", "VQQ", "EQQ", "RQQ", "OSQ", "NMQ"}, code)
}

// TestHospitalStreamsAreTaken sends the three generated streams whole.
func TestHospitalStreamsAreTaken(t *testing.T) {
	if _, err := os.Stat(corpora); err != nil {
		t.Skipf("SKIPPED: the public messages are not beside this checkout: %v", err)
	}
	s := startServer(t, unknownAccept)
	var hospitals sync.WaitGroup
	counts := make([]map[string]uint64, 3)
	for i, name := range hospitalNames {
		hospitals.Go(func() { counts[i] = s.sendStream(filepath.Join(corpora, "simhospital-"+name+".mllp.gz")) })
	}
	hospitals.Wait()
	sent, total := map[string]uint64{}, uint64(0)
	for _, count := range counts {
		for kind, n := range count {
			sent[kind] += n
			total += n
		}
	}
	if total != 14174 {
		t.Errorf("%d messages sent, want 14174", total)
	}
	stored := map[string]uint64{}
	for e, err := range s.store.Entries(context.Background(), 1, false) {
		if err != nil {
			t.Fatal(err)
		}
		if m, ok := e.Body.(*lockport.Message); ok && e.Kind == lockport.EntryMessage {
			stored[m.Type]++
		}
	}
	if !maps.Equal(stored, sent) {
		t.Errorf("stored by type: %v, sent: %v", stored, sent)
	}
	s.settle()
	if p := s.store.Stats().Poisoned; p != 0 {
		t.Errorf("the projection of %d messages failed", p)
	}
}

// sendStream sends one stream of frames, every one of which must be answered AA,
// and counts what was sent by type.
func (s *server) sendStream(file string) map[string]uint64 {
	sent := map[string]uint64{}
	f, err := os.Open(file)
	if err != nil {
		s.t.Error(err)
		return sent
	}
	defer f.Close()
	unpacked, err := gzip.NewReader(f)
	if err != nil {
		s.t.Error(err)
		return sent
	}
	frames, client := mllp.NewReader(unpacked, maxFrameSent), s.dial()
	for {
		frame, err := frames.ReadFrame()
		if err == io.EOF {
			return sent
		}
		reply, failed := client.Exchange(context.Background(), frame)
		if err != nil || failed != nil {
			s.t.Errorf("%s: %v %v", filepath.Base(file), err, failed)
			return sent
		}
		m, err := hl7.Parse(reply)
		if err != nil || m.First("MSA").Text(1) != "AA" || string(m.First("MSA").Field(2).Raw()) != sentControlID(frame) {
			s.t.Errorf("%s: a message is not answered AA", filepath.Base(file))
			return sent
		}
		fields := strings.Split(string(frame[:bytes.IndexByte(frame, '\r')]), "|")
		kind := strings.Split(fields[8], "^")
		sent[kind[0]+"^"+kind[1]]++
	}
}

// expected are columns of EXPECT.tsv and the paths that mean the same. The table
// goes down to the first subcomponent and leaves out blanks around a value.
var expected = []struct{ column, path string }{
	{"MSH-9.1", "MSH-9.1"}, {"MSH-9.2", "MSH-9.2"}, {"MSH-10", "MSH-10.1.1"}, {"MSH-12", "MSH-12.1.1"},
	{"PID-3.1", "PID-3.1.1"}, {"PID-5.1", "PID-5.1.1"}, {"PID-7.1", "PID-7.1.1"},
	{"OBX1-3.1", "OBX-3.1.1"}, {"OBX1-5.1.1_unescaped", "OBX-5.1.1"},
}

// TestGetPrintsWhatIndependentParsersRead holds `lockport hl7 get` against
// values on which other parsers agree.
func TestGetPrintsWhatIndependentParsersRead(t *testing.T) {
	compared := 0
	for _, row := range corporaTable(t, "EXPECT.tsv") {
		args := []string{"hl7", "get", "--output", "json", filepath.Join(corpora, "messages", row["file"])}
		for _, e := range expected {
			args = append(args, e.path)
		}
		env, _ := testEnvironment(t)
		if code := run(t.Context(), env, args); code != 0 {
			if differs[row["file"]] == "" {
				t.Errorf("%s: exit code %d", row["file"], code)
			}
			continue
		}
		var got []string
		if err := json.Unmarshal([]byte(fmt.Sprint(env.Out)), &got); err != nil {
			t.Fatal(err)
		}
		for i, e := range expected {
			compared++
			want, value := row[e.column], strings.TrimSpace(got[i])
			if sum, ok := strings.CutPrefix(want, "sha256:"); ok {
				value, want = fmt.Sprintf("%x:%d", sha256.Sum256([]byte(value)), len(value)), sum
			}
			if value != strings.TrimSpace(unquote(want)) && differs[row["file"]+" "+e.column] == "" {
				t.Errorf("%s: %s differs", row["file"], e.column)
			}
		}
	}
	t.Logf("%d values compared", compared)
}

// unquote undoes the quoting and escaping of the table.
func unquote(s string) string {
	if len(s) > 1 && s[0] == '"' && s[len(s)-1] == '"' {
		s = strings.ReplaceAll(s[1:len(s)-1], `""`, `"`)
	}
	return strings.NewReplacer(`\\`, `\`, `\t`, "\t", `\n`, "\n", `\r`, "\r", `\"`, `"`).Replace(s)
}

// differs are the places of EXPECT.tsv for which `lockport hl7 get` prints
// something else, or nothing, on purpose (docs/PROTOCOL.md lists them).
var differs = map[string]string{
	"hapifhir__hapi-hl7v2/130-ExtendedMinLowerLayerProtocolTest-116.hl7":       "MSH-2 has a replacement character of three bytes for the repetition separator",
	"CDCgov__prime-reportstream/469-UniversalPipelineTestUtils-106.hl7":        "MSH-2 has six characters",
	"CDCgov__prime-reportstream/470-UniversalPipelineTestUtils-121.hl7":        "MSH-1 is missing",
	"cosyte__hl7/260-ack-property-test-36.hl7":                                 "MSH-2 has one character",
	"cosyte__mllp/026-ack-mode-read-test-259.hl7":                              "MSH-2 has one character",
	"cosyte__mllp/027-ack-mode-read-test-262.hl7":                              "MSH-2 has one character",
	"cosyte__mllp/028-ack-mode-read-test-268.hl7":                              "MSH-2 is empty",
	"Bugs5382__node-hl7/036-hl7-parser-test-44.hl7 PID-5.1":                    "MSH-18 says 8859/1 over bytes of UTF-8, and MSH-18 is honoured",
	"cosyte__hl7/280-serialize-pretty-print-test-300.hl7 OBX1-5.1.1_unescaped": "a formatting command stays as it is in a value that is not formatted text",
	"cosyte__hl7/293-serialize-to-string-test-176.hl7 OBX1-5.1.1_unescaped":    "a formatting command stays as it is in a value that is not formatted text",
}
