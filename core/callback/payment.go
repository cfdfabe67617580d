package callback

import (
	"context"
	"log/slog"
	"time"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/sign"
)

// StatusPaid is the one status of a payment notification that means money.
const StatusPaid = 1

// PaymentNotice is a payment notification whose signature held: the handler of
// [Payment] hands out no other. The platform's names stand beside each field.
type PaymentNotice struct {
	AppID      string // app_id: one of the configured apps
	TradeNo    string // trade_no: the platform's number of the payment
	OutTradeNo string // out_trade_no: the merchant's number of the order
	OpenID     string // open_id: who paid
	// TradeTime and PayTime are trade_time and pay_time, to the second, in
	// UTC. They prove nothing about now: a late delivery is legitimate.
	TradeTime time.Time
	PayTime   time.Time
	Amount    core.Fen // amount, in fen
	Status    int64    // status: StatusPaid, or not paid
	// Fields are all fields that were signed, those unknown to this module
	// included, and sign.
	Fields sign.Fields
	// Attempt counts how often [Once] has handed this notice to the sink,
	// from 1; 0 without Once.
	Attempt int
}

// Key names the order that the notice is about: the same for every delivery
// of it. A sink that can be interrupted between its effect and its return uses
// it to do nothing twice.
func (n PaymentNotice) Key() string { return n.AppID + "/" + n.OutTradeNo }

// Sink takes payments that are verified and paid.
type Sink interface {
	// Paid is called for a genuine notification with status 1. It compares
	// OutTradeNo, Amount and AppID with its own order and returns nil when
	// the payment is durably on record: only then the platform is told
	// "success".
	//
	// An error with core.CodeMismatch (see core.Mismatch) is answered 4xx:
	// the message is genuine and does not fit the order. Any other error is
	// answered 5xx, and the platform delivers again. The same notice can
	// come many times, at once, and much later.
	Paid(ctx context.Context, n PaymentNotice) error
}

// UnpaidSink is what a [Sink] may implement besides, to be told of genuine
// notices whose status is not StatusPaid. They are no payments and must change
// no order; the platform is answered "success" if Unpaid returns nil, since
// the notice was processed. With or without it they are logged.
type UnpaidSink interface {
	Unpaid(ctx context.Context, n PaymentNotice) error
}

// SinkFunc makes a [Sink] of a function.
type SinkFunc func(ctx context.Context, n PaymentNotice) error

// Paid calls f.
func (f SinkFunc) Paid(ctx context.Context, n PaymentNotice) error { return f(ctx, n) }

// Config is what [Payment] needs to know.
type Config struct {
	// Apps are the apps whose notifications are accepted. At least one.
	Apps []App
	// Sink takes the payments. Required. Wrap it in [Once] unless it is a
	// purchase.Service.
	Sink Sink

	// Identifier says whether a text may be a trade_no, out_trade_no or
	// open_id; nil is 1 to 64 of A-Z, a-z, 0-9, _ and -. Whatever it says, an
	// id has at most 128 visible ASCII characters, and neither "&" nor "=".
	Identifier func(string) bool
	// AllowWeakKey permits an app_key shorter than MinKeyLength: for the
	// documented test account, not for money.
	AllowWeakKey bool
	// Logger takes the reasons that the platform is not told; nil discards.
	Logger *slog.Logger
	// Observer is told of every notification; nil is nobody.
	Observer core.Observer
}

// Payment returns the handler for the notify_url of orders. Its error names
// what is wrong with cfg, with core.CodeInvalid.
//
// It accepts POST with a JSON or form body of at most core.MaxBody bytes, and
// answers 200 "success" when the sink returned nil; 4xx with core.RefusedText
// for whatever is malformed, forged, of another kind, or a mismatch; 5xx with
// core.TryLaterText for everything else.
func Payment(cfg Config) (core.Handler, error) {
	const op = "callback.Payment"
	if cfg.Sink == nil {
		return nil, core.Invalid(op, "Sink must be given")
	}
	rc, err := newReceiver(op, cfg.Apps, cfg.Identifier, cfg.AllowWeakKey, cfg.Logger, cfg.Observer)
	if err != nil {
		return nil, err
	}
	return &paymentHandler{receiver: rc, sink: cfg.Sink}, nil
}

