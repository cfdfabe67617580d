package phone_test

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/testkit"
	"github.com/imprest-go/imprest/testkit/phone"
)

const tag = `<script src="/.vvchat/bridge.js"></script>`

// site serves a merchant's pages on a port of its own.
func site(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

// opened is a page inside the app.
type opened struct {
	*bundle
	host, origin string
	target       string // the page's path and query on the view's origin
}

func (b *bundle) inside(t *testing.T, page string, more ...string) opened {
	t.Helper()
	query := parameters(more...)
	query.Set("url", page)
	answer := b.send(t, http.MethodGet, "/phone/open", query)
	require.Equal(t, http.StatusSeeOther, answer.status, answer.body)
	u, err := url.Parse(answer.header.Get("Location"))
	require.NoError(t, err)
	require.Regexp(t, `^[0-9a-f]{32}\.localhost:\d+$`, u.Host)
	return opened{b, u.Host, "http://" + u.Host, u.RequestURI()}
}

func (o opened) get(t *testing.T, path string, header ...string) answer {
	t.Helper()
	return o.send(t, http.MethodGet, path, nil, append([]string{"Host", o.host}, header...)...)
}

func TestAPageInsideTheApp(t *testing.T) {
	b := setup(t, phone.Config{})
	var asked *http.Request
	home := site(t, func(rw http.ResponseWriter, r *http.Request) {
		asked = r.Clone(t.Context())
		rw.Header().Set("Content-Type", "text/html; charset=utf-8")
		rw.Header().Add("Set-Cookie", "a=1; Path=/; Domain=127.0.0.1; HttpOnly")
		rw.Header().Add("Set-Cookie", "b=2")
		_, _ = io.WriteString(rw, "<!doctype html>\n<html lang=en><head><title>Shop</title></head><body>hello</body></html>")
	})
	for system, mark := range map[string]string{"android": "Android", "ios": "iPhone"} {
		view := b.inside(t, home+"/shop?a=1&b=%20#part", "platform", system)
		assert.Equal(t, "/shop?a=1&b=%20", view.target)
		page := view.get(t, view.target, "Referer", view.origin+"/before", "Sec-CH-UA-Mobile", "?0", "Cookie", "a=1", "Accept-Encoding", "gzip")
		require.Equal(t, http.StatusOK, page.status)
		assert.Equal(t, "<!doctype html>\n<html lang=en><head>"+tag+"<title>Shop</title></head><body>hello</body></html>", page.body)
		assert.Equal(t, []string{"a=1; Path=/; HttpOnly", "b=2"}, page.header.Values("Set-Cookie"))

		assert.Equal(t, strings.TrimPrefix(home, "http://"), asked.Host)
		assert.Equal(t, "/shop?a=1&b=%20", asked.RequestURI)
		assert.Equal(t, home+"/before", asked.Header.Get("Referer"))
		assert.Contains(t, asked.UserAgent(), mark)
		assert.Contains(t, asked.UserAgent(), "VVChat/")
		assert.Equal(t, "identity", asked.Header.Get("Accept-Encoding"))
		assert.Empty(t, asked.Header.Get("Sec-CH-UA-Mobile"))
		assert.Empty(t, asked.Header.Get("X-Forwarded-For"), "the site sees a web view, no proxy")
		assert.Equal(t, "a=1", asked.Header.Get("Cookie"))

		script := view.get(t, "/.vvchat/bridge.js")
		assert.Equal(t, "text/javascript; charset=utf-8", script.header.Get("Content-Type"))
		assert.Contains(t, script.body, `"platform":"`+system+`"`)
		assert.Contains(t, script.body, `"phone":"`+b.base+`"`)
		assert.Contains(t, script.body, mark, "the script's user agent is that of the header")
	}
}

// What a page posts reaches its site as from the site's own page; what another
// page posts there still shows as foreign.
func TestOrigins(t *testing.T) {
	b := setup(t, phone.Config{})
	var origin, body string
	home := site(t, func(rw http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		origin, body = r.Header.Get("Origin"), string(text)
		rw.WriteHeader(http.StatusNoContent)
	})
	view := b.inside(t, home+"/")
	for sent, want := range map[string]string{view.origin: home, "http://shop.example": "http://shop.example", "null": "null", b.base: b.base} {
		got := b.send(t, http.MethodPost, "/order", parameters("a", "1"), "Host", view.host, "Origin", sent)
		assert.Equal(t, http.StatusNoContent, got.status)
		assert.Equal(t, want, origin)
		assert.Equal(t, "a=1", body)
	}
}

func TestRedirectsStayInside(t *testing.T) {
	b := setup(t, phone.Config{Hosts: []string{"shop.test"}})
	var to string
	status := http.StatusFound
	home := site(t, func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Location", to)
		rw.WriteHeader(status)
	})
	view := b.inside(t, home+"/", "platform", "ios", "open_id", "second", "bridge", "early")
	reopened := b.base + "/phone/open?bridge=early&open_id=second&platform=ios&session=&url="
	for location, want := range map[string]string{
		"/login":             "/login",
		"?a=1":               "?a=1",
		home + "/a%2Fb?c=d":  view.origin + "/a%2Fb?c=d",
		home:                 view.origin,
		"http://127.0.0.2/x": reopened + url.QueryEscape("http://127.0.0.2/x"),
		"https://shop.test/": reopened + url.QueryEscape("https://shop.test/"),
		"https://a.example/": "https://a.example/",
		b.base + "/phone":    b.base + "/phone",
		"qyx://qpay?a=1&b=2": b.base + "/phone/link?uri=" + url.QueryEscape("qyx://qpay?a=1&b=2"),
	} {
		to = location
		assert.Equal(t, want, view.get(t, "/").header.Get("Location"), location)
	}
	to = "http://127.0.0.2/x"
	assert.Equal(t, to, view.get(t, "/", "Sec-Fetch-Dest", "empty").header.Get("Location"), "a script's request is no page")
	status = http.StatusTemporaryRedirect
	got := b.send(t, http.MethodPost, "/", parameters("a", "1"), "Host", view.host)
	assert.Equal(t, to, got.header.Get("Location"), "the phone could not hand the body on")
}

