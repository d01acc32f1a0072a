package repository

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
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
		do   func(v [][]byte) [][]byte
	}{
		{"payload", 17, "seal does not open", change(17, flip(headerSize+40))},
		{"nonce", 17, "seal does not open", change(17, flip(headerSize))},
		{"entry id", 17, "seal does not open", change(17, flip(9))},
		{"kind", 17, "seal does not open", change(17, func(v []byte) { v[25] = byte(lockport.EntryRefusal) })},
		{"time", 18, "does not follow", change(17, flip(33))},
		{"commitment", 17, "not the one that was committed to", change(17, flip(40))},
		{"hash of the entry before", 17, "does not follow", change(17, flip(70))},
		{"sequence", 17, "missing", change(17, flip(8))},
		{"format", 17, "value format", change(17, flip(0))},
		{"deleted", 17, "missing", func(v [][]byte) [][]byte { return slices.Delete(v, 16, 17) }},
		{"inserted", 18, "missing", func(v [][]byte) [][]byte { return slices.Insert(v, 17, bytes.Clone(v[30])) }},
		{"swapped", 17, "missing", func(v [][]byte) [][]byte { v[16], v[22] = v[22], v[16]; return v }},
		{"swapped with their sequences", 17, "does not follow", swapAll},
		{"doubled", 17, "missing", func(v [][]byte) [][]byte { v[16] = bytes.Clone(v[15]); return v }},
		{"first", 1, "seal does not open", change(1, flip(headerSize+1))},
		{"first deleted", 1, "missing", func(v [][]byte) [][]byte { return v[1:] }},
		{"last", n, "seal does not open", change(n, flip(headerSize+9))},
		{"nothing", 0, "", func(v [][]byte) [][]byte { return v }},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := filled(t, n, nil)
			editJournal(t, filepath.Join(o.Dir, journalName(1)), c.do)
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

// change applies fn to one stored value.
func change(seq lockport.Seq, fn func(value []byte)) func(v [][]byte) [][]byte {
	return func(v [][]byte) [][]byte {
		fn(v[seq-1])
		return v
	}
}

// swapAll exchanges two entries and lets each say the other's sequence.
func swapAll(v [][]byte) [][]byte {
	v[16], v[22] = v[22], v[16]
	copy(v[16][1:9], lockport.Seq(17).Key())
	copy(v[22][1:9], lockport.Seq(23).Key())
	return v
}

// journalValues reads a journal file that was closed cleanly: where its entries
// end, and the values.
func journalValues(t *testing.T, path string) (end int64, values [][]byte) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := int64(blockSize)
	for {
		fr, err := parseFrame(data[at:], at)
		if err != nil {
			return at, values
		}
		values, at = append(values, fr.value), fr.next()
	}
}

// editJournal changes the values of a journal file as someone would who knows
// the format and not the keys: checksums and footer are right again.
func editJournal(t *testing.T, path string, fn func(v [][]byte) [][]byte) {
	t.Helper()
	end, values := journalValues(t, path)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	foot, ok := parseFooter(data[end:], end)
	if !ok {
		t.Fatal("the file was not closed cleanly")
	}
	out := bytes.Clone(data[:blockSize])
	foot.marks = []mark{{1, blockSize}}
	for _, v := range fn(values) {
		h, sealed, err := parseHeader(append([]byte{valueFormat}, v[1:]...))
		if err != nil {
			t.Fatal(err)
		}
		start := len(out)
		out = appendFrame(out, 0, 0, h, sealed)
		out[start+frameSize] = v[0]
		binary.BigEndian.PutUint32(out[start+16:], frameSum(out[start:]))
	}
	out = append(out, foot.encode(int64(len(out)))...)
	if err := os.WriteFile(path, out, 0o600); err != nil {
		t.Fatal(err)
	}
}

// cutJournal leaves the first n entries of a journal file, as if nothing had
// ever stood behind them.
func cutJournal(t *testing.T, path string, n int) {
	t.Helper()
	_, values := journalValues(t, path)
	end := int64(blockSize)
	for _, v := range values[:n] {
		end += frameSize + int64(len(v))
	}
	if err := os.Truncate(path, end); err != nil {
		t.Fatal(err)
	}
}

