package repository

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lockport-hie/lockport"
	"github.com/lockport-hie/lockport/audit"
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
	if again, err := LoadKeys(dir); err != nil || !again.ring.equal(first.ring) {
		t.Error("the keys have changed:", err)
	}
	if p := first.current(); p.master == p.mac || p.master == [32]byte{} || p.id == (KeyID{}) {
		t.Error("these are no random keys")
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
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

// keyText makes the text of a key file of version 2 out of seeds.
func keyText(seeds ...byte) string {
	r := new(keyring)
	for _, seed := range seeds {
		r.pairs = append(r.pairs, fixedPair(seed))
	}
	return string(r.encode())
}

func fixedPair(seed byte) *pair {
	p := &pair{master: [32]byte(bytes.Repeat([]byte{seed}, 32)), mac: [32]byte(bytes.Repeat([]byte{seed ^ 0xff}, 32))}
	p.id = keyIDOf(p.master)
	return p
}

func TestParseKeys(t *testing.T) {
	one, two := keyText(0xa5), keyText(0xa5, 0x3c)
	v1 := keysVersion1 + strings.TrimPrefix(one, keysVersion2)
	v1 = strings.Replace(v1, "key "+fixedPair(0xa5).id.String()+"\n", "", 1)
	for name, c := range map[string]struct {
		data string
		want []KeyID
		says string
	}{
		"version 1":             {v1, []KeyID{fixedPair(0xa5).id}, ""},
		"one key":               {one, []KeyID{fixedPair(0xa5).id}, ""},
		"two keys":              {two, []KeyID{fixedPair(0xa5).id, fixedPair(0x3c).id}, ""},
		"no last line end":      {strings.TrimSpace(two), []KeyID{fixedPair(0xa5).id, fixedPair(0x3c).id}, ""},
		"empty":                 {"", nil, "line 1"},
		"newer":                 {strings.Replace(one, "keys 2", "keys 3", 1), nil, "line 1"},
		"no keys":               {keysVersion2 + "\n", nil, "line 2: the key id is missing"},
		"version 1 in two":      {strings.Replace(v1, "keys 1", "keys 2", 1), nil, "line 2: not a key id of 8 bytes"},
		"version 1 and more":    {v1 + "more\n", nil, "line 4"},
		"version 1, no hmac":    {v1[:88], nil, "line 3"},
		"short id":              {strings.Replace(one, "key ", "key", 1), nil, "line 2"},
		"short":                 {strings.Replace(one, "master ", "master 0", 1), nil, "line 3"},
		"no hexadecimal":        {strings.Replace(one, "master a5", "master x5", 1), nil, "line 3: the master key is not hexadecimal"},
		"another master key":    {strings.Replace(one, "master a5", "master a4", 1), nil, "line 2: the master key below is not the one of this id"},
		"no hash key":           {one[:strings.Index(one, "hmac")], nil, "line 4: the hmac key is missing"},
		"half a second key":     {two[:len(two)-70], nil, "line 7: the hmac key is missing"},
		"twice":                 {keyText(1, 1), nil, "line 5: this key is there twice"},
		"too many":              {keyText(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17), nil, "more than 16 keys"},
		"a line without end":    {one + strings.Repeat("a", 70_000), nil, "too long"},
		"1, a line without end": {v1 + strings.Repeat("a", 70_000), nil, "line 4"},
	} {
		r, err := parseKeys([]byte(c.data))
		if c.says == "" {
			if err != nil || !slices.Equal((Keys{r}).IDs(), c.want) {
				t.Errorf("%s: %v %v", name, (Keys{r}).IDs(), err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && (strings.Contains(err.Error(), "a5a5") || strings.Contains(err.Error(), "5a5a")) {
			t.Errorf("%s: the error quotes the key: %v", name, err)
		}
	}
}

// A store whose files were made under several pairs opens with all of them in the
// ring; what was hashed under another than the current pair is made again.
func TestOpenUnderANewerPair(t *testing.T) {
	o := filled(t, 300, func(o *Options) { o.JournalBytes = 100 << 10 })
	s := openAgain(t, o)
	verified, err := s.Verify(t.Context(), nil)
	rows := len(dump(t, s))
	if err != nil || verified.Bad != nil {
		t.Fatal(verified.Bad, err)
	}
	closeNow(t, s)
	old := o.Keys.current()
	for round, pairs := range [][]*pair{{fixedPair(7), old}, {old, fixedPair(7)}, {fixedPair(7), old}} {
		o.Keys = Keys{&keyring{pairs}}
		s = openAgain(t, o)
		again, err := s.Verify(t.Context(), nil)
		if err != nil || again.Bad != nil || again.Head.Seq != verified.Head.Seq+lockport.Seq(round) {
			t.Fatal(again, err)
		}
		if round == 0 && again.Head != verified.Head {
			t.Error("the head is another")
		}
		if got := len(dump(t, s)); got != rows+round*6 {
			t.Errorf("round %d: %d rows, there were %d", round, got, rows)
		}
		for i := range 300 { // known in the window that was made again
			receipts, err := s.Append(t.Context(), []lockport.Entry{oru(i)})
			if err != nil || !receipts[0].Duplicate {
				t.Fatal(i, receipts, err)
			}
		}
		if _, err := s.Append(t.Context(), []lockport.Entry{oru(1000 + round)}); err != nil {
			t.Fatal(err)
		}
		closeNow(t, s)
		v, err := newVault(o)
		if err != nil {
			t.Fatal(err)
		}
		views, _ := filepath.Glob(filepath.Join(o.Dir, "*.bolt"))
		for _, path := range views {
			kind := kindWindow
			if filepath.Base(path) == recordName {
				kind = kindRecord
			}
			if n, err := v.inspect(path, kind); err != nil || n.key != pairs[0].id {
				t.Errorf("%s is under key %s: %v", filepath.Base(path), n.key, err)
			}
		}
		if len(views) < 2 {
			t.Error("there are no views")
		}
	}
	// The new pair alone opens nothing.
	o.Keys = Keys{&keyring{[]*pair{fixedPair(7)}}}
	_, err = Open(o)
	if lockport.KindOf(err) != lockport.Refused || !strings.Contains(err.Error(), "journal-0001.log: it needs key "+old.id.String()+" and master.key holds "+fixedPair(7).id.String()) {
		t.Error(err)
	}
}

// A journal that has lost entries is found out although the record goes.
func TestStaleRecordIsAskedFirst(t *testing.T) {
	o := filled(t, 50, func(*Options) {})
	setProgress(audit.Head{Seq: 999})(t, &o)
	o.Keys = Keys{&keyring{[]*pair{fixedPair(7), o.Keys.current()}}}
	if _, err := Open(o); lockport.KindOf(err) != lockport.Corrupt || !strings.Contains(err.Error(), "entries are missing") {
		t.Error(err)
	}
	if sizeOf(filepath.Join(o.Dir, recordName)) == 0 {
		t.Error("the record has gone")
	}
}
