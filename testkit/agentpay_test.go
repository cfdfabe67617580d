package testkit

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const payoutPath = "/paybusapi/v1/app/agentpay"

// payoutAsked is a payout as a merchant's server sends it.
type payoutAsked struct {
	draft
	nonce, timestamp, sign string
	header                 func(http.Header)
}

var nonces int

// payoutBody is a well-formed payout to the test user.
func payoutBody(p *Platform, outOrderNo, notifyURL string) *payoutAsked {
	nonces++
	return &payoutAsked{nonce: fmt.Sprintf("nonce%d", nonces), timestamp: strconv.FormatInt(p.Clock.Now().Unix(), 10), draft: draft{appKey: "123456", fields: []field{
		textField("out_order_no", outOrderNo),
		textField("in_open_id", TestUser().OpenID),
		textField("out_open_id", TestAccount().OutOpenID),
		bareField("amount", "1000"),
		textField("notify_url", notifyURL),
		textField("title", "test"),
	}}}
}

func (a *payoutAsked) send(t *testing.T, p *Platform) answered {
	t.Helper()
	return do(t, p, a.request(t, p))
}

func (a *payoutAsked) request(t *testing.T, p *Platform) *http.Request {
	t.Helper()
	req := newRequest(t, p, http.MethodPost, payoutPath, string(encodeJSON(a.fields)))
	base := baseSign(a.appKey, a.nonce, a.timestamp)
	if a.sign == "" {
		a.sign = base + "." + jointSign(canonical(a.fields), a.appKey, base)
	}
	for name, value := range map[string]string{"app_id": "test", "noncestr": a.nonce, "timestamp": a.timestamp, "sign": a.sign} {
		req.Header[name] = []string{value}
	}
	if a.header != nil {
		a.header(req.Header)
	}
	return req
}

func (a *payoutAsked) with(f field) *payoutAsked { a.set(f); return a }

func (a *payoutAsked) without(name string) *payoutAsked { a.drop(name); return a }

// The vectors of the page's example, whose sums were worked out with md5sum.
func TestJointSign(t *testing.T) {
	base := baseSign("123456", "abc", "1700000000")
	assert.Equal(t, "93D049F5AC10881151E309C8EF05133A", base)
	canonical := "amount=1000&in_open_id=xd8wjr9jr02kjf823jse94kio8&notify_url=http://www.test.com/callback&out_open_id=lJsDBB01QzGpBKOC7uaZB6D0QGZWBMCS&out_order_no=2334234343zz&title=test"
	assert.Equal(t, "15EA0880F7F7A364637D8789F8D596F1", jointSign(canonical, "123456", base))
}

func TestPayoutIsPaidAndTold(t *testing.T) {
	shop := openShop(t, nil)
	p := testPlatform(t, PlatformConfig{})
	p.RequireNoPayout(t)
	a := payoutBody(p, "P1", shop.URL).send(t, p)
	require.Equal(t, http.StatusOK, a.status, a.body)
	made := p.Payouts()
	require.Len(t, made, 1)
	assert.Equal(t, made[0].AgentpayNo, a.fields["agentpay_no"])
	assert.Equal(t, PayoutWaiting, made[0].Status)
	assert.Empty(t, shop.received(), "accepted is not paid")

	p.Clock.Advance(time.Second)
	require.Len(t, shop.received(), 1)
	var told map[string]any
	require.NoError(t, json.Unmarshal([]byte(shop.received()[0]), &told))
	assert.Equal(t, map[string]any{
		"app_id": "test", "out_order_no": "P1", "agentpay_no": made[0].AgentpayNo, "status": 1.0, "time": float64(p.Clock.Now().Unix()), "sign": told["sign"],
	}, told)
	paid := p.RequirePaidOut(t, "P1", TestUser().OpenID, 1000)
	assert.Equal(t, p.Clock.Now(), paid.Settled)
	n := p.Notifications()
	require.Len(t, n, 1)
	assert.True(t, n[0].Acknowledged)
	assert.Equal(t, []string{"P1", "", made[0].AgentpayNo}, []string{n[0].OutOrderNo, n[0].OutTradeNo, n[0].AgentpayNo})

	again, err := p.RedeliverPayout(t.Context(), "P1")
	require.NoError(t, err)
	assert.Len(t, again.Attempts, 2)
	assert.Equal(t, shop.received()[0], shop.received()[1])
	_, err = p.RedeliverPayout(t.Context(), "P2")
	assert.ErrorContains(t, err, `out_order_no "P2" is not known`)
	calls := p.Requests()
	assert.Equal(t, []Call{CallAgentpay, CallPayoutNotification, CallPayoutNotification}, []Call{calls[0].Call, calls[1].Call, calls[2].Call})
	assert.Equal(t, "P1", calls[0].OutOrderNo)
	assert.Contains(t, calls[1].String(), "out_order_no=P1")
}

