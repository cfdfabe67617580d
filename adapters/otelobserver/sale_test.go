package otelobserver_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/imprest-go/imprest/adapters/webhook"
	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/callback"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/core/vvchat"
	"github.com/imprest-go/imprest/testkit"
)

// log is a slog.Handler that keeps within which span a record was made, as a
// bridge to OpenTelemetry would.
type log struct {
	slog.Handler
	mu   sync.Mutex
	said map[string]trace.SpanID
}

func (l *log) Enabled(context.Context, slog.Level) bool { return true }

func (l *log) Handle(ctx context.Context, r slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.said[r.Message] = trace.SpanContextFromContext(ctx).SpanID()
	return nil
}

// paths returns each span as the names from the root down to it, and how it
// ended, sorted.
func paths(spans tracetest.SpanStubs) []string {
	byID := map[trace.SpanID]tracetest.SpanStub{}
	for _, s := range spans {
		byID[s.SpanContext.SpanID()] = s
	}
	var all []string
	for _, s := range spans {
		path := s.Name
		for at := s; at.Parent.IsValid(); {
			at = byID[at.Parent.SpanID()]
			path = at.Name + " > " + path
		}
		all = append(all, strings.TrimSpace(path+" "+s.Status.Description))
	}
	slices.Sort(all)
	return all
}

// A sale, seen from outside: what a step, a callback or a sweep calls is below
// it, down to the merchant's own server, and so is what is logged meanwhile.
func TestASaleIsATrace(t *testing.T) {
	b := newBackend(t)
	o := b.observer(t)
	said := &log{said: map[string]trace.SpanID{}}
	logger := slog.New(said)

	status := http.StatusServiceUnavailable
	warehouse := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			_, _ = io.WriteString(w, `{"granted":false}`)
			return
		}
		w.WriteHeader(status)
	}))
	defer warehouse.Close()

	var shop core.Handler
	platform := testkit.StartPlatform(t, testkit.PlatformConfig{
		Client: testkit.HandlerClient(core.HandlerFunc(func(ctx context.Context, r *core.Request) *core.Response { return shop.Handle(ctx, r) })),
	})
	account := platform.Account()
	keys := []core.Secret{account.AppKey}
	client, err := vvchat.New(vvchat.Config{
		BaseURL: platform.URL, AppID: account.AppID, AppKeys: keys, StoreNo: account.StoreNo, Now: platform.Clock.Now, Observer: o,
	})
	require.NoError(t, err)
	deliverer, err := webhook.New(webhook.Config{URL: warehouse.URL, Key: core.NewSecret(strings.Repeat("k", 32)), Observer: o})
	require.NoError(t, err)
	sales, err := purchase.New(purchase.Config{
		Store: journal.NewMemory(), Platform: client, Deliverer: deliverer, NotifyURL: "http://127.0.0.1/callbacks/payment",
		Catalog: purchase.Offers{"storage": {Title: "storage, a month", Amount: 100}},
		Now:     platform.Clock.Now, Logger: logger, Observer: o, MaxAttempts: 2,
	})
	require.NoError(t, err)
	shop, err = callback.Payment(callback.Config{
		Apps: []callback.App{{ID: account.AppID, Keys: keys}}, AllowWeakKey: true, Sink: sales, Logger: logger, Observer: o,
	})
	require.NoError(t, err)

	p, err := sales.Begin(t.Context(), purchase.Request{Buyer: "ming", OfferID: "storage", Price: 100})
	require.NoError(t, err)
	_, err = platform.Pay(t.Context(), p.ImprestCode, "")
	require.NoError(t, err)
	status = http.StatusGone // and refunds are off: a person has to look
	platform.Clock.Advance(5 * time.Minute)
	_, err = sales.Reconcile(t.Context())
	require.NoError(t, err)

	spans := b.spans.GetSpans()
	assert.Equal(t, []string{
		"callback.Payment",
		"callback.Payment > purchase.deliver > webhook.Deliver unknown",
		"callback.Payment > purchase.deliver unknown",
		"purchase.Reconcile",
		"purchase.Reconcile > purchase.deliver > webhook.Deliver refused",
		"purchase.Reconcile > purchase.deliver > webhook.Delivered",
		"purchase.Reconcile > purchase.deliver mismatch",
		"purchase.order",
		"purchase.order > vvchat.UnifiedOrder",
	}, paths(spans))
	within, ok := said.said["purchase needs attention"]
	require.True(t, ok, "logged: %v", said.said)
	assert.True(t, slices.ContainsFunc(spans, func(s tracetest.SpanStub) bool {
		return s.SpanContext.SpanID() == within && s.Name == "purchase.deliver"
	}), "the record is of the step that made it")
}
