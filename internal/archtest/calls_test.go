package archtest

import (
	"fmt"
	"go/ast"
	"go/types"
	"slices"
	"testing"
)

// ban keeps names of one imported package out of all packages but some. Any
// mention counts, not only a call: a function taken as a value is called later.
type ban struct {
	pkg    string
	names  []string
	except []string // patterns of packages
	only   []string // patterns of packages that are bound; empty means all
	tests  bool     // test files are bound too
	reason string
}

// pure are the packages to which time is an input.
var pure = []string{".", "hl7", "directory", "patient", "clinical", "consent", "audit", "projection", "query", "broker", "repository"}

var bans = []ban{
	{
		pkg: "os", except: []string{"repository", "cmd/lockport", "internal/..."},
		names: []string{
			"WriteFile", "Create", "CreateTemp", "OpenFile", "Mkdir", "MkdirAll", "MkdirTemp", "Remove", "RemoveAll", "Rename",
			"Truncate", "Symlink", "Link", "Chmod", "Chown", "Chtimes", "CopyFS", "OpenRoot", "NewFile",
		},
		reason: "what must survive a power cut is written by repository; cmd writes what the operator asked for",
	},
	{
		pkg: "os", names: []string{"Exit", "Stdout", "Stderr", "Stdin", "Args", "Getenv", "LookupEnv", "Environ", "Setenv"},
		except: []string{"cmd/lockport", "internal/..."}, reason: "the process is the wiring's",
	},
	{
		pkg: "fmt", names: []string{"Print", "Printf", "Println", "Scan", "Scanf", "Scanln"},
		reason: "commands print to cobra's OutOrStdout, everything else returns",
	},
	{
		pkg: "time", names: []string{"Now", "Since", "Until", "Sleep", "After", "Tick"}, only: pure,
		reason: "time is an input: take a Now func, and select on a timer with the context beside it",
	},
	{
		pkg: "context", names: []string{"TODO"}, tests: true, reason: "a context has an owner",
	},
}

// callAllowed are files that bans do not bind, "file package.Name" → reason.
var callAllowed = map[string]string{
	"repository/committer.go time.Now":     "how long a commit takes decides how long the next one gathers; nothing of it is stored",
	"repository/committer.go time.Since":   "how long a commit takes decides how long the next one gathers; nothing of it is stored",
	"repository/gather.go time.Now":        "a group waits for a share of what a commit takes; nothing of it is stored",
	"repository/gather.go time.Since":      "a group waits for a share of what a commit takes; nothing of it is stored",
	"repository/journalfile.go time.Sleep": "a measurement may ask for a slower disk; in service nothing is added",
	"repository/projector.go time.Sleep":   "a measurement may ask for a slower disk; in service nothing is added",
	"repository/projector.go time.Now":     "the length of a transaction is bounded in time; nothing of it is stored",
	"repository/projector.go time.Since":   "the length of a transaction is bounded in time; nothing of it is stored",
	"repository/read.go time.Now":          "a view is cut off after a bound, which keeps old pages from piling up",
	"repository/record.go time.Now":        "a view is cut off after a bound, which keeps old pages from piling up",
}

// callRule checks bans over every mention of an imported name.
func callRule(bans []ban, allowed map[string]string) rule {
	return func(t *tree) (findings []string) {
		for _, f := range t.files {
			ast.Inspect(f.ast, func(n ast.Node) bool {
				if builtinPrint(t, n) && !f.test {
					findings = append(findings, t.at(n.Pos())+": the built-in print writes past every log rule")
				}
				pkg, sel, ok := t.imported(n)
				if !ok {
					return true
				}
				for _, b := range bans {
					if !b.binds(f, pkg, sel) || allowed[f.path+" "+pkg+"."+sel] != "" {
						continue
					}
					findings = append(findings, fmt.Sprintf("%s: %s.%s in package %s: %s", t.at(n.Pos()), pkg, sel, f.pkg, b.reason))
				}
				return true
			})
		}
		return findings
	}
}

// binds reports whether the ban forbids f to name pkg.sel.
func (b ban) binds(f *source, pkg, sel string) bool {
	if b.pkg != pkg || !slices.Contains(b.names, sel) || f.test && !b.tests || within(b.except, f.pkg) {
		return false
	}
	return len(b.only) == 0 || within(b.only, f.pkg)
}

func builtinPrint(t *tree, n ast.Node) bool {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return false
	}
	return t.builtin(call.Fun, "print") || t.builtin(call.Fun, "println")
}

