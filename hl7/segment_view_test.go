package hl7_test

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/lockport-hie/lockport/hl7"
)

func TestSegmentPatient(t *testing.T) {
	checkView(t, "PID", func(s hl7.Segment) any { return hl7.PID{Segment: s} }, map[string]string{
		"SetID": "1", "ExternalID": "2", "Identifiers": "3", "AlternateIDs": "4", "Names": "5",
		"MotherMaidenNames": "6", "Birth": "7", "Sex": "8", "Races": "10", "Addresses": "11", "HomePhones": "13",
		"BusinessPhones": "14", "Language": "15", "Account": "18", "SSN": "19", "EthnicGroups": "22",
		"MultipleBirth": "24", "BirthOrder": "25", "Death": "29", "Dead": "30",
	})
	checkView(t, "MRG", func(s hl7.Segment) any { return hl7.MRG{Segment: s} }, map[string]string{
		"Identifiers": "1", "AlternateIDs": "2", "Account": "3", "PatientID": "4", "Visit": "5",
		"AlternateVisit": "6", "Names": "7",
	})
	checkView(t, "PD1", func(s hl7.Segment) any { return hl7.PD1{Segment: s} }, map[string]string{
		"PrimaryCare": "4", "Protection": "12", "ProtectionFrom": "13",
	})
	checkView(t, "NK1", func(s hl7.Segment) any { return hl7.NK1{Segment: s} }, map[string]string{
		"SetID": "1", "Names": "2", "Relationship": "3", "Addresses": "4", "Phones": "5", "BusinessPhones": "6",
		"Role": "7",
	})
}

func TestSegmentVisit(t *testing.T) {
	checkView(t, "EVN", func(s hl7.Segment) any { return hl7.EVN{Segment: s} }, map[string]string{
		"Event": "1", "Recorded": "2", "Planned": "3", "Reason": "4", "Operators": "5", "Occurred": "6",
		"Facility": "7",
	})
	checkView(t, "PV1", func(s hl7.Segment) any { return hl7.PV1{Segment: s} }, map[string]string{
		"SetID": "1", "Class": "2", "Location": "3", "AdmissionType": "4", "PriorLocation": "6", "Attending": "7",
		"Referring": "8", "Consulting": "9", "Service": "10", "VIP": "16", "Admitting": "17", "Visit": "19",
		"Disposition": "36", "Admitted": "44", "Discharged": "45",
	})
}

func TestSegmentOrder(t *testing.T) {
	checkView(t, "ORC", func(s hl7.Segment) any { return hl7.ORC{Segment: s} }, map[string]string{
		"Control": "1", "Placer": "2", "Filler": "3", "Group": "4", "Status": "5", "Transaction": "9",
		"Ordering": "12", "Effective": "15",
	})
	checkView(t, "OBR", func(s hl7.Segment) any { return hl7.OBR{Segment: s} }, map[string]string{
		"SetID": "1", "Placer": "2", "Filler": "3", "Service": "4", "Observed": "7", "ObservedEnd": "8",
		"Received": "14", "Ordering": "16", "Reported": "22", "Section": "24", "Status": "25", "CopiesTo": "28",
		"Reasons": "31",
	})
	checkView(t, "OBX", func(s hl7.Segment) any { return hl7.OBX{Segment: s} }, map[string]string{
		"SetID": "1", "ValueType": "2", "Code": "3", "SubID": "4", "Values": "5", "Units": "6", "Range": "7",
		"Flags": "8", "Status": "11", "Observed": "14", "Producer": "15", "Responsible": "16", "Methods": "17",
		"Analysed": "19",
	})
	checkView(t, "NTE", func(s hl7.Segment) any { return hl7.NTE{Segment: s} }, map[string]string{
		"SetID": "1", "Source": "2", "Comments": "3", "Kind": "4",
	})
	checkView(t, "SPM", func(s hl7.Segment) any { return hl7.SPM{Segment: s} }, map[string]string{
		"SetID": "1", "Placer": "2.1", "Filler": "2.2", "Kind": "4", "CollectionMethod": "7", "Site": "8",
		"CollectedFrom": "17.1", "CollectedTo": "17.2", "Received": "18", "RejectReasons": "21",
	})
}

