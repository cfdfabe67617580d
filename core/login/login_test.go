package login

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
)

func TestLoginByTheLink(t *testing.T) {
	b := setup(t)
	br := b.browser()

	resp := br.get("/login?return=/orders%3Fpage%3D2")
	assert.Equal(t, 302, resp.Status)
	assert.Equal(t, "no-store", resp.Header.Get("Cache-Control"))
	link, err := url.Parse(resp.Header.Get("Location"))
	require.NoError(t, err)
	assert.Equal(t, "qyx", link.Scheme)
	assert.Equal(t, "thirdlogin", link.Host)
	assert.Equal(t, "qyxapp", link.Query().Get("app_id"))
	assert.Equal(t, "snsapi_userinfo", link.Query().Get("scope"))
	assert.Equal(t, "https://shop.example/login/return", link.Query().Get("redirect_uri"))
	state := link.Query().Get("state")

	cookie, err := http.ParseSetCookie(resp.Header.Get("Set-Cookie"))
	require.NoError(t, err)
	assert.Equal(t, "__Host-imprest_login", cookie.Name)
	assert.True(t, cookie.HttpOnly && cookie.Secure)
	assert.Equal(t, http.SameSiteLaxMode, cookie.SameSite)
	assert.Equal(t, "/", cookie.Path)
	assert.Empty(t, cookie.Domain)
	assert.Equal(t, 600, cookie.MaxAge)

	assert.NotContains(t, state, cookie.Value, "the state must not show what proves the browser")
	assert.Empty(t, b.states(), "nothing is written before somebody comes back")

	assert.Empty(t, br.session())
	resp = br.get("/login/return?code=code-ann&state=" + state)
	assert.Equal(t, 303, resp.Status)
	assert.Equal(t, "/orders?page=2", resp.Header.Get("Location"))
	assert.Equal(t, "no-store", resp.Header.Get("Cache-Control"))
	assert.Equal(t, "no-referrer", resp.Header.Get("Referrer-Policy"))
	cookie, err = http.ParseSetCookie(resp.Header.Get("Set-Cookie"))
	require.NoError(t, err)
	assert.Equal(t, "__Host-imprest", cookie.Name)
	assert.True(t, cookie.HttpOnly && cookie.Secure)
	assert.Equal(t, http.SameSiteLaxMode, cookie.SameSite)
	assert.Equal(t, 7*24*60*60, cookie.MaxAge)

	records := b.states()
	require.Len(t, records, 1)
	assert.Equal(t, b.now.Add(15*time.Minute), records[0].Expires, "kept for longer than the state lasts")
	assert.Equal(t, records[0].Expires, records[0].Due)
	assert.Empty(t, records[0].Body)

	resp = br.get("/login/session")
	assert.JSONEq(t, `{"open_id":"ann","nickname":"小明","issued_at":"2026-08-01T12:00:00Z","expires_at":"2026-08-08T12:00:00Z"}`, string(resp.Body))
	assert.Empty(t, b.log, "a login that works is nothing to warn of")
}

func TestLoginInsideTheApp(t *testing.T) {
	b := setup(t)
	br := b.browser()
	resp := br.get("/login/state")
	require.Equal(t, 200, resp.Status)
	assert.Equal(t, "no-store", resp.Header.Get("Cache-Control"))
	var auth map[string]string
	require.NoError(t, json.Unmarshal(resp.Body, &auth))
	assert.Equal(t, "qyxapp", auth["app_id"])
	assert.Equal(t, "snsapi_userinfo", auth["scope"])
	require.Len(t, auth, 3)

	// The page posts what the app's call gave it, whatever else is in there.
	resp = br.post("/login/code", "application/json; charset=utf-8", `{"err_code":0,"code":"code-ann","state":"`+auth["state"]+`"}`)
	require.Equal(t, 200, resp.Status, "%s", resp.Body)
	assert.JSONEq(t, `{"open_id":"ann","nickname":"小明","issued_at":"2026-08-01T12:00:00Z","expires_at":"2026-08-08T12:00:00Z"}`, string(resp.Body))
	assert.Equal(t, "ann", br.session())
	assert.Equal(t, 400, br.post("/login/code", "application/json", `{"code":"code-bob","state":"`+auth["state"]+`"}`).Status)
}

