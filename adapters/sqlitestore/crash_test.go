package sqlitestore_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/adapters/sqlitestore"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/testkit/storetest"
)

// The variables that make this test binary a process with a store of its own.
const (
	childVariable = "SQLITESTORE_CHILD"
	pathVariable  = "SQLITESTORE_PATH"
)

func TestMain(m *testing.M) {
	var err error
	switch os.Getenv(childVariable) {
	case "":
		os.Exit(m.Run())
	case "write":
		err = writeForEver(os.Getenv(pathVariable), os.Stdout)
	case "serve":
		err = serve(os.Getenv(pathVariable))
	case "count":
		err = countTo(os.Getenv(pathVariable), countEach)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// serve is the store in a process of its own, for the suite to kill.
func serve(path string) error {
	s, err := sqlitestore.Open(context.Background(), sqlitestore.Config{Path: path})
	if err != nil {
		return err
	}
	return storetest.Serve(s, os.Stdin, os.Stdout)
}

// child is this binary as another process, which does what mode says.
func child(t testing.TB, mode, path string, args ...string) *exec.Cmd {
	t.Helper()
	binary, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Env = append(os.Environ(), childVariable+"="+mode, pathVariable+"="+path)
	cmd.Stderr = os.Stderr
	return cmd
}

// writeForEver writes from eight goroutines, and tells of each write once it
// was answered: "id version", with version 0 for a delete.
func writeForEver(path string, out io.Writer) error {
	s, err := sqlitestore.Open(context.Background(), sqlitestore.Config{Path: path})
	if err != nil {
		return err
	}
	var writers sync.WaitGroup
	var mu sync.Mutex
	tell := func(r journal.Record) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(out, "%s %d\n", r.ID, r.Version)
	}
	failed := make(chan error, 8)
	for w := range 8 {
		writers.Go(func() {
			for n := rand.Uint32N(4); ; n++ {
				// A few ids each, so that they are created, replaced and
				// deleted again and again, and over the rounds.
				r, err := s.Get(context.Background(), fmt.Sprintf("p/%d/%d", w, n%5))
				if errors.Is(err, journal.ErrNotFound) {
					r, err = journal.Record{ID: fmt.Sprintf("p/%d/%d", w, n%5)}, nil
				}
				switch {
				case err == nil && r.Version == 7:
					if err = s.Delete(context.Background(), r.ID, r.Version); err == nil {
						tell(journal.Record{ID: r.ID})
					}
				case err == nil:
					r.Body = []byte(strconv.FormatInt(r.Version+1, 10) + strings.Repeat(" padding", int(n%200)))
					if r, err = s.Put(context.Background(), r); err == nil {
						tell(r)
					}
				}
				if err != nil {
					failed <- err
					return
				}
			}
		})
	}
	return <-failed
}

// A process that is killed at any moment has lost nothing that it was answered
// for, and the next one reads nothing that is not in the database.
func TestKill(t *testing.T) {
	const rounds = 10
	path := filepath.Join(t.TempDir(), "journal.db")
	told := map[string]int64{} // what the process was last answered for each id
	total := 0
	for range rounds {
		cmd := child(t, "write", path)
		stdout, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		lines := bufio.NewReader(stdout)
		for n, until := 0, 1+rand.IntN(400); ; n++ {
			line, err := lines.ReadString('\n')
			if err != nil {
				break // killed; half a line is nothing told
			}
			var id string
			var version int64
			_, err = fmt.Sscan(line, &id, &version)
			require.NoError(t, err)
			told[id] = version
			total++
			if n == until {
				require.NoError(t, cmd.Process.Kill())
			}
		}
		require.Error(t, cmd.Wait(), "it was killed")

		s, err := sqlitestore.Open(t.Context(), sqlitestore.Config{Path: path})
		require.NoError(t, err)
		if log, err := os.Stat(path + "-wal"); err == nil {
			require.Zero(t, log.Size(), "what the log held is in the database before anything is read")
		}
		for id, version := range told {
			r, err := s.Get(t.Context(), id)
			// Each id has one writer, which may have been one write further
			// than it could tell.
			switch {
			case errors.Is(err, journal.ErrNotFound):
				require.True(t, version == 0 || version == 7, "%s was told at version %d and is gone", id, version)
				version = 0
			default:
				require.NoError(t, err)
				require.True(t, r.Version == version || r.Version == version+1, "%s was told at version %d and is at %d", id, version, r.Version)
				require.Equal(t, strconv.FormatInt(r.Version, 10), strings.Fields(string(r.Body))[0])
				version = r.Version
			}
			told[id] = version
		}
		require.NoError(t, s.Close())
		var verdict string
		require.NoError(t, raw(t, path).QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&verdict))
		require.Equal(t, "ok", verdict)
	}
	t.Logf("%d writes told in %d rounds", total, rounds)
}

const countEach = 100

func countTo(path string, n int) error {
	s, err := sqlitestore.Open(context.Background(), sqlitestore.Config{Path: path})
	if err != nil {
		return err
	}
	return errors.Join(count(context.Background(), s, n), s.Close())
}

// Two processes on one file take turns, and no update is lost.
func TestTwoProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	s := open(t, path)
	other := child(t, "count", path)
	require.NoError(t, other.Start())
	require.NoError(t, count(t.Context(), s, countEach))
	require.NoError(t, other.Wait())
	r, err := s.Get(t.Context(), "p/counter")
	require.NoError(t, err)
	require.Equal(t, int64(2*countEach), r.Version)
}
