package repositorytest

import (
	"errors"
	"testing"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/clinical"
	"github.com/lockport-hie/lockport/consent"
)

// known gives registrations 1 and 4 of the region facts: of the patient, one of
// them deleted, and of a visit that was deleted.
func known(tx lockport.Tx, e *lockport.Entry) error {
	errs := []error{region(tx, e)}
	if e.Kind != lockport.EntryMessage {
		return errors.Join(errs...)
	}
	put := func(t lockport.Table, key []byte, row any) { errs = append(errs, tx.Put(t, key, row)) }
	for _, reg := range []lockport.RegistrationID{1, 4} {
		visit := tx.Token("visit", "removed", string(reg.Key()))
		put(lockport.TableVisits, visit[:], &clinical.Visit{Token: visit, Registration: reg, Status: clinical.Removed})
		put(lockport.TableFacts, clinical.FactKey(reg, visit, "DG1"), &clinical.FactSet{Registration: reg, Visit: visit, Segment: "DG1", Facts: []clinical.Fact{{Key: "1"}}})
		put(lockport.TableFacts, clinical.FactKey(reg, lockport.Token{}, "NK1"), &clinical.FactSet{Registration: reg, Segment: "NK1", Facts: []clinical.Fact{{Key: "1", Gone: true}}})
		put(lockport.TableFacts, clinical.FactKey(reg, lockport.Token{}, "AL1"), &clinical.FactSet{Registration: reg, Segment: "AL1", Facts: []clinical.Fact{{Key: "1", Gone: true}, {Key: "2", Value: []byte("AL1|2")}}})
	}
	return errors.Join(errs...)
}

func facts(t *testing.T, open Open) {
	s := start(t, open, known)
	must(t, s, message("region"), directive(identifier("a"), consent.Give, "p"))
	found, err := s.Facts(t.Context(), openTicket(t, s, "a"))
	if err != nil || len(found) != 1 || found[0].Registration != 1 || found[0].Segment != "AL1" || len(found[0].Facts) != 1 || string(found[0].Facts[0].Value) != "AL1|2" {
		t.Errorf("%d sets, %v; want the one fact in force of the patient", len(found), err)
	}
	if found, err := s.Facts(t.Context(), openTicket(t, s, "d")); lockport.KindOf(err) != lockport.Refused || len(found) > 0 {
		t.Error("a fact leaves without consent", err)
	}
}
