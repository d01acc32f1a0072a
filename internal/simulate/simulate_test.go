package simulate

import (
	"bytes"
	"crypto/sha256"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/directory"
)

// testConfig is large enough for every kind of event to occur many times.
func testConfig(seed uint64) Config {
	return Config{Seed: seed, Patients: 2000, Locations: 60, Days: 45}
}

func take(n int, seq iter.Seq[Event]) iter.Seq[Event] {
	return func(yield func(Event) bool) {
		for e := range seq {
			if n--; n < 0 || !yield(e) {
				return
			}
		}
	}
}

func digest(t *testing.T, r *Region) [32]byte {
	t.Helper()
	var b bytes.Buffer
	if err := WriteMLLP(&b, r.Events()); err != nil {
		t.Fatal(err)
	}
	for e := range r.Events() {
		if e.Consent != nil {
			b.WriteString(e.At.Format(time.RFC3339Nano) + e.Consent.Value + string(e.Consent.Participant) + e.Consent.Patient.Value + string(e.Consent.Signed))
		}
	}
	for q := range r.Queries() {
		if b.WriteString(string(q.Application) + string(q.Clinician) + q.Patient.Value); b.Len()%7 == 0 {
			break
		}
	}
	return sha256.Sum256(b.Bytes())
}

func TestSameSeedGivesSameBytes(t *testing.T) {
	c := testConfig(1)
	c.Days = 10
	first := New(c)
	a := digest(t, first)
	if again := digest(t, first); again != a {
		t.Error("a second run over one region differs")
	}
	if b := digest(t, New(c)); b != a {
		t.Error("the same seed gives other bytes")
	}
	c.Seed = 2
	if b := digest(t, New(c)); b == a {
		t.Error("another seed gives the same bytes")
	}
}

func TestEveryKindOfEventOccurs(t *testing.T) {
	r := New(testConfig(3))
	seen, messages, size := map[string]int{}, 0, 0
	var last time.Time
	for e := range r.Events() {
		if e.At.Before(last) {
			t.Fatal("the stream goes back in time")
		}
		last = e.At
		if (e.Message == nil) == (e.Consent == nil) {
			t.Fatal("an event is a message or a consent")
		}
		if c := e.Consent; c != nil {
			seen["consent "+c.Value]++
			if c.Community {
				seen["community "+c.Value]++
			}
			seen["signer "+c.Signer]++
			if c.Community != (c.Participant == "") || c.Patient.Value == "" {
				t.Error("a consent needs a patient and either a participant or the community")
			}
			if string(c.Signed) > e.At.In(r.zone).Format(time.DateOnly) {
				t.Error("a form signed in the future")
			}
			continue
		}
		messages++
		size += len(e.Message)
		seen[e.Type]++
	}
	truth := r.Truth()
	for _, res := range truth.Results {
		for i, v := range res.Versions {
			seen["status "+v.Status]++
			if i > 0 && v.Reported.Before(res.Versions[i-1].Reported) {
				seen["out of order"]++
			}
			for _, o := range v.Observations {
				seen["type "+o.Type]++
				seen["flag "+o.Flag]++
				seen["value status "+o.Status]++
			}
		}
	}
	for _, v := range truth.Visits {
		seen["visit "+string(v.Status)]++
	}
	for _, kind := range strings.Split("ADT^A01,ADT^A03,ADT^A04,ADT^A05,ADT^A08,ADT^A11,ADT^A13,ADT^A28,ADT^A31,ADT^A40,ORU^R01,"+
		"consent give,consent deny,consent emergency-only,consent withdraw,community deny,community give,signer self,signer parent,signer guardian,"+
		"status P,status F,status C,status X,out of order,type NM,type ST,type TX,type FT,flag N,flag H,flag L,flag HH,flag LL,flag A,"+
		"value status P,value status F,value status C,visit planned,visit open,visit discharged,visit cancelled", ",") {
		if seen[kind] < 2 {
			t.Errorf("%q occurs %d times", kind, seen[kind])
		}
	}
	if mean := size / messages; mean < 600 || mean > 2500 {
		t.Errorf("the mean message has %d bytes", mean)
	}
	if yes := float64(seen["consent give"]) / float64(len(truth.Consents)); yes < 0.85 || yes > 0.97 {
		t.Errorf("a share of %.2f says yes", yes)
	}
	t.Logf("%d messages, mean %d bytes, %v", messages, size/messages, seen)
}

