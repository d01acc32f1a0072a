package mllp

import (
	"errors"
	"net"
	"slices"
	"syscall"
	"time"
)

// The pause after a failed accept doubles from the first value to the second. It is
// short because at the descriptor limit one closed connection makes room for the next.
const (
	acceptPause    = 5 * time.Millisecond
	acceptPauseMax = time.Second
)

// passing are the errors of accept that say something about one connection or about the
// moment, not about the listener: accept(2) asks to treat the network's as "try again".
var passing = []error{
	syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM,
	syscall.ECONNABORTED, syscall.ECONNRESET, syscall.EINTR, syscall.EAGAIN, syscall.EPERM, syscall.EPROTO,
	syscall.ENETDOWN, syscall.ENETUNREACH, syscall.EHOSTDOWN, syscall.EHOSTUNREACH, syscall.ETIMEDOUT,
}

// Serve accepts connections from l until Shutdown is called, then returns
// [ErrServerClosed]. It may be called for several listeners. It closes l.
//
// An accept error that can pass, such as running out of file descriptors, makes it
// wait between 5 ms and 1 s and go on; any other is returned, the connections that are
// open being served further.
func (s *Server) Serve(l net.Listener) error {
	defer l.Close()
	run, err := s.listen(l)
	if err != nil {
		return err
	}
	defer s.forget(l)
	pause := acceptPause
	for {
		conn, err := l.Accept()
		if err == nil {
			pause = acceptPause
			s.take(run, conn)
			continue
		}
		if wait := run.wait(err, pause); wait != nil {
			return wait
		}
		s.refused(RefusedAccept)
		pause = min(2*pause, acceptPauseMax)
	}
}

// wait pauses after a passing error; it returns the error that ends Serve otherwise.
func (run *running) wait(err error, pause time.Duration) error {
	select {
	case <-run.draining:
		return ErrServerClosed
	default:
	}
	if !passes(err) {
		return err
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-run.draining:
		return ErrServerClosed
	}
}

// passes reports whether accept can succeed again after err.
func passes(err error) bool {
	if errors.Is(err, net.ErrClosed) {
		return false
	}
	return timeout(err) || slices.ContainsFunc(passing, func(p error) bool { return errors.Is(err, p) })
}

// listen registers l, unless the server is closed.
func (s *Server) listen(l net.Listener) (*running, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	run := s.start()
	if run.closed {
		return nil, ErrServerClosed
	}
	s.listeners[l] = struct{}{}
	return run, nil
}

// forget takes l off the books.
func (s *Server) forget(l net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, l)
}

// take serves conn on a goroutine of its own, or closes it when a limit is reached.
func (s *Server) take(run *running, conn net.Conn) {
	c := newSession(s, run, conn)
	if reason := s.enter(c); reason != "" {
		conn.Close()
		s.refused(reason)
		return
	}
	go c.run()
}

// enter counts a new session; the reason is "" when it may go on.
func (s *Server) enter(c *session) (reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.running.closed, len(s.sessions) >= s.running.limits.Connections:
		return RefusedConnections
	case s.addresses[c.address] >= s.running.limits.PerAddress:
		return RefusedAddress
	}
	s.sessions[c] = struct{}{}
	s.addresses[c.address]++
	return ""
}

// identify counts the session for its client certificate; false means that there are
// too many of it.
func (s *Server) identify(c *session) bool {
	fingerprint := c.peer.Fingerprint()
	if fingerprint == "" {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.peers[fingerprint] >= s.running.limits.PerPeer {
		return false
	}
	s.peers[fingerprint]++
	c.fingerprint = fingerprint
	return true
}

// leave takes a session off the books.
func (s *Server) leave(c *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, c)
	release(s.addresses, c.address)
	if c.fingerprint != "" {
		release(s.peers, c.fingerprint)
	}
	if s.running.closed && len(s.sessions) == 0 {
		close(s.running.idle)
	}
}

// release lowers a count and drops it at zero, so that the map does not grow with
// every address ever seen.
func release(counts map[string]int, key string) {
	if counts[key]--; counts[key] <= 0 {
		delete(counts, key)
	}
}
