package nethttp

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
)

// ask hands r to h by way of FromHTTP.
func ask(t *testing.T, h http.HandlerFunc, r *core.Request) *core.Response {
	resp := FromHTTP(h).Handle(t.Context(), r)
	require.NotNil(t, resp)
	return resp
}

func TestFromHTTPTargets(t *testing.T) {
	for _, c := range []struct {
		path, query         string
		decoded, uri, value string
	}{
		{"/a", "", "/a", "/a", ""},
		{"", "", "/", "/", ""},
		{"/a", "x=1&x=2", "/a", "/a?x=1&x=2", "1"},
		{"/a", "x=%26%3D", "/a", "/a?x=%26%3D", "&="},
		{"/a", "x=b#c", "/a", "/a?x=b#c", "b#c"},
		{"/a", "x=b?c", "/a", "/a?x=b?c", "b?c"},
		{"//host/x", "", "//host/x", "//host/x", ""},
		{"//user:pw@host:80/x", "", "//user:pw@host:80/x", "//user:pw@host:80/x", ""},
		{"/http://host/x", "", "/http://host/x", "/http://host/x", ""},
		{"/a%2Fb", "", "/a/b", "/a%2Fb", ""},
		{"/a%3Fx=2%23y", "x=1", "/a?x=2#y", "/a%3Fx=2%23y?x=1", "1"},
		{"/a?x=2", "x=1", "/a?x=2", "/a%3Fx=2?x=1", "1"}, // a transport that decodes paths
		{"/a?x=2", "", "/a?x=2", "/a%3Fx=2", ""},
		{"/a#b", "x=1", "/a#b", "/a#b?x=1", "1"},
		{"/a b\r\nc", "", "/a b\r\nc", "/a%20b%0D%0Ac", ""},
		{"/../a/./b", "", "/../a/./b", "/../a/./b", ""},
		{"/微", "", "/微", "/微", ""},
		{"/\xff", "", "/\xff", "/\xff", ""},
		{"/a;b", "", "/a;b", "/a;b", ""},
	} {
		t.Run(c.path+"?"+c.query, func(t *testing.T) {
			called := false
			ask(t, func(w http.ResponseWriter, r *http.Request) {
				called = true
				assert.Equal(t, c.decoded, r.URL.Path)
				assert.Equal(t, c.query, r.URL.RawQuery)
				assert.Equal(t, c.uri, r.RequestURI)
				assert.Equal(t, c.value, r.URL.Query().Get("x"))
				assert.Equal(t, "h.test", r.Host)
				assert.Empty(t, r.URL.Host)
				assert.Empty(t, r.URL.Scheme)
				assert.Empty(t, r.URL.Fragment)
				assert.Nil(t, r.URL.User)
			}, &core.Request{Method: "GET", Path: c.path, RawQuery: c.query, Header: core.Header{{Name: "host", Value: "h.test"}}})
			assert.True(t, called)
		})
	}
}

func TestFromHTTPRefuses(t *testing.T) {
	host := core.HeaderField{Name: "Host", Value: "h.test"}
	line := func(name, value string) *core.Request {
		return &core.Request{Method: "GET", Path: "/", Header: core.Header{{Name: name, Value: value}}}
	}
	for name, r := range map[string]*core.Request{
		"bad escape":       {Method: "GET", Path: "/bad%zz"},
		"half escape":      {Method: "GET", Path: "/bad%2"},
		"lone percent":     {Method: "GET", Path: "/100%"},
		"no slash":         {Method: "GET", Path: "a"},
		"asterisk":         {Method: "OPTIONS", Path: "*"},
		"space in query":   {Method: "GET", Path: "/", RawQuery: "a=b c"},
		"break in query":   {Method: "GET", Path: "/", RawQuery: "a=b\r\nX: y"},
		"NUL in query":     {Method: "GET", Path: "/", RawQuery: "a=\x00"},
		"DEL in query":     {Method: "GET", Path: "/", RawQuery: "a=\x7f"},
		"no method":        {Path: "/"},
		"two methods":      {Method: "G ET", Path: "/"},
		"break in method":  {Method: "GET\r\n", Path: "/"},
		"method not ASCII": {Method: "GÉT", Path: "/"},
		"break in value":   line("X-A", "1\r\nX-Admin: 1"),
		"lone CR in value": line("X-A", "1\rX-Admin: 1"),
		"NUL in value":     line("X-A", "1\x00"),
		"DEL in value":     line("Cookie", "a=\x7f"),
		"no name":          line("", "1"),
		"space in name":    line("X A", "1"),
		"space after name": line("Host ", "h.test"),
		"colon in name":    line("X:A", "1"),
		"break in name":    line("X-A\r\nX-Admin", "1"),
		"name not ASCII":   line("X-É", "1"),
		"path in Host":     line("Host", "h.test/x"),
		"user in Host":     line("Host", "a@h.test"),
		"space in Host":    line("Host", "h.test evil.test"),
		"break in Host":    line("Host", "h.test\r\n"),
		"Host not ASCII":   line("Host", "微.test"),
		"two Host headers": {Method: "GET", Path: "/", Header: core.Header{host, {Name: "hOST", Value: "h.test"}}},
	} {
		t.Run(name, func(t *testing.T) {
			resp := ask(t, func(http.ResponseWriter, *http.Request) { t.Error("called") }, r)
			assert.Equal(t, core.Refuse(400), resp)
		})
	}
}

