package lambdatest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Response is what the gateway's client gets.
type Response struct {
	Status int
	// Header holds the function's lines, in the order of its answer, cookies
	// last as Set-Cookie lines. The lines that AWS adds by itself (Date,
	// Content-Length, a default Content-Type, its request ids) are not there.
	Header [][2]string
	Body   []byte
}

// Get returns the value of the first line named name, without regard to case,
// or "".
func (r Response) Get(name string) string {
	if all := r.Values(name); len(all) > 0 {
		return all[0]
	}
	return ""
}

// Values returns the values of all lines named name, in their order.
func (r Response) Values(name string) []string {
	return Request{Header: r.Header}.header(name)
}

// GatewayError says that a gateway cannot make a response of a function's
// answer, and answers by itself.
type GatewayError struct {
	Kind Kind
	// Status is what the client gets: 502, from an HTTP API 500.
	Status int
	// Reason says what is wrong with the answer.
	Reason string
}

// Error names the kind, the status and the reason.
func (e *GatewayError) Error() string {
	return fmt.Sprintf("lambdatest: %s answers %d: %s", e.Kind, e.Status, e.Reason)
}

// Answer returns what a gateway makes of the payload with which a function
// answers an event of that kind. An error is a [*GatewayError].
//
// It reads as strictly as the strictest reading of AWS's pages, so that
// nothing passes here that some gateway refuses: a payload is one JSON value
// without repeated members, a status is a number from 200 to 599, values of
// headers are texts, a body is a text, and base64 is whole. On these points
// API Gateway is known to be kinder to a REST API: it takes a status in
// quotation marks, and 200 for one that is missing.
//
//   - A REST API takes headers and multiValueHeaders together, and no member
//     that it does not know. A base64 body is decoded, as it is where the API's
//     binary media types cover what the client accepts (*/* does).
//   - An HTTP API in payload format 1.0 takes headers and multiValueHeaders
//     together, and is taken to ignore what it does not know.
//   - An HTTP API and a function URL take headers and cookies, and ignore what
//     they do not know, multiValueHeaders among it. A payload without
//     statusCode is itself the body of a 200 of type application/json.
//   - A load balancer takes headers alone or, with multi-value headers,
//     multiValueHeaders alone, never null, and a statusDescription that
//     repeats the status.
func Answer(kind Kind, payload []byte) (Response, error) {
	fail := func(format string, args ...any) (Response, error) {
		status := 502
		if kind == HTTPAPI || kind == HTTPAPI1 {
			status = 500
		}
		return Response{}, &GatewayError{Kind: kind, Status: status, Reason: fmt.Sprintf(format, args...)}
	}
	if !slices.Contains(Kinds(), kind) {
		panic("lambdatest: there is no kind " + string(kind))
	}
	limit := payloadLimit
	if kind == ALB || kind == ALBMulti {
		limit = albLimit
	}
	if len(payload) > limit {
		return fail("%d bytes, more than %d", len(payload), limit)
	}
	if !utf8.Valid(payload) || !json.Valid(payload) {
		return fail("the payload is not one JSON value in UTF-8")
	}
	format2 := kind == HTTPAPI || kind == FunctionURL
	top, err := readObject(payload)
	if format2 && (err == errNoObject || err == nil && !top.has("statusCode")) {
		return Response{
			Status: 200, Header: [][2]string{{"content-type", "application/json"}}, Body: bytes.TrimSpace(payload),
		}, nil
	}
	if err != nil {
		return fail("%v", err)
	}
	a := answer{kind: kind}
	for _, m := range top {
		if err := a.take(m); err != nil {
			return fail("%v", err)
		}
	}
	resp, err := a.response()
	if err != nil {
		return fail("%v", err)
	}
	return resp, nil
}

// answer is a payload while it is read.
type answer struct {
	kind         Kind
	status       int
	description  *string
	single, many [][2]string
	cookies      []string
	body         string
	base64       bool
}

