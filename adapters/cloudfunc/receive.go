package cloudfunc

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/cloudevents/sdk-go/v2/event"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"

	"github.com/imprest-go/imprest/core"
)

// maxEvent is how many bytes of an event are read: a Pub/Sub message has at most
// 10 MB, which are 13.4 MB of base64.
const maxEvent = 16 << 20

// Receive returns a CloudEvent function, such as one of [Events], as an HTTP
// function, to be registered with functions.HTTP. It takes CloudEvents in their
// binary and structured form, what a Pub/Sub push subscription sends, and the
// events of functions of the first generation, made CloudEvents as the framework
// makes them. Each is answered with 204, or with 500 if fn fails; what is no event
// is 400, one of more than 16 MiB is 413.
//
// Use it wherever an instance takes more than one event at a time. The framework
// has CloudEvents received by an SDK that hands them from one goroutine to another
// and can lose the one that waits for them: then an event is neither handled nor
// answered until its sender gives up (cloudevents/sdk-go, issues 1224 and 1332).
// functions.CloudEvent is safe only at a concurrency of 1.
func Receive(fn func(context.Context, event.Event) error) http.HandlerFunc {
	return Config{MaxBody: maxEvent, Timeout: -1}.HTTP(core.HandlerFunc(func(ctx context.Context, r *core.Request) *core.Response {
		if r.Method != http.MethodPost {
			return core.Refuse(http.StatusMethodNotAllowed)
		}
		e, err := readEvent(ctx, r)
		if err != nil {
			return core.Refuse(http.StatusBadRequest)
		}
		if fn(ctx, e) != nil {
			return core.Text(http.StatusInternalServerError, core.TryLaterText)
		}
		return &core.Response{Status: http.StatusNoContent}
	}))
}

// readEvent returns the event that a request is.
func readEvent(ctx context.Context, r *core.Request) (event.Event, error) {
	if r.Header.Get("Ce-Id") == "" && !strings.Contains(r.Header.Get("Content-Type"), "cloudevents") {
		return pushed(r.Body)
	}
	header := http.Header{}
	for _, line := range r.Header {
		header.Add(line.Name, line.Value)
	}
	e, err := binding.ToEvent(ctx, cehttp.NewMessage(header, io.NopCloser(bytes.NewReader(r.Body))))
	if err != nil {
		return event.Event{}, err
	}
	return *e, e.Validate()
}

// pushed makes an event of what a push subscription sends, which has the same
// data and nothing around it, or of one of the first generation.
func pushed(body []byte) (event.Event, error) {
	var told struct {
		background
		Message *struct {
			MessageID string `json:"messageId"`
		} `json:"message"`
		Subscription string `json:"subscription"`
	}
	if err := json.Unmarshal(body, &told); err != nil {
		return event.Event{}, err
	}
	if told.Message == nil {
		return converted(told.background)
	}
	if told.Message.MessageID == "" || told.Subscription == "" {
		return event.Event{}, errNoEvent
	}
	e := event.New()
	e.SetID(told.Message.MessageID)
	e.SetType(MessagePublished)
	e.SetSource("//pubsub.googleapis.com/" + told.Subscription)
	return withJSON(e, body)
}
