package consent

import (
	"cmp"
	"slices"
	"time"

	"github.com/lockport-hie/lockport"
)

// moment is when a form was signed, at the precision it states.
type moment struct {
	instant time.Time // zero when only the day is known
	day     time.Time
}

// parseSigned reads YYYY-MM-DD or RFC 3339.
func parseSigned(s string, zone *time.Location) (moment, bool) {
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return moment{day: t}, true
	}
	t, err := time.Parse(time.RFC3339, s)
	return moment{instant: t, day: dayOf(t, zone)}, err == nil
}

// later reports whether m is after o at the coarser precision of the two. It is
// a strict partial order: what is later than something later is later still.
func (m moment) later(o moment) bool {
	if m.instant.IsZero() || o.instant.IsZero() {
		return m.day.After(o.day)
	}
	return m.instant.After(o.instant)
}

// candidate is one directive as it stands at the instant of the question.
type candidate struct {
	*Directive
	cell    string
	value   Value // what counts: at 18 a participant denial by others counts as emergency-only
	signed  moment
	result  Reason // InForce, or why it does not count
	passive bool   // it does not supersede others: see minority
}

// standing is what one scope says.
type standing struct {
	value  Value // "" when nothing is on file
	basis  lockport.Seq
	covers []Category
	why    Reason // why nothing is on file, "" when there never was anything
}

// evaluation is one run of Decide.
type evaluation struct {
	q          Question
	today      time.Time
	unreadable lockport.Seq // a directive that concerns the question and cannot be read
	broken     bool         // there is one; its Seq may be 0
	denials    []lockport.Seq
	trace      []Step
}

// The cells of a Trace.
const (
	cellCommunity   = "community"
	cellParticipant = "participant"
	cellEmergency   = "emergency"
	cellPurpose     = "purpose"
)

// scope works out what the community's or the participant's directives say.
func (e *evaluation) scope(ds []Directive, cell string) standing {
	var all []*candidate
	for i := range ds {
		if d := &ds[i]; d.Voids == 0 && e.concerns(d, cell) {
			all = append(all, e.read(d, cell))
		}
	}
	supersede(all)
	return e.settle(all)
}

// concerns reports whether a directive belongs to a cell. One that names neither
// scope, or both, cannot be read and concerns everyone.
func (e *evaluation) concerns(d *Directive, cell string) bool {
	if cell == cellCommunity {
		return d.Community || d.Participant == ""
	}
	return !d.Community && d.Participant == e.q.Party.Participant
}

// read finds out whether and how a directive counts at the instant of the
// question, before it is compared with others.
func (e *evaluation) read(d *Directive, cell string) *candidate {
	c := &candidate{Directive: d, cell: cell, value: d.Value, result: InForce}
	if d.Voided {
		c.result = Voided
		return c
	}
	from, until, ok := e.window(c)
	if !ok {
		e.broken, e.unreadable = true, max(e.unreadable, d.Seq)
		c.result = UnreadableDirective
		return c
	}
	switch {
	case e.today.Before(from):
		c.result = NotYetEffective
	case e.today.After(until):
		c.result = Expired
	}
	if d.Value == DenyAll && c.result != NotYetEffective {
		e.denials = append(e.denials, d.Seq)
	}
	if c.result == InForce {
		e.minority(c)
	}
	return c
}

