package testkit

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// shape describes a JSON value by its names and types. Lists are described by
// each of their elements.
func shape(v any) string {
	switch v := v.(type) {
	case map[string]any:
		var parts []string
		for _, name := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, name+":"+shape(v[name]))
		}
		return "{" + strings.Join(parts, " ") + "}"
	case []any:
		var parts []string
		for _, element := range v {
			parts = append(parts, shape(element))
		}
		return "[" + strings.Join(parts, " ") + "]"
	default:
		return fmt.Sprintf("%T", v)
	}
}

func shapeOf(t *testing.T, text []byte) string {
	t.Helper()
	var v any
	require.NoError(t, json.Unmarshal(text, &v), "%s", text)
	return shape(v)
}

// The results have the names and the types of the page's examples, whatever
// its tables say.
func TestShapesOfThePagesExamples(t *testing.T) {
	c := testCloud(t, CloudConfig{})
	bought, err := c.AddDevice(Device{
		ID: "bought", Types: []int{TypeVoIP}, Commodities: []Commodity{voipCommodity()}, Services: []Service{
			{Duration: 3, Code: "tuya_camera_store_3day_event_1_1095", IsAY: true, IsFree: true, Name: "3 天滚动存储", IsExit: true, Tags: []string{TagFreeTrial}},
			{Code: "voip", IsAY: true, Name: "微信视频通话(VoIP)", IsExit: true, Type: 1, Start: time.UnixMilli(1722939139094), End: time.UnixMilli(1943777539094)},
		},
	})
	require.NoError(t, err)
	d := params{"device_id": bought.ID}
	ask(t, c, CallSaveVoipAuthUser, ofDoorbell().but(params{"user_id": TestCloudUser().ID}))
	for call, x := range map[Call]struct {
		p       params
		example string
	}{
		CallGetCommodityList: {d, `[{"subTitle":"","serviceCode":"","targetUrlType":0,"commodityCode":"","commodityUrl":"","prices":[{"optionType":0,"periodType":0,
			"originalPrice":{"Value":""},"strOriginalPrice":"","price":{"Value":""},"strPrice":"","currency":"","optionNo":0,"periodUnit":1,"periodValue":1}],
			"title":"","type":1,"uuid":"","skuCode":""}]`},
		CallGetAppMallInfo:      {d.but(params{"catalog_code": CatalogCloudStorage}), `{"currency":"","mallCode":"","shopCode":"","siteCode":""}`},
		CallGetDeviceCapability: {ofDoorbell().but(params{"code": CapabilityVoIP}), `{"WechatMPAppid":"","WechatMPOid":"","WechatMPMid":""}`},
		CallGetServiceListByDevice: {d, `[{"duration":0,"code":"","isAY":true,"isFree":true,"name":"","isExit":true,"hasPurchasedOrder":false,"type":0,"tags":[""]},
			{"code":"","isAY":true,"isFree":false,"name":"","isExit":true,"startTime":0,"endTime":0,"type":1,"tags":[]}]`},
		CallGetVoipAuthUser:  {ofDoorbell(), `{"isAuth":true,"avatarUrl":"","isValid":true,"userName":"","userId":""}`},
		CallSaveWXVoipAuth:   {ofDoorbell().but(params{"auth_tag": 1}), `true`},
		CallSaveVoipAuthUser: {ofDoorbell().but(params{"user_id": TestCloudUser().ID}), `true`},
	} {
		a := ask(t, c, call, x.p)
		require.True(t, a.Success, a.body)
		assert.Equal(t, shapeOf(t, []byte(x.example)), shapeOf(t, a.Result), call)
	}
	list := ask(t, c, CallGetServiceListByDevice, d)
	assert.Contains(t, string(list.Result), `"startTime":1722939139094,"endTime":1943777539094`)
}

func TestCommodities(t *testing.T) {
	c := testCloud(t, CloudConfig{})
	list := ask(t, c, CallGetCommodityList, ofDoorbell())
	assert.JSONEq(t, `{"optionType":0,"periodType":0,"optionNo":0,"periodUnit":1,"periodValue":1,"currency":"CNY",
		"price":{"Value":"36.00"},"strPrice":"36.00","originalPrice":{"Value":"48.00"},"strOriginalPrice":"48.00"}`, string(price(t, list, 0, 0)))
	assert.JSONEq(t, `{"optionType":2,"periodType":1,"optionNo":1,"periodUnit":2,"periodValue":1,"currency":"CNY",
		"price":{"Value":"7.90"},"strPrice":"7.90","originalPrice":{"Value":"9.90"},"strOriginalPrice":"9.90",
		"marketingStrategy":{"discount":20,"periodUnit":3,"periodValue":7}}`, string(price(t, list, 1, 1)))
	assert.Contains(t, string(list.Result), `"uuid":"`+TestDoorbell().UUID+`"`)
	assert.NotContains(t, string(ask(t, c, CallGetCommodityList, ofCamera()).Result), "voip")

	require.True(t, c.SetCommodities(TestCamera().ID, Commodity{Prices: []Price{{Price: 1, Currency: "USD"}}}))
	list = ask(t, c, CallGetCommodityList, ofCamera())
	assert.Contains(t, string(price(t, list, 0, 0)), `"originalPrice":{"Value":"0.01"}`, "an original price of 0 is the price")
	assert.Contains(t, string(price(t, list, 0, 0)), `"currency":"USD"`)
	require.True(t, c.SetCommodities(TestCamera().ID))
	assert.Equal(t, `[]`, string(ask(t, c, CallGetCommodityList, ofCamera()).Result))
}

func price(t *testing.T, list told, commodity, n int) json.RawMessage {
	t.Helper()
	var all []struct{ Prices []json.RawMessage }
	require.NoError(t, json.Unmarshal(list.Result, &all))
	require.Greater(t, len(all), commodity)
	require.Greater(t, len(all[commodity].Prices), n)
	return all[commodity].Prices[n]
}

func TestPriceForms(t *testing.T) {
	for form, want := range map[PriceForm]string{"": `{"Value":"36.00"}`, PriceObject: `{"Value":"36.00"}`, PriceNumber: `36.00`, PriceText: `"36.00"`} {
		c := testCloud(t, CloudConfig{Readings: CloudReadings{PriceForm: form}})
		list := ask(t, c, CallGetCommodityList, ofDoorbell())
		assert.Contains(t, string(price(t, list, 0, 0)), `"price":`+want+`,"strPrice":"36.00"`)
	}
}

func TestMallInfo(t *testing.T) {
	c := testCloud(t, CloudConfig{})
	info := ask(t, c, CallGetAppMallInfo, ofCamera().but(params{"catalog_code": CatalogCloudStorage}))
	assert.JSONEq(t, `{"currency":"CNY","mallCode":"imprestMall","shopCode":"imprestShop","siteCode":"CN"}`, string(info.Result))
	assert.Equal(t, "MALL_NOT_FOUND", ask(t, c, CallGetAppMallInfo, ofCamera().but(params{"catalog_code": "AI"})).code())
}
