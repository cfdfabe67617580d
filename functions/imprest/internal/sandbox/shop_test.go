package sandbox

import (
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/testkit"
)

func newRecorder() *httptest.ResponseRecorder { return httptest.NewRecorder() }

// elements reads a page and returns its elements by name, and fails if they
// are not nested well.
func elements(t *testing.T, page string) map[string][]map[string]string {
	t.Helper()
	found := map[string][]map[string]string{}
	reader := xml.NewDecoder(strings.NewReader(page))
	reader.Strict, reader.AutoClose, reader.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	for {
		token, err := reader.Token()
		if err == io.EOF {
			return found
		}
		require.NoError(t, err)
		if start, ok := token.(xml.StartElement); ok {
			attributes := map[string]string{}
			for _, a := range start.Attr {
				attributes[a.Name.Local] = a.Value
			}
			found[start.Name.Local] = append(found[start.Name.Local], attributes)
		}
	}
}

func TestShopBuyingAsABrowserDoes(t *testing.T) {
	w := startWorld(t, Config{})
	b := newBrowser(w.base)
	defer b.client.CloseIdleConnections()

	page, err := b.get(t.Context(), w.base+"/")
	require.NoError(t, err)
	out := elements(t, string(page.body))
	assert.Len(t, out["h3"], 3, "offers")
	for _, button := range out["button"] {
		assert.Empty(t, button["data-offer"], "nobody buys without a login")
	}
	for _, path := range []string{"/purchases", "/purchases/x"} {
		got, err := b.get(t.Context(), w.base+path)
		require.NoError(t, err)
		assert.Equal(t, http.StatusUnauthorized, got.status, path)
	}

	require.NoError(t, w.logIn(t.Context(), b))
	page, err = b.get(t.Context(), w.base+"/?lang=zh")
	require.NoError(t, err)
	in := elements(t, string(page.body))
	assert.Equal(t, "zh", in["html"][0]["lang"])
	var offered []string
	for _, button := range in["button"] {
		if id := button["data-offer"]; id != "" {
			offered = append(offered, id)
			assert.Contains(t, button["aria-label"], "购买", "a button says what it buys")
		}
	}
	doorbell := testkit.TestDoorbell().ID
	assert.Equal(t, []string{"voip-1y@" + doorbell, "storage-30d@" + doorbell, "storage-30d@" + testkit.TestCamera().ID}, offered)
	assert.Contains(t, string(page.body), "小明")
	assert.Contains(t, string(page.body), "¥36.00")

	shelf, err := w.choose(t.Context(), b)
	require.NoError(t, err)
	bought, err := w.order(t.Context(), b, shelf)
	require.NoError(t, err)
	require.NoError(t, w.pay(t.Context(), b, bought))
	eventually(t, w, bought.ID, purchase.Delivered)
	list, err := b.get(t.Context(), w.base+"/purchases")
	require.NoError(t, err)
	var own []purchase.View
	require.NoError(t, json.Unmarshal(list.body, &own))
	require.Len(t, own, 1)
	assert.Equal(t, purchase.Delivered, own[0].State)

	page, err = b.get(t.Context(), w.base+"/")
	require.NoError(t, err)
	assert.Contains(t, string(page.body), bought.ID, "the page brings the purchases along")

	// Another user sees nothing of it.
	other := newBrowser(w.base)
	defer other.client.CloseIdleConnections()
	consent, err := other.get(t.Context(), w.base+"/login?return=/")
	require.NoError(t, err)
	query := consent.url.Query()
	query.Set("open_id", users()[1].OpenID)
	consent.url.RawQuery = query.Encode()
	_, err = other.press(t.Context(), consent.url, "allow", true)
	require.NoError(t, err)
	list, err = other.get(t.Context(), w.base+"/purchases")
	require.NoError(t, err)
	assert.JSONEq(t, `[]`, string(list.body))
	one, err := other.get(t.Context(), w.base+"/purchases/"+bought.ID)
	require.NoError(t, err)
	assert.Equal(t, http.StatusNotFound, one.status)
}

