package nethttp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/imprest-go/imprest/core"
)

// ShutdownGrace is how long [Serve] lets requests that are under way finish
// once its context has ended. It is less than the ten seconds that container
// platforms wait between SIGTERM and SIGKILL.
const ShutdownGrace = 8 * time.Second

// NewServer returns a server for h with the limits that a public address
// needs: 5 s for the headers of a request, 10 s for the whole of it, 30 s from
// its headers to the end of its answer, 2 min between two requests of a
// connection, 64 KiB of headers. Its fields are yours to change before it
// serves.
//
// After those 30 s an answer is lost: the client sees the connection end. The
// server does not stop the handler, nor tell it; [Config.Timeout] tells it, in
// time for an answer.
func NewServer(addr string, h http.Handler) *http.Server {
	return &http.Server{
		Addr:              addr,
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
	}
}

// Serve accepts connections on ln until ctx ends, then takes no more and lets
// the requests that are under way finish, for [ShutdownGrace] at most. It
// returns nil after that, or the error that stopped the server; ln is closed
// either way. If requests had to be cut off, the error wraps
// context.DeadlineExceeded.
func Serve(ctx context.Context, srv *http.Server, ln net.Listener) error {
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(ln) }()
	select {
	case err := <-ended:
		if errors.Is(err, http.ErrServerClosed) {
			return nil // somebody else shut it down
		}
		return fmt.Errorf("nethttp.Serve: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), ShutdownGrace)
	defer cancel()
	err := srv.Shutdown(grace)
	if err != nil {
		err = errors.Join(fmt.Errorf("nethttp.Serve: requests were still under way at the end of the grace: %w", err), srv.Close())
	}
	<-ended
	return err
}

// Start listens on addr ("127.0.0.1:8080", ":8080") and serves h until ctx
// ends: a whole main together with signal.NotifyContext. For a log of panics
// or another limit, use [Config.Wrap] with [NewServer] and [Serve].
func Start(ctx context.Context, addr string, h core.Handler) error {
	var listen net.ListenConfig
	ln, err := listen.Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("nethttp.Start: %w", err)
	}
	return Serve(ctx, NewServer(addr, Wrap(h)), ln)
}
