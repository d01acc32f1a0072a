package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
	"github.com/lockport-hie/lockport/clinical"
	"github.com/lockport-hie/lockport/consent"
	"github.com/lockport-hie/lockport/hl7"
	"github.com/lockport-hie/lockport/mllp"
	"github.com/lockport-hie/lockport/patient"
)

// vectorRun is one vector on its way: a server of its own, and what has happened.
type vectorRun struct {
	*server
	t        *testing.T
	client   *mllp.Client
	provider *deliveries
	begun    lockport.Seq      // the last entry before the first step
	answers  map[string][]byte // raw answers by the number of their step
}

// runVector does the steps of a vector and returns the vector with everything that it
// expects replaced by what happened.
func runVector(t *testing.T, want *txtar.Archive) *txtar.Archive {
	t.Helper()
	r := &vectorRun{server: startServer(t, unknownReject), t: t, answers: map[string][]byte{}}
	r.client, r.provider = r.dial(), receiveDeliveries(t)
	got := &txtar.Archive{Comment: want.Comment}
	for _, f := range want.Files {
		data := f.Data
		number, kind, step := strings.Cut(f.Name, "-")
		switch {
		case f.Name == "directory":
			r.commands("", data)
			r.begun = r.store.End()
		case f.Name == "facts":
			data = r.facts()
		case f.Name == "audit":
			data = r.auditLines()
		case f.Name == "delivered":
			data = r.provider.text()
		case step && kind == "answer.hl7":
			data = r.answer(number, data)
		case step && kind == "consent":
			r.commands("consent record ", data)
		case step && kind == "command":
			r.commands("", data)
		case step && strings.HasPrefix(kind, "frame"):
			r.send(number, kind, data)
		default:
			t.Fatalf("nobody knows the section %q", f.Name)
		}
		r.settle()
		r.delivered()
		got.Files = append(got.Files, txtar.File{Name: f.Name, Data: data})
	}
	return got
}

// commands runs each line as a command of the server's operator.
func (r *vectorRun) commands(prefix string, lines []byte) {
	r.t.Helper()
	for line := range strings.Lines(string(lines)) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		line = strings.ReplaceAll(line, "$PROVIDER", r.provider.address)
		line = entryOf.ReplaceAllStringFunc(line, func(id string) string { return strconv.FormatUint(uint64(r.entry(id[1:len(id)-1])), 10) })
		if code, out := r.command(words(prefix + line)...); code != 0 {
			r.t.Fatalf("exit code %d of %s: %s", code, line, out)
		}
	}
}

// command runs one command line against the server and returns its exit code and output.
func (s *server) command(args ...string) (int, string) {
	code, out, errs := commandLine(s.env.Dir, args...)
	return code, out + errs
}

// commandLine runs one command line as a user of a data directory would.
func commandLine(dir string, args ...string) (code int, out, errs string) {
	stdout, stderr := &buffer{}, &buffer{}
	env := &environment{
		In: &bytes.Buffer{}, Out: stdout, Err: stderr, Now: time.Now,
		Getenv: func(name string) string { return map[string]string{"LOCKPORT_DIR": dir}[name] },
	}
	code = run(context.Background(), env, args)
	return code, stdout.String(), stderr.String()
}

// entryOf names the entry of a message by its MSH-10, in braces.
var entryOf = regexp.MustCompile(`\{[^}]+\}`)

// entry finds the message with a control id.
func (r *vectorRun) entry(id string) lockport.Seq {
	for e, err := range r.store.Entries(context.Background(), r.begun+1, false) {
		if err != nil {
			r.t.Fatal(err)
		}
		if m, ok := e.Body.(*lockport.Message); ok && m.ControlID == id {
			return e.Seq
		}
	}
	r.t.Fatalf("no message has the control id %s", id)
	return 0
}

// byteEscape is a byte, or a run of them, that a text file does not show.
var byteEscape = regexp.MustCompile(`<0x([0-9A-F]{2})(?:\*([0-9]+))?>`)

// frameBytes returns what a frame section stands for: its lines with the line end that
// the section's name asks for.
func frameBytes(kind string, data []byte) []byte {
	switch kind {
	case "frame-lf.hl7":
	case "frame-crlf.hl7":
		data = bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n"))
	case "frame-raw", "frame-cut.hl7": // as it stands, without the last line end
		data = bytes.ReplaceAll(bytes.TrimSuffix(data, []byte("\n")), []byte("\n"), []byte("\r"))
	default:
		data = bytes.ReplaceAll(data, []byte("\n"), []byte("\r"))
	}
	return byteEscape.ReplaceAllFunc(data, func(escape []byte) []byte {
		m := byteEscape.FindSubmatch(escape)
		b, _ := strconv.ParseUint(string(m[1]), 16, 8)
		n, _ := strconv.Atoi(cmp.Or(string(m[2]), "1"))
		return bytes.Repeat([]byte{byte(b)}, n)
	})
}

