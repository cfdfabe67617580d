package house_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The test file that testkit shows to merchants says everything (a sale, a
// forgery, a duplicate, a crash) in under 60 lines, with testkit alone. What
// makes it longer is a fault of testkit's.
func TestMerchantsTestFileIsShort(t *testing.T) {
	const path = "testkit/example_merchant_test.go"
	text := readFile(t, path)
	assert.Less(t, strings.Count(text, "\n"), 60, path)
	for i, line := range strings.Split(text, "\n") {
		assert.LessOrEqual(t, len(line), 140, "%s:%d: a long line is two", path, i+1)
	}
	file, err := parser.ParseFile(token.NewFileSet(), path, text, 0)
	require.NoError(t, err)
	for _, spec := range file.Imports {
		name := strings.Trim(spec.Path.Value, `"`)
		assert.True(t, !foreign(name) || name == module+"/testkit" || name == module+"/core", "%s imports %s: testkit, core and the standard library are enough", path, name)
	}
	used := map[string]bool{}
	for _, decl := range file.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok || !strings.HasPrefix(f.Name.Name, "Test") {
			continue
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				used[s.Sel.Name] = true
			}
			return true
		})
	}
	for _, name := range []string{"RequireSold", "RequireRefuses", "MutateWrongKey", "RequireVerdicts", "RequireDeliversOnce", "RequireSurvivesCrash"} {
		assert.True(t, used[name], "%s shows %s", path, name)
	}
}
