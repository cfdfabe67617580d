package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
)

func openStore(t testing.TB) *Store {
	t.Helper()
	s, err := Open(t.Context(), Config{Path: filepath.Join(t.TempDir(), "journal.db")})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// holdCommits makes every commit of s wait until it is let through.
func holdCommits(s *Store) (let func()) {
	gate := make(chan struct{})
	commit := s.group.commit
	s.group.commit = func(batch []*write) error {
		<-gate
		return commit(batch)
	}
	return func() { gate <- struct{}{} }
}

// waitFor returns when n writes of s wait behind a commit.
func waitFor(t testing.TB, s *Store, n int) {
	t.Helper()
	for {
		s.group.mu.Lock()
		waiting, running := len(s.group.waiting), s.group.running != nil
		s.group.mu.Unlock()
		if running && waiting == n {
			return
		}
		require.NoError(t, t.Context().Err())
		runtime.Gosched()
	}
}

func TestConcurrentPutsShareCommits(t *testing.T) {
	const callers = 64
	s := openStore(t)
	let := holdCommits(s)
	before := s.commits
	var done sync.WaitGroup
	for i := range callers {
		done.Go(func() {
			_, err := s.Put(t.Context(), journal.Record{ID: fmt.Sprintf("p/%d", i)})
			assert.NoError(t, err)
		})
	}
	waitFor(t, s, callers-1)
	let()
	let()
	done.Wait()
	require.Equal(t, int64(2), s.commits-before, "the first, and one for all that waited for it")
}

// Without any help, too: the callers only have to be many.
func TestManyPutsTakeFewCommits(t *testing.T) {
	const callers, each = 64, 20
	s := openStore(t)
	var done sync.WaitGroup
	for i := range callers {
		done.Go(func() {
			for n := range each {
				_, err := s.Put(t.Context(), journal.Record{ID: fmt.Sprintf("p/%d/%d", i, n)})
				assert.NoError(t, err)
			}
		})
	}
	done.Wait()
	require.Less(t, s.commits, int64(callers*each/2), "commits for %d puts", callers*each)
	t.Logf("%d commits for %d puts", s.commits, callers*each)
}

// A putall is one commit by itself, and shares one with others, where one that
// loses takes nobody along.
func TestPutAllSharesACommit(t *testing.T) {
	s := openStore(t)
	both := func(trade, purchase string, version int64) []journal.Record {
		return []journal.Record{{ID: "trade/" + trade, Body: []byte(purchase)}, {ID: "p/" + purchase, Version: version, Body: []byte(trade)}}
	}
	before := s.commits
	_, err := s.PutAll(t.Context(), both("1", "1", 0)...)
	require.NoError(t, err)
	require.Equal(t, int64(1), s.commits-before)

	let := holdCommits(s)
	before = s.commits
	calls := [][]journal.Record{both("2", "2", 0), both("3", "3", 0), both("1", "4", 0), both("3", "5", 0), both("5", "3", 1), both("6", "3", 1)}
	var errs [6]error
	var done sync.WaitGroup
	for i, records := range calls {
		done.Go(func() { _, errs[i] = s.PutAll(t.Context(), records...) })
		waitFor(t, s, i)
	}
	let()
	let()
	done.Wait()
	require.Equal(t, int64(2), s.commits-before, "the first, and one for all that waited for it")
	for i, lost := range []bool{false, false, true, true, false, true} {
		require.Equal(t, lost, errors.Is(errs[i], journal.ErrConflict), "call %d: %v", i, errs[i])
	}
	all, err := s.List(t.Context(), "", "", 100)
	require.NoError(t, err)
	var ids []string
	for _, r := range all {
		ids = append(ids, r.ID)
	}
	require.Equal(t, []string{"p/1", "p/2", "p/3", "trade/1", "trade/2", "trade/3", "trade/5"}, ids)
}

// Writes of one batch see each other in the order in which they came, and
// nobody sees them before the commit.
func TestWritesOfOneBatchOnOneID(t *testing.T) {
	s := openStore(t)
	let := holdCommits(s)
	type outcome struct {
		r   journal.Record
		err error
	}
	var outcomes [8]outcome
	var done sync.WaitGroup
	start := func(i int, call func() (journal.Record, error)) {
		done.Go(func() { outcomes[i].r, outcomes[i].err = call() })
		waitFor(t, s, i)
	}
	put := func(version int64, body string) func() (journal.Record, error) {
		return func() (journal.Record, error) {
			return s.Put(t.Context(), journal.Record{ID: "p/1", Version: version, Body: []byte(body)})
		}
	}
	remove := func(version int64) func() (journal.Record, error) {
		return func() (journal.Record, error) { return journal.Record{}, s.Delete(t.Context(), "p/1", version) }
	}
	start(0, func() (journal.Record, error) { return s.Put(t.Context(), journal.Record{ID: "p/0"}) })
	start(1, remove(1))
	start(2, put(0, "created"))
	start(3, put(1, "replaced"))
	start(4, put(1, "too late"))
	start(5, remove(1))
	start(6, remove(2))
	start(7, put(0, "again"))
	let()
	_, err := s.Get(t.Context(), "p/1")
	require.ErrorIs(t, err, journal.ErrNotFound, "nothing is seen before the commit")
	let()
	done.Wait()

	require.NoError(t, outcomes[0].err)
	require.Equal(t, outcome{err: journal.ErrNotFound}, outcomes[1])
	require.Equal(t, outcome{r: journal.Record{ID: "p/1", Version: 1, Body: []byte("created")}}, outcomes[2])
	require.Equal(t, outcome{r: journal.Record{ID: "p/1", Version: 2, Body: []byte("replaced")}}, outcomes[3])
	require.Equal(t, outcome{r: journal.Record{ID: "p/1", Version: 2, Body: []byte("replaced")}, err: journal.ErrConflict}, outcomes[4])
	require.Equal(t, outcome{err: journal.ErrConflict}, outcomes[5])
	require.NoError(t, outcomes[6].err)
	require.Equal(t, outcome{r: journal.Record{ID: "p/1", Version: 1, Body: []byte("again")}}, outcomes[7])
	require.Equal(t, int64(2), s.commits)
	got, err := s.Get(t.Context(), "p/1")
	require.NoError(t, err)
	require.Equal(t, "again", string(got.Body))
}

// A caller that leaves may do with its memory what it likes, while the batch
// that holds its write is still to be committed.
func TestACallerThatLeftMayReuseItsBody(t *testing.T) {
	s := openStore(t)
	let := holdCommits(s)
	var done sync.WaitGroup
	for _, id := range []string{"p/1", "p/2"} {
		done.Go(func() { _, _ = s.Put(t.Context(), journal.Record{ID: id}) })
		waitFor(t, s, len(id)-3+int(id[2]-'1'))
	}
	ctx, cancel := context.WithCancel(t.Context())
	body := []byte("what was put")
	left := make(chan error)
	go func() {
		_, err := s.Put(ctx, journal.Record{ID: "p/3", Body: body})
		left <- err
	}()
	waitFor(t, s, 2)
	let()            // p/1; p/2 leads the batch with p/3 now
	waitFor(t, s, 0) // which is under way
	cancel()
	require.ErrorIs(t, <-left, journal.ErrUnknown)
	copy(body, "overwritten!")
	let()
	got, err := s.Get(t.Context(), "p/3") // waits for the commit
	require.NoError(t, err)
	require.Equal(t, "what was put", string(got.Body))
	done.Wait()
}

func TestConnectionsAreToldWhatTheyMustKnow(t *testing.T) {
	s := openStore(t)
	for _, want := range []struct{ pragma, writer, reader string }{
		{"synchronous", "2", "2"}, // FULL
		{"journal_mode", "wal", "wal"},
		{"busy_timeout", "10000", "10000"},
		{"query_only", "0", "1"},
		{"fullfsync", "1", "1"},
		{"checkpoint_fullfsync", "1", "1"},
	} {
		var writer, reader string
		require.NoError(t, s.writer.QueryRowContext(t.Context(), "PRAGMA "+want.pragma).Scan(&writer))
		require.NoError(t, s.readers.QueryRowContext(t.Context(), "PRAGMA "+want.pragma).Scan(&reader))
		require.Equal(t, want.writer, writer, "%s of the writer", want.pragma)
		require.Equal(t, want.reader, reader, "%s of a reader", want.pragma)
	}
	require.Equal(t, 1, s.writer.Stats().MaxOpenConnections)
	require.Equal(t, readConnections, s.readers.Stats().MaxOpenConnections)
}

// What is asked all the time must not walk or sort the table.
func TestQueriesUseTheirIndexes(t *testing.T) {
	s := openStore(t)
	for query, index := range map[string]string{
		"SELECT " + columns + " FROM records WHERE due <= 1 ORDER BY due LIMIT 1":              "records_due",
		"SELECT " + columns + " FROM records WHERE id >= 'a' AND id < 'b' ORDER BY id LIMIT 1": "sqlite_autoindex_records_1",
		"SELECT " + columns + " FROM records WHERE id = 'a'":                                   "sqlite_autoindex_records_1",
	} {
		rows, err := s.readers.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query)
		require.NoError(t, err)
		var plan []string
		for rows.Next() {
			var id, parent, unused int
			var detail string
			require.NoError(t, rows.Scan(&id, &parent, &unused, &detail))
			plan = append(plan, detail)
		}
		require.NoError(t, rows.Err())
		require.Len(t, plan, 1, "%s: %s", query, plan)
		require.True(t, strings.HasPrefix(plan[0], "SEARCH records USING INDEX "+index), "%s: %s", query, plan)
	}
}

