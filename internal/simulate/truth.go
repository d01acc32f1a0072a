package simulate

import (
	"slices"
	"time"

	"github.com/lockport-hie/lockport"
)

// Truth is what a store must hold after a stream, in the order in which things
// first arrived. It is computed from what the generator meant, not from the
// messages, so that comparing it with a store's record checks the whole way.
type Truth struct {
	Events   int // events that lie behind it
	Persons  []Person
	Visits   []Visit
	Results  []Result
	Merges   []Merge
	Consents []SignedConsent

	visitIndex  map[lockport.Identifier]int
	resultIndex map[ResultKey]int
}

// Person is a human being with all registrations; Truth.Persons holds everybody
// in the region, those without a message yet have no registrations.
type Person struct {
	County        string // FIPS code of the home
	Shared        string // number of the shared authority; "" where the person has none
	Registrations []Registration
}

// Registration is what one authority knows about a person. A store may hold
// several for it: one for each number until they are merged.
type Registration struct {
	Authority lockport.AuthorityID
	Numbers   []Number            // in order of first use
	Current   lockport.Identifier // what the others are merged into, or the number used last
	Merged    bool                // all numbers are merged into Current
	Details   *Demographics       // of the last ADT message; nil before the first
}

// Number is one identifier with what the messages have shown of it.
type Number struct {
	lockport.Identifier
	Owned  bool // its owner sent it; else only another participant wrote it beside its own
	Linked bool // a message carried the shared number beside it
}

// Demographics is a part of what PID said last.
type Demographics struct {
	Family, Given, Middle, Suffix string // as the sender's character set shows them
	BirthDate                     string // at the precision sent
	Sex, Street                   string
}

// VisitStatus says where a visit stands.
type VisitStatus string

// The states of a visit.
const (
	VisitPlanned    VisitStatus = "planned"
	VisitOpen       VisitStatus = "open"
	VisitDischarged VisitStatus = "discharged"
	VisitCancelled  VisitStatus = "cancelled"
)

// Visit is an episode of care.
type Visit struct {
	Person    int
	Patient   lockport.Identifier // in the last message about it; merges may have moved it on
	Number    lockport.Identifier // PV1-19
	Class     string              // PV1-2
	Status    VisitStatus
	Admitted  time.Time // PV1-44; zero while planned
	Ended     time.Time // PV1-45; zero while not discharged
	Attending lockport.NPI
	Messages  int
}

// ResultKey is the permanent identity of an order's results.
type ResultKey struct {
	Application lockport.ApplicationID
	Filler      string // OBR-3.1
}

// Result is an order with its reports.
type Result struct {
	Key       ResultKey
	Person    int
	Patient   lockport.Identifier // in the report that arrived last; merges may have moved it on
	Service   string              // LOINC code of OBR-4
	Collected time.Time           // OBR-7
	Ordering  lockport.NPI
	Versions  []Version // in order of arrival
	Current   int       // index of the version with the latest OBR-22
	Values    []Observation
}

// Version is one report.
type Version struct {
	ControlID    string // MSH-10
	Status       string // OBR-25
	Reported     time.Time
	Sent         time.Time // MSH-7
	Observations []Observation
}

// Observation is one value, or one text of several OBX with its lines separated
// by line ends.
type Observation struct {
	Code, SubID, Type, Value, Unit, Range, Flag, Status string
}

// Merge is one A40.
type Merge struct {
	Person     int
	From, Into lockport.Identifier
	At         time.Time
}

// SignedConsent is a consent event with whom it is about.
type SignedConsent struct {
	Person int
	At     time.Time
	Event  ConsentEvent
}

// Truth returns the truth after the whole of a stream that Config.Days bounds.
// For an endless stream it holds the persons only; use TruthAfter.
func (r *Region) Truth() *Truth {
	if r.config.Days == 0 {
		return r.TruthAfter(0)
	}
	return r.TruthAfter(-1)
}

