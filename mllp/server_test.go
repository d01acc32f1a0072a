package mllp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener whose connections are net.Pipes, so that clocks can be tested in a
// synctest bubble.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

func (l *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}
func (l *pipes) Close() error   { l.once.Do(func() { close(l.done) }); return nil }
func (l *pipes) Addr() net.Addr { return &net.IPAddr{} }

func (l *pipes) dial() net.Conn {
	near, far := net.Pipe()
	l.conns <- far
	return near
}

// record is an Observer that counts.
type record struct {
	mu      sync.Mutex
	open    int
	refused map[string]int
	frames  int
	bytes   int
}

func (r *record) Connection(delta int) { r.mu.Lock(); r.open += delta; r.mu.Unlock() }
func (r *record) Refused(reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refused == nil {
		r.refused = map[string]int{}
	}
	r.refused[reason]++
}
func (r *record) Frame(bytes int, _ time.Duration) {
	r.mu.Lock()
	r.frames++
	r.bytes += bytes
	r.mu.Unlock()
}

// count returns how often a reason was reported, and in all.
func (r *record) count(reason string) (n, all int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range r.refused {
		all += k
	}
	return r.refused[reason], all
}

// echo answers each frame by itself.
var echo = HandlerFunc(func(_ context.Context, _ *Peer, frame []byte) Reply { return Reply{Frame: frame} })

// bubble serves s on pipes inside a synctest bubble and shuts it down behind the test.
func bubble(t *testing.T, s *Server, test func(t *testing.T, l *pipes)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := newPipes()
		ended := make(chan error, 1)
		go func() { ended <- s.Serve(l) }()
		test(t, l)
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		if err := <-ended; err != ErrServerClosed {
			t.Errorf("Serve: %v", err)
		}
		if o, ok := s.Observe.(*record); ok && o.open != 0 {
			t.Errorf("%d connections are counted as open at the end", o.open)
		}
	})
}

// lives returns how long the server keeps conn open.
func lives(conn net.Conn) time.Duration {
	begin := time.Now()
	io.Copy(io.Discard, conn)
	return time.Since(begin)
}

func TestClocks(t *testing.T) {
	limits := Limits{Idle: 10 * time.Minute, Receive: 30 * time.Second, Write: 5 * time.Second}
	drip := func(conn net.Conn, text string, pause time.Duration) {
		for i := range len(text) {
			if _, err := conn.Write([]byte{text[i]}); err != nil {
				return
			}
			time.Sleep(pause)
		}
	}
	for _, c := range []struct {
		name   string
		peer   func(conn net.Conn)
		want   time.Duration
		reason string
	}{
		{"silent from the start", func(net.Conn) {}, 10 * time.Minute, RefusedIdle},
		{"silent after a frame", func(conn net.Conn) {
			time.Sleep(9 * time.Minute)
			conn.Write([]byte(framed("A")))
		}, 19 * time.Minute, RefusedIdle},
		{"junk does not renew the idle clock", func(conn net.Conn) {
			drip(conn, strings.Repeat("\n", 1000), time.Minute)
		}, 10 * time.Minute, RefusedIdle},
		{"silent in a frame", func(conn net.Conn) { conn.Write([]byte(vt + "A")) }, 30 * time.Second, RefusedReceive},
		{"dripping", func(conn net.Conn) {
			drip(conn, vt+strings.Repeat("x", 1000), time.Second)
		}, 30 * time.Second, RefusedReceive},
		{"dripping start blocks", func(conn net.Conn) {
			drip(conn, strings.Repeat(vt, 1000), time.Second)
		}, 30 * time.Second, RefusedReceive},
		{"dripping behind the limit", func(conn net.Conn) {
			conn.Write([]byte(vt + strings.Repeat("x", 101)))
			drip(conn, strings.Repeat("x", 1000), time.Second)
		}, 30 * time.Second, RefusedReceive},
		{"a frame in time, the next one not", func(conn net.Conn) {
			time.Sleep(time.Minute)
			drip(conn, framed("0123456789abcdef"), time.Second) // 19 bytes, 18 s to the last
			drip(conn, vt+strings.Repeat("x", 1000), time.Second)
		}, time.Minute + 19*time.Second + 30*time.Second, RefusedReceive},
		{"end block without carriage return", func(conn net.Conn) {
			conn.Write([]byte(vt + "A" + fs))
		}, TrailerGrace + 10*time.Minute, RefusedIdle},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := &record{}
			s := &Server{Handler: echo, Observe: o, Limits: limits, TooLarge: func(*Peer, int) []byte { return []byte("no") }}
			s.Limits.Frame = 100
			bubble(t, s, func(t *testing.T, l *pipes) {
				conn := l.dial()
				defer conn.Close()
				done := make(chan struct{})
				go func() { c.peer(conn); close(done) }()
				if got := lives(conn); got != c.want {
					t.Errorf("closed after %v, want %v", got, c.want)
				}
				conn.Close()
				<-done
				synctest.Wait()
				if n, _ := o.count(c.reason); n != 1 {
					t.Errorf("reasons %v, want one %q", o.refused, c.reason)
				}
			})
		})
	}
}

