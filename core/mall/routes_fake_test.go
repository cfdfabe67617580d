package mall_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/mall"
)

// got is one call that the operations got.
type got struct {
	operation string
	caller    mall.Caller
	params    []any
}

// fakeOperations answers each operation with the result under its name, which
// it reads from JSON, and keeps what it was asked.
type fakeOperations struct {
	mu      sync.Mutex
	calls   []got
	results map[string]string
	err     error
	panics  any
}

func (f *fakeOperations) note(operation string, caller mall.Caller, result any, params ...any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, got{operation, caller, params})
	if f.panics != nil {
		panic(f.panics)
	}
	if text, ok := f.results[operation]; ok && result != nil && f.err == nil {
		return json.Unmarshal([]byte(text), result)
	}
	return f.err
}

func (f *fakeOperations) all() []got {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]got(nil), f.calls...)
}

func (f *fakeOperations) GetCommodityList(_ context.Context, c mall.Caller, id string) (v []mall.Commodity, err error) {
	return v, f.note(mall.OpGetCommodityList, c, &v, id)
}

func (f *fakeOperations) GetAppMallInfo(_ context.Context, c mall.Caller, id, catalog string) (v mall.AppMallInfo, err error) {
	return v, f.note(mall.OpGetAppMallInfo, c, &v, id, catalog)
}

func (f *fakeOperations) GetDeviceCapability(_ context.Context, c mall.Caller, id, code string) (v mall.DeviceCapability, err error) {
	return v, f.note(mall.OpGetDeviceCapability, c, &v, id, code)
}

func (f *fakeOperations) GetServiceListByDevice(_ context.Context, c mall.Caller, id string) (v []mall.Service, err error) {
	return v, f.note(mall.OpGetServiceListByDevice, c, &v, id)
}

func (f *fakeOperations) GetVoipAuthUser(_ context.Context, c mall.Caller, id string) (v mall.VoipAuthUser, err error) {
	return v, f.note(mall.OpGetVoipAuthUser, c, &v, id)
}

func (f *fakeOperations) SaveWXVoipAuth(_ context.Context, c mall.Caller, id string, tag mall.AuthTag) error {
	return f.note(mall.OpSaveWXVoipAuth, c, nil, id, tag)
}

func (f *fakeOperations) SaveVoipAuthUser(_ context.Context, c mall.Caller, id, user string) error {
	return f.note(mall.OpSaveVoipAuthUser, c, nil, id, user)
}

func (f *fakeOperations) ExchangeCode(_ context.Context, c mall.Caller, p mall.ExchangeCodeParams) error {
	return f.note(mall.OpExchangeCode, c, nil, p)
}

func (f *fakeOperations) GetDeviceAddValueType(_ context.Context, c mall.Caller, id string) (v mall.DeviceAddValueType, err error) {
	return v, f.note(mall.OpGetDeviceAddValueType, c, &v, id)
}

func (f *fakeOperations) GetDeviceList(_ context.Context, c mall.Caller, owner string) (v []mall.ListedDevice, err error) {
	return v, f.note(mall.OpGetDeviceList, c, &v, owner)
}

func (f *fakeOperations) GetOrderList(_ context.Context, c mall.Caller, p mall.OrderListParams) (v mall.OrderPage, err error) {
	return v, f.note(mall.OpGetOrderList, c, &v, p)
}

func (f *fakeOperations) GetSubscriptionOrderList(_ context.Context, c mall.Caller, p mall.SubscriptionListParams) (v mall.SubscriptionPage, err error) {
	return v, f.note(mall.OpGetSubscriptionOrderList, c, &v, p)
}

func (f *fakeOperations) GetServiceIntroduction(_ context.Context, c mall.Caller, category string) (v mall.ServiceIntroduction, err error) {
	return v, f.note(mall.OpGetServiceIntroduction, c, &v, category)
}

func (f *fakeOperations) GetDeviceWXUserInfo(_ context.Context, c mall.Caller, app string) (v mall.DeviceWXUser, err error) {
	return v, f.note(mall.OpGetDeviceWXUserInfo, c, &v, app)
}

func (f *fakeOperations) BuyIncreaseServiceByWx(_ context.Context, c mall.Caller, p mall.BuyParams) (v mall.Prepay, err error) {
	return v, f.note(mall.OpBuyIncreaseServiceByWx, c, &v, p)
}

func (f *fakeOperations) Orders(context.Context, mall.Caller, mall.OrderListParams) iter.Seq2[mall.Order, error] {
	panic("the routes serve one page at a time")
}

func (f *fakeOperations) Subscriptions(context.Context, mall.Caller, mall.SubscriptionListParams) iter.Seq2[mall.Subscription, error] {
	panic("the routes serve one page at a time")
}

var errNobody = errors.New("no cookie")

// shopFront is the routes on fake operations, with what they were asked and
// what they logged.
type shopFront struct {
	core.Routes
	ops *fakeOperations
	now time.Time

	mu    sync.Mutex
	calls []mall.Call
	logs  bytes.Buffer
}

// allOn serves whatever can be served.
var allOn = []string{mall.OpSaveWXVoipAuth, mall.OpSaveVoipAuthUser, mall.OpExchangeCode}

func openShop(t testing.TB, change ...func(*mall.RoutesConfig)) *shopFront {
	t.Helper()
	s := &shopFront{ops: &fakeOperations{results: map[string]string{}}, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	voip, err := mall.NewVoIP(mall.VoIPConfig{Mall: s.ops, Tickets: &tickets{appID: "wx1"}, Now: func() time.Time { return s.now }})
	require.NoError(t, err)
	cfg := mall.RoutesConfig{
		Operations: s.ops, VoIP: voip, Writing: allOn, Limit: 1000,
		Authorize: func(_ context.Context, r *core.Request, call mall.Call) (mall.Caller, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.calls = append(s.calls, call)
			if r.Header.Get("Cookie") == "" {
				return mall.Caller{}, errNobody
			}
			return alice, nil
		},
		Now:    func() time.Time { return s.now },
		Logger: slog.New(slog.NewTextHandler(&s.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, f := range change {
		f(&cfg)
	}
	s.Routes, err = mall.NewRoutes(cfg)
	require.NoError(t, err)
	require.Empty(t, s.Check())
	return s
}

// ask posts a body as a user who is logged in.
func (s *shopFront) ask(t testing.TB, operation, body string, change ...func(*core.Request)) *core.Response {
	t.Helper()
	r := &core.Request{
		Method: "POST", Path: "/mall/" + operation, Body: []byte(body),
		Header: core.Header{{Name: "Content-Type", Value: "application/json"}, {Name: "Cookie", Value: "alice"}},
	}
	for _, f := range change {
		f(r)
	}
	return s.Handle(t.Context(), r)
}

// answerOf is what a failure answers.
type answerOf struct {
	Error struct{ Code, Message, Class string }
}

func readAnswer(t testing.TB, resp *core.Response) (a answerOf) {
	t.Helper()
	require.NoError(t, json.Unmarshal(resp.Body, &a), string(resp.Body))
	require.NotEmpty(t, a.Error.Code)
	require.NotEmpty(t, a.Error.Message)
	require.Equal(t, "no-store", resp.Header.Get("Cache-Control"))
	return a
}
