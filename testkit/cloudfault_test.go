package testkit

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func tryExchange(t *testing.T, c *Cloud, code string) (told, error) {
	t.Helper()
	return send(t, c, actionBody(map[string]string{"user_id": TestCloudUser().ID}, "exchangeCode", redeeming().but(params{"code": code})))
}

func TestFaultsOfTheRelay(t *testing.T) {
	for _, x := range []struct {
		fault  Fault
		effect bool // the code is used
		status int  // 0: the connection ends
		body   string
	}{
		{Fault{Kind: FaultCut}, false, 0, ""},
		{Fault{Kind: FaultAnswerLost}, true, 0, ""},
		{Fault{Kind: FaultError500}, false, 500, `"code":500,"msg":"system error"`},
		{Fault{Kind: FaultError500After}, true, 500, `"code":500,"msg":"system error"`},
		{Fault{Kind: FaultSystemError}, false, 200, `"code":500,"msg":"system error"`},
		{Fault{Kind: FaultSystemErrorAfter}, true, 200, `"code":500,"msg":"system error"`},
		{Fault{Kind: FaultRefused}, false, 200, `"code":"PERMISSION_DENIED"`},
		{Fault{Kind: FaultBusy}, false, 200, `"code":1111,`},
		{Fault{Kind: FaultRateLimited}, false, 200, `"code":1199,`},
		{Fault{Kind: FaultTokenExpired}, false, 200, `"code":1010,"msg":"token is expired"`},
		{Fault{Kind: FaultTokenInvalid}, false, 200, `"code":1011,`},
		{Fault{Kind: FaultErrorCode, Code: "28841004"}, false, 200, `"code":28841004,"msg":"the quota of the trial`},
		{Fault{Kind: FaultErrorCode, Code: "CODE_USED"}, false, 200, `"code":"CODE_USED"`},
		{Fault{Kind: FaultLateEffect}, false, 504, "Gateway Timeout"},
		{Fault{Kind: FaultGarbage}, false, 200, "<html>"},
		{Fault{Kind: FaultRedirect}, false, 302, ""},
		{Fault{Kind: FaultRefusedPlain}, false, 400, "bad request"},
		{Fault{Kind: FaultTooMany}, false, 429, `"code":1199,`},
		{Fault{Kind: FaultRedirectAway}, false, 302, ""},
		{Fault{Kind: FaultHugeAnswer}, true, 200, "{        "},
		{Fault{Kind: FaultTornAnswer}, true, 200, "{"},
	} {
		t.Run(string(x.fault.Kind), func(t *testing.T) {
			c := testCloud(t, CloudConfig{})
			ask(t, c, CallGetCommodityList, ofDoorbell()) // so that the connection is one that is used again
			x.fault.Call = CallExchangeCode
			injected := c.Inject(x.fault)
			a, err := tryExchange(t, c, "VOIP-TEST-0001")
			assert.Equal(t, x.status == 0 || x.fault.Kind == FaultTornAnswer, err != nil, "%v", err)
			assert.Equal(t, x.status, a.status)
			assert.Contains(t, a.body, x.body)
			assert.Equal(t, x.effect && x.fault.Kind == FaultHugeAnswer, a.Success)
			code, _ := c.Code("VOIP-TEST-0001")
			assert.Equal(t, x.effect, code.IsUsed())
			assert.Len(t, c.Services(TestDoorbell().ID), map[bool]int{false: 1, true: 2}[x.effect])
			assert.Equal(t, 1, injected.Applied())
			all := c.Requests()
			require.Len(t, all, 2, "the client did not send it again")
			assert.Equal(t, []FaultKind{x.fault.Kind}, all[1].Faults)

			a, err = tryExchange(t, c, "VOIP-TEST-0002")
			require.NoError(t, err)
			assert.True(t, a.Success, "it struck once")
		})
	}
}

// Each fault that can happen to one operation can happen to it.
func TestFaultsFindTheirCalls(t *testing.T) {
	for _, info := range Faults() {
		for _, call := range info.Calls {
			p := testPlatform(t, PlatformConfig{})
			c := testCloud(t, CloudConfig{})
			f := Fault{Kind: info.Kind, Call: call, Code: "1113"}
			ofCloud := c.operations[string(call)].call == call || slices.Contains(append(openAPICalls(), wechatCalls()...), call)
			if ofCloud {
				assert.NotPanics(t, func() { c.Inject(f) }, "%s %s", info.Kind, call)
				assert.Panics(t, func() { p.Inject(f) }, "%s %s", info.Kind, call)
			} else {
				assert.Panics(t, func() { c.Inject(f) }, "%s %s", info.Kind, call)
				assert.NotPanics(t, func() { p.Inject(f) }, "%s %s", info.Kind, call)
			}
			p.Close()
			c.Close()
		}
	}
	c := testCloud(t, CloudConfig{})
	assert.Panics(t, func() { c.Inject(Fault{Kind: FaultForgedSign}) }, "without a call, too")
	assert.Panics(t, func() { testPlatform(t, PlatformConfig{}).Inject(Fault{Kind: FaultBusy}) })
	assert.Panics(t, func() { c.Inject(Fault{Kind: FaultErrorCode}) }, "no code")
	assert.Panics(t, func() { c.Inject(Fault{Kind: FaultNotSaved, Call: CallExchangeCode}) })
}

