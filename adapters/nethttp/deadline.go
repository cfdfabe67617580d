package nethttp

import (
	"context"
	"sync"
	"time"
)

// call is the context of one request: its parent with a deadline, as
// context.WithDeadline makes one. Its timer and its place among the parent's
// children are made when somebody waits for its end: few handlers do, and no
// other part of a request costs the adapter as much.
type call struct {
	parent context.Context
	until  time.Time

	mu    sync.Mutex
	ended bool
	made  context.Context // nil as long as nobody has asked
	stop  context.CancelFunc
}

var _ context.Context = (*call)(nil)

// bounded returns the context that c stands for. The caller holds mu.
func (c *call) bounded() context.Context {
	if c.made == nil {
		c.made, c.stop = context.WithDeadline(c.parent, c.until)
		if c.ended {
			c.stop()
		}
	}
	return c.made
}

// end ends the context, when the request is over.
func (c *call) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	if c.stop != nil {
		c.stop()
	}
}

// Deadline implements context.Context.
func (c *call) Deadline() (time.Time, bool) {
	if earlier, ok := c.parent.Deadline(); ok && earlier.Before(c.until) {
		return earlier, true
	}
	return c.until, true
}

// Done implements context.Context.
func (c *call) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bounded().Done()
}

// Err implements context.Context.
func (c *call) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.made == nil && !c.ended && c.parent.Err() == nil && time.Now().Before(c.until) {
		return nil
	}
	return c.bounded().Err()
}

// Value implements context.Context. Package context finds the bounded one by it,
// once it is made, as it finds its own: what is derived from c starts no
// goroutine.
func (c *call) Value(key any) any {
	c.mu.Lock()
	from := c.made
	c.mu.Unlock()
	if from == nil {
		from = c.parent
	}
	return from.Value(key)
}
