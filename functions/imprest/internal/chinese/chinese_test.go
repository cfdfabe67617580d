package chinese_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core/sign"
	"github.com/imprest-go/imprest/functions/imprest/internal/chinese"
	"github.com/imprest-go/imprest/testkit"
)

// phrases returns the lines of the book, English and Chinese in turn.
func phrases(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("phrases.txt")
	require.NoError(t, err)
	var lines []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimRight(line, "\r\n"); line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	return lines
}

// TestEachPhraseIsAPair: English and Chinese in turn, each once, with the same
// gaps.
func TestEachPhraseIsAPair(t *testing.T) {
	lines := phrases(t)
	require.Zero(t, len(lines)%2)
	gap := regexp.MustCompile(`\{\d\}`)
	han := regexp.MustCompile(`\p{Han}`)
	seen := map[string]bool{}
	for i := 0; i < len(lines); i += 2 {
		english, said := lines[i], lines[i+1]
		assert.False(t, seen[english], "twice: %s", english)
		seen[english] = true
		assert.NotRegexp(t, han, english, "is this line Chinese? then one before it has no partner")
		if english != said { // a word of the protocol
			assert.Regexp(t, han, said, english)
		}
		before, after := gap.FindAllString(english, -1), gap.FindAllString(said, -1)
		slices.Sort(after)
		assert.Equal(t, before, after, english)
	}
}

func TestSay(t *testing.T) {
	b := chinese.Open()
	for english, said := range map[string]string{
		"":                             "",
		"a text that nobody knows":     "a text that nobody knows",
		"not valid UTF-8":              "不是合法的 UTF-8",
		"sign: not valid UTF-8":        "sign：不是合法的 UTF-8",
		"answered 500: down for today": "响应 500：「down for today」",
		`answered 500: {"a": "b c"}`:   `响应 500：{"a": "b c"}`,
		"server-sent events: a, b, c":  "服务器推送事件：a, b, c",
		"no order: vvchat.UnifiedOrder: the platform was not reached": "没有下单：vvchat.UnifiedOrder：没有连上平台",
		"the amount is 101 fen, the order's is 100":                   "金额是 101 分，订单是 100 分",
		"the whole body, sorted, compact, the key right behind it":    "整个正文，排序后，紧凑格式，密钥直接接在后面",
	} {
		assert.Equal(t, said, b.Say(english))
	}
	long := strings.Repeat("no order: ", 10_000)
	assert.Equal(t, long, b.Say(long))
	assert.True(t, b.Knows("no order: nobody paid in time"))
	assert.False(t, b.Knows("no order: it rained all day"), "the words of others are quoted")
}

// TestEveryCauseHasWords: in both languages.
func TestEveryCauseHasWords(t *testing.T) {
	b := chinese.Open()
	english := map[string]sign.Cause{}
	for _, c := range sign.Explain("application/json", []byte(`{"a":"1","sign":"x"}`), "", testkit.TestAccount().AppKey).Causes {
		english[c.ID] = c
	}
	for _, id := range sign.CauseIDs() {
		c := english[id]
		assert.NotEmpty(t, c.Title, id)
		assert.NotEmpty(t, c.Advice, id)
		said := b.Cause(c)
		assert.NotEqual(t, c.Title, said.Title, id)
		assert.NotEqual(t, c.Advice, said.Advice, id)
		assert.Equal(t, c.Verdict, said.Verdict, id)
	}
}

// TestWhatIsSaidOfSignaturesHasAPhrase reads the sources: every text of core/sign
// and core/callback that says why a message is rejected stands in a phrase, and
// so does every mutator.
func TestWhatIsSaidOfSignaturesHasAPhrase(t *testing.T) {
	b := chinese.Open()
	for _, m := range testkit.Mutators() {
		assert.True(t, b.Knows(m.Doc), "%s: %s", m.Name, m.Doc)
	}
	lines := phrases(t)
	var english strings.Builder
	for i := 0; i < len(lines); i += 2 {
		english.WriteString("\n" + lines[i] + "\n")
	}
	var files []string
	for _, pattern := range []string{"causedocument.go", "causekey.go", "causesearch.go", "causetext.go", "causevalue.go", "explain.go", "fields.go", "form.go", "json.go", "sign.go", "text.go"} {
		files = append(files, filepath.Join("../../../../core/sign", pattern))
	}
	for _, name := range []string{"receive.go", "payment.go", "payout.go", "object.go", "robot.go", "once.go"} {
		files = append(files, filepath.Join("../../../../core/callback", name))
	}
	for _, file := range files {
		for _, text := range texts(t, file) {
			known := strings.Contains(english.String(), text) || b.Knows(text)
			assert.True(t, known, "%s: no phrase in phrases.txt says %q", filepath.Base(file), text)
		}
	}
}

// texts returns the literals of a file that are texts: those that are logged,
// or say how a program is configured, are left out.
func texts(t *testing.T, file string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	require.NoError(t, err)
	var found []string
	ast.Inspect(parsed, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if selector, ok := n.Fun.(*ast.SelectorExpr); ok && (selector.Sel.Name == "Invalid" || strings.HasSuffix(selector.Sel.Name, "Context")) {
				return false
			}
		case *ast.BasicLit:
			if n.Kind != token.STRING {
				return true
			}
			text, err := strconv.Unquote(n.Value)
			require.NoError(t, err)
			if text = strings.TrimSpace(strings.Trim(text, ",: ")); strings.Count(text, " ") >= 2 && !strings.Contains(text, "%") {
				found = append(found, text)
			}
		}
		return true
	})
	return found
}
