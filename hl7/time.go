package hl7

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// Precision is how much of a time a message states (HL7 v2.5.1 ch. 2.16.24 and 2.16.81). It is part of the value: a
// birth date of 1998 is not the first of January.
type Precision uint8

// The precisions of DTM. The zero Precision is that of an absent time.
const (
	Year Precision = iota + 1
	Month
	Day
	Hour
	Minute
	Second
	Fraction
)

// String returns the name of the precision.
func (p Precision) String() string {
	names := [...]string{"none", "year", "month", "day", "hour", "minute", "second", "fraction"}
	if int(p) >= len(names) {
		return "invalid"
	}
	return names[p]
}

// Resolution tells how a time without an offset met the rules of its zone.
type Resolution uint8

// A local time exists once (Exact), twice when clocks are set back (Ambiguous: the earlier instant was chosen), or not
// at all when they are set forward (Nonexistent: shifted forward by the gap).
const (
	Exact Resolution = iota
	Ambiguous
	Nonexistent
)

// String returns the name of the resolution.
func (r Resolution) String() string {
	return [...]string{"exact", "ambiguous", "nonexistent", "invalid"}[r&3]
}

// Time is a DTM or TS value: YYYY[MM[DD[HH[MM[SS[.S...]]]]]][+/-ZZZZ]. It keeps the stated precision and whether an
// offset was given. The zero Time is absent. Times are comparable with ==.
type Time struct {
	year      int16
	month     uint8
	day       uint8
	hour      uint8
	minute    uint8
	second    uint8
	digits    uint8 // of the fraction
	nanos     int32
	offset    int16 // minutes east of UTC
	hasOffset bool
	precision Precision
}

// timeError is a refusal of a time; it never shows the text.
type timeError string

// Error says what is wrong with the time.
func (e timeError) Error() string { return "hl7: not a time: " + string(e) }

// ParseTime reads the textual form. An empty text is an absent time. Up to nine digits of a fraction are accepted;
// the standard has four.
func ParseTime(s string) (Time, error) {
	var t Time
	if s == "" {
		return t, nil
	}
	if i := strings.IndexAny(s, "+-"); i >= 0 {
		if err := t.parseOffset(s[i:]); err != nil {
			return Time{}, err
		}
		s = s[:i]
	}
	whole, fraction, hasFraction := strings.Cut(s, ".")
	if !isDigits(whole) {
		return Time{}, timeError("not digits")
	}
	if len(whole) < 4 || len(whole) > 14 || len(whole)%2 != 0 {
		return Time{}, timeError("wrong number of digits")
	}
	year, _ := strconv.Atoi(whole[:4])
	t.year, t.precision, t.month, t.day = int16(year), Year, 1, 1
	parts := []*uint8{&t.month, &t.day, &t.hour, &t.minute, &t.second}
	for i, rest := 0, whole[4:]; rest != ""; i, rest = i+1, rest[2:] {
		*parts[i] = (rest[0]-'0')*10 + rest[1] - '0'
		t.precision++
	}
	if hasFraction {
		if t.precision != Second {
			return Time{}, timeError("fraction without seconds")
		}
		if len(fraction) == 0 || len(fraction) > 9 || !isDigits(fraction) {
			return Time{}, timeError("bad fraction")
		}
		n, _ := strconv.Atoi((fraction + "00000000")[:9])
		t.nanos, t.digits, t.precision = int32(n), uint8(len(fraction)), Fraction
	}
	return t.check()
}

func (t *Time) parseOffset(s string) error {
	if len(s) != 5 || !isDigits(s[1:]) {
		return timeError("bad offset")
	}
	hours, _ := strconv.Atoi(s[1:3])
	minutes, _ := strconv.Atoi(s[3:])
	if hours > 14 || minutes > 59 {
		return timeError("offset out of range")
	}
	t.offset = int16(hours*60 + minutes)
	if s[0] == '-' {
		t.offset = -t.offset
	}
	t.hasOffset = true
	return nil
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i]-'0' > 9 {
			return false
		}
	}
	return s != ""
}

func (t Time) check() (Time, error) {
	switch {
	case t.year == 0:
		return Time{}, timeError("year out of range")
	case t.month < 1 || t.month > 12:
		return Time{}, timeError("month out of range")
	case t.day < 1 || int(t.day) > time.Date(int(t.year), time.Month(t.month)+1, 0, 0, 0, 0, 0, time.UTC).Day():
		return Time{}, timeError("day out of range")
	case t.hour > 23:
		return Time{}, timeError("hour out of range")
	case t.minute > 59:
		return Time{}, timeError("minute out of range")
	case t.second > 59:
		return Time{}, timeError("second out of range")
	}
	return t, nil
}

// ReadTime reads a TS or DTM value: its first component, without blanks around it. Absent, empty and "" give the zero
// Time. A degree of precision in the second component (TS.2, versions up to 2.6) coarsens the precision.
func ReadTime(v Value) (Time, error) {
	first := v.part1()
	if first.Presence() != Valued {
		return Time{}, nil
	}
	t, err := ParseTime(strings.Trim(first.Text(), " "))
	if err != nil {
		return Time{}, err
	}
	if degree := v.nested(2).Raw(); len(degree) == 1 {
		if i := strings.IndexByte("YLDHMS", degree[0]); i >= 0 {
			t = t.coarsen(Precision(i + 1))
		}
	}
	return t, nil
}

