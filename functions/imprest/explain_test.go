package main

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core/sign"
	"github.com/imprest-go/imprest/testkit"
)

// caretColumn returns the columns to the left of the caret and of the first
// character in which the two lines above it differ.
func caretColumn(t *testing.T, out string) (caret, differs int) {
	t.Helper()
	out, _, ok := strings.Cut(out, "\n\ncause ")
	require.True(t, ok, out)
	lines := strings.Split(out, "\n")
	require.GreaterOrEqual(t, len(lines), 3, out)
	ours, theirs, under := lines[len(lines)-3], lines[len(lines)-2], lines[len(lines)-1]
	ours, ok = strings.CutPrefix(ours, "ours         ")
	require.True(t, ok, out)
	theirs, ok = strings.CutPrefix(theirs, "theirs       ")
	require.True(t, ok, out)
	before, _, ok := strings.Cut(strings.TrimPrefix(under, "             "), "^")
	require.True(t, ok, out)
	return columns(before), columns(commonPrefix(ours, theirs))
}

func TestTheCaretStandsUnderTheDifference(t *testing.T) {
	for name, tt := range map[string]struct{ body, theirs string }{
		"at the start":      {`{"a":"1"}`, "b=1"},
		"near the start":    {`{"a":"1","b":"2"}`, "a=1&b=3"},
		"far in":            {`{"amount":100,"app_id":"test","out_trade_no":"order-1"}`, "amount=100&app_id=test&out_trade_no=order-2"},
		"theirs ends first": {`{"a":"1","b":"2"}`, "a=1"},
		"wide characters":   {`{"title":"红色的猫和白色的狗","z":"1"}`, "title=红色的猫和白色的马&z=1"},
		"one shared byte":   {`{"title":"é"}`, "title=ê"},
		"combining marks":   {`{"a":"e\u0301e\u0301x"}`, "a=e\u0301e\u0301y"},
		"control in theirs": {`{"a":"b"}`, "a=\x1b[31mb"},
		"invalid in theirs": {`{"a":"b"}`, "a=\xff"},
	} {
		t.Run(name, func(t *testing.T) {
			r := invoke(t, tt.body, "explain", "--key", longKey, "--theirs", tt.theirs)
			require.Equal(t, exitDone, r.status, r.stderr)
			caret, differs := caretColumn(t, r.stdout)
			assert.Equal(t, differs, caret, r.stdout)
			assert.NotContains(t, r.stdout, "\x1b")
			assert.NotContains(t, r.stdout, longKey)
		})
	}
}

func TestExplainComparesTheSameText(t *testing.T) {
	r := invoke(t, `{"a":"1","sign":"`+someSign+`"}`, "explain", "--key", longKey, "--theirs", "a=1&key=whatever")
	assert.Contains(t, r.stdout, "Theirs is the same text, so the sign or the key differs.")
	assert.NotContains(t, r.stdout, "whatever")
	r = invoke(t, `[1]`, "explain", "--key", longKey, "--theirs", "a=1")
	assert.Contains(t, r.stdout, "There is nothing to compare theirs with.")
}

func TestExplainPrintsNoKeyOfTheirs(t *testing.T) {
	for _, theirs := range []string{"a=2&key=" + longKey, longKey + "a=1", "a=1&KEY=" + longKey, "a=" + longKey} {
		for _, format := range []string{"--json", "--json=false"} {
			r := invoke(t, `{"a":"1"}`, "explain", "--key", longKey, "--theirs", theirs, format)
			assert.Equal(t, exitDone, r.status)
			assert.NotContains(t, r.stdout+r.stderr, longKey, theirs)
			assert.NotContains(t, r.stdout+r.stderr, longKey[:12], theirs)
		}
	}
}

func TestExplainAsJSON(t *testing.T) {
	r := invoke(t, `{"amount":100,"note":"<&>","empty":"","sign":"x"}`, "explain", "--json", "--key", longKey, "--theirs", "amount=1")
	require.Equal(t, exitDone, r.status)
	var e sign.Explanation
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &e))
	assert.Equal(t, "reject", e.Verdict)
	assert.Equal(t, "amount=100&note=<&>&key=***", e.Canonical)
	assert.Contains(t, r.stdout, "<&>", "HTML escapes are no help to a reader")
	require.NotNil(t, e.Difference)
	assert.Equal(t, len("amount=1"), e.Difference.At)
}

