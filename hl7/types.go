package hl7

import (
	"encoding/base64"
	"errors"
	"strings"
)

// The typed readers below take a repetition or field, or, where the data type stands inside another, a component.
// They return texts as [Value.Text] does, and "" (empty) for the delete indicator: ask [Value.Presence] where it
// matters. Fields of a type that are left out can be read with [Value.Component].

// nested returns part n of a data type: a component, or a subcomponent when the type stands inside a component.
func (v Value) nested(n int) Value {
	if v.level == levelComponent {
		return v.Subcomponent(n)
	}
	return v.Component(n)
}

// part1 returns the first part of a data type.
func (v Value) part1() Value { return v.nested(1) }

// text returns the text of part n; empty for the delete indicator.
func (v Value) text(n int) string {
	p := v.nested(n)
	if p.Presence() != Valued {
		return ""
	}
	return p.Text()
}

// HD is a hierarchic designator: a namespace, a universal id with its type, or both (HL7 v2.5.1 ch. 2.A.33).
type HD struct{ Namespace, UniversalID, UniversalIDType string }

// IsZero tells whether nothing is stated.
func (h HD) IsZero() bool { return h == HD{} }

// ReadHD reads an HD.
func ReadHD(v Value) HD { return v.hd(1) }

// hd reads an HD whose parts begin at part n of v.
func (v Value) hd(n int) HD { return HD{v.text(n), v.text(n + 1), v.text(n + 2)} }

// CX is an identifier with its assigning authority and type (HL7 v2.5.1 ch. 2.A.14).
type CX struct {
	ID, CheckDigit string
	Authority      HD     // CX.4
	Type           string // CX.5, table 0203
	Facility       HD     // CX.6
}

// ReadCX reads a CX.
func ReadCX(v Value) CX {
	return CX{
		ID: v.text(1), CheckDigit: v.text(2), Authority: ReadHD(v.nested(4)), Type: v.text(5), Facility: ReadHD(v.nested(6)),
	}
}

// EI is an entity identifier, such as an order number (HL7 v2.5.1 ch. 2.A.28).
type EI struct {
	ID string
	HD HD // EI.2 to EI.4
}

// ReadEI reads an EI.
func ReadEI(v Value) EI { return EI{ID: v.text(1), HD: v.hd(2)} }

// CWE is a code with its text and coding system and an alternate one; CE and CNE have the same parts (HL7 v2.5.1
// ch. 2.A.13).
type CWE struct{ Code, Text, System, AltCode, AltText, AltSystem string }

// ReadCWE reads a CWE, CNE or CE.
func ReadCWE(v Value) CWE {
	return CWE{v.text(1), v.text(2), v.text(3), v.text(4), v.text(5), v.text(6)}
}

// XPN is the name of a person (HL7 v2.5.1 ch. 2.A.88).
type XPN struct {
	Family                        string // FN.1, the surname without own and partner's prefixes
	Given, Middle, Suffix, Prefix string
	Degree                        string
	Type                          string // table 0200
}

// ReadXPN reads an XPN or PN.
func ReadXPN(v Value) XPN {
	return XPN{
		Family: v.nested(1).Subcomponent(1).valuedText(), Given: v.text(2), Middle: v.text(3), Suffix: v.text(4),
		Prefix: v.text(5), Degree: v.text(6), Type: v.text(7),
	}
}

// valuedText is Text, but empty for the delete indicator.
func (v Value) valuedText() string {
	if v.Presence() != Valued {
		return ""
	}
	return v.Text()
}

// XAD is an address (HL7 v2.5.1 ch. 2.A.86).
type XAD struct {
	Street, Other, City, State, Zip, Country string // Street is SAD.1
	Type                                     string // table 0190
	County                                   string // XAD.9
}

// ReadXAD reads an XAD or AD.
func ReadXAD(v Value) XAD {
	return XAD{
		Street: v.nested(1).Subcomponent(1).valuedText(), Other: v.text(2), City: v.text(3), State: v.text(4), Zip: v.text(5),
		Country: v.text(6), Type: v.text(7), County: v.text(9),
	}
}

// XTN is a telecommunication number or address (HL7 v2.5.1 ch. 2.A.89).
type XTN struct {
	Number                       string // XTN.1, else the unformatted XTN.12
	Use                          string // table 0201
	Equipment                    string // table 0202
	Email                        string
	CountryCode, AreaCode, Local string
}

// ReadXTN reads an XTN or TN.
func ReadXTN(v Value) XTN {
	x := XTN{
		Number: v.text(1), Use: v.text(2), Equipment: v.text(3), Email: v.text(4),
		CountryCode: v.text(5), AreaCode: v.text(6), Local: v.text(7),
	}
	if x.Number == "" {
		x.Number = v.text(12)
	}
	return x
}

