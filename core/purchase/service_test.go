package purchase_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
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

// begun returns a world with one unpaid purchase.
func begun(t *testing.T) (*world, *purchase.Service, purchase.Purchase) {
	t.Helper()
	w := newWorld(t)
	s := w.restart()
	p, err := s.Begin(t.Context(), purchase.Request{Buyer: "buyer", OfferID: "voip", Price: 100})
	require.NoError(t, err)
	require.Equal(t, purchase.Unpaid, p.State)
	require.Equal(t, "I"+p.ID, p.ImprestCode)
	require.Len(t, p.ID, 26)
	return w, s, p
}

func noticeOf(p purchase.Purchase, trade string) callback.PaymentNotice {
	return callback.PaymentNotice{AppID: p.AppID, OutTradeNo: p.ID, TradeNo: trade, OpenID: "buyer", Amount: p.Amount, Status: callback.StatusPaid}
}

func TestBeginChecksBeforeAnythingIsRecorded(t *testing.T) {
	w := newWorld(t)
	s := w.restart()
	for name, tt := range map[string]struct {
		request purchase.Request
		code    core.Code
	}{
		"no buyer":       {purchase.Request{OfferID: "voip", Price: 100}, core.CodeInvalid},
		"no offer":       {purchase.Request{Buyer: "b", Price: 100}, core.CodeInvalid},
		"unknown offer":  {purchase.Request{Buyer: "b", OfferID: "tea", Price: 100}, core.CodeNotFound},
		"no price":       {purchase.Request{Buyer: "b", OfferID: "voip"}, core.CodeInvalid},
		"another price":  {purchase.Request{Buyer: "b", OfferID: "voip", Price: 99}, core.CodeMismatch},
		"negative price": {purchase.Request{Buyer: "b", OfferID: "voip", Price: -100}, core.CodeInvalid},
	} {
		_, err := s.Begin(t.Context(), tt.request)
		assert.Equal(t, tt.code, core.CodeOf(err), name)
	}
	_, err := s.Begin(t.Context(), purchase.Request{Buyer: "b", OfferID: "voip", Price: 99})
	assert.ErrorIs(t, err, purchase.ErrPriceChanged)

	for name, offer := range map[string]purchase.Offer{
		"ambiguous title": {Title: "x&amount=1", Amount: 100},
		"no title":        {Amount: 100},
		"free":            {Title: "x", Amount: 0},
		"huge data":       {Title: "x", Amount: 100, Data: json.RawMessage(`"` + strings.Repeat("x", 17<<10) + `"`)},
		"broken data":     {Title: "x", Amount: 100, Data: json.RawMessage(`{`)},
	} {
		bad, err := purchase.New(purchase.Config{
			Store: w.inner, Platform: fakePlatform{w}, Deliverer: fakeDeliverer{w}, NotifyURL: "https://x.example/",
			Catalog: purchase.CatalogFunc(func(context.Context, string, string) (purchase.Offer, error) { return offer, nil }),
		})
		require.NoError(t, err)
		_, err = bad.Begin(t.Context(), purchase.Request{Buyer: "b", OfferID: "o", Price: 100})
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err), name)
	}
	assert.Empty(t, w.ids())
	assert.Empty(t, w.orders)
}

func TestANoticeMustFitTheOrder(t *testing.T) {
	w, s, p := begun(t)
	trade := w.pay(p.ID)
	for name, change := range map[string]func(*callback.PaymentNotice){
		"a fen less":       func(n *callback.PaymentNotice) { n.Amount-- },
		"a fen more":       func(n *callback.PaymentNotice) { n.Amount++ },
		"another app":      func(n *callback.PaymentNotice) { n.AppID = "other" },
		"an unknown order": func(n *callback.PaymentNotice) { n.OutTradeNo = "unknown" },
	} {
		n := noticeOf(p, trade)
		change(&n)
		before, err := w.inner.Get(t.Context(), purchase.Prefix+p.ID)
		require.NoError(t, err)
		assert.Equal(t, core.CodeMismatch, core.CodeOf(s.Paid(t.Context(), n)), name)
		n.Status = 0
		assert.Equal(t, core.CodeMismatch, core.CodeOf(s.Unpaid(t.Context(), n)), name)
		after, err := w.inner.Get(t.Context(), purchase.Prefix+p.ID)
		require.NoError(t, err)
		assert.Equal(t, before, after, "a mismatch leaves no trace")
	}
	require.NoError(t, s.Paid(t.Context(), noticeOf(p, trade)), "and does not block the genuine one")
	assert.Equal(t, purchase.Delivered, w.check(p.ID).State)
}

