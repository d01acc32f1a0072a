package archtest

import (
	"go/ast"
	"go/token"
	"path"
	"strings"
	"testing"
)

// packageDocRule wants one package comment a package, in doc.go. A comment in a
// second file is merged with the first by tools, in the order of file names.
func packageDocRule(t *tree) (findings []string) {
	documented := map[string]bool{}
	first := map[string]*source{}
	var order []string
	for f := range t.code {
		if first[f.pkg] == nil {
			first[f.pkg] = f
			order = append(order, f.pkg)
		}
		if f.ast.Doc == nil {
			continue
		}
		if path.Base(f.path) != "doc.go" {
			findings = append(findings, t.at(f.ast.Doc.Pos())+": a package comment outside doc.go")
			continue
		}
		documented[f.pkg] = true
		if want := opening(f.ast.Name.Name, f.pkg); !strings.HasPrefix(f.ast.Doc.Text(), want) {
			findings = append(findings, t.at(f.ast.Doc.Pos())+": the package comment does not begin with \""+want+"\"")
		}
	}
	for _, pkg := range order {
		if !documented[pkg] {
			findings = append(findings, first[pkg].path+":1: package "+pkg+" has no package comment in doc.go")
		}
	}
	return findings
}

// opening is how a package comment begins, by Go's convention.
func opening(name, pkg string) string {
	if name != "main" {
		return "Package " + name + " "
	}
	return "Command " + path.Base(pkg) + " "
}

// exportedDocRule wants a comment on every exported name of a package that can
// be imported: functions, methods of exported types, types, constants and
// variables. One comment may speak for a group of constants or variables.
func exportedDocRule(t *tree) (findings []string) {
	for f := range t.code {
		if f.ast.Name.Name == "main" {
			continue
		}
		complain := func(id *ast.Ident) {
			findings = append(findings, t.at(id.Pos())+": exported "+id.Name+" has no comment")
		}
		for _, decl := range f.ast.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && d.Doc == nil && (d.Recv == nil || exportedReceiver(d)) {
					complain(d.Name)
				}
			case *ast.GenDecl:
				undocumented(d, complain)
			}
		}
	}
	return findings
}

func exportedReceiver(d *ast.FuncDecl) bool {
	for id := range idents(d.Recv.List[0].Type) {
		return id.IsExported()
	}
	return false
}

// idents yields the identifiers of an expression in source order.
func idents(e ast.Node) func(func(*ast.Ident) bool) {
	return func(yield func(*ast.Ident) bool) {
		for n := range ast.Preorder(e) {
			if id, ok := n.(*ast.Ident); ok && !yield(id) {
				return
			}
		}
	}
}

func undocumented(d *ast.GenDecl, complain func(*ast.Ident)) {
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			if s.Name.IsExported() && s.Doc == nil && (d.Doc == nil || d.Lparen.IsValid()) {
				complain(s.Name)
			}
		case *ast.ValueSpec:
			for _, name := range s.Names {
				if d.Tok != token.IMPORT && name.IsExported() && d.Doc == nil && s.Doc == nil && s.Comment == nil {
					complain(name)
				}
			}
		}
	}
}

func TestPackageDocs(t *testing.T)  { enforce(t, packageDocRule) }
func TestExportedDocs(t *testing.T) { enforce(t, exportedDocRule) }

func TestPackageDocRule(t *testing.T) {
	prove(t, packageDocRule, []specimen{
		{name: "right", files: map[string]string{"a/doc.go": "// Package a is.\npackage a", "a/b.go": "package a", "a/b_test.go": "// Package a tests.\npackage a"}},
		{name: "none", files: map[string]string{"a/doc.go": "package a", "a/b.go": "package a"}, want: []string{"package a has no package comment"}},
		{name: "a licence header that became the comment", files: map[string]string{"a/doc.go": "// Package a is.\npackage a", "a/b.go": "// Copyright.\npackage a"}, want: []string{"a/b.go:1: a package comment outside doc.go"}},
		{name: "another package's", files: map[string]string{"a/doc.go": "// Package b is.\npackage a"}, want: []string{"does not begin with \"Package a \""}},
		{name: "a command", files: map[string]string{"cmd/lockport/doc.go": "// Command lockport serves.\npackage main"}},
	})
}

func TestExportedDocRule(t *testing.T) {
	prove(t, exportedDocRule, []specimen{
		{name: "none", files: map[string]string{"a/a.go": "package a\nfunc F() {}\ntype T struct{}\nfunc (*T) M() {}\nconst C = 1\nvar V = 1"}, want: []string{
			"a/a.go:2: exported F", "exported T", "exported M", "exported C", "exported V",
		}},
		{name: "all", files: map[string]string{"a/a.go": "package a\n// F is.\nfunc F() {}\n// The constants.\nconst (\n\tA = 1\n\tB = 2\n)\nvar (\n\tE = 1 // is.\n)"}},
		{name: "a group does not speak for types", files: map[string]string{"a/a.go": "package a\n// Some types.\ntype (\n\tT int\n)"}, want: []string{"exported T"}},
		{name: "not exported", files: map[string]string{"a/a.go": "package a\nfunc f() {}\ntype t struct{}\nfunc (t) M() {}"}},
		{name: "commands export nothing", files: map[string]string{"a/a.go": "package main\nfunc F() {}"}},
	})
}