func TestSegmentDocument(t *testing.T) {
	checkView(t, "TXA", func(s hl7.Segment) any { return hl7.TXA{Segment: s} }, map[string]string{
		"SetID": "1", "Kind": "2", "Presentation": "3", "Activity": "4", "Providers": "5", "Origination": "6",
		"Transcription": "7", "Originators": "9", "Authenticators": "10", "Transcriptionists": "11",
		"Document": "12", "Parent": "13", "Placers": "14", "Filler": "15", "FileName": "16", "Completion": "17",
		"Confidentiality": "18", "Availability": "19", "Storage": "20", "ChangeReason": "21", "CopiesTo": "23",
		"Folders": "24",
	})
	checkView(t, "CON", func(s hl7.Segment) any { return hl7.CON{Segment: s} }, map[string]string{
		"SetID": "1", "Kind": "2", "Form": "3", "Number": "4", "Texts": "5", "SubjectTexts": "6", "Background": "7",
		"SubjectBackground": "8", "Limitations": "9", "Mode": "10", "Status": "11", "Discussed": "12",
		"Decided": "13", "Effective": "14", "End": "15", "Competence": "16", "Translator": "17", "Language": "18",
		"Material": "19", "BypassReason": "20", "Disclosure": "21", "NonDisclosureReason": "22",
		"NonSubjectReason": "23", "Consenters": "24", "Relationships": "25",
	})
	checkView(t, "ARV", func(s hl7.Segment) any { return hl7.ARV{Segment: s} }, map[string]string{
		"SetID": "1", "Action": "2", "Restriction": "3", "Reasons": "4", "Instructions": "5", "From": "6.1",
		"To": "6.2",
	})
}

func TestSegmentQuery(t *testing.T) {
	checkView(t, "QPD", func(s hl7.Segment) any { return hl7.QPD{Segment: s} }, map[string]string{
		"Query": "1", "Tag": "2", "Patient": "3", "From": "4", "To": "5", "Services": "6", "Purpose": "7",
		"Clinician": "8", "AttestationReason": "9", "AttestationText": "10",
	})
	checkView(t, "QRD", func(s hl7.Segment) any { return hl7.QRD{Segment: s} }, map[string]string{
		"Asked": "1", "ResponseFormat": "2", "Priority": "3", "QueryID": "4", "Limit": "7.1", "LimitUnits": "7.2",
		"Who": "8", "What": "9", "Departments": "10", "Level": "12",
	})
	checkView(t, "QRF", func(s hl7.Segment) any { return hl7.QRF{Segment: s} }, map[string]string{
		"Where": "1", "From": "2", "To": "3", "UserQualifiers": "4", "OtherFilters": "5", "WhichTimes": "6",
		"WhichStatuses": "7", "Selections": "8",
	})
	checkView(t, "RCP", func(s hl7.Segment) any { return hl7.RCP{Segment: s} }, map[string]string{
		"Priority": "1", "Limit": "2.1", "LimitUnits": "2.2", "Modality": "3", "Execute": "4", "Groups": "7",
	})
	checkView(t, "DSC", func(s hl7.Segment) any { return hl7.DSC{Segment: s} }, map[string]string{
		"Pointer": "1", "Style": "2",
	})
	checkView(t, "QAK", func(s hl7.Segment) any { return hl7.QAK{Segment: s} }, map[string]string{
		"Tag": "1", "Status": "2", "Query": "3", "Total": "4", "Payload": "5", "Remaining": "6",
	})
}

func TestSegmentHeader(t *testing.T) {
	checkView(t, "MSH", func(s hl7.Segment) any { return hl7.MSH{Segment: s} }, map[string]string{
		"SendingApplication": "3", "SendingFacility": "4", "ReceivingApplication": "5", "ReceivingFacility": "6",
		"Sent": "7", "Security": "8", "MessageCode": "9.1", "Trigger": "9.2", "Structure": "9.3", "ControlID": "10",
		"Processing": "11.1", "Version": "12.1", "Sequence": "13", "Continuation": "14", "AcceptAck": "15",
		"ApplicationAck": "16", "Country": "17", "Charsets": "18", "Language": "19", "Profiles": "21",
	})
	checkView(t, "MSA", func(s hl7.Segment) any { return hl7.MSA{Segment: s} }, map[string]string{
		"Code": "1", "ControlID": "2", "TextMessage": "3", "Expected": "4", "Condition": "6",
	})
	checkView(t, "ERR", func(s hl7.Segment) any { return hl7.ERR{Segment: s} }, map[string]string{
		"OldLocations": "1", "Locations": "2", "Code": "3", "Severity": "4", "ApplicationCode": "5",
		"Parameters": "6", "Diagnostic": "7", "UserMessage": "8",
	})
}

