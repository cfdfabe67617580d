package callback_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/callback"
	"github.com/imprest-go/imprest/testkit"
)

type spanKey struct{}

// spans is an Observer that keeps how each piece of work ended, and a
// slog.Handler that keeps whether a record was made within one.
type spans struct {
	slog.Handler
	codes   []core.Code
	outside []string
}

func (s *spans) Observe(ctx context.Context, _ core.Work) (context.Context, func(error)) {
	return context.WithValue(ctx, spanKey{}, true), func(err error) { s.codes = append(s.codes, core.CodeOf(err)) }
}

func (s *spans) Enabled(context.Context, slog.Level) bool { return true }

func (s *spans) Handle(ctx context.Context, r slog.Record) error {
	if ctx.Value(spanKey{}) == nil {
		s.outside = append(s.outside, r.Message)
	}
	return nil
}

// What an operator alarms on is the code: a forged message is not a malformed
// one, and neither is a fault of this program. Whatever is logged of it belongs
// to its trace.
func TestTheObserverIsToldWhyANotificationWasRefused(t *testing.T) {
	seen := &spans{}
	account := testkit.TestAccount()
	apps := []callback.App{{ID: account.AppID, Keys: []core.Secret{account.AppKey}}}
	var answer error
	payment, err := callback.Payment(callback.Config{
		Apps: apps, AllowWeakKey: true, Logger: slog.New(seen), Observer: seen,
		Sink: callback.SinkFunc(func(context.Context, callback.PaymentNotice) error { return answer }),
	})
	require.NoError(t, err)
	payout, err := callback.Payout(callback.PayoutConfig{
		Apps: apps, AllowWeakKey: true, Logger: slog.New(seen), Observer: seen,
		Sink: callback.PayoutSinkFunc(func(context.Context, callback.PayoutNotice) error { return answer }),
	})
	require.NoError(t, err)
	robot, err := callback.Robot(callback.RobotConfig{
		Secrets: core.Secrets(robotSecret), AppIDs: []string{"test"}, Logger: slog.New(seen), Observer: seen, Sink: &robotLog{},
	})
	require.NoError(t, err)
	fields := testkit.PaymentFields{OutTradeNo: "order-1", Amount: 100}
	for name, tt := range map[string]struct {
		handler core.Handler
		request *core.Request
		sink    error
		want    core.Code
	}{
		"genuine":                {payment, testkit.SignedPayment(fields).Request("/"), nil, ""},
		"not paid":               {payment, testkit.SignedPayment(testkit.PaymentFields{OutTradeNo: "order-1", Amount: 100}, testkit.MutateStatusWaiting).Request("/"), nil, ""},
		"another key":            {payment, testkit.SignedPayment(fields, testkit.MutateWrongKey).Request("/"), nil, core.CodeForged},
		"no JSON":                {payment, &core.Request{Method: "POST", Header: core.Header{{Name: "Content-Type", Value: "application/json"}}, Body: []byte("{")}, nil, core.CodeMalformed},
		"a page":                 {payment, &core.Request{Method: "GET"}, nil, core.CodeMalformed},
		"a payout to payments":   {payment, testkit.SignedPayout(testkit.PayoutFields{OutOrderNo: "out-1"}).Request("/"), nil, core.CodeMalformed},
		"not the order":          {payment, testkit.SignedPayment(fields).Request("/"), core.Mismatch("shop", "another amount"), core.CodeMismatch},
		"the journal is down":    {payment, testkit.SignedPayment(fields).Request("/"), &core.Error{Code: core.CodeUnreached}, core.CodeUnreached},
		"a payout":               {payout, testkit.SignedPayout(testkit.PayoutFields{OutOrderNo: "out-1"}).Request("/"), nil, ""},
		"a payout, another key":  {payout, testkit.SignedPayout(testkit.PayoutFields{OutOrderNo: "out-1"}, testkit.MutateWrongKey).Request("/"), nil, core.CodeForged},
		"a robot":                {robot, robotRequest(robotSecret, robotBody("at")), nil, ""},
		"a robot without secret": {robot, robotRequest(strings.Repeat("A", len(robotSecret)), robotBody("at")), nil, core.CodeForged},
		"a robot's nonsense":     {robot, robotRequest(robotSecret, "{"), nil, core.CodeMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			seen.codes, seen.outside, answer = nil, nil, tt.sink
			tt.handler.Handle(t.Context(), tt.request)
			assert.Equal(t, []core.Code{tt.want}, seen.codes)
			assert.Empty(t, seen.outside, "logged outside of the callback's trace")
		})
	}
}
