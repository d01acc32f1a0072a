package hl7

import "strings"

// dataTypes are the data types whose shape is checked, or that are accepted as they are.
var dataTypes = func() map[string]bool {
	known := map[string]bool{}
	for _, name := range strings.Fields("ANY CE CHARSET CNE CQ CWE CX DR DT DTM ED EI FT HD ID IS MSG NM OG PL PT RP SI SN ST TM TS TX VARIES VID XAD XCN XPN XTN") {
		known[name] = true
	}
	return known
}()

// value checks one repetition of a field against its data type and table. at is its place.
func (v *validation) value(s Segment, value Value, at Location, r *fieldRule) {
	switch r.kind {
	case "VARIES":
		v.observation(s, value, at)
	case "ERL", "ANY":
	default:
		v.dataType(value, at, r.kind)
	}
	if r.table == "" {
		return
	}
	code, system := value.Component(1), value.Component(3)
	if r.kind == "CWE" || r.kind == "CE" || r.kind == "CNE" {
		if own := "HL7" + r.table; system.Valued() && !system.Is(own) {
			return // a code of another system
		}
	}
	v.code(code, at, r.table)
}

// code checks a value against a table.
func (v *validation) code(value Value, at Location, table string) {
	t := v.p.tables[table]
	if !value.Valued() || t.values[value.Text()] {
		return
	}
	if t.open {
		v.add(at, 103, 'W', "value is not in table "+table+", which sites extend")
		return
	}
	v.add(at, 103, 'E', "value is not in table "+table)
}

// dataType checks the shape of a value.
func (v *validation) dataType(value Value, at Location, kind string) {
	switch kind {
	case "ST", "FT", "TX", "ID", "IS", "SI", "NM", "DT", "TM":
		if value.Component(2).Presence() != Absent || value.NumSubcomponents() > 1 {
			v.add(at, 102, 'W', "parts in a value of type "+kind+", which has none: a separator that is not escaped?")
			return
		}
	}
	switch kind {
	case "SI":
		if !isDigits(value.Text()) {
			v.add(at, 102, 'E', "not a sequence number")
		}
	case "NM":
		v.number(value, at, 'E')
	case "SN":
		v.structuredNumber(value, at)
	case "CQ":
		v.part(value, at, 1, "NM")
	case "TS", "DTM", "DT", "TM":
		v.moment(value, at, kind)
	case "DR":
		v.part(value, at, 1, "TS")
		v.part(value, at, 2, "TS")
	case "CHARSET":
		if _, ok := lookupCodec(value.Component(1).Raw()); !ok {
			v.add(at, 103, 'W', "character set is not known: bytes are read unchanged")
		}
	default:
		v.composite(value, at, kind)
	}
}

// part checks a component as a data type.
func (v *validation) part(value Value, at Location, n int, kind string) {
	if c := value.Component(n); c.Valued() {
		at.Component = n
		v.dataType(c, at, kind)
	}
}

func (v *validation) moment(value Value, at Location, kind string) {
	if kind == "TM" {
		if _, err := ParseTime("20000101" + strings.Trim(value.Text(), " ")); err != nil {
			v.add(at, 102, 'E', "not a time of day")
		}
		return
	}
	t, err := ReadTime(value)
	switch {
	case err != nil:
		v.add(at, 102, 'E', strings.TrimPrefix(err.Error(), "hl7: "))
	case kind == "DT" && t.Precision() > Day:
		v.add(at, 102, 'W', "a date with a time of day")
	}
}

func (v *validation) number(value Value, at Location, severity byte) {
	n := ReadNM(value)
	switch {
	case n.Valid() && n.Comparator == "":
	case n.Valid():
		v.add(at, 102, 'W', "a comparator in a number: SN is the type for it")
	default:
		v.add(at, 102, severity, "not a number")
	}
}

func (v *validation) structuredNumber(value Value, at Location) {
	n := ReadSN(value)
	switch n.Comparator {
	case "", ">", "<", ">=", "<=", "=", "<>":
	default:
		at.Component = 1
		v.add(at, 102, 'E', "not a comparator")
	}
	v.part(value, at, 2, "NM")
	v.part(value, at, 4, "NM")
}

// composite checks that a value of several parts has those without which it says nothing.
func (v *validation) composite(value Value, at Location, kind string) {
	has := func(n int) bool { return value.nested(n).Valued() }
	switch kind {
	case "CX", "EI":
		if !has(1) {
			at.Component = 1
			v.add(at, 101, 'W', "no identifier")
		} else if kind == "CX" && !has(4) {
			at.Component = 4
			v.add(at, 101, 'W', "identifier without an assigning authority")
		}
	case "CE", "CWE", "CNE":
		if !has(1) && !has(2) && !has(4) && !has(5) && !has(9) {
			v.add(at, 101, 'W', "neither code nor text")
		}
	case "XCN":
		if !has(1) && !has(2) {
			v.add(at, 101, 'W', "neither identifier nor name")
		}
	case "HD":
		v.designator(value, at)
	case "MSG":
		if !has(1) {
			at.Component = 1
			v.add(at, 101, 'E', "no message code")
		} else if !has(2) && !value.Component(1).Is("ACK") {
			at.Component = 2
			v.add(at, 101, 'E', "no trigger event")
		}
	case "ED":
		v.document(value, at)
	}
}

func (v *validation) designator(value Value, at Location) {
	at.Component = 3
	switch hd := ReadHD(value); {
	case hd.UniversalID != "" && hd.UniversalIDType == "":
		v.add(at, 101, 'W', "universal id without its type")
	case hd.UniversalIDType != "":
		v.code(value.nested(3), at, "0301")
	}
}

func (v *validation) document(value Value, at Location) {
	at.Component = 4
	encoding := value.Component(4)
	if !encoding.Valued() || !v.p.tables["0299"].values[encoding.Text()] {
		v.add(at, 103, 'E', "value is not in table 0299")
		return
	}
	if _, err := ReadED(value).Decode(); err != nil {
		at.Component = 5
		v.add(at, 102, 'E', strings.TrimPrefix(err.Error(), "hl7: "))
	}
}

// observation checks OBX-5 as the type that OBX-2 states.
func (v *validation) observation(s Segment, value Value, at Location) {
	kind := s.Field(2).Text()
	if kind == "" {
		if at.Repetition == 1 {
			v.add(Location{Segment: at.Segment, Sequence: at.Sequence, Field: 2}, 101, 'E', "a value without its type")
		}
		return
	}
	switch kind {
	case "NM":
		// Laboratories send `<0.5` and words as NM; the value is kept as it is, so it is doubtful and no more.
		v.number(value, at, 'W')
	case "ST", "TX", "FT": // separators in texts of results are common and lose nothing
	default:
		if dataTypes[kind] {
			v.dataType(value, at, kind)
		}
	}
}
