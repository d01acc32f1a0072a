package mllp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// pki is a folder of certificates made for one test.
type pki struct {
	folder      string
	fingerprint map[string]string
	changes     time.Duration // makes the modification time of each replaced file its own
}

// authority signs certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newPKI(t testing.TB) *pki {
	t.Helper()
	p := &pki{folder: t.TempDir(), fingerprint: map[string]string{}}
	ours, theirs := p.authority(t, "ca"), p.authority(t, "stranger-ca")
	now, day := time.Now(), 24*time.Hour
	for _, c := range []struct {
		name     string
		by       authority
		use      x509.ExtKeyUsage
		from, to time.Time
	}{
		{"server", ours, x509.ExtKeyUsageServerAuth, now.Add(-day), now.Add(day)},
		{"server2", ours, x509.ExtKeyUsageServerAuth, now.Add(-day), now.Add(day)},
		{"client", ours, x509.ExtKeyUsageClientAuth, now.Add(-day), now.Add(day)},
		{"client2", ours, x509.ExtKeyUsageClientAuth, now.Add(-day), now.Add(day)},
		{"expired", ours, x509.ExtKeyUsageClientAuth, now.Add(-2 * day), now.Add(-day)},
		{"early", ours, x509.ExtKeyUsageClientAuth, now.Add(day), now.Add(2 * day)},
		{"stranger", theirs, x509.ExtKeyUsageClientAuth, now.Add(-day), now.Add(day)},
	} {
		p.issue(t, c.name, &x509.Certificate{
			Subject: pkix.Name{CommonName: c.name}, NotBefore: c.from, NotAfter: c.to,
			KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{c.use},
			IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		}, c.by)
	}
	return p
}

// authority makes a certificate that signs others.
func (p *pki) authority(t testing.TB, name string) authority {
	return p.issue(t, name, &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(48 * time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}, authority{})
}

// issue makes a key and a certificate, signed by itself without an authority.
func (p *pki) issue(t testing.TB, name string, template *x509.Certificate, by authority) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(int64(len(p.fingerprint) + 1))
	if by.key == nil {
		by = authority{template, key}
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, by.certificate, &key.PublicKey, by.key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	p.write(t, name+".crt", "CERTIFICATE", raw)
	p.write(t, name+".key", "PRIVATE KEY", secret)
	p.fingerprint[name] = fingerprintOf(raw)
	made, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return authority{made, key}
}

func fingerprintOf(raw []byte) string {
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

func (p *pki) path(name string) string { return filepath.Join(p.folder, name) }

func (p *pki) write(t testing.TB, name, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(p.path(name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (p *pki) content(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(p.path(name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// replace changes a file and its modification time, however coarse the clock of the
// file system is.
func (p *pki) replace(t testing.TB, name, content string) {
	t.Helper()
	if err := os.WriteFile(p.path(name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	p.changes += time.Second
	at := time.Now().Add(p.changes)
	if err := os.Chtimes(p.path(name), at, at); err != nil {
		t.Fatal(err)
	}
}

// client is the configuration of the client of that name, which trusts our authority. It
// shows its certificate even where the server does not ask for its authority.
func (p *pki) client(t testing.TB, name string) *tls.Config {
	t.Helper()
	config, err := ClientTLS(p.path(name+".crt"), p.path(name+".key"), p.path("ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	return config
}
