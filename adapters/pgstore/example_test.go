package pgstore_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/imprest-go/imprest/adapters/pgstore"
	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
)

// A journal in the database of the environment. Give the store to purchase.New
// or to callback.Once.
func ExampleOpen() {
	store, err := pgstore.Open(pgstore.Config{URL: core.NewSecret(os.Getenv("DATABASE_URL"))})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	record, err := store.Put(context.Background(), journal.Record{ID: "p/1", Body: []byte("{}")})
	if err != nil {
		log.Fatal(err) // pgstore.ErrSchema: run imprest journal migrate first
	}
	fmt.Println(record.Version)
}
