package testkit

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/mall"
)

func inMall() params {
	m := TestCatalogs()[0].Mall
	return params{"mallCode": m.MallCode, "siteCode": m.SiteCode, "pageNo": 1, "pageSize": 10}
}

func buying() params {
	d, m := TestDoorbell(), TestCatalogs()[0].Mall
	return params{
		"device_id": d.ID, "uuid": d.UUID, "name": d.Name, "homeId": d.HomeID,
		"mallCode": m.MallCode, "siteCode": m.SiteCode, "currency": "CNY", "skuCode": "imprest-voip-1y", "optionType": "0", "optionNo": "0",
		"openId": TestCloudUser().OpenID, "wxAppId": TestWeChatApp().AppID,
	}
}

// mallClient is the client as a merchant has it.
func mallClient(t *testing.T, c *Cloud) (*mall.Client, mall.Caller) {
	t.Helper()
	relay, err := mall.NewAction(mall.ActionConfig{URL: c.ActionURL(), HTTPClient: c.Client()})
	require.NoError(t, err)
	client, err := mall.New(mall.Config{Transport: relay})
	require.NoError(t, err)
	return client, mall.Caller{UserID: TestCloudUser().ID}
}

func buyParams() mall.BuyParams {
	d, m := TestDoorbell(), TestCatalogs()[0].Mall
	return mall.BuyParams{
		DeviceID: d.ID, UUID: d.UUID, Name: d.Name, HomeID: d.HomeID, MallCode: m.MallCode, SiteCode: m.SiteCode, Currency: "CNY",
		SKUCode: "imprest-voip-1y", OpenID: TestCloudUser().OpenID, WXAppID: TestWeChatApp().AppID,
	}
}

func TestAnOrderFromBuyingToTheService(t *testing.T) {
	c := testCloud(t, CloudConfig{Readings: CloudReadings{DeliverAfter: time.Minute}})
	client, caller := mallClient(t, c)
	prepay, err := client.BuyIncreaseServiceByWx(t.Context(), caller, buyParams())
	require.NoError(t, err)
	require.True(t, prepay.Complete())
	info := mall.OrderListParams{MallCode: "imprestMall", SiteCode: "CN", PageNo: 1, PageSize: 10}
	look := func() mall.Order {
		list, err := client.GetOrderList(t.Context(), caller, info)
		require.NoError(t, err)
		require.Len(t, list.Data, 1)
		return list.Data[0]
	}
	order := look()
	assert.Equal(t, prepay.OrderID, order.BaseInfo.OrderID)
	assert.Equal(t, mall.OrderCreated, order.BaseInfo.OrderStatus)
	assert.Equal(t, core.Fen(3600), order.BaseInfo.AmountTrade.Fen)
	assert.Equal(t, core.Fen(4800), order.BaseInfo.AmountOrigin.Fen)
	assert.Equal(t, "CNY", order.BaseInfo.Currency)
	assert.Equal(t, c.Clock.Now().UnixMilli(), int64(order.BaseInfo.GMTCreate))
	require.Len(t, order.CommodityInfos, 1)
	item := order.CommodityInfos[0]
	assert.Equal(t, "imprest-voip-1y", item.SKUCode)
	assert.Equal(t, "微信视频通话(VoIP)", item.CommodityName)
	assert.Equal(t, mall.PeriodYear, item.SKUSrvPeriod.SrvPeriodUnit)
	assert.Equal(t, int64(1), item.Quantity)

	// A changed parameter pays nothing; the right ones pay this order.
	paying := WXPayment{TimeStamp: prepay.TimeStamp, NonceStr: prepay.NonceStr, Package: prepay.Package, SignType: prepay.SignType, PaySign: prepay.PaySign}
	forged := paying
	forged.Package += "0"
	_, err = c.RequestPayment(forged)
	require.Equal(t, core.CodeForged, core.CodeOf(err))
	require.Equal(t, mall.OrderCreated, look().BaseInfo.OrderStatus)
	paid, err := c.RequestPayment(paying)
	require.NoError(t, err)
	assert.Equal(t, prepay.OrderID, paid)
	assert.Equal(t, mall.OrderPaid, look().BaseInfo.OrderStatus)
	c.RequireNoService(t, TestDoorbell().ID, ServiceVoIP)
	_, err = c.RequestPayment(paying)
	require.Equal(t, core.CodeConflict, core.CodeOf(err), "nobody pays twice")

	c.Clock.Advance(time.Minute)
	assert.Equal(t, mall.OrderFinished, look().BaseInfo.OrderStatus)
	service := c.RequireService(t, TestDoorbell().ID, ServiceVoIP)
	assert.Equal(t, Period{Unit: PeriodYear, Value: 1}.After(c.Clock.Now().UTC()), service.End)
	c.Clock.Advance(time.Hour)
	assert.Equal(t, service, c.RequireService(t, TestDoorbell().ID, ServiceVoIP), "granted once")
}

