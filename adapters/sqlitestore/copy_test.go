//go:build unix

package sqlitestore_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core/journal"
)

// copyFiles copies what there is of a database, by way of the file system.
func copyFiles(t testing.TB, from, to string, suffixes ...string) {
	t.Helper()
	for _, suffix := range suffixes {
		content, err := os.ReadFile(from + suffix)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(to+suffix, content, 0o600))
	}
}

// A copy of the file and its log, taken while the process is stopped, has
// everything that was answered.
func TestCopiesOfAStoppedProcess(t *testing.T) {
	const rounds, writers = 5, 16
	dir := t.TempDir()
	path := filepath.Join(dir, "journal.db")
	cmd := child(t, "write", path, writers)
	from, to, err := os.Pipe()
	require.NoError(t, err)
	defer from.Close()
	cmd.Stdout = to
	require.NoError(t, cmd.Start())
	require.NoError(t, to.Close())

	all := told{}
	total := 0
	opened := false
	rest := ""
	hear := func() error {
		piece := make([]byte, 4096)
		n, err := from.Read(piece)
		lines := strings.SplitAfter(rest+string(piece[:n]), "\n")
		rest = lines[len(lines)-1]
		for _, line := range lines[:len(lines)-1] {
			if !opened {
				opened = true
				continue
			}
			all.hears(t, line)
			total++
		}
		return err
	}
	for round := range rounds {
		for until := total + 1 + rand.IntN(600); total < until; {
			require.NoError(t, hear())
		}
		require.NoError(t, cmd.Process.Signal(syscall.SIGSTOP))
		var status syscall.WaitStatus
		_, err := syscall.Wait4(cmd.Process.Pid, &status, syscall.WUNTRACED, nil)
		require.NoError(t, err)
		require.True(t, status.Stopped())
		require.NoError(t, from.SetReadDeadline(time.Now().Add(20*time.Millisecond)))
		for err == nil {
			err = hear() // what it had told before it was stopped
		}
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.NoError(t, from.SetReadDeadline(time.Time{}))

		whole, two := filepath.Join(dir, fmt.Sprintf("whole%d.db", round)), filepath.Join(dir, fmt.Sprintf("two%d.db", round))
		copyFiles(t, path, whole, "", "-wal", "-shm")
		copyFiles(t, path, two, "", "-wal")
		require.NoError(t, cmd.Process.Signal(syscall.SIGCONT))
		for _, backup := range []string{whole, two} {
			s := open(t, backup)
			maps.Clone(all).requireKept(t, s, writers)
			_, err := put(t.Context(), s, "q/1", 0)
			require.NoError(t, err, "a copy is a store like any other")
			require.NoError(t, s.Close())
			requireSound(t, backup)
		}
	}
	require.NoError(t, cmd.Process.Kill())
	for err == nil {
		err = hear()
	}
	require.Error(t, cmd.Wait())
	all.requireKept(t, open(t, path), writers)
	t.Logf("%d copies, %d writes told, none lost", 2*rounds, total)
}

// A copy without the log is what was there when the log was last brought into
// the database, and no backup.
func TestACopyWithoutTheLog(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "journal.db")
	s := open(t, path)
	old, err := put(t.Context(), s, "p/1", 0)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	s = open(t, path)
	_, err = put(t.Context(), s, "p/1", 1)
	require.NoError(t, err)
	_, err = put(t.Context(), s, "p/2", 0)
	require.NoError(t, err)

	alone := filepath.Join(dir, "alone.db")
	copyFiles(t, path, alone, "")
	backup := open(t, alone)
	r, err := backup.Get(t.Context(), "p/1")
	require.NoError(t, err)
	require.Equal(t, old, r)
	_, err = backup.Get(t.Context(), "p/2")
	require.ErrorIs(t, err, journal.ErrNotFound)
}

// The backup that doc.go tells of, made by another program while four
// goroutines write.
func TestVacuumInto(t *testing.T) {
	const writers = 4
	dir := t.TempDir()
	path := filepath.Join(dir, "journal.db")
	s := open(t, path)
	s.TendLogAt(100)
	var versions [writers]atomic.Int64
	var done sync.WaitGroup
	stop := make(chan struct{})
	for w := range writers {
		done.Go(func() {
			for {
				r, err := put(t.Context(), s, idOf(w, 0), versions[w].Load())
				if !assert.NoError(t, err) {
					return
				}
				versions[w].Store(r.Version)
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	for round := range 5 {
		var before [writers]int64
		for w := range writers {
			for before[w] = 0; before[w] < int64(10*round+1); {
				before[w] = versions[w].Load()
				runtime.Gosched()
			}
		}
		into := filepath.Join(dir, fmt.Sprintf("backup%d.db", round))
		_, err := raw(t, path).ExecContext(t.Context(), "VACUUM INTO ?", into)
		require.NoError(t, err)
		backup := open(t, into)
		for w := range writers {
			r, err := backup.Get(t.Context(), idOf(w, 0))
			require.NoError(t, err)
			require.GreaterOrEqual(t, r.Version, before[w], "it was answered before the backup began")
			require.True(t, same(recordOf(r.ID, r.Version), r))
		}
		_, err = put(t.Context(), backup, "q/1", 0)
		require.NoError(t, err)
		require.NoError(t, backup.Close())
		requireSound(t, into)
	}
	close(stop)
	done.Wait()
	_, err := s.Get(t.Context(), "q/1")
	require.ErrorIs(t, err, journal.ErrNotFound, "a backup is a file of its own")
}
