package mall_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/mall"
)

// What the page shows of devices, orders, subscriptions and introductions, as
// values: nothing ends in Extra, and nothing in the wrong field.
func TestThePagesFurtherExamplesAsValues(t *testing.T) {
	ctx := t.Context()
	device, err := answering(t, 200, success(example(t, mall.OpGetDeviceAddValueType))).GetDeviceAddValueType(ctx, alice, "d")
	require.NoError(t, err)
	const icon = "smart/icon/bay1591770978438Acm2/0a0b4a644f5339732720a221a7693a1b.png"
	types := []mall.CommodityType{mall.CommodityCloudStorage, mall.CommodityVoIP}
	assert.Equal(t, mall.DeviceAddValueType{ID: "xxxxx", Name: "VoIP 调试 - 可视对讲", Icon: icon, Types: types}, device)

	devices, err := answering(t, 200, success(example(t, mall.OpGetDeviceList))).GetDeviceList(ctx, alice, "h")
	require.NoError(t, err)
	assert.Equal(t, []mall.ListedDevice{
		{ID: "xxxxx", Name: "VoIP 调试 - 可视对讲", Icon: icon, Types: types},
		{ID: "xxxxx", Name: "VoIP 调试 - 可视对讲1", Icon: icon, Types: types},
	}, devices)

	user, err := answering(t, 200, success(example(t, mall.OpGetDeviceWXUserInfo))).GetDeviceWXUserInfo(ctx, alice, "wx1")
	require.NoError(t, err)
	assert.Equal(t, mall.DeviceWXUser{OpenID: "xxx", UserID: "xxx"}, user)

	orders, err := answering(t, 200, success(example(t, mall.OpGetOrderList))).GetOrderList(ctx, alice, orderList)
	require.NoError(t, err)
	assert.Equal(t, []int64{2, 1, 1, 14}, []int64{orders.PageCount, orders.PageNum, orders.PageSize, orders.TotalRecord})
	assert.False(t, orders.Empty)
	assert.Empty(t, orders.Extra)
	require.Len(t, orders.Data, 1)
	order := orders.Data[0]
	assert.Empty(t, order.Extra)
	assert.Equal(t, mall.OrderCommodityInfo{
		CommodityCode: "xxx", CommodityName: "微信视频通话(VoIP)", CommodityType: 5, IconURL: "ecommerce/17229243039995edff2e6.png",
		Quantity: 1, SKUCode: "xxx", SKUValueList: []string{}, UnitPriceOrigin: mall.NewMoney(100), UnitPriceTrade: mall.NewMoney(100),
		SKUSrvPeriod: &mall.SKUSrvPeriod{SKUCode: "xxx", SrvCode: "xxx", SrvPeriodUnit: mall.PeriodYear, SrvPeriodValue: 1},
	}, order.CommodityInfos[0])
	assert.Equal(t, mall.OrderLogisticsInfo{OrderLogisticsTag: false}, order.LogisticsInfo)
	base := order.BaseInfo
	assert.Equal(t, time.Date(2024, 8, 13, 8, 15, 5, 517e6, time.UTC), base.GMTCreate.Time())
	assert.Equal(t, mall.MallInfo{MallCode: "xxx", ShopCode: "xxx", SiteCode: "CN"}, base.MallInfo)
	assert.Equal(t, fields(mall.OrderBaseInfo{
		OrderID: "xxxxxx", OrderStatus: mall.OrderFinished, AmountOrigin: mall.NewMoney(100), AmountTrade: mall.NewMoney(100), Currency: "CNY",
		TotalQuantity: 1, GMTCreate: 1723536905517, MallInfo: base.MallInfo, AMOrder: true, OrderTypeCode: "xxxx",
	}), fields(base))

	subscriptions, err := answering(t, 200, success(example(t, mall.OpGetSubscriptionOrderList))).GetSubscriptionOrderList(ctx, alice, subscriptionList)
	require.NoError(t, err)
	assert.Equal(t, fields(mall.SubscriptionPage{Data: []mall.Subscription{}, PageNum: 1, PageSize: 1, Empty: true}), fields(subscriptions))

	introduction, err := answering(t, 200, success(example(t, mall.OpGetServiceIntroduction))).GetServiceIntroduction(ctx, alice, "voip")
	require.NoError(t, err)
	list := introduction.ModuleList
	assert.Equal(t, []int{2, 1, 3, 1, 2}, []int{len(list.ServiceProtocol), len(list.ServiceIntro), len(list.ServiceLightSpot), len(list.ServiceName), len(list.ConfigItem)})
	assert.Equal(t, mall.Module{
		ID: 103, CfgID: 104, Type: mall.ModuleServiceProtocol, SubType: mall.ModuleServiceProtocol, Lang: "en", Title: "英语服务协议",
		Content: "https://xxx.xxx.com/xxx/xxxx?lang=zh", Display: 1, Seq: 4,
	}, list.ServiceProtocol[1])
	assert.Equal(t, mall.Module{
		ID: 105, CfgID: 106, Type: mall.ModuleServiceIntro, SubType: mall.ModuleServiceIntro, Title: "微信视频通话(VoIP)", Content: "门铃呼叫,微信接听",
		Color: "#2f9c8e", Display: 1, AttachmentJSON: &mall.Attachments{Attachment1: "https://xxx.xxx.com/xxx/xxx/xxx.png"},
	}, list.ServiceIntro[0])
	assert.Equal(t, mall.ModuleServiceLightSpot, list.ServiceLightSpot[2].Type)
	assert.Equal(t, "门铃呼叫,微信接听", list.ServiceName[0].Subtitle)
	assert.Equal(t, "https://xxx.xxx.com/xxx/xxx/xxx.png", list.ServiceName[0].AttachmentJSON.Attachment2)
	assert.Equal(t, []string{mall.ModuleConfigItem, mall.ConfigProtocol, mall.ConfigExchange}, []string{list.ConfigItem[0].Type, list.ConfigItem[0].SubType, list.ConfigItem[1].SubType})
	assert.Nil(t, list.ConfigItem[0].AttachmentJSON)
}

