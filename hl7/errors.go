package hl7

import "strconv"

// SyntaxError says where bytes are not HL7 and why. It never holds content of the message.
type SyntaxError struct {
	Segment  string // segment name, such as MSH; empty when no segment is concerned
	Sequence int    // which segment of that name, from 1; 0 when unknown
	Field    int    // field, from 1; 0 when the whole segment is meant
	Reason   string
}

// Error names the place and the reason: `hl7: MSH-2: fewer than three encoding characters`.
func (e *SyntaxError) Error() string {
	place := e.Segment
	if e.Sequence > 1 {
		place += "(" + strconv.Itoa(e.Sequence) + ")"
	}
	if e.Field > 0 {
		place += "-" + strconv.Itoa(e.Field)
	}
	if place == "" {
		return "hl7: " + e.Reason
	}
	return "hl7: " + place + ": " + e.Reason
}
