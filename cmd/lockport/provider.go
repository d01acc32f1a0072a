package main

import (
	"github.com/spf13/cobra"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/directory"
)

// providers is the noun "provider".
func providers() noun[directory.ProviderEntry] {
	return noun[directory.ProviderEntry]{
		name: "provider", list: pathProviderList, example: "1234567893",
		columns: []string{"npi", "name", "role", "participants"},
		row: func(p directory.ProviderEntry) []any {
			return []any{p.NPI, p.Name, p.Role, joinWords(p.Participants)}
		},
		id: func(p directory.ProviderEntry) string { return string(p.NPI) },
		remove: func(id string) directory.Change {
			return directory.Change{Op: directory.Remove, Provider: &directory.ProviderEntry{NPI: lockport.NPI(id)}}
		},
	}
}

// newProvider makes "lockport provider".
func newProvider(env *environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "provider",
		Short: "Clinicians who act for participants",
		Long:  "A provider is a person, known by a National Provider Identifier, who acts for participants.",
	}
	cmd.AddCommand(newProviderAdd(env))
	cmd.AddCommand(providers().commands(env)...)
	return cmd
}

// newProviderAdd makes "lockport provider add".
func newProviderAdd(env *environment) *cobra.Command {
	var name, role string
	var participants []string
	var replace bool
	cmd := &cobra.Command{
		Use:   "add NPI --name NAME --participant ID...",
		Short: "Register a clinician",
		Long: `Register a clinician and the participants that he or she acts for. Only a practitioner may
break the glass.`,
		Example: "  lockport provider add 1234567893 --name 'Harold Hippocrates' --participant upstate --participant famcare",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			npi, err := directory.ParseNPI(args[0])
			if err != nil {
				return &usageError{err}
			}
			p := directory.ProviderEntry{NPI: npi, Name: name, Role: directory.ProviderRole(role)}
			for _, id := range participants {
				p.Participants = append(p.Participants, lockport.ParticipantID(id))
			}
			return env.change(cmd, changeQuestion{Changes: []directory.Change{{Op: directory.Put, Provider: &p}}, Replace: replace})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&name, "name", "", "name of the clinician")
	flags.StringSliceVar(&participants, "participant", nil, "participant acted for (may be repeated)")
	flags.Var(newChoice(&role, string(directory.Practitioner), string(directory.Practitioner), string(directory.Staff)), "role", "role")
	replaceFlag(cmd, &replace)
	require(cmd, "name", "participant")
	return cmd
}
