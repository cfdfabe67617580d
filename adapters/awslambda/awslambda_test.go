package awslambda_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/adapters/awslambda"
	"github.com/imprest-go/imprest/adapters/nethttp"
	"github.com/imprest-go/imprest/core"
)

// object is an event while it is made.
type object map[string]any

func (o object) with(more object) object {
	made := object{}
	for k, v := range o {
		made[k] = v
	}
	for k, v := range more {
		if v == nil {
			delete(made, k)
			continue
		}
		made[k] = v
	}
	return made
}

func (o object) bytes(t testing.TB) []byte {
	t.Helper()
	text, err := json.Marshal(o)
	require.NoError(t, err)
	return text
}

// One request as each sender tells of it.
func restEvent() object {
	return object{
		"resource": "/{proxy+}", "path": "/callbacks/payment", "httpMethod": "POST",
		"headers":                         object{"Host": "shop.example", "X-Twice": "b"},
		"multiValueHeaders":               object{"Host": []string{"shop.example"}, "X-Twice": []string{"a, 1", "b"}},
		"queryStringParameters":           object{"q": "2"},
		"multiValueQueryStringParameters": object{"q": []string{"1 &", "2"}, "a": []string{""}},
		"requestContext":                  object{"stage": "prod", "path": "/prod/callbacks/payment", "identity": object{"sourceIp": "203.0.113.9"}},
		"body":                            `{"amount":"100"}`, "isBase64Encoded": false,
	}
}

func httpEvent() object {
	return object{
		"version": "2.0", "routeKey": "$default", "rawPath": "/callbacks/payment", "rawQueryString": "q=1%20%26&q=2&a=",
		"cookies":        []string{"c=1", "d=2"},
		"headers":        object{"host": "shop.example", "x-twice": "a, 1,b"},
		"requestContext": object{"stage": "$default", "domainName": "shop.example", "http": object{"method": "POST", "path": "/callbacks/payment", "sourceIp": "2001:db8::9"}},
		"body":           base64.StdEncoding.EncodeToString([]byte(`{"amount":"100"}`)), "isBase64Encoded": true,
	}
}

func urlEvent() object {
	return httpEvent().with(object{"requestContext": object{
		"stage": "$default", "domainName": "abc.lambda-url.cn-north-1.on.amazonaws.com.cn", "http": object{"method": "POST", "path": "/callbacks/payment", "sourceIp": "203.0.113.9"},
	}})
}

func albEvent() object {
	return object{
		"requestContext": object{"elb": object{"targetGroupArn": "arn:aws:elasticloadbalancing:x"}}, "httpMethod": "POST", "path": "/callbacks/payment",
		"queryStringParameters": object{"q": "1%20%26", "a": ""},
		"headers":               object{"host": "shop.example", "x-forwarded-for": "198.51.100.1, 203.0.113.9", "x-twice": "a, 1"},
		"body":                  `{"amount":"100"}`, "isBase64Encoded": false,
	}
}

func albMultiEvent() object {
	return albEvent().with(object{
		"headers": nil, "queryStringParameters": nil,
		"multiValueHeaders":               object{"host": []string{"shop.example"}, "x-forwarded-for": []string{"203.0.113.9"}, "x-twice": []string{"a, 1", "b"}},
		"multiValueQueryStringParameters": object{"q": []string{"1%20%26", "2"}},
	})
}

// see runs one event and returns what the handler saw.
func see(t testing.TB, cfg awslambda.Config, event []byte) (seen *core.Request, answer map[string]any) {
	t.Helper()
	cfg.HTTP = core.HandlerFunc(func(_ context.Context, r *core.Request) *core.Response {
		seen = r
		return core.Text(200, "success")
	})
	h, err := awslambda.New(cfg)
	require.NoError(t, err)
	out, err := h.Invoke(t.Context(), event)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(out, &answer))
	return seen, answer
}

