package clinical

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
)

// Units are the observations of a version. Nearly everything that a Unit says
// stands in its segments too, and in all units of a version at the same place:
// packed, the segments stand there once, behind what tells where to look.
type Units []Unit

// texts are the parts of a unit that may be found in its segments, in the order
// in which they stand there.
func (u *Unit) texts() [5]*string {
	return [...]*string{&u.Code.Code, &u.Code.Text, &u.Code.System, &u.SubID, &u.Status}
}

// separators end the pieces in which texts are looked for. They mean nothing:
// whatever is no piece follows itself.
const separators = "|^~&\r"

// What a text is, in place of the number of a piece.
const (
	emptyText    = 0
	literalText  = 1
	firstPiece   = 2
	piecesLooked = 1000 // a text further in is no piece
)

// shape is what the units of a version have in common.
type shape struct {
	noValue bool
	lines   uint64    // how many lines the segments are, 0 when they do not end with one
	pieces  [5]uint64 // what each text is
}

// The first byte of what is said of a unit.
const (
	sameShape  = 0
	otherShape = 1
)

// MarshalBinary packs the units: what is said of each, then all segments. From
// and Encoding take no part.
func (us Units) MarshalBinary() ([]byte, error) {
	size := 0
	for _, u := range us {
		size += len(u.Segments)
	}
	b := binary.AppendUvarint(make([]byte, 0, size+2*len(us)+16), uint64(len(us)))
	var before shape
	for i := range us {
		s := us[i].shape()
		if s == before {
			b = append(b, sameShape)
		} else {
			b = s.append(append(b, otherShape))
		}
		before = s
		if s.lines == 0 {
			b = binary.AppendUvarint(b, uint64(len(us[i].Segments)))
		}
		for n, text := range us[i].texts() {
			if s.pieces[n] == literalText {
				b = append(binary.AppendUvarint(b, uint64(len(*text))), *text...)
			}
		}
	}
	for _, u := range us {
		b = append(b, u.Segments...)
	}
	return b, nil
}

func (s shape) append(b []byte) []byte {
	if s.noValue {
		b = append(b, 1)
	} else {
		b = append(b, 0)
	}
	b = binary.AppendUvarint(b, s.lines)
	for _, p := range s.pieces {
		b = binary.AppendUvarint(b, p)
	}
	return b
}

func (u *Unit) shape() shape {
	s := shape{noValue: u.NoValue}
	if bytes.HasSuffix(u.Segments, []byte{'\r'}) {
		s.lines = uint64(bytes.Count(u.Segments, []byte{'\r'}))
	}
	p := pieces{rest: u.Segments}
	for n, text := range u.texts() {
		s.pieces[n] = p.find(*text)
	}
	return s
}

// pieces walks through segments.
type pieces struct {
	rest []byte
	next uint64 // the number of the piece at the start of rest
}

func (p *pieces) step() []byte {
	piece := p.rest
	if end := bytes.IndexAny(p.rest, separators); end >= 0 {
		piece, p.rest = p.rest[:end], p.rest[end+1:]
	} else {
		p.rest = nil
	}
	p.next++
	return piece
}

// find passes on to the piece that is a text, and says what that is. It stays
// where it is for a text that is no piece.
func (p *pieces) find(text string) uint64 {
	if text == "" {
		return emptyText
	}
	for look := *p; len(look.rest) > 0 && look.next < piecesLooked; {
		if string(look.step()) == text {
			*p = look
			return firstPiece + look.next - 1
		}
	}
	return literalText
}

var errUnits = errors.New("observations that are not packed as they should be")

// UnmarshalBinary undoes MarshalBinary. Nothing is shared with data.
func (us *Units) UnmarshalBinary(data []byte) error {
	r := unpacking{rest: data}
	n := r.number()
	if n > uint64(len(data)) {
		return errUnits
	}
	units, lengths, shapes := make(Units, n), make([]uint64, n), make([]shape, n)
	for i := range units {
		shapes[i] = r.shape(shapes[max(i-1, 0)])
		if shapes[i].lines == 0 {
			lengths[i] = r.number()
		}
		for n, text := range units[i].texts() {
			if shapes[i].pieces[n] == literalText {
				*text = string(r.take(r.number()))
			}
		}
	}
	r.rest = slices.Clone(r.rest)
	for i := range units {
		if shapes[i].lines > 0 {
			lengths[i] = linesLength(r.rest, shapes[i].lines)
		}
		units[i].read(r.take(lengths[i]), shapes[i], &r)
	}
	if r.bad || len(r.rest) > 0 {
		return errUnits
	}
	*us = units
	return nil
}

// linesLength is how many bytes the next n lines are; more than there are when
// there are not so many.
func linesLength(b []byte, n uint64) uint64 {
	length := 0
	for range min(n, uint64(len(b))+1) {
		end := bytes.IndexByte(b[length:], '\r')
		if end < 0 {
			return uint64(len(b)) + 1
		}
		length += end + 1
	}
	return uint64(length)
}

// read fills a unit from its segments. Literal texts stand in it already.
func (u *Unit) read(segments []byte, s shape, r *unpacking) {
	u.NoValue, u.Segments = s.noValue, slices.Clip(segments)
	p := pieces{rest: segments}
	for n, text := range u.texts() {
		if s.pieces[n] < firstPiece {
			continue
		}
		wanted := s.pieces[n] - firstPiece
		if wanted < p.next || wanted >= piecesLooked {
			r.bad = true
			return
		}
		for p.next < wanted {
			p.step()
		}
		*text = string(p.step())
	}
}

// unpacking reads packed units. What is wrong with them is asked once, at the
// end.
type unpacking struct {
	rest []byte
	bad  bool
}

func (r *unpacking) number() uint64 {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 {
		r.bad, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

// take returns the next n bytes.
func (r *unpacking) take(n uint64) []byte {
	if n > uint64(len(r.rest)) {
		r.bad, r.rest = true, nil
		return nil
	}
	taken := r.rest[:n:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *unpacking) shape(before shape) shape {
	switch r.number() {
	case sameShape:
		return before
	case otherShape:
		s := shape{noValue: r.number() == 1, lines: r.number()}
		for n := range s.pieces {
			s.pieces[n] = r.number()
		}
		return s
	}
	r.bad = true
	return before
}
