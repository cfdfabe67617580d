package testkit

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/mall"
)

func TestDevicesOfAHome(t *testing.T) {
	camera := TestCamera()
	camera.LocationName = "客厅"
	camera.HomeID = ""
	c := testCloud(t, CloudConfig{Devices: []Device{camera}})
	neighbour, hers := addNeighbour(t, c)
	client, caller := mallClient(t, c)
	list, err := client.GetDeviceList(t.Context(), caller, TestHome().ID)
	require.NoError(t, err)
	require.Len(t, list, 1, "her doorbell is in her home")
	assert.Equal(t, camera.ID, list[0].ID)
	assert.Equal(t, camera.Name, list[0].Name)
	assert.Equal(t, "客厅", list[0].LocationName)
	assert.Equal(t, []mall.CommodityType{mall.CommodityCloudStorage}, list[0].Types)
	assert.NotEmpty(t, list[0].Icon)
	one, err := client.GetDeviceAddValueType(t.Context(), mall.Caller{UserID: neighbour.ID}, hers.ID)
	require.NoError(t, err)
	assert.Equal(t, hers.ID, one.ID)
	assert.Equal(t, []mall.CommodityType{mall.CommodityCloudStorage, mall.CommodityVoIP}, one.Types)

	assert.Equal(t, "PERMISSION_DENIED", ask(t, c, CallGetDeviceList, params{"owner_id": hers.HomeID}).code())
	assert.Equal(t, "PERMISSION_DENIED", ask(t, c, CallGetDeviceList, params{"owner_id": "404"}).code(), "no home looks like another's")
	assert.Equal(t, "PERMISSION_DENIED", ask(t, c, CallGetDeviceAddValueType, params{"device_id": hers.ID}).code())
}

func TestTheCallersOpenID(t *testing.T) {
	nobody := CloudUser{ID: "nobody"}
	c := testCloud(t, CloudConfig{Users: []CloudUser{TestCloudUser(), nobody}})
	client, caller := mallClient(t, c)
	user, err := client.GetDeviceWXUserInfo(t.Context(), caller, TestWeChatApp().AppID)
	require.NoError(t, err)
	assert.Equal(t, TestCloudUser().OpenID, user.OpenID)
	assert.Equal(t, TestCloudUser().ID, user.UserID)
	_, err = client.GetDeviceWXUserInfo(t.Context(), caller, "wx-another")
	require.ErrorIs(t, err, mall.ErrNoWXUser)
	_, err = client.GetDeviceWXUserInfo(t.Context(), mall.Caller{UserID: nobody.ID}, TestWeChatApp().AppID)
	require.ErrorIs(t, err, mall.ErrNoWXUser)
}

func TestIntroductionsOfServices(t *testing.T) {
	c := testCloud(t, CloudConfig{})
	client, caller := mallClient(t, c)
	intro, err := client.GetServiceIntroduction(t.Context(), caller, ServiceVoIP)
	require.NoError(t, err)
	list := intro.ModuleList
	require.Len(t, list.ServiceProtocol, 2)
	assert.Equal(t, "zh", list.ServiceProtocol[0].Lang)
	assert.Equal(t, "serviceProtocol", list.ServiceProtocol[0].SubType)
	assert.Contains(t, list.ServiceProtocol[0].Content, "https://")
	require.Len(t, list.ServiceLightSpot, 2)
	assert.Equal(t, int64(1), list.ServiceLightSpot[1].Seq)
	require.Len(t, list.ConfigItem, 2)
	assert.Equal(t, "exchange", list.ConfigItem[1].SubType)
	assert.Equal(t, "门铃呼叫,微信接听", list.ServiceName[0].Subtitle)
	assert.Equal(t, "https://images.example/name.png", list.ServiceName[0].AttachmentJSON.Attachment2)
	_, err = client.GetServiceIntroduction(t.Context(), caller, "other")
	require.ErrorIs(t, err, mall.ErrNoIntroduction)

	c = testCloud(t, CloudConfig{Introductions: map[string]Introduction{"mine": {SectionServiceName: {{Title: "我的", Hidden: true}}}}, Readings: CloudReadings{Nothing: NothingError}})
	client, caller = mallClient(t, c)
	intro, err = client.GetServiceIntroduction(t.Context(), caller, "mine")
	require.NoError(t, err)
	assert.Equal(t, int64(0), intro.ModuleList.ServiceName[0].Display)
	_, err = client.GetServiceIntroduction(t.Context(), caller, ServiceVoIP)
	require.Equal(t, core.CodeRefused, core.CodeOf(err))
}
