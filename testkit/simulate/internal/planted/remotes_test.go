package planted_test

import (
	"context"
	"errors"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/mall"
	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/core/vvchat"
)

// The deliverers here each break one line of the contract of
// purchase.Deliverer, and the platforms and malls one of theirs.

// deliversAgain calls once more when an answer was lost: the warehouse grants
// once per call.
type deliversAgain struct{ purchase.Deliverer }

func (d deliversAgain) Deliver(ctx context.Context, p purchase.Purchase) error {
	err := d.Deliverer.Deliver(ctx, p)
	if core.CodeOf(err) == core.CodeUnknown {
		err = d.Deliverer.Deliver(ctx, p)
	}
	return err
}

// neverDelivered does not know what it has granted.
type neverDelivered struct{ purchase.Deliverer }

func (neverDelivered) Delivered(context.Context, purchase.Purchase) (bool, error) { return false, nil }

// deliveryCode says another code in the place of an unknown outcome.
type deliveryCode struct {
	purchase.Deliverer
	code core.Code // "" says nothing was wrong
}

func (d deliveryCode) Deliver(ctx context.Context, p purchase.Purchase) error {
	err := d.Deliverer.Deliver(ctx, p)
	if core.CodeOf(err) != core.CodeUnknown {
		return err
	}
	if d.code == "" {
		return nil
	}
	return &core.Error{Op: "planted", Code: d.code, Err: errors.New("the warehouse did not answer")}
}

// sendsPayoutsAgain calls once more when the answer to a payout was lost.
type sendsPayoutsAgain struct{ purchase.Payer }

func (s sendsPayoutsAgain) Payout(ctx context.Context, p vvchat.Payout) (string, error) {
	number, err := s.Payer.Payout(ctx, p)
	if core.CodeOf(err) == core.CodeUnknown {
		number, err = s.Payer.Payout(ctx, p)
	}
	return number, err
}

// redeemsAgain sends a code once more when the answer was lost.
type redeemsAgain struct{ purchase.RedeemMall }

func (m redeemsAgain) ExchangeCode(ctx context.Context, caller mall.Caller, p mall.ExchangeCodeParams) error {
	err := m.RedeemMall.ExchangeCode(ctx, caller, p)
	if core.CodeOf(err) == core.CodeUnknown {
		err = m.RedeemMall.ExchangeCode(ctx, caller, p)
	}
	return err
}

// everythingIsPaid answers every query with a payment.
type everythingIsPaid struct{ purchase.Platform }

func (s everythingIsPaid) Query(ctx context.Context, id string) (vvchat.Trade, error) {
	trade, err := s.Platform.Query(ctx, id)
	if err == nil && trade.Status != vvchat.StatusPaid {
		trade.Status, trade.TradeNo, trade.OpenID = vvchat.StatusPaid, "T-"+id, "nobody"
	}
	return trade, err
}
