package simulate

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/mall"
	"github.com/imprest-go/imprest/core/purchase"
)

// household is Tuya's mall as one user of it sees it: his orders, whoever made
// them and whatever a list shows.
type household struct {
	orders []*mallOrder
	// price is what an order costs that is made now.
	price core.Fen
	// renewals counts how often an old subscription made the service longer.
	renewals int
	// meddled says that more has happened here than purchases.
	meddled bool
}

// mallOrder is an order of the user's, in truth.
type mallOrder struct {
	id, device string
	// maker is the purchase for which it was made; "" is somebody in Tuya's app.
	maker  string
	old    bool // it was there before anything began
	amount core.Fen
	at     time.Time
	status mall.OrderStatus
	// paid: there is money for it, that did not go back.
	paid, granted bool
}

const (
	mallUser   = "u1"
	mallSKU    = "sku-voip"
	mallName   = "m1"
	wxApp      = "wx1"
	prepayID   = "prepay_id="
	mallPage   = 2 // orders on a page
	listing    = time.Minute
	clockSkew  = 10 * time.Second
	raisedBy   = 50
	renewOrder = "R"
)

var _ purchase.MallOperations = (*mallSeam)(nil)

// rail is the mall rail of a process.
func (w *World) rail() *purchase.Mall {
	return &purchase.Mall{
		Operations: &mallSeam{w}, WXAppID: wxApp, Listing: listing, ClockSkew: clockSkew,
		User: func(context.Context, string) (purchase.MallUser, error) {
			return purchase.MallUser{Caller: mall.Caller{UserID: mallUser}, OpenID: "open-1"}, nil
		},
	}
}

// openMall is how the mall stands when a run begins: the user ordered something
// a moment ago, in Tuya's app, and has not paid it.
func (w *World) openMall() {
	w.mall = household{price: price}
	if w.plan.members > 0 {
		w.mall.orders = []*mallOrder{{id: "O0", device: w.device(0), old: true, amount: price, at: epoch.Add(-clockSkew / 2), status: mall.OrderCreated}}
	}
}

func (h *household) order(id string) *mallOrder {
	for _, o := range h.orders {
		if o.id == id {
			return o
		}
	}
	return nil
}

// grants counts what made the service of a device longer.
func (h *household) grants(device string) (n int) {
	for _, o := range h.orders {
		if o.granted && o.device == device {
			n++
		}
	}
	return n
}

// mallOrdered makes an order.
func (w *World) mallOrdered(maker, device string) *mallOrder {
	o := &mallOrder{
		id: fmt.Sprint("O", len(w.mall.orders)), device: device, maker: maker, amount: w.mall.price, at: w.now, status: mall.OrderCreated,
	}
	w.mall.orders = append(w.mall.orders, o)
	w.fact("mall order", o.id+maker+device, int(instant(o.at))+int(o.amount))
	return o
}

// become moves an order on.
func (w *World) become(o *mallOrder, status mall.OrderStatus) {
	o.status = status
	w.fact("mall order is", o.id, int(text(string(status))))
	w.note(w.current, "order "+o.id, "is "+string(status), "")
}

// GetCommodityList offers one commodity.
func (m *mallSeam) GetCommodityList(ctx context.Context, _ mall.Caller, device string) (list []mall.Commodity, err error) {
	w := m.w
	err = w.effect(ctx, "commodities", device, onRead, errAsk, errAsk, func() error {
		list = []mall.Commodity{{SKUCode: mallSKU, ServiceCode: "voip", Title: "VoIP", Prices: []mall.Price{{Price: mall.NewMoney(w.mall.price), Currency: "CNY"}}}}
		w.current.local = mix(w.current.local, uint64(w.mall.price))
		return nil
	})
	return list, err
}

// GetAppMallInfo is no choice point, for it is always the same and comes before
// anything is on record; GetDeviceWXUserInfo is not needed.
func (m *mallSeam) GetAppMallInfo(context.Context, mall.Caller, string, string) (mall.AppMallInfo, error) {
	return mall.AppMallInfo{MallCode: mallName, SiteCode: "CN", ShopCode: "s1", Currency: "CNY"}, nil
}

// GetDeviceWXUserInfo implements purchase.MallOperations.
func (m *mallSeam) GetDeviceWXUserInfo(context.Context, mall.Caller, string) (mall.DeviceWXUser, error) {
	return mall.DeviceWXUser{}, errNoOrder
}