func TestLoopbackCookiesAreNotSecure(t *testing.T) {
	for _, host := range []string{"127.0.0.1:8700", "localhost", "[::1]:80"} {
		b := setup(t, func(c *Config) { c.RedirectURI = "http://" + host + "/login/return" })
		br := b.browser()
		br.get("/login/return?code=code-ann&state=" + br.start(""))
		assert.Equal(t, "ann", br.session())
		assert.Contains(t, br.cookies, "imprest")
		assert.NotContains(t, b.login.setCookie("x", "y", time.Hour).Value, "Secure")
	}
}

// Each bad return leaves no session, exchanges no code, and does not use up a
// state that is good.
func TestReturnRefuses(t *testing.T) {
	for _, c := range []struct {
		name  string
		query func(b *bundle, br *browser, state string) string
	}{
		{"no state", func(*bundle, *browser, string) string { return "code=code-ann" }},
		{"empty state", func(*bundle, *browser, string) string { return "code=code-ann&state=" }},
		{"no code", func(_ *bundle, _ *browser, s string) string { return "state=" + s }},
		{"code too long", func(_ *bundle, _ *browser, s string) string {
			return "state=" + s + "&code=" + strings.Repeat("c", 513)
		}},
		{"state of nobody", func(*bundle, *browser, string) string {
			return "code=code-ann&state=ABCDEFGHIJKLMNOPQRSTUVWXYZ"
		}},
		{"state in lower case", func(_ *bundle, _ *browser, s string) string { return "code=code-ann&state=" + strings.ToLower(s) }},
		{"state cut", func(_ *bundle, _ *browser, s string) string { return "code=code-ann&state=" + s[:len(s)-1] }},
		{"state too long", func(_ *bundle, _ *browser, s string) string {
			return "code=code-ann&state=" + strings.Repeat(s, 10)
		}},
		{"state with a line break", func(_ *bundle, _ *browser, s string) string { return "code=code-ann&state=" + s + "%0A" }},
		{"another app's state", func(b *bundle, br *browser, _ string) string {
			other := *b
			cfg := b.cfg
			cfg.AppID = "qyxother"
			other.login, _ = New(cfg)
			return "code=code-ann&state=" + (&browser{b: &other, cookies: br.cookies}).start("")
		}},
		{"state with a path", func(*bundle, *browser, string) string { return "code=code-ann&state=../../../p/ABCDEFGHIJKLMN" }},
		{"two states", func(_ *bundle, _ *browser, s string) string { return "code=code-ann&state=" + s + "&state=" + s }},
		{"two codes", func(_ *bundle, _ *browser, s string) string { return "code=code-ann&code=code-bob&state=" + s }},
		{"query that cannot be read", func(_ *bundle, _ *browser, s string) string { return "code=%zz&state=" + s }},
		{"semicolons", func(_ *bundle, _ *browser, s string) string { return "code=code-ann;state=" + s }},
		{"another browser's cookie", func(b *bundle, br *browser, s string) string {
			other := b.browser()
			other.start("")
			br.cookies = other.cookies
			return "code=code-ann&state=" + s
		}},
		{"no cookie", func(_ *bundle, br *browser, s string) string { clear(br.cookies); return "code=code-ann&state=" + s }},
		{"cookie cut", func(b *bundle, br *browser, s string) string {
			br.cookies[b.login.browserCookie] = br.cookies[b.login.browserCookie][1:]
			return "code=code-ann&state=" + s
		}},
		{"too old", func(b *bundle, _ *browser, s string) string {
			b.now = b.now.Add(StateTTL)
			return "code=code-ann&state=" + s
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := setup(t)
			br := b.browser()
			state := br.start("")
			cookies := map[string]string{b.login.browserCookie: br.cookies[b.login.browserCookie]}
			began := b.now

			query := c.query(b, br, state)
			resp := br.get("/login/return?" + query)
			assert.Equal(t, core.Refuse(400), resp)
			assert.Empty(t, br.session())
			assert.Zero(t, b.platform.exchanges)
			assert.Empty(t, b.states(), "nothing is written for a stranger")
			assert.Contains(t, b.log.String(), "login refused")
			assert.NotContains(t, b.log.String(), state)
			assert.NotContains(t, b.log.String(), "code-ann")

			b.now, br.cookies = began, cookies
			assert.Equal(t, 303, br.get("/login/return?code=code-ann&state="+state).Status, "the genuine one must still work")
		})
	}
}

