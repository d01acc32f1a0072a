package simulate

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/directory"
	"github.com/lockport-hie/lockport/hl7"
)

// naive is a model of a store that knows nothing but the messages.
type naive struct {
	t       *testing.T
	apps    map[lockport.ApplicationID]*directory.Application
	zones   map[string]*time.Location
	spaces  map[string]lockport.AuthorityID
	shared  lockport.AuthorityID
	into    map[lockport.Identifier]lockport.Identifier
	linked  map[lockport.Identifier]string // to which shared number
	family  map[lockport.Identifier]string
	visits  map[lockport.Identifier]Visit
	results map[ResultKey][]Version
	seen    map[string]bool // (MSH-3, MSH-4, MSH-10)
}

func newNaive(t *testing.T, r *Region) *naive {
	n := &naive{
		t: t, apps: map[lockport.ApplicationID]*directory.Application{}, zones: map[string]*time.Location{}, spaces: map[string]lockport.AuthorityID{},
		into: map[lockport.Identifier]lockport.Identifier{}, linked: map[lockport.Identifier]string{}, family: map[lockport.Identifier]string{},
		visits: map[lockport.Identifier]Visit{}, results: map[ResultKey][]Version{}, seen: map[string]bool{},
	}
	for _, c := range r.Directory() {
		if a := c.Application; a != nil {
			zone, err := time.LoadLocation(a.Zone)
			if err != nil {
				t.Fatal(err)
			}
			n.apps[a.ID], n.zones[a.Zone] = a, zone
		}
		if a := c.Authority; a != nil {
			n.spaces[a.Namespace], n.spaces[a.OID] = a.ID, a.ID
			if a.Shared {
				n.shared = a.ID
			}
		}
	}
	return n
}

func (n *naive) id(v hl7.Value) lockport.Identifier {
	cx := hl7.ReadCX(v)
	a, ok := n.spaces[cx.Authority.Namespace]
	if !ok || cx.Authority.UniversalID != "" && n.spaces[cx.Authority.UniversalID] != a {
		n.t.Fatal("an authority that the directory does not know, or two names that disagree")
	}
	return lockport.Identifier{Value: cx.ID, Authority: a, Type: cx.Type}
}

func (n *naive) time(m *hl7.Message, v hl7.Value) time.Time {
	if !v.Valued() {
		return time.Time{}
	}
	at, err := hl7.ReadTime(v)
	if err != nil {
		n.t.Fatal(err)
	}
	out, _ := at.In(m.Zone())
	return out
}

// take reads one message and checks what every message must have.
func (n *naive) take(e Event) {
	t, app := n.t, n.apps[e.Application]
	m, err := hl7.ParseWith(e.Message, hl7.Options{Charset: app.Charset, Zone: n.zones[app.Zone]})
	if err != nil {
		t.Fatal(err)
	}
	msh, pid := m.Header(), m.First("PID")
	key := msh.Component(3, 1).Text() + "|" + msh.Component(4, 1).Text()
	if key != app.Name+"|"+app.Facility {
		t.Fatal("MSH-3/MSH-4 are not the application's")
	}
	if key += msh.Text(10); n.seen[key] {
		t.Fatal("MSH-10 is used twice")
	}
	n.seen[key] = true
	kind := msh.Component(9, 1).Text() + "^" + msh.Component(9, 2).Text()
	if kind != e.Type || msh.Text(10) != e.ControlID || msh.Text(12) == "" || msh.Text(11) != "P" {
		t.Fatal("MSH-9, MSH-10, MSH-11 or MSH-12 is wrong")
	}
	if s := msh.Component(9, 3).Text(); s != "" && s != hl7.StructureID(msh.Component(9, 1).Text(), msh.Component(9, 2).Text(), msh.Text(12)) {
		t.Fatalf("%s of version %s is called %s", kind, msh.Text(12), s)
	}
	if s := msh.Component(9, 3).Text(); s == "" && msh.Text(12) >= "2.4" {
		t.Fatal("MSH-9.3 is missing")
	}
	if !bytes.HasSuffix(e.Message, []byte("\r")) || bytes.Contains(e.Message, []byte("\n")) || bytes.Contains(e.Message, []byte("|\r")) {
		t.Fatal("segments must end with CR and without empty fields")
	}
	own := n.id(pid.Field(3).Repetition(1))
	if own.Value == "" || own.Authority != app.Authorities[0] {
		t.Fatal("PID-3 is not the sender's")
	}
	n.identifiers(pid, own)
	if e.Type == "ORU^R01" {
		n.order(e, m)
		return
	}
	n.family[own] = pid.Component(5, 1).Text()
	if mrg := m.First("MRG"); mrg.Exists() {
		n.into[n.id(mrg.Field(1))] = own
	}
	if v := m.First("PV1"); v.Field(19).Valued() {
		n.visit(e.Type, m, v, own)
	}
}

