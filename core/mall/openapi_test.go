package mall_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/mall"
	"github.com/imprest-go/imprest/core/tuya"
	"github.com/imprest-go/imprest/testkit"
)

const (
	spuList        = "POST /v1.0/m/ecm/am/spu/list"
	credentialList = "POST /v1.0/m/ecm/am/credential/list"
	homeDevices    = "GET /v1.0/homes/123456/devices"
	orderSearch    = "GET /v1.0/mall/plugin/order/search"
	orderDetail    = "GET /v1.0/mall/plugin/order/o1"
	orderClose     = "PUT /v1.0/sellercenter/order/close/o1"

	accessSecret = "access-secret-that-must-not-show"
	accessToken  = "access-token-that-must-not-show"
)

// openapi is a signed OpenAPI that answers each call with a fixed text.
type openapi struct {
	*httptest.Server
	mu      sync.Mutex
	answers map[string]string
	asked   []string // without the calls for a token
}

func startOpenAPI(t testing.TB, answers map[string]string) (*openapi, *tuya.Client) {
	t.Helper()
	o := &openapi{answers: answers}
	o.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		signed := tuya.Signed{Method: r.Method, Path: r.URL.Path, Query: r.URL.Query(), Body: body}
		access := r.Header.Get("access_token")
		want := tuya.Sign("project1", core.NewSecret(accessSecret), core.NewSecret(access), r.Header.Get("t"), r.Header.Get("nonce"), signed)
		assert.Equal(t, want, r.Header.Get("sign"))
		if r.URL.Path == "/v1.0/token" {
			_, _ = io.WriteString(w, success(`{"access_token":"`+accessToken+`","refresh_token":"refresh1","expire_time":7200,"uid":"u"}`))
			return
		}
		assert.Equal(t, accessToken, access)
		o.mu.Lock()
		defer o.mu.Unlock()
		asked := r.Method + " " + r.URL.Path
		answer, ok := o.answers[asked]
		if len(r.URL.Query()) > 0 {
			asked += "?" + r.URL.RawQuery
		}
		o.asked = append(o.asked, strings.TrimSpace(asked+" "+string(body)))
		if !ok {
			answer = `{"success":false,"code":1108,"msg":"uri path invalid","t":1723536905517,"tid":"tid1"}`
		}
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(o.Close)
	client, err := tuya.New(tuya.Config{ClientID: "project1", Secret: core.NewSecret(accessSecret), BaseURL: o.URL})
	require.NoError(t, err)
	return o, client
}

func (o *openapi) calls() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]string(nil), o.asked...)
}

// overOpenAPI returns a client over an OpenAPI that is configured for all it
// can carry.
func overOpenAPI(t testing.TB, answers map[string]string) (*mall.Client, *mall.OpenAPI, *openapi) {
	t.Helper()
	o, signer := startOpenAPI(t, answers)
	transport, err := mall.NewOpenAPI(mall.OpenAPIConfig{
		Client: signer, BindingObjectCode: "pid1", BindingObjectType: mall.BindingMiniProgram, CatalogCodes: []string{mall.CatalogCloudStorage},
		MallCode: "m1", ShopCode: "s1", SiteCode: "CN",
	})
	require.NoError(t, err)
	client, err := mall.New(mall.Config{Transport: transport})
	require.NoError(t, err)
	return client, transport, o
}

func asJSON(t testing.TB, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	require.NoError(t, err)
	return string(text)
}

