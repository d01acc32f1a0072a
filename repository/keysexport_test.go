package repository

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockport-hie/lockport"
)

// cheap stretches a passphrase at no cost.
func cheap() stretching { return stretching{memory: 8, passes: 1, lanes: 1} }

var testPassphrase = []byte("four words make one")

func TestExportAndImport(t *testing.T) {
	for name, s := range map[string]stretching{"as in service": strongStretching(), "cheap": cheap()} {
		dir := t.TempDir()
		keys, out := filepath.Join(dir, "keys"), filepath.Join(dir, "copy.pem")
		if err := GenerateKeys(keys); err != nil {
			t.Fatal(err)
		}
		k, err := LoadKeys(keys)
		if err != nil {
			t.Fatal(err)
		}
		ids, err := exportKeys(keys, out, testPassphrase, s)
		if err != nil || len(ids) != 1 || ids[0] != k.current().id {
			t.Fatal(name, ids, err)
		}
		if info, err := os.Stat(out); err != nil || info.Mode().Perm() != 0o600 {
			t.Error(name, info.Mode(), err)
		}
		text, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), "Keys: "+ids[0].String()) || !strings.Contains(string(text), fmt.Sprintf("Argon2id: m=%d,t=%d,p=%d", s.memory, s.passes, s.lanes)) {
			t.Errorf("%s: %s", name, text)
		}
		if _, err := exportKeys(keys, out, testPassphrase, cheap()); lockport.KindOf(err) != lockport.Conflict {
			t.Error(name, "over a file that is there:", err)
		}
		if ids, same, err := ImportKeys(keys, out, testPassphrase); err != nil || !same || len(ids) != 1 {
			t.Error(name, "the same again:", ids, same, err)
		}
		if err := os.RemoveAll(keys); err != nil {
			t.Fatal(err)
		}
		if _, same, err := ImportKeys(keys, out, testPassphrase); err != nil || same {
			t.Error(name, "put back:", same, err)
		}
		if again, err := LoadKeys(keys); err != nil || !again.ring.equal(k.ring) {
			t.Error(name, "other keys came back:", err)
		}
	}
}

func TestExportAndImportRefuse(t *testing.T) {
	dir := t.TempDir()
	keys, other, out := filepath.Join(dir, "keys"), filepath.Join(dir, "other"), filepath.Join(dir, "copy.pem")
	for _, d := range []string{keys, other} {
		if err := GenerateKeys(d); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := ExportKeys(keys, out, []byte("elevenchars")); lockport.KindOf(err) != lockport.Invalid || !strings.Contains(err.Error(), "at least 12") {
		t.Error("a short passphrase:", err)
	}
	if _, err := ExportKeys(filepath.Join(dir, "none"), out, testPassphrase); lockport.KindOf(err) != lockport.NotFound {
		t.Error("no keys:", err)
	}
	if _, err := exportKeys(keys, out, testPassphrase, cheap()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := ImportKeys(other, out, testPassphrase); lockport.KindOf(err) != lockport.Conflict || !strings.Contains(err.Error(), "not replaced") {
		t.Error("over other keys:", err)
	}
	fresh := filepath.Join(dir, "fresh")
	if _, _, err := ImportKeys(fresh, out, []byte("another passphrase")); lockport.KindOf(err) != lockport.Refused || !strings.Contains(err.Error(), "passphrase does not open") {
		t.Error("a wrong passphrase:", err)
	}
	if _, _, err := ImportKeys(fresh, filepath.Join(dir, "none"), testPassphrase); lockport.KindOf(err) != lockport.NotFound {
		t.Error("no file:", err)
	}
	good, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	for i, b := range good { // whatever changes, it is noticed, and is not taken for a wrong passphrase
		changed := bytes.Clone(good)
		changed[i] ^= 1
		if err := os.WriteFile(out, changed, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := ImportKeys(fresh, out, testPassphrase); err == nil || lockport.KindOf(err) != lockport.Invalid {
			t.Errorf("byte %d, %q for %q: %v", i, changed[i], b, err)
		}
	}
	if _, err := os.Stat(fresh); err == nil {
		t.Error("a failed import has left something")
	}
	// Written on Windows, and with room around it.
	text := "\n" + strings.ReplaceAll(string(good), "\n", "\r\n") + "\r\n"
	if err := os.WriteFile(out, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := ImportKeys(fresh, out, testPassphrase); err != nil {
		t.Error(err)
	}
}

// A file that comes from elsewhere may ask for no more memory than this program
// would ever use: nothing is computed before that was looked at.
func TestSealedCopyIsBounded(t *testing.T) {
	for _, c := range []struct{ header, value, says string }{
		{"Argon2id", "m=104857600,t=3,p=4", "more work than"},
		{"Argon2id", "m=4294967295,t=3,p=4", "more work than"},
		{"Argon2id", "m=99999999999,t=3,p=4", "no sealed copy"},
		{"Argon2id", "m=8,t=17,p=1", "more work than"},
		{"Argon2id", "m=8,t=0,p=1", "more work than"},
		{"Argon2id", "m=8,t=1,p=0", "more work than"},
		{"Argon2id", "m=256,t=1,p=17", "more work than"},
		{"Argon2id", "m=8,t=1,p=2", "more work than"},
		{"Argon2id", "m=-8,t=1,p=1", "no sealed copy"},
		{"Salt", "00", "no sealed copy"},
		{"Version", "2", "it has version 2"},
		{"Version", "one", "no sealed copy"},
	} {
		headers := cheap().headers(nil)
		headers[c.header] = c.value
		sealed := append(make([]byte, 40), sealedSum(headers, make([]byte, 40))...)
		_, err := parseSealed(pem.EncodeToMemory(&pem.Block{Type: sealedType, Headers: headers, Bytes: sealed}))
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %s: %v", c.header, c.value, err)
		}
	}
	if _, err := parseSealed(bytes.Repeat([]byte("A"), maxSealedFile+1)); err == nil {
		t.Error("a file without end is read")
	}
}

// FuzzParseSealed: a sealed copy of any content gives an error, or one that costs
// no more than the bounds allow.
func FuzzParseSealed(f *testing.F) {
	good, err := sealKeys(Keys{&keyring{[]*pair{fixedPair(1), fixedPair(2)}}}, testPassphrase, cheap())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte("-----BEGIN " + sealedType + "-----\nVersion: 1\n\n-----END " + sealedType + "-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		k, err := parseSealed(data)
		if err != nil {
			return
		}
		if k.memory > maxSealedMemory || k.passes > maxSealedPasses || k.lanes > maxSealedLanes || k.passes*uint32(k.lanes) == 0 {
			t.Fatal("it costs too much")
		}
	})
}
