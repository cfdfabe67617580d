package testkit

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"runtime/debug"

	"github.com/imprest-go/imprest/core"
)

// HandlerClient returns a client that hands every request to h in the place of
// the network, whatever its host: as the Client of [PlatformConfig] it lets a
// merchant's handler be tested without a server. Bodies of more than
// [core.MaxBody] are answered 413, as adapters do.
//
// h runs on a goroutine of its own and is waited for until the request's
// context is done: who answers too late has not answered, as on the network.
// What h still does then is its own affair, like that of a handler whose
// client has gone. A panic of h, and a test that h ends (FailNow), are the
// caller's.
func HandlerClient(h core.Handler) *http.Client {
	return &http.Client{Transport: handlerTransport{h}, CheckRedirect: stayPut}
}

type handlerTransport struct{ handler core.Handler }

func (t handlerTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		defer r.Body.Close()
		var err error
		if body, err = io.ReadAll(io.LimitReader(r.Body, core.MaxBody+1)); err != nil {
			return nil, err
		}
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	path := r.URL.EscapedPath()
	if path == "" {
		path = "/"
	}
	host := r.Host
	if host == "" {
		host = r.URL.Host
	}
	resp := core.Refuse(http.StatusRequestEntityTooLarge)
	if len(body) <= core.MaxBody {
		var err error
		resp, err = t.handle(r.Context(), &core.Request{
			Method: r.Method, Path: path, RawQuery: r.URL.RawQuery,
			Header: append(core.Header{{Name: "Host", Value: host}}, coreHeader(r.Header)...),
			Body:   body, RemoteAddr: "127.0.0.1:1",
		})
		if err != nil {
			return nil, err
		}
	}
	if resp == nil {
		resp = core.Text(http.StatusInternalServerError, core.TryLaterText)
	}
	status := resp.Status
	if status == 0 {
		status = http.StatusOK
	}
	header := http.Header{}
	for _, line := range resp.Header {
		header.Add(line.Name, line.Value)
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", status, http.StatusText(status)), StatusCode: status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: io.NopCloser(bytes.NewReader(resp.Body)), ContentLength: int64(len(resp.Body)), Request: r,
	}, nil
}

// handle runs the handler until ctx is done.
func (t handlerTransport) handle(ctx context.Context, r *core.Request) (resp *core.Response, err error) {
	var answer *core.Response
	ended, err := await(ctx, func() { answer = t.handler.Handle(ctx, r) })
	switch {
	case err != nil:
		return nil, err
	case ended.panicked != nil:
		panic(ended.panicked)
	case !ended.returned: // it ended its goroutine, as FailNow does
		runtime.Goexit()
	}
	return answer, nil
}

// end is how a function ended: it returned, it panicked, or it ended its
// goroutine.
type end struct {
	returned bool
	panicked *handlerPanic
}

// await runs f on a goroutine of its own until ctx is done; the error is the
// context's. What f has written may be read only if there is none.
func await(ctx context.Context, f func()) (end, error) {
	ended := make(chan end, 1)
	go func() {
		var e end
		defer func() {
			if !e.returned {
				if p := recover(); p != nil {
					e.panicked = &handlerPanic{value: p, stack: debug.Stack()}
				}
			}
			ended <- e
		}()
		f()
		e.returned = true
	}()
	select {
	case <-ctx.Done():
		return end{}, ctx.Err()
	case e := <-ended:
		if e.returned && ctx.Err() != nil {
			return end{}, ctx.Err()
		}
		return e, nil
	}
}

// handlerPanic carries a panic from one goroutine to another, with the place
// that it came from.
type handlerPanic struct {
	value any
	stack []byte
}

// Error returns the value of the panic and where it came from.
func (p *handlerPanic) Error() string { return fmt.Sprintf("%v\n\n%s", p.value, p.stack) }

// Unwrap returns the value, if it is an error.
func (p *handlerPanic) Unwrap() error {
	err, _ := p.value.(error)
	return err
}
