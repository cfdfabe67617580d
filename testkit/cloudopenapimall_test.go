package testkit

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
)

func TestSPUList(t *testing.T) {
	c := testCloud(t, CloudConfig{})
	k := newCaller(t, c).withToken()
	const storage = `{"requiredCheckoutParams":[],"siteCode":"CN","skuList":[],"mainPicture":"ecommerce/imprest-storage.png","title":"7 天滚动存储","subTitle":"云存储",` +
		`"targetUrlType":0,"commodityCode":"imprest-storage","mallCode":"imprestMall","commodityUrl":"https://mall.example/storage?commodityCode=imprest-storage&paymentScopeCode=99","bindingTag":""}`
	a := k.post(spuListPath, spuBody)
	assert.Equal(t, "["+storage+"]", string(a.Result), "once, though two devices have it")

	for _, x := range []struct{ input, code, msg string }{
		{`"{\"bindingObjectCode\":\"tybuo\",\"bindingObjectType\":1,\"catalogCode\":\"CLOUD_STORAGE\"}"`, "", ""},
		{`{"bindingObjectCode":"x","bindingObjectType":0,"catalogCode":"VOIP","bindingTags":["a"],"needSkuList":false,"clientInfo":{"appScheme":"s","osSystem":"iOS"}}`, "", ""},
		{`{"bindingObjectCode":"x","bindingObjectType":1,"catalogCode":"AI"}`, "MALL_NOT_FOUND", "catalogCode"},
		{`{"bindingObjectType":1,"catalogCode":"VOIP"}`, "INPUT_INVALID", "bindingObjectCode"},
		{`{"bindingObjectCode":"","bindingObjectType":1,"catalogCode":"VOIP"}`, "INPUT_INVALID", "bindingObjectCode"},
		{`{"bindingObjectCode":null,"bindingObjectType":1,"catalogCode":"VOIP"}`, "INPUT_INVALID", "bindingObjectCode"},
		{`{"bindingObjectCode":"x","bindingObjectType":"1","catalogCode":"VOIP"}`, "INPUT_INVALID", "bindingObjectType"},
		{`{"bindingObjectCode":"x","bindingObjectType":3,"catalogCode":"VOIP"}`, "INPUT_INVALID", "bindingObjectType"},
		{`{"bindingObjectCode":"x","bindingObjectType":1}`, "INPUT_INVALID", "catalogCode"},
		{`{"bindingObjectCode":"x","bindingObjectType":1,"catalogCode":"VOIP","catalog_code":"VOIP"}`, "INPUT_INVALID", "catalog_code"},
		{`{"bindingObjectCode":"x","bindingObjectType":1,"catalogCode":"VOIP","needSkuList":1}`, "INPUT_INVALID", "needSkuList"},
		{`null`, "INPUT_INVALID", "input"},
		{`[]`, "INPUT_INVALID", "input"},
		{`"x"`, "INPUT_INVALID", "input"},
	} {
		a := k.post(spuListPath, `{"input":`+x.input+`}`)
		assert.Equal(t, x.code, a.code(), "%s: %s", x.input, a.body)
		assert.Equal(t, x.code != "", strings.HasPrefix(string(a.Code), `"`), "business codes are texts")
		assert.Contains(t, a.Msg, x.msg, x.input)
	}
	assert.Equal(t, "INPUT_INVALID", k.post(spuListPath, `{}`).code())
	assert.Equal(t, "1109", k.post(spuListPath, `{"catalogCode":"VOIP",`+spuBody[1:]).code())

	a = k.post(spuListPath, `{"input":{"bindingObjectCode":"x","bindingObjectType":1,"catalogCode":"CLOUD_STORAGE","needSkuList":true}}`)
	assert.Contains(t, a.body, `"skuList":[{"commodityCode":"imprest-storage","skuCode":"imprest-storage-7d","skuName":"7 天滚动存储","priceList":[`+
		`{"optionType":0,"optionNo":0,"periodType":0,"periodUnit":3,"periodValue":30,"currency":"CNY","price":9.90,"originalPrice":9.90},`+
		`{"optionType":2,"optionNo":1,"periodType":1,"periodUnit":2,"periodValue":1,"currency":"CNY","price":7.90,"originalPrice":9.90}]}]`)

	limited := TestProject()
	limited.MallCodes = []string{}
	c = testCloud(t, CloudConfig{Projects: []Project{limited}, Readings: CloudReadings{StatusOK: true, OmitTID: true, TimeText: true}})
	a = newCaller(t, c).withToken().post(spuListPath, spuBody)
	assert.Equal(t, `{"success":false,"code":"PERMISSION_DENIED","msg":"the mall has not authorized the project","t":"1700000000000"}`, a.body)
	limited = TestProject()
	limited.MallCodes, limited.BindingObjects = []string{"imprestMall"}, []string{"mine"}
	c = testCloud(t, CloudConfig{Projects: []Project{limited}, Readings: CloudReadings{ExtraParams: true, ErrorStatus: true}})
	k = newCaller(t, c).withToken()
	a = k.post(spuListPath, spuBody)
	assert.Equal(t, "PERMISSION_DENIED", a.code())
	assert.Equal(t, 403, a.status)
	assert.True(t, k.post(spuListPath, `{"more":1,"input":{"bindingObjectCode":"mine","bindingObjectType":1,"catalogCode":"VOIP","more":1}}`).Success)
}