type paymentHandler struct {
	*receiver
	sink Sink
}

func (h *paymentHandler) Handle(ctx context.Context, r *core.Request) *core.Response {
	var n PaymentNotice
	err := guard(h.op, func() (err error) { n, err = h.notice(r); return err })
	if err != nil {
		ctx, ended := core.Observe(ctx, h.observer, core.Work{Kind: "callback", Name: h.op})
		ended(err)
		return h.answer(ctx, err, "kind", "payment", "remote_addr", r.RemoteAddr)
	}
	ctx, ended := core.Observe(ctx, h.observer, core.Work{Kind: "callback", Name: h.op, Subject: n.OutTradeNo})
	err = guard(h.op, func() error { return h.deliver(ctx, n) })
	ended(err)
	if err == nil {
		return acknowledged()
	}
	return h.answer(ctx, err, "kind", "payment", "app_id", n.AppID, "out_trade_no", n.OutTradeNo, "trade_no", n.TradeNo, "status", n.Status)
}

func (h *paymentHandler) deliver(ctx context.Context, n PaymentNotice) error {
	if n.Status == StatusPaid {
		return h.sink.Paid(ctx, n)
	}
	h.logger.InfoContext(ctx, "notice of a payment that is not paid", "app_id", n.AppID, "out_trade_no", n.OutTradeNo, "status", n.Status)
	if sink, ok := h.sink.(UnpaidSink); ok {
		return sink.Unpaid(ctx, n)
	}
	return nil
}

// notice reads and verifies a request. All kinds of message share one key and
// one algorithm, so the fields that make the kind are checked too: what is
// signed as an order, an answer or a payout is no payment.
func (h *paymentHandler) notice(r *core.Request) (PaymentNotice, error) {
	fields, appID, err := h.verify(r)
	if err != nil {
		return PaymentNotice{}, err
	}
	if fields.Get("agentpay_no") != "" {
		return PaymentNotice{}, unfit(fields, "agentpay_no: this is a payout notification")
	}
	n := PaymentNotice{AppID: appID, Fields: fields}
	var ok bool
	if n.Status, ok = number(fields.Get("status")); !ok {
		return PaymentNotice{}, unfit(fields, "status is not an integer")
	}
	if n.Amount, err = core.ParseFen(fields.Get("amount")); err != nil {
		return PaymentNotice{}, unfit(fields, "amount is not an integer of fen")
	}
	// A payment carries every documented field. A notice that nothing was
	// paid may lack those that only a payment has.
	paid := n.Status == StatusPaid
	for _, id := range []struct {
		name   string
		target *string
		needed bool
	}{
		{"out_trade_no", &n.OutTradeNo, true},
		{"trade_no", &n.TradeNo, paid},
		{"open_id", &n.OpenID, paid},
	} {
		*id.target = fields.Get(id.name)
		if *id.target == "" && !id.needed {
			continue
		}
		if *id.target == "" || !h.identifier(*id.target) {
			return PaymentNotice{}, unfit(fields, id.name+" is missing or not of the form of an identifier")
		}
	}
	for _, at := range []struct {
		name   string
		target *time.Time
	}{
		{"trade_time", &n.TradeTime},
		{"pay_time", &n.PayTime},
	} {
		text := fields.Get(at.name)
		if !paid && (text == "" || text == "0") {
			continue
		}
		if *at.target, ok = seconds(text); !ok {
			return PaymentNotice{}, unfit(fields, at.name+" is not ten digits of seconds")
		}
	}
	return n, nil
}
