package house_test

import (
	"fmt"
	"go/ast"
	"go/doc"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// packageDoc is what `go doc` has of one package.
type packageDoc struct {
	*doc.Package
	dir     string // in the tree
	names   map[string]bool
	members map[string]bool // "Type.Method", "Type.Field"
}

func packageDocs(t testing.TB) []packageDoc {
	t.Helper()
	var all []packageDoc
	for _, dir := range packageDirs(t) {
		relative, err := filepath.Rel(root(t), dir)
		require.NoError(t, err)
		relative = filepath.ToSlash(relative)
		paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
		require.NoError(t, err)
		set := token.NewFileSet()
		var files []*ast.File
		for _, path := range paths {
			if !strings.HasSuffix(path, "_test.go") {
				file, err := parser.ParseFile(set, path, nil, parser.ParseComments)
				require.NoError(t, err)
				files = append(files, file)
			}
		}
		p, err := doc.NewFromFiles(set, files, module+"/"+relative)
		require.NoError(t, err)
		d := packageDoc{Package: p, dir: relative, names: map[string]bool{}, members: map[string]bool{}}
		d.collect()
		all = append(all, d)
	}
	return all
}

func (d packageDoc) collect() {
	values := func(all []*doc.Value) {
		for _, v := range all {
			for _, name := range v.Names {
				d.names[name] = true
			}
		}
	}
	funcs := func(all []*doc.Func) {
		for _, f := range all {
			d.names[f.Name] = true
		}
	}
	values(d.Consts)
	values(d.Vars)
	funcs(d.Funcs)
	for _, typ := range d.Types {
		d.names[typ.Name] = true
		values(typ.Consts)
		values(typ.Vars)
		funcs(typ.Funcs)
		for _, m := range typ.Methods {
			d.members[typ.Name+"."+m.Name] = true
		}
		ast.Inspect(typ.Decl, func(n ast.Node) bool {
			if f, ok := n.(*ast.Field); ok {
				for _, name := range f.Names {
					d.members[typ.Name+"."+name.Name] = true
				}
			}
			return true
		})
	}
}

// library reports whether a user can import it.
func (d packageDoc) library() bool {
	return d.Name != "main" && !strings.Contains(d.dir, "internal/") && !strings.HasPrefix(d.dir, "template/") && !strings.HasPrefix(d.dir, "testkit/bench")
}

// comments returns everything that go doc shows of it, each with its place.
func (d packageDoc) comments() map[string]string {
	all := map[string]string{d.dir: d.Doc}
	funcs := func(of string, all2 []*doc.Func) {
		for _, f := range all2 {
			all[d.dir+" "+of+f.Name] = f.Doc
		}
	}
	values := func(values []*doc.Value) {
		for _, v := range values {
			all[d.dir+" "+v.Names[0]] = v.Doc
		}
	}
	values(d.Consts)
	values(d.Vars)
	funcs("", d.Funcs)
	for _, typ := range d.Types {
		all[d.dir+" "+typ.Name] = typ.Doc
		values(typ.Consts)
		values(typ.Vars)
		funcs("", typ.Funcs)
		funcs(typ.Name+".", typ.Methods)
	}
	return all
}

// The page of a package that a user can import, and of a command that he can
// run, says what it is for, then where to start: by names that are his to use.
func TestGoDocReadsAsAPage(t *testing.T) {
	libraries := 0
	for _, d := range packageDocs(t) {
		command := d.Name == "main" && regexp.MustCompile(`^functions/\w+$`).MatchString(d.dir)
		if !d.library() && !command {
			continue
		}
		libraries++
		t.Run(d.dir, func(t *testing.T) {
			page := d.Parser().Parse(d.Doc)
			var headings []string
			starts := map[string]bool{} // the names under "Where to start"
			for i, b := range page.Content {
				switch b := b.(type) {
				case *comment.Heading:
					headings = append(headings, string(b.Text[0].(comment.Plain)))
					require.NotZero(t, i, "it begins with what it is for")
					continue
				case *comment.Code, *comment.Paragraph, *comment.List:
				}
				if len(headings) == 1 {
					text := string((&comment.Printer{}).Comment(&comment.Doc{Content: []comment.Block{b}}))
					if run := module + "/" + d.dir; command && (strings.Contains(text, run+" ") || strings.Contains(text, d.dir[len("functions/"):]+" sandbox")) {
						starts[run] = true
					}
					for name := range d.names {
						if regexp.MustCompile(`\b` + name + `\b`).MatchString(text) {
							starts[name] = true
						}
					}
				}
			}
			require.NotEmpty(t, headings)
			assert.Equal(t, "Where to start", headings[0], "what comes first is where to start")
			assert.NotEmpty(t, starts, "where to start is a name of this package, or how the command is run")
			first := string((&comment.Printer{}).Comment(&comment.Doc{Content: page.Content[:1]}))
			assert.Greater(t, len(strings.Fields(first)), 8, "what it is for")
		})
	}
	assert.Greater(t, libraries, 20)
}

// A name of this module that a comment or a page speaks of is there: as
// [Link], as package.Name, and as package.Type.Member.
func TestNamesInTheDocumentation(t *testing.T) {
	all := packageDocs(t)
	byName := map[string][]packageDoc{}
	for _, d := range all {
		if d.Name != "main" {
			byName[d.Name] = append(byName[d.Name], d)
		}
	}
	spoken := regexp.MustCompile(`(?:^|[^\w./"@-])([a-z]\w+)\.([A-Z]\w*)(?:\.([A-Z]\w*))?`)
	found := 0
	check := func(place, text string) {
		for _, m := range spoken.FindAllStringSubmatch(text, -1) {
			packages := byName[m[1]]
			if len(packages) == 0 || strings.HasSuffix(place, "/CONFORMANCE.md") && regexp.MustCompile(`^(Test|Fuzz)[A-Z]`).MatchString(m[2]) { // see TestTheTablesAreTrue
				continue
			}
			found++
			known := false
			for _, d := range packages {
				known = known || d.names[m[2]] && (m[3] == "" || d.members[m[2]+"."+m[3]])
			}
			assert.True(t, known, "%s speaks of %s, and there is no such name", place, strings.TrimSpace(m[0]))
		}
	}
	link := regexp.MustCompile(`\[([A-Z]\w*(?:\.\w+)?|[a-z]\w*\.[A-Z]\w*)\]`)
	for _, d := range all {
		for place, text := range d.comments() {
			check(place, text)
			walk(d.Parser().Parse(text).Content, func(plain string) {
				if m := link.FindStringSubmatch(plain); m != nil {
					assert.Fail(t, "a link in a comment leads nowhere", "%s: %s", place, m[0])
				}
			})
		}
	}
	for _, d := range documents(t) {
		if d.name != "CHANGELOG.md" { // which speaks of what was, too
			check(d.name, d.text)
		}
	}
	assert.Greater(t, found, 100)
}

// walk hands over every text of a comment that is no code and no link.
func walk(blocks []comment.Block, plain func(string)) {
	texts := func(all []comment.Text) {
		for _, text := range all {
			if p, ok := text.(comment.Plain); ok {
				plain(string(p))
			}
		}
	}
	for _, b := range blocks {
		switch b := b.(type) {
		case *comment.Paragraph:
			texts(b.Text)
		case *comment.List:
			for _, item := range b.Items {
				walk(item.Content, plain)
			}
		}
	}
}

// What the page of a package shows as code is type-checked, as far as that goes
// without the variables that it does not show.
func TestCodeOnGoDocsPages(t *testing.T) {
	dir := t.TempDir()
	userModule(t, dir)
	shown := map[string]string{} // folder: the code's place
	for _, d := range packageDocs(t) {
		if !d.library() {
			continue
		}
		for i, b := range d.Parser().Parse(d.Doc).Content {
			code, ok := b.(*comment.Code)
			if !ok || !regexp.MustCompile(`:=|(?m)^func |^mux\.`).MatchString(code.Text) {
				continue
			}
			name := fmt.Sprintf("%s%d", strings.ReplaceAll(d.dir, "/", "_"), i)
			shown[name] = d.dir + ":\n" + code.Text
			require.NoError(t, os.Mkdir(filepath.Join(dir, name), 0o700))
			require.NoError(t, os.WriteFile(filepath.Join(dir, name, "code.go"), []byte(goFile(t, code.Text)), 0o600))
		}
	}
	require.Greater(t, len(shown), 15)
	cmd := exec.CommandContext(t.Context(), "go", "build", "-mod=mod", "-gcflags=-e", "./...")
	cmd.Dir = dir
	out, _ := cmd.CombinedOutput()
	// Variables that are not shown, and those that are shown and go nowhere.
	forgiven := regexp.MustCompile(`undefined: [a-z]\w*$|declared and not used|no new variables|imported and not used|is not used$`)
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSpace(line)
		if name, _, ok := strings.Cut(strings.TrimPrefix(line, "./"), "/"); ok && shown[name] != "" && !forgiven.MatchString(line) {
			assert.Fail(t, line, shown[name])
		} else if !ok && line != "" && !strings.HasPrefix(line, "# ") {
			assert.Fail(t, line)
		}
	}
}

// goFile makes a file of what is shown of one.
func goFile(t testing.TB, code string) string {
	code = regexp.MustCompile(`…,? ?|(?m)^\s*\.\.\.$`).ReplaceAllString(code, "")
	var imports strings.Builder
	for name := range namesBefore(code) {
		if p := importPath(t, name); p != "" {
			fmt.Fprintf(&imports, "import %q\n", p)
		}
	}
	if !regexp.MustCompile(`(?m)^func `).MatchString(code) {
		code = "func _() error {\n" + code + "\nreturn nil\n}"
	}
	return "package code\n" + imports.String() + code + "\n"
}

// namesBefore are the names that stand before a dot and a capital letter.
func namesBefore(code string) map[string]bool {
	names := map[string]bool{}
	for _, m := range regexp.MustCompile(`\b([a-z]\w*)\.[A-Z]`).FindAllStringSubmatch(code, -1) {
		names[m[1]] = true
	}
	return names
}
