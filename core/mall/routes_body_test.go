package mall_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/mall"
)

// What is not well formed is 400, names the parameter as the SDK spells it,
// and reaches neither Authorize nor the cloud.
func TestBodiesThatAreNoGood(t *testing.T) {
	const orders = `"mallCode":"m1","siteCode":"CN"`
	long := strings.Repeat("x", 200)
	for _, tt := range []struct{ operation, body, says string }{
		{mall.OpGetCommodityList, ``, "device_id must be given"},
		{mall.OpGetCommodityList, ` {} `, "device_id must be given"},
		{mall.OpGetCommodityList, `{"device_id":null}`, "device_id must be given"},
		{mall.OpGetCommodityList, `{"device_id":""}`, "device_id must be given"},
		{mall.OpGetCommodityList, `{"device_id":"a/b"}`, "device_id must be 1 to 64 of A-Z, a-z, 0-9, _ and -"},
		{mall.OpGetCommodityList, `{"device_id":1}`, "device_id must be a string"},
		{mall.OpGetCommodityList, `{"device_id":["vdevo1"]}`, "device_id must be a string"},
		{mall.OpGetCommodityList, `{"device_id":{"device_id":"vdevo1"}}`, "device_id must be a string"},
		{mall.OpGetCommodityList, `{"device_id":true}`, "device_id must be a string"},
		{mall.OpGetCommodityList, `{"device_id":"\ud800"}`, "device_id must be a string of valid characters"},
		{mall.OpGetCommodityList, `{"device_id":"a","device_id":"b"}`, "device_id must be given once"},
		{mall.OpGetCommodityList, `{"device_id":null,"device_id":"b"}`, "device_id must be given once"},
		{mall.OpGetCommodityList, `{"device_id":"a","device\u005fid":"b"}`, "device_id must be given once"},
		{mall.OpGetCommodityList, `{"Device_ID":"a"}`, `"Device_ID" is no parameter of getCommodityList, which takes device_id`},
		{mall.OpGetCommodityList, `{"device_id":"a","` + long + `":1}`, `"` + long[:64] + `" is no parameter`},
		{mall.OpGetCommodityList, `{"device_id":"a"}{}`, "the body must be a JSON object"},
		{mall.OpGetCommodityList, `{"device_id":"a",}`, "the body must be a JSON object"},
		{mall.OpGetCommodityList, `{"device_id":"a"`, "the body must be a JSON object"},
		{mall.OpGetCommodityList, `{"device_id":'a'}`, "the body must be a JSON object"},
		{mall.OpGetCommodityList, "\ufeff{\"device_id\":\"a\"}", "the body must be a JSON object"},
		{mall.OpGetCommodityList, "{\"device_id\":\"a\xff\"}", "the body must be a JSON object in UTF-8"},
		{mall.OpGetCommodityList, `["vdevo1"]`, "the body must be a JSON object"},
		{mall.OpGetCommodityList, `null`, "the body must be a JSON object"},
		{mall.OpGetCommodityList, `"vdevo1"`, "the body must be a JSON object"},
		{mall.OpGetServiceListByDevice, `""`, "device_id must be given"},
		{mall.OpGetServiceListByDevice, `"a b"`, "device_id must be 1 to 64"},
		{mall.OpGetDeviceList, `"\udc00"`, "owner_id must be a string of valid characters"},
		{mall.OpGetDeviceList, `"1" "2"`, "the body must be a JSON object"},
		{mall.OpGetDeviceList, `{"device_id":"a"}`, `"device_id" is no parameter of getDeviceList, which takes owner_id`},
		{mall.OpGetAppMallInfo, `{"device_id":"a"}`, "catalog_code must be given"},
		{mall.OpGetDeviceCapability, `{"code":"c"}`, "device_id must be given"},
		{mall.OpGetDeviceAddValueType, `{}`, "device_id must be given"},
		{mall.OpGetServiceIntroduction, ``, "categoryCode must be given"},
		{mall.OpGetDeviceWXUserInfo, `{"device_id":"xxx","user_id":"xxx"}`, "which takes app_id"},
		{mall.OpSaveWXVoipAuth, `{"device_id":"a"}`, "auth_tag must be given"},
		{mall.OpSaveWXVoipAuth, `{"device_id":"a","auth_tag":"1"}`, "auth_tag must be an integer"},
		{mall.OpSaveWXVoipAuth, `{"device_id":"a","auth_tag":1.5}`, "auth_tag must be an integer"},
		{mall.OpSaveWXVoipAuth, `{"device_id":"a","auth_tag":true}`, "auth_tag must be an integer"},
		{mall.OpSaveVoipAuthUser, `{"device_id":"a"}`, "user_id must be given"},
		{mall.OpGetOrderList, `{` + orders + `,"pageSize":1}`, "pageNo must be given"},
		{mall.OpGetOrderList, `{` + orders + `,"pageNo":0,"pageSize":1}`, "pageNo must be at least 1"},
		{mall.OpGetOrderList, `{` + orders + `,"pageNo":1,"pageSize":0}`, "pageSize must be at least 1"},
		{mall.OpGetOrderList, `{` + orders + `,"pageNo":1,"pageSize":101}`, "pageSize must be at most 100"},
		{mall.OpGetOrderList, `{` + orders + `,"pageNo":4294967297,"pageSize":1}`, "pageNo must be an integer"},
		{mall.OpGetOrderList, `{` + orders + `,"pageNo":1e0,"pageSize":1}`, "pageNo must be an integer"},
		{mall.OpGetOrderList, `{` + orders + `,"pageNo":"1","pageSize":1}`, "pageNo must be an integer"},
		{mall.OpGetOrderList, `{"siteCode":"CN","pageNo":1,"pageSize":1}`, "mallCode must be given"},
		{mall.OpGetOrderList, `{` + orders + `,"pageNo":1,"pageSize":1,"searchKey":"a\nb"}`, "searchKey must be valid UTF-8 without control characters"},
		{mall.OpGetOrderList, `{` + orders + `,"pageNo":1,"pageSize":1,"searchKey":"` + long + `"}`, "searchKey must have a length of at most 128"},
		{mall.OpGetOrderList, `{` + orders + `,"pageNo":1,"pageSize":1,"orderStatusList":"paid"}`, "orderStatusList must be a list of strings"},
		{mall.OpGetOrderList, `{` + orders + `,"pageNo":1,"pageSize":1,"orderStatusList":["paid",1]}`, "orderStatusList must be a list of strings"},
		{mall.OpGetOrderList, `{` + orders + `,"pageNo":1,"pageSize":1,"orderStatusList":[null]}`, "orderStatusList must be a list of strings"},
		{mall.OpGetOrderList, `{` + orders + `,"pageNo":1,"pageSize":1,"orderStatusList":["paid",""]}`, "orderStatusList[1] must be given"},
		{mall.OpGetSubscriptionOrderList, `{` + orders + `,"pageNo":1,"pageSize":101}`, "pageSize must be at most 100"},
		{mall.OpGetSubscriptionOrderList, `{` + orders + `,"pageNo":-1,"pageSize":1}`, "pageNo must be at least 1"},
		{mall.OpVoipServiceAuthorization, `{"device_id":"a","uuid":"u"}`, "name must be given"},
		{mall.OpVoipServiceAuthorization, `{"device_id":"a","uuid":"u","name":"x\u0000"}`, "name must be valid UTF-8"},
		{mall.OpExchangeCode, `{"device_id":"a","catalog_code":"c","homeId":"1","name":"n","uuid":"u"}`, "code must be given"},
		{mall.OpExchangeCode, `{"device_id":"a","catalog_code":"c","homeId":"1","name":"n","uuid":"u","code":"a b"}`, "code must be 1 to 128 characters without spaces"},
		{mall.OpExchangeCode, `{"device_id":"a","catalog_code":"c","homeId":1,"name":"n","uuid":"u","code":"x"}`, "homeId must be a string"},
	} {
		s := openShop(t)
		resp := s.ask(t, tt.operation, tt.body)
		require.Equal(t, 400, resp.Status, "%s %s", tt.operation, tt.body)
		a := readAnswer(t, resp)
		assert.Equal(t, "invalid", a.Error.Code)
		assert.Contains(t, a.Error.Message, tt.says, "%s %s", tt.operation, tt.body)
		assert.Empty(t, s.calls)
		assert.Empty(t, s.ops.all())
	}
}

