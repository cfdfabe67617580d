package nethttp

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/imprest-go/imprest/core"
)

// What a client can put on a request line and in header lines.
var (
	methods  = rapid.SampledFrom([]string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"})
	pathPart = rapid.SampledFrom([]string{"/", "//", "/a", "/.", "/..", "b", ";", ":", "@", "%2F", "%2f", "%3F", "%23", "%25", "%20", "%0d%0A", "%61", "%E5%BE%AE", "微", "#", "\"", "|", "+", "\xff", "~", "&=", "http:", "host"})
	query    = rapid.StringMatching(`([a-z]=[0-9%&=;?#/+]{0,4}&?){0,4}`)
	value    = rapid.StringMatching(`([!-~]([ -~]{0,12}[!-~])?)?`)
	bodies   = rapid.SliceOfN(rapid.Byte(), 0, 700)
)

var path = rapid.Custom(func(t *rapid.T) string {
	return "/" + strings.Join(rapid.SliceOfN(pathPart, 0, 8).Draw(t, "parts"), "")
})

var headers = rapid.Custom(func(t *rapid.T) core.Header {
	name := rapid.SampledFrom([]string{"X-Sig", "Cookie", "Set-Cookie", "Accept", "Content-Type", "User-Agent", "X_y", "Vary"})
	var h core.Header
	for range rapid.IntRange(0, 8).Draw(t, "lines") {
		n := name.Draw(t, "name")
		if n == "Content-Type" && h.Get(n) != "" {
			continue
		}
		h.Add(n, value.Draw(t, "value"))
	}
	sortByName(h) // repeats keep their order
	return h
})

var requests = rapid.Custom(func(t *rapid.T) *core.Request {
	r := &core.Request{
		Method: methods.Draw(t, "method"), Path: path.Draw(t, "path"), RawQuery: query.Draw(t, "query"),
		Header: slices.Insert(headers.Draw(t, "headers"), 0, core.HeaderField{Name: "Host", Value: "h.test"}),
		Body:   bodies.Draw(t, "body"), RemoteAddr: "192.0.2.1:4711",
	}
	if len(r.Body) == 0 {
		r.Body = nil
	}
	return r
})

var responses = rapid.Custom(func(t *rapid.T) *core.Response {
	r := &core.Response{
		Status: rapid.SampledFrom([]int{200, 201, 204, 302, 304, 400, 404, 500, 599}).Draw(t, "status"),
		Header: headers.Draw(t, "headers"),
		Body:   bodies.Draw(t, "body"),
	}
	if len(r.Body) == 0 || !bodyAllowed(r.Status) {
		r.Body = nil
	}
	return r
})

// A core handler behind Wrap behind FromHTTP gets each request as it was, and
// its answer comes back as it was.
func TestFromHTTPOfWrapChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in, out := requests.Draw(t, "request"), responses.Draw(t, "response")
		var got *core.Request
		resp := FromHTTP(Wrap(core.HandlerFunc(func(_ context.Context, r *core.Request) *core.Response {
			got = r
			return out
		}))).Handle(context.Background(), in)
		require.NotNil(t, got)
		assert.Equal(t, in, got)
		assert.Equal(t, out.Status, resp.Status)
		assert.Equal(t, out.Body, resp.Body)
		assert.ElementsMatch(t, out.Header, resp.Header)
		assert.Equal(t, out.Header.Values("Set-Cookie"), resp.Header.Values("Set-Cookie"))
	})
}

// An http.Handler behind FromHTTP behind Wrap gets the request that it would
// get without them, and its answer leaves as it would.
func TestWrapOfFromHTTPChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in, out := requests.Draw(t, "request"), responses.Draw(t, "response")
		type seen struct {
			method, path, escaped, query, host, uri, remote string
			header                                          http.Header
			body                                            string
			length                                          int64
		}
		var got []seen
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body := make([]byte, 800)
			n, _ := r.Body.Read(body)
			got = append(got, seen{
				r.Method, r.URL.Path, r.URL.EscapedPath(), r.URL.RawQuery, r.Host, r.RequestURI, r.RemoteAddr,
				r.Header.Clone(), string(body[:n]), r.ContentLength,
			})
			for _, f := range out.Header {
				w.Header().Add(f.Name, f.Value)
			}
			w.WriteHeader(out.Status)
			_, _ = w.Write(out.Body)
		})
		var answers []http.Header
		for _, handler := range []http.Handler{h, Wrap(FromHTTP(h))} {
			r := httptest.NewRequest(in.Method, "/", strings.NewReader(string(in.Body)))
			target := in.Path
			if in.RawQuery != "" {
				target += "?" + in.RawQuery
			}
			var err error
			r.URL, err = url.ParseRequestURI(target)
			require.NoError(t, err)
			r.RequestURI, r.Host, r.RemoteAddr = target, "h.test", in.RemoteAddr
			for _, f := range in.Header[1:] {
				r.Header.Add(f.Name, f.Value)
			}
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			assert.Equal(t, out.Status, w.Code)
			assert.Equal(t, string(out.Body), w.Body.String())
			header := w.Result().Header
			header.Del("Content-Length") // the server's to set
			if len(header["Content-Type"]) == 0 {
				delete(header, "Content-Type") // nil there keeps a server from guessing
			}
			if _, typed := header["Content-Type"]; !typed && len(out.Body) > 0 {
				// A server guesses; the recorder of httptest does not, here.
				header.Set("Content-Type", http.DetectContentType(out.Body))
			}
			answers = append(answers, header)
		}
		require.Len(t, got, 2)
		assert.Equal(t, got[0], got[1])
		assert.Equal(t, answers[0], answers[1])
	})
}

// Whatever a transport puts into a core.Request, neither way panics, and a
// path is refused or arrives decoded once.
func FuzzFromHTTPOfWrap(f *testing.F) {
	for _, path := range []string{"/", "//host/x", "/a%2Fb", "/bad%zz", "/a?b", "/a#b", "*", "", "/%", "/\x00", "/%00", "/a%3Fb"} {
		f.Add("GET", path, "x=1", "X-Sig", "v1,abc", []byte("body"))
	}
	f.Add("HEAD", "/", "a b", "Host", "h", []byte{})
	f.Add("CONNECT", "/", "", "Transfer-Encoding", "chunked", []byte("x"))
	f.Add("OPTIONS", "*", "", "Content-Length", "99", []byte("x"))
	f.Fuzz(func(t *testing.T, method, path, query, name, value string, body []byte) {
		var got *core.Request
		resp := FromHTTP(Wrap(core.HandlerFunc(func(_ context.Context, r *core.Request) *core.Response {
			got = r
			return &core.Response{Header: core.Header{{Name: name, Value: value}}, Body: r.Body}
		}))).Handle(t.Context(), &core.Request{
			Method: method, Path: path, RawQuery: query, Header: core.Header{{Name: name, Value: value}}, Body: body,
		})
		require.NotNil(t, resp)
		if got == nil {
			assert.Contains(t, []int{400, 413}, resp.Status)
			return
		}
		want, err := url.PathUnescape(path)
		require.NoError(t, err)
		decoded, err := url.PathUnescape(got.Path)
		require.NoError(t, err)
		if path != "" {
			assert.Equal(t, want, decoded)
		}
		assert.NotContains(t, got.Path, "?")
		assert.Equal(t, query, got.RawQuery)
		assert.Equal(t, string(body), string(got.Body))
		for _, field := range resp.Header {
			assert.NotContains(t, field.Value, "\n")
			assert.True(t, isToken(field.Name))
		}
	})
}
