package sandbox

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"strings"

	"github.com/imprest-go/imprest/testkit"
	"github.com/imprest-go/imprest/testkit/phone"
)

// Solo is a fake platform with its phone, and nothing else: the merchant is a
// server of the developer's own.
type Solo struct {
	// Platform is the fake. [Solo.Close] closes it.
	Platform *testkit.Platform
	// URL is its base URL, such as "http://127.0.0.1:8701".
	URL string

	ln      net.Listener
	handler http.Handler
	log     *slog.Logger
}

// OpenSolo listens on addr, on loopback; "" is 127.0.0.1:8701. Whoever gets a
// Solo serves or closes it. A nil log discards. Errors are those of [Run].
func OpenSolo(ctx context.Context, addr string, cfg testkit.PlatformConfig, log *slog.Logger) (*Solo, error) {
	if addr == "" {
		addr = defaultPlatformAddr
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	ln, err := listenFake(ctx, "--platform-addr", addr)
	if err != nil {
		return nil, err
	}
	cfg.NoListen = true
	platform, err := testkit.NewPlatform(cfg)
	if err != nil {
		_ = ln.Close()
		return nil, err
	}
	screens, err := phone.New(phone.Config{Platform: platform})
	if err != nil {
		_ = ln.Close()
		platform.Close()
		return nil, err
	}
	return &Solo{Platform: platform, URL: baseURL(ln), ln: ln, handler: faces(screens, ownRequests(platform.Handler())), log: log}, nil
}

// Serve serves until ctx ends. It closes s.
func (s *Solo) Serve(ctx context.Context) error {
	defer s.Close()
	// The server goes last: whoever is being notified may still ask it.
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	defer context.AfterFunc(ctx, func() {
		s.Platform.Close()
		stop()
	})()
	return serveOn(s.ln, s.handler, s.log)(serving)
}

// Close ends what [OpenSolo] began. It may be called twice.
func (s *Solo) Close() {
	s.Platform.Close()
	_ = s.ln.Close()
}

// faces serves a platform's address: the phone with its web views, and the
// platform on its documented paths.
func faces(phoneScreens, api http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		switch {
		case phone.IsView(r), r.URL.Path == "/phone", strings.HasPrefix(r.URL.Path, "/phone/"):
			phoneScreens.ServeHTTP(rw, r)
		case r.URL.Path == "/" && r.Method == http.MethodGet:
			http.Redirect(rw, r, "/phone", http.StatusFound)
		default:
			api.ServeHTTP(rw, r)
		}
	})
}
