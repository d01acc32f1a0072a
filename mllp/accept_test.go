package mllp

import (
	"context"
	"errors"
	"net"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// failing is a listener that fails in a given order before it accepts.
type failing struct {
	*pipes
	errs  []error
	tries []time.Time
}

func (l *failing) Accept() (net.Conn, error) {
	if len(l.errs) == 0 {
		return l.pipes.Accept()
	}
	l.tries = append(l.tries, time.Now())
	err := l.errs[0]
	l.errs = l.errs[1:]
	return nil, &net.OpError{Op: "accept", Net: "tcp", Err: err}
}

func TestAcceptGoesOnAtTheDescriptorLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &failing{pipes: newPipes()}
		for range 12 {
			l.errs = append(l.errs, syscall.EMFILE)
		}
		l.errs = append(l.errs, syscall.ENFILE, syscall.ECONNABORTED)
		o := &record{}
		s := &Server{Handler: echo, Observe: o}
		ended := make(chan error, 1)
		go func() { ended <- s.Serve(l) }()
		conn := l.dial()
		conn.Write([]byte(framed("A")))
		if got, err := NewReader(conn, 0).ReadFrame(); string(got) != "A" || err != nil {
			t.Errorf("after the descriptor limit: %q, %v", got, err)
		}
		pause := 5 * time.Millisecond
		for i := 1; i < len(l.tries); i++ {
			if got := l.tries[i].Sub(l.tries[i-1]); got != pause {
				t.Errorf("pause %d is %v, want %v", i, got, pause)
			}
			pause = min(2*pause, time.Second)
		}
		if n, _ := o.count(RefusedAccept); n != 14 {
			t.Errorf("reasons %v", o.refused)
		}
		conn.Close()
		s.Shutdown(context.Background())
		if err := <-ended; err != ErrServerClosed {
			t.Error(err)
		}
	})
}

func TestAcceptPauseEndsAtShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &failing{pipes: newPipes(), errs: slices.Repeat([]error{syscall.EMFILE}, 1000)}
		s := &Server{Handler: echo}
		ended := make(chan error, 1)
		go func() { ended <- s.Serve(l) }()
		time.Sleep(10*time.Second + time.Millisecond)
		begin := time.Now()
		s.Shutdown(context.Background())
		if err := <-ended; err != ErrServerClosed || time.Since(begin) != 0 {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
	})
}

func TestServeReturnsLastingErrors(t *testing.T) {
	for _, lasting := range []error{syscall.EBADF, syscall.EINVAL, net.ErrClosed} {
		s := &Server{Handler: echo}
		if err := s.Serve(&failing{pipes: newPipes(), errs: []error{lasting}}); !errors.Is(err, lasting) {
			t.Errorf("got %v, want %v", err, lasting)
		}
		s.Shutdown(context.Background())
	}
}
