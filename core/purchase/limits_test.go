package purchase_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/core/vvchat"
)

// service returns a service of w with a changed configuration.
func (w *world) service(change func(*purchase.Config)) *purchase.Service {
	cfg := purchase.Config{
		Store: watchedStore{w}, Platform: fakePlatform{w}, Deliverer: fakeDeliverer{w},
		Catalog: purchase.Offers{"voip": {Title: "VoIP", Amount: 100}}, NotifyURL: "https://shop.example/callbacks/payment",
		Now: func() time.Time { return w.now }, Rand: w.rand,
	}
	change(&cfg)
	s, err := purchase.New(cfg)
	require.NoError(w.t, err)
	return s
}

// A record must have room for everything that can still happen: markup must
// not swell it, nor a long error, nor a long life.
func TestARecordNeverOutgrowsTheJournal(t *testing.T) {
	data, err := json.Marshal(strings.Repeat("x", 16<<10-2))
	require.NoError(t, err)
	markup := json.RawMessage(strings.ReplaceAll(string(data), "x", "<"))
	w := newWorld(t)
	w.deliverErr = func() error { return errors.New(strings.Repeat("微&<", 50_000)) }
	s := w.service(func(cfg *purchase.Config) {
		cfg.Catalog = purchase.Offers{"big": {Title: "VoIP", Amount: 100, Data: markup}, "huge": {Title: strings.Repeat("微", 20_000), Amount: 100, Data: markup}}
		cfg.MaxAttempts = 200
	})
	_, err = s.Begin(t.Context(), purchase.Request{Buyer: "b", OfferID: "huge", Price: 100})
	assert.Equal(t, core.CodeInvalid, core.CodeOf(err), "what leaves no room is refused before anything is ordered")
	assert.Empty(t, w.orders)
	p, err := s.Begin(t.Context(), purchase.Request{Buyer: "b", OfferID: "big", Price: 100})
	require.NoError(t, err)
	for range 40 {
		_ = s.Paid(t.Context(), noticeOf(p, w.pay(p.ID)))
	}
	for range 150 {
		w.now = w.now.Add(2 * time.Hour)
		_, err := s.Reconcile(t.Context())
		require.NoError(t, err)
	}
	record, err := w.inner.Get(t.Context(), purchase.Prefix+p.ID)
	require.NoError(t, err)
	assert.Less(t, len(record.Body), journal.MaxBody)
	p, err = s.Get(t.Context(), p.ID)
	require.NoError(t, err)
	assert.JSONEq(t, string(markup), string(p.Data))
}

// A payment beyond what the record holds is not acknowledged: the platform
// keeps it, and a person sees it in the log.
func TestSurplusBeyondTheRecordIsNotAcknowledged(t *testing.T) {
	w, s, p := begun(t)
	acknowledged := 0
	for range 40 {
		if s.Paid(t.Context(), noticeOf(p, w.pay(p.ID))) == nil {
			acknowledged++
		}
	}
	p, err := s.Get(t.Context(), p.ID)
	require.NoError(t, err)
	assert.Equal(t, acknowledged, 1+len(p.Surplus))
	assert.Equal(t, 33, acknowledged)
}

// The write of a lease took longer than the lease: somebody else is at it.
func TestALeaseThatIsOverBeforeTheStepBegins(t *testing.T) {
	w, _, p := begun(t)
	slow := w.service(func(cfg *purchase.Config) {
		cfg.Store = &slowLease{watchedStore: watchedStore{w}, takes: 55 * time.Second}
		cfg.InlineBudget = -1
	})
	require.NoError(t, slow.Paid(t.Context(), noticeOf(p, w.pay(p.ID))))
	got, err := slow.Advance(t.Context(), p.ID)
	require.NoError(t, err)
	assert.Equal(t, purchase.Delivering, got.State)
	assert.Zero(t, w.grants[p.ID], "there was no time left to do it in")
	w.settleAll(w.restart())
	assert.Equal(t, purchase.Delivered, w.check(p.ID).State)
}

// slowLease lets time pass in every write of a purchase that is delivering.
type slowLease struct {
	watchedStore
	takes time.Duration
}

