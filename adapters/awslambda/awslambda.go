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
	var e event
	if err := e.read(payload); err != nil {
		return nil, err
	}
	i := h.begin(ctx)
	defer i.cancel()
	switch e.kind {
	case sqsBatch:
		return h.messages(i, &e)
	case schedule:
		return h.tick(i)
	}
	if h.cfg.HTTP == nil {
		return nil, fmt.Errorf("awslambda: the event is %s, and this function answers no requests: set Config.HTTP, or take the trigger away", e.kind)
	}
	out := writeAnswer(&e, h.answer(i, &e))
	if limit := e.answerLimit(); len(out) > limit {
		h.cfg.Logger.ErrorContext(i.context(), "an answer is too large for its sender", "bytes", len(out), "limit", limit)
		out = writeAnswer(&e, failed())
	}
	return out, nil
}

// answer has the handler answer a request, and answers in its place when it is
// late.
func (h *Handler) answer(i *invocation, e *event) *core.Response {
	if status := h.request(&i.request, e); status != 0 {
		return core.Refuse(status)
	}
	method := i.request.Method
	if !i.inTime((*invocation).handle) {
		h.cfg.Logger.ErrorContext(i.context(), "a handler did not heed the end of its context", "method", method)
		return core.TryLater()
	}
	return i.response
}

// handle has the handler answer the request.
func (i *invocation) handle() { i.response = i.h.handle(i.context(), &i.request) }

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

func (h *Handler) tick(i *invocation) ([]byte, error) {
	if h.cfg.Tick == nil {
		return nil, errors.New("awslambda: the event is a schedule, and this function has none: set Config.Tick, or take the rule away")
	}
	if err := h.guard(i, "a schedule", h.cfg.Tick); err != nil {
		return nil, err
	}
	return []byte("null"), nil
}

// guard makes an error of a panic, and of what does not heed the end of its context.
func (h *Handler) guard(i *invocation, what string, run func(context.Context) error) error {
	var err error
	ok := i.inTime(func(i *invocation) {
		ctx := i.context()
		defer func() {
			if cause := recover(); cause != nil {
				h.cfg.Logger.ErrorContext(ctx, "the function panicked", "event", what, "panic", fmt.Sprint(cause), "stack", string(debug.Stack()))
				err = errors.New("awslambda: " + what + " panicked: see the log")
			}
		}()
		err = run(ctx)
	})
	if !ok { // err may be written any time
		return errors.New("awslambda: " + what + " did not heed the end of its context, and goes on")
	}
	return err
}
