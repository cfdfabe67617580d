package requests

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/adapters/awslambda"
	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/testkit/lambdatest"
)

// bad is input that nobody should send, and the one answer to it.
type bad struct {
	name string
	request
	// spoil makes the event of the request as bad as the request over net/http
	// is, where lambdatest makes none that is.
	spoil func(event)
	// raw is what is sent over net/http in the place of request.
	raw string
	// status is the answer of every transport that is not in but.
	status int
	// but names the transports with another answer, or 0 for those that the
	// input cannot reach, and why says why.
	but map[string]int
	why string
}

// event is an event while it is spoiled.
type event map[string]any

// spell sets a header line, in whatever way the event has header lines.
func spell(name string, values ...string) func(event) {
	return func(e event) {
		if single, ok := e["headers"].(map[string]any); ok {
			single[name] = values[len(values)-1]
		}
		if many, ok := e["multiValueHeaders"].(map[string]any); ok {
			many[name] = values
		}
	}
}

// target sets the path, and takes it for decoded where events hold it decoded.
func target(path string) func(event) {
	return func(e event) {
		if _, ok := e["rawPath"]; ok {
			e["rawPath"] = path
			return
		}
		e["path"] = path
	}
}

func method(name string) func(event) {
	return func(e event) {
		if rc := e["requestContext"].(map[string]any); rc["http"] != nil {
			rc["http"].(map[string]any)["method"] = name
			return
		}
		e["httpMethod"] = name
	}
}

func query(raw string) func(event) {
	return func(e event) {
		name, value, _ := strings.Cut(raw, "=")
		for member := range e {
			switch member {
			case "rawQueryString":
				e[member] = raw
			case "queryStringParameters":
				e[member] = map[string]string{name: value}
			case "multiValueQueryStringParameters":
				e[member] = map[string][]string{name: {value}}
			}
		}
	}
}

func content(body string, encoded bool) func(event) {
	return func(e event) { e["body"], e["isBase64Encoded"] = body, encoded }
}

// redirects is the answer to a path with dots or two slashes.
var redirects = map[string]int{"Cloud Functions": http.StatusTemporaryRedirect}

const decodes = "an HTTP API decodes the path before anybody sees it"

var tooLarge = bytes.Repeat([]byte("x"), core.MaxBody+1)

