package nethttp

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
)

// serve starts a server for h on loopback and returns its address.
func serve(t *testing.T, h http.Handler) string {
	srv := httptest.NewUnstartedServer(h)
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.Start()
	t.Cleanup(srv.Close)
	return srv.Listener.Addr().String()
}

// exchange writes raw to addr and returns all bytes of the answer. raw asks
// the server to close the connection, or is wrong enough that it does.
func exchange(t *testing.T, addr, raw string) string {
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	_, err = io.WriteString(conn, raw)
	require.NoError(t, err)
	if tcp := conn.(*net.TCPConn); strings.Contains(raw, "half-close") {
		require.NoError(t, tcp.CloseWrite())
	}
	answer, err := io.ReadAll(conn)
	require.NoError(t, err)
	return string(answer)
}

func parse(t *testing.T, method, answer string) *http.Response {
	resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader(answer)), &http.Request{Method: method})
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp
}

func body(t *testing.T, resp *http.Response) string {
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return string(b)
}

// keep returns a handler that puts the request in *got.
func keep(got **core.Request) core.Handler {
	return core.HandlerFunc(func(_ context.Context, r *core.Request) *core.Response {
		*got = r
		return core.Text(http.StatusOK, "success")
	})
}

func TestWrapTargets(t *testing.T) {
	var got *core.Request
	addr := serve(t, Wrap(keep(&got)))
	for _, c := range []struct{ target, path, query, host string }{
		{"/callbacks/payment", "/callbacks/payment", "", "h.test"},
		{"/a?x=1&x=2&y=%26", "/a", "x=1&x=2&y=%26", "h.test"},
		{"/a?b?c=/d", "/a", "b?c=/d", "h.test"},
		{"//host/x", "//host/x", "", "h.test"},
		{"/a//b/../c/", "/a//b/../c/", "", "h.test"},
		{"/a%2Fb%2fc", "/a%2Fb%2fc", "", "h.test"},
		{"/a%3Fb%23c%20d", "/a%3Fb%23c%20d", "", "h.test"},
		{"/%E5%BE%AE", "/%E5%BE%AE", "", "h.test"},
		{"/%61", "/%61", "", "h.test"},
		{"/a\"b|c^d", "/a\"b|c^d", "", "h.test"},
		{"/a#b?x=1#y", "/a#b", "x=1#y", "h.test"},
		{"/\xe5\xbe\xae", "/\xe5\xbe\xae", "", "h.test"},
		{"http://other.test:81/a%2Fb?x=1", "/a%2Fb", "x=1", "other.test:81"},
		{"http://other.test/a#b", "/a#b", "", "other.test"},
		{"http://other.test", "/", "", "other.test"},
		{"http://other.test?x=1", "/", "x=1", "other.test"},
	} {
		t.Run(c.target, func(t *testing.T) {
			got = nil
			answer := exchange(t, addr, "GET "+c.target+" HTTP/1.1\r\nHost: h.test\r\nConnection: close\r\n\r\n")
			require.NotNil(t, got, answer)
			assert.Equal(t, c.path, got.Path)
			assert.Equal(t, c.query, got.RawQuery)
			assert.Equal(t, c.host, got.Header.Get("Host"))
			assert.Equal(t, "Host", got.Header[0].Name)
			assert.Empty(t, got.Body)
		})
	}
	for _, line := range []string{"GET mailto:x", "CONNECT h.test:443", "GET /bad%zz"} {
		t.Run(line, func(t *testing.T) {
			got = nil
			answer := exchange(t, addr, line+" HTTP/1.1\r\nHost: h.test\r\nConnection: close\r\n\r\n")
			assert.Nil(t, got)
			assert.Regexp(t, `^HTTP/1\.1 400 `, answer)
		})
	}
}

func TestWrapAsteriskIsRefused(t *testing.T) {
	var got *core.Request
	srv := httptest.NewUnstartedServer(Wrap(keep(&got)))
	srv.Config.DisableGeneralOptionsHandler = true
	srv.Start()
	t.Cleanup(srv.Close)
	answer := exchange(t, srv.Listener.Addr().String(), "OPTIONS * HTTP/1.1\r\nHost: h.test\r\nConnection: close\r\n\r\n")
	assert.Nil(t, got)
	assert.Regexp(t, `^HTTP/1\.1 400 `, answer)
	assert.True(t, strings.HasSuffix(answer, core.RefusedText), answer)
}

