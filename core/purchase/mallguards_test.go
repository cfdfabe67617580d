package purchase_test

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/mall"
	"github.com/imprest-go/imprest/core/purchase"
)

func (w *mallWorld) with(user func(buyer string) string) *purchase.Service {
	s, err := purchase.New(purchase.Config{
		Store: watchedStore{w.world},
		Mall: &purchase.Mall{Operations: w, WXAppID: "wx1",
			User: func(_ context.Context, buyer string) (purchase.MallUser, error) {
				return purchase.MallUser{Caller: mall.Caller{UserID: user(buyer)}}, nil
			}},
		Now: func() time.Time { return w.now }, Rand: w.rand,
	})
	require.NoError(w.t, err)
	return s
}

func (w *mallWorld) get(s *purchase.Service, id string) purchase.Purchase {
	p, err := s.Get(w.t.Context(), id)
	require.NoError(w.t, err)
	return p
}

func (w *mallWorld) dueOf(id string) time.Time {
	r, err := w.inner.Get(w.t.Context(), purchase.Prefix+id)
	require.NoError(w.t, err)
	return r.Due
}

// An order made elsewhere is listed, and ours is not yet: nothing is handed out
// on its price, and the second one is noticed.
func TestASecondCandidateThatIsListedLater(t *testing.T) {
	w := newMallWorld(t)
	s := w.restart()
	w.lag = 10 * time.Second
	w.addOrder("X", "dev-9", "sku-voip", false) // in Tuya's app
	w.now = w.now.Add(9 * time.Second)
	w.on = map[string]func(){"getDeviceWXUserInfo": func() { w.now = w.now.Add(2 * time.Second) }}
	w.surcharge = 100
	p, err := s.BeginMall(t.Context(), mallRequest("dev-1"))
	require.NoError(t, err)
	v := p.View()
	assert.Empty(t, v.Mall.Prepay)
	w.payOrder("X") // paid and granted for dev-9
	w.payOrder("O2")
	w.settle(s, 20, time.Minute)
	p = w.get(s, p.ID)
	assert.Equal(t, purchase.Attention, p.State)
}

// The price is compared before anything is handed out, whoever named the order.
func TestBindOrderHandsNothingOut(t *testing.T) {
	w := newMallWorld(t)
	s := w.restart()
	w.lag = 10 * time.Second
	w.surcharge = 100
	p, err := s.BeginMall(t.Context(), mallRequest("dev-1"))
	require.NoError(t, err)
	w.addOrder("ELSEWHERE", "dev-1", "sku-voip", false)
	w.now = w.now.Add(11 * time.Second)
	p, err = s.Advance(t.Context(), p.ID)
	require.NoError(t, err)
	require.Equal(t, purchase.Attention, p.State)
	p, err = s.BindOrder(t.Context(), p.ID, "O1", "me")
	require.NoError(t, err)
	assert.Empty(t, p.View().Mall.Prepay, "O1 costs 3700, the buyer saw 3600")
	// and while the cloud fails it stays so
	w.faultAt, w.fault = w.ios+2, cleanFailure
	_, err = s.Advance(t.Context(), p.ID)
	require.Error(t, err, "the lease could not be written")
	w.faultAt = -1
	assert.Empty(t, w.get(s, p.ID).View().Mall.Prepay)
}

// An order that the user does not have cannot be bound; the right one can be.
func TestAWrongBindOrderIsCorrected(t *testing.T) {
	w := newMallWorld(t)
	s := w.restart()
	w.lag = 10 * time.Second
	p, err := s.BeginMall(t.Context(), mallRequest("dev-1"))
	require.NoError(t, err)
	w.addOrder("ELSEWHERE", "dev-1", "sku-voip", false)
	w.now = w.now.Add(11 * time.Second)
	p, err = s.Advance(t.Context(), p.ID)
	require.NoError(t, err)
	require.Equal(t, purchase.Attention, p.State)
	_, err = s.BindOrder(t.Context(), p.ID, "0l", "me: meant O1") // no such order
	assert.Error(t, err, "no such order, and yet it is bound")
	w.payOrder("O1")
	w.settle(s, 40, time.Minute)
	p = w.get(s, p.ID)
	_, err = s.BindOrder(t.Context(), p.ID, "O1", "me: now right")
	assert.NoError(t, err, "and cannot be bound to the right one")
	w.settle(s, 3, time.Minute)
	assert.Equal(t, purchase.Delivered, w.get(s, p.ID).State)
}

