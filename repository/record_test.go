package repository

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/lockport-hie/lockport"
)

// scanning looks through the outbox for each entry, as rules do.
type scanning struct{ ignoring }

func (scanning) Apply(tx lockport.Tx, _ *lockport.Entry) error {
	return tx.Scan(lockport.TableOutbox, nil, nil, func([]byte, func(any) error) (bool, error) { return true, nil })
}

// A page of the record that does not read is no fault of the entry being
// applied: the projector stops rather than close the entry as poison.
func TestDamagedPageIsNotPoison(t *testing.T) {
	o := filled(t, 200, nil)
	path := filepath.Join(o.Dir, recordName)
	var root int64
	edit(t, path, func(tx *bolt.Tx) error {
		root = int64(tx.Bucket(tableBucket(lockport.TableOutbox)).Root())
		return nil
	})
	o.Projector = scanning{}
	s := openAgain(t, o)
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(noise(3, 4096), root*4096); err != nil { // it rots while the store runs
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = s.Outbox(t.Context(), "results", nil, 0)
	wantKind(t, err, lockport.Corrupt)
	if _, err := s.Append(t.Context(), []lockport.Entry{oru(200)}); err != nil {
		t.Fatal(err)
	}
	if err := s.catchUp(); err == nil {
		t.Fatal("the entry was applied")
	}
	wantKind(t, s.Err(), lockport.Corrupt)
	if n := s.Stats().Poisoned; n > 0 {
		t.Errorf("%d entries were closed as poison", n)
	}
	// What is acknowledged stays readable in the journal.
	if e, err := s.Entry(t.Context(), 201); err != nil || e.Seq != 201 {
		t.Error(e, err)
	}
}

// swollen writes a row that is too large to be read again, and reads it.
type swollen struct{ ignoring }

func (swollen) Apply(tx lockport.Tx, e *lockport.Entry) error {
	var row []byte
	if _, err := tx.Get(lockport.TableCounters, []byte("row"), &row); err != nil {
		return err
	}
	row = make([]byte, maxPlain+1)
	return tx.Put(lockport.TableCounters, []byte("row"), &row)
}

// A row larger than what unpacks is refused when it is written, as its entry's
// fault; read back later it would stop the projector on each start.
func TestRowTooLargeToRead(t *testing.T) {
	s := openNew(t, swollen{})
	for i := range 2 {
		if _, err := s.Append(t.Context(), []lockport.Entry{oru(i)}); err != nil {
			t.Fatal(err)
		}
		if err := s.catchUp(); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.Stats().Poisoned; n != 2 {
		t.Errorf("%d entries were closed as poison, want 2", n)
	}
}

// A new directory is durable when its name is, in each directory above that is
// new as well.
func TestMadeDirectories(t *testing.T) {
	top := t.TempDir()
	want := []string{filepath.Join(top, "a", "b"), filepath.Join(top, "a"), top}
	if got := newBelow(filepath.Join(top, "a", "b", "c")); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if err := makeDir(filepath.Join(top, "a", "b", "c")); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(top, "a")); err != nil || info.Mode().Perm() != 0o700 {
		t.Error(info.Mode(), err)
	}
	if got := newBelow(filepath.Join(top, "a", "b", "c")); len(got) > 0 {
		t.Errorf("%q are not new", got)
	}
}

// A message of tens of megabytes (a scanned document in OBX-5) is stored and read
// back; one over the limit is refused by name and disturbs nobody.
func TestLargeMessages(t *testing.T) {
	s := openNew(t, busyRules{})
	large := func(size int) []lockport.Entry {
		e := oru(size)
		m := e.Body.(*lockport.Message)
		m.Raw = append(m.Raw, noise(1, size)...)
		return []lockport.Entry{e}
	}
	r, err := s.Append(t.Context(), large(24<<20))
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Append(t.Context(), large(50<<20))
	wantKind(t, err, lockport.TooLarge)
	if err := s.catchUp(); err != nil {
		t.Fatal(err)
	}
	e, err := s.Entry(t.Context(), r[0].Seq)
	if err != nil || len(e.Body.(*lockport.Message).Raw) < 24<<20 || s.Stats().Poisoned > 0 || s.End() != 1 {
		t.Errorf("the journal ends at %d, %d poisoned: %v", s.End(), s.Stats().Poisoned, err)
	}
}
