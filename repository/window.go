package repository

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/lockport-hie/lockport"
)

const (
	// windowDays is how many day files are kept. They are counted, not compared
	// with a clock: a clock that jumps ahead makes one new file and drops one.
	windowDays = 36
	// windowFlush is how many tokens wait in memory for their place on disk. It
	// is also about how many entries are read again after a crash.
	windowFlush = 20_000

	tokenSize = 16
	pairSize  = tokenSize + 8 // token, sequence
	sumSize   = 16            // keyed hash in front of a run
)

var (
	runsBucket  = []byte("runs")    // last sequence of the flush → sum, pairs sorted by token
	metaThrough = []byte("through") // every entry up to here is in the window, and a sum; the highest of all files counts
)

// window is the duplicate window: which messages of the last days are stored
// already. It is a function of the journal, kept in one file a day of entry
// time, and what a crash loses of it is read again from the journal.
//
// A token is in exactly one of pending, flushing and a day's file, or for a
// moment in the last two; it leaves memory only when its file is flushed, so a
// lookup that goes through them in this order misses none. The committer adds,
// the projector flushes, and mu is held for no write to a file. No other lock of
// the store is taken under mu.
type window struct {
	dir   string
	vault *vault
	store [16]byte

	mu       sync.RWMutex
	pending  map[lockport.Token]windowEntry // not yet on disk
	flushing map[lockport.Token]windowEntry // on its way there
	days     []*windowDay                   // ascending
	through  lockport.Seq                   // every entry up to here is on disk
	reaches  lockport.Seq                   // every entry up to here is on disk or in flushing
}

type windowEntry struct {
	seq lockport.Seq
	day int
}

// windowDay is the file of one day. filter is nil until it has been built; then
// a token that it does not hold is not in the file.
type windowDay struct {
	day    int // since 1970-01-01, UTC
	path   string
	db     *boltFile
	filter *bloom
}

func dayOf(micros int64) int {
	return int(time.UnixMicro(micros).UTC().Truncate(24*time.Hour).Unix() / 86400)
}

func windowName(day int) string {
	return "window-" + time.Unix(int64(day)*86400, 0).UTC().Format(time.DateOnly) + ".bolt"
}

// windowDayOf returns the day of a file; ok is false for another file.
func windowDayOf(path string) (day int, ok bool) {
	t, err := time.Parse("window-2006-01-02.bolt", filepath.Base(path))
	return int(t.Unix() / 86400), err == nil
}

// openWindow opens the day files that there are.
func openWindow(v *vault, dir string, store [16]byte) (*window, error) {
	w := &window{dir: dir, vault: v, store: store, pending: make(map[lockport.Token]windowEntry)}
	names, err := filepath.Glob(filepath.Join(dir, "window-*.bolt"))
	if err != nil {
		return nil, err
	}
	for _, path := range names {
		day, ok := windowDayOf(path)
		if !ok {
			continue
		}
		d, through, err := w.openDay(path, day)
		if err != nil {
			return nil, errors.Join(err, w.close())
		}
		w.days = append(w.days, d)
		w.through = max(w.through, through)
	}
	slices.SortFunc(w.days, func(a, b *windowDay) int { return a.day - b.day })
	return w, nil
}

func (w *window) openDay(path string, day int) (*windowDay, lockport.Seq, error) {
	n, err := w.vault.inspect(path, kindWindow)
	if err != nil {
		return nil, 0, err
	}
	if n.store != w.store {
		return nil, 0, damaged(path, errors.New("it belongs to another store"))
	}
	db, err := w.vault.openFile(path, 64<<20, true)
	if err != nil {
		return nil, 0, err
	}
	d := &windowDay{day: day, path: path, db: db}
	through, err := w.reachOf(d)
	if err != nil {
		return nil, 0, errors.Join(err, db.abandon())
	}
	return d, through, nil
}

// reachOf reads how far a file says that the window reaches, 0 when it does not.
func (w *window) reachOf(d *windowDay) (through lockport.Seq, err error) {
	err = d.db.View(func(tx *bolt.Tx) error {
		t := tx.Bucket(metaBucket).Get(metaThrough)
		if t == nil {
			return nil
		}
		if len(t) != 8+sumSize || string(w.sum(d.day, metaThrough, t[:8])) != string(t[8:]) {
			return damaged(d.path, errors.New("it does not say how far it reaches"))
		}
		through = lockport.Seq(binary.BigEndian.Uint64(t))
		return nil
	})
	return through, err
}

// buildFilters reads every day once. Lookups before that search the files.
func (w *window) buildFilters() error {
	w.mu.RLock()
	days := slices.Clone(w.days)
	w.mu.RUnlock()
	for _, d := range slices.Backward(days) {
		filter, err := w.filterOf(d)
		if errors.Is(err, bolterrors.ErrDatabaseNotOpen) {
			continue // the day has expired meanwhile
		}
		if err != nil {
			return err
		}
		w.mu.Lock()
		if d.filter == nil {
			d.filter = filter
		}
		w.mu.Unlock()
	}
	return nil
}

func (w *window) sum(day int, key, pairs []byte) []byte {
	t := w.vault.Token("window run", fmt.Sprint(day), string(key), string(pairs))
	return t[:]
}

