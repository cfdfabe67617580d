package testkit

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
)

func TestTheRelayIsStrict(t *testing.T) {
	c := testCloud(t, CloudConfig{})
	user := `"header":{"user_id":"` + TestCloudUser().ID + `"}`
	device := `"device_id":"` + TestDoorbell().ID + `"`
	list := `"action":"getServiceListByDevice"`
	for name, x := range map[string]struct{ body, code, msg string }{
		"good":                  {`{` + list + `,"params":{` + device + `},` + user + `}`, "", ""},
		"more in the header":    {`{` + list + `,"params":{` + device + `},"header":{"lang":"zh","access_token":"any","user_id":"` + TestCloudUser().ID + `"}}`, "", ""},
		"empty":                 {``, "1100", "the body"},
		"not JSON":              {`action=x`, "1109", "not one JSON document"},
		"not UTF-8":             {"{\"action\":\"\xff\"}", "1109", "not UTF-8"},
		"half a pair":           {`{"action":"\ud83d"}`, "1109", "surrogate"},
		"two documents":         {`{}{}`, "1109", "not one JSON document"},
		"an array":              {`[]`, "1109", "not a JSON object"},
		"null":                  {`null`, "1109", "not a JSON object"},
		"a name twice":          {`{` + list + `,` + list + `,"params":{},` + user + `}`, "1109", "action: stands there twice"},
		"a name twice, deep":    {`{` + list + `,"params":{` + device + `,"device\u005fid":"x"},` + user + `}`, "1109", "device_id: stands there twice"},
		"too long":              {`{"action":"` + strings.Repeat("x", core.MaxBody) + `"}`, "1109", "longer than 65536 bytes"},
		"no action":             {`{"params":{},` + user + `}`, "1102", "action"},
		"null action":           {`{"action":null,"params":{},` + user + `}`, "1102", "action"},
		"empty action":          {`{"action":"","params":{},` + user + `}`, "1100", "action"},
		"action is no text":     {`{"action":1,"params":{},` + user + `}`, "1104", "action"},
		"unknown action":        {`{"action":"getOrder","params":{},` + user + `}`, "1108", `no action "getOrder"`},
		"action in another way": {`{"action":"exchangecode","params":{},` + user + `}`, "1108", "no action"},
		"no params":             {`{` + list + `,` + user + `}`, "1102", "params"},
		"null params":           {`{` + list + `,"params":null,` + user + `}`, "1102", "params"},
		"a bare param":          {`{` + list + `,"params":"x",` + user + `}`, "1104", "params"},
		"something beside":      {`{` + list + `,"params":{},"version":"1.0",` + user + `}`, "1109", "version"},
		"no header":             {`{` + list + `,"params":{` + device + `}}`, "1105", "user_id"},
		"null header":           {`{` + list + `,"params":{},"header":null}`, "1104", "header"},
		"header is a text":      {`{` + list + `,"params":{},"header":"x"}`, "1104", "header"},
		"number in the header":  {`{` + list + `,"params":{},"header":{"user_id":1}}`, "1104", "user_id must be a text"},
		"no user_id":            {`{` + list + `,"params":{` + device + `},"header":{}}`, "1105", "user_id"},
		"empty user_id":         {`{` + list + `,"params":{` + device + `},"header":{"user_id":""}}`, "1105", "user_id"},
		"unknown user":          {`{` + list + `,"params":{` + device + `},"header":{"user_id":"x"}}`, "1106", "user_id"},
		"no device_id":          {`{` + list + `,"params":{},` + user + `}`, "1102", "device_id"},
		"null device_id":        {`{` + list + `,"params":{"device_id":null},` + user + `}`, "1102", "device_id"},
		"empty device_id":       {`{` + list + `,"params":{"device_id":""},` + user + `}`, "1100", "device_id"},
		"device_id is a number": {`{` + list + `,"params":{"device_id":7},` + user + `}`, "1104", "device_id"},
		"device_id is a list":   {`{` + list + `,"params":{"device_id":["x"]},` + user + `}`, "1104", "device_id"},
		"device_id is true":     {`{` + list + `,"params":{"device_id":true},` + user + `}`, "1104", "device_id"},
		"another param":         {`{` + list + `,"params":{` + device + `,"deviceId":"x"},` + user + `}`, "1109", "deviceId: is no parameter of getServiceListByDevice"},
		"unknown device":        {`{` + list + `,"params":{"device_id":"x"},` + user + `}`, "DEVICE_NOT_FOUND", "no such device"},
		"tag out of range":      {`{"action":"saveWXVoipAuth","params":{` + device + `,"auth_tag":2},` + user + `}`, "1101", "auth_tag"},
		"tag is a text":         {`{"action":"saveWXVoipAuth","params":{` + device + `,"auth_tag":"1"},` + user + `}`, "1104", "auth_tag"},
		"tag is a fraction":     {`{"action":"saveWXVoipAuth","params":{` + device + `,"auth_tag":1.0},` + user + `}`, "1104", "auth_tag"},
		"tag is a boolean":      {`{"action":"saveWXVoipAuth","params":{` + device + `,"auth_tag":true},` + user + `}`, "1104", "auth_tag"},
	} {
		a, err := send(t, c, x.body)
		require.NoError(t, err)
		assert.Equal(t, 200, a.status, name)
		assert.Equal(t, x.code == "", a.Success, "%s: %s", name, a.body)
		assert.Equal(t, x.code, a.code(), "%s: %s", name, a.body)
		assert.Contains(t, a.Msg, x.msg, name)
		_, err = strconv.Atoi(x.code)
		assert.Equal(t, err == nil, len(a.Code) > 0 && a.Code[0] != '"', "%s: codes of the gateway are numbers", name)
		assert.Len(t, a.TID, 32, name)
		assert.Equal(t, "1700000000000", string(a.T), name)
	}
}

