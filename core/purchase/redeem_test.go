package purchase_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
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

// fakeMall redeems codes on devices; each works once.
type fakeMall struct {
	*world
	services map[string][]mall.Service
	used     map[string]string // code → device
	refusal  error
	// late lists redemptions that take effect when the test says so.
	late   []func()
	isLate bool
}

func newFakeMall(w *world) *fakeMall {
	return &fakeMall{world: w, used: map[string]string{}, services: map[string][]mall.Service{
		"dev-1": {{Code: "free-storage"}}, "dev-2": {{Code: "voip", EndTime: 1_700_000_000_000}},
	}}
}

var errMallUnknown = &core.Error{Op: "mall.ExchangeCode", Code: core.CodeUnknown, Err: errors.New("timed out")}

func (f *fakeMall) GetServiceListByDevice(_ context.Context, _ mall.Caller, device string) (services []mall.Service, err error) {
	unknown := &core.Error{Op: "mall.GetServiceListByDevice", Code: core.CodeUnknown, Safe: true, Err: errors.New("timed out")}
	err = f.io("getServiceListByDevice", unknown, errPlatformClean, func() error {
		services = append(services, f.services[device]...)
		return nil
	})
	return services, err
}

func (f *fakeMall) ExchangeCode(_ context.Context, _ mall.Caller, p mall.ExchangeCodeParams) error {
	return f.io("exchangeCode", errMallUnknown, errPlatformClean, func() error {
		if f.refusal != nil {
			return f.refusal
		}
		code := p.Code.Reveal()
		if f.used[code] != "" {
			return mall.Refusal("mall.ExchangeCode", "CODE_USED", "used", "")
		}
		effect := func() {
			f.used[code] = p.DeviceID
			for i := range f.services[p.DeviceID] {
				if s := &f.services[p.DeviceID][i]; s.Code == "voip" {
					s.EndTime += 365 * 24 * 3600 * 1000
					return
				}
			}
			f.services[p.DeviceID] = append(f.services[p.DeviceID], mall.Service{Code: "voip", EndTime: 1_800_000_000_000})
		}
		if f.isLate {
			f.late = append(f.late, effect)
			return errMallUnknown
		}
		effect()
		return nil
	})
}

func redemptionData(device string) json.RawMessage {
	return json.RawMessage(fmt.Sprintf(`{"user_id":"u1","device_id":%q,"catalog_code":"VOIP","homeId":"h1","name":"Doorbell","uuid":"uuid-1","service_code":"voip"}`, device))
}

// redeeming returns a shop that delivers by exchange code.
func redeeming(t *testing.T, codes ...string) (*world, *fakeMall, *purchase.Codes, func() *purchase.Service) {
	t.Helper()
	w := newWorld(t)
	w.deliverErr = func() error { return nil } // the watch of grants is the mall's here
	m := newFakeMall(w)
	now := func() time.Time { return w.now }
	loader, err := purchase.NewCodes(purchase.CodesConfig{Store: w.inner, Now: now})
	require.NoError(t, err)
	if len(codes) > 0 {
		_, err = loader.Load(t.Context(), "VOIP", strings.NewReader(strings.Join(codes, "\n")))
		require.NoError(t, err)
	}
	restart := func() *purchase.Service {
		w.dead = false
		stock, err := purchase.NewCodes(purchase.CodesConfig{Store: unwatched{w}, Now: now})
		require.NoError(t, err)
		redeemer, err := purchase.NewRedeemer(purchase.RedeemerConfig{Store: unwatched{w}, Codes: stock, Mall: m, Now: now})
		require.NoError(t, err)
		return w.service(func(cfg *purchase.Config) {
			cfg.Deliverer = redeemer
			cfg.Catalog = purchase.Offers{
				"voip-1": {Title: "VoIP", Amount: 100, Data: redemptionData("dev-1")},
				"voip-2": {Title: "VoIP", Amount: 100, Data: redemptionData("dev-2")},
			}
			cfg.Refunds = &purchase.Refunds{Payer: &fakePayer{world: w}, OutOpenID: "payer", NotifyURL: "https://shop.example/p", DailyCap: 10_000}
		})
	}
	return w, m, loader, restart
}

