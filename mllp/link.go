package mllp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// link is one connection of a client. A goroutine reads from it all the time, so that the
// end of an idle connection is known before the next message is entrusted to it, with
// TLS as well as without.
type link struct {
	socket net.Conn
	conn   net.Conn
	reader *Reader

	frames  chan []byte   // unbuffered: at most one unasked frame is held
	closing chan struct{} // closed by close
	ended   chan struct{} // closed when the reading goroutine has ended
	err     error         // why it ended; to be read after ended
	shut    func()        // closes closing, once
}

// newLink starts to read from conn, which is socket or the TLS connection on it.
func newLink(socket, conn net.Conn, maxFrame int) *link {
	closing := make(chan struct{})
	l := &link{
		socket: socket, conn: conn, frames: make(chan []byte),
		closing: closing, ended: make(chan struct{}),
		shut: sync.OnceFunc(func() { close(closing) }),
	}
	l.reader = NewReader(l, maxFrame)
	go l.receive()
	return l
}

// receive hands over frame after frame.
func (l *link) receive() {
	defer close(l.ended)
	for {
		frame, err := l.reader.ReadFrame()
		if errors.Is(err, io.EOF) {
			err = ErrConnectionClosed
		}
		if err != nil {
			l.err = fmt.Errorf("mllp: read reply: %w", err)
			return
		}
		select {
		case l.frames <- frame:
		case <-l.closing:
			l.err = ErrConnectionClosed
			return
		}
	}
}

// Read reads from the connection for the frame reader. Only the carriage return after an
// end block has a clock here; the reply as a whole is under that of the exchange.
func (l *link) Read(p []byte) (int, error) {
	if l.reader.trailing() {
		l.conn.SetReadDeadline(time.Now().Add(TrailerGrace))
		defer l.conn.SetReadDeadline(time.Time{})
	}
	return l.conn.Read(p)
}

// usable reports whether a message can be sent over the link. A frame that came unasked
// since the last exchange is dropped where the replies are matched; otherwise it makes
// the link unusable, because it would be taken for the next reply.
func (l *link) usable(matched bool) bool {
	select {
	case <-l.ended:
		return false
	case <-l.frames:
		if !matched {
			return false
		}
	default:
	}
	select {
	case <-l.ended:
		return false
	default:
		return true
	}
}

// write sends a frame. written tells, with an error, whether part of it may have left.
func (l *link) write(ctx context.Context, frame []byte, limit time.Duration) (written bool, err error) {
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	l.conn.SetWriteDeadline(time.Now().Add(limit))
	stop := context.AfterFunc(ctx, func() { l.conn.SetWriteDeadline(past) })
	defer stop()
	n, err := l.conn.Write(frame)
	if err == nil {
		return true, nil
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return n > 0, fmt.Errorf("mllp: write: %w", err)
}

// close ends the connection in good order and waits until nothing runs for it.
func (l *link) close() {
	l.shut()
	l.conn.Close()
	<-l.ended
}

// abort ends the connection without a word to a peer that may not be listening.
func (l *link) abort() {
	l.shut()
	l.socket.Close()
	<-l.ended
}
