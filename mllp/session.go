package mllp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime/debug"
	"sync"
	"time"
)

// TrailerGrace is how long a reader with a clock waits for the carriage return after an
// end block before it takes the frame as complete. Senders that leave the carriage return
// out would otherwise wait for an answer that never comes.
const TrailerGrace = time.Second

// The time and the bytes that are spent on hearing a peer out when the server closes first:
// closing a socket with unread input makes the kernel throw away the last reply.
const (
	lingerTime  = time.Second
	lingerBytes = 256 << 10
)

// errDraining stops the reader of a session that has no frame begun.
var errDraining = errors.New("mllp: draining")

// past is a deadline that wakes a blocked read.
var past = time.Unix(1, 0)

// session is one connection of a server.
type session struct {
	server      *Server
	running     *running
	socket      net.Conn // what was accepted
	conn        net.Conn // socket, or the TLS connection on it
	peer        *Peer
	address     string // key of the count per address
	fingerprint string // key of the count per certificate, once counted
	reader      *Reader

	mu       sync.Mutex
	opened   bool // the handshake is over
	draining bool
	quiet    bool      // reading with no frame begun
	armed    time.Time // read deadline that is set on conn

	idleUntil    time.Time // deadline for the first byte of the next frame
	receiveUntil time.Time // deadline for the last byte of the frame that has begun
	receiving    uint64    // number of the frame that receiveUntil is for
}

// newSession prepares the session of an accepted connection.
func newSession(s *Server, run *running, socket net.Conn) *session {
	remote := socket.RemoteAddr().String()
	address, _, err := net.SplitHostPort(remote)
	if err != nil {
		address = remote
	}
	c := &session{
		server: s, running: run, socket: socket, conn: socket, address: address,
		peer: &Peer{Address: remote, Listener: socket.LocalAddr().String()},
	}
	c.reader = NewReader(c, run.limits.Frame)
	return c
}

// run serves the connection until it ends.
func (c *session) run() {
	defer c.server.leave(c)
	if o := c.server.Observe; o != nil {
		o.Connection(1)
		defer o.Connection(-1)
	}
	defer c.socket.Close()
	if !c.open() {
		return
	}
	switch c.serve() {
	case ended:
		c.conn.Close()
	case answered:
		c.linger()
	}
}

// ending says how a session came to its end.
type ending uint8

const (
	broken   ending = iota // something failed: the socket is just closed
	ended                  // nothing is under way in either direction
	answered               // the last reply may still be on its way
)

// open makes the handshake and lets the server's owner decide about the peer.
func (c *session) open() bool {
	if c.server.TLS != nil {
		secure := tls.Server(c.socket, c.server.TLS)
		c.socket.SetDeadline(time.Now().Add(c.running.limits.Handshake))
		if err := secure.HandshakeContext(c.running.ctx); err != nil {
			c.server.refused(RefusedHandshake)
			return false
		}
		c.socket.SetDeadline(time.Time{})
		state := secure.ConnectionState()
		c.conn, c.peer.TLS = secure, &state
	}
	if !c.server.identify(c) {
		c.server.refused(RefusedPeer)
		return false
	}
	if admit := c.server.Admit; admit != nil && admit(c.peer) != nil {
		c.server.refused(RefusedAdmit)
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.opened = true
	return !c.draining
}

// serve answers one frame after the other.
func (c *session) serve() ending {
	for {
		c.idleUntil = time.Now().Add(c.running.limits.Idle)
		frame, err := c.reader.ReadFrame()
		received := time.Now()
		var reply Reply
		var tooLarge *FrameTooLargeError
		switch ok := true; {
		case errors.As(err, &tooLarge):
			c.server.refused(RefusedTooLarge)
			reply, ok = c.refuse(tooLarge.Limit)
			if !ok {
				return broken
			}
		case err != nil:
			return c.stopped(err)
		case c.server.Release2 && isCommit(frame):
			continue
		default:
			reply, ok = c.ask(frame)
			if !ok {
				return broken
			}
		}
		if !c.answer(reply, len(frame), received) {
			return broken
		}
		if reply.Close || c.stopping() {
			return answered
		}
	}
}

// isCommit reports whether content is the peer's commit block for one of our replies.
// It belongs to the transport; the handler never sees it.
func isCommit(content []byte) bool {
	_, ok := commitBlock(content)
	return ok
}

// stopped decides how a session ends that cannot read on.
func (c *session) stopped(err error) ending {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, errDraining):
		return ended
	case !timeout(err):
		return broken
	case c.reader.at != between:
		c.server.refused(RefusedReceive)
		return broken
	case !c.stopping():
		c.server.refused(RefusedIdle)
	}
	return ended
}

// stopping reports whether the server is being shut down.
func (c *session) stopping() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.draining
}