func TestWhatEachSenderTells(t *testing.T) {
	for name, tt := range map[string]struct {
		event          object
		query, remote  string
		twice, cookies []string
	}{
		"REST API":            {restEvent(), "a=&q=1+%26&q=2", "203.0.113.9:0", []string{"a, 1", "b"}, nil},
		"HTTP API":            {httpEvent(), "q=1%20%26&q=2&a=", "[2001:db8::9]:0", []string{"a, 1,b"}, []string{"c=1; d=2"}},
		"function URL":        {urlEvent(), "q=1%20%26&q=2&a=", "203.0.113.9:0", []string{"a, 1,b"}, []string{"c=1; d=2"}},
		"load balancer":       {albEvent(), "a=&q=1%20%26", "203.0.113.9:0", []string{"a, 1"}, nil},
		"load balancer multi": {albMultiEvent(), "q=1%20%26&q=2", "203.0.113.9:0", []string{"a, 1", "b"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r, answer := see(t, awslambda.Config{}, tt.event.bytes(t))
			require.NotNil(t, r)
			assert.Equal(t, []string{"POST", "/callbacks/payment", tt.query, tt.remote, `{"amount":"100"}`}, []string{r.Method, r.Path, r.RawQuery, r.RemoteAddr, string(r.Body)})
			assert.Equal(t, core.HeaderField{Name: "Host", Value: "shop.example"}, r.Header[0])
			assert.Equal(t, tt.twice, r.Header.Values("x-twice"))
			assert.Equal(t, tt.cookies, r.Header.Values("Cookie"))
			assert.EqualValues(t, 200, answer["statusCode"])
			assert.Equal(t, "success", answer["body"])
			assert.Equal(t, false, answer["isBase64Encoded"])
		})
	}
}

