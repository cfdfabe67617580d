package cloudfunc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"
	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/imprest-go/imprest/adapters/nethttp"
)

// StartHTTP serves an HTTP function by the framework on addr (":8080",
// "127.0.0.1:8080") until ctx ends, and then lets the requests that are under way
// finish, for nethttp.ShutdownGrace at most. It is for a main in a container; a
// process has one function.
//
// The framework's server has no time-outs of its own: it belongs behind Google's
// front end. A server on a public address is nethttp.Start.
func StartHTTP(ctx context.Context, addr string, fn http.HandlerFunc) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("cloudfunc: the address must be HOST:PORT: %w", err)
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	// The framework keeps its server to itself, but a request knows by which it
	// came. Before the first there is nothing to wait for.
	var server atomic.Pointer[http.Server]
	err = funcframework.RegisterHTTPFunctionContext(ctx, "/", func(w http.ResponseWriter, r *http.Request) {
		if srv, ok := r.Context().Value(http.ServerContextKey).(*http.Server); ok {
			server.Store(srv)
		}
		fn(w, r)
	})
	if err != nil {
		return fmt.Errorf("cloudfunc: %w", err)
	}
	ended := make(chan error, 1)
	go func() {
		defer func() {
			if cause := recover(); cause != nil { // of http.ServeMux, at a second "/"
				ended <- fmt.Errorf("cloudfunc: a process has one function: %v", cause)
			}
		}()
		ended <- funcframework.StartHostPort(host, port)
	}()
	select {
	case err := <-ended:
		return fmt.Errorf("cloudfunc: %w", err)
	case <-ctx.Done():
	}
	srv := server.Load()
	if srv == nil {
		return nil
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), nethttp.ShutdownGrace)
	defer cancel()
	if err := srv.Shutdown(grace); err != nil {
		return errors.Join(fmt.Errorf("cloudfunc: requests were still under way at the end of the grace: %w", err), srv.Close())
	}
	<-ended
	return nil
}

// StartEvents serves a CloudEvent function, such as one of [Events], as [Receive]
// makes it: any number of events at a time.
func StartEvents(ctx context.Context, addr string, fn func(context.Context, event.Event) error) error {
	return StartHTTP(ctx, addr, Receive(fn))
}
