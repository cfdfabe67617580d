package mall_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/mall"
)

func example(t testing.TB, operation string) string {
	t.Helper()
	text, err := os.ReadFile("testdata/seed003/" + operation + ".json")
	require.NoError(t, err)
	return string(text)
}

// What Tuya's page shows as answers (made JSON where it is not) is read, and
// written back with nothing lost and nothing added.
func TestThePagesExamples(t *testing.T) {
	examples := map[string]any{
		mall.OpGetCommodityList:         &[]mall.Commodity{},
		mall.OpGetAppMallInfo:           &mall.AppMallInfo{},
		mall.OpGetDeviceAddValueType:    &mall.DeviceAddValueType{},
		mall.OpGetDeviceList:            &[]mall.ListedDevice{},
		mall.OpGetDeviceCapability:      &mall.DeviceCapability{},
		mall.OpGetOrderList:             &mall.OrderPage{},
		mall.OpGetSubscriptionOrderList: &mall.SubscriptionPage{},
		mall.OpGetServiceIntroduction:   &mall.ServiceIntroduction{},
		mall.OpGetServiceListByDevice:   &[]mall.Service{},
		mall.OpGetVoipAuthUser:          &mall.VoipAuthUser{},
		mall.OpGetDeviceWXUserInfo:      &mall.DeviceWXUser{},
	}
	files, err := filepath.Glob("testdata/seed003/*.json")
	require.NoError(t, err)
	require.Len(t, files, len(examples), "every example is read")
	for operation, value := range examples {
		text := example(t, operation)
		require.NoError(t, json.Unmarshal([]byte(text), value), operation)
		again, err := json.Marshal(value)
		require.NoError(t, err)
		assert.JSONEq(t, text, string(again), operation)
	}
}

func TestThePagesExamplesAsValues(t *testing.T) {
	client := answering(t, 200, success(example(t, mall.OpGetCommodityList)))
	commodities, err := client.GetCommodityList(t.Context(), alice, "dev1")
	require.NoError(t, err)
	assert.Equal(t, []mall.Commodity{{
		CommodityCode: "xxx", ServiceCode: "voip", Title: "微信视频通话(VoIP)", SubTitle: "VoIP",
		CommodityURL: "https://xxx.com/", TargetURLType: mall.TargetH5, UUID: "xxx", SKUCode: "xxx", Type: mall.CommodityVoIP,
		Prices: []mall.Price{{
			Price: mall.NewMoney(1), StrPrice: "0.01", OriginalPrice: mall.NewMoney(1), StrOriginalPrice: "0.01",
			Currency: "CNY", PeriodUnit: mall.PeriodYear, PeriodValue: 1, PeriodType: mall.PeriodNormal, OptionType: mall.OptionNormal,
		}},
	}}, commodities)

	client = answering(t, 200, success(example(t, mall.OpGetAppMallInfo)))
	info, err := client.GetAppMallInfo(t.Context(), alice, "dev1", mall.CatalogCloudStorage)
	require.NoError(t, err)
	assert.Equal(t, mall.AppMallInfo{MallCode: "xxxxxxx", ShopCode: "xxxxxxx", SiteCode: "CN", Currency: "CNY"}, info)

	client = answering(t, 200, success(example(t, mall.OpGetDeviceCapability)))
	capability, err := client.GetDeviceCapability(t.Context(), alice, "dev1", mall.CapabilityVoIP)
	require.NoError(t, err)
	assert.Equal(t, mall.DeviceCapability{WechatMPAppid: "xxxxxx", WechatMPMid: "xxxxxx", WechatMPOid: "xxxxxx"}, capability)

	client = answering(t, 200, success(example(t, mall.OpGetServiceListByDevice)))
	services, err := client.GetServiceListByDevice(t.Context(), alice, "dev1")
	require.NoError(t, err)
	require.Len(t, services, 2)
	free, voip := services[0], services[1]
	assert.EqualValues(t, 3, free.Duration)
	assert.True(t, free.StartTime.Time().IsZero() && free.EndTime.Time().IsZero())
	assert.Equal(t, []mall.ServiceTag{mall.TagFreeTrial}, free.Tags)
	assert.Equal(t, mall.Service{
		Name: "微信视频通话(VoIP)", Code: "voip", StartTime: 1722939139094, EndTime: 1943777539094,
		Tags: []mall.ServiceTag{}, Type: mall.CommodityVoIP, IsAY: true, IsExit: true,
	}, voip)
	assert.Equal(t, time.Date(2024, 8, 6, 10, 12, 19, 94e6, time.UTC), voip.StartTime.Time())

	client = answering(t, 200, success(example(t, mall.OpGetVoipAuthUser)))
	user, err := client.GetVoipAuthUser(t.Context(), alice, "dev1")
	require.NoError(t, err)
	assert.Equal(t, mall.VoipAuthUser{UserID: "xxx", AvatarURL: "https://images.tuyacn.com/app/default_avatar/avatar9.png", UserName: "xxx", IsAuth: true, IsValid: true}, user)
}