// unwatched is the store under the faults of the world, for records that are
// no purchases and may be loaded before the watch begins.
type unwatched struct{ *world }

func (s unwatched) Put(ctx context.Context, r journal.Record) (stored journal.Record, err error) {
	ioErr := s.io(putName(r), errStoreUnknown, errStoreClean, func() error { stored, err = s.inner.Put(ctx, r); return err })
	if ioErr != nil && !errors.Is(ioErr, journal.ErrConflict) {
		return journal.Record{}, ioErr
	}
	return stored, ioErr
}
func (s unwatched) Get(ctx context.Context, id string) (r journal.Record, err error) {
	ioErr := s.io("read "+kindOf(id), errStoreClean, errStoreClean, func() error { r, err = s.inner.Get(ctx, id); return err })
	return r, ioErr
}
func (s unwatched) List(ctx context.Context, prefix, after string, limit int) (rs []journal.Record, err error) {
	ioErr := s.io("list "+kindOf(prefix), errStoreClean, errStoreClean, func() error { rs, err = s.inner.List(ctx, prefix, after, limit); return err })
	return rs, ioErr
}
func (s unwatched) Due(ctx context.Context, before time.Time, limit int) ([]journal.Record, error) {
	return s.inner.Due(ctx, before, limit)
}
func (s unwatched) Delete(ctx context.Context, id string, version int64) error {
	return s.inner.Delete(ctx, id, version)
}

func buy(t *testing.T, w *world, s *purchase.Service, offer string) purchase.Purchase {
	t.Helper()
	p, err := s.Begin(t.Context(), purchase.Request{Buyer: "buyer", OfferID: offer, Price: 100})
	require.NoError(t, err)
	require.NoError(t, s.Paid(t.Context(), noticeOf(p, w.pay(p.ID))))
	p, err = s.Get(t.Context(), p.ID)
	require.NoError(t, err)
	return p
}

func TestRedeemOneCodePerPurchase(t *testing.T) {
	w, m, codes, restart := redeeming(t, "c1", "c2", "c3")
	s := restart()
	for i, offer := range []string{"voip-1", "voip-2", "voip-1"} {
		p := buy(t, w, s, offer)
		assert.Equal(t, purchase.Delivered, p.State, p.Reason)
		assert.Len(t, m.used, i+1)
	}
	stock, err := codes.Stock(t.Context(), "VOIP")
	require.NoError(t, err)
	assert.Equal(t, map[purchase.CodeState]int{purchase.CodeUsed: 3}, stock)
}

// The process dies before or after each I/O of a redemption, or a reply or a
// request is lost: never a second code, and the service is there if a code is
// gone, or a person is told.
func TestEveryFaultInARedemption(t *testing.T) {
	for _, offer := range []string{"voip-1", "voip-2"} {
		run := func(t *testing.T, at int, mode faultMode) (ios int, state purchase.State) {
			w, m, codes, restart := redeeming(t, "c1", "c2", "c3")
			s := restart()
			p, err := s.Begin(t.Context(), purchase.Request{Buyer: "buyer", OfferID: offer, Price: 100})
			require.NoError(t, err)
			trade := w.pay(p.ID)
			w.ios, w.faultAt, w.fault = 0, at, mode
			w.notify(s, p.ID, trade)
			if w.dead {
				s = restart()
			}
			ios = w.ios
			w.settleAll(s)
			p, err = s.Get(t.Context(), p.ID)
			require.NoError(t, err)
			require.LessOrEqual(t, len(m.used), 1, "a second code")
			stock, err := codes.Stock(t.Context(), "VOIP")
			require.NoError(t, err)
			switch p.State {
			case purchase.Delivered:
				require.Len(t, m.used, 1)
				require.Equal(t, 1, stock[purchase.CodeUsed], stock)
			case purchase.Attention:
				require.Equal(t, 1, stock[purchase.CodeQuarantined], "%v: %s", stock, p.Reason)
			default:
				t.Fatalf("%s: %s", p.State, p.Reason)
			}
			require.Zero(t, stock[purchase.CodeReserved], "%v", stock)
			return ios, p.State
		}
		last, _ := run(t, -1, noFault)
		require.Greater(t, last, 15)
		ends := map[purchase.State]int{}
		for at := 1; at <= last; at++ {
			for mode := crashBefore; mode <= lastFaultMode; mode++ {
				t.Run(fmt.Sprintf("%s/%s operation %d", offer, mode, at), func(t *testing.T) {
					_, state := run(t, at, mode)
					ends[state]++
				})
			}
		}
		t.Logf("%s: %v", offer, ends)
		assert.Greater(t, ends[purchase.Delivered], 10*ends[purchase.Attention])
	}
}

