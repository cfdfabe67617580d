// Package ridge calls what github.com/shogo82148/ridgenative does with one event.
//
// ridgenative exports its whole runtime client and no entry for one event. Through
// that client, HTTP would be most of what is measured; so its own functions are
// reached by their names in the linker.
package ridge

import (
	"context"
	"net/http"
	_ "unsafe" // for go:linkname

	_ "github.com/shogo82148/ridgenative"
)

// function, request and response stand for the types of the same kind there.
type (
	function struct{ mux http.Handler }
	request  struct{}
	response struct{}
)

//go:linkname call github.com/shogo82148/ridgenative.callBytesHandlerFunc
func call(ctx context.Context, payload []byte, h func(context.Context, *request) (*response, error)) ([]byte, error)

//go:linkname handle github.com/shogo82148/ridgenative.(*lambdaFunction).lambdaHandler
func handle(f *function, ctx context.Context, r *request) (*response, error)

// Invoke returns what ridgenative does with an event when h answers requests.
func Invoke(h http.Handler) func(ctx context.Context, payload []byte) ([]byte, error) {
	f := &function{mux: h}
	handler := func(ctx context.Context, r *request) (*response, error) { return handle(f, ctx, r) }
	return func(ctx context.Context, payload []byte) ([]byte, error) { return call(ctx, payload, handler) }
}
