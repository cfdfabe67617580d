package purchase_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/mall"
	"github.com/imprest-go/imprest/core/purchase"
)

// beforePut runs something once, before a record with that prefix is written.
type beforePut struct {
	watchedStore
	prefix string
	do     func()
}

func (s *beforePut) Put(ctx context.Context, r journal.Record) (journal.Record, error) {
	if do := s.do; do != nil && strings.HasPrefix(r.ID, s.prefix) {
		s.do = nil
		do()
	}
	return s.watchedStore.Put(ctx, r)
}

// redeemer is one on the journal of the world, with a code in stock.
func (w *mallWorld) redeemer(cloud purchase.RedeemMall) (*purchase.Codes, *purchase.Redeemer) {
	now := func() time.Time { return w.now }
	stock, err := purchase.NewCodes(purchase.CodesConfig{Store: w.inner, Now: now})
	require.NoError(w.t, err)
	_, err = stock.Load(w.t.Context(), "VOIP", strings.NewReader("CODE1"))
	require.NoError(w.t, err)
	redeemer, err := purchase.NewRedeemer(purchase.RedeemerConfig{Store: w.inner, Codes: stock, Mall: cloud, Now: now})
	require.NoError(w.t, err)
	return stock, redeemer
}

// The mall says that an order is delivered before it is, and something else makes
// the service longer meanwhile: that is no proof of the order, and the mall's word
// is taken only when it has stood for an hour.
func TestWhatElseMakesAServiceLongerProvesNoOrder(t *testing.T) {
	for name, other := range map[string]func(*mallWorld){
		"a code that is redeemed": func(w *mallWorld) {
			_, redeemer := w.redeemer(redeemMall{w})
			require.NoError(w.t, redeemer.Deliver(w.t.Context(), purchase.Purchase{ID: "X", Data: redemptionData("dev-1")}))
		},
		"an order that was open before": func(w *mallWorld) {
			w.payOrder("O1")
			w.grant("O1")
		},
		"an order that is made in Tuya's app": func(w *mallWorld) {
			w.now = w.now.Add(5 * time.Minute) // too late to be taken for the purchase's
			w.addOrder("APP", "dev-1", "sku-voip", false)
			w.payOrder("APP")
			w.grant("APP")
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newMallWorld(t)
			w.named = true
			w.addOrder("O1", "dev-1", "sku-voip", false)
			s := w.restart()
			p, err := s.BeginMall(t.Context(), mallRequest("dev-1"))
			require.NoError(t, err)
			w.sold["O2"].status = mall.OrderDelivered // and nothing is there yet
			other(w)
			for range 5 {
				w.now = w.now.Add(time.Minute)
				_, err = s.Reconcile(t.Context())
				require.NoError(t, err)
			}
			p = w.get(s, p.ID)
			require.Equal(t, purchase.Delivering, p.State, p.Reason)
			assert.Contains(t, p.Reason, "could have made the service longer, too")
			w.sold["O2"].status = mall.OrderPaid
			w.grant("O2")
			w.now = w.now.Add(2 * time.Hour)
			_, err = s.Reconcile(t.Context())
			require.NoError(t, err)
			p = w.get(s, p.ID)
			require.Equal(t, purchase.Delivered, p.State, p.Reason)
			assert.Empty(t, p.Mall.Pending)
			assert.False(t, p.Mall.Grown)
		})
	}
}

// An order of another purchase, for another device or with a change of its own, is
// not waited for.
func TestWhatOthersGotIsNotInTheWay(t *testing.T) {
	w := newMallWorld(t)
	w.named = true
	s := w.restart()
	first, err := s.BeginMall(t.Context(), mallRequest("dev-1"))
	require.NoError(t, err)
	second, err := s.BeginMall(t.Context(), mallRequest("dev-2"))
	require.NoError(t, err)
	w.payOrder("O1")
	w.payOrder("O2")
	w.settle(s, 3, time.Minute)
	assert.Equal(t, purchase.Delivered, w.get(s, first.ID).State)
	assert.Equal(t, purchase.Delivered, w.get(s, second.ID).State)
}

// lostExchange is a cloud that a code never reaches.
type lostExchange struct{ *mallWorld }

func (lostExchange) ExchangeCode(context.Context, mall.Caller, mall.ExchangeCodeParams) error {
	return &core.Error{Op: "mall.ExchangeCode", Code: core.CodeUnknown, Err: errors.New("timed out")}
}

// What an order of the mall brought does not show that a code was redeemed: not
// while the order can be paid, and not when its purchase was proved since.
func TestAnOrderOfTheMallIsNoRedemption(t *testing.T) {
	w := newMallWorld(t)
	w.named = true
	s := w.restart()
	stock, redeemer := w.redeemer(lostExchange{w})
	begun, err := s.BeginMall(t.Context(), mallRequest("dev-1"))
	require.NoError(t, err)
	sold := purchase.Purchase{ID: "X", Data: redemptionData("dev-1")}
	require.Equal(t, core.CodeUnknown, core.CodeOf(redeemer.Deliver(t.Context(), sold)))
	w.payOrder("O1")
	w.grant("O1")
	w.now = w.now.Add(2 * time.Minute)
	granted, err := redeemer.Delivered(t.Context(), sold)
	assert.False(t, granted)
	require.Equal(t, core.CodeMismatch, core.CodeOf(err))
	counts, err := stock.Stock(t.Context(), "VOIP")
	require.NoError(t, err)
	assert.Equal(t, 1, counts[purchase.CodeQuarantined])
	w.settle(s, 3, 2*time.Hour)
	assert.Equal(t, purchase.Delivered, w.get(s, begun.ID).State)

	// A redemption that begins when the purchase is proved has nothing to fear.
	_, err = stock.Load(t.Context(), "VOIP", strings.NewReader("CODE2"))
	require.NoError(t, err)
	sold.ID = "Y"
	require.Equal(t, core.CodeUnknown, core.CodeOf(redeemer.Deliver(t.Context(), sold)))
	w.services["dev-1"] = append(w.services["dev-1"], mall.Service{Code: "voip", StartTime: 7, EndTime: 1_900_000_000_000}) // it arrived after all
	w.now = w.now.Add(2 * time.Minute)
	granted, err = redeemer.Delivered(t.Context(), sold)
	require.NoError(t, err)
	assert.True(t, granted)
}
