package sqlitestore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"time"

	"github.com/imprest-go/imprest/core/journal"
)

// session is the connection that writes, and what is compiled on it. Its
// statements go to the driver itself: what package sql adds to each, for
// arguments, locks and pools, is as much as SQLite needs for a small record.
//
// Whoever uses it holds it: the leader of a batch, or a look at the file that
// may as well be made here. Its pages stay in memory, while a connection that
// only reads drops all that it has as soon as somebody else has written.
type session struct {
	held chan struct{} // holds one while somebody does; who waits comes in turn

	db   *sql.DB
	conn any // what the statements are compiled on
	all  []driver.Stmt

	begin, commit, rollback statement
	snapshot                statement // begins to read
	insert, update, remove  statement
	version, stored         statement

	// torn says that a transaction was begun that may not have ended: what is
	// read here may not be on the disk, and a statement alone is not committed.
	torn bool
}

// statement is one that is compiled, with room for its arguments.
type statement struct {
	compiled driver.Stmt
	args     []driver.NamedValue
}

func newSession(db *sql.DB) *session { return &session{held: make(chan struct{}, 1), db: db} }

// prepare compiles the statements.
func (s *session) prepare(ctx context.Context) error {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Raw(func(c any) error {
		s.conn = c
		for _, p := range []struct {
			statement *statement
			query     string
		}{
			{&s.begin, "BEGIN IMMEDIATE"}, // a transaction that reads first could not be upgraded
			{&s.snapshot, "BEGIN"},
			{&s.commit, "COMMIT"},
			{&s.rollback, "ROLLBACK"},
			{&s.insert, "INSERT INTO records (" + columns + ") VALUES (?, 1, ?, ?, ?) ON CONFLICT DO NOTHING"},
			{&s.update, "UPDATE records SET version = version + 1, due = ?, expires = ?, body = ? WHERE id = ? AND version = ?"},
			{&s.remove, "DELETE FROM records WHERE id = ? AND version = ?"},
			{&s.version, "SELECT version FROM records WHERE id = ?"},
			{&s.stored, "SELECT version, due, expires, body FROM records WHERE id = ?"},
		} {
			compiled, err := c.(driver.ConnPrepareContext).PrepareContext(ctx, p.query)
			if err != nil {
				return err
			}
			p.statement.compiled = compiled
			s.all = append(s.all, compiled)
		}
		return nil
	})
}

// hold waits until nobody else uses s, as long as patience, or for ever if that
// is 0, and reports whether the caller holds it now.
func (s *session) hold(patience time.Duration) bool {
	if patience == 0 {
		s.held <- struct{}{}
		return true
	}
	select {
	case s.held <- struct{}{}:
		return true
	default:
	}
	over := time.NewTimer(patience)
	defer over.Stop()
	select {
	case s.held <- struct{}{}:
		return true
	case <-over.C:
		return false
	}
}

func (s *session) release() { <-s.held }

// sees reports whether what is read here is what is on the disk. The caller
// holds s.
func (s *session) sees() bool { return s.conn != nil && !s.torn }

// errNoSession says that the connection on which the statements were compiled
// is there no more.
var errNoSession = errors.New("the connection that writes was lost")

// use calls do with the statements ready. If do panics, the connection is
// closed, so that it does not keep the file locked.
func (s *session) use(do func() error) error {
	conn, err := s.db.Conn(context.Background())
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Raw(func(c any) error {
		if c != s.conn {
			return errNoSession
		}
		panicked := true
		defer func() {
			if panicked {
				s.forget()
			}
		}()
		err := do()
		panicked = false
		return err
	})
}

// forget gives the statements up. A connection that has some is not really
// closed when it is.
func (s *session) forget() {
	for _, compiled := range s.all {
		_ = compiled.Close()
	}
	s.all, s.conn = nil, nil
}

// close closes the connection, when nobody holds s any more.
func (s *session) close() error {
	s.hold(0)
	defer s.release()
	if s.conn != nil {
		_ = s.use(func() error {
			s.forget()
			return nil
		})
	}
	return s.db.Close()
}

// within does what do says in a transaction. It returns whether that came so
// far as to be committed, too: an error that comes then may leave it open
// whether it was.
func (s *session) within(begin *statement, do func() error) (committing bool, err error) {
	if _, err := begin.exec(); err != nil {
		return false, err
	}
	s.torn = true
	if err = do(); err == nil {
		committing = true
		_, err = s.commit.exec()
	}
	if err != nil {
		// Some errors have ended the transaction already.
		if _, err := s.rollback.exec(); err == nil {
			s.torn = false
		}
		return committing, err
	}
	s.torn = false
	return committing, nil
}

func (p *statement) bind(values []driver.Value) []driver.NamedValue {
	p.args = p.args[:0]
	for i, v := range values {
		p.args = append(p.args, driver.NamedValue{Ordinal: i + 1, Value: v})
	}
	return p.args
}

// exec runs a statement that changes one record at most, and reports whether it
// did.
func (p *statement) exec(values ...driver.Value) (changed bool, err error) {
	result, err := p.compiled.(driver.StmtExecContext).ExecContext(context.Background(), p.bind(values))
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

// find runs a query for one row into row, and reports whether there is one.
func (p *statement) find(row []driver.Value, values ...driver.Value) (found bool, err error) {
	rows, err := p.compiled.(driver.StmtQueryContext).QueryContext(context.Background(), p.bind(values))
	if err != nil {
		return false, err
	}
	err = rows.Next(row)
	err = errors.Join(err, rows.Close())
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, io.EOF):
		return false, nil
	}
	return false, err
}

// versionOf returns the version that is stored under id, 0 if none is.
func (s *session) versionOf(id string) (int64, error) {
	var row [1]driver.Value
	found, err := s.version.find(row[:], id)
	if err != nil || !found {
		return 0, err
	}
	return row[0].(int64), nil
}

// get returns what is stored under id, the zero Record if nothing is.
func (s *session) get(id string) (r journal.Record, err error) {
	var row [4]driver.Value
	found, err := s.stored.find(row[:], id)
	if err != nil || !found {
		return r, err
	}
	r = journal.Record{ID: id, Version: row[0].(int64)}
	if due, ok := row[1].(int64); ok {
		r.Due = time.UnixMilli(due).UTC()
	}
	if expires, ok := row[2].(int64); ok {
		r.Expires = time.UnixMilli(expires).UTC()
	}
	r.Body, _ = row[3].([]byte) // an empty one comes as nothing
	return r, nil
}
