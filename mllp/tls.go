package mllp

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// ServerTLS returns a configuration for TLS 1.2 and 1.3 that demands a client certificate
// and verifies it, its use for clients included, against the authorities in clientCAFile.
// All files are PEM.
//
// The files are looked at on every handshake and read again when a modification time
// or size has changed, so that certificates and authorities are renewed without a restart.
// While they cannot be read, or do not fit each other, those read last stay in use:
// files are not replaced in one instant. [CertificateFiles] reports that.
//
// Sessions are not resumed: every connection shows its certificate to the authorities
// of that moment.
func ServerTLS(certFile, keyFile, clientCAFile string) (*tls.Config, error) {
	return CertificateFiles{Certificate: certFile, Key: keyFile, Authorities: clientCAFile}.Server()
}

// ClientTLS returns a configuration for TLS 1.2 and 1.3 that shows the certificate in
// certFile and accepts servers vouched for by the authorities in caFile, or by
// those of the system when caFile is "". Without certFile and keyFile no certificate
// is shown. Certificate and key are read again as with [ServerTLS]; the authorities
// are read once.
func ClientTLS(certFile, keyFile, caFile string) (*tls.Config, error) {
	return CertificateFiles{Certificate: certFile, Key: keyFile, Authorities: caFile}.Client()
}

// CertificateFiles names the PEM files of a TLS configuration.
type CertificateFiles struct {
	Certificate  string      // own certificate and its intermediates
	Key          string      // private key of the certificate
	Authorities  string      // certificates of the authorities that vouch for the peers
	ReloadFailed func(error) // told on every handshake that went on with older files; may be nil
}

// Server is [ServerTLS] with a report of failed reloads.
func (f CertificateFiles) Server() (*tls.Config, error) {
	if f.Authorities == "" {
		return nil, errors.New("mllp: a server needs the authorities of its clients")
	}
	current, err := f.watch()
	if err != nil {
		return nil, err
	}
	base := baseTLS()
	base.ClientAuth = tls.RequireAndVerifyClientCert
	base.SessionTicketsDisabled = true
	config := base.Clone()
	config.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		material := current.get()
		config := base.Clone()
		config.Certificates = []tls.Certificate{*material.certificate}
		config.ClientCAs = material.authorities
		return config, nil
	}
	return config, nil
}

// Client is [ClientTLS] with a report of failed reloads.
func (f CertificateFiles) Client() (*tls.Config, error) {
	current, err := f.watch()
	if err != nil {
		return nil, err
	}
	config := baseTLS()
	config.RootCAs = current.get().authorities
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		return current.get().certificate, nil
	}
	return config, nil
}

// baseTLS is what both sides have in common.
func baseTLS() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, Renegotiation: tls.RenegotiateNever}
}

// material is what the files held when they were last read in good order.
type material struct {
	certificate *tls.Certificate // empty when no file is named
	authorities *x509.CertPool   // nil when no file is named
}

// stamp tells one state of a file from another.
type stamp struct {
	modified time.Time
	size     int64
}

// watcher keeps the material of some files up to date.
type watcher struct {
	files CertificateFiles

	mu      sync.Mutex
	stamps  [3]stamp
	current material
}

// watch reads the files for the first time.
func (f CertificateFiles) watch() (*watcher, error) {
	w := &watcher{files: f}
	if err := w.refresh(); err != nil {
		return nil, err
	}
	return w, nil
}

// get returns the material of this moment.
func (w *watcher) get() material {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.refresh(); err != nil && w.files.ReloadFailed != nil {
		w.files.ReloadFailed(err)
	}
	return w.current
}

// refresh reads the files again if one of them has changed. The stamps are taken before
// reading and kept only if all went well: a file that changes meanwhile, or is bad, is read
// again next time.
func (w *watcher) refresh() error {
	var stamps [3]stamp
	for i, name := range []string{w.files.Certificate, w.files.Key, w.files.Authorities} {
		if name == "" {
			continue
		}
		info, err := os.Stat(name)
		if err != nil {
			return fmt.Errorf("mllp: certificate files: %w", err)
		}
		stamps[i] = stamp{info.ModTime(), info.Size()}
	}
	if stamps == w.stamps && w.current.certificate != nil {
		return nil
	}
	read, err := w.files.read()
	if err != nil {
		return err
	}
	w.stamps, w.current = stamps, read
	return nil
}

// read reads and checks the files.
func (f CertificateFiles) read() (m material, err error) {
	m.certificate = &tls.Certificate{}
	if f.Certificate != "" || f.Key != "" {
		pair, err := tls.LoadX509KeyPair(f.Certificate, f.Key)
		if err != nil {
			return m, fmt.Errorf("mllp: certificate %s with key %s: %w", f.Certificate, f.Key, err)
		}
		m.certificate = &pair
	}
	if f.Authorities == "" {
		return m, nil
	}
	pem, err := os.ReadFile(f.Authorities)
	if err != nil {
		return m, fmt.Errorf("mllp: authorities: %w", err)
	}
	m.authorities = x509.NewCertPool()
	if !m.authorities.AppendCertsFromPEM(pem) {
		return m, fmt.Errorf("mllp: authorities: %s holds no certificate", f.Authorities)
	}
	return m, nil
}
