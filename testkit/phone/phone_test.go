package phone_test

import (
	"cmp"
	"context"
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/vvchat"
	"github.com/imprest-go/imprest/testkit"
	"github.com/imprest-go/imprest/testkit/phone"
)

const shop = "http://127.0.0.1:8700/back?keep=1"

// bundle is a platform, its phone on a server, and a merchant's client.
type bundle struct {
	platform *testkit.Platform
	base     string
	merchant *vvchat.Client
}

func setup(t *testing.T, cfg phone.Config) *bundle {
	t.Helper()
	platform := testkit.StartPlatform(t, testkit.PlatformConfig{
		Users: []testkit.User{testkit.TestUser(), {OpenID: "second", Nickname: "Ann"}},
		// A merchant that takes every notification.
		Client: testkit.HandlerClient(core.HandlerFunc(func(context.Context, *core.Request) *core.Response { return core.Text(200, "success") })),
	})
	cfg.Platform = platform
	screens, err := phone.New(cfg)
	require.NoError(t, err)
	server := httptest.NewServer(screens)
	t.Cleanup(server.Close)
	account := platform.Account()
	merchant, err := vvchat.New(vvchat.Config{BaseURL: platform.URL, AppID: account.AppID, AppKeys: []core.Secret{account.AppKey}, StoreNo: account.StoreNo, HTTPClient: platform.Client()})
	require.NoError(t, err)
	return &bundle{platform, server.URL, merchant}
}

// order makes an order and returns its imprest_code.
func (b *bundle) order(t *testing.T, id, title string) string {
	t.Helper()
	prepay, err := b.merchant.UnifiedOrder(t.Context(), vvchat.Order{OutTradeNo: id, Amount: 3605, NotifyURL: "http://127.0.0.1:8700/notify", Title: title})
	require.NoError(t, err)
	return prepay.ImprestCode
}

type answer struct {
	status int
	body   string
	header http.Header
}

// location returns where the answer leads, and its query.
func (a answer) location(t *testing.T) (string, url.Values) {
	t.Helper()
	require.Equal(t, http.StatusSeeOther, a.status, a.body)
	u, err := url.Parse(a.header.Get("Location"))
	require.NoError(t, err)
	query := u.Query()
	u.RawQuery = ""
	return u.String(), query
}

func (b *bundle) send(t *testing.T, method, path string, parameters url.Values, header ...string) answer {
	t.Helper()
	target, body := b.base+path, ""
	if method == http.MethodPost {
		body = parameters.Encode()
	} else if len(parameters) > 0 {
		target += "?" + parameters.Encode()
	}
	req, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	require.NoError(t, err)
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
		if header[i] == "Host" {
			req.Host = header[i+1]
		}
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return answer{resp.StatusCode, string(text), resp.Header}
}

func parameters(pairs ...string) url.Values {
	values := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
	}
	return values
}

func consent(more ...string) url.Values {
	values := parameters("app_id", "test", "scope", testkit.ScopeUserInfo, "state", "STATE", "redirect_uri", shop)
	for name, value := range parameters(more...) {
		values[name] = value
	}
	return values
}

// form is what a page lets its user send.
type form struct {
	action  string
	hidden  map[string]string
	buttons []string // action=value of each
	radios  []string
	checked string
	texts   []string // of h1, dd, strong, small, p
}

// readForm reads the forms of a page as one, which has the action of the first. It fails if the page is not nested
// well, or a radio button has no label around it.
func readForm(t *testing.T, page string) form {
	t.Helper()
	f := form{hidden: map[string]string{}}
	reader := xml.NewDecoder(strings.NewReader(page))
	reader.Strict, reader.AutoClose, reader.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	var path []string
	for {
		token, err := reader.Token()
		if err == io.EOF {
			require.Empty(t, path)
			return f
		}
		require.NoError(t, err, page)
		switch token := token.(type) {
		case xml.StartElement:
			path = append(path, token.Name.Local)
			attributes := map[string]string{}
			for _, a := range token.Attr {
				attributes[a.Name.Local] = a.Value
			}
			switch {
			case token.Name.Local == "form":
				require.Contains(t, []string{"post", "get"}, attributes["method"])
				f.action = cmp.Or(f.action, attributes["action"])
			case attributes["type"] == "hidden":
				f.hidden[attributes["name"]] = attributes["value"]
			case attributes["type"] == "radio":
				require.Contains(t, path, "label")
				require.Contains(t, path, "fieldset")
				f.radios = append(f.radios, attributes["value"])
				if _, ok := attributes["checked"]; ok {
					f.checked = attributes["value"]
				}
			case token.Name.Local == "button":
				f.buttons = append(f.buttons, attributes["value"])
			}
		case xml.EndElement:
			require.NotEmpty(t, path)
			require.Equal(t, path[len(path)-1], token.Name.Local)
			path = path[:len(path)-1]
		case xml.CharData:
			if text := strings.TrimSpace(string(token)); text != "" {
				f.texts = append(f.texts, text)
			}
		}
	}
}

