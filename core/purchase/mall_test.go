package purchase_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/callback"
	"github.com/imprest-go/imprest/core/mall"
	"github.com/imprest-go/imprest/core/purchase"
)

type mallAct func(w *mallWorld, s *purchase.Service)

func buyFor(device string) mallAct {
	return func(w *mallWorld, s *purchase.Service) { _, _ = s.BeginMall(w.t.Context(), mallRequest(device)) }
}

func payOrders(w *mallWorld, _ *purchase.Service) {
	for _, id := range w.ids2 {
		w.payOrder(id)
	}
}

func grantOrders(w *mallWorld, _ *purchase.Service) {
	for _, id := range w.ids2 {
		w.grant(id)
	}
}

func mallSweep(w *mallWorld, s *purchase.Service) { _, _ = s.Reconcile(w.t.Context()) }

func mallWait(d time.Duration) mallAct {
	return func(w *mallWorld, _ *purchase.Service) { w.now = w.now.Add(d) }
}

var mallStories = []struct {
	name string
	acts []mallAct
	// one says that the story has one purchase, which must end delivered if
	// its order was paid, whatever went wrong.
	one bool
}{
	{"a purchase", []mallAct{buyFor("dev-1"), mallWait(10 * time.Second), mallSweep, payOrders, grantOrders, mallWait(time.Minute), mallSweep, mallSweep}, true},
	{"a service that lasts longer", []mallAct{buyFor("dev-2"), payOrders, grantOrders, mallWait(time.Minute), mallSweep, mallSweep}, true},
	{"granted late", []mallAct{buyFor("dev-1"), payOrders, mallWait(time.Minute), mallSweep, mallSweep, mallWait(time.Minute), mallSweep, grantOrders, mallWait(time.Minute), mallSweep}, true},
	{"nobody pays", []mallAct{buyFor("dev-1"), mallWait(time.Minute), mallSweep, mallWait(30 * time.Minute), mallSweep}, true},
	{"a late payment", []mallAct{buyFor("dev-1"), mallWait(31 * time.Minute), mallSweep, payOrders, grantOrders, mallWait(time.Hour), mallSweep, mallSweep}, true},
	{"pressed twice", []mallAct{buyFor("dev-1"), buyFor("dev-1"), payOrders, grantOrders, mallWait(time.Minute), mallSweep}, false},
	{"two devices", []mallAct{buyFor("dev-1"), buyFor("dev-2"), mallWait(3 * time.Second), mallSweep, buyFor("dev-2"), payOrders, grantOrders, mallWait(time.Minute), mallSweep}, false},
	{"begun anew", []mallAct{buyFor("dev-1"), mallWait(31 * time.Minute), mallSweep, buyFor("dev-1"), payOrders, grantOrders, mallWait(time.Minute), mallSweep, mallSweep}, false},
}

// Every story under every fault at every I/O operation, with the cloud naming
// the order and without: nobody's order proves another's purchase, no order is
// made twice, and who paid is served or handed to a person.
func TestEveryFaultOnTheMallRail(t *testing.T) {
	runs := 0
	for _, st := range mallStories {
		for _, named := range []bool{false, true} {
			play := func(at int, mode faultMode) int {
				w := newMallWorld(t)
				w.named, w.faultAt, w.fault = named, at, mode
				s := w.restart()
				for _, a := range st.acts {
					a(w, s)
					if w.dead {
						s = w.restart()
					}
				}
				seen := w.ios
				w.settle(s, 20, 9*time.Minute)
				// What two orders added to one device together, one purchase
				// has: the other is a person's in three days.
				w.settle(s, 2, 73*time.Hour)
				w.checkMall(s)
				if st.one {
					for _, p := range w.purchases(s) {
						paid := p.Mall.OrderID != "" && w.sold[p.Mall.OrderID].granted > 0
						require.Equal(t, paid, p.State == purchase.Delivered, "%s: %s %+v", p.State, p.Reason, p.History)
					}
					for _, o := range w.sold {
						p := w.purchases(s)[0]
						if o.granted > 0 && !strings.Contains(p.Reason, "paid before anybody was handed anything") {
							require.Equal(t, purchase.Delivered, p.State, "paid, and not served: %+v", p)
						}
					}
				}
				return seen
			}
			last := play(-1, noFault)
			require.Greater(t, last, 10)
			for at := 1; at <= last; at++ {
				for mode := crashBefore; mode <= lastFaultMode; mode++ {
					play(at, mode)
					if t.Failed() {
						t.Fatalf("%s (named: %t): %s at operation %d of %d", st.name, named, mode, at, last)
					}
					runs++
				}
			}
		}
	}
	t.Logf("%d runs", runs)
	assert.Greater(t, runs, 1000)
}

