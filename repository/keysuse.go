package repository

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"time"

	bolt "go.etcd.io/bbolt"
)

// KeyUse says under which key a file of a store was made.
type KeyUse struct {
	File string `json:"file"`
	Key  string `json:"key,omitempty"`  // its id; empty when the file does not say
	Note string `json:"note,omitempty"` // why it does not
}

// KeysInUse reads from each file of a store under which key it was made, which no
// file keeps secret. It needs no keys, and works while a server has the store
// open: of the files that only one process may open it says so.
func KeysInUse(dir string) ([]KeyUse, error) {
	uses := []KeyUse{}
	for _, pattern := range []string{"journal-????*.log", "*.bolt"} {
		paths, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return nil, err
		}
		for _, path := range paths {
			use := KeyUse{File: filepath.Base(path)}
			id, err := keyOf(path)
			switch {
			case err != nil:
				use.Note = err.Error()
			case id == KeyID{}:
				use.Note = "made by a version that did not say"
			default:
				use.Key = id.String()
			}
			uses = append(uses, use)
		}
	}
	return uses, nil
}

// keyOf reads the key id of a file.
func keyOf(path string) (id KeyID, err error) {
	if filepath.Ext(path) == ".bolt" {
		return keyOfBolt(path)
	}
	f, err := os.Open(path)
	if err != nil {
		return id, err
	}
	defer func() { _ = f.Close() }()
	b := make([]byte, headerUsed)
	if _, err := f.ReadAt(b, 0); err != nil || string(b[:16]) != journalMagic || binary.BigEndian.Uint32(b[16:]) > format {
		return id, errors.New("it is no journal file that this version reads")
	}
	copy(id[:], b[84:])
	return id, nil
}

func keyOfBolt(path string) (id KeyID, err error) {
	if _, err := checkPages(path, false); err != nil {
		return id, errors.New("it is damaged")
	}
	err = guard(path, func() error {
		db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true, Timeout: time.Millisecond})
		if err != nil {
			return errors.New("a server has it open")
		}
		defer func() { _ = db.Close() }()
		return db.View(func(tx *bolt.Tx) error {
			if meta := tx.Bucket(metaBucket); meta != nil {
				copy(id[:], meta.Get(metaKey))
			}
			return nil
		})
	})
	return id, err
}
