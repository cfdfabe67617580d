package sqlitestore_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/adapters/sqlitestore"
	"github.com/imprest-go/imprest/core/journal"
	"github.com/imprest-go/imprest/testkit/storetest"
)

// The variables that make this test binary a process with a store of its own:
// what it does, on which file, and a number, which is up to the mode.
const (
	childVariable  = "SQLITESTORE_CHILD"
	pathVariable   = "SQLITESTORE_PATH"
	numberVariable = "SQLITESTORE_NUMBER"
)

func TestMain(m *testing.M) {
	path := os.Getenv(pathVariable)
	number, _ := strconv.Atoi(os.Getenv(numberVariable))
	var err error
	switch os.Getenv(childVariable) {
	case "":
		os.Exit(m.Run())
	case "write":
		err = writeForEver(path, number, os.Stdout)
	case "serve":
		err = serve(path)
	case "count":
		err = countTo(path, number)
	case "hold":
		err = holdForEver(path, os.Stdout)
	case "script":
		err = script(path, number, os.Stdout)
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
func child(t testing.TB, mode, path string, number int, args ...string) *exec.Cmd {
	t.Helper()
	binary, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Env = append(os.Environ(), childVariable+"="+mode, pathVariable+"="+path, numberVariable+"="+strconv.Itoa(number),
		"GORACE=atexit_sleep_ms=0 "+os.Getenv("GORACE"))
	cmd.Stderr = os.Stderr
	return cmd
}

// deletedAt is the version at which a record of writeForEver is deleted.
const deletedAt = 7

// idsEach is how many records each goroutine of writeForEver keeps writing.
const idsEach = 2

func idOf(writer, n int) string { return fmt.Sprintf("p/%d/%d", writer, n%idsEach) }

// recordOf is what is written of id at a version. All of it follows from the
// two, so that half of a record, or one of another version, is seen.
func recordOf(id string, version int64) journal.Record {
	source := rand.NewChaCha8(sha256.Sum256(fmt.Appendf(nil, "%s %d", id, version)))
	random := rand.New(source)
	body := make([]byte, 1<<random.IntN(12))
	if random.IntN(32) == 0 {
		body = make([]byte, journal.MaxBody)
	}
	_, _ = source.Read(body) // it cannot fail
	r := journal.Record{ID: id, Version: version, Body: body}
	if version%3 != 0 {
		r.Due = time.UnixMilli(random.Int64N(1_000_000)).UTC()
	}
	if version%2 != 0 {
		r.Expires = time.UnixMilli(random.Int64N(1_000_000)).UTC()
	}
	return r
}

// put writes id over version and returns what is stored then.
func put(ctx context.Context, s journal.Store, id string, version int64) (journal.Record, error) {
	r := recordOf(id, version+1)
	r.Version = version
	return s.Put(ctx, r)
}

// writeForEver writes from many goroutines, and tells of each write once it
// was answered: "id version", with version 0 for a delete.
func writeForEver(path string, writers int, out io.Writer) error {
	ctx := context.Background()
	s, err := sqlitestore.Open(ctx, sqlitestore.Config{Path: path})
	if err != nil {
		return err
	}
	s.TendLogAt(500)
	fmt.Fprintln(out, "opened")
	var mu sync.Mutex
	failed := make(chan error, writers)
	for w := range writers {
		go func() {
			for n := rand.IntN(idsEach); ; n++ {
				// A few ids each, so that they are created, replaced and
				// deleted again and again, and over the rounds.
				id := idOf(w, n)
				r, err := s.Get(ctx, id)
				switch {
				case err == nil && r.Version == deletedAt:
					err, r = s.Delete(ctx, id, r.Version), journal.Record{ID: id}
				case err == nil || errors.Is(err, journal.ErrNotFound):
					r, err = put(ctx, s, id, r.Version)
				}
				if err != nil {
					failed <- err
					return
				}
				mu.Lock()
				fmt.Fprintf(out, "%s %d\n", id, r.Version)
				mu.Unlock()
			}
		}()
	}
	return <-failed
}

// told is what a process has said that it was answered for: the versions of
// its records, 0 of one that is deleted.
type told map[string]int64

// hears takes one line of writeForEver. Versions have no gaps.
func (all told) hears(t testing.TB, line string) {
	t.Helper()
	var id string
	var version int64
	_, err := fmt.Sscan(line, &id, &version)
	require.NoError(t, err, "%q", line)
	want := all[id] + 1
	if want > deletedAt {
		want = 0
	}
	require.Equal(t, want, version, "the version of %s after %d", id, all[id])
	all[id] = version
}

// requireKept looks for all that was told in s. Each id has one writer, which
// may have been one write further than it could tell. After that, all is what
// is stored.
func (all told) requireKept(t testing.TB, s journal.Store, writers int) {
	t.Helper()
	ctx := t.Context()
	stored := map[string]journal.Record{}
	dues := 0
	for w := range writers {
		for n := range idsEach {
			id := idOf(w, n)
			version := all[id]
			r, err := s.Get(ctx, id)
			if errors.Is(err, journal.ErrNotFound) {
				require.True(t, version == 0 || version == deletedAt, "%s was told at version %d and is gone", id, version)
				delete(all, id)
				continue
			}
			require.NoError(t, err)
			require.True(t, r.Version == version || r.Version == version+1, "%s was told at version %d and is at %d", id, version, r.Version)
			require.True(t, r.Version <= deletedAt && same(recordOf(id, r.Version), r), "%s at version %d is not what was written", id, r.Version)
			all[id], stored[id] = r.Version, r
			if !r.Due.IsZero() {
				dues++
			}
		}
	}

	listed := 0
	for after := ""; ; {
		page, err := s.List(ctx, "p/", after, 50)
		require.NoError(t, err)
		for _, r := range page {
			require.Greater(t, r.ID, after)
			after = r.ID
			require.True(t, same(stored[r.ID], r), "List and Get do not agree on %s", r.ID)
		}
		if listed += len(page); len(page) == 0 {
			break
		}
	}
	require.Equal(t, len(stored), listed)
	due, err := s.Due(ctx, time.UnixMilli(1_000_000), 10_000)
	require.NoError(t, err)
	require.Len(t, due, dues)
	for i, r := range due {
		require.True(t, same(stored[r.ID], r), "Due and Get do not agree on %s", r.ID)
		require.True(t, i == 0 || !r.Due.Before(due[i-1].Due), "the order of what is due")
	}
}

func same(a, b journal.Record) bool {
	return a.ID == b.ID && a.Version == b.Version && a.Due.Equal(b.Due) && a.Expires.Equal(b.Expires) && string(a.Body) == string(b.Body)
}

// requireSound lets SQLite look for damage.
func requireSound(t testing.TB, path string) {
	t.Helper()
	var verdict string
	require.NoError(t, raw(t, path).QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&verdict))
	require.Equal(t, "ok", verdict)
}

func countTo(path string, n int) error {
	s, err := sqlitestore.Open(context.Background(), sqlitestore.Config{Path: path})
	if err != nil {
		return err
	}
	return errors.Join(count(context.Background(), s, n), s.Close())
}
