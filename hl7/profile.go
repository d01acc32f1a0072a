package hl7

import (
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
)

// ErrRules is what errors for rules that cannot be understood wrap.
var ErrRules = errors.New("hl7: bad rules")

// Rules are what a site agrees on beyond the standard, as data. The zero value adds nothing.
type Rules struct {
	// Events maps message code and trigger to a structure: "ADT^ZA1": "ADT_A01".
	Events map[string]string
	// Structures maps a structure to its segments in the notation of HL7 v2.5.1 ch. 2.12, without group names:
	// "ORU_ZR9": "MSH PID {OBR [{OBX}]} [ZSP]". It replaces a structure of the same name.
	Structures map[string]string
	// Segments maps a segment to its fields: number, "!" when required ("!250" from version 2.5 on), "*" when it may
	// repeat, a colon, the data type, and the value table of its code: "ZPI": "1!:SI 2*:CX 3:ID@0136". A field
	// replaces the standard's of the same number; the others stay.
	Segments map[string]string
	// Tables maps a table to values, separated by blanks, that count beside the standard's: "0085": "Q". A new table
	// whose first word is "?" is open: other values are worth a warning only.
	Tables map[string]string
}

// Profile is what messages are validated against: the structures, segments and tables of HL7 v2.3 to 2.8.2 that this
// package knows, and a site's own [Rules]. Make one with [NewProfile] and use it for many messages, concurrently.
type Profile struct {
	events     map[string]string
	structures map[string]node
	segments   map[string][]fieldRule
	tables     map[string]valueTable
}

// fieldRule is what a field must look like.
type fieldRule struct {
	number   int
	required bool
	since    int // version from which it is required
	repeat   bool
	kind     string // data type
	table    string
}

type valueTable struct {
	open   bool // sites extend it
	values map[string]bool
}

// NewProfile returns the built-in profile with a site's rules. Errors wrap [ErrRules] and name the rule.
func NewProfile(local Rules) (*Profile, error) {
	p := &Profile{events: maps.Clone(local.Events), structures: map[string]node{}, segments: map[string][]fieldRule{}, tables: map[string]valueTable{}}
	for _, source := range []Rules{{Structures: grammars, Segments: segmentRules, Tables: valueTables}, local} {
		for id, text := range source.Structures {
			root, err := parseGrammar(text)
			if err != nil {
				return nil, fmt.Errorf("structure %s: %w", id, err)
			}
			p.structures[id] = root
		}
		for name, values := range source.Tables {
			p.addTable(name, strings.Fields(values))
		}
	}
	for _, source := range []map[string]string{segmentRules, local.Segments} {
		for id, text := range source {
			if err := p.addSegment(id, text); err != nil {
				return nil, err
			}
		}
	}
	for event, id := range p.events {
		if _, ok := p.structures[id]; !ok {
			return nil, fmt.Errorf("event %s: %w: no structure %s", event, ErrRules, id)
		}
	}
	return p, nil
}

func (p *Profile) addTable(name string, values []string) {
	t := p.tables[name]
	if t.values == nil {
		t.values = map[string]bool{}
	}
	for i, v := range values {
		if i == 0 && v == "?" {
			t.open = true
			continue
		}
		t.values[v] = true
	}
	p.tables[name] = t
}

func (p *Profile) addSegment(id, text string) error {
	if !isSegmentName(id) {
		return fmt.Errorf("segment %q: %w: not a segment name", id, ErrRules)
	}
	rules := p.segments[id]
	for _, word := range strings.Fields(text) {
		r, ok := parseFieldRule(word)
		if _, known := p.tables[r.table]; !ok || !dataTypes[r.kind] || r.table != "" && !known {
			return fmt.Errorf("segment %s: %w: %q is not a number, marks, a colon, a known data type and a known table", id, ErrRules, word)
		}
		at := 0
		for at < len(rules) && rules[at].number < r.number {
			at++
		}
		if at < len(rules) && rules[at].number == r.number {
			rules[at] = r
			continue
		}
		rules = append(rules[:at:at], append([]fieldRule{r}, rules[at:]...)...)
	}
	p.segments[id] = rules
	return nil
}

// parseFieldRule reads one word: 3!*:CX, 7!250:TS, 8:IS@0001.
func parseFieldRule(word string) (r fieldRule, ok bool) {
	rest := word
	if r.number, rest, ok = cutOrdinal(rest, maxPart); !ok {
		return r, false
	}
	if after, marked := strings.CutPrefix(rest, "!"); marked {
		r.required, rest = true, after
		if n, behind, dated := cutOrdinal(rest, 999); dated {
			r.since, rest = n, behind
		}
	}
	rest, r.repeat = strings.CutPrefix(rest, "*")
	rest, ok = strings.CutPrefix(rest, ":")
	r.kind, r.table, _ = strings.Cut(rest, "@")
	return r, ok
}

// maxFindings bounds what one message can be told.
const maxFindings = 1000

// validation is one run over one message.
type validation struct {
	p        *Profile
	m        *Message
	version  int
	findings []Problem
}

