package mall_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/mall"
)

var doorbell = mall.Device{ID: "vdevo1", Name: "门铃", UUID: "uuid1"}

// tickets issues a ticket that says what it is for.
type tickets struct {
	appID string
	err   error
	asked int
}

func (s *tickets) AppID() string { return s.appID }

func (s *tickets) SNTicket(_ context.Context, sn, modelID string) (string, error) {
	s.asked++
	return "ticket:" + sn + ":" + modelID, s.err
}

// plainTickets does not say which mini program it is for.
type plainTickets func() (string, error)

func (f plainTickets) SNTicket(context.Context, string, string) (string, error) { return f() }

func newVoIP(t *testing.T, answers map[string]string, change ...func(*mall.VoIPConfig)) (*mall.VoIP, *relay, *tickets) {
	t.Helper()
	r := startRelay(t, answers)
	source := &tickets{appID: "wx1"}
	cfg := mall.VoIPConfig{
		Mall: newClient(t, mall.ActionConfig{URL: r.URL}), Tickets: source,
		Now: func() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) },
	}
	for _, f := range change {
		f(&cfg)
	}
	voip, err := mall.NewVoIP(cfg)
	require.NoError(t, err)
	return voip, r, source
}

func capable() map[string]string {
	return map[string]string{
		mall.OpGetDeviceCapability: success(`{"WechatMPAppid":"wx1","WechatMPMid":"model1","WechatMPOid":"gh_1"}`),
		mall.OpSaveWXVoipAuth:      success(`true`),
		mall.OpSaveVoipAuthUser:    success(`true`),
	}
}

func TestPrepare(t *testing.T) {
	voip, r, _ := newVoIP(t, capable())
	got, err := voip.Prepare(t.Context(), alice, doorbell)
	require.NoError(t, err)
	assert.Equal(t, mall.DeviceVoIP{
		SN: "uuid1", SNTicket: "ticket:uuid1:model1", ModelID: "model1", DeviceName: "门铃",
		AppID: "wx1", OriginalID: "gh_1", ExpiresAt: time.Date(2026, 1, 1, 0, 5, 0, 0, time.UTC),
	}, got)
	assert.JSONEq(t, `{"device_id":"vdevo1","code":"tyabiwxrn9"}`, string(r.calls()[0].Params))
	assert.Equal(t, []string{mall.OpGetDeviceCapability}, r.actions())
	text, err := json.Marshal(got)
	require.NoError(t, err)
	assert.JSONEq(t, `{"sn":"uuid1","snTicket":"ticket:uuid1:model1","modelId":"model1","deviceName":"门铃","appId":"wx1","originalId":"gh_1","expiresAt":"2026-01-01T00:05:00Z"}`, string(text))
}

func TestTheSerialNumberIsTheCallersOwn(t *testing.T) {
	voip, _, _ := newVoIP(t, capable(), func(cfg *mall.VoIPConfig) { cfg.SN = func(d mall.Device) string { return "sn-of-" + d.ID } })
	got, err := voip.Prepare(t.Context(), alice, doorbell)
	require.NoError(t, err)
	assert.Equal(t, "sn-of-vdevo1", got.SN)
	assert.Equal(t, "ticket:sn-of-vdevo1:model1", got.SNTicket)

	voip, r, _ := newVoIP(t, capable(), func(cfg *mall.VoIPConfig) { cfg.SN = func(mall.Device) string { return "" } })
	_, err = voip.Prepare(t.Context(), alice, doorbell)
	assert.Equal(t, core.CodeInvalid, core.CodeOf(err))
	assert.Empty(t, r.calls())
}

func TestDeviceNamesAreCut(t *testing.T) {
	for name, want := range map[string]string{
		"1234567890123":  "1234567890123",
		"12345678901234": "1234567890123",
		"客厅的可视门铃一号机的大名字": "客厅的可视门铃一号机的大名",
		"123456789012 4":      "123456789012",
		"12345678901😀":        "12345678901😀",
		"123456789012😀":       "123456789012", // JavaScript counts it as two
		"😀😀😀😀😀😀😀":             "😀😀😀😀😀😀",
		"front door <&> bell": "front door <&",
	} {
		voip, _, _ := newVoIP(t, capable())
		got, err := voip.Prepare(t.Context(), alice, mall.Device{ID: "d", Name: name, UUID: "u"})
		require.NoError(t, err)
		assert.Equal(t, want, got.DeviceName)
	}
}

