package storetest

import (
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
)

func putCreatesAndReplaces(t testing.TB, h Harness) {
	s := h.Open(t)
	r := journal.Record{ID: "p/1"}
	for want := int64(1); want <= 5; want++ {
		r.Body = fmt.Append(nil, "body ", want)
		stored := mustPut(t, s, r)
		require.Equal(t, want, stored.Version, "the version grows by one with each put")
		r.Version = stored.Version
		requireStored(t, s, r)
	}
}

func putReturnsWhatIsStored(t testing.TB, h Harness) {
	s := h.Open(t)
	full := journal.Record{ID: "p/full", Due: noon, Expires: noon.Add(time.Hour), Body: []byte("full")}
	bare := journal.Record{ID: "p/bare"}
	for _, r := range []journal.Record{full, bare} {
		want := r
		want.Version = 1
		requireSame(t, want, mustPut(t, s, r), "what put returns")
		requireStored(t, s, want)
	}

	// A put writes the record whole: what is not set any more is gone.
	emptied := mustPut(t, s, journal.Record{ID: full.ID, Version: 1})
	requireSame(t, journal.Record{ID: full.ID, Version: 2}, emptied, "what put returns")
	requireStored(t, s, emptied)
}

func racingPutsHaveOneWinner(t testing.TB, h Harness) {
	const rounds, racers = 4, 64
	s := h.Open(t)
	handle := h.handles(t, s)
	for version := range int64(rounds) {
		var records [racers]journal.Record
		var errs [racers]error
		together(racers, func(i int) {
			records[i], errs[i] = handle(i).Put(t.Context(), journal.Record{ID: "p/race", Version: version, Body: []byte(strconv.Itoa(i))})
		})
		winner := -1
		for i, err := range errs {
			if err == nil {
				require.Equal(t, -1, winner, "at most one of the racing puts at version %d wins", version)
				winner = i
			} else {
				require.ErrorIs(t, err, journal.ErrConflict)
			}
		}
		require.NotEqual(t, -1, winner, "one of the racing puts at version %d wins", version)
		want := journal.Record{ID: "p/race", Version: version + 1, Body: []byte(strconv.Itoa(winner))}
		for i := range records {
			requireSame(t, want, records[i], "the record that every racer gets")
		}
		requireStored(t, s, want)
	}
}

// racingEqualPuts is the same with nothing to tell the racers by: a driver that
// finds its own record there must not take it for its own write.
func racingEqualPuts(t testing.TB, h Harness) {
	const rounds, racers = 4, 64
	s := h.Open(t)
	handle := h.handles(t, s)
	for version := range int64(rounds) {
		var won atomic.Int64
		want := journal.Record{ID: "p/race", Version: version + 1, Due: noon, Body: []byte("equal")}
		together(racers, func(i int) {
			stored, err := handle(i).Put(t.Context(), journal.Record{ID: "p/race", Version: version, Due: noon, Body: []byte("equal")})
			if err == nil {
				won.Add(1)
			} else {
				assert.ErrorIs(t, err, journal.ErrConflict)
			}
			assert.Equal(t, want.Version, stored.Version, "the record that every racer gets")
		})
		require.EqualValues(t, 1, won.Load(), "winners of the racing puts at version %d", version)
		requireStored(t, s, want)
	}
}

func counterLosesNoUpdate(t testing.TB, h Harness) {
	const workers, each = 16, 8
	s := h.Open(t)
	handle := h.handles(t, s)
	var conflicts atomic.Int64
	together(workers, func(i int) {
		r := journal.Record{ID: "p/counter", Body: []byte("0")}
		for done, attempts := 0, 1; done < each; attempts++ {
			// A conflict says that somebody else has counted meanwhile, so
			// there are no more attempts than counts.
			if !assert.LessOrEqual(t, attempts, workers*each, "attempts of one worker") {
				return
			}
			n, err := strconv.Atoi(string(r.Body))
			if !assert.NoError(t, err) {
				return
			}
			next := r
			next.Body = []byte(strconv.Itoa(n + 1))
			r, err = handle(i).Put(t.Context(), next)
			switch {
			case err == nil:
				done++
			case errors.Is(err, journal.ErrConflict):
				conflicts.Add(1) // r is what is stored: go on from there
			default:
				assert.NoError(t, err)
				return
			}
		}
	})
	requireStored(t, s, journal.Record{ID: "p/counter", Version: workers * each, Body: []byte(strconv.Itoa(workers * each))})
	t.Logf("%d increments, %d conflicts", workers*each, conflicts.Load())
}