func TestConsentScreen(t *testing.T) {
	b := setup(t, phone.Config{Apps: map[string]string{"test": "Corner Shop"}})
	page := b.send(t, http.MethodGet, "/phone/login", consent())
	require.Equal(t, http.StatusOK, page.status)
	f := readForm(t, page.body)
	assert.Equal(t, "/phone/login", f.action)
	assert.Equal(t, map[string]string{"app_id": "test", "scope": testkit.ScopeUserInfo, "state": "STATE", "redirect_uri": shop}, f.hidden)
	assert.Equal(t, []string{"allow", "refuse"}, f.buttons)
	assert.Equal(t, []string{testkit.TestUser().OpenID, "second"}, f.radios)
	assert.Equal(t, testkit.TestUser().OpenID, f.checked)
	assert.Contains(t, f.texts, "Corner Shop")
	assert.Contains(t, f.texts, "Your profile")
	policy := page.header.Get("Content-Security-Policy")
	assert.Contains(t, policy, "default-src 'none'")
	assert.Contains(t, policy, "frame-ancestors 'none'")
	assert.Contains(t, policy, "form-action 'self' http://127.0.0.1:8700", "a browser follows the answer of the form to the shop")

	group := testkit.TestSessions()[1]
	chat := b.send(t, http.MethodGet, "/phone/login", consent("scope", "sessionapi_sendmsg:"+group.ID+":2"))
	assert.Contains(t, chat.body, "into the chat "+group.Name+" (group)")
}

func TestConsentAllowed(t *testing.T) {
	b := setup(t, phone.Config{})
	done := b.send(t, http.MethodPost, "/phone/login", consent("action", "allow", "open_id", "second"))
	to, query := done.location(t)
	assert.Equal(t, "http://127.0.0.1:8700/back", to)
	assert.Equal(t, "1", query.Get("keep"), "what stood in the redirect_uri stays")
	assert.Equal(t, "STATE", query.Get("state"))
	assert.False(t, query.Has("err_code"))
	token, err := b.merchant.ExchangeCode(t.Context(), query.Get("code"))
	require.NoError(t, err)
	assert.Equal(t, "second", token.OpenID)

	// The phone stays in that user's hand.
	cookie, _, _ := strings.Cut(done.header.Get("Set-Cookie"), ";")
	next := b.send(t, http.MethodGet, "/phone/login", consent(), "Cookie", cookie)
	assert.Equal(t, "second", readForm(t, next.body).checked)
}

func TestConsentRefused(t *testing.T) {
	b := setup(t, phone.Config{})
	_, query := b.send(t, http.MethodPost, "/phone/login", consent("action", "refuse")).location(t)
	assert.Equal(t, "400", query.Get("err_code"))
	assert.Equal(t, "STATE", query.Get("state"))
	assert.False(t, query.Has("code"))
}