func TestTheRelaysHTTPIsStrict(t *testing.T) {
	c := testCloud(t, CloudConfig{})
	body := actionBody(map[string]string{"user_id": TestCloudUser().ID}, "getCommodityList", ofCamera())
	for name, x := range map[string]struct {
		method, path, kind string
		code               string
	}{
		"good":            {"POST", "/action", "application/json", ""},
		"with a charset":  {"POST", "/action", "application/json; charset=UTF-8", ""},
		"another charset": {"POST", "/action", "application/json; charset=gbk", "1006"},
		"a form":          {"POST", "/action", "application/x-www-form-urlencoded", "1006"},
		"no type":         {"POST", "/action", "", "1006"},
		"PUT":             {"PUT", "/action", "application/json", "1108"},
		"GET":             {"GET", "/action", "application/json", "1108"},
		"another path":    {"POST", "/v1.0/action", "application/json", "1108"},
		"a slash more":    {"POST", "/action/", "application/json", "1108"},
		"a query":         {"POST", "/action?action=getCommodityList", "application/json", "1109"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), x.method, c.URL+x.path, strings.NewReader(body))
		require.NoError(t, err)
		if x.kind != "" {
			req.Header.Set("Content-Type", x.kind)
		}
		a, err := sendRequest(c, req)
		require.NoError(t, err)
		assert.Equal(t, x.code, a.code(), "%s: %s", name, a.body)
	}
}

// Each parameter of each operation is required, of its type, and no other one
// is taken.
func TestEveryParameterIsRequired(t *testing.T) {
	c := testCloud(t, CloudConfig{})
	good := map[Call]params{
		CallGetCommodityList:       ofDoorbell(),
		CallGetAppMallInfo:         ofDoorbell().but(params{"catalog_code": CatalogVoIP}),
		CallGetDeviceCapability:    ofDoorbell().but(params{"code": CapabilityVoIP}),
		CallGetServiceListByDevice: ofDoorbell(),
		CallGetVoipAuthUser:        ofDoorbell(),
		CallSaveWXVoipAuth:         ofDoorbell().but(params{"auth_tag": 1}),
		CallSaveVoipAuthUser:       ofDoorbell().but(params{"user_id": TestCloudUser().ID}),
		CallExchangeCode:           redeeming(),

		CallGetDeviceAddValueType:    ofDoorbell(),
		CallGetDeviceList:            {"owner_id": TestHome().ID},
		CallGetServiceIntroduction:   {"categoryCode": ServiceVoIP},
		CallGetDeviceWXUserInfo:      {"app_id": TestWeChatApp().AppID},
		CallGetOrderList:             inMall(),
		CallGetSubscriptionOrderList: inMall(),
		CallBuyIncreaseServiceByWx:   buying(),
	}
	require.Len(t, good, len(tuyaCalls()))
	for _, call := range tuyaCalls() {
		for name := range good[call] {
			assert.Equal(t, "1102", ask(t, c, call, good[call].but(params{name: nil})).code(), "%s without %s", call, name)
			assert.Equal(t, "1100", ask(t, c, call, good[call].but(params{name: ""})).code(), "%s with empty %s", call, name)
			assert.Equal(t, "1104", ask(t, c, call, good[call].but(params{name: []int{1}})).code(), "%s with a list as %s", call, name)
		}
		assert.Equal(t, "1109", ask(t, c, call, good[call].but(params{"success": "x"})).code(), call)
		a := ask(t, c, call, good[call])
		assert.True(t, a.Success, "%s: %s", call, a.body)
	}
}

