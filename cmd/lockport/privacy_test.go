package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/spf13/cobra"

	"github.com/lockport-hie/lockport/mllp"
)

// What is planted in everything that is about a patient: names, addresses and words hold
// the first, numbers and values the second. Neither occurs anywhere else.
const (
	plantedWord   = "QUXZVKJW"
	plantedNumber = "77309145"
)

// holdsBack are the commands whose output, and the server's answers behind it, never hold
// anything of a patient, whatever was received (DESIGN §7: operators' views are masked).
// Those of consent belong to a privacy officer and leave the patient out all the same.
var holdsBack = []string{
	"status", "version", "config check", "config show",
	"participant add", "participant import", "participant list", "participant show", "participant remove",
	"location add", "location list", "location show", "location remove",
	"application add", "application list", "application show", "application remove",
	"provider add", "provider list", "provider show", "provider remove",
	"authority add", "authority list", "authority show", "authority remove",
	"consent record", "consent list", "consent show", "consent void", "consent explain",
	"patient show", "patient link", "patient unlink", "patient unmerge",
	"message list", "message show", "message trace", // message show without --unmask
	"quarantine list", "quarantine show", "quarantine release", "quarantine discard",
	"feed add", "feed list", "feed show", "feed pause", "feed resume", "feed retry", "feed uncorrected", "feed remove",
	"audit tail", "audit verify", "send", "hl7 validate",
}

// mayShow are the outputs that may hold what a patient's record holds, and why.
var mayShow = map[string]string{
	"query results":   "the record, to a provider whom the gate let in; the query's own words otherwise",
	"query documents": "the record, to a provider whom the gate let in; the query's own words otherwise",
	"receive":         "a provider's receiving end prints what arrives",
	"hl7 get":         "prints a file of the caller's own",
	"hl7 show":        "prints a file of the caller's own",
	"message show":    "with --unmask only: one message, with a reason, written down first",
	"simulate":        "people that do not exist",
}

// knownLeaks are places where something of a question gets out that should not, each by
// what stands before the planted word. The test fails as soon as one is gone.
var knownLeaks = map[string]string{}

// notAsked are commands that have no output about what the server holds.
var notAsked = []string{"keys show", "keys export", "keys import", "rekey", "bench ingest", "bench open", "init", "serve", "demo", "check", "reindex", "compact", "backup", "restore", "retain"}

// leaks returns where planted words stand in data, as they are in any case, in
// hexadecimal or in base64, each with what is around it.
func leaks(data []byte) (found []string) {
	folded := bytes.ToLower(data)
	look := func(in []byte, what, form string) {
		for at := 0; len(found) < 1000; {
			i := bytes.Index(in[at:], []byte(form))
			if i < 0 {
				return
			}
			from, to := at+i, at+i+len(form)
			found = append(found, fmt.Sprintf("%s: %q", what, data[max(0, from-40):min(len(data), to+40)]))
			at = to
		}
	}
	for _, planted := range []string{plantedWord, plantedNumber} {
		look(folded, "as it is", strings.ToLower(planted))
		look(folded, "hexadecimal", hex.EncodeToString([]byte(planted)))
		for shift := range 3 { // where the word may begin within a group of three bytes
			padded := append(make([]byte, shift), planted...)
			text := base64.RawStdEncoding.EncodeToString(padded)
			look(data, "base64", text[(shift*8+5)/6:len(padded)*8/6])
		}
	}
	return found
}

// TestLeaksAreFound is the control: what the search finds when something does leak.
func TestLeaksAreFound(t *testing.T) {
	for name, text := range map[string]string{
		"log line":    `{"level":"info","message":"admitted Quxzvkjw, Ann"}`,
		"number":      `{"error":"no patient MR77309145"}`,
		"hexadecimal": "ff" + hex.EncodeToString([]byte("x"+plantedWord)) + "00",
		"base64 0":    base64.StdEncoding.EncodeToString([]byte(plantedWord + " is here")),
		"base64 1":    base64.StdEncoding.EncodeToString([]byte("a" + plantedNumber + " is here")),
		"base64 2":    base64.StdEncoding.EncodeToString([]byte("ab" + plantedWord + " is here")),
	} {
		if len(leaks([]byte(text))) == 0 {
			t.Errorf("a planted word in a %s is not found", name)
		}
	}
	if found := leaks([]byte("AAAAAAAA^999999999 PID-5.1")); len(found) > 0 {
		t.Errorf("found where nothing is: %q", found)
	}
}

