package sandbox

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/testkit"
)

func sentBy(t *testing.T, e toldEvent) Sent {
	t.Helper()
	text, err := json.Marshal(e.data)
	require.NoError(t, err)
	var sent Sent
	require.NoError(t, json.Unmarshal(text, &sent))
	return sent
}

// Whoever joins hears every notification with the bytes that the merchant got.
func TestEventsTellNotificationsByteForByte(t *testing.T) {
	w := startWorld(t, Config{})
	events, _ := listenTo(t, w, "")
	id := buyOne(t, w)
	isNotification := func(e toldEvent) bool { return e.name == "notification" }
	seen := until(t, events, isNotification)
	sent := sentBy(t, seen[len(seen)-1])
	assert.Equal(t, http.MethodPost, sent.Method)
	assert.Equal(t, "application/json", sent.Header.Get("Content-Type"))
	var attempts []testkit.Attempt
	require.Eventually(t, func() bool { // it is told before it is sent
		attempts = w.platform.Notifications()[0].Attempts
		return len(attempts) > 0
	}, 10*time.Second, time.Millisecond)
	assert.Equal(t, string(attempts[0].Message.Body), string(sent.Body))

	// What is sent in the platform's place is told of too; the secret path of
	// a robot's events is not.
	_, err := w.notifyAgain(t.Context(), id, []string{"wrong-key"})
	require.NoError(t, err)
	seen = until(t, events, isNotification)
	assert.NotEqual(t, string(sent.Body), string(sentBy(t, seen[len(seen)-1]).Body))
	_, err = w.platform.SendRobotEvent(t.Context(), testkit.RobotEvent{Event: testkit.EventAt, Text: "hello"})
	require.NoError(t, err)
	seen = until(t, events, isNotification)
	robot := sentBy(t, seen[len(seen)-1])
	assert.Contains(t, string(robot.Body), `"hello"`)
	text, err := json.Marshal(seen)
	require.NoError(t, err)
	assert.NotContains(t, string(text), w.robotEvents.secret.Reveal())
}

func TestAnEventHoldsNoEndlessNotification(t *testing.T) {
	var got int64
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.ContentLength }))
	defer server.Close()
	b := newBus()
	client := (&world{bus: b}).notifier()
	defer client.CloseIdleConnections()
	resp, err := client.Post(server.URL, "text/plain", strings.NewReader(strings.Repeat("x", maxSent+1)))
	require.NoError(t, err)
	_ = resp.Body.Close()
	assert.Equal(t, int64(maxSent+1), got, "it is sent whole")
	list, _, _ := b.since(0)
	require.Len(t, list, 1)
	assert.Contains(t, string(list[0].data), `"too_long":true`)
	assert.NotContains(t, string(list[0].data), "body")
}

func TestThePlatformNotifiesThisMachineAlone(t *testing.T) {
	client := (&world{bus: newBus()}).notifier()
	client.Timeout = 5 * time.Second
	resp, err := client.Post("http://192.0.2.1/", "text/plain", nil)
	if err == nil {
		_ = resp.Body.Close()
	}
	assert.ErrorContains(t, err, "this machine alone")
}