// badInput is the table of bad input. Its handler has a callback at POST
// /callbacks/payment, and GET /orders/{id}.
func badInput() []bad {
	const halfBody = "POST /callbacks/payment HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\nConnection: close\r\n\r\nabc"
	return []bad{
		{name: "body: one byte over the limit", request: post(string(tooLarge), textType), status: 413},
		{name: "body: one byte over the limit, chunked", request: request{body: tooLarge, header: [][2]string{textType}, chunked: true}, status: 413},
		{name: "body: one byte over the limit, encoded", request: request{body: tooLarge, header: [][2]string{binaryType}, encoded: true}, status: 413},
		{name: "body: far over the limit", request: post(strings.Repeat("x", 1<<20), binaryType), status: 413},
		{name: "body: over the limit on a path that nobody has", request: request{path: "/nobody", body: tooLarge}, status: 413},
		{name: "body: ends early; broken base64", raw: halfBody, spoil: content("YWJj$$$$", true), status: 400},
		{name: "body: ends early; base64 without its end", raw: halfBody, spoil: content("YWJjZ", true), status: 400},
		{name: "body: ends early; base64 of URLs", raw: halfBody, spoil: content("_-8=", true), status: 400},
		{name: "body: ends early; base64 with bits left over", raw: halfBody, spoil: content("YR==", true), status: 400},
		{name: "body: ends early; text that is called base64", raw: halfBody, spoil: content(payment, true), status: 400},

		{name: "path: dots", request: get("/orders/../orders/1", ""), status: 404, but: redirects, why: "the framework has an http.ServeMux in front"},
		{name: "path: dots for an id", request: get("/orders/..", ""), status: 404, but: redirects, why: "the framework has an http.ServeMux in front"},
		{name: "path: encoded dots for an id", request: get("/orders/%2e%2e", ""), status: 404},
		{name: "path: an encoded slash that hides a route", request: request{path: "/callbacks%2Fpayment"}, status: 404, but: map[string]int{"HTTP API": 200, "HTTP API 1.0": 200}, why: decodes},
		{name: "path: an encoded slash in an id", request: get("/orders/1%2F2", ""), status: 200, but: map[string]int{"HTTP API": 404, "HTTP API 1.0": 404}, why: decodes},
		{name: "path: encoded twice", request: request{path: "/callbacks%252Fpayment"}, status: 404, but: map[string]int{"HTTP API": 200, "HTTP API 1.0": 200}, why: decodes},
		{name: "path: two slashes", request: request{path: "//callbacks/payment"}, status: 404, but: redirects, why: "the framework has an http.ServeMux in front"},
		{name: "path: a host", request: request{path: "//evil.example/callbacks/payment"}, status: 404, but: redirects, why: "the framework has an http.ServeMux in front"},
		{name: "path: a slash at the end", request: request{path: "/callbacks/payment/"}, status: 404},
		{name: "path: another case", request: request{path: "/Callbacks/payment"}, status: 404},
		{name: "path: an encoded query", request: request{path: "/callbacks/payment%3Fa=1"}, status: 404, but: map[string]int{"HTTP API": 200, "HTTP API 1.0": 200}, why: "an HTTP API cuts the path there"},
		{name: "path: an encoded fragment", request: request{path: "/callbacks/payment%23x"}, status: 404},
		{name: "path: an encoded NUL", request: request{path: "/callbacks/payment%00"}, status: 404},
		{name: "path: an encoded line break", request: request{path: "/callbacks/payment%0d%0aX: y"}, raw: "POST /callbacks/payment%0d%0aX:y HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", status: 404,
			but: map[string]int{"REST API": 0, "function URL": 0, "ALB": 0, "ALB multi": 0}, why: "a path that was not decoded has no space"},
		{name: "path: an escape that is none", request: request{path: "/bad%zz"}, spoil: target("/bad%zz"), status: 400},
		{name: "path: half an escape", request: request{path: "/bad%4"}, spoil: target("/bad%4"), status: 400},
		{name: "path: a lone percent sign", request: request{path: "/%"}, spoil: target("/%"), status: 400},
		{name: "path: a space", raw: "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", spoil: target("/a b"), status: 400, but: map[string]int{"HTTP API": 404, "HTTP API 1.0": 404, "function URL": 404}, why: "it may have been encoded"},
		{name: "path: a control character", raw: "GET /a\x01b HTTP/1.1\r\nHost: h\r\n\r\n", spoil: target("/a\x01b"), status: 400, but: map[string]int{"HTTP API": 404, "HTTP API 1.0": 404, "function URL": 404}, why: "it may have been encoded"},
		{name: "path: none", raw: "GET  HTTP/1.1\r\nHost: h\r\n\r\n", spoil: target(""), status: 400},
		{name: "path: no slash", raw: "GET callbacks HTTP/1.1\r\nHost: h\r\n\r\n", spoil: target("callbacks"), status: 400},
		{name: "path: a star", raw: "GET * HTTP/1.1\r\nHost: h\r\n\r\n", spoil: target("*"), status: 400},
		{name: "path: a URL", spoil: target("http://evil.example/callbacks/payment"), status: 400, but: map[string]int{"net/http": 0, "Cloud Functions": 0}, why: "on the wire a URL is a path with a host, for proxies"},

		{name: "method: not this one", request: request{method: "GET"}, status: 405},
		{name: "method: in lower case", request: request{method: "post"}, status: 405},
		{name: "method: no token", raw: "PO(ST /callbacks/payment HTTP/1.1\r\nHost: h\r\n\r\n", spoil: method("PO(ST"), status: 400},
		{name: "method: with a space", raw: "PO ST /callbacks/payment HTTP/1.1\r\nHost: h\r\n\r\n", spoil: method("PO ST"), status: 400},
		{name: "method: with a line break", raw: "PO\nST /callbacks/payment HTTP/1.1\r\nHost: h\r\n\r\n", spoil: method("PO\nST"), status: 400},

		{name: "query: a space", raw: "POST /callbacks/payment?a=x y HTTP/1.1\r\nHost: h\r\n\r\n", request: request{query: "a=x"}, spoil: query("a=x y"), status: 400, but: map[string]int{"REST API": 200, "HTTP API 1.0": 200}, why: "format 1.0 tells the query decoded"},
		{name: "query: a control character", raw: "POST /callbacks/payment?a=\x01 HTTP/1.1\r\nHost: h\r\n\r\n", request: request{query: "a=x"}, spoil: query("a=\x01"), status: 400, but: map[string]int{"REST API": 200, "HTTP API 1.0": 200}, why: "format 1.0 tells the query decoded"},
		{name: "query: a line break", raw: "POST /callbacks/payment?a=\nx HTTP/1.1\r\nHost: h\r\n\r\n", request: request{query: "a=x"}, spoil: query("a=\nx"), status: 400, but: map[string]int{"REST API": 200, "HTTP API 1.0": 200}, why: "format 1.0 tells the query decoded"},

		{name: "header: NUL", raw: withLine("X-Bad: a\x00b"), spoil: spell("x-bad", "a\x00b"), status: 400},
		{name: "header: a control character", raw: withLine("X-Bad: a\x01b"), spoil: spell("x-bad", "a\x01b"), status: 400},
		{name: "header: DEL", raw: withLine("X-Bad: a\x7fb"), spoil: spell("x-bad", "a\x7fb"), status: 400},
		{name: "header: a carriage return", raw: withLine("X-Bad: a\rb"), spoil: spell("x-bad", "a\rb"), status: 400},
		{name: "header: a line break", raw: withLine("X-Bad: a\nb"), spoil: spell("x-bad", "a\nb"), status: 400},
		{name: "header: a space in a name", raw: withLine("X Bad: a"), spoil: spell("x bad", "a"), status: 400},
		{name: "header: no name", raw: withLine(": a"), spoil: spell("", "a"), status: 400},
		{name: "header: a colon in a name", spoil: spell("x:bad", "a"), status: 400, but: map[string]int{"net/http": 0, "Cloud Functions": 0}, why: "on the wire it ends the name"},
		{name: "header: a name of unicode", raw: withLine("X-é: a"), spoil: spell("x-é", "a"), status: 400},
	}
}