// A renewal of another subscription proves no purchase, whatever is bought.
func TestARenewalProvesNoOtherPurchase(t *testing.T) {
	w := newMallWorld(t)
	s := w.restart()
	r := mallRequest("dev-1")
	r.OptionType, r.OptionNo = 2, 1
	a, err := s.BeginMall(t.Context(), r)
	require.NoError(t, err)
	w.payOrder("O1")
	w.settle(s, 3, time.Minute)
	require.Equal(t, purchase.Delivered, w.get(s, a.ID).State)
	w.now = w.now.Add(30 * 24 * time.Hour)
	w.lag = time.Minute
	// The user buys the same thing once more for the same device, not as a subscription; his order is not listed yet
	hook := func() {
		renewal := w.addOrder("R1", "dev-1", "sku-voip", true)
		renewal.at = w.now.Add(-w.lag) // listed at once
		renewal.status = mall.OrderFinished
		for i := range w.services["dev-1"] {
			if x := &w.services["dev-1"][i]; x.Code == "voip" {
				x.EndTime += 30 * 24 * 3600 * 1000
			}
		}
		w.subs[0].OrderListModel.OrderID = "R1"
	}
	w.on = map[string]func(){"getDeviceWXUserInfo": hook}
	b, err := s.BeginMall(t.Context(), mallRequest("dev-1"))
	require.NoError(t, err)
	w.settle(s, 3, time.Minute)
	b = w.get(s, b.ID)
	a = w.get(s, a.ID)
	w.settle(s, 30, time.Minute)
	a = w.get(s, a.ID)
	assert.NotEqual(t, purchase.Delivered, b.State)
	if a.State == purchase.Attention {
		a, err = s.Resolve(t.Context(), a.ID, purchase.ResolveDelivered, "me")
		require.NoError(t, err)
		w.settle(s, 2, time.Minute)
	}
}

// One list without it ends no subscription.
func TestASubscriptionThatIsMissedOnce(t *testing.T) {
	w := newMallWorld(t)
	s := w.restart()
	r := mallRequest("dev-1")
	r.OptionType, r.OptionNo = 2, 1
	p, err := s.BeginMall(t.Context(), r)
	require.NoError(t, err)
	w.payOrder("O1")
	w.settle(s, 3, time.Minute)
	p = w.get(s, p.ID)
	require.NotNil(t, p.Mall.Subscription)
	subs := w.subs
	w.now = w.now.Add(31 * 24 * time.Hour)
	w.subs = nil // one lagging or reordered reading
	_, err = s.Reconcile(t.Context())
	require.NoError(t, err)
	w.subs = subs
	renewal := w.addOrder("R1", "dev-1", "sku-voip", true)
	renewal.status = mall.OrderFinished
	subs[0].OrderListModel.OrderID = "R1"
	w.settle(s, 100, 6*time.Hour)
	p = w.get(s, p.ID)
	assert.Equal(t, 1, p.Mall.Subscription.Renewals)
	assert.True(t, p.Mall.Subscription.EndedAt.IsZero())
}

// A buyer who is another user of the cloud now brings no orders of before.
func TestABuyerWhoIsAnotherUserNow(t *testing.T) {
	w := newMallWorld(t)
	uid := "uid-1"
	s := w.with(func(string) string { return uid })
	w.lag = 10 * time.Second
	p, err := s.BeginMall(t.Context(), mallRequest("dev-1"))
	require.NoError(t, err)
	uid = "uid-2"
	// uid-2's list: an order of last year.
	w.ids2 = nil
	old := w.addOrder("LASTYEAR", "dev-8", "sku-voip", false)
	old.at, old.status = w.now.Add(-365*24*time.Hour), mall.OrderFinished
	w.now = w.now.Add(3 * time.Second)
	p, err = s.Advance(t.Context(), p.ID)
	require.NoError(t, err)
	assert.NotEqual(t, purchase.Paid, p.State)
}

