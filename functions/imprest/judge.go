package main

import (
	"context"
	"fmt"
	"net/http"

	"github.com/urfave/cli/v3"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/callback"
)

// record is what the merchant says he has on record; "" and nil are not
// compared.
type record struct {
	outTradeNo string
	amount     *core.Fen
	outOrderNo string
}

func recordFrom(cmd *cli.Command) (record, error) {
	r := record{outTradeNo: cmd.String("out-trade-no"), outOrderNo: cmd.String("out-order-no")}
	for _, flag := range []string{"out-trade-no", "out-order-no"} {
		if cmd.IsSet(flag) && cmd.String(flag) == "" {
			return record{}, usage("--%s: is empty", flag)
		}
	}
	if cmd.IsSet("amount") {
		amount, err := core.ParseFen(cmd.String("amount"))
		if err != nil {
			return record{}, usage("--amount: %q is not a whole number of fen", cmd.String("amount"))
		}
		r.amount = &amount
	}
	return r, nil
}

// judge takes a notification in the place of a merchant: it is the sink that
// compares with what is on record, and the observer that learns the reason
// which the answer does not give.
type judge struct {
	record record
	// said is what the sink found, for a message that it took.
	said string
	// refusal is why the message was not taken.
	refusal error
}

// decide hands r to handler, and returns the verdict of its answer.
func (j *judge) decide(ctx context.Context, handler core.Handler, r *core.Request) (outcome, error) {
	answer := handler.Handle(ctx, r)
	switch {
	case answer.Status == http.StatusOK && j.refusal == nil:
		return accept(j.said), nil
	case answer.Status >= 400 && answer.Status < 500 && j.refusal != nil:
		return reject(plain(reasonOf(j.refusal), "imprest explain")), nil
	}
	return outcome{}, fmt.Errorf("the handler answered %d: %v", answer.Status, j.refusal)
}

// Observe implements core.Observer.
func (j *judge) Observe(ctx context.Context, _ core.Work) (context.Context, func(error)) {
	return ctx, func(err error) { j.refusal = err }
}

// Paid implements callback.Sink.
func (j *judge) Paid(_ context.Context, n callback.PaymentNotice) error {
	j.said = fmt.Sprintf("a genuine payment of %s fen for %s", n.Amount, n.OutTradeNo)
	return j.comparePayment(n)
}

// Unpaid implements callback.UnpaidSink. Nothing was paid, so there is
// nothing to compare: whatever it says, it changes no order.
func (j *judge) Unpaid(_ context.Context, n callback.PaymentNotice) error {
	j.said = fmt.Sprintf("genuine, but status %d says that nothing was paid: answer success and deliver nothing", n.Status)
	return nil
}

func (j *judge) comparePayment(n callback.PaymentNotice) error {
	if want := j.record.outTradeNo; want != "" && n.OutTradeNo != want {
		return core.Mismatch("verify", fmt.Sprintf("genuine, but out_trade_no is %s and not %s", n.OutTradeNo, want))
	}
	if want := j.record.amount; want != nil && n.Amount != *want {
		return core.Mismatch("verify", fmt.Sprintf("genuine, but amount is %s fen and not %s", n.Amount, *want))
	}
	return nil
}

// Payout implements callback.PayoutSink.
func (j *judge) Payout(_ context.Context, n callback.PayoutNotice) error {
	if want := j.record.outOrderNo; want != "" && n.OutOrderNo != want {
		return core.Mismatch("verify", fmt.Sprintf("genuine, but out_order_no is %s and not %s", n.OutOrderNo, want))
	}
	switch n.Status {
	case callback.PayoutDone:
		j.said = "a genuine notice that the payout " + n.OutOrderNo + " is done"
	case callback.PayoutFailed:
		j.said = "a genuine notice that the payout " + n.OutOrderNo + " failed: answer success"
	default:
		j.said = fmt.Sprintf("genuine, but status %d says that no money has moved: answer success", n.Status)
	}
	return nil
}
