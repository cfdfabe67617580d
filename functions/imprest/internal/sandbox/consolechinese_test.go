package sandbox

import (
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/core/sign"
	chinesebook "github.com/imprest-go/imprest/functions/imprest/internal/chinese"
	"github.com/imprest-go/imprest/testkit"
)

// englishIn returns the English of a page: runs of four or more Latin words,
// not as a list with commas, in what a person reads or is read out. Not looked at is what is shown as it was
// sent or is to be typed (code, pre, textarea, the values of a message), what
// says itself that it is of another language, and what is quoted: between 「 and
// 」, and JSON.
func englishIn(t *testing.T, page string) []string {
	t.Helper()
	page = strings.Map(func(r rune) rune { // what a broken message holds, XML does not
		if r == utf8.RuneError || r < ' ' && r != '\n' || r == 0xfffe || r == 0xffff {
			return -1
		}
		return r
	}, page)
	reader := xml.NewDecoder(strings.NewReader(page))
	reader.Strict, reader.AutoClose, reader.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	sentence := regexp.MustCompile(`\b[A-Za-z][a-z']*(?:[ ;:.]+[A-Za-z][a-z']*\b){3,}`)
	quoted := regexp.MustCompile(`「[^」]*」|[\[{].*[\]}]`)
	var found []string
	look := func(text string) {
		found = append(found, sentence.FindAllString(quoted.ReplaceAllString(text, " "), -1)...)
	}
	apart := 0 // how deep inside of what is not looked at
	for {
		token, err := reader.Token()
		if err == io.EOF {
			return found
		}
		require.NoError(t, err)
		switch token := token.(type) {
		case xml.StartElement:
			attributes := map[string]string{}
			for _, a := range token.Attr {
				attributes[a.Name.Local] = a.Value
			}
			verbatim := slices.Contains([]string{"code", "pre", "kbd", "textarea", "script", "style", "title"}, token.Name.Local)
			if apart > 0 || verbatim || attributes["lang"] == "en" || slices.Contains(strings.Fields(attributes["class"]), "sent") {
				apart++
				continue
			}
			for _, name := range []string{"title", "aria-label", "placeholder", "alt", "data-copied", "data-clock", "data-on", "data-off"} {
				look(attributes[name])
			}
		case xml.EndElement:
			apart = max(0, apart-1)
		case xml.CharData:
			if apart == 0 {
				look(string(token))
			}
		}
	}
}

func TestEnglishInFindsSentences(t *testing.T) {
	for page, want := range map[string][]string{
		`<p>沙箱 out_trade_no order-1</p>`:                       nil,
		`<p>响应 500：「down for a while」</p>`:                     nil,
		`<p>it was never sent</p>`:                             {"it was never sent"},
		`<p title="Try it once again">试</p>`:                   {"Try it once again"},
		`<pre>it was never sent</pre><p lang="en">a b c d</p>`: nil,
		`<p><code>a b c d</code> no answer came today</p>`:     {"no answer came today"},
	} {
		assert.Equal(t, want, englishIn(t, page), page)
	}
}

