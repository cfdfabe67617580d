package testkit

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sort"
	"strings"

	"github.com/imprest-go/imprest/core"
)

// This is the signature of Tuya's OpenAPI, from the documents alone:
//
//	stringToSign = METHOD \n hex(sha256(body)) \n headers \n URL
//	str          = client_id [+ access_token] + t + nonce + stringToSign
//	sign         = HEX(hmac-sha256(secret, str))
//
// Each header that Signature-Headers names is "name:value\n". The URL is the
// path and the query, its keys in ascending order.

// tuyaSign returns the sign of a text in upper-case hex.
func tuyaSign(secret core.Secret, text string) string {
	mac := hmac.New(sha256.New, []byte(secret.Reveal()))
	mac.Write([]byte(text))
	return fmt.Sprintf("%X", mac.Sum(nil))
}

// stringToSign returns the text that stands for a request.
func stringToSign(r *http.Request, body []byte, headers, target string) string {
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if strings.EqualFold(strings.TrimSpace(kind), "application/x-www-form-urlencoded") {
		body = nil // a form is not covered
	}
	return fmt.Sprintf("%s\n%x\n%s\n%s", strings.ToUpper(r.Method), sha256.Sum256(body), headers, target)
}

// signedHeaders returns the headers that a request says it signed, as they are
// signed.
func signedHeaders(r *http.Request) (string, *denial) {
	h := r.Header
	list, denied := headerOnce(h, "Signature-Headers")
	if denied != nil || list == "" {
		return "", denied
	}
	var b strings.Builder
	for _, name := range strings.Split(list, ":") {
		values := h.Values(name)
		if strings.EqualFold(name, "Host") && len(values) == 0 {
			values = []string{r.Host} // net/http keeps it apart
		}
		switch {
		case name == "":
			return "", deny("1109", "Signature-Headers: has an empty name")
		case len(values) == 0:
			return "", deny("1105", "%.80q, which Signature-Headers names", name)
		case len(values) > 1:
			return "", deny("1109", "%.80q, which Signature-Headers names, stands there twice", name)
		default:
			b.WriteString(name + ":" + values[0] + "\n")
		}
	}
	return b.String(), nil
}

// headerOnce returns the value of a header that may stand there once; "" if it
// does not.
func headerOnce(h http.Header, name string) (string, *denial) {
	switch values := h.Values(name); len(values) {
	case 0:
		return "", nil
	case 1:
		return values[0], nil
	}
	return "", deny("1109", "%s: stands there twice", name)
}

// decodedTarget returns the path and the query without escapes: of a repeated
// key the first value. The query is known to be readable.
func decodedTarget(u *url.URL) string {
	first := map[string]string{}
	for name, values := range u.Query() {
		first[name] = values[0]
	}
	return u.Path + joined(first)
}

// rawTarget returns the path and the query as they were sent, in order.
func rawTarget(u *url.URL) string {
	first := map[string]string{}
	for pair := range strings.SplitSeq(u.RawQuery, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if _, repeated := first[name]; pair != "" && !repeated {
			first[name] = value
		}
	}
	return u.EscapedPath() + joined(first)
}

func joined(params map[string]string) string {
	var names []string
	for name := range params {
		names = append(names, name)
	}
	sort.Strings(names)
	var b strings.Builder
	for i, name := range names {
		b.WriteString(map[bool]string{true: "?", false: "&"}[i == 0] + name + "=" + params[name])
	}
	return b.String()
}

// signedTexts returns the texts of which any may be what a request signed, the
// likeliest first. token is "" for a call that asks for one.
func (c *Cloud) signedTexts(r *http.Request, body []byte, clientID, token, t, nonce string) ([]string, *denial) {
	headers, denied := signedHeaders(r)
	if denied != nil {
		return nil, denied
	}
	var targets []string
	if c.readings.SignedQuery != SignedRaw {
		targets = append(targets, decodedTarget(r.URL))
	}
	if raw := rawTarget(r.URL); c.readings.SignedQuery != SignedDecoded && !slices.Contains(targets, raw) {
		targets = append(targets, raw)
	}
	var texts []string
	for _, target := range targets {
		texts = append(texts, clientID+token+t+nonce+stringToSign(r, body, headers, target))
	}
	if c.readings.OldSignature {
		texts = append(texts, clientID+token+t)
	}
	return texts, nil
}

// isSigned reports whether sign is the signature of one of texts.
func isSigned(secret core.Secret, sign string, texts []string) bool {
	good := false
	for _, text := range texts {
		if hmac.Equal([]byte(sign), []byte(tuyaSign(secret, text))) {
			good = true
		}
	}
	return good
}
