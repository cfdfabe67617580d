package purchase

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/mall"
)

// grantPrefix is how the ids of claims begin that let what appeared on a device
// prove one purchase.
const grantPrefix = "grant/"

func isNotFound(err error) bool { return errors.Is(err, journal.ErrNotFound) }

// proveService is the delivery of the mall rail: the cloud delivers by itself,
// and the device's services show it. It changes nothing out there.
func (s *Service) proveService(ctx context.Context, p Purchase) outcome {
	user, err := s.mallUser(ctx, p.Buyer)
	if err != nil {
		return s.proveLater(ctx, err)
	}
	seen, err := s.sight(ctx, p, user)
	switch {
	case err != nil:
		return s.proveLater(ctx, err)
	case seen.doubt != "":
		return s.park(ctx, seen.doubt)
	case !seen.found:
		return s.proveLater(ctx, errors.New("the paid order is not in the user's list"))
	}
	switch status := seen.order.BaseInfo.OrderStatus; status {
	case mall.OrderRefunded, mall.OrderCanceled, mall.OrderClosed:
		return s.park(ctx, fmt.Sprintf("the order was paid, and is %s now", status))
	case mall.OrderDelivered, mall.OrderPartDelivered, mall.OrderFinished:
	default:
		// What grew may be another's. A mall that never says more than that an
		// order is paid is believed after a while.
		if p.Payment != nil && s.now().Before(p.Payment.At.Add(unsaidFor)) {
			return s.proveLater(ctx, fmt.Errorf("the order is %s, and not said to be delivered", status))
		}
	}
	services, err := s.cfg.Mall.Operations.GetServiceListByDevice(ctx, user.Caller, p.Mall.ID)
	if err != nil {
		return s.proveLater(ctx, err)
	}
	claimed := p.Mall.Grown
	for _, mark := range grown(p.Mall.Before, marks(services), p.Mall.ServiceCode) {
		if claimed {
			break
		}
		holder, err := journal.Claim(ctx, s.cfg.Store, grantID(p.Mall.ID, mark), p.ID)
		if err != nil {
			return s.proveLater(ctx, err)
		}
		claimed = holder == p.ID
	}
	if !claimed {
		return s.proveLater(ctx, errors.New("the order is paid, and the service is not on the device yet"))
	}
	other, err := s.grownByOther(ctx, p, seen.others)
	switch {
	case err != nil:
		return s.proveLater(ctx, err)
	case other != "" && p.Payment != nil && s.now().Before(p.Payment.At.Add(unsaidFor)):
		later := s.proveLater(ctx, errors.New("the mall says that the order is delivered, and "+other+" could have made the service longer, too: the mall's word is taken in an hour"))
		return outcome{cause: later.cause, record: func(p *Purchase, due *time.Time) error {
			p.Mall.Grown = true
			return later.record(p, due)
		}}
	}
	return s.proved(ctx)
}

func (s *Service) proved(ctx context.Context) outcome {
	delivered := s.delivered(ctx, "the service is on the device")
	return outcome{record: func(p *Purchase, due *time.Time) error {
		if err := delivered.record(p, due); err != nil {
			return err
		}
		p.Mall.Before, p.Mall.Pending, p.Mall.Grown = nil, nil, false
		if p.Mall.Subscribes && p.State == Delivered {
			*due = s.now()
		}
		return nil
	}}
}

// proveLater looks again later, for three days.
func (s *Service) proveLater(ctx context.Context, cause error) outcome {
	return outcome{cause: cause, record: func(p *Purchase, due *time.Time) error {
		now := s.now()
		if p.Payment != nil && now.After(p.Payment.At.Add(giveUpAfter)) {
			return s.attention(ctx, p, due, "the order "+p.Mall.OrderID+" is paid, and for three days nothing showed that it was delivered (there is no refund call in the mall): "+cause.Error())
		}
		*due = now.Add(doubled(2*time.Second, p.Polls, 30*time.Minute))
		p.polled()
		p.because(cause.Error())
		return nil
	}}
}

// unsaidFor is how long a service that appeared is not taken for an order's of
// which the mall does not say that it was delivered; nor, whatever it says, for one
// beside which something else could have made it appear.
const unsaidFor = time.Hour

// grown returns the marks of a service that were not there before, and end later
// than all that were or are one more than there were.
func grown(before, after []serviceMark, service string) []serviceMark {
	count := func(marks []serviceMark) (n int, last int64) {
		for _, m := range marks {
			if m.Code == service {
				n, last = n+1, max(last, m.End)
			}
		}
		return n, last
	}
	had, last := count(before)
	has, _ := count(after)
	var found []serviceMark
	for _, m := range after {
		if m.Code == service && !slices.Contains(before, m) && (has > had || m.End > last) {
			found = append(found, m)
		}
	}
	return found
}

