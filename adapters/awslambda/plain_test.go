package awslambda

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/imprest-go/imprest/core"
)

// plainEvent is an event as encoding/json reads it: the plain way, which the
// scanner is held against.
type plainEvent struct {
	Version        string `json:"version"`
	HTTPMethod     string `json:"httpMethod"`
	Path           string `json:"path"`
	RawPath        string `json:"rawPath"`
	RawQueryString string `json:"rawQueryString"`
	RequestContext struct {
		Stage        string          `json:"stage"`
		DomainName   string          `json:"domainName"`
		ConnectionID string          `json:"connectionId"`
		ELB          json.RawMessage `json:"elb"`
		Identity     struct {
			SourceIP string `json:"sourceIp"`
		} `json:"identity"`
		HTTP *struct {
			Method   string `json:"method"`
			SourceIP string `json:"sourceIp"`
		} `json:"http"`
	} `json:"requestContext"`
	Headers           map[string]string   `json:"headers"`
	MultiValueHeaders map[string][]string `json:"multiValueHeaders"`
	Cookies           []string            `json:"cookies"`
	Query             map[string]string   `json:"queryStringParameters"`
	MultiValueQuery   map[string][]string `json:"multiValueQueryStringParameters"`
	Body              string              `json:"body"`
	IsBase64Encoded   bool                `json:"isBase64Encoded"`

	Records []struct {
		EventSource    string `json:"eventSource"`
		EventSourceARN string `json:"eventSourceARN"`
		MessageID      string `json:"messageId"`
		Body           string `json:"body"`
	} `json:"Records"`

	Source     string `json:"source"`
	DetailType string `json:"detail-type"`
	MethodARN  string `json:"methodArn"`
	RouteARN   string `json:"routeArn"`
}

// header returns the header lines, Host first, the others by name.
func (e *plainEvent) header() (core.Header, bool) {
	header := core.Header{}
	add := func(name, value string) bool {
		if name == "" || strings.Trim(name, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" ||
			strings.ContainsFunc(value, func(r rune) bool { return r != '\t' && isControl(r) }) {
			return false
		}
		header = append(header, core.HeaderField{Name: textproto.CanonicalMIMEHeaderKey(name), Value: value})
		return true
	}
	all := e.MultiValueHeaders
	if len(all) == 0 {
		all = several(e.Headers)
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		for _, value := range all[name] {
			if !add(name, value) {
				return nil, false
			}
		}
	}
	if len(e.Cookies) > 0 {
		header = slices.DeleteFunc(header, func(f core.HeaderField) bool { return f.Name == "Cookie" })
		if !add("Cookie", strings.Join(e.Cookies, "; ")) {
			return nil, false
		}
	}
	slices.SortStableFunc(header, func(a, b core.HeaderField) int {
		if (a.Name == "Host") != (b.Name == "Host") {
			if a.Name == "Host" {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.Name, b.Name)
	})
	return header, true
}

func several(single map[string]string) map[string][]string {
	all := map[string][]string{}
	for name, value := range single {
		all[name] = []string{value}
	}
	return all
}

// query returns the query of an event that does not tell it as it was sent.
func (e *plainEvent) query(decoded bool) string {
	all := e.MultiValueQuery
	if len(all) == 0 {
		all = several(e.Query)
	}
	if decoded {
		return url.Values(all).Encode()
	}
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		for _, value := range all[name] {
			pairs = append(pairs, name+"="+value)
		}
	}
	return strings.Join(pairs, "&")
}

type plainAnswerV2 struct {
	StatusCode      int               `json:"statusCode"`
	Headers         map[string]string `json:"headers,omitempty"`
	Cookies         []string          `json:"cookies,omitempty"`
	Body            string            `json:"body"`
	IsBase64Encoded bool              `json:"isBase64Encoded"`
}

type plainAnswerV1 struct {
	StatusCode        int                 `json:"statusCode"`
	StatusDescription string              `json:"statusDescription,omitempty"`
	Headers           map[string]string   `json:"headers,omitempty"`
	MultiValueHeaders map[string][]string `json:"multiValueHeaders,omitempty"`
	Body              string              `json:"body"`
	IsBase64Encoded   bool                `json:"isBase64Encoded"`
}

// plainAnswer is an answer as encoding/json writes it.
func plainAnswer(kind kind, method string, multi bool, resp *core.Response) ([]byte, error) {
	status := cmp.Or(resp.Status, http.StatusOK)
	var lines core.Header
	for _, line := range resp.Header {
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
		if name != "Content-Type" || lines.Get(name) == "" {
			lines = append(lines, core.HeaderField{Name: name, Value: value})
		}
	}
	body, encoded := "", false
	if method != http.MethodHead && status != http.StatusNoContent && status != http.StatusNotModified {
		if body = string(resp.Body); !utf8.ValidString(body) {
			body, encoded = base64.StdEncoding.EncodeToString(resp.Body), true
		}
	}
	joined, repeated, cookies := map[string]string{}, map[string][]string{}, []string(nil)
	for _, line := range lines {
		repeated[line.Name] = append(repeated[line.Name], line.Value)
		name := line.Name
		if name == "Set-Cookie" {
			cookies = append(cookies, line.Value)
			if kind != alb {
				continue
			}
			joined[inCase(name, len(cookies)-1)] = line.Value
			continue
		}
		if had, ok := joined[name]; ok {
			line.Value = had + ", " + line.Value
		}
		joined[name] = line.Value
	}
	var answer any
	switch {
	case kind == httpAPI || kind == functionURL:
		answer = plainAnswerV2{StatusCode: status, Headers: joined, Cookies: cookies, Body: body, IsBase64Encoded: encoded}
	default:
		v1 := plainAnswerV1{StatusCode: status, MultiValueHeaders: repeated, Body: body, IsBase64Encoded: encoded}
		if kind == alb {
			v1.StatusDescription = strconv.Itoa(status) + " " + cmp.Or(http.StatusText(status), "Unknown")
			if !multi {
				v1.Headers, v1.MultiValueHeaders = joined, nil
			}
		}
		answer = v1
	}
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	err := enc.Encode(answer)
	return bytes.TrimSuffix(text.Bytes(), []byte("\n")), err
}