// ask calls the handler; false means that it panicked.
func (c *session) ask(frame []byte) (reply Reply, ok bool) {
	defer c.guard(&ok)
	return c.server.Handler.ServeFrame(c.running.ctx, c.peer, frame), true
}

// refuse makes the answer to a frame above the limit; false means there is none.
func (c *session) refuse(limit int) (reply Reply, ok bool) {
	if c.server.TooLarge == nil {
		return Reply{}, false
	}
	defer c.guard(&ok)
	frame := c.server.TooLarge(c.peer, limit)
	return Reply{Frame: frame, Nak: true}, frame != nil
}

// guard keeps a panic in the owner's code to its connection: one message that the
// handler cannot bear must not end the service of all others.
func (c *session) guard(ok *bool) {
	if recover() == nil {
		return
	}
	*ok = false
	c.server.refused(RefusedPanic)
	if c.server.Panicked != nil {
		c.server.Panicked(c.peer, debug.Stack())
	}
}

// answer sends the reply and tells all who want to know. False ends the session.
func (c *session) answer(reply Reply, size int, received time.Time) bool {
	err := c.send(reply)
	if reply.Sent != nil {
		reply.Sent(err)
	}
	if err != nil {
		c.server.refused(RefusedWrite)
		return false
	}
	if c.server.Observe != nil {
		c.server.Observe.Frame(size, time.Since(received))
	}
	return true
}

// send writes the reply unless its context is done, and resets the connection when
// that happens during the write.
func (c *session) send(reply Reply) (err error) {
	out, err := c.encode(reply)
	if len(out) == 0 || err != nil {
		return err
	}
	if ctx := reply.Context; ctx != nil {
		if ctx.Err() != nil {
			c.abort()
			return fmt.Errorf("mllp: reply withdrawn: %w", context.Cause(ctx))
		}
		stop := context.AfterFunc(ctx, c.abort)
		defer func() {
			if !stop() {
				err = fmt.Errorf("mllp: reply withdrawn: %w", context.Cause(ctx))
			}
		}()
	}
	c.conn.SetWriteDeadline(time.Now().Add(c.running.limits.Write))
	if _, err = c.conn.Write(out); err != nil {
		err = fmt.Errorf("mllp: write reply: %w", err)
	}
	return err
}

// encode makes the bytes of a reply: the commit block, if the release has one, and the frame.
func (c *session) encode(reply Reply) (out []byte, err error) {
	if reply.Frame != nil {
		if out, err = encode(reply.Frame); err != nil {
			return nil, err
		}
	}
	if c.server.Release2 {
		commit := byte(CommitAck)
		if reply.Nak {
			commit = CommitNak
		}
		out = append(AppendFrame(nil, []byte{commit}), out...)
	}
	return out, nil
}

// Read reads from the connection under the clock that fits the state of the frame
// reader, which calls it.
func (c *session) Read(p []byte) (int, error) {
	if err := c.arm(); err != nil {
		return 0, err
	}
	return c.conn.Read(p)
}

// arm sets the read deadline. It refuses to wait for a further frame when the server
// is being shut down.
func (c *session) arm() error {
	var until time.Time
	quiet := c.reader.at == between
	if quiet {
		until = c.idleUntil
	} else {
		if c.receiving != c.reader.frames {
			c.receiving = c.reader.frames
			c.receiveUntil = time.Now().Add(c.running.limits.Receive)
		}
		until = c.receiveUntil
		if c.reader.trailing() {
			until = earlier(until, time.Now().Add(TrailerGrace))
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.quiet = quiet
	if quiet && c.draining {
		return errDraining
	}
	if until.Equal(c.armed) {
		return nil
	}
	c.armed = until
	return c.conn.SetReadDeadline(until)
}

// earlier returns the earlier of two times.
func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// drain lets the session end after the frame that has begun, at once if none has.
func (c *session) drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.draining = true
	switch {
	case !c.opened:
		c.socket.Close()
	case c.quiet:
		c.armed = past
		c.conn.SetReadDeadline(past)
	}
}

// abort resets the connection. It may be called from any goroutine.
func (c *session) abort() { reset(c.socket) }

// reset closes socket so that the kernel throws away what it has not sent; after an
// ordinary close it would go on sending.
func reset(socket net.Conn) {
	if tcp, ok := socket.(interface{ SetLinger(sec int) error }); ok {
		tcp.SetLinger(0)
	}
	socket.Close()
}

// linger closes the sending side and hears the peer out for a moment, so that the last
// reply is not lost to input that nobody reads.
func (c *session) linger() {
	c.mu.Lock()
	c.quiet = false
	c.mu.Unlock()
	if secure, ok := c.conn.(*tls.Conn); ok {
		secure.CloseWrite()
	}
	half, ok := c.socket.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	c.socket.SetReadDeadline(time.Now().Add(lingerTime))
	io.CopyN(io.Discard, c.socket, lingerBytes)
}
