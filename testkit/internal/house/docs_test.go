package house_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// packageDirs returns the folders of this module that hold Go code that ships.
func packageDirs(t testing.TB) []string {
	t.Helper()
	var dirs []string
	err := filepath.WalkDir(root(t), func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() && (strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules") {
			return filepath.SkipDir
		}
		if !entry.IsDir() && strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
			if dir := filepath.Dir(path); !slices.Contains(dirs, dir) {
				dirs = append(dirs, dir)
			}
		}
		return nil
	})
	require.NoError(t, err)
	require.Greater(t, len(dirs), 10)
	return dirs
}

// Every package has one package comment, and every exported name is
// documented, methods and constants too.
func TestPackageDocs(t *testing.T) {
	for _, dir := range packageDirs(t) {
		name, err := filepath.Rel(root(t), dir)
		require.NoError(t, err)
		t.Run(name, func(t *testing.T) { checkDocs(t, dir) })
	}
}

func checkDocs(t *testing.T, dir string) {
	set := token.NewFileSet()
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	var files []*ast.File
	var comments []string
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(set, path, nil, parser.ParseComments)
		require.NoError(t, err)
		if file.Doc != nil {
			comments = append(comments, file.Doc.Text())
		}
		files = append(files, file)
	}
	require.Len(t, comments, 1, "one package comment")
	name := files[0].Name.Name
	start := "Package " + name + " "
	if name == "main" {
		start = "Command "
	}
	assert.True(t, strings.HasPrefix(comments[0], start), "the package comment begins with %q", start)
	for _, file := range files {
		for _, decl := range file.Decls {
			checkDecl(t, set, decl)
		}
	}
}

func checkDecl(t *testing.T, set *token.FileSet, decl ast.Decl) {
	at := func(n ast.Node) string { return set.Position(n.Pos()).String() }
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && receiverExported(d) {
			assert.NotEmpty(t, d.Doc.Text(), "%s: %s is not documented", at(d), d.Name.Name)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() {
					assert.NotEmpty(t, d.Doc.Text()+s.Doc.Text(), "%s: %s is not documented", at(s), s.Name.Name)
				}
			case *ast.ValueSpec:
				for _, n := range s.Names {
					if n.IsExported() {
						assert.NotEmpty(t, d.Doc.Text()+s.Doc.Text()+s.Comment.Text(), "%s: %s is not documented", at(s), n.Name)
					}
				}
			}
		}
	}
}

func receiverExported(d *ast.FuncDecl) bool {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return true
	}
	expr := d.Recv.List[0].Type
	if star, ok := expr.(*ast.StarExpr); ok {
		expr = star.X
	}
	if index, ok := expr.(*ast.IndexExpr); ok {
		expr = index.X
	}
	name, ok := expr.(*ast.Ident)
	return ok && name.IsExported()
}
