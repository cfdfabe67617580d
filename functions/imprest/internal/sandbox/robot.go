package sandbox

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/callback"
)

// keptRobotEvents is how many events are kept for the control API.
const keptRobotEvents = 100

// robotEvents are the newest events that the merchant's robot was told of. They
// are hints, on no record: they outlive a merchant's crash, and no process.
type robotEvents struct {
	// secret ends the path that they come by: of this process alone, and no
	// seed tells anybody what it is.
	secret core.Secret
	now    func() time.Time

	mu   sync.Mutex
	list []robotEvent // the oldest first
}

// robotEvent is an event as the control API shows it.
type robotEvent struct {
	ReceivedAt    time.Time          `json:"received_at"`
	Event         callback.EventKind `json:"event"`
	Version       string             `json:"version"`
	AppID         string             `json:"app_id"`
	RobotNo       string             `json:"robot_no"`
	SessionOpenID string             `json:"session_open_id"`
	SessionType   int64              `json:"session_type"`
	TriggerOpenID string             `json:"trigger_open_id"`
	Text          string             `json:"text,omitempty"`
	Raw           json.RawMessage    `json:"raw"`
}

func newRobotEvents(now func() time.Time) (*robotEvents, error) {
	secret, err := core.RandomText(rand.Reader, 26)
	if err != nil {
		return nil, err
	}
	return &robotEvents{secret: core.NewSecret(secret), now: now}, nil
}

// Robot implements callback.RobotSink.
func (r *robotEvents) Robot(_ context.Context, e callback.RobotEvent) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, robotEvent{
		ReceivedAt: r.now().UTC(), Event: e.Event, Version: e.Version, AppID: e.AppID, RobotNo: e.RobotNo,
		SessionOpenID: e.SessionOpenID, SessionType: e.SessionType, TriggerOpenID: e.TriggerOpenID, Text: e.Text, Raw: e.Raw,
	})
	if spare := len(r.list) - keptRobotEvents; spare > 0 {
		r.list = slices.Delete(r.list, 0, spare)
	}
	return nil
}

// newest returns the events that are kept, the newest first.
func (r *robotEvents) newest() []robotEvent {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := append([]robotEvent{}, r.list...)
	slices.Reverse(list)
	return list
}

// robotURL is the address of the merchant's for events, secret and all: for the
// platform, and for whoever runs the sandbox on this machine.
func (w *world) robotURL() string {
	return w.base + "/callbacks/robot/" + w.robotEvents.secret.Reveal()
}

func (w *world) getRobotEvents(context.Context, *core.Request) (any, error) {
	return w.robotEvents.newest(), nil
}
