package purchase

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/internal/check"
	"github.com/imprest-go/imprest/core/vvchat"
)

// query asks the platform what became of an order that is not paid as far as
// the journal knows. It is the step of Ordering, Unpaid and Expired.
func (s *Service) query(ctx context.Context, p Purchase) outcome {
	trade, err := s.cfg.Platform.Query(ctx, p.ID)
	switch {
	case err == nil:
		return s.compare(ctx, p, trade)
	case s.cfg.UnknownOrder(err):
		return s.noOrder(ctx, p)
	}
	return s.pollLater(err)
}

// unknownOrder is the default of Config.UnknownOrder. Another refusal (a
// gateway's outage, a limit of requests) says nothing about the order.
func unknownOrder(err error) bool {
	refused, ok := errors.AsType[*vvchat.PlatformError](err)
	return ok && refused.Status == http.StatusBadRequest && refused.ErrCode == http.StatusBadRequest
}

// compare holds the platform's answer against the record.
func (s *Service) compare(ctx context.Context, p Purchase, trade vvchat.Trade) outcome {
	if problem := disagrees(p, trade); problem != "" {
		return s.park(ctx, "the platform's answer to a query does not fit the order: "+problem)
	}
	if !s.cfg.Platform.Trusted() && (trade.Status == vvchat.StatusPaid || p.State == Ordering) {
		// Neither a payment nor the code that a buyer is to pay is taken
		// from an answer that anybody on the way can write.
		return s.park(ctx, "a query over a connection that anybody can change is all that tells of this order: wait for the notification, or check by hand")
	}
	switch trade.Status {
	case vvchat.StatusPaid:
	case vvchat.StatusUnpaid:
		return s.unpaid(trade)
	default:
		return s.park(ctx, fmt.Sprintf("the platform's answer to a query has status %d, which is neither unpaid nor paid", trade.Status))
	}
	// The claim of the trade_no needs the journal, so this outcome is
	// recorded by settle, which takes the lease away.
	payment := Payment{TradeNo: trade.TradeNo, OpenID: trade.OpenID, By: ByQuery, At: s.now()}
	_, _, err := s.settle(ctx, p.ID, payment, func(now *Purchase) error {
		if problem := disagrees(*now, trade); problem != "" {
			return core.Mismatch("purchase", problem)
		}
		return nil
	})
	switch {
	case core.CodeOf(err) == core.CodeMismatch:
		return s.park(ctx, err.Error())
	case err != nil:
		return s.pollLater(err)
	}
	// The lease is gone: whatever is returned here finds nothing to record.
	return outcome{record: func(*Purchase, *time.Time) error { return errUnchanged }}
}

// park leaves the purchase to a person.
func (s *Service) park(ctx context.Context, reason string) outcome {
	return outcome{
		cause:  &core.Error{Op: "purchase", Code: core.CodeMismatch, Err: errors.New(reason)},
		record: func(p *Purchase, due *time.Time) error { return s.attention(ctx, p, due, reason) },
	}
}

// disagrees says in what a trade is not p's, or "".
func disagrees(p Purchase, trade vvchat.Trade) string {
	switch {
	case trade.OutTradeNo != p.ID:
		return "another out_trade_no"
	case trade.Amount != p.Amount:
		return fmt.Sprintf("its amount is %d fen, the order's is %d", trade.Amount, p.Amount)
	case p.StoreNo != "" && trade.StoreNo != p.StoreNo:
		return "another store_no"
	case p.ImprestCode != "" && trade.ImprestCode != p.ImprestCode:
		return "another imprest_code"
	case trade.Status == vvchat.StatusPaid && !check.ID(trade.TradeNo):
		return "paid, without a proper trade_no"
	case !check.ID(trade.ImprestCode):
		return "no proper imprest_code"
	}
	return ""
}

// unpaid records that an order exists and nobody has paid it.
func (s *Service) unpaid(trade vvchat.Trade) outcome {
	return outcome{record: func(p *Purchase, due *time.Time) error {
		now := s.now()
		switch {
		case p.State == Ordering:
			return s.ordered(trade.ImprestCode).record(p, due)
		case p.State == Unpaid && !now.Before(p.PayUntil):
			if err := p.enter(now, Expired, "nobody paid in time"); err != nil {
				return err
			}
		default:
			p.polled()
		}
		*due = s.nextPoll(*p)
		return nil
	}}
}

// noOrder decides what follows when the platform knows no such order.
func (s *Service) noOrder(ctx context.Context, p Purchase) outcome {
	if p.State == Ordering && s.now().Before(p.PayUntil) {
		// Nothing of an earlier call can be under way any more, so its
		// outcome is known: there is no order. It is made now.
		return s.order(ctx, p)
	}
	return outcome{record: func(p *Purchase, due *time.Time) error {
		if p.State != Expired && !s.now().Before(p.PayUntil) {
			if err := p.enter(s.now(), Expired, "the platform knows no such order"); err != nil {
				return err
			}
		} else {
			p.polled()
		}
		*due = s.nextPoll(*p)
		return nil
	}}
}