// What is odd but a server lets through.
func TestFromHTTPAccepts(t *testing.T) {
	for _, h := range []core.HeaderField{
		{Name: "Host", Value: "h.test:8443"},
		{Name: "Host", Value: "[fe80::1%25en0]:80"},
		{Name: "Host", Value: "a_b.test"},
		{Name: "X-A", Value: "a\tb"},
		{Name: "X-A", Value: "微\xff"},
		{Name: "!#$%&'*+-.^_`|~9aZ", Value: ""},
	} {
		resp := ask(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, &core.Request{Method: "X-brew", Path: "/", Header: core.Header{h}})
		assert.Equal(t, 204, resp.Status, "%q", h)
	}
}

func TestFromHTTPRequest(t *testing.T) {
	type key struct{}
	ctx := context.WithValue(t.Context(), key{}, 1)
	in := &core.Request{
		Method: "PATCH", Path: "/a",
		Header: core.Header{
			{Name: "x-sig", Value: "v1,abc"},
			{Name: "Cookie", Value: "a=1"},
			{Name: "HOST", Value: "h.test:8443"},
			{Name: "X-Sig", Value: "v2"},
			{Name: "content-length", Value: "0"},
			{Name: "cookie", Value: "b=2; c=3"},
			{Name: "User-Agent", Value: "a, b (c, d)"},
			{Name: "Transfer-Encoding", Value: "chunked"},
		},
		Body:       []byte("\x00\xffbody"),
		RemoteAddr: "[2001:db8::1]:4711",
	}
	resp := FromHTTP(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		assert.Equal(t, 1, r.Context().Value(key{}))
		assert.Equal(t, "PATCH", r.Method)
		assert.Equal(t, "h.test:8443", r.Host)
		assert.NotContains(t, r.Header, "Host")
		assert.Equal(t, []string{"v1,abc", "v2"}, r.Header["X-Sig"])
		assert.Equal(t, []string{"a, b (c, d)"}, r.Header["User-Agent"])
		assert.Len(t, r.Cookies(), 3)
		assert.Equal(t, "[2001:db8::1]:4711", r.RemoteAddr)
		assert.Equal(t, int64(6), r.ContentLength)
		assert.Equal(t, []string{"6"}, r.Header["Content-Length"], "not what an encoded body had")
		assert.Empty(t, r.TransferEncoding)
		assert.NotContains(t, r.Header, "Transfer-Encoding")
		assert.True(t, r.ProtoAtLeast(1, 1))
		r.Header["X-Sig"][0] = "changed"
		r.Header.Add("Cookie", "d=4")
		b, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		assert.Equal(t, "\x00\xffbody", string(b))
		assert.NoError(t, r.Body.Close())
	})).Handle(ctx, in)
	assert.Equal(t, 200, resp.Status)
	assert.Equal(t, "v1,abc", in.Header.Get("X-Sig"), "the request is not the handler's to change")

	ask(t, func(_ http.ResponseWriter, r *http.Request) {
		assert.Equal(t, http.NoBody, r.Body)
		assert.Zero(t, r.ContentLength)
		assert.NotNil(t, r.Header)
	}, &core.Request{Method: "GET", Path: "/"})
}