func (a *answer) take(m member) error {
	balancer := a.kind == ALB || a.kind == ALBMulti
	null := string(m.raw) == "null"
	if null && !balancer && m.name != "statusCode" && m.name != "isBase64Encoded" {
		if a.kind == RestAPI && !slices.Contains([]string{"headers", "multiValueHeaders", "body"}, m.name) {
			return fmt.Errorf("there is a member %q", m.name)
		}
		return nil // API Gateway takes null for nothing
	}
	var err error
	switch m.name {
	case "statusCode":
		if err := json.Unmarshal(m.raw, &a.status); err != nil || a.status < 200 || a.status > 599 {
			return fmt.Errorf("statusCode is %s, not a number from 200 to 599", m.raw)
		}
		return nil
	case "isBase64Encoded":
		if null || json.Unmarshal(m.raw, &a.base64) != nil {
			return fmt.Errorf("isBase64Encoded is %s, not true or false", m.raw)
		}
		return nil
	case "body":
		if a.body, err = readString(m.raw); err != nil {
			return fmt.Errorf("body is not a text")
		}
		return nil
	case "headers":
		if a.kind == ALBMulti {
			return fmt.Errorf("headers, where the target group has multi-value headers")
		}
		a.single, err = readHeaders(m, false)
		return err
	case "multiValueHeaders":
		switch a.kind {
		case ALB:
			return fmt.Errorf("multiValueHeaders, where the target group has them switched off")
		case RestAPI, HTTPAPI1, ALBMulti:
			a.many, err = readHeaders(m, true)
			return err
		}
	case "cookies":
		if a.kind == HTTPAPI || a.kind == FunctionURL {
			a.cookies, err = readStrings(m.raw)
			if err != nil {
				return fmt.Errorf("cookies is not an array of texts")
			}
			return nil
		}
	case "statusDescription":
		if balancer {
			text, err := readString(m.raw)
			if err != nil {
				return fmt.Errorf("statusDescription is not a text")
			}
			a.description = &text
			return nil
		}
	}
	if a.kind == RestAPI {
		return fmt.Errorf("there is a member %q", m.name)
	}
	return nil
}

func (a *answer) response() (Response, error) {
	if a.status == 0 {
		return Response{}, fmt.Errorf("there is no statusCode")
	}
	if a.description != nil && !strings.HasPrefix(*a.description, fmt.Sprintf("%d ", a.status)) {
		return Response{}, fmt.Errorf("statusDescription is %q, not %d and a reason", *a.description, a.status)
	}
	resp := Response{Status: a.status, Body: []byte(a.body)}
	for _, line := range a.single {
		// A pair that stands in both maps leaves once.
		if !slices.ContainsFunc(a.many, func(other [2]string) bool {
			return strings.EqualFold(other[0], line[0]) && other[1] == line[1]
		}) {
			resp.Header = append(resp.Header, line)
		}
	}
	resp.Header = append(resp.Header, a.many...)
	for _, cookie := range a.cookies {
		if err := checkLine("Set-Cookie", cookie); err != nil {
			return Response{}, err
		}
		resp.Header = append(resp.Header, [2]string{"Set-Cookie", cookie})
	}
	if a.base64 {
		body, err := base64.StdEncoding.Strict().DecodeString(a.body)
		if err != nil || strings.ContainsAny(a.body, "\r\n") {
			return Response{}, fmt.Errorf("isBase64Encoded is true, and the body is not base64")
		}
		resp.Body = body
	}
	return resp, nil
}

// readHeaders reads headers, or multiValueHeaders.
func readHeaders(m member, many bool) ([][2]string, error) {
	members, err := readObject(m.raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.name, err)
	}
	var lines [][2]string
	for _, h := range members {
		var all []string
		if many {
			if all, err = readStrings(h.raw); err != nil {
				return nil, fmt.Errorf("%s: %q is not an array of texts", m.name, h.name)
			}
		} else {
			value, err := readString(h.raw)
			if err != nil {
				return nil, fmt.Errorf("%s: %q is not a text", m.name, h.name)
			}
			all = []string{value}
		}
		for _, value := range all {
			if err := checkLine(h.name, value); err != nil {
				return nil, fmt.Errorf("%s: %w", m.name, err)
			}
			lines = append(lines, [2]string{h.name, value})
		}
	}
	return lines, nil
}

// checkLine finds names that are no tokens and values with control characters.
func checkLine(name, value string) error {
	const extra = "!#$%&'*+-.^_`|~"
	if name == "" || strings.ContainsFunc(name, func(c rune) bool {
		return !(c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || strings.ContainsRune(extra, c))
	}) {
		return fmt.Errorf("%q is no name of a header", name)
	}
	if strings.ContainsFunc(value, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) {
		return fmt.Errorf("the value of %q holds a control character", name)
	}
	return nil
}