func TestPopulation(t *testing.T) {
	r := New(testConfig(4))
	registrations, twins, foreign, punctuated, suffixed := 0, 0, 0, 0, 0
	births := map[string]string{}
	for i := range r.people {
		p := &r.people[i]
		for _, m := range newRun(r, nil).patient(i).members {
			if m.org.authority != nil {
				registrations++
			}
		}
		home := p.street + p.family + p.birth.Format(time.DateOnly)
		if other, ok := births[home]; ok && other != p.given {
			twins++
		}
		births[home] = p.given
		name := p.family + p.given
		if utf8Set.fold(name) != ascii.fold(name) {
			foreign++
		}
		if strings.ContainsAny(name, "'-. ") {
			punctuated++
		}
		if p.suffix != "" {
			suffixed++
		}
	}
	if mean := float64(registrations) / float64(len(r.people)); mean < 1.9 || mean > 2.3 {
		t.Errorf("%.2f registrations for a person", mean)
	}
	for what, n := range map[string]int{"twins": twins, "letters beyond ASCII": foreign, "apostrophes and hyphens": punctuated, "suffixes": suffixed} {
		if n < 5 {
			t.Errorf("%d people with %s", n, what)
		}
	}
}

func TestEveryLetterHasASpelling(t *testing.T) {
	check := func(s string) {
		for _, r := range s {
			if got := ascii.fold(string(r)); got == "" || !isASCII(got) {
				t.Errorf("%q has no spelling in ASCII", r)
			}
		}
	}
	for _, o := range origins {
		for _, list := range [][]string{o.families, o.women, o.men} {
			for _, name := range list {
				check(name)
			}
		}
	}
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= 0x80 }) < 0
}

// luhn checks a National Provider Identifier the long way.
func luhn(number string) bool {
	sum := 0
	for i, c := range "80840" + number {
		d := int(c - '0')
		if (5+len(number)-i)%2 == 0 {
			d = d*2/10 + d*2%10
		}
		sum += d
	}
	return len(number) == 10 && sum%10 == 0
}

func TestLuhn(t *testing.T) {
	if !luhn("1234567893") || luhn("1234567890") {
		t.Fatal("the test's own check is wrong")
	}
}

func TestDirectoryIsComplete(t *testing.T) {
	for _, locations := range []int{1, 8, 60, 3600} {
		r := New(Config{Seed: 5, Patients: 100, Locations: locations})
		participants := map[lockport.ParticipantID]directory.Participant{}
		placesOf := map[lockport.LocationID]bool{}
		authorities, shared := map[lockport.AuthorityID]bool{}, 0
		senders, npis := map[string]bool{}, map[lockport.NPI]bool{}
		types := map[directory.ParticipantType]bool{}
		once := func(new bool, what string) {
			if !new {
				t.Errorf("%d locations: %s twice", locations, what)
			}
		}
		for _, c := range r.Directory() {
			switch {
			case c.Participant != nil:
				once(participants[c.Participant.ID].ID == "", "a participant")
				participants[c.Participant.ID] = *c.Participant
				types[c.Participant.Type] = true
			case c.Location != nil:
				l := c.Location
				once(!placesOf[l.ID], "a location")
				placesOf[l.ID] = true
				if p := participants[l.Participant]; p.ID == "" || p.County != l.County {
					t.Errorf("location %s has no participant of its county before it", l.ID)
				}
				if !nearAPlace(l) {
					t.Errorf("location %s lies outside of its county's places", l.ID)
				}
			case c.Authority != nil:
				once(!authorities[c.Authority.ID], "an authority")
				authorities[c.Authority.ID] = true
				if c.Authority.Shared {
					shared++
				} else if participants[c.Authority.Owner].ID == "" {
					t.Errorf("authority %s has no owner", c.Authority.ID)
				}
			case c.Application != nil:
				a := c.Application
				once(!senders[a.Name+"|"+a.Facility], "MSH-3/MSH-4")
				senders[a.Name+"|"+a.Facility] = true
				if len(a.Roles) == 0 || !placesOf[a.Location] || participants[a.Participant].ID == "" || !authorities[a.Authorities[0]] {
					t.Errorf("application %s names what is not there", a.ID)
				}
			case c.Provider != nil:
				once(!npis[c.Provider.NPI], "an NPI")
				npis[c.Provider.NPI] = true
				if !luhn(string(c.Provider.NPI)) {
					t.Error("an NPI with a wrong check digit")
				}
				for _, p := range c.Provider.Participants {
					if participants[p].ID == "" {
						t.Error("a provider of nobody")
					}
				}
			}
		}
		if len(placesOf) != max(locations, 8) || shared != 1 {
			t.Errorf("%d locations and %d shared authorities for %d", len(placesOf), shared, locations)
		}
		if want := 7; locations >= 60 && len(types) != want {
			t.Errorf("%d types of participants, want %d", len(types), want)
		}
	}
}

