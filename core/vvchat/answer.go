package vvchat

import (
	"fmt"
	"net/url"
	"strconv"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/internal/check"
	"github.com/imprest-go/imprest/core/internal/outward"
)

// LoginAnswer is what comes back from a [LoginLink], or from an [AuthCall].
type LoginAnswer struct {
	// Code is exchanged for a token, once.
	Code string
	// State is the link's.
	State string
	// Declined says that the user did not agree. That is a normal outcome;
	// there is no Code then.
	Declined bool
	// ErrCode and ErrMsg are the app's words on it.
	ErrCode int64
	ErrMsg  string
}

// ParseLoginAnswer reads the query with which the app opened the redirect_uri
// of a [LoginLink]. err_code absent, 0 or 200 is consent; whatever else it is
// is a refusal, and Declined. The error has core.CodeInvalid: an answer that cannot
// be read, or consent without a code.
func ParseLoginAnswer(rawQuery string) (LoginAnswer, error) {
	const op = "vvchat.ParseLoginAnswer"
	q, err := answerQuery(op, rawQuery)
	if err != nil {
		return LoginAnswer{}, err
	}
	a := LoginAnswer{Code: q["code"], State: q["state"], ErrMsg: outward.Words(q["err_msg"], maxErrMsg)}
	agreed := false
	a.ErrCode, agreed = errCode(q["err_code"])
	switch {
	case !agreed:
		a.Declined, a.Code = true, ""
	case !check.ID(a.Code):
		return LoginAnswer{}, core.Invalid(op, "code must be 1 to 64 of A-Z, a-z, 0-9, _ and -")
	}
	return a, nil
}

// ParsePayAnswer reads the query with which the app opened the redirect_uri of
// a [PayLink]: the trade_no, or a [BridgeError] if the user did not pay. It comes through a
// browser and so proves nothing: only the notification and the query do.
func ParsePayAnswer(rawQuery string) (tradeNo string, err error) {
	const op = "vvchat.ParsePayAnswer"
	q, err := answerQuery(op, rawQuery)
	if err != nil {
		return "", err
	}
	if code, ok := errCode(q["err_code"]); !ok {
		return "", bridgeError(op, code, q["err_msg"])
	}
	if !check.ID(q["trade_no"]) {
		return "", core.Invalid(op, "trade_no must be 1 to 64 of A-Z, a-z, 0-9, _ and -")
	}
	return q["trade_no"], nil
}

// ParseShareAnswer reads the query with which the app opened the redirect_uri
// of a [ShareLink]: nil if it was shared (code 200), a [BridgeError] if it was
// not.
func ParseShareAnswer(rawQuery string) error {
	const op = "vvchat.ParseShareAnswer"
	q, err := answerQuery(op, rawQuery)
	if err != nil {
		return err
	}
	code, err := strconv.ParseInt(q["code"], 10, 64)
	switch {
	case err != nil:
		return core.Invalid(op, "code must be an integer")
	case code != 200:
		return bridgeError(op, code, q["err_msg"])
	}
	return nil
}

const maxErrMsg = 200

// errCode reads an err_code. It says that a call went well if there is none, if
// it is 200, or the 0 of the guides; spelled in any other way it does not. code
// is 0 where it is no number that fits.
func errCode(text string) (code int64, ok bool) {
	code, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		code = 0
	}
	return code, text == "" || text == "0" || text == "200"
}

// answerQuery reads parameters that stand there once.
func answerQuery(op, rawQuery string) (map[string]string, error) {
	if len(rawQuery) > maxLink {
		return nil, core.Invalid(op, "the answer is too long")
	}
	values, err := url.ParseQuery(rawQuery)
	if err != nil {
		return nil, core.Invalid(op, "the answer cannot be read")
	}
	q := map[string]string{}
	for name, list := range values {
		if len(list) > 1 {
			return nil, core.Invalid(op, fmt.Sprintf("%.40q stands in the answer twice", name))
		}
		q[name] = list[0]
	}
	return q, nil
}
