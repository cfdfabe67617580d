package purchase

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/internal/check"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/mall"
)

// orderPrefix is how the ids of claims begin that bind an order of the mall to
// the one purchase that it proves.
const orderPrefix = "order/"

func (s *Service) orders(ctx context.Context, m MallPurchase, user MallUser) iter.Seq2[mall.Order, error] {
	return s.cfg.Mall.Operations.Orders(ctx, user.Caller, mall.OrderListParams{MallCode: m.MallCode, SiteCode: m.SiteCode})
}

func (s *Service) subscriptions(ctx context.Context, m MallPurchase, user MallUser) iter.Seq2[mall.Subscription, error] {
	return s.cfg.Mall.Operations.Subscriptions(ctx, user.Caller, mall.SubscriptionListParams{MallCode: m.MallCode, SiteCode: m.SiteCode})
}

// sells reports whether an order is of a SKU.
func sells(order mall.Order, skuCode string) bool {
	return slices.ContainsFunc(order.CommodityInfos, func(i mall.OrderCommodityInfo) bool { return i.SKUCode == skuCode })
}

// sighting is what the user's orders tell of a purchase.
type sighting struct {
	// order is the purchase's, if found says so.
	order mall.Order
	found bool
	// doubt says why nobody can tell.
	doubt string
}

// sight looks for p's order among the user's: the one that it is bound to; the
// one that the cloud named; or the only one of its SKU that was not there
// before and is nobody else's. What it finds is bound.
func (s *Service) sight(ctx context.Context, p Purchase, user MallUser) (sighting, error) {
	named := cmp.Or(p.Mall.OrderID, p.Mall.NamedOrderID)
	var fresh []mall.Order
	for order, err := range s.orders(ctx, *p.Mall, user) {
		id := order.BaseInfo.OrderID
		switch {
		case err != nil:
			return sighting{}, err
		case named != "" && id == named:
			if !sells(order, p.Mall.SKUCode) {
				return sighting{doubt: fmt.Sprintf("the order %.64s is of another skuCode", id)}, nil
			}
			return s.bind(ctx, p, order)
		case named == "" && sells(order, p.Mall.SKUCode) && !slices.Contains(p.Mall.Seen, id):
			fresh = append(fresh, order)
		}
	}
	if len(fresh) == 0 {
		return sighting{}, nil
	}
	fresh, err := s.unclaimed(ctx, p, user, fresh)
	switch {
	case err != nil:
		return sighting{}, err
	case len(fresh) == 0:
		return sighting{}, nil
	case len(fresh) > 1:
		return sighting{doubt: fmt.Sprintf("%d orders could be this purchase's, %.64s and %.64s among them: say which with BindOrder", len(fresh), fresh[0].BaseInfo.OrderID, fresh[1].BaseInfo.OrderID)}, nil
	}
	return s.bind(ctx, p, fresh[0])
}

// unclaimed leaves out the orders that prove other purchases, and the renewals
// of subscriptions that were there before.
func (s *Service) unclaimed(ctx context.Context, p Purchase, user MallUser, orders []mall.Order) ([]mall.Order, error) {
	renewed := map[string]bool{}
	if p.Mall.Subscribes {
		for sub, err := range s.subscriptions(ctx, *p.Mall, user) {
			if err != nil {
				return nil, err
			}
			if slices.Contains(p.Mall.SeenSubscriptions, sub.SubscribeID) {
				renewed[sub.OrderListModel.OrderID] = true
			}
		}
	}
	var left []mall.Order
	for _, order := range orders {
		id := order.BaseInfo.OrderID
		if !check.ID.MatchString(id) {
			return nil, &core.Error{Op: "purchase", Code: core.CodeUnknown, Safe: true, Err: fmt.Errorf("the cloud lists an order without a proper orderId")}
		}
		holder, err := s.cfg.Store.Get(ctx, orderPrefix+id)
		switch {
		case isNotFound(err) && !renewed[id]:
			left = append(left, order)
		case isNotFound(err):
		case err != nil:
			return nil, err
		case string(holder.Body) == p.ID:
			return []mall.Order{order}, nil // bound before a crash
		}
	}
	return left, nil
}