// TestNoWayElsewhere: whatever is wrong with a link, the browser stays.
func TestNoWayElsewhere(t *testing.T) {
	b := setup(t, phone.Config{Hosts: []string{"shop.test"}})
	code := b.order(t, "order-1", "a title")
	bad := map[string]url.Values{
		"unknown app":   consent("app_id", "other"),
		"no app":        consent("app_id", ""),
		"unknown scope": consent("scope", "everything"),
		"half a scope":  consent("scope", "sessionapi_sendmsg::1"),
		"no scope":      consent("scope", ""),
		"unknown chat":  consent("scope", "sessionapi_sendmsg:nobodys:1"),
		"other type":    consent("scope", "sessionapi_sendmsg:"+testkit.TestSessions()[0].ID+":2"),
		"no way back":   consent("redirect_uri", ""),
	}
	for name, values := range bad {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			values.Set("action", "allow")
			got := b.send(t, method, "/phone/login", values)
			assert.Equal(t, http.StatusBadRequest, got.status, name)
			assert.Empty(t, got.header.Get("Location"), name)
			assert.Contains(t, got.body, `role="alert"`, name)
		}
	}
	for _, to := range []string{
		"https://shop.example/", "//shop.example/", "/local", "javascript:alert(1)", "data:text/html,x", "http://127.0.0.1@shop.example/",
		"http://user@127.0.0.1/", `http://shop.example\@127.0.0.1/`, "http://127.0.0.1.shop.example/", "http://127.0.0.1/#fragment", "ftp://127.0.0.1/", "http://",
		"http://sub.shop.test/", "http://localhost.example/",
	} {
		for path, values := range map[string]url.Values{
			"/phone/login": consent("redirect_uri", to, "action", "allow"),
			"/phone/pay":   parameters("imprest_code", code, "app_id", "test", "redirect_uri", to, "action", "pay"),
		} {
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				got := b.send(t, method, path, values)
				assert.Equal(t, http.StatusBadRequest, got.status, to)
				assert.Empty(t, got.header.Get("Location"), to)
			}
		}
	}
	assert.Equal(t, testkit.Unpaid, b.platform.RequireTrade(t, "order-1").Status)
	for _, to := range []string{"http://localhost:1/x", "http://[::1]:8700/", "https://shop.test/back", "http://127.9.0.1/"} {
		got := b.send(t, http.MethodPost, "/phone/login", consent("redirect_uri", to, "action", "allow"))
		assert.True(t, strings.HasPrefix(got.header.Get("Location"), to), to)
	}
	twice := b.send(t, http.MethodGet, "/phone/login", url.Values{"app_id": {"test", "test"}, "scope": {testkit.ScopeUserInfo}, "redirect_uri": {shop}})
	assert.Equal(t, http.StatusBadRequest, twice.status)
}

func TestPaymentScreen(t *testing.T) {
	b := setup(t, phone.Config{Apps: map[string]string{"test": "Corner Shop"}})
	code := b.order(t, "order-1", `A <b>bold</b> title`)
	link := parameters("imprest_code", code, "app_id", "test", "redirect_uri", shop)
	page := b.send(t, http.MethodGet, "/phone/pay", link, "Accept-Language", "zh-CN,zh;q=0.9")
	require.Equal(t, http.StatusOK, page.status)
	assert.NotContains(t, page.body, "<b>", "a title is text")
	f := readForm(t, page.body)
	assert.Equal(t, map[string]string{"imprest_code": code, "app_id": "test", "redirect_uri": shop}, f.hidden)
	assert.Equal(t, []string{"pay", "cancel"}, f.buttons)
	for _, text := range []string{"¥36.05", "Corner Shop", "s1234", "order-1", "A <b>bold</b> title", "支付 ¥36.05"} {
		assert.Contains(t, f.texts, text)
	}
}

func TestPaid(t *testing.T) {
	b := setup(t, phone.Config{})
	code := b.order(t, "order-1", "a title")
	link := parameters("imprest_code", code, "app_id", "test", "redirect_uri", shop)
	press := func(action string) answer {
		values := parameters("imprest_code", code, "app_id", "test", "redirect_uri", shop, "action", action)
		return b.send(t, http.MethodPost, "/phone/pay", values)
	}

	_, query := press("cancel").location(t)
	assert.Equal(t, "400", query.Get("err_code"))
	assert.False(t, query.Has("trade_no"))
	assert.Equal(t, testkit.Unpaid, b.platform.RequireTrade(t, "order-1").Status)
	assert.Equal(t, http.StatusBadRequest, press("").status)

	_, query = press("pay").location(t)
	trade := b.platform.RequirePaid(t, "order-1")
	assert.Equal(t, trade.TradeNo, query.Get("trade_no"))
	b.platform.RequireNotified(t, "order-1")

	again := press("pay")
	assert.Equal(t, http.StatusConflict, again.status)
	assert.Contains(t, again.body, "It cannot be paid again")
	b.platform.RequirePaid(t, "order-1")
	receipt := b.send(t, http.MethodGet, "/phone/pay", link)
	assert.Equal(t, http.StatusOK, receipt.status)
	assert.Contains(t, receipt.body, trade.TradeNo)
	assert.Contains(t, receipt.body, `href="http://127.0.0.1:8700/back?keep=1"`)
	assert.NotContains(t, receipt.body, "<form")
}

