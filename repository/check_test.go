package repository

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/clinical"
	"github.com/lockport-hie/lockport/consent"
	"github.com/lockport-hie/lockport/projection"
)

func checked(t *testing.T, o Options) CheckReport {
	t.Helper()
	report, err := Check(t.Context(), o, CheckOptions{Seed: 5})
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// A store that nothing has happened to is sound, however it has come about: what
// the sample wants of a record must be what the projection makes.
func TestCheckOfSoundStores(t *testing.T) {
	setup, messages := simulated(2500)
	o := testOptions(t, spoiling{projection.New()})
	o.JournalBytes = 300 << 10
	if err := Create(o); err != nil {
		t.Fatal(err)
	}
	if report := checked(t, o); !report.Sound() || len(report.Files) != 2 {
		t.Errorf("a new store: %+v", report)
	}
	s := mustOpen(t, o)
	all := append(setup[:len(setup):len(setup)], messages...)
	for i := range 40 {
		all = append(all, lockport.Entry{Kind: lockport.EntryDirective, Body: &consent.Directive{Value: consent.DenyAll, Signed: "2025-03-01",
			Patient: lockport.Identifier{Authority: "A", Value: fmt.Sprint(i)}}})
	}
	if _, err := s.Append(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	if err := s.catchUp(); err != nil {
		t.Fatal(err)
	}
	torn := o
	torn.Dir = filepath.Join(t.TempDir(), "torn")
	if err := os.CopyFS(torn.Dir, os.DirFS(o.Dir)); err != nil {
		t.Fatal(err)
	}
	closeNow(t, s)
	for _, o := range []Options{o, torn} {
		before := fileSums(t, o.Dir)
		report := checked(t, o)
		if !report.Sound() || report.Entries != lockport.Seq(len(all)) || report.Applied != report.Entries || report.Sampled < 500 || len(report.Files) < 3 {
			t.Errorf("%+v", report)
		}
		if open := report.Files[len(report.Files)-1].State; fileSums(t, o.Dir) != before || open == stateDamaged {
			t.Error("a look has changed files")
		}
	}
}

func TestCheckNamesFileAndRemedy(t *testing.T) {
	record := func(do func(b *bolt.Bucket) error) func(t *testing.T, o Options) {
		return func(t *testing.T, o Options) {
			edit(t, filepath.Join(o.Dir, recordName), func(tx *bolt.Tx) error { return do(tx.Bucket(tableBucket(lockport.TableResults))) })
		}
	}
	for name, c := range map[string]struct {
		file, says, do string
		damage         func(t *testing.T, o Options)
	}{
		"row": {recordName, "a row of table 9 does not open", doReindex, record(func(b *bolt.Bucket) error {
			k, v := b.Cursor().First()
			v = bytes.Clone(v)
			v[20] ^= 1
			return b.Put(bytes.Clone(k), v)
		})},
		"row gone": {recordName, "1831 rows and 1832 were written", doReindex, record(func(b *bolt.Bucket) error {
			k, _ := b.Cursor().First()
			return b.Delete(bytes.Clone(k))
		})},
		"row left out by someone with the keys": {recordName, "table 17 lacks a row that a result wants", doReindex, func(t *testing.T, o Options) {
			forge(t, o, func(f *recordTx, tx *bolt.Tx) {
				c := tx.Bucket(tableBucket(lockport.TableOrders)).Cursor()
				for k, _ := c.First(); k != nil; k, _ = c.Next() {
					f.rows.put(lockport.TableOrders, string(k), nil)
				}
			})
		}},
		"document that no list names": {recordName, "table 19 lacks a row that a document wants", doReindex, func(t *testing.T, o Options) {
			forge(t, o, func(f *recordTx, _ *bolt.Tx) {
				d := clinical.Document{Token: lockport.Token{1}, Registration: 1}
				if err := f.Put(lockport.TableDocuments, d.Token[:], &d); err != nil {
					t.Fatal(err)
				}
			})
		}},
		"counts": {recordName, "other entries than the journal holds", doReindex, func(t *testing.T, o Options) {
			forge(t, o, func(*recordTx, *bolt.Tx) {})
		}},
		"page": {recordName, "says that it is another page", doReindex, func(t *testing.T, o Options) {
			path := filepath.Join(o.Dir, recordName)
			flip(t, path, firstPage(t, path, tableBucket(lockport.TableResults)))
		}},
		"window": {"window-2026-03-01.bolt", "not what was written", doReindex, func(t *testing.T, o Options) {
			flipRun(t, filepath.Join(o.Dir, "window-2026-03-01.bolt"))
		}},
		"payload": {"journal-0001.log", "entry 17: the seal does not open", doRestore, func(t *testing.T, o Options) {
			editJournal(t, filepath.Join(o.Dir, journalName(1)), change(17, func(v []byte) { v[headerSize+9] ^= 1 }))
		}},
		"frame": {"journal-0001.log", "its bytes are not those that were written", doRestore, func(t *testing.T, o Options) {
			flip(t, filepath.Join(o.Dir, journalName(1)), 90_000)
		}},
		"mark": {"journal-0001.log", "cannot be found", doRestore, func(t *testing.T, o Options) { moveMark(t, filepath.Join(o.Dir, journalName(1))) }},
		"header": {"journal", "its header is not the one", doRestore, func(t *testing.T, o Options) {
			flip(t, filepath.Join(o.Dir, journalName(1)), 30)
		}},
		"cut": {recordName, "entries are missing", "restore the journal from a backup", func(t *testing.T, o Options) {
			cutJournal(t, filepath.Join(o.Dir, journalName(1)), 200)
		}},
		"nothing": {"", "", "", func(*testing.T, Options) {}},
	} {
		t.Run(name, func(t *testing.T) {
			o := filled(t, 300, nil)
			c.damage(t, o)
			report := checked(t, o)
			if report.Sound() != (c.file == "") {
				t.Fatalf("%+v", report)
			}
			for i, f := range report.Findings {
				if i == 0 && (f.File != c.file || f.Do != c.do || !strings.Contains(f.What, c.says)) {
					t.Errorf("%+v", f)
				}
			}
		})
	}
}

// forge changes rows as someone would who has the keys, and makes the record's
// own sums right; it counts one entry too many where it changes none.
func forge(t *testing.T, o Options, do func(f *recordTx, tx *bolt.Tx)) {
	t.Helper()
	v, err := newVault(o)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(o.Dir, recordName)
	n, err := v.inspect(path, kindRecord)
	if err != nil {
		t.Fatal(err)
	}
	edit(t, path, func(tx *bolt.Tx) error {
		r := &record{vault: v, path: path, db: &boltFile{path: path}, epochs: epochs{keys: v.keys, file: n}}
		p, err := r.progress(tx)
		if err != nil {
			return err
		}
		forged := newRecordTx(r, tx)
		if do(forged, tx); len(forged.rows) == 0 {
			p.counts[1]++
		}
		return errors.Join(forged.flush(tx, &p), r.putProgress(tx, &p))
	})
}

// moveMark lets a footer say that an entry stands where it does not, with its
// checksum right.
func moveMark(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := binary.BigEndian.Uint64(b[len(b)-16:])
	foot := b[at:]
	binary.BigEndian.PutUint64(foot[56:], binary.BigEndian.Uint64(foot[56:])+3)
	body := foot[:len(foot)-20]
	binary.BigEndian.PutUint32(foot[len(foot)-20:], crc32.Checksum(body, castagnoli))
	replace(t, path, b)
}

// TestTortureCheck: of a store that the check calls sound, everything is served
// as it was stored.
func TestTortureCheck(t *testing.T) {
	rounds := 100
	if os.Getenv("LOCKPORT_TORTURE") != "" {
		rounds = 5000
	}
	const n = 120
	o := filled(t, n, nil)
	s := mustOpen(t, o)
	rows := dump(t, s)
	closeNow(t, s)
	names, sound := readFiles(t, o.Dir)
	r := rand.New(rand.NewPCG(9, 2))
	found := 0
	for round := range rounds {
		name := names[round%len(names)]
		replace(t, name, damage(r, sound[name], round%10 < 2))
		if report := checked(t, o); !report.Sound() {
			found++
		} else if noticed, wrong := useDamaged(t, o, n, rows); noticed || wrong != nil {
			t.Fatalf("%s: the check found nothing: %v, %v", filepath.Base(name), noticed, wrong)
		}
		for name, data := range sound {
			replace(t, name, data)
		}
	}
	t.Logf("%d of %d damages found", found, rounds)
	if found < rounds/3 {
		t.Error("most damage went unnoticed")
	}
}
