package simulate

import (
	"iter"
	"math/rand/v2"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/directory"
)

// Query is a question that somebody in the region might ask.
type Query struct {
	Application lockport.ApplicationID // with the provider role
	Clinician   lockport.NPI           // acts for the application's participant
	Patient     lockport.Identifier    // of the asker's authority, or the shared one
	Purpose     lockport.Purpose
	Person      int // whom it is about, an index into Truth.Persons
}

// Queries returns an endless, seeded sequence of plausible questions. Patients
// that no message has named yet are among them, as in life.
func (r *Region) Queries() iter.Seq[Query] {
	return func(yield func(Query) bool) {
		rng := r.random(4)
		for {
			q, ok := r.query(rng, rng.IntN(len(r.people)))
			if ok && !yield(q) {
				return
			}
		}
	}
}

// QueryAbout returns a question about one person, for example the one of an
// event that has just been sent; ok is false where nobody would ask. The n-th
// question about a person is always the same.
func (r *Region) QueryAbout(person, n int) (q Query, ok bool) {
	if person < 0 || person >= len(r.people) {
		return Query{}, false
	}
	return r.query(rand.New(rand.NewPCG(r.config.Seed+uint64(person)<<20, uint64(n)+5)), person)
}

func (r *Region) query(rng *rand.Rand, person int) (q Query, ok bool) {
	p := &r.people[person]
	if len(p.goes) == 0 {
		return Query{}, false
	}
	asker := r.orgs[pick(rng, p.goes)]
	q = Query{Person: person, Purpose: lockport.Treatment}
	if asker.authority != nil {
		q.Patient = r.identifier(asker, person, false)
	}
	switch x := rng.Float64(); {
	case x < 0.05: // brought by an ambulance to a hospital that does not know the patient
		h := r.near(rng, int(p.county), directory.Hospital)
		if h >= 0 && p.clientNumber != "" {
			asker, q.Purpose, q.Patient = r.orgs[h], lockport.EmergencyTreatment, r.sharedIdentifier(p)
		}
	case x < 0.20 && p.clientNumber != "":
		q.Patient = r.sharedIdentifier(p)
	}
	if asker.authority == nil {
		q.Patient = r.sharedIdentifier(p)
	}
	if asker.asks == nil || q.Patient.Value == "" {
		return Query{}, false
	}
	q.Application = asker.asks.ID
	q.Clinician = r.clinicians[asker.staff[rng.IntN(asker.doctors)]].entry.NPI
	return q, true
}

func (r *Region) sharedIdentifier(p *person) lockport.Identifier {
	return lockport.Identifier{Value: p.clientNumber, Authority: r.shared.ID, Type: r.shared.kind}
}
