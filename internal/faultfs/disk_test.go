package faultfs

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// cutOf returns what a cut leaves of one file, nil when the file is gone.
func cutOf(t *testing.T, d *Disk, name string, seed uint64) []byte {
	t.Helper()
	dir := t.TempDir()
	if err := d.Cut(dir, rand.New(rand.NewPCG(seed, 1)), func() {}); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return data
}

// TestCut: what was flushed is always there; of what was not, every mixture is
// seen, torn within a write as well.
func TestCut(t *testing.T) {
	d, f := New(), &node{}
	d.name(d.root, naming{"f": f})
	old, fresh := bytes.Repeat([]byte{1}, 4*sector), bytes.Repeat([]byte{2}, 4*sector)
	for _, errno := range []syscall.Errno{d.write(f, old, 0), d.sync(f), d.sync(d.root), d.write(f, fresh, 0)} {
		if errno != 0 {
			t.Fatal(errno)
		}
	}
	seen := map[string]bool{}
	for seed := range uint64(200) {
		left := cutOf(t, d, "f", seed)
		if len(left) != 4*sector {
			t.Fatalf("%d bytes are left of what was flushed", len(left))
		}
		mixture := ""
		for s := range 4 {
			part := left[s*sector : (s+1)*sector]
			if !bytes.Equal(part, old[:sector]) && !bytes.Equal(part, fresh[:sector]) {
				t.Fatal("a sector is torn")
			}
			mixture += string('0' + rune(part[0]))
		}
		seen[mixture] = true
	}
	for _, want := range []string{"1111", "2222", "1222", "2111", "1212"} {
		if !seen[want] {
			t.Errorf("%s was never left", want)
		}
	}
}

// TestCutNames: a name that was not flushed may be gone, one that was is not,
// and a rename happens as a whole.
func TestCutNames(t *testing.T) {
	d, f, g := New(), &node{}, &node{}
	d.name(d.root, naming{"f": f})
	d.write(f, []byte("old"), 0)
	d.write(g, []byte("new"), 0)
	d.sync(f)
	d.sync(g)
	if seen := ends(t, d); !seen[""] || !seen["old"] {
		t.Errorf("a name that was not flushed: %v", seen)
	}
	d.sync(d.root)
	d.name(d.root, naming{"g": g})
	d.name(d.root, naming{"g": nil, "f": g})
	if seen := ends(t, d); seen[""] || !seen["old"] || !seen["new"] {
		t.Errorf("a rename that was not flushed: %v", seen)
	}
	d.sync(d.root)
	if seen := ends(t, d); len(seen) != 1 || !seen["new"] {
		t.Errorf("a rename that was flushed: %v", seen)
	}
}

func ends(t *testing.T, d *Disk) map[string]bool {
	t.Helper()
	seen := map[string]bool{}
	for seed := range uint64(40) {
		seen[string(cutOf(t, d, "f", seed))] = true
	}
	return seen
}

// TestFaults: a call fails when it is said to, a sync that failed loses what it
// was for, and a sync that lies keeps nothing.
func TestFaults(t *testing.T) {
	d, f := New(), &node{}
	d.name(d.root, naming{"f": f})
	d.sync(d.root)
	d.Fail(Fault{Call: 2, Errno: syscall.EIO})
	if errno := d.write(f, []byte("lost"), 0); errno != 0 {
		t.Error("the first call:", errno)
	}
	if errno := d.sync(f); errno != syscall.EIO {
		t.Error("the second call:", errno)
	}
	if errno := d.sync(f); errno != 0 {
		t.Error("the third call:", errno)
	}
	if seen := ends(t, d); len(seen) != 1 || !seen[""] {
		t.Errorf("after a sync that failed: %v", seen)
	}
	d.Lie()
	d.write(f, []byte("kept"), 0)
	d.sync(f)
	if seen := ends(t, d); !seen[""] {
		t.Errorf("after a sync that lied: %v", seen)
	}
}

// TestRoom: a disk that is full takes what has its place already, and nothing
// else.
func TestRoom(t *testing.T) {
	d, f := New(), &node{}
	if errno := d.allocate(f, 2*sector); errno != 0 {
		t.Fatal(errno)
	}
	d.Fail(Fault{Call: 1, Errno: syscall.ENOSPC, Keep: true, Room: true})
	page := make([]byte, sector)
	for what, c := range map[string]struct {
		got  syscall.Errno
		full bool
	}{
		"a write into its place":     {d.write(f, page, sector), false},
		"a write behind it":          {d.write(f, page, sector+1), true},
		"more room":                  {d.allocate(f, 3*sector), true},
		"the same room":              {d.allocate(f, 2*sector), false},
		"a size without room":        {d.size(f, 9*sector), false},
		"a write into a hole":        {d.write(f, page, 8*sector), true},
		"a sync":                     {d.sync(f), false},
		"less room":                  {d.size(f, sector), false},
		"a write into what was left": {d.write(f, page, sector), true},
	} {
		if c.full != (c.got == syscall.ENOSPC) {
			t.Errorf("%s: %v", what, c.got)
		}
	}
	if d.Failed() != 4 {
		t.Error(d.Failed(), "calls have failed")
	}
}

// TestLoad: what a cut has left is a disk again, and all of it is flushed.
func TestLoad(t *testing.T) {
	from, again := t.TempDir(), t.TempDir()
	want := []byte("a file\x00\x00")
	err := errors.Join(os.Mkdir(filepath.Join(from, "dir"), 0o700), os.WriteFile(filepath.Join(from, "dir", "f"), want, 0o600))
	if err != nil {
		t.Fatal(err)
	}
	d := New()
	if err := errors.Join(d.Load(from), d.Cut(again, rand.New(rand.NewPCG(1, 1)), func() {})); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(again, "dir", "f")); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%q, %v", got, err)
	}
}
