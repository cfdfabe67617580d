package cloudfunc_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/adapters/cloudfunc"
	"github.com/imprest-go/imprest/core"
)

const published = cloudfunc.MessagePublished

func message(body string, attributes string) string {
	return `{"message":{"data":"` + base64.StdEncoding.EncodeToString([]byte(body)) + `","attributes":{` + attributes + `},"messageId":"7","message_id":"7","publishTime":"2026-01-02T03:04:05.678Z","orderingKey":""},"subscription":"projects/p/subscriptions/s"}`
}

// took is what a function was called with.
type took struct {
	mu     sync.Mutex
	bodies []string
	ticks  int
}

func (k *took) config() cloudfunc.EventConfig {
	return cloudfunc.EventConfig{
		Message: func(_ context.Context, body []byte) error {
			k.mu.Lock()
			defer k.mu.Unlock()
			k.bodies = append(k.bodies, string(body))
			switch string(body) {
			case "poison":
				return errors.New("key 123456: 100%s wrong")
			case "panic":
				panic("key 123456")
			case "ack":
				return cehttp.NewResult(http.StatusAccepted, "done elsewhere")
			}
			return nil
		},
		Tick: func(context.Context) error {
			k.mu.Lock()
			defer k.mu.Unlock()
			k.ticks++
			return nil
		},
	}
}

// Each way in which Google's platforms bring a message to a function, through the
// real framework: as the CloudEvent function that it receives for, and as the HTTP
// function that receives for itself.
func TestEvents(t *testing.T) {
	forms := map[string]func(kind, data string) (map[string]string, string){"binary": binary, "structured": structured}
	for name, form := range forms {
		for _, tt := range []struct {
			by    func(*testing.T, func(context.Context, event.Event) error) string
			done  int
			fails string
		}{{byTheFramework, 200, ""}, {serveEvents, 204, core.TryLaterText}} {
			var k took
			url := tt.by(t, cloudfunc.Events(k.config()))
			for _, row := range []struct {
				kind, data string
				done       bool
			}{
				{published, message("{\"id\": \"p\x00\xff1\"}", `"a":"b"`), true},
				{published, `{"message":{"attributes":{"a":"b"}}}`, true},
				{published, message("", `"tick":""`), true},
				{published, message("poison", ""), false},
				{published, message("panic", ""), false},
				{published, message("ack", ""), false},
				{published, `{"message":{"data":"!"}}`, false},
				{published, `{"message":null}`, false},
				{published, `[]`, false},
				{"google.cloud.storage.object.v1.finalized", message("x", ""), false},
			} {
				want := []any{500, tt.fails}
				if row.done {
					want = []any{tt.done, ""}
				}
				header, body := form(row.kind, row.data)
				status, text := post(t, url, header, body)
				assert.Equal(t, want, []any{status, text}, "%s: %s %s", name, row.kind, row.data)
			}
			assert.Equal(t, []string{"{\"id\": \"p\x00\xff1\"}", "", "poison", "panic", "ack"}, k.bodies, name)
			assert.Equal(t, 1, k.ticks, name)
		}
	}
}

// A push subscription's own request is no CloudEvent.
func TestPushSubscriptions(t *testing.T) {
	plain := map[string]string{"Content-Type": "application/json"}
	for _, by := range []func(*testing.T, func(context.Context, event.Event) error) string{byTheFramework, serveEvents} {
		var k took
		url := by(t, cloudfunc.Events(k.config()))
		for _, body := range []string{message("pushed", `"a":"b"`), message("", `"tick":"1"`)} {
			status, _ := post(t, url+"/projects/p/topics/t", plain, body)
			assert.Equal(t, 0, (status-200)&^4, "%d", status)
		}
		status, _ := post(t, url, plain, message("poison", ""))
		assert.Equal(t, 500, status)
		assert.Equal(t, []string{"pushed", "poison"}, k.bodies)
		assert.Equal(t, 1, k.ticks)
		for _, body := range []string{"", "{}", "pushed", "[]", `{"message":{"data":1}}`} {
			status, _ := post(t, url, plain, body)
			assert.Equal(t, 400, status, body)
		}
	}
}

func TestWhatIsNoEvent(t *testing.T) {
	var k took
	url := serveEvents(t, cloudfunc.Events(k.config()))
	good, data := binary(published, message("x", ""))
	for name, change := range map[string]func(header map[string]string){
		"no type":    func(h map[string]string) { delete(h, "Ce-Type") },
		"no source":  func(h map[string]string) { delete(h, "Ce-Source") },
		"no version": func(h map[string]string) { delete(h, "Ce-Specversion") },
		"version 9":  func(h map[string]string) { h["Ce-Specversion"] = "9" },
		"no time":    func(h map[string]string) { h["Ce-Time"] = "yesterday" },
		"a batch": func(h map[string]string) {
			h["Content-Type"] = "application/cloudevents-batch+json"
			delete(h, "Ce-Id")
		},
		"half of both": func(h map[string]string) { h["Content-Type"] = "application/cloudevents+json" },
	} {
		header := maps.Clone(good)
		change(header)
		status, text := post(t, url, header, data)
		assert.Equal(t, []any{400, core.RefusedText}, []any{status, text}, name)
	}
	status, _ := post(t, url, good, strings.Repeat(" ", 16<<20+1))
	assert.Equal(t, 413, status)
	resp, err := http.Get(url)
	require.NoError(t, err)
	_ = resp.Body.Close()
	assert.Equal(t, 405, resp.StatusCode)
	assert.Empty(t, k.bodies)
}

