package repository

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
)

// Manifest says what a backup holds. It is written last: a directory without one
// is no backup. It holds neither keys nor anything of an entry but hashes.
type Manifest struct {
	Format int       `json:"format"`
	Store  string    `json:"store"` // the store's id, hexadecimal like every id and hash here
	Made   time.Time `json:"made"`
	Keys   string    `json:"keys"`    // that they are not here
	KeyIDs []string  `json:"key_ids"` // the master keys that the files need; of one without an id, zeros

	// After is where the backup begins: sequence 0 in a full one, in an
	// incremental one the Through of its base.
	After   Point `json:"after"`
	Through Point `json:"through"`

	Files         []FileState `json:"files"`              // the whole journal as of Through, whether it is here or in the bases
	Pieces        []Piece     `json:"pieces"`             // what is here
	Snapshot      *Piece      `json:"snapshot,omitempty"` // of the record, where retention has dropped what it was made from; here, or in the base
	Configuration *Piece      `json:"configuration,omitempty"`
	Sum           string      `json:"sha256"` // of this manifest in compact JSON with this field empty
}

// Point is an entry and its hash.
type Point struct {
	Sequence lockport.Seq `json:"sequence"`
	Hash     string       `json:"hash"`
}

// FileState is one file of a journal. Its id changes when it is rewritten.
type FileState struct {
	Name  string `json:"name"`
	ID    string `json:"id"`
	Bytes int64  `json:"bytes"` // up to the end of its last entry: footers are made again
}

// Piece is a run of bytes of one file.
type Piece struct {
	File   string `json:"file"`
	Offset int64  `json:"offset"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// stored returns the name of the file that holds the piece in a backup.
func (p Piece) stored() string {
	if p.Offset > 0 {
		return p.File + ".part"
	}
	return p.File
}

const (
	manifestName   = "manifest.json"
	manifestFormat = 1
	manifestKeys   = "not in this backup: keep a copy of the keys elsewhere"
	manifestLimit  = 64 << 20

	// configurationName is under what name a backup keeps the configuration.
	configurationName = "lockport.yaml"
)

func pointOf(h audit.Head) Point { return Point{h.Seq, hex.EncodeToString(h.Hash[:])} }

// head undoes pointOf; ok is false for what pointOf does not make.
func (p Point) head() (h audit.Head, ok bool) {
	b, err := hex.DecodeString(p.Hash)
	if err != nil || len(b) != len(h.Hash) {
		return h, false
	}
	return audit.Head{Seq: p.Sequence, Hash: [32]byte(b)}, true
}

// full reports whether the backup needs no other.
func (m *Manifest) full() bool { return m.After.Sequence == 0 }

// Bytes returns how many bytes of the journal the backup holds.
func (m *Manifest) Bytes() int64 {
	var n int64
	for _, p := range m.Pieces {
		n += p.Bytes
	}
	return n
}

func (m *Manifest) sum() (string, error) {
	bare := *m
	bare.Sum = ""
	b, err := json.Marshal(&bare)
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:]), err
}

// write puts the manifest into a backup, as the last thing that makes it one.
func (m *Manifest) write(dir string) error {
	var err error
	if m.Sum, err = m.sum(); err != nil {
		return err
	}
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(dir, manifestName)
	if err := writeDurable(path+".new", append(b, '\n')); err != nil {
		return errors.Join(err, os.Remove(path+".new"))
	}
	// The pieces get their names on the disk before the manifest gets its own.
	if err := syncDir(dir); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	return syncDir(dir)
}

// writeDurable makes a file that does not exist yet.
func writeDurable(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// readManifest reads and checks the manifest of a backup.
func readManifest(dir string) (*Manifest, error) {
	const op = "read backup"
	f, err := os.Open(filepath.Join(dir, manifestName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, lockport.Errorf(lockport.NotFound, op, "%s is no backup: it has no %s, which is written when a backup is complete", dir, manifestName)
	}
	if err != nil {
		return nil, lockport.Errorf(lockport.Internal, op, "%w", err)
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, manifestLimit))
	if err != nil {
		return nil, lockport.Errorf(lockport.Internal, op, "%w", err)
	}
	return parseManifest(dir, b)
}

func parseManifest(dir string, b []byte) (*Manifest, error) {
	bad := func(err error) error {
		return &lockport.Error{Op: "read backup", Kind: lockport.Corrupt, Where: filepath.Join(dir, manifestName), Err: err}
	}
	var version struct{ Format int }
	if json.Unmarshal(b, &version) == nil && version.Format > manifestFormat {
		return nil, lockport.Errorf(lockport.Unsupported, "read backup", "%s has format %d and this version reads formats up to %d: restore it with a newer version", dir, version.Format, manifestFormat)
	}
	m := new(Manifest)
	decoder := json.NewDecoder(bytes.NewReader(b))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(m); err != nil {
		return nil, bad(errors.New("it is not what was written"))
	}
	if sum, err := m.sum(); err != nil || sum != m.Sum {
		return nil, bad(errors.New("it is not what was written"))
	}
	if err := m.check(); err != nil {
		return nil, bad(err)
	}
	return m, nil
}

// check looks at what the rest relies on: names above all, which become paths.
func (m *Manifest) check() error {
	after, ok := m.After.head()
	through, ok2 := m.Through.head()
	if m.Format != manifestFormat || !ok || !ok2 || through.Seq < after.Seq || len(m.Files) == 0 {
		return errors.New("it says nothing that a backup can be")
	}
	size := make(map[string]int64, len(m.Files))
	for i, f := range m.Files {
		if f.Name != journalName(i+1) || f.Bytes < blockSize {
			return fmt.Errorf("file %d of it is none of a journal", i+1)
		}
		size[f.Name] = f.Bytes
	}
	for _, p := range m.Pieces {
		end, known := size[p.File]
		if !known || p.Offset < 0 || p.Bytes <= 0 || p.Offset > end-p.Bytes {
			return fmt.Errorf("a piece of %d bytes lies in none of its files", p.Bytes)
		}
	}
	if c := m.Configuration; c != nil && (c.File != configurationName || c.Offset != 0 || c.Bytes < 0 || c.Bytes > manifestLimit) {
		return errors.New("its configuration is none")
	}
	if s := m.Snapshot; s != nil {
		var seq lockport.Seq
		if _, err := fmt.Sscanf(s.File, "record-%d.snapshot", &seq); err != nil || s.File != snapshotName(seq) || s.Offset != 0 || s.Bytes <= 0 {
			return errors.New("its snapshot is none")
		}
	}
	return nil
}

// follows says why a backup is not the next one after another.
func (m *Manifest) follows(base *Manifest) error {
	if m.Store != base.Store {
		return lockport.Errorf(lockport.Refused, "read backup", "they are of two different stores")
	}
	if m.full() {
		return lockport.Errorf(lockport.Invalid, "read backup", "a full backup goes first, and there can be only one")
	}
	if m.After != base.Through {
		return lockport.Errorf(lockport.Invalid, "read backup", "the backup that goes on from entry %d does not follow one that goes up to entry %d: name the full one, then every increment in the order in which they were made", m.After.Sequence, base.Through.Sequence)
	}
	return nil
}