// One case for each way in which the cloud's table and its examples, or its
// pages among themselves, disagree.
func TestEverySpellingIsReadAndKept(t *testing.T) {
	for text, given := range map[string]bool{
		`{"price":{"Value":"0.01"}}`:             true,
		`{"price":{"Value":0.01,"scale":2}}`:     true,
		`{"price":0.01,"originalPrice":"0.02"}`:  true,
		`{"price":"0.01","originalPrice":1.990}`: true,
		`{"price":{"Value":null}}`:               false,
		`{"price":""}`:                           false,
	} {
		var price mall.Price
		require.NoError(t, json.Unmarshal([]byte(text), &price), text)
		assert.Equal(t, given, price.Price.Given(), text)
		assert.Equal(t, given, price.Price.Fen == 1, text)
		keeps(t, text, &price)
	}
	for text, want := range map[string]mall.Price{
		`{"optionType":"0","optionNo":"12"}`:                 {OptionType: mall.OptionNormal, OptionNo: 12},
		`{"optionType":2,"optionNo":12}`:                     {OptionType: mall.OptionSubscription, OptionNo: 12},
		`{"periodUnit":"4","periodValue":"","periodType":1}`: {PeriodUnit: mall.PeriodWeek, PeriodType: mall.PeriodSubscribe},
		`{"periodUnit":99,"periodType":-3}`:                  {PeriodUnit: 99, PeriodType: -3},
		`{"periodValue":12.0,"optionNo":1e2}`:                {PeriodValue: 12, OptionNo: 100},
		`{"strPrice":0.10,"currency":null}`:                  {StrPrice: "0.10"},
		`{"marketingStrategy":null}`:                         {},
		`{"price":null}`:                                     {},
	} {
		var price mall.Price
		require.NoError(t, json.Unmarshal([]byte(text), &price), text)
		assert.Equal(t, fields(want), fields(price), text)
		keeps(t, text, &price)
	}
	for text, want := range map[string]mall.Service{
		`{"startTime":"1722939139094","endTime":1943777539094}`:        {StartTime: 1722939139094, EndTime: 1943777539094},
		`{"startTime":null,"endTime":0,"isPermanent":false}`:           {},
		`{"isFree":"true","isAY":1,"isExit":"0","isPermanent":true}`:   {IsFree: true, IsAY: true, IsPermanent: true},
		`{"duration":3,"hasPurchasedOrder":true,"type":"2","tags":[]}`: {Duration: 3, HasPurchasedOrder: true, Type: mall.CommodityAI, Tags: []mall.ServiceTag{}},
		`{"tags":["freeTrial","tomorrowsTag"],"type":17}`:              {Tags: []mall.ServiceTag{mall.TagFreeTrial, "tomorrowsTag"}, Type: 17},
		`{"tags":null,"name":null}`:                                    {},
		`{"code":1095,"tags":[7]}`:                                     {Code: "1095", Tags: []mall.ServiceTag{"7"}},
		`{}`:                                                           {},
	} {
		var service mall.Service
		require.NoError(t, json.Unmarshal([]byte(text), &service), text)
		assert.Equal(t, fields(want), fields(service), text)
		keeps(t, text, &service)
	}
	var created mall.Millis // gmtCreate is a string of a time
	require.NoError(t, json.Unmarshal([]byte(`"1723536905517"`), &created))
	assert.Equal(t, time.Date(2024, 8, 13, 8, 15, 5, 517e6, time.UTC), created.Time())
	assert.Equal(t, created, mall.NewMillis(created.Time()))
	assert.Zero(t, mall.NewMillis(time.Time{}))
}

// fields returns the exported fields of a struct.
func fields(v any) map[string]any {
	all := map[string]any{}
	s := reflect.ValueOf(v)
	for i := range s.NumField() {
		if f := s.Type().Field(i); f.IsExported() {
			all[f.Name] = s.Field(i).Interface()
		}
	}
	return all
}

func keeps(t *testing.T, text string, value any) {
	t.Helper()
	again, err := json.Marshal(value)
	require.NoError(t, err)
	assert.JSONEq(t, text, string(again))
}

