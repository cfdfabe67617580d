package testkit

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/imprest-go/imprest/core"
)

// periodSubscribe is the periodType of a price that is paid again and again.
const periodSubscribe = 1

// WXPayment is what a mini program hands to wx.requestPayment.
type WXPayment struct {
	TimeStamp string `json:"timeStamp"`
	NonceStr  string `json:"nonceStr"`
	Package   string `json:"package"`
	SignType  string `json:"signType"`
	PaySign   string `json:"paySign"`
}

// RequestPayment does what wx.requestPayment does when its user confirms: it
// pays the order that these parameters are for, and returns its orderId. The
// error is [core.CodeForged] if they are not what the cloud answered to
// buyIncreaseServiceByWx, to the letter; otherwise that of [Cloud.PayMallOrder].
func (c *Cloud) RequestPayment(p WXPayment) (orderID string, err error) {
	c.mu.Lock()
	for _, o := range c.orders {
		if o.prepay == p && p.Package != "" {
			orderID = o.OrderID
		}
	}
	c.mu.Unlock()
	if orderID == "" {
		return "", &core.Error{Op: "testkit.Cloud.RequestPayment", Code: core.CodeForged, Err: fmt.Errorf("these are not the parameters of any order: hand on what buyIncreaseServiceByWx answered, unchanged")}
	}
	return orderID, c.PayMallOrder(orderID)
}

// buyIncreaseServiceByWx makes an order. What it answers is not published: this
// is what wx.requestPayment needs, and the orderId.
func (c *Cloud) buyIncreaseServiceByWx(a *asked) (any, *denial) {
	d, home := a.device, c.home(a.text("homeId"))
	switch {
	case home == nil || !home.admits(a.user.ID):
		return nil, deny(denyPermission, "homeId: is not a home of the caller")
	case home.ID != d.HomeID:
		return nil, deny(denyDeviceNotFound, "homeId: the device is not in this home")
	case a.text("uuid") != d.UUID:
		return nil, deny(denyDeviceNotFound, "uuid: is not the device's")
	case a.text("name") != d.Name && !c.readings.AnyName:
		return nil, deny("1109", "name: is not the device's")
	case a.text("openId") != a.user.OpenID:
		return nil, deny("1109", "openId: is not the caller's")
	case !slices.ContainsFunc(c.apps, func(app WeChatApp) bool { return app.AppID == a.text("wxAppId") }):
		return nil, deny("1109", "wxAppId: there is no such mini program")
	}
	optionType, err1 := strconv.Atoi(a.text("optionType"))
	optionNo, err2 := strconv.Atoi(a.text("optionNo"))
	if err1 != nil || err2 != nil {
		return nil, deny("1104", "optionType and optionNo must be texts of numbers")
	}
	commodity, price := d.offered(a.text("skuCode"), optionType, optionNo)
	if price == nil {
		return nil, deny(denySKUNotFound, "the device is not offered this skuCode with this optionType and optionNo")
	}
	mall, ok := c.mallOf(commodity.ServiceCode)
	if !ok || a.text("mallCode") != mall.MallCode || a.text("siteCode") != mall.SiteCode {
		return nil, deny("MALL_NOT_FOUND", "mallCode and siteCode: sell nothing of the kind")
	}
	if currency := currencyOf(*price); a.text("currency") != currency || mall.Currency != currency {
		return nil, deny("1109", "currency: is not the price's")
	}
	if a.struck.has(FaultPriceChange) {
		price.Price += priceChange
		if price.OriginalPrice != 0 {
			price.OriginalPrice += priceChange
		}
	}
	trade, origin := c.charged(*price)
	o := c.addOrder(MallOrder{
		UserID: a.user.ID, DeviceID: d.ID, HomeID: home.ID, Mall: mall,
		CommodityCode: commodity.CommodityCode, SKUCode: commodity.SKUCode, ServiceCode: commodity.ServiceCode, Title: commodity.Title,
		OptionType: price.OptionType, OptionNo: price.OptionNo, PeriodType: price.PeriodType, Period: price.Period,
		AmountTrade: trade, AmountOrigin: origin, Currency: currencyOf(*price), Status: MallOrderCreated,
	})
	o.prepay = WXPayment{
		TimeStamp: strconv.FormatInt(c.Clock.Now().Unix(), 10), NonceStr: c.ids.next("nonceStr", 32),
		Package: "prepay_id=wx" + c.ids.next("prepay_id", 34), SignType: "RSA", PaySign: c.ids.next("paySign", 64),
	}
	switch {
	case c.readings.BuyResult != "":
		return json.RawMessage(c.readings.BuyResult), nil
	case c.readings.OmitOrderID:
		return o.prepay, nil
	}
	return struct {
		OrderID string `json:"orderId"`
		WXPayment
	}{o.OrderID, o.prepay}, nil
}

