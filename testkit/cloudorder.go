package testkit

import (
	"fmt"
	"slices"
	"time"

	"github.com/imprest-go/imprest/core"
)

// The statuses of a [MallOrder]: orderStatus, all that the page lists.
const (
	MallOrderCreated          = "created"
	MallOrderPendingAuditPaid = "pending_audit_paid"
	MallOrderPaying           = "paying"
	MallOrderPaid             = "paid"
	MallOrderDelivering       = "delivering"
	MallOrderDelivered        = "delivered"
	MallOrderPartDelivered    = "part_delivered"
	MallOrderFinished         = "finished"
	MallOrderCanceled         = "canceled"
	MallOrderClosed           = "closed"
	MallOrderRefunded         = "refunded"
)

// mallOrderMoves is what may follow what. Tuya publishes the statuses and not
// their order; this is the fake's reading of their names.
var mallOrderMoves = map[string][]string{
	MallOrderCreated:          {MallOrderPaying, MallOrderPendingAuditPaid, MallOrderPaid, MallOrderCanceled, MallOrderClosed},
	MallOrderPaying:           {MallOrderCreated, MallOrderPaid, MallOrderCanceled, MallOrderClosed},
	MallOrderPendingAuditPaid: {MallOrderPaid, MallOrderCanceled, MallOrderClosed},
	MallOrderPaid:             {MallOrderDelivering, MallOrderDelivered, MallOrderRefunded},
	MallOrderDelivering:       {MallOrderPartDelivered, MallOrderDelivered, MallOrderRefunded},
	MallOrderPartDelivered:    {MallOrderDelivered, MallOrderRefunded},
	MallOrderDelivered:        {MallOrderFinished, MallOrderRefunded},
	MallOrderFinished:         {MallOrderRefunded},
	MallOrderCanceled:         {},
	MallOrderClosed:           {},
	MallOrderRefunded:         {},
}

// MallOrder is an order of the mall.
type MallOrder struct {
	// OrderID is the orderId; made up if it is empty.
	OrderID string
	// UserID is whose it is; the first user's if it is empty.
	UserID string
	// DeviceID is what it is for, in the home HomeID. No list tells it.
	DeviceID string
	HomeID   string
	// Mall is where it was made; that of the first catalog if it is empty.
	Mall MallInfo
	// CommodityCode, SKUCode, ServiceCode and Title are the commodity's.
	CommodityCode string
	SKUCode       string
	ServiceCode   string
	Title         string
	// OptionType, OptionNo, PeriodType and Period are those of the price that
	// was picked.
	OptionType int
	OptionNo   int
	PeriodType int
	Period     Period
	// AmountTrade is what it costs in fen, AmountOrigin what it cost before
	// any discount; the same if it is 0.
	AmountTrade  core.Fen
	AmountOrigin core.Fen
	// Currency is the mall's if it is empty, Quantity is 1 if it is 0.
	Currency string
	Quantity int
	// Status is one of [MallOrderCreated] and its like; that one if it is
	// empty.
	Status string
	// Created is when it was made, the clock's time if it is zero; Paid and
	// Delivered are when it was paid and when the service was granted.
	Created   time.Time
	Paid      time.Time
	Delivered time.Time
	// Ended is when it was canceled or closed.
	Ended time.Time
	// SubscriptionID is the subscription that it began, or is a renewal of.
	SubscriptionID string

	// prepay is what wx.requestPayment needs for it.
	prepay WXPayment
}

// MallOrders returns all orders, the oldest first.
func (c *Cloud) MallOrders() []MallOrder {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make([]MallOrder, len(c.orders))
	for i, o := range c.orders {
		all[i] = *o
	}
	return all
}

// MallOrder returns the order of that id.
func (c *Cloud) MallOrder(orderID string) (MallOrder, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if o := c.order(orderID); o != nil {
		return *o, true
	}
	return MallOrder{}, false
}

// order is called with the lock held.
func (c *Cloud) order(id string) *MallOrder {
	for _, o := range c.orders {
		if o.OrderID == id {
			return o
		}
	}
	return nil
}