func TestPayoutIsToldAgainUntilItIsAcknowledged(t *testing.T) {
	shop := openShop(t, func(n int, _ string) (int, string) {
		if n < 4 {
			return http.StatusInternalServerError, "later"
		}
		return http.StatusOK, "Success"
	})
	p := testPlatform(t, PlatformConfig{})
	payoutBody(p, "P1", shop.URL).send(t, p)
	for _, wait := range []time.Duration{time.Second, 15 * time.Second, 15 * time.Second, 30 * time.Second} {
		before := len(shop.received())
		p.Clock.Advance(wait - time.Millisecond)
		assert.Len(t, shop.received(), before)
		p.Clock.Advance(time.Millisecond)
		assert.Len(t, shop.received(), before+1)
	}
	p.Clock.Advance(24 * time.Hour)
	assert.Len(t, shop.received(), 4)
	p.RequirePaidOut(t, "P1", TestUser().OpenID, 1000)
}

func TestPayoutsThatAreRefused(t *testing.T) {
	p := testPlatform(t, PlatformConfig{})
	ask := func() *payoutAsked { return payoutBody(p, "P1", "http://127.0.0.1:1/") }
	header := func(name string, values ...string) *payoutAsked {
		a := ask()
		a.header = func(h http.Header) { h[name] = values }
		return a
	}
	at := func(off time.Duration) *payoutAsked {
		a := ask()
		a.timestamp = strconv.FormatInt(p.Clock.Now().Add(off).Unix(), 10)
		return a
	}
	signed := func(sign func(a *payoutAsked) string) *payoutAsked {
		a := ask()
		a.sign = sign(a)
		return a
	}
	other := ask()
	other.appKey = "1234567"
	for name, c := range map[string]struct {
		ask  *payoutAsked
		says string
	}{
		"no Content-Type":          {header("Content-Type"), "Content-Type"},
		"no app_id":                {header("app_id"), "header app_id: is missing"},
		"no noncestr":              {header("noncestr"), "header noncestr: is missing"},
		"no timestamp":             {header("timestamp", ""), "header timestamp: is missing"},
		"no sign":                  {header("sign"), "header sign: is missing"},
		"two signs":                {header("sign", "a", "b"), "header sign: is there twice"},
		"unknown app_id":           {header("app_id", "nobody"), "header app_id: is not known"},
		"a noncestr that is none":  {header("noncestr", "a b"), "header noncestr: must be"},
		"a timestamp that is none": {header("timestamp", "17000000000"), "header timestamp: must be"},
		"an old timestamp":         {at(-5*time.Minute - time.Second), "header timestamp: is 5m1s off"},
		"a timestamp to come":      {at(5*time.Minute + time.Second), "header timestamp: is -5m1s off"},
		"another key":              {other, "the base signature does not fit"},
		"the data signature alone": {signed(func(a *payoutAsked) string { return dataSign(canonical(a.fields), a.appKey) }), "must be a joint signature"},
		"the base alone":           {signed(func(a *payoutAsked) string { return baseSign(a.appKey, a.nonce, a.timestamp) + "." }), "the data signature does not fit"},
		"a base of another time":   {header("timestamp", strconv.FormatInt(p.Clock.Now().Unix()-1, 10)), "the base signature does not fit"},
		"a base of another nonce":  {header("noncestr", "another"), "the base signature does not fit"},
		"a data signature without the base": {signed(func(a *payoutAsked) string {
			return baseSign(a.appKey, a.nonce, a.timestamp) + "." + dataSign(canonical(a.fields), a.appKey)
		}), "the data signature does not fit"},
		"lower case": {signed(func(a *payoutAsked) string {
			base := baseSign(a.appKey, a.nonce, a.timestamp)
			return strings.ToLower(base + "." + jointSign(canonical(a.fields), a.appKey, base))
		}), "does not fit"},
		"the app_key":               {ask().with(textField("key", "123456")), "must never be sent"},
		"a sign in the body":        {ask().with(textField("sign", "x")), "sign: must not be in the body"},
		"an app_key in the body":    {ask().with(textField("App_Key", "x")), "app_key: must not be in the body"},
		"a long in_open_id":         {ask().with(textField("in_open_id", strings.Repeat("a", 65))), "longer than 64"},
		"an object inside":          {ask().with(field{name: "title", literal: `{"a":1}`}), "title"},
		"no out_order_no":           {ask().without("out_order_no"), "out_order_no: is missing"},
		"no in_open_id":             {ask().without("in_open_id"), "in_open_id: is missing"},
		"no out_open_id":            {ask().without("out_open_id"), "out_open_id: is missing"},
		"no amount":                 {ask().without("amount"), "amount: is missing"},
		"no notify_url":             {ask().without("notify_url"), "notify_url: is missing"},
		"an empty title":            {ask().with(textField("title", "")), "title: is missing"},
		"amount as text":            {ask().with(textField("amount", "1000")), "amount: must be a JSON integer"},
		"amount 0":                  {ask().with(bareField("amount", "0")), "amount: must be a positive integer"},
		"a fraction":                {ask().with(bareField("amount", "1.5")), "amount: must be a positive integer"},
		"negative":                  {ask().with(bareField("amount", "-1")), "amount: must be a positive integer"},
		"a number as out_order_no":  {ask().with(bareField("out_order_no", "7")), "out_order_no: must be a JSON string"},
		"an odd out_order_no":       {ask().with(textField("out_order_no", "a&b")), "out_order_no: must be of"},
		"a long out_order_no":       {ask().with(textField("out_order_no", strings.Repeat("a", 65))), "longer than 64"},
		"a long remark":             {ask().with(textField("remark", strings.Repeat("备", 513))), "longer than 512"},
		"another's account":         {ask().with(textField("out_open_id", "somebody")), "out_open_id: is not bound"},
		"an unknown payee":          {ask().with(textField("in_open_id", "nobody")), "in_open_id: is not known"},
		"a notify_url that is none": {ask().with(textField("notify_url", "callback")), "notify_url: must be"},
	} {
		t.Run(name, func(t *testing.T) {
			a := c.ask.send(t, p)
			assert.Equal(t, http.StatusBadRequest, a.status)
			assert.Contains(t, a.fields["err_msg"], c.says)
		})
	}
	p.RequireNoPayout(t)
	first := ask().with(textField("remark", "备注")).with(textField("new_field", "counts too"))
	require.Equal(t, http.StatusOK, first.send(t, p).status)
	replayed := first.send(t, p)
	assert.Equal(t, http.StatusBadRequest, replayed.status)
	assert.Contains(t, replayed.body, "noncestr: was used before")
	assert.Len(t, p.Payouts(), 1)
}

