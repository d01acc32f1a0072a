package mllp

import (
	"bytes"
	"net"
	"slices"
	"sync"
	"testing"
	"time"
)

// crowd opens idle connections, and others that send a byte of a frame each 5 s, from
// loopback addresses of their own so that ports do not run out. It returns when all
// are open; stop closes them.
func crowd(b *testing.B, address string, idle, dripping int) (stop func()) {
	b.Helper()
	var conns []net.Conn
	var all sync.WaitGroup
	end := make(chan struct{})
	for i := range idle + dripping {
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(i%250+1))}}
		conn, err := dialer.Dial("tcp", address)
		if err != nil {
			b.Skipf("SKIPPED: only %d of %d connections can be opened here: %v", i, idle+dripping, err)
		}
		conns = append(conns, conn)
		if i < idle {
			continue
		}
		conn.Write([]byte{StartBlock})
		all.Go(func() {
			tick := time.NewTicker(5 * time.Second)
			defer tick.Stop()
			for {
				select {
				case <-tick.C:
					if _, err := conn.Write([]byte{'x'}); err != nil {
						return
					}
				case <-end:
					return
				}
			}
		})
	}
	return func() {
		close(end)
		all.Wait()
		for _, conn := range conns {
			conn.Close()
		}
	}
}

// BenchmarkGoodSenders measures the latency of 50 good senders alone and in bad company.
// The memory per connection holds both ends, which live in this process.
func BenchmarkGoodSenders(b *testing.B) {
	for _, c := range []struct {
		name           string
		idle, dripping int
	}{{"alone", 0, 0}, {"beside 5000 idle and 500 dripping", 5000, 500}} {
		b.Run(c.name, func(b *testing.B) {
			address, shut := serve(b, &Server{Handler: echo})
			defer shut()
			before := memory()
			stop := crowd(b, address, c.idle, c.dripping)
			defer stop()
			held := memory() - before
			latencies(b, address)
			if n := c.idle + c.dripping; n > 0 {
				b.ReportMetric(float64(held)/float64(n), "B/connection")
			}
		})
	}
}

// latencies sends b.N messages over 50 connections, paced so that the cores are not the
// limit, and reports the median and the 99th percentile.
func latencies(b *testing.B, address string) {
	const senders = 50
	var mu sync.Mutex
	var took []time.Duration
	var all sync.WaitGroup
	b.ResetTimer()
	for range senders {
		client := &Client{Address: address}
		all.Go(func() {
			defer client.Close()
			content := bytes.Repeat([]byte("x"), 600)
			own := make([]time.Duration, 0, b.N/senders+1)
			pace := time.NewTicker(10 * time.Millisecond)
			defer pace.Stop()
			for range b.N/senders + 1 {
				<-pace.C
				begin := time.Now()
				if _, err := client.Exchange(b.Context(), content); err != nil {
					b.Error(err)
					return
				}
				own = append(own, time.Since(begin))
			}
			mu.Lock()
			took = append(took, own...)
			mu.Unlock()
		})
	}
	all.Wait()
	b.StopTimer()
	slices.Sort(took)
	if len(took) > 0 {
		b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
		b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
	}
}
