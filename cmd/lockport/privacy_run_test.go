package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lockport-hie/lockport/hl7"
	"github.com/lockport-hie/lockport/mllp"
)

// register makes a region, and changes of every kind that need no patient.
func (w *witness) register() {
	for line := range strings.Lines(`participant add upstate --name 'Upstate Hospital' --type hospital --joined 2020-01-01
participant add famcare --name 'Family Care' --type practice --joined 2020-01-01
participant add gone --name 'Gone' --type practice
location add main --participant upstate --name Main --type hospital --county Onondaga
location add other --participant gone --name Other --type practice
authority add OTHER --owner gone
application add adt --participant upstate --msh 'ADT|UPSTATE' --role source --authority UPSTATE
application add ehr --participant famcare --msh 'EHR|FAMCARE' --role provider
application add ed --participant upstate --msh 'ED|UPSTATE' --role provider
application add none --participant gone --msh 'NONE|GONE' --role source --authority OTHER
provider add 1003000126 --name 'Ida Renner' --participant upstate,famcare
provider add 1003000142 --name 'Lia Voss' --participant upstate
provider add 1003000134 --name 'Ben Toll' --participant gone
provider remove 1003000134
application remove none
authority remove OTHER
location remove other
participant remove gone
`) {
		w.do(0, line)
	}
	list := filepath.Join(w.t.TempDir(), "participants.csv")
	if err := os.WriteFile(list, []byte("no head of a list, "+plantedWord+"\n"), 0o600); err != nil {
		w.t.Fatal(err)
	}
	w.do(1, "participant import", list)
	w.feeds()
}

// feeds registers destinations that fail: nobody answers, the connection ends, and an
// answer that says no and repeats what it was sent.
func (w *witness) feeds() {
	for name, answer := range map[string]func(m *hl7.Message) mllp.Reply{
		"hangs-up": func(*hl7.Message) mllp.Reply { return mllp.Reply{Close: true} },
		"refuses": func(m *hl7.Message) mllp.Reply {
			said := "there is no patient " + plantedWord + " " + plantedNumber
			return mllp.Reply{Frame: []byte(`MSH|^~\&|EHR|FAMCARE|LOCKPORT|HIE|20250301||ACK|P1|P|2.5.1` + "\rMSA|AE|" + m.Header().Text(10) + "|" + said +
				"\rERR||" + said + "|204|E||||" + said + "\r" + plantedWord + "\r")}
		},
	} {
		w.do(0, "feed add "+name+" --application ehr --to", listenFor(w.t, answer))
	}
	w.do(0, "feed add nobody --application ehr --to", freeAddress(w.t))
	w.do(0, "feed add short --application ehr --to", freeAddress(w.t))
	w.do(0, "feed remove short")
}

// listenFor answers each message that arrives until the test ends.
func listenFor(t testing.TB, answer func(m *hl7.Message) mllp.Reply) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &mllp.Server{Handler: mllp.HandlerFunc(func(_ context.Context, _ *mllp.Peer, frame []byte) mllp.Reply {
		m, err := hl7.Parse(frame)
		if err != nil {
			return mllp.Reply{Close: true}
		}
		return answer(m)
	})}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		server.Shutdown(ctx) // a feed keeps its connection open, so there is nothing to wait for
		<-done
	})
	return l.Addr().String()
}

// consents records forms, sound and not.
func (w *witness) consents() {
	form := filepath.Join(w.t.TempDir(), "form.txt")
	if err := os.WriteFile(form, []byte("I, "+plantedWord+", born "+plantedNumber+", agree."), 0o600); err != nil {
		w.t.Fatal(err)
	}
	mr := "MR" + plantedNumber
	w.do(0, "consent record --patient '"+mr+"^^^UPSTATE' --participant famcare --decision give --signed 2025-03-02 --evidence", form)
	w.do(0, "consent record --patient '"+mr+"9^^^UPSTATE' --community --decision deny --signed 2025-03-02")
	w.do(0, "consent record --patient '"+mr+"8^^^UPSTATE' --participant famcare --decision give --signed 2025-03-02 --signer self --visit", "V"+plantedNumber+"^^^UPSTATE")
	w.do(1, "consent record --participant famcare --decision give --signed 2025-03-02 --patient", mr+"^^^NOBODY")
	w.do(1, "consent record --participant famcare --decision give --signed 2025-03-02 --patient", mr)
	w.do(1, "consent record --participant famcare --decision give --signed 2999-01-01 --patient", mr+"^^^UPSTATE")
	w.do(1, "consent record --participant nobody --decision give --signed 2025-03-02 --patient", mr+"^^^UPSTATE")
	w.do(1, "consent record --participant famcare --decision give --signed 2025-03-02 --evidence no-such-file --patient", mr+"^^^UPSTATE")
	w.do(1, "consent explain --participant upstate --patient", plantedWord+"^^^NOBODY")
}

