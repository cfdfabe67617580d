package vvchat

import (
	"errors"
	"net/url"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/imprest-go/imprest/core"
)

// Redirects is where the app may send a user back to: an allow-list for the
// redirect_uri of links. Each entry is an address such as
// "https://shop.example" or "https://shop.example/login", and allows itself and
// what lies below it.
type Redirects []string

// Check returns an error with core.CodeInvalid unless the address is on the
// list: the same scheme, host and port as an entry, and a path that is the
// entry's or below it. An address that two readers could take in two ways (a
// user before the host, a backslash, a path with "..", ";", an encoded slash, dot,
// percent sign or control character, a host that is not plain ASCII, a fragment)
// is on no list. An entry that is no such address, or has a query, is an error
// whatever is asked.
func (r Redirects) Check(redirectURI string) error {
	const op = "vvchat.Redirects"
	target, err := absolute(redirectURI)
	if err == nil {
		err = plainPath(target)
	}
	if err != nil {
		return core.Invalid(op, "redirect_uri "+err.Error())
	}
	var entries []*url.URL
	for _, entry := range r {
		allowed, err := absolute(entry)
		if err == nil {
			err = plainPath(allowed)
		}
		if err == nil && (allowed.RawQuery != "" || allowed.ForceQuery) {
			err = errors.New("must not have a query")
		}
		if err != nil {
			return core.Invalid(op, "an entry of the list "+err.Error())
		}
		entries = append(entries, allowed)
	}
	for _, allowed := range entries {
		if target.Scheme == allowed.Scheme && strings.EqualFold(target.Host, allowed.Host) && below(target.Path, allowed.Path) {
			return nil
		}
	}
	return core.Invalid(op, "redirect_uri leads to a place that is not on the list")
}

// BuildLink is [BuildLink] for a link whose redirect_uri is on the list.
func (r Redirects) BuildLink(l Link) (string, error) {
	text, err := BuildLink(l)
	if err != nil {
		return "", err
	}
	for _, p := range l.parameters() {
		if p[0] == "redirect_uri" {
			if err := r.Check(p[1]); err != nil {
				return "", err
			}
		}
	}
	return text, nil
}

func below(target, allowed string) bool {
	allowed = strings.TrimSuffix(allowed, "/")
	rest, ok := strings.CutPrefix(target, allowed)
	return ok && (rest == "" || rest[0] == '/')
}

// absolute reads an address whose host every reader takes in the same way.
func absolute(text string) (*url.URL, error) {
	for i := 0; i < len(text); i++ {
		if c := text[i]; c <= ' ' || c >= 0x7f || c == '\\' {
			return nil, errors.New("must be an address in ASCII, without spaces and backslashes")
		}
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Hostname() == "" || u.Opaque != "":
		return nil, errors.New("must be an address such as https://shop.example/back")
	case u.User != nil:
		return nil, errors.New("must not have a user before its host")
	case u.Fragment != "" || strings.Contains(text, "#"):
		return nil, errors.New("must not have a fragment")
	case strings.ContainsAny(u.Hostname(), "%") || u.Port() == "" && strings.HasSuffix(u.Host, ":"):
		return nil, errors.New("must have a plain host")
	}
	return u, nil
}

// plainPath reports what lets two readers see two paths.
func plainPath(u *url.URL) error {
	raw := strings.ToLower(u.EscapedPath())
	for _, odd := range []string{"%2f", "%5c", "%2e", "%25", "%3b", "//", ";"} {
		if strings.Contains(raw, odd) {
			return errors.New("must have a path without dots, semicolons, doubled and encoded slashes")
		}
	}
	if strings.ContainsFunc(u.Path, unicode.IsControl) || !utf8.ValidString(u.Path) ||
		(u.Path != "" && strings.TrimSuffix(u.Path, "/") != strings.TrimSuffix(path.Clean(u.Path), "/")) {
		return errors.New("must have a path without dots, doubled and encoded slashes")
	}
	return nil
}