// polled notes a question that was answered, and changed nothing.
func (p *Purchase) polled() {
	p.Polls++
	p.Attempts, p.Failures, p.Doubt = 0, 0, false
}

// pollLater records that a question could not be asked or was not answered.
// That is nobody's fault, and does not count as an attempt.
func (s *Service) pollLater(cause error) outcome {
	return outcome{cause: cause, record: func(p *Purchase, due *time.Time) error {
		p.because(cause.Error())
		p.Failures++
		p.Attempts, p.Doubt = 0, false
		now := s.now()
		switch {
		case now.Before(p.PayUntil.Add(24 * time.Hour)):
			*due = now.Add(min(backoff(p.Failures), 10*time.Minute))
		case now.Before(p.PayUntil.Add(watchFor)):
			*due = now.Add(6 * time.Hour)
		case p.State == Expired:
			*due = time.Time{}
		default:
			return s.attention(context.Background(), p, due, "the platform has not said for 90 days what became of the order: "+cause.Error())
		}
		return nil
	}}
}

// nextPoll is when the platform is asked next about an order that is not paid.
func (s *Service) nextPoll(p Purchase) time.Time {
	if p.State == Expired {
		return s.watch(p)
	}
	now := s.now()
	next := now.Add(doubled(30*time.Second, p.Polls, 10*time.Minute))
	if now.Before(p.PayUntil) && next.After(p.PayUntil) {
		return p.PayUntil
	}
	return next
}

// giveUpAfter is how long a delivery is tried that fails without any effect,
// since the warehouse is down, say, before a person has to look.
const giveUpAfter = 3 * 24 * time.Hour

// watchFor is how long an expired order is watched: nothing closes it, so it
// can be paid.
const watchFor = 90 * 24 * time.Hour

// watch is when an expired order is looked at next, at growing intervals.
func (s *Service) watch(p Purchase) time.Time {
	next, end := s.now().Add(doubled(30*time.Minute, p.Polls, 7*24*time.Hour)), p.PayUntil.Add(watchFor)
	switch {
	case next.Before(end):
		return next
	case s.now().Before(end):
		return end
	}
	return time.Time{}
}

func doubled(pause time.Duration, times int, most time.Duration) time.Duration {
	for ; times > 0 && pause < most; times-- {
		pause *= 2
	}
	return min(pause, most)
}

// deliver grants the goods, or finds that they were granted.
func (s *Service) deliver(ctx context.Context, p Purchase) outcome {
	if p.Doubt {
		granted, err := s.cfg.Deliverer.Delivered(ctx, p)
		if core.CodeOf(err) == core.CodeMismatch {
			return s.park(ctx, err.Error())
		}
		if err != nil {
			return s.inDoubt(fmt.Errorf("asked whether it was delivered: %w", err))
		}
		if granted {
			return s.delivered(ctx, "found delivered")
		}
		if p.Attempts > s.cfg.MaxAttempts {
			return s.park(ctx, fmt.Sprintf("%d attempts at the delivery came to no good end; the last: %s", s.cfg.MaxAttempts, orNone(p.Reason)))
		}
	}
	err := s.cfg.Deliverer.Deliver(ctx, p)
	switch code := core.CodeOf(err); {
	case err == nil:
		return s.delivered(ctx, "")
	case core.Retryable(err) && code != core.CodeUnknown:
		// An unknown outcome that is safe to repeat says nothing of what
		// Deliver did before it. A doubt that was there stays: to ask again
		// costs little.
		return outcome{cause: err, record: func(p *Purchase, due *time.Time) error {
			if p.Payment != nil && s.now().After(p.Payment.At.Add(giveUpAfter)) {
				return s.attention(ctx, p, due, "for three days nothing could be delivered: "+err.Error())
			}
			p.Attempts-- // certainly without effect, so it does not count
			p.Failures++
			p.because(err.Error())
			*due = s.now().Add(backoff(p.Failures))
			return nil
		}}
	case code == core.CodeRefused, code == core.CodeInvalid:
		return s.undeliverable(ctx, "the delivery was refused: "+err.Error())
	case code == core.CodeMismatch:
		return s.park(ctx, err.Error())
	}
	return s.inDoubt(err)
}

func (s *Service) delivered(ctx context.Context, note string) outcome {
	return outcome{record: func(p *Purchase, due *time.Time) error {
		now := s.now()
		p.DeliveredAt = now
		if err := p.enter(now, Delivered, note); err != nil {
			return err
		}
		*due = time.Time{}
		if len(p.Surplus) > 0 {
			return s.attention(ctx, p, due, fmt.Sprintf("delivered, and paid more than once, trade_no %s: pay it back", p.Surplus[0].TradeNo))
		}
		return nil
	}}
}
