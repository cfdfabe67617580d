// Package otelobserver tells OpenTelemetry what the parts of this module do:
// [New] returns a core.Observer, which makes a span and a measurement of every
// callback, login, step, sweep and outward call.
//
// # Where to start
//
// Make the SDK's providers as you do for the rest of your program (exporters,
// resource and sampling are theirs, and the OTEL_* variables that they read);
// then hand one observer to every part that takes one:
//
//	observer, err := otelobserver.New(otelobserver.Config{TracerProvider: tracers, MeterProvider: meters})
//	…
//	client, err := vvchat.New(vvchat.Config{…, Observer: observer})
//	sales, err := purchase.New(purchase.Config{…, Platform: client, Observer: observer})
//	payment, err := callback.Payment(callback.Config{…, Sink: sales, Observer: observer})
//
// Nothing global is read: a provider that is nil gives no spans, or no metrics,
// and a program that keeps its providers in OpenTelemetry's globals passes
// otel.GetTracerProvider() and otel.GetMeterProvider().
//
// The deployable functions do not link OpenTelemetry, which would weigh on a
// cold start. A function with it is a program of your own, as template/shop and
// template/gcp are, and the lines above are what it adds.
//
// # Spans
//
// A span is named after the work: "callback.Payment", "purchase.deliver",
// "vvchat.UnifiedOrder". A "call" is of kind client, all others are internal.
//
//	attribute                 value                                          on metrics
//	imprest.work.kind         callback, login, step, sweep or call           yes
//	imprest.work.name         the name of the span                           yes
//	imprest.work.subject      the id that it is about; absent if there is    no
//	                          none: out_trade_no, out_order_no, a
//	                          purchase's id, a device's
//	error.type                absent for success; else core's code:          yes
//	                          invalid, refused, unreached, unknown,
//	                          malformed, forged, mismatch, not_found,
//	                          conflict, busy, internal; _OTHER for any
//	                          code that is none of core's
//
// error.type is OpenTelemetry's own convention, and so is its absence. The
// status of a span that failed is Error, with the same code as its description.
// The text of an error is never recorded, since it may quote what the other
// side said; that is for the log.
//
// Not every error is a fault of yours. A callback whose error.type is forged or
// malformed is what anybody can send; a login that is refused is often a user
// who said no. Alarm on mismatch, unknown and internal.
//
// # Metrics
//
//	instrument               kind        unit   what
//	imprest.work.duration    histogram   s      how long each piece of work took
//
// Its count is how many there were. The subject is left out, so that the number
// of series is bounded by the number of names.
//
// # Contexts
//
// The work goes on with the context that carries its span. So what is called
// meanwhile is a child (the calls of a step, the steps of a sweep, what your
// Deliverer starts), and a log record that is made with that context, as all of
// this module are, holds the ids of its trace if the slog.Handler adds them.
//
// To take up the trace of an incoming request is not done here: a Handler knows
// no headers of tracing, and a notification carries none that could be trusted.
// Put otelhttp.NewHandler around the http.Handler that nethttp.Wrap returns, and
// a callback is a child of its server span.
//
// Nothing is injected into outward requests: a platform has no use for the ids
// of your traces. Do not put otelhttp.NewTransport into the HTTPClient of vvchat
// or wechat: it records the URL, and theirs hold the app_key, the secret and
// tokens. The spans made here are the client's spans.
package otelobserver