func TestExplainShowsValuesThatHide(t *testing.T) {
	r := invoke(t, `{"a":" x","b":"\u202egnp.exe","c":"\u00a0"}`, "explain", "--key", longKey)
	assert.Contains(t, r.stdout, `a  " x"`)
	assert.Contains(t, r.stdout, `b  \u202egnp.exe`)
	assert.Contains(t, r.stdout, `c  "\u00a0"`)
}

// The test kit's forgeries are made by code of its own: each must be told for
// what it is, and what is genuine has no cause.
func TestExplainTellsTheMutators(t *testing.T) {
	first := map[testkit.Mutator]string{
		testkit.MutateWrongKey: "key", testkit.MutateUnkeyedSign: "key_name", testkit.MutateNoSign: "sign_missing",
		testkit.MutateEmptySign: "sign_missing", testkit.MutateNullSign: "sign_missing", testkit.MutateArraySign: "sign_spelling",
		testkit.MutateShortSign: "sign_spelling", testkit.MutateLongSign: "sign_spelling", testkit.MutatePaddedSign: "sign_spelling",
		testkit.MutateNonHexSign: "sign_spelling", testkit.MutateUnsignedField: "field_left_out", testkit.MutateTamperedOrder: "key",
		testkit.MutateDuplicateKey: "not_strict", testkit.MutateRegrouped: "not_strict", testkit.MutateBOM: "bom",
		testkit.MutateInvalidUTF8Raw: "charset", testkit.MutateFormAsJSON: "content_type", testkit.MutateJSONAsForm: "content_type",
		testkit.MutateTextPlain: "content_type", testkit.MutateOver64K: "not_strict", testkit.MutateTrailingData: "not_strict",
		testkit.MutateDepthBomb: "field_left_out", testkit.MutateNestedValue: "field_left_out", testkit.MutateEmptyBody: "sign_missing",
	}
	for _, m := range testkit.Mutators() {
		message := testkit.SignedPayment(testkit.PaymentFields{OutTradeNo: "order-1", Amount: 1990}, m.Name)
		e := sign.Explain(message.ContentType, message.Body, "", testkit.TestAccount().AppKey)
		want, known := first[m.Name]
		switch {
		case m.Verdict != testkit.VerdictRefuse:
			assert.Equal(t, "accept", e.Verdict, m.Name)
			assert.Empty(t, e.Causes, m.Name)
		case known && assert.NotEmpty(t, e.Causes, m.Name):
			assert.Equal(t, want, e.Causes[0].ID, "%s: %s: %+v", m.Name, m.Doc, e.Causes[0])
		}
	}
}

// In Chinese, by --lang or by the environment: no word of the frame is English,
// and the caret stands where it stands.
func TestExplainInChinese(t *testing.T) {
	for name, tt := range map[string]struct {
		environment map[string]string
		flag        string
		chinese     bool
	}{
		"by the flag":            {nil, "zh", true},
		"by LANG":                {map[string]string{"LANG": "zh_CN.UTF-8"}, "", true},
		"LC_ALL comes first":     {map[string]string{"LC_ALL": "C.UTF-8", "LANG": "zh_CN.UTF-8"}, "", false},
		"the flag comes first":   {map[string]string{"LANG": "zh_CN.UTF-8"}, "en", false},
		"another language's own": {map[string]string{"LANG": "de_DE.UTF-8"}, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			for _, variable := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
				t.Setenv(variable, tt.environment[variable])
			}
			args := []string{"explain", "--key", longKey, "--theirs", "amount=100&title="}
			if tt.flag != "" {
				args = append(args, "--lang", tt.flag)
			}
			r := invoke(t, `{"amount":100,"title":"","sign":"`+someSign+`"}`, args...)
			require.Equal(t, exitDone, r.status, r.stderr)
			if !tt.chinese {
				assert.Contains(t, r.stdout, "cause        empty fields signed: title  [empty_signed]")
				return
			}
			assert.Contains(t, r.stdout, "起因         空字段参与了签名：title  [empty_signed]\n             从对方给出的待签名串可以看出。")
			assert.NotRegexp(t, `[A-Za-z]+ [a-z]+ [a-z]+ [a-z]+`, r.stdout)
		})
	}
	r := invoke(t, `{"a":"1"}`, "explain", "--key", longKey, "--lang", "fr")
	assert.Equal(t, exitUsage, r.status)
	assert.Contains(t, r.stderr, "zh and en are there")
	english, chinese := reflect.ValueOf(explainEnglish()), reflect.ValueOf(explainChinese())
	for i := range english.NumField() {
		name := english.Type().Field(i).Name
		assert.NotEmpty(t, english.Field(i).String(), name)
		assert.NotEmpty(t, chinese.Field(i).String(), name)
	}
}
