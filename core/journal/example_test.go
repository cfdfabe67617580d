package journal_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/imprest-go/imprest/core/journal"
)

func ExampleMemory() {
	ctx := context.Background()
	store := journal.NewMemory()
	noon := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

	// Version 0 creates; the record comes back with the version it now has.
	created, _ := store.Put(ctx, journal.Record{ID: "p/7", Due: noon, Body: []byte("unpaid")})
	fmt.Println("created at version", created.Version)

	// Two workers found it. The first to write wins, the other sees what
	// the record has become.
	paid := created
	paid.Body = []byte("paid")
	_, err := store.Put(ctx, paid)
	fmt.Println("first:", err)

	expired := created
	expired.Body = []byte("expired")
	stored, err := store.Put(ctx, expired)
	fmt.Println("second lost:", errors.Is(err, journal.ErrConflict))
	fmt.Printf("stored: version %d, %s\n", stored.Version, stored.Body)

	due, _ := store.Due(ctx, noon, 10)
	fmt.Println("due at noon:", due[0].ID)

	// Output:
	// created at version 1
	// first: <nil>
	// second lost: true
	// stored: version 2, paid
	// due at noon: p/7
}
