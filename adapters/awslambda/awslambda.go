package awslambda

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/imprest-go/imprest/core"
)

// Config says what a function does with its events. At least one of HTTP,
// Message and Tick must be given; an event for one that is not fails the
// invocation.
type Config struct {
	// HTTP answers requests.
	HTTP core.Handler
	// Message takes the body of one message of an SQS batch. An error, or a
	// panic, leaves that message in the queue and no other; in a FIFO queue
	// those behind it too. Switch ReportBatchItemFailures on in the event
	// source mapping: without it Lambda takes the whole batch as done.
	Message func(ctx context.Context, body []byte) error
	// Tick is run by a schedule of EventBridge or of its Scheduler, whose
	// payload must be the one that it has by default. Its error fails the invocation.
	Tick func(ctx context.Context) error

	// MaxBody is how many bytes of a body are taken; a larger one is 413. 0 is
	// core.MaxBody.
	MaxBody int
	// Margin is how long before the end of the invocation the context of HTTP,
	// Message and Tick ends, so that an answer still leaves. 0 is half a
	// second, and never more than a fifth of the time that is left. A handler
	// that is not back by half of it is answered for with 503; a message or a
	// Tick has failed then.
	Margin time.Duration
	// BasePath is what a custom domain's base path mapping puts in front of
	// every path, such as "/shop": it is taken off where it is there.
	BasePath string
	// KeepStage leaves the name of the stage in the path of an HTTP API. It is
	// taken off otherwise, as it is no part of the path that was published.
	KeepStage bool
	// Logger is told of panics and of messages that failed, never of a path, a
	// header or a body; nil discards.
	Logger *slog.Logger
}

// Handler is a lambda.Handler. It is safe for use by many goroutines.
type Handler struct{ cfg Config }

var _ lambda.Handler = (*Handler)(nil)

// New checks cfg and returns a Handler. Its errors have core.CodeInvalid.
func New(cfg Config) (*Handler, error) {
	const op = "awslambda.New"
	switch {
	case cfg.HTTP == nil && cfg.Message == nil && cfg.Tick == nil:
		return nil, core.Invalid(op, "HTTP, Message or Tick must be given")
	case cfg.MaxBody < 0:
		return nil, core.Invalid(op, "MaxBody must not be negative")
	case cfg.Margin < 0:
		return nil, core.Invalid(op, "Margin must not be negative")
	case cfg.BasePath != "" && (!strings.HasPrefix(cfg.BasePath, "/") || strings.HasSuffix(cfg.BasePath, "/")):
		return nil, core.Invalid(op, `BasePath must be a path such as "/shop", without a slash at its end`)
	}
	return newHandler(cfg), nil
}