func TestWhatTheSDKsExamplesPost(t *testing.T) {
	for operation, bare := range map[string]string{mall.OpGetDeviceList: "123456", mall.OpGetServiceListByDevice: "vdevo1", mall.OpGetVoipAuthUser: "vdevo1"} {
		s := openShop(t)
		require.Equal(t, 200, s.ask(t, operation, ` "`+bare+`" `).Status, operation)
		assert.Equal(t, []got{{operation, alice, []any{bare}}}, s.ops.all())
		assert.Contains(t, []string{s.calls[0].DeviceID, s.calls[0].HomeID}, bare)
	}
	s := openShop(t)
	resp := s.ask(t, mall.OpGetOrderList, `{"mallCode":"m1","siteCode":"CN","searchKey":null,"orderStatusList":null,"pageNo":1,"pageSize":1}`)
	require.Equal(t, 200, resp.Status, string(resp.Body))
	assert.Equal(t, []any{mall.OrderListParams{MallCode: "m1", SiteCode: "CN", PageNo: 1, PageSize: 1}}, s.ops.all()[0].params)
}

func TestBeforeTheBody(t *testing.T) {
	header := func(name, value string) func(*core.Request) {
		return func(r *core.Request) { r.Header.Set(name, value) }
	}
	s := openShop(t)
	for _, contentType := range []string{"", "text/plain", "application/x-www-form-urlencoded", "application/jsonp", "application/json; charset=gbk", "application/json;;", "multipart/form-data; boundary=x"} {
		resp := s.ask(t, mall.OpGetCommodityList, `{"device_id":"vdevo1"}`, header("Content-Type", contentType))
		assert.Equal(t, 415, resp.Status, contentType)
		assert.Equal(t, "unsupported", readAnswer(t, resp).Error.Code)
	}
	resp := s.ask(t, mall.OpGetCommodityList, `{"device_id":"vdevo1"}`, header("Content-Encoding", "gzip"))
	assert.Equal(t, 415, resp.Status)
	resp = s.ask(t, mall.OpGetCommodityList, strings.Repeat(" ", core.MaxBody+1))
	assert.Equal(t, 413, resp.Status)
	for _, operation := range []string{"getcommoditylist", "GetCommodityList", "getCommodityList%20", "x", "getCommodityList%2F"} {
		resp := s.ask(t, operation, `{"device_id":"vdevo1"}`)
		assert.Equal(t, 404, resp.Status, operation)
		assert.Equal(t, "unknown_operation", readAnswer(t, resp).Error.Code)
	}
	assert.Equal(t, 404, s.ask(t, "a/b", `{}`).Status)
	assert.Equal(t, 405, s.ask(t, mall.OpGetCommodityList, ``, func(r *core.Request) { r.Method = "GET" }).Status)
	assert.Empty(t, s.calls)
	for _, contentType := range []string{"application/json", "Application/JSON; charset=UTF-8", "application/json; charset=utf-8"} {
		assert.Equal(t, 200, s.ask(t, mall.OpGetCommodityList, `{"device_id":"vdevo1"}`, header("Content-Type", contentType)).Status)
	}
}

