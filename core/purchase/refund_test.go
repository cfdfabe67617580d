package purchase_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/callback"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/core/vvchat"
)

var errOutOfStock = &core.Error{Op: "warehouse", Code: core.CodeRefused, Err: errors.New("out of stock for ever")}

// fakePayer is the platform's payout: it never looks whether it paid before,
// so that a second request shows.
type fakePayer struct {
	*world
	payouts []vvchat.Payout
	answer  func() error
}

func (f *fakePayer) Payout(_ context.Context, p vvchat.Payout) (string, error) {
	err := f.io("payout", errPlatformUnknown, errPlatformClean, func() error {
		if f.answer != nil {
			if err := f.answer(); err != nil {
				return err
			}
		}
		require.False(f.t, f.paidOut[p.OutOrderNo], "paid out twice")
		f.payouts, f.paidOut[p.OutOrderNo] = append(f.payouts, p), true
		require.Zero(f.t, f.grants[p.OutOrderNo[1:]], "both granted and refunded")
		return nil
	})
	return "A" + p.OutOrderNo, err
}

// refunding returns a world in which nothing can be delivered, and refunds are
// on, with one purchase that was paid.
func refunding(t *testing.T, change ...func(*purchase.Config, *fakePayer)) (*world, *purchase.Service, purchase.Purchase, *fakePayer) {
	t.Helper()
	w := newWorld(t)
	w.deliverErr = func() error { return errOutOfStock }
	payer := &fakePayer{world: w}
	cfg := purchase.Config{
		Store: watchedStore{w}, Platform: fakePlatform{w}, Deliverer: fakeDeliverer{w},
		Catalog: purchase.Offers{"voip": {Title: "VoIP", Amount: 100}}, NotifyURL: "https://shop.example/callbacks/payment",
		Now: func() time.Time { return w.now }, Rand: w.rand,
		Refunds: &purchase.Refunds{Payer: payer, OutOpenID: "payer", NotifyURL: "https://shop.example/callbacks/payout", DailyCap: 1000},
	}
	for _, f := range change {
		f(&cfg, payer)
	}
	s, err := purchase.New(cfg)
	require.NoError(t, err)
	p, err := s.Begin(t.Context(), purchase.Request{Buyer: "buyer", OfferID: "voip", Price: 100})
	require.NoError(t, err)
	require.NoError(t, s.Paid(t.Context(), noticeOf(p, w.pay(p.ID))))
	return w, s, p, payer
}

func sweeps(t *testing.T, w *world, s *purchase.Service, id string) purchase.Purchase {
	t.Helper()
	for range 4 {
		_, err := s.Reconcile(t.Context())
		require.NoError(t, err)
		w.now = w.now.Add(2 * time.Minute)
	}
	p, err := s.Get(t.Context(), id)
	require.NoError(t, err)
	return p
}

func payoutNotice(p purchase.Purchase, status int64) callback.PayoutNotice {
	return callback.PayoutNotice{AppID: p.AppID, OutOrderNo: "R" + p.ID, AgentpayNo: "A1", Status: status}
}

func TestWhatCannotBeDeliveredIsPaidBack(t *testing.T) {
	w, s, p, payer := refunding(t)
	p = sweeps(t, w, s, p.ID)
	assert.Equal(t, purchase.Refunding, p.State)
	require.Len(t, payer.payouts, 1)
	sent := payer.payouts[0]
	assert.Equal(t, "R"+p.ID, sent.OutOrderNo)
	assert.Equal(t, "buyer", sent.InOpenID, "to who paid")
	assert.Equal(t, "payer", sent.OutOpenID)
	assert.Equal(t, core.Fen(100), sent.Amount)
	assert.True(t, p.Refund.Accepted)

	p = sweeps(t, w, s, p.ID)
	assert.Equal(t, purchase.Refunding, p.State, "HTTP 200 says accepted, no more")
	require.NoError(t, s.Payout(t.Context(), payoutNotice(p, callback.PayoutDone)))
	p = sweeps(t, w, s, p.ID)
	assert.Equal(t, purchase.Refunded, p.State)
	assert.False(t, p.Refund.RefundedAt.IsZero())
	assert.Len(t, payer.payouts, 1)
}

func TestWithoutConfigurationAPersonPaysBack(t *testing.T) {
	w, s, p, payer := refunding(t, func(cfg *purchase.Config, _ *fakePayer) { cfg.Refunds = nil })
	p = sweeps(t, w, s, p.ID)
	assert.Equal(t, purchase.Attention, p.State)
	assert.Contains(t, p.Reason, "refunds are not configured")
	assert.Empty(t, payer.payouts)
}

