package awslambda

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/imprest-go/imprest/core"
)

// request fills r with the request of an event, or says with which status to
// refuse it: the one with which an HTTP server would.
func (h *Handler) request(r *core.Request, e *event) (status int) {
	r.Method = e.requestMethod()
	var ok bool
	if r.RawQuery, ok = e.rawQueryOf(); !ok || !isToken(r.Method) || !isQuery(r.RawQuery) {
		return http.StatusBadRequest
	}
	if r.Path, ok = h.path(e); !ok {
		return http.StatusBadRequest
	}
	if r.Header, ok = e.header(); !ok {
		return http.StatusBadRequest
	}
	remote := e.sourceIP()
	if e.kind == alb { // it tells of its client in the last entry of this header alone
		if lines := r.Header.Values("X-Forwarded-For"); len(lines) > 0 {
			// The lines before the last are the client's word.
			forwarded := lines[len(lines)-1]
			remote = strings.TrimSpace(forwarded[strings.LastIndexByte(forwarded, ',')+1:])
		}
	}
	var space [64]byte
	if ip, err := netip.ParseAddr(remote); err == nil {
		r.RemoteAddr = e.arena.keep(netip.AddrPortFrom(ip, 0).AppendTo(space[:0]))
	} else if peer, err := netip.ParseAddrPort(remote); err == nil { // a load balancer can be told to add the port
		r.RemoteAddr = peer.String()
	}
	r.Body, status = h.body(e)
	return status
}

// body returns the bytes of a body as they were sent, or a status to refuse it
// with.
func (h *Handler) body(e *event) (body []byte, status int) {
	if e.encoded {
		text := e.body.unescaped()
		if base64.StdEncoding.DecodedLen(len(text)) > h.cfg.MaxBody+2 {
			return nil, http.StatusRequestEntityTooLarge
		}
		body = make([]byte, base64.StdEncoding.DecodedLen(len(text)))
		n, err := base64.StdEncoding.Strict().Decode(body, text)
		if err != nil {
			return nil, http.StatusBadRequest
		}
		body = body[:n]
	} else {
		body = e.body.bytes()
	}
	if len(body) > h.cfg.MaxBody {
		return nil, http.StatusRequestEntityTooLarge
	}
	if len(body) == 0 {
		return nil, 0
	}
	return body, 0
}

// path returns the path of a request as it was sent, as nearly as the event
// tells; false if it is none.
func (h *Handler) path(e *event) (string, bool) {
	path := e.path
	switch e.kind {
	case httpAPI, httpAPI1:
		// Percent-encoding was taken off. What is left of it is text, unless it
		// was never any: then nobody could take it off.
		path = cmp.Or(e.rawPath, e.path) // format 1.0 has it in Path
		if !isPlain(path) {
			if !isEscaped(path) {
				return "", false
			}
			path = (&url.URL{Path: path}).EscapedPath()
		}
		if stage := string(e.context.stage); !h.cfg.KeepStage && stage != "" && stage != "$default" {
			path = without(path, "/"+stage)
		}
	case functionURL:
		// As sent, by what AWS does today; its page does not say so. What a
		// path cannot hold was decoded, and is encoded again.
		path = escapeOdd(e.rawPath)
	}
	path = without(path, h.cfg.BasePath)
	if isPlain(path) && path[0] == '/' {
		return path, true
	}
	if !strings.HasPrefix(path, "/") || !isEscaped(path) || strings.ContainsFunc(path, isControl) || strings.ContainsAny(path, "?# ") {
		return "", false
	}
	return path, true
}

// escapeOdd encodes the bytes that cannot stand in a path as it is sent, and
// leaves all others, escapes included.
func escapeOdd(path string) string {
	odd := func(b byte) bool { return b <= ' ' || b >= 0x7f || b == '?' || b == '#' }
	var escaped strings.Builder
	for i := 0; i < len(path); i++ {
		if odd(path[i]) {
			fmt.Fprintf(&escaped, "%%%02X", path[i])
			continue
		}
		escaped.WriteByte(path[i])
	}
	return escaped.String()
}

// without takes a prefix off a path if it is there as whole segments.
func without(path, prefix string) string {
	rest, ok := strings.CutPrefix(path, prefix)
	switch {
	case !ok || prefix == "":
		return path
	case rest == "":
		return "/"
	case rest[0] != '/':
		return path
	}
	return rest
}

// isPlain reports whether all of a path is what nobody escapes.
func isPlain(path string) bool {
	for i := 0; i < len(path); i++ {
		c := path[i]
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '-' || c > '9') && c != '_' { // - . / 0-9
			return false
		}
	}
	return path != ""
}

// isEscaped reports whether every "%" begins an escape.
func isEscaped(text string) bool {
	for i := 0; i < len(text); i++ {
		if text[i] == '%' && (i+2 >= len(text) || !isHex(text[i+1]) || !isHex(text[i+2])) {
			return false
		}
	}
	return true
}

