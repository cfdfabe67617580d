package testkit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
)

func testCloud(t *testing.T, cfg CloudConfig) *Cloud {
	t.Helper()
	if cfg.Clock == nil {
		cfg.Clock = NewClock(time.Unix(1_700_000_000, 0))
	}
	if cfg.Seed == 0 {
		cfg.Seed = 1
	}
	return StartCloud(t, cfg)
}

// params is what an operation is asked with.
type params map[string]any

// but returns the parameters with some of them changed; nil leaves one out.
func (p params) but(changes params) params {
	other := params{}
	for name, value := range p {
		other[name] = value
	}
	for name, value := range changes {
		if other[name] = value; value == nil {
			delete(other, name)
		}
	}
	return other
}

// told is what the relay answered.
type told struct {
	status  int
	body    string
	Success bool            `json:"success"`
	Result  json.RawMessage `json:"result"`
	Code    json.RawMessage `json:"code"`
	Msg     string          `json:"msg"`
	T       json.RawMessage `json:"t"`
	TID     string          `json:"tid"`
}

// code is the error code without the quotes of a text.
func (a told) code() string { return strings.Trim(string(a.Code), `"`) }

// send sends a request to the relay as it is, and tells what came back.
func send(t *testing.T, c *Cloud, body string) (told, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.ActionURL(), strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	return sendRequest(c, req)
}

