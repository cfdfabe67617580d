package sandbox

import (
	"io"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/testkit"
)

// TestConsoleWordsAreComplete: what is said in one language is said in both.
func TestConsoleWordsAreComplete(t *testing.T) {
	english, chinese := reflect.ValueOf(consoleEnglish()), reflect.ValueOf(consoleChinese())
	for i := range english.NumField() {
		name := english.Type().Field(i).Name
		assert.False(t, english.Field(i).IsZero(), "en: %s", name)
		assert.False(t, chinese.Field(i).IsZero(), "zh: %s", name)
		if english.Field(i).Kind() != reflect.Map {
			continue
		}
		en, zh := english.Field(i).Interface().(map[string]string), chinese.Field(i).Interface().(map[string]string)
		for key := range en {
			assert.NotEmpty(t, zh[key], "zh: %s %s", name, key)
		}
		assert.Len(t, zh, len(en), name)
	}
	for _, p := range lanes {
		assert.NotEmpty(t, consoleEnglish().Parties[string(p)], p)
	}
}

// TestConsoleSaysNothingForNothing: a word that no page shows is to go.
func TestConsoleSaysNothingForNothing(t *testing.T) {
	var all strings.Builder
	for _, pattern := range []string{"pages/console.html", "pages/console_purchases.html", "pages/console_hop.html", "pages/console_journal.html",
		"pages/console_payouts.html", "pages/console_codes.html", "pages/console_explain.html", "pages/console_api.html", "pages/console_problem.html"} {
		text, err := files.ReadFile(pattern)
		require.NoError(t, err)
		all.Write(text)
	}
	inCode := map[string]bool{"Lang": true, "States": true, "Parties": true, "PayoutStates": true, "FaultNames": true, "Failing": true, "NotThere": true, "NotThereWhy": true, "Struck": true}
	words := reflect.TypeFor[consoleWords]()
	for i := range words.NumField() {
		name := words.Field(i).Name
		assert.True(t, inCode[name] || regexp.MustCompile(`\.W\.`+name+`\b`).MatchString(all.String()), "no page shows %s", name)
	}
}

// TestMachineIsThatOfThePurchases: every state and every way from one to the
// other is in the picture, once, inside its frame; what was gone is lit.
func TestMachineIsThatOfThePurchases(t *testing.T) {
	words := consoleEnglish().States
	for _, d := range []drawing{acrossThePage, downThePage} {
		went := []purchase.State{purchase.Ordering, purchase.Unpaid, purchase.Paid, purchase.Attention, purchase.Paid, purchase.Delivering}
		m := drawMachine("x", d, went, words)
		require.Len(t, m.Nodes, len(purchase.States()))
		for i, n := range m.Nodes {
			assert.Equal(t, string(purchase.States()[i]), n.State)
			assert.Contains(t, went, purchase.Ordering)
			assert.Equal(t, n.State == "delivering", n.Now, n.State)
			assert.Equal(t, strings.Contains("ordering unpaid paid attention delivering", n.State) && n.State != "deliver", n.Lit, n.State)
			assert.GreaterOrEqual(t, n.Left(), 0.0, n.State)
			assert.GreaterOrEqual(t, n.Top(), 0.0, n.State)
			assert.LessOrEqual(t, n.Left()+n.Width, m.Width, n.State)
			assert.LessOrEqual(t, n.Top()+n.Height, m.Height, n.State)
			for _, other := range m.Nodes[:i] {
				apart := n.Left() >= other.Left()+other.Width || other.Left() >= n.Left()+n.Width || n.Top() >= other.Top()+other.Height || other.Top() >= n.Top()+n.Height
				assert.True(t, apart, "%s lies on %s", n.State, other.State)
			}
		}
		pairs, lit := map[[2]purchase.State]bool{}, 0
		for _, from := range purchase.States() {
			for _, to := range from.Next() {
				if !pairs[[2]purchase.State{to, from}] {
					pairs[[2]purchase.State{from, to}] = true
				}
			}
		}
		drawn := map[string]bool{}
		for _, e := range m.Edges {
			drawn[e.D] = true
			if e.Lit {
				lit++
			}
		}
		assert.Len(t, m.Edges, len(pairs), "a line for each pair of states of which one may follow the other")
		assert.Len(t, drawn, len(pairs), "no line lies on another")
		assert.Equal(t, 4, lit, "paid and attention are joined by one line")
	}
}

