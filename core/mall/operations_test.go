package mall_test

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/mall"
)

const exchangeCode = "CODE-that-must-not-show"

var exchange = mall.ExchangeCodeParams{
	DeviceID: "vdevo1", CatalogCode: mall.CatalogCloudStorage, HomeID: "123456",
	Code: core.NewSecret(exchangeCode), Name: "门铃 <1> & more", UUID: "uuid1",
}

var (
	orderList        = mall.OrderListParams{MallCode: "m1", SiteCode: "CN", SearchKey: "bell & <1>", OrderStatusList: []mall.OrderStatus{mall.OrderCreated, "tomorrows"}, PageNo: 2, PageSize: 100}
	subscriptionList = mall.SubscriptionListParams{MallCode: "m1", SiteCode: "CN", PageNo: 1, PageSize: 1}
	buy              = mall.BuyParams{
		DeviceID: "vdevo1", MallCode: "m1", SiteCode: "CN", Currency: "CNY", SKUCode: "sku1",
		OptionType: mall.OptionSubscription, OptionNo: 12, HomeID: "123456", OpenID: "o-Open_1", Name: "门铃 <1> & more", UUID: "uuid1", WXAppID: "wx1234",
	}
)

// operations calls each operation once, with good parameters.
var operations = map[string]func(context.Context, *mall.Client, mall.Caller) error{
	mall.OpGetCommodityList: func(ctx context.Context, c *mall.Client, caller mall.Caller) error {
		_, err := c.GetCommodityList(ctx, caller, "vdevo1")
		return err
	},
	mall.OpGetAppMallInfo: func(ctx context.Context, c *mall.Client, caller mall.Caller) error {
		_, err := c.GetAppMallInfo(ctx, caller, "vdevo1", mall.CatalogCloudStorage)
		return err
	},
	mall.OpGetDeviceCapability: func(ctx context.Context, c *mall.Client, caller mall.Caller) error {
		_, err := c.GetDeviceCapability(ctx, caller, "vdevo1", mall.CapabilityVoIP)
		return err
	},
	mall.OpGetServiceListByDevice: func(ctx context.Context, c *mall.Client, caller mall.Caller) error {
		_, err := c.GetServiceListByDevice(ctx, caller, "vdevo1")
		return err
	},
	mall.OpGetVoipAuthUser: func(ctx context.Context, c *mall.Client, caller mall.Caller) error {
		_, err := c.GetVoipAuthUser(ctx, caller, "vdevo1")
		return err
	},
	mall.OpSaveWXVoipAuth: func(ctx context.Context, c *mall.Client, caller mall.Caller) error {
		return c.SaveWXVoipAuth(ctx, caller, "vdevo1", mall.AuthGranted)
	},
	mall.OpSaveVoipAuthUser: func(ctx context.Context, c *mall.Client, caller mall.Caller) error {
		return c.SaveVoipAuthUser(ctx, caller, "vdevo1", "ay1alice")
	},
	mall.OpExchangeCode: func(ctx context.Context, c *mall.Client, caller mall.Caller) error {
		return c.ExchangeCode(ctx, caller, exchange)
	},
	mall.OpGetDeviceAddValueType: func(ctx context.Context, c *mall.Client, caller mall.Caller) error {
		_, err := c.GetDeviceAddValueType(ctx, caller, "vdevo1")
		return err
	},
	mall.OpGetDeviceList: func(ctx context.Context, c *mall.Client, caller mall.Caller) error {
		_, err := c.GetDeviceList(ctx, caller, "123456")
		return err
	},
	mall.OpGetOrderList: func(ctx context.Context, c *mall.Client, caller mall.Caller) error {
		_, err := c.GetOrderList(ctx, caller, orderList)
		return err
	},
	mall.OpGetSubscriptionOrderList: func(ctx context.Context, c *mall.Client, caller mall.Caller) error {
		_, err := c.GetSubscriptionOrderList(ctx, caller, subscriptionList)
		return err
	},
	mall.OpGetServiceIntroduction: func(ctx context.Context, c *mall.Client, caller mall.Caller) error {
		_, err := c.GetServiceIntroduction(ctx, caller, "voip")
		return err
	},
	mall.OpGetDeviceWXUserInfo: func(ctx context.Context, c *mall.Client, caller mall.Caller) error {
		_, err := c.GetDeviceWXUserInfo(ctx, caller, "wx1234")
		return err
	},
	mall.OpBuyIncreaseServiceByWx: func(ctx context.Context, c *mall.Client, caller mall.Caller) error {
		_, err := c.BuyIncreaseServiceByWx(ctx, caller, buy)
		return err
	},
}

// once are the operations that must not be repeated blindly.
var once = map[string]bool{mall.OpExchangeCode: true, mall.OpBuyIncreaseServiceByWx: true}

// subjects are what an observer is told that an operation is about, where it
// is not the device.
var subjects = map[string]string{
	mall.OpGetDeviceList: "123456", mall.OpGetOrderList: "m1", mall.OpGetSubscriptionOrderList: "m1",
	mall.OpGetServiceIntroduction: "voip", mall.OpGetDeviceWXUserInfo: "wx1234",
}

