package testkit

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/mall"
)

func mallCallsOfThePage() []Call {
	return []Call{
		CallGetDeviceAddValueType, CallGetDeviceList, CallGetOrderList, CallGetSubscriptionOrderList,
		CallGetServiceIntroduction, CallGetDeviceWXUserInfo, CallBuyIncreaseServiceByWx,
	}
}

// asking is a good question for each operation around a purchase.
func asking(call Call) params {
	return map[Call]params{
		CallGetDeviceAddValueType:    ofDoorbell(),
		CallGetDeviceList:            {"owner_id": TestHome().ID},
		CallGetServiceIntroduction:   {"categoryCode": ServiceVoIP},
		CallGetDeviceWXUserInfo:      {"app_id": TestWeChatApp().AppID},
		CallGetOrderList:             inMall(),
		CallGetSubscriptionOrderList: inMall(),
		CallBuyIncreaseServiceByWx:   buying(),
	}[call]
}

// Every fault that can happen to a call around a purchase strikes it, once, and
// an order is made only where the fault says that the call has its effect.
func TestEveryFaultAroundAPurchase(t *testing.T) {
	effect := []FaultKind{
		FaultAnswerLost, FaultError500After, FaultHugeAnswer, FaultTornAnswer, FaultSystemErrorAfter, FaultPriceChange,
	}
	for _, call := range mallCallsOfThePage() {
		for _, info := range Faults() {
			if !slices.Contains(info.Calls, call) || info.Kind == FaultSlow { // that waits for the clock
				continue
			}
			t.Run(fmt.Sprintf("%s %s", call, info.Kind), func(t *testing.T) {
				c := testCloud(t, CloudConfig{})
				injected := c.Inject(Fault{Kind: info.Kind, Call: call, Code: "1113"})
				header := map[string]string{"user_id": TestCloudUser().ID}
				first, err := send(t, c, actionBody(header, string(call), asking(call)))
				granted := info.Kind == FaultHugeAnswer || info.Kind == FaultPriceChange
				assert.Equal(t, granted, err == nil && first.Success, "%v %s", err, first.body)
				assert.Equal(t, 1, injected.Applied())
				all := c.Requests()
				assert.Equal(t, []FaultKind{info.Kind}, all[len(all)-1].Faults)
				want := 0
				if call == CallBuyIncreaseServiceByWx && slices.Contains(effect, info.Kind) {
					want = 1
				}
				c.RequireMallOrders(t, want)
				if info.Kind == FaultLateEffect {
					c.Clock.Advance(time.Minute)
					want++
					c.RequireMallOrders(t, want)
				}

				require.True(t, ask(t, c, call, asking(call)).Success, "it struck once")
				if call == CallBuyIncreaseServiceByWx {
					want++
				}
				c.RequireMallOrders(t, want)
			})
		}
	}
}

func TestAPriceThatChanges(t *testing.T) {
	c := testCloud(t, CloudConfig{})
	client, caller := mallClient(t, c)
	c.Inject(Fault{Kind: FaultPriceChange})
	listed := func() mall.Price {
		list, err := client.GetCommodityList(t.Context(), caller, TestDoorbell().ID)
		require.NoError(t, err)
		return list[0].Prices[0]
	}
	saw := listed()
	p := buyParams()
	p.SKUCode = "none"
	_, err := client.BuyIncreaseServiceByWx(t.Context(), caller, p)
	require.Equal(t, core.CodeRefused, core.CodeOf(err))
	assert.Equal(t, saw, listed(), "nothing was ordered, so nothing changed")

	c.Inject(Fault{Kind: FaultPriceChange})
	for range 2 { // the second one costs what the list says by then
		prepay, err := client.BuyIncreaseServiceByWx(t.Context(), caller, buyParams())
		require.NoError(t, err)
		assert.Equal(t, saw.Price.Fen+100, c.RequireMallOrder(t, prepay.OrderID, MallOrderCreated).AmountTrade)
		assert.Equal(t, saw.Price.Fen+100, listed().Price.Fen)
	}
}