// BuyIncreaseServiceByWx makes an order, whatever was ordered before: nothing
// promises that it looks.
func (m *mallSeam) BuyIncreaseServiceByWx(ctx context.Context, caller mall.Caller, p mall.BuyParams) (mall.Prepay, error) {
	w, id := m.w, ""
	s := w.buying(caller, p)
	err := w.effect(ctx, "buy", s.id, onWrite, errUnknown, errUnreached, func() error {
		id = w.mallOrdered(s.id, p.DeviceID).id
		return nil
	})
	if core.CodeOf(err) == core.CodeUnreached {
		s.buys-- // certainly not sent
		w.fact("bought", s.id, s.buys)
	}
	if err != nil {
		return mall.Prepay{}, err
	}
	prepay := mall.Prepay{TimeStamp: "1", NonceStr: "n", Package: prepayID + id, SignType: "MD5", PaySign: "s"}
	if w.plan.named {
		prepay.OrderID = id
	}
	return prepay, nil
}

// Orders lists the orders of the user who asks, the newest first, page by page.
// One that was made a moment ago may not be listed yet.
func (m *mallSeam) Orders(ctx context.Context, caller mall.Caller, _ mall.OrderListParams) iter.Seq2[mall.Order, error] {
	w := m.w
	return func(yield func(mall.Order, error) bool) {
		if caller.UserID != mallUser {
			return
		}
		kinds, since := onOrders, w.now
		for from := 0; ; from += mallPage {
			var page []mall.Order
			more := false
			f := w.at(ctx, kinds)
			kinds = onRead // all pages of a listing are of the same time
			switch f {
			case failed, requestLost:
				w.told("orders", "", f, errAsk)
				yield(mall.Order{}, errAsk)
				return
			case lagging:
				since = w.now.Add(-listing)
			}
			n := 0
			for i := len(w.mall.orders) - 1; i >= 0; i-- {
				o := w.mall.orders[i]
				if !o.old && o.at.After(since) {
					continue
				}
				if n++; n > from+mallPage {
					more = true
					break
				}
				if n > from {
					page = append(page, o.listed())
					w.current.local = mix(w.current.local, mix(text(o.id), text(string(o.status))))
				}
			}
			w.told("orders", pageText(page), f, nil)
			for _, o := range page {
				if !yield(o, nil) {
					return
				}
			}
			if !more {
				return
			}
		}
	}
}

func (o *mallOrder) listed() mall.Order {
	return mall.Order{
		BaseInfo: mall.OrderBaseInfo{
			OrderID: o.id, OrderStatus: o.status, GMTCreate: mall.Millis(o.at.UnixMilli()), AmountTrade: mall.NewMoney(o.amount), Currency: "CNY", TotalQuantity: 1,
			MallInfo: mall.MallInfo{MallCode: mallName},
		},
		CommodityInfos: []mall.OrderCommodityInfo{{SKUCode: mallSKU, Quantity: 1}},
	}
}

func pageText(page []mall.Order) string {
	var all []string
	for _, o := range page {
		all = append(all, o.BaseInfo.OrderID+" "+string(o.BaseInfo.OrderStatus))
	}
	return strings.Join(all, ", ")
}

// told notes an answer that was made without [World.effect].
func (w *World) told(what, about string, f fault, err error) {
	if w.tracing {
		w.note(w.current, what, about, strings.TrimSpace(f.String()+" "+outcome(err)))
	}
}

// Subscriptions lists the one that the user has had for long, if he has.
func (m *mallSeam) Subscriptions(ctx context.Context, _ mall.Caller, _ mall.SubscriptionListParams) iter.Seq2[mall.Subscription, error] {
	w := m.w
	return func(yield func(mall.Subscription, error) bool) {
		if !w.plan.renews {
			return
		}
		order := "R0"
		err := w.effect(ctx, "subscriptions", "", onRead, errAsk, errAsk, func() error {
			order = fmt.Sprint(renewOrder, w.mall.renewals)
			w.current.local = mix(w.current.local, text(order))
			return nil
		})
		yield(mall.Subscription{SubscribeID: "S1", Status: 1, OrderListModel: mall.OrderListModel{OrderID: order}}, err)
	}
}
