package consent

import (
	"context"
	"fmt"

	"github.com/lockport-hie/lockport"
)

// Subject is everything about one patient that a decision needs, read from one
// snapshot of the record.
type Subject struct {
	AsOf          lockport.Seq              // the snapshot has applied at least this entry
	Known         bool                      // false: no registration answers to the identifier
	Closed        bool                      // an unresolved merge denies the patient
	Person        lockport.PersonID         //
	Asked         lockport.RegistrationID   // the one that was asked for, where an emergency access is recorded; 0: the lowest
	Registrations []lockport.RegistrationID // all linked registrations, subsumed ones included
	Tokens        []lockport.Token          // of every identifier of the person, or of the asked one when unknown; ascending
	BirthDate     string                    // PID-7 as sent, of the registration updated last; "" unknown
	Directives    []Directive               // on any of the identifiers, void ones included
	Grants        []Grant                   // open or expired emergency accesses
}

// Format keeps the patient out of everything that prints.
func (s Subject) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "subject as of %d", s.AsOf) }

// Subjects resolves patients. Both methods read a snapshot that has applied the
// journal's end of the moment they were called, and fail with kind Unavailable
// when that takes longer than two seconds.
type Subjects interface {
	// SubjectOf resolves an identifier. An unknown identifier is no error.
	SubjectOf(ctx context.Context, id lockport.Identifier) (Subject, error)
	// SubjectOfRegistration resolves a registration that a feed's row names.
	SubjectOfRegistration(ctx context.Context, id lockport.RegistrationID) (Subject, error)
}

// Party is who asks, as the directory knows it.
type Party struct {
	Participant      lockport.ParticipantID
	Joined           lockport.Date
	HealthDepartment bool
	EmergencyCapable bool
	Clinician        lockport.NPI // "" when none is named
	Practitioner     bool         // Clinician is a practitioner of Participant
}

// Parties tells the gate about who asks. An unknown participant, or a named
// clinician who does not act for it, is an error of kind Unauthorized.
type Parties interface {
	Party(ctx context.Context, participant lockport.ParticipantID, clinician lockport.NPI) (Party, error)
}
