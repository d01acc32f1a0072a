package main

import (
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockport-hie/lockport/repository"
)

// secretsIn returns the words of a key file that are secret.
func secretsIn(t *testing.T, path string) (secrets []string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if name, value, _ := strings.Cut(strings.TrimSpace(line), " "); name == "master" || name == "hmac" {
			secrets = append(secrets, value)
		}
	}
	if len(secrets) < 2 {
		t.Fatal("there are no keys in", path)
	}
	return secrets
}

// tells reports whether a text holds any part of a secret that is worth having: eight of its
// bytes in a row, as they are, in hexadecimal or in base64.
func tells(text, secret string) bool {
	raw, _ := hex.DecodeString(secret)
	for i := 0; i+8 <= len(raw); i++ {
		part := raw[i : i+8]
		if strings.Contains(text, string(part)) || strings.Contains(strings.ToLower(text), hex.EncodeToString(part)) {
			return true
		}
	}
	for shift := range 3 {
		whole := base64.RawStdEncoding.EncodeToString(raw[shift:])
		if strings.Contains(text, whole[:16]) {
			return true
		}
	}
	return false
}

// TestNoKeyGetsOut runs every command that handles keys, rightly and wrongly, and looks for
// the keys in all that is printed.
func TestNoKeyGetsOut(t *testing.T) {
	base := t.TempDir()
	dir, key := filepath.Join(base, "hie"), filepath.Join(base, "hie", "keys", "master.key")
	out := filepath.Join(base, "copy.pem")
	var said strings.Builder
	do := func(want int, args ...string) {
		t.Helper()
		env, stdout, stderr := bare()
		env.Getenv = func(name string) string {
			if name == passphraseVariable {
				return "four words make one"
			}
			return ""
		}
		if got := run(t.Context(), env, append(args, "--dir", dir)); got != want {
			t.Errorf("%v: exit code %d, want %d: %s", args, got, want, stderr)
		}
		said.WriteString(stdout.String() + stderr.String())
	}
	do(0, "init", "--listen", "127.0.0.1:0")
	secrets := secretsIn(t, key)
	do(0, "keys", "show")
	do(0, "keys", "show", "--output", "json")
	do(0, "keys", "export", "--out", out)
	do(1, "keys", "export", "--out", out)
	do(0, "rekey", "--output", "json")
	secrets = append(secrets, secretsIn(t, key)...)
	do(1, "keys", "import", out) // the keys of before
	good, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{
		strings.Replace(string(good), "master ", "hmac ", 1),
		strings.Replace(string(good), "key ", "key 0", 1),
		strings.Replace(string(good), "hmac ", "hmac x", 1),
		string(good) + string(good),
		strings.ReplaceAll(string(good), "\n", " "),
		string(good[:len(good)-9]),
	} {
		if err := os.WriteFile(key, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		do(1, "keys", "show")
		do(1, "serve")
		do(1, "rekey")
		do(1, "keys", "export", "--out", out+"2")
	}
	if err := os.WriteFile(key, good, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(key, 0o644); err != nil {
		t.Fatal(err)
	}
	do(1, "keys", "show")
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	do(0, "keys", "import", out) // put back, but they open nothing any more
	do(1, "keys", "show")
	do(3, "check")
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	said.Write(text)
	for i, secret := range secrets {
		if tells(said.String(), secret) {
			t.Errorf("secret %d gets out", i)
		}
	}
	if len(secrets) != 4 || said.Len() < 4000 || !strings.Contains(said.String(), "it needs key") {
		t.Errorf("%d secrets, %d bytes: little was looked at", len(secrets), said.Len())
	}
	// The control: what the search finds when a key does get out.
	raw, _ := hex.DecodeString(secrets[3])
	for _, leak := range []string{secrets[3][10:40], string(raw[3:20]), base64.StdEncoding.EncodeToString(raw), base64.StdEncoding.EncodeToString(append([]byte("ab"), raw...))} {
		if !tells("there: "+leak, secrets[3]) {
			t.Error("a key that gets out is not found")
		}
	}
	if _, err := repository.LoadKeys(filepath.Join(dir, "keys")); err != nil {
		t.Error(err)
	}
}

// TestRekeyOfTheFirstFormat: a store of format 1 with a key file of version 1 can be given
// new keys once it is of today's format.
func TestRekeyOfTheFirstFormat(t *testing.T) {
	dir := golden(t, "testdata/formats/1.tar.gz")
	k := knownOf(t, dir)
	rekey := func() int {
		env, _, _ := bare()
		return run(t.Context(), env, []string{"rekey", "--dir", dir})
	}
	if code := rekey(); code != 1 {
		t.Errorf("exit code %d before the store is of today's format", code)
	}
	for round := range 2 {
		s, err := openGolden(dir)
		if err != nil {
			t.Fatal(err)
		}
		if round > 0 { // one entry more: that the keys are others
			seq, hash := s.Head()
			if k.Entries++; seq != k.Entries {
				t.Errorf("%d entries, want %d", seq, k.Entries)
			}
			k.Head = hex.EncodeToString(hash[:])
		}
		k.holds(t, s)
		if err := s.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if round == 0 {
			if code := rekey(); code != 0 {
				t.Fatal("exit code", code)
			}
		}
	}
}
