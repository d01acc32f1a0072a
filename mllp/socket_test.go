package mllp

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// serve serves s on a loopback port until stop is called.
func serve(t testing.TB, s *Server) (address string, stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	return l.Addr().String(), func() {
		if err := s.Shutdown(context.Background()); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		if err := <-ended; err != ErrServerClosed {
			t.Errorf("Serve: %v", err)
		}
	}
}

// listen serves s until the end of the test.
func listen(t testing.TB, s *Server) string {
	t.Helper()
	address, stop := serve(t, s)
	t.Cleanup(stop)
	return address
}

// dial opens a connection that is closed at the end of the test.
func dial(t testing.TB, address string) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn.(*net.TCPConn)
}

func TestHalfClose(t *testing.T) {
	conn := dial(t, listen(t, &Server{Handler: echo}))
	conn.Write([]byte(framed("A", "B") + vt + "C" + fs))
	conn.CloseWrite()
	if got := transcript(NewReader(conn, 0)); !slices.Equal(got, []string{"=A", "=B", "=C", "EOF"}) {
		t.Errorf("got %q", got)
	}
}

func TestLargeFramesOverTCP(t *testing.T) {
	conn := dial(t, listen(t, &Server{Handler: echo, Limits: Limits{Frame: 8 << 20}}))
	r := NewReader(conn, 8<<20)
	for _, size := range []int{1 << 20, 8 << 20, 10} {
		content := strings.Repeat("x", size)
		go conn.Write([]byte(framed(content)))
		if got, err := r.ReadFrame(); string(got) != content || err != nil {
			t.Errorf("frame of %d bytes: %d bytes, %v", size, len(got), err)
		}
	}
}

// TestRudePeers: whatever a peer does to its connection, the server goes on.
func TestRudePeers(t *testing.T) {
	address := listen(t, &Server{Handler: echo})
	for name, rude := range map[string]func(conn *net.TCPConn){
		"reset at once":               func(conn *net.TCPConn) { conn.SetLinger(0) },
		"reset inside a frame":        func(conn *net.TCPConn) { conn.Write([]byte(vt + "A")); conn.SetLinger(0) },
		"reset with the reply unread": func(conn *net.TCPConn) { conn.Write([]byte(framed("A"))); conn.SetLinger(0) },
		"close inside a frame":        func(conn *net.TCPConn) { conn.Write([]byte(vt + "A")) },
		"close with the reply unread": func(conn *net.TCPConn) { conn.Write([]byte(framed("A"))) },
	} {
		conn := dial(t, address)
		rude(conn)
		conn.Close()
		good := dial(t, address)
		WriteFrame(good, []byte("good"))
		if got, err := NewReader(good, 0).ReadFrame(); string(got) != "good" || err != nil {
			t.Errorf("after %q: %q, %v", name, got, err)
		}
	}
}

// TestLastReplySurvivesUnreadInput: a close with unread input makes the kernel send a
// reset, which must not overtake the reply.
func TestLastReplySurvivesUnreadInput(t *testing.T) {
	s := &Server{Handler: HandlerFunc(func(_ context.Context, _ *Peer, frame []byte) Reply {
		return Reply{Frame: frame, Close: true}
	})}
	address := listen(t, s)
	for range 50 {
		conn := dial(t, address)
		conn.Write([]byte(framed("A") + framed(strings.Repeat("x", 100_000))))
		conn.CloseWrite()
		if got := transcript(NewReader(conn, 0)); !slices.Equal(got, []string{"=A", "EOF"}) {
			t.Fatalf("got %q", got)
		}
	}
}