func TestWhatStopsPrepare(t *testing.T) {
	for field, device := range map[string]mall.Device{
		"device_id": {Name: "n", UUID: "u"}, "name": {ID: "d", UUID: "u"}, "uuid": {ID: "d", Name: "n"},
	} {
		voip, r, source := newVoIP(t, capable())
		_, err := voip.Prepare(t.Context(), alice, device)
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err))
		assert.ErrorContains(t, err, field+" must")
		assert.Empty(t, r.calls())
		assert.Zero(t, source.asked)
	}
	for name, tt := range map[string]struct {
		capability string
		code       core.Code
	}{
		"no capability":        {success(`null`), core.CodeNotFound},
		"no model":             {success(`{"WechatMPAppid":"wx1"}`), core.CodeMalformed},
		"no mini program":      {success(`{"WechatMPMid":"model1"}`), core.CodeMalformed},
		"another mini program": {success(`{"WechatMPAppid":"wx2","WechatMPMid":"model1"}`), core.CodeMismatch},
		"a refusal":            {`{"success":false,"code":1106}`, core.CodeRefused},
		"garbage":              {`?`, core.CodeUnknown},
	} {
		voip, _, source := newVoIP(t, map[string]string{mall.OpGetDeviceCapability: tt.capability})
		_, err := voip.Prepare(t.Context(), alice, doorbell)
		assert.Equal(t, tt.code, core.CodeOf(err), name)
		assert.Zero(t, source.asked, name)
	}
	voip, _, source := newVoIP(t, capable())
	source.err = &core.Error{Op: "wechat.SNTicket", Code: core.CodeRefused, Err: errors.New("48001")}
	_, err := voip.Prepare(t.Context(), alice, doorbell)
	assert.ErrorIs(t, err, source.err)

	voip, _, _ = newVoIP(t, map[string]string{mall.OpGetDeviceCapability: success(`{"WechatMPAppid":"wx2","WechatMPMid":"m"}`)},
		func(cfg *mall.VoIPConfig) { cfg.Tickets = plainTickets(func() (string, error) { return "t", nil }) })
	got, err := voip.Prepare(t.Context(), alice, doorbell)
	require.NoError(t, err, "a source that does not say whom it serves is trusted")
	assert.Equal(t, "wx2", got.AppID)
}

func TestSave(t *testing.T) {
	voip, r, _ := newVoIP(t, capable())
	require.NoError(t, voip.Save(t.Context(), alice, doorbell, "ay2bob", true))
	assert.Equal(t, []string{mall.OpSaveVoipAuthUser, mall.OpSaveWXVoipAuth}, r.actions(), "the user first, or the device calls somebody else")
	assert.JSONEq(t, `{"device_id":"vdevo1","user_id":"ay2bob"}`, string(r.calls()[0].Params))
	assert.JSONEq(t, `{"device_id":"vdevo1","auth_tag":1}`, string(r.calls()[1].Params))

	voip, r, _ = newVoIP(t, capable())
	require.NoError(t, voip.Save(t.Context(), alice, doorbell, "ay2bob", false))
	assert.Equal(t, []string{mall.OpSaveWXVoipAuth}, r.actions(), "who refuses takes nobody's place")
	assert.JSONEq(t, `{"device_id":"vdevo1","auth_tag":0}`, string(r.calls()[0].Params))

	assert.Equal(t, core.CodeInvalid, core.CodeOf(voip.Save(t.Context(), alice, doorbell, "", true)))
}

func TestSaveIsRepeatedAfterAPartialFailure(t *testing.T) {
	for _, fails := range []string{mall.OpSaveVoipAuthUser, mall.OpSaveWXVoipAuth} {
		answers := capable()
		answers[fails] = `{"success":false,"code":500}`
		voip, r, _ := newVoIP(t, answers)
		err := voip.Save(t.Context(), alice, doorbell, "ay2bob", true)
		assert.Equal(t, core.CodeUnknown, core.CodeOf(err))
		assert.True(t, core.Retryable(err))
		assert.Equal(t, fails, r.actions()[len(r.actions())-1], "nothing follows what failed")
		before := len(r.calls())
		r.answer(fails, success(`true`))
		require.NoError(t, voip.Save(t.Context(), alice, doorbell, "ay2bob", true))
		assert.Equal(t, []string{mall.OpSaveVoipAuthUser, mall.OpSaveWXVoipAuth}, r.actions()[before:])
	}
}

