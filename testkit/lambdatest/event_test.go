package lambdatest_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/testkit/lambdatest"
)

var update = flag.Bool("update", false, "write the golden events under testdata anew")

// payment is a genuine payment notification to the documented test account.
const payment = `{"app_id":"test","trade_no":"9rRdPiM45nlTMEKQr1GGWf4T2CBB","out_trade_no":"order-1","open_id":"pWq3Zt8vKc1RyNf6BhXu0LmEa5SgTd9J","trade_time":"1700000000","pay_time":"1700000030","amount":"100","status":1,"sign":"78B65A8CCC0E85639AA31B7A1AB91361"}`

func callback() lambdatest.Request {
	return lambdatest.Request{
		Method: "POST", Path: "/callbacks/payment", RawQuery: "shop=1&shop=2&note=a%20b",
		Header: [][2]string{
			{"Content-Type", "application/json;charset=UTF-8"},
			{"User-Agent", "VVChat-Pay/1.0"},
			{"Cookie", "session=abc123; theme=dark"},
			{"X-Trace", "first"}, {"X-Trace", "second"},
		},
		Body: []byte(payment), RemoteAddr: "203.0.113.9:40112",
	}
}

func form() lambdatest.Request {
	r := callback()
	r.Header = [][2]string{{"Content-Type", "application/x-www-form-urlencoded"}}
	r.RawQuery, r.Body = "", []byte("app_id=test&amount=100&status=1")
	return r
}

func golden() map[string][]byte {
	events := map[string][]byte{
		"sqs":       lambdatest.SQS(lambdatest.Message{Body: `{"purchase":"order-1"}`}, lambdatest.Message{Body: "poison", Received: 3, Attributes: map[string]string{"kind": "advance"}}),
		"schedule":  lambdatest.Schedule(time.Date(2026, time.July, 10, 12, 0, 0, 0, time.UTC)),
		"scheduler": lambdatest.Scheduler(time.Date(2026, time.July, 10, 12, 0, 0, 0, time.UTC)),

		"alb-health-check":       lambdatest.HealthCheck(lambdatest.ALB, "/healthz"),
		"alb-multi-health-check": lambdatest.HealthCheck(lambdatest.ALBMulti, "/healthz"),
	}
	for _, kind := range lambdatest.Kinds() {
		events[string(kind)] = lambdatest.Event(kind, callback())
		events[string(kind)+"-form"] = lambdatest.Event(kind, form())
		events[string(kind)+"-get"] = lambdatest.Event(kind, lambdatest.Request{Path: "/healthz"})
	}
	return events
}

func TestEventsAreTheGoldenOnes(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	require.NoError(t, err)
	events := golden()
	for name, event := range events {
		file := filepath.Join("testdata", name+".json")
		var pretty bytes.Buffer
		require.NoError(t, json.Indent(&pretty, event, "", "  "))
		pretty.WriteByte('\n')
		if *update {
			require.NoError(t, os.WriteFile(file, pretty.Bytes(), 0o644))
			continue
		}
		want, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.Equal(t, string(want), pretty.String(), name)
	}
	for _, file := range files {
		assert.Contains(t, events, strings.TrimSuffix(filepath.Base(file), ".json"), "a golden event that nothing makes")
	}
}

func decode[T any](t *testing.T, event []byte) T {
	t.Helper()
	var v T
	require.NoError(t, json.Unmarshal(event, &v))
	return v
}

type seen struct {
	Path           string
	RawPath        string
	RawQueryString string
	RequestContext struct {
		Path, Stage, AccountID, DomainName, DomainPrefix string
		HTTP                                             struct{ Path, SourceIP string }
		Identity                                         struct{ SourceIP string }
	}
	Headers                         map[string]string
	MultiValueHeaders               map[string][]string
	QueryStringParameters           map[string]string
	MultiValueQueryStringParameters map[string][]string
	PathParameters                  map[string]string
	Cookies                         []string
	Body                            string
	IsBase64Encoded                 bool
}

