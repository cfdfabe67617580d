package nethttp

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/imprest-go/imprest/core"
)

// DefaultTimeout is how long a request may take unless told otherwise. It is
// less than the WriteTimeout of [NewServer], so that an answer still gets
// through.
const DefaultTimeout = 25 * time.Second

// bodyTimeout is how long a request's body may take where the server sets no
// ReadTimeout: nothing else would end a body that comes byte by byte.
const bodyTimeout = 10 * time.Second

// Config adjusts the adapter. The zero value is what [Wrap] and [FromHTTP]
// use.
type Config struct {
	// MaxBody is how many bytes of a request body are read; a larger body is
	// answered with 413 and does not reach the handler. 0 or less means
	// core.MaxBody.
	MaxBody int64
	// Timeout bounds a request, the reading of its body included: the context
	// that the handler gets ends then. 0 means [DefaultTimeout], less than 0
	// no bound. A handler that does not heed its context goes on all the same,
	// and its client waits for it until the server breaks off.
	Timeout time.Duration
	// Logger is told of a handler that panicked or gave no usable answer:
	// method, panic value and stack, never a path, a header or a body. nil
	// discards.
	Logger *slog.Logger
}

// Wrap returns h as an http.Handler.
//
// The body is read whole before h is called: one over the limit is 413, one
// that ends early or cannot be read is 400, one that does not arrive in time is
// 408, all with core.RefusedText. In time is what the http.Server's ReadTimeout
// says; if that is 0, the body has 10 seconds, unless middleware hides the
// connection (its ResponseWriter has no Unwrap).
//
// The context of h is the request's, and ends after [Config.Timeout]. The
// handler gets the path as it stood on the request line, unless something in
// front rewrote r.URL (http.StripPrefix does): then that path. A target that
// is no path at all ("*", a CONNECT authority) is 400. The Host line is the
// first of the headers.
//
// Headers of the answer are added to those that middleware has put there;
// repeats (Set-Cookie) stay repeats, and Content-Type takes the place of an
// earlier one. An answer without a Content-Type leaves without one. Framing is
// the server's: Content-Length is the length of the body, whatever the answer
// says of it, and HEAD, 204 and 304 are sent without their body.
//
// A panic of h (http.ErrAbortHandler apart, which passes through), a nil
// answer and a status outside 200 to 999 become 500 with core.TryLaterText.
func Wrap(h core.Handler) http.Handler { return Config{}.Wrap(h) }

// Wrap is [Wrap] with c's limits and logger.
func (c Config) Wrap(h core.Handler) http.Handler {
	if c.MaxBody <= 0 {
		c.MaxBody = core.MaxBody
	}
	return &wrapped{Config: c, next: h}
}

type wrapped struct {
	Config
	next core.Handler
}

// ServeHTTP implements http.Handler.
func (s *wrapped) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := s.within(r.Context())
	defer cancel()
	path, ok := sentPath(r)
	if !ok {
		answer(w, r, core.Refuse(http.StatusBadRequest))
		return
	}
	body, status := readBody(w, r, s.MaxBody)
	if status != 0 {
		// What is left of the body is not worth reading.
		w.Header().Set("Connection", "close")
		answer(w, r, core.Refuse(status))
		return
	}
	answer(w, r, s.handle(ctx, &core.Request{
		Method:     r.Method,
		Path:       path,
		RawQuery:   r.URL.RawQuery,
		Header:     requestHeader(r),
		Body:       body,
		RemoteAddr: remoteAddr(r.RemoteAddr),
	}))
}

// handle calls the handler and puts 500 in the place of whatever cannot be
// sent.
func (s *wrapped) handle(ctx context.Context, in *core.Request) (resp *core.Response) {
	defer func() {
		if p := recover(); p != nil {
			if p == http.ErrAbortHandler {
				panic(p)
			}
			logPanic(s.Logger, ctx, in.Method, p)
			resp = failed()
		}
	}()
	resp = s.next.Handle(ctx, in)
	switch {
	case resp == nil:
		logFault(s.Logger, ctx, in.Method, "the handler returned no answer")
		return failed()
	case resp.Status != 0 && (resp.Status < 200 || resp.Status > 999):
		logFault(s.Logger, ctx, in.Method, "the handler answered with status "+strconv.Itoa(resp.Status))
		return failed()
	}
	return resp
}

// sentPath returns the path of r as the client sent it, or as middleware
// rewrote it; false if the target of the request is not a path.
func sentPath(r *http.Request) (string, bool) {
	path := r.URL.EscapedPath()
	switch {
	case r.URL.Opaque != "" || r.URL.Path == "*":
		return "", false
	case r.URL.Path == "" && r.Method == http.MethodConnect:
		return "", false
	case !strings.HasPrefix(path, "/"):
		return "/" + path, true // "http://host", or what StripPrefix leaves
	}
	// EscapedPath spells bytes that a URL should not hold (a quote, a "#") in
	// its own way; the request line has them as they were sent.
	sent, _, _ := strings.Cut(r.RequestURI, "?")
	if sent == path {
		return path, true
	}
	if r.URL.Scheme != "" {
		_, rest, _ := strings.Cut(sent, "://")
		sent = rest[max(0, strings.IndexByte(rest, '/')):]
	}
	if plain, err := url.PathUnescape(sent); err == nil && plain == r.URL.Path && sent[0] == '/' {
		return sent, true
	}
	return path, true
}