// Whatever a front end posts is answered, and what reaches the operations is
// well formed and what the body says.
func FuzzRoutesBody(f *testing.F) {
	for operation, tt := range routed {
		f.Add(operation, []byte(tt.body))
	}
	for _, body := range []string{``, `""`, `"vdevo1"`, `{"device_id":"a","device_id":"b"}`, `{"device_id":"\ud800"}`, `[[[[`, `{"owner_id":{"a":[1,{}]}}`, "\ufeff{}", `{"device_id":"a"}x`} {
		f.Add(mall.OpGetServiceListByDevice, []byte(body))
		f.Add(mall.OpGetOrderList, []byte(body))
	}
	f.Fuzz(func(t *testing.T, operation string, body []byte) {
		s := openShop(t, func(cfg *mall.RoutesConfig) { cfg.VoIP = nil })
		resp := s.ask(t, "x", string(body), func(r *core.Request) { r.Path = "/mall/" + operation })
		if !utf8.Valid(resp.Body) || resp.Status == 503 || resp.Status == 200 != (len(s.ops.all()) == 1) {
			t.Fatalf("%q to %q: %d %q", body, operation, resp.Status, resp.Body)
		}
		if resp.Status != 200 {
			return
		}
		if name, err := url.PathUnescape(operation); !json.Valid(resp.Body) || len(s.calls) != 1 || err != nil || s.calls[0].Operation != name {
			t.Fatalf("%q to %q: %q, %+v", body, operation, resp.Body, s.calls)
		}
		var members map[string]any
		if json.Unmarshal(body, &members) != nil {
			var bare string
			if err := json.Unmarshal(body, &bare); err != nil || bare != s.calls[0].DeviceID+s.calls[0].HomeID {
				t.Fatalf("%q to %q is not what was asked: %+v", body, operation, s.calls[0])
			}
			return
		}
		said := map[string]string{"device_id": s.calls[0].DeviceID, "mallCode": s.calls[0].MallCode, "app_id": s.calls[0].AppID, "uuid": s.calls[0].UUID, "user_id": s.calls[0].UserID}
		for name, value := range said {
			if text, _ := members[name].(string); text != value {
				t.Fatalf("%q to %q: %s was read as %q", body, operation, name, value)
			}
		}
	})
}