func TestStateWorksOnce(t *testing.T) {
	b := setup(t)
	br := b.browser()
	state := br.start("")
	assert.Equal(t, 303, br.get("/login/return?code=code-ann&state="+state).Status)
	for _, code := range []string{"code-ann", "code-bob"} {
		assert.Equal(t, core.Refuse(400), br.get("/login/return?code="+code+"&state="+state))
	}
	assert.Equal(t, 1, b.platform.exchanges)
	assert.Equal(t, "ann", br.session())
}

func TestStateJustBeforeItsEnd(t *testing.T) {
	b := setup(t)
	br := b.browser()
	state := br.start("")
	b.now = b.now.Add(StateTTL - time.Millisecond)
	assert.Equal(t, 303, br.get("/login/return?code=code-ann&state="+state).Status)
}

// 32 requests with one state, each with a code that is good, by both ways in:
// one session.
func TestStateRace(t *testing.T) {
	const n = 32
	b := setup(t, func(c *Config) { c.Logger = nil })
	for i := range n {
		b.platform.users["code"+string(rune('A'+i))] = "user"
	}
	br := b.browser()
	state := br.start("")
	proof := br.cookies[b.login.browserCookie]
	var done sync.WaitGroup
	answers := make([]*core.Response, n)
	begin := make(chan struct{})
	for i := range n {
		done.Go(func() {
			code := "code" + string(rune('A'+i))
			header := core.Header{{Name: "Cookie", Value: b.login.browserCookie + "=" + proof}, {Name: "Content-Type", Value: "application/json"}}
			<-begin
			if i%2 == 0 {
				answers[i] = b.login.Return(t.Context(), &core.Request{Method: "GET", Path: "/login/return", RawQuery: "code=" + code + "&state=" + state, Header: header})
				return
			}
			answers[i] = b.login.HandIn(t.Context(), &core.Request{Method: "POST", Path: "/login/code", Body: []byte(`{"code":"` + code + `","state":"` + state + `"}`), Header: header})
		})
	}
	close(begin)
	done.Wait()
	sessions := 0
	for _, resp := range answers {
		if resp.Status == 303 || resp.Status == 200 {
			sessions++
			continue
		}
		assert.Equal(t, core.Refuse(400), resp)
	}
	assert.Equal(t, 1, sessions)
	assert.Equal(t, 1, b.platform.exchanges)
}

func TestTwoTabs(t *testing.T) {
	b := setup(t)
	br := b.browser()
	first := br.start("?return=/one")
	second := br.start("?return=/two")
	assert.NotEqual(t, first, second)
	assert.Equal(t, "/one", br.get("/login/return?code=code-ann&state="+first).Header.Get("Location"))
	assert.Equal(t, "/two", br.get("/login/return?code=code-bob&state="+second).Header.Get("Location"))
	assert.Equal(t, "bob", br.session())
}

func TestAStrangeProofIsReplaced(t *testing.T) {
	b := setup(t)
	br := b.browser()
	for _, strange := range []string{"", "short", strings.Repeat("a", 26), strings.Repeat("A", 27)} {
		b.platform.users["code-"+strange] = "ann"
		br.cookies[b.login.browserCookie] = strange
		state := br.start("")
		assert.True(t, isProof(br.cookies[b.login.browserCookie]))
		assert.Equal(t, 303, br.get("/login/return?code=code-"+strange+"&state="+state).Status)
	}
}

