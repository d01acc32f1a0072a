package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

const rootHelp = `Lockport is a health information exchange in one program: it takes HL7 v2 messages over
MLLP, keeps them durably before it acknowledges them, and hands a patient's record out
only with the patient's consent (New York, 10 NYCRR 300.5).

Start with "lockport init DIR", then "lockport serve --dir DIR". Most commands ask the
running server through DIR/lockport.sock.

Exit codes: 0 done, 1 failed, 2 usage, 3 refused (consent or policy), 4 server not reachable.`

// newRoot builds the whole command tree for one run.
func newRoot(env *environment) *cobra.Command {
	root := &cobra.Command{
		Use:               "lockport",
		Short:             "HL7 v2 broker, clinical repository and consent in one program",
		Long:              rootHelp,
		Version:           readVersion().Version,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.SetIn(env.In)
	root.SetOut(env.Out)
	root.SetErr(env.Err)
	dir := env.Getenv("LOCKPORT_DIR")
	if dir == "" {
		dir = "lockport-data"
	}
	flags := root.PersistentFlags()
	flags.StringVar(&env.Dir, "dir", dir, "data directory (or $LOCKPORT_DIR)")
	flags.Var(newChoice(&env.Output, outputTable, outputTable, outputJSON), "output", "how results are printed: table or json")
	flags.BoolVarP(&env.Quiet, "quiet", "q", false, "print results and errors only")
	root.AddCommand(commands(env)...)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usagef("%w: see %q", err, cmd.CommandPath()+" --help")
	})
	guard(root)
	return root
}

// guard makes every mistake in the command line a usageError: what cobra refuses before
// a command runs, and nouns without a verb.
func guard(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		guard(sub)
	}
	if cmd.RunE == nil {
		cmd.Args = cobra.ArbitraryArgs
		cmd.RunE = needVerb
		// A verb that does not exist is the mistake to name, not the flags behind it.
		cmd.FParseErrWhitelist.UnknownFlags = cmd.HasParent()
		return
	}
	if args := cmd.Args; args != nil {
		cmd.Args = func(cmd *cobra.Command, given []string) error {
			if err := args(cmd, given); err != nil {
				return usagef("%w: see %q", err, cmd.CommandPath()+" --help")
			}
			return nil
		}
	}
	run := cmd.RunE
	required := requiredFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, given []string) error {
		for _, name := range required {
			if !cmd.Flags().Changed(name) {
				return usagef("%s needs --%s: see %q", cmd.CommandPath(), name, cmd.CommandPath()+" --help")
			}
		}
		return run(cmd, given)
	}
}

// annotationRequired marks a command's required flags.
const annotationRequired = "required"

// require notes which flags a command cannot do without.
func require(cmd *cobra.Command, names ...string) {
	if cmd.Annotations == nil {
		cmd.Annotations = map[string]string{}
	}
	cmd.Annotations[annotationRequired] = strings.Join(names, " ")
}

// requiredFlags returns what require noted.
func requiredFlags(cmd *cobra.Command) []string {
	return strings.Fields(cmd.Annotations[annotationRequired])
}

// needVerb answers a noun without a verb, or with one that does not exist.
func needVerb(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		if cmd.HasParent() {
			cmd.SetOut(cmd.ErrOrStderr())
			cmd.Help()
			return usagef("%s needs a command", cmd.CommandPath())
		}
		return cmd.Help()
	}
	message := fmt.Sprintf("there is no command %q of %q", args[0], cmd.CommandPath())
	cmd.SuggestionsMinimumDistance = 2
	if like := cmd.SuggestionsFor(args[0]); len(like) > 0 {
		message += ": do you mean " + strings.Join(like, " or ") + "?"
	}
	return &usageError{errors.New(message)}
}

// choice is a flag with a fixed set of values.
type choice struct {
	value   *string
	allowed []string
}

// newChoice sets *value to the default and returns the flag that changes it.
func newChoice(value *string, def string, allowed ...string) *choice {
	*value = def
	return &choice{value, allowed}
}

// Set takes one of the allowed values.
func (c *choice) Set(s string) error {
	for _, a := range c.allowed {
		if s == a {
			*c.value = s
			return nil
		}
	}
	return fmt.Errorf("want one of %s", strings.Join(c.allowed, ", "))
}

// count is a flag that says how many: one at least.
type count int

// limitFlag declares how many lines a list has at most.
func limitFlag(cmd *cobra.Command, value *int) {
	*value = defaultLimit
	cmd.Flags().Var((*count)(value), "limit", "how many")
}

// Set takes a whole number from one on.
func (c *count) Set(s string) error {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		return errors.New("want a whole number, 1 or more")
	}
	*c = count(n)
	return nil
}

// String returns the value in force.
func (c *count) String() string { return strconv.Itoa(int(*c)) }

// Type names the kind of value in the help text.
func (c *count) Type() string { return "int" }

// String returns the value in force.
func (c *choice) String() string { return *c.value }

// Type names the choices in the help text.
func (c *choice) Type() string { return strings.Join(c.allowed, "|") }