// carried are the operations for which a transport is asked.
func carried() []string {
	return slices.DeleteFunc(mall.AllOperations(), func(operation string) bool { return operation == mall.OpVoipServiceAuthorization })
}

func TestEveryOperationOnTheWire(t *testing.T) {
	require.Len(t, mall.AllOperations(), 16)
	require.ElementsMatch(t, carried(), slices.Collect(maps.Keys(operations)))
	wire := map[string]struct{ params, result string }{
		mall.OpGetCommodityList:         {`{"device_id":"vdevo1"}`, `[]`},
		mall.OpGetAppMallInfo:           {`{"device_id":"vdevo1","catalog_code":"CLOUD_STORAGE"}`, `{"mallCode":"m"}`},
		mall.OpGetDeviceCapability:      {`{"device_id":"vdevo1","code":"tyabiwxrn9"}`, `{"WechatMPAppid":"wx1"}`},
		mall.OpGetServiceListByDevice:   {`{"device_id":"vdevo1"}`, `[]`},
		mall.OpGetVoipAuthUser:          {`{"device_id":"vdevo1"}`, `{"userId":"u"}`},
		mall.OpSaveWXVoipAuth:           {`{"device_id":"vdevo1","auth_tag":1}`, `true`},
		mall.OpSaveVoipAuthUser:         {`{"device_id":"vdevo1","user_id":"ay1alice"}`, `true`},
		mall.OpExchangeCode:             {`{"device_id":"vdevo1","catalog_code":"CLOUD_STORAGE","homeId":"123456","code":"` + exchangeCode + `","name":"门铃 <1> & more","uuid":"uuid1"}`, `true`},
		mall.OpGetDeviceAddValueType:    {`{"device_id":"vdevo1"}`, `{"id":"vdevo1"}`},
		mall.OpGetDeviceList:            {`{"owner_id":"123456"}`, `[]`},
		mall.OpGetOrderList:             {`{"mallCode":"m1","siteCode":"CN","searchKey":"bell & <1>","orderStatusList":["created","tomorrows"],"pageNo":2,"pageSize":100}`, `{"data":[]}`},
		mall.OpGetSubscriptionOrderList: {`{"mallCode":"m1","siteCode":"CN","pageNo":1,"pageSize":1}`, `{"data":[]}`},
		mall.OpGetServiceIntroduction:   {`{"categoryCode":"voip"}`, `{"moduleList":{}}`},
		mall.OpGetDeviceWXUserInfo:      {`{"app_id":"wx1234"}`, `{"openId":"o","userId":"u"}`},
		mall.OpBuyIncreaseServiceByWx: {`{"device_id":"vdevo1","mallCode":"m1","siteCode":"CN","currency":"CNY","skuCode":"sku1","optionType":"2","optionNo":"12",` +
			`"homeId":"123456","openId":"o-Open_1","name":"门铃 <1> & more","uuid":"uuid1","wxAppId":"wx1234"}`, `{"package":"prepay_id=1"}`},
	}
	require.ElementsMatch(t, carried(), slices.Collect(maps.Keys(wire)))
	for operation, tt := range wire {
		r := startRelay(t, map[string]string{operation: success(tt.result)})
		client := newClient(t, mall.ActionConfig{URL: r.URL + "/action/", Header: map[string]core.Secret{"Authorization": core.NewSecret("Bearer relay")}})
		require.NoError(t, operations[operation](t.Context(), client, alice), operation)
		require.Len(t, r.calls(), 1)
		call := r.calls()[0]
		assert.Equal(t, operation, call.Action)
		assert.Equal(t, http.MethodPost, call.method)
		assert.JSONEq(t, tt.params, string(call.Params))
		assert.Equal(t, map[string]string{"user_id": "ay1alice", "access_token": "token-that-must-not-show"}, call.Header)
		assert.Equal(t, "application/json", call.headers.Get("Content-Type"))
		assert.Equal(t, "Bearer relay", call.headers.Get("Authorization"))
	}
}

