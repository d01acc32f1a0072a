package archtest

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The words are put together from pieces, so that this file does not contain
// what it looks for.

// unfinished are marks of work that is not done. They may stand nowhere in code,
// and in no comment of a test.
var unfinished = regexp.MustCompile(`(?i)\b(` + strings.Join([]string{
	"to" + "do", "fix" + "me", "x" + "xx", "ha" + "ck", "w" + "ip", "st" + "ub", "place" + "holder", "for" + " now", "dum" + "my",
	"not " + "implemented", "un" + "implemented", "not supported " + "yet", "coming " + "soon",
}, "|") + `)\b`)

// history is what the version control knows better. A comment says what is, and
// why, to a reader who never saw the code before.
var history = regexp.MustCompile(`(?i)\b(` + strings.Join([]string{
	"previous" + "ly", "former" + "ly", "used to be", "any" + "more", "refact" + "ored", "renamed from", "moved from", "moved here",
	"(is|are|was|were) now", "now (uses?|has|have|does|takes?|works?|supports?)", "was changed", "changed from",
	"old (code|version|behaviou?r|implementation|name)", "new (code|behaviou?r|implementation)", "as of (this|the) (commit|change)",
}, "|") + `)\b`)

// workplace is what only the machine has on which the code was written.
var workplace = regexp.MustCompile(strings.Join([]string{
	"/wo" + "rk/", "/wo" + `rk\b`, "/fa" + `rm\b`, `proxy\.go` + `lang`, `registry\.np` + `mjs`, "fa" + "rm-(bench|studio)", `\.lib` + "rary", "/tmp/" + "brief",
}, "|"))

// wordRule looks for marks and history: in comments everywhere, for marks also
// in the code that is not test code.
func wordRule(t *tree) (findings []string) {
	for _, f := range t.files {
		seen := map[int]bool{} // a line is reported once
		complain := func(line int, word, why string) {
			if !seen[line] {
				findings = append(findings, fmt.Sprintf("%s:%d: %q: %s", f.path, line, word, why))
			}
			seen[line] = true
		}
		for _, g := range f.ast.Comments {
			for _, c := range g.List {
				line := t.fset.Position(c.Pos()).Line
				if w := unfinished.FindString(c.Text); w != "" {
					complain(line, w, "finish it, or say what is and why")
				}
				if w := history.FindString(c.Text); w != "" {
					complain(line, w, "a comment tells no history")
				}
			}
		}
		if f.test {
			continue
		}
		for i, line := range strings.Split(f.text, "\n") {
			if w := unfinished.FindString(line); w != "" {
				complain(i+1, w, "reads like unfinished work")
			}
		}
	}
	return findings
}

// workplaces returns the lines of text files that name the workplace.
func workplaces(texts map[string]string) (findings []string) {
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		text := texts[name]
		if strings.IndexByte(text[:min(len(text), 8<<10)], 0) >= 0 {
			continue // not text
		}
		for i, line := range strings.Split(text, "\n") {
			if w := workplace.FindString(line); w != "" {
				findings = append(findings, fmt.Sprintf("%s:%d: %q names the machine on which this was written", name, i+1, w))
			}
		}
	}
	return findings
}

func TestWords(t *testing.T) { enforce(t, wordRule) }

func TestWorkplace(t *testing.T) {
	texts, err := read(root, func(string) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	if texts["go.mod"] == "" || texts[".ci/run"] == "" {
		t.Fatal("the walk does not see the whole module")
	}
	for _, finding := range workplaces(texts) {
		t.Error(finding)
	}
}

func TestWordRule(t *testing.T) {
	prove(t, wordRule, []specimen{
		{name: "a mark", files: map[string]string{"a.go": "package a\n// TO" + "DO: finish.\nvar A = 1"}, want: []string{"a.go:2"}},
		{name: "a mark in code", files: map[string]string{"a.go": "package a\nvar A = \"not " + "implemented\""}, want: []string{"a.go:2"}},
		{name: "history", files: map[string]string{"a_test.go": "package a\n// Previous" + "ly it was B.\n\n/* It is n" + "ow C. */"}, want: []string{"a_test.go:2", "a_test.go:4"}},
		{name: "honest words", files: map[string]string{"a.go": "package a\n// Now is the clock. now returns it. The journal no longer accepts entries. A key is used to sign. Stubborn.\nvar Now = 1"}},
		{name: "a test may say it in code", files: map[string]string{"a_test.go": "package a\nvar A = \"place" + "holder\""}},
	})
}

func TestWorkplaceRule(t *testing.T) {
	got := workplaces(map[string]string{
		"Makefile":  "all:\n\tcd /wo" + "rk/main",
		"README.md": "a net/wo" + "rk/flow, /workers",
		"image":     "\x00/wo" + "rk/",
		"x.sh":      "GOPROXY=https://proxy.go" + "lang.org",
	})
	if len(got) != 3 || !strings.HasPrefix(got[0], "Makefile:2:") || !strings.HasPrefix(got[1], "README.md:1:") || !strings.HasPrefix(got[2], "x.sh:1:") {
		t.Errorf("findings: %q", got)
	}
}