func TestOneTradePaysOnePurchase(t *testing.T) {
	w, s, first := begun(t)
	second, err := s.Begin(t.Context(), purchase.Request{Buyer: "buyer", OfferID: "voip", Price: 100})
	require.NoError(t, err)
	trade := w.pay(first.ID)
	require.NoError(t, s.Paid(t.Context(), noticeOf(first, trade)))
	assert.Equal(t, core.CodeMismatch, core.CodeOf(s.Paid(t.Context(), noticeOf(second, trade))))
	p, err := s.Get(t.Context(), second.ID)
	require.NoError(t, err)
	assert.Equal(t, purchase.Unpaid, p.State)

	// The platform says the same by query: a person has to look.
	w.orders[second.ID].payments = []string{trade}
	w.now = w.now.Add(time.Minute)
	_, err = s.Reconcile(t.Context())
	require.NoError(t, err)
	p, err = s.Get(t.Context(), second.ID)
	require.NoError(t, err)
	assert.Equal(t, purchase.Attention, p.State)
	assert.Contains(t, p.Reason, "trade_no")
	assert.Zero(t, w.grants[second.ID])
}

func TestNoticesThatAreNotPaid(t *testing.T) {
	w, s, p := begun(t)
	n := noticeOf(p, "")
	n.Status = 0
	for range 3 {
		require.NoError(t, s.Unpaid(t.Context(), n))
	}
	got, err := s.Get(t.Context(), p.ID)
	require.NoError(t, err)
	assert.Equal(t, purchase.Unpaid, got.State)
	assert.Len(t, got.History, 3, "recorded once: %+v", got.History)
	require.NoError(t, s.Paid(t.Context(), noticeOf(p, w.pay(p.ID))), "0 before 1 closes nothing")
	n.Status = 2
	require.NoError(t, s.Unpaid(t.Context(), n), "and after it changes nothing")
	assert.Equal(t, purchase.Delivered, w.check(p.ID).State)
}

// A query is not signed: it moves money only if it fits in every respect, and
// came over a connection that can be trusted.
func TestWhatAQueryMayDo(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(w *world, id string)
		state  purchase.State
		reason string
	}{
		"it fits":              {func(*world, string) {}, purchase.Delivered, ""},
		"another amount":       {func(w *world, id string) { w.orders[id].Amount = 1 }, purchase.Attention, "amount"},
		"another imprest_code": {func(w *world, id string) { w.orders[id].code = "other" }, purchase.Attention, "imprest_code"},
		"no trade_no":          {func(w *world, id string) { w.orders[id].payments = []string{""} }, purchase.Attention, "trade_no"},
		"an odd trade_no":      {func(w *world, id string) { w.orders[id].payments = []string{"a&b=c"} }, purchase.Attention, "trade_no"},
		"plain http":           {func(w *world, _ string) { w.untrusted = true }, purchase.Attention, "anybody can change"},
		"another store_no":     {func(w *world, _ string) { w.store = "other" }, purchase.Attention, "store_no"},
		"another out_trade_no": {func(w *world, _ string) { w.renamed = true }, purchase.Attention, "out_trade_no"},
		"a status of 2":        {func(w *world, _ string) { w.status = 2 }, purchase.Attention, "status 2"},
		"an odd imprest_code":  {func(w *world, id string) { w.orders[id].code = "a b" }, purchase.Attention, "imprest_code"},
	} {
		t.Run(name, func(t *testing.T) {
			w, s, p := begun(t)
			trade := w.pay(p.ID)
			tt.change(w, p.ID)
			w.now = w.now.Add(time.Minute)
			_, err := s.Reconcile(t.Context())
			require.NoError(t, err)
			got, err := s.Get(t.Context(), p.ID)
			require.NoError(t, err)
			assert.Equal(t, tt.state, got.State)
			assert.Contains(t, got.Reason, tt.reason)
			if tt.state == purchase.Attention {
				assert.Zero(t, w.grants[p.ID])
				// A genuine notification is what was missing.
				w.orders[p.ID].payments = []string{trade}
				w.orders[p.ID].Amount = p.Amount
				require.NoError(t, s.Paid(t.Context(), noticeOf(p, trade)))
				assert.Equal(t, purchase.Delivered, w.check(p.ID).State)
			}
		})
	}
}

