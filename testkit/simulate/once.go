package simulate

import (
	"context"
	"time"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/callback"
	"github.com/imprest-go/imprest/testkit"
)

// merchant is a sink of the merchant's own behind callback.Once: an orders table
// of his, where each payment is booked. It books whenever it is asked to, so that
// to be asked twice shows.
type merchant struct{ w *World }

var (
	_ callback.Sink    = (*merchant)(nil)
	_ callback.Settler = (*merchant)(nil)
)

// booking is what the orders table says of an order.
type booking struct {
	order, trade string
	attempt      int
	told         bool // the platform was told "success"
}

const onceLease = 30 * time.Second

// onBook is what may happen to the table: an effect that comes when nobody waits
// for it any more is not among it, since Once knows no limit for that.
var onBook = []fault{crashBefore, replyLost, requestLost, failed}

func (m *merchant) Paid(ctx context.Context, n callback.PaymentNotice) error {
	w := m.w
	o := w.remote.order(n.OutTradeNo)
	if o == nil || o.Amount != n.Amount {
		return core.Mismatch("merchant", "the order is another")
	}
	b := w.booking(n.OutTradeNo)
	if b.told {
		w.fail(handedOnce, "the payment %s was handed over again, after it was acknowledged", n.TradeNo)
	}
	if n.Attempt <= b.attempt {
		w.fail(handedOnce, "attempt %d of %s comes after attempt %d", n.Attempt, n.TradeNo, b.attempt)
	}
	b.attempt = n.Attempt
	w.fact("handed over", n.TradeNo, n.Attempt)
	return w.effect(ctx, "book", n.TradeNo, onBook, errUnknown, errUnreached, func() error {
		if b.trade != "" {
			w.fail(handedOnce, "the payment %s is booked, and was booked as %s", n.TradeNo, b.trade)
		}
		if !w.paid(n.OutTradeNo) {
			w.fail(grantedForMoney, "%s is booked as paid, and nobody paid", n.OutTradeNo)
		}
		b.trade = n.TradeNo
		w.fact("booked", n.TradeNo, 0)
		return nil
	})
}

func (m *merchant) Settled(ctx context.Context, key string) (settled bool, err error) {
	w := m.w
	err = w.effect(ctx, "settled?", key, onRead, errAsk, errAsk, func() error {
		for _, b := range w.bookings {
			if testkit.TestAccount().AppID+"/"+b.order == key && b.trade != "" {
				settled = true
				w.current.local++
			}
		}
		return nil
	})
	return settled, err
}

func (w *World) booking(order string) *booking {
	for _, b := range w.bookings {
		if b.order == order {
			return b
		}
	}
	b := &booking{order: order}
	w.bookings = append(w.bookings, b)
	return b
}

// onceOwes holds that a payment that is being answered "success" is booked.
func (w *World) onceOwes(p *payment) {
	if b := w.booking(p.order.OutTradeNo); b.trade != p.trade {
		w.fail(durableSuccess, "the payment %s is answered \"success\", and is not booked", p.trade)
	}
}

// alarmed notes that a person was told of a payment: it is booked, or its money
// has to be looked at.
func (w *World) alarmed(p *payment) {
	if w.booking(p.order.OutTradeNo).trade == "" {
		w.fail(nothingLost, "the payment %s is refused, and is not booked", p.trade)
	}
	p.answered = true
	w.fact("alarm", p.trade, 0)
}

// pause is how a duplicate waits for an attempt that is in progress: others run
// meanwhile, or time just passes.
func (w *World) pause(ctx context.Context, d time.Duration) error {
	if f := w.at(ctx, nil); f != none {
		return context.DeadlineExceeded
	}
	w.goTo(w.now.Add(d))
	w.note(w.current, "waits", d.String(), "")
	return nil
}

// onceSink is the sink of a process.
func (w *World) onceSink() (callback.Sink, error) {
	return callback.NewOnce(callback.OnceConfig{
		Store: w.store(), Sink: &merchant{w}, Lease: onceLease, Wait: 30 * time.Millisecond, Now: w.Now, Pause: w.pause, Rand: w,
	})
}