func newHandler(cfg Config) *Handler {
	if cfg.MaxBody == 0 {
		cfg.MaxBody = core.MaxBody
	}
	if cfg.Margin == 0 {
		cfg.Margin = 500 * time.Millisecond
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Handler{cfg: cfg}
}

// Wrap returns a Handler that answers requests with h, and takes nothing else.
func Wrap(h core.Handler) *Handler { return newHandler(Config{HTTP: h}) }

// Start serves invocations until the process ends. It is the last line of main.
func Start(h *Handler) { lambda.Start(h) }

// Invoke handles one event. An error fails the invocation: of an event that is
// not known, or that this function has no use for. It holds nothing of the
// event's content.
func (h *Handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	e, err := readEvent(payload)
	if err != nil {
		return nil, err
	}
	ctx, cancel := h.within(ctx)
	defer cancel()
	switch e.kind {
	case sqsBatch:
		return h.messages(ctx, e)
	case schedule:
		return h.tick(ctx)
	}
	if h.cfg.HTTP == nil {
		return nil, fmt.Errorf("awslambda: the event is %s, and this function answers no requests: set Config.HTTP, or take the trigger away", e.kind)
	}
	out, err := writeAnswer(e, h.answer(ctx, e))
	if limit := e.answerLimit(); err == nil && len(out) > limit {
		h.cfg.Logger.ErrorContext(ctx, "an answer is too large for its sender", "bytes", len(out), "limit", limit)
		out, err = writeAnswer(e, failed())
	}
	return out, err
}

// longest is how long an invocation may take, at most.
const longest = 15 * time.Minute

// within bounds ctx so that an answer still leaves.
func (h *Handler) within(ctx context.Context) (context.Context, context.CancelFunc) {
	end, ok := ctx.Deadline()
	if !ok {
		return ctx, func() {}
	}
	if time.Until(end) < -longest {
		// An emulator that counts the time from its own start told an end that
		// was over in 1970. No event comes that late.
		ctx, end = context.WithoutCancel(ctx), time.Now().Add(longest)
	}
	ctx = context.WithValue(ctx, invocationEnd{}, end)
	return context.WithDeadline(ctx, end.Add(-min(h.cfg.Margin, time.Until(end)/5)))
}

// invocationEnd is the key of the time at which the invocation ends.
type invocationEnd struct{}

// answer has the handler answer a request, and answers in its place when it is
// late.
func (h *Handler) answer(ctx context.Context, e *event) *core.Response {
	r, status := h.request(e)
	if status != 0 {
		return core.Refuse(status)
	}
	resp, ok := inTime(ctx, func() *core.Response { return h.handle(ctx, r) })
	if !ok {
		h.cfg.Logger.ErrorContext(ctx, "a handler did not heed the end of its context", "method", r.Method)
		return core.TryLater()
	}
	return resp
}

// inTime returns what run returns, or false when it does not heed the end of
// ctx: half of the margin is for that. It goes on then until Lambda freezes the
// process, and with the next invocation.
func inTime[T any](ctx context.Context, run func() T) (T, bool) {
	end, ok := ctx.Value(invocationEnd{}).(time.Time)
	if !ok {
		return run(), true
	}
	deadline, _ := ctx.Deadline()
	late := time.NewTimer(time.Until(deadline.Add(end.Sub(deadline) / 2)))
	defer late.Stop()
	done := make(chan T, 1)
	go func() { done <- run() }()
	select {
	case result := <-done:
		return result, true
	case <-late.C:
		var none T
		return none, false
	}
}

func (h *Handler) handle(ctx context.Context, r *core.Request) (resp *core.Response) {
	defer func() {
		if cause := recover(); cause != nil {
			h.cfg.Logger.ErrorContext(ctx, "a handler panicked", "method", r.Method, "panic", fmt.Sprint(cause), "stack", string(debug.Stack()))
			resp = failed()
		}
	}()
	resp = h.cfg.HTTP.Handle(ctx, r)
	if resp == nil || resp.Status != 0 && (resp.Status < 200 || resp.Status > 599) {
		h.cfg.Logger.ErrorContext(ctx, "a handler gave no usable answer", "method", r.Method)
		return failed()
	}
	return resp
}

// failed is the answer to what is a fault of our own.
func failed() *core.Response { return core.Text(500, core.TryLaterText) }

func (h *Handler) tick(ctx context.Context) ([]byte, error) {
	if h.cfg.Tick == nil {
		return nil, errors.New("awslambda: the event is a schedule, and this function has none: set Config.Tick, or take the rule away")
	}
	if err := h.guard(ctx, "a schedule", func() error { return h.cfg.Tick(ctx) }); err != nil {
		return nil, err
	}
	return []byte("null"), nil
}

// guard makes an error of a panic, and of what does not heed the end of ctx.
func (h *Handler) guard(ctx context.Context, what string, run func() error) error {
	err, ok := inTime(ctx, func() (err error) {
		defer func() {
			if cause := recover(); cause != nil {
				h.cfg.Logger.ErrorContext(ctx, what+" panicked", "panic", fmt.Sprint(cause), "stack", string(debug.Stack()))
				err = errors.New("awslambda: " + what + " panicked: see the log")
			}
		}()
		return run()
	})
	if !ok {
		return errors.New("awslambda: " + what + " did not heed the end of its context, and goes on")
	}
	return err
}
