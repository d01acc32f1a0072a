package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/directory"
)

// participants is the noun "participant".
func participants() noun[directory.Participant] {
	return noun[directory.Participant]{
		name: "participant", list: pathParticipantList, example: "upstate",
		columns: []string{"id", "name", "type", "county", "joined", "emergency"},
		row: func(p directory.Participant) []any {
			return []any{p.ID, p.Name, p.Type, countyName(p.County), p.Joined, p.EmergencyCapable}
		},
		id: func(p directory.Participant) string { return string(p.ID) },
		remove: func(id string) directory.Change {
			return directory.Change{Op: directory.Remove, Participant: &directory.Participant{ID: lockport.ParticipantID(id)}}
		},
	}
}

// newParticipant makes "lockport participant".
func newParticipant(env *environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "participant",
		Short: "Organisations of the exchange",
		Long: `A participant is a legal organisation in the exchange: a hospital, laboratory, practice,
case-management agency, counsellor or health department. Patients give consent to participants.`,
	}
	cmd.AddCommand(newParticipantAdd(env), newParticipantImport(env))
	cmd.AddCommand(participants().commands(env)...)
	return cmd
}

// participantOptions are the flags of "participant add".
type participantOptions struct {
	name      string
	county    string
	kind      string
	joined    string
	emergency bool
	replace   bool
}

// newParticipantAdd makes "lockport participant add".
func newParticipantAdd(env *environment) *cobra.Command {
	var o participantOptions
	cmd := &cobra.Command{
		Use:   "add ID --name NAME --type TYPE",
		Short: "Register an organisation",
		Long: `Register an organisation. Grants of consent signed before the day it joined do not cover it.
Only an emergency-capable participant may break the glass; a hospital is one unless told otherwise.`,
		Example: `  lockport participant add upstate --name 'Upstate Hospital' --county Onondaga --type hospital
  lockport participant add famcare --name 'Family Care' --county 36067 --type practice --joined 2024-01-15`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := o.participant(args[0], cmd.Flags().Changed("emergency-capable"))
			if err != nil {
				return &usageError{err}
			}
			return env.change(cmd, changeQuestion{Changes: []directory.Change{{Op: directory.Put, Participant: &p}}, Replace: o.replace})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.name, "name", "", "name of the organisation")
	flags.StringVar(&o.county, "county", "", "county of New York, by name or FIPS code")
	flags.StringVar(&o.kind, "type", "", "hospital, laboratory, radiology, practice, case-management, counselling or health-department")
	flags.StringVar(&o.joined, "joined", "", "day it joined, YYYY-MM-DD (default today)")
	flags.BoolVar(&o.emergency, "emergency-capable", false, "may break the glass (default for a hospital)")
	replaceFlag(cmd, &o.replace)
	require(cmd, "name", "type")
	return cmd
}

// participant checks the flags and makes the participant.
func (o participantOptions) participant(id string, emergencySet bool) (p directory.Participant, err error) {
	p = directory.Participant{ID: lockport.ParticipantID(id), Name: o.name, EmergencyCapable: o.emergency}
	if p.Type, err = directory.ParseParticipantType(o.kind); err != nil {
		return p, err
	}
	if p.County, err = countyCode(o.county); err != nil {
		return p, err
	}
	if o.joined != "" {
		if p.Joined, err = lockport.ParseDate(o.joined); err != nil {
			return p, fmt.Errorf("%q is no day: write the day it joined as YYYY-MM-DD", o.joined)
		}
	}
	if !emergencySet {
		p.EmergencyCapable = p.Type == directory.Hospital
	}
	return p, nil
}

// countyCode returns the FIPS code of a county; nothing for nothing.
func countyCode(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	c, ok := directory.LookupCounty(text)
	if !ok {
		return "", lockport.Errorf(lockport.Invalid, "", "%q is no county of New York: give its name or five-digit FIPS code", text)
	}
	return c.FIPS, nil
}

// countyName returns the name of a county for people.
func countyName(code string) string {
	if c, ok := directory.LookupCounty(code); ok {
		return c.Name
	}
	return code
}
