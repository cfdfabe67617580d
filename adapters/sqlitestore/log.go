package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// logPages is how many pages the log grows by before the leader brings it into
// the database: 16 MB.
const logPages = 4000

// log is what the leader knows of the log's growth.
type log struct {
	step int64 // how many pages it grows by, from one time to the next
	seen int64 // its length in pages, when somebody last looked
	next int64 // the length at which it is brought into the database

	guess int64 // how many pages may have come since, at most
}

// tend brings the log into the database when it has grown enough. SQLite would
// do that by itself, and tell nobody of a failure: then a sync of the database
// that failed is followed by one that succeeds and does not cover what the
// first was for, and the log, the only good copy, is overwritten.
//
// An error says that nothing more may be written. That others are busy, or that
// the database has no room to grow, is none: the log still has everything.
func (l *log) tend(ctx context.Context, db *sql.DB, batch []*write) error {
	// A look costs about as much as a small write, so there is none before there
	// can be something to see.
	for _, w := range batch {
		for _, r := range w.records {
			l.guess += 4 + int64(len(r.Body)/2048)
		}
	}
	if l.guess < l.step/8 {
		return nil
	}
	l.guess = 0
	_, pages, _, err := checkpoint(ctx, db, "NOOP") // which only looks
	if err != nil {
		return err
	}
	if pages < l.seen || l.next == 0 {
		l.next = l.step // it began anew
	}
	l.seen = pages
	if pages < l.next {
		return nil
	}
	l.next = pages + l.step // readers may have kept some of it from being moved
	_, _, _, err = checkpoint(ctx, db, "PASSIVE")
	if isBusy(err) || isFull(err) {
		return nil
	}
	return err
}

// checkpoint runs SQLite's checkpoint in one of its modes, and returns whether
// somebody was in the way, the length of the log in pages, and how many of them
// the database has.
func checkpoint(ctx context.Context, db *sql.DB, mode string) (busy bool, pages, moved int64, err error) {
	err = db.QueryRowContext(ctx, "PRAGMA wal_checkpoint("+mode+")").Scan(&busy, &pages, &moved)
	return busy, pages, moved, err
}

// flushLog brings the log that an earlier process left into the database, with
// a sync of both. Without it, what that process wrote and never synced would
// be read, acknowledged to somebody, and lost with the power.
//
// It is the first use of the file. When somebody else is about the same,
// SQLite would not wait whatever it is told, so this does.
func flushLog(ctx context.Context, db *sql.DB, log string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, busyTimeout, errLocked)
	defer cancel()
	patiently := func(try func() (busy bool, err error)) error {
		for {
			busy, err := try()
			if err == nil && !busy {
				return nil
			}
			if err != nil && !isBusy(err) && ctx.Err() == nil {
				return err
			}
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-time.After(5 * time.Millisecond):
			}
		}
	}
	if err := patiently(func() (bool, error) { return false, rewriteLog(ctx, db, log) }); err != nil {
		return err
	}
	// The names of both files, before SQLite does it, which would not tell of
	// a failure.
	if err := syncDirectory(filepath.Dir(log)); err != nil {
		return err
	}
	return patiently(func() (bool, error) {
		busy, _, _, err := checkpoint(ctx, db, "TRUNCATE")
		return busy, err
	})
}

// rewriteLog writes the log over itself and syncs it. A sync that failed in the
// process before has left pages that the kernel takes for written, so that a
// sync of them does nothing; a page that is written anew is really synced. If
// the power fails while a log that is not on the disk is being moved into the
// database, neither is left whole.
func rewriteLog(ctx context.Context, db *sql.DB, path string) error {
	tx, err := db.BeginTx(ctx, nil) // so that nobody else writes the log, or cuts it off
	if err != nil {
		return err
	}
	defer tx.Rollback() // it was for the lock alone
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	piece := make([]byte, 1<<20)
	for at := int64(0); ; {
		n, err := f.ReadAt(piece, at)
		if n == 0 && errors.Is(err, io.EOF) {
			if at == 0 {
				return nil
			}
			return f.Sync()
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if _, err := f.WriteAt(piece[:n], at); err != nil {
			return err
		}
		at += int64(n)
	}
}
