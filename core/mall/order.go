package mall

import "encoding/json"

// OrderStatus is how far an order is (orderStatus, orderStatusList). It is
// open, as all enumerations here are.
type OrderStatus string

// The statuses that the page lists.
const (
	// OrderCreated: created, and waits for its payment.
	OrderCreated OrderStatus = "created"
	// OrderPendingAuditPaid: waits to be audited.
	OrderPendingAuditPaid OrderStatus = "pending_audit_paid"
	// OrderPaying: is being paid.
	OrderPaying OrderStatus = "paying"
	// OrderPaid: paid.
	OrderPaid OrderStatus = "paid"
	// OrderDelivering: is being shipped.
	OrderDelivering OrderStatus = "delivering"
	// OrderDelivered: shipped.
	OrderDelivered OrderStatus = "delivered"
	// OrderPartDelivered: shipped in part.
	OrderPartDelivered OrderStatus = "part_delivered"
	// OrderFinished: done.
	OrderFinished OrderStatus = "finished"
	// OrderCanceled: canceled.
	OrderCanceled OrderStatus = "canceled"
	// OrderClosed: closed.
	OrderClosed OrderStatus = "closed"
	// OrderRefunded: the money went back.
	OrderRefunded OrderStatus = "refunded"
)

// Order is an order of the mall. seeds: 003, "IOrderInfo".
type Order struct {
	BaseInfo       OrderBaseInfo        `json:"orderBaseInfo"`
	CommodityInfos []OrderCommodityInfo `json:"orderCommodityInfos"`
	LogisticsInfo  OrderLogisticsInfo   `json:"orderLogisticsInfo"`
	// Extra holds the members that have no field here.
	Extra map[string]json.RawMessage `json:"-"`

	kept wireForm
}

// UnmarshalJSON reads the cloud's spelling of an order.
func (o *Order) UnmarshalJSON(data []byte) error { return readObject(data, o, &o.Extra, &o.kept) }

// MarshalJSON writes what was read, with what was changed since.
func (o Order) MarshalJSON() ([]byte, error) { return writeObject(o, o.Extra, o.kept) }

// OrderBaseInfo is what an order is about as a whole. seeds: 003,
// "IOrderBaseInfo".
type OrderBaseInfo struct {
	// OrderID identifies the order.
	OrderID     string      `json:"orderId"`
	OrderStatus OrderStatus `json:"orderStatus"`
	// AmountTrade is what the order costs, AmountOrigin what it cost before
	// any discount. See [Money.Given] for one that is missing.
	AmountOrigin Money `json:"amountOrigin"`
	AmountTrade  Money `json:"amountTrade"`
	// Currency is an ISO 4217 code such as "CNY".
	Currency string `json:"currency"`
	// TotalQuantity counts all its items.
	TotalQuantity int64 `json:"totalQuantity"`
	// GMTCreate is when it was created; the cloud sends a string of a number.
	GMTCreate Millis `json:"gmtCreate"`
	// MallInfo is where it was created.
	MallInfo         MallInfo `json:"mallInfo"`
	AfterSaleEnabled bool     `json:"afterSaleEnabled"`
	// AMOrder is documented as "whether an AM order", and no more.
	AMOrder bool `json:"amOrder"`
	// OrderTypeCode and TradeType have no published values; TradeType is in
	// the table alone, and not in the example.
	OrderTypeCode string `json:"orderTypeCode"`
	TradeType     string `json:"tradeType,omitzero"`
	// Extra holds the members that have no field here.
	Extra map[string]json.RawMessage `json:"-"`

	kept wireForm
}

// UnmarshalJSON reads the cloud's spelling of an order's base.
func (i *OrderBaseInfo) UnmarshalJSON(data []byte) error {
	return readObject(data, i, &i.Extra, &i.kept)
}

// MarshalJSON writes what was read, with what was changed since.
func (i OrderBaseInfo) MarshalJSON() ([]byte, error) { return writeObject(i, i.Extra, i.kept) }

// MallInfo names the mall of an order: an [AppMallInfo] without the currency.
// seeds: 003, "IMallInfo".
type MallInfo struct {
	MallCode string `json:"mallCode"`
	ShopCode string `json:"shopCode"`
	// SiteCode is the sales region, such as "CN".
	SiteCode string `json:"siteCode"`
	// Extra holds the members that have no field here.
	Extra map[string]json.RawMessage `json:"-"`

	kept wireForm
}

