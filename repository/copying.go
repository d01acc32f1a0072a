package repository

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"time"
)

// How much is copied, and flushed, at a time: a disk that is handed gigabytes at
// once keeps the journal's next flush waiting for all of them.
const (
	copyChunk = 512 << 10
	copyFlush = 8 << 20
)

// copying copies many runs of bytes at one rate and counts them.
type copying struct {
	rate     int64 // bytes a second; 0 or less is no limit
	now      func() time.Time
	progress func(done, total int64)
	total    int64
	done     int64
	began    time.Time
	buf      []byte
	target   func() error // seams.target
}

func (c *copying) begin(progress func(done, total int64)) {
	c.progress, c.buf = progress, make([]byte, copyChunk)
}

// limit bounds the bytes of a second.
func (c *copying) limit(rate int64, now func() time.Time) {
	if rate == 0 {
		rate = DefaultBackupRate
	}
	c.rate, c.now, c.began = rate, now, now()
}

// run is a run of bytes of one file on its way to another.
type run struct {
	from  *os.File
	at    int64
	bytes int64
	to    *os.File // nil only looks at the bytes
	sum   hash.Hash
	pass  *passage // nil for what is no journal
	spare bool     // nobody needs from in memory afterwards
}

// run copies one run behind what is in the target already.
func (c *copying) run(ctx context.Context, r run) error {
	var flushed int64
	flush := func(upto int64) error {
		if r.spare {
			dontNeed(r.from, r.at+flushed, upto-flushed)
		}
		if r.to == nil {
			flushed = upto
			return nil
		}
		if err := flushData(r.to); err != nil {
			return err
		}
		// A part of a page that is not flushed stays where it is.
		dontNeed(r.to, 0, 0)
		flushed = upto
		return nil
	}
	for n := int64(0); n < r.bytes; {
		chunk := c.buf[:min(int64(len(c.buf)), r.bytes-n)]
		if _, err := r.from.ReadAt(chunk, r.at+n); err != nil {
			if errors.Is(err, io.EOF) {
				return damaged(r.from.Name(), fmt.Errorf("it ends before byte %d", r.at+r.bytes))
			}
			return damaged(r.from.Name(), fmt.Errorf("bytes %d to %d cannot be read: %w", r.at+n, r.at+n+int64(len(chunk)), err))
		}
		if _, err := r.sum.Write(chunk); err != nil {
			return err
		}
		if r.pass != nil {
			if _, err := r.pass.Write(chunk); err != nil {
				return err
			}
		}
		if err := c.write(r.to, chunk); err != nil {
			return err
		}
		n += int64(len(chunk))
		if n-flushed >= copyFlush || n == r.bytes {
			if err := flush(n); err != nil {
				return err
			}
		}
		if err := c.pace(ctx, len(chunk)); err != nil {
			return err
		}
	}
	return nil
}

func (c *copying) write(to *os.File, chunk []byte) error {
	if to == nil {
		return nil
	}
	if c.target != nil {
		if err := c.target(); err != nil {
			return err
		}
	}
	if _, err := to.Write(chunk); err != nil {
		return err
	}
	// So that the flush that follows finds little left to write.
	beginFlush(to, 0, 0)
	return nil
}

// pace counts bytes and waits until as many are due.
func (c *copying) pace(ctx context.Context, n int) error {
	c.done += int64(n)
	if c.progress != nil {
		c.progress(c.done, c.total)
	}
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	if c.rate <= 0 {
		return nil
	}
	early := time.Duration(float64(c.done)/float64(c.rate)*1e9) - c.now().Sub(c.began)
	if early <= 0 {
		return nil
	}
	t := time.NewTimer(early)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