// send sends a frame and keeps its answer, nil for a connection that ends without one.
func (r *vectorRun) send(number, kind string, data []byte) {
	r.t.Helper()
	frame := frameBytes(kind, data)
	if kind == "frame-cut.hl7" {
		r.answers[number] = r.cut(frame)
		return
	}
	reply, err := r.client.Exchange(context.Background(), frame)
	if err != nil {
		r.t.Fatalf("step %s: %v", number, err)
	}
	r.answers[number] = reply
}

// cut sends the beginning of a frame and ends the stream. It returns what came back.
func (r *vectorRun) cut(beginning []byte) []byte {
	r.t.Helper()
	conn, err := net.Dial("tcp", r.listeners[0].socket.Addr().String())
	if err != nil {
		r.t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write(append([]byte{0x0b}, beginning...)); err != nil {
		r.t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		r.t.Fatal(err)
	}
	reply, err := io.ReadAll(conn)
	if err != nil {
		r.t.Fatal(err)
	}
	return reply
}

// answer returns a step's answer as a section: its segments, "none", or "as NUMBER" when
// the vector expects the very bytes of an earlier answer and they came.
func (r *vectorRun) answer(number string, want []byte) []byte {
	raw, sent := r.answers[number]
	if !sent {
		r.t.Fatalf("step %s has an answer but no frame", number)
	}
	if earlier, ok := strings.CutPrefix(strings.TrimSpace(string(want)), "as "); ok && bytes.Equal(raw, r.answers[earlier]) {
		return want
	}
	if len(raw) == 0 {
		return []byte("none\n")
	}
	return masked(raw)
}

// masked writes a message one segment a line, with * for what is new each time: MSH-7
// and MSH-10.
func masked(raw []byte) []byte {
	var b bytes.Buffer
	for line := range strings.SplitSeq(strings.TrimSuffix(string(raw), "\r"), "\r") {
		if strings.HasPrefix(line, "MSH") && len(line) > 4 {
			fields := strings.Split(line, line[3:4])
			for _, i := range []int{6, 9} { // MSH-1 is the separator itself
				if i < len(fields) && fields[i] != "" {
					fields[i] = "*"
				}
			}
			line = strings.Join(fields, line[3:4])
		}
		fmt.Fprintln(&b, line)
	}
	return b.Bytes()
}

// auditLines lists the entries since the first step, without their numbers and times.
func (r *vectorRun) auditLines() []byte {
	var b bytes.Buffer
	operator, err := currentUser()
	if err != nil {
		r.t.Fatal(err)
	}
	for e, err := range r.store.Entries(context.Background(), r.begun+1, false) {
		if err != nil {
			r.t.Fatal(err)
		}
		l := audit.Describe(e)
		if l.Who == operator {
			l.Who = "operator"
		}
		if e.Kind == lockport.EntryDirective || e.Kind == lockport.EntryGrant {
			l.Outcome = l.Detail // what was recorded, in words of the exchange's own
		}
		fmt.Fprintln(&b, strings.Join([]string{l.Kind, dash(l.Who), dash(l.What), dash(l.Outcome), dash(l.Reason)}, " | "))
	}
	return b.Bytes()
}

func dash(s string) string { return cmp.Or(s, "-") }

// facts lists what the record holds: persons, visits and results, what waits in
// quarantine and in outboxes.
func (r *vectorRun) facts() []byte {
	var b bytes.Buffer
	seen := map[lockport.PersonID]bool{}
	for id := lockport.RegistrationID(1); ; id++ {
		s, err := r.store.SubjectOfRegistration(context.Background(), id)
		if err != nil {
			r.t.Fatal(err)
		}
		if !s.Known {
			break
		}
		if !seen[s.Person] {
			seen[s.Person] = true
			r.person(&b, id)
		}
	}
	r.held(&b)
	r.outbox(&b)
	if b.Len() == 0 {
		return []byte("none\n")
	}
	return b.Bytes()
}

// allowing answers for the store as if the patient had let a participant in.
type allowing struct {
	*server
	participant lockport.ParticipantID
}

func (a allowing) SubjectOf(ctx context.Context, id lockport.Identifier) (consent.Subject, error) {
	s, err := a.store.SubjectOf(ctx, id)
	return a.allow(s), err
}

func (a allowing) SubjectOfRegistration(ctx context.Context, id lockport.RegistrationID) (consent.Subject, error) {
	s, err := a.store.SubjectOfRegistration(ctx, id)
	return a.allow(s), err
}

func (a allowing) allow(s consent.Subject) consent.Subject {
	s.Directives = []consent.Directive{{Seq: 1, Participant: a.participant, Value: consent.Give, Signed: "2000-01-01", Signer: consent.SignerSelf}}
	return s
}

// person lists one person under a real ticket of a gate that always hears a consent, so
// that looking changes nothing.
func (r *vectorRun) person(b *bytes.Buffer, id lockport.RegistrationID) {
	d, err := r.directory(context.Background())
	if err != nil {
		r.t.Fatal(err)
	}
	participant := d.Participants()[0].ID
	gate := consent.NewGate(consent.Config{
		Subjects: allowing{r.server, participant}, Parties: parties{r.store.Directory}, Journal: r.store, Now: r.env.Now,
	})
	ticket, err := gate.Open(context.Background(), consent.Request{
		Registration: id, Participant: participant, Purpose: lockport.Treatment, What: consent.Record,
	})
	if err != nil {
		r.t.Fatal(err)
	}
	defer ticket.Close()
	fmt.Fprintln(b, "person")
	if !ticket.Permits() {
		fmt.Fprintf(b, "  closed: %s\n", ticket.Decision().Reason)
		return
	}
	registrations, err := r.store.Demographics(context.Background(), ticket)
	if err != nil {
		r.t.Fatal(err)
	}
	names := map[lockport.RegistrationID]string{}
	for _, reg := range registrations {
		names[reg.ID] = name(reg.Identifiers[0])
	}
	for _, reg := range registrations {
		registration(b, reg, names)
	}
	visits, err := r.store.Visits(context.Background(), ticket, clinical.VisitFilter{})
	if err != nil {
		r.t.Fatal(err)
	}
	for _, v := range visits {
		fmt.Fprintf(b, "  visit %s, %s, class %s, at %s, admitted %s, ended %s\n",
			name(v.Number), v.Status, dash(v.Class), dash(v.Place), moment(v.Admitted), moment(v.Ended))
	}
	facts, err := r.store.Facts(context.Background(), ticket)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, set := range facts {
		for _, f := range set.Facts {
			fmt.Fprintf(b, "  fact %s %s\n", set.Segment, f.Value)
		}
	}
	reports, err := r.store.Results(context.Background(), ticket, clinical.ResultFilter{})
	if err != nil {
		r.t.Fatal(err)
	}
	for _, report := range reports {
		r.result(b, report, names)
	}
}

// registration lists what one owner knows about a patient.
func registration(b *bytes.Buffer, reg patient.Registration, names map[lockport.RegistrationID]string) {
	var ids []string
	for _, id := range reg.Identifiers {
		ids = append(ids, name(id))
	}
	fmt.Fprintf(b, "  registration %s", strings.Join(ids, ", "))
	if reg.Into != 0 {
		fmt.Fprintf(b, ", merged into %s", names[reg.Into])
	}
	if reg.Provisional {
		fmt.Fprint(b, ", provisional")
	}
	fmt.Fprintln(b)
	for _, n := range reg.Details.Names {
		fmt.Fprintf(b, "    name %s^%s^%s\n", n.Family, n.Given, n.Middle)
	}
	for _, detail := range []struct{ what, value string }{
		{"born", reg.Details.BirthDate}, {"sex", reg.Details.Sex}, {"phones", strings.Join(reg.Details.Phones, ", ")},
	} {
		if detail.value != "" {
			fmt.Fprintf(b, "    %s %s\n", detail.what, detail.value)
		}
	}
	for _, a := range reg.Details.Addresses {
		fmt.Fprintf(b, "    address %s^%s^%s^%s\n", a.Street, a.City, a.State, a.Zip)
	}
}

// result lists what counts of one order.
func (r *vectorRun) result(b *bytes.Buffer, report clinical.Report, names map[lockport.RegistrationID]string) {
	for _, v := range report.Versions {
		order := segmentsOf(r.t, v.Encoding, v.Head).First("OBR")
		fmt.Fprintf(b, "  result %s of %s, %s, status %s, collected %s, %d reports\n", cmp.Or(order.Component(3, 1).Text(), "-"),
			names[report.Result.Registration], report.Result.Service.Code, dash(v.Status), moment(report.Result.Collected), len(report.Result.Versions))
		for _, u := range v.Units {
			encoding := u.Encoding
			if encoding == (clinical.Encoding{}) {
				encoding = v.Encoding
			}
			for _, obx := range segmentsOf(r.t, encoding, u.Segments).All("OBX") {
				fmt.Fprintf(b, "    %s = %s %s, status %s\n", obx.Component(3, 1).Text(), dash(obx.Text(5)), dash(obx.Component(6, 1).Text()), dash(u.Status))
			}
		}
	}
}

// segmentsOf parses stored segments.
func segmentsOf(t *testing.T, e clinical.Encoding, segments []byte) *hl7.Message {
	m, err := hl7.ParseWith(slices.Concat([]byte("MSH"+e.Delimiters+"\r"), segments), hl7.Options{Charset: e.Charset})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// held lists the quarantine, oldest first, by the messages' control ids.
func (r *vectorRun) held(b *bytes.Buffer) {
	held, err := r.store.Quarantine(context.Background(), 0, 0)
	if err != nil {
		r.t.Fatal(err)
	}
	slices.Reverse(held)
	for _, h := range held {
		fmt.Fprintf(b, "quarantine %s, %s", r.controlID(h.Seq), h.State)
		if len(h.Groups) > 0 {
			fmt.Fprintf(b, ", groups %v", h.Groups)
		}
		fmt.Fprintf(b, ": %s\n", h.Reason)
	}
}

// outbox lists the rows of every feed.
func (r *vectorRun) outbox(b *bytes.Buffer) {
	for _, item := range r.rows() {
		fmt.Fprintf(b, "outbox %s: %s, group %d\n", item.Row.Feed, r.controlID(item.Row.Seq), item.Row.Group)
	}
}

// rows returns the outbox rows of every feed.
func (r *vectorRun) rows() (all []lockport.OutboxItem) {
	d, err := r.directory(context.Background())
	if err != nil {
		r.t.Fatal(err)
	}
	for _, f := range d.Feeds() {
		items, err := r.store.Outbox(context.Background(), f.ID, nil, 0)
		if err != nil {
			r.t.Fatal(err)
		}
		all = append(all, items...)
	}
	return all
}

func (r *vectorRun) controlID(seq lockport.Seq) string {
	e, err := r.store.Entry(context.Background(), seq)
	if err != nil {
		r.t.Fatal(err)
	}
	if m, ok := e.Body.(*lockport.Message); ok {
		return m.ControlID
	}
	return e.Kind.String()
}

// delivered waits until every feed that is not paused has sent what it has.
func (r *vectorRun) delivered() {
	r.t.Helper()
	d, err := r.directory(context.Background())
	if err != nil {
		r.t.Fatal(err)
	}
	await(r.t, func() bool {
		return !slices.ContainsFunc(r.rows(), func(i lockport.OutboxItem) bool {
			f, known := d.Feed(i.Row.Feed)
			return known && !f.Paused
		})
	})
}

// await waits for a condition that nothing signals.
func await(t testing.TB, holds func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatal("waited in vain")
		}
	}
}