func conflictChangesNothing(t testing.TB, h Harness) {
	s := h.Open(t)
	r := mustPut(t, s, journal.Record{ID: "p/1", Due: noon, Body: []byte("one")})
	r.Body = []byte("two")
	r = mustPut(t, s, r)
	for _, version := range []int64{0, 1, 3, 1 << 40} {
		_, err := s.Put(t.Context(), journal.Record{ID: "p/1", Version: version, Due: noon.Add(time.Hour), Body: []byte("other")})
		require.ErrorIs(t, err, journal.ErrConflict, "put at version %d over version 2", version)
		require.Equal(t, core.CodeConflict, core.CodeOf(err))
		requireStored(t, s, r)
	}
	requireDue(t, h, s, noon, "p/1")
	requireSame(t, journal.Record{ID: "p/1", Version: 3}, mustPut(t, s, journal.Record{ID: "p/1", Version: 2}), "a put after the lost ones")
}

func conflictReturnsStored(t testing.TB, h Harness) {
	s := h.Open(t)
	r := mustPut(t, s, journal.Record{ID: "p/1", Due: noon, Expires: noon.Add(time.Hour), Body: []byte("stored")})
	got, err := s.Put(t.Context(), journal.Record{ID: "p/1", Body: []byte("lost")})
	require.ErrorIs(t, err, journal.ErrConflict)
	requireSame(t, r, got, "what a losing put returns")

	// Who lost may go on from what it was given.
	got.Body = []byte("won")
	requireSame(t, journal.Record{ID: "p/1", Version: 2, Due: r.Due, Expires: r.Expires, Body: []byte("won")}, mustPut(t, s, got), "the put after it")
}

func conflictWithAbsent(t testing.TB, h Harness) {
	s := h.Open(t)
	mustPut(t, s, journal.Record{ID: "p/10"}) // a neighbour is not the record
	for _, version := range []int64{1, 2} {
		got, err := s.Put(t.Context(), journal.Record{ID: "p/1", Version: version, Due: noon, Body: []byte("x")})
		require.ErrorIs(t, err, journal.ErrConflict, "put at version %d where there is nothing", version)
		require.Zero(t, got, "there is no stored record to return")
		requireAbsent(t, s, "p/1")
	}
	requireDue(t, h, s, noon)
}

func getAbsent(t testing.TB, h Harness) {
	s := h.Open(t)
	requireAbsent(t, s, "p/1")
	_, err := s.Get(t.Context(), "p/1")
	require.Equal(t, core.CodeNotFound, core.CodeOf(err))

	mustPut(t, s, journal.Record{ID: "p/1"})
	for _, id := range []string{"p/", "p", "p/10", "P/1", "p/1/", "q/1"} {
		requireAbsent(t, s, id)
	}
}

// getSeesLatest reads each write at once from other goroutines, as a callback
// does that follows another on a second connection.
func getSeesLatest(t testing.TB, h Harness) {
	const rounds, readers = 25, 3
	s := h.Open(t)
	handle := h.handles(t, s)
	r := journal.Record{ID: "p/1"}
	for n := range rounds {
		r.Body = []byte(strconv.Itoa(n))
		r = mustPut(t, s, r)
		var got [readers]journal.Record
		together(readers, func(i int) {
			var err error
			got[i], err = handle(i).Get(t.Context(), r.ID)
			assert.NoError(t, err)
		})
		for i := range got {
			requireSame(t, r, got[i], "get after the put was answered")
		}
	}
}

