package sqlitestore_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/imprest-go/imprest/adapters/sqlitestore"
	"github.com/imprest-go/imprest/core/journal"
)

func ExampleOpen() {
	dir, err := os.MkdirTemp("", "shop")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	cfg := sqlitestore.Config{Path: filepath.Join(dir, "journal.db")}

	store, err := sqlitestore.Open(ctx, cfg)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := store.Put(ctx, journal.Record{ID: "p/7", Body: []byte("paid")}); err != nil {
		log.Fatal(err) // journal.ErrUnknown: Get it, and look
	}
	if err := store.Close(); err != nil {
		log.Fatal(err)
	}

	// A new process finds what the old one was answered for.
	store, err = sqlitestore.Open(ctx, cfg)
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	r, err := store.Get(ctx, "p/7")
	fmt.Printf("version %d: %s, %v\n", r.Version, r.Body, err)

	stored, err := store.Put(ctx, journal.Record{ID: "p/7", Body: []byte("unpaid")})
	fmt.Println("created again:", !errors.Is(err, journal.ErrConflict))
	fmt.Printf("it is %s\n", stored.Body)

	// Output:
	// version 1: paid, <nil>
	// created again: false
	// it is paid
}