func TestPaths(t *testing.T) {
	stage := func(name string) object {
		return object{"requestContext": object{"stage": name, "http": object{"method": "POST", "sourceIp": "203.0.113.9"}}}
	}
	for name, tt := range map[string]struct {
		cfg   awslambda.Config
		event object
		want  string // "" is 400
	}{
		"v2 decoded space":              {event: httpEvent().with(object{"rawPath": "/a b"}), want: "/a%20b"},
		"v2 decoded ?":                  {event: httpEvent().with(object{"rawPath": "/a?b=1"}), want: "/a%3Fb=1"},
		"v2 decoded #":                  {event: httpEvent().with(object{"rawPath": "/a#b"}), want: "/a%23b"},
		"v2 decoded %25":                {event: httpEvent().with(object{"rawPath": "/a%41"}), want: "/a%2541"},
		"v2 unicode":                    {event: httpEvent().with(object{"rawPath": "/门铃"}), want: "/%E9%97%A8%E9%93%83"},
		"v2 two slashes":                {event: httpEvent().with(object{"rawPath": "//host/x"}), want: "//host/x"},
		"v2 bad escape":                 {event: httpEvent().with(object{"rawPath": "/bad%zz"})},
		"v2 no path":                    {event: httpEvent().with(object{"rawPath": ""})},
		"v2 stage":                      {event: httpEvent().with(stage("prod")).with(object{"rawPath": "/prod/x"}), want: "/x"},
		"v2 stage alone":                {event: httpEvent().with(stage("prod")).with(object{"rawPath": "/prod"}), want: "/"},
		"v2 begins as the stage":        {event: httpEvent().with(stage("prod")).with(object{"rawPath": "/production"}), want: "/production"},
		"v2 stage kept":                 {cfg: awslambda.Config{KeepStage: true}, event: httpEvent().with(stage("prod")).with(object{"rawPath": "/prod/x"}), want: "/prod/x"},
		"v2 dots":                       {event: httpEvent().with(object{"rawPath": "/a/../b"}), want: "/a/../b"},
		"v1 as sent":                    {event: restEvent().with(object{"path": "/a%2Fb%20c"}), want: "/a%2Fb%20c"},
		"v1 bad escape":                 {event: restEvent().with(object{"path": "/bad%zz"})},
		"v1 half an escape":             {event: restEvent().with(object{"path": "/bad%4"})},
		"v1 no slash":                   {event: restEvent().with(object{"path": "x"})},
		"v1 star":                       {event: restEvent().with(object{"path": "*"})},
		"v1 a query in it":              {event: restEvent().with(object{"path": "/a?b"})},
		"v1 a control character":        {event: restEvent().with(object{"path": "/a\nb"})},
		"v1 base path":                  {cfg: awslambda.Config{BasePath: "/shop"}, event: restEvent().with(object{"path": "/shop/x"}), want: "/x"},
		"v1 begins as base path":        {cfg: awslambda.Config{BasePath: "/shop"}, event: restEvent().with(object{"path": "/shopping"}), want: "/shopping"},
		"v1 stage is not in path":       {event: restEvent().with(object{"path": "/prod/x"}), want: "/prod/x"},
		"v1 of an HTTP API, decoded":    {event: restEvent().with(object{"version": "1.0", "path": "/a b?c"}), want: "/a%20b%3Fc"},
		"v1 of an HTTP API, stage":      {event: restEvent().with(object{"version": "1.0", "path": "/prod/x"}), want: "/x"},
		"v1 of an HTTP API, kept":       {cfg: awslambda.Config{KeepStage: true}, event: restEvent().with(object{"version": "1.0", "path": "/prod/x"}), want: "/prod/x"},
		"v1 of an HTTP API, $default":   {event: restEvent().with(object{"version": "1.0", "requestContext": object{"stage": "$default"}}), want: "/callbacks/payment"},
		"v1 of an HTTP API, bad escape": {event: restEvent().with(object{"version": "1.0", "path": "/bad%zz"})},
		"ALB as sent":                   {event: albEvent().with(object{"path": "/a%2Fb"}), want: "/a%2Fb"},
		"ALB bad escape":                {event: albEvent().with(object{"path": "/bad%zz"})},
	} {
		r, answer := see(t, tt.cfg, tt.event.bytes(t))
		if tt.want == "" {
			assert.Nil(t, r, name)
			assert.EqualValues(t, 400, answer["statusCode"], name)
			assert.Equal(t, core.RefusedText, answer["body"], name)
			continue
		}
		require.NotNil(t, r, name)
		assert.Equal(t, tt.want, r.Path, name)
	}
}

func TestBadRequests(t *testing.T) {
	for name, tt := range map[string]struct {
		change object
		status int
	}{
		"broken base64":       {object{"body": "a$", "isBase64Encoded": true}, 400},
		"base64 with rubbish": {object{"body": "YQ=", "isBase64Encoded": true}, 400},
		"base64 loose bits":   {object{"body": "YR==", "isBase64Encoded": true}, 400},
		"too large":           {object{"body": strings.Repeat("x", core.MaxBody+1)}, 413},
		"too large, encoded":  {object{"body": base64.StdEncoding.EncodeToString(make([]byte, core.MaxBody+1)), "isBase64Encoded": true}, 413},
		"as large as may be":  {object{"body": base64.StdEncoding.EncodeToString(make([]byte, core.MaxBody)), "isBase64Encoded": true}, 200},
		"a header's line":     {object{"multiValueHeaders": nil, "headers": object{"x": "a\nb"}, "cookies": nil}, 400},
		"a header's name":     {object{"multiValueHeaders": nil, "headers": object{"x y": "a"}}, 400},
		"no header's name":    {object{"multiValueHeaders": nil, "headers": object{"": "a"}}, 400},
		"NUL in a header":     {object{"multiValueHeaders": nil, "headers": object{"x": "\x00"}}, 400},
		"a tab in a header":   {object{"multiValueHeaders": nil, "headers": object{"x": "a\tb"}}, 200},
	} {
		for kind, event := range map[string]object{"v1": restEvent(), "v2": httpEvent().with(object{"isBase64Encoded": false}), "ALB": albEvent()} {
			if kind == "v2" {
				event = event.with(object{"multiValueHeaders": nil})
			}
			r, answer := see(t, awslambda.Config{}, event.with(tt.change).bytes(t))
			assert.EqualValues(t, tt.status, answer["statusCode"], "%s %s", kind, name)
			assert.Equal(t, tt.status == 200, r != nil, "%s %s", kind, name)
		}
	}
	r, answer := see(t, awslambda.Config{}, restEvent().with(object{"httpMethod": "PO ST"}).bytes(t))
	assert.Nil(t, r)
	assert.EqualValues(t, 400, answer["statusCode"])
	r, answer = see(t, awslambda.Config{}, httpEvent().with(object{"rawQueryString": "a=\n"}).bytes(t))
	assert.Nil(t, r)
	assert.EqualValues(t, 400, answer["statusCode"])
}

