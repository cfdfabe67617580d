package testkit

import (
	"context"
	"fmt"

	"github.com/imprest-go/imprest/core"
)

// Pay is the user's tap on "pay": the order of that imprest_code becomes paid
// under a new trade_no, and the platform notifies the merchant. Unless the
// platform is Async, the first attempt has been made when Pay returns; what
// came of it is in [Platform.Notifications], since a merchant who does not
// answer is no concern of the user. An empty openID is the first user's.
//
// The error is a [core.Error]: [core.CodeNotFound] for a code or a user that
// does not exist, [core.CodeConflict] for an order that is paid already, and
// [ErrInsufficientBalance] for a user who has less.
func (p *Platform) Pay(ctx context.Context, imprestCode, openID string) (Trade, error) {
	return p.pay(ctx, imprestCode, openID, false)
}

// PayAgain pays an order that is paid already, under another trade_no: what
// the platform should never let happen, and a merchant must not deliver twice
// for. The error is as for [Platform.Pay], with [core.CodeConflict] for an
// order that is not paid yet.
func (p *Platform) PayAgain(ctx context.Context, imprestCode, openID string) (Trade, error) {
	return p.pay(ctx, imprestCode, openID, true)
}

func (p *Platform) pay(ctx context.Context, imprestCode, openID string, again bool) (Trade, error) {
	n, paid, err := p.book(imprestCode, openID, again)
	if err != nil || n == nil {
		return paid, err
	}
	if p.async {
		go func() {
			defer p.attempts.Done()
			p.deliver(context.WithoutCancel(ctx), n, delivery{})
		}()
		return paid, nil
	}
	defer p.attempts.Done()
	p.deliver(ctx, n, delivery{})
	return paid, nil
}

// book enters a payment and the notification that it calls for, and counts
// its first attempt as under way. There is no notification of an order without
// a notify_url.
func (p *Platform) book(imprestCode, openID string, again bool) (*notification, Trade, error) {
	const op = "testkit.Platform.Pay"
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.noAttempts {
		return nil, Trade{}, core.Invalid(op, "the fake platform is closed")
	}
	t := p.books.byCode[imprestCode]
	if t == nil {
		return nil, Trade{}, notFound(op, "imprest_code", imprestCode)
	}
	user, ok := p.user(openID)
	if !ok {
		return nil, Trade{}, notFound(op, "open_id", openID)
	}
	if again != (t.Status == Paid) {
		what := "paid already"
		if again {
			what = "not paid yet"
		}
		return nil, Trade{}, &core.Error{Op: op, Code: core.CodeConflict, Err: fmt.Errorf("out_trade_no %q is %s", t.OutTradeNo, what)}
	}
	if !p.spend(user.OpenID, t.Amount) {
		return nil, Trade{}, ErrInsufficientBalance
	}
	payment := Payment{TradeNo: p.ids.next("trade_no", 28), OpenID: user.OpenID, PayTime: p.Clock.Now()}
	if again {
		t.Surplus = append(t.Surplus, payment)
	} else {
		t.Status, t.Payment = Paid, payment
	}
	if t.NotifyURL == "" { // the test host's own order
		return nil, t.snapshot(), nil
	}
	n := newNotification(t.snapshot(), payment, imprestCode, again)
	if t.notice == nil {
		t.notice = n
	}
	p.notifications = append(p.notifications, n)
	p.attempts.Add(1)
	return n, t.snapshot(), nil
}

func notFound(op, name, value string) error {
	return &core.Error{Op: op, Code: core.CodeNotFound, Err: fmt.Errorf("%s %q is not known", name, value)}
}
