package purchase_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/callback"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/mall"
	"github.com/imprest-go/imprest/core/purchase"
)

// scriptedMall answers as a test says.
type scriptedMall struct {
	services  func() ([]mall.Service, error)
	exchange  func(n int, code string) error
	exchanges int
}

func (m *scriptedMall) GetServiceListByDevice(context.Context, mall.Caller, string) ([]mall.Service, error) {
	return m.services()
}

func (m *scriptedMall) ExchangeCode(_ context.Context, _ mall.Caller, p mall.ExchangeCodeParams) error {
	m.exchanges++
	return m.exchange(m.exchanges, p.Code.Reveal())
}

func scripted(t *testing.T, store journal.Store, m purchase.RedeemMall, now func() time.Time) (*purchase.Redeemer, *purchase.Codes) {
	t.Helper()
	codes, err := purchase.NewCodes(purchase.CodesConfig{Store: store, Now: now})
	require.NoError(t, err)
	redeemer, err := purchase.NewRedeemer(purchase.RedeemerConfig{Store: store, Codes: codes, Mall: m, Now: now})
	require.NoError(t, err)
	return redeemer, codes
}

func noServices() ([]mall.Service, error) { return nil, nil }

// A worker that was overtaken must not free the code that the other has sent.
func TestALateReleaseFreesNothing(t *testing.T) {
	store := journal.NewMemory()
	p := purchase.Purchase{ID: "p1", Data: redemptionData("dev-1")}
	var sent []string
	fast := &scriptedMall{services: noServices, exchange: func(_ int, code string) error { sent = append(sent, code); return errMallUnknown }}
	other, codes := scripted(t, store, fast, time.Now)
	_, err := codes.Load(t.Context(), "VOIP", strings.NewReader("c1\nc2\n"))
	require.NoError(t, err)
	late := &scriptedMall{services: noServices, exchange: func(int, string) error { return mall.Refusal("x", "1110", "", "") }}
	slow, _ := scripted(t, store, late, time.Now)
	require.Error(t, slow.Deliver(t.Context(), p), "busy: the code stays reserved")
	late.services = func() ([]mall.Service, error) {
		require.Error(t, other.Deliver(t.Context(), p)) // its lease is over, and another worker sends the code
		return nil, mall.Refusal("x", "PERMISSION_DENIED", "", "")
	}
	require.ErrorIs(t, slow.Deliver(t.Context(), p), journal.ErrConflict)
	fast.exchange = func(_ int, code string) error { sent = append(sent, code); return nil }
	require.NoError(t, other.Deliver(t.Context(), purchase.Purchase{ID: "p2", Data: redemptionData("dev-2")}))
	assert.Equal(t, []string{"c1", "c2"}, sent)
	assert.ErrorIs(t, other.Deliver(t.Context(), purchase.Purchase{ID: "p3", Data: redemptionData("dev-1")}), purchase.ErrDeviceBusy)
}

// What the device's list says of a redemption whose answer was lost.
func TestWhatTheListOfServicesTells(t *testing.T) {
	voip := func(start, end int64) mall.Service {
		return mall.Service{Code: "voip", StartTime: mall.Millis(start), EndTime: mall.Millis(end)}
	}
	other := mall.Service{Code: "other", EndTime: 5}
	for name, c := range map[string]struct {
		before, after []mall.Service
		redeemed      bool
	}{
		"added":                         {nil, []mall.Service{voip(1, 10)}, true},
		"added beside another":          {[]mall.Service{other}, []mall.Service{other, voip(1, 10)}, true},
		"ends later":                    {[]mall.Service{voip(1, 10)}, []mall.Service{voip(1, 20)}, true},
		"the same":                      {[]mall.Service{voip(1, 10)}, []mall.Service{voip(1, 10)}, false},
		"begins at another time":        {[]mall.Service{voip(1, 10)}, []mall.Service{voip(2, 10)}, false},
		"ends earlier":                  {[]mall.Service{voip(1, 10)}, []mall.Service{voip(1, 9)}, false},
		"twice":                         {nil, []mall.Service{voip(1, 10), voip(1, 20)}, false},
		"another one was added":         {nil, []mall.Service{other}, false},
		"another one was added as well": {nil, []mall.Service{other, voip(1, 10)}, false},
		"another one is gone":           {[]mall.Service{other}, []mall.Service{voip(1, 10)}, false},
		"gone":                          {[]mall.Service{voip(1, 10)}, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			now, list := time.Now(), c.before
			m := &scriptedMall{services: func() ([]mall.Service, error) { return list, nil }, exchange: func(int, string) error { return errMallUnknown }}
			redeemer, codes := scripted(t, journal.NewMemory(), m, func() time.Time { return now })
			_, err := codes.Load(t.Context(), "VOIP", strings.NewReader("c1\n"))
			require.NoError(t, err)
			p := purchase.Purchase{ID: "p1", Data: redemptionData("dev-1")}
			require.Error(t, redeemer.Deliver(t.Context(), p))
			list = c.after
			_, err = redeemer.Delivered(t.Context(), p)
			require.Error(t, err, "it may still take effect")
			now = now.Add(time.Hour)
			there, err := redeemer.Delivered(t.Context(), p)
			assert.Equal(t, c.redeemed, there)
			assert.Equal(t, c.redeemed, err == nil, "%v", err)
		})
	}
}

