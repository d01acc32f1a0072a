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
}

// newProgress returns a counter that draws only where somebody looks.
func (env *environment) newProgress(what string) *progress {
	p := &progress{what: what, now: env.Now}
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

// clear makes room for a line of output.
func (p *progress) clear() {
	if p.shown {
		fmt.Fprint(p.out, "\r\x1b[K")
		p.shown = false
	}
}
