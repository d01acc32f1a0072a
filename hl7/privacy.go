package hl7

import (
	"fmt"
	"io"
	"strconv"
)

// The Format methods keep patient data out of logs and error texts: whatever the verb, they print a type and a size.

func shape(f fmt.State, name string, bytes int) {
	io.WriteString(f, "hl7."+name+"("+strconv.Itoa(bytes)+" bytes)")
}

// Format prints the size only. It is a method of the value so that a message printed by accident without its pointer
// is covered too.
func (m Message) Format(f fmt.State, _ rune) { shape(f, "Message", len(m.raw)) }

// Format prints the size only.
func (s Segment) Format(f fmt.State, _ rune) { shape(f, "Segment", len(s.Raw())) }

// Format prints the size only.
func (v Value) Format(f fmt.State, _ rune) { shape(f, "Value", len(v.Raw())) }

// Format prints the name of the type only.
func (CX) Format(f fmt.State, _ rune) { io.WriteString(f, "hl7.CX(...)") }

// Format prints the name of the type only.
func (EI) Format(f fmt.State, _ rune) { io.WriteString(f, "hl7.EI(...)") }

// Format prints the name of the type only.
func (CWE) Format(f fmt.State, _ rune) { io.WriteString(f, "hl7.CWE(...)") }

// Format prints the name of the type only.
func (XPN) Format(f fmt.State, _ rune) { io.WriteString(f, "hl7.XPN(...)") }

// Format prints the name of the type only.
func (XAD) Format(f fmt.State, _ rune) { io.WriteString(f, "hl7.XAD(...)") }

// Format prints the name of the type only.
func (XTN) Format(f fmt.State, _ rune) { io.WriteString(f, "hl7.XTN(...)") }

// Format prints the name of the type only.
func (XCN) Format(f fmt.State, _ rune) { io.WriteString(f, "hl7.XCN(...)") }

// Format prints the name of the type only.
func (PL) Format(f fmt.State, _ rune) { io.WriteString(f, "hl7.PL(...)") }

// Format prints the name of the type only.
func (NM) Format(f fmt.State, _ rune) { io.WriteString(f, "hl7.NM(...)") }

// Format prints the name of the type only.
func (SN) Format(f fmt.State, _ rune) { io.WriteString(f, "hl7.SN(...)") }

// Format prints the name of the type only.
func (RP) Format(f fmt.State, _ rune) { io.WriteString(f, "hl7.RP(...)") }

// Format prints the name of the type only.
func (ED) Format(f fmt.State, _ rune) { io.WriteString(f, "hl7.ED(...)") }
