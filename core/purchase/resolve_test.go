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
	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/core/vvchat"
)

// What a person may decide, by what is on record.
func TestResolve(t *testing.T) {
	refused := func(w *world, s *purchase.Service, p purchase.Purchase) {
		w.deliverErr = func() error { return core.Invalid("warehouse", "no such device") }
		require.NoError(w.t, s.Paid(w.t.Context(), noticeOf(p, w.pay(p.ID))))
		w.deliverErr = nil
	}
	grantedByHand := func(w *world, s *purchase.Service, p purchase.Purchase) {
		refused(w, s, p)
		w.grants[p.ID]++
	}
	misfit := func(w *world, s *purchase.Service, p purchase.Purchase) {
		w.store = "other"
		w.now = w.now.Add(time.Minute)
		_, err := s.Reconcile(w.t.Context())
		require.NoError(w.t, err)
		w.store = ""
	}
	paidTwice := func(w *world, s *purchase.Service, p purchase.Purchase) {
		require.NoError(w.t, s.Paid(w.t.Context(), noticeOf(p, w.pay(p.ID))))
		require.NoError(w.t, s.Paid(w.t.Context(), noticeOf(p, w.pay(p.ID))))
	}
	untouched := func(*world, *purchase.Service, purchase.Purchase) {}
	for name, tt := range map[string]struct {
		before     func(*world, *purchase.Service, purchase.Purchase)
		resolution purchase.Resolution
		code       core.Code
		state      purchase.State // after a sweep
	}{
		"deliver again":               {refused, purchase.ResolveDeliver, "", purchase.Delivered},
		"deliver what was granted":    {grantedByHand, purchase.ResolveDeliver, "", purchase.Delivered},
		"it was delivered by hand":    {refused, purchase.ResolveDelivered, "", purchase.Delivered},
		"watch again":                 {misfit, purchase.ResolveWatch, "", purchase.Unpaid},
		"the surplus was paid back":   {paidTwice, purchase.ResolveDelivered, "", purchase.Delivered},
		"deliver twice":               {paidTwice, purchase.ResolveDeliver, core.CodeConflict, purchase.Attention},
		"deliver without a payment":   {misfit, purchase.ResolveDeliver, core.CodeConflict, purchase.Attention},
		"delivered without a payment": {misfit, purchase.ResolveDelivered, core.CodeConflict, purchase.Attention},
		"watch what is paid":          {refused, purchase.ResolveWatch, core.CodeConflict, purchase.Attention},
		"not in attention":            {untouched, purchase.ResolveWatch, core.CodeConflict, purchase.Unpaid},
		"something else":              {refused, "forget", core.CodeInvalid, purchase.Attention},
	} {
		t.Run(name, func(t *testing.T) {
			w, s, p := begun(t)
			tt.before(w, s, p)
			_, err := s.Resolve(t.Context(), p.ID, tt.resolution, "decided by Li")
			assert.Equal(t, tt.code, core.CodeOf(err), "%v", err)
			_, err = s.Reconcile(t.Context())
			require.NoError(t, err)
			got, err := s.Get(t.Context(), p.ID)
			require.NoError(t, err)
			assert.Equal(t, tt.state, got.State, got.Reason)
			assert.LessOrEqual(t, w.grants[p.ID], 1)
			if tt.code == "" {
				assert.Contains(t, got.History[len(got.History)-1].Note+got.History[len(got.History)-2].Note, "Li")
			}
		})
	}
}

// A warehouse that is down for a day and certainly grants nothing costs
// nobody's attention; one that stays down does.
func TestALongOutageOfTheWarehouse(t *testing.T) {
	down := &core.Error{Op: "warehouse", Code: core.CodeUnreached, Err: errors.New("no route")}
	w, s, p := begun(t)
	w.deliverErr = func() error { return down }
	require.NoError(t, s.Paid(t.Context(), noticeOf(p, w.pay(p.ID))))
	for range 24 * 6 {
		w.now = w.now.Add(10 * time.Minute)
		_, err := s.Reconcile(t.Context())
		require.NoError(t, err)
	}
	w.deliverErr = nil
	w.settleAll(s)
	assert.Equal(t, purchase.Delivered, w.check(p.ID).State)

	w, s, p = begun(t)
	w.deliverErr = func() error { return down }
	require.NoError(t, s.Paid(t.Context(), noticeOf(p, w.pay(p.ID))))
	for range 24 * 4 {
		w.now = w.now.Add(time.Hour)
		_, err := s.Reconcile(t.Context())
		require.NoError(t, err)
	}
	got, err := s.Get(t.Context(), p.ID)
	require.NoError(t, err)
	assert.Equal(t, purchase.Attention, got.State)
	assert.Contains(t, got.Reason, "three days")
}

// An outage of the platform must not put the next look a week away.
func TestALongOutageOfThePlatform(t *testing.T) {
	w, _, p := begun(t)
	down := true
	s := w.service(func(cfg *purchase.Config) { cfg.Platform = &flakyPlatform{fakePlatform{w}, &down} })
	for range 60 {
		w.now = w.now.Add(5 * time.Minute)
		_, err := s.Reconcile(t.Context())
		require.NoError(t, err)
	}
	down = false
	w.pay(p.ID)
	for range 12 {
		w.now = w.now.Add(5 * time.Minute)
		_, err := s.Reconcile(t.Context())
		require.NoError(t, err)
	}
	assert.Equal(t, purchase.Delivered, w.check(p.ID).State)
}

type flakyPlatform struct {
	fakePlatform
	down *bool
}

func (f *flakyPlatform) Query(ctx context.Context, id string) (trade vvchat.Trade, err error) {
	if *f.down {
		return trade, errPlatformClean
	}
	return f.fakePlatform.Query(ctx, id)
}

// The clock of whoever takes a paid purchase may be behind: what was just paid
// is due all the same.
func TestAPaidPurchaseIsDueOnAnyClock(t *testing.T) {
	w, _, p := begun(t)
	s := w.service(func(cfg *purchase.Config) { cfg.InlineBudget = -1 })
	require.NoError(t, s.Paid(t.Context(), noticeOf(p, w.pay(p.ID))))
	w.now = w.now.Add(-time.Second)
	got, err := s.Advance(t.Context(), p.ID)
	require.NoError(t, err)
	assert.Equal(t, purchase.Delivered, got.State)
}

// A Service is a sink that anybody can call: it looks itself.
func TestPaidTakesPaymentsOnly(t *testing.T) {
	w, s, p := begun(t)
	for name, change := range map[string]func(*callback.PaymentNotice){
		"not paid":     func(n *callback.PaymentNotice) { n.Status = 0 },
		"no trade_no":  func(n *callback.PaymentNotice) { n.TradeNo = "" },
		"odd trade_no": func(n *callback.PaymentNotice) { n.TradeNo = "a b" },
		"odd order":    func(n *callback.PaymentNotice) { n.OutTradeNo = "a b" },
	} {
		n := noticeOf(p, w.pay(p.ID))
		change(&n)
		assert.Equal(t, core.CodeMismatch, core.CodeOf(s.Paid(t.Context(), n)), name)
	}
	assert.Zero(t, w.grants[p.ID])
}

// The code is shown while it is to be paid, and never again.
func TestTheViewShowsTheCodeWhileItIsToBePaid(t *testing.T) {
	for _, state := range purchase.States() {
		view := purchase.Purchase{State: state, ImprestCode: "I1"}.View()
		assert.Equal(t, state == purchase.Unpaid, view.ImprestCode != "", state)
	}
}
