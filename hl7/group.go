package hl7

import "iter"

// PatientGroup is the part of a message that belongs to one patient.
type PatientGroup struct {
	From, To     int     // segment indexes [From, To) in the message
	Patient      Segment // PID; zero when the message has orders without one
	Observations []int   // OBX that belong to the patient or visit and to no order
	Orders       []OrderGroup
}

// OrderGroup is one order with its observations: ORC or OBR to before the next.
type OrderGroup struct {
	From, To     int     // segment indexes [From, To) in the message
	ORC, OBR     Segment // either may be zero
	Observations []int   // segment indexes of the OBX directly in this group
	Specimens    []int   // segment indexes of SPM
	OfSpecimens  []int   // OBX behind an SPM, which describe the specimen
}

// PatientGroups yields the patients of a message in order: from each PID to before the next, or from the first ORC or
// OBR when no PID comes before it. An ORC begins an order group; so does an OBR, unless it is the first behind an ORC.
// OBX behind an SPM describe the specimen (HL7 v2.5.1 ch. 7.3.1), unless the order has none before it: then the sender
// has put SPM first, and its results are not taken for anything else. DSC ends the last group.
func (m *Message) PatientGroups() iter.Seq[PatientGroup] {
	return func(yield func(PatientGroup) bool) {
		var g grouper
		for i, s := range m.Segments() {
			if s.Is("PID") {
				if done, ok := g.finish(i); ok && !yield(done) {
					return
				}
				g = grouper{open: true, group: PatientGroup{From: i, Patient: s}}
				continue
			}
			if s.Is("DSC") {
				g.stop(i)
				continue
			}
			g.add(i, s)
		}
		if done, ok := g.finish(m.segments); ok {
			yield(done)
		}
	}
}

// grouper collects one patient group.
type grouper struct {
	group   PatientGroup
	open    bool
	stopped bool
}

// order returns the open order group, nil before the first.
func (g *grouper) order() *OrderGroup {
	if n := len(g.group.Orders); n > 0 {
		return &g.group.Orders[n-1]
	}
	return nil
}

func (g *grouper) add(i int, s Segment) {
	switch {
	case g.stopped:
	case s.Is("ORC"):
		g.begin(i).ORC = s
	case s.Is("OBR"):
		o := g.order()
		if o == nil || o.OBR.Exists() {
			o = g.begin(i)
		}
		o.OBR = s
	case !g.open:
	case s.Is("SPM"):
		if o := g.order(); o != nil {
			o.Specimens = append(o.Specimens, i)
		}
	case s.Is("OBX"):
		o := g.order()
		switch {
		case o == nil:
			g.group.Observations = append(g.group.Observations, i)
		case len(o.Specimens) > 0 && len(o.Observations) > 0 && o.Observations[0] < o.Specimens[0]:
			o.OfSpecimens = append(o.OfSpecimens, i)
		default:
			o.Observations = append(o.Observations, i)
		}
	}
}

// begin opens an order group at segment i, and a patient group without PID when there is none.
func (g *grouper) begin(i int) *OrderGroup {
	if !g.open {
		g.open = true
		g.group.From = i
	}
	if o := g.order(); o != nil {
		o.To = i
	}
	g.group.Orders = append(g.group.Orders, OrderGroup{From: i})
	return g.order()
}

// stop ends the group before segment i.
func (g *grouper) stop(i int) {
	if !g.stopped {
		g.close(i)
		g.stopped = true
	}
}

func (g *grouper) close(i int) {
	g.group.To = i
	if o := g.order(); o != nil {
		o.To = i
	}
}

// finish returns the group, which ends before segment i; ok is false when none was begun.
func (g *grouper) finish(i int) (PatientGroup, bool) {
	if !g.stopped {
		g.close(i)
	}
	return g.group, g.open
}