func TestNotSaved(t *testing.T) {
	c := testCloud(t, CloudConfig{})
	c.Inject(Fault{Kind: FaultNotSaved, Times: 2})
	for call, p := range map[Call]params{CallSaveWXVoipAuth: {"auth_tag": 1}, CallSaveVoipAuthUser: {"user_id": TestCloudUser().ID}} {
		a := ask(t, c, call, ofDoorbell().but(p))
		assert.True(t, a.Success)
		assert.Equal(t, "false", string(a.Result))
	}
	_, ok := c.Authorization(TestDoorbell().ID)
	assert.False(t, ok)
	assert.Equal(t, "true", string(ask(t, c, CallSaveWXVoipAuth, ofDoorbell().but(params{"auth_tag": 1})).Result))
}

func TestLateEffects(t *testing.T) {
	c := testCloud(t, CloudConfig{})
	c.Inject(Fault{Kind: FaultLateEffect, Delay: 10 * time.Second, Times: 2})
	a, err := tryExchange(t, c, "VOIP-TEST-0001")
	require.NoError(t, err)
	assert.Equal(t, 504, a.status)
	a, err = tryExchange(t, c, "VOIP-TEST-0001")
	require.NoError(t, err)
	assert.Equal(t, 504, a.status)
	assert.Contains(t, c.Requests()[0].Err, "the effect comes in 10s")
	c.Clock.Advance(9 * time.Second)
	c.RequireCodesUsed(t, 0)
	c.RequireNoService(t, TestDoorbell().ID, ServiceVoIP)
	c.Clock.Advance(time.Second)
	c.RequireCodesUsed(t, 1)
	s := c.RequireService(t, TestDoorbell().ID, ServiceVoIP)
	assert.Equal(t, c.Clock.Now().UnixMilli(), s.Start.UnixMilli(), "it counts from when it happened")
	assert.Equal(t, c.Clock.Now().AddDate(1, 0, 0).UnixMilli(), s.End.UnixMilli(), "the second one came too late")

	c.Inject(Fault{Kind: FaultLateEffect})
	_, err = tryExchange(t, c, "VOIP-TEST-0002")
	require.NoError(t, err)
	c.ClearFaults()
	require.NoError(t, c.AddCodes(ExchangeCode{Code: "a-later-one", CatalogCode: CatalogVoIP}))
	c.Clock.Advance(time.Minute)
	c.RequireCodeUsed(t, "VOIP-TEST-0002")

	c.Inject(Fault{Kind: FaultLateEffect})
	_, err = tryExchange(t, c, "VOIP-TEST-0003")
	require.NoError(t, err)
	c.Close()
	_, pending := c.Clock.Next()
	assert.False(t, pending, "nothing is left on the clock")
	c.Clock.Advance(time.Hour)
	c.RequireCodesUsed(t, 2)
}

// With slow beside it, a late effect looks to the caller as what it is: an
// answer that does not come.
func TestLateAndSlow(t *testing.T) {
	c := testCloud(t, CloudConfig{})
	c.Inject(Fault{Kind: FaultLateEffect, Delay: time.Second})
	c.Inject(Fault{Kind: FaultSlow})
	ctx, cancel := context.WithCancel(t.Context())
	body := actionBody(map[string]string{"user_id": TestCloudUser().ID}, "exchangeCode", redeeming())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.ActionURL(), strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	done := make(chan error)
	go func() {
		_, err := sendRequest(c, req)
		done <- err
	}()
	require.Eventually(t, func() bool { _, ok := c.Clock.Next(); return ok }, 5*time.Second, time.Millisecond)
	cancel()
	assert.ErrorIs(t, <-done, context.Canceled)
	c.RequireCodesUsed(t, 0)
	c.Clock.Advance(time.Second)
	c.RequireCodesUsed(t, 1)
}

func TestSlowAnswersOfTheCloud(t *testing.T) {
	c := testCloud(t, CloudConfig{})
	c.Inject(Fault{Kind: FaultSlow, Delay: 3 * time.Second})
	done := make(chan told)
	go func() {
		a, _ := tryExchange(t, c, "VOIP-TEST-0001")
		done <- a
	}()
	require.Eventually(t, func() bool { _, ok := c.Clock.Next(); return ok }, 5*time.Second, time.Millisecond)
	c.RequireCodeUsed(t, "VOIP-TEST-0001")
	c.Clock.Advance(3 * time.Second)
	assert.True(t, (<-done).Success)

	c.Inject(Fault{Kind: FaultSlow})
	go func() {
		a, _ := tryExchange(t, c, "VOIP-TEST-0002")
		done <- a
	}()
	require.Eventually(t, func() bool { k, _ := c.Code("VOIP-TEST-0002"); return k.IsUsed() }, 5*time.Second, time.Millisecond)
	c.Close()
	<-done
}