// TestEveryCommandIsClassified: a new command is not forgotten here.
func TestEveryCommandIsClassified(t *testing.T) {
	left := map[string]bool{}
	for _, name := range slices.Concat(holdsBack, notAsked, slices.Collect(maps.Keys(mayShow))) {
		left[name] = true
	}
	walk(newRoot(&environment{Getenv: func(string) string { return "" }}), func(cmd *cobra.Command) {
		if cmd.HasSubCommands() || cmd.Hidden {
			return
		}
		name := strings.TrimPrefix(cmd.CommandPath(), "lockport ")
		if !left[name] {
			t.Errorf("nobody said whether the output of %q may hold a patient's data", name)
		}
		left[name] = false
	})
	for name, gone := range left {
		if gone {
			t.Errorf("there is no command %q", name)
		}
	}
}

// witness drives a whole server and collects everything that it says.
type witness struct {
	t       *testing.T
	dir     string
	address string // of the MLLP listener
	web     string
	client  *mllp.Client
	log     *buffer // all that the server writes
	stop    func()
	said    map[string][]byte // by where it was said: must hold nothing planted
	ran     map[string]bool   // commands that were run, by their names
}

// TestNothingOfPatientsGetsOut plants words in every kind of input and looks for them in
// everything that is not meant to hold them.
func TestNothingOfPatientsGetsOut(t *testing.T) {
	w := serveWitness(t)
	w.register()
	w.consents()
	w.events()
	w.queries()
	w.operate()
	w.look()
	w.unmask()
	w.outside()
	w.files("while it runs")
	w.stop()
	w.files("after it has stopped")
	w.note("the server's log", []byte(w.log.String()))
	w.judge()
	for _, name := range holdsBack {
		if !w.ran[name] {
			t.Errorf("%q was not run, so nothing is known of it", name)
		}
	}
	if text := w.log.String(); !strings.Contains(text, `"message":"stopping"`) {
		t.Errorf("the log was not collected: %s", text)
	}
	t.Logf("%d outputs and files were searched", len(w.said))
}

// judge looks through everything that was said.
func (w *witness) judge() {
	left := maps.Clone(knownLeaks)
	for where, text := range w.said {
		for _, leak := range leaks(text) {
			known := false
			for context := range knownLeaks {
				if where == "stdout of audit tail" && strings.Contains(leak, context) {
					known = true
					delete(left, context)
				}
			}
			if !known {
				w.t.Errorf("%s: %s", where, leak)
			}
		}
	}
	for context, defect := range left {
		w.t.Errorf("%q does not get out any more, take it off the list: %s", context, defect)
	}
}