// An order from before proves nothing, though the cloud names it.
func TestANamedOrderFromBefore(t *testing.T) {
	w := newMallWorld(t)
	w.named, w.answers = true, "OLD"
	w.addOrder("OLD", "dev-1", "sku-voip", false)
	w.sold["OLD"].status = mall.OrderFinished
	s := w.restart()
	p, err := s.BeginMall(t.Context(), mallRequest("dev-1"))
	assert.Equal(t, core.CodeMismatch, core.CodeOf(err))
	assert.Equal(t, purchase.Attention, p.State, "an order from before proves nothing")
}

// An order that is listed after its purchase expired is still looked for.
func TestAnOrderThatIsListedTooLate(t *testing.T) {
	for _, named := range []bool{false, true} {
		w := newMallWorld(t)
		w.named = named
		s := w.restart()
		w.lag = 40 * time.Minute
		p, err := s.BeginMall(t.Context(), mallRequest("dev-1"))
		require.NoError(t, err)
		w.settle(s, 40, time.Minute)
		p = w.get(s, p.ID)
		assert.False(t, w.dueOf(p.ID).IsZero())
		w.payOrder("O1")
		w.settle(s, 1000, 3*time.Hour)
		p = w.get(s, p.ID)
		assert.Contains(t, []purchase.State{purchase.Delivered, purchase.Attention}, p.State, "O1 is %s", w.sold["O1"].status)
		if p.State == purchase.Attention { // paid before we could tell
			_, err = s.BindOrder(t.Context(), p.ID, "O1", "me: he did pay")
			require.NoError(t, err)
			w.settle(s, 3, time.Minute)
			assert.Equal(t, purchase.Delivered, w.get(s, p.ID).State)
		}
	}
}

// A time that JSON cannot write brings no purchase down.
func TestANextTimeThatNeverComes(t *testing.T) {
	w := newMallWorld(t)
	s := w.restart()
	r := mallRequest("dev-1")
	r.OptionType, r.OptionNo = 2, 1
	p, err := s.BeginMall(t.Context(), r)
	require.NoError(t, err)
	w.payOrder("O1")
	w.subs[0].GMTNextTime = mall.Millis(math.MaxInt64) // "never"
	w.settle(s, 60, 5*time.Minute)
	p = w.get(s, p.ID)
	assert.Equal(t, purchase.Delivered, p.State)
}

// A service that becomes permanent, or stands beside another, is there.
func TestEveryWayAServiceGrows(t *testing.T) {
	for name, got := range map[string]mall.Service{
		"permanent":         {Code: "voip", IsPermanent: true},
		"apart, ends first": {Code: "voip", StartTime: 7, EndTime: 1_699_000_000_000},
	} {
		w := newMallWorld(t)
		s := w.restart()
		p, err := s.BeginMall(t.Context(), mallRequest("dev-2"))
		require.NoError(t, err)
		w.payOrder("O1")
		w.sold["O1"].status = mall.OrderFinished
		w.services["dev-2"] = append(w.services["dev-2"], got)
		for range 10 {
			_, err = s.Reconcile(t.Context())
			require.NoError(t, err)
			w.now = w.now.Add(time.Minute)
		}
		p = w.get(s, p.ID)
		assert.Equal(t, purchase.Delivered, p.State, "%s: %s", name, p.Reason)
	}
}

// A GET looks at the orders of a purchase whose answer was lost.
func TestAGetLooksForALostOrder(t *testing.T) {
	w := newMallWorld(t)
	s := w.restart()
	w.hold = true
	p, _ := s.BeginMall(t.Context(), mallRequest("dev-1"))
	w.late()
	require.Equal(t, purchase.Ordering, p.State)
	w.now = w.now.Add(5 * time.Minute)
	routes := s.Routes(byHeader)
	resp := routes.Handle(t.Context(), &core.Request{Method: "GET", Path: "/purchases/" + p.ID, Header: core.Header{{Name: "X-Buyer", Value: "buyer"}}})
	assert.NotContains(t, string(resp.Body), `"ordering"`)
}

