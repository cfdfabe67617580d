package purchase

import (
	"context"
	"errors"
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
	// others are orders that may have made a service longer since, too.
	others []string
}

// sight looks for p's order among the user's: the one that the cloud named; or
// the only one of its SKU that was made when p was, was not there before, and is
// nobody else's. What it finds is bound. It looks at all of them every time: one
// that is listed late can turn out to be as likely as the one that was found.
func (s *Service) sight(ctx context.Context, p Purchase, user MallUser) (sighting, error) {
	if p.Mall.UserID != "" && user.UserID != "" && user.UserID != p.Mall.UserID {
		return sighting{doubt: fmt.Sprintf("the buyer is the user %.64s now, and was %.64s when the order was made", user.UserID, p.Mall.UserID)}, nil
	}
	named := p.Mall.NamedOrderID
	if p.Mall.ByHand {
		named = p.Mall.OrderID // a person has decided
	}
	var mine *mall.Order
	var fresh []mall.Order
	var others []string
	for order, err := range s.orders(ctx, *p.Mall, user) {
		if err != nil {
			return sighting{}, err
		}
		switch id := order.BaseInfo.OrderID; {
		case named != "" && id == named, named == "" && id == p.Mall.OrderID && id != "":
			mine = &order
		case named == "" && s.mayBe(p, order):
			fresh = append(fresh, order)
		}
		if s.mayGrow(p, order) {
			others = append(others, order.BaseInfo.OrderID)
		}
	}
	if named == "" && len(fresh) > 0 {
		var err error
		if fresh, err = s.unclaimed(ctx, p, user, fresh); err != nil {
			return sighting{}, err
		}
	}
	switch {
	case mine != nil && !sells(*mine, p.Mall.SKUCode):
		return sighting{doubt: fmt.Sprintf("the order %.64s is of another skuCode", mine.BaseInfo.OrderID)}, nil
	case mine != nil && p.Mall.OrderID == "" && slices.Contains(p.Mall.Seen, mine.BaseInfo.OrderID):
		return sighting{doubt: fmt.Sprintf("the cloud named the order %.64s, which the user had before", mine.BaseInfo.OrderID)}, nil
	case mine != nil && len(fresh) > 0:
		return sighting{doubt: fmt.Sprintf("the orders %.64s and %.64s could both be this purchase's: say which with BindOrder", mine.BaseInfo.OrderID, fresh[0].BaseInfo.OrderID)}, nil
	case mine != nil:
		seen, err := s.bind(ctx, p, *mine)
		seen.others = others
		return seen, err
	case len(fresh) == 0 || p.Mall.OrderID != "":
		return sighting{}, nil
	case len(fresh) > 1:
		return sighting{doubt: fmt.Sprintf("%d orders could be this purchase's, %.64s and %.64s among them: say which with BindOrder", len(fresh), fresh[0].BaseInfo.OrderID, fresh[1].BaseInfo.OrderID)}, nil
	case wasPaid(fresh[0].BaseInfo.OrderStatus):
		return sighting{doubt: fmt.Sprintf("the order %.64s could be this purchase's, and was paid before anybody was handed anything to pay it by: say with BindOrder whether it is", fresh[0].BaseInfo.OrderID)}, nil
	}
	return s.bind(ctx, p, fresh[0])
}

func wasPaid(status mall.OrderStatus) bool {
	switch status {
	case mall.OrderPaid, mall.OrderDelivering, mall.OrderDelivered, mall.OrderPartDelivered, mall.OrderFinished:
		return true
	}
	return false
}

// mayBe reports whether an order could be the one that p made: of its SKU, not
// there before, and made at about that time.
func (s *Service) mayBe(p Purchase, order mall.Order) bool {
	if p.Mall.Abandoned || !sells(order, p.Mall.SKUCode) || slices.Contains(p.Mall.Seen, order.BaseInfo.OrderID) {
		return false
	}
	if order.BaseInfo.GMTCreate == 0 {
		return true // it does not say when
	}
	made, skew := order.BaseInfo.GMTCreate.Time(), s.cfg.Mall.ClockSkew
	return !made.Before(p.Mall.BuyingAt.Add(-skew)) && !made.After(p.Mall.BuyingAt.Add(s.cfg.InFlight+skew))
}

// unclaimed leaves out the orders that prove other purchases, and the renewals
// of subscriptions that were there before.
func (s *Service) unclaimed(ctx context.Context, p Purchase, user MallUser, orders []mall.Order) ([]mall.Order, error) {
	renewed := map[string]bool{}
	if len(p.Mall.SeenSubscriptions) > 0 {
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
		if !check.ID(id) {
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
			left = append(left, order) // claimed before a crash
		}
	}
	return left, nil
}

