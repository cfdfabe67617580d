package cloudfunc

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/imprest-go/imprest/adapters/nethttp"
	"github.com/imprest-go/imprest/core"
)

// Config adjusts an HTTP function. The zero value is what [HTTP] uses.
type Config struct {
	// MaxBody is how many bytes of a request body are read; a larger body is
	// answered with 413. 0 or less is core.MaxBody.
	MaxBody int64
	// Timeout bounds a request, as nethttp.Config.Timeout does: 0 is
	// nethttp.DefaultTimeout. The function's own timeout bounds it too, if that
	// is shorter.
	Timeout time.Duration
	// Logger is told of panics, never of a path, a header or a body; nil
	// discards.
	Logger *slog.Logger
}

// HTTP returns h as an HTTP function, to be registered with functions.HTTP. The
// bytes that h sees, and what is answered in its place, are those of
// nethttp.Wrap.
func HTTP(h core.Handler) http.HandlerFunc { return Config{}.HTTP(h) }

// HTTP is [HTTP] with c's limits and logger.
func (c Config) HTTP(h core.Handler) http.HandlerFunc {
	return nethttp.Config{MaxBody: c.MaxBody, Timeout: c.Timeout, Logger: c.Logger}.Wrap(h).ServeHTTP
}