// An order that was claimed before a crash, and is not listed then, is found later.
func TestAClaimOutlivesACrash(t *testing.T) {
	w := newMallWorld(t)
	s := w.restart()
	// crash at the write that follows the claim
	w.on = map[string]func(){}
	at := 0
	{
		x := newMallWorld(t)
		y := x.restart()
		_, err := y.BeginMall(t.Context(), mallRequest("dev-1"))
		require.NoError(t, err)
		at = x.ios
	}
	w.faultAt, w.fault = at, crashBefore
	_, err := s.BeginMall(t.Context(), mallRequest("dev-1"))
	require.Error(t, err)
	s = w.restart()
	_, err = w.inner.Get(t.Context(), "order/O1")
	require.NoError(t, err, "claimed")
	w.faultAt = -1
	w.lag = 10 * time.Minute // a replica that is behind
	w.now = w.now.Add(3 * time.Minute)
	_, err = s.Reconcile(t.Context())
	require.NoError(t, err)
	w.lag = 0
	p := w.purchases(s)[0]
	w.payOrder("O1")
	w.settle(s, 200, time.Hour)
	p = w.purchases(s)[0]
	assert.Contains(t, []purchase.State{purchase.Delivered, purchase.Attention}, p.State)
}

var _ = journal.ErrUnknown

// A lost answer keeps the place until an order of it would be listed; then the
// buyer may begin anew, and neither purchase can take the other's order.
func TestALostAnswerKeepsItsPlace(t *testing.T) {
	w := newMallWorld(t)
	s := w.restart()
	w.lag = 2 * time.Minute
	w.hold = true
	first, err := s.BeginMall(t.Context(), mallRequest("dev-1"))
	require.Equal(t, core.CodeUnknown, core.CodeOf(err))
	w.late() // the order was made
	w.hold = false
	w.now = w.now.Add(61 * time.Second)
	_, err = s.Reconcile(t.Context())
	require.NoError(t, err)
	require.Equal(t, purchase.Ordering, w.get(s, first.ID).State, "it may yet be listed")
	_, err = s.BeginMall(t.Context(), mallRequest("dev-1"))
	require.ErrorIs(t, err, purchase.ErrPurchaseOpen)
	_, err = s.BeginMall(t.Context(), mallRequest("dev-2"))
	require.ErrorIs(t, err, purchase.ErrMallBusy)
	w.settle(s, 3, time.Minute)
	first = w.get(s, first.ID)
	require.Equal(t, "O1", first.Mall.OrderID)
	require.Equal(t, purchase.Expired, first.State, "what it is paid by was lost")
	second, err := s.BeginMall(t.Context(), mallRequest("dev-1"))
	require.NoError(t, err)
	w.settle(s, 4, time.Minute)
	assert.Equal(t, "O2", w.get(s, second.ID).Mall.OrderID)
}

// Two buyers who are one user of the cloud stand in each other's way, and are
// not shown each other's purchases.
func TestTwoBuyersWhoAreOneUser(t *testing.T) {
	w := newMallWorld(t)
	s := w.with(func(string) string { return "uid-family" })
	w.lag = 10 * time.Second
	mother, father := mallRequest("dev-1"), mallRequest("dev-2")
	mother.Buyer, father.Buyer = "mother", "father"
	_, err := s.BeginMall(t.Context(), mother)
	require.NoError(t, err)
	for _, device := range []string{"dev-1", "dev-2"} {
		father.ID = device
		shown, err := s.BeginMall(t.Context(), father)
		require.ErrorIs(t, err, purchase.ErrPurchaseOpen)
		assert.Empty(t, shown, "it is not his")
	}
	assert.Equal(t, 1, w.buys)
}

