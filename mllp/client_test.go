package mllp

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// written takes the SendError apart; the test fails if err is none.
func written(t testing.TB, err error) bool {
	t.Helper()
	var failure *SendError
	if !errors.As(err, &failure) {
		t.Fatalf("%v is no SendError", err)
	}
	return failure.Written
}

// provider is the other end of a client: a net.Pipe for each dial, served by the
// functions in turn. It must run in a synctest bubble.
type provider struct {
	serve []func(conn net.Conn, r *Reader)
	dials int
}

func (p *provider) dial(context.Context, string) (net.Conn, error) {
	if p.dials == len(p.serve) {
		return nil, errors.New("refused")
	}
	near, far := net.Pipe()
	serve := p.serve[p.dials]
	p.dials++
	go func() {
		defer far.Close()
		serve(far, NewReader(far, 0))
	}()
	return near, nil
}

// answers answers each frame by the reply that is made of it until the client goes.
func answers(reply func(frame []byte) string) func(net.Conn, *Reader) {
	return func(conn net.Conn, r *Reader) {
		for {
			frame, err := r.ReadFrame()
			if err != nil {
				return
			}
			if _, err := conn.Write([]byte(reply(frame))); err != nil {
				return
			}
		}
	}
}

// ack is a good answer.
func ack(frame []byte) string { return framed("ack " + string(frame)) }

// acknowledges matches replies with what was sent.
func acknowledges(sent, reply []byte) bool { return bytes.HasSuffix(reply, sent) }

func TestExchange(t *testing.T) {
	type step struct {
		send    string
		want    string // reply, or part of the error after "!"
		written bool
		after   time.Duration // time the exchange takes
	}
	silent := func(_ net.Conn, r *Reader) { r.ReadFrame(); r.ReadFrame() }
	for _, c := range []struct {
		name  string
		serve []func(net.Conn, *Reader)
		match bool
		steps []step
	}{
		{"one connection for all", []func(net.Conn, *Reader){answers(ack)}, false,
			[]step{{send: "1", want: "ack 1"}, {send: "2", want: "ack 2"}, {send: "", want: "ack "}}},
		{"no one there", nil, false, []step{{send: "1", want: "!refused"}}},
		{"cannot be framed", []func(net.Conn, *Reader){answers(ack)}, false,
			[]step{{send: "1", want: "ack 1"}, {send: "a" + fscr + vt + "b", want: "!framed"}, {send: "2", want: "ack 2"}}},
		{"no reply: closed and dialled anew", []func(net.Conn, *Reader){silent, answers(ack)}, false,
			[]step{{send: "1", want: "!no reply", written: true, after: 30 * time.Second}, {send: "2", want: "ack 2"}}},
		{"late reply is never taken for the next", []func(net.Conn, *Reader){func(conn net.Conn, r *Reader) {
			frame, _ := r.ReadFrame()
			time.Sleep(31 * time.Second)
			conn.Write([]byte(ack(frame)))
		}, answers(ack)}, false,
			[]step{{send: "1", want: "!no reply", written: true, after: 30 * time.Second}, {send: "2", want: "ack 2"}}},
		{"second reply, matched", []func(net.Conn, *Reader){answers(func(f []byte) string { return ack(f) + ack(f) })}, true,
			[]step{{send: "1", want: "ack 1"}, {send: "2", want: "ack 2"}, {send: "3", want: "ack 3"}}},
		{"second reply, not matched", []func(net.Conn, *Reader){
			answers(func(f []byte) string { return ack(f) + ack(f) }), answers(ack)}, false,
			[]step{{send: "1", want: "ack 1"}, {send: "2", want: "ack 2"}}},
		{"only foreign replies", []func(net.Conn, *Reader){answers(func([]byte) string { return framed("ack 0", "ack 9") })}, true,
			[]step{{send: "1", want: "!no reply", written: true, after: 30 * time.Second}}},
		{"closed instead of an answer", []func(net.Conn, *Reader){func(_ net.Conn, r *Reader) { r.ReadFrame() }, answers(ack)}, false,
			[]step{{send: "1", want: "!peer closed", written: true}, {send: "2", want: "ack 2"}}},
		{"closed between two messages", []func(net.Conn, *Reader){func(conn net.Conn, r *Reader) {
			frame, _ := r.ReadFrame()
			conn.Write([]byte(ack(frame)))
		}, answers(ack)}, false,
			[]step{{send: "1", want: "ack 1"}, {send: "2", want: "ack 2"}}},
		{"half a reply", []func(net.Conn, *Reader){answers(func([]byte) string { return vt + "ac" })}, false,
			[]step{{send: "1", want: "!no reply", written: true, after: 30 * time.Second}}},
		{"reply without carriage return", []func(net.Conn, *Reader){answers(func([]byte) string { return vt + "ack" + fs })}, false,
			[]step{{send: "1", want: "ack", after: TrailerGrace}, {send: "2", want: "ack", after: TrailerGrace}}},
		{"reply too large", []func(net.Conn, *Reader){answers(func([]byte) string { return framed(strings.Repeat("x", 200)) }), answers(ack)}, false,
			[]step{{send: "1", want: "!larger than 100", written: true}, {send: "2", want: "ack 2"}}},
		{"peer does not read", []func(net.Conn, *Reader){func(conn net.Conn, _ *Reader) { time.Sleep(time.Hour) }, answers(ack)}, false,
			[]step{{send: "1", want: "!timeout", written: false, after: 5 * time.Second}, {send: "2", want: "ack 2"}}},
		{"peer reads half", []func(net.Conn, *Reader){func(conn net.Conn, _ *Reader) {
			conn.Read(make([]byte, 2))
			time.Sleep(time.Hour)
		}}, false, []step{{send: "12345", want: "!timeout", written: true, after: 5 * time.Second}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &provider{serve: c.serve}
				client := &Client{Dial: p.dial, MaxFrame: 100}
				if c.match {
					client.Match = acknowledges
				}
				for _, s := range c.steps {
					begin := time.Now()
					got, err := client.Exchange(t.Context(), []byte(s.send))
					if took := time.Since(begin); took != s.after {
						t.Errorf("%q took %v, want %v", s.send, took, s.after)
					}
					if part, fails := strings.CutPrefix(s.want, "!"); fails {
						if err == nil || !strings.Contains(err.Error(), part) || written(t, err) != s.written {
							t.Errorf("%q: %q, error %v", s.send, got, err)
						}
					} else if string(got) != s.want || err != nil {
						t.Errorf("%q: %q, %v", s.send, got, err)
					}
					synctest.Wait()
				}
				client.Close()
				if p.dials != len(c.serve) {
					t.Errorf("%d dials, want %d", p.dials, len(c.serve))
				}
				time.Sleep(2 * time.Hour) // lets the provider's sleepers end
			})
		})
	}
}

func TestExchangeHeedsItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &provider{serve: []func(net.Conn, *Reader){func(_ net.Conn, r *Reader) { r.ReadFrame(); r.ReadFrame() }, answers(ack)}}
		client := &Client{Dial: p.dial}
		defer client.Close()
		first, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		second, cancel2 := context.WithTimeout(t.Context(), time.Second)
		defer cancel2()
		go func() {
			synctest.Wait()
			_, err := client.Exchange(second, []byte("waiting for its turn"))
			if !errors.Is(err, context.DeadlineExceeded) || written(t, err) {
				t.Errorf("second: %v", err)
			}
		}()
		_, err := client.Exchange(first, []byte("1"))
		if !errors.Is(err, context.DeadlineExceeded) || !written(t, err) {
			t.Errorf("first: %v", err)
		}
		if got, err := client.Exchange(t.Context(), []byte("2")); string(got) != "ack 2" || err != nil {
			t.Errorf("after a context's end: %q, %v", got, err)
		}
	})
}

func TestClientClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &provider{serve: []func(net.Conn, *Reader){func(_ net.Conn, r *Reader) { r.ReadFrame(); r.ReadFrame() }}}
		client := &Client{Dial: p.dial}
		go func() {
			time.Sleep(time.Second)
			client.Close()
		}()
		if _, err := client.Exchange(t.Context(), []byte("1")); !written(t, err) {
			t.Errorf("exchange that was under way: %v", err)
		}
		if _, err := client.Exchange(t.Context(), []byte("2")); !errors.Is(err, ErrClientClosed) || written(t, err) {
			t.Errorf("exchange after Close: %v", err)
		}
	})
}

