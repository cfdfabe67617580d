package awslambda

import (
	"context"
	"sync"
	"time"

	"github.com/imprest-go/imprest/core"
)

// invocation is the time that an invocation has, and the context that ends before
// it does.
//
// A context with a timer costs more than the reading of an event, and what answers
// at once asks for none: it is made when it is first asked for anything but its
// deadline.
type invocation struct {
	h      *Handler
	parent context.Context
	// end is when the invocation ends, and until when its context does; both are
	// zero if nobody says.
	end, until time.Time

	mu    sync.Mutex
	made  context.Context
	stop  context.CancelFunc
	ended bool

	// request and response are those of an HTTP request. Who is late may write
	// response at any time.
	request  core.Request
	response *core.Response
}

var _ context.Context = (*invocation)(nil)

// longest is how long an invocation may take, at most.
const longest = 15 * time.Minute

// begin bounds ctx so that an answer still leaves.
func (h *Handler) begin(ctx context.Context) *invocation {
	end, ok := ctx.Deadline()
	if !ok {
		return &invocation{h: h, parent: ctx}
	}
	left := time.Until(end)
	if left < -longest {
		// An emulator that counts the time from its own start told an end that
		// was over in 1970. No event comes that late.
		ctx, end, left = context.WithoutCancel(ctx), time.Now().Add(longest), longest
	}
	return &invocation{h: h, parent: ctx, end: end, until: end.Add(-min(h.cfg.Margin, left/5))}
}

// context returns what a handler is given.
func (i *invocation) context() context.Context {
	if i.end.IsZero() {
		return i.parent
	}
	return i
}

// bounded returns the context that i stands for. context finds it in i, as it
// finds its own: what is derived from i starts no goroutine.
func (i *invocation) bounded() context.Context {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.made == nil {
		i.made, i.stop = context.WithDeadline(i.parent, i.until)
		if i.ended {
			i.stop()
		}
	}
	return i.made
}

// cancel ends the context.
func (i *invocation) cancel() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.ended = true
	if i.stop != nil {
		i.stop()
	}
}

// Deadline implements context.Context.
func (i *invocation) Deadline() (time.Time, bool) { return i.until, true }

// Done implements context.Context.
func (i *invocation) Done() <-chan struct{} { return i.bounded().Done() }

// Err implements context.Context.
func (i *invocation) Err() error { return i.bounded().Err() }

// Value implements context.Context.
func (i *invocation) Value(key any) any { return i.bounded().Value(key) }

// inTime reports whether run came back, or false when it does not heed the end of
// the context: half of the margin is for that. It goes on then until Lambda
// freezes the process, and with the next invocation.
func (i *invocation) inTime(run func(*invocation)) bool {
	if i.end.IsZero() {
		run(i)
		return true
	}
	back := make(chan bool, 2)
	late := time.AfterFunc(time.Until(i.until.Add(i.end.Sub(i.until)/2)), func() { back <- false })
	defer late.Stop()
	go func() {
		run(i)
		back <- true
	}()
	return <-back
}