// None of the orders is the purchase's: a person says so, and the user can buy
// again.
func TestNoneOfTheOrdersIsItsOwn(t *testing.T) {
	w := newMallWorld(t)
	s := w.restart()
	w.hold = true // the answer is lost, and the order never made
	p, err := s.BeginMall(t.Context(), mallRequest("dev-1"))
	require.Equal(t, core.CodeUnknown, core.CodeOf(err))
	w.hold = false
	w.addOrder("E1", "dev-8", "sku-voip", false) // in Tuya's app
	w.addOrder("E2", "dev-9", "sku-voip", false)
	w.settle(s, 3, time.Minute)
	require.Equal(t, purchase.Attention, w.get(s, p.ID).State)
	_, err = s.BeginMall(t.Context(), mallRequest("dev-2"))
	require.ErrorIs(t, err, purchase.ErrPurchaseOpen, "no reason to try again in a moment")
	p, err = s.Resolve(t.Context(), p.ID, purchase.ResolveNoOrder, "me: both are for other devices")
	require.NoError(t, err)
	require.Equal(t, purchase.Expired, p.State)
	assert.True(t, w.dueOf(p.ID).IsZero())
	_, err = s.BeginMall(t.Context(), mallRequest("dev-2"))
	require.NoError(t, err)
	_, err = s.Resolve(t.Context(), p.ID, purchase.ResolveNoOrder, "me: again")
	assert.Equal(t, core.CodeConflict, core.CodeOf(err))
}

// Paid at another price, and granted: a person may say that it was delivered.
func TestPaidAtAnotherPrice(t *testing.T) {
	w := newMallWorld(t)
	w.named, w.surcharge = true, 100
	s := w.restart()
	p, err := s.BeginMall(t.Context(), mallRequest("dev-1"))
	require.NoError(t, err)
	w.payOrder("O1") // elsewhere
	w.settle(s, 2, time.Minute)
	p = w.get(s, p.ID)
	require.Equal(t, purchase.Attention, p.State)
	require.NotNil(t, p.Payment)
	assert.Empty(t, p.Mall.Prepay)
	_, err = s.Resolve(t.Context(), p.ID, purchase.ResolveWatch, "me")
	assert.Equal(t, core.CodeConflict, core.CodeOf(err), "it is paid")
	p, err = s.Resolve(t.Context(), p.ID, purchase.ResolveDelivered, "me: the mall granted it, we take the price")
	require.NoError(t, err)
	assert.Equal(t, purchase.Delivered, p.State)
}

func TestWhichOrdersCanBeBound(t *testing.T) {
	w := newMallWorld(t)
	w.addOrder("BEFORE", "dev-1", "sku-voip", false)
	w.now = w.now.Add(time.Minute)
	s := w.restart()
	w.lag = 10 * time.Second
	p, err := s.BeginMall(t.Context(), mallRequest("dev-1"))
	require.NoError(t, err)
	_, err = s.BindOrder(t.Context(), p.ID, "O2", "me")
	assert.Equal(t, core.CodeConflict, core.CodeOf(err), "it is unpaid, and finds its order by itself")
	w.addOrder("ELSEWHERE", "dev-1", "sku-voip", false)
	w.addOrder("STORAGE", "dev-1", "sku-storage", false)
	w.now = w.now.Add(11 * time.Second)
	_, err = s.Advance(t.Context(), p.ID)
	require.NoError(t, err)
	for order, code := range map[string]core.Code{"STORAGE": core.CodeConflict, "BEFORE": core.CodeConflict, "NONE": core.CodeNotFound, "a b": core.CodeInvalid} {
		_, err = s.BindOrder(t.Context(), p.ID, order, "me")
		assert.Equal(t, code, core.CodeOf(err), order)
	}
	_, err = s.BindOrder(t.Context(), "nobody", "O2", "me")
	assert.ErrorIs(t, err, journal.ErrNotFound)
	p, err = s.BindOrder(t.Context(), p.ID, "ELSEWHERE", "me: a mistake")
	require.NoError(t, err)
	p, err = s.BindOrder(t.Context(), p.ID, "O2", "me: put right")
	require.NoError(t, err)
	assert.Equal(t, "O2", p.Mall.OrderID)
	_, err = w.inner.Get(t.Context(), "order/ELSEWHERE")
	assert.ErrorIs(t, err, journal.ErrNotFound, "the other one is free again")
}