// handlers is a table of http.Handlers, each of which has to answer through
// FromHTTP as it does behind a net/http server.
var handlers = []struct {
	name string
	h    http.HandlerFunc
}{
	{"writes nothing", func(http.ResponseWriter, *http.Request) {}},
	{"writes an empty body", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(nil) }},
	{"implicit 200", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }},
	{"first status counts", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(201); w.WriteHeader(404) }},
	{"status after the body", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("x")); w.WriteHeader(404) }},
	{"header after the status", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Early", "1")
		w.WriteHeader(202)
		w.Header().Set("X-Late", "1")
		w.Header().Set("X-Early", "2")
	}},
	{"header value changed in place after the status", func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["X-Early"] = []string{"1"}
		w.WriteHeader(202)
		w.Header()["X-Early"][0] = "2"
	}},
	{"header after Flush", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/x")
		w.(http.Flusher).Flush()
		w.Header().Set("X-Late", "1")
		w.WriteHeader(404)
	}},
	{"cookies", func(w http.ResponseWriter, _ *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "1", Expires: time.Unix(1e9, 0)})
		http.SetCookie(w, &http.Cookie{Name: "b", Value: "2"})
		w.WriteHeader(204)
	}},
	{"commas stay", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Sig", "v1,abc")
		w.Header().Set("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT")
	}},
	{"sniffs html", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html><p>x") }},
	{"sniffs png", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "\x89PNG\x0D\x0A\x1A\x0A\xff\x00")
	}},
	{"its own type stays", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, "<html>")
	}},
	{"no type wanted", func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = nil
		_, _ = io.WriteString(w, "<html>")
	}},
	{"encoded bodies are not sniffed", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "br")
		_, _ = io.WriteString(w, "<html>")
	}},
	{"1xx first", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(404)
		_, _ = io.WriteString(w, "x")
	}},
	{"body with 204", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(204)
		_, err := io.WriteString(w, "x")
		if err != http.ErrBodyNotAllowed {
			panic(err)
		}
	}},
	{"304", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Etag", `"x"`)
		w.WriteHeader(304)
	}},
	{"its own length", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "4")
		_, _ = io.WriteString(w, "ab")
		_, _ = w.Write([]byte("cd"))
	}},
	{"more than its own length", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "2")
		_, _ = io.WriteString(w, "ab")
		if _, err := w.Write([]byte("cd")); err != http.ErrContentLength {
			panic(err)
		}
	}},
	{"line breaks", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "/x\r\nSet-Cookie: evil=1")
		w.Header()["X-A\r\nSet-Cookie: evil"] = []string{"1"}
		w.Header()["X B"] = []string{"1"}
		w.Header().Set("X-Spaces", "  x\t")
		w.WriteHeader(302)
	}},
	{"trailers are left out", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "x")
		w.Header().Set(http.TrailerPrefix+"X-Sum", "1")
	}},
	{"http.Error", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusForbidden) }},
	{"http.Redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/other", http.StatusFound) }},
	{"http.ServeContent", func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "a.css", time.Unix(1e9, 0), strings.NewReader("p{}"))
	}},
	{"a ResponseController", func(w http.ResponseWriter, r *http.Request) {
		if err := http.NewResponseController(w).Flush(); err != nil {
			panic(err)
		}
	}},
	{"big", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/x")
		_, _ = w.Write(bytes.Repeat([]byte("x"), 100_000))
	}},
}

// Each handler behind net/http, and the same by way of FromHTTP and Wrap.
func TestFromHTTPAnswersAsNetHTTP(t *testing.T) {
	for _, c := range handlers {
		for _, method := range []string{"GET", "HEAD"} {
			t.Run(c.name+" "+method, func(t *testing.T) {
				request := method + " /a/b HTTP/1.1\r\nHost: h.test\r\nConnection: close\r\n\r\n"
				want := finalAnswer(t, method, exchange(t, serve(t, c.h), request))
				got := finalAnswer(t, method, exchange(t, serve(t, Wrap(FromHTTP(c.h))), request))
				assert.Equal(t, want.StatusCode, got.StatusCode)
				assert.Equal(t, body(t, want), body(t, got))
				for _, resp := range []*http.Response{want, got} {
					resp.Header.Del("Date")
					resp.Header.Del("Trailer")
					if method == "HEAD" || strings.Contains(c.name, "length") || len(want.TransferEncoding) > 0 {
						resp.Header.Del("Content-Length") // the one thing that may be added
					}
				}
				assert.Equal(t, want.Header, got.Header)
			})
		}
	}
}

// finalAnswer parses the answer that follows the informational ones.
func finalAnswer(t *testing.T, method, raw string) *http.Response {
	for strings.HasPrefix(raw, "HTTP/1.1 1") {
		_, raw, _ = strings.Cut(raw, "\r\n\r\n")
	}
	return parse(t, method, raw)
}

func TestFromHTTPLeavesLengthToTheTransport(t *testing.T) {
	h := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "2")
		if r.Method != "HEAD" {
			_, _ = io.WriteString(w, "ab")
		}
	}
	resp := ask(t, h, &core.Request{Method: "GET", Path: "/"})
	assert.Empty(t, resp.Header.Get("Content-Length"))
	assert.Equal(t, "ab", string(resp.Body))

	resp = ask(t, h, &core.Request{Method: "HEAD", Path: "/"})
	assert.Equal(t, "2", resp.Header.Get("Content-Length"))
	assert.Empty(t, resp.Body)
}

