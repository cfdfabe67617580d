package vvchat

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/imprest-go/imprest/core/internal/outward"
)

// Class sorts the platform's refusals by what can be done about them. The
// platform documents one status, one err_code (400) and no words but
// "无效的code", so a class is read from the call, the status and the words of
// err_msg. Where they do not tell, it is [ClassRefused], never a guess.
type Class string

// The classes.
const (
	// ClassCode: the code is wrong, used or too old. It works once: let the
	// user consent again.
	ClassCode Class = "code"
	// ClassToken: the token is wrong or has expired. Let the user consent
	// again; a robot has tried a new token by then.
	ClassToken Class = "token"
	// ClassScope: the scope of the token does not cover the call. Ask the
	// user for consent to the scope that it needs.
	ClassScope Class = "scope"
	// ClassAccount: app_id or app_key is not the right one, or the app may
	// not make this call at all.
	ClassAccount Class = "account"
	// ClassBusy: too many requests. Nothing was done: come again later.
	ClassBusy Class = "busy"
	// ClassRefused: any other "no".
	ClassRefused Class = "refused"
)

// PlatformError is the platform's "no": its status and its own words.
type PlatformError struct {
	// Status is the HTTP status, 400 as documented.
	Status int
	// ErrCode is err_code, 0 where the answer held none.
	ErrCode int64
	// ErrMsg is err_msg, cut to 200 characters, without control characters
	// and secrets.
	ErrMsg string
	// Class says what can be done about it.
	Class Class

	advice string
}

// Error returns the platform's words, and what to do next where that is known.
func (e *PlatformError) Error() string {
	text := fmt.Sprintf("the platform refused: status %d, err_code %d, err_msg %q", e.Status, e.ErrCode, e.ErrMsg)
	if e.advice != "" {
		text += ": " + e.advice
	}
	return text
}

func (c *Client) platformError(op string, status int, object object, secrets []string) *PlatformError {
	e := &PlatformError{Status: status}
	if code, err := object.int("err_code"); err == nil {
		e.ErrCode = code
	}
	for _, key := range c.cfg.AppKeys {
		secrets = append(secrets, key.Reveal())
	}
	for _, secret := range slices.Clone(secrets) {
		secrets = append(secrets, url.QueryEscape(secret))
	}
	// The longest first, or a short one could leave pieces of it.
	slices.SortFunc(secrets, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	msg, _ := object.text("err_msg") // of another shape: no words
	e.ErrMsg = outward.Words(msg, 200, secrets...)
	e.Class, e.advice = classify(op, status, strings.ToLower(e.ErrMsg))
	return e
}

// The words by which a refusal shows what it is about, in lower case.
var (
	aboutAccount = []string{"app_key", "appkey", "app_id", "appid", "密钥"}
	aboutScope   = []string{"scope", "permission", "作用域", "授权域", "权限"}
	aboutToken   = []string{"token", "authorization", "expire", "凭证", "令牌", "过期", "失效"}
)

func mentions(words string, any []string) bool {
	return slices.ContainsFunc(any, func(word string) bool { return strings.Contains(words, word) })
}

// classify returns the class of a refusal, and what to do about it.
func classify(op string, status int, words string) (Class, string) {
	if status == http.StatusTooManyRequests {
		return ClassBusy, "nothing was done: come again later"
	}
	denied := status == http.StatusUnauthorized || status == http.StatusForbidden
	switch op {
	case opExchangeCode:
		switch {
		case denied || mentions(words, aboutAccount):
			return ClassAccount, "check app_id and app_key"
		case status == http.StatusBadRequest:
			return ClassCode, "a code works once and not for long: let the user consent again; if no code ever works, check app_id and app_key"
		}
	case opProfile, opSendMessage:
		needs := "the profile needs " + ScopeUserInfo
		if op == opSendMessage {
			needs = "a message needs sessionapi_sendmsg:SESSION_ID:SESSION_TYPE of its chat"
		}
		switch {
		case status == http.StatusForbidden || mentions(words, aboutScope):
			return ClassScope, "ask the user for consent to another scope: " + needs
		case status == http.StatusUnauthorized || mentions(words, aboutToken):
			return ClassToken, "let the user consent again, and exchange the new code"
		case status == http.StatusBadRequest:
			return ClassRefused, "the words do not say why: if the token may have expired, let the user consent again; " + needs
		}
	case opRobotToken:
		if denied || status == http.StatusBadRequest {
			return ClassAccount, "check app_id and app_key, and that the platform gave this app a robot"
		}
	case opRobotSend:
		switch {
		case status == http.StatusUnauthorized || mentions(words, aboutToken):
			return ClassToken, "check that app_id is the app of this robot_no"
		case status == http.StatusForbidden || status == http.StatusBadRequest:
			return ClassRefused, "check that robot_no is of this app, that the robot is in that chat, and the ids of the target"
		}
	}
	return ClassRefused, ""
}
