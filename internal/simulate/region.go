package simulate

import (
	"iter"
	"math/rand/v2"
	"time"
	_ "time/tzdata" // the same offsets on every machine

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/directory"
)

// Config says what region to make. The zero value is a usable small region.
type Config struct {
	Seed      uint64
	Start     time.Time // of the first event; zero is 2025-03-01 00:00 in New York
	Days      int       // length of the stream; 0 is endless
	Patients  int       // people who live there; 0 is 2000
	Locations int       // connected places; 0 is 60, the least is 8
	// Rate is the mean number of messages a second of simulated time, for a
	// live stream whose events are played at their own times. It shortens stays
	// and turnaround times in proportion, so that a demonstration of minutes
	// shows whole life cycles. 0 is the natural pace of the population, about
	// 0.11 messages per person and day with quiet nights.
	Rate float64
}

// Event is one thing that happens: a message is sent, or a consent is signed
// on paper. Exactly one of Message and Consent is set.
type Event struct {
	At          time.Time              // when it arrives; never decreases along the stream
	Application lockport.ApplicationID // who sends the message; empty for a consent
	Person      int                    // whom it is about, an index into Truth.Persons
	ControlID   string                 // MSH-10
	Type        string                 // "ADT^A01" or "ORU^R01"
	Message     []byte                 // as sent, each segment ended by CR
	Consent     *ConsentEvent
}

// ConsentEvent is a form as a participant's front desk enters it.
type ConsentEvent struct {
	Patient     lockport.Identifier
	Participant lockport.ParticipantID // the grantee; empty with Community
	Community   bool                   // for all participants
	Value       string                 // "give", "deny", "emergency-only" or "withdraw"
	Signed      lockport.Date          // not after the event; sometimes before an earlier event's
	Form        string                 // form and version
	Signer      string                 // table 0548 as a word: self, parent, guardian
}

// Region is a synthetic region. It is read-only after New, so that any number
// of runs may go over it.
type Region struct {
	config       Config
	zone         *time.Location
	counties     []county
	orgs         []*organisation
	authorities  []*authority
	shared       *authority
	applications []*application
	clinicians   []clinician
	people       []person
	byCounty     [][]int                               // organisations by index into counties
	nearby       map[directory.ParticipantType][][]int // organisations of a type by county, of the region where the county has none
	modulus      int                                   // prime above twice the number of people; see authority.number
}

// New makes a region. The same configuration gives the same region.
func New(c Config) *Region {
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		zone = time.FixedZone("EST", -5*3600) // out of reach: the zone data is linked in
	}
	if c.Patients <= 0 {
		c.Patients = 2000
	}
	if c.Locations <= 0 {
		c.Locations = 60
	}
	c.Locations = max(c.Locations, 8)
	if c.Start.IsZero() {
		c.Start = time.Date(2025, 3, 1, 0, 0, 0, 0, zone)
	}
	r := &Region{config: c, zone: zone}
	r.counties = counties[:min(max(c.Locations/5, 1), len(counties))]
	r.modulus = primeAbove(max(2*c.Patients, 100_000))
	r.makeOrganisations(r.random(1))
	r.indexByType()
	r.makePeople(r.random(2))
	return r
}

// random returns the generator of one part of the region, so that a change in
// one part leaves the others as they were.
func (r *Region) random(part uint64) *rand.Rand { return rand.New(rand.NewPCG(r.config.Seed, part)) }

// Events returns the stream in time order, from the beginning on each use. It
// ends after Config.Days, or never.
func (r *Region) Events() iter.Seq[Event] {
	return func(yield func(Event) bool) { newRun(r, nil).drive(yield) }
}

// Directory returns everything a server must know before the first event:
// participants, locations, authorities, providers and applications, in an order
// in which each thing stands after what it names.
func (r *Region) Directory() []directory.Change {
	var out []directory.Change
	put := func(c directory.Change) {
		c.Op = directory.Put
		out = append(out, c)
	}
	for _, o := range r.orgs {
		p := o.Participant
		put(directory.Change{Participant: &p})
	}
	for _, o := range r.orgs {
		for _, s := range o.sites {
			l := s.location
			put(directory.Change{Location: &l})
		}
	}
	for _, a := range r.authorities {
		u := a.Authority
		put(directory.Change{Authority: &u})
	}
	for _, c := range r.clinicians {
		put(directory.Change{Provider: &c.entry})
	}
	for _, a := range r.applications {
		p := a.Application
		put(directory.Change{Application: &p})
	}
	return out
}

func primeAbove(n int) int {
	for n |= 1; ; n += 2 {
		prime := true
		for d := 3; d*d <= n; d += 2 {
			if n%d == 0 {
				prime = false
				break
			}
		}
		if prime {
			return n
		}
	}
}

// pick returns one element at random.
func pick[T any](rng *rand.Rand, s []T) T { return s[rng.IntN(len(s))] }

// chance is true with probability p.
func chance(rng *rand.Rand, p float64) bool { return rng.Float64() < p }

// weighted returns an index at random, by weights.
func weighted(rng *rand.Rand, n int, weight func(int) int) int {
	total := 0
	for i := range n {
		total += weight(i)
	}
	x := rng.IntN(total)
	for i := range n {
		if x -= weight(i); x < 0 {
			return i
		}
	}
	return n - 1
}
