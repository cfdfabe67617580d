package house_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// logMethods are how many arguments stand before the message.
var logMethods = map[string]int{
	"Debug": 0, "Info": 0, "Warn": 0, "Error": 0,
	"DebugContext": 1, "InfoContext": 1, "WarnContext": 1, "ErrorContext": 1,
	"Log": 2, "LogAttrs": 2,
}

// passOn are our own functions that hand their arguments on to a logger: how
// many stand before the message, or before the keys where the message is fixed.
var passOn = map[string]struct {
	before  int
	message bool
}{
	"core/mall/routes.go log":         {2, true}, // (ctx, level, msg, …): no keys
	"core/callback/payment.go answer": {2, false},
	"core/callback/payout.go answer":  {2, false},
	"core/callback/robot.go answer":   {2, false},
}

// keyTable is a row of the table in CONTRIBUTING.md.
var keyTable = regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|")

// What is logged is data: whoever searches for a purchase does it by one key
// wherever it is logged, and by one message whatever it is about. So a message
// is a constant, and each key is in the table of CONTRIBUTING.md.
func TestLogRecordsHaveFixedMessagesAndKnownKeys(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root(t), "CONTRIBUTING.md"))
	require.NoError(t, err)
	unused := map[string]bool{}
	for _, row := range keyTable.FindAllStringSubmatch(string(text), -1) {
		unused[row[1]] = true
	}
	require.NotEmpty(t, unused)
	known := map[string]bool{}
	for key := range unused {
		known[key] = true
	}
	records := 0
	err = filepath.WalkDir(root(t), func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := entry.Name(); entry.IsDir() && (strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules" || name == "bench") {
			return filepath.SkipDir
		} else if entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		name, err := filepath.Rel(root(t), path)
		require.NoError(t, err)
		source, err := os.ReadFile(path)
		require.NoError(t, err)
		found, faults := logRecords(t, filepath.ToSlash(name), string(source), func(key string) bool {
			delete(unused, key)
			return known[key]
		})
		records += found
		for _, fault := range faults {
			t.Error(fault)
		}
		return nil
	})
	require.NoError(t, err)
	assert.Greater(t, records, 50, "the logging calls are not found any more")
	assert.Empty(t, unused, "keys of the table that nothing logs")
}

func TestWhatIsWrongWithALogRecordIsFound(t *testing.T) {
	const head = "package p\nfunc f(about ...any) {\n\tfor _, each := range [...]string{\"id\", \"odd\"} { _ = each }\n"
	for body, want := range map[string]string{
		`s.logger.ErrorContext(ctx, "fixed", "id", p.ID)`: "",
		`log.Info("fixed")`:                                                   "",
		`t.Error("not a logger", x)`:                                          "",
		`http.Error(w, "not a logger", 500)`:                                  "",
		`s.logger.ErrorContext(ctx, what+" failed", "id", p.ID)`:              "message",
		`s.logger.Error(fmt.Sprintf("%d", 1))`:                                "message",
		`log.Info("fixed", "ID", p.ID)`:                                       `"ID"`,
		`log.Info("fixed", key, p.ID)`:                                        "key",
		`log.Info("fixed", append(about, "reason", err.Error())...)`:          `"reason"`,
		`log.Info("fixed", append(about, "id", p.ID)...)`:                     "",
		`about = append(about, "odd", 1)`:                                     `"odd"`,
		`about := []any{"odd", 1}`:                                            `"odd"`,
		`log.Info("fixed", slog.String("id", p.ID))`:                          "slog.String",
		`for _, n := range [...]string{"id"} { about = append(about, n, 1)}`:  "",
		`for _, n := range [...]string{"odd"} { about = append(about, n, 1)}`: `"odd"`,
		`l := log.With("odd", 1)`:                                             `"odd"`,
	} {
		_, faults := logRecords(t, "p.go", head+body+"\n}\n", func(key string) bool { return key == "id" })
		if want == "" {
			assert.Empty(t, faults, body)
		} else if assert.Len(t, faults, 1, body) {
			assert.Contains(t, faults[0], want, body)
		}
	}
}

