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

// Results stand in groups: a patient, his orders, their observations.
func ExampleMessage_PatientGroups() {
	m, _ := hl7.Parse([]byte(report))
	for g := range m.PatientGroups() {
		fmt.Println("patient", hl7.ReadCX(g.Patient.Rep(3, 1)).ID)
		for _, o := range g.Orders {
			fmt.Println("order", hl7.ReadEI(o.OBR.Field(3)).ID, hl7.ReadCWE(o.OBR.Field(4)).Text)
			for _, i := range o.Observations {
				obx := m.Segment(i)
				fmt.Printf("  %s = %q %s\n", hl7.ReadCWE(obx.Field(3)).Text, obx.Field(5).Plain(), obx.Text(6))
			}
		}
	}
	// Output:
	// patient 4711
	// order FL1 CMP
	//   Sodium = "140" mmol/L
	//   Comment = "first line\nA & B"
}

func ExampleReadNM() {
	m, _ := hl7.Parse([]byte("MSH|^~\\&|LAB\rOBX|1|NM|||4.10\rOBX|2|NM|||<0.5\rOBX|3|NM|||hemolysed\r"))
	for _, obx := range m.All("OBX") {
		n := hl7.ReadNM(obx.Field(5))
		fmt.Printf("%t %q %q %q\n", n.Valid(), n.Comparator, n.Number, n.Text)
	}
	// Output:
	// true "" "4.10" "4.10"
	// true "<" "0.5" "<0.5"
	// false "" "" "hemolysed"
}

// A site's own segments, events and codes are data beside those of the standard.
func ExampleMessage_Validate() {
	profile, err := hl7.NewProfile(hl7.Rules{
		Structures: map[string]string{"ORU_R01": "MSH {PID [ZPI] {[ORC] OBR {OBX}}}"},
		Segments:   map[string]string{"ZPI": "2!:CX"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	m, _ := hl7.Parse([]byte(strings.Replace(report, "OBR|1", "PV1|1\rZPI|1\rOBR|1", 1)))
	findings := m.Validate(profile)
	for _, f := range findings {
		fmt.Printf("%s %d %c %s\n", f.Location, f.Code, f.Severity, f.Text)
	}
	ack := m.Acknowledge(hl7.Ack{Code: hl7.AE, ControlID: "LP1", Problems: findings})
	fmt.Println(strings.Count(string(ack), "ERR|"), "ERR segments")
	// Output:
	// PV1(1) 100 I segment is not part of ORU_R01
	// PV1(1)-2 101 E required field missing
	// ZPI(1)-2 101 E required field missing
	// 3 ERR segments
}

func ExampleMessage_Set() {
	m, _ := hl7.Parse([]byte(report))
	path, _ := hl7.ParsePath("PID-5.2")
	changed, err := m.Set(path, "TERRY & SON")
	fmt.Println(strings.Split(string(changed), "\r")[1], err)
	// Output: PID|1||4711^^^NORTH&1.2.3&ISO^MR~815^^^SOUTH&1.2.4&ISO^MR||TESTER^TERRY \T\ SON^T||19700412|F <nil>
}

func ExampleRejectUnparsable() {
	received := []byte("MSH|^~|BROKEN")
	if _, err := hl7.Parse(received); err != nil {
		fmt.Println(err)
		answer := hl7.RejectUnparsable(received, hl7.Ack{ControlID: "LP1", Time: time.Date(2025, 3, 1, 17, 15, 1, 0, time.UTC)})
		fmt.Println(strings.ReplaceAll(string(answer), "\r", "\n"))
	}
	// Output:
	// hl7: MSH-2: fewer than three encoding characters
	// MSH|^~\&|||BROKEN||20250301171501+0000||ACK|LP1|P|2.5.1
	// MSA|AR
	// ERR||MSH^1^2|102^Data type error^HL70357|E||||fewer than three encoding characters
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

// A report is built segment by segment; texts are escaped, so that no value can break out of its place.
func ExampleBuilder_report() {
	b := hl7.NewBuilder(hl7.DefaultDelimiters(), "UNICODE UTF-8")
	b.Segment("MSH").Set(3, "LAB").Set(4, "NORTH").Set(7, "20250301121500-0500").
		Set(9, "ORU", "R01", hl7.StructureID("ORU", "R01", "2.5.1")).Set(10, "LAB1").Set(11, "P").Set(12, "2.5.1")
	b.Segment("PID").Set(1, "1").Repeat(3, "4711").SetSub(3, 1, 4, "NORTH", "1.2.3", "ISO").Set(5, "TESTER", "TERRY")
	b.Segment("OBR").Set(1, "1").Set(3, "FL1", "LAB").Set(4, "24323-8", "CMP", "LN").Set(25, "F")
	b.Segment("OBX").Set(1, "1").Set(2, "NM").Set(3, "2951-2", "Sodium", "LN").Set(5, "140").Set(6, "mmol/L").Set(11, "F")
	b.Segment("NTE").Set(1, "1").Set(3, "drawn | A & B")
	fmt.Println(strings.ReplaceAll(string(b.Bytes()), "\r", "\n"))
	// Output:
	// MSH|^~\&|LAB|NORTH|||20250301121500-0500||ORU^R01^ORU_R01|LAB1|P|2.5.1||||||UNICODE UTF-8
	// PID|1||4711^^^NORTH&1.2.3&ISO||TESTER^TERRY
	// OBR|1||FL1^LAB|24323-8^CMP^LN|||||||||||||||||||||F
	// OBX|1|NM|2951-2^Sodium^LN||140|mmol/L|||||F
	// NTE|1||drawn \F\ A \T\ B
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
