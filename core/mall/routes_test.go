package mall_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/adapters/nethttp"
	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/mall"
	"github.com/imprest-go/imprest/testkit"
)

const capabilityOfWx1 = `{"WechatMPAppid":"wx1","WechatMPMid":"model1","WechatMPOid":"gh_1"}`

// routed is every operation of the SDK: what a front end posts, what Authorize
// is asked, what the operations get, and what the front end is answered.
var routed = map[string]struct {
	body   string
	call   mall.Call
	asked  []any
	result string // from the cloud; "" is the page's example
	answer string // "" is result
}{
	mall.OpGetCommodityList:       {body: `{"device_id":"vdevo1"}`, call: mall.Call{DeviceID: "vdevo1"}, asked: []any{"vdevo1"}},
	mall.OpGetAppMallInfo:         {body: `{"device_id":"vdevo1","catalog_code":"CLOUD_STORAGE"}`, call: mall.Call{DeviceID: "vdevo1"}, asked: []any{"vdevo1", "CLOUD_STORAGE"}},
	mall.OpGetDeviceAddValueType:  {body: `{"device_id":"vdevo1"}`, call: mall.Call{DeviceID: "vdevo1"}, asked: []any{"vdevo1"}},
	mall.OpGetDeviceList:          {body: `{"owner_id":"123456"}`, call: mall.Call{HomeID: "123456"}, asked: []any{"123456"}},
	mall.OpGetDeviceCapability:    {body: `{"device_id":"vdevo1","code":"tyabiwxrn9"}`, call: mall.Call{DeviceID: "vdevo1"}, asked: []any{"vdevo1", mall.CapabilityVoIP}},
	mall.OpGetServiceListByDevice: {body: `{"device_id":"vdevo1"}`, call: mall.Call{DeviceID: "vdevo1"}, asked: []any{"vdevo1"}},
	mall.OpGetVoipAuthUser:        {body: `{"device_id":"vdevo1"}`, call: mall.Call{DeviceID: "vdevo1"}, asked: []any{"vdevo1"}},
	mall.OpGetOrderList: {
		body: `{"mallCode":"m1","siteCode":"CN","searchKey":"bell & <1>","orderStatusList":["created","tomorrows"],"pageNo":2,"pageSize":100}`,
		call: mall.Call{MallCode: "m1", SiteCode: "CN"}, asked: []any{orderList},
	},
	mall.OpGetSubscriptionOrderList: {body: `{"mallCode":"m1","siteCode":"CN","pageNo":1,"pageSize":1}`, call: mall.Call{MallCode: "m1", SiteCode: "CN"}, asked: []any{subscriptionList}},
	mall.OpGetServiceIntroduction:   {body: `{"categoryCode":"voip"}`, asked: []any{"voip"}},
	mall.OpGetDeviceWXUserInfo:      {body: `{"app_id":"wx1234"}`, call: mall.Call{AppID: "wx1234"}, asked: []any{"wx1234"}},
	mall.OpSaveWXVoipAuth:           {body: `{"device_id":"vdevo1","auth_tag":0}`, call: mall.Call{Writes: true, DeviceID: "vdevo1"}, asked: []any{"vdevo1", mall.AuthDenied}, answer: `true`},
	mall.OpSaveVoipAuthUser:         {body: `{"device_id":"vdevo1","user_id":"ay1alice"}`, call: mall.Call{Writes: true, DeviceID: "vdevo1", UserID: "ay1alice"}, asked: []any{"vdevo1", "ay1alice"}, answer: `true`},
	mall.OpExchangeCode: {
		body:  `{"device_id":"vdevo1","catalog_code":"CLOUD_STORAGE","homeId":"123456","code":"` + exchangeCode + `","name":"门铃 <1> & more","uuid":"uuid1"}`,
		call:  mall.Call{Writes: true, DeviceID: "vdevo1", UUID: "uuid1", HomeID: "123456"},
		asked: []any{exchange}, answer: `true`,
	},
	mall.OpVoipServiceAuthorization: {
		body: `{"device_id":"vdevo1","name":"门铃","uuid":"uuid1"}`, call: mall.Call{DeviceID: "vdevo1", UUID: "uuid1"},
		asked: []any{"vdevo1", mall.CapabilityVoIP}, result: capabilityOfWx1,
		answer: `{"sn":"uuid1","snTicket":"ticket:uuid1:model1","modelId":"model1","deviceName":"门铃","appId":"wx1","originalId":"gh_1","expiresAt":"2026-01-01T00:05:00Z"}`,
	},
	mall.OpBuyIncreaseServiceByWx: {body: `{}`},
}

