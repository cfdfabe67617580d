package sandbox

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core/purchase"
)

// told is an event as a browser's EventSource gets it.
type toldEvent struct {
	id, name string
	data     map[string]any
}

// listen opens the stream, and returns what comes by it.
func listenTo(t *testing.T, w *world, lastID string) (<-chan toldEvent, context.CancelFunc) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.base+eventsPath, nil)
	require.NoError(t, err)
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	require.NoError(t, err)
	require.Equal(t, 200, resp.StatusCode)
	require.Equal(t, "text/event-stream; charset=utf-8", resp.Header.Get("Content-Type"))
	events := make(chan toldEvent, 10_000)
	lines := bufio.NewScanner(resp.Body)
	require.True(t, lines.Scan())
	require.Equal(t, "retry: 1000", lines.Text(), "the stream is open")
	go func() {
		defer resp.Body.Close()
		defer close(events)
		var e toldEvent
		for lines.Scan() {
			name, value, _ := strings.Cut(lines.Text(), ": ")
			switch name {
			case "id":
				e.id = value
			case "event":
				e.name = value
			case "data":
				if json.Unmarshal([]byte(value), &e.data) != nil {
					return
				}
				events <- e
				e = toldEvent{}
			}
		}
	}()
	return events, cancel
}

// until returns the events up to the first for which found says yes.
func until(t *testing.T, events <-chan toldEvent, found func(toldEvent) bool) (seen []toldEvent) {
	t.Helper()
	limit := time.After(10 * time.Second)
	for {
		select {
		case e, open := <-events:
			require.True(t, open, "the stream ended after %v", seen)
			if seen = append(seen, e); found(e) {
				return seen
			}
		case <-limit:
			require.Fail(t, "it was not told", "only %v", seen)
		}
	}
}

func TestEventsTellAPurchaseLive(t *testing.T) {
	w := startWorld(t, Config{})
	events, _ := listenTo(t, w, "")
	id := buyOne(t, w)
	seen := until(t, events, func(e toldEvent) bool {
		return e.name == "purchase" && e.data["id"] == id && e.data["state"] == string(purchase.Delivered)
	})
	hops := 0
	for _, e := range seen {
		if e.name == "hop" && e.data["purchase"] == id {
			hops++
			_, err := w.open(t.Context(), e.data["hop"].(string))
			require.NoError(t, err, "what is told can be opened")
		}
	}
	assert.Greater(t, hops, 6)
	for _, c := range []struct{ path, body, event string }{
		{"clock", `{"advance":"1s"}`, "clock"},
		{"faults", `{"name":"duplicate","on":true}`, "faults"},
		{"payouts", `[{"out_order_no":"payout-1","amount":100}]`, "payout"},
	} {
		status, body := call(t, http.MethodPost, w.base+"/_sandbox/"+c.path, c.body)
		require.Equal(t, 200, status, body)
		until(t, events, func(e toldEvent) bool { return e.name == c.event })
	}

	// Whoever comes back is told what he missed, once each, and nothing else.
	missed := seen[3:]
	again, _ := listenTo(t, w, seen[2].id)
	for _, want := range missed {
		assert.Equal(t, want, <-again)
	}
}

func TestEventsThatAreLost(t *testing.T) {
	w := startWorld(t, Config{})
	for i := range keptEvents + 5 {
		w.bus.publish("clock", map[string]int{"n": i})
	}
	newest := fmt.Sprintf("%s-%d", w.bus.epoch, w.bus.newest())
	for name, last := range map[string]string{
		"too old": w.bus.epoch + "-3", "of another process": "x-1000", "of the future": w.bus.epoch + "-99999999", "nonsense": "x", "negative": w.bus.epoch + "--4",
	} {
		events, cancel := listenTo(t, w, last)
		assert.Equal(t, toldEvent{newest, "reset", map[string]any{}}, <-events, name)
		cancel()
	}
	oldest := fmt.Sprintf("%s-%d", w.bus.epoch, w.bus.newest()-keptEvents)
	events, _ := listenTo(t, w, oldest)
	for n := range keptEvents {
		e := <-events
		require.Equal(t, "clock", e.name)
		require.EqualValues(t, n+5, e.data["n"])
	}
	events, _ = listenTo(t, w, newest)
	w.bus.publish("clock", map[string]string{"n": "live"})
	assert.Equal(t, "live", (<-events).data["n"])
}

func TestEventsAreForThisMachineAlone(t *testing.T) {
	w := startWorld(t, Config{})
	for name, c := range map[string]struct {
		method string
		header []string
		status int
	}{
		"a rebound name":   {"GET", []string{"Host", "shop.example"}, 403},
		"another site":     {"GET", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		"a page next door": {"GET", []string{"Sec-Fetch-Site", "same-site"}, 403},
		"a form":           {"POST", nil, 405},
		"a foreign form":   {"POST", []string{"Origin", "http://shop.example"}, 403},
	} {
		status, _ := call(t, c.method, w.base+eventsPath, "", c.header...)
		assert.Equal(t, c.status, status, name)
	}
	var cancels []context.CancelFunc
	for range maxListeners {
		_, cancel := listenTo(t, w, "")
		cancels = append(cancels, cancel)
	}
	status, _ := call(t, http.MethodGet, w.base+eventsPath, "")
	assert.Equal(t, 503, status, "the places are taken")
	cancels[0]()
	require.Eventually(t, func() bool {
		w.bus.mu.Lock()
		defer w.bus.mu.Unlock()
		return w.bus.listeners < maxListeners
	}, 10*time.Second, time.Millisecond, "and one is free again")
}

func TestEventsDoNotHoldUpTheEnd(t *testing.T) {
	w, stop := serveWorld(t, Config{})
	events, _ := listenTo(t, w, "")
	began := time.Now()
	stop()
	assert.Less(t, time.Since(began), 3*time.Second, "a server's grace is longer")
	for range events { // it ends
	}
	assert.False(t, w.bus.join(), "nobody joins what is over")
}
