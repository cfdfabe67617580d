package nethttp

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

type keyOfTest struct{}

// A context is asked in every order, by a handler that waits and by one that
// only looks, and always answers as one of context.WithTimeout does.
func TestTheDeadlineIsThatOfAContext(t *testing.T) {
	cause := errors.New("the server is going down")
	looks := map[string]func(context.Context) error{
		"err": context.Context.Err,
		"done": func(ctx context.Context) error {
			select {
			case <-ctx.Done():
				return ctx.Err()
			default:
				return nil
			}
		},
		"child": func(ctx context.Context) error {
			child, cancel := context.WithCancel(ctx)
			defer cancel()
			return child.Err()
		},
		"cause": context.Cause,
	}
	ends := map[string]func(parent context.CancelCauseFunc, own context.CancelFunc){
		"nothing": func(context.CancelCauseFunc, context.CancelFunc) {},
		"time":    func(context.CancelCauseFunc, context.CancelFunc) { time.Sleep(time.Minute) },
		"parent":  func(parent context.CancelCauseFunc, _ context.CancelFunc) { parent(cause) },
		"itself":  func(_ context.CancelCauseFunc, own context.CancelFunc) { own() },
		"almost":  func(context.CancelCauseFunc, context.CancelFunc) { time.Sleep(time.Minute - 1) },
	}
	for first, before := range looks {
		for last, after := range looks {
			for by, end := range ends {
				for _, asked := range []bool{false, true} {
					t.Run(first+" "+by+" "+last, func(t *testing.T) {
						synctest.Test(t, func(t *testing.T) {
							var found [2][3]error
							for i := range found {
								parent, cancelParent := context.WithCancelCause(context.WithValue(t.Context(), keyOfTest{}, "value"))
								defer cancelParent(nil)
								ctx, cancel := Config{Timeout: time.Minute}.within(parent)
								if i == 1 {
									ctx, cancel = context.WithTimeout(parent, time.Minute)
								}
								defer cancel()
								if asked {
									found[i][0] = before(ctx)
								}
								end(cancelParent, cancel)
								synctest.Wait()
								found[i][1], found[i][2] = after(ctx), ctx.Err()
								require.Equal(t, "value", ctx.Value(keyOfTest{}))
							}
							require.Equal(t, found[1], found[0])
						})
					})
				}
			}
		}
	}
}

// What is derived from it ends with it, and costs no goroutine.
func TestWhatIsDerivedEndsWithTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := Config{}.within(t.Context())
		require.NoError(t, ctx.Err())
		before := runtime.NumGoroutine()
		child, stop := context.WithCancel(ctx)
		defer stop()
		require.Equal(t, before, runtime.NumGoroutine())
		require.NoError(t, child.Err())
		cancel()
		require.Equal(t, context.Canceled, child.Err())

		ctx, cancel = Config{}.within(t.Context())
		defer cancel()
		child, stop = context.WithCancel(ctx)
		defer stop()
		time.Sleep(DefaultTimeout)
		synctest.Wait()
		require.Equal(t, context.DeadlineExceeded, child.Err())

		sooner, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		ctx, cancel = Config{}.within(sooner)
		defer cancel()
		end, ok := ctx.Deadline()
		require.True(t, ok)
		require.Equal(t, time.Now().Add(time.Second), end)
	})
}