func TestCredentials(t *testing.T) {
	user := TestCloudUser()
	user.Credential = core.NewSecret("right")
	c := testCloud(t, CloudConfig{Users: []CloudUser{user}})
	try := func(header map[string]string) string {
		a, err := send(t, c, actionBody(header, "getCommodityList", ofCamera()))
		require.NoError(t, err)
		assert.NotContains(t, a.body, "right")
		return a.code()
	}
	assert.Equal(t, "1002", try(map[string]string{"user_id": user.ID}))
	assert.Equal(t, "1002", try(map[string]string{"user_id": user.ID, "access_token": ""}))
	assert.Equal(t, "1011", try(map[string]string{"user_id": user.ID, "access_token": "wrong"}))
	assert.Equal(t, "", try(map[string]string{"user_id": user.ID, "access_token": "right"}))
	assert.Equal(t, "1105", try(map[string]string{"access_token": "right"}), "it does not say who calls")
	require.True(t, c.SetCredential(user.ID, core.NewSecret("newer")))
	assert.Equal(t, "1011", try(map[string]string{"user_id": user.ID, "access_token": "right"}))
	assert.Equal(t, "", try(map[string]string{"user_id": user.ID, "access_token": "newer"}))
}

// No caller sees or changes what is another's, by any operation.
func TestCallersAreIsolated(t *testing.T) {
	for foreign, want := range map[Foreign]string{"": "PERMISSION_DENIED", Foreign1106: "1106", ForeignUnknown: "DEVICE_NOT_FOUND"} {
		c := testCloud(t, CloudConfig{Readings: CloudReadings{ForeignDevice: foreign}})
		neighbour, hers := addNeighbour(t, c)
		theirs, _ := c.Device(TestDoorbell().ID)
		for _, op := range c.allOperations() {
			if !slices.ContainsFunc(op.params, func(p param) bool { return p.name == "device_id" }) {
				continue // of the caller himself: see TestOrdersAreTheCallersOwn
			}
			p := params{}
			for _, x := range op.params {
				p[x.name] = "x"
			}
			p = p.but(params{"device_id": theirs.ID})
			if op.call == CallSaveWXVoipAuth {
				p["auth_tag"] = 1
			}
			if op.call == CallExchangeCode {
				p = redeeming()
			}
			a := askAs(t, c, neighbour.ID, op.call, p)
			assert.Equal(t, want, a.code(), op.call)
			assert.NotContains(t, a.body, theirs.UUID)
			assert.NotContains(t, a.body, theirs.Name)
			unknown := askAs(t, c, neighbour.ID, op.call, p.but(params{"device_id": "nope"}))
			assert.Equal(t, "DEVICE_NOT_FOUND", unknown.code(), op.call)
			if foreign == ForeignUnknown {
				assert.Equal(t, unknown.Msg, a.Msg, "a foreign device looks like none")
			}
		}
		c.RequireCodesUsed(t, 0)
		_, authorized := c.Authorization(theirs.ID)
		assert.False(t, authorized)
		assert.True(t, askAs(t, c, neighbour.ID, CallGetCommodityList, params{"device_id": hers.ID}).Success)
		assert.Equal(t, want, ask(t, c, CallGetCommodityList, params{"device_id": hers.ID}).code(), "and the other way round")
	}
}

func TestReadingsOfTheEnvelope(t *testing.T) {
	keys := func(a told) (names []string) {
		var members map[string]json.RawMessage
		require.NoError(t, json.Unmarshal([]byte(a.body), &members))
		for name := range members {
			names = append(names, name)
		}
		return names
	}
	c := testCloud(t, CloudConfig{})
	assert.ElementsMatch(t, []string{"success", "result", "t", "tid"}, keys(ask(t, c, CallGetCommodityList, ofCamera())))
	assert.ElementsMatch(t, []string{"success", "code", "msg", "t", "tid"}, keys(ask(t, c, CallGetCommodityList, nil)))

	c = testCloud(t, CloudConfig{Readings: CloudReadings{
		ErrorCodeText: true, ErrorStatus: true, TimeText: true, OmitTID: true, StatusOK: true, ExtraParams: true,
		ActionNames: map[Call]string{CallGetCommodityList: "mall.commodities"},
	}})
	a := ask(t, c, "mall.commodities", ofCamera().but(params{"more": 1}))
	assert.ElementsMatch(t, []string{"success", "result", "t", "status"}, keys(a))
	assert.Contains(t, a.body, `"status":"ok"`)
	assert.Contains(t, a.body, `"t":"1700000000000"`)
	assert.Equal(t, CallGetCommodityList, c.Requests()[0].Call)
	a = ask(t, c, CallGetCommodityList, ofCamera())
	assert.Equal(t, 404, a.status)
	assert.Equal(t, `"1108"`, string(a.Code))
	for code, status := range map[string]int{
		"500": 500, "1002": 401, "1010": 401, "1011": 401, "1106": 403, "PERMISSION_DENIED": 403, "1111": 503, "1199": 429,
		"DEVICE_NOT_FOUND": 404, "CODE_USED": 400, "1109": 400,
	} {
		c.Inject(Fault{Kind: FaultErrorCode, Code: code})
		assert.Equal(t, status, ask(t, c, CallGetServiceListByDevice, ofCamera()).status, code)
	}
}
