package purchase

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/callback"
	"github.com/imprest-go/imprest/core/journal"
)

// claimPrefix is how the ids of claims begin: "trade/<trade_no>" holds the id
// of the one purchase which that payment pays.
const claimPrefix = "trade/"

// errClaimed says that a payment has paid another purchase already.
var errClaimed = core.Mismatch("purchase", "this trade_no has paid another purchase: look at both")

// Paid takes a genuine payment notification: it implements callback.Sink. nil
// means that the payment is durably on record. A notice for an order that is
// not on record, or is for another app_id or amount, or whose trade_no has paid
// another order, is core.CodeMismatch and changes nothing.
//
// What is paid is then delivered within InlineBudget, or handed to Enqueue. How
// that goes never changes the answer: the sweep is the backstop.
func (s *Service) Paid(ctx context.Context, n callback.PaymentNotice) error {
	if n.Status != callback.StatusPaid || journal.CheckID(claimPrefix+n.TradeNo) != nil || journal.CheckID(Prefix+n.OutTradeNo) != nil || n.TradeNo == "" {
		return core.Mismatch("purchase.Paid", "this is no notice of a payment")
	}
	payment := Payment{TradeNo: n.TradeNo, OpenID: n.OpenID, PayTime: n.PayTime, By: ByNotification, At: s.now()}
	fresh, written, err := s.settle(ctx, n.OutTradeNo, payment, func(p *Purchase) error { return fits(p, n) })
	if errors.Is(err, journal.ErrNotFound) {
		return core.Mismatch("purchase.Paid", "there is no purchase with this out_trade_no")
	}
	if err == nil && fresh {
		s.handOver(ctx, n.OutTradeNo, written)
	}
	return err
}

// Unpaid takes a genuine notice whose status is not "paid": it implements
// callback.UnpaidSink. The notice goes into the history and changes no state.
func (s *Service) Unpaid(ctx context.Context, n callback.PaymentNotice) error {
	note := fmt.Sprintf("notice of status %d", n.Status)
	_, err := s.change(ctx, n.OutTradeNo, func(p *Purchase, _ *time.Time) error {
		if err := fits(p, n); err != nil {
			return err
		}
		if p.noted(note) {
			return errUnchanged
		}
		p.note(s.now(), note)
		return nil
	})
	if errors.Is(err, journal.ErrNotFound) {
		return core.Mismatch("purchase.Unpaid", "there is no purchase with this out_trade_no")
	}
	return err
}

// fits binds a notice to the record: the price that was ordered, to the fen,
// by the app that ordered it.
func fits(p *Purchase, n callback.PaymentNotice) error {
	switch {
	case p.Mall != nil:
		return core.Mismatch("purchase", "the purchase is one of the mall rail, which no notification pays")
	case p.AppID != n.AppID:
		return core.Mismatch("purchase", "the app_id is not the order's")
	case p.Amount != n.Amount:
		return core.Mismatch("purchase", fmt.Sprintf("the amount is %d fen, the order's is %d", n.Amount, p.Amount))
	}
	return nil
}

// settle puts a payment on record, whatever brought it. fits decides whether
// it belongs to the purchase. fresh says that the purchase became Paid by it.
//
// The payment is claimed with the write that makes the purchase Paid, so that
// where the journal can do both at once they cost one wait for the disk; where it
// cannot, the claim comes first, and a crash between the two leaves a claim of
// one's own, which is as good as none.
func (s *Service) settle(ctx context.Context, id string, payment Payment, fits func(*Purchase) error) (fresh bool, written journal.Record, err error) {
	put := func(ctx context.Context, r journal.Record) (journal.Record, error) {
		if !fresh {
			return s.put(ctx, r)
		}
		owner, stored, err := journal.ClaimAndPut(ctx, s.cfg.Store, claimPrefix+payment.TradeNo, id, r)
		if err == nil {
			err = s.claimed(ctx, payment.TradeNo, id, owner)
		}
		return stored, err
	}
	_, written, err = s.changeBy(ctx, id, journal.Record{}, put, func(p *Purchase, due *time.Time) error {
		fresh = false
		if err := fits(p); err != nil {
			return err
		}
		if p.knows(payment.TradeNo) {
			return errUnchanged // read from the journal, so durable
		}
		if p.Payment != nil {
			if err := s.claim(ctx, payment.TradeNo, p.ID); err != nil {
				return err
			}
			return s.surplus(ctx, p, due, payment)
		}
		now := s.now()
		if err := p.enter(now, Paid, "by "+payment.By); err != nil {
			return err
		}
		p.Payment = &payment
		*due, fresh = now, true
		return nil
	})
	return fresh && err == nil, written, err
}

func (p *Purchase) knows(tradeNo string) bool {
	if p.Payment != nil && p.Payment.TradeNo == tradeNo {
		return true
	}
	for i := range p.Surplus {
		if p.Surplus[i].TradeNo == tradeNo {
			return true
		}
	}
	return false
}

const maxSurplus = 32

// surplus records a second payment of an order. A delivery that is owed or
// under way goes on; the purchase goes to Attention when it is done.
func (s *Service) surplus(ctx context.Context, p *Purchase, due *time.Time, payment Payment) error {
	reason := fmt.Sprintf("a second payment, trade_no %s: pay it back", payment.TradeNo)
	if len(p.Surplus) == maxSurplus {
		// What is not on record must not be acknowledged.
		return &core.Error{Op: "purchase", Code: core.CodeInternal, Err: fmt.Errorf("order %s was paid more than %d times", p.ID, maxSurplus)}
	}
	p.Surplus = append(p.Surplus, payment)
	switch p.State {
	case Delivered, Refunded, Attention:
		return s.attention(ctx, p, due, reason)
	}
	s.cfg.Logger.ErrorContext(ctx, "an order was paid twice", "id", p.ID, "trade_no", payment.TradeNo)
	p.note(s.now(), reason)
	return nil
}

// claim makes sure that a payment pays one purchase for ever.
func (s *Service) claim(ctx context.Context, tradeNo, id string) error {
	holder, err := journal.Claim(ctx, s.cfg.Store, claimPrefix+tradeNo, id)
	if err != nil {
		return err
	}
	return s.claimed(ctx, tradeNo, id, holder)
}

// claimed is errClaimed, and an alarm, if a payment is not the purchase's own.
func (s *Service) claimed(ctx context.Context, tradeNo, id, holder string) error {
	if holder == id {
		return nil
	}
	s.cfg.Logger.ErrorContext(ctx, "a payment claims two purchases", "trade_no", tradeNo, "id", id, "other_id", holder)
	return errClaimed
}

// handOver starts the delivery of what was just paid.
func (s *Service) handOver(ctx context.Context, id string, written journal.Record) {
	var err error
	defer func() {
		if cause := recover(); cause != nil {
			s.cfg.Logger.ErrorContext(ctx, "a paid purchase is left to the sweep: the hand-over panicked", "id", id, "panic", fmt.Sprint(cause))
		}
	}()
	switch {
	case s.cfg.Enqueue != nil:
		err = s.cfg.Enqueue(ctx, id)
	case s.cfg.InlineBudget > 0:
		budget, cancel := context.WithTimeout(ctx, s.cfg.InlineBudget)
		defer cancel()
		_, _, err = s.advance(budget, id, written)
	}
	if err != nil {
		s.cfg.Logger.WarnContext(ctx, "a paid purchase is left to the sweep", "id", id, "reason", err.Error())
	}
}
