package awslambda_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/adapters/awslambda"
	"github.com/imprest-go/imprest/core"
)

// An answer that Lambda refuses ends the process in aws-lambda-go, so that none
// may leave.
func TestAnswersThatAreTooLarge(t *testing.T) {
	for name, tt := range map[string]struct {
		event object
		body  []byte
		want  int
	}{
		"6 MiB":                    {restEvent(), bytes.Repeat([]byte("x"), 6<<20), 500},
		"almost 6 MiB":             {restEvent(), bytes.Repeat([]byte("x"), 6<<20-1000), 200},
		"what HTML escapes":        {httpEvent(), bytes.Repeat([]byte("<"), 6<<20-1000), 200},
		"binary that grows":        {urlEvent(), bytes.Repeat([]byte{0xff}, 5<<20), 500},
		"binary that fits":         {urlEvent(), bytes.Repeat([]byte{0xff}, 4<<20), 200},
		"ALB, 1 MiB":               {albEvent(), bytes.Repeat([]byte("x"), 1<<20), 500},
		"ALB, almost 1 MiB":        {albEvent(), bytes.Repeat([]byte("x"), 1<<20-1000), 200},
		"ALB multi, 1 MiB":         {albMultiEvent(), bytes.Repeat([]byte("x"), 1<<20), 500},
		"control characters, 6 ×":  {restEvent(), bytes.Repeat([]byte{1}, 2<<20), 500},
		"a refusal of HEAD is one": {restEvent().with(object{"httpMethod": "HEAD"}), bytes.Repeat([]byte("x"), 7<<20), 200},
	} {
		var log bytes.Buffer
		h, err := awslambda.New(awslambda.Config{
			HTTP:   core.HandlerFunc(func(context.Context, *core.Request) *core.Response { return &core.Response{Body: tt.body} }),
			Logger: slog.New(slog.NewTextHandler(&log, nil)),
		})
		require.NoError(t, err)
		out, err := h.Invoke(t.Context(), tt.event.bytes(t))
		require.NoError(t, err, name)
		assert.LessOrEqual(t, len(out), 6<<20, name)
		var answer struct{ StatusCode int }
		require.NoError(t, json.Unmarshal(out, &answer), name)
		assert.Equal(t, tt.want, answer.StatusCode, name)
		assert.Equal(t, tt.want == 500, strings.Contains(log.String(), "too large"), name)
	}
}

// A message that does not come to an end leaves the ones before it done: without
// an answer in time the whole batch would come again.
func TestAMessageThatIsLate(t *testing.T) {
	for arn, want := range map[string]string{
		"arn:aws:sqs:x:q":      `{"batchItemFailures":[{"itemIdentifier":"m1"},{"itemIdentifier":"m2"}]}`,
		"arn:aws:sqs:x:q.fifo": `{"batchItemFailures":[{"itemIdentifier":"m1"},{"itemIdentifier":"m2"}]}`,
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			var done []string
			h, err := awslambda.New(awslambda.Config{Message: func(_ context.Context, body []byte) error {
				if string(body) == "late" {
					time.Sleep(time.Minute)
					return nil
				}
				done = append(done, string(body))
				return nil
			}})
			require.NoError(t, err)
			var records []object
			for i, body := range []string{"a", "late", "b"} {
				records = append(records, object{"eventSource": "aws:sqs", "eventSourceARN": arn, "messageId": fmt.Sprint("m", i), "body": body})
			}
			began := time.Now()
			out, err := h.Invoke(ctx, object{"Records": records}.bytes(t))
			require.NoError(t, err)
			assert.JSONEq(t, want, string(out))
			assert.Equal(t, 9750*time.Millisecond, time.Since(began))
			assert.Equal(t, []string{"a"}, done)
			time.Sleep(2 * time.Minute) // the message ends in the end
		})
	}
}

func TestATickThatIsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		h, err := awslambda.New(awslambda.Config{Tick: func(context.Context) error { time.Sleep(time.Minute); return nil }})
		require.NoError(t, err)
		began := time.Now()
		_, err = h.Invoke(ctx, []byte(`{"source":"aws.events","detail-type":"Scheduled Event"}`))
		require.ErrorContains(t, err, "did not heed the end of its context")
		assert.Equal(t, 9750*time.Millisecond, time.Since(began))
		time.Sleep(2 * time.Minute)
	})
}

// Emulators have counted the end of an invocation from their own start. What has
// ended in 1970 is no end; what ended just now is one.
func TestAnEndThatIsLongOver(t *testing.T) {
	for name, tt := range map[string]struct {
		end time.Time
		err error
	}{
		"in 1970":  {time.UnixMilli(86_400_000), nil},
		"just now": {time.Now().Add(-time.Second), context.DeadlineExceeded},
	} {
		ctx, cancel := context.WithDeadline(t.Context(), tt.end)
		defer cancel()
		h, err := awslambda.New(awslambda.Config{Tick: func(ctx context.Context) error {
			_, bounded := ctx.Deadline()
			assert.True(t, bounded, name)
			return ctx.Err()
		}})
		require.NoError(t, err)
		_, err = h.Invoke(ctx, []byte(`{"source":"aws.events","detail-type":"Scheduled Event"}`))
		if tt.err == nil {
			require.NoError(t, err, name)
			continue
		}
		require.Error(t, err, name)
	}
}

// Lambda's managed instances call one Handler from many goroutines.
func TestManyInvocationsAtOnce(t *testing.T) {
	h, err := awslambda.New(awslambda.Config{
		HTTP:    core.HandlerFunc(func(_ context.Context, r *core.Request) *core.Response { return core.Text(200, r.Path) }),
		Message: func(_ context.Context, body []byte) error { return nil },
	})
	require.NoError(t, err)
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			path := fmt.Sprint("/", i)
			for range 20 {
				out, err := h.Invoke(ctx, restEvent().with(object{"path": path}).bytes(t))
				assert.NoError(t, err)
				assert.Contains(t, string(out), `"body":"`+path+`"`)
				out, err = h.Invoke(ctx, object{"Records": []object{{"eventSource": "aws:sqs", "messageId": path, "body": "x"}}}.bytes(t))
				assert.NoError(t, err)
				assert.JSONEq(t, `{"batchItemFailures":[]}`, string(out))
			}
		})
	}
	all.Wait()
}
