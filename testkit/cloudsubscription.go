package testkit

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/imprest-go/imprest/core"
)

// The statuses of a [MallSubscription]. The page lists none: these are the
// fake's own.
const (
	SubscriptionActive   = 1
	SubscriptionCanceled = 2
)

// MallSubscription is a service that is paid again and again.
type MallSubscription struct {
	// SubscribeID is the subscribeId.
	SubscribeID string
	// UserID is whose it is.
	UserID string
	// OrderIDs are its orders, the first one first.
	OrderIDs []string
	// Status is [SubscriptionActive] or [SubscriptionCanceled].
	Status int
	// Next is when it is paid next: the gmtNextTime. One that was canceled is
	// listed until then.
	Next time.Time
}

func (s MallSubscription) clone() MallSubscription {
	s.OrderIDs = slices.Clone(s.OrderIDs)
	return s
}

// subscribe begins the subscription of an order that was just paid. It is called
// with the lock held.
func (c *Cloud) subscribe(o *MallOrder) {
	s := &MallSubscription{
		SubscribeID: c.ids.next("subscribe_id", 18), UserID: o.UserID, OrderIDs: []string{o.OrderID},
		Status: SubscriptionActive, Next: o.Period.After(millisecond(c.Clock.Now())),
	}
	o.SubscriptionID = s.SubscribeID
	c.subscriptions = append(c.subscriptions, s)
}

// Subscriptions returns all subscriptions, the oldest first.
func (c *Cloud) Subscriptions() []MallSubscription {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make([]MallSubscription, len(c.subscriptions))
	for i, s := range c.subscriptions {
		all[i] = s.clone()
	}
	return all
}

// subscription is called with the lock held.
func (c *Cloud) subscription(id string) *MallSubscription {
	for _, s := range c.subscriptions {
		if s.SubscribeID == id {
			return s
		}
	}
	return nil
}

// RenewSubscription pays for the next period, as the mall does by itself: there
// is another order, of the same amount, which is paid, and delivered as
// [Cloud.PayMallOrder] has it, so that the service lasts longer. It returns that
// order. The error is [core.CodeNotFound] for a subscription that does not
// exist, and [core.CodeConflict] for one that was canceled.
func (c *Cloud) RenewSubscription(subscribeID string) (MallOrder, error) {
	const op = "testkit.Cloud.RenewSubscription"
	c.mu.Lock()
	s := c.subscription(subscribeID)
	switch {
	case s == nil:
		c.mu.Unlock()
		return MallOrder{}, notFound(op, "subscribeId", subscribeID)
	case s.Status != SubscriptionActive:
		c.mu.Unlock()
		return MallOrder{}, &core.Error{Op: op, Code: core.CodeConflict, Err: fmt.Errorf("the subscription %s was canceled", subscribeID)}
	}
	next := *c.order(s.OrderIDs[0])
	next.OrderID, next.Status, next.Created, next.Paid, next.Delivered, next.prepay = "", MallOrderCreated, time.Time{}, time.Time{}, time.Time{}, WXPayment{}
	o := c.addOrder(next)
	s.OrderIDs = append(s.OrderIDs, o.OrderID)
	s.Next = o.Period.After(s.Next)
	c.payOrder(o)
	renewal := *o
	c.mu.Unlock()
	c.deliverLater(o)
	return renewal, nil
}

// CancelSubscription ends a subscription as its user does: nothing is paid any
// more, and it is listed until it would have been. One that is canceled stays so.
// The error is [core.CodeNotFound] for a subscription that does not exist.
func (c *Cloud) CancelSubscription(subscribeID string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.subscription(subscribeID)
	if s == nil {
		return notFound("testkit.Cloud.CancelSubscription", "subscribeId", subscribeID)
	}
	s.Status = SubscriptionCanceled
	c.tagRenewal(c.order(s.OrderIDs[0]))
	return nil
}

func (c *Cloud) getSubscriptionOrderList(a *asked) (any, *denial) {
	type item struct {
		AmountOrigin json.RawMessage `json:"amountOrigin"`
		AmountTrade  json.RawMessage `json:"amountTrade"`
		Currency     string          `json:"currency"`
		Quantity     int             `json:"quantity"`
		SKUCode      string          `json:"skuCode"`
		SKUPic       string          `json:"skuPic"`
		SKUValueList []string        `json:"skuValueList"`
		Title        string          `json:"title"`
	}
	type model struct {
		AmountOrigin   json.RawMessage `json:"amountOrigin"`
		AmountTrade    json.RawMessage `json:"amountTrade"`
		Currency       string          `json:"currency"`
		MallInfo       mallCodes       `json:"mallInfo"`
		OrderGMTCreate int64           `json:"orderGmtCreate"`
		OrderID        string          `json:"orderId"`
		OrderItemList  []item          `json:"orderItemList"`
		OrderStatus    string          `json:"orderStatus"`
		Quantity       int             `json:"quantity"`
	}
	type subscription struct {
		GMTNextTime     int64  `json:"gmtNextTime"`
		OrderListModel  model  `json:"orderListModel"`
		PaidProvider    int    `json:"paidProvider"`
		RegularInterval int    `json:"regularInterval"`
		RegularUnit     int    `json:"regularUnit"`
		Status          int    `json:"status"`
		SubscribeID     string `json:"subscribeId"`
	}
	if denied := c.knownMall(a); denied != nil {
		return nil, denied
	}
	var own []*MallSubscription
	for _, s := range slices.Backward(c.subscriptions) {
		first := c.order(s.OrderIDs[0])
		ended := s.Status != SubscriptionActive && !c.Clock.Now().Before(s.Next)
		if s.UserID == a.user.ID && !ended && first.Mall.MallCode == a.text("mallCode") && first.Mall.SiteCode == a.text("siteCode") {
			own = append(own, s)
		}
	}
	asked, _ := page(own, a.number("pageNo"), a.number("pageSize"))
	list := []subscription{}
	for _, s := range asked {
		o := c.order(s.OrderIDs[len(s.OrderIDs)-1])
		if c.readings.FirstOrder {
			o = c.order(s.OrderIDs[0])
		}
		list = append(list, subscription{
			GMTNextTime: s.Next.UnixMilli(), PaidProvider: 1, RegularInterval: o.Period.Value, RegularUnit: o.Period.Unit, Status: s.Status, SubscribeID: s.SubscribeID,
			OrderListModel: model{
				AmountOrigin: c.amount(o.AmountOrigin), AmountTrade: c.amount(o.AmountTrade), Currency: o.Currency, MallInfo: codesOf(o.Mall),
				OrderGMTCreate: o.Created.UnixMilli(), OrderID: o.OrderID, OrderStatus: o.Status, Quantity: o.Quantity,
				OrderItemList: []item{{
					AmountOrigin: c.amount(o.AmountOrigin), AmountTrade: c.amount(o.AmountTrade), Currency: o.Currency, Quantity: o.Quantity,
					SKUCode: o.SKUCode, SKUPic: "ecommerce/imprest.png", SKUValueList: []string{}, Title: o.Title,
				}},
			},
		})
	}
	return struct {
		Data        []subscription `json:"data"`
		Index       int            `json:"index"`
		PageSize    int64          `json:"pageSize"`
		TotalRecord int            `json:"totalRecord"`
		PageNum     int64          `json:"pageNum"`
		Empty       bool           `json:"empty"`
	}{list, 0, a.number("pageSize"), len(own), a.number("pageNo"), len(list) == 0}, nil
}
