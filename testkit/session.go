package testkit

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/imprest-go/imprest/core"
)

// The kinds of a chat, as session_type spells them.
const (
	SessionDirect = 1
	SessionGroup  = 2
)

// Session is a chat.
type Session struct {
	// ID is the session_id.
	ID string `json:"session_id"`
	// Type is [SessionDirect] or [SessionGroup].
	Type int `json:"session_type"`
	// Name is what its people see.
	Name string `json:"name"`
	// Members are the open_ids of who is in it; none is everybody.
	Members []string `json:"members,omitempty"`
}

func (s Session) has(openID string) bool {
	return len(s.Members) == 0 || slices.Contains(s.Members, openID)
}

// TestSessions returns the chats that a fake platform knows when it is told of
// no others: a direct chat and a group, of everybody.
func TestSessions() []Session {
	return []Session{
		{ID: "sD8wKq2ZtRb5", Type: SessionDirect, Name: "小红"},
		{ID: "sG4mXv9LcPn1", Type: SessionGroup, Name: "邻居群"},
	}
}

// AddSession adds a chat, which gets an ID if it has none, and returns it. The
// error is [core.CodeInvalid] for a type that is none, and [core.CodeConflict]
// for an ID that is taken.
func (p *Platform) AddSession(s Session) (Session, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.addSession("testkit.Platform.AddSession", s)
}

// addSession is called with the lock held.
func (p *Platform) addSession(op string, s Session) (Session, error) {
	if s.ID != "" && !sendScope().MatchString("sessionapi_sendmsg:"+s.ID+":1") {
		return Session{}, core.Invalid(op, "ID: must be without spaces and colons, or no scope can name it")
	}
	if s.Type != SessionDirect && s.Type != SessionGroup {
		return Session{}, core.Invalid(op, "Type: must be 1 (direct) or 2 (group)")
	}
	if s.ID == "" {
		s.ID = p.ids.next("session_id", 24)
	}
	if _, taken := p.session(s.ID); taken {
		return Session{}, conflict(op, "session_id", s.ID)
	}
	s.Members = slices.Clone(s.Members)
	p.sessions = append(p.sessions, s)
	return s, nil
}

// Sessions returns the chats that a user is in, the oldest first; of the first
// user if openID is empty.
func (p *Platform) Sessions(openID string) []Session {
	p.mu.Lock()
	defer p.mu.Unlock()
	var own []Session
	if user, ok := p.user(openID); ok {
		for _, s := range p.sessions {
			if s.has(user.OpenID) {
				s.Members = slices.Clone(s.Members)
				own = append(own, s)
			}
		}
	}
	return own
}

// OpenSessionView is the user's tap on a qyx://openSessionView link: it returns
// the direct chat of a user with an account, such as customer service, and
// makes it if there is none. withOpenID is another user's, or a robot's, whose
// merchant is told of it ([EventSessionOpen]) if he has registered for events;
// an empty openID is the first user's. The error is [core.CodeNotFound].
func (p *Platform) OpenSessionView(ctx context.Context, openID, withOpenID string) (Session, error) {
	chat, event, err := p.openSession(openID, withOpenID)
	if err != nil || event == nil {
		return chat, err
	}
	defer p.attempts.Done()
	if !p.async {
		_, _ = p.sendEvent(ctx, *event) // what comes of it is in the record
		return chat, nil
	}
	p.attempts.Add(1)
	go func() {
		defer p.attempts.Done()
		_, _ = p.sendEvent(context.WithoutCancel(ctx), *event)
	}()
	return chat, nil
}

// openSession returns the chat, and the event that is to be sent, which it has
// counted as an attempt.
func (p *Platform) openSession(openID, withOpenID string) (Session, *robotNotice, error) {
	const op = "testkit.Platform.OpenSessionView"
	p.mu.Lock()
	defer p.mu.Unlock()
	user, ok := p.user(openID)
	if !ok {
		return Session{}, nil, notFound(op, "open_id", openID)
	}
	name := ""
	robot, isRobot := p.robotOf(withOpenID)
	if other, ok := p.user(withOpenID); ok && withOpenID != "" {
		name = other.Nickname
	} else if isRobot {
		name = robot.Name
	} else {
		return Session{}, nil, notFound(op, "open_id", withOpenID)
	}
	chat, err := p.direct(op, user.OpenID, withOpenID, name)
	if err != nil || !isRobot || robot.EventURL == "" || p.noAttempts {
		return chat, nil, err
	}
	p.attempts.Add(1)
	return chat, &robotNotice{robot, user, RobotEvent{Event: EventSessionOpen, SessionOpenID: user.OpenID, SessionType: SessionDirect}}, nil
}

// direct returns the direct chat of two. It is called with the lock held.
func (p *Platform) direct(op, openID, withOpenID, name string) (Session, error) {
	for _, s := range p.sessions {
		if s.Type == SessionDirect && (slices.Equal(s.Members, []string{openID, withOpenID}) || slices.Equal(s.Members, []string{withOpenID, openID})) {
			return s, nil
		}
	}
	return p.addSession(op, Session{Type: SessionDirect, Name: name, Members: []string{openID, withOpenID}})
}

// session is called with the lock held.
func (p *Platform) session(id string) (Session, bool) {
	for _, s := range p.sessions {
		if s.ID == id {
			return s, true
		}
	}
	return Session{}, false
}

// ChatMessage is a message that an app sent into a chat, on behalf of a user
// (sendmsg) or as a robot (send-text).
type ChatMessage struct {
	AppID string `json:"app_id"`
	// OpenID is on whose behalf; "" of a robot's.
	OpenID string `json:"open_id,omitempty"`
	// RobotNo is the robot; "" of a user's.
	RobotNo     string    `json:"robot_no,omitempty"`
	SessionID   string    `json:"session_id"`
	SessionType int       `json:"session_type"`
	Type        string    `json:"type"`
	Content     string    `json:"content"`
	Time        time.Time `json:"time"`
}

// Messages returns the messages that apps sent into a chat, the oldest first;
// into all chats if sessionID is empty.
func (p *Platform) Messages(sessionID string) []ChatMessage {
	p.mu.Lock()
	defer p.mu.Unlock()
	var in []ChatMessage
	for _, m := range p.messages {
		if sessionID == "" || m.SessionID == sessionID {
			in = append(in, m)
		}
	}
	return in
}

// say records a message. It is called with the lock held.
func (p *Platform) say(m ChatMessage) {
	m.Time = p.Clock.Now()
	p.messages = append(p.messages, m)
	if over := len(p.messages) - p.record.keep; over > 0 {
		p.messages = slices.Delete(p.messages, 0, over)
	}
}

// RequireMessage fails the test unless an app sent a message of that content
// into the chat once, and returns it.
func (p *Platform) RequireMessage(tb TB, sessionID, content string) ChatMessage {
	tb.Helper()
	var found []ChatMessage
	var seen []string
	for _, m := range p.Messages(sessionID) {
		seen = append(seen, m.Content)
		if m.Content == content {
			found = append(found, m)
		}
	}
	if len(found) != 1 {
		tb.Fatalf("%s", unmet{
			expected: fmt.Sprintf("one message %q in the chat with session_id %q", content, sessionID), got: fmt.Sprintf("%d, and the chat has %q", len(found), seen), rule: ruleSendMsg,
			do: "see in the log whether sendmsg arrived, and what it was answered; a send whose outcome is unknown may show twice if it is made again",
		})
		return ChatMessage{}
	}
	return found[0]
}

func sessionType(text string) int {
	n, _ := strconv.Atoi(text)
	return n
}