// The page shows no subscription: this one has each member of its tables once.
func TestASubscriptionAsTheTablesHaveIt(t *testing.T) {
	text := `{"data":[{"gmtNextTime":1755072905517,"paidProvider":3,"regularInterval":1,"regularUnit":2,"status":4,"subscribeId":"s1","orderListModel":{
		"amountOrigin":20.5,"amountTrade":{"Value":"19.90"},"currency":"CNY","mallInfo":{"mallCode":"m","shopCode":"h","siteCode":"CN"},"orderGmtCreate":1723536905517,
		"orderId":"o1","orderStatus":"finished","quantity":2,"orderItemList":[{"amountOrigin":"20.50","amountTrade":19.9,"currency":"CNY","quantity":2,"skuCode":"k1","skuPic":"p.png","skuValueList":["year"],"title":"VoIP"}]}}],
		"index":7,"pageNum":1,"pageSize":10}`
	page, err := answering(t, 200, success(text)).GetSubscriptionOrderList(t.Context(), alice, subscriptionList)
	require.NoError(t, err)
	keeps(t, text, page)
	assert.EqualValues(t, 7, page.Index)
	s := page.Data[0]
	order := s.OrderListModel
	item := order.OrderItemList[0]
	assert.Equal(t, fields(mall.Subscription{
		SubscribeID: "s1", Status: 4, GMTNextTime: 1755072905517, RegularInterval: 1, RegularUnit: 2, PaidProvider: 3, OrderListModel: order,
	}), fields(s))
	assert.Equal(t, fields(mall.OrderListModel{
		OrderID: "o1", OrderStatus: mall.OrderFinished, AmountOrigin: order.AmountOrigin, AmountTrade: mall.NewMoney(1990), Currency: "CNY", Quantity: 2,
		OrderGMTCreate: 1723536905517, MallInfo: mall.MallInfo{MallCode: "m", ShopCode: "h", SiteCode: "CN"}, OrderItemList: order.OrderItemList,
	}), fields(order))
	assert.Equal(t, fields(mall.OrderItem{
		Title: "VoIP", SKUCode: "k1", SKUPic: "p.png", SKUValueList: []string{"year"}, Quantity: 2, AmountOrigin: item.AmountOrigin, AmountTrade: item.AmountTrade, Currency: "CNY",
	}), fields(item))
	assert.Equal(t, []core.Fen{2050, 2050, 1990}, []core.Fen{order.AmountOrigin.Fen, item.AmountOrigin.Fen, item.AmountTrade.Fen})
}

