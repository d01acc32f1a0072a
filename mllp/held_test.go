package mllp

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
)

// pipeClient returns a client whose connections end in the returned channel.
func pipeClient() (*Client, chan net.Conn) {
	ends := make(chan net.Conn, 1)
	return &Client{Address: "peer:1", Dial: func(context.Context, string) (net.Conn, error) {
		near, far := net.Pipe()
		ends <- far
		return near, nil
	}}, ends
}

func TestHeldWriteIsCutInTheMiddle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, ends := pipeClient()
		defer c.Close()
		hold, revoke := context.WithCancel(t.Context())
		failed := make(chan error, 1)
		go func() {
			_, err := c.ExchangeHeld(t.Context(), hold, []byte("MSH|a long message"), func() { t.Error("told as written") })
			failed <- err
		}()
		far := <-ends
		part := make([]byte, 5)
		if _, err := far.Read(part); err != nil {
			t.Fatal(err)
		}
		revoke()
		var sendError *SendError
		if err := <-failed; !errors.As(err, &sendError) || !sendError.Written {
			t.Errorf("error %v, want one that says part was written", err)
		}
		if n, err := far.Read(part); err == nil {
			t.Errorf("%d bytes left after the right to write had ended", n)
		}
	})
}

func TestHoldThatHasEndedWritesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, ends := pipeClient()
		defer c.Close()
		hold, revoke := context.WithCancel(t.Context())
		revoke()
		_, err := c.ExchangeHeld(t.Context(), hold, []byte("MSH|"), nil)
		var sendError *SendError
		if !errors.As(err, &sendError) || sendError.Written {
			t.Errorf("error %v, want one that says nothing was written", err)
		}
		if n, err := (<-ends).Read(make([]byte, 1)); err == nil {
			t.Errorf("%d bytes left", n)
		}
	})
}

func TestHoldMayEndOnceWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, ends := pipeClient()
		defer c.Close()
		hold, release := context.WithCancel(t.Context())
		go func() {
			far := <-ends
			if _, err := NewReader(far, 1024).ReadFrame(); err != nil {
				t.Error(err)
			}
			if err := WriteFrame(far, []byte("reply")); err != nil {
				t.Error(err)
			}
		}()
		reply, err := c.ExchangeHeld(t.Context(), hold, []byte("MSH|"), release)
		if err != nil || string(reply) != "reply" {
			t.Errorf("reply %q, %v", reply, err)
		}
	})
}