func TestWhatCannotBeBought(t *testing.T) {
	c := testCloud(t, CloudConfig{})
	for name, x := range map[string]struct {
		but  params
		code string
	}{
		"another home":     {params{"homeId": "9"}, "PERMISSION_DENIED"},
		"another uuid":     {params{"uuid": "x"}, "DEVICE_NOT_FOUND"},
		"another name":     {params{"name": "x"}, "1109"},
		"another openId":   {params{"openId": "x"}, "1109"},
		"another app":      {params{"wxAppId": "x"}, "1109"},
		"another sku":      {params{"skuCode": "x"}, "SKU_NOT_FOUND"},
		"another option":   {params{"optionNo": "7"}, "SKU_NOT_FOUND"},
		"option no number": {params{"optionType": "x"}, "1104"},
		"option a number":  {params{"optionType": 0}, "1104"},
		"another mall":     {params{"mallCode": "x"}, "MALL_NOT_FOUND"},
		"another site":     {params{"siteCode": "US"}, "MALL_NOT_FOUND"},
		"another currency": {params{"currency": "USD"}, "1109"},
	} {
		assert.Equal(t, x.code, ask(t, c, CallBuyIncreaseServiceByWx, buying().but(x.but)).code(), name)
	}
	assert.Empty(t, c.MallOrders())
}

// Every status with every other: the moves of the table happen, with what they
// bring, and no other does.
func TestEveryMoveOfAnOrder(t *testing.T) {
	var all []string
	for status := range mallOrderMoves {
		all = append(all, status)
	}
	require.Len(t, all, 11, "the page lists 11")
	for _, from := range all {
		for _, to := range append(all, "shipped") {
			t.Run(from+" "+to, func(t *testing.T) {
				c := testCloud(t, CloudConfig{})
				o, err := c.AddMallOrder(MallOrder{
					DeviceID: TestDoorbell().ID, SKUCode: "imprest-voip-1y", ServiceCode: ServiceVoIP, Period: Period{Unit: PeriodYear, Value: 1}, AmountTrade: 3600, Status: from,
				})
				require.NoError(t, err)
				err = c.MoveMallOrder(o.OrderID, to)
				now, _ := c.MallOrder(o.OrderID)
				if !slices.Contains(mallOrderMoves[from], to) {
					require.Equal(t, core.CodeConflict, core.CodeOf(err))
					require.Equal(t, o, now)
					return
				}
				require.NoError(t, err)
				require.Equal(t, to, now.Status)
				if to == MallOrderDelivered {
					c.RequireService(t, TestDoorbell().ID, ServiceVoIP)
				} else {
					c.RequireNoService(t, TestDoorbell().ID, ServiceVoIP)
				}
			})
		}
	}
	// Every status can be reached, and every way ends.
	reached := map[string]bool{}
	var walk func(status string, path []string)
	walk = func(status string, path []string) {
		reached[status] = true
		for _, next := range mallOrderMoves[status] {
			if !slices.Contains(path, next) {
				walk(next, append(slices.Clone(path), next))
			}
		}
	}
	walk(MallOrderCreated, []string{MallOrderCreated})
	assert.Len(t, reached, 11)
	c := testCloud(t, CloudConfig{})
	require.Equal(t, core.CodeNotFound, core.CodeOf(c.MoveMallOrder("x", MallOrderPaid)))
	require.Equal(t, core.CodeNotFound, core.CodeOf(c.PayMallOrder("x")))
	_, err := c.AddMallOrder(MallOrder{Status: "shipped"})
	require.Equal(t, core.CodeInvalid, core.CodeOf(err))
}

