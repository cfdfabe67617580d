package mall

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/imprest-go/imprest/core"
)

// ErrForeign is for [Authorize]: the device, home or mall is not this user's,
// and is to be as good as none. It is core.CodeNotFound, and answered 404.
var ErrForeign error = &core.Error{Op: "mall.Authorize", Code: core.CodeNotFound, Err: errors.New("the user has no such device, home or mall")}

const (
	tryLater = "this server cannot answer now: try again later"
	// retryLater is when a request that does no harm twice may come again.
	retryLater = 2 * time.Second
)

// failure is an answer that is no result. It holds nothing of what others
// said.
type failure struct {
	status int
	// Code is a word that a program can act on.
	Code string `json:"code"`
	// Message says what to do next, for whoever writes the front end.
	Message string `json:"message"`
	// Class is that of a refusal of the cloud's.
	Class Class `json:"class,omitempty"`
	// retryAfter is when the same request may come again; 0 is never.
	retryAfter time.Duration
}

func (f failure) response() *core.Response {
	resp := core.JSON(f.status, map[string]failure{"error": f})
	if f.retryAfter > 0 {
		seconds := (f.retryAfter + time.Second - 1) / time.Second
		resp.Header.Set("Retry-After", strconv.FormatInt(int64(seconds), 10))
	}
	return resp
}

var (
	unauthorized = failure{status: http.StatusUnauthorized, Code: "unauthorized", Message: "nobody is logged in: log in"}
	forbidden    = failure{status: http.StatusForbidden, Code: "forbidden", Message: "this user may not do this"}
	notFound     = failure{status: http.StatusNotFound, Code: "not_found", Message: "this user has nothing of this name"}
	// unknownOutcome carries no Retry-After of its own.
	unknownOutcome = failure{status: http.StatusBadGateway, Code: "unknown", Message: "nobody can say whether it was done: read what is there now (getServiceListByDevice, getVoipAuthUser) before anything else, and do not repeat it"}
)

func invalid(message string) *failure {
	return &failure{status: http.StatusBadRequest, Code: "invalid", Message: message}
}

func switchedOff(name string) *failure {
	message := name + " is not served here"
	if name == OpBuyIncreaseServiceByWx {
		message += ": a purchase is begun with POST /purchases"
	}
	return &failure{status: http.StatusForbidden, Code: "switched_off", Message: message}
}

// reasonOf returns the text of a finding of our own, without the operation.
func reasonOf(err error) string {
	if known, ok := errors.AsType[*core.Error](err); ok && known.Err != nil {
		return known.Err.Error()
	}
	return "a parameter is no good"
}

// refusalOf makes an answer of an error of Authorize: see there.
func refusalOf(err error) failure {
	if errors.Is(err, ErrForeign) {
		return notFound
	}
	internal := failure{status: http.StatusServiceUnavailable, Code: "internal", Message: tryLater, retryAfter: retryLater}
	known, ok := errors.AsType[*core.Error](err)
	if !ok {
		if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			return internal
		}
		return unauthorized
	}
	switch known.Code {
	case core.CodeRefused, core.CodeMismatch:
		return forbidden
	case core.CodeInternal, core.CodeUnreached, core.CodeUnknown, core.CodeBusy, core.CodeConflict:
		return internal
	}
	return unauthorized
}

