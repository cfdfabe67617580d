package phone

import (
	"context"
	"crypto/rand"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/imprest-go/imprest/adapters/nethttp"
	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/testkit"
)

// Config is what New needs to know.
type Config struct {
	// Platform is the platform that the phone belongs to. Required.
	Platform *testkit.Platform
	// Apps names the apps that users deal with, by app_id: what a screen says
	// of who asks. nil is all of the platform's accounts, each under its
	// app_id.
	Apps map[string]string
	// Hosts are the host names, without a port, that the phone answers to,
	// sends a browser back to, and opens pages of, besides those of loopback.
	Hosts []string
	// ErrCodeZero sends err_code 0 with a user's consent, as the guides write
	// it; the API reference knows none. By the platform's script a page then
	// hears of a consent through its error callback.
	ErrCodeZero bool
}

// New returns the phone: its screens, all below /phone, and the web views, each
// on an origin of its own ([IsView]). Its error has core.CodeInvalid and names
// what is wrong with cfg.
func New(cfg Config) (http.Handler, error) {
	const op = "phone.New"
	if cfg.Platform == nil {
		return nil, core.Invalid(op, "Platform must be given")
	}
	for _, host := range cfg.Hosts {
		if host == "" || strings.ContainsAny(host, "/@ ") || strings.HasPrefix(host, ".") {
			return nil, core.Invalid(op, "Hosts must hold host names without scheme and path")
		}
	}
	pages, err := parsePages()
	if err != nil {
		return nil, &core.Error{Op: op, Code: core.CodeInternal, Err: err}
	}
	if cfg.Apps == nil {
		cfg.Apps = map[string]string{}
		for _, account := range cfg.Platform.Accounts() {
			cfg.Apps[account.AppID] = account.AppID
		}
	}
	p := &phone{platform: cfg.Platform, apps: maps.Clone(cfg.Apps), hosts: slices.Clone(cfg.Hosts), pages: pages}
	p.views.key = make([]byte, 32)
	if _, err := rand.Read(p.views.key); err != nil {
		return nil, &core.Error{Op: op, Code: core.CodeInternal, Err: err}
	}
	p.transport = p.newTransport()
	p.routes = p.screenRoutes()

	if cfg.ErrCodeZero {
		p.errCode = new(int)
	}

	// A POST that another page sends is refused before it is read. Browsers
	// say where a request comes from; what says nothing is no browser.
	foreign := http.NewCrossOriginProtection()
	foreign.SetDenyHandler(nethttp.Wrap(core.HandlerFunc(func(_ context.Context, r *core.Request) *core.Response {
		return p.problem(r, http.StatusForbidden, wordsOf(r).ForeignPage)
	})))
	screens := foreign.Handler(nethttp.Wrap(p))
	p.bridge = foreign.Handler(nethttp.Wrap(p.bridgeRoutes()))
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if IsView(r) {
			p.serveView(rw, r)
			return
		}
		screens.ServeHTTP(rw, r)
	}), nil
}

// phone serves the screens.
type phone struct {
	platform *testkit.Platform
	// errCode is what comes with a consent; nil is none.
	errCode *int
	apps    map[string]string
	hosts   []string
	pages   pages

	routes    core.Routes
	views     views
	sheets    sheets
	transport http.RoundTripper // to the pages of the views
	bridge    http.Handler      // below /.vvchat/ on a view's origin
}

// Handle implements core.Handler.
func (p *phone) Handle(ctx context.Context, r *core.Request) *core.Response {
	if u, err := url.Parse("//" + r.Header.Get("Host")); err != nil || !p.isOurs(u.Hostname()) {
		return core.Refuse(http.StatusForbidden)
	}
	return p.routes.Handle(ctx, r)
}

// screenRoutes are what the phone's own origin has.
func (p *phone) screenRoutes() core.Routes {
	return core.Routes{
		"GET /phone":             core.HandlerFunc(p.home),
		"POST /phone":            core.HandlerFunc(p.hold),
		"POST /phone/balance":    core.HandlerFunc(p.fill),
		"GET /phone/open":        core.HandlerFunc(p.openPage),
		"GET /phone/sheet/{id}":  core.HandlerFunc(p.askSheet),
		"POST /phone/sheet/{id}": core.HandlerFunc(p.answerSheet),
		"GET /phone/link":        core.HandlerFunc(p.link),
		"GET /phone/scan":        core.HandlerFunc(p.scan),
		"GET /phone/login":       core.HandlerFunc(p.askConsent),
		"POST /phone/login":      core.HandlerFunc(p.consent),
		"GET /phone/pay":         core.HandlerFunc(p.askPayment),
		"POST /phone/pay":        core.HandlerFunc(p.pay),
		"GET /phone/share":       core.HandlerFunc(p.askShare),
		"POST /phone/share":      core.HandlerFunc(p.share),
		"GET /phone/chats":       core.HandlerFunc(p.chats),
		"GET /phone/chat":        core.HandlerFunc(p.showChat),
		"GET /phone/phone.css":   file("phone.css", "text/css; charset=utf-8"),
		"GET /phone/sheet.js":    file("sheet.js", "text/javascript; charset=utf-8"),
		"GET " + JSSDKPath:       file("vvchatjssdk.js", "text/javascript; charset=utf-8"),
	}
}

// isOurs reports whether the phone may be asked by that host name, or send a
// browser there.
func (p *phone) isOurs(host string) bool {
	return isLoopback(host) || p.isNamed(host) || p.views.find(host) != nil
}

// isNamed reports whether the configuration names a host.
func (p *phone) isNamed(host string) bool {
	return slices.ContainsFunc(p.hosts, func(h string) bool { return strings.EqualFold(h, host) })
}

// maxParameter is how long one parameter may be, in bytes.
const maxParameter = 8 << 10

// asked is what a link into the phone, or a form of its screens, says.
type asked struct{ url.Values }

// read returns the parameters of a request: of the query for GET, of the body
// for POST. false if they cannot be read, or one stands there twice: two
// readers could take it in two ways.
func read(r *core.Request) (asked, bool) {
	raw := r.RawQuery
	if r.Method == http.MethodPost {
		kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
		if !strings.EqualFold(strings.TrimSpace(kind), "application/x-www-form-urlencoded") {
			return asked{}, false
		}
		raw = string(r.Body)
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return asked{}, false
	}
	for _, value := range values {
		if len(value) > 1 || len(value[0]) > maxParameter {
			return asked{}, false
		}
	}
	return asked{values}, true
}

// back returns the redirect_uri with more parameters, and its origin; false if
// it does not lead where the phone may send a browser. An absent one is fine
// and is "".
func (p *phone) back(a asked, more ...string) (target, origin string, ok bool) {
	raw := a.Get("redirect_uri")
	if raw == "" {
		return "", "", true
	}
	u, err := url.Parse(raw)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.User != nil || u.Fragment != "" || strings.Contains(raw, "\\") || !p.isOurs(u.Hostname()) {
		return "", "", false
	}
	query := u.Query()
	for i := 0; i+1 < len(more); i += 2 {
		if more[i+1] != "" {
			query.Set(more[i], more[i+1])
		}
	}
	u.RawQuery = query.Encode()
	return u.String(), u.Scheme + "://" + u.Host, true
}

// redirect sends the browser on. What it leaves may hold a code.
func redirect(to string) *core.Response {
	return &core.Response{Status: http.StatusSeeOther, Header: core.Header{
		{Name: "Location", Value: to},
		{Name: "Cache-Control", Value: "no-store"},
		{Name: "Referrer-Policy", Value: "no-referrer"},
	}}
}