func (s *slowLease) Put(ctx context.Context, r journal.Record) (journal.Record, error) {
	stored, err := s.watchedStore.Put(ctx, r)
	if strings.Contains(string(r.Body), `"state":"delivering"`) {
		s.now = s.now.Add(s.takes)
	}
	return stored, err
}

// What a worker sent before it died may still be under way when its lease is
// over; it is asked about only when it cannot be any more.
func TestAStepThatBrokeOffIsLeftToEndFirst(t *testing.T) {
	w, _, p := begun(t)
	s := w.service(func(cfg *purchase.Config) { cfg.InFlight, cfg.InlineBudget = 10*time.Minute, -1 })
	require.NoError(t, s.Paid(t.Context(), noticeOf(p, w.pay(p.ID))))
	w.ios, w.faultAt, w.fault = 0, 3, crashAfter // Get, Put of the lease, Deliver
	_, _ = s.Advance(t.Context(), p.ID)
	require.True(t, w.dead)
	w.dead, w.faultAt = false, -1
	asked := w.ios
	w.now = w.now.Add(9 * time.Minute)
	_, err := s.Reconcile(t.Context())
	require.NoError(t, err)
	assert.LessOrEqual(t, w.ios, asked+1, "nothing but the question what is due")
	w.now = w.now.Add(3 * time.Minute)
	_, err = s.Reconcile(t.Context())
	require.NoError(t, err)
	assert.Equal(t, purchase.Delivered, w.check(p.ID).State)
}

// The last attempt had its effect, and nobody was told: it is asked about once
// more before a person is.
func TestTheLastAttemptIsAskedAbout(t *testing.T) {
	for _, granted := range []bool{true, false} {
		w, _, p := begun(t)
		s := w.service(func(cfg *purchase.Config) { cfg.MaxAttempts = 1 })
		if granted {
			w.lateGrant = true
		} else {
			w.deliverErr = func() error { return errors.New("down") }
		}
		require.NoError(t, s.Paid(t.Context(), noticeOf(p, w.pay(p.ID))))
		for range 5 {
			w.now = w.now.Add(time.Hour)
			_, err := s.Reconcile(t.Context())
			require.NoError(t, err)
		}
		got, err := s.Get(t.Context(), p.ID)
		require.NoError(t, err)
		if granted {
			assert.Equal(t, purchase.Delivered, got.State)
			assert.Equal(t, 1, w.grants[p.ID])
		} else {
			assert.Equal(t, purchase.Attention, got.State)
			assert.Contains(t, got.Reason, "1 attempts")
		}
	}
}

// An error that is safe to repeat tells nothing of what came before it.
func TestASafeErrorAfterAGrantIsInDoubt(t *testing.T) {
	w, s, p := begun(t)
	w.deliverErr = func() error {
		w.grants[p.ID]++
		return &core.Error{Op: "vvchat.Query", Code: core.CodeUnknown, Safe: true, Err: errors.New("the receipt could not be read")}
	}
	require.NoError(t, s.Paid(t.Context(), noticeOf(p, w.pay(p.ID))))
	w.settleAll(s)
	assert.Equal(t, 1, w.grants[p.ID])
	assert.Equal(t, purchase.Delivered, w.check(p.ID).State)
}

func TestAHandOverThatPanicsChangesNothing(t *testing.T) {
	w, _, p := begun(t)
	s := w.service(func(cfg *purchase.Config) { cfg.Enqueue = func(context.Context, string) error { panic("boom") } })
	require.NoError(t, s.Paid(t.Context(), noticeOf(p, w.pay(p.ID))))
	w.settleAll(s)
	assert.Equal(t, purchase.Delivered, w.check(p.ID).State)
}

// busyPlatform refuses queries in a way that says nothing about the order.
type busyPlatform struct {
	fakePlatform
	answer error
	orders *int
}

func (b busyPlatform) UnifiedOrder(ctx context.Context, o vvchat.Order) (vvchat.Prepay, error) {
	*b.orders++
	_, _ = b.fakePlatform.UnifiedOrder(ctx, o)
	return vvchat.Prepay{}, errPlatformUnknown
}

