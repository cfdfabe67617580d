package requests

import (
	"bytes"
	"slices"
	"strings"

	"github.com/imprest-go/imprest/core"
)

// row is a request that every transport carries, and what its handler answers.
type row struct {
	name string
	request
	// response is what the handler answers; the zero value is core.Text(200,
	// "success").
	response core.Response
}

var allBytes = func() []byte {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	return all
}()

var (
	jsonType   = [2]string{"Content-Type", "application/json"}
	formType   = [2]string{"Content-Type", "application/x-www-form-urlencoded"}
	binaryType = [2]string{"Content-Type", "application/octet-stream"}
	textType   = [2]string{"Content-Type", "text/plain; charset=utf-8"}
)

const payment = `{"app_id":"test","amount":"100","remark":"门铃 <&> \u0041","sign":"0123456789ABCDEF0123456789ABCDEF"}`

func get(path, query string) request { return request{method: "GET", path: path, query: query} }

func head(lines ...[2]string) request { return request{method: "GET", header: lines} }

func post(body string, lines ...[2]string) request {
	return request{body: []byte(body), header: lines}
}

// rows is the table, by what of a request is at stake.
func rows() []row {
	return slices.Concat(methodRows, pathRows, queryRows, headerRows, bodyRows, answerRows)
}

var methodRows = []row{
	{name: "method: GET", request: get("/", "")},
	{name: "method: HEAD", request: request{method: "HEAD"}},
	{name: "method: POST without a body", request: request{method: "POST"}},
	{name: "method: PUT", request: request{method: "PUT", body: []byte("x"), header: [][2]string{textType}}},
	{name: "method: PATCH", request: request{method: "PATCH", body: []byte(`{}`), header: [][2]string{jsonType}}},
	{name: "method: DELETE", request: request{method: "DELETE"}},
	{name: "method: OPTIONS", request: request{method: "OPTIONS", header: [][2]string{{"Access-Control-Request-Headers", "x-a,x-b"}}}},
	{name: "method: a method of one's own", request: request{method: "PURGE"}},
	{name: "method: a method in lower case is another", request: request{method: "post"}},
	{name: "method: GET with a body", request: request{method: "GET", body: []byte(payment), header: [][2]string{jsonType}}},
}

var pathRows = []row{
	{name: "path: a slash at the end", request: get("/callbacks/", "")},
	{name: "path: two slashes at the front are no host", request: get("//host/x", "a=1")},
	{name: "path: two slashes within", request: get("/a//b", "")},
	{name: "path: dots", request: get("/a/../b/./c", "")},
	{name: "path: encoded dots", request: get("/%2e%2e/%2E%2E/etc/passwd", "")},
	{name: "path: an encoded slash", request: get("/a%2Fb", "")},
	{name: "path: an encoded slash in lower case", request: get("/a%2fb", "")},
	{name: "path: an encoded ? is no query", request: get("/a%3Fadmin=1", "")},
	{name: "path: an encoded ? before a query", request: get("/a%3Fadmin=1", "admin=0")},
	{name: "path: an encoded # keeps the query", request: get("/a%23b", "q=1")},
	{name: "path: an encoded space", request: get("/a%20b", "")},
	{name: "path: a plus is a plus", request: get("/a+b", "")},
	{name: "path: an encoded plus", request: get("/a%2Bb", "")},
	{name: "path: an encoded &", request: get("/a%26b", "")},
	{name: "path: a letter that is encoded for nothing", request: get("/%41", "")},
	{name: "path: unicode", request: get("/%E9%97%A8%E9%93%83", "")},
	{name: "path: unicode in lower-case escapes", request: get("/caf%c3%a9", "")},
	{name: "path: an emoji", request: get("/%F0%9F%94%94", "")},
	{name: "path: bytes that are no text", request: get("/%ff%fe", "")},
	{name: "path: an encoded escape", request: get("/a%2541", "")},
	{name: "path: an encoded escape of a slash", request: get("/a%252Fb", "")},
	{name: "path: an encoded percent sign", request: get("/100%25", "")},
	{name: "path: an encoded percent sign within", request: get("/100%25zz", "")},
	{name: "path: an encoded NUL", request: get("/a%00b", "")},
	{name: "path: encoded line breaks", request: get("/a%0d%0aX-Evil:%201", "")},
	{name: "path: an encoded quote", request: get("/%22%27%3C", "")},
	{name: "path: what a path may hold as it is", request: get("/a;b=c,d:e@f!g$h'i(j)k*l=~_-.", "")},
	{name: "path: a name like the stage's", request: get("/prod/x", "")},
	{name: "path: a long path", request: get("/"+strings.Repeat("a/", 1000), "")},
}

