package mllp

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"maps"
	"net"
	"slices"
	"sync"
	"time"
)

// ErrServerClosed is returned by [Server.Serve] after a call of [Server.Shutdown].
var ErrServerClosed = errors.New("mllp: server closed")

// Peer is who stands at the other end of a connection.
type Peer struct {
	Address  string               // remote address, ip:port
	Listener string               // local address, ip:port
	TLS      *tls.ConnectionState // nil on a plain connection
}

// Fingerprint returns the SHA-256 of the peer's certificate in lower-case hex, or ""
// when it has shown none. The certificate has been verified if the server's
// TLS configuration asks for that, as the one of [ServerTLS] does.
func (p Peer) Fingerprint() string {
	if p.TLS == nil || len(p.TLS.PeerCertificates) == 0 {
		return ""
	}
	sum := sha256.Sum256(p.TLS.PeerCertificates[0].Raw)
	return hex.EncodeToString(sum[:])
}

// Reply is the answer to one frame.
type Reply struct {
	// Frame is the content to send, without start and end block; nil sends nothing.
	// It must not be changed until Sent has been called.
	Frame []byte

	// Sent is called exactly once: with nil when the reply has been handed to the
	// operating system (at once when there is nothing to send), with an error when it
	// can never be. It runs on the connection's goroutine. May be nil.
	Sent func(error)

	// Context bounds the validity of the reply. When it is done before the write has
	// ended, the connection is reset, so that what has not left does not leave. May be nil.
	Context context.Context

	// Close closes the connection once the reply has been written.
	Close bool

	// Nak answers a frame of release 2 by a negative commit block: it has not been
	// stored. Without Release2 it has no effect.
	Nak bool
}

// Handler answers frames. ServeFrame is called by many connections at the same time,
// but by each of them for one frame after the other. ctx ends when the server
// is forced down. The frame belongs to the handler.
type Handler interface {
	ServeFrame(ctx context.Context, p *Peer, frame []byte) Reply
}

// HandlerFunc lets a function be a [Handler].
type HandlerFunc func(ctx context.Context, p *Peer, frame []byte) Reply

// ServeFrame calls f.
func (f HandlerFunc) ServeFrame(ctx context.Context, p *Peer, frame []byte) Reply {
	return f(ctx, p, frame)
}

// Limits bound what a server spends on its peers. A field that is zero or negative
// stands for its value in [DefaultLimits].
type Limits struct {
	Connections int // open connections, handshakes included
	PerAddress  int // open connections of one IP address
	PerPeer     int // open connections with one client certificate
	Frame       int // bytes of content of one frame

	Idle      time.Duration // from the end of one answer to the first byte of the next frame
	Receive   time.Duration // from the first byte of a frame to its last; not renewed in between
	Write     time.Duration // for one reply to be taken by the peer
	Handshake time.Duration // for the whole TLS handshake
}

// DefaultLimits returns 8192 connections, 1024 of one address, 256 of one certificate,
// frames of 1 MiB, 10 min idle, 30 s to receive, 5 s to write, 10 s for a handshake.
func DefaultLimits() Limits {
	return Limits{
		Connections: 8192, PerAddress: 1024, PerPeer: 256, Frame: DefaultFrameLimit,
		Idle: 10 * time.Minute, Receive: 30 * time.Second,
		Write: 5 * time.Second, Handshake: 10 * time.Second,
	}
}

// orDefault fills the fields that were not set.
func (l Limits) orDefault() Limits {
	d := DefaultLimits()
	setDefault(&l.Connections, d.Connections)
	setDefault(&l.PerAddress, d.PerAddress)
	setDefault(&l.PerPeer, d.PerPeer)
	setDefault(&l.Frame, d.Frame)
	setDefault(&l.Idle, d.Idle)
	setDefault(&l.Receive, d.Receive)
	setDefault(&l.Write, d.Write)
	setDefault(&l.Handshake, d.Handshake)
	return l
}

// setDefault gives value the default d unless it is positive.
func setDefault[T int | time.Duration](value *T, d T) {
	if *value <= 0 {
		*value = d
	}
}

