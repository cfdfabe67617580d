package main

import (
	"path/filepath"
	"sync"
	"testing"

	"github.com/imprest-go/imprest/core/purchase"
)

// However often and by however many a purchase is delivered, it has one key,
// and a shop that is started again still has it.
func TestLicencesAreIssuedOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "licences ?#.db")
	keys, err := openLicences(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	p := purchase.Purchase{ID: "P1", Buyer: "alice", OfferID: "fonts", Title: "Font pack"}
	if issued, err := keys.Delivered(t.Context(), p); issued || err != nil {
		t.Fatal(issued, err)
	}
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			if err := keys.Deliver(t.Context(), p); err != nil {
				t.Error(err)
			}
		})
	}
	workers.Wait()
	before, err := keys.of(t.Context(), "alice")
	if err != nil || len(before) != 1 {
		t.Fatal(before, err)
	}
	if err := keys.close(); err != nil {
		t.Fatal(err)
	}
	if err := keys.Deliver(t.Context(), p); err == nil {
		t.Error("a table that is closed takes a delivery")
	}

	keys, err = openLicences(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer keys.close()
	if err := keys.Deliver(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	after, err := keys.of(t.Context(), "alice")
	if err != nil || len(after) != 1 || after[0] != before[0] {
		t.Fatalf("%v became %v: %v", before, after, err)
	}
	if issued, err := keys.Delivered(t.Context(), p); !issued || err != nil {
		t.Fatal(issued, err)
	}
	if others, err := keys.of(t.Context(), "bob"); err != nil || len(others) != 0 {
		t.Fatal(others, err)
	}
}