// What a discount does to what an order costs is a reading, and exact.
func TestDiscounts(t *testing.T) {
	for _, x := range []struct {
		reading  Discount
		price    core.Fen
		original core.Fen
		percent  int
		trade    core.Fen
		origin   core.Fen
	}{
		{"", 790, 990, 20, 790, 990},
		{DiscountTold, 790, 0, 20, 790, 790},
		{DiscountOff, 790, 990, 20, 632, 990},
		{DiscountToPay, 790, 990, 20, 158, 990},
		{DiscountOff, 1000, 0, 20, 800, 1000},
		{DiscountOff, 99, 0, 50, 49, 99}, // not a fen too much
		{DiscountToPay, 1, 0, 99, 0, 1},
		{DiscountOff, 790, 0, 0, 790, 790},
		{DiscountOff, 790, 0, 100, 0, 790},
		{DiscountOff, 790, 0, 120, 0, 790}, // never less than nothing
		{DiscountToPay, 790, 0, -5, 0, 790},
		{DiscountOff, 9_000_000_000_000_000_099, 0, 1, 8_910_000_000_000_000_098, 9_000_000_000_000_000_099},
	} {
		d := TestDoorbell()
		d.Commodities[0].Prices = []Price{{
			Price: x.price, OriginalPrice: x.original, Period: Period{Unit: PeriodYear, Value: 1}, Strategy: &MarketingStrategy{Discount: x.percent},
		}}
		c := testCloud(t, CloudConfig{Devices: []Device{d}, Readings: CloudReadings{Discount: x.reading}})
		require.True(t, ask(t, c, CallBuyIncreaseServiceByWx, buying()).Success)
		o := c.RequireMallOrders(t, 1)[0]
		assert.Equal(t, x.trade, o.AmountTrade, "%+v", x)
		assert.Equal(t, x.origin, o.AmountOrigin, "%+v", x)
		c.Close()
	}
}

func TestReadingsOfAPurchaseAreChecked(t *testing.T) {
	for _, r := range []CloudReadings{{Discount: "half"}, {BuyResult: "{"}} {
		_, err := NewCloud(CloudConfig{Readings: r, NoListen: true})
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err), "%+v", r)
	}
}

// An amount is the same in each form that the cloud may write it in.
func TestAmountsOfOrdersInEveryForm(t *testing.T) {
	for _, form := range []PriceForm{PriceObject, PriceNumber, PriceText} {
		c := testCloud(t, CloudConfig{Readings: CloudReadings{PriceForm: form}})
		client, caller := mallClient(t, c)
		o, err := c.AddMallOrder(MallOrder{AmountTrade: 30, AmountOrigin: 60, Quantity: 3, PeriodType: 1, Period: Period{Unit: PeriodDay, Value: 1}})
		require.NoError(t, err)
		require.NoError(t, c.PayMallOrder(o.OrderID))
		orders, err := client.GetOrderList(t.Context(), caller, mall.OrderListParams{MallCode: "imprestMall", SiteCode: "CN", PageNo: 1, PageSize: 1})
		require.NoError(t, err)
		base, item := orders.Data[0].BaseInfo, orders.Data[0].CommodityInfos[0]
		assert.Equal(t, []core.Fen{30, 60, 10, 20}, []core.Fen{base.AmountTrade.Fen, base.AmountOrigin.Fen, item.UnitPriceTrade.Fen, item.UnitPriceOrigin.Fen}, form)
		assert.Equal(t, []int64{3, 3}, []int64{base.TotalQuantity, item.Quantity})
		subs, err := client.GetSubscriptionOrderList(t.Context(), caller, mall.SubscriptionListParams{MallCode: "imprestMall", SiteCode: "CN", PageNo: 1, PageSize: 1})
		require.NoError(t, err)
		assert.Equal(t, core.Fen(30), subs.Data[0].OrderListModel.AmountTrade.Fen, form)
		assert.Equal(t, core.Fen(60), subs.Data[0].OrderListModel.OrderItemList[0].AmountOrigin.Fen, form)
		c.Close()
	}
}

