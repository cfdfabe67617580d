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
	"pgregory.net/rapid"

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

// What is no text would be U+FFFD to the handler, and a signature would not hold
// for a reason that nobody sees.
func TestWhatIsNoText(t *testing.T) {
	event := func(body string) []byte {
		return []byte(`{"httpMethod":"POST","path":"/","requestContext":{},"body":"` + body + `"}`)
	}
	for body, want := range map[string]string{
		`\ud83d\udd14`: "\U0001f514", `\uD83D\uDD14`: "\U0001f514", `\\ud83d`: `\ud83d`, `\\\\ud83d`: `\\ud83d`, `\ud7ff\ue000`: "\ud7ff\ue000",
		`\ufffd`: "\ufffd", "\ufffd": "\ufffd", `a\nb\/\u0041`: "a\nb/A",
	} {
		r, _ := see(t, awslambda.Config{}, event(body))
		require.NotNil(t, r, body)
		assert.Equal(t, want, string(r.Body), body)
	}
	h := awslambda.Wrap(core.HandlerFunc(func(context.Context, *core.Request) *core.Response { return core.Text(200, "") }))
	for _, body := range []string{`\ud83d`, `\ud83d x`, `\udd14\ud83d`, `\ud83d\ud83d\udd14`, `\ud83d\n`, `\ud83d\u0041`, "\xff", "\xed\xa0\x80", `\\\ud83d`} {
		_, err := h.Invoke(t.Context(), event(body))
		assert.ErrorContains(t, err, "no Unicode text", body)
	}
}

// One event, one request: names that differ in case alone stand in the order of
// their spelling.
func TestHeadersAreInOrder(t *testing.T) {
	for range 50 {
		r, _ := see(t, awslambda.Config{}, []byte(`{"httpMethod":"GET","path":"/","headers":{"x-a":"3","X-A":"1","X-a":"2","b":"0"}}`))
		assert.Equal(t, []string{"1", "2", "3"}, r.Header.Values("X-A"))
		r, _ = see(t, awslambda.Config{}, []byte(`{"httpMethod":"GET","path":"/","multiValueHeaders":{"x-a":["3","4"],"X-A":["1","2"]}}`))
		assert.Equal(t, []string{"1", "2", "3", "4"}, r.Header.Values("X-A"))
	}
}

func TestWhatIsTextIsWhatEncodingJSONKeeps(t *testing.T) {
	pieces := []string{`\ud83d`, `\udd14`, `\\`, `\\u`, `a`, `\n`, `\u00e9`, `ud83d`, `\uDBFF`, `\uDFFF`, "é", "\xff"}
	h := awslambda.Wrap(core.HandlerFunc(func(_ context.Context, r *core.Request) *core.Response {
		return &core.Response{Body: r.Body}
	}))
	rapid.Check(t, func(rt *rapid.T) {
		body := strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 8).Draw(rt, "body"), "")
		var text string
		require.NoError(rt, json.Unmarshal([]byte(`"`+body+`"`), &text))
		_, err := h.Invoke(t.Context(), []byte(`{"httpMethod":"POST","path":"/","body":"`+body+`"}`))
		require.Equal(rt, strings.ContainsRune(text, '\ufffd'), err != nil, "%q", body)
	})
}
