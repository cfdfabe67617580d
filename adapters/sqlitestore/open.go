package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	sqlite3 "modernc.org/sqlite/lib"

	"github.com/imprest-go/imprest/core"
)

// Config says which file a [Store] keeps its records in.
type Config struct {
	// Path names the file. It is created if there is none, for its owner
	// alone (0600); its directory must exist, on a local disk. SQLite keeps
	// two more files beside it, Path-wal and Path-shm, which belong to it.
	Path string
}

// synchronous is when SQLite syncs its log: with FULL, before each commit
// returns. With anything less, Put answers for writes that a power failure
// takes back.
const synchronous = "FULL"

const (
	// busyTimeout is how long a connection waits for another process.
	busyTimeout = 10 * time.Second
	// applicationID marks the file as ours in the header of the database.
	applicationID = 0x696d7072 // "impr"
	// schemaVersion is the schema that this package reads and writes.
	schemaVersion = 1
	// readConnections is how many reads run at once.
	readConnections = 4
)

// schema creates version 1. Ids are compared bytewise; due and expires are
// milliseconds since 1970, NULL for never.
const schema = `
CREATE TABLE records (
	id      TEXT COLLATE BINARY NOT NULL PRIMARY KEY,
	version INTEGER NOT NULL,
	due     INTEGER,
	expires INTEGER,
	body    BLOB NOT NULL
) STRICT;
CREATE INDEX records_due ON records (due) WHERE due IS NOT NULL;
`

// Open opens the store in the file that cfg names, and creates it if there is
// none. Everything that an earlier process was answered for is there; what it
// left in the log without an answer is made durable, or dropped, before
// anything is read.
//
// A path that is empty is core.CodeInvalid; so is a file that holds something
// else, or that a newer version of this package has written. core.CodeBusy: an
// other process kept the file locked for ten seconds.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if cfg.Path == "" || strings.ContainsRune(cfg.Path, 0) {
		return nil, core.Invalid("sqlitestore.Open", "Path names the file of the store; for one in memory use journal.NewMemory")
	}
	if err := ended(ctx); err != nil {
		return nil, err
	}
	s, err := open(ctx, cfg.Path)
	if err == nil {
		return s, nil
	}
	failure := &core.Error{Op: "sqlitestore.Open", Code: core.CodeInternal, Err: fmt.Errorf("%s: %w", cfg.Path, err)}
	switch {
	case errors.Is(err, errForeign) || sqliteCode(err) == sqlite3.SQLITE_NOTADB:
		failure.Code = core.CodeInvalid
	case errors.Is(err, errLocked) || isBusy(err):
		failure.Code, failure.Safe = core.CodeBusy, true
	case ctx.Err() != nil:
		failure.Code = core.CodeUnreached
	}
	return nil, failure
}

var (
	// errForeign says that the file is not one that this package may touch.
	errForeign = errors.New("not a journal that this version can use")
	errLocked  = errors.New("another process keeps the file locked: try again, or end it")
)

func open(ctx context.Context, path string) (_ *Store, err error) {
	path, err = filepath.Abs(path) // so that no name (":memory:") means anything else
	if err != nil {
		return nil, err
	}
	if err := create(path); err != nil {
		return nil, err
	}
	s := &Store{log: log{step: logPages}}
	s.group, s.reads = newGroup(s.commit), newReads(s.look)
	// The first connection waits for others in short steps, so that flushLog can
	// keep to ctx. It stays until the writer is connected: while somebody is,
	// a log that another process leaves behind is not read anew.
	first, err := connect(path, 1, 50*time.Millisecond, "journal_mode(WAL)", "wal_autocheckpoint(0)")
	if err != nil {
		return nil, err
	}
	if s.writer, err = connect(path, 1, busyTimeout, "journal_mode(WAL)", "cache_size(-16384)", "wal_autocheckpoint(0)"); err != nil {
		return nil, errors.Join(err, first.Close())
	}
	s.session = newSession(s.writer)
	if s.readers, err = connectAs("ro", path, readConnections, busyTimeout, "query_only(1)"); err != nil {
		return nil, errors.Join(err, first.Close(), s.writer.Close())
	}
	defer func() {
		_ = first.Close()
		switch {
		case errors.Is(err, errForeign):
			_ = s.Close() // and nothing is left beside it
		case err != nil:
			_ = s.abandon()
		}
	}()
	if err := flushLog(ctx, first, path+"-wal"); err != nil {
		return nil, err
	}
	if err := s.migrate(ctx); err != nil {
		return nil, err
	}
	if err := s.prepare(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// create makes an empty file that only its owner can read, since SQLite would
// make one that everybody can. It must not touch a file that is there: closing
// one releases the locks that SQLite holds on it elsewhere in this process.
func create(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// connect returns a pool of at most n connections that wait for other
// processes as long as busy. What a connection is told stands in its name, so
// that every one that the pool ever opens is told.
func connect(path string, n int, busy time.Duration, pragmas ...string) (*sql.DB, error) {
	return connectAs("rwc", path, n, busy, pragmas...)
}

// connectAs is connect with what SQLite may do to the file: "rwc" is everything,
// "rw" makes none, "ro" writes none.
func connectAs(mode, path string, n int, busy time.Duration, pragmas ...string) (*sql.DB, error) {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // a drive letter
	}
	pragmas = append(pragmas,
		fmt.Sprintf("busy_timeout(%d)", busy.Milliseconds()),
		"synchronous("+synchronous+")",
		"fullfsync(1)", // on macOS a sync without it stops at the drive's cache
		"checkpoint_fullfsync(1)",
	)
	name := url.URL{Scheme: "file", Path: path, RawQuery: url.Values{
		"mode":    {mode},
		"_txlock": {"immediate"}, // a transaction that reads first could not be upgraded
		"_pragma": pragmas,
	}.Encode()}
	db, err := sql.Open("sqlite", name.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	return db, nil
}

// migrate brings the schema to the version that this package knows.
func (s *Store) migrate(ctx context.Context) error {
	tx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // after a commit it does nothing
	var application, version, tables int
	if err := tx.QueryRowContext(ctx, "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema) FROM pragma_application_id, pragma_user_version").Scan(&application, &version, &tables); err != nil {
		return err
	}
	switch {
	case application == 0 && version == 0 && tables == 0:
	default:
		return known(application, version)
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("%s PRAGMA application_id = %d; PRAGMA user_version = %d;", schema, applicationID, schemaVersion)); err != nil {
		return err
	}
	return tx.Commit()
}

// syncDirectory makes the name of a new file durable.
func syncDirectory(path string) error {
	if runtime.GOOS == "windows" {
		return nil // a directory cannot be synced there, nor need it be
	}
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
