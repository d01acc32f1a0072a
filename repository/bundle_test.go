package repository

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/clinical"
)

// bundleStep puts or deletes one row.
type bundleStep struct {
	key []byte
	row []byte // nil: delete
}

// bundleSteps returns writes of a few entries, some of which repeat: short rows,
// rows too long for a bundle, and numbers too high for one.
func bundleSteps(r *rand.Rand, n int) []bundleStep {
	var steps []bundleStep
	for range n {
		s := bundleStep{key: clinical.VersionKey(lockport.Seq(1+r.IntN(30)), []int{1, 2, bundleOrders, bundleOrders + 1, 5000}[r.IntN(5)])}
		switch r.IntN(6) {
		case 0:
		case 1:
			s.row = bytes.Repeat([]byte{byte(r.Uint32())}, bundleRow+r.IntN(3))
		default:
			s.row = fmt.Appendf(nil, "row %d", r.Uint32())
		}
		steps = append(steps, s)
	}
	return steps
}

// writeBundles applies the steps, so many to a transaction, and returns what is
// in the file then.
func writeBundles(t *testing.T, steps []bundleStep, each int, check func(v *view)) map[string]string {
	t.Helper()
	v, err := newVault(testOptions(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	r, err := openRecordAt(v, filepath.Join(t.TempDir(), recordName), [16]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.db.close() }()
	var p progress
	for len(steps) > 0 {
		n := min(each, len(steps))
		err := r.db.Update(func(tx *bolt.Tx) error {
			rows := newRecordTx(r, tx)
			for _, s := range steps[:n] {
				rows.write(lockport.TableResults, s.key, s.row)
			}
			return rows.flush(tx, &p)
		})
		if err != nil {
			t.Fatal(err)
		}
		steps = steps[n:]
	}
	stored := map[string]string{}
	var seen progress
	err = r.db.View(func(tx *bolt.Tx) error {
		check(&view{r: r, tx: tx})
		return tx.Bucket(tableBucket(lockport.TableResults)).ForEach(func(key, value []byte) error {
			row, err := r.openRow(lockport.TableResults, key, value)
			stored[string(key)] = string(row)
			return errors.Join(err, seen.count(value, 1))
		})
	})
	if err != nil || seen.rows != p.rows || seen.tags != p.tags {
		t.Fatalf("%d values, %d counted: %v", seen.rows, p.rows, err)
	}
	return stored
}

// Whatever is written in whatever transactions, each row reads as it was last
// written, and the file holds the same values.
func TestBundlesHoldWhatWasWritten(t *testing.T) {
	for seed := range uint64(20) {
		steps := bundleSteps(rand.New(rand.NewPCG(seed, 1)), 200)
		want := map[string][]byte{}
		for _, s := range steps {
			want[string(s.key)] = s.row
		}
		check := func(v *view) {
			for key, row := range want {
				got, err := v.raw(lockport.TableResults, []byte(key))
				if err != nil || !bytes.Equal(got, row) {
					t.Errorf("seed %d: row %x is %d bytes, want %d (%v)", seed, key, len(got), len(row), err)
				}
			}
		}
		var first map[string]string
		for _, each := range []int{1, 7, len(steps)} {
			stored := writeBundles(t, steps, each, check)
			if first == nil {
				first = stored
			}
			if fmt.Sprint(first) != fmt.Sprint(stored) {
				t.Errorf("seed %d: %d rows to a transaction gave other values", seed, each)
			}
		}
	}
}

func TestBundlesAreNotScanned(t *testing.T) {
	s := openNew(t, &busyRules{})
	err := s.view(t.Context(), 0, func(v *view) error { return v.Scan(lockport.TableResults, nil, nil, nil) })
	if lockport.KindOf(err) != lockport.Internal {
		t.Error(err)
	}
}

func FuzzBundle(f *testing.F) {
	f.Add(bundle{{[]byte("abcde"), []byte("row")}, {[]byte("abcdf"), nil}}.bytes())
	f.Add([]byte("abcde\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := openBundle(data)
		if err != nil {
			return
		}
		again, err := openBundle(b.bytes())
		if err != nil || fmt.Sprint(again) != fmt.Sprint(b) {
			t.Error("a bundle is not what was read")
		}
	})
}
