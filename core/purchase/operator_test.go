package purchase_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/callback"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/purchase"
)

func operator(t testing.TB, w *world) *purchase.Operator {
	t.Helper()
	o, err := purchase.NewOperator(purchase.OperatorConfig{Store: watchedStore{w}, Now: func() time.Time { return w.now }})
	require.NoError(t, err)
	return o
}

func failing(code core.Code) func() error {
	return func() error { return &core.Error{Op: "warehouse", Code: code, Err: errors.New("no")} }
}

// What waits after failures is taken up by the next sweep, once.
func TestRetryTakesUpWhatWaits(t *testing.T) {
	w, s, p := begun(t)
	w.deliverErr = failing(core.CodeUnreached)
	require.NoError(t, s.Paid(t.Context(), noticeOf(p, w.pay(p.ID))))
	for range 6 { // until it waits long
		w.now = w.now.Add(time.Hour)
		_, err := s.Reconcile(t.Context())
		require.NoError(t, err)
	}
	w.deliverErr = nil // the cause was seen to
	w.now = w.now.Add(time.Minute)
	sweep, err := s.Reconcile(t.Context())
	require.NoError(t, err)
	require.Zero(t, sweep.Seen, "it waits")

	o := operator(t, w)
	done, err := o.Retry(t.Context(), p.ID)
	require.NoError(t, err)
	assert.True(t, done.Changed)
	assert.Equal(t, journal.Millis(w.now), done.Due)
	assert.Equal(t, "made due by hand", done.Purchase.History[len(done.Purchase.History)-1].Note)
	version := w.versions[purchase.Prefix+p.ID]
	again, err := o.Retry(t.Context(), p.ID)
	require.NoError(t, err)
	assert.False(t, again.Changed)
	assert.Equal(t, done.Due, again.Due)
	assert.Equal(t, version, w.versions[purchase.Prefix+p.ID], "to repeat it writes nothing")

	_, err = s.Reconcile(t.Context())
	require.NoError(t, err)
	assert.Equal(t, purchase.Delivered, w.check(p.ID).State)
	_, err = o.Retry(t.Context(), p.ID)
	assert.Equal(t, core.CodeConflict, core.CodeOf(err))
}

// A delivery that may still take effect keeps its time: only then it is asked about.
func TestRetryWaitsForWhatMayStillTakeEffect(t *testing.T) {
	w, s, p := begun(t)
	w.deliverErr = failing(core.CodeUnknown)
	require.NoError(t, s.Paid(t.Context(), noticeOf(p, w.pay(p.ID))))
	for range 4 {
		w.now = w.now.Add(2 * time.Hour)
		_, err := s.Reconcile(t.Context())
		require.NoError(t, err)
	}
	w.deliverErr = nil
	o := operator(t, w)
	done, err := o.Retry(t.Context(), p.ID)
	require.NoError(t, err)
	assert.True(t, done.Changed)
	assert.Equal(t, journal.Millis(w.now.Add(time.Minute)), done.Due, "the time that a call may take effect in")
	assert.True(t, done.Purchase.Doubt)
	w.now = w.now.Add(30 * time.Second)
	again, err := o.Retry(t.Context(), p.ID)
	require.NoError(t, err)
	assert.False(t, again.Changed, "it puts nothing off")
	assert.Equal(t, done.Due, again.Due)
	w.now = w.now.Add(30 * time.Second)
	_, err = s.Reconcile(t.Context())
	require.NoError(t, err)
	assert.Equal(t, purchase.Delivered, w.check(p.ID).State)
}

