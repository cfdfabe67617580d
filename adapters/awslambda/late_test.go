package awslambda_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/adapters/awslambda"
	"github.com/imprest-go/imprest/core"
)

// An answer leaves before the invocation ends, whatever the handler does.
func TestAHandlerThatIsLate(t *testing.T) {
	for name, tt := range map[string]struct {
		takes  func(context.Context)
		status string
		after  time.Duration
	}{
		"heeds its context":      {func(ctx context.Context) { <-ctx.Done() }, `"statusCode":200`, 9500 * time.Millisecond},
		"heeds it a little late": {func(ctx context.Context) { <-ctx.Done(); time.Sleep(200 * time.Millisecond) }, `"statusCode":200`, 9700 * time.Millisecond},
		"does not":               {func(context.Context) { time.Sleep(time.Minute) }, `"statusCode":503`, 9750 * time.Millisecond},
		"panics too late":        {func(context.Context) { time.Sleep(time.Minute); panic("late") }, `"statusCode":503`, 9750 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				ctx, cancel := context.WithDeadline(t.Context(), began.Add(10*time.Second))
				defer cancel()
				out, err := awslambda.Wrap(core.HandlerFunc(func(ctx context.Context, _ *core.Request) *core.Response {
					tt.takes(ctx)
					return core.Text(200, "success")
				})).Invoke(ctx, restEvent().bytes(t))
				require.NoError(t, err)
				assert.Contains(t, string(out), tt.status)
				assert.Equal(t, tt.after, time.Since(began))
				time.Sleep(2 * time.Minute) // the handler ends in the end
			})
		})
	}
}

// Lambda's client has the payload's memory back as soon as Invoke returns. Who is
// late still has the request, or the message, that it was given.
func TestWhoIsLateKeepsTheRequest(t *testing.T) {
	payloads := map[string][]byte{"a message": object{"Records": []object{{"eventSource": "aws:sqs", "messageId": "m1", "body": "x/é"}}}.bytes(t)}
	for name, event := range map[string]object{"v1": restEvent(), "v2": httpEvent(), "URL": urlEvent(), "ALB": albEvent(), "ALB multi": albMultiEvent()} {
		payloads[name] = event.bytes(t)
		payloads[name+", not in base64"] = event.with(object{"body": "a\"b", "isBase64Encoded": false}).bytes(t)
	}
	for name, payload := range payloads {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				var before, after string
				done := make(chan bool, 1)
				h, err := awslambda.New(awslambda.Config{
					HTTP: core.HandlerFunc(func(_ context.Context, r *core.Request) *core.Response {
						before = fmt.Sprintf("%+v", *r)
						time.Sleep(time.Minute)
						after = fmt.Sprintf("%+v", *r)
						done <- true
						return core.Text(200, "success")
					}),
					Message: func(_ context.Context, body []byte) error {
						before = string(body)
						time.Sleep(time.Minute)
						after = string(body)
						done <- true
						return nil
					},
				})
				require.NoError(t, err)
				out, err := h.Invoke(ctx, payload)
				require.NoError(t, err)
				answer := string(out)
				for i := range payload {
					payload[i] = 'Z'
				}
				<-done
				assert.NotEmpty(t, before)
				assert.Equal(t, before, after)
				assert.Equal(t, answer, string(out))
			})
		})
	}
}

// The context is as one that context.WithDeadline makes, whoever asks it first, and
// whenever.
func TestTheContextOfAHandler(t *testing.T) {
	type key struct{}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), key{}, "value"), 10*time.Second)
		defer cancel()
		run := func(handle func(context.Context)) {
			out, err := awslambda.Wrap(core.HandlerFunc(func(ctx context.Context, _ *core.Request) *core.Response {
				handle(ctx)
				return core.Text(200, "success")
			})).Invoke(ctx, restEvent().bytes(t))
			require.NoError(t, err)
			require.Contains(t, string(out), `"statusCode":200`)
		}
		var kept, child context.Context
		run(func(ctx context.Context) {
			kept = ctx
			assert.Equal(t, "value", ctx.Value(key{}))
			assert.NoError(t, ctx.Err())
			var done context.CancelFunc
			child, done = context.WithTimeout(ctx, time.Minute)
			t.Cleanup(done)
			assert.NoError(t, child.Err())
		})
		synctest.Wait()
		assert.ErrorIs(t, kept.Err(), context.Canceled, "the invocation is over")
		assert.ErrorIs(t, child.Err(), context.Canceled)
		run(func(ctx context.Context) { kept = ctx })
		assert.ErrorIs(t, kept.Err(), context.Canceled, "never asked before")
		<-kept.Done()
		run(func(ctx context.Context) {
			child, done := context.WithTimeout(ctx, time.Minute)
			defer done()
			<-child.Done()
			assert.ErrorIs(t, child.Err(), context.DeadlineExceeded)
			assert.ErrorIs(t, context.Cause(ctx), context.DeadlineExceeded)
		})
	})
}