// AddMallOrder adds an order, such as one that the user made in another app, and
// returns it. The error is [core.CodeNotFound] for a user or a device that does
// not exist, [core.CodeConflict] for an OrderID that is taken, and
// [core.CodeInvalid] for a status that is none, an amount that is negative or
// does not come to whole fen for each of Quantity, and a subscription without a
// Period. Nothing is granted for it, whatever its status.
func (c *Cloud) AddMallOrder(o MallOrder) (MallOrder, error) {
	const op = "testkit.Cloud.AddMallOrder"
	c.mu.Lock()
	defer c.mu.Unlock()
	if o.UserID == "" && len(c.users) > 0 {
		o.UserID = c.users[0].ID
	}
	if o.Status == "" {
		o.Status = MallOrderCreated
	}
	if o.Mall == (MallInfo{}) && len(c.catalogs) > 0 {
		o.Mall = c.catalogs[0].Mall
	}
	switch _, known := mallOrderMoves[o.Status]; {
	case !known:
		return MallOrder{}, core.Invalid(op, fmt.Sprintf("Status: %q is none", o.Status))
	case !o.divides(o.AmountTrade), !o.divides(o.AmountOrigin):
		return MallOrder{}, core.Invalid(op, "AmountTrade and AmountOrigin: must be whole fen for each of Quantity, and not negative")
	case o.PeriodType == periodSubscribe && !o.Period.valid():
		return MallOrder{}, core.Invalid(op, "Period: must be a number of years, months, days or weeks for a subscription")
	case c.user(o.UserID) == nil:
		return MallOrder{}, notFound(op, "user_id", o.UserID)
	case o.DeviceID != "" && c.device(o.DeviceID) == nil:
		return MallOrder{}, notFound(op, "device_id", o.DeviceID)
	case o.OrderID != "" && c.order(o.OrderID) != nil:
		return MallOrder{}, taken(op, "orderId", o.OrderID)
	}
	return *c.addOrder(o), nil
}

// divides reports whether an amount can be told: it is not negative, and each of
// the order's items costs whole fen.
func (o MallOrder) divides(amount core.Fen) bool {
	return amount >= 0 && o.Quantity >= 0 && amount%core.Fen(max(o.Quantity, 1)) == 0
}

// addOrder fills in what is left open. It is called with the lock held.
func (c *Cloud) addOrder(o MallOrder) *MallOrder {
	if o.OrderID == "" {
		o.OrderID = c.ids.next("order_id", 18)
	}
	if o.Created.IsZero() {
		o.Created = c.Clock.Now()
	}
	o.Created = millisecond(o.Created)
	if o.AmountOrigin == 0 {
		o.AmountOrigin = o.AmountTrade
	}
	if o.Currency == "" {
		o.Currency = o.Mall.Currency
	}
	o.Quantity = max(o.Quantity, 1)
	if (o.Status == MallOrderCanceled || o.Status == MallOrderClosed) && o.Ended.IsZero() {
		o.Ended = o.Created
	}
	c.orders = append(c.orders, &o)
	return &o
}

// SetMallOrderAmount changes what an order costs that is not paid, as when the
// mall recalculates it. It reports whether it did: not if there is no such order,
// nor if the amount is negative or no whole fen for each of its Quantity.
func (c *Cloud) SetMallOrderAmount(orderID string, amount core.Fen) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := c.order(orderID)
	if o == nil || !o.Paid.IsZero() || !o.divides(amount) {
		return false
	}
	o.AmountTrade = amount
	return true
}

// PayMallOrder pays an order as its user does in WeChat, whoever showed him what.
// It becomes paid; then the mall delivers, at once or as
// [CloudReadings].DeliverAfter says: the order goes through delivering and
// delivered to finished, and the device gets the service, or has it for longer.
// An order of a price that is paid again and again begins a subscription.
//
// The error is [core.CodeNotFound] for an order that does not exist, and
// [core.CodeConflict] for one that is neither created nor paying: an audit is
// passed by [Cloud.MoveMallOrder] alone.
func (c *Cloud) PayMallOrder(orderID string) error {
	const op = "testkit.Cloud.PayMallOrder"
	c.mu.Lock()
	o := c.order(orderID)
	switch {
	case o == nil:
		c.mu.Unlock()
		return notFound(op, "orderId", orderID)
	case o.Status != MallOrderCreated && o.Status != MallOrderPaying:
		status := o.Status
		c.mu.Unlock()
		return &core.Error{Op: op, Code: core.CodeConflict, Err: fmt.Errorf("the order %s is %s: it cannot be paid", orderID, status)}
	}
	c.payOrder(o)
	c.mu.Unlock()
	c.deliverLater(o)
	return nil
}

