package testkit

import (
	"bytes"
	"fmt"
	"io"
	"net/http"

	"github.com/imprest-go/imprest/core"
)

// HandlerClient returns a client that hands every request to h in the place of
// the network, whatever its host: as the Client of [PlatformConfig] it lets a
// merchant's handler be tested without a server. Bodies of more than
// [core.MaxBody] are answered 413, as adapters do. A panic of h is not caught:
// it ends the test and shows where it came from.
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
	resp := core.Refuse(http.StatusRequestEntityTooLarge)
	if len(body) <= core.MaxBody {
		resp = t.handler.Handle(r.Context(), &core.Request{
			Method: r.Method, Path: path, RawQuery: r.URL.RawQuery, Header: coreHeader(r.Header), Body: body, RemoteAddr: "127.0.0.1:1",
		})
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