func TestCommoditiesOverOpenAPI(t *testing.T) {
	client, _, o := overOpenAPI(t, map[string]string{spuList: `{"tid":"tid1","result":[{"requiredCheckoutParams":[],"siteCode":"CN","skuList":[{"skuCode":"k1","price":99}],
		"mainPicture":"ecommerce/a.png","title":"Cloud <storage> & more","subTitle":"7 days","targetUrlType":1,"commodityCode":"c1","mallCode":"m1",
		"commodityUrl":"https://mall.example/?commodityCode=c1&paymentScopeCode=99","bindingTag":"t","type":"SPU","prices":7}],"t":"17***17","success":true}`})
	offers, err := client.GetCommodityList(t.Context(), alice, "vdevo1")
	require.NoError(t, err)
	assert.Equal(t, []string{spuList + ` {"input":{"bindingObjectCode":"pid1","bindingObjectType":1,"catalogCode":"CLOUD_STORAGE"}}`}, o.calls())
	require.Len(t, offers, 1)
	offer := offers[0]
	assert.Equal(t, []string{"c1", "Cloud <storage> & more", "7 days", "https://mall.example/?commodityCode=c1&paymentScopeCode=99"}, []string{offer.CommodityCode, offer.Title, offer.SubTitle, offer.CommodityURL})
	assert.Equal(t, mall.TargetMiniProgram, offer.TargetURLType)
	assert.Empty(t, offer.Prices, "nothing is known of its prices")
	assert.Equal(t, `[{"skuCode":"k1","price":99}]`, string(offer.Extra["skuList"]))
	assert.Equal(t, `"CLOUD_STORAGE"`, string(offer.Extra["catalogCode"]))
	assert.JSONEq(t, `{"commodityCode":"c1","title":"Cloud <storage> & more","subTitle":"7 days","commodityUrl":"https://mall.example/?commodityCode=c1&paymentScopeCode=99","targetUrlType":1,
		"requiredCheckoutParams":[],"siteCode":"CN","skuList":[{"skuCode":"k1","price":99}],"mainPicture":"ecommerce/a.png","mallCode":"m1","bindingTag":"t",
		"catalogCode":"CLOUD_STORAGE","openapi_type":"SPU","openapi_prices":7}`, asJSON(t, offer), "absent stays absent, and a member with the SDK's name alone is not its")
}

func TestCommoditiesOfManyCatalogs(t *testing.T) {
	o, signer := startOpenAPI(t, map[string]string{spuList: success(`[{"commodityCode":"c1"}]`)})
	catalogs := []string{"A", "B"}
	transport, err := mall.NewOpenAPI(mall.OpenAPIConfig{Client: signer, BindingObjectCode: "app1", BindingObjectType: mall.BindingApp, CatalogCodes: catalogs})
	require.NoError(t, err)
	catalogs[0] = "C" // is too late
	raw, err := transport.Call(t.Context(), alice, mall.OpGetCommodityList, map[string]string{"device_id": "d"})
	require.NoError(t, err)
	assert.JSONEq(t, `[{"commodityCode":"c1","catalogCode":"A"},{"commodityCode":"c1","catalogCode":"B"}]`, string(raw))
	assert.Len(t, o.calls(), 2)

	o.answers[spuList] = `{"success":false,"code":"MALL_NOT_FOUND","msg":"mall does not exist","t":1,"tid":"x"}`
	_, err = transport.Call(t.Context(), alice, mall.OpGetCommodityList, map[string]string{"device_id": "d"})
	assert.ErrorContains(t, err, "MALL_NOT_FOUND")
	assert.Len(t, o.calls(), 3, "an error ends it")
}

