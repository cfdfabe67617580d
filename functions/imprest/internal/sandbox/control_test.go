package sandbox

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/testkit"
)

func TestControlOrders(t *testing.T) {
	w := startWorld(t, Config{})
	for _, c := range []struct {
		name, body string
		status     int
		says       string
	}{
		{"one", `[{"out_trade_no":"a","amount":100}]`, 200, `{"orders":1}`},
		{"two, one of another app", `[{"out_trade_no":"b","amount":1,"app_id":"test"},{"out_trade_no":"c","amount":2,"app_id":"other"}]`, 200, `{"orders":2}`},
		{"none", `[]`, 200, `{"orders":0}`},
		{"unknown keys", `[{"out_trade_no":"d","amount":5,"title":"x","AMOUNT":7,"nested":{"a":[1]}}]`, 200, `{"orders":1}`},
		{"the same again", `[{"out_trade_no":"a","amount":100,"app_id":"test"}]`, 200, `{"orders":1}`},
		{"twice in one list", `[{"out_trade_no":"e","amount":5},{"out_trade_no":"e","amount":5}]`, 200, `{"orders":2}`},
		{"another amount", `[{"out_trade_no":"z1","amount":1},{"out_trade_no":"a","amount":101}]`, 409, "entry 1: out_trade_no a"},
		{"another app", `[{"out_trade_no":"a","amount":100,"app_id":"other"}]`, 409, "entry 0"},
		{"a quarrel in one list", `[{"out_trade_no":"z2","amount":5},{"out_trade_no":"z2","amount":6}]`, 409, "entry 1"},
		{"no amount", `[{"out_trade_no":"z3","amount":1},{"out_trade_no":"z4"}]`, 400, "entry 1: amount"},
		{"amount 0", `[{"out_trade_no":"z","amount":0}]`, 400, "entry 0: amount"},
		{"negative", `[{"out_trade_no":"z","amount":-1}]`, 400, "entry 0: amount"},
		{"a fraction", `[{"out_trade_no":"z","amount":1.5}]`, 400, "entry 0: amount"},
		{"an exponent", `[{"out_trade_no":"z","amount":1e2}]`, 400, "entry 0: amount"},
		{"a string", `[{"out_trade_no":"z","amount":"100"}]`, 400, "entry 0: amount"},
		{"too much", `[{"out_trade_no":"z","amount":9223372036854775808}]`, 400, "entry 0: amount"},
		{"no number", `[{"amount":100}]`, 400, "entry 0: out_trade_no"},
		{"a number that is none", `[{"out_trade_no":"a b","amount":100}]`, 400, "entry 0: out_trade_no"},
		{"a number of another type", `[{"out_trade_no":7,"amount":100}]`, 400, "entry 0: out_trade_no"},
		{"an app that is none", `[{"out_trade_no":"z","amount":1,"app_id":""}]`, 400, "entry 0: app_id"},
		{"an object", `{"out_trade_no":"z","amount":100}`, 400, "list"},
		{"null", `null`, 400, "list"},
		{"more than the list", `[] []`, 400, "follows"},
		{"not JSON", `out_trade_no=z`, 400, "list"},
		{"empty", ``, 400, "list"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, body := call(t, http.MethodPost, w.base+"/_sandbox/orders", c.body)
			assert.Equal(t, c.status, status, body)
			assert.Contains(t, body, c.says)
		})
	}
	assert.Equal(t, map[string]int{"a": 0, "b": 0, "c": 0, "d": 0, "e": 0}, getJSON[map[string]int](t, w.base+"/_sandbox/deliveries"),
		"what was refused left nothing behind, the good entries of a bad list neither")
}

func TestControlTakesManyOrdersAtOnce(t *testing.T) {
	w := startWorld(t, Config{})
	var list []string
	for i := range 3000 {
		list = append(list, fmt.Sprintf(`{"out_trade_no":"bulk-%d","amount":%d}`, i, i+1))
	}
	status, body := call(t, http.MethodPost, w.base+"/_sandbox/orders", "["+strings.Join(list, ",")+"]")
	require.Equal(t, 200, status, body)
	assert.Len(t, getJSON[map[string]int](t, w.base+"/_sandbox/deliveries"), 3000)
	assert.Len(t, getJSON[[]purchase.Purchase](t, w.base+"/_sandbox/purchases"), 100)
	assert.Len(t, getJSON[[]purchase.Purchase](t, w.base+"/_sandbox/purchases?limit=7"), 7)
}

