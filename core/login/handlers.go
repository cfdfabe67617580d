package login

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/vvchat"
)

// Start handles GET /login: it makes a state, binds it to the browser and
// sends that to the app's consent screen with 302. ?return= names the local
// path that the login ends at, 256 bytes at most; one that is not local, not
// allowed, or a path of the login itself is 400. The platform sees it, inside
// of the state. Nothing is written.
func (l *Login) Start(ctx context.Context, r *core.Request) *core.Response {
	return l.handle(ctx, r, "login.Start", http.MethodGet, func(context.Context) (*core.Response, error) {
		query, err := readQuery(r)
		if err != nil {
			return nil, err
		}
		returnTo := query.Get("return")
		if returnTo != "" && !l.mayReturnTo(returnTo) {
			return nil, refuse(http.StatusBadRequest, "return is not a path that a login may end at")
		}
		state, cookie, err := l.issue(r, returnTo)
		if err != nil {
			return nil, err
		}
		return redirect(http.StatusFound, l.cfg.Link(state), cookie), nil
	})
}

// State handles GET /login/state, for a page inside the app: the options of
// its vvchat.call("auth", …) as JSON, with a fresh state that is bound to the
// browser: {"app_id": …, "scope": …, "state": …}. The page hands the code to
// [Login.HandIn].
func (l *Login) State(ctx context.Context, r *core.Request) *core.Response {
	return l.handle(ctx, r, "login.State", http.MethodGet, func(context.Context) (*core.Response, error) {
		state, cookie, err := l.issue(r, "")
		if err != nil {
			return nil, err
		}
		resp := core.JSON(http.StatusOK, struct {
			AppID string `json:"app_id"`
			Scope string `json:"scope"`
			State string `json:"state"`
		}{l.cfg.AppID, l.cfg.Scope, state})
		resp.Header = append(resp.Header, cookie)
		return resp, nil
	})
}

// Return handles GET /login/return, where the app sends the browser: with
// code and state, or with an err_code other than 0 and 200 when the user said
// no, which [Config.Declined] answers.
//
// A state that is missing, forged, used, too old or another browser's is 400;
// so is a code that the platform refuses (used, or too old), or that stands for
// a consent to another scope: the user consents again. A platform that is not
// reached, makes no sense, or does not know our app_key is 503, and so is a
// store that fails. Else the session cookie is set, and 303 leads to where the
// login ends. Why it was refused is for Logger and Observer, as the error of
// [Config.Platform] says it.
func (l *Login) Return(ctx context.Context, r *core.Request) *core.Response {
	return l.handle(ctx, r, opReturn, http.MethodGet, func(ctx context.Context) (*core.Response, error) {
		query, err := readQuery(r)
		if err != nil {
			return nil, err
		}
		session, cookie, err := l.finish(ctx, r, opReturn, consent{query.Get("code"), query.Get("state"), query.Get("err_code")})
		if err == ErrDeclined {
			return l.cfg.Declined.Handle(ctx, r), err
		}
		if err != nil {
			return nil, err
		}
		return redirect(http.StatusSeeOther, session.returnTo, cookie), nil
	})
}

// HandIn handles POST /login/code, JSON {"code": …, "state": …}: what a page
// inside the app got from vvchat.call("auth", …), with err_code if there is
// one; other members are ignored. The rules are those of [Login.Return], but a
// user who said no is 403 with {"declined": true}, which no other answer has.
// The answer is 200 with the session as JSON:
// {"open_id": …, "nickname": …, "issued_at": …, "expires_at": …}. A request
// from another site is 403 with core.RefusedText.
func (l *Login) HandIn(ctx context.Context, r *core.Request) *core.Response {
	return l.handle(ctx, r, opHandIn, http.MethodPost, func(ctx context.Context) (*core.Response, error) {
		if err := l.checkOrigin(r); err != nil {
			return nil, err
		}
		if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
			return nil, refuse(http.StatusUnsupportedMediaType, "the body is not declared as JSON")
		}
		if len(r.Body) > 4096 {
			return nil, refuse(http.StatusRequestEntityTooLarge, "the body is larger than a code and a state")
		}
		in, err := readConsent(r.Body)
		if err != nil {
			return nil, err
		}
		session, cookie, err := l.finish(ctx, r, opHandIn, in)
		if err == ErrDeclined { // a page's script reads it: no place for a page
			return core.JSON(http.StatusForbidden, map[string]bool{"declined": true}), err
		}
		if err != nil {
			return nil, err
		}
		resp := core.JSON(http.StatusOK, session.Session)
		resp.Header = append(resp.Header, cookie)
		return resp, nil
	})
}

