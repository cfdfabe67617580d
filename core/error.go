package core

import (
	"context"
	"errors"
)

// Code says what kind of failure an error is, so that a program can act on it
// without reading its text.
type Code string

// The codes. What matters most about a failed call is what is known about its
// effect; the first four say so.
const (
	// CodeInvalid: what the caller handed in is wrong. Nothing was sent or
	// stored.
	CodeInvalid Code = "invalid"
	// CodeRefused: the other side answered, and said no. It did nothing.
	CodeRefused Code = "refused"
	// CodeUnreached: the other side was never reached. It did nothing.
	CodeUnreached Code = "unreached"
	// CodeUnknown: nobody can say whether it was done (a reply lost, a
	// timeout after sending, an answer that makes no sense). Ask; never
	// assume.
	CodeUnknown Code = "unknown"

	// CodeMalformed: a message does not have the form that the protocol
	// gives it.
	CodeMalformed Code = "malformed"
	// CodeForged: a message whose signature does not hold.
	CodeForged Code = "forged"
	// CodeMismatch: a genuine message that does not agree with what is on
	// record (another amount, another app, an order that nobody knows).
	CodeMismatch Code = "mismatch"

	// CodeNotFound: there is no such record.
	CodeNotFound Code = "not_found"
	// CodeConflict: somebody else wrote first. Read again, then decide.
	CodeConflict Code = "conflict"
	// CodeBusy: somebody else is at it right now. Try later.
	CodeBusy Code = "busy"

	// CodeInternal: a fault of this program; the code of every error that
	// is not an [Error].
	CodeInternal Code = "internal"
)

// Error is the error type of this module. Match the sentinel with errors.Is
// or the type with errors.As; act on Code, not on the text.
type Error struct {
	// Op names the operation, such as "vvchat.UnifiedOrder".
	Op string
	// Code is the kind of failure.
	Code Code
	// Safe says that the same call may be sent again without harm: it only
	// reads, or the other side said that it did nothing and to come again.
	Safe bool
	// Err says what happened and what to do next. It holds no secret.
	Err error
}

// Error returns "op: reason".
func (e *Error) Error() string {
	switch {
	case e.Err == nil:
		return e.Op + ": " + string(e.Code)
	case e.Op == "":
		return e.Err.Error()
	}
	return e.Op + ": " + e.Err.Error()
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

func newError(op string, code Code, reason string) *Error {
	return &Error{Op: op, Code: code, Err: errors.New(reason)}
}

// Invalid returns an error with [CodeInvalid]; reason names the field as the
// protocol spells it, and says what it must be.
func Invalid(op, reason string) error { return newError(op, CodeInvalid, reason) }

// Mismatch returns an error with [CodeMismatch], for a sink that finds a
// genuine message to disagree with its own records. The platform is answered
// 4xx then, and nothing is delivered.
func Mismatch(op, reason string) error { return newError(op, CodeMismatch, reason) }

// CodeOf returns the code of the outermost [Error] in err's chain;
// [CodeUnknown] for a context's error that is not inside one, since work may
// have gone on; [CodeInternal] for any other error; and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return CodeUnknown
	}
	return CodeInternal
}

// Retryable reports whether the same call may simply be made again: it is
// known to have had no effect ([CodeUnreached]), or to do no harm when
// repeated (Safe). It is false for whatever is merely unknown.
func Retryable(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && (e.Safe || e.Code == CodeUnreached)
}
