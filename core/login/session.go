package login

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/imprest-go/imprest/core"
)

// Session says who is logged in. Its times are whole seconds, in UTC.
type Session struct {
	// OpenID names the user to this app.
	OpenID string `json:"open_id"`
	// Nickname is what the user was called when logging in, at most 64
	// characters, or "". It is the user's text: escape it in a page.
	Nickname string `json:"nickname,omitempty"`
	// IssuedAt is when the user logged in.
	IssuedAt time.Time `json:"issued_at"`
	// ExpiresAt is when the session ends.
	ExpiresAt time.Time `json:"expires_at"`
}

// ErrNoSession says that a request has no session: no cookie, one that was
// changed or signed with a key that is gone, or one that has ended. The user
// has to log in.
var ErrNoSession error = &core.Error{Op: "login", Code: core.CodeNotFound, Err: errors.New("no session: log in")}

// The cookie's value is "v1.<payload>.<mac>" in base64url without padding. The
// mac covers the text before it as it stands, so there is one text per session
// and key, and nothing is decoded that is not genuine.
const cookieVersion = "v1"

// maxCookie bounds what is hashed for a stranger.
const maxCookie = 2048

// payload is what the cookie holds, names kept short.
type payload struct {
	OpenID   string `json:"o"`
	Nickname string `json:"n,omitempty"`
	Issued   int64  `json:"i"`
	Expires  int64  `json:"e"`
}

// newSession returns a session that starts now.
func (l *Login) newSession(openID, nickname string) Session {
	now := l.cfg.Now().UTC().Truncate(time.Second)
	return Session{OpenID: openID, Nickname: tidy(nickname, 64), IssuedAt: now, ExpiresAt: now.Add(l.cfg.SessionTTL)}
}

// seal returns the cookie's value for s.
func (l *Login) seal(s Session) (string, error) {
	body, err := json.Marshal(payload{OpenID: s.OpenID, Nickname: s.Nickname, Issued: s.IssuedAt.Unix(), Expires: s.ExpiresAt.Unix()})
	if err != nil {
		return "", err
	}
	text := cookieVersion + "." + base64.RawURLEncoding.EncodeToString(body)
	return text + "." + l.mac(l.cfg.CookieKeys[0], text), nil
}

// unseal returns the session in a cookie's value, if it is genuine and has not
// ended.
func (l *Login) unseal(value string) (Session, error) {
	end := strings.LastIndexByte(value, '.')
	if end < 0 || len(value) > maxCookie {
		return Session{}, fmt.Errorf("%w: the cookie is none of ours", ErrNoSession)
	}
	text, mac := value[:end], value[end+1:]
	genuine := 0
	for _, key := range l.cfg.CookieKeys {
		genuine |= subtle.ConstantTimeCompare([]byte(mac), []byte(l.mac(key, text)))
	}
	version, encoded, _ := strings.Cut(text, ".")
	if genuine != 1 || version != cookieVersion {
		return Session{}, fmt.Errorf("%w: the cookie's signature does not hold", ErrNoSession)
	}
	var p payload
	body, err := base64.RawURLEncoding.DecodeString(encoded)
	if err == nil {
		err = json.Unmarshal(body, &p)
	}
	if err != nil || p.OpenID == "" {
		return Session{}, fmt.Errorf("%w: the cookie cannot be read", ErrNoSession)
	}
	s := Session{OpenID: p.OpenID, Nickname: p.Nickname, IssuedAt: time.Unix(p.Issued, 0).UTC(), ExpiresAt: time.Unix(p.Expires, 0).UTC()}
	if latest := s.IssuedAt.Add(l.cfg.SessionTTL); s.ExpiresAt.After(latest) {
		s.ExpiresAt = latest
	}
	if !s.ExpiresAt.After(l.cfg.Now()) {
		return Session{}, fmt.Errorf("%w: it has ended", ErrNoSession)
	}
	return s, nil
}

func (l *Login) mac(key core.Secret, text string) string {
	return base64.RawURLEncoding.EncodeToString(l.sum(key, "session", text))
}

// sum signs text for this app and one use: a cookie of another app under the
// same key, whose open_ids name other people, does not verify here, and no
// state is taken for a session.
func (l *Login) sum(key core.Secret, use, text string) []byte {
	h := hmac.New(sha256.New, []byte(key.Reveal()))
	h.Write([]byte("imprest/login/" + use + "\x00" + l.cfg.AppID + "\x00" + text))
	return h.Sum(nil)
}

// FromRequest returns the session of r, or an error that is [ErrNoSession].
//
// A request that may change something (any method but GET, HEAD and OPTIONS)
// has none if a page of another site sent it, a neighbouring subdomain's
// included: browsers tell by Sec-Fetch-Site or Origin. So a GET must change
// nothing.
func (l *Login) FromRequest(r *core.Request) (Session, error) {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
	default:
		if !l.sameOrigin(r) {
			return Session{}, errForeign
		}
	}
	err := fmt.Errorf("%w: there is no cookie", ErrNoSession)
	for _, value := range cookieValues(r, l.sessionCookie) {
		var s Session
		if s, err = l.unseal(value); err == nil {
			return s, nil
		}
	}
	return Session{}, err
}

// errForeign is why a request of another site's page has no session.
var errForeign = fmt.Errorf("%w: a page of another site sent the request", ErrNoSession)

// Require returns a handler that calls next if the request has a session (see
// [Login.FromRequest]), which next finds with [FromContext]. It answers 403 if
// a page of another site sent a request that may change something, and 401 if
// there is no session, both with core.RefusedText.
func (l *Login) Require(next core.Handler) core.Handler {
	return core.HandlerFunc(func(ctx context.Context, r *core.Request) *core.Response {
		s, err := l.FromRequest(r)
		switch {
		case errors.Is(err, errForeign):
			return core.Refuse(http.StatusForbidden)
		case err != nil:
			return core.Refuse(http.StatusUnauthorized)
		}
		return next.Handle(NewContext(ctx, s), r)
	})
}

type sessionKey struct{}

// NewContext returns ctx with s in it, for [FromContext]: what [Login.Require]
// does, for tests of the handlers behind it.
func NewContext(ctx context.Context, s Session) context.Context {
	return context.WithValue(ctx, sessionKey{}, s)
}

// FromContext returns the session that [Login.Require] put there; false if
// there is none.
func FromContext(ctx context.Context) (Session, bool) {
	s, ok := ctx.Value(sessionKey{}).(Session)
	return s, ok
}

// tidy keeps at most limit characters of s, and drops those that do not show
// or that change how others show: breaks, controls, marks that turn the
// direction of a line, characters of no width.
func tidy(s string, limit int) string {
	var text strings.Builder
	for _, r := range strings.ToValidUTF8(s, "") {
		if limit == 0 {
			break
		}
		if !unicode.IsPrint(r) {
			continue
		}
		text.WriteRune(r)
		limit--
	}
	return text.String()
}
