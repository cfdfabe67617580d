package purchase

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/internal/check"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/mall"
)

// fenCurrency is the currency whose hundredth is a fen.
const fenCurrency = "CNY"

// BeginMall records a purchase on the mall rail and orders it in Tuya's mall.
// The purchase it returns is Unpaid; once its order is known to cost what the
// buyer saw, [Purchase.View] has what wx.requestPayment needs in the mini
// program. What the mini program then says of the payment proves nothing:
// [Service.Advance] and [Service.Reconcile] learn it from the user's orders, and
// that it was delivered from the device's services.
//
// The platform has neither an idempotency key nor a refund for this call. So a
// user has one open purchase of a SKU for a device; the orders that he had
// before are on record before it is made; an order proves one purchase for
// ever; and where two could be meant, or a paid order brings no service, the
// purchase goes to Attention.
//
// Errors before anything was recorded: core.CodeInvalid, core.CodeNotFound (no
// such commodity or mall), [ErrPriceChanged], [ErrPurchaseOpen] with the open
// purchase, the cloud's and the journal's. With any later error the purchase is
// returned too: it is Expired if there is certainly no order, and Ordering if
// nobody knows.
func (s *Service) BeginMall(ctx context.Context, r MallRequest) (Purchase, error) {
	const op = "purchase.BeginMall"
	if s.cfg.Mall == nil {
		return Purchase{}, core.Invalid(op, "Mall is not set in the configuration")
	}
	if err := check.Struct(op, r); err != nil {
		return Purchase{}, err
	}
	user, err := s.mallUser(ctx, r.Buyer)
	if err != nil {
		return Purchase{}, err
	}
	p, err := s.mallPurchase(ctx, r, user)
	if err != nil {
		return Purchase{}, err
	}
	// A look first, so that a user who presses twice leaves no second record.
	_, l, err := s.readLane(ctx, laneID(p.Mall, p.Buyer))
	if err != nil {
		return Purchase{}, err
	}
	if holder, err := s.laneHolder(ctx, l, p); err != nil {
		return holder, err
	}
	if err := checkSize(op, p); err != nil {
		return Purchase{}, err
	}
	if _, err := s.store(ctx, journal.Record{ID: Prefix + p.ID}, p, s.brokenOff(p)); err != nil {
		return Purchase{}, err
	}
	// The step writes its intent, so how it went does not rest on this record.
	begun, err := s.firstStep(ctx, p, journal.Record{}, "purchase.buy", func(ctx context.Context, p Purchase) outcome {
		return s.buy(ctx, p, user)
	})
	if errors.Is(err, ErrPurchaseOpen) { // somebody was faster since the look
		if _, l, laneErr := s.readLane(ctx, laneID(p.Mall, p.Buyer)); laneErr == nil {
			if holder, open := s.laneHolder(ctx, l, p); errors.Is(open, ErrPurchaseOpen) {
				return holder, open
			}
		}
	}
	return begun, err
}

// mallUser asks who a buyer is to the cloud.
func (s *Service) mallUser(ctx context.Context, buyer string) (MallUser, error) {
	user, err := s.cfg.Mall.User(ctx, buyer)
	if err == nil && user.UserID == "" && user.Credential.IsZero() {
		err = core.Invalid("purchase.Mall", "User returned nobody: a UserID or a Credential must be given")
	}
	return user, err
}

