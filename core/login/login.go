package login

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/internal/outward"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/vvchat"
)

const (
	// MinKeyLength is how many bytes a cookie key needs.
	MinKeyLength = 32
	// DefaultSessionTTL is how long a session lasts unless told otherwise.
	DefaultSessionTTL = 7 * 24 * time.Hour
	// MaxSessionTTL is the longest that a session may last, since it cannot
	// be taken back.
	MaxSessionTTL = 30 * 24 * time.Hour
	// StateTTL is how long a user has to consent.
	StateTTL = 10 * time.Minute
)

// Platform is what a login asks of the platform. A *vvchat.Client is one.
type Platform interface {
	// ExchangeCode trades the code of a consent for a token.
	ExchangeCode(ctx context.Context, code string) (vvchat.Token, error)
	// Profile returns the profile of the user to whom token belongs.
	Profile(ctx context.Context, token core.Secret) (vvchat.Profile, error)
}

var _ Platform = (*vvchat.Client)(nil)

// Config is what New needs to know.
type Config struct {
	// AppID is the app_id that users consent to. Required.
	AppID string
	// Platform exchanges codes. Required.
	Platform Platform
	// Store keeps which states were used, as records "state/…" that stay for a
	// quarter of an hour. Required, and one for all processes of the site. The
	// records carry a due time, so that a sweep finds them; a program without
	// one calls [Login.Purge].
	Store journal.Store
	// CookieKeys sign the session cookie and the states: the first signs, all
	// verify. At least one, each of [MinKeyLength] random bytes or more, the
	// same in all processes of the site. To rotate, put the new key behind the
	// old one everywhere, then first, and drop the old one a SessionTTL later.
	CookieKeys []core.Secret
	// RedirectURI is the public address of [Login.Return], exactly as
	// registered: https, without query and fragment, of a path of its own that
	// [Login.Routes] serves. Plain http is taken for a loopback host alone;
	// cookies are then not Secure. Required.
	RedirectURI string

	// Scope is what users are asked for; "" is vvchat.ScopeUserInfo. A code of
	// a consent to another scope logs nobody in. It cannot be the scope of a
	// chat (sessionapi_…): a page asks for that, with a code of its own, when
	// it has a message to send (vvchat.Client.SendToSession).
	Scope string
	// Link returns where [Login.Start] sends the browser; nil is
	// vvchat.LoginLink, the link into the app.
	Link func(state string) string
	// AfterLogin is the local path that a login ends at unless its start
	// named another; "" is "/".
	AfterLogin string
	// AfterLogout is the local path that a logout ends at; "" is "/".
	AfterLogout string
	// ReturnPaths are the paths that ?return= may name: exact, or with a "/"
	// at the end everything below. Empty is every path of this site. The
	// login's own paths are never among them.
	ReturnPaths []string
	// Declined answers when the app sends the browser back and the user said
	// no, which is no error; nil is 200 with a short text. Anybody can make
	// such a request, with no state and any query: believe nothing in it, and
	// change nothing.
	Declined core.Handler
	// OnLogin is called with what the platform said before the session is
	// made: the place to keep the token or a customer's row. An error with
	// core.CodeMismatch (see core.Mismatch) keeps the user out, 403; any other
	// is answered 503. Profile is zero where none was asked for.
	OnLogin func(ctx context.Context, token vvchat.Token, profile vvchat.Profile) error
	// SkipProfile leaves the profile unasked: the session has no nickname. A
	// Scope other than vvchat.ScopeUserInfo does the same.
	SkipProfile bool

	// SessionTTL is how long a session lasts, MaxSessionTTL at most; 0 is
	// DefaultSessionTTL. It applies to cookies that were made under a longer
	// one, too.
	SessionTTL time.Duration
	// CookieName is the name of the session cookie; "" is "imprest". On https
	// "__Host-" is put before it. The cookie of a login under way adds
	// "_login".
	CookieName string
	// Timeout bounds the handling of one request; 0 is 25 seconds.
	Timeout time.Duration
	// Now tells the time; nil is time.Now.
	Now func() time.Time
	// Rand is where states come from; nil is crypto/rand.Reader.
	Rand io.Reader
	// Logger takes the reasons that outsiders are not told; nil discards. No
	// state, code, token or cookie reaches it.
	Logger *slog.Logger
	// Observer is told of every login that comes back; one that the user
	// declined ends with [ErrDeclined]. nil is nobody.
	Observer core.Observer
}

