package mall_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/mall"
	"github.com/imprest-go/imprest/core/tuya"
	"github.com/imprest-go/imprest/testkit"
)

// cloudClients returns a fake cloud with a client over each transport.
func cloudClients(t *testing.T, cfg testkit.CloudConfig) (cloud *testkit.Cloud, action, openAPI *mall.Client, transport *mall.OpenAPI) {
	t.Helper()
	cloud = testkit.StartCloud(t, cfg)
	project := testkit.TestProject()
	signer, err := tuya.New(tuya.Config{ClientID: project.ClientID, Secret: project.Secret, BaseURL: cloud.OpenAPIURL(), Now: cloud.Clock.Now})
	require.NoError(t, err)
	action = newClient(t, mall.ActionConfig{URL: cloud.ActionURL()})
	info, err := action.GetAppMallInfo(t.Context(), cloudCaller, testkit.TestDoorbell().ID, testkit.CatalogVoIP)
	require.NoError(t, err)
	transport, err = mall.NewOpenAPI(mall.OpenAPIConfig{
		Client: signer, BindingObjectCode: "pid1", BindingObjectType: mall.BindingPID, CatalogCodes: []string{testkit.CatalogVoIP, testkit.CatalogCloudStorage},
		MallCode: info.MallCode, ShopCode: info.ShopCode, SiteCode: info.SiteCode,
	})
	require.NoError(t, err)
	openAPI, err = mall.New(mall.Config{Transport: transport})
	require.NoError(t, err)
	return cloud, action, openAPI, transport
}

var cloudCaller = mall.Caller{UserID: testkit.TestCloudUser().ID}

// Each relative tells of the same things as the operation, as far as it tells
// of them.
func TestTheCloudOverBothTransports(t *testing.T) {
	_, action, openAPI, _ := cloudClients(t, testkit.CloudConfig{})
	doorbell := testkit.TestDoorbell()

	offered, err := action.GetCommodityList(t.Context(), cloudCaller, doorbell.ID)
	require.NoError(t, err)
	listed, err := openAPI.GetCommodityList(t.Context(), cloudCaller, doorbell.ID)
	require.NoError(t, err)
	require.NotEmpty(t, offered)
	assert.Len(t, listed, len(offered))
	for _, offer := range offered {
		found := false
		for _, relative := range listed {
			if relative.CommodityCode == offer.CommodityCode {
				found = true
				assert.Equal(t, []any{offer.Title, offer.SubTitle, offer.TargetURLType}, []any{relative.Title, relative.SubTitle, relative.TargetURLType})
				assert.Empty(t, relative.Prices)
				assert.NotContains(t, asJSON(t, relative), `"type"`)
			}
		}
		assert.True(t, found, offer.CommodityCode)
	}

	theirs, err := action.GetServiceListByDevice(t.Context(), cloudCaller, doorbell.ID)
	require.NoError(t, err)
	services, err := openAPI.GetServiceListByDevice(t.Context(), cloudCaller, doorbell.ID)
	require.NoError(t, err)
	require.Len(t, services, len(theirs))
	for i := range services {
		assert.Equal(t, []any{theirs[i].Code, theirs[i].StartTime, theirs[i].EndTime}, []any{services[i].Code, services[i].StartTime, services[i].EndTime})
	}

	devices, err := openAPI.GetDeviceList(t.Context(), cloudCaller, testkit.TestHome().ID)
	require.NoError(t, err)
	require.Len(t, devices, 2)
	assert.Equal(t, []string{doorbell.ID, doorbell.Name}, []string{devices[0].ID, devices[0].Name})
	assert.Equal(t, `"`+doorbell.UUID+`"`, string(devices[0].Extra["uuid"]))
	assert.NotContains(t, asJSON(t, devices[0]), "local_key")
	assert.Nil(t, devices[0].Types)

	_, err = openAPI.GetVoipAuthUser(t.Context(), cloudCaller, doorbell.ID)
	assert.ErrorIs(t, err, mall.ErrNotPublished)
}

// The cloud's own local_key is there, and reaches nobody.
func TestTheCloudsLocalKeyStays(t *testing.T) {
	cloud, _, openAPI, _ := cloudClients(t, testkit.CloudConfig{})
	project := testkit.TestProject()
	signer, err := tuya.New(tuya.Config{ClientID: project.ClientID, Secret: project.Secret, BaseURL: cloud.OpenAPIURL(), Now: cloud.Clock.Now})
	require.NoError(t, err)
	raw, err := signer.Do(t.Context(), tuya.Request{Method: "GET", Path: "/v1.0/homes/" + testkit.TestHome().ID + "/devices", Reads: true})
	require.NoError(t, err)
	var keyed []struct {
		LocalKey string `json:"local_key"`
	}
	require.NoError(t, json.Unmarshal(raw, &keyed))
	devices, err := openAPI.GetDeviceList(t.Context(), cloudCaller, testkit.TestHome().ID)
	require.NoError(t, err)
	require.Len(t, keyed, len(devices))
	for _, one := range keyed {
		require.NotEmpty(t, one.LocalKey)
		testkit.RequireNoSecret(t, asJSON(t, devices), core.NewSecret(one.LocalKey))
	}
}

