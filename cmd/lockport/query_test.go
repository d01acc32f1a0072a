package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/hl7"
)

// The query is written as the site profile demands: an emergency with everything in it.
func TestResultsQuery(t *testing.T) {
	o := queryOptions{
		as: "ED|UPSTATE^2.999.1^ISO", receiver: "LOCKPORT|HIE", patient: "55-901^^^FAMCARE&2.999.2&ISO^MR",
		from: "2024-03-07", until: "20250307", codes: []string{"4548-4^Hemoglobin A1c^LN", "2345-7"}, purpose: "ETREAT",
		clinician: "1234567893", reason: "UNCONSC", attest: "I attest | to this.", limit: 50,
	}
	message, err := o.build(time.Date(2025, 3, 7, 3, 15, 0, 0, time.FixedZone("EST", -5*3600)), "Q1")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Join([]string{
		`MSH|^~\&|ED|UPSTATE^2.999.1^ISO|LOCKPORT|HIE|20250307031500-0500||QBP^ZR1^QBP_Q11|Q1|P|2.5.1||||||UNICODE UTF-8|||ZR1^LOCKPORT`,
		`QPD|ZR1^Results Query^LOCKPORT|Q1|55-901^^^FAMCARE&2.999.2&ISO^MR|20240307|20250307|4548-4^Hemoglobin A1c^LN~2345-7|ETREAT^^ActReason|1234567893^^^^^^^^^^^^NPI|UNCONSC^^LOCKPORT|I attest \F\ to this.`,
		`RCP|I|50^RD|R`,
	}, "\r") + "\r"
	if string(message) != want {
		t.Errorf("got\n%s\nwant\n%s", strings.ReplaceAll(string(message), "\r", "\n"), strings.ReplaceAll(want, "\r", "\n"))
	}
}

// reply parses an answer to a query.
func reply(t *testing.T, segments ...string) *hl7.Message {
	t.Helper()
	m, err := hl7.Parse([]byte("MSH|^~\\&|LOCKPORT|HIE|EHR|FAMCARE|20250303080501-0500||RSP^ZR2^RSP_ZR2|L1|P|2.5.1\r" + strings.Join(segments, "\r") + "\r"))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// exitOf is the exit code that an error would end the command with.
func exitOf(err error) int {
	var silent *errSilent
	switch {
	case err == nil:
		return 0
	case errors.As(err, &silent):
		return silent.kind.Meaning().Exit
	}
	return lockport.KindOf(err).Meaning().Exit
}

// The exit code is what a script goes by (DESIGN §10).
func TestReplyDecidesTheExitCode(t *testing.T) {
	const record = "PID|1||MR1^^^UPSTATE\rOBR|1||F1|4548-4^A1c^LN\rOBX|1|NM|4548-4^A1c^LN||6.1|%"
	for name, c := range map[string]struct {
		segments []string
		exit     int
	}{
		"a record":                 {[]string{"MSA|AA|Q1", "QAK|T|OK", record}, 0},
		"an order without results": {[]string{"MSA|AA|Q1", "QAK|T|OK", "PID|1||MR1", "OBR|1||F1|4548-4"}, 0},
		"nothing found":            {[]string{"MSA|AA|Q1", "QAK|T|NF"}, 3},
		"protected":                {[]string{"MSA|AA|Q1", "QAK|T|PD"}, 3},
		"OK without a record":      {[]string{"MSA|AA|Q1", "QAK|T|OK"}, 3},
		"unknown patient":          {[]string{"MSA|AE|Q1", "ERR||QPD^1^3|204^x^HL70357|E"}, 3},
		"unknown patient of QRY":   {[]string{"MSA|AE|Q1", "ERR||QRD^1^8|204^x^HL70357|E"}, 3},
		"unknown clinician":        {[]string{"MSA|AE|Q1", "ERR||QPD^1^8|204^x^HL70357|E"}, 1},
		"no decision":              {[]string{"MSA|AE|Q1", "ERR|||207^x^HL70357|E"}, 1},
		"refused":                  {[]string{"MSA|AR|Q1", "ERR||MSH^1^9|200^x^HL70357|E"}, 1},
		"no MSA":                   {[]string{"QAK|T|OK", record}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			env, out, _ := bare()
			env.Output = outputJSON
			if got := exitOf(env.showReply(reply(t, c.segments...), false)); got != c.exit {
				t.Errorf("exit code %d, want %d", got, c.exit)
			}
			if c.exit == 3 && strings.HasPrefix(c.segments[0], "MSA|AA") && strings.TrimSpace(out.String()) != "[]" {
				t.Errorf("no empty list: %q", out)
			}
		})
	}
}

func TestReportsAreReadByTheirOrder(t *testing.T) {
	reports := readReports(reply(t, "MSA|AA|Q1",
		"PID|1||MR1^^^UPSTATE~MR2", "ORC|RE|P1|F1", "OBR|1|||24323-8^Panel^LN|||202503010930", "OBX|1|NM|2345-7^Glucose^LN||95|mg/dL|70-99|N|||F",
		"OBX|2|CWE|600-7^Culture^LN||112283007^E. coli^SCT", "OBX|3|FT|11502-2^Report^LN||one\\.br\\two",
		"PID|2||MR9^^^FAMCARE", "OBR|1|P2|F2|4548-4"))
	if len(reports) != 2 || len(reports[0].Observations) != 3 || reports[1].Patient != "MR9^^^FAMCARE" {
		t.Fatalf("%+v", reports)
	}
	first := reports[0]
	if first.Filler != "F1" || first.Placer != "P1" || first.Patient != "MR1^^^UPSTATE" {
		t.Errorf("order numbers of ORC are lost: %+v", first)
	}
	if got := first.Observations[1].Value + "/" + first.Observations[2].Value; got != "E. coli/one\ntwo" {
		t.Errorf("values %q", got)
	}
}

func TestShortTime(t *testing.T) {
	for text, want := range map[string]string{
		"2025": "2025", "202503": "2025-03", "20250301": "2025-03-01", "2025030109": "2025-03-01 09", "202503010930": "2025-03-01 09:30",
		"20250301093000.1234-0500": "2025-03-01 09:30:00.1234-0500", "": "", "soon": "soon",
	} {
		if got := shortTime(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

func TestRefusalTextOfAllVersions(t *testing.T) {
	for want, segments := range map[string][]string{
		"101 MSH-10 id is missing": {"MSA|AE|Q1", "ERR||MSH^1^10|101^Required field missing^HL70357|E||||id is missing"},
		"204 PID-3":                {"MSA|AE|Q1", "ERR|PID^1^3^204&Unknown key identifier&HL70357"},
		"too busy":                 {"MSA|AR|Q1|too busy"},
		"":                         {"MSA|AR|Q1"},
	} {
		if got := refusalText(reply(t, segments...)); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