func grantID(deviceID string, m serviceMark) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %d %d", deviceID, m.Code, m.Start, m.End))
	return grantPrefix + hex.EncodeToString(sum[:16])
}

// How a subscription is followed.
const (
	// renewalMargin is how long after its next time a subscription is looked at.
	renewalMargin = 10 * time.Minute
	// followEvery is how often one is looked at whose next time has passed, or
	// that is not listed yet.
	followEvery = 6 * time.Hour
	// missedLooks is at how many looks in a row a subscription is not there
	// before it has ended.
	missedLooks = 3
	// followFor is how long a subscription may take to be listed at first.
	followFor = 3 * 24 * time.Hour
)

// follows reports whether a delivered purchase has a subscription to look at.
func (p *Purchase) follows() bool { return p.State == Delivered && p.Mall != nil && p.Mall.Subscribes }

// follow looks at the subscription that a purchase began: when it is paid next,
// what was paid since, whether it ended. A renewal's order is bound, so that it
// proves no other purchase.
func (s *Service) follow(ctx context.Context, p Purchase) outcome {
	user, err := s.mallUser(ctx, p.Buyer)
	if err != nil {
		return s.followLater(err)
	}
	for sub, err := range s.subscriptions(ctx, *p.Mall, user) {
		if err != nil {
			return s.followLater(err)
		}
		order := sub.OrderListModel.OrderID
		known := p.Mall.Subscription
		if known == nil && order != p.Mall.OrderID || known != nil && sub.SubscribeID != known.SubscribeID {
			continue
		}
		if order != "" && order != p.Mall.OrderID {
			holder, err := journal.Claim(ctx, s.cfg.Store, orderPrefix+order, p.ID)
			switch {
			case err != nil:
				return s.followLater(err)
			case holder != p.ID:
				s.cfg.Logger.ErrorContext(ctx, "a renewal's order proves another purchase", "id", p.ID, "order_id", order, "other_id", holder)
			}
		}
		return s.followed(sub)
	}
	return s.unlisted()
}

func (s *Service) followed(sub mall.Subscription) outcome {
	return outcome{record: func(p *Purchase, due *time.Time) error {
		now := s.now()
		known := p.Mall.Subscription
		if known == nil {
			known = &MallSubscription{SubscribeID: sub.SubscribeID, LastOrderID: p.Mall.OrderID}
			p.Mall.Subscription = known
			p.note(now, "subscription "+sub.SubscribeID)
		}
		if order := sub.OrderListModel.OrderID; order != "" && order != known.LastOrderID {
			known.LastOrderID = order
			known.Renewals++
			p.note(now, "renewed by order "+order)
		}
		if known.Status != sub.Status && !known.SeenAt.IsZero() {
			p.note(now, fmt.Sprintf("the subscription's status is %d, it was %d", sub.Status, known.Status))
		}
		known.Status, known.SeenAt, known.NextTime = sub.Status, now, sub.GMTNextTime.Time()
		known.Missed, known.EndedAt = 0, time.Time{}
		if known.NextTime.Year() > 9999 { // "never", in some languages, and no JSON
			known.NextTime = time.Time{}
		}
		p.polled()
		p.because("")
		*due = now.Add(followEvery)
		if next := known.NextTime.Add(renewalMargin); next.After(now) {
			*due = next
		}
		return nil
	}}
}

// unlisted records that the subscription is not in the list: it ended, or is
// not there yet.
func (s *Service) unlisted() outcome {
	return outcome{record: func(p *Purchase, due *time.Time) error {
		now := s.now()
		switch known := p.Mall.Subscription; {
		case known != nil && !known.EndedAt.IsZero() && now.After(known.EndedAt.Add(watchFor)):
			*due = time.Time{}
			return nil
		case known != nil && known.Missed < missedLooks-1:
			known.Missed++
			*due = now.Add(followEvery)
			p.polled()
			return nil
		case known != nil:
			// It may be back: it is looked for now and then.
			if known.EndedAt.IsZero() {
				known.EndedAt = now
				p.note(now, "the subscription is listed no more")
			}
			*due = now.Add(7 * 24 * time.Hour)
			p.polled()
			return nil
		case now.After(p.DeliveredAt.Add(followFor)):
			*due = time.Time{}
			p.note(now, "no subscription was ever listed")
			return nil
		}
		*due = now.Add(doubled(10*time.Second, p.Polls, followEvery))
		p.polled()
		return nil
	}}
}

func (s *Service) followLater(cause error) outcome {
	return outcome{cause: cause, record: func(p *Purchase, due *time.Time) error {
		p.because(cause.Error())
		p.Attempts, p.Doubt = 0, false
		p.Failures++
		*due = s.now().Add(min(backoff(p.Failures), followEvery))
		return nil
	}}
}