func TestAMallPurchaseFromBuyingToTheService(t *testing.T) {
	w := newMallWorld(t)
	s := w.restart()
	p, err := s.BeginMall(t.Context(), mallRequest("dev-1"))
	require.NoError(t, err)
	require.Equal(t, purchase.Unpaid, p.State)
	require.Empty(t, p.View().Mall.Prepay, "the cloud does not say which order it is: one look is not enough")
	w.now = w.now.Add(3 * time.Second)
	p, err = s.Advance(t.Context(), p.ID)
	require.NoError(t, err)
	view := p.View()
	require.NotNil(t, view.Mall)
	assert.Equal(t, "O1", view.Mall.OrderID)
	assert.JSONEq(t, `{"timeStamp":"1","nonceStr":"n","package":"prepay_id=1","paySign":"s"}`, string(view.Mall.Prepay))
	assert.Equal(t, core.Fen(3600), view.Amount)

	w.payOrder("O1")
	w.now = w.now.Add(5 * time.Second)
	p, err = s.Advance(t.Context(), p.ID)
	require.NoError(t, err)
	require.Equal(t, purchase.Paid, p.State)
	assert.Equal(t, &purchase.Payment{TradeNo: "O1", By: purchase.ByOrderList, At: p.Payment.At}, p.Payment)
	assert.Empty(t, p.View().Mall.Prepay, "nobody pays twice")

	p, err = s.Advance(t.Context(), p.ID)
	require.NoError(t, err)
	require.Equal(t, purchase.Delivering, p.State, "paid, and the service is not there yet")
	w.grant("O1")
	w.now = w.now.Add(3 * time.Second)
	p, err = s.Advance(t.Context(), p.ID)
	require.NoError(t, err)
	require.Equal(t, purchase.Delivered, p.State)
	assert.Empty(t, p.Reason)
}

func TestThePriceIsBound(t *testing.T) {
	w := newMallWorld(t)
	s := w.restart()
	r := mallRequest("dev-1")
	r.Price = 3500
	_, err := s.BeginMall(t.Context(), r)
	require.ErrorIs(t, err, purchase.ErrPriceChanged)
	require.Empty(t, w.ids(), "nothing is recorded")
	require.Zero(t, w.buys)

	// The list says one thing, the order costs another: nothing to pay by.
	w.surcharge = 100
	p, err := s.BeginMall(t.Context(), mallRequest("dev-1"))
	require.NoError(t, err)
	require.Equal(t, purchase.Unpaid, p.State)
	assert.Contains(t, p.Reason, "price changed: the order costs 3700 fen, the buyer saw 3600")
	assert.True(t, p.View().Mall.PriceChanged)
	assert.Empty(t, p.View().Mall.Prepay)
	assert.Empty(t, p.Mall.Prepay, "not even on record")

	// The buyer may begin anew at the price that he sees now.
	w.price, w.surcharge = 3700, 0
	r.Price = 3700
	w.now = w.now.Add(10 * time.Minute)
	again, err := s.BeginMall(t.Context(), r)
	require.NoError(t, err)
	w.now = w.now.Add(3 * time.Second)
	again, err = s.Advance(t.Context(), again.ID)
	require.NoError(t, err)
	assert.NotEmpty(t, again.View().Mall.Prepay)

	// Whoever pays the first order elsewhere gets a person's attention.
	w.payOrder("O1")
	w.settle(s, 3, time.Minute)
	p, err = s.Get(t.Context(), p.ID)
	require.NoError(t, err)
	assert.Equal(t, purchase.Attention, p.State)
	assert.Contains(t, p.Reason, "is not what the buyer saw")
}

