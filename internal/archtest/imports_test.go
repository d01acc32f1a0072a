package archtest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// row says what one package may import. Packages of this module are written from
// its root, which is "."; modules are those of other people. The standard
// library is free, but for what places says.
type row struct {
	pkg     string
	own     []string
	modules []string
	tests   []string // what its tests may import of this module on top; internal packages are free to tests
	reason  string
}

var domains = []string{"audit", "clinical", "consent", "directory", "patient"}

// table is who may import whom. A package without a row is a failure: its place
// in the architecture is decided here, not by the first import that compiles.
var table = []row{
	{pkg: ".", reason: "shared vocabulary: whoever imports it must get nothing else"},
	{pkg: "hl7", modules: []string{"golang.org/x/text"}, reason: "message syntax is usable without the rest; x/text has the character sets"},
	{pkg: "mllp", reason: "frames and sockets; knows no HL7, so that bytes pass through untouched"},

	{pkg: "directory", own: []string{"."}, reason: "a domain decides on values it is given"},
	{pkg: "patient", own: []string{"."}, reason: "a domain decides on values it is given"},
	{pkg: "clinical", own: []string{"."}, reason: "a domain decides on values it is given"},
	{pkg: "consent", own: []string{"."}, reason: "the decision is pure, or it cannot be tested cell by cell"},
	{pkg: "audit", own: []string{"."}, reason: "a domain decides on values it is given"},

	{
		pkg: "repository", own: append([]string{"."}, domains...),
		modules: []string{"go.etcd.io/bbolt", "github.com/fxamacker/cbor", "github.com/klauspost/compress/s2", "github.com/klauspost/compress/zstd", "golang.org/x/crypto/argon2", "golang.org/x/sys"},
		tests:   []string{"repository/repositorytest", "projection", "internal/simulate"},
		reason:  "the store, and the only one that knows its engine; it stores the domains' types and no HL7",
	},
	{
		pkg: "repository/repositorytest", own: append([]string{".", "repository"}, domains...),
		modules: []string{"github.com/google/go-cmp", "pgregory.net/rapid"},
		reason:  "the contract that every back-end's tests call",
	},
	{
		pkg: "projection", own: append([]string{".", "hl7"}, domains...), tests: []string{"repository", "repository/repositorytest"},
		reason: "applies entries by the domains' rules to a transaction it is given",
	},
	{
		pkg: "broker", own: append([]string{".", "hl7"}, domains...), tests: []string{"repository", "repository/repositorytest", "projection"},
		reason: "bytes in, bytes out: sockets are mllp's and storage is repository's",
	},
	{
		pkg: "query", own: append([]string{".", "hl7"}, domains...), tests: []string{"repository", "repository/repositorytest", "projection", "broker"},
		reason: "bytes in, bytes out; records come only for a ticket",
	},

	{pkg: "population", own: []string{".", "directory"}, reason: "is given counts and cannot name a patient"},
	{
		pkg: "web", own: []string{".", "directory", "audit", "consent", "population"},
		reason: "pages are drawn from what the wiring hands in; no store, no message",
	},

	{pkg: "internal/archtest", reason: "judges the others and depends on none"},
	{pkg: "internal/faultfs", modules: []string{"github.com/hanwen/go-fuse"}, reason: "a disk that loses power; whoever stores on it must not know"},
	{
		pkg: "internal/simulate", own: []string{".", "directory", "hl7", "consent"},
		reason: "makes what the outside sends; knowing how it is handled would make it a mirror of the code it tests",
	},
	{
		pkg: "internal/torture", own: []string{"."},
		reason: "judges what a store holds by its entries; knowing how they are stored would make it a mirror",
	},
	{
		pkg: "cmd/lockport",
		own: append([]string{
			".", "hl7", "mllp", "repository", "projection", "broker", "query", "web", "internal/simulate",
		}, domains...),
		modules: []string{
			"github.com/spf13/cobra", "github.com/spf13/pflag", "github.com/rs/zerolog", "github.com/goccy/go-yaml",
			"golang.org/x/term", "golang.org/x/sys", "golang.org/x/text",
		},
		tests:  []string{"repository/repositorytest"},
		reason: "the only wiring: what meets here meets nowhere else",
	},
}