var queryRows = []row{
	{name: "query: a query", request: get("/", "a=1")},
	{name: "query: not in the order of names", request: get("/", "b=2&a=1")},
	{name: "query: a name twice", request: get("/", "a=2&b=x&a=1")},
	{name: "query: a name in two cases", request: get("/", "a=1&A=2")},
	{name: "query: a name without a value", request: get("/", "a&b")},
	{name: "query: an empty value", request: get("/", "a=&b=")},
	{name: "query: an empty name", request: get("/", "=a")},
	{name: "query: nothing between two &", request: get("/", "a=1&&b=2&")},
	{name: "query: a value with =", request: get("/", "sign=YQ==&x=1")},
	{name: "query: encoded separators", request: get("/", "a=1%26b%3D2&c=%23")},
	{name: "query: an encoded space and a plus", request: get("/", "a=x%20y&b=x+y&c=x%2By")},
	{name: "query: an encoded percent sign", request: get("/", "a=%2541&b=100%25")},
	{name: "query: unicode", request: get("/", "name=%E9%97%A8%E9%93%83&%C3%A9=%F0%9F%94%94")},
	{name: "query: bytes that are no text", request: get("/", "a=%e9%97")},
	{name: "query: a ? and a / in it", request: get("/", "to=https://shop.example/?x=1")},
	{name: "query: brackets", request: get("/", "a[]=1&a[]=2&b[x]=3")},
	{name: "query: quotes and angles", request: get("/", "a=%22%3Cscript%3E'")},
	{name: "query: a semicolon is no separator", request: get("/", "a=1;b=2")},
	{name: "query: an escape that is none", request: get("/", "a=%zz")},
	{name: "query: encoded line breaks", request: get("/", "a=1%0d%0aX-Evil:%201")},
	{name: "query: a comma in a value", request: get("/", "a=1,2&a=3")},
	{name: "query: a long query", request: get("/", strings.Repeat("abcdefgh=ijklmnop&", 300)+"z=1")},
	{name: "query: a query of a POST is not its body", request: request{query: "amount=1", body: []byte("amount=100"), header: [][2]string{formType}}},
}

var headerRows = []row{
	{name: "header: a signature with a comma", request: head([2]string{"X-Sig", "v1,abc"})},
	{name: "header: a date", request: head([2]string{"If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT"})},
	{name: "header: a browser", request: head([2]string{"User-Agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"})},
	{name: "header: a list", request: head([2]string{"Accept", "text/html,application/xml;q=0.9,*/*;q=0.8"})},
	{name: "header: a line twice", request: head([2]string{"X-Twice", "a"}, [2]string{"X-Other", "o"}, [2]string{"X-Twice", "b"})},
	{name: "header: a line twice, with commas", request: head([2]string{"X-Twice", "a, 1"}, [2]string{"X-Twice", "b, 2"})},
	{name: "header: a line twice, in two cases", request: head([2]string{"X-Twice", "a"}, [2]string{"x-twice", "b"})},
	{name: "header: a name in mixed case", request: head([2]string{"x-CuStOm-NAME", "v"})},
	{name: "header: a name of odd characters", request: head([2]string{"X_!#$%&'*+-.^`|~1", "v"})},
	{name: "header: names that scripts trip over", request: head([2]string{"__proto__", "x"}, [2]string{"Constructor", "y"})},
	{name: "header: an empty value", request: head([2]string{"X-Empty", ""})},
	{name: "header: white space around a value", request: head([2]string{"X-Space", "  a b  "})},
	{name: "header: a tab in a value", request: head([2]string{"X-Tab", "a\tb"})},
	{name: "header: quotes, backslashes and angles", request: head([2]string{"If-None-Match", `W/"a\b<&>"`})},
	{name: "header: unicode", request: head([2]string{"X-Name", "门铃 é 🔔"})},
	{name: "header: a C1 character", request: head([2]string{"X-C1", "a\u0085b"})},
	{name: "header: credentials", request: head([2]string{"Authorization", "Basic dXNlcjpwYXNz=="})},
	{name: "header: a cookie", request: head([2]string{"Cookie", "session=abc"})},
	{name: "header: several cookies", request: head([2]string{"Cookie", `a=1; b="x y"; c=d=e`})},
	{name: "header: two lines of cookies", request: head([2]string{"Cookie", "a=1; b=2"}, [2]string{"Cookie", "c=3"})},
	{name: "header: a forged forward", request: head([2]string{"X-Forwarded-For", "1.2.3.4, 5.6.7.8"})},
	{name: "header: a client with IPv6", request: request{method: "GET", remote: "2001:db8::9"}},
	{name: "header: a client with mapped IPv4", request: request{method: "GET", remote: "::ffff:203.0.113.9"}},
	{name: "header: a long value", request: head([2]string{"X-Long", strings.Repeat("0123456789abcdef", 400)})},
	{name: "header: many lines", request: head(manyLines(60)...)},
}