func TestUnknownMembersAreKept(t *testing.T) {
	text := `{"commodityCode":"c","new":{"a":[1,null,"<&>"]},"Title":"other case","prices":[{"price":1,"coupon":"x"}],"b":1e999}`
	var c mall.Commodity
	require.NoError(t, json.Unmarshal([]byte(text), &c))
	assert.Equal(t, map[string]json.RawMessage{"new": []byte(`{"a":[1,null,"<&>"]}`), "Title": []byte(`"other case"`), "b": []byte(`1e999`)}, c.Extra)
	assert.Empty(t, c.Title, "names are matched exactly")
	assert.Equal(t, json.RawMessage(`"x"`), c.Prices[0].Extra["coupon"])
	again, err := c.MarshalJSON()
	require.NoError(t, err)
	assert.Equal(t, `{"commodityCode":"c","prices":[{"price":1,"coupon":"x"}],"Title":"other case","b":1e999,"new":{"a":[1,null,"<&>"]}}`, string(again))

	c.Extra["commodityCode"] = json.RawMessage(`"not this one"`)
	c.Extra["added"] = nil
	again, err = c.MarshalJSON()
	require.NoError(t, err)
	assert.NotContains(t, string(again), "not this one", "a field wins over Extra")
	assert.Contains(t, string(again), `"added":null`)
}

// How the cloud spelled a member is kept only as long as its value is.
func TestWhatIsChangedIsWritten(t *testing.T) {
	var price mall.Price
	require.NoError(t, json.Unmarshal([]byte(`{"optionNo":"7","periodUnit":null,"price":1.5,"marketingStrategy":null}`), &price))
	price.OptionNo, price.PeriodUnit, price.Price.Fen = 8, mall.PeriodDay, 160
	price.MarketingStrategy = &mall.MarketingStrategy{Discount: 20}
	price.Currency = "CNY"
	again, err := json.Marshal(price)
	require.NoError(t, err)
	assert.JSONEq(t, `{"optionNo":8,"periodUnit":3,"price":{"Value":"1.60"},"currency":"CNY","marketingStrategy":{"discount":20,"periodUnit":0,"periodValue":0}}`, string(again))

	// A value made by hand is written whole, but for what may be left out.
	again, err = json.Marshal(mall.Service{Code: "voip"})
	require.NoError(t, err)
	assert.JSONEq(t, `{"code":"voip","name":"","tags":[],"isFree":false,"type":0,"isAY":false,"isExit":false}`, string(again))

	// A value that is read again starts anew.
	require.NoError(t, json.Unmarshal([]byte(`{"currency":"USD"}`), &price))
	again, err = json.Marshal(price)
	require.NoError(t, err)
	assert.JSONEq(t, `{"currency":"USD"}`, string(again))
	require.NoError(t, json.Unmarshal([]byte(`null`), &price))
	assert.Equal(t, "USD", price.Currency, "null changes nothing")
}

func TestWhatMakesNoSenseIsNamed(t *testing.T) {
	for text, says := range map[string]string{
		`[{"prices":[{"price":"0.001"}]}]`:                       "result[0].prices[0].price core.Fen: not an exact amount of fen",
		`[{},{"prices":[{},{"originalPrice":{"V":"1"}}]}]`:       `result[1].prices[1].originalPrice is an amount without "Value"`,
		`[{"prices":{}}]`:                                        "result[0].prices is not a list",
		`[{"prices":[null]}]`:                                    "result[0].prices[0] is null",
		`[{"prices":[3]}]`:                                       "result[0].prices[0] is not an object",
		`[{"prices":[{"marketingStrategy":{"discount":"2O"}}]}]`: "result[0].prices[0].marketingStrategy.discount is not an integer",
		`[{"type":1.5}]`:                                         "result[0].type is not an integer",
		`[{"type":true}]`:                                        "result[0].type is neither a number nor a text",
		`[{"type":99999999999999999999}]`:                        "result[0].type is not an integer",
		`[{"title":{}}]`:                                         "result[0].title is not a text",
		`[{"title":["x"]}]`:                                      "result[0].title is not a text",
		`{"data":[]}`:                                            "result is not a list",
		`"x"`:                                                    "result is not a list",
		`[[]]`:                                                   "result[0] is not an object",
	} {
		_, err := answering(t, 200, success(text)).GetCommodityList(t.Context(), alice, "dev1")
		assert.EqualError(t, err, "mall.GetCommodityList: "+says, text)
		assert.Equal(t, core.CodeUnknown, core.CodeOf(err))
		assert.True(t, core.Retryable(err))
	}
	_, err := answering(t, 200, success(`[{"isFree":"perhaps"}]`)).GetServiceListByDevice(t.Context(), alice, "dev1")
	assert.EqualError(t, err, "mall.GetServiceListByDevice: result[0].isFree is neither true nor false")
}