func TestAnOrderThatThePlatformRefuses(t *testing.T) {
	w := newWorld(t)
	w.faultAt = -1
	refusing := refusingPlatform{fakePlatform{w}}
	s, err := purchase.New(purchase.Config{
		Store: watchedStore{w}, Platform: refusing, Deliverer: fakeDeliverer{w}, Catalog: purchase.Offers{"voip": {Title: "VoIP", Amount: 100}},
		NotifyURL: "https://shop.example/", Now: func() time.Time { return w.now }, Rand: w.rand,
	})
	require.NoError(t, err)
	p, err := s.Begin(t.Context(), purchase.Request{Buyer: "buyer", OfferID: "voip", Price: 100})
	assert.Equal(t, core.CodeRefused, core.CodeOf(err))
	assert.Equal(t, purchase.Expired, p.State)
	assert.Contains(t, p.Reason, "no order")
}

type refusingPlatform struct{ fakePlatform }

func (refusingPlatform) UnifiedOrder(context.Context, vvchat.Order) (vvchat.Prepay, error) {
	return vvchat.Prepay{}, errPlatformRefused
}

// The platform answers "no" to an order that it took before: a repeat, or an
// answer mixed up. The query decides.
func TestARefusalIsNotBelievedWithoutAQuery(t *testing.T) {
	w := newWorld(t)
	w.restart()
	twoFaced := twoFacedPlatform{fakePlatform{w}}
	s, err := purchase.New(purchase.Config{
		Store: watchedStore{w}, Platform: twoFaced, Deliverer: fakeDeliverer{w}, Catalog: purchase.Offers{"voip": {Title: "VoIP", Amount: 100}},
		NotifyURL: "https://shop.example/", Now: func() time.Time { return w.now }, Rand: w.rand,
	})
	require.NoError(t, err)
	p, err := s.Begin(t.Context(), purchase.Request{Buyer: "buyer", OfferID: "voip", Price: 100})
	require.NoError(t, err)
	assert.Equal(t, purchase.Unpaid, p.State)
	assert.NotEmpty(t, p.ImprestCode)
}

type twoFacedPlatform struct{ fakePlatform }

func (f twoFacedPlatform) UnifiedOrder(ctx context.Context, o vvchat.Order) (vvchat.Prepay, error) {
	_, _ = f.fakePlatform.UnifiedOrder(ctx, o)
	return vvchat.Prepay{}, errPlatformRefused
}

func TestHowADeliveryMayFail(t *testing.T) {
	for name, tt := range map[string]struct {
		err   error
		state purchase.State
		soon  purchase.State // after a few minutes, the error being over
	}{
		"it can be tried again":  {&core.Error{Op: "x", Code: core.CodeUnreached}, purchase.Delivering, purchase.Delivered},
		"nobody knows":           {errors.New("timed out"), purchase.Delivering, purchase.Delivered},
		"it is refused for good": {&core.Error{Op: "x", Code: core.CodeRefused, Err: errors.New("no stock")}, purchase.Attention, purchase.Attention},
		"it is invalid":          {core.Invalid("x", "no such device"), purchase.Attention, purchase.Attention},
	} {
		t.Run(name, func(t *testing.T) {
			w, s, p := begun(t)
			w.deliverErr = func() error { return tt.err }
			require.NoError(t, s.Paid(t.Context(), noticeOf(p, w.pay(p.ID))), "the payment is on record, whatever the delivery does")
			got, err := s.Get(t.Context(), p.ID)
			require.NoError(t, err)
			assert.Equal(t, tt.state, got.State)
			assert.NotEmpty(t, got.Reason)
			w.deliverErr = nil
			for range 5 {
				w.now = w.now.Add(time.Minute)
				_, err = s.Reconcile(t.Context())
				require.NoError(t, err)
			}
			got, err = s.Get(t.Context(), p.ID)
			require.NoError(t, err)
			assert.Equal(t, tt.soon, got.State, got.Reason)
		})
	}
}

