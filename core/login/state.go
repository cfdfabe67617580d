package login

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
)

const (
	statePrefix = "state/"
	// proofLength is that of a browser's proof: 130 bits.
	proofLength = 26
	// maxReturn is the length of the longest path of this site that a login
	// may end at: the state carries it through the app's link and back.
	maxReturn = 256
	// usedFor is how long a used state stays on record after its end, for the
	// processes whose clocks are behind.
	usedFor = 5 * time.Minute
)

// A state is, in base64url without padding and as bytes:
//
//	mac 16 | nonce 16 | browser 16 | expiry 8 (milliseconds) | where the login ends
//
// browser is the digest of the browser's proof; the mac covers the rest. So
// nothing is kept for a login that is merely started, which anybody can do as
// often as they like, and whoever has the keys can tell a state that another
// process made. What a state does not say, that it was used, is the record.
const (
	macSize    = 16
	nonceSize  = 16
	digestSize = 16
	stateHead  = macSize + nonceSize + digestSize + 8
)

// proofDigest is one-way and needs no salt: a proof has 130 random bits.
func proofDigest(proof string) []byte {
	sum := sha256.Sum256([]byte("imprest/login/browser\x00" + proof))
	return sum[:digestSize]
}

func (l *Login) stateMAC(key core.Secret, rest []byte) []byte {
	return l.sum(key, "state", string(rest))[:macSize]
}

// usedID is the id of the record which says that a state was used.
func usedID(state []byte) string {
	sum := sha256.Sum256(append([]byte("imprest/login/state\x00"), state...))
	return statePrefix + hex.EncodeToString(sum[:])
}

// isProof reports whether s has the form that core.RandomText gives.
func isProof(s string) bool {
	if len(s) != proofLength {
		return false
	}
	for i := 0; i < len(s); i++ {
		if (s[i] < 'A' || s[i] > 'Z') && (s[i] < '2' || s[i] > '7') {
			return false
		}
	}
	return true
}

// issue returns a new state for the browser of r, and the cookie by which that
// browser proves itself. A browser that has a proof keeps it, so that two tabs
// can log in at once. An empty returnTo is [Config.AfterLogin].
func (l *Login) issue(r *core.Request, returnTo string) (state string, cookie core.HeaderField, err error) {
	proof := ""
	for _, value := range cookieValues(r, l.browserCookie) {
		if isProof(value) {
			proof = value
			break
		}
	}
	if proof == "" {
		if proof, err = core.RandomText(l.cfg.Rand, proofLength); err != nil {
			return "", core.HeaderField{}, err
		}
	}
	text := make([]byte, macSize+nonceSize, stateHead+len(returnTo))
	if _, err := io.ReadFull(l.cfg.Rand, text[macSize:]); err != nil {
		return "", core.HeaderField{}, &core.Error{Op: "login", Code: core.CodeInternal, Err: fmt.Errorf("no randomness to be had: %w", err)}
	}
	text = append(text, proofDigest(proof)...)
	text = binary.BigEndian.AppendUint64(text, uint64(l.cfg.Now().Add(StateTTL).UnixMilli()))
	text = append(text, returnTo...)
	copy(text, l.stateMAC(l.cfg.CookieKeys[0], text[macSize:]))
	return base64.RawURLEncoding.EncodeToString(text), l.setCookie(l.browserCookie, proof, StateTTL), nil
}

// consume puts on record that the state was used, and returns where the login
// ends. Of any number of requests with one state, one at most gets nil. Only a
// genuine state that came from its own browser is looked up, or used up.
func (l *Login) consume(ctx context.Context, r *core.Request, state string) (returnTo string, err error) {
	text, ok := decodeState(state)
	if !ok {
		return "", refuse(http.StatusBadRequest, "no state, or none of ours")
	}
	genuine := 0
	for _, key := range l.cfg.CookieKeys {
		genuine |= subtle.ConstantTimeCompare(text[:macSize], l.stateMAC(key, text[macSize:]))
	}
	if genuine != 1 {
		return "", refuse(http.StatusBadRequest, "the state was changed, is another app's, or was made with a key that is gone")
	}
	rest := text[macSize+nonceSize:]
	browser, expires := rest[:digestSize], time.UnixMilli(int64(binary.BigEndian.Uint64(rest[digestSize:])))
	if !expires.After(l.cfg.Now()) {
		return "", refuse(http.StatusBadRequest, "the state is too old")
	}
	if !l.fromBrowser(r, browser) {
		return "", refuse(http.StatusBadRequest, "the login was started in another browser, or its cookie is gone")
	}
	forget := expires.Add(usedFor)
	_, err = l.cfg.Store.Put(ctx, journal.Record{ID: usedID(text), Due: forget, Expires: forget})
	if errors.Is(err, journal.ErrConflict) {
		return "", refuse(http.StatusBadRequest, "the state was used")
	}
	if err != nil {
		// journal.ErrUnknown too: the state may be on record, so it counts as
		// used.
		return "", err
	}
	if returnTo = string(text[stateHead:]); returnTo == "" {
		returnTo = l.cfg.AfterLogin
	}
	return returnTo, nil
}

