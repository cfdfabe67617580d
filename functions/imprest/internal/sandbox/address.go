package sandbox

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/imprest-go/imprest/core"
)

// The documented addresses.
const (
	defaultAddr         = "127.0.0.1:8700"
	defaultPlatformAddr = "127.0.0.1:8701"
	defaultCloudAddr    = "127.0.0.1:8702"
	freePort            = "127.0.0.1:0"
)

// isLoopback reports whether a host name, without a port, is this machine's.
func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// hostIsLoopback reports whether a request names a loopback host. A page whose
// DNS name was rebound to this machine shows by its Host.
func hostIsLoopback(host string) bool {
	u, err := url.Parse("//" + host)
	return err == nil && isLoopback(u.Hostname())
}

// splitAddr reads HOST:PORT; flag is where it came from.
func splitAddr(flag, addr string) (host, port string, err error) {
	host, port, err = net.SplitHostPort(addr)
	if err != nil {
		return "", "", core.Invalid("sandbox.Run", fmt.Sprintf("%s: %.80q is not HOST:PORT", flag, addr))
	}
	return host, port, nil
}

func listen(ctx context.Context, flag, addr string) (net.Listener, error) {
	var cfg net.ListenConfig
	ln, err := cfg.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, &core.Error{Op: "sandbox.Run", Code: core.CodeInternal, Err: fmt.Errorf("%s: %w; name another address with %s", flag, err, flag)}
	}
	return ln, nil
}

// listenFake listens where a fake is served, on loopback alone: it believes
// whoever knows the documented key, or a user's name.
func listenFake(ctx context.Context, flag, addr string) (net.Listener, error) {
	host, _, err := splitAddr(flag, addr)
	if err != nil {
		return nil, err
	}
	if !isLoopback(host) {
		return nil, core.Invalid("sandbox.Run", fmt.Sprintf("%s: %.80q is not on loopback, and a fake is for this machine alone", flag, addr))
	}
	return listen(ctx, flag, addr)
}

// listenCloud listens where the cloud is served: with no address of the user's
// own on the documented one, or if that is taken on any that is free, since
// nobody but the merchant needs to know it.
func listenCloud(ctx context.Context, addr string) (net.Listener, error) {
	const flag = "--cloud-addr"
	if addr != "" {
		return listenFake(ctx, flag, addr)
	}
	if ln, err := listenFake(ctx, flag, defaultCloudAddr); err == nil {
		return ln, nil
	}
	return listenFake(ctx, flag, freePort)
}

// listenMerchant listens where the merchant is served. local says that nobody
// but this machine reaches it. The first listener is on loopback in any case,
// since the platform and the phone find the merchant there.
func listenMerchant(ctx context.Context, addr string) (listeners []net.Listener, local bool, err error) {
	const flag = "--addr"
	host, port, err := splitAddr(flag, addr)
	if err != nil {
		return nil, false, err
	}
	ln, err := listen(ctx, flag, addr)
	if err != nil {
		return nil, false, err
	}
	ip := net.ParseIP(host)
	if isLoopback(host) || host == "" || (ip != nil && ip.IsUnspecified()) {
		return []net.Listener{ln}, isLoopback(host), nil
	}
	if port == "0" {
		_, port, _ = net.SplitHostPort(ln.Addr().String())
	}
	inside, err := listen(ctx, flag, net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		_ = ln.Close()
		return nil, false, err
	}
	return []net.Listener{inside, ln}, false, nil
}

// baseURL is the address of a listener as this machine reaches it.
func baseURL(ln net.Listener) string {
	host, port, _ := net.SplitHostPort(ln.Addr().String())
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// onlyLoopback lets requests pass that name a loopback host.
func onlyLoopback(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !hostIsLoopback(r.Host) {
			http.Error(w, core.RefusedText, http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// ownRequests keeps pages of other sites, and rebound names, from a fake: what a
// browser sends says where it comes from. Programs say nothing, and pass.
func ownRequests(next http.Handler) http.Handler {
	return onlyLoopback(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if from := r.Header.Get("Sec-Fetch-Site"); from == "cross-site" || from == "same-site" {
			http.Error(w, core.RefusedText, http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	}))
}

// isControl reports whether a path is the control API's.
func isControl(path string) bool {
	return path == "/_sandbox" || strings.HasPrefix(path, "/_sandbox/")
}