func sendRequest(c *Cloud, req *http.Request) (told, error) {
	resp, err := c.Client().Do(req)
	if err != nil {
		return told{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	a := told{status: resp.StatusCode, body: string(body)}
	_ = json.Unmarshal(withoutFiller(body), &a)
	return a, err
}

// withoutFiller returns an answer without the white space of a huge one, which
// takes long to read past.
func withoutFiller(body []byte) []byte {
	return bytes.ReplaceAll(body, bytes.Repeat([]byte(" "), 64<<10), nil)
}

func actionBody(header map[string]string, action string, p params) string {
	return string(encode(map[string]any{"action": action, "params": p, "header": header}))
}

// askAs asks for an operation in the name of a user.
func askAs(t *testing.T, c *Cloud, userID string, call Call, p params) told {
	t.Helper()
	a, err := send(t, c, actionBody(map[string]string{"user_id": userID}, string(call), p))
	require.NoError(t, err)
	return a
}

func ask(t *testing.T, c *Cloud, call Call, p params) told {
	t.Helper()
	return askAs(t, c, TestCloudUser().ID, call, p)
}

func ofDoorbell() params { return params{"device_id": TestDoorbell().ID} }

func ofCamera() params { return params{"device_id": TestCamera().ID} }

// redeeming is a redemption of the first VoIP code for the doorbell.
func redeeming() params {
	d := TestDoorbell()
	return params{
		"device_id": d.ID, "uuid": d.UUID, "name": d.Name, "homeId": d.HomeID,
		"catalog_code": CatalogVoIP, "code": "VOIP-TEST-0001",
	}
}

// addNeighbour adds a second user with a home and a doorbell of his own.
func addNeighbour(t *testing.T, c *Cloud) (CloudUser, Device) {
	t.Helper()
	user, err := c.AddUser(CloudUser{ID: "neighbour", Name: "小红", OpenID: "oNeighbour"})
	require.NoError(t, err)
	home, err := c.AddHome(Home{ID: "2", Name: "隔壁", OwnerID: user.ID})
	require.NoError(t, err)
	d := TestDoorbell()
	d.ID, d.UUID, d.HomeID, d.Name = "next-door", "next-door-uuid", home.ID, "隔壁门铃"
	d, err = c.AddDevice(d)
	require.NoError(t, err)
	return user, d
}

func TestStartCloud(t *testing.T) {
	tb := &fakeTB{}
	count := 0
	c := StartCloud(tb, CloudConfig{OnExchange: func(Exchange) { count++ }})
	assert.Equal(t, c.URL+"/action", c.ActionURL())
	assert.Equal(t, c.URL+"/wechat", c.WeChatURL())
	ask(t, c, CallExchangeCode, redeeming())
	getToken(t, c)
	assert.Equal(t, 2, count)
	require.Len(t, tb.logged, 2)
	assert.Contains(t, tb.logged[0], "tuya #1 <- POST /action exchangeCode device_id=vdevo172477044742560: 200")
	assert.Contains(t, tb.logged[1], "wechat #2 <- GET /wechat/cgi-bin/token: 200")
	RequireNoSecret(t, strings.Join(tb.logged, "\n"), TestWeChatApp().Secret, core.NewSecret("VOIP-TEST-0001"))
	for _, f := range tb.cleanup {
		f()
	}
	_, err := c.Client().Get(c.URL)
	assert.Error(t, err)
	c.Close()

	assert.Nil(t, StartCloud(tb, CloudConfig{Addr: "0.0.0.0:0"}))
	assert.Contains(t, tb.failed, "not a loopback address")
}

func TestNewCloudRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		cfg  CloudConfig
		code core.Code
	}{
		"every interface":       {CloudConfig{Addr: ":0"}, core.CodeInvalid},
		"one user twice":        {CloudConfig{Users: []CloudUser{TestCloudUser(), TestCloudUser()}}, core.CodeConflict},
		"one home twice":        {CloudConfig{Homes: []Home{TestHome(), TestHome()}}, core.CodeConflict},
		"one device twice":      {CloudConfig{Devices: []Device{TestCamera(), TestCamera()}}, core.CodeConflict},
		"one uuid twice":        {CloudConfig{Devices: []Device{{ID: "a", UUID: "u"}, {ID: "b", UUID: "u"}}}, core.CodeConflict},
		"one catalog twice":     {CloudConfig{Catalogs: append(TestCatalogs(), TestCatalogs()...)}, core.CodeInvalid},
		"one code twice":        {CloudConfig{ExchangeCodes: append(TestExchangeCodes(), TestExchangeCodes()...)}, core.CodeConflict},
		"one app twice":         {CloudConfig{WeChatApps: []WeChatApp{TestWeChatApp(), TestWeChatApp()}}, core.CodeInvalid},
		"an app without secret": {CloudConfig{WeChatApps: []WeChatApp{{AppID: "wx1"}}}, core.CodeInvalid},
		"a home of nobody":      {CloudConfig{Homes: []Home{{OwnerID: "nobody"}}}, core.CodeNotFound},
		"a member nobody":       {CloudConfig{Homes: []Home{{Members: []string{"nobody"}}}}, core.CodeNotFound},
		"a device nowhere":      {CloudConfig{Devices: []Device{{HomeID: "nowhere"}}}, core.CodeNotFound},
		"a catalog of nothing":  {CloudConfig{Catalogs: []Catalog{{Code: "AI"}}}, core.CodeInvalid},
		"a code of no catalog":  {CloudConfig{ExchangeCodes: []ExchangeCode{{Code: "x", CatalogCode: "AI"}}}, core.CodeNotFound},
		"an empty code":         {CloudConfig{ExchangeCodes: []ExchangeCode{{CatalogCode: CatalogVoIP}}}, core.CodeInvalid},
		"a period of nothing":   {CloudConfig{ExchangeCodes: []ExchangeCode{{Code: "x", CatalogCode: CatalogVoIP, Period: Period{Unit: 9, Value: 1}}}}, core.CodeInvalid},
		"an unknown operation":  {CloudConfig{Readings: CloudReadings{ActionNames: map[Call]string{"x": "y"}}}, core.CodeInvalid},
		"a result that is none": {CloudConfig{Readings: CloudReadings{ExchangeResult: "{"}}, core.CodeInvalid},
		"a foreign reading":     {CloudConfig{Readings: CloudReadings{ForeignDevice: "x"}}, core.CodeInvalid},
		"a reading of nothing":  {CloudConfig{Readings: CloudReadings{Nothing: "x"}}, core.CodeInvalid},
		"a reading of prices":   {CloudConfig{Readings: CloudReadings{PriceForm: "x"}}, core.CodeInvalid},
		"a reading of tokens":   {CloudConfig{Readings: CloudReadings{OldTokens: "x"}}, core.CodeInvalid},
	} {
		cloud, err := NewCloud(c.cfg)
		assert.Equal(t, c.code, core.CodeOf(err), "%s: %v", name, err)
		if err == nil {
			cloud.Close()
		}
		if err != nil {
			assert.NotContains(t, err.Error(), "VOIP-TEST-0001", name)
		}
	}
}

