package nethttp

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/imprest-go/imprest/core"
)

// FromHTTP returns h as a core.Handler, so that a mux of your own runs
// wherever core handlers do.
//
// h sees what it would see behind a net/http server: RequestURI, a URL whose
// Path is decoded and whose EscapedPath is what was sent, RawQuery, Host, all
// header lines, ContentLength and a body to read. Whatever the bytes of the
// path say ("//host/x", "%2F", an encoded "?" or "#"), they stay in the path.
// What a net/http server would not let through is 400 with core.RefusedText: a
// method or the name of a header line that is no token, a value with a control
// character, a Host that cannot be one, more than one Host line, a path that
// does not decode ("/bad%zz"), a query with a space or a control character. A
// Content-Length line says how long the body is, whatever it said before.
//
// The context of h ends after [Config.Timeout]; a handler that does not heed it
// goes on.
//
// The answer is what net/http would have sent: the status of the first
// WriteHeader (none is 200, 1xx are left out) with the headers set by then,
// line breaks in them made spaces; and a Content-Type told from the body if h
// set none. Content-Length is left to the transport, except for an answer that
// may have no body. The answer is kept in memory until h returns: Flush does
// nothing, Hijack is not there.
//
// A panic of h, http.ErrAbortHandler included, and a body shorter than the
// Content-Length that h announced become 500 with core.TryLaterText.
func FromHTTP(h http.Handler) core.Handler { return Config{}.FromHTTP(h) }

// FromHTTP is [FromHTTP] with c's Timeout and Logger.
func (c Config) FromHTTP(h http.Handler) core.Handler {
	return &fromHTTP{Config: c, next: h}
}

type fromHTTP struct {
	Config
	next http.Handler
}

// Handle implements core.Handler.
func (s *fromHTTP) Handle(ctx context.Context, in *core.Request) (resp *core.Response) {
	ctx, cancel := s.within(ctx)
	defer cancel()
	r, ok := newRequest(ctx, in)
	if !ok {
		return core.Refuse(http.StatusBadRequest)
	}
	defer func() {
		if p := recover(); p != nil {
			if p != http.ErrAbortHandler {
				logPanic(s.Logger, ctx, in.Method, p)
			}
			resp = failed()
		}
	}()
	w := &recorder{header: make(http.Header), head: in.Method == http.MethodHead, length: -1}
	s.next.ServeHTTP(w, r)
	resp, ok = w.finish()
	if !ok {
		logFault(s.Logger, ctx, in.Method, "the handler wrote less than the Content-Length that it announced")
		return failed()
	}
	return resp
}

// newRequest returns in as a net/http server would hand it over; false if
// such a server would have refused it.
func newRequest(ctx context.Context, in *core.Request) (*http.Request, bool) {
	target, uri, ok := requestTarget(in.Path, in.RawQuery)
	if !ok {
		return nil, false
	}
	header, host, ok := httpHeader(in.Header)
	if !ok || !isToken(in.Method) {
		return nil, false
	}
	if _, ok := header["Content-Length"]; ok {
		// A transport that decodes the body may leave the old one standing.
		header["Content-Length"] = []string{strconv.Itoa(len(in.Body))}
	}
	r := &http.Request{
		Method:        in.Method,
		URL:           target,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        header,
		Body:          http.NoBody,
		ContentLength: int64(len(in.Body)),
		Host:          host,
		RemoteAddr:    in.RemoteAddr,
		RequestURI:    uri,
	}
	if len(in.Body) > 0 {
		r.Body = io.NopCloser(bytes.NewReader(in.Body))
	}
	return r.WithContext(ctx), true
}

// requestTarget returns the URL and the RequestURI of a path and a query. It
// fills the URL's fields by itself, since a parser would find a host in "//x"
// and a query behind a decoded "?".
func requestTarget(path, rawQuery string) (target *url.URL, uri string, ok bool) {
	if path == "" {
		path = "/"
	}
	plain, err := url.PathUnescape(path)
	if err != nil || path[0] != '/' || strings.ContainsFunc(rawQuery, breaksRequestLine) {
		return nil, "", false
	}
	target = &url.URL{Path: plain, RawQuery: rawQuery}
	if target.EscapedPath() != path {
		target.RawPath = path
	}
	uri = path
	if strings.Contains(path, "?") || strings.ContainsFunc(path, breaksRequestLine) {
		// A transport that decodes paths sent it; here it must be one path.
		uri = target.EscapedPath()
	}
	if rawQuery != "" {
		uri += "?" + rawQuery
	}
	return target, uri, true
}

func breaksRequestLine(r rune) bool { return r <= ' ' || r == 0x7f }