func TestDevicesOverOpenAPI(t *testing.T) {
	const key = "local-key-that-must-not-show"
	client, _, o := overOpenAPI(t, map[string]string{homeDevices: success(`[{"id":"vdevo1","uuid":"uuid1","uid":"ay1alice","biz_type":18,"name":"bell","time_zone":"+08:00","ip":"192.0.2.1",
		"local_key":"` + key + `","sub":false,"model":"m","create_time":1588925778,"status":[{"code":"switch","value":true,"localKey":"` + key + `"}],"owner_id":"123456","category":"sp",
		"icon":"smart/icon/a.png","online":true,"lat":"30.30","types":"odd","ext":"{\"a\": [1, {\"local_key\": \"` + key + `\", \"b\": 2}]}","note":"{ \"a\" :1}","deep":{"a":[{"Local-Key":{"x":"` + key + `"}}],"n":1.10}}]`)})
	devices, err := client.GetDeviceList(t.Context(), alice, "123456")
	require.NoError(t, err)
	assert.Equal(t, []string{homeDevices}, o.calls())
	require.Len(t, devices, 1)
	assert.Equal(t, []string{"vdevo1", "bell", "smart/icon/a.png"}, []string{devices[0].ID, devices[0].Name, devices[0].Icon})
	assert.Nil(t, devices[0].Types)
	assert.JSONEq(t, `{"id":"vdevo1","name":"bell","icon":"smart/icon/a.png","uuid":"uuid1","uid":"ay1alice","biz_type":18,"time_zone":"+08:00","ip":"192.0.2.1","sub":false,"model":"m",
		"create_time":1588925778,"status":[{"code":"switch","value":true}],"owner_id":"123456","category":"sp","online":true,"lat":"30.30","openapi_types":"odd","ext":"{\"a\":[1,{\"b\":2}]}","note":"{ \"a\" :1}","deep":{"a":[{}],"n":1.1}}`, asJSON(t, devices[0]))
	assert.Equal(t, `{"a":[{}],"n":1.10}`, string(devices[0].Extra["deep"]), "the rest is as it came")
	for _, odd := range []string{`[{"id":{"local_key":"` + key + `"}}]`, `{"local_key":"` + key + `"}`, `["` + key + `"]`, `"` + key + `"`} {
		client, _, _ := overOpenAPI(t, map[string]string{homeDevices: success(odd)})
		_, err := client.GetDeviceList(t.Context(), alice, "123456")
		assert.Equal(t, core.CodeUnknown, core.CodeOf(err), odd)
		testkit.RequireNoSecret(t, fmt.Sprintf("%v %+v", err, err), core.NewSecret(key))
	}
}

func TestServicesOverOpenAPI(t *testing.T) {
	client, _, o := overOpenAPI(t, map[string]string{credentialList: `{"result":[{"effectiveStartDate":"1723536905517","effectiveEndDate":"1755072905517","externalCode":"tuya_camera_store_3day_event_1_1095",
		"catalogCode":"CLOUD_STORAGE","objectOwner":"u","objectType":1,"objectId":"vdevo1","state":2,"performance":{"consumeInCurrentMonth":false,"consumeType":2},
		"metering":{"meteringType":3,"quota":0,"meteringUnit":30},"order":{}}],"t":1723536905517,"success":true,"status":"ok"}`})
	services, err := client.GetServiceListByDevice(t.Context(), alice, "vdevo1")
	require.NoError(t, err)
	assert.Equal(t, []string{credentialList + ` {"input":{"objectIds":["vdevo1"],"objectType":1}}`}, o.calls())
	require.Len(t, services, 1)
	assert.Equal(t, "tuya_camera_store_3day_event_1_1095", services[0].Code)
	assert.Equal(t, []int64{1723536905517, 1755072905517}, []int64{services[0].StartTime.Time().UnixMilli(), services[0].EndTime.Time().UnixMilli()})
	assert.JSONEq(t, `{"code":"tuya_camera_store_3day_event_1_1095","startTime":"1723536905517","endTime":"1755072905517","externalCode":"tuya_camera_store_3day_event_1_1095",
		"catalogCode":"CLOUD_STORAGE","objectOwner":"u","objectType":1,"objectId":"vdevo1","state":2,"performance":{"consumeInCurrentMonth":false,"consumeType":2},
		"metering":{"meteringType":3,"quota":0,"meteringUnit":30},"order":{}}`, asJSON(t, services[0]))

	client, _, _ = overOpenAPI(t, map[string]string{credentialList: success(`[{"effectiveEndDate":"2025-01-01"}]`)})
	_, err = client.GetServiceListByDevice(t.Context(), alice, "vdevo1")
	assert.ErrorContains(t, err, "result[0].endTime is not an integer", "a service without its end would seem to have none")
}

var shopOrders = mall.OrderListParams{MallCode: "m1", SiteCode: "CN", PageNo: 1, PageSize: 10}