func TestEveryOperationOfTheRoutes(t *testing.T) {
	require.ElementsMatch(t, mall.AllOperations(), slices.Collect(maps.Keys(routed)))
	for operation, tt := range routed {
		if operation == mall.OpBuyIncreaseServiceByWx {
			continue
		}
		t.Run(operation, func(t *testing.T) {
			s := openShop(t)
			carried, result := operation, tt.result
			switch {
			case operation == mall.OpVoipServiceAuthorization:
				carried = mall.OpGetDeviceCapability
			case result == "" && tt.answer == "":
				result = example(t, operation)
			}
			s.ops.results[carried] = result
			resp := s.ask(t, operation, tt.body)
			require.Equal(t, 200, resp.Status, string(resp.Body))
			answer := tt.answer
			if answer == "" {
				answer = result
			}
			assert.JSONEq(t, answer, string(resp.Body))
			tt.call.Operation = operation
			assert.Equal(t, []mall.Call{tt.call}, s.calls)
			assert.Equal(t, []got{{carried, alice, tt.asked}}, s.ops.all())
		})
	}
}

func TestWhatIsServed(t *testing.T) {
	writes := map[string]bool{mall.OpSaveWXVoipAuth: true, mall.OpSaveVoipAuthUser: true, mall.OpExchangeCode: true}
	for operation, tt := range routed {
		s := openShop(t, func(cfg *mall.RoutesConfig) { cfg.Writing, cfg.VoIP = nil, nil })
		resp := s.ask(t, operation, tt.body)
		if !writes[operation] && operation != mall.OpVoipServiceAuthorization && operation != mall.OpBuyIncreaseServiceByWx {
			assert.Equal(t, 200, resp.Status, operation)
			continue
		}
		assert.Equal(t, 403, resp.Status, operation)
		a := readAnswer(t, resp)
		assert.Equal(t, "switched_off", a.Error.Code, operation)
		assert.Contains(t, a.Error.Message, operation)
		assert.Empty(t, s.calls, "nobody is asked")
		assert.Empty(t, s.ops.all())
		if writes[operation] { // one switch switches one
			s := openShop(t, func(cfg *mall.RoutesConfig) { cfg.Writing, cfg.VoIP = []string{operation}, nil })
			for other := range writes {
				want := 403
				if other == operation {
					want = 200
				}
				assert.Equal(t, want, s.ask(t, other, routed[other].body).Status, other)
			}
		}
	}
	resp := openShop(t).ask(t, mall.OpBuyIncreaseServiceByWx, `{}`)
	assert.Equal(t, 403, resp.Status)
	assert.Contains(t, readAnswer(t, resp).Error.Message, "POST /purchases")
}

func TestNewRoutesChecks(t *testing.T) {
	good := mall.RoutesConfig{Operations: &fakeOperations{}, Authorize: func(context.Context, *core.Request, mall.Call) (mall.Caller, error) { return alice, nil }}
	_, err := mall.NewRoutes(good)
	require.NoError(t, err)
	for says, change := range map[string]func(*mall.RoutesConfig){
		"operations must be given":                    func(c *mall.RoutesConfig) { c.Operations = nil },
		"authorize must be given":                     func(c *mall.RoutesConfig) { c.Authorize = nil },
		"limit, window and max users":                 func(c *mall.RoutesConfig) { c.Limit = -1 },
		"limit, window and":                           func(c *mall.RoutesConfig) { c.Window = -1 },
		"limit, window":                               func(c *mall.RoutesConfig) { c.MaxUsers = -1 },
		"POST /purchases":                             func(c *mall.RoutesConfig) { c.Writing = []string{mall.OpExchangeCode, mall.OpBuyIncreaseServiceByWx} },
		"give VoIP":                                   func(c *mall.RoutesConfig) { c.Writing = []string{mall.OpVoipServiceAuthorization} },
		"getOrderList, which reads":                   func(c *mall.RoutesConfig) { c.Writing = []string{mall.OpGetOrderList} },
		`operations of the SDK, and "exchangecode" i`: func(c *mall.RoutesConfig) { c.Writing = []string{"exchangecode"} },
	} {
		bad := good
		change(&bad)
		routes, err := mall.NewRoutes(bad)
		assert.ErrorContains(t, err, says)
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err), says)
		assert.Nil(t, routes)
	}
}

func TestAnEmptyListIsAList(t *testing.T) {
	for _, operation := range []string{mall.OpGetCommodityList, mall.OpGetDeviceList, mall.OpGetServiceListByDevice} {
		s := openShop(t)
		s.ops.results[operation] = `null`
		resp := s.ask(t, operation, routed[operation].body)
		assert.Equal(t, "[]\n", string(resp.Body), operation)
	}
}

// A value that the cloud says it did not save is the SDK's false, and no
// error; a refusal of it is one.
func TestWhatWasNotSavedIsFalse(t *testing.T) {
	for _, operation := range []string{mall.OpSaveWXVoipAuth, mall.OpSaveVoipAuthUser} {
		s := openShop(t, func(cfg *mall.RoutesConfig) { cfg.Operations = answering(t, 200, success(`false`)) })
		resp := s.ask(t, operation, routed[operation].body)
		assert.Equal(t, 200, resp.Status)
		assert.Equal(t, "false\n", string(resp.Body))
	}
}

