package callback

import (
	"bytes"
	"encoding/json"
)

// EventKind is the event of a [RobotEvent]. The platform may add kinds: a
// switch over them needs a default that does nothing.
type EventKind string

// The documented kinds of event.
const (
	// EventSessionOpen: somebody opened a chat with the robot.
	EventSessionOpen EventKind = "session-open"
	// EventJoinGroupForInvite: the robot was invited into a group.
	EventJoinGroupForInvite EventKind = "join-group-for-invite"
	// EventAt: somebody spoke to the robot with @; Text is what was said.
	EventAt EventKind = "at"
)

// EventVersion is the documented version of robot events.
const EventVersion = "v1"

// RobotEvent is what the platform tells of a robot. It came by the secret path,
// and nothing signs it: a hint, see [RobotSink]. The platform's names stand
// beside each field.
//
// Of the documented kinds in version "v1" every field is there, Text for
// EventAt alone. Of any other kind or version a field that is missing, or not
// of its form, is zero; Raw holds what came.
type RobotEvent struct {
	Event   EventKind // event
	Version string    // version: EventVersion, or one that is not documented

	AppID       string // data.robot.app_id: one of the configured apps
	RobotOpenID string // data.robot.open_id: the robot as a user
	RobotNo     string // data.robot.robot_no: names the robot in commands to it

	SessionOpenID string // data.session.session_open_id: the chat
	// SessionType is data.session.session_type: 1 direct, 2 group. It was a
	// number, or digits in a string.
	SessionType int64

	TriggerOpenID string // data.trigger.open_id: who brought it about
	TriggerTarget string // data.trigger.target: "user"

	// Text is data.content.text, as the user wrote it: line breaks, controls
	// and markup included. Escape it wherever it is shown.
	Text string

	// Raw is the whole event as it came. It is strict JSON: each name once,
	// valid UTF-8.
	Raw json.RawMessage
}

// readRobotEvent reads an event strictly, and requires of a documented one what
// its documentation promises.
func readRobotEvent(body []byte, identifier func(string) bool) (RobotEvent, error) {
	whole, err := parseObject(body)
	if err != nil {
		return RobotEvent{}, err
	}
	e := RobotEvent{Event: EventKind(whole.text("event")), Version: whole.text("version")}
	if !isLabel(string(e.Event)) || !isLabel(e.Version) {
		return RobotEvent{}, malformed("event or version is missing, or is not 1 to 64 printable characters")
	}
	data := whole.object("data")
	robot, session, trigger := data.object("robot"), data.object("session"), data.object("trigger")
	if id := robot.text("app_id"); printable(id) {
		e.AppID = id
	}
	missing := ""
	for _, id := range []struct {
		name   string
		from   object
		field  string
		target *string
	}{
		{"data.robot.open_id", robot, "open_id", &e.RobotOpenID},
		{"data.robot.robot_no", robot, "robot_no", &e.RobotNo},
		{"data.session.session_open_id", session, "session_open_id", &e.SessionOpenID},
		{"data.trigger.open_id", trigger, "open_id", &e.TriggerOpenID},
	} {
		if text := id.from.text(id.field); text != "" && identifier(text) {
			*id.target = text
		} else if missing == "" {
			missing = id.name
		}
	}
	if n, ok := number(session.text("session_type")); ok && n > 0 {
		e.SessionType = n
	} else if missing == "" {
		missing = "data.session.session_type"
	}
	if target := trigger.text("target"); isLabel(target) {
		e.TriggerTarget = target
	} else if missing == "" {
		missing = "data.trigger.target"
	}
	var said bool
	if e.Text, said = data.object("content").string("text"); !said && e.Event == EventAt && missing == "" {
		missing = "data.content.text"
	}
	if missing != "" && e.documented() {
		return RobotEvent{}, malformed(missing + " is missing or not of its form")
	}
	e.Raw = bytes.Clone(body)
	return e, nil
}

func (e RobotEvent) documented() bool {
	if e.Version != EventVersion {
		return false
	}
	switch e.Event {
	case EventSessionOpen, EventJoinGroupForInvite, EventAt:
		return true
	}
	return false
}

// isLabel reports whether s can be the name of a kind, a version or a target:
// 1 to 64 visible ASCII characters.
func isLabel(s string) bool { return printable(s) && len(s) <= 64 }