func TestWhereTheBridgeGoes(t *testing.T) {
	b := setup(t, phone.Config{})
	var kind, page string
	var length bool
	home := site(t, func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", kind)
		if length {
			rw.Header().Set("Content-Length", fmt.Sprint(len(page)))
		}
		_, _ = io.WriteString(rw, page)
	})
	view := b.inside(t, home+"/")
	comment := "<!-- " + strings.Repeat("<head> ", 3000) + "-->"
	for _, c := range []struct{ before, after string }{
		{"<!DOCTYPE html><HTML><HEAD>", "<meta charset=utf-8>"},
		{"<html data-x='a>b'><head data-y=\"<head>\">", "<title>x</title>"},
		{"\ufeff\n<!doctype html>" + comment + "<html>\n", "<body>no head</body>"},
		{"<!doctype html>", "<header>no head</header>"},
		{"", "<h1>x</h1>"},
		{"", "text"},
		{"<?xml version='1.0'?><html>", ""},
		{"", ""},
		{"", "<!-- a comment without end"},
		{"", "<html without end"},
		{"", "<"},
		{"<head>", strings.Repeat("x", 500_000)},
		{"<head>", "<style>" + strings.Repeat("x", 10_000) + "</style></head><body>" + strings.Repeat("y", 10_000)},
	} {
		for _, length = range []bool{true, false} {
			kind, page = "Text/HTML; charset=utf-8", c.before+c.after
			assert.Equal(t, c.before+tag+c.after, view.get(t, "/").body, "%.80q", page)
		}
	}
	kind, page = "text/html", "<!--"+strings.Repeat("-", 400_000)
	assert.Equal(t, tag+page, view.get(t, "/").body, "what has no head in sight gets the bridge before it")
	page = "<head></head>"
	assert.Equal(t, page, view.get(t, "/", "Sec-Fetch-Dest", "empty").body)
	assert.Equal(t, page, view.get(t, "/", "Sec-Fetch-Dest", "iframe").body)
	kind = "application/json"
	assert.Equal(t, page, view.get(t, "/").body)
	kind = "text/html"
	head := b.send(t, http.MethodHead, "/", nil, "Host", view.host)
	assert.Equal(t, http.StatusOK, head.status)
	assert.Empty(t, head.header.Get("Content-Length"))
}

// A page that comes in pieces is seen in pieces.
func TestPagesStream(t *testing.T) {
	b := setup(t, phone.Config{})
	goOn := make(chan struct{})
	home := site(t, func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(rw, "<html><head></head>\n")
		assert.NoError(t, http.NewResponseController(rw).Flush())
		select {
		case <-goOn:
		case <-r.Context().Done():
		}
		_, _ = io.WriteString(rw, "more\n")
	})
	view := b.inside(t, home+"/")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.base+"/", nil)
	require.NoError(t, err)
	req.Host = view.host
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	first, err := lines.ReadString('\n')
	require.NoError(t, err)
	assert.Equal(t, "<html><head>"+tag+"</head>\n", first)
	close(goOn)
	rest, err := lines.ReadString('\n')
	require.NoError(t, err)
	assert.Equal(t, "more\n", rest)
}