// priceChange is how much more an order costs under [FaultPriceChange]: 1 yuan.
const priceChange core.Fen = 100

// denySKUNotFound is the fake's own: Tuya publishes no code of a purchase.
const denySKUNotFound = "SKU_NOT_FOUND"

// offered returns a commodity of the device and the price of that option, which
// may be changed.
func (d *device) offered(skuCode string, optionType, optionNo int) (Commodity, *Price) {
	for _, k := range d.Commodities {
		for i := range k.Prices {
			if p := &k.Prices[i]; k.SKUCode == skuCode && p.OptionType == optionType && p.OptionNo == optionNo {
				return k, p
			}
		}
	}
	return Commodity{}, nil
}

// charged is what an order of a price costs, and what it costs before any
// discount. A part of a fen is left to the buyer.
func (c *Cloud) charged(p Price) (trade, origin core.Fen) {
	trade, origin = p.Price, p.OriginalPrice
	if origin == 0 {
		origin = trade
	}
	if p.Strategy == nil {
		return trade, origin
	}
	percent := core.Fen(min(max(p.Strategy.Discount, 0), 100))
	switch c.readings.Discount {
	case DiscountOff:
		percent = 100 - percent
	case DiscountToPay:
	default:
		return trade, origin
	}
	// In two parts, so that no amount overflows.
	return trade/100*percent + trade%100*percent/100, origin
}

func currencyOf(p Price) string {
	if p.Currency == "" {
		return "CNY"
	}
	return p.Currency
}

// mallOf returns the mall that sells a service. It is called with the lock held.
func (c *Cloud) mallOf(serviceCode string) (MallInfo, bool) {
	for _, k := range c.catalogs {
		if k.Service.Code == serviceCode {
			return k.Mall, true
		}
	}
	return MallInfo{}, false
}

// page cuts a page out of a list, and says how many pages there are.
func page[T any](all []T, pageNo, pageSize int64) (items []T, pages int64) {
	total := int64(len(all))
	pages = (total + pageSize - 1) / pageSize
	if pageNo > pages { // before the product: it cannot overflow then
		return []T{}, pages
	}
	first := (pageNo - 1) * pageSize
	return all[first:min(first+pageSize, total)], pages
}

