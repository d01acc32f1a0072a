package main

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/directory"
)

// TestHospitalsShareTheirPersons: three hospitals know 60 persons under numbers of
// their own and one national number, which the directory knows as shared. Each ends
// as one person with a registration at every hospital that knows them, and nobody
// else is drawn in.
func TestHospitalsShareTheirPersons(t *testing.T) {
	if _, err := os.Stat(corpora); err != nil {
		t.Skipf("SKIPPED: the public messages are not beside this checkout: %v", err)
	}
	const national = "NHSNBR"
	s := startServer(t, unknownAccept, hospitals(t, national)...)
	want := disjoint{}
	for _, name := range hospitalNames {
		file := filepath.Join(corpora, "simhospital-"+name+".mllp.gz")
		s.sendStream(file)
		want.read(streamLines(t, file), name, national)
	}
	s.settle()
	shared, persons, said := 0, map[lockport.PersonID]string{}, map[string]lockport.PersonID{}
	for id := range want {
		authority, value, _ := strings.Cut(id, " ")
		subject, err := s.store.SubjectOf(t.Context(), lockport.Identifier{Authority: lockport.AuthorityID(authority), Value: value})
		if err != nil || !subject.Known || subject.Closed {
			t.Fatalf("an identifier of %s leads to no person: %v", authority, err)
		}
		whose := want.end(id)
		if other, known := persons[subject.Person]; known && other != whose {
			t.Error("a person holds identifiers of two")
		}
		if other, known := said[whose]; known && other != subject.Person {
			t.Error("the identifiers of one person lead to two")
		}
		persons[subject.Person], said[whose] = whose, subject.Person
	}
	for _, hospitals := range want.hospitals(national) {
		if hospitals > 1 {
			shared++
		}
	}
	if shared != 60 || len(persons) < 1000 {
		t.Errorf("%d of %d persons are known at several hospitals, want 60", shared, len(persons))
	}
	t.Logf("%d identifiers of %d persons, %d of them shared", len(want), len(persons), shared)
}

// disjoint is which identifiers the messages themselves say are one person's, each
// written as its authority and value: it leads from one to another.
type disjoint map[string]string

func (d disjoint) end(id string) string {
	for d[id] != id {
		id = d[id]
	}
	return id
}

func (d disjoint) join(a, b string) {
	for _, id := range []string{a, b} {
		if d[id] == "" {
			d[id] = id
		}
	}
	d[d.end(a)] = d.end(b)
}

// read takes the identifiers of a PID for one person's, and those of the MRG behind
// it for the same one's, by cutting at the separators and nothing else. One message
// is of another sender, without authorities.
func (d disjoint) read(lines []string, hospital, national string) {
	var patient string
	foreign := false
	for _, line := range lines {
		fields := strings.Split(line, "|")
		if fields[0] == "MSH" {
			foreign = fields[2] == "SIMHOSP"
		}
		if foreign {
			continue
		}
		field := map[string]int{"PID": 3, "MRG": 1}[fields[0]]
		if field == 0 || len(fields) <= field {
			continue
		}
		first := ""
		for _, cx := range strings.Split(fields[field], "~") {
			parts := strings.Split(cx, "^")
			if len(parts) < 4 || parts[0] == "" {
				continue
			}
			id := hospital + "-mrn " + parts[0]
			if parts[3] == national {
				id = national + " " + parts[0]
			}
			if first == "" {
				first = id
			}
			d.join(id, first)
		}
		if fields[0] == "PID" {
			patient = first
		} else if first != "" {
			d.join(first, patient)
		}
	}
}

// hospitals counts the hospitals that know each person with a national number.
func (d disjoint) hospitals(national string) map[string]int {
	at, count := map[string]map[string]bool{}, map[string]int{}
	for id := range d {
		authority, _, _ := strings.Cut(id, " ")
		if whose := d.end(id); authority != national {
			if at[whose] == nil {
				at[whose] = map[string]bool{}
			}
			at[whose][authority] = true
			count[whose] = len(at[whose])
		}
	}
	return count
}

// hospitalNames are the three streams.
var hospitalNames = []string{"h1", "h2", "h3"}

// hospitals registers the three hospitals of the streams: each with its own
// authority of the one name that all of them use, and the national one.
func hospitals(t *testing.T, national string) []directory.Change {
	changes := []directory.Change{{Authority: &directory.Authority{ID: lockport.AuthorityID(national), Namespace: national, Shared: true}}}
	for _, name := range hospitalNames {
		var header []string // of the last message
		for _, line := range streamLines(t, filepath.Join(corpora, "simhospital-"+name+".mllp.gz")) {
			if strings.HasPrefix(line, "MSH|") {
				header = strings.Split(line, "|")
			}
		}
		p, a := lockport.ParticipantID(name), lockport.AuthorityID(name+"-mrn")
		changes = append(changes,
			directory.Change{Participant: &directory.Participant{ID: p, Name: name, Type: directory.Hospital, County: "36067", Joined: "2020-01-01"}},
			directory.Change{Authority: &directory.Authority{ID: a, Namespace: "SIMULATOR MRN", Owner: p}},
			directory.Change{Application: &directory.Application{
				ID: lockport.ApplicationID(name), Participant: p, Name: header[2], Facility: header[3],
				Roles: []directory.Role{directory.Source}, ProcessingIDs: []string{"*"}, Types: []string{"ADT", "ORU", "MDM", "ORM", "ORR"}, Authorities: []lockport.AuthorityID{a}, AcknowledgeAll: true,
			}})
	}
	for i := range changes {
		changes[i].Op = directory.Put
	}
	return changes
}

// streamLines are the segments of a stream.
func streamLines(t *testing.T, file string) []string {
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	unpacked, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(unpacked)
	if err != nil {
		t.Fatal(err)
	}
	return strings.FieldsFunc(string(all), func(r rune) bool { return r == '\r' || r == '\v' })
}
