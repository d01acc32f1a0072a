package simulate

import (
	"strconv"
	"time"
	"unicode/utf8"
)

// charset is the character set a sender writes.
type charset uint8

const (
	utf8Set charset = iota
	latin1          // ISO 8859-1
	windows1252
	ascii
)

// encoder writes one message after the other into one growing buffer. It knows
// the default delimiters only: |^~\&.
type encoder struct {
	b       []byte
	last    int // number of the field written last in the open segment
	charset charset
	offset  bool           // times carry their offset from UTC; MSH-7 always does
	zone    *time.Location // the one zone of all times of a message, so that MSH-7's offset holds for them
}

// segment ends the open segment and begins the next.
func (e *encoder) segment(id string) {
	e.end()
	e.b = append(e.b, id...)
	e.last = 0
}

// end writes the segment terminator, unless nothing is written yet.
func (e *encoder) end() {
	if n := len(e.b); n > 0 && e.b[n-1] != '\r' {
		e.b = append(e.b, '\r')
	}
}

// at moves to field n of the open segment. Fields are written in ascending order.
func (e *encoder) at(n int) {
	for e.last < n {
		e.b = append(e.b, '|')
		e.last++
	}
}

// field writes field n with its components, escaped. Trailing empty components
// are left out, and so is a field without any content.
func (e *encoder) field(n int, components ...string) {
	components = trimEmpty(components)
	if len(components) == 0 {
		return
	}
	e.at(n)
	e.components(components)
}

// repeat adds a repetition to the field written last.
func (e *encoder) repeat(components ...string) {
	e.b = append(e.b, '~')
	e.components(trimEmpty(components))
}

func trimEmpty(s []string) []string {
	for len(s) > 0 && s[len(s)-1] == "" {
		s = s[:len(s)-1]
	}
	return s
}

func (e *encoder) components(components []string) {
	for i, c := range components {
		if i > 0 {
			e.b = append(e.b, '^')
		}
		e.text(c)
	}
}

// raw writes what is escaped already.
func (e *encoder) raw(s string) { e.b = append(e.b, s...) }

// special marks the bytes that cannot be copied as they are.
var special = func() (t [256]bool) {
	for _, c := range []byte("|^~\\&\r\n") {
		t[c] = true
	}
	for c := 0x80; c < 256; c++ {
		t[c] = true
	}
	return t
}()

// text writes a value in the sender's character set with the escapes of HL7
// v2.5.1 ch. 2.7.1; a line end becomes the formatting command \.br\.
func (e *encoder) text(s string) {
	for i := range len(s) {
		if special[s[i]] {
			e.slowText(s)
			return
		}
	}
	e.b = append(e.b, s...)
}

func (e *encoder) slowText(s string) {
	for _, r := range s {
		switch r {
		case '|':
			e.raw(`\F\`)
		case '^':
			e.raw(`\S\`)
		case '&':
			e.raw(`\T\`)
		case '~':
			e.raw(`\R\`)
		case '\\':
			e.raw(`\E\`)
		case '\n':
			e.raw(`\.br\`)
		default:
			e.rune(r)
		}
	}
}

func (e *encoder) rune(r rune) {
	switch {
	case r < utf8.RuneSelf:
		e.b = append(e.b, byte(r))
	case e.charset == utf8Set:
		e.b = utf8.AppendRune(e.b, r)
	case r >= 0xA0 && r <= 0xFF && e.charset != ascii:
		e.b = append(e.b, byte(r))
	case e.charset == windows1252 && cp1252[r] != 0:
		e.b = append(e.b, cp1252[r])
	default:
		e.raw(folded[r])
	}
}

// cp1252 lists the letters of the name lists that Windows-1252 has outside of
// ISO 8859-1.
var cp1252 = map[rune]byte{'Š': 0x8A, 'š': 0x9A, 'Ž': 0x8E, 'ž': 0x9E, 'Œ': 0x8C, 'œ': 0x9C, '’': 0x92, '–': 0x96}

// folded is how a sender writes a letter that its character set lacks.
var folded = map[rune]string{
	'á': "a", 'à': "a", 'â': "a", 'ã': "a", 'ä': "ae", 'å': "aa", 'ă': "a", 'ą': "a", 'ầ': "a", 'ạ': "a", 'ặ': "a", 'ấ': "a",
	'ç': "c", 'ć': "c", 'č': "c", 'đ': "d", 'é': "e", 'è': "e", 'ê': "e", 'ë': "e", 'ę': "e", 'ễ': "e",
	'í': "i", 'ï': "i", 'î': "i", 'ị': "i", 'ł': "l", 'ñ': "n", 'ń': "n", 'ó': "o", 'ò': "o", 'ö': "oe", 'ô': "o", 'ø': "o", 'õ': "o",
	'ś': "s", 'š': "s", 'ú': "u", 'ù': "u", 'ü': "ue", 'ứ': "u", 'ź': "z", 'ż': "z", 'ž': "z", 'ß': "ss",
	'Á': "A", 'Å': "Aa", 'Ç': "C", 'Ć': "C", 'Č': "C", 'Đ': "D", 'É': "E", 'Í': "I", 'Ł': "L", 'Ñ': "N", 'Ó': "O", 'Ö': "Oe",
	'Ø': "O", 'Š': "S", 'Ś': "S", 'Þ': "Th", 'Ú': "U", 'Ü': "Ue", 'Ž': "Z", 'Ż': "Z", 'œ': "oe", 'Œ': "Oe", '’': "'", '–': "-",
}

// fold returns a value as a sender of that character set writes it.
func (c charset) fold(s string) string {
	if c == utf8Set {
		return s
	}
	out := make([]rune, 0, len(s))
	for _, r := range s {
		switch {
		case r < utf8.RuneSelf, r >= 0xA0 && r <= 0xFF && c != ascii, c == windows1252 && cp1252[r] != 0:
			out = append(out, r)
		default:
			out = append(out, []rune(folded[r])...)
		}
	}
	return string(out)
}

// number writes an integer into field n.
func (e *encoder) number(n, v int) {
	e.at(n)
	e.b = strconv.AppendInt(e.b, int64(v), 10)
}

// when writes a time to the second into field n.
func (e *encoder) when(n int, t time.Time) {
	if t.IsZero() {
		return
	}
	layout := "20060102150405"
	if e.offset {
		layout = "20060102150405-0700"
	}
	e.at(n)
	e.b = t.In(e.zone).AppendFormat(e.b, layout)
}