func TestCloudWithoutListening(t *testing.T) {
	c, err := NewCloud(CloudConfig{NoListen: true})
	require.NoError(t, err)
	assert.Equal(t, "/action", c.ActionURL())
	server := httptest.NewServer(c.Handler())
	defer server.Close()
	get := func() int {
		resp, err := server.Client().Get(server.URL + c.WeChatURL() + "/cgi-bin/token")
		require.NoError(t, err)
		resp.Body.Close()
		return resp.StatusCode
	}
	assert.Equal(t, http.StatusOK, get())
	c.Close()
	assert.Equal(t, http.StatusServiceUnavailable, get())
}

func TestZeroCloudConfig(t *testing.T) {
	c := StartCloud(t, CloudConfig{})
	assert.Equal(t, []CloudUser{TestCloudUser()}, c.Users())
	assert.Equal(t, []Home{TestHome()}, c.Homes())
	doorbell, camera := TestDoorbell(), TestCamera()
	doorbell.SN, camera.SN = doorbell.UUID, camera.UUID
	assert.Equal(t, []Device{doorbell, camera}, c.Devices())
	assert.Len(t, c.Codes(), 10)
	assert.WithinDuration(t, time.Now(), c.Clock.Now(), time.Minute)
	assert.Equal(t, c.Clock.Now(), c.Clock.Now(), "it stands still")

	c = StartCloud(t, CloudConfig{Users: []CloudUser{{Name: "an other"}}, Catalogs: TestCatalogs()[:1]})
	user := c.Users()[0]
	assert.Len(t, user.ID, 20)
	assert.Equal(t, user.ID, c.Homes()[0].OwnerID, "the world is the first user's")
	assert.Len(t, c.Codes(), 5, "codes of the catalog that there is")
	assert.True(t, askAs(t, c, user.ID, CallGetServiceListByDevice, ofDoorbell()).Success)

	c = StartCloud(t, CloudConfig{ExchangeCodes: []ExchangeCode{}})
	assert.Empty(t, c.Codes(), "an empty list is none")
}

func TestAddAndLook(t *testing.T) {
	c := testCloud(t, CloudConfig{})
	user, err := c.AddUser(CloudUser{})
	require.NoError(t, err)
	home, err := c.AddHome(Home{OwnerID: user.ID, Members: []string{TestCloudUser().ID}})
	require.NoError(t, err)
	d, err := c.AddDevice(Device{HomeID: home.ID, Types: []int{TypeAI}})
	require.NoError(t, err)
	assert.NotEmpty(t, d.ID)
	assert.NotEmpty(t, d.UUID)
	assert.Equal(t, d.UUID, d.SN)
	p := params{"device_id": d.ID}
	assert.True(t, askAs(t, c, user.ID, CallGetCommodityList, p).Success)
	assert.True(t, ask(t, c, CallGetCommodityList, p).Success, "a member may use what is in the home")
	_, ok := c.Device("nope")
	assert.False(t, ok)
	assert.Nil(t, c.Services("nope"))
	assert.False(t, c.PutService("nope", Service{}))
	assert.False(t, c.SetCommodities("nope"))
	assert.False(t, c.SetCredential("nope", core.Secret{}))
}

