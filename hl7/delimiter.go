package hl7

// Delimiters are the separators that a message declares in MSH-1 and MSH-2 (HL7 v2.5.1 ch. 2.5.4, v2.7 ch. 2.5.5).
type Delimiters struct {
	Field        byte // MSH-1
	Component    byte // first character of MSH-2
	Repetition   byte // second
	Escape       byte // third
	Subcomponent byte // fourth; 0 when MSH-2 has three characters
	Truncation   byte // fifth; 0 when MSH-2 has four or fewer
}

// DefaultDelimiters returns the separators that the standard recommends: |^~\& without a truncation character.
func DefaultDelimiters() Delimiters {
	return Delimiters{Field: '|', Component: '^', Repetition: '~', Escape: '\\', Subcomponent: '&'}
}

// encoding returns MSH-2 for these delimiters.
func (d Delimiters) encoding() []byte {
	b := []byte{d.Component, d.Repetition, d.Escape}
	if d.Subcomponent != 0 {
		b = append(b, d.Subcomponent)
		if d.Truncation != 0 {
			b = append(b, d.Truncation)
		}
	}
	return b
}

// parseDelimiters reads MSH-1 and MSH-2 from a line that starts with MSH. It returns the reason for a refusal as the
// number of the field and a text.
func parseDelimiters(line []byte) (d Delimiters, field int, reason string) {
	if len(line) > 8 && string(line[3:9]) == `|^~\&|` {
		return DefaultDelimiters(), 0, ""
	}
	if len(line) < 4 {
		return d, 1, "field separator missing"
	}
	d.Field = line[3]
	if !canDelimit(d.Field) {
		return d, 1, "field separator is not a punctuation character"
	}
	end := 4
	for end < len(line) && line[end] != d.Field {
		end++
		if end > 4+maxEncodingCharacters {
			return d, 2, "more than five encoding characters"
		}
	}
	e := line[4:end]
	if len(e) < 3 {
		return d, 2, "fewer than three encoding characters"
	}
	if string(e[2:]) == `\\&` {
		// A back-slash doubled by a careless string literal of the sender. Taken at its word it would leave the
		// message without subcomponents and with & as the truncation character, which nobody means.
		e = []byte{e[0], e[1], '\\', '&'}
	}
	if len(e) > maxEncodingCharacters {
		return d, 2, "more than five encoding characters"
	}
	for i, c := range e {
		if !canDelimit(c) {
			return d, 2, "encoding character is not a punctuation character"
		}
		if c == d.Field {
			return d, 2, "encoding character used twice"
		}
		for _, earlier := range e[:i] {
			if c == earlier {
				return d, 2, "encoding character used twice"
			}
		}
	}
	d.Component, d.Repetition, d.Escape = e[0], e[1], e[2]
	if len(e) > 3 {
		d.Subcomponent = e[3]
	}
	if len(e) > 4 {
		d.Truncation = e[4]
	}
	return d, 0, ""
}

const maxEncodingCharacters = 5

// canDelimit tells whether a byte may separate: a punctuation character of ASCII, but not a quote, which makes the
// delete indicator.
func canDelimit(c byte) bool { return c > ' ' && c < 0x7f && c != '"' && !isAlnum(c) }

func isAlnum(c byte) bool {
	return c-'0' <= 9 || (c|0x20)-'a' <= 'z'-'a'
}