// The paths that a probe sent through real gateways, and what arrived; the
// README under testdata names it.
func TestPathsArriveAsTheyDidFromAWS(t *testing.T) {
	for _, line := range []struct {
		sent, httpAPI string
		refused       bool
	}{
		{sent: "/capture/plain", httpAPI: "/capture/plain"},
		{sent: "/capture/space%20value", httpAPI: "/capture/space value"},
		{sent: "/capture/plus+value", httpAPI: "/capture/plus+value"},
		{sent: "/capture/question%3Fvalue", httpAPI: "/capture/question"},
		{sent: "/capture/percent%25done", refused: true},
		{sent: "/capture/bad%zz", refused: true},
		{sent: "/capture/hash%23value", httpAPI: "/capture/hash#value"},
		{sent: "/capture/slash%2Fvalue", httpAPI: "/capture/slash/value"},
		{sent: "/capture/unicode-%CE%BB-%E4%B8%96", httpAPI: "/capture/unicode-λ-世"},
		{sent: "/capture/literal%252Fvalue", httpAPI: "/capture/literal/value"},
		{sent: "/capture/literal%253Fvalue", httpAPI: "/capture/literal?value"},
		{sent: "/capture/literal%2525value", httpAPI: "/capture/literal%value"},
	} {
		t.Run(line.sent, func(t *testing.T) {
			r := lambdatest.Request{Path: line.sent}
			for _, kind := range lambdatest.Kinds() {
				e := decode[seen](t, lambdatest.Event(kind, r))
				if kind != lambdatest.HTTPAPI && kind != lambdatest.HTTPAPI1 {
					assert.Equal(t, line.sent, e.Path+e.RawPath, kind)
					assert.NoError(t, lambdatest.Refused(kind, r))
					continue
				}
				assert.Equal(t, line.refused, lambdatest.Refused(kind, r) != nil)
				if !line.refused {
					assert.Equal(t, line.httpAPI, e.RawPath+e.Path)
					assert.Equal(t, line.httpAPI, e.RequestContext.HTTP.Path+e.RequestContext.Path)
				}
			}
		})
	}
	e := decode[seen](t, lambdatest.Event(lambdatest.FunctionURL, lambdatest.Request{Path: "/a%20b"}))
	assert.Equal(t, "/a b", e.RequestContext.HTTP.Path)
	e = decode[seen](t, lambdatest.Event(lambdatest.RestAPI, lambdatest.Request{Path: "/a%20b"}))
	assert.Equal(t, map[string]string{"proxy": "a%20b"}, e.PathParameters)
}

func TestQueriesArriveAsTheyDidFromAWS(t *testing.T) {
	r := lambdatest.Request{RawQuery: "repeat=one&repeat=two&redirect=https%3A%2F%2Fexample.com&literalPlus=a+b&encodedPlus=a%2Bb&empty=&bare&bad=%zz"}
	decoded := map[string][]string{
		"repeat": {"one", "two"}, "redirect": {"https://example.com"}, "literalPlus": {"a b"}, "encodedPlus": {"a+b"},
		"empty": {""}, "bare": {""}, "bad": {"%zz"},
	}
	rest := decode[seen](t, lambdatest.Event(lambdatest.RestAPI, r))
	assert.Equal(t, decoded, rest.MultiValueQueryStringParameters)
	assert.Equal(t, "two", rest.QueryStringParameters["repeat"])

	for _, kind := range []lambdatest.Kind{lambdatest.HTTPAPI, lambdatest.FunctionURL} {
		e := decode[seen](t, lambdatest.Event(kind, r))
		assert.Equal(t, r.RawQuery, e.RawQueryString)
		assert.Equal(t, "one,two", e.QueryStringParameters["repeat"])
		assert.Equal(t, "a b", e.QueryStringParameters["literalPlus"])
	}
	multi := decode[seen](t, lambdatest.Event(lambdatest.ALBMulti, r))
	assert.Equal(t, map[string][]string{
		"repeat": {"one", "two"}, "redirect": {"https%3A%2F%2Fexample.com"}, "literalPlus": {"a+b"}, "encodedPlus": {"a%2Bb"},
		"empty": {""}, "bare": {""}, "bad": {"%zz"},
	}, multi.MultiValueQueryStringParameters)
	assert.Nil(t, multi.QueryStringParameters)
	single := decode[seen](t, lambdatest.Event(lambdatest.ALB, r))
	assert.Equal(t, "two", single.QueryStringParameters["repeat"])
	assert.Equal(t, "a%2Bb", single.QueryStringParameters["encodedPlus"])
	assert.Nil(t, single.MultiValueQueryStringParameters)
}

