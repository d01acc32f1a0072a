package mllp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// The errors that a client adds to those of the network; they stand inside a [SendError].
var (
	// ErrClientClosed reports a call after Close.
	ErrClientClosed = errors.New("mllp: client closed")
	// ErrNoReply reports that no (matching) reply came within ReplyTimeout.
	ErrNoReply = errors.New("mllp: no reply in time")
	// ErrConnectionClosed reports that the peer ended the connection without a reply.
	ErrConnectionClosed = errors.New("mllp: peer closed the connection before the reply")
	// ErrCommitRefused reports a negative commit block: the peer has not stored the frame.
	ErrCommitRefused = errors.New("mllp: peer answered with a negative commit block")
)

// SendError is the error of an exchange. Whether the message may be sent again without
// the risk of a duplicate hangs on Written.
type SendError struct {
	// Written: the frame, or part of it, may have reached the peer and may have been
	// acted upon. False means that the peer certainly has nothing to act upon.
	Written bool
	Err     error
}

// Error says what failed; it never quotes the message.
func (e *SendError) Error() string {
	if e.Written {
		return "mllp: exchange failed after sending: " + e.Err.Error()
	}
	return "mllp: exchange failed before sending: " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *SendError) Unwrap() error { return e.Err }

// The time-outs that a [Client] uses where none is set.
const (
	DefaultDialTimeout  = 10 * time.Second
	DefaultWriteTimeout = 5 * time.Second
	DefaultReplyTimeout = 30 * time.Second
)

// Client sends messages over one connection, one at a time. It dials on the first
// exchange and again after an error. Set its fields before the first use. It is
// safe for concurrent use; exchanges then wait for each other.
type Client struct {
	Address string      // host:port
	TLS     *tls.Config // nil dials a plain connection; ServerName defaults to the host

	DialTimeout  time.Duration // connection and TLS handshake; zero stands for 10 s
	WriteTimeout time.Duration // for the frame to be taken; zero stands for 5 s
	ReplyTimeout time.Duration // from the end of the write to the matching reply; zero stands for 30 s
	MaxFrame     int           // bytes of content of a reply; zero stands for DefaultFrameLimit

	// Match reports whether reply belongs to sent. A frame that does not, such as the
	// second acknowledgement of an earlier message, is skipped. nil takes any frame.
	Match func(sent, reply []byte) bool

	// Dial replaces the way a connection is made, TLS excluded. May be nil.
	Dial func(ctx context.Context, address string) (net.Conn, error)

	// Release2 expects a commit block for each message and answers each reply by one
	// (MLLP Release 2). A reply without a commit block before it is taken as it is.
	Release2 bool
	// CommitOnly ends an exchange of release 2 at the positive commit block; its reply
	// is nil then.
	CommitOnly bool

	mu     sync.Mutex
	turn   chan struct{} // holds one token while an exchange is under way
	link   *link
	closed bool
}

// Connect makes sure that there is a connection, so that a peer that cannot be reached
// is noticed before there is anything to send. Errors are of type [*SendError].
func (c *Client) Connect(ctx context.Context) error {
	release, err := c.begin(ctx)
	if err != nil {
		return &SendError{Err: err}
	}
	defer release()
	if _, err := c.connect(ctx); err != nil {
		return &SendError{Err: err}
	}
	return nil
}

// Exchange sends content as one frame and returns the content of the reply. Errors
// are of type [*SendError]. After any error except a content that cannot be framed and
// a negative commit block the connection is closed; the next call dials anew.
func (c *Client) Exchange(ctx context.Context, content []byte) ([]byte, error) {
	return c.ExchangeHeld(ctx, ctx, content, nil)
}

// ExchangeHeld is Exchange under a right to write that can end before ctx does: once
// hold is done no further byte of content leaves, and a write that is under way is cut
// with its connection. written, when set, is called as soon as the last byte has been
// handed over, before the reply is waited for; hold may end from there on.
func (c *Client) ExchangeHeld(ctx, hold context.Context, content []byte, written func()) ([]byte, error) {
	frame, err := encode(content)
	if err != nil {
		return nil, &SendError{Err: err}
	}
	release, err := c.begin(ctx)
	if err != nil {
		return nil, &SendError{Err: err}
	}
	defer release()
	l, err := c.connect(ctx)
	if err != nil {
		return nil, &SendError{Err: err}
	}
	if sent, err := c.writeHeld(ctx, hold, l, frame); err != nil {
		reset(l.socket)
		c.drop(l)
		return nil, &SendError{Written: sent, Err: err}
	}
	if written != nil {
		written()
	}
	reply, err := c.await(ctx, l, content)
	if errors.Is(err, ErrCommitRefused) {
		return nil, &SendError{Err: err}
	}
	if err != nil {
		c.drop(l)
		return nil, &SendError{Written: true, Err: err}
	}
	return reply, nil
}

