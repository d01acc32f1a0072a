package archtest

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
	"testing"
)

// panicAllowed are functions that may panic, "package function" → reason. A
// panic is for a mistake of the programmer that no input can cause.
var panicAllowed = map[string]string{
	"repository/repositorytest poison": "the contract suite plays a projector that panics",
}

// variableAllowed are package variables of a form that the rule cannot judge,
// "package name" → why nothing can change them.
var variableAllowed = map[string]string{}

// constructors make values that nobody can change, or sentinel errors.
var constructors = map[string][]string{
	"errors":                       {"New"},
	"fmt":                          {"Errorf"},
	module:                         {"Errorf"},
	"regexp":                       {"MustCompile"},
	"strings":                      {"NewReplacer", "Fields", "Split"},
	"hash/crc32":                   {"MakeTable"},
	"net/netip":                    {"MustParseAddr", "MustParsePrefix", "AddrFrom4"},
	"time":                         {"Date", "Unix", "FixedZone"},
	"slices":                       {"Concat", "Sorted", "Collect"},
	"maps":                         {"Collect", "Clone"},
	"encoding/base32":              {"NewEncoding"},
	"encoding/base64":              {"NewEncoding"},
	"golang.org/x/text/language":   {"MustParse"},
	"golang.org/x/text/encoding":   {"ReplaceUnsupported"},
	"github.com/google/go-cmp/cmp": {"AllowUnexported"},
}

// initRule forbids init and panic.
func initRule(allowed map[string]string) rule {
	return func(t *tree) (findings []string) {
		for f := range t.code {
			for _, decl := range f.ast.Decls {
				d, ok := decl.(*ast.FuncDecl)
				if ok && d.Recv == nil && d.Name.Name == "init" {
					findings = append(findings, t.at(d.Pos())+": init runs unasked and cannot fail; call a function from the wiring")
				}
				if ok && allowed[f.pkg+" "+d.Name.Name] != "" {
					continue
				}
				for n := range ast.Preorder(decl) {
					if call, ok := n.(*ast.CallExpr); ok && t.builtin(call.Fun, "panic") {
						findings = append(findings, t.at(n.Pos())+": panic: return an error, or add the function to panicAllowed with its reason")
					}
				}
			}
		}
		return findings
	}
}

// variableRule allows package variables only where they are sentinels, embeds,
// or tables that nothing writes to after their declaration.
func variableRule(allowed map[string]string) rule {
	return func(t *tree) (findings []string) {
		vars := map[types.Object]bool{}
		for f := range t.code {
			for _, decl := range f.ast.Decls {
				d, ok := decl.(*ast.GenDecl)
				if !ok || d.Tok != token.VAR {
					continue
				}
				for _, spec := range d.Specs {
					s := spec.(*ast.ValueSpec)
					for i, name := range s.Names {
						vars[t.info.Defs[name]] = true
						if name.Name == "_" || allowed[f.pkg+" "+name.Name] != "" || embeds(d.Doc) || embeds(s.Doc) {
							continue
						}
						if i >= len(s.Values) || !t.readOnly(s.Values[i]) {
							findings = append(findings, t.at(name.Pos())+": package variable "+name.Name+" is neither a sentinel nor a read-only table: make it a constant, a function or a field")
						}
					}
				}
			}
		}
		through := t.writtenThrough()
		for _, f := range t.files {
			findings = append(findings, t.writes(f, vars, through)...)
		}
		return findings
	}
}

func embeds(doc *ast.CommentGroup) bool {
	return doc != nil && slices.ContainsFunc(doc.List, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, "//go:embed ") })
}

// readOnly reports whether a declared value is of a form that stays as it is
// unless it is written to: literals of tables, known constructors, conversions,
// and tables computed by a function.
func (t *tree) readOnly(v ast.Expr) bool {
	for n := range ast.Preorder(v) {
		if pkg, _, ok := t.imported(n); ok && (pkg == "sync" || pkg == "sync/atomic") {
			return false
		}
	}
	switch e := ast.Unparen(v).(type) {
	case *ast.CompositeLit:
		pkg, _, _ := t.imported(e.Type)
		return pkg != "bytes" && pkg != "strings" && pkg != "net/http"
	case *ast.UnaryExpr: // a sentinel of the root's type
		lit, ok := e.X.(*ast.CompositeLit)
		if !ok || e.Op != token.AND {
			return false
		}
		pkg, sel, _ := t.imported(lit.Type)
		return pkg == module && sel == "Error"
	case *ast.CallExpr:
		return t.readOnlyCall(e)
	case *ast.Ident: // another table under a second name
		other, ok := t.info.Uses[e].(*types.Var)
		return ok && plain(other.Type())
	}
	return false
}

