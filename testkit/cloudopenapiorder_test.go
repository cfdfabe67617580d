package testkit

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
)

const (
	orderSearchPath = "/v1.0/mall/plugin/order/search"
	shopQuery       = "mall_code=imprestMall&shop_code=imprestShop&user_id=ay1700000000000demo1"
	siteQuery       = "mall_code=imprestMall&site_code=CN"
)

// newOrder adds an order, and returns its id.
func newOrder(t *testing.T, c *Cloud) string {
	t.Helper()
	o, err := c.AddMallOrder(MallOrder{Title: "VoIP", CommodityCode: "imprest-voip", SKUCode: "imprest-voip-1y", AmountTrade: 2990, AmountOrigin: 3600})
	require.NoError(t, err)
	return o.OrderID
}

func TestPluginOrders(t *testing.T) {
	ming, hong := TestCloudUser(), CloudUser{ID: "hong"}
	// A day of the mall begins in China.
	clock := NewClock(time.Date(2022, 8, 31, 16, 0, 0, 0, time.UTC))
	c := testCloud(t, CloudConfig{Clock: clock, Users: []CloudUser{ming, hong}})
	k := newCaller(t, c).withToken()
	first, err := c.AddMallOrder(MallOrder{OrderID: "first", Title: "VoIP", CommodityCode: "k", SKUCode: "sku", AmountTrade: 2990, AmountOrigin: 3600, Quantity: 2})
	require.NoError(t, err)
	for _, o := range []MallOrder{
		{OrderID: "hongs", UserID: "hong"},
		{OrderID: "elsewhere", Mall: MallInfo{MallCode: "imprestMall", ShopCode: "another", SiteCode: "CN", Currency: "CNY"}},
		{OrderID: "free"},
	} {
		_, err := c.AddMallOrder(o)
		require.NoError(t, err)
	}
	free := `{"mall_code":"imprestMall","shop_code":"imprestShop","order_id":"free","pay_status":"unpaid","delivery_status":"undelivered","created_time":"20220901","subtotal_price":0.00,` +
		`"current_total_price":0.00,"total_shipping_price":0.00,"total_tax_price":0.00,"total_price":0.00,"currency":"CNY","delivery_list":[]}`
	told := `{"mall_code":"imprestMall","shop_code":"imprestShop","order_id":"first","pay_status":"unpaid","delivery_status":"undelivered","created_time":"20220901","subtotal_price":36.00,` +
		`"current_total_price":29.90,"total_shipping_price":0.00,"total_tax_price":0.00,"total_price":29.90,"currency":"CNY","delivery_list":[]}`
	for query, want := range map[string]string{
		"":                         `{"total":2,"data_list":[` + free + `,` + told + `]}`,
		"&page_no=1&page_size=1":   `{"total":2,"data_list":[` + free + `]}`,
		"&page_no=2&page_size=1":   `{"total":2,"data_list":[` + told + `]}`,
		"&page_no=3&page_size=1":   `{"total":2,"data_list":[]}`,
		"&page_no=1&page_size=100": `{"total":2,"data_list":[` + free + `,` + told + `]}`,
	} {
		a := k.get(orderSearchPath + "?" + shopQuery + query)
		assert.Equal(t, want, string(a.Result), "%s: %s", query, a.body)
	}
	all := c.Requests()
	assert.Equal(t, ming.ID, all[len(all)-1].UserID)
	for range 10 {
		newOrder(t, c)
	}
	var list struct {
		DataList []any `json:"data_list"`
	}
	require.NoError(t, json.Unmarshal(k.get(orderSearchPath+"?"+shopQuery).Result, &list))
	assert.Len(t, list.DataList, 10, "a page has 10 if nobody says otherwise")

	a := k.get("/v1.0/mall/plugin/order/first?" + shopQuery)
	assert.JSONEq(t, `{"mall_code":"imprestMall","shop_code":"imprestShop","order_id":"first","pay_status":"unpaid","delivery_status":"undelivered","created_time":1661961600000,"subtotal_price":36.00,
		"current_total_price":29.90,"total_shipping_price":0.00,"total_tax_price":0.00,"total_price":29.90,"currency":"CNY","delivery_list":[],
		"commodity_list":[{"title":"VoIP","sku":"sku","available":true,"price":{"Value":"14.95"},"weight":0,"quantity":2,"image":"ecommerce/k.png","selected_options":[]}],
		"billing_address":{"country_code":"CN","country":"","name":"小明"},"shipping_address":{"country_code":"CN","country":"","name":"小明"}}`, string(a.Result))

	for status, want := range map[string][2]string{
		MallOrderCreated: {"unpaid", "undelivered"}, MallOrderPaying: {"paying", "undelivered"}, MallOrderPendingAuditPaid: {"pending_audit", "undelivered"},
		MallOrderPaid: {"paid", "undelivered"}, MallOrderDelivering: {"paid", "delivering"}, MallOrderPartDelivered: {"paid", "part_delivered"},
		MallOrderDelivered: {"paid", "delivered"}, MallOrderFinished: {"paid", "delivered"}, MallOrderRefunded: {"refunded", "delivered"},
		MallOrderCanceled: {"unpaid", "undelivered"}, MallOrderClosed: {"unpaid", "undelivered"},
	} {
		delivered := time.Time{}
		if want[1] == "delivered" {
			delivered = clock.Now()
		}
		o, err := c.AddMallOrder(MallOrder{Status: status, Delivered: delivered})
		require.NoError(t, err)
		var told pluginOrder
		require.NoError(t, json.Unmarshal(k.get("/v1.0/mall/plugin/order/"+o.OrderID+"?"+shopQuery).Result, &told))
		assert.Equal(t, want, [2]string{told.PayStatus, told.DeliveryStatus}, status)
	}

	for target, code := range map[string]string{
		orderSearchPath: "2000000",
		orderSearchPath + "?mall_code=imprestMall&user_id=" + ming.ID:                               "2000000",
		orderSearchPath + "?mall_code=&shop_code=imprestShop&user_id=" + ming.ID:                    "2000000",
		orderSearchPath + "?mall_code=imprestMall&shop_code=imprestShop":                            "2000000",
		orderSearchPath + "?" + shopQuery + "&page_no=0":                                            "2000000",
		orderSearchPath + "?" + shopQuery + "&page_no=x":                                            "2000000",
		orderSearchPath + "?" + shopQuery + "&page_no=":                                             "2000000",
		orderSearchPath + "?" + shopQuery + "&page_size=101":                                        "2000000",
		orderSearchPath + "?" + shopQuery + "&page_size=9223372036854775808":                        "2000000",
		orderSearchPath + "?mall_code=another&shop_code=imprestShop&user_id=" + ming.ID:             "2001000",
		orderSearchPath + "?mall_code=imprestMall&shop_code=another&user_id=" + ming.ID:             "2001000",
		orderSearchPath + "?mall_code=imprestMall&shop_code=imprestShop&user_id=x":                  "",
		"/v1.0/mall/plugin/order/first":                                                             "2000000",
		"/v1.0/mall/plugin/order/none?" + shopQuery:                                                 "2005001",
		"/v1.0/mall/plugin/order/hongs?" + shopQuery:                                                "2005001",
		"/v1.0/mall/plugin/order/elsewhere?" + shopQuery:                                            "2005001",
		"/v1.0/mall/plugin/order/hongs?mall_code=imprestMall&shop_code=imprestShop&user_id=hong":    "",
		"/v1.0/mall/plugin/order/first?mall_code=imprestMall&shop_code=imprestShop&user_id=hong":    "2005001",
		"/v1.0/mall/plugin/order/" + first.OrderID + "?mall_code=imprestMall&user_id=x&shop_code=y": "2001000",
	} {
		a := k.get(target)
		assert.Equal(t, code, a.code(), "%s: %s", target, a.body)
		assert.Equal(t, code != "", len(a.Code) > 0 && a.Code[0] != '"', "App Mall's codes are numbers")
	}
}

