package consent

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestDocumentNamesEveryReason holds docs/CONSENT.md to the code: each reason
// stands in it, and each row of its tables names a reason that there is.
func TestDocumentNamesEveryReason(t *testing.T) {
	page, err := os.ReadFile("../docs/CONSENT.md")
	if err != nil {
		t.Fatal(err)
	}
	file, err := parser.ParseFile(token.NewFileSet(), "question.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var reasons []string
	ast.Inspect(file, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok {
			if id, ok := v.Type.(*ast.Ident); ok && id.Name == "Reason" {
				reasons = append(reasons, strings.Trim(v.Values[0].(*ast.BasicLit).Value, `"`))
			}
		}
		return true
	})
	if len(reasons) < 30 {
		t.Fatalf("%d reasons found", len(reasons))
	}
	for _, r := range reasons {
		if !strings.Contains(string(page), "`"+r+"`") {
			t.Errorf("%s is not explained", r)
		}
	}
	row := regexp.MustCompile("(?m)^\\| .*\\| `([a-z-]+)` \\|$|^\\| `([a-z-]+)` \\|")
	for _, m := range row.FindAllStringSubmatch(string(page), -1) {
		if r := m[1] + m[2]; !slices.Contains(reasons, r) {
			t.Errorf("a row names %s, which is no reason", r)
		}
	}
}