// Login is the login of one app. It is safe for use by many goroutines.
type Login struct {
	cfg           Config
	redirect      *url.URL // RedirectURI
	returnPath    string   // of RedirectURI, as sent
	secure        bool
	sessionCookie string
	browserCookie string
}

// ErrDeclined is how a login ends in which the user said no.
var ErrDeclined error = &core.Error{Op: "login", Code: core.CodeRefused, Err: errors.New("the user did not agree")}

// startPath is where [Login.Start] is; the other paths are below.
const startPath = "/login"

// The handlers to which a login comes back.
const (
	opReturn = "login.Return"
	opHandIn = "login.HandIn"
)

// New checks cfg and returns a Login. It calls nobody. Its errors have
// core.CodeInvalid and name the field.
func New(cfg Config) (*Login, error) {
	const op = "login.New"
	switch {
	case cfg.AppID == "":
		return nil, core.Invalid(op, "AppID (app_id) must not be empty")
	case cfg.Platform == nil:
		return nil, core.Invalid(op, "Platform must be given: a *vvchat.Client")
	case cfg.Store == nil:
		return nil, core.Invalid(op, "Store must be given")
	case len(cfg.CookieKeys) == 0:
		return nil, core.Invalid(op, "CookieKeys must hold at least one key")
	case cfg.SessionTTL < 0 || cfg.SessionTTL > MaxSessionTTL:
		return nil, core.Invalid(op, fmt.Sprintf("SessionTTL must be at most %v: a session cannot be taken back", MaxSessionTTL))
	case strings.HasPrefix(cfg.Scope, "sessionapi_"):
		return nil, core.Invalid(op, "Scope must not be that of a chat: who lets a message be sent has not agreed to log in; leave it empty for vvchat.ScopeUserInfo")
	case cfg.Timeout < 0:
		return nil, core.Invalid(op, "Timeout must not be negative")
	}
	for _, key := range cfg.CookieKeys {
		if len(key.Reveal()) < MinKeyLength {
			return nil, core.Invalid(op, fmt.Sprintf("each of CookieKeys must have %d random bytes or more", MinKeyLength))
		}
	}
	redirect, err := parseRedirectURI(op, cfg.RedirectURI)
	if err != nil {
		return nil, err
	}
	linked := cfg.Link != nil
	setDefaults(&cfg)
	if !linked {
		if _, err := vvchat.BuildLink(vvchat.LoginLink{AppID: cfg.AppID, Scope: cfg.Scope, RedirectURI: cfg.RedirectURI}); err != nil {
			return nil, core.Invalid(op, reasonOf(err))
		}
	}
	l := &Login{
		cfg:           cfg,
		redirect:      redirect,
		returnPath:    cmp.Or(redirect.EscapedPath(), "/"),
		secure:        redirect.Scheme == "https",
		sessionCookie: cfg.CookieName,
		browserCookie: cfg.CookieName + "_login",
	}
	if l.secure {
		// A browser takes such a cookie from this very host over https alone:
		// no neighbouring subdomain can plant one.
		l.sessionCookie = "__Host-" + l.sessionCookie
		l.browserCookie = "__Host-" + l.browserCookie
	}
	switch l.returnPath {
	case startPath, "/login/state", "/login/session":
		return nil, core.Invalid(op, "RedirectURI (redirect_uri) must have a path of its own, such as /login/return")
	}
	if !isLocalPath(l.returnPath) {
		return nil, core.Invalid(op, "RedirectURI (redirect_uri) must have a path that browsers leave as it is, of 256 bytes at most")
	}
	for name, path := range map[string]string{"AfterLogin": cfg.AfterLogin, "AfterLogout": cfg.AfterLogout} {
		if !isLocalPath(path) {
			return nil, core.Invalid(op, name+" must be a path of this site, such as /orders")
		}
	}
	if l.isOwnPath(cfg.AfterLogin) {
		return nil, core.Invalid(op, "AfterLogin must not be a path of the login itself")
	}
	for _, path := range cfg.ReturnPaths {
		if !isLocalPath(path) || strings.ContainsAny(path, "?#") {
			return nil, core.Invalid(op, fmt.Sprintf("ReturnPaths must hold paths of this site such as /orders or /orders/, not %q", path))
		}
	}
	if !isCookieName(cfg.CookieName) {
		return nil, core.Invalid(op, "CookieName must be made of A-Z, a-z, 0-9, _ and -")
	}
	return l, nil
}

// reasonOf is what another package's error says, without its name.
func reasonOf(err error) string {
	if e, ok := errors.AsType[*core.Error](err); ok && e.Err != nil {
		return e.Err.Error()
	}
	return err.Error()
}