func TestARedemptionThatTakesEffectLate(t *testing.T) {
	for _, inTime := range []bool{true, false} {
		w, m, codes, restart := redeeming(t, "c1", "c2")
		s := restart()
		m.isLate = true
		p := buy(t, w, s, "voip-1")
		require.Equal(t, purchase.Delivering, p.State)
		if inTime {
			m.late[0]()
		}
		m.isLate = false
		w.settleAll(s)
		p, err := s.Get(t.Context(), p.ID)
		require.NoError(t, err)
		stock, err := codes.Stock(t.Context(), "VOIP")
		require.NoError(t, err)
		if inTime {
			assert.Equal(t, purchase.Delivered, p.State, p.Reason)
			assert.Equal(t, map[purchase.CodeState]int{purchase.CodeUsed: 1, purchase.CodeFree: 1}, stock)
		} else {
			assert.Equal(t, purchase.Attention, p.State)
			assert.Contains(t, p.Reason, "quarantine")
			assert.Equal(t, map[purchase.CodeState]int{purchase.CodeQuarantined: 1, purchase.CodeFree: 1}, stock)
		}
	}
}

func TestRefusedRedemptions(t *testing.T) {
	for name, tt := range map[string]struct {
		refusal error
		state   purchase.State
		stock   map[purchase.CodeState]int
	}{
		"a code that was used before": {mall.Refusal("x", "CODE_USED", "", ""), purchase.Attention, map[purchase.CodeState]int{purchase.CodeQuarantined: 1, purchase.CodeFree: 1}},
		"a code that nobody knows":    {mall.Refusal("x", "CODE_NOT_FOUND", "", ""), purchase.Attention, map[purchase.CodeState]int{purchase.CodeQuarantined: 1, purchase.CodeFree: 1}},
		"no permission":               {mall.Refusal("x", "PERMISSION_DENIED", "", ""), purchase.Refunding, map[purchase.CodeState]int{purchase.CodeFree: 2}},
		"an unknown device":           {mall.Refusal("x", "DEVICE_NOT_FOUND", "", ""), purchase.Refunding, map[purchase.CodeState]int{purchase.CodeFree: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			w, m, codes, restart := redeeming(t, "c1", "c2")
			s := restart()
			m.refusal = tt.refusal
			p := buy(t, w, s, "voip-1")
			w.settleAll(s)
			p, err := s.Get(t.Context(), p.ID)
			require.NoError(t, err)
			assert.Equal(t, tt.state, p.State, p.Reason)
			stock, err := codes.Stock(t.Context(), "VOIP")
			require.NoError(t, err)
			assert.Equal(t, tt.stock, stock)
			assert.Empty(t, m.used)
		})
	}
}

func TestAnEmptyPoolWaitsForCodes(t *testing.T) {
	w, m, codes, restart := redeeming(t)
	s := restart()
	p := buy(t, w, s, "voip-1")
	assert.Equal(t, purchase.Delivering, p.State)
	assert.Contains(t, p.Reason, "load more")
	_, err := codes.Load(t.Context(), "VOIP", strings.NewReader("c1\n"))
	require.NoError(t, err)
	w.settleAll(s)
	p, err = s.Get(t.Context(), p.ID)
	require.NoError(t, err)
	assert.Equal(t, purchase.Delivered, p.State, p.Reason)
	assert.Len(t, m.used, 1)
}