func TestCredentialList(t *testing.T) {
	c := testCloud(t, CloudConfig{})
	k := newCaller(t, c).withToken()
	door, camera := TestDoorbell().ID, TestCamera().ID
	ask := func(input string) told { return k.post(credentialListPath, `{"input":`+input+`}`) }
	free := func(id string) string {
		return `{"externalCode":"tuya_camera_store_3day_event_1_1095","catalogCode":"CLOUD_STORAGE","objectOwner":"` + TestCloudUser().ID + `","objectType":1,"objectId":"` + id +
			`","state":2,"performance":{"consumeInCurrentMonth":false,"consumeType":1},"metering":{"meteringType":1,"quota":3,"meteringUnit":10},"order":{}}`
	}
	a := ask(fmt.Sprintf(`{"objectIds":["%s","dev-1","%s","%s"],"objectType":1}`, door, camera, door))
	assert.Equal(t, "["+free(door)+","+free(camera)+"]", string(a.Result))

	require.True(t, c.PutService(door, Service{Code: ServiceVoIP, Type: TypeVoIP, Start: c.Clock.Now(), End: c.Clock.Now().Add(time.Hour)}))
	a = ask(`"{\"objectIds\":[\"` + door + `\"],\"objectType\":1}"`)
	var list []map[string]any
	require.NoError(t, json.Unmarshal(a.Result, &list))
	require.Len(t, list, 2)
	assert.Equal(t, []any{"1700000000000", "1700003600000", "voip", "VOIP", 2.0},
		[]any{list[1]["effectiveStartDate"], list[1]["effectiveEndDate"], list[1]["externalCode"], list[1]["catalogCode"], list[1]["state"]}, "times are texts of milliseconds")
	c.Clock.Advance(time.Hour)
	k.withToken()
	assert.Contains(t, ask(`{"objectIds":["`+door+`"],"objectType":1}`).body, `"state":3`)
	all := c.Requests()
	assert.Equal(t, door, all[len(all)-1].DeviceID)

	for _, x := range []struct{ input, code string }{
		{`{"objectIds":["dev-1","dev-2"],"objectType":1}`, ""},
		{`{"objectIds":["` + TestCloudUser().ID + `"],"objectType":3}`, ""},
		{`{"objectIds":[],"objectType":1}`, "1100"},
		{`{"objectIds":[""],"objectType":1}`, "1100"},
		{`{"objectIds":["x"]}`, "1102"},
		{`{"objectType":1}`, "1102"},
		{`{"objectIds":null,"objectType":1}`, "1102"},
		{`{"objectIds":"x","objectType":1}`, "1104"},
		{`{"objectIds":["x"],"objectType":"1"}`, "1104"},
		{`{"objectIds":["x"],"objectType":2}`, "1101"},
		{`{"objectIds":["x"],"objectType":1,"more":1}`, "1109"},
		{`7`, "1104"},
		{`null`, "1102"},
	} {
		a := ask(x.input)
		assert.Equal(t, x.code, a.code(), "%s: %s", x.input, a.body)
		if x.code == "" {
			assert.Equal(t, "[]", string(a.Result), x.input)
		}
	}

	// What is not of the project's users is refused, or not there.
	apart := TestProject()
	apart.Users = []string{}
	for reading, code := range map[Foreign]string{"": "1106", ForeignUnknown: ""} {
		c := testCloud(t, CloudConfig{Projects: []Project{apart}, Readings: CloudReadings{ForeignDevice: reading}})
		k = newCaller(t, c).withToken()
		a := ask(`{"objectIds":["` + door + `"],"objectType":1}`)
		assert.Equal(t, code, a.code())
		assert.NotContains(t, a.body, "store")
	}
	c = testCloud(t, CloudConfig{Readings: CloudReadings{HideEnded: true}})
	k = newCaller(t, c).withToken()
	require.True(t, c.PutService(door, Service{Code: ServiceVoIP, Start: c.Clock.Now().Add(-2), End: c.Clock.Now().Add(-1)}))
	assert.Equal(t, "["+free(door)+"]", string(ask(`{"objectIds":["`+door+`"],"objectType":1}`).Result))
}