// What is no request is never answered as one.
func TestEventsThatFailTheInvocation(t *testing.T) {
	h := awslambda.Wrap(core.HandlerFunc(func(context.Context, *core.Request) *core.Response {
		t.Error("the handler was called")
		return core.Text(200, "success")
	}))
	for name, tt := range map[string]struct{ event, says string }{
		"empty":                 {`{}`, "it is empty"},
		"null":                  {`null`, "none that this package knows"},
		"a list":                {`[]`, "no JSON object"},
		"no JSON":               {`{"secret":`, "no JSON object"},
		"SQS":                   {`{"Records":[{"eventSource":"aws:sqs","messageId":"1","body":"x"}]}`, "set Config.Message"},
		"SNS":                   {`{"Records":[{"EventSource":"aws:sns","Sns":{}}]}`, "records of aws:sns, and not of SQS"},
		"S3":                    {`{"Records":[{"eventSource":"aws:s3","messageId":"1"}]}`, "not of SQS"},
		"Kinesis":               {`{"Records":[{"eventSource":"aws:kinesis","eventID":"1","kinesis":{"data":"c2VjcmV0"}}]}`, "records of aws:kinesis, and not of SQS"},
		"DynamoDB":              {`{"Records":[{"eventID":"1","eventSource":"aws:dynamodb","dynamodb":{}}]}`, "not of SQS"},
		"Kafka":                 {`{"eventSource":"aws:kafka","records":{"t-0":[{"value":"c2VjcmV0"}]}}`, "it has 2 members"},
		"Firehose":              {`{"invocationId":"1","records":[{"recordId":"1","data":"c2VjcmV0"}]}`, "not of SQS"},
		"CloudWatch Logs":       {`{"awslogs":{"data":"c2VjcmV0"}}`, "it has 1 members"},
		"the console's test":    {`{"key1":"value1","key2":"value2","key3":"value3"}`, "it has 3 members"},
		"a WebSocket":           {`{"requestContext":{"routeKey":"$connect","eventType":"CONNECT","connectionId":"x"},"headers":{},"isBase64Encoded":false}`, "it has requestContext, headers, isBase64Encoded"},
		"a WebSocket's POST":    {string(restEvent().with(object{"requestContext": object{"routeKey": "$default", "eventType": "MESSAGE", "connectionId": "secret"}}).bytes(t)), "a WebSocket"},
		"a text":                {`"secret"`, "no JSON object"},
		"a number":              {`1`, "no JSON object"},
		"no byte":               {``, "no JSON object"},
		"no records":            {`{"Records":[]}`, "it has Records"},
		"SQS and something":     {`{"Records":[{"eventSource":"aws:sqs","messageId":"1"},{"eventSource":"aws:sns"}]}`, "not of SQS"},
		"a body that is none":   {`{"httpMethod":"POST","path":"/","body":{"secret":1}}`, "it has httpMethod, path, body"},
		"VPC Lattice":           {`{"version":"2.0","path":"/","method":"POST","headers":{"host":["secret"]},"body":"","requestContext":{"serviceArn":"x"}}`, "it has version, path, requestContext, headers, body"},
		"an authorizer of v1":   {string(restEvent().with(object{"type": "REQUEST", "methodArn": "arn:aws:execute-api:x"}).bytes(t)), "an authorizer"},
		"an authorizer of v2":   {string(httpEvent().with(object{"type": "REQUEST", "routeArn": "arn:aws:execute-api:x"}).bytes(t)), "an authorizer"},
		"an authorizer's token": {`{"type":"TOKEN","methodArn":"arn:aws:execute-api:x","authorizationToken":"secret"}`, "none that this package knows"},
		"a Scheduler's":         {`{"source":"aws.scheduler","detail-type":"Scheduled Event","detail":"{}"}`, "set Config.Tick"},
		"a schedule":            {`{"source":"aws.events","detail-type":"Scheduled Event","detail":{}}`, "set Config.Tick"},
		"another event":         {`{"source":"aws.ec2","detail-type":"x","detail":{}}`, "of aws.ec2 is none that this package knows: it has source, detail-type, detail"},
		"anything":              {`{"a-secret":"x"}`, "it has 1 members, and none"},
		"of two minds":          {string(restEvent().with(httpEvent()).bytes(t)), "of two minds"},
		"v1 that says 2.0":      {string(restEvent().with(object{"version": "2.0"}).bytes(t)), "fields of v1 and of v2"},
		"v1 with a rawPath":     {string(restEvent().with(object{"rawPath": "/"}).bytes(t)), "fields of v1 and of v2"},
		"v2 that says nothing":  {string(httpEvent().with(object{"version": nil}).bytes(t)), "fields of v1 and of v2"},
		"v2 with v1's headers":  {string(httpEvent().with(object{"multiValueHeaders": object{}}).bytes(t)), "fields of v1 and of v2"},
		"requests and records":  {string(restEvent().with(object{"Records": []object{{"eventSource": "aws:sqs", "messageId": "1"}}}).bytes(t)), "of two minds"},
	} {
		out, err := h.Invoke(t.Context(), []byte(tt.event))
		assert.Nil(t, out, name)
		assert.ErrorContains(t, err, tt.says, name)
		assert.NotContains(t, err.Error(), "secret", name)
	}
	onlyTicks, err := awslambda.New(awslambda.Config{Tick: func(context.Context) error { return nil }})
	require.NoError(t, err)
	_, err = onlyTicks.Invoke(t.Context(), httpEvent().bytes(t))
	assert.ErrorContains(t, err, "set Config.HTTP")
}

