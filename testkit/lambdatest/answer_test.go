package lambdatest_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/testkit/lambdatest"
)

const (
	rest     = lambdatest.RestAPI
	http     = lambdatest.HTTPAPI
	http1    = lambdatest.HTTPAPI1
	url      = lambdatest.FunctionURL
	alb      = lambdatest.ALB
	albMulti = lambdatest.ALBMulti
)

func TestAnswersThatAreTaken(t *testing.T) {
	type lines = [][2]string
	for _, line := range []struct {
		name    string
		kind    lambdatest.Kind
		payload string
		want    lambdatest.Response
	}{
		{"text", rest, `{"statusCode":200,"headers":{"Content-Type":"text/plain"},"body":"success"}`,
			lambdatest.Response{Status: 200, Header: lines{{"Content-Type", "text/plain"}}, Body: []byte("success")}},
		{"status alone", rest, `{"statusCode":204}`, lambdatest.Response{Status: 204, Body: []byte{}}},
		{"null is nothing", rest, `{"statusCode":200,"headers":null,"multiValueHeaders":null,"body":null}`, lambdatest.Response{Status: 200, Body: []byte{}}},
		{"both maps", rest, `{"statusCode":200,"headers":{"A":"1","B":"2"},"multiValueHeaders":{"b":["2","3"]}}`,
			lambdatest.Response{Status: 200, Header: lines{{"A", "1"}, {"b", "2"}, {"b", "3"}}, Body: []byte{}}},
		{"both maps, and what is not known", http1, `{"statusCode":200,"headers":{"A":"1"},"multiValueHeaders":{"b":["2","3"]},"cookies":["c=1"]}`,
			lambdatest.Response{Status: 200, Header: lines{{"A", "1"}, {"b", "2"}, {"b", "3"}}, Body: []byte{}}},
		{"base64", rest, `{"statusCode":200,"isBase64Encoded":true,"body":"AP8="}`, lambdatest.Response{Status: 200, Body: []byte{0, 255}}},
		{"cookies", http, `{"statusCode":302,"headers":{"location":"/"},"cookies":["a=1; Path=/","b=2"],"body":""}`,
			lambdatest.Response{Status: 302, Header: lines{{"location", "/"}, {"Set-Cookie", "a=1; Path=/"}, {"Set-Cookie", "b=2"}}, Body: []byte{}}},
		{"format 2 ignores what it does not know", http, `{"statusCode":200,"multiValueHeaders":{"A":["1"]},"x":{}}`, lambdatest.Response{Status: 200, Body: []byte{}}},
		{"inferred from an object", http, ` {"message":"hello"} `,
			lambdatest.Response{Status: 200, Header: lines{{"content-type", "application/json"}}, Body: []byte(`{"message":"hello"}`)}},
		{"inferred from a text", url, `"hello"`,
			lambdatest.Response{Status: 200, Header: lines{{"content-type", "application/json"}}, Body: []byte(`"hello"`)}},
		{"a name in another case is another name", url, `{"StatusCode":500}`,
			lambdatest.Response{Status: 200, Header: lines{{"content-type", "application/json"}}, Body: []byte(`{"StatusCode":500}`)}},
		{"balancer", alb, `{"statusCode":200,"statusDescription":"200 OK","isBase64Encoded":false,"headers":{"Set-Cookie":"a=1"},"body":"x"}`,
			lambdatest.Response{Status: 200, Header: lines{{"Set-Cookie", "a=1"}}, Body: []byte("x")}},
		{"balancer, multi", albMulti, `{"statusCode":200,"multiValueHeaders":{"Set-Cookie":["a=1","b=2"]}}`,
			lambdatest.Response{Status: 200, Header: lines{{"Set-Cookie", "a=1"}, {"Set-Cookie", "b=2"}}, Body: []byte{}}},
	} {
		t.Run(line.name, func(t *testing.T) {
			got, err := lambdatest.Answer(line.kind, []byte(line.payload))
			require.NoError(t, err)
			assert.Equal(t, line.want, got)
		})
	}
}

