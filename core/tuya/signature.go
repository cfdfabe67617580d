package tuya

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"slices"
	"strings"

	"github.com/imprest-go/imprest/core"
)

// Header is a request header that the signature covers (Signature-Headers).
type Header struct{ Name, Value string }

// Signed is what a signature covers of a request.
type Signed struct {
	// Method is the HTTP method; it is signed in upper case.
	Method string
	// Path is the path alone: "/v1.0/token".
	Path string
	// Query holds each parameter once, unescaped.
	Query url.Values
	// Body is the exact body; nil is none.
	Body []byte
	// Headers are signed in their order.
	Headers []Header
}

// StringToSign returns the text that stands for the request: the method, the
// SHA-256 of the body, the headers, and the path with its query, whose parameters
// are sorted by name and unescaped.
func (s Signed) StringToSign() string {
	sum := sha256.Sum256(s.Body)
	var b strings.Builder
	b.WriteString(strings.ToUpper(s.Method) + "\n" + hex.EncodeToString(sum[:]) + "\n")
	for _, h := range s.Headers {
		b.WriteString(h.Name + ":" + h.Value + "\n")
	}
	b.WriteString("\n" + s.Path)
	names := make([]string, 0, len(s.Query))
	for name := range s.Query {
		names = append(names, name)
	}
	slices.Sort(names)
	for i, name := range names {
		separator := "&"
		if i == 0 {
			separator = "?"
		}
		b.WriteString(separator + name + "=" + s.Query.Get(name))
	}
	return b.String()
}

// Sign returns the sign header of a request: HMAC-SHA256 in upper-case hex over
// clientID, accessToken (empty for the calls that ask for a token), t (13 digits
// of milliseconds), nonce (empty if none is sent) and the request's
// [Signed.StringToSign], without anything between them.
func Sign(clientID string, secret, accessToken core.Secret, t, nonce string, request Signed) string {
	mac := hmac.New(sha256.New, []byte(secret.Reveal()))
	mac.Write([]byte(clientID + accessToken.Reveal() + t + nonce + request.StringToSign()))
	return strings.ToUpper(hex.EncodeToString(mac.Sum(nil)))
}