func (b busyPlatform) Query(context.Context, string) (vvchat.Trade, error) {
	return vvchat.Trade{}, b.answer
}

// "Too many requests", "account closed": neither means that there is no order,
// so it must not be made again, and not be asked about for ever.
func TestARefusalThatSaysNothingAboutTheOrder(t *testing.T) {
	for _, refusal := range []vvchat.PlatformError{{Status: 400, ErrCode: 1000}, {Status: 403}, {Status: 404}} {
		w, orders := newWorld(t), 0
		s := w.service(func(cfg *purchase.Config) {
			cfg.Platform = busyPlatform{fakePlatform{w}, &core.Error{Op: "x", Code: core.CodeRefused, Err: &refusal}, &orders}
		})
		p, err := s.Begin(t.Context(), purchase.Request{Buyer: "b", OfferID: "voip", Price: 100})
		require.Equal(t, core.CodeUnknown, core.CodeOf(err))
		polls := 0
		for range 4 * 24 * 120 {
			w.now = w.now.Add(15 * time.Minute)
			sweep, err := s.Reconcile(t.Context())
			require.NoError(t, err)
			polls += sweep.Seen
		}
		assert.Equal(t, 1, orders, "one order, whatever the queries say: %v", refusal)
		assert.Less(t, polls, 700)
		p, err = s.Get(t.Context(), p.ID)
		require.NoError(t, err)
		assert.Equal(t, purchase.Attention, p.State)
		assert.Contains(t, p.Reason, "90 days")
	}
}

// Over plain http anybody on the way could hand out the imprest_code of an
// order of his own.
func TestAnUntrustedQueryHandsOutNoCode(t *testing.T) {
	w := newWorld(t)
	w.untrusted = true
	s := w.restart()
	w.faultAt, w.fault = 2, replyLost // the order's answer
	p, err := s.Begin(t.Context(), purchase.Request{Buyer: "b", OfferID: "voip", Price: 100})
	require.Error(t, err)
	require.Equal(t, purchase.Ordering, p.State)
	w.now = w.now.Add(5 * time.Minute)
	_, err = s.Reconcile(t.Context())
	require.NoError(t, err)
	p, err = s.Get(t.Context(), p.ID)
	require.NoError(t, err)
	assert.Equal(t, purchase.Attention, p.State)
	assert.Empty(t, p.ImprestCode)
}

// What Begin returns names the purchase whenever there may be one.
func TestBeginNamesThePurchaseWheneverThereMayBeOne(t *testing.T) {
	for at := 1; at <= 5; at++ {
		for mode := crashBefore; mode <= lastFaultMode; mode++ {
			w := newWorld(t)
			w.faultAt, w.fault = at, mode
			p, err := w.restart().Begin(t.Context(), purchase.Request{Buyer: "b", OfferID: "voip", Price: 100})
			if err == nil {
				assert.Equal(t, purchase.Unpaid, p.State)
			}
			if ids := w.ids(); len(ids) > 0 && len(w.orders) > 0 {
				assert.Equal(t, ids[0], p.ID, "%s operation %d: %v", mode, at, err)
			}
		}
	}
}

type observer struct{ seen []string }

func (o *observer) Observe(ctx context.Context, w core.Work) (context.Context, func(error)) {
	return ctx, func(err error) { o.seen = append(o.seen, fmt.Sprintf("%s %s %s", w.Kind, w.Name, core.CodeOf(err))) }
}

func TestTheObserverIsToldHowEachStepWent(t *testing.T) {
	w, o := newWorld(t), &observer{}
	w.deliverErr = func() error { return errors.New("the warehouse is on fire") }
	s := w.service(func(cfg *purchase.Config) { cfg.Observer = o })
	p, err := s.Begin(t.Context(), purchase.Request{Buyer: "b", OfferID: "voip", Price: 100})
	require.NoError(t, err)
	require.NoError(t, s.Paid(t.Context(), noticeOf(p, w.pay(p.ID))))
	w.deliverErr = nil
	w.now = w.now.Add(5 * time.Minute)
	_, err = s.Reconcile(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"step purchase.order ", "step purchase.deliver internal", "step purchase.deliver ", "sweep purchase.Reconcile "}, o.seen)
}
