package storetest

import (
	"go/ast"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The rules that the suite prints are those of the contract, word for word,
// and each has a case.
func TestRulesAreThoseOfTheContract(t *testing.T) {
	contract := map[int]string{}
	for _, in := range []struct{ file, name string }{{"journal.go", "Store"}, {"atomic.go", "AtomicStore"}} {
		file, err := parser.ParseFile(token.NewFileSet(), "../../core/journal/"+in.file, nil, parser.ParseComments)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			decl, ok := n.(*ast.GenDecl)
			if !ok || decl.Tok != token.TYPE || decl.Specs[0].(*ast.TypeSpec).Name.Name != in.name {
				return true
			}
			for _, block := range new(comment.Parser).Parse(decl.Doc.Text()).Content {
				list, ok := block.(*comment.List)
				if !ok {
					continue
				}
				for _, item := range list.Items {
					text := string(new(comment.Printer).Text(&comment.Doc{Content: item.Content}))
					require.Equal(t, strconv.Itoa(len(contract)+1), item.Number)
					contract[len(contract)+1] = strings.NewReplacer("[", "", "]", "").Replace(strings.Join(strings.Fields(text), " "))
				}
			}
			return false
		})
	}
	require.Equal(t, contract, rules)

	cased := map[int]bool{}
	for _, c := range cases {
		cased[c.rule] = true
	}
	for n := range rules {
		require.True(t, cased[n], "rule %d has no case", n)
	}
}

// A reader of the package comment copies its program from there.
func TestPackageCommentNamesTheRule(t *testing.T) {
	text, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	require.Contains(t, string(text), strings.ReplaceAll(conformance{rule: 7}.title()[:7], " ", "_"), "-run pattern")
}
