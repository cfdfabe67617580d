package lambdatest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
)

// Event returns the JSON event that AWS makes of r. The same r makes the same
// bytes.
//
// Which bodies travel in base64 is the gateway's decision: an HTTP API, a
// function URL and a load balancer send text/*, application/json,
// application/javascript and application/xml as text and everything else in
// base64, forms and bodies without a type included; a REST API sends text
// unless the type is among its binary media types (r.Base64). A body in text
// that is not UTF-8 arrives damaged, as it does from AWS: U+FFFD stands for
// each byte that was wrong.
//
// The path is as sent, but for HTTP APIs, which decode it: see [Refused].
// Where Refused returns an error, AWS makes no event; Event makes the one that
// comes nearest. An unknown kind panics.
func Event(kind Kind, r Request) []byte {
	switch kind {
	case RestAPI:
		return encode(r.restAPI())
	case HTTPAPI:
		return encode(r.httpAPI())
	case HTTPAPI1:
		return encode(r.httpAPI1())
	case FunctionURL:
		return encode(r.functionURL())
	case ALB:
		return encode(r.alb())
	case ALBMulti:
		return encode(r.albMulti())
	}
	panic("lambdatest: there is no kind " + strconv.Quote(string(kind)))
}

func encode(v any) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		panic(err) // structs and maps of texts always encode
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// textual tells whether a body of that Content-Type travels as text through
// a gateway that decides by type.
func textual(contentType string) bool {
	mediaType, _, _ := strings.Cut(contentType, ";")
	mediaType = strings.ToLower(strings.TrimSpace(mediaType))
	switch mediaType {
	case "application/json", "application/javascript", "application/xml":
		return true
	}
	return strings.HasPrefix(mediaType, "text/")
}

// body returns the event's body, and whether it is in base64.
func (r Request) body(kind Kind) (string, bool) {
	if len(r.Body) == 0 {
		return "", false
	}
	if r.Base64 || kind != RestAPI && !textual(last(r.header("Content-Type"))) {
		return base64.StdEncoding.EncodeToString(r.Body), true
	}
	return text(r.Body), false
}

// values are the values of one header or parameter, in their order.
type values struct {
	name string
	all  []string
}

// lines returns the header as AWS passes it on: the client's lines and AWS's
// own, grouped by name. The first spelling of a name stands for all.
func (r Request) lines(kind Kind) []values {
	var grouped []values
	add := func(name, value string) {
		for i := range grouped {
			if strings.EqualFold(grouped[i].name, name) {
				grouped[i].all = append(grouped[i].all, value)
				return
			}
		}
		grouped = append(grouped, values{name, []string{value}})
	}
	for _, line := range r.Header {
		name, value := line[0], line[1]
		switch strings.ToLower(name) {
		case "host", "x-forwarded-for", "x-forwarded-port", "x-forwarded-proto", "x-amzn-trace-id":
			continue
		case "user-agent":
			name = "User-Agent"
		}
		add(name, value)
	}
	if kind != RestAPI && len(r.Body) > 0 && len(r.header("Content-Length")) == 0 {
		add("Content-Length", strconv.Itoa(len(r.Body)))
	}
	if kind == FunctionURL {
		add("X-Amzn-Tls-Cipher-Suite", "TLS_AES_128_GCM_SHA256")
		add("X-Amzn-Tls-Version", "TLSv1.3")
	}
	add("Host", r.host(kind))
	add("X-Amzn-Trace-Id", "Root="+traceRoot)
	add("X-Forwarded-For", strings.Join(append(r.header("X-Forwarded-For"), r.address()), ", "))
	add("X-Forwarded-Port", "443")
	add("X-Forwarded-Proto", "https")
	return grouped
}

// parameters returns the query's parameters, grouped by name, decoded by
// decode. What does not decode stays as sent.
func (r Request) parameters(decode func(string) (string, error)) []values {
	decoded := func(s string) string {
		if d, err := decode(s); err == nil {
			return d
		}
		return s
	}
	var grouped []values
next:
	for pair := range strings.SplitSeq(r.RawQuery, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, value = decoded(name), decoded(value)
		for i := range grouped {
			if grouped[i].name == name {
				grouped[i].all = append(grouped[i].all, value)
				continue next
			}
		}
		grouped = append(grouped, values{name, []string{value}})
	}
	return grouped
}

func asSent(s string) (string, error) { return s, nil }

func formDecoded(s string) (string, error) {
	decoded, err := url.QueryUnescape(s)
	return text([]byte(decoded)), err
}

// text is what JSON makes of bytes: each byte that is not UTF-8 becomes U+FFFD.
func text(b []byte) string { return string([]rune(string(b))) }

// single is the map in which the last value of a name wins.
func single(grouped []values) map[string]string {
	m := make(map[string]string, len(grouped))
	for _, v := range grouped {
		m[v.name] = last(v.all)
	}
	return m
}

// joined is the map in which values of one name are joined with commas.
func joined(grouped []values) map[string]string {
	m := make(map[string]string, len(grouped))
	for _, v := range grouped {
		m[v.name] = strings.Join(v.all, ",")
	}
	return m
}

// multi is the map that keeps all values.
func multi(grouped []values) map[string][]string {
	m := make(map[string][]string, len(grouped))
	for _, v := range grouped {
		m[v.name] = v.all
	}
	return m
}

func lower(grouped []values) []values {
	for i := range grouped {
		grouped[i].name = strings.ToLower(grouped[i].name)
	}
	return grouped
}