func TestReadingsOfPayouts(t *testing.T) {
	const nowhere = "http://127.0.0.1:1/"
	t.Run("repeated", func(t *testing.T) {
		for repeat, want := range map[Repeat]struct{ status, payouts int }{
			"": {200, 2}, RepeatPays: {200, 2}, RepeatRefused: {400, 1}, RepeatSameCode: {200, 1},
		} {
			p := testPlatform(t, PlatformConfig{Readings: Readings{RepeatedPayout: repeat}})
			first, second := payoutBody(p, "P1", nowhere).send(t, p), payoutBody(p, "P1", nowhere).send(t, p)
			assert.Equal(t, want.status, second.status, repeat)
			assert.Len(t, p.Payouts(), want.payouts, repeat)
			other := payoutBody(p, "P1", nowhere).with(bareField("amount", "1001")).send(t, p)
			assert.Equal(t, repeat == RepeatRefused || repeat == RepeatSameCode, other.status == 400, repeat)
			assert.Equal(t, repeat == RepeatSameCode, first.fields["agentpay_no"] == second.fields["agentpay_no"], repeat)
		}
	})
	t.Run("what is none", func(t *testing.T) {
		_, err := NewPlatform(PlatformConfig{Readings: Readings{RepeatedPayout: "nope"}})
		assert.ErrorContains(t, err, "RepeatedPayout")
		_, err = NewPlatform(PlatformConfig{Readings: Readings{RepeatedOrder: RepeatPays}})
		assert.ErrorContains(t, err, "RepeatedOrder")
	})
	t.Run("held", func(t *testing.T) {
		shop := openShop(t, nil)
		p := testPlatform(t, PlatformConfig{Readings: Readings{HoldPayouts: true, OmitAgentpayNo: true, AnyPayee: true}})
		a := payoutBody(p, "P1", shop.URL).with(textField("in_open_id", "nobody")).send(t, p)
		assert.Equal(t, "{}", a.body)
		p.Clock.Advance(time.Hour)
		assert.Empty(t, shop.received())
		_, err := p.SettlePayout(t.Context(), "P1", PayoutWaiting)
		require.ErrorContains(t, err, "ends no payout")
		n, err := p.SettlePayout(t.Context(), "P1", PayoutFailed)
		require.NoError(t, err)
		assert.True(t, n.Acknowledged)
		assert.Equal(t, PayoutFailed, p.Payouts()[0].Status)
		assert.Contains(t, shop.received()[0], `"status":2`)
		_, err = p.SettlePayout(t.Context(), "P1", PayoutDone)
		require.ErrorContains(t, err, "not known", "what has ended stays so")
	})
	t.Run("form and text", func(t *testing.T) {
		shop := openShop(t, nil)
		p := testPlatform(t, PlatformConfig{Readings: Readings{NotifyForm: true, NotifyStatusText: true, PayoutDelay: time.Minute}})
		payoutBody(p, "P1", shop.URL).send(t, p)
		p.Clock.Advance(59 * time.Second)
		assert.Empty(t, shop.received())
		p.Clock.Advance(time.Second)
		assert.Contains(t, shop.received()[0], "status=1")
	})
}

