package main

import (
	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/mllp"
)

// newConfig makes "lockport config".
func newConfig(env *environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Check or show the configuration",
		Long: `The configuration is DIR/lockport.yaml. Unknown keys are errors. A change counts
from the next start of the server.`,
	}
	cmd.AddCommand(newConfigCheck(env), newConfigShow(env))
	return cmd
}

// newConfigCheck makes "lockport config check".
func newConfigCheck(env *environment) *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Say whether the configuration is sound, and where it is not",
		Long: `Read DIR/lockport.yaml, the certificates it names included, and say by line or key what
is wrong. Nothing is changed and no server is asked.`,
		Example: "  lockport config check --dir /var/lib/lockport",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			c, err := env.loadConfiguration()
			if err != nil {
				return err
			}
			if _, err := groupID(c.SocketGroup); err != nil {
				return err
			}
			for _, l := range c.Listen {
				if err := env.checkCertificates(l); err != nil {
					return err
				}
			}
			if env.json() {
				return writeJSON(env.Out, soundConfiguration{File: env.path(configFile), Sound: true}, "  ")
			}
			env.notef("%s is sound", env.path(configFile))
			return nil
		},
	}
}

// soundConfiguration is what a check prints that found nothing wrong.
type soundConfiguration struct {
	File  string `json:"file"`
	Sound bool   `json:"sound"`
}

// checkCertificates reads the files that a listener will need.
func (env *environment) checkCertificates(l listener) error {
	if l.Insecure {
		return nil
	}
	if _, err := mllp.ServerTLS(env.path(l.TLS.Certificate), env.path(l.TLS.Key), env.path(l.TLS.ClientAuthorities)); err != nil {
		return lockport.Errorf(lockport.Invalid, "listener "+l.Address, "%w", err)
	}
	return nil
}

// newConfigShow makes "lockport config show".
func newConfigShow(env *environment) *cobra.Command {
	return &cobra.Command{
		Use:   "show",
		Short: "Print the configuration with all defaults filled in",
		Long: `Print the configuration that the server would start with: DIR/lockport.yaml with every
key that it leaves out set to its default.`,
		Example: `  lockport config show
  lockport config show --output json`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			c, err := env.loadConfiguration()
			if err != nil {
				return err
			}
			if env.json() {
				return writeJSON(env.Out, c, "  ")
			}
			text, err := yaml.Marshal(c)
			if err != nil {
				return lockport.Errorf(lockport.Internal, "configuration", "%w", err)
			}
			_, err = env.Out.Write(text)
			return err
		},
	}
}
