package vvchat

import (
	"strconv"
	"strings"

	"github.com/imprest-go/imprest/core"
)

// ScopeUserInfo is the scope for a user's profile: [Client.Profile].
const ScopeUserInfo = "snsapi_userinfo"

// ParseSessionScope reads what [SessionScope] writes:
// "sessionapi_sendmsg:SESSION_ID:SESSION_TYPE". Any other text, ScopeUserInfo
// too, is core.CodeInvalid.
func ParseSessionScope(scope string) (Session, error) {
	const op = "vvchat.ParseSessionScope"
	parts := strings.Split(scope, ":")
	if len(parts) != 3 || parts[0] != "sessionapi_sendmsg" {
		return Session{}, core.Invalid(op, "this is no scope for a chat: sessionapi_sendmsg:SESSION_ID:SESSION_TYPE")
	}
	kind, err := strconv.Atoi(parts[2])
	s := Session{ID: parts[1], Type: SessionType(kind)}
	if err != nil || SessionScope(s) != scope {
		return Session{}, core.Invalid(op, "the scope names no chat")
	}
	return s, nil
}
