package repository

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/projection"
)

func reindexed(t *testing.T, o Options, r ReindexOptions) ReindexReport {
	t.Helper()
	report, err := Reindex(t.Context(), o, r)
	if err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(o.Dir, "*.new")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	return report
}

// rowsOf opens a store, checks that its record is whole, and returns its rows.
func rowsOf(t *testing.T, o Options) string {
	t.Helper()
	s := mustOpen(t, o)
	defer closeNow(t, s)
	if _, err := s.VerifyRecord(t.Context()); err != nil {
		t.Error(err)
	}
	return strings.Join(dump(t, s), "\n")
}

// However a record has come about, the journal makes the same again: after
// random histories, in transactions of random size, between restarts, from
// copies that were taken while it ran, and with entries that spoil.
func TestReindexEqual(t *testing.T) {
	rounds := 3
	if os.Getenv("LOCKPORT_TORTURE") != "" {
		rounds = 100
	}
	setup, messages := simulated(1500)
	for round := range rounds {
		r := rand.New(rand.NewPCG(uint64(round), 11))
		o := testOptions(t, spoiling{projection.New()})
		o.JournalBytes = 200 << 10
		if err := Create(o); err != nil {
			t.Fatal(err)
		}
		s := mustOpen(t, o)
		from := r.IntN(900)
		for rest := append(setup[:len(setup):len(setup)], messages[from:from+100+r.IntN(500)]...); len(rest) > 0; {
			n := min(len(rest), 1+r.IntN(1+r.IntN(200)))
			if _, err := s.Append(t.Context(), rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		torn := o
		torn.Dir = filepath.Join(t.TempDir(), "torn")
		if err := os.CopyFS(torn.Dir, os.DirFS(o.Dir)); err != nil { // as a power cut leaves it, but for the lock
			t.Fatal(err)
		}
		closeNow(t, s)
		for _, o := range []Options{o, torn} {
			o.Projector = spoiling{projection.New()}
			report := reindexed(t, o, ReindexOptions{})
			if !report.Replaced || report.NotCompared == "" && len(report.Differences) > 0 || o.Dir != torn.Dir && !report.Equal() {
				t.Errorf("round %d: %+v", round, report)
			}
			o.Projector = spoiling{projection.New()}
			got := rowsOf(t, o)
			o.Projector = spoiling{projection.New()}
			if again := reindexed(t, o, ReindexOptions{Check: true}); !again.Equal() || again.Replaced || again.ComparedAt != report.Entries {
				t.Errorf("round %d: %+v", round, again)
			}
			o.Projector = spoiling{projection.New()}
			if rowsOf(t, o) != got || len(got) < 10_000 {
				t.Errorf("round %d: a look has changed the record", round)
			}
		}
	}
}

// After any kill the record that is there and the one that the journal makes are
// the same.
func TestReindexAfterKills(t *testing.T) {
	kills := 4
	if os.Getenv("LOCKPORT_TORTURE") != "" {
		kills = 200
	}
	v := newTarget(t)
	for kill := range kills {
		v.killed(t, 1+rand.IntN(900))
		if report := reindexed(t, v.mustOptions(t), ReindexOptions{Check: kill%2 == 0}); !report.Equal() {
			t.Fatalf("kill %d: %+v", kill, report)
		}
	}
}

func TestReindexAfterDamage(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, o Options){
		"a page": func(t *testing.T, o Options) {
			path := filepath.Join(o.Dir, recordName)
			flip(t, path, firstPage(t, path, tableBucket(lockport.TableResults)))
		},
		"all of it":      func(t *testing.T, o Options) { replace(t, filepath.Join(o.Dir, recordName), noise(1, 1<<20)) },
		"cut":            func(t *testing.T, o Options) { replace(t, filepath.Join(o.Dir, recordName), []byte("x")) },
		"no record":      func(t *testing.T, o Options) { remove(t, o, recordName) },
		"another record": func(t *testing.T, o Options) { copyOf(t, filled(t, 3, nil), o, recordName) },
		"a window": func(t *testing.T, o Options) {
			path := filepath.Join(o.Dir, "window-2026-03-01.bolt")
			flip(t, path, firstPage(t, path, runsBucket))
		},
		"a run":     func(t *testing.T, o Options) { flipRun(t, filepath.Join(o.Dir, "window-2026-03-01.bolt")) },
		"no window": func(t *testing.T, o Options) { remove(t, o, "window-2026-03-01.bolt") },
	} {
		t.Run(name, func(t *testing.T) {
			o := filled(t, 300, nil)
			want := rowsOf(t, o)
			damage(t, o)
			report := reindexed(t, o, ReindexOptions{})
			window := name == "a window" || name == "a run" || name == "no window"
			if !report.Replaced || report.Entries != 300 || (report.NotCompared == "") != window || (report.Windows == 1) != window {
				t.Errorf("%+v", report)
			}
			if rowsOf(t, o) != want {
				t.Error("the record is another one")
			}
			s := openAgain(t, o)
			for i := range 300 {
				r, err := s.Append(t.Context(), []lockport.Entry{oru(i)})
				if err != nil || !r[0].Duplicate || r[0].Seq != lockport.Seq(i+1) {
					t.Fatalf("message %d sent again: %+v, %v", i, r, err)
				}
			}
		})
	}
}

func remove(t *testing.T, o Options, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(o.Dir, name)); err != nil {
		t.Fatal(err)
	}
}

func copyOf(t *testing.T, from, to Options, name string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(from.Dir, name))
	if err != nil {
		t.Fatal(err)
	}
	replace(t, filepath.Join(to.Dir, name), data)
}