// testModules are other people's modules that any test may import; cbor is what
// a record in memory encodes with, as the one on disk does.
var testModules = []string{
	"github.com/fxamacker/cbor",
	"github.com/google/go-cmp", "github.com/rogpeppe/go-internal", "go.uber.org/goleak", "pgregory.net/rapid",
}

// place says in which packages an import may stand; the tests of a package are
// not bound. A pattern that ends in /... means the folder and all below it.
type place struct {
	imports []string
	where   []string
	reason  string
}

var places = []place{
	{
		imports: []string{"net", "net/http", "net/textproto", "net/smtp", "net/rpc", "crypto/tls"},
		where:   []string{"mllp", "web", "cmd/lockport", "internal/..."},
		reason:  "sockets stand at the edge; net/netip and net/url have none",
	},
	{imports: []string{"go.etcd.io/bbolt"}, where: []string{"repository"}, reason: "one package knows the engine"},
	{imports: []string{"os/exec", "os/signal", "flag"}, where: []string{"cmd/lockport", "internal/..."}, reason: "the process is the wiring's"},
	{imports: []string{"log", "log/slog", "expvar"}, reason: "a logger is passed in, never global: nothing may reach a log unseen"},
	{imports: []string{"testing"}, where: []string{"repository/repositorytest", "internal/..."}, reason: "the binary holds no test code"},
	{imports: []string{"unsafe", "C", "plugin", "encoding/gob"}, reason: "input must not reach memory or types by itself"},
	{imports: []string{"math/rand"}, reason: "math/rand/v2 for simulation, crypto/rand for everything else"},
	{imports: []string{"math/rand/v2"}, where: []string{"mllp", "broker", "internal/...", "repository/repositorytest"}, reason: "guessable numbers are for jitter and simulation"},
}

func matches(pattern, pkg string) bool {
	if base, ok := strings.CutSuffix(pattern, "/..."); ok {
		return pkg == base || strings.HasPrefix(pkg, base+"/")
	}
	return pattern == pkg
}

func within(patterns []string, pkg string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, pkg) })
}

// importRule checks rows and places against every import.
func importRule(rows []row, places []place) rule {
	return func(t *tree) (findings []string) {
		unknown := map[string]bool{}
		for _, f := range t.files {
			i := slices.IndexFunc(rows, func(r row) bool { return r.pkg == f.pkg })
			if i < 0 {
				if !unknown[f.pkg] {
					findings = append(findings, fmt.Sprintf("%s:1: package %s has no row in the import table: add one with its reason", f.path, f.pkg))
				}
				unknown[f.pkg] = true
				continue
			}
			for _, spec := range f.ast.Imports {
				p := strings.Trim(spec.Path.Value, `"`)
				complain := func(format string, args ...any) {
					findings = append(findings, t.at(spec.Pos())+": "+fmt.Sprintf(format, args...))
				}
				if spec.Name != nil && spec.Name.Name == "." {
					complain("dot import of %s: a reader must see where a name comes from", p)
				}
				if !rows[i].allows(p, f.test) {
					complain("%s must not import %s (%s)", f.pkg, p, rows[i].reason)
				}
				if f.test {
					continue
				}
				for _, pl := range places {
					if within(pl.imports, p) && !within(pl.where, f.pkg) {
						complain("%s must not import %s: allowed in %v (%s)", f.pkg, p, pl.where, pl.reason)
					}
				}
			}
		}
		return findings
	}
}