func TestOneOpenMallPurchase(t *testing.T) {
	w := newMallWorld(t)
	s := w.restart()
	first, err := s.BeginMall(t.Context(), mallRequest("dev-1"))
	require.NoError(t, err)
	open, err := s.BeginMall(t.Context(), mallRequest("dev-1"))
	require.ErrorIs(t, err, purchase.ErrPurchaseOpen)
	assert.Equal(t, first.ID, open.ID)
	assert.Equal(t, 1, w.buys)
	assert.Len(t, w.ids(), 1)

	// Another device is another purchase, once the first one's order is known.
	_, err = s.BeginMall(t.Context(), mallRequest("dev-2"))
	require.NoError(t, err)
	// While an order is not known, nobody else orders the same SKU.
	w.lag = 10 * time.Second
	w.services["dev-3"] = nil
	w.services["dev-4"] = nil
	third, err := s.BeginMall(t.Context(), mallRequest("dev-3"))
	require.NoError(t, err)
	assert.Empty(t, third.View().Mall.Prepay, "what it costs is not known yet")
	_, err = s.BeginMall(t.Context(), mallRequest("dev-4"))
	require.ErrorIs(t, err, purchase.ErrMallBusy)
	assert.True(t, core.Retryable(err))
	w.now = w.now.Add(11 * time.Second)
	third, err = s.Advance(t.Context(), third.ID)
	require.NoError(t, err)
	w.now = w.now.Add(11 * time.Second)
	third, err = s.Advance(t.Context(), third.ID)
	require.NoError(t, err)
	assert.NotEmpty(t, third.View().Mall.Prepay)
	_, err = s.BeginMall(t.Context(), mallRequest("dev-4"))
	require.NoError(t, err)
}

func TestTwoCandidatesAreAPersons(t *testing.T) {
	w := newMallWorld(t)
	s := w.restart()
	w.lag = 10 * time.Second
	p, err := s.BeginMall(t.Context(), mallRequest("dev-1"))
	require.NoError(t, err)
	w.addOrder("ELSEWHERE", "dev-1", "sku-voip", false) // in Tuya's own app, say
	w.now = w.now.Add(11 * time.Second)
	p, err = s.Advance(t.Context(), p.ID)
	require.NoError(t, err)
	require.Equal(t, purchase.Attention, p.State)
	assert.Contains(t, p.Reason, "2 orders could be this purchase's")

	_, err = s.BeginMall(t.Context(), mallRequest("dev-1"))
	require.ErrorIs(t, err, purchase.ErrPurchaseOpen, "until a person has decided")
	_, err = s.BindOrder(t.Context(), p.ID, "O/1", "me")
	require.Equal(t, core.CodeInvalid, core.CodeOf(err))
	p, err = s.BindOrder(t.Context(), p.ID, "O1", "me: by its time")
	require.NoError(t, err)
	w.payOrder("O1")
	w.settle(s, 2, time.Minute)
	p, err = s.Get(t.Context(), p.ID)
	require.NoError(t, err)
	require.Equal(t, purchase.Delivered, p.State)
	_, err = s.BindOrder(t.Context(), p.ID, "O1", "me")
	require.Equal(t, core.CodeConflict, core.CodeOf(err))
}