func TestHeadersArriveAsEachKindPassesThemOn(t *testing.T) {
	r := lambdatest.Request{Header: [][2]string{
		{"x-sig", "v1,abc"}, {"X-Sig", "v2,def"}, {"Cookie", "a=1; b=2"}, {"Cookie", "c=3"}, {"X-Forwarded-For", "198.51.100.1"},
	}, RemoteAddr: "[2001:db8::1]:443"}

	rest := decode[seen](t, lambdatest.Event(lambdatest.RestAPI, r))
	assert.Equal(t, []string{"v1,abc", "v2,def"}, rest.MultiValueHeaders["x-sig"])
	assert.Equal(t, "v2,def", rest.Headers["x-sig"])
	assert.Equal(t, []string{"a=1; b=2", "c=3"}, rest.MultiValueHeaders["Cookie"])
	assert.Equal(t, "198.51.100.1, 2001:db8::1", rest.Headers["X-Forwarded-For"])
	assert.Equal(t, "2001:db8::1", rest.RequestContext.Identity.SourceIP)

	http := decode[seen](t, lambdatest.Event(lambdatest.HTTPAPI, r))
	assert.Equal(t, "v1,abc,v2,def", http.Headers["x-sig"])
	assert.Equal(t, []string{"a=1", "b=2", "c=3"}, http.Cookies)
	assert.NotContains(t, http.Headers, "cookie")
	assert.Equal(t, "2001:db8::1", http.RequestContext.HTTP.SourceIP)

	url := decode[seen](t, lambdatest.Event(lambdatest.FunctionURL, r))
	assert.Equal(t, []string{"a=1", "b=2", "c=3"}, url.Cookies)
	assert.Contains(t, url.Headers, "cookie", "a function URL keeps the line too")
	assert.Equal(t, "anonymous", url.RequestContext.AccountID)

	single := decode[seen](t, lambdatest.Event(lambdatest.ALB, r))
	assert.Equal(t, "v2,def", single.Headers["x-sig"], "the last line wins")
	assert.Equal(t, "c=3", single.Headers["cookie"])
	assert.Nil(t, single.MultiValueHeaders)

	multi := decode[seen](t, lambdatest.Event(lambdatest.ALBMulti, r))
	assert.Equal(t, []string{"v1,abc", "v2,def"}, multi.MultiValueHeaders["x-sig"])
	assert.Equal(t, []string{"a=1; b=2", "c=3"}, multi.MultiValueHeaders["cookie"])
	assert.Nil(t, multi.Headers)
}

func TestStagesAndDomains(t *testing.T) {
	r := lambdatest.Request{Path: "/callbacks/payment", Stage: "live"}
	rest := decode[seen](t, lambdatest.Event(lambdatest.RestAPI, r))
	assert.Equal(t, "/callbacks/payment", rest.Path)
	assert.Equal(t, "/live/callbacks/payment", rest.RequestContext.Path)
	http := decode[seen](t, lambdatest.Event(lambdatest.HTTPAPI, r))
	assert.Equal(t, "/live/callbacks/payment", http.RawPath)
	assert.Equal(t, "live", http.RequestContext.Stage)
	http1 := decode[seen](t, lambdatest.Event(lambdatest.HTTPAPI1, r))
	assert.Equal(t, "/live/callbacks/payment", http1.Path)
	assert.Equal(t, "/callbacks/payment", decode[seen](t, lambdatest.Event(lambdatest.HTTPAPI1, lambdatest.Request{Path: "/callbacks/payment"})).Path, "$default")
	url := decode[seen](t, lambdatest.Event(lambdatest.FunctionURL, r))
	assert.Equal(t, "/callbacks/payment", url.RawPath)
	assert.Equal(t, "$default", url.RequestContext.Stage)

	r.Header, r.BasePath = [][2]string{{"Host", "pay.example.com:443"}}, "pay/"
	rest = decode[seen](t, lambdatest.Event(lambdatest.RestAPI, r))
	assert.Equal(t, "/pay/callbacks/payment", rest.Path)
	assert.Equal(t, "/pay/callbacks/payment", rest.RequestContext.Path)
	assert.Equal(t, "pay.example.com", rest.RequestContext.DomainName)
	assert.Equal(t, "pay", rest.RequestContext.DomainPrefix)
	http = decode[seen](t, lambdatest.Event(lambdatest.HTTPAPI, r))
	assert.Equal(t, "/live/callbacks/payment", http.RawPath)
	http1 = decode[seen](t, lambdatest.Event(lambdatest.HTTPAPI1, r))
	assert.Equal(t, "/pay/callbacks/payment", http1.Path)
}

