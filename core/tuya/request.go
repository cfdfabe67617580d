package tuya

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/imprest-go/imprest/core"
)

// What is signed must be what arrives. These checks refuse what HTTP would
// send in another form, and what would let two requests share a signature.

// checkQuery refuses parameters that the signed text, which holds them
// unescaped, could not tell from others.
func checkQuery(op string, query url.Values) error {
	for name, values := range query {
		switch {
		case len(values) != 1:
			return core.Invalid(op, fmt.Sprintf("query must hold %.40q once: the signature covers one value", name))
		case name == "" || !isClear(name):
			return core.Invalid(op, fmt.Sprintf("query must have names without &, =, #, %%, + and control characters, and %.40q is none", name))
		case !isClear(values[0]):
			return core.Invalid(op, fmt.Sprintf("%.40s in the query must not hold &, =, #, %%, + or control characters: the signature could not tell it from other parameters", name))
		}
	}
	return nil
}

func isClear(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsAny(text, "&=#%+") && !strings.ContainsFunc(text, unicode.IsControl)
}

var (
	ownHeaders = []string{"client_id", "sign", "sign_method", "t", "nonce", "access_token", "signature-headers", "content-type"}
	// httpHeaders belong to one connection, or are filled in by net/http,
	// which would send its own value in place of the signed one or beside it.
	httpHeaders = []string{
		"accept-encoding", "connection", "content-length", "expect", "host", "keep-alive", "proxy-authenticate",
		"proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "user-agent",
	}
)

func (c *Client) checkHeaders(op string, headers []Header) error {
	seen := map[string]bool{}
	for _, h := range headers {
		name := strings.ToLower(h.Name)
		switch {
		case !isToken(h.Name):
			return core.Invalid(op, fmt.Sprintf("headers must hold HTTP headers, and %.40q is none", h.Name))
		case slices.Contains(ownHeaders, name), name == "lang" && c.cfg.Lang != "":
			return core.Invalid(op, fmt.Sprintf("headers must not hold %.40s, which the client sets itself", h.Name))
		case slices.Contains(httpHeaders, name):
			return core.Invalid(op, fmt.Sprintf("headers must not hold %.40s: HTTP sets or changes it, so a signature of it would not hold", h.Name))
		case seen[name]:
			return core.Invalid(op, fmt.Sprintf("headers must hold %.40s once, in whatever case", h.Name))
		case h.Value != strings.TrimSpace(h.Value) || strings.ContainsFunc(h.Value, func(r rune) bool { return r < ' ' || r >= 0x7f }):
			return core.Invalid(op, fmt.Sprintf("headers must have values of printable ASCII without spaces around them, and that of %.40s is none", h.Name))
		}
		seen[name] = true
	}
	return nil
}

// isToken reports whether name is what RFC 9110 calls a token.
func isToken(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
	})
}

func isVisible(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}
