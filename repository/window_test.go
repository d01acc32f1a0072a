package repository

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lockport-hie/lockport"
)

// onDay is the i-th message, stored on a day.
func onDay(i, day int) lockport.Entry {
	e := oru(i)
	e.Time = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC).AddDate(0, 0, day)
	return e
}

func windowFiles(o Options) []string {
	names, _ := filepath.Glob(filepath.Join(o.Dir, "window-*.bolt"))
	for i := range names {
		names[i] = filepath.Base(names[i])
	}
	return names
}

func TestWindowDropsWholeDays(t *testing.T) {
	o := testOptions(t, ignoring{})
	if err := Create(o); err != nil {
		t.Fatal(err)
	}
	const days = 50
	for day := range days {
		s := openAgain(t, o)
		if _, err := s.Append(t.Context(), []lockport.Entry{onDay(day, day), onDay(day+1000, day)}); err != nil {
			t.Fatal(err)
		}
		closeNow(t, s)
	}
	if names := windowFiles(o); len(names) != windowDays || names[windowDays-1] != "window-2026-02-19.bolt" {
		t.Errorf("%d day files: %v", len(names), names)
	}
	s := openAgain(t, o)
	for day := range days {
		r, err := s.Append(t.Context(), []lockport.Entry{onDay(day, days-1)})
		if err != nil || r[0].Duplicate != (day >= days-windowDays) {
			t.Errorf("a message of day %d sent again: duplicate %v, %v", day, r[0].Duplicate, err)
		}
	}
}

// A clock that jumps ahead costs one file, not the window.
func TestWindowOutlivesAJumpOfTheClock(t *testing.T) {
	o := testOptions(t, ignoring{})
	if err := Create(o); err != nil {
		t.Fatal(err)
	}
	for i, day := range []int{0, 1, 4000, 2} {
		s := openAgain(t, o)
		if _, err := s.Append(t.Context(), []lockport.Entry{onDay(i, day)}); err != nil {
			t.Fatal(err)
		}
		closeNow(t, s)
	}
	s := openAgain(t, o)
	for i := range 4 {
		if r, err := s.Append(t.Context(), []lockport.Entry{onDay(i, 3)}); err != nil || !r[0].Duplicate {
			t.Errorf("message %d was forgotten: %v", i, err)
		}
	}
}

// The window is a function of the journal: without its files it is the same.
func TestWindowIsMadeAgain(t *testing.T) {
	o := filled(t, 30, nil)
	for _, name := range windowFiles(o) {
		if err := os.Remove(filepath.Join(o.Dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	s := openAgain(t, o)
	for i := range 30 {
		if r, err := s.Append(t.Context(), []lockport.Entry{oru(i)}); err != nil || !r[0].Duplicate || r[0].Seq != lockport.Seq(i+1) {
			t.Errorf("message %d: %+v %v", i, r, err)
		}
	}
}

// TestWindowFlushes keeps answering right while tokens move from memory to disk
// and filters grow.
func TestWindowFlushes(t *testing.T) {
	v, err := newVault(testOptions(t, ignoring{}))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	w, err := openWindow(v, dir, [16]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	token := func(i int) lockport.Token { return v.Token("test", fmt.Sprint(i)) }
	const n = 12_000
	check := func(w *window, upTo int) {
		t.Helper()
		for i := 1; i <= n; i += 7 {
			seq, known, err := w.lookup(token(i))
			if err != nil || known != (i <= upTo) || known && seq != lockport.Seq(i) {
				t.Fatalf("token %d of %d: %d %v %v", i, upTo, seq, known, err)
			}
		}
	}
	for i := 1; i <= n; i++ {
		w.add(token(i), lockport.Seq(i), int64(i%3)*86_400_000_000)
		if i%1500 == 0 {
			check(w, i)
			if err := w.flush(lockport.Seq(i)); err != nil {
				t.Fatal(err)
			}
			check(w, i)
		}
	}
	if err := w.close(); err != nil {
		t.Fatal(err)
	}
	if w, err = openWindow(v, dir, [16]byte{1}); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.close() }()
	if w.through != n {
		t.Errorf("it reaches %d", w.through)
	}
	check(w, n) // from the files
	if err := w.buildFilters(); err != nil {
		t.Fatal(err)
	}
	check(w, n) // through the filters
	wrong := 0
	for i := n + 1; i < n+10_000; i++ {
		for _, d := range w.days {
			if d.filter.has(token(i)) {
				wrong++
			}
		}
	}
	if wrong > 60 { // 30,000 questions at about 1 in 1,700
		t.Errorf("%d of 30,000 questions would have gone to a file", wrong)
	}
}

// A window file that does not hold what was written must not decide anything.
func TestDamagedWindowIsNoticed(t *testing.T) {
	o := filled(t, 30, nil)
	path := filepath.Join(o.Dir, windowFiles(o)[0])
	// The sequence of one pair: every other byte of the file stays sound.
	s := openAgain(t, o)
	e := oru(4)
	token := s.dedupeToken(e.Dedupe)
	closeNow(t, s)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := strings.Index(string(data), string(token[:]))
	if at < 0 {
		t.Fatal("the token is not in the file")
	}
	bad := slices.Clone(data)
	bad[at+tokenSize+7] ^= 3
	if err := os.WriteFile(path, bad, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err = Open(o)
	if err != nil {
		return // noticed at once
	}
	<-s.Failed()
	if lockport.KindOf(s.Err()) != lockport.Corrupt {
		t.Error(s.Err())
	}
	closeNow(t, s)
}