// decodeState returns the bytes of a state. It takes the one spelling that
// issue gives them: a decoder would skip line breaks and stray bits.
func decodeState(state string) (text []byte, ok bool) {
	if len(state) > base64.RawURLEncoding.EncodedLen(stateHead+maxReturn) {
		return nil, false
	}
	text, err := base64.RawURLEncoding.DecodeString(state)
	if err != nil || len(text) < stateHead || base64.RawURLEncoding.EncodeToString(text) != state {
		return nil, false
	}
	return text, true
}

// fromBrowser reports whether r carries the proof with that digest.
func (l *Login) fromBrowser(r *core.Request, want []byte) bool {
	found := 0
	for _, value := range cookieValues(r, l.browserCookie) {
		if isProof(value) {
			found |= subtle.ConstantTimeCompare(proofDigest(value), want)
		}
	}
	return found == 1
}

// Purge removes the records of used states that are too old to be used again,
// and returns how many. A program that sweeps its journal by due times does
// not need it.
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

// mayReturnTo reports whether a login may end at target. The login's own paths
// are none: a login that ends where one starts would never end.
func (l *Login) mayReturnTo(target string) bool {
	if !isLocalPath(target) || l.isOwnPath(target) {
		return false
	}
	if len(l.cfg.ReturnPaths) == 0 {
		return true
	}
	path := pathOf(target)
	for _, allowed := range l.cfg.ReturnPaths {
		if path == allowed || (strings.HasSuffix(allowed, "/") && strings.HasPrefix(path, allowed)) {
			return true
		}
	}
	return false
}

// isOwnPath reports whether target, a local path, is /login or below, or where
// the app sends the browser.
func (l *Login) isOwnPath(target string) bool {
	plain, err := url.PathUnescape(pathOf(target)) // a mux may compare decoded paths
	own, ownErr := url.PathUnescape(l.returnPath)
	return err != nil || ownErr != nil || plain == startPath || strings.HasPrefix(plain, startPath+"/") || plain == own
}

// pathOf returns target without its query and fragment.
func pathOf(target string) string {
	if i := strings.IndexAny(target, "?#"); i >= 0 {
		return target[:i]
	}
	return target
}

// isLocalPath reports whether a browser of any make takes target for a path of
// this site, and for the very path that it reads: visible ASCII, no "//host"
// (browsers read a backslash as a slash and drop tabs and line breaks), no dot
// segments; 256 bytes at most.
func isLocalPath(target string) bool {
	if target == "" || len(target) > maxReturn || target[0] != '/' || strings.HasPrefix(target, "//") {
		return false
	}
	for i := 0; i < len(target); i++ {
		if target[i] <= ' ' || target[i] > '~' || target[i] == '\\' {
			return false
		}
	}
	for segment := range strings.SplitSeq(pathOf(target), "/") {
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

// maxCookies bounds how many cookies of one name are looked at. A browser sends
// one; a few more may be left over from another path or domain.
const maxCookies = 8

// cookieValues returns the values of the cookies of that name, the first
// maxCookies of them. It reads past whatever other cookies look like: they are
// not ours.
func cookieValues(r *core.Request, name string) []string {
	var values []string
	for i := range r.Header {
		if !strings.EqualFold(r.Header[i].Name, "Cookie") {
			continue
		}
		for pair := range strings.SplitSeq(r.Header[i].Value, ";") {
			got, value, ok := strings.Cut(strings.Trim(pair, " \t"), "=")
			if !ok || got != name {
				continue
			}
			if values = append(values, value); len(values) == maxCookies {
				return values
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