// mallPurchase makes the record of what a request asks for, at the cloud's own
// price.
func (s *Service) mallPurchase(ctx context.Context, r MallRequest, user MallUser) (Purchase, error) {
	const op = "purchase.BeginMall"
	commodities, err := s.cfg.Mall.Operations.GetCommodityList(ctx, user.Caller, r.ID)
	if err != nil {
		return Purchase{}, err
	}
	commodity, price, err := offered(commodities, r)
	if err != nil {
		return Purchase{}, err
	}
	info, err := s.cfg.Mall.Operations.GetAppMallInfo(ctx, user.Caller, r.ID, r.CatalogCode)
	switch {
	case err != nil:
		return Purchase{}, err
	case info.Currency != fenCurrency || price.Currency != fenCurrency:
		return Purchase{}, core.Mismatch(op, fmt.Sprintf("the mall's currency is %.8q and the price's %.8q: only %s is sold", info.Currency, price.Currency, fenCurrency))
	case price.Price.Fen != r.Price:
		return Purchase{}, ErrPriceChanged
	}
	id, err := core.RandomText(s.cfg.Rand, 26)
	if err != nil {
		return Purchase{}, err
	}
	owner, err := core.RandomText(s.cfg.Rand, 16)
	if err != nil {
		return Purchase{}, err
	}
	service := commodity.ServiceCode
	if s.cfg.Mall.ServiceCode != nil {
		service = s.cfg.Mall.ServiceCode(commodity)
	}
	if service == "" {
		return Purchase{}, core.Mismatch(op, "the commodity names no serviceCode, so nothing could show that it was delivered: set Mall.ServiceCode")
	}
	now := s.now()
	p := Purchase{
		ID: id, State: Ordering, Buyer: r.Buyer, AppID: s.cfg.Mall.WXAppID,
		OfferID: DeviceOfferID(r.SKUCode, r.ID), Title: cut(commodity.Title, maxNote), Amount: price.Price.Fen,
		CreatedAt: now, PayUntil: now.Add(s.cfg.PayWithin),
		Attempts: 1, Lease: &Lease{Owner: owner, Until: now.Add(s.cfg.Lease)},
		Mall: &MallPurchase{
			UserID: user.UserID, Device: r.Device, HomeID: r.HomeID, CatalogCode: r.CatalogCode,
			MallCode: info.MallCode, SiteCode: info.SiteCode, Currency: info.Currency,
			SKUCode: r.SKUCode, OptionType: r.OptionType, OptionNo: r.OptionNo,
			ServiceCode: service, Subscribes: price.PeriodType == mall.PeriodSubscribe,
		},
	}
	p.note(now, "")
	return p, nil
}

// offered finds the commodity and the price that a request names.
func offered(commodities []mall.Commodity, r MallRequest) (mall.Commodity, mall.Price, error) {
	const op = "purchase.BeginMall"
	var commodity mall.Commodity
	var price mall.Price
	found := 0
	for _, c := range commodities {
		if c.SKUCode != r.SKUCode {
			continue
		}
		for _, p := range c.Prices {
			if p.OptionType == r.OptionType && p.OptionNo == r.OptionNo {
				commodity, price, found = c, p, found+1
			}
		}
	}
	switch {
	case found == 0:
		return commodity, price, &core.Error{Op: op, Code: core.CodeNotFound, Err: errors.New("this skuCode with this optionType and optionNo is not offered for the device")}
	case found > 1:
		return commodity, price, core.Mismatch(op, "the cloud offers two prices for the same skuCode, optionType and optionNo")
	case !price.Price.Given() || price.Price.Fen <= 0:
		return commodity, price, core.Mismatch(op, "the cloud names no price, or one that is not greater than 0")
	case commodity.UUID != "" && commodity.UUID != r.UUID:
		return commodity, price, core.Invalid(op, "uuid is not that of the device")
	}
	return commodity, price, nil
}