func TestManyEventsAtOnce(t *testing.T) {
	var k took
	url := serveEvents(t, cloudfunc.Events(k.config()))
	var all sync.WaitGroup
	for range 200 {
		all.Go(func() {
			header, body := binary(published, message("x", ""))
			status, _ := post(t, url, header, body)
			assert.Equal(t, 204, status)
		})
	}
	all.Wait()
	assert.Len(t, k.bodies, 200)
}

// What one function is for, the other refuses: nothing is acknowledged that
// nobody took.
func TestWhatNobodyTakes(t *testing.T) {
	ran := func(context.Context) error { return nil }
	took := func(context.Context, []byte) error { return nil }
	other := errors.New("other")
	rest := func(context.Context, event.Event) error { return other }
	tick, msg, storage := pubsub(message("", `"tick":"1"`)), pubsub(message("x", "")), pubsub("{}")
	storage.SetType("google.cloud.storage.object.v1.finalized")
	for _, tt := range []struct {
		cfg  cloudfunc.EventConfig
		e    event.Event
		says string
	}{
		{cloudfunc.EventConfig{}, msg, "EventConfig.Message"},
		{cloudfunc.EventConfig{}, storage, `"google.cloud.storage.object.v1.finalized"`},
		{cloudfunc.EventConfig{Message: took}, tick, "EventConfig.Tick"},
		{cloudfunc.EventConfig{Message: took}, msg, ""},
		{cloudfunc.EventConfig{Tick: ran}, msg, "is no tick"},
		{cloudfunc.EventConfig{Tick: ran}, tick, ""},
		{cloudfunc.EventConfig{Tick: ran, Event: rest}, msg, "an event failed"},
		{cloudfunc.EventConfig{Message: took, Event: rest}, tick, "an event failed"},
		{cloudfunc.EventConfig{Message: took, Tick: ran, Event: rest}, storage, "an event failed"},
		{cloudfunc.EventConfig{Event: rest}, msg, "an event failed"},
		{cloudfunc.EventConfig{Message: took, Event: rest}, msg, ""},
	} {
		err := cloudfunc.Events(tt.cfg)(t.Context(), tt.e)
		if tt.says == "" {
			assert.NoError(t, err)
			continue
		}
		assert.ErrorContains(t, err, tt.says)
		assert.NotErrorIs(t, err, other, "what an error wraps can make a success of it")
	}
}

func pubsub(data string) event.Event {
	e := event.New()
	e.SetID("1")
	e.SetSource("//pubsub.googleapis.com/projects/p/topics/t")
	e.SetType(published)
	if err := e.SetData("application/json", []byte(data)); err != nil {
		panic(err)
	}
	return e
}

func TestTheLoggerIsToldWhyAndTheErrorIsNot(t *testing.T) {
	var log bytes.Buffer
	var k took
	cfg := k.config()
	cfg.Logger = slog.New(slog.NewJSONHandler(&log, nil))
	for body, says := range map[string]string{"poison": `"reason":"key 123456: 100%s wrong"`, "panic": `"panic":"key 123456"`} {
		log.Reset()
		err := cloudfunc.Events(cfg)(t.Context(), pubsub(message(body, "")))
		assert.EqualError(t, err, "cloudfunc: a message failed, and comes again: the Logger is told why")
		assert.Contains(t, log.String(), says)
		assert.Contains(t, log.String(), `"event_id":"1"`)
	}
	log.Reset()
	require.Error(t, cloudfunc.Events(cfg)(t.Context(), pubsub(`{"message":{"data":"c2VjcmV0"}`)))
	assert.Contains(t, log.String(), "cannot take")
	assert.NotContains(t, log.String(), "c2VjcmV0")
}

// The context of an event ends in time for an answer, and not when a request
// ends that only lent its goroutine.
func TestTheContextOfAnEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lent, end := context.WithTimeout(context.Background(), 10*time.Second)
		within := func(ctx context.Context, cfg cloudfunc.EventConfig) (left time.Duration) {
			cfg.Message = func(ctx context.Context, _ []byte) error {
				assert.NoError(t, ctx.Err())
				deadline, ok := ctx.Deadline()
				assert.True(t, ok)
				left = time.Until(deadline)
				return nil
			}
			require.NoError(t, cloudfunc.Events(cfg)(ctx, pubsub(message("x", ""))))
			return left
		}
		assert.Equal(t, 9500*time.Millisecond, within(lent, cloudfunc.EventConfig{Timeout: time.Second}))
		end()
		assert.Equal(t, 9500*time.Millisecond, within(lent, cloudfunc.EventConfig{}))
		short, end := context.WithTimeout(context.Background(), time.Second)
		defer end()
		assert.Equal(t, 800*time.Millisecond, within(short, cloudfunc.EventConfig{}))
		assert.Equal(t, cloudfunc.EventTimeout, within(context.Background(), cloudfunc.EventConfig{}))
		assert.Equal(t, time.Minute, within(context.Background(), cloudfunc.EventConfig{Timeout: time.Minute}))
	})
}

func TestTicks(t *testing.T) {
	var fails error
	ran := 0
	fn := cloudfunc.Ticks(cloudfunc.EventConfig{Tick: func(context.Context) error { ran++; return fails }})
	call := func(method string) int {
		w := httptest.NewRecorder()
		fn(w, httptest.NewRequest(method, "/", nil))
		return w.Code
	}
	assert.Equal(t, 200, call("POST"))
	assert.Equal(t, 405, call("GET"))
	fails = errors.New("the journal is away")
	assert.Equal(t, 503, call("POST"))
	assert.Equal(t, 2, ran)
	fn = cloudfunc.Ticks(cloudfunc.EventConfig{})
	assert.Equal(t, 503, call("POST"), "nobody is told that what does not exist was done")
}
