package sandbox

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/testkit"
)

func TestOnceOnTheMallRail(t *testing.T) {
	steps, p := runOnce(t, Config{Rail: RailMall, Journal: "sqlite:" + filepath.Join(t.TempDir(), "journal.db")})
	assert.Equal(t, purchase.Delivered, p.State)
	assert.Equal(t, core.Fen(3600), p.Amount)
	require.NotNil(t, p.Mall)
	require.NotNil(t, p.Payment)
	assert.Equal(t, purchase.ByOrderList, p.Payment.By)
	assert.Equal(t, p.Mall.OrderID, p.Payment.TradeNo)
	for _, step := range []string{"login", "commodity", "order", "payment", "commit", "delivery", "authorization", "check"} {
		assert.Contains(t, steps, "  "+step, step)
	}
	assert.NotContains(t, steps, "prepay_id", "what a user pays by is for him alone")
}

func TestOnceOnTheMallRailEndsAsEachFaultImplies(t *testing.T) {
	tried := 0
	for _, fault := range FaultList() {
		if fault.OnMall == "" {
			continue
		}
		tried++
		t.Run(fault.Name, func(t *testing.T) {
			began := time.Now()
			_, p := runOnce(t, Config{Rail: RailMall, Faults: []string{fault.Name}, Seed: 3})
			want := purchase.Delivered
			switch fault.Name {
			case priceChange:
				want = purchase.Unpaid
				assert.Contains(t, p.Reason, "price changed")
				assert.Nil(t, p.Payment)
			case cloudDown:
				want = purchase.Expired
				assert.Contains(t, p.Reason, "no order")
			}
			assert.Equal(t, want, p.State)
			assert.Less(t, time.Since(began), 5*time.Second)
		})
	}
	assert.Greater(t, tried, 6)
}

func TestOnceOnTheMallRailUnderPairsOfFaults(t *testing.T) {
	var list []fault
	for _, f := range faults() {
		if f.OnMall != "" {
			list = append(list, f)
		}
	}
	for i, first := range list {
		for _, second := range list[i+1:] {
			if clash(first, second) != "" || clashOnMall(first, second) {
				continue
			}
			names := []string{second.Name, first.Name}
			t.Run(strings.Join(names, ","), func(t *testing.T) {
				t.Parallel()
				runOnce(t, Config{Rail: RailMall, Faults: names, Seed: uint64(i + 1)})
			})
		}
	}
}

// clashOnMall says that one of two faults leaves the other nothing to strike:
// what is never paid is never committed, and what is never ordered costs nothing.
func clashOnMall(a, b fault) bool {
	ends := func(f fault) bool { return f.Name == priceChange || f.Name == cloudDown }
	needs := func(f fault) bool {
		switch f.Name {
		case journalDown, crash, "cloud-5xx", orderLost, orderUnheard, "wechat-token-expired", callsRefused, tokenExpired:
			return true
		}
		return false
	}
	return ends(a) && needs(b) || ends(b) && needs(a)
}

func TestWhichFaultsFitWhichRail(t *testing.T) {
	for _, c := range []struct {
		cfg  Config
		says string
	}{
		{Config{Once: true, Rail: "sea"}, `--rail: there is no "sea"`},
		{Config{Rail: RailMall}, "--rail: is for --once"},
		{Config{Once: true, Rail: RailMall, Faults: []string{"duplicate"}}, "--faults: duplicate cannot happen on the mall rail"},
		{Config{Once: true, Faults: []string{priceChange, "duplicate"}}, "--faults: duplicate cannot happen on the mall rail"},
		{Config{Once: true, Rail: RailVVChat, Faults: []string{priceChange}}, "say --rail mall"},
	} {
		err := Run(t.Context(), c.cfg)
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err), c.says)
		assert.ErrorContains(t, err, c.says)
	}
	_, p := runOnce(t, Config{Faults: []string{priceChange}}) // the fault says which rail
	assert.NotNil(t, p.Mall)
}

// What a mini program does over the merchant's routes, in a sandbox that serves.
func TestTheMallRoutesOfTheShop(t *testing.T) {
	w := startWorld(t, Config{})
	b := newBrowser(w.base)
	defer b.client.CloseIdleConnections()
	ask := func(operation, body string) page {
		answer, err := b.send(t.Context(), "POST", b.base+"/mall/"+operation, "application/json", body, false)
		require.NoError(t, err)
		return answer
	}
	device := testkit.TestDoorbell()
	assert.Equal(t, 401, ask("getCommodityList", `{"device_id":"`+device.ID+`"}`).status, "nobody is logged in")
	require.NoError(t, w.logIn(t.Context(), b))
	assert.Equal(t, 200, ask("getCommodityList", `{"device_id":"`+device.ID+`"}`).status)
	assert.Equal(t, 404, ask("getCommodityList", `{"device_id":"another-household"}`).status)
	assert.Equal(t, 404, ask("getDeviceList", `{"owner_id":"1"}`).status)
	assert.Equal(t, 403, ask("exchangeCode", `{}`).status, "the codes are the merchant's")
	assert.Equal(t, 403, ask("buyIncreaseServiceByWx", `{}`).status)
	assert.Equal(t, 404, ask("getEverything", `{}`).status)
	answer := ask("getServiceListByDevice", `"`+device.ID+`"`)
	assert.Equal(t, 200, answer.status)
	var services []map[string]any
	require.NoError(t, json.Unmarshal(answer.body, &services))
	assert.True(t, bytes.Contains(answer.body, []byte(testkit.ServiceFreeStorage)), string(answer.body))
}

// A mini program that runs elsewhere buys in a sandbox that serves: it pays by
// the control API, with what the shop answered and nothing else.
func TestAMallPurchaseInASandboxThatServes(t *testing.T) {
	w := startWorld(t, Config{})
	b := newBrowser(w.base)
	defer b.client.CloseIdleConnections()
	require.NoError(t, w.logIn(t.Context(), b))
	wish, err := w.chooseInMall(t.Context(), b)
	require.NoError(t, err)
	answer, err := b.send(t.Context(), "POST", b.base+"/purchases", "application/json", string(wish), false)
	require.NoError(t, err)
	require.Equal(t, 201, answer.status, string(answer.body))
	var bought purchase.View
	require.NoError(t, json.Unmarshal(answer.body, &bought))
	pay := func(prepay string) int {
		paid, err := b.send(t.Context(), "POST", b.base+"/_sandbox/mall-payments", "application/json", prepay, false)
		require.NoError(t, err)
		return paid.status
	}
	assert.Equal(t, 400, pay(`{"package":"prepay_id=1"}`))
	assert.Equal(t, 400, pay(`[]`))
	assert.Equal(t, 200, pay(string(bought.Mall.Prepay)))
	assert.Equal(t, 409, pay(string(bought.Mall.Prepay)), "nobody pays twice")
	listed, err := b.get(t.Context(), b.base+"/_sandbox/mall-orders")
	require.NoError(t, err)
	assert.Contains(t, string(listed.body), `"orderStatus":"finished"`)
	require.Eventually(t, func() bool {
		shown, err := b.get(t.Context(), b.base+"/purchases/"+bought.ID)
		return err == nil && bytes.Contains(shown.body, []byte(`"state":"delivered"`))
	}, 20*time.Second, 100*time.Millisecond)
}