// The last page of a walk costs what the first one did.
func TestAWalkReadsNothingTwice(t *testing.T) {
	s := openStore(t)
	const many = 100_000
	_, err := s.writer.ExecContext(t.Context(), "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i+1 FROM n WHERE i+1 < ?) INSERT INTO records SELECT printf('p/%08d', i), 1, NULL, NULL, x'' FROM n", many)
	require.NoError(t, err)
	fastest := func(prefix, after string) time.Duration {
		best := time.Hour
		for range 9 {
			start := time.Now()
			page, err := s.List(t.Context(), prefix, after, 10)
			best = min(best, time.Since(start))
			require.NoError(t, err)
			require.Len(t, page, 10)
		}
		return best
	}
	for _, prefix := range []string{"", "p/"} {
		first, last := fastest(prefix, ""), fastest(prefix, fmt.Sprintf("p/%08d", many-11))
		require.Less(t, last, 10*first+time.Millisecond, "prefix %q: the first page took %s", prefix, first)
	}
}

// The engine's own errors, where nothing came of the batch: another process
// has the lock for longer than we wait, and a fault before the commit.
func TestABatchThatCannotBegin(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	s, err := Open(t.Context(), Config{Path: path})
	require.NoError(t, err)
	defer s.Close()
	other, err := Open(t.Context(), Config{Path: path})
	require.NoError(t, err)
	defer other.Close()
	_, err = s.writer.ExecContext(t.Context(), "PRAGMA busy_timeout = 1")
	require.NoError(t, err)

	tx, err := other.writer.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = s.Put(t.Context(), journal.Record{ID: "p/1"})
	require.Equal(t, core.CodeBusy, core.CodeOf(err))
	require.NotErrorIs(t, err, journal.ErrUnknown)
	require.True(t, core.Retryable(err))
	_, err = s.Get(t.Context(), "p/1")
	require.ErrorIs(t, err, journal.ErrNotFound, "reading goes on")
	require.NoError(t, tx.Rollback())
	r, err := s.Put(t.Context(), journal.Record{ID: "p/1", Due: time.UnixMilli(1)})
	require.NoError(t, err, "and so does writing, afterwards")

	_, err = s.writer.ExecContext(t.Context(), "ALTER TABLE records RENAME TO gone")
	require.NoError(t, err)
	_, err = s.Put(t.Context(), r)
	require.ErrorIs(t, err, ErrBroken)
	require.NotErrorIs(t, err, journal.ErrUnknown)
	_, err = s.writer.ExecContext(t.Context(), "ALTER TABLE gone RENAME TO records")
	require.NoError(t, err)
	_, err = s.Put(t.Context(), r)
	require.ErrorIs(t, err, ErrBroken, "until it is opened again")
	require.ErrorIs(t, s.Delete(t.Context(), r.ID, r.Version), ErrBroken)
	require.Equal(t, core.CodeInternal, core.CodeOf(err))
	_, err = s.Get(t.Context(), "p/1")
	require.NoError(t, err)
}

