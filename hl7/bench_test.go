package hl7

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// The benchmarks do the task by which parsers are compared: parse, then read MSH-9, MSH-10, PID-3.1, PID-5.1 and every
// OBX-5. BenchmarkBound does the same by bytes.IndexByte and sub-slices alone, without a message, without character
// sets or presence: what the bytes allow. The ratio of the two is the price of this package.

var workloads = []struct {
	name string
	make func() []byte
}{
	{"ADT588B", func() []byte { return syntheticADT(588) }},
	{"ORU2KB", func() []byte { return syntheticORU(10) }},
	{"ORU60KB", func() []byte { return syntheticORU(300) }},
	{"MDM1MB", func() []byte { return syntheticMDM(1 << 20) }},
}

const syntheticHeader = `MSH|^~\&|LAB|NORTH^1.2.3.4^ISO|LOCKPORT|HIE|20250301121500-0500||%s|CTL0000001|P|2.5.1|||AL|NE|USA|UNICODE UTF-8` + "\r"
const syntheticPatient = "PID|1||4711^^^NORTH&1.2.3.4&ISO^MR~815^^^SOUTH&1.2.3.5&ISO^MR||TESTER^TERRY^T^^^^L||19700412|F|||1 ROAD^^TOWN^NY^13202^USA^H\r"

func syntheticADT(size int) []byte {
	s := fmt.Sprintf(syntheticHeader, "ADT^A01^ADT_A01") + "EVN||20250301101455-0500||||20250301101000-0500\r" + syntheticPatient +
		"PV1|1|I|3W^310^A^NORTH||||1234567893^WELBY^MARCUS^^^^MD^^NPI&1.2.3.6&ISO^L^^^NPI|||MED||||7|||||V5001^^^NORTH&1.2.3.4&ISO^VN\r"
	for i := 1; len(s) < size-60; i++ {
		s += fmt.Sprintf("DG1|%d||I10^Hypertension^I10|||A\r", i)
	}
	return []byte(s + "ZZZ|" + strings.Repeat("x", size-len(s)-5) + "\r")
}

func syntheticORU(observations int) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, syntheticHeader, "ORU^R01^ORU_R01")
	b.WriteString(syntheticPatient)
	b.WriteString("ORC|RE|PL123^EHR|FL9001^LAB^1.2.3.7^ISO||||||20250301121400-0500\r")
	b.WriteString("OBR|1|PL123^EHR|FL9001^LAB^1.2.3.7^ISO|24323-8^CMP^LN|||20250301110000-0500|||||||||1234567893^WELBY^MARCUS||||||20250301121400-0500||CH|F\r")
	for i := 1; i <= observations; i++ {
		fmt.Fprintf(&b, "OBX|%d|NM|2951-2^Sodium [Moles/volume] in Serum or Plasma^LN^NA^Sodium^L||%d.%d|mmol/L^millimole per liter^UCUM|136-145|N|||F|||20250301110000-0500||^LAB^TECH|ANALYZER^1^L||20250301113000-0500\r", i, 130+i%20, i%10)
	}
	return []byte(b.String())
}

func syntheticMDM(size int) []byte {
	head := fmt.Sprintf(syntheticHeader, "MDM^T02^MDM_T02") + syntheticPatient + "TXA|1|DS|AP|20250301||||||||DOC1\rOBX|1|ED|18842-5^Discharge^LN||^AP^PDF^Base64^"
	return []byte(head + strings.Repeat("JVBERi0xLjQK", (size-len(head))/12) + "||||||F\r")
}

// routing is what both sides read.
type routing struct {
	event, control, patient, name, last []byte
	observations, bytes                 int
}

func read(b []byte) (r routing, err error) {
	m, err := Parse(b)
	if err != nil {
		return r, err
	}
	h, pid := m.Header(), m.First("PID")
	r.event, r.control = h.Field(9).Raw(), h.Field(10).Raw()
	r.patient, r.name = pid.Component(3, 1).Raw(), pid.Component(5, 1).Raw()
	for s := m.First("OBX"); s.Exists(); s = s.Next("OBX") {
		r.last = s.Field(5).Raw()
		r.bytes += len(r.last)
		r.observations++
	}
	return r, nil
}

