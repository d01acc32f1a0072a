package simulate

import (
	"container/heap"
	"math/rand/v2"
	"time"
)

// messagesPerEpisode is the measured mean over all kinds of episodes; it turns
// a rate of messages into a rate of arrivals.
const messagesPerEpisode = 4.1

// naturalRate is messages per person and second: 17 million results and 3
// million summaries a month for 6 million people.
const naturalRate = 0.11 / 86400

// shortest is the least time between two steps of one life cycle, so that their
// times to the second differ.
const shortest = 2 * time.Second

// run is one passage over a region. It holds all that changes.
type run struct {
	r        *Region
	rng      *rand.Rand
	now      time.Time
	end      time.Time // zero: endless
	agenda   agenda
	planned  int
	arrivals float64 // episodes per second
	pace     float64 // factor on all natural delays
	patients []*patient
	controls []int // messages so far by application
	orders   []int // orders so far by application
	placed   []int // placer order numbers so far by application
	visits   []int // visits so far by organisation
	enc      encoder
	winter   *time.Location
	summer   *time.Location
	yield    func(Event) bool
	stopped  bool
	truth    *Truth // nil: nothing is recorded
}

// patient is a person as the run has changed it.
type patient struct {
	person
	index    int
	revision int // counts changes of demographics
	members  []*membership
}

// membership is what one organisation knows of a patient.
type membership struct {
	org      *organisation
	known    bool
	revision int // of the demographics sent last
	numbers  numbering
	consent  string    // value of the latest form that names the organisation
	signed   time.Time // of that form
}

// numbering says which of the two possible numbers of a membership is in use.
type numbering uint8

const (
	oneNumber       numbering = iota // only the first
	duplicated                       // a second was given by mistake and is in use
	mergedIntoFirst                  // the second is subsumed
	mergedIntoLast                   // the first is subsumed
)

// second reports whether a number that was in use at some time is, after
// merges, the second one.
func (m *membership) second(was bool) bool {
	switch m.numbers {
	case mergedIntoFirst:
		return false
	case mergedIntoLast:
		return true
	}
	return was
}

func newRun(r *Region, truth *Truth) *run {
	s := &run{
		r: r, rng: r.random(3), now: r.config.Start.Truncate(time.Second), truth: truth, pace: 1,
		patients: make([]*patient, len(r.people)), controls: make([]int, len(r.applications)),
		orders: make([]int, len(r.applications)), placed: make([]int, len(r.applications)), visits: make([]int, len(r.orgs)),
		winter: time.FixedZone("EST", -5*3600), summer: time.FixedZone("EDT", -4*3600),
	}
	if r.config.Days > 0 {
		s.end = s.now.AddDate(0, 0, r.config.Days)
	}
	natural := naturalRate * float64(len(r.people))
	s.arrivals = natural / messagesPerEpisode * 2 // half of them fall to the quiet hours, see arrive
	if r.config.Rate > 0 {
		s.arrivals = r.config.Rate / messagesPerEpisode
		s.pace = min(1, natural/r.config.Rate)
	}
	return s
}

// drive runs the agenda until the end, or until yield wants no more.
func (s *run) drive(yield func(Event) bool) {
	s.yield = yield
	s.at(s.now, s.arrive)
	for len(s.agenda) > 0 && !s.stopped {
		t := heap.Pop(&s.agenda).(task)
		if !s.end.IsZero() && !t.at.Before(s.end) {
			return
		}
		s.now = t.at
		t.do()
	}
}

// at plans a step.
func (s *run) at(when time.Time, do func()) {
	s.planned++
	heap.Push(&s.agenda, task{when, s.planned, do})
}

// after plans a step of a life cycle after its natural delay.
func (s *run) after(natural time.Duration, do func()) { s.at(s.now.Add(s.scale(natural)), do) }

// scale shortens a natural delay to the run's pace.
func (s *run) scale(natural time.Duration) time.Duration {
	return max(time.Duration(float64(natural)*s.pace).Truncate(time.Second), shortest)
}

// second returns the moment as messages write it.
func (s *run) second() time.Time { return s.now.Truncate(time.Second) }

// between returns a delay between two bounds.
func (s *run) between(low, high time.Duration) time.Duration {
	return low + time.Duration(s.rng.Int64N(int64(high-low)))
}

// emit hands out an event that happens at this moment. What it means is noted
// first, so that the truth after n events includes the n-th.
func (s *run) emit(e Event, meaning func(*Truth)) {
	if s.stopped {
		return
	}
	e.At = s.now
	if s.truth != nil {
		s.truth.Events++
		if meaning != nil {
			meaning(s.truth)
		}
	}
	s.stopped = !s.yield(e)
}

// busyHours is the share of arrivals that come in each hour of the day, in
// New York; the mean is one half.
var busyHours = [24]float64{.15, .12, .1, .1, .12, .2, .35, .65, .9, 1, 1, .95, .8, .9, .95, .9, .75, .6, .45, .4, .35, .3, .25, .2}

// arrive plans the next arrival and lets somebody begin an episode.
func (s *run) arrive() {
	gap := s.rng.ExpFloat64() / s.arrivals
	s.at(s.now.Add(time.Duration(gap*float64(time.Second))).Truncate(time.Millisecond), s.arrive)
	if s.r.config.Rate <= 0 && !chance(s.rng, busyHours[s.now.In(s.r.zone).Hour()]) {
		return
	}
	p := s.patient(s.somebody())
	s.episode(p, pick(s.rng, p.members[:len(p.goes)]))
}

// somebody picks a person; the old and the ill come more often.
func (s *run) somebody() int {
	for {
		i := s.rng.IntN(len(s.r.people))
		p := &s.r.people[i]
		busy := 0.3 + min(float64(p.age(s.now)), 80)/200
		if p.has&(diabetes|hypertension|kidneyDisease) != 0 {
			busy += 0.3
		}
		if len(p.goes) > 0 && chance(s.rng, busy) {
			return i
		}
	}
}

// patient returns the run's own copy of a person.
func (s *run) patient(i int) *patient {
	if p := s.patients[i]; p != nil {
		return p
	}
	p := &patient{person: s.r.people[i], index: i}
	orgs := p.goes[:len(p.goes):len(p.goes)]
	for _, o := range []int32{p.lab, p.imaging} {
		if o >= 0 {
			orgs = append(orgs, o)
		}
	}
	for _, o := range orgs {
		p.members = append(p.members, &membership{org: s.r.orgs[o]})
	}
	s.patients[i] = p
	return p
}

// member returns what an organisation of the patient's own knows of it; nil
// where the patient does not go.
func (p *patient) member(org int32) *membership {
	for _, m := range p.members {
		if m.org.index == int(org) {
			return m
		}
	}
	return nil
}

// task is one step of the agenda.
type task struct {
	at    time.Time
	order int // of planning, for equal times
	do    func()
}

// agenda is a heap of tasks, earliest first.
type agenda []task

func (a agenda) Len() int { return len(a) }
func (a agenda) Less(i, j int) bool {
	if !a[i].at.Equal(a[j].at) {
		return a[i].at.Before(a[j].at)
	}
	return a[i].order < a[j].order
}
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)   { *a = append(*a, x.(task)) }
func (a *agenda) Pop() any {
	old := *a
	t := old[len(old)-1]
	old[len(old)-1] = task{}
	*a = old[:len(old)-1]
	return t
}