func (t *tree) readOnlyCall(call *ast.CallExpr) bool {
	if pkg, sel, ok := t.imported(call.Fun); ok {
		return slices.Contains(constructors[pkg], sel)
	}
	switch fun := ast.Unparen(call.Fun).(type) {
	case *ast.ArrayType, *ast.MapType:
		return true
	case *ast.FuncLit:
		return fun.Type.Results != nil && isTable(fun.Type.Results.List[0].Type)
	case *ast.Ident:
		switch obj := t.info.Uses[fun].(type) {
		case *types.Builtin:
			return obj.Name() == "append"
		case *types.TypeName:
			return plain(obj.Type())
		case *types.Func:
			res := obj.Type().(*types.Signature).Results()
			return obj.Name() == "Errorf" || res.Len() == 1 && plain(res.At(0).Type())
		}
	}
	return false
}

func isTable(e ast.Expr) bool {
	switch e.(type) {
	case *ast.ArrayType, *ast.MapType:
		return true
	}
	return false
}

// plain reports whether values of a type are data, without a pointer, channel,
// function or interface at the top that hides something that changes.
func plain(typ types.Type) bool {
	switch typ.Underlying().(type) {
	case *types.Map, *types.Slice, *types.Array, *types.Struct:
		return true
	}
	return false
}

// writes finds what changes a package variable after its declaration, in f.
// An address is harmless where it is of a type of this package through whose
// pointers no one writes.
func (t *tree) writes(f *source, vars map[types.Object]bool, through map[types.Type]bool) (findings []string) {
	check := func(e ast.Expr, what string) {
		if e == nil {
			return
		}
		if name := t.variable(e, vars); name != "" {
			findings = append(findings, t.at(e.Pos())+": "+what+" package variable "+name)
		}
	}
	for n := range ast.Preorder(f.ast) {
		switch s := n.(type) {
		case *ast.AssignStmt:
			if s.Tok == token.DEFINE {
				continue
			}
			for _, lhs := range s.Lhs {
				check(lhs, "writes to")
			}
		case *ast.IncDecStmt:
			check(s.X, "writes to")
		case *ast.RangeStmt:
			if s.Tok == token.ASSIGN {
				check(s.Key, "writes to")
				check(s.Value, "writes to")
			}
		case *ast.UnaryExpr:
			if typ, ok := t.info.TypeOf(s.X).(*types.Named); s.Op == token.AND && (!ok || through[typ]) {
				check(s.X, "takes the address of (copy the row instead)")
			}
		case *ast.CallExpr:
			for _, arg := range t.written(s) {
				check(arg, "hands to a function that writes:")
			}
			if sel, ok := s.Fun.(*ast.SelectorExpr); ok && through[t.receiver(sel.Sel)] {
				check(sel.X, "calls a method that writes on")
			}
		}
	}
	return findings
}

// receiver returns the type behind the pointer receiver of a method of this
// package; nil where name is something else.
func (t *tree) receiver(name *ast.Ident) types.Type {
	fn, ok := t.info.Uses[name].(*types.Func)
	if !ok || fn.Signature().Recv() == nil {
		return nil
	}
	if p, ok := fn.Signature().Recv().Type().(*types.Pointer); ok {
		return p.Elem()
	}
	return nil
}

// writtenThrough returns the named types of which some code changes a value, or
// a part of it, that it holds by pointer.
func (t *tree) writtenThrough() map[types.Type]bool {
	through := map[types.Type]bool{}
	mark := func(e ast.Expr) {
		for n := range ast.Preorder(e) {
			x, ok := n.(ast.Expr)
			if !ok {
				continue
			}
			if p, ok := t.info.TypeOf(x).(*types.Pointer); ok {
				through[p.Elem()] = true
			}
		}
	}
	for _, f := range t.files {
		for n := range ast.Preorder(f.ast) {
			switch s := n.(type) {
			case *ast.AssignStmt:
				for _, lhs := range s.Lhs {
					if _, plainName := lhs.(*ast.Ident); !plainName {
						mark(lhs)
					}
				}
			case *ast.IncDecStmt:
				mark(s.X)
			}
		}
	}
	return through
}

// written returns the arguments that a well-known call changes.
func (t *tree) written(call *ast.CallExpr) []ast.Expr {
	for _, name := range []string{"delete", "clear", "copy"} {
		if t.builtin(call.Fun, name) {
			return call.Args[:1]
		}
	}
	if t.builtin(call.Fun, "append") {
		if _, ok := call.Args[0].(*ast.SliceExpr); ok { // append(x[:0], ...) writes into x
			return call.Args[:1]
		}
	}
	pkg, sel, _ := t.imported(call.Fun)
	changing := func(prefix string) bool { return strings.HasPrefix(sel, prefix) && sel != "Sorted" }
	if pkg == "slices" && slices.ContainsFunc([]string{"Sort", "Reverse", "Delete", "Compact"}, changing) ||
		pkg == "maps" && slices.ContainsFunc([]string{"Copy", "Delete", "Insert"}, changing) ||
		pkg == "sort" && slices.ContainsFunc([]string{"Sort", "Slice", "Stable", "Strings", "Ints"}, changing) {
		return call.Args[:min(1, len(call.Args))]
	}
	return nil
}