// An order that the user had before, whatever becomes of it, proves nothing.
func TestOrdersFromBeforeProveNothing(t *testing.T) {
	w := newMallWorld(t)
	w.addOrder("OLD", "dev-1", "sku-voip", false)
	w.addOrder("OTHER", "dev-1", "sku-storage", false)
	s := w.restart()
	w.buyErr = mall.Refusal("mall.BuyIncreaseServiceByWx", "PERMISSION_DENIED", "no", "")
	p, err := s.BeginMall(t.Context(), mallRequest("dev-1"))
	require.Equal(t, core.CodeRefused, core.CodeOf(err))
	require.Equal(t, purchase.Expired, p.State)

	w.buyErr, w.hold = nil, true // the answer is lost, and the order comes to nothing
	p, err = s.BeginMall(t.Context(), mallRequest("dev-1"))
	require.Equal(t, core.CodeUnknown, core.CodeOf(err))
	require.Equal(t, purchase.Ordering, p.State)
	w.payOrder("OLD")
	w.addOrder("OTHER2", "dev-1", "sku-storage", false)
	w.payOrder("OTHER2")
	w.settle(s, 9, time.Minute)
	p, err = s.Get(t.Context(), p.ID)
	require.NoError(t, err)
	assert.Equal(t, purchase.Expired, p.State)
	assert.Equal(t, "no order came of it", p.Reason)
	assert.Equal(t, 2, w.buys, "and nothing is ordered again")
}

func TestWhatBecomesOfAnOrder(t *testing.T) {
	for status, want := range map[mall.OrderStatus]purchase.State{
		mall.OrderCreated: purchase.Unpaid, mall.OrderPaying: purchase.Unpaid, mall.OrderPendingAuditPaid: purchase.Unpaid,
		mall.OrderPaid: purchase.Delivering, mall.OrderDelivering: purchase.Delivering, mall.OrderDelivered: purchase.Delivering,
		mall.OrderPartDelivered: purchase.Delivering, mall.OrderFinished: purchase.Delivering,
		mall.OrderCanceled: purchase.Expired, mall.OrderClosed: purchase.Expired,
		mall.OrderRefunded: purchase.Attention, "something_new": purchase.Unpaid,
	} {
		t.Run(string(status), func(t *testing.T) {
			w := newMallWorld(t)
			s := w.restart()
			p, err := s.BeginMall(t.Context(), mallRequest("dev-1"))
			require.NoError(t, err)
			w.sold["O1"].status = status
			w.now = w.now.Add(3 * time.Second)
			_, err = s.Reconcile(t.Context())
			require.NoError(t, err)
			p, err = s.Get(t.Context(), p.ID)
			require.NoError(t, err)
			require.Equal(t, want, p.State)
			if want != purchase.Unpaid {
				return
			}
			w.now = w.now.Add(31 * time.Minute)
			_, err = s.Reconcile(t.Context())
			require.NoError(t, err)
			p, err = s.Get(t.Context(), p.ID)
			require.NoError(t, err)
			if status == "something_new" {
				assert.Equal(t, purchase.Attention, p.State, "what is not known is a person's")
			} else {
				assert.Equal(t, purchase.Expired, p.State)
			}
		})
	}
}

// Paid, and for days no service: there is no refund call, so a person decides.
func TestPaidAndNeverGranted(t *testing.T) {
	w := newMallWorld(t)
	s := w.restart()
	p, err := s.BeginMall(t.Context(), mallRequest("dev-2"))
	require.NoError(t, err)
	w.payOrder("O1")
	for range 200 {
		w.now = w.now.Add(30 * time.Minute)
		_, err = s.Reconcile(t.Context())
		require.NoError(t, err)
	}
	p, err = s.Get(t.Context(), p.ID)
	require.NoError(t, err)
	require.Equal(t, purchase.Attention, p.State)
	assert.Contains(t, p.Reason, "for three days nothing showed that it was delivered")

	p, err = s.Resolve(t.Context(), p.ID, purchase.ResolveRefunded, "me: the mall's service desk paid it back")
	require.NoError(t, err)
	assert.Equal(t, purchase.Refunded, p.State)
	assert.True(t, p.Refund.ByHand)
	_, err = s.BeginMall(t.Context(), mallRequest("dev-2"))
	require.NoError(t, err, "the buyer may buy again")
}