// flipRun changes what a window says about its tokens, and no page.
func flipRun(t *testing.T, path string) {
	t.Helper()
	edit(t, path, func(tx *bolt.Tx) error {
		k, v := tx.Bucket(runsBucket).Cursor().First()
		v = append([]byte(nil), v...)
		v[100] ^= 1
		return tx.Bucket(runsBucket).Put(append([]byte(nil), k...), v)
	})
}

// drifting writes something else each time it is asked.
type drifting struct {
	busyRules
	n *uint64
}

func (d drifting) Apply(tx lockport.Tx, e *lockport.Entry) error {
	*d.n++
	return errors.Join(d.busyRules.Apply(tx, e), tx.Put(lockport.TableCounters, fmt.Append(nil, e.Seq), d.n))
}

// The controls: what is not equal must be found, in the table where it is.
func TestReindexFindsDifferences(t *testing.T) {
	row := func(t *testing.T, o Options, do func(forged *recordTx, key string)) {
		forge(t, o, func(f *recordTx, tx *bolt.Tx) {
			k, _ := tx.Bucket(tableBucket(lockport.TablePatientResults)).Cursor().First()
			do(f, string(k))
		})
	}
	for name, c := range map[string]struct {
		want   string
		damage func(t *testing.T, o *Options)
	}{
		"other": {"[{11 0 0 1 0}]", func(t *testing.T, o *Options) {
			row(t, *o, func(f *recordTx, key string) { f.rows.put(lockport.TablePatientResults, key, []byte{0xa0}) })
		}},
		"gone": {"[{0 0 0 1 0} {11 1 0 0 0}]", func(t *testing.T, o *Options) {
			row(t, *o, func(f *recordTx, key string) { f.rows.put(lockport.TablePatientResults, key, nil) })
		}},
		"more": {"[{0 0 0 1 0} {11 0 1 0 0}]", func(t *testing.T, o *Options) {
			row(t, *o, func(f *recordTx, key string) { f.rows.put(lockport.TablePatientResults, key+"x", []byte{0xa0}) })
		}},
		"damaged": {"[{11 0 0 0 1}]", func(t *testing.T, o *Options) {
			edit(t, filepath.Join(o.Dir, recordName), func(tx *bolt.Tx) error {
				k, v := tx.Bucket(tableBucket(lockport.TablePatientResults)).Cursor().First()
				v = append([]byte(nil), v...)
				v[20] ^= 1
				return tx.Bucket(tableBucket(lockport.TablePatientResults)).Put(append([]byte(nil), k...), v)
			})
		}},
		"rules that drift": {"[{1 0 0 50 0}]", func(_ *testing.T, o *Options) { *o.Projector.(drifting).n += 7 }},
		"nothing":          {"[]", func(_ *testing.T, o *Options) { *o.Projector.(drifting).n = 0 }},
	} {
		t.Run(name, func(t *testing.T) {
			o := filled(t, 50, func(o *Options) { o.Projector = drifting{n: new(uint64)} })
			if !strings.HasPrefix(name, "rules") {
				*o.Projector.(drifting).n = 0
			}
			c.damage(t, &o)
			before := fileSums(t, o.Dir)
			report := reindexed(t, o, ReindexOptions{Check: true})
			if got := fmt.Sprint(report.Differences); got != c.want || report.Equal() != (name == "nothing") {
				t.Errorf("%s: %+v", got, report)
			}
			if fileSums(t, o.Dir) != before {
				t.Error("a look has changed files")
			}
		})
	}
}

// What Reindex cannot do leaves everything as it was.
func TestReindexRefuses(t *testing.T) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx    context.Context
		kind   lockport.Kind
		says   string
		damage func(t *testing.T, o *Options)
	}{
		"open": {t.Context(), lockport.Conflict, "in use by a running server", func(t *testing.T, o *Options) { openAgain(t, *o) }},
		"journal cut": {t.Context(), lockport.Corrupt, "entries are missing", func(t *testing.T, o *Options) {
			cutJournal(t, filepath.Join(o.Dir, journalName(1)), 200)
		}},
		"journal damaged": {t.Context(), lockport.Corrupt, "entry 17", func(t *testing.T, o *Options) {
			editJournal(t, filepath.Join(o.Dir, journalName(1)), change(17, func(v []byte) { v[headerSize+9] ^= 1 }))
		}},
		"journal changed": {t.Context(), lockport.Corrupt, "entry 18", func(t *testing.T, o *Options) {
			editJournal(t, filepath.Join(o.Dir, journalName(1)), change(17, func(v []byte) { v[33] ^= 1 }))
		}},
		"stopped":    {cancelled, lockport.Internal, "cancel", func(*testing.T, *Options) {}},
		"other keys": {t.Context(), lockport.Refused, "these keys", func(t *testing.T, o *Options) { o.Keys = testKeys(t) }},
		"no store":   {t.Context(), lockport.NotFound, "no store", func(t *testing.T, o *Options) { o.Dir = t.TempDir() }},
	} {
		t.Run(name, func(t *testing.T) {
			o := filled(t, 300, nil)
			c.damage(t, &o)
			before := fileSums(t, o.Dir)
			report, err := Reindex(c.ctx, o, ReindexOptions{})
			if lockport.KindOf(err) != c.kind || !strings.Contains(fmt.Sprint(err), c.says) || report.Replaced {
				t.Errorf("%v: %v, %+v", lockport.KindOf(err), err, report)
			}
			if left, _ := filepath.Glob(filepath.Join(o.Dir, "*.new")); len(left) > 0 || fileSums(t, o.Dir) != before {
				t.Errorf("files have changed: %v", left)
			}
		})
	}
}
