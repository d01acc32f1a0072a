package hl7

import "strconv"

// maxColumns bounds what one formatting command may insert, so that a few bytes cannot ask for much memory.
const maxColumns = 200

// formatCommand takes the body of an escape apart, such as .sp3: the command's name with its dot, its number (-1 when
// it has none) and whether the standard knows it.
func formatCommand(body []byte) (name string, n int, ok bool) {
	if len(body) < 3 {
		return "", 0, false
	}
	switch string(body[:3]) {
	case ".br", ".fi", ".nf", ".ce":
		return string(body[:3]), -1, len(body) == 3
	case ".sp", ".in", ".ti", ".sk":
		digits := body[3:]
		if len(digits) == 0 {
			return string(body[:3]), -1, true
		}
		if len(digits) > 5 {
			return "", 0, false
		}
		if digits[0] == '+' || digits[0] == ' ' {
			digits = digits[1:]
		}
		n, err := strconv.Atoi(string(digits))
		if err != nil {
			return "", 0, false
		}
		return string(body[:3]), min(max(n, -maxColumns), maxColumns), true
	}
	return "", 0, false
}

// formatter carries out formatting commands on bytes of the message's character set.
type formatter struct {
	out    []byte
	indent int // columns before each line, set by \.in\
	once   int // columns before the next line in addition, set by \.ti\
	begun  bool
}

// format returns raw with all escapes undone and formatting commands carried out.
func (m *Message) format(raw []byte) []byte {
	f := formatter{out: make([]byte, 0, len(raw)+8)}
	e := escapes{m: m, rest: raw}
	for {
		text, sequence, kind, body, ok := e.next()
		f.text(text)
		if !ok {
			return f.out
		}
		if kind == escapeFormat {
			f.command(body)
			continue
		}
		f.start()
		f.out = m.appendSequence(f.out, sequence, kind, body)
	}
}

func (f *formatter) text(b []byte) {
	if len(b) > 0 {
		f.start()
		f.out = append(f.out, b...)
	}
}

// start writes the indentation when the next byte is the first of its line.
func (f *formatter) start() {
	if !f.begun {
		f.columns(f.indent + f.once)
		f.once, f.begun = 0, true
	}
}

func (f *formatter) columns(n int) {
	for range max(n, 0) {
		f.out = append(f.out, ' ')
	}
}

func (f *formatter) lines(n int) {
	for range max(n, 0) {
		f.out = append(f.out, '\n')
	}
	f.begun = false
}

func (f *formatter) command(body []byte) {
	name, n, ok := formatCommand(body)
	if !ok {
		return // \H\ and \N\: plain text has no highlighting
	}
	switch name {
	case ".br":
		f.lines(1)
	case ".ce":
		if f.begun {
			f.lines(1)
		}
	case ".sp":
		if n < 0 {
			n = 1
		}
		f.lines(n)
	case ".in":
		f.indent = min(max(n, 0), maxColumns)
	case ".ti":
		f.once = n
		if n < 0 {
			f.once = max(n, -f.indent)
		}
	case ".sk":
		f.start()
		f.columns(n)
	}
}