// lookup finds the entry that a token stands for. A miss reads no file.
func (w *window) lookup(t lockport.Token) (lockport.Seq, bool, error) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	for _, m := range []map[lockport.Token]windowEntry{w.pending, w.flushing} {
		if e, ok := m[t]; ok {
			return e.seq, true, nil
		}
	}
	for _, d := range slices.Backward(w.days) {
		if d.filter != nil && !d.filter.has(t) {
			continue
		}
		seq, ok, err := d.search(t)
		if ok || err != nil {
			return seq, ok, err
		}
	}
	return 0, false, nil
}

// add notes a token whose entry is on disk in the journal.
func (w *window) add(t lockport.Token, seq lockport.Seq, micros int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pending[t] = windowEntry{seq, dayOf(micros)}
}

func (w *window) waiting() int {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return len(w.pending)
}

// flush writes what waits. Everything up to through must have been added
// before. The newest day is written last and says how far the window reaches,
// so that a crash in between only repeats work. After an error the same entries
// stay in line for the next flush.
func (w *window) flush(through lockport.Seq) error {
	w.mu.Lock()
	if w.flushing == nil {
		w.flushing, w.pending = w.pending, make(map[lockport.Token]windowEntry)
		w.reaches = through
	}
	through = w.reaches
	byDay := make(map[int][]lockport.Token)
	for t, e := range w.flushing {
		byDay[e.day] = append(byDay[e.day], t)
	}
	w.mu.Unlock()
	days := slices.Sorted(maps.Keys(byDay))
	for i, day := range days {
		mark := lockport.Seq(0)
		if i == len(days)-1 {
			mark = through
		}
		if err := w.writeRun(day, byDay[day], through, mark); err != nil {
			return err
		}
	}
	w.mu.Lock()
	w.flushing = nil
	if len(days) > 0 {
		w.through = through
	}
	w.mu.Unlock()
	return w.expire()
}

func (w *window) writeRun(day int, tokens []lockport.Token, through, mark lockport.Seq) error {
	d, err := w.dayFile(day)
	if err != nil {
		return err
	}
	slices.SortFunc(tokens, func(a, b lockport.Token) int { return bytes.Compare(a[:], b[:]) })
	pairs := make([]byte, 0, len(tokens)*pairSize)
	w.mu.RLock()
	for _, t := range tokens {
		pairs = binary.BigEndian.AppendUint64(append(pairs, t[:]...), uint64(w.flushing[t].seq))
	}
	w.mu.RUnlock()
	if err := w.vault.reach(beforeRun); err != nil {
		return err
	}
	err = d.db.Update(func(tx *bolt.Tx) error {
		run := append(w.sum(day, through.Key(), pairs), pairs...)
		if mark > 0 {
			if err := tx.Bucket(metaBucket).Put(metaThrough, append(mark.Key(), w.sum(day, metaThrough, mark.Key())...)); err != nil {
				return err
			}
		}
		return tx.Bucket(runsBucket).Put(through.Key(), run)
	})
	if err == nil {
		err = w.vault.reach(afterRun)
	}
	if err != nil {
		return err
	}
	return w.addToFilter(d, tokens)
}

// addToFilter keeps the filter of a day right, and makes a larger one when it
// has filled up.
func (w *window) addToFilter(d *windowDay, tokens []lockport.Token) error {
	w.mu.Lock()
	grow := d.filter == nil || d.filter.count+len(tokens) > d.filter.room
	if !grow {
		for _, t := range tokens {
			d.filter.add(t)
		}
	}
	w.mu.Unlock()
	if !grow {
		return nil
	}
	filter, err := w.filterOf(d)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	d.filter = filter
	return nil
}

// dayFile returns the file of a day and makes it when there is none.
func (w *window) dayFile(day int) (*windowDay, error) {
	w.mu.RLock()
	i, ok := slices.BinarySearchFunc(w.days, day, func(d *windowDay, day int) int { return d.day - day })
	w.mu.RUnlock()
	if ok {
		return w.days[i], nil // only flush changes days
	}
	path := filepath.Join(w.dir, windowName(day))
	n, err := w.vault.newIdentity(kindWindow, w.store)
	if err != nil {
		return nil, err
	}
	err = w.vault.createFile(path, n, func(tx *bolt.Tx) error {
		_, err := tx.CreateBucket(runsBucket)
		return err
	})
	if err != nil {
		return nil, err
	}
	d, _, err := w.openDay(path, day)
	if err != nil {
		return nil, err
	}
	d.filter = newBloom(0)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.days = slices.Insert(w.days, i, d)
	return d, nil
}

// expire drops the oldest days as whole files. The newest file says how far the
// window reaches, so it is never among them.
func (w *window) expire() error {
	for {
		w.mu.Lock()
		if len(w.days) <= windowDays {
			w.mu.Unlock()
			return nil
		}
		old := w.days[0]
		w.days = slices.Delete(w.days, 0, 1)
		w.mu.Unlock()
		if err := errors.Join(old.db.abandon(), os.Remove(old.path)); err != nil {
			return err
		}
	}
}

func (w *window) bytes() int64 {
	w.mu.RLock()
	defer w.mu.RUnlock()
	var n int64
	for _, d := range w.days {
		n += diskUsage(d.path)
	}
	return n
}

func (w *window) close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var err error
	for _, d := range w.days {
		err = errors.Join(err, d.db.close())
	}
	w.days = nil
	return err
}