// What the console's "Test" of a method sends, and people who write events by hand.
func TestEventsWithNulls(t *testing.T) {
	for name, event := range map[string]object{
		"v1":             restEvent(),
		"v1 of HTTP API": restEvent().with(object{"version": "1.0"}),
		"v2":             httpEvent(),
		"URL":            urlEvent(),
		"ALB":            albEvent(),
		"ALB multi":      albMultiEvent(),
	} {
		text := event.bytes(t)
		var all map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(text, &all))
		for _, member := range []string{"headers", "multiValueHeaders", "queryStringParameters", "multiValueQueryStringParameters", "body", "isBase64Encoded", "cookies"} {
			all[member] = json.RawMessage("null")
		}
		text, err := json.Marshal(all)
		require.NoError(t, err)
		r, answer := see(t, awslambda.Config{}, text)
		require.NotNil(t, r, name)
		assert.Equal(t, "/callbacks/payment", r.Path, name)
		assert.Empty(t, r.Body, name)
		assert.Empty(t, r.Header, name)
		assert.EqualValues(t, 200, answer["statusCode"], name)
	}
	r, _ := see(t, awslambda.Config{}, []byte(`{"httpMethod":"POST","path":"/x","headers":{"A":"1"},"multiValueHeaders":{},"queryStringParameters":{"q":"1"},"multiValueQueryStringParameters":{},"requestContext":null,"body":"b"}`))
	require.NotNil(t, r)
	assert.Equal(t, []any{"1", "q=1", "b", ""}, []any{r.Header.Get("A"), r.RawQuery, string(r.Body), r.RemoteAddr})
	r, _ = see(t, awslambda.Config{}, []byte(`{"httpMethod":"GET","path":"/x","requestContext":{"stage":"test-invoke-stage","identity":{"sourceIp":"test-invoke-source-ip"}}}`))
	require.NotNil(t, r)
	assert.Equal(t, []string{"/x", ""}, []string{r.Path, r.RemoteAddr})
}

