package core

import "context"

// Work is one piece of work that an [Observer] is told of.
type Work struct {
	// Kind is "callback" (a notification that came), "login" (one that came
	// back), "step" (of a purchase), "sweep", or "call" (one attempt to ask
	// another server; its error is also what that server refused).
	Kind string
	// Name says which: "callback.Payment", "purchase.deliver",
	// "vvchat.UnifiedOrder".
	Name string
	// Subject is the id that the work is about, or "". It is not a secret.
	Subject string
}

// Observer is told when a piece of work starts and how it ended: the seam for
// traces and metrics. It may be called from many goroutines at once. What it
// is handed never holds a secret or a message body.
type Observer interface {
	// Observe is called when w starts. The work goes on with the context
	// that it returns, and calls ended once, with nil for success.
	Observe(ctx context.Context, w Work) (_ context.Context, ended func(error))
}

// Observe tells o, which may be nil, that w starts.
func Observe(ctx context.Context, o Observer, w Work) (context.Context, func(error)) {
	if o == nil {
		return ctx, func(error) {}
	}
	return o.Observe(ctx, w)
}
