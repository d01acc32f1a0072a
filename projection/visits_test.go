package projection

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"pgregory.net/rapid"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/clinical"
	"github.com/lockport-hie/lockport/patient"
)

// updateVisits rewrites the states of testdata/visits with what happened. What it
// wrote is to be read against the standard before it is kept.
var updateVisits = flag.Bool("update-visits", false, "rewrite the states of testdata/visits")

// visitCases are the files of testdata/visits: what every ADT event does to a
// visit, and what other segments say. A section "N CONNECTION" is a message of North Hospital, one segment a
// line, that comes in on that connection; a section "state" is what the record
// then shows of all patients. The sections are done in their order, and the last
// state must also be reached in every other order that each connection allows.
func visitCases(t *testing.T) map[string]*txtar.Archive {
	files, err := filepath.Glob("testdata/visits/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("there are no cases", err)
	}
	cases := map[string]*txtar.Archive{}
	for _, f := range files {
		if cases[f], err = txtar.ParseFile(f); err != nil {
			t.Fatal(err)
		}
	}
	return cases
}

func TestEveryEventDoesWhatItsCaseSays(t *testing.T) {
	for file, c := range visitCases(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			h := newHouse(t)
			for i, section := range c.Files {
				if section.Name != "state" {
					h.receiveSection(section)
				} else if got := h.state(); *updateVisits {
					c.Files[i].Data = []byte(got)
				} else if got != string(section.Data) {
					t.Errorf("section %d:\n%swant\n%s", i+1, got, section.Data)
				}
			}
			if *updateVisits {
				if err := os.WriteFile(file, txtar.Format(c), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestEveryOrderOfArrivalEndsInTheSameState(t *testing.T) {
	for file, c := range visitCases(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			lines := map[string][]txtar.File{} // what waits on each connection
			for _, section := range c.Files {
				if _, connection, message := strings.Cut(section.Name, " "); message {
					lines[connection] = append(lines[connection], section)
				}
			}
			want := string(c.Files[len(c.Files)-1].Data)
			rapid.Check(t, func(rt *rapid.T) {
				h, waiting := newHouse(t), maps.Clone(lines)
				for len(waiting) > 0 {
					next := rapid.SampledFrom(slices.Sorted(maps.Keys(waiting))).Draw(rt, "connection")
					h.receiveSection(waiting[next][0])
					if waiting[next] = waiting[next][1:]; len(waiting[next]) == 0 {
						delete(waiting, next)
					}
				}
				if got := h.state(); got != want {
					rt.Fatalf("%swant\n%s", got, want)
				}
			})
		})
	}
}

func (h *house) receiveSection(section txtar.File) {
	h.t.Helper()
	raw := string(bytes.ReplaceAll(section.Data, []byte("\n"), []byte("\r")))
	h.receive("north-adt", strings.Join(strings.SplitN(strings.Split(raw, "|")[8], "^", 3)[:2], "^"), raw)
}

// state is what the record shows of every patient, without what depends on the
// order of arrival: numbers of registrations and entries.
func (h *house) state() string {
	h.t.Helper()
	var patients []string
	for _, key := range h.record.keys(lockport.TableRegistrations) {
		var r patient.Registration
		if _, err := h.record.Get(lockport.TableRegistrations, []byte(key), &r); err != nil {
			h.t.Fatal(err)
		}
		patients = append(patients, h.patientState(r))
	}
	slices.Sort(patients)
	var b strings.Builder
	b.WriteString(strings.Join(patients, ""))
	for _, key := range h.record.keys(lockport.TableQuarantine) {
		var q lockport.Quarantined
		if _, err := h.record.Get(lockport.TableQuarantine, []byte(key), &q); err != nil {
			h.t.Fatal(err)
		}
		fmt.Fprintf(&b, "held: %s\n", q.Reason)
	}
	return cmp.Or(b.String(), "nobody\n")
}

func (h *house) patientState(r patient.Registration) string {
	var b strings.Builder
	fmt.Fprintf(&b, "patient %s", r.Identifiers[0].Value)
	for _, n := range r.Details.Names {
		fmt.Fprintf(&b, ", %s %s", n.Given, n.Family)
	}
	if r.Details.Dead != "" || r.Details.Death != "" {
		fmt.Fprintf(&b, ", dead %s %s", r.Details.Dead, r.Details.Death)
	}
	if r.Deleted {
		return b.String() + ", deleted\n"
	}
	var visits []string
	err := h.record.Scan(lockport.TablePatientVisits, r.ID.Key(), nil, func(key []byte, decode func(any) error) (bool, error) {
		var v clinical.Visit
		var row clinical.VisitSummary
		if found, err := h.record.Get(lockport.TableVisits, key[len(key)-len(v.Token):], &v); err != nil || !found {
			h.t.Fatal("the list of a patient names a visit that is not there: ", err)
		}
		err := decode(&row)
		if clinical.SummariseVisit(v) != row {
			h.t.Error("the list of a patient says something else than the visit")
		}
		visits = append(visits, visitState(v, clinical.VisitFilter{}.Matches(row)))
		return true, err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	slices.Sort(visits)
	return b.String() + "\n" + strings.Join(visits, "") + h.factState(r)
}

// factState is what is known of a patient and of visits from other segments.
func (h *house) factState(r patient.Registration) string {
	var b strings.Builder
	err := h.record.Scan(lockport.TableFacts, r.ID.Key(), nil, func(_ []byte, decode func(any) error) (bool, error) {
		var set clinical.FactSet
		var v clinical.Visit
		err := decode(&set)
		if _, err := h.record.Get(lockport.TableVisits, set.Visit[:], &v); err != nil {
			h.t.Fatal(err)
		}
		for _, f := range set.Current().Facts {
			fmt.Fprintf(&b, "  %s: %s %s\n", cmp.Or(v.Number.Value, "fact"), set.Segment, f.Value)
		}
		return true, err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return b.String()
}

// visitState writes a visit on a line, and no more than its state for one that
// is not shown.
func visitState(v clinical.Visit, shown bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "  visit %s, %s", v.Number.Value, v.Status)
	if !shown {
		return b.String() + "\n"
	}
	consulting := make([]string, len(v.Consulting))
	for i, c := range v.Consulting {
		consulting[i] = string(c)
	}
	instant := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.Format(time.RFC3339)
	}
	for _, part := range []struct{ name, value string }{
		{"class", v.Class}, {"at", v.Place}, {"before", v.Prior}, {"admitted", instant(v.Admitted)}, {"ended", instant(v.Ended)},
		{"attending", string(v.Attending)}, {"referring", string(v.Referring)}, {"consulting", strings.Join(consulting, " ")},
		{"admitting", string(v.Admitting)}, {"service", v.Service}, {"disposition", v.Disposition}, {"account", v.Account.Value},
	} {
		if part.value != "" {
			fmt.Fprintf(&b, ", %s %s", part.name, part.value)
		}
	}
	return b.String() + "\n"
}
