package sandbox

import (
	"context"
	"fmt"
	"strings"

	"github.com/imprest-go/imprest/adapters/sqlitestore"
	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
)

// OpenJournal opens the journal that name stands for: "memory" or
// "sqlite:FILE", a file that is made if there is none. The caller calls
// closing once when it is done. An error with core.CodeInvalid says what is
// wrong with name, and shows no password that it may hold.
func OpenJournal(ctx context.Context, name string) (store journal.Store, closing func() error, err error) {
	const op = "sandbox.OpenJournal"
	kind, rest, _ := strings.Cut(name, ":")
	switch {
	case name == "memory":
		return journal.NewMemory(), func() error { return nil }, nil
	case kind == "sqlite" && rest != "":
		opened, err := sqlitestore.Open(ctx, sqlitestore.Config{Path: rest})
		if err != nil {
			return nil, nil, err
		}
		return opened, opened.Close, nil
	case kind == "sqlite":
		return nil, nil, core.Invalid(op, `"sqlite:" names no file: write sqlite:FILE`)
	case kind == "postgres" || kind == "postgresql":
		return nil, nil, core.Invalid(op, "postgres:// needs a driver for PostgreSQL, which this build does not have yet: use sqlite:FILE or memory")
	case kind == "dynamodb":
		return nil, nil, core.Invalid(op, "dynamodb: needs a driver for DynamoDB, which this build does not have yet: use sqlite:FILE or memory")
	}
	shown := name
	if scheme, _, isURL := strings.Cut(name, "://"); isURL {
		shown = scheme + "://…" // what follows may hold a password
	}
	return nil, nil, core.Invalid(op, fmt.Sprintf("%.80q is no journal: use sqlite:FILE or memory", shown))
}

// walk calls fn with every record whose id begins with prefix, in the order of
// the ids.
func walk(ctx context.Context, store journal.Store, prefix string, fn func(journal.Record) error) error {
	const page = 200
	for after := ""; ; {
		records, err := store.List(ctx, prefix, after, page)
		if err != nil {
			return err
		}
		for _, record := range records {
			if err := fn(record); err != nil {
				return err
			}
		}
		if len(records) < page {
			return nil
		}
		after = records[len(records)-1].ID
	}
}
