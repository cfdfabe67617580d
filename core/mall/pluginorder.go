package mall

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/internal/check"
	"github.com/imprest-go/imprest/core/tuya"
)

// ErrNoOrder: the cloud has nothing to say of the order. It is
// core.CodeNotFound.
var ErrNoOrder error = &core.Error{Op: "mall.PluginOrder", Code: core.CodeNotFound, Err: errors.New("the cloud has no such order of this user with this shop")}

// PluginOrder is an order as the OpenAPI shows it to its buyer (plugin/order).
// It has other members than [Order], and what is written of it below is all
// that is published.
type PluginOrder struct {
	MallCode string `json:"mall_code"`
	ShopCode string `json:"shop_code"`
	OrderID  string `json:"order_id"`
	// PayStatus and DeliveryStatus have no published values: they are none of
	// [OrderStatus].
	PayStatus      string `json:"pay_status"`
	DeliveryStatus string `json:"delivery_status"`
	// CreatedTime is as it came: documented as a number, whose unit is not
	// said; in the list of orders it is a day, "20220901".
	CreatedTime string `json:"created_time"`
	// The prices, exact to the fen. How they add up is not said; TotalPrice is
	// what this package reads as the price of the order.
	CurrentTotalPrice  Money `json:"current_total_price"`
	TotalShippingPrice Money `json:"total_shipping_price"`
	TotalTaxPrice      Money `json:"total_tax_price"`
	TotalPrice         Money `json:"total_price"`
	// Currency is an ISO 4217 code such as "CNY".
	Currency      string            `json:"currency"`
	CommodityList []PluginCommodity `json:"commodity_list"`
	DeliveryList  []PluginDelivery  `json:"delivery_list,omitzero"`
	// CancelReason and CanceledTime are of an order that was canceled. The
	// unit of the time is not said.
	CancelReason string `json:"cancel_reason,omitzero"`
	CanceledTime int64  `json:"canceled_time,omitzero"`
	// Extra holds the members that have no field here. billing_address and
	// shipping_address, whose shape is not published, are among them: they are
	// about a person.
	Extra map[string]json.RawMessage `json:"-"`

	kept wireForm
}

// UnmarshalJSON reads the cloud's spelling of an order.
func (o *PluginOrder) UnmarshalJSON(data []byte) error { return readObject(data, o, &o.Extra, &o.kept) }

// MarshalJSON writes what was read, with what was changed since.
func (o PluginOrder) MarshalJSON() ([]byte, error) { return writeObject(o, o.Extra, o.kept) }

// PluginCommodity is one item of a [PluginOrder].
type PluginCommodity struct {
	Title string `json:"title"`
	SKU   string `json:"sku"`
	// Price is exact to the fen. Whether it is that of one item or of all of
	// them is not said.
	Price    Money  `json:"price"`
	Quantity int64  `json:"quantity"`
	Image    string `json:"image"`
	// Extra holds the members that have no field here: available, weight and
	// selected_options, whose shapes are not published.
	Extra map[string]json.RawMessage `json:"-"`

	kept wireForm
}

// UnmarshalJSON reads the cloud's spelling of an order's item.
func (c *PluginCommodity) UnmarshalJSON(data []byte) error {
	return readObject(data, c, &c.Extra, &c.kept)
}

// MarshalJSON writes what was read, with what was changed since.
func (c PluginCommodity) MarshalJSON() ([]byte, error) { return writeObject(c, c.Extra, c.kept) }

// PluginDelivery is one parcel of a [PluginOrder].
type PluginDelivery struct {
	LogisticsCompany string `json:"logistics_company"`
	LogisticsNo      string `json:"logistics_no"`
	LogisticsURL     string `json:"logistics_url"`
	// Extra holds the members that have no field here.
	Extra map[string]json.RawMessage `json:"-"`

	kept wireForm
}

// UnmarshalJSON reads the cloud's spelling of a parcel.
func (d *PluginDelivery) UnmarshalJSON(data []byte) error {
	return readObject(data, d, &d.Extra, &d.kept)
}

// MarshalJSON writes what was read, with what was changed since.
func (d PluginDelivery) MarshalJSON() ([]byte, error) { return writeObject(d, d.Extra, d.kept) }

type orderParams struct {
	OrderID string `json:"order_id" validate:"required,id"`
}

// PluginOrder returns one order that the caller, by UserID, has with the
// configured shop: GET /v1.0/mall/plugin/order/{order_id}. [ErrNoOrder] if the
// cloud has nothing to say of it; a "no" of the cloud, such as 2005001 (order
// not found), is a [RemoteError]. It changes nothing and may be repeated.
func (o *OpenAPI) PluginOrder(ctx context.Context, caller Caller, orderID string) (PluginOrder, error) {
	const op = "mall.PluginOrder"
	if err := checkUser(op, caller); err != nil {
		return PluginOrder{}, err
	}
	if err := check.Struct(op, orderParams{orderID}); err != nil {
		return PluginOrder{}, err
	}
	if o.cfg.MallCode == "" {
		return PluginOrder{}, errNoShop(op)
	}
	raw, err := o.cfg.Client.Do(ctx, tuya.Request{Op: op, Subject: orderID, Method: http.MethodGet, Path: "/v1.0/mall/plugin/order/" + orderID, Query: o.shopOf(caller), Reads: true})
	if err != nil {
		return PluginOrder{}, err
	}
	raw = compact(raw)
	if string(raw) == "null" || string(raw) == "{}" {
		return PluginOrder{}, ErrNoOrder
	}
	var order PluginOrder
	if err := readResult(raw, &order); err != nil {
		return PluginOrder{}, &core.Error{Op: op, Code: core.CodeUnknown, Safe: true, Err: err}
	}
	if order.OrderID != "" && order.OrderID != orderID {
		return PluginOrder{}, unreadable(op, within("order_id", errors.New("is that of another order")))
	}
	return order, nil
}

// CloseOrder closes an order of the configured mall and site, as its seller:
// PUT /v1.0/sellercenter/order/close/{order_id}. nil means closed.
//
// The call names no user: it closes whosever order it is, so read it with
// [OpenAPI.PluginOrder] first where a user asked for it. After core.CodeUnknown
// it may have been closed: read it again rather than repeat the call, whose
// answer (2005002, order status invalid, for one) would not tell the first
// attempt from another cause.
func (o *OpenAPI) CloseOrder(ctx context.Context, orderID string) error {
	const op = "mall.CloseOrder"
	if err := check.Struct(op, orderParams{orderID}); err != nil {
		return err
	}
	if o.cfg.MallCode == "" {
		return errNoShop(op)
	}
	raw, err := o.cfg.Client.Do(ctx, tuya.Request{
		Op: op, Subject: orderID, Method: http.MethodPut, Path: "/v1.0/sellercenter/order/close/" + orderID,
		Query: url.Values{"mall_code": {o.cfg.MallCode}, "site_code": {o.cfg.SiteCode}},
	})
	if err != nil {
		return err
	}
	raw = compact(raw)
	closed, err := boolean(raw)
	switch {
	case err != nil || string(raw) == "null" || string(raw) == `""`:
		return unknown(op, errors.New("the result does not say whether it was closed: read the order"))
	case !closed:
		return &core.Error{Op: op, Code: core.CodeRefused, Err: errors.New("the cloud says that it was not closed: read the order, its status may not allow it")}
	}
	return nil
}
