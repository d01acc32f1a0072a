package repository

import (
	"path/filepath"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/lockport-hie/lockport"
)

// TestARecordOfOtherRulesIsMadeAgain: a record without the number of today's
// rules, and without today's last table, opens as what the journal makes of it.
func TestARecordOfOtherRulesIsMadeAgain(t *testing.T) {
	o := filled(t, 60, nil)
	s := openAgain(t, o)
	want := dump(t, s)
	closeNow(t, s)
	path := filepath.Join(o.Dir, recordName)
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		if err := tx.Bucket(metaBucket).Delete(metaRules); err != nil {
			return err
		}
		return tx.DeleteBucket(tableBucket(lockport.LastTable))
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s = openAgain(t, o)
	if got := dump(t, s); len(got) < 60 || strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%d rows, %d before, not the same", len(got), len(want))
	}
	if made, err := s.record.rules(); err != nil || made != lockport.RecordRules {
		t.Errorf("the record of rules %d was kept (%v)", made, err)
	}
}
