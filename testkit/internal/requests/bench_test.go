package requests

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/imprest-go/imprest/adapters/awslambda"
	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/testkit/lambdatest"
)

// BenchmarkInvoke is one payment notification from the bytes of its event to
// those of its answer. Beside it is what other adapters begin with: the event
// read whole into the type that AWS publishes for it, and nothing more.
func BenchmarkInvoke(b *testing.B) {
	h := awslambda.Wrap(core.HandlerFunc(func(context.Context, *core.Request) *core.Response { return core.Text(200, "success") }))
	r := post(payment, jsonType, [2]string{"User-Agent", "vvchat"}, [2]string{"Accept", "*/*"}, [2]string{"Accept-Encoding", "gzip"}).over(transport{})
	for _, kind := range lambdatest.Kinds() {
		event := eventOf(kind, r)
		b.Run(string(kind)+"/Invoke", func(b *testing.B) {
			b.SetBytes(int64(len(event)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := h.Invoke(b.Context(), event); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(string(kind)+"/events", func(b *testing.B) {
			b.SetBytes(int64(len(event)))
			b.ReportAllocs()
			for b.Loop() {
				if err := json.Unmarshal(event, published(kind)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// published returns a new value of the type that aws-lambda-go has for a kind.
func published(kind lambdatest.Kind) any {
	switch kind {
	case lambdatest.RestAPI, lambdatest.HTTPAPI1:
		return new(events.APIGatewayProxyRequest)
	case lambdatest.HTTPAPI:
		return new(events.APIGatewayV2HTTPRequest)
	case lambdatest.FunctionURL:
		return new(events.LambdaFunctionURLRequest)
	}
	return new(events.ALBTargetGroupRequest)
}
