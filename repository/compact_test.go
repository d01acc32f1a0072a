package repository

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/lockport-hie/lockport"
)

func TestCompact(t *testing.T) {
	o := filled(t, 3000, nil)
	want := rowsOf(t, o)
	report, err := Compact(t.Context(), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	if report.After >= report.Before || report.Rows != uint64(strings.Count(want, "\n")+1) {
		t.Errorf("%+v", report)
	}
	if found := checked(t, o); !found.Sound() {
		t.Errorf("%+v", found)
	}
	s := mustOpen(t, o)
	if _, err := s.Append(t.Context(), []lockport.Entry{oru(4000)}); err != nil {
		t.Fatal(err)
	}
	closeNow(t, s)
	if again := reindexed(t, o, ReindexOptions{Check: true}); !again.Equal() {
		t.Errorf("%+v", again)
	}
}

// What Compact cannot do leaves everything as it was. The control is a record
// with a row that does not open: it must not pass for compacted.
func TestCompactRefuses(t *testing.T) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx    context.Context
		kind   lockport.Kind
		says   string
		change func(t *testing.T, o *Options)
	}{
		"full": {t.Context(), lockport.Full, "", func(_ *testing.T, o *Options) { o.seam.maxSize = 256 << 10 }},
		"row": {t.Context(), lockport.Corrupt, "lockport reindex", func(t *testing.T, o *Options) {
			edit(t, filepath.Join(o.Dir, recordName), func(tx *bolt.Tx) error {
				b := tx.Bucket(tableBucket(lockport.TableResults))
				k, v := b.Cursor().First()
				v = bytes.Clone(v)
				v[20] ^= 1
				return b.Put(bytes.Clone(k), v)
			})
		}},
		"page": {t.Context(), lockport.Corrupt, "lockport reindex", func(t *testing.T, o *Options) {
			path := filepath.Join(o.Dir, recordName)
			flip(t, path, firstPage(t, path, tableBucket(lockport.TableResults)))
		}},
		"no record": {t.Context(), lockport.NotFound, "there is no record", func(t *testing.T, o *Options) { remove(t, *o, recordName) }},
		"stopped":   {cancelled, lockport.Internal, "cancel", func(*testing.T, *Options) {}},
		"open":      {t.Context(), lockport.Conflict, "running server", func(t *testing.T, o *Options) { openAgain(t, *o) }},
	} {
		t.Run(name, func(t *testing.T) {
			o := filled(t, 300, nil)
			c.change(t, &o)
			before := fileSums(t, o.Dir)
			_, err := Compact(c.ctx, o, nil)
			if lockport.KindOf(err) != c.kind || !strings.Contains(fmt.Sprint(err), c.says) {
				t.Errorf("%v: %v", lockport.KindOf(err), err)
			}
			if left, _ := filepath.Glob(filepath.Join(o.Dir, "*.new")); len(left) > 0 || fileSums(t, o.Dir) != before {
				t.Errorf("files have changed: %v", left)
			}
		})
	}
}