func TestFaultsOfTheCloudAreLimited(t *testing.T) {
	c := testCloud(t, CloudConfig{})
	neighbour, hers := addNeighbour(t, c)
	try := func(userID, deviceID string) string {
		return askAs(t, c, userID, CallGetCommodityList, params{"device_id": deviceID}).code()
	}
	user, doorbell, camera := TestCloudUser().ID, TestDoorbell().ID, TestCamera().ID
	byDevice := c.Inject(Fault{Kind: FaultBusy, DeviceID: camera, Times: Always})
	byUser := c.Inject(Fault{Kind: FaultRateLimited, Times: Always, Match: func(f FaultTarget) bool {
		return f.UserID == neighbour.ID && f.Call == CallGetCommodityList && len(c.Services(f.DeviceID)) > 0
	}})
	assert.Equal(t, []string{"", "1111", "1199"}, []string{try(user, doorbell), try(user, camera), try(neighbour.ID, hers.ID)})
	assert.Equal(t, "1102", ask(t, c, CallGetCommodityList, params{}).code(), "a bad request meets no fault")
	assert.Equal(t, "PERMISSION_DENIED", try(neighbour.ID, camera))
	assert.Equal(t, 1, byDevice.Applied())
	assert.Equal(t, 1, byUser.Applied())
	byDevice.Remove()
	c.ClearFaults()
	assert.Equal(t, []string{"", ""}, []string{try(user, camera), try(neighbour.ID, hers.ID)})

	// Once for every operation and every fault.
	c.Inject(Fault{Kind: FaultRefused, Call: CallSaveWXVoipAuth, Times: Always})
	for range 3 {
		assert.Equal(t, "PERMISSION_DENIED", ask(t, c, CallSaveWXVoipAuth, ofDoorbell().but(params{"auth_tag": 1})).code(), "for good")
		assert.True(t, ask(t, c, CallSaveVoipAuthUser, ofDoorbell().but(params{"user_id": user})).Success)
	}
}

func TestFaultsOfWeChat(t *testing.T) {
	path := "/wxa/getsnticket?access_token="
	for _, x := range []struct {
		fault  Fault
		effect bool // a ticket is issued
		status int
		code   string
	}{
		{Fault{Kind: FaultCut}, false, 0, ""},
		{Fault{Kind: FaultAnswerLost}, true, 0, ""},
		{Fault{Kind: FaultError500}, false, 500, "-1"},
		{Fault{Kind: FaultError500After}, true, 500, "-1"},
		{Fault{Kind: FaultSystemError}, false, 200, "-1"},
		{Fault{Kind: FaultSystemErrorAfter}, true, 200, "-1"},
		{Fault{Kind: FaultRefused}, false, 200, "48001"},
		{Fault{Kind: FaultErrorCode, Code: "45009"}, false, 200, "45009"},
		{Fault{Kind: FaultGarbage}, false, 200, ""},
		{Fault{Kind: FaultRefusedPlain}, false, 400, ""},
		{Fault{Kind: FaultTooMany}, false, 429, "45011"},
		{Fault{Kind: FaultHugeAnswer}, true, 200, "0"},
	} {
		t.Run(string(x.fault.Kind), func(t *testing.T) {
			c := testCloud(t, CloudConfig{})
			token := getToken(t, c)
			x.fault.Call = CallGetSNTicket
			c.Inject(x.fault)
			a, err := tryWeChat(t, c, "POST", path+token, ticketBody(TestDoorbell().UUID))
			assert.Equal(t, x.status == 0, err != nil, "%v", err)
			assert.Equal(t, x.status, a.status)
			assert.Equal(t, x.code, a.code)
			assert.Len(t, c.Tickets(), map[bool]int{false: 0, true: 1}[x.effect])
			assert.Equal(t, []FaultKind{x.fault.Kind}, c.Requests()[1].Faults)
			getTicket(t, c, token)

			x.fault.Call = CallWeChatToken
			c.Inject(x.fault)
			a, err = tryWeChat(t, c, "GET", tokenQuery, "")
			assert.Equal(t, x.status == 0, err != nil, "%v", err)
			assert.Equal(t, x.status, a.status)
			assert.Equal(t, x.status == 200 && x.effect && x.code == "0", a.fields["access_token"] != nil)
			getToken(t, c)
		})
	}
}

// A token that is taken back stays so: whoever sends it again is refused
// again.
func TestATokenTakenBackStaysSo(t *testing.T) {
	for kind, code := range map[FaultKind]string{FaultTokenExpired: "42001", FaultTokenInvalid: "40001"} {
		c := testCloud(t, CloudConfig{})
		token := getToken(t, c)
		getTicket(t, c, token)
		c.Inject(Fault{Kind: kind, Call: CallGetSNTicket})
		for range 3 {
			assert.Equal(t, code, weChat(t, c, "POST", "/wxa/getsnticket?access_token="+token, ticketBody(TestDoorbell().UUID)).code)
		}
		getTicket(t, c, getToken(t, c))
	}
}