func nearAPlace(l *directory.Location) bool {
	for _, c := range counties {
		for _, p := range c.places {
			if c.fips == l.County && max(p.lat-l.Latitude, l.Latitude-p.lat, p.lon-l.Longitude, l.Longitude-p.lon) <= 0.0101 {
				return true
			}
		}
	}
	return false
}

// TestLiveStream holds the promise of Config.Rate: the rate is kept and whole
// life cycles fit into minutes.
func TestLiveStream(t *testing.T) {
	const rate, n = 5.0, 6000
	r := New(Config{Seed: 6, Patients: 500, Locations: 20, Rate: rate})
	var last time.Time
	messages := 0
	for e := range take(n, r.Events()) {
		if last = e.At; e.Message != nil {
			messages++
		}
	}
	got := float64(messages) / last.Sub(r.config.Start).Seconds()
	if got < rate*0.8 || got > rate*1.2 {
		t.Errorf("%.2f messages a second, want about %v", got, rate)
	}
	truth := r.TruthAfter(n)
	corrected := 0
	for _, res := range truth.Results {
		if v := res.Versions[res.Current]; v.Status == "C" {
			corrected++
		}
	}
	if truth.Events != n || corrected == 0 || len(truth.Merges) == 0 {
		t.Errorf("after %d events: %d corrections and %d merges in force", truth.Events, corrected, len(truth.Merges))
	}
}

func TestQueriesAreOfTheRegion(t *testing.T) {
	r := New(Config{Seed: 8, Patients: 400})
	acts := map[lockport.NPI]map[lockport.ParticipantID]bool{}
	asks := map[lockport.ApplicationID]lockport.ParticipantID{}
	for _, c := range r.Directory() {
		if c.Provider != nil {
			acts[c.Provider.NPI] = map[lockport.ParticipantID]bool{}
			for _, p := range c.Provider.Participants {
				acts[c.Provider.NPI][p] = true
			}
		}
		if c.Application != nil {
			for _, role := range c.Application.Roles {
				if role == directory.Provider {
					asks[c.Application.ID] = c.Application.Participant
				}
			}
		}
	}
	purposes := map[lockport.Purpose]int{}
	n := 0
	for q := range r.Queries() {
		if purposes[q.Purpose]++; q.Patient.Value == "" || !acts[q.Clinician][asks[q.Application]] {
			t.Fatal("the clinician does not act for the asking participant, or no patient is named")
		}
		if n++; n == 2000 {
			break
		}
	}
	if purposes[lockport.Treatment] == 0 || purposes[lockport.EmergencyTreatment] == 0 {
		t.Error("not every purpose is asked for", purposes)
	}
	for person := range 50 {
		a, ok := r.QueryAbout(person, 1)
		if b, _ := r.QueryAbout(person, 1); ok && (a != b || a.Person != person) {
			t.Error("QueryAbout is not repeatable")
		}
	}
	if _, ok := r.QueryAbout(-1, 0); ok {
		t.Error("nobody asks about nobody")
	}
}

func BenchmarkEvents(b *testing.B) {
	r := New(Config{Seed: 7, Patients: 5000, Locations: 80, Rate: 200})
	n, size := 0, 0
	b.ReportAllocs()
	b.ResetTimer()
	for e := range r.Events() {
		if n == b.N {
			break
		}
		if e.Message != nil {
			n++
			size += len(e.Message)
		}
	}
	b.SetBytes(int64(size / max(b.N, 1)))
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		New(Config{Seed: 7, Patients: 100_000, Locations: 3600})
	}
}
