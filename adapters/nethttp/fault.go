package nethttp

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"

	"github.com/imprest-go/imprest/core"
)

// failed is the answer in the place of one that a handler did not give.
func failed() *core.Response {
	return core.Text(http.StatusInternalServerError, core.TryLaterText)
}

// logPanic tells of a panic. The path is left out: it may hold a secret (that
// of robot events does), and the stack says which handler it was.
func logPanic(log *slog.Logger, ctx context.Context, method string, p any) {
	if log == nil {
		return
	}
	// A panic value is the program's own text, but may quote its input.
	const most = 256
	text := fmt.Sprint(p)
	if len(text) > most {
		text = text[:most] + "…"
	}
	log.ErrorContext(ctx, "a handler panicked", "method", method, "panic", text, "stack", string(debug.Stack()))
}

// logFault tells of an answer that cannot be sent.
func logFault(log *slog.Logger, ctx context.Context, method, reason string) {
	if log != nil {
		log.ErrorContext(ctx, "a handler gave no usable answer", "method", method, "reason", reason)
	}
}