// bind makes an order prove p, and nothing else for ever.
func (s *Service) bind(ctx context.Context, p Purchase, order mall.Order) (sighting, error) {
	id := order.BaseInfo.OrderID
	if !check.ID.MatchString(id) {
		return sighting{doubt: "the cloud names an order without a proper orderId"}, nil
	}
	if id != p.Mall.OrderID {
		holder, err := journal.Claim(ctx, s.cfg.Store, orderPrefix+id, p.ID)
		switch {
		case err != nil:
			return sighting{}, err
		case holder != p.ID:
			s.cfg.Logger.ErrorContext(ctx, "an order claims two purchases", "order_id", id, "id", p.ID, "proves", holder)
			return sighting{doubt: fmt.Sprintf("the order %s proves the purchase %s already: look at both", id, holder)}, nil
		}
	}
	return sighting{order: order, found: true}, nil
}

// lookUp is the step of a purchase of the mall rail that is not paid as far as
// the journal knows.
func (s *Service) lookUp(ctx context.Context, p Purchase) outcome {
	if p.Mall.BuyingAt.IsZero() {
		return s.notBought(fmt.Errorf("it broke off before anything was ordered"))
	}
	user, err := s.mallUser(ctx, p.Buyer)
	if err != nil {
		return s.pollLater(err)
	}
	sighting, err := s.sight(ctx, p, user)
	if err != nil {
		return s.pollLater(err)
	}
	return s.sighted(ctx, sighting, p.Mall)
}

// sighted records what the user's orders tell, with what the cloud answered when
// the order was made: what a front end pays by, nil if that was lost.
func (s *Service) sighted(ctx context.Context, seen sighting, answered *MallPurchase) outcome {
	prepay := answered.Prepay
	if seen.doubt != "" {
		return s.park(ctx, seen.doubt)
	}
	var result outcome
	result.record = func(p *Purchase, due *time.Time) error {
		p.Mall.NamedOrderID = answered.NamedOrderID
		if !seen.found {
			return s.unseen(p, due, prepay)
		}
		base := seen.order.BaseInfo
		p.Mall.OrderID = base.OrderID
		p.Mall.Seen, p.Mall.SeenSubscriptions = nil, nil
		problem := differs(p, base)
		switch base.OrderStatus {
		case mall.OrderPaid, mall.OrderDelivering, mall.OrderDelivered, mall.OrderPartDelivered, mall.OrderFinished:
			if problem != "" {
				return s.attention(ctx, p, due, "the order "+base.OrderID+" was paid, and is not what the buyer saw: "+problem)
			}
			p.Payment = &Payment{TradeNo: base.OrderID, By: ByOrderList, At: s.now()}
			p.Mall.Prepay, *due = nil, s.now()
			return p.enter(s.now(), Paid, "by "+ByOrderList)
		case mall.OrderRefunded:
			return s.attention(ctx, p, due, "the mall says that the order "+base.OrderID+" was refunded")
		case mall.OrderCanceled, mall.OrderClosed:
			*due = time.Time{}
			if p.State == Expired {
				return nil
			}
			return p.enter(s.now(), Expired, "the order was "+string(base.OrderStatus))
		}
		return s.waits(ctx, p, due, base, problem, prepay)
	}
	return result
}

// unseen records that no order is listed.
func (s *Service) unseen(p *Purchase, due *time.Time, prepay []byte) error {
	now := s.now()
	switch {
	case p.State == Ordering && prepay == nil:
		*due = time.Time{}
		return p.enter(now, Expired, "no order came of it")
	case p.State == Ordering:
		if err := p.enter(now, Unpaid, ""); err != nil {
			return err
		}
		p.Mall.Prepay = prepay
		p.because("the order is not listed yet: what it costs is not known")
	case p.State == Expired && p.Mall.OrderID == "":
		*due = time.Time{}
		return nil
	case p.State == Unpaid && !now.Before(p.PayUntil):
		if err := p.enter(now, Expired, "its order was not listed in time"); err != nil {
			return err
		}
		*due = time.Time{}
		if p.Mall.OrderID != "" {
			*due = s.watch(*p)
		}
		return nil
	default:
		p.polled()
	}
	*due = s.nextMallPoll(*p)
	return nil
}