func TestPeerThatDoesNotReadIsCut(t *testing.T) {
	o := &record{}
	var sent []error
	s := &Server{Observe: o, Handler: HandlerFunc(func(_ context.Context, _ *Peer, frame []byte) Reply {
		return Reply{Frame: frame, Sent: func(err error) { sent = append(sent, err) }}
	})}
	bubble(t, s, func(t *testing.T, l *pipes) {
		conn := l.dial()
		defer conn.Close()
		conn.Write([]byte(framed("A", "B")))
		begin := time.Now()
		synctest.Wait()
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if n, _ := o.count(RefusedWrite); n != 1 || time.Since(begin) != 5*time.Second {
			t.Errorf("after 5 s: %v", o.refused)
		}
		if len(sent) != 1 || !timeout(sent[0]) {
			t.Errorf("Sent was called with %v, want one timeout", sent)
		}
	})
}

func TestOneBadPeerDoesNotDelayAnother(t *testing.T) {
	bubble(t, &Server{Handler: echo}, func(t *testing.T, l *pipes) {
		for i, start := range []string{"", vt, vt + "drip", framed("unread reply")} {
			conn := l.dial()
			defer conn.Close()
			conn.Write([]byte(start))
			good := l.dial()
			defer good.Close()
			begin := time.Now()
			WriteFrame(good, []byte("good"))
			if got, err := NewReader(good, 0).ReadFrame(); string(got) != "good" || err != nil || time.Since(begin) != 0 {
				t.Errorf("beside bad peer %d: %q, %v after %v", i, got, err, time.Since(begin))
			}
		}
	})
}

func TestPipelinedFramesAreAnsweredInOrder(t *testing.T) {
	// The earlier the frame the longer its handler takes.
	var running atomic.Int32
	s := &Server{Handler: HandlerFunc(func(_ context.Context, _ *Peer, frame []byte) Reply {
		if running.Add(1) > 1 {
			t.Error("two frames of one connection are handled at the same time")
		}
		defer running.Add(-1)
		time.Sleep(time.Duration(100-frame[0]) * time.Millisecond)
		return Reply{Frame: frame}
	})}
	bubble(t, s, func(t *testing.T, l *pipes) {
		conn := l.dial()
		defer conn.Close()
		var in, want []string
		for i := range 20 {
			in = append(in, fmt.Sprintf("%c message", 'A'+i))
			want = append(want, "="+in[i])
		}
		go conn.Write([]byte(framed(in...)))
		r := NewReader(conn, 0)
		var got []string
		for range in {
			frame, err := r.ReadFrame()
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, "="+string(frame))
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %q", got)
		}
	})
}

func TestTooLarge(t *testing.T) {
	o := &record{}
	s := &Server{Handler: echo, Observe: o, Limits: Limits{Frame: 8}}
	s.TooLarge = func(p *Peer, limit int) []byte { return fmt.Appendf(nil, "more than %d from %s", limit, p.Address) }
	bubble(t, s, func(t *testing.T, l *pipes) {
		conn := l.dial()
		defer conn.Close()
		go conn.Write([]byte(framed(strings.Repeat("x", 9000), "good")))
		r := NewReader(conn, 0)
		for _, want := range []string{"more than 8 from pipe", "good"} {
			if got, err := r.ReadFrame(); string(got) != want || err != nil {
				t.Errorf("got %q, %v; want %q", got, err, want)
			}
		}
	})
	s = &Server{Handler: echo, Limits: Limits{Frame: 8}}
	bubble(t, s, func(t *testing.T, l *pipes) {
		conn := l.dial()
		defer conn.Close()
		go conn.Write([]byte(framed("123456789", "good")))
		if got := transcript(NewReader(conn, 0)); !slices.Equal(got, []string{"EOF"}) {
			t.Errorf("without TooLarge: %q", got)
		}
	})
}