func TestAnswers(t *testing.T) {
	answer := &core.Response{Status: 201, Body: []byte("好\x00"), Header: core.Header{
		{Name: "content-type", Value: "text/plain"}, {Name: "Content-Type", Value: "text/html"}, {Name: "Set-Cookie", Value: "a=1, x"}, {Name: "set-cookie", Value: "b=2"},
		{Name: "X-Twice", Value: "1"}, {Name: "X-Twice", Value: "2"}, {Name: "X-Line", Value: "a\r\nX-Evil: b"}, {Name: "bad name", Value: "x"}, {Name: "Content-Length", Value: "9"},
	}}
	run := func(event object, resp *core.Response) map[string]any {
		out, err := awslambda.Wrap(core.HandlerFunc(func(context.Context, *core.Request) *core.Response { return resp })).Invoke(t.Context(), event.bytes(t))
		require.NoError(t, err)
		var told map[string]any
		require.NoError(t, json.Unmarshal(out, &told))
		return told
	}
	for name, tt := range map[string]struct {
		event object
		want  map[string]any
	}{
		"v1": {restEvent(), map[string]any{
			"statusCode": 201.0, "body": "好\x00", "isBase64Encoded": false,
			"multiValueHeaders": map[string]any{"Content-Type": []any{"text/plain"}, "Set-Cookie": []any{"a=1, x", "b=2"}, "X-Twice": []any{"1", "2"}, "X-Line": []any{"a  X-Evil: b"}},
		}},
		"v2": {httpEvent(), map[string]any{
			"statusCode": 201.0, "body": "好\x00", "isBase64Encoded": false, "cookies": []any{"a=1, x", "b=2"},
			"headers": map[string]any{"Content-Type": "text/plain", "X-Twice": "1, 2", "X-Line": "a  X-Evil: b"},
		}},
		"ALB": {albEvent(), map[string]any{
			"statusCode": 201.0, "statusDescription": "201 Created", "body": "好\x00", "isBase64Encoded": false,
			"headers": map[string]any{"Content-Type": "text/plain", "Set-Cookie": "a=1, x", "set-Cookie": "b=2", "X-Twice": "1, 2", "X-Line": "a  X-Evil: b"},
		}},
		"ALB multi": {albMultiEvent(), map[string]any{
			"statusCode": 201.0, "statusDescription": "201 Created", "body": "好\x00", "isBase64Encoded": false,
			"multiValueHeaders": map[string]any{"Content-Type": []any{"text/plain"}, "Set-Cookie": []any{"a=1, x", "b=2"}, "X-Twice": []any{"1", "2"}, "X-Line": []any{"a  X-Evil: b"}},
		}},
	} {
		assert.Equal(t, tt.want, run(tt.event, answer), name)
	}
	binary := run(httpEvent(), &core.Response{Body: []byte{0xff, 0x00}})
	assert.Equal(t, []any{"/wA=", true, 200.0}, []any{binary["body"], binary["isBase64Encoded"], binary["statusCode"]})
	assert.Nil(t, binary["headers"], "no type is guessed")
	for name, resp := range map[string]*core.Response{"nil": nil, "status 100": {Status: 100}, "status 999": {Status: 999}} {
		assert.EqualValues(t, 500, run(restEvent(), resp)["statusCode"], name)
	}
	assert.Empty(t, run(restEvent(), &core.Response{Status: 204, Body: []byte("x")})["body"])
	assert.Empty(t, run(restEvent().with(object{"httpMethod": "HEAD"}), &core.Response{Body: []byte("x")})["body"])
	out, err := awslambda.Wrap(core.HandlerFunc(func(context.Context, *core.Request) *core.Response { panic("x") })).Invoke(t.Context(), restEvent().bytes(t))
	require.NoError(t, err)
	assert.Contains(t, string(out), `"statusCode":500`)
}

