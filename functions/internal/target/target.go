// Package target is the wiring of a build: which stores it links, and who may
// bring its events.
package target

import (
	"context"
	"log/slog"

	"github.com/imprest-go/imprest/adapters/awslambda"
	"github.com/imprest-go/imprest/adapters/sqlitestore"
	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/functions/internal/boot"
)

// Linked returns what this build has linked.
func Linked() boot.Target {
	return boot.Target{
		Stores: map[string]boot.Open{"sqlite": openSQLite, "postgres": openPostgres},
		Hosts:  []boot.Host{{Here: onLambda, Run: runLambda}},
	}
}

// openSQLite opens sqlite:FILE.
func openSQLite(ctx context.Context, file string) (journal.Store, func() error, error) {
	if file == "" {
		return nil, nil, core.Invalid("sqlite", "names no file: write sqlite:FILE")
	}
	store, err := sqlitestore.Open(ctx, sqlitestore.Config{Path: file})
	if err != nil {
		return nil, nil, err
	}
	return store, store.Close, nil
}

func onLambda(getenv func(string) string) bool { return getenv("AWS_LAMBDA_RUNTIME_API") != "" }

// runLambda serves invocations; it does not return.
func runLambda(f boot.Function, logger *slog.Logger) error {
	h, err := awslambda.New(awslambda.Config{HTTP: f.HTTP, Message: f.Message, Tick: f.Tick, Logger: logger})
	if err != nil {
		return err
	}
	awslambda.Start(h)
	return nil
}