// TestConsoleInChinese walks every page in Chinese, after everything that can
// go wrong went wrong: nothing that is said there is English.
func TestConsoleInChinese(t *testing.T) {
	chinese := []string{"Cookie", "imprest_lang=zh"}
	seen := map[string]bool{}
	var w *world
	look := func(where string, status int, page string, want int) {
		assert.Equal(t, want, status, where)
		for _, english := range englishIn(t, page) {
			if !seen[english] {
				seen[english] = true
				t.Errorf("%s says in English: %s", where, english)
			}
		}
	}
	get := func(path string) string {
		status, page := call(t, http.MethodGet, w.base+path, "", chinese...)
		look(path, status, page, http.StatusOK)
		return page
	}
	post := func(path string, want int, form url.Values) {
		status, page := call(t, http.MethodPost, w.base+path, form.Encode(), append(chinese, "Content-Type", "application/x-www-form-urlencoded")...)
		look(path+" "+form.Encode(), status, page, want)
	}
	act := func(want int, pairs ...string) {
		form := url.Values{}
		for i := 0; i+1 < len(pairs); i += 2 {
			form.Set(pairs[i], pairs[i+1])
		}
		post(consolePath+"act", want, form)
	}
	opened := func() {
		page := get("/_sandbox")
		for _, a := range elements(t, page)["a"] {
			if href := a["data-open"]; href != "" {
				get(href)
			}
		}
	}

	for _, run := range []struct {
		faults []string
		end    purchase.State
	}{
		{[]string{"duplicate", "forged", "tampered", "wrong-amount", "reorder", orderLost, "platform-5xx", deliverFails, "cloud-5xx", "wechat-token-expired"}, purchase.Delivered},
		{[]string{surplus, journalDown, crash, codesEmpty, deliverLost}, purchase.Attention},
		{[]string{dropCallback, orderUnheard, redeemLate}, purchase.Delivered},
		{[]string{redeemLost}, purchase.Attention},
		{[]string{codeUsed}, purchase.Attention},
		{[]string{cloudDown}, purchase.Refunded},
		{[]string{refundFailed}, purchase.Attention},
		{[]string{refundUnheard}, purchase.Refunded},
	} {
		var stop func()
		w, stop = serveWorld(t, Config{Faults: run.faults})
		b := newBrowser(w.base)
		id, _ := w.buy(t.Context(), b) // some faults let it end with an error: what the page says of it counts
		b.client.CloseIdleConnections()
		if id == "" {
			id = buyOne(t, w)
		}
		moveTo(t, w, id, run.end)
		opened()
		get(consolePath + "payouts")
		stop()
	}

	w = startWorld(t, Config{})
	get("/_sandbox")
	id := buyOne(t, w)
	eventually(t, w, id, purchase.Delivered)
	for _, page := range []string{"journal", "payouts", "codes", "explain", "api"} {
		get(consolePath + page)
	}
	for _, m := range testkit.Mutators() {
		act(http.StatusSeeOther, "do", "notify", "id", id, "what", string(m.Name))
	}
	opened()
	for _, e := range w.tape.all() {
		if e.exchange != nil && notifies(e.exchange.Call) {
			path, want := consolePath+"explain?"+url.Values{"hop": {e.id}}.Encode(), http.StatusOK
			if len(e.exchange.Body) > core.MaxBody {
				want = http.StatusBadRequest
			}
			status, page := call(t, http.MethodGet, w.base+path, "", chinese...)
			look(path, status, page, want)
		}
	}
	for _, example := range explainExamples() {
		get(consolePath + "explain?" + url.Values{"example": {example}}.Encode())
	}
	message := testkit.SignedPayment(testkit.PaymentFields{}, testkit.MutateWrongKey)
	post(consolePath+"explain", http.StatusOK, url.Values{"body": {string(message.Body)}, "content_type": {message.ContentType}, "theirs": {"amount=1&key=x"}})

	// What a button cannot do.
	status, page := call(t, http.MethodGet, w.base+consolePath+"purchases/unknown", "", chinese...)
	look("an unknown purchase", status, page, http.StatusNotFound)
	act(http.StatusBadRequest, "do", "dance")
	act(http.StatusBadRequest, "do", "advance", "what", "yesterday")
	act(http.StatusNotFound, "do", "fault", "what", "thunder", "on", "true")
	act(http.StatusBadRequest, "do", "notify", "id", id, "what", "thunder")
	act(http.StatusSeeOther, "do", "fault", "what", cloudDown, "on", "true")
	act(http.StatusConflict, "do", "fault", "what", codeUsed, "on", "true")
	act(http.StatusConflict, "do", "fault", "what", callsRefused, "on", "true")
	status, _ = call(t, http.MethodPost, w.base+"/_sandbox/orders", `[{"out_trade_no": "unpaid-1", "amount": 100}]`)
	require.Equal(t, http.StatusOK, status)
	act(http.StatusSeeOther, "do", "notify", "id", "unpaid-1", "what", "")
	for _, f := range FaultList() {
		for _, about := range []string{f.About, f.OnMall} {
			if about != "" {
				assert.True(t, chinesebook.Open().Knows(about), "%s: %s", f.Name, about)
			}
		}
	}
}

// TestExplainSaysWhatWouldTell: a cause that cannot be told says what it lacks,
// and the page says with which keys it tried.
func TestExplainSaysWhatWouldTell(t *testing.T) {
	w := startWorld(t, Config{})
	_, page := call(t, http.MethodGet, w.base+consolePath+"explain?example=wrong-key", "")
	assert.Contains(t, page, "imprest explain --app-key-file FILE")
	key := ""
	for _, c := range sign.Explain("application/json", testkit.SignedPayment(testkit.PaymentFields{}, testkit.MutateWrongKey).Body, "", testkit.TestAccount().AppKey).Causes {
		if c.ID == "key" {
			key = c.Detail
		}
	}
	require.NotEmpty(t, key)
	assert.Contains(t, page, consoleEnglish().CannotTell+": "+key)
	assert.Contains(t, page, consoleEnglish().LikelyKey)
	assert.NotContains(t, page, consoleEnglish().NoCause)
	assert.Contains(t, page, consoleEnglish().TriedAppID+" <code>"+testkit.TestAccount().AppID+"</code>")
	_, page = call(t, http.MethodGet, w.base+consolePath+"explain?example=genuine", "")
	assert.NotContains(t, page, "keys-tried", "an accepted message has no question left")
}
