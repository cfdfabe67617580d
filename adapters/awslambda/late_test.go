package awslambda_test

import (
	"context"
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
