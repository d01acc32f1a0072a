package mllp

import (
	"context"
	"net"
	"testing"
)

func TestSmoke(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{Handler: HandlerFunc(func(_ context.Context, _ *Peer, f []byte) Reply { return Reply{Frame: f} })}
	done := make(chan error)
	go func() { done <- s.Serve(l) }()
	c := &Client{Address: l.Addr().String()}
	for range 10 {
		got, err := c.Exchange(t.Context(), []byte("hello"))
		if err != nil || string(got) != "hello" {
			t.Fatal(string(got), err)
		}
	}
	c.Close()
	if err := s.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != ErrServerClosed {
		t.Fatal(err)
	}
}