// sleepRule keeps the wall clock out of tests: a sleep is either too short on a
// slow machine or too long on every other. Inside a synctest bubble time is the
// test's own, and sleeping is how it passes; a function that opens a bubble, or
// calls a helper that does, is taken to sleep inside it, because tables stand in
// front of the call.
func sleepRule(t *tree) (findings []string) {
	openers := map[types.Object]bool{}
	for _, f := range t.files {
		for _, decl := range f.ast.Decls {
			if d, ok := decl.(*ast.FuncDecl); ok && f.test && t.opensBubble(d, nil) {
				openers[t.info.Defs[d.Name]] = true
			}
		}
	}
	for _, f := range t.files {
		for _, decl := range f.ast.Decls {
			if !f.test || t.opensBubble(decl, openers) {
				continue
			}
			for n := range ast.Preorder(decl) {
				if pkg, sel, _ := t.imported(n); pkg == "time" && sel == "Sleep" {
					findings = append(findings, t.at(n.Pos())+": time.Sleep in a test that opens no synctest bubble")
				}
			}
		}
	}
	return findings
}

// opensBubble reports whether a declaration names synctest.Test or an opener.
func (t *tree) opensBubble(decl ast.Decl, openers map[types.Object]bool) bool {
	for n := range ast.Preorder(decl) {
		if pkg, sel, _ := t.imported(n); pkg == "testing/synctest" && sel == "Test" {
			return true
		}
		if id, ok := n.(*ast.Ident); ok && t.info.Uses[id] != nil && openers[t.info.Uses[id]] {
			return true
		}
	}
	return false
}

func TestCalls(t *testing.T)  { enforce(t, callRule(bans, callAllowed)) }
func TestSleeps(t *testing.T) { enforce(t, sleepRule) }

func TestCallRule(t *testing.T) {
	allowed := map[string]string{"repository/a.go time.Now": "r"}
	prove(t, callRule(bans, allowed), []specimen{
		{name: "writing outside", files: map[string]string{"broker/a.go": "package broker\nimport \"os\"\nfunc f() { os.Remove(\"x\") }"}, want: []string{"broker/a.go:3: os.Remove in package broker"}},
		{name: "under another name", files: map[string]string{"hl7/a.go": `package hl7; import disk "os"; var f = disk.WriteFile`}, want: []string{"os.WriteFile"}},
		{name: "writing in repository", files: map[string]string{"repository/a.go": `package repository; import "os"; func f() { os.Remove("x") }`}},
		{name: "reading anywhere", files: map[string]string{"directory/a.go": `package directory; import "os"; func f() { os.ReadFile("x") }`}},
		{name: "a local called os", files: map[string]string{"broker/a.go": `package broker; func f(os struct{ Remove func() }) { os.Remove() }`}},
		{name: "printing, even in cmd", files: map[string]string{"cmd/lockport/a.go": `package main; import "fmt"; func main() { fmt.Println(); println() }`}, want: []string{"OutOrStdout", "built-in print"}},
		{name: "a hidden clock", files: map[string]string{"consent/a.go": `package consent; import "time"; func f() { g(time.Now); <-time.After(1) }`}, want: []string{"time.Now", "time.After"}},
		{name: "the clock in the wiring", files: map[string]string{"cmd/lockport/a.go": `package main; import "time"; func f() { time.Now() }`}},
		{name: "an exception with a reason", files: map[string]string{"repository/a.go": `package repository; import "time"; func f() { time.Now() }`}},
		{name: "which is one file's", files: map[string]string{"repository/b.go": `package repository; import "time"; func f() { time.Now() }`}, want: []string{"time.Now"}},
		{name: "tests", files: map[string]string{"hl7/a_test.go": `package hl7; import "fmt"; func f() { fmt.Println() }`}},
	})
}

func TestSleepRule(t *testing.T) {
	prove(t, sleepRule, []specimen{
		{name: "wall clock", files: map[string]string{"a_test.go": `package a; import "time"; func f() { time.Sleep(1) }`}, want: []string{"time.Sleep"}},
		{name: "a helper's bubble", files: map[string]string{"a_test.go": `package a; import ("time"; "testing/synctest"); func bubble(f func()) { synctest.Test(nil, f) }; func f() { bubble(func() { time.Sleep(1) }) }`}},
		{name: "someone else's bubble", files: map[string]string{"a_test.go": `package a; import ("time"; "testing/synctest"); func g() { synctest.Test(nil, nil) }; func f() { time.Sleep(1) }`}, want: []string{"time.Sleep"}},
		{name: "bubble", files: map[string]string{"a_test.go": `package a; import ("time"; "testing/synctest"); func f() { synctest.Test(nil, func() { time.Sleep(1) }) }`}},
	})
}
