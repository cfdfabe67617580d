package purchase

import (
	"context"
	"fmt"
	"time"

	"github.com/imprest-go/imprest/core"
)

// Resolution is what a person decided about a purchase in Attention.
type Resolution string

// The resolutions.
const (
	// ResolveDeliver takes the delivery of a paid purchase up again: it is
	// asked first whether the goods were granted.
	ResolveDeliver Resolution = "deliver"
	// ResolveDelivered says that the goods of a paid purchase were granted,
	// whoever did it.
	ResolveDelivered Resolution = "delivered"
	// ResolveWatch asks the platform again about an order without a payment.
	ResolveWatch Resolution = "watch"
	// ResolveNoOrder says of a purchase of the mall rail that none of the orders
	// that it could have is its own: it has none, and never will.
	ResolveNoOrder Resolution = "no-order"
	// ResolveRefunded says that the money of a purchase that was not delivered
	// went back, whoever did it: by hand, or by the mall.
	ResolveRefunded Resolution = "refunded"
)

// Resolve takes a purchase out of Attention. note, which goes into the
// history, says who decided and why. core.CodeConflict: the purchase is not in
// Attention, or the resolution does not fit what is on record (a delivery
// without a payment, a watch with one, a second delivery).
func (s *Service) Resolve(ctx context.Context, id string, resolution Resolution, note string) (Purchase, error) {
	return s.change(ctx, id, func(p *Purchase, due *time.Time) error { return p.resolve(s.now(), due, resolution, note) })
}

// resolve puts a resolution on p, if it fits what is on record.
func (p *Purchase) resolve(now time.Time, due *time.Time, resolution Resolution, note string) error {
	unfit := func(why string) error {
		return &core.Error{Op: "purchase.Resolve", Code: core.CodeConflict, Err: fmt.Errorf("purchase %s cannot be resolved as %q: %s", p.ID, resolution, why)}
	}
	paid, granted := p.Payment != nil, !p.DeliveredAt.IsZero()
	switch {
	case p.State != Attention:
		return unfit("it is " + string(p.State))
	case resolution == ResolveNoOrder && (paid || p.Mall == nil || p.Mall.OrderID != ""):
		return unfit("it has an order")
	case resolution == ResolveNoOrder:
		p.Mall.Abandoned, p.Mall.Prepay, *due = true, nil, time.Time{}
		return p.enter(now, Expired, note)
	case resolution == ResolveRefunded && granted:
		return unfit("it was delivered")
	case resolution == ResolveRefunded && (paid || p.Mall != nil && p.Mall.OrderID != ""):
		if p.Refund == nil {
			p.Refund = &Refund{ByHand: true, Amount: p.Amount}
		}
		p.Refund.RefundedAt, *due = now, time.Time{}
		return p.enter(now, Refunded, note)
	case resolution == ResolveWatch && paid:
		return unfit("it is paid")
	case resolution == ResolveWatch:
		*due = now
		return p.enter(now, Unpaid, note)
	case !paid:
		return unfit("no payment is on record")
	case p.Refund != nil:
		return unfit("its refund " + p.Refund.OutOrderNo + " was begun")
	case resolution == ResolveDeliver && granted:
		return unfit("it was delivered")
	case resolution == ResolveDeliver:
		if err := p.enter(now, Delivering, note); err != nil {
			return err
		}
		p.Doubt, *due = true, now
		return nil
	case resolution == ResolveDelivered:
		if !granted {
			p.DeliveredAt = now
		}
		*due = time.Time{}
		if err := p.enter(now, Delivered, note); err != nil {
			return err
		}
		if p.follows() {
			*due = now
		}
		return nil
	}
	return core.Invalid("purchase.Resolve", fmt.Sprintf("resolution must be %s, %s, %s, %s or %s", ResolveDeliver, ResolveDelivered, ResolveNoOrder, ResolveRefunded, ResolveWatch))
}