func TestShopPriceIsTheCatalogs(t *testing.T) {
	w := startWorld(t, Config{})
	b := newBrowser(w.base)
	defer b.client.CloseIdleConnections()
	require.NoError(t, w.logIn(t.Context(), b))
	doorbell, camera := testkit.TestDoorbell().ID, testkit.TestCamera().ID
	for body, want := range map[string]int{
		`{"offer":"voip-1y@` + doorbell + `","price":1}`:  http.StatusConflict,
		`{"offer":"nothing","price":1}`:                   http.StatusNotFound,
		`{"offer":"voip-1y@nobodys","price":3600}`:        http.StatusNotFound,
		`{"offer":"voip-1y@` + camera + `","price":3600}`: http.StatusNotFound, // it cannot call anybody
		`{"offer":"voip-1y@` + doorbell + `"}`:            http.StatusBadRequest,
	} {
		got, err := b.send(t.Context(), http.MethodPost, w.base+"/purchases", "application/json", body, false)
		require.NoError(t, err)
		assert.Equal(t, want, got.status, body)
	}
	assert.Empty(t, w.platform.Trades())
}

func TestShopLoginThatComesToNothing(t *testing.T) {
	w := startWorld(t, Config{Faults: []string{tokenExpired}})
	b := newBrowser(w.base)
	defer b.client.CloseIdleConnections()
	consent, err := b.get(t.Context(), w.base+"/login?return=/")
	require.NoError(t, err)
	refused, err := b.press(t.Context(), consent.url, "refuse", true)
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, refused.status)
	assert.Contains(t, string(refused.body), shopEnglish().LoginRefused)

	consent, err = b.get(t.Context(), w.base+"/login?return=/")
	require.NoError(t, err)
	failed, err := b.press(t.Context(), consent.url, "allow", true)
	require.NoError(t, err)
	assert.Equal(t, http.StatusBadRequest, failed.status)
	assert.Contains(t, string(failed.body), shopEnglish().LoginFailed, "a person sees a page, not a word")
	require.NoError(t, w.logIn(t.Context(), b))
}

// TestShopGoesByOneName: a session does not follow from localhost to 127.0.0.1,
// where the phone comes back to.
func TestShopGoesByOneName(t *testing.T) {
	w := startWorld(t, Config{})
	_, port, _ := strings.Cut(strings.TrimPrefix(w.base, "http://"), ":")
	b := newBrowser(w.base)
	for _, path := range []string{"/?lang=zh", "/login?return=/"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.base+path, nil)
		require.NoError(t, err)
		req.Host = "localhost:" + port
		client := *b.client
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		resp, err := client.Do(req)
		require.NoError(t, err)
		_ = resp.Body.Close()
		assert.Equal(t, http.StatusFound, resp.StatusCode)
		assert.Equal(t, w.base+path, resp.Header.Get("Location"))
	}
	b.client.CloseIdleConnections()
}

func TestPagesLoadNothingFromElsewhere(t *testing.T) {
	w := startWorld(t, Config{})
	for _, path := range []string{"/", "/_sandbox", "/shop.css", "/shop.js"} {
		resp, err := http.Get(w.base + path)
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		_ = resp.Body.Close()
		require.Equal(t, http.StatusOK, resp.StatusCode, path)
		assert.NotContains(t, string(body), "https://", path)
		if !strings.Contains(resp.Header.Get("Content-Type"), "html") {
			continue
		}
		assert.Contains(t, resp.Header.Get("Content-Security-Policy"), "default-src 'none'")
		page := elements(t, string(body))
		for _, tag := range []string{"script", "link", "img"} {
			for _, attributes := range page[tag] {
				for _, name := range []string{"src", "href"} {
					u, err := url.Parse(attributes[name])
					require.NoError(t, err)
					assert.Empty(t, u.Host, "%s: %s", path, attributes[name])
				}
			}
		}
	}
	status, body := call(t, http.MethodGet, w.base+"/healthz", "")
	assert.Equal(t, 200, status)
	assert.Equal(t, "ok", body)
}

// TestShopWordsAreComplete: what is said in one language is said in both.
func TestShopWordsAreComplete(t *testing.T) {
	english, chinese := reflect.ValueOf(shopEnglish()), reflect.ValueOf(shopChinese())
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
	for _, state := range purchase.States() {
		assert.NotEmpty(t, shopEnglish().States[string(state)], state)
	}
	for _, o := range offers() {
		assert.NotEmpty(t, shopEnglish().Names[o.Service], o.Service)
		assert.NotEmpty(t, shopEnglish().Abouts[o.Service], o.Service)
	}
}