func (c *Cloud) getOrderList(a *asked) (any, *denial) {
	type base struct {
		OrderTypeCode    string          `json:"orderTypeCode"`
		TotalQuantity    int             `json:"totalQuantity"`
		OrderID          string          `json:"orderId"`
		AmountOrigin     json.RawMessage `json:"amountOrigin"`
		AMOrder          bool            `json:"amOrder"`
		OrderStatus      string          `json:"orderStatus"`
		Currency         string          `json:"currency"`
		AfterSaleEnabled bool            `json:"afterSaleEnabled"`
		AmountTrade      json.RawMessage `json:"amountTrade"`
		GMTCreate        string          `json:"gmtCreate"`
		TradeType        string          `json:"tradeType,omitempty"`
		MallInfo         mallCodes       `json:"mallInfo"`
	}
	type period struct {
		SrvCode        string `json:"srvCode"`
		SrvPeriodUnit  int    `json:"srvPeriodUnit"`
		SrvPeriodValue int    `json:"srvPeriodValue"`
		SKUCode        string `json:"skuCode"`
	}
	type item struct {
		Quantity         int             `json:"quantity"`
		SKUSrvPeriodDTO  period          `json:"skuSrvPeriodDTO"`
		UnitPriceOrigin  json.RawMessage `json:"unitPriceOrigin"`
		CommodityCode    string          `json:"commodityCode"`
		UnitPriceTrade   json.RawMessage `json:"unitPriceTrade"`
		AfterSaleEnabled bool            `json:"afterSaleEnabled"`
		IconURL          string          `json:"iconUrl"`
		CommodityType    int             `json:"commodityType"`
		SKUValueList     []string        `json:"skuValueList"`
		SKUCode          string          `json:"skuCode"`
		CommodityName    string          `json:"commodityName"`
	}
	type logistics struct {
		OrderLogisticsTag bool `json:"orderLogisticsTag"`
	}
	type order struct {
		BaseInfo       base      `json:"orderBaseInfo"`
		CommodityInfos []item    `json:"orderCommodityInfos"`
		LogisticsInfo  logistics `json:"orderLogisticsInfo"`
	}
	own, denied := c.ownOrders(a)
	if denied != nil {
		return nil, denied
	}
	asked, pages := page(own, a.number("pageNo"), a.number("pageSize"))
	list := []order{}
	for _, o := range asked {
		told := order{
			BaseInfo: base{
				OrderTypeCode: "normal", TotalQuantity: o.Quantity, OrderID: o.OrderID, AMOrder: true, OrderStatus: o.Status,
				AmountOrigin: c.amount(o.AmountOrigin), AmountTrade: c.amount(o.AmountTrade), Currency: o.Currency,
				GMTCreate: strconv.FormatInt(o.Created.UnixMilli(), 10), MallInfo: codesOf(o.Mall),
			},
			CommodityInfos: []item{{
				Quantity: o.Quantity, UnitPriceOrigin: c.amount(o.AmountOrigin / core.Fen(o.Quantity)), UnitPriceTrade: c.amount(o.AmountTrade / core.Fen(o.Quantity)),
				SKUSrvPeriodDTO: period{SrvCode: o.ServiceCode, SrvPeriodUnit: o.Period.Unit, SrvPeriodValue: o.Period.Value, SKUCode: o.SKUCode},
				CommodityCode:   o.CommodityCode, IconURL: "ecommerce/imprest.png", CommodityType: 5, SKUValueList: []string{}, SKUCode: o.SKUCode, CommodityName: o.Title,
			}},
		}
		if c.readings.TellTradeType {
			told.BaseInfo.TradeType = "online"
		}
		list = append(list, told)
	}
	return struct {
		PageCount   int64   `json:"pageCount"`
		Data        []order `json:"data"`
		PageSize    int64   `json:"pageSize"`
		TotalRecord int     `json:"totalRecord"`
		PageNum     int64   `json:"pageNum"`
		Empty       bool    `json:"empty"`
	}{pages, list, a.number("pageSize"), len(own), a.number("pageNo"), len(list) == 0}, nil
}

// mallCodes is a mallInfo.
type mallCodes struct {
	ShopCode string `json:"shopCode"`
	SiteCode string `json:"siteCode"`
	MallCode string `json:"mallCode"`
}

func codesOf(m MallInfo) mallCodes { return mallCodes{m.ShopCode, m.SiteCode, m.MallCode} }

// ownOrders returns the caller's orders of that mall which the parameters pick,
// the newest first.
func (c *Cloud) ownOrders(a *asked) ([]*MallOrder, *denial) {
	if denied := c.knownMall(a); denied != nil {
		return nil, denied
	}
	statuses := a.texts("orderStatusList")
	for _, status := range statuses {
		if _, known := mallOrderMoves[status]; !known {
			return nil, deny("1101", "orderStatusList: %q is none", status)
		}
	}
	key := strings.ToLower(a.text("searchKey"))
	var own []*MallOrder
	for _, o := range slices.Backward(c.orders) {
		switch {
		case o.UserID != a.user.ID, o.Mall.MallCode != a.text("mallCode"), o.Mall.SiteCode != a.text("siteCode"):
		case len(statuses) > 0 && !slices.Contains(statuses, o.Status):
		case key != "" && !strings.Contains(strings.ToLower(o.OrderID+"\n"+o.Title), key):
		default:
			own = append(own, o)
		}
	}
	return own, nil
}

func (c *Cloud) knownMall(a *asked) *denial {
	for _, k := range c.catalogs {
		if k.Mall.MallCode == a.text("mallCode") && k.Mall.SiteCode == a.text("siteCode") {
			return nil
		}
	}
	return deny("MALL_NOT_FOUND", "mallCode and siteCode: there is no such mall")
}