// readAgain is read with a message that is used again and again, and with the iterator.
func readAgain(m *Message, b []byte) (r routing, err error) {
	if err := m.Reset(b, Options{}); err != nil {
		return r, err
	}
	h, pid := m.Header(), m.First("PID")
	r.event, r.control = h.Field(9).Raw(), h.Field(10).Raw()
	r.patient, r.name = pid.Component(3, 1).Raw(), pid.Component(5, 1).Raw()
	for _, s := range m.All("OBX") {
		r.last = s.Field(5).Raw()
		r.bytes += len(r.last)
		r.observations++
	}
	return r, nil
}

// bound does the work of read by hand.
func bound(b []byte) (r routing) {
	for len(b) > 0 {
		line := b
		if i := bytes.IndexByte(b, '\r'); i >= 0 {
			line, b = b[:i], b[i+1:]
		} else {
			b = nil
		}
		if len(line) < 4 {
			continue
		}
		switch string(line[:3]) {
		case "MSH":
			line = cut(line, 8)
			i := bytes.IndexByte(line, '|')
			r.event = line[:i]
			line = line[i+1:]
			r.control = line[:bytes.IndexByte(line, '|')]
		case "PID":
			line = cut(line, 3)
			r.patient = line[:bytes.IndexByte(line, '^')]
			line = cut(line, 2)
			r.name = line[:bytes.IndexByte(line, '^')]
		case "OBX":
			line = cut(line, 5)
			r.last = line[:bytes.IndexByte(line, '|')]
			r.bytes += len(r.last)
			r.observations++
		}
	}
	return r
}

func cut(b []byte, fields int) []byte {
	for range fields {
		b = b[bytes.IndexByte(b, '|')+1:]
	}
	return b
}

func BenchmarkRead(b *testing.B) {
	for _, w := range workloads {
		b.Run(w.name, func(b *testing.B) {
			message := w.make()
			b.SetBytes(int64(len(message)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := read(message); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkReadAgain(b *testing.B) {
	for _, w := range workloads {
		b.Run(w.name, func(b *testing.B) {
			message, m := w.make(), new(Message)
			b.SetBytes(int64(len(message)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := readAgain(m, message); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkBound(b *testing.B) {
	for _, w := range workloads {
		b.Run(w.name, func(b *testing.B) {
			message := w.make()
			b.SetBytes(int64(len(message)))
			b.ReportAllocs()
			for b.Loop() {
				bound(message)
			}
		})
	}
}

// BenchmarkText reads the same values as decoded strings.
func BenchmarkText(b *testing.B) {
	for _, w := range workloads {
		b.Run(w.name, func(b *testing.B) {
			message := w.make()
			b.SetBytes(int64(len(message)))
			b.ReportAllocs()
			for b.Loop() {
				m, err := Parse(message)
				if err != nil {
					b.Fatal(err)
				}
				_, _ = m.Header().Text(9), m.Header().Text(10)
				_ = ReadCX(m.First("PID").Rep(3, 1))
				_ = ReadXPN(m.First("PID").Rep(5, 1))
				for _, s := range m.All("OBX") {
					_ = s.Field(5).Text()
				}
			}
		})
	}
}

func BenchmarkAcknowledge(b *testing.B) {
	m, err := Parse(syntheticADT(588))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		m.Acknowledge(Ack{Code: AA, ControlID: "1"})
	}
}

// BenchmarkSize shows that the cost grows with the bytes and not faster.
func BenchmarkSize(b *testing.B) {
	for _, megabytes := range []int{1, 4, 16, 64} {
		b.Run(fmt.Sprintf("%dMB", megabytes), func(b *testing.B) {
			message := syntheticORU(megabytes << 20 / 200)
			b.SetBytes(int64(len(message)))
			for b.Loop() {
				if _, err := read(message); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestReadsWithoutAllocation holds the promise of the benchmarks: parsing and reading raw values needs no heap.
func TestReadsWithoutAllocation(t *testing.T) {
	for _, w := range workloads {
		message := w.make()
		got, err := read(message)
		if err != nil {
			t.Fatal(err)
		}
		if want := bound(message); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: the two sides of the benchmark read different values", w.name)
		}
		m := new(Message)
		if again, err := readAgain(m, message); err != nil || !reflect.DeepEqual(again, got) {
			t.Errorf("%s: a message used again reads different values: %v", w.name, err)
		}
		if n := testing.AllocsPerRun(10, func() { read(message) }); n != 0 {
			t.Errorf("%s: %v allocations, want 0", w.name, n)
		}
		if n := testing.AllocsPerRun(10, func() { readAgain(m, message) }); n != 0 {
			t.Errorf("%s: %v allocations with a message used again, want 0", w.name, n)
		}
	}
}