func TestRetryRefuses(t *testing.T) {
	t.Run("attention", func(t *testing.T) {
		w, s, p := begun(t)
		w.deliverErr = failing(core.CodeInvalid)
		require.NoError(t, s.Paid(t.Context(), noticeOf(p, w.pay(p.ID))))
		done, err := operator(t, w).Retry(t.Context(), p.ID)
		assert.Equal(t, core.CodeConflict, core.CodeOf(err))
		assert.ErrorContains(t, err, "waits for a person")
		assert.Equal(t, []purchase.Resolution{purchase.ResolveDeliver, purchase.ResolveDelivered, purchase.ResolveRefunded}, done.Purchase.Resolutions())
		assert.Equal(t, purchase.Attention, done.Purchase.State, "to ask changes nothing")
	})
	t.Run("a step that runs", func(t *testing.T) {
		w, s, p := begun(t)
		w.deliverErr = func() error {
			_, err := operator(t, w).Retry(t.Context(), p.ID)
			assert.Equal(t, core.CodeBusy, core.CodeOf(err))
			return nil
		}
		require.NoError(t, s.Paid(t.Context(), noticeOf(p, w.pay(p.ID))))
	})
	t.Run("a step that broke off", func(t *testing.T) {
		w, s, p := begun(t)
		w.deliverErr = func() error { w.dead = true; return errors.New("killed") }
		_ = s.Paid(t.Context(), noticeOf(p, w.pay(p.ID)))
		w.deliverErr = nil
		s = w.restart()
		o := operator(t, w)
		w.now = w.now.Add(90 * time.Second) // the lease is over, and not the time after it
		_, err := o.Retry(t.Context(), p.ID)
		require.Equal(t, core.CodeBusy, core.CodeOf(err))
		w.now = w.now.Add(time.Minute)
		done, err := o.Retry(t.Context(), p.ID)
		require.NoError(t, err)
		assert.False(t, done.Changed, "it is due by itself")
		w.settleAll(s)
		assert.Equal(t, purchase.Delivered, w.check(p.ID).State)
	})
	t.Run("a refund that was sent", func(t *testing.T) {
		w, s, p, _ := refunding(t)
		got := sweeps(t, w, s, p.ID)
		require.Equal(t, purchase.Refunding, got.State)
		_, err := operator(t, w).Retry(t.Context(), p.ID)
		assert.Equal(t, core.CodeConflict, core.CodeOf(err))
		assert.ErrorContains(t, err, got.Refund.OutOrderNo)
		require.NoError(t, s.Payout(t.Context(), payoutNotice(got, callback.PayoutDone)))
		_, err = operator(t, w).Retry(t.Context(), p.ID)
		assert.Equal(t, core.CodeConflict, core.CodeOf(err))
	})
	w := newWorld(t)
	_, err := operator(t, w).Retry(t.Context(), "none")
	assert.ErrorIs(t, err, journal.ErrNotFound)
	for _, cfg := range []purchase.OperatorConfig{{}, {Store: journal.NewMemory(), InFlight: -1}} {
		_, err := purchase.NewOperator(cfg)
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err))
	}
}

// An order that nobody paid is asked about at once; nothing is ordered twice.
func TestRetryOfAnUnpaidOrder(t *testing.T) {
	w, s, p := begun(t)
	w.pay(p.ID) // and its notification is lost
	done, err := operator(t, w).Retry(t.Context(), p.ID)
	require.NoError(t, err)
	assert.True(t, done.Changed)
	_, err = s.Reconcile(t.Context())
	require.NoError(t, err)
	assert.Equal(t, purchase.Delivered, w.check(p.ID).State)
}

func TestAnOperatorResolves(t *testing.T) {
	w, s, p := begun(t)
	w.deliverErr = failing(core.CodeInvalid)
	require.NoError(t, s.Paid(t.Context(), noticeOf(p, w.pay(p.ID))))
	w.deliverErr = nil
	o := operator(t, w)
	stuck, err := o.Get(t.Context(), p.ID)
	require.NoError(t, err)
	for _, resolution := range purchase.Resolutions() {
		if resolution == purchase.ResolveDeliver || resolution == purchase.ResolveDelivered || resolution == purchase.ResolveRefunded {
			assert.Contains(t, stuck.Resolutions(), resolution)
			continue
		}
		_, err := o.Resolve(t.Context(), p.ID, resolution, "Li")
		assert.Equal(t, core.CodeConflict, core.CodeOf(err), "%s is not offered, and not taken", resolution)
	}
	resolved, err := o.Resolve(t.Context(), p.ID, purchase.ResolveDeliver, "Li")
	require.NoError(t, err)
	assert.Empty(t, resolved.Resolutions())
	_, err = s.Reconcile(t.Context())
	require.NoError(t, err)
	assert.Equal(t, purchase.Delivered, w.check(p.ID).State)
}
