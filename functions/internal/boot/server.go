package boot

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/imprest-go/imprest/adapters/nethttp"
)

// Server is a server of our own as a host: it is for wherever no other host is, and
// does by itself, every so often, what a schedule does elsewhere.
func Server() Host {
	return Host{Here: func(func(string) string) bool { return true }, Run: runServer}
}

func runServer(ctx context.Context, f Function, listen string, logger *slog.Logger) error {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", listen)
	if err != nil {
		return fmt.Errorf("IMPREST_LISTEN: %w", err)
	}
	logger.Info("serving", "address", ln.Addr().String())
	ended := make(chan error, 1)
	serving, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		ended <- nethttp.Serve(serving, nethttp.NewServer("", nethttp.Config{Logger: logger}.Wrap(f.HTTP)), ln)
	}()
	if f.Every == 0 {
		return <-ended
	}
	return sweepUntil(ctx, f.Every, f.Tick, ended, stop, logger)
}

// sweepUntil does what is due every so often, until ctx or the server ends.
func sweepUntil(ctx context.Context, every time.Duration, sweep func(context.Context) error, ended chan error, stop func(), logger *slog.Logger) error {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		if err := sweep(ctx); err != nil && ctx.Err() == nil {
			logger.Error("a sweep failed", "reason", err.Error())
		}
		select {
		case <-ctx.Done():
			stop()
			return <-ended
		case err := <-ended:
			return err
		case <-ticker.C:
		}
	}
}