// failureOf makes an answer of an error of the operation op, for caller. The
// texts are ours: the cloud's may hold anything.
func (h *frontEnd) failureOf(err error, name string, op operation, caller Caller) failure {
	var f failure
	remote, isRemote := errors.AsType[*RemoteError](err)
	switch code := core.CodeOf(err); {
	case code == core.CodeNotFound:
		f = failure{status: http.StatusNotFound, Code: "not_found", Message: nothingOf(err)}
	case errors.Is(err, ErrNotPublished):
		f = failure{status: http.StatusNotImplemented, Code: "not_published", Message: "what this server carries operations with cannot carry " + name + ": it takes a relay, for Tuya publishes no call for it"}
	case code == core.CodeInvalid:
		// They are well formed: it is what carries the operation that cannot
		// take them.
		f = failure{status: http.StatusUnprocessableEntity, Code: "invalid", Message: "this server cannot carry the operation with these parameters: its operator has the reason in the log"}
	case code == core.CodeMismatch:
		f = failure{status: http.StatusConflict, Code: "mismatch", Message: "the device is bound to another mini program"}
	case code == core.CodeRefused && isRemote:
		f = h.refused(err, remote, name, caller)
	case code == core.CodeRefused:
		f = failure{status: http.StatusConflict, Code: "refused", Message: "the cloud refused: the same request will be refused again"}
	case code == core.CodeUnreached:
		f = failure{status: http.StatusServiceUnavailable, Code: "unreached", Message: "the cloud was not reached, and nothing was done"}
	case code == core.CodeBusy:
		f = failure{status: http.StatusServiceUnavailable, Code: "busy", Message: "too much is going on: come again later", retryAfter: retryLater}
	case !op.writes && (code == core.CodeUnknown || code == core.CodeMalformed):
		f = failure{status: http.StatusBadGateway, Code: "unknown", Message: "the cloud gave no answer that can be used"}
	case !op.writes:
		f = failure{status: http.StatusServiceUnavailable, Code: "internal", Message: tryLater}
	default: // whatever it is, it may have been done
		f = unknownOutcome
		if core.Retryable(err) {
			f.Message = "nobody can say whether it was done: the same request may be sent again, since it sets a value"
		}
	}
	if core.Retryable(err) {
		f.retryAfter = retryLater
	}
	return f
}

// nothingOf says what there is none of.
func nothingOf(err error) string {
	for _, none := range []error{ErrNoCapability, ErrNoUser, ErrNoMall, ErrNoDevice, ErrNoIntroduction, ErrNoWXUser} {
		if errors.Is(err, none) {
			return reasonOf(none)
		}
	}
	return "the cloud has no such thing"
}

// refused makes an answer of a "no" of the cloud.
func (h *frontEnd) refused(err error, remote *RemoteError, name string, caller Caller) failure {
	f := failure{Class: remote.Class, Code: "refused"}
	about := h.cfg.ExchangeRefusals
	switch {
	case name == OpExchangeCode && about.CodeUsed(err):
		f.status, f.Code, f.Message = http.StatusConflict, "code_used", "the code was exchanged before"
	case name == OpExchangeCode && about.CodeNotFound(err):
		f.status, f.Code, f.Message = http.StatusConflict, "code_not_found", "there is no such code"
	case name == OpExchangeCode && about.CodeExpired(err):
		f.status, f.Code, f.Message = http.StatusConflict, "code_expired", "the code is too old"
	case remote.Class == ClassBusy:
		f.status, f.Code, f.Message = http.StatusServiceUnavailable, "busy", "the cloud is busy: come again later"
	case remote.Class == ClassToken && !caller.Credential.IsZero():
		f.status, f.Code, f.Message = http.StatusUnauthorized, "unauthorized", "the cloud no longer takes the user's token: log in again"
	case remote.Code == "PERMISSION_DENIED" || remote.Code == "1106":
		f.status, f.Code, f.Message = http.StatusForbidden, "forbidden", forbidden.Message
	case nothingCode(remote.Code):
		f.status, f.Code, f.Message = http.StatusNotFound, "not_found", notFound.Message
	case remote.Class == ClassToken || remote.Class == ClassAccess || remote.Class == ClassQuota:
		f.status, f.Message = http.StatusBadGateway, "the cloud refuses this server, whoever asks: tell its operator"
	case remote.Class == ClassParameter:
		f.status, f.Message = http.StatusUnprocessableEntity, fmt.Sprintf("the cloud refuses the parameters of %s: check that they are of this device and mall", name)
	default:
		f.status, f.Message = http.StatusConflict, "the cloud refused: the same request will be refused again"
	}
	return f
}

// nothingCode reports whether the cloud says with code that there is no such
// device, mall or order: 1000 is "data not exist" of the gateway, 2001000 and
// 2005001 are the shop and the order of the mall.
func nothingCode(code string) bool {
	return code == "1000" || code == "2001000" || code == "2005001" || strings.HasSuffix(code, "_NOT_FOUND")
}
