package pgstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
)

// Config says where the database is.
type Config struct {
	// URL is "postgres://user:password@host/database?sslmode=verify-full", or
	// key=value pairs; pool_max_conns and its like are read, too. A secret,
	// since it holds a password. Required.
	URL core.Secret
	// Connections is how many connections are open at most; 0 is 8, or what
	// URL says.
	Connections int
	// Timeout bounds each call, the wait for a connection included; 0 is 10
	// seconds.
	Timeout time.Duration
}

// Store is a [journal.Store] in a PostgreSQL database. Make one with [Open], and
// Close it. It may be used from many goroutines and processes at once.
type Store struct {
	pool    *pgxpool.Pool
	timeout time.Duration
}

var _ journal.AtomicStore = (*Store)(nil)

// Open checks cfg and returns a store. It connects when it is first used. Its
// errors have core.CodeInvalid, and show nothing of the URL.
func Open(cfg Config) (*Store, error) {
	const op = "pgstore.Open"
	pool, err := cfg.parse(op)
	if err != nil {
		return nil, err
	}
	pool.ConnConfig.RuntimeParams["synchronous_commit"] = "on"
	pool.AfterConnect = checkConnection
	opened, err := pgxpool.NewWithConfig(context.Background(), pool)
	if err != nil {
		return nil, core.Invalid(op, "URL cannot be used")
	}
	return &Store{pool: opened, timeout: cmp.Or(cfg.Timeout, 10*time.Second)}, nil
}

// parse checks cfg, for Open and for Migrate.
func (cfg Config) parse(op string) (*pgxpool.Config, error) {
	if cfg.URL.IsZero() {
		return nil, core.Invalid(op, "URL must be set: postgres://user:password@host/database")
	}
	pool, err := pgxpool.ParseConfig(cfg.URL.Reveal())
	if err != nil { // it holds the text
		return nil, core.Invalid(op, "URL cannot be read: it must be of the form postgres://user:password@host/database")
	}
	switch {
	case cfg.Connections < 0 || cfg.Connections > 1<<15:
		return nil, core.Invalid(op, "Connections must not be negative, or beyond reason")
	case cfg.Timeout < 0:
		return nil, core.Invalid(op, "Timeout must not be negative")
	case cfg.Connections > 0:
		pool.MaxConns = int32(cfg.Connections)
	case !strings.Contains(cfg.URL.Reveal(), "pool_max_conns"):
		pool.MaxConns = 8
	}
	if pool.ConnConfig.RuntimeParams["application_name"] == "" {
		pool.ConnConfig.RuntimeParams["application_name"] = "imprest"
	}
	return pool, nil
}

// Close waits for what is under way and closes all connections.
func (s *Store) Close() error {
	s.pool.Close()
	return nil
}

// Numbers and ids are sent with their type, so that a table of another form is an
// error of the statement, before it does anything. A body is not: PostgreSQL would
// write a bytea into a text, as hex digits.
const columns = "id, version, due, expires, body"

// Put implements [journal.Store].
func (s *Store) Put(ctx context.Context, r journal.Record) (journal.Record, error) {
	if err := r.Check(); err != nil {
		return journal.Record{}, err
	}
	call, cancel, err := s.within(ctx)
	if err != nil {
		return journal.Record{}, err
	}
	defer cancel()
	r.Due, r.Expires = journal.Millis(r.Due), journal.Millis(r.Expires)
	r.Body = append(make([]byte, 0, len(r.Body)), r.Body...)
	var tag pgconn.CommandTag
	if r.Version == 0 {
		tag, err = s.exec(call, "INSERT INTO imprest_records ("+columns+") VALUES ($1::text, 1, $2::bigint, $3::bigint, $4) ON CONFLICT (id) DO NOTHING",
			r.ID, millis(r.Due), millis(r.Expires), r.Body)
	} else {
		tag, err = s.exec(call, "UPDATE imprest_records SET version = version + 1, due = $3::bigint, expires = $4::bigint, body = $5 WHERE id = $1::text AND version = $2::bigint",
			r.ID, r.Version, millis(r.Due), millis(r.Expires), r.Body)
	}
	if err != nil {
		return journal.Record{}, unwritten(call, "put", err)
	}
	if tag.RowsAffected() == 1 {
		r.Version++
		return r, nil
	}
	// It lost, and certainly changed nothing.
	stored, err := s.Get(ctx, r.ID)
	if errors.Is(err, journal.ErrNotFound) {
		return journal.Record{}, journal.ErrConflict
	}
	if err != nil {
		return journal.Record{}, err
	}
	return stored, journal.ErrConflict
}

// Get implements [journal.Store].
func (s *Store) Get(ctx context.Context, id string) (journal.Record, error) {
	if err := journal.CheckID(id); err != nil {
		return journal.Record{}, err
	}
	found, err := s.query(ctx, "get", 1, "SELECT "+columns+" FROM imprest_records WHERE id = $1::text LIMIT $2", id, 1)
	if err != nil {
		return journal.Record{}, err
	}
	if len(found) == 0 {
		return journal.Record{}, journal.ErrNotFound
	}
	return found[0], nil
}