// A delivery that a person makes by hand is not made again by the clock, and a
// refund before it stops it.
func TestADeliveryHappensOnce(t *testing.T) {
	for _, by := range []string{MallOrderDelivered, MallOrderRefunded} {
		c := testCloud(t, CloudConfig{Readings: CloudReadings{DeliverAfter: time.Minute}})
		client, caller := mallClient(t, c)
		prepay, err := client.BuyIncreaseServiceByWx(t.Context(), caller, buyParams())
		require.NoError(t, err)
		require.NoError(t, c.PayMallOrder(prepay.OrderID))
		require.NoError(t, c.MoveMallOrder(prepay.OrderID, by))
		before := c.Services(TestDoorbell().ID)
		c.Clock.Advance(time.Hour)
		assert.Equal(t, before, c.Services(TestDoorbell().ID), by)
		o, _ := c.MallOrder(prepay.OrderID)
		assert.Equal(t, by, o.Status)
	}
}

func TestOrdersAreTheCallersOwn(t *testing.T) {
	c := testCloud(t, CloudConfig{})
	neighbour, _ := addNeighbour(t, c)
	require.True(t, ask(t, c, CallBuyIncreaseServiceByWx, buying()).Success)
	_, err := c.AddMallOrder(MallOrder{UserID: neighbour.ID, SKUCode: "s", AmountTrade: 1})
	require.NoError(t, err)
	for user, want := range map[string]string{TestCloudUser().ID: "imprest-voip-1y", neighbour.ID: "s"} {
		a := askAs(t, c, user, CallGetOrderList, inMall())
		var got struct {
			Result struct {
				Data []struct {
					Items []struct {
						SKUCode string `json:"skuCode"`
					} `json:"orderCommodityInfos"`
				}
				TotalRecord int
			}
		}
		require.NoError(t, json.Unmarshal([]byte(a.body), &got))
		require.Len(t, got.Result.Data, 1)
		assert.Equal(t, 1, got.Result.TotalRecord)
		assert.Equal(t, want, got.Result.Data[0].Items[0].SKUCode)
	}
	assert.Equal(t, "MALL_NOT_FOUND", ask(t, c, CallGetOrderList, inMall().but(params{"mallCode": "x"})).code())
	assert.Equal(t, "MALL_NOT_FOUND", ask(t, c, CallGetSubscriptionOrderList, inMall().but(params{"siteCode": "x"})).code())
}

func TestPagesOfOrders(t *testing.T) {
	c := testCloud(t, CloudConfig{})
	for i := range 7 {
		_, err := c.AddMallOrder(MallOrder{OrderID: fmt.Sprint("O", i), Title: "Title " + fmt.Sprint(i), AmountTrade: core.Fen(i + 1)})
		require.NoError(t, err)
	}
	require.NoError(t, c.PayMallOrder("O3"))
	client, caller := mallClient(t, c)
	ids := func(p mall.OrderListParams) (got []string) {
		p.MallCode, p.SiteCode = "imprestMall", "CN"
		for o, err := range client.Orders(t.Context(), caller, p) {
			require.NoError(t, err)
			got = append(got, o.BaseInfo.OrderID)
		}
		return got
	}
	all := []string{"O6", "O5", "O4", "O3", "O2", "O1", "O0"}
	for size := 1; size <= 8; size++ {
		assert.Equal(t, all, ids(mall.OrderListParams{PageSize: size}), size)
	}
	assert.Equal(t, []string{"O3"}, ids(mall.OrderListParams{OrderStatusList: []mall.OrderStatus{mall.OrderFinished}}))
	assert.Equal(t, []string{"O5"}, ids(mall.OrderListParams{SearchKey: "title 5"}))
	assert.Equal(t, []string{"O2"}, ids(mall.OrderListParams{SearchKey: "O2"}))
	assert.Empty(t, ids(mall.OrderListParams{SearchKey: "nothing"}))
	page, err := client.GetOrderList(t.Context(), caller, mall.OrderListParams{MallCode: "imprestMall", SiteCode: "CN", PageNo: 4, PageSize: 2})
	require.NoError(t, err)
	assert.Equal(t, []int64{4, 4, 2, 7}, []int64{page.PageCount, page.PageNum, page.PageSize, page.TotalRecord})
	assert.Len(t, page.Data, 1)
	page, err = client.GetOrderList(t.Context(), caller, mall.OrderListParams{MallCode: "imprestMall", SiteCode: "CN", PageNo: 5, PageSize: 2})
	require.NoError(t, err)
	assert.True(t, page.Empty)

	for name, x := range map[string]params{
		"1101 page 0":     {"pageNo": 0},
		"1101 size 0":     {"pageSize": 0},
		"1101 size 101":   {"pageSize": 101},
		"1104 a text":     {"pageNo": "1"},
		"1104 a fraction": {"pageNo": 1.5},
		"1104 statuses":   {"orderStatusList": "paid"},
		"1104 a number":   {"orderStatusList": []int{1}},
		"1101 no status":  {"orderStatusList": []string{"shipped"}},
		"1104 a key":      {"searchKey": 1},
	} {
		code, _, _ := strings.Cut(name, " ")
		assert.Equal(t, code, ask(t, c, CallGetOrderList, inMall().but(x)).code(), name)
	}
	assert.True(t, ask(t, c, CallGetOrderList, inMall().but(params{"pageNo": 2147483647, "pageSize": 100})).Success)
}

