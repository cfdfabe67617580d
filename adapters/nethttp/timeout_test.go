package nethttp

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
)

// heeding waits for the end of its context, says in *after when that was, and
// answers.
func heeding(after *time.Duration) core.Handler {
	return core.HandlerFunc(func(ctx context.Context, _ *core.Request) *core.Response {
		began := time.Now()
		select {
		case <-ctx.Done():
		case <-time.After(time.Hour):
		}
		*after = time.Since(began)
		return core.TryLater()
	})
}

// within runs a server for h in a bubble, and closes it after use.
func within(t *testing.T, srv *http.Server, use func(ln *pipeListener)) {
	synctest.Test(t, func(t *testing.T) {
		ln := newPipeListener()
		served := make(chan error, 1)
		go func() { served <- srv.Serve(ln) }()
		use(ln)
		require.NoError(t, srv.Close())
		assert.ErrorIs(t, <-served, http.ErrServerClosed)
	})
}

func answerOn(t *testing.T, conn net.Conn) *http.Response {
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	return resp
}

// A handler is told in time for its answer to get through.
func TestWrapTellsTheHandlerInTime(t *testing.T) {
	var after time.Duration
	within(t, NewServer("", Wrap(heeding(&after))), func(ln *pipeListener) {
		conn := ln.dial(t)
		defer conn.Close()
		assert.Equal(t, 503, answerOn(t, conn).StatusCode)
		assert.Equal(t, 25*time.Second, after)
	})
	// The time that the body took counts.
	within(t, NewServer("", Wrap(heeding(&after))), func(ln *pipeListener) {
		conn := ln.send(t, "POST / HTTP/1.1\r\nHost: h.test\r\nContent-Length: 1\r\n\r\n")
		defer conn.Close()
		time.Sleep(9 * time.Second)
		_, err := io.WriteString(conn, "x")
		require.NoError(t, err)
		assert.Equal(t, 503, answerOn(t, conn).StatusCode)
		assert.Equal(t, 16*time.Second, after)
	})
}

func TestTimeouts(t *testing.T) {
	for _, c := range []struct{ give, want time.Duration }{
		{0, 25 * time.Second},
		{3 * time.Second, 3 * time.Second},
		{-1, time.Hour},
	} {
		synctest.Test(t, func(t *testing.T) {
			var after time.Duration
			h := Config{Timeout: c.give}.Wrap(heeding(&after))
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
			assert.Equal(t, c.want, after, "Wrap with %v", c.give)

			after = 0
			inner := Config{Timeout: -1}.Wrap(heeding(&after))
			Config{Timeout: c.give}.FromHTTP(inner).Handle(t.Context(), &core.Request{Method: "GET", Path: "/"})
			assert.Equal(t, c.want, after, "FromHTTP with %v", c.give)
		})
	}
}

// A deadline that middleware set stays.
func TestWrapKeepsAnEarlierDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var after time.Duration
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		Wrap(heeding(&after)).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil).WithContext(ctx))
		assert.Equal(t, time.Second, after)
	})
}

// A body that comes byte by byte, on a server without time-outs.
func TestWrapEndsASlowBody(t *testing.T) {
	h := Wrap(core.HandlerFunc(func(context.Context, *core.Request) *core.Response { panic("half a body must not get here") }))
	for _, head := range []string{"Content-Length: 1000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n"} {
		within(t, &http.Server{Handler: h}, func(ln *pipeListener) {
			conn := ln.send(t, "POST / HTTP/1.1\r\nHost: h.test\r\n"+head)
			var done sync.WaitGroup
			defer done.Wait()
			defer conn.Close()
			done.Go(func() {
				drip := "3e8\r\n" + strings.Repeat("x", 1000) // a chunk of 1000, or bytes as good as any
				for i := range len(drip) {
					if _, err := io.WriteString(conn, drip[i:i+1]); err != nil {
						return
					}
					time.Sleep(time.Second)
				}
			})
			began := time.Now()
			resp := answerOn(t, conn)
			assert.Equal(t, 408, resp.StatusCode)
			assert.True(t, resp.Close)
			assert.Equal(t, 10*time.Second, time.Since(began))
		})
	}
}

// The deadline of a body ends with it: the handler may take longer, and the
// next request may come later.
func TestWrapReadDeadlineEndsWithTheBody(t *testing.T) {
	h := Wrap(core.HandlerFunc(func(ctx context.Context, _ *core.Request) *core.Response {
		time.Sleep(20 * time.Second)
		if ctx.Err() != nil {
			return core.TryLater()
		}
		return core.Text(http.StatusOK, "success")
	}))
	within(t, &http.Server{Handler: h}, func(ln *pipeListener) {
		const request = "POST / HTTP/1.1\r\nHost: h.test\r\nContent-Length: 1\r\n\r\nx"
		conn := ln.send(t, request)
		defer conn.Close()
		reader := bufio.NewReader(conn)
		for i := range 2 {
			if i > 0 {
				time.Sleep(time.Minute)
				_, err := io.WriteString(conn, request)
				require.NoError(t, err)
			}
			resp, err := http.ReadResponse(reader, nil)
			require.NoError(t, err)
			assert.Equal(t, 200, resp.StatusCode)
			_, _ = io.Copy(io.Discard, resp.Body)
		}
	})
}

// deadlines is a ResponseWriter that writes down what read deadlines are set.
type deadlines struct {
	http.ResponseWriter
	set []time.Time
	err error
}

func (w *deadlines) SetReadDeadline(d time.Time) error {
	w.set = append(w.set, d)
	return w.err
}

// opaque hides whatever else a ResponseWriter can do.
type opaque struct{ w http.ResponseWriter }

func (w opaque) Header() http.Header         { return w.w.Header() }
func (w opaque) WriteHeader(status int)      { w.w.WriteHeader(status) }
func (w opaque) Write(p []byte) (int, error) { return w.w.Write(p) }

// A server's own ReadTimeout stays as it is, shorter or longer.
func TestWrapLeavesAServersReadTimeoutAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			name string
			srv  *http.Server
			err  error
			body string
			set  []time.Time
		}{
			{"no server", nil, nil, "x", []time.Time{time.Now().Add(10 * time.Second), {}}},
			{"no ReadTimeout", &http.Server{ReadHeaderTimeout: time.Second}, nil, "x", []time.Time{time.Now().Add(10 * time.Second), {}}},
			{"a ReadTimeout", &http.Server{ReadTimeout: time.Minute}, nil, "x", nil},
			{"not supported", &http.Server{}, http.ErrNotSupported, "x", []time.Time{time.Now().Add(10 * time.Second)}},
			{"no body", &http.Server{}, nil, "", nil},
		} {
			var got *core.Request
			r := httptest.NewRequest("POST", "/", strings.NewReader(c.body))
			if c.body == "" {
				r.Body = http.NoBody
			}
			if c.srv != nil {
				r = r.WithContext(context.WithValue(r.Context(), http.ServerContextKey, c.srv))
			}
			rec := httptest.NewRecorder()
			w := &deadlines{ResponseWriter: rec, err: c.err}
			Wrap(keep(&got)).ServeHTTP(w, r)
			assert.Equal(t, c.set, w.set, c.name)
			require.NotNil(t, got, c.name)
			assert.Equal(t, c.body, string(got.Body), c.name)

			got = nil
			w = &deadlines{ResponseWriter: rec}
			r.Body = io.NopCloser(strings.NewReader(c.body))
			Wrap(keep(&got)).ServeHTTP(opaque{w}, r)
			assert.Empty(t, w.set, "middleware that hides the connection")
			require.NotNil(t, got, c.name)
		}
	})
}
