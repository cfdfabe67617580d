package purchase_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core/mall"
	"github.com/imprest-go/imprest/core/purchase"
)

type redeemMall struct{ *mallWorld }

func (m redeemMall) ExchangeCode(_ context.Context, _ mall.Caller, p mall.ExchangeCodeParams) error {
	m.services[p.DeviceID] = append(m.services[p.DeviceID], mall.Service{Code: "voip", StartTime: 9, EndTime: 1_800_000_000_000})
	return nil
}

// What a code brought proves no order of which the mall says nothing.
func TestARedemptionProvesNoOrder(t *testing.T) {
	w := newMallWorld(t)
	s := w.restart()
	p, err := s.BeginMall(t.Context(), mallRequest("dev-1"))
	require.NoError(t, err)
	w.payOrder("O1") // and the mall grants nothing: status stays "paid"
	now := func() time.Time { return w.now }
	stock, err := purchase.NewCodes(purchase.CodesConfig{Store: w.inner, Now: now})
	require.NoError(t, err)
	_, err = stock.Load(t.Context(), "VOIP", strings.NewReader("CODE1"))
	require.NoError(t, err)
	redeemer, err := purchase.NewRedeemer(purchase.RedeemerConfig{Store: w.inner, Codes: stock, Mall: redeemMall{w}, Now: now})
	require.NoError(t, err)
	require.NoError(t, redeemer.Deliver(t.Context(), purchase.Purchase{ID: "X", Data: redemptionData("dev-1")}))
	for range 4 {
		w.now = w.now.Add(10 * time.Second)
		_, err = s.Reconcile(t.Context())
		require.NoError(t, err)
	}
	p = w.get(s, p.ID)
	assert.NotEqual(t, purchase.Delivered, p.State, "O1 is %s and granted %d times", w.sold["O1"].status, w.sold["O1"].granted)
}

// What a renewal brought proves no order either.
func TestARenewalsGrowthProvesNoOrder(t *testing.T) {
	w := newMallWorld(t)
	s := w.restart()
	r := mallRequest("dev-1")
	r.OptionType, r.OptionNo = 2, 1
	a, err := s.BeginMall(t.Context(), r)
	require.NoError(t, err)
	w.payOrder("O1")
	w.settle(s, 3, time.Minute)
	require.Equal(t, purchase.Delivered, w.get(s, a.ID).State)
	b, err := s.BeginMall(t.Context(), mallRequest("dev-1")) // once more, not a subscription
	require.NoError(t, err)
	require.Equal(t, "O2", b.Mall.OrderID)
	w.payOrder("O2") // the mall grants nothing for it
	renewal := w.addOrder("R1", "dev-1", "sku-voip", true)
	renewal.status = mall.OrderPaid
	w.subs[0].OrderListModel.OrderID = "R1"
	w.grant("R1")
	for range 4 {
		w.now = w.now.Add(10 * time.Second)
		_, err = s.Reconcile(t.Context())
		require.NoError(t, err)
	}
	b = w.get(s, b.ID)
	assert.NotEqual(t, purchase.Delivered, b.State, "O2 is %s and granted %d times", w.sold["O2"].status, w.sold["O2"].granted)
}

// The stories again, with a list that lags: no paid order is nobody's.
func TestStoriesWithAListThatLags(t *testing.T) {
	for _, lag := range []time.Duration{2 * time.Second, 90 * time.Second} {
		lost, runs := map[string]int{}, 0
		for _, st := range mallStories {
			for _, named := range []bool{false, true} {
				play := func(at int, mode faultMode) int {
					w := newMallWorld(t)
					w.lag = lag
					w.named, w.faultAt, w.fault = named, at, mode
					s := w.restart()
					for _, a := range st.acts {
						a(w, s)
						if w.dead {
							s = w.restart()
						}
					}
					seen := w.ios
					w.settle(s, 20, 9*time.Minute)
					w.settle(s, 2, 73*time.Hour)
					owner := map[string]bool{}
					for _, p := range w.purchases(s) {
						owner[p.Mall.OrderID] = true
						if o := w.sold[p.Mall.OrderID]; o != nil && o.device != p.Mall.ID {
							lost[fmt.Sprintf("%s named %t: order of another device", st.name, named)]++
						}
						if p.State == purchase.Attention && p.Mall.OrderID == "" {
							for id := range w.sold {
								owner[id] = true
							}
						}
					}
					for id, o := range w.sold {
						if o.granted > 0 && !owner[id] {
							lost[fmt.Sprintf("%s named %t: paid, nobody's", st.name, named)]++
						}
					}
					runs++
					return seen
				}
				last := play(-1, noFault)
				for at := 1; at <= last; at++ {
					for _, mode := range []faultMode{crashAfter, replyLost} {
						play(at, mode)
					}
				}
			}
		}
		assert.Empty(t, lost, lag)
		assert.Greater(t, runs, 100)
	}
}
