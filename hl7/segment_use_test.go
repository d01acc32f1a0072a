package hl7_test

import (
	"fmt"
	"testing"

	"github.com/lockport-hie/lockport/hl7"
)

func TestSegmentViewStops(t *testing.T) {
	m, err := hl7.Parse([]byte(report))
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for range (hl7.PID{Segment: m.First("PID")}).Identifiers() {
		count++
		break
	}
	if count != 1 {
		t.Errorf("%d identifiers before the loop ended", count)
	}
}

func TestSegmentViewAllocations(t *testing.T) {
	m, err := hl7.Parse([]byte(report))
	if err != nil {
		t.Fatal(err)
	}
	final := 0
	if n := testing.AllocsPerRun(100, func() {
		if (hl7.OBX{Segment: m.First("OBX")}).Status().Is("F") && (hl7.PID{Segment: m.First("PID")}).Sex().Is("F") {
			final++
		}
	}); n != 0 || final == 0 {
		t.Errorf("%v allocations, %d readings", n, final)
	}
}

func ExamplePID() {
	m, err := hl7.Parse([]byte(report))
	if err != nil {
		fmt.Println(err)
		return
	}
	pid := hl7.PID{Segment: m.First("PID")}
	birth, err := pid.Birth()
	fmt.Println(birth.HL7(), pid.Sex().Text(), err)
	for n, id := range pid.Identifiers() {
		fmt.Println(n, id.ID, id.Authority.Namespace)
	}
	for _, s := range m.All("OBX") {
		obx := hl7.OBX{Segment: s}
		fmt.Print(obx.Code().Text, " ", obx.Status().Text(), ":")
		for _, v := range obx.Values() {
			fmt.Printf(" %q", v.Plain())
		}
		fmt.Printf(" %q\n", obx.Units().Code)
	}
	fmt.Println(pid) // never content
	// Output:
	// 19700412 F <nil>
	// 1 4711 NORTH
	// 2 815 SOUTH
	// Sodium F: "140" "mmol/L"
	// Comment F: "first line\nA & B" ""
	// hl7.Segment(85 bytes)
}
