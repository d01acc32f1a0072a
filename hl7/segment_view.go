package hl7

import "iter"

// The views PID, OBX and so on give the fields of a segment their names: hl7.PID{Segment: m.First("PID")} is one. A
// view is its segment and nothing beside it, so it holds no copy and prints no content, and the view of no segment
// reads as empty. Fields of a simple type (ST, ID, IS, SI, TX, FT) are returned as a [Value], which tells "" from
// empty and needs no string to be compared; of a field that does not repeat, the first repetition counts. Fields
// without an accessor are read by number as in every segment.

// repeated yields the repetitions of a field, counted from 1 as in [Segment.Reps], through a typed reader.
func repeated[T any](s Segment, field int, read func(Value) T) iter.Seq2[int, T] {
	return func(yield func(int, T) bool) {
		for n, v := range s.Reps(field) {
			if !yield(n, read(v)) {
				return
			}
		}
	}
}