// payOrder makes an order paid, and delivers it if the mall does so at once. It
// is called with the lock held; deliverLater belongs after it, without.
func (c *Cloud) payOrder(o *MallOrder) {
	c.enterStatus(o, MallOrderPaid)
	if c.readings.DeliverAfter == 0 {
		c.deliverOrder(o)
	}
}

func (c *Cloud) deliverLater(o *MallOrder) {
	if after := c.readings.DeliverAfter; after > 0 {
		c.later(after, func() { c.deliverOrder(o) })
	}
}

// deliverOrder delivers a paid order, unless it went another way meanwhile. It is
// called with the lock held.
func (c *Cloud) deliverOrder(o *MallOrder) {
	if o.Status != MallOrderPaid && o.Status != MallOrderDelivering {
		return
	}
	for _, status := range []string{MallOrderDelivering, MallOrderDelivered, MallOrderFinished} {
		if o.Status != status {
			c.enterStatus(o, status)
		}
	}
}

// MoveMallOrder gives an order another status, with what it brings: paid begins
// a subscription where there is one to begin, delivered grants the service, once.
// A refund takes nothing away that was granted. The error is
// [core.CodeNotFound] for an order that does not exist, and [core.CodeConflict]
// for a status that cannot follow the one that it has.
func (c *Cloud) MoveMallOrder(orderID, status string) error {
	const op = "testkit.Cloud.MoveMallOrder"
	c.mu.Lock()
	defer c.mu.Unlock()
	o := c.order(orderID)
	switch {
	case o == nil:
		return notFound(op, "orderId", orderID)
	case !slices.Contains(mallOrderMoves[o.Status], status):
		return &core.Error{Op: op, Code: core.CodeConflict, Err: fmt.Errorf("the order %s is %s: it cannot become %q", orderID, o.Status, status)}
	}
	c.enterStatus(o, status)
	return nil
}

// enterStatus is called with the lock held, for a move of the table.
func (c *Cloud) enterStatus(o *MallOrder, status string) {
	o.Status = status
	now := millisecond(c.Clock.Now())
	switch status {
	case MallOrderPaid:
		o.Paid = now
		if o.PeriodType == periodSubscribe && o.SubscriptionID == "" {
			c.subscribe(o)
		}
	case MallOrderCanceled, MallOrderClosed:
		o.Ended = now
	case MallOrderDelivered:
		if !o.Delivered.IsZero() {
			return
		}
		o.Delivered = now
		if d := c.device(o.DeviceID); d != nil && o.Period.valid() {
			c.grant(d, c.serviceOf(*o), o.Period)
			d.bought(o.ServiceCode)
			c.tagRenewal(o)
		}
	}
}

// bought marks a service as one for which there is an order.
func (d *device) bought(serviceCode string) {
	for i := range d.Services {
		if d.Services[i].Code == serviceCode {
			d.Services[i].HasPurchasedOrder = true
		}
	}
}

// tagRenewal tags the service of a subscription's order, as long as it is paid
// again and again. It is called with the lock held.
func (c *Cloud) tagRenewal(o *MallOrder) {
	d, s := c.device(o.DeviceID), c.subscription(o.SubscriptionID)
	if d == nil || s == nil {
		return
	}
	for i := range d.Services {
		has := &d.Services[i]
		if has.Code != o.ServiceCode {
			continue
		}
		has.Tags = slices.DeleteFunc(slices.Clone(has.Tags), func(tag string) bool { return tag == TagAutomaticRenewal })
		if s.Status == SubscriptionActive {
			has.Tags = append(has.Tags, TagAutomaticRenewal)
		}
	}
}

// serviceOf returns what an order grants: its catalog's service of that code, or
// one that is made of the order.
func (c *Cloud) serviceOf(o MallOrder) Service {
	for _, k := range c.catalogs {
		if k.Service.Code == o.ServiceCode {
			return k.Service
		}
	}
	return Service{Code: o.ServiceCode, Name: o.Title, IsAY: true, IsExit: true}
}
