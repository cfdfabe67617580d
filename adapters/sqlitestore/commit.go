package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
)

// commit writes one batch in one transaction, and sets the outcome of each
// write. It returns an error if the store can write no more.
//
// No caller's context comes here: it would take the writes of the others along
// when it ends.
func (s *Store) commit(batch []*write) error {
	ctx := context.Background()
	do := s.commitAll
	if len(batch) == 1 {
		do = s.commitOne
	}
	err, uncertain := s.prepareFor(ctx, batch), false
	if err == nil {
		uncertain, err = do(ctx, batch)
	}
	if err == nil {
		if err := s.log.tend(ctx, s.writer, batch); err != nil {
			return broken(err) // the batch is on the disk all the same
		}
		return nil
	}
	refusal := broken(err)
	switch {
	case uncertain:
		err = fmt.Errorf("%w: %w", journal.ErrUnknown, err)
	case isBusy(err):
		err, refusal = &core.Error{Op: "sqlitestore", Code: core.CodeBusy, Safe: true, Err: fmt.Errorf("nothing was written, another process keeps the file locked: %w", err)}, nil
	case isFull(err):
		// What makes a commit count is written last, so it is not there, and
		// the next commit overwrites the rest.
		err, refusal = full(err), nil
	default:
		err = refusal
	}
	for _, w := range batch {
		w.stored, w.err = nil, err
	}
	return refusal
}

// commitAll does the writes of a batch in a transaction. After an error nothing
// was written, unless it is uncertain.
func (s *Store) commitAll(ctx context.Context, batch []*write) (uncertain bool, err error) {
	tx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	// After a commit it does nothing. Without one, not a write of the batch
	// comes into effect, whatever becomes of the rollback.
	defer func() { _ = tx.Rollback() }()
	within := map[*sql.Stmt]*sql.Stmt{} // the statements, in this transaction
	in := func(statement *sql.Stmt) *sql.Stmt {
		if within[statement] == nil {
			within[statement] = tx.StmtContext(ctx, statement)
		}
		return within[statement]
	}
	for _, w := range batch {
		counts, err := s.apply(ctx, in, w)
		if err == nil && !counts {
			err = s.lost(ctx, in, w)
		}
		if err != nil {
			return false, err
		}
	}
	s.commits++
	err = tx.Commit()
	return err != nil && !isFull(err), err
}

// commitOne does a write that is alone. Its statement is a transaction by
// itself, which spares a third of the processor's work: beginning and ending one
// costs more than the statement. What it returns is as with commitAll.
func (s *Store) commitOne(ctx context.Context, batch []*write) (uncertain bool, err error) {
	alone := func(statement *sql.Stmt) *sql.Stmt { return statement }
	s.commits++
	counts, err := s.apply(ctx, alone, batch[0])
	switch {
	case err == nil && !counts:
		return false, s.lost(ctx, alone, batch[0])
	case err == nil, isBusy(err), isFull(err), beforeCommit(err):
		return false, err
	}
	return true, err
}

// beforeCommit reports whether an error is one that no commit has: the statement
// itself is wrong, or what it looks for could not be read.
func beforeCommit(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && slices.Contains([]int{
		sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_SHORT_READ, sqlite3.SQLITE_IOERR_CORRUPTFS,
	}, e.Code())
}

// prepareFor compiles the statements that a batch needs and that are not there.
func (s *Store) prepareFor(ctx context.Context, batch []*write) error {
	for _, w := range batch {
		if n := len(w.records); n > 1 && s.all[n] == nil {
			if err := prepareAll(ctx, []prepared{{&s.all[n], s.writer, putAll(n)}}); err != nil {
				return err
			}
		}
	}
	return nil
}

// putAll is a statement that writes n records, or none if one of them names a
// version that is not stored: it is whole by itself, alone or in a transaction.
// The parameters are id, version, due, expires and body of each.
func putAll(n int) string {
	var values, match []string
	for i := range n {
		at := 5 * i
		values = append(values, fmt.Sprintf("(?%d, ?%d, ?%d, ?%d, ?%d)", at+1, at+2, at+3, at+4, at+5))
		match = append(match, fmt.Sprintf("ifnull((SELECT version FROM records WHERE id = ?%d), 0) = ?%d", at+1, at+2))
	}
	return "INSERT INTO records (" + columns + ") SELECT column1, column2 + 1, column3, column4, column5 FROM (VALUES " + strings.Join(values, ", ") + ")" +
		" WHERE " + strings.Join(match, " AND ") +
		" ON CONFLICT (id) DO UPDATE SET version = excluded.version, due = excluded.due, expires = excluded.expires, body = excluded.body"
}

// apply does one write, and reports whether it counts; it does not if it named
// another version than the one that is stored.
func (s *Store) apply(ctx context.Context, in func(*sql.Stmt) *sql.Stmt, w *write) (counts bool, err error) {
	r := w.records[0]
	var result sql.Result
	switch {
	case w.remove:
		result, err = in(s.remove).ExecContext(ctx, r.ID, r.Version)
	case len(w.records) > 1:
		args := make([]any, 0, 5*len(w.records))
		for _, r := range w.records {
			args = append(args, r.ID, r.Version, millis(r.Due), millis(r.Expires), r.Body)
		}
		result, err = in(s.all[len(w.records)]).ExecContext(ctx, args...)
	case r.Version == 0:
		result, err = in(s.insert).ExecContext(ctx, r.ID, millis(r.Due), millis(r.Expires), r.Body)
	default:
		result, err = in(s.update).ExecContext(ctx, millis(r.Due), millis(r.Expires), r.Body, r.ID, r.Version)
	}
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	if err != nil || n == 0 {
		return false, err
	}
	if !w.remove {
		w.stored = w.records
		for i := range w.stored {
			w.stored[i].Version++
		}
	}
	return true, nil
}

// lost sets the outcome of a write that does not count. What it is shown may
// be of the same batch: it is not durable yet, but nor is anybody answered.
func (s *Store) lost(ctx context.Context, in func(*sql.Stmt) *sql.Stmt, w *write) error {
	w.err = journal.ErrConflict
	for _, r := range w.records {
		stored, err := scan(in(s.stored).QueryRowContext(ctx, r.ID))
		absent := errors.Is(err, sql.ErrNoRows)
		if err != nil && !absent {
			return err
		}
		if w.remove && absent {
			w.err = journal.ErrNotFound
		}
		w.stored = append(w.stored, stored)
	}
	return nil
}
