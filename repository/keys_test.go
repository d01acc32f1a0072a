package repository

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockport-hie/lockport"
)

func TestKeys(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "keys")
	if _, err := LoadKeys(dir); lockport.KindOf(err) != lockport.NotFound {
		t.Error("missing:", err)
	}
	if err := GenerateKeys(dir); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, keysName)
	for name, want := range map[string]os.FileMode{dir: 0o700, path: 0o600} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v %v", filepath.Base(name), info.Mode(), err)
		}
	}
	first, err := LoadKeys(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := GenerateKeys(dir); lockport.KindOf(err) != lockport.Conflict {
		t.Error("a second time:", err)
	}
	if again, err := LoadKeys(dir); err != nil || *again.secret != *first.secret {
		t.Error("the keys have changed:", err)
	}
	if first.secret.master == first.secret.mac || first.secret.master == [32]byte{} {
		t.Error("these are no random keys")
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		data string
		says string
	}{
		"empty":          {"", "line 1"},
		"newer":          {strings.Replace(string(good), "keys 1", "keys 2", 1), "line 1"},
		"no hash key":    {string(good[:88]), "line 3"},
		"short":          {strings.Replace(string(good), "master ", "master 0", 1), "line 2"},
		"no hexadecimal": {string(good[:40]) + "x" + string(good[41:]), "line 2"},
		"more":           {string(good) + "more\n", "line 4"},
	} {
		if err := os.WriteFile(path, []byte(c.data), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := LoadKeys(dir)
		if lockport.KindOf(err) != lockport.Invalid || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), string(good[30:38])) {
			t.Errorf("%s: the error quotes the key", name)
		}
	}
	if err := os.WriteFile(path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadKeys(dir); lockport.KindOf(err) != lockport.Invalid || !strings.Contains(err.Error(), "chmod 600") {
		t.Error("readable by others:", err)
	}
}