// window returns the first and the last day on which a directive counts, and
// whether it can be read at all. A denial without an effective date counts as
// soon as it is known; a grant never counts before it was signed. A withdrawal
// does not end: its end would bring back what was withdrawn.
func (e *evaluation) window(c *candidate) (from, until time.Time, ok bool) {
	until = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
	if rank(c.Value) == 0 || c.Community == (c.Participant != "") {
		return from, until, false
	}
	var err error
	if c.signed, ok = parseSigned(c.Signed, e.q.Zone); !ok {
		return from, until, false
	}
	if c.Effective != "" {
		if from, err = time.Parse(time.DateOnly, string(c.Effective)); err != nil {
			return from, until, false
		}
	}
	if c.Until != "" {
		end, err := time.Parse(time.DateOnly, string(c.Until))
		if err != nil {
			return from, until, false
		}
		if c.Value != Withdraw {
			until = end
		}
	}
	if c.Value == Give {
		from = latest(from, c.signed.day)
		if c.signed.instant.After(e.q.At) {
			from = latest(from, e.today.AddDate(0, 0, 1))
		}
	}
	return from, until, true
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// minority applies the rules about minors to a directive that is in force.
func (e *evaluation) minority(c *candidate) {
	if c.Value == Give && c.Visit != "" {
		e.override(c)
		return
	}
	birth := e.q.BirthDate
	if c.Signer == SignerSelf || reached(adultAge, birth, c.signed.day) || !reached(adultAge, birth, e.today) {
		return
	}
	// Signed before 18 by someone else, or by nobody knows whom, and the patient
	// is an adult. An unknown signer is read to the more restrictive side: the
	// grant ends like a parent's, the denial stays like the patient's own.
	byOther := slices.Contains(others, c.Signer)
	switch {
	case c.Value == Give, c.Value == EmergencyOnly && byOther:
		c.result = MinorNowAdult
	case c.Value == DenyAll && byOther && c.cell == cellParticipant:
		// It may not supersede the patient's own denial: else recording one more
		// denial would have opened emergency access.
		c.value, c.passive = EmergencyOnly, true
	}
}

// override applies the rules of a minor's one-visit consent.
func (e *evaluation) override(c *candidate) {
	birth, day := e.q.BirthDate, c.signed.day
	if c.Signer != SignerSelf || c.Community || !reached(overrideAge, birth, day) || reached(adultAge, birth, day) {
		c.result = MinorOverrideInvalid
		return
	}
	begin := c.signed.instant
	if begin.IsZero() {
		// Only the day is on the form: the 24 hours run from the recording where
		// that was on the same day, else from the day's first moment.
		begin = time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, e.q.Zone)
		if dayOf(c.Recorded, e.q.Zone).Equal(day) {
			begin = c.Recorded
		}
	}
	discharged := !c.Ended.IsZero() && !e.q.At.Before(c.Ended)
	if discharged || !e.q.At.Before(begin.Add(overrideTime)) {
		c.result = MinorOverrideEnded
	}
}

// supersede marks what a later form on the same identifier has replaced.
// Comparing at the coarser precision is not a total order, so each candidate is
// held against every other and not against the last one only.
func supersede(all []*candidate) {
	var old []*candidate
	for _, c := range all {
		if c.result == InForce && slices.ContainsFunc(all, func(o *candidate) bool {
			return o.result == InForce && !o.passive && o.Patient.Value == c.Patient.Value &&
				o.Patient.Authority == c.Patient.Authority && o.signed.later(c.signed)
		}) {
			old = append(old, c)
		}
	}
	for _, c := range old {
		c.result = Superseded
	}
}

// settle picks the most restrictive value of what is left on all identifiers.
func (e *evaluation) settle(all []*candidate) standing {
	var s standing
	var explained lockport.Seq
	for _, c := range all {
		if c.result == InForce && c.value == Give && !e.joined(c) {
			c.result = NotJoinedAtSignature
		}
		switch {
		case c.result == InForce && rank(c.value) > rank(s.value):
			s.value = c.value
		case c.result != InForce && c.result != Superseded && c.result != Voided && cmp.Or(
			cmp.Compare(c.Seq, explained), cmp.Compare(c.result, s.why)) > 0:
			s.why, explained = c.result, c.Seq
		}
	}
	for _, c := range all {
		switch {
		case c.result != InForce:
		case c.value != s.value:
			c.result = Outweighed
		default:
			if s.covers == nil {
				s.covers = slices.Clone(categories)
			}
			s.basis = max(s.basis, c.Seq)
			s.covers = slices.DeleteFunc(s.covers, func(k Category) bool { return !e.covered(c, k) })
		}
		e.trace = append(e.trace, Step{Cell: c.cell, Directive: c.Seq, Authority: c.Patient.Authority, Value: c.value, Result: c.result})
	}
	if s.value == Withdraw {
		s.why = Withdrawn
	}
	return s
}

// joined reports whether a grant covers the participant: not if it was signed
// before the participant joined (10 NYCRR 300.5), unless the form names it: as
// its own form does, or one that says so.
func (e *evaluation) joined(c *candidate) bool {
	if c.NamesLater || c.cell == cellParticipant {
		return true
	}
	day, err := time.Parse(time.DateOnly, string(e.q.Party.Joined))
	return err == nil && !c.signed.day.Before(day)
}

// covered reports whether a form opens a category. What another person signs for
// a minor does not open Part 2 or minor-consented services (42 CFR 2.14).
func (e *evaluation) covered(c *candidate, k Category) bool {
	if k == General {
		return true
	}
	forMinor := c.Signer != SignerSelf && !reached(adultAge, e.q.BirthDate, c.signed.day)
	if forMinor && (k == Part2 || k == MinorConsented) {
		return false
	}
	return slices.Contains(c.Covers, k)
}

// rank orders values from less to more restrictive; 0 is no value.
func rank(v Value) int {
	return 1 + slices.Index([]Value{Give, Withdraw, EmergencyOnly, DenyAll}, v)
}

// bySeq keeps a trace in journal order, whatever order the directives came in.
func bySeq(a, b Step) int {
	return cmp.Or(cmp.Compare(a.Cell, b.Cell), cmp.Compare(a.Directive, b.Directive))
}