// TestWithdrawnReplyDoesNotLeave: what the kernel still holds of a reply when its context
// ends is thrown away, not sent.
func TestWithdrawnReplyDoesNotLeave(t *testing.T) {
	const size = 64 << 20 // more than the kernel takes without a reader
	ctx, withdraw := context.WithCancel(t.Context())
	sent := make(chan error, 1)
	conn := dial(t, listen(t, &Server{Handler: HandlerFunc(func(context.Context, *Peer, []byte) Reply {
		return Reply{Frame: make([]byte, size), Context: ctx, Sent: func(err error) { sent <- err }}
	})}))
	WriteFrame(conn, []byte("A"))
	if _, err := io.ReadFull(conn, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	withdraw()
	if err := <-sent; !errors.Is(err, context.Canceled) {
		t.Errorf("Sent was called with %v", err)
	}
	if n, err := io.Copy(io.Discard, conn); n >= size/2 || !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("%d bytes followed, then %v", n, err)
	}
}

func TestTLSMatrix(t *testing.T) {
	pki := newPKI(t)
	server, err := ServerTLS(pki.path("server.crt"), pki.path("server.key"), pki.path("ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	o := &record{}
	asked := make(chan string, 100)
	address, stop := serve(t, &Server{Observe: o, TLS: server, Handler: HandlerFunc(func(_ context.Context, p *Peer, frame []byte) Reply {
		asked <- p.Fingerprint()
		return Reply{Frame: frame}
	})})
	good := pki.client(t, "client")
	for _, c := range []struct {
		name string
		tls  func() *tls.Config
		ok   bool
	}{
		{"good, TLS 1.3", func() *tls.Config { return good }, true},
		{"good, TLS 1.2", func() *tls.Config { c := good.Clone(); c.MaxVersion = tls.VersionTLS12; return c }, true},
		{"TLS 1.1", func() *tls.Config {
			c := good.Clone()
			c.MinVersion, c.MaxVersion = tls.VersionTLS11, tls.VersionTLS11
			return c
		}, false},
		{"none", func() *tls.Config { c := good.Clone(); c.GetClientCertificate = nil; return c }, false},
		{"none, TLS 1.2", func() *tls.Config {
			c := good.Clone()
			c.GetClientCertificate, c.MaxVersion = nil, tls.VersionTLS12
			return c
		}, false},
		{"expired", func() *tls.Config { return pki.client(t, "expired") }, false},
		{"not yet valid", func() *tls.Config { return pki.client(t, "early") }, false},
		{"other authority", func() *tls.Config { return pki.client(t, "stranger") }, false},
		{"server's certificate as client", func() *tls.Config { return pki.client(t, "server") }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := &Client{Address: address, TLS: c.tls()}
			defer client.Close()
			got, err := client.Exchange(t.Context(), []byte("hello"))
			if c.ok {
				if string(got) != "hello" || err != nil {
					t.Fatalf("%q, %v", got, err)
				}
				if fp := <-asked; fp != pki.fingerprint["client"] {
					t.Errorf("fingerprint %q, want %q", fp, pki.fingerprint["client"])
				}
				return
			}
			if err == nil || len(asked) > 0 {
				t.Errorf("accepted: %q, %v", got, err)
			}
		})
	}
	t.Run("server of another authority", func(t *testing.T) {
		config, err := ClientTLS(pki.path("client.crt"), pki.path("client.key"), pki.path("stranger-ca.crt"))
		if err != nil {
			t.Fatal(err)
		}
		client := &Client{Address: address, TLS: config}
		defer client.Close()
		if _, err := client.Exchange(t.Context(), []byte("hello")); written(t, err) {
			t.Error("an exchange with a server that is not trusted counts as written")
		}
	})
	t.Run("plain bytes to a TLS port", func(t *testing.T) {
		conn := dial(t, address)
		conn.Write([]byte(framed("more than a record header")))
		if got := transcript(NewReader(conn, 0)); strings.HasPrefix(got[0], "=") {
			t.Errorf("got %q", got)
		}
	})
	stop()
	if n, all := o.count(RefusedHandshake); n != 9 || all != 9 {
		t.Errorf("reasons %v, want 9 handshakes", o.refused)
	}
}

func TestPerPeerLimit(t *testing.T) {
	pki := newPKI(t)
	server, err := ServerTLS(pki.path("server.crt"), pki.path("server.key"), pki.path("ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	o := &record{}
	address := listen(t, &Server{Observe: o, TLS: server, Handler: echo, Limits: Limits{PerPeer: 1}})
	for i, name := range []string{"client", "client", "client2"} {
		client := &Client{Address: address, TLS: pki.client(t, name)}
		defer client.Close()
		if _, err := client.Exchange(t.Context(), []byte("A")); (err == nil) != (i != 1) {
			t.Errorf("connection %d: %v", i, err)
		}
	}
	if n, all := o.count(RefusedPeer); n != 1 || all != 1 {
		t.Errorf("reasons %v", o.refused)
	}
}

func TestReload(t *testing.T) {
	pki := newPKI(t)
	var failed []error
	server, err := CertificateFiles{
		Certificate: pki.path("server.crt"), Key: pki.path("server.key"), Authorities: pki.path("ca.crt"),
		ReloadFailed: func(err error) { failed = append(failed, err) },
	}.Server()
	if err != nil {
		t.Fatal(err)
	}
	address := listen(t, &Server{TLS: server, Handler: echo})
	try := func(config *tls.Config) error {
		client := &Client{Address: address, TLS: config}
		defer client.Close()
		_, err := client.Exchange(t.Context(), []byte("A"))
		return err
	}
	client, stranger := pki.client(t, "client"), pki.client(t, "stranger")
	if try(client) != nil || try(stranger) == nil {
		t.Fatal("before the change the wrong peers are let in")
	}
	pki.replace(t, "server.crt", "not a certificate")
	if err := try(client); err != nil || len(failed) != 1 {
		t.Errorf("with an unreadable file: %v, %d reports", err, len(failed))
	}
	pki.replace(t, "server.crt", pki.content(t, "server2.crt"))
	if err := try(client); err != nil || len(failed) != 2 {
		t.Errorf("with a certificate that does not fit its key: %v, %d reports", err, len(failed))
	}
	pki.replace(t, "server.key", pki.content(t, "server2.key"))
	pki.replace(t, "ca.crt", pki.content(t, "stranger-ca.crt"))
	// The stranger's configuration still trusts the authority that made the server's certificate.
	if try(client) == nil {
		t.Error("a client of the removed authority is let in")
	}
	if err := try(stranger); err != nil || len(failed) != 2 {
		t.Errorf("client of the new authority: %v, %d reports", err, len(failed))
	}
	conn, err := tls.Dial("tcp", address, stranger)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got := fingerprintOf(conn.ConnectionState().PeerCertificates[0].Raw); got != pki.fingerprint["server2"] {
		t.Error("the server still shows its old certificate")
	}
}

func TestCertificateFilesThatAreBad(t *testing.T) {
	pki := newPKI(t)
	for name, files := range map[string]CertificateFiles{
		"no authorities":          {Certificate: pki.path("server.crt"), Key: pki.path("server.key")},
		"missing file":            {Certificate: pki.path("none"), Key: pki.path("server.key"), Authorities: pki.path("ca.crt")},
		"key of another":          {Certificate: pki.path("server.crt"), Key: pki.path("client.key"), Authorities: pki.path("ca.crt")},
		"authorities are a key":   {Certificate: pki.path("server.crt"), Key: pki.path("server.key"), Authorities: pki.path("server.key")},
		"certificate without key": {Certificate: pki.path("server.crt"), Authorities: pki.path("ca.crt")},
	} {
		if _, err := files.Server(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestShutdownWithTLSAndOpenHandshake(t *testing.T) {
	pki := newPKI(t)
	config, err := ServerTLS(pki.path("server.crt"), pki.path("server.key"), pki.path("ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o := &record{}
	s := &Server{TLS: config, Handler: echo, Observe: o}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	silent := dial(t, l.Addr().String()) // never says hello
	client := &Client{Address: l.Addr().String(), TLS: pki.client(t, "client")}
	defer client.Close()
	if _, err := client.Exchange(t.Context(), []byte("A")); err != nil {
		t.Fatal(err)
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	io.Copy(io.Discard, silent)
	if err := <-ended; err != ErrServerClosed {
		t.Error(err)
	}
}
