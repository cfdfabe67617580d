package otelobserver_test

import (
	"context"
	"fmt"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/imprest-go/imprest/adapters/otelobserver"
	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/callback"
	"github.com/imprest-go/imprest/testkit"
)

// A forged notification leaves a span that says so, and nothing of what was in
// it. In production, spans go to an exporter of your choice.
func Example() {
	ctx := context.Background()
	spans := tracetest.NewInMemoryExporter()
	tracers := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
	defer func() { _ = tracers.Shutdown(ctx) }()

	observer, err := otelobserver.New(otelobserver.Config{TracerProvider: tracers})
	if err != nil {
		panic(err)
	}
	account := testkit.TestAccount()
	payment, err := callback.Payment(callback.Config{
		Apps:         []callback.App{{ID: account.AppID, Keys: []core.Secret{account.AppKey}}},
		AllowWeakKey: true, // it is the documented test account
		Sink:         callback.SinkFunc(func(context.Context, callback.PaymentNotice) error { return nil }),
		Observer:     observer,
	})
	if err != nil {
		panic(err)
	}
	fields := testkit.PaymentFields{OutTradeNo: "order-1", Amount: 100}
	payment.Handle(ctx, testkit.SignedPayment(fields).Request("/callbacks/payment"))
	payment.Handle(ctx, testkit.SignedPayment(fields, testkit.MutateWrongKey).Request("/callbacks/payment"))

	for _, span := range spans.GetSpans() {
		fmt.Println(span.Name, "status", span.Status.Code)
		for _, a := range span.Attributes {
			fmt.Println("  ", a.Key, a.Value.String())
		}
	}
	// Output:
	// callback.Payment status Unset
	//    imprest.work.kind callback
	//    imprest.work.name callback.Payment
	//    imprest.work.subject order-1
	// callback.Payment status Error
	//    imprest.work.kind callback
	//    imprest.work.name callback.Payment
	//    error.type forged
}
