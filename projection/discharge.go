package projection

import (
	"strings"
	"time"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/clinical"
	"github.com/lockport-hie/lockport/consent"
	"github.com/lockport-hie/lockport/patient"
)

// endAccess ends what was open for the length of a visit that is over: the
// emergency access of the participant where it was, and a minor's consent for
// that visit. Neither opens again when the discharge is cancelled.
func (a *arrival) endAccess(v clinical.Visit, r patient.Registration) error {
	if v.Status == clinical.Planned || v.Status == clinical.Open {
		return nil
	}
	end := v.Ended
	if end.IsZero() {
		end = a.happened
	}
	if err := a.endGrants(v.Source.Participant, r, end); err != nil {
		return err
	}
	ds, _, err := a.directives(r)
	if err != nil {
		return err
	}
	for _, d := range ds {
		number, _, _ := strings.Cut(d.Visit, "^")
		if number == "" || strings.TrimSpace(number) != v.Number.Value || !d.Ended.IsZero() {
			continue
		}
		d.Ended = end
		key := consent.DirectiveKey(lockport.IdentifierToken(a.tx, d.Patient), d.Seq)
		if err := a.tx.Put(lockport.TableDirectives, key, &d); err != nil {
			return err
		}
	}
	return nil
}

// endGrants shortens the emergency accesses of a participant that were open at
// the end of the visit.
func (a *arrival) endGrants(p lockport.ParticipantID, r patient.Registration, end time.Time) error {
	person, _, err := index{a.tx}.Person(r.Person)
	if err != nil {
		return err
	}
	var open []consent.Grant
	for _, id := range person.Registrations {
		err := a.tx.Scan(lockport.TableGrants, id.Key(), nil, func(_ []byte, decode func(any) error) (bool, error) {
			var g consent.Grant
			err := decode(&g)
			if g.Participant == p && !end.Before(g.From) && end.Before(g.Until) {
				open = append(open, g)
			}
			return true, err
		})
		if err != nil {
			return err
		}
	}
	for _, g := range open {
		g.Until = end
		if err := a.tx.Put(lockport.TableGrants, consent.GrantKey(g.Registration, g.Seq), &g); err != nil {
			return err
		}
	}
	return nil
}
