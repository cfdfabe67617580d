package cloudfunc_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/imprest-go/imprest/adapters/cloudfunc"
	"github.com/imprest-go/imprest/core"
)

// An HTTP function. In a source function this is functions.HTTP("Hello", …) in an
// init; here a test calls it.
func ExampleHTTP() {
	hello := cloudfunc.HTTP(core.HandlerFunc(func(_ context.Context, r *core.Request) *core.Response {
		return core.Text(200, "got "+string(r.Body))
	}))
	w := httptest.NewRecorder()
	hello(w, httptest.NewRequest(http.MethodPost, "/callbacks/payment", strings.NewReader(`{"a":1}`)))
	fmt.Println(w.Code, w.Body)
	// Output: 200 got {"a":1}
}

// A function that takes the messages of a topic, and the ticks of a Scheduler job
// that publishes to it.
func ExampleReceive() {
	advance := cloudfunc.Receive(cloudfunc.Events(cloudfunc.EventConfig{
		Message: func(_ context.Context, body []byte) error {
			fmt.Printf("message %s\n", body)
			return nil
		},
		Tick: func(context.Context) error {
			fmt.Println("tick")
			return nil
		},
	}))
	for _, message := range []string{
		`{"message": {"messageId": "1", "data": "eyJpZCI6InAxIn0="}, "subscription": "projects/p/subscriptions/s"}`,
		`{"message": {"messageId": "2", "attributes": {"tick": "1"}}, "subscription": "projects/p/subscriptions/s"}`,
	} {
		w := httptest.NewRecorder()
		advance(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(message)))
		fmt.Println(w.Code)
	}
	// Output:
	// message {"id":"p1"}
	// 204
	// tick
	// 204
}