func TestPagesThatDoNotCome(t *testing.T) {
	b := setup(t, phone.Config{Hosts: []string{"shop.test"}})
	packed := site(t, func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "text/html")
		rw.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(rw)
		_, _ = io.WriteString(z, "<head>")
		_ = z.Close()
	})
	got := b.inside(t, packed+"/").get(t, "/")
	assert.Equal(t, http.StatusBadGateway, got.status)
	assert.Contains(t, got.body, "compressed")
	assert.Contains(t, got.body, `href="`+b.base+`/phone/phone.css"`, "the screen's style is the phone's")
	assert.Contains(t, got.header.Get("Content-Security-Policy"), "style-src "+b.base)

	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, ln.Close())
	got = b.inside(t, "http://"+ln.Addr().String()+"/").get(t, "/")
	assert.Equal(t, http.StatusBadGateway, got.status)
	assert.Contains(t, got.body, "does not answer")

	got = b.send(t, http.MethodGet, "/x", nil, "Host", strings.Repeat("0", 32)+".localhost:1")
	assert.Equal(t, http.StatusNotFound, got.status)
	assert.Contains(t, got.body, "not open any more")
	assert.Contains(t, got.body, `href="http://localhost:1/phone"`)
}

// The phone opens nothing but pages of this machine, and not itself: a page
// that shares its origin with the phone's screens could press their buttons.
func TestPagesThatAreNotOpened(t *testing.T) {
	b := setup(t, phone.Config{Hosts: []string{"shop.test"}})
	view := b.inside(t, "https://shop.test/")
	_, port, err := net.SplitHostPort(strings.TrimPrefix(b.base, "http://"))
	require.NoError(t, err)
	for _, page := range []string{
		"", "/phone", "shop", "https://a.example/", "http://sub.shop.test/", "ftp://127.0.0.1/", "file:///etc/passwd", "javascript:alert(1)",
		"http://user@127.0.0.1/", `http://127.0.0.1\@a.example/`, "http://127.0.0.1.a.example/", "http://192.0.2.1/", "http://%zz/",
		"http://127.0.0.1:0" + port + "/phone", "http://127.0.0.1:00" + port + "/", b.base + "/phone", "http://localhost:" + port + "/", "http://[::1]:" + port + "/x", view.origin + "/", "http://x.localhost/",
	} {
		got := b.send(t, http.MethodGet, "/phone/open", parameters("url", page))
		assert.Equal(t, http.StatusBadRequest, got.status, page)
		assert.Empty(t, got.header.Get("Location"), page)
	}
	for _, wrong := range [][]string{{"platform", "symbian"}, {"bridge", "never"}, {"open_id", "nobody"}} {
		query := parameters(wrong...)
		query.Set("url", "http://127.0.0.1:1/")
		assert.Equal(t, http.StatusBadRequest, b.send(t, http.MethodGet, "/phone/open", query).status, wrong)
	}
}

// Each page's site, chat, system and user has an origin of its own, the same
// one each time.
func TestViewsAreApart(t *testing.T) {
	b := setup(t, phone.Config{})
	page := "http://127.0.0.1:1/"
	seen := map[string]bool{}
	for _, more := range [][]string{nil, {"platform", "ios"}, {"open_id", "second"}, {"bridge", "early"}} {
		view := b.inside(t, page, more...)
		assert.False(t, seen[view.host], more)
		seen[view.host] = true
		assert.Equal(t, view.host, b.inside(t, page+"other?x=1", more...).host)
	}
	assert.True(t, seen[b.inside(t, page, "platform", "android", "open_id", testkit.TestUser().OpenID, "bridge", "late").host], "what is left out is said by default")
	assert.False(t, seen[b.inside(t, "http://127.0.0.1:2/").host])
	for _, c := range []struct {
		host string
		view bool
	}{{"a.localhost:1", true}, {"A.LOCALHOST", true}, {"localhost:1", false}, {"localhost", false}, {"127.0.0.1:1", false}, {"a.localhost.example", false}, {"", false}, {"%", false}} {
		assert.Equal(t, c.view, phone.IsView(&http.Request{Host: c.host}), c.host)
	}
}