func name(id lockport.Identifier) string { return id.Value + " " + string(id.Authority) }

func moment(at time.Time) string {
	if at.IsZero() {
		return "-"
	}
	return at.UTC().Format(time.RFC3339)
}

// deliveries is a provider's receiving end, which answers AA.
type deliveries struct {
	address string
	mu      sync.Mutex
	frames  [][]byte
}

// receiveDeliveries opens a provider's receiving end until the test ends.
func receiveDeliveries(t testing.TB) *deliveries {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &deliveries{address: l.Addr().String()}
	server := &mllp.Server{Handler: mllp.HandlerFunc(func(_ context.Context, _ *mllp.Peer, frame []byte) mllp.Reply {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.frames = append(d.frames, slices.Clone(frame))
		m, err := hl7.Parse(frame)
		if err != nil {
			return mllp.Reply{Close: true}
		}
		return mllp.Reply{Frame: m.Acknowledge(hl7.Ack{Code: hl7.AA, ControlID: "P" + m.Header().Text(10), Time: fixedTime})}
	})}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		server.Shutdown(ctx) // the connections of feeds stay open as long as the server lives
		<-done
	})
	return d
}

// text is everything that was delivered, one segment a line.
func (d *deliveries) text() []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.frames) == 0 {
		return []byte("none\n")
	}
	var b bytes.Buffer
	for _, f := range d.frames {
		b.Write(masked(f))
	}
	return b.Bytes()
}
