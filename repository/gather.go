package repository

import "time"

// gather fills the group with whoever is there. It waits for as many callers as
// the last group held and left behind, because they come back within moments of
// their answers: without a wait the callers settle on two half groups that take
// turns, and on a slow disk that is half the rate. A fixed wait would cost a fast
// disk, so it is a share of the time a commit takes, and shrinks while it is in
// vain.
func (c *committer) gather() {
	began, wait := time.Now(), c.patience.wait(c.took)
	if c.s.vault.seam.hasty {
		wait = 0
	}
	for c.entries < groupEntries && c.bytes < groupBytes {
		select {
		case r, ok := <-c.s.queue:
			if !ok {
				return
			}
			c.take(r)
			continue
		default:
		}
		if len(c.group) >= c.expected {
			c.patience.grow()
			return
		}
		left := wait - time.Since(began)
		if left <= 0 {
			c.patience.shrink()
			return
		}
		if !c.await(left) {
			return
		}
	}
}

// await takes the next caller, and returns false when there will be none. It
// gives up after a time.
func (c *committer) await(left time.Duration) bool {
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case r, ok := <-c.s.queue:
		if ok {
			c.take(r)
		}
		return ok
	case <-timer.C:
		return true
	}
}

// patience is how long gather waits, in sixteenths of the time a commit takes:
// from none to a half. On a fast disk it is longer than that, because there a
// flush costs less time than processor: one for sixteen callers leaves them more
// than four for four each. What has shrunk to nothing is tried again now and
// then, because a disk and its callers change.
type patience struct {
	share  int
	passed int // groups that did not wait
}

const (
	patienceMost  = 8
	patienceRetry = 64
	patienceStep  = 250 * time.Microsecond
	longestWait   = 5 * time.Millisecond
)

func (p *patience) wait(commit time.Duration) time.Duration {
	if p.share == 0 {
		if p.passed--; p.passed > 0 {
			return 0
		}
		p.share = patienceMost
	}
	return min(time.Duration(p.share)*max(commit/16, patienceStep), longestWait)
}

func (p *patience) grow() { p.share = min(2*p.share, patienceMost) }

func (p *patience) shrink() {
	if p.share /= 2; p.share == 0 {
		p.passed = patienceRetry
	}
}