func isHex(b byte) bool {
	return b >= '0' && b <= '9' || b >= 'a' && b <= 'f' || b >= 'A' && b <= 'F'
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// isQuery reports whether an HTTP server would take a query.
func isQuery(query string) bool {
	return !strings.ContainsFunc(query, isControl) && !strings.ContainsRune(query, ' ')
}

// rawQueryOf returns the query as it was sent, as nearly as the event tells; false if
// it tells a parameter twice.
func (e *event) rawQueryOf() (string, bool) {
	switch e.kind {
	case httpAPI, functionURL:
		return e.rawQuery, true
	}
	told := e.multiQuery
	if told.empty() {
		told = e.query
	}
	if told.empty() {
		return "", true
	}
	all := e.pool.of(told)
	if !inOrder(all) {
		return "", false
	}
	as := func(text string) string { return text }
	if e.kind == restAPI || e.kind == httpAPI1 {
		as = url.QueryEscape // names and values come decoded
	}
	var query strings.Builder
	for _, line := range all {
		if line.nth < 0 {
			continue
		}
		if query.Len() > 0 {
			query.WriteByte('&')
		}
		query.WriteString(as(string(line.name)))
		query.WriteByte('=')
		query.WriteString(as(line.value))
	}
	return query.String(), true
}

// header returns the header lines, Host first, the others by name; false if one
// could not have come over HTTP, or the event tells one twice.
func (e *event) header() (core.Header, bool) {
	told := e.multiHeaders
	if told.empty() {
		told = e.headers
	}
	all := e.pool.of(told)
	for i := range all {
		l := &all[i]
		var ok bool
		if l.key, ok = e.canonical(l.name); l.nth >= 0 && (!ok || !isValue(l.value)) {
			return nil, false
		}
	}
	if !inOrder(all) {
		return nil, false
	}
	apart := len(e.cookies) > 0
	header := make(core.Header, 0, len(all)+count(apart))
	for i := range all {
		if l := &all[i]; l.nth >= 0 && l.key == "Host" {
			header = append(header, core.HeaderField{Name: l.key, Value: l.value})
		}
	}
	// An HTTP API moved cookies out of the headers, a function URL copied them.
	cookies := strings.Join(e.cookies, "; ")
	if !isValue(cookies) {
		return nil, false
	}
	for i := range all {
		l := &all[i]
		if l.nth < 0 || l.key == "Host" || l.key == "Cookie" && len(e.cookies) > 0 {
			continue
		}
		if apart && l.key > "Cookie" {
			header, apart = append(header, core.HeaderField{Name: "Cookie", Value: cookies}), false
		}
		header = append(header, core.HeaderField{Name: l.key, Value: l.value})
	}
	if apart {
		header = append(header, core.HeaderField{Name: "Cookie", Value: cookies})
	}
	return header, true
}

// canonical returns the name of a header line as net/http spells it
// (textproto.CanonicalMIMEHeaderKey would make a new string of most); false if it is
// no token.
func (e *event) canonical(name []byte) (string, bool) {
	if spelled := usual(name); spelled != "" {
		return spelled, true
	}
	var space [64]byte
	spelled := append(space[:0], name...)
	first := true
	for i, c := range spelled {
		switch {
		case c >= 'a' && c <= 'z':
			if first {
				spelled[i] = c - ('a' - 'A')
			}
		case c >= 'A' && c <= 'Z':
			if !first {
				spelled[i] = c + ('a' - 'A')
			}
		case !isTokenByte[c]:
			return "", false
		}
		first = c == '-'
	}
	return e.arena.keep(spelled), len(name) > 0
}

// usual is canonical of the names that almost every event has, in small letters as
// most gateways write them; "" of others.
func usual(name []byte) string {
	switch string(name) {
	case "accept":
		return "Accept"
	case "accept-encoding":
		return "Accept-Encoding"
	case "content-length":
		return "Content-Length"
	case "content-type":
		return "Content-Type"
	case "host":
		return "Host"
	case "user-agent":
		return "User-Agent"
	case "x-amzn-trace-id":
		return "X-Amzn-Trace-Id"
	case "x-forwarded-for":
		return "X-Forwarded-For"
	case "x-forwarded-port":
		return "X-Forwarded-Port"
	case "x-forwarded-proto":
		return "X-Forwarded-Proto"
	}
	return ""
}

// isValue reports whether text can be the value of a header line.
func isValue(text string) bool {
	if n := len(text); n >= 8 {
		w := word(text[n-8:])
		found := below(w, ' ') | equal(w, 0x7f)
		for rest := text; len(rest) > 8; rest = rest[8:] {
			w = word(rest)
			found |= below(w, ' ') | equal(w, 0x7f)
		}
		if found == 0 {
			return true
		}
	}
	for i := 0; i < len(text); i++ {
		if c := text[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// isToken reports whether text can be a method, or the name of a header line.
func isToken(text string) bool {
	for i := 0; i < len(text); i++ {
		if !isTokenByte[text[i]] {
			return false
		}
	}
	return text != ""
}

var isTokenByte = func() (is [256]bool) {
	for _, c := range "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" {
		is[c] = true
	}
	return is
}()
