package repository

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/lockport-hie/lockport"
)

// What bbolt does to those who do not know it. Group commit is looked at in
// gather_test.go, creation and directories in durable_test.go.

// TestKilledRecordHasItsList: the copy that a kill leaves knows its free pages,
// so that opening it need not read it through.
func TestKilledRecordHasItsList(t *testing.T) {
	s := openNew(t, busyRules{})
	for i := range 50 {
		if _, err := s.Append(t.Context(), []lockport.Entry{oru(i)}); err != nil {
			t.Fatal(err)
		}
		if err := s.WaitApplied(t.Context(), s.End()); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), recordName)
	data, err := os.ReadFile(s.record.path)
	if err == nil {
		err = os.WriteFile(path, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if s.record.db.NoFreelistSync {
		t.Error("a short list of free pages is not written")
	}
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true, PreLoadFreelist: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if free := db.Stats().FreePageN; free == 0 {
		t.Error("the copy has no list of free pages")
	}
}

// TestReaderDoesNotStopTheWriter: the record grows while a reader reads. Without
// the address space that is set apart, the writer waits for every reader.
func TestReaderDoesNotStopTheWriter(t *testing.T) {
	s := openNew(t, busyRules{})
	reader, err := s.record.db.Begin(false)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Rollback() }()
	before := sizeOf(s.record.path)
	for i := range 400 {
		if _, err := s.Append(t.Context(), []lockport.Entry{oru(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.WaitApplied(t.Context(), s.End()); err != nil {
		t.Fatal(err)
	}
	if after := sizeOf(s.record.path); after <= before {
		t.Errorf("the record has not grown (%d bytes): nothing was shown", after)
	}
}

// TestLongViewsEnd: a view that takes too long ends with an error, because pages
// that it could still see are not used again.
func TestLongViewsEnd(t *testing.T) {
	o := testOptions(t, busyRules{})
	if err := Create(o); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		s := openAgain(t, o)
		if _, err := s.Append(t.Context(), []lockport.Entry{oru(1)}); err != nil {
			t.Fatal(err)
		}
		look := func(wait time.Duration) error {
			return s.view(t.Context(), s.End(), func(v *view) error {
				time.Sleep(wait)
				return v.Scan(lockport.TableRegistrations, nil, nil, func([]byte, func(any) error) (bool, error) { return true, nil })
			})
		}
		if err := look(viewLimit / 2); err != nil {
			t.Error("a short view:", err)
		}
		if err := look(2 * viewLimit); lockport.KindOf(err) != lockport.Unavailable {
			t.Error("a long view:", err)
		}
	})
}
