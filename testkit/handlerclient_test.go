package testkit

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
)

func TestHandlerClient(t *testing.T) {
	var got core.Request
	handler := core.HandlerFunc(func(_ context.Context, r *core.Request) *core.Response {
		got = *r
		if len(bareQuery(r)) > 0 {
			return nil
		}
		return &core.Response{Body: []byte("success")}
	})
	p := testPlatform(t, PlatformConfig{Client: HandlerClient(handler)})
	pay(t, p, order(t, p, "T1", "https://shop.example/call%20back?a=1"))
	p.RequireNotified(t, "T1")
	assert.Equal(t, "POST", got.Method)
	assert.Equal(t, "/call%20back", got.Path)
	assert.Equal(t, "a=1", got.RawQuery)
	assert.Equal(t, core.HeaderField{Name: "Host", Value: "shop.example"}, got.Header[0], "first, as adapters do")
	assert.Equal(t, "application/json", got.Header.Get("Content-Type"))
	assert.Equal(t, p.Notifications()[0].Attempts[0].Message.Body, got.Body)

	resp, err := SignedPayment(PaymentFields{}, MutateOver64K).Post(t.Context(), HandlerClient(handler), "http://shop.example")
	require.NoError(t, err)
	assert.Equal(t, http.StatusRequestEntityTooLarge, resp.Status)
	resp, err = SignedPayment(PaymentFields{}).Post(t.Context(), HandlerClient(handler), "http://shop.example?p=1")
	require.NoError(t, err)
	RequireTryLater(t, resp)
}

func bareQuery(r *core.Request) string { return strings.TrimPrefix(r.RawQuery, "a=1") }

func TestHandlerClientTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		let := make(chan struct{})
		var calls atomic.Int64
		handler := core.HandlerFunc(func(ctx context.Context, _ *core.Request) *core.Response {
			if calls.Add(1) == 1 {
				<-let // and no eye on ctx
			}
			return core.Text(200, "success")
		})
		p, err := NewPlatform(PlatformConfig{NoListen: true, Client: HandlerClient(handler), AttemptTimeout: 3 * time.Second})
		require.NoError(t, err)
		began := time.Now()
		placed := httptest.NewRecorder()
		request := httptest.NewRequest(http.MethodPost, orderPath, bytes.NewReader(orderBody("T1", "https://shop.example/").signed()))
		request.Header.Set("Content-Type", typeJSON)
		p.Handler().ServeHTTP(placed, request)
		require.Equal(t, http.StatusOK, placed.Code, placed.Body)
		pay(t, p, p.RequireTrade(t, "T1").ImprestCode)
		assert.Equal(t, 3*time.Second, time.Since(began))
		n := p.Notifications()[0]
		assert.Contains(t, n.Attempts[0].Err, "deadline")
		assert.False(t, n.Acknowledged)
		p.Clock.Advance(15 * time.Second)
		p.RequireNotified(t, "T1")
		p.Close() // while the first still hangs
		close(let)
	})
}

func TestHandlerClientRefusesALateAnswer(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	handler := core.HandlerFunc(func(context.Context, *core.Request) *core.Response {
		cancel()
		return core.Text(200, "success")
	})
	_, err := SignedPayment(PaymentFields{}).Post(ctx, HandlerClient(handler), "http://shop.example/")
	assert.ErrorIs(t, err, context.Canceled)
}

func TestHandlerClientHandsOnAPanic(t *testing.T) {
	boom := errors.New("boom")
	handler := core.HandlerFunc(func(context.Context, *core.Request) *core.Response { panic(boom) })
	defer func() {
		err, ok := recover().(error)
		require.True(t, ok)
		assert.ErrorIs(t, err, boom)
		assert.Contains(t, err.Error(), "TestHandlerClientHandsOnAPanic", "where it came from")
	}()
	_, _ = SignedPayment(PaymentFields{}).Post(t.Context(), HandlerClient(handler), "http://shop.example/")
	t.Error("it went on")
}

func TestHandlerClientHandsOnTheEndOfATest(t *testing.T) {
	handler := core.HandlerFunc(func(context.Context, *core.Request) *core.Response { runtime.Goexit(); return nil })
	ended, wentOn := make(chan struct{}), false
	go func() {
		defer close(ended)
		_, _ = SignedPayment(PaymentFields{}).Post(context.Background(), HandlerClient(handler), "http://shop.example/")
		wentOn = true
	}()
	<-ended
	assert.False(t, wentOn)
}