// Each way in which an order is not what the buyer saw.
func TestOrdersThatAreNotWhatWasSeen(t *testing.T) {
	for says, twist := range map[string]func(*mall.Order){
		"names no amount":    func(o *mall.Order) { o.BaseInfo.AmountTrade = mall.Money{} },
		"costs 3599 fen":     func(o *mall.Order) { o.BaseInfo.AmountTrade = mall.NewMoney(3599) },
		`is in "USD"`:        func(o *mall.Order) { o.BaseInfo.Currency = "USD" },
		"is for 2 items":     func(o *mall.Order) { o.BaseInfo.TotalQuantity = 2 },
		"is of another mall": func(o *mall.Order) { o.BaseInfo.MallInfo.MallCode = "m2" },
	} {
		for _, status := range []mall.OrderStatus{mall.OrderCreated, mall.OrderPaid} {
			w := newMallWorld(t)
			w.named, w.twist = true, func(o *mall.Order) { twist(o); o.BaseInfo.OrderStatus = status }
			s := w.restart()
			p, _ := s.BeginMall(t.Context(), mallRequest("dev-1"))
			assert.Contains(t, p.Reason, says)
			assert.Empty(t, p.View().Mall.Prepay, says)
			want := purchase.Unpaid
			if status == mall.OrderPaid {
				want = purchase.Attention
			}
			assert.Equal(t, want, p.State, says)
		}
	}
	w := newMallWorld(t)
	w.named, w.twist = true, func(o *mall.Order) { o.CommodityInfos[0].SKUCode = "sku-x" }
	p, err := w.restart().BeginMall(t.Context(), mallRequest("dev-1"))
	assert.Equal(t, core.CodeMismatch, core.CodeOf(err))
	assert.Contains(t, p.Reason, "another skuCode")
}

// What is wrong with an offer is found before anything is recorded.
func TestOffersThatCannotBeSold(t *testing.T) {
	for says, offer := range map[string]func(*mall.Commodity){
		"two prices":           func(c *mall.Commodity) { c.Prices = append(c.Prices, c.Prices[0]) },
		"no price":             func(c *mall.Commodity) { c.Prices[0].Price = mall.Money{} },
		"not greater than 0":   func(c *mall.Commodity) { c.Prices[0].Price = mall.NewMoney(-1) },
		"uuid is not that":     func(c *mall.Commodity) { c.UUID = "uuid-2" },
		"only CNY is sold":     func(c *mall.Commodity) { c.Prices[0].Currency = "USD" },
		"names no serviceCode": func(c *mall.Commodity) { c.ServiceCode = "" },
	} {
		w := newMallWorld(t)
		w.offer = offer
		_, err := w.restart().BeginMall(t.Context(), mallRequest("dev-1"))
		assert.ErrorContains(t, err, says)
		assert.Empty(t, w.ids(), says)
	}
}

// What becomes of a paid order after the payment.
func TestAPaidOrderThatIsTakenBack(t *testing.T) {
	for _, status := range []mall.OrderStatus{mall.OrderRefunded, mall.OrderCanceled, mall.OrderClosed} {
		w := newMallWorld(t)
		w.named = true
		s := w.restart()
		p, err := s.BeginMall(t.Context(), mallRequest("dev-1"))
		require.NoError(t, err)
		w.payOrder("O1")
		w.now = w.now.Add(5 * time.Second)
		_, err = s.Advance(t.Context(), p.ID)
		require.NoError(t, err)
		w.sold["O1"].status = status
		_, err = s.Advance(t.Context(), p.ID)
		require.NoError(t, err)
		p = w.get(s, p.ID)
		assert.Equal(t, purchase.Attention, p.State, status)
		assert.Contains(t, p.Reason, "is "+string(status)+" now")
	}
}
