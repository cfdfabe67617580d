package awslambda

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/imprest-go/imprest/core"
)

// answerV2 is what HTTP APIs and function URLs take; answerV1 what REST APIs and
// load balancers take, with one of the two kinds of headers.
type answerV2 struct {
	StatusCode      int               `json:"statusCode"`
	Headers         map[string]string `json:"headers,omitempty"`
	Cookies         []string          `json:"cookies,omitempty"`
	Body            string            `json:"body"`
	IsBase64Encoded bool              `json:"isBase64Encoded"`
}

type answerV1 struct {
	StatusCode        int                 `json:"statusCode"`
	StatusDescription string              `json:"statusDescription,omitempty"`
	Headers           map[string]string   `json:"headers,omitempty"`
	MultiValueHeaders map[string][]string `json:"multiValueHeaders,omitempty"`
	Body              string              `json:"body"`
	IsBase64Encoded   bool                `json:"isBase64Encoded"`
}

// What Lambda takes of an answer, and a load balancer: 6 MiB and 1 MiB of JSON.
// aws-lambda-go ends the process when an answer is refused.
const (
	answerLimit    = 6 << 20
	answerLimitALB = 1 << 20
)

func (e *event) answerLimit() int {
	if e.kind == alb {
		return answerLimitALB
	}
	return answerLimit
}

// encode is json.Marshal without the escapes for HTML, which make five bytes more
// of one.
func encode(answer any) ([]byte, error) {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(answer); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(text.Bytes(), []byte("\n")), nil
}

// writeAnswer writes an answer in the form that the sender of an event takes.
func writeAnswer(e *event, resp *core.Response) ([]byte, error) {
	status := resp.Status
	if status == 0 {
		status = http.StatusOK
	}
	lines := sendable(resp.Header)
	method := e.HTTPMethod
	if e.RequestContext.HTTP != nil {
		method = e.RequestContext.HTTP.Method
	}
	body, encoded := "", false
	if method != http.MethodHead && status != http.StatusNoContent && status != http.StatusNotModified {
		// What is UTF-8 arrives as it is, whatever its type. Only the rest needs
		// base64, which a REST API passes on undecoded unless it is told of
		// binary types.
		if body = string(resp.Body); !utf8.ValidString(body) {
			body, encoded = base64.StdEncoding.EncodeToString(resp.Body), true
		}
	}
	switch e.kind {
	case httpAPI, functionURL:
		answer := answerV2{StatusCode: status, Headers: map[string]string{}, Body: body, IsBase64Encoded: encoded}
		for _, line := range lines {
			if line.Name == "Set-Cookie" {
				answer.Cookies = append(answer.Cookies, line.Value)
				continue
			}
			join(answer.Headers, line.Name, line.Value)
		}
		return encode(answer)
	case alb:
		answer := answerV1{StatusCode: status, StatusDescription: strconv.Itoa(status) + " " + cmp.Or(http.StatusText(status), "Unknown"), Body: body, IsBase64Encoded: encoded}
		if e.MultiValueHeaders != nil {
			answer.MultiValueHeaders = repeated(lines)
			return encode(answer)
		}
		answer.Headers = map[string]string{}
		cookies := 0
		for _, line := range lines {
			if line.Name == "Set-Cookie" {
				// One header has one value, and cookies cannot be joined. Names
				// that differ in case are different headers to a load balancer.
				answer.Headers[inCase(line.Name, cookies)] = line.Value
				cookies++
				continue
			}
			join(answer.Headers, line.Name, line.Value)
		}
		return encode(answer)
	}
	return encode(answerV1{StatusCode: status, MultiValueHeaders: repeated(lines), Body: body, IsBase64Encoded: encoded})
}

// sendable returns the header lines that HTTP can carry, with their names in one
// spelling; a line break in a value becomes a space, as net/http writes it. The
// framing is the sender's.
func sendable(header core.Header) core.Header {
	var lines core.Header
	for _, line := range header {
		name := textproto.CanonicalMIMEHeaderKey(line.Name)
		if !isToken(name) || name == "Content-Length" || name == "Transfer-Encoding" || name == "Connection" {
			continue
		}
		value := strings.TrimSpace(strings.Map(func(r rune) rune {
			if r == '\r' || r == '\n' {
				return ' '
			}
			if r != '\t' && isControl(r) {
				return -1
			}
			return r
		}, line.Value))
		if name == "Content-Type" && lines.Get(name) != "" {
			continue // one type: the first, as everywhere
		}
		lines = append(lines, core.HeaderField{Name: name, Value: value})
	}
	return lines
}

// join adds a line to headers that have one value each.
func join(headers map[string]string, name, value string) {
	if had, ok := headers[name]; ok {
		value = had + ", " + value
	}
	headers[name] = value
}

func repeated(lines core.Header) map[string][]string {
	headers := map[string][]string{}
	for _, line := range lines {
		headers[line.Name] = append(headers[line.Name], line.Value)
	}
	return headers
}

// inCase returns the n-th way to spell a name in upper and lower case; 0 is its
// own.
func inCase(name string, n int) string {
	spelled := []byte(name)
	for i := range spelled {
		if letter := spelled[i] | 0x20; letter >= 'a' && letter <= 'z' {
			if n&1 == 1 {
				spelled[i] ^= 0x20
			}
			n >>= 1
		}
	}
	return string(spelled)
}