// Two paid orders never share what appeared on a device once.
func TestAServiceProvesOnePurchase(t *testing.T) {
	w := newMallWorld(t)
	s := w.restart()
	first, err := s.BeginMall(t.Context(), mallRequest("dev-1"))
	require.NoError(t, err)
	w.now = w.now.Add(31 * time.Minute)
	_, err = s.Reconcile(t.Context())
	require.NoError(t, err)
	second, err := s.BeginMall(t.Context(), mallRequest("dev-1"))
	require.NoError(t, err)
	w.payOrder("O1") // late
	w.payOrder("O2")
	w.sold["O1"].status = mall.OrderFinished // says the mall, and granted nothing
	w.settle(s, 40, 3*time.Minute)           // grants O2
	states := map[purchase.State]int{}
	for _, id := range []string{first.ID, second.ID} {
		p, err := s.Get(t.Context(), id)
		require.NoError(t, err)
		states[p.State]++
	}
	assert.Equal(t, map[purchase.State]int{purchase.Delivered: 1, purchase.Delivering: 1}, states)
}

func TestSubscriptionsAreFollowed(t *testing.T) {
	w := newMallWorld(t)
	s := w.restart()
	r := mallRequest("dev-1")
	r.OptionType, r.OptionNo = 2, 1
	p, err := s.BeginMall(t.Context(), r)
	require.NoError(t, err)
	require.True(t, p.Mall.Subscribes)
	w.payOrder("O1")
	w.settle(s, 3, time.Minute)
	p, err = s.Get(t.Context(), p.ID)
	require.NoError(t, err)
	require.Equal(t, purchase.Delivered, p.State)
	require.NotNil(t, p.Mall.Subscription)
	assert.Equal(t, "SO1", p.Mall.Subscription.SubscribeID)

	// A month later it renews itself, while another device's is being bought:
	// the renewal's order is not that purchase's.
	w.now = w.now.Add(31 * 24 * time.Hour)
	r2 := mallRequest("dev-2")
	r2.OptionType, r2.OptionNo = 2, 1
	w.lag = time.Minute
	other, err := s.BeginMall(t.Context(), r2)
	require.NoError(t, err)
	renewal := w.addOrder("R1", "dev-1", "sku-voip", true)
	renewal.status = mall.OrderFinished
	w.subs[0].OrderListModel.OrderID = "R1"
	w.subs[0].GMTNextTime = mall.Millis(w.now.Add(30 * 24 * time.Hour).UnixMilli())
	// Read before the subscription is looked at again.
	w.now = w.now.Add(61 * time.Second)
	other, err = s.Advance(t.Context(), other.ID)
	require.NoError(t, err)
	require.Equal(t, "O2", other.Mall.OrderID, other.Reason)
	w.settle(s, 4, time.Minute)
	p, err = s.Get(t.Context(), p.ID)
	require.NoError(t, err)
	assert.Equal(t, 1, p.Mall.Subscription.Renewals)
	assert.Equal(t, "R1", p.Mall.Subscription.LastOrderID)
	other, err = s.Get(t.Context(), other.ID)
	require.NoError(t, err)
	assert.Equal(t, "O2", other.Mall.OrderID)
	assert.Equal(t, purchase.Unpaid, other.State)

	// It is canceled in the end.
	before := w.subs[:1:1]
	w.subs = nil
	w.now = w.now.Add(31 * 24 * time.Hour)
	look := func(after time.Duration) purchase.MallSubscription {
		_, err := s.Reconcile(t.Context())
		require.NoError(t, err)
		w.now = w.now.Add(after)
		p, err := s.Get(t.Context(), p.ID)
		require.NoError(t, err)
		assert.Equal(t, purchase.Delivered, p.State)
		return *p.Mall.Subscription
	}
	assert.Zero(t, look(7*time.Hour).EndedAt, "one look is not enough")
	assert.Zero(t, look(7*time.Hour).EndedAt)
	assert.NotZero(t, look(8*24*time.Hour).EndedAt)
	w.subs = before // it was a fault of the list
	assert.Zero(t, look(time.Hour).EndedAt)
}