// checkView checks every accessor of a view against the places that the standard names. Each field of the segment has
// two repetitions and three components that tell where they stand, in a form that the accessor's type can carry.
func checkView(t *testing.T, id string, view func(hl7.Segment) any, places map[string]string) {
	t.Helper()
	kind := reflect.TypeOf(view(hl7.Segment{}))
	promoted := reflect.TypeFor[hl7.Segment]()
	var own []string
	for method := range kind.Methods() {
		if _, ok := promoted.MethodByName(method.Name); ok {
			continue // an accessor that hides a method of Segment is in the table only, which the last check finds
		}
		own = append(own, method.Name)
		place, ok := places[method.Name]
		if !ok {
			t.Errorf("%s.%s has no row", id, method.Name)
			continue
		}
		mark := markOf(method.Type)
		field, component, nested := strings.Cut(place, ".")
		if !nested {
			component = "1"
		}
		n, _ := strconv.Atoi(field)
		c, _ := strconv.Atoi(component)
		want := []string{mark(n, c, 1)}
		if method.Type.Out(0).Kind() == reflect.Func {
			want = append(want, mark(n, c, 2))
		}
		v := view(segmentOf(t, id, mark))
		if got := readings(t, reflect.ValueOf(v).MethodByName(method.Name)); !slices.Equal(got, want) {
			t.Errorf("%s.%s reads %q, want %q", id, method.Name, got, want)
		}
		if got := readings(t, reflect.ValueOf(view(hl7.Segment{})).MethodByName(method.Name)); strings.Join(got, "") != "" {
			t.Errorf("%s.%s reads %q where there is no segment", id, method.Name, got)
		}
	}
	v := view(segmentOf(t, id, markOf(reflect.TypeFor[func() hl7.Value]())))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		if text := fmt.Sprintf(verb, v); !strings.HasPrefix(text, "hl7.Segment(") {
			t.Errorf("%s printed with %s shows %q", id, verb, text)
		}
	}
	if rows := slices.Sorted(maps.Keys(places)); !slices.Equal(slices.Sorted(slices.Values(own)), rows) {
		t.Errorf("%s has the accessors %q, the table %q", id, own, rows)
	}
}

// markOf returns the text that stands at field n, component c, repetition r for an accessor of a type: a month for
// times, a decimal number for numbers.
func markOf(method reflect.Type) func(n, c, r int) string {
	switch method.Out(0) {
	case reflect.TypeFor[hl7.Time]():
		return func(n, c, r int) string { return fmt.Sprintf("%d%02d", 1800+100*r+n, c) }
	case reflect.TypeFor[hl7.NM]():
		return func(n, c, r int) string { return fmt.Sprintf("%d%d.%d", r, n, c) }
	}
	return func(n, c, r int) string { return fmt.Sprintf("f%d.%d.%d", n, c, r) }
}

// segmentOf makes the segment; of a header, MSH-1 and MSH-2 are the delimiters.
func segmentOf(t *testing.T, id string, mark func(n, c, r int) string) hl7.Segment {
	t.Helper()
	var b strings.Builder
	first := 1
	if id == "MSH" {
		b.WriteString("MSH|^~\\&")
		first = 3
	} else {
		b.WriteString("MSH|^~\\&|LAB\r" + id)
	}
	for n := first; n <= 60; n++ {
		var reps []string
		for r := 1; r <= 2; r++ {
			reps = append(reps, mark(n, 1, r)+"^"+mark(n, 2, r)+"^"+mark(n, 3, r))
		}
		b.WriteString("|" + strings.Join(reps, "~"))
	}
	m, err := hl7.Parse([]byte(b.String() + "\r"))
	if err != nil {
		t.Fatal(err)
	}
	return m.First(id)
}

// readings calls an accessor and returns the first part of each value it gives.
func readings(t *testing.T, accessor reflect.Value) []string {
	t.Helper()
	out := accessor.Call(nil)
	if len(out) == 2 && !out[1].IsNil() {
		t.Errorf("not a time: %v", out[1])
	}
	if out[0].Kind() != reflect.Func {
		return []string{firstPart(t, out[0].Interface())}
	}
	var texts []string
	for _, v := range out[0].Seq2() {
		texts = append(texts, firstPart(t, v.Interface()))
	}
	return texts
}

func firstPart(t *testing.T, v any) string {
	t.Helper()
	switch v := v.(type) {
	case hl7.Value:
		return v.Component(1).Text()
	case hl7.Time:
		return v.HL7()
	case hl7.NM:
		return v.Text
	case hl7.CX:
		return v.ID
	case hl7.EI:
		return v.ID
	case hl7.HD:
		return v.Namespace
	case hl7.CWE:
		return v.Code
	case hl7.XPN:
		return v.Family
	case hl7.XAD:
		return v.Street
	case hl7.XTN:
		return v.Number
	case hl7.XCN:
		return v.ID
	case hl7.PL:
		return v.PointOfCare
	}
	t.Errorf("no reading of %T", v)
	return ""
}
