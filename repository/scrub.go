package repository

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/lockport-hie/lockport"
)

const scrubName = "scrub.json"

const (
	scrubEvery = 7 * 24 * time.Hour
	scrubFirst = 10 * time.Minute // after opening, which has enough to do
	// scrubRate is how many bytes a second are read while nothing is appended, and
	// scrubBusy how many times slower it goes while something is: a server that
	// is never idle is read through as well.
	scrubRate = 8 << 20
	scrubBusy = 10
	scrubRows = 128 // of the record in one transaction
)

// ScrubReport says what the last complete scrub has found. It holds no content.
type ScrubReport struct {
	Began    time.Time `json:"began"`
	Finished time.Time `json:"finished"` // zero: there was none yet
	Bytes    int64     `json:"bytes"`    // read
	Findings []Finding `json:"findings"`
}

// scrubs keeps what the last scrub has found.
type scrubs struct {
	mu   sync.Mutex
	last ScrubReport
}

// LastScrub returns what the last complete scrub has found.
func (s *Store) LastScrub() ScrubReport {
	s.scrubs.mu.Lock()
	defer s.scrubs.mu.Unlock()
	return s.scrubs.last
}

// loadScrub reads when the store was scrubbed last. A file that does not read
// only means that it is done again.
func (s *Store) loadScrub() {
	var last ScrubReport
	b, err := os.ReadFile(filepath.Join(s.dir, scrubName))
	if err == nil && json.Unmarshal(b, &last) == nil {
		s.scrubs.last = last
	}
}

