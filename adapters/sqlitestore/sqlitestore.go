package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
)

// The errors that a caller of a store may want to tell apart, beside those of
// package journal. Match them with errors.Is. Nothing was written.
var (
	// ErrBroken: the disk failed an earlier write or sync, and what the file
	// holds can be told only by opening it again: Close the store, see to
	// the cause, and Open it. What was read before can still be read; Get,
	// Put and Delete of an id whose own write failed say
	// [journal.ErrUnknown] as well, until then.
	ErrBroken error = &core.Error{Op: "sqlitestore", Code: core.CodeInternal, Err: errors.New("the disk failed an earlier write: nothing is written until the store is opened again")}
	// ErrFull: the disk has no room for the write. The store goes on, and
	// writes as soon as there is room.
	ErrFull error = &core.Error{Op: "sqlitestore", Code: core.CodeInternal, Safe: true, Err: errors.New("the disk is full and nothing was written: make room, nothing else is needed")}
	// ErrClosed: the store was closed before the call.
	ErrClosed error = &core.Error{Op: "sqlitestore", Code: core.CodeInternal, Err: errors.New("the store is closed")}
)

func broken(cause error) error { return fmt.Errorf("%w: %w", ErrBroken, cause) }

func full(cause error) error { return fmt.Errorf("%w: %w", ErrFull, cause) }

// Store is a [journal.Store] in one SQLite file. Make one with [Open], and
// Close it. It may be used from many goroutines at once.
type Store struct {
	writer  *sql.DB  // one connection; nil in a store that is read only
	session *session // on it: batches, and Gets between them

	readers *sql.DB
	get     [len(readSizes)]*sql.Stmt
	due     *sql.Stmt
	list    *sql.Stmt

	reads *reads

	group   *group
	commits int64 // by the leader; that it is far below the number of writes is the point
	log     log   // the leader's
}

var _ journal.AtomicStore = (*Store)(nil)

const columns = "id, version, due, expires, body"

// prepare compiles the statements once per connection.
func (s *Store) prepare(ctx context.Context) error {
	if err := s.session.prepare(ctx); err != nil {
		return err
	}
	return prepareAll(ctx, s.reading())
}

// reading is the statements that a store needs which is only read.
func (s *Store) reading() []prepared {
	all := []prepared{
		{&s.due, s.readers, "SELECT " + columns + " FROM records WHERE due <= ? ORDER BY due LIMIT ?"},
		{&s.list, s.readers, "SELECT " + columns + " FROM records WHERE id >= ? AND id < ? ORDER BY id LIMIT ?"},
	}
	for i, n := range readSizes {
		all = append(all, prepared{&s.get[i], s.readers, lookFor(n)})
	}
	return all
}

// Put implements [journal.Store].
func (s *Store) Put(ctx context.Context, r journal.Record) (journal.Record, error) {
	if err := r.Check(); err != nil {
		return journal.Record{}, err
	}
	if err := ended(ctx); err != nil {
		return journal.Record{}, err
	}
	return one(s.group.do(ctx, &write{records: []journal.Record{kept(r)}}))
}

// PutAll implements [journal.AtomicStore].
func (s *Store) PutAll(ctx context.Context, records ...journal.Record) ([]journal.Record, error) {
	if err := journal.CheckAll(records); err != nil {
		return nil, err
	}
	if err := ended(ctx); err != nil || len(records) == 0 {
		return nil, err
	}
	all := make([]journal.Record, len(records))
	for i, r := range records {
		all[i] = kept(r)
	}
	return s.group.do(ctx, &write{records: all})
}

// kept is r as it is stored. The leader may read it after its caller has left, so
// it has a body of its own.
func kept(r journal.Record) journal.Record {
	r.Body = append(make([]byte, 0, len(r.Body)), r.Body...)
	r.Due, r.Expires = journal.Millis(r.Due), journal.Millis(r.Expires)
	return r
}

func one(stored []journal.Record, err error) (journal.Record, error) {
	if len(stored) == 0 {
		return journal.Record{}, err
	}
	return stored[0], err
}

// Delete implements [journal.Store].
func (s *Store) Delete(ctx context.Context, id string, version int64) error {
	if err := journal.CheckID(id); err != nil {
		return err
	}
	if err := ended(ctx); err != nil {
		return err
	}
	_, err := s.group.do(ctx, &write{records: []journal.Record{{ID: id, Version: version}}, remove: true})
	return err
}