func TestWhichBodiesTravelInBase64(t *testing.T) {
	for _, line := range []struct {
		kind string
		text bool
	}{
		{"text/plain", true},
		{"TEXT/HTML; charset=utf-8", true},
		{"application/json", true},
		{"application/json;charset=UTF-8", true},
		{"application/javascript", true},
		{"application/xml", true},
		{"application/x-www-form-urlencoded", false},
		{"application/octet-stream", false},
		{"application/vnd.api+json", false},
		{"multipart/form-data; boundary=x", false},
		{"", false},
	} {
		r := lambdatest.Request{Method: "POST", Body: []byte("hello\x00 λ")}
		if line.kind != "" {
			r.Header = [][2]string{{"Content-Type", line.kind}}
		}
		for _, kind := range lambdatest.Kinds() {
			e := decode[seen](t, lambdatest.Event(kind, r))
			text := line.text || kind == lambdatest.RestAPI
			assert.Equal(t, !text, e.IsBase64Encoded, "%s %q", kind, line.kind)
			if text {
				assert.Equal(t, "hello\x00 λ", e.Body, "%s %q", kind, line.kind)
			} else {
				assert.Equal(t, "aGVsbG8AIM67", e.Body, "%s %q", kind, line.kind)
			}
			r := r
			r.Base64 = true
			assert.Equal(t, "aGVsbG8AIM67", decode[seen](t, lambdatest.Event(kind, r)).Body)
		}
	}
	e := decode[seen](t, lambdatest.Event(lambdatest.RestAPI, lambdatest.Request{Body: []byte("a\xff\xfeb")}))
	assert.Equal(t, "a\ufffd\ufffdb", e.Body, "text that is not UTF-8 arrives damaged")
}

func TestRefused(t *testing.T) {
	for _, kind := range lambdatest.Kinds() {
		assert.NoError(t, lambdatest.Refused(kind, callback()))
		assert.Error(t, lambdatest.Refused(kind, lambdatest.Request{Body: make([]byte, 6<<20+1)}))
	}
	big := lambdatest.Request{Body: make([]byte, 1<<20+1)}
	assert.Error(t, lambdatest.Refused(lambdatest.ALB, big))
	assert.NoError(t, lambdatest.Refused(lambdatest.RestAPI, big))
}

func TestAnUnknownKindPanics(t *testing.T) {
	assert.Panics(t, func() { lambdatest.Event("cgi", lambdatest.Request{}) })
	assert.Panics(t, func() { _, _ = lambdatest.Answer("cgi", nil) })
}

func TestOthersAreNoEventsOfOurs(t *testing.T) {
	names := map[string]bool{}
	for _, other := range lambdatest.Others() {
		assert.False(t, names[other.Name], other.Name)
		names[other.Name] = true
		text := string(other.Event)
		for _, mark := range []string{`"httpMethod"`, `"rawPath"`, `"elb"`, `"aws:sqs"`, `"Scheduled Event"`} {
			// An authorizer is asked about a request, and told all of it.
			asked := strings.Contains(text, `"methodArn"`) || strings.Contains(text, `"routeArn"`)
			assert.True(t, asked || !strings.Contains(text, mark), "%s: %s", other.Name, mark)
		}
		if other.Name != "nothing" && other.Name != "half an object" {
			assert.True(t, json.Valid(other.Event), other.Name)
		}
	}
}
