package projection

import (
	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/patient"
)

// index reads the patient tables for the rules of package patient and writes
// what they decide.
type index struct{ tx lockport.Tx }

// Registration implements patient.Reader.
func (x index) Registration(id lockport.RegistrationID) (patient.Registration, bool, error) {
	var r patient.Registration
	found, err := x.tx.Get(lockport.TableRegistrations, id.Key(), &r)
	return r, found, err
}

// Person implements patient.Reader.
func (x index) Person(id lockport.PersonID) (patient.Person, bool, error) {
	var p patient.Person
	found, err := x.tx.Get(lockport.TablePersons, id.Key(), &p)
	return p, found, err
}

// Holders implements patient.Reader.
func (x index) Holders(id lockport.Identifier) (patient.Holders, bool, error) {
	token := lockport.IdentifierToken(x.tx, id)
	var h patient.Holders
	found, err := x.tx.Get(lockport.TableIdentifiers, token[:], &h)
	return h, found, err
}

func (x index) write(c patient.Changes) error {
	for i := range c.Registrations {
		if err := x.tx.Put(lockport.TableRegistrations, c.Registrations[i].ID.Key(), &c.Registrations[i]); err != nil {
			return err
		}
	}
	for _, id := range c.RemovedPersons {
		if err := x.tx.Delete(lockport.TablePersons, id.Key()); err != nil {
			return err
		}
	}
	for i := range c.Persons {
		if err := x.tx.Put(lockport.TablePersons, c.Persons[i].ID.Key(), &c.Persons[i]); err != nil {
			return err
		}
	}
	for i := range c.Holders {
		token := lockport.IdentifierToken(x.tx, c.Holders[i].Identifier)
		if err := x.tx.Put(lockport.TableIdentifiers, token[:], &c.Holders[i].Holders); err != nil {
			return err
		}
	}
	return nil
}
