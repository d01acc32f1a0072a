package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/lockport-hie/lockport/mllp"
)

// plainFlushes returns how often a second 4 KiB can be appended to a file and flushed.
func plainFlushes(path string, lasting time.Duration) (float64, error) {
	f, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }()
	page, n, began := bytes.Repeat([]byte{0xA5}, 4096), 0, time.Now()
	for time.Since(began) < lasting {
		if _, err := f.Write(page); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
		n++
	}
	return float64(n) / time.Since(began).Seconds(), nil
}

// bareSink stores what it gets with one flush for whoever waits, and knows
// nothing about it: what a server of messages cannot be faster than.
type bareSink struct {
	file  *os.File
	queue chan bareMessage
	flush time.Duration
}

type bareMessage struct {
	content []byte
	done    chan error
}

func (b *bareSink) run() {
	for first := range b.queue {
		group := []bareMessage{first}
		for more := true; more && len(group) < 4096; {
			select {
			case m, ok := <-b.queue:
				if more = ok; ok {
					group = append(group, m)
				}
			default:
				more = false
			}
		}
		var all []byte
		for _, m := range group {
			all = append(all, m.content...)
		}
		_, err := b.file.Write(all)
		if err == nil {
			err = b.file.Sync()
			time.Sleep(b.flush)
		}
		for _, m := range group {
			m.done <- err
		}
	}
}

func (b *bareSink) handle(_ context.Context, _ *mllp.Peer, content []byte) mllp.Reply {
	m := bareMessage{bytes.Clone(content), make(chan error, 1)}
	b.queue <- m
	if err := <-m.done; err != nil {
		return mllp.Reply{}
	}
	id := "?"
	if fields := strings.SplitN(string(content[:min(len(content), 300)]), "|", 11); len(fields) > 10 {
		id = fields[9]
	}
	return mllp.Reply{Frame: []byte("MSH|^~\\&|BARE|BARE|CORELAB|NORTHFIELD|20260301121500||ACK^R01^ACK|1|P|2.5.1\rMSA|AA|" + id + "\r")}
}

// benchBare measures the bare server under the same load.
func benchBare(ctx context.Context, path string, o benchOptions, connections int) (float64, error) {
	f, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	sink := &bareSink{file: f, queue: make(chan bareMessage, 4096), flush: o.flush}
	go sink.run()
	server := &mllp.Server{Handler: mllp.HandlerFunc(sink.handle)}
	go func() { _ = server.Serve(l) }() // it ends with an error only when it is shut down
	load := &benchLoad{address: l.Addr().String(), connections: connections, patients: o.patients, lasting: min(o.lasting, 3*time.Second)}
	result, err := load.run(ctx)
	took := time.Since(load.began)
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	if e := server.Shutdown(closing); err == nil {
		err = e
	}
	close(sink.queue)
	return float64(len(result.took)) / took.Seconds(), err
}

// folderBytes returns what the files below a folder take on disk.
func folderBytes(dir string) int64 {
	var n int64
	_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		var st syscall.Stat_t
		if err == nil && !d.IsDir() && syscall.Stat(path, &st) == nil {
			n += st.Blocks * 512
		}
		return nil
	})
	return n
}

// processWritten returns the bytes that this process had the disk write; 0
// where the system does not tell.
func processWritten() int64 { return procField("/proc/self/io", "write_bytes:") }

// anonymousMemory returns the bytes of memory that are no file's; 0 where the
// system does not tell.
func anonymousMemory() int64 { return procField("/proc/self/status", "RssAnon:") << 10 }

func procField(path, name string) int64 {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == name {
			n, err := strconv.ParseInt(fields[1], 10, 64)
			if err != nil {
				return 0
			}
			return n
		}
	}
	return 0
}