func TestTheCloudsTokensEndAndItsFaultsAreTold(t *testing.T) {
	cloud, _, openAPI, _ := cloudClients(t, testkit.CloudConfig{})
	list := func() error {
		_, err := openAPI.GetDeviceList(t.Context(), cloudCaller, testkit.TestHome().ID)
		return err
	}
	require.NoError(t, list())
	cloud.Clock.Advance(3 * time.Hour)
	require.NoError(t, list(), "one that ended by its time")
	cloud.RevokeTokens(testkit.TestProject().ClientID)
	require.NoError(t, list(), "one that was taken back")
	cloud.Inject(testkit.Fault{Kind: testkit.FaultTokenExpired, Call: testkit.CallHomeDevices})
	require.NoError(t, list(), "one that ended before its time")

	for code, class := range map[string]mall.Class{
		"1106": mall.ClassAccess, "1109": mall.ClassParameter, "1111": mall.ClassBusy, "500": mall.ClassFault, "28841002": mall.ClassQuota, "2001000": mall.ClassRefused,
	} {
		cloud.Inject(testkit.Fault{Kind: testkit.FaultErrorCode, Code: code, Call: testkit.CallHomeDevices})
		remote, ok := errors.AsType[*mall.RemoteError](list())
		require.True(t, ok, code)
		assert.Equal(t, []string{code, string(class)}, []string{remote.Code, string(remote.Class)})
		require.NoError(t, list())
	}
	_, err := openAPI.GetDeviceList(t.Context(), cloudCaller, "404404")
	assert.Equal(t, core.CodeRefused, core.CodeOf(err), "another's home")
}

// An order that was bought over one transport is seen over the other, and
// closed as its seller does.
func TestTheCloudsOrdersOverBothTransports(t *testing.T) {
	cloud, action, openAPI, transport := cloudClients(t, testkit.CloudConfig{})
	device, place := testkit.TestDoorbell(), testkit.TestCatalogs()[0].Mall
	prepay, err := action.BuyIncreaseServiceByWx(t.Context(), cloudCaller, mall.BuyParams{
		DeviceID: device.ID, UUID: device.UUID, Name: device.Name, HomeID: device.HomeID, MallCode: place.MallCode, SiteCode: place.SiteCode, Currency: "CNY",
		SKUCode: "imprest-voip-1y", OpenID: testkit.TestCloudUser().OpenID, WXAppID: testkit.TestWeChatApp().AppID,
	})
	require.NoError(t, err)
	for range 4 {
		_, err := cloud.AddMallOrder(testkit.MallOrder{AmountTrade: 1990, AmountOrigin: 1990})
		require.NoError(t, err)
	}
	list := mall.OrderListParams{MallCode: place.MallCode, SiteCode: place.SiteCode, PageSize: 2}
	gathered := map[string]core.Fen{}
	for order, err := range openAPI.Orders(t.Context(), cloudCaller, list) {
		require.NoError(t, err)
		gathered[order.BaseInfo.OrderID] = order.BaseInfo.AmountTrade.Fen
		assert.Equal(t, []string{place.MallCode, place.ShopCode, "CNY"}, []string{order.BaseInfo.MallInfo.MallCode, order.BaseInfo.MallInfo.ShopCode, order.BaseInfo.Currency})
		assert.Empty(t, order.BaseInfo.OrderStatus)
	}
	want := map[string]core.Fen{}
	for order, err := range action.Orders(t.Context(), cloudCaller, list) {
		require.NoError(t, err)
		want[order.BaseInfo.OrderID] = order.BaseInfo.AmountTrade.Fen
	}
	require.Len(t, want, 5)
	assert.Equal(t, want, gathered)

	order, err := transport.PluginOrder(t.Context(), cloudCaller, prepay.OrderID)
	require.NoError(t, err)
	assert.Equal(t, []any{prepay.OrderID, core.Fen(3600), "CNY"}, []any{order.OrderID, order.TotalPrice.Fen, order.Currency})
	require.Len(t, order.CommodityList, 1)
	assert.Equal(t, []any{"imprest-voip-1y", core.Fen(3600), int64(1)}, []any{order.CommodityList[0].SKU, order.CommodityList[0].Price.Fen, order.CommodityList[0].Quantity})

	code := func(err error) string {
		remote, ok := errors.AsType[*mall.RemoteError](err)
		require.True(t, ok, "%v", err)
		assert.Equal(t, core.CodeRefused, core.CodeOf(err))
		return remote.Code
	}
	_, err = transport.PluginOrder(t.Context(), mall.Caller{UserID: "somebody-else"}, prepay.OrderID)
	assert.NotEmpty(t, code(err), "another's order")
	_, err = transport.PluginOrder(t.Context(), cloudCaller, "404")
	assert.Equal(t, "2005001", code(err))

	cloud.Inject(testkit.Fault{Kind: testkit.FaultNotSaved, Call: testkit.CallCloseOrder})
	assert.ErrorContains(t, transport.CloseOrder(t.Context(), prepay.OrderID), "was not closed")
	require.NoError(t, transport.CloseOrder(t.Context(), prepay.OrderID))
	closed, ok := cloud.MallOrder(prepay.OrderID)
	require.True(t, ok)
	assert.Equal(t, testkit.MallOrderClosed, closed.Status)
	assert.Equal(t, "2005002", code(transport.CloseOrder(t.Context(), prepay.OrderID)), "it was closed before")
	order, err = transport.PluginOrder(t.Context(), cloudCaller, prepay.OrderID)
	require.NoError(t, err)
	assert.NotEmpty(t, order.CancelReason)

	// A cloud that loses its answer has perhaps closed it: nobody closes again
	// without a look.
	other := cloud.MallOrders()[1].OrderID
	cloud.Inject(testkit.Fault{Kind: testkit.FaultAnswerLost, Call: testkit.CallCloseOrder})
	err = transport.CloseOrder(t.Context(), other)
	assert.Equal(t, core.CodeUnknown, core.CodeOf(err))
	assert.False(t, core.Retryable(err))
	order, err = transport.PluginOrder(t.Context(), cloudCaller, other)
	require.NoError(t, err)
	assert.NotEmpty(t, order.CancelReason, "it had")
}