// XCN is a person with an identifier, such as a provider (HL7 v2.5.1 ch. 2.A.87).
type XCN struct {
	ID                                            string
	Family, Given, Middle, Suffix, Prefix, Degree string
	Authority                                     HD     // XCN.9
	Type                                          string // type of the identifier, XCN.13, table 0203: NPI ...
}

// ReadXCN reads an XCN or CN.
func ReadXCN(v Value) XCN {
	return XCN{
		ID: v.text(1), Family: v.nested(2).Subcomponent(1).valuedText(), Given: v.text(3), Middle: v.text(4),
		Suffix: v.text(5), Prefix: v.text(6), Degree: v.text(7), Authority: ReadHD(v.nested(9)), Type: v.text(13),
	}
}

// PL is the location of a patient (HL7 v2.5.1 ch. 2.A.53).
type PL struct {
	PointOfCare, Room, Bed string
	Facility               HD // PL.4
}

// ReadPL reads a PL.
func ReadPL(v Value) PL {
	return PL{PointOfCare: v.text(1), Room: v.text(2), Bed: v.text(3), Facility: ReadHD(v.nested(4))}
}

// NM is a number as it was sent (HL7 v2.5.1 ch. 2.A.45). It is decimal text and no float: 4.10 states another precision
// than 4.1, and a result must not be rounded on its way.
type NM struct {
	// Comparator is what stands before the number although NM allows none, as in <0.5: one of < > <= >= =.
	Comparator string
	// Number is the number with its sign, without blanks around it; empty when the text is no number.
	Number string
	// Text is the value as sent.
	Text string
}

// Valid tells whether the value is a number, with or without a comparator.
func (n NM) Valid() bool { return n.Number != "" }

// ReadNM reads an NM, or the number in a text. What is no number (exponents, thousands separators, words) is kept in
// Text, and nothing is guessed.
func ReadNM(v Value) NM {
	n := NM{Text: v.part1().valuedText()}
	rest := strings.Trim(n.Text, " ")
	comparator := rest[:len(rest)-len(strings.TrimLeft(rest, "<>="))]
	rest = strings.TrimLeft(rest[len(comparator):], " ")
	digits := strings.TrimPrefix(strings.TrimPrefix(rest, "-"), "+")
	whole, fraction, _ := strings.Cut(digits, ".")
	switch comparator {
	case "", "<", ">", "<=", ">=", "=":
	default:
		return n
	}
	if len(rest)-len(digits) > 1 || !isDigits(whole+fraction) {
		return n
	}
	n.Comparator, n.Number = comparator, rest
	return n
}

// SN is a number with a comparator or a range: >100, 1:128, 10-20 (HL7 v2.5.1 ch. 2.A.70). Numbers are as sent.
type SN struct{ Comparator, Num1, Separator, Num2 string }

// ReadSN reads an SN.
func ReadSN(v Value) SN { return SN{v.text(1), v.text(2), v.text(3), v.text(4)} }

// RP points to a document that is kept elsewhere (HL7 v2.5.1 ch. 2.A.66).
type RP struct {
	Pointer       string
	Application   HD
	Type, Subtype string
}

// ReadRP reads an RP.
func ReadRP(v Value) RP {
	return RP{Pointer: v.text(1), Application: ReadHD(v.nested(2)), Type: v.text(3), Subtype: v.text(4)}
}

// ED is an encapsulated document (HL7 v2.5.1 ch. 2.A.24). The data is not copied until it is asked for.
type ED struct {
	Source                  HD
	Type, Subtype, Encoding string // Encoding: A (text), Hex or Base64
	Data                    Value
}

// ReadED reads an ED.
func ReadED(v Value) ED {
	return ED{Source: ReadHD(v.nested(1)), Type: v.text(2), Subtype: v.text(3), Encoding: v.text(4), Data: v.nested(5)}
}

// Decode returns the document. Line ends, blanks and formatting commands inside Base64 are skipped: senders wrap long
// lines with \.br\ although nothing asks for it. Errors never show the data.
func (e ED) Decode() ([]byte, error) {
	switch e.Encoding {
	case "Base64":
		raw := []byte(e.Data.Plain())
		clean := raw[:0]
		for _, c := range raw {
			if c > ' ' {
				clean = append(clean, c)
			}
		}
		out := make([]byte, base64.StdEncoding.DecodedLen(len(clean)))
		n, err := base64.StdEncoding.Decode(out, clean)
		if err != nil {
			return nil, errors.New("hl7: document is not Base64")
		}
		return out[:n], nil
	case "Hex":
		raw := e.Data.AppendText(nil)
		if len(raw)%2 != 0 || !isHex(raw) {
			return nil, errors.New("hl7: document is not hexadecimal")
		}
		return appendHex(nil, raw), nil
	case "A", "":
		return e.Data.AppendText(nil), nil
	}
	return nil, errors.New("hl7: unknown encoding of a document")
}