func TestRepliesThatAreNoFrame(t *testing.T) {
	var sent []error
	note := func(err error) { sent = append(sent, err) }
	s := &Server{Handler: HandlerFunc(func(_ context.Context, _ *Peer, frame []byte) Reply {
		switch string(frame) {
		case "silent":
			return Reply{Sent: note}
		case "empty":
			return Reply{Frame: []byte{}, Sent: note}
		case "last":
			return Reply{Frame: frame, Sent: note, Close: true}
		}
		return Reply{Frame: []byte("bad" + fscr), Sent: note}
	})}
	bubble(t, s, func(t *testing.T, l *pipes) {
		conn := l.dial()
		defer conn.Close()
		go conn.Write([]byte(framed("silent", "empty", "last", "never seen")))
		if got := transcript(NewReader(conn, 0)); !slices.Equal(got, []string{"=", "=last", "EOF"}) {
			t.Errorf("got %q", got)
		}
		other := l.dial()
		defer other.Close()
		go other.Write([]byte(framed("unframeable")))
		if got := transcript(NewReader(other, 0)); !slices.Equal(got, []string{"EOF"}) {
			t.Errorf("got %q", got)
		}
		synctest.Wait()
		if len(sent) != 4 || sent[0] != nil || sent[1] != nil || sent[2] != nil || !errors.Is(sent[3], ErrUnframeable) {
			t.Errorf("Sent was called with %v", sent)
		}
	})
}

func TestReplyContext(t *testing.T) {
	withdrawn := errors.New("consent withdrawn")
	for _, c := range []struct {
		name   string
		cancel time.Duration // after the handler has returned; negative: before
		read   bool
		want   error
	}{
		{"done before the write", -1, true, withdrawn},
		{"done during the write", time.Second, false, withdrawn},
		{"done after the write", time.Second, true, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var sent []error
			s := &Server{Handler: HandlerFunc(func(_ context.Context, _ *Peer, frame []byte) Reply {
				ctx, cancel := context.WithCancelCause(context.Background())
				if c.cancel < 0 {
					cancel(withdrawn)
				} else {
					time.AfterFunc(c.cancel, func() { cancel(withdrawn) })
				}
				return Reply{Frame: frame, Context: ctx, Sent: func(err error) { sent = append(sent, err) }}
			})}
			bubble(t, s, func(t *testing.T, l *pipes) {
				conn := l.dial()
				defer conn.Close()
				conn.Write([]byte(framed("A")))
				var got []byte
				if c.read {
					got, _ = NewReader(conn, 0).ReadFrame()
				}
				time.Sleep(2 * time.Second)
				synctest.Wait()
				if len(sent) != 1 || !errors.Is(sent[0], c.want) {
					t.Errorf("Sent was called with %v, want once %v", sent, c.want)
				}
				if (got != nil) != (c.want == nil) {
					t.Errorf("received %q", got)
				}
				if _, err := conn.Write([]byte(framed("B"))); (err == nil) != (c.want == nil) {
					t.Errorf("next write: %v", err)
				}
			})
		})
	}
}

func TestPanicEndsOneConnection(t *testing.T) {
	o := &record{}
	var stack string
	s := &Server{Observe: o, Panicked: func(_ *Peer, b []byte) { stack = string(b) }}
	s.Handler = HandlerFunc(func(_ context.Context, _ *Peer, frame []byte) Reply {
		if string(frame) == "bad" {
			panic("DOE^JANE")
		}
		return Reply{Frame: frame}
	})
	bubble(t, s, func(t *testing.T, l *pipes) {
		bad, good := l.dial(), l.dial()
		defer bad.Close()
		defer good.Close()
		bad.Write([]byte(framed("bad")))
		if got := transcript(NewReader(bad, 0)); !slices.Equal(got, []string{"EOF"}) {
			t.Errorf("got %q", got)
		}
		good.Write([]byte(framed("good")))
		if got, err := NewReader(good, 0).ReadFrame(); string(got) != "good" || err != nil {
			t.Errorf("beside a panic: %q, %v", got, err)
		}
		if n, _ := o.count(RefusedPanic); n != 1 {
			t.Errorf("reasons %v", o.refused)
		}
		if !strings.Contains(stack, "TestPanicEndsOneConnection") || strings.Contains(stack, "DOE") {
			t.Errorf("stack:\n%s", stack)
		}
	})
}