func TestOrdersOverOpenAPI(t *testing.T) {
	client, _, o := overOpenAPI(t, map[string]string{orderSearch: success(`{"total":1,"data_list":[{"mall_code":"m1","shop_code":"s1","order_id":"o1","pay_status":"paid","delivery_status":"none","created_time":"20220901",
		"current_total_price":19.90,"total_shipping_price":0,"total_tax_price":0.00,"total_price":19.9000,"currency":"CNY",
		"delivery_list":[{"logistics_company":"a","logistics_no":"1","logistics_url":"u"}],"cancel_reason":"","canceled_time":0}]}`)})
	page, err := client.GetOrderList(t.Context(), alice, shopOrders)
	require.NoError(t, err)
	assert.Equal(t, []string{orderSearch + "?mall_code=m1&page_no=1&page_size=10&shop_code=s1&user_id=ay1alice"}, o.calls())
	assert.Equal(t, int64(1), page.TotalRecord)
	require.Len(t, page.Data, 1)
	base := page.Data[0].BaseInfo
	assert.Equal(t, []string{"o1", "CNY", "m1", "s1", ""}, []string{base.OrderID, base.Currency, base.MallInfo.MallCode, base.MallInfo.ShopCode, base.MallInfo.SiteCode})
	assert.Equal(t, core.Fen(1990), base.AmountTrade.Fen)
	assert.False(t, base.AmountOrigin.Given())
	assert.Empty(t, base.OrderStatus, "how it stands is not told")
	assert.Zero(t, base.GMTCreate, "a day is no time")
	assert.JSONEq(t, `{"totalRecord":1,"data":[{"orderBaseInfo":{"orderId":"o1","currency":"CNY","amountTrade":19.9000,"mallInfo":{"mallCode":"m1","shopCode":"s1"}},
		"pay_status":"paid","delivery_status":"none","created_time":"20220901","current_total_price":19.90,"total_shipping_price":0,"total_tax_price":0.00,
		"delivery_list":[{"logistics_company":"a","logistics_no":"1","logistics_url":"u"}],"cancel_reason":"","canceled_time":0}]}`, asJSON(t, page))
	assert.Contains(t, asJSON(t, page), `"amountTrade":19.9000`, "to the letter")

	for _, odd := range []string{`0.001`, `1e-9`, `"a"`, `true`, `[1]`, `99999999999999999999`} {
		client, _, _ := overOpenAPI(t, map[string]string{orderSearch: success(`{"total":1,"data_list":[{"order_id":"o1","total_price":` + odd + `}]}`)})
		_, err := client.GetOrderList(t.Context(), alice, shopOrders)
		assert.ErrorContains(t, err, "result.data[0].orderBaseInfo.amountTrade", odd)
		assert.Equal(t, core.CodeUnknown, core.CodeOf(err), odd)
	}
	for _, empty := range []string{`{"total":0,"data_list":[]}`, `{"total":0}`, `{"total":0,"data_list":null}`, `null`} {
		client, _, _ := overOpenAPI(t, map[string]string{orderSearch: success(empty)})
		page, err := client.GetOrderList(t.Context(), alice, shopOrders)
		assert.NoError(t, err, empty)
		assert.Empty(t, page.Data)
	}
}

// What the relative cannot do is an error, and not a longer list than was asked
// for.
func TestOrdersThatOpenAPICannotPick(t *testing.T) {
	client, _, o := overOpenAPI(t, nil)
	for says, change := range map[string]func(*mall.OrderListParams){
		"searchKey must be empty":       func(p *mall.OrderListParams) { p.SearchKey = "bell" },
		"orderStatusList must be empty": func(p *mall.OrderListParams) { p.OrderStatusList = []mall.OrderStatus{mall.OrderPaid} },
		`mallCode must be "m1"`:         func(p *mall.OrderListParams) { p.MallCode = "m2" },
		`siteCode must be "CN"`:         func(p *mall.OrderListParams) { p.SiteCode = "EU" },
		"pageNo must be at least 1":     func(p *mall.OrderListParams) { p.PageNo = 0 },
	} {
		p := shopOrders
		change(&p)
		_, err := client.GetOrderList(t.Context(), alice, p)
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err), says)
		assert.ErrorContains(t, err, says)
	}
	assert.Empty(t, o.calls())
}