// within returns ctx with the deadline of a request that begins now.
func (c Config) within(ctx context.Context) (context.Context, context.CancelFunc) {
	switch {
	case c.Timeout < 0:
		return ctx, func() {}
	case c.Timeout == 0:
		c.Timeout = DefaultTimeout
	}
	bounded := &call{parent: ctx, until: time.Now().Add(c.Timeout)}
	return bounded, bounded.end
}

// readBody returns the body, or the status to refuse the request with.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) (body []byte, status int) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, 0
	}
	if r.ContentLength > limit {
		return nil, http.StatusRequestEntityTooLarge
	}
	if !readsInTime(r) {
		control := http.NewResponseController(w)
		if control.SetReadDeadline(time.Now().Add(bodyTimeout)) == nil {
			defer func() {
				// A refused request keeps the deadline, for what is left of it:
				// the server sets its own before it reads the next.
				if status == 0 {
					_ = control.SetReadDeadline(time.Time{})
				}
			}()
		}
	}
	// One byte more than announced, so that the end shows without growing.
	// An announced length is a claim: it gets no more than the usual limit
	// before any byte has arrived.
	size := int64(512)
	if r.ContentLength >= 0 {
		size = min(r.ContentLength, core.MaxBody) + 1
	}
	body = make([]byte, 0, size)
	for {
		n, err := r.Body.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		if int64(len(body)) > limit {
			return nil, http.StatusRequestEntityTooLarge
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
				return nil, http.StatusRequestEntityTooLarge
			}
			if errors.Is(err, os.ErrDeadlineExceeded) {
				return nil, http.StatusRequestTimeout
			}
			return nil, http.StatusBadRequest
		}
		if len(body) == cap(body) {
			body = slices.Grow(body, 1)
		}
	}
	if int64(len(body)) < r.ContentLength {
		return nil, http.StatusBadRequest
	}
	return body, 0
}

// readsInTime reports whether r came by a server that bounds the reading of
// whole requests. Its bound stays as it is: it may be shorter than ours, or
// longer for a reason.
func readsInTime(r *http.Request) bool {
	server, ok := r.Context().Value(http.ServerContextKey).(*http.Server)
	return ok && server.ReadTimeout > 0
}

// requestHeader lists the header lines of r, Host first, the others by name.
func requestHeader(r *http.Request) core.Header {
	n := 1
	for _, values := range r.Header {
		n += len(values)
	}
	header := make(core.Header, 0, n)
	if r.Host != "" {
		header = append(header, core.HeaderField{Name: "Host", Value: r.Host})
	}
	hosts := len(header)
	for name, values := range r.Header {
		if name == "Host" {
			continue
		}
		for _, value := range values {
			header = append(header, core.HeaderField{Name: name, Value: value})
		}
	}
	sortByName(header[hosts:])
	return header
}

// sortByName orders lines by name and keeps repeats in their order. A map has
// no order of its own; one that changes from call to call hides faults.
func sortByName(header core.Header) {
	slices.SortStableFunc(header, func(a, b core.HeaderField) int { return strings.Compare(a.Name, b.Name) })
}

// remoteAddr returns addr as "host:port", with port 0 if middleware left a
// bare address, and "" for what is neither (a unix socket's "@").
func remoteAddr(addr string) string {
	if _, _, err := net.SplitHostPort(addr); err == nil {
		return addr
	}
	if ip, err := netip.ParseAddr(addr); err == nil {
		return net.JoinHostPort(ip.String(), "0")
	}
	return ""
}

// answer sends resp. Its status is 0 or one that net/http can send.
func answer(w http.ResponseWriter, r *http.Request, resp *core.Response) {
	status := resp.Status
	if status == 0 {
		status = http.StatusOK
	}
	hasBody := r.Method != http.MethodHead && bodyAllowed(status)
	header := w.Header()
	header.Del("Content-Length")
	typed := false
	values := make([]string, len(resp.Header)+1) // one allocation for all
	for i, field := range resp.Header {
		name := http.CanonicalHeaderKey(field.Name)
		switch name {
		case "Transfer-Encoding":
			continue
		case "Content-Type":
			if !typed {
				delete(header, name)
			}
			typed = true
		}
		if sofar, ok := header[name]; ok {
			header[name] = append(sofar, field.Value)
			continue
		}
		values[i] = field.Value
		header[name] = values[i : i+1 : i+1]
	}
	if _, ok := header["Content-Type"]; !ok {
		header["Content-Type"] = nil // net/http guesses one where the key is missing
	}
	// Whatever the handler says of a length, the body has the last word. Only
	// where there is none (HEAD, 304) the handler's word stands.
	if hasBody || (len(resp.Body) > 0 && bodyAllowed(status)) {
		values[len(resp.Header)] = strconv.Itoa(len(resp.Body))
		header["Content-Length"] = values[len(resp.Header):]
	}
	w.WriteHeader(status)
	if hasBody && len(resp.Body) > 0 {
		_, _ = w.Write(resp.Body) // the peer is gone: nobody is left to tell
	}
}

// bodyAllowed reports whether an answer with that status may hold a body.
func bodyAllowed(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}