// Delete implements [journal.Store].
func (s *Store) Delete(ctx context.Context, id string, version int64) error {
	if err := journal.CheckID(id); err != nil {
		return err
	}
	call, cancel, err := s.within(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	tag, err := s.exec(call, "DELETE FROM imprest_records WHERE id = $1::text AND version = $2::bigint", id, version)
	if err != nil {
		return unwritten(call, "delete", err)
	}
	if tag.RowsAffected() == 1 {
		return nil
	}
	if _, err := s.Get(ctx, id); err != nil {
		return err // journal.ErrNotFound among them
	}
	return journal.ErrConflict
}

// Due implements [journal.Store]. It is exact: nothing lags.
func (s *Store) Due(ctx context.Context, before time.Time, limit int) ([]journal.Record, error) {
	return s.query(ctx, "due", limit, "SELECT "+columns+" FROM imprest_records WHERE due <= $1::bigint ORDER BY due LIMIT $2", before.UnixMilli(), limit)
}

// List implements [journal.Store].
func (s *Store) List(ctx context.Context, prefix, after string, limit int) ([]journal.Record, error) {
	beginning, rest := cut(prefix)
	if rest != "" {
		limit = 0 // no id has such a byte
	}
	after, rest = cut(after)
	if rest > "~" {
		after += end
	}
	return s.query(ctx, "list", limit, "SELECT "+columns+" FROM imprest_records WHERE id >= $1::text AND id < $2::text AND id > $3::text ORDER BY id LIMIT $4",
		beginning, beginning+end, after, limit)
}

// end is greater than every byte of an id.
const end = "\x7f"

// cut splits a text before the first byte that no id has: PostgreSQL takes no
// text that is not UTF-8. What is behind it says only whether the ids that begin
// alike come before or after it.
func cut(text string) (before, rest string) {
	for i := range len(text) {
		if text[i] < '!' || text[i] > '~' {
			return text[:i], text[i:]
		}
	}
	return text, ""
}

func (s *Store) query(ctx context.Context, op string, limit int, sql string, args ...any) ([]journal.Record, error) {
	ctx, cancel, err := s.within(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	if limit < 1 {
		return nil, nil
	}
	rows, err := s.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, unread(ctx, op, err)
	}
	found, err := pgx.CollectRows(rows, scan)
	if err != nil {
		return nil, unread(ctx, op, err)
	}
	return found, nil
}

// unsent is the error of a statement that got no connection.
type unsent struct{ error }

func (u unsent) Unwrap() error { return u.error }

// exec makes a statement that writes, on a connection of its own.
func (s *Store) exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return pgconn.CommandTag{}, unsent{err}
	}
	defer conn.Release()
	return conn.Exec(ctx, sql, args...)
}

func scan(row pgx.CollectableRow) (journal.Record, error) {
	var r journal.Record
	if row.FieldDescriptions()[4].DataTypeOID != pgtype.ByteaOID {
		return r, ErrSchema // what is read would not be what was written
	}
	var due, expires *int64
	if err := row.Scan(&r.ID, &r.Version, &due, &expires, &r.Body); err != nil {
		return journal.Record{}, err
	}
	if due != nil {
		r.Due = time.UnixMilli(*due).UTC()
	}
	if expires != nil {
		r.Expires = time.UnixMilli(*expires).UTC()
	}
	return r, nil
}

// millis is t as it is stored: milliseconds since 1970, NULL for never.
func millis(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	ms := t.UnixMilli()
	return &ms
}

// within bounds a call; an error if ctx is over already, so that nothing is done.
func (s *Store) within(ctx context.Context) (context.Context, context.CancelFunc, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, &core.Error{Op: "pgstore", Code: core.CodeUnreached, Err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	return ctx, cancel, nil
}

// withCause adds the context's error, where the driver's does not hold it.
func withCause(ctx context.Context, err error) error {
	if cause := ctx.Err(); cause != nil && !errors.Is(err, cause) {
		return fmt.Errorf("%w (%w)", err, cause)
	}
	return err
}

// unread is the error of a read that failed. It may be made again.
func unread(ctx context.Context, op string, err error) error {
	switch {
	case errors.Is(err, ErrSchema):
		return err
	case noSchema(err):
		return fmt.Errorf("%w (%s): %s", ErrSchema, sqlState(err), remedy)
	}
	return &core.Error{Op: "pgstore." + op, Code: core.CodeUnreached, Safe: true, Err: withCause(ctx, err)}
}

// unwritten is the error of a write that failed. Only a statement that was never
// sent, or that the database itself says it has not done, is known not to count.
func unwritten(ctx context.Context, op string, err error) error {
	_, waiting := errors.AsType[unsent](err)
	switch state := sqlState(err); {
	case noSchema(err):
		return fmt.Errorf("%w (%s): %s", ErrSchema, state, remedy)
	case errors.Is(err, ErrSchema):
		return err
	case state != "" && !ambiguous(state), pgconn.SafeToRetry(err), waiting:
		return &core.Error{Op: "pgstore." + op, Code: core.CodeUnreached, Safe: true, Err: fmt.Errorf("nothing was written: %w", withCause(ctx, err))}
	}
	return fmt.Errorf("%w: %w", journal.ErrUnknown, withCause(ctx, err))
}

// sqlState returns what the database called its error, or "" if it was none of
// the database's.
func sqlState(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

// noSchema reports whether a table or a column is not there, of another type, or
// one that we do not know of and that wants a value.
func noSchema(err error) bool {
	switch sqlState(err) {
	case "42P01", "42703", "42804", "42883", "42P10", "23502", "22021", "22P02":
		return true
	}
	return false
}

// ambiguous reports whether a statement may have been done in spite of its
// error: the server was going down, or says itself that it does not know.
func ambiguous(state string) bool {
	return strings.HasPrefix(state, "08") || strings.HasPrefix(state, "57P") || strings.HasPrefix(state, "XX") || state == "40003"
}