func TestOnePaymentManyTimesAtOnce(t *testing.T) {
	for _, name := range []string{"memory", "sqlite"} {
		t.Run(name, func(t *testing.T) {
			cfg := Config{Journal: name}
			if name == "sqlite" {
				cfg.Journal = "sqlite:" + filepath.Join(t.TempDir(), "journal.db")
			}
			w := startWorld(t, cfg)
			status, body := call(t, http.MethodPost, w.base+"/_sandbox/orders", `[{"out_trade_no":"order-1","amount":100}]`)
			require.Equal(t, 200, status, body)
			message := testkit.SignedPayment(testkit.PaymentFields{})
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 50}}
			defer client.CloseIdleConnections()
			places := make(chan struct{}, 50)
			answers := make([]*core.Response, 200)
			var senders sync.WaitGroup
			for i := range answers {
				senders.Go(func() {
					places <- struct{}{}
					defer func() { <-places }()
					var err error
					answers[i], err = message.Post(t.Context(), client, w.base+"/callbacks/payment")
					assert.NoError(t, err)
				})
			}
			senders.Wait()
			for _, answer := range answers {
				testkit.RequireAcknowledged(t, answer)
			}
			assert.Equal(t, map[string]int{"order-1": 1}, getJSON[map[string]int](t, w.base+"/_sandbox/deliveries"))
		})
	}
}

func TestEveryMutatedPaymentGetsItsVerdict(t *testing.T) {
	w := startWorld(t, Config{})
	for i, mutator := range testkit.Mutators() {
		id := fmt.Sprintf("order-%d", i)
		status, body := call(t, http.MethodPost, w.base+"/_sandbox/orders", fmt.Sprintf(`[{"out_trade_no":%q,"amount":100}]`, id))
		require.Equal(t, 200, status, body)
		t.Run(string(mutator.Name), func(t *testing.T) {
			count := func() int { return getJSON[map[string]int](t, w.base+"/_sandbox/deliveries")[id] }
			testkit.RequireVerdict(t, mutator.Verdict, notify(t, w, testkit.PaymentFields{OutTradeNo: id}, mutator.Name))
			want := 0
			if mutator.Verdict == testkit.VerdictDeliver {
				want = 1
			}
			assert.Equal(t, want, count())
			testkit.RequireAcknowledged(t, notify(t, w, testkit.PaymentFields{OutTradeNo: id}))
			assert.Equal(t, 1, count(), "the genuine one counts, once")
		})
	}
}

func TestControlPayouts(t *testing.T) {
	w := startWorld(t, Config{})
	status, body := call(t, http.MethodPost, w.base+"/_sandbox/payouts", `[{"out_order_no":"p1","amount":1000,"in_open_id":"x"},{"out_order_no":"p2","amount":1},{"out_order_no":"p3","amount":1,"app_id":"other"}]`)
	require.Equal(t, 200, status, body)
	for _, bad := range []struct {
		body   string
		status int
	}{
		{`[{"out_order_no":"p1","amount":999}]`, 409},
		{`[{"out_order_no":"p9","amount":1},{"out_order_no":"p9","amount":2}]`, 409},
		{`[{"out_order_no":"p9","amount":0}]`, 400},
		{`[{"out_trade_no":"p9","amount":1}]`, 400},
		{`{}`, 400},
	} {
		status, body := call(t, http.MethodPost, w.base+"/_sandbox/payouts", bad.body)
		assert.Equal(t, bad.status, status, body)
	}
	states := func() map[string]string { return getJSON[map[string]string](t, w.base+"/_sandbox/payouts") }
	require.Equal(t, map[string]string{"p1": "pending", "p2": "pending", "p3": "pending"}, states())

	send := func(id, status string, mutators ...testkit.Mutator) *core.Response {
		resp, err := testkit.SignedPayout(testkit.PayoutFields{OutOrderNo: id, Status: status}, mutators...).Post(t.Context(), nil, w.base+"/callbacks/payout")
		require.NoError(t, err)
		return resp
	}
	testkit.RequireRefused(t, send("p1", "1", testkit.MutateWrongKey))
	testkit.RequireRefused(t, send("unknown", "1"))
	testkit.RequireRefused(t, send("p3", "1")) // of another app
	require.Equal(t, "pending", states()["p1"])
	for _, step := range []struct{ id, status, want string }{
		{"p1", "0", "pending"},
		{"p1", "1", "done"},
		{"p1", "1", "done"},
		{"p1", "2", "done"}, // late, or wrong: money that moved stays moved
		{"p1", "0", "done"},
		{"p2", "2", "failed"},
		{"p2", "0", "failed"},
		{"p2", "2", "failed"},
		{"p2", "1", "done"}, // an alarm in the log
	} {
		testkit.RequireAcknowledged(t, send(step.id, step.status))
		require.Equal(t, step.want, states()[step.id], "%s after status %s", step.id, step.status)
	}
	require.Equal(t, "pending", states()["p3"])
	status, body = call(t, http.MethodPost, w.base+"/_sandbox/payouts", `[{"out_order_no":"p1","amount":1000}]`)
	require.Equal(t, 200, status, body)
	require.Equal(t, "done", states()["p1"], "to name a payout again changes nothing")
}

