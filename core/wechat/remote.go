package wechat

import (
	"fmt"

	"github.com/imprest-go/imprest/core"
)

// Class sorts WeChat's refusals by what can be done about them.
type Class string

// The classes, with the errcodes that belong to each. One that is in none of
// them is [ClassRefused].
const (
	// ClassBusy: the system is busy, or was asked too often in a minute (-1,
	// 45011). Come again later.
	ClassBusy Class = "busy"
	// ClassToken: the access token is expired or invalid (40001, 42001,
	// 40014). The client has tried a new one by then.
	ClassToken Class = "token"
	// ClassQuota: the calls of the day are used up (45009).
	ClassQuota Class = "quota"
	// ClassAccount: the AppID, the secret or the address of this server is
	// not the right one (40002, 40013, 40125, 40164, 41002, 41004, and 40001
	// where a token was asked for).
	ClassAccount Class = "account"
	// ClassPermission: the mini program may not make this call (48001): its
	// owner has to apply for VoIP calls of devices.
	ClassPermission Class = "permission"
	// ClassDevice: the sn or the model_id is not one of this mini program's
	// (9800001 too long, 9800002 characters, 9800003 model).
	ClassDevice Class = "device"
	// ClassRefused: any other "no".
	ClassRefused Class = "refused"
)

// classOf returns the class of an errcode of a call.
func classOf(op string, code int64) Class {
	switch code {
	case -1, 45011:
		return ClassBusy
	case 40001, 42001, 40014:
		if op == opToken {
			return ClassAccount
		}
		return ClassToken
	case 45009:
		return ClassQuota
	case 40002, 40013, 40125, 40164, 41002, 41004:
		return ClassAccount
	case 48001:
		return ClassPermission
	case 9800001, 9800002, 9800003:
		return ClassDevice
	}
	return ClassRefused
}

var advice = map[Class]string{
	ClassBusy:       "come again later",
	ClassToken:      "another program that asks for tokens of this AppID ends ours: share one token between them",
	ClassQuota:      "wait for the next day, or raise the quota",
	ClassAccount:    "check the AppID, the secret, and that WeChat's list of addresses names this server",
	ClassPermission: "apply for device VoIP calls in the mini program's console",
	ClassDevice:     "check that sn and model_id are those that the device was registered with",
	ClassRefused:    "look the errcode up at WeChat",
}

// RemoteError is WeChat's "no", in its own words.
type RemoteError struct {
	ErrCode int64
	// ErrMsg is cut to 200 characters, without control characters and
	// secrets.
	ErrMsg string
	Class  Class
}

// Error returns WeChat's words and what to do next.
func (e *RemoteError) Error() string {
	return fmt.Sprintf("WeChat answered no: errcode %d, errmsg %q: %s", e.ErrCode, e.ErrMsg, advice[e.Class])
}

func refusal(op string, code int64, msg string) error {
	class := classOf(op, code)
	return &core.Error{Op: op, Code: core.CodeRefused, Safe: class == ClassBusy, Err: &RemoteError{ErrCode: code, ErrMsg: msg, Class: class}}
}