// variable returns the name of the package variable that e is a part of: one of
// vars, or one of another package. It is empty where e is something else.
func (t *tree) variable(e ast.Expr, vars map[types.Object]bool) string {
	for {
		if pkg, sel, ok := t.imported(e); ok {
			return pkg + "." + sel
		}
		switch x := e.(type) {
		case *ast.ParenExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.SliceExpr:
			e = x.X
		case *ast.SelectorExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.Ident:
			if obj := t.info.Uses[x]; obj != nil && vars[obj] {
				return x.Name
			}
			return ""
		default:
			return ""
		}
	}
}

func TestInit(t *testing.T)      { enforce(t, initRule(panicAllowed)) }
func TestVariables(t *testing.T) { enforce(t, variableRule(variableAllowed)) }

func TestInitRule(t *testing.T) {
	prove(t, initRule(map[string]string{"a must": "r"}), []specimen{
		{name: "init and panic", files: map[string]string{"a/a.go": "package a\nfunc init() {}\nfunc f() { panic(1) }"}, want: []string{"a/a.go:2: init", "a/a.go:3: panic"}},
		{name: "in a literal", files: map[string]string{"a/a.go": `package a; var f = func() { panic(1) }`}, want: []string{"panic"}},
		{name: "allowed", files: map[string]string{"a/a.go": `package a; func must() { panic(1) }; type t struct{}; func (t) init() {}`}},
		{name: "a method called panic, and a test", files: map[string]string{"a/a.go": `package a; func f(panic func()) { panic() }`, "a/a_test.go": `package a; func g() { panic(1) }`}},
	})
}

func TestVariableRule(t *testing.T) {
	one := func(body string) map[string]string { return map[string]string{"a/a.go": "package a\n" + body} }
	prove(t, variableRule(map[string]string{"a fine": "r"}), []specimen{
		{name: "what is fine", files: one(`import ("errors"; "regexp"; "maps"; "slices")
			var ErrX = errors.New("x")
			var re = regexp.MustCompile("x")
			var names = map[string]int{"a": 1}
			var list = [...]struct{ a int }{{1}}
			var crlf = []byte("x")
			var index = func() map[int]string { return nil }()
			var built = build()
			func build() map[int]string { m := map[int]string{}; m[1] = "a"; return m }
			var _ error = (*E)(nil)
			var fine = new(int)
			type E struct{}
			//go:embed x
			var text string
			func f() { names := map[string]int{}; names["b"] = 2; list := list; _ = list; _ = slices.Sorted(maps.Keys(names)) }`)},
		{name: "no value", files: one(`var n int`), want: []string{"a/a.go:2: package variable n"}},
		{name: "scalar", files: one(`var n = 1`), want: []string{"variable n"}},
		{name: "lock", files: one(`import "sync"; var mu = sync.Mutex{}; var pools = []sync.Pool{{}}`), want: []string{"mu", "pools"}},
		{name: "pointer", files: one(`type T struct{}; var p = &T{}; var q = build(); func build() *T { return nil }`), want: []string{"variable p", "variable q"}},
		{name: "a seam", files: one(`import "time"; var now = time.Now; var f = func() {}`), want: []string{"variable now", "variable f"}},
		{name: "made", files: one(`var m = make(map[int]int)`), want: []string{"variable m"}},
		{name: "written", files: one("var m = map[int]int{}\nfunc f() { m[1] = 2; delete(m, 1); m = nil; m[1]++ }"), want: []string{
			"a/a.go:3: writes to package variable m", "hands to a function that writes: package variable m", "writes to", "writes to",
		}},
		{name: "by address", files: one("var t = [2]int{}\nfunc f() *int { return &t[0] }"), want: []string{"takes the address of (copy the row instead) package variable t"}},
		{name: "by address, read", files: one("type T struct{ n int }\nvar t = T{1}\nvar u = t\nvar all = []*T{&t, &u}\nfunc f() int { return (&t).n }")},
		{name: "by address, written", files: one("type T struct{ n []int }\nvar t = T{}\nvar all = []*T{&t}\nfunc f(p *T) { p.n[0] = 2 }"), want: []string{"a/a.go:4: takes the address of"}},
		{name: "by method", files: one("type T struct{ n int }\nfunc (t *T) inc() { t.n++ }\nvar t = T{}\nfunc f() { t.inc() }"), want: []string{"calls a method that writes on package variable t"}},
		{name: "sorted in place", files: one("import \"slices\"\nvar t = []int{}\nfunc f() { slices.Sort(t); t = append(t[:0], 1) }"), want: []string{"function that writes", "writes to", "function that writes"}},
		{name: "from another file, even a test", files: map[string]string{"a/a.go": `package a; var t = []int{1}`, "a/a_test.go": `package a; func f() { t[0] = 1 }`}, want: []string{"a/a_test.go:1: writes to"}},
		{name: "of another package", files: one("import \"os\"\nfunc f() { os.Args = nil }"), want: []string{"writes to package variable os.Args"}},
	})
}
