package purchase

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
)

// outcome is how a step went.
type outcome struct {
	// record puts it on a purchase read anew, whose lease the step still
	// holds, and says when the purchase is due next.
	record func(p *Purchase, due *time.Time) error
	// cause is what went wrong, for the caller and the observer; nil is
	// nothing.
	cause error
}

// errLeaseOver says that to take the step took so long that somebody else may
// be at it by now. Nothing was done.
var errLeaseOver error = &core.Error{Op: "purchase", Code: core.CodeBusy, Err: errors.New("the lease ran out before the step began: it is taken up again")}

// Advance does the next step of a purchase if it is due and nobody else is at
// it, and returns the purchase as it then stands. It may be called at any time
// and by anybody; a purchase that is not due is left alone. An error is a
// failure to read or write the journal; how the step itself went is in the
// purchase.
func (s *Service) Advance(ctx context.Context, id string) (Purchase, error) {
	p, _, err := s.advance(ctx, id, journal.Record{})
	return p, err
}

// advance is Advance for who wrote the purchase a moment ago, as changeFrom is
// change.
func (s *Service) advance(ctx context.Context, id string, written journal.Record) (Purchase, journal.Record, error) {
	owner, err := core.RandomText(s.cfg.Rand, 16)
	if err != nil {
		return Purchase{}, journal.Record{}, err
	}
	p, leased, err := s.take(ctx, id, owner, written)
	if err != nil || p.Lease == nil || p.Lease.Owner != owner {
		return p, leased, err
	}
	name, run := s.step(p)
	ctx, ended := core.Observe(ctx, s.cfg.Observer, core.Work{Kind: "step", Name: name, Subject: p.ID})
	stepCtx, cancel, ok := s.stepContext(ctx, p)
	if !ok {
		ended(errLeaseOver)
		return p, leased, nil
	}
	defer cancel()
	result := s.guard(stepCtx, p, run)
	p, done, err := s.finish(ctx, id, owner, leased, result)
	if err != nil {
		ended(err)
	} else {
		ended(result.cause)
	}
	return p, done, err
}

// step returns the next step of a purchase, and its name.
func (s *Service) step(p Purchase) (string, func(context.Context, Purchase) outcome) {
	onMall := p.Mall != nil
	switch {
	case p.State == Delivering && onMall:
		return "purchase.proveService", s.proveService
	case p.State == Delivering:
		return "purchase.deliver", s.deliver
	case p.State == Undeliverable:
		return "purchase.prepareRefund", s.prepareRefund
	case p.State == Refunding:
		return "purchase.refund", s.refund
	case p.State == Delivered:
		return "purchase.follow", s.follow
	case onMall:
		return "purchase.lookUp", s.lookUp
	}
	return "purchase.query", s.query
}

// take leases the purchase for the next step. The attempt is counted before
// the step runs: what brings its worker down is counted too.
func (s *Service) take(ctx context.Context, id, owner string, written journal.Record) (Purchase, journal.Record, error) {
	return s.changeFrom(ctx, id, written, func(p *Purchase, due *time.Time) error {
		now := s.now()
		// A step that runs is not due before its lease is over.
		// What was just paid is due, whatever another machine's clock says.
		early := due.IsZero() || now.Before(*due)
		if (early && (p.State != Paid || p.Lease != nil)) || p.State == Refunded || p.State == Attention {
			return errUnchanged
		}
		if p.State == Delivered && !p.follows() {
			return errUnchanged
		}
		if err := s.runs(p); err != nil {
			return err
		}
		if p.Lease != nil {
			p.Doubt = true // the step before this one never said how it went
		}
		// One attempt more than the most, if the last may have had its
		// effect: it asks, and does nothing else.
		if p.Attempts > s.cfg.MaxAttempts || p.Attempts == s.cfg.MaxAttempts && !p.Doubt {
			return s.attention(ctx, p, due, fmt.Sprintf("%d attempts at %s came to no good end; the last: %s", p.Attempts, p.State, orNone(p.Reason)))
		}
		switch p.State {
		case Paid:
			if err := p.enter(now, Delivering, ""); err != nil {
				return err
			}
		case Refunding:
			switch {
			case p.Refund.Accepted:
				return s.attention(ctx, p, due, fmt.Sprintf("the platform accepted the refund %s and never said that money moved", p.Refund.OutOrderNo))
			case p.Refund.Sent:
				return s.attention(ctx, p, due, fmt.Sprintf("the refund %s may have been sent: look whether money moved, it is not sent again", p.Refund.OutOrderNo))
			case s.cfg.Refunds == nil:
				return s.attention(ctx, p, due, "refunds are not configured any more")
			}
			p.Refund.Sent = true
		case Undeliverable:
			if s.cfg.Refunds == nil {
				return s.attention(ctx, p, due, "refunds are not configured any more")
			}
		}
		p.Attempts++
		p.Lease = &Lease{Owner: owner, Until: now.Add(s.cfg.Lease)}
		*due = s.brokenOff(*p)
		return nil
	})
}

