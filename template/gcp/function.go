// Package gcp is two functions for Google Cloud: Site takes the platform's
// callbacks and serves login and purchases, Sweep does what is due whenever a
// schedule says so. What it sells is in offers.go; your own server grants it
// (see adapters/webhook).
package gcp

import (
	"context"
	"log/slog"
	"os"
	"sync"

	"github.com/GoogleCloudPlatform/functions-framework-go/functions"

	"github.com/imprest-go/imprest/adapters/cloudfunc"
	"github.com/imprest-go/imprest/adapters/pgstore"
	"github.com/imprest-go/imprest/core"
)

// The framework finds functions by what init registers. Nothing is set up before
// the first event: a variable that is missing is then a line in the log that names
// it, and an answer of 503.
func init() {
	log := slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{ReplaceAttr: asCloudLogging}))
	set := sync.OnceValues(func() (*payments, error) {
		cfg, err := readConfig(os.Getenv)
		if err != nil {
			return nil, err
		}
		store, err := pgstore.Open(pgstore.Config{URL: cfg.journal, Connections: 4})
		if err != nil {
			return nil, err
		}
		return newPayments(cfg, store, log)
	})
	functions.HTTP("Site", cloudfunc.Config{Logger: log}.HTTP(core.HandlerFunc(func(ctx context.Context, r *core.Request) *core.Response {
		p, err := set()
		if err != nil {
			log.ErrorContext(ctx, "not set up", "reason", err.Error())
			return core.TryLater()
		}
		return p.routes.Handle(ctx, r)
	})))
	functions.CloudEvent("Sweep", cloudfunc.Events(cloudfunc.EventConfig{Logger: log, Tick: func(ctx context.Context) error {
		p, err := set()
		if err != nil {
			return err
		}
		return p.sweep(ctx)
	}}))
}

// asCloudLogging names the members of a line as Cloud Logging reads them.
func asCloudLogging(groups []string, a slog.Attr) slog.Attr {
	if len(groups) > 0 {
		return a
	}
	switch a.Key {
	case slog.LevelKey:
		a.Key = "severity"
		if a.Value.String() == slog.LevelWarn.String() {
			a.Value = slog.StringValue("WARNING")
		}
	case slog.MessageKey:
		a.Key = "message"
	}
	return a
}
