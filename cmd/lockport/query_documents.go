package main

import (
	"fmt"
	"strings"

	"github.com/lockport-hie/lockport/hl7"
)

// document is one document as a reply carries it.
type document struct {
	Number       string   `json:"document"` // TXA-12
	Parent       string   `json:"parent,omitempty"`
	Patient      string   `json:"patient"` // PID-3 of the reply, first repetition
	Type         string   `json:"type"`    // TXA-2
	Activity     string   `json:"activity"`
	Completion   string   `json:"completion"`
	Availability string   `json:"availability"`
	Content      []string `json:"content"` // each OBX-5: text as it reads, encapsulated data as its media type
}

// readDocuments takes the documents out of a reply.
func readDocuments(m *hl7.Message) []document {
	out := []document{}
	patient := ""
	for _, s := range m.Segments() {
		switch s.ID() {
		case "PID":
			patient = s.Text(3)
		case "TXA":
			out = append(out, document{
				Number: s.Component(12, 1).Text(), Parent: s.Component(13, 1).Text(), Patient: patient,
				Type: s.Component(2, 1).Text(), Activity: s.Text(4),
				Completion: s.Text(17), Availability: s.Text(19), Content: []string{},
			})
		case "OBX":
			if n := len(out); n > 0 {
				out[n-1].Content = append(out[n-1].Content, documentText(s))
			}
		}
	}
	return out
}

// documentText is OBX-5 for reading.
func documentText(obx hl7.Segment) string {
	if obx.Text(2) == "ED" {
		return fmt.Sprintf("%s/%s, %s", obx.Component(5, 2).Text(), obx.Component(5, 3).Text(), obx.Component(5, 4).Text())
	}
	return obx.Field(5).Plain()
}

// showDocuments prints documents: as JSON one object each, as a table one line each with the first line of its text.
func (env *environment) showDocuments(documents []document) error {
	if env.json() {
		return writeJSON(env.Out, documents, "  ")
	}
	if len(documents) == 0 {
		return nil
	}
	t := table{head: []string{"activity", "document", "type", "completion", "availability", "text"}}
	for _, d := range documents {
		text, _, _ := strings.Cut(strings.Join(d.Content, " "), "\n")
		t.add(shortTime(d.Activity), d.Number, d.Type, d.Completion, d.Availability, text)
	}
	if err := env.write(t); err != nil {
		return err
	}
	env.notef("%s", plural(len(documents), "document"))
	return nil
}
