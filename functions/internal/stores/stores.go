//go:build !lambda.norpc

package stores

import (
	"context"
	"fmt"
	"strings"

	"github.com/imprest-go/imprest/adapters/pgstore"
	"github.com/imprest-go/imprest/adapters/sqlitestore"
	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
)

// SQLite opens sqlite:FILE, and makes the file if there is none.
func SQLite(ctx context.Context, file string) (journal.Store, func() error, error) {
	if file == "" {
		return nil, nil, core.Invalid("sqlite", "names no file: write sqlite:FILE")
	}
	store, err := sqlitestore.Open(ctx, sqlitestore.Config{Path: file})
	if err != nil {
		return nil, nil, err
	}
	return store, store.Close, nil
}

// Postgres opens postgres://USER:PASSWORD@HOST/DATABASE, or postgresql://… as some
// name it; rest is what stands behind the first colon. It connects when it is
// first used.
func Postgres(_ context.Context, rest string) (journal.Store, func() error, error) {
	store, err := pgstore.Open(pgConfig(rest))
	if err != nil {
		return nil, nil, err
	}
	return store, store.Close, nil
}

func pgConfig(rest string) pgstore.Config {
	return pgstore.Config{URL: core.NewSecret("postgres:" + rest)}
}

// kinds is what may stand before the colon of a journal's name.
var kinds = map[string]func(context.Context, string) (journal.Store, func() error, error){
	"sqlite": SQLite, "postgres": Postgres, "postgresql": Postgres, "dynamodb": DynamoDB,
}

// Open opens the journal that name stands for: "memory", "sqlite:FILE", a file that
// is made if there is none, "postgres://…" or "dynamodb:TABLE". The caller calls
// closing once when it is done. An error with core.CodeInvalid says what is wrong
// with name, and shows no password that it may hold.
func Open(ctx context.Context, name string) (store journal.Store, closing func() error, err error) {
	if name == "memory" {
		return journal.NewMemory(), func() error { return nil }, nil
	}
	kind, rest, err := split(name)
	if err != nil {
		return nil, nil, err
	}
	return kinds[kind](ctx, rest)
}

// Look opens a journal to read it: a file is not made, and nothing in it is
// changed. The store may refuse to write.
func Look(ctx context.Context, name string) (store journal.Store, closing func() error, err error) {
	kind, rest, err := split(name)
	if err != nil {
		return nil, nil, err
	}
	if kind != "sqlite" || rest == "" {
		return kinds[kind](ctx, rest)
	}
	opened, err := sqlitestore.OpenReadOnly(ctx, sqlitestore.Config{Path: rest})
	if err != nil {
		return nil, nil, err
	}
	return opened, opened.Close, nil
}

// Change opens a journal that is there to write into it: a file is not made.
func Change(ctx context.Context, name string) (store journal.Store, closing func() error, err error) {
	_, closing, err = Look(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	if err := closing(); err != nil {
		return nil, nil, err
	}
	return Open(ctx, name)
}

// split takes a journal's name apart, if it is of a kind that there is.
func split(name string) (kind, rest string, err error) {
	const op = "stores.Open"
	kind, rest, _ = strings.Cut(name, ":")
	if kinds[kind] != nil && name != kind {
		return kind, rest, nil
	}
	if name == "memory" {
		return "", "", core.Invalid(op, "a journal in memory ends with its process: there is nothing to read")
	}
	return "", "", core.Invalid(op, fmt.Sprintf("%.80q is no journal: use sqlite:FILE, postgres://USER:PASSWORD@HOST/DATABASE, dynamodb:TABLE or memory", Shown(name)))
}

// Shown is a journal's name as it may be printed: of a URL the scheme alone, since
// a password can stand in many a place of what follows.
func Shown(name string) string {
	if scheme, _, isURL := strings.Cut(name, "://"); isURL {
		return scheme + "://…"
	}
	return name
}
