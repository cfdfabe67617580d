package vvchat

import (
	"strconv"

	"github.com/imprest-go/imprest/core/internal/check"
)

// SessionType says what kind of chat a [Session] is (session_type).
type SessionType int

// The kinds of chat.
const (
	// SessionDirect is a chat of two people (单聊).
	SessionDirect SessionType = 1
	// SessionGroup is a group chat (群聊).
	SessionGroup SessionType = 2
)

// Session names a chat, as the JSSDK's getSession and selectSession hand it to
// a page. seeds: 000, "获取当前会话信息". What a page hands on is the word of
// whoever holds the phone; that the user may send there is for the platform to
// say, by the scope of a token.
type Session struct {
	// ID is 1 to 64 of A-Z, a-z, 0-9, _ and -.
	ID string `json:"session_id" validate:"required,id"`
	// Type is SessionDirect or SessionGroup.
	Type SessionType `json:"session_type" validate:"oneof=1 2"`
}

// SessionScope returns the scope that lets a token send messages into the chat
// s: "sessionapi_sendmsg:SESSION_ID:SESSION_TYPE". A session that cannot be
// one has no scope: the result is "", which no consent grants, and never a
// scope with a ":" too many, which would name another chat.
func SessionScope(s Session) string {
	if !s.valid() {
		return ""
	}
	return "sessionapi_sendmsg:" + s.ID + ":" + strconv.Itoa(int(s.Type))
}

func (s Session) valid() bool {
	return check.ID(s.ID) && (s.Type == SessionDirect || s.Type == SessionGroup)
}