func TestOrdersThatCannotBeAdded(t *testing.T) {
	c := testCloud(t, CloudConfig{})
	good := MallOrder{OrderID: "O1", AmountTrade: 100}
	_, err := c.AddMallOrder(good)
	require.NoError(t, err)
	for name, x := range map[string]struct {
		order MallOrder
		code  core.Code
	}{
		"its id is taken":        {good, core.CodeConflict},
		"nobody's":               {MallOrder{UserID: "x"}, core.CodeNotFound},
		"for no device":          {MallOrder{DeviceID: "x"}, core.CodeNotFound},
		"no status":              {MallOrder{Status: "shipped"}, core.CodeInvalid},
		"negative":               {MallOrder{AmountTrade: -1}, core.CodeInvalid},
		"a negative origin":      {MallOrder{AmountOrigin: -1}, core.CodeInvalid},
		"a part of a fen":        {MallOrder{AmountTrade: 100, Quantity: 3}, core.CodeInvalid},
		"less than one":          {MallOrder{Quantity: -1}, core.CodeInvalid},
		"subscribes to no time":  {MallOrder{PeriodType: 1}, core.CodeInvalid},
		"a part of a fen before": {MallOrder{AmountTrade: 99, AmountOrigin: 100, Quantity: 3}, core.CodeInvalid},
	} {
		_, err := c.AddMallOrder(x.order)
		assert.Equal(t, x.code, core.CodeOf(err), name)
	}
	c.RequireMallOrders(t, 1)

	assert.False(t, c.SetMallOrderAmount("O1", -1))
	assert.False(t, c.SetMallOrderAmount("x", 1))
	assert.True(t, c.SetMallOrderAmount("O1", 7))
	require.NoError(t, c.PayMallOrder("O1"))
	assert.False(t, c.SetMallOrderAmount("O1", 8), "it is paid")
	assert.Equal(t, core.Fen(7), c.RequireMallOrder(t, "O1", MallOrderFinished).AmountTrade)
}

// An order that says when it was delivered has had its service.
func TestAnOrderThatWasDeliveredBefore(t *testing.T) {
	c := testCloud(t, CloudConfig{NoListen: true})
	at := c.Clock.Now().Add(-time.Hour)
	o, err := c.AddMallOrder(MallOrder{Status: MallOrderPartDelivered, Delivered: at, DeviceID: TestDoorbell().ID, ServiceCode: ServiceVoIP, Period: Period{Unit: PeriodYear, Value: 1}})
	require.NoError(t, err)
	require.NoError(t, c.MoveMallOrder(o.OrderID, MallOrderDelivered))
	assert.Equal(t, at, c.RequireMallOrder(t, o.OrderID, MallOrderDelivered).Delivered)
	c.RequireNoService(t, TestDoorbell().ID, ServiceVoIP)
}

// Who pays changes an order that waits for it, and no other.
func TestWhichOrdersCanBePaid(t *testing.T) {
	for status := range mallOrderMoves {
		c := testCloud(t, CloudConfig{NoListen: true})
		o, err := c.AddMallOrder(MallOrder{Status: status, DeviceID: TestDoorbell().ID, ServiceCode: ServiceVoIP, Period: Period{Unit: PeriodYear, Value: 1}})
		require.NoError(t, err)
		err = c.PayMallOrder(o.OrderID)
		if status == MallOrderCreated || status == MallOrderPaying {
			require.NoError(t, err, status)
			paid := c.RequireMallOrder(t, o.OrderID, MallOrderFinished)
			assert.Equal(t, c.Clock.Now().UnixMilli(), paid.Paid.UnixMilli())
			assert.Equal(t, c.Clock.Now().UnixMilli(), paid.Delivered.UnixMilli())
			c.RequireService(t, TestDoorbell().ID, ServiceVoIP)
			continue
		}
		require.Equal(t, core.CodeConflict, core.CodeOf(err), status)
		assert.Equal(t, o, c.RequireMallOrder(t, o.OrderID, status))
		c.RequireNoService(t, TestDoorbell().ID, ServiceVoIP)
	}
}

// On whatever way an order goes, its service is granted once if it is delivered,
// and not at all if it is not.
func TestEveryWayOfAnOrder(t *testing.T) {
	ways := 0
	var walk func(way []string)
	walk = func(way []string) {
		c := testCloud(t, CloudConfig{NoListen: true, Readings: CloudReadings{DeliverAfter: -1}})
		o, err := c.AddMallOrder(MallOrder{DeviceID: TestDoorbell().ID, ServiceCode: ServiceVoIP, PeriodType: 1, Period: Period{Unit: PeriodYear, Value: 1}})
		require.NoError(t, err)
		for _, status := range way {
			require.NoError(t, c.MoveMallOrder(o.OrderID, status), "%v", way)
		}
		c.RequireMallOrders(t, 1)
		subscribed := 0
		if slices.Contains(way, MallOrderPaid) {
			subscribed = 1
		}
		assert.Len(t, c.Subscriptions(), subscribed, "%v", way)
		if slices.Contains(way, MallOrderDelivered) {
			end := c.RequireService(t, TestDoorbell().ID, ServiceVoIP).End
			assert.Equal(t, Period{Unit: PeriodYear, Value: 1}.After(c.Clock.Now().UTC()), end, "%v", way)
		} else {
			c.RequireNoService(t, TestDoorbell().ID, ServiceVoIP)
		}
		c.Close()
		ways++
		last := MallOrderCreated
		if len(way) > 0 {
			last = way[len(way)-1]
		}
		for _, next := range mallOrderMoves[last] {
			if !slices.Contains(way, next) { // created once more, too
				walk(append(slices.Clone(way), next))
			}
		}
	}
	walk(nil)
	assert.Greater(t, ways, 50)
}