// allows reports whether the row lets its package, or its test, import p.
func (r row) allows(p string, test bool) bool {
	if p == module || strings.HasPrefix(p, module+"/") {
		own := strings.TrimPrefix(strings.TrimPrefix(p, module), "/")
		if own == "" {
			own = "."
		}
		if slices.Contains(r.own, own) {
			return true
		}
		return test && (own == r.pkg || slices.Contains(r.tests, own) || matches("internal/...", own))
	}
	first, _, _ := strings.Cut(p, "/")
	if !strings.Contains(first, ".") {
		return true
	}
	below := func(m string) bool { return p == m || strings.HasPrefix(p, m+"/") }
	return slices.ContainsFunc(r.modules, below) || test && slices.ContainsFunc(testModules, below)
}

func TestImports(t *testing.T) { enforce(t, importRule(table, places)) }

// TestTable shows that each row has a reason, stands once, and names packages
// that have rows; rows of packages that are not there are printed.
func TestTable(t *testing.T) {
	tr, err := load()
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, r := range table {
		if known[r.pkg] || r.reason == "" {
			t.Errorf("row %s: stands twice or has no reason", r.pkg)
		}
		known[r.pkg] = true
		if !slices.ContainsFunc(tr.files, func(f *source) bool { return f.pkg == r.pkg }) {
			t.Logf("row %s: there is no such package", r.pkg)
		}
	}
	for _, r := range table {
		for _, own := range slices.Concat(r.own, r.tests) {
			if !known[own] {
				t.Errorf("row %s: %s has no row itself", r.pkg, own)
			}
		}
	}
}

func TestImportRule(t *testing.T) {
	rows := []row{
		{pkg: ".", reason: "r"},
		{pkg: "hl7", modules: []string{"golang.org/x/text"}, reason: "r"},
		{pkg: "mllp", reason: "r"},
		{pkg: "broker", own: []string{".", "hl7"}, tests: []string{"mllp"}, reason: "no sockets"},
		{pkg: "internal/simulate", own: []string{"."}, reason: "r"},
	}
	prove(t, importRule(rows, places), []specimen{
		{name: "allowed", files: map[string]string{
			"broker/a.go": `package broker; import ("fmt"; "net/netip"; "` + module + `"; "` + module + `/hl7")`,
			"hl7/a.go":    `package hl7; import "golang.org/x/text/encoding"`,
			"mllp/a.go":   `package mllp; import ("net"; "crypto/tls")`,
		}},
		{name: "no row", files: map[string]string{"fresh/a.go": "package fresh", "fresh/b.go": "package fresh"}, want: []string{"fresh/a.go:1: package fresh has no row"}},
		{
			name: "against the table", files: map[string]string{"broker/a.go": "package broker\nimport \"" + module + "/mllp\""},
			want: []string{"broker/a.go:2: broker must not import " + module + "/mllp (no sockets)"},
		},
		{name: "the root too", files: map[string]string{"hl7/a.go": `package hl7; import "` + module + `"`}, want: []string{"hl7 must not import"}},
		{name: "foreign module", files: map[string]string{"broker/a.go": `package broker; import "golang.org/x/text/encoding"`}, want: []string{"golang.org/x/text/encoding"}},
		{name: "a name that only begins alike", files: map[string]string{"hl7/a.go": `package hl7; import "golang.org/x/textual"`}, want: []string{"golang.org/x/textual"}},
		{name: "socket inside", files: map[string]string{"broker/a.go": `package broker; import "net"`}, want: []string{"sockets stand at the edge"}},
		{name: "global logger", files: map[string]string{"mllp/a.go": `package mllp; import "log"`}, want: []string{"a logger is passed in"}},
		{name: "dot import", files: map[string]string{"mllp/a.go": `package mllp; import . "fmt"`}, want: []string{"dot import"}},
		{name: "tests are looser", files: map[string]string{
			"broker/a_test.go": `package broker_test; import ("net"; "testing"; "pgregory.net/rapid"; "` + module + `/mllp"; "` + module + `/broker"; "` + module + `/internal/simulate")`,
		}},
		{name: "but not free", files: map[string]string{"hl7/a_test.go": `package hl7; import "` + module + `/mllp"`}, want: []string{"hl7 must not import"}},
	})
}
