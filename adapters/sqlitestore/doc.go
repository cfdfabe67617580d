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
// log that a killed process leaves is written anew and synced before it is
// read: what a sync has failed for once, a later one that succeeds may pass
// over.
//
// When the disk is full a write fails with [ErrFull], nothing was written, and
// the store goes on as soon as there is room. When the disk fails in any other
// way, in a write, a sync, or in bringing the log into the database, the store
// takes no more writes ([ErrBroken]) until it is opened again, and goes on
// reading: after a failed sync only a fresh look at the file tells what it
// holds. The writes of the commit that failed are [journal.ErrUnknown], and so
// is everything about their ids until then, because they may be found in the
// log or not. [Store.Close] it, see to the disk, and [Open] it, or let the
// process end and be started anew; if several processes have the file open, all
// of them. A quota, and a limit on the size of files, look like a disk that
// fails.
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
// one that waits for more than ten seconds gets core.CodeBusy, nothing written.
// A process that is killed while it holds the lock gives it back. That is no way
// to spread load; for many servers there is PostgreSQL.
//
// Who only wants to look, an operator's tool say, uses [OpenReadOnly]: it changes
// nothing, and is in nobody's way.
//
// # The file
//
// Beside Path there are Path-wal and Path-shm while a store is open, and after
// a process was killed; they belong to it. The file must be on a local disk,
// since the log needs shared memory. What is in it may name customers, so it is
// created for its owner alone.
//
// # Backups
//
// While the store is in use, let SQLite make the copy, with its command line:
//
//	sqlite3 /var/lib/shop/journal.db "VACUUM INTO '/backup/journal.db'"
//
// or its .backup. The copy is one file that [Open] takes, with everything that
// was answered before the command began. A copy by the file system is as good
// if no process writes meanwhile (ended, killed, or stopped by SIGSTOP) and
// Path and Path-wal are copied together, or by a snapshot of the file system
// that takes both at one moment. Path alone lacks what is still in the log: up
// to 16 MB, which may be the work of days; and files that were copied one
// after the other while somebody wrote may lack anything, or be damaged. A
// restored journal knows nothing of what came after the copy: let no function
// run on it before a person has compared it with the platform's own records.
package sqlitestore
