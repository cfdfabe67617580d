package testkit

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/imprest-go/imprest/core"
)

// longKey is how many characters make an app_key that occurs nowhere by
// chance. A shorter one, such as the documented 123456, may well be a part of
// an amount or a time: it is looked for as a word of its own.
const longKey = 16

// secrets are what must not stand in a record: every key that the fake has
// known, and the tokens that are good now.
type secrets struct {
	keys   []string
	tokens map[string]grant // of a Platform
	// others masks in a text what else a fake has; nil is nothing.
	others func(text string) string
	// inJSON and inPairs find a secret by its name: it may be one that the
	// fake does not know.
	inJSON, inPairs *regexp.Regexp
}

func newSecrets() secrets {
	const names = `(?:app_key|token|access_token|refresh_token|secret|sn_ticket|local_key)`
	return secrets{
		tokens:  map[string]grant{},
		inJSON:  regexp.MustCompile(`(?i)("` + names + `"\s*:\s*)("(?:[^"\\]|\\.)*"?|[^\s,}]+)`),
		inPairs: regexp.MustCompile(`(?i)(^|&)(` + names + `=)[^&]*`),
	}
}

func (s *secrets) addKey(key core.Secret) {
	if plain := key.Reveal(); plain != "" && !slices.Contains(s.keys, plain) {
		s.keys = append(s.keys, plain)
	}
}

// masked returns e without a secret.
func (p *Platform) masked(e Exchange) Exchange {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.secrets.masked(e)
}

// masked is called with the fake's lock held.
func (s *secrets) masked(e Exchange) Exchange {
	e.Query = s.query(e.Query)
	e.Header, e.AnswerHeader = s.header(e.Header), s.header(e.AnswerHeader)
	for _, text := range []*string{&e.Body, &e.Canonical, &e.Answer} {
		*text = s.inJSON.ReplaceAllString(*text, `${1}"`+mask+`"`)
		*text = s.inPairs.ReplaceAllString(*text, `${1}${2}`+mask)
	}
	for _, text := range []*string{&e.Path, &e.Body, &e.Canonical, &e.Answer, &e.Err, &e.AppID, &e.OutTradeNo, &e.OutOrderNo, &e.UserID, &e.DeviceID} {
		*text = s.text(*text)
	}
	return e
}

// query masks what is a secret by its name, and what holds one in its value,
// however it is escaped.
func (s *secrets) query(raw string) string {
	parts := strings.Split(maskQuery(raw), "&")
	for i, part := range parts {
		if plain, err := url.QueryUnescape(part); err == nil && s.text(plain) != plain {
			name, _, _ := strings.Cut(part, "=")
			parts[i] = s.text(name) + "=" + mask
		}
	}
	return strings.Join(parts, "&")
}

// header masks in lines too what a client carries along by itself: after a
// redirect that it followed, Referer is the whole URL that it came from.
func (s *secrets) header(h core.Header) core.Header {
	h = maskHeader(h)
	for i := range h {
		if before, query, ok := strings.Cut(h[i].Value, "?"); ok {
			h[i].Value = before + "?" + s.query(query)
		}
		h[i].Value = s.text(h[i].Value)
	}
	return h
}

// text masks every key, as it is and as URLs and JSON spell it, and every
// token.
func (s *secrets) text(text string) string {
	for _, key := range s.keys {
		forms := []string{key, url.QueryEscape(key), url.PathEscape(key), strings.Trim(quote(key), `"`)}
		for _, form := range forms {
			text = maskWord(text, form, mask, len(key) >= longKey)
		}
	}
	text = maskIssued(text, tokenLength, s.tokens)
	if s.others != nil {
		text = s.others(text)
	}
	return text
}

// maskWord puts shown for a secret in a text: wherever it stands, or else only
// where no letter or digit is next to it.
func maskWord(text, secret, shown string, anywhere bool) string {
	if anywhere {
		return strings.ReplaceAll(text, secret, shown)
	}
	var b strings.Builder
	for from := 0; ; {
		i := strings.Index(text[from:], secret)
		if i < 0 {
			return b.String() + text[from:]
		}
		start, end := from+i, from+i+len(secret)
		alone := (start == 0 || !isWordByte(text[start-1])) && (end == len(text) || !isWordByte(text[end]))
		if alone {
			b.WriteString(text[from:start] + shown)
		} else {
			end = start + 1
			b.WriteString(text[from:end])
		}
		from = end
	}
}

// maskIssued masks what was issued. It looks at every piece that is as long as
// such are, so that it costs the same however many there are.
func maskIssued[V any](text string, length int, issued map[string]V) string {
	if len(issued) == 0 {
		return text
	}
	word := 0 // letters and digits up to here
	var b strings.Builder
	from := 0
	for i := range len(text) {
		if word++; !isWordByte(text[i]) {
			word = 0
		}
		if word < length {
			continue
		}
		start := i + 1 - length
		if _, live := issued[text[start:i+1]]; live {
			b.WriteString(text[from:start] + mask)
			from, word = i+1, 0
		}
	}
	return b.String() + text[from:]
}

func isWordByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}