// Only Authorize knows whose a device is: it is asked before every call, and
// what it forbids is not done.
func TestADeviceOfSomebodyElse(t *testing.T) {
	foreign := map[string]error{
		"404 not_found":    mall.ErrForeign,
		"403 forbidden":    &core.Error{Op: "x", Code: core.CodeRefused},
		"401 unauthorized": errNobody,
	}
	for operation, tt := range routed {
		if operation == mall.OpBuyIncreaseServiceByWx || tt.call.DeviceID == "" {
			continue
		}
		for want, err := range foreign {
			s := openShop(t, func(cfg *mall.RoutesConfig) {
				cfg.Authorize = func(_ context.Context, _ *core.Request, call mall.Call) (mall.Caller, error) {
					if call.DeviceID != "vdevo2" {
						return alice, errors.Join(errors.New("whose device?"), err)
					}
					return alice, nil
				}
			})
			resp := s.ask(t, operation, tt.body)
			assert.Equal(t, want, strconv.Itoa(resp.Status)+" "+readAnswer(t, resp).Error.Code, operation)
			assert.NotContains(t, string(resp.Body), "whose device?")
			assert.Empty(t, s.ops.all(), operation)
			resp = s.ask(t, operation, strings.Replace(tt.body, "vdevo1", "vdevo2", 1))
			assert.NotContains(t, []int{401, 403, 404}, resp.Status, "%s of a device of one's own", operation)
			assert.NotEmpty(t, s.ops.all(), operation)
		}
	}
}

func TestADeviceCallsTheCallerAlone(t *testing.T) {
	s := openShop(t)
	resp := s.ask(t, mall.OpSaveVoipAuthUser, `{"device_id":"vdevo1","user_id":"ay1bob"}`)
	assert.Equal(t, 403, resp.Status, "a device calls nobody for whom somebody else consents")
	assert.Equal(t, "ay1bob", s.calls[0].UserID)
	s = openShop(t, func(cfg *mall.RoutesConfig) {
		cfg.Authorize = func(context.Context, *core.Request, mall.Call) (mall.Caller, error) {
			return mall.Caller{Credential: core.NewSecret("token")}, nil
		}
	})
	resp = s.ask(t, mall.OpSaveVoipAuthUser, `{"device_id":"vdevo1","user_id":"ay1bob"}`)
	assert.Equal(t, 403, resp.Status, "who the caller is cannot be told by a token")
	assert.Empty(t, s.ops.all())
}

// Through net/http, to the fake cloud and back.
func TestTheRoutesOnAServer(t *testing.T) {
	cloud := testkit.StartCloud(t, testkit.CloudConfig{})
	client := newClient(t, mall.ActionConfig{URL: cloud.ActionURL()})
	device := testkit.TestDoorbell()
	s := openShop(t, func(cfg *mall.RoutesConfig) {
		cfg.Operations, cfg.VoIP = client, nil
		cfg.Authorize = func(context.Context, *core.Request, mall.Call) (mall.Caller, error) {
			return mall.Caller{UserID: testkit.TestCloudUser().ID}, nil
		}
	})
	server := httptest.NewServer(nethttp.Wrap(s))
	defer server.Close()
	post := func(path, contentType, body string) (int, string) {
		resp, err := server.Client().Post(server.URL+path, contentType, strings.NewReader(body))
		require.NoError(t, err)
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp.StatusCode, string(text)
	}
	exchanging := `{"device_id":"` + device.ID + `","catalog_code":"` + testkit.CatalogVoIP + `","homeId":"` + device.HomeID + `","code":"VOIP-TEST-0001","name":"` + device.Name + `","uuid":"` + device.UUID + `"}`
	status, body := post("/mall/exchangeCode", "application/json", exchanging)
	assert.Equal(t, 200, status)
	assert.Equal(t, "true\n", body)
	status, body = post("/mall/exchangeCode", "application/json", exchanging)
	assert.Equal(t, 409, status)
	assert.JSONEq(t, `{"error":{"code":"code_used","message":"the code was exchanged before","class":"refused"}}`, body)
	status, body = post("/mall/getServiceListByDevice", "application/json", `"`+device.ID+`"`)
	assert.Equal(t, 200, status)
	assert.Contains(t, body, `"code":"voip"`)
	status, _ = post("/mall/getServiceListByDevice", "application/json", `"vdevo-of-nobody"`)
	assert.Equal(t, 404, status)
	status, _ = post("/mall/getServiceListByDevice", "text/plain", `"`+device.ID+`"`)
	assert.Equal(t, 415, status)
	status, _ = post("/mall/getServiceListByDevice", "application/json", strings.Repeat(" ", core.MaxBody+1))
	assert.Equal(t, 413, status)
	resp, err := server.Client().Get(server.URL + "/mall/getDeviceList")
	require.NoError(t, err)
	resp.Body.Close()
	assert.Equal(t, http.StatusMethodNotAllowed, resp.StatusCode)
}
