package main

import (
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"github.com/lockport-hie/lockport"
)

const initHelp = `Make a data directory: lockport.yaml, data/ (the repository), keys/ (its secrets) and ca/ (a
local certificate authority for trials, with certificates for the listener and for one client).

The listener demands client certificates from the start. With --insecure-loopback it
speaks plain MLLP instead, which is possible on an address of this machine only.

Copy keys/ to a safe place at once ("lockport keys export" writes a sealed copy): without it the
data cannot be read by anybody, and backups never hold it.`

// initOptions are the flags of init.
type initOptions struct {
	listen   string
	web      string
	insecure bool
	unknown  string
}

// newInit makes "lockport init".
func newInit(env *environment) *cobra.Command {
	var o initOptions
	cmd := &cobra.Command{
		Use:   "init [DIR]",
		Short: "Make a data directory with configuration, keys and trial certificates",
		Long:  initHelp,
		Example: `  lockport init /var/lib/lockport --listen 0.0.0.0:2575
  lockport init trial --insecure-loopback --unknown-sources accept`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 {
				env.Dir = args[0]
			}
			return env.initialise(o)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.listen, "listen", "127.0.0.1:2575", "MLLP address")
	flags.StringVar(&o.web, "web", defaultConfiguration().Web, "address of the web console")
	flags.BoolVar(&o.insecure, "insecure-loopback", false, "plain MLLP without certificates, on this machine only")
	flags.Var(newChoice(&o.unknown, unknownReject, unknownReject, unknownQuarantine, unknownAccept),
		"unknown-sources", "what happens to senders that nobody registered, on an insecure listener")
	return cmd
}

// configuration returns what the flags ask for.
func (o initOptions) configuration(operator string) (configuration, error) {
	c := defaultConfiguration()
	c.Web, c.UnknownSources = o.web, o.unknown
	c.Operators = map[string][]role{operator: allRoles()}
	l := listener{Address: o.listen, Insecure: o.insecure}
	host, _, err := net.SplitHostPort(o.listen)
	switch {
	case err != nil:
		return c, usagef("--listen wants host:port, for example 127.0.0.1:2575")
	case o.insecure && !isLoopback(host):
		return c, usagef("--insecure-loopback needs an address of this machine only: use --listen 127.0.0.1:PORT, or leave it out to demand client certificates")
	case !o.insecure && o.unknown != unknownReject:
		return c, usagef("--unknown-sources %s needs --insecure-loopback: where certificates are demanded, they say who sends", o.unknown)
	}
	if !o.insecure {
		l.TLS = tlsFiles{Certificate: "ca/server.pem", Key: "ca/server.key", ClientAuthorities: "ca/ca.pem"}
	}
	c.Listen = []listener{l}
	if err := c.check(); err != nil {
		return c, &usageError{err}
	}
	return c, nil
}

// initialise makes the directory. The configuration is written last: a directory that
// has one is complete.
func (env *environment) initialise(o initOptions) error {
	operator, err := currentUser()
	if err != nil {
		return err
	}
	c, err := o.configuration(operator)
	if err != nil {
		return err
	}
	if err := env.claimDir(); err != nil {
		return err
	}
	if err := env.fillDir(c); err != nil {
		for _, name := range []string{"ca", "data", "keys", configFile} {
			os.RemoveAll(env.path(name))
		}
		return fmt.Errorf("the data directory could not be made: %w", err)
	}
	env.explainInit(c, operator)
	return nil
}

// claimDir makes the directory, or takes an empty one that is there, for this user alone.
func (env *environment) claimDir() error {
	if err := os.MkdirAll(env.Dir, 0o700); err != nil {
		return lockport.Errorf(lockport.Invalid, "", "the data directory cannot be made: %w", err)
	}
	found, err := os.ReadDir(env.Dir)
	if err != nil {
		return lockport.Errorf(lockport.Invalid, "", "the data directory cannot be read: %w", err)
	}
	for _, f := range found {
		if f.Name() == configFile {
			return lockport.Errorf(lockport.Conflict, "", "%s is a data directory already: start its server with %q",
				env.Dir, "lockport serve --dir "+env.Dir)
		}
	}
	if len(found) > 0 {
		return lockport.Errorf(lockport.Conflict, "", "%s is not empty: name a directory that does not exist", env.Dir)
	}
	return os.Chmod(env.Dir, 0o700)
}

