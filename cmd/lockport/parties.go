package main

import (
	"context"
	"slices"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/consent"
	"github.com/lockport-hie/lockport/directory"
)

// parties tells the consent gate who asks, from the directory.
type parties struct {
	directory func(context.Context) (*directory.Directory, error)
}

// Party implements consent.Parties.
func (p parties) Party(ctx context.Context, id lockport.ParticipantID, clinician lockport.NPI) (consent.Party, error) {
	d, err := p.directory(ctx)
	if err != nil {
		return consent.Party{}, err
	}
	participant, ok := d.Participant(id)
	if !ok {
		return consent.Party{}, lockport.Errorf(lockport.Unauthorized, "", "the participant is not registered")
	}
	party := consent.Party{
		Participant: id, Joined: participant.Joined, Clinician: clinician,
		HealthDepartment: participant.Type == directory.HealthDepartment, EmergencyCapable: participant.EmergencyCapable,
	}
	if clinician == "" {
		return party, nil
	}
	provider, ok := d.Provider(clinician)
	if !ok || !slices.Contains(provider.Participants, id) {
		return consent.Party{}, lockport.Errorf(lockport.Unauthorized, "", "the clinician does not act for the participant")
	}
	party.Practitioner = provider.Role == directory.Practitioner
	return party, nil
}
