package purchase_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/mall"
	"github.com/imprest-go/imprest/core/purchase"
)

// mallWorld is a world with a mall in it: users order and pay there, and the
// mall grants services by itself.
type mallWorld struct {
	*world
	sold     map[string]*soldOrder // by order id
	ids2     []string              // in the order of their making
	services map[string][]mall.Service
	subs     []*mall.Subscription
	price    core.Fen
	// surcharge is what an order costs more than the list says.
	surcharge core.Fen
	named     bool // the answer to a purchase names the order
	lag       time.Duration
	buys      int
	buyErr    error
	// late, if set, makes orders appear when it is called.
	late func()
	hold bool
	// on is run once, before the read of that name.
	on map[string]func()
	// answers, if set, is the order that the answer to a purchase names.
	answers string
	// twist changes what the list says of orders, offer what is offered.
	twist func(*mall.Order)
	offer func(*mall.Commodity)
}

type soldOrder struct {
	id, device, sku string
	subscribes      bool
	amount          core.Fen
	status          mall.OrderStatus
	at              time.Time
	granted         int
}

func newMallWorld(t testing.TB) *mallWorld {
	return &mallWorld{world: newWorld(t), sold: map[string]*soldOrder{}, price: 3600, services: map[string][]mall.Service{
		"dev-1": {{Code: "free-storage"}}, "dev-2": {{Code: "voip", StartTime: 1, EndTime: 1_700_000_000_000}},
	}}
}

func (w *mallWorld) restart() *purchase.Service {
	w.dead = false
	return w.over(watchedStore{w.world})
}

// over is a process on that journal.
func (w *mallWorld) over(store journal.Store) *purchase.Service {
	s, err := purchase.New(purchase.Config{
		Store: store,
		Mall: &purchase.Mall{
			Operations: w, WXAppID: "wx1",
			User: func(_ context.Context, buyer string) (purchase.MallUser, error) {
				return purchase.MallUser{Caller: mall.Caller{UserID: "uid-" + buyer}}, nil
			},
		},
		Now: func() time.Time { return w.now }, Rand: w.rand,
	})
	require.NoError(w.t, err)
	return s
}

func (w *mallWorld) unknown(what string) error {
	return &core.Error{Op: "mall." + what, Code: core.CodeUnknown, Safe: true, Err: errors.New("timed out")}
}

func (w *mallWorld) read(what string, effect func() error) error {
	if hook := w.on[what]; hook != nil {
		delete(w.on, what)
		hook()
	}
	return w.io(what, w.unknown(what), errPlatformClean, effect)
}

func (w *mallWorld) GetCommodityList(context.Context, mall.Caller, string) (list []mall.Commodity, err error) {
	err = w.read("getCommodityList", func() error {
		list = []mall.Commodity{
			{SKUCode: "sku-voip", ServiceCode: "voip", Title: "VoIP", Prices: []mall.Price{
				{Price: mall.NewMoney(w.price), Currency: "CNY"},
				{Price: mall.NewMoney(w.price), Currency: "CNY", OptionType: 2, OptionNo: 1, PeriodType: mall.PeriodSubscribe},
			}},
		}
		if w.offer != nil {
			w.offer(&list[0])
		}
		return nil
	})
	return list, err
}

func (w *mallWorld) GetAppMallInfo(context.Context, mall.Caller, string, string) (info mall.AppMallInfo, err error) {
	err = w.read("getAppMallInfo", func() error {
		info = mall.AppMallInfo{MallCode: "m1", SiteCode: "CN", ShopCode: "s1", Currency: "CNY"}
		return nil
	})
	return info, err
}

func (w *mallWorld) GetServiceListByDevice(_ context.Context, _ mall.Caller, device string) (list []mall.Service, err error) {
	err = w.read("getServiceListByDevice", func() error {
		list = append(list, w.services[device]...)
		return nil
	})
	return list, err
}

func (w *mallWorld) GetDeviceWXUserInfo(context.Context, mall.Caller, string) (u mall.DeviceWXUser, err error) {
	err = w.read("getDeviceWXUserInfo", func() error {
		u = mall.DeviceWXUser{OpenID: "open-1"}
		return nil
	})
	return u, err
}

func (w *mallWorld) BuyIncreaseServiceByWx(_ context.Context, _ mall.Caller, p mall.BuyParams) (prepay mall.Prepay, err error) {
	unknown := &core.Error{Op: "mall.BuyIncreaseServiceByWx", Code: core.CodeUnknown, Err: errors.New("timed out")}
	w.buys++
	err = w.io("buyIncreaseServiceByWx", unknown, errPlatformClean, func() error {
		if w.buyErr != nil {
			return w.buyErr
		}
		id := fmt.Sprintf("O%d", len(w.sold)+1)
		effect := func() { w.addOrder(id, p.DeviceID, p.SKUCode, p.OptionType == 2) }
		if w.hold {
			w.late = effect
			return unknown
		}
		effect()
		prepay = mall.Prepay{TimeStamp: "1", NonceStr: "n", Package: "prepay_id=1", PaySign: "s"}
		if w.named {
			prepay.OrderID = cmp.Or(w.answers, id)
		}
		return nil
	})
	return prepay, err
}