func TestWhatIsHandedOutIsACopy(t *testing.T) {
	given := TestDoorbell()
	c := testCloud(t, CloudConfig{Devices: []Device{given}})
	spoil := func(d Device) {
		d.Types[0] = 99
		d.Capabilities[CapabilityVoIP] = Capability{}
		d.Commodities[0].Prices[0].Price = 1
		d.Services[0].Tags[0] = "spoilt"
	}
	spoil(given)
	got, _ := c.Device(given.ID)
	spoil(got)
	spoil(c.Devices()[0])
	c.Services(given.ID)[0].Tags[0] = "spoilt"
	want := TestDoorbell()
	want.SN = want.UUID
	got, _ = c.Device(given.ID)
	assert.Equal(t, want, got)
}

func TestCloudRecord(t *testing.T) {
	user := TestCloudUser()
	user.Credential = core.NewSecret("credential-of-ming")
	c := testCloud(t, CloudConfig{Keep: 3, Users: []CloudUser{user}})
	header := map[string]string{"user_id": user.ID, "access_token": "credential-of-ming"}
	body := actionBody(header, "exchangeCode", redeeming())
	_, err := send(t, c, body)
	require.NoError(t, err)
	e := c.Requests()[0]
	assert.Equal(t, PeerTuya, e.Peer)
	assert.Equal(t, CallExchangeCode, e.Call)
	assert.Equal(t, "/action", e.Path)
	assert.Equal(t, user.ID, e.UserID)
	assert.Equal(t, TestDoorbell().ID, e.DeviceID)
	assert.Equal(t, 200, e.Status)
	assert.Contains(t, e.Answer, `"success":true`)
	want := strings.NewReplacer("credential-of-ming", "***", "VOIP-TEST-0001", "***0001").Replace(body)
	assert.Equal(t, want, e.Body, "the body as it came, but for its secrets")

	_, err = send(t, c, body[:len(body)-1])
	require.NoError(t, err)
	assert.Equal(t, fmt.Sprintf("*** (%d bytes: the body is not one JSON document)", len(body)-1), c.Requests()[1].Body)
	for range 5 {
		ask(t, c, CallGetCommodityList, ofCamera())
	}
	all := c.Requests()
	require.Len(t, all, 3)
	assert.Equal(t, 7, all[2].Seq)
}

func TestMaskedAction(t *testing.T) {
	c := testCloud(t, CloudConfig{})
	for body, want := range map[string]string{
		"":        "",
		`{ }`:     `{ }`,
		`[1, 2]`:  "*** (6 bytes: the body is not a JSON object)",
		`{"a":1,`: "*** (7 bytes: the body is not one JSON document)",
		`{"action":"getDeviceCapability","params":{"code":"tyabiwxrn9"}}`:                        `{"action":"getDeviceCapability","params":{"code":"tyabiwxrn9"}}`,
		`{"action":"exchangecode","params":{"code" :  "abcd1234" , "x":[{"code":"12"},true,1]}}`: `{"action":"exchangecode","params":{"code" :  "***1234" , "x":[{"code":"***"},true,1]}}`,
		`{"action":1,"header":{"access\u005ftoken":"x\"y","a":null},"secret":12}`:                `{"action":1,"header":{"access\u005ftoken":"***","a":null},"secret":"***"}`,
		`{"x":["code","b"],"code":["c",{"":1}],"y":"code","z":"access_token"}`:                   `{"x":["code","b"],"code":["c",{"":1}],"y":"code","z":"access_token"}`,
	} {
		assert.Equal(t, want, c.maskedAction([]byte(body)))
	}
}