func TestPaidFromTheHomeScreen(t *testing.T) {
	b := setup(t, phone.Config{})
	code := b.order(t, "order-1", "a title")
	home := b.send(t, http.MethodGet, "/phone", nil)
	assert.Contains(t, home.body, "imprest_code="+code)
	to, query := b.send(t, http.MethodPost, "/phone/pay", parameters("imprest_code", code, "app_id", "test", "action", "pay", "open_id", "second")).location(t)
	assert.Equal(t, "/phone/pay", to)
	receipt := b.send(t, http.MethodGet, to, query)
	assert.Contains(t, receipt.body, "Ann")
	assert.Equal(t, "second", b.platform.RequirePaid(t, "order-1").OpenID)
	to, _ = b.send(t, http.MethodPost, "/phone/pay", parameters("imprest_code", b.order(t, "order-2", "x"), "app_id", "test", "action", "cancel")).location(t)
	assert.Equal(t, "/phone", to)
}

func TestUnknownOrder(t *testing.T) {
	b := setup(t, phone.Config{})
	code := b.order(t, "order-1", "a title")
	for _, values := range []url.Values{
		parameters("imprest_code", "unknown", "app_id", "test", "action", "pay"),
		parameters("imprest_code", code, "app_id", "other", "action", "pay"),
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			got := b.send(t, method, "/phone/pay", values)
			assert.Equal(t, http.StatusNotFound, got.status)
			assert.Contains(t, got.body, "No order has this imprest_code")
		}
	}
	for _, values := range []url.Values{parameters("app_id", "test"), parameters("imprest_code", code), nil} {
		assert.Equal(t, http.StatusBadRequest, b.send(t, http.MethodGet, "/phone/pay", values).status)
	}
	stranger := b.send(t, http.MethodPost, "/phone/pay", parameters("imprest_code", code, "app_id", "test", "action", "pay", "open_id", "nobody"))
	assert.Equal(t, http.StatusBadRequest, stranger.status)
	assert.Equal(t, testkit.Unpaid, b.platform.RequireTrade(t, "order-1").Status)
}

// TestNobodyElsePressesTheButtons: a page from elsewhere, in the same browser,
// pays for nothing and logs nobody in.
func TestNobodyElsePressesTheButtons(t *testing.T) {
	b := setup(t, phone.Config{})
	code := b.order(t, "order-1", "a title")
	values := parameters("imprest_code", code, "app_id", "test", "action", "pay")
	for _, header := range [][]string{
		{"Origin", "http://shop.example"},
		{"Origin", "null"},
		{"Sec-Fetch-Site", "cross-site"},
		{"Sec-Fetch-Site", "same-site"}, // the shop, on another port of this machine
		{"Host", "shop.example"},
		{"Host", "192.0.2.1"},
		{"Content-Type", "text/plain"},
		{"Content-Type", "multipart/form-data"},
	} {
		got := b.send(t, http.MethodPost, "/phone/pay", values, header...)
		assert.Contains(t, []int{http.StatusForbidden, http.StatusBadRequest}, got.status, header)
	}
	assert.Equal(t, testkit.Unpaid, b.platform.RequireTrade(t, "order-1").Status)
	got := b.send(t, http.MethodPost, "/phone/pay", values, "Origin", b.base, "Sec-Fetch-Site", "same-origin")
	assert.Equal(t, http.StatusSeeOther, got.status)
}