func TestMessages(t *testing.T) {
	var got []string
	h, err := awslambda.New(awslambda.Config{Message: func(_ context.Context, body []byte) error {
		got = append(got, string(body))
		switch string(body) {
		case "bad":
			return errors.New("no")
		case "panic":
			panic("no")
		}
		return nil
	}})
	require.NoError(t, err)
	batch := func(arn string, bodies ...string) []byte {
		var records []object
		for i, body := range bodies {
			records = append(records, object{"eventSource": "aws:sqs", "eventSourceARN": arn, "messageId": fmt.Sprint("m", i), "body": body})
		}
		return object{"Records": records}.bytes(t)
	}
	out, err := h.Invoke(t.Context(), batch("arn:aws:sqs:x:q", "a", "bad", "b", "panic", ""))
	require.NoError(t, err)
	assert.JSONEq(t, `{"batchItemFailures":[{"itemIdentifier":"m1"},{"itemIdentifier":"m3"}]}`, string(out))
	assert.Equal(t, []string{"a", "bad", "b", "panic", ""}, got)
	out, err = h.Invoke(t.Context(), batch("arn:aws:sqs:x:q", "a"))
	require.NoError(t, err)
	assert.JSONEq(t, `{"batchItemFailures":[]}`, string(out), "a list, or all would come again")

	got = nil
	out, err = h.Invoke(t.Context(), batch("arn:aws:sqs:x:q.fifo", "a", "bad", "b"))
	require.NoError(t, err)
	assert.JSONEq(t, `{"batchItemFailures":[{"itemIdentifier":"m1"},{"itemIdentifier":"m2"}]}`, string(out))
	assert.Equal(t, []string{"a", "bad"}, got, "in order, or not at all")

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	got = nil
	out, err = h.Invoke(ended, batch("arn:aws:sqs:x:q", "a"))
	require.NoError(t, err)
	assert.JSONEq(t, `{"batchItemFailures":[{"itemIdentifier":"m0"}]}`, string(out), "what there is no time for comes again")
	assert.Empty(t, got)
}

func TestSchedules(t *testing.T) {
	var fail error
	ticks := 0
	h, err := awslambda.New(awslambda.Config{Tick: func(context.Context) error { ticks++; return fail }})
	require.NoError(t, err)
	event := []byte(`{"version":"0","source":"aws.events","detail-type":"Scheduled Event","detail":{}}`)
	_, err = h.Invoke(t.Context(), event)
	require.NoError(t, err)
	_, err = h.Invoke(t.Context(), []byte(`{"version":"0","source":"aws.scheduler","detail-type":"Scheduled Event","detail":"{}"}`))
	require.NoError(t, err, "of EventBridge Scheduler")
	fail = errors.New("the sweep failed")
	_, err = h.Invoke(t.Context(), event)
	require.ErrorIs(t, err, fail)
	assert.Equal(t, 3, ticks)
}

// The context ends before the invocation does, so that an answer still leaves.
func TestTheMargin(t *testing.T) {
	for left, want := range map[time.Duration]time.Duration{30 * time.Second: 29500 * time.Millisecond, time.Second: 800 * time.Millisecond} {
		ctx, cancel := context.WithTimeout(t.Context(), left)
		defer cancel()
		var until time.Time
		h := awslambda.Wrap(core.HandlerFunc(func(ctx context.Context, _ *core.Request) *core.Response {
			until, _ = ctx.Deadline()
			return core.Text(200, "")
		}))
		end, _ := ctx.Deadline()
		_, err := h.Invoke(ctx, restEvent().bytes(t))
		require.NoError(t, err)
		assert.InDelta(t, float64(left-want), float64(end.Sub(until)), float64(50*time.Millisecond))
	}
}