func TestSubscriptions(t *testing.T) {
	c := testCloud(t, CloudConfig{})
	client, caller := mallClient(t, c)
	p := buyParams()
	p.SKUCode, p.OptionType, p.OptionNo = "imprest-storage-7d", 2, 1
	prepay, err := client.BuyIncreaseServiceByWx(t.Context(), caller, p)
	require.NoError(t, err)
	list := func() []mall.Subscription {
		var all []mall.Subscription
		for s, err := range client.Subscriptions(t.Context(), caller, mall.SubscriptionListParams{MallCode: "imprestMall", SiteCode: "CN"}) {
			require.NoError(t, err)
			all = append(all, s)
		}
		return all
	}
	require.Empty(t, list(), "it begins with its payment")
	require.NoError(t, c.PayMallOrder(prepay.OrderID))
	subs := list()
	require.Len(t, subs, 1)
	month := Period{Unit: PeriodMonth, Value: 1}
	assert.Equal(t, prepay.OrderID, subs[0].OrderListModel.OrderID)
	assert.Equal(t, core.Fen(790), subs[0].OrderListModel.AmountTrade.Fen)
	assert.Equal(t, month.After(c.Clock.Now()).UnixMilli(), int64(subs[0].GMTNextTime))
	assert.Equal(t, "imprest-storage-7d", subs[0].OrderListModel.OrderItemList[0].SKUCode)

	before := c.RequireService(t, TestDoorbell().ID, ServiceCloudStorage)
	renewal, err := c.RenewSubscription(subs[0].SubscribeID)
	require.NoError(t, err)
	assert.Equal(t, MallOrderFinished, renewal.Status)
	assert.Equal(t, month.After(before.End), c.RequireService(t, TestDoorbell().ID, ServiceCloudStorage).End)
	subs = list()
	require.Len(t, subs, 1, "a renewal begins no other")
	assert.Equal(t, renewal.OrderID, subs[0].OrderListModel.OrderID)

	require.NoError(t, c.CancelSubscription(subs[0].SubscribeID))
	assert.Equal(t, int64(SubscriptionCanceled), list()[0].Status)
	_, err = c.RenewSubscription(subs[0].SubscribeID)
	assert.Equal(t, core.CodeConflict, core.CodeOf(err))
	c.Clock.Advance(63 * 24 * time.Hour)
	assert.Empty(t, list())
	_, err = c.RenewSubscription("x")
	assert.Equal(t, core.CodeNotFound, core.CodeOf(err))
	assert.Equal(t, core.CodeNotFound, core.CodeOf(c.CancelSubscription("x")))
}

