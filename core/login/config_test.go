package login

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
)

func TestNewNamesWhatIsWrong(t *testing.T) {
	good := setup(t).cfg
	for _, c := range []struct {
		field  string
		change func(*Config)
	}{
		{"AppID", func(c *Config) { c.AppID = "" }},
		{"Platform", func(c *Config) { c.Platform = nil }},
		{"Store", func(c *Config) { c.Store = nil }},
		{"CookieKeys", func(c *Config) { c.CookieKeys = nil }},
		{"CookieKeys", func(c *Config) { c.CookieKeys = core.Secrets(testKey, "") }},
		{"CookieKeys", func(c *Config) { c.CookieKeys = core.Secrets(testKey, testKey[1:]) }},
		{"SessionTTL", func(c *Config) { c.SessionTTL = -1 }},
		{"SessionTTL", func(c *Config) { c.SessionTTL = MaxSessionTTL + 1 }},
		{"Timeout", func(c *Config) { c.Timeout = -1 }},
		{"RedirectURI", func(c *Config) { c.RedirectURI = "" }},
		{"RedirectURI", func(c *Config) { c.RedirectURI = "/login/return" }},
		{"RedirectURI", func(c *Config) { c.RedirectURI = "http://shop.example/login/return" }},
		{"RedirectURI", func(c *Config) { c.RedirectURI = "http://127.0.0.1.evil.example/" }},
		{"RedirectURI", func(c *Config) { c.RedirectURI = "ftp://127.0.0.1/" }},
		{"RedirectURI", func(c *Config) { c.RedirectURI = "https://user@shop.example/" }},
		{"RedirectURI", func(c *Config) { c.RedirectURI = "https://shop.example/?a=b" }},
		{"RedirectURI", func(c *Config) { c.RedirectURI = "https://shop.example/#a" }},
		{"RedirectURI", func(c *Config) { c.RedirectURI = "https://:443/" }},
		{"RedirectURI", func(c *Config) { c.RedirectURI = "https://shop.example/\r\n" }},
		{"RedirectURI", func(c *Config) { c.RedirectURI = "https://shop.example/login" }},
		{"RedirectURI", func(c *Config) { c.RedirectURI = "https://shop.example/login/session" }},
		{"RedirectURI", func(c *Config) { c.RedirectURI = "https://shop.example/a/../return" }},
		{"RedirectURI", func(c *Config) { c.RedirectURI = "https://shop.example//return" }},
		{"AfterLogin", func(c *Config) { c.AfterLogin = "/login?x" }},
		{"AfterLogin", func(c *Config) { c.RedirectURI = "https://shop.example" }},
		{"AfterLogin", func(c *Config) { c.AfterLogin = "//evil.example" }},
		{"AfterLogout", func(c *Config) { c.AfterLogout = "https://evil.example" }},
		{"ReturnPaths", func(c *Config) { c.ReturnPaths = []string{"/a", "b"} }},
		{"ReturnPaths", func(c *Config) { c.ReturnPaths = []string{"/a?b"} }},
		{"Scope", func(c *Config) { c.Scope = "sessionapi_sendmsg:S1:2" }},
		{"CookieName", func(c *Config) { c.CookieName = "a b" }},
	} {
		cfg := good
		c.change(&cfg)
		_, err := New(cfg)
		require.Error(t, err, c.field)
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err))
		assert.Contains(t, err.Error(), "login.New: ")
		assert.Contains(t, err.Error(), c.field)
		assert.NotContains(t, err.Error(), testKey[1:])
	}
}

