package testkit

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
)

func TestPayNotifies(t *testing.T) {
	s := openShop(t, func(int, string) (int, string) { return 200, "SucCess" })
	p := testPlatform(t, PlatformConfig{})
	code := order(t, p, "T1", s.URL)
	p.Clock.Advance(10 * time.Second)
	trade := pay(t, p, code)

	assert.Equal(t, Paid, trade.Status)
	assert.Len(t, trade.TradeNo, 28)
	assert.Equal(t, trade, p.RequirePaid(t, "T1"))
	n := p.RequireNotified(t, "T1")
	assert.Equal(t, trade.TradeNo, n.TradeNo)
	require.Len(t, n.Attempts, 1)
	assert.True(t, n.Next.IsZero())
	assert.Equal(t, "SucCess", n.Attempts[0].Answer)

	signed := "amount=990&app_id=test&open_id=" + TestUser().OpenID + "&out_trade_no=T1&pay_time=1700000010&status=1&trade_no=" + trade.TradeNo + "&trade_time=1700000000"
	require.Len(t, s.received(), 1)
	assert.JSONEq(t, `{"app_id":"test","trade_no":"`+trade.TradeNo+`","out_trade_no":"T1","open_id":"`+TestUser().OpenID+`",
		"trade_time":"1700000000","pay_time":"1700000010","amount":"990","status":1,"sign":"`+dataSign(signed, "123456")+`"}`, s.received()[0])
	_, due := p.Clock.Next()
	assert.False(t, due, "nothing is delivered again")
}

func TestPayErrors(t *testing.T) {
	s := openShop(t, nil)
	p := testPlatform(t, PlatformConfig{})
	code := order(t, p, "T1", s.URL)
	_, err := p.Pay(t.Context(), "nope", "")
	assert.Equal(t, core.CodeNotFound, core.CodeOf(err))
	_, err = p.Pay(t.Context(), code, "nobody")
	assert.Equal(t, core.CodeNotFound, core.CodeOf(err))
	_, err = p.PayAgain(t.Context(), code, "")
	assert.Equal(t, core.CodeConflict, core.CodeOf(err))
	first := pay(t, p, code)
	_, err = p.Pay(t.Context(), code, "")
	assert.Equal(t, core.CodeConflict, core.CodeOf(err))
	again, err := p.PayAgain(t.Context(), code, "")
	require.NoError(t, err)
	assert.Equal(t, first.TradeNo, again.TradeNo, "the first payment stays the order's")
	require.Len(t, again.Surplus, 1)
	assert.NotEqual(t, first.TradeNo, again.Surplus[0].TradeNo)
	require.Len(t, s.received(), 2)
	assert.Contains(t, s.received()[1], again.Surplus[0].TradeNo)
}

func TestOnePaymentPerOrder(t *testing.T) {
	s := openShop(t, nil)
	p := testPlatform(t, PlatformConfig{})
	code := order(t, p, "T1", s.URL)
	var paid atomic.Int64
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			_, err := p.Pay(context.Background(), code, "")
			if err == nil {
				paid.Add(1)
				return
			}
			assert.Equal(t, core.CodeConflict, core.CodeOf(err))
		})
	}
	wg.Wait()
	assert.EqualValues(t, 1, paid.Load())
	assert.Len(t, s.received(), 1)
	p.RequirePaid(t, "T1")
}

