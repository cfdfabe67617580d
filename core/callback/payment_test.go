package callback_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/callback"
	"github.com/imprest-go/imprest/testkit"
)

// ledger is a merchant's orders table: out_trade_no → fen. It counts what it
// delivers.
type ledger struct {
	mu        sync.Mutex
	orders    map[string]core.Fen
	delivered map[string]int
	unpaid    []callback.PaymentNotice
	fail      error
}

func newLedger() *ledger {
	return &ledger{orders: map[string]core.Fen{"order-1": 100}, delivered: map[string]int{}}
}

func (l *ledger) Paid(_ context.Context, n callback.PaymentNotice) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail != nil {
		return l.fail
	}
	if want, ok := l.orders[n.OutTradeNo]; !ok || want != n.Amount {
		return core.Mismatch("ledger", "no such order at this price")
	}
	l.delivered[n.OutTradeNo]++
	return nil
}

func (l *ledger) Unpaid(_ context.Context, n callback.PaymentNotice) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.unpaid = append(l.unpaid, n)
	return nil
}

func (l *ledger) count(order string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.delivered[order]
}

var testApp = callback.App{ID: "test", Keys: []core.Secret{testkit.TestAccount().AppKey}}

func newHandler(t testing.TB, sink callback.Sink, apps ...callback.App) core.Handler {
	t.Helper()
	if len(apps) == 0 {
		apps = []callback.App{testApp}
	}
	h, err := callback.Payment(callback.Config{Apps: apps, Sink: sink, AllowWeakKey: true})
	require.NoError(t, err)
	return h
}

// Every fault that the test kit knows gets the answer that a strict merchant
// gives, delivers what it must, and does not stand in the way of the genuine
// notification that follows.
func TestEveryMutationOfANotification(t *testing.T) {
	for _, m := range testkit.Mutators() {
		t.Run(string(m.Name), func(t *testing.T) {
			sink := newLedger()
			h := newHandler(t, sink)
			resp := h.Handle(t.Context(), testkit.SignedPayment(testkit.PaymentFields{}, m.Name).Request("/callbacks/payment"))
			want := 0
			switch m.Verdict {
			case testkit.VerdictDeliver:
				want = 1
				assertSuccess(t, resp)
			case testkit.VerdictAcknowledge:
				assertSuccess(t, resp)
				assert.Len(t, sink.unpaid, 1)
			case testkit.VerdictRefuse:
				assertRefused(t, resp)
			}
			assert.Equal(t, want, sink.count("order-1"), m.Doc)

			resp = h.Handle(t.Context(), testkit.SignedPayment(testkit.PaymentFields{}).Request("/callbacks/payment"))
			assertSuccess(t, resp)
			assert.Equal(t, want+1, sink.count("order-1"))
		})
	}
}

func assertSuccess(t testing.TB, resp *core.Response) {
	t.Helper()
	assert.Equal(t, 200, resp.Status)
	assert.Equal(t, "success", string(resp.Body))
}

func assertRefused(t testing.TB, resp *core.Response) {
	t.Helper()
	assert.GreaterOrEqual(t, resp.Status, 400)
	assert.Less(t, resp.Status, 500)
	assert.Equal(t, core.RefusedText, string(resp.Body), "one fixed text that names no reason")
}

func TestNoticeCarriesEveryField(t *testing.T) {
	var got callback.PaymentNotice
	h := newHandler(t, callback.SinkFunc(func(_ context.Context, n callback.PaymentNotice) error { got = n; return nil }))
	sent := testkit.PaymentFields{OutTradeNo: "O-1_x", TradeNo: "T9", OpenID: "buyer", Amount: 9007199254740993, Extra: map[string]string{"coupon": "A1"}}
	assertSuccess(t, h.Handle(t.Context(), testkit.SignedPayment(sent).Request("/")))
	assert.Equal(t, "test", got.AppID)
	assert.Equal(t, "O-1_x", got.OutTradeNo)
	assert.Equal(t, "T9", got.TradeNo)
	assert.Equal(t, "buyer", got.OpenID)
	assert.Equal(t, core.Fen(9007199254740993), got.Amount, "no float on the way")
	assert.EqualValues(t, callback.StatusPaid, got.Status)
	assert.Equal(t, int64(1700000000), got.TradeTime.Unix())
	assert.Equal(t, int64(1700000030), got.PayTime.Unix())
	assert.Equal(t, "A1", got.Fields.Get("coupon"), "unknown fields are handed on")
	assert.Equal(t, "test/O-1_x", got.Key())
}

