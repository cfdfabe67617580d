package otelobserver_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/imprest-go/imprest/adapters/otelobserver"
	"github.com/imprest-go/imprest/core"
)

const secret = "app-key-that-must-not-show"

// backend is where spans and metrics arrive, on a clock that a test moves.
type backend struct {
	spans   *tracetest.InMemoryExporter
	reader  *sdkmetric.ManualReader
	tracers *sdktrace.TracerProvider
	meters  *sdkmetric.MeterProvider
	now     time.Time
}

func newBackend(t testing.TB) *backend {
	b := &backend{spans: tracetest.NewInMemoryExporter(), reader: sdkmetric.NewManualReader(), now: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)}
	b.tracers = sdktrace.NewTracerProvider(sdktrace.WithSyncer(b.spans))
	b.meters = sdkmetric.NewMeterProvider(sdkmetric.WithReader(b.reader))
	t.Cleanup(func() {
		_ = b.tracers.Shutdown(context.Background())
		_ = b.meters.Shutdown(context.Background())
	})
	return b
}

func (b *backend) observer(t testing.TB) *otelobserver.Observer {
	o, err := otelobserver.New(otelobserver.Config{TracerProvider: b.tracers, MeterProvider: b.meters, Now: func() time.Time { return b.now }})
	require.NoError(t, err)
	return o
}

// points returns the measurements by what they are of.
func (b *backend) points(t testing.TB) map[attribute.Set]metricdata.HistogramDataPoint[float64] {
	var all metricdata.ResourceMetrics
	require.NoError(t, b.reader.Collect(context.Background(), &all))
	points := map[attribute.Set]metricdata.HistogramDataPoint[float64]{}
	for _, scope := range all.ScopeMetrics {
		require.Equal(t, otelobserver.Scope, scope.Scope.Name)
		for _, m := range scope.Metrics {
			require.Equal(t, otelobserver.Duration, m.Name)
			require.Equal(t, "s", m.Unit)
			for _, point := range m.Data.(metricdata.Histogram[float64]).DataPoints {
				points[point.Attributes] = point
			}
		}
	}
	return points
}

func TestASpanAndAMeasurementSayHowWorkWent(t *testing.T) {
	for name, tt := range map[string]struct {
		work core.Work
		err  error
		kind trace.SpanKind
		code string
	}{
		"success":              {core.Work{Kind: "callback", Name: "callback.Payment", Subject: "order-1"}, nil, trace.SpanKindInternal, ""},
		"no subject":           {core.Work{Kind: "sweep", Name: "purchase.Reconcile"}, nil, trace.SpanKindInternal, ""},
		"a call":               {core.Work{Kind: "call", Name: "vvchat.UnifiedOrder", Subject: "order-1"}, nil, trace.SpanKindClient, ""},
		"an error":             {core.Work{Kind: "step", Name: "purchase.deliver", Subject: "p1"}, &core.Error{Op: "x", Code: core.CodeUnknown, Err: errors.New(secret)}, trace.SpanKindInternal, "unknown"},
		"deeper":               {core.Work{Kind: "login", Name: "login.Return"}, fmt.Errorf("%s: %w", secret, core.Mismatch("x", secret)), trace.SpanKindInternal, "mismatch"},
		"an error of others":   {core.Work{Kind: "step", Name: "purchase.deliver"}, errors.New(secret), trace.SpanKindInternal, "internal"},
		"a context that ended": {core.Work{Kind: "call", Name: "tuya.Token"}, context.Canceled, trace.SpanKindClient, "unknown"},
		"a code of others":     {core.Work{Kind: "step", Name: "purchase.deliver"}, &core.Error{Code: secret}, trace.SpanKindInternal, "_OTHER"},
		"no code":              {core.Work{Kind: "step", Name: "purchase.deliver"}, &core.Error{}, trace.SpanKindInternal, "_OTHER"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBackend(t)
			o, started := b.observer(t), b.now
			ctx, ended := o.Observe(t.Context(), tt.work)
			assert.True(t, trace.SpanFromContext(ctx).IsRecording(), "the work must go on with the context of the span")
			b.now = b.now.Add(40 * time.Millisecond)
			ended(tt.err)

			require.Len(t, b.spans.GetSpans(), 1)
			span := b.spans.GetSpans()[0]
			measured := []attribute.KeyValue{otelobserver.KindKey.String(tt.work.Kind), otelobserver.NameKey.String(tt.work.Name)}
			status := sdktrace.Status{}
			if tt.code != "" {
				measured = append(measured, attribute.String("error.type", tt.code))
				status = sdktrace.Status{Code: codes.Error, Description: tt.code}
			}
			shown := measured
			if tt.work.Subject != "" {
				shown = append(shown[:len(shown):len(shown)], otelobserver.SubjectKey.String(tt.work.Subject))
			}
			assert.Equal(t, tt.work.Name, span.Name)
			assert.Equal(t, tt.kind, span.SpanKind)
			assert.ElementsMatch(t, shown, span.Attributes)
			assert.Equal(t, status, span.Status)
			assert.Empty(t, span.Events, "an event could hold the text of an error")
			assert.Equal(t, started, span.StartTime)
			assert.Equal(t, started.Add(40*time.Millisecond), span.EndTime)
			assert.Equal(t, otelobserver.Scope, span.InstrumentationScope.Name)
			assert.NotContains(t, fmt.Sprintf("%+v", span), secret)

			points := b.points(t)
			require.Len(t, points, 1)
			point, ok := points[attribute.NewSet(measured...)]
			require.True(t, ok, "measured: %+v", points)
			assert.EqualValues(t, 1, point.Count)
			assert.InDelta(t, 0.04, point.Sum, 1e-9)
		})
	}
}