func TestWrapBehindStripPrefix(t *testing.T) {
	var got *core.Request
	h := http.StripPrefix("/pay", Wrap(keep(&got)))
	for target, want := range map[string]string{
		"/pay/a%2Fb?x=1": "/a%2Fb",
		"/pay/a%20b":     "/a%20b",
		"/pay":           "/",
	} {
		got = nil
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", target, nil))
		require.NotNil(t, got, target)
		assert.Equal(t, want, got.Path, target)
	}
}

func TestWrapHeaders(t *testing.T) {
	var got *core.Request
	addr := serve(t, Wrap(keep(&got)))
	exchange(t, addr, "POST /a HTTP/1.1\r\nx-sig: v1,abc\r\nHost: h.test\r\nCookie: a=1\r\nX-SIG: v2\r\nCookie: b=2\r\n"+
		"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
	require.NotNil(t, got)
	assert.Equal(t, core.Header{
		{Name: "Host", Value: "h.test"},
		{Name: "Connection", Value: "close"},
		{Name: "Cookie", Value: "a=1"},
		{Name: "Cookie", Value: "b=2"},
		{Name: "X-Sig", Value: "v1,abc"},
		{Name: "X-Sig", Value: "v2"},
	}, got.Header)
	assert.Equal(t, "abcde", string(got.Body))
	_, _, err := net.SplitHostPort(got.RemoteAddr)
	assert.NoError(t, err)
}

func TestWrapRemoteAddr(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.1:1234":     "192.0.2.1:1234",
		"[2001:db8::1]:1234": "[2001:db8::1]:1234",
		"192.0.2.1":          "192.0.2.1:0",
		"2001:db8::1":        "[2001:db8::1]:0",
		"@":                  "",
		"":                   "",
	} {
		var got *core.Request
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = in
		Wrap(keep(&got)).ServeHTTP(httptest.NewRecorder(), r)
		assert.Equal(t, want, got.RemoteAddr, in)
	}
}

func TestWrapBodyLimit(t *testing.T) {
	const head = "POST /a HTTP/1.1\r\nHost: h.test\r\nConnection: close\r\n"
	chunked := func(n int) string {
		return head + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1\r\nx\r\n", n) + "0\r\n\r\n"
	}
	for _, c := range []struct {
		name, raw string
		status    int
		body      int
	}{
		{"empty", head + "Content-Length: 0\r\n\r\n", 200, 0},
		{"at the limit", head + "Content-Length: 10\r\n\r\n0123456789", 200, 10},
		{"one over", head + "Content-Length: 11\r\n\r\n0123456789a", 413, 0},
		{"far over, none of it sent", head + "Content-Length: 9000000000000000000\r\n\r\n", 413, 0},
		{"chunks at the limit", chunked(10), 200, 10},
		{"chunks over", chunked(11), 413, 0},
		{"ends early", head + "X: half-close\r\nContent-Length: 10\r\n\r\n012345678", 400, 0},
		{"chunks end early", head + "X: half-close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n012", 400, 0},
		{"bad chunk", head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n012\r\n0\r\n\r\n", 400, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got *core.Request
			addr := serve(t, Config{MaxBody: 10}.Wrap(keep(&got)))
			resp := parse(t, "POST", exchange(t, addr, c.raw))
			assert.Equal(t, c.status, resp.StatusCode)
			if c.status == 200 {
				require.NotNil(t, got)
				assert.Len(t, got.Body, c.body)
				return
			}
			assert.Nil(t, got, "the handler must not see it")
			assert.Equal(t, core.RefusedText, body(t, resp))
			assert.True(t, resp.Close)
		})
	}
}

