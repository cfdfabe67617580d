package sqlitestore_test

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/adapters/sqlitestore"
	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
)

// raw opens the file as any program would.
func raw(t testing.TB, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func TestOpenTakesThePathAsItIs(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, path := range []string{
		"relative.db", ":memory:", "file::memory:?cache=shared", "a b.db", "a?b=c&_pragma=query_only(1).db", "50%25#1.db", "订单.db", "'quoted'.db", "+plus+.db",
		filepath.Join(dir, "absolute.db"),
	} {
		s, err := sqlitestore.Open(t.Context(), sqlitestore.Config{Path: path})
		require.NoError(t, err, "open of %q", path)
		_, err = s.Put(t.Context(), journal.Record{ID: "p/1"})
		require.NoError(t, err)
		require.NoError(t, s.Close())
		info, err := os.Stat(path)
		require.NoError(t, err, "the file is where it was asked for")
		require.NotZero(t, info.Size())
		if runtime.GOOS != "windows" {
			require.Equal(t, fs.FileMode(0o600), info.Mode(), "for its owner alone")
		}
	}
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, files, 10, "one file each, and no log after Close: %v", files)
}

func TestTheLogIsForTheOwnerAloneToo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	s := open(t, path)
	_, err := s.Put(t.Context(), journal.Record{ID: "p/1"})
	require.NoError(t, err)
	for _, suffix := range []string{"-wal", "-shm"} {
		info, err := os.Stat(path + suffix)
		require.NoError(t, err)
		if runtime.GOOS != "windows" {
			require.Equal(t, fs.FileMode(0o600), info.Mode(), suffix)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	require.NoError(t, os.WriteFile(in("text.db"), []byte("this is a text, and a long one, not a database of any kind\n"), 0o600))
	_, err := raw(t, in("other.db")).ExecContext(t.Context(), "CREATE TABLE customers (name TEXT)")
	require.NoError(t, err)
	_, err = raw(t, in("marked.db")).ExecContext(t.Context(), "PRAGMA application_id = 7")
	require.NoError(t, err)
	require.NoError(t, open(t, in("newer.db")).Close())
	_, err = raw(t, in("newer.db")).ExecContext(t.Context(), "PRAGMA user_version = 2")
	require.NoError(t, err)
	for name, want := range map[string]struct {
		code core.Code
		says string
	}{
		"":              {core.CodeInvalid, "Path names the file"},
		"a\x00b":        {core.CodeInvalid, "Path names the file"},
		in("text.db"):   {core.CodeInvalid, "not a database"},
		in("other.db"):  {core.CodeInvalid, "of another program"},
		in("marked.db"): {core.CodeInvalid, "of another program"},
		in("newer.db"):  {core.CodeInvalid, "its schema is 2 and this version knows 1"},
		in("none/x.db"): {core.CodeInternal, "no such file"},
		dir:             {core.CodeInternal, "unable to open"},
	} {
		_, err := sqlitestore.Open(t.Context(), sqlitestore.Config{Path: name})
		require.Error(t, err, "open of %q", name)
		require.Equal(t, want.code, core.CodeOf(err), "%v", err)
		require.ErrorContains(t, err, want.says)
		require.False(t, core.Retryable(err), "%v", err)
	}
	var tables int
	require.NoError(t, raw(t, in("other.db")).QueryRowContext(t.Context(), "SELECT count(*) FROM sqlite_schema").Scan(&tables))
	require.Equal(t, 1, tables, "what belongs to another program is not touched")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = sqlitestore.Open(ctx, sqlitestore.Config{Path: in("late.db")})
	require.ErrorIs(t, err, context.Canceled)
	require.NoFileExists(t, in("late.db"))
}

func TestOpenWhileAnotherHoldsTheLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	require.NoError(t, open(t, path).Close())
	other := raw(t, path)
	other.SetMaxOpenConns(1)
	_, err := other.ExecContext(t.Context(), "BEGIN EXCLUSIVE")
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = sqlitestore.Open(ctx, sqlitestore.Config{Path: path})
	require.Error(t, err)
	require.ErrorIs(t, err, context.DeadlineExceeded)

	_, err = other.ExecContext(t.Context(), "COMMIT")
	require.NoError(t, err)
	open(t, path)
}

func TestClose(t *testing.T) {
	s, err := sqlitestore.Open(t.Context(), sqlitestore.Config{Path: filepath.Join(t.TempDir(), "journal.db")})
	require.NoError(t, err)
	r, err := s.Put(t.Context(), journal.Record{ID: "p/1"})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	require.NoError(t, s.Close(), "a second time")

	_, err = s.Put(t.Context(), r)
	require.ErrorIs(t, err, sqlitestore.ErrClosed)
	require.ErrorIs(t, s.Delete(t.Context(), r.ID, r.Version), sqlitestore.ErrClosed)
	_, err = s.Get(t.Context(), "p/1")
	require.ErrorIs(t, err, sqlitestore.ErrClosed)
	_, err = s.Due(t.Context(), time.Now(), 1)
	require.ErrorIs(t, err, sqlitestore.ErrClosed)
	_, err = s.List(t.Context(), "", "", 1)
	require.ErrorIs(t, err, sqlitestore.ErrClosed)
}

// Close in the middle of everything: a put that returned nil is there.
func TestCloseUnderLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	s, err := sqlitestore.Open(t.Context(), sqlitestore.Config{Path: path})
	require.NoError(t, err)
	var answered sync.Map
	var done sync.WaitGroup
	begun := make(chan struct{}, 64)
	for i := range 16 {
		done.Go(func() {
			for n := 0; ; n++ {
				id := "p/" + string(rune('a'+i)) + string(rune('!'+n%90))
				r, err := s.Get(t.Context(), id)
				if err == nil || errors.Is(err, journal.ErrNotFound) {
					r.ID = id
					r, err = s.Put(t.Context(), r)
				}
				if err != nil {
					assert.ErrorIs(t, err, sqlitestore.ErrClosed)
					return
				}
				answered.Store(id, r.Version)
				select {
				case begun <- struct{}{}:
				default:
				}
			}
		})
	}
	for range cap(begun) {
		<-begun
	}
	require.NoError(t, s.Close())
	done.Wait()
	again := open(t, path)
	answered.Range(func(id, version any) bool {
		r, err := again.Get(t.Context(), id.(string))
		require.NoError(t, err)
		require.Equal(t, version, r.Version)
		return true
	})
}

// Several stores on one file, in one process and opened at once: each waits
// for its turn, and no write is lost.
func TestStoresOpenedAtOnce(t *testing.T) {
	const stores, each = 6, 15
	path := filepath.Join(t.TempDir(), "journal.db")
	var done sync.WaitGroup
	for range stores {
		done.Go(func() {
			s, err := sqlitestore.Open(t.Context(), sqlitestore.Config{Path: path})
			if !assert.NoError(t, err) {
				return
			}
			assert.NoError(t, count(t.Context(), s, each))
			assert.NoError(t, s.Close())
		})
	}
	done.Wait()
	r, err := open(t, path).Get(t.Context(), "p/counter")
	require.NoError(t, err)
	require.Equal(t, int64(stores*each), r.Version)
}

// count writes one record n times, whoever else does the same.
func count(ctx context.Context, s *sqlitestore.Store, n int) error {
	r := journal.Record{ID: "p/counter"}
	for done := 0; done < n; {
		stored, err := s.Put(ctx, r)
		switch {
		case err == nil:
			done++
		case !errors.Is(err, journal.ErrConflict):
			return err
		}
		r = stored
	}
	return nil
}
