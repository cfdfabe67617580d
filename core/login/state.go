package login

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
)

const (
	statePrefix = "state/"
	// textLength is that of a state and of a browser's proof: 130 bits.
	textLength = 26
)

// pending is the body of a state's record. Neither the state nor the proof can
// be had from it: whoever reads the journal can finish nobody's login.
type pending struct {
	Browser string `json:"browser"` // digest of the browser's proof
	Return  string `json:"return"`  // where the login ends
}

// digest is one-way and needs no salt: what goes in has 130 random bits.
func digest(kind, text string) string {
	sum := sha256.Sum256([]byte("imprest/login/" + kind + "\x00" + text))
	return hex.EncodeToString(sum[:])
}

func stateID(state string) string { return statePrefix + digest("state", state) }

// isRandomText reports whether s has the form that core.RandomText gives.
func isRandomText(s string) bool {
	if len(s) != textLength {
		return false
	}
	for i := 0; i < len(s); i++ {
		if (s[i] < 'A' || s[i] > 'Z') && (s[i] < '2' || s[i] > '7') {
			return false
		}
	}
	return true
}

// issue records a new state for the browser of r, and returns it with the
// cookie by which that browser proves itself. A browser that has a proof keeps
// it, so that two tabs can log in at once.
func (l *Login) issue(ctx context.Context, r *core.Request, returnTo string) (state string, cookie core.HeaderField, err error) {
	proof := ""
	for _, value := range cookieValues(r, l.browserCookie) {
		if isRandomText(value) {
			proof = value
			break
		}
	}
	if proof == "" {
		if proof, err = core.RandomText(l.cfg.Rand, textLength); err != nil {
			return "", core.HeaderField{}, err
		}
	}
	if state, err = core.RandomText(l.cfg.Rand, textLength); err != nil {
		return "", core.HeaderField{}, err
	}
	body, err := json.Marshal(pending{Browser: digest("browser", proof), Return: returnTo})
	if err != nil {
		return "", core.HeaderField{}, err
	}
	expires := l.cfg.Now().Add(StateTTL)
	_, err = l.cfg.Store.Put(ctx, journal.Record{ID: stateID(state), Due: expires, Expires: expires, Body: body})
	if err != nil {
		return "", core.HeaderField{}, err
	}
	return state, l.setCookie(l.browserCookie, proof, StateTTL), nil
}

// consume takes the state out of the journal and returns where the login ends.
// Of any number of requests with one state, one at most gets nil. A request
// from another browser does not use the state up.
func (l *Login) consume(ctx context.Context, r *core.Request, state string) (returnTo string, err error) {
	if !isRandomText(state) {
		return "", refuse(http.StatusBadRequest, "no state, or none of ours")
	}
	record, err := l.cfg.Store.Get(ctx, stateID(state))
	if errors.Is(err, journal.ErrNotFound) {
		return "", refuse(http.StatusBadRequest, "the state is unknown or used")
	}
	if err != nil {
		return "", err
	}
	if !record.Expires.After(l.cfg.Now()) {
		return "", refuse(http.StatusBadRequest, "the state is too old")
	}
	var login pending
	if err := json.Unmarshal(record.Body, &login); err != nil {
		return "", &core.Error{Op: "login", Code: core.CodeInternal, Err: fmt.Errorf("the record of a state cannot be read: %w", err)}
	}
	if !l.fromBrowser(r, login.Browser) {
		return "", refuse(http.StatusBadRequest, "the login was started in another browser, or its cookie is gone")
	}
	err = l.cfg.Store.Delete(ctx, record.ID, record.Version)
	if errors.Is(err, journal.ErrNotFound) || errors.Is(err, journal.ErrConflict) {
		return "", refuse(http.StatusBadRequest, "the state was used at this moment")
	}
	// journal.ErrUnknown too: the state may be gone, so it counts as used.
	return login.Return, err
}

// fromBrowser reports whether r carries the proof with that digest.
func (l *Login) fromBrowser(r *core.Request, want string) bool {
	found := 0
	for _, value := range cookieValues(r, l.browserCookie) {
		found |= subtle.ConstantTimeCompare([]byte(digest("browser", value)), []byte(want))
	}
	return found == 1
}

// Purge removes the states of logins that nobody finished, and returns how
// many. A program that sweeps its journal by due times does not need it.
func (l *Login) Purge(ctx context.Context) (removed int, err error) {
	const page = 100
	for after := ""; ; {
		records, err := l.cfg.Store.List(ctx, statePrefix, after, page)
		if err != nil {
			return removed, err
		}
		for _, record := range records {
			gone, err := journal.Purge(ctx, l.cfg.Store, record, l.cfg.Now())
			if err != nil {
				return removed, err
			}
			if gone {
				removed++
			}
		}
		if len(records) < page {
			return removed, nil
		}
		after = records[len(records)-1].ID
	}
}

// mayReturnTo reports whether a login may end at target.
func (l *Login) mayReturnTo(target string) bool {
	if !isLocalPath(target) {
		return false
	}
	if len(l.cfg.ReturnPaths) == 0 {
		return true
	}
	path := target
	if i := strings.IndexAny(target, "?#"); i >= 0 {
		path = target[:i]
	}
	for _, allowed := range l.cfg.ReturnPaths {
		if path == allowed || (strings.HasSuffix(allowed, "/") && strings.HasPrefix(path, allowed)) {
			return true
		}
	}
	return false
}

// isLocalPath reports whether a browser of any make takes target for a path of
// this site, and for the very path that it reads: visible ASCII, no "//host"
// (browsers read a backslash as a slash and drop tabs and line breaks), no dot
// segments.
func isLocalPath(target string) bool {
	if target == "" || len(target) > 1024 || target[0] != '/' || strings.HasPrefix(target, "//") {
		return false
	}
	for i := 0; i < len(target); i++ {
		if target[i] <= ' ' || target[i] > '~' || target[i] == '\\' {
			return false
		}
	}
	path := target
	if i := strings.IndexAny(target, "?#"); i >= 0 {
		path = target[:i]
	}
	for segment := range strings.SplitSeq(path, "/") {
		plain, err := url.PathUnescape(segment)
		if err != nil || plain == "." || plain == ".." {
			return false
		}
	}
	return true
}

// setCookie returns the line that sets a cookie for ttl, or removes it for a
// ttl of 0.
func (l *Login) setCookie(name, value string, ttl time.Duration) core.HeaderField {
	cookie := http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: int(ttl / time.Second),
		HttpOnly: true, Secure: l.secure, SameSite: http.SameSiteLaxMode,
	}
	if ttl == 0 {
		cookie.MaxAge = -1
	}
	return core.HeaderField{Name: "Set-Cookie", Value: cookie.String()}
}

// cookieValues returns the values of all cookies of that name. It reads past
// whatever other cookies look like: they are not ours.
func cookieValues(r *core.Request, name string) []string {
	var values []string
	for i := range r.Header {
		if !strings.EqualFold(r.Header[i].Name, "Cookie") {
			continue
		}
		for pair := range strings.SplitSeq(r.Header[i].Value, ";") {
			got, value, ok := strings.Cut(strings.Trim(pair, " \t"), "=")
			if ok && got == name {
				values = append(values, value)
			}
		}
	}
	return values
}

func isCookieName(name string) bool {
	for i := 0; i < len(name); i++ {
		c := name[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return name != "" && len(name) <= 64
}