func TestControlIsForThisMachineAlone(t *testing.T) {
	w := startWorld(t, Config{})
	for name, c := range map[string]struct {
		header []string
		status int
	}{
		"by address":        {nil, 200},
		"by name":           {[]string{"Host", "localhost:8700"}, 200},
		"by IPv6":           {[]string{"Host", "[::1]:8700"}, 200},
		"a rebound name":    {[]string{"Host", "shop.example:8700"}, 403},
		"a name that looks": {[]string{"Host", "127.0.0.1.example"}, 403},
		"a foreign page":    {[]string{"Origin", "http://shop.example"}, 403},
		"a page next door":  {[]string{"Sec-Fetch-Site", "same-site"}, 403},
	} {
		t.Run(name, func(t *testing.T) {
			status, _ := call(t, http.MethodPost, w.base+"/_sandbox/orders", `[]`, c.header...)
			assert.Equal(t, c.status, status)
		})
	}
	status, _ := call(t, http.MethodGet, w.base+"/_sandbox/deliveries", "", "Host", "shop.example")
	assert.Equal(t, 403, status)

	w.local = false // as if it listened where others reach it
	handler := w.controlHandler()
	for _, path := range []string{"/_sandbox", "/_sandbox/deliveries"} {
		rec := newRecorder()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.base+path, nil)
		require.NoError(t, err)
		req.RequestURI = path
		handler.ServeHTTP(rec, req)
		assert.Equal(t, 404, rec.Code)
	}
}

func TestControlClockSweepAndRecord(t *testing.T) {
	w := startWorld(t, Config{Faults: []string{dropCallback}})
	id := buyOne(t, w)
	eventually(t, w, id, purchase.Unpaid)
	for _, bad := range []string{``, `{}`, `{"advance":"-1s"}`, `{"advance":"0s"}`, `{"advance":"9999h"}`, `{"advance":15}`} {
		status, body := call(t, http.MethodPost, w.base+"/_sandbox/clock", bad)
		assert.Equal(t, 400, status, body)
	}
	before := getJSON[map[string]time.Time](t, w.base+"/_sandbox/clock")["now"]
	status, body := call(t, http.MethodPost, w.base+"/_sandbox/clock", `{"advance":"45s"}`)
	require.Equal(t, 200, status, body)
	after := getJSON[map[string]time.Time](t, w.base+"/_sandbox/clock")["now"]
	assert.GreaterOrEqual(t, after.Sub(before), 45*time.Second)
	status, body = call(t, http.MethodPost, w.base+"/_sandbox/sweep", ``)
	require.Equal(t, 200, status, body)
	p := eventually(t, w, id, purchase.Delivered)
	assert.Equal(t, purchase.ByQuery, p.Payment.By)

	stored := getJSON[purchase.Purchase](t, w.base+"/_sandbox/purchases/"+id)
	assert.Equal(t, p.History, stored.History, "the whole record")
	status, _ = call(t, http.MethodGet, w.base+"/_sandbox/purchases/unknown", "")
	assert.Equal(t, 404, status)
	for _, bad := range []string{"0", "501", "x", "-1"} {
		status, _ = call(t, http.MethodGet, w.base+"/_sandbox/purchases?limit="+bad, "")
		assert.Equal(t, 400, status, bad)
	}

	var calls []testkit.Call
	requests := getJSON[[]exchange](t, w.base+"/_sandbox/requests")
	requests = slices.DeleteFunc(requests, func(e exchange) bool { return e.Peer != testkit.PeerVVChat })
	for _, r := range requests {
		calls = append(calls, r.Call)
		testkit.RequireNoSecret(t, r.Query+r.Body+r.Answer+r.Canonical, testkit.TestAccount().AppKey)
	}
	assert.Equal(t, []testkit.Call{testkit.CallToken, testkit.CallUserInfo, testkit.CallUnifiedOrder}, calls[:3])
	assert.Contains(t, calls, testkit.CallQuery)
	assert.Contains(t, requests[2].Canonical, "out_trade_no="+id)
}