func setDefaults(cfg *Config) {
	if cfg.Scope == "" {
		cfg.Scope = vvchat.ScopeUserInfo
	}
	if cfg.Link == nil {
		appID, scope, redirectURI := cfg.AppID, cfg.Scope, cfg.RedirectURI
		cfg.Link = func(state string) string {
			// New has built one of these: a state of our own cannot spoil it.
			link, _ := vvchat.BuildLink(vvchat.LoginLink{AppID: appID, Scope: scope, State: state, RedirectURI: redirectURI})
			return link
		}
	}
	if cfg.AfterLogin == "" {
		cfg.AfterLogin = "/"
	}
	if cfg.AfterLogout == "" {
		cfg.AfterLogout = "/"
	}
	if cfg.Declined == nil {
		cfg.Declined = core.HandlerFunc(func(context.Context, *core.Request) *core.Response {
			return core.Text(http.StatusOK, "you are not logged in")
		})
	}
	if cfg.SessionTTL == 0 {
		cfg.SessionTTL = DefaultSessionTTL
	}
	if cfg.CookieName == "" {
		cfg.CookieName = "imprest"
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 25 * time.Second
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
}

func parseRedirectURI(op, raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" || u.User != nil || strings.ContainsAny(raw, "?#") {
		return nil, core.Invalid(op, "RedirectURI (redirect_uri) must be an address such as https://shop.example/login/return, without user, query or fragment")
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !outward.IsLoopback(strings.ToLower(u.Hostname()))) {
		return nil, core.Invalid(op, "RedirectURI (redirect_uri) must begin with https://; http is for loopback alone")
	}
	return u, nil
}

// Routes returns all handlers, at the paths that the package comment lists,
// and [Login.Return] at the path of RedirectURI too if that is another.
//
// The handlers answer their own method alone: HEAD, which a route for GET
// brings along, is 405. A preview of a link must not use up a state.
func (l *Login) Routes() core.Routes {
	return core.Routes{
		"GET " + l.returnPath: core.HandlerFunc(l.Return),

		"GET /login":         core.HandlerFunc(l.Start),
		"GET /login/return":  core.HandlerFunc(l.Return),
		"GET /login/state":   core.HandlerFunc(l.State),
		"POST /login/code":   core.HandlerFunc(l.HandIn),
		"GET /login/session": core.HandlerFunc(l.Current),
		"POST /login/logout": core.HandlerFunc(l.Logout),
	}
}

// refusal is a request that must not be sent again as it is.
type refusal struct {
	status int
	err    error
}

func (e *refusal) Error() string { return e.err.Error() }
func (e *refusal) Unwrap() error { return e.err }

func refuse(status int, reason string) error {
	return &refusal{status: status, err: &core.Error{Code: core.CodeInvalid, Err: errors.New(reason)}}
}

// handle runs a handler under its method and its deadline, and makes an
// answer of whatever goes wrong: a refusal's status, else 503. Panics of the
// seams (Platform, OnLogin, Declined) end here. The observer is told of the two
// handlers to which a login comes back.
func (l *Login) handle(ctx context.Context, r *core.Request, name, method string, run func(context.Context) (*core.Response, error)) (resp *core.Response) {
	if r.Method != method {
		resp = core.Refuse(http.StatusMethodNotAllowed)
		resp.Header.Set("Allow", method)
		return resp
	}
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Timeout)
	defer cancel()
	ended := func(error) {}
	if name == opReturn || name == opHandIn {
		ctx, ended = core.Observe(ctx, l.cfg.Observer, core.Work{Kind: "login", Name: name})
	}
	defer func() {
		if p := recover(); p != nil {
			l.cfg.Logger.ErrorContext(ctx, "login handler panicked", "handler", name, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			resp = core.TryLater()
			ended(&core.Error{Op: name, Code: core.CodeInternal, Err: errors.New("it panicked")})
		}
	}()
	resp, err := run(ctx)
	if resp == nil && (err == nil || err == ErrDeclined) {
		err = &core.Error{Op: name, Code: core.CodeInternal, Err: errors.New("a handler of the configuration gave no answer")}
	}
	ended(err)
	if resp != nil {
		return resp // to a user who said no, besides the error
	}
	if refused, ok := err.(*refusal); ok {
		l.cfg.Logger.WarnContext(ctx, "login refused", "handler", name, "reason", refused.Error())
		return core.Refuse(refused.status)
	}
	l.cfg.Logger.ErrorContext(ctx, "login not possible now", "handler", name, "code", string(core.CodeOf(err)), "reason", err.Error())
	return core.TryLater()
}
