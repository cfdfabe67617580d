// Package journal is where imprest keeps what must not be lost: a [Store] of
// small versioned records with a due time, its errors, and [Memory], a store
// for tests and demonstrations.
//
// # Where to start
//
// A program opens a driver (adapters/sqlitestore for one machine) and hands it
// to callback.Once or to purchase.New as their Store:
//
//	store, err := sqlitestore.Open(ctx, sqlitestore.Config{Path: "/var/lib/shop/journal.db"})
//	sink := callback.Once(store, orders)
//
// It calls none of the methods itself. Who writes a driver reads the numbered
// rules of [Store] and runs testkit/storetest, which has one case per rule; the
// page template/guide/store.md goes through it.
//
// # What it guards
//
// Every write names the version that it replaces, so of two writers one learns
// that it lost. A write is durable when Put returns, and nothing can be read
// that is not durable: a duplicate acknowledged from a state that a crash then
// takes back would lose a payment. An intended effect lives in the record that
// it belongs to, so no engine needs a transaction over two records. Most have one
// all the same, and a payment, whose claim and purchase are two records, then
// waits for the disk once: see [AtomicStore] and [ClaimAndPut].
//
// journal imports core and the standard library alone.
package journal
