package lambdatest_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

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

// The binary that will be deployed takes a request in a test.
func ExampleStart() {
	test := func(t *testing.T) {
		function := lambdatest.Start(t, lambdatest.RuntimeConfig{
			Binary: "dist/bootstrap",
			Env:    []string{"IMPREST_APP_ID=test"},
		})
		event := lambdatest.Event(lambdatest.RestAPI, lambdatest.Request{Path: "/healthz"})
		payload, err := function.Invoke(t.Context(), event)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := lambdatest.Answer(lambdatest.RestAPI, payload); err != nil {
			t.Fatal(err)
		}
	}
	_ = test
}

// Outside of a test: build a function, start it, invoke it, stop it. This one
// answers with its event.
func ExampleOpen() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	bootstrap := filepath.Join(dir, "bootstrap")
	if out, err := exec.Command("go", "build", "-o", bootstrap, "./testdata/function").CombinedOutput(); err != nil {
		panic(string(out))
	}

	ctx := context.Background()
	function, err := lambdatest.Open(ctx, lambdatest.RuntimeConfig{Binary: bootstrap})
	if err != nil {
		panic(err)
	}
	defer function.Stop()
	payload, err := function.Invoke(ctx, []byte(`{"hello":"world"}`))
	fmt.Println(string(payload), err, function.FirstPoll() > 0)
	// Output:
	// {"hello":"world"} <nil> true
}