// Repeated, reordered, forged about another payout, unknown: what the notices
// of one refund may come to.
func TestPayoutNotices(t *testing.T) {
	for _, tt := range []struct {
		name     string
		statuses []int64
		state    purchase.State
	}{
		{"done", []int64{1}, purchase.Refunded},
		{"done, repeated", []int64{1, 1, 1}, purchase.Refunded},
		{"waiting", []int64{0}, purchase.Refunding},
		{"waiting, repeated", []int64{0, 0}, purchase.Refunding},
		{"waiting, done", []int64{0, 1}, purchase.Refunded},
		{"done, waiting", []int64{1, 0}, purchase.Refunded},
		{"failed", []int64{2}, purchase.Attention},
		{"failed, repeated", []int64{2, 2}, purchase.Attention},
		{"done, failed (reordered)", []int64{1, 2}, purchase.Refunded},
		{"failed, done (reordered)", []int64{2, 1}, purchase.Refunded},
		{"a status that nobody documents", []int64{7}, purchase.Refunding},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, s, p, payer := refunding(t)
			p = sweeps(t, w, s, p.ID)
			for _, status := range tt.statuses {
				require.NoError(t, s.Payout(t.Context(), payoutNotice(p, status)), "every genuine notice is acknowledged")
			}
			p = sweeps(t, w, s, p.ID)
			assert.Equal(t, tt.state, p.State)
			assert.Len(t, payer.payouts, 1, "a failure is never answered with a second payout")
		})
	}
	w, s, p, _ := refunding(t)
	p = sweeps(t, w, s, p.ID)
	for name, change := range map[string]func(*callback.PayoutNotice){
		"another app":      func(n *callback.PayoutNotice) { n.AppID = "other" },
		"an unknown order": func(n *callback.PayoutNotice) { n.OutOrderNo = "Runknown" },
		"not a refund":     func(n *callback.PayoutNotice) { n.OutOrderNo = "salary-1" },
		"nothing":          func(n *callback.PayoutNotice) { n.OutOrderNo = "" },
	} {
		n := payoutNotice(p, callback.PayoutDone)
		change(&n)
		assert.Equal(t, core.CodeMismatch, core.CodeOf(s.Payout(t.Context(), n)), name)
	}
	assert.Equal(t, purchase.Refunding, sweeps(t, w, s, p.ID).State)
	other, err := s.Begin(t.Context(), purchase.Request{Buyer: "buyer", OfferID: "voip", Price: 100})
	require.NoError(t, err)
	assert.Equal(t, core.CodeMismatch, core.CodeOf(s.Payout(t.Context(), payoutNotice(other, callback.PayoutDone))), "no refund was begun")
}

func TestAPayoutIsSentOnce(t *testing.T) {
	for name, tt := range map[string]struct {
		answer error
		state  purchase.State
		sent   int
		reason string
	}{
		"nobody knows": {errPlatformUnknown, purchase.Attention, 0, "this came of it"},
		"refused":      {errPlatformRefused, purchase.Attention, 0, "refused"},
	} {
		t.Run(name, func(t *testing.T) {
			w, s, p, payer := refunding(t)
			calls := 0
			payer.answer = func() error { calls++; return tt.answer }
			p = sweeps(t, w, s, p.ID)
			p = sweeps(t, w, s, p.ID)
			assert.Equal(t, tt.state, p.State)
			assert.Contains(t, p.Reason, tt.reason)
			assert.Equal(t, 1, calls)
			require.NoError(t, s.Payout(t.Context(), payoutNotice(p, callback.PayoutDone)), "it went through after all")
			assert.Equal(t, purchase.Refunded, sweeps(t, w, s, p.ID).State)
		})
	}
	w, s, p, payer := refunding(t)
	calls := 0
	payer.answer = func() error {
		if calls++; calls < 3 {
			return errPlatformClean
		}
		return nil
	}
	for range 4 {
		p = sweeps(t, w, s, p.ID)
	}
	assert.Equal(t, purchase.Refunding, p.State, p.Reason)
	assert.Equal(t, 3, calls, "what never reached the platform is sent again")
	assert.Len(t, payer.payouts, 1)
}

func TestAnAcceptedRefundThatNobodyConfirms(t *testing.T) {
	w, s, p, payer := refunding(t)
	p = sweeps(t, w, s, p.ID)
	require.Equal(t, purchase.Refunding, p.State)
	w.now = w.now.Add(25 * time.Hour)
	p = sweeps(t, w, s, p.ID)
	assert.Equal(t, purchase.Attention, p.State)
	assert.Contains(t, p.Reason, "never said")
	assert.Len(t, payer.payouts, 1)
}

