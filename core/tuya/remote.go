package tuya

import (
	"fmt"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/internal/outward"
)

// Class sorts the cloud's refusals by what can be done about them.
type Class string

// The classes, with the gateway's codes that belong to each. A code that is
// in none of them is [ClassRefused].
const (
	// ClassBusy: too many requests, or a busy system (1110, 1111, 1113,
	// 1199, 429). Nothing was done; come again later.
	ClassBusy Class = "busy"
	// ClassFault: an error or a timeout within the cloud (500 and its like).
	// Nobody can say what was done.
	ClassFault Class = "fault"
	// ClassToken: a token is expired or invalid (1010, 1011, 1012). A user's,
	// which a relay of core/mall passes on, takes a new login. A project's
	// own, which a [Client] keeps, was renewed once already: the next call
	// asks for another, and if that is refused too, the credentials or the
	// data center are wrong.
	ClassToken Class = "token"
	// ClassQuota: the plan or quota of the cloud project is used up, expired
	// or unpaid (28841001 to 28841004, 28841101 to 28841104).
	ClassQuota Class = "quota"
	// ClassAccess: the project or the caller may not do this, or the request
	// is not signed as it must be (1001 to 1005, 1008, 1013, 1106, 28841105,
	// 28841106, PERMISSION_DENIED).
	ClassAccess Class = "access"
	// ClassParameter: what was asked is not well formed (1006, 1007, 1100 to
	// 1102, 1104, 1105, 1107 to 1109, 2000000, INPUT_INVALID).
	ClassParameter Class = "parameter"
	// ClassRefused: any other "no", those about the order, the code or the
	// device among them.
	ClassRefused Class = "refused"
)

// ClassOf returns the class of a code.
func ClassOf(code string) Class {
	switch code {
	case "1110", "1111", "1113", "1199", "429":
		return ClassBusy
	case "1010", "1011", "1012":
		return ClassToken
	case "28841001", "28841002", "28841003", "28841004", "28841101", "28841102", "28841103", "28841104":
		return ClassQuota
	case "1001", "1002", "1003", "1004", "1005", "1008", "1013", "1106", "28841105", "28841106", "PERMISSION_DENIED":
		return ClassAccess
	case "1006", "1007", "1100", "1101", "1102", "1104", "1105", "1107", "1108", "1109", "2000000", "INPUT_INVALID":
		return ClassParameter
	}
	// 500 is the documented one; whatever else looks like a gateway's 5xx is
	// no better.
	if len(code) == 3 && code[0] == '5' && code[1]-'0' <= 9 && code[2]-'0' <= 9 {
		return ClassFault
	}
	return ClassRefused
}

var advice = map[Class]string{
	ClassBusy:      "come again later",
	ClassFault:     "ask what became of it",
	ClassToken:     "renew the token: a user's by a new login, a project's own with the next call, or check its credentials and data center",
	ClassQuota:     "see to the plan of the cloud project",
	ClassAccess:    "check the credentials, the permissions and the clock",
	ClassParameter: "check the parameters",
	ClassRefused:   "the same request will be refused again",
}

// RemoteError is the cloud's "no", in its own words.
type RemoteError struct {
	// Code is the code as text, whether it came as a number or as a string.
	Code string
	// Msg is the cloud's message, cut to 200 characters, without control
	// characters and secrets.
	Msg string
	// TID is the cloud's id of the request, or "": quote it to Tuya's
	// support.
	TID   string
	Class Class
}

// Error returns the cloud's words and what to do next.
func (e *RemoteError) Error() string {
	return fmt.Sprintf("the cloud answered no: code %q, msg %q, tid %q: %s", e.Code, e.Msg, e.TID, advice[e.Class])
}

// Refusal returns the error for a "no" of the cloud with this code: a
// [core.Error] around a [RemoteError]. Its Code says what is known of the
// effect: core.CodeUnknown for [ClassFault], and core.CodeRefused for all
// others, which is Safe for [ClassBusy].
func Refusal(op, code, msg, tid string) error {
	e := &RemoteError{Code: outward.Words(code, 64), Msg: outward.Words(msg, 200), TID: outward.Words(tid, 64), Class: ClassOf(code)}
	known := core.CodeRefused
	if e.Class == ClassFault {
		known = core.CodeUnknown
	}
	return &core.Error{Op: op, Code: known, Safe: e.Class == ClassBusy, Err: e}
}
