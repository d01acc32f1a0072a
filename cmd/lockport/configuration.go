package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/rs/zerolog"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/mllp"
)

// configFile is the name of the configuration in the data directory.
const configFile = "lockport.yaml"

// configuration is lockport.yaml. Unknown keys are errors.
type configuration struct {
	Listen         []listener        `yaml:"listen" json:"listen"`
	Web            string            `yaml:"web" json:"web"`
	UnknownSources string            `yaml:"unknown_sources" json:"unknown_sources"`
	Limits         limits            `yaml:"limits,omitempty" json:"limits"`
	Retention      retention         `yaml:"retention,omitempty" json:"retention"`
	SocketGroup    string            `yaml:"socket_group,omitempty" json:"socket_group"`
	Operators      map[string][]role `yaml:"operators" json:"operators"`
	LogLevel       string            `yaml:"log_level" json:"log_level"`
}

// listener is one MLLP address. It demands client certificates unless it carries
// the word insecure.
type listener struct {
	Address  string   `yaml:"address" json:"address"`
	Insecure bool     `yaml:"insecure,omitempty" json:"insecure"`
	Allow    []string `yaml:"allow,omitempty" json:"allow,omitempty"` // prefixes that may connect to an insecure listener; loopback when empty
	Release2 bool     `yaml:"release2,omitempty" json:"release2"`     // MLLP Release 2
	TLS      tlsFiles `yaml:"tls,omitempty" json:"tls,omitzero"`
}

// tlsFiles names PEM files, relative to the data directory.
type tlsFiles struct {
	Certificate       string `yaml:"certificate,omitempty" json:"certificate,omitempty"`
	Key               string `yaml:"key,omitempty" json:"key,omitempty"`
	ClientAuthorities string `yaml:"client_authorities,omitempty" json:"client_authorities,omitempty"`
}

// limits bound what senders may use up. Zero stands for the default of mllp.
type limits struct {
	Connections int      `yaml:"connections,omitempty" json:"connections"`
	PerAddress  int      `yaml:"per_address,omitempty" json:"per_address"`
	PerPeer     int      `yaml:"per_certificate,omitempty" json:"per_certificate"`
	FrameBytes  int      `yaml:"frame_bytes,omitempty" json:"frame_bytes"`
	Idle        duration `yaml:"idle,omitempty" json:"idle"`
	Receive     duration `yaml:"receive,omitempty" json:"receive"`
	Write       duration `yaml:"write,omitempty" json:"write"`
}

// duration is written as "10m". It stays text until it is checked, so that the error can
// name its key.
type duration string

// span returns the duration; zero, which stands for the default, when the text is empty
// or has not passed check.
func (d duration) span() time.Duration {
	parsed, _ := time.ParseDuration(string(d))
	return parsed
}

// check makes sure that span tells the truth.
func (d duration) check(key string) error {
	if parsed, err := time.ParseDuration(string(d)); d != "" && (err != nil || parsed <= 0) {
		return wrong(key, "want a duration, for example 30s or 10m")
	}
	return nil
}

// role is what an operating-system user may do at the socket.
type role string

// The roles of operators.
const (
	roleOperator       role = "operator"
	rolePrivacyOfficer role = "privacy-officer"
	roleAnalyst        role = "analyst"
)

// allRoles is what the user who ran init has.
func allRoles() []role { return []role{roleOperator, rolePrivacyOfficer, roleAnalyst} }

// The policies for senders that the directory does not know.
const (
	unknownReject     = "reject"
	unknownQuarantine = "quarantine"
	unknownAccept     = "accept"
)

// defaultConfiguration is what stands for every key that the file leaves out.
func defaultConfiguration() configuration {
	l := mllp.DefaultLimits()
	return configuration{
		Web:            "127.0.0.1:8575",
		UnknownSources: unknownReject,
		Limits: limits{
			Connections: l.Connections, PerAddress: l.PerAddress, PerPeer: l.PerPeer, FrameBytes: l.Frame,
			Idle: duration(l.Idle.String()), Receive: duration(l.Receive.String()), Write: duration(l.Write.String()),
		},
		LogLevel: zerolog.LevelInfoValue,
	}
}

// loadConfiguration reads, completes and checks the configuration of a data directory.
func (env *environment) loadConfiguration() (configuration, error) {
	name := env.path(configFile)
	text, err := os.ReadFile(name)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return configuration{}, lockport.Errorf(lockport.NotFound, "",
			"there is no configuration %s: make it with %q", name, "lockport init "+env.Dir)
	case err != nil:
		return configuration{}, lockport.Errorf(lockport.Invalid, "", "the configuration cannot be read: %w", err)
	}
	c, err := parseConfiguration(text)
	if err != nil {
		return configuration{}, lockport.Errorf(lockport.Invalid, name, "%w", err)
	}
	return c, nil
}

// parseConfiguration reads lockport.yaml and says by line what is wrong with it.
func parseConfiguration(text []byte) (configuration, error) {
	c := defaultConfiguration()
	decoder := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict())
	err := decodeYAML(decoder, &c)
	if err != nil && !errors.Is(err, io.EOF) { // a file of comments alone
		return c, explainYAML(err)
	}
	if err == nil && !errors.Is(decodeYAML(decoder, new(any)), io.EOF) {
		return c, lockport.Errorf(lockport.Invalid, "", "there is more than one document in it: what stands behind --- would not count")
	}
	if err := c.check(); err != nil {
		return c, err
	}
	return c, nil
}