// Money goes out only for money that came in, from who is paid, as the
// platform itself says.
func TestTheQueryBeforeARefund(t *testing.T) {
	for name, change := range map[string]func(w *world, id string){
		"not paid":         func(w *world, id string) { w.orders[id].payments = nil },
		"another trade_no": func(w *world, id string) { w.orders[id].payments = []string{"other"} },
		"another amount":   func(w *world, id string) { w.orders[id].Amount = 1 },
		"unknown order":    func(w *world, id string) { delete(w.orders, id) },
		"plain http":       func(w *world, _ string) { w.untrusted = true },
		"another payer":    func(w *world, _ string) { w.payer = "somebody else" },
		"no payer":         func(w *world, _ string) { w.payer = "-" },
	} {
		t.Run(name, func(t *testing.T) {
			w, s, p, payer := refunding(t)
			change(w, p.ID)
			p = sweeps(t, w, s, p.ID)
			assert.Equal(t, purchase.Attention, p.State)
			assert.Contains(t, p.Reason, "no refund")
			assert.Empty(t, payer.payouts)
		})
	}
}

func TestTheDailyCap(t *testing.T) {
	w, s, p, payer := refunding(t, func(cfg *purchase.Config, _ *fakePayer) { cfg.Refunds.DailyCap = 250 })
	ids := []string{p.ID}
	for range 4 {
		p, err := s.Begin(t.Context(), purchase.Request{Buyer: "buyer", OfferID: "voip", Price: 100})
		require.NoError(t, err)
		require.NoError(t, s.Paid(t.Context(), noticeOf(p, w.pay(p.ID))))
		ids = append(ids, p.ID)
	}
	sweeps(t, w, s, p.ID)
	assert.Len(t, payer.payouts, 2, "250 fen hold two of 100")
	w.now = w.now.Add(24 * time.Hour)
	sweeps(t, w, s, p.ID)
	assert.Len(t, payer.payouts, 4, "the next day holds two more")
	w.now = w.now.Add(24 * time.Hour)
	sweeps(t, w, s, p.ID)
	assert.Len(t, payer.payouts, 5)
	seen := map[string]int{}
	for _, payout := range payer.payouts {
		seen[payout.OutOrderNo]++
	}
	for _, id := range ids {
		assert.Equal(t, 1, seen["R"+id])
	}
}

// Each step of a refund with the process dying before it, after its effect,
// and with its reply lost: money goes out at most once, and whatever is
// unknown ends with a person.
func TestEveryFaultInARefund(t *testing.T) {
	run := func(t *testing.T, at int, mode faultMode) int {
		w, s, p, payer := refunding(t)
		w.ios, w.faultAt, w.fault = 0, at, mode
		for range 8 {
			_, _ = s.Reconcile(t.Context())
			w.dead = false
			w.now = w.now.Add(2 * time.Minute)
		}
		ios := w.ios
		w.faultAt = -1
		p = sweeps(t, w, s, p.ID)
		require.LessOrEqual(t, len(payer.payouts), 1)
		require.Contains(t, []purchase.State{purchase.Refunding, purchase.Attention}, p.State, p.Reason)
		if p.State == purchase.Refunding {
			require.Len(t, payer.payouts, 1)
		}
		if len(payer.payouts) == 1 {
			require.NoError(t, s.Payout(t.Context(), payoutNotice(p, callback.PayoutDone)))
			require.Equal(t, purchase.Refunded, sweeps(t, w, s, p.ID).State)
		}
		return ios
	}
	last := run(t, -1, noFault)
	for at := 1; at <= last; at++ {
		for mode := crashBefore; mode <= lastFaultMode; mode++ {
			t.Logf("%s operation %d", mode, at)
			run(t, at, mode)
		}
	}
	assert.Greater(t, last, 10)
}

func TestRefundConfiguration(t *testing.T) {
	w := newWorld(t)
	good := purchase.Refunds{Payer: &fakePayer{world: w}, OutOpenID: "o", NotifyURL: "https://x.example/", DailyCap: 1}
	for name, change := range map[string]func(*purchase.Refunds){
		"Payer": func(r *purchase.Refunds) { r.Payer = nil }, "OutOpenID": func(r *purchase.Refunds) { r.OutOpenID = "" },
		"NotifyURL": func(r *purchase.Refunds) { r.NotifyURL = "" }, "DailyCap": func(r *purchase.Refunds) { r.DailyCap = 0 },
		"Within": func(r *purchase.Refunds) { r.Within = -1 },
	} {
		bad := good
		change(&bad)
		_, err := purchase.New(purchase.Config{Store: journal.NewMemory(), Platform: fakePlatform{w}, Deliverer: fakeDeliverer{w},
			Catalog: purchase.Offers{}, NotifyURL: "https://x.example/", Refunds: &bad})
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err), name)
		assert.ErrorContains(t, err, name)
	}
}