func TestHandInRefuses(t *testing.T) {
	b := setup(t)
	br := b.browser()
	state := br.start("")
	good := `{"code":"code-ann","state":"` + state + `"}`
	origin := func(v string) core.HeaderField { return core.HeaderField{Name: "Origin", Value: v} }
	fetch := func(v string) core.HeaderField { return core.HeaderField{Name: "Sec-Fetch-Site", Value: v} }
	for _, c := range []struct {
		name, contentType, body string
		header                  []core.HeaderField
		status                  int
	}{
		{"form", "application/x-www-form-urlencoded", good, nil, 415},
		{"text", "text/plain", good, nil, 415},
		{"no type", "", good, nil, 415},
		{"not JSON", "application/json", "code=code-ann", nil, 400},
		{"err_code of no kind", "application/json", `{"err_code":[400],` + good[1:], nil, 400},
		{"http", "application/json", good, []core.HeaderField{origin("http://shop.example")}, 403},
		{"two documents", "application/json", good + good, nil, 400},
		{"numbers", "application/json", `{"code":1,"state":2}`, nil, 400},
		{"array", "application/json", `["code"]`, nil, 400},
		{"empty", "application/json", ``, nil, 400},
		{"null", "application/json", `null`, nil, 400},
		{"no state", "application/json", `{"code":"code-ann"}`, nil, 400},
		{"no code", "application/json", `{"state":"` + state + `"}`, nil, 400},
		{"code twice", "application/json", `{"code":"code-bob",` + good[1:], nil, 400},
		{"code twice, escaped", "application/json", `{"\u0063ode":"code-bob",` + good[1:], nil, 400},
		{"state twice", "application/json", `{"state":"x",` + good[1:], nil, 400},
		{"CODE", "application/json", `{"CODE":"code-ann","state":"` + state + `"}`, nil, 400},
		{"invalid UTF-8", "application/json", "{\"x\":\"\xff\"," + good[1:], nil, 400},
		{"byte order mark", "application/json", "\ufeff" + good, nil, 400},
		{"too large", "application/json", good + strings.Repeat(" ", 4096), nil, 413},
		{"another site", "application/json", good, []core.HeaderField{origin("https://evil.example")}, 403},
		{"a neighbour", "application/json", good, []core.HeaderField{origin("https://evil.shop.example")}, 403},
		{"opaque origin", "application/json", good, []core.HeaderField{origin("null")}, 403},
		{"cross-site", "application/json", good, []core.HeaderField{fetch("cross-site"), origin("https://shop.example")}, 403},
		{"same-site", "application/json", good, []core.HeaderField{fetch("same-site")}, 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Equal(t, core.Refuse(c.status), br.post("/login/code", c.contentType, c.body, c.header...))
		})
	}
	assert.Zero(t, b.platform.exchanges)
	assert.Empty(t, b.states())
	assert.Equal(t, 400, b.browser().post("/login/code", "application/json", good).Status, "another browser")
	assert.Equal(t, 200, br.post("/login/code", "application/json", good, origin("https://shop.example"), fetch("same-origin")).Status)
}

func TestLogout(t *testing.T) {
	b := setup(t, func(c *Config) { c.AfterLogout = "/bye" })
	br := b.browser()
	br.get("/login/return?code=code-ann&state=" + br.start(""))
	require.Equal(t, "ann", br.session())

	for _, origin := range []string{"https://evil.example", "null", "http://shop.example.evil.example", "://"} {
		resp := br.post("/login/logout", "", "", core.HeaderField{Name: "Origin", Value: origin})
		assert.Equal(t, core.Refuse(403), resp, origin)
	}
	assert.Equal(t, 405, br.get("/login/logout").Status)
	assert.Equal(t, "ann", br.session())

	resp := br.post("/login/logout", "", "", core.HeaderField{Name: "Origin", Value: "https://shop.example"})
	assert.Equal(t, 303, resp.Status)
	assert.Equal(t, "/bye", resp.Header.Get("Location"))
	assert.Regexp(t, `^__Host-imprest=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax$`, resp.Header.Get("Set-Cookie"))
	assert.Empty(t, br.session())
}

