package archtest

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// Lines that a reader can hold: wanted, and never exceeded. They are one notch
// stricter than the median of the code bases that this one learns from.
const (
	fileWanted, fileLimit = 400, 600
	funcWanted, funcLimit = 40, 80
	filesWanted           = 15 // files of a package, tests left out
	methodsWanted         = 3  // methods of an interface
)

// measure is the length of one file or function.
type measure struct {
	at    string
	name  string
	lines int
	test  bool
}

// fileSizes measures every file.
func (t *tree) fileSizes() (all []measure) {
	for _, f := range t.files {
		all = append(all, measure{f.path, f.path, strings.Count(f.text, "\n"), f.test})
	}
	return longestFirst(all)
}

// funcSizes measures every function of code: the declaration with its braces,
// without its comment. Tests are left out: their tables are long and read well.
func (t *tree) funcSizes() (all []measure) {
	for f := range t.code {
		for _, decl := range f.ast.Decls {
			if d, ok := decl.(*ast.FuncDecl); ok {
				all = append(all, measure{t.at(d.Pos()), d.Name.Name, t.lines(d), false})
			}
		}
	}
	return longestFirst(all)
}

// interfaceSizes measures interfaces in methods: a large one is declared for
// those who implement it and not for the one who uses it.
func (t *tree) interfaceSizes() (all []measure) {
	for f := range t.code {
		for n := range ast.Preorder(f.ast) {
			if s, ok := n.(*ast.TypeSpec); ok {
				if i, ok := s.Type.(*ast.InterfaceType); ok {
					all = append(all, measure{t.at(s.Pos()), s.Name.Name, i.Methods.NumFields(), false})
				}
			}
		}
	}
	return longestFirst(all)
}

// lines counts the lines that a node stands on.
func (t *tree) lines(n ast.Node) int {
	line := func(p token.Pos) int { return t.fset.Position(p).Line }
	return line(n.End()) - line(n.Pos()) + 1
}

func longestFirst(all []measure) []measure {
	slices.SortStableFunc(all, func(a, b measure) int { return cmp.Compare(b.lines, a.lines) })
	return all
}

// sizeRule finds what exceeds a limit. Files are bound even when they are tests.
func sizeRule(t *tree) (findings []string) {
	for _, m := range t.fileSizes() {
		if m.lines > fileLimit {
			findings = append(findings, fmt.Sprintf("%s:1: %d lines, limit %d: split it by what it is about", m.at, m.lines, fileLimit))
		}
	}
	for _, m := range t.funcSizes() {
		if m.lines > funcLimit {
			findings = append(findings, fmt.Sprintf("%s: %s has %d lines, limit %d", m.at, m.name, m.lines, funcLimit))
		}
	}
	return findings
}

func TestSizes(t *testing.T) { enforce(t, sizeRule) }

// TestSizeReport prints what is longer than wanted, and the module in figures:
// go test -v -run SizeReport ./internal/archtest
func TestSizeReport(t *testing.T) {
	tr, err := load()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range tr.fileSizes() {
		if m.lines > fileWanted && !m.test {
			t.Logf("%s: %d lines, wanted %d", m.at, m.lines, fileWanted)
		}
	}
	for _, m := range tr.funcSizes() {
		if m.lines > funcWanted {
			t.Logf("%s: %s has %d lines, wanted %d", m.at, m.name, m.lines, funcWanted)
		}
	}
	for _, m := range tr.interfaceSizes() {
		if m.lines > methodsWanted {
			t.Logf("%s: interface %s has %d methods, wanted %d", m.at, m.name, m.lines, methodsWanted)
		}
	}
	t.Log("package                    files  code  comment%  test÷code")
	for _, s := range tr.figures() {
		note := ""
		if s.files > filesWanted && s.pkg != "total" {
			note = fmt.Sprintf("  more than %d files", filesWanted)
		}
		t.Logf("%-26s %5d %5d %8d%% %10.2f%s", s.pkg, s.files, s.code, s.commentShare(), s.testRatio(), note)
	}
}

// figures are one package in numbers. Code is lines that are neither blank nor
// comment, of files that are not tests.
type figures struct {
	pkg                           string
	files, code, comments, inTest int
}

func (f figures) commentShare() int  { return 100 * f.comments / max(1, f.code+f.comments) }
func (f figures) testRatio() float64 { return float64(f.inTest) / float64(max(1, f.code)) }

// figures returns one row a package, and the sum as "total".
func (t *tree) figures() []figures {
	var rows []figures
	total := figures{pkg: "total"}
	for _, f := range t.files {
		code, comments := t.count(f)
		i := slices.IndexFunc(rows, func(r figures) bool { return r.pkg == f.pkg })
		if i < 0 {
			rows = append(rows, figures{pkg: f.pkg})
			i = len(rows) - 1
		}
		for _, r := range []*figures{&rows[i], &total} {
			if f.test {
				r.inTest += code
				continue
			}
			r.files++
			r.code += code
			r.comments += comments
		}
	}
	return append(rows, total)
}

// count returns the lines of code and of comments of a file. A comment behind
// code is code.
func (t *tree) count(f *source) (code, comments int) {
	commented := map[int]bool{}
	for _, g := range f.ast.Comments {
		for _, c := range g.List {
			for i := range t.lines(c) {
				commented[t.fset.Position(c.Pos()).Line+i] = true
			}
		}
	}
	n := 0
	for line := range strings.Lines(f.text) {
		n++
		line = strings.TrimSpace(line)
		switch {
		case line == "":
		case commented[n] && (strings.HasPrefix(line, "//") || strings.HasPrefix(line, "/*")):
			comments++
		default:
			code++
		}
	}
	return code, comments
}

func TestSizeRule(t *testing.T) {
	long := func(n int) string { return "package a\nfunc f() {\n" + strings.Repeat("\n", n-2) + "}\n" }
	prove(t, sizeRule, []specimen{
		{name: "at the limit", files: map[string]string{"a.go": long(funcLimit)}},
		{name: "a function over it", files: map[string]string{"a.go": long(funcLimit + 1)}, want: []string{"a.go:2: f has 81 lines"}},
		{name: "a file over it", files: map[string]string{"a_test.go": "package a" + strings.Repeat("\n", fileLimit+1)}, want: []string{"a_test.go:1: 601 lines"}},
		{name: "tests may have long functions", files: map[string]string{"a_test.go": long(funcLimit + 1)}},
	})
}

func TestInterfaceSizes(t *testing.T) {
	tr, err := parse(map[string]string{"a.go": "package a\ntype s struct{}\ntype i interface {\n\tA()\n\tB()\n}\n"})
	if err != nil {
		t.Fatal(err)
	}
	if got := tr.interfaceSizes(); len(got) != 1 || got[0].lines != 2 || got[0].at != "a.go:3" {
		t.Errorf("sizes = %+v", got)
	}
}

func TestFigures(t *testing.T) {
	tr, err := parse(map[string]string{
		"a/a.go":      "// Package a.\n// It is.\npackage a\n\nvar s = `\n// no comment\n` // behind code\n/* c */\n",
		"a/a_test.go": "package a\n",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := figures{pkg: "a", files: 1, code: 4, comments: 3, inTest: 1}
	if got := tr.figures()[0]; got != want {
		t.Errorf("figures = %+v, want %+v", got, want)
	}
}