// brokenOff is when a step that never says how it went is taken up again: its
// lease is over then, and nothing that it sent can be under way any more.
func (s *Service) brokenOff(p Purchase) time.Time {
	if p.State == Unpaid || p.State == Expired || p.State == Undeliverable || p.State == Delivered {
		return p.Lease.Until // it only asked
	}
	return p.Lease.Until.Add(s.cfg.InFlight)
}

// finish records the outcome of a step if its lease is still held. Otherwise
// somebody else has learnt more meanwhile, and what they wrote stands.
func (s *Service) finish(ctx context.Context, id, owner string, leased journal.Record, result outcome) (Purchase, journal.Record, error) {
	// How a step went is worth recording even if its caller has gone.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return s.changeFrom(ctx, id, leased, func(p *Purchase, due *time.Time) error {
		if p.Lease == nil || p.Lease.Owner != owner {
			return errUnchanged
		}
		p.Lease = nil
		return result.record(p, due)
	})
}

// guard runs a step, and makes an unknown outcome of its panic.
func (s *Service) guard(ctx context.Context, p Purchase, run func(context.Context, Purchase) outcome) (result outcome) {
	defer func() {
		if cause := recover(); cause != nil {
			s.cfg.Logger.ErrorContext(ctx, "a step panicked", "id", p.ID, "state", string(p.State), "panic", fmt.Sprint(cause))
			result = s.inDoubt(&core.Error{Op: "purchase", Code: core.CodeInternal, Err: fmt.Errorf("panic: %v", cause)})
		}
	}()
	return run(ctx, p)
}

// stepContext bounds a step by what is left of its lease, with a margin to
// record the outcome; not ok if nothing is left, since the write of the lease
// took long.
func (s *Service) stepContext(ctx context.Context, p Purchase) (_ context.Context, _ context.CancelFunc, ok bool) {
	left := p.Lease.Until.Sub(s.now()) - s.cfg.Lease/10
	if left <= 0 {
		return ctx, func() {}, false
	}
	ctx, cancel := context.WithTimeout(ctx, left)
	return ctx, cancel, true
}

// inDoubt records that a call may have had its effect. It is asked about when
// nothing of it can be under way any more.
func (s *Service) inDoubt(cause error) outcome {
	return outcome{cause: cause, record: func(p *Purchase, due *time.Time) error {
		p.Doubt = true
		p.because(cause.Error())
		*due = s.now().Add(max(s.cfg.InFlight, backoff(p.Attempts)))
		return nil
	}}
}

// backoff is the pause before attempt n+1: 5 s, 20 s, 80 s, … an hour.
func backoff(n int) time.Duration {
	pause := 5 * time.Second
	for ; n > 1 && pause < time.Hour; n-- {
		pause *= 4
	}
	return min(pause, time.Hour)
}

func orNone(reason string) string {
	if reason == "" {
		return "it broke off"
	}
	return reason
}
