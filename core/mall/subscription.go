package mall

import (
	"context"
	"encoding/json"
	"iter"
)

// Subscription is a service that is paid again and again. seeds: 003,
// "ISubscribeData".
type Subscription struct {
	// SubscribeID identifies the subscription.
	SubscribeID string `json:"subscribeId"`
	// Status has no published values.
	Status int64 `json:"status"`
	// GMTNextTime is documented as "next time": when it is paid again, by
	// its neighbours.
	GMTNextTime Millis `json:"gmtNextTime"`
	// RegularInterval times RegularUnit lies between two payments; the
	// values of RegularUnit are not published.
	RegularInterval int64 `json:"regularInterval"`
	RegularUnit     int64 `json:"regularUnit"`
	// PaidProvider is who collects the payments; its values are not
	// published.
	PaidProvider int64 `json:"paidProvider"`
	// OrderListModel is the order behind it.
	OrderListModel OrderListModel `json:"orderListModel"`
	// Extra holds the members that have no field here.
	Extra map[string]json.RawMessage `json:"-"`

	kept wireForm
}

// UnmarshalJSON reads the cloud's spelling of a subscription.
func (s *Subscription) UnmarshalJSON(data []byte) error {
	return readObject(data, s, &s.Extra, &s.kept)
}

// MarshalJSON writes what was read, with what was changed since.
func (s Subscription) MarshalJSON() ([]byte, error) { return writeObject(s, s.Extra, s.kept) }

// OrderListModel is the order behind a [Subscription]: what an [Order] is, in
// other words. seeds: 003, "IOrderListModel".
type OrderListModel struct {
	OrderID     string      `json:"orderId"`
	OrderStatus OrderStatus `json:"orderStatus"`
	// AmountTrade is what the order costs, AmountOrigin what it cost before
	// any discount.
	AmountOrigin Money `json:"amountOrigin"`
	AmountTrade  Money `json:"amountTrade"`
	// Currency is an ISO 4217 code such as "CNY".
	Currency string `json:"currency"`
	Quantity int64  `json:"quantity"`
	// OrderGMTCreate is when it was created.
	OrderGMTCreate Millis      `json:"orderGmtCreate"`
	MallInfo       MallInfo    `json:"mallInfo"`
	OrderItemList  []OrderItem `json:"orderItemList"`
	// Extra holds the members that have no field here.
	Extra map[string]json.RawMessage `json:"-"`

	kept wireForm
}

// UnmarshalJSON reads the cloud's spelling of a subscription's order.
func (m *OrderListModel) UnmarshalJSON(data []byte) error {
	return readObject(data, m, &m.Extra, &m.kept)
}

// MarshalJSON writes what was read, with what was changed since.
func (m OrderListModel) MarshalJSON() ([]byte, error) { return writeObject(m, m.Extra, m.kept) }

// OrderItem is one item of an [OrderListModel]. seeds: 003, "IOrderItem".
type OrderItem struct {
	Title   string `json:"title"`
	SKUCode string `json:"skuCode"`
	// SKUPic is a picture: an address, or a path without a host.
	SKUPic       string   `json:"skuPic"`
	SKUValueList []string `json:"skuValueList"`
	Quantity     int64    `json:"quantity"`
	AmountOrigin Money    `json:"amountOrigin"`
	AmountTrade  Money    `json:"amountTrade"`
	// Currency is an ISO 4217 code such as "CNY".
	Currency string `json:"currency"`
	// Extra holds the members that have no field here.
	Extra map[string]json.RawMessage `json:"-"`

	kept wireForm
}

// UnmarshalJSON reads the cloud's spelling of an item.
func (i *OrderItem) UnmarshalJSON(data []byte) error { return readObject(data, i, &i.Extra, &i.kept) }

// MarshalJSON writes what was read, with what was changed since.
func (i OrderItem) MarshalJSON() ([]byte, error) { return writeObject(i, i.Extra, i.kept) }

// SubscriptionListParams is what [Client.GetSubscriptionOrderList] needs.
// seeds: 003, "getSubscriptionOrderList".
type SubscriptionListParams struct {
	// MallCode and SiteCode are those of [Client.GetAppMallInfo].
	MallCode string `json:"mallCode" validate:"required,id"`
	SiteCode string `json:"siteCode" validate:"required,id"`
	// PageNo counts from 1, PageSize is 1 to [MaxPageSize].
	PageNo   int `json:"pageNo" validate:"gte=1"`
	PageSize int `json:"pageSize" validate:"gte=1,lte=100"`
}

func (p SubscriptionListParams) subject() string { return p.MallCode }

// SubscriptionPage is one page of subscriptions. seeds: 003,
// "getSubscriptionOrderList".
type SubscriptionPage struct {
	Data []Subscription `json:"data"`
	// Index is documented as "index", and no more; it is 0 in the example.
	Index    int64 `json:"index"`
	PageNum  int64 `json:"pageNum"`
	PageSize int64 `json:"pageSize"`
	// TotalRecord and Empty are in the example alone.
	TotalRecord int64 `json:"totalRecord,omitzero"`
	Empty       bool  `json:"empty,omitzero"`
	// Extra holds the members that have no field here.
	Extra map[string]json.RawMessage `json:"-"`

	kept wireForm
}

// UnmarshalJSON reads the cloud's spelling of a page of subscriptions.
func (p *SubscriptionPage) UnmarshalJSON(data []byte) error {
	return readObject(data, p, &p.Extra, &p.kept)
}

// MarshalJSON writes what was read, with what was changed since.
func (p SubscriptionPage) MarshalJSON() ([]byte, error) { return writeObject(p, p.Extra, p.kept) }

// GetSubscriptionOrderList returns one page of the caller's subscriptions;
// [Client.Subscriptions] walks all of them. seeds: 003,
// "getSubscriptionOrderList".
func (c *Client) GetSubscriptionOrderList(ctx context.Context, caller Caller, p SubscriptionListParams) (SubscriptionPage, error) {
	return read[SubscriptionPage](ctx, c, caller, OpGetSubscriptionOrderList, p, nil)
}

// Subscriptions walks the caller's subscriptions, as [Client.Orders] walks
// orders.
func (c *Client) Subscriptions(ctx context.Context, caller Caller, p SubscriptionListParams) iter.Seq2[Subscription, error] {
	p.PageNo, p.PageSize = fromPage(p.PageNo, p.PageSize)
	return walk(OpGetSubscriptionOrderList, p.PageNo, p.PageSize, func(pageNo int) (listing[Subscription], error) {
		at := p
		at.PageNo = pageNo
		page, err := c.GetSubscriptionOrderList(ctx, caller, at)
		return listing[Subscription]{items: page.Data, pageNum: page.PageNum, pageSize: page.PageSize, totalRecord: page.TotalRecord}, err
	}, func(s Subscription) string { return s.SubscribeID })
}
