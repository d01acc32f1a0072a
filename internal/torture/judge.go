package torture

import (
	"fmt"
	"iter"

	"github.com/lockport-hie/lockport"
)

// Findings are the promises that a store has broken. The zero value is a store
// that has kept them all.
type Findings struct {
	Lost       int // acknowledged and not there
	Twice      int // there more than once
	Disordered int // before a message that its sender sent earlier
	Torn       int // a batch of which only a part is there
	Unsent     int // there and never sent
}

// Any reports whether there is any.
func (f Findings) Any() bool { return f != Findings{} }

// String says how many of each, in words for a test.
func (f Findings) String() string {
	return fmt.Sprintf("%d lost, %d twice, %d out of order, %d torn batches, %d never sent", f.Lost, f.Twice, f.Disordered, f.Torn, f.Unsent)
}

// Judge compares what a store holds with what the senders were told. A sender
// has at most one batch under way, so what is there of it ends with the last
// acknowledged batch or with the next; when the tally is behind, with any later
// one.
func (t *Tally) Judge(entries iter.Seq2[*lockport.Entry, error]) (Findings, error) {
	var f Findings
	seen := make(map[int]map[int]bool)
	reach := make(map[int]int) // of each sender, the number behind the highest that is there
	for e, err := range entries {
		if err != nil {
			return f, err
		}
		m, ok := e.Body.(*lockport.Message)
		if !ok {
			continue
		}
		sender, n, ok := parseName(m.ControlID)
		if !ok {
			continue
		}
		if seen[sender] == nil {
			seen[sender] = make(map[int]bool)
		}
		switch {
		case seen[sender][n]:
			f.Twice++
			continue
		case n >= t.Acknowledged(sender)+Batch(sender) && !t.Behind:
			f.Unsent++
		case n < reach[sender]:
			f.Disordered++
		}
		seen[sender][n] = true
		reach[sender] = max(reach[sender], n+1)
	}
	for sender, acknowledged := range t.senders(seen) {
		for first := 0; first < max(acknowledged, reach[sender]); first += Batch(sender) {
			there := 0
			for n := first; n < first+Batch(sender); n++ {
				if seen[sender][n] {
					there++
				}
			}
			switch {
			case first < acknowledged || there == 0: // the sender has sent a later one, so it was told about this one
				f.Lost += Batch(sender) - there
			case there < Batch(sender):
				f.Torn++
			}
		}
	}
	return f, nil
}

// senders yields who was told something or is in the store, and how many
// messages of each are acknowledged.
func (t *Tally) senders(seen map[int]map[int]bool) iter.Seq2[int, int] {
	return func(yield func(int, int) bool) {
		for sender, n := range t.acknowledged {
			if !yield(sender, n) {
				return
			}
		}
		for sender := range seen {
			if _, told := t.acknowledged[sender]; !told && !yield(sender, 0) {
				return
			}
		}
	}
}