func TestAllOrdersOverOpenAPI(t *testing.T) {
	o, signer := startOpenAPI(t, nil)
	pages := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var orders []string // two to a page, whatever is asked
		for n := range 5 {
			if fmt.Sprint(n/2+1) == r.URL.Query().Get("page_no") {
				orders = append(orders, fmt.Sprintf(`{"order_id":"o%d"}`, n))
			}
		}
		_, _ = io.WriteString(w, success(`{"total":5,"data_list":[`+strings.Join(orders, ",")+`]}`))
	})
	inner := o.Config.Handler
	o.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/search") {
			pages(w, r)
			return
		}
		inner.ServeHTTP(w, r)
	})
	transport, err := mall.NewOpenAPI(mall.OpenAPIConfig{Client: signer, MallCode: "m1", ShopCode: "s1", SiteCode: "CN"})
	require.NoError(t, err)
	client, err := mall.New(mall.Config{Transport: transport})
	require.NoError(t, err)
	ids, err := gather(client.Orders(t.Context(), alice, mall.OrderListParams{MallCode: "m1", SiteCode: "CN"}), func(o mall.Order) string { return o.BaseInfo.OrderID })
	require.NoError(t, err)
	assert.Equal(t, []string{"o0", "o1", "o2", "o3", "o4"}, ids)
}

func TestWhatIsNotPublished(t *testing.T) {
	client, transport, o := overOpenAPI(t, nil)
	published := map[string]bool{mall.OpGetCommodityList: true, mall.OpGetDeviceList: true, mall.OpGetServiceListByDevice: true, mall.OpGetOrderList: true}
	for operation, call := range operations {
		if published[operation] {
			continue
		}
		err := call(t.Context(), client, alice)
		assert.ErrorIs(t, err, mall.ErrNotPublished, operation)
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err), operation)
		assert.ErrorContains(t, err, "mall."+strings.ToUpper(operation[:1])+operation[1:]+": no call of the OpenAPI is published")
		assert.ErrorContains(t, err, "action transport")
	}
	for _, operation := range []string{mall.OpVoipServiceAuthorization, "", "getEverything"} {
		_, err := transport.Call(t.Context(), alice, operation, nil)
		assert.ErrorIs(t, err, mall.ErrNotPublished, operation)
	}
	assert.Empty(t, o.calls(), "nothing is sent")
}

// Each refusal keeps its words, its class and what is known of its effect.
func TestRefusalsOverOpenAPI(t *testing.T) {
	for code, want := range map[string]struct {
		code  core.Code
		class mall.Class
	}{
		`1106`: {core.CodeRefused, mall.ClassAccess}, `28841105`: {core.CodeRefused, mall.ClassAccess}, `"INPUT_INVALID"`: {core.CodeRefused, mall.ClassParameter}, `2000000`: {core.CodeRefused, mall.ClassParameter},
		`1110`: {core.CodeRefused, mall.ClassBusy}, `28841004`: {core.CodeRefused, mall.ClassQuota}, `500`: {core.CodeUnknown, mall.ClassFault}, `2001000`: {core.CodeRefused, mall.ClassRefused},
		`1011`: {core.CodeRefused, mall.ClassToken},
	} {
		refusal := `{"success":false,"code":` + code + `,"msg":"no ` + accessToken + `","t":1,"tid":"tid7"}`
		answers := map[string]string{}
		for _, call := range []string{spuList, credentialList, homeDevices, orderSearch, orderDetail, orderClose} {
			answers[call] = refusal
		}
		client, transport, _ := overOpenAPI(t, answers)
		for name, call := range map[string]func(context.Context) error{
			"GetCommodityList":       func(ctx context.Context) error { _, err := client.GetCommodityList(ctx, alice, "d"); return err },
			"GetDeviceList":          func(ctx context.Context) error { _, err := client.GetDeviceList(ctx, alice, "123456"); return err },
			"GetServiceListByDevice": func(ctx context.Context) error { _, err := client.GetServiceListByDevice(ctx, alice, "d"); return err },
			"GetOrderList":           func(ctx context.Context) error { _, err := client.GetOrderList(ctx, alice, shopOrders); return err },
			"PluginOrder":            func(ctx context.Context) error { _, err := transport.PluginOrder(ctx, alice, "o1"); return err },
			"CloseOrder":             func(ctx context.Context) error { return transport.CloseOrder(ctx, "o1") },
		} {
			err := call(t.Context())
			remote, ok := errors.AsType[*mall.RemoteError](err)
			require.True(t, ok, "%s: %v", name, err)
			assert.Equal(t, want.class, remote.Class, name)
			assert.Equal(t, "tid7", remote.TID)
			assert.Equal(t, want.code, core.CodeOf(err), name)
			assert.Equal(t, want.class == mall.ClassBusy || (want.code == core.CodeUnknown && name != "CloseOrder"), core.Retryable(err), name)
			assert.True(t, strings.HasPrefix(err.Error(), "mall."+name+": "), err.Error())
			testkit.RequireNoSecret(t, fmt.Sprintf("%+v", err), core.NewSecret(accessToken), core.NewSecret(accessSecret))
		}
	}
}