func TestAnErrorOfTheSinkDecidesTheAnswer(t *testing.T) {
	for name, tt := range map[string]struct {
		err    error
		panics any
		status int
	}{
		"mismatch":           {err: core.Mismatch("shop", "x"), status: 400},
		"wrapped mismatch":   {err: fmt.Errorf("shop: %w", core.Mismatch("shop", "x")), status: 400},
		"any other":          {err: errors.New("database is down"), status: 503},
		"context":            {err: context.DeadlineExceeded, status: 503},
		"refused by another": {err: &core.Error{Op: "x", Code: core.CodeRefused}, status: 503},
		"panic":              {panics: "boom", status: 503},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHandler(t, callback.SinkFunc(func(context.Context, callback.PaymentNotice) error {
				if tt.panics != nil {
					panic(tt.panics)
				}
				return tt.err
			}))
			resp := h.Handle(t.Context(), testkit.SignedPayment(testkit.PaymentFields{}).Request("/"))
			assert.Equal(t, tt.status, resp.Status)
			assert.NotContains(t, string(resp.Body), "database")
			if tt.status == 503 {
				assert.Equal(t, core.TryLaterText, string(resp.Body))
			}
		})
	}
}

// A notice that is not paid never reaches Paid, and is acknowledged even by a
// sink that does not care.
func TestNotPaidIsNeverDelivered(t *testing.T) {
	for _, status := range []string{"0", "2", "7", "9223372036854775807"} {
		h := newHandler(t, callback.SinkFunc(func(context.Context, callback.PaymentNotice) error {
			t.Error("delivered on status " + status)
			return nil
		}))
		assertSuccess(t, h.Handle(t.Context(), testkit.SignedPayment(testkit.PaymentFields{Status: status}).Request("/")))
	}
	for _, status := range []string{"-1", "01", "1.0", "1e0", "11111111111111111111", "true"} {
		sink := newLedger()
		resp := newHandler(t, sink).Handle(t.Context(), testkit.SignedPayment(testkit.PaymentFields{Status: status}).Request("/"))
		assertRefused(t, resp)
		assert.Zero(t, sink.count("order-1"), status)
	}
}

func TestSeveralAppsEachWithItsKeys(t *testing.T) {
	oldKey, newKey, otherKey := core.NewSecret("the-old-key-of-app-a"), core.NewSecret("the-new-key-of-app-a"), core.NewSecret("the-only-key-of-app-b")
	sink := newLedger()
	h := newHandler(t, sink, callback.App{ID: "a", Keys: []core.Secret{newKey, oldKey}}, callback.App{ID: "b", Keys: []core.Secret{otherKey}})
	send := func(app string, key core.Secret) *core.Response {
		return h.Handle(t.Context(), testkit.SignedPayment(testkit.PaymentFields{AppID: app, AppKey: key}).Request("/"))
	}
	assertSuccess(t, send("a", oldKey))
	assertSuccess(t, send("a", newKey))
	assertSuccess(t, send("b", otherKey))
	assertRefused(t, send("b", newKey))
	assertRefused(t, send("a", otherKey))
	assertRefused(t, send("c", otherKey))
	assert.Equal(t, 3, sink.count("order-1"))
}

func TestHeadersThatCouldMeanTwoThings(t *testing.T) {
	genuine := func() *core.Request { return testkit.SignedPayment(testkit.PaymentFields{}).Request("/") }
	for name, tt := range map[string]struct {
		change func(*core.Request)
		status int
	}{
		"two content types":      {func(r *core.Request) { r.Header.Add("content-type", "application/json") }, 415},
		"deflate":                {func(r *core.Request) { r.Header.Add("Content-Encoding", "deflate") }, 415},
		"identity":               {func(r *core.Request) { r.Header.Add("Content-Encoding", "Identity") }, 200},
		"fields in the query":    {func(r *core.Request) { r.RawQuery = "status=0&amount=1&sign=x" }, 200},
		"a body with a megabyte": {func(r *core.Request) { r.Body = append(r.Body, bytes.Repeat([]byte(" "), 1<<20)...) }, 413},
	} {
		t.Run(name, func(t *testing.T) {
			sink := newLedger()
			r := genuine()
			tt.change(r)
			resp := newHandler(t, sink).Handle(t.Context(), r)
			assert.Equal(t, tt.status, resp.Status)
			assert.Equal(t, tt.status == 200, sink.count("order-1") == 1)
		})
	}
}

