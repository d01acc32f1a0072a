package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/repository"
)

// golden unpacks the data directory that a released format left, and returns
// where it stands. testdata/formats/N.tar.gz is written once for each format
// and never again.
func golden(t *testing.T, archive string) string {
	t.Helper()
	f, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return dir
		}
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, filepath.FromSlash(h.Name))
		if h.Typeflag == tar.TypeDir {
			continue
		}
		data, err := io.ReadAll(r)
		if err == nil {
			err = errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, data, 0o600))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// known is what the version that wrote a golden directory said about it.
type known struct {
	Entries  lockport.Seq `json:"entries"`
	Head     string       `json:"head"`
	Messages []struct {
		Sequence  lockport.Seq `json:"sequence"`
		ControlID string       `json:"control_id"`
	} `json:"-"`
}

func knownOf(t *testing.T, dir string) (k known) {
	t.Helper()
	for name, into := range map[string]any{"verify.json": &k, "messages.json": &k.Messages} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil {
			err = json.Unmarshal(data, into)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if k.Entries == 0 || len(k.Messages) == 0 {
		t.Fatal("nothing is known about the directory")
	}
	return k
}

// openGolden opens a golden directory as a server does.
func openGolden(dir string) (*repository.Store, error) {
	env := &environment{Dir: dir, Now: time.Now, Getenv: os.Getenv, Out: io.Discard, Err: io.Discard}
	return env.openStore()
}

// holds checks that a store is the one that is known: the same chain, every
// message with its content, none of them taken a second time.
func (k known) holds(t *testing.T, s *repository.Store) {
	t.Helper()
	report, err := s.Verify(t.Context(), nil)
	if err != nil || report.Bad != nil || report.Entries != k.Entries || fmt.Sprintf("%x", report.Head.Hash) != k.Head {
		t.Fatalf("%d entries verify (%v, %v), %d are known", report.Entries, report.Bad, err, k.Entries)
	}
	for _, m := range k.Messages {
		e, err := s.Entry(t.Context(), m.Sequence)
		if err != nil {
			t.Fatal(err)
		}
		body, ok := e.Body.(*lockport.Message)
		if !ok || !bytes.Contains(body.Raw, []byte(m.ControlID)) {
			t.Fatalf("entry %d is another one", m.Sequence)
		}
		receipts, err := s.Append(t.Context(), []lockport.Entry{*e})
		if err != nil || !receipts[0].Duplicate || receipts[0].Seq != m.Sequence {
			t.Errorf("message %d is taken a second time (%v)", m.Sequence, err)
		}
	}
	if _, err := s.VerifyRecord(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestEveryFormatOpens: what an earlier version wrote is read by this one, and
// again by this one after it has brought it to its own format.
func TestEveryFormatOpens(t *testing.T) {
	archives, err := filepath.Glob("testdata/formats/*.tar.gz")
	if err != nil || len(archives) == 0 {
		t.Fatal("no golden directories", err)
	}
	for _, archive := range archives {
		t.Run(filepath.Base(archive), func(t *testing.T) {
			dir := golden(t, archive)
			k := knownOf(t, dir)
			for range 2 {
				s, err := openGolden(dir)
				if err != nil {
					t.Fatal(err)
				}
				k.holds(t, s)
				if err := s.Close(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// oldNames are the files of a directory that only format 1 has.
func oldNames(t *testing.T, dir string) []string {
	t.Helper()
	old, err := filepath.Glob(filepath.Join(dir, "data", "journal-*.bolt"))
	if err != nil {
		t.Fatal(err)
	}
	return old
}

// TestMigrationCutShort: at whatever step the power went, the next start ends
// the migration, and nothing is lost.
func TestMigrationCutShort(t *testing.T) {
	const archive = "testdata/formats/1.tar.gz"
	done := golden(t, archive)
	s, err := openGolden(done)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	take := func(t *testing.T, dir, name, as string) {
		t.Helper()
		data, err := os.ReadFile(filepath.Join(done, "data", name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "data", as), data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, cut := range map[string]func(t *testing.T, dir string){
		"while a file is written": func(t *testing.T, dir string) {
			take(t, dir, "journal-0001.log", "journal-0001.log.new")
			if err := os.Truncate(filepath.Join(dir, "data", "journal-0001.log.new"), 9000); err != nil {
				t.Fatal(err)
			}
		},
		"between two names": func(t *testing.T, dir string) {
			take(t, dir, "journal-0001.log", "journal-0001.log.new")
			take(t, dir, "journal-0002.log", "journal-0002.log")
		},
		"before the views were removed": func(t *testing.T, dir string) {
			take(t, dir, "journal-0001.log", "journal-0001.log")
			take(t, dir, "journal-0002.log", "journal-0002.log")
		},
		"before the old files were removed": func(t *testing.T, dir string) {
			take(t, dir, "journal-0001.log", "journal-0001.log")
			take(t, dir, "journal-0002.log", "journal-0002.log")
			if err := os.Remove(filepath.Join(dir, "data", "record.bolt")); err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(oldNames(t, dir)[0]); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := golden(t, archive)
			cut(t, dir)
			s, err := openGolden(dir)
			if err != nil {
				t.Fatal(err)
			}
			knownOf(t, dir).holds(t, s)
			if err := s.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			if left := oldNames(t, dir); len(left) > 0 {
				t.Errorf("%d files of the old format are left", len(left))
			}
		})
	}
}

// TestMigrationRefusesDamage: an old store that is damaged, or has lost a file,
// is refused and left as it is.
func TestMigrationRefusesDamage(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, dir string){
		"a file is missing": func(t *testing.T, dir string) {
			if err := os.Remove(oldNames(t, dir)[0]); err != nil {
				t.Fatal(err)
			}
			// The store still has a first file, or it would be none at all.
			data, err := os.ReadFile(oldNames(t, dir)[0])
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, "data", "journal-0001.bolt"), data, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		},
		"an entry is damaged": func(t *testing.T, dir string) {
			path := oldNames(t, dir)[0]
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for i := 4096 * 6; i < 4096*20; i += 256 {
				data[i] ^= 0x10
			}
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := golden(t, "testdata/formats/1.tar.gz")
			damage(t, dir)
			before := sumsOf(t, dir)
			s, err := openGolden(dir)
			if err == nil {
				t.Error("it opens", s.Close(t.Context()))
			}
			if kind := lockport.KindOf(err); kind != lockport.Corrupt {
				t.Errorf("kind %v: %v", kind, err)
			}
			if after := sumsOf(t, dir); after != before {
				t.Error("the old store is not as it was")
			}
		})
	}
}

// sumsOf returns the hashes of the files of format 1 and of the record.
func sumsOf(t *testing.T, dir string) string {
	t.Helper()
	var sums strings.Builder
	for _, path := range slices.Concat(oldNames(t, dir), []string{filepath.Join(dir, "data", "record.bolt")}) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&sums, "%s %x\n", filepath.Base(path), sha256.Sum256(data))
	}
	return sums.String()
}
