package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
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

// till is a platform that knows which orders were paid, and a merchant who
// counts what he grants. Neither ever fails.
type till struct {
	paid map[string]bool // fixed

	mu      sync.Mutex
	granted map[string]int
}

func (*till) AppID() string   { return "test" }
func (*till) StoreNo() string { return "s1234" }
func (*till) Trusted() bool   { return true }

func (*till) UnifiedOrder(context.Context, vvchat.Order) (vvchat.Prepay, error) {
	return vvchat.Prepay{}, errors.New("orders are imported")
}

func (x *till) Query(_ context.Context, id string) (vvchat.Trade, error) {
	trade := vvchat.Trade{StoreNo: "s1234", OutTradeNo: id, ImprestCode: "I" + id, Amount: 100}
	if x.paid[id] {
		trade.Status, trade.TradeNo, trade.OpenID = vvchat.StatusPaid, "T"+id, "buyer"
	}
	return trade, nil
}

func (x *till) Deliver(_ context.Context, p purchase.Purchase) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.granted[p.ID]++
	return nil
}

func (x *till) Delivered(_ context.Context, p purchase.Purchase) (bool, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.granted[p.ID] > 0, nil
}

// purchasesAmongFaults sells on the store while it fails and its due lags: the
// retries of core/purchase are what the contract is for. Two services share the
// store, one of which writes one record after the other, as an older program
// beside a new one does; each notification comes to both until one of them
// acknowledges.
func purchasesAmongFaults(t testing.TB, h Harness) {
	const orders, percent, rounds = 6, 25, 12
	s := h.Open(t)
	handle := h.handles(t, s)
	x := &till{paid: map[string]bool{}, granted: map[string]int{}}
	ids := make([]string, orders)
	for i := range ids {
		ids[i] = fmt.Sprint("order-", i)
		x.paid[ids[i]] = i%3 < 2
	}
	var clock atomic.Int64
	clock.Store(noon.UnixMilli())
	var proxies [2]*FaultyStore
	var services [2]*purchase.Service
	for i := range services {
		var behind journal.Store = Lagging(handle(i), uint64(i))
		if i == 1 {
			behind = struct{ journal.Store }{behind} // without its PutAll
		}
		proxies[i] = Faulty(behind, nil)
		var err error
		services[i], err = purchase.New(purchase.Config{
			Store: proxies[i], Platform: x, Catalog: purchase.Offers{}, Deliverer: x, NotifyURL: "http://127.0.0.1/callbacks/payment", MaxAttempts: 1000,
			Now: func() time.Time { return time.UnixMilli(clock.Load()).UTC() },
		})
		require.NoError(t, err)
	}
	for _, id := range ids {
		_, err := services[0].Import(t.Context(), purchase.Purchase{ID: id, AppID: "test", StoreNo: "s1234", Amount: 100, ImprestCode: "I" + id})
		require.NoError(t, err)
	}
	for i, f := range proxies {
		f.SetScript(Seeded(uint64(i), percent))
	}
	var acknowledged sync.Map
	settled := func() bool {
		for _, id := range ids {
			p, err := services[0].Get(t.Context(), id)
			require.NoError(t, err)
			if x.paid[id] && p.State != purchase.Delivered {
				return false
			}
		}
		return true
	}
	for round := 0; round <= rounds || !settled(); round++ {
		require.Less(t, round, 20*rounds, "with the faults over, what was paid is delivered")
		if round == rounds {
			for _, f := range proxies {
				f.SetScript(nil)
				f.Land()
			}
		}
		together(len(services), func(i int) {
			for _, id := range ids {
				if _, ok := acknowledged.Load(id); ok || !x.paid[id] {
					continue
				}
				err := services[i].Paid(t.Context(), callback.PaymentNotice{
					AppID: "test", OutTradeNo: id, TradeNo: "T" + id, OpenID: "buyer", Amount: 100, Status: callback.StatusPaid, PayTime: noon,
				})
				if err == nil {
					acknowledged.Store(id, true)
				}
				assert.NotEqual(t, core.CodeMismatch, core.CodeOf(err), "the answer to a genuine notification: %v", err)
			}
			_, err := services[i].Reconcile(t.Context())
			assert.True(t, err == nil || round < rounds, "a sweep: %v", err)
		})
		clock.Add((2 * time.Minute).Milliseconds())
	}
	for _, id := range ids {
		p, err := services[0].Get(t.Context(), id)
		require.NoError(t, err)
		granted := 0
		if x.paid[id] {
			granted = 1
			require.Equal(t, "T"+id, p.Payment.TradeNo)
			claim, err := s.Get(t.Context(), "trade/T"+id)
			require.NoError(t, err)
			require.Contains(t, string(claim.Body), id, "whose the payment is")
		} else {
			require.Nil(t, p.Payment)
		}
		require.Equal(t, granted, x.granted[id], "how often %s was granted; it is %s", id, p.State)
		require.NotEqual(t, purchase.Attention, p.State)
	}
}
