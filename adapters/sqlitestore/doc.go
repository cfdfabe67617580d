// Package sqlitestore keeps a journal in one SQLite file: the [journal.Store]
// for a merchant with one machine, who wants nothing to install and nothing to
// lose. It needs no cgo.
//
// # Where to start
//
//	store, err := sqlitestore.Open(ctx, sqlitestore.Config{Path: "/var/lib/shop/journal.db"})
//	if err != nil {
//		return err
//	}
//	defer store.Close()
//
// and hand store to callback.Once or to purchase.New.
//
// # What it guards
//
// A write is synced before Put returns, and no read shows one that is not. The
// log that a killed process leaves is synced before it is read. When a commit
// fails, because the disk is full or a sync has failed, its writes are
// [journal.ErrUnknown], and the store takes no more ([ErrBroken]) until it is
// opened again: after a failed sync only a fresh look at the file tells what it
// holds. [Store.Close] it, see to the disk, and [Open] it, or let the process
// end and be started anew.
//
// # Many writers
//
// Writes that come in while another is being synced share the next sync, so 64
// callers cost little more than one. A caller whose context ends while its
// write is being committed gets [journal.ErrUnknown]; Get, called after that
// with the same id, waits for the commit and shows what became of it. One that
// had not begun is taken back, and its error says that nothing was written.
//
// Every write names a version and is checked inside the transaction, so several
// processes may open one file: a server that is being replaced and its
// successor, or a server and an operator's command line. They take turns, and
// one that waits for more than ten seconds gets core.CodeBusy. That is no way to
// spread load; for many servers there is PostgreSQL.
//
// Who only wants to look, an operator's tool say, uses [OpenReadOnly]: it changes
// nothing, and is in nobody's way.
//
// # The file
//
// Beside Path there are Path-wal and Path-shm while a store is open; they
// belong to it, and a copy of Path alone is no backup: use SQLite's
// VACUUM INTO, or copy all three while nothing is open. The file must be on a
// local disk, since the log needs shared memory. What is in it may name
// customers, so it is created for its owner alone.
package sqlitestore