func TestHomeDevices(t *testing.T) {
	plain, rich := TestCamera(), TestDoorbell()
	plain.Facts.LocalKey = core.NewSecret("key-1")
	rich.Facts = DeviceFacts{
		LocalKey: core.NewSecret("key-2"), BizType: 18, Category: "cs", ProductID: "p", ProductName: "门铃", Model: "m", Icon: "i.png", IP: "203.0.113.7", TimeZone: "+01:00", Lat: "30.27",
		NodeID: "n-1", Offline: true, Created: time.Unix(1, 0), Activated: time.Unix(2, 0), Updated: time.Unix(3, 0),
		Status: []DeviceStatus{{"switch", true}, {"volume", 7}, {"mode", "<a>"}},
	}
	c := testCloud(t, CloudConfig{Devices: []Device{plain, rich}})
	k := newCaller(t, c).withToken()
	a := k.get("/v1.0/homes/" + TestHome().ID + "/devices")
	want := fmt.Sprintf(`[{"id":"%s","uuid":"%s","uid":"%s","biz_type":0,"name":"客厅摄像机","time_zone":"+08:00","ip":"","local_key":"key-1","sub":false,"model":"",`+
		`"create_time":1700000000,"update_time":1700000000,"active_time":1700000000,"status":[],"owner_id":"50000000","product_id":"imprestCamera001","product_name":"imprest camera",`+
		`"category":"sp","icon":"smart/icon/imprest-camera.png","online":true,"node_id":"","lat":""},`+
		`{"id":"%s","uuid":"%s","uid":"%s","biz_type":18,"name":"可视门铃","time_zone":"+01:00","ip":"203.0.113.7","local_key":"key-2","sub":true,"model":"m",`+
		`"create_time":1,"update_time":3,"active_time":2,"status":[{"code":"switch","value":true},{"code":"volume","value":7},{"code":"mode","value":"<a>"}],"owner_id":"50000000",`+
		`"product_id":"p","product_name":"门铃","category":"cs","icon":"i.png","online":false,"node_id":"n-1","lat":"30.27"}]`,
		plain.ID, plain.UUID, TestCloudUser().ID, rich.ID, rich.UUID, TestCloudUser().ID)
	assert.Equal(t, want, string(a.Result))
	all := c.Requests()
	assert.NotContains(t, fmt.Sprintf("%+v", all[len(all)-1]), "key-")

	for id, code := range map[string]string{"x": "1104", "1": "1106", "%35%30000000": "", "-1": "1104"} {
		assert.Equal(t, code, k.get("/v1.0/homes/"+id+"/devices").code(), id)
	}
	assert.Equal(t, "1108", k.get("/v1.0/homes//devices").code())
	assert.Equal(t, "1108", k.get("/v1.0/homes/1/2/devices").code())
	k.withToken()
	_, err := c.AddHome(Home{ID: "7"})
	require.NoError(t, err)
	assert.Equal(t, "[]", string(k.get("/v1.0/homes/7/devices").Result))

	made := testCloud(t, CloudConfig{})
	var list []struct {
		LocalKey string `json:"local_key"`
	}
	require.NoError(t, json.Unmarshal(newCaller(t, made).withToken().get("/v1.0/homes/"+TestHome().ID+"/devices").Result, &list))
	require.Len(t, list, 2)
	for _, d := range list {
		assert.Len(t, d.LocalKey, 16)
		for _, e := range made.Requests() {
			assert.NotContains(t, fmt.Sprintf("%+v", e), d.LocalKey)
		}
	}
	assert.NotEqual(t, list[0].LocalKey, list[1].LocalKey)
}
