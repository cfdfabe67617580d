package testkit

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
)

func TestCapability(t *testing.T) {
	c := testCloud(t, CloudConfig{})
	a := ask(t, c, CallGetDeviceCapability, ofDoorbell().but(params{"code": CapabilityVoIP}))
	assert.JSONEq(t, `{"WechatMPAppid":"wx0123456789abcdef","WechatMPMid":"mImprestDoorbell_01","WechatMPOid":"gh_0123456789ab"}`, string(a.Result))
	for _, p := range []params{ofCamera().but(params{"code": CapabilityVoIP}), ofDoorbell().but(params{"code": "other"})} {
		a = ask(t, c, CallGetDeviceCapability, p)
		assert.True(t, a.Success)
		assert.Equal(t, "null", string(a.Result))
	}
}

func TestReadingsOfNothing(t *testing.T) {
	for reading, want := range map[Nothing]string{NothingNull: "null", NothingEmpty: "{}", NothingAbsent: "", NothingError: ""} {
		c := testCloud(t, CloudConfig{Readings: CloudReadings{Nothing: reading}})
		for _, a := range []told{
			ask(t, c, CallGetDeviceCapability, ofCamera().but(params{"code": CapabilityVoIP})),
			ask(t, c, CallGetVoipAuthUser, ofDoorbell()),
		} {
			assert.Equal(t, reading != NothingError, a.Success)
			assert.Equal(t, want, string(a.Result), reading)
			if reading == NothingError {
				assert.Equal(t, "1000", a.code())
			} else {
				assert.Equal(t, want != "", strings.Contains(a.body, `"result"`))
			}
		}
	}
}

func TestAuthorization(t *testing.T) {
	mother := CloudUser{ID: "mother", Name: "妈妈", AvatarURL: "https://images.example/m.png", Lapsed: true}
	home := TestHome()
	home.Members = []string{mother.ID}
	c := testCloud(t, CloudConfig{Users: []CloudUser{TestCloudUser(), mother}, Homes: []Home{home}})
	user := TestCloudUser().ID
	tag := func(n int) params { return ofDoorbell().but(params{"auth_tag": n}) }
	who := func(id string) params { return ofDoorbell().but(params{"user_id": id}) }
	now := func() string { return string(ask(t, c, CallGetVoipAuthUser, ofDoorbell()).Result) }
	_, ok := c.Authorization(TestDoorbell().ID)
	assert.False(t, ok)
	assert.Equal(t, "null", now())

	assert.Equal(t, "true", string(ask(t, c, CallSaveWXVoipAuth, tag(1)).Result))
	assert.Equal(t, Authorization{UserID: user, IsAuth: true, IsValid: true}, c.RequireAuthorized(t, TestDoorbell().ID), "the caller, since there was nobody")
	assert.JSONEq(t, `{"isAuth":true,"avatarUrl":"https://images.example/avatar9.png","isValid":true,"userName":"小明","userId":"`+user+`"}`, now())
	assert.Equal(t, "true", string(ask(t, c, CallSaveVoipAuthUser, who(user)).Result))
	assert.Contains(t, now(), `"isAuth":true`, "whichever comes first")
	assert.Equal(t, "true", string(ask(t, c, CallSaveWXVoipAuth, tag(0)).Result))
	assert.Contains(t, now(), `"isAuth":false`)

	ask(t, c, CallSaveWXVoipAuth, tag(1))
	assert.Equal(t, "true", string(ask(t, c, CallSaveVoipAuthUser, who(mother.ID)).Result))
	assert.JSONEq(t, `{"isAuth":false,"avatarUrl":"https://images.example/m.png","isValid":false,"userName":"妈妈","userId":"mother"}`, now(), "each user allows for himself")
	ask(t, c, CallSaveWXVoipAuth, tag(1))
	assert.Contains(t, now(), `"isAuth":false`)
	askAs(t, c, mother.ID, CallSaveWXVoipAuth, tag(1))
	assert.Contains(t, now(), `"isAuth":true`)
	assert.Equal(t, now(), string(askAs(t, c, mother.ID, CallGetVoipAuthUser, ofDoorbell()).Result), "the same, whoever asks")

	neighbour, _ := addNeighbour(t, c)
	for _, id := range []string{"nobody", neighbour.ID} {
		assert.Equal(t, "PERMISSION_DENIED", ask(t, c, CallSaveVoipAuthUser, who(id)).code())
	}
	a, ok := c.Authorization(TestDoorbell().ID)
	assert.True(t, ok)
	assert.Equal(t, mother.ID, a.UserID)
}