func FuzzMaskValues(f *testing.F) {
	for _, seed := range []string{`{"code":"12345678"}`, `{"a":[{"code":1}, "code"],"code":{"code":"x"}}`, `[ ]`, `1`, `{"":"","code":null,"b":true}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if _, err := readObject(body); err != nil {
			return
		}
		same := maskValues(body, func(string, string) (string, bool) { return "", false })
		require.Equal(t, string(body), same, "nothing masked, nothing changed")
		masked := maskValues(body, func(name, _ string) (string, bool) { return "M", name == "code" })
		var before, after any
		require.NoError(t, json.Unmarshal(body, &before))
		require.NoError(t, json.Unmarshal([]byte(masked), &after))
		require.Equal(t, maskTree(before), after)
	})
}

// maskTree masks the members named code of a decoded JSON text.
func maskTree(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, value := range v {
			_, isText := value.(string)
			_, isNumber := value.(float64)
			if name == "code" && (isText || isNumber) {
				v[name] = "M"
			} else {
				v[name] = maskTree(value)
			}
		}
	case []any:
		for i := range v {
			v[i] = maskTree(v[i])
		}
	}
	return v
}

func FuzzReadObject(f *testing.F) {
	for _, seed := range []string{`{"a":{"b":1,"c":[{"d":1},{"d":2}]}}`, `{"a":{"b":1,"\u0062":2}}`, `{"a":"a","b":"a"}`, `[{}]`, `null`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		members, err := readObject(body)
		if err != nil {
			return
		}
		// What has no repeats loses nothing when it is decoded and written again.
		var tree map[string]any
		require.NoError(t, json.Unmarshal(body, &tree))
		require.Len(t, members, len(tree))
		names := func(text []byte) (n int) {
			decoder := json.NewDecoder(strings.NewReader(string(text)))
			for {
				token, err := decoder.Token()
				if err != nil {
					return n
				}
				if _, ok := token.(json.Delim); !ok {
					n++
				}
			}
		}
		again, err := json.Marshal(tree)
		require.NoError(t, err)
		require.Equal(t, names(body), names(again))
	})
}

func TestManyCallersAtOnce(t *testing.T) {
	c := testCloud(t, CloudConfig{Keep: 10})
	c.Inject(Fault{Kind: FaultLateEffect, Times: 10, Delay: time.Second})
	codes := c.NewCodes(CatalogCloudStorage, 40)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 5 {
				camera := TestCamera()
				ask(t, c, CallExchangeCode, params{
					"device_id": camera.ID, "uuid": camera.UUID, "name": camera.Name, "homeId": camera.HomeID,
					"catalog_code": CatalogCloudStorage, "code": codes[5*i+j],
				})
				ask(t, c, CallSaveWXVoipAuth, ofDoorbell().but(params{"auth_tag": 1}))
				ask(t, c, CallGetServiceListByDevice, ofCamera())
				ask(t, c, CallGetCommodityList, ofCamera())
				c.SetCommodities(camera.ID, voipCommodity())
				c.Clock.Advance(time.Second)
				c.Requests()
				c.Devices()
				c.Codes()
				c.Authorization(TestDoorbell().ID)
				_, _ = c.AddUser(CloudUser{})
			}
		})
	}
	wg.Wait()
	c.Clock.Advance(time.Minute)
	assert.Len(t, c.RequireCodesUsed(t, 40), 40)
	start := time.Unix(1_700_000_000, 0)
	end := c.RequireService(t, TestCamera().ID, ServiceCloudStorage).End
	assert.WithinDuration(t, start.AddDate(0, 0, 30*40), end, time.Minute, "each code counted once")
}

func TestSameSeedSameCloud(t *testing.T) {
	run := func(seed uint64, noise bool) []string {
		c := testCloud(t, CloudConfig{Seed: seed})
		if noise {
			ask(t, c, CallGetCommodityList, ofCamera())
		}
		user, err := c.AddUser(CloudUser{})
		require.NoError(t, err)
		return []string{c.NewCodes(CatalogVoIP, 1)[0], user.ID, getToken(t, c), ask(t, c, CallGetCommodityList, ofCamera()).TID}
	}
	assert.Equal(t, run(7, false), run(7, false))
	assert.NotEqual(t, run(7, false), run(8, false))
	assert.Equal(t, run(7, false)[:3], run(7, true)[:3], "each kind counts for itself")
}

func TestNewCodesPanics(t *testing.T) {
	c := testCloud(t, CloudConfig{})
	assert.Panics(t, func() { c.NewCodes("nope", 1) })
}
