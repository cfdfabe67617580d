package core

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
)

// MaxBody is how many bytes of a request body an adapter reads unless it is
// told otherwise: 64 KiB. A larger body is answered with 413 and never
// reaches a [Handler].
const MaxBody = 64 << 10

// Request is an HTTP request without its transport. Adapters fill it with what
// came over the wire and interpret nothing.
type Request struct {
	Method string
	// Path is the path as sent: percent-encoding kept, no query. It starts
	// with "/".
	Path string
	// RawQuery is what follows the "?", as sent, without the "?".
	RawQuery string
	Header   Header
	// Body holds the exact bytes of the body, transfer encodings removed.
	Body []byte
	// RemoteAddr is the peer as "host:port" (IPv6 in brackets), or "" where
	// the transport does not tell.
	RemoteAddr string

	params []param
}

type param struct{ name, value string }

// PathValue returns the part of the path that the {name} of the matching
// pattern of [Routes] stood for, percent-decoded, or "".
func (r *Request) PathValue(name string) string {
	for _, p := range r.params {
		if p.name == name {
			return p.value
		}
	}
	return ""
}

// Response is an answer without its transport. A Status of 0 means 200.
type Response struct {
	Status int
	Header Header
	Body   []byte
}

// Handler answers requests. It returns a non-nil answer, keeps no reference
// to the request after that, and may be called from many goroutines at once.
//
// Handlers of this module do not panic outward. Adapters answer 500 in the
// place of a foreign handler that does, and where it returns nil.
type Handler interface {
	Handle(ctx context.Context, r *Request) *Response
}

// HandlerFunc makes a [Handler] of a function.
type HandlerFunc func(ctx context.Context, r *Request) *Response

// Handle calls f.
func (f HandlerFunc) Handle(ctx context.Context, r *Request) *Response { return f(ctx, r) }

const textPlain = "text/plain; charset=utf-8"

// Text returns an answer with a plain-text body.
func Text(status int, body string) *Response {
	// In one piece: every callback ends with one, and with a text that is no longer
	// than this.
	answer := &struct {
		Response
		lines [2]HeaderField
		text  [len(TryLaterText)]byte
	}{lines: [2]HeaderField{{Name: "Content-Type", Value: textPlain}, {Name: "X-Content-Type-Options", Value: "nosniff"}}}
	answer.Response = Response{Status: status, Header: answer.lines[:], Body: append(answer.text[:0], body...)}
	return &answer.Response
}

// JSON returns an answer whose body is v as JSON, without HTML escaping and
// with Cache-Control: no-store. A v that cannot be encoded is a fault of the
// program and becomes [TryLater].
func JSON(status int, v any) *Response {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return TryLater()
	}
	return &Response{
		Status: status,
		Header: Header{
			{Name: "Content-Type", Value: "application/json; charset=utf-8"},
			{Name: "Cache-Control", Value: "no-store"},
			{Name: "X-Content-Type-Options", Value: "nosniff"},
		},
		Body: body.Bytes(),
	}
}

// The only texts that an outsider is shown when something is wrong. Which
// rule a message broke is for the log: an answer that named it would help
// whoever forges messages to forge better ones.
const (
	// RefusedText is the body of every 4xx answer.
	RefusedText = "refused"
	// TryLaterText is the body of every 5xx answer.
	TryLaterText = "try again later"
)

// Refuse returns the answer to a request that must not be sent again as it
// is. status is a 4xx; the body is [RefusedText].
func Refuse(status int) *Response { return Text(status, RefusedText) }

// TryLater returns the answer for a fault of our own: 503, [TryLaterText].
// The platform delivers a notification again that was answered so.
func TryLater() *Response { return Text(http.StatusServiceUnavailable, TryLaterText) }