// Two purchases for one device at once: they could not be told apart by the
// device's list, so one waits for the other.
func TestOneRedemptionAtATimePerDevice(t *testing.T) {
	w, m, _, restart := redeeming(t, "c1", "c2")
	s := restart()
	m.isLate = true
	first := buy(t, w, s, "voip-1")
	require.Len(t, m.late, 1)
	m.isLate = false
	second := buy(t, w, s, "voip-1")
	assert.Contains(t, second.Reason, "another redemption")
	assert.Empty(t, m.used)
	m.late[0]()
	w.settleAll(s)
	for _, id := range []string{first.ID, second.ID} {
		p, err := s.Get(t.Context(), id)
		require.NoError(t, err)
		assert.Equal(t, purchase.Delivered, p.State, p.Reason)
	}
	assert.Len(t, m.used, 2)
}

func TestRedemptionDataIsChecked(t *testing.T) {
	w, m, codes, restart := redeeming(t, "c1")
	_ = restart()
	redeemer, err := purchase.NewRedeemer(purchase.RedeemerConfig{Store: w.inner, Codes: codes, Mall: m})
	require.NoError(t, err)
	for _, data := range []string{``, `{`, `{"device_id":"dev-1"}`} {
		err := redeemer.Deliver(t.Context(), purchase.Purchase{ID: "p", Data: json.RawMessage(data)})
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err), data)
	}
	for name, cfg := range map[string]purchase.RedeemerConfig{
		"Store": {Codes: codes, Mall: m}, "Codes": {Store: w.inner, Mall: m}, "Mall": {Store: w.inner, Codes: codes},
		"InFlight": {Store: w.inner, Codes: codes, Mall: m, InFlight: -1},
	} {
		_, err := purchase.NewRedeemer(cfg)
		assert.ErrorContains(t, err, name)
	}
}

func TestLoadingCodes(t *testing.T) {
	store := journal.NewMemory()
	codes, err := purchase.NewCodes(purchase.CodesConfig{Store: store})
	require.NoError(t, err)
	loaded, err := codes.Load(t.Context(), "VOIP", strings.NewReader("a\n\n b \na\nc\r\n"))
	require.NoError(t, err)
	assert.Equal(t, purchase.Loaded{Added: 3, Duplicates: []int{4}}, loaded)
	loaded, err = codes.Load(t.Context(), "VOIP", strings.NewReader("c\nd\n"))
	require.NoError(t, err)
	assert.Equal(t, purchase.Loaded{Added: 1, Duplicates: []int{1}}, loaded)
	loaded, err = codes.Load(t.Context(), "CLOUD_STORAGE", strings.NewReader("a\n"))
	require.NoError(t, err)
	assert.Equal(t, 1, loaded.Added, "another catalog is another stock")

	var many strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&many, "code-%d\n", i)
	}
	_, err = codes.Load(t.Context(), "VOIP", strings.NewReader(many.String()))
	require.NoError(t, err)
	stock, err := codes.Stock(t.Context(), "VOIP")
	require.NoError(t, err)
	assert.Equal(t, map[purchase.CodeState]int{purchase.CodeFree: 1004}, stock)

	for name, bad := range map[string]string{"a space": "a b", "too long": strings.Repeat("x", 129), "not ASCII": "微"} {
		_, err = codes.Load(t.Context(), "VOIP", strings.NewReader("new\n"+bad+"\n"))
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err), name)
		assert.ErrorContains(t, err, "line 2")
		assert.NotContains(t, err.Error(), bad, "a code is worth money")
	}
	for _, catalog := range []string{"", "a/b", "a b", strings.Repeat("x", 65)} {
		_, err = codes.Load(t.Context(), catalog, strings.NewReader("x"))
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err), catalog)
	}
}