func withLine(line string) string {
	return "POST /callbacks/payment HTTP/1.1\r\nHost: h\r\nConnection: close\r\n" + line + "\r\nContent-Length: 0\r\n\r\n"
}

var shop = core.Routes{
	"POST /callbacks/payment": core.HandlerFunc(func(context.Context, *core.Request) *core.Response { return core.Text(http.StatusOK, "success") }),
	"GET /orders/{id}": core.HandlerFunc(func(_ context.Context, r *core.Request) *core.Response {
		return core.Text(http.StatusOK, r.PathValue("id"))
	}),
}

// Bad input has one answer, whatever brought it.
func TestBadInput(t *testing.T) {
	names := map[string]bool{}
	for _, b := range badInput() {
		require.False(t, names[b.name], b.name)
		names[b.name] = true
		assert.Equal(t, len(b.but) > 0, b.why != "", "%s: another answer has a reason", b.name)
		for _, tr := range transports() {
			t.Run(b.name+"/"+tr.name, func(t *testing.T) {
				want := b.status
				if other, ok := b.but[tr.name]; ok {
					if want = other; want == 0 {
						t.Skip(b.why)
					}
				}
				got, err := b.carry(t, tr)
				require.NoError(t, err)
				assert.Equal(t, want, got.status)
				if want >= 400 && tr.wire == nil { // a server's own refusals have texts of their own
					assert.Equal(t, core.RefusedText, string(got.body))
				}
			})
		}
	}
}

// carry sends bad input by a transport.
func (b bad) carry(t *testing.T, tr transport) (answer, error) {
	t.Helper()
	if tr.wire != nil {
		if b.raw != "" {
			return tr.wire(t, shop, b.raw)
		}
		return tr.carry(t, shop, b.over(tr))
	}
	e := event{}
	require.NoError(t, json.Unmarshal(eventOf(tr.kind, b.over(tr)), &e))
	if b.spoil != nil {
		b.spoil(e)
	}
	spoiled, err := json.Marshal(e)
	require.NoError(t, err)
	return invoke(t, awslambda.Wrap(shop), tr.kind, spoiled)
}