// Current handles GET /login/session: the session as JSON, as [Login.HandIn]
// returns it, or 401.
func (l *Login) Current(ctx context.Context, r *core.Request) *core.Response {
	return l.handle(ctx, r, "login.Current", http.MethodGet, func(context.Context) (*core.Response, error) {
		s, err := l.FromRequest(r)
		if err != nil {
			return core.Refuse(http.StatusUnauthorized), nil // the common case, not one to log
		}
		return core.JSON(http.StatusOK, s), nil
	})
}

// Logout handles POST /login/logout: it removes the session cookie and leads
// to [Config.AfterLogout] with 303. A request from another site is 403. A copy
// of the cookie elsewhere stays good until it ends.
func (l *Login) Logout(ctx context.Context, r *core.Request) *core.Response {
	return l.handle(ctx, r, "login.Logout", http.MethodPost, func(context.Context) (*core.Response, error) {
		if err := l.checkOrigin(r); err != nil {
			return nil, err
		}
		return redirect(http.StatusSeeOther, l.cfg.AfterLogout, l.setCookie(l.sessionCookie, "", 0)), nil
	})
}

// finished is a session and where its login ends.
type finished struct {
	Session
	returnTo string
}

// consent is what the app made of a user's answer.
type consent struct{ code, state, errCode string }

// agreed reports whether the user said yes: the links write 0 for it, the
// JSSDK 200 or nothing.
func (c consent) agreed() bool { return c.errCode == "" || c.errCode == "0" || c.errCode == "200" }

// finish uses the state up, then exchanges the code, and returns the session
// with its cookie.
func (l *Login) finish(ctx context.Context, r *core.Request, name string, in consent) (_ finished, cookie core.HeaderField, err error) {
	if !in.agreed() {
		// The state must not serve another code. It may also be absent: the
		// protocol does not say that a "no" comes with one.
		if _, err := l.consume(ctx, r, in.state); err != nil && in.state != "" {
			l.cfg.Logger.WarnContext(ctx, "the state of a declined login was not used up", "handler", name, "reason", err.Error())
		}
		return finished{}, cookie, ErrDeclined
	}
	if in.code == "" || len(in.code) > 512 {
		return finished{}, cookie, refuse(http.StatusBadRequest, "no code, or one that is too long")
	}
	returnTo, err := l.consume(ctx, r, in.state)
	if err != nil {
		return finished{}, cookie, err
	}
	token, err := l.cfg.Platform.ExchangeCode(ctx, in.code)
	if err != nil {
		return finished{}, cookie, platformError(err)
	}
	if token.Scope != l.cfg.Scope {
		// Nothing ties a code to a state, but at least it is of such a consent.
		return finished{}, cookie, refuse(http.StatusBadRequest, fmt.Sprintf("the code is of a consent to the scope %.64q, and a login needs %s: let the page ask for what Login.State hands out", token.Scope, l.cfg.Scope))
	}
	if !isOpenID(token.OpenID) {
		return finished{}, cookie, &core.Error{Op: name, Code: core.CodeUnknown, Err: errors.New("the platform's open_id is not an identifier")}
	}
	var profile vvchat.Profile
	if !l.cfg.SkipProfile && l.cfg.Scope == vvchat.ScopeUserInfo {
		if profile, err = l.cfg.Platform.Profile(ctx, token.Token); err != nil {
			return finished{}, cookie, platformError(err)
		}
		if profile.OpenID != token.OpenID {
			return finished{}, cookie, &core.Error{Op: name, Code: core.CodeUnknown, Err: errors.New("the platform's profile is not that of the token's user")}
		}
	}
	if l.cfg.OnLogin != nil {
		if err := l.cfg.OnLogin(ctx, token, profile); err != nil {
			if core.CodeOf(err) == core.CodeMismatch {
				return finished{}, cookie, &refusal{status: http.StatusForbidden, err: err}
			}
			return finished{}, cookie, fmt.Errorf("OnLogin: %w", err)
		}
	}
	session := l.newSession(token.OpenID, profile.Nickname)
	value, err := l.seal(session)
	if err != nil {
		return finished{}, cookie, err
	}
	return finished{session, returnTo}, l.setCookie(l.sessionCookie, value, l.cfg.SessionTTL), nil
}

