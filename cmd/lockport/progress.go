package main

import (
	"fmt"
	"io"
	"time"
)

// progress counts long work on stderr when that is a terminal, at most five times a second.
type progress struct {
	out   io.Writer // nil draws nothing
	now   func() time.Time
	what  string
	drawn time.Time
	shown bool
	began time.Time
}

// newProgress returns a counter that draws only where somebody looks.
func (env *environment) newProgress(what string) *progress {
	p := &progress{what: what, now: env.Now, began: env.Now()}
	if !env.Quiet && terminal(env.Err) {
		p.out = env.Err
	}
	return p
}

// set tells how much is done.
func (p *progress) set(n int) {
	now := p.now()
	if p.out == nil || now.Sub(p.drawn) < 200*time.Millisecond {
		return
	}
	p.drawn, p.shown = now, true
	fmt.Fprintf(p.out, "\r\x1b[K%d %s", n, p.what)
}

// of tells how much of how much is done, with the rate since the beginning and the
// time that is left at that rate.
func (p *progress) of(done, total uint64) {
	now := p.now()
	if p.out == nil || now.Sub(p.drawn) < 200*time.Millisecond {
		return
	}
	p.drawn, p.shown = now, true
	rate := float64(done) / max(now.Sub(p.began).Seconds(), 0.001)
	left := time.Duration(float64(total-min(done, total)) / max(rate, 0.001) * float64(time.Second)).Round(time.Second)
	fmt.Fprintf(p.out, "\r\x1b[K%d of %d %s, %.0f a second, %v left", done, total, p.what, rate, left)
}

// clear makes room for a line of output.
func (p *progress) clear() {
	if p.shown {
		fmt.Fprint(p.out, "\r\x1b[K")
		p.shown = false
	}
}