func manyLines(n int) (lines [][2]string) {
	for i := range n {
		lines = append(lines, [2]string{"X-" + string(rune('A'+i%26)) + string(rune('A'+i/26)), strings.Repeat("v", i)})
	}
	return lines
}

var bodyRows = []row{
	{name: "body: a payment", request: post(payment, jsonType)},
	{name: "body: a payment, encoded", request: request{body: []byte(payment), header: [][2]string{jsonType}, encoded: true}},
	{name: "body: JSON with its spaces, order and repeats", request: post("{ \"b\" : 1.0,\n\t\"a\":1e2, \"a\": \"\\u0041\" }\r\n", jsonType)},
	{name: "body: a large number", request: post(`{"n":9007199254740993,"m":1517928240}`, jsonType)},
	{name: "body: a form", request: post("a=1&b=%E9%97%A8&c=x+y", formType)},
	{name: "body: no type", request: post(payment)},
	{name: "body: a type with parameters", request: post(payment, [2]string{"Content-Type", `application/json; charset="utf-8"`})},
	{name: "body: unicode", request: post("门铃 é 🔔", textType)},
	{name: "body: what JSON escapes", request: post("<script>&\u2028\u2029\x7f\"\\/\b\f", textType)},
	{name: "body: control characters", request: post("a\x00b\x01c\x1fd", textType)},
	{name: "body: a byte order mark", request: post("\ufeff{}", jsonType)},
	{name: "body: line breaks", request: post("a\r\nb\nc\rd\r\n\r\n", textType)},
	{name: "body: U+FFFD that was sent", request: post("a\ufffdb", textType)},
	{name: "body: all bytes", request: request{body: allBytes, header: [][2]string{binaryType}}},
	{name: "body: all bytes, called text", request: request{body: allBytes, header: [][2]string{textType}}},
	{name: "body: half a character", request: post("a\xe9\x97", jsonType)},
	{name: "body: compressed", request: request{body: []byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"), header: [][2]string{{"Content-Type", "application/gzip"}, {"Content-Encoding", "gzip"}}}},
	{name: "body: text that looks like base64", request: post("aGVsbG8=", textType)},
	{name: "body: text that says null", request: post("null", jsonType)},
	{name: "body: one byte", request: post("\x00", binaryType)},
	{name: "body: a part of a form", request: post("--b\r\nContent-Disposition: form-data; name=\"f\"\r\n\r\n\xff\x00\r\n--b--\r\n", [2]string{"Content-Type", "multipart/form-data; boundary=b"})},
	{name: "body: chunked", request: request{body: []byte(payment), header: [][2]string{jsonType}, chunked: true}},
	{name: "body: as large as may be", request: request{body: bytes.Repeat([]byte("x"), core.MaxBody), header: [][2]string{textType}}},
	{name: "body: as large as may be, binary", request: request{body: bytes.Repeat([]byte{0xff}, core.MaxBody), header: [][2]string{binaryType}}},
	{name: "body: as large as may be, and chunked", request: request{body: bytes.Repeat([]byte("é"), core.MaxBody/2), header: [][2]string{textType}, chunked: true}},
}

func reply(status int, body string, lines ...core.HeaderField) core.Response {
	return core.Response{Status: status, Header: lines, Body: []byte(body)}
}

func line(name, value string) core.HeaderField { return core.HeaderField{Name: name, Value: value} }

var answerRows = []row{
	{name: "answer: no status is 200", response: reply(0, "x", line("Content-Type", "text/plain"))},
	{name: "answer: nothing but a status", response: reply(200, "")},
	{name: "answer: created", response: reply(201, "{}", line("Content-Type", "application/json"))},
	{name: "answer: no content", response: reply(204, "")},
	{name: "answer: no content, and a body all the same", response: reply(204, "x")},
	{name: "answer: not modified", response: reply(304, "", line("Etag", `"a"`))},
	{name: "answer: a redirect", response: reply(302, "", line("Location", "https://shop.example/login?state=a%20b&x=1"))},
	{name: "answer: refused", response: *core.Refuse(404)},
	{name: "answer: a status without a name", response: reply(499, "x", line("Content-Type", "text/plain"))},
	{name: "answer: try later", response: *core.TryLater()},
	{name: "answer: to HEAD", request: request{method: "HEAD"}, response: reply(200, "not sent", line("Content-Type", "text/plain"))},
	{name: "answer: JSON", response: *core.JSON(200, map[string]any{"name": "门铃 <&>", "n": 1})},
	{name: "answer: unicode", response: reply(200, "门铃 é 🔔\u2028", line("Content-Type", "text/html; charset=utf-8"))},
	{name: "answer: all bytes", response: reply(200, string(allBytes), line("Content-Type", "image/png"))},
	{name: "answer: all bytes, called text", response: reply(200, string(allBytes), line("Content-Type", "text/plain"))},
	{name: "answer: half a character", response: reply(200, "a\xe9", line("Content-Type", "application/json"))},
	{name: "answer: text, called binary", response: reply(200, "plain", line("Content-Type", "application/octet-stream"))},
	{name: "answer: compressed", response: reply(200, "\x1f\x8b\x08\x00", line("Content-Encoding", "gzip"), line("Content-Type", "text/plain"))},
	{name: "answer: a type is not guessed", response: reply(200, "<!DOCTYPE html><html></html>")},
	{name: "answer: a type is not overwritten", response: reply(200, "<html>", line("Content-Type", "text/plain"))},
	{name: "answer: names in lower case", response: reply(200, "x", line("content-type", "text/plain"), line("x-request-id", "1"))},
	{name: "answer: a cookie", response: reply(200, "", line("Set-Cookie", "a=1; Path=/; Expires=Sun, 06 Nov 1994 08:49:37 GMT; HttpOnly"))},
	{name: "answer: several cookies", response: reply(200, "", line("Set-Cookie", "c=3"), line("Set-Cookie", "a=1, x"), line("set-cookie", "b=2"), line("Set-Cookie", "d=4"))},
	{name: "answer: a line twice", response: reply(200, "", line("Vary", "Accept"), line("Vary", "Cookie"), line("Link", "</a>; rel=next"), line("Link", "</b>; rel=last"))},
	{name: "answer: an empty line", response: reply(200, "x", line("Content-Type", "text/plain"), line("X-Empty", ""))},
	{name: "answer: unicode in a line", response: reply(200, "", line("X-Name", `é "<&>" 🔔`))},
	{name: "answer: a line break in a line", response: reply(200, "", line("X-Line", "a\r\nX-Evil: 1"), line("X-More", "a\nb"))},
	{name: "answer: a length that is wrong", response: reply(200, "four", line("Content-Type", "text/plain"), line("Content-Length", "99"))},
	{name: "answer: large", response: reply(200, strings.Repeat("0123456789abcdef", 20_000), line("Content-Type", "text/plain"))},
	{name: "answer: large and binary", response: reply(200, strings.Repeat("\x00\xff", 100_000), line("Content-Type", "application/zip"))},
}
