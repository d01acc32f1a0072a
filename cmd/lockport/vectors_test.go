package main

import (
	"bytes"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// updateVectors rewrites the expectations of the vectors with what happened. What it
// wrote is to be read against the standard before it is kept.
var updateVectors = flag.Bool("update-vectors", false, "rewrite the expectations of testdata/vectors")

// knownDefects are vectors whose expectation is what the standard demands and not what
// happens. Each begins with "known-defect: "; the test fails as soon as one holds, so
// that the list does not outlive its reasons.
var knownDefects = map[string]string{}

// vectorsDir is where the vectors stand; its README.md says how they are written.
var vectorsDir = filepath.Join("..", "..", "testdata", "vectors")

// vectorName keeps the paths of the servers' sockets short enough for the system.
var vectorName = regexp.MustCompile(`^[a-z0-9-]{1,32}\.txtar$`)

func TestVectors(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(vectorsDir, "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no vectors: %v", err)
	}
	left := maps.Clone(knownDefects)
	for _, file := range files {
		name, ok := strings.CutSuffix(filepath.Base(file), ".txtar")
		if !vectorName.MatchString(filepath.Base(file)) || !ok {
			t.Errorf("%s: a vector's name is at most 32 small letters, digits and dashes", file)
			continue
		}
		defect := left[name]
		delete(left, name)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testVector(t, file, defect)
		})
	}
	for name := range left {
		t.Errorf("the list of known defects names a vector that does not exist: %s", name)
	}
}

// testVector runs one vector and compares everything that it expects.
func testVector(t *testing.T, file, defect string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := txtar.Parse(text)
	checkHeader(t, want)
	got := runVector(t, want)
	if t.Failed() {
		return
	}
	if *updateVectors && defect == "" {
		if written := txtar.Format(got); !bytes.Equal(written, text) {
			if err := os.WriteFile(file, written, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return
	}
	diff := cmp.Diff(sections(want), sections(got))
	switch {
	case defect == "" && diff != "":
		t.Errorf("expected (-), happened (+):\n%s", diff)
	case defect != "" && !strings.HasPrefix(defect, "known-defect: "):
		t.Error("a known defect says what it is after the words known-defect:")
	case defect != "" && diff == "":
		t.Errorf("the defect is gone, take it off the list: %s", defect)
	case defect != "":
		t.Logf("%s\n%s", defect, diff)
	}
}

// checkHeader demands the words that tell a reader what the case shows and by which rule.
func checkHeader(t *testing.T, a *txtar.Archive) {
	for _, line := range []string{"# Shows: ", "# Rule: "} {
		if !strings.Contains("\n"+string(a.Comment), "\n"+line) {
			t.Errorf("the header has no line %q", line)
		}
	}
	names := slices.Collect(maps.Keys(sections(a)))
	for _, name := range []string{"directory", "facts", "audit"} {
		if !slices.Contains(names, name) {
			t.Errorf("there is no section %q", name)
		}
	}
	if len(names) != len(a.Files) {
		t.Error("two sections have the same name")
	}
}

// sections returns the files of an archive by name.
func sections(a *txtar.Archive) map[string]string {
	all := map[string]string{}
	for _, f := range a.Files {
		all[f.Name] = string(f.Data)
	}
	return all
}

// TestVectorsFail changes one word of every kind of expectation in turn: a runner that
// compares nothing would not notice.
func TestVectorsFail(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(vectorsDir, "query-qry-found.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	want := txtar.Parse(text)
	got := runVector(t, want)
	if diff := cmp.Diff(sections(want), sections(got)); diff != "" {
		t.Fatalf("the control does not hold to begin with:\n%s", diff)
	}
	for _, name := range []string{"01-answer.hl7", "03-answer.hl7", "facts", "audit"} {
		changed := sections(want)
		if changed[name] == "" {
			t.Errorf("the control has no section %s", name)
		}
		changed[name] = strings.Replace(changed[name], "A", "B", 1)
		if cmp.Diff(changed, sections(got)) == "" {
			t.Errorf("a change of %s is not noticed", name)
		}
	}
	for _, input := range []struct{ from, to string }{{"--decision give", "--decision deny"}, {"|150|", "|151|"}} {
		other := txtar.Parse(bytes.Replace(text, []byte(input.from), []byte(input.to), 1))
		if cmp.Diff(sections(got), sections(runVector(t, other))) == "" {
			t.Errorf("what happens does not depend on %q", input.from)
		}
	}
}