func TestBadMallRequests(t *testing.T) {
	for name, change := range map[string]func(*purchase.MallRequest){
		"device_id":    func(r *purchase.MallRequest) { r.ID = "" },
		"uuid":         func(r *purchase.MallRequest) { r.UUID = "" },
		"homeId":       func(r *purchase.MallRequest) { r.HomeID = "a b" },
		"catalog_code": func(r *purchase.MallRequest) { r.CatalogCode = "" },
		"skuCode":      func(r *purchase.MallRequest) { r.SKUCode = "" },
		"price":        func(r *purchase.MallRequest) { r.Price = 0 },
		"buyer":        func(r *purchase.MallRequest) { r.Buyer = "" },
	} {
		w := newMallWorld(t)
		r := mallRequest("dev-1")
		change(&r)
		_, err := w.restart().BeginMall(t.Context(), r)
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err), name)
		assert.ErrorContains(t, err, name)
		assert.Zero(t, w.ios, "%s: an error before any I/O", name)
	}
	w := newMallWorld(t)
	r := mallRequest("dev-1")
	r.SKUCode = "nothing"
	_, err := w.restart().BeginMall(t.Context(), r)
	assert.Equal(t, core.CodeNotFound, core.CodeOf(err))
}

func TestWhatTheMallRailNeeds(t *testing.T) {
	w := newMallWorld(t)
	good := purchase.Mall{Operations: w, User: nil, WXAppID: "wx1"}
	_, err := purchase.New(purchase.Config{Store: w.inner, Mall: &good})
	assert.ErrorContains(t, err, "Mall.User must be given")
	_, err = purchase.New(purchase.Config{Store: w.inner})
	assert.ErrorContains(t, err, "Platform must be given")

	// A service without the VVChat rail says so, and leaves its purchases be.
	s := w.restart()
	_, err = s.Begin(t.Context(), purchase.Request{Buyer: "b", OfferID: "voip", Price: 100})
	assert.Equal(t, core.CodeInvalid, core.CodeOf(err))
	other := newWorld(t)
	other.inner = w.inner
	other.now = w.now
	p, err := other.restart().Begin(t.Context(), purchase.Request{Buyer: "b", OfferID: "voip", Price: 100})
	require.NoError(t, err)
	w.now = w.now.Add(time.Hour)
	sweep, err := s.Reconcile(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 1, sweep.Failed)
	left, err := s.Get(t.Context(), p.ID)
	require.NoError(t, err)
	assert.Equal(t, p, left)
	_, err = s.Advance(t.Context(), p.ID)
	assert.Equal(t, core.CodeInternal, core.CodeOf(err))
	assert.False(t, errors.Is(err, errDead))
}

