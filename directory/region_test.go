package directory

import (
	"strings"

	"github.com/lockport-hie/lockport"
)

// put makes a change out of any of the values.
func put(values ...any) []Change {
	var changes []Change
	for _, v := range values {
		c := Change{Op: Put, Operator: "op"}
		switch v := v.(type) {
		case Participant:
			c.Participant = &v
		case Location:
			c.Location = &v
		case Application:
			c.Application = &v
		case ProviderEntry:
			c.Provider = &v
		case Authority:
			c.Authority = &v
		case Feed:
			c.Feed = &v
		}
		changes = append(changes, c)
	}
	return changes
}

func remove(values ...any) []Change {
	changes := put(values...)
	for i := range changes {
		changes[i].Op = Remove
	}
	return changes
}

func hospital(id string) Participant {
	return Participant{ID: lockport.ParticipantID(id), Name: strings.ToUpper(id), Type: Hospital, County: "36067", Joined: "2026-01-01"}
}

func system(id, participant, msh3, msh4 string, authorities ...lockport.AuthorityID) Application {
	return Application{ID: lockport.ApplicationID(id), Participant: lockport.ParticipantID(participant), Name: msh3, Facility: msh4, Roles: []Role{Source}, Authorities: authorities}
}

func authority(id, ns, oid, owner string) Authority {
	return Authority{ID: lockport.AuthorityID(id), Namespace: ns, OID: oid, Owner: lockport.ParticipantID(owner)}
}

func changed[T any](v T, f func(*T)) T { f(&v); return v }

const doctor = "1234567893"

// region is a small region: two hospitals that both call their numbers MRN, a
// clinic that receives, a shared number and a sender on trial.
func region() []Change {
	clinic := changed(hospital("clinic"), func(p *Participant) { p.Type = Practice })
	receiver := changed(system("receiver", "clinic", "EHR", "CLINIC"), func(a *Application) {
		a.Roles, a.DefaultProvider, a.Fingerprint = []Role{Source, Provider}, doctor, strings.Repeat("ab", 32)
	})
	return put(
		hospital("north"), hospital("south"), clinic,
		Location{ID: "north-er", Participant: "north", Name: "ER"},
		system("north-adt", "north", "ADT", "NORTH", "mrn-north"), system("south-adt", "south", "ADT", "SOUTH"), receiver,
		ProviderEntry{NPI: doctor, Name: "A Doctor", Participants: []lockport.ParticipantID{"clinic"}, Role: Practitioner},
		authority("mrn-north", "MRN", "1.2.3", "north"), authority("mrn-south", "MRN", "", "south"), authority("NORTH", "NORTH", "", "north"),
		Authority{ID: "SSN", Namespace: "SSN", OID: "2.16.840.1.113883.4.1", Shared: true},
		Feed{ID: "clinic-results", Application: "receiver", Kind: ResultsFeed, To: "ehr.example:2575", CA: "ca.pem"},
	)
}

func mustLoad(changes ...Change) *Directory {
	d, err := Load(changes)
	if err != nil {
		panic(err) // the test's own data
	}
	return d
}