// Two catalogs may add the same service: one redemption at a time at a device,
// of whatever catalog.
func TestOneRedemptionAtADevice(t *testing.T) {
	m := &scriptedMall{services: noServices, exchange: func(int, string) error { return errMallUnknown }}
	redeemer, codes := scripted(t, journal.NewMemory(), m, time.Now)
	for _, catalog := range []string{"VOIP", "VOIP2"} {
		_, err := codes.Load(t.Context(), catalog, strings.NewReader(catalog+"-1\n"))
		require.NoError(t, err)
	}
	require.Error(t, redeemer.Deliver(t.Context(), purchase.Purchase{ID: "p1", Data: redemptionData("dev-1")}))
	second := json.RawMessage(strings.Replace(string(redemptionData("dev-1")), `"VOIP"`, `"VOIP2"`, 1))
	assert.ErrorIs(t, redeemer.Deliver(t.Context(), purchase.Purchase{ID: "p2", Data: second}), purchase.ErrDeviceBusy)
	assert.Equal(t, 1, m.exchanges)
}

// A device is free for others while a purchase waits for codes.
func TestAnEmptyStockOccupiesNoDevice(t *testing.T) {
	m := &scriptedMall{services: noServices, exchange: func(int, string) error { return nil }}
	redeemer, codes := scripted(t, journal.NewMemory(), m, time.Now)
	require.ErrorIs(t, redeemer.Deliver(t.Context(), purchase.Purchase{ID: "p1", Data: redemptionData("dev-1")}), purchase.ErrNoCodes)
	_, err := codes.Load(t.Context(), "VOIP", strings.NewReader("c1\n"))
	require.NoError(t, err)
	require.NoError(t, redeemer.Deliver(t.Context(), purchase.Purchase{ID: "p2", Data: redemptionData("dev-1")}))
}

// lostStore is a journal that is out of reach for one record while lost is set.
type lostStore struct {
	journal.Store
	prefix string
	lost   bool
}

func (s *lostStore) Get(ctx context.Context, id string) (journal.Record, error) {
	if s.lost && strings.HasPrefix(id, s.prefix) {
		return journal.Record{}, errStoreClean
	}
	return s.Store.Get(ctx, id)
}

// A device is free for others after a redemption that nobody can judge, even if
// the journal failed, or the process died, between the one and the other.
func TestAVoidRedemptionOccupiesNoDevice(t *testing.T) {
	now := time.Now()
	store := &lostStore{Store: journal.NewMemory(), prefix: "redeeming/"}
	m := &scriptedMall{services: noServices, exchange: func(n int, _ string) error {
		if n == 1 {
			return errMallUnknown
		}
		return nil
	}}
	redeemer, codes := scripted(t, store, m, func() time.Time { return now })
	_, err := codes.Load(t.Context(), "VOIP", strings.NewReader("c1\nc2\n"))
	require.NoError(t, err)
	first := purchase.Purchase{ID: "p1", Data: redemptionData("dev-1")}
	require.Error(t, redeemer.Deliver(t.Context(), first))
	now, store.lost = now.Add(time.Hour), true
	_, err = redeemer.Delivered(t.Context(), first)
	require.ErrorIs(t, err, errStoreClean)
	store.lost = false
	_, err = redeemer.Delivered(t.Context(), first)
	require.Equal(t, core.CodeMismatch, core.CodeOf(err), "for a person: %v", err)
	require.NoError(t, redeemer.Deliver(t.Context(), purchase.Purchase{ID: "p2", Data: redemptionData("dev-1")}))
}

// The platform says that money went back twice: a person has to know.
func TestASecondRefundIsAnAlarm(t *testing.T) {
	w, s, p, _ := refunding(t)
	p = sweeps(t, w, s, p.ID)
	notice := payoutNotice(p, callback.PayoutDone)
	require.NoError(t, s.Payout(t.Context(), notice))
	notice.AgentpayNo = "another"
	for range 2 {
		require.NoError(t, s.Payout(t.Context(), notice))
	}
	p, err := s.Get(t.Context(), p.ID)
	require.NoError(t, err)
	assert.Equal(t, purchase.Attention, p.State)
	assert.Contains(t, p.Reason, "paid twice")
	before := len(p.History)
	require.NoError(t, s.Payout(t.Context(), notice))
	p, err = s.Get(t.Context(), p.ID)
	require.NoError(t, err)
	assert.Len(t, p.History, before, "once")
}

// What no day has room for does not wait for ever.
func TestARefundOverTheCapIsForAPerson(t *testing.T) {
	w, s, p, payer := refunding(t, func(cfg *purchase.Config, _ *fakePayer) { cfg.Refunds.DailyCap = 99 })
	p = sweeps(t, w, s, p.ID)
	assert.Equal(t, purchase.Attention, p.State)
	assert.Contains(t, p.Reason, "more than a day's cap")
	assert.Empty(t, payer.payouts)
}