// addOrder is an order, made here or elsewhere.
func (w *mallWorld) addOrder(id, device, sku string, subscribes bool) *soldOrder {
	o := &soldOrder{id: id, device: device, sku: sku, subscribes: subscribes, amount: w.price + w.surcharge, status: mall.OrderCreated, at: w.now}
	w.sold[id] = o
	w.ids2 = append(w.ids2, id)
	return o
}

func (w *mallWorld) Orders(context.Context, mall.Caller, mall.OrderListParams) iter.Seq2[mall.Order, error] {
	return func(yield func(mall.Order, error) bool) {
		var list []mall.Order
		err := w.read("getOrderList", func() error {
			for i := len(w.ids2) - 1; i >= 0; i-- {
				o := w.sold[w.ids2[i]]
				if o.at.Add(w.lag).After(w.now) {
					continue
				}
				list = append(list, mall.Order{
					BaseInfo: mall.OrderBaseInfo{
						OrderID: o.id, OrderStatus: o.status, GMTCreate: mall.Millis(o.at.UnixMilli()), AmountTrade: mall.NewMoney(o.amount), Currency: "CNY", TotalQuantity: 1,
						MallInfo: mall.MallInfo{MallCode: "m1"},
					},
					CommodityInfos: []mall.OrderCommodityInfo{{SKUCode: o.sku, Quantity: 1}},
				})
				if w.twist != nil {
					w.twist(&list[len(list)-1])
				}
			}
			return nil
		})
		if err != nil {
			yield(mall.Order{}, err)
			return
		}
		for _, o := range list {
			if !yield(o, nil) {
				return
			}
		}
	}
}

func (w *mallWorld) Subscriptions(context.Context, mall.Caller, mall.SubscriptionListParams) iter.Seq2[mall.Subscription, error] {
	return func(yield func(mall.Subscription, error) bool) {
		if err := w.read("getSubscriptionOrderList", func() error { return nil }); err != nil {
			yield(mall.Subscription{}, err)
			return
		}
		for _, s := range w.subs {
			if !yield(*s, nil) {
				return
			}
		}
	}
}

// payOrder is what the user does in WeChat; the mall grants what was paid for
// when it gets to it.
func (w *mallWorld) payOrder(id string) {
	if o := w.sold[id]; o.status == mall.OrderCreated {
		o.status = mall.OrderPaid
		if o.subscribes {
			w.subs = append(w.subs, &mall.Subscription{
				SubscribeID: "S" + id, Status: 1, GMTNextTime: mall.Millis(w.now.Add(30 * 24 * time.Hour).UnixMilli()),
				OrderListModel: mall.OrderListModel{OrderID: id},
			})
		}
	}
}

func (w *mallWorld) grant(id string) {
	o := w.sold[id]
	if o.status != mall.OrderPaid {
		return
	}
	o.status = mall.OrderFinished
	o.granted++
	const year = 365 * 24 * 3600 * 1000
	for i := range w.services[o.device] {
		if s := &w.services[o.device][i]; s.Code == "voip" {
			s.EndTime += year
			return
		}
	}
	w.services[o.device] = append(w.services[o.device], mall.Service{Code: "voip", StartTime: 5, EndTime: 1_800_000_000_000})
}

func mallRequest(device string) purchase.MallRequest {
	return purchase.MallRequest{
		Buyer: "buyer", Device: mall.Device{ID: device, Name: "Doorbell", UUID: "uuid-1"}, HomeID: "h1",
		CatalogCode: "VOIP", SKUCode: "sku-voip", Price: 3600,
	}
}

// purchases returns what is on record.
func (w *mallWorld) purchases(s *purchase.Service) []purchase.Purchase {
	var all []purchase.Purchase
	for _, id := range w.ids() {
		p, err := s.Get(w.t.Context(), id)
		require.NoError(w.t, err)
		all = append(all, p)
	}
	return all
}

// settle lets time pass, with every fault over.
func (w *mallWorld) settle(s *purchase.Service, rounds int, step time.Duration) {
	w.faultAt = -1
	for range rounds {
		for _, id := range w.ids2 {
			w.grant(id)
		}
		_, err := s.Reconcile(w.t.Context())
		require.NoError(w.t, err)
		w.now = w.now.Add(step)
	}
}

// hold the invariants of the mall rail at the end of a run.
func (w *mallWorld) checkMall(s *purchase.Service) {
	owner := map[string]string{}
	asked := 0
	for _, p := range w.purchases(s) {
		if !p.Mall.BuyingAt.IsZero() {
			asked++
		}
		id := p.Mall.OrderID
		if id != "" {
			require.Empty(w.t, owner[id], "an order proves two purchases")
			owner[id] = p.ID
			require.Equal(w.t, p.Mall.ID, w.sold[id].device, "an order of another device")
		}
		order := w.sold[id]
		switch p.State {
		case purchase.Delivered:
			require.NotNil(w.t, order)
			require.Equal(w.t, 1, order.granted, "delivered, and nothing was granted")
			require.Equal(w.t, p.Amount, order.amount)
		case purchase.Expired, purchase.Unpaid:
			require.True(w.t, order == nil || order.status == mall.OrderCreated, "%s, and its order is %v: %+v", p.State, order, p.History)
		case purchase.Attention:
			require.NotEmpty(w.t, p.Reason)
		default:
			require.Fail(w.t, "not settled", "%s %s: %+v", p.State, p.Reason, p.History)
		}
	}
	require.LessOrEqual(w.t, w.buys, asked, "an order was made that is not on record, or made twice")
}
