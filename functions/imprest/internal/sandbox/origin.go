package sandbox

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/imprest-go/imprest/core"
)

// originHeader says on what purchase's behalf the merchant asks: between the
// sandbox's merchant and its fakes, since not every call names one. Before a
// purchase has an id, it is the request that begins it.
const originHeader = "Sandbox-Purchase"

type originKey struct{}

// about marks what is done with ctx as done for a purchase.
func about(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, originKey{}, id)
}

// marking is the merchant's way out, which tells the fakes of the purchase.
type marking struct{ *http.Transport }

// RoundTrip implements http.RoundTripper.
func (m marking) RoundTrip(r *http.Request) (*http.Response, error) {
	if id, ok := r.Context().Value(originKey{}).(string); ok {
		r = r.Clone(r.Context())
		r.Header.Set(originHeader, id)
	}
	return m.Transport.RoundTrip(r)
}

// insight is the core.Observer of the merchant's parts: it knows for which
// purchase a step is taken, and why a notification was refused, which the
// answer does not tell.
type insight struct{}

type reasonKey struct{}

// Observe implements core.Observer.
func (insight) Observe(ctx context.Context, work core.Work) (context.Context, func(error)) {
	switch work.Kind {
	case "step":
		ctx = about(ctx, work.Subject)
	case "callback":
		if reason, ok := ctx.Value(reasonKey{}).(*error); ok {
			return ctx, func(err error) { *reason = err }
		}
	}
	return ctx, func(error) {}
}

// judged notes why a notification is not taken.
func (w *world) judged(next core.Handler) core.Handler {
	return core.HandlerFunc(func(ctx context.Context, r *core.Request) *core.Response {
		var reason error
		resp := next.Handle(context.WithValue(ctx, reasonKey{}, &reason), r)
		if reason != nil {
			w.tape.refused(string(r.Body), reason.Error())
		}
		return resp
	})
}

// bought notes the requests that begin a purchase.
func (w *world) bought(next core.Handler) core.Handler {
	return core.HandlerFunc(func(ctx context.Context, r *core.Request) *core.Response {
		at, began, id := w.clock.Now(), time.Now(), w.tape.nextAct()
		resp := next.Handle(about(ctx, id), r)
		var view struct {
			ID string `json:"id"`
		}
		_ = json.Unmarshal(resp.Body, &view) // a refusal names no purchase
		status := resp.Status
		if status == 0 {
			status = http.StatusOK
		}
		w.note(w.tape.acted(id, view.ID, at, time.Since(began), act{
			method: r.Method, path: r.Path, kind: r.Header.Get("Content-Type"), body: string(r.Body),
			status: status, answerKind: resp.Header.Get("Content-Type"), answer: string(resp.Body),
		}))
		return resp
	})
}