// platformError tells a code that is no good, which is the request's fault,
// from a platform that did not say, or that does not know us: then no code is
// any good, and it is ours.
func platformError(err error) error {
	if refused, ok := errors.AsType[*vvchat.PlatformError](err); ok && refused.Class == vvchat.ClassAccount {
		return err
	}
	code := core.CodeOf(err)
	if (code == core.CodeRefused || code == core.CodeInvalid) && !core.Retryable(err) {
		return &refusal{status: http.StatusBadRequest, err: err}
	}
	return err
}

// isOpenID reports whether s can be an id wherever ids go: 1 to 128 visible
// ASCII characters.
func isOpenID(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return s != "" && len(s) <= 128
}

// checkOrigin refuses a request that a page of another site sent.
func (l *Login) checkOrigin(r *core.Request) error {
	if !l.sameOrigin(r) {
		return refuse(http.StatusForbidden, "a page of another site sent it")
	}
	return nil
}

// sameOrigin reports whether r came from a page of this site, or from no page.
// Browsers say where a POST comes from; what says nothing is no browser, and
// has no cookie of a user's.
func (l *Login) sameOrigin(r *core.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return true
	case "":
	default:
		return false
	}
	raw := r.Header.Get("Origin")
	if raw == "" {
		return true
	}
	from, err := url.Parse(raw)
	if err != nil || from.Host == "" || from.Scheme != l.redirect.Scheme {
		return false
	}
	// The site may have more names than the one in RedirectURI.
	host := authority(from.Scheme, from.Host)
	return host == authority(l.redirect.Scheme, l.redirect.Host) || host == authority(from.Scheme, r.Header.Get("Host"))
}

// authority returns host in the one spelling that can be compared: lower case,
// without the scheme's own port.
func authority(scheme, host string) string {
	port := map[string]string{"http": ":80", "https": ":443"}[scheme]
	return strings.TrimSuffix(strings.ToLower(host), port)
}

// readQuery reads the query. A parameter of ours that stands twice is refused:
// two readers could read it in two ways.
func readQuery(r *core.Request) (url.Values, error) {
	query, err := url.ParseQuery(r.RawQuery)
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "the query cannot be read")
	}
	for _, name := range []string{"code", "err_code", "return", "state"} {
		if len(query[name]) > 1 {
			return nil, refuse(http.StatusBadRequest, "a parameter of the query stands twice")
		}
	}
	return query, nil
}

// readConsent reads what a page hands in: an object in which, as in a query,
// none of our members stands twice, under exactly its name.
func readConsent(body []byte) (in consent, err error) {
	var members map[string]json.RawMessage
	if !utf8.Valid(body) || json.Unmarshal(body, &members) != nil || members == nil {
		return in, refuse(http.StatusBadRequest, "the body is not an object with code and state")
	}
	if nameTwice(body, "code", "state", "err_code") {
		return in, refuse(http.StatusBadRequest, "a member of the body stands twice")
	}
	var errCode json.Number // quoted ones too
	for name, target := range map[string]any{"code": &in.code, "state": &in.state, "err_code": &errCode} {
		if raw, given := members[name]; given && json.Unmarshal(raw, target) != nil {
			return in, refuse(http.StatusBadRequest, name+" in the body is not of its type")
		}
	}
	in.errCode = errCode.String()
	return in, nil
}

// nameTwice reports whether an object, which is valid JSON, has one of names
// more than once. encoding/json takes the last.
func nameTwice(object []byte, names ...string) bool {
	d := json.NewDecoder(bytes.NewReader(object))
	_, _ = d.Token() // its brace
	seen := map[string]bool{}
	for d.More() {
		token, _ := d.Token()
		name, _ := token.(string)
		if seen[name] && slices.Contains(names, name) {
			return true
		}
		seen[name] = true
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return true
		}
	}
	return false
}

// redirect sends the browser on. The address that it leaves may hold a code:
// it is not to be kept, nor told to the next page.
func redirect(status int, to string, cookie core.HeaderField) *core.Response {
	return &core.Response{Status: status, Header: core.Header{
		{Name: "Location", Value: to},
		{Name: "Cache-Control", Value: "no-store"},
		{Name: "Referrer-Policy", Value: "no-referrer"},
		cookie,
	}}
}