func TestShutdown(t *testing.T) {
	t.Run("frame in hand is answered, idle ones go at once", func(t *testing.T) {
		s := &Server{Handler: HandlerFunc(func(_ context.Context, _ *Peer, frame []byte) Reply {
			time.Sleep(10 * time.Second)
			return Reply{Frame: frame}
		})}
		bubble(t, s, func(t *testing.T, l *pipes) {
			idle, busy := l.dial(), l.dial()
			defer idle.Close()
			defer busy.Close()
			busy.Write([]byte(framed("in hand", "behind it")))
			synctest.Wait()
			begin := time.Now()
			go s.Shutdown(context.Background())
			if lived := lives(idle); lived != 0 {
				t.Errorf("idle connection closed after %v", lived)
			}
			if got := transcript(NewReader(busy, 0)); !slices.Equal(got, []string{"=in hand", "EOF"}) {
				t.Errorf("got %q", got)
			}
			if took := time.Since(begin); took != 10*time.Second {
				t.Errorf("ended after %v", took)
			}
		})
	})
	t.Run("frame that has begun may be completed", func(t *testing.T) {
		s := &Server{Handler: echo}
		bubble(t, s, func(t *testing.T, l *pipes) {
			conn, slow := l.dial(), l.dial()
			defer conn.Close()
			defer slow.Close()
			conn.Write([]byte(vt + "be"))
			slow.Write([]byte(vt + "never"))
			synctest.Wait()
			done := make(chan struct{})
			begin := time.Now()
			go func() { s.Shutdown(context.Background()); close(done) }()
			synctest.Wait()
			time.Sleep(time.Second)
			conn.Write([]byte("gun" + fscr))
			if got := transcript(NewReader(conn, 0)); !slices.Equal(got, []string{"=begun", "EOF"}) {
				t.Errorf("got %q", got)
			}
			<-done
			if took := time.Since(begin); took != 30*time.Second {
				t.Errorf("Shutdown took %v, want the Receive limit", took)
			}
		})
	})
	t.Run("forced", func(t *testing.T) {
		var cause error
		s := &Server{Handler: HandlerFunc(func(ctx context.Context, _ *Peer, frame []byte) Reply {
			<-ctx.Done()
			cause = ctx.Err()
			return Reply{Frame: frame, Sent: func(err error) {
				if err == nil {
					t.Error("a reply was sent after the server was forced down")
				}
			}}
		})}
		bubble(t, s, func(t *testing.T, l *pipes) {
			conn := l.dial()
			defer conn.Close()
			conn.Write([]byte(framed("A")))
			synctest.Wait()
			ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
			defer cancel()
			begin := time.Now()
			if err := s.Shutdown(ctx); err != context.DeadlineExceeded {
				t.Errorf("Shutdown: %v", err)
			}
			if took := time.Since(begin); took != 3*time.Second || cause == nil {
				t.Errorf("Shutdown took %v, handler's context: %v", took, cause)
			}
		})
	})
	t.Run("deaf handler is not waited for without end", func(t *testing.T) {
		s := &Server{Handler: HandlerFunc(func(_ context.Context, _ *Peer, frame []byte) Reply {
			time.Sleep(time.Hour)
			return Reply{}
		})}
		bubble(t, s, func(t *testing.T, l *pipes) {
			conn := l.dial()
			defer conn.Close()
			conn.Write([]byte(framed("A")))
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			begin := time.Now()
			if err := s.Shutdown(ctx); err != context.Canceled || time.Since(begin) != 5*time.Second {
				t.Errorf("Shutdown: %v after %v", err, time.Since(begin))
			}
		})
	})
	t.Run("before Serve", func(t *testing.T) {
		s := &Server{Handler: echo}
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if err := s.Serve(newPipes()); err != ErrServerClosed {
			t.Error(err)
		}
	})
}

func TestLimits(t *testing.T) {
	for reason, limits := range map[string]Limits{
		RefusedConnections: {Connections: 2}, RefusedAddress: {PerAddress: 2},
	} {
		t.Run(reason, func(t *testing.T) {
			o := &record{}
			s := &Server{Handler: echo, Limits: limits, Observe: o}
			bubble(t, s, func(t *testing.T, l *pipes) {
				a, b, c := l.dial(), l.dial(), l.dial()
				defer a.Close()
				defer b.Close()
				if lived := lives(c); lived != 0 {
					t.Errorf("third connection closed after %v", lived)
				}
				synctest.Wait()
				if n, _ := o.count(reason); n != 1 || o.open != 2 {
					t.Errorf("reasons %v, %d open", o.refused, o.open)
				}
				a.Close()
				synctest.Wait()
				d := l.dial() // the place is free again
				defer d.Close()
				go WriteFrame(d, []byte("A"))
				if got, err := NewReader(d, 0).ReadFrame(); string(got) != "A" || err != nil {
					t.Errorf("after a place came free: %q, %v", got, err)
				}
			})
			if len(s.addresses)+len(s.peers)+len(s.sessions) > 0 {
				t.Error("closed connections are still counted")
			}
		})
	}
}

func TestAdmit(t *testing.T) {
	o := &record{}
	s := &Server{Observe: o, Handler: echo, Admit: func(p *Peer) error {
		if p.Address == "" || p.Listener == "" {
			t.Error("peer without addresses")
		}
		return errors.New("unknown")
	}}
	bubble(t, s, func(t *testing.T, l *pipes) {
		conn := l.dial()
		defer conn.Close()
		if n, err := conn.Write([]byte(framed("A"))); n > 0 || err == nil {
			t.Errorf("%d bytes of a peer that is not admitted were read", n)
		}
		if n, _ := o.count(RefusedAdmit); n != 1 {
			t.Errorf("reasons %v", o.refused)
		}
	})
}