// httpHeader returns lines as the map that net/http makes of them, and the
// host apart; false for what a server refuses.
func httpHeader(lines core.Header) (header http.Header, host string, ok bool) {
	header = make(http.Header, len(lines))
	values := make([]string, len(lines)) // one allocation for all
	hosts := 0
	for i, line := range lines {
		if !isToken(line.Name) || strings.ContainsFunc(line.Value, breaksHeaderLine) {
			return nil, "", false
		}
		name := http.CanonicalHeaderKey(line.Name)
		switch name {
		case "Host":
			host = line.Value
			hosts++
			continue
		case "Transfer-Encoding":
			continue // the body came without it
		}
		if sofar, ok := header[name]; ok {
			header[name] = append(sofar, line.Value)
			continue
		}
		values[i] = line.Value
		header[name] = values[i : i+1 : i+1]
	}
	return header, host, hosts <= 1 && !strings.ContainsFunc(host, notInHost)
}

func breaksHeaderLine(r rune) bool { return (r < ' ' && r != '\t') || r == 0x7f }

// notInHost tells what stands in no host name, address or port, as net/http
// sees it.
func notInHost(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
		return false
	}
	return !strings.ContainsRune("!$%&()*+,-.:;=[']_~", r)
}

// recorder is the http.ResponseWriter of one request.
type recorder struct {
	header http.Header // what the handler sees and changes
	head   bool        // the request is HEAD

	status int         // 0 until the first final WriteHeader
	sent   core.Header // as of that moment
	guess  bool        // the Content-Type is to be told from the body
	length int64       // as announced by Content-Length; -1 for not
	body   []byte
}

// Header implements http.ResponseWriter.
func (w *recorder) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter.
func (w *recorder) WriteHeader(status int) {
	if status < 100 || status > 999 {
		panic("nethttp: invalid WriteHeader code " + strconv.Itoa(status)) // as net/http does
	}
	if w.status != 0 || status < 200 {
		return
	}
	w.status = status
	_, typed := w.header["Content-Type"]
	w.guess = !typed && w.header.Get("Content-Encoding") == ""
	if n, err := strconv.ParseInt(w.header.Get("Content-Length"), 10, 64); err == nil && n >= 0 {
		w.length = n
	}
	w.sent = make(core.Header, 0, len(w.header)+1)
	for name, values := range w.header {
		if name == "Transfer-Encoding" || !isToken(name) { // trailers ("Trailer:X") are no tokens either
			continue
		}
		if name == "Content-Length" && (w.length < 0 || !w.bodyless()) {
			continue
		}
		for _, value := range values {
			w.sent = append(w.sent, core.HeaderField{Name: name, Value: oneLine(value)})
		}
	}
	sortByName(w.sent)
}

// Write implements http.ResponseWriter.
func (w *recorder) Write(p []byte) (int, error) {
	room, err := w.room(len(p))
	w.body = append(w.body, p[:room]...)
	return room, err
}

// WriteString implements io.StringWriter.
func (w *recorder) WriteString(s string) (int, error) {
	room, err := w.room(len(s))
	w.body = append(w.body, s[:room]...)
	return room, err
}

// Flush implements http.Flusher. It sends nothing, but as on the wire the
// headers are settled from here on.
func (w *recorder) Flush() {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
}

// room returns how many of n more bytes the answer may hold, and the error of
// net/http if those are not all.
func (w *recorder) room(n int) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if n > 0 && !bodyAllowed(w.status) {
		return 0, http.ErrBodyNotAllowed
	}
	if w.length >= 0 && int64(len(w.body)+n) > w.length {
		return 0, http.ErrContentLength
	}
	return n, nil
}

// bodyless reports whether the transport sends the answer without a body.
func (w *recorder) bodyless() bool { return w.head || !bodyAllowed(w.status) }

// finish returns the answer; false if it is not whole.
func (w *recorder) finish() (*core.Response, bool) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if w.length > int64(len(w.body)) && !w.bodyless() {
		return nil, false
	}
	if w.guess && len(w.body) > 0 {
		w.sent.Add("Content-Type", http.DetectContentType(w.body))
	}
	return &core.Response{Status: w.status, Header: slices.Clip(w.sent), Body: w.body}, true
}

// oneLine makes spaces of line breaks, as net/http does when it writes a
// header: a value that reaches the wire with one would be two headers.
func oneLine(value string) string {
	if strings.ContainsAny(value, "\r\n") {
		value = strings.NewReplacer("\r", " ", "\n", " ").Replace(value)
	}
	return strings.Trim(value, " \t")
}

// isToken reports whether name can be the name of a header line, or a method.
func isToken(name string) bool {
	for i := 0; i < len(name); i++ {
		c := name[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0:
		default:
			return false
		}
	}
	return name != ""
}