// writeHeld writes a frame for as long as both ctx and hold last.
func (c *Client) writeHeld(ctx, hold context.Context, l *link, frame []byte) (sent bool, err error) {
	both, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(hold, func() { cancel(context.Cause(hold)) })
	defer stop()
	if hold.Err() != nil {
		return false, context.Cause(hold)
	}
	return l.write(both, frame, or(c.WriteTimeout, DefaultWriteTimeout))
}

// Close closes the connection. An exchange that is under way fails, later ones too.
func (c *Client) Close() error {
	c.mu.Lock()
	c.closed = true
	l := c.link
	c.link = nil
	c.mu.Unlock()
	if l != nil {
		l.close()
	}
	return nil
}

// begin waits for the exchanges before this one.
func (c *Client) begin(ctx context.Context) (release func(), err error) {
	c.mu.Lock()
	if c.turn == nil {
		c.turn = make(chan struct{}, 1)
	}
	turn := c.turn
	c.mu.Unlock()
	select {
	case turn <- struct{}{}:
		return func() { <-turn }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// connect returns the open connection, or a new one where there is none that is usable.
func (c *Client) connect(ctx context.Context) (*link, error) {
	c.mu.Lock()
	l, closed := c.link, c.closed
	c.mu.Unlock()
	if closed {
		return nil, ErrClientClosed
	}
	if l != nil && l.usable(c.Match != nil) {
		return l, nil
	}
	c.drop(l)
	l, err := c.dial(ctx)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		l.close()
		return nil, ErrClientClosed
	}
	c.link = l
	return l, nil
}

// drop closes l and forgets it.
func (c *Client) drop(l *link) {
	if l == nil {
		return
	}
	c.mu.Lock()
	if c.link == l {
		c.link = nil
	}
	c.mu.Unlock()
	l.abort()
}

// dial makes a connection.
func (c *Client) dial(ctx context.Context) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, or(c.DialTimeout, DefaultDialTimeout))
	defer cancel()
	socket, err := c.socket(ctx)
	if err != nil {
		return nil, fmt.Errorf("mllp: dial: %w", err)
	}
	if c.TLS == nil {
		return newLink(socket, socket, c.MaxFrame), nil
	}
	config := c.TLS.Clone()
	if config.ServerName == "" {
		host, _, err := net.SplitHostPort(c.Address)
		if err != nil {
			socket.Close()
			return nil, fmt.Errorf("mllp: dial: %w", err)
		}
		config.ServerName = host
	}
	secure := tls.Client(socket, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		socket.Close()
		return nil, fmt.Errorf("mllp: handshake: %w", err)
	}
	return newLink(socket, secure, c.MaxFrame), nil
}

// socket dials without TLS.
func (c *Client) socket(ctx context.Context) (net.Conn, error) {
	if c.Dial != nil {
		return c.Dial(ctx, c.Address)
	}
	var dialer net.Dialer
	return dialer.DialContext(ctx, "tcp", c.Address)
}

// await waits for the reply to sent, under one deadline for all frames that come.
func (c *Client) await(ctx context.Context, l *link, sent []byte) ([]byte, error) {
	timer := time.NewTimer(or(c.ReplyTimeout, DefaultReplyTimeout))
	defer timer.Stop()
	committed := false
	for {
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-timer.C:
			return nil, ErrNoReply
		case <-l.ended:
			return nil, l.err
		case reply := <-l.frames:
			code, commit := commitBlock(reply)
			switch {
			case c.Release2 && commit && code == CommitNak && !committed:
				return nil, ErrCommitRefused
			case c.Release2 && commit:
				if committed = true; c.CommitOnly {
					return nil, nil
				}
			case c.Match == nil || c.Match(sent, reply):
				if !committed {
					return reply, nil
				}
				_, err := l.write(ctx, AppendFrame(nil, []byte{CommitAck}), or(c.WriteTimeout, DefaultWriteTimeout))
				return reply, err
			}
		}
	}
}

// or returns value unless it is not positive.
func or[T int | time.Duration](value, d T) T {
	setDefault(&value, d)
	return value
}