// TruthAfter returns the truth after the first n events of the stream, or after
// all of a bounded one where n is negative. It makes the stream anew each time.
func (r *Region) TruthAfter(n int) *Truth {
	t := &Truth{Persons: make([]Person, len(r.people)), visitIndex: map[lockport.Identifier]int{}, resultIndex: map[ResultKey]int{}}
	for i := range r.people {
		t.Persons[i].County, t.Persons[i].Shared = r.counties[r.people[i].county].fips, r.people[i].clientNumber
	}
	if n != 0 {
		newRun(r, t).drive(func(Event) bool { return t.Events != n })
	}
	return t
}

// Visit finds a visit by its number.
func (t *Truth) Visit(number lockport.Identifier) (*Visit, bool) {
	i, ok := t.visitIndex[number]
	if !ok {
		return nil, false
	}
	return &t.Visits[i], true
}

// Result finds a result by its filler order number.
func (t *Truth) Result(key ResultKey) (*Result, bool) {
	i, ok := t.resultIndex[key]
	if !ok {
		return nil, false
	}
	return &t.Results[i], true
}

// registered notes that a message carried identifiers, and for ADT messages
// what it said of the person.
func (t *Truth) registered(person int, ids sentIdentifiers, details *Demographics) {
	p := &t.Persons[person]
	g := p.registration(ids.own.Authority)
	g.note(ids.own, true, ids.shared != "")
	if !g.Merged {
		g.Current = ids.own
	}
	if details != nil {
		g.Details = details
	}
	if ids.other != nil {
		o := p.registration(ids.other.Authority)
		o.note(*ids.other, false, ids.shared != "")
		if o.Current.Value == "" {
			o.Current = *ids.other
		}
	}
}

// registration finds or makes the registration of an authority.
func (p *Person) registration(authority lockport.AuthorityID) *Registration {
	for i := range p.Registrations {
		if g := &p.Registrations[i]; g.Authority == authority {
			return g
		}
	}
	p.Registrations = append(p.Registrations, Registration{Authority: authority})
	return &p.Registrations[len(p.Registrations)-1]
}

func (g *Registration) note(id lockport.Identifier, owned, linked bool) {
	i := slices.IndexFunc(g.Numbers, func(n Number) bool { return n.Identifier == id })
	if i < 0 {
		i = len(g.Numbers)
		g.Numbers = append(g.Numbers, Number{Identifier: id})
	}
	n := &g.Numbers[i]
	n.Owned, n.Linked = n.Owned || owned, n.Linked || linked
}

func (t *Truth) merged(person int, from, into lockport.Identifier, details Demographics, at time.Time) {
	t.Merges = append(t.Merges, Merge{person, from, into, at})
	g := t.Persons[person].registration(into.Authority)
	g.note(into, true, false)
	g.Current, g.Merged, g.Details = into, true, &details
}

func (t *Truth) visited(v Visit) {
	i, ok := t.visitIndex[v.Number]
	if !ok {
		i = len(t.Visits)
		t.visitIndex[v.Number] = i
		t.Visits = append(t.Visits, v)
	}
	v.Messages = t.Visits[i].Messages + 1
	if v.Status == "" {
		v.Status = t.Visits[i].Status
	}
	t.Visits[i] = v
}

func (t *Truth) reported(o *order, patient lockport.Identifier, npi lockport.NPI, v Version) {
	i, ok := t.resultIndex[o.key()]
	if !ok {
		i = len(t.Results)
		t.resultIndex[o.key()] = i
		t.Results = append(t.Results, Result{Key: o.key(), Person: o.p.index, Service: o.code, Collected: o.collected, Ordering: npi})
	}
	res := &t.Results[i]
	res.Patient = patient
	res.Versions = append(res.Versions, v)
	if v.Reported.After(res.Versions[res.Current].Reported) {
		res.Current = len(res.Versions) - 1
	}
	res.Values = currentValues(res.Versions)
}

// currentValues takes each value from the latest report that carries it.
func currentValues(versions []Version) []Observation {
	ordered := slices.Clone(versions)
	slices.SortStableFunc(ordered, func(a, b Version) int { return a.Reported.Compare(b.Reported) })
	var out []Observation
	for _, v := range ordered {
		for _, ob := range v.Observations {
			same := func(o Observation) bool { return o.Code == ob.Code && o.SubID == ob.SubID }
			if i := slices.IndexFunc(out, same); i >= 0 {
				out[i] = ob
			} else {
				out = append(out, ob)
			}
		}
	}
	return out
}
