package repository

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/lockport-hie/lockport"
)

// TestVerifyNamesTheFirstBadEntry changes a closed journal behind its back. The
// changes are made by someone who knows the format but not the keys.
func TestVerifyNamesTheFirstBadEntry(t *testing.T) {
	const n = 40
	flip := func(at int) func(value []byte) {
		return func(value []byte) { value[at] ^= 1 }
	}
	for _, c := range []struct {
		name string
		seq  lockport.Seq // the first that does not verify
		says string
		do   func(b *bolt.Bucket) error
	}{
		{"payload", 17, "seal does not open", change(17, flip(headerSize+40))},
		{"nonce", 17, "seal does not open", change(17, flip(headerSize))},
		{"entry id", 17, "seal does not open", change(17, flip(9))},
		{"kind", 17, "seal does not open", change(17, func(v []byte) { v[25] = byte(lockport.EntryRefusal) })},
		{"time", 18, "does not follow", change(17, flip(33))},
		{"commitment", 17, "not the one that was committed to", change(17, flip(40))},
		{"hash of the entry before", 17, "does not follow", change(17, flip(70))},
		{"sequence", 17, "another entry stands", change(17, flip(8))},
		{"format", 17, "value format", change(17, flip(0))},
		{"cut short", 17, "too short", func(b *bolt.Bucket) error { return b.Put(lockport.Seq(17).Key(), []byte{1}) }},
		{"deleted", 17, "missing", func(b *bolt.Bucket) error { return b.Delete(lockport.Seq(17).Key()) }},
		{"swapped", 17, "another entry stands", func(b *bolt.Bucket) error { return swap(b, 17, 23, false) }},
		{"swapped with their sequences", 17, "does not follow", func(b *bolt.Bucket) error { return swap(b, 17, 23, true) }},
		{"doubled", 17, "another entry stands", func(b *bolt.Bucket) error {
			return b.Put(lockport.Seq(17).Key(), append([]byte(nil), b.Get(lockport.Seq(16).Key())...))
		}},
		{"first", 1, "seal does not open", change(1, flip(headerSize+1))},
		{"first deleted", 1, "missing", func(b *bolt.Bucket) error { return b.Delete(lockport.Seq(1).Key()) }},
		{"last", n, "seal does not open", change(n, flip(headerSize+9))},
		{"nothing", 0, "", func(*bolt.Bucket) error { return nil }},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := filled(t, n, nil)
			edit(t, filepath.Join(o.Dir, journalName(1)), func(tx *bolt.Tx) error { return c.do(tx.Bucket(entriesBucket)) })
			s := openAgain(t, o)
			report, err := s.Verify(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if c.seq == 0 {
				if report.Bad != nil || report.Entries != n {
					t.Errorf("a sound journal: %+v", report)
				}
				return
			}
			if report.Bad == nil || report.Bad.Seq != c.seq || !strings.Contains(report.Bad.What, c.says) || report.Entries != c.seq-1 {
				t.Errorf("found %+v after %d entries", report.Bad, report.Entries)
			}
		})
	}
}

// change applies fn to a copy of a stored value and stores it.
func change(seq lockport.Seq, fn func(value []byte)) func(b *bolt.Bucket) error {
	return func(b *bolt.Bucket) error {
		value := append([]byte(nil), b.Get(seq.Key())...)
		fn(value)
		return b.Put(seq.Key(), value)
	}
}

func swap(b *bolt.Bucket, one, two lockport.Seq, sequences bool) error {
	first := append([]byte(nil), b.Get(one.Key())...)
	second := append([]byte(nil), b.Get(two.Key())...)
	if sequences {
		copy(first[1:9], two.Key())
		copy(second[1:9], one.Key())
	}
	if err := b.Put(one.Key(), second); err != nil {
		return err
	}
	return b.Put(two.Key(), first)
}

// The end of a journal can be cut so that the rest is sound. The record knows
// how far it was.
func TestCutEndIsRefused(t *testing.T) {
	o := filled(t, 10, nil)
	edit(t, filepath.Join(o.Dir, journalName(1)), func(tx *bolt.Tx) error {
		return tx.Bucket(entriesBucket).Delete(lockport.Seq(10).Key())
	})
	if _, err := Open(o); lockport.KindOf(err) != lockport.Corrupt || !strings.Contains(err.Error(), "entries are missing") {
		t.Error(err)
	}
}