func TestOpenAPIAnswersThatMakeNoSense(t *testing.T) {
	for result, says := range map[string]string{
		`{}`: "result is not a list", `7`: "result is not a list", `[7]`: "result[0] is not an object", `[{},null]`: "result[1] is not an object",
	} {
		client, _, _ := overOpenAPI(t, map[string]string{spuList: success(result), credentialList: success(result), homeDevices: success(result)})
		_, err1 := client.GetCommodityList(t.Context(), alice, "d")
		_, err2 := client.GetDeviceList(t.Context(), alice, "123456")
		_, err3 := client.GetServiceListByDevice(t.Context(), alice, "d")
		for _, err := range []error{err1, err2, err3} {
			assert.ErrorContains(t, err, says)
			assert.Equal(t, core.CodeUnknown, core.CodeOf(err))
			assert.True(t, core.Retryable(err))
		}
	}
	for result, says := range map[string]string{
		`[]`: "result is not an object", `{"data_list":{}}`: "result.data_list is not a list", `{"data_list":[1]}`: "result.data_list[0] is not an object", `{"total":"x"}`: "result.totalRecord is not an integer",
	} {
		client, _, _ := overOpenAPI(t, map[string]string{orderSearch: success(result)})
		_, err := client.GetOrderList(t.Context(), alice, shopOrders)
		assert.ErrorContains(t, err, says)
		assert.True(t, core.Retryable(err))
	}
}

