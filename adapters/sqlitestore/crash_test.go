package sqlitestore_test

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/adapters/sqlitestore"
	"github.com/imprest-go/imprest/core/journal"
)

// A process that is killed at any moment has lost nothing that it was answered
// for, and the next one reads nothing that is not in the database.
func TestKill(t *testing.T) {
	const rounds = 54
	path := filepath.Join(t.TempDir(), "journal.db")
	all := told{}
	var total, early int
	for round := range rounds {
		writers := []int{1, 16, 64}[round%3]
		cmd := child(t, "write", path, writers)
		stdout, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		lines := bufio.NewReader(stdout)
		// A third is killed at some moment of Open or soon after it, the
		// others after some writes.
		until := 1 + rand.IntN(16*writers)
		if round%9 < 3 {
			until = 1 << 30
			pause := time.Duration(rand.IntN(60_000)) * time.Microsecond
			timer := time.AfterFunc(pause, func() { _ = cmd.Process.Kill() })
			defer timer.Stop()
		}
		opened := false
		for n := 0; ; n++ {
			line, err := lines.ReadString('\n')
			if err != nil {
				break // killed; half a line is nothing told
			}
			if n == 0 {
				opened = true
				continue
			}
			all.hears(t, line)
			total++
			if n == until {
				require.NoError(t, cmd.Process.Kill())
			}
		}
		require.ErrorContains(t, cmd.Wait(), "killed")
		if !opened {
			early++
		}

		s, err := sqlitestore.Open(t.Context(), sqlitestore.Config{Path: path})
		require.NoError(t, err)
		if log, err := os.Stat(path + "-wal"); err == nil && total > 0 { // at first the schema is written
			require.Zero(t, log.Size(), "what the log held is in the database before anything is read")
		}
		all.requireKept(t, s, 64)
		require.NoError(t, s.Close())
		requireSound(t, path)
	}
	t.Logf("%d processes killed, %d of them before they had opened the store; %d writes told, none lost", rounds, early, total)
}

const countEach = 100

// Two processes on one file take turns, and no update is lost.
func TestTwoProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	s := open(t, path)
	other := child(t, "count", path, countEach)
	require.NoError(t, other.Start())
	require.NoError(t, count(t.Context(), s, countEach))
	require.NoError(t, other.Wait())
	r, err := s.Get(t.Context(), "p/counter")
	require.NoError(t, err)
	require.Equal(t, int64(2*countEach), r.Version)
}

// holdForEver locks the file in the middle of a write that has reached the log
// already, and says so.
func holdForEver(path string, out io.Writer) error {
	db, err := sql.Open("sqlite", path+"?_pragma=cache_size(1)&_pragma=busy_timeout(10000)")
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	for _, statement := range []string{
		"BEGIN IMMEDIATE",
		"UPDATE records SET version = version + 1, body = zeroblob(60000)",
		"WITH RECURSIVE series (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < 100) INSERT INTO records (id, version, body) SELECT 'q/' || n, 1, zeroblob(9000) FROM series",
	} {
		if _, err := db.Exec(statement); err != nil {
			return err
		}
	}
	fmt.Fprintln(out, "held")
	select {}
}

// A process that is killed while it holds the lock, its transaction half in
// the log, leaves nothing of it: who waited goes on.
func TestKillOfWhoHoldsTheLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	s := open(t, path)
	r, err := put(t.Context(), s, "p/1", 0)
	require.NoError(t, err)
	for range 5 {
		log, err := os.Stat(path + "-wal")
		require.NoError(t, err)
		cmd := child(t, "hold", path, 0)
		stdout, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		line, err := bufio.NewReader(stdout).ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, "held\n", line)
		longer, err := os.Stat(path + "-wal")
		require.NoError(t, err)
		require.Greater(t, longer.Size(), log.Size(), "some of it is in the log")

		waited := make(chan journal.Record, 1)
		go func() {
			r, err := put(context.Background(), s, r.ID, r.Version)
			assert.NoError(t, err)
			waited <- r
		}()
		got, err := s.Get(t.Context(), r.ID)
		require.NoError(t, err, "a lock is nothing to a reader")
		require.Equal(t, r, got)
		require.Empty(t, waited)
		require.NoError(t, cmd.Process.Kill())
		require.Error(t, cmd.Wait())
		r = <-waited
		require.True(t, same(recordOf(r.ID, r.Version), r))
		all, err := s.List(t.Context(), "", "", 1000)
		require.NoError(t, err)
		require.Equal(t, []journal.Record{r}, all, "nothing of the other is left")
	}
	requireSound(t, path)
}