// 32 workers on one stock of 20 codes: each code goes to one purchase.
func TestCodesUnderConcurrency(t *testing.T) {
	store := journal.NewMemory()
	var low []int
	var mu sync.Mutex
	newCodes := func() *purchase.Codes {
		codes, err := purchase.NewCodes(purchase.CodesConfig{Store: store, LowWater: 3, OnLow: func(_ context.Context, _ string, left int) {
			mu.Lock()
			defer mu.Unlock()
			low = append(low, left)
		}})
		require.NoError(t, err)
		return codes
	}
	var batch strings.Builder
	for i := range 20 {
		fmt.Fprintf(&batch, "c%d\n", i)
	}
	_, err := newCodes().Load(t.Context(), "VOIP", strings.NewReader(batch.String()))
	require.NoError(t, err)
	m := &countingMall{used: map[string]int{}}
	var wg sync.WaitGroup
	results := make(chan error, 32)
	for i := range 32 {
		redeemer, err := purchase.NewRedeemer(purchase.RedeemerConfig{Store: store, Codes: newCodes(), Mall: m})
		require.NoError(t, err)
		wg.Go(func() {
			results <- redeemer.Deliver(context.Background(), purchase.Purchase{ID: fmt.Sprint("p", i), Data: redemptionData(fmt.Sprint("dev-", i))})
		})
	}
	wg.Wait()
	close(results)
	granted := 0
	for err := range results {
		if err == nil {
			granted++
		} else {
			assert.ErrorIs(t, err, purchase.ErrNoCodes)
			assert.True(t, core.Retryable(err))
		}
	}
	assert.Equal(t, 20, granted)
	assert.Len(t, m.used, 20)
	for code, times := range m.used {
		assert.Equal(t, 1, times, code)
	}
	assert.Contains(t, low, 0)
	for _, left := range low {
		assert.LessOrEqual(t, left, 3)
	}
}

type countingMall struct {
	mu   sync.Mutex
	used map[string]int
}

func (c *countingMall) ExchangeCode(_ context.Context, _ mall.Caller, p mall.ExchangeCodeParams) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.used[p.Code.Reveal()]++
	return nil
}
func (c *countingMall) GetServiceListByDevice(context.Context, mall.Caller, string) ([]mall.Service, error) {
	return nil, nil
}

// Two workers on one journal, at every purchase at once: one code each.
func TestTwoWorkersRedeemOneCodeEach(t *testing.T) {
	const purchases = 24
	store, w := journal.NewMemory(), newWorld(t)
	m := &countingMall{used: map[string]int{}}
	newWorker := func() *purchase.Service {
		codes, err := purchase.NewCodes(purchase.CodesConfig{Store: store})
		require.NoError(t, err)
		redeemer, err := purchase.NewRedeemer(purchase.RedeemerConfig{Store: store, Codes: codes, Mall: m})
		require.NoError(t, err)
		s, err := purchase.New(purchase.Config{Store: store, Platform: fakePlatform{w}, Deliverer: redeemer,
			Catalog: purchase.Offers{}, NotifyURL: "https://x.example/", InlineBudget: -1})
		require.NoError(t, err)
		return s
	}
	workers := []*purchase.Service{newWorker(), newWorker()}
	codes, err := purchase.NewCodes(purchase.CodesConfig{Store: store})
	require.NoError(t, err)
	var batch strings.Builder
	for i := range purchases + 5 {
		fmt.Fprintf(&batch, "c%d\n", i)
	}
	_, err = codes.Load(t.Context(), "VOIP", strings.NewReader(batch.String()))
	require.NoError(t, err)
	for i := range purchases {
		id := fmt.Sprint("order-", i)
		_, err := workers[0].Import(t.Context(), purchase.Purchase{ID: id, AppID: "test", Amount: 100, Data: redemptionData(fmt.Sprint("dev-", i))})
		require.NoError(t, err)
		require.NoError(t, workers[i%2].Paid(t.Context(), noticeOf(purchase.Purchase{ID: id, AppID: "test", Amount: 100}, "T"+id)))
	}
	var wg sync.WaitGroup
	for _, s := range workers {
		for range 4 {
			wg.Go(func() { _, err := s.Reconcile(context.Background()); assert.NoError(t, err) })
		}
	}
	wg.Wait()
	for i := range purchases {
		p, err := workers[0].Get(t.Context(), fmt.Sprint("order-", i))
		require.NoError(t, err)
		assert.Equal(t, purchase.Delivered, p.State, p.Reason)
	}
	assert.Len(t, m.used, purchases)
	for code, times := range m.used {
		assert.Equal(t, 1, times, code)
	}
	stock, err := codes.Stock(t.Context(), "VOIP")
	require.NoError(t, err)
	assert.Equal(t, map[purchase.CodeState]int{purchase.CodeUsed: purchases, purchase.CodeFree: 5}, stock)
}