func TestParametersAreCheckedBeforeTheyAreSent(t *testing.T) {
	r := startRelay(t, map[string]string{})
	c := newClient(t, mall.ActionConfig{URL: r.URL})
	ctx := t.Context()
	try := func(field string, err error) {
		t.Helper()
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err), field)
		assert.ErrorContains(t, err, field+" ")
	}
	_, err := c.GetCommodityList(ctx, alice, "")
	try("device_id", err)
	_, err = c.GetCommodityList(ctx, alice, "a/b")
	try("device_id", err)
	_, err = c.GetAppMallInfo(ctx, alice, "d", "")
	try("catalog_code", err)
	_, err = c.GetDeviceCapability(ctx, alice, "d", "")
	try("code", err)
	_, err = c.GetServiceListByDevice(ctx, alice, strings.Repeat("d", 65))
	try("device_id", err)
	_, err = c.GetVoipAuthUser(ctx, alice, "")
	try("device_id", err)
	try("device_id", c.SaveWXVoipAuth(ctx, alice, "", mall.AuthGranted))
	try("user_id", c.SaveVoipAuthUser(ctx, alice, "d", ""))
	for field, change := range map[string]func(*mall.ExchangeCodeParams){
		"device_id":    func(p *mall.ExchangeCodeParams) { p.DeviceID = "" },
		"catalog_code": func(p *mall.ExchangeCodeParams) { p.CatalogCode = "" },
		"homeId":       func(p *mall.ExchangeCodeParams) { p.HomeID = "1 2" },
		"name":         func(p *mall.ExchangeCodeParams) { p.Name = "x\ny" },
		"uuid":         func(p *mall.ExchangeCodeParams) { p.UUID = "" },
		"code":         func(p *mall.ExchangeCodeParams) { p.Code = core.Secret{} },
		"code must":    func(p *mall.ExchangeCodeParams) { p.Code = core.NewSecret("a b") },
		"code must be": func(p *mall.ExchangeCodeParams) { p.Code = core.NewSecret(strings.Repeat("c", 129)) },
	} {
		bad := exchange
		change(&bad)
		try(field, c.ExchangeCode(ctx, alice, bad))
	}
	_, err = c.GetDeviceAddValueType(ctx, alice, "")
	try("device_id", err)
	_, err = c.GetDeviceList(ctx, alice, "")
	try("owner_id", err)
	_, err = c.GetServiceIntroduction(ctx, alice, "")
	try("categoryCode", err)
	_, err = c.GetDeviceWXUserInfo(ctx, alice, "wx 1")
	try("app_id", err)
	for field, change := range map[string]func(*mall.OrderListParams){
		"mallCode":           func(p *mall.OrderListParams) { p.MallCode = "" },
		"siteCode":           func(p *mall.OrderListParams) { p.SiteCode = "C N" },
		"searchKey":          func(p *mall.OrderListParams) { p.SearchKey = "a\nb" },
		"searchKey must":     func(p *mall.OrderListParams) { p.SearchKey = strings.Repeat("铃", 129) },
		"orderStatusList":    func(p *mall.OrderListParams) { p.OrderStatusList = make([]mall.OrderStatus, 33) },
		"orderStatusList[1]": func(p *mall.OrderListParams) { p.OrderStatusList = []mall.OrderStatus{mall.OrderPaid, ""} },
		"pageNo":             func(p *mall.OrderListParams) { p.PageNo = 0 },
		"pageNo must":        func(p *mall.OrderListParams) { p.PageNo = -1 },
		"pageSize":           func(p *mall.OrderListParams) { p.PageSize = 0 },
		"pageSize must":      func(p *mall.OrderListParams) { p.PageSize = mall.MaxPageSize + 1 },
	} {
		bad := orderList
		change(&bad)
		_, err := c.GetOrderList(ctx, alice, bad)
		try(field, err)
	}
	for field, change := range map[string]func(*mall.SubscriptionListParams){
		"mallCode": func(p *mall.SubscriptionListParams) { p.MallCode = "" },
		"siteCode": func(p *mall.SubscriptionListParams) { p.SiteCode = "" },
		"pageNo":   func(p *mall.SubscriptionListParams) { p.PageNo = -1 },
		"pageSize": func(p *mall.SubscriptionListParams) { p.PageSize = 101 },
	} {
		bad := subscriptionList
		change(&bad)
		_, err := c.GetSubscriptionOrderList(ctx, alice, bad)
		try(field, err)
		for _, err := range c.Subscriptions(ctx, alice, bad) {
			try(field, err)
		}
	}
	for field, change := range map[string]func(*mall.BuyParams){
		"device_id": func(p *mall.BuyParams) { p.DeviceID = "" },
		"mallCode":  func(p *mall.BuyParams) { p.MallCode = "" },
		"siteCode":  func(p *mall.BuyParams) { p.SiteCode = "" },
		"currency":  func(p *mall.BuyParams) { p.Currency = "" },
		"skuCode":   func(p *mall.BuyParams) { p.SKUCode = "" },
		"homeId":    func(p *mall.BuyParams) { p.HomeID = "" },
		"openId":    func(p *mall.BuyParams) { p.OpenID = "" },
		"name":      func(p *mall.BuyParams) { p.Name = "\x00" },
		"uuid":      func(p *mall.BuyParams) { p.UUID = "" },
		"wxAppId":   func(p *mall.BuyParams) { p.WXAppID = "" },
	} {
		bad := buy
		change(&bad)
		_, err := c.BuyIncreaseServiceByWx(ctx, alice, bad)
		try(field, err)
	}
	for operation, call := range operations {
		err := call(ctx, c, mall.Caller{})
		try("user_id or access_token", err)
		try("user_id", call(ctx, c, mall.Caller{UserID: "a\x00b"}))
		_ = operation
	}
	assert.Empty(t, r.calls(), "nothing was sent")
}
