package core_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/imprest-go/imprest/core"
)

func TestCodeOfAndRetryable(t *testing.T) {
	at := func(code core.Code, safe bool) error {
		return &core.Error{Op: "x", Code: code, Safe: safe, Err: errors.New("y")}
	}
	for _, tt := range []struct {
		err   error
		code  core.Code
		retry bool
	}{
		{nil, "", false},
		{errors.New("plain"), core.CodeInternal, false},
		{context.Canceled, core.CodeUnknown, false},
		{fmt.Errorf("x: %w", context.DeadlineExceeded), core.CodeUnknown, false},
		{at(core.CodeUnreached, false), core.CodeUnreached, true},
		{at(core.CodeUnknown, false), core.CodeUnknown, false},
		{at(core.CodeUnknown, true), core.CodeUnknown, true},
		{at(core.CodeRefused, false), core.CodeRefused, false},
		{fmt.Errorf("shop: %w", at(core.CodeMismatch, false)), core.CodeMismatch, false},
		{&core.Error{Op: "outer", Code: core.CodeUnknown, Err: at(core.CodeUnreached, true)}, core.CodeUnknown, false},
	} {
		assert.Equal(t, tt.code, core.CodeOf(tt.err), "%v", tt.err)
		assert.Equal(t, tt.retry, core.Retryable(tt.err), "%v", tt.err)
	}
}

func TestErrorKeepsItsCause(t *testing.T) {
	err := &core.Error{Op: "vvchat.Query", Code: core.CodeUnknown, Err: fmt.Errorf("cut: %w", context.Canceled)}
	assert.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, "vvchat.Query: cut: context canceled", err.Error())
	assert.Equal(t, "x: busy", (&core.Error{Op: "x", Code: core.CodeBusy}).Error())
}

func ExampleCodeOf() {
	err := fmt.Errorf("order 7: %w", &core.Error{Op: "vvchat.UnifiedOrder", Code: core.CodeUnreached, Err: errors.New("no route")})
	fmt.Println(core.CodeOf(err), core.Retryable(err))
	// Output: unreached true
}
