package mllp

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

var sizes = []int{600, 2 << 10, 60 << 10, 1 << 20}

// stream is a buffer of frames of one size, 4 MiB at least, that can be read for ever.
type stream struct {
	data []byte
	at   int
}

func newStream(size int) *stream {
	one := AppendFrame(nil, bytes.Repeat([]byte("PID|1|\r"), size/7+1)[:size])
	return &stream{data: bytes.Repeat(one, 4<<20/len(one)+1)}
}

func (s *stream) Read(p []byte) (int, error) {
	n := copy(p, s.data[s.at:])
	if s.at += n; s.at == len(s.data) {
		s.at = 0
	}
	return n, nil
}

// BenchmarkReadFrame measures the reader; each frame is handed out in memory of its own.
func BenchmarkReadFrame(b *testing.B) {
	for _, size := range sizes {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			r := NewReader(newStream(size), 2<<20)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if frame, err := r.ReadFrame(); len(frame) != size || err != nil {
					b.Fatal(len(frame), err)
				}
			}
		})
	}
}

// BenchmarkBound is what no reader can go below: find the end with IndexByte and copy the
// content out, with the whole stream already in memory.
func BenchmarkBound(b *testing.B) {
	for _, size := range sizes {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			data := newStream(size).data
			rest := data
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				begin := bytes.IndexByte(rest, StartBlock) + 1
				end := bytes.IndexByte(rest, EndBlock)
				if frame := bytes.Clone(rest[begin:end]); len(frame) != size {
					b.Fatal(len(frame))
				}
				if rest = rest[end+2:]; len(rest) == 0 {
					rest = data
				}
			}
		})
	}
}

// BenchmarkEcho is a server that answers 600 bytes with 100, the load on the same cores.
func BenchmarkEcho(b *testing.B) {
	s := &Server{Handler: HandlerFunc(func(context.Context, *Peer, []byte) Reply { return Reply{Frame: echoReply} })}
	load(b, listen(b, s))
}

// BenchmarkEchoBound is the same load on a server that does nothing but one read and one
// write for a frame: no limit, no clock, no search for the frame.
func BenchmarkEchoBound(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	frame := AppendFrame(nil, echoReply)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				in := make([]byte, idleBuffer)
				for {
					if _, err := conn.Read(in); err != nil {
						return
					}
					if _, err := conn.Write(frame); err != nil {
						return
					}
				}
			}()
		}
	}()
	load(b, l.Addr().String())
}

var echoReply = bytes.Repeat([]byte("x"), 100)

// load sends frames of 600 bytes over 1, 16 and 100 connections and reads the replies.
func load(b *testing.B, address string) {
	frame := AppendFrame(nil, bytes.Repeat([]byte("x"), 600))
	for _, connections := range []int{1, 16, 100} {
		b.Run(fmt.Sprint(connections), func(b *testing.B) {
			var left atomic.Int64
			left.Store(int64(b.N))
			var all sync.WaitGroup
			conns := make([]net.Conn, connections)
			for i := range conns {
				conns[i] = dial(b, address)
			}
			b.ReportAllocs()
			b.ResetTimer()
			for _, conn := range conns {
				all.Go(func() {
					in := make([]byte, len(echoReply)+frameOverhead)
					for left.Add(-1) >= 0 {
						if _, err := conn.Write(frame); err != nil {
							b.Error(err)
							return
						}
						if _, err := io.ReadFull(conn, in); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			all.Wait()
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
		})
	}
}

// BenchmarkIdleConnection reports the memory of the server's side of a connection that has
// been served once and waits.
func BenchmarkIdleConnection(b *testing.B) {
	const connections = 1000
	for b.Loop() {
		s := &Server{Handler: echo, Limits: Limits{Connections: connections, PerAddress: connections}}
		l := newPipes()
		ended := make(chan error, 1)
		go func() { ended <- s.Serve(l) }()
		before := memory()
		conns := make([]net.Conn, connections)
		for i := range conns {
			conns[i] = l.dial()
			conns[i].Write([]byte("\x0bA\x1c\r"))
			io.ReadFull(conns[i], make([]byte, 4))
		}
		b.ReportMetric(float64(memory()-before)/connections, "B/connection")
		for _, conn := range conns {
			conn.Close()
		}
		s.Shutdown(b.Context())
		<-ended
	}
}

// memory returns the bytes in use on the heap and in stacks.
func memory() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}
