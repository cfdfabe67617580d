package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	"slices"

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
func (s *Store) commit(batch []*write) (refusal error) {
	s.session.hold(0)
	defer func() {
		if refusal != nil {
			s.session.torn = true // who looks does so elsewhere
		}
		s.session.release()
	}()
	uncertain := false
	err := s.session.use(func() (err error) {
		if w := batch[0]; len(batch) == 1 && len(w.records) == 1 && !s.session.torn {
			uncertain, err = s.commitOne(w)
		} else {
			uncertain, err = s.commitAll(batch)
		}
		return err
	})
	if err == nil {
		if err := s.log.tend(context.Background(), s.writer, batch); err != nil {
			return broken(err) // the batch is on the disk all the same
		}
		return nil
	}
	refusal = broken(err)
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
func (s *Store) commitAll(batch []*write) (uncertain bool, err error) {
	uncertain, err = s.session.within(&s.session.begin, func() error {
		for _, w := range batch {
			if err := s.session.apply(w); err != nil {
				return err
			}
		}
		s.commits++
		return nil
	})
	return uncertain && err != nil && !isFull(err), err
}

// commitOne does a write that is alone, of one record. Its statement is a
// transaction by itself, which costs less than to begin one and to end it. What
// it returns is as with commitAll.
func (s *Store) commitOne(w *write) (uncertain bool, err error) {
	s.commits++
	counts, err := s.session.change(w.records[0], w.remove)
	switch {
	case err == nil && !counts:
		return false, s.session.lost(w)
	case err == nil:
		w.count()
		return false, nil
	case isBusy(err), isFull(err), beforeCommit(err):
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

// apply does one write, in a transaction, and sets its outcome. It does not count
// if it named another version than the one that is stored.
func (s *session) apply(w *write) error {
	// Nobody else writes until the transaction ends, so what is found to be
	// stored before the first record is changed holds for all of them.
	for _, r := range w.records[1:] {
		version, err := s.versionOf(r.ID)
		if err != nil {
			return err
		}
		if version != r.Version {
			return s.lost(w)
		}
	}
	for i, r := range w.records {
		counts, err := s.change(r, w.remove)
		switch {
		case err != nil:
			return err
		case !counts && i > 0:
			return errors.New("a record has changed within the transaction")
		case !counts:
			return s.lost(w)
		}
	}
	w.count()
	return nil
}

// change writes or removes r, if the version that it names is stored.
func (s *session) change(r journal.Record, remove bool) (counts bool, err error) {
	switch {
	case remove:
		return s.remove.exec(r.ID, r.Version)
	case r.Version == 0:
		return s.insert.exec(r.ID, millis(r.Due), millis(r.Expires), r.Body)
	}
	return s.update.exec(millis(r.Due), millis(r.Expires), r.Body, r.ID, r.Version)
}

// lost sets the outcome of a write that does not count. What it is shown may
// be of the same batch: it is not durable yet, but nor is anybody answered.
func (s *session) lost(w *write) error {
	w.err = journal.ErrConflict
	for _, r := range w.records {
		stored, err := s.get(r.ID)
		if err != nil {
			return err
		}
		if w.remove && stored.Version == 0 {
			w.err = journal.ErrNotFound
		}
		w.stored = append(w.stored, stored)
	}
	return nil
}

// count sets the outcome of a write that counts.
func (w *write) count() {
	if w.remove {
		return
	}
	w.stored = w.records
	for i := range w.stored {
		w.stored[i].Version++
	}
}
