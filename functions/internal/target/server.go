//go:build !lambda.norpc

package target

import (
	"context"
	"slices"

	"github.com/imprest-go/imprest/adapters/pgstore"
	"github.com/imprest-go/imprest/adapters/sqlitestore"
	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/functions/internal/boot"
)

// Linked returns what this build has linked: everything.
func Linked() boot.Target {
	return boot.Target{
		Stores: map[string]boot.Open{"sqlite": openSQLite, "postgres": openPostgres, "postgresql": openPostgres, "dynamodb": openDynamoDB},
		Queue:  openSQS,
		Hosts:  slices.Concat([]boot.Host{lambda()}, cloudFunctions(), []boot.Host{boot.Server()}),
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

// openPostgres opens postgres://USER:PASSWORD@HOST/DATABASE, or postgresql://… as
// some name it.
func openPostgres(_ context.Context, rest string) (journal.Store, func() error, error) {
	store, err := pgstore.Open(pgstore.Config{URL: core.NewSecret("postgres:" + rest)})
	if err != nil {
		return nil, nil, err
	}
	return store, store.Close, nil
}
