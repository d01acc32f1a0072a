package main

import (
	"github.com/spf13/cobra"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/directory"
)

// authorities is the noun "authority".
func authorities() noun[directory.Authority] {
	return noun[directory.Authority]{
		name: "authority", list: pathAuthorityList, example: "UPSTATE",
		columns: []string{"id", "namespace", "oid", "owner", "shared", "application"}, listed: 5,
		row: func(a directory.Authority) []any {
			return []any{a.ID, a.Namespace, a.OID, a.Owner, a.Shared, a.Application}
		},
		id: func(a directory.Authority) string { return string(a.ID) },
		remove: func(id string) directory.Change {
			return directory.Change{Op: directory.Remove, Authority: &directory.Authority{ID: lockport.AuthorityID(id)}}
		},
	}
}

// newAuthority makes "lockport authority".
func newAuthority(env *environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "authority",
		Short: "Assigning authorities of patient identifiers",
		Long: `An assigning authority (CX.4) gives out patient identifiers. Only applications of its owner
may merge, move or change them. A shared authority, such as a state's, links persons.`,
	}
	cmd.AddCommand(newAuthorityAdd(env))
	cmd.AddCommand(authorities().commands(env)...)
	return cmd
}

// sharedOwner is the word for an authority that belongs to nobody.
const sharedOwner = "shared"

// newAuthorityAdd makes "lockport authority add".
func newAuthorityAdd(env *environment) *cobra.Command {
	var oid, owner string
	var replace bool
	cmd := &cobra.Command{
		Use:   "add NAME --owner PARTICIPANT|shared",
		Short: "Register an assigning authority",
		Long: `Register an assigning authority by its namespace and, where it has one, its universal id. It
belongs to one participant, or is shared.`,
		Example: `  lockport authority add UPSTATE --oid 2.16.840.1.113883.19.1.1 --owner upstate
  lockport authority add NYSDOH --owner shared`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			a := directory.Authority{ID: lockport.AuthorityID(args[0]), Namespace: args[0], OID: oid}
			if a.Shared = owner == sharedOwner; !a.Shared {
				a.Owner = lockport.ParticipantID(owner)
			}
			return env.change(cmd, changeQuestion{Changes: []directory.Change{{Op: directory.Put, Authority: &a}}, Replace: replace})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&oid, "oid", "", "universal id")
	flags.StringVar(&owner, "owner", "", "participant that owns it, or shared")
	replaceFlag(cmd, &replace)
	require(cmd, "owner")
	return cmd
}
