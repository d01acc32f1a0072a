package repository

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/lockport-hie/lockport"
)

// scrubbed opens a store, lets it read itself through once, and returns what it
// said on the way and what it keeps.
func scrubbed(t *testing.T, o Options, meanwhile func(t *testing.T)) (told []Finding, last ScrubReport) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := mustOpen(t, o)
		<-s.filtered // which reads the windows, too
		meanwhile(t)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- s.Scrub(ctx, func(f Finding) { told = append(told, f) }) }()
		time.Sleep(scrubFirst + time.Hour)
		last = s.LastScrub()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		_ = s.Close(t.Context()) // a damaged record does not close cleanly
	})
	return told, last
}

func TestScrubFindsDamage(t *testing.T) {
	for name, c := range map[string]struct {
		file, says string
		before     func(t *testing.T, o Options)
		meanwhile  func(t *testing.T, o Options) (path string, at int64) // a byte that goes bad while the store runs
	}{
		"nothing": {},
		"a row": {file: recordName, says: "a row of table 9", before: func(t *testing.T, o Options) {
			edit(t, filepath.Join(o.Dir, recordName), func(tx *bolt.Tx) error {
				b := tx.Bucket(tableBucket(lockport.TableResults))
				k, v := b.Cursor().Last()
				v = append([]byte(nil), v...)
				v[20] ^= 1
				return b.Put(append([]byte(nil), k...), v)
			})
		}},
		"a page": {file: recordName, says: "pages do not hold together", meanwhile: func(t *testing.T, o Options) (string, int64) {
			path := filepath.Join(o.Dir, recordName)
			return path, firstPage(t, path, tableBucket(lockport.TablePersons))
		}},
		"an old journal file": {file: "journal-0001.log", says: "its bytes are not those that were written", meanwhile: func(_ *testing.T, o Options) (string, int64) {
			return filepath.Join(o.Dir, journalName(1)), 50_000
		}},
		"the last journal file": {file: "journal-0004.log", says: "missing", meanwhile: func(_ *testing.T, o Options) (string, int64) {
			return filepath.Join(o.Dir, journalName(4)), 10_000
		}},
		"a window": {file: "window-2026-03-01.bolt", says: "not what was written", meanwhile: func(t *testing.T, o Options) (string, int64) {
			path := filepath.Join(o.Dir, "window-2026-03-01.bolt")
			return path, firstPage(t, path, runsBucket) + 500
		}},
	} {
		t.Run(name, func(t *testing.T) {
			o := filled(t, 400, func(o *Options) { o.JournalBytes = 100 << 10 })
			if c.before != nil {
				c.before(t, o)
			}
			meanwhile := func(*testing.T) {}
			if c.meanwhile != nil {
				path, at := c.meanwhile(t, o)
				meanwhile = func(t *testing.T) { write(t, path, at) }
			}
			told, last := scrubbed(t, o, meanwhile)
			if last.Finished.IsZero() || last.Bytes < 400<<10 || len(last.Findings) != len(told) || (len(told) > 0) != (c.file != "") {
				t.Fatalf("%v: %+v", told, last)
			}
			// It kept to its pace: nothing was appended meanwhile.
			if took := last.Finished.Sub(last.Began); took < time.Duration(last.Bytes)*time.Second/scrubRate/2 {
				t.Errorf("%d bytes in %v", last.Bytes, took)
			}
			if len(told) > 0 && (told[0].File != c.file || !strings.Contains(told[0].What, c.says)) {
				t.Errorf("%+v", told)
			}
		})
	}
}

// write damages a file that is in use.
func write(t *testing.T, path string, at int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var b [1]byte
	if _, err := f.ReadAt(b[:], at); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 0xff
	if _, err := f.WriteAt(b[:], at); err != nil {
		t.Fatal(err)
	}
}

// It comes once a week, also over a restart, and does not hurry while entries
// arrive.
func TestScrubKeepsItsTimes(t *testing.T) {
	o := filled(t, 50, nil)
	synctest.Test(t, func(t *testing.T) {
		passes := func(lasting time.Duration) (n int) {
			s := mustOpen(t, o)
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error)
			go func() { ended <- s.Scrub(ctx, nil) }()
			was := s.LastScrub().Finished
			for range lasting / time.Minute {
				time.Sleep(time.Minute)
				if last := s.LastScrub().Finished; last != was {
					n, was = n+1, last
				}
			}
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
			closeNow(t, s)
			return n
		}
		for i, c := range []struct {
			lasting time.Duration
			want    int
		}{{scrubFirst / 2, 0}, {time.Hour, 1}, {scrubEvery - 2*time.Hour, 0}, {3 * time.Hour, 1}, {2*scrubEvery + time.Hour, 2}} {
			if n := passes(c.lasting); n != c.want {
				t.Errorf("step %d: %d passes in %v", i, n, c.lasting)
			}
		}
		s := mustOpen(t, o)
		p := &scrubbing{s: s, end: s.End()}
		if idle := p.worth(scrubRate); idle != time.Second {
			t.Error("idle:", idle)
		}
		if _, err := s.Append(t.Context(), []lockport.Entry{oru(50)}); err != nil {
			t.Fatal(err)
		}
		if busy := p.worth(scrubRate); busy != scrubBusy*time.Second {
			t.Error("busy:", busy)
		}
		closeNow(t, s)
	})
}