func TestRetrySchedule(t *testing.T) {
	s := openShop(t, func(int, string) (int, string) { return 200, "fail" })
	p := testPlatform(t, PlatformConfig{})
	paid := p.Clock.Now()
	pay(t, p, order(t, p, "T1", s.URL))
	for range DefaultSchedule() {
		n := p.Notifications()[0]
		next, ok := p.Clock.Next()
		require.True(t, ok)
		assert.Equal(t, next, n.Next)
		p.Clock.Advance(next.Sub(p.Clock.Now()))
	}
	n := p.Notifications()[0]
	var waits []time.Duration
	before := paid
	for _, a := range n.Attempts {
		waits = append(waits, a.Time.Sub(before))
		before = a.Time
	}
	assert.Equal(t, append([]time.Duration{0}, DefaultSchedule()...), waits)
	assert.Len(t, s.received(), 16)
	assert.False(t, n.Acknowledged)
	assert.True(t, n.Next.IsZero(), "it gave up")
	_, ok := p.Clock.Next()
	assert.False(t, ok)
	for _, body := range s.received() {
		assert.Equal(t, s.received()[0], body, "the same notice every time")
	}
}

func TestRetryUntilSuccess(t *testing.T) {
	replies := []struct {
		status int
		text   string
	}{{500, "success"}, {302, "success"}, {204, ""}, {200, "success\n"}, {200, `"success"`}, {200, "successful"}, {200, "Success"}}
	s := openShop(t, func(n int, _ string) (int, string) { return replies[n-1].status, replies[n-1].text })
	p := testPlatform(t, PlatformConfig{})
	pay(t, p, order(t, p, "T1", s.URL))
	p.Clock.Advance(48 * time.Hour)
	n := p.RequireNotified(t, "T1")
	assert.Len(t, n.Attempts, len(replies))
	assert.Len(t, s.received(), len(replies))
}

func TestScheduleOfOneAttempt(t *testing.T) {
	s := openShop(t, func(int, string) (int, string) { return 500, "" })
	p := testPlatform(t, PlatformConfig{Schedule: []time.Duration{}})
	pay(t, p, order(t, p, "T1", s.URL))
	p.Clock.Advance(48 * time.Hour)
	assert.Len(t, s.received(), 1)

	n, err := p.Redeliver(t.Context(), "T1")
	require.NoError(t, err)
	assert.Len(t, n.Attempts, 2)
	_, err = p.Redeliver(t.Context(), "T2")
	assert.Equal(t, core.CodeNotFound, core.CodeOf(err))
}

func TestRedeliverEndsTheSchedule(t *testing.T) {
	s := openShop(t, func(n int, _ string) (int, string) {
		if n == 1 {
			return 503, "try again later"
		}
		return 200, "success"
	})
	p := testPlatform(t, PlatformConfig{})
	pay(t, p, order(t, p, "T1", s.URL))
	n, err := p.Redeliver(t.Context(), "T1")
	require.NoError(t, err)
	assert.True(t, n.Acknowledged)
	p.Clock.Advance(48 * time.Hour)
	assert.Len(t, s.received(), 2)
	_, err = p.Redeliver(t.Context(), "T1")
	require.NoError(t, err)
	assert.Len(t, s.received(), 3, "what was acknowledged can be sent once more")
}

func TestAttemptTimesOut(t *testing.T) {
	stuck := make(chan struct{})
	s := openShop(t, func(n int, _ string) (int, string) {
		if n == 1 {
			<-stuck
		}
		return 200, "success"
	})
	p := testPlatform(t, PlatformConfig{AttemptTimeout: 20 * time.Millisecond})
	pay(t, p, order(t, p, "T1", s.URL))
	n := p.Notifications()[0]
	require.Len(t, n.Attempts, 1)
	assert.Contains(t, n.Attempts[0].Err, "deadline")
	close(stuck)
	p.Clock.Advance(15 * time.Second)
	p.RequireNotified(t, "T1")
}

func TestNotificationAnswerIsCapped(t *testing.T) {
	s := openShop(t, func(int, string) (int, string) { return 200, "success" + strings.Repeat(" ", 1<<20) })
	p := testPlatform(t, PlatformConfig{})
	pay(t, p, order(t, p, "T1", s.URL))
	assert.Len(t, p.Notifications()[0].Attempts[0].Answer, maxAnswer)
	assert.False(t, p.Notifications()[0].Acknowledged)
}