// buy orders what p is about: it puts on record what the user has before, and
// only then makes the order. It is made once.
func (s *Service) buy(ctx context.Context, p Purchase, user MallUser) outcome {
	before, err := s.mallBefore(ctx, p, user)
	if err != nil {
		return s.notBought(err)
	}
	if user.OpenID == "" {
		known, err := s.cfg.Mall.Operations.GetDeviceWXUserInfo(ctx, user.Caller, s.cfg.Mall.WXAppID)
		if err != nil {
			return s.notBought(err)
		}
		user.OpenID = known.OpenID
	}
	p, err = s.intend(ctx, p, func(p *Purchase) {
		before.BuyingAt = s.now()
		p.Mall = &before
	})
	if err != nil {
		return s.notBought(err)
	}
	prepay, err := s.cfg.Mall.Operations.BuyIncreaseServiceByWx(ctx, user.Caller, mall.BuyParams{
		DeviceID: p.Mall.ID, Name: p.Mall.Name, UUID: p.Mall.UUID, HomeID: p.Mall.HomeID,
		MallCode: p.Mall.MallCode, SiteCode: p.Mall.SiteCode, Currency: p.Mall.Currency,
		SKUCode: p.Mall.SKUCode, OptionType: p.Mall.OptionType, OptionNo: p.Mall.OptionNo,
		OpenID: user.OpenID, WXAppID: s.cfg.Mall.WXAppID,
	})
	switch code := core.CodeOf(err); {
	case err == nil:
	case code == core.CodeRefused, code == core.CodeInvalid, code == core.CodeNotFound, code == core.CodeUnreached:
		return s.notBought(err)
	default:
		return outcome{cause: err, record: func(p *Purchase, due *time.Time) error {
			p.Doubt, p.Attempts = true, 0
			p.because(err.Error())
			*due = s.now().Add(s.cfg.InFlight)
			return nil
		}}
	}
	body, err := json.Marshal(prepay)
	if err != nil || len(body) > maxData {
		body = nil // nothing to pay by: the order is found, and expires
	}
	p.Mall.Prepay = body
	if check.ID(prepay.OrderID) {
		p.Mall.NamedOrderID = prepay.OrderID
	}
	named := p.Mall.NamedOrderID
	sighting, err := s.sight(ctx, p, user)
	if err != nil {
		// The order was made; what it costs is looked up in a moment.
		return outcome{record: func(p *Purchase, due *time.Time) error {
			if err := p.enter(s.now(), Unpaid, ""); err != nil {
				return err
			}
			p.Mall.Prepay, p.Mall.NamedOrderID = body, named
			p.because("the order could not be looked up yet: " + err.Error())
			*due = s.nextMallPoll(*p)
			return nil
		}}
	}
	return s.sighted(ctx, sighting, p.Mall)
}

// intend writes, in the middle of a step, what the step is about to do. It
// fails if somebody else has the purchase by now.
func (s *Service) intend(ctx context.Context, p Purchase, write func(*Purchase)) (Purchase, error) {
	owner := p.Lease.Owner
	return s.change(ctx, p.ID, func(p *Purchase, due *time.Time) error {
		if p.Lease == nil || p.Lease.Owner != owner || !s.now().Before(p.Lease.Until) {
			return errLeaseOver
		}
		write(p)
		return nil
	})
}

// mallBefore takes the purchase's place among the user's, and returns it with
// what the user has now.
func (s *Service) mallBefore(ctx context.Context, p Purchase, user MallUser) (MallPurchase, error) {
	m := *p.Mall
	var err error
	if m.Redemptions, err = s.redemptions(ctx, m.ID); err != nil {
		return m, err
	}
	if _, err := s.enterLane(ctx, p); err != nil {
		return m, err
	}
	// After the place was taken: no other purchase of ours adds an order now.
	for order, err := range s.orders(ctx, m, user) {
		if err != nil {
			return m, err
		}
		if !isDone(order.BaseInfo.OrderStatus) {
			m.Pending = append(m.Pending, order.BaseInfo.OrderID)
		}
		if sells(order, m.SKUCode) {
			m.Seen = append(m.Seen, order.BaseInfo.OrderID)
		}
	}
	for sub, err := range s.subscriptions(ctx, m, user) {
		if err != nil {
			return m, err
		}
		m.SeenSubscriptions = append(m.SeenSubscriptions, sub.SubscribeID)
	}
	// Last of all: what an order that is done by now brought is among them.
	services, err := s.cfg.Mall.Operations.GetServiceListByDevice(ctx, user.Caller, m.ID)
	if err != nil {
		return m, err
	}
	m.Before = marks(services)
	if err := s.enterDevice(ctx, m.ID, p.ID); err != nil {
		return m, err
	}
	if size := len(strings.Join(m.Seen, "")) + len(strings.Join(m.Pending, "")) + len(strings.Join(m.SeenSubscriptions, "")); size > maxSeen || len(m.Before) > maxServices {
		return m, core.Invalid("purchase.BeginMall", "the user has more orders of this service, or the device more services, than a record can hold")
	}
	return m, nil
}

// What a record holds of the time before an order.
const (
	maxSeen     = 16 << 10
	maxServices = 64
)

// notBought ends a purchase of which no order can have come.
func (s *Service) notBought(cause error) outcome {
	return outcome{cause: cause, record: func(p *Purchase, due *time.Time) error {
		*due = time.Time{}
		return p.enter(s.now(), Expired, "no order: "+cause.Error())
	}}
}
