package lambdatest_test

import (
	"encoding/base64"
	"encoding/json"
	neturl "net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/testkit/lambdatest"
)

// FuzzRoundTrip sends a request through every kind of gateway to a function
// that answers with what it was sent: what a gateway is able to carry must come
// back as it was.
func FuzzRoundTrip(f *testing.F) {
	f.Add("POST", "/callbacks/payment", "a=1&a=2", "application/json", "v1,abc", []byte(payment), false)
	f.Add("GET", "/a%2Fb//..%3F", "q=%zz&&=x&y", "", "", []byte(nil), false)
	f.Add("PUT", "/%25", "é=λ", "text/plain; charset=utf-8", "a;b=\"c\"", []byte("\x00\xff<&>\u2028"), false)
	f.Add("GET", "/", "%ff=1&%fe=2", "", "", []byte(nil), false)
	f.Add("PATCH", "//host/x", "%41=%2B+", "application/octet-stream", "λ", []byte("\xff\xfe"), true)
	f.Fuzz(func(t *testing.T, method, path, query, contentType, value string, body []byte, force bool) {
		for _, s := range []string{method, path, query, contentType, value} {
			if !utf8.ValidString(s) || strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c == 0x7f }) {
				t.Skip("no HTTP request")
			}
		}
		if method == "" || !strings.HasPrefix(path, "/") {
			t.Skip("no HTTP request")
		}
		r := lambdatest.Request{
			Method: method, Path: path, RawQuery: query, Body: body, Base64: force,
			Header: [][2]string{{"Content-Type", contentType}, {"X-Value", "first"}, {"x-value", value}},
		}
		for _, kind := range lambdatest.Kinds() {
			event := lambdatest.Event(kind, r)
			require.Equal(t, event, lambdatest.Event(kind, r), "the same request makes the same event")
			payload := echo(t, kind, event)
			resp, err := lambdatest.Answer(kind, payload)
			require.NoError(t, err, "%s %s", kind, payload)
			assert.Equal(t, 200, resp.Status)
			assert.Equal(t, method, resp.Get("X-Method"), kind)
			assert.Equal(t, contentType, resp.Get("Content-Type"), kind)
			if force || utf8.Valid(body) {
				assert.Equal(t, string(body), string(resp.Body), kind)
			}
			if kind != lambdatest.HTTPAPI && kind != lambdatest.HTTPAPI1 {
				assert.Equal(t, path, resp.Get("X-Path"), kind)
			}
			if kind == lambdatest.ALB {
				assert.Equal(t, []string{value}, resp.Values("X-Value"))
			} else {
				want := "first," + value
				assert.Equal(t, want, strings.Join(resp.Values("X-Value"), ","), kind)
			}
			if got, carried := parameters(t, kind, event); carried {
				want := sent(query, neturl.QueryUnescape)
				if kind == lambdatest.ALBMulti {
					want = sent(query, verbatim)
				}
				assert.Equal(t, want, got, kind)
			}
		}
	})
}

// sent is a query's parameters, read by other means than the builders'.
func sent(query string, decode func(string) (string, error)) map[string][]string {
	m := map[string][]string{}
	for _, pair := range strings.Split(query, "&") {
		if pair == "" {
			continue
		}
		halves := append(strings.SplitN(pair, "=", 2), "")
		for i, half := range halves[:2] {
			if decoded, err := decode(half); err == nil {
				halves[i] = string([]rune(decoded))
			}
		}
		m[halves[0]] = append(m[halves[0]], halves[1])
	}
	return m
}

func verbatim(s string) (string, error) { return s, nil }

// parameters are an event's parameters, where it carries all of them.
func parameters(t *testing.T, kind lambdatest.Kind, event []byte) (map[string][]string, bool) {
	e := decode[seen](t, event)
	switch kind {
	case lambdatest.HTTPAPI, lambdatest.FunctionURL:
		return sent(e.RawQueryString, neturl.QueryUnescape), true
	case lambdatest.RestAPI, lambdatest.HTTPAPI1:
		if e.MultiValueQueryStringParameters == nil {
			return map[string][]string{}, true
		}
		return e.MultiValueQueryStringParameters, true
	case lambdatest.ALBMulti:
		return e.MultiValueQueryStringParameters, true // as sent
	}
	return nil, false
}

// echo is a function that answers in its gateway's own format.
func echo(t *testing.T, kind lambdatest.Kind, event []byte) []byte {
	t.Helper()
	var e struct {
		seen
		HTTPMethod     string
		RequestContext struct{ HTTP struct{ Method string } }
	}
	require.NoError(t, json.Unmarshal(event, &e))
	body := e.Body
	if !e.IsBase64Encoded {
		body = base64.StdEncoding.EncodeToString([]byte(body))
	}
	many := e.MultiValueHeaders
	if many == nil {
		many = map[string][]string{}
		for name, value := range e.Headers {
			many[name] = []string{value}
		}
	}
	many["X-Method"] = []string{e.HTTPMethod + e.RequestContext.HTTP.Method}
	many["X-Path"] = []string{e.Path}
	if kind == lambdatest.HTTPAPI1 {
		many["X-Path"] = []string{neturl.PathEscape(e.Path)}
	}
	if e.RawPath != "" {
		many["X-Path"] = []string{e.RawPath}
		if kind == lambdatest.HTTPAPI {
			many["X-Path"] = []string{neturl.PathEscape(e.RawPath)}
		}
	}
	answer := map[string]any{"statusCode": 200, "isBase64Encoded": true, "body": body}
	if kind == lambdatest.RestAPI || kind == lambdatest.HTTPAPI1 || kind == lambdatest.ALBMulti {
		answer["multiValueHeaders"] = many
	} else {
		single := map[string]string{}
		for name, values := range many {
			single[name] = values[len(values)-1]
		}
		answer["headers"] = single
	}
	payload, err := json.Marshal(answer)
	require.NoError(t, err)
	return payload
}

// FuzzAnswer: whatever a function answers, a gateway either makes a response
// that HTTP can carry, or says why not.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"statusCode":200,"headers":{"A":"1"},"multiValueHeaders":{"b":["2"]},"cookies":["a=1"],"body":"AA==","isBase64Encoded":true}`))
	f.Add([]byte(`{"statusCode":200,"statusDescription":"200 OK","headers":null}`))
	f.Add([]byte(`"hello"`))
	f.Add([]byte(`[{"statusCode":1e2}]`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		for _, kind := range lambdatest.Kinds() {
			resp, err := lambdatest.Answer(kind, payload)
			if err != nil {
				var gateway *lambdatest.GatewayError
				require.ErrorAs(t, err, &gateway)
				require.Zero(t, resp)
				continue
			}
			assert.True(t, json.Valid(payload))
			assert.True(t, resp.Status >= 200 && resp.Status <= 599)
			for _, line := range resp.Header {
				assert.NotContains(t, line[0]+line[1], "\n")
				assert.NotEmpty(t, line[0])
			}
		}
		_, _ = lambdatest.ReadSQSAnswer(payload)
	})
}