// An order that the cloud names twice proves one purchase.
func TestAnOrderProvesOnePurchase(t *testing.T) {
	w := newMallWorld(t)
	w.named, w.lag = true, 10*time.Second
	s := w.restart()
	first, err := s.BeginMall(t.Context(), mallRequest("dev-1"))
	require.NoError(t, err)
	w.answers = "O1"
	r := mallRequest("dev-2")
	r.Buyer = "another"
	second, err := s.BeginMall(t.Context(), r)
	require.NoError(t, err)
	w.now = w.now.Add(11 * time.Second)
	first, err = s.Advance(t.Context(), first.ID)
	require.NoError(t, err)
	require.Equal(t, "O1", first.Mall.OrderID)
	second, err = s.Advance(t.Context(), second.ID)
	require.NoError(t, err)
	assert.Equal(t, purchase.Attention, second.State)
	assert.Contains(t, second.Reason, "proves the purchase "+first.ID)
	assert.Empty(t, second.View().Mall.Prepay)

	// Nor does one that the user had before.
	w.lag = 0
	third, err := s.BeginMall(t.Context(), mallRequest("dev-2"))
	require.Equal(t, core.CodeMismatch, core.CodeOf(err))
	assert.Contains(t, third.Reason, "which the user had before")
}

// Two requests at once, interleaved where it hurts most: after the first has
// looked whether anything is open, the second does all of its work.
func TestTwoPressesAtOnce(t *testing.T) {
	w := newMallWorld(t)
	s := w.restart()
	var second purchase.Purchase
	slow := w.over(&beforePut{watchedStore: watchedStore{w.world}, prefix: "mall/", do: func() {
		var err error
		second, err = s.BeginMall(t.Context(), mallRequest("dev-1"))
		require.NoError(t, err)
	}})
	open, err := slow.BeginMall(t.Context(), mallRequest("dev-1"))
	require.ErrorIs(t, err, purchase.ErrPurchaseOpen)
	assert.Equal(t, second.ID, open.ID)
	assert.Equal(t, 1, w.buys)
}

// What broke off before it was on record what the user had ordered already must
// not take one of those orders for its own.
func TestABreakBeforeTheIntentOrdersNothing(t *testing.T) {
	w := newMallWorld(t)
	w.addOrder("OLD", "dev-1", "sku-voip", false)
	w.payOrder("OLD")
	s := w.restart()
	w.on = map[string]func(){"getOrderList": func() { w.faultAt, w.fault = w.ios+1, crashBefore }}
	_, err := s.BeginMall(t.Context(), mallRequest("dev-1"))
	require.Error(t, err)
	s = w.restart()
	w.settle(s, 5, time.Minute)
	p := w.purchases(s)[0]
	assert.Equal(t, purchase.Expired, p.State)
	assert.Equal(t, "no order: it broke off before anything was ordered", p.Reason)
	assert.Empty(t, p.Mall.OrderID)
}

// Who read so long that his lease ran out orders nothing: somebody else may
// have decided by now.
func TestALateWorkerOrdersNothing(t *testing.T) {
	w := newMallWorld(t)
	s := w.restart()
	w.on = map[string]func(){"getOrderList": func() { w.now = w.now.Add(2 * time.Minute) }}
	p, err := s.BeginMall(t.Context(), mallRequest("dev-1"))
	require.Error(t, err)
	assert.Equal(t, purchase.Expired, p.State)
	assert.Zero(t, w.buys)
}

// No notification of the other rail pays a purchase of the mall, and a service
// without the mall rail leaves it alone.
func TestTheRailsDoNotMix(t *testing.T) {
	w := newMallWorld(t)
	p, err := w.restart().BeginMall(t.Context(), mallRequest("dev-1"))
	require.NoError(t, err)
	other := newWorld(t)
	other.inner, other.now = w.inner, w.now
	vvchat := other.restart()
	err = vvchat.Paid(t.Context(), callback.PaymentNotice{
		AppID: p.AppID, OutTradeNo: p.ID, TradeNo: "T1", Amount: p.Amount, Status: callback.StatusPaid,
	})
	assert.Equal(t, core.CodeMismatch, core.CodeOf(err))
	other.now = w.now.Add(time.Hour)
	_, err = vvchat.Advance(t.Context(), p.ID)
	assert.Equal(t, core.CodeInternal, core.CodeOf(err))
	left, err := vvchat.Get(t.Context(), p.ID)
	require.NoError(t, err)
	assert.Equal(t, p, left)
}