// A panic within a transaction must not keep the file locked.
func TestAPanicReleasesTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	s, err := Open(t.Context(), Config{Path: path})
	require.NoError(t, err)
	r, err := s.Put(t.Context(), journal.Record{ID: "p/1"})
	require.NoError(t, err)
	s.session.update.compiled = nil
	require.Panics(t, func() { _, _ = s.Put(t.Context(), r) })
	_, err = s.Put(t.Context(), journal.Record{ID: "p/2"})
	require.ErrorIs(t, err, ErrBroken)
	require.NoError(t, s.Close())

	s, err = Open(t.Context(), Config{Path: path})
	require.NoError(t, err)
	_, err = s.Put(t.Context(), r)
	require.NoError(t, err)
	require.NoError(t, s.Close())
}

// A database that may not grow: what finds no room is not written, and nothing
// needs to be opened again.
func TestAFullDatabase(t *testing.T) {
	s := openStore(t)
	kept, err := s.Put(t.Context(), journal.Record{ID: "p/1", Body: []byte("kept")})
	require.NoError(t, err)
	_, err = s.writer.ExecContext(t.Context(), "PRAGMA max_page_count = 10")
	require.NoError(t, err)
	large := journal.Record{ID: "p/2", Body: make([]byte, journal.MaxBody)}
	_, err = s.Put(t.Context(), large)
	require.ErrorIs(t, err, ErrFull)
	require.NotErrorIs(t, err, journal.ErrUnknown)
	require.NotErrorIs(t, err, ErrBroken)
	require.True(t, core.Retryable(err))
	_, err = s.Get(t.Context(), large.ID)
	require.ErrorIs(t, err, journal.ErrNotFound, "nothing was written")
	kept, err = s.Put(t.Context(), kept)
	require.NoError(t, err, "what needs no room is written")
	require.Equal(t, int64(2), kept.Version)

	_, err = s.writer.ExecContext(t.Context(), "PRAGMA max_page_count = 1000000")
	require.NoError(t, err)
	_, err = s.Put(t.Context(), large)
	require.NoError(t, err)
}