func (n *naive) identifiers(pid hl7.Segment, own lockport.Identifier) {
	for _, rep := range pid.Reps(3) {
		if id := n.id(rep); id.Authority == n.shared {
			if other, ok := n.linked[own]; ok && other != id.Value {
				n.t.Error("one number is linked to two people")
			}
			n.linked[own] = id.Value
		}
	}
}

func (n *naive) visit(kind string, m *hl7.Message, pv1 hl7.Segment, own lockport.Identifier) {
	id := n.id(pv1.Field(19))
	v := n.visits[id]
	v.Patient, v.Number, v.Class, v.Attending = own, id, pv1.Text(2), lockport.NPI(pv1.Component(7, 1).Text())
	v.Admitted, v.Ended, v.Messages = n.time(m, pv1.Field(44)), n.time(m, pv1.Field(45)), v.Messages+1
	if s, ok := map[string]VisitStatus{
		"ADT^A01": VisitOpen, "ADT^A04": VisitOpen, "ADT^A13": VisitOpen, "ADT^A03": VisitDischarged, "ADT^A05": VisitPlanned, "ADT^A11": VisitCancelled,
	}[kind]; ok {
		v.Status = s
	}
	n.visits[id] = v
}

func (n *naive) order(e Event, m *hl7.Message) {
	obr := m.First("OBR")
	if orc := m.First("ORC"); orc.Exists() && !bytes.Equal(orc.Field(3).Raw(), obr.Field(3).Raw()) {
		n.t.Error("ORC-3 and OBR-3 differ")
	}
	key := ResultKey{e.Application, obr.Component(3, 1).Text()}
	v := Version{ControlID: e.ControlID, Status: obr.Text(25), Reported: n.time(m, obr.Field(22)), Sent: n.time(m, m.Header().Field(7))}
	for _, x := range m.All("OBX") {
		o := Observation{
			Code: x.Component(3, 1).Text(), SubID: x.Text(4), Type: x.Text(2), Value: x.Text(5), Unit: x.Component(6, 1).Text(), Range: x.Text(7),
			Flag: x.Text(8), Status: x.Text(11),
		}
		if o.Type == "FT" {
			o.Value = strings.ReplaceAll(o.Value, `\.br\`, "\n")
		}
		if last := len(v.Observations) - 1; last >= 0 && v.Observations[last].Code == o.Code && v.Observations[last].SubID == o.SubID {
			v.Observations[last].Value += "\n" + o.Value
		} else {
			v.Observations = append(v.Observations, o)
		}
	}
	n.results[key] = append(n.results[key], v)
}

// TestTruthFollowsFromTheMessages replays the stream into the naive model. It
// also shows that escapes and character sets survive: the texts of the truth
// have never been encoded.
func TestTruthFollowsFromTheMessages(t *testing.T) {
	r := New(testConfig(11))
	n := newNaive(t, r)
	for e := range r.Events() {
		if e.Message != nil {
			n.take(e)
		}
	}
	truth := r.Truth()
	n.compareResults(truth)
	n.comparePeople(truth)
	if len(n.visits) != len(truth.Visits) {
		t.Errorf("%d visits, truth has %d", len(n.visits), len(truth.Visits))
	}
	for _, want := range truth.Visits {
		got := n.visits[want.Number]
		want.Person = 0
		if diff := cmp.Diff(want, got, identifiers, instants); diff != "" {
			t.Fatal("a visit differs", diff)
		}
	}
}

// identifiers lets cmp see values that print nothing; the people are made up.
var identifiers = cmp.Comparer(func(a, b lockport.Identifier) bool { return a == b })

var instants = cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })

func sameVersion(a, b Version) bool {
	return a.ControlID == b.ControlID && a.Status == b.Status && a.Reported.Equal(b.Reported) && a.Sent.Equal(b.Sent) &&
		slices.Equal(a.Observations, b.Observations)
}

func (n *naive) compareResults(truth *Truth) {
	t := n.t
	if len(n.results) != len(truth.Results) {
		t.Errorf("%d results, truth has %d", len(n.results), len(truth.Results))
	}
	escaped := 0
	for _, want := range truth.Results {
		got := n.results[want.Key]
		if !slices.EqualFunc(want.Versions, got, sameVersion) {
			t.Fatal("versions differ", cmp.Diff(want.Versions, got, instants, cmpopts.EquateEmpty()))
		}
		last := slices.MaxFunc(got, func(a, b Version) int { return a.Reported.Compare(b.Reported) })
		if last.ControlID != want.Versions[want.Current].ControlID {
			t.Error("another version is the current one")
		}
		for _, o := range want.Values {
			var current Observation
			var at time.Time
			for _, v := range got {
				for _, x := range v.Observations {
					if x.Code == o.Code && x.SubID == o.SubID && v.Reported.After(at) {
						current, at = x, v.Reported
					}
				}
			}
			if current != o {
				t.Error("another value is the current one")
			}
			if strings.ContainsAny(o.Value, `&~|\^`) {
				escaped++
			}
		}
		for i := range got {
			for j := range i {
				if got[i].Reported.Equal(got[j].Reported) {
					t.Error("two reports of one order have the same OBR-22")
				}
			}
		}
	}
	if escaped == 0 {
		t.Error("no text needed an escape")
	}
}

func (n *naive) comparePeople(truth *Truth) {
	t := n.t
	linked, merged, unlinked := 0, 0, 0
	for _, p := range truth.Persons {
		for _, g := range p.Registrations {
			for _, id := range g.Numbers {
				to, ok := n.linked[id.Identifier]
				if id.Owned && ok != id.Linked || ok && to != p.Shared {
					t.Error("a number is linked otherwise")
				}
				if ok {
					linked++
				} else {
					unlinked++
				}
				into, ok := n.into[id.Identifier]
				if ok != (g.Merged && id.Identifier != g.Current) || ok && into != g.Current {
					t.Error("a number is merged otherwise")
				}
				if ok {
					merged++
				}
			}
			if g.Details != nil && n.family[g.Current] != g.Details.Family {
				t.Error("another name is the latest")
			}
		}
	}
	if linked == 0 || unlinked == 0 || merged != len(truth.Merges) || merged == 0 {
		t.Errorf("%d linked, %d not, %d merged of %d", linked, unlinked, merged, len(truth.Merges))
	}
}

func TestWriters(t *testing.T) {
	r := New(Config{Seed: 12, Patients: 300, Days: 5})
	var want [][]byte
	for e := range r.Events() {
		if e.Message != nil {
			want = append(want, e.Message)
		}
	}
	var framed, text bytes.Buffer
	if err := WriteMLLP(&framed, r.Events()); err != nil {
		t.Fatal(err)
	}
	if err := WriteText(&text, r.Events()); err != nil {
		t.Fatal(err)
	}
	if bytes.Count(framed.Bytes(), []byte("\x0bMSH")) != len(want) || !bytes.HasSuffix(framed.Bytes(), []byte("\r\x1c\r")) {
		t.Error("frames are not VT, message, FS, CR")
	}
	for what, b := range map[string][]byte{"MLLP": framed.Bytes(), "text": text.Bytes()} {
		i := 0
		for m, err := range hl7.Split(b) {
			if err != nil {
				t.Fatal(what, err)
			}
			if i >= len(want) || !bytes.Equal(bytes.TrimRight(m, "\r"), bytes.TrimRight(want[i], "\r")) {
				t.Fatalf("%s: message %d is not what was sent", what, i)
			}
			i++
		}
		if i != len(want) || i == 0 {
			t.Errorf("%s: %d messages of %d", what, i, len(want))
		}
	}
	if err := WriteText(failing{}, r.Events()); err == nil {
		t.Error("a failing writer is not reported")
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, bytes.ErrTooLarge }
