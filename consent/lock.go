package consent

import (
	"context"
	"encoding/binary"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lockport-hie/lockport"
)

// stripes is the number of locks that all identifiers share. Two patients on one
// stripe wait for each other's directives, never for each other's readers.
const stripes = 1024

// cutLimit is when a directive no longer waits for readers that were cut: they
// can release nothing any more.
const cutLimit = 5 * time.Second

// locks are the read and write sides of identifiers. Everyone takes stripes in
// ascending order, which excludes deadlock, and waits in line on each, which
// starves nobody.
type locks [stripes]stripe

type stripe struct {
	mu      sync.Mutex
	readers map[*hold]struct{}
	writing bool
	line    []*waiter // who waits, in order
}

type waiter struct {
	hold    *hold // nil for a writer
	ready   chan struct{}
	granted bool // guarded by the stripe's mu; ready is closed with it
}

// hold is the read side of one reader: a context that a writer can end, and the
// stripes that are held.
type hold struct {
	ctx    context.Context
	cancel context.CancelFunc
	cutOff atomic.Bool
	locks  *locks
	held   []int
}

func newHold(ctx context.Context, l *locks) *hold {
	h := &hold{locks: l}
	h.ctx, h.cancel = context.WithCancel(ctx)
	return h
}

// cut ends the reader: nothing is released under it from here on.
func (h *hold) cut() {
	h.cutOff.Store(true)
	h.cancel()
}

func (h *hold) isCut() bool { return h.cutOff.Load() }

// release gives back every stripe and ends the context.
func (h *hold) release() {
	h.cancel()
	for _, i := range h.held {
		s := &h.locks[i]
		s.mu.Lock()
		delete(s.readers, h)
		s.pump()
		s.mu.Unlock()
	}
	h.held = nil
}

// read takes the read side of the stripes, which are ascending. It fails when the
// hold's context ends; what it has by then is held until release.
func (h *hold) read(indexes []int) error {
	for _, i := range indexes {
		s := &h.locks[i]
		if err := s.enter(h.ctx, &waiter{hold: h, ready: make(chan struct{})}, nil); err != nil {
			return err
		}
		h.held = append(h.held, i)
	}
	return h.ctx.Err()
}

// patience is how long a writer waits for readers, over all the stripes it takes.
type patience struct {
	cut, force *time.Timer
	stage      int // 0 waiting, 1 readers are cut, 2 readers no longer count
}

func newPatience(drain time.Duration) *patience {
	return &patience{cut: time.NewTimer(drain), force: time.NewTimer(cutLimit)}
}

func (p *patience) stop() {
	p.cut.Stop()
	p.force.Stop()
}

// write takes the write side of the stripes, which are ascending, and returns
// what gives it back. It fails only when ctx ends.
func (l *locks) write(ctx context.Context, indexes []int, p *patience) (func(), error) {
	var held []int
	unlock := func() {
		for _, i := range held {
			s := &l[i]
			s.mu.Lock()
			s.writing = false
			s.pump()
			s.mu.Unlock()
		}
		held = nil
	}
	for _, i := range indexes {
		if err := l[i].enter(ctx, &waiter{ready: make(chan struct{})}, p); err != nil {
			unlock()
			return nil, err
		}
		held = append(held, i)
	}
	return unlock, nil
}

// enter waits in line until w has the stripe. p is given for a writer.
func (s *stripe) enter(ctx context.Context, w *waiter, p *patience) error {
	s.mu.Lock()
	s.line = append(s.line, w)
	s.pump()
	if p != nil {
		s.press(w, p.stage)
	}
	s.mu.Unlock()
	var cut, force <-chan time.Time
	if p != nil {
		cut, force = p.cut.C, p.force.C
	}
	for {
		select {
		case <-w.ready:
			return nil
		case <-ctx.Done():
			return s.leave(ctx, w)
		case <-cut:
			p.stage = max(p.stage, 1)
		case <-force:
			p.stage = 2
		}
		s.mu.Lock()
		s.press(w, p.stage)
		s.mu.Unlock()
	}
}

// leave takes w out of the line after its context has ended. Where it was
// granted meanwhile it keeps the stripe.
func (s *stripe) leave(ctx context.Context, w *waiter) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w.granted {
		return nil
	}
	s.line = slices.DeleteFunc(s.line, func(o *waiter) bool { return o == w })
	s.pump()
	return ctx.Err()
}

// press makes way for writer w: from stage 1 every reader before it is cut, at
// stage 2 those that hold the stripe no longer count.
func (s *stripe) press(w *waiter, stage int) {
	if stage == 0 || w.granted {
		return
	}
	for h := range s.readers {
		h.cut()
		if stage == 2 {
			delete(s.readers, h)
		}
	}
	for _, o := range s.line {
		if o == w {
			break
		}
		if o.hold != nil {
			o.hold.cut()
		}
	}
	s.pump()
}

// pump lets in whoever is first in line and may come in.
func (s *stripe) pump() {
	for len(s.line) > 0 {
		w := s.line[0]
		switch {
		case s.writing, w.hold == nil && len(s.readers) > 0:
			return
		case w.hold == nil:
			s.writing = true
		default:
			if s.readers == nil {
				s.readers = map[*hold]struct{}{}
			}
			s.readers[w.hold] = struct{}{}
		}
		w.granted = true
		close(w.ready)
		s.line = s.line[1:]
	}
}

// stripesOf returns the stripes of tokens, ascending and each once. A token is a
// keyed hash, so that any eight bytes of it spread evenly.
func stripesOf(tokens []lockport.Token) []int {
	indexes := make([]int, len(tokens))
	for i, t := range tokens {
		indexes[i] = int(binary.BigEndian.Uint64(t[:8]) % stripes)
	}
	slices.Sort(indexes)
	return slices.Compact(indexes)
}