// logRecords looks at the calls of a file that log, counts them, and says what
// is wrong with them. Without types, a logger is known by its name: one that
// ends in log or logger, or l.
func logRecords(t *testing.T, name, source string, known func(key string) bool) (records int, faults []string) {
	t.Helper()
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, source, 0)
	require.NoError(t, err)
	fault := func(at ast.Node, what string) {
		faults = append(faults, set.Position(at.Pos()).String()+": "+what)
	}
	key := func(e ast.Expr) {
		switch e := e.(type) {
		case *ast.BasicLit:
			if text, err := strconv.Unquote(e.Value); err != nil || !known(text) {
				fault(e, "the key "+e.Value+" is not in the table of CONTRIBUTING.md")
			}
			return
		case *ast.Ident:
			texts := ranged(e)
			for _, text := range texts {
				if !known(text) {
					fault(e, "the key "+strconv.Quote(text)+" is not in the table of CONTRIBUTING.md")
				}
			}
			if texts != nil {
				return
			}
		case *ast.CallExpr:
			if s, ok := e.Fun.(*ast.SelectorExpr); ok {
				fault(e, "slog."+s.Sel.Name+": write key and value, as everywhere")
				return
			}
		}
		fault(e, "a key must be a literal")
	}
	keys := func(args []ast.Expr) {
		for i := 0; i < len(args); i += 2 {
			key(args[i])
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt: // about := []any{…}: keys for later
			if id, ok := n.Lhs[0].(*ast.Ident); ok && id.Name == "about" {
				if list, ok := n.Rhs[0].(*ast.CompositeLit); ok {
					keys(list.Elts)
				}
			}
		case *ast.CallExpr:
			if f, ok := n.Fun.(*ast.Ident); ok && f.Name == "append" && len(n.Args) > 1 {
				if id, ok := n.Args[0].(*ast.Ident); ok && id.Name == "about" {
					keys(n.Args[1:])
				}
			}
			call, ok := n.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			before, logs := logMethods[call.Sel.Name]
			logs = logs && isLogger(call.X)
			message := logs
			if own, ok := passOn[name+" "+call.Sel.Name]; ok && !logs {
				before, logs, message = own.before, true, own.message
			}
			if call.Sel.Name == "With" && isLogger(call.X) {
				keys(n.Args)
			}
			if !logs || len(n.Args) < before {
				return true
			}
			records++
			rest := n.Args[before:]
			if message {
				_, own := passOn[name+" log"]
				if _, fixed := rest[0].(*ast.BasicLit); !fixed && !(own && call.Sel.Name == "Log") {
					fault(rest[0], "the message must be a literal: what differs goes into a key")
				}
				rest = rest[1:]
			}
			if _, own := passOn[name+" "+call.Sel.Name]; own && message {
				return true // its other arguments are no keys
			}
			if n.Ellipsis.IsValid() {
				rest = rest[:len(rest)-1] // about, or append(about, …), which is looked at by itself
			}
			keys(rest)
		}
		return true
	})
	return records, faults
}

func isLogger(e ast.Expr) bool {
	name := ""
	switch e := e.(type) {
	case *ast.Ident:
		name = e.Name
	case *ast.SelectorExpr:
		name = e.Sel.Name
	case *ast.CallExpr:
		if s, ok := e.Fun.(*ast.SelectorExpr); ok {
			name = s.Sel.Name // slog.Default(), log.With(…)
		}
	}
	name = strings.ToLower(name)
	return strings.HasSuffix(name, "log") || strings.HasSuffix(name, "logger") || name == "l" || name == "default" || name == "with"
}

// ranged returns the literals that a variable of a range statement runs over.
func ranged(id *ast.Ident) (texts []string) {
	if id.Obj == nil {
		return nil
	}
	assigned, ok := id.Obj.Decl.(*ast.AssignStmt)
	if !ok {
		return nil
	}
	over, ok := assigned.Rhs[0].(*ast.UnaryExpr)
	if !ok || over.Op != token.RANGE {
		return nil
	}
	list, ok := over.X.(*ast.CompositeLit)
	if !ok {
		return nil
	}
	for _, each := range list.Elts {
		if literal, ok := each.(*ast.BasicLit); ok {
			text, _ := strconv.Unquote(literal.Value)
			texts = append(texts, text)
		}
	}
	return texts
}