func TestNewChecks(t *testing.T) {
	handler := core.HandlerFunc(func(context.Context, *core.Request) *core.Response { return nil })
	for says, cfg := range map[string]awslambda.Config{
		"HTTP, Message or Tick": {}, "MaxBody": {HTTP: handler, MaxBody: -1}, "Margin": {HTTP: handler, Margin: -1},
		"BasePath": {HTTP: handler, BasePath: "shop"}, "slash at its end": {HTTP: handler, BasePath: "/shop/"},
	} {
		_, err := awslambda.New(cfg)
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err), says)
		assert.ErrorContains(t, err, says)
	}
}

// Whatever arrives: an answer that the sender takes, or an error, and no panic.
func FuzzInvoke(f *testing.F) {
	for _, event := range []object{restEvent(), httpEvent(), urlEvent(), albEvent(), albMultiEvent(), {"Records": []object{{"eventSource": "aws:sqs", "messageId": "1", "body": "x"}}}, {"source": "aws.events", "detail-type": "Scheduled Event"}} {
		f.Add(event.bytes(f))
	}
	h, err := awslambda.New(awslambda.Config{
		HTTP: core.HandlerFunc(func(_ context.Context, r *core.Request) *core.Response {
			if !strings.HasPrefix(r.Path, "/") || strings.ContainsAny(r.Path, "?# \n") || strings.ContainsAny(r.RawQuery, " \n") {
				panic(fmt.Sprintf("a path that cannot be: %q %q", r.Path, r.RawQuery))
			}
			return &core.Response{Header: r.Header, Body: r.Body}
		}),
		Message: func(context.Context, []byte) error { return nil },
		Tick:    func(context.Context) error { return nil },
	})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, event []byte) {
		out, err := h.Invoke(t.Context(), event)
		if err != nil {
			return
		}
		require.True(t, json.Valid(out))
		require.NotContains(t, string(out), core.TryLaterText, "the handler panicked")
	})
}

// A callback handler on Lambda: the whole main.
func ExampleStart() {
	handler := core.HandlerFunc(func(context.Context, *core.Request) *core.Response {
		return core.Text(http.StatusOK, "success") // callback.Payment, in earnest
	})
	main := func() { awslambda.Start(awslambda.Wrap(handler)) }
	_ = main // Lambda calls it; a test calls Invoke
}

// A test hands a Handler what Lambda would.
func ExampleHandler_Invoke() {
	h := awslambda.Wrap(core.HandlerFunc(func(_ context.Context, r *core.Request) *core.Response {
		return core.Text(http.StatusOK, r.Method+" "+r.Path+"?"+r.RawQuery)
	}))
	out, err := h.Invoke(context.Background(), []byte(`{
		"version": "2.0", "rawPath": "/callbacks/payment", "rawQueryString": "a=1",
		"requestContext": {"stage": "$default", "http": {"method": "POST", "sourceIp": "203.0.113.9"}}
	}`))
	fmt.Println(string(out), err)
	// Output: {"statusCode":200,"headers":{"Content-Type":"text/plain; charset=utf-8","X-Content-Type-Options":"nosniff"},"body":"POST /callbacks/payment?a=1","isBase64Encoded":false} <nil>
}

// A mux of your own rides along.
func ExampleWrap() {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })
	h := awslambda.Wrap(nethttp.FromHTTP(mux))
	out, err := h.Invoke(context.Background(), []byte(`{
		"httpMethod": "GET", "path": "/healthz", "requestContext": {"stage": "prod"}, "multiValueHeaders": {"Host": ["shop.example"]}
	}`))
	fmt.Println(string(out), err)
	// Output: {"statusCode":200,"multiValueHeaders":{"Content-Type":["text/plain; charset=utf-8"]},"body":"ok","isBase64Encoded":false} <nil>
}