// The reasons that an [Observer] is told.
const (
	RefusedConnections = "connections" // the limit of all connections is reached
	RefusedAddress     = "address"     // the limit of the peer's address is reached
	RefusedPeer        = "peer"        // the limit of the peer's certificate is reached
	RefusedHandshake   = "handshake"   // the TLS handshake failed or took too long
	RefusedAdmit       = "admit"       // Server.Admit said no
	RefusedAccept      = "accept"      // the listener failed for the moment
	RefusedIdle        = "idle"        // closed: no frame within Limits.Idle
	RefusedReceive     = "receive"     // closed: a frame took longer than Limits.Receive
	RefusedWrite       = "write"       // closed: a reply was not taken, or no longer valid
	RefusedTooLarge    = "too large"   // a frame above Limits.Frame was thrown away
	RefusedPanic       = "panic"       // closed: the handler panicked
)

// Observer is told what happens, for metrics. Its methods are called from many
// goroutines and must not block.
type Observer interface {
	Connection(delta int)             // +1 opened, -1 closed; refused ones are not counted
	Refused(reason string)            // one of the Refused constants
	Frame(bytes int, d time.Duration) // one frame answered: content length, time from received to written
}

// Server answers the frames of many connections. Set its fields before the first
// call of Serve and leave them alone afterwards. Handler is required.
type Server struct {
	Handler Handler
	Limits  Limits
	TLS     *tls.Config // nil serves plain connections

	// Admit decides after the handshake, and before a byte is read, whether a peer may
	// speak; an error closes the connection. May be nil.
	Admit func(p *Peer) error

	// TooLarge makes the answer to a frame above the limit, whose content has been thrown
	// away. Without it, or when it returns nil, the connection is closed.
	TooLarge func(p *Peer, limit int) []byte

	// Panicked is told the stack of a handler's panic, without the value of the panic, which
	// may hold content. The connection is closed, the server goes on. May be nil.
	Panicked func(p *Peer, stack []byte)

	Observe  Observer // may be nil
	Release2 bool     // answer each frame by a commit block first (MLLP Release 2)

	mu        sync.Mutex
	running   *running // made by the first Serve or Shutdown
	listeners map[net.Listener]struct{}
	sessions  map[*session]struct{}
	addresses map[string]int
	peers     map[string]int
}

// running is what lives from the first Serve to the end of Shutdown.
type running struct {
	ctx      context.Context // of the handlers; ends when the server is forced down
	force    context.CancelFunc
	draining chan struct{} // closed when Shutdown begins
	idle     chan struct{} // closed when no connection is left after that
	closed   bool          // draining is closed
	limits   Limits
}

// start returns the state of the running server, made on the first call. s.mu is held.
func (s *Server) start() *running {
	if s.running == nil {
		ctx, cancel := context.WithCancel(context.Background())
		s.running = &running{
			ctx: ctx, force: cancel, limits: s.Limits.orDefault(),
			draining: make(chan struct{}), idle: make(chan struct{}),
		}
		s.listeners = map[net.Listener]struct{}{}
		s.sessions = map[*session]struct{}{}
		s.addresses = map[string]int{}
		s.peers = map[string]int{}
	}
	return s.running
}

// Shutdown stops accepting and closes every connection on which no frame has begun.
// A frame that has begun to arrive may be completed within its Receive deadline and
// is answered; then its connection is closed too, with further frames unanswered. When
// ctx is done before the last connection has gone, the handlers' context ends and
// all connections are reset.
//
// It returns when all handlers have returned: nil if none had to be forced, the
// cause of ctx otherwise. A handler that does not heed its context is waited
// for no longer than Limits.Write after that.
func (s *Server) Shutdown(ctx context.Context) error {
	run, sessions := s.drain()
	for _, c := range sessions {
		c.drain()
	}
	defer run.force()
	select {
	case <-run.idle:
		return nil
	case <-ctx.Done():
	}
	run.force()
	for _, c := range s.open() {
		c.abort()
	}
	patience := time.NewTimer(run.limits.Write)
	defer patience.Stop()
	select {
	case <-run.idle:
	case <-patience.C:
	}
	return context.Cause(ctx)
}

// drain marks the server as closed, closes its listeners and returns its sessions.
func (s *Server) drain() (*running, []*session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	run := s.start()
	if !run.closed {
		run.closed = true
		close(run.draining)
		for l := range s.listeners {
			l.Close()
		}
		if len(s.sessions) == 0 {
			close(run.idle)
		}
	}
	return run, slices.Collect(maps.Keys(s.sessions))
}

// open returns the sessions that there are.
func (s *Server) open() []*session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.sessions))
}

// refused tells the observer.
func (s *Server) refused(reason string) {
	if s.Observe != nil {
		s.Observe.Refused(reason)
	}
}