func TestAuthorizationNeedsTheCapability(t *testing.T) {
	calls := map[Call]params{
		CallSaveWXVoipAuth:   ofCamera().but(params{"auth_tag": 1}),
		CallSaveVoipAuthUser: ofCamera().but(params{"user_id": TestCloudUser().ID}),
	}
	c := testCloud(t, CloudConfig{})
	for call, p := range calls {
		a := ask(t, c, call, p)
		assert.Equal(t, "1109", a.code(), call)
		assert.Contains(t, a.Msg, CapabilityVoIP)
	}
	_, ok := c.Authorization(TestCamera().ID)
	assert.False(t, ok)
	_, ok = c.Authorization("nope")
	assert.False(t, ok)

	c = testCloud(t, CloudConfig{Readings: CloudReadings{AuthAnyDevice: true, AuthUserApart: true}})
	assert.True(t, ask(t, c, CallSaveWXVoipAuth, calls[CallSaveWXVoipAuth]).Success)
	_, ok = c.Authorization(TestCamera().ID)
	assert.False(t, ok, "saveVoipAuthUser alone names the user")
	assert.True(t, ask(t, c, CallSaveVoipAuthUser, calls[CallSaveVoipAuthUser]).Success)
	c.RequireAuthorized(t, TestCamera().ID)
}

func TestTheMiniProgram(t *testing.T) {
	c := testCloud(t, CloudConfig{})
	user, d := TestCloudUser().ID, TestDoorbell()
	model := d.Capabilities[CapabilityVoIP].WechatMPMid
	good := func() DeviceVoIP {
		return DeviceVoIP{SN: d.UUID, SNTicket: getTicket(t, c, getToken(t, c)), ModelID: model, DeviceName: "十三个字也可以是设备的名称"}
	}
	silent, err := c.AddUser(CloudUser{ID: "silent"})
	require.NoError(t, err)
	for name, x := range map[string]struct {
		user   string
		change func(*DeviceVoIP)
		code   core.Code
	}{
		"nobody":         {"nobody", func(*DeviceVoIP) {}, core.CodeNotFound},
		"not in WeChat":  {silent.ID, func(*DeviceVoIP) {}, core.CodeInvalid},
		"no name":        {user, func(v *DeviceVoIP) { v.DeviceName = "" }, core.CodeInvalid},
		"a long name":    {user, func(v *DeviceVoIP) { v.DeviceName += "十" }, core.CodeInvalid},
		"unknown ticket": {user, func(v *DeviceVoIP) { v.SNTicket = "x" }, core.CodeRefused},
		"another sn":     {user, func(v *DeviceVoIP) { v.SN = "x" }, core.CodeRefused},
		"another model":  {user, func(v *DeviceVoIP) { v.ModelID = "x" }, core.CodeRefused},
		"too late":       {user, func(*DeviceVoIP) { c.Clock.Advance(5 * time.Minute) }, core.CodeRefused},
	} {
		v := good()
		x.change(&v)
		assert.Equal(t, x.code, core.CodeOf(c.RequestDeviceVoIP(x.user, v)), name)
		assert.Equal(t, 0, c.DeviceVoIPStatus(x.user, d.ID), name)
	}
	v := good()
	c.Clock.Advance(5*time.Minute - time.Second)
	require.NoError(t, c.RequestDeviceVoIP(user, v))
	assert.Equal(t, 1, c.DeviceVoIPStatus(user, d.ID))
	_, ok := c.Authorization(d.ID)
	assert.False(t, ok, "the cloud learns of it from the merchant")

	assert.Equal(t, core.CodeRefused, core.CodeOf(c.RequestDeviceVoIP(user, good())), "the box is shown once")
	require.True(t, c.SetDeviceVoIP(user, d.ID, false))
	assert.Equal(t, 0, c.DeviceVoIPStatus(user, d.ID))
	assert.Equal(t, core.CodeRefused, core.CodeOf(c.RequestDeviceVoIP(user, good())), "and no more after he has decided otherwise")
	require.True(t, c.SetDeviceVoIP(user, d.ID, true))
	assert.Equal(t, 1, c.DeviceVoIPStatus(user, d.ID))
	assert.False(t, c.SetDeviceVoIP("nobody", d.ID, true))
	assert.False(t, c.SetDeviceVoIP(user, "nope", true))
	assert.Equal(t, 0, c.DeviceVoIPStatus(user, "nope"))
}

func TestASerialNumberOfItsOwn(t *testing.T) {
	d := TestDoorbell()
	d.SN = "SN-of_its-0wn"
	c := testCloud(t, CloudConfig{Devices: []Device{d}})
	token := getToken(t, c)
	assert.Equal(t, http.StatusOK, weChat(t, c, "POST", "/wxa/getsnticket?access_token="+token, ticketBody("SN-of_its-0wn")).status)
	assert.Equal(t, "9800003", weChat(t, c, "POST", "/wxa/getsnticket?access_token="+token, ticketBody(d.UUID)).code)
}