// waits records that the order is there and is not paid.
func (s *Service) waits(ctx context.Context, p *Purchase, due *time.Time, base mall.OrderBaseInfo, problem string, prepay []byte) error {
	now := s.now()
	late := !now.Before(p.PayUntil)
	known := slices.Contains([]mall.OrderStatus{mall.OrderCreated, mall.OrderPaying, mall.OrderPendingAuditPaid}, base.OrderStatus)
	switch {
	case p.State == Expired:
		p.polled()
	case late && !known:
		return s.attention(ctx, p, due, fmt.Sprintf("the order %s has the status %.40q, of which nothing is known", base.OrderID, base.OrderStatus))
	case late:
		if err := p.enter(now, Expired, "nobody paid in time"); err != nil {
			return err
		}
	case problem == "" && prepay == nil:
		// What it is paid by was lost with the answer. The buyer begins anew.
		if err := p.enter(now, Expired, "the order was made, and what it is paid by was lost"); err != nil {
			return err
		}
	case p.State == Ordering:
		if err := p.enter(now, Unpaid, ""); err != nil {
			return err
		}
	default:
		p.polled()
	}
	p.Mall.Prepay = prepay
	if problem != "" || p.State == Expired {
		p.Mall.Prepay = nil
	}
	if problem != "" && p.State == Unpaid {
		if !p.Mall.Withheld {
			s.cfg.Logger.WarnContext(ctx, "an order is not what the buyer saw", "id", p.ID, "order_id", base.OrderID, "reason", problem)
		}
		p.Mall.Withheld = true
		p.because("price changed: " + problem + "; nothing to pay by was handed out")
	} else if p.State == Unpaid {
		p.because("")
	}
	*due = s.nextMallPoll(*p)
	return nil
}

// differs says in what an order is not what the buyer saw, or "".
func differs(p *Purchase, base mall.OrderBaseInfo) string {
	switch {
	case !base.AmountTrade.Given():
		return "the order names no amount"
	case base.AmountTrade.Fen != p.Amount:
		return fmt.Sprintf("the order costs %d fen, the buyer saw %d", base.AmountTrade.Fen, p.Amount)
	case base.Currency != p.Mall.Currency:
		return fmt.Sprintf("the order is in %.8q, the buyer saw %s", base.Currency, p.Mall.Currency)
	case base.TotalQuantity > 1:
		return fmt.Sprintf("the order is for %d items", base.TotalQuantity)
	case base.MallInfo.MallCode != "" && base.MallInfo.MallCode != p.Mall.MallCode:
		return "the order is of another mall"
	}
	return ""
}

// nextMallPoll is when the user's orders are read next: nobody tells of a
// payment in the mall, so they are read often while the buyer waits.
func (s *Service) nextMallPoll(p Purchase) time.Time {
	if p.State == Expired {
		return s.watch(p)
	}
	now := s.now()
	next := now.Add(doubled(2*time.Second, p.Polls, time.Minute))
	if now.Before(p.PayUntil) && next.After(p.PayUntil) {
		return p.PayUntil
	}
	return next
}

// BindOrder says, for a purchase of the mall rail in Attention, which order is
// its own: after two could have been. note, which goes into the history, says
// who decided and why. core.CodeConflict: the purchase is not in Attention, has
// an order already, or the order proves another purchase.
func (s *Service) BindOrder(ctx context.Context, id, orderID, note string) (Purchase, error) {
	const op = "purchase.BindOrder"
	if !check.ID.MatchString(orderID) {
		return Purchase{}, core.Invalid(op, "orderId must be 1 to 64 of A-Z, a-z, 0-9, _ and -")
	}
	unfit := func(why string) error {
		return &core.Error{Op: op, Code: core.CodeConflict, Err: fmt.Errorf("purchase %s cannot be bound to the order %s: %s", id, orderID, why)}
	}
	return s.change(ctx, id, func(p *Purchase, due *time.Time) error {
		switch {
		case p.Mall == nil:
			return unfit("it is not one of the mall rail")
		case p.State != Attention:
			return unfit("it is " + string(p.State))
		case p.Mall.OrderID != "" && p.Mall.OrderID != orderID:
			return unfit("it is bound to " + p.Mall.OrderID)
		case p.Payment != nil:
			return unfit("it is paid")
		}
		holder, err := journal.Claim(ctx, s.cfg.Store, orderPrefix+orderID, p.ID)
		switch {
		case err != nil:
			return err
		case holder != p.ID:
			return unfit("it proves the purchase " + holder)
		}
		p.Mall.OrderID, *due = orderID, s.now()
		return p.enter(s.now(), Unpaid, note)
	})
}