// A dashboard's number of series must not grow with the number of sales.
func TestSubjectsMakeNoSeries(t *testing.T) {
	b := newBackend(t)
	o := b.observer(t)
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			_, ended := o.Observe(context.Background(), core.Work{Kind: "step", Name: "purchase.deliver", Subject: fmt.Sprint("p", i)})
			ended(nil)
		})
	}
	wg.Wait()
	points := b.points(t)
	require.Len(t, points, 1)
	for _, point := range points {
		assert.EqualValues(t, 64, point.Count)
	}
	assert.Len(t, b.spans.GetSpans(), 64)
}

func TestWhatIsStartedMeanwhileIsAChild(t *testing.T) {
	b := newBackend(t)
	o := b.observer(t)
	ctx, sweepEnded := o.Observe(t.Context(), core.Work{Kind: "sweep", Name: "purchase.Reconcile"})
	ctx, stepEnded := o.Observe(ctx, core.Work{Kind: "step", Name: "purchase.query"})
	_, callEnded := o.Observe(ctx, core.Work{Kind: "call", Name: "vvchat.Query"})
	callEnded(nil)
	stepEnded(nil)
	sweepEnded(nil)
	spans := b.spans.GetSpans()
	require.Len(t, spans, 3)
	call, step, sweep := spans[0], spans[1], spans[2]
	assert.Equal(t, step.SpanContext.SpanID(), call.Parent.SpanID())
	assert.Equal(t, sweep.SpanContext.SpanID(), step.Parent.SpanID())
	assert.False(t, sweep.Parent.IsValid())
}

func TestOneProviderIsEnough(t *testing.T) {
	b := newBackend(t)
	work := core.Work{Kind: "callback", Name: "callback.Payment"}

	meters, err := otelobserver.New(otelobserver.Config{MeterProvider: b.meters})
	require.NoError(t, err)
	outer, span := b.tracers.Tracer("server").Start(t.Context(), "POST /callbacks/payment")
	ctx, ended := meters.Observe(outer, work)
	assert.Equal(t, span, trace.SpanFromContext(ctx), "without spans of its own, the span of the server stays")
	ended(nil)
	assert.Empty(t, b.spans.GetSpans())
	assert.Len(t, b.points(t), 1)

	tracers, err := otelobserver.New(otelobserver.Config{TracerProvider: b.tracers})
	require.NoError(t, err)
	_, ended = tracers.Observe(outer, work)
	ended(errors.New("no"))
	require.Len(t, b.spans.GetSpans(), 1)
	assert.Equal(t, span.SpanContext().SpanID(), b.spans.GetSpans()[0].Parent.SpanID())
	for _, point := range b.points(t) {
		assert.EqualValues(t, 1, point.Count, "without a MeterProvider nothing is measured")
	}
}

func TestAnObserverOfNothingIsRefused(t *testing.T) {
	_, err := otelobserver.New(otelobserver.Config{})
	assert.Equal(t, core.CodeInvalid, core.CodeOf(err))
	assert.ErrorContains(t, err, "otel.GetTracerProvider()")
}
