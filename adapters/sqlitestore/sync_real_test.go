//go:build real && linux

package sqlitestore_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/adapters/sqlitestore"
	"github.com/imprest-go/imprest/core/journal"
)

// What kill -9 cannot show, because the kernel keeps what was written: strace
// does (apt-get install strace).

const straceVariable = "SQLITESTORE_STRACE"

// underStrace runs one test of binary as another process, under strace, and
// returns what strace saw of it.
func underStrace(t *testing.T, binary, test string, options ...string) string {
	t.Helper()
	trace := filepath.Join(t.TempDir(), "trace")
	args := append([]string{"-f", "-o", trace}, options...)
	cmd := exec.CommandContext(t.Context(), "strace", append(args, binary, "-test.run=^"+test+"$", "-test.v", "-test.count=1")...)
	cmd.Env = append(os.Environ(), straceVariable+"=1", "GORACE=atexit_sleep_ms=0 "+os.Getenv("GORACE"))
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "--- PASS: "+test, "the test ran there")
	seen, err := os.ReadFile(trace)
	require.NoError(t, err)
	return string(seen)
}

const syncPuts = 50

// The log is synced after each write of it and before the answer; and the same
// program without the sync is caught.
func TestSyncPrecedesTheAnswer(t *testing.T) {
	if os.Getenv(straceVariable) != "" {
		s := open(t, filepath.Join(t.TempDir(), "journal.db"))
		fmt.Fprintln(os.Stdout, "opened")
		for n := range syncPuts {
			r, err := s.Put(t.Context(), journal.Record{ID: fmt.Sprintf("p/%d", n)})
			require.NoError(t, err)
			fmt.Fprintf(os.Stdout, "answered %s\n", r.ID)
		}
		return
	}
	binary, err := os.Executable()
	require.NoError(t, err)
	trace := []string{"-e", "trace=fsync,fdatasync,write"}
	require.Zero(t, unsynced(t, underStrace(t, binary, "TestSyncPrecedesTheAnswer", trace...)))

	// The const stands on a line of its own for this.
	const file = "open.go"
	source, err := os.ReadFile(file)
	require.NoError(t, err)
	off := strings.Replace(string(source), `const synchronous = "FULL"`, `const synchronous = "OFF"`, 1)
	require.NotEqual(t, string(source), off)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, file), []byte(off), 0o600))
	here, err := filepath.Abs(file)
	require.NoError(t, err)
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{here: filepath.Join(dir, file)}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600))
	variant := filepath.Join(dir, "variant.test")
	out, err := exec.CommandContext(t.Context(), "go", "test", "-c", "-tags", "real", "-overlay", filepath.Join(dir, "overlay.json"), "-o", variant, ".").CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Equal(t, syncPuts, unsynced(t, underStrace(t, variant, "TestSyncPrecedesTheAnswer", trace...)))
}

// unsynced counts the answers that no sync came before since the last one.
func unsynced(t *testing.T, trace string) (n int) {
	t.Helper()
	sync := regexp.MustCompile(`(fsync|fdatasync)(\(| resumed).*= 0$`)
	answers, synced := 0, false
	for line := range strings.Lines(trace) {
		line = strings.TrimSpace(line)
		switch {
		case strings.Contains(line, `write(1, "opened`):
			synced = false // those of Open do not count
		case sync.MatchString(line):
			synced = true
		case strings.Contains(line, `write(1, "answered `):
			answers++
			if !synced {
				n++
			}
			synced = false
		}
	}
	require.Equal(t, syncPuts, answers)
	return n
}

// After a sync that failed nothing is taken for granted any more: the kernel
// may have dropped what it could not write, and a second sync may well succeed.
func TestAFailedSyncStopsTheStore(t *testing.T) {
	if os.Getenv(straceVariable) != "" {
		path := filepath.Join(t.TempDir(), "journal.db")
		s, err := sqlitestore.Open(t.Context(), sqlitestore.Config{Path: path})
		require.NoError(t, err)
		var failed journal.Record
		answered := 0
		for ; ; answered++ {
			failed = journal.Record{ID: fmt.Sprintf("p/%d", answered)}
			if _, err = s.Put(t.Context(), failed); err != nil {
				break
			}
			require.Less(t, answered, 1000, "no sync was made to fail")
		}
		require.ErrorIs(t, err, journal.ErrUnknown)
		_, err = s.Put(t.Context(), journal.Record{ID: "p/later"})
		require.ErrorIs(t, err, sqlitestore.ErrBroken)
		require.NotErrorIs(t, err, journal.ErrUnknown)
		_, err = s.Get(t.Context(), failed.ID)
		require.ErrorIs(t, err, journal.ErrUnknown)
		_ = s.Close()

		for {
			// The syncs of Open fail too, for as long as strace makes them.
			if s, err = sqlitestore.Open(t.Context(), sqlitestore.Config{Path: path}); err == nil {
				break
			}
		}
		defer s.Close()
		for n := range answered {
			_, err := s.Get(t.Context(), fmt.Sprintf("p/%d", n))
			require.NoError(t, err, "it was answered")
		}
		_, err = s.Get(t.Context(), "p/later")
		require.ErrorIs(t, err, journal.ErrNotFound)
		if _, err = s.Get(t.Context(), failed.ID); !errors.Is(err, journal.ErrNotFound) {
			require.NoError(t, err, "unknown is either")
		}
		return
	}
	binary, err := os.Executable()
	require.NoError(t, err)
	for _, when := range []string{"12", "20", "33"} {
		underStrace(t, binary, "TestAFailedSyncStopsTheStore", "-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:error=EIO:when="+when)
	}
}