// A site that is reached by another name than the one in RedirectURI.
func TestOriginOfTheHost(t *testing.T) {
	b := setup(t)
	for _, c := range []struct {
		host, origin string
		status       int
	}{
		{"www.shop.example", "https://www.shop.example", 303},
		{"WWW.shop.example:443", "https://www.shop.example", 303},
		{"www.shop.example", "https://www.shop.example:443", 303},
		{"www.shop.example:8443", "https://www.shop.example:8443", 303},
		{"10.0.0.7:8080", "https://shop.example", 303}, // behind a proxy that has a name of its own for us
		{"other.example", "https://www.shop.example", 403},
		{"www.shop.example", "http://www.shop.example", 403},
		{"shop.example", "http://shop.example", 403},
		{"shop.example:443", "http://shop.example:443", 403},
		{"www.shop.example", "https://www.shop.example:8443", 403},
		{"www.shop.example:80", "https://www.shop.example", 403},
		{"", "https://", 403},
		{"", "https:///", 403},
		{"", "null", 403},
	} {
		resp := b.login.Logout(t.Context(), &core.Request{Method: "POST", Path: "/", Header: core.Header{
			{Name: "Host", Value: c.host}, {Name: "Origin", Value: c.origin},
		}})
		assert.Equal(t, c.status, resp.Status, "%s to %q", c.origin, c.host)
	}
}

// A RedirectURI in another spelling than browsers give an origin.
func TestOriginOfTheRedirectURI(t *testing.T) {
	for redirect, origin := range map[string]string{
		"HTTPS://Shop.Example/login/return":      "https://shop.example",
		"https://shop.example:443/login/return":  "https://shop.example",
		"https://shop.example:8443/login/return": "https://shop.example:8443",
		"http://127.0.0.1:80/login/return":       "http://127.0.0.1",
		"http://[::1]:8700/login/return":         "http://[::1]:8700",
		"http://LOCALHOST:8700/login/return":     "http://localhost:8700",
		"https://shop.example.:443/x/return%2F":  "https://shop.example.",
	} {
		b := setup(t, func(c *Config) { c.RedirectURI = redirect })
		logout := func(origin string) int {
			return b.login.Logout(t.Context(), &core.Request{Method: "POST", Path: "/", Header: core.Header{{Name: "Origin", Value: origin}}}).Status
		}
		assert.Equal(t, 303, logout(origin), redirect)
		assert.Equal(t, 403, logout(origin+"0"), redirect)
	}
}

func TestMethods(t *testing.T) {
	b := setup(t)
	for path, h := range map[string]core.HandlerFunc{
		"GET start": b.login.Start, "GET return": b.login.Return, "GET state": b.login.State,
		"POST handin": b.login.HandIn, "GET current": b.login.Current, "POST logout": b.login.Logout,
	} {
		allowed, _, _ := strings.Cut(path, " ")
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", ""} {
			resp := h(t.Context(), &core.Request{Method: method, Path: "/"})
			assert.Equal(t, method != allowed, resp.Status == 405, "%s with %s", path, method)
		}
	}
	assert.Empty(t, b.login.Routes().Check())
}

func TestPurge(t *testing.T) {
	b := setup(t)
	for range 150 {
		br := b.browser()
		br.get("/login/return?err_code=400&state=" + br.start(""))
	}
	b.now = b.now.Add(5 * time.Minute)
	fresh := b.browser()
	state := fresh.start("")
	require.Equal(t, 303, fresh.get("/login/return?code=code-ann&state="+state).Status)
	removed, err := b.login.Purge(t.Context())
	require.NoError(t, err)
	assert.Zero(t, removed)

	b.now = b.now.Add(StateTTL)
	removed, err = b.login.Purge(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 150, removed)
	assert.Len(t, b.states(), 1)
	assert.Equal(t, 400, fresh.get("/login/return?code=code-bob&state="+state).Status, "too old, before its record goes")

	ctx, stop := context.WithCancel(t.Context())
	stop()
	_, err = b.login.Purge(ctx)
	assert.ErrorIs(t, err, context.Canceled)
}
