package testkit

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strconv"
)

// HTTPClient is [HandlerClient] for an http.Handler: a client that hands every
// request to h in the place of the network, whatever its host, as a server
// that has read it off the wire does. As the Client of [PlatformConfig] it
// lets a merchant's own handler be tested without a server.
//
// h runs on a goroutine of its own and is waited for until the request's
// context is done. A panic of h, and a test that h ends (FailNow), are the
// caller's.
func HTTPClient(h http.Handler) *http.Client {
	return &http.Client{Transport: httpTransport{h}, CheckRedirect: stayPut}
}

type httpTransport struct{ handler http.Handler }

func (t httpTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	served, err := asServed(r)
	if err != nil {
		return nil, err
	}
	w := newAnswerWriter(nil)
	ended, err := await(r.Context(), func() { t.handler.ServeHTTP(w, served) })
	switch {
	case err != nil:
		return nil, err
	case ended.panicked != nil:
		panic(ended.panicked)
	case !ended.returned: // it ended its goroutine, as FailNow does
		runtime.Goexit()
	}
	return w.response(r), nil
}

// asServed returns a client's request as a server sees it, by way of the bytes
// on the wire.
func asServed(r *http.Request) (*http.Request, error) {
	if r.Body != nil {
		defer r.Body.Close()
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	var wire bytes.Buffer
	if err := r.Write(&wire); err != nil {
		return nil, fmt.Errorf("the request cannot be written: %w", err)
	}
	served, err := http.ReadRequest(bufio.NewReader(&wire))
	if err != nil {
		return nil, fmt.Errorf("a server cannot read the request: %w", err)
	}
	served.RemoteAddr = "127.0.0.1:1"
	return served.WithContext(r.Context()), nil
}

// answerWriter keeps an answer. Like a connection it belongs to one goroutine.
type answerWriter struct {
	header http.Header
	sent   http.Header // as it was at the first WriteHeader
	status int
	body   bytes.Buffer
	// written is called after every Write; nil is nothing.
	written func(body []byte)
}

func newAnswerWriter(written func([]byte)) *answerWriter {
	return &answerWriter{header: http.Header{}, written: written}
}

// Header returns the header of the answer.
func (w *answerWriter) Header() http.Header { return w.header }

// WriteHeader takes the first status that is no interim one.
func (w *answerWriter) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status, w.sent = status, w.header.Clone()
	}
}

// Write adds to the body.
func (w *answerWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if w.status == http.StatusNoContent || w.status == http.StatusNotModified {
		return 0, http.ErrBodyNotAllowed
	}
	n, err := w.body.Write(p)
	if w.written != nil {
		w.written(w.body.Bytes())
	}
	return n, err
}

// Flush sends the header.
func (w *answerWriter) Flush() { w.WriteHeader(http.StatusOK) }

func (w *answerWriter) response(r *http.Request) *http.Response {
	w.WriteHeader(http.StatusOK)
	return &http.Response{
		Status: strconv.Itoa(w.status) + " " + http.StatusText(w.status), StatusCode: w.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.sent, Body: io.NopCloser(bytes.NewReader(w.body.Bytes())), ContentLength: int64(w.body.Len()), Request: r,
	}
}
