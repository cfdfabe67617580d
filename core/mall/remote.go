package mall

import (
	"encoding/json"
	"errors"
	"slices"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/tuya"
)

// Class sorts the cloud's refusals by what can be done about them. It is
// tuya.Class.
type Class = tuya.Class

// The classes.
const (
	ClassBusy      = tuya.ClassBusy
	ClassFault     = tuya.ClassFault
	ClassToken     = tuya.ClassToken
	ClassQuota     = tuya.ClassQuota
	ClassAccess    = tuya.ClassAccess
	ClassParameter = tuya.ClassParameter
	ClassRefused   = tuya.ClassRefused
)

// ClassOf returns the class of a code.
func ClassOf(code string) Class { return tuya.ClassOf(code) }

// RemoteError is the cloud's "no", in its own words. It is tuya.RemoteError.
type RemoteError = tuya.RemoteError

// Refusal returns the error for a "no" of the cloud with this code, for a
// [Transport]: tuya.Refusal.
func Refusal(op, code, msg, tid string) error { return tuya.Refusal(op, code, msg, tid) }

// readEnvelope returns the result of an answer, without what is no matter of its
// value.
func readEnvelope(op string, body []byte, secrets ...string) (json.RawMessage, error) {
	raw, err := tuya.Result(op, body, secrets...)
	if err != nil {
		return nil, err
	}
	return compact(raw), nil
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