func TestConfigurationFaults(t *testing.T) {
	sink := newLedger()
	strong := core.NewSecret("a-key-of-16-chars")
	for name, cfg := range map[string]callback.Config{
		"no app":              {Sink: sink},
		"no sink":             {Apps: []callback.App{{ID: "a", Keys: []core.Secret{strong}}}},
		"no app_id":           {Sink: sink, Apps: []callback.App{{Keys: []core.Secret{strong}}}},
		"no key":              {Sink: sink, Apps: []callback.App{{ID: "a"}}},
		"an empty key":        {Sink: sink, AllowWeakKey: true, Apps: []callback.App{{ID: "a", Keys: core.Secrets("")}}},
		"a weak key":          {Sink: sink, Apps: []callback.App{{ID: "a", Keys: core.Secrets("123456")}}},
		"one app twice":       {Sink: sink, Apps: []callback.App{{ID: "a", Keys: []core.Secret{strong}}, {ID: "a", Keys: []core.Secret{strong}}}},
		"a space in app_id":   {Sink: sink, Apps: []callback.App{{ID: "my app", Keys: []core.Secret{strong}}}},
		"a line end in a key": {Sink: sink, Apps: []callback.App{{ID: "a", Keys: core.Secrets("a-key-of-16-chars\n")}}},
		"a weak old key":      {Sink: sink, Apps: []callback.App{{ID: "a", Keys: []core.Secret{strong, core.NewSecret("short")}}}},
	} {
		_, err := callback.Payment(cfg)
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err), name)
	}
	_, err := callback.Payment(callback.Config{Sink: sink, Apps: []callback.App{{ID: "a", Keys: []core.Secret{strong}}}})
	assert.NoError(t, err)
}

// An Identifier of the merchant's own can panic, and can be too kind: neither
// opens the door.
func TestAnIdentifierOfTheMerchants(t *testing.T) {
	newWith := func(identifier func(string) bool) (core.Handler, *ledger) {
		sink := newLedger()
		h, err := callback.Payment(callback.Config{Apps: []callback.App{testApp}, Sink: sink, AllowWeakKey: true, Identifier: identifier})
		require.NoError(t, err)
		return h, sink
	}
	h, sink := newWith(func(string) bool { panic("boom") })
	assert.Equal(t, 503, h.Handle(t.Context(), testkit.SignedPayment(testkit.PaymentFields{}).Request("/")).Status)
	assert.Zero(t, sink.count("order-1"))
	h, sink = newWith(func(string) bool { return true })
	assertRefused(t, h.Handle(t.Context(), testkit.SignedPayment(testkit.PaymentFields{}, testkit.MutateMissingNumber).Request("/")))
	assert.Zero(t, sink.count("order-1"))
}

// Whatever comes in, neither a key nor a signature that would have fitted
// reaches the log, and no answer says more than its class.
func TestNoSecretInLogsOrAnswers(t *testing.T) {
	var log bytes.Buffer
	key := core.NewSecret("a-key-that-must-not-show")
	h, err := callback.Payment(callback.Config{
		Apps: []callback.App{{ID: "test", Keys: []core.Secret{key}}}, Sink: newLedger(),
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	require.NoError(t, err)
	genuine := string(testkit.SignedPayment(testkit.PaymentFields{AppKey: key}).Body)
	_, right, _ := strings.Cut(genuine, `"sign":"`)
	right = right[:32]
	for _, m := range testkit.Mutators() {
		resp := h.Handle(t.Context(), testkit.SignedPayment(testkit.PaymentFields{AppKey: key}, m.Name).Request("/"))
		assert.Contains(t, []string{"success", core.RefusedText}, string(resp.Body))
	}
	require.NotEmpty(t, log.String())
	assert.NotContains(t, log.String(), key.Reveal())
	assert.NotContains(t, strings.ToUpper(log.String()), right)
}

// FuzzPayment accepts nothing but what a holder of the key has signed: the
// messages of the seed corpus.
func FuzzPayment(f *testing.F) {
	signed := map[string]bool{}
	for _, m := range testkit.Mutators() {
		message := testkit.SignedPayment(testkit.PaymentFields{}, m.Name)
		signed[strings.TrimSuffix(message.Canonical, "&key=***")] = true
		r := message.Request("/")
		if len(r.Body) < 4096 {
			f.Add(r.Header.Get("Content-Type"), r.Body)
		}
	}
	var accepted []string
	h := newHandler(f, recordingSink{&accepted})
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		accepted = nil
		resp := h.Handle(t.Context(), &core.Request{Method: "POST", Path: "/", Header: core.Header{{Name: "Content-Type", Value: contentType}}, Body: body})
		for _, canonical := range accepted {
			if !signed[canonical] {
				t.Fatalf("accepted what nobody signed: %q", canonical)
			}
		}
		switch {
		case resp.Status == 200 && len(accepted) == 0:
			t.Fatal("acknowledged without being handed over")
		case resp.Status != 200 && string(resp.Body) != core.RefusedText:
			t.Fatalf("status %d with %q", resp.Status, resp.Body)
		}
	})
}

type recordingSink struct{ accepted *[]string }

func (s recordingSink) Paid(_ context.Context, n callback.PaymentNotice) error {
	*s.accepted = append(*s.accepted, n.Fields.Canonical())
	return nil
}

func (s recordingSink) Unpaid(ctx context.Context, n callback.PaymentNotice) error {
	return s.Paid(ctx, n)
}
