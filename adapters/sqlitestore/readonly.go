package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	sqlite3 "modernc.org/sqlite/lib"

	"github.com/imprest-go/imprest/core"
)

// ErrReadOnly is what Put and Delete answer on a store that [OpenReadOnly] opened.
// Nothing was written.
var ErrReadOnly error = &core.Error{Op: "sqlitestore", Code: core.CodeRefused, Err: errors.New("the store was opened to be read only")}

// OpenReadOnly opens the store in the file that cfg names to look at it, while
// other processes use it or none does. It makes no file, changes no schema, and
// moves nothing out of the log that a killed process left: what a record is made
// of stays as it was found. Put and Delete are [ErrReadOnly].
//
// What it shows of such a log may be taken back by a power failure, since nobody
// has synced it: it is for people who look, and nothing may be acknowledged by it.
//
// A path that is empty, a file that does not exist (errors.Is fs.ErrNotExist), one
// that holds something else, or that another version of this package has written,
// is core.CodeInvalid.
func OpenReadOnly(ctx context.Context, cfg Config) (*Store, error) {
	const op = "sqlitestore.OpenReadOnly"
	if cfg.Path == "" || strings.ContainsRune(cfg.Path, 0) {
		return nil, core.Invalid(op, "Path names the file of the store")
	}
	if err := ended(ctx); err != nil {
		return nil, err
	}
	s, err := openReadOnly(ctx, cfg.Path)
	if err == nil {
		return s, nil
	}
	failure := &core.Error{Op: op, Code: core.CodeInternal, Err: fmt.Errorf("%s: %w", cfg.Path, err)}
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, errForeign), sqliteCode(err) == sqlite3.SQLITE_NOTADB:
		failure.Code = core.CodeInvalid
	case isBusy(err):
		failure.Code, failure.Safe = core.CodeBusy, true
	case ctx.Err() != nil:
		failure.Code = core.CodeUnreached
	}
	return nil, failure
}

func openReadOnly(ctx context.Context, path string) (_ *Store, err error) {
	path, err = filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%w: it is no file", errForeign)
	case info.Size() == 0:
		return nil, fmt.Errorf("%w: it is empty", errForeign)
	}
	s := &Store{}
	s.reads = newReads(s.look)
	s.group = newGroup(func([]*write) error { return ErrReadOnly })
	s.group.refusal = ErrReadOnly
	// SQLite reads a log through an index beside it. Where there is a log, both
	// are there, and a connection that may not write leaves them as they are.
	// Where there is none, such a connection would leave both behind; one that
	// may write takes them away again, and has nothing to write from them.
	mode := "rw"
	if log, err := os.Stat(path + "-wal"); err == nil && log.Size() > 0 {
		mode = "ro"
	}
	if s.readers, err = connectAs(mode, path, readConnections, busyTimeout, "query_only(1)"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = s.Close()
		}
	}()
	var application, version int
	if err := s.readers.QueryRowContext(ctx, "SELECT application_id, user_version FROM pragma_application_id, pragma_user_version").Scan(&application, &version); err != nil {
		return nil, err
	}
	if err := known(application, version); err != nil {
		return nil, err
	}
	return s, prepareAll(ctx, s.reading())
}

// known says in what a file that is not new is not one of this version, or nil.
func known(application, version int) error {
	switch {
	case application != applicationID:
		return fmt.Errorf("%w: it is a database of another program", errForeign)
	case version != schemaVersion:
		return fmt.Errorf("%w: its schema is %d and this version knows %d", errForeign, version, schemaVersion)
	}
	return nil
}

// prepared is a statement to be compiled, and where it is kept.
type prepared struct {
	statement **sql.Stmt
	db        *sql.DB
	query     string
}

func prepareAll(ctx context.Context, all []prepared) error {
	for _, p := range all {
		var err error
		if *p.statement, err = p.db.PrepareContext(ctx, p.query); err != nil {
			return err
		}
	}
	return nil
}