func TestHomeScreen(t *testing.T) {
	b := setup(t, phone.Config{})
	page := b.send(t, http.MethodGet, "/phone", nil)
	assert.Contains(t, page.body, "Nothing to pay")
	for _, id := range []string{"first", "second", "third"} {
		b.order(t, id, "title of "+id)
	}
	_, err := b.platform.Pay(t.Context(), b.platform.RequireTrade(t, "second").ImprestCode, "")
	require.NoError(t, err)
	page = b.send(t, http.MethodGet, "/phone", nil)
	readForm(t, page.body)
	third, first, second := strings.Index(page.body, "title of third"), strings.Index(page.body, "title of first"), strings.Index(page.body, "title of second")
	assert.True(t, 0 < third && third < first && first < second, "the newest first, those that are paid last")

	held := b.send(t, http.MethodPost, "/phone", parameters("open_id", "second"))
	cookie, _, _ := strings.Cut(held.header.Get("Set-Cookie"), ";")
	assert.Equal(t, "second", readForm(t, b.send(t, http.MethodGet, "/phone", nil, "Cookie", cookie).body).checked)
	assert.Equal(t, http.StatusBadRequest, b.send(t, http.MethodPost, "/phone", parameters("open_id", "nobody")).status)
}

func TestLanguages(t *testing.T) {
	b := setup(t, phone.Config{})
	for _, c := range []struct {
		accept, query, cookie, want string
	}{
		{"", "", "", "en"},
		{"zh-CN,zh;q=0.9,en;q=0.8", "", "", "zh"},
		{"en-GB,zh;q=0.9", "", "", "en"},
		{"fr,zh;q=0.2", "", "", "zh"},
		{"zh;q=0,en;q=0.1", "", "", "en"},
		{"zh;q=nonsense", "", "", "en"},
		{"en", "zh", "", "zh"},
		{"en", "", "zh", "zh"},
		{"zh", "en", "zh", "en"},
		{"zh", "fr", "", "zh"},
	} {
		values := url.Values{}
		if c.query != "" {
			values.Set("lang", c.query)
		}
		page := b.send(t, http.MethodGet, "/phone", values, "Accept-Language", c.accept, "Cookie", "imprest_lang="+c.cookie)
		assert.Equal(t, c.want, page.header.Get("Content-Language"), "%+v", c)
		assert.Contains(t, page.body, `<html lang="`+c.want+`">`)
		remembered := strings.HasPrefix(page.header.Get("Set-Cookie"), "imprest_lang="+c.want)
		assert.Equal(t, c.query == "zh" || c.query == "en", remembered, "%+v", c)
	}
	// The other language is one link away, and nothing of the screen is lost.
	page := b.send(t, http.MethodGet, "/phone/login", consent())
	assert.Contains(t, page.body, "/phone/login?app_id=test&amp;lang=zh&amp;redirect_uri=")
}

func TestNewNamesWhatIsWrong(t *testing.T) {
	_, err := phone.New(phone.Config{})
	require.ErrorContains(t, err, "Platform")
	platform := testkit.StartPlatform(t, testkit.PlatformConfig{NoListen: true})
	for _, host := range []string{"", "http://shop.test", "shop.test/x", ".test", "a@b"} {
		_, err := phone.New(phone.Config{Platform: platform, Hosts: []string{host}})
		require.ErrorContains(t, err, "Hosts", host)
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err))
	}
}

func TestStyleSheet(t *testing.T) {
	b := setup(t, phone.Config{})
	sheet := b.send(t, http.MethodGet, "/phone/phone.css", nil)
	assert.Equal(t, http.StatusOK, sheet.status)
	assert.Equal(t, "text/css; charset=utf-8", sheet.header.Get("Content-Type"))
	assert.NotContains(t, sheet.body, "url(", "it loads nothing")
	assert.Equal(t, http.StatusNotFound, b.send(t, http.MethodGet, "/phone/frame.html", nil).status)
}

// Without a word of it, the phone knows every app of its platform.
func TestEveryAppOfThePlatform(t *testing.T) {
	other := testkit.Account{AppID: "other", AppKey: core.NewSecret("k"), StoreNo: "s2"}
	platform := testkit.StartPlatform(t, testkit.PlatformConfig{Accounts: []testkit.Account{testkit.TestAccount(), other}})
	screens, err := phone.New(phone.Config{Platform: platform})
	require.NoError(t, err)
	server := httptest.NewServer(screens)
	defer server.Close()
	b := &bundle{platform: platform, base: server.URL}
	for app, status := range map[string]int{"test": http.StatusOK, "other": http.StatusOK, "nobody": http.StatusBadRequest} {
		assert.Equal(t, status, b.send(t, http.MethodGet, "/phone/login", consent("app_id", app)).status, app)
	}
}