// plantedAdmission is an ADT message with something planted wherever a patient may stand.
func plantedAdmission(event, id, header, authority string) string {
	n := plantedNumber
	return strings.Join([]string{
		`MSH|^~\&|ADT|UPSTATE|LOCKPORT|HIE|20250301101500-0500||` + event + `|` + id + header,
		`EVN||20250301101455-0500`,
		`PID|1||MR` + n + `^^^` + authority + `^MR||` + plantedWord + `^ANN||19610309|F|||` + n + ` ` + plantedWord + ` ROW^^UTICA^NY^13501||^PRN^PH^^1^315^` + n + `||||||` + n,
		`NK1|1|` + plantedWord + `^OLE|SPO`,
		`PV1|1|I|4E||||||||||||||||V` + n + `^^^UPSTATE`,
	}, "\r") + "\r"
}

// plantedReport is an ORU message with a planted value.
func plantedReport(id, authority string) string {
	return strings.Join([]string{
		`MSH|^~\&|ADT|UPSTATE|LOCKPORT|HIE|20250301121500-0500||ORU^R01^ORU_R01|` + id + `|P|2.5.1`,
		`PID|1||MR` + plantedNumber + `^^^` + authority + `^MR||` + plantedWord + `^ANN||19610309|F`,
		`OBR|1||` + id + `|2951-2^Sodium^LN|||20250301110000-0500|||||||||||||||20250301121400-0500||CH|F`,
		`OBX|1|NM|2951-2^Sodium^LN||` + plantedNumber + `|mmol/L|||||F`,
		`NTE|1||` + plantedWord + ` called back`,
	}, "\r") + "\r"
}