var returnPaths = []struct {
	path string
	ok   bool
}{
	{"/", true},
	{"/orders", true},
	{"/orders/7?page=2&x=%2F#top", true},
	{"/a//b", true},
	{"/a?u=//evil.example/../x", true},
	{"/%E5%BE%AE", true},
	{"", false},
	{"orders", false},
	{"//evil.example", false},
	{"///evil.example", false},
	{`/\evil.example`, false},
	{`\/evil.example`, false},
	{`/a\b`, false},
	{"/\t/evil.example", false},
	{"/\n/evil.example", false},
	{"/a\r\nSet-Cookie: x=y", false},
	{"/a b", false},
	{"/a\x00", false},
	{"/a\x7f", false},
	{"/微", false},
	{"https://evil.example", false},
	{"javascript:alert(1)", false},
	{"data:text/html,x", false},
	{"/../admin", false},
	{"/a/./b", false},
	{"/a/%2e%2E/admin", false},
	{"/a/.%2e", false},
	{"/bad%zz", false},
	{" /a", false},
	{"/login", false},
	{"/login?return=/a", false},
	{"/login/", false},
	{"/login/return?code=x", false},
	{"/%6Cogin", false},
	{"/login%2Fstate", false},
	{"/logins", true},
	{"/my/login", true},
	{"/" + strings.Repeat("a", 255), true},
	{"/" + strings.Repeat("a", 256), false},
}

func TestReturnPath(t *testing.T) {
	b := setup(t)
	for _, c := range returnPaths {
		assert.Equal(t, c.ok, b.login.mayReturnTo(c.path), "%q", c.path)
	}
	// Through the handler, where an empty one is none.
	br := b.browser()
	assert.Equal(t, core.Refuse(400), br.get("/login?return=%2F%2Fevil.example"))
	assert.Equal(t, core.Refuse(400), br.get("/login?return=/a&return=/b"))
	state := br.start("?return=")
	assert.Equal(t, "/", br.get("/login/return?code=code-ann&state="+state).Header.Get("Location"))
}

func TestReturnPaths(t *testing.T) {
	b := setup(t, func(c *Config) { c.ReturnPaths = []string{"/cart", "/orders/"} })
	for path, ok := range map[string]bool{
		"/cart": true, "/cart?a=b": true, "/cart#x": true, "/orders/": true, "/orders/7/x": true,
		"/": false, "/carts": false, "/cart/": false, "/orders": false, "/orders/../admin": false, "/admin?/orders/": false,
	} {
		assert.Equal(t, ok, b.login.mayReturnTo(path), path)
	}
}

// The app sends the browser to RedirectURI, wherever that is.
func TestRoutesServeTheRedirectURI(t *testing.T) {
	b := setup(t, func(c *Config) { c.RedirectURI = "https://shop.example/Auth/%7Bvvchat%7D" })
	assert.Empty(t, b.login.Routes().Check())
	assert.Len(t, b.login.Routes(), 7)
	br := b.browser()
	assert.Equal(t, 303, br.get("/Auth/%7Bvvchat%7D?code=code-ann&state="+br.start("")).Status)
	assert.Equal(t, 303, br.get("/login/return?code=code-bob&state="+br.start("")).Status, "a proxy may take a prefix away")
	assert.Equal(t, "bob", br.session())
	assert.Equal(t, 400, br.get("/login?return=/Auth/%7bvvchat%7D").Status)
	assert.Len(t, setup(t).login.Routes(), 6)

	b = setup(t, func(c *Config) { c.RedirectURI, c.AfterLogin = "https://shop.example", "/home" })
	br = b.browser()
	assert.Equal(t, "/home", br.get("/?code=code-ann&state="+br.start("")).Header.Get("Location"))
}

func FuzzReturnPath(f *testing.F) {
	for _, c := range returnPaths {
		f.Add(c.path)
	}
	f.Add("/!0\"00")
	f.Fuzz(func(t *testing.T, target string) {
		if !isLocalPath(target) {
			return
		}
		// Browsers read a backslash as a slash, and drop tabs and line
		// breaks before they look.
		assert.NotContains(t, target, "\\")
		for _, c := range []byte(target) {
			assert.True(t, c > ' ' && c < 0x7f)
		}
		base, err := url.Parse("https://shop.example/login/return")
		require.NoError(t, err)
		end, err := base.Parse(target)
		if err != nil {
			return // a browser may take it, as a path: it begins with one slash
		}
		assert.Equal(t, "https://shop.example", end.Scheme+"://"+end.Host)
		assert.Nil(t, end.User)
		path, _, _ := strings.Cut(target, "#")
		path, _, _ = strings.Cut(path, "?")
		path, err = url.PathUnescape(path)
		require.NoError(t, err)
		assert.Equal(t, path, end.Path, "it resolves to the very path that was checked")
	})
}
