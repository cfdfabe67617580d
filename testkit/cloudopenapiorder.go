package testkit

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/imprest-go/imprest/core"
)

// The calls of App Mall's orders.
const (
	CallPluginOrderSearch Call = "plugin-order-search" // GET /v1.0/mall/plugin/order/search
	CallPluginOrder       Call = "plugin-order"        // GET /v1.0/mall/plugin/order/{order_id}
	CallCloseOrder        Call = "close-order"         // PUT /v1.0/sellercenter/order/close/{order_id}
)

// The business errors of App Mall.
const (
	denyParams        = "2000000"
	denyShop          = "2001000"
	denyOrderNotFound = "2005001"
	denyOrderStatus   = "2005002"
)

func (c *Cloud) orderRoutes() []apiRoute {
	return []apiRoute{
		{call: CallPluginOrderSearch, method: http.MethodGet, path: "/v1.0/mall/plugin/order/search", read: c.readOrderSearch, act: c.searchOrders},
		{call: CallPluginOrder, method: http.MethodGet, path: "/v1.0/mall/plugin/order/{}", read: c.readShop, act: c.pluginOrder},
		{call: CallCloseOrder, method: http.MethodPut, path: "/v1.0/sellercenter/order/close/{}", read: c.readClose, act: c.closeOrder},
	}
}

// orderQuery is what a call about orders asks.
type orderQuery struct {
	mallCode, shopCode, siteCode, userID string
	pageNo, pageSize                     int64
}

// readRequired reads parameters of the query that must be there.
func (q *apiAsked) readRequired(into map[string]*string) *denial {
	for _, name := range []string{"mall_code", "shop_code", "site_code", "user_id"} {
		text, ok := into[name]
		if !ok {
			continue
		}
		if *text = q.query.Get(name); *text == "" {
			return deny(denyParams, "%s", name)
		}
	}
	return nil
}

// checkMall checks that there is such a mall with such a shop or site, and that
// it has authorized the project.
func (c *Cloud) checkMall(q *apiAsked, asked orderQuery) *denial {
	c.mu.Lock()
	defer c.mu.Unlock()
	known := slices.ContainsFunc(c.catalogs, func(k Catalog) bool {
		return k.Mall.MallCode == asked.mallCode && (asked.shopCode == "" || k.Mall.ShopCode == asked.shopCode) && (asked.siteCode == "" || k.Mall.SiteCode == asked.siteCode)
	})
	switch {
	case !known:
		return deny(denyShop, "")
	case !allows(q.project.MallCodes, asked.mallCode):
		return deny("1106", "the mall has not authorized the project")
	case asked.userID != "" && !q.mayAsk(asked.userID):
		return deny("1106", "user_id: is not the project's")
	}
	return nil
}

func (c *Cloud) readShop(q *apiAsked) *denial {
	var asked orderQuery
	if denied := q.readRequired(map[string]*string{"mall_code": &asked.mallCode, "shop_code": &asked.shopCode, "user_id": &asked.userID}); denied != nil {
		return denied
	}
	q.params, q.userID = asked, asked.userID
	return c.checkMall(q, asked)
}

func (c *Cloud) readOrderSearch(q *apiAsked) *denial {
	if denied := c.readShop(q); denied != nil {
		return denied
	}
	asked := q.params.(orderQuery)
	for _, p := range []struct {
		name  string
		into  *int64
		value int64 // if it is missing
		most  int64
	}{{"page_no", &asked.pageNo, 1, 1_000_000}, {"page_size", &asked.pageSize, 10, maxPage}} {
		*p.into = p.value
		if !q.query.Has(p.name) {
			continue
		}
		n, err := strconv.ParseInt(q.query.Get(p.name), 10, 64)
		if err != nil || n < 1 || n > p.most {
			return deny(denyParams, "%s: must be 1 to %d", p.name, p.most)
		}
		*p.into = n
	}
	q.params = asked
	return nil
}

func (c *Cloud) readClose(q *apiAsked) *denial {
	var asked orderQuery
	if denied := q.readRequired(map[string]*string{"mall_code": &asked.mallCode, "site_code": &asked.siteCode}); denied != nil {
		return denied
	}
	q.params = asked
	return c.checkMall(q, asked)
}

// pluginOrder is an order as its buyer's view has it. What pay_status and
// delivery_status can be is not published: the words are the fake's own.
type pluginOrder struct {
	MallCode           string           `json:"mall_code"`
	ShopCode           string           `json:"shop_code"`
	OrderID            string           `json:"order_id"`
	PayStatus          string           `json:"pay_status"`
	DeliveryStatus     string           `json:"delivery_status"`
	CreatedTime        any              `json:"created_time"` // a day in a list, milliseconds in the detail
	SubtotalPrice      json.RawMessage  `json:"subtotal_price"`
	CurrentTotalPrice  json.RawMessage  `json:"current_total_price"`
	TotalShippingPrice json.RawMessage  `json:"total_shipping_price"`
	TotalTaxPrice      json.RawMessage  `json:"total_tax_price"`
	TotalPrice         json.RawMessage  `json:"total_price"`
	Currency           string           `json:"currency"`
	DeliveryList       []pluginDelivery `json:"delivery_list"`
	CancelReason       string           `json:"cancel_reason,omitempty"`
	CanceledTime       int64            `json:"canceled_time,omitempty"`

	// Of the detail alone.
	CommodityList   []pluginCommodity `json:"commodity_list,omitempty"`
	BillingAddress  *pluginAddress    `json:"billing_address,omitempty"`
	ShippingAddress *pluginAddress    `json:"shipping_address,omitempty"`
}

