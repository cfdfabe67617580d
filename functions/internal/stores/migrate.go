//go:build !lambda.norpc

package stores

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/imprest-go/imprest/adapters/dynamostore"
	"github.com/imprest-go/imprest/adapters/pgstore"
	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
)

// ErrNoCreate says that only a table of DynamoDB can be created.
var ErrNoCreate error = &core.Error{Op: "stores.Migrate", Code: core.CodeInvalid, Err: errors.New("only a table of DynamoDB can be created")}

// Migrate makes the journal that name stands for ready to be used, and returns
// what it did, for a person to read. A database gets the schema that this version
// needs. A table of DynamoDB is looked at, and, with create, made if there is
// none; it returns when the table is ready. A file needs nothing.
func Migrate(ctx context.Context, name string, create bool) (did string, err error) {
	kind, rest, err := split(name)
	switch {
	case err != nil:
		return "", err
	case create && kind != "dynamodb":
		return "", ErrNoCreate
	case kind == "dynamodb":
		return migrateTable(ctx, rest, create)
	case kind == "sqlite":
		return "nothing to do: a file is made, and brought up to date, by the program that opens it", nil
	}
	from, to, err := pgstore.Migrate(ctx, pgConfig(rest))
	switch {
	case err != nil:
		return "", err
	case from == to:
		return fmt.Sprintf("nothing to do: the schema is of version %d", to), nil
	case from == 0:
		return fmt.Sprintf("the schema is there now, of version %d", to), nil
	}
	return fmt.Sprintf("the schema is of version %d now; it was %d", to, from), nil
}

// tableTime is how long a new table may take to be ready.
const tableTime = 3 * time.Minute

func migrateTable(ctx context.Context, table string, create bool) (did string, err error) {
	cfg, err := dynamoConfig(ctx, table)
	if err != nil {
		return "", err
	}
	store, err := dynamostore.New(cfg)
	if err != nil {
		return "", err
	}
	unfit := checkTable(ctx, store)
	switch {
	case unfit == nil:
		return "nothing to do: the table is there, with its index", nil
	case !create:
		return "", fmt.Errorf("the table is not there, or not as it must be; --create makes it: %w", unfit)
	}
	switch err := dynamostore.CreateTable(ctx, cfg); {
	case core.CodeOf(err) == core.CodeConflict:
	case err != nil:
		return "", err
	default:
		did = "the table was made, and is paid by the request; switch on, as you need them, backups, and TTL of the attribute expires"
	}
	ctx, cancel := context.WithTimeout(ctx, tableTime)
	defer cancel()
	for {
		if unfit = checkTable(ctx, store); unfit == nil {
			break
		}
		if did == "" {
			// It was there: what it is not now it will hardly become.
			return "", fmt.Errorf("there is a table of this name that is not as it must be, or not ready yet: %w", unfit)
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("the table was made, and is not ready yet: %w", unfit)
		case <-time.After(time.Second):
		}
	}
	return did, nil
}

// checkTable says in what a table is not as it must be, or nil: a record of it is
// read by its key, and its index by time.
func checkTable(ctx context.Context, store journal.Store) error {
	if _, err := store.Get(ctx, "ready"); err != nil && !errors.Is(err, journal.ErrNotFound) {
		return err
	}
	_, err := store.Due(ctx, time.Unix(0, 0), 1)
	return err
}