func TestAFailureThatGrantedAllTheSame(t *testing.T) {
	w, s, p := begun(t)
	w.lateGrant = true
	require.NoError(t, s.Paid(t.Context(), noticeOf(p, w.pay(p.ID))))
	w.settleAll(s)
	assert.Equal(t, 1, w.grants[p.ID])
	assert.Equal(t, purchase.Delivered, w.check(p.ID).State)
}

// What brings worker after worker down is parked, not tried for ever.
func TestADeliveryThatAlwaysFailsIsParked(t *testing.T) {
	for name, deliver := range map[string]func() error{
		"an error": func() error { return errors.New("down") },
		"a panic":  func() error { panic("boom") },
	} {
		t.Run(name, func(t *testing.T) {
			w, s, p := begun(t)
			calls := 0
			w.deliverErr = func() error { calls++; return deliver() }
			require.NoError(t, s.Paid(t.Context(), noticeOf(p, w.pay(p.ID))))
			for range 200 {
				w.now = w.now.Add(10 * time.Minute)
				_, err := s.Reconcile(t.Context())
				require.NoError(t, err)
			}
			got, err := s.Get(t.Context(), p.ID)
			require.NoError(t, err)
			assert.Equal(t, purchase.Attention, got.State)
			assert.Contains(t, got.Reason, "8 attempts")
			assert.Equal(t, 8, calls)
			assert.NotNil(t, got.Payment, "the payment is not forgotten")
		})
	}
}

// A worker that is slower than its lease must not overwrite what the next one
// found out.
func TestASlowWorkerLosesItsLease(t *testing.T) {
	w, _, p := begun(t)
	inside, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	slow := &blockingDeliverer{fakeDeliverer: fakeDeliverer{w}, deliver: func() error {
		first := false
		once.Do(func() { first = true })
		if first {
			close(inside)
			<-release
			return &core.Error{Op: "x", Code: core.CodeRefused, Err: errors.New("too late")}
		}
		return nil
	}}
	var clock sync.Mutex
	s, err := purchase.New(purchase.Config{
		Store: w.inner, Platform: fakePlatform{w}, Deliverer: slow, Catalog: purchase.Offers{}, NotifyURL: "https://x.example/", InlineBudget: -1,
		Now: func() time.Time { clock.Lock(); defer clock.Unlock(); return w.now },
	})
	require.NoError(t, err)
	require.NoError(t, s.Paid(t.Context(), noticeOf(p, w.pay(p.ID))))
	done := make(chan purchase.Purchase)
	go func() {
		got, _ := s.Advance(context.Background(), p.ID)
		done <- got
	}()
	<-inside
	got, err := s.Advance(t.Context(), p.ID)
	require.NoError(t, err)
	assert.Equal(t, purchase.Delivering, got.State, "the lease holds: nobody else is let in")
	clock.Lock()
	w.now = w.now.Add(2 * time.Minute)
	clock.Unlock()
	got, err = s.Advance(t.Context(), p.ID)
	require.NoError(t, err)
	assert.Equal(t, purchase.Delivered, got.State)
	close(release)
	<-done
	got, err = s.Get(t.Context(), p.ID)
	require.NoError(t, err)
	assert.Equal(t, purchase.Delivered, got.State, "the late outcome of the first worker counts for nothing")
}

type blockingDeliverer struct {
	fakeDeliverer
	deliver func() error
}

func (d *blockingDeliverer) Deliver(context.Context, purchase.Purchase) error { return d.deliver() }
func (d *blockingDeliverer) Delivered(context.Context, purchase.Purchase) (bool, error) {
	return false, nil
}