// A row that is gone without a trace has no seal left to fail.
func TestVanishedRowIsNoticed(t *testing.T) {
	for name, do := range map[string]func(b *bolt.Bucket, key, value []byte) error{
		"gone":   func(b *bolt.Bucket, key, _ []byte) error { return b.Delete(key) },
		"copied": func(b *bolt.Bucket, key, value []byte) error { return b.Put(append(key, 1), value) },
		"sound":  func(*bolt.Bucket, []byte, []byte) error { return nil },
	} {
		o := filled(t, 20, nil)
		edit(t, filepath.Join(o.Dir, recordName), func(tx *bolt.Tx) error {
			b := tx.Bucket(tableBucket(lockport.TableResults))
			k, v := b.Cursor().Seek([]byte{0x80})
			return do(b, append([]byte(nil), k...), append([]byte(nil), v...))
		})
		s := openAgain(t, o)
		rows, err := s.VerifyRecord(t.Context())
		if sound := name == "sound"; sound != (err == nil) || !sound && lockport.KindOf(err) != lockport.Corrupt || rows < 50 {
			t.Errorf("%s: %d rows, %v", name, rows, err)
		}
	}
}

// TestTortureRot flips bits and cuts files anywhere. Whatever is
// damaged, nothing panics and no entry comes back with other content.
func TestTortureRot(t *testing.T) {
	rounds := 150
	switch {
	case testing.Short():
		rounds = 25
	case os.Getenv("LOCKPORT_TORTURE") != "":
		rounds = 20_000
	}
	const n = 120
	o := filled(t, n, nil)
	s := openAgain(t, o)
	rows := dump(t, s)
	closeNow(t, s)
	sound := make(map[string][]byte)
	names, _ := filepath.Glob(filepath.Join(o.Dir, "*.bolt"))
	for _, name := range names {
		trim(t, name)
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		sound[name] = data
	}
	r := rand.New(rand.NewPCG(1, 2))
	noticed, harmless := 0, 0
	for round := range rounds {
		name := names[round%len(names)]
		bad := append([]byte(nil), sound[name]...)
		switch {
		case round%10 < 2:
			bad = bad[:r.IntN(len(bad))]
		default:
			at := r.IntN(len(bad))
			for bad[at] == 0 && r.IntN(50) > 0 { // mostly bytes in use
				at = r.IntN(len(bad))
			}
			bad[at] ^= 1 << r.IntN(8)
		}
		replace(t, name, bad)
		if useDamaged(t, o, n, rows) {
			noticed++
		} else {
			harmless++
		}
		for name, data := range sound {
			replace(t, name, data)
		}
	}
	t.Logf("%d damages noticed, %d harmless", noticed, harmless)
	if noticed < rounds/4 {
		t.Error("most damage went unnoticed")
	}
}

// replace writes another file in the place of one: bbolt does not give the lock
// of a file back when it panics on opening it.
func replace(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// trim cuts off what a file has grown ahead, so that damage hits pages in use.
func trim(t *testing.T, name string) {
	t.Helper()
	db, err := bolt.Open(name, 0o600, &bolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	var size int64
	if err := db.View(func(tx *bolt.Tx) error { size = tx.Size(); return nil }); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(name, size); err != nil {
		t.Fatal(err)
	}
}

// useDamaged reads all that a damaged store gives, checks that it is right, and
// reports whether the damage was noticed.
func useDamaged(t *testing.T, o Options, n int, want []string) (noticed bool) {
	t.Helper()
	s, err := Open(o)
	if err != nil {
		return true
	}
	defer func() { _ = s.Close(t.Context()) }()
	for i := range n {
		e, err := s.Entry(t.Context(), lockport.Seq(i+1))
		if err != nil {
			noticed = true
			continue
		}
		if sent := oru(i); string(e.Body.(*lockport.Message).Raw) != string(sent.Body.(*lockport.Message).Raw) {
			t.Fatal("other content was served")
		}
	}
	rows, err := s.VerifyRecord(t.Context())
	report, verr := s.Verify(t.Context(), nil)
	if err == nil && (int(rows) != len(want) || strings.Join(dump(t, s), "\n") != strings.Join(want, "\n")) {
		t.Fatal("the record holds other rows and nothing noticed")
	}
	return noticed || err != nil || verr != nil || report.Bad != nil
}