func TestFaultsOfPayouts(t *testing.T) {
	for _, c := range []struct {
		fault    Fault
		statuses string // of the notices, in their order
		money    int    // payouts that are done
	}{
		{Fault{Kind: FaultPayoutFailed}, "2", 0},
		{Fault{Kind: FaultPayoutFailedAfter}, "12", 1},
		{Fault{Kind: FaultReorder, Call: CallPayoutNotification}, "10", 1},
		{Fault{Kind: FaultWaitingFirst, OutOrderNo: "P1"}, "01", 1},
		{Fault{Kind: FaultDuplicate, Copies: 2}, "111", 1},
		{Fault{Kind: FaultDuplicateConcurrent}, "11", 1},
		{Fault{Kind: FaultDropCallback}, "1", 1},  // by the schedule
		{Fault{Kind: FaultForgedSign}, "11", 1},   // and then the genuine one
		{Fault{Kind: FaultTampered}, "11", 1},     // likewise
		{Fault{Kind: FaultLowerCaseSign}, "1", 1}, // genuine
		{Fault{Kind: FaultExtraField}, "1", 1},    // genuine
		{Fault{Kind: FaultDelayCallback}, "1", 1}, // a minute later
		{Fault{Kind: FaultAnswerLost, Call: CallAgentpay}, "1", 1},
		{Fault{Kind: FaultCut, Call: CallAgentpay}, "", 0},
		{Fault{Kind: FaultRefused, Call: CallAgentpay}, "", 0},
		{Fault{Kind: FaultMutate, Call: CallPayoutNotification, Mutators: []Mutator{MutateTamperedStatus}}, "11", 1},
	} {
		t.Run(string(c.fault.Kind), func(t *testing.T) {
			p := testPlatform(t, PlatformConfig{})
			shop := openShop(t, func(_ int, body string) (int, string) { // two at once, at times
				fields, err := readDocument([]byte(body))
				assert.NoError(t, err)
				d := &draft{fields: fields}
				if !strings.EqualFold(d.value("sign"), dataSign(canonical(fields), "123456")) {
					return http.StatusForbidden, "no"
				}
				return http.StatusOK, "success"
			})
			injected := p.Inject(c.fault)
			req := payoutBody(p, "P1", shop.URL)
			if resp, err := p.Client().Do(req.request(t, p)); err == nil {
				_ = resp.Body.Close()
			}
			for range 30 {
				p.Clock.Advance(15 * time.Second)
			}
			statuses := ""
			for _, body := range shop.received() {
				fields, err := readDocument([]byte(body))
				require.NoError(t, err)
				statuses += (&draft{fields: fields}).value("status")
			}
			assert.Equal(t, c.statuses, statuses)
			done := 0
			for _, made := range p.Payouts() {
				if made.Status == PayoutDone {
					done++
				}
			}
			assert.Equal(t, c.money, done)
			assert.Equal(t, 1, injected.Applied())
		})
	}
	p := testPlatform(t, PlatformConfig{})
	assert.Panics(t, func() {
		p.Inject(Fault{Kind: FaultMutate, Call: CallPayoutNotification, Mutators: []Mutator{MutateTamperedAmount}})
	})
	assert.Panics(t, func() { p.Inject(Fault{Kind: FaultSecondPayment, Call: CallPayoutNotification}) })
}