// A page's own policy allows the bridge, and nothing else that it did not.
func TestPoliciesAreWidened(t *testing.T) {
	b := setup(t, phone.Config{})
	var policies []string
	home := site(t, func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "text/html")
		rw.Header()["Content-Security-Policy"] = policies
		rw.Header().Set("X-Frame-Options", "DENY")
		_, _ = io.WriteString(rw, "<head>")
	})
	view := b.inside(t, home+"/")
	own, id := view.origin+"/.vvchat/", strings.Split(view.host, ".")[0]
	for policy, want := range map[string]string{
		"default-src 'none'":                                      "default-src 'none'; script-src OWN; connect-src OWN; frame-src PHONE",
		"default-src 'self'; frame-src a b":                       "default-src 'self'; frame-src a b PHONE; script-src 'self' OWN; connect-src 'self' OWN",
		"Script-Src 'self' 'unsafe-inline'; object-src 'none'":    "Script-Src 'self' 'unsafe-inline' OWN; object-src 'none'",
		"script-src 'none'; script-src *":                         "script-src OWN; script-src *",
		"default-src x; script-src y; script-src-elem z":          "default-src x; script-src y; script-src-elem z OWN; connect-src x OWN; frame-src x PHONE",
		"child-src 'none'; connect-src https: ; ;":                "child-src 'none'; connect-src https: OWN; frame-src PHONE",
		"frame-ancestors 'none'; sandbox allow-scripts":           "frame-ancestors 'none'; sandbox allow-scripts",
		"default-src 'none', script-src 'self'":                   "default-src 'none'; script-src OWN; connect-src OWN; frame-src PHONE, script-src 'self' OWN",
		"script-src 'nonce-abc' 'strict-dynamic'; img-src 'none'": "script-src 'nonce-abc' 'strict-dynamic' 'nonce-ID'; img-src 'none'",
	} {
		policies = []string{policy}
		page := view.get(t, "/")
		assert.Equal(t, []string{strings.NewReplacer("OWN", own, "PHONE", b.base+"/phone/sheet/", "ID", id).Replace(want)}, page.header.Values("Content-Security-Policy"), policy)
		assert.Equal(t, strings.Contains(want, "'nonce-ID'"), strings.Contains(page.body, `nonce="`+id+`"`), policy)
		assert.Equal(t, "DENY", page.header.Get("X-Frame-Options"), "the page is not framed, so it need not allow it")
	}
	policies = []string{"default-src 'none'", "script-src 'self'"}
	assert.Equal(t, []string{"default-src 'none'; script-src " + own + "; connect-src " + own + "; frame-src " + b.base + "/phone/sheet/", "script-src 'self' " + own},
		view.get(t, "/").header.Values("Content-Security-Policy"), "every one of them counts")
}

// Policies stand in pages too.
func TestPoliciesInPagesAreWidened(t *testing.T) {
	b := setup(t, phone.Config{})
	var text string
	home := site(t, func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "text/html")
		rw.Header().Set("Content-Length", fmt.Sprint(len(text)))
		_, _ = io.WriteString(rw, text)
	})
	view := b.inside(t, home+"/")
	words := strings.NewReplacer("OWN", view.origin+"/.vvchat/", "PHONE", b.base+"/phone/sheet/", "ID", strings.Split(view.host, ".")[0])
	for before, after := range map[string]string{
		`<head><meta charset=utf-8><META content="script-src 'self'" HTTP-EQUIV=Content-Security-Policy></head><p>`: "<head>" + tag + `<meta charset=utf-8><META content="script-src &#39;self&#39; OWN" HTTP-EQUIV=Content-Security-Policy></head><p>`,
		`<head><meta http-equiv="Content-Security-Policy" content="default-src &#39;none&#39;">`:                    "<head>" + tag + `<meta http-equiv="Content-Security-Policy" content="default-src &#39;none&#39;; script-src OWN; connect-src OWN; frame-src PHONE">`,
		`<head><meta http-equiv='content-security-policy' content='frame-src a'></head>`:                            "<head>" + tag + `<meta http-equiv='content-security-policy' content="frame-src a PHONE"></head>`,
		`<head><meta http-equiv="content-security-policy" content="script-src 'strict-dynamic' 'nonce-a'"></head>`:  `<head><script nonce="ID" src="/.vvchat/bridge.js"></script><meta http-equiv="content-security-policy" content="script-src &#39;strict-dynamic&#39; &#39;nonce-a&#39; &#39;nonce-ID&#39;"></head>`,
		`<head><meta name="x" content="content-security-policy script-src 'self'"></head>`:                          "<head>" + tag + `<meta name="x" content="content-security-policy script-src 'self'"></head>`,
		`<head></head><body><meta http-equiv="Content-Security-Policy" content="script-src x">`:                     "<head>" + tag + `</head><body><meta http-equiv="Content-Security-Policy" content="script-src x">`,
	} {
		text = before
		assert.Equal(t, words.Replace(after), view.get(t, "/").body, before)
	}
}

// The phone lets go of a page's connection, and of the page's server.
func TestNothingStaysOpen(t *testing.T) {
	b := setup(t, phone.Config{})
	ended := make(chan struct{})
	home := site(t, func(rw http.ResponseWriter, r *http.Request) {
		rw.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(rw).Flush()
		<-r.Context().Done()
		close(ended)
	})
	view := b.inside(t, home+"/")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.base+"/", nil)
	require.NoError(t, err)
	req.Host = view.host
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		t.Fatal("the page's server still has a client")
	}
}
