package sqlitestore_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/adapters/sqlitestore"
	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
)

func look(t testing.TB, path string) *sqlitestore.Store {
	t.Helper()
	s, err := sqlitestore.OpenReadOnly(t.Context(), sqlitestore.Config{Path: path})
	require.NoError(t, err)
	return s
}

// folder is every file of a folder with what is in it.
func folder(t testing.TB, dir string) map[string]string {
	t.Helper()
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	all := map[string]string{}
	for _, file := range files {
		content, err := os.ReadFile(filepath.Join(dir, file.Name()))
		require.NoError(t, err)
		all[file.Name()] = string(content)
	}
	return all
}

// lookAtAll reads a store of one record by every method, and is refused to write.
func lookAtAll(t testing.TB, s *sqlitestore.Store, id string) {
	t.Helper()
	r, err := s.Get(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, "{}", string(r.Body))
	all, err := s.List(t.Context(), "", "", 10)
	require.NoError(t, err)
	require.Len(t, all, 1)
	due, err := s.Due(t.Context(), time.Now(), 10)
	require.NoError(t, err)
	require.Len(t, due, 1)
	_, err = s.Get(t.Context(), "p/none")
	require.ErrorIs(t, err, journal.ErrNotFound)

	_, err = s.Put(t.Context(), r)
	require.ErrorIs(t, err, sqlitestore.ErrReadOnly)
	require.NotErrorIs(t, err, journal.ErrUnknown)
	require.ErrorIs(t, s.Delete(t.Context(), id, r.Version), sqlitestore.ErrReadOnly)
}

func TestLookingChangesNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "journal.db")
	writer := open(t, path)
	_, err := writer.Put(t.Context(), journal.Record{ID: "p/1", Due: time.Now().Add(-time.Minute), Body: []byte("{}")})
	require.NoError(t, err)

	t.Run("beside a process", func(t *testing.T) {
		s := look(t, path)
		lookAtAll(t, s, "p/1")
		_, err := writer.Put(t.Context(), journal.Record{ID: "p/2"})
		require.NoError(t, err, "who looks stands in nobody's way")
		_, err = s.Get(t.Context(), "p/2")
		require.NoError(t, err, "and sees what is written meanwhile")
		require.NoError(t, writer.Delete(t.Context(), "p/2", 1))
		require.NoError(t, s.Close())
		_, err = s.Get(t.Context(), "p/1")
		require.ErrorIs(t, err, sqlitestore.ErrClosed)
	})
	t.Run("after a kill", func(t *testing.T) {
		left := t.TempDir() // what a killed process leaves
		for name, content := range folder(t, dir) {
			require.NoError(t, os.WriteFile(filepath.Join(left, name), []byte(content), 0o600))
		}
		before := folder(t, left)
		require.NotEmpty(t, before["journal.db-wal"], "its log")
		s := look(t, filepath.Join(left, "journal.db"))
		lookAtAll(t, s, "p/1")
		require.NoError(t, s.Close())
		after := folder(t, left)
		assert.True(t, before["journal.db"] == after["journal.db"], "the file is as it was")
		assert.True(t, before["journal.db-wal"] == after["journal.db-wal"], "and so is the log")
		assert.Len(t, after, len(before))
	})
	require.NoError(t, writer.Close())
	t.Run("with nobody there", func(t *testing.T) {
		before := folder(t, dir)
		require.Len(t, before, 1)
		s := look(t, path)
		lookAtAll(t, s, "p/1")
		require.NoError(t, s.Close())
		assert.True(t, before["journal.db"] == folder(t, dir)["journal.db"])
		assert.Len(t, folder(t, dir), 1, "nothing is left beside it")
	})
}

func TestLookingRefuses(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	require.NoError(t, os.WriteFile(in("text.db"), []byte("this is a text, and a long one, not a database of any kind\n"), 0o600))
	require.NoError(t, os.WriteFile(in("empty.db"), nil, 0o600))
	_, err := raw(t, in("other.db")).ExecContext(t.Context(), "CREATE TABLE customers (name TEXT)")
	require.NoError(t, err)
	for _, version := range []string{"0", "2"} { // an older one is not brought up to date
		require.NoError(t, open(t, in(version+".db")).Close())
		_, err = raw(t, in(version+".db")).ExecContext(t.Context(), "PRAGMA user_version = "+version)
		require.NoError(t, err)
	}
	before := folder(t, dir)
	for _, path := range []string{"", "a\x00b", in("text.db"), in("empty.db"), in("other.db"), in("0.db"), in("2.db"), dir, in("none.db")} {
		s, err := sqlitestore.OpenReadOnly(t.Context(), sqlitestore.Config{Path: path})
		assert.Nil(t, s, path)
		assert.Equal(t, core.CodeInvalid, core.CodeOf(err), "%s: %v", path, err)
		assert.Equal(t, path == in("none.db"), errors.Is(err, fs.ErrNotExist), path)
	}
	for name, content := range before {
		if strings.HasSuffix(name, "-shm") {
			continue // who reads a log marks there how far
		}
		assert.True(t, content == folder(t, dir)[name], name)
	}
	assert.NoFileExists(t, in("none.db"))
}