// pluginDelivery is a parcel, of which services have none.
type pluginDelivery struct {
	LogisticsCompany string `json:"logistics_company"`
	LogisticsNo      string `json:"logistics_no"`
	LogisticsURL     string `json:"logistics_url"`
}

type pluginCommodity struct {
	Title     string          `json:"title"`
	SKU       string          `json:"sku"`
	Available bool            `json:"available"`
	Price     json.RawMessage `json:"price"` // documented as an object without its members
	Weight    json.RawMessage `json:"weight"`
	Quantity  int             `json:"quantity"`
	Image     string          `json:"image"`
	Options   []string        `json:"selected_options"`
}

type pluginAddress struct {
	CountryCode string `json:"country_code"`
	Country     string `json:"country"`
	Name        string `json:"name"`
}

// mallDay is where a day of the mall begins: in China.
var mallDay = time.FixedZone("UTC+8", 8*60*60)

// yuan writes an amount as the exact number that a BigDecimal is.
func yuan(amount core.Fen) json.RawMessage { return json.RawMessage(amount.Yuan()) }

// unpaid is what pay_status says of a status before, or without, a payment;
// all others were paid for.
var unpaid = map[string]string{
	MallOrderCreated: "unpaid", MallOrderPaying: "paying", MallOrderPendingAuditPaid: "pending_audit",
	MallOrderCanceled: "unpaid", MallOrderClosed: "unpaid", MallOrderRefunded: "refunded",
}

func payStatus(o *MallOrder) string {
	if text, ok := unpaid[o.Status]; ok {
		return text
	}
	return "paid"
}

func deliveryStatus(o *MallOrder) string {
	switch {
	case o.Status == MallOrderDelivering, o.Status == MallOrderPartDelivered:
		return o.Status
	case o.Status == MallOrderDelivered, o.Status == MallOrderFinished, !o.Delivered.IsZero():
		return "delivered"
	}
	return "undelivered"
}

// shown tells an order as a list does. It is called with the lock held.
func (c *Cloud) shown(o *MallOrder) pluginOrder {
	told := pluginOrder{
		MallCode: o.Mall.MallCode, ShopCode: o.Mall.ShopCode, OrderID: o.OrderID, PayStatus: payStatus(o), DeliveryStatus: deliveryStatus(o),
		CreatedTime: o.Created.In(mallDay).Format("20060102"), Currency: o.Currency, SubtotalPrice: yuan(o.AmountOrigin),
		CurrentTotalPrice: yuan(o.AmountTrade), TotalPrice: yuan(o.AmountTrade), TotalShippingPrice: yuan(0), TotalTaxPrice: yuan(0),
		DeliveryList: []pluginDelivery{},
	}
	if o.Status == MallOrderCanceled || o.Status == MallOrderClosed {
		told.CancelReason = o.Status
	}
	if !o.Ended.IsZero() {
		told.CanceledTime = o.Ended.UnixMilli()
	}
	return told
}

// isAt reports whether an order is one of the mall, and of the shop or site and
// the user, that is asked about.
func (o *MallOrder) isAt(asked orderQuery) bool {
	return o.Mall.MallCode == asked.mallCode && (asked.shopCode == "" || o.Mall.ShopCode == asked.shopCode) &&
		(asked.siteCode == "" || o.Mall.SiteCode == asked.siteCode) && (asked.userID == "" || o.UserID == asked.userID)
}

// searchOrders answers with the orders of one user at one shop, the newest
// first.
func (c *Cloud) searchOrders(q *apiAsked) (any, *denial) {
	asked := q.params.(orderQuery)
	var own []*MallOrder
	for _, o := range slices.Backward(c.orders) {
		if o.isAt(asked) {
			own = append(own, o)
		}
	}
	list := []pluginOrder{}
	asPage, _ := page(own, asked.pageNo, asked.pageSize)
	for _, o := range asPage {
		list = append(list, c.shown(o))
	}
	return struct {
		Total    int           `json:"total"`
		DataList []pluginOrder `json:"data_list"`
	}{len(own), list}, nil
}

// pluginOrder answers with one order of the user.
func (c *Cloud) pluginOrder(q *apiAsked) (any, *denial) {
	o := c.order(q.segment)
	if o == nil || !o.isAt(q.params.(orderQuery)) {
		return nil, deny(denyOrderNotFound, "")
	}
	told := c.shown(o)
	told.CreatedTime = o.Created.UnixMilli()
	told.CommodityList = []pluginCommodity{{
		Title: o.Title, SKU: o.SKUCode, Available: true, Price: c.amount(o.AmountTrade / core.Fen(o.Quantity)), Weight: json.RawMessage("0"), Quantity: o.Quantity,
		Image: "ecommerce/" + o.CommodityCode + ".png", Options: []string{},
	}}
	address := pluginAddress{CountryCode: o.Mall.SiteCode}
	if u := c.user(o.UserID); u != nil {
		address.Name = u.Name
	}
	told.BillingAddress, told.ShippingAddress = &address, &address
	return told, nil
}

// closeOrder closes an order that nobody has paid, whosever it is, as far as the
// project and its token may ask about him: the seller does it. One that was paid can be refunded, and not closed.
func (c *Cloud) closeOrder(q *apiAsked) (any, *denial) {
	o := c.order(q.segment)
	switch {
	case o == nil || !o.isAt(q.params.(orderQuery)):
		return nil, deny(denyOrderNotFound, "")
	case !q.mayAsk(o.UserID):
		return nil, deny("1106", "the order is of a user about whom this token may not ask")
	case !slices.Contains(mallOrderMoves[o.Status], MallOrderClosed):
		return nil, deny(denyOrderStatus, "it is %s", o.Status)
	}
	if q.struck.has(FaultNotSaved) {
		return false, nil
	}
	c.enterStatus(o, MallOrderClosed)
	return true, nil
}