func TestNotifyURLOffLoopbackIsNotReached(t *testing.T) {
	p := testPlatform(t, PlatformConfig{})
	pay(t, p, order(t, p, "T1", "http://192.0.2.1/callback"))
	assert.Contains(t, p.Notifications()[0].Attempts[0].Err, "not on loopback")
}

func TestReadingsOfNotifications(t *testing.T) {
	s := openShop(t, nil)
	p := testPlatform(t, PlatformConfig{Readings: Readings{
		NotifyStatusText: true, NotifyAmountNumber: true, NotifyTimeNumbers: true,
		NotifyExtra: func(t Trade) map[string]string { return map[string]string{"title": t.Title} },
	}})
	pay(t, p, order(t, p, "T1", s.URL))
	body := s.received()[0]
	for _, part := range []string{`"status":"1"`, `"amount":990`, `"trade_time":1700000000`, `"pay_time":1700000000`, `"title":"storage, a month"`} {
		assert.Contains(t, body, part)
	}
	fields, err := readDocument([]byte(body))
	require.NoError(t, err)
	assert.Equal(t, dataSign(canonical(fields), "123456"), (&draft{fields: fields}).value("sign"))

	p = testPlatform(t, PlatformConfig{Readings: Readings{NotifyForm: true}})
	pay(t, p, order(t, p, "T1", s.URL))
	form, err := url.ParseQuery(s.received()[1])
	require.NoError(t, err)
	assert.Equal(t, "990", form.Get("amount"))
	assert.Equal(t, typeForm, p.Notifications()[0].Attempts[0].Message.ContentType)
}

func TestAsyncNotification(t *testing.T) {
	let := make(chan struct{})
	s := openShop(t, func(n int, _ string) (int, string) {
		<-let
		if n == 1 {
			return 503, ""
		}
		return 200, "success"
	})
	p := testPlatform(t, PlatformConfig{Async: true, Clock: NewRunningClock(), Schedule: []time.Duration{time.Millisecond}})
	ctx, cancel := context.WithCancel(t.Context())
	_, err := p.Pay(ctx, order(t, p, "T1", s.URL), "")
	require.NoError(t, err, "Pay does not wait for the merchant")
	cancel()
	close(let)
	require.Eventually(t, func() bool { return p.Notifications()[0].Acknowledged }, 5*time.Second, time.Millisecond)
	assert.Len(t, s.received(), 2)
}

func TestCloseWaitsForTheAttemptUnderWay(t *testing.T) {
	arrived, let := make(chan struct{}), make(chan struct{})
	s := openShop(t, func(int, string) (int, string) {
		close(arrived)
		<-let
		return 200, "success"
	})
	p := testPlatform(t, PlatformConfig{Async: true})
	pay(t, p, order(t, p, "T1", s.URL))
	<-arrived
	closed := make(chan struct{})
	go func() { p.Close(); close(closed) }()
	require.Eventually(t, func() bool { p.mu.Lock(); defer p.mu.Unlock(); return p.noAttempts }, 5*time.Second, time.Millisecond)
	assert.Equal(t, http.StatusOK, get(t, p, orderPath+"?app_id=test&out_trade_no=T1").status, "the merchant may still ask")
	select {
	case <-closed:
		t.Error("Close did not wait")
	default:
	}
	close(let)
	<-closed
	p.RequireNotified(t, "T1")
	p.Close()
}

func TestCloseEndsTheSchedule(t *testing.T) {
	s := openShop(t, func(int, string) (int, string) { return 500, "" })
	p := testPlatform(t, PlatformConfig{})
	code := order(t, p, "T1", s.URL)
	pay(t, p, code)
	p.Close()
	p.Clock.Advance(time.Hour)
	assert.Len(t, s.received(), 1)
	_, err := p.PayAgain(t.Context(), code, "")
	assert.Error(t, err)
	_, err = p.Client().Get(p.URL + orderPath)
	assert.Error(t, err, "nobody listens")
}