// decodeYAML decodes one document. The library panics on some tags; what it cannot bear is
// wrong in a configuration.
func decodeYAML(decoder *yaml.Decoder, into any) (err error) {
	defer func() {
		if recover() != nil {
			err = lockport.Errorf(lockport.Invalid, "", "it cannot be read: leave tags and anchors out")
		}
	}()
	return decoder.Decode(into)
}

// explainYAML turns the parser's error into one line with the place.
func explainYAML(err error) error {
	var at yaml.Error
	if !errors.As(err, &at) || at.GetToken() == nil || at.GetToken().Position == nil {
		line, _, _ := strings.Cut(err.Error(), "\n")
		return lockport.Errorf(lockport.Invalid, "", "%s", line)
	}
	message := at.GetMessage()
	var unknown *yaml.UnknownFieldError
	var mistyped *yaml.TypeError
	switch {
	case errors.As(err, &unknown):
		message = fmt.Sprintf("there is no key %q", at.GetToken().Value)
	case errors.As(err, &mistyped):
		message = fmt.Sprintf("%q is not of the type that this key has", at.GetToken().Value)
	}
	return &lockport.Error{
		Kind: lockport.Invalid, Where: fmt.Sprintf("line %d", at.GetToken().Position.Line), Err: errors.New(message),
	}
}

// check looks at what the parser cannot see.
func (c configuration) check() error {
	if len(c.Listen) == 0 {
		return wrong("listen", "name at least one address")
	}
	for i, l := range c.Listen {
		if err := l.check(); err != nil {
			return fmt.Errorf("listen[%d]: %w", i, err)
		}
	}
	if c.Web != "" {
		if _, _, err := net.SplitHostPort(c.Web); err != nil {
			return wrong("web", "want host:port, or leave it out")
		}
	}
	if !slices.Contains([]string{unknownReject, unknownQuarantine, unknownAccept}, c.UnknownSources) {
		return wrong("unknown_sources", "want reject, quarantine or accept")
	}
	if _, err := zerolog.ParseLevel(c.LogLevel); err != nil {
		return wrong("log_level", "want debug, info, warn or error")
	}
	return cmp.Or(c.Limits.check(), c.Retention.check(), c.checkOperators())
}

// check looks at the durations.
func (l limits) check() error {
	return cmp.Or(l.Idle.check("limits.idle"), l.Receive.check("limits.receive"), l.Write.check("limits.write"))
}

// checkOperators makes sure that somebody may change something, and that every role exists.
func (c configuration) checkOperators() error {
	if len(c.Operators) == 0 {
		return wrong("operators", "name at least one user, or nobody can work with the server")
	}
	for _, user := range slices.Sorted(maps.Keys(c.Operators)) {
		for _, r := range c.Operators[user] {
			if !slices.Contains(allRoles(), r) {
				return wrong("operators."+user, "want operator, privacy-officer or analyst")
			}
		}
	}
	return nil
}

// wrong is an error about one key.
func wrong(key, format string, args ...any) error {
	return &lockport.Error{Kind: lockport.Invalid, Where: key, Err: fmt.Errorf(format, args...)}
}

// check holds a listener against the rule that bytes of patients travel in the clear only
// inside one machine or between addresses that are named.
func (l listener) check() error {
	host, _, err := net.SplitHostPort(l.Address)
	if err != nil {
		return wrong("address", "want host:port, for example 127.0.0.1:2575")
	}
	if !l.Insecure {
		if l.TLS.Certificate == "" || l.TLS.Key == "" || l.TLS.ClientAuthorities == "" {
			return wrong("tls", "a listener needs certificate, key and client_authorities, or the word insecure")
		}
		return nil
	}
	if _, err := l.allowed(); err != nil {
		return err
	}
	if len(l.Allow) == 0 && !isLoopback(host) {
		return wrong("insecure", "plain MLLP beyond this machine needs allow: with the addresses that may connect")
	}
	return nil
}

// allowed returns the prefixes that may connect to an insecure listener.
func (l listener) allowed() ([]netip.Prefix, error) {
	if len(l.Allow) == 0 {
		return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}, nil
	}
	var prefixes []netip.Prefix
	for _, text := range l.Allow {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			address, err := netip.ParseAddr(text)
			if err != nil {
				return nil, wrong("allow", "want addresses or prefixes, for example 10.1.2.3 or 10.1.2.0/24")
			}
			prefix = netip.PrefixFrom(address, address.BitLen())
		}
		prefixes = append(prefixes, prefix.Masked())
	}
	return prefixes, nil
}

// isLoopback reports whether a listener at host is reachable from this machine only.
func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// mllp returns the limits as the transport takes them.
func (l limits) mllp() mllp.Limits {
	return mllp.Limits{
		Connections: l.Connections, PerAddress: l.PerAddress, PerPeer: l.PerPeer, Frame: l.FrameBytes,
		Idle: l.Idle.span(), Receive: l.Receive.span(), Write: l.Write.span(),
	}
}