// events sends messages that are taken, held, refused and broken. None of their answers
// repeats what is in them.
func (w *witness) events() {
	sound := plantedAdmission("ADT^A01", "M1", "|P|2.5.1", "UPSTATE")
	for _, c := range []struct{ name, frame, code string }{
		{"taken", sound, "AA"},
		{"taken again", sound, "AA"},
		{"result", plantedReport("M2", "UPSTATE"), "AA"},
		{"held: authority", plantedAdmission("ADT^A01", "M3", "|P|2.5.1", "NOBODY"), "AA"},
		{"held: authority that is a name", plantedAdmission("ADT^A01", "M4", "|P|2.5.1", plantedWord), "AA"},
		{"held: group", plantedReport("M5", "NOBODY"), "AA"},
		{"held: merge", `MSH|^~\&|ADT|UPSTATE|L|H|20250305||ADT^A40|M6|P|2.5.1` + "\rPID|1||MR" + plantedNumber + "^^^UPSTATE||" + plantedWord + "\rMRG|MR" + plantedNumber + "7^^^NOBODY\r", "AA"},
		{"refused: event", plantedAdmission("ADT^Z99", "M7", "|P|2.5.1", "UPSTATE"), "AR"},
		{"refused: version", plantedAdmission("ADT^A01", "M8", "|P|9.9", "UPSTATE"), "AR"},
		{"refused: processing id", plantedAdmission("ADT^A01", "M9", "|T|2.5.1", "UPSTATE"), "AR"},
		{"refused: control id", plantedAdmission("ADT^A01", "", "|P|2.5.1", "UPSTATE"), "AE"},
		{"refused: sender", strings.Replace(sound, "ADT|UPSTATE", "WHO|ELSE", 1), "AR"},
		{"refused: consent", strings.Replace(plantedAdmission("ADT^A04", "M10", "|P|2.7.1", "UPSTATE"), "NK1|1", "CON|1|"+plantedWord, 1), "AE"},
		{"enhanced mode, refused", plantedAdmission("ADT^A01", "M11", "|T|2.5.1|||AL|NE", "UPSTATE"), "CR"},
		{"malformed: no message", plantedWord + " has the number " + plantedNumber, "AR"},
		{"malformed: begins with PID", sound[strings.Index(sound, "PID"):], "AR"},
		{"malformed: header", "MSH|\rPID|1||" + plantedNumber + "||" + plantedWord + "\r", "AR"},
		{"malformed: cut header", "MSH|^~\\&|ADT|UPSTATE\rPID|1||" + plantedNumber + "||" + plantedWord + "\r", "AR"},
		{"malformed: junk", sound + plantedWord + "\r\x00\xff" + plantedNumber + "\r", "AA"},
		{"malformed: escapes", strings.Replace(sound, "|M1|", "|M12|", 1) + `OBX|1|TX|` + plantedWord + `||\X` + plantedNumber + `\\Zx\` + "\r", "AA"},
		{"too large", strings.Replace(sound, "ROW", strings.Repeat("ROW "+plantedWord, 500), 1), "AR"},
	} {
		reply, err := w.client.Exchange(context.Background(), []byte(c.frame))
		if err != nil {
			w.t.Fatalf("%s: %v", c.name, err)
		}
		m, err := hl7.Parse(reply)
		if err != nil {
			w.t.Fatalf("%s: %v", c.name, err)
		}
		if got := m.First("MSA").Text(1); got != c.code {
			w.t.Errorf("%s: answered %s, want %s", c.name, got, c.code)
		}
		w.note("the answer to what was "+c.name, reply)
	}
	w.truncated(sound[:len(sound)-40])
	w.files("with a frame that broke off")
	w.sendFiles(sound)
}

// truncated sends the beginning of a frame and goes away.
func (w *witness) truncated(beginning string) {
	conn, err := net.Dial("tcp", w.address)
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "\v"+beginning); err != nil {
		w.t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		w.t.Fatal(err)
	}
	reply, err := io.ReadAll(conn)
	if err != nil {
		w.t.Fatal(err)
	}
	w.note("the answer to a frame that broke off", reply)
}

// sendFiles sends what a sender's own files hold, and reads them offline.
func (w *witness) sendFiles(sound string) {
	dir := w.t.TempDir()
	for name, text := range map[string]string{
		"good.hl7": strings.Replace(sound, "|M1|", "|S1|", 1), "bad.hl7": strings.Replace(sound, "|A01|", "|Z99|", 1),
		"none.hl7": plantedWord + " " + plantedNumber,
		// A name where a time, a code and a segment's own name belong.
		"wrong.hl7": strings.NewReplacer("19610309|F", plantedWord+"|"+plantedWord, "20250301101455-0500", plantedWord, "NK1|", plantedWord+"|").Replace(sound),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			w.t.Fatal(err)
		}
	}
	w.do(0, "send --to "+w.address, filepath.Join(dir, "good.hl7"))
	w.do(1, "send --to "+w.address, filepath.Join(dir, "none.hl7"))
	for _, format := range []string{"table", "json"} {
		w.do(1, "hl7 validate --output "+format, filepath.Join(dir, "wrong.hl7"))
		w.do(1, "hl7 validate --output "+format, filepath.Join(dir, "none.hl7"))
	}
	for _, args := range [][]string{
		{"hl7", "get", filepath.Join(dir, "none.hl7"), "PID-5"}, {"hl7", "show", filepath.Join(dir, "none.hl7")},
		{"hl7", "get", filepath.Join(dir, "good.hl7"), "PID-5.1"}, {"hl7", "show", filepath.Join(dir, "good.hl7")},
	} {
		code, out, errs := commandLine(w.dir, args...)
		w.note("stderr of hl7", []byte(errs))
		if strings.HasSuffix(args[2], "good.hl7") != (code == 0 && strings.Contains(out, plantedWord)) {
			w.t.Errorf("hl7 %s: exit code %d", args[1], code)
		}
	}
}

// queries asks well and badly. A reply holds the record or the question's own words; what
// is said about errors holds neither.
func (w *witness) queries() {
	mr := "MR" + plantedNumber
	attest := plantedWord + " is unconscious."
	for _, c := range []struct {
		code   int
		record bool
		line   string
		more   []string
	}{
		{0, true, "--as 'EHR|FAMCARE' --patient", []string{mr + "^^^UPSTATE"}},
		{0, true, "--raw --as 'EHR|FAMCARE' --patient", []string{mr + "^^^UPSTATE"}},
		{3, false, "--as 'EHR|FAMCARE' --patient", []string{mr + "5^^^UPSTATE"}},
		{3, false, "--as 'EHR|FAMCARE' --patient", []string{mr + "9^^^UPSTATE"}},
		{3, false, "--as 'EHR|FAMCARE' --patient", []string{mr + "^^^NOBODY"}},
		{1, false, "--as 'ADT|UPSTATE' --patient", []string{mr + "^^^UPSTATE"}},
		{1, false, "--as 'WHO|ELSE' --patient", []string{mr + "^^^UPSTATE"}},
		{1, false, "--as 'EHR|FAMCARE' --clinician 1999999984 --patient", []string{mr + "^^^UPSTATE"}},
		{2, false, "--as 'EHR|FAMCARE' --from yesterday --patient", []string{mr + "^^^UPSTATE"}},
		{2, false, "--as 'EHR|FAMCARE' --patient", []string{plantedWord + "|" + plantedNumber}},
		{3, false, "--as 'ED|UPSTATE' --clinician 1003000126 --patient", []string{mr + "^^^UPSTATE"}},
		{0, true, "--as 'ED|UPSTATE' --clinician 1003000126 --purpose ETREAT --patient", []string{mr + "^^^UPSTATE", "--emergency-reason", "for " + plantedWord, "--attest", attest}},
		{0, true, "--as 'ED|UPSTATE' --clinician 1003000142 --purpose ETREAT --patient", []string{mr + "^^^UPSTATE", "--emergency-reason", plantedWord, "--attest", attest}},
		{3, false, "--as 'ED|UPSTATE' --clinician 1003000126 --purpose ETREAT --patient", []string{mr + "9^^^UPSTATE", "--emergency-reason", "UNCONSC", "--attest", attest}},
	} {
		code, out, errs := commandLine(w.dir, append(words("query results --to "+w.address+" "+c.line), c.more...)...)
		w.note("stderr of query results", []byte(errs))
		if code != c.code || c.record != strings.Contains(out, plantedNumber) {
			w.t.Errorf("query %s: exit code %d, want %d; a record: %t; %s", c.line, code, c.code, c.record, errs)
		}
	}
	w.brokenQueries()
}

// brokenQueries sends queries that no command makes.
func (w *witness) brokenQueries() {
	header := func(event, id string) string {
		return `MSH|^~\&|EHR|FAMCARE|LOCKPORT|HIE|20250303080000-0500||` + event + `|` + id + "|P|2.5.1\r"
	}
	mr := "MR" + plantedNumber + "^^^UPSTATE"
	for name, frame := range map[string]string{
		"no QPD":         header("QBP^ZR1^QBP_Q11", "B1") + "RCP|I|" + plantedWord + "\r",
		"no patient":     header("QBP^ZR1^QBP_Q11", "B2") + "QPD|ZR1|B2||" + plantedNumber + "\r",
		"two patients":   header("QBP^ZR1^QBP_Q11", "B3") + "QPD|ZR1|B3|" + mr + "~" + mr + "\r",
		"window":         header("QBP^ZR1^QBP_Q11", "B4") + "QPD|ZR1|B4|" + mr + "|" + plantedWord + "\r",
		"quantity":       header("QBP^ZR1^QBP_Q11", "B5") + "QPD|ZR1|B5|" + mr + "\rRCP|I|" + plantedWord + "\r",
		"clinician":      header("QBP^ZR1^QBP_Q11", "B6") + "QPD|ZR1|B6|" + mr + "|||||" + plantedWord + "\r",
		"purpose":        header("QBP^ZR1^QBP_Q11", "B7") + "QPD|ZR1|B7|" + mr + "||||" + plantedWord + "\r",
		"not RES":        header("QRY^R02", "B8") + "QRD|20250303|R|I|B8|||50^RD|" + mr + "|" + plantedWord + "\r",
		"another query":  header("QBP^Q22^QBP_Q21", "B9") + "QPD|Q22|B9|@PID.5.1^" + plantedWord + "\r",
		"demographics":   header("QRY^A19", "B10") + "QRD|20250303|R|I|B10|||1^RD|" + mr + "|DEM\r",
		"event, no role": header("ADT^A01", "B11") + "PID|1||" + mr + "||" + plantedWord + "\r",
	} {
		reply, err := w.client.Exchange(context.Background(), []byte(frame))
		if err != nil {
			w.t.Fatalf("%s: %v", name, err)
		}
		for line := range bytes.SplitSeq(reply, []byte("\r")) {
			if id, _, _ := bytes.Cut(line, []byte("|")); slices.Contains([]string{"MSH", "MSA", "ERR", "QAK"}, string(id)) {
				w.note("MSH, MSA, ERR and QAK of the answer to a query, "+name, line)
			}
			if bytes.HasPrefix(line, []byte("OBX|")) {
				w.t.Errorf("%s: a record came back", name)
			}
		}
	}
}
