package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// The certificates of the local authority live long enough for a trial and no longer:
// production brings its own authority.
const (
	authorityLife   = 3 * 365 * 24 * time.Hour
	certificateLife = 397 * 24 * time.Hour
)

// localAuthority makes certificates for trials on one machine.
type localAuthority struct {
	dir  string
	now  time.Time
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// newLocalAuthority makes the authority and writes ca.pem and ca.key into dir.
func newLocalAuthority(dir string, now time.Time) (*localAuthority, error) {
	a := &localAuthority{dir: dir, now: now}
	template, err := a.template("Lockport trial authority", authorityLife)
	if err != nil {
		return nil, err
	}
	template.IsCA, template.BasicConstraintsValid, template.MaxPathLenZero = true, true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, err
	}
	if a.cert, err = a.write("ca", template, template, a.key, a.key); err != nil {
		return nil, err
	}
	return a, nil
}

// template is what all certificates have in common. They count from an hour ago, because
// the clocks of two machines differ.
func (a *localAuthority) template(name string, life time.Duration) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name, Organization: []string{"Lockport trial"}},
		NotBefore:    a.now.Add(-time.Hour),
		NotAfter:     a.now.Add(life),
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}, nil
}

// server makes server.pem and server.key for a listener that is reached by hosts.
func (a *localAuthority) server(hosts []string) error {
	template, err := a.template("lockport server", certificateLife)
	if err != nil {
		return err
	}
	// It is shown to the destinations of feeds, too, where the server is the client.
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else if host != "" {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	return a.issue("server", template)
}

// client makes NAME.pem and NAME.key for a sender on trial.
func (a *localAuthority) client(name string) error {
	template, err := a.template(name, certificateLife)
	if err != nil {
		return err
	}
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return a.issue(name, template)
}

// issue makes a key and has the authority sign its certificate.
func (a *localAuthority) issue(file string, template *x509.Certificate) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	_, err = a.write(file, template, a.cert, key, a.key)
	return err
}

// write signs a certificate and writes it with its key, which only the owner may read.
func (a *localAuthority) write(file string, template, parent *x509.Certificate, key, signer *ecdsa.PrivateKey) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		return nil, fmt.Errorf("certificate %s: %w", file, err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", file, err)
	}
	if err := writePEM(filepath.Join(a.dir, file+".key"), "PRIVATE KEY", secret, 0o600); err != nil {
		return nil, err
	}
	if err := writePEM(filepath.Join(a.dir, file+".pem"), "CERTIFICATE", der, 0o644); err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// writePEM writes one block into a new file.
func writePEM(name, kind string, der []byte, mode os.FileMode) error {
	return writeNew(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode)
}

// writeNew writes a file that must not exist yet.
func writeNew(name string, content []byte, mode os.FileMode) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	if _, err := f.Write(content); err != nil {
		f.Close()
		return err
	}
	if err := f.Sync(); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
