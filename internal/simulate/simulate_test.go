package simulate

import (
	"bytes"
	"fmt"
	"testing"
)

func BenchmarkEvents(b *testing.B) {
	r := New(Config{Seed: 7, Patients: 5000, Locations: 80, Rate: 200})
	b.ResetTimer()
	n, size := 0, 0
	for e := range r.Events() {
		if n == b.N {
			break
		}
		if e.Message != nil {
			n++
			size += len(e.Message)
		}
	}
	b.SetBytes(int64(size / max(b.N, 1)))
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}

func TestLook(t *testing.T) {
	r := New(Config{Seed: 7, Patients: 2000, Locations: 60, Days: 30})
	kinds := map[string]int{}
	n, size, big := 0, 0, 0
	shown := map[string]int{}
	for e := range r.Events() {
		if e.Consent != nil {
			kinds["consent "+e.Consent.Value]++
			continue
		}
		n++
		size += len(e.Message)
		big = max(big, len(e.Message))
		kinds[e.Type]++
		if shown[e.Type]++; shown[e.Type] == 20 || shown[e.Type] == 40 {
			fmt.Println(string(bytes.ReplaceAll(e.Message, []byte("\r"), []byte("\n"))))
		}
	}
	fmt.Println(n, size/n, big, kinds)
	tr := r.Truth()
	regs, reg1, multi := 0, 0, 0
	for _, p := range tr.Persons {
		if len(p.Registrations) > 0 {
			reg1++
			regs += len(p.Registrations)
		}
	}
	pot := 0
	for _, p := range r.people {
		for _, g := range p.goes { if r.orgs[g].authority != nil { pot++ } }
		if p.lab >= 0 { pot++ }
		if p.imaging >= 0 { pot++ }
	}
	for _, x := range tr.Results { if len(x.Versions) > 1 { multi++ } }
	fmt.Println("episodes", len(tr.Visits), "persons seen", reg1, "regs", regs, "potential", float64(pot)/2000, "results", len(tr.Results), multi, "merges", len(tr.Merges), "consents", len(tr.Consents))
}
