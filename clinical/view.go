package clinical

import "slices"

// unitKey is the identity of an observation within an order: OBX-3 and OBX-4
// (HL7 v2.5.1 ch. 7.4.2.4). Where OBX-3 has no code, its text is all there is.
type unitKey struct{ code, system, sub string }

func keyOf(u Unit) unitKey {
	k := unitKey{u.Code.Code, u.Code.System, u.SubID}
	if k.code == "" {
		k.code = "\x00" + u.Code.Text
	}
	return k
}

// CurrentView merges the versions of one result, in any order, into what
// counts: order status, head and tail of the current version, and every
// observation as its newest version has it.
//
// For each observation, in the order of Newer:
//   - F, C, A, B, V, W and X replace what was before; W and X stay in the view
//     with their status, because who saw the value must learn of it
//   - D takes the observation out; with others of the same OBX-3 and OBX-4 in
//     one message it takes out only its own segments
//   - U without a value makes the value before it final
//   - P replaces anything but a final value
//   - I and N (nothing to release yet, not asked) never replace a value; I means
//     pending
//   - R, S and O are not shown
//
// An OBX without OBX-11 has the status of its order. Every version stays as it
// was received; the view shares their segments.
func CurrentView(versions []Version) Version {
	if len(versions) == 0 {
		return Version{}
	}
	oldestFirst := slices.Clone(versions)
	slices.SortStableFunc(oldestFirst, func(a, b Version) int { return compareRefs(a.Ref(), b.Ref()) })
	view := oldestFirst[0]
	for _, v := range oldestFirst[1:] {
		if outranks(v.Ref(), view.Ref()) {
			view = v
		}
	}
	slots := make([]slot, 0, len(view.Units))
	at := make(map[unitKey]int, len(view.Units)) // of first appearance, so that a correction stays in its place
	for _, v := range oldestFirst {
		for _, u := range unitsOf(v) {
			i, known := at[keyOf(u)]
			if !known {
				i = len(slots)
				at[keyOf(u)] = i
				slots = append(slots, slot{})
			}
			slots[i].merge(u)
		}
	}
	view.Units = make(Units, 0, len(slots))
	for _, s := range slots {
		u := s.unit
		if !s.taken || u.Status == "R" || u.Status == "S" || u.Status == "O" {
			continue
		}
		if u.Encoding == view.Encoding {
			u.Encoding = Encoding{}
		}
		view.Units = append(view.Units, u)
	}
	return view
}

// unitsOf returns a version's observations with what the view needs to know of
// their origin. OBX of the same key are joined even when the reader of the
// message kept them apart.
func unitsOf(v Version) []Unit {
	units := make([]Unit, 0, len(v.Units))
	at := make(map[unitKey]int, len(v.Units))
	joined := map[int]bool{} // whose segments are a copy that may be appended to
	for _, u := range v.Units {
		u.From, u.Encoding = v.Ref(), v.Encoding
		if u.Status == "" {
			u.Status = inherited(v.Status)
		}
		i, known := at[keyOf(u)]
		switch {
		case !known:
			at[keyOf(u)] = len(units)
			units = append(units, u)
		case u.Status == "D":
		case units[i].Status == "D":
			units[i] = u
		default:
			if !joined[i] {
				units[i].Segments, joined[i] = slices.Clone(units[i].Segments), true
			}
			units[i].Segments = append(units[i].Segments, u.Segments...)
			units[i].NoValue = units[i].NoValue && u.NoValue
			if unitClass(units[i].Status) == retracted {
				units[i].Status = u.Status // X and W hit one OBX; what stands beside it still counts
			}
		}
	}
	return units
}

// slot is the place of one observation in the view.
type slot struct {
	unit  Unit
	taken bool
}

// merge lets a newer observation act on what is known.
func (s *slot) merge(u Unit) {
	switch {
	case s.taken && !unitReplaces(unitClass(s.unit.Status), unitClass(u.Status)):
	case u.Status == "D":
		s.taken = false
	case u.Status == "U" && u.NoValue && s.taken:
		if unitClass(s.unit.Status) != retracted {
			s.unit.Status = "F"
		}
	default:
		s.unit, s.taken = u, true
	}
}