// The table of crashes: a purchase that is delivered by exchange code, and one
// that is paid back, with the process dying before each operation and after its
// effect. Every row ends well, or with a person.
func TestTheTableOfCrashes(t *testing.T) {
	for _, tt := range []struct {
		name    string
		apart   bool // the journal writes one record at a time
		refusal error
		ends    []purchase.State // that a crash may lead to
	}{
		{"delivered by exchange code", false, nil, []purchase.State{purchase.Delivered, purchase.Attention}},
		{"the same, record by record", true, nil, []purchase.State{purchase.Delivered, purchase.Attention}},
		{"paid back", false, mall.Refusal("x", "PERMISSION_DENIED", "", ""), []purchase.State{purchase.Refunded, purchase.Attention}},
	} {
		run := func(at int, mode faultMode) (*world, purchase.State) {
			w, m, codes, restart := redeeming(t, "c1", "c2")
			m.refusal = tt.refusal
			s := restart()
			w.apart, w.faultAt, w.fault = tt.apart, at, mode
			for len(w.ids()) == 0 { // where it never came to be, the buyer tries again
				_, _ = s.Begin(t.Context(), purchase.Request{Buyer: "buyer", OfferID: "voip-1", Price: 100})
				if w.dead {
					s = restart()
				}
			}
			id := w.ids()[0]
			for range 12 {
				if o := w.orders[id]; o != nil {
					if len(o.payments) == 0 {
						w.pay(id)
					}
					w.notify(s, id, o.payments[0])
				}
				_, _ = s.Reconcile(t.Context())
				if w.dead {
					s = restart()
				}
				if p, err := s.Get(t.Context(), id); err == nil && w.paidOut["R"+id] {
					_ = s.Payout(t.Context(), payoutNotice(p, callback.PayoutDone))
					if w.dead {
						s = restart()
					}
				}
				w.now = w.now.Add(2 * time.Minute)
			}
			w.faultAt = -1
			w.settleAll(s)
			p, err := s.Get(t.Context(), id)
			require.NoError(t, err)
			stock, err := codes.Stock(t.Context(), "VOIP")
			require.NoError(t, err)
			require.LessOrEqual(t, len(m.used), 1)
			require.False(t, len(m.used) > 0 && p.State == purchase.Refunded, "both granted and refunded")
			if p.State == purchase.Refunded {
				require.Equal(t, 2, stock[purchase.CodeFree], "%v", stock)
			}
			return w, p.State
		}
		w, end := run(-1, noFault)
		require.Equal(t, tt.ends[0], end)
		trace := w.trace
		last := 0
		for i, what := range trace {
			if what == "write purchase "+string(end) {
				last = i + 1
			}
		}
		require.Greater(t, last, 15)
		t.Logf("%-28s | %-32s | %-12s | %s", tt.name, "operation", "dies before", "dies after")
		for at := 1; at <= last; at++ {
			_, before := run(at, crashBefore)
			_, after := run(at, crashAfter)
			t.Logf("%28d | %-32s | %-12s | %s", at, trace[at-1], before, after)
			require.Contains(t, tt.ends, before)
			require.Contains(t, tt.ends, after)
		}
	}
}