func TestResync(t *testing.T) {
	user := func(isAuth string) string { return success(`{"userId":"u","isAuth":` + isAuth + `}`) }
	for name, tt := range map[string]struct {
		stored  string
		granted bool
		changed bool
		pushed  string
		code    core.Code
	}{
		"both yes":             {user("true"), true, false, "", ""},
		"both no":              {user("false"), false, false, "", ""},
		"taken back in WeChat": {user("true"), false, true, `{"device_id":"vdevo1","auth_tag":0}`, ""},
		"given in WeChat":      {user("false"), true, true, `{"device_id":"vdevo1","auth_tag":1}`, ""},
		"nobody, and no":       {success(`null`), false, false, "", ""},
		"nobody, and yes":      {success(`null`), true, false, "", core.CodeNotFound},
		"the cloud is down":    {`{"success":false,"code":500}`, true, false, "", core.CodeUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			answers := capable()
			answers[mall.OpGetVoipAuthUser] = tt.stored
			voip, r, _ := newVoIP(t, answers)
			changed, err := voip.Resync(t.Context(), alice, doorbell, tt.granted)
			assert.Equal(t, tt.code, core.CodeOf(err))
			assert.Equal(t, tt.changed, changed)
			calls := r.calls()[1:]
			if tt.pushed == "" {
				assert.Empty(t, calls)
				return
			}
			require.Len(t, calls, 1)
			assert.JSONEq(t, tt.pushed, string(calls[0].Params))
		})
	}
	answers := capable()
	answers[mall.OpGetVoipAuthUser], answers[mall.OpSaveWXVoipAuth] = user("true"), success(`false`)
	voip, _, _ := newVoIP(t, answers)
	changed, err := voip.Resync(t.Context(), alice, doorbell, false)
	assert.False(t, changed)
	assert.Equal(t, core.CodeRefused, core.CodeOf(err))
}

func TestServiceAuthorization(t *testing.T) {
	for _, says := range []bool{true, false} {
		voip, r, _ := newVoIP(t, capable())
		granted, err := voip.ServiceAuthorization(t.Context(), alice, doorbell, func(_ context.Context, p mall.DeviceVoIP) (bool, error) {
			assert.Equal(t, "ticket:uuid1:model1", p.SNTicket)
			assert.Equal(t, []string{mall.OpGetDeviceCapability}, r.actions(), "nothing is saved before the user is asked")
			return says, nil
		})
		require.NoError(t, err)
		assert.Equal(t, says, granted)
		want := []string{mall.OpGetDeviceCapability, mall.OpSaveWXVoipAuth}
		if says {
			want = []string{mall.OpGetDeviceCapability, mall.OpSaveVoipAuthUser, mall.OpSaveWXVoipAuth}
			assert.JSONEq(t, `{"device_id":"vdevo1","user_id":"ay1alice"}`, string(r.calls()[1].Params))
		}
		assert.Equal(t, want, r.actions())
	}

	gone := errors.New("the mini program was closed")
	voip, r, _ := newVoIP(t, capable())
	granted, err := voip.ServiceAuthorization(t.Context(), alice, doorbell, func(context.Context, mall.DeviceVoIP) (bool, error) { return true, gone })
	assert.Equal(t, gone, err)
	assert.False(t, granted)
	assert.Len(t, r.calls(), 1, "nothing is saved")

	answers := capable()
	answers[mall.OpSaveWXVoipAuth] = `?`
	voip, _, _ = newVoIP(t, answers)
	granted, err = voip.ServiceAuthorization(t.Context(), alice, doorbell, func(context.Context, mall.DeviceVoIP) (bool, error) { return true, nil })
	assert.True(t, core.Retryable(err))
	assert.True(t, granted, "the user's word is not lost: Save alone is repeated")

	for name, tt := range map[string]struct {
		answers map[string]string
		caller  mall.Caller
	}{
		"no capability": {map[string]string{mall.OpGetDeviceCapability: success(`null`)}, alice},
		"no uid":        {capable(), mall.Caller{Credential: core.NewSecret("t")}},
	} {
		voip, _, _ := newVoIP(t, tt.answers)
		_, err := voip.ServiceAuthorization(t.Context(), tt.caller, doorbell, func(context.Context, mall.DeviceVoIP) (bool, error) {
			t.Error(name + ": the user is not asked in vain")
			return true, nil
		})
		assert.Error(t, err, name)
	}
}

func TestNewVoIPChecks(t *testing.T) {
	_, err := mall.NewVoIP(mall.VoIPConfig{Tickets: &tickets{}})
	assert.ErrorContains(t, err, "mall must be given")
	_, err = mall.NewVoIP(mall.VoIPConfig{Mall: answering(t, 200, "")})
	assert.ErrorContains(t, err, "tickets must be given")
}
