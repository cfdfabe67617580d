// Package pgstore keeps a journal in PostgreSQL: the journal.Store for a shop
// with several servers, and for one that has a database anyway.
//
// # Where to start
//
// Make the tables, by the command `imprest journal migrate`, by [Migrate], or by
// whatever applies your schemas ([Schema]), and open the store:
//
//	store, err := pgstore.Open(pgstore.Config{URL: core.NewSecret(os.Getenv("DATABASE_URL"))})
//	if err != nil {
//		return err
//	}
//	defer store.Close()
//
// Open asks nothing of the network, so a database that is down keeps no program
// from starting.
//
// # What it guards
//
// A write is one statement of its own, whose version is checked by the database:
// no transaction stays open, and of two writers one learns that it lost. Several
// that belong together ([Store.PutAll]) are sent at once, with one answer and one
// commit; one that loses shows in the database's log, as an error of a duplicate
// key or a division by zero, which is how it takes the others back. Every
// connection sets synchronous_commit to on, whatever the database's default is,
// since a write must be durable when Put returns, and no other connection sees it
// before. An answer that got lost is journal.ErrUnknown; a statement that
// certainly was not sent is not. Each call ends in time, whatever its context says.
//
// Behind PgBouncer in transaction mode that setting is none of ours: list it in
// ignore_startup_parameters, or no connection comes about; set it for the role
// (ALTER ROLE … SET synchronous_commit = on), or a crash may take back a payment
// that was acknowledged; and add default_query_exec_mode=exec to the URL unless
// max_prepared_statements is set there.
//
// # The schema
//
// It has a version ([Version]), which stands in the database. A store never changes
// it: where it is missing, older or newer than what this package needs, every call
// says so, and what to do ([ErrSchema]). [Migrate] brings it up to date, when you
// say so: before the programs of a new version are started. A program looks when it
// connects; one that has a connection keeps it while the schema is changed.
package pgstore