// 64 deliveries of one notification and as many sweeps, on one journal, in as
// many services.
func TestManyWorkersGrantOnce(t *testing.T) {
	store := journal.NewMemory()
	grants := &countingDeliverer{counts: map[string]int{}}
	w := newWorld(t)
	newService := func() *purchase.Service {
		s, err := purchase.New(purchase.Config{Store: store, Platform: fakePlatform{w}, Deliverer: grants, Catalog: purchase.Offers{}, NotifyURL: "https://x.example/"})
		require.NoError(t, err)
		return s
	}
	var orders []purchase.Purchase
	for _, id := range []string{"a", "b", "c", "d"} {
		p, err := newService().Import(t.Context(), purchase.Purchase{ID: id, AppID: "test", Amount: 100})
		require.NoError(t, err)
		orders = append(orders, p)
	}
	var wg sync.WaitGroup
	for range 16 {
		for _, p := range orders {
			s := newService()
			wg.Go(func() { assert.NoError(t, s.Paid(context.Background(), noticeOf(p, "T"+p.ID))) })
			wg.Go(func() { _, err := s.Reconcile(context.Background()); assert.NoError(t, err) })
		}
	}
	wg.Wait()
	for _, p := range orders {
		got, err := newService().Get(t.Context(), p.ID)
		require.NoError(t, err)
		assert.Equal(t, purchase.Delivered, got.State)
		assert.Equal(t, 1, grants.counts[p.ID])
	}
}

type countingDeliverer struct {
	mu     sync.Mutex
	counts map[string]int
}

func (d *countingDeliverer) Deliver(_ context.Context, p purchase.Purchase) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.counts[p.ID]++
	return nil
}

func (d *countingDeliverer) Delivered(_ context.Context, p purchase.Purchase) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.counts[p.ID] > 0, nil
}

func TestImport(t *testing.T) {
	w := newWorld(t)
	s := w.restart()
	order := purchase.Purchase{ID: "O-1", AppID: "test", Amount: 100}
	p, err := s.Import(t.Context(), order)
	require.NoError(t, err)
	assert.Equal(t, purchase.Unpaid, p.State)
	again, err := s.Import(t.Context(), order)
	require.NoError(t, err)
	assert.Equal(t, p, again)
	order.Amount = 200
	_, err = s.Import(t.Context(), order)
	assert.ErrorIs(t, err, journal.ErrConflict)
	for name, bad := range map[string]purchase.Purchase{
		"id": {ID: "a b", AppID: "test", Amount: 1}, "app": {ID: "a", Amount: 1}, "amount": {ID: "a", AppID: "test"},
	} {
		_, err = s.Import(t.Context(), bad)
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err), name)
	}
}

// An expired purchase is watched at growing intervals for 90 days, and then
// left alone; it is never removed.
func TestAnExpiredPurchaseIsWatched(t *testing.T) {
	w, s, p := begun(t)
	queries := 0
	for end := w.now.Add(120 * 24 * time.Hour); w.now.Before(end); w.now = w.now.Add(15 * time.Minute) {
		before := w.ios
		_, err := s.Reconcile(t.Context())
		require.NoError(t, err)
		if w.ios > before+2 {
			queries++
		}
	}
	record, err := w.inner.Get(t.Context(), purchase.Prefix+p.ID)
	require.NoError(t, err)
	assert.True(t, record.Due.IsZero())
	assert.Greater(t, queries, 15)
	assert.Less(t, queries, 60)
	require.NoError(t, s.Paid(t.Context(), noticeOf(p, w.pay(p.ID))), "a payment is a payment, whenever")
	assert.Equal(t, purchase.Delivered, w.check(p.ID).State)
}

func TestEnqueueTakesThePlaceOfTheInlineDelivery(t *testing.T) {
	w, _, p := begun(t)
	var queue []string
	queueErr := errors.New("queue is down")
	s, err := purchase.New(purchase.Config{
		Store: w.inner, Platform: fakePlatform{w}, Deliverer: fakeDeliverer{w}, Catalog: purchase.Offers{}, NotifyURL: "https://x.example/",
		Now: func() time.Time { return w.now }, Enqueue: func(_ context.Context, id string) error { queue = append(queue, id); return queueErr },
	})
	require.NoError(t, err)
	trade := w.pay(p.ID)
	require.NoError(t, s.Paid(t.Context(), noticeOf(p, trade)), "a queue that fails changes nothing for the platform")
	require.NoError(t, s.Paid(t.Context(), noticeOf(p, trade)))
	assert.Equal(t, []string{p.ID}, queue)
	got, err := s.Advance(t.Context(), p.ID)
	require.NoError(t, err)
	assert.Equal(t, purchase.Delivered, got.State)
}