// Validate returns what in the message does not conform to a profile, in no more than 1000 findings: segments that are
// missing, out of order or too many, required fields, repetitions of fields that have one, values that are not of their
// data type, and codes that are not in their table. Each has its place, a code of table 0357, a severity of table
// 0516 ('E' does not conform, 'W' doubtful or against a table that sites extend, 'I' for information, such as a segment
// that the structure does not know) and a text without content of the message, so that findings can be logged, and
// sent as [Ack].Problems. The time it takes is linear in the message.
func (m *Message) Validate(p *Profile) []Problem {
	v := &validation{p: p, m: m, version: versionNumber(m.Header().Component(12, 1).Text())}
	v.structure()
	counts := map[string]int{}
	for _, s := range m.Segments() {
		if len(v.findings) > maxFindings {
			break
		}
		id := s.ID()
		counts[id]++
		if rules := p.segments[id]; rules != nil {
			v.segment(s, Location{Segment: id, Sequence: counts[id]}, rules)
		}
	}
	if len(v.findings) > maxFindings {
		v.findings = append(v.findings[:maxFindings-1], Problem{Code: 199, Severity: 'I', Text: "further findings are left out"})
	}
	return v.findings
}

func (v *validation) add(at Location, code int, severity byte, text string) {
	if len(v.findings) <= maxFindings {
		v.findings = append(v.findings, Problem{Location: at, Code: code, Severity: severity, Text: text})
	}
}

// StructureOf returns the message structure that a message is checked against: that of its event in the profile's own
// rules, else in the table ([StructureID]), else what MSH-9.3 states; "" when none of these is known.
func (p *Profile) StructureOf(m *Message) string {
	h := m.Header()
	code, trigger := h.Component(9, 1).Text(), h.Component(9, 2).Text()
	if id := p.events[code+"^"+trigger]; id != "" {
		return id
	}
	if id := StructureID(code, trigger, h.Component(12, 1).Text()); id != "" {
		return id
	}
	if id := h.Component(9, 3).Text(); p.structures[id].names != nil {
		return id
	}
	return ""
}

// structure checks the order of the segments.
func (v *validation) structure() {
	id := v.p.StructureOf(v.m)
	at := Location{Segment: "MSH", Sequence: 1, Field: 9, Repetition: 1}
	stated := v.m.Header().Component(9, 3)
	root, known := v.p.structures[id]
	switch {
	case id == "" && !v.m.Header().Field(9).Valued(): // the field is reported as missing
	case id == "":
		v.add(at, 201, 'W', "no structure is known for this event: the order of segments is not checked")
	case !known:
		v.add(at, 201, 'I', "the segments of "+id+" are not in the tables: their order is not checked")
	case stated.Valued() && !stated.Is(id):
		at.Component = 3
		v.add(at, 103, 'W', "not the structure of this event: "+id)
	}
	x := matcher{seen: map[string]int{}, report: func(p Problem) { v.add(p.Location, p.Code, p.Severity, p.Text) }}
	x.advance = v.segments(&root, id, known)
	if known {
		x.match(&root)
		return
	}
	x.advance() // there is nothing to match, but junk is still reported
}

// segments returns a function that gives one segment of a structure after the other and reports the lines between them
// that are none.
func (v *validation) segments(root *node, id string, known bool) func() (string, Location, bool) {
	counts := map[string]int{}
	next := v.m.Segment(0)
	return func() (string, Location, bool) {
		for next.Exists() && len(v.findings) <= maxFindings {
			s := next
			next = s.following()
			if s.Junk() {
				v.add(Location{}, 100, 'W', "line "+strconv.Itoa(int(s.index)+1)+" is not a segment")
				continue
			}
			name := s.ID()
			counts[name]++
			at := Location{Segment: name, Sequence: counts[name]}
			if root.names[name] {
				return name, at, true
			}
			if known {
				v.add(at, 100, 'I', "segment is not part of "+id)
			}
		}
		return "", Location{}, false
	}
}

// segment checks the fields of one segment.
func (v *validation) segment(s Segment, at Location, rules []fieldRule) {
	next := 0
	for n, field := range s.Fields() {
		for next < len(rules) && rules[next].number < n {
			next++
		}
		if next == len(rules) {
			return
		}
		if r := &rules[next]; r.number == n {
			at.Field = n
			v.field(s, field, at, r)
			next++
		}
	}
	for ; next < len(rules); next++ {
		at.Field = rules[next].number
		v.field(s, Value{}, at, &rules[next])
	}
}

// field checks one field and its repetitions.
func (v *validation) field(s Segment, field Value, at Location, r *fieldRule) {
	presence := field.Presence()
	if presence != Valued {
		if r.required && v.version >= r.since && presence != Null {
			v.add(at, 101, 'E', "required field missing")
		}
		return
	}
	for n, value := range field.Repetitions() {
		at.Repetition = n
		if n == 2 && !r.repeat {
			v.add(at, 198, 'W', "field does not repeat")
			return
		}
		if value.Valued() {
			v.value(s, value, at, r)
		}
		if len(v.findings) > maxFindings {
			return
		}
	}
}