func TestCloseOrder(t *testing.T) {
	c := testCloud(t, CloudConfig{})
	k := newCaller(t, c).withToken()
	closing := func(id, query string) told {
		return k.call("PUT", "/v1.0/sellercenter/order/close/"+id+"?"+query, "", nil)
	}
	id := newOrder(t, c)
	a := closing(id, siteQuery+"&uid="+TestCloudUser().ID)
	assert.Equal(t, "true", string(a.Result), a.body)
	o, _ := c.MallOrder(id)
	assert.Equal(t, MallOrderClosed, o.Status)
	assert.Contains(t, k.get("/v1.0/mall/plugin/order/"+id+"?"+shopQuery).body, `"cancel_reason":"closed","canceled_time":1700000000000`)
	assert.Equal(t, "2005002", closing(id, siteQuery).code(), "once")
	assert.Error(t, c.PayMallOrder(id), "nobody can pay it any more")

	for status := range mallOrderMoves {
		o, err := c.AddMallOrder(MallOrder{Status: status})
		require.NoError(t, err)
		want := map[string]string{MallOrderCreated: "", MallOrderPaying: "", MallOrderPendingAuditPaid: ""}
		code, closes := want[status]
		if !closes {
			code = "2005002"
		}
		assert.Equal(t, code, closing(o.OrderID, siteQuery).code(), status)
		after, _ := c.MallOrder(o.OrderID)
		assert.Equal(t, map[bool]string{true: MallOrderClosed, false: status}[closes], after.Status)
	}
	open := newOrder(t, c)
	for query, code := range map[string]string{
		"":                                   "2000000",
		"mall_code=imprestMall":              "2000000",
		"site_code=CN":                       "2000000",
		"mall_code=another&site_code=CN":     "2001000",
		"mall_code=imprestMall&site_code=US": "2001000",
	} {
		assert.Equal(t, code, closing(open, query).code(), query)
	}
	assert.Equal(t, "2005001", closing("none", siteQuery).code())
	assert.Equal(t, "1108", k.call("POST", "/v1.0/sellercenter/order/close/"+open+"?"+siteQuery, "", nil).code())

	c.Inject(Fault{Kind: FaultNotSaved, Call: CallCloseOrder})
	assert.Equal(t, "false", string(closing(open, siteQuery).Result))
	c.Inject(Fault{Kind: FaultSystemError, Call: CallCloseOrder})
	assert.Equal(t, "500", closing(open, siteQuery).code())
	o, _ = c.MallOrder(open)
	assert.Equal(t, MallOrderCreated, o.Status)
	c.Inject(Fault{Kind: FaultLateEffect, Call: CallCloseOrder, Delay: time.Second})
	assert.Equal(t, 504, closing(open, siteQuery).status)
	c.Clock.Advance(time.Second)
	o, _ = c.MallOrder(open)
	assert.Equal(t, MallOrderClosed, o.Status)
	lost := newOrder(t, c)
	c.Inject(Fault{Kind: FaultAnswerLost, Call: CallCloseOrder})
	_, err := k.try("PUT", "/v1.0/sellercenter/order/close/"+lost+"?"+siteQuery, "", nil)
	require.Error(t, err)
	o, _ = c.MallOrder(lost)
	assert.Equal(t, MallOrderClosed, o.Status)
}