func deleteSemantics(t testing.TB, h Harness) {
	s := h.Open(t)
	err := s.Delete(t.Context(), "p/1", 0)
	require.ErrorIs(t, err, journal.ErrNotFound, "delete of what is not there")
	require.Equal(t, core.CodeNotFound, core.CodeOf(err))
	require.ErrorIs(t, s.Delete(t.Context(), "p/1", 1), journal.ErrNotFound)

	neighbour := mustPut(t, s, journal.Record{ID: "p/10", Due: noon, Body: []byte("stays")})
	mustPut(t, s, journal.Record{ID: "p/1"})
	r := mustPut(t, s, journal.Record{ID: "p/1", Version: 1, Due: noon.Add(-time.Second), Body: []byte("two")})
	for _, version := range []int64{0, 1, 3, -1} {
		err := s.Delete(t.Context(), "p/1", version)
		require.ErrorIs(t, err, journal.ErrConflict, "delete at version %d of version 2", version)
		require.Equal(t, core.CodeConflict, core.CodeOf(err))
		requireStored(t, s, r)
	}
	requireDue(t, h, s, noon, "p/1", "p/10")

	require.NoError(t, s.Delete(t.Context(), "p/1", 2))
	requireAbsent(t, s, "p/1")
	requireDue(t, h, s, noon, "p/10")
	requireStored(t, s, neighbour)
	require.ErrorIs(t, s.Delete(t.Context(), "p/1", 2), journal.ErrNotFound, "the second delete")
}

func deleteThenCreate(t testing.TB, h Harness) {
	s := h.Open(t)
	r := mustPut(t, s, journal.Record{ID: "p/1", Due: noon, Body: []byte("first")})
	r = mustPut(t, s, r)
	require.NoError(t, s.Delete(t.Context(), r.ID, r.Version))

	got, err := s.Put(t.Context(), r)
	require.ErrorIs(t, err, journal.ErrConflict, "a put at the version that was deleted")
	require.Zero(t, got)

	again := mustPut(t, s, journal.Record{ID: "p/1", Body: []byte("second")})
	requireSame(t, journal.Record{ID: "p/1", Version: 1, Body: []byte("second")}, again, "what put returns")
	requireStored(t, s, again)
	requireDue(t, h, s, noon)
}

func racingDeletes(t testing.TB, h Harness) {
	const rounds, racers = 4, 64
	s := h.Open(t)
	handle := h.handles(t, s)
	for range rounds {
		old := mustPut(t, s, journal.Record{ID: "p/1"})
		var records [racers]journal.Record
		var errs [racers]error
		together(racers, func(i int) {
			if i%2 == 0 {
				errs[i] = handle(i/2).Delete(t.Context(), old.ID, old.Version)
			} else {
				records[i], errs[i] = handle(i/2).Put(t.Context(), old)
			}
		})
		winner := -1
		for i, err := range errs {
			switch {
			case err == nil:
				require.Equal(t, -1, winner, "at most one of the racers wins")
				winner = i
			case !errors.Is(err, journal.ErrNotFound) || i%2 == 1:
				require.ErrorIs(t, err, journal.ErrConflict)
			}
		}
		require.NotEqual(t, -1, winner, "one of the racers wins")
		want := journal.Record{ID: old.ID, Version: 2}
		if winner%2 == 0 {
			want = journal.Record{}
		}
		for i := 1; i < racers; i += 2 {
			requireSame(t, want, records[i], "the record that every racing put gets")
		}
		if winner%2 == 0 {
			requireAbsent(t, s, old.ID)
			continue
		}
		for i := 0; i < racers; i += 2 {
			require.ErrorIs(t, errs[i], journal.ErrConflict, "a delete that lost to a put")
		}
		requireStored(t, s, want)
		require.NoError(t, s.Delete(t.Context(), old.ID, 2))
	}
}