func TestJournalKeepsEverythingOverARestart(t *testing.T) {
	cfg := Config{Journal: "sqlite:" + filepath.Join(t.TempDir(), "journal.db"), Seed: 4}
	w, stop := serveWorld(t, cfg)
	bought := buyOne(t, w)
	eventually(t, w, bought, purchase.Delivered)
	for _, c := range []struct{ path, body string }{
		{"orders", `[{"out_trade_no":"order-1","amount":100},{"out_trade_no":"order-2","amount":100}]`},
		{"payouts", `[{"out_order_no":"payout-1","amount":100}]`},
		{"clock", `{"advance":"2h"}`},
	} {
		status, body := call(t, http.MethodPost, w.base+"/_sandbox/"+c.path, c.body)
		require.Equal(t, 200, status, body)
	}
	testkit.RequireAcknowledged(t, notify(t, w, testkit.PaymentFields{OutTradeNo: "order-1"}))
	ahead := w.clock.Now()
	stop()

	w = startWorld(t, cfg)
	assert.True(t, w.clock.Now().After(ahead), "the clock does not go back")
	assert.Equal(t, map[string]int{bought: 1, "order-1": 1, "order-2": 0}, getJSON[map[string]int](t, w.base+"/_sandbox/deliveries"))
	assert.Equal(t, map[string]string{"payout-1": "pending"}, getJSON[map[string]string](t, w.base+"/_sandbox/payouts"))
	testkit.RequireAcknowledged(t, notify(t, w, testkit.PaymentFields{OutTradeNo: "order-1"}))
	testkit.RequireAcknowledged(t, notify(t, w, testkit.PaymentFields{OutTradeNo: "order-2"}))
	again := buyOne(t, w)
	assert.NotEqual(t, bought, again)
	eventually(t, w, again, purchase.Delivered)
	assert.Equal(t, map[string]int{bought: 1, again: 1, "order-1": 1, "order-2": 1}, getJSON[map[string]int](t, w.base+"/_sandbox/deliveries"))
}

// TestCountShowsADoubleDelivery: the number is of deliveries that happened, not
// of purchases that say so.
func TestCountShowsADoubleDelivery(t *testing.T) {
	w := startWorld(t, Config{})
	status, body := call(t, http.MethodPost, w.base+"/_sandbox/orders", `[{"out_trade_no":"order-1","amount":100}]`)
	require.Equal(t, 200, status, body)
	p, err := w.purchase(t.Context(), "order-1")
	require.NoError(t, err)
	c := &counter{store: w.current.Load().store, plan: w.plan, told: w.delivered}
	granted, err := c.Delivered(t.Context(), p)
	require.NoError(t, err)
	assert.False(t, granted)
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() { assert.NoError(t, c.Deliver(context.WithoutCancel(t.Context()), p)) })
	}
	both.Wait()
	granted, err = c.Delivered(t.Context(), p)
	require.NoError(t, err)
	assert.True(t, granted)
	assert.Equal(t, map[string]int{"order-1": 2}, getJSON[map[string]int](t, w.base+"/_sandbox/deliveries"))
}
