package sandbox

import (
	"encoding/json"
	"fmt"
	"go/parser"
	"go/token"
	"net/http"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/testkit"
)

// told are the hops of a purchase, each in a line.
func told(t *testing.T, w *world, id string) (list []hop, lines []string) {
	t.Helper()
	p, err := w.purchase(t.Context(), id)
	require.NoError(t, err)
	list, err = w.hops(t.Context(), p)
	require.NoError(t, err)
	for _, h := range list {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s>%s %s %s", h.From, h.To, h.Label, strings.Join(h.Faults, ","))))
	}
	return list, lines
}

// movingOn moves the clock until the purchase has all these hops.
func movingOn(t *testing.T, w *world, id string, want ...string) {
	t.Helper()
	require.Eventually(t, func() bool {
		_, lines := told(t, w, id)
		missing := slices.ContainsFunc(want, func(line string) bool { return !slices.Contains(lines, line) })
		if missing {
			w.clock.Advance(time.Second)
		}
		return !missing
	}, 10*time.Second, 5*time.Millisecond, "%s", want)
}

// inOrder fails unless the lines have these, one after the other.
func inOrder(t *testing.T, lines []string, want ...string) {
	t.Helper()
	from := 0
	for _, line := range want {
		i := slices.Index(lines[from:], line)
		require.GreaterOrEqual(t, i, 0, "%q does not follow in\n%s", line, strings.Join(lines, "\n"))
		from += i + 1
	}
}

func TestHopsOfAPurchase(t *testing.T) {
	w := startWorld(t, Config{Faults: []string{"forged"}})
	id := buyOne(t, w)
	// The forged one is refused; the platform comes again.
	movingOn(t, w, id, "platform>merchant notification forged-sign", "platform>merchant notification", "merchant> delivering → delivered")
	list, lines := told(t, w, id)
	inOrder(t, lines,
		"merchant> ordering",
		"merchant>platform unifiedorder",
		"merchant> ordering → unpaid",
		"phone>platform pay",
		"platform>merchant notification forged-sign",
		"platform>merchant notification",
		"merchant> unpaid → paid",
		"merchant> paid → delivering",
		"merchant>cloud exchangeCode",
		"merchant> delivering → delivered",
	)
	assert.Contains(t, lines, "shop>merchant POST /purchases")
	assert.Contains(t, lines, "merchant>cloud getDeviceCapability", "what was asked before the purchase had an id")

	seen := map[string]bool{}
	for _, h := range list {
		assert.False(t, seen[h.ID], "%s twice", h.ID)
		seen[h.ID] = true
		o, err := w.open(t.Context(), h.ID)
		require.NoError(t, err, h.ID)
		assert.Equal(t, h, o.hop)
		if slices.Contains(h.Faults, "forged-sign") {
			assert.Equal(t, "reject", o.Verdict)
			assert.NotEmpty(t, o.Reason)
			assert.Contains(t, h.Failed, "sign")
			assert.Contains(t, o.GoTest, "testkit.RequireRefused(t, resp)")
			assert.True(t, strings.HasSuffix(o.Canonical, "&key=***"), o.Canonical)
		}
		if h.Label == "unifiedorder" {
			assert.Equal(t, "accept", o.Verdict)
			assert.Contains(t, o.Canonical, "out_trade_no="+id)
			assert.Equal(t, http.MethodPost, o.Method)
			assert.NotContains(t, o.Curl, originHeader)
		}
		if h.Kind == hopWrite {
			var p purchase.Purchase
			require.NoError(t, json.Unmarshal([]byte(o.Record), &p))
			assert.Equal(t, h.State, string(p.State))
		}
		if o.GoTest != "" {
			_, err := parser.ParseFile(token.NewFileSet(), "x_test.go", o.GoTest, 0)
			require.NoError(t, err, o.GoTest)
		}
	}
	overHTTP := getJSON[[]map[string]any](t, w.base+"/_sandbox/purchases/"+id+"/hops")
	require.Len(t, overHTTP, len(list))
	for i, h := range list {
		assert.Equal(t, h.ID, overHTTP[i]["id"])
		assert.Equal(t, h.Label, getJSON[map[string]any](t, w.base+"/_sandbox/hops/"+h.ID)["label"])
	}
	for _, path := range []string{"purchases/unknown/hops", "hops/vvchat-999", "hops/history-" + id + "-7", "hops/dropped-x-1", "hops/paid-x", "hops/..."} {
		status, _ := call(t, http.MethodGet, w.base+"/_sandbox/"+path, "")
		assert.Equal(t, 404, status, path)
	}
}

// What the sandbox shows holds no app_key, no token and no exchange code.
func TestNothingSecretIsShown(t *testing.T) {
	w := startWorld(t, Config{})
	id := buyOne(t, w)
	eventually(t, w, id, purchase.Delivered)
	var shown []string
	list, _ := told(t, w, id)
	for _, h := range list {
		o, err := w.open(t.Context(), h.ID)
		require.NoError(t, err)
		text, err := json.Marshal(o)
		require.NoError(t, err)
		shown = append(shown, string(text), o.Curl, o.GoTest)
	}
	for _, x := range slices.Concat(w.platform.Requests(), w.cloud.Requests()) {
		status, body := call(t, http.MethodGet, fmt.Sprintf("%s/_sandbox/hops/%s-%d", w.base, x.Peer, x.Seq), "")
		require.Equal(t, 200, status)
		shown = append(shown, body)
	}
	requireNoSecrets(t, w, shown...)
}

func requireNoSecrets(t *testing.T, w *world, shown ...string) {
	t.Helper()
	used := 0
	for _, text := range shown {
		testkit.RequireNoSecret(t, text, w.robotEvents.secret, testkit.TestWeChatApp().Secret)
		for _, secret := range w.cookieKeys {
			testkit.RequireNoSecret(t, text, secret)
		}
		assert.NotContains(t, text, `"`+testkit.TestAccount().AppKey.Reveal()+`"`)
		assert.NotContains(t, text, "key="+testkit.TestAccount().AppKey.Reveal())
		for _, code := range w.cloud.Codes() {
			used++
			if strings.Contains(text, code.Code) {
				assert.Fail(t, "an exchange code is shown", text)
			}
		}
		for _, cookie := range []string{"Set-Cookie", "imprest_session="} {
			assert.NotContains(t, text, cookie)
		}
	}
	require.Positive(t, used)
}

// What is copied sends the very bytes again.
func TestWhatIsCopiedIsExact(t *testing.T) {
	for _, body := range []string{`{"a":"1"}`, "it's", "line\nline", "tab\t`", "\xff\x00\x7f", "猫🐈", `back\slash` + "\r", "@file", "hidden\u200b\u202e", `\x41` + "\n"} {
		if !strings.Contains(body, "\x00") { // no argument of a program holds one
			out, err := exec.Command("bash", "-c", "printf %s "+shellQuoted(body)).Output()
			require.NoError(t, err)
			assert.Equal(t, body, string(out))
		}
		literal, err := strconv.Unquote(goQuoted(body))
		require.NoError(t, err)
		assert.Equal(t, body, literal)
	}
	assert.Contains(t, curl(opened{Method: "POST", URL: "http://127.0.0.1/", RequestBody: "@file"}), "--data-raw '@file'")
}