// What is no request, or two at once, fails the invocation: a gateway answers
// 502 then, and a queue keeps its messages. The error says what was seen, and
// nothing of what was in it.
func TestWhatIsNoRequestIsNeverAnswered(t *testing.T) {
	h := awslambda.Wrap(core.HandlerFunc(func(context.Context, *core.Request) *core.Response {
		t.Error("the handler was called")
		return core.Text(http.StatusOK, "success")
	}))
	events := map[string][]byte{
		"a batch of messages":                  lambdatest.SQS(lambdatest.Message{Body: "confidential"}),
		"two minds: REST and HTTP API":         both(t, lambdatest.RestAPI, lambdatest.HTTPAPI),
		"two minds: HTTP API, both formats":    both(t, lambdatest.HTTPAPI1, lambdatest.HTTPAPI),
		"two minds: HTTP API and ALB":          both(t, lambdatest.HTTPAPI, lambdatest.ALB),
		"two minds: function URL and REST API": both(t, lambdatest.FunctionURL, lambdatest.RestAPI),
	}
	for _, kind := range lambdatest.Kinds() {
		e := event{}
		require.NoError(t, json.Unmarshal(eventOf(kind, post("confidential").over(transport{})), &e))
		require.NoError(t, json.Unmarshal(lambdatest.SQS(lambdatest.Message{Body: "confidential"}), &e))
		text, err := json.Marshal(e)
		require.NoError(t, err)
		events["two minds: "+string(kind)+" and a batch"] = text
	}
	for _, other := range lambdatest.Others() {
		events[other.Name] = other.Event
	}
	for name, text := range events {
		payload, err := h.Invoke(t.Context(), text)
		assert.Nil(t, payload, name)
		if assert.Error(t, err, name) {
			for _, secret := range []string{"confidential", "alice", "EXAMPLE", "hello"} {
				assert.NotContains(t, err.Error(), secret, name)
			}
		}
	}
}

// both is an event with all members of two kinds.
func both(t *testing.T, a, b lambdatest.Kind) []byte {
	t.Helper()
	merged := event{}
	for _, kind := range []lambdatest.Kind{a, b} {
		e := event{}
		require.NoError(t, json.Unmarshal(eventOf(kind, post("confidential").over(transport{})), &e))
		had, _ := merged["requestContext"].(map[string]any)
		maps.Copy(merged, e)
		maps.Copy(merged["requestContext"].(map[string]any), had)
	}
	text, err := json.Marshal(merged)
	require.NoError(t, err)
	return text
}

// The largest body that is taken is the same by every transport, encoded or
// not, to the byte.
func TestTheLimitIsTheSame(t *testing.T) {
	for _, tr := range transports() {
		for _, encoded := range []bool{false, true} {
			for _, size := range []int{core.MaxBody - 1, core.MaxBody, core.MaxBody + 1, core.MaxBody + 2, core.MaxBody + 3} {
				r := request{body: bytes.Repeat([]byte("x"), size), header: [][2]string{textType}, encoded: encoded}
				got, err := tr.carry(t, shop, r.over(tr))
				require.NoError(t, err)
				want := http.StatusOK
				if size > core.MaxBody {
					want = http.StatusRequestEntityTooLarge
				}
				assert.Equal(t, want, got.status, "%s, %d bytes, encoded: %v", tr.name, size, encoded)
			}
		}
	}
}

// A handler that fails is an answer of 500 everywhere.
func TestAHandlerThatFails(t *testing.T) {
	for name, h := range map[string]core.HandlerFunc{
		"a panic":          func(context.Context, *core.Request) *core.Response { panic("confidential") },
		"no answer":        func(context.Context, *core.Request) *core.Response { return nil },
		"a status of 100":  func(context.Context, *core.Request) *core.Response { return &core.Response{Status: 100} },
		"a status below 0": func(context.Context, *core.Request) *core.Response { return &core.Response{Status: -1} },
		"a status of 1000": func(context.Context, *core.Request) *core.Response { return &core.Response{Status: 1000} },
	} {
		for _, tr := range transports() {
			got, err := tr.carry(t, h, post(payment, jsonType).over(tr))
			require.NoError(t, err)
			assert.Equal(t, http.StatusInternalServerError, got.status, "%s: %s", tr.name, name)
			assert.Equal(t, core.TryLaterText, string(got.body), "%s: %s", tr.name, name)
		}
	}
}
