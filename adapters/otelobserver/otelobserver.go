package otelobserver

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/imprest-go/imprest/core"
)

// Scope is the name of the instrumentation scope of all spans and metrics.
const Scope = "github.com/imprest-go/imprest/adapters/otelobserver"

// The keys of the attributes, beside semantic conventions' error.type.
const (
	// KindKey is the kind of the work: "callback", "login", "step", "sweep"
	// or "call".
	KindKey = attribute.Key("imprest.work.kind")
	// NameKey is the name of the work, as in "purchase.deliver".
	NameKey = attribute.Key("imprest.work.name")
	// SubjectKey is the id that the work is about. Spans alone have it.
	SubjectKey = attribute.Key("imprest.work.subject")
)

// Duration is the name of the histogram of how long work took, in seconds.
const Duration = "imprest.work.duration"

// buckets are the histogram's bounds, in seconds: those of OpenTelemetry's own
// durations of requests, and up to the minutes that a sweep may take.
var buckets = []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60, 300}

// Config says where spans and metrics go. At least one provider is required.
type Config struct {
	// TracerProvider makes the spans; nil makes none.
	TracerProvider trace.TracerProvider
	// MeterProvider makes the metrics; nil makes none.
	MeterProvider metric.MeterProvider
	// Now tells the time; nil is time.Now.
	Now func() time.Time
}

// Observer implements core.Observer. Make one with [New]. It is safe for use by
// many goroutines.
type Observer struct {
	tracer   trace.Tracer            // nil: no spans
	duration metric.Float64Histogram // nil: no metrics
	now      func() time.Time
}

var _ core.Observer = (*Observer)(nil)

// New returns an Observer. It starts nothing. Without any provider its error
// has core.CodeInvalid; a provider that refuses the instrument gives
// core.CodeInternal.
func New(cfg Config) (*Observer, error) {
	const op = "otelobserver.New"
	if cfg.TracerProvider == nil && cfg.MeterProvider == nil {
		return nil, core.Invalid(op, "TracerProvider or MeterProvider must be given: those of OpenTelemetry's globals are otel.GetTracerProvider() and otel.GetMeterProvider()")
	}
	o := &Observer{now: cfg.Now}
	if o.now == nil {
		o.now = time.Now
	}
	if cfg.TracerProvider != nil {
		o.tracer = cfg.TracerProvider.Tracer(Scope, trace.WithSchemaURL(semconv.SchemaURL))
	}
	if cfg.MeterProvider != nil {
		var err error
		o.duration, err = cfg.MeterProvider.Meter(Scope, metric.WithSchemaURL(semconv.SchemaURL)).Float64Histogram(Duration,
			metric.WithUnit("s"), metric.WithDescription("Duration of callbacks, logins, steps, sweeps and outward calls."),
			metric.WithExplicitBucketBoundaries(buckets...))
		if err != nil {
			return nil, &core.Error{Op: op, Code: core.CodeInternal, Err: err}
		}
	}
	return o, nil
}

// Observe implements core.Observer.
func (o *Observer) Observe(ctx context.Context, w core.Work) (context.Context, func(error)) {
	started := o.now()
	var span trace.Span
	if o.tracer != nil {
		ctx, span = o.start(ctx, w, started)
	}
	return ctx, func(err error) {
		now := o.now()
		var code string
		if err != nil {
			code = outcome(err)
		}
		if o.duration != nil {
			measured := []attribute.KeyValue{KindKey.String(w.Kind), NameKey.String(w.Name)}
			if code != "" {
				measured = append(measured, semconv.ErrorTypeKey.String(code))
			}
			// With the span's context, since an exemplar names its trace.
			o.duration.Record(ctx, now.Sub(started).Seconds(), metric.WithAttributeSet(attribute.NewSet(measured...)))
		}
		if span != nil {
			if code != "" {
				span.SetAttributes(semconv.ErrorTypeKey.String(code))
				span.SetStatus(codes.Error, code)
			}
			span.End(trace.WithTimestamp(now))
		}
	}
}

// start starts the span of w. Its attributes are known then, so that a sampler
// can decide by them.
func (o *Observer) start(ctx context.Context, w core.Work, now time.Time) (context.Context, trace.Span) {
	kind := trace.SpanKindInternal
	if w.Kind == "call" {
		kind = trace.SpanKindClient
	}
	attributes := []attribute.KeyValue{KindKey.String(w.Kind), NameKey.String(w.Name)}
	if w.Subject != "" {
		attributes = append(attributes, SubjectKey.String(w.Subject))
	}
	return o.tracer.Start(ctx, w.Name, trace.WithSpanKind(kind), trace.WithTimestamp(now), trace.WithAttributes(attributes...))
}

// outcome is the code of err. A code is a text like another, and a Deliverer may
// put anything into it: what is none of core's is not shown.
func outcome(err error) string {
	switch code := core.CodeOf(err); code {
	case core.CodeInvalid, core.CodeRefused, core.CodeUnreached, core.CodeUnknown, core.CodeMalformed, core.CodeForged,
		core.CodeMismatch, core.CodeNotFound, core.CodeConflict, core.CodeBusy, core.CodeInternal:
		return string(code)
	}
	return semconv.ErrorTypeOther.Value.AsString()
}
