package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
	"github.com/lockport-hie/lockport/mllp"
)

// openListener is one MLLP address that is being served.
type openListener struct {
	config listener
	socket net.Listener
	server *mllp.Server
}

// serve takes connections until the server is shut down.
func (l openListener) serve() error {
	if err := l.server.Serve(l.socket); !errors.Is(err, mllp.ErrServerClosed) {
		return lockport.Errorf(lockport.Internal, "listener "+l.config.Address, "%w", err)
	}
	return nil
}

// listen opens every address of the configuration, or none.
func (s *system) listen() error {
	for _, c := range s.config.Listen {
		l, err := s.open(c)
		if err != nil {
			s.closeListeners()
			return err
		}
		s.listeners = append(s.listeners, l)
		event := s.log.Info()
		if c.Insecure {
			event = s.log.Warn()
		}
		event.Str("address", l.socket.Addr().String()).Bool("insecure", c.Insecure).Msg("listening for MLLP")
	}
	return nil
}

// admitInsecure writes down that there are listeners without certificates, and who opened
// them, before the first byte is taken there.
func (s *system) admitInsecure(ctx context.Context) error {
	operator, err := currentUser()
	if err != nil {
		return err
	}
	for _, l := range s.listeners {
		if !l.config.Insecure {
			continue
		}
		if err := s.act(ctx, audit.Action{Operator: operator, Verb: "listen insecure", Object: l.socket.Addr().String()}); err != nil {
			return err
		}
	}
	return nil
}

// closeListeners gives up what listen opened, before anything was served.
func (s *system) closeListeners() {
	for _, l := range s.listeners {
		l.socket.Close()
	}
	s.listeners = nil
}

// open opens one address.
func (s *system) open(c listener) (openListener, error) {
	server := &mllp.Server{
		Limits: s.config.Limits.mllp(), Observe: s.meter, Release2: c.Release2, Handler: s.receiver(c.Insecure),
		TooLarge: func(p *mllp.Peer, _ int) []byte {
			return s.broker.TooLarge(context.Background(), peerOf(p, c.Insecure)).Frame
		},
		Panicked: func(p *mllp.Peer, stack []byte) {
			s.log.Error().Str("listener", p.Listener).Bytes("stack", stack).Msg("a message made the handler panic")
		},
	}
	if err := s.secure(server, c); err != nil {
		return openListener{}, err
	}
	socket, err := net.Listen("tcp", c.Address)
	if err != nil {
		return openListener{}, lockport.Errorf(lockport.Invalid, "", "cannot listen for MLLP: %w", err)
	}
	return openListener{config: c, socket: socket, server: server}, nil
}

// secure gives a listener its certificates, or its list of addresses.
func (s *system) secure(server *mllp.Server, c listener) error {
	if c.Insecure {
		allowed, err := c.allowed()
		server.Admit = func(p *mllp.Peer) error { return admitAddress(allowed, p) }
		return err
	}
	files := mllp.CertificateFiles{
		Certificate: s.env.path(c.TLS.Certificate), Key: s.env.path(c.TLS.Key), Authorities: s.env.path(c.TLS.ClientAuthorities),
		ReloadFailed: func(err error) {
			s.log.Warn().Err(err).Msg("the certificate files cannot be read again: the older ones stay in use")
		},
	}
	config, err := files.Server()
	if err != nil {
		return lockport.Errorf(lockport.Invalid, "listener "+c.Address, "%w", err)
	}
	server.TLS = config
	server.Admit = func(p *mllp.Peer) error {
		return s.broker.Admit(context.Background(), peerOf(p, false))
	}
	return nil
}

// admitAddress lets in who is on the list.
func admitAddress(allowed []netip.Prefix, p *mllp.Peer) error {
	from, err := netip.ParseAddrPort(p.Address)
	if err == nil && slices.ContainsFunc(allowed, func(prefix netip.Prefix) bool { return prefix.Contains(from.Addr().Unmap()) }) {
		return nil
	}
	return fmt.Errorf("the address is not on the list of the insecure listener")
}

// peerOf is a peer as the broker knows it.
func peerOf(p *mllp.Peer, insecure bool) lockport.Peer {
	return lockport.Peer{Address: p.Address, Listener: p.Listener, Fingerprint: p.Fingerprint(), Insecure: insecure}
}

// receiver hands frames to the broker.
func (s *system) receiver(insecure bool) mllp.Handler {
	return mllp.HandlerFunc(func(ctx context.Context, p *mllp.Peer, frame []byte) mllp.Reply {
		r := s.broker.Receive(ctx, peerOf(p, insecure), frame)
		return mllp.Reply{Frame: r.Frame, Sent: r.Sent, Context: r.Context, Close: r.Close}
	})
}

// drain stops all listeners at the same time: a message that has begun is answered, and
// nothing new is taken.
func (s *system) drain() {
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	var all sync.WaitGroup
	for _, l := range s.listeners {
		all.Go(func() {
			if err := l.server.Shutdown(ctx); err != nil {
				s.log.Warn().Str("listener", l.config.Address).Msg("connections were cut because they did not end in time")
			}
		})
	}
	all.Wait()
}
