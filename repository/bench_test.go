package repository

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/lockport-hie/lockport"
)

// BenchmarkAppend measures how many messages of 1.5 KB become durable a second,
// beside a plain append and flush of 4 KiB on the same disk in the same run. All
// entries are projected when the clock stops.
func BenchmarkAppend(b *testing.B) {
	for _, senders := range []int{1, 16, 100} {
		b.Run(fmt.Sprintf("senders=%d", senders), func(b *testing.B) {
			benchmarkAppend(b, senders)
		})
	}
	b.Run("plain append and fdatasync of 4 KiB", benchmarkPlainAppend)
}

func benchmarkAppend(b *testing.B, senders int) {
	s := openNew(b, &busyRules{})
	dir := s.dir
	var next atomic.Int64
	var wg sync.WaitGroup
	var before, after syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	b.ResetTimer()
	for range senders {
		wg.Go(func() {
			for {
				i := next.Add(1)
				if i > int64(b.N) {
					return
				}
				if _, err := s.Append(b.Context(), []lockport.Entry{oru(int(i))}); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	backlog := s.backlog()
	for s.Applied() < s.End() { // however long a loaded machine takes
		moved := s.moved.wait()
		if s.Applied() < s.End() {
			<-moved
		}
	}
	b.StopTimer()
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	stats := s.Stats()
	n := float64(b.N)
	b.ReportMetric(n/b.Elapsed().Seconds(), "msg/s")
	b.ReportMetric(float64(backlog), "backlog")
	b.ReportMetric(n/float64(stats.Commits), "msg/commit")
	b.ReportMetric(float64(stats.CommitP50.Microseconds()), "commit-p50-µs")
	b.ReportMetric(float64(stats.CommitP99.Microseconds()), "commit-p99-µs")
	cpu := after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
	b.ReportMetric(float64(cpu)/n/1000, "cpu-µs/msg")
	b.ReportMetric(float64(after.Oublock-before.Oublock)*512/n/1024, "KiB-written/msg")
	if err := s.Close(b.Context()); err != nil {
		b.Fatal(err)
	}
	used := 0.0
	names, _ := filepath.Glob(filepath.Join(dir, "*.[bl]o*"))
	for _, name := range names {
		used += float64(diskUsage(name))
	}
	b.ReportMetric(used/n, "B-on-disk/msg")
}

func benchmarkPlainAppend(b *testing.B) {
	f, err := os.Create(filepath.Join(b.TempDir(), "plain"))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	page := make([]byte, 4096)
	b.ResetTimer()
	for range b.N {
		if _, err := f.Write(page); err != nil {
			b.Fatal(err)
		}
		if err := flushData(f); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "appends/s")
}

// BenchmarkPrepare measures what each sender does by itself: encoding,
// compressing and sealing.
func BenchmarkPrepare(b *testing.B) {
	s := openNew(b, &busyRules{})
	entries := make([]lockport.Entry, 512)
	raw, sealed := 0, 0
	for i := range entries {
		entries[i] = oru(i)
		raw += len(entries[i].Body.(*lockport.Message).Raw)
	}
	b.ResetTimer()
	i := 0
	for b.Loop() {
		p, err := s.prepare(&entries[i%len(entries)])
		if err != nil {
			b.Fatal(err)
		}
		if i < len(entries) {
			sealed += len(p.sealed) + headerSize
		}
		i++
	}
	b.ReportMetric(float64(raw)/float64(len(entries)), "raw-B")
	b.ReportMetric(float64(sealed)/float64(min(i, len(entries))), "stored-B")
	runtime.KeepAlive(s)
}