func TestOpenAPIConfigurationIsChecked(t *testing.T) {
	o, signer := startOpenAPI(t, nil)
	for says, cfg := range map[string]mall.OpenAPIConfig{
		"client must be given":                           {},
		"bindingObjectCode and catalogCodes must":        {Client: signer, BindingObjectCode: "pid1"},
		"bindingObjectCode and catalogCodes must be":     {Client: signer, CatalogCodes: []string{"A"}},
		"bindingObjectCode must be 1 to 64":              {Client: signer, BindingObjectCode: "a b", CatalogCodes: []string{"A"}},
		"bindingObjectType must be at least 0":           {Client: signer, BindingObjectCode: "a", BindingObjectType: -1, CatalogCodes: []string{"A"}},
		"catalogCodes":                                   {Client: signer, BindingObjectCode: "a", CatalogCodes: []string{"A", "A"}},
		"must be 1 to 64":                                {Client: signer, BindingObjectCode: "a", CatalogCodes: []string{"A B"}},
		"mall_code, shop_code and site_code must":        {Client: signer, MallCode: "m1", ShopCode: "s1"},
		"mall_code, shop_code and site_code must be":     {Client: signer, SiteCode: "CN"},
		"shop_code must be 1 to 64 of A-Z, a-z, 0-9, _ ": {Client: signer, MallCode: "m1", ShopCode: "s/1", SiteCode: "CN"},
	} {
		_, err := mall.NewOpenAPI(cfg)
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err), says)
		assert.ErrorContains(t, err, says)
	}
	transport, err := mall.NewOpenAPI(mall.OpenAPIConfig{Client: signer})
	require.NoError(t, err)
	client, err := mall.New(mall.Config{Transport: transport})
	require.NoError(t, err)
	_, err1 := client.GetCommodityList(t.Context(), alice, "d")
	_, err2 := client.GetOrderList(t.Context(), alice, shopOrders)
	_, err3 := transport.PluginOrder(t.Context(), alice, "o1")
	err4 := transport.CloseOrder(t.Context(), "o1")
	_, err5 := client.GetDeviceList(t.Context(), mall.Caller{Credential: core.NewSecret("t")}, "123456")
	_, err6 := transport.PluginOrder(t.Context(), mall.Caller{Credential: core.NewSecret("t")}, "o1")
	_, err7 := transport.PluginOrder(t.Context(), alice, "o/1")
	err8 := transport.CloseOrder(t.Context(), "../o1")
	_, err9 := transport.Call(t.Context(), alice, mall.OpGetDeviceList, []int{1})
	_, err10 := transport.Call(t.Context(), alice, mall.OpGetDeviceList, map[string]string{"owner_id": "../1"})
	for i, says := range []string{
		"bindingObjectCode and catalogCodes must be configured", "mall_code, shop_code and site_code must be configured", "must be configured", "must be configured",
		"user_id of the caller must be given", "user_id of the caller must be given", "order_id must be", "order_id must be", "params must be a JSON object", "owner_id must be",
	} {
		err := []error{err1, err2, err3, err4, err5, err6, err7, err8, err9, err10}[i]
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err), says)
		assert.ErrorContains(t, err, says)
	}
	assert.Empty(t, o.calls())
}

// answered is a data center that answers every call with one text.
type answered string

func (a answered) RoundTrip(r *http.Request) (*http.Response, error) {
	text := string(a)
	if r.URL.Path == "/v1.0/token" {
		text = success(`{"access_token":"a","expire_time":7200}`)
	}
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(text)), Request: r}, nil
}

// Whatever surrounds a local_key, it reaches nobody; and whatever a data center
// answers is a result or an error that may be repeated.
func FuzzDevicesOverOpenAPI(f *testing.F) {
	f.Add("deep", `[{"a":1}]`, "local_key", true)
	f.Add("id", `"x"`, "LocalKey", false)
	f.Add("types", `{"local_key":{}}`, "local-key", true)
	f.Fuzz(func(t *testing.T, name, beside, spelling string, inText bool) {
		const key = "KEY-that-must-not-show"
		if strings.Contains(name+beside, key) || !strings.EqualFold(strings.NewReplacer("_", "", "-", "").Replace(spelling), "localkey") {
			t.Skip()
		}
		var inner any = map[string]any{spelling: []string{key}, "beside": beside}
		if inText {
			inner = asJSON(t, inner)
		}
		result := asJSON(t, []any{map[string]any{name: []any{inner}, "raw": beside}})
		for _, result := range []string{result, beside} {
			signer, err := tuya.New(tuya.Config{ClientID: "project1", Secret: core.NewSecret(accessSecret), BaseURL: "http://127.0.0.1:1", HTTPClient: &http.Client{Transport: answered(success(result))}})
			require.NoError(t, err)
			transport, err := mall.NewOpenAPI(mall.OpenAPIConfig{Client: signer})
			require.NoError(t, err)
			client, err := mall.New(mall.Config{Transport: transport})
			require.NoError(t, err)
			devices, err := client.GetDeviceList(t.Context(), alice, "123456")
			if err != nil {
				require.NotEqual(t, core.CodeInternal, core.CodeOf(err))
				require.NotContains(t, err.Error(), key)
				continue
			}
			require.NotContains(t, asJSON(t, devices), key)
		}
	})
}
