package mllp

import (
	"math/rand/v2"
	"time"
)

// Backoff spaces the attempts to reach a peer that does not answer: the delay doubles
// from Min to Max, and a random part of up to a half is taken off, so that many
// senders do not come back in the same instant.
type Backoff struct {
	Min  time.Duration  // upper bound of the first delay; zero stands for 1 s
	Max  time.Duration  // upper bound of all delays; zero stands for 5 min
	Rand func() float64 // in [0,1); nil stands for math/rand/v2
}

// Delay returns how long to wait after the given number of failures before this one
// (0 after the first). It lies between half the bound and the bound.
func (b Backoff) Delay(attempt int) time.Duration {
	setDefault(&b.Min, time.Second)
	setDefault(&b.Max, 5*time.Minute)
	bound := min(b.Min, b.Max)
	for ; attempt > 0 && bound < b.Max; attempt-- {
		bound = min(2*bound, b.Max)
		if bound <= 0 { // Max is so large that doubling overflowed
			bound = b.Max
		}
	}
	random := rand.Float64
	if b.Rand != nil {
		random = b.Rand
	}
	return bound - time.Duration(random()*float64(bound/2))
}
