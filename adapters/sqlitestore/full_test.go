//go:build unix

package sqlitestore_test

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/adapters/sqlitestore"
	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
)

// TestFullDisk runs in a process of its own, since a limit on the size of files
// is one of the process.
func TestFullDisk(t *testing.T) {
	if os.Getenv(fullVariable) == "" {
		cmd := child(t, "", "", 0, "-test.run=^TestFullDisk$", "-test.v")
		cmd.Env, cmd.Stderr = append(cmd.Env, fullVariable+"=1"), nil
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.Contains(t, string(out), "--- PASS: TestFullDisk", "the test ran there")
		return
	}
	signal.Ignore(syscall.SIGXFSZ) // so that a write over the limit is an error
	path := filepath.Join(t.TempDir(), "journal.db")
	s, err := sqlitestore.Open(t.Context(), sqlitestore.Config{Path: path})
	require.NoError(t, err)
	defer s.Close()
	kept, err := s.Put(t.Context(), journal.Record{ID: "p/kept", Body: []byte("kept")})
	require.NoError(t, err)

	log, err := os.Stat(path + "-wal")
	require.NoError(t, err)
	limit(t, uint64(log.Size())+100_000)
	var answered []string
	var failed journal.Record
	for n := 0; ; n++ {
		failed = journal.Record{ID: fmt.Sprintf("p/%d", n), Body: make([]byte, 3000)}
		if _, err = s.Put(t.Context(), failed); err != nil {
			break
		}
		answered = append(answered, failed.ID)
		require.Less(t, n, 1000, "the limit is not kept")
	}
	t.Log(err)
	require.NotEmpty(t, answered)
	require.ErrorIs(t, err, journal.ErrUnknown)
	require.Equal(t, core.CodeUnknown, core.CodeOf(err))

	// The store takes no more, room or no room, and still reads.
	for _, room := range []uint64{uint64(log.Size()) + 100_000, 1 << 30} {
		limit(t, room)
		_, err = s.Put(t.Context(), journal.Record{ID: "p/later"})
		require.ErrorIs(t, err, sqlitestore.ErrBroken)
		require.NotErrorIs(t, err, journal.ErrUnknown, "nothing was written")
		require.Equal(t, core.CodeInternal, core.CodeOf(err))
		require.ErrorIs(t, s.Delete(t.Context(), kept.ID, kept.Version), sqlitestore.ErrBroken)
		got, err := s.Get(t.Context(), kept.ID)
		require.NoError(t, err)
		require.Equal(t, kept, got)
		_, err = s.Get(t.Context(), failed.ID)
		require.ErrorIs(t, err, journal.ErrUnknown, "it may be there when the file is opened again")
		require.ErrorIs(t, err, sqlitestore.ErrBroken)
		_, err = s.Put(t.Context(), failed)
		require.ErrorIs(t, err, journal.ErrUnknown, "nor does a second try make it certain")
		listed, err := s.List(t.Context(), failed.ID, "", 1)
		require.NoError(t, err)
		require.Empty(t, listed, "what failed is not shown")
	}
	require.NoError(t, s.Close())

	// Opened again, it goes on from what was answered.
	s, err = sqlitestore.Open(t.Context(), sqlitestore.Config{Path: path})
	require.NoError(t, err)
	defer s.Close()
	for _, id := range append(answered, kept.ID) {
		_, err := s.Get(t.Context(), id)
		require.NoError(t, err, "%s was answered", id)
	}
	_, err = s.Get(t.Context(), "p/later")
	require.ErrorIs(t, err, journal.ErrNotFound)
	_, err = s.Put(t.Context(), journal.Record{ID: "p/later"})
	require.NoError(t, err)
}

const fullVariable = "SQLITESTORE_FULL"

func limit(t testing.TB, bytes uint64) {
	t.Helper()
	var now syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &now))
	now.Cur = min(bytes, now.Max)
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &now))
}