// serveWitness starts a server through its own commands, at its most talkative.
func serveWitness(t *testing.T) *witness {
	w := &witness{t: t, dir: filepath.Join(t.TempDir(), "hie"), web: freeAddress(t), log: &buffer{}, said: map[string][]byte{}, ran: map[string]bool{}}
	if code, _, errs := commandLine(w.dir, "init", "--dir", w.dir, "--insecure-loopback", "--listen", "127.0.0.1:0", "--web", w.web); code != 0 {
		t.Fatal(errs)
	}
	name := filepath.Join(w.dir, configFile)
	config, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	config = bytes.Replace(config, []byte("log_level: info"), []byte("log_level: trace"), 1)
	config = append(config, "limits: {frame_bytes: 4000}\n"...)
	if !bytes.Contains(config, []byte("trace")) {
		t.Fatal("the log level could not be set")
	}
	if err := os.WriteFile(name, config, 0o600); err != nil {
		t.Fatal(err)
	}
	// A process of its own, so that nothing it writes to stderr goes past the search.
	program, err := exec.LookPath("lockport")
	if err != nil {
		t.Fatal(err)
	}
	server := exec.Command(program, "serve", "--dir", w.dir)
	server.Stdout, server.Stderr = w.log, w.log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	w.stop = sync.OnceFunc(func() {
		if err := errors.Join(server.Process.Signal(os.Interrupt), server.Wait()); err != nil {
			t.Errorf("the server ended with %v: %s", err, w.log)
		}
	})
	t.Cleanup(w.stop)
	var status statusAnswer
	await(t, func() bool {
		code, out, _ := commandLine(w.dir, "status", "--output", "json")
		return code == 0 && json.Unmarshal([]byte(out), &status) == nil
	})
	w.address = status.Listeners[0].Address
	w.client = &mllp.Client{Address: w.address, MaxFrame: maxFrameSent}
	t.Cleanup(func() { w.client.Close() })
	return w
}

// note keeps what was said somewhere.
func (w *witness) note(where string, text []byte) {
	w.said[where] = append(w.said[where], text...)
}

// do runs a command and demands its exit code. Everything that it prints must hold
// nothing of a patient.
func (w *witness) do(code int, line string, more ...string) string {
	w.t.Helper()
	args := append(words(line), more...)
	got, out, errs := commandLine(w.dir, args...)
	name := strings.Join(args[:min(len(args), 2)], " ")
	if slices.Contains(holdsBack, args[0]) {
		name = args[0]
	}
	w.ran[name] = true
	w.note("stdout of "+name, []byte(out))
	w.note("stderr of "+name, []byte(errs))
	if got != code {
		w.t.Errorf("%s: exit code %d, want %d: %s", name, got, code, errs)
	}
	return out
}

// messages lists the messages of a state.
func (w *witness) messages(state string) (list []shownMessage) {
	w.t.Helper()
	if err := json.Unmarshal([]byte(w.do(0, "message list --limit 1000 --output json --state "+state)), &list); err != nil || len(list) == 0 {
		w.t.Fatalf("no %s messages: %v", state, err)
	}
	return list
}

// operate does what operators do; their reasons name a patient.
func (w *witness) operate() {
	reason := "--reason=" + plantedWord + " called about " + plantedNumber
	held := w.messages("quarantined")
	w.do(0, "authority add NOBODY --owner upstate")
	for _, m := range held {
		switch m.ControlID {
		case "M6":
			w.do(0, "quarantine discard "+cell(m.Sequence), reason)
		case "M3", "M4": // its visit is another registration's; its authority is still unknown
			w.do(1, "quarantine release "+cell(m.Sequence), reason)
		default:
			w.do(0, "quarantine release "+cell(m.Sequence), reason)
		}
	}
	var forms []shownDirective
	if err := json.Unmarshal([]byte(w.do(0, "consent list --output json")), &forms); err != nil || len(forms) != 3 {
		w.t.Fatalf("%d forms: %v", len(forms), err)
	}
	w.do(0, "consent void "+cell(forms[0].Sequence), reason)
	patient := " --patient MR" + plantedNumber + "^^^UPSTATE"
	w.do(1, "patient link"+patient+" --with MR"+plantedNumber+"^^^UPSTATE", reason)
	w.do(1, "patient unlink"+patient+" --with MR"+plantedNumber+"^^^UPSTATE", reason)
	w.do(1, "patient unmerge"+patient, reason)
	w.do(0, "feed pause nobody")
	w.do(0, "feed resume nobody")
	w.do(0, "feed retry refuses")
	await(w.t, func() bool {
		list := w.do(0, "feed list --output json")
		return strings.Count(list, `"state": "retrying"`) == 3 && strings.Contains(list, "answered AE")
	})
}

