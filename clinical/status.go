package clinical

import "bytes"

// class is what a status means for replacing one value by another.
type class uint8

const (
	unstated    class = iota // no status, or one this package does not know
	valueless                // ordered, scheduled, in process, not verified: nothing to release
	preliminary              // a value that may still change
	settled                  // final, corrected, amended, verified
	retracted                // deleted, posted wrongly, cannot be obtained
)

// orderClass classifies OBR-25 (table 0123).
func orderClass(status string) class {
	switch status {
	case "O", "I", "S", "R", "N", "Y", "Z":
		return valueless
	case "P", "A", "M":
		return preliminary
	case "F", "C":
		return settled
	case "X":
		return retracted
	}
	return unstated
}

// unitClass classifies OBX-11 (table 0085).
func unitClass(status string) class {
	switch status {
	case "R", "S", "O", "I", "N":
		return valueless
	case "P":
		return preliminary
	case "F", "C", "A", "B", "V", "U":
		return settled
	case "W", "X", "D":
		return retracted
	}
	return unstated
}

// provisional reports whether a version with this OBR-25 gives way to one that
// is final, cancelled or says nothing about its status, however old that is.
func provisional(status string) bool {
	c := orderClass(status)
	return c == preliminary || c == valueless
}

// Corrects reports whether the version says that what was reported before is wrong
// or withdrawn: OBR-25 C or X, OBX-11 C, W, D or X (tables 0123 and 0085).
func (v Version) Corrects() bool {
	if v.Status == "C" || v.Status == "X" {
		return true
	}
	for _, u := range v.Units {
		if u.Status == "C" || unitClass(u.Status) == retracted {
			return true
		}
	}
	return false
}

// Contradicts reports whether the version gives something else than one that was
// final, for an observation that both have.
func (v Version) Contradicts(before Version) bool {
	if provisional(before.Status) {
		return false
	}
	said := make(map[unitKey][]byte, len(before.Units))
	for _, u := range before.Units {
		if unitClass(u.Status) == settled {
			said[keyOf(u)] = u.Segments
		}
	}
	for _, u := range v.Units {
		if segments, known := said[keyOf(u)]; known && unitClass(u.Status) == settled && !bytes.Equal(segments, u.Segments) {
			return true
		}
	}
	return false
}

// inherited is the OBX-11 of an observation that has none, under an OBR-25.
func inherited(order string) string {
	switch order {
	case "F", "C", "X", "P", "R", "S", "O", "I":
		return order
	case "A", "M":
		return "P"
	case "N": // procedure completed, results pending; in OBX-11 it would mean "not asked"
		return "I"
	}
	return ""
}

// unitReplaces reports whether a newer observation replaces an older one. A
// preliminary value replaces no final one and none of unknown status, and a
// status without a value replaces no value and no retraction.
func unitReplaces(old, new class) bool {
	switch new {
	case valueless:
		return old == valueless
	case preliminary:
		return old != settled && old != unstated
	}
	return true
}