// A refusal does not wait for the rest of a body.
func TestWrapAnswersBeforeARefusedBody(t *testing.T) {
	addr := serve(t, Config{MaxBody: 10}.Wrap(core.HandlerFunc(func(context.Context, *core.Request) *core.Response { return nil })))
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	_, err = io.WriteString(conn, "POST /a HTTP/1.1\r\nHost: h.test\r\nContent-Length: 11\r\n\r\n")
	require.NoError(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	assert.Equal(t, 413, resp.StatusCode)
	assert.True(t, resp.Close)
}

func TestWrapDefaultLimit(t *testing.T) {
	for _, c := range []struct{ size, status int }{{core.MaxBody, 200}, {core.MaxBody + 1, 413}} {
		for _, announced := range []bool{true, false} {
			var got *core.Request
			r := httptest.NewRequest("POST", "/", io.MultiReader(strings.NewReader(strings.Repeat("x", c.size))))
			if announced {
				r.ContentLength = int64(c.size)
			}
			w := httptest.NewRecorder()
			Wrap(keep(&got)).ServeHTTP(w, r)
			assert.Equal(t, c.status, w.Code)
			assert.Equal(t, c.status == 200, got != nil)
			if got != nil {
				assert.Len(t, got.Body, c.size)
			}
		}
	}
}

// A large limit must not let an announced length alone take memory.
func TestWrapAnnouncedLengthTakesNoMemory(t *testing.T) {
	h := Config{MaxBody: 1 << 40}.Wrap(core.HandlerFunc(func(context.Context, *core.Request) *core.Response {
		panic("a body that ends early must not get here")
	}))
	r := httptest.NewRequest("POST", "/", io.MultiReader(strings.NewReader("x")))
	r.ContentLength = 1 << 39
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	assert.Equal(t, 400, w.Code)
}

func TestWrapBodyReadFails(t *testing.T) {
	var got *core.Request
	for _, c := range []struct {
		body   io.Reader
		status int
	}{
		{iotest.ErrReader(errors.New("wire cut")), 400},
		{io.MultiReader(strings.NewReader("half"), iotest.ErrReader(io.ErrUnexpectedEOF)), 400},
		{http.MaxBytesReader(nil, io.NopCloser(strings.NewReader("too much")), 3), 413},
	} {
		w := httptest.NewRecorder()
		Wrap(keep(&got)).ServeHTTP(w, httptest.NewRequest("POST", "/", c.body))
		assert.Equal(t, c.status, w.Code)
		assert.Nil(t, got)
	}
}

func TestWrapAnswers(t *testing.T) {
	cookie := func(v string) core.HeaderField { return core.HeaderField{Name: "set-cookie", Value: v} }
	for _, c := range []struct {
		name, method string
		give         core.Response
		status       int
		header       http.Header // what must be there; nil for must not
		body         string
	}{
		{"zero", "GET", core.Response{}, 200, http.Header{"Content-Length": {"0"}, "Content-Type": nil}, ""},
		{
			"repeats", "GET",
			core.Response{Status: 303, Header: core.Header{cookie("a=1; Path=/"), {Name: "Location", Value: "/x"}, cookie("b=2")}},
			303, http.Header{"Set-Cookie": {"a=1; Path=/", "b=2"}, "Location": {"/x"}}, "",
		},
		{
			"line breaks do not split", "GET",
			core.Response{Header: core.Header{
				{Name: "Location", Value: "/x\r\nSet-Cookie: evil=1\r\n\r\n<p>"},
				{Name: "X-A\r\nSet-Cookie: evil", Value: "2"},
			}},
			200, http.Header{"Set-Cookie": nil, "Location": {"/x  Set-Cookie: evil=1    <p>"}}, "",
		},
		{
			"no guess", "GET", core.Response{Body: []byte("<html>")},
			200, http.Header{"Content-Type": nil, "Content-Length": {"6"}}, "<html>",
		},
		{"HEAD", "HEAD", *core.Text(200, "success"), 200, http.Header{"Content-Length": {"7"}}, ""},
		{
			"HEAD with a length only", "HEAD", core.Response{Header: core.Header{{Name: "Content-Length", Value: "9"}}},
			200, http.Header{"Content-Length": {"9"}}, "",
		},
		{
			"HEAD with another length", "HEAD",
			core.Response{Header: core.Header{{Name: "Content-Length", Value: "9"}}, Body: []byte("four")},
			200, http.Header{"Content-Length": {"4"}}, "",
		},
		{"204", "GET", *core.Text(204, "x"), 204, http.Header{"Content-Length": nil}, ""},
		{"304", "GET", *core.Text(304, "x"), 304, nil, ""},
		{
			"framing is not the handler's", "GET",
			core.Response{
				Header: core.Header{{Name: "Content-Length", Value: "1"}, {Name: "Transfer-Encoding", Value: "chunked"}},
				Body:   []byte("whole"),
			},
			200, http.Header{"Content-Length": {"5"}}, "whole",
		},
		{"binary", "GET", core.Response{Body: []byte{0, 0xff, 0xfe}}, 200, nil, "\x00\xff\xfe"},
		{"a status of its own", "GET", *core.Text(599, "x"), 599, nil, "x"},
		{"1xx is no answer", "GET", *core.Text(101, "x"), 500, nil, core.TryLaterText},
		{"bad status", "GET", *core.Text(42, "x"), 500, nil, core.TryLaterText},
		{"bad status", "GET", *core.Text(-1, "x"), 500, nil, core.TryLaterText},
		{"bad status", "GET", *core.Text(1000, "x"), 500, nil, core.TryLaterText},
	} {
		t.Run(c.name, func(t *testing.T) {
			addr := serve(t, Wrap(core.HandlerFunc(func(context.Context, *core.Request) *core.Response { return &c.give })))
			raw := exchange(t, addr, c.method+" / HTTP/1.1\r\nHost: h.test\r\nConnection: close\r\n\r\n")
			resp := parse(t, c.method, raw)
			assert.Equal(t, c.status, resp.StatusCode)
			assert.Empty(t, resp.TransferEncoding)
			for name, values := range c.header {
				assert.Equal(t, values, resp.Header[name], name)
			}
			assert.Equal(t, c.body, body(t, resp))
			assert.True(t, strings.HasSuffix(raw, "\r\n\r\n"+c.body), raw)
		})
	}
}

func TestWrapKeepsMiddlewareHeaders(t *testing.T) {
	w := httptest.NewRecorder()
	w.Header().Set("Vary", "Origin")
	w.Header().Set("Content-Type", "text/html")
	w.Header().Set("Content-Length", "99")
	Wrap(core.HandlerFunc(func(context.Context, *core.Request) *core.Response {
		resp := core.Text(200, "x")
		resp.Header.Add("Vary", "Cookie")
		return resp
	})).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	assert.Equal(t, []string{"Origin", "Cookie"}, w.Header()["Vary"])
	assert.Equal(t, []string{"text/plain; charset=utf-8"}, w.Header()["Content-Type"])
	assert.Equal(t, []string{"1"}, w.Header()["Content-Length"])

	w = httptest.NewRecorder()
	w.Header().Set("Content-Type", "text/html")
	Wrap(core.HandlerFunc(func(context.Context, *core.Request) *core.Response {
		return &core.Response{Body: []byte("<p>")}
	})).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	assert.Equal(t, []string{"text/html"}, w.Header()["Content-Type"])

	w = httptest.NewRecorder()
	w.Header().Set("Content-Length", "99")
	Wrap(core.HandlerFunc(func(context.Context, *core.Request) *core.Response {
		return &core.Response{}
	})).ServeHTTP(w, httptest.NewRequest("HEAD", "/", nil))
	assert.Empty(t, w.Header()["Content-Length"], "it is not the answer's")
}

func TestWrapFaults(t *testing.T) {
	for name, h := range map[string]core.HandlerFunc{
		"panicked":           func(context.Context, *core.Request) *core.Response { panic("index out of luck") },
		"returned no answer": func(context.Context, *core.Request) *core.Response { return nil },
		"with status 7":      func(context.Context, *core.Request) *core.Response { return &core.Response{Status: 7} },
	} {
		t.Run(name, func(t *testing.T) {
			var logged bytes.Buffer
			config := Config{Logger: slog.New(slog.NewTextHandler(&logged, nil))}
			for _, wrapped := range []http.Handler{Wrap(h), config.Wrap(h)} {
				w := httptest.NewRecorder()
				wrapped.ServeHTTP(w, httptest.NewRequest("POST", "/secret-path?secret=query", strings.NewReader("secret body")))
				assert.Equal(t, 500, w.Code)
				assert.Equal(t, core.TryLaterText, w.Body.String())
			}
			assert.Contains(t, logged.String(), name)
			assert.Contains(t, logged.String(), "method=POST")
			assert.NotContains(t, logged.String(), "secret")
		})
	}
}

func TestWrapCapsThePanicInTheLog(t *testing.T) {
	var logged bytes.Buffer
	h := core.HandlerFunc(func(context.Context, *core.Request) *core.Response { panic(strings.Repeat("p", 100_000)) })
	Config{Logger: slog.New(slog.NewTextHandler(&logged, nil))}.Wrap(h).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	assert.NotContains(t, logged.String(), strings.Repeat("p", 300))
	assert.Contains(t, logged.String(), "wrap_test.go", "the stack tells where")
}

func TestWrapAbortPassesThrough(t *testing.T) {
	h := Wrap(core.HandlerFunc(func(context.Context, *core.Request) *core.Response { panic(http.ErrAbortHandler) }))
	assert.PanicsWithValue(t, http.ErrAbortHandler, func() {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	})
}

func TestWrapPassesTheContext(t *testing.T) {
	type key struct{}
	var got any
	h := Wrap(core.HandlerFunc(func(ctx context.Context, _ *core.Request) *core.Response {
		got = ctx.Value(key{})
		return core.Text(200, "")
	}))
	r := httptest.NewRequest("GET", "/", nil)
	h.ServeHTTP(httptest.NewRecorder(), r.WithContext(context.WithValue(r.Context(), key{}, 1)))
	assert.Equal(t, 1, got)
}