// Two who share nothing see nothing of each other's, by any operation.
func TestPurchasesAreIsolated(t *testing.T) {
	c := testCloud(t, CloudConfig{})
	neighbour, hers := addNeighbour(t, c)
	client, caller := mallClient(t, c)
	her := mall.Caller{UserID: neighbour.ID}
	o, err := c.AddMallOrder(MallOrder{UserID: neighbour.ID, DeviceID: hers.ID, Title: "hers", PeriodType: 1, Period: Period{Unit: PeriodMonth, Value: 1}})
	require.NoError(t, err)
	require.NoError(t, c.PayMallOrder(o.OrderID))

	list := func(caller mall.Caller) (ids []string) {
		for o, err := range client.Orders(t.Context(), caller, mall.OrderListParams{MallCode: "imprestMall", SiteCode: "CN", SearchKey: "hers"}) {
			require.NoError(t, err)
			ids = append(ids, o.BaseInfo.OrderID)
		}
		for s, err := range client.Subscriptions(t.Context(), caller, mall.SubscriptionListParams{MallCode: "imprestMall", SiteCode: "CN"}) {
			require.NoError(t, err)
			ids = append(ids, s.SubscribeID)
		}
		return ids
	}
	assert.Empty(t, list(caller))
	assert.Equal(t, []string{o.OrderID, c.RequireSubscriptions(t, 1)[0].SubscribeID}, list(her))

	for caller, openID := range map[mall.Caller]string{caller: TestCloudUser().OpenID, her: neighbour.OpenID} {
		user, err := client.GetDeviceWXUserInfo(t.Context(), caller, TestWeChatApp().AppID)
		require.NoError(t, err)
		assert.Equal(t, openID, user.OpenID)
		assert.Equal(t, caller.UserID, user.UserID)
	}
	for name, changed := range map[string]params{
		"her device":  {"device_id": hers.ID},
		"all of hers": {"device_id": hers.ID, "uuid": hers.UUID, "name": hers.Name, "homeId": hers.HomeID},
		"her home":    {"homeId": hers.HomeID},
		"her openid":  {"openId": neighbour.OpenID},
	} {
		assert.False(t, ask(t, c, CallBuyIncreaseServiceByWx, buying().but(changed)).Success, name)
	}
	c.RequireMallOrders(t, 1)
}

// Twenty people buy and pay at once; each has one order and one year of calls.
func TestManyPeopleBuyAtOnce(t *testing.T) {
	c := testCloud(t, CloudConfig{Readings: CloudReadings{DeliverAfter: time.Minute}})
	client, _ := mallClient(t, c)
	var devices []Device
	for i := range 20 {
		id := fmt.Sprintf("person-%d", i)
		_, err := c.AddUser(CloudUser{ID: id, OpenID: "o" + id})
		require.NoError(t, err)
		_, err = c.AddHome(Home{ID: fmt.Sprint(100 + i), OwnerID: id})
		require.NoError(t, err)
		d := TestDoorbell()
		d.ID, d.UUID, d.HomeID = "device-"+id, "uuid-"+id, fmt.Sprint(100+i)
		_, err = c.AddDevice(d)
		require.NoError(t, err)
		devices = append(devices, d)
	}
	var wg sync.WaitGroup
	for i, d := range devices {
		wg.Go(func() {
			id := fmt.Sprintf("person-%d", i)
			p := buyParams()
			p.DeviceID, p.UUID, p.HomeID, p.OpenID = d.ID, d.UUID, d.HomeID, "o"+id
			prepay, err := client.BuyIncreaseServiceByWx(t.Context(), mall.Caller{UserID: id}, p)
			if !assert.NoError(t, err) {
				return
			}
			paid := WXPayment{TimeStamp: prepay.TimeStamp, NonceStr: prepay.NonceStr, Package: prepay.Package, SignType: prepay.SignType, PaySign: prepay.PaySign}
			orderID, err := c.RequestPayment(paid)
			assert.NoError(t, err)
			assert.Equal(t, prepay.OrderID, orderID)
			page, err := client.GetOrderList(t.Context(), mall.Caller{UserID: id}, mall.OrderListParams{MallCode: "imprestMall", SiteCode: "CN", PageNo: 1, PageSize: 100})
			assert.NoError(t, err)
			if assert.Len(t, page.Data, 1, "his own alone") {
				assert.Equal(t, orderID, page.Data[0].BaseInfo.OrderID)
			}
		})
	}
	wg.Wait()
	c.Clock.Advance(time.Minute)
	for _, o := range c.RequireMallOrders(t, 20) {
		assert.Equal(t, MallOrderFinished, o.Status)
	}
	for _, d := range devices {
		assert.Equal(t, Period{Unit: PeriodYear, Value: 1}.After(c.Clock.Now().UTC()), c.RequireService(t, d.ID, ServiceVoIP).End)
	}
}

