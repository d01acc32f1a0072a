package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/directory"
)

// applications is the noun "application".
func applications() noun[directory.Application] {
	return noun[directory.Application]{
		name: "application", list: pathApplicationList, example: "ehr.famcare",
		columns: []string{
			"id", "participant", "msh-3", "msh-4", "roles", "trial", "location", "fingerprint", "authorities", "charset",
			"timezone", "processing ids", "versions", "types", "reply to", "acknowledge always", "may record consent",
			"reveal protected", "default purpose", "default provider",
		}, listed: 6,
		row: func(a directory.Application) []any {
			return []any{
				a.ID, a.Participant, a.Name, a.Facility, joinWords(a.Roles), a.Trial, a.Location, a.Fingerprint, joinWords(a.Authorities), a.Charset,
				a.Zone, joinWords(a.ProcessingIDs), joinWords(a.Versions), joinWords(a.Types), a.ReplyTo, a.AcknowledgeAll, a.MayRecordConsent,
				a.RevealProtected, a.DefaultPurpose, a.DefaultProvider,
			}
		},
		id: func(a directory.Application) string { return string(a.ID) },
		remove: func(id string) directory.Change {
			return directory.Change{Op: directory.Remove, Application: &directory.Application{ID: lockport.ApplicationID(id)}}
		},
	}
}

// newApplication makes "lockport application".
func newApplication(env *environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "application",
		Short: "Sending and receiving systems",
		Long: `An application is one system of a participant, known by MSH-3 and MSH-4 and, where
certificates are demanded, by its client certificate. A source sends; a provider asks and
receives feeds.`,
	}
	cmd.AddCommand(newApplicationAdd(env))
	cmd.AddCommand(applications().commands(env)...)
	return cmd
}

// applicationOptions are the flags of "application add".
type applicationOptions struct {
	app         directory.Application
	msh         string
	roles       []string
	cert        string
	authorities []string
	replace     bool
}

// newApplicationAdd makes "lockport application add".
func newApplicationAdd(env *environment) *cobra.Command {
	var o applicationOptions
	cmd := &cobra.Command{
		Use:   "add [ID] --participant PARTICIPANT --msh 'APP|FACILITY' --role ROLE",
		Short: "Register a system",
		Long: `Register a system of a participant. Without an ID it is named after MSH-3 and MSH-4. An
authority that nobody registered is registered as the participant's own.`,
		Example: `  lockport application add --participant upstate --msh 'ADT|UPSTATE' --role source --authority 'UPSTATE&2.16.840.1.113883.19.1.1&ISO'
  lockport application add ehr --participant famcare --msh 'EHR|FAMCARE' --role provider --cert ehr.pem`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			q, err := o.question(args)
			if err != nil {
				return err
			}
			return env.done(call[changeAnswer](cmd.Context(), env, pathApplicationAdd, q))
		},
	}
	o.flags(cmd)
	require(cmd, "participant", "msh", "role")
	return cmd
}

// flags declares the flags.
func (o *applicationOptions) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	a := &o.app
	flags.StringVar((*string)(&a.Participant), "participant", "", "participant that it belongs to")
	flags.StringVar((*string)(&a.Location), "location", "", "location that it stands at")
	flags.StringVar(&o.msh, "msh", "", "MSH-3 and MSH-4, 'APP|FACILITY'")
	flags.StringSliceVar(&o.roles, "role", nil, "source, provider, or both (may be repeated)")
	flags.StringVar(&o.cert, "cert", "", "file with its client certificate (PEM)")
	flags.StringVar(&a.Fingerprint, "fingerprint", "", "SHA-256 of its client certificate, in hexadecimal")
	flags.StringArrayVar(&o.authorities, "authority", nil, "assigning authority of its patient identifiers, 'NS&OID&ISO'; the first counts where CX.4 is empty")
	flags.StringVar(&a.Charset, "charset", "", "character set where MSH-18 is empty (table 0211)")
	flags.StringVar(&a.Zone, "timezone", "", "time zone of its times without an offset (default America/New_York)")
	flags.StringSliceVar(&a.ProcessingIDs, "processing-id", nil, "MSH-11 to take, * for any (default P)")
	flags.StringSliceVar(&a.Versions, "version", nil, "MSH-12 to take (default 2.1 to 2.9)")
	flags.StringSliceVar(&a.Types, "message-type", nil, "MSH-9 to take, ORU or ADT^A01 (default every supported one)")
	flags.StringVar(&a.ReplyTo, "reply-to", "", "address for application acknowledgements of enhanced mode")
	flags.BoolVar(&a.AcknowledgeAll, "acknowledge-always", false, "acknowledge even where MSH-15 and MSH-16 want nothing")
	flags.BoolVar(&a.MayRecordConsent, "may-record-consent", false, "may send consent decisions")
	flags.BoolVar(&a.RevealProtected, "reveal-protected", false, "may be told that a patient said no to its participant")
	flags.StringVar((*string)(&a.DefaultPurpose), "default-purpose", "", "purpose of its queries that state none")
	flags.StringVar((*string)(&a.DefaultProvider), "default-provider", "", "NPI of who asks where a query names nobody")
	replaceFlag(cmd, &o.replace)
}

// question makes what the server is asked.
func (o applicationOptions) question(args []string) (applicationQuestion, error) {
	a := o.app
	var err error
	if a.Name, a.Facility, err = directory.ParseMSH(o.msh); err != nil {
		return applicationQuestion{}, &usageError{err}
	}
	for _, text := range o.roles {
		r, err := directory.ParseRole(text)
		if err != nil {
			return applicationQuestion{}, &usageError{err}
		}
		a.Roles = append(a.Roles, r)
	}
	if a.ID = lockport.ApplicationID(defaultApplicationID(a.Name, a.Facility)); len(args) == 1 {
		a.ID = lockport.ApplicationID(args[0])
	}
	a.Fingerprint = strings.ToLower(strings.ReplaceAll(a.Fingerprint, ":", "")) // as openssl prints it
	if o.cert != "" {
		if a.Fingerprint != "" {
			return applicationQuestion{}, usagef("--cert and --fingerprint say the same: give one of them")
		}
		if a.Fingerprint, err = fingerprintOf(o.cert); err != nil {
			return applicationQuestion{}, err
		}
	}
	return applicationQuestion{Application: a, Authorities: o.authorities, Replace: o.replace}, nil
}

// defaultApplicationID names an application after what it calls itself.
func defaultApplicationID(app, facility string) string {
	id := strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9', r == '-', r == '.', r == '_':
			return r
		}
		return '-'
	}, strings.ToLower(app+"."+facility))
	return strings.Trim(id, "-._")
}

// fingerprintOf returns the SHA-256 of the first certificate in a file.
func fingerprintOf(name string) (string, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return "", lockport.Errorf(lockport.Invalid, "", "%w", err)
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			sum := sha256.Sum256(block.Bytes)
			return hex.EncodeToString(sum[:]), nil
		}
	}
	return "", lockport.Errorf(lockport.Invalid, name, "there is no certificate in it")
}
