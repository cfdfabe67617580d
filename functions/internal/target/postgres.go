package target

import (
	"context"

	"github.com/imprest-go/imprest/adapters/pgstore"
	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
)

// openPostgres opens postgres://USER:PASSWORD@HOST/DATABASE.
func openPostgres(_ context.Context, rest string) (journal.Store, func() error, error) {
	store, err := pgstore.Open(pgstore.Config{URL: core.NewSecret("postgres:" + rest)})
	if err != nil {
		return nil, nil, err
	}
	return store, store.Close, nil
}