func TestFromHTTPDropsALengthThatIsNone(t *testing.T) {
	for _, method := range []string{"GET", "HEAD"} {
		for _, length := range []string{"four", "-1", "1, 2", ""} {
			resp := ask(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", length)
				_, _ = io.WriteString(w, "ab")
			}, &core.Request{Method: method, Path: "/"})
			assert.Equal(t, 200, resp.Status)
			assert.Equal(t, "ab", string(resp.Body))
			assert.Empty(t, resp.Header.Values("Content-Length"))
		}
	}
}

// No transport behind this one has to know of line breaks.
func TestFromHTTPHeadersAreOneLineEach(t *testing.T) {
	resp := ask(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "/x\r\nSet-Cookie: evil=1\n")
		w.Header()["X-A\r\nSet-Cookie: evil"] = []string{"1"}
		w.Header()[""] = []string{"1"}
		w.Header()[http.TrailerPrefix+"X-Sum"] = []string{"1"}
		w.Header().Set("Transfer-Encoding", "chunked") // the transport's to say
	}, &core.Request{Method: "GET", Path: "/"})
	assert.Equal(t, core.Header{{Name: "Location", Value: "/x  Set-Cookie: evil=1"}}, resp.Header)
}

func TestFromHTTPFaults(t *testing.T) {
	for _, c := range []struct {
		name string
		h    http.HandlerFunc
		log  string
	}{
		{"panic", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "half")
			panic("index out of luck")
		}, "index out of luck"},
		{"abort", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, ""},
		{"bad status", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(42) }, "42"},
		{"less than announced", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", strconv.Itoa(5))
			_, _ = io.WriteString(w, "half")
		}, "less than"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var log bytes.Buffer
			h := Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}.FromHTTP(c.h)
			resp := h.Handle(t.Context(), &core.Request{Method: "POST", Path: "/secret-path", RawQuery: "secret", Body: []byte("secret body")})
			assert.Equal(t, core.Text(500, core.TryLaterText), resp)
			assert.NotContains(t, log.String(), "secret")
			if c.log == "" {
				assert.Empty(t, log.String())
			} else {
				assert.Contains(t, log.String(), c.log)
			}
			assert.Equal(t, resp, FromHTTP(c.h).Handle(t.Context(), &core.Request{Method: "GET", Path: "/"}))
		})
	}
}

func TestFromHTTPMux(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET h.test/orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.PathValue("id"))
	})
	h := FromHTTP(mux)
	host := core.Header{{Name: "Host", Value: "h.test"}}
	resp := h.Handle(t.Context(), &core.Request{Method: "GET", Path: "/orders/a%2Fb", Header: host})
	assert.Equal(t, "a/b", string(resp.Body))
	resp = h.Handle(t.Context(), &core.Request{Method: "GET", Path: "/orders/a", Header: core.Header{{Name: "Host", Value: "other.test"}}})
	assert.Equal(t, 404, resp.Status)
	resp = h.Handle(t.Context(), &core.Request{Method: "POST", Path: "/orders/a", Header: host})
	assert.Equal(t, 405, resp.Status)
}

func TestFromHTTPForms(t *testing.T) {
	ask(t, func(_ http.ResponseWriter, r *http.Request) {
		assert.NoError(t, r.ParseForm())
		assert.Equal(t, []string{"2", "1"}, r.Form["x"])
		assert.Equal(t, "2", r.PostForm.Get("x"))
	}, &core.Request{
		Method: "POST", Path: "/", RawQuery: "x=1", Body: []byte("x=2"),
		Header: core.Header{{Name: "content-type", Value: "application/x-www-form-urlencoded"}},
	})
}

// A handler behind http.TimeoutHandler writes from another goroutine.
func TestFromHTTPUnderTimeoutHandler(t *testing.T) {
	h := FromHTTP(http.TimeoutHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		_, _ = io.WriteString(w, "too late")
	}), time.Millisecond, "timed out"))
	resp := h.Handle(t.Context(), &core.Request{Method: "GET", Path: "/"})
	assert.Equal(t, 503, resp.Status)
	assert.Equal(t, "timed out", string(resp.Body))
}

// The recorder offers what handlers ask a ResponseWriter for.
var (
	_ http.Flusher    = (*recorder)(nil)
	_ io.StringWriter = (*recorder)(nil)
)
