package mall_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/mall"
)

func TestMixed(t *testing.T) {
	r := startRelay(t, map[string]string{mall.OpGetVoipAuthUser: success(`{"userId":"u"}`), mall.OpGetCommodityList: success(`[]`)})
	action, err := mall.NewAction(mall.ActionConfig{URL: r.URL})
	require.NoError(t, err)
	_, openAPI, o := overOpenAPI(t, map[string]string{homeDevices: success(`[]`)})
	transports := map[string]mall.Transport{mall.OpGetDeviceList: openAPI}
	mixed, err := mall.NewMixed(mall.MixedConfig{Transports: transports, Otherwise: action})
	require.NoError(t, err)
	transports[mall.OpGetVoipAuthUser] = openAPI // is too late
	client, err := mall.New(mall.Config{Transport: mixed})
	require.NoError(t, err)
	_, err = client.GetDeviceList(t.Context(), alice, "123456")
	require.NoError(t, err)
	_, err = client.GetVoipAuthUser(t.Context(), alice, "d")
	require.NoError(t, err)
	_, err = client.GetCommodityList(t.Context(), alice, "d")
	require.NoError(t, err)
	assert.Equal(t, []string{homeDevices}, o.calls())
	assert.Equal(t, []string{mall.OpGetVoipAuthUser, mall.OpGetCommodityList}, r.actions(), "what is published goes there only if it is said so")

	for says, cfg := range map[string]mall.MixedConfig{
		"otherwise must be given": {},
		`"getDevices" is no`:      {Otherwise: action, Transports: map[string]mall.Transport{"getDevices": openAPI}},
		`"getDeviceList" is no`:   {Otherwise: action, Transports: map[string]mall.Transport{mall.OpGetDeviceList: nil}},
		`"voipServiceAuth`:        {Otherwise: action, Transports: map[string]mall.Transport{mall.OpVoipServiceAuthorization: openAPI}},
	} {
		_, err := mall.NewMixed(cfg)
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err), says)
		assert.ErrorContains(t, err, says)
	}
}
