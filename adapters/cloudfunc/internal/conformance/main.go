// Command conformance is what Google's conformance client for the Functions
// Framework runs: functions that write what they are given to
// function_output.json, by this module's adapter.
//
//	FUNCTION_TARGET=http       client -buildpacks=false -type=http       -start-delay=20 -cmd="go run ./adapters/cloudfunc/internal/conformance"
//	FUNCTION_TARGET=cloudevent client -buildpacks=false -type=cloudevent -start-delay=20 -cmd="go run ./adapters/cloudfunc/internal/conformance"
//	FUNCTION_TARGET=receive    client -buildpacks=false -type=cloudevent -start-delay=20 -cmd="go run ./adapters/cloudfunc/internal/conformance"
//	FUNCTION_TARGET=concurrent client -buildpacks=false -type=http       -start-delay=20 -validate-concurrency=true -cmd="go run ./adapters/cloudfunc/internal/conformance"
//
// It listens on loopback alone, on PORT or 8080.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"
	"github.com/GoogleCloudPlatform/functions-framework-go/functions"
	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/imprest-go/imprest/adapters/cloudfunc"
	"github.com/imprest-go/imprest/core"
)

const output = "function_output.json"

func init() {
	functions.HTTP("http", cloudfunc.HTTP(core.HandlerFunc(keep)))
	functions.CloudEvent("cloudevent", cloudfunc.Events(cloudfunc.EventConfig{Event: keepEvent}))
	functions.HTTP("receive", cloudfunc.Receive(cloudfunc.Events(cloudfunc.EventConfig{Event: keepEvent})))
	functions.HTTP("concurrent", cloudfunc.HTTP(core.HandlerFunc(wait)))
}

// keep writes the body of a request.
func keep(_ context.Context, r *core.Request) *core.Response {
	if err := os.WriteFile(output, r.Body, 0o600); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return core.TryLater()
	}
	return core.Text(200, "ok")
}

// keepEvent writes an event as JSON.
func keepEvent(_ context.Context, e event.Event) error {
	body, err := json.Marshal(e)
	if err != nil {
		return err
	}
	return os.WriteFile(output, body, 0o600)
}

// wait answers after the second that the client measures concurrency by.
func wait(ctx context.Context, _ *core.Request) *core.Response {
	select {
	case <-time.After(time.Second):
		return core.Text(200, "ok")
	case <-ctx.Done():
		return core.TryLater()
	}
}

func main() {
	if err := funcframework.StartHostPort("127.0.0.1", cmp.Or(os.Getenv("PORT"), "8080")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
