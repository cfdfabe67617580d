package lambdatest

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"
)

// Kind is a way in which an HTTP request reaches a Lambda function.
type Kind string

const (
	// RestAPI is API Gateway's REST API with Lambda proxy integration
	// (payload format 1.0).
	RestAPI Kind = "rest-api"
	// HTTPAPI is API Gateway's HTTP API (payload format 2.0).
	HTTPAPI Kind = "http-api"
	// HTTPAPI1 is API Gateway's HTTP API whose integration has payload format
	// 1.0: an event like a REST API's, with the path of an HTTP API.
	HTTPAPI1 Kind = "http-api-1"
	// FunctionURL is a function's own URL, in BUFFERED mode. Its events look
	// like those of an HTTP API and differ in the path and in the cookies.
	FunctionURL Kind = "function-url"
	// ALB is an Application Load Balancer whose target group has multi-value
	// headers switched off, as it is by default: the last line of a header
	// wins, and so does the last value of a parameter.
	ALB Kind = "alb"
	// ALBMulti is an Application Load Balancer whose target group has
	// multi-value headers switched on.
	ALBMulti Kind = "alb-multi"
)

// Kinds returns all kinds, to range over.
func Kinds() []Kind { return []Kind{RestAPI, HTTPAPI, HTTPAPI1, FunctionURL, ALB, ALBMulti} }

// Request is an HTTP request as a client of the gateway sends it. The zero
// value is GET / without a header.
type Request struct {
	// Method is as on the request line. "" is GET.
	Method string
	// Path is as on the request line, percent-encoding kept, but without the
	// stage: that is Stage's. "" is "/".
	Path string
	// RawQuery is what follows the "?", as sent.
	RawQuery string
	// Header holds the lines in their order, each a name and a value. A Host
	// line names the domain; without one it is the gateway's own. AWS puts its
	// own lines beside them: X-Forwarded-For (to which a line of the client's
	// is prepended), -Port and -Proto, and X-Amzn-Trace-Id.
	Header [][2]string
	Body   []byte
	// RemoteAddr is the client's "host:port" (IPv6 in brackets) or its bare
	// address; AWS tells the address alone. "" is 203.0.113.7.
	RemoteAddr string
	// Stage is the API's stage. "" is "prod" for a REST API and "$default"
	// for an HTTP API; the other kinds have none.
	Stage string
	// BasePath is the path of an API mapping of a custom domain, such as
	// "/pay"; a Host line should name that domain. AWS leaves it in the
	// path of payload format 1.0, of either API, and does not tell it in 2.0.
	BasePath string
	// Base64 sends the body in base64 whatever its type, as a REST API does
	// that lists */* among its binary media types.
	Base64 bool
	// Time is when the request came in. The zero value is a fixed day, so
	// that the same Request always makes the same event.
	Time time.Time
}

// Names that stand in every event.
const (
	accountID = "123456789012"
	region    = "us-east-1"
	apiID     = "a1b2c3d4e5"
	urlID     = "abcdefghijklmnopqrstuvwxyz012345"

	requestID = "0f4f9d3e-7c1b-4d7a-9a55-2f6f6d0f1a01"
	traceRoot = "1-6a514518-0123456789abcdef01234567"
)

// example is when a Request without a Time came in.
var example = time.Date(2026, time.July, 10, 12, 0, 30, 250e6, time.UTC)

func (r Request) method() string {
	if r.Method == "" {
		return "GET"
	}
	return r.Method
}

func (r Request) path() string {
	if r.Path == "" {
		return "/"
	}
	return r.Path
}

func (r Request) time() time.Time {
	if r.Time.IsZero() {
		return example
	}
	return r.Time.UTC()
}

// clock is the time in the notation of API Gateway's requestTime and time.
func (r Request) clock() string { return r.time().Format("02/Jan/2006:15:04:05 -0700") }

func (r Request) stage(kind Kind) string {
	switch {
	case kind == FunctionURL:
		return "$default"
	case r.Stage != "":
		return r.Stage
	case kind == RestAPI:
		return "prod"
	}
	return "$default"
}

// address is the client's address without its port.
func (r Request) address() string {
	if r.RemoteAddr == "" {
		return "203.0.113.7"
	}
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		return host
	}
	return r.RemoteAddr
}

// header returns the values of all lines named name.
func (r Request) header(name string) []string {
	var values []string
	for _, line := range r.Header {
		if strings.EqualFold(line[0], name) {
			values = append(values, line[1])
		}
	}
	return values
}

func last(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[len(values)-1]
}

func (r Request) host(kind Kind) string {
	if host := last(r.header("Host")); host != "" {
		return host
	}
	switch kind {
	case FunctionURL:
		return urlID + ".lambda-url." + region + ".on.aws"
	case ALB, ALBMulti:
		return "imprest-1234567890." + region + ".elb.amazonaws.com"
	}
	return apiID + ".execute-api." + region + ".amazonaws.com"
}

// domain is the host without its port, and its first label.
func (r Request) domain(kind Kind) (name, prefix string) {
	name = r.host(kind)
	if host, _, err := net.SplitHostPort(name); err == nil {
		name = host
	}
	prefix, _, _ = strings.Cut(name, ".")
	return name, prefix
}

// ownDomain tells whether the client used the domain that AWS gave the API,
// whose URLs begin with the stage, and not one of the API's owner.
func (r Request) ownDomain(kind Kind) bool {
	name, _ := r.domain(kind)
	return strings.Contains(name, ".execute-api.")
}

func (r Request) basePath() string {
	if base := strings.Trim(r.BasePath, "/"); base != "" {
		return "/" + base
	}
	return ""
}

// Refused returns why a gateway of that kind answers r by itself, so that the
// function never sees it, and nil if the function is invoked. It knows what
// AWS documents or was seen to do (testdata/README.md): an HTTP API answers
// 400 to a path that does not decode twice, and each kind has a largest body.
func Refused(kind Kind, r Request) error {
	if kind == HTTPAPI || kind == HTTPAPI1 {
		if _, err := decodedTwice(r.path()); err != nil {
			return fmt.Errorf("an http api answers 400: %w", err)
		}
	}
	// A Lambda event holds 6 MB, and a load balancer takes 1 MB of body.
	limit := payloadLimit
	if kind == ALB || kind == ALBMulti {
		limit = albLimit
	}
	if len(r.Body) > limit {
		return fmt.Errorf("%s answers 413: %d bytes of body, more than %d", kind, len(r.Body), limit)
	}
	return nil
}

const (
	// payloadLimit is how many bytes an event or an answer may have: 6 MB.
	payloadLimit = 6 << 20
	// albLimit is how many bytes of body a load balancer takes, and how many
	// bytes of JSON it takes for an answer: 1 MB.
	albLimit = 1 << 20
)

var errPath = errors.New("the path does not decode twice")

// decodedTwice is the rawPath that an HTTP API makes of a path. It was seen to
// decode, to cut at a question mark that appeared, and to decode again.
// Where that fails, it returns what there was, and errPath.
func decodedTwice(path string) (string, error) {
	once, err := url.PathUnescape(path)
	if err != nil {
		return path, errPath
	}
	once, _, _ = strings.Cut(once, "?")
	twice, err := url.PathUnescape(once)
	if err != nil {
		return once, errPath
	}
	return twice, nil
}

// decodedOnce is path with its escapes decoded, or path if it does not decode.
func decodedOnce(path string) string {
	if decoded, err := url.PathUnescape(path); err == nil {
		return decoded
	}
	return path
}