func TestAnswersThatAreRefused(t *testing.T) {
	all := lambdatest.Kinds()
	named := []lambdatest.Kind{rest, alb, albMulti}
	for _, line := range []struct {
		name    string
		kinds   []lambdatest.Kind
		payload string
	}{
		{"nothing", all, ``},
		{"no JSON", all, `success`},
		{"two values", all, `{"statusCode":200}{}`},
		{"not UTF-8", all, "{\"statusCode\":200,\"body\":\"\xff\"}"},
		{"null", named, `null`},
		{"a text", named, `"success"`},
		{"an array", named, `[{"statusCode":200}]`},
		{"no status", named, `{"body":"success"}`},
		{"a status in quotation marks", all, `{"statusCode":"200"}`},
		{"a status that is no integer", all, `{"statusCode":200.5}`},
		{"status 0", all, `{"statusCode":0}`},
		{"status 100", all, `{"statusCode":100}`},
		{"status 600", all, `{"statusCode":600}`},
		{"status null", all, `{"statusCode":null}`},
		{"two statuses", all, `{"statusCode":200,"statusCode":500}`},
		{"a body that is an object", all, `{"statusCode":200,"body":{"ok":true}}`},
		{"a body that is a number", all, `{"statusCode":200,"body":1}`},
		{"base64 as a text", all, `{"statusCode":200,"isBase64Encoded":"true","body":""}`},
		{"base64 null", all, `{"statusCode":200,"isBase64Encoded":null,"body":""}`},
		{"broken base64", all, `{"statusCode":200,"isBase64Encoded":true,"body":"a"}`},
		{"base64 in lines", all, `{"statusCode":200,"isBase64Encoded":true,"body":"AP\r\n8="}`},
		{"headers in an array", []lambdatest.Kind{rest, http, url, alb}, `{"statusCode":200,"headers":["A: 1"]}`},
		{"a header that is a number", []lambdatest.Kind{rest, http, url, alb}, `{"statusCode":200,"headers":{"Content-Length":1}}`},
		{"a header with a line break", []lambdatest.Kind{rest, http, url, alb}, `{"statusCode":200,"headers":{"A":"1\r\nB: 2"}}`},
		{"a name with a blank", []lambdatest.Kind{rest, http, url, alb}, `{"statusCode":200,"headers":{"A B":"1"}}`},
		{"no name", []lambdatest.Kind{rest, http, url, alb}, `{"statusCode":200,"headers":{"":"1"}}`},
		{"a multi-value header that is a text", []lambdatest.Kind{rest, albMulti}, `{"statusCode":200,"multiValueHeaders":{"A":"1"}}`},
		{"a multi-value header with a number", []lambdatest.Kind{rest, albMulti}, `{"statusCode":200,"multiValueHeaders":{"A":[1]}}`},
		{"cookies in a text", []lambdatest.Kind{http, url}, `{"statusCode":200,"cookies":"a=1"}`},
		{"a cookie with a line break", []lambdatest.Kind{http, url}, `{"statusCode":200,"cookies":["a=1\n"]}`},
		{"a member that nobody knows", []lambdatest.Kind{rest}, `{"statusCode":200,"cookies":[]}`},
		{"a member that nobody knows, null", []lambdatest.Kind{rest}, `{"statusCode":200,"cookies":null}`},
		{"multi-value headers switched off", []lambdatest.Kind{alb}, `{"statusCode":200,"headers":{},"multiValueHeaders":{}}`},
		{"multi-value headers switched on", []lambdatest.Kind{albMulti}, `{"statusCode":200,"headers":{}}`},
		{"a description without the status", []lambdatest.Kind{alb, albMulti}, `{"statusCode":200,"statusDescription":"OK"}`},
		{"a description of another status", []lambdatest.Kind{alb, albMulti}, `{"statusCode":200,"statusDescription":"500 Oops"}`},
		{"a description that is null", []lambdatest.Kind{alb, albMulti}, `{"statusCode":200,"statusDescription":null}`},
		{"headers that are null", []lambdatest.Kind{alb}, `{"statusCode":200,"headers":null}`},
		{"an answer to a batch", named, `{"batchItemFailures":[]}`},
		{"more than 6 MB", []lambdatest.Kind{rest, http, url}, `{"statusCode":200,"body":"` + strings.Repeat("a", 6<<20) + `"}`},
		{"more than 1 MB", []lambdatest.Kind{alb, albMulti}, `{"statusCode":200,"body":"` + strings.Repeat("a", 1<<20) + `"}`},
	} {
		for _, kind := range line.kinds {
			t.Run(line.name+"/"+string(kind), func(t *testing.T) {
				_, err := lambdatest.Answer(kind, []byte(line.payload))
				var gateway *lambdatest.GatewayError
				require.True(t, errors.As(err, &gateway), "taken: %v", err)
				assert.Equal(t, kind, gateway.Kind)
				want := 502
				if kind == http || kind == http1 {
					want = 500
				}
				assert.Equal(t, want, gateway.Status)
				assert.NotEmpty(t, gateway.Reason)
			})
		}
	}
}

func TestResponseLooksUpLines(t *testing.T) {
	resp, err := lambdatest.Answer(http, []byte(`{"statusCode":200,"headers":{"content-type":"text/plain"},"cookies":["a=1","b=2"]}`))
	require.NoError(t, err)
	assert.Equal(t, "text/plain", resp.Get("Content-Type"))
	assert.Equal(t, []string{"a=1", "b=2"}, resp.Values("Set-Cookie"))
	assert.Empty(t, resp.Get("Location"))
}

func TestReadSQSAnswer(t *testing.T) {
	for payload, want := range map[string][]string{
		`{}`: nil, `null`: nil, `{"batchItemFailures":[]}`: nil, `{"batchItemFailures":null}`: nil,
		`{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"b"}]}`: {"a", "b"},
	} {
		failed, err := lambdatest.ReadSQSAnswer([]byte(payload))
		require.NoError(t, err, payload)
		assert.Equal(t, want, failed, payload)
	}
	for _, payload := range []string{
		``, `"ok"`, `[]`, `{"statusCode":200}`, `{"batchItemFailures":{}}`, `{"batchItemFailures":["a"]}`,
		`{"batchItemFailures":[{}]}`, `{"batchItemFailures":[{"itemIdentifier":""}]}`, `{"batchItemFailures":[{"itemIdentifier":null}]}`,
		`{"batchItemFailures":[{"itemIdentifer":"a"}]}`, `{"batchItemFailures":[{"itemIdentifier":"a","x":1}]}`,
		`{"batchItemFailures":[],"batchItemFailures":[]}`, `{"batchItemFailures":[]}x`,
	} {
		_, err := lambdatest.ReadSQSAnswer([]byte(payload))
		assert.Error(t, err, payload)
	}
}
