package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// module is the path of the module whose tree is checked.
const module = "github.com/lockport-hie/lockport"

// root is the module's folder, seen from this package's, in which go test runs.
const root = "../.."

// source is one Go file.
type source struct {
	path string // from the module's root, with slashes
	pkg  string // the package's folder; "." is the root
	test bool
	ast  *ast.File
	text string
}

// tree is a set of parsed Go files with their identifiers resolved.
type tree struct {
	fset  *token.FileSet
	files []*source // sorted by path
	info  *types.Info
}

// parse makes a tree of path → text. Files are resolved package by package
// without their imports: that is enough to tell a package's variable from a
// local one and an import's name from both, and needs nothing to compile.
func parse(texts map[string]string) (*tree, error) {
	t := &tree{fset: token.NewFileSet(), info: &types.Info{
		Defs:  map[*ast.Ident]types.Object{},
		Uses:  map[*ast.Ident]types.Object{},
		Types: map[ast.Expr]types.TypeAndValue{},
	}}
	units := map[string][]*ast.File{}
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		f, err := parser.ParseFile(t.fset, name, texts[name], parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		s := &source{path: name, pkg: path.Dir(name), test: strings.HasSuffix(name, "_test.go"), ast: f, text: texts[name]}
		t.files = append(t.files, s)
		unit := s.pkg + " " + f.Name.Name
		units[unit] = append(units[unit], f)
	}
	conf := types.Config{Importer: hollow{}, Error: func(error) {}}
	for unit, files := range units {
		_, _ = conf.Check(unit, t.fset, files, t.info) // it always fails: imports are hollow
	}
	return t, nil
}

// hollow imports packages that have a name and nothing in them.
type hollow struct{}

func (hollow) Import(p string) (*types.Package, error) {
	name := path.Base(p)
	if len(name) > 1 && name[0] == 'v' && strings.Trim(name[1:], "0123456789") == "" {
		name = path.Base(path.Dir(p))
	}
	pkg := types.NewPackage(p, strings.TrimPrefix(name, "go-"))
	pkg.MarkComplete()
	return pkg, nil
}

// load parses the module once for all tests.
var load = sync.OnceValues(func() (*tree, error) {
	texts, err := read(root, func(name string) bool { return strings.HasSuffix(name, ".go") })
	if err != nil {
		return nil, err
	}
	return parse(texts)
})

// read returns path → text of the module's files that want accepts. Folders
// that are another module, build output or hidden are left out, but for .ci.
func read(root string, want func(name string) bool) (map[string]string, error) {
	texts := map[string]string{}
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			if rel != "." && rel != ".ci" && outside(p, d.Name()) {
				return filepath.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() || !want(rel) {
			return nil
		}
		text, err := os.ReadFile(p)
		texts[rel] = string(text)
		return err
	})
	return texts, err
}

// outside reports whether a folder is no part of the module's sources.
func outside(p, name string) bool {
	if name[0] == '.' || name == "bin" || name == "node_modules" || name == "lockport-data" {
		return true
	}
	_, err := os.Stat(filepath.Join(p, "go.mod"))
	return err == nil
}

// at returns "path:line" of a position.
func (t *tree) at(pos token.Pos) string {
	p := t.fset.Position(pos)
	return fmt.Sprintf("%s:%d", p.Filename, p.Line)
}

// imported resolves n as name.Sel of an import: the import's path and Sel.
func (t *tree) imported(n ast.Node) (pkg, sel string, ok bool) {
	s, isSel := n.(*ast.SelectorExpr)
	if !isSel {
		return "", "", false
	}
	id, isIdent := s.X.(*ast.Ident)
	if !isIdent {
		return "", "", false
	}
	name, isPkg := t.info.Uses[id].(*types.PkgName)
	if !isPkg {
		return "", "", false
	}
	return name.Imported().Path(), s.Sel.Name, true
}

// builtin reports whether n is Go's predeclared function of that name.
func (t *tree) builtin(n ast.Expr, name string) bool {
	id, ok := n.(*ast.Ident)
	if !ok || id.Name != name {
		return false
	}
	_, ok = t.info.Uses[id].(*types.Builtin)
	return ok
}

// code yields the files that are not tests.
func (t *tree) code(yield func(*source) bool) {
	for _, f := range t.files {
		if !f.test && !yield(f) {
			return
		}
	}
}

// rule finds what is wrong in a tree; each finding begins with its place.
type rule func(*tree) []string

// enforce runs a rule over the module.
func enforce(t *testing.T, r rule) {
	t.Helper()
	tr, err := load()
	if err != nil {
		t.Fatal(err)
	}
	for _, finding := range r(tr) {
		t.Error(finding)
	}
}

// specimen is a small tree and what a rule must find in it: as many findings as
// want has, each containing its text. No want means that it is all right.
type specimen struct {
	name  string
	files map[string]string
	want  []string
}

// prove shows that a rule can fail, and that it leaves good code alone.
func prove(t *testing.T, r rule, specimens []specimen) {
	t.Helper()
	for _, s := range specimens {
		t.Run(s.name, func(t *testing.T) {
			tr, err := parse(s.files)
			if err != nil {
				t.Fatal(err)
			}
			got := r(tr)
			if len(got) != len(s.want) {
				t.Fatalf("%d findings, want %d:\n%s", len(got), len(s.want), strings.Join(got, "\n"))
			}
			for i, want := range s.want {
				if !strings.Contains(got[i], want) {
					t.Errorf("finding %q does not say %q", got[i], want)
				}
			}
		})
	}
}
