package main

import (
	"crypto/tls"

	"github.com/spf13/pflag"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/mllp"
)

// tlsFlags are the certificate files of send, receive and query.
type tlsFlags struct {
	cert, key, ca string
}

// add declares the flags.
func (t *tlsFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&t.cert, "tls-cert", "", "file with the own certificate (PEM)")
	flags.StringVar(&t.key, "tls-key", "", "file with its key (PEM)")
	flags.StringVar(&t.ca, "tls-ca", "", "file with the authorities that vouch for the other end (PEM)")
}

// used reports whether any of the flags is given, that is, whether TLS is wanted.
func (t tlsFlags) used() bool { return t != tlsFlags{} }

// check refuses half a key pair before a file is opened.
func (t tlsFlags) check() error {
	if (t.cert == "") != (t.key == "") {
		return usagef("--tls-cert and --tls-key belong together")
	}
	return nil
}

// client returns the configuration for dialling; nil without flags.
func (t tlsFlags) client() (*tls.Config, error) {
	if err := t.check(); err != nil || !t.used() {
		return nil, err
	}
	config, err := mllp.ClientTLS(t.cert, t.key, t.ca)
	if err != nil {
		return nil, lockport.Errorf(lockport.Invalid, "", "%w", err)
	}
	return config, nil
}

// server returns the configuration for listening; nil without flags.
func (t tlsFlags) server() (*tls.Config, error) {
	if err := t.check(); err != nil || !t.used() {
		return nil, err
	}
	if t.cert == "" || t.ca == "" {
		return nil, usagef("listening with TLS needs --tls-cert, --tls-key and --tls-ca")
	}
	config, err := mllp.ServerTLS(t.cert, t.key, t.ca)
	if err != nil {
		return nil, lockport.Errorf(lockport.Invalid, "", "%w", err)
	}
	return config, nil
}
