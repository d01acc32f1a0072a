package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// newPatient makes "lockport patient".
func newPatient(env *environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "patient",
		Short: "How the registrations of a patient hang together",
		Long: `A registration is what one assigning authority knows about a patient; a person is the
registrations that are linked. These commands show why, and put it right. They show nothing of
the patient. Every use is written down.`,
	}
	with := "  lockport patient %s --patient 'MR1^^^UPSTATE' --with 'A7^^^CROUSE' --reason 'same person, seen at the desk'"
	cmd.AddCommand(
		newPatientVerb(env, "show", pathPatientShow, false, "Show a patient's registrations and links",
			"Show the registrations of a person: their authorities, what they were merged into, and every link with\nits reason and the entry that said so.",
			"  lockport patient show --patient 'MR1^^^UPSTATE'"),
		newPatientVerb(env, "link", pathPatientLink, true, "Say that two registrations are one person",
			"Say that the registrations behind two identifiers are one person. Both keep what they hold.",
			fmt.Sprintf(with, "link")),
		newPatientVerb(env, "unlink", pathPatientUnlink, true, "Say that two registrations are not one person",
			"Say that the registrations behind two identifiers are not one person. Neither a list that names both nor a\nshared number of the two links them again, until they are linked by this command or by A24. A third registration\nthat bears the number can still make all of them one person: look again with \"patient show\".",
			fmt.Sprintf(with, "unlink")),
		newPatientVerb(env, "unmerge", pathPatientUnmerge, false, "Take back a merge",
			"Take back the merge of an identifier into another one (A40). What stood on it before the merge stands there\nstill; what was reported under it since stays with the survivor.",
			"  lockport patient unmerge --patient 'MR1^^^UPSTATE' --reason 'merged by mistake'"))
	return cmd
}

// newPatientVerb makes one command on one patient or two.
func newPatientVerb(env *environment, name, path string, two bool, short, long, example string) *cobra.Command {
	var q patientQuestion
	cmd := &cobra.Command{
		Use:     name + " --patient CX",
		Short:   short,
		Long:    long,
		Example: example,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := call[[]shownRegistration](cmd.Context(), env, path, q)
			if err != nil {
				return err
			}
			return env.show(list, func(t *table) { showRegistrations(t, list) })
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&q.Patient, "patient", "", "an identifier of the patient, 'ID^^^AUTHORITY'")
	require(cmd, "patient")
	if two {
		cmd.Use += " --with CX"
		flags.StringVar(&q.With, "with", "", "an identifier of the other one, 'ID^^^AUTHORITY'")
		require(cmd, "with")
	}
	if name != "show" {
		flags.StringVar(&q.Reason, "reason", "", "why")
		require(cmd, "reason")
	}
	return cmd
}

// showRegistrations fills a table with registrations, one line each.
func showRegistrations(t *table, list []shownRegistration) {
	t.head = []string{"registration", "person", "asked", "authorities", "merged into", "links"}
	for _, r := range list {
		var links []string
		for _, l := range r.Links {
			word := string(l.Basis)
			if l.Off {
				word = "parted"
			}
			links = append(links, fmt.Sprintf("%d (%s, entry %d)", l.To, word, l.Seq))
		}
		authorities := make([]string, 0, len(r.Authorities))
		for _, a := range r.Authorities {
			authorities = append(authorities, string(a))
		}
		into := ""
		if r.Into != 0 {
			into = fmt.Sprintf("%d (entry %d)", r.Into, r.Merged)
		}
		t.add(r.Registration, r.Person, r.Asked, strings.Join(authorities, ", "), into, strings.Join(links, ", "))
	}
}
