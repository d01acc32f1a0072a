package repository

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/lockport-hie/lockport"
)

// format is the version of everything this package writes. A file of a higher
// one is refused unchanged.
const format = 2

// The kinds of files.
const (
	kindJournal = "journal"
	kindRecord  = "record"
	kindWindow  = "window"
)

var (
	metaBucket = []byte("meta")
	metaFormat = []byte("format") // uint32
	metaKind   = []byte("kind")   // text
	metaStore  = []byte("store")  // 16 bytes, the same in all files of a store
	metaID     = []byte("id")     // 16 bytes
	metaSalt   = []byte("salt")   // 32 bytes
	metaKey    = []byte("key")    // 8 bytes, the id of the key it was made under; format 1 has none
	metaCheck  = []byte("check")  // a sealed token: tells the right keys from wrong ones
)

// identity is what a file says about itself.
type identity struct {
	kind  string
	store [16]byte
	id    [16]byte
	salt  [32]byte
	key   KeyID // the pair it was made under
}

// newIdentity makes the identity of a new file, under the current keys.
func (v *vault) newIdentity(kind string, store [16]byte) (identity, error) {
	n := identity{kind: kind, store: store, key: v.keys.current().id}
	_, err := rand.Read(n.id[:])
	if err == nil {
		_, err = rand.Read(n.salt[:])
	}
	return n, err
}

// vault is what every file needs of the store: keys, codec and test seams.
type vault struct {
	*hasher
	*codec
	keys  Keys
	delay time.Duration // added to each flush
	seam  seams
}

// createFile makes a bbolt file under a name that counts only when the file is
// complete and synced: bbolt's own first creation does not survive a power cut.
func (v *vault) createFile(path string, n identity, fill func(tx *bolt.Tx) error) error {
	check, _, err := v.check(path, &n)
	if err != nil {
		return err
	}
	fresh := path + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	db, err := bolt.Open(fresh, 0o600, &bolt.Options{Timeout: time.Second, NoSync: v.seam.noSync})
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bolt.Tx) error {
		meta, err := tx.CreateBucket(metaBucket)
		if err != nil {
			return err
		}
		err = errors.Join(
			meta.Put(metaFormat, binary.BigEndian.AppendUint32(nil, format)),
			meta.Put(metaKind, []byte(n.kind)),
			meta.Put(metaStore, n.store[:]),
			meta.Put(metaID, n.id[:]),
			meta.Put(metaSalt, n.salt[:]),
			meta.Put(metaKey, n.key[:]),
			meta.Put(metaCheck, check))
		if err != nil {
			return err
		}
		return fill(tx)
	})
	if err := errors.Join(err, db.Close()); err != nil {
		return errors.Join(err, os.Remove(fresh))
	}
	if err := v.reach(beforeDay); err != nil {
		return err
	}
	if err := os.Rename(fresh, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// removeUnfinished removes files whose creation a crash cut short: they never
// got the name under which they count.
func removeUnfinished(dir string) error {
	names, err := filepath.Glob(filepath.Join(dir, "*.new"))
	for _, name := range names {
		err = errors.Join(err, os.RemoveAll(name))
	}
	return err
}

// syncFile makes a file durable that was written without.
func (v *vault) syncFile(path string) error {
	if v.seam.noSync {
		return nil
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// inspect reads a file's identity without writing to it, and checks that this
// version and these keys can open it.
func (v *vault) inspect(path, kind string) (n identity, err error) {
	err = guard(path, func() error {
		db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true, Timeout: time.Second})
		if err != nil {
			return damaged(path, err)
		}
		defer func() { _ = db.Close() }()
		return db.View(func(tx *bolt.Tx) error {
			meta := tx.Bucket(metaBucket)
			if meta == nil {
				return damaged(path, errors.New("it has no description of itself"))
			}
			n, err = v.readIdentity(path, kind, meta)
			return err
		})
	})
	return n, err
}

func (v *vault) readIdentity(path, kind string, meta *bolt.Bucket) (identity, error) {
	n := identity{kind: string(meta.Get(metaKind))}
	version := meta.Get(metaFormat)
	if len(version) != 4 {
		return n, damaged(path, errors.New("it does not say its format"))
	}
	if f := binary.BigEndian.Uint32(version); f > format {
		return n, newerFormat(path, f)
	}
	if n.kind != kind ||
		copy(n.store[:], meta.Get(metaStore)) != len(n.store) ||
		copy(n.id[:], meta.Get(metaID)) != len(n.id) ||
		copy(n.salt[:], meta.Get(metaSalt)) != len(n.salt) {
		return n, damaged(path, errors.New("its description of itself is incomplete"))
	}
	copy(n.key[:], meta.Get(metaKey))
	_, err := v.unlock(path, &n, meta.Get(metaCheck))
	return n, err
}

func newerFormat(path string, f uint32) error {
	return lockport.Errorf(lockport.Unsupported, "open store", "%s has format %d and this version reads formats up to %d: it was left unchanged, open it with a newer version", filepath.Base(path), f, format)
}

// damaged says that a file is not what was written, and what helps: a view of
// the journal can be made again.
func damaged(path string, err error) error {
	if name := filepath.Base(path); name == recordName || strings.HasPrefix(name, "window-") {
		return lockport.Errorf(lockport.Corrupt, "read store", "%s is damaged: %w; lockport reindex makes it again from the journal", filepath.Base(path), err)
	}
	return lockport.Errorf(lockport.Corrupt, "read store", "%s is damaged: %w", filepath.Base(path), err)
}

// checkPages looks at the structure of a bbolt file before bbolt opens it.
func (v *vault) checkPages(path string, all bool) error {
	if v.seam.unchecked {
		return nil
	}
	_, err := checkPages(path, all)
	return err
}

// full reports whether a commit failed because there was no room, before
// anything was promised. Only writing and growing can find that out: the same
// error from a sync means that pages were lost, which is never retried.
func full(err error) bool {
	if errors.Is(err, bolterrors.ErrMaxSizeReached) {
		return true
	}
	var at *fs.PathError
	return errors.As(err, &at) && (at.Op == "write" || at.Op == "truncate" || at.Op == "open") &&
		(errors.Is(at.Err, syscall.ENOSPC) || errors.Is(at.Err, syscall.EDQUOT))
}

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// makeDir makes a directory and those above it, for the owner only, and makes
// their names durable: a key file whose directory vanishes is a store that is
// lost.
func makeDir(dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	changed := newBelow(dir)
	if len(changed) == 0 {
		// It may have been made by a run that was cut short before this line.
		changed = []string{filepath.Dir(dir)}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, parent := range changed {
		if err := syncDir(parent); err != nil {
			return err
		}
	}
	return nil
}

// newBelow returns the directories that get a new name when dir is made, from
// the bottom up.
func newBelow(dir string) []string {
	var changed []string
	for {
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) || filepath.Dir(dir) == dir {
			return changed
		}
		dir = filepath.Dir(dir)
		changed = append(changed, dir)
	}
}
