package phone

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/imprest-go/imprest/adapters/nethttp"
	"github.com/imprest-go/imprest/core"
)

// own is the path below which a view's origin is the phone's and not the
// page's.
const own = "/.vvchat/"

// userAgents are what the app's web views call themselves.
func userAgents() map[string]string {
	return map[string]string{
		android: "Mozilla/5.0 (Linux; Android 14; Pixel 8 Build/UQ1A.240205.004; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/128.0.0.0 Mobile Safari/537.36 VVChat/1.0.0",
		ios:     "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 VVChat/1.0.0",
	}
}

// serveView serves the origin of a web view: the page, fetched from where it
// is, and the bridge.
func (p *phone) serveView(rw http.ResponseWriter, r *http.Request) {
	v := p.views.find(r.Host)
	if v == nil {
		p.viewProblem(rw, r, "http://localhost"+strings.TrimPrefix(r.Host, hostname(r.Host)), http.StatusNotFound, func(w words) string { return w.UnknownView })
		return
	}
	if r.URL.Path == strings.TrimSuffix(own, "/") || strings.HasPrefix(r.URL.Path, own) {
		p.bridge.ServeHTTP(rw, r)
		return
	}
	// How long a page may take is for its own server to say.
	_ = http.NewResponseController(rw).SetWriteDeadline(time.Time{})
	proxy := httputil.ReverseProxy{
		Transport:     p.transport,
		FlushInterval: -1, // a page that streams is seen as it comes
		ErrorLog:      log.New(io.Discard, "", 0),
		Rewrite:       v.ask,
		ModifyResponse: func(resp *http.Response) error {
			return p.dress(v, resp)
		},
		ErrorHandler: func(rw http.ResponseWriter, r *http.Request, err error) {
			p.viewProblem(rw, r, v.phone, http.StatusBadGateway, func(w words) string {
				if errors.Is(err, errCompressed) {
					return w.CompressedPage
				}
				return w.NoPage
			})
		},
	}
	proxy.ServeHTTP(rw, r)
}

// viewProblem answers on a view's origin with what is wrong; phone is the
// origin of the phone's own screens.
func (p *phone) viewProblem(rw http.ResponseWriter, r *http.Request, phone string, status int, what func(words) string) {
	nethttp.Wrap(core.HandlerFunc(func(_ context.Context, in *core.Request) *core.Response {
		w := wordsOf(in)
		return p.show(in, status, "problem", "", screen{W: w, Title: w.Problem, Body: what(w), Base: phone})
	})).ServeHTTP(rw, r)
}

// ask makes the page's request into one for the page's own site, which need
// not know of views: it sees a web view that came straight to it.
func (v *view) ask(pr *httputil.ProxyRequest) {
	out := pr.Out
	out.URL.Scheme, out.URL.Host, out.Host = v.target.Scheme, v.target.Host, v.target.Host
	out.URL.RawQuery = pr.In.URL.RawQuery // as it was sent, however odd
	if out.Header.Get("Origin") == v.origin() {
		out.Header.Set("Origin", originOf(v.target))
	}
	if referer := out.Header.Get("Referer"); referer != "" {
		out.Header.Set("Referer", v.outside(referer))
	}
	for name := range out.Header {
		if strings.HasPrefix(name, "Sec-Ch-Ua") {
			out.Header.Del(name)
		}
	}
	out.Header.Set("User-Agent", userAgents()[v.system])
	out.Header.Set("Accept-Encoding", "identity") // the page is read, for its head
}

// dress makes the site's answer into one of the view's origin, with the bridge
// in it if it is a page.
func (p *phone) dress(v *view, resp *http.Response) error {
	p.keepInside(v, resp)
	for i, line := range resp.Header["Set-Cookie"] {
		resp.Header["Set-Cookie"][i] = hostOnly(line)
	}
	if !isPage(resp) {
		return nil
	}
	grant := grants{script: v.origin() + own, connect: v.origin() + own, frame: v.phone + "/phone/sheet/", nonce: v.id}
	nonce := false
	for _, name := range []string{"Content-Security-Policy", "Content-Security-Policy-Report-Only"} {
		for i, policy := range resp.Header[name] {
			var used bool
			resp.Header[name][i], used = grant.widen(policy)
			nonce = nonce || used
		}
	}
	if resp.Request.Method == http.MethodHead || resp.StatusCode == http.StatusNotModified {
		resp.Header.Del("Content-Length")
		return nil
	}
	if encoding := resp.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return errCompressed
	}
	return grant.inject(resp, nonce)
}

var errCompressed = errors.New("the page is compressed, which was not asked for")

// isPage reports whether an answer is the page of the view itself. What a page
// fetches or frames gets no bridge, as in the app.
func isPage(resp *http.Response) bool {
	kind, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
	return strings.EqualFold(strings.TrimSpace(kind), "text/html") && navigates(resp.Request) && resp.StatusCode != http.StatusPartialContent
}

func navigates(r *http.Request) bool {
	dest := r.Header.Get("Sec-Fetch-Dest")
	return dest == "" || dest == "document"
}

// keepInside keeps a redirect in the app: to the site's own pages on the view's
// origin, to another site in another view, by a qyx:// link to the screen that
// it names.
func (p *phone) keepInside(v *view, resp *http.Response) {
	location := resp.Header.Get("Location")
	u, err := url.Parse(location)
	if err != nil || location == "" {
		return
	}
	if u.Scheme == "qyx" {
		resp.Header.Set("Location", v.phone+"/phone/link?"+url.Values{"uri": {location}}.Encode())
		return
	}
	if u.Host == "" {
		return // relative: it stays where it is
	}
	if u.Scheme == "" {
		u.Scheme = v.target.Scheme
	}
	if originOf(u) == originOf(v.target) {
		u.Scheme, u.Host = "http", v.host()
		resp.Header.Set("Location", u.String())
		return
	}
	keepsMethod := resp.StatusCode == http.StatusTemporaryRedirect || resp.StatusCode == http.StatusPermanentRedirect
	reads := resp.Request.Method == http.MethodGet || resp.Request.Method == http.MethodHead
	if _, ok := p.page(u.String(), strings.TrimPrefix(v.phone, "http://")); ok && navigates(resp.Request) && (reads || !keepsMethod) {
		resp.Header.Set("Location", v.reopen(u.String()))
	}
}

// hostOnly takes the Domain out of a cookie: the view's host is not below it.
func hostOnly(line string) string {
	parts := strings.Split(line, ";")
	kept := parts[:1]
	for _, part := range parts[1:] {
		name, _, _ := strings.Cut(part, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "domain") {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, ";")
}

// newTransport returns what fetches the pages. It connects to loopback alone,
// and to the hosts that the configuration names: a name that only looks local
// leads nowhere.
func (p *phone) newTransport() *http.Transport {
	local := &net.Dialer{Timeout: 5 * time.Second, Control: func(_, address string, _ syscall.RawConn) error {
		host, _, err := net.SplitHostPort(address)
		if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsLoopback() {
			return nil
		}
		return errors.New("the page is not on this machine")
	}}
	named := &net.Dialer{Timeout: 5 * time.Second}
	return &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			host, _, err := net.SplitHostPort(address)
			if err == nil && p.isNamed(host) {
				return named.DialContext(ctx, network, address)
			}
			return local.DialContext(ctx, network, address)
		},
		ResponseHeaderTimeout: 30 * time.Second,
		DisableCompression:    true,
		// One connection each: nothing is left open when the phone is let go.
		DisableKeepAlives: true,
	}
}
