package repository

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/lockport-hie/lockport"
)

// grownFile makes a bbolt file by random work: small and large buckets, values
// that overflow a page, deletions, and either end of a process.
func grownFile(t *testing.T, path string, r *rand.Rand, clean bool) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, &bolt.Options{NoSync: true, NoFreelistSync: !clean})
	if err != nil {
		t.Fatal(err)
	}
	for range 4 + r.IntN(12) {
		err := db.Update(func(tx *bolt.Tx) error {
			b, err := tx.CreateBucketIfNotExists([]byte{'t', byte(r.IntN(6))})
			for n := r.IntN(400); n > 0 && err == nil; n-- {
				key := fmt.Appendf(nil, "%0*d", 1+r.IntN(40), r.IntN(3000))
				size := r.IntN(60)
				if r.IntN(200) == 0 {
					size = r.IntN(30_000)
				}
				if r.IntN(3) == 0 {
					err = b.Delete(key)
				} else {
					err = b.Put(key, make([]byte, size))
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	trim(t, path)
}

// bboltFinds lets bbolt check a file, which it can where this package's check
// has found nothing.
func bboltFinds(t *testing.T, path string) error {
	t.Helper()
	db, err := bolt.Open(path, 0o600, &bolt.Options{NoSync: true})
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	return db.View(func(tx *bolt.Tx) error {
		var all error
		for err := range tx.Check() {
			all = err
		}
		return all
	})
}

// TestPagesAgreeWithBbolt: whatever a bit is flipped in, either the check finds
// it or bbolt finds nothing wrong with the file. Without the check the flips
// that it finds would be bbolt's, whose own answer may be the end of the program.
func TestPagesAgreeWithBbolt(t *testing.T) {
	files, flips := 40, 60
	if os.Getenv("LOCKPORT_TORTURE") != "" {
		files, flips = 1500, 200
	}
	r := rand.New(rand.NewPCG(3, 4))
	path := filepath.Join(t.TempDir(), "a.bolt")
	found := 0
	for i := range files {
		_ = os.Remove(path)
		grownFile(t, path, r, i%2 == 0)
		if report, err := checkPages(path, true); err != nil || report.meta.listed() != (i%2 == 0) {
			t.Fatalf("a sound file: %+v, %v", report, err)
		}
		sound, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for range flips {
			bad := bytes.Clone(sound)
			at := r.IntN(len(bad)/4096)*4096 + r.IntN(1+r.IntN(4096)) // mostly heads and tables of pages
			bad[at] ^= 1 << r.IntN(8)
			replace(t, path, bad)
			if _, err := checkPages(path, true); err != nil {
				if lockport.KindOf(err) != lockport.Corrupt {
					t.Fatal(err)
				}
				found++
				continue
			}
			if err := bboltFinds(t, path); err != nil {
				t.Fatalf("byte %d: the check found nothing and bbolt %v", at, err)
			}
		}
	}
	t.Logf("%d of %d flips found", found, files*flips)
	if found < files*flips/10 {
		t.Error("the flips were where nothing is")
	}
}

func TestPagesOfDamagedFiles(t *testing.T) {
	o := filled(t, 400, nil)
	path := filepath.Join(o.Dir, recordName)
	trim(t, path)
	sound, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		says   string
		damage func(b []byte) []byte
	}{
		"half":            {"should have", func(b []byte) []byte { return b[:len(b)/2] }},
		"one byte":        {"neither of its two", func(b []byte) []byte { return b[:1] }},
		"no descriptions": {"neither of its two", func(b []byte) []byte { clear(b[:8192]); return b }},
		"nothing":         {"", func(b []byte) []byte { return b }},
		"one description": {"", func(b []byte) []byte { clear(b[16:80]); return b }},
	} {
		bad := c.damage(bytes.Clone(sound))
		replace(t, path, bad)
		_, err := checkPages(path, true)
		if (err == nil) != (c.says == "") || err != nil && (!strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "lockport reindex")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// firstPage returns where the first page of a bucket stands.
func firstPage(t *testing.T, path string, bucket []byte) int64 {
	t.Helper()
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	var root int64
	err = db.View(func(tx *bolt.Tx) error {
		root = int64(tx.Bucket(bucket).Root())
		return nil
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	return root * int64(os.Getpagesize())
}

// ring lets the first page of a table name itself as all of its children.
func ring(t *testing.T, path string) {
	t.Helper()
	root := firstPage(t, path, tableBucket(lockport.TableOrders))
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	p := b[root:]
	if p[8] != flagBranch {
		t.Fatal("the table is too small")
	}
	for i := range binary.NativeEndian.Uint16(p[10:]) {
		copy(p[pageHeader+pageElement*i+8:], p[:8])
	}
	replace(t, path, b)
}

// TestRingDoesNotEndTheProgram opens a store with a damaged record in a process
// of its own. The control opens it without a look at its pages, and does not
// live to report an error.
func TestRingDoesNotEndTheProgram(t *testing.T) {
	for _, unchecked := range []bool{false, true} {
		v := newTarget(t)
		v.killed(t, 2000)
		closeNow(t, mustOpen(t, v.mustOptions(t)))
		ring(t, filepath.Join(v.Data, recordName))
		out, err := command(t, order{Keys: v.Keys, Data: v.Data, Look: true, Unchecked: unchecked}).CombinedOutput()
		reported := strings.HasPrefix(string(out), "read store: record.bolt is damaged")
		if err == nil || reported == unchecked || unchecked && !strings.Contains(string(out), "stack overflow") {
			t.Errorf("unchecked %v: %v, %.300s", unchecked, err, out)
		}
	}
}

// A file whose pages turn out not to hold together while it is in use is never
// written again, and is closed all the same.
func TestBrokenFileIsLeftAlone(t *testing.T) {
	o := filled(t, 100, nil)
	path := filepath.Join(o.Dir, recordName)
	v, err := newVault(o)
	if err != nil {
		t.Fatal(err)
	}
	b, err := v.openFile(path, recordMapped, false)
	if err != nil {
		t.Fatal(err)
	}
	before := fileSums(t, o.Dir)
	err = b.Update(func(tx *bolt.Tx) error {
		if err := tx.Bucket(tableBucket(lockport.TableResults)).Put([]byte("k"), []byte("v")); err != nil {
			return err
		}
		panic("as bbolt does")
	})
	if lockport.KindOf(err) != lockport.Corrupt {
		t.Error(err)
	}
	if err := b.Update(func(*bolt.Tx) error { return nil }); lockport.KindOf(err) != lockport.Corrupt {
		t.Error("it was written after all:", err)
	}
	if err := b.close(); err != nil {
		t.Error(err)
	}
	if fileSums(t, o.Dir) != before {
		t.Error("the file has changed")
	}
	closeNow(t, mustOpen(t, o)) // and its lock is free
	if err := b.View(func(*bolt.Tx) error { return bolterrors.ErrDatabaseNotOpen }); err == nil {
		t.Error("it reads after it was closed")
	}
}

// lookAgain asks an open store for a row, in a program that must not use up the
// machine when the search goes round in a circle.
func lookAgain(s *Store) error {
	debug.SetMaxStack(1 << 20)
	return s.view(context.Background(), 0, func(v *view) error {
		_, err := v.Get(lockport.TableOrders, make([]byte, 16), nil)
		return err
	})
}

func mustOpen(t *testing.T, o Options) *Store {
	t.Helper()
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
