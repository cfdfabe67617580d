package mall

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

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
	// ClassToken: the caller's token is expired or invalid (1010, 1011,
	// 1012). The user has to log in again, or the relay to renew it.
	ClassToken Class = "token"
	// ClassQuota: the plan or quota of the cloud project is used up, expired
	// or unpaid (28841001 to 28841004, 28841101 to 28841104).
	ClassQuota Class = "quota"
	// ClassAccess: the project or the caller may not do this, or the request
	// is not signed as it must be (1001 to 1005, 1008, 1013, 1106, 28841105,
	// 28841106, PERMISSION_DENIED).
	ClassAccess Class = "access"
	// ClassParameter: what was asked is not well formed (1100 to 1102, 1104,
	// 1107 to 1109, INPUT_INVALID).
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
	case "1100", "1101", "1102", "1104", "1107", "1108", "1109", "INPUT_INVALID":
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
	ClassToken:     "let the user log in again",
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
// [core.Error] around a [RemoteError], for a [Transport]. Its Code says what is
// known of the effect: core.CodeUnknown for [ClassFault], and core.CodeRefused
// for all others, which is Safe for [ClassBusy].
func Refusal(op, code, msg, tid string) error {
	e := &RemoteError{Code: outward.Words(code, 64), Msg: outward.Words(msg, 200), TID: outward.Words(tid, 64), Class: ClassOf(code)}
	known := core.CodeRefused
	if e.Class == ClassFault {
		known = core.CodeUnknown
	}
	return &core.Error{Op: op, Code: known, Safe: e.Class == ClassBusy, Err: e}
}

// readEnvelope returns the result of an answer: {"success": true, "result": …,
// "t": …, "tid": "…"} or {"success": false, "code": …, "msg": "…"}. Only
// success decides; what it does not know it ignores. secrets are cut out of
// the cloud's words.
func readEnvelope(op string, body []byte, secrets ...string) (json.RawMessage, error) {
	var answer map[string]json.RawMessage
	if err := json.Unmarshal(body, &answer); err != nil || answer == nil {
		return nil, unknown(op, errors.New("the answer is not a JSON object: ask what became of it"))
	}
	raw, ok := answer["success"]
	success, err := boolean(compact(raw))
	if !ok || err != nil || string(raw) == "null" {
		return nil, unknown(op, errors.New("the answer does not say whether it was a success: ask what became of it"))
	}
	if success {
		return compact(answer["result"]), nil
	}
	words := func(name string) string {
		text, _ := numberText(compact(answer[name]))
		return outward.Words(text, 200, secrets...)
	}
	code := words("code")
	if code == "" {
		return nil, unknown(op, fmt.Errorf("the answer is a failure without a code, msg %q, tid %q: ask what became of it", words("msg"), words("tid")))
	}
	return nil, Refusal(op, code, words("msg"), words("tid"))
}

func unknown(op string, err error) error {
	return &core.Error{Op: op, Code: core.CodeUnknown, Err: err}
}

// ExchangeRefusals lists the codes with which the cloud refuses an exchange
// because of the code itself. Tuya publishes none of them: the defaults are
// this project's readings, and whoever has met the real ones lists those. A
// nil list is its default.
type ExchangeRefusals struct {
	// Used: the code was exchanged before. nil is CODE_USED.
	Used []string
	// NotFound: there is no such code. nil is CODE_NOT_FOUND.
	NotFound []string
	// Expired: the code is too old. nil is CODE_EXPIRED.
	Expired []string
}

// CodeUsed reports whether err says that the code was exchanged before: by
// this purchase, if an earlier attempt has an unknown outcome, or by somebody
// else.
func (r ExchangeRefusals) CodeUsed(err error) bool { return refusedWith(err, r.Used, "CODE_USED") }

// CodeNotFound reports whether err says that there is no such code.
func (r ExchangeRefusals) CodeNotFound(err error) bool {
	return refusedWith(err, r.NotFound, "CODE_NOT_FOUND")
}

// CodeExpired reports whether err says that the code is too old.
func (r ExchangeRefusals) CodeExpired(err error) bool {
	return refusedWith(err, r.Expired, "CODE_EXPIRED")
}

// AboutCode reports whether err is about the code itself, so that another code
// may do better, and this one must not be handed out again. A refusal about
// anything else (the device, the catalog, the caller) left the code as it was.
func (r ExchangeRefusals) AboutCode(err error) bool {
	return r.CodeUsed(err) || r.CodeNotFound(err) || r.CodeExpired(err)
}

func refusedWith(err error, codes []string, byDefault string) bool {
	remote, ok := errors.AsType[*RemoteError](err)
	if !ok || core.CodeOf(err) != core.CodeRefused {
		return false
	}
	if codes == nil {
		return remote.Code == byDefault
	}
	return slices.Contains(codes, remote.Code)
}