func TestRelease2(t *testing.T) {
	const ok, no = "\x06", "\x15"
	t.Run("server and client", func(t *testing.T) {
		var frames []string
		s := &Server{Release2: true, Limits: Limits{Frame: 20}, TooLarge: func(*Peer, int) []byte { return []byte("too large") }}
		s.Handler = HandlerFunc(func(_ context.Context, _ *Peer, frame []byte) Reply {
			frames = append(frames, string(frame))
			switch string(frame) {
			case "full":
				return Reply{Nak: true}
			case "commit only":
				return Reply{}
			}
			return Reply{Frame: append([]byte("ack "), frame...)}
		})
		bubble(t, s, func(t *testing.T, l *pipes) {
			client := &Client{Release2: true, Dial: func(context.Context, string) (net.Conn, error) { return l.dial(), nil }}
			defer client.Close()
			for _, content := range []string{"1", "2"} {
				if got, err := client.Exchange(t.Context(), []byte(content)); string(got) != "ack "+content || err != nil {
					t.Errorf("got %q, %v", got, err)
				}
			}
			if _, err := client.Exchange(t.Context(), []byte("full")); !errors.Is(err, ErrCommitRefused) || written(t, err) {
				t.Errorf("negative commit: %v", err)
			}
			client.CommitOnly = true
			if got, err := client.Exchange(t.Context(), []byte("commit only")); got != nil || err != nil {
				t.Errorf("commit only: %q, %v", got, err)
			}
			if _, err := client.Exchange(t.Context(), bytes.Repeat([]byte("x"), 21)); !errors.Is(err, ErrCommitRefused) {
				t.Errorf("too large: %v", err)
			}
		})
		if got := strings.Join(frames, ","); got != "1,2,full,commit only" {
			t.Errorf("the handler saw %q", got) // and no commit block of the client
		}
	})
	t.Run("bytes of a release 2 exchange", func(t *testing.T) {
		bubble(t, &Server{Release2: true, Handler: echo}, func(t *testing.T, l *pipes) {
			conn := l.dial()
			defer conn.Close()
			go conn.Write([]byte(framed("A", ok, "B", no, "C")))
			r := NewReader(conn, 0)
			for _, want := range []string{ok, "A", ok, "B", ok, "C"} {
				if got, err := r.ReadFrame(); string(got) != want || err != nil {
					t.Errorf("got %q, %v; want %q", got, err, want)
				}
			}
		})
	})
	t.Run("peer that knows only release 1", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var seen []string
			p := &provider{serve: []func(net.Conn, *Reader){answers(func(f []byte) string { seen = append(seen, string(f)); return ack(f) })}}
			client := &Client{Release2: true, Dial: p.dial}
			for _, content := range []string{"1", "2"} {
				if got, err := client.Exchange(t.Context(), []byte(content)); string(got) != "ack "+content || err != nil {
					t.Errorf("got %q, %v", got, err)
				}
			}
			client.Close()
			if len(seen) != 2 {
				t.Errorf("the peer saw %q", seen)
			}
		})
	})
	t.Run("release 1 hands commit blocks on", func(t *testing.T) {
		bubble(t, &Server{Handler: echo}, func(t *testing.T, l *pipes) {
			conn := l.dial()
			defer conn.Close()
			go conn.Write([]byte(framed(ok)))
			if got, err := NewReader(conn, 0).ReadFrame(); string(got) != ok || err != nil {
				t.Errorf("got %q, %v", got, err)
			}
		})
	})
}

func TestBackoff(t *testing.T) {
	most := func() float64 { return 0 }
	least := func() float64 { return 1 - 1e-12 }
	for _, c := range []struct {
		min, max time.Duration
		attempt  int
		want     time.Duration
	}{
		{time.Second, 5 * time.Minute, 0, time.Second},
		{time.Second, 5 * time.Minute, 3, 8 * time.Second},
		{time.Second, 5 * time.Minute, 9, 5 * time.Minute},
		{time.Second, 5 * time.Minute, 1 << 40, 5 * time.Minute},
		{time.Second, 5 * time.Minute, -1, time.Second},
		{time.Minute, time.Second, 0, time.Second},
		{0, 0, 0, time.Second},
		{0, 0, 100, 5 * time.Minute},
		{time.Second, 1<<63 - 1, 100, 1<<63 - 1},
	} {
		if got := (Backoff{c.min, c.max, most}).Delay(c.attempt); got != c.want {
			t.Errorf("longest of %v after %d: %v", c, c.attempt, got)
		}
		if got := (Backoff{c.min, c.max, least}).Delay(c.attempt); got < c.want/2 || got > c.want/2+c.want/1000 {
			t.Errorf("shortest of %v after %d: %v", c, c.attempt, got)
		}
		if got := (Backoff{Min: c.min, Max: c.max}).Delay(c.attempt); got < c.want/2 || got > c.want {
			t.Errorf("random of %v after %d: %v", c, c.attempt, got)
		}
	}
}