func TestFaultsOfAPurchase(t *testing.T) {
	for kind, orders := range map[FaultKind]int{
		FaultAnswerLost: 1, FaultCut: 0, FaultSystemError: 0, FaultSystemErrorAfter: 1, FaultError500: 0, FaultError500After: 1,
		FaultRefused: 0, FaultTokenExpired: 0, FaultTornAnswer: 1, FaultHugeAnswer: 1, FaultTooMany: 0, FaultBusy: 0,
	} {
		c := testCloud(t, CloudConfig{})
		client, caller := mallClient(t, c)
		c.Inject(Fault{Kind: kind, Call: CallBuyIncreaseServiceByWx})
		_, err := client.BuyIncreaseServiceByWx(t.Context(), caller, buyParams())
		require.Error(t, err, kind)
		assert.Len(t, c.MallOrders(), orders, kind)
		if orders == 1 {
			assert.Equal(t, core.CodeUnknown, core.CodeOf(err), "%s: nobody can tell", kind)
		}
	}
	c := testCloud(t, CloudConfig{})
	client, caller := mallClient(t, c)
	c.Inject(Fault{Kind: FaultLateEffect, Call: CallBuyIncreaseServiceByWx, Delay: time.Minute})
	_, err := client.BuyIncreaseServiceByWx(t.Context(), caller, buyParams())
	require.Equal(t, core.CodeUnknown, core.CodeOf(err))
	require.Empty(t, c.MallOrders())
	c.Clock.Advance(time.Minute)
	require.Len(t, c.MallOrders(), 1)

	c.Inject(Fault{Kind: FaultPriceChange})
	_, err = client.BuyIncreaseServiceByWx(t.Context(), caller, buyParams())
	require.NoError(t, err)
	assert.Equal(t, core.Fen(3700), c.MallOrders()[1].AmountTrade)
	commodities, err := client.GetCommodityList(t.Context(), caller, TestDoorbell().ID)
	require.NoError(t, err)
	assert.Equal(t, core.Fen(3700), commodities[0].Prices[0].Price.Fen, "and the list says so from then on")
}

func TestReadingsOfAPurchase(t *testing.T) {
	c := testCloud(t, CloudConfig{Readings: CloudReadings{OmitOrderID: true, TellTradeType: true, DeliverAfter: -1}})
	client, caller := mallClient(t, c)
	prepay, err := client.BuyIncreaseServiceByWx(t.Context(), caller, buyParams())
	require.NoError(t, err)
	assert.Empty(t, prepay.OrderID)
	assert.True(t, prepay.Complete())
	require.NoError(t, c.PayMallOrder(c.MallOrders()[0].OrderID))
	c.Clock.Advance(365 * 24 * time.Hour)
	list, err := client.GetOrderList(t.Context(), caller, mall.OrderListParams{MallCode: "imprestMall", SiteCode: "CN", PageNo: 1, PageSize: 1})
	require.NoError(t, err)
	assert.Equal(t, mall.OrderPaid, list.Data[0].BaseInfo.OrderStatus)
	assert.Equal(t, "online", list.Data[0].BaseInfo.TradeType)

	c = testCloud(t, CloudConfig{Readings: CloudReadings{BuyResult: "true"}})
	client, caller = mallClient(t, c)
	_, err = client.BuyIncreaseServiceByWx(t.Context(), caller, buyParams())
	require.Equal(t, core.CodeUnknown, core.CodeOf(err), "nothing to pay by")
	require.Len(t, c.MallOrders(), 1)
	require.True(t, c.SetMallOrderAmount(c.MallOrders()[0].OrderID, 1))
	assert.Equal(t, core.Fen(1), c.MallOrders()[0].AmountTrade)
}

func TestManyBuyersAtOnce(t *testing.T) {
	c := testCloud(t, CloudConfig{})
	client, caller := mallClient(t, c)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			prepay, err := client.BuyIncreaseServiceByWx(t.Context(), caller, buyParams())
			if assert.NoError(t, err) {
				assert.NoError(t, c.PayMallOrder(prepay.OrderID))
			}
			_, err = client.GetOrderList(t.Context(), caller, mall.OrderListParams{MallCode: "imprestMall", SiteCode: "CN", PageNo: 1, PageSize: 100})
			assert.NoError(t, err)
		})
	}
	wg.Wait()
	ids := map[string]bool{}
	for _, o := range c.MallOrders() {
		ids[o.OrderID] = true
		assert.Equal(t, MallOrderFinished, o.Status)
	}
	assert.Len(t, ids, 20)
	end := c.RequireService(t, TestDoorbell().ID, ServiceVoIP).End
	assert.Equal(t, Period{Unit: PeriodYear, Value: 20}.After(c.Clock.Now().UTC()), end, "every order was delivered once")
}
