package lambdatest_test

import (
	"fmt"

	"github.com/imprest-go/imprest/testkit/lambdatest"
)

// The same request through every kind of gateway: an HTTP API hands on a path
// in which it has decoded the slash.
func ExampleEvent() {
	r := lambdatest.Request{Path: "/orders/a%2Fb"}
	for _, kind := range []lambdatest.Kind{lambdatest.FunctionURL, lambdatest.HTTPAPI} {
		event := lambdatest.Event(kind, r)
		fmt.Printf("%.70s\n", event)
	}
	// Output:
	// {"version":"2.0","routeKey":"$default","rawPath":"/orders/a%2Fb","rawQ
	// {"version":"2.0","routeKey":"$default","rawPath":"/orders/a/b","rawQue
}

// What a client gets, and what a gateway makes of an answer in the wrong shape.
func ExampleAnswer() {
	resp, err := lambdatest.Answer(lambdatest.HTTPAPI,
		[]byte(`{"statusCode":200,"headers":{"content-type":"text/plain"},"cookies":["a=1"],"body":"success"}`))
	fmt.Println(resp.Status, resp.Header, string(resp.Body), err)

	_, err = lambdatest.Answer(lambdatest.ALB, []byte(`{"statusCode":200,"multiValueHeaders":{},"body":"success"}`))
	fmt.Println(err)
	// Output:
	// 200 [[content-type text/plain] [Set-Cookie a=1]] success <nil>
	// lambdatest: alb answers 502: multiValueHeaders, where the target group has them switched off
}