// bind makes an order prove p, and nothing else for ever.
func (s *Service) bind(ctx context.Context, p Purchase, order mall.Order) (sighting, error) {
	id := order.BaseInfo.OrderID
	if !check.ID(id) {
		return sighting{doubt: "the cloud names an order without a proper orderId"}, nil
	}
	if id != p.Mall.OrderID {
		holder, err := journal.Claim(ctx, s.cfg.Store, orderPrefix+id, p.ID)
		switch {
		case err != nil:
			return sighting{}, err
		case holder != p.ID:
			s.cfg.Logger.ErrorContext(ctx, "an order claims two purchases", "order_id", id, "id", p.ID, "other_id", holder)
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
	record := func(p *Purchase, due *time.Time) error {
		p.Mall.NamedOrderID, p.Mall.Prepay = answered.NamedOrderID, answered.Prepay
		if seen.doubt != "" {
			p.Mall.PriceSeen = false
			return s.attention(ctx, p, due, seen.doubt)
		}
		if !seen.found {
			return s.unseen(p, due)
		}
		base := seen.order.BaseInfo
		// Without the cloud's word which order it is, one look is not enough to
		// hand out what it is paid by.
		certain := p.Mall.NamedOrderID != "" || p.Mall.OrderID != ""
		p.Mall.OrderID = base.OrderID
		problem := differs(p, base)
		switch {
		case wasPaid(base.OrderStatus):
			p.Payment = &Payment{TradeNo: base.OrderID, By: ByOrderList, At: s.now()}
			p.forget()
			if problem != "" {
				return s.attention(ctx, p, due, "the order "+base.OrderID+" was paid, and is not what the buyer saw: "+problem)
			}
			*due = s.now()
			return p.enter(s.now(), Paid, "by "+ByOrderList)
		case base.OrderStatus == mall.OrderRefunded:
			p.forget()
			return s.attention(ctx, p, due, "the mall says that the order "+base.OrderID+" was refunded")
		case base.OrderStatus == mall.OrderCanceled, base.OrderStatus == mall.OrderClosed:
			p.forget()
			*due = time.Time{}
			if p.State == Expired {
				return nil
			}
			return p.enter(s.now(), Expired, "the order was "+string(base.OrderStatus))
		}
		return s.waits(ctx, p, due, base, problem, certain)
	}
	result := outcome{record: record}
	if seen.doubt != "" {
		result.cause = &core.Error{Op: "purchase", Code: core.CodeMismatch, Err: errors.New(seen.doubt)}
	}
	return result
}

// forget drops what an order is paid by: nobody is to pay it any more.
func (p *Purchase) forget() { p.Mall.Prepay, p.Mall.PriceSeen = nil, false }

// unseen records that the order is not listed. It may be, later.
func (s *Service) unseen(p *Purchase, due *time.Time) error {
	now := s.now()
	p.Mall.PriceSeen = false
	switch {
	case p.State == Ordering && p.Mall.Prepay == nil && now.Before(s.listedBy(*p)):
		p.polled()
		p.because("the answer was lost, and no order is listed yet")
	case p.State == Ordering && p.Mall.Prepay == nil:
		if err := p.enter(now, Expired, "no order came of it"); err != nil {
			return err
		}
	case p.State == Ordering:
		if err := p.enter(now, Unpaid, ""); err != nil {
			return err
		}
		p.because("the order is not listed yet: what it costs is not known")
	case p.State == Unpaid && !now.Before(p.PayUntil):
		if err := p.enter(now, Expired, "its order was not listed in time"); err != nil {
			return err
		}
	default:
		p.polled()
	}
	if p.State == Expired {
		p.forget()
	}
	*due = s.nextMallPoll(*p)
	return nil
}

// listedBy is when an order that p may have made is listed, or was never made.
// No order of another purchase of its SKU is made before that.
func (s *Service) listedBy(p Purchase) time.Time {
	return p.Mall.BuyingAt.Add(max(s.cfg.Mall.Listing, 2*s.cfg.Mall.ClockSkew) + s.cfg.InFlight)
}

// waits records that the order is there and is not paid. certain says that it is
// known to be p's.
func (s *Service) waits(ctx context.Context, p *Purchase, due *time.Time, base mall.OrderBaseInfo, problem string, certain bool) error {
	now := s.now()
	late := !now.Before(p.PayUntil)
	known := slices.Contains([]mall.OrderStatus{mall.OrderCreated, mall.OrderPaying, mall.OrderPendingAuditPaid}, base.OrderStatus)
	switch {
	case p.State == Expired:
		p.polled()
	case late && !known:
		p.forget()
		return s.attention(ctx, p, due, fmt.Sprintf("the order %s has the status %.40q, of which nothing is known", base.OrderID, base.OrderStatus))
	case late:
		if err := p.enter(now, Expired, "nobody paid in time"); err != nil {
			return err
		}
	case problem == "" && p.Mall.Prepay == nil:
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
	switch {
	case p.State != Unpaid:
		p.forget()
	case problem != "":
		if !p.Mall.Withheld {
			s.cfg.Logger.WarnContext(ctx, "an order is not what the buyer saw", "id", p.ID, "order_id", base.OrderID, "reason", problem)
		}
		p.forget()
		p.Mall.Withheld = true
		p.because("price changed: " + problem + "; nothing to pay by was handed out")
	case !p.Mall.Withheld:
		p.because("")
		p.Mall.PriceSeen = certain
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

// BindOrder says which order is that of a purchase of the mall rail which is in
// Attention or Expired and not paid: after two could have been, or one was listed
// too late. The order must be in the user's list, be of the SKU, and not have
// been there before. It takes the place of one that was bound by mistake. note,
// which goes into the history, says who decided and why.
//
// core.CodeConflict: the purchase, or the order, is none that can be bound;
// core.CodeNotFound: the order is not in the user's list.
func (s *Service) BindOrder(ctx context.Context, id, orderID, note string) (Purchase, error) {
	const op = "purchase.BindOrder"
	if !check.ID(orderID) {
		return Purchase{}, core.Invalid(op, "orderId must be 1 to 64 of A-Z, a-z, 0-9, _ and -")
	}
	unfit := func(why string) error {
		return &core.Error{Op: op, Code: core.CodeConflict, Err: fmt.Errorf("purchase %s cannot be bound to the order %s: %s", id, orderID, why)}
	}
	fits := func(p *Purchase) error {
		switch {
		case p.Mall == nil || p.Mall.BuyingAt.IsZero():
			return unfit("it made no order in the mall")
		case p.State != Attention && p.State != Expired:
			return unfit("it is " + string(p.State))
		case p.Payment != nil:
			return unfit("it is paid")
		case slices.Contains(p.Mall.Seen, orderID):
			return unfit("the user had that order before")
		}
		return s.runs(p)
	}
	p, err := s.Get(ctx, id)
	if err == nil {
		err = fits(&p)
	}
	if err != nil {
		return p, err
	}
	user, err := s.mallUser(ctx, p.Buyer)
	if err != nil {
		return p, err
	}
	listed := false
	for order, err := range s.orders(ctx, *p.Mall, user) {
		if err != nil {
			return p, err
		}
		if order.BaseInfo.OrderID == orderID {
			if !sells(order, p.Mall.SKUCode) {
				return p, unfit("it is of another skuCode")
			}
			listed = true
			break
		}
	}
	if !listed {
		return p, &core.Error{Op: op, Code: core.CodeNotFound, Err: fmt.Errorf("the user has no order %s", orderID)}
	}
	holder, err := journal.Claim(ctx, s.cfg.Store, orderPrefix+orderID, p.ID)
	switch {
	case err != nil:
		return p, err
	case holder != p.ID:
		return p, unfit("it proves the purchase " + holder)
	}
	before := ""
	p, err = s.change(ctx, id, func(p *Purchase, due *time.Time) error {
		if err := fits(p); err != nil {
			return err
		}
		before = p.Mall.OrderID
		p.Mall.OrderID, p.Mall.ByHand, p.Mall.Abandoned, *due = orderID, true, false, s.now()
		p.forget()
		if p.State == Expired {
			p.note(s.now(), note)
			return nil
		}
		return p.enter(s.now(), Expired, note)
	})
	if err == nil && before != "" && before != orderID {
		err = s.unclaim(ctx, before, p.ID)
	}
	return p, err
}

// unclaim lets an order go that was bound by mistake.
func (s *Service) unclaim(ctx context.Context, orderID, id string) error {
	record, err := s.cfg.Store.Get(ctx, orderPrefix+orderID)
	switch {
	case isNotFound(err), err == nil && string(record.Body) != id:
		return nil
	case err != nil:
		return err
	}
	return s.cfg.Store.Delete(ctx, record.ID, record.Version)
}
