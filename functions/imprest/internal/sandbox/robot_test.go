package sandbox

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
)

// robotBody is an event of the documented app's.
func robotBody(event, text string) string {
	return fmt.Sprintf(`{"event":%q,"version":"v1","data":{"robot":{"app_id":"test","open_id":"BOT","robot_no":"10001"},`+
		`"session":{"session_open_id":"S1","session_type":"2"},"trigger":{"open_id":"U1","target":"user"},"content":{"text":%q}}}`, event, text)
}

func TestRobotEvents(t *testing.T) {
	log := &syncBuffer{}
	w := startWorld(t, Config{Logger: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	assert.Equal(t, []any{}, getJSON[[]any](t, w.base+"/_sandbox/robot-events"), "a list, not null")

	for _, body := range []string{robotBody("session-open", ""), robotBody("at", "@bot 你好"), robotBody("left-group", "")} {
		status, answer := call(t, http.MethodPost, w.robotURL(), body)
		assert.Equal(t, 200, status)
		assert.Equal(t, "success", answer)
	}
	for _, path := range []string{"/callbacks/robot/", "/callbacks/robot/guess", "/callbacks/robot/" + strings.Repeat("A", 26), "/callbacks/robot"} {
		for _, method := range []string{http.MethodPost, http.MethodGet} {
			status, answer := call(t, method, w.base+path, robotBody("at", "forged"))
			assert.Equal(t, 404, status, path)
			assert.Equal(t, core.RefusedText, answer)
		}
	}
	status, _ := call(t, http.MethodPost, w.robotURL(), strings.Replace(robotBody("at", "x"), `"test"`, `"other"`, 1))
	assert.Equal(t, 400, status)

	events := getJSON[[]robotEvent](t, w.base+"/_sandbox/robot-events")
	require.Len(t, events, 3)
	assert.EqualValues(t, "left-group", events[0].Event, "the newest first")
	assert.Equal(t, "@bot 你好", events[1].Text)
	assert.Equal(t, "10001", events[1].RobotNo)
	assert.EqualValues(t, 2, events[1].SessionType)
	assert.JSONEq(t, robotBody("at", "@bot 你好"), string(events[1].Raw))
	assert.NotContains(t, log.String(), w.robotEvents.secret.Reveal())
}

func TestRobotEventsAreFewEnough(t *testing.T) {
	w := startWorld(t, Config{})
	for i := range keptRobotEvents + 5 {
		status, _ := call(t, http.MethodPost, w.robotURL(), robotBody("at", fmt.Sprint(i)))
		require.Equal(t, 200, status)
	}
	events := getJSON[[]robotEvent](t, w.base+"/_sandbox/robot-events")
	require.Len(t, events, keptRobotEvents)
	assert.Equal(t, fmt.Sprint(keptRobotEvents+4), events[0].Text)
}

// The address is for whoever sits at this machine.
func TestTheRobotsSecretIsPrintedWhenLocal(t *testing.T) {
	var out bytes.Buffer
	w := startWorld(t, Config{Out: &out})
	other := startWorld(t, Config{})
	assert.NotEqual(t, w.robotEvents.secret.Reveal(), other.robotEvents.secret.Reveal(), "of this process alone, whatever the seed")
	w.greet()
	assert.Contains(t, out.String(), w.robotURL()+"\n")
	out.Reset()
	w.local = false
	w.greet()
	assert.NotContains(t, out.String(), w.robotEvents.secret.Reveal())
}
