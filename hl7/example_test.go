package hl7_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/lockport-hie/lockport/hl7"
)

// report is a synthetic laboratory report.
const report = "MSH|^~\\&|LAB|NORTH^1.2.3^ISO|LOCKPORT|HIE|20250301121500-0500||ORU^R01^ORU_R01|LAB1|P|2.5.1\r" +
	"PID|1||4711^^^NORTH&1.2.3&ISO^MR~815^^^SOUTH&1.2.4&ISO^MR||TESTER^TERRY^T||19700412|F\r" +
	"OBR|1|PL1^EHR|FL1^LAB|24323-8^CMP^LN|||20250301110000\r" +
	"OBX|1|NM|2951-2^Sodium^LN||140|mmol/L|136-145|N|||F\r" +
	"OBX|2|FT|8251-1^Comment^LN||first line\\.br\\A \\T\\ B||||||F\r"

func ExampleParse() {
	m, err := hl7.Parse([]byte(report))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(m.Header().Component(9, 2).Text(), m.First("PID").Component(5, 1).Text())
	for i, obx := range m.All("OBX") {
		fmt.Printf("%d: %q\n", i, obx.Field(5).Plain())
	}
	fmt.Println(m) // never content
	// Output:
	// R01 TESTER
	// 3: "140"
	// 4: "first line\nA & B"
	// hl7.Message(342 bytes)
}

func ExampleMessage_Get() {
	m, _ := hl7.Parse([]byte(report))
	for _, path := range []string{"PID-3(2).4.1", "OBX(2)-3.2", "PID-19", "PID-x"} {
		v, err := m.Get(path)
		fmt.Printf("%q %v %v\n", v.Text(), v.Presence(), err)
	}
	// Output:
	// "SOUTH" valued <nil>
	// "Comment" valued <nil>
	// "" absent <nil>
	// "" absent hl7: not a path: bad field number
}

func ExampleMessage_Values() {
	m, _ := hl7.Parse([]byte(report))
	p, _ := hl7.ParsePath("PID-3(*).1")
	for at, v := range m.Values(p) {
		fmt.Println(at, v.Text())
	}
	// Output:
	// PID(1)-3(1).1 4711
	// PID(1)-3(2).1 815
}

func ExampleReadCX() {
	m, _ := hl7.Parse([]byte(report))
	for _, v := range m.First("PID").Reps(3) {
		id := hl7.ReadCX(v)
		fmt.Println(id.ID, id.Authority.Namespace, id.Authority.UniversalID)
	}
	// Output:
	// 4711 NORTH 1.2.3
	// 815 SOUTH 1.2.4
}

func ExampleTime_In() {
	birth, _ := hl7.ParseTime("1970")
	first, _ := birth.In(time.UTC)
	fmt.Println(birth.Precision(), first.Format(time.DateOnly), birth.Latest(time.UTC).Format(time.DateOnly))
	// Output: year 1970-01-01 1970-12-31
}

func ExampleMessage_Acknowledge() {
	m, _ := hl7.Parse([]byte(report))
	ack := m.Acknowledge(hl7.Ack{
		Code: hl7.AE, ControlID: "LP1", Time: time.Date(2025, 3, 1, 17, 15, 1, 0, time.UTC),
		Problems: []hl7.Problem{{Location: hl7.Location{Segment: "OBR", Field: 22}, Code: 101}},
	})
	fmt.Println(strings.ReplaceAll(string(ack), "\r", "\n"))
	// Output:
	// MSH|^~\&|LOCKPORT|HIE|LAB|NORTH^1.2.3^ISO|20250301171501+0000||ACK^R01^ACK|LP1|P|2.5.1
	// MSA|AE|LAB1
	// ERR||OBR^1^22|101^Required field missing^HL70357|E
}

func ExampleBuilder() {
	b := hl7.NewBuilder(hl7.DefaultDelimiters(), "UNICODE UTF-8")
	b.Segment("MSH").Set(3, "LOCKPORT").Set(9, "ADT", "A31", "ADT_A05").Set(10, "1").Set(12, "2.5.1")
	b.Segment("PID").Repeat(3, "4711").SetSub(3, 1, 4, "NORTH", "1.2.3", "ISO").Set(5, "O|TEST", "TERRY")
	fmt.Println(strings.ReplaceAll(string(b.Bytes()), "\r", "\n"))
	// Output:
	// MSH|^~\&|LOCKPORT||||||ADT^A31^ADT_A05|1||2.5.1||||||UNICODE UTF-8
	// PID|||4711^^^NORTH&1.2.3&ISO||O\F\TEST^TERRY
}

func ExampleSplit() {
	batch := "BHS|^~\\&|LAB\r" + report + report + "BTS|3\r"
	for message, err := range hl7.Split([]byte(batch)) {
		fmt.Println(len(message), err)
	}
	// Output:
	// 342 <nil>
	// 342 <nil>
	// 0 hl7: BTS-1: count is 3 but 2 came
}
