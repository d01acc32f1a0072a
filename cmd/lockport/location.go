package main

import (
	"github.com/spf13/cobra"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/directory"
)

// locations is the noun "location".
func locations() noun[directory.Location] {
	return noun[directory.Location]{
		name: "location", list: pathLocationList, example: "upstate-ed",
		columns: []string{"id", "participant", "name", "type", "county", "latitude", "longitude"}, listed: 5,
		row: func(l directory.Location) []any {
			return []any{l.ID, l.Participant, l.Name, l.Type, countyName(l.County), l.Latitude, l.Longitude}
		},
		id: func(l directory.Location) string { return string(l.ID) },
		remove: func(id string) directory.Change {
			return directory.Change{Op: directory.Remove, Location: &directory.Location{ID: lockport.LocationID(id)}}
		},
	}
}

// newLocation makes "lockport location".
func newLocation(env *environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "location",
		Short: "Connected places of participants",
		Long:  "A location is a place of a participant that sends: a hospital's campus, a laboratory's branch.",
	}
	cmd.AddCommand(newLocationAdd(env))
	cmd.AddCommand(locations().commands(env)...)
	return cmd
}

// newLocationAdd makes "lockport location add".
func newLocationAdd(env *environment) *cobra.Command {
	var l directory.Location
	var county, kind string
	var replace bool
	cmd := &cobra.Command{
		Use:     "add ID --participant PARTICIPANT --name NAME",
		Short:   "Register a place of a participant",
		Long:    "Register a connected place of a participant, with its county and coordinates for the map.",
		Example: "  lockport location add upstate-ed --participant upstate --name 'Emergency department' --county Onondaga",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			l.ID = lockport.LocationID(args[0])
			if l.County, err = countyCode(county); err != nil {
				return &usageError{err}
			}
			if kind != "" {
				if l.Type, err = directory.ParseParticipantType(kind); err != nil {
					return &usageError{err}
				}
			}
			return env.change(cmd, changeQuestion{Changes: []directory.Change{{Op: directory.Put, Location: &l}}, Replace: replace})
		},
	}
	flags := cmd.Flags()
	flags.StringVar((*string)(&l.Participant), "participant", "", "participant that it belongs to")
	flags.StringVar(&l.Name, "name", "", "name of the place")
	flags.StringVar(&kind, "type", "", "type, as of a participant")
	flags.StringVar(&county, "county", "", "county of New York, by name or FIPS code")
	flags.Float64Var(&l.Latitude, "latitude", 0, "degrees north")
	flags.Float64Var(&l.Longitude, "longitude", 0, "degrees east")
	replaceFlag(cmd, &replace)
	require(cmd, "participant", "name")
	return cmd
}
