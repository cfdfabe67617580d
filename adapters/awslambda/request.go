package awslambda

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/textproto"
	"net/url"
	"slices"
	"strings"

	"github.com/imprest-go/imprest/core"
)

// request makes the request of an event, or says with which status to refuse it:
// the one with which an HTTP server would.
func (h *Handler) request(e *event) (_ *core.Request, status int) {
	r := &core.Request{Method: e.HTTPMethod, RawQuery: e.query()}
	remote := e.RequestContext.Identity.SourceIP
	if e.RequestContext.HTTP != nil {
		r.Method, remote = e.RequestContext.HTTP.Method, e.RequestContext.HTTP.SourceIP
	}
	var ok bool
	if r.Path, ok = h.path(e); !ok || !isToken(r.Method) || !isQuery(r.RawQuery) {
		return nil, http.StatusBadRequest
	}
	if r.Header, ok = e.header(); !ok {
		return nil, http.StatusBadRequest
	}
	if e.kind == alb { // it tells of its client in the last entry of this header alone
		if lines := r.Header.Values("X-Forwarded-For"); len(lines) > 0 {
			// The lines before the last are the client's word.
			forwarded := lines[len(lines)-1]
			remote = strings.TrimSpace(forwarded[strings.LastIndexByte(forwarded, ',')+1:])
		}
	}
	if ip, err := netip.ParseAddr(remote); err == nil {
		r.RemoteAddr = net.JoinHostPort(ip.String(), "0")
	} else if peer, err := netip.ParseAddrPort(remote); err == nil { // a load balancer can be told to add the port
		r.RemoteAddr = peer.String()
	}
	r.Body = []byte(e.Body)
	if e.IsBase64Encoded {
		if base64.StdEncoding.DecodedLen(len(e.Body)) > h.cfg.MaxBody+2 {
			return nil, http.StatusRequestEntityTooLarge
		}
		body, err := base64.StdEncoding.Strict().DecodeString(e.Body)
		if err != nil {
			return nil, http.StatusBadRequest
		}
		r.Body = body
	}
	if len(r.Body) > h.cfg.MaxBody {
		return nil, http.StatusRequestEntityTooLarge
	}
	if len(r.Body) == 0 {
		r.Body = nil
	}
	return r, 0
}

// path returns the path of a request as it was sent, as nearly as the event
// tells; false if it is none.
func (h *Handler) path(e *event) (string, bool) {
	path := e.Path
	switch e.kind {
	case httpAPI, httpAPI1:
		// Percent-encoding was taken off. What is left of it is text, unless it
		// was never any: then nobody could take it off.
		decoded := cmp.Or(e.RawPath, e.Path) // format 1.0 has it in Path
		if !isEscaped(decoded) {
			return "", false
		}
		path = (&url.URL{Path: decoded}).EscapedPath()
		if stage := e.RequestContext.Stage; !h.cfg.KeepStage && stage != "" && stage != "$default" {
			path = without(path, "/"+stage)
		}
	case functionURL:
		// As sent, by what AWS does today; its page does not say so. What a
		// path cannot hold was decoded, and is encoded again.
		path = escapeOdd(e.RawPath)
	}
	path = without(path, h.cfg.BasePath)
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

// query returns the query as it was sent, as nearly as the event tells.
func (e *event) query() string {
	switch e.kind {
	case httpAPI, functionURL:
		return e.RawQueryString
	}
	all := e.MultiValueQuery
	if len(all) == 0 {
		all = map[string][]string{}
		for name, value := range e.Query {
			all[name] = []string{value}
		}
	}
	if e.kind == restAPI || e.kind == httpAPI1 {
		return url.Values(all).Encode() // names and values come decoded
	}
	var query strings.Builder
	for _, name := range slices.Sorted(maps.Keys(all)) {
		for _, value := range all[name] {
			if query.Len() > 0 {
				query.WriteByte('&')
			}
			query.WriteString(name + "=" + value)
		}
	}
	return query.String()
}

// header returns the header lines, Host first, the others by name; false if one
// could not have come over HTTP.
func (e *event) header() (core.Header, bool) {
	header := make(core.Header, 0, len(e.Headers)+len(e.MultiValueHeaders)+1)
	add := func(name, value string) bool {
		if !isToken(name) || strings.ContainsFunc(value, func(r rune) bool { return r != '\t' && isControl(r) }) {
			return false
		}
		header = append(header, core.HeaderField{Name: textproto.CanonicalMIMEHeaderKey(name), Value: value})
		return true
	}
	if len(e.MultiValueHeaders) > 0 {
		for _, name := range slices.Sorted(maps.Keys(e.MultiValueHeaders)) {
			for _, value := range e.MultiValueHeaders[name] {
				if !add(name, value) {
					return nil, false
				}
			}
		}
	} else {
		for _, name := range slices.Sorted(maps.Keys(e.Headers)) {
			if !add(name, e.Headers[name]) {
				return nil, false
			}
		}
	}
	if len(e.Cookies) > 0 {
		// An HTTP API moved them out of the headers, a function URL copied them.
		header = slices.DeleteFunc(header, func(f core.HeaderField) bool { return f.Name == "Cookie" })
	}
	if len(e.Cookies) > 0 && !add("Cookie", strings.Join(e.Cookies, "; ")) {
		return nil, false
	}
	slices.SortStableFunc(header, func(a, b core.HeaderField) int {
		if host := "Host"; a.Name != b.Name && (a.Name == host || b.Name == host) {
			if a.Name == host {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.Name, b.Name)
	})
	return header, true
}

const tokenChars = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

func isToken(text string) bool { return text != "" && strings.Trim(text, tokenChars) == "" }