// Get implements [journal.Store].
func (s *Store) Get(ctx context.Context, id string) (journal.Record, error) {
	if err := journal.CheckID(id); err != nil {
		return journal.Record{}, err
	}
	if err := ended(ctx); err != nil {
		return journal.Record{}, err
	}
	if err := s.group.settled(ctx, id); err != nil {
		return journal.Record{}, err
	}
	return s.reads.get(ctx, id)
}

// Due implements [journal.Store]. It is exact: nothing lags.
func (s *Store) Due(ctx context.Context, before time.Time, limit int) ([]journal.Record, error) {
	return s.query(ctx, "due", limit, s.due, before.UnixMilli(), limit)
}

// List implements [journal.Store].
func (s *Store) List(ctx context.Context, prefix, after string, limit int) ([]journal.Record, error) {
	// No byte of an id is greater than "~", so this is past all that begin
	// with prefix, and before all that do not and are greater.
	end := prefix + "\x7f"
	// One lower bound: of two, SQLite would begin at the first, and a walk would
	// read again with each page what is before it. A space is less than every
	// byte of an id, so this is past after, and before all that are greater.
	return s.query(ctx, "list", limit, s.list, max(prefix, after+" "), end, limit)
}

func (s *Store) query(ctx context.Context, op string, limit int, statement *sql.Stmt, args ...any) ([]journal.Record, error) {
	if err := ended(ctx); err != nil {
		return nil, err
	}
	if limit < 1 {
		return nil, nil // a negative LIMIT is none to SQLite
	}
	rows, err := statement.QueryContext(ctx, args...)
	if err != nil {
		return nil, s.unread(ctx, op, err)
	}
	defer rows.Close()
	var found []journal.Record
	for rows.Next() {
		r, err := scan(rows)
		if err != nil {
			return nil, s.unread(ctx, op, err)
		}
		found = append(found, r)
	}
	if err := rows.Err(); err != nil {
		return nil, s.unread(ctx, op, err)
	}
	return found, nil
}

// Close waits for the writes that are under way and closes the file; every
// later call fails with [ErrClosed].
func (s *Store) Close() error {
	if s.group.close(ErrClosed) {
		return s.abandon()
	}
	// The writer goes last: the last connection to a file empties the log.
	err := s.readers.Close()
	if s.writer != nil {
		err = errors.Join(err, s.session.close())
	}
	return err
}

// abandon closes the file and leaves the log as it is. After a failed sync the
// next one may succeed and mean nothing, so what this process believes to have
// brought into the database is no reason to drop the log: whoever opens the
// file next starts from all of it.
func (s *Store) abandon() error {
	// A connection that may not write cannot empty the log, so one of those
	// goes last. It has to be there before the writer leaves.
	ctx := context.Background()
	if last, err := s.readers.Conn(ctx); err == nil {
		var tables int
		_ = last.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables)
		defer last.Close()
	}
	return errors.Join(s.session.close(), s.readers.Close())
}

func scan(row interface{ Scan(...any) error }) (journal.Record, error) {
	var r journal.Record
	var due, expires sql.Null[int64]
	if err := row.Scan(&r.ID, &r.Version, &due, &expires, &r.Body); err != nil {
		return journal.Record{}, err
	}
	if due.Valid {
		r.Due = time.UnixMilli(due.V).UTC()
	}
	if expires.Valid {
		r.Expires = time.UnixMilli(expires.V).UTC()
	}
	return r, nil
}

// millis is t as it is stored: milliseconds since 1970, NULL for never.
func millis(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMilli()
}

// ended returns an error if ctx is over: nothing has been done yet then.
func ended(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return &core.Error{Op: "sqlitestore", Code: core.CodeUnreached, Err: err}
	}
	return nil
}

// unread is the error of a read that failed. It may be made again.
func (s *Store) unread(ctx context.Context, op string, err error) error {
	if ctx.Err() != nil && !errors.Is(err, ctx.Err()) {
		err = fmt.Errorf("%w (%w)", err, ctx.Err()) // the driver says "interrupted"
	}
	if s.group.closed() {
		return ErrClosed
	}
	code := core.CodeInternal
	if isBusy(err) {
		code = core.CodeBusy
	}
	return &core.Error{Op: "sqlitestore." + op, Code: code, Safe: true, Err: err}
}

// isBusy reports whether another process held a lock for longer than we wait.
func isBusy(err error) bool { return sqliteCode(err) == sqlite3.SQLITE_BUSY }

// isFull reports whether a write found no room. A sync that finds none is
// another error.
func isFull(err error) bool { return sqliteCode(err) == sqlite3.SQLITE_FULL }

// sqliteCode returns the primary result code of an error of the engine, or 0.
func sqliteCode(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code() & 0xff
	}
	return 0
}