// TestConsolePagesShowWhatHappened: without a script, by links and forms.
func TestConsolePagesShowWhatHappened(t *testing.T) {
	w := startWorld(t, Config{})
	get := func(path string, header ...string) string {
		status, body := call(t, http.MethodGet, w.base+path, "", header...)
		require.Equal(t, http.StatusOK, status, body)
		elements(t, body) // nested well
		return body
	}
	assert.Contains(t, get("/_sandbox"), consoleEnglish().NoPurchases)
	assert.Contains(t, get("/_sandbox", "Accept-Language", "zh-CN"), consoleChinese().NoPurchases)

	id := buyOne(t, w)
	eventually(t, w, id, purchase.Delivered)
	page := get("/_sandbox")
	assert.Contains(t, page, id)
	out := elements(t, page)
	var opened []string
	for _, a := range out["a"] {
		if href := a["data-open"]; href != "" {
			opened = append(opened, href)
		}
	}
	require.Greater(t, len(opened), 8, "the steps of the purchase")
	for _, href := range opened {
		assert.Contains(t, get(href), consoleEnglish().Back)
		assert.NotContains(t, get(href), "key="+testkit.TestAccount().AppKey.Reveal())
	}
	assert.NotContains(t, get("/_sandbox?part=live"), "<html", "only what changes")
	for _, path := range []string{"payouts", "codes", "explain", "api"} {
		assert.Contains(t, get(consolePath+path), `aria-current="page"`, path)
	}
	status, _ := call(t, http.MethodGet, w.base+consolePath+"purchases/unknown", "")
	assert.Equal(t, http.StatusNotFound, status)
	status, _ = call(t, http.MethodGet, w.base+consolePath+"hops/unknown", "")
	assert.Equal(t, http.StatusNotFound, status)
}

// TestConsoleButtonsAreForms: each does its call of the control API and goes
// back to where it was pressed, and nowhere else.
func TestConsoleButtonsAreForms(t *testing.T) {
	w := startWorld(t, Config{})
	press := func(form url.Values, header ...string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.base+consolePath+"act", strings.NewReader(form.Encode()))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for i := 0; i+1 < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		resp, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(req)
		require.NoError(t, err)
		defer resp.Body.Close()
		_, err = io.Copy(io.Discard, resp.Body)
		require.NoError(t, err)
		return resp.StatusCode, resp.Header.Get("Location")
	}
	before := w.clock.Now()
	status, location := press(url.Values{"do": {"advance"}, "what": {"15m"}, "back": {"/_sandbox?hop=x"}})
	assert.Equal(t, http.StatusSeeOther, status)
	assert.Equal(t, "/_sandbox?hop=x", location)
	assert.GreaterOrEqual(t, w.clock.Now().Sub(before).Minutes(), 15.0)
	for _, elsewhere := range []string{"http://evil.example/", "//evil.example", "/", "/_sandboxes"} {
		_, location = press(url.Values{"do": {"advance"}, "what": {"1s"}, "back": {elsewhere}})
		assert.Equal(t, "/_sandbox", location)
	}
	status, location = press(url.Values{"do": {"buy"}})
	assert.Equal(t, http.StatusSeeOther, status)
	id := strings.TrimPrefix(location, consolePath+"purchases/")
	eventually(t, w, id, purchase.Delivered)
	for _, bad := range []url.Values{{}, {"do": {"advance"}, "what": {"-1m"}}, {"do": {"advance"}}} {
		status, _ = press(bad)
		assert.Equal(t, http.StatusBadRequest, status, bad)
	}
	status, _ = press(url.Values{"do": {"advance"}, "what": {"1m"}}, "Origin", "http://shop.example")
	assert.Equal(t, http.StatusForbidden, status, "a form of another page")
}

func TestConsoleRemembersLanguageAndTheme(t *testing.T) {
	w := startWorld(t, Config{})
	for _, c := range []struct{ query, cookie, lang, theme, set string }{
		{"", "", "en", "", ""},
		{"?theme=dark", "", "en", "dark", "imprest_theme=dark"},
		{"", "imprest_theme=dark; imprest_lang=zh", "zh", "dark", ""},
		{"?theme=auto", "imprest_theme=dark", "en", "", "imprest_theme=; Path=/; Max-Age=0"},
		{"?theme=%22%3E", "", "en", "", "imprest_theme=; Path=/; Max-Age=0"},
		{"?lang=zh", "imprest_theme=light", "zh", "light", "imprest_lang=zh"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.base+"/_sandbox"+c.query, nil)
		require.NoError(t, err)
		if c.cookie != "" {
			req.Header.Set("Cookie", c.cookie)
		}
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		html := elements(t, string(body))["html"][0]
		assert.Equal(t, c.lang, html["lang"], c)
		assert.Equal(t, c.theme, html["data-theme"], c)
		if c.set == "" {
			assert.Empty(t, resp.Header.Values("Set-Cookie"), c)
		}
		assert.Contains(t, strings.Join(resp.Header.Values("Set-Cookie"), "\n"), c.set)
	}
	// A page that keeps itself up to date chooses nothing.
	resp, err := http.Get(w.base + "/_sandbox?lang=zh&theme=dark&part=live")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Empty(t, resp.Header.Values("Set-Cookie"))
}