func TestSweepPurgesReceiptsAndGetsPastStuckRecords(t *testing.T) {
	w, s, p := begun(t)
	for i := range 150 { // records that are due, and nobody can do anything about
		_, err := w.inner.Put(t.Context(), journal.Record{ID: "x/" + strings.Repeat("i", i+1), Due: w.now.Add(-time.Hour)})
		require.NoError(t, err)
	}
	_, err := w.inner.Put(t.Context(), journal.Record{ID: "r/pay/test/old", Due: w.now, Expires: w.now})
	require.NoError(t, err)
	_, err = w.inner.Put(t.Context(), journal.Record{ID: purchase.Prefix + "broken", Due: w.now.Add(-time.Hour), Body: []byte("not json")})
	require.NoError(t, err)
	w.pay(p.ID)
	w.now = w.now.Add(time.Minute)
	sweep, err := s.Reconcile(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 1, sweep.Purged)
	assert.Equal(t, 1, sweep.Failed)
	assert.Equal(t, 1, sweep.States[purchase.Delivered])
	assert.Equal(t, 153, sweep.Seen)
}

func TestConfigurationIsChecked(t *testing.T) {
	w := newWorld(t)
	good := purchase.Config{Store: w.inner, Platform: fakePlatform{w}, Deliverer: fakeDeliverer{w}, Catalog: purchase.Offers{}, NotifyURL: "https://x.example/"}
	_, err := purchase.New(good)
	require.NoError(t, err)
	for name, change := range map[string]func(*purchase.Config){
		"Store": func(c *purchase.Config) { c.Store = nil }, "Platform": func(c *purchase.Config) { c.Platform = nil },
		"Catalog": func(c *purchase.Config) { c.Catalog = nil }, "Deliverer": func(c *purchase.Config) { c.Deliverer = nil },
		"notify_url":   func(c *purchase.Config) { c.NotifyURL = "" },
		"notify_url m": func(c *purchase.Config) { c.NotifyURL = "not a url" }, "notify_url must": func(c *purchase.Config) { c.NotifyURL = "https://x.example/?a=1&b=2" },
		"Lease": func(c *purchase.Config) { c.Lease = -1 },
	} {
		bad := good
		change(&bad)
		_, err := purchase.New(bad)
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err), name)
		assert.ErrorContains(t, err, name)
	}
}

// The store cannot say whether our write was applied, and somebody else's was:
// it must not be taken for ours.
func TestAnotherWriteIsNotTakenForOurs(t *testing.T) {
	w, _, p := begun(t)
	s := w.service(func(cfg *purchase.Config) { cfg.InlineBudget = -1 }) // so that its write is the very next version
	first, second := w.pay(p.ID), w.pay(p.ID)
	stale, err := purchase.New(purchase.Config{
		Store:    &overtaken{Store: w.inner, other: func() { require.NoError(t, s.Paid(t.Context(), noticeOf(p, second))) }},
		Platform: fakePlatform{w}, Deliverer: fakeDeliverer{w}, Catalog: purchase.Offers{}, NotifyURL: "https://x.example/",
		InlineBudget: -1, Now: func() time.Time { return w.now },
	})
	require.NoError(t, err)
	require.NoError(t, stale.Paid(t.Context(), noticeOf(p, first)))
	got, err := s.Get(t.Context(), p.ID)
	require.NoError(t, err)
	assert.Equal(t, second, got.Payment.TradeNo)
	require.Len(t, got.Surplus, 1, "acknowledged, so it must be on record")
	assert.Equal(t, first, got.Surplus[0].TradeNo)
}

// overtaken loses the first write of a purchase and lets another come first.
type overtaken struct {
	journal.Store
	other func()
}

func (o *overtaken) Put(ctx context.Context, r journal.Record) (journal.Record, error) {
	if o.other != nil && strings.HasPrefix(r.ID, purchase.Prefix) {
		other := o.other
		o.other = nil
		other()
		return journal.Record{}, journal.ErrUnknown
	}
	return o.Store.Put(ctx, r)
}