func (s *Store) keepScrub(r ScrubReport) error {
	s.scrubs.mu.Lock()
	s.scrubs.last = r
	s.scrubs.mu.Unlock()
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	path := filepath.Join(s.dir, scrubName)
	if err := os.WriteFile(path+".new", b, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// Scrub reads once a week all that is stored, slowly and more slowly while
// entries arrive: every seal of the journal and its chain, every row of the
// record, every run of the window. So damage is found while there is a backup
// without it. found is called for each finding as it comes. It runs until the
// context ends or the store closes; a pass that was cut short begins anew.
func (s *Store) Scrub(ctx context.Context, found func(Finding)) error {
	for {
		wait := scrubFirst
		if last := s.LastScrub().Finished; !last.IsZero() {
			wait = max(wait, last.Add(scrubEvery).Sub(s.now()))
		}
		if !s.rest(ctx, wait) {
			return nil
		}
		p := &scrubbing{s: s, tell: found, report: ScrubReport{Began: s.now(), Findings: []Finding{}}}
		err := p.run(ctx)
		if ctx.Err() != nil || errors.Is(err, errClosing) || lockport.KindOf(err) == lockport.Unavailable {
			return nil
		}
		if err != nil {
			return classify("scrub", err)
		}
		p.report.Finished = s.now()
		if err := s.keepScrub(p.report); err != nil && !full(err) {
			return classify("scrub", err)
		}
	}
}

// errClosing ends a scrub when the store closes.
var errClosing = errors.New("the store is closing")

// rest waits, and reports whether to go on.
func (s *Store) rest(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
	case <-s.closing:
	case <-s.failed:
	}
	return false
}

// scrubbing is one pass.
type scrubbing struct {
	s      *Store
	tell   func(Finding)
	report ScrubReport
	end    lockport.Seq  // of the journal, when it was last looked at
	owed   time.Duration // of rest
}

func (p *scrubbing) run(ctx context.Context) error {
	if err := p.journal(ctx); err != nil {
		return err
	}
	for t := lockport.TableCounters; t <= lockport.LastTable; t++ {
		if err := p.table(ctx, t); err != nil {
			return err
		}
	}
	return p.windows(ctx)
}

// found notes damage; any other error ends the pass.
func (p *scrubbing) found(path string, err error, do string) error {
	if err == nil || lockport.KindOf(err) != lockport.Corrupt {
		return err
	}
	f := Finding{File: filepath.Base(path), What: reason(err), Do: do}
	if len(p.report.Findings) < maxFindings && !slices.Contains(p.report.Findings, f) {
		p.report.Findings = append(p.report.Findings, f)
		p.tell(f)
	}
	return nil
}

// pace waits for as long as n bytes are worth.
func (p *scrubbing) pace(ctx context.Context, n int) error {
	p.report.Bytes += int64(n)
	p.owed += p.worth(n)
	if p.owed < 10*time.Millisecond {
		return nil
	}
	owed := p.owed
	p.owed = 0
	if !p.s.rest(ctx, owed) {
		return errClosing
	}
	return nil
}

func (p *scrubbing) worth(n int) time.Duration {
	d := time.Duration(n) * time.Second / scrubRate
	if end := p.s.End(); end != p.end {
		p.end = end
		d *= scrubBusy
	}
	return d
}

// journal reads the files that are closed as they stand, and the entries of the
// last one, which grows.
func (p *scrubbing) journal(ctx context.Context) error {
	files := p.s.journal.all()
	for _, f := range files[:len(files)-1] {
		if err := p.closedFile(ctx, f); err != nil {
			return err
		}
	}
	last, end := files[len(files)-1], p.s.End()
	for next := last.first; next <= end; {
		chunk, err := last.read(next, false, 32)
		if err == nil && len(chunk) == 0 {
			err = entryDamaged(next, errMissing)
		}
		size := 0
		for _, o := range p.s.openChunk(chunk) {
			if err == nil && o.c.seq != next {
				err = entryDamaged(next, errMissing)
			}
			if err == nil {
				err = o.err
			}
			next, size = o.c.seq+1, size+len(o.c.value)
		}
		if len(chunk) == 0 {
			end = 0 // nothing behind it can be found
		}
		if err := errors.Join(p.found(last.path, err, doRestore), p.pace(ctx, size)); err != nil {
			return err
		}
	}
	return nil
}

func (p *scrubbing) closedFile(ctx context.Context, f *journalFile) error {
	var stop error
	note := func(err error) {
		if lockport.KindOf(err) != lockport.Corrupt {
			err = damaged(f.path, err)
		}
		stop = errors.Join(stop, p.found(f.path, err, doRestore))
	}
	chain := f.chained(note)
	for chunk, err := range f.frames() {
		size := 0
		for _, o := range p.s.openChunk(chunk) {
			chain.add(o)
			size += len(o.c.value)
		}
		chain.gap(err)
		if err := errors.Join(stop, p.pace(ctx, size)); err != nil {
			return err
		}
	}
	dontNeed(f.f, 0, 0) // the whole file: nobody is helped by finding it in memory
	return nil
}

// table opens the rows of a table, some at a time: a long transaction would keep
// the file growing.
func (p *scrubbing) table(ctx context.Context, t lockport.Table) error {
	r := p.s.record
	for key := []byte(nil); ; {
		size, n := 0, 0
		var bad error
		err := r.db.View(func(tx *bolt.Tx) error {
			b := tx.Bucket(tableBucket(t))
			if b == nil {
				return r.rowDamaged(t)
			}
			c := b.Cursor()
			for k, v := c.Seek(key); k != nil && n < scrubRows; k, v = c.Next() {
				if _, err := r.openRow(t, k, v); err != nil {
					bad = err
				}
				n, size = n+1, size+len(k)+len(v)
				key = append(append(key[:0], k...), 0) // the next key there can be
			}
			return nil
		})
		if errors.Is(err, bolterrors.ErrDatabaseNotOpen) {
			return errClosing
		}
		broken := lockport.KindOf(err) == lockport.Corrupt // the walk cannot go on
		if err := errors.Join(p.found(r.path, bad, doReindex), p.found(r.path, err, doReindex), p.pace(ctx, size)); err != nil {
			return err
		}
		if broken || n == 0 {
			return nil
		}
	}
}

// windows checks the runs of every day, one at a time.
func (p *scrubbing) windows(ctx context.Context) error {
	w := p.s.window
	w.mu.RLock()
	days := slices.Clone(w.days)
	w.mu.RUnlock()
	for _, d := range days {
		for key := []byte(nil); ; {
			size := 0
			err := d.view(func(runs *bolt.Bucket) error {
				k, run := runs.Cursor().Seek(key)
				if k == nil {
					return nil
				}
				size, key = len(run), append(append(key[:0], k...), 0)
				return w.checkRun(d, k, run)
			})
			if errors.Is(err, bolterrors.ErrDatabaseNotOpen) {
				break // the day has expired meanwhile, or the store closes
			}
			if err := errors.Join(p.found(d.path, err, doReindex), p.pace(ctx, size)); err != nil {
				return err
			}
			if size == 0 {
				break
			}
		}
	}
	return nil
}