// One case for each way in which the tables and the examples of orders and
// devices disagree.
func TestEverySpellingOfAnOrderIsReadAndKept(t *testing.T) {
	for text, want := range map[string]core.Fen{ // the table says number, the example has an object
		`{"amountOrigin":{"Value":"1.00"},"amountTrade":{"Value":"1.00"}}`: 100,
		`{"amountOrigin":1.00,"amountTrade":1.00}`:                         100,
		`{"amountOrigin":"1.00","amountTrade":"1.00"}`:                     100,
		`{"amountOrigin":1e0,"amountTrade":{"Value":1}}`:                   100,
	} {
		var base mall.OrderBaseInfo
		require.NoError(t, json.Unmarshal([]byte(text), &base), text)
		assert.Equal(t, []core.Fen{want, want}, []core.Fen{base.AmountOrigin.Fen, base.AmountTrade.Fen}, text)
		keeps(t, text, base)
	}
	var info mall.OrderCommodityInfo
	text := `{"unitPriceOrigin":0.29,"unitPriceTrade":{"Value":"0.29"},"skuSrvPeriodDTO":null,"commodityType":"5","skuValueList":null}`
	require.NoError(t, json.Unmarshal([]byte(text), &info))
	assert.Equal(t, []core.Fen{29, 29}, []core.Fen{info.UnitPriceOrigin.Fen, info.UnitPriceTrade.Fen}, "0.29 has no exact float")
	assert.EqualValues(t, 5, info.CommodityType)
	keeps(t, text, info)

	for text, want := range map[string]mall.OrderBaseInfo{
		`{"gmtCreate":"1723536905517"}`:                    {GMTCreate: 1723536905517}, // a string of a time
		`{"gmtCreate":1723536905517}`:                      {GMTCreate: 1723536905517},
		`{"gmtCreate":null,"amOrder":"true"}`:              {AMOrder: true},
		`{"tradeType":"WECHAT","orderTypeCode":7}`:         {TradeType: "WECHAT", OrderTypeCode: "7"}, // in the table alone
		`{"tradeType":""}`:                                 {},
		`{"orderStatus":"tomorrows","orderId":1234567890}`: {OrderStatus: "tomorrows", OrderID: "1234567890"},
		`{}`: {},
	} {
		var base mall.OrderBaseInfo
		require.NoError(t, json.Unmarshal([]byte(text), &base), text)
		assert.Equal(t, fields(want), fields(base), text)
		keeps(t, text, base)
	}
	for text, want := range map[string]mall.SubscriptionPage{ // totalRecord and empty are in the example alone
		`{"data":[],"index":0,"pageNum":1,"pageSize":1}`:                                  {Data: []mall.Subscription{}, PageNum: 1, PageSize: 1},
		`{"data":[],"index":0,"pageNum":1,"pageSize":1,"totalRecord":0,"empty":true}`:     {Data: []mall.Subscription{}, PageNum: 1, PageSize: 1, Empty: true},
		`{"data":null,"index":"3","pageNum":1,"pageSize":1,"totalRecord":9,"empty":null}`: {Index: 3, PageNum: 1, PageSize: 1, TotalRecord: 9},
	} {
		var page mall.SubscriptionPage
		require.NoError(t, json.Unmarshal([]byte(text), &page), text)
		assert.Equal(t, fields(want), fields(page), text)
		keeps(t, text, page)
	}
	for text, empty := range map[string]bool{`{"data":[],"empty":true}`: true, `{"data":[],"empty":false}`: false, `{"data":[]}`: false} {
		var page mall.OrderPage
		require.NoError(t, json.Unmarshal([]byte(text), &page), text)
		assert.Equal(t, empty, page.Empty, text)
		keeps(t, text, page)
	}
	for text, want := range map[string]mall.ListedDevice{ // locationName is in the table alone; icons are paths
		`{"locationName":"door"}`:               {LocationName: "door"},
		`{"locationName":""}`:                   {},
		`{"types":[0,1,2,17,"1"],"icon":"a/b"}`: {Types: []mall.CommodityType{0, 1, mall.CommodityAI, 17, 1}, Icon: "a/b"},
		`{"id":12,"types":null}`:                {ID: "12"},
	} {
		var device mall.ListedDevice
		require.NoError(t, json.Unmarshal([]byte(text), &device), text)
		assert.Equal(t, fields(want), fields(device), text)
		keeps(t, text, device)
	}
	for _, text := range []string{ // configItem and serviceProtocol have no attachments in the tables, nor a third attachment anywhere
		`{"moduleList":{"configItem":[{"attachmentJson":{"attachment1":"a","attachment3":"c"}}],"serviceProtocol":[{"attachmentJson":{}}],"tomorrows":[{}]},"x":1}`,
		`{"moduleList":{"serviceIntro":null,"serviceName":[{"attachmentJson":null,"id":"7","seq":"0"}]}}`,
		`{"moduleList":null}`,
	} {
		var introduction mall.ServiceIntroduction
		require.NoError(t, json.Unmarshal([]byte(text), &introduction), text)
		keeps(t, text, introduction)
	}
}

