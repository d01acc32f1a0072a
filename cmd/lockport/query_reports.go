package main

import (
	"fmt"

	"github.com/lockport-hie/lockport/hl7"
)

// report is one order with its observations, as a reply carries it.
type report struct {
	Filler       string        `json:"filler_order"`
	Placer       string        `json:"placer_order,omitempty"`
	Patient      string        `json:"patient"` // PID-3 of the reply, first repetition
	Code         string        `json:"code"`
	Name         string        `json:"name"`
	System       string        `json:"system"`
	Observed     string        `json:"observed"` // OBR-7
	Status       string        `json:"status"`   // OBR-25
	Observations []observation `json:"observations"`
}

// observation is one OBX.
type observation struct {
	Code   string `json:"code"`
	Name   string `json:"name"`
	System string `json:"system"`
	Value  string `json:"value"`
	Units  string `json:"units"`
	Range  string `json:"reference_range"`
	Flag   string `json:"flag"`
	Status string `json:"status"` // OBX-11
}

// readReports takes the orders out of a reply.
func readReports(m *hl7.Message) []report {
	out := []report{}
	for group := range m.PatientGroups() {
		for _, order := range group.Orders {
			if !order.OBR.Exists() {
				continue
			}
			out = append(out, readReport(m, group.Patient, order))
		}
	}
	return out
}

// readReport reads one order. Order numbers of OBR give way to those of ORC where OBR has none.
func readReport(m *hl7.Message, patient hl7.Segment, order hl7.OrderGroup) report {
	obr := order.OBR
	r := report{
		Filler: obr.Component(3, 1).Text(), Placer: obr.Component(2, 1).Text(),
		Patient: patient.Text(3),
		Code:    obr.Component(4, 1).Text(), Name: obr.Component(4, 2).Text(), System: obr.Component(4, 3).Text(),
		Observed: obr.Text(7), Status: obr.Text(25), Observations: []observation{},
	}
	if r.Filler == "" {
		r.Filler = order.ORC.Component(3, 1).Text()
	}
	if r.Placer == "" {
		r.Placer = order.ORC.Component(2, 1).Text()
	}
	for _, i := range order.Observations {
		r.Observations = append(r.Observations, readObservation(m.Segment(i)))
	}
	return r
}

// readObservation reads one OBX. Coded values are shown by their text.
func readObservation(obx hl7.Segment) observation {
	value := obx.Field(5).Plain()
	switch obx.Text(2) {
	case "CE", "CWE", "CNE":
		if value = obx.Component(5, 2).Text(); value == "" {
			value = obx.Component(5, 1).Text()
		}
	}
	return observation{
		Code: obx.Component(3, 1).Text(), Name: obx.Component(3, 2).Text(), System: obx.Component(3, 3).Text(),
		Value: value, Units: obx.Component(6, 1).Text(), Range: obx.Text(7), Flag: obx.Text(8), Status: obx.Text(11),
	}
}

// showReports prints reports: as JSON one object each, as a table one line for each observation.
func (env *environment) showReports(reports []report) error {
	if env.json() {
		return writeJSON(env.Out, reports, "  ")
	}
	if len(reports) == 0 {
		return nil
	}
	t := table{head: []string{"observed", "report", "test", "value", "units", "range", "flag", "status"}}
	for _, r := range reports {
		name := or(r.Name, r.Code)
		if len(r.Observations) == 0 {
			t.add(shortTime(r.Observed), name, "", "", "", "", "", r.Status)
		}
		for _, o := range r.Observations {
			t.add(shortTime(r.Observed), name, or(o.Name, o.Code), o.Value, o.Units, o.Range, o.Flag, o.Status)
		}
	}
	if err := env.write(t); err != nil {
		return err
	}
	env.notef("%s", plural(len(reports), "record"))
	return nil
}

// shortTime shows a time of HL7 with the precision that it was sent with.
func shortTime(text string) string {
	t, err := hl7.ParseTime(text)
	if err != nil {
		return text
	}
	s := t.HL7()
	for _, cut := range []struct {
		at  int
		sep string
	}{{12, ":"}, {10, ":"}, {8, " "}, {6, "-"}, {4, "-"}} {
		if len(s) > cut.at && s[cut.at] >= '0' && s[cut.at] <= '9' {
			s = s[:cut.at] + cut.sep + s[cut.at:]
		}
	}
	return s
}

// or returns a, or b where a is empty.
func or(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

// plural counts things in words.
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