// poke changes one byte of a file.
func poke(t *testing.T, path string, at int64, to byte) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[at] = to
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// flip changes a byte, whatever it was.
func flip(t *testing.T, path string, at int64) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	poke(t, path, at, ^data[at])
}

// The end of a journal can be cut so that the rest is sound. The record knows
// how far it was.
func TestCutEndIsRefused(t *testing.T) {
	o := filled(t, 10, nil)
	cutJournal(t, filepath.Join(o.Dir, journalName(1)), 9)
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
			b := tx.Bucket(tableBucket(lockport.TableOrders))
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
	rounds := 400
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
	names, sound := readFiles(t, o.Dir)
	r := rand.New(rand.NewPCG(1, 2))
	noticed, harmless := 0, 0
	for round := range rounds {
		name := names[round%len(names)]
		replace(t, name, damage(r, sound[name], round%10 < 2))
		found, err := useDamaged(t, o, n, rows)
		switch {
		case err != nil:
			t.Fatal(err)
		case found:
			noticed++
		default:
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

// readFiles returns the files of a store that hold anything.
func readFiles(t *testing.T, dir string) (names []string, sound map[string][]byte) {
	t.Helper()
	sound = make(map[string][]byte)
	names, _ = filepath.Glob(filepath.Join(dir, "*.[bl]o*"))
	for _, name := range names {
		if filepath.Ext(name) == ".bolt" {
			trim(t, name)
		}
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		sound[name] = data
	}
	return names, sound
}

// damage cuts a file anywhere, or flips a bit of it, mostly of a byte in use.
func damage(r *rand.Rand, sound []byte, cut bool) []byte {
	if cut {
		return sound[:r.IntN(len(sound))]
	}
	bad := bytes.Clone(sound)
	at := r.IntN(len(bad))
	for bad[at] == 0 && r.IntN(50) > 0 {
		at = r.IntN(len(bad))
	}
	bad[at] ^= 1 << r.IntN(8)
	return bad
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
// reports whether the damage was noticed. An error says that it was not and that
// other content was served.
func useDamaged(t *testing.T, o Options, n int, want []string) (noticed bool, wrong error) {
	t.Helper()
	s, err := Open(o)
	if err != nil {
		return true, nil
	}
	defer func() { _ = s.Close(t.Context()) }()
	for i := range n {
		e, err := s.Entry(t.Context(), lockport.Seq(i+1))
		if err != nil {
			noticed = true
			continue
		}
		if sent := oru(i); string(e.Body.(*lockport.Message).Raw) != string(sent.Body.(*lockport.Message).Raw) {
			return noticed, fmt.Errorf("entry %d has other content", i+1)
		}
	}
	rows, err := s.VerifyRecord(t.Context())
	report, verr := s.Verify(t.Context(), nil)
	if err == nil && (int(rows) != len(want) || strings.Join(dump(t, s), "\n") != strings.Join(want, "\n")) {
		return noticed, errors.New("the record holds other rows and nothing noticed")
	}
	return noticed || err != nil || verr != nil || report.Bad != nil, nil
}

// The control: a row that someone with the keys has put in the place of another
// must be told from one that is only damaged.
func TestTortureRotControl(t *testing.T) {
	o := filled(t, 20, nil)
	s := openAgain(t, o)
	rows := dump(t, s)
	err := s.record.db.Update(func(tx *bolt.Tx) error {
		p, err := s.record.progress(tx)
		if err != nil {
			return err
		}
		forged := newRecordTx(s.record, tx)
		k, _ := tx.Bucket(tableBucket(lockport.TableRegistrations)).Cursor().First()
		forged.rows.put(lockport.TableRegistrations, string(k), []byte{0xa0})
		return errors.Join(forged.flush(tx, &p), s.record.putProgress(tx, &p))
	})
	if err != nil {
		t.Fatal(err)
	}
	closeNow(t, s)
	if noticed, wrong := useDamaged(t, o, 20, rows); noticed || wrong == nil {
		t.Errorf("noticed %v, %v", noticed, wrong)
	}
}