func TestRequirePaidOut(t *testing.T) {
	p := testPlatform(t, PlatformConfig{})
	says := func(check func(tb TB)) string {
		tb := &fakeTB{}
		check(tb)
		return tb.failed
	}
	assert.Contains(t, says(func(tb TB) { p.RequirePaidOut(tb, "P1", "x", 1) }), `expected one payout with out_order_no "P1" and status 1; got 0 of 0 payouts`)
	payoutBody(p, "P1", "http://127.0.0.1:1/").send(t, p)
	assert.Contains(t, says(func(tb TB) { p.RequireNoPayout(tb) }), `got 1, the first with out_order_no "P1" over 1000 fen`)
	_, err := p.SettlePayout(t.Context(), "P1", PayoutDone)
	require.NoError(t, err)
	assert.Contains(t, says(func(tb TB) { p.RequirePaidOut(tb, "P1", TestUser().OpenID, 999) }), "to be 999 fen")
	assert.Empty(t, says(func(tb TB) { p.RequirePaidOut(tb, "P1", TestUser().OpenID, 1000) }))
}

func TestAPayoutIsSettledOnce(t *testing.T) {
	shop := openShop(t, nil)
	p := testPlatform(t, PlatformConfig{Readings: Readings{HoldPayouts: true}})
	payoutBody(p, "P1", shop.URL).send(t, p)
	var settled atomic.Int32
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			if _, err := p.SettlePayout(t.Context(), "P1", PayoutDone+i%2); err == nil {
				settled.Add(1)
			}
		})
	}
	all.Wait()
	assert.Equal(t, int32(1), settled.Load())
	assert.Len(t, shop.received(), 1)
}

// A request that never had an effect may be sent again as it is.
func TestANonceIsSpentByWhatWasDone(t *testing.T) {
	p := testPlatform(t, PlatformConfig{})
	p.Inject(Fault{Kind: FaultError500, Call: CallAgentpay})
	ask := payoutBody(p, "P1", "http://127.0.0.1:1/")
	assert.Equal(t, http.StatusInternalServerError, ask.send(t, p).status)
	assert.Equal(t, http.StatusOK, ask.send(t, p).status)
	assert.Equal(t, http.StatusBadRequest, ask.send(t, p).status)
	record := p.Requests()
	assert.Contains(t, record[0].Canonical, "&key=***&basesign="+ask.sign[:32])
}