// fillDir makes what belongs into the directory.
func (env *environment) fillDir(c configuration) error {
	for _, name := range []string{"ca", "keys"} {
		if err := os.Mkdir(env.path(name), 0o700); err != nil {
			return err
		}
	}
	authority, err := newLocalAuthority(env.path("ca"), env.Now())
	if err != nil {
		return err
	}
	host, _, _ := net.SplitHostPort(c.Listen[0].Address)
	name, _ := os.Hostname() // a machine without a name is reached by its address
	if err := authority.server(distinct("localhost", "127.0.0.1", "::1", name, host)); err != nil {
		return err
	}
	if err := authority.client("client"); err != nil {
		return err
	}
	if err := env.createStore(); err != nil {
		return err
	}
	text, err := yaml.Marshal(c.brief())
	if err != nil {
		return err
	}
	if err := writeNew(env.path(configFile), append([]byte(configHead), text...), 0o600); err != nil {
		return err
	}
	return syncDir(env.Dir)
}

// configHead opens the file that init writes.
const configHead = `# Configuration of Lockport. A change counts from the next start.
# "lockport config show" prints every key with its value, "lockport config check" says what is wrong.
`

// brief leaves out what equals the default, so that the file shows what was decided.
func (c configuration) brief() configuration {
	c.Limits = limits{}
	return c
}

// distinct returns names without empty ones and repetitions, in order.
func distinct(names ...string) []string {
	var out []string
	seen := map[string]bool{"": true}
	for _, n := range names {
		if !seen[n] {
			seen[n] = true
			out = append(out, n)
		}
	}
	return out
}

// explainInit says what was decided and what is left to do.
func (env *environment) explainInit(c configuration, operator string) {
	if env.Quiet {
		return
	}
	l := c.Listen[0]
	dir := env.Dir
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	say := func(name, format string, args ...any) {
		fmt.Fprintf(env.Out, "%-10s %s\n", name, fmt.Sprintf(format, args...))
	}
	say("directory", "%s, for this user alone", dir)
	if l.Insecure {
		say("mllp", "%s, %s: no certificates, this machine only", l.Address, env.paint(red, "insecure"))
	} else {
		say("mllp", "%s, TLS with client certificates (trial authority in %s)", l.Address, filepath.Join(dir, "ca"))
	}
	say("unknown", "senders that nobody registered: %s", c.UnknownSources)
	say("web", "%s", c.Web)
	say("operator", "%s is %s", operator, strings.Join(roleNames(c.Operators[operator]), ", "))
	say("next", "lockport serve --dir %s", env.Dir)
	fmt.Fprintf(env.Out, keysWarning, env.paint(yellow, "Copy the keys to another place now."), filepath.Join(dir, "keys"), env.Dir)
}

// keysWarning is the last that init says.
const keysWarning = `
%s Without %s nothing that the repository
holds can be read by anybody, and backups never hold it. A copy that is sealed under a passphrase:
  lockport keys export --dir %s --out FILE
`

// roleNames returns roles as text.
func roleNames(roles []role) []string {
	names := make([]string, len(roles))
	for i, r := range roles {
		names[i] = string(r)
	}
	return names
}

// currentUser names the operating-system user as the configuration does.
func currentUser() (string, error) { return userName(os.Getuid()) }

// userName names a user by its number. Users without a name are written uid:NUMBER.
func userName(uid int) (string, error) {
	if uid < 0 {
		return "", lockport.Errorf(lockport.Unsupported, "", "this system does not say who its users are")
	}
	u, err := user.LookupId(strconv.Itoa(uid))
	if err != nil {
		return "uid:" + strconv.Itoa(uid), nil
	}
	return u.Username, nil
}

// syncDir makes new names in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