// UnmarshalJSON reads the cloud's spelling of an order's mall.
func (i *MallInfo) UnmarshalJSON(data []byte) error { return readObject(data, i, &i.Extra, &i.kept) }

// MarshalJSON writes what was read, with what was changed since.
func (i MallInfo) MarshalJSON() ([]byte, error) { return writeObject(i, i.Extra, i.kept) }

// OrderCommodityInfo is one item of an order. seeds: 003,
// "IOrderCommodityInfo".
type OrderCommodityInfo struct {
	CommodityCode string `json:"commodityCode"`
	CommodityName string `json:"commodityName"`
	// CommodityType is not [CommodityType], for it is 5 for VoIP in the
	// example: its values are not published.
	CommodityType int64 `json:"commodityType"`
	// IconURL is a path without a host, "ecommerce/….png": what it is
	// relative to, the page does not say.
	IconURL  string `json:"iconUrl"`
	Quantity int64  `json:"quantity"`
	SKUCode  string `json:"skuCode"`
	// SKUSrvPeriod is how long the service lasts; nil for none.
	SKUSrvPeriod *SKUSrvPeriod `json:"skuSrvPeriodDTO,omitzero"`
	// SKUValueList is what sets this SKU apart from its siblings.
	SKUValueList []string `json:"skuValueList"`
	// UnitPriceTrade is what one of it costs, UnitPriceOrigin what it cost
	// before any discount.
	UnitPriceOrigin  Money `json:"unitPriceOrigin"`
	UnitPriceTrade   Money `json:"unitPriceTrade"`
	AfterSaleEnabled bool  `json:"afterSaleEnabled"`
	// Extra holds the members that have no field here.
	Extra map[string]json.RawMessage `json:"-"`

	kept wireForm
}

// UnmarshalJSON reads the cloud's spelling of an order's item.
func (i *OrderCommodityInfo) UnmarshalJSON(data []byte) error {
	return readObject(data, i, &i.Extra, &i.kept)
}

// MarshalJSON writes what was read, with what was changed since.
func (i OrderCommodityInfo) MarshalJSON() ([]byte, error) { return writeObject(i, i.Extra, i.kept) }

// SKUSrvPeriod is how long a service lasts: SrvPeriodValue times
// SrvPeriodUnit. seeds: 003, "ISkuSrvPeriodDTO".
type SKUSrvPeriod struct {
	SKUCode string `json:"skuCode"`
	SrvCode string `json:"srvCode"`
	// SrvPeriodUnit has no published values: that they are those of
	// [PeriodUnit] is this project's reading.
	SrvPeriodUnit  PeriodUnit `json:"srvPeriodUnit"`
	SrvPeriodValue int64      `json:"srvPeriodValue"`
	// Extra holds the members that have no field here.
	Extra map[string]json.RawMessage `json:"-"`

	kept wireForm
}

// UnmarshalJSON reads the cloud's spelling of a period of service.
func (p *SKUSrvPeriod) UnmarshalJSON(data []byte) error {
	return readObject(data, p, &p.Extra, &p.kept)
}

// MarshalJSON writes what was read, with what was changed since.
func (p SKUSrvPeriod) MarshalJSON() ([]byte, error) { return writeObject(p, p.Extra, p.kept) }

// OrderLogisticsInfo is about the shipment of an order. seeds: 003,
// "IOrderLogisticsInfo".
type OrderLogisticsInfo struct {
	// OrderLogisticsTag is documented as "logistics tag", and no more; it is
	// false for the service in the example.
	OrderLogisticsTag bool `json:"orderLogisticsTag"`
	// Extra holds the members that have no field here.
	Extra map[string]json.RawMessage `json:"-"`

	kept wireForm
}

// UnmarshalJSON reads the cloud's spelling of an order's logistics.
func (i *OrderLogisticsInfo) UnmarshalJSON(data []byte) error {
	return readObject(data, i, &i.Extra, &i.kept)
}

// MarshalJSON writes what was read, with what was changed since.
func (i OrderLogisticsInfo) MarshalJSON() ([]byte, error) { return writeObject(i, i.Extra, i.kept) }
