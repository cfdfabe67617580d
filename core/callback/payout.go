package callback

import (
	"context"
	"log/slog"
	"time"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/sign"
)

// The status of a payout notification.
const (
	PayoutWaiting = 0
	PayoutDone    = 1
	PayoutFailed  = 2
)

// PayoutNotice is a payout notification whose signature held: the handler of
// [Payout] hands out no other.
type PayoutNotice struct {
	AppID      string // app_id: one of the configured apps
	OutOrderNo string // out_order_no: the merchant's number of the payout
	AgentpayNo string // agentpay_no: the platform's number
	// Status is PayoutWaiting, PayoutDone or PayoutFailed. Only PayoutDone
	// means that money moved; any other number is no documented outcome.
	Status int64
	// Time is time, to the second, in UTC.
	Time time.Time
	// Fields are all fields that were signed, and sign.
	Fields sign.Fields
}

// PayoutSink takes payout notices that are verified.
type PayoutSink interface {
	// Payout is called for every genuine notice, whatever its status. They
	// repeat, and come out of order: PayoutDone is final, and whatever comes
	// after it changes nothing. Errors decide the answer as for [Sink.Paid].
	Payout(ctx context.Context, n PayoutNotice) error
}

// PayoutSinkFunc makes a [PayoutSink] of a function.
type PayoutSinkFunc func(ctx context.Context, n PayoutNotice) error

// Payout calls f.
func (f PayoutSinkFunc) Payout(ctx context.Context, n PayoutNotice) error { return f(ctx, n) }

// PayoutConfig is what [Payout] needs to know. The fields that it shares with
// [Config] mean the same.
type PayoutConfig struct {
	Apps []App
	// Sink takes the notices. Required.
	Sink         PayoutSink
	Identifier   func(string) bool
	AllowWeakKey bool
	Logger       *slog.Logger
	Observer     core.Observer
}

// Payout returns the handler for the notify_url of payouts. It answers as the
// handler of [Payment] does. Mount it on an address of its own.
func Payout(cfg PayoutConfig) (core.Handler, error) {
	const op = "callback.Payout"
	if cfg.Sink == nil {
		return nil, core.Invalid(op, "Sink must be given")
	}
	rc, err := newReceiver(op, cfg.Apps, cfg.Identifier, cfg.AllowWeakKey, cfg.Logger, cfg.Observer)
	if err != nil {
		return nil, err
	}
	return &payoutHandler{receiver: rc, sink: cfg.Sink}, nil
}

type payoutHandler struct {
	*receiver
	sink PayoutSink
}

func (h *payoutHandler) Handle(ctx context.Context, r *core.Request) *core.Response {
	var n PayoutNotice
	err := guard(h.op, func() (err error) { n, err = h.notice(r); return err })
	if err != nil {
		ctx, ended := core.Observe(ctx, h.observer, core.Work{Kind: "callback", Name: h.op})
		ended(err)
		return h.answer(ctx, err, "kind", "payout", "remote_addr", r.RemoteAddr)
	}
	ctx, ended := core.Observe(ctx, h.observer, core.Work{Kind: "callback", Name: h.op, Subject: n.OutOrderNo})
	err = guard(h.op, func() error { return h.sink.Payout(ctx, n) })
	ended(err)
	if err == nil {
		return acknowledged()
	}
	return h.answer(ctx, err, "kind", "payout", "app_id", n.AppID, "out_order_no", n.OutOrderNo, "agentpay_no", n.AgentpayNo, "status", n.Status)
}

func (h *payoutHandler) notice(r *core.Request) (PayoutNotice, error) {
	fields, appID, err := h.verify(r)
	if err != nil {
		return PayoutNotice{}, err
	}
	n := PayoutNotice{AppID: appID, OutOrderNo: fields.Get("out_order_no"), AgentpayNo: fields.Get("agentpay_no"), Fields: fields}
	var ok bool
	if n.Status, ok = number(fields.Get("status")); !ok {
		return PayoutNotice{}, unfit(fields, "status is not an integer")
	}
	if n.Time, ok = seconds(fields.Get("time")); !ok {
		return PayoutNotice{}, unfit(fields, "time is not ten digits of seconds")
	}
	if n.OutOrderNo == "" || n.AgentpayNo == "" || !h.identifier(n.OutOrderNo) || !h.identifier(n.AgentpayNo) {
		return PayoutNotice{}, unfit(fields, "out_order_no or agentpay_no is missing or not of the form of an identifier")
	}
	return n, nil
}