// coarsen forgets what lies behind p.
func (t Time) coarsen(p Precision) Time {
	if t.precision <= p {
		return t
	}
	parts := []struct {
		field *uint8
		empty uint8
		at    Precision
	}{{&t.month, 1, Month}, {&t.day, 1, Day}, {&t.hour, 0, Hour}, {&t.minute, 0, Minute}, {&t.second, 0, Second}}
	for _, part := range parts {
		if p < part.at {
			*part.field = part.empty
		}
	}
	t.nanos, t.digits, t.precision = 0, 0, p
	return t
}

// IsZero tells whether the time is absent.
func (t Time) IsZero() bool { return t.precision == 0 }

// Precision returns the stated precision; 0 when absent.
func (t Time) Precision() Precision { return t.precision }

// HasOffset tells whether an offset from UTC was given.
func (t Time) HasOffset() bool { return t.hasOffset }

// HL7 returns the time in its textual form, at its precision and with its offset if it has one.
func (t Time) HL7() string {
	if t.IsZero() {
		return ""
	}
	s := fmt.Sprintf("%04d%02d%02d%02d%02d%02d", t.year, t.month, t.day, t.hour, t.minute, t.second)
	s = s[:min(len(s), 2+2*int(t.precision))]
	if t.precision == Fraction {
		s += "." + fmt.Sprintf("%09d", t.nanos)[:t.digits]
	}
	if t.hasOffset {
		sign, o := byte('+'), int(t.offset)
		if o < 0 {
			sign, o = '-', -o
		}
		s += fmt.Sprintf("%c%02d%02d", sign, o/60, o%60)
	}
	return s
}

// Format prints the precision and never the time, which may be a birth date; see [Time.HL7].
func (t Time) Format(f fmt.State, _ rune) { io.WriteString(f, "hl7.Time("+t.precision.String()+")") }

// zone returns the given offset as a zone.
func (t Time) zone() *time.Location {
	return time.FixedZone("", int(t.offset)*60)
}

// In returns the first instant of the stated precision: the start of the year, day or minute. A given offset decides
// and the resolution is then Exact; else the time is local to zone, nil meaning UTC. An absent time gives the zero
// time.Time.
func (t Time) In(zone *time.Location) (time.Time, Resolution) {
	if t.IsZero() {
		return time.Time{}, Exact
	}
	early, _, r := resolve(t.wall(), t.location(zone))
	return early, r
}

// Latest returns the last instant (to the nanosecond) that the stated precision allows: the end of the year for a
// year; of two instants with the same local time the later. zone is used as in [Time.In].
func (t Time) Latest(zone *time.Location) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	w := t.wall()
	switch t.precision {
	case Year:
		w = w.AddDate(1, 0, 0)
	case Month:
		w = w.AddDate(0, 1, 0)
	case Day:
		w = w.AddDate(0, 0, 1)
	case Hour:
		w = w.Add(time.Hour)
	case Minute:
		w = w.Add(time.Minute)
	case Second:
		w = w.Add(time.Second)
	case Fraction:
		unit := time.Second
		for range t.digits {
			unit /= 10
		}
		w = w.Add(unit)
	}
	_, late, _ := resolve(w.Add(-1), t.location(zone))
	return late
}

// wall returns the stated time as if it were UTC.
func (t Time) wall() time.Time {
	return time.Date(int(t.year), time.Month(t.month), int(t.day), int(t.hour), int(t.minute), int(t.second), int(t.nanos), time.UTC)
}

func (t Time) location(zone *time.Location) *time.Location {
	switch {
	case t.hasOffset:
		return t.zone()
	case zone == nil:
		return time.UTC
	}
	return zone
}

// resolve finds the instants at which clocks in zone show wall, a time in UTC taken as local.
func resolve(wall time.Time, zone *time.Location) (early, late time.Time, r Resolution) {
	// A day before and a day after lie on either side of a change near wall, whatever the offset; no zone changes
	// twice within two days.
	before := at(wall, offsetAt(wall.Add(-24*time.Hour), zone), zone)
	after := at(wall, offsetAt(wall.Add(24*time.Hour), zone), zone)
	okBefore, okAfter := shows(before, wall), shows(after, wall)
	switch {
	case okBefore && okAfter && !before.Equal(after):
		if after.Before(before) {
			before, after = after, before
		}
		return before, after, Ambiguous
	case okBefore:
		return before, before, Exact
	case okAfter:
		return after, after, Exact
	}
	// The offset that held before the gap carries the time over it: 02:30 becomes 03:30.
	return before, before, Nonexistent
}

func offsetAt(t time.Time, zone *time.Location) int {
	_, offset := t.In(zone).Zone()
	return offset
}

func at(wall time.Time, offset int, zone *time.Location) time.Time {
	return wall.Add(-time.Duration(offset) * time.Second).In(zone)
}

// shows tells whether a clock at t shows wall.
func shows(t, wall time.Time) bool {
	_, offset := t.Zone()
	return t.Add(time.Duration(offset) * time.Second).Equal(wall)
}

// FormatTime writes an instant at a precision, in its own location, with the offset from UTC when the precision is
// Hour or finer. A fraction has four digits. The zero time gives an empty text.
func FormatTime(t time.Time, p Precision) string {
	if t.IsZero() || p < Year {
		return ""
	}
	s := t.Format("20060102150405.0000")
	if p < Fraction {
		s = s[:2+2*int(p)]
	}
	if p >= Hour {
		s += t.Format("-0700")
	}
	return s
}