// Between the seller who closes an order and the user who pays it there is one
// winner.
func TestClosingAndPayingAtOnce(t *testing.T) {
	c := testCloud(t, CloudConfig{})
	token := newCaller(t, c).withToken().token
	for i := range 20 {
		id := newOrder(t, c)
		var both sync.WaitGroup
		var paid error
		var closed told
		both.Go(func() { paid = c.PayMallOrder(id) })
		both.Go(func() {
			k := &caller{t: t, c: c, project: TestProject(), token: token, nonces: 100 * (i + 1)}
			a, err := k.try("PUT", "/v1.0/sellercenter/order/close/"+id+"?"+siteQuery, "", nil)
			assert.NoError(t, err)
			closed = a
		})
		both.Wait()
		assert.Equal(t, paid == nil, !closed.Success, "%v %s", paid, closed.body)
	}
}

func TestOrdersOfWhomTheProjectMayNotAsk(t *testing.T) {
	limited := TestProject()
	limited.Users = []string{"hong"}
	c := testCloud(t, CloudConfig{Users: []CloudUser{TestCloudUser(), {ID: "hong"}}, Projects: []Project{limited}})
	k := newCaller(t, c).withToken()
	assert.Equal(t, "1106", k.get(orderSearchPath+"?"+shopQuery).code())
	assert.True(t, k.get(orderSearchPath+"?mall_code=imprestMall&shop_code=imprestShop&user_id=hong").Success)
	limited = TestProject()
	limited.MallCodes = []string{"x"}
	c = testCloud(t, CloudConfig{Projects: []Project{limited}})
	k = newCaller(t, c).withToken()
	id := newOrder(t, c)
	assert.Equal(t, "1106", k.get(orderSearchPath+"?"+shopQuery).code())
	assert.Equal(t, "1106", k.call("PUT", "/v1.0/sellercenter/order/close/"+id+"?"+siteQuery, "", nil).code())
}

// Amounts are exact, however large or small.
func TestPricesAreExactNumbers(t *testing.T) {
	c := testCloud(t, CloudConfig{})
	k := newCaller(t, c).withToken()
	for amount, want := range map[core.Fen]string{0: "0.00", 1: "0.01", 10: "0.10", 999: "9.99", 100_000_001: "1000000.01"} {
		o, err := c.AddMallOrder(MallOrder{AmountTrade: amount})
		require.NoError(t, err)
		assert.Contains(t, k.get("/v1.0/mall/plugin/order/"+o.OrderID+"?"+shopQuery).body, fmt.Sprintf(`"total_price":%s,`, want))
	}
}
