package phone

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/imprest-go/imprest/core"
)

// viewSuffix ends the host name of every web view. Chromium and Firefox take
// such names to this machine without asking anybody.
const viewSuffix = ".localhost"

// The systems that the app runs on.
const (
	android = "android"
	ios     = "ios"
)

// IsView reports whether a request came to the origin of a web view,
// http://VIEW.localhost:PORT: a program that serves more than the phone on one
// address hands every such request to the phone, whatever its path.
func IsView(r *http.Request) bool { return strings.HasSuffix(hostname(r.Host), viewSuffix) }

func hostname(host string) string {
	u, err := url.Parse("//" + host)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Hostname())
}

// view is a page's site as the app shows it: in whose hand, in which chat, on
// which system. Each has an origin of its own, so that no cookie of one is seen
// by another.
type view struct {
	id string
	// target is the site's own origin, as in "http://127.0.0.1:8700".
	target *url.URL
	// session is the chat that the page was opened in; "" is none.
	session string
	system  string
	// early says that the bridge is there before the page's first script.
	early  bool
	openID string
	lang   string
	// phone is the origin of the phone's own screens.
	phone string
}

// host returns the view's host and port, origin its origin.
func (v *view) host() string {
	_, port, err := net.SplitHostPort(strings.TrimPrefix(v.phone, "http://"))
	if err != nil {
		return v.id + viewSuffix
	}
	return v.id + viewSuffix + ":" + port
}

func (v *view) origin() string { return "http://" + v.host() }

// reopen returns the link by which the phone opens another page as it opened
// this one.
func (v *view) reopen(page string) string {
	query := url.Values{"url": {page}, "session": {v.session}, "platform": {v.system}, "open_id": {v.openID}}
	if v.early {
		query.Set("bridge", "early")
	}
	return v.phone + "/phone/open?" + query.Encode()
}

// outside returns an address of the page as others reach it: a link that the
// page made from its own location names the view, which is this user's alone.
func (v *view) outside(address string) string {
	if rest, ok := strings.CutPrefix(address, v.origin()); ok && (rest == "" || strings.ContainsRune("/?#", rune(rest[0]))) {
		return originOf(v.target) + rest
	}
	return address
}

// originOf returns the origin of an absolute URL, its default port left out.
func originOf(u *url.URL) string {
	host := strings.ToLower(u.Host)
	switch u.Scheme {
	case "http":
		host = strings.TrimSuffix(host, ":80")
	case "https":
		host = strings.TrimSuffix(host, ":443")
	}
	return u.Scheme + "://" + host
}

const maxViews = 1000

// views are the web views that are open, the oldest first.
type views struct {
	// key makes the names: the same page opened again is on the same origin,
	// with its cookies, and no page can guess that of another.
	key []byte

	mu   sync.Mutex
	open []*view
}

// add registers a view and names it. One that differs by language alone takes
// the place of the other.
func (vs *views) add(v view) *view {
	name := hmac.New(sha256.New, vs.key)
	for _, part := range []string{originOf(v.target), v.session, v.system, v.openID, v.phone} {
		_, _ = io.WriteString(name, part+"\n") // a hash does not fail
	}
	if v.early {
		_, _ = io.WriteString(name, "early")
	}
	v.id = hex.EncodeToString(name.Sum(nil)[:16])
	vs.mu.Lock()
	defer vs.mu.Unlock()
	vs.open = slices.DeleteFunc(vs.open, func(o *view) bool { return o.id == v.id })
	if len(vs.open) >= maxViews {
		vs.open = slices.Delete(vs.open, 0, 1)
	}
	vs.open = append(vs.open, &v)
	return &v
}

// find returns the view of a Host, or nil.
func (vs *views) find(host string) *view {
	id := strings.TrimSuffix(hostname(host), viewSuffix)
	vs.mu.Lock()
	defer vs.mu.Unlock()
	for _, v := range vs.open {
		if v.id == id {
			return v
		}
	}
	return nil
}

// openPage opens a page inside the app: GET /phone/open.
func (p *phone) openPage(_ context.Context, r *core.Request) *core.Response {
	w := wordsOf(r)
	a, ok := read(r)
	if !ok {
		return p.problem(r, http.StatusBadRequest, w.BadLink)
	}
	if dest := r.Header.Get("Sec-Fetch-Dest"); r.Method == http.MethodHead || (dest != "" && dest != "document" && dest != "empty") {
		return p.problem(r, http.StatusForbidden, w.ForeignPage) // an image of another page opens no view
	}
	host := r.Header.Get("Host")
	page, ok := p.page(a.Get("url"), host)
	if !ok {
		return p.problem(r, http.StatusBadRequest, w.BadPage)
	}
	v := view{target: &url.URL{Scheme: page.Scheme, Host: page.Host}, session: a.Get("session"), system: a.Get("platform"), lang: w.Lang, phone: "http://" + host}
	switch v.system {
	case "":
		v.system = android
	case android, ios:
	default:
		return p.problem(r, http.StatusBadRequest, w.UnknownSystem)
	}
	switch a.Get("bridge") {
	case "", "late":
	case "early":
		v.early = true
	default:
		return p.problem(r, http.StatusBadRequest, w.BadLink)
	}
	if !p.knows(a.Get("open_id")) {
		return p.problem(r, http.StatusBadRequest, w.UnknownUser)
	}
	if v.openID = a.Get("open_id"); v.openID == "" {
		v.openID = p.holder(r).OpenID
	}
	if _, ok := p.chat(v.openID, v.session); !ok && v.session != "" {
		return p.problem(r, http.StatusBadRequest, w.UnknownChat)
	}
	opened := p.views.add(v)
	page.Scheme, page.Host = "http", opened.host()
	return redirect(page.String())
}

// page reads the address of a page that the app may open: on this machine or
// one of Hosts, and not the phone itself, whose screens a page would then be
// next to.
func (p *phone) page(address, phoneHost string) (*url.URL, bool) {
	u, err := url.Parse(address)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.User != nil || strings.Contains(address, "\\") || !(isLoopback(u.Hostname()) || p.isNamed(u.Hostname())) {
		return nil, false
	}
	if u.Port() != strings.TrimLeft(u.Port(), "0") {
		return nil, false // another spelling of a port
	}
	self := &url.URL{Scheme: "http", Host: phoneHost}
	if port(u) == port(self) && (isLoopback(u.Hostname()) || strings.EqualFold(u.Hostname(), self.Hostname())) {
		return nil, false
	}
	return u, true
}

func port(u *url.URL) string {
	if port := u.Port(); port != "" {
		return strings.TrimLeft(port, "0")
	}
	return map[string]string{"http": "80", "https": "443"}[u.Scheme]
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