// look runs every command that shows something, as a table and as JSON, about every entry.
func (w *witness) look() {
	lines := []string{
		"status", "version", "config check", "config show", "participant list", "participant show upstate", "location list", "location show main",
		"application list", "application show adt", "provider list", "provider show 1003000126", "authority list", "authority show UPSTATE",
		"message list --limit 1000", "quarantine list --all", "feed list", "feed uncorrected", "feed show refuses", "feed show nobody", "feed show hangs-up",
		"audit tail --limit 1000", "audit verify", "patient show --patient 'MR" + plantedNumber + "^^^UPSTATE'", "consent list", "consent list --patient 'MR" + plantedNumber + "^^^UPSTATE'",
		"consent explain --participant famcare --patient 'MR" + plantedNumber + "^^^UPSTATE'",
		"consent explain --participant upstate --purpose ETREAT --clinician 1003000126 --patient 'MR" + plantedNumber + "9^^^UPSTATE'",
	}
	var forms []shownDirective
	if err := json.Unmarshal([]byte(w.do(0, "consent list --output json")), &forms); err != nil {
		w.t.Fatal(err)
	}
	for _, f := range forms {
		lines = append(lines, "consent show "+cell(f.Sequence))
	}
	for _, state := range []string{"stored", "refused", "quarantined", "released", "discarded"} {
		for _, m := range w.messages(state) {
			lines = append(lines, "message show "+cell(m.Sequence), "message trace "+cell(m.Sequence))
			if state == "quarantined" || state == "released" || state == "discarded" {
				lines = append(lines, "quarantine show "+cell(m.Sequence))
			}
		}
	}
	for _, line := range lines {
		w.do(0, line)
		w.do(0, line+" --output json")
	}
	w.do(1, "message show 999999")
	w.do(2, "message show first")
}

// unmask sees one message with a reason, and finds that this was written down, without
// the words of the reason. Without one nothing is shown.
func (w *witness) unmask() {
	m := w.messages("stored")[0]
	views := func() int {
		return strings.Count(w.do(0, "audit tail --kind action --limit 1000 --output json"), `"message show unmasked"`)
	}
	before := views()
	w.do(2, "message show --unmask "+cell(m.Sequence))
	if views() != before {
		w.t.Error("a view that did not happen is written down")
	}
	for n, format := range []string{"table", "json"} {
		code, out, errs := commandLine(w.dir, "message", "show", cell(m.Sequence), "--unmask", "--output", format, "--reason", "asked by "+plantedWord)
		w.note("stderr of message show --unmask", []byte(errs))
		if code != 0 || !strings.Contains(out, plantedWord) {
			w.t.Errorf("nothing was unmasked: exit code %d: %s", code, errs)
		}
		if views() != before+n+1 {
			w.t.Error("an unmasked view is not in the audit")
		}
	}
	w.do(0, "audit tail --limit 1000")
	w.do(0, "message trace "+cell(m.Sequence)+" --output json")
}

// outside asks the HTTP listener for what there is, and for what there must not be.
func (w *witness) outside() {
	for path, want := range map[string]int{
		"/healthz": 200, "/readyz": 200, "/metrics": 404, "/": 404, "/patients/" + plantedNumber: 404, "/?name=" + plantedWord: 404,
	} {
		response, err := http.Get("http://" + w.web + path)
		if err != nil {
			w.t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || response.StatusCode != want {
			w.t.Errorf("GET of a path: status %d, want %d: %v", response.StatusCode, want, err)
		}
		w.note("an HTTP answer", body)
		for name, values := range response.Header {
			w.note("an HTTP header", []byte(name+": "+strings.Join(values, ",")+"\n"))
		}
	}
}

// files reads every byte under the data directory.
func (w *witness) files(when string) {
	n := 0
	err := filepath.WalkDir(w.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		name, _ := filepath.Rel(w.dir, path)
		for _, leak := range leaks(append([]byte(path), text...)) {
			w.t.Errorf("file %s, %s: %s", name, when, leak)
		}
		if strings.HasPrefix(name, dataDir) && len(text) > 0 {
			n++
		}
		w.note("names of files", []byte(name+"\n"))
		return err
	})
	if err != nil || n < 2 {
		w.t.Errorf("%d files under data/: %v", n, err)
	}
}
