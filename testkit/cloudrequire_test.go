package testkit

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRequireOnTheCloud(t *testing.T) {
	c := testCloud(t, CloudConfig{})
	failure := func(f func(TB)) string {
		tb := &fakeTB{}
		f(tb)
		if tb.failed == "" {
			return ""
		}
		first, rest, _ := strings.Cut(tb.failed, "\n\t")
		require.Regexp(t, `^rule: .+\n\tpage: Tuya VoIP and value-added services SDK \(docs/iot/ms-voip-sdk\), [a-zA-Z, ]+\n\tdo:   .+$`, rest)
		return first
	}
	id := TestDoorbell().ID
	service := func(tb TB) { c.RequireService(tb, id, ServiceVoIP) }
	none := func(tb TB) { c.RequireNoService(tb, id, ServiceVoIP) }
	used := func(tb TB) { c.RequireCodeUsed(tb, "VOIP-TEST-0001") }
	authorized := func(tb TB) { c.RequireAuthorized(tb, id) }

	assert.Equal(t, `expected device "`+id+`" to have the service "voip"; got `+ServiceFreeStorage, failure(service))
	assert.Equal(t, `expected device "x" in the cloud; got none`, failure(func(tb TB) { c.RequireService(tb, "x", "voip") }))
	assert.Equal(t, "expected the exchange code ***0001 to be used; got one that is free", failure(used))
	assert.Equal(t, "expected the exchange code *** in the cloud; got none", failure(func(tb TB) { c.RequireCodeUsed(tb, "nope") }))
	assert.Equal(t, "expected 1 exchange codes to be used; got 0: none", failure(func(tb TB) { c.RequireCodesUsed(tb, 1) }))
	assert.Contains(t, failure(authorized), "got none")
	assert.Empty(t, failure(none))

	require.True(t, ask(t, c, CallExchangeCode, redeeming()).Success)
	assert.Empty(t, failure(service))
	assert.Empty(t, failure(used))
	assert.Contains(t, failure(none), "until 2024-11-14 22:13:20")
	assert.Equal(t, "expected 2 exchange codes to be used; got 1: ***0001 by "+id, failure(func(tb TB) { c.RequireCodesUsed(tb, 2) }))
	assert.Empty(t, failure(func(tb TB) { c.RequireCodesUsed(tb, 1) }))

	ask(t, c, CallSaveVoipAuthUser, ofDoorbell().but(params{"user_id": TestCloudUser().ID}))
	assert.Contains(t, failure(authorized), "isAuth false")
	ask(t, c, CallSaveWXVoipAuth, ofDoorbell().but(params{"auth_tag": 1}))
	assert.Empty(t, failure(authorized))

	c.Clock.Advance(400 * 24 * time.Hour)
	assert.Contains(t, failure(service), "voip (ended 2024-11-14 22:13:20)")
	assert.Empty(t, failure(none))
}

func TestRequireOnTheMall(t *testing.T) {
	c := testCloud(t, CloudConfig{NoListen: true})
	failure := func(f func(TB)) string {
		tb := &fakeTB{}
		f(tb)
		if tb.failed == "" {
			return ""
		}
		first, rest, _ := strings.Cut(tb.failed, "\n\t")
		require.Regexp(t, `^rule: .+\n\tpage: Tuya VoIP and value-added services SDK \(docs/iot/ms-voip-sdk\), [a-zA-Z, ]+\n\tdo:   .+$`, rest)
		return first
	}
	orders := func(n int) func(TB) { return func(tb TB) { c.RequireMallOrders(tb, n) } }
	paid := func(tb TB) { c.RequireMallOrder(tb, "O1", MallOrderFinished) }
	subscriptions := func(n int) func(TB) { return func(tb TB) { c.RequireSubscriptions(tb, n) } }
	assert.Empty(t, failure(orders(0)))
	assert.Equal(t, "expected 1 orders in the mall; got 0: none", failure(orders(1)))
	assert.Equal(t, `expected the order "O1" in the mall; got none`, failure(paid))

	_, err := c.AddMallOrder(MallOrder{OrderID: "O1", SKUCode: "s", AmountTrade: 3600, PeriodType: 1, Period: Period{Unit: PeriodYear, Value: 1}})
	require.NoError(t, err)
	assert.Equal(t, "expected 0 orders in the mall; got 1: O1 (s, created, 36.00 CNY)", failure(orders(0)))
	assert.Equal(t, `expected the order "O1" to be finished; got O1 (s, created, 36.00 CNY)`, failure(paid))
	assert.Equal(t, "expected 1 subscriptions that are paid on; got 0: none", failure(subscriptions(1)))

	require.NoError(t, c.PayMallOrder("O1"))
	assert.Empty(t, failure(orders(1)))
	assert.Empty(t, failure(paid))
	assert.Empty(t, failure(subscriptions(1)))
	id := c.Subscriptions()[0].SubscribeID
	assert.Equal(t, "expected 2 subscriptions that are paid on; got 1: "+id, failure(subscriptions(2)))
	require.NoError(t, c.CancelSubscription(id))
	assert.Empty(t, failure(subscriptions(0)))
}
