package cloudfunc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/imprest-go/imprest/core"
)

// MessagePublished is the type of the events that Pub/Sub messages arrive in:
// from Eventarc, from the trigger of a function, and from a push subscription,
// which the framework turns into one.
const MessagePublished = "google.cloud.pubsub.topic.v1.messagePublished"

// TickAttribute is the attribute of a Pub/Sub message that makes it a tick,
// whatever its value: a Scheduler job that publishes to a topic sets it.
const TickAttribute = "tick"

// EventTimeout is how long an event may take where nobody says: less than the 60
// seconds that a function has by default, so that an answer still gets through.
const EventTimeout = 55 * time.Second

// margin is how long before the end of its function an event's context ends.
const margin = 500 * time.Millisecond

// EventConfig says what a function does with its events. An event for a field
// that is nil fails, and comes again.
type EventConfig struct {
	// Message takes the data of one Pub/Sub message, decoded. An error, or a
	// panic, has Pub/Sub send the message again.
	Message func(ctx context.Context, body []byte) error
	// Tick is run by a Pub/Sub message with [TickAttribute], and by [Ticks].
	Tick func(ctx context.Context) error
	// Event takes all that the others do not: events of other types, and Pub/Sub
	// messages where Message or Tick is nil. nil refuses them.
	Event func(ctx context.Context, e event.Event) error

	// Timeout bounds an event where the function's own timeout is not known
	// (outside of Google's platforms). 0 or less is [EventTimeout].
	Timeout time.Duration
	// Logger is told what failed and why, with the event's id, never of its
	// data; nil discards.
	Logger *slog.Logger
}

// Events returns a CloudEvent function, to be given to [Receive] or registered
// with functions.CloudEvent.
//
// Its error has the event sent again. It is a fixed text and wraps nothing: the
// framework prints it, and reads in what it wraps whether to answer with success
// all the same.
func Events(cfg EventConfig) func(context.Context, event.Event) error {
	return cfg.complete().handle
}

// Ticks returns an HTTP function for a Scheduler job that calls by HTTP: a POST
// runs [EventConfig.Tick] and is answered with 200, or 503 if it failed, which has
// Scheduler call again as its retry settings say.
//
// Nothing in such a request proves who sent it. Deploy the function for
// authenticated callers alone, and let the job's service account invoke it.
func Ticks(cfg EventConfig) http.HandlerFunc {
	cfg = cfg.complete()
	return Config{Timeout: cfg.Timeout, Logger: cfg.Logger}.HTTP(core.HandlerFunc(func(ctx context.Context, r *core.Request) *core.Response {
		if r.Method != http.MethodPost {
			return core.Refuse(http.StatusMethodNotAllowed)
		}
		if cfg.Tick == nil || cfg.run(ctx, "a tick", "", cfg.Tick) != nil {
			return core.TryLater()
		}
		return core.Text(http.StatusOK, "ok")
	}))
}

func (c EventConfig) complete() EventConfig {
	if c.Timeout <= 0 {
		c.Timeout = EventTimeout
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// published is the data of a Pub/Sub event.
type published struct {
	Message *struct {
		Data       []byte            `json:"data"`
		Attributes map[string]string `json:"attributes"`
	} `json:"message"`
}

// handle takes one event.
func (c EventConfig) handle(ctx context.Context, e event.Event) error {
	ctx, cancel := c.within(ctx)
	defer cancel()
	other := func(lacks string) error {
		if c.Event == nil {
			return c.refuse(ctx, e, lacks)
		}
		return c.run(ctx, "an event", e.ID(), func(ctx context.Context) error { return c.Event(ctx, e) })
	}
	if e.Type() != MessagePublished {
		return other(fmt.Sprintf("its type is %.100q: set EventConfig.Event, or take the trigger away", e.Type()))
	}
	if c.Message == nil && c.Tick == nil {
		return other("it is a Pub/Sub message: set EventConfig.Message, or take the trigger away")
	}
	var told published
	if err := json.Unmarshal(e.Data(), &told); err != nil || told.Message == nil {
		return c.refuse(ctx, e, `its data is not {"message": {"data": "…", "attributes": {…}}} of Pub/Sub, with base64 in data`)
	}
	if _, tick := told.Message.Attributes[TickAttribute]; tick {
		if c.Tick == nil {
			return other("it is a tick, and this function has none: set EventConfig.Tick, or take the schedule away")
		}
		return c.run(ctx, "a tick", e.ID(), c.Tick)
	}
	if c.Message == nil {
		return other("it is a Pub/Sub message that is no tick: give the schedule's message the attribute " + TickAttribute)
	}
	return c.run(ctx, "a message", e.ID(), func(ctx context.Context) error { return c.Message(ctx, told.Message.Data) })
}

// refuse says of an event that it is not for this function.
func (c EventConfig) refuse(ctx context.Context, e event.Event, why string) error {
	c.Logger.ErrorContext(ctx, "an event that this function cannot take", "event_id", e.ID(), "reason", why)
	return errors.New("cloudfunc: this function cannot take the event, which comes again: " + why)
}

// run makes one fixed error of every failure, panics among them.
func (c EventConfig) run(ctx context.Context, what, id string, f func(context.Context) error) (err error) {
	failed := errors.New("cloudfunc: " + what + " failed, and comes again: the Logger is told why")
	defer func() {
		if cause := recover(); cause != nil {
			c.Logger.ErrorContext(ctx, "the function panicked", "event", what, "event_id", id, "panic", fmt.Sprint(cause), "stack", string(debug.Stack()))
			err = failed
		}
	}()
	if err := f(ctx); err != nil {
		c.Logger.WarnContext(ctx, "the function failed, and the event comes again", "event", what, "event_id", id, "reason", err.Error())
		return failed
	}
	return nil
}

// within bounds ctx so that an answer still leaves.
//
// The SDK below the framework gives events to whichever of its goroutines is
// free, with the context of that one's request: its end says nothing of ours. So
// only its deadline is kept, since both have begun together.
func (c EventConfig) within(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	ctx = context.WithoutCancel(ctx)
	if !ok {
		return context.WithTimeout(ctx, c.Timeout)
	}
	return context.WithDeadline(ctx, deadline.Add(-min(margin, time.Until(deadline)/5)))
}