// A price that is no whole number of fen is an error, wherever it is.
func TestAmountsThatAreNotExact(t *testing.T) {
	for text, says := range map[string]string{
		`{"data":[{"orderBaseInfo":{"amountTrade":0.001}}]}`:                                              "result.data[0].orderBaseInfo.amountTrade core.Fen: not an exact amount of fen",
		`{"data":[{"orderBaseInfo":{"amountOrigin":{"Value":"1.005"}}}]}`:                                 "result.data[0].orderBaseInfo.amountOrigin core.Fen: not an exact amount of fen",
		`{"data":[{"orderCommodityInfos":[{},{"unitPriceTrade":"0.299"}]}]}`:                              "result.data[0].orderCommodityInfos[1].unitPriceTrade core.Fen: not an exact amount of fen",
		`{"data":[{"orderCommodityInfos":[{"unitPriceOrigin":1e-3}]}]}`:                                   "result.data[0].orderCommodityInfos[0].unitPriceOrigin core.Fen: not an exact amount of fen",
		`{"data":[{"orderCommodityInfos":[{"skuSrvPeriodDTO":{"srvPeriodValue":0.5}}]}]}`:                 "result.data[0].orderCommodityInfos[0].skuSrvPeriodDTO.srvPeriodValue is not an integer",
		`{"data":[{"orderListModel":{"amountTrade":0.001,"orderItemList":[]},"x":1}],"pageCount":"many"}`: "result.pageCount is not an integer",
		`{"data":{}}`: "result.data is not a list",
		`[]`:          "result is not an object",
	} {
		_, err := answering(t, 200, success(text)).GetOrderList(t.Context(), alice, orderList)
		assert.EqualError(t, err, "mall.GetOrderList: "+says, text)
		assert.Equal(t, core.CodeUnknown, core.CodeOf(err))
		assert.True(t, core.Retryable(err))
	}
	_, err := answering(t, 200, success(`{"data":[{"orderListModel":{"orderItemList":[{"amountTrade":0.001}]}}]}`)).GetSubscriptionOrderList(t.Context(), alice, subscriptionList)
	assert.EqualError(t, err, "mall.GetSubscriptionOrderList: result.data[0].orderListModel.orderItemList[0].amountTrade core.Fen: not an exact amount of fen")
	assert.ErrorIs(t, err, core.ErrNotFen)
}

func TestUnknownMembersOfAnOrderAreKept(t *testing.T) {
	text := `{"orderBaseInfo":{"amountRest":{"Value":"0"},"mallInfo":{"mallName":"x"}},"orderCommodityInfos":[{"skuSrvPeriodDTO":{"auto":true},"weight":1e999}],"orderLogisticsInfo":{"no":null},"coupon":[1]}`
	var order mall.Order
	require.NoError(t, json.Unmarshal([]byte(text), &order))
	assert.JSONEq(t, `[1]`, string(order.Extra["coupon"]))
	assert.Contains(t, order.BaseInfo.Extra, "amountRest")
	assert.Contains(t, order.BaseInfo.MallInfo.Extra, "mallName")
	assert.Contains(t, order.CommodityInfos[0].SKUSrvPeriod.Extra, "auto")
	assert.Contains(t, order.LogisticsInfo.Extra, "no")
	again, err := order.MarshalJSON()
	require.NoError(t, err)
	assert.Equal(t, tree(t, []byte(text)), tree(t, again))
}

func TestOrderStatusesAsThePageSpellsThem(t *testing.T) {
	assert.Equal(t, []mall.OrderStatus{
		"created", "pending_audit_paid", "paying", "paid", "delivering", "delivered", "part_delivered", "finished", "canceled", "closed", "refunded",
	}, []mall.OrderStatus{
		mall.OrderCreated, mall.OrderPendingAuditPaid, mall.OrderPaying, mall.OrderPaid, mall.OrderDelivering, mall.OrderDelivered,
		mall.OrderPartDelivered, mall.OrderFinished, mall.OrderCanceled, mall.OrderClosed, mall.OrderRefunded,
	})
}