// Many hands pay one order: one of them does, and the service is granted once.
func TestOneOrderIsPaidOnce(t *testing.T) {
	c := testCloud(t, CloudConfig{NoListen: true})
	o, err := c.AddMallOrder(MallOrder{DeviceID: TestDoorbell().ID, ServiceCode: ServiceVoIP, PeriodType: 1, Period: Period{Unit: PeriodYear, Value: 1}})
	require.NoError(t, err)
	var mu sync.Mutex
	var wg sync.WaitGroup
	paid := 0
	for range 20 {
		wg.Go(func() {
			if c.PayMallOrder(o.OrderID) == nil {
				mu.Lock()
				paid++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	assert.Equal(t, 1, paid)
	c.RequireSubscriptions(t, 1)
	assert.Equal(t, Period{Unit: PeriodYear, Value: 1}.After(c.Clock.Now().UTC()), c.RequireService(t, TestDoorbell().ID, ServiceVoIP).End)
}

func TestPagesOfSubscriptions(t *testing.T) {
	c := testCloud(t, CloudConfig{})
	client, caller := mallClient(t, c)
	var want []string
	for i := range 5 {
		o, err := c.AddMallOrder(MallOrder{SKUCode: fmt.Sprint("S", i), PeriodType: 1, Period: Period{Unit: PeriodWeek, Value: 2}})
		require.NoError(t, err)
		require.NoError(t, c.PayMallOrder(o.OrderID))
		want = append(want, c.RequireSubscriptions(t, i+1)[i].SubscribeID)
	}
	slices.Reverse(want) // the newest first
	for size := 1; size <= 6; size++ {
		var got []string
		for s, err := range client.Subscriptions(t.Context(), caller, mall.SubscriptionListParams{MallCode: "imprestMall", SiteCode: "CN", PageSize: size}) {
			require.NoError(t, err)
			got = append(got, s.SubscribeID)
			assert.Equal(t, []int64{2, PeriodWeek}, []int64{s.RegularInterval, s.RegularUnit})
		}
		assert.Equal(t, want, got, "%d to a page", size)
	}
	for code, wrong := range map[string]params{"1101": {"pageSize": 101}, "1102": {"pageNo": nil}, "1104": {"pageNo": "1"}, "1109": {"searchKey": "x"}} {
		assert.Equal(t, code, ask(t, c, CallGetSubscriptionOrderList, inMall().but(wrong)).code())
	}
}

// A renewal is delivered as its first order is: by the clock, if that is how.
func TestARenewalIsDeliveredByTheClock(t *testing.T) {
	c := testCloud(t, CloudConfig{NoListen: true, Readings: CloudReadings{DeliverAfter: time.Minute}})
	month := Period{Unit: PeriodMonth, Value: 1}
	o, err := c.AddMallOrder(MallOrder{DeviceID: TestDoorbell().ID, ServiceCode: ServiceVoIP, PeriodType: 1, Period: month, AmountTrade: 790})
	require.NoError(t, err)
	require.NoError(t, c.PayMallOrder(o.OrderID))
	c.Clock.Advance(time.Minute)
	end := c.RequireService(t, TestDoorbell().ID, ServiceVoIP).End
	id := c.RequireSubscriptions(t, 1)[0].SubscribeID

	renewal, err := c.RenewSubscription(id)
	require.NoError(t, err)
	assert.Equal(t, MallOrderPaid, renewal.Status)
	assert.Equal(t, core.Fen(790), renewal.AmountTrade)
	assert.Equal(t, id, renewal.SubscriptionID)
	assert.NotEqual(t, o.OrderID, renewal.OrderID)
	assert.Equal(t, end, c.RequireService(t, TestDoorbell().ID, ServiceVoIP).End, "not yet")
	c.Clock.Advance(time.Minute)
	c.RequireMallOrder(t, renewal.OrderID, MallOrderFinished)
	assert.Equal(t, month.After(end), c.RequireService(t, TestDoorbell().ID, ServiceVoIP).End)

	require.NoError(t, c.CancelSubscription(id))
	require.NoError(t, c.CancelSubscription(id), "it stays so")
	c.RequireSubscriptions(t, 0)
	c.RequireMallOrders(t, 2)
}

// An introduction is told with all its sections, and is the cloud's own.
func TestAnIntroductionHasAllItsSections(t *testing.T) {
	mine := map[string]Introduction{"mine": {SectionServiceIntro: {{Title: "我的", Attachments: []string{"https://images.example/1.png"}}}}}
	c := testCloud(t, CloudConfig{Introductions: mine})
	mine["mine"][SectionServiceIntro][0].Title = "changed"
	mine["mine"][SectionServiceIntro][0].Attachments[0] = "changed"
	delete(mine, "mine")
	client, caller := mallClient(t, c)
	intro, err := client.GetServiceIntroduction(t.Context(), caller, "mine")
	require.NoError(t, err)
	list := intro.ModuleList
	require.Len(t, list.ServiceIntro, 1)
	assert.Equal(t, "我的", list.ServiceIntro[0].Title)
	assert.Equal(t, "https://images.example/1.png", list.ServiceIntro[0].AttachmentJSON.Attachment1)
	for _, section := range [][]mall.Module{list.ServiceProtocol, list.ServiceLightSpot, list.ServiceName, list.ConfigItem} {
		assert.NotNil(t, section, "an empty list, not none")
		assert.Empty(t, section)
	}
}

// A token that is limited to one user closes no other's order.
func TestATokenOfAUserClosesNoOthersOrder(t *testing.T) {
	c := testCloud(t, CloudConfig{})
	neighbour, _ := addNeighbour(t, c)
	o, err := c.AddMallOrder(MallOrder{AmountTrade: 1, SKUCode: "s"})
	require.NoError(t, err)
	k := newCaller(t, c)
	code := c.NewLoginCode(TestProject().ClientID, neighbour.ID)
	var token struct {
		AccessToken string `json:"access_token"`
	}
	require.NoError(t, json.Unmarshal(k.get("/v1.0/token?grant_type=2&code="+code).Result, &token))
	k.token = token.AccessToken
	target := "/v1.0/sellercenter/order/close/" + o.OrderID + "?mall_code=imprestMall&site_code=CN"
	assert.Equal(t, "1106", k.call("PUT", target, "", nil).code())
	now, _ := c.MallOrder(o.OrderID)
	assert.Equal(t, MallOrderCreated, now.Status)
	k = k.withToken()
	assert.Empty(t, k.call("PUT", target, "", nil).code(), "the project's own may")
}

// A service says that it was bought, and that it renews itself while it does.
func TestABoughtServiceSaysSo(t *testing.T) {
	c := testCloud(t, CloudConfig{})
	client, caller := mallClient(t, c)
	p := buyParams()
	p.SKUCode, p.OptionType, p.OptionNo = "imprest-storage-7d", 2, 1
	prepay, err := client.BuyIncreaseServiceByWx(t.Context(), caller, p)
	require.NoError(t, err)
	require.NoError(t, c.PayMallOrder(prepay.OrderID))
	service := c.RequireService(t, TestDoorbell().ID, ServiceCloudStorage)
	assert.True(t, service.HasPurchasedOrder)
	assert.Equal(t, []string{TagAutomaticRenewal}, service.Tags)
	_, err = c.RenewSubscription(c.Subscriptions()[0].SubscribeID)
	require.NoError(t, err)
	assert.Equal(t, []string{TagAutomaticRenewal}, c.RequireService(t, TestDoorbell().ID, ServiceCloudStorage).Tags)
	require.NoError(t, c.CancelSubscription(c.Subscriptions()[0].SubscribeID))
	assert.Empty(t, c.RequireService(t, TestDoorbell().ID, ServiceCloudStorage).Tags)
}
